//! What is remembered of restarts: how many were lately, and how many came in a row.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::restart::{Intensity, Restart};

/// When the last restarts were: those that still count, and so no more than the intensity allows.
#[derive(Default, Debug)]
pub(super) struct History(VecDeque<Instant>);

impl History {
    /// Whether one more restart is within the intensity. If so, it is counted.
    pub(super) fn admits(&mut self, intensity: Intensity, now: Instant) -> bool {
        let counts = |then: &Instant| now.saturating_duration_since(*then) <= intensity.within;
        while self.0.front().is_some_and(|then| !counts(then)) {
            self.0.pop_front();
        }
        let admitted = self.0.len() < intensity.restarts as usize;
        if admitted {
            self.0.push_back(now);
        }
        admitted
    }
}

/// A member's restarts in a row.
#[derive(Default, Debug)]
pub(super) struct Row {
    /// The last delay, before the jitter. `None` if there is no row.
    last: Option<Duration>,
    /// When its latest incarnation began. `None` for the first one, which follows no row.
    pub(super) running_since: Option<Instant>,
}

impl Row {
    pub(super) fn end_run(&mut self, restart: &Restart, now: Instant) {
        let ran = self.running_since.map(|since| now.saturating_duration_since(since));
        if restart.own_backoff().is_some_and(|backoff| ran > Some(backoff.settled_after())) {
            self.last = None;
        }
    }

    /// How long the next restart waits.
    pub(super) fn delay(&mut self, restart: &Restart, chance: f64) -> Duration {
        let Some(backoff) = restart.own_backoff() else { return Duration::ZERO };
        let delay = backoff.next(self.last);
        self.last = Some(delay);
        backoff.draw(delay, chance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_no_longer_than_the_intensity() {
        let mut history = History::default();
        let (intensity, now) =
            (Intensity { restarts: 3, within: Duration::from_secs(1) }, Instant::now());
        let admitted = (0..100).filter(|_| history.admits(intensity, now)).count();
        assert_eq!((admitted, history.0.len()), (3, 3));
    }
}
