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
