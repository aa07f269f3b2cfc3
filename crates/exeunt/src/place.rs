//! The place of a waiter, a thread or a future, in the queues of those who wake it; and how a thread sleeps so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

use crate::event::Event;
use crate::mailbox::park;
use crate::waiters::Ticket;

/// Where a waiter stands in the queues of those who wake it.
pub(crate) struct Place {
    pub(crate) ticket: Ticket,
    /// What tells it to wait no longer: the order of the actor whose thread it is on; and that the actor it waits for
    /// waits for that one to leave.
    ends: [Option<Event>; 2],
}

impl Place {
    pub(crate) fn new() -> Place {
        Place { ticket: Ticket::next(), ends: [None, None] }
    }

    /// Has it woken when one of these is set. It looks at them *afterwards*.
    pub(crate) fn heed(&mut self, ends: [Option<Event>; 2], waker: &Waker) {
        self.leave();
        self.ends = ends;
        self.ends.iter().flatten().for_each(|end| end.waiters().add(self.ticket, waker));
    }

    pub(crate) fn leave(&mut self) {
        for end in self.ends.iter_mut().filter_map(Option::take) {
            end.waiters().remove(self.ticket);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

/// What wakes a thread. It sleeps at once, where a channel would spin and give way first: a thread that comes here has
/// done so.
pub(crate) struct Alarm {
    thread: Thread,
    rings: AtomicBool,
}

impl Alarm {
    /// For this thread.
    pub(crate) fn new() -> Arc<Alarm> {
        Arc::new(Alarm { thread: thread::current(), rings: AtomicBool::new(false) })
    }

    /// Sleeps until it rings, or has rung since the last time. `false` if that moment comes first.
    pub(crate) fn sleep(&self, until: Option<Instant>) -> bool {
        // A thread may wake although nobody has woken it.
        while !self.rings.swap(false, Ordering::Acquire) {
            if !park(until) {
                return false;
            }
        }
        true
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.rings.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::guarded::guarded;

    #[test]
    fn m4_an_alarm_that_has_rung_wakes_once_and_nothing_else_wakes() {
        let alarm = Alarm::new();
        let waker = Waker::from(Arc::clone(&alarm));
        waker.wake_by_ref();
        waker.wake_by_ref();
        assert!(alarm.sleep(None));
        thread::current().unpark();
        let (began, time) = (Instant::now(), Duration::from_millis(20));
        assert!(!alarm.sleep(began.checked_add(time)) && began.elapsed() >= time);
    }

    #[test]
    fn m4_an_alarm_wakes_a_thread_that_sleeps() {
        guarded(|| {
            let alarm = Alarm::new();
            let waker = Waker::from(Arc::clone(&alarm));
            let other = thread::spawn(move || waker.wake());
            assert!(alarm.sleep(None));
            other.join().unwrap();
        });
    }

    #[test]
    fn m4_who_has_gone_is_woken_by_no_end() {
        let (alarm, ends) = (Alarm::new(), [(); 4].map(|()| Event::new()));
        let waker = Waker::from(Arc::clone(&alarm));
        let [first, second, third, fourth] = ends.each_ref().map(|end| Some(end.clone()));
        let mut place = Place::new();
        place.heed([first, second], &waker);
        place.heed([third, fourth], &waker);
        ends[0].set();
        ends[1].set();
        assert!(!alarm.rings.load(Ordering::Relaxed));
        ends[3].set();
        assert!(alarm.sleep(None));
        drop(place);
        ends[2].set();
        assert!(!alarm.rings.load(Ordering::Relaxed));
    }
}
