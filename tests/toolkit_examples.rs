//! The examples `supervised` and `bank`, run as a user runs them: started as processes, given real
//! signals, and believed only as far as their output adds up.
//!
//! Where a signal is to come at any moment, the moments are drawn from a seed that is named when the
//! test fails. Everywhere else it is sent when a line has been read.

use std::os::unix::process::ExitStatusExt;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Finished, Running, example, run};

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

fn start(name: &str, args: &[&str]) -> Running {
    Running::start(example(name).args(args))
}

/// A moment, and a signal, that a seed chooses.
fn at_random(seed: u64) -> (Duration, &'static str, i32) {
    let dice = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
    let (name, number) = if dice % 2 == 0 { ("INT", SIGINT) } else { ("TERM", SIGTERM) };
    (Duration::from_micros(dice % 300_000), name, number)
}

/// Ends a program by a signal at a random moment.
fn interrupt_at_random(running: Running, seed: u64) -> (Finished, i32) {
    let (moment, name, number) = at_random(seed);
    running.await_handlers();
    thread::sleep(moment);
    running.signal(name);
    (running.finish(), number)
}

fn refuses(name: &str, cases: &[&[&str]]) {
    for args in cases {
        let finished = run(example(name).args(*args));
        assert_eq!(finished.status.code(), Some(2), "{args:?}: {finished:?}");
        assert!(finished.stderr.starts_with(&format!("{name}: ")), "{finished:?}");
        assert!(finished.stderr.contains(args[0].split('=').next().unwrap()), "{finished:?}");
        assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
        assert_eq!(finished.stdout, "");
    }
}

/// What it found has nowhere to go: that is said, and no success.
#[cfg(target_os = "linux")]
fn is_told_that_the_disk_is_full(name: &str, args: &[&str]) {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let finished = example(name).args(args).stdout(full).output().unwrap();
    let said = String::from_utf8(finished.stderr).unwrap();
    assert_eq!(finished.status.code(), Some(1), "{said}");
    assert!(said.contains("standard output: No space left on device"), "{said}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_result_that_cannot_be_said_is_no_success() {
    is_told_that_the_disk_is_full("supervised", &["--for", "0"]);
    is_told_that_the_disk_is_full("bank", &["--transfers", "20"]);
}

/// A figure of an actor's line in the report: handled, draining, failed, returned.
fn of_actor(finished: &Finished, name: &str, figure: usize) -> u64 {
    let (_, table) = finished.stderr.split_once("in order of leaving").unwrap();
    let line = table.lines().find(|line| line.split_whitespace().next() == Some(name));
    let columns: Vec<&str> = line.unwrap().split_whitespace().collect();
    columns[columns.len() - 4 + figure].parse().unwrap()
}

// supervised

/// As by default, and ten times as fast.
const FAST: &[&str] = &["--pace", "10ms", "--backoff", "10ms"];

/// What failed, in order, without the times.
fn failures(finished: &Finished) -> Vec<&str> {
    let lines = finished.stderr.lines().filter_map(|line| line.split_once(" WARN  "));
    lines.map(|(_, line)| line.split(';').next().unwrap()).collect()
}

#[test]
fn supervised_comes_back_as_often_as_it_fails() {
    let runs: Vec<Finished> = (0..2)
        .map(|_| {
            let mut running = start("supervised", &[FAST, &["--seed", "5"]].concat());
            for _ in 0..4 {
                running.wait_for("the device answers");
            }
            running.signal_when_taken("INT");
            running.finish()
        })
        .collect();
    for finished in &runs {
        assert_eq!(finished.status.signal(), Some(SIGINT), "{finished:?}");
        assert!(finished.stderr.contains("supervised: complete (SIGINT)"), "{finished:?}");
        assert!(failures(finished).len() >= 3, "{finished:?}");
        // Neither goes on without the other.
        assert!(finished.stderr.contains(", with `parser`"), "{finished:?}");
    }
    // With the same seed the same goes wrong.
    assert_eq!(failures(&runs[0])[..3], failures(&runs[1])[..3]);
}

#[test]
fn supervised_ends_by_itself_if_it_is_told_when() {
    let args = ["--for", "1", "--fail-every", "0", "--pace", "10ms"];
    let finished = run(example("supervised").args(args));
    assert!(finished.status.success(), "{finished:?}");
    assert!(finished.stderr.contains("supervised: complete (shutdown)"), "{finished:?}");
    assert!(finished.stdout.ends_with("; restarts of the line: 0\n"), "{finished:?}");
    assert!(failures(&finished).is_empty(), "{finished:?}");
}

#[test]
fn supervised_cuts_a_backoff_short() {
    for (name, number) in [("INT", SIGINT), ("TERM", SIGTERM)] {
        // At least half a minute, were it not for the signal.
        let args = ["--broken", "--fail-every", "5", "--pace", "5ms", "--backoff", "60s"];
        let mut running = start("supervised", &args);
        running.wait_for("it begins anew in ");
        let begun = Instant::now();
        running.signal_when_taken(name);
        let finished = running.finish();
        assert!(begun.elapsed() < Duration::from_secs(20), "{finished:?}");
        assert_eq!(finished.status.signal(), Some(number), "{finished:?}");
        assert!(finished.stderr.contains(&format!("supervised: complete (SIG{name})")));
    }
}

#[test]
fn supervised_escalates_if_the_device_stays_away() {
    // The line may be restarted ten times within a hundred backoffs, which have to be as long as those restarts take.
    let run = |backoff| {
        run(example("supervised").args(["--pace", "10ms", "--broken", "--backoff", backoff]))
    };
    let mut runs = ["20ms", "100ms", "500ms"].into_iter().map(run);
    let ten = |finished: &Finished| finished.stdout.ends_with("; restarts of the line: 10\n");
    let finished = runs.find(ten).expect("ten restarts never come within the time");
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    // Whose it was, and of what.
    let whose = "supervised: FAILED (`reader` failed: in `started`: the device does not answer)";
    assert!(finished.stderr.contains(whose), "{finished:?}");
    // The others left in order. (Who hears of it too late has lost its last sender, and ends of that.)
    for name in ["parser", "recorder"] {
        let left = ["drained", "completed"].map(|how| format!("`{name}` {how} after "));
        assert!(left.iter().any(|left| finished.stderr.contains(left)), "{finished:?}");
    }
}

#[test]
fn supervised_gives_up_whom_a_device_hangs() {
    let running = hanging();
    running.signal_when_taken("TERM");
    let finished = running.finish();
    assert_eq!(finished.status.code(), Some(75), "{finished:?}");
    assert!(finished.stderr.contains("`reader` abandoned, in its handler for "), "{finished:?}");
    // The others leave in order.
    assert!(finished.stderr.contains("`recorder` drained"), "{finished:?}");
}

#[test]
fn supervised_ends_at_once_at_a_second_signal() {
    let mut running = hanging();
    running.signal_when_taken("INT");
    running.wait_for("drain begins");
    running.wait_for("waiting for `reader`"); // a second has passed: no echo of the first
    running.signal("INT");
    let finished = running.finish();
    assert_eq!(finished.status.signal(), Some(SIGINT), "{finished:?}");
    assert_eq!(finished.stdout, "");
    assert!(!finished.stderr.contains("in order of leaving"), "{finished:?}");
}

/// With its reader inside a device that does not let it go.
fn hanging() -> Running {
    let args = ["--hang", "--fail-every", "5", "--pace", "5ms", "--backoff", "5ms"];
    let mut running = start("supervised", &args);
    running.wait_for("no reading for ");
    running
}

#[test]
fn supervised_keeps_every_reading_at_a_signal_at_any_moment() {
    for seed in 0..10 {
        let args = ["--seed", &seed.to_string(), "--fail-every", "40"];
        let running = start("supervised", &[FAST, &args].concat());
        let (finished, number) = interrupt_at_random(running, seed);
        assert_eq!(finished.status.signal(), Some(number), "seed {seed}: {finished:?}");
        assert!(finished.stderr.contains("supervised: complete"), "seed {seed}: {finished:?}");
        let recorded = match of_actor(&finished, "recorder", 0) {
            0 => "no readings".to_owned(),
            handled => format!("{handled} readings, "),
        };
        assert!(finished.stdout.starts_with(&recorded), "seed {seed}: {finished:?}");
        for name in ["reader", "parser", "recorder"] {
            assert_eq!(of_actor(&finished, name, 3), 0, "seed {seed}: {finished:?}");
        }
    }
}

#[test]
fn supervised_refuses_what_it_does_not_know() {
    refuses(
        "supervised",
        &[
            &["--fail-every", "often"],
            &["--fail-every"],
            &["--seed=-1"],
            &["--for", "ever"],
            &["--pace", "5"],
            &["--pace", "0ms"],
            &["--backoff", "5 parsecs"],
            &["--broken=yes"],
            &["--colour", "red"],
            &["thermometer"],
        ],
    );
}

// bank

/// The sum of what is in the accounts, added up here, held against what the bank says of it.
fn assert_conserved(finished: &Finished, accounts: u64, context: &str) {
    let lines: Vec<&str> = finished.stdout.lines().collect();
    let places = lines.iter().take_while(|line| line.starts_with(' '));
    let amounts: Vec<u64> =
        places.map(|line| line.split_whitespace().nth(1).unwrap().parse().unwrap()).collect();
    assert!(amounts.len() as u64 >= accounts, "{context}: {finished:?}");
    let total = accounts * 10_000;
    assert_eq!(amounts.iter().sum::<u64>(), total, "{context}: {finished:?}");
    let says = format!("total {total} = {total}");
    assert_eq!(lines.last(), Some(&says.as_str()), "{context}: {finished:?}");
}

#[test]
fn bank_closes_when_all_is_ordered_and_paid() {
    let args = ["--accounts", "5", "--transfers", "2000", "--seed=3"];
    let finished = run(example("bank").args(args));
    assert!(finished.status.success(), "{finished:?}");
    assert!(finished.stderr.contains("these feed each other, and will drain as one"));
    assert!(finished.stderr.contains("bank: complete (shutdown)"), "{finished:?}");
    assert_conserved(&finished, 5, "to its end");
    // Each order became a message of its own, and each payment too.
    let handled: u64 = (1..=5).map(|n| of_actor(&finished, &format!("account-{n}"), 0)).sum();
    let statements = 5 * of_actor(&finished, "auditor", 0);
    let payments: u64 =
        finished.stdout.lines().nth_back(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(payments > 2000, "{finished:?}");
    assert!((2000 + payments..=2000 + payments + statements).contains(&handled), "{finished:?}");
}

#[test]
fn bank_loses_nothing_at_a_signal_at_any_moment() {
    for seed in 0..20 {
        let accounts = 2 + seed % 11;
        let args = ["--accounts", &accounts.to_string(), "--seed", &seed.to_string()];
        let (finished, number) = interrupt_at_random(start("bank", &args), seed);
        let context = format!("seed {seed}");
        assert_eq!(finished.status.signal(), Some(number), "{context}: {finished:?}");
        assert!(finished.stderr.contains("bank: complete (SIG"), "{context}: {finished:?}");
        assert!(!finished.stdout.contains("undelivered"), "{context}: {finished:?}");
        assert_conserved(&finished, accounts, &context);
    }
}

#[test]
fn bank_audits_while_it_goes_on() {
    let mut running = start("bank", &["--accounts", "3", "--pace", "1ms"]);
    running.wait_for(" payments; account-");
    running.signal_when_taken("TERM");
    let finished = running.finish();
    assert_eq!(finished.status.signal(), Some(SIGTERM), "{finished:?}");
    assert_conserved(&finished, 3, "after an audit");
}

#[test]
fn bank_counts_what_was_not_delivered_at_a_deadline() {
    // Each account rests in its first message for longer than the stall limit.
    let args = ["--accounts", "2", "--transfers", "8", "--pace", "60s"];
    let finished = run(example("bank").args(args));
    assert_eq!(finished.status.code(), Some(75), "{finished:?}");
    assert!(finished.stderr.contains("bank: INCOMPLETE (shutdown)"), "{finished:?}");
    assert_conserved(&finished, 2, "at a deadline");
}

#[test]
fn bank_finds_a_thief_out() {
    let finished = run(example("bank").args(["--thief", "--transfers", "1000"]));
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    let total = finished.stdout.lines().last().unwrap();
    assert!(total.ends_with(" ≠ 100000"), "{finished:?}");
    // Nothing is wrong with the actors.
    assert!(finished.stderr.contains("bank: complete (shutdown)"), "{finished:?}");
}

#[test]
fn bank_finds_a_thief_out_after_a_signal_too() {
    let mut running = start("bank", &["--thief"]);
    running.wait_for(" payments; account-");
    running.signal_when_taken("INT");
    let finished = running.finish();
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
}

#[test]
fn bank_ends_at_once_at_a_second_signal() {
    let mut running = start("bank", &["--accounts", "3", "--pace", "1s"]);
    running.wait_for("will drain as one");
    running.signal_when_taken("INT");
    running.wait_for("drain begins");
    running.wait_for("waiting for"); // a second has passed: no echo of the first
    running.signal("INT");
    let finished = running.finish();
    assert_eq!(finished.status.signal(), Some(SIGINT), "{finished:?}");
    assert_eq!(finished.stdout, "");
    assert!(!finished.stderr.contains("in order of leaving"), "{finished:?}");
}

#[test]
fn bank_refuses_what_it_does_not_know() {
    refuses(
        "bank",
        &[
            &["--accounts", "1"],
            &["--accounts", "501"],
            &["--accounts", "many"],
            &["--transfers", "some"],
            &["--transfers"],
            &["--pace", "5"],
            &["--seed", "x"],
            &["--thief=me"],
            &["--colour", "red"],
            &["vault"],
        ],
    );
}

#[test]
fn both_tell_what_can_be_chosen() {
    for (name, option) in [("supervised", "--broken"), ("bank", "--transfers N")] {
        let finished = run(example(name).arg("--help"));
        assert!(finished.status.success(), "{finished:?}");
        assert!(finished.stdout.contains(option), "{finished:?}");
        assert_eq!(finished.stderr, "");
    }
}
