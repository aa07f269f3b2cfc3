//! A mailbox without its type, as the conductor has it.

use std::any::Any;
use std::panic::RefUnwindSafe;
use std::sync::Arc;

use super::queue::Door;
use super::{Crew, Mailbox, MailboxId, all};
use crate::capacity::Capacity;
use crate::event::Flag;
use crate::life::Life;
use crate::notice::ReturnedBecause;

/// What hands messages to the dead-letter hook.
pub(crate) type Burial = Box<dyn FnOnce() + Send>;

/// A mailbox as the conductor sees it, which does not know what messages are.
pub(crate) trait Post: Send + Sync + RefUnwindSafe {
    fn id(&self) -> MailboxId;
    /// The name of its actor, or of the one that it is to have.
    fn name(&self) -> &Arc<str>;
    /// It belongs to `owner`, unless it has an owner already.
    fn belong_to(&self, owner: &Arc<Life>);
    /// Its owner; for a pool, the life that stands for its threads. `None` before it is spawned.
    fn owner(&self) -> Option<&Arc<Life>>;
    fn len(&self) -> usize;
    fn capacity(&self) -> Capacity;
    /// The actor's turn, or an order to stop at once: it takes no more messages.
    fn close(&self);
    /// Closes it for all but the family and the ring, and notes whether all that came before was taken.
    fn finish_for_strangers(&self);
    fn is_finished_for_strangers(&self) -> bool;
    /// The thread in that seat is to look up.
    fn ring(&self, seat: usize);
    /// A thread reads it no more. Says whether none does now.
    fn resign(&self) -> bool;
    /// Whether no thread reads it; to be asked when one has resigned.
    fn is_unread(&self) -> bool;
    /// How many threads read it.
    fn readers(&self) -> usize;
    /// Closes it for good if so many of the threads that read it rest, nothing is in it, and `others` say the same of
    /// theirs. Meanwhile no thread that rests begins to look.
    fn finish_with(&self, resting: usize, others: &mut dyn FnMut() -> bool) -> bool;
    /// A thread that read it has ended.
    fn end(&self);
    /// Takes out what a disowned actor left. The second part hands it to the dead-letter hook; it
    /// runs code of the user's and may take its time.
    fn take_over(self: Arc<Self>, why: ReturnedBecause) -> (u64, Burial);
    /// Itself, for a caller that knows what its messages are.
    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
    /// The type of its messages.
    fn message_type(&self) -> &'static str;
    /// Set when no answer can come any more.
    fn ended(&self) -> &Flag;
    /// Whether nothing is in it, and nothing will be.
    fn is_gone(&self) -> bool;
    /// Whether nobody has its address.
    fn is_deserted(&self) -> bool;
}

impl<M: Send + 'static> Post for Mailbox<M> {
    fn id(&self) -> MailboxId {
        self.id
    }

    fn name(&self) -> &Arc<str> {
        Mailbox::name(self)
    }

    fn belong_to(&self, owner: &Arc<Life>) {
        Mailbox::belong_to(self, owner);
    }

    fn owner(&self) -> Option<&Arc<Life>> {
        self.owner.get()
    }

    fn len(&self) -> usize {
        Mailbox::len(self)
    }

    fn capacity(&self) -> Capacity {
        self.capacity
    }

    fn close(&self) {
        Mailbox::close(self);
    }

    fn finish_for_strangers(&self) {
        Mailbox::finish_for_strangers(self);
    }

    fn is_finished_for_strangers(&self) -> bool {
        Mailbox::is_finished_for_strangers(self)
    }

    fn ring(&self, seat: usize) {
        Mailbox::ring(self, seat);
    }

    fn resign(&self) -> bool {
        Mailbox::resign(self)
    }

    fn is_unread(&self) -> bool {
        Mailbox::is_unread(self)
    }

    fn readers(&self) -> usize {
        self.crew.get().map_or(1, Crew::reading)
    }

    fn finish_with(&self, resting: usize, others: &mut dyn FnMut() -> bool) -> bool {
        let mut last_word = self.last_word();
        let mut lanes = self.hold();
        // One thread of a pool that was told to leave alone may have found it empty, and another still have something to
        // do that does not come from here.
        let rests = match last_word.gone {
            true => self.crew.get().is_none_or(Crew::is_unread),
            false => last_word.resting == resting && lanes.are_empty(),
        };
        let is_finished = rests && others();
        if is_finished {
            lanes.close(Door::Shut);
            last_word.gone = true;
        }
        is_finished
    }

    fn end(&self) {
        Mailbox::end(self);
    }

    fn take_over(self: Arc<Self>, why: ReturnedBecause) -> (u64, Burial) {
        let messages = self.evict();
        self.wake_senders();
        self.tell_returned(all(&messages), why);
        (
            messages.len() as u64,
            Box::new(move || {
                self.bury(messages);
                self.dead_letters.forget();
            }),
        )
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }

    fn message_type(&self) -> &'static str {
        std::any::type_name::<M>()
    }

    fn ended(&self) -> &Flag {
        &self.ended
    }

    fn is_gone(&self) -> bool {
        self.ended.is_set()
    }

    fn is_deserted(&self) -> bool {
        Mailbox::is_deserted(self)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::super::room::Waiter;
    use super::*;
    use crate::place::Alarm;
    use crate::waiters::Ticket;

    #[test]
    fn m1_a_mailbox_is_a_crews_if_several_threads_read_it() {
        let [one, several] = [1, 2].map(|threads| {
            let mailbox = Mailbox::<u32>::new(Capacity::Bounded(4));
            mailbox.staff(threads);
            mailbox
        });
        assert!(one.crew().is_none() && one.resign());
        // The conductor calls it for a thread that it gives up, and does not know what messages
        // are.
        let post: &dyn Post = &*several;
        assert!(several.crew().is_some() && !post.resign());
        assert!(several.resign());
    }

    /// Which of two that read a mailbox are told of something, when the other one is asleep, or is not.
    fn told(of: impl Fn(&Mailbox<u32>), sleeps: bool) -> [bool; 2] {
        let mailbox = Mailbox::<u32>::new(Capacity::Bounded(4));
        mailbox.staff(2);
        if sleeps {
            assert!(mailbox.crew().unwrap().fall_asleep().is_none());
        }
        of(&mailbox);
        [0, 1].map(|seat| mailbox.bell_of(seat).heard())
    }

    #[test]
    fn o3_of_those_who_read_one_mailbox_only_who_is_called_looks_up() {
        for (seat, expected) in [(0, [true, false]), (1, [false, true])] {
            let call = |mailbox: &Mailbox<u32>| Post::ring(mailbox, seat);
            assert_eq!(told(call, false), expected);
        }
    }

    #[test]
    fn o5_who_leaves_a_pool_that_nobody_can_reach_wakes_the_others_if_all_of_them_sleep() {
        let leave = |mailbox: &Mailbox<u32>| assert!(!mailbox.resign());
        assert_eq!(told(leave, true), [true; 2]);
        // A thread that is awake looks by itself.
        assert_eq!(told(leave, false), [false; 2]);
        let with_an_address = |mailbox: &Mailbox<u32>| {
            mailbox.add_address();
            leave(mailbox);
        };
        assert_eq!(told(with_an_address, true), [false; 2]);
        // They were told, or are called by another.
        let when_it_is_over = |mailbox: &Mailbox<u32>| {
            assert!(mailbox.finish());
            leave(mailbox);
        };
        assert_eq!(told(when_it_is_over, true), [false; 2]);
    }

    #[test]
    fn o5_who_drops_the_last_address_of_a_pool_wakes_it_if_all_of_it_sleeps() {
        let drop_two = |mailbox: &Mailbox<u32>| {
            (0..2).for_each(|_| mailbox.add_address());
            mailbox.remove_address();
            assert!(!mailbox.bell_of(0).is_rung_before_sleep());
            mailbox.remove_address();
        };
        assert_eq!(told(drop_two, true), [false; 2]);
        let when_all_sleep = |mailbox: &Mailbox<u32>| {
            assert!(mailbox.crew().unwrap().fall_asleep().is_some());
            drop_two(mailbox);
        };
        assert_eq!(told(when_all_sleep, true), [true; 2]);
    }

    /// It is closed, but not for the members of a ring, one of which waits; and another thread that has read it has
    /// still to leave.
    #[test]
    fn m4_nobody_waits_for_room_in_what_the_system_has_taken_over() {
        let mailbox = Mailbox::new(Capacity::Bounded(1));
        mailbox.staff(2);
        assert!(mailbox.offer(&mailbox.ordinary, 1).is_ok());
        mailbox.close();
        let lane = &mailbox.ordinary;
        lane.queue_up(Ticket::next(), Waiter::Thread(Waker::from(Alarm::new())));
        let post: Arc<dyn Post> = Arc::clone(&mailbox) as _;
        assert_eq!(post.take_over(ReturnedBecause::Abandoned).0, 1);
        assert!(!lane.is_awaited() && !mailbox.ended.is_set());
    }

    #[test]
    fn m5_it_has_ended_when_the_last_thread_has_left() {
        let mailbox = Mailbox::<u32>::new(Capacity::Bounded(4));
        mailbox.staff(2);
        let post: &dyn Post = &*mailbox;
        post.end();
        assert!(!post.is_gone() && !mailbox.ended.is_set());
        post.end();
        assert!(post.is_gone() && mailbox.ended.is_set());
    }
}
