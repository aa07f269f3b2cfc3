//! [`Signals`]: the first begins the ordered drain, the second ends the process.
//!
//! Nothing here that a program could not write with the public interface of this crate and
//! signal-hook.
//!
//! For each signal two actions are registered. One wakes the forwarding thread; the other, registered
//! once for the life of the process, is the default effect of the signal, behind a flag. While a system owns the signals and none has come, the flag is down. When
//! the first has come, and the time in which a repeat is taken for an echo has passed, the flag
//! goes up, and the next signal ends the process inside the handler, whatever the threads of the
//! process are stuck in. When the owner has ended the flag goes up too, and the signals have their
//! default effect, although signal-hook's handler stays in place.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crossbeam_channel::Sender;
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
    /// Prints how all stand.
    snapshot: Option<i32>,
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
        Signals { numbers: numbers.into_iter().collect(), snapshot: None, even_if_ignored: false }
    }

    /// Chooses a signal that prints, to standard error, how all actors and tasks stand at that moment
    /// ([`SystemHandle::dump`]), as a Java program does on SIGQUIT. It begins and ends nothing, can
    /// come any number of times, and is of use above all when everything is stuck: it is printed by a
    /// thread of its own, which waits for nobody in the process, not for who has locked standard error
    /// either. Those that come while it prints are one.
    ///
    /// It goes on during the drain, and until the [guard](SignalGuard) is dropped. From then on
    /// the signal has its default effect, which for most is the end of the process.
    ///
    /// ```no_run
    /// use exeunt::{Exit, Signals, System};
    /// use signal_hook::consts::SIGUSR1;
    ///
    /// fn main() -> Result<Exit, exeunt::SignalError> {
    ///     let mut system = System::new("service");
    ///     let signals = Signals::default().snapshot_on(SIGUSR1).install(&system.handle())?;
    ///     system.spawn_task("worker", |cx| {
    ///         cx.stopping().wait();
    ///         Ok(())
    ///     });
    ///     let exit = system.run(); // and `kill -USR1` says meanwhile what it is doing
    ///     drop(signals);
    ///     Ok(exit)
    /// }
    /// ```
    pub fn snapshot_on(self, number: i32) -> Signals {
        Signals { snapshot: Some(number), ..self }
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
        // Who has ended owns nothing, even if its guard is still somewhere. But a system that a signal
        // has ended before it was run is not to begin anew with the signals: it has had its first,
        // and an echo of that would be taken for one that finds nobody to drain.
        let is_taken = |owner: &&SystemHandle| *owner == handle || !owner.has_ended();
        if let Some(owner) = owner.handle.as_ref().filter(is_taken) {
            return Err(SignalError(Cause::Owned(owner.clone())));
        }
        let numbers = self.to_take()?;
        let snapshot = self.snapshot_to_take()?;

        // The threads first, since they may be refused: as yet there is nothing to undo.
        let forward = thread_for("signals", Forwarder::forward)?;
        let print = snapshot.map(|_| thread_for("snapshots", Printer::print)).transpose()?;
        let arrivals = owner.listen_for(&numbers)?;
        let requests = match snapshot.map(|signal| owner.listen_for(&[signal])).transpose() {
            Ok(requests) => requests,
            Err(error) => {
                owner.give_back(arrivals);
                return Err(error);
            }
        };

        let (tenancy, settled) = (owner.tenancy + 1, Event::new());
        owner.tenancy = tenancy; // an earlier owner that waits out its window raises none any more
        owner.handle = Some(handle.clone());
        owner.lower_only(numbers.iter().chain(&snapshot));
        let guard = SignalGuard {
            arrivals: arrivals.handle(),
            requests: requests.as_ref().map(Arrivals::handle),
            snapshot: owner.flags_of(snapshot.as_slice()),
            settled: settled.clone(),
            tenancy,
        };
        let (system, flags) = (handle.clone(), owner.flags_of(&numbers));
        // Each thread is there, and waits for this.
        let _ = forward.send(Forwarder { system, arrivals, flags, tenancy, settled });
        if let (Some(print), Some(requests)) = (print, requests) {
            let _ = print.send(Printer { system: handle.clone(), requests, tenancy });
        }
        Ok(guard)
    }

    fn to_take(&self) -> Result<Vec<i32>, SignalError> {
        let ignored = if self.even_if_ignored { 0 } else { ignored_signals() };
        let mut taken = Vec::new();
        for &signal in &self.numbers {
            if number::FORBIDDEN.contains(&signal) || DO_NOT_END.contains(&signal) {
                return Err(SignalError(Cause::Unfit(Signal(signal))));
            }
            if !is_in(ignored, signal) && !taken.contains(&signal) {
                taken.push(signal);
            }
        }
        Ok(taken)
    }

    fn snapshot_to_take(&self) -> Result<Option<i32>, SignalError> {
        let Some(signal) = self.snapshot else { return Ok(None) };
        if number::FORBIDDEN.contains(&signal) || self.numbers.contains(&signal) {
            return Err(SignalError(Cause::NoSnapshot(Signal(signal))));
        }
        let is_ignored = !self.even_if_ignored && is_in(ignored_signals(), signal);
        Ok(Some(signal).filter(|_| !is_ignored))
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
    /// Listens for these signals; all of them, or none.
    ///
    /// From the moment of its first registration on a signal is caught, and has its default effect no
    /// more. So what hears it is registered first, and is heard of later, and its flag is down
    /// from the start: a signal that comes in between waits to be forwarded. (What comes while
    /// signal-hook itself is between catching the signal and knowing for whom, nobody hears; that
    /// takes a few instructions.)
    fn listen_for(&mut self, numbers: &[i32]) -> Result<Arrivals, SignalError> {
        let arrivals = Arrivals::new([0_i32; 0]).map_err(|e| SignalError(Cause::System(e)))?;
        let handle = arrivals.handle();
        match numbers.iter().try_for_each(|&signal| self.listen(&handle, signal)) {
            Ok(()) => Ok(arrivals),
            Err(error) => {
                self.give_back(arrivals);
                Err(error)
            }
        }
    }

    fn listen(&mut self, arrivals: &Handle, signal: i32) -> Result<(), SignalError> {
        let named = |error| SignalError(Cause::Signal(Signal(signal), error));
        if !SIGNALS.contains(&signal) {
            return Err(named(io::ErrorKind::InvalidInput.into())); // signal-hook would panic
        }
        arrivals.add_signal(signal).map_err(named)?;
        if let Entry::Vacant(new) = self.flags.entry(signal) {
            let flag = Arc::new(AtomicBool::new(false));
            register_end(signal, Arc::clone(&flag)).map_err(named)?;
            new.insert(flag);
        }
        Ok(())
    }

    /// Nobody listens after all: those that have come have their default effect, and so have those to
    /// come.
    fn give_back(&self, mut arrivals: Arrivals) {
        self.lower_only([].iter());
        for signal in arrivals.pending() {
            let _ = low_level::raise(signal);
        }
    }

    /// Lowers the flags of these, and raises all others; none of them is moved and moved back.
    fn lower_only<'a>(&self, numbers: impl Iterator<Item = &'a i32>) {
        let lowered: Vec<i32> = numbers.copied().collect();
        for (signal, flag) in &self.flags {
            flag.store(!lowered.contains(signal), Ordering::SeqCst);
        }
    }

    fn flags_of(&self, numbers: &[i32]) -> Flags {
        Flags(numbers.iter().filter_map(|signal| self.flags.get(signal).cloned()).collect())
    }
}

/// The numbers that signal-hook knows.
const SIGNALS: std::ops::Range<i32> = 1..128;

/// A thread that waits for its work.
fn thread_for<W: Send + 'static>(
    name: &str,
    run: impl FnOnce(W) + Send + 'static,
) -> Result<Sender<W>, SignalError> {
    let (hand_over, work) = crossbeam_channel::bounded::<W>(1);
    let wait = move || {
        if let Ok(work) = work.recv() {
            run(work);
        }
    };
    match thread::Builder::new().name(name.to_owned()).spawn(wait) {
        Ok(_) => Ok(hand_over),
        Err(error) => Err(SignalError(Cause::System(error))),
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
struct Flags(Vec<Arc<AtomicBool>>);

impl Flags {
    fn raise(&self) {
        self.0.iter().for_each(|flag| flag.store(true, Ordering::SeqCst));
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

/// Prints how all stand, whenever it is asked to. It may be held up by who reads standard error, and
/// holds up nobody.
struct Printer {
    system: SystemHandle,
    requests: Arrivals,
    tenancy: u64,
}

impl Printer {
    fn print(mut self) {
        for _ in self.requests.forever() {
            if lock(&OWNER).tenancy == self.tenancy {
                let _ = write_past_the_lock(&self.system.dump().to_string());
            }
        }
    }
}

/// Writes to standard error at once, and not by the standard library's handle: who has locked that,
/// may be just who is stuck.
fn write_past_the_lock(text: &str) -> io::Result<()> {
    let stderr = io::stderr().as_fd().try_clone_to_owned()?;
    File::from(stderr).write_all(text.as_bytes())
}

fn is_in(set: u64, signal: i32) -> bool {
    (1..=64).contains(&signal) && set & (1_u64 << (signal - 1)) != 0
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
    requests: Option<Handle>,
    /// That of the signal that prints the snapshot.
    snapshot: Flags,
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
            self.snapshot.raise();
        }
        drop(owner);
        self.requests.iter().for_each(Handle::close);
    }
}

impl fmt::Debug for SignalGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignalGuard(..)")
    }
}

/// Why signals could not be installed. `Debug` is the sentence too: it is what a `main` that returns an error prints.
pub struct SignalError(Cause);

enum Cause {
    Owned(SystemHandle),
    Unfit(Signal),
    NoSnapshot(Signal),
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
        fmt::Display::fmt(self, f)
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
            Cause::NoSnapshot(signal) => {
                write!(
                    f,
                    "{signal} cannot print the snapshot: it cannot be handled, or it begins the \
                    drain already"
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
            Cause::Owned(_) | Cause::Unfit(_) | Cause::NoSnapshot(_) => None,
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

    /// Under start-up a drain may be over before the system is run, and a wrapper still forwards.
    #[test]
    fn s2_a_system_that_has_ended_before_it_is_run_does_not_take_an_echo_for_the_first_signal() {
        let _alone = lock(&STAGE_DOOR);
        let system = System::new("quick");
        let handle = system.handle();
        let guard = Signals::new([number::SIGUSR1]).install(&handle).unwrap();
        low_level::raise(number::SIGUSR1).unwrap();
        handle.wait().unwrap();
        let again = Signals::new([number::SIGUSR1]).install(&handle).map(drop);
        assert!(again.unwrap_err().is_owned_by(&handle));
        let report = system.wait();
        assert_eq!(report.signal, Some(Signal(number::SIGUSR1)));
        drop(guard);
    }

    #[test]
    fn s5_a_system_that_has_its_signals_before_it_is_run_keeps_them() {
        let _alone = lock(&STAGE_DOOR);
        let system = System::new("early");
        let guard = Signals::default().install(&system.handle()).unwrap();
        assert_eq!(system.run().report().reason, Reason::Completed);
        drop(guard);
    }

    #[test]
    fn s5_a_system_that_is_run_while_another_has_its_signals_fails_of_it() {
        let _alone = lock(&STAGE_DOOR);
        let (first, second) = (System::new("first"), System::new("second"));
        let guard = Signals::default().install(&first.handle()).unwrap();
        let exit = second.run();
        let reason = &exit.report().reason;
        assert!(
            matches!(reason, Reason::Failure { name, error } if name == "signals" && error.contains("`first`")),
            "{reason:?}"
        );
        drop(guard);
    }

    #[test]
    fn s5_the_signal_that_prints_the_snapshot_is_given_back_with_the_others() {
        let _alone = lock(&STAGE_DOOR);
        let is_default = |signal: i32| lock(&OWNER).flags[&signal].load(Ordering::SeqCst);
        let system = System::new("frank");
        let frank = Signals::new([number::SIGUSR1]).snapshot_on(number::SIGUSR2);
        let guard = frank.install(&system.handle()).unwrap();
        assert!(!is_default(number::SIGUSR1) && !is_default(number::SIGUSR2));
        for _ in 0..3 {
            low_level::raise(number::SIGUSR2).unwrap(); // harmless
        }
        drop(guard);
        assert!(is_default(number::SIGUSR1) && is_default(number::SIGUSR2));
        for unfit in [number::SIGKILL, number::SIGUSR1] {
            let signals = Signals::new([number::SIGUSR1]).snapshot_on(unfit);
            let error = signals.install(&system.handle()).unwrap_err();
            assert!(error.to_string().contains("cannot print the snapshot"), "{error}");
        }
    }

    #[test]
    fn s5_signals_that_could_not_all_be_taken_keep_their_default_effect() {
        let _alone = lock(&STAGE_DOOR);
        let is_default = |signal: i32| lock(&OWNER).flags[&signal].load(Ordering::SeqCst);
        let system = System::new("unlucky");
        for refused in [-1, 0, 65, 127, 1234] {
            let error = Signals::new([number::SIGUSR1, refused]).install(&system.handle());
            assert!(error.unwrap_err().to_string().contains("cannot be handled"));
            assert!(is_default(number::SIGUSR1));
        }
        let signals = Signals::new([number::SIGUSR1]).snapshot_on(1234);
        assert!(signals.install(&system.handle()).is_err());
        assert!(is_default(number::SIGUSR1));
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
