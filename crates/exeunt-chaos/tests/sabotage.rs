//! A runner that finds nothing may be blind. Each of these children breaks the contract in one way, and is found out.
#![cfg(all(unix, not(target_os = "openbsd")))]

mod support;

use exeunt_testkit::Finished;
use support::{chaos, figure};

fn six_of(sabotage: &str) -> Finished {
    chaos(&format!(
        "--sabotage {sabotage} --signals 6 --fault none --moment work --topology chain --limit 3s --seed 1"
    ))
}

/// Six runs, of which each is to be found wrong in this way.
#[track_caller]
fn is_found_out(sabotage: &str, column: &str) {
    are_found_out(&six_of(sabotage), column);
}

/// Six runs in which messages are tampered with: again, if a signal came before the first was sent, as it may on a machine
/// that holds up who sends it.
#[track_caller]
fn is_found_out_by_its_messages(sabotage: &str, column: &str) {
    let found = (0..40).map(|_| six_of(sabotage)).find(|finished| figure(finished, column) == 6);
    are_found_out(
        &found.expect("somebody sends something before the signal, now and then"),
        column,
    );
}

#[track_caller]
fn are_found_out(finished: &Finished, column: &str) {
    finished.assert_code(1);
    assert_eq!(figure(finished, column), 6, "{finished}");
    let told = finished.stdout.matches("failed: --seed ").count();
    assert_eq!(told, 6, "{finished}");
    assert!(
        finished.stdout.contains("failed: --seed 1 --fault none --moment work --topology chain")
    );
}

#[test]
fn m1_a_message_that_is_lost() {
    is_found_out_by_its_messages("loses", "unaccounted");
}

#[test]
fn m1_a_message_that_comes_twice() {
    is_found_out_by_its_messages("twice", "unaccounted");
}

#[test]
fn m3_two_messages_that_change_places() {
    is_found_out_by_its_messages("swaps", "disordered");
}

#[test]
fn s3_a_status_that_is_not_true() {
    is_found_out("status", "wrong_status");
}

#[test]
fn a_process_that_does_not_end() {
    is_found_out("hangs", "hangs");
}

#[test]
fn r1_a_report_that_is_missing() {
    is_found_out("silent", "missing_reports");
}

#[test]
fn d1_a_drain_that_takes_longer_than_it_may() {
    // Nobody is held to the clock whom the machine has withheld the processor from, and that may be all six.
    let found = (0..60).map(|_| six_of("late")).find(|finished| figure(finished, "late") > 0);
    let finished = found.expect("the machine has a processor now and then");
    finished.assert_code(1);
    assert!(figure(&finished, "late") > 0, "{finished}");
}
