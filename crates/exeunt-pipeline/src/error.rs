//! [`Error`]: why a pipeline could not be run, or what ended it.

use std::{fmt, io};

use exeunt::SpawnError;

use crate::pipeline::Outcome;

/// Why a pipeline could not be run, or what ended it before its source did.
///
/// What a source or a sink says that cannot be opened becomes one by `?`, and is printed as the sentence that it is:
///
/// ```
/// use exeunt_pipeline::{AtomicFile, Error, Lines, Outcome, Pipeline};
///
/// fn copy(from: &str, to: &str) -> Result<Outcome, Error> {
///     Pipeline::new("copy").source("lines", Lines::open(from)?).sink("file", AtomicFile::create(to)?).run()
/// }
///
/// let error = copy("/no/such/file", "/no/such/folder/copy").unwrap_err();
/// assert!(format!("{error:?}").starts_with("/no/such/file: "));
/// ```
pub struct Error {
    cause: Box<Cause>,
}

enum Cause {
    Spawn(SpawnError),
    Open(io::Error),
    DoubledName(String),
    Fault(String),
    Failed { name: String, error: String, outcome: Outcome },
}

impl Error {
    pub(crate) fn doubled_name(name: String) -> Error {
        Error { cause: Box::new(Cause::DoubledName(name)) }
    }

    pub(crate) fn fault(what: String) -> Error {
        Error { cause: Box::new(Cause::Fault(what)) }
    }

    pub(crate) fn failed(name: String, error: String, outcome: Outcome) -> Error {
        Error { cause: Box::new(Cause::Failed { name, error, outcome }) }
    }

    /// What became of the run, if it had begun.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        match &*self.cause {
            Cause::Failed { outcome, .. } => Some(outcome),
            _ => None,
        }
    }

    /// The same, for its [exit](Outcome::into_exit).
    #[must_use]
    pub fn into_outcome(self) -> Option<Outcome> {
        match *self.cause {
            Cause::Failed { outcome, .. } => Some(outcome),
            _ => None,
        }
    }

    /// Whether the description makes no sense: a name that is empty, or nothing where there must be something, a batch
    /// of no items say. The text says which.
    #[must_use]
    pub fn is_pointless(&self) -> bool {
        matches!(*self.cause, Cause::Fault(_))
    }

    /// Whether two stages have one name.
    #[must_use]
    pub fn is_doubled_name(&self) -> bool {
        matches!(*self.cause, Cause::DoubledName(_))
    }
}

impl From<SpawnError> for Error {
    fn from(error: SpawnError) -> Error {
        Error { cause: Box::new(Cause::Spawn(error)) }
    }
}

/// What cannot be opened names itself: see [`Lines::open`](crate::Lines::open).
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error { cause: Box::new(Cause::Open(error)) }
    }
}

/// The sentence of its `Display`, since it is what is printed of an error that `main` returns.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.cause {
            Cause::Spawn(error) => error.fmt(f),
            Cause::Open(error) => error.fmt(f),
            Cause::Fault(what) => f.write_str(what),
            Cause::DoubledName(name) => write!(f, "two stages are called `{name}`"),
            Cause::Failed { name, error, .. } => write!(f, "`{name}` failed: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &*self.cause {
            Cause::Spawn(error) => Some(error),
            Cause::Open(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_main_prints_of_it_is_a_sentence() {
        let error = Error::doubled_name("same".to_owned());
        assert_eq!(format!("{error:?}"), "two stages are called `same`");
        let error = Error::fault("`batch` has batches of no items".to_owned());
        assert_eq!(format!("{error:?}"), error.to_string());
    }
}
