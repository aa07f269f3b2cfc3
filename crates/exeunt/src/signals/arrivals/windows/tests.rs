//! The clauses of the signals on Windows. Each test that ends a process runs itself once more, as that process; there
//! Ctrl-C comes as from ctrlc's thread.

use std::process::{Command, Output};

use super::*;
use crate::report::Reason;
use crate::signals::Signals;
use crate::system::System;

/// Says in the environment that a test is to be the process that ends.
const VICTIM: &str = "EXEUNT_VICTIM";

/// How that test ends as a process of its own; nothing in that process.
fn outcome_of(test: &str) -> Option<Output> {
    if std::env::var_os(VICTIM).is_some() {
        return None;
    }
    let name = format!("{}::{test}", module_path!().trim_start_matches("exeunt::"));
    let mut command = Command::new(std::env::current_exe().unwrap());
    let victim = command.args(["--exact", &name, "--nocapture"]).env(VICTIM, "1");
    Some(victim.output().unwrap())
}

#[track_caller]
fn assert_ended_by_ctrl_c(outcome: &Output, said: &str) {
    let text = String::from_utf8_lossy(&outcome.stderr);
    assert_eq!(outcome.status.code(), Some(CONTROL_C_EXIT), "{text}");
    assert!(text.contains(said), "{text}");
}

fn wait_for_the_end_of_the_window() {
    while !END.get().unwrap().load(Ordering::SeqCst) {
        thread::yield_now();
    }
}

#[test]
fn s3_the_first_ctrl_c_begins_the_drain_and_the_process_ends_by_it() {
    if let Some(outcome) =
        outcome_of("s3_the_first_ctrl_c_begins_the_drain_and_the_process_ends_by_it")
    {
        assert_ended_by_ctrl_c(&outcome, "SIGINT");
        assert_ended_by_ctrl_c(&outcome, "in its turn: flushed");
        return;
    }
    let mut system = System::new("polite");
    system.spawn_task("worker", |cx| {
        while END.get().is_none() {
            thread::yield_now(); // until `run` has installed the signals
        }
        ctrl_c();
        cx.stopping().wait();
        eprintln!("in its turn: flushed");
        Ok(())
    });
    let exit = system.run();
    assert_eq!(exit.report().reason, Reason::Signal(Signal::INT));
    let _ = process::Termination::report(exit);
    unreachable!();
}

#[test]
fn s2_the_second_ctrl_c_ends_the_process_at_once_and_an_echo_does_not() {
    if let Some(outcome) =
        outcome_of("s2_the_second_ctrl_c_ends_the_process_at_once_and_an_echo_does_not")
    {
        assert_ended_by_ctrl_c(&outcome, "the echo did not count");
        return;
    }
    let mut system = System::new("stuck");
    let _guard = Signals::default().install(&system.handle()).unwrap();
    system.spawn_task("stuck", |_| {
        loop {
            thread::park();
        }
    });
    ctrl_c();
    ctrl_c();
    eprintln!("the echo did not count");
    wait_for_the_end_of_the_window();
    ctrl_c();
    unreachable!();
}

#[test]
fn s5_when_the_guard_is_dropped_ctrl_c_ends_the_process() {
    if let Some(outcome) = outcome_of("s5_when_the_guard_is_dropped_ctrl_c_ends_the_process") {
        assert_ended_by_ctrl_c(&outcome, "and again");
        return;
    }
    for word in ["once", "and again"] {
        let system = System::new("owner");
        let guard = Signals::default().install(&system.handle()).unwrap();
        let error = Signals::default().install(&System::new("second").handle()).unwrap_err();
        assert!(error.is_owned_by(&system.handle()));
        assert!(!END.get().unwrap().load(Ordering::SeqCst));
        drop(guard);
        assert!(END.get().unwrap().load(Ordering::SeqCst));
        eprintln!("{word}");
    }
    ctrl_c();
    unreachable!();
}

#[test]
fn s5_who_has_set_a_handler_of_ctrlc_gets_a_clear_error() {
    if let Some(outcome) = outcome_of("s5_who_has_set_a_handler_of_ctrlc_gets_a_clear_error") {
        assert!(outcome.status.success(), "{}", String::from_utf8_lossy(&outcome.stderr));
        return;
    }
    ctrlc::set_handler(|| ()).unwrap();
    let system = System::new("late");
    let error = Signals::default().install(&system.handle()).unwrap_err();
    assert!(error.to_string().contains("handler already registered"), "{error}");
    let other = Signals::new([Signal::TERM]).install(&system.handle());
    drop(other.unwrap()); // which never comes, and needs no handler
}

#[test]
fn s1_what_came_before_nobody_listens_any_more_is_heard_once() {
    let outcome = outcome_of("s1_what_came_before_nobody_listens_any_more_is_heard_once");
    if let Some(outcome) = outcome {
        assert!(outcome.status.success(), "{}", String::from_utf8_lossy(&outcome.stderr));
        return;
    }
    for _ in 0..3 {
        let mut arrivals = arrivals_of_none().unwrap();
        let handle = arrivals.handle();
        handle.add_signal(SIGINT).unwrap();
        assert_eq!(lock(&LISTENERS).len(), 1);
        ctrl_c();
        handle.close();
        // What came before the end is still to be heard, and is one however often it came.
        ctrl_c();
        assert_eq!(arrivals.forever().next(), Some(SIGINT));
        assert_eq!(arrivals.forever().next(), None);
        assert_eq!(arrivals.pending().next(), None);
        drop((arrivals, handle));
    }
}
