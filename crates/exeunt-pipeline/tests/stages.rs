//! Each stage, against the iterator that it is like.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use exeunt_pipeline::{Branch, Diverted, Flow, Ledger, Op, Pipeline, Ready};

const LONG: Duration = Duration::from_secs(3600);

/// Runs a pipeline to its end, and gives what came out of it.
fn collect<T: Send + 'static>(describe: impl FnOnce(mpsc::Sender<T>) -> Ready) -> (Vec<T>, Ledger) {
    let (out, collected) = mpsc::channel();
    let outcome = describe(out).wait().unwrap();
    let ledger = outcome.ledger().clone();
    assert!(ledger.balances(), "{outcome}");
    (collected.into_iter().collect(), ledger)
}

fn into<O: Op>(flow: Flow<O>, out: mpsc::Sender<O::Out>) -> Ready {
    flow.sink("out", move |item| out.send(item).map_err(|_| exeunt::Error::msg("closed")))
}

fn numbers() -> Flow<exeunt_pipeline::Given<u64>> {
    Pipeline::new("numbers").iter("numbers", 0..10_000_u64)
}

#[test]
fn a_map_is_a_map() {
    let (out, _) = collect(|out| into(numbers().map("double", |n| n * 2), out));
    assert!(out.into_iter().eq((0..10_000).map(|n| n * 2)));
}

#[test]
fn parallel_keeps_the_order() {
    let (out, ledger) = collect(|out| {
        let flow = numbers().parallel("double", 4, |n| n * 2);
        into(flow.filter("even", |n| n % 4 == 0), out)
    });
    assert!(out.into_iter().eq((0..10_000).map(|n| n * 2).filter(|n| n % 4 == 0)));
    assert_eq!(ledger.stage("even").unwrap().filtered, 5_000);
}

#[test]
fn what_is_out_of_order_is_bounded() {
    const MANY: u64 = 2_000;
    let done = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&done);
    let hold_the_first = move |n: u64| {
        if n > 0 {
            seen.fetch_add(1, Ordering::Relaxed);
            return n;
        }
        // The other thread has the time to do all of them, if it is let.
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(500) && seen.load(Ordering::Relaxed) < MANY {
            std::thread::yield_now();
        }
        seen.load(Ordering::Relaxed)
    };
    let (out, _) = collect(|out| {
        let flow = Pipeline::new("window").chunk(1).items("numbers", 0..2 * MANY);
        into(flow.parallel("same", 2, hold_the_first), out)
    });
    // Eight chunks for each of two threads.
    assert!(out[0] <= 16, "{}", out[0]);
    assert!(out[1..].iter().copied().eq(1..2 * MANY));
    assert_eq!(done.load(Ordering::Relaxed), 2 * MANY - 1);
}

#[test]
fn a_pool_has_a_thread_before_it_only_after_a_source() {
    let names = |ready: Ready| {
        let outcome = ready.wait().unwrap();
        assert!(outcome.ledger().balances(), "{outcome}");
        let mut names: Vec<_> =
            outcome.report().actors.iter().map(|actor| actor.name.clone()).collect();
        names.retain(|name| !name.contains('/'));
        names.sort();
        names
    };
    let flow = numbers().map("one", |n| n).parallel("pool", 2, |n| n);
    assert_eq!(names(flow.sink("out", |_| Ok(()))), ["numbers", "out", "pool", "pool-in"]);
    let flow = numbers().batch("batch", 7, LONG).parallel("pool", 2, |batch| batch);
    assert_eq!(names(flow.sink("out", |_| Ok(()))), ["batch", "numbers", "out", "pool"]);
}

#[test]
fn the_table_of_a_ledger_fits_a_terminal_and_a_sink_hands_nothing_on() {
    let (_, ledger) = collect(|out| into(numbers().filter("even", |n| n % 2 == 0), out));
    let table = ledger.to_string();
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    let row = |name: &str| -> Vec<String> {
        let mut rows = table.lines().map(|line| line.split_whitespace().map(str::to_owned));
        rows.find_map(|row| row.clone().next().filter(|first| first == name).map(|_| row.collect()))
            .unwrap()
    };
    assert_eq!(row("even"), ["even", "10000", "5000", "5000", "0", "0", "0"]);
    assert_eq!(row("out"), ["out", "5000", "-", "0", "0", "0", "0"]);
}

#[test]
fn no_time_is_no_limit() {
    let (out, _) = collect(|out| into(numbers().rate_limit("none", 1, Duration::ZERO), out));
    assert!(out.into_iter().eq(0..10_000));
}

#[test]
fn what_no_machine_has_is_an_error_that_names_it() {
    let text = |ready: Ready| ready.wait().unwrap_err().to_string();
    let many = usize::MAX;
    let end = |flow: Flow<exeunt_pipeline::Joined<u64, u64>>| text(flow.sink("out", |_| Ok(())));
    let most = "threads, and 4096 are the most";
    assert_eq!(
        end(numbers().parallel("same", many, |n| n)),
        format!("`same` would have {many} {most}")
    );
    let lanes = numbers().partition_by("lanes", many, |n| *n, |n| n);
    assert_eq!(end(lanes), format!("`lanes` would have {many} {most}"));
    let full = Pipeline::new("full").capacity(many).iter("numbers", 0..10).sink("out", |_| Ok(()));
    assert!(text(full).contains("`out`"));
}

#[test]
fn unordered_has_all_of_them() {
    let (mut out, _) =
        collect(|out| into(numbers().parallel("double", 3, |n| n * 2).unordered(), out));
    out.sort_unstable();
    assert!(out.into_iter().eq((0..10_000).map(|n| n * 2)));
}

#[test]
fn batches_are_chunks() {
    let (out, _) = collect(|out| into(numbers().batch("seven", 7, LONG), out));
    let expected: Vec<u64> = (0..10_000).collect();
    assert!(out.into_iter().eq(expected.chunks(7).map(<[u64]>::to_vec)));
}

#[test]
fn a_partition_keeps_the_order_of_each_key() {
    let (out, _) = collect(|out| into(numbers().partition_by("lanes", 3, |n| n % 10, |n| n), out));
    assert_eq!(out.len(), 10_000);
    for key in 0..10 {
        assert!(out.iter().filter(|&n| n % 10 == key).is_sorted());
    }
}

#[test]
fn a_fold_is_a_fold() {
    let (out, _) = collect(|out| into(numbers().fold("sum", 0, |sum, n| *sum += n), out));
    assert_eq!(out, [(0..10_000).sum::<u64>()]);
}

#[test]
fn a_merge_has_both() {
    let (mut out, _) = collect(|out| {
        let others = Pipeline::new("others").iter("others", 10_000..20_000_u64);
        into(numbers().merge("both", others.map("same", |n| n)), out)
    });
    out.sort_unstable();
    assert!(out.into_iter().eq(0..20_000));
}

#[test]
fn a_tee_and_a_broadcast_copy() {
    let (left, to_left) = mpsc::channel();
    let (right, to_right) = mpsc::channel();
    let (out, _) = collect(|out| {
        into(numbers().tee("copy", |flow| flow.sink("aside", move |n| Ok(left.send(n)?))), out)
    });
    assert!(out.into_iter().eq(0..10_000));
    assert!(to_left.into_iter().eq(0..10_000));
    let (out, _) = collect(|out| {
        numbers().broadcast(
            "copies",
            vec![
                Branch::new(|flow| into(flow.map("one", |n| n + 1), out)),
                Branch::new(|flow| flow.sink("right", move |n| Ok(right.send(n)?))),
            ],
        )
    });
    assert!(out.into_iter().eq(1..10_001));
    assert!(to_right.into_iter().eq(0..10_000));
}

#[test]
fn errors_are_skipped_or_diverted_or_stop() {
    let odd = |n: u64| if n % 2 == 1 { Err(exeunt::Error::msg("odd")) } else { Ok(n) };
    let (out, ledger) = collect(|out| into(numbers().try_map("even", odd).skip_errors(), out));
    assert_eq!((out.len(), ledger.stage("even").unwrap().failed), (5_000, 5_000));

    let (bad, diverted) = mpsc::channel();
    let (out, ledger) = collect(|out| {
        let flow = numbers().try_parallel("even", 2, odd);
        let flow = flow.divert("bad", move |failed: Diverted<u64>| Ok(bad.send(failed.item)?));
        into(flow, out)
    });
    assert!(out.into_iter().eq((0..10_000).step_by(2)));
    assert_eq!(ledger.stage("even").unwrap().diverted, 5_000);
    assert_eq!(diverted.into_iter().count(), 5_000);

    let (out, collected) = mpsc::channel();
    let error = into(numbers().try_map("even", odd), out).wait().unwrap_err();
    let ledger = error.outcome().unwrap().ledger();
    assert!(ledger.balances(), "{ledger}");
    assert_eq!(collected.into_iter().collect::<Vec<_>>(), [0]);
    assert_eq!(error.to_string(), "`numbers` failed: `even`: odd");
}
