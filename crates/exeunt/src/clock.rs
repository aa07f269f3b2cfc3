//! The clock of an actor: the monotonic one, or one that a test moves.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::unwind::lock;

#[derive(Clone, Debug, Default)]
pub(crate) enum Clock {
    #[default]
    Monotonic,
    /// Stands still until it is moved.
    Moved(Arc<Mutex<Instant>>),
}

impl Clock {
    pub(crate) fn moved_by_hand() -> Clock {
        Clock::Moved(Arc::new(Mutex::new(Instant::now())))
    }

    pub(crate) fn now(&self) -> Instant {
        match self {
            Clock::Monotonic => Instant::now(),
            Clock::Moved(now) => *lock(now),
        }
    }

    /// Moves it, if it is one that can be moved.
    pub(crate) fn advance(&self, by: Duration) {
        if let Clock::Moved(now) = self {
            let mut now = lock(now);
            *now = now.checked_add(by).unwrap_or(*now);
        }
    }
}
