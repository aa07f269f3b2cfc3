//! Command lines: what the larger examples ask of them beyond what `lexopt` does.
#![allow(dead_code)] // each program takes its own part of it

use std::ffi::OsString;
use std::str::FromStr;
use std::time::Duration;

use lexopt::{Arg, Parser};

use crate::common;
use crate::show::Shown;

/// The command line of a program, taken apart one by one.
pub(crate) struct Args {
    parser: Parser,
    /// The option whose value is read, as it was given.
    name: String,
    folders: Vec<OsString>,
}

impl Args {
    pub(crate) fn of_the_process() -> Args {
        Args { parser: Parser::from_env(), name: String::new(), folders: Vec::new() }
    }

    /// The name of the next option; what is no option is kept as a folder. At `--help` it says that, and ends the
    /// program.
    pub(crate) fn next_option(&mut self, help: &str) -> Result<Option<String>, String> {
        while let Some(arg) = self.parser.next().map_err(|error| error.to_string())? {
            match arg {
                Arg::Value(folder) => self.folders.push(folder),
                Arg::Long("help") | Arg::Short('h') => common::help(help),
                Arg::Long(name) => {
                    self.name = format!("--{name}");
                    return Ok(Some(self.name.clone()));
                }
                Arg::Short(letter) => return Err(unknown(&format!("-{letter}"))),
            }
        }
        Ok(None)
    }

    /// The value of the option.
    pub(crate) fn value(&mut self) -> Result<OsString, String> {
        self.parser.value().map_err(|_| format!("{} needs a value (see --help)", self.name))
    }

    pub(crate) fn number<N: FromStr>(&mut self) -> Result<N, String> {
        let value = self.value()?;
        let number = value.to_str().and_then(|value| value.parse().ok());
        number.ok_or_else(|| format!("{} {}: not a number", self.name, value.to_string_lossy()))
    }

    /// A number that is neither nothing nor too much.
    pub(crate) fn number_up_to(&mut self, most: usize) -> Result<usize, String> {
        match self.number()? {
            0 => Err(format!("{} 0: it takes at least 1", self.name)),
            number if number > most => {
                Err(format!("{} {number}: at most {most} are of use", self.name))
            }
            number => Ok(number),
        }
    }

    /// A time with its unit.
    pub(crate) fn time(&mut self) -> Result<Duration, String> {
        let value = self.value()?;
        let time = value.to_str().and_then(time);
        let value = value.to_string_lossy();
        time.ok_or_else(|| format!("{} {value}: not a time such as 5ms or 1s", self.name))
    }

    /// For an option that the program does not know itself: how it is shown, or nothing that anybody knows.
    pub(crate) fn shown(&mut self, shown: &mut Shown) -> Result<(), String> {
        match self.name.as_str() {
            "--plain" => shown.is_plain = true,
            "--timeline" => shown.timeline = Some(self.value()?.into()),
            "--report" => shown.report = Some(self.value()?.into()),
            name => return Err(unknown(name)),
        }
        Ok(())
    }

    /// The only folder there is, if there is one.
    pub(crate) fn folder(self) -> Result<Option<OsString>, String> {
        let mut folders = self.folders.into_iter();
        match (folders.next(), folders.next()) {
            (folder, None) => Ok(folder),
            (_, Some(second)) => {
                let second = second.to_string_lossy();
                Err(format!("one folder at a time: what is {second}? (see --help)"))
            }
        }
    }
}

fn unknown(name: &str) -> String {
    format!("unknown option {name} (see --help)")
}

fn time(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let number = number.parse().ok()?;
    match unit {
        "us" => Some(Duration::from_micros(number)),
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        _ => None,
    }
}
