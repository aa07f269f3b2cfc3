//! The program, as a user runs it.

use exeunt_testkit::{Finished, Process};

/// Runs it with the words of this line.
#[allow(dead_code, reason = "not of interest to every program of tests")]
pub(crate) fn chaos(line: &str) -> Finished {
    let program = Process::new(env!("CARGO_BIN_EXE_exeunt-chaos"));
    program.args(line.split_whitespace()).limit(std::time::Duration::from_secs(600)).run()
}

/// A figure of the closing line.
#[allow(dead_code, reason = "not of interest to every program of tests")]
#[track_caller]
pub(crate) fn figure(finished: &Finished, name: &str) -> u64 {
    let line = finished.stdout.lines().last().unwrap_or_default();
    line.split(' ')
        .find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
        .unwrap_or_else(|| panic!("no {name} in the last line\n{finished}"))
}

/// The same, until nothing is late, or something else is wrong: by the clock nobody is held to what a machine does that
/// holds up a single thread, which is not seen by the others.
#[allow(dead_code, reason = "not of interest to every program of tests")]
pub(crate) fn chaos_in_time(line: &str) -> Finished {
    let is_only_late = |finished: &Finished| {
        let wrongs = ["unaccounted", "hangs", "wrong_status", "missing_reports", "disordered"];
        finished.code() == Some(1)
            && figure(finished, "late") > 0
            && wrongs.iter().all(|wrong| figure(finished, wrong) == 0)
    };
    let mut runs = (0..4).map(|_| chaos(line));
    runs.find(|finished| !is_only_late(finished)).unwrap_or_else(|| chaos(line))
}
