//! A small generator of numbers (splitmix64), so that a seed repeats a run.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Throws of dice that a seed repeats.
///
/// # Examples
///
/// ```
/// use exeunt_chaos::Dice;
///
/// let (mut one, mut other) = (Dice::new(7), Dice::new(7));
/// assert_eq!(one.below(1000), other.below(1000));
/// assert!(Dice::new(7).about("delay").below(6) < 6);
/// ```
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Those of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// Others of the same seed, for one question: so that what is asked about one thing leaves what
    /// is thrown about the others as it was.
    #[must_use]
    pub fn about(&self, question: &str) -> Dice {
        let mixed = question.bytes().fold(self.0, |hash, byte| mix(hash ^ u64::from(byte)));
        Dice(mixed)
    }

    /// A number below `limit`, which must not be zero.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0) % limit
    }

    /// A time below `limit`, to the microsecond.
    pub fn time_below(&mut self, limit: Duration) -> Duration {
        let micros = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.below(micros.max(1)))
    }

    /// One of several, of which there must be one.
    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

fn mix(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}

/// A seed that nobody chose, small enough to be typed again.
pub(crate) fn any_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    mix(now.as_nanos() as u64) % 1_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_has_dice_of_its_own() {
        let dice = Dice::new(1);
        let throw = |question| dice.about(question).below(u64::MAX);
        assert_eq!(throw("a"), throw("a"));
        assert_ne!(throw("a"), throw("b"));
        assert_ne!(throw("ab"), throw("ba"));
    }

    #[test]
    fn neighbouring_seeds_have_nothing_in_common() {
        let counts = (0..6_000).fold([0; 6], |mut counts, seed| {
            counts[Dice::new(seed).about("die").below(6) as usize] += 1;
            counts
        });
        assert!(counts.iter().all(|n| (850..1150).contains(n)), "{counts:?}");
    }
}
