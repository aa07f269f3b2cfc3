//! The pulse: where an actor's thread is, and how much it has achieved, in one word that the thread writes for every
//! message and that others look at now and then.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Life;

/// The only words that are written for every message, on a cache line of their own: no other thread
/// writes here, and others look rarely.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct Pulse {
    word: AtomicU64,
    /// Signs of life that the user's code gave by itself.
    signs: AtomicU64,
}

/// The number of handled messages, above the [`Place`]. One word, so that both are seen at the same
/// moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Word(u64);

/// Where a thread is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// Our own code, and awake.
    Runner,
    /// Its handler, with a message in its hands.
    Message,
    /// Other code of the user's.
    Hook,
    /// It waits, with nothing in its hands.
    Asleep,
}

const PLACE_BITS: u32 = 2;
const PLACE_MASK: u64 = (1 << PLACE_BITS) - 1;

impl Word {
    pub(super) fn handled(self) -> u64 {
        self.0 >> PLACE_BITS
    }

    pub(super) fn place(self) -> Place {
        match self.0 & PLACE_MASK {
            0 => Place::Runner,
            1 => Place::Message,
            2 => Place::Hook,
            _ => Place::Asleep,
        }
    }

    #[inline]
    fn at(self, place: Place) -> Word {
        Word((self.0 & !PLACE_MASK) | place as u64)
    }

    #[inline]
    fn with_one_more(self) -> Word {
        Word(self.0 + (1 << PLACE_BITS))
    }
}

impl Pulse {
    /// As others see it.
    pub(super) fn look(&self) -> Word {
        Word(self.word.load(Ordering::Acquire))
    }

    /// Said by the actor's own thread.
    #[inline]
    pub(super) fn set_place(&self, place: Place) {
        self.change(|word| word.at(place));
    }

    #[inline]
    fn change(&self, change: impl FnOnce(Word) -> Word) {
        // Only this thread writes the word, so it needs no read-modify-write, which would cost
        // more than all the rest of the bookkeeping.
        let word = Word(self.word.load(Ordering::Relaxed));
        self.word.store(change(word).0, Ordering::Release);
    }
}

/// A look at the pulse: two that are equal mean that nothing was finished in between.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sample {
    word: Word,
    signs: u64,
    failed: u64,
    /// It has had its last word: what still runs is its thread's destructors.
    is_over: bool,
}

impl Sample {
    /// Whether the thread is in the user's code. If not, it is in ours, where nothing blocks for
    /// good, and will see its orders by itself.
    pub(crate) fn is_in_user_code(self) -> bool {
        self.is_over || matches!(self.word.place(), Place::Message | Place::Hook)
    }

    /// Whether it is in its handler, with a message in its hands.
    pub(crate) fn is_handling(self) -> bool {
        !self.is_over && self.word.place() == Place::Message
    }

    /// Whether the thread may not have moved since the other look, whatever signs of life it gave where it is.
    pub(crate) fn is_where_it_was(self, before: Sample) -> bool {
        self == Sample { signs: self.signs, ..before }
    }

    /// Grows with everything that is achieved.
    pub(crate) fn pulse(self) -> u64 {
        self.word.handled().wrapping_add(self.signs).wrapping_add(self.failed)
    }

    /// Whether it waits, with nothing in its hands.
    pub(crate) fn is_asleep(self) -> bool {
        self.word.place() == Place::Asleep
    }
}

impl Life {
    // What the actor's own thread says.

    /// A message goes to the handler.
    #[inline]
    pub(crate) fn enter_message(&self) {
        self.pulse.set_place(Place::Message);
    }

    /// The handler returned `Ok`.
    #[inline]
    pub(crate) fn leave_handled(&self) {
        self.pulse.change(|word| word.at(Place::Runner).with_one_more());
    }

    /// The thread is about to wait, with nothing in its hands.
    pub(crate) fn fall_asleep(&self) {
        self.pulse.set_place(Place::Asleep);
    }

    /// It has woken, and has not yet taken anything: whoever finds that something was taken also
    /// finds it awake, or finds the message counted.
    pub(crate) fn wake_up(&self) {
        self.pulse.set_place(Place::Runner);
    }

    pub(crate) fn sign_of_life(&self) {
        self.pulse.signs.fetch_add(1, Ordering::Relaxed);
    }

    // What the others see.

    /// How many messages its handler has returned `Ok` for.
    pub(crate) fn handled(&self) -> u64 {
        self.pulse.look().handled()
    }

    pub(crate) fn sample(&self) -> Sample {
        let ledger = self.ledger();
        Sample {
            word: self.pulse.look(),
            signs: self.pulse.signs.load(Ordering::Relaxed),
            failed: ledger.failed,
            is_over: ledger.outcome.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d1_two_samples_differ_if_anything_was_finished_in_between() {
        let life = Life::unstarted();
        life.enter_message();
        let before = life.sample();
        assert_eq!(before, life.sample());
        life.leave_failed();
        life.enter_message();
        assert_ne!(before, life.sample());
        let before = life.sample();
        life.sign_of_life();
        assert_ne!(before, life.sample());
        assert!(life.sample().is_where_it_was(before));
        life.leave_handled();
        assert!(!life.sample().is_where_it_was(before));
    }
}
