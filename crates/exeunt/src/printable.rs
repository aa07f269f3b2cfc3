//! Texts of the user's as they can stand on a terminal or in a line of a log: without characters that either would
//! obey.

use std::fmt::{self, Write};

/// Writes on, with each character escaped that is no letter but an order.
pub(crate) struct Printable<W>(pub(crate) W);

impl<W: Write> Write for Printable<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| match is_an_order(c) {
            true => write!(self.0, "{}", c.escape_default()),
            false => self.0.write_char(c),
        })
    }
}

/// Control characters, and those that turn the direction of what follows or begin a new line: a name that came from outside
/// could make a line of the report say something else.
fn is_an_order(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
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

    #[test]
    fn what_would_turn_the_rest_of_a_line_around_is_escaped() {
        assert_eq!(printable("a\u{202e}b\u{2066}c"), r"a\u{202e}b\u{2066}c");
    }
}
