//! [`Pipeline`]: where the description of a pipeline begins; [`Ready`], where it ends; and how it runs.

use std::fmt;
use std::process::{self, ExitCode};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use exeunt::{
    ActorBuilder, Ended, Exit, Reason, Report, SpawnError, System, SystemHandle, TaskBuilder,
};

use crate::chunk::{Parcel, Returns};
use crate::demand::{Demand, Node, Wanted};
use crate::error::Error;
use crate::flow::{Flow, Way};
use crate::ledger::{Book, Counts, Ledger};
use crate::op::Given;
use crate::pace::Pace;
use crate::position::Books;
use crate::reader::{Burst, Reader};
use crate::segment::{Feed, Process};
use crate::source::{AtHand, Source};

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
    limits: Limits,
}

/// How much there may be between two threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Items that make a chunk at most.
    chunk: usize,
    /// Chunks that wait in a mailbox at most.
    chunks: usize,
}

impl Pipeline {
    /// Begins to describe a pipeline.
    pub fn new(name: impl Into<String>) -> Pipeline {
        Pipeline { name: name.into(), limits: Limits { chunk: 256, chunks: 16 } }
    }

    /// Sets how many items travel together at most; 256 unless set.
    ///
    /// There are fewer if the stage that they go to is slow: it should be busy for about a millisecond with what it is
    /// handed, and a thread of a pool for a fifth of that. Set it to 1 where one item is large, a picture say.
    ///
    /// ```
    /// # use exeunt_pipeline::Pipeline;
    /// let pictures = Pipeline::new("pictures").chunk(1).capacity(2);
    /// let error = Pipeline::new("none").chunk(0).iter("n", 0..9).sink("out", |_| Ok(())).run().unwrap_err();
    /// assert_eq!(error.to_string(), "`none` has chunks of no items");
    /// ```
    pub fn chunk(mut self, items: usize) -> Pipeline {
        self.limits.chunk = items;
        self
    }

    /// Sets how many chunks wait between two threads at most; 16 unless set. Where it is full, whoever is upstream waits.
    pub fn capacity(mut self, chunks: usize) -> Pipeline {
        self.limits.chunks = chunks;
        self
    }

    /// Takes its items from a source: an iterator of results, or whatever else is a [`Source`].
    pub fn source<S: Source>(self, name: &str, source: S) -> Flow<Given<S::Item>, S::Position> {
        let (book, books) = (Book::default(), Books::new());
        let Limits { chunk, chunks } = self.limits;
        book.check(&self.name, chunk > 0, "has chunks of no items");
        book.check(&self.name, chunks > 0, "has no room between two threads");
        let counts = book.add(name, Vec::new()).1.first();
        let skips_errors = Arc::new(AtomicBool::new(false));
        let given = Given::new(Arc::clone(&skips_errors));
        let burst = Burst::new(chunk);
        let reader = Reader {
            source,
            books: books.clone(),
            counts,
            skips_errors,
            burst,
            has_panicked: false,
        };
        let task = name.to_owned();
        let feed: Feed<S::Item> = Box::new(move |assembly, part| {
            let wanted = assembly.wanted(&part.process.outputs());
            let task = assembly.task(&task, &*part.process);
            task.spawn(move |cx| reader.run(part, wanted, cx)).map(drop)
        });
        Flow::begin(Way::new(self.name, self.limits, book, books), feed, given)
    }

    /// Takes its items from what gives them without a wait: a `Vec`, a range, whatever is computed. They are handed on
    /// together, many at a time.
    ///
    /// It is not for an iterator that may wait: up to a [chunk](Pipeline::chunk) of the items that it has given before
    /// would wait with it. For that there is [`iter`](Pipeline::iter).
    ///
    /// ```
    /// use exeunt_pipeline::Pipeline;
    ///
    /// let outcome = Pipeline::new("words")
    ///     .items("words", vec!["one", "two", "three"])
    ///     .filter("long", |word| word.len() > 3)
    ///     .sink("print", |word| { println!("{word}"); Ok(()) })
    ///     .run()?;
    /// assert_eq!(outcome.ledger().stage("print").unwrap().passed, 1);
    /// # Ok::<(), exeunt_pipeline::Error>(())
    /// ```
    pub fn items<I>(self, name: &str, items: I) -> Flow<Given<I::Item>, ()>
    where
        I: IntoIterator<Item: Send + 'static, IntoIter: Send + 'static>,
    {
        self.source(name, AtHand(items.into_iter()))
    }

    /// Takes its items from an iterator, which may wait: each is on its way before it is asked for the next one.
    pub fn iter<I>(self, name: &str, items: I) -> Flow<Given<I::Item>, ()>
    where
        I: IntoIterator<Item: Send + 'static, IntoIter: Send + 'static>,
    {
        self.source(name, items.into_iter().map(Ok::<_, exeunt::Error>))
    }
}

/// Where the actors of a pipeline are spawned.
pub(crate) struct Assembly<'a> {
    system: &'a mut System,
    limits: Limits,
    /// Whether each says whom it feeds. Who says nothing has its turn before all that stand before it, which is
    /// right whatever its closures send to.
    is_declared: bool,
    demand: Demand,
}

impl Assembly<'_> {
    /// Its messages, if they are returned, are counted for the stage that they were for.
    pub(crate) fn actor<T: Send + 'static>(
        &mut self,
        name: &str,
        receiver: &Arc<Counts>,
        wire: impl FnOnce(ActorBuilder<'_, Parcel<T>>) -> ActorBuilder<'_, Parcel<T>>,
    ) -> ActorBuilder<'_, Parcel<T>> {
        let (chunks, is_declared) = (self.limits.chunks, self.is_declared);
        let builder = self.system.actor(name).capacity(chunks).returned(count_returned(receiver));
        if is_declared { wire(builder.feeds_nothing()) } else { builder }
    }

    pub(crate) fn pool<T: Send + 'static>(
        &mut self,
        name: &str,
        threads: usize,
        receiver: &Arc<Counts>,
        wire: impl FnOnce(ActorBuilder<'_, Parcel<T>>) -> ActorBuilder<'_, Parcel<T>>,
    ) -> ActorBuilder<'_, Parcel<T>> {
        let (room, is_declared) = (threads.saturating_mul(2), self.is_declared);
        let builder =
            self.system.pool(name, threads).capacity(room).returned(count_returned(receiver));
        if is_declared { wire(builder.feeds_nothing()) } else { builder }
    }

    fn task<T: Send + 'static>(&mut self, name: &str, process: &dyn Process<T>) -> TaskBuilder<'_> {
        let is_declared = self.is_declared;
        let builder = self.system.task(name);
        if is_declared { process.wire_task(builder.feeds_nothing()) } else { builder }
    }

    /// For a thread that feeds those.
    pub(crate) fn wanted(&self, outputs: &[Node]) -> Wanted {
        self.demand.add(outputs)
    }

    /// For buffers that come back from a reader.
    pub(crate) fn returns<T>(&self) -> Returns<T> {
        Returns::new(self.limits.chunks)
    }

    /// For a reader.
    pub(crate) fn pace(&self) -> Pace {
        Pace::new(self.limits.chunk)
    }

    /// For several that share a mailbox.
    pub(crate) fn pace_of_a_pool(&self) -> Pace {
        Pace::of_a_pool(self.limits.chunk)
    }
}

fn count_returned<T>(receiver: &Arc<Counts>) -> impl FnMut(Parcel<T>) + Send + use<T> {
    let receiver = Arc::clone(receiver);
    move |parcel| receiver.return_unseen(parcel.open().items.len())
}

/// A pipeline that is described from its source to its sinks.
#[must_use = "it runs only when it is run"]
pub struct Ready {
    pub(crate) name: String,
    pub(crate) limits: Limits,
    pub(crate) book: Book,
    pub(crate) start: Start,
    is_declared: bool,
}

/// Spawns all of it, the sinks first.
pub(crate) type Start = Box<dyn FnOnce(&mut Assembly<'_>) -> Result<(), SpawnError> + Send>;

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ready").field(&self.name).finish()
    }
}

impl Ready {
    pub(crate) fn new(name: String, limits: Limits, book: Book, start: Start) -> Ready {
        Ready { name, limits, book, start, is_declared: false }
    }

    /// Runs it in a system of its own until its source has ended, or SIGINT, SIGTERM or a failure begins the ordered
    /// drain, and until that is over.
    ///
    /// # Errors
    ///
    /// What was wrong with the description, before anything has begun; or the error of a stage that ended, with the
    /// [outcome](Error::outcome), also if that was in a drain that a signal had begun. That a deadline has cut a drain short
    /// is none: the [report](Outcome::report) says so, and the status of the process, if `main` returns
    /// [the outcome](Outcome#impl-Termination-for-Outcome).
    pub fn run(self) -> Result<Outcome, Error> {
        let mut system = System::new(self.name.clone());
        let running = self.feeds_nothing().spawn(&mut system)?;
        running.outcome(system.run())
    }

    /// The same, without the signals: they are the program's.
    ///
    /// # Errors
    ///
    /// As for [`run`](Ready::run).
    pub fn wait(self) -> Result<Outcome, Error> {
        let mut system = System::new(self.name.clone());
        let running = self.feeds_nothing().spawn(&mut system)?;
        running.outcome(system.wait())
    }

    /// Declares that no closure of it sends to an actor of the system that it is [spawned](Ready::spawn) into. Then its
    /// threads tell the system whom they feed, and branches that do not feed each other drain side by side.
    ///
    /// Unless it is said, they drain one after the other, and before all actors that were spawned before them.
    pub fn feeds_nothing(mut self) -> Ready {
        self.is_declared = true;
        self
    }

    /// Spawns it into a system, beside whatever else is in there.
    ///
    /// ```
    /// use exeunt::System;
    /// use exeunt_pipeline::Pipeline;
    ///
    /// let mut system = System::new("program");
    /// let running = Pipeline::new("count").iter("numbers", 0..100).sink("out", |_| Ok(())).spawn(&mut system)?;
    /// let outcome = running.outcome(system.wait())?;
    /// assert_eq!(outcome.ledger().stage("out").unwrap().passed, 100);
    /// # Ok::<(), exeunt_pipeline::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What was wrong with the description. If a thread was refused, some of it may have been spawned; the
    /// system is to be shut down then.
    pub fn spawn(self, system: &mut System) -> Result<Running, Error> {
        self.book.faultless()?;
        let Ready { limits, book, start, is_declared, .. } = self;
        let handle = system.handle();
        start(&mut Assembly { system, limits, is_declared, demand: Demand::default() })?;
        Ok(Running { book, system: handle, last: Arc::default() })
    }
}

/// A pipeline that runs in a system.
#[derive(Clone, Debug)]
pub struct Running {
    book: Book,
    system: SystemHandle,
    /// The figures at the end.
    last: Arc<OnceLock<Ledger>>,
}

impl Running {
    /// The figures at this moment. While items are on their way it need not balance. Once the system has ended they stay as
    /// they are, whatever a thread does that was abandoned.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        // One of the system's own threads may not wait for its end, and need not: there is none yet.
        match self.system.wait_timeout(Duration::ZERO) {
            Ok(report) => self.last(&report).clone(),
            Err(_) => self.book.read(),
        }
    }

    fn last(&self, report: &Report) -> &Ledger {
        self.last.get_or_init(|| self.book.read_at_the_end(report))
    }

    /// What has become of it, once its system has ended.
    ///
    /// # Errors
    ///
    /// The failure that ended the system, or the first one of its drain, with the [outcome](Error::outcome).
    pub fn outcome(&self, exit: impl Into<Exit>) -> Result<Outcome, Error> {
        self.ended(exit).failure()
    }

    /// The same for who wants the figures be it good or bad; what the system failed of stands in the
    /// [report](Outcome::report).
    ///
    /// ```
    /// use exeunt::{Error, Reason, System};
    /// use exeunt_pipeline::Pipeline;
    ///
    /// let mut system = System::new("program");
    /// let numbers = Pipeline::new("numbers").iter("numbers", 0..10);
    /// let running = numbers.sink("out", |_| Err(Error::msg("full"))).spawn(&mut system)?;
    /// let outcome = running.ended(system.wait());
    /// assert!(matches!(outcome.report().reason, Reason::Failure { .. }));
    /// assert_eq!(outcome.ledger().stage("out").unwrap().failed, 1);
    /// # Ok::<(), exeunt_pipeline::Error>(())
    /// ```
    pub fn ended(&self, exit: impl Into<Exit>) -> Outcome {
        let exit = exit.into();
        let ledger = self.last(exit.report()).clone();
        Outcome { exit, ledger }
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
    /// A failure is the error, also one of a drain that something else had begun.
    fn failure(self) -> Result<Outcome, Error> {
        let report = self.report();
        let mut actors = report.actors.iter();
        let failed = match &report.reason {
            Reason::Failure { name, error } => Some((name.clone(), error.clone())),
            _ => actors
                .find(|actor| actor.ended == Ended::Failed && !actor.absorbed)
                .map(|actor| (actor.name.clone(), actor.error.clone().unwrap_or_default())),
        };
        match failed {
            Some((name, error)) => Err(Error::failed(name, error, self)),
            None => Ok(self),
        }
    }

    /// What became of every item.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How the actors left.
    pub fn report(&self) -> &Report {
        self.exit.report()
    }

    /// For `main` to return, so that the process ends truthfully.
    pub fn into_exit(self) -> Exit {
        self.exit
    }
}

/// As its [exit](Outcome::into_exit): a program of which all is one pipeline returns from `main` what
/// [`run`](Ready::run) gives. Who drops an outcome instead ends with 0, also after an incomplete drain.
///
/// ```
/// use exeunt_pipeline::{Error, Outcome, Pipeline};
///
/// fn main() -> Result<Outcome, Error> {
///     Pipeline::new("hello").iter("words", ["hello"]).sink("print", |word| { println!("{word}"); Ok(()) }).run()
/// }
/// ```
impl process::Termination for Outcome {
    fn report(self) -> ExitCode {
        process::Termination::report(self.exit)
    }
}

/// The report, and below it the ledger.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.report(), self.ledger)
    }
}

/// The report, and beside its `actors` the stages of the ledger.
#[cfg(feature = "serde")]
impl serde::Serialize for Outcome {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Both<'a> {
            #[serde(flatten)]
            report: &'a Report,
            stages: &'a Ledger,
        }
        Both { report: self.report(), stages: self.ledger() }.serialize(serializer)
    }
}
