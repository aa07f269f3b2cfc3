//! The example `thumbnails`, run as a user runs it, on the pictures that it draws itself: one run to
//! the end is what the others are held against, file for file and byte for byte.
//!
//! The moments at which it is interrupted, or killed, are those of `EXEUNT_SEED`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use crate::dice::Dice;
use crate::drain::{assert_balances, assert_left_in_order, of_stage};
use crate::support::{Finished, Folder, Running, example, run};

const SIGINT: i32 = 2;

const PICTURES: usize = 24;

/// Two of them: every tenth.
const BROKEN: usize = 2;

const ORDER: [&str; 4] = ["walk", "shrink-in", "shrink", "write"];

/// Pictures that are drawn once, and what a whole run makes of them.
struct Reference {
    pictures: Folder,
    thumbnails: BTreeMap<String, Vec<u8>>,
    /// Of all that are not broken, in the order of the walk.
    walk: Vec<String>,
}

fn reference() -> &'static Reference {
    static REFERENCE: OnceLock<Reference> = OnceLock::new();
    REFERENCE.get_or_init(|| {
        let (pictures, out) = (Folder::new(), Folder::new());
        let mut drawing = thumbnails(pictures.path(), out.path());
        let finished = run(drawing.args(["--generate", &PICTURES.to_string()]));
        assert!(finished.status.success(), "{finished:?}");
        let made = PICTURES - BROKEN;
        let balance = format!("found {PICTURES} = made {made} + broken {BROKEN} + done before 0 ");
        assert!(finished.stdout.starts_with(&balance), "{finished:?}");
        let walk = files_below(pictures.path()).into_keys().collect();
        Reference { pictures, thumbnails: files_below(out.path()), walk }
    })
}

/// The example, which is to put its thumbnails there.
fn thumbnails(pictures: &Path, out: &Path) -> Command {
    let mut thumbnails = example("thumbnails");
    thumbnails.args(["--threads", "2", "--size", "64", "--out"]).arg(out).arg(pictures);
    thumbnails
}

/// What every file below a folder holds, by its place in there.
fn files_below(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            files.insert(name, fs::read(path).unwrap());
        }
    }
    files
}

#[test]
fn every_picture_has_a_thumbnail_that_fits_or_a_line_in_the_list() {
    let Reference { thumbnails, walk, .. } = reference();
    let list = String::from_utf8(thumbnails["broken.txt"].clone()).unwrap();
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), BROKEN);
    assert!(lines[0].contains("000009.png: unexpected end of file"), "{list}");
    assert!(lines[1].contains("000019.gif: "), "{list}");
    for name in walk {
        match thumbnails.get(&format!("{name}.png")) {
            Some(png) => assert_eq!(longer_side(png), 64, "{name}"),
            None => assert!(list.contains(name), "{name}"),
        }
    }
    // And nothing else.
    assert_eq!(thumbnails.len(), PICTURES - BROKEN + 1);
}

/// Of a PNG, which says so at its beginning.
fn longer_side(png: &[u8]) -> u32 {
    assert!(png.starts_with(b"\x89PNG"));
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    number(16).max(number(20))
}

#[test]
fn it_makes_again_what_is_missing_or_was_changed_and_nothing_else() {
    let pictures = Folder::new();
    for (name, content) in files_below(reference().pictures.path()) {
        pictures.write(&name, content);
    }
    // Below the pictures, where the thumbnails are no pictures.
    let out = pictures.path().join("thumbnails/64");
    let (made, broken) = (PICTURES - BROKEN, BROKEN);
    let balance_of = |made: usize, done: usize| {
        let finished = run(&mut thumbnails(pictures.path(), &out));
        assert!(finished.status.success(), "{finished:?}");
        let expected =
            format!("found {PICTURES} = made {made} + broken {broken} + done before {done} ");
        assert!(finished.stdout.starts_with(&expected), "{finished:?}");
    };
    balance_of(made, 0);
    balance_of(0, made);
    fs::remove_file(out.join("00/000000.jpg.png")).unwrap();
    // Younger, and older.
    for (name, moved) in [("00/000001.png", 5_i64), ("00/000002.webp", -5000)] {
        let file = File::options().append(true).open(pictures.path().join(name)).unwrap();
        let (now, by) = (SystemTime::now(), Duration::from_secs(moved.unsigned_abs()));
        file.set_modified(if moved > 0 { now + by } else { now - by }).unwrap();
    }
    balance_of(3, made - 3);
    balance_of(0, made);
    assert_eq!(without_list(files_below(&out)), without_list(reference().thumbnails.clone()));
}

/// The list names the pictures as they were given.
fn without_list(mut thumbnails: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    assert!(thumbnails.remove("broken.txt").is_some());
    thumbnails
}

#[test]
fn whenever_it_drains_what_it_has_taken_in_is_made_and_a_second_run_makes_the_rest() {
    let mut dice = Dice::seeded();
    let mut drained = 0;
    for round in 0.. {
        if round >= 6 && drained > 0 {
            break;
        }
        assert!(round < 60, "all runs were at their end before the signal");
        drained += drained_at_random(&mut dice);
    }
}

/// Says how many were made in the drain.
fn drained_at_random(dice: &mut Dice) -> u64 {
    let Reference { pictures, thumbnails: whole, walk } = reference();
    let (out, results) = (Folder::new(), Folder::new());
    let report = results.path().join("report.json");
    // From a run before: all that are broken, one that is not any more, and one that is gone.
    let before = String::from_utf8(whole["broken.txt"].clone()).unwrap();
    let healthy = format!("{}: was broken then", pictures.path().join(&walk[0]).display());
    let gone = format!("{}: a: b", pictures.path().join("gone.png").display());
    out.write("broken.txt", format!("{healthy}\n{gone}\n{before}"));
    let mut interrupted = thumbnails(pictures.path(), out.path());
    let running = Running::start(interrupted.arg("--report").arg(&report));
    running.await_handlers();
    thread::sleep(dice.millis_below(600));
    running.signal("INT");
    let finished = running.finish();

    let Ok(told) = fs::read(&report) else {
        // It took no signals any more, all being done: one ends it as any program.
        assert_eq!(finished.status.signal(), Some(SIGINT), "{finished:?}");
        assert!(!finished.stderr.contains("drain begins"), "{finished:?}");
        return 0;
    };
    let report: Value = serde_json::from_slice(&told).unwrap();
    assert_eq!(report["complete"], true, "{finished:?}");
    assert_left_in_order(&report, &ORDER);
    assert_balances(&report);
    let taken_in = of_stage(&report, "walk", "out") as usize;
    let made: Vec<String> = walk[..taken_in].iter().map(|name| format!("{name}.png")).collect();
    let expected: BTreeMap<String, Vec<u8>> = whole
        .iter()
        .filter(|(name, _)| made.contains(name))
        .map(|(n, b)| (n.clone(), b.clone()))
        .collect();
    assert_eq!(of_stage(&report, "write", "passed") as usize, expected.len(), "{finished:?}");
    let list = fs::read_to_string(out.path().join("broken.txt")).unwrap();
    assert_eq!(without_list(files_below(out.path())), expected, "{finished:?}");
    // Whatever it has come to, all of them are in the list, once, in the order of their names.
    let listed: Vec<&str> = list.lines().filter(|&line| line != healthy).collect();
    assert_eq!(listed, before.lines().collect::<Vec<_>>(), "{finished:?}");
    assert_eq!(list.contains(&healthy), taken_in == 0, "{list}");

    run(&mut thumbnails(pictures.path(), out.path()));
    assert_eq!(files_below(out.path()), *whole);
    let actors = report["actors"].as_array().unwrap();
    let write = actors.iter().find(|actor| actor["name"] == "write").unwrap();
    write["handled_while_draining"].as_u64().unwrap()
}

#[test]
fn killed_at_any_moment_no_thumbnail_is_there_in_part() {
    let Reference { pictures, thumbnails: whole, .. } = reference();
    let (out, mut dice) = (Folder::new(), Dice::seeded());
    for _ in 0..6 {
        let running = Running::start(&mut thumbnails(pictures.path(), out.path()));
        running.await_handlers();
        thread::sleep(dice.millis_below(300));
        running.signal("KILL");
        running.finish();
        for (name, bytes) in visible(files_below(out.path())) {
            assert_eq!(bytes, whole[&name], "{name}");
        }
    }
    let finished = run(&mut thumbnails(pictures.path(), out.path()));
    assert!(finished.status.success(), "{finished:?}");
    assert_eq!(visible(files_below(out.path())), *whole);
}

/// Without what a process that was killed was about to write.
fn visible(mut files: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    files.retain(|name, _| !name.rsplit('/').next().unwrap().starts_with('.'));
    files
}

#[test]
fn a_second_ctrl_c_ends_it_at_once() {
    // Unless its drain was over before, since there was little to draw, or the second signal was late.
    let is_cut_short = (0..5).any(|_| {
        let (pictures, out) = (Folder::new(), Folder::new());
        let mut drawing = thumbnails(pictures.path(), out.path());
        // It draws for longer than any test waits.
        let mut running = Running::start(drawing.args(["--generate", "1000000"]));
        running.await_handlers();
        // Whoever numbers them is far ahead of the first that are drawn.
        let until = Instant::now() + Duration::from_secs(30);
        while fs::read_dir(pictures.path().join("00")).map_or(0, Iterator::count) < 8 {
            assert!(Instant::now() < until, "nothing is drawn");
            thread::sleep(Duration::from_millis(5));
        }
        running.signal("INT");
        running.wait_for("drain begins");
        thread::sleep(Duration::from_millis(150)); // no echo of the first
        running.signal("INT");
        let finished = running.finish();
        assert_eq!(finished.status.signal(), Some(SIGINT), "{finished:?}");
        assert_eq!(finished.stdout, "");
        !finished.stderr.contains("exeunt omnes")
    });
    assert!(is_cut_short, "it was drained to the end each time");
}

#[test]
fn it_refuses_before_any_work() {
    let folder = Folder::new();
    folder.write("file", "");
    fs::create_dir(folder.path().join("pictures")).unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&[], "the folder of the pictures is missing"),
        (&["missing"], "missing: "),
        (&["file"], "file: "),
        (&["pictures", "other"], "other"),
        (&["--size", "0", "pictures"], "--size 0"),
        (&["--size", "100000", "pictures"], "--size 100000"),
        (&["--threads", "0", "pictures"], "--threads 0"),
        (&["--threads", "many", "pictures"], "--threads many"),
        (&["--generate", "-1", "pictures"], "--generate"),
        (&["--generate", "1", "file"], "file: "),
        (&["--out", "file", "pictures"], "file: "),
        (&["--out", "file/x", "pictures"], "file/x: "),
        (&["--timeline", "missing/t.html", "pictures"], "missing/t.html: "),
        (&["--report", "pictures", "pictures"], "pictures: "),
        (&["--colour", "pictures"], "--colour"),
    ];
    for (args, named) in cases {
        let finished = run(example("thumbnails").current_dir(folder.path()).args(*args));
        assert_eq!(finished.status.code(), Some(2), "{args:?}: {finished:?}");
        assert_eq!(finished.stdout, "", "{args:?}");
        let begin = finished.stderr.lines().next().unwrap_or_default();
        assert!(
            begin.starts_with("thumbnails: ") && begin.contains(named),
            "{args:?}: {finished:?}"
        );
        assert_eq!(finished.stderr.lines().count(), 1, "{args:?}: {finished:?}");
    }
}

#[test]
fn what_is_no_picture_or_no_good_one_is_named() {
    let pictures = Folder::new();
    pictures.write("notes.txt", "nothing to see");
    pictures.write("empty.png", "");
    pictures.write("text.JPEG", "a text that is called a picture");
    // It says that it is 65535 pixels wide and high.
    pictures
        .write("huge.gif", b"GIF89a\xff\xff\xff\xff\0\0\0\x2c\0\0\0\0\xff\xff\xff\xff\0\x02\0\x3b");
    let out = pictures.path().join("thumbnails/128");
    let finished = run(example("thumbnails").arg(pictures.path()));
    assert!(finished.status.success(), "{finished:?}");
    assert_eq!(
        finished.stdout,
        format!(
            "found 3 = made 0 + broken 3 + done before 0 pictures\n\
             not taken in: 1 no picture(s)\n\
             the thumbnails are in {}\n",
            out.display()
        )
    );
    let list = fs::read_to_string(out.join("broken.txt")).unwrap();
    let names: Vec<&str> = list.lines().map(|line| line.rsplit('/').next().unwrap()).collect();
    assert!(names[0].starts_with("empty.png: "), "{list}");
    assert_eq!(names[1], "huge.gif: Image size exceeds limit");
    assert!(names[2].starts_with("text.JPEG: "), "{list}");
    assert_eq!(finished.stderr.matches("WARN  broken: ").count(), 3, "{finished:?}");
}

#[test]
fn a_disk_that_takes_nothing_more_is_a_failure_that_names_the_file() {
    let Reference { pictures, .. } = reference();
    let out = Folder::new();
    // A limit to the size of files, small enough for the list and too small for a picture, refuses
    // a write as a full disk does.
    let thumbnails = thumbnails(pictures.path(), out.path());
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\""]);
    limited.arg(thumbnails.get_program()).args(thumbnails.get_args()).stdin(Stdio::null());
    let finished: Finished = run(&mut limited);
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    let first = out.path().join("00/000000.jpg.png");
    let error = format!("`write` failed: {}: File too large", first.display());
    assert!(finished.stderr.contains(&error), "{finished:?}");
    // Nothing of it is left.
    assert_eq!(files_below(&out.path().join("00")), BTreeMap::new());
}

#[test]
fn it_does_not_mind_that_nobody_reads_its_output() {
    let Reference { pictures, .. } = reference();
    let out = Folder::new();
    let mut thumbnails = thumbnails(pictures.path(), out.path());
    let mut child = thumbnails.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
