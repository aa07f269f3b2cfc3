//! S2: a second signal ends the process although every thread of it is stuck, one of them with the locks of standard
//! output and standard error. How soon is a figure, and is measured by `exeunt-chaos --second`; here it is that it
//! does.
#![cfg(all(unix, not(target_os = "openbsd")))]

mod support;

use support::{chaos, figure};

#[test]
fn s2_a_second_signal_ends_it_with_every_thread_stuck() {
    let finished = chaos("--second 20");
    assert_eq!(figure(&finished, "second_signals"), 20, "{finished}");
    assert!(!finished.stdout.contains("failed"), "{finished}");
    assert!(finished.stdout.contains("gone after: median "), "{finished}");
}
