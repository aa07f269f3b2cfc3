//! What a stage has made does not wait for what it has yet to make: neither for a turn, nor for a try, nor for a slow item
//! after it, however many items wait before the stage.
//!
//! Each test counts what was made, and looks at the sink how much more than it had come there. Time is what these stages
//! are about, so that some of it has to pass here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use exeunt::{Backoff, Error};
use exeunt_pipeline::{Flow, Given, Op, Pipeline};

/// So long a slow item takes: as much as a sink that is woken late, by a busy machine, may take too.
const SLOW: Duration = Duration::from_millis(30);

const ITEMS: u64 = 48;

/// By so many a sink may be behind that is never kept from what was made, for want of a processor.
const BEHIND: u64 = 6;

/// So many take next to nothing, before those that are slow.
const QUICK: u64 = 20_000;

/// So many slow ones it may take to notice.
const UNNOTICED: u64 = 64;

/// How many items were made.
#[derive(Clone, Default)]
struct Made(Arc<AtomicU64>);

impl Made {
    fn one(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// One more, in its time.
    fn at_its_leisure(&self, n: u64) -> u64 {
        if n >= QUICK {
            thread::sleep(SLOW);
        }
        self.one();
        n
    }

    /// Runs it, and looks by how many items the sink is behind at most, of those from a number on.
    fn is_not_far_ahead<O: Op<Out = u64>>(&self, flow: Flow<O>, from: u64) {
        let (made, behind) = (self.clone(), Made::default());
        let (most, mut come) = (behind.clone(), 0);
        let outcome = flow
            .sink("come", move |n| {
                come += 1;
                if n >= from {
                    most.0.fetch_max(made.0.load(Ordering::SeqCst) - come, Ordering::SeqCst);
                }
                Ok(())
            })
            .wait()
            .unwrap();
        assert!(outcome.ledger().balances(), "{outcome}");
        let behind = behind.0.load(Ordering::SeqCst);
        assert!(behind <= BEHIND, "{behind}");
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
    made.is_not_far_ahead(flow.inspect("made", move |_| count.one()), 0);
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
    made.is_not_far_ahead(flow, 0);
}

#[test]
fn what_was_made_does_not_wait_for_a_slow_one() {
    let made = Made::default();
    let count = made.clone();
    let flow = numbers(QUICK..QUICK + ITEMS).thread("stage");
    made.is_not_far_ahead(flow.map("slow", move |n| count.at_its_leisure(n)), 0);
}

#[test]
fn nor_when_those_before_were_quick_and_all_chunks_are_large() {
    let made = Made::default();
    let count = made.clone();
    let flow = numbers(0..QUICK + UNNOTICED + ITEMS).thread("stage");
    let flow = flow.map("slow at last", move |n| count.at_its_leisure(n));
    made.is_not_far_ahead(flow, QUICK + UNNOTICED);
}

#[test]
fn nor_on_the_thread_of_a_pool() {
    let made = Made::default();
    let count = made.clone();
    let flow = numbers(0..QUICK + UNNOTICED + ITEMS);
    let flow = flow.parallel("slow at last", 1, move |n| count.at_its_leisure(n));
    made.is_not_far_ahead(flow, QUICK + UNNOTICED);
}
