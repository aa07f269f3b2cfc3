//! Whose thread this is.

use std::cell::RefCell;
use std::sync::Arc;

use super::Life;

thread_local! {
    static CURRENT: RefCell<Current> = const { RefCell::new(Current { life: None, is_its_thread: false }) };
}

/// Tells the conductor, when it is dropped, that the thread of an actor or task is at its very end.
///
/// It is made before any code of the user's runs on the thread, and thread-local values are dropped
/// last made first: the user's values, which may still send, are gone when this one speaks.
/// `JoinHandle::is_finished` says so too early.
struct Current {
    life: Option<Arc<Life>>,
    /// False where code only runs in its name.
    is_its_thread: bool,
}

impl Drop for Current {
    fn drop(&mut self) {
        if let (Some(life), true) = (&self.life, self.is_its_thread) {
            life.stage.farewell(life);
        }
    }
}

/// Says whose thread this is, which is told when the thread ends.
pub(crate) fn set_current(life: Arc<Life>) {
    CURRENT
        .with(|current| *current.borrow_mut() = Current { life: Some(life), is_its_thread: true });
}

/// Runs code as if this thread were that actor's.
#[cfg(feature = "stepper")]
pub(crate) fn as_current<R>(life: &Arc<Life>, code: impl FnOnce() -> R) -> R {
    struct Restore(Option<Arc<Life>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            let before = self.0.take();
            let _ = CURRENT.try_with(|current| current.borrow_mut().replace(before));
        }
    }
    let replace = |current: &RefCell<Current>| current.borrow_mut().replace(Some(Arc::clone(life)));
    let _restore = Restore(CURRENT.with(replace));
    code()
}

#[cfg(feature = "stepper")]
impl Current {
    fn replace(&mut self, life: Option<Arc<Life>>) -> Option<Arc<Life>> {
        std::mem::replace(&mut self.life, life)
    }
}

/// The actor or task whose thread this is; `None` on a thread of the program's own, and in the
/// last moments of any thread.
pub(crate) fn current() -> Option<Arc<Life>> {
    CURRENT.try_with(|current| current.borrow().life.clone()).ok().flatten()
}
