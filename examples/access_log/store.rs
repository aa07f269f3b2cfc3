//! [`Store`]: the SQLite database of what was counted, with the position up to which it was.
//!
//! Both are written in one transaction. So whatever happens to the process, the database says up to
//! which line it has counted, has counted all lines before, and none after.

use std::path::Path;

use exeunt::Error;
use exeunt_pipeline::{SqliteCheckpoint, SqliteError, SqliteSink};
use rusqlite::{Connection, OpenFlags, params};

use crate::logs::Position;
use crate::tally::Tally;

/// Says, in the header of the file, whose it is: `exal`.
const APPLICATION_ID: i64 = 0x6578_616C;

/// Counts the changes of the tables below.
const SCHEMA_VERSION: i64 = 3;

/// A minute is the Unix time at which it began: `datetime(minute, 'unixepoch')` reads it. There is
/// always one line of totals. Of what was lost there is what was told when it was met.
const SCHEMA: &str = "
    CREATE TABLE requests (
        minute INTEGER NOT NULL,
        path   TEXT    NOT NULL,
        status INTEGER NOT NULL,
        hits   INTEGER NOT NULL,
        bytes  INTEGER NOT NULL,
        PRIMARY KEY (minute, path, status)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE totals (
        one      INTEGER PRIMARY KEY CHECK (one = 1),
        lines    INTEGER NOT NULL,
        broken   INTEGER NOT NULL
    ) STRICT;
    INSERT INTO totals VALUES (1, 0, 0);
    CREATE TABLE lost (
        number INTEGER PRIMARY KEY,
        told   TEXT    NOT NULL
    ) STRICT;
";

/// A sum that has grown too large stays the largest there is.
const UPSERT: &str = "
    INSERT INTO requests (minute, path, status, hits, bytes) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT DO UPDATE SET
        hits = hits + excluded.hits,
        bytes = min(bytes, 9223372036854775807 - excluded.bytes) + excluded.bytes";

const COUNT: &str = "UPDATE totals SET lines = lines + ?1, broken = broken + ?2";

const LOSE: &str = "INSERT INTO lost (told) VALUES (?1)";

/// The paths, and what was sent of each, with the most requested first.
const BUSIEST: &str = "
    SELECT path, sum(hits), total(bytes) FROM requests
    GROUP BY path ORDER BY sum(hits) DESC, path LIMIT ?1";

const TOTALS: &str = "
    SELECT lines, broken, (SELECT coalesce(sum(hits), 0) FROM requests), (SELECT count(*) FROM requests)
    FROM totals";

/// Where batches go, and with each of them the position after it.
pub(crate) type Store = SqliteSink<Add, SqliteCheckpoint<Position>>;

type Add = fn(&Connection, Tally) -> exeunt::Result;

/// Opens a database, or makes a new one. Each batch is a transaction.
///
/// # Errors
///
/// If there is something else in the file, or another version of this; or it cannot be written.
pub(crate) fn open(path: &Path) -> Result<Store, SqliteError> {
    SqliteSink::open(path, create, add as Add)?.commit_every(1).checkpoint("access_log")
}

/// Creates the tables in an empty database; in any other they have to be there.
fn create(db: &Connection) -> exeunt::Result {
    let number = |sql| db.query_row(sql, [], |row| row.get::<_, i64>(0));
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    match (number("PRAGMA application_id")?, number("PRAGMA user_version")?) {
        (0, 0) if tables == 0 => {}
        (APPLICATION_ID, SCHEMA_VERSION) => return Ok(()),
        (APPLICATION_ID, version) => {
            let why = format!("of version {version}, and this program knows {SCHEMA_VERSION}");
            return Err(Error::msg(why));
        }
        _ => return Err(Error::msg("a database of another program")),
    }
    db.execute_batch(SCHEMA)?;
    db.pragma_update(None, "application_id", APPLICATION_ID)?;
    db.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    Ok(())
}

fn add(db: &Connection, tally: Tally) -> exeunt::Result {
    let mut upsert = db.prepare_cached(UPSERT)?;
    for (key, sums) in tally.rows() {
        let bytes = i64::try_from(sums.bytes).unwrap_or(i64::MAX);
        upsert.execute(params![key.minute, key.path, key.status, sums.hits, bytes])?;
    }
    db.prepare_cached(COUNT)?.execute([tally.lines(), tally.broken()])?;
    for told in tally.lost() {
        db.prepare_cached(LOSE)?.execute([told])?;
    }
    Ok(())
}

/// What earlier runs could not read, and have gone past: it is in no sum.
pub(crate) fn lost(store: &Store) -> rusqlite::Result<Vec<String>> {
    let mut query = store.connection().prepare("SELECT told FROM lost ORDER BY number")?;
    query.query_map([], |row| row.get(0))?.collect()
}

/// What a database says of itself, each counted apart.
#[derive(Debug, PartialEq)]
pub(crate) struct Totals {
    pub(crate) lines: u64,
    pub(crate) broken: u64,
    /// The sum of all hits.
    pub(crate) requests: u64,
    pub(crate) rows: u64,
    /// The paths with the most requests.
    pub(crate) busiest: Vec<PathTotals>,
}

/// A path and what was asked of it, at all times and with every status.
#[derive(Debug, PartialEq)]
pub(crate) struct PathTotals {
    pub(crate) path: String,
    pub(crate) hits: u64,
    pub(crate) bytes: f64,
}

impl Totals {
    /// Of a database, with so many of its paths.
    pub(crate) fn of(path: &Path, most: u32) -> Result<Totals, String> {
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE);
        let totals = db.and_then(|db| Totals::read(&db, most));
        totals.map_err(|error| format!("{}: {error}", path.display()))
    }

    fn read(db: &Connection, most: u32) -> rusqlite::Result<Totals> {
        let mut query = db.prepare(BUSIEST)?;
        let busiest = query.query_map([most], |row| {
            Ok(PathTotals { path: row.get(0)?, hits: row.get(1)?, bytes: row.get(2)? })
        })?;
        let busiest = busiest.collect::<rusqlite::Result<_>>()?;
        db.query_row(TOTALS, [], |row| {
            let (lines, broken) = (row.get(0)?, row.get(1)?);
            Ok(Totals { lines, broken, requests: row.get(2)?, rows: row.get(3)?, busiest })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use exeunt_pipeline::Sink;

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
            let error = open(&self.file()).err().unwrap().to_string();
            let named = format!("{}: ", self.file().display());
            error.strip_prefix(&named).unwrap().to_owned()
        }

        /// Stores a tally, as one run does.
        fn store(&self, tally: Tally, position: &Position) {
            let mut store = open(&self.file()).unwrap();
            store.write(tally).unwrap();
            store.commit(Some(position)).unwrap();
        }

        fn rows(&self) -> Vec<(i64, String, u16, u64, u64)> {
            let db = Connection::open(self.file()).unwrap();
            let mut query = db.prepare("SELECT * FROM requests").unwrap();
            let rows = query.query_map([], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            });
            rows.unwrap().map(Result::unwrap).collect()
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

    #[test]
    fn batches_are_added_up_with_their_position() {
        let place = Place::new();
        assert_eq!(open(&place.file()).unwrap().position(), None);
        let mut first = tally(&[(0, "/", 200, 5), (0, "/", 200, 6), (60, "/a", 404, 0)]);
        first.add_broken();
        place.store(first, &at(10));
        assert_eq!(open(&place.file()).unwrap().position(), Some(&at(10)));
        place.store(tally(&[(0, "/", 200, 7), (0, "/", 500, 1)]), &at(20));

        assert_eq!(open(&place.file()).unwrap().position(), Some(&at(20)));
        let expected = [(0, "/", 200, 3, 18), (0, "/", 500, 1, 1), (60, "/a", 404, 1, 0)];
        let expected = expected.map(|(m, path, s, h, b)| (m, path.to_owned(), s, h, b));
        assert_eq!(place.rows(), expected);
        let busiest = vec![PathTotals { path: "/".to_owned(), hits: 4, bytes: 19.0 }];
        let totals = Totals { lines: 6, broken: 1, requests: 5, rows: 3, busiest };
        assert_eq!(Totals::of(&place.file(), 1).unwrap(), totals);
    }

    #[test]
    fn a_sum_that_is_too_large_is_the_largest() {
        let place = Place::new();
        place.store(tally(&[(0, "/", 200, 1 << 62), (0, "/", 200, 5)]), &at(1));
        place.store(tally(&[(0, "/", 200, 1 << 62), (0, "/", 200, 5)]), &at(2));
        place.store(tally(&[(0, "/", 200, u64::MAX)]), &at(3));
        assert_eq!(place.rows(), [(0, "/".to_owned(), 200, 5, i64::MAX as u64)]);
        assert_eq!(Totals::of(&place.file(), 1).unwrap().busiest[0].hits, 5);
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
        let store = open(&place.file()).unwrap();
        store.connection().pragma_update(None, "user_version", 1).unwrap();
        drop(store);
        assert_eq!(place.refusal(), "of version 1, and this program knows 3");

        let place = Place::new();
        let store = open(&place.file()).unwrap();
        store.connection().execute("UPDATE exeunt_checkpoints SET position = 'here'", []).unwrap();
        drop(store);
        let refusal = place.refusal();
        assert!(refusal.ends_with("\"here\" is no position such as access.log:12345"), "{refusal}");

        let place = Place::new();
        fs::create_dir(place.file()).unwrap();
        assert!(place.refusal().contains("unable to open database file"));
    }
}
