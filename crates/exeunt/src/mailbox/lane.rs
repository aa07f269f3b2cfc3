//! A lane: one of the channels of a mailbox, and what lies in it.

use std::cell::Cell;
use std::sync::OnceLock;

use crossbeam_channel::{Receiver, Sender, TryRecvError};

use super::room::Room;
use crate::capacity::Capacity;
use crate::waiters;

/// A message on its way, which shows nothing of itself before it is opened.
///
/// It is in a cell, so that a type around it, such as the `Result` of the channel, cannot use the values which a
/// message never has: if the `Result` kept its tag in an enum's own, the message would be copied as a tag and a rest,
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

/// What lies in a channel: a message, and its sender's ticket while the `send` has not returned.
pub(crate) struct Parcel<M> {
    letter: Letter<M>,
    pub(super) ticket: Ticket,
}

impl<M> Parcel<M> {
    #[inline(always)] // for the same reason as `Mailbox::offer`
    pub(super) fn new(message: M, ticket: Ticket) -> Parcel<M> {
        Parcel { letter: Letter::new(message), ticket }
    }

    #[inline(always)] // for the same reason as `unwind::catch`
    pub(super) fn open(self) -> M {
        self.letter.open()
    }
}

/// Tells a message from those of all other senders that are inside a send at the same moment.
///
/// It is the address of a local variable of that send: no two that live at once share one, and
/// it costs neither a counter nor a look at the thread's own memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(pub(super) usize);

/// A way into a lane.
pub(super) struct Way<M> {
    pub(super) sender: Sender<Parcel<M>>,
    pub(super) receiver: Receiver<Parcel<M>>,
}

impl<M> Way<M> {
    /// For this many messages; for any number, if none is given.
    fn new(messages: Option<usize>) -> Way<M> {
        let (sender, receiver) =
            messages.map_or_else(crossbeam_channel::unbounded, crossbeam_channel::bounded);
        Way { sender, receiver }
    }

    /// The next message, if there is one. Nobody is told that there is room.
    #[inline(always)] // for the same reason as `unwind::catch`
    pub(super) fn take(&self) -> Option<Letter<M>> {
        match self.receiver.try_recv() {
            Ok(parcel) => Some(parcel.letter),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => None,
        }
    }
}

pub(crate) struct Lane<M> {
    pub(super) front: Way<M>,
    /// The way of the family, when the front is closed for good.
    stage_door: OnceLock<Way<M>>,
    pub(crate) room: Room,
}

impl<M> Lane<M> {
    /// A capacity that is not fit gives a lane of one place, which nobody will use.
    pub(super) fn new(capacity: Capacity) -> Lane<M> {
        let messages = match capacity {
            Capacity::Bounded(messages) if capacity.is_fit_for::<M>() => Some(messages),
            Capacity::Bounded(_) => Some(1),
            Capacity::Unbounded => None,
        };
        Lane { front: Way::new(messages), stage_door: OnceLock::new(), room: Room::new() }
    }

    /// From here on, nothing that comes by the front is accepted.
    pub(super) fn open_stage_door(&self) {
        self.stage_door.get_or_init(|| Way::new(self.front.sender.capacity()));
    }

    pub(super) fn has_stage_door(&self) -> bool {
        self.stage_door.get().is_some()
    }

    /// The way by which messages come.
    pub(super) fn way(&self) -> &Way<M> {
        self.stage_door.get().unwrap_or(&self.front)
    }

    /// The ways by which none is accepted; of a mailbox that is gone, all of them.
    pub(super) fn closed_ways(&self, is_gone: bool) -> impl Iterator<Item = &Way<M>> {
        let door = self.stage_door.get();
        let front = Some(&self.front).filter(|_| is_gone || door.is_some());
        front.into_iter().chain(door.filter(|_| is_gone))
    }

    pub(super) fn len(&self) -> usize {
        self.way().receiver.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.way().receiver.is_empty()
    }

    /// The next message that came by the front, if there is one. A sender that waits for its place is called before the
    /// message is handled, which may take long.
    #[inline(always)] // for the same reason as `unwind::catch`
    pub(super) fn take_at_front(&self) -> Option<Letter<M>> {
        self.take_by(&self.front)
    }

    /// The next message, if there is one, by the way by which they come now.
    #[inline]
    pub(super) fn take(&self) -> Option<Letter<M>> {
        self.take_by(self.way())
    }

    #[inline(always)] // for the same reason as `unwind::catch`
    fn take_by(&self, way: &Way<M>) -> Option<Letter<M>> {
        let letter = way.take();
        if letter.is_some() && self.room.is_awaited() {
            self.make_room();
        }
        letter
    }

    /// Nothing will be taken before something comes: no sender that could bring it may be left
    /// waiting.
    pub(super) fn make_way(&self) {
        while self.room.is_awaited() && self.room.call(|| self.has_room()) {}
    }

    /// The caller waits for room awake, if not enough others do.
    pub(crate) fn watch(&self) -> Option<Watch<'_, M>> {
        self.room.watch().then(|| Watch(self))
    }

    /// That waiter waits for room no more.
    pub(crate) fn leave_queue(&self, ticket: waiters::Ticket) {
        let was_called = self.room.go(ticket, || self.has_room());
        // The reader may have gone to sleep while that waiter was on its way.
        if was_called && self.is_empty() {
            self.make_way();
        }
    }

    #[cold]
    fn make_room(&self) {
        if !self.room.is_watched() {
            self.room.call(|| self.has_room());
        }
    }

    fn has_room(&self) -> bool {
        !self.way().receiver.is_full()
    }
}

/// A wait for room, awake. If it ends without having found any, the sender [waits](super::Mailbox::wait_for_room) in
/// the queue, or is refused.
pub(crate) struct Watch<'a, M>(&'a Lane<M>);

impl<M> Drop for Watch<'_, M> {
    /// What was left to it is for others.
    fn drop(&mut self) {
        let Watch(lane) = self;
        lane.room.unwatch();
        lane.room.call_if_awaited(|| lane.has_room());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::Waiter;
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
    fn m4_what_was_left_to_one_who_waits_awake_and_is_refused_is_for_others() {
        let lane = Lane::<u32>::new(Capacity::Bounded(1));
        assert!(lane.front.sender.try_send(Parcel::new(1, Ticket(1))).is_ok());
        let (watch, count) = (lane.watch(), Arc::new(Count::default()));
        lane.room.come(waiters::Ticket::next(), Waiter::Thread(Arc::clone(&count).into()));
        assert_eq!(lane.take().map(Letter::open), Some(1));
        assert_eq!(woken(&count), 0);
        drop(watch);
        assert_eq!(woken(&count), 1);
    }

    #[cfg(feature = "async")]
    #[test]
    fn m4_who_gives_up_that_was_called_by_a_reader_that_sleeps_calls_all_whom_that_would_have_called()
     {
        let lane = Lane::<u32>::new(Capacity::Bounded(1));
        let (places, counts) = (
            [(); 3].map(|()| waiters::Ticket::next()),
            [(); 3].map(|()| Arc::new(Count::default())),
        );
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
