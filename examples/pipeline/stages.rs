//! The stages, in the order in which a file goes through them.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fs::{self, DirEntry, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use exeunt::{Actor, Addr, Context, SendError, TaskContext};

use crate::census::{Census, Skipped};
use crate::output::Output;

/// A file travels as one piece, so that it is counted whole or not at all; this is the largest.
const FILE_LIMIT_BYTES: u64 = 256 * 1024 * 1024;

/// What has no NUL here is worth reading to its end.
const HEAD_BYTES: u64 = 8 * 1024;

/// How often a long loop gives a sign of life, so that a drain does not take it for stuck.
const SIGN_OF_LIFE_EVERY: usize = 4096;

// walk

/// Finds the files and hands them out to the readers. It is a task, a loop of its own: its turn
/// to leave comes at once when the drain begins, and from then on nothing more is taken in.
pub(crate) struct Walk {
    pub(crate) root: PathBuf,
    pub(crate) readers: Vec<Addr<PathBuf>>,
    /// The reader that was served last.
    pub(crate) served: usize,
    /// The files that this program itself writes.
    pub(crate) own: Vec<PathBuf>,
    pub(crate) census: Arc<Census>,
}

impl Walk {
    pub(crate) fn run(mut self, cx: &TaskContext) -> exeunt::Result {
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) => {
                    self.unreadable(&folder, &error);
                    continue;
                }
            };
            for entry in entries {
                if cx.stopping().is_set() {
                    return Ok(());
                }
                match entry {
                    Ok(entry) => self.take_in(&entry, &mut folders)?,
                    Err(error) => self.unreadable(&folder, &error),
                }
            }
        }
        Ok(())
    }

    /// Symbolic links are not followed: what they point to below the folder is found anyway, and
    /// a loop of them would never end. Neither are pipes and devices opened, which may block.
    fn take_in(&mut self, entry: &DirEntry, folders: &mut Vec<PathBuf>) -> exeunt::Result {
        let path = entry.path();
        let skipped = match entry.file_type() {
            Ok(kind) if kind.is_dir() => {
                folders.push(path);
                return Ok(());
            }
            Ok(kind) if kind.is_file() && !self.own.contains(&path) => {
                return self.hand_out(path);
            }
            Ok(kind) if kind.is_file() => Skipped::OwnOutput,
            Ok(kind) if kind.is_symlink() => Skipped::SymbolicLink,
            Ok(_) => Skipped::SpecialFile,
            Err(error) => {
                self.unreadable(&path, &error);
                return Ok(());
            }
        };
        self.census.skipped(&path, skipped, None);
        Ok(())
    }

    /// Gives a file to the next reader that has room, and waits if none has: this is where the
    /// whole pipeline holds the walk back.
    fn hand_out(&mut self, mut path: PathBuf) -> exeunt::Result {
        for _ in 0..self.readers.len() {
            self.served = (self.served + 1) % self.readers.len();
            match self.readers[self.served].try_send(path) {
                Ok(()) => {
                    self.census.walked();
                    return Ok(());
                }
                Err(refused) => path = refused.into_message(),
            }
        }
        match self.readers[self.served].send(path) {
            Ok(()) => self.census.walked(),
            // The reader has failed, and with that begun the drain. It was its failure, not ours.
            Err(SendError::Closed(path)) => log::debug!("not taken in: {}", path.display()),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn unreadable(&self, folder: &Path, error: &io::Error) {
        self.census.skipped(folder, Skipped::UnreadableFolder, Some(error));
    }
}

// read

/// Reads files, and sends on the text of each.
pub(crate) struct Read {
    pub(crate) split: Addr<String>,
    pub(crate) pace: Duration,
    pub(crate) census: Arc<Census>,
}

impl Actor for Read {
    type Msg = PathBuf;

    fn handle(&mut self, path: PathBuf, cx: &mut Context<Self>) -> exeunt::Result {
        if !self.pace.is_zero() {
            // A drain keeps the pace, so that it can be watched. Past the deadline this ends at
            // once, and the file in hand is still read.
            let _ = cx.sleep(self.pace);
        }
        let text = read_text(&path).unwrap_or_else(|(why, error)| {
            let error = error.as_ref().map(|error| error as &dyn std::fmt::Display);
            self.census.skipped(&path, why, error);
            // It travels on as a text without words, so that the tally has seen every file.
            String::new()
        });
        self.census.text(text.len());
        Ok(self.split.send(text)?)
    }
}

fn read_text(path: &Path) -> Result<String, (Skipped, Option<io::Error>)> {
    let unreadable = |error| (Skipped::Unreadable, Some(error));
    let file = File::open(path).map_err(unreadable)?;
    let size_bytes = file.metadata().map_err(unreadable)?.len();
    if size_bytes > FILE_LIMIT_BYTES {
        return Err((Skipped::TooLarge, None));
    }
    let mut bytes = Vec::with_capacity(size_bytes as usize);
    (&file).take(HEAD_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.contains(&0) {
        return Err((Skipped::Binary, None));
    }
    // A file may grow while it is read.
    (&file).take(FILE_LIMIT_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.contains(&0) {
        return Err((Skipped::Binary, None));
    }
    String::from_utf8(bytes).map_err(|_| (Skipped::NotUtf8, None))
}

// split

/// The words of one file, each once, with how often it stands there.
pub(crate) type Counts = Vec<(Box<str>, u64)>;

/// Splits texts into words. Sending each word on would cost more than counting it, so it sends
/// the counts of a whole file.
pub(crate) struct Split {
    pub(crate) tally: Addr<Counts>,
}

impl Actor for Split {
    type Msg = String;

    fn handle(&mut self, text: String, cx: &mut Context<Self>) -> exeunt::Result {
        let text = text.to_lowercase();
        let mut counts: HashMap<&str, u64> = HashMap::new();
        for (i, word) in words(&text).enumerate() {
            *counts.entry(word).or_insert(0) += 1;
            if i % SIGN_OF_LIFE_EVERY == 0 {
                cx.progress();
            }
        }
        let counts = counts.into_iter().map(|(word, n)| (word.into(), n));
        Ok(self.tally.send(counts.collect())?)
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.starts_with(char::is_alphabetic))
}

// tally

/// All words, with how often they stand in all files.
pub(crate) type Words = HashMap<Box<str>, u64>;

/// Adds the counts of the files up. When the last one has come it sends the sums on: its mailbox
/// is empty then, and the one downstream still open.
pub(crate) struct Tally {
    pub(crate) words: Words,
    pub(crate) write: Addr<Words>,
    pub(crate) census: Arc<Census>,
}

impl Actor for Tally {
    type Msg = Counts;

    fn handle(&mut self, counts: Counts, _cx: &mut Context<Self>) -> exeunt::Result {
        for (word, count) in counts {
            *self.words.entry(word).or_insert(0) += count;
        }
        self.census.tallied();
        Ok(())
    }

    fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
        Ok(self.write.send(std::mem::take(&mut self.words))?)
    }
}

// write

/// What the summary says of the words.
pub(crate) struct Summary {
    pub(crate) top: Vec<(Box<str>, u64)>,
    pub(crate) words: u64,
    pub(crate) different: usize,
}

/// Sorts the words and writes the table.
pub(crate) struct Write {
    pub(crate) top: usize,
    pub(crate) out: Option<Output>,
    pub(crate) summary: mpsc::Sender<Summary>,
}

impl Actor for Write {
    type Msg = Words;

    fn handle(&mut self, words: Words, cx: &mut Context<Self>) -> exeunt::Result {
        let mut table: Vec<(Box<str>, u64)> = words.into_iter().collect();
        table.sort_unstable_by(|(a, n), (b, m)| (Reverse(n), a).cmp(&(Reverse(m), b)));
        // Before the file: a full disk does not take the result from who looks at the screen.
        let _ = self.summary.send(Summary {
            top: table.iter().take(self.top).cloned().collect(),
            words: table.iter().map(|(_, count)| count).sum(),
            different: table.len(),
        });
        match self.out.take() {
            Some(out) => write_table(out, &table, cx),
            None => Ok(()),
        }
    }
}

fn write_table(out: Output, table: &Counts, cx: &Context<Write>) -> exeunt::Result {
    let name = out.name().to_owned();
    out.commit(|file| {
        for (i, (word, count)) in table.iter().enumerate() {
            writeln!(file, "{word}\t{count}")?;
            if i % SIGN_OF_LIFE_EVERY == 0 {
                cx.progress();
            }
        }
        Ok(())
    })
    .map_err(exeunt::Error::msg)?;
    log::info!("{} words written to {name}", table.len());
    Ok(())
}
