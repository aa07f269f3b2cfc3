//! [`Checkpoint`]: a position that outlives the process, as text.

use std::fmt::Display;
use std::str::FromStr;

/// Says of a sink that it keeps positions, together with what it was given: [`AppendFile::checkpoint`] and
/// `SqliteSink::checkpoint` (feature `sqlite`) make it one.
///
/// A position is whatever has a text that it can be read from again: the numbers of [`Lines`](crate::Lines), the paths
/// of [`Files`](crate::Files), or a type of one's own with [`Display`] and [`FromStr`].
///
/// [`AppendFile::checkpoint`]: crate::AppendFile::checkpoint
#[derive(Clone, Debug)]
pub struct Checkpoint<P> {
    /// Where the last commit was.
    pub(super) position: Option<P>,
}

impl<P> Checkpoint<P>
where
    P: Display + FromStr<Err: Display>,
{
    /// What was kept, if there was anything.
    pub(super) fn read(text: Option<&str>) -> Result<Checkpoint<P>, String> {
        let position = text.map(str::parse).transpose();
        let position = position.map_err(|error| format!("its position cannot be read: {error}"))?;
        Ok(Checkpoint { position })
    }

    pub(super) fn text(&self) -> Option<String> {
        self.position.as_ref().map(ToString::to_string)
    }
}
