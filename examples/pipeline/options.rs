//! What can be chosen on the command line, and what is said when it was chosen wrong.

use std::ffi::{OsStr, OsString};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

pub(crate) const HELP: &str = "\
Counts the words of every text file below DIR (default: the current folder).
A word is a run of letters and digits that begins with a letter; case does not count.
Ctrl-C ends it in order: every file that was taken in is counted. A second one ends it at once.

Usage: pipeline [OPTIONS] [DIR]

  --workers N    threads that read files (default: one per processor)
  --capacity N   messages that a mailbox holds before its senders wait (default: 16)
  --pace TIME    pause before each file, such as 5ms or 1s, so that a drain can be watched
  --top N        how many of the most frequent words to print (default: 10)
  --out FILE     write all words and counts there, separated by tabs, the most frequent first
  --report FILE  write there, as JSON, how each actor ended
  --help         print this

The environment variable RUST_LOG sets what is logged: `debug` names each file that is skipped.
";

/// Enough that nobody waits for one slow file; few enough that a mailbox full of files fits in
/// memory, and that a drain is short.
const DEFAULT_CAPACITY: usize = 16;

/// Each is a thread; more of them than this read nothing faster.
const MOST_WORKERS: usize = 256;

pub(crate) struct Options {
    pub(crate) dir: PathBuf,
    pub(crate) workers: usize,
    pub(crate) capacity: usize,
    pub(crate) pace: Duration,
    pub(crate) top: usize,
    pub(crate) out: Option<PathBuf>,
    pub(crate) report: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            dir: PathBuf::from("."),
            workers: thread::available_parallelism().map_or(1, NonZeroUsize::get),
            capacity: DEFAULT_CAPACITY,
            pace: Duration::ZERO,
            top: 10,
            out: None,
            report: None,
        }
    }
}

/// Reads the command line; `None` asks for help.
pub(crate) fn parse(args: impl Iterator<Item = OsString>) -> Result<Option<Options>, String> {
    let mut options = Options::default();
    let mut folders = Vec::new();
    let mut args = args;
    while let Some(arg) = args.next() {
        let (name, inline) = split_option(&arg);
        let mut value = || {
            let next = inline.clone().or_else(|| args.next());
            next.ok_or_else(|| format!("{name} needs a value (see --help)"))
        };
        match name.as_str() {
            "--help" | "-h" => return Ok(None),
            "--workers" => options.workers = workers(&name, &value()?)?,
            "--capacity" => options.capacity = at_least_one(&name, &value()?)?,
            "--pace" => options.pace = duration(&name, &value()?)?,
            "--top" => options.top = number(&name, &value()?)?,
            "--out" => options.out = Some(value()?.into()),
            "--report" => options.report = Some(value()?.into()),
            "--" => folders.extend(args.by_ref()),
            _ if name.starts_with('-') => {
                return Err(format!("unknown option {name} (see --help)"));
            }
            _ => folders.push(arg),
        }
    }
    match folders.len() {
        0 => {}
        1 => options.dir = folders.remove(0).into(),
        _ => {
            let second = folders[1].to_string_lossy();
            return Err(format!("one folder at a time: what is {second}? (see --help)"));
        }
    }
    Ok(Some(options))
}

/// Parts `--name=value`. A folder's name is not taken apart, since it need not be UTF-8.
fn split_option(arg: &OsStr) -> (String, Option<OsString>) {
    let text = arg.to_string_lossy();
    match text.split_once('=') {
        Some((name, value)) if name.starts_with("--") => (name.to_owned(), Some(value.into())),
        _ => (text.into_owned(), None),
    }
}

fn number(name: &str, value: &OsStr) -> Result<usize, String> {
    let parsed = value.to_str().and_then(|value| value.parse().ok());
    let value = value.to_string_lossy();
    parsed.ok_or_else(|| format!("{name} {value}: not a number"))
}

fn at_least_one(name: &str, value: &OsStr) -> Result<usize, String> {
    match number(name, value)? {
        0 => Err(format!("{name} 0: it takes at least 1")),
        number => Ok(number),
    }
}

fn workers(name: &str, value: &OsStr) -> Result<usize, String> {
    match at_least_one(name, value)? {
        number if number > MOST_WORKERS => {
            Err(format!("{name} {number}: at most {MOST_WORKERS} are of use"))
        }
        number => Ok(number),
    }
}

fn duration(name: &str, value: &OsStr) -> Result<Duration, String> {
    let parsed = value.to_str().and_then(|value| {
        let unit_at = value.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = value.split_at(unit_at);
        let number = number.parse().ok()?;
        match unit {
            "us" => Some(Duration::from_micros(number)),
            "ms" => Some(Duration::from_millis(number)),
            "s" => Some(Duration::from_secs(number)),
            _ => None,
        }
    });
    let value = value.to_string_lossy();
    parsed.ok_or_else(|| format!("{name} {value}: not a time such as 5ms or 1s"))
}
