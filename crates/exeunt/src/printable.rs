//! Texts of the user's as they can stand on a terminal or in a line of a log: without control characters.

use std::fmt::{self, Write};

/// Writes on, with control characters escaped.
pub(crate) struct Printable<W>(pub(crate) W);

impl<W: Write> Write for Printable<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| match c.is_control() {
            true => write!(self.0, "{}", c.escape_default()),
            false => self.0.write_char(c),
        })
    }
}

pub(crate) fn printable(text: &str) -> String {
    let mut printable = Printable(String::with_capacity(text.len()));
    // A string takes everything.
    let _ = printable.write_str(text);
    printable.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(printable("a\nb\u{1b}[2J ü"), r"a\nb\u{1b}[2J ü");
    }
}
