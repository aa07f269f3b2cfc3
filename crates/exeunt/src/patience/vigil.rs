//! A vigil: a thread that waits keeps its place on the CPU for a moment before it gives way.
//!
//! The one it waits for may be at work on a CPU of its own, and done within what a yield alone takes; on the same CPU
//! it cannot be. Which of the two it is, or whether it takes longer anyway, is seen by the outcome: where a vigil does
//! not pay, it is only tried now and then.

use std::hint;

/// How often it looks again, with pauses that get twice as long each time: 15 in all, 0.2 to 0.6 µs by processor.
const PAUSES: u32 = 4;

/// Where it does not pay, it is tried once in this many waits.
const TRIAL: u32 = 32;

/// What it gains where it pays is about twice what it costs where it does not.
const GAIN: u32 = 2;

/// The most credit: so it is soon seen that a vigil does not pay any more.
const MOST: u32 = 16;

#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Vigil {
    /// What it has lately gained, less what it has cost.
    credit: u32,
    /// How many waits have gone by without a vigil since the last one.
    without: u32,
}

impl Vigil {
    pub(super) const fn new() -> Vigil {
        Vigil { credit: 0, without: 0 }
    }

    /// The number of pauses of the wait that begins now.
    pub(super) fn pauses(&mut self) -> u32 {
        let is_worth_it = self.credit > 0 || self.without == TRIAL;
        self.without = if is_worth_it { 0 } else { self.without + 1 };
        if is_worth_it { PAUSES } else { 0 }
    }

    /// A wait that began with pauses has ended, within them or not.
    pub(super) fn learn(&mut self, has_paid: bool) {
        self.credit = match has_paid {
            true => MOST.min(self.credit + GAIN),
            false => self.credit.saturating_sub(1),
        };
    }
}

/// Pauses after so many looks.
pub(super) fn pause(looks: u32) {
    (0..1_u32 << looks).for_each(|_| hint::spin_loop());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In which of so many waits it pauses, where it pays in those.
    fn waits(vigil: &mut Vigil, pays: impl Fn(usize) -> bool, waits: usize) -> Vec<usize> {
        let watches = |&wait: &usize| {
            let watches = vigil.pauses() > 0;
            if watches {
                vigil.learn(pays(wait));
            }
            watches
        };
        (0..waits).filter(watches).collect()
    }

    #[test]
    fn where_it_never_pays_it_is_tried_now_and_then() {
        let (mut vigil, trial) = (Vigil::new(), TRIAL as usize);
        assert_eq!(
            waits(&mut vigil, |_| false, 3 * trial + 3),
            [trial, 2 * trial + 1, 3 * trial + 2]
        );
    }

    #[test]
    fn where_it_pays_every_other_time_it_is_always_done() {
        let (mut vigil, trial) = (Vigil::new(), TRIAL as usize);
        let every_other = |wait| wait % 2 == trial % 2;
        assert_eq!(waits(&mut vigil, every_other, 100).len(), 100 - trial);
    }

    #[test]
    fn where_it_pays_no_more_it_is_soon_left() {
        let (mut vigil, most) = (Vigil::new(), MOST as usize);
        waits(&mut vigil, |_| true, 100);
        let more: Vec<usize> = (0..most).collect();
        assert_eq!(waits(&mut vigil, |_| false, most + TRIAL as usize), more);
    }
}
