//! A sink that has enough: everybody who works for nobody any more learns of it at once, though nothing would come to be
//! refused; who feeds somebody else goes on; and all of it stands in the ledger.
//!
//! Nothing here ends unless somebody was told: sources are endless or idle, and their senders are kept.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Sender, bounded, unbounded};
use exeunt_pipeline::{Branch, Channel, Closed, Flow, Given, Outcome, Pipeline, Ready};

/// Longer than anything here takes.
const GUARD: Duration = Duration::from_secs(20);

/// Runs it to its end, in order and without a failure; or fails.
fn ended(ready: Ready) -> Outcome {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || drop(tell.send(Box::new(ready.wait()))));
    let outcome = match told.recv_timeout(GUARD) {
        Ok(outcome) => outcome.unwrap(),
        Err(RecvTimeoutError::Timeout) => panic!("somebody was not told"),
        Err(RecvTimeoutError::Disconnected) => panic!("it panicked"),
    };
    assert!(outcome.ledger().balances(), "{outcome}");
    assert!(outcome.report().is_complete(), "{outcome}");
    outcome
}

/// A sink that takes so many.
fn takes<T>(most: usize) -> impl FnMut(T) -> exeunt::Result + Send + 'static {
    let mut left = most;
    move |_| {
        left = left.checked_sub(1).ok_or(Closed)?;
        Ok(())
    }
}

/// Numbers that never end.
fn endless() -> Flow<Given<u64>, ()> {
    Pipeline::new("endless").iter("numbers", 0_u64..)
}

/// Numbers that were sent, and then no more, though somebody could.
fn idle(name: &str, numbers: impl IntoIterator<Item = u64>) -> (Sender<u64>, Flow<Given<u64>, ()>) {
    let (send, receiver) = unbounded();
    numbers.into_iter().for_each(|n| send.send(n).unwrap());
    (send, Pipeline::new(name).source(name, Channel::new(receiver)))
}

#[test]
fn behind_a_filter_that_passes_nothing_more() {
    let first = |n: &u64| *n == 0;
    ended(endless().filter("first", first).sink("out", takes(0)));
    ended(endless().thread("on").filter("first", first).thread("on 2").sink("out", takes(0)));
    let flow = endless().parallel("same", 2, |n| n).filter("first", first);
    ended(flow.sink("out", takes(0)));
    let flow = endless().filter("first", first).parallel("same", 2, |n| n).unordered();
    ended(flow.thread("on").map("one", |n| n).sink("out", takes(0)));
    let flow = endless().filter("first", first).partition_by("lanes", 3, |n| *n, |n| n);
    ended(flow.sink("out", takes(0)));
}

#[test]
fn behind_a_filter_that_passes_nothing_more_of_what_one_item_becomes() {
    let one = || Pipeline::new("one item").items("numbers", 0..1);
    let first = |n: &u64| *n == 0;
    ended(one().flat_map("endless", |_| 0_u64..).filter("first", first).sink("out", takes(0)));
    let flow = one().thread("on").flat_map("endless", |_| 0_u64..).filter("first", first);
    let outcome = ended(flow.sink("out", takes(0)));
    // Not all that it becomes has been handed on.
    let stage = outcome.ledger().stage("endless").unwrap();
    assert_eq!((stage.passed, stage.returned), (0, 1), "{outcome}");
}

#[test]
fn while_nothing_comes_to_a_channel() {
    let (_send, flow) = idle("numbers", 0..3);
    let outcome = ended(flow.thread("on").map("same", |n| n).sink("out", takes(2)));
    assert_eq!(outcome.ledger().stage("out").unwrap().passed, 2);
    let (_send, flow) = idle("numbers", 0..3);
    ended(flow.parallel("same", 3, |n| n).sink("out", takes(2)));
    let (_send, flow) = idle("numbers", 0..3);
    ended(flow.partition_by("lanes", 3, |n| *n, |n| n).sink("out", takes(2)));
}

#[test]
fn a_wait_for_the_next_turn_or_the_next_try_ends_with_it() {
    let hours = Duration::from_secs(3600);
    let flow = endless().tee("copy", |flow| flow.sink("aside", |_| Ok(())));
    ended(flow.rate_limit("two an hour", 2, 2 * hours).sink("out", takes(0)));
    // The first that is tried again is on another thread than the one that was enough.
    let (_send, flow) = idle("numbers", 0..2);
    let fails = |n: u64| if n == 0 { Ok(n) } else { Err(exeunt::Error::msg("not yet")) };
    let flow = flow.try_map("fails", fails).retry(9, exeunt::Backoff::exponential(hours, hours));
    let outcome = ended(flow.sink("out", takes(0)));
    // It has not failed: nobody wants to know any more.
    let stage = outcome.ledger().stage("fails").unwrap();
    assert_eq!((stage.failed, stage.retried, stage.returned), (0, 0, 1), "{outcome}");
}

#[test]
fn what_was_taken_in_and_not_passed_stands_in_the_ledger() {
    let (_send, flow) = idle("numbers", 0..1_000);
    let outcome = ended(flow.sink("out", takes(10)));
    let ledger = outcome.ledger();
    let (numbers, out) = (ledger.stage("numbers").unwrap(), ledger.stage("out").unwrap());
    assert_eq!((numbers.out, out.passed, out.returned), (1_000, 10, 990), "{outcome}");
}

#[test]
fn a_branch_that_has_enough_is_no_end_of_the_other() {
    let (send, flow) = idle("numbers", 0..100);
    let (seen, other) = bounded(0);
    let branches = vec![
        Branch::new(|flow: Flow<_, ()>| flow.map("same", |n| n).sink("first", takes(1))),
        Branch::new(move |flow| {
            let mut left = 2_000_u64;
            flow.sink("other", move |n| {
                left = left.checked_sub(1).ok_or(Closed)?;
                Ok(seen.send(n)?)
            })
        }),
    ];
    let ready = flow.thread("on").broadcast("both", branches);
    let pipeline = thread::spawn(move || ended(ready));
    let next = || other.recv_timeout(GUARD).unwrap();
    assert!((0..100).all(|n| next() == n));
    // The first has had enough long ago.
    (100..3_000).for_each(|n| {
        let _ = send.send(n);
    });
    assert!((100..2_000).all(|n| next() == n));
    let outcome = pipeline.join().unwrap();
    let passed = |name| outcome.ledger().stage(name).unwrap().passed;
    assert_eq!((passed("first"), passed("other")), (1, 2_000), "{outcome}");
}

#[test]
fn what_has_no_end_ends_with_the_last_branch() {
    let branches: Vec<Branch<u64>> = vec![
        Branch::new(|flow| flow.sink("one", takes(1))),
        Branch::new(|flow| flow.sink("other", takes(2))),
    ];
    let flow = Pipeline::new("one item").items("numbers", 0..1).thread("on");
    ended(flow.flat_map("endless", |_| 0_u64..).broadcast("both", branches));
}

#[test]
fn a_way_aside_does_not_keep_the_main_way_going_nor_end_it() {
    let (send, flow) = idle("numbers", 0..10);
    let (seen, main) = unbounded();
    let copies = flow.tee("copy", |flow| flow.sink("aside", takes(1)));
    let mut left = 20_u64;
    let ready = copies.sink("main", move |n| {
        left = left.checked_sub(1).ok_or(Closed)?;
        Ok(seen.send(n)?)
    });
    let pipeline = thread::spawn(move || ended(ready));
    assert!((0..10).all(|n| main.recv_timeout(GUARD) == Ok(n)));
    // It may have had enough before the last of them.
    (10..30).for_each(|n| {
        let _ = send.send(n);
    });
    let outcome = pipeline.join().unwrap();
    let (aside, main) = (outcome.ledger().stage("aside"), outcome.ledger().stage("main"));
    assert_eq!((aside.unwrap().passed, main.unwrap().passed), (1, 20), "{outcome}");
}

#[test]
fn all_that_is_merged_ends() {
    let (_one, flow) = idle("one", 0..5);
    let (_two, other) = idle("two", []);
    let third = Pipeline::new("three").iter("three", 0_u64..).filter("none", |_| false);
    let flow = flow.merge("both", other.map("same", |n| n)).merge("all", third);
    let outcome = ended(flow.sink("out", takes(2)));
    assert_eq!(outcome.ledger().stage("out").unwrap().passed, 2, "{outcome}");
    assert_eq!(outcome.ledger().stage("one").unwrap().out, 5, "{outcome}");
}

#[cfg(feature = "net")]
#[test]
fn while_nobody_says_anything_to_a_listener() {
    use std::io::Write;
    use std::net::TcpStream;

    let listener = exeunt_pipeline::Listener::tcp("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut peer = TcpStream::connect(address).unwrap();
    let _silent = TcpStream::connect(address).unwrap();
    writeln!(peer, "one\ntwo").unwrap();
    let ready = Pipeline::new("lines").source("lines", listener).sink("out", takes(1));
    assert_eq!(ended(ready).ledger().stage("out").unwrap().passed, 1);
}

/// The example, as a link of a pipe.
#[cfg(unix)]
mod in_a_shell {
    use std::io::{BufRead, BufReader, Write};
    use std::path::PathBuf;
    use std::process::{Child, Command, ExitStatus, Stdio};
    use std::thread;
    use std::time::Instant;

    use super::{Duration, GUARD};

    fn matching() -> PathBuf {
        exeunt_testkit::example("exeunt-pipeline", "matching")
    }

    /// Its status; one that does not end is killed, and fails.
    fn status(mut child: Child) -> ExitStatus {
        let began = Instant::now();
        while began.elapsed() < GUARD {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        panic!("it goes on for nobody");
    }

    #[test]
    fn head_ends_it_although_its_input_has_no_end() {
        let script = r#"yes | "$0" y | head -1"#;
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).arg(matching()).stdout(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "y");
        assert!(lines.next().is_none());
        assert!(status(child).success());
    }

    #[test]
    fn a_reader_that_has_gone_ends_it_although_nothing_comes() {
        let mut matching = Command::new(matching());
        let mut child =
            matching.arg("o").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        input.write_all(b"one\nthree\n").unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "one\n");
        drop(output);
        // It finds out with the next match, and then nothing comes any more, though it could.
        input.write_all(b"four\n").unwrap();
        assert!(status(child).success());
        drop(input);
    }
}
