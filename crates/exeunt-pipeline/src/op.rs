//! [`Op`]: what a stage does with one item, when it follows another on the same thread.
//!
//! Items are pushed: each stage is handed an item and hands on what becomes of it, so that a chain of closures is one
//! function for the compiler, with nothing between them.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use exeunt::{Error, Event};

use crate::wiring::Wire;

mod each;
mod kinds;
mod stateful;

pub(crate) use each::{AtLast, Base, Policy, Retry, guard};
pub use each::{Diverted, Each, Kind};
pub use kinds::{Filter, FlatMap, Inspect, Map, Scan, TryMap};
pub use stateful::{Batch, Fold, RateLimit, Window};

/// A stage on a thread that it may share with others. What implements it is made by the methods of
/// [`Flow`](crate::Flow) alone.
pub trait Op: Send + 'static {
    /// What it is given.
    type In: Send + 'static;
    /// What it hands on.
    type Out: Send + 'static;

    /// Declares whom it feeds aside.
    #[doc(hidden)]
    fn wire<W: Wire>(&self, wire: W) -> W {
        wire
    }

    /// Its thread has begun.
    #[doc(hidden)]
    fn begin(&mut self, thread: &Thread) {
        let _ = thread;
    }

    #[doc(hidden)]
    fn push(&mut self, item: Self::In, emit: &mut impl Emit<Self::Out>) -> Result<(), Halt>;

    /// Nothing more has come for now: what waits on the way aside is sent.
    #[doc(hidden)]
    fn settle(&mut self) -> Result<(), Halt> {
        Ok(())
    }

    /// All that has come in so far is exactly the source's items up to that number.
    #[doc(hidden)]
    fn mark(&mut self, upto: u64) {
        let _ = upto;
    }

    /// A commit waits for a moment when nothing is held back that has come in. If such moments were missed, what is held goes
    /// on now.
    #[doc(hidden)]
    fn cut(&mut self, emit: &mut impl Emit<Self::Out>) -> Result<(), Halt> {
        let _ = emit;
        Ok(())
    }

    /// Nothing more will come.
    #[doc(hidden)]
    fn end(&mut self, emit: &mut impl Emit<Self::Out>) -> Result<(), Halt> {
        let _ = emit;
        Ok(())
    }

    /// When it wants to be looked at although nothing has come.
    #[doc(hidden)]
    fn due(&self) -> Option<Instant> {
        None
    }

    /// It is looked at.
    #[doc(hidden)]
    fn tick(&mut self, now: Instant, emit: &mut impl Emit<Self::Out>) -> Result<(), Halt> {
        let _ = (now, emit);
        Ok(())
    }

    /// Whether it keeps something back that has come in, so that what has gone out is not all that became of it.
    #[doc(hidden)]
    fn holds(&self) -> bool {
        false
    }
}

/// What a stage knows of the thread that it is on.
#[derive(Clone, Debug)]
#[doc(hidden)]
pub struct Thread {
    /// Set when the drain has begun, or nobody wants anything of it any more.
    pub(crate) drain: Event,
    /// Whether it is a source's, where nobody knows when the next item comes.
    pub(crate) is_source: bool,
}

/// Where a stage puts what it makes.
#[doc(hidden)]
pub trait Emit<T> {
    fn emit(&mut self, item: T) -> Result<(), Halt>;

    /// The same, from a stage that keeps things on a way aside: `send` has them go on their way, before the thread waits for
    /// whatever comes after. The stage itself cannot be asked for them then, since it is in the middle of this.
    fn emit_beside(&mut self, item: T, send: &mut dyn FnMut()) -> Result<(), Halt>;

    /// Whether it may go on with what it makes of one item; between two of them its thread looks itself.
    fn look(&self) -> Result<(), Halt>;

    /// Has the thread wait, after what was made so far has gone on its way. Says whether its deadline has passed meanwhile;
    /// it is an error if nobody wants anything any more.
    fn wait(&mut self, delay: Duration) -> Result<bool, Halt>;
}

/// Why a thread of a pipeline ends before its input does.
#[derive(Debug)]
#[doc(hidden)]
pub enum Halt {
    /// A stage has failed, and its policy is to stop.
    Failed { stage: String, error: Error },
    /// Whoever is downstream has ended: the failure is theirs.
    Refused,
    /// The reader of the output wants no more, a closed pipe for example: no failure of anybody's.
    Enough,
    /// Its deadline has passed: what it has not taken is returned.
    Late,
}

impl Halt {
    /// A stage has failed.
    #[cold]
    pub(crate) fn failed(stage: &str, error: Error) -> Halt {
        Halt::Failed { stage: stage.to_owned(), error }
    }
}

/// What a source gives.
#[derive(Debug)]
pub struct Given<T> {
    pub(crate) skips_errors: Arc<AtomicBool>,
    item: PhantomData<fn(T)>,
}

impl<T> Given<T> {
    pub(crate) fn new(skips_errors: Arc<AtomicBool>) -> Given<T> {
        Given { skips_errors, item: PhantomData }
    }
}

impl<T: Send + 'static> Op for Given<T> {
    type In = T;
    type Out = T;

    #[inline]
    fn push(&mut self, item: T, emit: &mut impl Emit<T>) -> Result<(), Halt> {
        emit.emit(item)
    }
}

/// No stage at all: what comes in goes out.
#[derive(Debug)]
pub struct Nothing<T>(pub(crate) PhantomData<fn(T) -> T>);

impl<T: Send + 'static> Op for Nothing<T> {
    type In = T;
    type Out = T;

    #[inline]
    fn push(&mut self, item: T, emit: &mut impl Emit<T>) -> Result<(), Halt> {
        emit.emit(item)
    }
}

/// One stage after the other, on one thread.
#[derive(Debug)]
pub struct Then<A, B> {
    pub(crate) first: A,
    pub(crate) second: B,
}

impl<A: Op, B: Op<In = A::Out>> Op for Then<A, B> {
    type In = A::In;
    type Out = B::Out;

    #[inline]
    fn push(&mut self, item: A::In, emit: &mut impl Emit<B::Out>) -> Result<(), Halt> {
        self.first.push(item, &mut Into { op: &mut self.second, emit })
    }

    fn wire<W: Wire>(&self, wire: W) -> W {
        self.second.wire(self.first.wire(wire))
    }

    fn begin(&mut self, thread: &Thread) {
        self.first.begin(thread);
        self.second.begin(thread);
    }

    fn settle(&mut self) -> Result<(), Halt> {
        self.first.settle()?;
        self.second.settle()
    }

    fn mark(&mut self, upto: u64) {
        self.first.mark(upto);
        if !self.first.holds() {
            self.second.mark(upto);
        }
    }

    fn cut(&mut self, emit: &mut impl Emit<B::Out>) -> Result<(), Halt> {
        self.first.cut(&mut Into { op: &mut self.second, emit })?;
        self.second.cut(emit)
    }

    fn end(&mut self, emit: &mut impl Emit<B::Out>) -> Result<(), Halt> {
        self.first.end(&mut Into { op: &mut self.second, emit })?;
        self.second.end(emit)
    }

    fn due(&self) -> Option<Instant> {
        self.first.due().into_iter().chain(self.second.due()).min()
    }

    fn tick(&mut self, now: Instant, emit: &mut impl Emit<B::Out>) -> Result<(), Halt> {
        self.first.tick(now, &mut Into { op: &mut self.second, emit })?;
        self.second.tick(now, emit)
    }

    fn holds(&self) -> bool {
        self.first.holds() || self.second.holds()
    }
}

/// What the first of two makes goes into the second.
struct Into<'a, B, E> {
    op: &'a mut B,
    emit: &'a mut E,
}

impl<B: Op, E: Emit<B::Out>> Emit<B::In> for Into<'_, B, E> {
    #[inline]
    fn emit(&mut self, item: B::In) -> Result<(), Halt> {
        self.op.push(item, self.emit)
    }

    #[inline]
    fn emit_beside(&mut self, item: B::In, send: &mut dyn FnMut()) -> Result<(), Halt> {
        self.op.push(item, &mut Beside { emit: self.emit, send })
    }

    #[inline]
    fn look(&self) -> Result<(), Halt> {
        self.emit.look()
    }

    fn wait(&mut self, delay: Duration) -> Result<bool, Halt> {
        self.op.settle()?;
        self.emit.wait(delay)
    }
}

/// Where a stage puts what it makes, while one before it keeps things on a way aside.
struct Beside<'a, E> {
    emit: &'a mut E,
    send: &'a mut dyn FnMut(),
}

impl<T, E: Emit<T>> Emit<T> for Beside<'_, E> {
    #[inline]
    fn emit(&mut self, item: T) -> Result<(), Halt> {
        self.emit.emit_beside(item, self.send)
    }

    #[inline]
    fn emit_beside(&mut self, item: T, send: &mut dyn FnMut()) -> Result<(), Halt> {
        self.emit.emit_beside(item, &mut || {
            (self.send)();
            send();
        })
    }

    #[inline]
    fn look(&self) -> Result<(), Halt> {
        self.emit.look()
    }

    fn wait(&mut self, delay: Duration) -> Result<bool, Halt> {
        (self.send)();
        self.emit.wait(delay)
    }
}

#[cfg(test)]
mod tests;
