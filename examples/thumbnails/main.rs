//! Thumbnails of all pictures below a folder, made by as many threads as there are processors.
//!
//! ```text
//! cargo run --release --example thumbnails -- --generate 500 /tmp/pictures
//! ```
//!
//! ```text
//!                          ┌────── broken
//! walk ── due ──► shrink ──┴──► write
//!  files           decode,       each as a whole,
//!  to do           resize,       in the order of
//!                  encode        the walk
//! ```
//!
//! Press Ctrl-C in the middle: of what was taken in, every picture has a thumbnail or a line in the
//! list of the broken ones. Run it again, also after `kill -9`, and it makes what is missing.
//!
//! The stages follow one another in [`assemble`].

#[path = "../common/mod.rs"]
mod common;

#[path = "../common/args.rs"]
mod args;
#[path = "../common/left_out.rs"]
mod left_out;
#[path = "../common/random.rs"]
mod random;
#[path = "../common/show.rs"]
mod show;

mod broken;
mod generate;
mod options;
mod picture;

use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};

use exeunt::{Exit, Reason, System};
use exeunt_pipeline::{Files, Ledger, Pipeline, Ready};

use crate::args::Args;
use crate::broken::Broken;
use crate::common::{log_to_stderr, refuse};
use crate::left_out::LeftOut;
use crate::options::{OWN_FOLDER, Options};
use crate::picture::{Picture, Thumbnail};
use crate::show::Show;

/// Pictures that wait between two threads.
const CAPACITY: usize = 8;

fn main() -> Exit {
    let options = Options::read(Args::of_the_process());
    log_to_stderr();
    options.and_then(run).unwrap_or_else(|error| refuse(&error))
}

fn run(options: Options) -> Result<Exit, String> {
    if options.generate > 0 {
        let drawn = generate::generate(&options.dir, options.generate, options.threads)?;
        if drawn.report().reason != Reason::Completed {
            return Ok(drawn.into_exit());
        }
    }
    make_thumbnails(options)
}

/// Finds out what is wrong before any work has begun, runs, and says what was made.
fn make_thumbnails(options: Options) -> Result<Exit, String> {
    let files = Files::below(&options.dir).map_err(|error| error.to_string())?;
    let out = &options.out;
    fs::create_dir_all(out).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => format!("{}: not a folder", out.display()),
        _ => format!("{}: {error}", out.display()),
    })?;
    let list = out.join("broken.txt");
    let before = read_if_there(&list)?;
    let list = show::create(list)?;
    let mut system = System::new("thumbnails");
    let show = Show::of(&mut system, &options.shown, Some(&list))?;
    let broken = Broken::default();

    let own = [options.dir.join(OWN_FOLDER), out.clone()];
    let own = own.map(|folder| fs::canonicalize(&folder).unwrap_or(folder));
    let not_taken = LeftOut::default();
    let note = not_taken.clone();
    let files = files.only(move |path, kind| is_picture(path, kind, &own, &note));
    let pipeline = assemble(&options, files, broken.clone());
    let running = pipeline.feeds_nothing().spawn(&mut system).map_err(|error| error.to_string())?;

    let outcome = running.ended(system.run());
    let is_due = |path: &Path| Picture::if_due(path.to_owned(), &options.dir, out).is_some();
    let listed = broken.list(&before, is_due, list);
    let shown = show.end(&outcome);
    if outcome.report().reason != Reason::Completed {
        log::info!("ended before its time: run it again, and it makes what is missing");
    }
    let printed = common::print(&balance(outcome.ledger(), out, &not_taken));
    Ok(show::exit(outcome, listed.and(printed).and(shown)))
}

/// What is in a file, if there is one.
fn read_if_there(path: &Path) -> Result<String, String> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// What comes after what. Decoding and resizing are one stage, so that no picture of full size goes
/// from one thread to another.
fn assemble(options: &Options, files: Files, broken: Broken) -> Ready {
    let (dir, out, size) = (options.dir.clone(), options.out.clone(), options.size);
    Pipeline::new("thumbnails")
        .chunk(1)
        .capacity(CAPACITY)
        .source("walk", files)
        .skip_errors()
        .flat_map("due", move |path| Picture::if_due(path, &dir, &out))
        .try_parallel("shrink", options.threads, move |picture: Picture| picture.shrink(size))
        .divert("broken", broken)
        .sink("write", |thumbnail: Thumbnail| Ok(thumbnail.write()?))
}

/// Neither our own thumbnails nor what has no ending of a picture.
fn is_picture(path: &Path, kind: FileType, own: &[PathBuf], not_taken: &LeftOut) -> bool {
    if kind.is_dir() {
        return !fs::canonicalize(path).is_ok_and(|folder| own.contains(&folder));
    }
    let is_one = kind.is_file() && Picture::is_one(path);
    if !is_one {
        not_taken.note(path, "no picture(s)", &"no picture");
    }
    is_one
}

/// Whether every picture that was taken in has become something.
fn balance(ledger: &Ledger, out: &Path, not_taken: &LeftOut) -> String {
    let stage = |name| ledger.stage(name).cloned().unwrap_or_default();
    let (found, done) = (stage("walk").out, stage("due").filtered);
    let (made, broken) = (stage("write").passed, stage("broken").passed);
    let sign = if found == made + broken + done { "=" } else { "≠" };
    let mut text = format!(
        "found {found} {sign} made {made} + broken {broken} + done before {done} pictures\n"
    );
    if !not_taken.is_empty() {
        text += &format!("not taken in: {not_taken}\n");
    }
    text + &format!("the thumbnails are in {}\n", out.display())
}
