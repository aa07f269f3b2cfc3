//! The stages that keep something back: batches, windows, folds, and a limit to the rate.

use std::time::{Duration, Instant};

use super::{Base, Emit, Halt, Op, guard};

/// So many items together, or as many as came within a time.
#[derive(Debug)]
pub struct Batch<T> {
    pub(crate) base: Base,
    pub(crate) items: usize,
    pub(crate) within: Duration,
    pub(crate) kept: Vec<T>,
    /// When the first of those kept has waited long enough.
    pub(crate) due: Option<Instant>,
    /// A batch has ended since there was a mark at the end of one.
    pub(crate) has_missed: bool,
}

impl<T: Send + 'static> Batch<T> {
    fn hand_on(&mut self, emit: &mut impl Emit<Vec<T>>) -> Result<(), Halt> {
        self.due = None;
        if self.kept.is_empty() {
            return Ok(());
        }
        self.has_missed = true;
        let next = Vec::with_capacity(self.kept.len());
        hand_on(&self.base, std::mem::replace(&mut self.kept, next), emit)
    }
}

impl<T: Send + 'static> Op for Batch<T> {
    type In = T;
    type Out = Vec<T>;

    #[inline]
    fn push(&mut self, item: T, emit: &mut impl Emit<Vec<T>>) -> Result<(), Halt> {
        self.base.counts.entered();
        if self.kept.is_empty() {
            // A time past all clocks is none.
            self.due = Instant::now().checked_add(self.within);
        }
        self.kept.push(item);
        if self.kept.len() >= self.items { self.hand_on(emit) } else { Ok(()) }
    }

    fn due(&self) -> Option<Instant> {
        self.due
    }

    fn tick(&mut self, now: Instant, emit: &mut impl Emit<Vec<T>>) -> Result<(), Halt> {
        match self.due {
            Some(due) if due <= now => self.hand_on(emit),
            _ => Ok(()),
        }
    }

    fn mark(&mut self, _: u64) {
        self.has_missed &= !self.kept.is_empty();
    }

    fn cut(&mut self, emit: &mut impl Emit<Vec<T>>) -> Result<(), Halt> {
        if self.has_missed { self.hand_on(emit) } else { Ok(()) }
    }

    fn end(&mut self, emit: &mut impl Emit<Vec<T>>) -> Result<(), Halt> {
        self.hand_on(emit)
    }

    fn holds(&self) -> bool {
        !self.kept.is_empty()
    }
}

fn hand_on<T>(base: &Base, kept: Vec<T>, emit: &mut impl Emit<Vec<T>>) -> Result<(), Halt> {
    base.counts.passed_together(kept.len());
    base.counts.out();
    emit.emit(kept)
}

/// Its thread has ended before its input did.
impl<T> Drop for Batch<T> {
    fn drop(&mut self) {
        self.base.counts.return_entered(self.kept.len());
    }
}

/// What came within one span of time after the other.
#[derive(Debug)]
pub struct Window<T> {
    pub(crate) base: Base,
    pub(crate) span: Duration,
    pub(crate) kept: Vec<T>,
    /// When the window that is open closes.
    pub(crate) due: Option<Instant>,
    /// A window has ended since there was a mark at the end of one.
    pub(crate) has_missed: bool,
}

impl<T: Send + 'static> Op for Window<T> {
    type In = T;
    type Out = Vec<T>;

    fn push(&mut self, item: T, emit: &mut impl Emit<Vec<T>>) -> Result<(), Halt> {
        let now = Instant::now();
        if let Err(halt) = self.tick(now, emit) {
            self.base.counts.return_unseen(1);
            return Err(halt);
        }
        self.base.counts.entered();
        if self.due.is_none() {
            self.due = now.checked_add(self.span);
        }
        self.kept.push(item);
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        self.due
    }

    fn tick(&mut self, now: Instant, emit: &mut impl Emit<Vec<T>>) -> Result<(), Halt> {
        match self.due {
            Some(due) if due <= now => self.end(emit),
            _ => Ok(()),
        }
    }

    fn mark(&mut self, _: u64) {
        self.has_missed &= !self.kept.is_empty();
    }

    fn cut(&mut self, emit: &mut impl Emit<Vec<T>>) -> Result<(), Halt> {
        if self.has_missed { self.end(emit) } else { Ok(()) }
    }

    fn end(&mut self, emit: &mut impl Emit<Vec<T>>) -> Result<(), Halt> {
        self.due = None;
        if self.kept.is_empty() {
            return Ok(());
        }
        self.has_missed = true;
        hand_on(&self.base, std::mem::take(&mut self.kept), emit)
    }

    fn holds(&self) -> bool {
        !self.kept.is_empty()
    }
}

/// Its thread has ended before its input did.
impl<T> Drop for Window<T> {
    fn drop(&mut self) {
        self.base.counts.return_entered(self.kept.len());
    }
}

/// All of them in one value, which is handed on at the end.
#[derive(Debug)]
pub struct Fold<F, S, T> {
    pub(crate) base: Base,
    pub(crate) state: Option<S>,
    pub(crate) add: F,
    /// How many are in it.
    pub(crate) items: usize,
    pub(crate) item: std::marker::PhantomData<fn(T)>,
}

impl<F, S, T> Op for Fold<F, S, T>
where
    F: FnMut(&mut S, T) + Send + 'static,
    S: Send + 'static,
    T: Send + 'static,
{
    type In = T;
    type Out = S;

    #[inline]
    fn push(&mut self, item: T, _: &mut impl Emit<S>) -> Result<(), Halt> {
        self.base.counts.entered();
        let Some(state) = &mut self.state else { return Ok(()) };
        match guard(|| {
            (self.add)(state, item);
            Ok(())
        }) {
            Ok(()) => {
                self.items += 1;
                Ok(())
            }
            // The value may be half-changed: there is nothing to go on with.
            Err(error) => {
                self.base.counts.failed();
                self.state = None;
                Err(self.base.halt(error))
            }
        }
    }

    fn end(&mut self, emit: &mut impl Emit<S>) -> Result<(), Halt> {
        match self.state.take() {
            Some(state) => {
                self.base.counts.passed_together(std::mem::take(&mut self.items));
                self.base.counts.out();
                emit.emit(state)
            }
            None => Ok(()),
        }
    }

    fn holds(&self) -> bool {
        self.items > 0
    }
}

/// Its thread has ended before its input did.
impl<F, S, T> Drop for Fold<F, S, T> {
    fn drop(&mut self) {
        self.base.counts.return_entered(self.items);
    }
}

/// No more than so many within a time.
#[derive(Debug)]
pub struct RateLimit<T> {
    pub(crate) base: Base,
    /// From one item to the next.
    pub(crate) apart: Duration,
    pub(crate) next: Option<Instant>,
    pub(crate) item: std::marker::PhantomData<fn(T)>,
}

impl<T: Send + 'static> Op for RateLimit<T> {
    type In = T;
    type Out = T;

    fn push(&mut self, item: T, emit: &mut impl Emit<T>) -> Result<(), Halt> {
        self.base.counts.entered();
        let now = Instant::now();
        let turn = self.next.unwrap_or(now).max(now);
        // Past its deadline nothing is held up any more.
        if turn > now {
            if let Err(halt) = emit.wait(turn - now) {
                self.base.counts.return_entered(1);
                return Err(halt);
            }
        }
        self.next = turn.checked_add(self.apart);
        self.base.counts.passed();
        self.base.counts.out();
        emit.emit(item)
    }
}
