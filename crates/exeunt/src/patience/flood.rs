//! A flood: messages that come faster than they are taken, and are left to gather for a moment.
//!
//! A reader is quicker than a sender, and catches up with it. From then on the two meet at every message: each look
//! at an empty mailbox takes the cache line that holds its end away from whoever sends. So a reader that found nothing,
//! gave way, and sees now that many have come at once, gives way again as long as many more come each time. Then it has
//! a run of them before it, and the sender has been left alone. One message, a question say, is no flood, and is taken
//! at once; and what looks like one and is none, the questions of many say, is soon no longer taken for one.

use std::thread;
use std::time::{Duration, Instant};

/// As many as come at once in a flood: who does nothing but send puts more in while another thread gives way once.
const FLOOD: usize = 4;

/// How often a reader gives way to one: some microseconds, if nobody else wants its CPU.
const MOST: u32 = 16;

/// And for no longer than this, but for the last time, which takes longer if others want the CPU.
const MOMENT: Duration = Duration::from_micros(20);

/// How many are let pass after one for which it was not worth it.
const WARY: u32 = 64;

/// What a reader has learned of giving way to floods.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub(crate) struct Floods {
    wary: u32,
}

impl Floods {
    /// Lets messages gather, if there is a flood of them, until so many are `enough`.
    pub(crate) fn gather(&mut self, enough: usize, queued: impl Fn() -> usize) {
        let first = queued();
        if !(FLOOD..enough).contains(&first) {
            return;
        }
        self.wary = match self.wary.checked_sub(1) {
            Some(less) => less,
            None if swells(first, enough, queued) => 0,
            None => WARY,
        };
    }
}

/// Gives way while many more come each time. Whether they did to the end.
fn swells(mut before: usize, enough: usize, queued: impl Fn() -> usize) -> bool {
    let began = Instant::now();
    for _ in 0..MOST {
        thread::yield_now();
        let now = queued();
        if now >= enough {
            return true;
        }
        if now < before + FLOOD || began.elapsed() > MOMENT {
            return false;
        }
        before = now;
    }
    true
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// How often it looked at a mailbox of which this is the length, look by look.
    fn looks(floods: &mut Floods, enough: usize, length: impl Fn(usize) -> usize) -> usize {
        let looks = Cell::new(0);
        floods.gather(enough, || {
            looks.set(looks.get() + 1);
            length(looks.get() - 1)
        });
        looks.get()
    }

    #[test]
    fn what_is_no_flood_is_taken_at_once_and_teaches_nothing() {
        let mut floods = Floods::default();
        for length in [0, 1, FLOOD - 1, 100] {
            assert_eq!(looks(&mut floods, 100, |_| length), 1);
        }
        // Of so small a mailbox nothing is left to gather.
        assert_eq!(looks(&mut floods, FLOOD, |_| FLOOD), 1);
        assert_eq!(floods, Floods::default());
    }

    #[test]
    fn a_flood_gathers_until_it_is_enough_or_has_gone_on_for_long() {
        // Who has to wait for its CPU meanwhile looks less often, and tries again.
        let undisturbed = |enough, length: fn(usize) -> usize| loop {
            let mut floods = Floods::default();
            let looks = looks(&mut floods, enough, length);
            if floods == Floods::default() {
                return looks;
            }
        };
        assert_eq!(undisturbed(100, |look| 40 * (look + 1)), 3);
        assert_eq!(undisturbed(1000, |look| 10 * (look + 1)), 1 + MOST as usize);
    }

    #[test]
    fn what_rises_slowly_or_no_more_is_taken_and_the_next_let_pass() {
        let rising = |look| 10 * (look + 1);
        for length in [|_| 10, |look| 10 + look] {
            let mut floods = Floods::default();
            assert_eq!(looks(&mut floods, 100, length), 2);
            for _ in 0..WARY {
                assert_eq!(looks(&mut floods, 1000, rising), 1);
            }
            assert!(looks(&mut floods, 1000, rising) > 1);
        }
    }

    #[test]
    fn who_had_to_wait_for_its_cpu_gives_way_no_more() {
        let mut floods = Floods::default();
        // So slow a look stands for others that were given the CPU.
        let slowly = |look| {
            let began = Instant::now();
            while look > 0 && began.elapsed() <= MOMENT {}
            10 * (look + 1)
        };
        assert_eq!((looks(&mut floods, 1000, slowly), floods.wary), (2, WARY));
    }
}
