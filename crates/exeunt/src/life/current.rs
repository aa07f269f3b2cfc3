//! Whose thread this is.

use std::cell::RefCell;
use std::sync::Arc;

use super::Life;

thread_local! {
    static CURRENT: RefCell<Option<Arc<Life>>> = const { RefCell::new(None) };
}

/// Says whose thread this is.
pub(crate) fn set_current(life: Arc<Life>) {
    CURRENT.with(|current| *current.borrow_mut() = Some(life));
}

/// Runs code as if this thread were that actor's.
#[cfg(feature = "stepper")]
pub(crate) fn as_current<R>(life: &Arc<Life>, code: impl FnOnce() -> R) -> R {
    struct Restore(Option<Arc<Life>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            let before = self.0.take();
            let _ = CURRENT.try_with(|current| current.replace(before));
        }
    }
    let _restore = Restore(CURRENT.with(|current| current.replace(Some(Arc::clone(life)))));
    code()
}

/// The actor or task whose thread this is; `None` on a thread of the program's own, and in the
/// last moments of any thread.
pub(crate) fn current() -> Option<Arc<Life>> {
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}
