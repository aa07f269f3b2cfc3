//! Reports that balance, and what is said of those that do not: real reports, with figures changed.

use crate::common::{line_of_panic, panic_of};
use exeunt::{Actor, Context, Report, System};
use exeunt_testkit::{assert_balanced, assert_ledger};

/// Fails on 13.
struct Superstitious;

impl Actor for Superstitious {
    type Msg = u32;

    fn handle(&mut self, n: u32, _cx: &mut Context<Self>) -> exeunt::Result {
        if n == 13 { Err(exeunt::Error::msg("unlucky")) } else { Ok(()) }
    }
}

/// Three messages each for two actors, of which the second fails on its second.
fn report() -> Report {
    let mut system = System::new("numbers");
    let calm = system.spawn("calm", Superstitious);
    let (unlucky, inbox) = exeunt::mailbox(8);
    for n in [1, 2, 3] {
        calm.send(n).unwrap();
    }
    for n in [12, 13, 14] {
        unlucky.send(n).unwrap();
    }
    system.actor("unlucky").inbox(inbox).spawn(Superstitious).unwrap();
    system.wait()
}

#[test]
fn m1_a_report_of_what_was_handled_failed_and_returned_balances() {
    let report = report();
    let unlucky = report.actor("unlucky").unwrap();
    assert_eq!([unlucky.handled, unlucky.failed, unlucky.returned], [1, 1, 1]);
    assert_balanced(&report);
    assert_ledger(&report, &[("calm", 3), ("unlucky", 3)]);
    assert_ledger(&report, &[(String::from("calm"), 3)]);
    assert_ledger::<&str>(&report, &[]);
}

#[test]
fn m1_what_vanished_is_counted_and_the_table_shown() {
    let report = report();
    let text = panic_of(|| assert_ledger(&report, &[("calm", 3), ("unlucky", 5)]));
    let line = "`unlucky`: accepted 5, but handled 1 + failed 1 + returned 1 = 3: 2 vanished";
    assert!(text.contains(line), "{text}");
    assert!(!text.contains("`calm`"), "{text}");
    assert!(text.ends_with(&report.to_string()), "{text}");
}

#[test]
fn m1_what_was_never_accepted_is_too_much() {
    let text = panic_of(|| assert_ledger(&report(), &[("calm", 1)]));
    assert!(text.contains("= 3: 2 too many"), "{text}");
}

#[test]
fn who_is_not_in_the_report_does_not_balance() {
    let text = panic_of(|| assert_ledger(&report(), &[("nobody", 0)]));
    assert!(text.contains("`nobody`: accepted 0, but it is not in the report"), "{text}");
}

#[test]
fn several_of_one_name_count_as_one() {
    let mut system = System::new("twins");
    let twins = [system.spawn("twin", Superstitious), system.spawn("twin", Superstitious)];
    for twin in &twins {
        twin.send(1).unwrap();
    }
    assert_ledger(&system.shutdown(), &[("twin", 2)]);
}

#[test]
fn a_report_that_contradicts_itself_is_shown_with_all_that_is_wrong() {
    let mut report = report();
    report.actors[0].handled_while_draining = 1_000;
    report.actors[1].is_task = true;
    report.actors.iter_mut().for_each(|actor| actor.error = None);
    let text = panic_of(|| assert_balanced(&report));
    assert!(text.contains("handled 1000 while draining, but "), "{text}");
    assert!(text.contains("is a task, and has messages"), "{text}");
    assert!(text.contains("`unlucky`: failed, of nothing"), "{text}");
    assert!(text.ends_with(&report.to_string()), "{text}");
    // The ledger is not looked at before the report is right in itself.
    assert!(panic_of(|| assert_ledger(&report, &[("calm", 9)])).contains("of nothing"));
}

#[test]
fn the_line_of_the_test_is_blamed() {
    let report = report();
    let here = line!();
    assert_eq!(line_of_panic(|| assert_ledger(&report, &[("calm", 9)])), here + 1);
}
