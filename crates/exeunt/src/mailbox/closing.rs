//! The reader's side of the closing: how a mailbox is closed, and when it is gone for good.

use std::sync::MutexGuard;

use super::{Lane, Letter, Mailbox, Parcel};
use crate::life::Life;
use crate::unwind;

pub(super) struct LastWord<M> {
    /// From here on, no send is accepted: one that gets its message into the channel takes it out
    /// again.
    pub(super) gone: bool,
    /// How many of the threads that read it have nothing to do, and wait for the others of their ring.
    pub(super) resting: usize,
    /// Messages that one late sender found while it looked for its own.
    pub(super) strays: Vec<Parcel<M>>,
}

impl<M> LastWord<M> {
    pub(super) fn new() -> LastWord<M> {
        LastWord { gone: false, resting: 0, strays: Vec::new() }
    }
}

impl<M: Send + 'static> Mailbox<M> {
    /// Whether no send is accepted any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.last_word().gone
    }

    /// Closes the mailbox if it is empty, for good, for all but the family, which comes by the stage door from here on:
    /// the reader's children are to leave, and what a stranger still put in would find them gone. `false` means that
    /// something came late, and is to be handled.
    pub(crate) fn finish_for_strangers(&self) -> bool {
        if self.has_stage_door() {
            return true;
        }
        self.close();
        let last_word = self.last_word();
        let is_finished = last_word.gone || self.is_empty();
        if is_finished {
            self.lanes().for_each(Lane::open_stage_door);
        }
        drop(last_word);
        if is_finished && self.crew.get().is_some() {
            // The other threads that read it are to take nothing more by the front either.
            self.ring_all();
        }
        is_finished
    }

    /// Whether it is closed for good for all but the family.
    pub(crate) fn has_stage_door(&self) -> bool {
        self.ordinary.has_stage_door()
    }

    /// Closes the mailbox if it is empty, for good: from here on no send is accepted. `false`
    /// means that something came late, and is to be handled.
    pub(crate) fn finish(&self) -> bool {
        self.close();
        let mut last_word = self.last_word();
        last_word.gone |= self.is_empty();
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
            is_over = last_word.gone || self.is_empty();
            if !is_over || crew.reading() == 1 {
                last_word.gone |= is_over;
            } else if life.resign_once() {
                crew.resign();
            }
            Vec::<M>::new()
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

    /// Takes no more messages, and wakes the senders that wait for room. What is in the mailbox
    /// stays.
    pub(crate) fn close(&self) {
        if self.porter.close() {
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
        self.lanes()
            .flat_map(|lane| std::iter::from_fn(|| lane.way().take().map(Letter::open)))
            .collect()
    }

    pub(super) fn last_word(&self) -> MutexGuard<'_, LastWord<M>> {
        unwind::lock(&self.last_word)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::with_two_lanes;
    use super::*;
    use crate::capacity::Capacity;

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
    fn m1_what_is_left_in_both_lanes_is_taken_the_urgent_first() {
        let mailbox = with_two_lanes();
        for n in 0..2 {
            assert!(mailbox.offer(&mailbox.ordinary, n).is_ok());
            assert!(mailbox.offer(mailbox.urgent().unwrap(), n + 10).is_ok());
        }
        assert_eq!(mailbox.evict(), [10, 11, 0, 1]);
        assert_eq!(mailbox.len(), 0);
    }
}
