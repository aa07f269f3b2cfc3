//! What can be chosen on the command line, and what is said when it was chosen wrong.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use crate::device::Temper;

pub(crate) const HELP: &str = "\
Reads a flaky thermometer (a simulated one), and goes on when it fails: the reader and the parser
begin anew together, after a wait that doubles. If that happens too often, all leave in order.
Ctrl-C ends it at any moment, in a wait too. A second one ends it at once.

Usage: supervised [OPTIONS]

  --fail-every N  the device fails at every Nth read; 0 is never (default: 40)
  --broken        it stays away when it has failed: nobody can help, and all leave; status 1
  --hang          it does not even fail, but hangs, and who reads it with it: Ctrl-C gives up waiting
                  for that after six seconds, a second one at once
  --pace TIME     time between two reads, such as 5ms or 1s (default: 100ms)
  --backoff TIME  the first wait in a row; the longest is eight times that (default: 100ms)
  --for SECONDS   ends after so long, instead of with Ctrl-C
  --timeline FILE draws the run as a page for a browser: who did what when
  --seed N        with the same one the same goes wrong (default: 1)
  --help          print this

The environment variable RUST_LOG sets what is logged: `debug` tells each reading.
";

pub(crate) struct Options {
    pub(crate) fail_every: u64,
    pub(crate) temper: Temper,
    pub(crate) pace: Duration,
    pub(crate) backoff: Duration,
    pub(crate) ends_after: Option<Duration>,
    pub(crate) timeline: Option<PathBuf>,
    pub(crate) seed: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            fail_every: 40,
            temper: Temper::Flaky,
            pace: Duration::from_millis(100),
            backoff: Duration::from_millis(100),
            ends_after: None,
            timeline: None,
            seed: 1,
        }
    }
}

/// Reads the command line; `None` asks for help.
pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut options = Options::default();
    while let Some(arg) = args.next() {
        let (name, inline) = match arg.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (arg, None),
        };
        if let ("--broken" | "--hang" | "--help" | "-h", Some(value)) = (name.as_str(), &inline) {
            return Err(format!("{name} takes no value: what is {value}? (see --help)"));
        }
        let mut value = || {
            let next = inline.clone().or_else(|| args.next());
            next.ok_or_else(|| format!("{name} needs a value (see --help)"))
        };
        match name.as_str() {
            "--help" | "-h" => return Ok(None),
            "--fail-every" => options.fail_every = number(&name, &value()?)?,
            "--broken" => options.temper = Temper::Broken,
            "--hang" => options.temper = Temper::Hanging,
            "--pace" => options.pace = duration(&name, &value()?)?,
            "--backoff" => options.backoff = duration(&name, &value()?)?,
            "--for" => {
                let seconds = number(&name, &value()?)?;
                options.ends_after = Some(Duration::from_secs(seconds));
            }
            "--timeline" => options.timeline = Some(file(&name, value()?)?),
            "--seed" => options.seed = number(&name, &value()?)?,
            _ => return Err(format!("unknown option {name} (see --help)")),
        }
    }
    Ok(Some(options))
}

fn number<N: FromStr>(name: &str, value: &str) -> Result<N, String> {
    let parsed = value.parse();
    parsed.map_err(|_| format!("{name} {value}: not a number"))
}

/// A file in a folder that is there: to hear of a slip of the pen after the run would be late.
fn file(name: &str, value: String) -> Result<PathBuf, String> {
    let path = PathBuf::from(value);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match (path.is_dir(), folder.is_none_or(Path::is_dir)) {
        (false, true) if path.file_name().is_some() => Ok(path),
        (false, false) => Err(format!("{name} {}: there is no such folder", path.display())),
        _ => Err(format!("{name} {}: not a file", path.display())),
    }
}

fn duration(name: &str, value: &str) -> Result<Duration, String> {
    let parsed = value.find(|c: char| !c.is_ascii_digit()).and_then(|unit_at| {
        let (number, unit) = value.split_at(unit_at);
        let number = number.parse().ok()?;
        match unit {
            "ms" => Some(Duration::from_millis(number)),
            "s" => Some(Duration::from_secs(number)),
            _ => None,
        }
    });
    match parsed {
        None => Err(format!("{name} {value}: not a time such as 5ms or 1s")),
        Some(Duration::ZERO) => Err(format!("{name} {value}: it takes at least 1ms")),
        Some(duration) => Ok(duration),
    }
}
