//! [`Store`]: the SQLite database of what was counted, with the position up to which it was.
//!
//! Both are written in one transaction. So whatever happens to the process, the database says up to
//! which line it has counted, has counted all lines before, and none after.

use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::logs::Position;
use crate::tally::Tally;

/// Says, in the header of the file, whose it is: `exal`.
const APPLICATION_ID: i64 = 0x6578_616C;

/// Counts the changes of the tables below.
const SCHEMA_VERSION: i64 = 1;

/// A minute is the Unix time at which it began: `datetime(minute, 'unixepoch')` reads it. There is
/// always one checkpoint.
const SCHEMA: &str = "
    CREATE TABLE requests (
        minute INTEGER NOT NULL,
        path   TEXT    NOT NULL,
        status INTEGER NOT NULL,
        hits   INTEGER NOT NULL,
        bytes  INTEGER NOT NULL,
        PRIMARY KEY (minute, path, status)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE checkpoint (
        one      INTEGER PRIMARY KEY CHECK (one = 1),
        position TEXT,
        lines    INTEGER NOT NULL,
        broken   INTEGER NOT NULL
    ) STRICT;
    INSERT INTO checkpoint VALUES (1, NULL, 0, 0);
";

/// A sum that has grown too large stays the largest there is.
const UPSERT: &str = "
    INSERT INTO requests (minute, path, status, hits, bytes) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT DO UPDATE SET
        hits = hits + excluded.hits,
        bytes = min(bytes, 9223372036854775807 - excluded.bytes) + excluded.bytes";

/// Only if it stands where this process has left it.
const ADVANCE: &str = "
    UPDATE checkpoint SET position = ?1, lines = lines + ?2, broken = broken + ?3
    WHERE position IS ?4";

/// The paths, and what was sent of each, with the most requested first.
const BUSIEST: &str = "
    SELECT path, sum(hits), total(bytes) FROM requests
    GROUP BY path ORDER BY sum(hits) DESC, path LIMIT ?1";

pub(crate) struct Store {
    path: PathBuf,
    connection: Connection,
    /// Up to which all is counted, and nothing after.
    position: Option<Position>,
}

/// What a database says of itself, each counted apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) lines: u64,
    pub(crate) broken: u64,
    /// The sum of all hits.
    pub(crate) requests: u64,
    pub(crate) rows: u64,
}

/// A path and what was asked of it, at all times and with every status.
#[derive(Debug, PartialEq)]
pub(crate) struct PathTotals {
    pub(crate) path: String,
    pub(crate) hits: u64,
    pub(crate) bytes: f64,
}

impl Store {
    /// Opens a database, or makes a new one.
    ///
    /// # Errors
    ///
    /// If there is something else in the file, or another version of this; or it cannot be written.
    pub(crate) fn open(path: &Path) -> Result<Store, StoreError> {
        let fail = |cause| StoreError { path: path.to_owned(), cause };
        let mut connection = Connection::open(path).map_err(|error| fail(error.into()))?;
        let position = prepare(&mut connection).map_err(fail)?;
        Ok(Store { path: path.to_owned(), connection, position })
    }

    /// After which line to go on; `None` if nothing was counted yet.
    pub(crate) fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    /// Adds what lies between the position so far and the new one: all of it or, with an error,
    /// nothing.
    ///
    /// # Errors
    ///
    /// If the database cannot be written; or if somebody else has written to it meanwhile, who will
    /// have counted the same lines.
    pub(crate) fn apply(&mut self, tally: &Tally, position: Position) -> Result<(), StoreError> {
        let before = self.position.as_ref().map(ToString::to_string);
        let applied = begin(&mut self.connection).and_then(|transaction| {
            add(&transaction, tally)?;
            advance(&transaction, before, tally, &position)?;
            Ok(transaction.commit()?)
        });
        applied.map_err(|cause| self.error(cause))?;
        self.position = Some(position);
        Ok(())
    }

    pub(crate) fn totals(&self) -> Result<Totals, StoreError> {
        let totals = self.connection.query_row(
            "SELECT lines, broken, (SELECT coalesce(sum(hits), 0) FROM requests),
                    (SELECT count(*) FROM requests) FROM checkpoint",
            [],
            |row| {
                let (lines, broken) = (row.get(0)?, row.get(1)?);
                Ok(Totals { lines, broken, requests: row.get(2)?, rows: row.get(3)? })
            },
        );
        totals.map_err(|error| self.error(error.into()))
    }

    /// The paths with the most requests.
    pub(crate) fn busiest(&self, count: u32) -> Result<Vec<PathTotals>, StoreError> {
        let paths = self.connection.prepare(BUSIEST).and_then(|mut query| {
            let paths = query.query_map([count], |row| {
                Ok(PathTotals { path: row.get(0)?, hits: row.get(1)?, bytes: row.get(2)? })
            });
            paths?.collect()
        });
        paths.map_err(|error| self.error(error.into()))
    }

    fn error(&self, cause: Cause) -> StoreError {
        StoreError { path: self.path.clone(), cause }
    }
}

/// What is wrong with a database. It is told with the file's name.
#[derive(Debug)]
pub(crate) struct StoreError {
    path: PathBuf,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    /// It belongs to another program.
    Foreign,
    Version(i64),
    Position(String),
    /// Another process counts the same.
    Overtaken,
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Cause {
    fn from(error: rusqlite::Error) -> Cause {
        Cause::Sqlite(error)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match &self.cause {
            Cause::Foreign => f.write_str("a database of another program"),
            Cause::Version(version) => {
                write!(f, "of version {version}, and this program knows {SCHEMA_VERSION}")
            }
            Cause::Position(error) => f.write_str(error),
            Cause::Overtaken => f.write_str("another process has written to it meanwhile"),
            Cause::Sqlite(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::Sqlite(error) => Some(error),
            _ => None,
        }
    }
}

/// Makes it what it is to be, and says where it stands.
fn prepare(connection: &mut Connection) -> Result<Option<Position>, Cause> {
    // Before anything is changed in it.
    create(connection)?;
    // Readers and the writer do not wait for each other, so that one can look while it counts.
    connection.pragma_update(None, "journal_mode", "wal")?;
    // The log is not forced onto the disk with each transaction. A killed process loses nothing by
    // that, since the system has what was written; a power cut can take the last transactions, whole,
    // and the position with them, so that they are counted again.
    connection.pragma_update(None, "synchronous", "normal")?;
    let position: Option<String> =
        connection.query_row("SELECT position FROM checkpoint", [], |row| row.get(0))?;
    position.map(|text| text.parse().map_err(Cause::Position)).transpose()
}

/// Creates the tables in an empty database; in any other they have to be there. In one transaction,
/// since two processes may begin at once, and either may be killed.
fn create(connection: &mut Connection) -> Result<(), Cause> {
    let transaction = begin(connection)?;
    let number = |sql| transaction.query_row(sql, [], |row| row.get::<_, i64>(0));
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    match (number("PRAGMA application_id")?, number("PRAGMA user_version")?) {
        (0, 0) if tables == 0 => {}
        (APPLICATION_ID, SCHEMA_VERSION) => return Ok(()),
        (APPLICATION_ID, version) => return Err(Cause::Version(version)),
        _ => return Err(Cause::Foreign),
    }
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    Ok(transaction.commit()?)
}

/// One that will write, and has to wait for nobody in the middle.
fn begin(connection: &mut Connection) -> Result<Transaction<'_>, Cause> {
    Ok(connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
}

fn add(transaction: &Transaction<'_>, tally: &Tally) -> Result<(), Cause> {
    let mut upsert = transaction.prepare(UPSERT)?;
    for (key, sums) in tally.rows() {
        let bytes = i64::try_from(sums.bytes).unwrap_or(i64::MAX);
        upsert.execute(params![key.minute, key.path, key.status, sums.hits, bytes])?;
    }
    Ok(())
}

fn advance(
    transaction: &Transaction<'_>,
    before: Option<String>,
    tally: &Tally,
    position: &Position,
) -> Result<(), Cause> {
    let advance = params![position.to_string(), tally.lines(), tally.broken(), before];
    match transaction.execute(ADVANCE, advance)? {
        1 => Ok(()),
        _ => Err(Cause::Overtaken),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::folder::Folder;
    use crate::record::Record;

    /// The place of a database, and of what SQLite puts beside it.
    struct Place(Folder);

    impl Place {
        fn new() -> Place {
            Place(Folder::new())
        }

        fn file(&self) -> PathBuf {
            self.0.join("requests.db")
        }

        fn refusal(&self) -> String {
            let error = Store::open(&self.file()).err().unwrap().to_string();
            let named = format!("{}: ", self.file().display());
            error.strip_prefix(&named).unwrap().to_owned()
        }
    }

    fn tally(records: &[(i64, &str, u16, u64)]) -> Tally {
        let mut tally = Tally::default();
        for &(minute, path, status, bytes) in records {
            tally.add(&Record { minute, path: path.into(), status, bytes });
        }
        tally
    }

    fn at(offset: u64) -> Position {
        format!("access.log:{offset}").parse().unwrap()
    }

    fn rows(store: &Store) -> Vec<(i64, String, u16, u64, u64)> {
        let mut query = store.connection.prepare("SELECT * FROM requests").unwrap();
        let rows = query.query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn batches_are_added_up_with_their_position() {
        let place = Place::new();
        let mut store = Store::open(&place.file()).unwrap();
        assert_eq!(store.position(), None);
        let mut first = tally(&[(0, "/", 200, 5), (0, "/", 200, 6), (60, "/a", 404, 0)]);
        first.add_broken();
        store.apply(&first, at(10)).unwrap();
        drop(store);

        let mut store = Store::open(&place.file()).unwrap();
        assert_eq!(store.position(), Some(&at(10)));
        store.apply(&tally(&[(0, "/", 200, 7), (0, "/", 500, 1)]), at(20)).unwrap();

        assert_eq!(store.position(), Some(&at(20)));
        let expected = [(0, "/", 200, 3, 18), (0, "/", 500, 1, 1), (60, "/a", 404, 1, 0)];
        let expected = expected.map(|(m, path, s, h, b)| (m, path.to_owned(), s, h, b));
        assert_eq!(rows(&store), expected);
        let totals = Totals { lines: 6, broken: 1, requests: 5, rows: 3 };
        assert_eq!(store.totals().unwrap(), totals);
        let busiest = store.busiest(1).unwrap();
        assert_eq!(busiest, [PathTotals { path: "/".to_owned(), hits: 4, bytes: 19.0 }]);
    }

    #[test]
    fn a_sum_that_is_too_large_is_the_largest() {
        let place = Place::new();
        let mut store = Store::open(&place.file()).unwrap();
        store.apply(&tally(&[(0, "/", 200, 1 << 62), (0, "/", 200, 5)]), at(1)).unwrap();
        store.apply(&tally(&[(0, "/", 200, 1 << 62), (0, "/", 200, 5)]), at(2)).unwrap();
        store.apply(&tally(&[(0, "/", 200, u64::MAX)]), at(3)).unwrap();
        assert_eq!(rows(&store), [(0, "/".to_owned(), 200, 5, i64::MAX as u64)]);
        assert_eq!(store.busiest(1).unwrap()[0].hits, 5);
    }

    #[test]
    fn two_who_count_the_same_are_found_out() {
        let place = Place::new();
        let mut one = Store::open(&place.file()).unwrap();
        let mut other = Store::open(&place.file()).unwrap();
        one.apply(&tally(&[(0, "/", 200, 1)]), at(10)).unwrap();
        let error = other.apply(&tally(&[(0, "/", 200, 1)]), at(10)).unwrap_err().to_string();
        assert!(
            error.ends_with("requests.db: another process has written to it meanwhile"),
            "{error}"
        );
        // And nothing of it was written.
        assert_eq!(rows(&other), [(0, "/".to_owned(), 200, 1, 1)]);
    }

    #[test]
    fn what_is_not_ours_is_refused_and_not_touched() {
        let place = Place::new();
        fs::write(place.file(), "this is no database, but a text that is long enough".repeat(9))
            .unwrap();
        let before = fs::read(place.file()).unwrap();
        assert_eq!(place.refusal(), "file is not a database");
        assert_eq!(fs::read(place.file()).unwrap(), before);

        let place = Place::new();
        let other = Connection::open(place.file()).unwrap();
        other.execute_batch("CREATE TABLE requests (who TEXT)").unwrap();
        drop(other);
        let before = fs::read(place.file()).unwrap();
        assert_eq!(place.refusal(), "a database of another program");
        assert_eq!(fs::read(place.file()).unwrap(), before);

        let place = Place::new();
        let store = Store::open(&place.file()).unwrap();
        store.connection.pragma_update(None, "user_version", 7).unwrap();
        drop(store);
        assert_eq!(place.refusal(), "of version 7, and this program knows 1");

        let place = Place::new();
        let store = Store::open(&place.file()).unwrap();
        store.connection.execute("UPDATE checkpoint SET position = 'here'", []).unwrap();
        drop(store);
        assert_eq!(place.refusal(), "\"here\" is no position such as access.log:12345");

        let place = Place::new();
        fs::create_dir(place.file()).unwrap();
        assert!(place.refusal().contains("unable to open database file"));
    }
}
