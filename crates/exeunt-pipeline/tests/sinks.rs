//! Sinks in a pipeline that runs: when they are asked to commit, what they are told at the end, and what counts as passed if they fail.
//! What each of them does is tested beside it.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use exeunt::{Error, Reason, System};
use exeunt_pipeline::{Closed, Ending, Ledger, Pipeline, Sink};

/// Tells what it is asked.
#[derive(Clone, Default)]
struct Told {
    calls: Arc<Mutex<Vec<Call>>>,
    refuses_item: Option<u32>,
    refuses_commit: bool,
    is_closed: bool,
    /// It writes nothing before nobody holds the other end of this.
    held_by: Option<Arc<Mutex<mpsc::Receiver<()>>>>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Call {
    Write(u32),
    Commit,
    Finish(Ending),
}

impl Told {
    fn told(&self, call: Call) {
        self.calls.lock().unwrap().push(call);
    }

    fn refusal(&self) -> exeunt::Result {
        if self.is_closed { Err(Closed.into()) } else { Err(Error::msg("refused")) }
    }

    fn ending(&self) -> Option<Ending> {
        match self.calls.lock().unwrap().last() {
            Some(Call::Finish(ending)) => Some(*ending),
            _ => None,
        }
    }

    fn count(&self, call: Call) -> usize {
        self.calls.lock().unwrap().iter().filter(|&&other| other == call).count()
    }
}

impl Sink<u32> for Told {
    fn write(&mut self, item: u32) -> exeunt::Result {
        if let Some(held_by) = &self.held_by {
            let _ = held_by.lock().unwrap().recv();
        }
        if self.refuses_item == Some(item) {
            return self.refusal();
        }
        self.told(Call::Write(item));
        Ok(())
    }

    fn commit(&mut self, _: Option<&()>) -> exeunt::Result {
        if self.refuses_commit {
            return self.refusal();
        }
        self.told(Call::Commit);
        Ok(())
    }

    fn finish(&mut self, ending: Ending) -> exeunt::Result {
        self.told(Call::Finish(ending));
        Ok(())
    }
}

#[test]
fn everything_is_committed_before_the_end_and_not_one_by_one() {
    let told = Told::default();
    let outcome = Pipeline::new("many")
        .iter("numbers", 0..100_000)
        .sink("told", told.clone())
        .wait()
        .unwrap();
    assert!(outcome.ledger().balances(), "{outcome}");
    assert_eq!(outcome.ledger().stage("told").unwrap().passed, 100_000);
    let calls = told.calls.lock().unwrap();
    assert_eq!(calls[calls.len() - 2..], [Call::Commit, Call::Finish(Ending::Complete)]);
    // However long it does not run dry, it is asked after some thousands.
    let mut since = 0;
    for call in calls.iter() {
        since = if *call == Call::Commit { 0 } else { since + 1 };
        assert!(since <= 4096, "{since}");
    }
}

#[test]
fn a_drain_and_a_failure_upstream_are_told() {
    let (told, mut system) = (Told::default(), System::new("drained"));
    let handle = system.handle();
    let shut_down = move |&n: &u32| {
        if n == 1000 {
            handle.shutdown();
        }
    };
    Pipeline::new("drained")
        .iter("numbers", 0..)
        .inspect("look", shut_down)
        .sink("told", told.clone())
        .spawn(&mut system)
        .unwrap();
    assert!(system.wait().is_complete());
    assert_eq!(told.ending(), Some(Ending::Interrupted));

    // Not all of it has arrived: the rate limit holds items up until its deadline.
    let (told, mut system) = (Told::default(), System::new("cut short"));
    system.set_drain_budget(Duration::from_millis(50));
    let handle = system.handle();
    let running = Pipeline::new("cut short")
        .iter("numbers", 0..10)
        .thread("thread")
        .rate_limit("slow", 1, Duration::MAX)
        .thread("on")
        .inspect("look", move |_| handle.shutdown())
        .sink("told", told.clone())
        .spawn(&mut system)
        .unwrap();
    let outcome = running.outcome(system.wait()).unwrap();
    let slow = outcome.ledger().stage("slow").unwrap();
    assert!(slow.passed <= 2 && slow.returned >= 8 && outcome.ledger().balances(), "{outcome}");
    assert_eq!(told.ending(), Some(Ending::CutShort), "{outcome}");

    // Whichever item it is, also the last, and whichever thread.
    for fails_at in [0, 500, 999] {
        for threads in [0, 2] {
            let told = Told::default();
            let fail = move |n: u32| if n == fails_at { Err(Error::msg("no")) } else { Ok(n) };
            let flow = Pipeline::new("fails").iter("numbers", 0..1000);
            let sink = told.clone();
            let ready = match threads {
                0 => flow.try_map("fail", fail).sink("told", sink),
                _ => flow.try_parallel("fail", threads, fail).sink("told", sink),
            };
            ready.wait().unwrap_err();
            assert_eq!(told.ending(), Some(Ending::Failed), "{fails_at} on {threads}");
        }
    }
    // A skipped error is no end.
    let told = Told::default();
    let fail = |n: u32| if n % 2 == 0 { Err(Error::msg("no")) } else { Ok(n) };
    let flow = Pipeline::new("skips").iter("numbers", 0..1000).try_map("fail", fail).skip_errors();
    flow.sink("told", told.clone()).wait().unwrap();
    assert_eq!(told.ending(), Some(Ending::Complete));
}

#[test]
fn the_end_of_a_merge_is_that_of_all_that_is_merged() {
    let ending = |first: u32, second: u32| {
        let told = Told::default();
        let fail = |at: u32| move |n: u32| if n == at { Err(Error::msg("no")) } else { Ok(n) };
        let other = Pipeline::new("other").iter("others", 0..1000).try_map("second", fail(second));
        let flow = Pipeline::new("merged").iter("numbers", 0..1000).try_map("first", fail(first));
        let _ = flow.merge("both", other).sink("told", told.clone()).wait();
        told.ending()
    };
    assert_eq!(ending(u32::MAX, u32::MAX), Some(Ending::Complete));
    assert_eq!(ending(999, u32::MAX), Some(Ending::Failed));
    assert_eq!(ending(u32::MAX, 999), Some(Ending::Failed));
}

#[test]
fn a_failure_in_a_drain_is_one() {
    let mut system = System::new("drained");
    let handle = system.handle();
    let fail = move |n: u32| match n {
        1000 => {
            handle.shutdown();
            Err(Error::msg("no"))
        }
        n => Ok(n),
    };
    let flow = Pipeline::new("drained").iter("numbers", 0..).try_map("fail", fail);
    let running = flow.sink("told", Told::default()).spawn(&mut system).unwrap();
    let report = system.wait();
    assert_eq!(report.reason, Reason::Shutdown);
    let error = running.outcome(report).unwrap_err();
    assert_eq!(error.to_string(), "`numbers` failed: `fail`: no");
    assert_eq!(format!("{error:?}"), "`numbers` failed: `fail`: no");
}

/// Runs until the sink says that it is enough.
fn refused(told: &Told) -> (Ledger, Option<String>) {
    let ready = Pipeline::new("refused").iter("numbers", 0..1000).sink("told", told.clone());
    match ready.wait() {
        Ok(outcome) => (outcome.ledger().clone(), None),
        Err(error) => (error.outcome().unwrap().ledger().clone(), Some(error.to_string())),
    }
}

#[test]
fn what_was_written_before_an_item_that_is_refused_is_committed() {
    for is_closed in [false, true] {
        let told = Told { refuses_item: Some(500), is_closed, ..Told::default() };
        let (ledger, error) = refused(&told);
        assert!(ledger.balances(), "{ledger}");
        let stage = ledger.stage("told").unwrap();
        let failed = u64::from(!is_closed);
        assert_eq!((stage.passed, stage.failed), (500, failed), "{ledger}");
        assert_eq!(error, (!is_closed).then(|| "`told` failed: refused".to_owned()));
        assert_eq!(told.count(Call::Write(499)), 1);
        assert_eq!(told.calls.lock().unwrap().last(), Some(&Call::Commit));
    }
}

#[test]
fn what_could_not_be_committed_has_not_passed() {
    for is_closed in [false, true] {
        let told = Told { refuses_commit: true, is_closed, ..Told::default() };
        let (ledger, error) = refused(&told);
        assert!(ledger.balances(), "{ledger}");
        let stage = ledger.stage("told").unwrap();
        assert_eq!(stage.passed, 0, "{ledger}");
        assert_eq!(stage.failed > 0, !is_closed, "{ledger}");
        assert_eq!(error.is_none(), is_closed);
        assert_eq!(told.ending(), None);
    }
}

#[test]
fn a_branch_of_a_pipeline_that_is_merged_is_told_its_own_end() {
    let (aside, fails) =
        (Told::default(), |n: u32| if n == 7 { Err(Error::msg("no")) } else { Ok(n) });
    let branch = aside.clone();
    let other = Pipeline::new("other")
        .iter("others", 0..10)
        .try_map("fails", fails)
        .tee("copy", move |flow| flow.sink("aside", branch));
    let flow = Pipeline::new("merged").iter("numbers", 0..10);
    flow.merge("both", other).sink("told", Told::default()).wait().unwrap_err();
    assert_eq!(aside.ending(), Some(Ending::Failed));
}

#[test]
fn what_waits_is_written_before_anything_is_committed() {
    const ITEMS: usize = 8;
    let (mut system, (release, released)) = (System::new("waits"), mpsc::channel());
    let told = Told { held_by: Some(Arc::new(Mutex::new(released))), ..Told::default() };
    let flow =
        Pipeline::new("waits").chunk(1).iter("numbers", 0..8).thread("on").map("same", |n| n);
    let running = flow.sink("told", told.clone()).spawn(&mut system).unwrap();
    let waits = |queued: usize| {
        let actors = system.snapshot();
        actors.iter().any(|actor| actor.name == "told" && actor.queued == queued)
    };
    while !waits(ITEMS - 1) {
        thread::yield_now();
    }
    drop(release);
    let outcome = running.outcome(system.wait()).unwrap();
    assert_eq!(outcome.ledger().stage("told").unwrap().passed, 8, "{outcome}");
    assert_eq!(told.count(Call::Commit), 1);
}
