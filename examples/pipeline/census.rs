//! [`Census`]: how many files came how far, and why some did not. Everybody writes in it, and the
//! progress and the summary read it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

#[derive(Default)]
pub(crate) struct Census {
    walked: AtomicU64,
    tallied: AtomicU64,
    text_bytes: AtomicU64,
    skipped: Mutex<BTreeMap<Skipped, u64>>,
}

/// Why something was not counted, in the order in which the summary says it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Skipped {
    // By a reader: these were walked.
    Binary,
    NotUtf8,
    TooLarge,
    Unreadable,
    // By the walk: these were not taken in.
    SymbolicLink,
    SpecialFile,
    OwnOutput,
    UnreadableFolder,
}

impl Census {
    /// A file was taken in.
    pub(crate) fn walked(&self) {
        self.walked.fetch_add(1, Relaxed);
    }

    pub(crate) fn text(&self, bytes: usize) {
        self.text_bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn tallied(&self) {
        self.tallied.fetch_add(1, Relaxed);
    }

    /// Nothing is skipped silently: it is named in the log, and counted in the summary.
    pub(crate) fn skipped(&self, what: &Path, why: Skipped, error: Option<&dyn fmt::Display>) {
        match error {
            None => log::debug!("skipped {} ({why})", what.display()),
            Some(error) => log::debug!("skipped {} ({why}: {error})", what.display()),
        }
        let mut skipped = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
        *skipped.entry(why).or_insert(0) += 1;
    }

    pub(crate) fn files_walked(&self) -> u64 {
        self.walked.load(Relaxed)
    }

    pub(crate) fn files_tallied(&self) -> u64 {
        self.tallied.load(Relaxed)
    }

    pub(crate) fn megabytes(&self) -> f64 {
        self.text_bytes.load(Relaxed) as f64 / 1e6
    }

    /// Who was skipped, as a list to print; empty if nobody was. Those that were walked and those
    /// that were not are told apart.
    pub(crate) fn list_skipped(&self, walked: bool) -> String {
        let skipped = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
        let entries: Vec<String> = skipped
            .iter()
            .filter(|(why, _)| why.was_walked() == walked)
            .map(|(why, count)| format!("{count} {why}"))
            .collect();
        entries.join(", ")
    }
}

impl Skipped {
    fn was_walked(self) -> bool {
        self < Skipped::SymbolicLink
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Skipped::Binary => "binary",
            Skipped::NotUtf8 => "not UTF-8",
            Skipped::TooLarge => "too large",
            Skipped::Unreadable => "unreadable",
            Skipped::SymbolicLink => "symbolic link(s)",
            Skipped::SpecialFile => "special file(s)",
            Skipped::OwnOutput => "own output",
            Skipped::UnreadableFolder => "unreadable folder(s)",
        })
    }
}
