//! Signals at moments that nobody chose (M1, M3, D1, D3, S1, S3, S6, R1): 300 of them, over all topologies, moments
//! and faults that can be had on the machine, each run held to the contract.
//!
//! `EXEUNT_SIGNALS=10000` sends so many. A failure tells the seed that repeats its choices.
#![cfg(all(unix, not(target_os = "openbsd")))]

mod support;

use std::env;
use std::io::{self, Write as _};

use exeunt_testkit::{Process, SIGINT, SIGTERM};
use support::{chaos, chaos_in_time, figure};

#[test]
fn m1_m3_s1_s3_s6_r1_a_signal_at_any_moment_with_any_fault() {
    let signals = env::var("EXEUNT_SIGNALS").unwrap_or_else(|_| "300".to_owned());
    let finished = chaos_in_time(&format!("--signals {signals}"));
    // Past the test harness, which hides what a test prints that has passed.
    let _ = writeln!(io::stderr(), "{}", finished.stdout);
    finished.assert_code(0);
    assert_eq!(figure(&finished, "signals"), signals.parse().unwrap(), "{finished}");
}

#[test]
fn a_seed_repeats_its_choices() {
    let runs = || {
        let finished =
            chaos("--seed 4711 --signals 6 --fault none,full,slow --topology chain,fan --jobs 1");
        let table = finished.stdout.lines().skip(1).take(4);
        table.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(runs(), runs());
    let one = chaos("--seed 4711");
    assert_eq!(figure(&one, "signals"), 1, "{one}");
}

#[test]
fn s1_s3_ctrl_c_ends_a_campaign_early_and_what_was_found_is_told() {
    let program = Process::new(env!("CARGO_BIN_EXE_exeunt-chaos"));
    let mut campaign = program.args(["--signals", "100000", "--fault", "none"]).start();
    campaign.wait_for(" of 100000, 0 failed");
    campaign.signal(SIGINT);
    let finished = campaign.wait();
    finished.assert_signal(SIGINT);
    let signals = figure(&finished, "signals");
    let told = format!("called off after {signals} of 100000\n");
    assert!(signals < 100_000 && finished.stdout.contains(&told), "{finished}");
    assert_eq!(figure(&finished, "unaccounted"), 0, "{finished}");
}

#[test]
fn s1_a_soak_that_is_ended_early_balances() {
    let program = Process::new(env!("CARGO_BIN_EXE_exeunt-chaos"));
    let mut soak = program.args(["--soak", "24h"]).start();
    soak.wait_for("a soak of");
    soak.signal(SIGTERM);
    let finished = soak.wait();
    // That it is flat takes longer to be seen.
    finished.assert_code(1);
    assert!(finished.stdout.contains("balanced=true flat=false"), "{finished}");
}
