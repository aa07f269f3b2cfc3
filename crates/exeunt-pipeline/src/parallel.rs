//! Stages on several threads: a pool that shares the work, and lanes that keep the items of a key together.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use exeunt::{Actor, Context};

use crate::chunk::{CHUNK_ITEMS, Outlet, Parcel, Returns};
use crate::op::{Base, Each, Emit, Halt, Kind, Op, Policy, Thread, guard};
use crate::segment::{End, failure};

/// How long a thread of a pool should be busy with one chunk: long beside what it costs to hand it over, short
/// beside what the others wait at the end.
const CHUNK_TIME: Duration = Duration::from_micros(200);

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

/// One thread of a pool.
pub(crate) struct Worker<K: Kind> {
    pub(crate) stage: Each<K>,
    pub(crate) outlet: Outlet<K::Out>,
    pub(crate) returns: Returns<K::In>,
    /// How many items make a chunk for this pool.
    pub(crate) chunk_items: Arc<AtomicUsize>,
}

impl<K: Kind> Actor for Worker<K> {
    type Msg = Parcel<K::In>;

    fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        let thread = Thread { must_stop: cx.must_stop().clone(), is_source: false };
        self.stage.begin(&thread);
        self.outlet.begin(&thread);
        Ok(())
    }

    fn handle(&mut self, parcel: Parcel<K::In>, cx: &mut Context<Self>) -> exeunt::Result {
        let mut chunk = parcel.open(self.returns.get());
        let (number, count, began) = (chunk.number, chunk.items.len(), Instant::now());
        let mut taken = 0;
        let mut items = chunk.items.drain(..);
        let mut done = Ok(());
        'chunk: for at in 0..=count {
            while chunk.marks.get(taken).is_some_and(|mark| mark.after == at) {
                self.outlet.mark(chunk.marks[taken].upto);
                taken += 1;
            }
            let Some(item) = items.next() else { break };
            if let Err(halt) = self.stage.push(item, &mut self.outlet) {
                self.stage.base.counts.return_unseen(items.len());
                done = Err(halt);
                break 'chunk;
            }
        }
        drop(items);
        self.returns.give(chunk);
        self.learn(count, began.elapsed());
        let sent = match &done {
            Ok(()) => self.outlet.flush_as(number),
            Err(_) => self.outlet.flush_last(number),
        };
        match done.and(sent).and(if cx.queued() == 0 { self.stage.settle() } else { Ok(()) }) {
            Ok(()) => Ok(()),
            Err(Halt::Failed { stage, error }) => Err(failure(cx.name(), &stage, error)),
            Err(Halt::Refused | Halt::Enough) => {
                cx.stop();
                Ok(())
            }
        }
    }

    fn stopped(&mut self, _: &mut Context<Self>) -> exeunt::Result {
        let _ = self.stage.settle();
        Ok(())
    }
}

impl<K: Kind> Worker<K> {
    /// Chunks are to take about the same time, whatever an item costs.
    fn learn(&self, items: usize, took: Duration) {
        if items == 0 {
            return;
        }
        let each_nanos = (took.as_nanos() / items as u128).max(1);
        let fit = usize::try_from(CHUNK_TIME.as_nanos() / each_nanos).unwrap_or(CHUNK_ITEMS);
        // Twice as many at most, since a chunk of few items says little of the next.
        let fit = fit.clamp(1, CHUNK_ITEMS).min(items.saturating_mul(2));
        self.chunk_items.store(fit, Ordering::Relaxed);
    }
}

/// The end of a segment that hands its items to several lanes: those of one key always to the same.
pub(crate) struct Scatter<T: Send + 'static, K, F> {
    pub(crate) lanes: Vec<Outlet<T>>,
    pub(crate) key: F,
    pub(crate) base: Base,
    pub(crate) kind: PhantomData<fn() -> K>,
}

impl<T, K, F> Emit<T> for Scatter<T, K, F>
where
    T: Send + 'static,
    K: Hash,
    F: FnMut(&T) -> K,
{
    fn emit(&mut self, item: T) -> Result<(), Halt> {
        let key = guard(|| Ok((self.key)(&item)));
        let key = key.map_err(|error| {
            self.base.counts.return_unseen(1);
            self.base.halt(error)
        })?;
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(key);
        let lanes = self.lanes.len() as u64;
        // The remainder of a division by their number is one of them.
        self.lanes[(hash % lanes) as usize].emit(item)
    }
}

impl<T, K, F> End<T> for Scatter<T, K, F>
where
    T: Send + 'static,
    K: Hash + 'static,
    F: FnMut(&T) -> K + Send + 'static,
{
    fn begin(&mut self, thread: &Thread) {
        self.lanes.iter_mut().for_each(|lane| lane.begin(thread));
    }

    fn mark(&mut self, _: u64) -> Result<(), Halt> {
        Ok(()) // between lanes there is no order
    }

    fn settle(&mut self) -> Result<(), Halt> {
        self.lanes.iter_mut().try_for_each(Outlet::flush)
    }
}
