//! Web server logs into a database: parsed, added up per minute, path and status, stored in SQLite, and
//! never counted twice.
//!
//! ```text
//! cargo run --release --example access_log -- [--generate N] [--db FILE] ... DIR
//! ```
//!
//! ```text
//! logs ───────► batch ───────► tally ────────► store
//!  lines and     so many        requests of     sums and position,
//!  positions     lines          a batch, on     in one transaction
//!                               several threads
//! ```
//!
//! With `--generate 1000000 /tmp/logs` there is something to count. Press Ctrl-C in the middle: every line
//! that was taken in is stored, and the next run goes on with the next one. Kill it with `kill -9`, and the next
//! run goes on after the last transaction: the database has the same rows as if nothing had happened. It
//! can be looked at meanwhile:
//!
//! ```text
//! sqlite3 /tmp/logs/requests.db "SELECT datetime(minute, 'unixepoch'), status, sum(hits)
//!                                FROM requests GROUP BY 1, 2"
//! ```
//!
//! The stages follow one another in [`assemble`].

#[path = "../common/mod.rs"]
mod common;

#[path = "../common/args.rs"]
mod args;
#[path = "../common/random.rs"]
mod random;
#[path = "../common/show.rs"]
mod show;

#[cfg(test)]
mod folder;
mod generate;
mod logs;
mod options;
mod record;
mod store;
mod tally;
mod unread;

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use exeunt::{Exit, Reason, System};
use exeunt_pipeline::{Ledger, Pipeline, Ready};

use crate::args::Args;
use crate::common::{log_to_stderr, refuse};
use crate::generate::generate;
use crate::logs::{Line, Logs};
use crate::options::Options;
use crate::show::Show;
use crate::store::{Store, Totals};
use crate::tally::Tally;

/// A batch is as large as was asked for, however long that takes; the last one is what there is.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);

/// How many of the most requested paths are told.
const TOP: u32 = 5;

fn main() -> Exit {
    let options = Options::read(Args::of_the_process());
    log_to_stderr();
    options.and_then(|options| count(&options)).unwrap_or_else(|error| refuse(&error))
}

/// Finds out what is wrong before any work has begun, runs, and says what the database holds.
fn count(options: &Options) -> Result<Exit, String> {
    if let Some(lines) = options.generate {
        generate(&options.dir, lines, options.seed)?;
    }
    // Before the database, which would make a folder of logs of any folder.
    logs::find(&options.dir).map_err(|error| error.to_string())?;
    let mut system = System::new("access_log");
    let show = Show::of(&mut system, &options.shown, None)?;
    let (logs, store) = take_up(options)?;
    let lost_before = store::lost(&store).map_err(|error| error.to_string())?;
    let unread = logs.unread();
    let pipeline = assemble(options, logs, store).feeds_nothing();
    let begun = Instant::now();
    let running = pipeline.spawn(&mut system).map_err(|error| error.to_string())?;

    let outcome = running.ended(system.run());
    say_how_fast(outcome.ledger(), begun.elapsed());
    if outcome.report().reason != Reason::Completed {
        log::info!("ended before its time: the next run goes on where this one has stopped");
    }
    let shown = show.end(&outcome);
    let told = tell(&options.db);
    lost_before
        .iter()
        .for_each(|what| log::warn!("counted without what an earlier run lost: {what}"));
    let told = told.and(unread.nothing());
    Ok(show::exit(outcome, told.and(shown)))
}

/// Begins where the last run has ended, however that was.
fn take_up(options: &Options) -> Result<(Logs, Store), String> {
    let store = store::open(&options.db).map_err(|error| error.to_string())?;
    match store.position() {
        None => log::info!("begins with the first line"),
        Some(position) => log::info!("goes on after {position}"),
    }
    let logs = Logs::open(&options.dir, store.position()).map_err(|error| error.to_string())?;
    Ok((logs, store))
}

/// What comes after what. What could not be read has been said by then, and is counted.
fn assemble(options: &Options, logs: Logs, store: Store) -> Ready {
    Pipeline::new("access_log")
        .source("logs", logs)
        .skip_errors()
        .batch("batch", options.batch_lines, LONG)
        .parallel("tally", options.workers, |lines: Vec<Line>| Tally::of(&lines))
        .sink("store", store)
}

fn say_how_fast(ledger: &Ledger, took: Duration) {
    let lines = ledger.stage("logs").map_or(0, |logs| logs.out);
    let seconds = took.as_secs_f64();
    log::info!("{lines} lines in {seconds:.1} s, {:.0} a second", lines as f64 / seconds);
}

/// Prints what the database holds by now, from this run and those before, and whether it adds up: the
/// lines are counted by the batches, the requests by the rows.
fn tell(db: &Path) -> Result<(), String> {
    let totals = Totals::of(db, TOP).map_err(|error| error.to_string())?;
    let mut text = String::new();
    for path in &totals.busiest {
        let _ = writeln!(text, "{:>10}  {:>8.1} MB  {}", path.hits, path.bytes / 1e6, path.path);
    }
    let sign = if totals.lines == totals.requests + totals.broken { "=" } else { "≠" };
    let _ = writeln!(
        text,
        "{} lines {sign} {} requests + {} broken, in {} rows",
        totals.lines, totals.requests, totals.broken, totals.rows
    );
    common::print(&text)
}
