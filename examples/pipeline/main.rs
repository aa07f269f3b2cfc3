//! The main example: counts the words of every text file below a folder.
//!
//! ```text
//! cargo run --release --example pipeline -- [OPTIONS] [DIR]
//! ```
//!
//! ```text
//!                   ┌────── skipped
//! walk ────► read ──┴──► split ────► tally ────► sort ────► write
//!  files      text,       counts      sums        a table
//!             several
//!             threads
//! ```
//!
//! Press Ctrl-C in the middle and watch it drain: the walk takes nothing more in, the readers read
//! what waits for them, then the next stage has its turn, and the table that is written at the end
//! holds exactly the files that were taken in. On a small folder there is time to watch with
//! `--pace 20ms`: it holds up the tally, so that everything upstream of it is full. A second Ctrl-C
//! ends it at once, without a table.
//!
//! The stages follow one another in [`assemble`]; what they do is in `stages.rs`.

#[path = "../common/mod.rs"]
mod common;

#[path = "../common/args.rs"]
mod args;
#[path = "../common/left_out.rs"]
mod left_out;
#[path = "../common/show.rs"]
mod show;

mod options;
mod stages;

use std::fs::{self, FileType};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};

use exeunt::{Exit, System};
use exeunt_pipeline::{AtomicFile, Diverted, Files, Ledger, Pipeline, Ready};

use crate::args::Args;
use crate::common::{log_to_stderr, refuse};
use crate::left_out::LeftOut;
use crate::options::Options;
use crate::show::Show;
use crate::stages::{Skipped, Tally, Write, read, sort, split};

fn main() -> Exit {
    let options = Options::read(Args::of_the_process());
    log_to_stderr();
    options.and_then(count).unwrap_or_else(|error| refuse(&error))
}

/// Finds out what is wrong before any work has begun, runs, and says what was found.
fn count(options: Options) -> Result<Exit, String> {
    let files = Files::below(&options.dir).map_err(|error| error.to_string())?;
    let out = options.out.as_ref().map(show::create).transpose()?;
    let mut system = System::new("pipeline");
    let show = Show::of(&mut system, &options.shown, out.as_ref())?;
    let outputs = out.iter().chain(show.outputs()).flat_map(AtomicFile::paths);
    let own: Vec<PathBuf> = outputs.filter_map(|file| as_walked(&options.dir, file)).collect();

    let (skipped, not_taken) = (LeftOut::default(), LeftOut::default());
    let note = not_taken.clone();
    let files = files.only(move |path, kind| is_counted(path, kind, &own, &note));
    let (tell, summary) = mpsc::channel();
    let pipeline = assemble(&options, files, out, &skipped, tell);
    let running = pipeline.feeds_nothing().spawn(&mut system).map_err(|error| error.to_string())?;

    let outcome = running.ended(system.run());
    let shown = show.end(&outcome);
    let summary = summary.try_recv().unwrap_or_default();
    let printed = common::print(&(summary + &balance(outcome.ledger(), &skipped, &not_taken)));
    Ok(show::exit(outcome, printed.and(shown)))
}

/// What comes after what. A file travels alone, since it may be large; what `capacity` says is then
/// how many of them wait between two threads.
fn assemble(
    options: &Options,
    files: Files,
    out: Option<AtomicFile>,
    skipped: &LeftOut,
    summary: Sender<String>,
) -> Ready {
    let (top, skipped) = (options.top, skipped.clone());
    Pipeline::new("pipeline")
        .chunk(1)
        .capacity(options.capacity)
        .source("walk", files)
        .skip_errors()
        .try_parallel("read", options.workers, |path: PathBuf| read(&path))
        .divert("skipped", move |file: Diverted<PathBuf>| skip(&file, &skipped))
        .map("split", split)
        .thread("tally")
        .rate_limit("pace", 1, options.pace)
        .fold("tally", Tally::default(), Tally::add)
        .thread("sort")
        .map("sort", move |tally| {
            let table = sort(tally);
            // Before the file: a full disk does not take the result from who looks at the screen.
            let _ = summary.send(table.summary(top));
            table
        })
        .sink("write", Write(out.map(AtomicFile::even_if_interrupted)))
}

/// Symbolic links are not followed: what they point to below the folder is found anyway, and a loop
/// of them would never end. Neither are pipes and devices opened, which may block.
fn is_counted(path: &Path, kind: FileType, own: &[PathBuf], not_taken: &LeftOut) -> bool {
    let why = match () {
        () if kind.is_symlink() => "symbolic link(s)",
        () if !kind.is_dir() && !kind.is_file() => "special file(s)",
        () if own.iter().any(|file| file == path) => "own output",
        () => return true,
    };
    not_taken.note(path, why, &why);
    false
}

fn skip(file: &Diverted<PathBuf>, skipped: &LeftOut) -> exeunt::Result {
    let why = file.error.downcast_ref::<Skipped>().map_or("panicked on", Skipped::reason);
    skipped.note(&file.item, why, &file.error);
    Ok(())
}

/// The path under which the walk will meet a file of our own, if it will.
fn as_walked(dir: &Path, file: &Path) -> Option<PathBuf> {
    let root = fs::canonicalize(dir).ok()?;
    let file = fs::canonicalize(file).ok()?;
    Some(dir.join(file.strip_prefix(root).ok()?))
}

/// Whether nothing was lost: each number is counted by another stage.
fn balance(ledger: &Ledger, skipped: &LeftOut, not_taken: &LeftOut) -> String {
    let stage = |name| ledger.stage(name).cloned().unwrap_or_default();
    let (walked, read) = (stage("walk").out, stage("read"));
    let (read, tallied) = (read.passed + read.diverted, stage("tally").passed);
    let put_aside = stage("skipped").passed;
    let sign = |equal| if equal { "=" } else { "≠" };
    let mut text = format!(
        "walked {walked} {} read {read} {} tallied {tallied}",
        sign(walked == read),
        sign(read == tallied + put_aside),
    );
    if put_aside > 0 {
        text += &format!(" + skipped {put_aside}");
    }
    text += " files\n";
    if !skipped.is_empty() {
        text += &format!("skipped: {skipped}\n");
    }
    if !not_taken.is_empty() {
        text += &format!("not taken in: {not_taken}\n");
    }
    for stage in &ledger.stages {
        if stage.failed > 0 {
            text += &format!("{} failed on {}\n", stage.name, stage.failed);
        }
        if stage.returned > 0 {
            text += &format!("{} returned {}\n", stage.name, stage.returned);
        }
    }
    text
}
