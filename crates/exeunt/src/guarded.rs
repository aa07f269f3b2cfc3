//! For tests: what would hang without the guard that it proves fails instead, and says so.

use std::panic;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// A test that waits for this long has found a hang. Generous, since machines are busy.
const HANG: Duration = Duration::from_secs(30);

/// Runs the body of a test on a thread of its own, which is left behind if it does not come to its end.
pub(crate) fn guarded<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, result) = mpsc::channel();
    let thread = thread::spawn(move || drop(tell.send(body())));
    match result.recv_timeout(HANG) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => panic!("it hangs: it has not ended within {HANG:?}"),
        Err(RecvTimeoutError::Disconnected) => match thread.join() {
            Err(panic) => panic::resume_unwind(panic),
            Ok(()) => unreachable!("it tells before it ends"),
        },
    }
}
