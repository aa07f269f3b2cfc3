//! The example `access_log`, run as a user runs it, and believed only as far as its database agrees with
//! what is counted here: by other code, which takes the lines apart in another way and leaves the
//! calendar to SQLite.
//!
//! It is killed with SIGKILL, and stopped with SIGINT, at moments that a seed chooses, `EXEUNT_SEED` if that is
//! set; a test that fails prints it. `EXEUNT_KILLS=200` does it so often, instead of 20 times.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::dice::Dice;
use crate::drain::{assert_balances, assert_left_in_order, of_stage};
use crate::support::{Finished, Folder, Running, example, run};

const SIGINT: i32 = 2;
const SIGKILL: i32 = 9;

/// Who leaves after whom.
const ORDER: [&str; 4] = ["logs", "batch", "tally", "store"];

/// The logs that it generates, in the order in which they are read.
const LOGS: [&str; 5] =
    ["access.log.4.gz", "access.log.3.gz", "access.log.2.gz", "access.log.1", "access.log"];

/// By minute, path and status: how many requests, and how many bytes.
type Rows = BTreeMap<(i64, String, u16), (u64, u64)>;

/// All that a database holds.
#[derive(Debug, PartialEq)]
struct Database {
    rows: Rows,
    position: Option<String>,
    lines: u64,
    broken: u64,
}

/// What the example has stored so far; nothing, if it has not come to that.
fn stored(db: &Path) -> Option<Database> {
    let db = Connection::open_with_flags(db, OpenFlags::SQLITE_OPEN_READ_WRITE).ok()?;
    let figures = "SELECT position, lines, broken FROM exeunt_checkpoints, totals";
    let figures = db.query_row(figures, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let (position, lines, broken) = figures.ok()?;
    let mut query = db.prepare("SELECT minute, path, status, hits, bytes FROM requests").unwrap();
    let rows = query.query_map([], |row| {
        Ok(((row.get(0)?, row.get(1)?, row.get(2)?), (row.get(3)?, row.get(4)?)))
    });
    let rows = rows.unwrap().map(Result::unwrap).collect();
    Some(Database { rows, position, lines, broken })
}

/// A line, by other code than the example's; nothing, if it is broken.
type Line = Option<((i64, String, u16), u64)>;

/// All lines of the logs of a folder, in the order in which they are read.
fn lines_of(folder: &Path) -> Vec<Line> {
    let calendar = Connection::open_in_memory().unwrap();
    let mut minutes = calendar.prepare("SELECT unixepoch(?1)").unwrap();
    let mut known = BTreeMap::new();
    let mut minute_of = |date: &str| {
        let minute = known
            .entry(date.to_owned())
            .or_insert_with(|| minutes.query_row([date], |row| row.get::<_, i64>(0)).unwrap());
        *minute
    };
    let text = text_of(folder);
    let lines = text.lines().map(|line| {
        let (date, path, status, bytes) = taken_apart(line)?;
        Some(((minute_of(&date), path, status), bytes))
    });
    lines.collect()
}

/// What lines add up to: the rows, all lines, and those that are broken.
fn sum(lines: &[Line]) -> (Rows, u64, u64) {
    let mut rows = Rows::new();
    for (key, bytes) in lines.iter().flatten() {
        let row = rows.entry(key.clone()).or_default();
        row.0 += 1;
        row.1 += bytes;
    }
    let broken = lines.iter().filter(|line| line.is_none()).count();
    (rows, lines.len() as u64, broken as u64)
}

fn count(folder: &Path) -> (Rows, u64, u64) {
    sum(&lines_of(folder))
}

fn text_of(folder: &Path) -> String {
    let mut text = String::new();
    for path in LOGS.map(|name| folder.join(name)).into_iter().filter(|path| path.exists()) {
        if path.extension().is_some_and(|extension| extension == "gz") {
            text += &whole_lines_of(&path);
        } else {
            text += &fs::read_to_string(&path).unwrap();
        }
    }
    text
}

/// What is in a compressed file up to the end of its last whole line, wherever it is cut off.
fn whole_lines_of(path: &Path) -> String {
    let mut text = Vec::new();
    let _ = MultiGzDecoder::new(File::open(path).unwrap()).read_to_end(&mut text);
    let mut text = String::from_utf8(text).unwrap();
    text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
    text
}

/// Takes away the end of a log.
fn cut_off(folder: &Path, name: &str) -> PathBuf {
    let log = folder.join(name);
    let content = fs::read(&log).unwrap();
    fs::write(&log, &content[..content.len() / 3 * 2]).unwrap();
    log
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The minute as SQLite takes it, the path, the status and the bytes. By the quotes: those that are
/// escaped stand only in the agent, which does not count.
fn taken_apart(line: &str) -> Option<(String, String, u16, u64)> {
    let mut parts = line.split('"');
    let (_, time) = parts.next()?.split_once('[')?;
    let time = time.strip_suffix("] ")?;
    let [day, month, rest] = time.splitn(3, '/').collect::<Vec<_>>().try_into().ok()?;
    let month = "JanFebMarAprMayJunJulAugSepOctNovDec".find(month)? / 3 + 1;
    let [year, hour, minute, rest] = rest.splitn(4, ':').collect::<Vec<_>>().try_into().ok()?;
    let zone = rest.split_once(' ')?.1;
    let (zone_hours, zone_minutes) = zone.split_at_checked(3)?;
    let date = format!("{year}-{month:02}-{day}T{hour}:{minute}:00{zone_hours}:{zone_minutes}");

    let request: Vec<&str> = parts.next()?.split(' ').collect();
    let path = match request[..] {
        [_, target, _] => target.split('?').next()?,
        _ => "-",
    };
    let mut figures = parts.next()?.split_whitespace();
    let status = figures.next()?.parse().ok()?;
    let bytes = match figures.next()? {
        "-" => 0,
        bytes => bytes.parse().ok()?,
    };
    Some((date, path.to_owned(), status, bytes))
}

fn generated(folder: &Path, lines: u64) {
    let finished = access_log(folder, &["--generate", &lines.to_string(), "--seed=4"]);
    assert!(finished.status.success(), "{finished:?}");
}

fn access_log(folder: &Path, args: &[&str]) -> Finished {
    run(example("access_log").args(args).arg(folder))
}

fn last_line(finished: &Finished) -> &str {
    finished.stdout.lines().last().unwrap_or_default()
}

#[test]
fn access_log_stores_what_is_in_the_logs() {
    let folder = Folder::new();
    generated(folder.path(), 20_000);
    let (rows, lines, broken) = count(folder.path());
    assert!(lines == 20_000 && broken > 0 && rows.len() > 1000, "{broken}, {}", rows.len());

    let database = stored(&folder.path().join("requests.db")).unwrap();

    assert_eq!((database.lines, database.broken), (lines, broken));
    assert_eq!(database.rows, rows);
    // Whatever its batches are.
    for batch in ["1500", "20000", "1000000"] {
        let db = folder.path().join(format!("{batch}.db"));
        let args = ["--batch", batch, "--db", db.to_str().unwrap()];
        let finished = access_log(folder.path(), &args);
        assert!(finished.status.success(), "{finished:?}");
        let requests = lines - broken;
        let balance = format!("{lines} lines = {requests} requests + {broken} broken, in ");
        assert!(last_line(&finished).starts_with(&balance), "{finished:?}");
        assert_eq!(stored(&db).unwrap(), database);
    }
}

#[test]
fn access_log_says_the_most_requested_paths_and_counts_nothing_twice() {
    let folder = Folder::new();
    folder.write(
        "access.log.1",
        "::1 - - [31/Dec/2024:23:59:59 +0000] \"GET /a?b HTTP/1.1\" 200 1500000\n\
         ::1 - - [01/Jan/2025:00:59:01 +0100] \"GET /a HTTP/1.1\" 200 500000\n\
         nonsense\n",
    );
    folder.write("access.log", "::1 - - [01/Jan/2025:00:00:00 +0000] \"GET /b HTTP/1.1\" 404 -\n");
    let expected = "         2       2.0 MB  /a\n         1       0.0 MB  /b\n\
                    4 lines = 3 requests + 1 broken, in 2 rows\n";
    for run_number in 0..2 {
        let finished = access_log(folder.path(), &[]);
        assert!(finished.status.success(), "{finished:?}");
        assert_eq!(finished.stdout, expected, "run {run_number}");
    }
    let rows = stored(&folder.path().join("requests.db")).unwrap().rows;
    let expected = [
        ((1_735_689_540, "/a".to_owned(), 200), (2, 2_000_000)),
        ((1_735_689_600, "/b".to_owned(), 404), (1, 0)),
    ];
    assert_eq!(rows, Rows::from(expected));
}

#[test]
fn access_log_goes_on_with_what_was_added() {
    let folder = Folder::new();
    let line = "::1 - - [01/Jan/2025:00:00:00 +0000] \"GET / HTTP/1.1\" 200 7\n";
    folder.write("access.log.1", line);
    // The server is in the middle of the second one.
    folder.write("access.log", line.to_owned() + &line[..20]);
    assert!(
        access_log(folder.path(), &[])
            .stdout
            .ends_with("2 lines = 2 requests + 0 broken, in 1 rows\n")
    );
    folder.write("access.log", line.repeat(3));
    let finished = access_log(folder.path(), &[]);
    assert!(
        finished.stdout.ends_with("4 lines = 4 requests + 0 broken, in 1 rows\n"),
        "{finished:?}"
    );
    assert!(finished.stderr.contains(&format!("goes on after access.log:{}", line.len())));
    // Of a line that has grown at the front nobody can tell any more what was counted.
    folder.write("access.log", &line[1..]);
    let finished = access_log(folder.path(), &[]);
    assert_eq!(finished.status.code(), Some(2), "{finished:?}");
    assert!(finished.stderr.contains("; it is another file than at the last run"), "{finished:?}");
}

#[test]
fn access_log_does_not_mind_that_logs_are_rotated_between_two_runs() {
    let folder = Folder::new();
    let line = |n: u32| {
        format!("::1 - - [01/Jan/2025:00:00:{:02} +0000] \"GET /{n} HTTP/1.1\" 200 7\n", n % 60)
    };
    let lines = |range: std::ops::Range<u32>| range.map(line).collect::<String>();
    let rename = |from, to| fs::rename(folder.path().join(from), folder.path().join(to)).unwrap();
    let counts = |lines: u32| {
        let finished = access_log(folder.path(), &[]);
        let told = format!("{lines} lines = {lines} requests + 0 broken, in {lines} rows\n");
        assert!(finished.stdout.ends_with(&told), "{finished:?}");
    };
    folder.write("access.log", lines(10..50));
    counts(40);
    // More came to the old one, and as much to the new one as was counted of the old.
    folder.write("access.log", lines(10..55));
    rename("access.log", "access.log.1");
    folder.write("access.log", lines(55..99));
    counts(89);
    let mut zip = GzEncoder::new(Vec::new(), Compression::fast());
    zip.write_all(lines(10..55).as_bytes()).unwrap();
    folder.write("access.log.2.gz", zip.finish().unwrap());
    rename("access.log", "access.log.1");
    folder.write("access.log", lines(100..110));
    counts(99);
}

#[test]
fn access_log_counts_what_is_there_of_a_log_that_is_cut_off_and_names_it_in_the_end() {
    let folder = Folder::new();
    generated(folder.path(), 2000);
    fs::remove_file(folder.path().join("requests.db")).unwrap();
    let torn = cut_off(folder.path(), "access.log.3.gz");
    let bytes = whole_lines_of(&torn).len();
    assert!(bytes > 10_000, "{bytes}");

    let finished = access_log(folder.path(), &[]);

    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    let torn = torn.display();
    let told =
        format!("{torn}: cut off; of its text the lines of {bytes} bytes were read, and no more\n");
    let last = format!("ERROR not all could be read: {told}");
    assert!(finished.stderr.contains(&format!("ERROR {told}")), "{finished:?}");
    assert!(finished.stderr.ends_with(&last), "{finished:?}");
    let (rows, lines, broken) = count(folder.path());
    assert!(lines < 2000);
    let database = stored(&folder.path().join("requests.db")).unwrap();
    assert_eq!((database.rows, database.lines, database.broken), (rows, lines, broken));

    // A later run has nothing to do with it, and says what the database lacks.
    let line = "::1 - - [01/Jan/2025:00:00:00 +0000] \"GET / HTTP/1.1\" 200 7\n";
    let log = fs::read_to_string(folder.path().join("access.log")).unwrap();
    folder.write("access.log", log + line);
    for _ in 0..2 {
        let finished = access_log(folder.path(), &[]);
        assert!(finished.status.success(), "{finished:?}");
        let told = format!("counted without what an earlier run lost: {told}");
        assert!(finished.stderr.ends_with(&told), "{finished:?}");
        assert_eq!(finished.stderr.matches("cut off").count(), 1, "{finished:?}");
        let told = format!("{} lines = ", lines + 1);
        assert!(last_line(&finished).starts_with(&told), "{finished:?}");
    }
}

#[test]
fn access_log_stopped_in_a_log_that_is_cut_off_counts_no_line_of_it_twice() {
    let mut dice = Dice::seeded();
    let mut course = Course::new();
    cut_off(course.folder.path(), "access.log.2.gz");
    course.lines = lines_of(course.folder.path());
    let (rows, lines, broken) = sum(&course.lines);
    assert!(lines < LINES);
    let (mut in_the_middle, mut databases, mut round, mut stored_lines) = (0, 0, 0, 0);
    while course.goes_on(round, in_the_middle, stored_lines) {
        round += 1;
        let db = format!("torn-{databases}.db");
        let running = course.start(&db);
        course.wait_for_a_moment(&mut dice);
        running.signal(["INT", "KILL"][dice.below(2) as usize]);
        running.finish();
        stored_lines = course.assert_first_lines(&copy_of(&course.file(&db)));
        in_the_middle += u32::from((1..lines).contains(&stored_lines));
        if dice.below(2) == 0 {
            continue;
        }
        // Who comes to where it is cut off fails; who goes on behind that says what the database lacks.
        let finished = course.start(&db).finish();
        assert!(finished.stderr.contains("access.log.2.gz: cut off"), "{finished:?}");
        let is_behind = finished.stderr.contains("counted without what an earlier run lost");
        assert_eq!(finished.status.code(), Some(i32::from(!is_behind)), "{finished:?}");
        let database = stored(&course.file(&db)).unwrap();
        assert_eq!((&database.rows, database.lines, database.broken), (&rows, lines, broken));
        databases += 1;
    }
}

fn rounds() -> u32 {
    env::var("EXEUNT_KILLS").map_or(20, |kills| kills.parse().unwrap())
}

/// A folder of logs, what a database of them holds in the end, and how long an uninterrupted run takes for it, with
/// small batches.
struct Course {
    folder: Folder,
    lines: Vec<Line>,
    expected: Database,
    took: Duration,
}

const LINES: u64 = 10_000;
const BATCH: u64 = 50;

impl Course {
    fn new() -> Course {
        let folder = Folder::new();
        generated(folder.path(), LINES);
        let expected = stored(&folder.path().join("requests.db")).unwrap();
        let lines = lines_of(folder.path());
        let mut course = Course { folder, lines, expected, took: Duration::ZERO };
        let begun = Instant::now();
        let finished = course.start("uninterrupted.db").finish();
        course.took = begun.elapsed();
        assert!(finished.status.success(), "{finished:?}");
        course.assert_complete("uninterrupted.db");
        course
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&self, db: &str) -> Running {
        let mut command = example("access_log");
        command.arg("--batch").arg(BATCH.to_string()).arg("--db").arg(self.file(db));
        command.arg("--report").arg(self.file("report.json"));
        Running::start(command.arg(self.folder.path()))
    }

    /// Rather early than late, and sometimes before it has begun.
    fn wait_for_a_moment(&self, dice: &mut Dice) {
        let most = dice.between(1, self.took.as_micros() as u64);
        thread::sleep(dice.micros_below(most));
    }

    /// Whether there is one more round: until as many have been as there are to be, and one of them has ended in the middle
    /// of the work. A machine that is as slow as never before, or quick again, is followed by the moments.
    fn goes_on(&mut self, round: u32, in_the_middle: u32, lines: u64) -> bool {
        if round < rounds() {
            return true;
        }
        assert!(round < 10 * rounds(), "none has ended in the middle of its work");
        self.took = if lines == 0 { self.took * 2 } else { self.took / 2 };
        in_the_middle == 0
    }

    fn assert_complete(&self, db: &str) {
        assert_eq!(stored(&self.file(db)).as_ref(), Some(&self.expected));
    }

    /// What is there by now are the first lines, all of them, and none after. Says how many.
    fn assert_first_lines(&self, db: &Path) -> u64 {
        let Some(Database { rows, lines, broken, position }) = stored(db) else { return 0 };
        assert_eq!(position.is_some(), lines > 0);
        assert_eq!((rows, lines, broken), sum(&self.lines[..lines as usize]));
        lines
    }
}

#[test]
fn access_log_killed_at_any_moment_and_run_again_counts_every_line_once() {
    let mut dice = Dice::seeded();
    let mut course = Course::new();
    let (mut in_the_middle, mut databases, mut round, mut lines) = (0, 0, 0, 0);
    while course.goes_on(round, in_the_middle, lines) {
        round += 1;
        let db = format!("killed-{databases}.db");
        let running = course.start(&db);
        course.wait_for_a_moment(&mut dice);
        running.signal("KILL");
        let finished = running.finish();
        let was_killed = finished.status.signal() == Some(SIGKILL);
        assert!(was_killed || finished.status.success(), "{finished:?}");
        lines = course.assert_first_lines(&copy_of(&course.file(&db)));
        assert_eq!(lines % BATCH, 0, "a batch is stored whole or not at all");
        in_the_middle += u32::from(was_killed && (1..LINES).contains(&lines));
        // Once more after the kill, or several times; then to its end.
        if dice.below(2) == 0 {
            continue;
        }
        let finished = course.start(&db).finish();
        assert!(finished.status.success(), "{finished:?}");
        assert!(lines == 0 || finished.stderr.contains("goes on after "), "{finished:?}");
        course.assert_complete(&db);
        databases += 1;
    }
    let db = format!("killed-{databases}.db");
    let finished = course.start(&db).finish();
    assert!(finished.status.success(), "{finished:?}");
    course.assert_complete(&db);
}

/// SQLite puts in order what it opens, and what a killed one has left is to be left to the next run.
fn copy_of(db: &Path) -> PathBuf {
    let copy = db.with_extension("copy");
    for suffix in ["", "-wal"] {
        let name = |db: &Path| format!("{}{suffix}", db.display());
        let _ = fs::remove_file(name(&copy));
        let _ = fs::copy(name(db), name(&copy));
    }
    copy
}

#[test]
fn access_log_stopped_at_any_moment_has_stored_what_it_took_in() {
    let mut dice = Dice::seeded();
    let mut course = Course::new();
    let (mut in_the_middle, mut before, mut round, mut lines) = (0, 0, 0, 0);
    while course.goes_on(round, in_the_middle, lines) {
        round += 1;
        let _ = fs::remove_file(course.file("report.json"));
        let running = course.start("stopped.db");
        course.wait_for_a_moment(&mut dice);
        running.signal("INT");
        let finished = running.finish();
        let was_stopped = finished.status.signal() == Some(SIGINT);
        assert!(was_stopped || finished.status.success(), "{finished:?}");

        lines = course.assert_first_lines(&course.file("stopped.db"));
        match fs::read(course.file("report.json")) {
            Ok(report) => {
                let report = serde_json::from_slice(&report).unwrap();
                assert_stored_what_was_taken_in(&report, lines - before);
                let is_drained = report["reason"] == "signal";
                let says_so = finished.stderr.contains(" the next run goes on where this one");
                assert_eq!(says_so, is_drained, "{finished:?}");
                in_the_middle += u32::from(is_drained && (1..LINES).contains(&lines));
            }
            // It has not taken signals yet, or no longer: one ends it as any program, and what is there is whole all
            // the same.
            Err(_) => assert!(was_stopped, "{finished:?}"),
        }
        before = lines;
        if lines == LINES {
            course.assert_complete("stopped.db");
            before = 0;
            for suffix in ["", "-wal", "-shm"] {
                let _ = fs::remove_file(course.file(&format!("stopped.db{suffix}")));
            }
        }
    }
    let finished = course.start("stopped.db").finish();
    assert!(finished.status.success(), "{finished:?}");
    course.assert_complete("stopped.db");
}

fn assert_stored_what_was_taken_in(report: &Value, lines: u64) {
    assert_balances(report);
    assert_eq!(of_stage(report, "logs", "out"), lines, "{report}");
    assert_eq!(of_stage(report, "batch", "passed"), lines, "{report}");
    let batches = lines.div_ceil(BATCH);
    for stage in ["tally", "store"] {
        assert_eq!(of_stage(report, stage, "passed"), batches, "{report}");
    }
    if report["reason"] == "signal" {
        assert_left_in_order(report, &ORDER);
    }
}

#[test]
fn access_log_on_a_full_disk_names_the_database_and_goes_on_when_there_is_room() {
    let course = Course::new();
    let db = course.file("full.db");
    // A file may be so large and no larger; and a write that would make it larger is an error, not a signal.
    let limited = r#"trap "" XFSZ; ulimit -f 400; exec "$@""#;
    let mut command = Command::new("bash");
    command.args(["-c", limited, "bash"]).arg(example("access_log").get_program());
    command.args(["--batch", "50", "--db"]).arg(&db).arg(course.folder.path());
    let finished = run(command.env_remove("RUST_LOG").stdin(Stdio::null()));
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    let error = format!("`store` failed: {}: ", db.display());
    assert!(finished.stderr.contains(&error), "{finished:?}");
    assert!(finished.stderr.contains("  it balances"), "{finished:?}");
    let lines = course.assert_first_lines(&db);
    assert!((1..LINES).contains(&lines), "{lines}");

    let finished = course.start("full.db").finish();
    assert!(finished.status.success(), "{finished:?}");
    course.assert_complete("full.db");
}

#[test]
fn access_log_waits_for_nobody_who_holds_the_database_for_long() {
    let folder = Folder::new();
    generated(folder.path(), 1000);
    let db = folder.path().join("requests.db");
    let holder = Connection::open(&db).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let finished = access_log(folder.path(), &[]);
    assert_eq!(finished.status.code(), Some(2), "{finished:?}");
    let error = format!("access_log: {}: database is locked", db.display());
    assert!(finished.stderr.contains(&error), "{finished:?}");
}

#[test]
fn access_log_minds_no_reader_who_leaves_and_says_if_there_is_no_room() {
    let folder = Folder::new();
    generated(folder.path(), 1000);
    let (reader, writer) = UnixStream::pair().unwrap();
    drop(reader);
    let to = |out: Stdio| {
        let mut command = example("access_log");
        command.arg(folder.path()).stdout(out).stderr(Stdio::piped());
        let output = command.spawn().unwrap().wait_with_output().unwrap();
        (output.status, String::from_utf8(output.stderr).unwrap())
    };
    let (status, stderr) = to(OwnedFd::from(writer).into());
    assert!(status.success() && !stderr.contains("panicked"), "{stderr}");
    if let Ok(full) = File::options().write(true).open("/dev/full") {
        let (status, stderr) = to(full.into());
        assert_eq!(status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("standard output: No space left on device"), "{stderr}");
    }
}

#[test]
fn access_log_draws_a_timeline() {
    let folder = Folder::new();
    let timeline = folder.path().join("timeline.html");
    folder
        .write("logs/access.log", "::1 - - [01/Jan/2025:00:00:00 +0000] \"GET /b HTTP/1.1\" 404 -");
    let finished = access_log(
        &folder.path().join("logs"),
        &["--plain", "--workers", "3", "--timeline", timeline.to_str().unwrap()],
    );
    assert!(finished.status.success(), "{finished:?}");
    let html = fs::read_to_string(timeline).unwrap();
    assert!(html.starts_with("<!doctype html>"));
    assert!(ORDER.iter().all(|name| html.contains(name)));
}

#[test]
fn access_log_refuses_what_it_does_not_know() {
    let folder = Folder::new();
    folder.write("full/access.log", "");
    folder.write("empty/notes", "");
    folder.write("foreign.db", "no database ".repeat(100));
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (full, empty, foreign) = (at("full"), at("empty"), at("foreign.db"));
    let cases: &[&[&str]] = &[
        &["folder", ""],
        &["--generate", "--generate=0", &full],
        &["--generate", "--generate", "many", &full],
        &["--batch", "--batch", "0", &full],
        &["--seed", "--seed"],
        &["--colour", "--colour", "red", &full],
        &["one folder", &full, &empty],
        &["not empty, there is access.log in it", "--generate", "5", &full],
        &["no logs in it", &empty],
        &["missing: ", &at("missing")],
        &["foreign.db: file is not a database", "--db", &foreign, &full],
        &["missing/x.db: ", "--db", &at("missing/x.db"), &full],
        &["missing/report: ", "--report", &at("missing/report"), &full],
        &["--workers", "--workers", "1000", &full],
    ];
    for case in cases {
        let args = case[1..].iter().filter(|arg| !arg.is_empty());
        let finished = run(example("access_log").args(args));
        assert_eq!(finished.status.code(), Some(2), "{case:?}: {finished:?}");
        let error = finished.stderr.lines().last().unwrap();
        assert!(error.starts_with("access_log: "), "{case:?}: {finished:?}");
        assert!(error.contains(case[0]), "{case:?}: {finished:?}");
        assert_eq!(finished.stdout, "");
    }
    // None of them has left anything behind.
    assert_eq!(files(&folder.path().join("empty")).len(), 1);
    assert_eq!(files(&folder.path().join("full")).len(), 1);
    assert!(!folder.path().join("missing").exists());
}
