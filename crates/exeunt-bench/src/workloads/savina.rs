//! Plays of the Savina suite, as far as they suit threads, with its own parameters.
//!
//! Shams Imam and Vivek Sarkar, *Savina – An Actor Benchmark Suite*, AGERE! 2014; the parameters and
//! what the actors do are those of its code, <https://github.com/shamsimam/savina>, revision 52e5469
//! (`*Config.java`, `*AkkaActorBenchmark.scala`). As there, a figure is the time from the start of the
//! system to the end of its last actor, and all mailboxes are unbounded.
//!
//! What differs: numbers stand for addresses in messages ([`troupe`](crate::troupe)); amounts of money
//! are whole; and the dictionary is filled before the clock starts.

mod ping_pong;
mod counting;
mod fork_join;
mod thread_ring;
mod chameneos;
mod dictionary;
mod buffer;
mod banking;

use std::time::Duration;

use crate::contender::Contender;
use crate::measure::{Failure, Outcome};
use crate::troupe::{Message, Scene};
use crate::workload::Scale;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Play {
    PingPong,
    Counting,
    ForkJoin,
    ThreadRing,
    Chameneos,
    Dictionary,
    Buffer,
    Banking,
}

impl Play {
    pub(crate) const ALL: [Play; 8] = [
        Play::PingPong,
        Play::Counting,
        Play::ForkJoin,
        Play::ThreadRing,
        Play::Chameneos,
        Play::Dictionary,
        Play::Buffer,
        Play::Banking,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Play::PingPong => "savina-ping-pong",
            Play::Counting => "savina-counting",
            Play::ForkJoin => "savina-fork-join",
            Play::ThreadRing => "savina-thread-ring",
            Play::Chameneos => "savina-chameneos",
            Play::Dictionary => "savina-dictionary",
            Play::Buffer => "savina-buffer",
            Play::Banking => "savina-banking",
        }
    }

    pub(crate) fn about(self) -> &'static str {
        match self {
            Play::PingPong => "pings to one other actor, each sent when the last is answered",
            Play::Counting => "numbers from one actor to one that counts them",
            Play::ForkJoin => "messages to each of 60 actors, in turn, with a sine for each",
            Play::ThreadRing => "hops of one message in a ring of 100 actors",
            Play::Chameneos => "meetings of 100 actors, two and two, whom a broker brings together",
            Play::Dictionary => {
                "requests from each of 20 actors to a dictionary, one in ten a write"
            }
            Play::Buffer => {
                "items from each of 40 producers, through a buffer of 50, to 40 consumers; work for both"
            }
            Play::Banking => "transfers between 1,000 accounts, each waiting for the other's word",
        }
    }

    pub(crate) fn scale(self, quick: bool) -> Scale {
        let count = match self {
            Play::PingPong => 40_000,
            Play::Counting => 1_000_000,
            Play::ForkJoin => 10_000,
            Play::ThreadRing => 100_000,
            Play::Chameneos => 200_000,
            Play::Dictionary => 10_000,
            Play::Buffer => 1_000,
            Play::Banking => 50_000,
        };
        if quick { Scale { rounds: 1, count: count / 10 } } else { Scale { rounds: 5, count } }
    }

    pub(crate) fn run<C: Contender>(self, count: u64) -> Outcome {
        match self {
            Play::PingPong => ping_pong::run::<C>(count),
            Play::Counting => counting::run::<C>(count),
            Play::ForkJoin => fork_join::run::<C>(count),
            Play::ThreadRing => thread_ring::run::<C>(count),
            Play::Chameneos => chameneos::run::<C>(count),
            Play::Dictionary => dictionary::run::<C>(count),
            Play::Buffer => buffer::run::<C>(count),
            Play::Banking => banking::run::<C>(count),
        }
    }
}

/// How one of them sends: to whom, and what.
type Send<'a> = &'a mut dyn FnMut(usize, Message);

fn boxed(scene: impl Scene + 'static) -> Box<dyn Scene> {
    Box::new(scene)
}

/// The time in milliseconds, if the figures add up to what they should.
fn checked(played: Result<(Duration, u64), Failure>, expected: u64) -> Outcome {
    match played? {
        (time, sum) if sum == expected => Ok(vec![time.as_secs_f64() * 1e3]),
        (_, sum) => Err(Failure::Wrong(format!("the figures add up to {sum}, not {expected}"))),
    }
}

/// The suite's own random numbers.
struct Random(u64);

impl Random {
    /// The next, below 65,536.
    fn next(&mut self) -> u64 {
        self.0 = (self.0 * 1309 + 13849) & 0xffff;
        self.0
    }

    /// The next, below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        self.next() as usize % limit
    }

    /// The next, above zero and at most one.
    fn fraction(&mut self) -> f64 {
        1.0 / (self.next() + 1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contenders::{exeunt::Exeunt, plain::Plain};

    /// Each checks its own figures: whoever loses a message, or sends it astray, is found out.
    #[test]
    fn exeunt_and_plain_play_all_of_them() {
        for play in Play::ALL {
            let count = play.scale(true).count / 100;
            for outcome in [play.run::<Exeunt>(count), play.run::<Plain>(count)] {
                assert!(outcome.is_ok(), "{}: {outcome:?}", play.name());
            }
        }
    }

    #[test]
    fn figures_that_do_not_add_up_are_no_outcome() {
        assert_eq!(checked(Ok((Duration::from_millis(5), 3)), 3), Ok(vec![5.0]));
        let wrong = Failure::Wrong("the figures add up to 3, not 4".to_owned());
        assert_eq!(checked(Ok((Duration::ZERO, 3)), 4), Err(wrong));
    }

    #[test]
    fn the_random_numbers_are_those_of_the_suite() {
        let mut random = Random(123_456);
        let first = (123_456 * 1309 + 13849) % 65_536;
        assert_eq!(
            (random.next(), random.below(7)),
            (first, (first as usize * 1309 + 13849) % 65_536 % 7)
        );
    }
}
