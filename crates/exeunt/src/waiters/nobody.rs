//! Nobody waits without a thread: the feature `async` is off.

/// What `waiters.rs` is with the feature, and no bytes.
#[derive(Default)]
pub(crate) struct Waiters {}

impl Waiters {
    pub(crate) fn is_empty(&self) -> bool {
        true
    }

    pub(crate) fn wake_all(&self) {}

    pub(crate) fn wake_first(&self, _number: usize) -> bool {
        false
    }
}
