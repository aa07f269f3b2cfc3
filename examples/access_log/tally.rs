//! [`Tally`]: a batch of lines, added up in memory, so that a thousand requests for one path in one
//! minute become one row to write.

use std::collections::HashMap;

use crate::logs::Line;
use crate::record::Record;

/// What a batch of lines adds up to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// By path first, so that a path is looked up as it stands in the line, and copied once.
    paths: HashMap<String, HashMap<(i64, u16), Sums>>,
    lines: u64,
    broken: u64,
    lost: Vec<String>,
}

/// What is known of the requests of one minute, path and status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) hits: u64,
    pub(crate) bytes: u64,
}

/// One row of what a tally adds up to.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key<'a> {
    pub(crate) minute: i64,
    pub(crate) path: &'a str,
    pub(crate) status: u16,
}

impl Tally {
    /// Parses the lines of a batch, and adds them up. They are read where they stand; only a path that is
    /// new is copied.
    pub(crate) fn of(lines: &[Line]) -> Tally {
        let mut tally = Tally::default();
        for Line { text, lost } in lines {
            tally.lost.extend_from_slice(lost);
            match Record::parse(text) {
                Ok(record) => tally.add(&record),
                Err(error) => {
                    log::debug!("broken at {error}: {text}");
                    tally.add_broken();
                }
            }
        }
        tally
    }

    pub(crate) fn add(&mut self, record: &Record<'_>) {
        self.lines += 1;
        let path = match self.paths.get_mut(&*record.path) {
            Some(path) => path,
            None => self.paths.entry(record.path.clone().into_owned()).or_default(),
        };
        let sums = path.entry((record.minute, record.status)).or_default();
        sums.hits += 1;
        sums.bytes = sums.bytes.saturating_add(record.bytes);
    }

    /// A line that is no record is counted as such.
    pub(crate) fn add_broken(&mut self) {
        self.lines += 1;
        self.broken += 1;
    }

    /// How many lines it is made of, with the broken ones.
    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }

    pub(crate) fn broken(&self) -> u64 {
        self.broken
    }

    /// What could not be read on the way to them.
    pub(crate) fn lost(&self) -> &[String] {
        &self.lost
    }

    /// All rows, in the order of their keys.
    pub(crate) fn rows(&self) -> Vec<(Key<'_>, Sums)> {
        let rows = self.paths.iter().flat_map(|(path, minutes)| {
            let key = move |&(minute, status)| Key { minute, path, status };
            minutes.iter().map(move |(at, sums)| (key(at), *sums))
        });
        let mut rows: Vec<_> = rows.collect();
        rows.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_minute_path_and_status_in_common_is_one_row() {
        let mut tally = Tally::default();
        let mut add = |minute, path: &str, status, bytes| {
            tally.add(&Record { minute, path: path.into(), status, bytes });
        };
        add(60, "/b", 200, 1);
        add(60, "/a", 200, 2);
        add(0, "/b", 200, 3);
        add(60, "/b", 404, 4);
        add(60, "/b", 200, 5);
        add(60, "/b", 200, u64::MAX);
        tally.add_broken();
        let row = |minute, path, status, hits, bytes| {
            (Key { minute, path, status }, Sums { hits, bytes })
        };
        let rows = [
            row(0, "/b", 200, 1, 3),
            row(60, "/a", 200, 1, 2),
            row(60, "/b", 200, 3, u64::MAX),
            row(60, "/b", 404, 1, 4),
        ];
        assert_eq!(tally.rows(), rows);
        assert_eq!((tally.lines(), tally.broken()), (7, 1));
    }
}
