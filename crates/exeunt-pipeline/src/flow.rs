//! [`Flow`]: a pipeline that is being described, as far as it has come.

use std::any::Any;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use exeunt::{Backoff, Error, SpawnError};

use crate::chunk::{Inlet, Permits, Returns};
use crate::ledger::{Book, Counts, Threads};
use crate::op::{
    AtLast, Base, Batch, Diverted, Each, Emit, Filter, FlatMap, Fold, Halt, Inspect, Kind, Map,
    Nothing, Op, Policy, RateLimit, Retry, Scan, Then, Thread, TryMap, Window,
};
use crate::parallel::{self, Joined, Scatter, Settings, Shared, Worker};
use crate::pipeline::{Assembly, Ready, Start};
use crate::position::Books;
use crate::reorder::Reorder;
use crate::segment::{End, Feed, Part, Segment};
use crate::side::{Door, Side};
use crate::sink::{Sink, SinkEnd};

/// A pipeline that is being described, as far as it has come: `O` is what its last thread does so far, and `P` the type of
/// the source's positions, as long as the order of items is kept.
///
/// Stages that follow one another run on one thread, as one function. A new thread begins with a
/// [source](crate::Pipeline::source), with each of the threads of [`parallel`](Flow::parallel) and
/// [`partition_by`](Flow::partition_by), after them, after a [`merge`](Flow::merge), with a [`batch`](Flow::batch) or a
/// [`window`](Flow::window) that would otherwise share its thread with a source, with a [sink](Flow::sink), and wherever
/// [`thread`](Flow::thread) says so.
pub struct Flow<O: Op, P = ()> {
    way: Way<P>,
    /// What feeds the thread.
    feed: Feed<O::In>,
    ops: O,
    /// Its first stage.
    head: Option<Head>,
    /// Whether what comes in goes out.
    is_empty: bool,
}

/// One more stage on the thread.
pub type Following<O, B, P> = Flow<Then<O, B>, P>;

/// One more stage on the thread, which is a closure.
pub type Closure<O, K, P> = Following<O, Each<K>, P>;

/// The first stage of a thread.
pub type Beginning<O, B, P> = Following<Nothing<<O as Op>::Out>, B, P>;

/// What a flow keeps whatever its last thread does.
struct Way<P> {
    pipeline: String,
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
            book: self.book.clone(),
            books: self.books.clone(),
            stage: self.stage,
            branches: Vec::new(),
        }
    }

    /// From here on the order of the source is not kept.
    fn without_positions(self) -> Way<()> {
        let Way { pipeline, book, stage, branches, .. } = self;
        Way { pipeline, book, books: Books::new(), stage, branches }
    }

    /// A sink for what fails in the last stage.
    fn divert<T: Send + 'static>(&self, name: &str, sink: impl Sink<T>) -> (Side<T>, Start) {
        let door = Door::new();
        let entrance = door.clone();
        let feed: Feed<T> = Box::new(move |assembly, part| {
            entrance.open(part.spawn(assembly, None)?);
            Ok(())
        });
        let ready =
            Flow::<Nothing<T>, ()>::fed_by(self.aside().without_positions(), feed).sink(name, sink);
        self.book.divert_to_the_last(self.stage);
        (Side::new(door), ready.start)
    }
}

impl<O: Op, P> fmt::Debug for Flow<O, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Flow").field(&self.way.pipeline).finish()
    }
}

impl<O: Op, P: Clone + Send + 'static> Flow<O, P> {
    pub(crate) fn begin(
        pipeline: String,
        book: Book,
        books: Books<P>,
        stage: usize,
        feed: Feed<O::In>,
        ops: O,
    ) -> Flow<O, P> {
        let way = Way { pipeline, book, books, stage, branches: Vec::new() };
        Flow { way, feed, ops, head: None, is_empty: false }
    }

    /// Adds a stage to the thread.
    fn then<B: Op<In = O::Out>>(
        mut self,
        name: &str,
        make: impl FnOnce(Base) -> B,
    ) -> Flow<Then<O, B>, P> {
        let counts = self.way.stage(name).first();
        let base = Base { name: name.into(), counts: Arc::clone(&counts), must_stop: None };
        let head = self.head.or_else(|| Some(Head { name: name.to_owned(), counts }));
        let ops = Then { first: self.ops, second: make(base) };
        Flow { way: self.way, feed: self.feed, ops, head, is_empty: false }
    }

    fn each<K: Kind<In = O::Out>>(self, name: &str, kind: K) -> Flow<Then<O, Each<K>>, P> {
        self.then(name, |base| Each { kind, base, policy: Policy::default() })
    }

    /// Makes one of one.
    ///
    /// A panic is an error of its item, here as in every stage.
    pub fn map<U: Send + 'static>(
        self,
        name: &str,
        f: impl FnMut(O::Out) -> U + Send + 'static,
    ) -> Closure<O, impl Kind<In = O::Out, Out = U>, P> {
        self.each(name, Map(f, PhantomData))
    }

    /// Makes one of one, or an error. An error ends the pipeline in order, unless
    /// [`skip_errors`](Flow::skip_errors) or [`divert`](Flow::divert) says otherwise.
    pub fn try_map<U: Send + 'static, E: Into<Error> + 'static>(
        self,
        name: &str,
        f: impl FnMut(O::Out) -> Result<U, E> + Send + 'static,
    ) -> Closure<O, impl Kind<In = O::Out, Out = U>, P> {
        self.each(name, TryMap(f, PhantomData))
    }

    /// Leaves out those for which `f` says `false`.
    pub fn filter(
        self,
        name: &str,
        f: impl FnMut(&O::Out) -> bool + Send + 'static,
    ) -> Closure<O, impl Kind<In = O::Out, Out = O::Out>, P> {
        self.each(name, Filter(f, PhantomData))
    }

    /// Makes as many of one as there are in what `f` gives.
    pub fn flat_map<I>(
        self,
        name: &str,
        f: impl FnMut(O::Out) -> I + Send + 'static,
    ) -> Closure<O, impl Kind<In = O::Out, Out = I::Item>, P>
    where
        I: IntoIterator<Item: Send + 'static> + 'static,
    {
        self.each(name, FlatMap(f, PhantomData))
    }

    /// Looks at each.
    pub fn inspect(
        self,
        name: &str,
        f: impl FnMut(&O::Out) + Send + 'static,
    ) -> Closure<O, impl Kind<In = O::Out, Out = O::Out>, P> {
        self.each(name, Inspect(f, PhantomData))
    }

    /// Makes one of one, with a state that `f` may change.
    pub fn scan<S: Send + 'static, U: Send + 'static>(
        self,
        name: &str,
        state: S,
        f: impl FnMut(&mut S, O::Out) -> U + Send + 'static,
    ) -> Closure<O, impl Kind<In = O::Out, Out = U>, P> {
        self.each(name, Scan(f, state, PhantomData))
    }

    /// Makes one value of all of them, and hands it on at the end. After a drain it is that of the items that were
    /// taken in.
    ///
    /// A panic in `f` ends the pipeline, since the value may be half-changed.
    pub fn fold<S: Send + 'static>(
        self,
        name: &str,
        state: S,
        f: impl FnMut(&mut S, O::Out) + Send + 'static,
    ) -> Following<O, impl Op<In = O::Out, Out = S>, P> {
        let item = PhantomData;
        self.then(name, |base| Fold { base, state: Some(state), add: f, items: 0, item })
    }

    /// Lets no more than so many through within a time, evenly spread. Past the deadline of a drain nothing is held up.
    ///
    /// # Panics
    ///
    /// If `items` is zero.
    pub fn rate_limit(
        self,
        name: &str,
        items: u32,
        per: Duration,
    ) -> Following<O, RateLimit<O::Out>, P> {
        assert!(items > 0, "`{name}` would let nothing through");
        let apart = per / items;
        self.then(name, |base| RateLimit { base, apart, next: None, item: PhantomData })
    }

    /// Puts so many together, or as many as have come within a time from the first of them.
    ///
    /// # Panics
    ///
    /// If `items` is zero.
    pub fn batch(
        self,
        name: &str,
        items: usize,
        within: Duration,
    ) -> Beginning<O, Batch<O::Out>, P> {
        assert!(items > 0, "`{name}` would be a batch of nothing");
        self.at_a_beginning(name).then(name, |base| Batch {
            base,
            items,
            within,
            kept: Vec::new(),
            due: None,
        })
    }

    /// Puts together what comes within one span of time, which begins with its first item.
    pub fn window(self, name: &str, span: Duration) -> Beginning<O, Window<O::Out>, P> {
        self.at_a_beginning(name).then(name, |base| Window {
            base,
            span,
            kept: Vec::new(),
            due: None,
        })
    }

    /// What follows runs on a thread of its own, which is called so.
    pub fn thread(self, name: &str) -> Flow<Nothing<O::Out>, P> {
        self.on_thread_of_its_own(name)
    }
}

// Threads.

impl<O: Op, P: Clone + Send + 'static> Flow<O, P> {
    fn on_thread_of_its_own(self, name: &str) -> Flow<Nothing<O::Out>, P> {
        let thread = name.to_owned();
        let (way, close) = self.close();
        let feed: Feed<O::Out> = Box::new(move |assembly, part| {
            let inlet = Part { name: thread, ..part }.spawn(assembly, None)?;
            close(assembly, inlet)
        });
        Flow::<O, P>::fed_by(way, feed)
    }

    /// Where a thread begins: here, if it does.
    fn at_a_beginning(self, name: &str) -> Flow<Nothing<O::Out>, P> {
        if !self.is_empty {
            return self.on_thread_of_its_own(name);
        }
        let Flow { way, feed, .. } = self;
        // What comes in goes out, so that it is of one type; which the compiler does not know.
        match (Box::new(feed) as Box<dyn Any>).downcast::<Feed<O::Out>>() {
            Ok(feed) => Flow::<O, P>::fed_by(way, *feed),
            Err(_) => unreachable!("what does nothing changes no types"),
        }
    }

    /// A flow whose thread does nothing so far.
    fn fed_by(way: Way<P>, feed: Feed<O::Out>) -> Flow<Nothing<O::Out>, P> {
        Flow { way, feed, ops: Nothing(PhantomData), head: None, is_empty: true }
    }

    /// Nothing more happens on this thread: what it makes goes to an inlet.
    fn close(self) -> (Way<P>, impl Close<Inlet<O::Out>>) {
        self.close_with(|inlet: Inlet<O::Out>| (Arc::clone(&inlet.receiver), inlet.outlet()))
    }

    /// The same, with another end than one outlet.
    fn close_with<I, E: End<O::Out>>(
        self,
        end: impl FnOnce(I) -> (Arc<Counts>, E) + Send,
    ) -> (Way<P>, impl Close<I>) {
        let Flow { mut way, feed, ops, head, .. } = self;
        let branches = std::mem::take(&mut way.branches);
        let close = move |assembly: &mut Assembly<'_>, to: I| {
            branches.into_iter().try_for_each(|branch| branch(assembly))?;
            let (next, end) = end(to);
            let head = head.unwrap_or(Head { name: String::new(), counts: next });
            let receiver = Arc::clone(&head.counts);
            let process = Box::new(Segment { ops, end, receiver });
            feed(assembly, Part { name: head.name, receiver: head.counts, process })
        };
        (way, close)
    }
}

// Several threads.

impl<O: Op, P: Clone + Send + 'static> Flow<O, P> {
    /// Makes one of one on several threads. The order is kept, unless it is told to go about it
    /// [`unordered`](Flow::unordered); no more than a few chunks for each thread are ever out of order.
    ///
    /// Each thread has a clone of `f`. How many items a thread takes at once depends on how long they take.
    ///
    /// # Panics
    ///
    /// If `threads` is zero.
    pub fn parallel<U: Send + 'static>(
        self,
        name: &str,
        threads: usize,
        f: impl FnMut(O::Out) -> U + Clone + Send + 'static,
    ) -> Flow<Joined<O::Out, U>, P> {
        self.on_several_threads(name, threads, move || Map(f.clone(), PhantomData))
    }

    /// The same, with a closure that may give an error.
    ///
    /// # Panics
    ///
    /// If `threads` is zero.
    pub fn try_parallel<U: Send + 'static, E: Into<Error> + 'static>(
        self,
        name: &str,
        threads: usize,
        f: impl FnMut(O::Out) -> Result<U, E> + Clone + Send + 'static,
    ) -> Flow<Joined<O::Out, U>, P> {
        self.on_several_threads(name, threads, move || TryMap(f.clone(), PhantomData))
    }

    fn on_several_threads<K>(
        self,
        name: &str,
        threads: usize,
        kind: impl Fn() -> K + Send + 'static,
    ) -> Flow<Joined<O::Out, K::Out>, P>
    where
        K: Kind<In = O::Out>,
    {
        assert!(threads > 0, "`{name}` would have no thread");
        let settings = Settings { is_ordered: true, policy: Policy::default() };
        let settings: Shared<O::Out> = Arc::new(Mutex::new(settings));
        // Only who is handed chunks can hand them out in the size that suits the pool.
        let mut before = self.at_a_beginning(&format!("{name}-in"));
        let members = before.way.stage(name);
        let counts = members.first();
        let (way, close) = before.close();
        let (pool, chosen) = (name.to_owned(), Arc::clone(&settings));
        let feed: Feed<K::Out> = Box::new(move |assembly, part| {
            let (is_ordered, policy) = parallel::chosen(&chosen);
            let (give_back, permits) = parallel::permits(threads);
            let reorder = is_ordered.then(|| Reorder::new(give_back));
            let inlet = part.or_named(&format!("{pool}-out")).spawn(assembly, reorder)?;
            let (returns, chunk_items) = (Returns::new(), Arc::new(AtomicUsize::new(1)));
            let spawned = assembly.pool(&pool, threads, &counts).spawn_with({
                let (returns, chunk_items) = (returns.clone(), Arc::clone(&chunk_items));
                let pool = Arc::from(&*pool);
                move || {
                    let base = Base {
                        name: Arc::clone(&pool),
                        counts: members.one_more(),
                        must_stop: None,
                    };
                    Worker {
                        stage: Each { kind: kind(), base, policy: policy.clone() },
                        outlet: inlet.clone().in_whole_chunks().outlet(),
                        returns: returns.clone(),
                        chunk_items: Arc::clone(&chunk_items),
                    }
                }
            })?;
            let permits = is_ordered.then_some(Permits(permits));
            let receiver = counts;
            close(assembly, Inlet { to: spawned, returns, receiver, permits, chunk_items })
        });
        let ops = Joined { settings, item: PhantomData };
        Flow { way, feed, ops, head: None, is_empty: true }
    }

    /// Makes one of one on several threads, with all items of one key on the same thread, in their order. Between
    /// keys there is no order, and so the positions of the source end here.
    ///
    /// Each thread has a clone of `f`, which may keep a state for its keys.
    ///
    /// # Panics
    ///
    /// If `threads` is zero.
    pub fn partition_by<K: Hash + 'static, U: Send + 'static>(
        self,
        name: &str,
        threads: usize,
        key: impl FnMut(&O::Out) -> K + Send + 'static,
        f: impl FnMut(O::Out) -> U + Clone + Send + 'static,
    ) -> Flow<Joined<O::Out, U>, ()> {
        assert!(threads > 0, "`{name}` would have no thread");
        let settings = Settings { is_ordered: false, policy: Policy::default() };
        let settings: Shared<O::Out> = Arc::new(Mutex::new(settings));
        let mut before = self;
        let members = before.way.stage(name);
        let base = Base { name: name.into(), counts: members.first(), must_stop: None };
        let (way, close) = before.close_with(|lanes: Vec<Inlet<O::Out>>| {
            let lanes = lanes.into_iter().map(Inlet::outlet).collect();
            (Arc::clone(&base.counts), Scatter { lanes, key, base, kind: PhantomData })
        });
        let (lane, chosen) = (name.to_owned(), Arc::clone(&settings));
        let feed: Feed<U> = Box::new(move |assembly, part| {
            let (_, policy) = parallel::chosen(&chosen);
            let inlet = part.or_named(&format!("{lane}-out")).spawn(assembly, None)?;
            let mut lanes = Vec::new();
            for number in 1..=threads {
                let base = Base {
                    name: lane.as_str().into(),
                    counts: members.one_more(),
                    must_stop: None,
                };
                let kind = Map(f.clone(), PhantomData);
                let ops = Each { kind, base, policy: policy.clone() };
                let receiver = Arc::clone(&ops.base.counts);
                let end = inlet.clone().outlet();
                let process = Box::new(Segment { ops, end, receiver: Arc::clone(&receiver) });
                let part = Part { name: format!("{lane}-{number}"), receiver, process };
                lanes.push(part.spawn(assembly, None)?);
            }
            drop(inlet);
            close(assembly, lanes)
        });
        let ops = Joined { settings, item: PhantomData };
        Flow { way: way.without_positions(), feed, ops, head: None, is_empty: true }
    }

    /// Takes the items of another pipeline too, as they come. The order within each is kept; the positions end here.
    pub fn merge<O2: Op<Out = O::Out>, P2: Clone + Send + 'static>(
        self,
        name: &str,
        other: Flow<O2, P2>,
    ) -> Beginning<O, Each<impl Kind<In = O::Out, Out = O::Out>>, ()> {
        let (way, close) = self.close();
        let (other, close_other) = other.close();
        let offset = way.book.join(&other.book);
        let thread = name.to_owned();
        let feed: Feed<O::Out> = Box::new(move |assembly, part| {
            let inlet = part.or_named(&thread).spawn(assembly, None)?;
            close(assembly, inlet.clone())?;
            close_other(assembly, inlet)
        });
        let from = [way.stage, offset + other.stage];
        let flow = Flow::<O, ()>::fed_by(way.without_positions(), feed);
        let book = flow.way.book.clone();
        let flow = flow.each(name, Inspect(|_: &O::Out| {}, PhantomData));
        book.feed_the_last(from.to_vec());
        flow
    }

    /// Gives a copy of each item to a branch of its own, which ends in a sink of its own, and goes on.
    ///
    /// If the branch ends before its input does, it gets no more copies; that is no matter of the main way's.
    pub fn tee(
        mut self,
        branch: impl FnOnce(Flow<Nothing<O::Out>, P>) -> Ready,
    ) -> Following<O, Tee<O::Out>, P>
    where
        O::Out: Clone,
    {
        let side = self.branch(branch);
        let ops = Then { first: self.ops, second: Tee { side } };
        Flow { way: self.way, feed: self.feed, ops, head: self.head, is_empty: false }
    }

    /// Gives a copy of each item to each of several branches, each with a sink of its own.
    ///
    /// # Panics
    ///
    /// If there is no branch.
    pub fn broadcast(self, branches: Vec<Branch<O::Out, P>>) -> Ready
    where
        O::Out: Clone,
    {
        let mut flow = self.at_a_beginning("broadcast");
        let mut sides = Vec::new();
        for branch in branches {
            sides.push(flow.branch(branch.0));
        }
        assert!(!sides.is_empty(), "a broadcast to nobody");
        let (way, close) = flow.close_with(|()| {
            let end = Copies { sides };
            (Arc::default(), end)
        });
        let start: Start = Box::new(move |assembly| close(assembly, ()));
        Ready { name: way.pipeline, book: way.book, start }
    }

    fn branch(&mut self, describe: impl FnOnce(Flow<Nothing<O::Out>, P>) -> Ready) -> Side<O::Out> {
        let door = Door::new();
        let entrance = door.clone();
        let feed: Feed<O::Out> = Box::new(move |assembly, part| {
            entrance.open(part.spawn(assembly, None)?);
            Ok(())
        });
        let ready = describe(Flow::<O, P>::fed_by(self.way.aside(), feed));
        self.way.branches.push(ready.start);
        Side::new(door)
    }

    /// Ends in a sink.
    pub fn sink<S: Sink<O::Out, P>>(self, name: &str, sink: S) -> Ready {
        let mut flow = self.at_a_beginning(name);
        let counts = flow.way.stage(name).first();
        let book = sink.keeps_positions().then(|| flow.way.books.add());
        let base = Base { name: name.into(), counts, must_stop: None };
        flow.head = Some(Head { name: name.to_owned(), counts: Arc::clone(&base.counts) });
        let (way, close) = flow.close_with(|()| {
            let counts = Arc::clone(&base.counts);
            (counts, SinkEnd::new(sink, base, book))
        });
        let start: Start = Box::new(move |assembly| close(assembly, ()));
        Ready { name: way.pipeline, book: way.book, start }
    }
}

/// A branch of a [`broadcast`](Flow::broadcast).
pub struct Branch<T: Send + 'static, P = ()>(Describe<T, P>);

type Describe<T, P> = Box<dyn FnOnce(Flow<Nothing<T>, P>) -> Ready>;

impl<T: Send + 'static, P> Branch<T, P> {
    /// Describes a branch.
    pub fn new(describe: impl FnOnce(Flow<Nothing<T>, P>) -> Ready + 'static) -> Branch<T, P> {
        Branch(Box::new(describe))
    }
}

impl<T: Send + 'static, P> fmt::Debug for Branch<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Branch")
    }
}

/// A copy to the side.
#[derive(Debug)]
pub struct Tee<T: Send + 'static> {
    side: Side<T>,
}

impl<T: Clone + Send + 'static> Op for Tee<T> {
    type In = T;
    type Out = T;

    fn begin(&mut self, thread: &Thread) {
        self.side.begin(thread);
    }

    fn push(&mut self, item: T, emit: &mut impl Emit<T>) -> Result<(), Halt> {
        self.side.put(item.clone());
        emit.emit(item)
    }

    fn settle(&mut self) -> Result<(), Halt> {
        self.side.flush();
        Ok(())
    }

    fn mark(&mut self, upto: u64) {
        self.side.mark(upto);
    }
}

/// Copies to all sides.
struct Copies<T: Send + 'static> {
    sides: Vec<Side<T>>,
}

impl<T: Clone + Send + 'static> Emit<T> for Copies<T> {
    fn emit(&mut self, item: T) -> Result<(), Halt> {
        if let Some((last, others)) = self.sides.split_last_mut() {
            others.iter_mut().for_each(|side| side.put(item.clone()));
            last.put(item);
        }
        Ok(())
    }
}

impl<T: Clone + Send + 'static> End<T> for Copies<T> {
    fn begin(&mut self, thread: &Thread) {
        self.sides.iter_mut().for_each(|side| side.begin(thread));
    }

    fn mark(&mut self, upto: u64) -> Result<(), Halt> {
        self.sides.iter_mut().for_each(|side| side.mark(upto));
        Ok(())
    }

    fn settle(&mut self) -> Result<(), Halt> {
        self.sides.iter_mut().for_each(Side::flush);
        Ok(())
    }
}

// What is to be done about errors.

/// What a closure's stage can be told about items that fail.
impl<A: Op, K: Kind<In = A::Out>, P: Clone + Send + 'static> Flow<Then<A, Each<K>>, P> {
    /// Leaves out the items of which the stage before makes an error, and counts them.
    pub fn skip_errors(mut self) -> Self {
        self.ops.second.policy.at_last = AtLast::Skip;
        self
    }

    /// Tries an item again, so many times, before what is done about errors is done. It waits in between; the wait ends
    /// with the deadline of a drain.
    pub fn retry(mut self, times: u32, backoff: Backoff) -> Self
    where
        K::In: Clone,
    {
        self.ops.second.policy.retry = Some(Retry { times, backoff, copy: K::In::clone });
        self
    }

    /// Gives the items of which the stage before makes an error to a sink of their own.
    ///
    /// Positions know nothing of it: a checkpoint may be ahead of what this sink has made lasting.
    pub fn divert(mut self, name: &str, sink: impl Sink<Diverted<K::In>>) -> Self
    where
        K::In: Clone,
    {
        let (to, start) = self.way.divert(name, sink);
        self.way.branches.push(start);
        self.ops.second.policy.at_last = AtLast::Divert { copy: K::In::clone, to };
        self
    }
}

/// What a stage on several threads can be told.
impl<T: Send + 'static, U: Send + 'static, P: Clone + Send + 'static> Flow<Joined<T, U>, P> {
    /// Does not keep the order: what is done first goes first. The positions of the source end here.
    pub fn unordered(self) -> Flow<Joined<T, U>, ()> {
        parallel::change(&self.ops.settings, |settings| settings.is_ordered = false);
        let Flow { way, feed, ops, head, is_empty } = self;
        Flow { way: way.without_positions(), feed, ops, head, is_empty }
    }

    /// Leaves out the items of which the stage before makes an error, and counts them.
    pub fn skip_errors(self) -> Self {
        parallel::change(&self.ops.settings, |settings| settings.policy.at_last = AtLast::Skip);
        self
    }

    /// Tries an item again, so many times, before what is done about errors is done. It waits in between; the wait ends
    /// with the deadline of a drain.
    pub fn retry(self, times: u32, backoff: Backoff) -> Self
    where
        T: Clone,
    {
        let retry = Retry { times, backoff, copy: T::clone };
        parallel::change(&self.ops.settings, |settings| settings.policy.retry = Some(retry));
        self
    }

    /// Gives the items of which the stage before makes an error to a sink of their own.
    pub fn divert(mut self, name: &str, sink: impl Sink<Diverted<T>>) -> Self
    where
        T: Clone,
    {
        let (to, start) = self.way.divert(name, sink);
        self.way.branches.push(start);
        let at_last = AtLast::Divert { copy: T::clone, to };
        parallel::change(&self.ops.settings, |settings| settings.policy.at_last = at_last);
        self
    }
}

/// What a source can be told.
impl<T: Send + 'static, P: Clone + Send + 'static> Flow<Given<T>, P> {
    /// Goes on after an error of the source's, and counts it.
    pub fn skip_errors(self) -> Self {
        self.ops.skips_errors.store(true, Ordering::Relaxed);
        self
    }
}

/// What a source gives.
#[derive(Debug)]
pub struct Given<T> {
    skips_errors: Arc<AtomicBool>,
    item: PhantomData<fn(T)>,
}

impl<T> Given<T> {
    pub(crate) fn new(skips_errors: Arc<AtomicBool>) -> Given<T> {
        Given { skips_errors, item: PhantomData }
    }
}

impl<T: Send + 'static> Op for Given<T> {
    type In = T;
    type Out = T;

    #[inline]
    fn push(&mut self, item: T, emit: &mut impl Emit<T>) -> Result<(), Halt> {
        emit.emit(item)
    }
}
