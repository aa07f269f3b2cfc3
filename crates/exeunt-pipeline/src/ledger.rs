//! [`Ledger`]: what became of every item, stage by stage.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use exeunt::{Ended, Report};

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
    /// A source that had no more to give.
    is_exhausted: AtomicBool,
    /// An item has ended the thread.
    has_broken_off: AtomicBool,
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

    pub(crate) fn failed_together(&self, items: usize) {
        add(&self.failed, items as u64);
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

    pub(crate) fn exhausted(&self) {
        self.is_exhausted.store(true, Ordering::Release);
    }

    pub(crate) fn broke_off(&self) {
        self.has_broken_off.store(true, Ordering::Release);
    }

    fn add_to(&self, line: &mut StageLedger) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let returned = read(&self.returned);
        line.passed += read(&self.passed);
        line.filtered += read(&self.filtered);
        line.failed += read(&self.failed);
        line.diverted += read(&self.diverted);
        line.retried += read(&self.retried);
        line.returned += returned;
        line.out += read(&self.out);
        // Last, so that what becomes of an item in between is no more than has entered.
        line.entered += read(&self.entered) + returned;
    }
}

/// What became of the items of one stage.
///
/// `entered` is the sum of `passed`, `filtered`, `failed`, `diverted`, `returned`, `abandoned` and
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
    /// Those that it never saw, since it had ended; and the one of which the rest was cut off by its end.
    pub returned: u64,
    /// Those that went down with a thread that had to be [abandoned](exeunt::contract): the item that it was busy with, the
    /// rest of what it had been handed, and, at the stage after it, what it had made of others and not sent on yet. Some of
    /// them it may still handle, if it comes back; nobody can know. Zero until the system has ended.
    pub abandoned: u64,
}

impl StageLedger {
    /// What it had in its hands when the pipeline was looked at. Nothing, once the system has ended.
    #[must_use]
    pub fn unfinished(&self) -> u64 {
        let finished = self.passed + self.filtered + self.failed + self.diverted;
        self.entered.saturating_sub(finished + self.returned + self.abandoned)
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

    /// Nobody will finish what is unfinished.
    fn abandon(&mut self) {
        self.stages.iter_mut().for_each(|stage| stage.abandoned += stage.unfinished());
    }

    fn is_sink(&self, stage: usize) -> bool {
        !self.stages.iter().any(|next| next.inputs.contains(&stage))
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
        // A column that is hardly ever needed.
        let is_any_abandoned = self.stages.iter().any(|stage| stage.abandoned > 0);
        let end_of_line = |f: &mut fmt::Formatter<'_>, abandoned: &dyn fmt::Display| {
            if is_any_abandoned { writeln!(f, " {abandoned:>9}") } else { writeln!(f) }
        };
        write!(
            f,
            "  {:width$} {:>10} {:>10} {:>9} {:>8} {:>9} {:>9}",
            "stage", "in", "out", "filtered", "failed", "diverted", "returned"
        )?;
        end_of_line(f, &"abandoned")?;
        for (at, stage) in self.stages.iter().enumerate() {
            // Nobody is after a sink, so that a zero would tell of a loss.
            let out = if self.is_sink(at) { "-".to_owned() } else { stage.out.to_string() };
            write!(
                f,
                "  {:width$} {:>10} {out:>10} {:>9} {:>8} {:>9} {:>9}",
                stage.name,
                stage.entered,
                stage.filtered,
                stage.failed,
                stage.diverted,
                stage.returned
            )?;
            end_of_line(f, &stage.abandoned)?;
        }
        match self.imbalance() {
            None => writeln!(f, "  it balances"),
            Some(why) => writeln!(f, "  it does not balance: {why}"),
        }
    }
}

/// How a pipeline has come to its end, as a [sink](crate::Sink::finish) sees it. The worse is the greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Ending {
    /// The sources had no more to give, and all that they gave has come to the sink, or was left out by stages
    /// whose business that is.
    Complete,
    /// A drain has begun before the sources were at their end. What the sink was given is all that became of what was
    /// taken in.
    Interrupted,
    /// Something that was taken in has not come to the sink, since a deadline has cut the drain short, a thread
    /// was abandoned, or, for a branch, the main way had [enough](crate::Closed).
    CutShort,
    /// An error has ended a stage before the sink.
    Failed,
}

/// The book that the stages of one pipeline write into while they are being described.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book(Arc<Mutex<Pages>>);

#[derive(Debug, Default)]
struct Pages {
    entries: Vec<Entry>,
    /// What is wrong with the description.
    faults: Vec<String>,
    /// Where the entries are now, and how much their numbers have grown.
    moved_to: Option<(Book, usize)>,
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
        lock(&other.0).moved_to = Some((self.clone(), offset));
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
        lock(&self.0).read()
    }

    /// The figures of a system that has ended. If all its threads have, there is nothing unfinished, or something is wrong.
    pub(crate) fn read_at_the_end(&self, report: &Report) -> Ledger {
        let mut ledger = self.read();
        if report.actors.iter().any(|actor| actor.ended == Ended::Abandoned) {
            ledger.abandon();
        }
        ledger
    }

    /// What a sink is the end of.
    pub(crate) fn upstream_of(&self, stage: usize) -> Upstream {
        Upstream { book: self.clone(), stage }
    }
}

impl Pages {
    fn read(&self) -> Ledger {
        // Downstream first, so that nobody has been given more than was handed on, whatever happens meanwhile.
        let mut stages: Vec<StageLedger> = self.entries.iter().rev().map(Entry::read).collect();
        stages.reverse();
        let mut ledger = Ledger { stages };
        // What has been handed to a stage that has yet to look at it, or that was abandoned before it did.
        let given: Vec<u64> = ledger.stages.iter().map(|stage| ledger.given(stage)).collect();
        for (stage, given) in ledger.stages.iter_mut().zip(given) {
            stage.entered = stage.entered.max(given);
        }
        ledger
    }
}

impl Entry {
    fn read(&self) -> StageLedger {
        let mut line = StageLedger {
            name: self.name.clone(),
            inputs: self.inputs.clone(),
            diverted_from: self.diverted_from,
            ..StageLedger::default()
        };
        lock(&self.threads.0).iter().for_each(|counts| counts.add_to(&mut line));
        line
    }

    fn any(&self, flag: fn(&Counts) -> &AtomicBool) -> bool {
        lock(&self.threads.0).iter().any(|counts| flag(counts).load(Ordering::Acquire))
    }

    fn is_source(&self) -> bool {
        self.inputs.is_empty() && self.diverted_from.is_none()
    }

    fn ending(&self, line: &StageLedger) -> Ending {
        let has_all = !self.is_source() || self.any(|counts| &counts.is_exhausted);
        match () {
            () if self.any(|counts| &counts.has_broken_off) => Ending::Failed,
            () if line.returned > 0 || line.unfinished() > 0 => Ending::CutShort,
            () if has_all => Ending::Complete,
            () => Ending::Interrupted,
        }
    }
}

/// A sink's stage, and all stages before it.
#[derive(Debug)]
pub(crate) struct Upstream {
    book: Book,
    stage: usize,
}

impl Upstream {
    /// How what the sink was given has come to its end. Those upstream have ended.
    pub(crate) fn ending(&self) -> Ending {
        let pages = lock(&self.book.0);
        if let Some((book, offset)) = &pages.moved_to {
            return book.upstream_of(offset + self.stage).ending();
        }
        let ledger = pages.read();
        let (mut ending, mut upstream) = (Ending::Complete, vec![self.stage]);
        while let Some(at) = upstream.pop() {
            let (entry, line) = (&pages.entries[at], &ledger.stages[at]);
            ending = ending.max(entry.ending(line));
            upstream.extend(entry.inputs.iter().copied().chain(entry.diverted_from));
        }
        ending
    }
}
