//! [`SinkEnd`]: the end of the thread that ends in a sink.

use std::marker::PhantomData;

use exeunt::Error;

use super::{Closed, Sink};
use crate::ledger::Upstream;
use crate::op::{Base, Halt, Thread, guard};
use crate::position::{Book, COMMIT_POSITIONS};
use crate::segment::End;
use crate::wiring::Wire;

pub(crate) struct SinkEnd<S, T, P> {
    sink: S,
    base: Base,
    book: Option<Book<P>>,
    upstream: Upstream,
    /// The number of the last item of the source of which all was written, if nothing was written since.
    exact: Option<u64>,
    /// The number of the first whose position is not committed.
    first: u64,
    uncommitted: usize,
    /// It was to commit at a moment when that was not exact.
    owes_commit: bool,
    /// It has failed, or has been told the end.
    is_over: bool,
    item: PhantomData<fn(T)>,
}

impl<T, P, S> SinkEnd<S, T, P>
where
    S: Sink<T, P>,
    P: Send + 'static,
{
    pub(crate) fn new(
        sink: S,
        base: Base,
        book: Option<Book<P>>,
        upstream: Upstream,
    ) -> SinkEnd<S, T, P> {
        SinkEnd {
            sink,
            base,
            book,
            upstream,
            exact: None,
            first: 0,
            uncommitted: 0,
            owes_commit: false,
            is_over: false,
            item: PhantomData,
        }
    }

    fn commit(&mut self) -> Result<(), Halt> {
        let position = match (&self.book, self.exact) {
            (None, _) => None,
            (Some(book), Some(upto)) => {
                self.first = upto + 1;
                book.take(upto)
            }
            (Some(_), None) => {
                self.owes_commit = self.uncommitted > 0;
                return Ok(());
            }
        };
        if self.uncommitted == 0 && position.is_none() {
            return Ok(());
        }
        self.owes_commit = false;
        let (sink, items) = (&mut self.sink, std::mem::take(&mut self.uncommitted));
        match guard(|| sink.commit(position.as_ref())) {
            Ok(()) => {
                self.base.counts.passed_together(items);
                Ok(())
            }
            Err(error) => Err(self.fail(error, items)),
        }
    }

    /// So many items are those of which it makes an error.
    #[cold]
    fn fail(&mut self, error: Error, items: usize) -> Halt {
        self.is_over = true;
        if error.downcast_ref::<Closed>().is_some() {
            self.base.counts.return_entered(items);
            return Halt::Enough;
        }
        self.base.counts.failed_together(items);
        self.base.halt(error)
    }

    /// What was written before an item that could not be is made lasting all the same.
    #[cold]
    fn refuse(&mut self, error: Error) -> Halt {
        let halt = self.fail(error, 1);
        if let Err(Halt::Failed { stage, error }) = self.commit() {
            log::warn!("`{stage}` could not commit what it was given before: {error}");
        }
        halt
    }
}

impl<T, P, S> End<T> for SinkEnd<S, T, P>
where
    S: Sink<T, P>,
    T: Send + 'static,
    P: Send + 'static,
{
    fn put(&mut self, item: T) -> Result<(), Halt> {
        self.base.counts.entered();
        let sink = &mut self.sink;
        match guard(|| sink.write(item)) {
            Ok(()) => {
                self.uncommitted += 1;
                self.exact = None;
                match &self.book {
                    // With positions it has to wait for a mark.
                    Some(book)
                        if self.uncommitted >= self.sink.commit_items().saturating_mul(2) =>
                    {
                        book.owe();
                    }
                    None if self.uncommitted >= self.sink.commit_items() => return self.commit(),
                    _ => {}
                }
                Ok(())
            }
            Err(error) => Err(self.refuse(error)),
        }
    }

    fn wire<W: Wire>(&self, wire: W) -> W {
        wire
    }

    fn begin(&mut self, _: &Thread) {}

    fn mark(&mut self, upto: u64) -> Result<(), Halt> {
        self.exact = Some(upto);
        let is_enough = self.uncommitted >= self.sink.commit_items()
            || upto.saturating_sub(self.first) >= COMMIT_POSITIONS;
        if self.owes_commit || is_enough { self.commit() } else { Ok(()) }
    }

    /// A commit waits until nothing more does.
    fn send(&mut self) -> Result<(), Halt> {
        Ok(())
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
        let (sink, ending) = (&mut self.sink, self.upstream.ending());
        guard(|| sink.finish(ending)).map_err(|error| self.fail(error, 0))
    }
}

/// What was written and never committed is given back.
impl<S, T, P> Drop for SinkEnd<S, T, P> {
    fn drop(&mut self) {
        self.base.counts.return_entered(self.uncommitted);
        self.book.iter().for_each(Book::close);
    }
}
