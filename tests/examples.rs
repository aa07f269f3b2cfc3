//! The examples, run as a user runs them: built, started as processes, given real signals, and
//! believed only as far as their output can be held against an independent count.
//!
//! Every file that `pipeline` is given holds a word of its own (`only17`), so that a table tells
//! which files it is made of; the count over exactly those has to give the same table, word for
//! word. Nothing waits for a clock: a signal is sent when a line has been read. The one stall limit
//! that has to pass (5 s) passes beside the other tests.
#![cfg(unix)]
// A test that unwraps nothing says less.
#![allow(clippy::unwrap_used)]

#[path = "support/examples.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use support::{Finished, Folder, Running, example, run};

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

// pipeline

#[test]
fn pipeline_counts_every_word_of_every_file() {
    let input = corpus(200);
    let results = Folder::new();
    let table = results.path().join("words.tsv");
    let report = results.path().join("report.json");
    let mut pipeline = example("pipeline");
    pipeline.args(["--workers", "3", "--capacity=2", "--top", "2"]);
    pipeline.arg("--out").arg(&table);
    pipeline.arg("--report").arg(&report);

    let finished = run(pipeline.arg(input.path()));

    assert!(finished.status.success(), "{finished:?}");
    let lines: Vec<&str> = finished.stdout.lines().collect();
    assert_eq!(lines[0].trim(), "600  the", "{finished:?}");
    assert!(lines[2].contains(" different words, "), "{finished:?}");
    assert_eq!(lines.last(), Some(&"walked 200 = read 200 = tallied 200 files"));
    // All ended by themselves, so there is no need for a report.
    assert!(!finished.stderr.contains("in order of leaving"));

    assert_eq!(read_table(&table), count(&Vec::from_iter(0..200)));
    let report: Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
    assert_eq!(report["reason"], "completed");
    assert_eq!(report["complete"], true);
    assert_eq!(report["signal"], Value::Null);
    assert_eq!(of_actor(&report, "tally", "handled"), 200);
    assert_eq!(of_actor(&report, "tally", "handled_while_draining"), 0);
    // Nothing temporary is left.
    assert_eq!(fs::read_dir(results.path()).unwrap().count(), 2);
}

#[test]
fn pipeline_sorts_by_count_then_by_word_and_does_not_count_its_own_output() {
    let input = Folder::new();
    input.write("text", "b a c a B\n");
    let table = input.path().join("words.tsv");
    for run_number in 0..2 {
        let mut pipeline = example("pipeline");
        pipeline.current_dir(input.path());
        let finished = run(pipeline.args(["--out", "words.tsv"]));
        assert!(finished.status.success(), "{finished:?}");
        assert!(
            finished.stdout.contains("walked 1 = read 1 = tallied 1"),
            "run {run_number}: {finished:?}"
        );
        assert!(finished.stdout.contains("own output"), "{finished:?}");
        assert_eq!(fs::read_to_string(&table).unwrap(), "a\t2\nb\t2\nc\t1\n");
    }
}

#[test]
fn pipeline_drains_in_order_after_sigint() {
    stopped_in_the_middle("INT", SIGINT);
}

#[test]
fn pipeline_drains_in_order_after_sigterm() {
    stopped_in_the_middle("TERM", SIGTERM);
}

fn stopped_in_the_middle(name: &str, number: i32) {
    let input = corpus(2000);
    let results = Folder::new();
    let table = results.path().join("words.tsv");
    let report = results.path().join("report.json");
    let mut pipeline = example("pipeline");
    pipeline.args(["--workers", "2", "--pace", "5ms"]);
    pipeline.arg("--out").arg(&table);
    pipeline.arg("--report").arg(&report);

    let mut running = Running::start(pipeline.arg(input.path()));
    running.wait_for("tallied"); // the first line of progress
    running.signal_when_taken(name);
    let finished = running.finish();

    assert_eq!(finished.status.signal(), Some(number), "{finished:?}");
    let files = files_in(&read_table(&table));
    assert!((1..2000).contains(&files.len()), "{} files", files.len());
    assert_eq!(read_table(&table), count(&files));
    let n = files.len();
    let balance = format!("walked {n} = read {n} = tallied {n} files");
    assert!(finished.stdout.contains(&balance), "{finished:?}");

    let title = format!("pipeline: complete (SIG{name}), drained in ");
    assert!(finished.stderr.contains(&title), "{finished:?}");
    let report: Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
    assert_eq!(report["reason"], "signal");
    assert_eq!(report["signal"], format!("SIG{name}"));
    assert_eq!(report["complete"], true);
    assert!(report["took_ms"].as_f64().unwrap() > 0.0);
    assert_all_left(&report);
    let drained = of_actor(&report, "tally", "handled_while_draining");
    assert!(drained > 0, "nothing was under way: {report}");
    let read = of_actor(&report, "read-1", "handled") + of_actor(&report, "read-2", "handled");
    assert_eq!([read, of_actor(&report, "tally", "handled")], [n as u64; 2]);
}

/// All actors of a report, in the order of the stream, with all that is promised of each. The two
/// readers drain side by side.
fn assert_all_left(report: &Value) {
    let actors = report["actors"].as_array().unwrap();
    let name = |actor: &Value| actor["name"].as_str().unwrap().to_owned();
    let mut names: Vec<String> = actors.iter().map(name).collect();
    names[1..3].sort();
    assert_eq!(names.join(" "), "walk read-1 read-2 split tally write progress");
    for actor in actors {
        let is_daemon = actor["name"] == "progress";
        let ended = if is_daemon { "daemon" } else { "drained" };
        assert_eq!(actor["ended"], ended, "{actor}");
        for figure in ["failed", "returned", "restarts"] {
            assert_eq!(actor[figure], 0, "{actor}");
        }
        for figure in ["handled", "handled_while_draining"] {
            assert!(actor[figure].is_u64(), "{actor}");
        }
        assert!(actor["took_ms"].as_f64().unwrap() >= 0.0, "{actor}");
    }
}

#[test]
fn pipeline_says_what_was_returned_at_a_deadline() {
    let input = corpus(10);
    let mut pipeline = example("pipeline");
    // The reader rests for longer than the stall limit, so that its deadline comes.
    pipeline.args(["--workers", "1", "--pace", "60s"]);

    let mut running = Running::start(pipeline.arg(input.path()));
    running.wait_for("walked 10,");
    running.signal_when_taken("TERM");
    let finished = running.finish();

    // The file in hand was read all the same.
    let balance = "walked 10 ≠ read 1 = tallied 1 files\n  read-1 returned 9\n";
    assert!(finished.stdout.contains(balance), "{finished:?}");
    assert!(finished.stderr.contains("INCOMPLETE"), "{finished:?}");
    assert_eq!(finished.status.code(), Some(75));
}

#[test]
fn pipeline_ends_at_once_at_a_second_signal() {
    let input = corpus(500);
    let results = Folder::new();
    let mut pipeline = example("pipeline");
    pipeline.args(["--workers", "1", "--pace", "1s"]);
    pipeline.arg("--out").arg(results.path().join("words.tsv"));

    let mut running = Running::start(pipeline.arg(input.path()));
    running.wait_for("tallied");
    running.signal_when_taken("INT");
    running.wait_for("drain begins");
    running.wait_for("waiting for"); // a second has passed: no echo of the first
    running.signal_when_taken("INT");
    let finished = running.finish();

    assert_eq!(finished.status.signal(), Some(SIGINT), "{finished:?}");
    assert_eq!(finished.stdout, "");
    assert!(!results.path().join("words.tsv").exists());
}

#[test]
fn pipeline_refuses_before_any_work() {
    let empty = Folder::new();
    empty.write("file", "");
    symlink("loop", empty.path().join("loop")).unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&["missing"], "missing"),
        (&["file"], "file"),
        (&["loop"], "loop"),
        (&["--out", "missing/words.tsv", "."], "missing/words.tsv"),
        (&["--report", "missing/it.json", "."], "missing/it.json"),
        (&["--out", "."], "."),
        (&["--out", "file/x"], "file/x"),
        (&["--out", "x", "--report", "./x"], "x"),
        (&["--colour", "red"], "--colour"),
        (&["-v"], "-v"),
        (&["--capacity", "0"], "--capacity 0"),
        (&["--workers", "many"], "--workers many"),
        (&["--workers=1000000"], "--workers 1000000"),
        (&["--pace", "5"], "--pace 5"),
        (&["--out"], "--out"),
        (&[".", "file"], "file"),
    ];
    for (args, named) in cases {
        let mut pipeline = example("pipeline");
        let finished = run(pipeline.current_dir(empty.path()).args(*args));
        assert_eq!(finished.status.code(), Some(2), "{args:?}: {finished:?}");
        assert_eq!(finished.stdout, "", "{args:?}");
        assert_eq!(finished.stderr.lines().count(), 1, "{args:?}: {finished:?}");
        let begin = format!("pipeline: {named}");
        let names_it = finished.stderr.starts_with(&begin) || finished.stderr.contains(named);
        assert!(names_it, "{args:?}: {finished:?}");
    }
    // What was prepared for one output is gone when the other was refused.
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 2);
}

#[test]
fn pipeline_names_what_it_skips_and_hangs_on_nothing() {
    let input = Folder::new();
    input.write("text", "to be\n");
    input.write("empty", "");
    input.write("binary/head", b"\x7fELF\0\0");
    input.write("binary/tail", [&[b'a'; 100_000][..], b"\0"].concat());
    input.write("latin1", b"caf\xe9\n");
    input.write("locked", "secret\n");
    let locked = input.path().join("locked");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    symlink("..", input.path().join("binary/up")).unwrap();
    symlink("nowhere", input.path().join("dangling")).unwrap();
    let fifo = input.path().join("fifo");
    let made = Command::new("mkfifo").arg(fifo).status().unwrap();
    assert!(made.success());

    let mut pipeline = example("pipeline");
    pipeline.env("RUST_LOG", "debug").arg("--top=0");
    let finished = run(pipeline.arg(input.path()));

    assert!(finished.status.success(), "{finished:?}");
    // Nothing is locked for the superuser.
    let (words, unreadable) = match fs::read(&locked) {
        Ok(_) => (3, ""),
        Err(_) => (2, ", 1 unreadable"),
    };
    let (_, balance) = finished.stdout.split_once('\n').unwrap();
    assert_eq!(
        balance,
        format!(
            "walked 6 = read 6 = tallied 6 files\n\
             of these without words: 2 binary, 1 not UTF-8{unreadable}\n\
             not taken in: 2 symbolic link(s), 1 special file(s)\n"
        )
    );
    assert!(finished.stdout.starts_with(&format!("{words} different")), "{finished:?}");
    for name in ["binary/head", "binary/tail", "latin1", "binary/up", "dangling", "fifo"] {
        let named = format!("skipped {}", input.path().join(name).display());
        assert!(finished.stderr.contains(&named), "{name}: {finished:?}");
    }
}

#[test]
fn pipeline_does_not_mind_that_nobody_reads_its_output() {
    let input = corpus(20);
    let mut pipeline = example("pipeline");
    pipeline.arg("--pace=10ms").arg(input.path());
    pipeline.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipeline.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}

#[cfg(target_os = "linux")]
#[test]
fn pipeline_says_that_the_disk_is_full() {
    let input = corpus(20);
    let mut pipeline = example("pipeline");
    let finished = run(pipeline.args(["--out", "/dev/full"]).arg(input.path()));
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    let error = "`write` failed: /dev/full: No space left on device";
    assert!(finished.stderr.contains(error), "{finished:?}");
    // The result is not lost with it.
    assert!(finished.stdout.contains("different words"), "{finished:?}");
    // A device is written to, not replaced.
    assert!(!fs::metadata("/dev/full").unwrap().is_file());

    let mut pipeline = example("pipeline");
    let finished = run(pipeline.args(["--report", "/dev/full"]).arg(input.path()));
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    let error = "/dev/full: No space left on device";
    assert!(finished.stderr.contains(error), "{finished:?}");
}

#[test]
fn pipeline_helps() {
    let finished = run(example("pipeline").arg("--help"));
    assert!(finished.status.success());
    for option in ["--workers", "--capacity", "--pace", "--top", "--out", "--report"] {
        assert!(finished.stdout.contains(option), "{option}");
    }
}

/// Files below a folder, each with a word of its own.
fn corpus(files: u32) -> Folder {
    let folder = Folder::new();
    for i in 0..files {
        folder.write(&format!("{}/{}/{i}.txt", i % 7, i % 3), text(i));
    }
    folder
}

fn text(i: u32) -> String {
    let (many, tenth) = ("again ".repeat(i as usize % 5), i % 10);
    format!("The end: THE only{i}, the Été{tenth}-{many}\n\t2nd x_y\n")
}

/// Counts the words of these files, letter by letter, and not as the example does.
fn count(files: &[u32]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for &file in files {
        let mut word = String::new();
        for c in text(file).chars().chain([' ']) {
            if c.is_alphanumeric() {
                word.extend(c.to_lowercase());
                continue;
            }
            let word = std::mem::take(&mut word);
            if word.chars().next().is_some_and(char::is_alphabetic) {
                *counts.entry(word).or_insert(0) += 1;
            }
        }
    }
    counts
}

fn read_table(path: &std::path::Path) -> BTreeMap<String, u64> {
    let text = fs::read_to_string(path).unwrap();
    let rows = text.lines().map(|line| {
        let (word, count) = line.split_once('\t').unwrap();
        (word.to_owned(), count.parse().unwrap())
    });
    let table: BTreeMap<String, u64> = rows.collect();
    assert_eq!(table.len(), text.lines().count(), "a word stands twice");
    table
}

/// The files that a table is made of, as their own words tell.
fn files_in(table: &BTreeMap<String, u64>) -> Vec<u32> {
    let own = table.keys().filter_map(|word| word.strip_prefix("only"));
    own.map(|number| number.parse().unwrap()).collect()
}

fn of_actor(report: &Value, name: &str, figure: &str) -> u64 {
    let actors = report["actors"].as_array().unwrap();
    let actor = actors.iter().find(|actor| actor["name"] == name).unwrap();
    actor[figure].as_u64().unwrap()
}

// countdown

/// Starts the countdown in a mode, sends Ctrl-C in its second step, and waits for its end.
fn interrupt_countdown(mode: &str, args: &[&str]) -> Finished {
    let mut countdown = example("countdown");
    countdown.args(["--mode", mode]).args(args);
    let mut running = Running::start(&mut countdown);
    running.wait_for("step  2 of");
    running.signal_when_taken("INT");
    let finished = running.finish();
    assert_eq!(finished.status.signal(), Some(SIGINT), "{finished:?}");
    finished
}

#[test]
fn countdown_that_is_waited_for_takes_all_its_steps() {
    let finished = interrupt_countdown("wait", &["--steps", "10", "--max", "200"]);
    assert!(finished.stdout.ends_with("10 of 10 steps completed\n"));
    assert!(finished.stderr.contains("complete (SIGINT)"));
}

#[test]
fn countdown_that_is_waited_for_ends_at_a_second_ctrl_c() {
    let mut countdown = example("countdown");
    countdown.args(["--mode", "wait", "--steps", "1000", "--max", "100"]);
    let mut running = Running::start(&mut countdown);
    running.wait_for("step  2 of");
    running.signal_when_taken("INT");
    running.wait_for("drain begins");
    running.wait_for("waiting for"); // a second has passed: no echo of the first
    running.signal_when_taken("INT");
    let finished = running.finish();
    assert_eq!(finished.status.signal(), Some(SIGINT), "{finished:?}");
    assert!(!finished.stdout.contains("completed"), "{finished:?}");
    assert!(!finished.stderr.contains("in order of leaving"));
}

#[test]
fn countdown_as_a_daemon_ends_at_once() {
    // With this seed the second step takes longer than any test waits.
    let args = ["--max", "100000", "--seed", &seed_with_a_long_second_step()];
    let finished = interrupt_countdown("daemon", &args);
    assert!(!finished.stdout.contains("completed"), "{finished:?}");
    assert!(!finished.stdout.contains("step  3"), "{finished:?}");
}

#[test]
fn countdown_that_polls_finishes_its_step() {
    let finished = interrupt_countdown("event", &["--max", "500"]);
    assert!(!finished.stdout.contains("step 30"), "{finished:?}");
    let begun = finished.stdout.matches("step ").count();
    let completed = format!("cleaned up: {begun} of 30");
    assert!(finished.stdout.contains(&completed), "{finished:?}");
}

#[test]
fn countdown_that_waits_for_the_event_is_interrupted_in_its_sleep() {
    let args = ["--max", "100000", "--seed", &seed_with_a_long_second_step()];
    let finished = interrupt_countdown("event-wait", &args);
    assert!(finished.stdout.ends_with("cleaned up: 1 of 30 steps completed\n"), "{finished:?}");
}

#[test]
fn countdown_without_ctrl_c_comes_to_its_end_in_every_mode() {
    for mode in ["wait", "daemon", "event", "event-wait"] {
        let mut countdown = example("countdown");
        let args = ["--steps", "3", "--max", "5", "--seed", "7", "--mode", mode];
        let finished = run(countdown.args(args));
        assert!(finished.status.success(), "{mode}: {finished:?}");
        assert!(finished.stdout.ends_with("3 of 3 steps completed\n"));
    }
}

#[test]
fn countdown_refuses_what_it_does_not_know() {
    for args in [["--mode", "maybe"], ["--steps", "few"], ["--colour", "red"]] {
        let finished = run(example("countdown").args(args));
        assert_eq!(finished.status.code(), Some(2), "{finished:?}");
        assert!(finished.stderr.contains(args[0]), "{finished:?}");
        assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
    }
}

/// A seed whose first step is short and whose second is long, of steps up to 100 s: found by
/// trying, with the generator of the example.
fn seed_with_a_long_second_step() -> String {
    let steps = |seed: u64| {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        [(); 2].map(|()| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            1 + (state >> 11) % 100_000
        })
    };
    let fits = |&seed: &u64| matches!(steps(seed), [..200, 90_000..=100_000]);
    (1..).find(fits).unwrap().to_string()
}

// async_tokio

/// A client of the server, and the lines that it is answered.
fn client(address: &str) -> (TcpStream, impl Iterator<Item = String>) {
    let stream = TcpStream::connect(address).unwrap();
    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
    (stream, lines.map_while(Result::ok))
}

#[test]
fn async_tokio_answers_what_it_has_taken_before_it_leaves() {
    let mut running = Running::start(&mut example("async_tokio"));
    let listening = running.wait_for("listening on ");
    let address = listening.strip_prefix("listening on ").unwrap();

    let (mut first, mut answers) = client(address);
    first.write_all(b"12\n97\nmany\n").unwrap();
    let said: Vec<String> = answers.by_ref().take(3).collect();
    assert_eq!(said, ["12 = 2 * 2 * 3", "97 = 97", "? not a number: \"many\""]);

    // Each takes a while, so that some wait for the actor when the signal comes.
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (mut stream, answers) = client(address);
            stream.write_all(b"100000980001501\n").unwrap();
            (stream, answers)
        })
        .collect();
    running.signal_when_taken("INT");
    let said: Vec<String> = clients.into_iter().filter_map(|(_, mut lines)| lines.next()).collect();
    let answered = said.iter().filter(|line| line.ends_with(" = 10000019 * 10000079")).count();
    let refused = said.iter().filter(|line| line.contains("the mailbox is closed")).count();
    assert_eq!(answered + refused, said.len(), "{said:?}");
    assert_eq!(answers.next(), None, "it is not hung up on");

    let finished = running.finish();
    assert_eq!(finished.status.signal(), Some(SIGINT), "{finished:?}");
    let booked = format!("{} numbers, 1 of them prime\n", answered + 2);
    assert!(finished.stdout.ends_with(&booked), "{said:?} {finished:?}");
    assert!(finished.stderr.contains("factors: complete (SIGINT)"), "{finished:?}");
}

// embed and hello

#[test]
fn embed_answers_and_leaves_in_order() {
    let mut running = Running::start(example("embed").stdin(Stdio::piped()));
    let mut stdin = running.stdin();
    stdin.write_all(b"pay 30\npay much\npay 12\nbalance\nwho\nsing\n").unwrap();
    drop(stdin);
    let finished = running.finish();
    assert!(finished.status.success(), "{finished:?}");
    assert_eq!(
        finished.stdout,
        "noted\n\
         ? not an amount: invalid digit found in string\n\
         noted\n\
         balance 42\n\
         ledger: Working, 3 handled, 0 queued\n\
         ? pay AMOUNT, balance, who, or quit\n"
    );
    assert!(finished.stderr.starts_with("account: complete (shutdown)"));
}

#[test]
fn embed_takes_no_signal_over() {
    let mut running = Running::start(example("embed").stdin(Stdio::piped()));
    let mut stdin = running.stdin();
    stdin.write_all(b"balance\n").unwrap();
    running.wait_for("balance 0");
    running.signal("INT");
    let finished = running.finish();
    assert_eq!(finished.status.signal(), Some(SIGINT));
    assert_eq!(finished.stderr, "");
}

#[test]
fn hello_counts_standard_input() {
    let mut running = Running::start(example("hello").stdin(Stdio::piped()));
    let mut stdin = running.stdin();
    stdin.write_all(b"to be\nor not\nto be").unwrap();
    drop(stdin);
    let finished = running.finish();
    assert!(finished.status.success(), "{finished:?}");
    assert_eq!(finished.stdout, "6 words\n");
    assert_eq!(finished.stderr, "");
}

#[test]
fn hello_counts_what_came_before_ctrl_c() {
    let mut hello = example("hello");
    hello.env("RUST_LOG", "info,exeunt=debug");
    let mut running = Running::start(hello.stdin(Stdio::piped()));
    let mut stdin = running.stdin();
    stdin.write_all(b"to be\n").unwrap();
    // `hello` says nothing of a line that it has read, and standard input stays open, so that
    // there is no fact to wait for but that it has begun.
    running.wait_for("`stdin` started");
    thread::sleep(Duration::from_millis(500));
    running.signal_when_taken("INT");
    let finished = running.finish();
    assert_eq!(finished.status.signal(), Some(SIGINT), "{finished:?}");
    assert_eq!(finished.stdout, "2 words\n");
    assert!(finished.stderr.contains("complete (SIGINT)"));
    drop(stdin);
}
