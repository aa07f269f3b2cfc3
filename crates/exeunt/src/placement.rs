//! Placement: an asker and who answers it do not share a CPU while another one is idle.
//!
//! The scheduler looks for an idle CPU whenever a thread wakes up. Two that never sleep, since they give way to each
//! other, stay together on the CPU where they met until it balances the load: for some milliseconds, which are thousands
//! of answers. So an asker that seems to share its CPU sleeps once, and is woken on an idle one if there is one.
//!
//! It cannot see where it runs, but it sees how its answers come. Who gives way on a shared CPU is back when the
//! other has done its work, so that each answer is there at the first look; of those that come from another CPU one
//! in some tens is not.

use std::cell::Cell;

/// After so many answers in a row at the first look, it is hardly chance.
const SUSPICIOUS: u32 = 128;

/// Where no other CPU is idle a sleep is in vain, so that it is tried less and less often: after so many at last.
const RESIGNED: u32 = 1 << 16;

/// How the answers to this thread have come of late.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Streak {
    at_first_look: u32,
    /// How many of them are enough.
    limit: u32,
}

impl Streak {
    const fn new() -> Streak {
        Streak { at_first_look: 0, limit: SUSPICIOUS }
    }

    fn answered(&mut self, looks: u32) {
        if looks == 1 {
            self.at_first_look += 1;
        } else {
            *self = Streak { at_first_look: 0, limit: SUSPICIOUS.max(self.limit / 2) };
        }
    }

    /// It had to sleep for one, and was woken on an idle CPU if there was any.
    fn slept(&mut self) {
        self.at_first_look = 0;
    }

    fn is_over(&mut self) -> bool {
        let is_over = self.at_first_look >= self.limit;
        if is_over {
            *self = Streak { at_first_look: 0, limit: RESIGNED.min(self.limit * 2) };
        }
        is_over
    }
}

thread_local! {
    static STREAK: Cell<Streak> = const { Cell::new(Streak::new()) };
}

fn of_this_thread<T>(change: impl FnOnce(&mut Streak) -> T) -> Option<T> {
    let change = |own: &Cell<Streak>| {
        let mut streak = own.get();
        let result = change(&mut streak);
        own.set(streak);
        result
    };
    // In the last moments of a thread it does not matter any more where it runs.
    STREAK.try_with(change).ok()
}

/// An answer to this thread was there after so many looks.
pub(crate) fn answered(looks: u32) {
    let _ = of_this_thread(|streak| streak.answered(looks));
}

/// This thread had to sleep for an answer.
pub(crate) fn slept() {
    let _ = of_this_thread(Streak::slept);
}

/// Whether it is time for this thread to sleep once, so as to be woken elsewhere.
pub(crate) fn is_shared() -> bool {
    of_this_thread(Streak::is_over).unwrap_or(false)
}

/// Makes this thread believe that it shares its CPU.
#[cfg(test)]
pub(crate) fn suspect() {
    (0..RESIGNED).for_each(|_| answered(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many answers at the first look it takes.
    fn patience(streak: &mut Streak) -> u32 {
        let answers = (0..).take_while(|_| {
            let goes_on = !streak.is_over();
            streak.answered(1);
            goes_on
        });
        u32::try_from(answers.count()).unwrap()
    }

    #[test]
    fn who_sleeps_in_vain_tries_it_less_often_and_who_does_not_soon_again() {
        let mut streak = Streak::new();
        assert!(!streak.is_over());
        let tries: Vec<u32> = (0..12).map(|_| patience(&mut streak)).collect();
        assert_eq!(tries[..3], [SUSPICIOUS, 2 * SUSPICIOUS - 1, 4 * SUSPICIOUS - 1]);
        assert_eq!(tries[11], RESIGNED - 1);
        (0..9).for_each(|_| streak.answered(2));
        assert_eq!(streak, Streak::new());
    }

    #[test]
    fn an_answer_that_took_two_looks_begins_anew() {
        let mut streak = Streak::new();
        (0..5).for_each(|_| {
            (1..SUSPICIOUS).for_each(|_| streak.answered(1));
            streak.answered(2);
        });
        assert!(!streak.is_over());
    }

    #[test]
    fn who_slept_for_an_answer_begins_anew_and_is_no_less_resigned() {
        let mut streak = Streak::new();
        let tries = [patience(&mut streak), patience(&mut streak)];
        assert_eq!(tries, [SUSPICIOUS, 2 * SUSPICIOUS - 1]);
        (1..2 * SUSPICIOUS).for_each(|_| streak.answered(1));
        streak.slept();
        assert_eq!(patience(&mut streak), 4 * SUSPICIOUS);
    }

    #[test]
    fn each_thread_has_its_own() {
        suspect();
        assert_eq!(std::thread::spawn(is_shared).join().ok(), Some(false));
        assert!(is_shared() && !is_shared());
    }
}
