//! The porter of a mailbox: knows whether it is closed, and whether its reader sleeps.
//!
//! Both are in one word. A send looks at it once its message is in the queue, to learn whether there is a thread to wake.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::thread::{self, Thread};
use std::time::Instant;

use super::wire::Wire;
use crate::unwind;

const CLOSED: u8 = 1;
/// The thread that reads it is parked.
const ASLEEP: u8 = 2;
/// A thread waits for it in a `select`, beside other things.
const WATCHED: u8 = 4;

pub(super) struct Porter {
    state: AtomicU8,
    /// The thread that sleeps: the one that reads, from its first sleep on. It is the same for all incarnations of an
    /// actor, and a mailbox whose actor was refused its thread gets no other.
    reader: OnceLock<Thread>,
    /// The threads that watch it, the longest first: the wire by which each is woken.
    watchers: Mutex<VecDeque<Arc<Wire>>>,
}

/// What there is to be seen at one moment.
#[derive(Clone, Copy)]
pub(super) struct Word(u8);

impl Porter {
    pub(super) fn new() -> Porter {
        Porter { state: AtomicU8::new(0), reader: OnceLock::new(), watchers: Mutex::default() }
    }

    /// Whether the mailbox is closed.
    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        Word(self.state.load(Ordering::Acquire)).is_closed()
    }

    /// Whether a thread sleeps. A sender that looks after its message is in the queue cannot miss one that missed the
    /// message.
    #[inline]
    pub(super) fn is_needed(&self) -> bool {
        self.look().0 & (ASLEEP | WATCHED) != 0
    }

    #[inline]
    pub(super) fn look(&self) -> Word {
        Word(self.state.load(Ordering::SeqCst))
    }

    /// Whether it was open until now.
    pub(super) fn close(&self) -> bool {
        self.state.fetch_or(CLOSED, Ordering::SeqCst) & CLOSED == 0
    }

    /// Wakes the reader, if it is parked. A thread that watches has a bell for what does not come through the mailbox.
    pub(super) fn wake(&self) {
        // Only one of those that see it asleep wakes it.
        if self.look().is_asleep() && self.state.fetch_and(!ASLEEP, Ordering::SeqCst) & ASLEEP != 0
        {
            self.reader.get().into_iter().for_each(Thread::unpark);
        }
    }

    /// A message was put in: wakes one of the threads that sleep over that. The one that is woken takes it, or
    /// announces it to the next.
    #[cold]
    pub(super) fn announce(&self) {
        self.wake();
        if self.look().is_watched() {
            let mut watchers = self.watchers();
            watchers.pop_front().into_iter().for_each(|wire| wire.pull());
            self.note_watchers(&watchers);
        }
    }

    /// What is put in from here on pulls this wire, once, or that of another thread that watches. What was put in
    /// before is there to be seen.
    pub(super) fn watch(&self, wire: &Arc<Wire>) {
        let mut watchers = self.watchers();
        watchers.push_back(Arc::clone(wire));
        self.state.fetch_or(WATCHED, Ordering::SeqCst);
    }

    /// Nobody pulls the wire any more.
    pub(super) fn unwatch(&self, wire: &Arc<Wire>) {
        let mut watchers = self.watchers();
        watchers.retain(|other| !Arc::ptr_eq(other, wire));
        self.note_watchers(&watchers);
    }

    /// Senders need not look at the list when it is empty.
    fn note_watchers(&self, watchers: &VecDeque<Arc<Wire>>) {
        if watchers.is_empty() {
            self.state.fetch_and(!WATCHED, Ordering::SeqCst);
        }
    }

    fn watchers(&self) -> MutexGuard<'_, VecDeque<Arc<Wire>>> {
        unwind::lock(&self.watchers)
    }

    /// The reader sleeps until it is woken, or until that moment. Not if there is something to do: that is asked only
    /// when whatever comes from then on sees that it sleeps.
    pub(super) fn sleep(&self, until: Option<Instant>, is_something_to_do: impl FnOnce() -> bool) {
        let reader = self.reader.get_or_init(thread::current);
        debug_assert_eq!(reader.id(), thread::current().id(), "another thread would be woken");
        self.state.fetch_or(ASLEEP, Ordering::SeqCst);
        if !is_something_to_do() {
            // A thread may wake although nobody has woken it.
            while self.look().is_asleep() && park(until) {}
        }
        self.state.fetch_and(!ASLEEP, Ordering::SeqCst);
    }
}

/// Sleeps for a while. `false` if it is too late for that.
pub(crate) fn park(until: Option<Instant>) -> bool {
    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
    match left {
        None => thread::park(),
        Some(left) if left.is_zero() => return false,
        Some(left) => thread::park_timeout(left),
    }
    true
}

impl Word {
    pub(super) fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    pub(super) fn is_asleep(self) -> bool {
        self.0 & ASLEEP != 0
    }

    pub(super) fn is_watched(self) -> bool {
        self.0 & WATCHED != 0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::guarded::guarded;

    #[test]
    fn it_is_closed_once_whether_its_reader_sleeps_or_not() {
        guarded(|| {
            let porter = Porter::new();
            assert!(!porter.is_needed() && !porter.is_closed());
            porter.sleep(None, || {
                assert!(porter.look().is_asleep() && !porter.is_closed());
                assert!(porter.close() && !porter.close());
                true
            });
            assert!(porter.is_closed() && !porter.look().is_asleep());
        });
    }

    #[test]
    fn m1_who_is_woken_before_it_sleeps_does_not_sleep() {
        guarded(|| {
            let porter = Porter::new();
            porter.sleep(None, || {
                porter.wake();
                porter.wake();
                // Something else takes the wake-up, as code of the user's may.
                thread::park();
                false
            });
            assert!(!porter.is_needed());
        });
    }

    #[test]
    fn m1_whoever_wakes_for_nothing_sleeps_on_and_nobody_longer_than_until_its_moment() {
        let (porter, time) = (Porter::new(), Duration::from_millis(20));
        let began = Instant::now();
        thread::current().unpark();
        porter.sleep(began.checked_add(time), || false);
        assert!(began.elapsed() >= time && !porter.is_needed());
    }

    #[test]
    fn m1_a_sleeper_is_woken() {
        guarded(|| {
            let porter = Porter::new();
            thread::scope(|scope| {
                let sleeper = scope.spawn(|| porter.sleep(None, || false));
                while !sleeper.is_finished() {
                    porter.wake();
                    thread::yield_now();
                }
            });
            assert!(!porter.is_needed());
        });
    }

    #[test]
    fn m1_of_those_who_watch_one_is_called_for_each_message() {
        let (porter, wires) = (Porter::new(), [(); 4].map(|()| Arc::new(Wire::new())));
        let called = || wires.each_ref().map(|wire| wire.pick_up());
        wires.iter().for_each(|wire| porter.watch(wire));
        porter.wake();
        assert_eq!(called(), [false; 4], "it was not for them");
        porter.unwatch(&wires[1]);
        porter.announce();
        assert_eq!(called(), [true, false, false, false]);
        porter.announce();
        assert!(porter.look().is_watched());
        porter.announce();
        assert_eq!(called(), [false, false, true, true]);
        assert!(!porter.is_needed());
        porter.watch(&wires[1]);
        porter.unwatch(&wires[1]);
        assert!(!porter.is_needed());
        porter.announce();
        assert_eq!(called(), [false; 4]);
    }
}
