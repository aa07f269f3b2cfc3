//! What is asked for on the command line.

use std::str::FromStr;
use std::time::Duration;

use exeunt_chaos::{Fault, Moment};

use crate::child::SABOTAGES;
use crate::topology::Topology;

pub(crate) const HELP: &str = "\
exeunt-chaos: signals at random moments, with faults, against real processes

  --signals N         so many runs, one signal each (300)
  --second [N]        a second signal with every thread stuck, so many times (1000)
  --soak DURATION     one long run: 90s, 20m, 1h
  --list              the topologies, faults and moments
  --help              this

  --seed N            the choices of the run of this seed, and, with --signals, of those after it
  --topology A,B      only these topologies
  --fault A,B         only these faults
  --moment A,B        only these moments
  --jobs N            so many children at a time (two for each processor)
  --limit DURATION    a child that says nothing for so long hangs (60s)
  --sabotage WHAT     a child that does wrong, to see it found out: loses, twice, swaps, status, hangs, silent, late

It ends with 0 if nothing was wrong, with 1 if something was, and with 2 if it could not be run.
";

/// The first word of a child's command line.
pub(crate) const CHILD: &str = "child";

/// What the command is to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Request {
    Help,
    List,
    Signals(Options),
    Second(Options),
    Soak(Duration),
}

/// What to throw among, and how often.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) signals: Option<u64>,
    pub(crate) seed: Option<u64>,
    pub(crate) topologies: Vec<String>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) moments: Vec<Moment>,
    pub(crate) jobs: Option<usize>,
    pub(crate) limit: Option<Duration>,
    pub(crate) sabotage: Option<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            signals: None,
            seed: None,
            topologies: Topology::ALL.iter().map(|topology| topology.name.to_owned()).collect(),
            faults: Fault::ALL.to_vec(),
            moments: Moment::ALL.to_vec(),
            jobs: std::thread::available_parallelism().ok().map(|processors| 2 * processors.get()),
            limit: None,
            sabotage: None,
        }
    }
}

pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Request, String> {
    let mut arguments = arguments.peekable();
    let mut options = Options::default();
    let mut second = false;
    while let Some(argument) = arguments.next() {
        if argument == "--second" {
            second = true;
            if let Some(times) = arguments.next_if(|word| !word.starts_with('-')) {
                options.signals = Some(positive(&argument, &times)?);
            }
            continue;
        }
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--help" | "-h" => return Ok(Request::Help),
            "--list" => return Ok(Request::List),
            "--soak" => return Ok(Request::Soak(duration(&argument, &value()?)?)),
            "--signals" => options.signals = Some(positive(&argument, &value()?)?),
            "--seed" => options.seed = Some(number(&argument, &value()?)?),
            "--topology" => options.topologies = list(&value()?, topology)?,
            "--fault" => options.faults = list(&value()?, Fault::from_str)?,
            "--moment" => options.moments = list(&value()?, Moment::from_str)?,
            "--jobs" => options.jobs = Some(positive(&argument, &value()?)?),
            "--limit" => options.limit = Some(duration(&argument, &value()?)?),
            "--sabotage" => options.sabotage = Some(sabotage(value()?)?),
            _ => return Err(format!("there is no option {argument}; see --help")),
        }
    }
    Ok(if second { Request::Second(options) } else { Request::Signals(options) })
}

fn list<T>(names: &str, one: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    names.split(',').map(one).collect()
}

fn topology(name: &str) -> Result<String, String> {
    match Topology::find(name) {
        Some(topology) => Ok(topology.name.to_owned()),
        None => Err(format!("there is no topology `{name}`")),
    }
}

fn sabotage(name: String) -> Result<String, String> {
    match SABOTAGES.contains(&&*name) {
        true => Ok(name),
        false => Err(format!("there is no sabotage `{name}`")),
    }
}

fn number<T: FromStr>(option: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{option} {text}: not a number"))
}

fn positive<T: FromStr + PartialEq + From<u8>>(option: &str, text: &str) -> Result<T, String> {
    match number(option, text)? {
        zero if zero == T::from(0) => Err(format!("{option} {text}: it takes at least 1")),
        number => Ok(number),
    }
}

/// `90s`, `20m`, `1h`.
fn duration(option: &str, text: &str) -> Result<Duration, String> {
    let wrong = || format!("{option} {text}: not a duration such as 90s, 20m, or 1h");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    let seconds = number.checked_mul(seconds).filter(|&seconds| seconds > 0);
    seconds.map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Request, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn all_is_thrown_among_unless_something_is_named() {
        assert_eq!(parsed(""), Ok(Request::Signals(Options::default())));
        let Ok(Request::Signals(options)) = parsed("--topology chain,tree --fault none --seed 7")
        else {
            panic!("not a campaign")
        };
        assert_eq!(options.topologies, ["chain", "tree"]);
        assert_eq!((options.faults, options.seed), (vec![Fault::None], Some(7)));
    }

    #[test]
    fn how_often_may_be_left_out_of_the_second() {
        let times = |line| match parsed(line) {
            Ok(Request::Second(options)) => (options.signals, options.jobs),
            other => panic!("{other:?}"),
        };
        assert_eq!(times("--second 5 --jobs 1"), (Some(5), Some(1)));
        assert_eq!(times("--second --jobs 1"), (None, Some(1)));
    }

    #[test]
    fn a_duration_has_a_unit() {
        let soak = |text: &str| parsed(&format!("--soak {text}"));
        assert_eq!(soak("90s"), Ok(Request::Soak(Duration::from_secs(90))));
        assert_eq!(soak("20m"), Ok(Request::Soak(Duration::from_secs(1200))));
        assert_eq!(soak("1h"), Ok(Request::Soak(Duration::from_secs(3600))));
        for wrong in ["1", "h", "1d", "0s", "-1s", "99999999999999999999h", "9999999999999999999h"]
        {
            assert!(soak(wrong).unwrap_err().contains("not a duration"), "{wrong}");
        }
    }

    #[test]
    fn an_error_names_the_thing() {
        for (line, error) in [
            ("--loud", "there is no option --loud; see --help"),
            ("--signals", "--signals needs a value"),
            ("--signals many", "--signals many: not a number"),
            ("--signals 0", "--signals 0: it takes at least 1"),
            ("--jobs 0", "--jobs 0: it takes at least 1"),
            ("--topology star", "there is no topology `star`"),
            ("--fault none,fire", "there is no fault `fire`"),
            ("--moment noon", "there is no moment `noon`"),
            ("--sabotage arson", "there is no sabotage `arson`"),
        ] {
            assert_eq!(parsed(line), Err(error.to_owned()));
        }
    }
}
