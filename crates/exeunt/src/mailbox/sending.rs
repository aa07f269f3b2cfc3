//! The sender's side: how a message is put in, and taken back if the mailbox was closed meanwhile.

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crossbeam_channel::TrySendError;

use super::lane::Ticket;
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

    /// Whether it takes what this thread sends, for whom it may be open when it is closed for others.
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
        let here = 0_u8;
        let ticket = Ticket((&raw const here).addr());
        match lane.sender.try_send(Parcel::new(message, ticket)) {
            Ok(()) => self.look_again(ticket).map_err(Refusal::Closed),
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
            match self.offer(lane, message) {
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

    /// When it is no use any more for this thread to wait for the hook. To the family the mailbox closes with the end; to
    /// the children also when nothing is handled before they have left. Those of the ring wait on, for whom it is there again then.
    pub(crate) fn what_ends_a_wait(&self) -> (&Flag, Option<Event>) {
        match self.is_open_for_family() {
            true => (&self.ended, self.deafness()),
            false => (&self.closing, None),
        }
    }

    /// What tells this thread, if it is one of those below whoever reads it, that nothing is handled before it has left.
    pub(crate) fn deafness(&self) -> Option<Event> {
        self.owner.get()?.deafness_for(life::current().as_deref())
    }

    /// Whether it takes what this thread sends although it is closed. A late send is settled as any other is.
    #[cold]
    pub(super) fn is_open_for_family(&self) -> bool {
        self.is_of_the_family() && !self.last_word().gone
    }

    /// Whether the sender is a child, or a child's child, of the actor, whose mailbox is open for it until it has left:
    /// its parent waits for it. Or of a ring with it, which leaves as one.
    pub(super) fn is_of_the_family(&self) -> bool {
        match (self.owner.get(), life::current()) {
            (Some(owner), Some(me)) => owner.is_open_for(&me) && !owner.has_ended(),
            _ => false,
        }
    }

    /// The second look, after the message is in the channel: whether the reader is to be woken, or the mailbox was closed.
    #[inline]
    pub(super) fn look_again(&self, ticket: Ticket) -> Result<(), M> {
        let word = self.porter.look();
        if word.is_nothing() { Ok(()) } else { self.heed(word, ticket) }
    }

    #[cold]
    fn heed(&self, word: Word, ticket: Ticket) -> Result<(), M> {
        self.porter.announce();
        if word.is_closed() { self.settle(ticket) } else { Ok(()) }
    }

    /// The mailbox was closed while the message went in: it stands if the actor still looks, or
    /// has taken it; otherwise it is taken out again.
    fn settle(&self, ticket: Ticket) -> Result<(), M> {
        let mut last_word = self.last_word();
        if !last_word.gone {
            return Ok(());
        }
        for lane in self.lanes() {
            last_word.strays.extend(lane.receiver.try_iter());
        }
        match last_word.strays.iter().position(|parcel| parcel.ticket == ticket) {
            Some(at) => Err(last_word.strays.swap_remove(at).open()),
            None => Ok(()),
        }
    }
}

/// A thread among those who wait for room.
struct Stand<'a, M> {
    lane: &'a Lane<M>,
    place: Place,
}

impl<M> Stand<'_, M> {
    fn new(lane: &Lane<M>) -> Stand<'_, M> {
        Stand { lane, place: Place::new() }
    }

    /// From here on it is woken when there is room, when the mailbox is closed, and by these.
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

/// Why a message was not taken at once. Without the name that the errors of the interface have, so that who only looks
/// for room pays nothing for it.
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
    /// The same, for who waited with a message in its hands.
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

    #[test]
    fn m1_a_late_send_takes_its_own_message_back() {
        let mailbox = Mailbox::new(Capacity::Bounded(4));
        assert!(mailbox.finish());
        // Two senders had looked before the closing, and send after the end.
        let [first, second] = [Ticket(1), Ticket(2)];
        for (message, ticket) in [("a", first), ("b", second)] {
            assert!(mailbox.ordinary.sender.try_send(Parcel::new(message, ticket)).is_ok());
        }
        assert_eq!(mailbox.look_again(second), Err("b"));
        assert_eq!(mailbox.look_again(first), Err("a"));
        assert!(mailbox.evict().is_empty());
    }

    #[test]
    fn m1_a_late_send_before_the_last_look_is_accepted() {
        let mailbox = Mailbox::new(Capacity::Bounded(4));
        mailbox.close();
        assert!(mailbox.ordinary.sender.try_send(Parcel::new(1, Ticket(1))).is_ok());
        assert_eq!(mailbox.look_again(Ticket(1)), Ok(()));
        assert!(!mailbox.finish());
        assert_eq!(mailbox.evict(), [1]);
    }

    #[test]
    fn m1_a_late_send_finds_its_own_message_in_either_lane() {
        let mailbox = with_two_lanes();
        assert!(mailbox.finish());
        let lanes = [&mailbox.ordinary, mailbox.urgent().unwrap()];
        for (lane, ticket) in lanes.into_iter().cycle().zip(1..=4) {
            assert!(lane.sender.try_send(Parcel::new(ticket, Ticket(ticket))).is_ok());
        }
        for ticket in [3, 2, 4, 1] {
            assert_eq!(mailbox.look_again(Ticket(ticket)), Err(ticket));
        }
        assert!(mailbox.evict().is_empty());
    }

    #[test]
    fn m4_a_mailbox_that_is_closed_for_good_is_so_for_the_family_too() {
        let mut child = Life::unstarted();
        let parent = Arc::new(Life::unstarted());
        child.parent = Some(Arc::clone(&parent));
        let mailbox = Mailbox::<u32>::new(Capacity::Bounded(4));
        mailbox.belong_to(&parent);
        let seen_by_child = thread::spawn(move || {
            life::set_current(Arc::new(child));
            let look = || (mailbox.is_open(), mailbox.what_ends_a_wait().0.is_set());
            mailbox.close();
            let closed = look();
            // Its owner has not ended yet, and what stands for a pool never does.
            assert!(mailbox.finish());
            (closed, look())
        });
        // When it is gone it is no use any more to wait for room.
        assert_eq!(seen_by_child.join().ok(), Some(((true, false), (false, true))));
    }
}
