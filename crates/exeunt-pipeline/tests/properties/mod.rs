//! Random pipelines, against the plain iterators that they are like.
//!
//! Chunk sizes, capacities, numbers of threads, error policies and the moment of a drain, an error or a crash are random,
//! too. What is held against each other: the output, item by item; the ledger, which must balance, and tell of each stage
//! what the plain iterator says of it; and, where a pipeline ends early, the output with that of the items that the
//! ledger says were taken in.
//!
//! A failure prints the smallest case that was found. `PROPTEST_CASES=5000 cargo test -p exeunt-pipeline --test all
//! properties::` looks longer, and `PROPTEST_RNG_SEED=1` always at the same cases.

mod step;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use exeunt::{Error, Event, System, SystemHandle};
use exeunt_pipeline::{Branch, Ledger, Outcome, Pipeline, Ready, Sink, Source};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use step::{Numbers, Step, any_step, any_step_without_state, by_key, same_items};

/// How the threads are linked.
#[derive(Clone, Copy, Debug)]
struct Links {
    chunk: usize,
    capacity: usize,
    is_declared: bool,
}

fn links() -> impl Strategy<Value = Links> {
    let links = |(chunk, capacity, is_declared)| Links { chunk, capacity, is_declared };
    (1..40_usize, 1..6_usize, any::<bool>()).prop_map(links)
}

impl Links {
    fn begin(self, source: Count) -> Numbers<u64> {
        let pipeline = Pipeline::new("random").chunk(self.chunk).capacity(self.capacity);
        pipeline.source("count", source).thread("first")
    }

    /// Runs it to its end.
    fn run(self, ready: Ready, alarm: &Alarm) -> Result<Outcome, exeunt_pipeline::Error> {
        let mut system = System::new("random");
        let _ = alarm.system.set(system.handle());
        let ready = if self.is_declared { ready.feeds_nothing() } else { ready };
        let running = ready.spawn(&mut system)?;
        running.outcome(system.wait())
    }
}

/// Numbers, each of which is its own position.
struct Count {
    next: u64,
    end: u64,
    alarm: Alarm,
}

impl Source for Count {
    type Item = u64;
    type Position = u64;

    fn next_item(&mut self, _: &Event) -> Option<Result<(u64, u64), Error>> {
        let number = self.next;
        self.next += 1;
        self.alarm.tick(0);
        (number < self.end).then_some(Ok((number, number)))
    }

    /// It never waits, but says so more or less often: hardly ever, or almost always.
    fn is_next_at_hand(&self) -> bool {
        self.next % 16 < self.end % 16
    }
}

/// Begins a drain when a stage has seen so many items.
#[derive(Clone)]
struct Alarm {
    stage: usize,
    left: Arc<AtomicU64>,
    system: Arc<OnceLock<SystemHandle>>,
}

impl Alarm {
    fn new(stage: usize, items: u64) -> Alarm {
        Alarm { stage, left: Arc::new(AtomicU64::new(items)), system: Arc::default() }
    }

    fn never() -> Alarm {
        Alarm::new(usize::MAX, 0)
    }

    fn tick(&self, stage: usize) {
        if self.stage == stage && self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            if let Some(system) = self.system.get() {
                system.shutdown();
            }
        }
    }
}

/// What came out, for who has given away the sink.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u64>>>);

impl Output {
    fn sink(&self) -> impl FnMut(u64) -> exeunt::Result + Send + 'static {
        let output = self.clone();
        move |n| {
            output.0.lock().unwrap().push(n);
            Ok(())
        }
    }

    fn take(&self) -> Vec<u64> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// Adds the steps, with a look at the alarm behind each.
fn add<P: Clone + Send + 'static>(
    steps: &[Step],
    mut flow: Numbers<P>,
    alarm: &Alarm,
) -> Numbers<P> {
    for (at, step) in steps.iter().enumerate() {
        let alarm = alarm.clone();
        flow = step
            .add(at, flow)
            .inspect(&format!("{at}-alarm"), move |_| alarm.tick(at + 1))
            .thread("on");
    }
    flow
}

/// What plain iterators make of it; and whether the ledger says so of each stage.
fn model(steps: &[Step], mut items: Vec<u64>, ledger: Option<&Ledger>) -> Vec<u64> {
    for (at, step) in steps.iter().enumerate() {
        if let Some(ledger) = ledger {
            assert!(step.is_told_by(at, ledger, &items), "{step:?} of {at}\n{ledger}");
        }
        items = step.model(items);
    }
    items
}

/// Nothing went wrong: all that was taken in has been handled.
fn check(outcome: &Outcome) {
    assert!(outcome.ledger().balances(), "{outcome}");
    assert!(outcome.ledger().stages.iter().all(|stage| stage.returned == 0), "{outcome}");
    assert!(outcome.report().is_complete(), "{outcome}");
}

fn taken_in(ledger: &Ledger) -> Vec<u64> {
    (0..ledger.stage("count").unwrap().out).collect()
}

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::with_cases(64)
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_pipeline_is_its_iterators(
        steps in proptest::collection::vec(any_step(), 0..5),
        links in links(),
        items in 0..400_u64,
    ) {
        let (output, alarm) = (Output::default(), Alarm::never());
        let count = Count { next: 0, end: items, alarm: alarm.clone() };
        let flow = add(&steps, links.begin(count), &alarm);
        let outcome = links.run(flow.sink("out", output.sink()), &alarm).unwrap();
        check(&outcome);
        prop_assert_eq!(output.take(), model(&steps, (0..items).collect(), Some(outcome.ledger())));
    }

    #[test]
    fn a_drain_at_any_moment_leaves_the_result_of_a_prefix(
        steps in proptest::collection::vec(any_step(), 0..5),
        links in links(),
        stage in 0..6_usize,
        after in 1..400_u64,
    ) {
        let (output, alarm) = (Output::default(), Alarm::new(stage, after));
        // Where the alarm may never go off, there is an end.
        let count = Count { next: 0, end: 2_000, alarm: alarm.clone() };
        let flow = add(&steps, links.begin(count), &alarm);
        let outcome = links.run(flow.sink("out", output.sink()), &alarm).unwrap();
        check(&outcome);
        let taken = taken_in(outcome.ledger());
        prop_assert_eq!(output.take(), model(&steps, taken, Some(outcome.ledger())));
    }

    #[test]
    fn an_error_that_stops_leaves_the_result_of_what_came_before_it(
        before in proptest::collection::vec(any_step_without_state(), 0..3),
        after in proptest::collection::vec(any_step(), 0..3),
        threads in 0..4_usize,
        links in links(),
        bad in 0..300_u64,
        panics in any::<bool>(),
    ) {
        let (output, alarm) = (Output::default(), Alarm::never());
        let count = Count { next: 0, end: 2_000, alarm: alarm.clone() };
        let flow = add(&before, links.begin(count), &alarm);
        let stop = move |n: u64| match n == bad {
            true if panics => std::panic::resume_unwind(Box::new("as planned")),
            true => Err(Error::msg("as planned")),
            false => Ok(n),
        };
        let flow = match threads {
            0 => flow.try_map("stop", stop).thread("stopped"),
            threads => flow.try_parallel("stop", threads, stop).thread("stopped"),
        };
        let mut flow = flow;
        for (at, step) in after.iter().enumerate() {
            flow = step.add(100 + at, flow);
        }
        let ran = links.run(flow.sink("out", output.sink()), &alarm);
        let mut items = model(&before, (0..2_000).collect(), None);
        let failed = items.iter().position(|&n| n == bad);
        items.truncate(failed.unwrap_or(items.len()));
        let outcome = match ran {
            Ok(outcome) => {
                prop_assert!(failed.is_none());
                outcome
            }
            Err(error) => {
                prop_assert!(failed.is_some() && error.to_string().contains("as planned"), "{}", error);
                error.into_outcome().unwrap()
            }
        };
        prop_assert!(outcome.ledger().balances(), "{}", outcome);
        prop_assert_eq!(output.take(), model(&after, items, None));
    }

    #[test]
    fn after_any_crash_nothing_is_missing_and_nothing_is_double(
        steps in proptest::collection::vec(any_step_without_state(), 0..4),
        links in links(),
        items in 0..300_u64,
        crashes in proptest::collection::vec((0..8_u64, any::<bool>()), 0..6),
    ) {
        let disk = Disk::default();
        let mut crashes = crashes.into_iter();
        loop {
            let crash = crashes.next();
            let alarm = Alarm::never();
            let next = disk.stored.lock().unwrap().position.map_or(0, |position| position + 1);
            let count = Count { next, end: items, alarm: alarm.clone() };
            let flow = add(&steps, links.begin(count), &alarm);
            let store = Store { disk: disk.clone(), written: Vec::new(), crash };
            match links.run(flow.sink("store", store), &alarm) {
                Ok(outcome) => check(&outcome),
                Err(error) => {
                    prop_assert!(crash.is_some() && error.to_string().contains("crash"), "{}", error);
                    let outcome = error.into_outcome().unwrap();
                    prop_assert!(outcome.ledger().balances(), "{}", outcome);
                    continue;
                }
            }
            if crash.is_none() {
                break;
            }
        }
        let stored = disk.stored.lock().unwrap();
        prop_assert_eq!(&stored.items, &model(&steps, (0..items).collect(), None));
        prop_assert_eq!(stored.position, items.checked_sub(1));
    }

    #[test]
    fn what_has_no_order_has_all_items_and_a_partition_that_of_its_keys(
        links in links(),
        threads in 1..5_usize,
        keys in 1..6_u64,
        items in 0..400_u64,
    ) {
        let (output, alarm) = (Output::default(), Alarm::never());
        let count = || Count { next: 0, end: items, alarm: alarm.clone() };
        let all: Vec<u64> = (0..items).collect();

        let flow = links.begin(count()).parallel("any", threads, |n| n).unordered();
        check(&links.run(flow.sink("out", output.sink()), &alarm).unwrap());
        prop_assert!(same_items(&output.take(), &all));

        let flow = links.begin(count()).partition_by("keys", threads, move |n| n % keys, |n| n);
        check(&links.run(flow.sink("out", output.sink()), &alarm).unwrap());
        prop_assert_eq!(by_key(&output.take(), keys), by_key(&all, keys));

        let flow = links.begin(count()).fold("sum", 0, |sum, n| *sum += n);
        check(&links.run(flow.sink("out", output.sink()), &alarm).unwrap());
        prop_assert_eq!(output.take(), [all.iter().sum::<u64>()]);
    }

    #[test]
    fn batches_are_the_chunks_of_a_slice(
        links in links(),
        size in 1..30_usize,
        items in 0..400_u64,
    ) {
        let (output, alarm) = (Arc::new(Mutex::new(Vec::new())), Alarm::never());
        let count = Count { next: 0, end: items, alarm: alarm.clone() };
        let flow = links.begin(count).batch("batch", size, std::time::Duration::MAX);
        let batches = Arc::clone(&output);
        let ready = flow.sink("out", move |batch| {
            batches.lock().unwrap().push(batch);
            Ok(())
        });
        check(&links.run(ready, &alarm).unwrap());
        let all: Vec<u64> = (0..items).collect();
        prop_assert_eq!(&*output.lock().unwrap(), &all.chunks(size).map(<[u64]>::to_vec).collect::<Vec<_>>());
    }

    #[test]
    fn branches_have_all_of_it_and_a_merge_has_both(
        left in proptest::collection::vec(any_step(), 0..3),
        right in proptest::collection::vec(any_step(), 0..3),
        links in links(),
        stage in 0..3_usize,
        after in 1..400_u64,
        others in 0..200_u64,
    ) {
        let (one, two, alarm) = (Output::default(), Output::default(), Alarm::new(stage, after));
        let count = Count { next: 0, end: 2_000, alarm: alarm.clone() };
        let branch = |steps: &[Step], offset: usize, name: &'static str, output: &Output| {
            let (steps, sink) = (steps.to_vec(), output.sink());
            Branch::new(move |flow: Numbers<u64>| {
                let mut flow = flow;
                for (at, step) in steps.iter().enumerate() {
                    flow = step.add(offset + at, flow);
                }
                flow.sink(name, sink)
            })
        };
        let branches = vec![branch(&left, 100, "one", &one), branch(&right, 200, "two", &two)];
        let outcome = links.run(links.begin(count).broadcast("copy", branches), &alarm).unwrap();
        check(&outcome);
        let taken = taken_in(outcome.ledger());
        prop_assert_eq!(one.take(), model(&left, taken.clone(), None));
        prop_assert_eq!(two.take(), model(&right, taken, None));

        let count = |next, end| Count { next, end, alarm: Alarm::never() };
        let other = Pipeline::new("other").source("others", count(0, others)).map("odd", |n| 2 * n + 1);
        let flow = links.begin(count(0, 100)).map("even", |n| 2 * n).merge("both", other);
        check(&links.run(flow.sink("out", one.sink()), &Alarm::never()).unwrap());
        let both = by_key(&one.take(), 2);
        prop_assert_eq!(&both[0], &(0..100).map(|n| 2 * n).collect::<Vec<_>>());
        prop_assert_eq!(&both[1], &(0..others).map(|n| 2 * n + 1).collect::<Vec<_>>());
    }

    #[test]
    fn a_sink_that_has_enough_ends_it(
        steps in proptest::collection::vec(any_step(), 0..4),
        links in links(),
        enough in 0..100_usize,
    ) {
        let (output, alarm) = (Output::default(), Alarm::never());
        let count = Count { next: 0, end: 2_000, alarm: alarm.clone() };
        let (mut left, mut sink) = (enough, output.sink());
        let take = move |n| {
            left = left.checked_sub(1).ok_or(exeunt_pipeline::Closed)?;
            sink(n)
        };
        let outcome = links.run(add(&steps, links.begin(count), &alarm).sink("out", take), &alarm).unwrap();
        prop_assert!(outcome.ledger().balances(), "{}", outcome);
        let mut all = model(&steps, (0..2_000).collect(), None);
        all.truncate(enough);
        prop_assert_eq!(output.take(), all);
    }
}

/// What outlives a crash.
#[derive(Clone, Default)]
struct Disk {
    stored: Arc<Mutex<Stored>>,
}

#[derive(Default)]
struct Stored {
    items: Vec<u64>,
    position: Option<u64>,
}

/// A sink with transactions, whose process crashes in one of them: before it is done, or after.
struct Store {
    disk: Disk,
    written: Vec<u64>,
    crash: Option<(u64, bool)>,
}

impl Sink<u64, u64> for Store {
    fn write(&mut self, n: u64) -> exeunt::Result {
        self.written.push(n);
        Ok(())
    }

    fn keeps_positions(&self) -> bool {
        true
    }

    fn commit(&mut self, position: Option<&u64>) -> exeunt::Result {
        let crashes = match &mut self.crash {
            Some((0, is_done)) => Some(*is_done),
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        };
        if crashes == Some(false) {
            return Err(Error::msg("a crash before"));
        }
        let mut stored = self.disk.stored.lock().unwrap();
        assert!(position.is_some(), "it is asked only when it knows where");
        stored.items.append(&mut self.written);
        stored.position = position.copied();
        if crashes == Some(true) { Err(Error::msg("a crash after")) } else { Ok(()) }
    }
}
