use std::fs;

use super::*;
use crate::scratch::Scratch;
use crate::{Error as PipelineError, Next, Outcome, Pipeline, Source};

const SCHEMA: &str =
    "CREATE TABLE IF NOT EXISTS numbers (number INTEGER PRIMARY KEY, half INTEGER)";

fn create(db: &Connection) -> exeunt::Result {
    Ok(db.execute_batch(SCHEMA)?)
}

fn insert(db: &Connection, number: u64) -> exeunt::Result {
    db.prepare_cached("INSERT INTO numbers VALUES (?1, NULL)")?.execute([number])?;
    db.prepare_cached("UPDATE numbers SET half = ?1 / 2 WHERE number = ?1")?.execute([number])?;
    Ok(())
}

type Insert = fn(&Connection, u64) -> exeunt::Result;

fn open(path: &Path) -> SqliteSink<Insert> {
    SqliteSink::open(path, create, insert as Insert).unwrap()
}

/// Numbers, each of which is its own position.
struct Numbers(std::ops::Range<u64>);

impl Source for Numbers {
    type Item = u64;
    type Position = u64;

    fn next_item(&mut self, _: &exeunt::Event) -> Option<Next<u64, u64>> {
        self.0.next().map(|number| Ok((number, number)))
    }
}

fn stored(
    sink: impl Sink<u64, u64>,
    numbers: std::ops::Range<u64>,
) -> Result<Outcome, PipelineError> {
    Pipeline::new("stored").source("numbers", Numbers(numbers)).sink("store", sink).wait()
}

/// Those that are whole.
fn numbers(path: &Path) -> Vec<u64> {
    let db = Connection::open(path).unwrap();
    let mut query = db.prepare("SELECT number FROM numbers WHERE half = number / 2").unwrap();
    query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn position(path: &Path) -> Option<u64> {
    open(path).checkpoint("numbers").unwrap().position().copied()
}

#[test]
fn what_is_committed_is_there_with_its_position() {
    let scratch = Scratch::new();
    let path = scratch.join("numbers.db");
    assert_eq!(position(&path), None);
    for end in [10_000, 10_001, 10_001, 20_000] {
        let sink = open(&path).checkpoint("numbers").unwrap();
        let begin = sink.position().map_or(0, |last| last + 1);
        let outcome = stored(sink, begin..end).unwrap();
        assert_eq!(outcome.ledger().stage("store").unwrap().passed, end - begin, "{outcome}");
        assert!(numbers(&path).into_iter().eq(0..end));
        assert_eq!(position(&path), Some(end - 1));
    }
    // Without a checkpoint nothing is known of it.
    stored(open(&path), 20_000..20_010).unwrap();
    assert_eq!((numbers(&path).len(), position(&path)), (20_010, Some(19_999)));
}

#[test]
fn what_is_not_committed_is_not_there() {
    let scratch = Scratch::new();
    let path = scratch.join("numbers.db");
    let mut sink = open(&path).checkpoint("numbers").unwrap();
    for number in 0..10 {
        sink.write(number).unwrap();
    }
    sink.commit(Some(&9)).unwrap();
    sink.write(10).unwrap();
    sink.commit(Some(&10)).unwrap();
    sink.write(11).unwrap();
    drop(sink);
    assert!(numbers(&path).into_iter().eq(0..11));
    assert_eq!(position(&path), Some(10));
}

#[test]
fn an_item_that_cannot_be_written_leaves_nothing_and_takes_nothing_with_it() {
    for (panics, why) in [(false, "five hundred"), (true, "it panicked: five hundred")] {
        let scratch = Scratch::new();
        let path = scratch.join("numbers.db");
        let insert = move |db: &Connection, number: u64| {
            insert(db, number)?;
            assert!(number != 500 || !panics, "five hundred");
            if number == 500 { Err(Error::msg("five hundred")) } else { Ok(()) }
        };
        let sink = SqliteSink::open(&path, create, insert).unwrap().checkpoint("numbers").unwrap();
        let error = stored(sink, 0..1000).unwrap_err();
        assert_eq!(error.to_string(), format!("`store` failed: {}: {why}", path.display()));
        let ledger = error.outcome().unwrap().ledger();
        let stage = ledger.stage("store").unwrap();
        assert!(ledger.balances() && (stage.passed, stage.failed) == (500, 1), "{ledger}");
        assert!(numbers(&path).into_iter().eq(0..500));
        assert_eq!(position(&path), Some(499));
    }
}

#[test]
fn two_who_store_the_same_are_found_out() {
    let scratch = Scratch::new();
    let path = scratch.join("numbers.db");
    let one = open(&path).checkpoint("numbers").unwrap();
    let other = open(&path).checkpoint("numbers").unwrap();
    let aside = open(&path).checkpoint("others").unwrap();
    stored(one, 0..10).unwrap();
    let error = stored(other, 10..20).unwrap_err().to_string();
    let expected =
        format!("`store` failed: {}: another process has written to it meanwhile", path.display());
    assert_eq!(error, expected);
    // Nothing of it was written; and under another name it is another position.
    assert!(numbers(&path).into_iter().eq(0..10));
    stored(aside, 10..20).unwrap();
    assert!(numbers(&path).into_iter().eq(0..20));
}

#[test]
fn after_a_commit_that_failed_others_can_write_and_so_can_it() {
    let scratch = Scratch::new();
    let path = scratch.join("numbers.db");
    let mut one = open(&path).checkpoint::<u64>("numbers").unwrap();
    stored(open(&path).checkpoint("numbers").unwrap(), 0..10).unwrap();
    for _ in 0..2 {
        one.write(10).unwrap();
        let error = one.commit(Some(&10)).unwrap_err().to_string();
        assert!(error.ends_with("another process has written to it meanwhile"), "{error}");
    }
    stored(open(&path).checkpoint("numbers").unwrap(), 10..20).unwrap();
    assert!(numbers(&path).into_iter().eq(0..20));
}

#[test]
fn a_database_that_is_locked_is_an_error_after_a_while() {
    let scratch = Scratch::new();
    let path = scratch.join("numbers.db");
    let sink = open(&path);
    sink.connection().busy_timeout(Duration::from_millis(10)).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = stored(sink, 0..10).unwrap_err();
    let expected = format!("`store` failed: {}: database is locked", path.display());
    assert_eq!(error.to_string(), expected);
    let ledger = error.outcome().unwrap().ledger();
    assert!(ledger.balances() && ledger.stage("store").unwrap().passed == 0, "{ledger}");
    other.execute_batch("ROLLBACK").unwrap();

    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = SqliteSink::open(&path, create, insert as Insert).unwrap_err();
    assert!(error.is_locked() && !error.is_full() && error.path() == path, "{error}");
}

#[test]
fn a_full_disk_is_an_error_and_what_was_committed_before_is_there() {
    let scratch = Scratch::new();
    let path = scratch.join("numbers.db");
    let sink = open(&path).commit_every(100).checkpoint("numbers").unwrap();
    let pages: u32 =
        sink.connection().query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    let full = format!("PRAGMA max_page_count = {}", pages + 20);
    sink.connection().query_row(&full, [], |_| Ok(())).unwrap();
    let error = stored(sink, 0..1_000_000).unwrap_err();
    let expected = format!("`store` failed: {}: database or disk is full", path.display());
    assert_eq!(error.to_string(), expected);
    let ledger = error.outcome().unwrap().ledger();
    assert!(ledger.balances(), "{ledger}");
    let passed = ledger.stage("store").unwrap().passed;
    assert!(passed > 0 && numbers(&path).into_iter().eq(0..passed), "{ledger}");
    assert_eq!(position(&path), Some(passed - 1));
}

#[test]
fn what_is_no_database_or_not_ours_is_named_and_not_touched() {
    let scratch = Scratch::new();
    let refusal = |path: &Path, create: fn(&Connection) -> exeunt::Result| {
        let error = SqliteSink::open(path, create, insert as Insert).unwrap_err().to_string();
        let named = format!("{}: ", path.display());
        error.strip_prefix(&named).unwrap_or_else(|| panic!("{error}")).to_owned()
    };
    let path = scratch.write("text", "this is no database, but long enough".repeat(9));
    let before = fs::read(&path).unwrap();
    assert_eq!(refusal(&path, create), "file is not a database");
    assert_eq!(fs::read(&path).unwrap(), before);

    let path = scratch.join("foreign");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE numbers (who)").unwrap();
    let before = fs::read(&path).unwrap();
    assert_eq!(refusal(&path, |_| Err(Error::msg("not ours"))), "not ours");
    assert_eq!(fs::read(&path).unwrap(), before);
    // Nobody has looked, and so it is found out with the first item.
    let error = stored(open(&path), 0..10).unwrap_err().to_string();
    assert!(error.contains("foreign: ") && error.contains("2 values"), "{error}");

    assert!(refusal(scratch.path(), create).contains("unable to open database file"));
    assert!(refusal(&scratch.join("no/such"), create).contains("unable to open database file"));
}

#[test]
fn a_position_that_cannot_be_read_is_an_error() {
    let scratch = Scratch::new();
    let path = scratch.join("numbers.db");
    let sink = open(&path).checkpoint::<String>("numbers").unwrap();
    sink.connection().execute("UPDATE exeunt_checkpoints SET position = 'here'", []).unwrap();
    drop(sink);
    let error = open(&path).checkpoint::<u64>("numbers").unwrap_err().to_string();
    assert!(error.contains("numbers.db: its position cannot be read: invalid digit"), "{error}");
}
