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
        self.commit()
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::link::Counted;
    use crate::position::{self, Books};

    /// The positions that it was asked to commit; `None` at the end.
    #[derive(Clone, Default)]
    struct Commits(Arc<Mutex<Vec<Option<u64>>>>);

    impl Commits {
        fn take(&self) -> Vec<Option<u64>> {
            std::mem::take(&mut self.0.lock().unwrap())
        }
    }

    impl Sink<u32, u64> for Commits {
        fn write(&mut self, _: u32) -> exeunt::Result {
            Ok(())
        }

        fn keeps_positions(&self) -> bool {
            true
        }

        fn commit(&mut self, position: Option<&u64>) -> exeunt::Result {
            assert!(position.is_some());
            self.0.lock().unwrap().push(position.copied());
            Ok(())
        }

        fn finish(&mut self, _: crate::Ending) -> exeunt::Result {
            self.0.lock().unwrap().push(None);
            Ok(())
        }
    }

    fn end<P: Send + 'static, S: Sink<u32, P>>(sink: S, book: Book<P>) -> SinkEnd<S, u32, P> {
        let counted = Counted::new();
        SinkEnd::new(sink, counted.base(), Some(book), counted.upstream())
    }

    /// With positions up to that.
    fn bench(upto: u64) -> (Commits, SinkEnd<Commits, u32, u64>) {
        let (commits, books) = (Commits::default(), Books::new());
        let end = end(commits.clone(), books.add().unwrap());
        (0..=upto).for_each(|position| position::enter(&books.all(), position));
        (commits, end)
    }

    #[test]
    fn a_commit_that_came_between_two_marks_is_made_up_for_at_the_next_one() {
        let (commits, mut end) = bench(3);
        end.settle().unwrap();
        end.put(1).unwrap();
        end.mark(0).unwrap();
        assert_eq!(commits.take(), [], "nothing waited for it");
        end.put(2).unwrap();
        end.settle().unwrap();
        assert_eq!(commits.take(), [], "it is not all that becomes of the item");
        end.put(3).unwrap();
        end.mark(1).unwrap();
        assert_eq!(commits.take(), [Some(1)]);
        end.put(4).unwrap();
        end.mark(2).unwrap();
        assert_eq!(commits.take(), [], "once");
    }

    #[test]
    fn a_position_is_committed_after_so_many_of_which_nothing_has_come() {
        let (commits, mut end) = bench(2 * COMMIT_POSITIONS + 1);
        (0..COMMIT_POSITIONS).for_each(|upto| end.mark(upto).unwrap());
        assert_eq!(commits.take(), []);
        (COMMIT_POSITIONS..2 * COMMIT_POSITIONS + 1).for_each(|upto| end.mark(upto).unwrap());
        assert_eq!(commits.take(), [Some(COMMIT_POSITIONS)]);
        end.mark(2 * COMMIT_POSITIONS + 1).unwrap();
        assert_eq!(commits.take(), [Some(2 * COMMIT_POSITIONS + 1)]);
    }

    #[test]
    fn what_was_written_is_committed_before_the_end_is_told_and_that_once() {
        let (commits, mut end) = bench(0);
        end.put(1).unwrap();
        end.mark(0).unwrap();
        end.end().unwrap();
        assert_eq!(commits.take(), [Some(0), None]);
        end.end().unwrap();
        end.settle().unwrap();
        assert_eq!(commits.take(), []);
    }

    /// The source may go on for others.
    #[test]
    fn no_positions_are_kept_for_a_sink_that_has_ended() {
        let (books, position) = (Books::new(), Arc::new(()));
        let end = end(|_: u32| Ok(()), books.add().unwrap());
        position::enter(&books.all(), Arc::clone(&position));
        assert_eq!(Arc::strong_count(&position), 2);
        drop(end);
        position::enter(&books.all(), Arc::clone(&position));
        assert_eq!(Arc::strong_count(&position), 1);
    }
}
