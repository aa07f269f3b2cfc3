//! Threads that the operating system refuses give back what they were to run, and say whose they were to be.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

use crate::unwind::lock;

/// Spawns a thread; if it is refused, gives the work back, so that the caller chooses where it is
/// run or dropped. The standard library drops it on the spot, under whatever lock is held.
pub(crate) fn spawn<W: FnOnce() + Send + 'static>(
    builder: Builder,
    work: W,
) -> Result<JoinHandle<()>, (io::Error, Option<W>)> {
    let kept = Arc::new(Mutex::new(Some(work)));
    let handed_over = Arc::clone(&kept);
    let run = move || {
        let work = lock(&handed_over).take();
        if let Some(work) = work {
            work();
        }
    };
    builder.spawn(run).map_err(|error| (error, lock(&kept).take()))
}

/// Spawns a thread of that name; if it is refused, the error says whose it was to be.
pub(crate) fn serve(
    name: String,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let refused = refused(format!("`{name}`"));
    Builder::new().name(name).spawn(work).map_err(refused)
}

/// The operating system's error, with the name of what has no thread.
pub(crate) fn refused(whom: impl fmt::Display) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("no thread for {whom}: {error}"))
}
