//! The example `pipeline`, run as a user runs it: built, started as a process, given real signals, and
//! believed only as far as its output can be held against an independent count.
//!
//! Every file that it is given holds a word of its own (`only17`), so that a table tells which files
//! it is made of; the count over exactly those has to give the same table, word for word. Where a
//! moment is not chosen by `EXEUNT_SEED`, a signal is sent when a line has been read. The one stall
//! limit that has to pass (5 s) passes beside the other tests.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;

use crate::dice::Dice;
use crate::drain::{assert_balances, assert_left_in_order, of_stage};
use crate::support::{Folder, Running, example, run};

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

/// Who leaves after whom.
const ORDER: [&str; 7] = ["walk", "read-in", "read", "split", "tally", "sort", "write"];

#[test]
fn it_counts_every_word_of_every_file() {
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
    // All ended by themselves, so there is no need for a report; the ledger is there.
    assert!(!finished.stderr.contains("in order of leaving"));
    assert!(finished.stderr.ends_with("  it balances\n"), "{finished:?}");
    // But for the progress, to which only a slow machine comes.
    let is_narrow = |line: &str| line.starts_with("pipeline: ") || line.chars().count() <= 80;
    assert!(finished.stderr.lines().all(is_narrow), "{finished:?}");

    assert_eq!(read_table(&table), count(&Vec::from_iter(0..200)));
    let report: Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
    assert_eq!(report["reason"], "completed");
    assert_eq!(report["complete"], true);
    assert_eq!(report["signal"], Value::Null);
    assert_eq!(of_stage(&report, "tally", "passed"), 200);
    assert_eq!(of_actor(&report, "tally", "handled_while_draining"), 0);
    assert_balances(&report);
    // Nothing temporary is left.
    assert_eq!(fs::read_dir(results.path()).unwrap().count(), 2);
}

#[test]
fn it_sorts_by_count_then_by_word_and_does_not_count_its_own_output() {
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
        // The first time it is not there yet when the folder is read.
        let is_told = finished.stdout.ends_with("not taken in: 1 own output\n");
        assert!(is_told || run_number == 0, "{finished:?}");
        assert_eq!(fs::read_to_string(&table).unwrap(), "a\t2\nb\t2\nc\t1\n");
    }
}

#[test]
fn it_drains_in_order_after_sigint() {
    stopped_in_the_middle("INT", SIGINT);
}

#[test]
fn it_drains_in_order_after_sigterm() {
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
    running.wait_for("pipeline: "); // the first line of progress
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
    assert_left_in_order(&report, &ORDER);
    assert_balances(&report);
    let drained = of_actor(&report, "tally", "handled_while_draining");
    assert!(drained > 0, "nothing was under way: {report}");
    assert_eq!(
        ["walk", "read", "split", "tally"].map(|s| of_stage(&report, s, "passed")),
        [n as u64; 4]
    );
}

#[test]
fn it_counts_what_it_has_taken_in_whenever_it_drains() {
    let (input, mut dice) = (corpus(1000), Dice::seeded());
    let mut walk: Vec<u32> = (0..1000).collect();
    // Folder by folder, in the order of the names.
    walk.sort_by_key(|i| (i % 7, i % 3, format!("{i}.txt")));
    let mut drained = 0;
    for run_number in 0.. {
        if run_number >= 10 && drained > 0 {
            break;
        }
        assert!(run_number < 60, "all runs were at their end before the signal");
        drained += drained_at_random(&input, &walk, &mut dice, run_number);
    }
}

/// Says how many files were counted in the drain.
fn drained_at_random(input: &Folder, walk: &[u32], dice: &mut Dice, run_number: u32) -> u64 {
    let results = Folder::new();
    let (table, report) = (results.path().join("words.tsv"), results.path().join("report.json"));
    let (workers, capacity) = (dice.between(1, 4).to_string(), dice.between(1, 20).to_string());
    let mut pipeline = example("pipeline");
    pipeline.args(["--pace", "3ms", "--workers", &workers, "--capacity", &capacity]);
    pipeline.arg("--out").arg(&table).arg("--report").arg(&report);

    let running = Running::start(pipeline.arg(input.path()));
    running.await_handlers();
    thread::sleep(dice.millis_below(500));
    running.signal(["INT", "TERM"][dice.below(2)]);
    let finished = running.finish();

    let with = format!("run {run_number}, {workers} workers, capacity {capacity}: {finished:?}");
    let report: Value = serde_json::from_slice(&fs::read(&report).unwrap()).expect(&with);
    assert_eq!(report["complete"], true, "{with}");
    assert_left_in_order(&report, &ORDER);
    assert_balances(&report);
    let taken_in = of_stage(&report, "walk", "out");
    assert_eq!(of_stage(&report, "tally", "passed"), taken_in, "{with}");
    assert_eq!(read_table(&table), count(&walk[..taken_in as usize]), "{with}");
    of_actor(&report, "tally", "handled_while_draining")
}

#[test]
fn it_says_what_was_returned_at_a_deadline() {
    let (input, results) = (corpus(10), Folder::new());
    let table = results.path().join("words.tsv");
    let mut pipeline = example("pipeline");
    // The tally rests for longer than the stall limit, so that its deadline comes.
    pipeline.args(["--workers", "1", "--pace", "60s"]).arg("--out").arg(&table);

    let mut running = Running::start(pipeline.arg(input.path()));
    running.wait_for("`split` completed"); // all files are before the tally
    running.signal_when_taken("TERM");
    let finished = running.finish();

    // The file in hand was counted all the same.
    let balance = "walked 10 = read 10 ≠ tallied 2 files\npace returned 8\n";
    assert!(finished.stdout.contains(balance), "{finished:?}");
    assert!(finished.stderr.contains("INCOMPLETE"), "{finished:?}");
    assert_eq!(finished.status.code(), Some(75));
    assert!(!table.exists(), "a table that lacks files that were taken in");
}

#[test]
fn it_ends_at_once_at_a_second_signal() {
    let input = corpus(500);
    let results = Folder::new();
    let mut pipeline = example("pipeline");
    pipeline.args(["--workers", "1", "--pace", "1s"]);
    pipeline.arg("--out").arg(results.path().join("words.tsv"));

    let mut running = Running::start(pipeline.arg(input.path()));
    running.wait_for("pipeline: "); // the first line of progress
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
fn it_refuses_before_any_work() {
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
        (&["--out", "x", "--timeline", "./x"], "x"),
        (&["--timeline", "missing/it.html", "."], "missing/it.html"),
        (&["--plain=very", "."], "--plain"),
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
fn it_names_what_it_skips_and_hangs_on_nothing() {
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
    let (words, texts, skipped, unreadable) = match fs::read(&locked) {
        Ok(_) => (3, 3, 3, ""),
        Err(_) => (2, 2, 4, ", 1 unreadable"),
    };
    let (_, balance) = finished.stdout.split_once('\n').unwrap();
    assert_eq!(
        balance,
        format!(
            "walked 6 = read 6 = tallied {texts} + skipped {skipped} files\n\
             skipped: 2 binary, 1 not UTF-8{unreadable}\n\
             not taken in: 1 special file(s), 2 symbolic link(s)\n"
        )
    );
    assert!(finished.stdout.starts_with(&format!("{words} different")), "{finished:?}");
    for name in ["binary/head", "binary/tail", "latin1", "binary/up", "dangling", "fifo"] {
        let named = format!("skipped {}", input.path().join(name).display());
        assert!(finished.stderr.contains(&named), "{name}: {finished:?}");
    }
}

#[test]
fn it_does_not_mind_that_nobody_reads_its_output() {
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
fn it_says_that_the_disk_is_full() {
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
fn it_helps() {
    let finished = run(example("pipeline").arg("--help"));
    assert!(finished.status.success());
    for option in
        ["--workers", "--capacity", "--pace", "--top", "--out", "--report", "--timeline", "--plain"]
    {
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
