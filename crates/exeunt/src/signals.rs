//! [`Signals`]: the first begins the ordered drain, the second ends the process.
//!
//! Nothing here that a program could not write with the public interface of this crate and signal-hook, or on Windows
//! ctrlc. Only `arrivals` knows which of the two it is; what follows is told of signal-hook.
//!
//! For each signal two actions are registered. One wakes the forwarding thread; the other, registered
//! once for the life of the process, is the default effect of the signal, behind a flag. While a system
//! owns the signals and none has come, the flag is down. When the first has come, and the time in which
//! a repeat is taken for an echo has passed, the flag goes up, and the next signal ends the process
//! inside the handler, whatever the threads of the process are stuck in. When the owner has ended the
//! flag goes up too, and the signals have their default effect, although signal-hook's handler stays in
//! place.

use std::fmt;

use crate::event::Event;
use crate::notice::Notice;
use crate::report::Signal;
use crate::system::SystemHandle;
use crate::unwind::lock;
pub(crate) use arrivals::end_by;
use arrivals::{Arrivals, DO_NOT_END, FORBIDDEN, Handle, SIGUSR1, SIGUSR2, signals_in};
use error::Cause;
pub use error::SignalError;
use owner::{Flags, OWNER};
use threads::{Forwarder, Printer, thread_for};

mod owner;
mod threads;
mod arrivals;
mod error;

/// The signals that begin the ordered drain of a system: SIGINT and SIGTERM unless others are
/// chosen.
///
/// [`System::run`](crate::System::run) installs the default. Installed by hand, they can be others,
/// and they can be installed before the first actor is spawned: a signal during start-up then
/// drains the actors that have started, and starts no more.
///
/// # Guarantee
///
/// - The first signal of the set begins the drain. The forwarding thread only forwards.
/// - The next one (of any of the set) ends the process at once by its default effect, decided
///   inside the signal handler, even when every thread of the process is stuck. A repeat within
///   100 ms of the first does not count; a thread measures them, so that they last longer if the
///   process is stopped meanwhile (Ctrl-Z), or has no CPU. As process 1, which cannot die of a
///   signal, the process exits with 128 + n.
/// - A signal that was ignored when it was to be installed (as under `nohup`) stays ignored, unless
///   [asked for](Signals::even_if_ignored), and the log says so. This is known on Linux; elsewhere there is no safe way
///   to ask, and the signal is taken.
/// - A signal that is blocked in the installing thread, as a launcher may leave it, stays blocked: it comes only if another
///   thread takes it. On Linux the log warns of that.
/// - Before it is installed, a signal has its default effect. There are a few instructions of signal-hook in which it is
///   caught already and it is not known yet for whom: one that comes right then is lost. It may be sent again.
/// - When the [guard](SignalGuard) is dropped, the signals have their default effect again. (The
///   process keeps signal-hook's handler, which then does what the default would.)
///
/// # Windows
///
/// Ctrl-C and Ctrl-Break are both [`Signal::INT`]; other signals may be chosen, and never come. The second one is
/// decided on a thread that does nothing else. It ends the process with the status that Windows itself uses,
/// 0xC000013A; so does a complete drain. (If standard output is full and nobody reads it, the second one may take a
/// second, and end the process as `abort` does.) A process that was started with Ctrl-C ignored hears Ctrl-Break alone,
/// whatever it asks for. A console that is closed, a logoff and a shutdown end the process without a drain.
///
/// The handler is that of the crate `ctrlc`, of which a process has one, for its whole life: a program that has called
/// `ctrlc::set_handler` gets an error here, and one that calls it later gets an error there.
///
/// # A signal while `main` sets up
///
/// It drains the actors that are there already, so that what `main` sends to them, or asks them, is refused. That is no
/// error of `main`'s, as a `?` would make of it, but the end that was asked for:
///
/// ```no_run
/// use exeunt::{Exit, Signals, System};
/// # fn set_up(_: &mut System) -> exeunt::Result { Ok(()) }
///
/// fn main() -> exeunt::Result<Exit> {
///     let mut system = System::new("service");
///     let signals = Signals::default().install(&system.handle())?;
///     let set_up = set_up(&mut system); // spawns them, and asks whether they are ready
///     if !system.handle().is_draining() {
///         set_up?;
///     }
///     let exit = system.run(); // tells of the signal, if there was one, and ends by it
///     drop(signals);
///     Ok(exit)
/// }
/// ```
///
/// # Examples
///
/// ```no_run
/// use exeunt::{Exit, Signal, Signals, System};
///
/// fn main() -> Result<Exit, exeunt::SignalError> {
///     let mut system = System::new("service");
///     // That of a terminal which is closed, too.
///     let all = [Signal::INT, Signal::TERM, Signal::HUP];
///     let signals = Signals::new(all).install(&system.handle())?;
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
    /// Prints how all actors and tasks stand.
    snapshot: Option<i32>,
    even_if_ignored: bool,
}

/// The signals whose number is the system's.
impl Signal {
    /// Of the program's choice. On Windows it never comes.
    pub const USR1: Signal = Signal(SIGUSR1);
    /// Of the program's choice. On Windows it never comes.
    pub const USR2: Signal = Signal(SIGUSR2);
}

impl Default for Signals {
    fn default() -> Signals {
        Signals::new([Signal::INT, Signal::TERM])
    }
}

impl Signals {
    /// Chooses the signals: by their names, as [`Signal::TERM`], or by the numbers of `libc` and the like.
    ///
    /// An empty list is of use only with [`snapshot_on`](Signals::snapshot_on), and otherwise an error of
    /// [`install`](Signals::install): a list from somewhere else may happen to be empty, and no Ctrl-C would drain.
    pub fn new(signals: impl IntoIterator<Item = impl Into<Signal>>) -> Signals {
        let numbers = signals.into_iter().map(|signal| signal.into().0).collect();
        Signals { numbers, snapshot: None, even_if_ignored: false }
    }

    /// Chooses a signal that prints, to standard error, how all actors and tasks stand at that moment
    /// ([`SystemHandle::dump`]), as a Java program does on SIGQUIT. It begins and ends nothing, can come any number of
    /// times, and is of use above all when everything is stuck: a thread of its own prints, which waits for nobody in
    /// the process, not even for a thread that has locked standard error. Signals that come while it prints count as
    /// one.
    ///
    /// It goes on during the drain, and until the [guard](SignalGuard) is dropped. From then on
    /// the signal has its default effect, which for most is the end of the process.
    ///
    /// ```no_run
    /// use exeunt::{Exit, Signal, Signals, System};
    ///
    /// fn main() -> Result<Exit, exeunt::SignalError> {
    ///     let mut system = System::new("service");
    ///     let signals = Signals::default().snapshot_on(Signal::USR1).install(&system.handle())?;
    ///     system.spawn_task("worker", |cx| {
    ///         cx.stopping().wait();
    ///         Ok(())
    ///     });
    ///     let exit = system.run(); // and `kill -USR1` says meanwhile what it is doing
    ///     drop(signals);
    ///     Ok(exit)
    /// }
    /// ```
    pub fn snapshot_on(self, signal: impl Into<Signal>) -> Signals {
        Signals { snapshot: Some(signal.into().0), ..self }
    }

    /// Also takes signals that were ignored when the program started.
    pub fn even_if_ignored(self) -> Signals {
        Signals { even_if_ignored: true, ..self }
    }

    /// Installs the handlers, for as long as the guard lives.
    ///
    /// # Errors
    ///
    /// [`SignalError`] names the signal that could not be taken, or the system
    /// that has the signals already (at most one of a process can), or says that no signal was chosen. On Windows it is an error too if the program has a
    /// handler of `ctrlc`.
    pub fn install(self, handle: &SystemHandle) -> Result<SignalGuard, SignalError> {
        let mut owner = lock(&OWNER);
        owner.check_free_for(handle)?;
        let ignored = if self.even_if_ignored { 0 } else { signals_in("SigIgn:") };
        let numbers = self.to_take(handle, ignored)?;
        warn_of_blocked(handle, &numbers);
        let snapshot = self.snapshot_to_take(handle, ignored)?;

        // The threads first, since they may be refused: as yet there is nothing to undo.
        let forward = thread_for("signals", Forwarder::forward)?;
        let print = snapshot.map(|_| thread_for("snapshots", Printer::print)).transpose()?;
        let (arrivals, requests) = owner.listen_for_both(&numbers, snapshot)?;
        let tenancy = owner.hand_over_to(handle, numbers.iter().chain(&snapshot));

        let settled = Event::new();
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

    /// The signals that begin the drain, without the ignored ones.
    fn to_take(&self, handle: &SystemHandle, ignored: u64) -> Result<Vec<i32>, SignalError> {
        if self.numbers.is_empty() && self.snapshot.is_none() {
            return Err(SignalError(Cause::None(handle.clone())));
        }
        let mut taken = Vec::new();
        for &signal in &self.numbers {
            if FORBIDDEN.contains(&signal) || DO_NOT_END.contains(&signal) {
                return Err(SignalError(Cause::Unfit(Signal(signal))));
            }
            if is_in(ignored, signal) {
                left_ignored(handle, Signal(signal));
            } else if !taken.contains(&signal) {
                taken.push(signal);
            }
        }
        Ok(taken)
    }

    fn snapshot_to_take(
        &self,
        handle: &SystemHandle,
        ignored: u64,
    ) -> Result<Option<i32>, SignalError> {
        let Some(signal) = self.snapshot else { return Ok(None) };
        if FORBIDDEN.contains(&signal) || self.numbers.contains(&signal) {
            return Err(SignalError(Cause::NoSnapshot(Signal(signal))));
        }
        if is_in(ignored, signal) {
            left_ignored(handle, Signal(signal));
            return Ok(None);
        }
        Ok(Some(signal))
    }
}

/// A user who presses Ctrl-C, or asks for the snapshot, in vain is to find out why.
fn left_ignored(handle: &SystemHandle, signal: Signal) {
    let target = Notice::log_target(handle.name());
    log::info!(target: &target, "{signal} stays ignored, as it was when the program began");
}

fn is_in(set: u64, signal: i32) -> bool {
    (1..=64).contains(&signal) && set & (1_u64 << (signal - 1)) != 0
}

/// The threads that are spawned from here on, the forwarding one among them, inherit what this one blocks. What
/// is blocked in all threads, as some launchers leave it, never comes.
fn warn_of_blocked(handle: &SystemHandle, taken: &[i32]) {
    let blocked = signals_in("SigBlk:");
    let target = Notice::log_target(handle.name());
    for &signal in taken.iter().filter(|&&signal| is_in(blocked, signal)) {
        let signal = Signal(signal);
        log::warn!(target: &target, "{signal} is blocked in this thread, and comes only if another one takes it");
    }
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

#[cfg(all(test, unix))]
mod tests;
