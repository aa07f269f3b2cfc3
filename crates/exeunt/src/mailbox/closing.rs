//! The reader's side of the closing: how a mailbox is closed, and when it is gone for good.

use std::sync::MutexGuard;

use super::queue::{Door, Hold};
use super::{Letter, Mailbox};
use crate::life::Life;
use crate::unwind;

/// What is agreed upon about the end of a mailbox. Its lock comes before those of the queues.
#[derive(Default)]
pub(super) struct LastWord {
    /// All that strangers sent was taken, and they send no more.
    finished_for_strangers: bool,
    /// From here on, no send is accepted: the doors of all lanes are shut.
    pub(super) gone: bool,
    /// How many of the threads that read it have nothing to do, and wait for the others of their ring.
    pub(super) resting: usize,
}

impl<M: Send + 'static> Mailbox<M> {
    /// Whether no send is accepted any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.last_word().gone
    }

    /// Closes the mailbox for all but the family, and says whether all that came before was taken: the reader's children
    /// are to leave, and what a stranger has sent would find them gone. `false` means that something is still to be
    /// handled.
    pub(crate) fn finish_for_strangers(&self) -> bool {
        self.close();
        let mut last_word = self.last_word();
        last_word.finished_for_strangers |= last_word.gone || self.is_empty();
        last_word.finished_for_strangers
    }

    /// Whether nothing comes from outside of the family any more.
    pub(crate) fn is_finished_for_strangers(&self) -> bool {
        self.last_word().finished_for_strangers
    }

    /// Closes the mailbox if it is empty, for good: from here on no send is accepted. `false`
    /// means that something is still to be handled.
    pub(crate) fn finish(&self) -> bool {
        self.close();
        self.finish_under(&mut self.last_word())
    }

    fn finish_under(&self, last_word: &mut LastWord) -> bool {
        let mut lanes = self.hold();
        if lanes.are_empty() {
            lanes.close(Door::Shut);
            last_word.gone = true;
        }
        last_word.gone
    }

    /// The same for a thread that has its turn. Others of its pool may still be at work, or begin, and what their
    /// children have for them comes later: so it goes alone, and the last of them closes the mailbox.
    pub(crate) fn finish_for(&self, life: &Life) -> bool {
        let Some(crew) = self.crew.get() else { return self.finish() };
        self.close();
        let mut is_over = true;
        // If the thread was given up, the system has resigned for it.
        life.take_returned(|| {
            let mut last_word = self.last_word();
            if crew.reading() == 1 {
                is_over = self.finish_under(&mut last_word);
                return Vec::<M>::new();
            }
            is_over = last_word.gone || self.is_empty();
            if is_over && life.resign_once() {
                crew.resign();
            }
            Vec::new()
        });
        is_over
    }

    /// A thread of a ring has nothing to do, and will take nothing before it is [roused](Mailbox::rouse).
    /// `false` if something has come, or nothing will come any more.
    pub(crate) fn rest(&self) -> bool {
        let mut last_word = self.last_word();
        let may_rest = !last_word.gone && self.is_empty();
        last_word.resting += usize::from(may_rest);
        may_rest
    }

    /// It looks again. `false` if the mailbox was closed for good while it rested.
    pub(crate) fn rouse(&self) -> bool {
        let mut last_word = self.last_word();
        last_word.resting -= usize::from(!last_word.gone);
        !last_word.gone
    }

    /// Takes no more messages but those of the family, and wakes the senders that wait for room. What is in the mailbox
    /// stays.
    pub(crate) fn close(&self) {
        if self.is_closed() {
            return;
        }
        let was_open = {
            // Who displaces a message has its own refused before that, or not at all.
            let _nobody_displaces = self.last_word();
            // Whoever is refused finds it closed when it looks.
            let mut lanes = self.hold();
            lanes.close(Door::ForFamily);
            self.porter.close()
        };
        if was_open {
            self.closing.set();
            self.wake_senders();
        }
    }

    /// Closes the mailbox for good and takes out what is in it. The caller wakes the [senders](Mailbox::wake_senders)
    /// afterwards, when it holds no lock: if the mailbox was closed before, but for a family or a ring, some of those
    /// may wait for room.
    pub(crate) fn evict(&self) -> Vec<M> {
        self.close();
        let mut last_word = self.last_word();
        if last_word.gone {
            return Vec::new();
        }
        last_word.gone = true;
        self.hold().close(Door::Shut);
        self.lanes()
            .flat_map(|lane| std::iter::from_fn(|| lane.queue.take().map(Letter::open)))
            .collect()
    }

    /// Nobody puts anything into any lane meanwhile.
    pub(super) fn hold(&self) -> Lanes<'_, M> {
        Lanes([self.urgent.get(), Some(&self.ordinary)].map(|lane| Some(lane?.queue.hold())))
    }

    /// A part of its closing: nobody sees that it is closed.
    #[cfg(test)]
    pub(crate) fn shut_the_doors(&self) {
        self.hold().close(Door::Shut);
    }

    pub(super) fn last_word(&self) -> MutexGuard<'_, LastWord> {
        unwind::lock(&self.last_word)
    }
}

/// The lanes of a mailbox, in one pair of hands.
pub(super) struct Lanes<'a, M>([Option<Hold<'a, M>>; 2]);

impl<M> Lanes<'_, M> {
    pub(super) fn are_empty(&self) -> bool {
        self.0.iter().flatten().all(Hold::is_empty)
    }

    /// From here on nothing is put in but by those for whom that door is open.
    pub(super) fn close(&mut self, door: Door) {
        self.0.iter_mut().flatten().for_each(|lane| lane.close(door));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::super::queue::Caller;
    use super::super::room::Waiter;
    use super::super::tests::with_two_lanes;
    use super::*;
    use crate::capacity::Capacity;
    use crate::reply::tests::{Count, woken};
    use crate::waiters::Ticket;

    #[test]
    fn m1_a_mailbox_with_something_in_it_is_not_finished() {
        let mailbox = Mailbox::new(Capacity::Bounded(4));
        assert!(mailbox.offer(&mailbox.ordinary, 1).is_ok());
        assert!(!mailbox.finish());
        assert_eq!(mailbox.take(), Some(1));
        assert!(mailbox.finish());
        assert!(mailbox.offer(&mailbox.ordinary, 2).is_err());
    }

    #[test]
    fn m1_a_mailbox_is_finished_when_both_lanes_are_empty() {
        let mailbox = with_two_lanes();
        assert!(mailbox.offer(mailbox.urgent().unwrap(), 1).is_ok());
        assert!(mailbox.offer(&mailbox.ordinary, 2).is_ok());
        assert_eq!(mailbox.len(), 2);
        assert!(!mailbox.finish());
        assert_eq!(mailbox.take(), Some(2));
        assert!(!mailbox.finish());
        assert_eq!((mailbox.take(), mailbox.take_urgent()), (None, Some(1)));
        assert!(mailbox.finish());
        assert!(mailbox.offer(mailbox.urgent().unwrap(), 3).is_err());
    }

    #[test]
    fn o3_m4_whoever_would_end_it_closes_it_and_wakes_those_who_wait_for_room() {
        let ends: [fn(&Mailbox<u32>) -> bool; 4] = [
            Mailbox::finish,
            |it| it.finish_for(&Life::unstarted()),
            Mailbox::finish_for_strangers,
            |it| it.evict().is_empty(),
        ];
        for (end, threads) in ends.iter().flat_map(|end| [(end, 1), (end, 2)]) {
            let (mailbox, count) = (Mailbox::new(Capacity::Bounded(4)), Arc::new(Count::default()));
            mailbox.staff(threads);
            assert!(mailbox.offer(&mailbox.ordinary, 1).is_ok());
            mailbox.ordinary.queue_up(Ticket::next(), Waiter::Thread(Arc::clone(&count).into()));
            assert!(!end(&mailbox));
            assert!(mailbox.is_closed() && mailbox.closing.is_set() && woken(&count) == 1);
            assert!(mailbox.offer(&mailbox.ordinary, 2).is_err());
        }
    }

    #[test]
    fn m1_whoever_is_refused_finds_it_closed() {
        for _ in 0..300 {
            let mailbox = Mailbox::new(Capacity::Unbounded);
            thread::scope(|scope| {
                scope.spawn(|| {
                    while mailbox.offer(&mailbox.ordinary, 1).is_ok() {}
                    assert!(mailbox.is_closed());
                });
                while mailbox.len() < 20 {
                    thread::yield_now();
                }
                mailbox.close();
            });
        }
    }

    #[test]
    fn m1_o3_threads_of_a_pool_go_one_by_one_and_the_last_closes_the_mailbox() {
        let (mailbox, [first, last]) =
            (Mailbox::new(Capacity::Bounded(4)), [(); 2].map(|()| Life::unstarted()));
        mailbox.staff(2);
        let reading = || mailbox.crew().unwrap().reading();
        assert!(mailbox.offer(&mailbox.ordinary, 1).is_ok());
        assert!(!mailbox.finish_for(&first) && reading() == 2);
        assert_eq!(mailbox.take(), Some(1));
        assert!(mailbox.finish_for(&first) && reading() == 1 && !mailbox.is_gone());
        assert!(!first.resign_once(), "on its way out it would count itself out once more");
        // A child of the last one has something for the pool.
        assert!(mailbox.ordinary.queue.put(2, Caller::Family).is_ok());
        assert!(!mailbox.finish_for(&last) && !mailbox.is_gone());
        assert_eq!(mailbox.take(), Some(2));
        assert!(mailbox.finish_for(&last) && mailbox.is_gone());
    }

    #[test]
    fn m1_d3_a_thread_that_was_given_up_goes_and_leaves_the_mailbox_to_the_others() {
        let (mailbox, given_up) = (Mailbox::new(Capacity::Bounded(4)), Life::unstarted());
        mailbox.staff(2);
        assert!(mailbox.offer(&mailbox.ordinary, 1).is_ok());
        assert!(given_up.disown().is_some());
        assert!(mailbox.finish_for(&given_up));
        assert!(mailbox.crew().unwrap().reading() == 2 && !mailbox.is_gone());
        assert_eq!(mailbox.take(), Some(1));
    }

    #[test]
    fn m1_what_is_left_in_both_lanes_is_taken_the_urgent_first() {
        let mailbox = with_two_lanes();
        for n in 0..2 {
            assert!(mailbox.offer(&mailbox.ordinary, n).is_ok());
            assert!(mailbox.offer(mailbox.urgent().unwrap(), n + 10).is_ok());
        }
        assert_eq!(mailbox.evict(), [10, 11, 0, 1]);
        assert_eq!((mailbox.len(), mailbox.is_gone()), (0, true));
    }
}
