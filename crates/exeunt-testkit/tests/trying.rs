//! For those who make no test of it: what does not come, and who does not end, is told, and no panic.
//!
//! The children are shells. A sleep stands only in them, where it stands for work.
#![cfg(all(unix, not(target_os = "openbsd")))]

use std::path::Path;
use std::time::Duration;

use crate::common::panic_of;
use exeunt_testkit::{Hang, Process, Running, SIGTERM, example};

/// A limit that some of them spend, and in which the others do what a shell does at once.
const SPENT: Duration = Duration::from_secs(2);

fn shell(script: &str) -> Process {
    Process::new("sh").args(["-c", script])
}

/// A shell that is there, and will be for an hour.
fn idle() -> Running {
    let mut idle = shell("echo READY; exec sleep 3600").limit(SPENT).start();
    assert!(idle.try_wait_for("READY").is_some());
    idle
}

#[test]
fn a_line_that_comes_is_given_and_answers_one_wait() {
    let script = "echo first READY; echo second; read line; echo third READY";
    let mut shell = shell(script).input_by_lines().start();
    assert_eq!(shell.try_wait_for("second").as_deref(), Some("second"));
    assert_eq!(shell.try_wait_for("READY").as_deref(), Some("first READY"));
    shell.send_line("go on");
    assert_eq!(shell.try_wait_for("READY").as_deref(), Some("third READY"));
    shell.try_wait().unwrap().assert_code(0);
}

#[test]
fn a_line_that_does_not_come_in_time_leaves_the_process_as_it_is() {
    let mut idle = idle();
    assert_eq!(idle.try_wait_for("NEVER"), None);
    // It is there to be signalled, which is how it ends.
    idle.signal(SIGTERM);
    idle.try_wait().unwrap().assert_signal(SIGTERM);
}

#[test]
fn a_line_that_cannot_come_is_not_waited_for() {
    let mut shell = shell("echo READY; exit 3").start();
    assert_eq!(shell.try_wait_for("NEVER"), None);
    let finished = shell.try_wait().unwrap();
    assert_eq!(finished.assert_code(3).stdout, "READY\n");
}

#[test]
fn who_hangs_is_killed_and_told_of() {
    let idle = idle();
    let pid = idle.pid();
    let hang: Hang = idle.try_wait().unwrap_err();
    let told = hang.to_string();
    for part in ["has not ended in 2s", "alive; its threads:", "READY"] {
        assert!(told.contains(part), "no {part:?} in: {told}");
    }
    if Path::new("/proc/self").exists() {
        assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{pid} outlives its hang");
    }
    // It is an error as any other.
    let error: Box<dyn std::error::Error + Send + Sync> = Box::new(hang);
    assert_eq!(error.to_string(), told);
}

#[test]
fn output_that_another_holds_open_is_told_apart() {
    let hang = shell("sleep 3600 & echo READY").limit(SPENT).start().try_wait().unwrap_err();
    assert!(hang.to_string().contains("its output is held open"), "{hang}");
}

#[test]
fn an_example_that_there_is_not_is_named() {
    let panic = panic_of(|| drop(example("exeunt-testkit", "nobody")));
    assert!(panic.contains("`nobody` of `exeunt-testkit` cannot be had"), "{panic}");
    assert!(panic.contains("no example target"), "{panic}");
}
