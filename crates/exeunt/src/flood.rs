//! A flood: a reader to which messages come all the time keeps its distance from the sender.
//!
//! At the sender's heels a reader makes both slow: each look at an empty queue takes away from the sender the cache
//! line that says where the queue ends, and each message has to be fetched from where it was written a moment before.
//! With some hundred messages between them both go at full speed. So a reader that has handled many messages since it
//! last found nothing, and finds nothing now, gives way for some microseconds before it looks again; others look again
//! at once.

use std::mem;
use std::thread;
use std::time::{Duration, Instant};

/// This many messages in a row are a flood. A reader that is asked by a few, who wait for its answer before they ask
/// again, has no such row, and nobody waits for what it would gain.
const FLOOD: u64 = 64;

/// A time in which some hundred messages are sent. At worst it costs a flood this much once in [`FLOOD`] messages.
const GATHERING: Duration = Duration::from_micros(5);

pub(crate) struct Flood {
    /// How many messages had been handled when it last found nothing.
    handled: u64,
}

impl Flood {
    pub(crate) fn new(handled: u64) -> Flood {
        Flood { handled }
    }

    /// There is nothing now, and so many messages have been handled. Says whether there was a flood, and more of it was
    /// given the time to gather.
    pub(crate) fn gathers(&mut self, handled: u64) -> bool {
        let is_flood = handled - mem::replace(&mut self.handled, handled) >= FLOOD;
        if is_flood {
            gather();
        }
        is_flood
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
        for handled in [FLOOD, 2 * FLOOD - 1, 3 * FLOOD - 2, 3 * FLOOD - 2] {
            assert!(!flood.gathers(handled));
        }
        assert!(flood.gathers(4 * FLOOD - 2));
    }
}
