//! Three stages with next to no work: what it costs to hand an item on.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use exeunt_pipeline::{Ending, Flow, Op, Pipeline, Sink};
use rayon::iter::{ParallelBridge as _, ParallelIterator as _};

use crate::{Contender, interleave};

const ITEMS: u64 = 1_000_000;

/// As many items as there may be between two threads of the pipeline.
const SLOTS: usize = 4096;

fn one(n: u64) -> u64 {
    black_box(n.wrapping_mul(3))
}

fn two(n: u64) -> u64 {
    black_box(n ^ (n >> 7))
}

fn three(n: u64) -> u64 {
    black_box(n.wrapping_add(1))
}

fn sum() -> u64 {
    (0..ITEMS).fold(0, |sum, n| sum.wrapping_add(three(two(one(n)))))
}

pub(crate) fn run(rounds: usize) {
    let mut contenders = [
        Contender::new("threads, a message an item", threads),
        Contender::new("pipeline, a thread each", pipeline_of_threads),
        Contender::new("pipeline, as it is written", pipeline),
        Contender::new("the same, if it may wait", pipeline_that_may_wait),
        Contender::new("rayon par_bridge", par_bridge),
        Contender::new("std iterator", iterator),
    ];
    interleave(&mut contenders, rounds);
    println!("trivial: {ITEMS} items, three stages, {rounds} rounds");
    let by_hand = contenders[0].median().as_secs_f64();
    for contender in &contenders {
        let each = contender.median().as_secs_f64() / ITEMS as f64;
        println!(
            "  {:28} {:8.1} ns an item  {:7.2} million/s  {:6.2} x  (+-{:.0} %)",
            contender.name,
            each * 1e9,
            1e-6 / each,
            by_hand / contender.median().as_secs_f64(),
            contender.spread()
        );
    }
}

/// A source, three stages and a sink, on five threads, as one would write it.
fn threads() -> Duration {
    let began = Instant::now();
    let total = thread::scope(|scope| {
        let (first, source) = bounded(SLOTS);
        scope.spawn(move || (0..ITEMS).try_for_each(|n| first.send(n)));
        let mut from = source;
        for stage in [one, two, three] {
            let (to, next) = bounded(SLOTS);
            let input = std::mem::replace(&mut from, next);
            scope.spawn(move || hand_on(&input, &to, stage));
        }
        scope.spawn(move || from.iter().fold(0, u64::wrapping_add)).join()
    });
    assert_eq!(total.ok(), Some(sum()));
    began.elapsed()
}

fn hand_on(from: &Receiver<u64>, to: &Sender<u64>, stage: fn(u64) -> u64) {
    for n in from {
        if to.send(stage(n)).is_err() {
            return;
        }
    }
}

/// The same five threads.
fn pipeline_of_threads() -> Duration {
    let began = Instant::now();
    let (sink, total) = totals();
    let flow = Pipeline::new("trivial").items("numbers", 0..ITEMS).thread("first");
    let flow = flow.map("one", one).thread("second").map("two", two).thread("third");
    let outcome = flow.map("three", three).sink("sum", sink).wait();
    assert!(outcome.is_ok_and(|outcome| outcome.ledger().balances()));
    assert_eq!(total.recv(), Ok(sum()));
    began.elapsed()
}

/// Stages that follow one another share a thread.
fn pipeline() -> Duration {
    fused(|| Pipeline::new("trivial").items("numbers", 0..ITEMS))
}

/// The same, for an iterator of which nobody knows whether it waits.
fn pipeline_that_may_wait() -> Duration {
    fused(|| Pipeline::new("trivial").iter("numbers", 0..ITEMS))
}

fn fused<O: Op<Out = u64>>(begin: impl FnOnce() -> Flow<O>) -> Duration {
    let began = Instant::now();
    let (sink, total) = totals();
    let flow = begin().map("one", one).map("two", two).map("three", three);
    let outcome = flow.sink("sum", sink).wait();
    assert!(outcome.is_ok_and(|outcome| outcome.ledger().balances()));
    assert_eq!(total.recv(), Ok(sum()));
    began.elapsed()
}

/// A sink, and what it comes to.
fn totals() -> (Sum, Receiver<u64>) {
    let (totals, total) = bounded(1);
    (Sum { sum: 0, totals }, total)
}

struct Sum {
    sum: u64,
    totals: Sender<u64>,
}

impl Sink<u64> for Sum {
    fn write(&mut self, n: u64) -> exeunt::Result {
        self.sum = self.sum.wrapping_add(n);
        Ok(())
    }

    fn finish(&mut self, _: Ending) -> exeunt::Result {
        Ok(self.totals.send(self.sum)?)
    }
}

/// Without an order, and on as many threads as there are cores.
fn par_bridge() -> Duration {
    let began = Instant::now();
    let total =
        (0..ITEMS).par_bridge().map(one).map(two).map(three).reduce(|| 0, u64::wrapping_add);
    assert_eq!(total, sum());
    began.elapsed()
}

/// On one thread.
fn iterator() -> Duration {
    let began = Instant::now();
    let total = (0..ITEMS).map(one).map(two).map(three).fold(0, u64::wrapping_add);
    assert_eq!(total, sum());
    began.elapsed()
}
