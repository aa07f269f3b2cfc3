//! Text as it can stand on a terminal: without control characters, cut to a width, and with or without
//! colours.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Of a text that is cut.
const ELLIPSIS: char = '…';

/// How a piece of text is to look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Look {
    Plain,
    Faint,
    Bold,
    Good,
    Warm,
    Notable,
    Alarming,
}

impl Look {
    /// What switches it on; everything is switched off by [`OFF`].
    fn on(self) -> &'static str {
        match self {
            Look::Plain => "",
            Look::Faint => "\x1b[2m",
            Look::Bold => "\x1b[1m",
            Look::Good => "\x1b[32m",
            Look::Warm => "\x1b[33m",
            Look::Notable => "\x1b[1;36m",
            Look::Alarming => "\x1b[1;31m",
        }
    }
}

const OFF: &str = "\x1b[0m";

/// One line, in pieces.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Line(Vec<(String, Look)>);

impl Line {
    pub(crate) fn of(text: impl Into<String>, look: Look) -> Line {
        Line::default().then(text, look)
    }

    pub(crate) fn then(mut self, text: impl Into<String>, look: Look) -> Line {
        self.0.push((text.into(), look));
        self
    }

    pub(crate) fn width(&self) -> usize {
        self.0.iter().map(|(text, _)| width(text)).sum()
    }

    /// The line in at most so many columns.
    pub(crate) fn render(&self, columns: usize, in_colour: bool) -> String {
        let mut rendered = String::new();
        let mut left = columns;
        for (text, look) in &self.0 {
            let piece = cut(text, left);
            left -= width(&piece);
            match look.on() {
                on if in_colour && !on.is_empty() && !piece.is_empty() => {
                    rendered.extend([on, &piece, OFF]);
                }
                _ => rendered.push_str(&piece),
            }
            if piece.ends_with(ELLIPSIS) && piece != *text {
                break;
            }
        }
        // What is blank needs no writing.
        match in_colour {
            true => rendered,
            false => rendered.trim_end().to_owned(),
        }
    }
}

/// How many columns a text takes. Where it is a matter of opinion, the more.
pub(crate) fn width(text: &str) -> usize {
    let by_chars = text.chars().map(|c| c.width().unwrap_or(0)).sum();
    text.width().max(by_chars)
}

/// The text in at most so many columns, with an ellipsis if it had to be cut.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    let text = printable(text);
    if width(&text) <= columns {
        return text;
    }
    let Some(columns) = columns.checked_sub(1) else { return String::new() };
    let mut cut = String::new();
    for c in text.chars() {
        cut.push(c);
        if width(&cut) > columns {
            cut.pop();
            break;
        }
    }
    cut.push(ELLIPSIS);
    cut
}

/// The text in exactly so many columns, to the left.
pub(crate) fn left(text: &str, columns: usize) -> String {
    let mut text = cut(text, columns);
    text.extend(std::iter::repeat_n(' ', columns - width(&text)));
    text
}

/// The text in exactly so many columns, to the right.
pub(crate) fn right(text: &str, columns: usize) -> String {
    let text = cut(text, columns);
    let mut padded = " ".repeat(columns - width(&text));
    padded.push_str(&text);
    padded
}

/// A text of the user's without what would move the cursor, or turn the direction of writing.
pub(crate) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c if c.is_control() => printable.extend(c.escape_default()),
            c => printable.push(c),
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_to_the_width_also_where_characters_are_wide() {
        assert_eq!(cut("reader", 6), "reader");
        assert_eq!(cut("reader", 5), "read…");
        assert_eq!(cut("reader", 1), "…");
        assert_eq!(cut("reader", 0), "");
        // Two columns each: there is no half of one.
        assert_eq!(cut("読む人", 6), "読む人");
        assert_eq!(cut("読む人", 5), "読む…");
        assert_eq!(cut("読む人", 4), "読…");
        assert_eq!(left("読む人", 5), "読む…");
        assert_eq!(left("読む人", 4), "読… ");
        assert_eq!(right("読", 4), "  読");
        assert_eq!(width("é"), 1);
    }

    #[test]
    fn a_name_cannot_play_with_the_terminal() {
        let name = cut("a\x1b[2J\nb\u{9b}\u{202e}c", 99);
        assert!(!name.contains(char::is_control), "{name:?}");
        assert_eq!(name, "a\\u{1b}[2J\\nb\\u{9b}c");
    }

    #[test]
    fn a_line_is_cut_as_a_whole_and_its_colours_end_with_it() {
        let line = Line::of("draining ", Look::Notable).then("read-1", Look::Plain);
        assert_eq!(line.render(80, false), "draining read-1");
        assert_eq!(line.render(80, true), "\x1b[1;36mdraining \x1b[0mread-1");
        assert_eq!(line.render(11, false), "draining r…");
        assert_eq!(line.render(5, true), "\x1b[1;36mdrai…\x1b[0m");
        assert_eq!(line.render(0, true), "");
    }
}
