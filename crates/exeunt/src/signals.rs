//! [`Signals`]: the first begins the ordered drain, the second ends the process.
//!
//! Nothing here that a program could not write with the public interface of this crate and
//! signal-hook.
//!
//! For each signal two actions are registered. The first to run, and registered once for the life
//! of the process, is the default effect of the signal, behind a flag; the second wakes the
//! forwarding thread. While a system owns the signals and none has come, the flag is down. When
//! the first has come, and the time in which a repeat is taken for an echo has passed, the flag
//! goes up, and the next signal ends the process inside the handler, whatever the threads of the
//! process are stuck in. When the owner has ended the flag goes up too, and the signals have their
//! default effect, although signal-hook's handler stays in place.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use signal_hook::consts as number;
use signal_hook::iterator::{Handle, Signals as Arrivals};
use signal_hook::{flag, low_level};

use crate::event::Event;
use crate::report::{Reason, Signal};
use crate::system::SystemHandle;
use crate::unwind::lock;

/// A wrapper that forwards what the terminal has sent to the whole group already delivers a signal
/// twice: a repeat within this time of the first is not a second wish.
const ECHO_WINDOW: Duration = Duration::from_millis(100);

/// The signals that begin the ordered drain of a system: SIGINT and SIGTERM unless others are
/// chosen.
///
/// [`System::run`](crate::System::run) installs the default. Installed by hand, they can be others,
/// and can be there before the first actor is: a signal during start-up then drains those that
/// have started, and starts no more.
///
/// # Guarantee
///
/// - The first signal of the set begins the drain. The forwarding thread only forwards.
/// - The next one (of any of the set) ends the process at once by its default effect, decided
///   inside the signal handler, even when every thread of the process is stuck. A repeat within
///   100 ms of the first does not count. As process 1, which cannot die of a signal, the process
///   exits with 128 + n.
/// - A signal that was ignored when it was to be installed (as under `nohup`) stays ignored, unless
///   [asked for](Signals::even_if_ignored). This is known on Linux; elsewhere there is no safe way
///   to ask, and the signal is taken.
/// - When the [guard](SignalGuard) is dropped, the signals have their default effect again. (The
///   process keeps signal-hook's handler, which then does what the default would.)
///
/// # Examples
///
/// ```no_run
/// use exeunt::{Exit, Signals, System};
/// use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
///
/// fn main() -> Result<Exit, exeunt::SignalError> {
///     let mut system = System::new("service");
///     let signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).install(&system.handle())?;
///     system.spawn_task("slow to start", |cx| {
///         cx.stopping().wait();
///         Ok(())
///     });
///     let report = system.wait();
///     drop(signals);
///     Ok(Exit::from(report))
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `install`"]
pub struct Signals {
    numbers: Vec<i32>,
    even_if_ignored: bool,
}

impl Default for Signals {
    fn default() -> Signals {
        Signals::new([number::SIGINT, number::SIGTERM])
    }
}

impl Signals {
    /// Chooses the signals, by their numbers.
    pub fn new(numbers: impl IntoIterator<Item = i32>) -> Signals {
        Signals { numbers: numbers.into_iter().collect(), even_if_ignored: false }
    }

    /// Takes also signals that were ignored when the program started.
    pub fn even_if_ignored(self) -> Signals {
        Signals { even_if_ignored: true, ..self }
    }

    /// Installs the handlers, for as long as the guard lives.
    ///
    /// # Errors
    ///
    /// [`SignalError`] names the signal, or the system that has the signals already: at most one of
    /// a process can.
    pub fn install(self, handle: &SystemHandle) -> Result<SignalGuard, SignalError> {
        let mut owner = lock(&OWNER);
        // Who has ended owns nothing, even if its guard is still somewhere.
        if let Some(owner) = owner.handle.as_ref().filter(|owner| !owner.has_ended()) {
            return Err(SignalError(Cause::Owned(owner.clone())));
        }
        let numbers = self.to_take()?;

        // In this order, at every moment each signal has an effect: its default, until the
        // forwarder listens and the flag goes down.
        let flags = owner.flags_for(&numbers)?;
        let arrivals = Arrivals::new(&numbers).map_err(|e| SignalError(Cause::System(e)))?;
        let (arrivals_handle, settled) = (arrivals.handle(), Event::new());
        let tenancy = owner.tenancy + 1;
        let forwarder = Forwarder {
            system: handle.clone(),
            arrivals,
            flags: flags.clone(),
            tenancy,
            settled: settled.clone(),
        };
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || forwarder.forward())
            .map_err(|e| SignalError(Cause::System(e)))?;
        owner.raise_all(); // an earlier owner that waits out its window raises none any more
        flags.lower();
        owner.tenancy = tenancy;
        owner.handle = Some(handle.clone());
        Ok(SignalGuard { arrivals: arrivals_handle, settled, tenancy })
    }

    fn to_take(&self) -> Result<Vec<i32>, SignalError> {
        let ignored = if self.even_if_ignored { 0 } else { ignored_signals() };
        let mut taken = Vec::new();
        for &signal in &self.numbers {
            if number::FORBIDDEN.contains(&signal) || DO_NOT_END.contains(&signal) {
                return Err(SignalError(Cause::Unfit(Signal(signal))));
            }
            let is_ignored = (1..=64).contains(&signal) && ignored & (1_u64 << (signal - 1)) != 0;
            if !is_ignored && !taken.contains(&signal) {
                taken.push(signal);
            }
        }
        Ok(taken)
    }
}

/// Signals whose default effect does not end a process, so that a second one could not either.
const DO_NOT_END: [i32; 7] = [
    number::SIGCHLD,
    number::SIGCONT,
    number::SIGURG,
    number::SIGWINCH,
    number::SIGTSTP,
    number::SIGTTIN,
    number::SIGTTOU,
];

/// The owner of the signals in this process, and the flags of all signals that ever were taken.
static OWNER: Mutex<Owner> = Mutex::new(Owner { handle: None, tenancy: 0, flags: BTreeMap::new() });

struct Owner {
    handle: Option<SystemHandle>,
    /// Counts the owners there were, so that a forwarder knows whether it still speaks for the last.
    tenancy: u64,
    flags: BTreeMap<i32, Arc<AtomicBool>>,
}

impl Owner {
    /// The flags of these signals, up; registers the default effect of those that are new.
    fn flags_for(&mut self, numbers: &[i32]) -> Result<Flags, SignalError> {
        let mut flags = Vec::new();
        for &signal in numbers {
            let flag = match self.flags.entry(signal) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let flag = Arc::new(AtomicBool::new(true));
                    register_end(signal, Arc::clone(&flag))
                        .map_err(|error| SignalError(Cause::Signal(Signal(signal), error)))?;
                    new.insert(flag)
                }
            };
            flags.push(Arc::clone(flag));
        }
        Ok(Flags(flags))
    }

    fn raise_all(&self) {
        self.flags.values().for_each(|flag| flag.store(true, Ordering::SeqCst));
    }
}

/// Registers what the signal does while its flag is up.
fn register_end(signal: i32, flag: Arc<AtomicBool>) -> io::Result<()> {
    if std::process::id() == 1 {
        flag::register_conditional_shutdown(signal, 128 + signal, flag)?;
    } else {
        flag::register_conditional_default(signal, flag)?;
    }
    Ok(())
}

/// While they are up, a signal has its default effect.
#[derive(Clone)]
struct Flags(Vec<Arc<AtomicBool>>);

impl Flags {
    fn raise(&self) {
        self.0.iter().for_each(|flag| flag.store(true, Ordering::SeqCst));
    }

    fn lower(&self) {
        self.0.iter().for_each(|flag| flag.store(false, Ordering::SeqCst));
    }
}

struct Forwarder {
    system: SystemHandle,
    arrivals: Arrivals,
    flags: Flags,
    tenancy: u64,
    /// Set when the guard may go: nothing that has come before is unheard.
    settled: Event,
}

impl Forwarder {
    /// Forwards the first signal, and lets the second have its effect. More there is not to do.
    fn forward(mut self) {
        let first = self.arrivals.forever().next().or_else(|| {
            // The guard was dropped. What comes after this has its default effect; what came before
            // is still to be read, and counts too.
            self.raise_flags();
            self.arrivals.pending().next()
        });
        match first {
            None => {}
            Some(signal) if self.system.shutdown_because(Reason::Signal(Signal(signal))) => {
                // The guard need not wait for the end of the window, though the flags must: an echo
                // that comes after a quick drain is an echo still.
                self.settled.set();
                thread::sleep(ECHO_WINDOW);
                self.raise_flags();
            }
            // Nobody is left to drain, though the guard still lives: the signal is the program's.
            Some(signal) if self.raise_flags() => {
                let _ = low_level::raise(signal);
            }
            Some(_) => {} // another system has them by now, and has heard it too
        }
    }

    /// Gives the signals their default effect, unless they belong to another by now.
    fn raise_flags(&self) -> bool {
        let is_last = lock(&OWNER).tenancy == self.tenancy;
        if is_last {
            self.flags.raise();
        }
        is_last
    }
}

/// However it ends, its guard may go.
impl Drop for Forwarder {
    fn drop(&mut self) {
        self.settled.set();
    }
}

/// The set of `SigIgn` in `/proc/self/status` (proc(5)): bit n - 1 stands for signal n. Nothing
/// where there is no such file.
fn ignored_signals() -> u64 {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
            u64::from_str_radix(mask.trim(), 16).ok()
        })
        .unwrap_or(0)
}

/// Keeps the signals for a system; when it is dropped, they have their default effect again.
#[must_use = "the signals have their default effect again as soon as it is dropped"]
pub struct SignalGuard {
    arrivals: Handle,
    settled: Event,
    tenancy: u64,
}

impl Drop for SignalGuard {
    fn drop(&mut self) {
        self.arrivals.close();
        self.settled.wait();
        let mut owner = lock(&OWNER);
        if owner.tenancy == self.tenancy {
            owner.handle = None;
        }
    }
}

impl fmt::Debug for SignalGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignalGuard(..)")
    }
}

/// Why signals could not be installed.
pub struct SignalError(Cause);

#[derive(Debug)]
enum Cause {
    Owned(SystemHandle),
    Unfit(Signal),
    Signal(Signal, io::Error),
    System(io::Error),
}

impl SignalError {
    /// A system of this process has the signals already.
    #[must_use]
    pub fn is_owned(&self) -> bool {
        matches!(self.0, Cause::Owned(_))
    }

    /// This system has the signals already.
    #[must_use]
    pub fn is_owned_by(&self, handle: &SystemHandle) -> bool {
        matches!(&self.0, Cause::Owned(owner) if owner == handle)
    }
}

impl fmt::Debug for SignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for SignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::Owned(owner) => {
                write!(f, "the system `{}` of this process has the signals already", owner.name())
            }
            Cause::Unfit(signal) => {
                write!(
                    f,
                    "{signal} cannot begin a drain: it cannot be handled, or a second one \
                    would not end the process"
                )
            }
            Cause::Signal(signal, error) => write!(f, "{signal} cannot be handled: {error}"),
            Cause::System(error) => write!(f, "the signals cannot be handled: {error}"),
        }
    }
}

impl std::error::Error for SignalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Cause::Signal(_, error) | Cause::System(error) => Some(error),
            Cause::Owned(_) | Cause::Unfit(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::System;

    /// The tests of one process share its signals.
    static STAGE_DOOR: Mutex<()> = Mutex::new(());

    #[test]
    fn s5_no_signal_is_left_without_effect_between_two_owners() {
        let _alone = lock(&STAGE_DOOR);
        let is_default = |signal: i32| lock(&OWNER).flags[&signal].load(Ordering::SeqCst);
        let (first, second) = (System::new("first"), System::new("second"));
        let both = Signals::new([number::SIGUSR1, number::SIGUSR2]);
        let guard = both.install(&first.handle()).unwrap();
        assert!(!is_default(number::SIGUSR1) && !is_default(number::SIGUSR2));
        // The first system drains, and goes within the window in which a repeat is an echo.
        low_level::raise(number::SIGUSR1).unwrap();
        first.handle().wait().unwrap();
        drop(guard);
        let guard = Signals::new([number::SIGUSR2]).install(&second.handle()).unwrap();
        assert!(is_default(number::SIGUSR1) && !is_default(number::SIGUSR2));
        drop(guard);
        assert!(is_default(number::SIGUSR2));
    }

    #[test]
    fn s5_one_owner_at_a_time_and_a_clear_error_for_the_second() {
        let _alone = lock(&STAGE_DOOR);
        let (first, second) = (System::new("first"), System::new("second"));
        let guard = Signals::default().install(&first.handle()).unwrap();
        let error = Signals::default().install(&second.handle()).unwrap_err();
        assert!(error.is_owned() && error.is_owned_by(&first.handle()));
        assert!(error.to_string().contains("`first`"), "{error}");
        drop(guard);
        drop(Signals::default().install(&second.handle()).unwrap());

        for unfit in [number::SIGKILL, number::SIGCHLD] {
            let error = Signals::new([unfit]).install(&first.handle()).unwrap_err();
            assert!(error.to_string().contains("cannot begin a drain"), "{error}");
        }
        let error = Signals::new([1234]).install(&first.handle()).unwrap_err();
        assert!(error.to_string().contains("signal 1234"), "{error}");
    }
}
