//! [`SqliteSink`]: a SQLite database, with the pipeline's position in the same transaction.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use exeunt::Error;
use rusqlite::{Connection, OptionalExtension, params};

use super::{COMMIT_ITEMS, Checkpoint, Sink};
use crate::op::guard;

/// Shorter than the time after which a drain takes whoever does nothing for stuck.
const BUSY: Duration = Duration::from_secs(2);

/// There is one line for each pipeline that writes to the database.
const CHECKPOINTS: &str = "
    CREATE TABLE IF NOT EXISTS exeunt_checkpoints (
        name     TEXT PRIMARY KEY,
        position TEXT
    ) STRICT, WITHOUT ROWID";

/// Only if it stands where this process has left it.
const ADVANCE: &str =
    "UPDATE exeunt_checkpoints SET position = ?2 WHERE name = ?1 AND position IS ?3";

/// A SQLite database; what comes between two [commits](Sink::commit) is one transaction.
///
/// How an item is written is a closure, which is given the connection and the item. An item is written whole or not at all,
/// however many statements that takes.
///
/// With a [checkpoint](SqliteSink::checkpoint) the position of the pipeline is stored in the same transaction. So
/// whatever happens to the process, the database says up to which item of the source it has everything, and has nothing of
/// what comes after: started again, the pipeline goes on there, nothing is missing, and nothing is double.
///
/// The database is in WAL mode, so that others can read it meanwhile, and `synchronous` is `normal`: a killed process loses
/// nothing that was committed; a power cut can take the last transactions, whole, and with them the position.
/// [`connection`](SqliteSink::connection) can choose otherwise.
///
/// # Errors
///
/// All of them name the file. Another process that writes is waited for, 2 seconds long. An error ends the pipeline in order; what
/// was written before the item is committed, if that can be.
///
/// # Examples
///
/// ```
/// use exeunt_pipeline::{Lines, Pipeline, SqliteSink};
///
/// # let folder = std::env::temp_dir().join(format!("exeunt-sqlite-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let (text, database) = (folder.join("words"), folder.join("words.db"));
/// # std::fs::write(&text, "to\nbe\nor\nnot\nto\nbe\n")?;
/// const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS words (word TEXT PRIMARY KEY, count INTEGER)";
/// const COUNT: &str = "INSERT INTO words VALUES (?1, 1) ON CONFLICT DO UPDATE SET count = count + 1";
///
/// for _run in 0..2 {
///     let create = |db: &rusqlite::Connection| Ok(db.execute_batch(SCHEMA)?);
///     let count = |db: &rusqlite::Connection, word: String| {
///         db.prepare_cached(COUNT)?.execute([word])?;
///         Ok(())
///     };
///     let words = SqliteSink::open(&database, create, count)?.checkpoint("words")?;
///     let lines = Lines::open(&text)?.after(words.position().copied())?;
///     Pipeline::new("words").source("lines", lines).sink("words", words).run()?;
/// }
/// let database = rusqlite::Connection::open(&database)?;
/// let to = "SELECT count FROM words WHERE word = 'to'";
/// assert_eq!(database.query_row(to, [], |row| row.get::<_, u32>(0))?, 2);
/// # drop(database);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SqliteSink<W, C = ()> {
    path: PathBuf,
    connection: Connection,
    write: W,
    commit_items: usize,
    is_in_transaction: bool,
    checkpoint: C,
}

/// The line of this pipeline.
#[derive(Debug)]
pub struct SqliteCheckpoint<P> {
    name: String,
    checkpoint: Checkpoint<P>,
}

impl<W> SqliteSink<W> {
    /// Opens a database, or makes a new one. `create` makes the tables, if they are not there, and may look whether they are
    /// what they have to be; it runs in a transaction, before anything else is changed in the file.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, or is no database, or if `create` makes an error.
    pub fn open<T>(
        path: impl AsRef<Path>,
        create: impl FnOnce(&Connection) -> exeunt::Result,
        write: W,
    ) -> Result<SqliteSink<W>, SqliteError>
    where
        W: FnMut(&Connection, T) -> exeunt::Result,
    {
        let path = path.as_ref().to_owned();
        match prepare(&path, create) {
            Ok(connection) => {
                let (commit_items, is_in_transaction) = (COMMIT_ITEMS, false);
                let checkpoint = ();
                Ok(SqliteSink {
                    path,
                    connection,
                    write,
                    commit_items,
                    is_in_transaction,
                    checkpoint,
                })
            }
            Err(cause) => Err(SqliteError { path, cause }),
        }
    }

    /// Keeps the pipeline's position, under a name of its own, in the table `exeunt_checkpoints`.
    ///
    /// # Errors
    ///
    /// If the database cannot be written, or the position that is in there cannot be read.
    pub fn checkpoint<P>(
        self,
        name: impl Into<String>,
    ) -> Result<SqliteSink<W, SqliteCheckpoint<P>>, SqliteError>
    where
        P: Display + FromStr<Err: Display>,
    {
        let name = name.into();
        let checkpoint = match find(&self.connection, &name) {
            Ok(checkpoint) => SqliteCheckpoint { name, checkpoint },
            Err(cause) => return Err(self.error(cause)),
        };
        let SqliteSink { path, connection, write, commit_items, is_in_transaction, .. } = self;
        Ok(SqliteSink { path, connection, write, commit_items, is_in_transaction, checkpoint })
    }
}

impl<W, C> SqliteSink<W, C> {
    /// Commits after so many items, although more wait; 4096 unless set.
    ///
    /// # Panics
    ///
    /// If `items` is zero.
    #[must_use]
    pub fn commit_every(self, items: usize) -> SqliteSink<W, C> {
        assert!(items > 0, "a transaction of nothing");
        SqliteSink { commit_items: items, ..self }
    }

    /// The connection: to look at the database before the pipeline runs, or to set it up otherwise.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    fn error(&self, cause: Error) -> SqliteError {
        SqliteError { path: self.path.clone(), cause }
    }

    /// Begins a transaction, unless there is one.
    fn begin(&mut self) -> exeunt::Result {
        if self.is_in_transaction {
            return self.check_transaction();
        }
        // One that will write, and has to wait for nobody in the middle.
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        self.is_in_transaction = true;
        Ok(())
    }

    /// A full disk, for example, undoes all of it; what was written after that would be there without what was before.
    fn check_transaction(&self) -> exeunt::Result {
        match self.connection.is_autocommit() {
            true => Err(Error::msg("an error has undone the transaction")),
            false => Ok(()),
        }
    }

    fn write_whole<T>(&mut self, item: T) -> exeunt::Result
    where
        W: FnMut(&Connection, T) -> exeunt::Result,
    {
        self.begin()?;
        let db = &self.connection;
        db.prepare_cached("SAVEPOINT item")?.execute([])?;
        // Also a panic leaves nothing of it.
        let written = guard(|| (self.write)(db, item));
        if written.is_err() {
            // If this is not possible either, there is no transaction any more, which is found out at the commit.
            let _ = db.execute_batch("ROLLBACK TO item");
        }
        let released = db.prepare_cached("RELEASE item")?.execute([]);
        written.and(released.map(drop).map_err(Into::into))
    }

    fn end_transaction(&mut self) -> exeunt::Result {
        if !std::mem::take(&mut self.is_in_transaction) {
            return Ok(());
        }
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    /// What was in the transaction is not there.
    fn give_up(&mut self, cause: Error) -> Error {
        self.is_in_transaction = false;
        if !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        self.error(cause).into()
    }
}

impl<P, W> SqliteSink<W, SqliteCheckpoint<P>>
where
    P: Display + FromStr<Err: Display>,
{
    /// After which item to go on; `None` if nothing was committed yet.
    pub fn position(&self) -> Option<&P> {
        self.checkpoint.checkpoint.position.as_ref()
    }

    fn advance(&mut self, position: &P) -> exeunt::Result {
        self.begin()?;
        let SqliteCheckpoint { name, checkpoint } = &self.checkpoint;
        let mut advance = self.connection.prepare_cached(ADVANCE)?;
        match advance.execute(params![name, position.to_string(), checkpoint.text()])? {
            1 => Ok(()),
            _ => Err(Error::msg("another process has written to it meanwhile")),
        }
    }
}

impl<T, P, W> Sink<T, P> for SqliteSink<W>
where
    W: FnMut(&Connection, T) -> exeunt::Result + Send + 'static,
{
    fn write(&mut self, item: T) -> exeunt::Result {
        self.write_whole(item).map_err(|cause| self.error(cause).into())
    }

    fn commit(&mut self, _: Option<&P>) -> exeunt::Result {
        self.end_transaction().map_err(|cause| self.give_up(cause))
    }

    fn commit_items(&self) -> usize {
        self.commit_items
    }
}

impl<T, P, W> Sink<T, P> for SqliteSink<W, SqliteCheckpoint<P>>
where
    P: Display + FromStr<Err: Display> + Clone + Send + 'static,
    W: FnMut(&Connection, T) -> exeunt::Result + Send + 'static,
{
    fn write(&mut self, item: T) -> exeunt::Result {
        self.write_whole(item).map_err(|cause| self.error(cause).into())
    }

    fn keeps_positions(&self) -> bool {
        true
    }

    fn commit(&mut self, position: Option<&P>) -> exeunt::Result {
        let advanced = position.map_or(Ok(()), |position| self.advance(position));
        advanced.and_then(|()| self.end_transaction()).map_err(|cause| self.give_up(cause))?;
        if position.is_some() {
            self.checkpoint.checkpoint.position = position.cloned();
        }
        Ok(())
    }

    fn commit_items(&self) -> usize {
        self.commit_items
    }
}

impl<W, C> fmt::Debug for SqliteSink<W, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteSink").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Makes of a file what it is to be.
fn prepare(
    path: &Path,
    create: impl FnOnce(&Connection) -> exeunt::Result,
) -> exeunt::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    // In one transaction, since two processes may begin at once, and either may be killed; and before
    // the mode is changed, which would change a file that is not ours.
    connection.execute_batch("BEGIN IMMEDIATE")?;
    create(&connection)?;
    connection.execute_batch("COMMIT")?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "normal")?;
    Ok(connection)
}

/// What is kept under a name; the line is made, if it is missing.
fn find<P>(connection: &Connection, name: &str) -> exeunt::Result<Checkpoint<P>>
where
    P: Display + FromStr<Err: Display>,
{
    connection.execute_batch("BEGIN IMMEDIATE")?;
    connection.execute_batch(CHECKPOINTS)?;
    let kept = "SELECT position FROM exeunt_checkpoints WHERE name = ?1";
    let kept: Option<Option<String>> =
        connection.query_row(kept, [name], |row| row.get(0)).optional()?;
    if kept.is_none() {
        connection.execute("INSERT INTO exeunt_checkpoints VALUES (?1, NULL)", [name])?;
    }
    connection.execute_batch("COMMIT")?;
    Checkpoint::read(kept.flatten().as_deref()).map_err(Error::msg)
}

/// What is wrong with a database. It is told with the file's name.
#[derive(Debug)]
pub struct SqliteError {
    path: PathBuf,
    cause: Error,
}

impl SqliteError {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether another process was writing for too long.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.code() == Some(rusqlite::ErrorCode::DatabaseBusy)
    }

    /// Whether there is no room on the disk.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.code() == Some(rusqlite::ErrorCode::DiskFull)
    }

    /// What SQLite says, if it is an error of SQLite's.
    #[must_use]
    pub fn code(&self) -> Option<rusqlite::ErrorCode> {
        self.cause.downcast_ref::<rusqlite::Error>()?.sqlite_error_code()
    }
}

impl fmt::Display for SqliteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.cause.downcast_ref::<rusqlite::Error>() {
            // Which says it all, and whose source says it again.
            Some(error) => write!(f, "{path}: {error}"),
            None => write!(f, "{path}: {}", self.cause),
        }
    }
}

impl std::error::Error for SqliteError {}

#[cfg(test)]
mod tests;
