//! [`Reader`]: the thread of a source, which feeds the first stages from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use exeunt::TaskContext;

use crate::demand::Wanted;
use crate::ledger::Counts;
use crate::op::{Halt, guard};
use crate::pace::Pace;
use crate::position::{self, Books};
use crate::segment::{Part, Process, failure, log_second};
use crate::source::{Next, Source};
use crate::watch::Watch;

/// What a source says when it is asked.
type Said<S> = Option<Next<<S as Source>::Item, <S as Source>::Position>>;

/// Feeds a segment from a source, on the thread of a task.
pub(crate) struct Reader<S: Source> {
    pub(crate) source: S,
    pub(crate) books: Books<S::Position>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) skips_errors: Arc<AtomicBool>,
    pub(crate) burst: Burst,
    /// It is not asked any more, since nobody knows what it would give.
    pub(crate) has_panicked: bool,
}

impl<S: Source> Reader<S> {
    pub(crate) fn run(
        mut self,
        part: Part<S::Item>,
        mut wanted: Wanted,
        cx: &TaskContext,
    ) -> exeunt::Result {
        let Part { mut process, receiver, .. } = part;
        wanted.begin(&cx.system(), cx.stopping(), cx.must_stop());
        process.begin(&wanted.thread(true));
        let read = |watch: &Watch<'_>| {
            self.read(&mut *process, watch, cx).and_then(|()| process.end(watch))
        };
        let Err(halt) = Watch::of_task(cx, &wanted, read) else { return Ok(()) };
        let halt = match halt {
            // What was made of the items so far is handed on, as by every other thread that is late.
            Halt::Late => {
                let ended = Watch::of_task(cx, &wanted, |watch| process.end(watch));
                ended.err().unwrap_or(Halt::Late)
            }
            halt => halt,
        };
        log_second(cx.name(), process.break_off());
        let last = match (halt, self.give_back(&receiver, cx)) {
            (first @ Halt::Failed { .. }, left) => {
                log_second(cx.name(), left);
                first
            }
            (halt, left) => left.err().unwrap_or(halt),
        };
        match last {
            Halt::Failed { stage, error } => Err(failure(cx.name(), &stage, error)),
            Halt::Refused | Halt::Enough | Halt::Late => Ok(()),
        }
    }

    fn read(
        &mut self,
        process: &mut dyn Process<S::Item>,
        watch: &Watch<'_>,
        cx: &TaskContext,
    ) -> Result<(), Halt> {
        let wanted = watch.wanted();
        let books = self.books.all();
        let mut number = 0;
        while let Some(next) = self.next(wanted, cx)? {
            match next {
                Ok((item, position)) => {
                    // To copy a position is code of the user's, too.
                    let entered = guard(|| {
                        position::enter(&books, position);
                        Ok(())
                    });
                    entered.map_err(|panic| self.fail(cx, panic))?;
                    self.counts.handed_on();
                    let numbered = (!books.is_empty()).then_some(number);
                    process.one(item, numbered, watch)?;
                    number += 1;
                }
                Err(error) => self.skip(cx, error)?,
            }
            let is_at_hand = guard(|| Ok(self.source.is_next_at_hand()))
                .map_err(|panic| self.panicked(cx, panic))?;
            if self.burst.is_over(is_at_hand) {
                process.settle()?;
            }
        }
        if !wanted.stopping().is_set() {
            self.counts.exhausted();
        }
        Ok(())
    }

    /// What the source gives next; or, once the drain has begun, what it has left.
    fn next(&mut self, wanted: &Wanted, cx: &TaskContext) -> Result<Said<S>, Halt> {
        let (source, stopping) = (&mut self.source, wanted.stopping());
        let next = match stopping.is_set() {
            true => None,
            false => guard(|| Ok(source.next_item(stopping)))
                .map_err(|panic| self.panicked(cx, panic))?,
        };
        match next {
            None if wanted.is_over() => Err(Halt::Enough),
            None if stopping.is_set() => self.leftover(cx),
            next => Ok(next),
        }
    }

    fn leftover(&mut self, cx: &TaskContext) -> Result<Said<S>, Halt> {
        // What was left before is through with the stages that share the thread.
        cx.progress();
        guard(|| Ok(self.source.leftover())).map_err(|panic| self.panicked(cx, panic))
    }

    /// What the source has taken in and nobody will have is in the ledger all the same.
    fn give_back(&mut self, receiver: &Counts, cx: &TaskContext) -> Result<(), Halt> {
        if self.has_panicked {
            return Ok(());
        }
        while let Some(next) = self.leftover(cx)? {
            match next {
                Ok(_) => {
                    self.counts.handed_on();
                    receiver.return_unseen(1);
                }
                Err(error) => self.skip(cx, error)?,
            }
        }
        Ok(())
    }

    /// An error of the source's, if it is to go on after one.
    #[cold]
    fn skip(&self, cx: &TaskContext, error: exeunt::Error) -> Result<(), Halt> {
        if !self.skips_errors.load(Ordering::Relaxed) {
            return Err(self.fail(cx, error));
        }
        log::debug!("`{}` skips an item: {error}", cx.name());
        self.counts.entered();
        self.counts.failed();
        Ok(())
    }

    #[cold]
    fn panicked(&mut self, cx: &TaskContext, panic: exeunt::Error) -> Halt {
        self.has_panicked = true;
        self.fail(cx, panic)
    }

    /// It has given an error instead of an item.
    #[cold]
    fn fail(&self, cx: &TaskContext, error: exeunt::Error) -> Halt {
        self.counts.entered();
        self.counts.failed();
        self.counts.broke_off();
        Halt::failed(cx.name(), error)
    }
}

/// The items that a source gives while the next one is at hand: they may be kept, to travel together, but not for long,
/// whatever the stages on the source's thread do with them.
pub(crate) struct Burst {
    pace: Pace,
    items: usize,
    /// `None` when the source may have to wait: how long it does says nothing of how long its items take.
    began: Option<Instant>,
}

impl Burst {
    pub(crate) fn new(most: usize) -> Burst {
        Burst { pace: Pace::new(most), items: 0, began: None }
    }

    /// One item more. Says whether what was kept is to go now.
    #[inline]
    fn is_over(&mut self, is_next_at_hand: bool) -> bool {
        let Some(began) = self.began.filter(|_| is_next_at_hand) else {
            self.items = 0;
            self.began = is_next_at_hand.then(Instant::now);
            return true;
        };
        self.items += 1;
        if self.items < self.pace.items() {
            return false;
        }
        let now = Instant::now();
        self.pace.learn(self.items, now - began);
        self.items = 0;
        self.began = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_kept_once_the_source_may_wait() {
        let mut burst = Burst::new(256);
        assert!((0..1_000).filter(|_| !burst.is_over(true)).count() > 0);
        assert!((0..1_000).all(|_| burst.is_over(false)));
    }

    #[test]
    fn no_more_is_kept_than_makes_a_chunk() {
        let mut burst = Burst::new(3);
        let kept: Vec<bool> = (0..1_000).map(|_| !burst.is_over(true)).collect();
        assert!(kept.windows(3).all(|three| three.contains(&false)));
    }

    #[test]
    fn what_takes_its_time_is_kept_no_more() {
        let mut burst = Burst::new(256);
        (0..1_000).for_each(|_| assert!(burst.is_over(true) || burst.items > 0));
        burst.began = Instant::now().checked_sub(std::time::Duration::from_secs(10));
        while !burst.is_over(true) {}
        assert_eq!(burst.pace.items(), 1);
    }
}
