//! [`Ledger`]: what became of every item, stage by stage.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Error;

/// The figures of one thread of a stage, written by that thread alone but for `returned`.
#[derive(Debug, Default)]
#[repr(align(128))] // so that two threads do not write into one cache line
pub(crate) struct Counts {
    entered: AtomicU64,
    out: AtomicU64,
    passed: AtomicU64,
    filtered: AtomicU64,
    failed: AtomicU64,
    diverted: AtomicU64,
    retried: AtomicU64,
    returned: AtomicU64,
}

/// Who counts is the only one, so that it need not be a read-modify-write.
#[inline]
fn add(counter: &AtomicU64, items: u64) {
    counter.store(counter.load(Ordering::Relaxed) + items, Ordering::Relaxed);
}

impl Counts {
    #[inline]
    pub(crate) fn entered(&self) {
        add(&self.entered, 1);
    }

    #[inline]
    pub(crate) fn out(&self) {
        add(&self.out, 1);
    }

    #[inline]
    pub(crate) fn passed(&self) {
        add(&self.passed, 1);
    }

    /// One that entered, went on, and is one that goes out.
    #[inline]
    pub(crate) fn handed_on(&self) {
        self.entered();
        self.passed();
        self.out();
    }

    #[inline]
    pub(crate) fn filtered(&self) {
        add(&self.filtered, 1);
    }

    pub(crate) fn failed(&self) {
        add(&self.failed, 1);
    }

    pub(crate) fn diverted(&self) {
        add(&self.diverted, 1);
    }

    pub(crate) fn retried(&self) {
        add(&self.retried, 1);
    }

    /// Items that were handed to the stage, and that it never saw. Anybody may count them.
    pub(crate) fn return_unseen(&self, items: usize) {
        self.returned.fetch_add(items as u64, Ordering::Relaxed);
    }

    pub(crate) fn passed_together(&self, items: usize) {
        add(&self.passed, items as u64);
    }

    /// Items that have entered are given back instead.
    pub(crate) fn return_entered(&self, items: usize) {
        let entered = self.entered.load(Ordering::Relaxed);
        self.entered.store(entered - items as u64, Ordering::Relaxed);
        self.return_unseen(items);
    }

    fn add_to(&self, line: &mut StageLedger) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let returned = read(&self.returned);
        line.entered += read(&self.entered) + returned;
        line.out += read(&self.out);
        line.passed += read(&self.passed);
        line.filtered += read(&self.filtered);
        line.failed += read(&self.failed);
        line.diverted += read(&self.diverted);
        line.retried += read(&self.retried);
        line.returned += returned;
    }
}

/// What became of the items of one stage.
///
/// `entered` is the sum of `passed`, `filtered`, `failed`, `diverted`, `returned` and
/// [`unfinished`](StageLedger::unfinished).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct StageLedger {
    /// Its name.
    pub name: String,
    /// Whose items it was given: their places in [`Ledger::stages`]. None for a source.
    pub inputs: Vec<usize>,
    /// Whose failures it was given, if it is the sink of those.
    pub diverted_from: Option<usize>,
    /// The items that were handed to it. For a source: those that it gave.
    pub entered: u64,
    /// The items that it handed on. A batch is one item.
    pub out: u64,
    /// Those that entered and were handed on, or became part of what was.
    pub passed: u64,
    /// Those that a filter left out, or of which nothing came.
    pub filtered: u64,
    /// Those of which it made an error or a panic, and that were skipped, or that ended it.
    pub failed: u64,
    /// Those that went to a sink of their own, because they failed.
    pub diverted: u64,
    /// How often an item was tried once more.
    pub retried: u64,
    /// Those that it never saw, since it had ended.
    pub returned: u64,
}

impl StageLedger {
    /// What it had in its hands when it was abandoned, or when the pipeline was looked at.
    #[must_use]
    pub fn unfinished(&self) -> u64 {
        let finished = self.passed + self.filtered + self.failed + self.diverted + self.returned;
        self.entered.saturating_sub(finished)
    }
}

/// What became of every item, stage by stage, from source to sink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
#[non_exhaustive]
pub struct Ledger {
    /// In the order in which they were described.
    pub stages: Vec<StageLedger>,
}

impl Ledger {
    /// The stage of that name.
    #[must_use]
    pub fn stage(&self, name: &str) -> Option<&StageLedger> {
        self.stages.iter().find(|stage| stage.name == name)
    }

    /// Whether each stage was given exactly what those before it handed on, and nothing is unfinished.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.imbalance().is_none()
    }

    /// The first stage whose figures do not add up, and why, in words.
    #[must_use]
    pub fn imbalance(&self) -> Option<String> {
        for stage in &self.stages {
            if stage.unfinished() > 0 {
                return Some(format!("`{}` has {} unfinished", stage.name, stage.unfinished()));
            }
            let given = self.given(stage);
            if given != stage.entered {
                let StageLedger { name, entered, .. } = stage;
                return Some(format!("`{name}` was given {given} and has {entered}"));
            }
        }
        None
    }

    /// How many items were handed to a stage by those before it.
    fn given(&self, stage: &StageLedger) -> u64 {
        match stage.diverted_from {
            Some(from) => self.stages[from].diverted,
            // It is a source, and counts what it gives.
            None if stage.inputs.is_empty() => stage.entered,
            // Each of several branches is given all of it.
            None => stage.inputs.iter().map(|&input| self.stages[input].out).sum(),
        }
    }
}

/// A table.
impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.stages.iter().map(|stage| stage.name.chars().count()).max().unwrap_or(0);
        let width = width.max("stage".len());
        writeln!(
            f,
            "  {:width$} {:>10} {:>10} {:>9} {:>8} {:>9} {:>9}",
            "stage", "in", "out", "filtered", "failed", "diverted", "returned"
        )?;
        for stage in &self.stages {
            writeln!(
                f,
                "  {:width$} {:>10} {:>10} {:>9} {:>8} {:>9} {:>9}",
                stage.name,
                stage.entered,
                stage.out,
                stage.filtered,
                stage.failed,
                stage.diverted,
                stage.returned
            )?;
        }
        match self.imbalance() {
            None => writeln!(f, "  it balances"),
            Some(why) => writeln!(f, "  it does not balance: {why}"),
        }
    }
}

/// The book that the stages of one pipeline write into while they are being described.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book(Arc<Mutex<Pages>>);

#[derive(Debug, Default)]
struct Pages {
    entries: Vec<Entry>,
    /// What is wrong with the description.
    faults: Vec<String>,
}

#[derive(Clone, Debug)]
struct Entry {
    name: String,
    inputs: Vec<usize>,
    diverted_from: Option<usize>,
    threads: Threads,
}

/// The threads of one stage, each of which counts for itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Threads(Arc<Mutex<Vec<Arc<Counts>>>>);

impl Threads {
    /// For a stage that is on one thread; and for what is returned before any has seen it.
    pub(crate) fn first(&self) -> Arc<Counts> {
        let mut threads = lock(&self.0);
        match threads.first() {
            Some(first) => Arc::clone(first),
            None => {
                threads.push(Arc::default());
                Arc::clone(&threads[0])
            }
        }
    }

    pub(crate) fn one_more(&self) -> Arc<Counts> {
        let counts = Arc::default();
        lock(&self.0).push(Arc::clone(&counts));
        counts
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing of the user's runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Book {
    /// Adds a stage, and says which it is.
    pub(crate) fn add(&self, name: &str, inputs: Vec<usize>) -> (usize, Threads) {
        let threads = Threads::default();
        let (name, of_it) = (name.to_owned(), threads.clone());
        self.check_name(&name);
        let entries = &mut lock(&self.0).entries;
        entries.push(Entry { name, inputs, diverted_from: None, threads: of_it });
        (entries.len() - 1, threads)
    }

    /// Says that the stage that was added last is given the failures of another.
    pub(crate) fn divert_to_the_last(&self, from: usize) {
        if let Some(last) = lock(&self.0).entries.last_mut() {
            last.inputs.clear();
            last.diverted_from = Some(from);
        }
    }

    /// Says by whom the stage that was added last is fed.
    pub(crate) fn feed_the_last(&self, inputs: Vec<usize>) {
        if let Some(last) = lock(&self.0).entries.last_mut() {
            last.inputs = inputs;
        }
    }

    /// Takes over the stages of another pipeline, and says how much their numbers grow by it.
    pub(crate) fn join(&self, other: &Book) -> usize {
        let others = std::mem::take(&mut *lock(&other.0));
        let mut pages = lock(&self.0);
        let offset = pages.entries.len();
        pages.entries.extend(others.entries.into_iter().map(|mut entry| {
            entry.inputs.iter_mut().chain(&mut entry.diverted_from).for_each(|at| *at += offset);
            entry
        }));
        pages.faults.extend(others.faults);
        offset
    }

    pub(crate) fn check_name(&self, name: &str) {
        self.check(name, !name.is_empty(), "is no name for a stage");
        self.check(name, !name.contains('\0'), "is no name that a thread can have");
    }

    /// Notes what is wrong with the description, unless that holds.
    pub(crate) fn check(&self, name: &str, holds: bool, what: &str) {
        if !holds {
            lock(&self.0).faults.push(format!("`{name}` {what}"));
        }
    }

    /// What is wrong with the description, if anything is.
    pub(crate) fn faultless(&self) -> Result<(), Error> {
        let pages = lock(&self.0);
        if let Some(fault) = pages.faults.first() {
            return Err(Error::fault(fault.clone()));
        }
        let mut names: Vec<&str> = pages.entries.iter().map(|entry| &*entry.name).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Error::doubled_name(pair[0].to_owned())),
            None => Ok(()),
        }
    }

    pub(crate) fn read(&self) -> Ledger {
        let line = |entry: &Entry| {
            let mut line = StageLedger {
                name: entry.name.clone(),
                inputs: entry.inputs.clone(),
                diverted_from: entry.diverted_from,
                ..StageLedger::default()
            };
            lock(&entry.threads.0).iter().for_each(|counts| counts.add_to(&mut line));
            line
        };
        let mut ledger = Ledger { stages: lock(&self.0).entries.iter().map(line).collect() };
        // What has been handed to a stage that has yet to look at it, or that was abandoned before it did.
        let given: Vec<u64> = ledger.stages.iter().map(|stage| ledger.given(stage)).collect();
        for (stage, given) in ledger.stages.iter_mut().zip(given) {
            stage.entered = stage.entered.max(given);
        }
        ledger
    }
}
