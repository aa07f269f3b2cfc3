//! [`Watch`]: what a thread looks at while it works, and how it waits.

use std::time::{Duration, Instant};

use crossbeam_channel::select;
use exeunt::{Actor, Context, TaskContext};

use crate::demand::Wanted;
use crate::op::Halt;

/// In a drain a thread that waits because it was told to says so often that it is getting on: a stall is something else.
const SIGN_OF_LIFE: Duration = Duration::from_millis(5);

/// What a thread looks at between two items, so that a drain sees that it goes on, and that it ends with its deadline,
/// or when nobody wants anything of it any more, although its chunk does not.
pub(crate) struct Watch<'a> {
    wanted: &'a Wanted,
    progress: &'a dyn Fn(),
}

impl Watch<'_> {
    /// Lends the watch of an actor.
    pub(crate) fn of<A: Actor, R>(
        cx: &Context<A>,
        wanted: &Wanted,
        look: impl FnOnce(&Watch<'_>) -> R,
    ) -> R {
        look(&Watch { wanted, progress: &|| cx.progress() })
    }

    /// The same, of a task.
    pub(crate) fn of_task<R>(
        cx: &TaskContext,
        wanted: &Wanted,
        look: impl FnOnce(&Watch<'_>) -> R,
    ) -> R {
        look(&Watch { wanted, progress: &|| cx.progress() })
    }

    pub(crate) fn wanted(&self) -> &Wanted {
        self.wanted
    }

    /// Waits, since that was asked for, and says whether its deadline has passed meanwhile.
    pub(crate) fn wait(&self, delay: Duration) -> Result<bool, Halt> {
        exeunt::waiting_for("its time", || self.wait_out(delay, Instant::now()))
    }

    fn wait_out(&self, delay: Duration, began: Instant) -> Result<bool, Halt> {
        select! {
            recv(self.wanted.drain().receiver()) -> _ => {}
            default(delay) => return Ok(false),
        }
        loop {
            if let Err(halt) = self.look() {
                return if matches!(halt, Halt::Late) { Ok(true) } else { Err(halt) };
            }
            let left = delay.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Ok(false);
            }
            let _ = self.wanted.must_stop().wait_timeout(left.min(SIGN_OF_LIFE));
        }
    }

    /// Whether it may go on. One load, as long as nobody drains. In a drain it says that it gets on also before its own turn,
    /// since others wait for it in theirs.
    #[inline]
    pub(crate) fn look(&self) -> Result<(), Halt> {
        if self.wanted.drain().is_set() { self.look_closer() } else { Ok(()) }
    }

    #[cold]
    fn look_closer(&self) -> Result<(), Halt> {
        (self.progress)();
        match () {
            () if self.wanted.is_over() => Err(Halt::Enough),
            () if self.wanted.must_stop().is_set() => Err(Halt::Late),
            () => Ok(()),
        }
    }
}
