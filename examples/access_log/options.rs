//! What can be chosen on the command line, and what is said when it was chosen wrong.

use std::ffi::{OsStr, OsString};
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::str::FromStr;

pub(crate) const HELP: &str = "\
Counts the requests in the web server logs of DIR, per minute, path and status, in a SQLite database.
The logs are those of the common or the combined format, rotated or not, plain or gzip: access.log,
access.log.1, access.log.2.gz. Killed at any moment and run again, it goes on where it was, and counts
no line twice.

Usage: access_log [OPTIONS] DIR

  --generate N  before, make logs of N lines in DIR, which is empty or missing; if they are there
                already, nothing is made
  --seed N      with the same one the same logs are made (default: 1)
  --db FILE     the database (default: requests.db in DIR)
  --batch N     lines that are counted in one transaction (default: 20000)
  --help        print this

The environment variable RUST_LOG sets what is logged: `debug` names each line that is broken.
";

/// Enough that a transaction costs little for each line; few enough that little is done twice.
const DEFAULT_BATCH: u64 = 20_000;

pub(crate) struct Options {
    pub(crate) dir: PathBuf,
    pub(crate) generate: Option<NonZeroU64>,
    pub(crate) seed: u64,
    pub(crate) db: PathBuf,
    pub(crate) batch_lines: u64,
}

/// Reads the command line; `None` asks for help.
pub(crate) fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Option<Options>, String> {
    let (mut generate, mut seed, mut db, mut batch_lines) = (None, 1, None, DEFAULT_BATCH);
    let mut folders = Vec::new();
    while let Some(arg) = args.next() {
        let (name, inline) = split_option(&arg);
        if let ("--help", Some(value)) = (name.as_str(), &inline) {
            let value = value.to_string_lossy();
            return Err(format!("{name} takes no value: what is {value}? (see --help)"));
        }
        let mut value = || {
            let next = inline.clone().or_else(|| args.next());
            next.ok_or_else(|| format!("{name} needs a value (see --help)"))
        };
        match name.as_str() {
            "--help" | "-h" => return Ok(None),
            "--generate" => generate = Some(at_least_one(&name, &value()?)?),
            "--seed" => seed = number(&name, &value()?)?,
            "--db" => db = Some(PathBuf::from(value()?)),
            "--batch" => batch_lines = at_least_one(&name, &value()?)?.get(),
            "--" => folders.extend(args.by_ref()),
            _ if name.starts_with('-') => {
                return Err(format!("unknown option {name} (see --help)"));
            }
            _ => folders.push(arg),
        }
    }
    let dir = PathBuf::from(the_only(folders)?);
    let db = db.unwrap_or_else(|| dir.join("requests.db"));
    Ok(Some(Options { dir, generate, seed, db, batch_lines }))
}

fn the_only(folders: Vec<OsString>) -> Result<OsString, String> {
    let mut folders = folders.into_iter();
    match (folders.next(), folders.next()) {
        (Some(folder), None) => Ok(folder),
        (Some(_), Some(second)) => {
            let second = second.to_string_lossy();
            Err(format!("one folder at a time: what is {second}? (see --help)"))
        }
        (None, _) => Err("the folder of the logs is missing (see --help)".to_owned()),
    }
}

/// Parts `--name=value`. A folder's name is not taken apart, since it need not be UTF-8.
fn split_option(arg: &OsStr) -> (String, Option<OsString>) {
    let text = arg.to_string_lossy();
    match text.split_once('=') {
        Some((name, value)) if name.starts_with("--") => (name.to_owned(), Some(value.into())),
        _ => (text.into_owned(), None),
    }
}

fn number<N: FromStr>(name: &str, value: &OsStr) -> Result<N, String> {
    let parsed = value.to_str().and_then(|value| value.parse().ok());
    let value = value.to_string_lossy();
    parsed.ok_or_else(|| format!("{name} {value}: not a number"))
}

fn at_least_one(name: &str, value: &OsStr) -> Result<NonZeroU64, String> {
    let number = number(name, value)?;
    NonZeroU64::new(number).ok_or_else(|| format!("{name} 0: it takes at least 1"))
}
