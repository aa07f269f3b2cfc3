//! The clock of an actor: the monotonic one, or one that a test moves.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::unwind::lock;

#[derive(Clone, Debug, Default)]
pub(crate) enum Clock {
    #[default]
    Monotonic,
    /// Stands still until it is moved.
    #[cfg_attr(not(feature = "stepper"), allow(dead_code))] // made by the stepper
    Moved(Arc<Mutex<Instant>>),
}

impl Clock {
    #[cfg(feature = "stepper")]
    pub(crate) fn moved_by_hand() -> Clock {
        Clock::Moved(Arc::new(Mutex::new(Instant::now())))
    }

    pub(crate) fn now(&self) -> Instant {
        match self {
            Clock::Monotonic => Instant::now(),
            Clock::Moved(now) => *lock(now),
        }
    }

    /// Lets so much time pass at once. `false` if it is a clock that goes by itself.
    pub(crate) fn pass(&self, time: Duration) -> bool {
        match self {
            Clock::Monotonic => false,
            Clock::Moved(now) => {
                let mut now = lock(now);
                *now = now.checked_add(time).unwrap_or(*now);
                true
            }
        }
    }
}
