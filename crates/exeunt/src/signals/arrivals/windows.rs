//! On Windows they arrive by ctrlc: Ctrl-C and Ctrl-Break, both as SIGINT. It has no other signals.
//!
//! Windows runs a handler on a thread that it makes for it. The handler of ctrlc only counts, and a thread that ctrlc
//! has for the life of the process calls [`ctrl_c`] for each signal. That thread does nothing else, and never waits:
//! the second signal is decided there, whatever all other threads are stuck in.

use std::fs::File;
use std::io;
use std::os::windows::io::AsHandle as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;
use std::{iter, process, thread};

use crossbeam_channel::{Receiver, Sender};

use crate::report::Signal;
use crate::unwind::lock;

const SIGINT: i32 = Signal::INT.0;
/// The numbers of Linux, as those of `Signal` are. Nobody sends them.
pub(in crate::signals) const SIGUSR1: i32 = 10;
pub(in crate::signals) const SIGUSR2: i32 = 12;
pub(in crate::signals) const FORBIDDEN: &[i32] = &[];
pub(in crate::signals) const DO_NOT_END: &[i32] = &[];

/// `STATUS_CONTROL_C_EXIT`: what Windows itself ends a process with that does not handle Ctrl-C.
const CONTROL_C_EXIT: i32 = 0xC000_013A_u32 as i32;

/// How long it may take to flush standard output, which may be full, and read by nobody.
const FLUSH: Duration = Duration::from_secs(1);

/// The listeners that are to hear of it.
static LISTENERS: Mutex<Vec<Weak<Listener>>> = Mutex::new(Vec::new());

/// While it is up, Ctrl-C ends the process.
static END: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// What has come for one listener: any number of times is once.
struct Listener {
    has_come: AtomicBool,
    is_closed: AtomicBool,
    bell: (Sender<()>, Receiver<()>),
}

impl Listener {
    fn ring(&self, what: &AtomicBool) {
        what.store(true, Ordering::SeqCst);
        let _ = self.bell.0.try_send(()); // full: it has rung already
    }

    fn take(&self) -> Option<i32> {
        self.has_come.swap(false, Ordering::SeqCst).then_some(SIGINT)
    }

    /// Waits for the next signal, or until it is closed.
    fn next(&self) -> Option<i32> {
        loop {
            if let Some(signal) = self.take() {
                return Some(signal);
            }
            if self.is_closed.load(Ordering::SeqCst) || self.bell.1.recv().is_err() {
                return None;
            }
        }
    }
}

pub(in crate::signals) struct Arrivals(Arc<Listener>);

/// Their handle listens for more.
pub(in crate::signals) fn arrivals_of_none() -> io::Result<Arrivals> {
    Ok(Arrivals(Arc::new(Listener {
        has_come: AtomicBool::new(false),
        is_closed: AtomicBool::new(false),
        bell: crossbeam_channel::bounded(1),
    })))
}

impl Arrivals {
    pub(in crate::signals) fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.0))
    }

    pub(in crate::signals) fn forever(&mut self) -> impl Iterator<Item = i32> {
        iter::from_fn(|| self.0.next())
    }

    pub(in crate::signals) fn pending(&mut self) -> impl Iterator<Item = i32> {
        iter::from_fn(|| self.0.take())
    }
}

pub(in crate::signals) struct Handle(Arc<Listener>);

impl Handle {
    /// What is not SIGINT never comes.
    pub(in crate::signals) fn add_signal(&self, signal: i32) -> io::Result<()> {
        if signal == SIGINT {
            let mut listeners = lock(&LISTENERS);
            listeners.retain(|listener| listener.strong_count() > 0);
            listeners.push(Arc::downgrade(&self.0));
            drop(listeners);
            handle_ctrl_c()?;
        }
        Ok(())
    }

    pub(in crate::signals) fn close(&self) {
        self.0.ring(&self.0.is_closed);
    }
}

/// Installs the handler, once for the life of the process.
fn handle_ctrl_c() -> io::Result<()> {
    static IS_HANDLED: Mutex<bool> = Mutex::new(false);
    let mut is_handled = lock(&IS_HANDLED);
    if !*is_handled {
        ctrlc::set_handler(ctrl_c).map_err(|error| match error {
            ctrlc::Error::System(error) => error,
            error => io::Error::other(error), // the program has called `set_handler` itself
        })?;
        *is_handled = true;
    }
    Ok(())
}

/// Ctrl-C has come: first the listeners hear it, and then the flag is looked at. A listener that stops does it the
/// other way about, so that no signal is lost in between.
fn ctrl_c() {
    for listener in lock(&LISTENERS).iter().filter_map(Weak::upgrade) {
        listener.ring(&listener.has_come);
    }
    if END.get().is_some_and(|flag| flag.load(Ordering::SeqCst)) {
        end_by(Signal::INT);
    }
}

/// Registers what the signal does while its flag is up.
pub(in crate::signals) fn register_end(signal: i32, flag: Arc<AtomicBool>) -> io::Result<()> {
    if signal == SIGINT {
        let _ = END.set(flag); // it is the first: each signal has one flag
    }
    Ok(())
}

pub(in crate::signals) fn raise(signal: i32) {
    if signal == SIGINT {
        ctrl_c();
    }
}

/// Ends the process as Ctrl-C would. Comes back if it is another signal.
pub(crate) fn end_by(signal: Signal) {
    if signal != Signal::INT {
        return;
    }
    // `exit` flushes standard output first, and waits for its reader. The only safe way to end a process without that
    // is `abort`, which has another status.
    let exit = || process::exit(CONTROL_C_EXIT);
    match thread::Builder::new().name("exit".to_owned()).spawn(exit) {
        Ok(_) => thread::sleep(FLUSH),
        Err(_) => exit(),
    }
    process::abort()
}

/// No set of signals is known.
pub(in crate::signals) fn signals_in(_set: &str) -> u64 {
    0
}

/// Standard error, without the lock of the standard library's handle.
pub(in crate::signals) fn own_stderr() -> io::Result<File> {
    Ok(File::from(io::stderr().as_handle().try_clone_to_owned()?))
}

#[cfg(test)]
mod tests;
