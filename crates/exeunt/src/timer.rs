//! [`Timer`], the handle of a timer, and [`Missed`], what becomes of missed ticks.

use std::fmt;
use std::panic::RefUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

/// What becomes of the ticks of a timer whose moments passed while its actor was busy.
///
/// A tick never comes before its moment. The first late one is always delivered, once; this is
/// about those after it. [`send_every_with`](crate::Context::send_every_with) has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[non_exhaustive]
pub enum Missed {
    /// They are left out: the next tick comes at the next multiple of the period that is still to
    /// come. It is for an actor that shows or samples the present.
    #[default]
    Skip,
    /// All of them come, one right after the other, until they have caught up. It is for an actor
    /// that counts ticks. One that needs longer for a tick than the period never catches up.
    CatchUp,
    /// The next tick comes a whole period after the late one was taken, and the others count from
    /// there: there is always a pause, and the ticks drift.
    Delay,
}

/// The handle of a timer: cancels it, from any thread.
///
/// Clones are handles of the same timer. To drop them changes nothing: the timer goes on. A timer
/// that no handle cancelled is cancelled when its actor's turn in the drain comes, or when the
/// incarnation that set it ends otherwise.
///
/// ```
/// use std::sync::mpsc;
/// use std::time::Duration;
/// use exeunt::{Actor, Context, System, Timer};
///
/// struct Patience(mpsc::Sender<Timer>);
/// impl Actor for Patience {
///     type Msg = &'static str;
///     fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
///         Ok(self.0.send(cx.send_after(Duration::from_secs(3600), "enough"))?)
///     }
///     fn handle(&mut self, _: &'static str, _cx: &mut Context<Self>) -> exeunt::Result { Ok(()) }
/// }
///
/// let (give, given) = mpsc::channel();
/// let mut system = System::new("timer");
/// let patience = system.spawn("patience", Patience(give)).handle();
/// let timer = given.recv()?;
/// assert!(timer.is_pending()); // and keeps its actor alive
/// assert!(timer.cancel() && !timer.cancel());
/// assert_eq!(patience.wait()?.handled, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Timer {
    pub(crate) mark: Arc<Mark>,
}

impl Timer {
    /// Cancels the timer, and says whether it was still pending.
    ///
    /// `true`: it does not fire any more, not even once; but a message of it that was handled, or
    /// is being handled, stays so. `false`: it had fired, if it was to fire once, or had been
    /// cancelled. Never blocks. What the timer holds is dropped a little later, by its actor.
    pub fn cancel(&self) -> bool {
        let was_pending = self.mark.clear();
        if was_pending {
            // Its actor may be waiting for just this timer, or have no other reason to stay.
            self.mark.all.ring();
        }
        was_pending
    }

    /// Whether it is still to fire, once or again.
    ///
    /// A delay beyond what the clock can say never passes; such a timer is pending until it is
    /// cancelled.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.mark.is_pending()
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("pending", &self.is_pending()).finish()
    }
}

/// Wakes the thread in that seat, which then looks at its timers again.
pub(crate) trait Ring: Send + Sync + RefUnwindSafe {
    fn ring(&self, seat: usize);
}

/// What rings the bell of one thread, without keeping it.
pub(crate) struct Rope {
    pub(crate) bells: Weak<dyn Ring>,
    pub(crate) seat: usize,
}

/// What a timer and its handles have in common.
pub(crate) struct Mark {
    pending: AtomicBool,
    all: Arc<Tally>,
}

/// What the timers of one actor have in common.
pub(crate) struct Tally {
    /// How many are pending. Counted up before a timer is in the heap, and down after its mark is
    /// cleared: it is never too low, and whoever clears a mark rings when the count is right again.
    pending: AtomicUsize,
    rope: Option<Rope>,
}

impl Mark {
    /// Whether this call was the one that cleared it.
    pub(crate) fn clear(&self) -> bool {
        let was_pending = self.pending.swap(false, Ordering::AcqRel);
        if was_pending {
            self.all.pending.fetch_sub(1, Ordering::AcqRel);
        }
        was_pending
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.pending.load(Ordering::Acquire)
    }
}

impl Tally {
    pub(crate) fn new(rope: Option<Rope>) -> Arc<Tally> {
        Arc::new(Tally { pending: AtomicUsize::new(0), rope })
    }

    pub(crate) fn new_mark(self: &Arc<Self>) -> Arc<Mark> {
        self.pending.fetch_add(1, Ordering::AcqRel);
        Arc::new(Mark { pending: AtomicBool::new(true), all: Arc::clone(self) })
    }

    pub(crate) fn pending(&self) -> usize {
        self.pending.load(Ordering::Acquire)
    }

    fn ring(&self) {
        if let Some(Rope { bells, seat }) = &self.rope {
            bells.upgrade().into_iter().for_each(|bells| bells.ring(*seat));
        }
    }
}
