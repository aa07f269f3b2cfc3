//! The sender's side: how a message is put in, and taken back if the mailbox was closed meanwhile.

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crossbeam_channel::TrySendError;

use super::lane::{Ticket, Way};
use super::porter::Word;
use super::room::Waiter;
use super::{Lane, Mailbox, Parcel};
use crate::event::{Event, Flag};
use crate::life;
use crate::place::{Alarm, Place};

impl<M: Send + 'static> Mailbox<M> {
    pub(crate) fn is_closed(&self) -> bool {
        self.porter.is_closed()
    }

    /// Whether it takes what this thread sends; for some threads it may be open when it is closed for others.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        !self.porter.is_closed() || self.is_open_for_family()
    }

    /// Sends if there is room now.
    #[inline(always)] // or the message is copied before the channel copies it, from where it was just written
    pub(crate) fn offer(&self, lane: &Lane<M>, message: M) -> Result<(), Refusal<M>> {
        if !self.is_open() {
            return Err(Refusal::Closed(message));
        }
        self.put(lane, &lane.front, message)
    }

    /// The same for a sender that tries once more, and may find the front closed for good.
    #[cold]
    fn offer_again(&self, lane: &Lane<M>, message: M) -> Result<(), Refusal<M>> {
        match self.is_open() {
            true => self.put(lane, lane.way(), message),
            false => Err(Refusal::Closed(message)),
        }
    }

    #[inline(always)] // for the same reason
    fn put(&self, lane: &Lane<M>, way: &Way<M>, message: M) -> Result<(), Refusal<M>> {
        let here = 0_u8;
        let ticket = Ticket((&raw const here).addr());
        match way.sender.try_send(Parcel::new(message, ticket)) {
            Ok(()) => self.look_again(lane, ticket),
            Err(TrySendError::Full(parcel)) => Err(Refusal::Full(parcel.open())),
            Err(TrySendError::Disconnected(parcel)) => Err(Refusal::Closed(parcel.open())),
        }
    }

    /// Waits for room, the closing, `interrupt` or `deadline`, whichever is first.
    pub(crate) fn wait_for_room(
        &self,
        lane: &Lane<M>,
        mut message: M,
        interrupt: Option<&Event>,
        deadline: Option<Instant>,
    ) -> Result<(), Waited<M>> {
        let alarm = Alarm::new();
        let mut stand = Stand::new(lane);
        loop {
            let deafness = self.deafness();
            stand.queue_up([interrupt.cloned(), deafness.clone()], &alarm);
            // Whoever made room, or closed the mailbox, before did not see us wait.
            match self.offer_again(lane, message) {
                Ok(()) => return Ok(()),
                Err(Refusal::Full(back)) => message = back,
                Err(Refusal::Closed(back)) => return Err(Waited::Closed(back)),
            }
            if deafness.is_some_and(|deafness| deafness.is_set()) {
                return Err(Waited::Closed(message));
            }
            if interrupt.is_some_and(Event::is_set) {
                return Err(Waited::Interrupted(message));
            }
            if !alarm.sleep(deadline) {
                return Err(Waited::Timeout(message));
            }
        }
    }

    /// What tells this thread that to wait for the hook is of no use any more. For the family that is the mailbox's
    /// end; for the children also that nothing is handled before they have left. Members of the ring wait on: for them
    /// the hook is there again after that.
    pub(crate) fn what_ends_a_wait(&self) -> (&Flag, Option<Event>) {
        match self.is_open_for_family() {
            true => (&self.ended, self.deafness()),
            false => (&self.closing, None),
        }
    }

    /// What tells this thread, if it is below the mailbox's reader, that nothing is handled before it has left.
    pub(crate) fn deafness(&self) -> Option<Event> {
        self.owner.get()?.deafness_for(life::current().as_deref())
    }

    /// Whether it takes what this thread sends although it is closed. A late send is settled as any other is.
    #[cold]
    pub(super) fn is_open_for_family(&self) -> bool {
        self.is_of_the_family() && !self.last_word().gone
    }

    /// Whether the sender is a child, or a child's child, of the actor, whose mailbox is open for it until it has left,
    /// since its parent waits for it; or of a ring with the actor, which leaves as one.
    pub(super) fn is_of_the_family(&self) -> bool {
        match (self.owner.get(), life::current()) {
            (Some(owner), Some(me)) => owner.is_open_for(&me) && !owner.has_ended(),
            _ => false,
        }
    }

    /// The second look, after the message is in the channel: whether the reader is to be woken, or the mailbox was closed.
    #[inline]
    pub(super) fn look_again(&self, lane: &Lane<M>, ticket: Ticket) -> Result<(), Refusal<M>> {
        let word = self.porter.look();
        if word.is_nothing() { Ok(()) } else { self.heed(word, lane, ticket) }
    }

    #[cold]
    fn heed(&self, word: Word, lane: &Lane<M>, ticket: Ticket) -> Result<(), Refusal<M>> {
        self.porter.announce();
        if !word.is_closed() {
            return Ok(());
        }
        // A sender of the family may find another door.
        self.settle(ticket).or_else(|message| self.offer_again(lane, message))
    }

    /// The mailbox was closed while the message went in. The message stands if the actor still
    /// looks, or has taken it; otherwise the way that it took is closed for good, and it is taken
    /// out again.
    fn settle(&self, ticket: Ticket) -> Result<(), M> {
        let mut last_word = self.last_word();
        let is_gone = last_word.gone;
        for way in self.lanes().flat_map(|lane| lane.closed_ways(is_gone)) {
            last_word.strays.extend(way.receiver.try_iter());
        }
        match last_word.strays.iter().position(|parcel| parcel.ticket == ticket) {
            Some(at) => Err(last_word.strays.swap_remove(at).open()),
            None => Ok(()),
        }
    }
}

/// The place of a thread among those that wait for room.
struct Stand<'a, M> {
    lane: &'a Lane<M>,
    place: Place,
}

impl<M> Stand<'_, M> {
    fn new(lane: &Lane<M>) -> Stand<'_, M> {
        Stand { lane, place: Place::new() }
    }

    /// From here on it is woken when there is room, when the mailbox is closed, and by `ends`.
    fn queue_up(&mut self, ends: [Option<Event>; 2], alarm: &Arc<Alarm>) {
        let waker = Waker::from(Arc::clone(alarm));
        self.place.heed(ends, &waker);
        self.lane.room.come(self.place.ticket, Waiter::Thread(waker));
    }
}

impl<M> Drop for Stand<'_, M> {
    fn drop(&mut self) {
        self.lane.leave_queue(self.place.ticket);
    }
}

/// Why a message was not taken at once. Without the name that the errors of the interface have, so that a sender that
/// only looks for room pays nothing for it.
pub(crate) enum Refusal<M> {
    Full(M),
    Closed(M),
}

/// How a wait for room, or for the hook, ended without it.
pub(crate) enum Waited<M> {
    Timeout(M),
    Closed(M),
    Interrupted(M),
}

impl Waited<()> {
    /// The same, for a sender that waited with a message in its hands.
    pub(crate) fn with<M>(self, message: M) -> Waited<M> {
        match self {
            Waited::Timeout(()) => Waited::Timeout(message),
            Waited::Closed(()) => Waited::Closed(message),
            Waited::Interrupted(()) => Waited::Interrupted(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::super::tests::with_two_lanes;
    use super::*;
    use crate::capacity::Capacity;
    use crate::life::Life;

    /// What a sender has back after its second look.
    fn refused<M: Send + 'static>(mailbox: &Mailbox<M>, ticket: Ticket) -> Option<M> {
        match mailbox.look_again(&mailbox.ordinary, ticket) {
            Ok(()) => None,
            Err(Refusal::Closed(message) | Refusal::Full(message)) => Some(message),
        }
    }

    /// A mailbox, and a child of its reader.
    fn with_a_child() -> (Arc<Mailbox<u32>>, Arc<Life>) {
        let (mut child, parent) = (Life::unstarted(), Arc::new(Life::unstarted()));
        child.parent = Some(Arc::clone(&parent));
        let mailbox = Mailbox::new(Capacity::Bounded(4));
        mailbox.belong_to(&parent);
        (mailbox, Arc::new(child))
    }

    /// What the child sees.
    fn seen_by<T: Send>(child: Arc<Life>, look: impl FnOnce() -> T + Send) -> T {
        let look = || {
            life::set_current(child);
            look()
        };
        thread::scope(|scope| scope.spawn(look).join()).unwrap()
    }

    #[test]
    fn m1_a_late_send_takes_its_own_message_back() {
        let mailbox = Mailbox::new(Capacity::Bounded(4));
        assert!(mailbox.finish());
        // Two senders had looked before the closing, and send after the end.
        let [first, second] = [Ticket(1), Ticket(2)];
        for (message, ticket) in [("a", first), ("b", second)] {
            assert!(mailbox.ordinary.front.sender.try_send(Parcel::new(message, ticket)).is_ok());
        }
        assert_eq!(refused(&mailbox, second), Some("b"));
        assert_eq!(refused(&mailbox, first), Some("a"));
        assert!(mailbox.evict().is_empty());
    }

    #[test]
    fn m1_a_late_send_before_the_last_look_is_accepted() {
        let mailbox = Mailbox::new(Capacity::Bounded(4));
        mailbox.close();
        assert!(mailbox.ordinary.front.sender.try_send(Parcel::new(1, Ticket(1))).is_ok());
        assert_eq!(refused(&mailbox, Ticket(1)), None);
        assert!(!mailbox.finish());
        assert_eq!(mailbox.evict(), [1]);
    }

    #[test]
    fn m1_a_late_send_finds_its_own_message_in_either_lane() {
        let mailbox = with_two_lanes();
        assert!(mailbox.finish());
        let lanes = [&mailbox.ordinary, mailbox.urgent().unwrap()];
        for (lane, ticket) in lanes.into_iter().cycle().zip(1..=4) {
            assert!(lane.front.sender.try_send(Parcel::new(ticket, Ticket(ticket))).is_ok());
        }
        for ticket in [3, 2, 4, 1] {
            assert_eq!(refused(&mailbox, Ticket(ticket)), Some(ticket));
        }
        assert!(mailbox.evict().is_empty());
    }

    #[test]
    fn m4_a_mailbox_that_is_closed_for_good_is_so_for_the_family_too() {
        let (mailbox, child) = with_a_child();
        let seen = seen_by(child, || {
            let look = || (mailbox.is_open(), mailbox.what_ends_a_wait().0.is_set());
            mailbox.close();
            let closed = look();
            // Its owner has not ended yet, and what stands for a pool never does.
            assert!(mailbox.finish());
            (closed, look())
        });
        // When it is gone it is no use any more to wait for room.
        assert_eq!(seen, ((true, false), (false, true)));
    }

    #[test]
    fn m1_o3_when_the_children_are_to_leave_a_late_send_of_a_strangers_is_taken_back() {
        for mailbox in [Mailbox::new(Capacity::Bounded(4)), with_two_lanes()] {
            assert!(mailbox.finish_for_strangers());
            for (n, lane) in mailbox.lanes().enumerate() {
                // One that had looked before, and one of a child's.
                let (late, childs) = (Parcel::new(n, Ticket(n)), Parcel::new(n + 10, Ticket(n)));
                assert!(lane.front.sender.try_send(late).is_ok());
                assert!(lane.way().sender.try_send(childs).is_ok());
            }
            let (lanes, ordinary) = (mailbox.lanes().count(), mailbox.lanes().count() - 1);
            assert_eq!((mailbox.len(), mailbox.finish()), (lanes, false));
            // What is not for it does not keep it.
            assert_eq!(mailbox.take(), Some(ordinary + 10));
            let urgent = mailbox.take_urgent();
            assert_eq!((urgent, mailbox.finish()), (mailbox.urgent().map(|_| 10), true));
            for n in 0..lanes {
                assert_eq!(refused(&mailbox, Ticket(n)), Some(n));
            }
        }
    }

    #[test]
    fn m1_o3_children_send_to_who_waits_for_them_wherever_the_closing_finds_them() {
        let (mailbox, child) = with_a_child();
        assert!(mailbox.finish_for_strangers() && mailbox.finish_for_strangers());
        seen_by(child, || {
            let lane = &mailbox.ordinary;
            // It had looked before.
            assert!(lane.front.sender.try_send(Parcel::new(0, Ticket(0))).is_ok());
            assert_eq!(refused(&mailbox, Ticket(0)), None);
            assert!((1..4).all(|n| mailbox.offer(lane, n).is_ok()));
            assert!(matches!(mailbox.offer(lane, 4), Err(Refusal::Full(4))));
            assert_eq!(mailbox.take(), Some(0));
            assert!(mailbox.wait_for_room(lane, 4, None, None).is_ok());
            assert_eq!(mailbox.evict(), [1, 2, 3, 4]);
            assert!(matches!(mailbox.offer(lane, 5), Err(Refusal::Closed(5))));
            let late = mailbox.wait_for_room(lane, 6, None, None);
            assert!(matches!(late, Err(Waited::Closed(6))));
        });
    }
}
