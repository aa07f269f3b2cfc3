//! What a drain takes for a stall: not that a stage waits because it was told to, for the next try or the next turn, and not
//! that somebody waits for a stage that is slow. The budget of the drain bounds that. And what becomes of those who are stuck
//! for good.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use exeunt::{Backoff, Ended, Error, Reason, State, System, SystemHandle, WaitingFor};
use exeunt_pipeline::{Channel, Flow, Op, Outcome, Pipeline, Ready};
use exeunt_testkit::in_time;

const STALL_LIMIT: Duration = Duration::from_millis(100);
const LONGER: Duration = Duration::from_millis(600);
const HOURS: Duration = Duration::from_secs(3600);

/// A machine that holds a thread up for longer than a limit makes a stall of it.
fn unless_cut_short(outcome: &Outcome) -> Result<(), String> {
    assert!(outcome.ledger().balances(), "{outcome}");
    if outcome.report().is_complete() { Ok(()) } else { Err(outcome.to_string()) }
}

/// A stage that fails at first, which begins the drain, and is tried again after a while.
fn drained(stall_limit: Duration, budget: Duration, delay: Duration) -> Outcome {
    let mut system = System::new("stalls");
    system.set_stall_limit(stall_limit).set_drain_budget(budget);
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
    in_time(|slower| {
        let began = Instant::now();
        let outcome = drained(STALL_LIMIT * slower, HOURS, LONGER * slower);
        unless_cut_short(&outcome)?;
        assert_eq!(outcome.ledger().stage("out").unwrap().passed, 1, "{outcome}");
        assert!(began.elapsed() >= LONGER * slower, "it was not waited for");
        Ok(())
    });
}

#[test]
fn d1_the_budget_of_the_drain_ends_it_and_the_item_is_not_tried_again() {
    let outcome = drained(STALL_LIMIT, STALL_LIMIT, HOURS);
    assert!(outcome.ledger().balances(), "{outcome}");
    let stage = outcome.ledger().stage("fails once").unwrap();
    assert_eq!((stage.failed, stage.retried), (1, 0), "{outcome}");
}

#[test]
fn d1_to_wait_for_the_next_turn_is_no_stall() {
    in_time(|slower| {
        let mut system = System::new("stalls");
        system.set_stall_limit(STALL_LIMIT * slower);
        let handle = system.handle();
        let running = Pipeline::new("stalls")
            .items("numbers", 0..3)
            .thread("on")
            .inspect("look", move |_| handle.shutdown())
            .rate_limit("slow", 1, LONGER * slower)
            .sink("out", |_| Ok(()))
            .spawn(&mut system)
            .unwrap();
        let outcome = running.outcome(system.wait()).unwrap();
        unless_cut_short(&outcome)?;
        let ledger = outcome.ledger();
        assert_eq!(ledger.stage("out").unwrap().passed, ledger.stage("numbers").unwrap().out);
        Ok(())
    });
}

/// What one item of a slow stage takes, and a limit that each keeps by far, and some of them together do not.
const EACH: Duration = Duration::from_millis(30);
const LIMIT: Duration = Duration::from_millis(200);

/// From this number on items are slow: when those before have made whole chunks of what travels.
const SLOW_FROM: u32 = 5_000;

fn slow(n: u32, slower: u32) -> u32 {
    thread::sleep(EACH * slower);
    n
}

fn slow_at_last(n: u32, slower: u32) -> u32 {
    if n < SLOW_FROM { n } else { slow(n, slower) }
}

/// Drains it when its source waits for room, and something has been slow before.
fn drained_while_blocked(mut system: System, ready: Ready, slow_from: u64) -> Outcome {
    let running = ready.feeds_nothing().spawn(&mut system).unwrap();
    let is_slow = || running.ledger().stages.last().unwrap().passed > slow_from;
    let waits = || {
        let actors = system.snapshot();
        let source = actors.iter().find(|actor| actor.name == "numbers");
        source.is_some_and(|source| {
            source.waits_for.as_ref().is_some_and(|to| to.what == WaitingFor::Room)
        })
    };
    while !(is_slow() && waits()) {
        thread::yield_now();
    }
    running.system().shutdown();
    running.outcome(system.wait()).unwrap()
}

/// The drain is complete: all that the source has given is through.
#[track_caller]
fn assert_nothing_is_cut_short(pipeline: impl Fn(Pipeline, u32) -> Ready, slow_from: u32) {
    in_time(|slower| {
        let mut system = System::new("slow");
        system.set_stall_limit(LIMIT * slower).set_drain_budget(HOURS);
        let ready = pipeline(Pipeline::new("slow"), slower);
        let outcome = drained_while_blocked(system, ready, slow_from.into());
        assert!(outcome.report().reason == Reason::Shutdown, "the source has not ended before");
        unless_cut_short(&outcome)?;
        let [given, through] = ["numbers", "out"].map(|name| outcome.ledger().stage(name).unwrap());
        assert_eq!(given.out, through.passed, "{outcome}");
        Ok(())
    });
}

#[test]
fn d1_to_wait_for_slow_threads_is_no_stall() {
    let slow_threads = |pipeline: Pipeline, slower: u32| {
        pipeline
            .capacity(40)
            .iter("numbers", 0..)
            .parallel("slow", 2, move |n| slow(n, slower))
            .sink("out", |_| Ok(()))
    };
    assert_nothing_is_cut_short(slow_threads, 0);
}

#[test]
fn d1_to_wait_for_a_slow_thread_is_no_stall() {
    let slow_thread = |pipeline: Pipeline, slower: u32| {
        pipeline
            .iter("numbers", 0..)
            .thread("on")
            .map("slow", move |n| slow(n, slower))
            .sink("out", |_| Ok(()))
    };
    assert_nothing_is_cut_short(slow_thread, 0);
}

#[test]
fn d1_to_wait_for_a_slow_sink_is_no_stall() {
    let slow_sink = |pipeline: Pipeline, slower: u32| {
        pipeline.iter("numbers", 0..).sink("out", move |n| {
            slow(n, slower);
            Ok(())
        })
    };
    assert_nothing_is_cut_short(slow_sink, 0);
}

/// Those whose items were quick are handed so many of them at once that they are at it for longer than the limit when they
/// become slow; and so those wait who wait for those who wait for them.
#[test]
fn d1_to_wait_for_who_waits_for_what_has_become_slow_is_no_stall() {
    let on_a_thread = |pipeline: Pipeline, slower: u32| {
        let flow = pipeline.chunk(16).capacity(1).items("numbers", 0..).thread("on");
        let flow =
            flow.map("quick", |n| n).thread("last").map("slow", move |n| slow_at_last(n, slower));
        flow.sink("out", |_| Ok(()))
    };
    assert_nothing_is_cut_short(on_a_thread, SLOW_FROM);
}

#[test]
fn d1_to_wait_for_threads_that_have_become_slow_is_no_stall() {
    let on_several = |pipeline: Pipeline, slower: u32| {
        let flow = pipeline.chunk(16).capacity(1).items("numbers", 0..).thread("on");
        let flow = flow.map("quick", |n| n).parallel("slow", 2, move |n| slow_at_last(n, slower));
        flow.sink("out", |_| Ok(()))
    };
    assert_nothing_is_cut_short(on_several, SLOW_FROM);
}

/// What comes from several threads is in order again before it is slow, so that those wait for each other, too.
#[test]
fn d1_to_wait_for_what_has_become_slow_behind_several_threads_is_no_stall() {
    let behind_several = |pipeline: Pipeline, slower: u32| {
        let flow = pipeline.chunk(4).capacity(1).iter("numbers", 0..).parallel("quick", 2, |n| n);
        flow.map("slow", move |n| slow_at_last(n, slower)).sink("out", |_| Ok(()))
    };
    assert_nothing_is_cut_short(behind_several, SLOW_FROM);
}

#[test]
fn d1_to_wait_for_what_goes_aside_slowly_is_no_stall() {
    let aside = |pipeline: Pipeline, slower: u32| {
        let flow = pipeline.chunk(16).capacity(1).items("numbers", 0..).thread("on");
        let slow_sink = move |n| {
            slow_at_last(n, slower);
            Ok(())
        };
        flow.tee("copy", move |flow| flow.sink("aside", slow_sink)).sink("out", |_| Ok(()))
    };
    assert_nothing_is_cut_short(aside, SLOW_FROM);
}

#[test]
fn d1_to_wait_for_who_waits_for_its_turn_is_no_stall() {
    let in_turns = |pipeline: Pipeline, slower: u32| {
        let flow = pipeline.chunk(1).capacity(1).iter("numbers", 0..).thread("on");
        flow.rate_limit("in turns", 1, 2 * LIMIT * slower).sink("out", |_| Ok(()))
    };
    assert_nothing_is_cut_short(in_turns, 0);
}

/// Drains it when something has come to that channel.
fn drained_once_told(mut system: System, ready: Ready, told: &mpsc::Receiver<()>) -> Outcome {
    let running = ready.feeds_nothing().spawn(&mut system).unwrap();
    told.recv().unwrap();
    running.system().shutdown();
    let outcome = running.ended(system.wait());
    assert!(outcome.ledger().balances(), "{outcome}");
    outcome
}

#[test]
fn d1_many_slow_ones_that_one_item_becomes_are_no_stall() {
    in_time(|slower| {
        let (mut system, (tell, told)) = (System::new("one item"), mpsc::channel());
        system.set_stall_limit(LIMIT * slower);
        let several = move |_| {
            let tell = tell.clone();
            (0..10)
                .map(move |n| slow(n, slower))
                .inspect(move |_| tell.send(()).unwrap_or_default())
        };
        let flow = Pipeline::new("one item").items("numbers", 0..1).thread("on");
        let ready = flow.flat_map("several", several).filter("none", |_| false);
        let outcome = drained_once_told(system, ready.sink("out", |_| Ok(())), &told);
        unless_cut_short(&outcome)?;
        assert_eq!(outcome.ledger().stage("none").unwrap().filtered, 10, "{outcome}");
        Ok(())
    });
}

#[test]
fn d1_what_has_no_end_ends_with_the_budget() {
    let (mut system, (tell, told)) = (System::new("endless"), mpsc::channel());
    system.set_drain_budget(LIMIT).set_grace(Duration::from_secs(10));
    let mut tell = Some(tell);
    let none = move |_: &u64| {
        tell.take().into_iter().for_each(|tell| tell.send(()).unwrap());
        false
    };
    let flow = Pipeline::new("endless").items("numbers", 0..1).thread("on");
    let ready = flow.flat_map("endless", |_| 0_u64..).filter("none", none);
    let outcome = drained_once_told(system, ready.sink("out", |_| Ok(())), &told);
    assert_eq!(outcome.report().actor("on").unwrap().ended, Ended::Overdue, "{outcome}");
    assert_eq!(outcome.ledger().stage("endless").unwrap().returned, 1, "{outcome}");
}

/// The source's own thread is busy with it for longer than the limit.
#[test]
fn d1_to_hand_on_slowly_what_was_taken_in_is_no_stall() {
    in_time(|slower| {
        let (mut system, (tell, told)) = (System::new("left"), mpsc::channel());
        system.set_stall_limit(LIMIT * slower);
        let (send, receiver) = crossbeam_channel::unbounded();
        (0..12).for_each(|n| send.send(n).unwrap());
        let work = move |n: u32| {
            let _ = tell.send(());
            slow(n, slower)
        };
        let flow = Pipeline::new("left").source("channel", Channel::new(receiver));
        let ready = flow.map("slow", work).sink("out", |_| Ok(()));
        let outcome = drained_once_told(system, ready, &told);
        unless_cut_short(&outcome)?;
        assert_eq!(outcome.ledger().stage("out").unwrap().passed, 12, "{outcome}");
        Ok(())
    });
}

/// Counts what one item becomes, the first of which is in the hands of a stage until the deadline of `on` has passed.
fn count_until_late(system: &System, flow: Flow<impl Op<Out = i32>>) -> Flow<impl Op<Out = u32>> {
    let (handle, mut is_first) = (system.handle(), true);
    let is_late = |handle: &SystemHandle| {
        let actors = handle.snapshot();
        actors.iter().any(|actor| actor.name == "on" && actor.state == State::Overdue)
    };
    let until_late = move |_: &u32| {
        if std::mem::take(&mut is_first) {
            handle.shutdown();
            while !is_late(&handle) {
                thread::sleep(Duration::from_millis(1));
            }
        }
    };
    flow.flat_map("several", |_| 0..10).inspect("until late", until_late).fold(
        "count",
        0,
        |count, _| *count += 1,
    )
}

fn one_number() -> Flow<impl Op<Out = i32>> {
    Pipeline::new("late").items("on", 0..1)
}

fn on_a_thread_of_its_own() -> Flow<impl Op<Out = i32>> {
    Pipeline::new("late").items("numbers", 0..1).thread("on")
}

#[track_caller]
fn hands_on_one(mut late: System, flow: Flow<impl Op<Out = i32>>) {
    let (tell, told) = mpsc::channel();
    let flow = count_until_late(&late, flow).thread("after");
    let ready = flow.sink("out", move |count| Ok(tell.send(count)?));
    let running = ready.feeds_nothing().spawn(&mut late).unwrap();
    let outcome = running.outcome(late.wait()).unwrap();
    assert!(outcome.ledger().balances() && !outcome.report().is_complete(), "{outcome}");
    assert!(told.into_iter().eq([1]), "{outcome}");
}

#[test]
fn d1_who_is_late_hands_on_what_it_has_and_fails_if_that_fails() {
    let system = || {
        let mut system = System::new("late");
        system.set_stall_limit(STALL_LIMIT).set_grace(HOURS);
        system
    };
    hands_on_one(system(), on_a_thread_of_its_own());
    hands_on_one(system(), one_number()); // on the source's

    let mut late = system();
    let fails = |count: u32| Err::<u32, _>(Error::msg(count));
    let flow = count_until_late(&late, on_a_thread_of_its_own());
    let ready = flow.try_map("fails", fails).sink("out", |_| Ok(()));
    let running = ready.feeds_nothing().spawn(&mut late).unwrap();
    let error = running.outcome(late.wait()).unwrap_err();
    assert_eq!(error.to_string(), "`on` failed: `fails`: 1");
    assert!(error.outcome().unwrap().ledger().balances(), "{error}");
}

#[test]
fn d1_to_wait_for_who_is_stuck_is_a_stall() {
    in_time(|_| {
        let mut system = System::new("stuck");
        // Who waits has to come back within the grace, and who is stuck does not.
        let grace = Duration::from_secs(1);
        system.set_stall_limit(STALL_LIMIT).set_grace(grace).set_drain_budget(HOURS);
        let (tell, told) = mpsc::channel();
        let (_release, stuck) = mpsc::channel::<()>();
        let get_stuck = move |n: u32| {
            if n == 1 {
                tell.send(())?;
                let _ = stuck.recv();
            }
            Ok(())
        };
        let ready = Pipeline::new("stuck").iter("numbers", 0..).sink("out", get_stuck);
        let running = ready.feeds_nothing().spawn(&mut system).unwrap();
        told.recv().unwrap();
        let waits = || {
            let actors = system.snapshot();
            actors
                .iter()
                .any(|a| a.waits_for.as_ref().is_some_and(|to| to.what == WaitingFor::Room))
        };
        while !waits() {
            thread::yield_now();
        }
        running.system().shutdown();
        let outcome = running.ended(system.wait());
        assert!(!outcome.report().is_complete() && outcome.ledger().balances(), "{outcome}");
        match outcome.report().actor("numbers").unwrap().ended {
            Ended::Overdue => Ok(()),
            // It was about to have room, and to wait for more.
            Ended::Drained => Err(outcome.to_string()),
            other => panic!("{other:?}: {outcome}"),
        }
    });
}

#[test]
fn d3_what_goes_down_with_an_abandoned_thread_has_a_column_of_its_own() {
    let mut system = System::new("abandoned");
    // All the others come back within the grace.
    system.set_stall_limit(STALL_LIMIT).set_grace(Duration::from_secs(1));
    let (handle, (release, stuck)) = (system.handle(), mpsc::channel::<()>());
    let (left, has_left) = mpsc::channel::<()>();
    let get_stuck = move |n: &u64| {
        let _until_it_leaves = &left;
        if *n == 50 {
            handle.shutdown();
            let _ = stuck.recv();
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

    // It comes back and leaves at once, and nobody is told another story.
    drop(release);
    assert!(has_left.recv().is_err());
    assert_eq!(running.ledger(), *ledger);
}
