//! What is asked wrongly is refused with a word that names it, and status 2.
#![cfg(all(unix, not(target_os = "openbsd")))]

mod support;

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Command;

use exeunt_chaos::{Chaos, Fault, Moment};
use support::chaos;

#[test]
fn a_wrong_option_is_named() {
    for (line, error) in [
        ("--topology star", "exeunt-chaos: there is no topology `star`\n"),
        ("--signals 0", "exeunt-chaos: --signals 0: it takes at least 1\n"),
        ("--fast", "exeunt-chaos: there is no option --fast; see --help\n"),
    ] {
        let finished = chaos(line);
        finished.assert_code(2);
        assert_eq!(finished.stderr, error);
    }
}

#[test]
fn the_list_has_all_that_can_be_asked_for() {
    let finished = chaos("--list");
    finished.assert_code(0);
    for fault in Fault::ALL {
        assert!(finished.stdout.contains(&format!("\n  {fault} ")), "{finished}");
    }
    for topology in ["chain", "fan", "pool", "cycle", "tree", "pipeline"] {
        assert!(finished.stdout.contains(&format!("\n  {topology} ")), "{finished}");
    }
}

/// What it says may have nobody who reads it, or no room: the status is the verdict, and no panic.
#[test]
fn output_that_is_closed_or_full_is_no_panic() {
    let list = || {
        let mut program = Command::new(env!("CARGO_BIN_EXE_exeunt-chaos"));
        program.arg("--list");
        program
    };
    let (nobody, output) = UnixStream::pair().unwrap();
    drop(nobody);
    let closed = list().stdout(OwnedFd::from(output)).output().unwrap();
    assert_eq!((closed.status.code(), &*closed.stderr), (Some(0), &b""[..]));
    if cfg!(target_os = "linux") {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let full = list().stdout(full).output().unwrap();
        let said = String::from_utf8(full.stderr).unwrap();
        assert_eq!(full.status.code(), Some(2), "{said}");
        assert!(said.starts_with("exeunt-chaos: standard output: No space left"), "{said}");
    }
}

#[test]
fn a_campaign_without_something_is_refused() {
    let error = |chaos: Chaos| chaos.run().unwrap_err().to_string();
    let nobody = "./no such program";
    assert_eq!(error(Chaos::new(nobody)), "there is no program ./no such program");
    assert_eq!(error(Chaos::new("no-such-program")), "there is no program no-such-program");
    let none: [Moment; 0] = [];
    assert_eq!(error(Chaos::new("true").moments(none)), "a campaign without moments");
    assert_eq!(error(Chaos::new("true").faults([])), "a campaign without faults");
    assert_eq!(error(Chaos::new("true").signals(0)), "a campaign without signals");
    assert_eq!(error(Chaos::new("true").jobs(0)), "a campaign without jobs");
}

#[test]
fn a_child_that_keeps_no_ledger_is_no_success() {
    let tally = Chaos::new("true").signals(2).run().unwrap();
    assert!(!tally.is_clean(), "{tally}");
    assert!(tally.to_string().ends_with(
        "signals=2 unaccounted=0 hangs=0 wrong_status=0 missing_reports=2 late=0 disordered=0"
    ));
}
