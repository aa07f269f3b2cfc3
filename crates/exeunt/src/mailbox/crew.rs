//! A crew: several threads that read one mailbox, as a pool does.
//!
//! They take from its queue side by side, which needs no more than one thread needs. What they have to agree upon is
//! the end: which is the last to read, and so has to return what is left; which is the last to leave, after which no
//! answer can come; and whether all have nothing to do, so that an actor that nobody can reach will never come to life
//! again.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::Bell;

pub(crate) struct Crew {
    /// The bells of all but the first, which has the mailbox's own.
    bells: Vec<Bell>,
    reading: AtomicUsize,
    present: AtomicUsize,
    /// How many are asleep, and above [`ASLEEP`] how often one of them has woken: in one word, so that it is seen
    /// whether any of them was awake between two looks.
    sleep: AtomicU64,
}

const ASLEEP: u64 = u32::MAX as u64;
const WOKEN: u64 = 1 << 32;

/// A moment at which all of them were asleep.
pub(crate) struct Calm(u64);

impl Crew {
    pub(super) fn new(threads: usize) -> Crew {
        Crew {
            bells: (1..threads).map(|_| Bell::new()).collect(),
            reading: AtomicUsize::new(threads),
            present: AtomicUsize::new(threads),
            sleep: AtomicU64::new(0),
        }
    }

    /// The bell of the thread in that seat; the first seat is not in here.
    pub(super) fn bell(&self, seat: usize) -> Option<&Bell> {
        self.bells.get(seat.checked_sub(1)?)
    }

    pub(super) fn ring(&self) {
        self.bells.iter().for_each(Bell::ring);
    }

    /// One of them reads no more. Says whether it was the last.
    pub(super) fn resign(&self) -> bool {
        self.reading.fetch_sub(1, Ordering::SeqCst) == 1
    }

    /// How many of them read it.
    pub(super) fn reading(&self) -> usize {
        self.reading.load(Ordering::SeqCst)
    }

    /// Whether none of them reads any more.
    pub(super) fn is_unread(&self) -> bool {
        self.reading() == 0
    }

    /// One of them has left. Says whether it was the last.
    pub(super) fn leave(&self) -> bool {
        self.present.fetch_sub(1, Ordering::SeqCst) == 1
    }

    /// One of them has nothing to do. If none has, gives the moment: each of those that go on reading has then seen an
    /// empty mailbox, and holds no message. But a message may have come since, and wake a thread that holds it a moment
    /// later.
    pub(crate) fn fall_asleep(&self) -> Option<Calm> {
        let sleep = self.sleep.fetch_add(1, Ordering::SeqCst) + 1;
        let all = self.reading() as u64;
        (sleep & ASLEEP == all).then_some(Calm(sleep))
    }

    /// Whether all who go on reading are asleep, so that none of them looks by itself any more.
    pub(super) fn is_asleep(&self) -> bool {
        self.sleep.load(Ordering::SeqCst) & ASLEEP == self.reading() as u64
    }

    /// Whether none of them has woken since.
    pub(crate) fn is_still(&self, calm: &Calm) -> bool {
        self.sleep.load(Ordering::SeqCst) == calm.0
    }

    pub(crate) fn wake_up(&self) {
        self.sleep.fetch_add(WOKEN - 1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m1_only_the_last_to_read_and_the_last_to_leave_are_the_last() {
        let crew = Crew::new(3);
        let resigned = [(); 3].map(|()| (crew.is_unread(), crew.resign()));
        assert_eq!(resigned, [(false, false), (false, false), (false, true)]);
        assert!(crew.is_unread());
        assert_eq!([(); 3].map(|()| crew.leave()), [false, false, true]);
    }

    #[test]
    fn o5_all_are_asleep_when_all_who_still_read_are() {
        let crew = Crew::new(3);
        assert!(crew.fall_asleep().is_none() && crew.fall_asleep().is_none());
        crew.wake_up();
        assert!(crew.fall_asleep().is_none() && crew.fall_asleep().is_some());
        crew.wake_up();
        // A thread that resigns is awake, and need not sleep any more.
        assert!(!crew.resign());
        crew.wake_up();
        assert!(crew.fall_asleep().is_some());
    }

    #[test]
    fn o5_who_was_awake_in_between_is_seen_though_it_sleeps_again() {
        let crew = Crew::new(2);
        assert!(crew.fall_asleep().is_none());
        let calm = crew.fall_asleep().unwrap();
        assert!(crew.is_still(&calm));
        crew.wake_up();
        assert!(!crew.is_still(&calm));
        assert!(crew.fall_asleep().is_some() && !crew.is_still(&calm));
    }

    #[test]
    fn o3_all_bells_but_that_of_the_first_seat_are_rung_here() {
        let crew = Crew::new(3);
        assert!(crew.bell(0).is_none() && crew.bell(3).is_none());
        crew.ring();
        let bells = [1, 2].map(|seat| crew.bell(seat).is_some_and(Bell::heard));
        assert_eq!(bells, [true, true]);
    }
}
