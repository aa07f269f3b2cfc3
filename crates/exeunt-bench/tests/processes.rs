//! The command and the processes in which its contenders play, from outside: what it prints, and that each of them ends
//! when nobody wants to hear of it any more.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn bench(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exeunt-bench"));
    command.args(line.split(' '));
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn who_takes_part_is_measured_in_a_process_of_its_own() {
    let Output { status, stdout, .. } = bench("ask --quick --only exeunt,plain").output().unwrap();
    assert!(status.success());
    for name in ["exeunt", "plain"] {
        assert!(text(&stdout).contains(&format!("\n| {name} | ")), "{}", text(&stdout));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn apart_is_measured_whose_actors_have_threads() {
    if std::thread::available_parallelism().unwrap().get() == 1 {
        return;
    }
    let line = "tell-unbounded --quick --only exeunt,plain,xtra --cpus apart";
    let Output { status, stdout, .. } = bench(line).output().unwrap();
    let table = text(&stdout);
    assert!(status.success() && table.starts_with("### tell-unbounded, apart\n"), "{table}");
    assert!(table.contains("\n| xtra | – | its actors have no thread of their own |"), "{table}");
    assert!(table.contains("\n| plain | ") && table.contains(" | 1.00 |\n"), "{table}");
}

/// After `kill -9` of the benchmark, say: its shell has a prompt again, and wants no word of it.
#[test]
fn one_whose_answer_nobody_reads_ends_and_says_nothing() {
    let mut command = bench("--play-as exeunt");
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = pipes.spawn().unwrap();
    drop(process.stdout.take());
    process.stdin.take().unwrap().write_all(b"ask all 1 10\n").unwrap();
    let Output { status, stderr, .. } = process.wait_with_output().unwrap();
    assert_eq!((status.code(), text(&stderr)), (Some(0), ""));
}

#[test]
#[cfg(target_os = "linux")]
fn what_cannot_be_placed_so_is_no_empty_run() {
    if std::thread::available_parallelism().unwrap().get() == 1 {
        return;
    }
    let Output { status, stderr, .. } = bench("pipeline idle --cpus apart").output().unwrap();
    let error = "exeunt-bench: apart are a sender and an actor: of `tell` and `ask` only\n";
    assert_eq!((status.code(), text(&stderr)), (Some(2), error));
}

#[test]
#[cfg(target_os = "linux")]
fn nothing_is_measured_if_there_are_not_so_many_cpus() {
    let Output { status, stderr, .. } = bench("ask --quick --cpus all,0").output().unwrap();
    let error = text(&stderr);
    assert!(error.starts_with("exeunt-bench: there are ") && error.ends_with(" 0 are asked for\n"));
    assert_eq!(status.code(), Some(2));
}
