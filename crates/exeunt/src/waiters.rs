//! Waiters, each with a waker and a place in the queue: futures, and threads that would wait in a channel too long
//! before they sleep.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

use crate::unwind::{self, lock};

/// Wakers, first come, first served. A waiter that is woken is out of it.
///
/// To wake, to clone and to drop a waker is code of an executor's, and may lead to any future's
/// drop: none of this is done under the lock, and all of it is caught.
#[derive(Default)]
pub(crate) struct Waiters {
    queue: Mutex<BTreeMap<Ticket, Waker>>,
}

/// The place of one waiter in any queue. It keeps it for life, so that a waiter that was woken and finds that another
/// was quicker does not go to the end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Ticket(u64);

impl Ticket {
    pub(crate) fn next() -> Ticket {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Ticket(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl Waiters {
    /// Has this waiter woken, once. It must look again *afterwards*: what came about before did not
    /// see it here.
    pub(crate) fn add(&self, ticket: Ticket, waker: &Waker) {
        let waker = waker.clone();
        let before = lock(&self.queue).insert(ticket, waker);
        let _ = unwind::drop_caught(before);
    }

    pub(crate) fn remove(&self, ticket: Ticket) {
        let waker = lock(&self.queue).remove(&ticket);
        let _ = unwind::drop_caught(waker);
    }

    /// The same, as long as what is given back is kept.
    pub(crate) fn listen(&self, ticket: Ticket, waker: &Waker) -> Listening<'_> {
        self.add(ticket, waker);
        Listening { waiters: self, ticket }
    }

    pub(crate) fn wake_all(&self) {
        let mut queue = lock(&self.queue);
        // As nearly always; to take an empty map apart costs more than all the rest.
        if queue.is_empty() {
            return;
        }
        let woken = std::mem::take(&mut *queue);
        drop(queue);
        woken.into_values().for_each(wake);
    }
}

/// See [`Waiters::listen`].
pub(crate) struct Listening<'a> {
    waiters: &'a Waiters,
    ticket: Ticket,
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.waiters.remove(self.ticket);
    }
}

/// It is code of an executor's.
pub(crate) fn wake(waker: Waker) {
    let _ = unwind::catch(|| waker.wake());
}

/// So that a [`Reply`](crate::Reply) can wake them.
impl Wake for Waiters {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::tests::{self, Count};

    fn three() -> (Waiters, [Ticket; 3], [Arc<Count>; 3]) {
        let waiters = Waiters::default();
        let tickets = [(); 3].map(|()| Ticket::next());
        let counts = [(); 3].map(|()| Arc::new(Count::default()));
        // The last comes first; that makes no difference.
        for (ticket, count) in tickets.iter().zip(&counts).rev() {
            waiters.add(*ticket, &Waker::from(Arc::clone(count)));
        }
        (waiters, tickets, counts)
    }

    fn woken(counts: &[Arc<Count>; 3]) -> [u32; 3] {
        counts.each_ref().map(|count| tests::woken(count))
    }

    #[test]
    fn who_came_first_is_woken_first_and_once() {
        let (waiters, tickets, counts) = three();
        waiters.remove(tickets[1]);
        (0..2).for_each(|_| waiters.wake_all());
        assert_eq!(woken(&counts), [1, 0, 1]);
    }

    #[test]
    fn a_waker_that_panics_keeps_nobody_from_being_woken() {
        struct Bomb;
        impl Wake for Bomb {
            fn wake(self: Arc<Self>) {
                panic!("in a waker");
            }
        }
        let (waiters, tickets, counts) = three();
        waiters.add(tickets[0], &Waker::from(Arc::new(Bomb)));
        waiters.wake_all();
        assert_eq!(woken(&counts), [0, 1, 1]);
    }
}
