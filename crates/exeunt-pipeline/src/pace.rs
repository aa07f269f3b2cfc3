//! [`Pace`]: how many items make a chunk for a reader, as it learns how long they take.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How long the reader of a link should be busy with one chunk: long beside what it costs to hand it over, short beside
/// what a person, a deadline or a memory bears.
const CHUNK_TIME: Duration = Duration::from_millis(1);

/// The same for a pool, whose threads also wait for each other at the end.
const POOL_CHUNK_TIME: Duration = Duration::from_micros(200);

/// How many items make a chunk. Whoever reads them decides; whoever fills chunks looks.
#[derive(Debug)]
pub(crate) struct Pace {
    items: AtomicUsize,
    most: usize,
    time: Duration,
}

impl Pace {
    /// For the one reader of a link.
    pub(crate) fn new(most: usize) -> Pace {
        Pace { items: AtomicUsize::new(1), most, time: CHUNK_TIME }
    }

    /// For several threads that share a mailbox.
    pub(crate) fn of_a_pool(most: usize) -> Pace {
        Pace { time: POOL_CHUNK_TIME, ..Pace::new(most) }
    }

    #[inline]
    pub(crate) fn items(&self) -> usize {
        self.items.load(Ordering::Relaxed)
    }

    /// Chunks are to take about the same time, whatever an item costs.
    pub(crate) fn learn(&self, items: usize, took: Duration) {
        if items == 0 {
            return;
        }
        let each_nanos = (took.as_nanos() / items as u128).max(1);
        let fit = usize::try_from(self.time.as_nanos() / each_nanos).unwrap_or(self.most);
        // Twice as many at most, since a few items say little of the next.
        let fit = fit.min(self.items().saturating_mul(2)).clamp(1, self.most);
        self.items.store(fit, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_grow_by_two_and_shrink_at_once() {
        let pace = Pace::new(256);
        let mut sizes = vec![];
        for _ in 0..10 {
            sizes.push(pace.items());
            pace.learn(pace.items(), Duration::from_nanos(10));
        }
        assert_eq!(sizes, [1, 2, 4, 8, 16, 32, 64, 128, 256, 256]);
        pace.learn(256, Duration::from_secs(1));
        assert_eq!(pace.items(), 1);
    }

    #[test]
    fn a_chunk_takes_about_its_time() {
        let pace = Pace { items: AtomicUsize::new(256), ..Pace::new(256) };
        pace.learn(200, Duration::from_millis(2));
        assert_eq!(pace.items(), 100);
    }
}
