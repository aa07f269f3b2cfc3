//! Each fault of the menu, on its own, over all topologies; where the machine cannot have it, that is said, and with
//! `EXEUNT_ALL_FAULTS` set it is a failure.
#![cfg(all(unix, not(target_os = "openbsd")))]

mod support;

use exeunt_testkit::Finished;
use support::{chaos_in_time, figure};

#[track_caller]
fn survives(fault: &str) -> Option<Finished> {
    let finished = chaos_in_time(&format!("--signals 18 --fault {fault}"));
    if finished.code() == Some(2) && std::env::var_os("EXEUNT_ALL_FAULTS").is_none() {
        eprintln!("skipped: {}", finished.stderr.trim_end());
        return None;
    }
    finished.assert_code(0);
    assert_eq!(figure(&finished, "signals"), 18, "{finished}");
    Some(finished)
}

#[test]
fn m1_s1_nothing_but_the_signal() {
    survives("none");
}

#[test]
fn f1_f2_handlers_that_panic_and_are_restarted() {
    survives("panics");
}

#[test]
fn f3_a_failure_that_nothing_absorbs() {
    survives("failure");
}

#[test]
fn d1_slow_handlers() {
    survives("slow");
}

#[test]
fn d3_a_handler_that_never_returns() {
    if let Some(finished) = survives("blocked") {
        assert!(finished.stdout.contains("drains met their deadline"), "{finished}");
    }
}

#[test]
fn m4_full_mailboxes() {
    survives("full");
}

#[test]
fn s2_a_signal_that_a_wrapper_doubles() {
    survives("doubled");
}

#[test]
fn m1_a_process_that_is_stopped_and_continued() {
    survives("stopped");
}

#[test]
fn s4_a_signal_that_was_ignored_at_the_start() {
    survives("ignored");
}

#[test]
fn s4_under_nohup() {
    survives("nohup");
}

#[test]
fn s3_as_process_1() {
    survives("process-1");
}

#[test]
fn f3_threads_that_the_system_refuses() {
    survives("threads");
}

#[test]
fn m1_no_file_descriptors_left() {
    survives("descriptors");
}

#[test]
fn f1_nobody_reads_standard_output() {
    survives("closed-output");
}

#[test]
fn f1_a_full_disk_under_the_sink() {
    survives("full-disk");
}
