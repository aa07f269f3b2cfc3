//! [`OnStopping`]: an end for what blocks where no event reaches, told from a thread of its own.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, select};

use crate::life::Life;
use crate::threads;
use crate::unwind;

/// Keeps a closure ready that ends a blocking call when its caller is to stop. Dropping it takes the
/// closure back.
///
/// Made by [`TaskContext::on_stopping`](crate::TaskContext::on_stopping) and
/// [`Context::on_stopping`](crate::Context::on_stopping).
#[must_use = "when it is dropped, the closure is not called any more"]
pub struct OnStopping {
    is_taken: Arc<AtomicBool>,
    /// Its end, too, wakes the thread that waits.
    _over: Sender<()>,
}

impl OnStopping {
    pub(crate) fn new(life: &Life, call: impl FnOnce() + Send + 'static) -> io::Result<OnStopping> {
        let (over, is_over) = crossbeam_channel::bounded(0);
        let is_taken = Arc::new(AtomicBool::new(false));
        let (incarnation, must_stop) = (life.incarnation(), life.must_stop.clone());
        let wait = {
            let is_taken = Arc::clone(&is_taken);
            move || {
                let is_over: Receiver<()> = is_over;
                select! {
                    recv(incarnation.receiver()) -> _ => {}
                    recv(must_stop.receiver()) -> _ => {} // for a ring that has not come to rest
                    recv(is_over) -> _ => {}
                }
                if !is_taken.swap(true, Ordering::SeqCst) {
                    let _ = unwind::catch(call);
                }
            }
        };
        threads::serve(format!("{}/stopping", life.name), wait)?;
        Ok(OnStopping { is_taken, _over: over })
    }
}

impl Drop for OnStopping {
    fn drop(&mut self) {
        // Before the end of the channel, which is dropped after this.
        self.is_taken.store(true, Ordering::SeqCst);
    }
}

impl fmt::Debug for OnStopping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnStopping")
            .field("called", &self.is_taken.load(Ordering::SeqCst))
            .finish_non_exhaustive()
    }
}
