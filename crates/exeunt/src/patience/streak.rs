//! A streak: what tells a thread that it shares its CPU with the one it waits for.
//!
//! The scheduler looks for an idle CPU whenever a thread wakes up. Two threads that never sleep, since they give way to
//! each other, stay together on the CPU where they met until it balances the load: for some milliseconds, which are
//! thousands of answers. So a thread that seems to share its CPU sleeps once, and is woken on an idle one if there is
//! one.
//!
//! It cannot see where it runs, but it sees how its waits end. A thread that gives way on a shared CPU is back when the
//! other has done its work, so that what it waits for is always there when it has given way once; from another CPU it
//! comes within the pauses before that, or one time in some tens later.

/// After this many waits in a row that ended so, it is hardly chance.
const SUSPICIOUS: u32 = 128;

/// Where no other CPU is idle a sleep is in vain, so that it is tried less and less often: at last after this many.
const RESIGNED: u32 = 1 << 16;

#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Streak {
    /// How many waits in a row have ended so.
    waits: u32,
    /// How many of them are enough.
    limit: u32,
}

impl Streak {
    pub(super) const fn new() -> Streak {
        Streak { waits: 0, limit: SUSPICIOUS }
    }

    /// A streak that is over.
    #[cfg(test)]
    pub(super) const fn suspicious() -> Streak {
        Streak { waits: RESIGNED, limit: SUSPICIOUS }
    }

    /// A wait has ended after its thread had given way once.
    pub(super) fn goes_on(&mut self) {
        // A thread that only sends, and never asks, never tries a sleep.
        self.waits = self.waits.saturating_add(1);
    }

    /// A wait has ended otherwise.
    pub(super) fn breaks(&mut self) {
        *self = Streak { waits: 0, limit: SUSPICIOUS.max(self.limit / 2) };
    }

    /// It had to sleep, and was woken on an idle CPU if there was any.
    pub(super) fn sleeps(&mut self) {
        self.waits = 0;
    }

    /// Whether it is time to sleep once.
    pub(super) fn is_over(&mut self) -> bool {
        let is_over = self.waits >= self.limit;
        if is_over {
            *self = Streak { waits: 0, limit: RESIGNED.min(self.limit * 2) };
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many waits it takes.
    fn waits(streak: &mut Streak) -> u32 {
        let waits = (0..).take_while(|_| {
            let goes_on = !streak.is_over();
            streak.goes_on();
            goes_on
        });
        u32::try_from(waits.count()).unwrap()
    }

    #[test]
    fn who_sleeps_in_vain_tries_it_less_often_and_who_does_not_soon_again() {
        let mut streak = Streak::new();
        assert!(!streak.is_over());
        let tries: Vec<u32> = (0..12).map(|_| waits(&mut streak)).collect();
        assert_eq!(tries[..3], [SUSPICIOUS, 2 * SUSPICIOUS - 1, 4 * SUSPICIOUS - 1]);
        assert_eq!(tries[11], RESIGNED - 1);
        (0..9).for_each(|_| streak.breaks());
        assert_eq!(streak, Streak::new());
    }

    #[test]
    fn a_wait_that_ended_otherwise_begins_it_anew() {
        let mut streak = Streak::new();
        (0..5).for_each(|_| {
            (1..SUSPICIOUS).for_each(|_| streak.goes_on());
            streak.breaks();
        });
        assert!(!streak.is_over());
    }

    #[test]
    fn however_long_it_goes_on_it_is_counted() {
        let mut streak = Streak { waits: u32::MAX, limit: RESIGNED };
        streak.goes_on();
        assert!(streak.is_over());
    }

    #[test]
    fn who_had_to_sleep_begins_anew_and_is_no_less_resigned() {
        let mut streak = Streak::new();
        let tries = [waits(&mut streak), waits(&mut streak)];
        assert_eq!(tries, [SUSPICIOUS, 2 * SUSPICIOUS - 1]);
        (1..2 * SUSPICIOUS).for_each(|_| streak.goes_on());
        streak.sleeps();
        assert_eq!(waits(&mut streak), 4 * SUSPICIOUS);
    }
}
