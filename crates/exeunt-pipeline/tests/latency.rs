//! What a stage has made does not wait for what it has yet to make: neither for a turn, nor for a try, nor for a slow item
//! after it, however many items wait before the stage.
//!
//! Each test counts what was made and what has come to the sink, and makes nothing more until all but a few of what was made
//! have come: what is kept back comes never. Time is what these stages are about, so that some of it has to pass here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use exeunt::{Backoff, Error};
use exeunt_pipeline::{Flow, Given, Op, Pipeline};

/// So long a slow item takes.
const SLOW: Duration = Duration::from_millis(30);

const ITEMS: u64 = 48;

/// By so many a sink may be behind that is never kept from what was made.
const BEHIND: u64 = 6;

/// Longer than anything here takes.
const GUARD: Duration = Duration::from_secs(30);

/// So many take next to nothing, before those that are slow.
const QUICK: u64 = 20_000;

/// So many slow ones it may take to notice.
const UNNOTICED: u64 = 128;

/// How many items were made, and how many of them have come to the sink.
#[derive(Clone, Default)]
struct Made {
    made: Arc<AtomicU64>,
    come: Arc<AtomicU64>,
    /// From this number on it is to be seen to that they come.
    from: u64,
}

impl Made {
    fn from(from: u64) -> Made {
        Made { from, ..Made::default() }
    }

    /// One more, when most of those before have come.
    fn one(&self) {
        let made = self.made.fetch_add(1, Ordering::SeqCst) + 1;
        let until = Instant::now() + GUARD;
        while made > self.from && made > self.come.load(Ordering::SeqCst) + BEHIND {
            assert!(Instant::now() < until, "what was made does not come");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// One more, in its time.
    fn at_its_leisure(&self, n: u64) -> u64 {
        if n >= QUICK {
            thread::sleep(SLOW);
        }
        self.one();
        n
    }

    /// Runs it to its end.
    fn comes<O: Op<Out = u64>>(&self, flow: Flow<O>) {
        let come = Arc::clone(&self.come);
        let outcome = flow
            .sink("come", move |_| {
                come.fetch_add(1, Ordering::SeqCst);
                Ok(())
            })
            .wait()
            .unwrap();
        assert!(outcome.ledger().balances(), "{outcome}");
        let [made, come] = [&self.made, &self.come].map(|count| count.load(Ordering::SeqCst));
        assert_eq!(made, come, "{outcome}");
    }
}

fn numbers(numbers: std::ops::Range<u64>) -> Flow<Given<u64>> {
    Pipeline::new("latency").items("numbers", numbers)
}

/// What becomes of a single item, on a thread that has nothing to look at but that.
fn of_one_item(items: u64) -> Flow<impl Op<In = u64, Out = u64>> {
    numbers(0..1).thread("stage").flat_map("several", move |_| 0..items)
}

#[test]
fn what_has_had_its_turn_does_not_wait_for_the_next_one() {
    let made = Made::default();
    let count = made.clone();
    let flow = of_one_item(ITEMS).rate_limit("limit", 1, SLOW);
    made.comes(flow.inspect("made", move |_| count.one()));
}

#[test]
fn what_was_made_does_not_wait_for_the_next_try() {
    let (made, mut tries) = (Made::default(), 0_u64);
    let count = made.clone();
    let fails_once = move |n: u64| {
        tries += 1;
        if tries % 2 == 1 { Err(Error::msg("not yet")) } else { Ok(n) }
    };
    let flow = of_one_item(ITEMS).try_map("fails once", fails_once);
    let flow =
        flow.retry(1, Backoff::exponential(SLOW, SLOW)).inspect("made", move |_| count.one());
    made.comes(flow);
}

#[test]
fn what_was_made_does_not_wait_for_a_slow_one() {
    let made = Made::default();
    let count = made.clone();
    let flow = numbers(QUICK..QUICK + ITEMS).thread("stage");
    made.comes(flow.map("slow", move |n| count.at_its_leisure(n)));
}

#[test]
fn nor_when_those_before_were_quick_and_all_chunks_are_large() {
    let made = Made::from(QUICK + UNNOTICED);
    let count = made.clone();
    let flow = numbers(0..QUICK + UNNOTICED + ITEMS).thread("stage");
    let flow = flow.map("slow at last", move |n| count.at_its_leisure(n));
    made.comes(flow);
}

#[test]
fn nor_on_the_thread_of_a_pool() {
    let made = Made::from(QUICK + UNNOTICED);
    let count = made.clone();
    let flow = numbers(0..QUICK + UNNOTICED + ITEMS);
    let flow = flow.parallel("slow at last", 1, move |n| count.at_its_leisure(n));
    made.comes(flow);
}
