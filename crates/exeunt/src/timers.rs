//! The timers of one actor: a heap on the actor's own thread, and handles that may be anywhere.
//!
//! There is no thread for them, and nothing polls: the actor asks when the next one is due and waits
//! until then. A handle that cancels only makes a mark. What was marked is taken out of the heap,
//! and dropped, on the actor's thread, where all code of the user's that is in it runs.

use std::cmp;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::timer::{Mark, Missed, Rope, Tally, Timer};
use crate::unwind;

/// This many cancelled timers may lie in a heap before it is swept, however small it is.
const LEFT_LYING: usize = 64;

/// The timers of one actor, each of which has a job for it when it fires. Knows no clock: it is told
/// what time it is.
///
/// Code of the user's runs in here when a tick is made, and may panic: see [`take_due`](Timers::take_due). It also runs
/// when a cancelled job is dropped; then a panic ends here.
pub(crate) struct Timers<J> {
    heap: BinaryHeap<Entry<J>>,
    /// How many timers there ever were.
    created: u64,
    /// Rung when a handle has cancelled a timer.
    rope: Option<Rope>,
    /// Made with the first timer: most actors have none.
    all: Option<Arc<Tally>>,
}

impl<J> Timers<J> {
    /// Through `rope` the actor is told when a handle has cancelled a timer.
    pub(crate) fn new(rope: Option<Rope>) -> Timers<J> {
        Timers { heap: BinaryHeap::new(), created: 0, rope, all: None }
    }

    /// A timer that fires once. If the moment lies beyond the clock, it is pending and never fires.
    pub(crate) fn after(&mut self, now: Instant, delay: Duration, job: J) -> Timer {
        self.push(now.checked_add(delay), What::Once(job))
    }

    /// A timer that fires every so often, for the first time one period from now. A period of zero
    /// is the caller's to refuse.
    pub(crate) fn every(
        &mut self,
        now: Instant,
        period: Duration,
        missed: Missed,
        make: Box<dyn FnMut() -> J>,
    ) -> Timer {
        debug_assert!(!period.is_zero(), "no time passes between the ticks");
        self.push(now.checked_add(period), What::Every(Ticker { period, missed, make }))
    }

    fn push(&mut self, due: Option<Instant>, what: What<J>) -> Timer {
        self.sweep_if_worthwhile();
        let mark = self.all.get_or_insert_with(|| Tally::new(self.rope.take())).new_mark();
        self.created += 1;
        self.heap.push(Entry { due, number: self.created, mark: Arc::clone(&mark), what });
        Timer { mark }
    }

    /// When to look for the next job; `None` if no pending timer will ever fire.
    pub(crate) fn next_due(&mut self) -> Option<Instant> {
        self.drop_cancelled();
        self.heap.peek()?.due
    }

    /// The job of the timer that has been due for the longest; of several due at the same moment,
    /// the one that was created first. One at a time: call it until there is none.
    ///
    /// # Panics
    ///
    /// If the user's code that makes a tick does. Then this one tick is lost. Its timer is pending,
    /// and due next as if the tick had been made; nothing else is touched.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<J> {
        loop {
            self.drop_cancelled();
            let mut top = self.heap.peek_mut()?;
            let due = top.due.filter(|&due| due <= now)?;
            let entry = &mut *top;
            if let What::Every(ticker) = &mut entry.what {
                // First the next moment, then the user's code. If that panics, `top` puts the
                // entry where it belongs all the same, as it does whenever it is dropped.
                entry.due = ticker.next_due(due, now);
                let job = (ticker.make)();
                if entry.mark.is_pending() {
                    return Some(job);
                }
                // It was cancelled meanwhile, perhaps by the very code that made the tick.
                let _ = unwind::drop_caught(job);
                continue;
            }
            let entry = PeekMut::pop(top);
            match entry.what {
                What::Once(job) if entry.mark.clear() => return Some(job),
                cancelled => drop(unwind::drop_caught(cancelled)),
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending() == 0
    }

    /// How many are still to fire, once or again.
    pub(crate) fn pending(&self) -> usize {
        self.all.as_ref().map_or(0, |all| all.pending())
    }

    /// Cancels all timers, and says how many were pending that were to fire once: their jobs will never be done. A
    /// timer that fires every so often loses nothing, it only comes to its end.
    pub(crate) fn cancel_all(&mut self) -> u64 {
        let entries = mem::take(&mut self.heap).into_vec();
        // First all marks, then the user's code: whoever looks sees all cancelled, or none.
        let is_lost = |entry: &&Entry<J>| entry.mark.clear() && matches!(entry.what, What::Once(_));
        let lost = entries.iter().filter(is_lost).count();
        drop_each(entries);
        lost as u64
    }

    /// Drops the cancelled timers at the top. Those below lie where they are until they come up, or
    /// become too many.
    fn drop_cancelled(&mut self) {
        self.sweep_if_worthwhile();
        while let Some(top) = self.heap.peek_mut().filter(|top| !top.mark.is_pending()) {
            let _ = unwind::drop_caught(PeekMut::pop(top));
        }
    }

    /// Takes out all cancelled timers, if they are more than the others: so each pays for one other
    /// that is looked at.
    fn sweep_if_worthwhile(&mut self) {
        let cancelled = self.heap.len().saturating_sub(self.pending());
        if cancelled <= LEFT_LYING || cancelled <= self.heap.len() / 2 {
            return;
        }
        let entries = mem::take(&mut self.heap).into_vec();
        let (pending, cancelled): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| entry.mark.is_pending());
        self.heap = BinaryHeap::from(pending);
        drop_each(cancelled);
    }
}

impl<J> Drop for Timers<J> {
    fn drop(&mut self) {
        self.cancel_all();
    }
}

fn drop_each<T>(values: Vec<T>) {
    for value in values {
        let _ = unwind::drop_caught(value);
    }
}

struct Entry<J> {
    /// `None` if that lies beyond the clock.
    due: Option<Instant>,
    /// Its number in the order of creation.
    number: u64,
    mark: Arc<Mark>,
    what: What<J>,
}

enum What<J> {
    Once(J),
    Every(Ticker<J>),
}

impl<J> Entry<J> {
    fn rank(&self) -> (bool, Option<Instant>, u64) {
        (self.due.is_none(), self.due, self.number)
    }
}

/// The greatest is at the top of a heap: the one that is due first.
impl<J> Ord for Entry<J> {
    fn cmp(&self, other: &Entry<J>) -> cmp::Ordering {
        other.rank().cmp(&self.rank())
    }
}

impl<J> PartialOrd for Entry<J> {
    fn partial_cmp(&self, other: &Entry<J>) -> Option<cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<J> PartialEq for Entry<J> {
    fn eq(&self, other: &Entry<J>) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<J> Eq for Entry<J> {}

struct Ticker<J> {
    period: Duration,
    missed: Missed,
    make: Box<dyn FnMut() -> J>,
}

impl<J> Ticker<J> {
    /// When the tick comes after one that was due at `due` and is taken `now`. Worked out from when
    /// it was due, not from when it came, so that no delays add up.
    fn next_due(&self, due: Instant, now: Instant) -> Option<Instant> {
        match self.missed {
            Missed::Skip => {
                let late = remainder(now.saturating_duration_since(due), self.period);
                now.checked_add(self.period - late)
            }
            Missed::CatchUp => due.checked_add(self.period),
            Missed::Delay => now.checked_add(self.period),
        }
    }
}

fn remainder(time: Duration, period: Duration) -> Duration {
    const NANOS: u128 = 1_000_000_000;
    let nanos = time.as_nanos() % period.as_nanos();
    // It is less than the period, and so no more seconds than a duration can hold.
    Duration::new((nanos / NANOS) as u64, (nanos % NANOS) as u32)
}

#[cfg(test)]
mod tests;
