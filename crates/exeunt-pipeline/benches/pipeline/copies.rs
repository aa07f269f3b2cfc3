//! A copy of each item to the side: what a tee costs beside the same pipeline without one, and beside threads that send each
//! item twice.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use exeunt_pipeline::Pipeline;

use crate::{Contender, interleave};

const ITEMS: u64 = 1_000_000;

/// As many items as there may be between two threads of the pipeline.
const SLOTS: usize = 4096;

pub(crate) fn run(rounds: usize) {
    let mut contenders = [
        Contender::new("threads, two messages an item", threads),
        Contender::new("pipeline, with a tee", with_a_tee),
        Contender::new("pipeline, without", without),
    ];
    interleave(&mut contenders, rounds);
    println!("tee: {ITEMS} items, a source's thread and a reader for each way, {rounds} rounds");
    let by_hand = contenders[0].median().as_secs_f64();
    for contender in &contenders {
        println!(
            "  {:30} {:8.1} ns an item  {:6.2} x  (+-{:.0} %)",
            contender.name,
            contender.median().as_secs_f64() * 1e9 / ITEMS as f64,
            by_hand / contender.median().as_secs_f64(),
            contender.spread()
        );
    }
}

/// A source that sends each item to both of two readers.
fn threads() -> Duration {
    let began = Instant::now();
    thread::scope(|scope| {
        let ((main, read), (aside, copies)) = (bounded(SLOTS), bounded(SLOTS));
        scope.spawn(move || (0..ITEMS).try_for_each(|n| aside.send(n).and_then(|()| main.send(n))));
        for reader in [read, copies] {
            scope.spawn(move || assert_eq!(reader.iter().map(black_box).count() as u64, ITEMS));
        }
    });
    began.elapsed()
}

fn with_a_tee() -> Duration {
    let began = Instant::now();
    let flow = Pipeline::new("copies").items("numbers", 0..ITEMS);
    let flow = flow.tee("copy", |flow| flow.sink("aside", take));
    let outcome = flow.sink("out", take).wait();
    let balances = |passed: &str| {
        let ledger = outcome.as_ref().ok().map(exeunt_pipeline::Outcome::ledger)?;
        Some(ledger.balances() && ledger.stage(passed)?.passed == ITEMS)
    };
    assert_eq!(["aside", "out"].map(balances), [Some(true); 2]);
    began.elapsed()
}

fn without() -> Duration {
    let began = Instant::now();
    let outcome = Pipeline::new("single").items("numbers", 0..ITEMS).sink("out", take).wait();
    assert!(outcome.is_ok_and(|outcome| outcome.ledger().balances()));
    began.elapsed()
}

fn take(n: u64) -> exeunt::Result {
    black_box(n);
    Ok(())
}
