//! The figures of a page, and the line that they are in the file.

use std::fmt::{self, Write as _};

/// What became of one actor's messages, by its own code and that of its senders.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Figures {
    pub(crate) offered: u64,
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) entered: u64,
    pub(crate) handled: u64,
    pub(crate) failed: u64,
    pub(crate) returned: u64,
    pub(crate) disordered: u64,
}

/// So many columns a name may take.
const NAME_BYTES: usize = 24;

/// Whether a name can be told from the figures behind it.
pub(crate) fn is_fit(name: &str) -> bool {
    name.len() <= NAME_BYTES && name.trim() == name && !name.contains(['=', '\n'])
}

impl Figures {
    fn each(&self) -> [(&'static str, u64); 8] {
        [
            ("offered", self.offered),
            ("accepted", self.accepted),
            ("refused", self.refused),
            ("entered", self.entered),
            ("handled", self.handled),
            ("failed", self.failed),
            ("returned", self.returned),
            ("disordered", self.disordered),
        ]
    }

    fn each_mut(&mut self) -> [&mut u64; 8] {
        [
            &mut self.offered,
            &mut self.accepted,
            &mut self.refused,
            &mut self.entered,
            &mut self.handled,
            &mut self.failed,
            &mut self.returned,
            &mut self.disordered,
        ]
    }

    /// Those that were in a handler at the end, which never came back.
    pub(crate) fn in_hand(&self) -> u64 {
        self.entered.saturating_sub(self.handled + self.failed)
    }

    /// A line, of the same length for all.
    pub(crate) fn to_line(self, name: &str) -> String {
        let mut line = name.to_owned();
        line.extend(std::iter::repeat_n(' ', NAME_BYTES - name.len()));
        for (key, number) in self.each() {
            let _ = write!(line, " {key}={number:010}");
        }
        line.push('\n');
        line
    }

    /// Reads a line.
    pub(crate) fn parse(line: &str) -> Option<(String, Figures)> {
        let (name, mut rest) = line.split_at_checked(NAME_BYTES)?;
        let mut figures = Figures::default();
        let keys = figures.each().map(|(key, _)| key);
        for (key, number) in keys.into_iter().zip(figures.each_mut()) {
            let (value, others) = rest.strip_prefix(' ')?.split_at_checked(key.len() + 11)?;
            *number = value.strip_prefix(key)?.strip_prefix('=')?.parse().ok()?;
            rest = others;
        }
        rest.is_empty().then(|| (name.trim_end().to_owned(), figures))
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (key, number)) in self.each().into_iter().enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(f, "{space}{key}={number}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let figures = Figures { offered: 12, accepted: 11, refused: 1, ..Figures::default() };
        let line = figures.to_line("a sink");
        assert_eq!(Figures::parse(line.trim_end()), Some(("a sink".to_owned(), figures)));
        assert_eq!(line.len(), Figures::default().to_line("").len());
        for end in 0..line.len() - 1 {
            assert_eq!(Figures::parse(&line[..end]), None);
        }
    }

    #[test]
    fn a_name_that_could_not_be_read_back_is_none() {
        assert!(is_fit("worker 2") && is_fit(""));
        for name in [" a", "a=b", "a\nb", "a name that is longer than its column"] {
            assert!(!is_fit(name), "{name}");
        }
    }
}
