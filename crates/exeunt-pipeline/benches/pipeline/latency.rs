//! One item per millisecond, through three stages on threads of their own: how old it is when it comes to the sink.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use exeunt_pipeline::Pipeline;

use crate::quantile;

const ITEMS: u32 = 1_000;
const APART: Duration = Duration::from_millis(1);

/// Runs a stream, and says how old each of its items became.
type Run = fn() -> Vec<Duration>;

pub(crate) fn run(rounds: usize) {
    let mut contenders: [(&str, Run, Vec<Duration>); 2] = [
        ("threads, a message an item", threads, Vec::new()),
        ("pipeline, a thread each", pipeline, Vec::new()),
    ];
    for _ in 0..rounds {
        for (_, run, ages) in &mut contenders {
            let new = run();
            assert_eq!(new.len(), ITEMS as usize);
            ages.extend(new);
        }
    }
    println!("latency: an item per millisecond, three stages, {rounds} rounds of {ITEMS}");
    let at = |contender: usize, quantum| quantile(&contenders[contender].2, quantum).as_secs_f64();
    for (contender, (name, ..)) in contenders.iter().enumerate() {
        print!("  {name:28}");
        for (word, quantum) in [("median", 0.5), ("90 %", 0.9), ("99 %", 0.99)] {
            let age = at(contender, quantum);
            print!("  {word} {:6.1} us ({:.2} x)", age * 1e6, age / at(0, quantum));
        }
        println!();
    }
}

/// One at each tick; it is born when it is given.
fn births() -> impl Iterator<Item = Instant> + Send + 'static {
    let began = Instant::now();
    (1..=ITEMS).map(move |tick| {
        thread::sleep((began + APART * tick).saturating_duration_since(Instant::now()));
        Instant::now()
    })
}

fn threads() -> Vec<Duration> {
    thread::scope(|scope| {
        let (first, mut from) = bounded(4096);
        scope.spawn(move || births().try_for_each(|birth| first.send(birth)));
        for _ in 0..3 {
            let (to, next) = bounded(4096);
            let input = std::mem::replace(&mut from, next);
            scope.spawn(move || input.iter().try_for_each(|birth| to.send(birth)));
        }
        from.iter().map(|birth| birth.elapsed()).collect()
    })
}

fn pipeline() -> Vec<Duration> {
    let ages = Arc::new(Mutex::new(Vec::with_capacity(ITEMS as usize)));
    let sink = Arc::clone(&ages);
    let flow = Pipeline::new("latency").iter("births", births()).thread("first");
    let flow =
        flow.map("one", |birth| birth).thread("second").map("two", |birth| birth).thread("third");
    let ready = flow.map("three", |birth: Instant| birth).sink("ages", move |birth: Instant| {
        sink.lock().map_err(|_| exeunt::Error::msg("a panic"))?.push(birth.elapsed());
        Ok(())
    });
    assert!(ready.wait().is_ok_and(|outcome| outcome.ledger().balances()));
    std::mem::take(&mut *ages.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}
