//! Ten microseconds of work per item on all cores, beside the same work on as many threads that need not talk.

use std::hint::black_box;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use exeunt_pipeline::Pipeline;
use rayon::iter::{ParallelBridge as _, ParallelIterator as _};

use crate::{Contender, interleave, quantile};

const ITEMS: u64 = 20_000;
const WORK: Duration = Duration::from_micros(10);

pub(crate) fn run(rounds: usize) {
    let steps = steps();
    let mut contenders = [
        Contender::new("threads that need not talk", ideal),
        Contender::new("pipeline, in order", in_order),
        Contender::new("pipeline, unordered", unordered),
        Contender::new("rayon par_bridge", par_bridge),
    ];
    interleave(&mut contenders, rounds);
    println!(
        "work: {ITEMS} items of {WORK:?} ({steps} steps), {} threads, {rounds} rounds",
        cores()
    );
    let ideal = contenders[0].median().as_secs_f64();
    for contender in &contenders {
        println!(
            "  {:28} {:8.1} ms  {:5.1} % of the ideal  (+-{:.1} %)",
            contender.name,
            contender.median().as_secs_f64() * 1e3,
            100.0 * ideal / contender.median().as_secs_f64(),
            contender.spread()
        );
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// How many steps of the work take ten microseconds here.
fn steps() -> u64 {
    static STEPS: OnceLock<u64> = OnceLock::new();
    *STEPS.get_or_init(|| {
        let samples: Vec<Duration> = (0..501)
            .map(|seed| {
                let began = Instant::now();
                black_box(walk(seed, 10_000));
                began.elapsed()
            })
            .collect();
        let each = quantile(&samples, 0.5).as_secs_f64() / 10_000.0;
        (WORK.as_secs_f64() / each) as u64
    })
}

fn walk(seed: u64, steps: u64) -> u64 {
    (0..steps).fold(seed, |n, _| {
        black_box(n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    })
}

fn work(n: u64) -> u64 {
    walk(n, steps())
}

fn expected() -> u64 {
    static EXPECTED: OnceLock<u64> = OnceLock::new();
    *EXPECTED.get_or_init(|| (0..ITEMS).map(work).fold(0, u64::wrapping_add))
}

fn ideal() -> Duration {
    let expected = expected();
    let (began, cores) = (Instant::now(), cores());
    let total = thread::scope(|scope| {
        let share = |at| move || (at..ITEMS).step_by(cores).map(work).fold(0, u64::wrapping_add);
        let threads: Vec<_> = (0..cores as u64).map(|at| scope.spawn(share(at))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).fold(0, u64::wrapping_add)
    });
    let took = began.elapsed();
    assert_eq!(total, expected);
    took
}

fn in_order() -> Duration {
    pipeline(true)
}

fn unordered() -> Duration {
    pipeline(false)
}

fn pipeline(is_ordered: bool) -> Duration {
    let expected = expected();
    let began = Instant::now();
    let (totals, total) = crossbeam_channel::bounded(1);
    let sink = move |n: u64| Ok(totals.send(n)?);
    let add = |sum: &mut u64, n: u64| *sum = sum.wrapping_add(n);
    let flow = Pipeline::new("work").items("numbers", 0..ITEMS).parallel("work", cores(), work);
    let ready = match is_ordered {
        true => flow.fold("sum", 0, add).sink("total", sink),
        false => flow.unordered().fold("sum", 0, add).sink("total", sink),
    };
    let outcome = ready.wait();
    let took = began.elapsed();
    assert!(outcome.is_ok_and(|outcome| outcome.ledger().balances()));
    assert_eq!(total.recv(), Ok(expected));
    took
}

fn par_bridge() -> Duration {
    let expected = expected();
    let began = Instant::now();
    let total = (0..ITEMS).par_bridge().map(work).reduce(|| 0, u64::wrapping_add);
    let took = began.elapsed();
    assert_eq!(total, expected);
    took
}
