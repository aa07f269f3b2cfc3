//! [`Pipeline`]: where the description of a pipeline begins; [`Ready`], where it ends; and how it runs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use exeunt::{
    ActorBuilder, Exit, Reason, Report, SpawnError, System, SystemHandle, TaskBuilder, TaskContext,
};

use crate::chunk::{Chunk, MAILBOX_CHUNKS, Parcel};
use crate::error::Error;
use crate::flow::{Flow, Given};
use crate::ledger::{Book, Counts, Ledger};
use crate::op::{Halt, Thread, guard};
use crate::position::{self, Books};
use crate::segment::{Feed, Part, Process, failure};
use crate::source::{Next, Source};

/// Where the description of a pipeline begins.
///
/// # Examples
///
/// ```
/// use exeunt_pipeline::Pipeline;
///
/// let mut sum = 0;
/// let outcome = Pipeline::new("squares")
///     .iter("numbers", 1..=10_u64)
///     .map("square", |n| n * n)
///     .filter("odd", |n| n % 2 == 1)
///     .sink("add", move |n| { sum += n; Ok(()) })
///     .run()?;
/// assert_eq!(outcome.ledger().stage("odd").unwrap().filtered, 5);
/// assert!(outcome.ledger().balances());
/// # Ok::<(), exeunt_pipeline::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "it runs only when it is run"]
pub struct Pipeline {
    name: String,
}

impl Pipeline {
    /// Begins to describe a pipeline.
    pub fn new(name: impl Into<String>) -> Pipeline {
        Pipeline { name: name.into() }
    }

    /// Takes its items from a source: an iterator of results, or whatever else is a [`Source`].
    pub fn source<S: Source>(self, name: &str, source: S) -> Flow<Given<S::Item>, S::Position> {
        let (book, books) = (Book::default(), Books::new());
        let (stage, threads) = book.add(name, Vec::new());
        let counts = threads.first();
        let skips_errors = Arc::new(AtomicBool::new(false));
        let given = Given::new(Arc::clone(&skips_errors));
        let reader = Reader { source, books: books.clone(), counts, skips_errors };
        let task = name.to_owned();
        let feed: Feed<S::Item> = Box::new(move |assembly, part| {
            assembly.task(&task).spawn(move |cx| reader.run(part, cx))
        });
        Flow::begin(self.name, book, books, stage, feed, given)
    }

    /// Takes its items from an iterator.
    pub fn iter<I>(self, name: &str, items: I) -> Flow<Given<I::Item>, ()>
    where
        I: IntoIterator<Item: Send + 'static, IntoIter: Send + 'static>,
    {
        self.source(name, items.into_iter().map(Ok::<_, exeunt::Error>))
    }
}

/// What a source says when it is asked.
type Said<S> = Option<Next<<S as Source>::Item, <S as Source>::Position>>;

/// Feeds a segment from a source, on the thread of a task.
struct Reader<S: Source> {
    source: S,
    books: Books<S::Position>,
    counts: Arc<Counts>,
    skips_errors: Arc<AtomicBool>,
}

impl<S: Source> Reader<S> {
    fn run(mut self, part: Part<S::Item>, cx: &TaskContext) -> exeunt::Result {
        let mut process = part.process;
        process.begin(&Thread { must_stop: cx.must_stop().clone(), is_source: true });
        let done = self.read(&mut *process, cx);
        let done = match done {
            Ok(()) => process.end(),
            Err(halt) => {
                let _ = process.break_off();
                Err(halt)
            }
        };
        match done {
            Err(Halt::Failed { stage, error }) => Err(failure(cx.name(), &stage, error)),
            Ok(()) | Err(Halt::Refused | Halt::Enough) => Ok(()),
        }
    }

    fn read(&mut self, process: &mut dyn Process<S::Item>, cx: &TaskContext) -> Result<(), Halt> {
        let books = self.books.all();
        let mut number = 0;
        while let Some(next) = self.next(cx)? {
            self.counts.entered();
            match next {
                Ok((item, position)) => {
                    self.counts.passed();
                    self.counts.out();
                    let numbered = (!books.is_empty()).then_some(number);
                    position::enter(&books, position);
                    process.one(item, numbered)?;
                    number += 1;
                }
                Err(error) if self.skips_errors.load(Ordering::Relaxed) => {
                    log::debug!("`{}` skips an item: {error}", cx.name());
                    self.counts.failed();
                }
                Err(error) => {
                    self.counts.failed();
                    return Err(Halt::Failed { stage: cx.name().to_owned(), error });
                }
            }
        }
        Ok(())
    }

    /// What the source gives next; or, once the drain has begun, what it has left.
    fn next(&mut self, cx: &TaskContext) -> Result<Said<S>, Halt> {
        let (source, stopping) = (&mut self.source, cx.stopping());
        let given = guard(|| {
            let next = if stopping.is_set() { None } else { source.next_item(stopping) };
            Ok(match next {
                None if stopping.is_set() => source.leftover(),
                next => next,
            })
        });
        given.map_err(|error| {
            self.counts.entered();
            self.counts.failed();
            Halt::Failed { stage: cx.name().to_owned(), error }
        })
    }
}

/// Where the actors of a pipeline are spawned.
pub(crate) struct Assembly<'a> {
    system: &'a mut System,
}

impl Assembly<'_> {
    /// Its messages, if they are returned, are counted for the stage that they were for.
    pub(crate) fn actor<T: Send + 'static>(
        &mut self,
        name: &str,
        receiver: &Arc<Counts>,
    ) -> ActorBuilder<'_, Parcel<T>> {
        self.system.actor(name).capacity(MAILBOX_CHUNKS).returned(count_returned(receiver))
    }

    pub(crate) fn pool<T: Send + 'static>(
        &mut self,
        name: &str,
        threads: usize,
        receiver: &Arc<Counts>,
    ) -> ActorBuilder<'_, Parcel<T>> {
        let room = threads.saturating_mul(2).max(MAILBOX_CHUNKS);
        self.system.pool(name, threads).capacity(room).returned(count_returned(receiver))
    }

    fn task(&mut self, name: &str) -> TaskBuilder<'_> {
        self.system.task(name)
    }
}

fn count_returned<T>(receiver: &Arc<Counts>) -> impl FnMut(Parcel<T>) + Send + use<T> {
    let receiver = Arc::clone(receiver);
    move |parcel| receiver.return_unseen(parcel.open(Chunk::default()).items.len())
}

/// A pipeline that is described from its source to its sinks.
#[must_use = "it runs only when it is run"]
pub struct Ready {
    pub(crate) name: String,
    pub(crate) book: Book,
    pub(crate) start: Start,
}

/// Spawns all of it, the sinks first.
pub(crate) type Start = Box<dyn FnOnce(&mut Assembly<'_>) -> Result<(), SpawnError> + Send>;

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ready").field(&self.name).finish()
    }
}

impl Ready {
    /// Runs it in a system of its own until its source has ended, or SIGINT, SIGTERM or a failure begins the ordered
    /// drain, and until that is over.
    ///
    /// # Errors
    ///
    /// What was wrong with the description, before anything has begun; or the error that ended the pipeline, with the
    /// [outcome](Error::outcome).
    pub fn run(self) -> Result<Outcome, Error> {
        let mut system = System::new(self.name.clone());
        let pipeline = self.spawn(&mut system)?;
        Outcome::of(system.run(), pipeline.ledger())
    }

    /// The same, without the signals: they are the program's.
    ///
    /// # Errors
    ///
    /// As for [`run`](Ready::run).
    pub fn wait(self) -> Result<Outcome, Error> {
        let mut system = System::new(self.name.clone());
        let pipeline = self.spawn(&mut system)?;
        Outcome::of(system.wait().into(), pipeline.ledger())
    }

    /// Spawns it into a system, beside whatever else is in there.
    ///
    /// # Errors
    ///
    /// What was wrong with the description. Some of it may have been spawned then; the system is to be shut down.
    pub fn spawn(self, system: &mut System) -> Result<Running, Error> {
        if let Some(name) = self.book.doubled_name() {
            return Err(Error::doubled_name(name));
        }
        (self.start)(&mut Assembly { system })?;
        Ok(Running { book: self.book, system: system.handle() })
    }
}

/// A pipeline that runs in a system.
#[derive(Clone, Debug)]
pub struct Running {
    book: Book,
    system: SystemHandle,
}

impl Running {
    /// The figures at this moment. While items are on their way it need not balance.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.book.read()
    }

    /// The system that it runs in.
    #[must_use]
    pub fn system(&self) -> &SystemHandle {
        &self.system
    }
}

/// What became of a run: the report of its actors, and the ledger of its items.
#[derive(Debug)]
pub struct Outcome {
    exit: Exit,
    ledger: Ledger,
}

impl Outcome {
    fn of(exit: Exit, ledger: Ledger) -> Result<Outcome, Error> {
        let outcome = Outcome { exit, ledger };
        match &outcome.report().reason {
            Reason::Failure { name, error } => {
                let (name, error) = (name.clone(), error.clone());
                Err(Error::failed(name, error, outcome))
            }
            _ => Ok(outcome),
        }
    }

    /// What became of every item.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How the actors left.
    #[must_use]
    pub fn report(&self) -> &Report {
        self.exit.report()
    }

    /// For `main` to return, so that the process ends truthfully.
    pub fn into_exit(self) -> Exit {
        self.exit
    }
}

/// The report, and below it the ledger.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.report(), self.ledger)
    }
}
