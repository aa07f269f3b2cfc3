//! [`Haste`]: when what was made is to go on, although more is being made of the same chunk.

use std::time::{Duration, Instant};

/// So long something may be kept back to travel with what follows it.
const KEPT: Duration = Duration::from_millis(1);

/// Items that take so long together share a look at the clock, which costs a thousandth of that.
const LOOK_EVERY: Duration = Duration::from_micros(25);

/// However little they take: the next one may take a second.
const MOST_BETWEEN_LOOKS: u32 = 64;

/// Looks at the clock between items, the more seldom the less they take.
#[derive(Debug)]
pub(crate) struct Haste {
    /// Items until the next look.
    left: u32,
    between_looks: u32,
    looked: Instant,
    /// Since when there may be something that is kept.
    kept_since: Option<Instant>,
}

impl Haste {
    pub(crate) fn new() -> Haste {
        Haste { left: 1, between_looks: 1, looked: Instant::now(), kept_since: None }
    }

    /// The thread has had nothing to do until now.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.looked = now;
        self.left = self.between_looks;
        self.kept_since.get_or_insert(now);
    }

    /// One item more is done. Says whether what was kept is to go now.
    #[inline]
    pub(crate) fn is_due(&mut self) -> bool {
        self.left -= 1;
        self.left == 0 && self.look(Instant::now())
    }

    #[cold]
    fn look(&mut self, now: Instant) -> bool {
        let each_nanos = ((now - self.looked).as_nanos() / u128::from(self.between_looks)).max(1);
        let fit = u32::try_from(LOOK_EVERY.as_nanos() / each_nanos).unwrap_or(u32::MAX);
        let most = self.between_looks.saturating_mul(2).min(MOST_BETWEEN_LOOKS);
        self.between_looks = fit.clamp(1, most);
        self.left = self.between_looks;
        self.looked = now;
        let is_due = self.kept_since.is_none_or(|since| now - since >= KEPT);
        if is_due {
            self.kept_since = Some(now);
        }
        is_due
    }

    /// All has gone, and nothing more has come.
    pub(crate) fn settled(&mut self) {
        self.kept_since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Items that take so long each: how many are done between two looks, and what is due.
    fn done(haste: &mut Haste, items: usize, each: Duration) -> (u32, usize) {
        let mut due = 0;
        for _ in 0..items {
            let then = haste.looked + each * haste.between_looks;
            haste.left -= 1;
            due += usize::from(haste.left == 0 && haste.look(then));
        }
        (haste.between_looks, due)
    }

    #[test]
    fn what_takes_next_to_nothing_is_looked_at_seldom_and_what_takes_its_time_each_time() {
        let mut haste = Haste::new();
        haste.begin(Instant::now());
        assert_eq!(done(&mut haste, 10_000, Duration::from_nanos(10)), (64, 0));
        assert_eq!(done(&mut haste, 10_000, Duration::from_micros(5)).0, 5);
        // It takes those that were thought to be as quick as the others; then each is looked at.
        assert_eq!(done(&mut haste, 5, Duration::from_millis(2)).0, 1);
        assert_eq!(done(&mut haste, 9, Duration::from_millis(2)), (1, 9));
    }

    #[test]
    fn it_is_the_time_since_the_last_that_counts_and_not_that_of_a_pause() {
        let (mut haste, now) = (Haste::new(), Instant::now());
        haste.begin(now);
        assert!(!haste.look(now + KEPT / 2) && haste.look(now + KEPT));
        assert!(!haste.look(now + 3 * KEPT / 2));
        // The next chunk comes at once: what was kept is as old as it is.
        haste.begin(now + 3 * KEPT / 2);
        assert!(haste.look(now + 2 * KEPT));
        haste.settled();
        haste.begin(now + 9 * KEPT);
        assert!(!haste.look(now + 9 * KEPT + KEPT / 2));
    }
}
