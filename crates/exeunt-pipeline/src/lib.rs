//! Typed pipelines on threads that lose nothing.
//!
//! A pipeline is described from its source to its sink, and runs on the actors of [`exeunt`]: SIGINT, SIGTERM, a failure
//! or the end of the source begins its ordered drain, the first stage first, in which everything that was taken in is
//! handled.
//!
//! ```
//! use std::time::Duration;
//! use exeunt_pipeline::Pipeline;
//!
//! let outcome = Pipeline::new("squares")
//!     .items("numbers", 0..1_000_u64)
//!     .parallel("square", 4, |n| n * n) // on four threads, in order
//!     .filter("even", |n| n % 2 == 0)
//!     .batch("batch", 100, Duration::from_millis(50))
//!     .sink("store", |batch: Vec<u64>| {
//!         assert!(batch.is_sorted());
//!         Ok(())
//!     })
//!     .run()?;
//! assert_eq!(outcome.ledger().stage("even").unwrap().filtered, 500);
//! assert!(outcome.ledger().balances());
//! # Ok::<(), exeunt_pipeline::Error>(())
//! ```
//!
//! # What is promised
//!
//! - **Every item ends in one place.** Each stage counts what became of what it was given: passed, filtered, failed,
//!   diverted, or returned, which means that it never saw it. The [`Ledger`] says so for each stage, and whether it
//!   balances from source to sink. It does under drains, panics, refusals and deadlines; what a thread had in its
//!   hands when it had to be abandoned has a column of its own.
//! - **A drain leaves the result of a prefix.** What comes out of stages that keep the order is exactly what they make of
//!   the items that the ledger says the source gave. The same holds after an error: what came before it comes out.
//! - **Nothing is held back.** A stage sends what it has as soon as nothing more waits for it, before it waits itself, and
//!   if its items are slow, after about a millisecond, so that a slow stream is as
//!   quick as if each item travelled by itself; a source, as soon as [it may have to wait](Source::is_next_at_hand). Only a
//!   batch, a window and a fold keep something.
//! - **A position is never ahead.** A sink that [keeps positions](Sink::keeps_positions) is told one exactly when all
//!   that became of the source's items up to there has been written; what it was given and that position can be
//!   made lasting in one transaction, so that after `kill -9` nothing is missing and nothing is double.
//! - **Everything waits with a bound.** Between two threads there are so many [chunks](Pipeline::capacity) of so many
//!   [items](Pipeline::chunk) at most, and whoever is faster waits.
//!
//! Not promised: that code of the user's that never returns is waited for (its thread is abandoned a grace after its
//! deadline, see the [contract](exeunt::contract)); an order between the keys of a partition, or the pipelines of a merge;
//! that a [diverted](Flow::divert) item is lasting when a position past it is.
//!
//! # The stages
//!
//! | stage | on | what it does |
//! |---|---|---|
//! | [`map`](Flow::map), [`try_map`](Flow::try_map), [`filter`](Flow::filter), [`flat_map`](Flow::flat_map), [`inspect`](Flow::inspect), [`scan`](Flow::scan) | the thread before | what they do for iterators |
//! | [`fold`](Flow::fold) | the thread before | one value of all, at the end |
//! | [`rate_limit`](Flow::rate_limit) | the thread before | so many in a time |
//! | [`thread`](Flow::thread) | a new one | begins a thread |
//! | [`batch`](Flow::batch), [`window`](Flow::window) | a new one | puts items together, by number and time |
//! | [`parallel`](Flow::parallel), [`try_parallel`](Flow::try_parallel) | several | a map; keeps the order, unless it is [`unordered`](Flow::unordered) |
//! | [`partition_by`](Flow::partition_by) | several | a map; keeps the items of a key together |
//! | [`merge`](Flow::merge) | a new one | takes in another pipeline |
//! | [`tee`](Flow::tee), [`broadcast`](Flow::broadcast) | one for each branch | copies to other sinks |
//! | [`sink`](Flow::sink) | a new one | the end |
//!
//! Stages that follow one another on a thread are one function for the compiler. Between threads whole chunks of items
//! travel, in buffers that come back, as many at a time as the reader handles in about a millisecond.
//!
//! All of them in one:
//!
//! ```
//! use std::sync::mpsc;
//! use std::time::Duration;
//! use exeunt_pipeline::{Branch, Pipeline};
//!
//! let (seen, evens) = mpsc::channel();
//! let more = Pipeline::new("more").iter("hundreds", [100_u32, 200]);
//! let outcome = Pipeline::new("all of them")
//!     .iter("numbers", 0..10_u32)
//!     .rate_limit("gently", 1_000, Duration::from_millis(10))
//!     .merge("both", more)
//!     .flat_map("twice", |n| [n, n])
//!     .inspect("look", |n| assert!(*n <= 200))
//!     .scan("number", 0_u32, |seen, n| { *seen += 1; (*seen, n) })
//!     .thread("on")
//!     .partition_by("lanes", 2, |&(_, n)| n, |(_, n)| n)
//!     .tee("copy", |flow| {
//!         flow.filter("even", |n| n % 2 == 0).sink("evens", move |n| Ok(seen.send(n)?))
//!     })
//!     .window("moments", Duration::from_millis(5))
//!     .map("count", |window| window.len())
//!     .broadcast("to both", vec![
//!         Branch::new(|flow| flow.fold("sum", 0, |sum, n| *sum += n).sink("total", |sum| {
//!             assert_eq!(sum, 24);
//!             Ok(())
//!         })),
//!         Branch::new(|flow| flow.sink("log", |_| Ok(()))),
//!     ])
//!     .run()?;
//! assert_eq!(evens.iter().count(), 14);
//! assert!(outcome.ledger().balances());
//! # Ok::<(), exeunt_pipeline::Error>(())
//! ```
//!
//! # Errors
//!
//! An error, or a panic, is one of its item. What a closure gives becomes an [`exeunt::Error`], as by `?`; a sentence does by
//! [`msg`](exeunt::Error::msg). Unless a stage is told otherwise it ends the pipeline in order, and is the
//! result. A stage may instead [skip and count it](Flow::skip_errors), [try again](Flow::retry) with a backoff, or [divert](Flow::divert) the item to a sink of its own:
//!
//! ```
//! use std::time::Duration;
//! use exeunt::Backoff;
//! use exeunt_pipeline::{Diverted, Pipeline};
//!
//! let outcome = Pipeline::new("numbers")
//!     .iter("words", ["1", "2", "three", "4"])
//!     .try_parallel("parse", 2, str::parse::<u32>)
//!     .retry(2, Backoff::exponential(Duration::from_millis(1), Duration::from_millis(10)))
//!     .divert("rejects", |reject: Diverted<&str>| {
//!         assert_eq!((reject.item, &*reject.stage), ("three", "parse"));
//!         Ok(())
//!     })
//!     .sink("out", |_| Ok(()))
//!     .run()?;
//! let parse = outcome.ledger().stage("parse").unwrap();
//! assert_eq!((parse.passed, parse.diverted, parse.retried), (3, 1, 2));
//!
//! let error = Pipeline::new("strict")
//!     .iter("words", ["1", "two", "3"])
//!     .try_map("parse", str::parse::<u32>)
//!     .sink("out", |_| Ok(()))
//!     .run()
//!     .unwrap_err();
//! assert_eq!(error.to_string(), "`words` failed: `parse`: invalid digit found in string");
//! assert_eq!(error.outcome().unwrap().ledger().stage("out").unwrap().passed, 1);
//! # Ok::<(), exeunt_pipeline::Error>(())
//! ```
//!
//! What is wrong with a description, two stages of one name, a batch of nothing, no thread at all, is an [`Error`] of
//! [`run`](Ready::run) before anything has begun. A sink that returns [`Closed`], since nobody reads its output any more,
//! ends all that works for it alone, and that is no failure.
//!
//! # Positions
//!
//! A [`Source`] may give each item a position to begin again at. The positions do not travel with the items: the pipeline
//! knows which are through, across batches, filters and the threads of [`parallel`](Flow::parallel), and tells the sink the
//! last up to which nothing is missing. They end where the order of the source does, or where there is no place to
//! begin again: at [`unordered`](Flow::unordered), [`partition_by`](Flow::partition_by), [`merge`](Flow::merge) and
//! [`fold`](Flow::fold). [`Sink`] shows one that keeps them.
//!
//! # The drain, and its order
//!
//! [`run`](Ready::run) takes the signals and tells the system who feeds whom, so that each stage has its turn when
//! those before it have ended, and branches drain side by side. A pipeline may also be [spawned](Ready::spawn) into a system
//! beside other actors; its ledger is then to be had at any time from [`Running`]. A program that is one pipeline and no more
//! returns the [outcome](Outcome#impl-Termination-for-Outcome) from `main`, and so ends with a truthful status.
//!
//! A slow stage is not cut short as long as it finishes items, and neither is whoever waits for room with it, be it a
//! source or a stage in between; past its deadline it finishes the one in hand, and the rest
//! of its chunk and its mailbox is returned, and counted. To wait for the next [try](Flow::retry) or the next
//! [turn](Flow::rate_limit) is no stall: only the [budget](exeunt::System::set_drain_budget) of the drain, 30 s unless
//! set, ends that. A closure has no way to say that it gets on with a single
//! item: one that takes longer than the stall limit of the system, 5 s unless
//! [set](exeunt::System::set_stall_limit), meets the deadline of its stage. Who has larger items spawns the pipeline into a system with
//! another limit, or cuts them into smaller ones.
//!
//! # What it costs
//!
//! `cargo bench -p exeunt-pipeline` measures it beside threads and channels by hand; the figures are in `BENCHMARKS.md`.
//!
//! # Features
//!
//! - `net`: a source of the lines that are sent to a TCP or Unix socket.
//! - `serde`: [`Ledger`] and [`Outcome`] serialise.
//! - `sqlite`: a sink for SQLite, which keeps the position in the same transaction.
//!
//! The interface has three other crates in it: [`exeunt`], [`exeunt::crossbeam_channel`], and with the
//! feature `sqlite` `rusqlite`, which is therefore to be had from here.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod pipeline;
mod flow;
mod source;
mod sink;
mod ledger;
mod error;
mod named;
#[cfg(test)]
mod scratch;
#[cfg(test)]
mod link;

mod reader;
mod op;
mod chunk;
mod shelf;
mod pace;
mod haste;
mod wiring;
mod demand;
mod watch;
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
/// The crate whose connections a [`SqliteSink`] is given.
#[cfg(feature = "sqlite")]
pub use rusqlite;
pub use sink::{AppendFile, AtomicFile, Checkpoint, Closed, IntoChannel, Output, Sink, With};
#[cfg(feature = "sqlite")]
pub use sink::{SqliteCheckpoint, SqliteError, SqliteSink};
#[cfg(feature = "net")]
pub use source::Listener;
pub use source::{ByteLines, Channel, Files, Lines, Next, Source};
