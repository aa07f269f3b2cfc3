//! What a drain takes for a stall: not that a stage waits because it was told to, for the next try or the next turn. The budget
//! of the drain bounds that. And what becomes of those who are stuck for good.

use std::sync::mpsc;
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

#[test]
fn d3_what_goes_down_with_an_abandoned_thread_has_a_column_of_its_own() {
    let mut system = System::new("abandoned");
    system.set_stall_limit(STALL_LIMIT).set_grace(STALL_LIMIT);
    let (handle, (release, stuck)) = (system.handle(), mpsc::channel::<()>());
    let (back, came_back) = mpsc::channel();
    let get_stuck = move |n: &u64| {
        if *n == 50 {
            handle.shutdown();
            let _ = stuck.recv();
        }
        if *n == 51 {
            let _ = back.send(());
        }
    };
    // A chunk of all of them, and what is made of it waits for more.
    let running = Pipeline::new("abandoned")
        .items("numbers", 0..1_000_u64)
        .batch("batch", 100, HOURS)
        .parallel("same", 2, |batch| batch)
        .flat_map("apart", |batch| batch)
        .inspect("before", |_| ())
        .inspect("stuck", get_stuck)
        .inspect("after", |_| ())
        .sink("out", |_| Ok(()))
        .spawn(&mut system)
        .unwrap();
    let outcome = running.ended(system.wait());
    let ledger = outcome.ledger();
    assert!(!outcome.report().is_complete() && ledger.balances(), "{outcome}");
    let of = |name| ledger.stage(name).unwrap();
    let (stuck, out) = (of("stuck"), of("out"));
    assert_eq!((stuck.entered, stuck.passed, stuck.abandoned), (51, 50, 1), "{outcome}");
    assert_eq!((out.passed + out.abandoned, of("after").passed), (50, 50), "{outcome}");
    assert!(ledger.to_string().contains("returned abandoned\n"), "{ledger}");

    // It comes back, and nobody is told another story.
    drop(release);
    came_back.recv().unwrap();
    assert_eq!(running.ledger(), *ledger);
}
