//! What is left to chance, thrown from a seed, so that it can be thrown once more.
#![allow(dead_code)] // each of the programs takes its own part of it

use std::env;
use std::fmt::Debug;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Throws the same for the same seed (splitmix64, of which two seeds that are close have as little in common as any other two).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// With the seed that it prints, `EXEUNT_SEED` repeats its choices.
    pub(crate) fn seeded() -> Dice {
        let seed = seed_given().unwrap_or_else(seed_of_now);
        println!("EXEUNT_SEED={seed}");
        Dice(seed)
    }

    /// Dice of their own, for somebody who throws on another thread.
    pub(crate) fn another(&mut self) -> Dice {
        Dice(self.any())
    }

    fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, of the type that it has.
    pub(crate) fn below<N>(&mut self, bound: N) -> N
    where
        N: TryInto<u64, Error: Debug> + TryFrom<u64, Error: Debug>,
    {
        let bound: u64 = bound.try_into().unwrap();
        N::try_from(self.any() % bound).unwrap()
    }

    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    pub(crate) fn micros_below(&mut self, bound: u64) -> Duration {
        Duration::from_micros(self.below(bound))
    }

    pub(crate) fn millis_below(&mut self, bound: u64) -> Duration {
        self.micros_below(bound * 1000)
    }

    /// Lets a moment pass without sleeping, which takes longer than what is of interest. A yield takes as long as others
    /// want it to.
    pub(crate) fn moment(&mut self, micros: u64) {
        let until = Instant::now() + self.micros_below(micros);
        while Instant::now() < until {
            thread::yield_now();
        }
    }
}

/// What `EXEUNT_SEED` says.
pub(crate) fn seed_given() -> Option<u64> {
    env::var("EXEUNT_SEED").ok().map(|seed| seed.parse().expect("EXEUNT_SEED is a number"))
}

/// One that nobody chose.
pub(crate) fn seed_of_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64
}
