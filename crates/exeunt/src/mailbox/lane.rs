//! A lane: one of the queues of a mailbox, and those who wait for room in it.

use std::cell::Cell;
use std::mem::ManuallyDrop;

use super::queue::Queue;
use super::room::{Room, Waiter};
use crate::capacity::Capacity;
use crate::waiters::Ticket;

/// A message on its way, which shows nothing of itself before it is opened.
///
/// It is in a cell, so that a type around it, such as an `Option`, cannot use the values which a
/// message never has: if the `Option` kept its tag in an enum's own, the message would be copied as a tag and a rest,
/// and such a rest is loaded across two stores, which the processor cannot forward.
pub(crate) struct Letter<M>(Cell<M>);

impl<M> Letter<M> {
    #[inline(always)] // for the same reason as `Mailbox::offer`
    pub(crate) fn new(message: M) -> Letter<M> {
        Letter(Cell::new(message))
    }

    #[inline(always)] // for the same reason as `unwind::catch`
    pub(crate) fn open(self) -> M {
        self.0.into_inner()
    }
}

pub(crate) struct Lane<M> {
    pub(super) queue: Queue<M>,
    room: Room,
}

impl<M> Lane<M> {
    /// A capacity that is not fit gives a lane of one place, which nobody will use.
    pub(super) fn new(capacity: Capacity) -> Lane<M> {
        let places = match capacity {
            Capacity::Bounded(messages) if capacity.is_fit_for::<M>() => Some(messages),
            Capacity::Bounded(_) => Some(1),
            Capacity::Unbounded => None,
        };
        Lane { queue: Queue::new(places), room: Room::new() }
    }

    /// The next message, if there is one. A sender that waits for its place is called before the message is handled, which
    /// may take long.
    #[inline(always)] // for the same reason as `unwind::catch`
    pub(super) fn take(&self) -> Option<Letter<M>> {
        // For the same reason as in the queue.
        let letter = ManuallyDrop::new(self.queue.take()?);
        if self.room.is_awaited() {
            self.make_room();
        }
        Some(ManuallyDrop::into_inner(letter))
    }

    /// Nothing will be taken before something comes: no sender that could bring it may be left
    /// waiting.
    pub(super) fn make_way(&self) {
        while self.room.is_awaited() && self.room.call(|| self.queue.has_room()) {}
    }

    /// The caller waits for room awake, if not enough others do.
    pub(crate) fn watch(&self) -> Option<Watch<'_, M>> {
        self.room.watch().then(|| Watch(self))
    }

    /// That waiter waits for room from here on, and is woken once. Whatever room was made by whoever did not see it wait is
    /// there when it offers its message once more.
    pub(crate) fn queue_up(&self, ticket: Ticket, waiter: Waiter) {
        self.room.come(ticket, waiter);
        self.queue.see_room();
    }

    #[cfg(test)]
    pub(crate) fn is_awaited(&self) -> bool {
        self.room.is_awaited()
    }

    pub(super) fn wake_all(&self) {
        self.room.wake_all();
    }

    /// That waiter waits for room no more.
    pub(crate) fn leave_queue(&self, ticket: Ticket) {
        let was_called = self.room.go(ticket, || self.queue.has_room());
        // The reader may have gone to sleep while that waiter was on its way.
        if was_called && self.queue.is_empty() {
            self.make_way();
        }
    }

    #[cold]
    fn make_room(&self) {
        if !self.room.is_watched() {
            self.room.call(|| self.queue.has_room());
        }
    }
}

/// A wait for room, awake. If it ends without having found any, the sender [waits](super::Mailbox::wait_for_room) in
/// the queue, or is refused.
pub(crate) struct Watch<'a, M>(&'a Lane<M>);

impl<M> Drop for Watch<'_, M> {
    /// What was left to it is for those who still wait awake; after the last of them, for others.
    fn drop(&mut self) {
        let Watch(lane) = self;
        lane.room.unwatch();
        if !lane.room.is_anybody_awake() {
            lane.room.call_if_awaited(|| lane.queue.has_room());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::queue::Caller;
    use super::*;
    use crate::reply::tests::{Count, woken};

    #[test]
    fn m4_who_is_not_to_wait_awake_is_not_counted_among_those_who_do() {
        let lane = Lane::<u32>::new(Capacity::Bounded(1));
        let mut watches: Vec<_> = std::iter::from_fn(|| lane.watch()).collect();
        assert!(!watches.is_empty() && lane.watch().is_none());
        assert!(watches.pop().is_some() && lane.watch().is_some());
        drop(watches);
        assert!(!lane.room.is_watched());
    }

    #[test]
    fn m4_what_was_left_to_those_who_wait_awake_and_are_refused_is_for_others() {
        let lane = Lane::<u32>::new(Capacity::Bounded(1));
        assert!(lane.queue.put(1, Caller::Anybody).is_ok());
        let (watches, count) = ([lane.watch(), lane.watch()], Arc::new(Count::default()));
        lane.room.come(Ticket::next(), Waiter::Thread(Arc::clone(&count).into()));
        assert_eq!(lane.take().map(Letter::open), Some(1));
        for (watch, so_far) in watches.into_iter().zip([0, 1]) {
            assert_eq!(woken(&count), 0);
            drop(watch);
            assert_eq!(woken(&count), so_far, "only the last of them leaves it to who sleeps");
        }
    }

    #[test]
    fn m4_who_goes_leaves_the_room_that_there_still_is_to_the_next_and_wakes_nobody_for_none() {
        for (left, is_called) in [(2, 0), (1, 1)] {
            let lane = Lane::<u32>::new(Capacity::Bounded(2));
            (0..left).for_each(|n| assert!(lane.queue.put(n, Caller::Anybody).is_ok()));
            let (places, count) = ([(); 2].map(|()| Ticket::next()), Arc::new(Count::default()));
            for place in places {
                lane.queue_up(place, Waiter::Thread(Arc::clone(&count).into()));
            }
            lane.leave_queue(places[0]);
            assert_eq!(woken(&count), is_called);
        }
    }

    #[cfg(feature = "async")]
    #[test]
    fn m4_a_reader_that_is_to_sleep_calls_every_future_if_there_is_room_since_one_may_never_look() {
        let (lane, count) = (Lane::<u32>::new(Capacity::Bounded(1)), Arc::new(Count::default()));
        assert!(lane.queue.put(1, Caller::Anybody).is_ok());
        for _ in 0..3 {
            lane.queue_up(Ticket::next(), Waiter::Future(Arc::clone(&count).into()));
        }
        lane.make_way();
        assert_eq!(woken(&count), 0);
        // Not by the lane, which would call for it.
        assert!(lane.queue.take().is_some());
        lane.make_way();
        assert_eq!((woken(&count), lane.is_awaited()), (3, false));
    }

    #[cfg(feature = "async")]
    #[test]
    fn m4_who_gives_up_that_was_called_by_a_reader_that_sleeps_calls_all_whom_that_would_have_called()
     {
        let lane = Lane::<u32>::new(Capacity::Bounded(1));
        let (places, counts) =
            ([(); 3].map(|()| Ticket::next()), [(); 3].map(|()| Arc::new(Count::default())));
        let kinds: [fn(_) -> _; 3] = [Waiter::Thread, Waiter::Future, Waiter::Future];
        for (i, kind) in kinds.into_iter().enumerate() {
            lane.room.come(places[i], kind(Arc::clone(&counts[i]).into()));
        }
        let so_far = || counts.each_ref().map(|count| woken(count));
        lane.make_way();
        assert_eq!(so_far(), [1, 0, 0]);
        // The first of the futures may never be polled again.
        lane.leave_queue(places[0]);
        assert_eq!(so_far(), [1, 1, 1]);
    }
}
