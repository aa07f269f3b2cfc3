//! [`Flow`]: a pipeline that is being described, as far as it has come.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use exeunt::SpawnError;

use crate::chunk::Inlet;
use crate::ledger::{Book, Counts, Threads};
use crate::op::{Base, Each, Nothing, Op, Then};
use crate::pipeline::{Assembly, Limits, Ready, Start};
use crate::position::Books;
use crate::segment::{End, Feed, Part, Segment};
use crate::side::{Door, Side};
use crate::sink::{Sink, SinkEnd};

mod stages;
mod threads;
mod branches;
mod errors;

pub use branches::{Branch, Pass, Tee};

/// A pipeline that is being described, as far as it has come: `O` is what its last thread does so far, and `P` the type of
/// the source's positions, as long as the order of items is kept.
///
/// Stages that follow one another run on one thread, as one function. A new thread begins with a
/// [source](crate::Pipeline::source), with each of the threads of [`parallel`](Flow::parallel) and
/// [`partition_by`](Flow::partition_by), after them, and between a source and a `parallel`, with a [`merge`](Flow::merge), with a [`batch`](Flow::batch)
/// and a [`window`](Flow::window), which have to look at the clock, with each branch of a [`tee`](Flow::tee) and a
/// [`broadcast`](Flow::broadcast), with a [sink](Flow::sink), and wherever [`thread`](Flow::thread) says so.
#[must_use = "it runs only when it has a sink, and is run"]
pub struct Flow<O: Op, P = ()> {
    way: Way<P>,
    /// What feeds the thread.
    feed: Feed<O::In>,
    ops: O,
    /// Its first stage.
    head: Option<Head>,
    begun: Begun,
}

/// What there is on a thread so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begun {
    /// A source, to which nobody hands chunks, and perhaps stages.
    Source,
    /// Nothing: what comes in goes out.
    Empty,
    Stages,
}

impl Begun {
    fn with_a_stage(self) -> Begun {
        if self == Begun::Source { self } else { Begun::Stages }
    }
}

/// One more stage on the thread.
pub type Following<O, B, P> = Flow<Then<O, B>, P>;

/// One more stage on the thread, which is a closure.
pub type Closure<O, K, P> = Following<O, Each<K>, P>;

/// The first stage of a thread.
pub type Beginning<O, B, P> = Following<Nothing<<O as Op>::Out>, B, P>;

/// What a flow keeps whatever its last thread does.
pub(crate) struct Way<P> {
    pipeline: String,
    limits: Limits,
    book: Book,
    books: Books<P>,
    /// The last stage.
    stage: usize,
    /// What is to be spawned before the thread that feeds it.
    branches: Vec<Start>,
}

/// Spawns all that is upstream of where a thread's items go, once that is known.
trait Close<I>: FnOnce(&mut Assembly<'_>, I) -> Result<(), SpawnError> + Send {}

impl<I, F> Close<I> for F where F: FnOnce(&mut Assembly<'_>, I) -> Result<(), SpawnError> + Send {}

struct Head {
    name: String,
    counts: Arc<Counts>,
}

impl<P: Clone + Send + 'static> Way<P> {
    pub(crate) fn new(pipeline: String, limits: Limits, book: Book, books: Books<P>) -> Way<P> {
        Way { pipeline, limits, book, books, stage: 0, branches: Vec::new() }
    }

    /// Enters one more stage, which is fed by the one before.
    fn stage(&mut self, name: &str) -> Threads {
        let (stage, threads) = self.book.add(name, vec![self.stage]);
        self.stage = stage;
        threads
    }

    /// For a branch that begins here.
    fn aside(&self) -> Way<P> {
        Way {
            pipeline: self.pipeline.clone(),
            limits: self.limits,
            book: self.book.clone(),
            books: self.books.clone(),
            stage: self.stage,
            branches: Vec::new(),
        }
    }

    /// From here on the order of the source is not kept.
    fn without_positions(self) -> Way<()> {
        let Way { pipeline, limits, book, stage, branches, .. } = self;
        Way { pipeline, limits, book, books: Books::ended(), stage, branches }
    }

    /// A sink for what fails in the last stage.
    fn divert<T: Send + 'static>(&self, name: &str, sink: impl Sink<T>) -> (Side<T>, Start) {
        let door = Door::new();
        let entrance = door.clone();
        let feed: Feed<T> = Box::new(move |assembly, part| {
            entrance.open(part.spawn(assembly, None)?);
            Ok(())
        });
        let way = self.aside().without_positions();
        let ready = Flow::<Nothing<T>, ()>::fed_by(way, feed).sink(name, sink);
        self.book.divert_to_the_last(self.stage);
        (Side::new(door), ready.start)
    }

    fn ready(self, start: Start) -> Ready {
        Ready::new(self.pipeline, self.limits, self.book, start)
    }
}

impl<O: Op, P> fmt::Debug for Flow<O, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Flow").field(&self.way.pipeline).finish()
    }
}

// Where a thread begins.

impl<O: Op, P: Clone + Send + 'static> Flow<O, P> {
    /// A flow from a source.
    pub(crate) fn begin(way: Way<P>, feed: Feed<O::In>, ops: O) -> Flow<O, P> {
        Flow { way, feed, ops, head: None, begun: Begun::Source }
    }

    /// A flow whose thread does nothing so far.
    fn fed_by(way: Way<P>, feed: Feed<O::Out>) -> Flow<Nothing<O::Out>, P> {
        Flow { way, feed, ops: Nothing(PhantomData), head: None, begun: Begun::Empty }
    }

    fn on_thread_of_its_own(self, name: &str) -> Flow<Nothing<O::Out>, P> {
        let thread = name.to_owned();
        let (way, close) = self.close(format!("{name}-in"));
        let feed: Feed<O::Out> = Box::new(move |assembly, part| {
            let inlet = Part { name: thread, ..part }.spawn(assembly, None)?;
            close(assembly, inlet)
        });
        Flow::<O, P>::fed_by(way, feed)
    }

    /// Where a thread begins: here, if it does.
    fn at_a_beginning(self, name: &str) -> Flow<Nothing<O::Out>, P> {
        if self.begun != Begun::Empty {
            return self.on_thread_of_its_own(name);
        }
        let Flow { way, feed, .. } = self;
        // What comes in goes out, so that it is of one type; which the compiler does not know.
        match (Box::new(feed) as Box<dyn Any>).downcast::<Feed<O::Out>>() {
            Ok(feed) => Flow::<O, P>::fed_by(way, *feed),
            Err(_) => unreachable!("what does nothing changes no types"),
        }
    }

    /// What follows runs on a thread of its own, which is called so.
    pub fn thread(self, name: &str) -> Flow<Nothing<O::Out>, P> {
        self.way.book.check_name(name);
        self.on_thread_of_its_own(name)
    }
}

// One stage more, and the last.

impl<O: Op, P: Clone + Send + 'static> Flow<O, P> {
    /// Enters a stage that is on this thread.
    fn enter(&mut self, name: &str) -> Base {
        let counts = self.way.stage(name).first();
        let head = || Head { name: name.to_owned(), counts: Arc::clone(&counts) };
        self.head.get_or_insert_with(head);
        Base { name: name.into(), counts }
    }

    fn then<B: Op<In = O::Out>>(
        mut self,
        name: &str,
        make: impl FnOnce(Base) -> B,
    ) -> Following<O, B, P> {
        let second = make(self.enter(name));
        let ops = Then { first: self.ops, second };
        let begun = self.begun.with_a_stage();
        Flow { ops, way: self.way, feed: self.feed, head: self.head, begun }
    }

    fn without_positions(self) -> Flow<O, ()> {
        let Flow { way, feed, ops, head, begun } = self;
        Flow { way: way.without_positions(), feed, ops, head, begun }
    }

    /// Nothing more happens on this thread: what it makes goes to an inlet. If no stage is on the thread, it is called so.
    fn close(self, name: String) -> (Way<P>, impl Close<Inlet<O::Out>>) {
        self.close_with(name, |inlet: Inlet<O::Out>| (Arc::clone(&inlet.receiver), inlet.outlet()))
    }

    /// The same, with another end than one outlet.
    fn close_with<I, E: End<O::Out>>(
        self,
        name: String,
        end: impl FnOnce(I) -> (Arc<Counts>, E) + Send,
    ) -> (Way<P>, impl Close<I>) {
        let Flow { mut way, feed, ops, head, .. } = self;
        let debts = way.books.debts();
        let branches = std::mem::take(&mut way.branches);
        let close = move |assembly: &mut Assembly<'_>, to: I| {
            branches.into_iter().try_for_each(|branch| branch(assembly))?;
            let (next, end) = end(to);
            let Head { name, counts } = head.unwrap_or(Head { name, counts: next });
            let process = Box::new(Segment::new(ops, end, Arc::clone(&counts), debts));
            feed(assembly, Part { name, receiver: counts, process })
        };
        (way, close)
    }

    /// Ends in a sink.
    pub fn sink<S: Sink<O::Out, P>>(self, name: &str, sink: S) -> Ready {
        let mut flow = self.at_a_beginning(name);
        let base = flow.enter(name);
        let upstream = flow.way.book.upstream_of(flow.way.stage);
        let book = if sink.keeps_positions() { flow.way.books.add() } else { None };
        let (way, close) = flow.close_with(name.to_owned(), |()| {
            let counts = Arc::clone(&base.counts);
            (counts, SinkEnd::new(sink, base, book, upstream))
        });
        way.ready(Box::new(move |assembly| close(assembly, ())))
    }
}
