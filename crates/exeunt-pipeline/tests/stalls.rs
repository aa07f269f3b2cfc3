//! What a drain takes for a stall: not that a stage waits because it was told to, for the next try or the next turn. The budget
//! of the drain bounds that.

use std::time::{Duration, Instant};

use exeunt::{Backoff, Error, System};
use exeunt_pipeline::{Outcome, Pipeline};

const STALL_LIMIT: Duration = Duration::from_millis(100);
const LONGER: Duration = Duration::from_millis(600);
const HOURS: Duration = Duration::from_secs(3600);

/// A stage that fails at first, which begins the drain, and is tried again after a while.
fn drained(budget: Duration, delay: Duration) -> Outcome {
    let mut system = System::new("stalls");
    system.set_stall_limit(STALL_LIMIT).set_drain_budget(budget);
    let (handle, mut has_failed) = (system.handle(), false);
    let fails_once = move |n: u32| {
        if std::mem::replace(&mut has_failed, true) {
            return Ok(n);
        }
        handle.shutdown();
        Err(Error::msg("not yet"))
    };
    let running = Pipeline::new("stalls")
        .iter("numbers", 0..1)
        .try_map("fails once", fails_once)
        .retry(1, Backoff::exponential(delay, delay).without_jitter())
        .skip_errors()
        .sink("out", |_| Ok(()))
        .spawn(&mut system)
        .unwrap();
    running.outcome(system.wait()).unwrap()
}

#[test]
fn d1_to_wait_for_the_next_try_is_no_stall() {
    let began = Instant::now();
    let outcome = drained(HOURS, LONGER);
    assert!(outcome.report().is_complete() && outcome.ledger().balances(), "{outcome}");
    assert_eq!(outcome.ledger().stage("out").unwrap().passed, 1, "{outcome}");
    assert!(began.elapsed() >= LONGER, "it was not waited for");
}

#[test]
fn d1_the_budget_of_the_drain_ends_it_and_the_item_is_not_tried_again() {
    let outcome = drained(STALL_LIMIT, HOURS);
    assert!(outcome.ledger().balances(), "{outcome}");
    let stage = outcome.ledger().stage("fails once").unwrap();
    assert_eq!((stage.failed, stage.retried), (1, 0), "{outcome}");
}

#[test]
fn d1_to_wait_for_the_next_turn_is_no_stall() {
    let mut system = System::new("stalls");
    system.set_stall_limit(STALL_LIMIT);
    let handle = system.handle();
    let running = Pipeline::new("stalls")
        .items("numbers", 0..3)
        .thread("on")
        .inspect("look", move |_| handle.shutdown())
        .rate_limit("slow", 1, LONGER)
        .sink("out", |_| Ok(()))
        .spawn(&mut system)
        .unwrap();
    let outcome = running.outcome(system.wait()).unwrap();
    assert!(outcome.report().is_complete() && outcome.ledger().balances(), "{outcome}");
    let ledger = outcome.ledger();
    assert_eq!(ledger.stage("out").unwrap().passed, ledger.stage("numbers").unwrap().out);
}
