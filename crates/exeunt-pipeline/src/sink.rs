//! [`Sink`]: where items go.

use crate::ledger::Ending;

mod end;
mod output;
mod atomic_file;
mod append_file;
mod checkpoint;
mod into_channel;
mod with;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use append_file::AppendFile;
pub use atomic_file::AtomicFile;
pub use checkpoint::Checkpoint;
pub(crate) use end::SinkEnd;
pub use into_channel::IntoChannel;
pub use output::Output;
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteCheckpoint, SqliteError, SqliteSink};
pub use with::With;

const BUFFER_BYTES: usize = 1 << 16;

/// So many items at most a sink is handed before it is asked to commit, although more wait, unless it says otherwise.
const COMMIT_ITEMS: usize = 4096;

/// Where the items of a pipeline go.
///
/// Every closure from an item to a result is one. `P` is the type of the source's positions, for a sink that keeps
/// them.
///
/// # Examples
///
/// A sink that stores where it is together with what it has, as one in a database would do in one transaction:
///
/// ```
/// use exeunt_pipeline::Sink;
///
/// #[derive(Default)]
/// struct Store { written: Vec<u64>, committed: Vec<u64>, position: Option<u64> }
///
/// impl Sink<u64, u64> for Store {
///     fn write(&mut self, item: u64) -> exeunt::Result {
///         self.written.push(item);
///         Ok(())
///     }
///
///     fn keeps_positions(&self) -> bool {
///         true
///     }
///
///     fn commit(&mut self, position: Option<&u64>) -> exeunt::Result {
///         self.committed.append(&mut self.written);
///         self.position = position.copied().or(self.position);
///         Ok(())
///     }
/// }
/// ```
pub trait Sink<T, P = ()>: Send + 'static {
    /// Takes an item.
    ///
    /// # Errors
    ///
    /// What went wrong. It ends the pipeline in order; [`Closed`](crate::Closed) ends it without being a failure.
    fn write(&mut self, item: T) -> exeunt::Result;

    /// Makes lasting what it was given since it was last asked to. It is asked when nothing more waits, and after
    /// [some thousands](Sink::commit_items) of items in any case. Only then do they count as passed.
    ///
    /// If it keeps positions, it is asked only when what it was given is exactly what became of the source's
    /// items up to `position`, and that is `Some`. What was written last and is not exactly that when the pipeline ends, by a
    /// failure, is not to last, and is counted as returned.
    ///
    /// After an error of [`write`](Sink::write) it may be asked once more, for what was written before that.
    ///
    /// # Errors
    ///
    /// As for [`write`](Sink::write). All that was not committed is counted as failed.
    fn commit(&mut self, position: Option<&P>) -> exeunt::Result {
        let _ = position;
        Ok(())
    }

    /// Nothing more will come, and how it has come to that. It does not run if the sink itself has failed.
    ///
    /// # Errors
    ///
    /// As for [`write`](Sink::write).
    fn finish(&mut self, ending: Ending) -> exeunt::Result {
        let _ = ending;
        Ok(())
    }

    /// How many items it may be given before it is asked to commit, although more wait.
    fn commit_items(&self) -> usize {
        COMMIT_ITEMS
    }

    /// Whether it is to be told positions. Where they have ended, after [`unordered`](crate::Flow::unordered) say, it is
    /// asked to commit without any.
    fn keeps_positions(&self) -> bool {
        false
    }
}

impl<T, P, F> Sink<T, P> for F
where
    F: FnMut(T) -> exeunt::Result + Send + 'static,
{
    fn write(&mut self, item: T) -> exeunt::Result {
        self(item)
    }
}

/// What a sink's error is if nobody reads any more what it writes: the pipeline ends in order, and that is no failure.
///
/// Whoever feeds only sinks that have enough learns of it at once, also where nothing comes that could be refused: a source
/// ends its wait for the next item, a stage leaves the rest of what it was handed, which is counted as returned, as is
/// what the source had [taken in](crate::Source::leftover). Who feeds another sink too goes on for that one; the way aside of
/// a [`tee`](crate::Flow::tee) is none of these, and ends with the main way.
///
/// An iterator that waits inside its own `next` cannot be woken: its thread ends when that comes back. What waits for
/// others is better a [`Channel`](crate::Channel), [`Lines::read_aside`](crate::Lines::read_aside), or a
/// [`Source`](crate::Source) that looks at `stopping`.
///
/// ```
/// use exeunt_pipeline::{Closed, Pipeline};
///
/// let mut left = 3;
/// let outcome = Pipeline::new("first")
///     .iter("numbers", 1..)
///     .sink("three", move |_: i32| {
///         if left == 0 {
///             return Err(Closed.into());
///         }
///         left -= 1;
///         Ok(())
///     })
///     .run()?;
/// assert_eq!(outcome.ledger().stage("three").unwrap().passed, 3);
/// assert!(outcome.ledger().balances());
/// # Ok::<(), exeunt_pipeline::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("nobody reads the output any more")
    }
}

impl std::error::Error for Closed {}
