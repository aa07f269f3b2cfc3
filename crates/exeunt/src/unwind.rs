//! Panics have one home: whatever runs code of the user's runs it through [`catch`], so that no lock
//! is ever poisoned in the middle of something, and [`lock`] need not care.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Runs `code` and turns a panic into its message.
///
/// What `code` leaves half-done is seen only by the actor whose code it is: its hooks get `&mut
/// self` once more, to clean up, and their documentation says so.
#[inline(always)] // a message passes through here by value, and would be copied once more
pub(crate) fn catch<R>(code: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(code)).map_err(message)
}

/// Drops a value of the user's, whose `drop` may panic like any other code.
pub(crate) fn drop_caught<T>(value: T) -> Result<(), String> {
    catch(|| drop(value))
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn message(payload: Box<dyn Any + Send>) -> String {
    let text = match payload.downcast_ref::<&'static str>() {
        Some(text) => (*text).to_owned(),
        None => payload.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".to_owned()),
    };
    // `panic_any` takes payloads whose own `drop` panics; the second payload is left to leak.
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
    text
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Panics when it is dropped.
    pub(crate) struct Grenade;

    impl Drop for Grenade {
        fn drop(&mut self) {
            panic!("in a drop");
        }
    }

    #[test]
    fn f1_a_panic_becomes_its_message() {
        assert_eq!(catch(|| 7), Ok(7));
        assert_eq!(catch(|| panic!("plain")), Err::<(), _>("plain".to_owned()));
        assert_eq!(catch(|| panic!("with {}", 2)), Err::<(), _>("with 2".to_owned()));
        assert_eq!(catch(|| std::panic::panic_any(3)), Err::<(), _>("a panic".to_owned()));
    }

    #[test]
    fn f5_a_payload_that_panics_when_dropped_is_survived() {
        assert!(catch(|| std::panic::panic_any(Grenade)).is_err());
        assert!(drop_caught(Grenade).is_err());
    }
}
