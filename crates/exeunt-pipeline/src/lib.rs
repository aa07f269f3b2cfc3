//! Typed pipelines on threads that lose nothing.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]

mod pipeline;
mod flow;
mod source;
mod sink;
mod ledger;
mod error;
mod named;
#[cfg(test)]
mod scratch;

mod op;
mod chunk;
mod shelf;
mod pace;
mod wiring;
mod segment;
mod parallel;
mod reorder;
mod side;
mod position;

pub use error::Error;
pub use flow::{Beginning, Branch, Closure, Flow, Following, Pass, Tee};
pub use ledger::{Ending, Ledger, StageLedger};
pub use op::{
    Batch, Diverted, Each, Filter, FlatMap, Fold, Given, Inspect, Kind, Map, Nothing, Op,
    RateLimit, Scan, Then, TryMap, Window,
};
pub use parallel::Joined;
pub use pipeline::{Outcome, Pipeline, Ready, Running};
pub use sink::{AppendFile, AtomicFile, Checkpoint, Closed, IntoChannel, Output, Sink};
#[cfg(feature = "sqlite")]
pub use sink::{SqliteCheckpoint, SqliteError, SqliteSink};
#[cfg(feature = "net")]
pub use source::Listener;
pub use source::{ByteLines, Channel, Files, Lines, Next, Source};
