//! What can be chosen on the command line, and what is said when it was chosen wrong.

use std::str::FromStr;
use std::time::Duration;

pub(crate) const HELP: &str = "\
Accounts that pay each other, each an actor of its own. However and whenever it ends, no money is
made and none is lost. Ctrl-C ends it in order: what was ordered is paid. A second one ends it at
once.

Usage: bank [OPTIONS]

  --accounts N   how many there are, from 2 to 500 (default: 10)
  --transfers N  how many are ordered before the bank closes, or `endless` (default: endless)
  --pace TIME    how long a clerk takes for each message, such as 5ms or 1s, so that a drain can be
                 watched (default: nothing)
  --thief        one of the accounts keeps a coin of what it passes on, to see that it is found out
  --seed N       with the same one the same transfers are ordered (default: 1)
  --help         print this
";

/// Each is a thread.
const MOST_ACCOUNTS: usize = 500;

pub(crate) struct Options {
    pub(crate) accounts: usize,
    /// Endless, if `None`.
    pub(crate) transfers: Option<u64>,
    pub(crate) pace: Duration,
    pub(crate) has_thief: bool,
    pub(crate) seed: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options { accounts: 10, transfers: None, pace: Duration::ZERO, has_thief: false, seed: 1 }
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
        if let ("--thief" | "--help" | "-h", Some(value)) = (name.as_str(), &inline) {
            return Err(format!("{name} takes no value: what is {value}? (see --help)"));
        }
        let mut value = || {
            let next = inline.clone().or_else(|| args.next());
            next.ok_or_else(|| format!("{name} needs a value (see --help)"))
        };
        match name.as_str() {
            "--help" | "-h" => return Ok(None),
            "--accounts" => options.accounts = accounts(&name, &value()?)?,
            "--transfers" => options.transfers = transfers(&name, &value()?)?,
            "--pace" => options.pace = duration(&name, &value()?)?,
            "--thief" => options.has_thief = true,
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

fn accounts(name: &str, value: &str) -> Result<usize, String> {
    match number(name, value)? {
        0 | 1 => Err(format!("{name} {value}: to pay each other takes at least 2")),
        number if number > MOST_ACCOUNTS => {
            Err(format!("{name} {value}: at most {MOST_ACCOUNTS}, each is a thread"))
        }
        number => Ok(number),
    }
}

fn transfers(name: &str, value: &str) -> Result<Option<u64>, String> {
    if value == "endless" {
        return Ok(None);
    }
    let parsed = value.parse().map(Some);
    parsed.map_err(|_| format!("{name} {value}: neither a number nor `endless`"))
}

fn duration(name: &str, value: &str) -> Result<Duration, String> {
    let parsed = value.find(|c: char| !c.is_ascii_digit()).and_then(|unit_at| {
        let (number, unit) = value.split_at(unit_at);
        let number = number.parse().ok()?;
        match unit {
            "us" => Some(Duration::from_micros(number)),
            "ms" => Some(Duration::from_millis(number)),
            "s" => Some(Duration::from_secs(number)),
            _ => None,
        }
    });
    parsed.ok_or_else(|| format!("{name} {value}: not a time such as 5ms or 1s"))
}
