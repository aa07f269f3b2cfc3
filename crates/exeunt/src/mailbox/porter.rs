//! The porter of a mailbox: knows whether it is closed, and whether its reader sleeps.
//!
//! Both are in one word. A send looks at it anyway once its message is in the channel, to learn whether the mailbox was
//! closed meanwhile; with the same look it learns whether there is somebody to wake. So a reader that has only its mailbox
//! to wait for need not wait in the channel, which would let it sleep only after 22 rounds of spinning and giving way.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::{self, Thread};
use std::time::Instant;

const CLOSED: u8 = 1;
const ASLEEP: u8 = 2;

pub(super) struct Porter {
    state: AtomicU8,
    /// Who sleeps: the one thread that reads, from its first sleep on. It is the same for all incarnations of an actor, and a
    /// mailbox whose actor was refused its thread is nobody else's.
    reader: OnceLock<Thread>,
}

/// What a sender sees that looks once more.
#[derive(Clone, Copy)]
pub(super) struct Word(u8);

impl Porter {
    pub(super) fn new() -> Porter {
        Porter { state: AtomicU8::new(0), reader: OnceLock::new() }
    }

    /// Whether the mailbox is closed: the first look of a send.
    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        Word(self.state.load(Ordering::Acquire)).is_closed()
    }

    /// The second look of a send, which cannot miss a closing or a sleep that missed the message.
    #[inline]
    pub(super) fn look(&self) -> Word {
        Word(self.state.load(Ordering::SeqCst))
    }

    /// Whether it was open until now.
    pub(super) fn close(&self) -> bool {
        self.state.fetch_or(CLOSED, Ordering::SeqCst) & CLOSED == 0
    }

    /// Wakes the reader, if it sleeps.
    pub(super) fn wake(&self) {
        if self.look().is_asleep() {
            self.rouse();
        }
    }

    #[cold]
    pub(super) fn rouse(&self) {
        // One of those who saw it asleep wakes it.
        if self.state.fetch_and(!ASLEEP, Ordering::SeqCst) & ASLEEP != 0 {
            self.reader.get().into_iter().for_each(Thread::unpark);
        }
    }

    /// The reader sleeps until it is woken, or until that moment. Not if there is something to do: that is asked
    /// when whoever comes from then on sees that it sleeps.
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
fn park(until: Option<Instant>) -> bool {
    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
    match left {
        None => thread::park(),
        Some(left) if left.is_zero() => return false,
        Some(left) => thread::park_timeout(left),
    }
    true
}

impl Word {
    /// Whether a send is done: nobody is to be woken, and the mailbox was not closed.
    #[inline]
    pub(super) fn is_nothing(self) -> bool {
        self.0 == 0
    }

    #[inline]
    pub(super) fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    #[inline]
    pub(super) fn is_asleep(self) -> bool {
        self.0 & ASLEEP != 0
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
            assert!(porter.look().is_nothing() && !porter.is_closed());
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
            assert!(porter.look().is_nothing());
        });
    }

    #[test]
    fn m1_whoever_wakes_for_nothing_sleeps_on_and_nobody_longer_than_until_its_moment() {
        let (porter, time) = (Porter::new(), Duration::from_millis(20));
        let began = Instant::now();
        thread::current().unpark();
        porter.sleep(began.checked_add(time), || false);
        assert!(began.elapsed() >= time && porter.look().is_nothing());
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
            assert!(porter.look().is_nothing());
        });
    }
}
