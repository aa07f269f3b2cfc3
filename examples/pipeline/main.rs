//! The main example: counts the words of every text file below a folder.
//!
//! ```text
//! cargo run --release --example pipeline -- [OPTIONS] [DIR]
//! ```
//!
//! Each stage is an actor on a thread of its own, the readers are several:
//!
//! ```text
//!          ┌→ read-1 ┐
//! walk ────┼→ read-2 ┼──→ split ───→ tally ───→ write
//!  a task  └→ ...    ┘   text       counts     all words
//! ```
//!
//! Press Ctrl-C in the middle and watch it drain: the walk takes nothing more in, the readers read
//! what is in their mailboxes, side by side, then the next stage has its turn, and the table that
//! is written at the end holds exactly the files that were taken in. On a small folder there is
//! time to watch with `--pace 5ms`. A second Ctrl-C ends it at once, without a table.
//!
//! The order comes from the wiring in [`assemble`]; the stages are in `stages.rs`.

#[path = "../common/mod.rs"]
mod common;

mod census;
mod options;
mod output;
mod stages;

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use exeunt::{ActorSnapshot, Exit, Report, SpawnError, Status, System, TaskContext};

use crate::census::Census;
use crate::common::{log_to_stderr, refuse};
use crate::options::Options;
use crate::output::Output;
use crate::stages::{Read, Split, Summary, Tally, Walk, Write};

const PROGRESS_EVERY: Duration = Duration::from_secs(1);

fn main() -> Exit {
    let options = match options::parse(std::env::args_os().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            let _ = io::stdout().write_all(options::HELP.as_bytes());
            process::exit(0);
        }
        Err(error) => refuse("pipeline", &error),
    };
    log_to_stderr();
    match Job::prepare(options) {
        Ok(job) => job.run(),
        Err(error) => refuse("pipeline", &error),
    }
}

/// All that is needed to begin.
struct Job {
    system: System,
    census: Arc<Census>,
    summary: mpsc::Receiver<Summary>,
    report: Option<Output>,
}

impl Job {
    /// Finds out what is wrong before any work has begun.
    fn prepare(options: Options) -> Result<Job, String> {
        let dir = &options.dir;
        fs::read_dir(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let out = options.out.as_deref().map(Output::prepare).transpose()?;
        let report = options.report.as_deref().map(Output::prepare).transpose()?;
        if let (Some(out), Some(report)) = (&out, &report) {
            if out.collides_with(report) {
                let both = out.name();
                return Err(format!("{both}: cannot be both the table and the report"));
            }
        }
        let outputs = out.iter().chain(&report).flat_map(Output::files);
        let own = outputs.filter_map(|file| as_walked(dir, file)).collect();

        let census = Arc::new(Census::default());
        let (tell, summary) = mpsc::channel();
        let system =
            assemble(options, own, out, tell, &census).map_err(|error| error.to_string())?;
        Ok(Job { system, census, summary, report })
    }

    fn run(self) -> Exit {
        let exit = self.system.run();
        let summary = self.summary.try_recv().ok();
        let printed = print(summary.as_ref(), &self.census, exit.report());
        let saved = match self.report {
            Some(file) => save(file, exit.report()),
            None => Ok(()),
        };
        match printed.and(saved) {
            Ok(()) => exit,
            Err(error) => {
                log::error!("{error}");
                exit.with_status(Status::Failure)
            }
        }
    }
}

/// Who there is, and who feeds whom. Downstream first, since an actor is given the addresses of
/// those that it sends to; each address is moved or dropped here, so that when the walk has ended
/// the next stage ends, and so on to the last.
fn assemble(
    options: Options,
    own: Vec<PathBuf>,
    out: Option<Output>,
    summary: mpsc::Sender<Summary>,
    census: &Arc<Census>,
) -> Result<System, SpawnError> {
    let capacity = options.capacity;
    let mut system = System::new("pipeline");

    let write =
        system.actor("write").feeds_nothing().spawn(Write { top: options.top, out, summary })?;

    let tally = system.actor("tally").capacity(capacity).feeds(&write);
    let tally = tally.spawn(Tally { words: HashMap::new(), write, census: Arc::clone(census) })?;

    let split = system.actor("split").capacity(capacity).feeds(&tally);
    let split = split.spawn(Split { tally })?;

    let mut readers = Vec::new();
    for i in 1..=options.workers {
        // Declared, the readers drain side by side; otherwise each would wait for the next.
        let read = system.actor(&format!("read-{i}"));
        readers.push(read.capacity(capacity).feeds(&split).spawn(Read {
            split: split.clone(),
            pace: options.pace,
            census: Arc::clone(census),
        })?);
    }

    // A daemon, so that nobody waits for it, and it sees the others to their end.
    let progress = system.task("progress").daemon().feeds_nothing();
    progress.spawn({
        let census = Arc::clone(census);
        move |cx| show_progress(cx, &census)
    })?;

    let mut walk = system.task("walk");
    for reader in &readers {
        walk = walk.feeds(reader);
    }
    let source = Walk { root: options.dir, readers, served: 0, own, census: Arc::clone(census) };
    walk.spawn(move |cx| source.run(cx))?;
    Ok(system)
}

/// The path under which the walk will meet a file of our own, if it will.
fn as_walked(dir: &Path, file: &Path) -> Option<PathBuf> {
    let root = fs::canonicalize(dir).ok()?;
    let file = fs::canonicalize(file).ok()?;
    Some(dir.join(file.strip_prefix(root).ok()?))
}

/// Says once a second how far each stage is; what one is ahead of the next waits between them. It
/// only looks at figures that the actors write anyway, so they are not disturbed. During a drain
/// the system itself says whom it waits for.
fn show_progress(cx: &TaskContext, census: &Census) -> exeunt::Result {
    loop {
        cx.sleep(PROGRESS_EVERY)?;
        if cx.system().is_draining() {
            continue;
        }
        let actors = cx.system().snapshot();
        log::info!(
            "walked {}, read {}, split {}, tallied {}; {:.1} MB of text",
            census.files_walked(),
            handled_by(&actors, "read"),
            handled_by(&actors, "split"),
            census.files_tallied(),
            census.megabytes(),
        );
    }
}

/// What a stage has handled, be it one actor or, as `read-1` and so on, several.
fn handled_by(actors: &[ActorSnapshot], stage: &str) -> u64 {
    let of_stage = |actor: &&ActorSnapshot| actor.name.split('-').next() == Some(stage);
    let actors = actors.iter().filter(of_stage);
    actors.map(|actor| actor.handled).sum()
}

/// Prints what was found, and whether nothing was lost.
fn print(summary: Option<&Summary>, census: &Census, report: &Report) -> Result<(), String> {
    let mut text = String::new();
    if let Some(summary) = summary {
        for (word, count) in &summary.top {
            text += &format!("{count:>10}  {word}\n");
        }
        text += &format!(
            "{} different words, {} in all, in {:.1} MB of text\n",
            summary.different,
            summary.words,
            census.megabytes()
        );
    }
    text += &balance(census, report);
    match io::stdout().write_all(text.as_bytes()) {
        // Who reads only the first lines has what they wanted.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("standard output: {error}"))
        }
        _ => Ok(()),
    }
}

/// The three numbers, each counted by another: by the walk as it handed the files out, by the
/// system as the readers handled them, and by the tally.
fn balance(census: &Census, report: &Report) -> String {
    let readers = report.actors.iter().filter(|a| a.name.starts_with("read-"));
    let (walked, tallied) = (census.files_walked(), census.files_tallied());
    let read: u64 = readers.map(|reader| reader.handled).sum();
    let sign = |equal| if equal { "=" } else { "≠" };
    let mut text = format!(
        "walked {walked} {} read {read} {} tallied {tallied} files\n",
        sign(walked == read),
        sign(read == tallied),
    );
    for actor in &report.actors {
        if actor.failed > 0 {
            text += &format!("  {} failed on {}\n", actor.name, actor.failed);
        }
        if actor.returned > 0 {
            text += &format!("  {} returned {}\n", actor.name, actor.returned);
        }
    }
    let skipped = census.list_skipped(true);
    if !skipped.is_empty() {
        text += &format!("of these without words: {skipped}\n");
    }
    let left_out = census.list_skipped(false);
    if !left_out.is_empty() {
        text += &format!("not taken in: {left_out}\n");
    }
    text
}

fn save(file: Output, report: &Report) -> Result<(), String> {
    file.commit(|file| {
        serde_json::to_writer_pretty(&mut *file, report)?;
        writeln!(file)
    })
}
