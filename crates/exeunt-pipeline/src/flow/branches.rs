//! Where pipelines come together, and where they part.

use std::fmt;
use std::marker::PhantomData;

use super::{Beginning, Flow, Following};
use crate::op::{Base, Emit, Halt, Nothing, Op, Then, Thread};
use crate::pipeline::Ready;
use crate::segment::{End, Feed};
use crate::side::{Door, Side};
use crate::wiring::Wire;

impl<O: Op, P: Clone + Send + 'static> Flow<O, P> {
    /// Takes the items of another pipeline too, as they come. The order within each is kept; the positions end here.
    pub fn merge<O2: Op<Out = O::Out>, P2: Clone + Send + 'static>(
        self,
        name: &str,
        other: Flow<O2, P2>,
    ) -> Beginning<O, Pass<O::Out>, ()> {
        let (way, close) = self.close(format!("{name}-in"));
        let (other, close_other) = other.close(format!("{name}-in"));
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
        let flow = flow.then(name, |base| Pass { base, item: PhantomData });
        book.feed_the_last(from.to_vec());
        flow
    }

    /// Gives a copy of each item to a branch of its own, which ends in a sink of its own, and goes on.
    ///
    /// If the branch ends before its input does, it gets no more copies; that is no matter of the main way's. While it
    /// is slower, the main way waits for it. Copies travel together, but none is kept back while a later stage on the same
    /// thread waits for a turn or the next try. The main way does not go on for the branch: when its sink has
    /// [enough](crate::Closed), the branch ends with what it has. Branches that are worth the same are a
    /// [`broadcast`](Flow::broadcast).
    pub fn tee(
        mut self,
        name: &str,
        branch: impl FnOnce(Flow<Nothing<O::Out>, P>) -> Ready,
    ) -> Following<O, Tee<O::Out>, P>
    where
        O::Out: Clone,
    {
        let base = self.enter(name);
        let side = self.branch(branch);
        let ops = Then { first: self.ops, second: Tee { base, side } };
        let begun = self.begun.with_a_stage();
        Flow { ops, way: self.way, feed: self.feed, head: self.head, begun }
    }

    /// Gives a copy of each item to each of several branches, each with a sink of its own.
    ///
    /// The slowest sets the pace. A branch that ends before its input does gets no more copies; when all have, the
    /// pipeline ends.
    pub fn broadcast(mut self, name: &str, branches: Vec<Branch<O::Out, P>>) -> Ready
    where
        O::Out: Clone,
    {
        self.way.book.check(name, !branches.is_empty(), "would have no branch");
        let base = self.enter(name);
        let sides = branches.into_iter().map(|branch| self.branch(branch.0)).collect();
        let (way, close) = self.close_with(name.to_owned(), |()| {
            let counts = base.counts.clone();
            (counts, Copies { base, sides })
        });
        way.ready(Box::new(move |assembly| close(assembly, ())))
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

/// Where pipelines come together: all items go on.
#[derive(Debug)]
pub struct Pass<T> {
    base: Base,
    item: PhantomData<fn(T)>,
}

impl<T: Send + 'static> Op for Pass<T> {
    type In = T;
    type Out = T;

    #[inline]
    fn push(&mut self, item: T, emit: &mut impl Emit<T>) -> Result<(), Halt> {
        self.base.counts.handed_on();
        emit.emit(item)
    }
}

/// A copy to the side.
#[derive(Debug)]
pub struct Tee<T: Send + 'static> {
    pub(crate) base: Base,
    pub(crate) side: Side<T>,
}

impl<T: Clone + Send + 'static> Op for Tee<T> {
    type In = T;
    type Out = T;

    fn wire<W: Wire>(&self, wire: W) -> W {
        self.side.wire(wire)
    }

    fn begin(&mut self, thread: &Thread) {
        self.side.begin(thread);
    }

    #[inline]
    fn push(&mut self, item: T, emit: &mut impl Emit<T>) -> Result<(), Halt> {
        self.base.counts.handed_on();
        let copied = self.side.put_copy(&item);
        emit.emit_beside(item, &mut || self.side.flush())?;
        copied.map_err(|error| self.base.halt(error))
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
    base: Base,
    sides: Vec<Side<T>>,
}

impl<T: Clone + Send + 'static> End<T> for Copies<T> {
    fn put(&mut self, item: T) -> Result<(), Halt> {
        self.base.counts.handed_on();
        let Some((last, others)) = self.sides.split_last_mut() else { return Ok(()) };
        let mut copied = Ok(());
        for side in others {
            copied = copied.and(side.put_copy(&item));
        }
        last.put(item);
        copied.map_err(|error| self.base.halt(error))?;
        if self.sides.iter().all(Side::is_closed) { Err(Halt::Refused) } else { Ok(()) }
    }

    fn wire<W: Wire>(&self, wire: W) -> W {
        self.sides.iter().fold(wire, |wire, side| side.wire(wire))
    }

    fn begin(&mut self, thread: &Thread) {
        self.sides.iter_mut().for_each(|side| side.begin(thread));
    }

    fn mark(&mut self, upto: u64) -> Result<(), Halt> {
        self.sides.iter_mut().for_each(|side| side.mark(upto));
        Ok(())
    }

    fn send(&mut self) -> Result<(), Halt> {
        self.sides.iter_mut().for_each(Side::flush);
        Ok(())
    }
}
