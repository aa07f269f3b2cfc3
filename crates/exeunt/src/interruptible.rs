//! [`Interruptible`]: an end for iterators that block.

use std::fmt;
use std::io;
use std::panic;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, select};

use crate::event::Event;
use crate::threads;

/// The items of an iterator that blocks, until an [`Event`] is set.
///
/// Made by [`Event::interrupts`].
pub struct Interruptible<T> {
    exit: Event,
    items: Receiver<T>,
    /// Taken when the source has ended.
    thread: Option<JoinHandle<()>>,
}

impl Event {
    /// Iterates over something that blocks, and stops the moment this event is set, although what
    /// it iterates over cannot be woken: lines of standard input, connections of a listener, a
    /// device.
    ///
    /// `source` is called on a thread of its own, which hands over one item at a time. When the
    /// event is set, that thread is left behind where it blocks; it ends with its next item, which
    /// is dropped (as is one that waits to be handed over), or with the process, which it does not
    /// keep alive. So at most one item is taken from the source and not given to the loop.
    ///
    /// The iterator must own what it reads from: that of `listener.incoming()` borrows, the one below does not.
    ///
    /// # Errors
    ///
    /// The operating system's, if it refuses the thread; the error says whose iterator it was to
    /// be.
    ///
    /// # Panics
    ///
    /// A panic of the source goes on in the loop, so that it is not taken for the end of the items.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::net::TcpListener;
    /// use std::time::Duration;
    /// use exeunt::System;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut system = System::new("server");
    /// system.spawn_task("listener", move |cx| {
    ///     let connections = move || std::iter::from_fn(move || Some(listener.accept()));
    ///     for connection in cx.stopping().interrupts(connections)? {
    ///         match connection {
    ///             Ok((_stream, from)) => println!("{from}"),
    ///             Err(_) => cx.sleep(Duration::from_millis(100))?, // no descriptor is free, say
    ///         }
    ///     }
    ///     Ok(()) // its turn came while it waited for a connection
    /// });
    /// assert!(system.shutdown().is_complete()); // at once
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn interrupts<I>(
        &self,
        source: impl FnOnce() -> I + Send + 'static,
    ) -> io::Result<Interruptible<I::Item>>
    where
        I: Iterator<Item: Send + 'static>,
    {
        // No room: nothing is taken from the source while an item waits for the loop.
        let (hand_over, items) = crossbeam_channel::bounded(0);
        let name = thread::current().name().unwrap_or("interruptible").to_owned();
        let refused = threads::refused(format!("the iterator of `{name}`"));
        let hand_all_over = move || {
            for item in source() {
                if hand_over.send(item).is_err() {
                    break;
                }
            }
        };
        let thread = thread::Builder::new().name(name).spawn(hand_all_over).map_err(refused)?;
        Ok(Interruptible { exit: self.clone(), items, thread: Some(thread) })
    }
}

impl<T> Iterator for Interruptible<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.exit.is_set() {
            return None;
        }
        select! {
            recv(self.items) -> item => item.ok().or_else(|| self.end()),
            recv(self.exit.receiver()) -> _ => None,
        }
    }
}

impl<T> Interruptible<T> {
    /// The source has ended, of itself or by a panic.
    fn end(&mut self) -> Option<T> {
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            panic::resume_unwind(panic);
        }
        None
    }
}

impl<T> fmt::Debug for Interruptible<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interruptible").field("exit", &self.exit).finish_non_exhaustive()
    }
}
