//! [`Sink`]: where items go.

use std::marker::PhantomData;

use exeunt::Error;

use crate::op::{Base, Emit, Halt, Thread, guard};
use crate::position::Book;
use crate::segment::End;
use crate::wiring::Wire;

/// So many items at most a sink is handed before it is asked to commit, although more wait.
const COMMIT_ITEMS: u64 = 4096;

/// Where the items of a pipeline go.
///
/// Every closure from an item to a result is one. `P` is the type of the source's positions, for a sink that keeps
/// them.
///
/// # Examples
///
/// A sink that stores where it is together with what it has, as one in a database would do in one transaction:
///
/// ```
/// use exeunt_pipeline::Sink;
///
/// #[derive(Default)]
/// struct Store { written: Vec<u64>, committed: Vec<u64>, position: Option<u64> }
///
/// impl Sink<u64, u64> for Store {
///     fn write(&mut self, item: u64) -> exeunt::Result {
///         self.written.push(item);
///         Ok(())
///     }
///
///     fn keeps_positions(&self) -> bool {
///         true
///     }
///
///     fn commit(&mut self, position: Option<&u64>) -> exeunt::Result {
///         self.committed.append(&mut self.written);
///         self.position = position.copied().or(self.position);
///         Ok(())
///     }
/// }
/// ```
pub trait Sink<T, P = ()>: Send + 'static {
    /// Takes an item.
    ///
    /// # Errors
    ///
    /// What went wrong. It ends the pipeline in order; [`Closed`](crate::Closed) ends it without being a failure.
    fn write(&mut self, item: T) -> exeunt::Result;

    /// Makes lasting what it was given since it was last asked to. It is asked when nothing more waits, and after some
    /// thousands of items in any case.
    ///
    /// If it keeps positions, it is asked only when what it was given is exactly what became of the source's
    /// items up to `position`, and that is `Some`.
    ///
    /// # Errors
    ///
    /// As for [`write`](Sink::write).
    fn commit(&mut self, position: Option<&P>) -> exeunt::Result {
        let _ = position;
        Ok(())
    }

    /// Nothing more will come: the pipeline is at its end, or has been drained. It does not run if the sink itself has
    /// failed.
    ///
    /// # Errors
    ///
    /// As for [`write`](Sink::write).
    fn finish(&mut self) -> exeunt::Result {
        Ok(())
    }

    /// Whether it is to be told positions. Where they have ended, after [`unordered`](crate::Flow::unordered) say, it is
    /// asked to commit without any.
    fn keeps_positions(&self) -> bool {
        false
    }
}

impl<T, P, F> Sink<T, P> for F
where
    F: FnMut(T) -> exeunt::Result + Send + 'static,
{
    fn write(&mut self, item: T) -> exeunt::Result {
        self(item)
    }
}

/// What a sink's error is if nobody reads any more what it writes: the pipeline ends in order, and that is no failure.
///
/// ```
/// use exeunt_pipeline::{Closed, Pipeline};
///
/// let mut left = 3;
/// let outcome = Pipeline::new("first")
///     .iter("numbers", 1..)
///     .sink("three", move |_: i32| {
///         if left == 0 {
///             return Err(Closed.into());
///         }
///         left -= 1;
///         Ok(())
///     })
///     .run()?;
/// assert_eq!(outcome.ledger().stage("three").unwrap().passed, 3);
/// assert!(outcome.ledger().balances());
/// # Ok::<(), exeunt_pipeline::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("nobody reads the output any more")
    }
}

impl std::error::Error for Closed {}

/// The end of the segment that ends in a sink.
pub(crate) struct SinkEnd<S, T, P> {
    pub(crate) sink: S,
    pub(crate) base: Base,
    pub(crate) book: Option<Book<P>>,
    /// The number of the last item of the source of which all was written, if nothing was written since.
    pub(crate) exact: Option<u64>,
    pub(crate) uncommitted: u64,
    /// It was to commit at a moment when that was not exact.
    pub(crate) owes_commit: bool,
    /// It has failed, or has been told the end.
    pub(crate) is_over: bool,
    pub(crate) item: PhantomData<fn(T)>,
}

impl<S, T, P> Drop for SinkEnd<S, T, P> {
    fn drop(&mut self) {
        self.book.iter().for_each(Book::close);
    }
}

impl<T, P, S> SinkEnd<S, T, P>
where
    S: Sink<T, P>,
{
    pub(crate) fn new(sink: S, base: Base, book: Option<Book<P>>) -> SinkEnd<S, T, P> {
        let item = PhantomData;
        let (exact, uncommitted, owes_commit, is_over) = (None, 0, false, false);
        SinkEnd { sink, base, book, exact, uncommitted, owes_commit, is_over, item }
    }

    fn commit(&mut self) -> Result<(), Halt> {
        let position = match (&self.book, self.exact) {
            (None, _) => None,
            (Some(book), Some(upto)) => book.take(upto),
            (Some(_), None) => {
                self.owes_commit = true;
                return Ok(());
            }
        };
        if self.uncommitted == 0 && position.is_none() {
            return Ok(());
        }
        self.owes_commit = false;
        self.uncommitted = 0;
        self.exact = None;
        let Self { sink, base, .. } = self;
        let done = guard(|| sink.commit(position.as_ref())).map_err(|error| halt(base, error));
        self.is_over = done.is_err();
        done
    }
}

fn halt(base: &Base, error: Error) -> Halt {
    if error.downcast_ref::<Closed>().is_some() { Halt::Enough } else { base.halt(error) }
}

impl<T, P, S> Emit<T> for SinkEnd<S, T, P>
where
    S: Sink<T, P>,
{
    fn emit(&mut self, item: T) -> Result<(), Halt> {
        self.base.counts.entered();
        let sink = &mut self.sink;
        match guard(|| sink.write(item)) {
            Ok(()) => {
                self.base.counts.passed();
                self.uncommitted += 1;
                self.exact = None;
                // With positions only a mark says when.
                let is_due = self.book.is_none() && self.uncommitted >= COMMIT_ITEMS;
                if is_due { self.commit() } else { Ok(()) }
            }
            Err(error) => {
                self.is_over = true;
                let halt = halt(&self.base, error);
                let base = &self.base;
                match halt {
                    Halt::Enough => base.counts.return_entered(1),
                    _ => base.counts.failed(),
                }
                Err(halt)
            }
        }
    }
}

impl<T, P, S> End<T> for SinkEnd<S, T, P>
where
    S: Sink<T, P>,
    T: Send + 'static,
    P: Send + 'static,
{
    fn wire<W: Wire>(&self, wire: W) -> W {
        wire
    }

    fn begin(&mut self, _: &Thread) {}

    fn mark(&mut self, upto: u64) -> Result<(), Halt> {
        self.exact = Some(upto);
        if self.owes_commit || self.uncommitted >= COMMIT_ITEMS { self.commit() } else { Ok(()) }
    }

    fn settle(&mut self) -> Result<(), Halt> {
        if self.is_over { Ok(()) } else { self.commit() }
    }

    fn end(&mut self) -> Result<(), Halt> {
        if self.is_over {
            return Ok(());
        }
        self.commit()?;
        self.is_over = true;
        let Self { sink, base, .. } = self;
        guard(|| sink.finish()).map_err(|error| halt(base, error))
    }
}
