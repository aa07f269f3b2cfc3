//! Stages on several threads: a pool that shares the work, and lanes that keep the items of a key together.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded};
use exeunt::{Actor, Context};

use crate::chunk::{Outlet, Parcel, Returns};
use crate::demand::Wanted;
use crate::op::{Base, Each, Emit, Halt, Kind, Op, Policy, Thread, guard};
use crate::pace::Pace;
use crate::position::Debts;
use crate::segment::{End, Process as _, Segment, failure};
use crate::watch::Watch;
use crate::wiring::Wire;

/// Chunks for each thread of a pool that may be out of order.
const WINDOW_PER_THREAD: usize = 8;

/// What can be chosen about a stage on several threads after it was described.
pub(crate) struct Settings<T: Send + 'static> {
    pub(crate) is_ordered: bool,
    pub(crate) policy: Policy<T>,
}

/// The same, shared by who chooses and who builds.
pub(crate) type Shared<T> = Arc<Mutex<Settings<T>>>;

/// What was chosen in the end.
pub(crate) fn chosen<T>(settings: &Shared<T>) -> (bool, Policy<T>)
where
    T: Send + 'static,
{
    let settings = settings.lock().unwrap_or_else(PoisonError::into_inner);
    (settings.is_ordered, settings.policy.clone())
}

pub(crate) fn change<T: Send + 'static>(
    settings: &Shared<T>,
    change: impl FnOnce(&mut Settings<T>),
) {
    change(&mut settings.lock().unwrap_or_else(PoisonError::into_inner));
}

/// What follows several threads. Its stage can still be [told](crate::Flow::unordered) how to go about it.
pub struct Joined<T: Send + 'static, U> {
    pub(crate) settings: Shared<T>,
    pub(crate) item: PhantomData<fn(U)>,
}

impl<T: Send + 'static, U: Send + 'static> Op for Joined<T, U> {
    type In = U;
    type Out = U;

    #[inline]
    fn push(&mut self, item: U, emit: &mut impl Emit<U>) -> Result<(), Halt> {
        emit.emit(item)
    }
}

impl<T: Send + 'static, U> std::fmt::Debug for Joined<T, U> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Joined")
    }
}

/// As many permits as chunks may be out of order.
pub(crate) fn permits(threads: usize) -> (Sender<()>, Receiver<()>) {
    let window = threads.saturating_mul(WINDOW_PER_THREAD);
    let (give, take) = bounded(window);
    (0..window).for_each(|_| assert!(give.try_send(()).is_ok(), "there is room for all of them"));
    (give, take)
}

/// One thread of a pool: a segment of one stage, whose chunks keep their numbers.
pub(crate) struct Worker<K: Kind> {
    segment: Segment<Each<K>, Outlet<K::Out>>,
    returns: Returns<K::In>,
    pace: Arc<Pace>,
    wanted: Wanted,
}

impl<K: Kind> Actor for Worker<K> {
    type Msg = Parcel<K::In>;

    fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        self.wanted.begin(&cx.system(), cx.stopping(), cx.must_stop());
        self.segment.begin(&self.wanted.thread(false));
        Ok(())
    }

    fn handle(&mut self, parcel: Parcel<K::In>, cx: &mut Context<Self>) -> exeunt::Result {
        let mut chunk = parcel.open();
        let (items, began) = (chunk.items.len(), Instant::now());
        self.segment.end.begin_chunk(chunk.number);
        let done = {
            let segment = &mut self.segment;
            Watch::of(cx, &self.wanted, |watch| segment.chunk(&mut chunk, began, watch))
        };
        self.pace.learn(items, began.elapsed());
        self.returns.give(chunk);
        // The next one may be another thread's, however many wait; and what it has made may wait for room.
        let settled = self.segment.ops.settle();
        // Somebody waits for that number, whatever has become of it.
        let sent = self.segment.end.end_chunk(done.is_err());
        match done.and(sent).and(settled) {
            Ok(()) | Err(Halt::Late) => Ok(()),
            Err(Halt::Failed { stage, error }) => Err(failure(cx.name(), &stage, error)),
            Err(Halt::Refused | Halt::Enough) => {
                self.wanted.close();
                cx.stop();
                Ok(())
            }
        }
    }
}

impl<K: Kind> Worker<K> {
    pub(crate) fn new(
        stage: Each<K>,
        outlet: Outlet<K::Out>,
        returns: Returns<K::In>,
        pace: Arc<Pace>,
        wanted: Wanted,
    ) -> Worker<K> {
        let counts = Arc::clone(&stage.base.counts);
        Worker {
            segment: Segment::new(stage, outlet, counts, Debts::default()),
            returns,
            pace,
            wanted,
        }
    }
}

/// The end of a segment that hands its items to several lanes: those of one key always to the same.
pub(crate) struct Scatter<T: Send + 'static, K, F> {
    pub(crate) lanes: Vec<Outlet<T>>,
    pub(crate) key: F,
    pub(crate) base: Base,
    pub(crate) kind: PhantomData<fn() -> K>,
}

impl<T, K, F> End<T> for Scatter<T, K, F>
where
    T: Send + 'static,
    K: Hash + 'static,
    F: FnMut(&T) -> K + Send + 'static,
{
    fn put(&mut self, item: T) -> Result<(), Halt> {
        self.put_beside(item, &mut || {})
    }

    fn put_beside(&mut self, item: T, send: &mut dyn FnMut()) -> Result<(), Halt> {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        // To hash a key is code of the user's, too.
        let hash = guard(|| Ok(hasher.hash_one((self.key)(&item)))).map_err(|error| {
            self.base.counts.entered();
            self.base.counts.failed();
            self.base.halt(error)
        })?;
        let lanes = self.lanes.len() as u64;
        // The remainder of a division by their number is one of them.
        self.lanes[(hash % lanes) as usize].put_beside(item, send)
    }

    fn wire<W: Wire>(&self, wire: W) -> W {
        self.lanes.iter().fold(wire, |wire, lane| lane.wire(wire))
    }

    fn begin(&mut self, thread: &Thread) {
        self.lanes.iter_mut().for_each(|lane| lane.begin(thread));
    }

    fn mark(&mut self, _: u64) -> Result<(), Halt> {
        Ok(()) // between lanes there is no order
    }

    fn send(&mut self) -> Result<(), Halt> {
        // One that is refused is no reason to keep from the others what is theirs.
        let mut done = Ok(());
        for lane in &mut self.lanes {
            done = done.and(lane.flush());
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crossbeam_channel::unbounded;
    use exeunt::stepper::{Step, Stepper};
    use exeunt::{Error, System};

    use super::*;
    use crate::chunk::{Chunk, Inlet};
    use crate::demand::Demand;
    use crate::link::{Counted, Link};
    use crate::op::{AtLast, Map, TryMap};
    use crate::side::{Door, Side};

    /// Longer than anything here takes.
    const GUARD: Duration = Duration::from_secs(20);

    /// Tells how much comes.
    struct Takes<T>(Sender<usize>, PhantomData<fn(T)>);

    impl<T: Send + 'static> Actor for Takes<T> {
        type Msg = Parcel<T>;

        fn handle(&mut self, parcel: Parcel<T>, _: &mut Context<Self>) -> exeunt::Result {
            Ok(self.0.send(parcel.open().items.len())?)
        }
    }

    /// A link through which nothing goes before it is sent.
    fn inlet<T: Send + 'static>(
        system: &mut System,
        name: &str,
        demand: &Demand,
    ) -> (Inlet<T>, Receiver<usize>) {
        let (tell, told) = unbounded();
        let to = system.spawn(name, Takes(tell, PhantomData));
        let (node, receiver) = (demand.add(&[]).node(), Arc::default());
        let returns = Returns::new(4);
        (Inlet { to, node, returns, receiver, permits: None, pace: None }, told)
    }

    #[test]
    fn what_goes_aside_does_not_wait_although_more_waits_for_the_pool() {
        let (mut system, demand) = (System::new("pool"), Demand::default());
        let (door, (aside, told)) = (Door::new(), inlet(&mut system, "aside", &demand));
        door.open(aside);
        let (out, _taken) = inlet(&mut system, "out", &demand);
        let ((release, released), (come, has_come)) = (bounded(0), bounded(1));
        let work = move |n: u32| match n {
            0 => Ok(released.recv()?),
            1 => Err(Error::msg("aside")),
            _ => Ok(come.send(told.recv_timeout(GUARD))?),
        };
        let at_last = AtLast::Divert { copy: u32::clone, to: Box::new(Side::new(door)) };
        let base = Base { name: "work".into(), counts: Arc::default() };
        let policy = Policy { retry: None, at_last };
        let stage = Each { kind: TryMap(work, PhantomData), base, policy };
        let (outlet, pace) = (out.outlet(), Arc::new(Pace::of_a_pool(1)));
        let worker = Worker::new(stage, outlet, Returns::new(4), pace, demand.add(&[]));
        let pool = system.spawn("work", worker);
        for number in 0..3 {
            pool.send(Parcel::Chunk(chunk(number, [u32::try_from(number).unwrap()]))).unwrap();
        }
        release.send(()).unwrap();
        assert_eq!(has_come.recv().unwrap(), Ok(1));
        assert!(system.shutdown().is_complete());
    }

    fn chunk(number: u64, items: impl IntoIterator<Item = u32>) -> Chunk<u32> {
        Chunk { items: items.into_iter().collect(), number, ..Chunk::default() }
    }

    #[test]
    fn who_works_for_nobody_any_more_leaves_the_rest_and_ends() {
        let (mut link, (tell, called)) = (Link::new(), unbounded());
        let counted = Counted::new();
        let base = counted.base();
        let work = move |n: u32| {
            let _ = tell.send(n);
            n
        };
        let stage = Each { kind: Map(work, PhantomData), base, policy: Policy::default() };
        let wanted = link.demand.add(&[link.wanted.node()]);
        let source = link.demand.add(&[wanted.node()]);
        let pace = Arc::new(Pace::of_a_pool(1));
        let worker =
            Worker::new(stage, link.inlet().outlet(), Returns::new(4), pace, wanted.clone());
        let mut worker = Stepper::new("work", worker);
        (0..3).for_each(|n| worker.send(Parcel::Chunk(chunk(n, [1]))).unwrap());
        assert_eq!(worker.step(), Step::Message);
        assert_eq!(link.read_items(), [1]);
        link.close();
        worker.run();
        // It has learned of it when it had made the second.
        assert_eq!(called.try_iter().count(), 2);
        assert!(source.is_over() && worker.report().is_some());
        let stage = counted.read();
        assert_eq!((stage.passed, stage.returned, stage.unfinished()), (2, 1, 0));
    }

    #[test]
    fn a_lane_that_is_closed_keeps_nothing_from_the_others() {
        let (mut closed, mut open) = (Link::<u32>::new(), Link::new());
        let lanes = [&closed, &open].map(|link| link.inlet().outlet()).into();
        let base = Counted::new().base();
        let mut scatter = Scatter { lanes, key: |n: &u32| *n, base, kind: PhantomData };
        (0..1_000).for_each(|n| scatter.put(n).unwrap());
        closed.close();
        assert!(matches!(scatter.send(), Err(Halt::Refused)));
        let (come, refused) = (open.read_items().len() as u64, closed.counted.read().returned);
        assert!(come > 0 && refused > 0 && come + refused == 1_000);
    }
}
