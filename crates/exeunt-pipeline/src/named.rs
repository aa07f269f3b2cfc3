//! Errors of the operating system's, with the name of the file.

use std::fmt;
use std::io;
use std::path::Path;

/// The same error, which says what it is about.
pub(crate) fn named(name: impl fmt::Display, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{name}: {error}"))
}

/// The same, of a file.
pub(crate) fn of_file(path: &Path) -> impl Fn(io::Error) -> io::Error {
    |error| named(path.display(), &error)
}
