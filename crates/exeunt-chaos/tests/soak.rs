//! Ten seconds of the soak: nothing grows, and all counters balance. An hour is `exeunt-chaos --soak 1h`.
#![cfg(target_os = "linux")]

mod support;

use support::{chaos, figure};

#[test]
fn m1_r1_ten_seconds_of_restarts_timers_topics_and_children() {
    let finished = chaos("--soak 10s");
    finished.assert_code(0);
    assert!(figure(&finished, "soak_s") >= 10, "{finished}");
    assert!(finished.stdout.ends_with("balanced=true flat=true\n"), "{finished}");
}
