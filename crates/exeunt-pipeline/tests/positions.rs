//! What a sink is told of positions: at each commit it has been given exactly what became of the source's items up to the position,
//! whatever stages there are in between, and at the end it has been asked to commit all of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use exeunt::{Error, Event, System};
use exeunt_pipeline::{Flow, Given, Next, Op, Outcome, Pipeline, Ready, Sink, Source};

const LONG: Duration = Duration::from_secs(3600);
const ITEMS: u64 = 3_000;

/// Numbers, each of which is its own position.
struct Numbers(std::ops::Range<u64>);

impl Source for Numbers {
    type Item = u64;
    type Position = u64;

    fn next_item(&mut self, _: &Event) -> Option<Next<u64, u64>> {
        self.0.next().map(|number| Ok((number, number)))
    }
}

fn numbers() -> Flow<Given<u64>, u64> {
    Pipeline::new("positions").source("numbers", Numbers(0..ITEMS))
}

/// What a sink was given, and at each commit how much of it that was, and the position.
#[derive(Debug)]
struct Stored<T>(Arc<Mutex<Storage<T>>>);

#[derive(Debug)]
struct Storage<T> {
    written: Vec<T>,
    commits: Vec<(usize, u64)>,
}

impl<T> Clone for Stored<T> {
    fn clone(&self) -> Stored<T> {
        Stored(Arc::clone(&self.0))
    }
}

impl<T> Stored<T> {
    fn new() -> Stored<T> {
        Stored(Arc::new(Mutex::new(Storage { written: Vec::new(), commits: Vec::new() })))
    }
}

impl<T: Send + 'static> Sink<T, u64> for Stored<T> {
    fn write(&mut self, item: T) -> exeunt::Result {
        self.0.lock().unwrap().written.push(item);
        Ok(())
    }

    fn keeps_positions(&self) -> bool {
        true
    }

    fn commit(&mut self, position: Option<&u64>) -> exeunt::Result {
        let mut storage = self.0.lock().unwrap();
        let written = storage.written.len();
        storage.commits.push((written, *position.unwrap()));
        Ok(())
    }
}

/// What was stored, flattened, against what becomes of the numbers up to each position.
fn assert_exact<T>(
    stored: &Stored<T>,
    parts: impl Fn(&T) -> Vec<u64>,
    becomes: impl Fn(u64) -> Vec<u64>,
) -> Option<u64> {
    let storage = stored.0.lock().unwrap();
    let (mut committed, mut expected, mut next) = (Vec::new(), Vec::new(), 0);
    let mut written = storage.written.iter();
    let mut before = 0;
    for &(upto, position) in &storage.commits {
        committed.extend(written.by_ref().take(upto - before).flat_map(&parts));
        expected.extend((next..=position).flat_map(&becomes));
        assert_eq!(committed, expected, "up to {position}");
        (before, next) = (upto, position + 1);
    }
    next.checked_sub(1)
}

/// Runs it to its end, where all is committed.
fn run<O: Op>(
    flow: Flow<O, u64>,
    parts: impl Fn(&O::Out) -> Vec<u64>,
    becomes: impl Fn(u64) -> Vec<u64>,
) {
    let stored = Stored::new();
    let outcome: Outcome = flow.sink("stored", stored.clone()).wait().unwrap();
    assert!(outcome.ledger().balances(), "{outcome}");
    assert_eq!(assert_exact(&stored, parts, becomes), Some(ITEMS - 1));
}

#[test]
fn filters_and_several_of_one() {
    run(numbers(), |&n| vec![n], |n| vec![n]);
    run(
        numbers().filter("even", |n| n % 2 == 0),
        |&n| vec![n],
        |n| vec![n; usize::from(n % 2 == 0)],
    );
    run(numbers().filter("none", |_| false), |&n| vec![n], |_| vec![]);
    run(
        numbers().flat_map("some", |n| vec![n; (n % 4) as usize]),
        |&n| vec![n],
        |n| vec![n; (n % 4) as usize],
    );
}

#[test]
fn several_threads() {
    for threads in [1, 3] {
        let flow = numbers().parallel("same", threads, |n| n);
        run(flow, |&n| vec![n], |n| vec![n]);
        let odd = |n: u64| if n % 2 == 1 { Ok(n) } else { Err(Error::msg("even")) };
        let flow = numbers().try_parallel("odd", threads, odd).skip_errors();
        run(flow, |&n| vec![n], |n| vec![n; (n % 2) as usize]);
    }
}

#[test]
fn batches_by_number_and_by_time() {
    for size in [1, 7, 1_000, 10_000] {
        for within in [LONG, Duration::from_micros(100)] {
            let flow = numbers().batch("batch", size, within);
            run(flow, Vec::clone, |n| vec![n]);
            let flow = numbers().parallel("same", 2, |n| n).batch("batch", size, within);
            run(flow, Vec::clone, |n| vec![n]);
            // The boundaries of batches need not be those between items of the source.
            let flow = numbers().flat_map("three", |n| [n; 3]).batch("batch", size, within);
            run(flow, Vec::clone, |n| vec![n; 3]);
            let flow = numbers().batch("batch", size, within).flat_map("apart", |batch| batch);
            run(flow, |&n| vec![n], |n| vec![n]);
            let flow = numbers().batch("batch", size, within).parallel("sum", 2, |batch| batch);
            run(flow, Vec::clone, |n| vec![n]);
        }
    }
    run(numbers().window("window", Duration::from_micros(300)), Vec::clone, |n| vec![n]);
}

/// Runs so many numbers to their end, and says how much was ever written and not committed, and how many batches of which
/// length there were.
fn owed<O: Op<Out = Vec<u64>>>(
    flow: Flow<O, u64>,
    becomes: impl Fn(u64) -> Vec<u64>,
) -> (usize, BTreeMap<usize, usize>) {
    let stored = Stored::new();
    let outcome = flow.sink("stored", stored.clone()).wait().unwrap();
    assert!(outcome.ledger().balances(), "{outcome}");
    let items = outcome.ledger().stage("numbers").unwrap().out;
    assert_eq!(assert_exact(&stored, Vec::clone, becomes), Some(items - 1));
    let storage = stored.0.lock().unwrap();
    let upto = storage.commits.iter().map(|&(written, _)| written);
    let before = std::iter::once(0).chain(upto.clone());
    let most = upto.zip(before).map(|(upto, before)| upto - before).max().unwrap();
    let mut lengths = BTreeMap::new();
    storage.written.iter().for_each(|batch| *lengths.entry(batch.len()).or_default() += 1);
    (most, lengths)
}

fn many(items: u64) -> Flow<Given<u64>, u64> {
    Pipeline::new("positions").source("numbers", Numbers(0..items))
}

#[test]
fn batches_that_never_end_between_two_items_are_cut_when_a_commit_is_due() {
    // All but the first become two, so that a batch of two always ends within one of them.
    let becomes = |n: u64| vec![n; if n == 0 { 1 } else { 2 }];
    let flow = many(100_000).flat_map("two", becomes).batch("batch", 2, LONG);
    let (most, lengths) = owed(flow, becomes);
    // It is overdue after twice 4096, and what is on its way comes too.
    assert!(most < 4 * 4096, "{most}");
    assert!(lengths[&1] < 50, "{lengths:?}");

    // Or, if hardly anything comes to the sink, after so many items of the source.
    let becomes = move |n| if n % 1_000 == 0 { becomes(n) } else { vec![] };
    let flow = many(800_000).flat_map("few", becomes).batch("batch", 2, LONG);
    let (most, lengths) = owed(flow, becomes);
    assert!(most < 200, "of 800 for as many thousand: {most}");
    assert!(lengths[&1] < 10, "{lengths:?}");
}

#[test]
fn batches_that_end_between_two_items_are_left_alone() {
    for (size, several) in [(200_000, 1), (1_000, 1), (1_000, 3), (7, 3)] {
        let becomes = move |n| vec![n; several];
        let flow = many(300_000).flat_map("several", becomes).batch("batch", size, LONG);
        let (_, lengths) = owed(flow, becomes);
        let short = lengths.range(..size).map(|(_, number)| number).sum::<usize>();
        assert!(short <= 1, "{short} of {size}: {lengths:?}");
    }
}

#[test]
fn a_branch_after_a_batch() {
    let (aside, main) = (Stored::new(), Stored::new());
    let branch = aside.clone();
    numbers()
        .batch("batch", 7, LONG)
        .tee("copy", move |flow| flow.sink("aside", branch))
        .sink("main", main.clone())
        .wait()
        .unwrap();
    for stored in [aside, main] {
        assert_eq!(assert_exact(&stored, Vec::clone, |n| vec![n]), Some(ITEMS - 1));
    }
}

#[test]
fn a_drain_commits_what_was_taken_in() {
    let mut system = System::new("drained");
    let (handle, stored) = (system.handle(), Stored::new());
    let running = Pipeline::new("drained")
        .source("numbers", Numbers(0..u64::MAX))
        .parallel("same", 2, |n| n)
        .inspect("look", move |&n| {
            if n == ITEMS {
                handle.shutdown();
            }
        })
        .batch("batch", 100, LONG)
        .sink("stored", stored.clone())
        .spawn(&mut system)
        .unwrap();
    let report = system.wait();
    assert!(report.is_complete(), "{report}");
    let ledger = running.ledger();
    assert!(ledger.balances(), "{ledger}");
    let taken_in = ledger.stage("numbers").unwrap().out;
    let last = assert_exact(&stored, Vec::clone, |n| vec![n]);
    assert_eq!(last, Some(taken_in - 1));
}

#[test]
fn after_a_failure_nothing_is_committed_that_is_not_exact() {
    let stored = Stored::new();
    // The second of three that one item becomes.
    let fails =
        |n: u64, which| if (n, which) == (2_000, 1) { Err(Error::msg("no")) } else { Ok(n) };
    let error = numbers()
        .flat_map("three", |n| [(n, 0), (n, 1), (n, 2)])
        .try_map("fails", move |(n, which)| fails(n, which))
        .sink("stored", stored.clone())
        .wait()
        .unwrap_err();
    let outcome = error.outcome().unwrap();
    assert!(outcome.ledger().balances(), "{outcome}");
    let last = assert_exact(&stored, |&n| vec![n], |n| vec![n; 3]).unwrap();
    assert!(last < 2_000, "{last}");
    // What was committed has passed, and nothing else.
    let passed = outcome.ledger().stage("stored").unwrap().passed;
    assert_eq!(passed, 3 * (last + 1), "{outcome}");
}

/// A position that cannot be copied.
struct Fragile(u64);

impl Clone for Fragile {
    fn clone(&self) -> Fragile {
        assert!(self.0 != 50, "fragile");
        Fragile(self.0)
    }
}

struct FragileNumbers(std::ops::Range<u64>);

impl Source for FragileNumbers {
    type Item = u64;
    type Position = Fragile;

    fn next_item(&mut self, _: &Event) -> Option<Next<u64, Fragile>> {
        self.0.next().map(|number| Ok((number, Fragile(number))))
    }
}

struct Forgetful;

impl Sink<u64, Fragile> for Forgetful {
    fn write(&mut self, _: u64) -> exeunt::Result {
        Ok(())
    }

    fn keeps_positions(&self) -> bool {
        true
    }
}

#[test]
fn a_panic_of_a_position_is_a_failure_of_the_source_and_all_balances() {
    let error = Pipeline::new("fragile")
        .source("numbers", FragileNumbers(0..100))
        .tee("copy", |flow| flow.sink("one", Forgetful))
        .sink("other", Forgetful)
        .wait()
        .unwrap_err();
    assert_eq!(error.to_string(), "`numbers` failed: it panicked: fragile");
    let ledger = error.outcome().unwrap().ledger();
    assert!(ledger.balances(), "{ledger}");
    assert_eq!(ledger.stage("other").unwrap().passed, 50);
}

/// Numbers, each of which is given when a commit says that the one before is lasting.
struct OneByOne {
    given: u64,
    committed: crossbeam_channel::Receiver<u64>,
}

impl Source for OneByOne {
    type Item = u64;
    type Position = u64;

    fn next_item(&mut self, _: &Event) -> Option<Next<u64, u64>> {
        if let Some(before) = self.given.checked_sub(1) {
            let committed = self.committed.recv_timeout(Duration::from_secs(20));
            assert_eq!(committed, Ok(before), "it waits for more, which does not come");
        }
        self.given += 1;
        (self.given <= 300).then_some(Ok((self.given - 1, self.given - 1)))
    }
}

/// Tells its commits.
struct Tells {
    commits: crossbeam_channel::Sender<u64>,
    commit_items: usize,
}

impl<T: Send + 'static> Sink<T, u64> for Tells {
    fn write(&mut self, _: T) -> exeunt::Result {
        Ok(())
    }

    fn keeps_positions(&self) -> bool {
        true
    }

    fn commit(&mut self, position: Option<&u64>) -> exeunt::Result {
        // The last one is for nobody.
        let _ = self.commits.send(*position.unwrap());
        Ok(())
    }

    fn commit_items(&self) -> usize {
        self.commit_items
    }
}

#[test]
fn what_is_there_is_committed_although_nothing_more_comes() {
    let moment = Duration::from_micros(100);
    let run = |describe: &dyn Fn(Pipeline, OneByOne, Tells) -> Ready| {
        let (commits, committed) = crossbeam_channel::unbounded();
        let sink = Tells { commits, commit_items: 4096 };
        let source = OneByOne { given: 0, committed };
        let outcome = describe(Pipeline::new("one by one"), source, sink).wait().unwrap();
        assert!(outcome.ledger().balances(), "{outcome}");
    };
    run(&|pipeline, source, sink| pipeline.source("numbers", source).sink("tells", sink));
    run(&|pipeline, source, sink| {
        pipeline.source("numbers", source).batch("batch", 100, moment).sink("tells", sink)
    });
    run(&|pipeline, source, sink| {
        pipeline.source("numbers", source).window("window", moment).sink("tells", sink)
    });
    run(&|pipeline, source, sink| {
        let flow = pipeline.source("numbers", source).parallel("same", 2, |n| n).thread("on");
        flow.batch("batch", 100, moment).sink("tells", sink)
    });
}

#[test]
fn a_sink_that_commits_each_item_is_asked_for_each_although_more_waits() {
    let (commits, committed) = crossbeam_channel::unbounded();
    numbers().thread("on").sink("tells", Tells { commits, commit_items: 1 }).wait().unwrap();
    assert!(committed.into_iter().eq(0..ITEMS));
}
