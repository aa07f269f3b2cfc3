//! A flood: a reader to which messages come all the time keeps its distance from the sender.
//!
//! At the sender's heels a reader makes both slow: each look at an empty queue takes away from the sender the cache
//! line that says where the queue ends, and each message has to be fetched from where it was written a moment before.
//! With some hundred messages between them both go at full speed. So a reader that has handled many messages since it
//! last found nothing, and finds nothing now, gives way for some microseconds before it looks again; others look again
//! at once.
//!
//! A reader that is quicker than its sender, and alone on its CPU, never has so many in a row: each look brings what
//! came since the last, some messages, and it stays at the sender's heels. So after a few in a row it now and then tries
//! what a flood is given, and sees by the next row whether it was one.

use std::mem;
use std::thread;
use std::time::{Duration, Instant};

/// This many messages in a row are a flood. A reader that is asked by a few, who wait for its answer before they ask
/// again, has no such row, and nobody waits for what it would gain.
const FLOOD: u64 = 64;

/// This many in a row may be one of which each look takes a part.
const FEW: u64 = 8;

/// Where a trial was in vain there are so many messages, and each time twice as many, between it and the next: at last
/// this many.
const RESIGNED: u64 = 1 << 13;

/// A time in which some hundred messages are sent. At worst it costs a flood this much once in [`FLOOD`] messages.
const GATHERING: Duration = Duration::from_micros(5);

pub(crate) struct Flood {
    /// How many messages had been handled when it last found nothing.
    handled: u64,
    /// When so many have been handled it is time for a trial.
    trial: u64,
    /// So many are handled between that one and the next.
    interval: u64,
}

impl Flood {
    pub(crate) fn new(handled: u64) -> Flood {
        Flood { handled, trial: handled, interval: FLOOD }
    }

    /// There is nothing now, and so many messages have been handled. Says whether there was a flood, or may have been
    /// one, and more of it was given the time to gather.
    pub(crate) fn gathers(&mut self, handled: u64) -> bool {
        let row = handled - mem::replace(&mut self.handled, handled);
        let is_given_time = row >= FEW && (row >= FLOOD || handled >= self.trial);
        if is_given_time {
            self.interval = if row >= FLOOD { FLOOD } else { RESIGNED.min(2 * self.interval) };
            self.trial = handled + self.interval;
            gather();
        }
        is_given_time
    }
}

#[cold]
fn gather() {
    let began = Instant::now();
    // Another thread on this CPU, the sender perhaps, may take longer than that at the first yield.
    while {
        thread::yield_now();
        began.elapsed() < GATHERING
    } {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_in_a_row_are_a_flood_and_are_given_time_to_gather() {
        let mut flood = Flood::new(1);
        for handled in [FLOOD + 1, 2 * FLOOD + 1] {
            let began = Instant::now();
            assert!(flood.gathers(handled));
            assert!(began.elapsed() >= GATHERING);
        }
    }

    #[test]
    fn what_was_handled_before_the_last_empty_look_does_not_count() {
        let mut flood = Flood::new(FLOOD);
        for handled in [FLOOD, FLOOD + FEW - 1, FLOOD + 2 * FEW - 2, FLOOD + 2 * FEW - 2] {
            assert!(!flood.gathers(handled));
        }
        assert!(flood.gathers(2 * FLOOD + 2 * FEW - 2));
    }

    /// At which of so many looks that find nothing, with a row of `FEW` before each, it is given time.
    fn trials(flood: &mut Flood, looks: u64) -> Vec<u64> {
        let begin = flood.handled;
        (0..looks).filter(|look| flood.gathers(begin + (look + 1) * FEW)).collect()
    }

    #[test]
    fn a_few_in_a_row_are_given_time_now_and_then_and_less_often_where_that_is_in_vain() {
        let mut flood = Flood::new(0);
        let first = 2 * FLOOD / FEW;
        assert_eq!(trials(&mut flood, 7 * first), [0, first, 3 * first]);
        assert_eq!(trials(&mut flood, first), [0]);
        (0..20).for_each(|_| drop(trials(&mut flood, RESIGNED / FEW)));
        assert_eq!(flood.interval, RESIGNED);
    }

    #[test]
    fn where_a_flood_has_come_of_it_it_is_soon_tried_again() {
        let mut flood = Flood::new(0);
        (0..20).for_each(|_| drop(trials(&mut flood, RESIGNED / FEW)));
        assert!(flood.gathers(flood.handled + FLOOD));
        assert_eq!(trials(&mut flood, FLOOD / FEW), [FLOOD / FEW - 1]);
    }
}
