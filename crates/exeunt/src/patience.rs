//! Patience: how often a thread that finds nothing looks again before it goes to sleep.
//!
//! A sleeping thread costs 35 to 48 µs to wake, a yield well under one. So a thread gives its place on the
//! CPU away once, and more often as long as that pays: two that talk to each other all the
//! time hardly ever sleep, and somebody to whom nothing comes goes to sleep almost at once. Never to give way would not do:
//! where one sends to many in turn, each of whom has to be woken for its message, a round takes so long that nobody
//! who slept finds out that it was hardly worth it.

use std::cell::Cell;
use std::mem;
use std::thread;
use std::time::Duration;

/// As many yields as take about as long as a wake-up does: to wait for longer than that before one sleeps
/// would never be worth it.
const MOST: u32 = 64;

/// As many as it takes to find out that more would pay.
const LEAST: u32 = 1;

/// A sleep that was hardly worth it.
pub(crate) const NAP: Duration = Duration::from_micros(50);

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Patience {
    looks: u32,
    /// It has looked again, and has not slept since.
    has_paid: bool,
}

impl Patience {
    pub(crate) const fn new() -> Patience {
        Patience { looks: LEAST, has_paid: false }
    }

    /// Gives its place on the CPU away, before another look; not, if it has looked so often already that
    /// it is time to sleep.
    ///
    /// What came of one wait is learned when the next begins: so nothing has to be said when something
    /// has come, and there is something better to do.
    pub(crate) fn gives_way(&mut self, looks: u32) -> bool {
        if looks == 0 && mem::replace(&mut self.has_paid, true) {
            self.looks = MOST.min(self.looks + 1);
        }
        let is_patient = looks < self.looks;
        if is_patient {
            thread::yield_now();
        }
        is_patient
    }

    /// It had to sleep after all, for so long.
    pub(crate) fn slept(&mut self, time: Duration) {
        self.has_paid = false;
        self.looks = match time < NAP {
            true => MOST.min(self.looks * 2 + 1),
            false => LEAST.max(self.looks * 3 / 4),
        };
    }
}

thread_local! {
    static OWN: Cell<Patience> = const { Cell::new(Patience::new()) };
}

/// Waits with the patience that this thread has learned when it sent and asked.
pub(crate) fn of_this_thread<T>(wait: impl FnOnce(&mut Patience) -> T) -> T {
    let mut patience = OWN.try_with(Cell::get).unwrap_or(Patience::new());
    let result = wait(&mut patience);
    // There is nothing more to learn in the last moments of a thread.
    let _ = OWN.try_with(|own| own.set(patience));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_rewarded_becomes_more_patient_and_who_is_not_less() {
        let mut patience = Patience::new();
        assert!(patience.gives_way(0) && !patience.gives_way(LEAST));
        (0..MOST).for_each(|_| assert!(patience.gives_way(0)));
        assert_eq!(patience.looks, MOST);
        (0..20).for_each(|_| patience.slept(NAP));
        assert_eq!(patience, Patience::new());
        (0..10).for_each(|_| patience.slept(NAP / 2));
        assert_eq!(patience.looks, MOST);
    }

    #[test]
    fn a_thread_remembers_what_it_has_learned() {
        let looks = || of_this_thread(|patience| patience.looks);
        (0..2).for_each(|_| assert!(of_this_thread(|patience| patience.gives_way(0))));
        assert_eq!(looks(), LEAST + 1);
        assert_eq!(thread::spawn(looks).join().ok(), Some(LEAST));
    }
}
