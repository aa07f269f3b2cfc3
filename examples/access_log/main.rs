//! Web server logs into a database: parsed, added up per minute, path and status, stored in SQLite, and
//! never counted twice.
//!
//! ```text
//! cargo run --release --example access_log -- [--generate N] [--db FILE] ... DIR
//! ```
//!
//! ```text
//! logs ──────► record ──────► tally ──────► store
//!  lines and    one request    a batch of    sums and position,
//!  positions                   them          in one transaction
//! ```
//!
//! With `--generate 1000000 /tmp/logs` there is something to count. Kill it with `kill -9` in the middle,
//! run it again, and it goes on after the last transaction: the database has the same rows as if nothing
//! had happened. It can be looked at meanwhile:
//!
//! ```text
//! sqlite3 /tmp/logs/requests.db "SELECT datetime(minute, 'unixepoch'), status, sum(hits)
//!                                FROM requests GROUP BY 1, 2"
//! ```
//!
//! What goes from one to the other is in [`count`].

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/random.rs"]
mod random;

#[cfg(test)]
mod folder;
mod generate;
mod logs;
mod options;
mod record;
mod store;
mod tally;

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::{self, ExitCode};
use std::time::{Duration, Instant};

use crate::common::{log_to_stderr, refuse};
use crate::generate::generate;
use crate::logs::Logs;
use crate::options::Options;
use crate::record::Record;
use crate::store::{Store, StoreError};
use crate::tally::Tally;

const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// How many of the most requested paths are told.
const TOP: u32 = 5;

fn main() -> ExitCode {
    let options = match options::parse(std::env::args_os().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            let _ = io::stdout().write_all(options::HELP.as_bytes());
            process::exit(0);
        }
        Err(error) => refuse("access_log", &error),
    };
    log_to_stderr();
    let (logs, mut store) = match prepare(&options) {
        Ok(prepared) => prepared,
        Err(error) => refuse("access_log", &error),
    };
    match count(logs, &mut store, options.batch_lines).and_then(|left_out| {
        print(&store)?;
        Ok(left_out)
    }) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(left_out) => {
            log::error!("{left_out} times something could not be read");
            ExitCode::FAILURE
        }
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Finds out what is wrong before any work has begun.
fn prepare(options: &Options) -> Result<(Logs, Store), String> {
    if let Some(lines) = options.generate {
        generate(&options.dir, lines.get(), options.seed)?;
    }
    // Before the database, which would make a folder of logs of any folder.
    Logs::open(&options.dir, None).map_err(|error| error.to_string())?;
    let store = Store::open(&options.db).map_err(|error| error.to_string())?;
    match store.position() {
        None => log::info!("begins with the first line"),
        Some(position) => log::info!("goes on after {position}"),
    }
    let logs = Logs::open(&options.dir, store.position()).map_err(|error| error.to_string())?;
    Ok((logs, store))
}

/// Counts what is left, a batch at a time. Says how often something could not be read.
fn count(logs: Logs, store: &mut Store, batch_lines: u64) -> Result<u64, StoreError> {
    let (mut tally, mut last, mut left_out) = (Tally::default(), None, 0);
    let mut progress = Progress::new();
    for line in logs {
        let (position, line) = match line {
            Ok(line) => line,
            Err(error) => {
                log::error!("{error}");
                left_out += 1;
                continue;
            }
        };
        match Record::parse(&line) {
            Ok(record) => tally.add(&record),
            Err(error) => {
                log::debug!("the line before {position} is broken: {error}");
                tally.add_broken();
            }
        }
        if tally.lines() == batch_lines {
            progress.stored(&tally);
            store.apply(&std::mem::take(&mut tally), position)?;
            last = None;
        } else {
            last = Some(position);
        }
    }
    if let Some(position) = last {
        store.apply(&tally, position)?;
    }
    Ok(left_out)
}

/// Says once a second how far it is.
struct Progress {
    begin: Instant,
    said: Instant,
    lines: u64,
}

impl Progress {
    fn new() -> Progress {
        let now = Instant::now();
        Progress { begin: now, said: now, lines: 0 }
    }

    fn stored(&mut self, tally: &Tally) {
        self.lines += tally.lines();
        if self.said.elapsed() >= PROGRESS_EVERY {
            self.said = Instant::now();
            let a_second = self.lines as f64 / self.begin.elapsed().as_secs_f64();
            log::info!("{} lines, {a_second:.0} a second", self.lines);
        }
    }
}

/// Prints what the database holds by now, from this run and those before, and whether it adds up: the
/// lines are counted by the checkpoint, the requests by the rows.
fn print(store: &Store) -> Result<(), StoreError> {
    let mut text = String::new();
    for path in store.busiest(TOP)? {
        let _ = writeln!(text, "{:>10}  {:>8.1} MB  {}", path.hits, path.bytes / 1e6, path.path);
    }
    let totals = store.totals()?;
    let sign = if totals.lines == totals.requests + totals.broken { "=" } else { "≠" };
    let _ = writeln!(
        text,
        "{} lines {sign} {} requests + {} broken, in {} rows",
        totals.lines, totals.requests, totals.broken, totals.rows
    );
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(())
}
