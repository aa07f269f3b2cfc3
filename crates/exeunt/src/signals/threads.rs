//! The threads behind the handlers: one forwards the first signal, one prints how all actors and
//! tasks stand.

use std::io::{self, Write as _};
use std::thread;
use std::time::Duration;

use crossbeam_channel::Sender;

use super::SignalError;
use super::arrivals::{Arrivals, own_stderr, raise};
use super::error::Cause;
use super::owner::{Flags, OWNER};
use crate::event::Event;
use crate::report::{Reason, Signal};
use crate::system::SystemHandle;
use crate::unwind::lock;

/// A wrapper that forwards a signal which the terminal has already sent to the whole group delivers
/// it twice: a repeat within this time of the first is not a second wish.
const ECHO_WINDOW: Duration = Duration::from_millis(100);

/// A thread that waits for its work.
pub(super) fn thread_for<W: Send + 'static>(
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

pub(super) struct Forwarder {
    pub(super) system: SystemHandle,
    pub(super) arrivals: Arrivals,
    pub(super) flags: Flags,
    pub(super) tenancy: u64,
    /// Set when the guard may go: no signal that has come before is unheard.
    pub(super) settled: Event,
}

impl Forwarder {
    /// Forwards the first signal, and lets the second have its effect. There is nothing more to do.
    pub(super) fn forward(mut self) {
        let heard = self.arrivals.forever().next();
        let first = heard.or_else(|| {
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
                raise(signal);
            }
            Some(_) => {} // another system has them by now, and has heard it too
        }
    }

    /// Gives the signals their default effect, unless they belong to another system by now.
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

/// Prints how all actors and tasks stand, whenever it is asked to. The reader of standard error may
/// hold it up; it holds up nobody.
pub(super) struct Printer {
    pub(super) system: SystemHandle,
    pub(super) requests: Arrivals,
    pub(super) tenancy: u64,
}

impl Printer {
    pub(super) fn print(mut self) {
        for _ in self.requests.forever() {
            if lock(&OWNER).tenancy == self.tenancy {
                let _ = write_past_the_lock(&self.system.dump().to_string());
            }
        }
    }
}

/// Writes to standard error at once, and not by the standard library's handle: the thread that has
/// locked that may be just the one that is stuck.
fn write_past_the_lock(text: &str) -> io::Result<()> {
    own_stderr()?.write_all(text.as_bytes())
}
