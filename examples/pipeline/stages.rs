//! What the stages do with a file, in the order in which it goes through them.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::error;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use exeunt_pipeline::{AtomicFile, Ending, Sink};

/// A file travels as one piece, so that it is counted whole or not at all; this is the largest.
const FILE_LIMIT_BYTES: u64 = 256 * 1024 * 1024;

/// What has no NUL here is worth reading to its end.
const HEAD_BYTES: u64 = 8 * 1024;

// read

/// Why a file that was taken in has no words.
#[derive(Debug)]
pub(crate) enum Skipped {
    Binary,
    NotUtf8,
    TooLarge,
    Unreadable(io::Error),
}

impl Skipped {
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Skipped::Binary => "binary",
            Skipped::NotUtf8 => "not UTF-8",
            Skipped::TooLarge => "too large",
            Skipped::Unreadable(_) => "unreadable",
        }
    }
}

impl From<io::Error> for Skipped {
    fn from(error: io::Error) -> Skipped {
        Skipped::Unreadable(error)
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Skipped::Unreadable(error) => write!(f, "{}: {error}", self.reason()),
            _ => f.write_str(self.reason()),
        }
    }
}

impl error::Error for Skipped {}

pub(crate) fn read(path: &Path) -> Result<String, Skipped> {
    let file = File::open(path)?;
    let size_bytes = file.metadata()?.len();
    if size_bytes > FILE_LIMIT_BYTES {
        return Err(Skipped::TooLarge);
    }
    let mut bytes = Vec::with_capacity(size_bytes as usize);
    (&file).take(HEAD_BYTES).read_to_end(&mut bytes)?;
    if bytes.contains(&0) {
        return Err(Skipped::Binary);
    }
    // A file may grow while it is read.
    (&file).take(FILE_LIMIT_BYTES).read_to_end(&mut bytes)?;
    if bytes.contains(&0) {
        return Err(Skipped::Binary);
    }
    String::from_utf8(bytes).map_err(|_| Skipped::NotUtf8)
}

// split

/// The words of one file, each once, with how often it stands there.
pub(crate) struct Counts {
    text_bytes: u64,
    words: Vec<(Box<str>, u64)>,
}

/// Splits a text into words. To send each word on would cost more than to count it, so the counts
/// of a whole file are one item.
pub(crate) fn split(text: String) -> Counts {
    let lowercase = text.to_lowercase();
    let mut counts: HashMap<&str, u64> = HashMap::new();
    for word in words(&lowercase) {
        *counts.entry(word).or_insert(0) += 1;
    }
    let words = counts.into_iter().map(|(word, count)| (word.into(), count)).collect();
    Counts { text_bytes: text.len() as u64, words }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.starts_with(char::is_alphabetic))
}

// tally

/// All words of all files.
#[derive(Default)]
pub(crate) struct Tally {
    text_bytes: u64,
    words: HashMap<Box<str>, u64>,
}

impl Tally {
    pub(crate) fn add(&mut self, file: Counts) {
        self.text_bytes += file.text_bytes;
        for (word, count) in file.words {
            *self.words.entry(word).or_insert(0) += count;
        }
    }
}

// sort

/// All words of all files, the most frequent first.
pub(crate) struct Table {
    text_bytes: u64,
    rows: Vec<(Box<str>, u64)>,
}

pub(crate) fn sort(tally: Tally) -> Table {
    let mut rows: Vec<(Box<str>, u64)> = tally.words.into_iter().collect();
    rows.sort_unstable_by(|(a, n), (b, m)| (Reverse(n), a).cmp(&(Reverse(m), b)));
    Table { text_bytes: tally.text_bytes, rows }
}

impl Table {
    /// The first rows, and the sums.
    pub(crate) fn summary(&self, top: usize) -> String {
        let mut text = String::new();
        for (word, count) in self.rows.iter().take(top) {
            text += &format!("{count:>10}  {word}\n");
        }
        let words: u64 = self.rows.iter().map(|(_, count)| count).sum();
        let (different, megabytes) = (self.rows.len(), self.text_bytes as f64 / 1e6);
        text + &format!(
            "{different} different words, {words} in all, in {megabytes:.1} MB of text\n"
        )
    }
}

// write

/// Writes the table, if there is a file for it. Of a drain that was cut short there is none: a table that
/// lacks files that were taken in does not pass for one that has them.
pub(crate) struct Write(pub(crate) Option<AtomicFile>);

impl Sink<Table> for Write {
    fn write(&mut self, table: Table) -> exeunt::Result {
        let Some(out) = &mut self.0 else { return Ok(()) };
        for (word, count) in &table.rows {
            writeln!(out, "{word}\t{count}")?;
        }
        Ok(())
    }

    /// A full disk is found out here, so that the table counts as failed.
    fn commit(&mut self, _: Option<&()>) -> exeunt::Result {
        match &mut self.0 {
            Some(out) => Ok(out.flush()?),
            None => Ok(()),
        }
    }

    fn finish(&mut self, ending: Ending) -> exeunt::Result {
        match &mut self.0 {
            Some(out) => Sink::<String>::finish(out, ending),
            None => Ok(()),
        }
    }
}
