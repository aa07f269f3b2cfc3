//! Patience: how a thread that finds nothing looks again before it goes to sleep.
//!
//! A sleeping thread costs 35 to 48 µs to wake, a yield well under one. So a thread gives its place on the CPU away
//! once, and more often as long as that pays: two threads that talk to each other all the time hardly ever sleep, and a
//! thread to which nothing comes goes to sleep almost at once. Never to give way would not do: where one thread sends
//! to many in turn, each of which has to be woken for its message, a round takes so long that none that slept finds out
//! that it was hardly worth it.
//!
//! A thread that waits for what another is about to do, an answer say, keeps its place for some [pauses](vigil) before
//! that, if it pays: from another CPU the answer may be there before a yield is over. And by how its waits end a thread
//! sees that it shares its CPU with the one it waits for: then it sleeps once, to be woken on [another](streak).

use std::cell::Cell;
use std::thread;
use std::time::Duration;

use streak::Streak;
use vigil::Vigil;

mod streak;
mod vigil;

/// As many yields as take about as long as a wake-up does: to wait for longer before a sleep would never be worth it.
const MOST: u32 = 64;

/// As many as it takes to find out that more would pay.
const LEAST: u32 = 1;

/// A sleep that was hardly worth it.
const NAP: Duration = Duration::from_micros(50);

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Patience {
    /// How often it gives way before it sleeps.
    yields: u32,
    /// How often it pauses before that, in the present wait.
    pauses: u32,
    wait: Wait,
    vigil: Vigil,
    streak: Streak,
}

/// How far the present wait has come, or how the last one ended. The lesson of a wait is learned when the next begins:
/// so nothing has to be noted when something has come, and there is something better to do.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Wait {
    Paused,
    GaveWay { times: u32 },
    Slept,
}

impl Patience {
    pub(crate) const fn new() -> Patience {
        Patience {
            yields: LEAST,
            pauses: 0,
            wait: Wait::Slept,
            vigil: Vigil::new(),
            streak: Streak::new(),
        }
    }

    /// Before another look, pauses or gives way, for what another thread is about to do. Says no if it has looked so
    /// often already that it is time to sleep, or if it should sleep for once: then it is woken on an idle CPU, if
    /// there is one.
    pub(crate) fn watches(&mut self, looks: u32) -> bool {
        if looks == 0 {
            self.learn();
            if self.streak.is_over() {
                (self.wait, self.pauses) = (Wait::Slept, 0);
                return false;
            }
            self.pauses = self.vigil.pauses();
        }
        if looks < self.pauses {
            self.wait = Wait::Paused;
            vigil::pause(looks);
            return true;
        }
        self.gives_way_again(looks - self.pauses)
    }

    /// Before another look, gives its place on the CPU away. Says no if it has looked so often already that it is time
    /// to sleep.
    pub(crate) fn gives_way(&mut self, looks: u32) -> bool {
        if looks == 0 {
            self.learn();
            self.pauses = 0;
        }
        self.gives_way_again(looks)
    }

    fn gives_way_again(&mut self, times: u32) -> bool {
        let is_patient = times < self.yields;
        if is_patient {
            self.wait = Wait::GaveWay { times: times + 1 };
            thread::yield_now();
        }
        is_patient
    }

    /// It had to sleep after all, for so long.
    pub(crate) fn slept(&mut self, time: Duration) {
        self.wait = Wait::Slept;
        self.yields = match time < NAP {
            true => MOST.min(self.yields * 2 + 1),
            false => LEAST.max(self.yields * 3 / 4),
        };
    }

    /// Learns from the last wait.
    fn learn(&mut self) {
        if let Wait::GaveWay { .. } = self.wait {
            self.yields = MOST.min(self.yields + 1);
        }
        if self.pauses > 0 {
            self.vigil.learn(self.wait == Wait::Paused);
        }
        match self.wait {
            Wait::GaveWay { times: 1 } => self.streak.goes_on(),
            Wait::Paused | Wait::GaveWay { .. } => self.streak.breaks(),
            Wait::Slept => self.streak.sleeps(),
        }
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

/// Makes this thread believe that it shares its CPU with the one it waits for.
#[cfg(test)]
pub(crate) fn suspect() {
    of_this_thread(|patience| {
        // A wait that ended in a sleep would end the streak.
        patience.wait = Wait::GaveWay { times: 1 };
        patience.streak = Streak::suspicious();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_rewarded_becomes_more_patient_and_who_is_not_less() {
        let mut patience = Patience::new();
        assert!(patience.gives_way(0) && !patience.gives_way(LEAST));
        (0..MOST).for_each(|_| assert!(patience.gives_way(0)));
        assert_eq!(patience.yields, MOST);
        (0..20).for_each(|_| patience.slept(NAP));
        assert_eq!(patience.yields, LEAST);
        (0..10).for_each(|_| patience.slept(NAP / 2));
        assert_eq!(patience.yields, MOST);
    }

    /// A wait that ends after so many looks in vain, unless it comes to a sleep before.
    fn wait(patience: &mut Patience, looks: u32) -> Vec<bool> {
        (0..looks).map(|looks| patience.watches(looks)).collect()
    }

    #[test]
    fn where_it_pays_to_watch_one_gives_way_only_after_that() {
        let mut patience = Patience::new();
        let waits: Vec<u32> = (0..200)
            .map(|_| {
                wait(&mut patience, 1);
                patience.pauses
            })
            .collect();
        let first = waits.iter().position(|&pauses| pauses > 0).unwrap();
        assert!(waits[first..].iter().all(|&pauses| pauses == patience.pauses));
        assert_eq!(patience.wait, Wait::Paused);
        let looks = patience.pauses + patience.yields;
        assert_eq!(wait(&mut patience, looks + 1).last(), Some(&false));
        assert_eq!(patience.wait, Wait::GaveWay { times: looks - patience.pauses });
    }

    #[test]
    fn who_finds_what_it_waits_for_whenever_it_has_given_way_once_sleeps_for_once() {
        let mut patience = Patience::new();
        // Within the pauses it finds nothing, since the other thread has no CPU.
        let sleeps = |patience: &mut Patience| {
            let looks_again = patience.watches(0);
            if looks_again {
                wait_out(patience);
            }
            !looks_again
        };
        let slept: Vec<usize> = (0..1_000).filter(|_| sleeps(&mut patience)).collect();
        assert!(matches!(slept[..], [128, 385, 898]), "{slept:?}");
    }

    fn wait_out(patience: &mut Patience) {
        (1..=patience.pauses).for_each(|looks| assert!(patience.watches(looks)));
        assert_eq!(patience.wait, Wait::GaveWay { times: 1 });
    }

    #[test]
    fn a_thread_remembers_what_it_has_learned() {
        let yields = || of_this_thread(|patience| patience.yields);
        (0..2).for_each(|_| assert!(of_this_thread(|patience| patience.gives_way(0))));
        assert_eq!(yields(), LEAST + 1);
        assert_eq!(thread::spawn(yields).join().ok(), Some(LEAST));
    }
}
