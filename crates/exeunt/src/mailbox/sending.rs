//! The sender's side: how a message is put in, and how a sender waits for room.

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use super::queue::Caller;
use super::room::Waiter;
use super::{Lane, Mailbox};
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
    #[inline(always)] // for the same reason as `Queue::put`
    pub(crate) fn offer(&self, lane: &Lane<M>, message: M) -> Result<(), Refusal<M>> {
        match lane.queue.put(message, Caller::Anybody) {
            Ok(()) => {
                self.announce();
                Ok(())
            }
            Err(Refusal::Full(message)) => Err(Refusal::Full(message)),
            Err(Refusal::Closed(message)) => self.offer_as_family(lane, message),
        }
    }

    /// The door is closed, and perhaps not for this sender.
    #[cold]
    fn offer_as_family(&self, lane: &Lane<M>, message: M) -> Result<(), Refusal<M>> {
        if !self.is_of_the_family() {
            return Err(Refusal::Closed(message));
        }
        lane.queue.put(message, Caller::Family)?;
        self.announce();
        Ok(())
    }

    /// Something was put in: if a reader sleeps over that, it is woken.
    #[inline]
    pub(super) fn announce(&self) {
        if self.porter.is_needed() {
            self.porter.announce();
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

    /// Whether it takes what this thread sends although it is closed.
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
        self.lane.queue_up(self.place.ticket, Waiter::Thread(waker));
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

    use super::super::tests::{wakes, with_two_lanes};
    use super::*;
    use crate::capacity::Capacity;
    use crate::guarded::guarded;
    use crate::life::Life;
    use crate::mailbox::Post;

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
    fn m1_who_comes_after_the_closing_is_refused_and_what_came_before_is_there() {
        for mailbox in [Mailbox::new(Capacity::Bounded(4)), with_two_lanes()] {
            assert!(mailbox.lanes().all(|lane| mailbox.offer(lane, 1).is_ok()));
            mailbox.close();
            for lane in mailbox.lanes() {
                assert!(matches!(mailbox.offer(lane, 2), Err(Refusal::Closed(2))));
            }
            assert!(!mailbox.finish());
            assert_eq!(mailbox.evict().len(), mailbox.lanes().count());
        }
    }

    #[test]
    fn m1_o3_another_actor_is_no_child_and_refused_after_the_closing() {
        let (mailbox, _) = with_a_child();
        mailbox.close();
        let seen = seen_by(Arc::new(Life::unstarted()), || {
            let refusal = mailbox.offer(&mailbox.ordinary, 1);
            (mailbox.is_open(), matches!(refusal, Err(Refusal::Closed(1))))
        });
        assert_eq!(seen, (false, true));
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
    fn m1_o3_it_is_finished_for_strangers_once_all_was_taken_whatever_children_still_send() {
        let (mailbox, child) = with_a_child();
        mailbox.open_urgent_lane(Capacity::Bounded(4));
        assert!(mailbox.lanes().all(|lane| mailbox.offer(lane, 1).is_ok()));
        assert!(!mailbox.finish_for_strangers());
        assert_eq!((mailbox.take(), mailbox.finish_for_strangers()), (Some(1), false));
        assert_eq!((mailbox.take_urgent(), mailbox.finish_for_strangers()), (Some(1), true));
        seen_by(child, || assert!(mailbox.lanes().all(|lane| mailbox.offer(lane, 2).is_ok())));
        assert!(mailbox.lanes().all(|lane| mailbox.offer(lane, 3).is_err()));
        assert!(mailbox.finish_for_strangers() && !mailbox.finish());
        assert_eq!(
            (mailbox.take(), mailbox.take_urgent(), mailbox.finish()),
            (Some(2), Some(2), true)
        );
    }

    #[test]
    fn m1_o3_nobody_gets_in_once_it_is_closed_for_good_not_even_a_child() {
        let ends: [fn(&Mailbox<u32>) -> bool; 4] = [
            Mailbox::finish,
            |it| it.finish_for(&Life::unstarted()),
            |it| it.evict().is_empty(),
            |it| it.finish_with(0, &mut || true),
        ];
        for end in ends {
            let (mailbox, child) = with_a_child();
            mailbox.open_urgent_lane(Capacity::Bounded(4));
            assert!(end(&mailbox) && mailbox.is_gone());
            let refuses = || {
                mailbox
                    .lanes()
                    .all(|lane| matches!(mailbox.offer(lane, 1), Err(Refusal::Closed(1))))
            };
            assert!(refuses() && seen_by(child, refuses));
        }
    }

    #[test]
    fn m1_o3_what_a_child_sends_when_it_is_closed_for_others_wakes_a_reader_that_sleeps() {
        let (mailbox, child) = with_a_child();
        mailbox.close();
        assert!(wakes(&mailbox, |it| {
            seen_by(child, || assert!(it.offer(&it.ordinary, 1).is_ok()));
        }));
    }

    #[test]
    fn m2_m4_a_wait_for_room_is_over_at_each_of_its_ends_and_not_while_there_is_room() {
        guarded(|| {
            let (mailbox, child) = with_a_child();
            let lane = &mailbox.ordinary;
            assert!((0..4).all(|n| mailbox.offer(lane, n).is_ok()));
            seen_by(child, || {
                let (now, interrupt) = (Some(Instant::now()), Event::new());
                let wait = |interrupt, until| mailbox.wait_for_room(lane, 4, interrupt, until);
                assert!(matches!(wait(Some(&interrupt), now), Err(Waited::Timeout(4))));
                interrupt.set();
                assert!(matches!(wait(Some(&interrupt), None), Err(Waited::Interrupted(4))));
                mailbox.owner.get().unwrap().listen_no_more();
                assert!(matches!(wait(None, None), Err(Waited::Closed(4))));
                assert!(mailbox.take().is_some() && wait(Some(&interrupt), now).is_ok());
            });
            assert!(!lane.is_awaited());
        });
    }

    #[test]
    fn m4_who_waits_for_room_is_woken_by_each_end_and_leaves_no_place() {
        let (mailbox, ends) =
            (Mailbox::<u32>::new(Capacity::Bounded(4)), [(); 2].map(|()| Event::new()));
        let (alarm, now) = (Alarm::new(), Some(Instant::now()));
        let deeds: [&dyn Fn(); 3] = [&|| ends[0].set(), &|| ends[1].set(), &|| mailbox.close()];
        for deed in deeds {
            let mut stand = Stand::new(&mailbox.ordinary);
            let unset = ends.each_ref().map(|end| Some(end.clone()).filter(|end| !end.is_set()));
            stand.queue_up(unset, &alarm);
            assert!(!alarm.sleep(now));
            deed();
            assert!(alarm.sleep(now));
            drop(stand);
            assert!(!mailbox.ordinary.is_awaited());
        }
    }

    #[test]
    fn m4_o4_who_becomes_one_of_the_ring_with_the_closing_waits_on_for_room() {
        let (mailbox, _) = with_a_child();
        let (lane, member) = (&mailbox.ordinary, Arc::new(Life::unstarted()));
        assert!((0..4).all(|n| mailbox.offer(lane, n).is_ok()));
        thread::scope(|scope| {
            let sender = scope.spawn(|| {
                life::set_current(Arc::clone(&member));
                mailbox.wait_for_room(lane, 4, None, None).is_ok()
            });
            let until_it_waits = || {
                while !lane.is_awaited() && !sender.is_finished() {
                    thread::yield_now();
                }
            };
            until_it_waits();
            [mailbox.owner.get().unwrap(), &member].iter().for_each(|life| life.join_ring(0));
            mailbox.close();
            until_it_waits();
            assert_eq!(mailbox.take(), Some(0));
            assert!(sender.join().unwrap());
        });
        assert_eq!(mailbox.evict(), [1, 2, 3, 4]);
    }

    #[test]
    fn m1_o3_children_send_to_who_waits_for_them_until_it_is_closed_for_good() {
        let (mailbox, child) = with_a_child();
        assert!(mailbox.finish_for_strangers());
        seen_by(child, || {
            let lane = &mailbox.ordinary;
            assert!((0..4).all(|n| mailbox.offer(lane, n).is_ok()));
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
