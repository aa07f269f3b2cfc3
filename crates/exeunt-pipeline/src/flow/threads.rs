//! The stages on several threads.

use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use exeunt::Error;

use super::{Begun, Flow};
use crate::chunk::{Inlet, Permits};
use crate::op::{Base, Each, Kind, Map, Op, Policy, TryMap};
use crate::parallel::{self, Joined, Scatter, Settings, Shared, Worker};
use crate::position::Debts;
use crate::reorder::Reorder;
use crate::segment::{Feed, Part, Segment};

/// More threads than this are a mistake; and some thousands more than this abort a process, on systems that refuse a thread
/// the guard of its stack.
const MOST_THREADS: usize = 4096;

impl<O: Op, P: Clone + Send + 'static> Flow<O, P> {
    /// Makes one of one on several threads. The order is kept, unless it is told to go about it
    /// [`unordered`](Flow::unordered); no more than a few chunks for each thread are ever out of order.
    ///
    /// Each thread has a clone of `f`; there are 4096 of them at most. How many items a thread takes at once depends on how
    /// long they take.
    pub fn parallel<U: Send + 'static>(
        self,
        name: &str,
        threads: usize,
        f: impl FnMut(O::Out) -> U + Clone + Send + 'static,
    ) -> Flow<Joined<O::Out, U>, P> {
        self.on_several_threads(name, threads, move || Map(f.clone(), PhantomData))
    }

    /// The same, with a closure that may give an error.
    pub fn try_parallel<U: Send + 'static, E: Into<Error> + 'static>(
        self,
        name: &str,
        threads: usize,
        f: impl FnMut(O::Out) -> Result<U, E> + Clone + Send + 'static,
    ) -> Flow<Joined<O::Out, U>, P> {
        self.on_several_threads(name, threads, move || TryMap(f.clone(), PhantomData))
    }

    fn check_threads(&self, name: &str, threads: usize) {
        self.way.book.check(name, threads > 0, "would have no thread");
        let too_many = format!("would have {threads} threads, and {MOST_THREADS} are the most");
        self.way.book.check(name, threads <= MOST_THREADS, &too_many);
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
        self.check_threads(name, threads);
        // Only who is handed chunks can hand them out in the size that suits the pool.
        match self.begun {
            Begun::Source => {
                self.on_thread_of_its_own(&format!("{name}-in")).into_pool(name, threads, kind)
            }
            _ => self.into_pool(name, threads, kind),
        }
    }

    fn into_pool<K>(
        self,
        name: &str,
        threads: usize,
        kind: impl Fn() -> K + Send + 'static,
    ) -> Flow<Joined<O::Out, K::Out>, P>
    where
        K: Kind<In = O::Out>,
    {
        let settings = Settings { is_ordered: true, policy: Policy::default() };
        let settings: Shared<O::Out> = Arc::new(Mutex::new(settings));
        let mut before = self;
        let members = before.way.stage(name);
        let counts = members.first();
        let (way, close) = before.close(format!("{name}-in"));
        let (pool, chosen) = (name.to_owned(), Arc::clone(&settings));
        let feed: Feed<K::Out> = Box::new(move |assembly, part| {
            let (is_ordered, policy) = parallel::chosen(&chosen);
            let (give_back, permits) = parallel::permits(threads);
            let reorder = is_ordered.then(|| Reorder::new(give_back, Arc::clone(&part.receiver)));
            let to = part.or_named(&format!("{pool}-out")).spawn(assembly, reorder)?;
            let (returns, pace) = (assembly.returns(), Arc::new(assembly.pace_of_a_pool()));
            let wanted = assembly.wanted(&[to.node]);
            let node = wanted.node();
            let make = {
                let (returns, pace, policy) = (returns.clone(), Arc::clone(&pace), policy.clone());
                let (name, to) = (Arc::<str>::from(&*pool), to.clone());
                move || {
                    let counts = members.one_more();
                    let base = Base { name: Arc::clone(&name), counts };
                    let stage = Each { kind: kind(), base, policy: policy.clone() };
                    let outlet = to.clone().in_whole_chunks().outlet();
                    let (returns, pace) = (returns.clone(), Arc::clone(&pace));
                    Worker::new(stage, outlet, returns, pace, wanted.clone())
                }
            };
            let pool = assembly
                .pool(&pool, threads, &counts, |builder| policy.wire(to.wire(builder)))
                .spawn_with(make)?;
            let permits = is_ordered.then_some(Permits(permits));
            close(
                assembly,
                Inlet { to: pool, node, returns, receiver: counts, permits, pace: Some(pace) },
            )
        });
        let ops = Joined { settings, item: PhantomData };
        Flow { way, feed, ops, head: None, begun: Begun::Empty }
    }

    /// Makes one of one on several threads, with all items of one key on the same thread, in their order. Between
    /// keys there is no order, and so the positions of the source end here.
    ///
    /// Each thread has a clone of `f`, which may keep a state for its keys; there are 4096 of them at most.
    pub fn partition_by<K: Hash + 'static, U: Send + 'static>(
        self,
        name: &str,
        threads: usize,
        key: impl FnMut(&O::Out) -> K + Send + 'static,
        f: impl FnMut(O::Out) -> U + Clone + Send + 'static,
    ) -> Flow<Joined<O::Out, U>, ()> {
        self.check_threads(name, threads);
        let settings = Settings { is_ordered: false, policy: Policy::default() };
        let settings: Shared<O::Out> = Arc::new(Mutex::new(settings));
        let mut before = self;
        let members = before.way.stage(name);
        let base = Base { name: name.into(), counts: members.first() };
        let (way, close) = before.close_with(format!("{name}-in"), |lanes: Vec<Inlet<O::Out>>| {
            let lanes = lanes.into_iter().map(Inlet::outlet).collect();
            (Arc::clone(&base.counts), Scatter { lanes, key, base, kind: PhantomData })
        });
        let (lane, chosen) = (name.to_owned(), Arc::clone(&settings));
        let feed: Feed<U> = Box::new(move |assembly, part| {
            let (_, policy) = parallel::chosen(&chosen);
            let inlet = part.or_named(&format!("{lane}-out")).spawn(assembly, None)?;
            let mut lanes = Vec::new();
            for number in 1..=threads {
                let base = Base { name: lane.as_str().into(), counts: members.one_more() };
                let kind = Map(f.clone(), PhantomData);
                let ops = Each { kind, base, policy: policy.clone() };
                let receiver = Arc::clone(&ops.base.counts);
                let end = inlet.clone().outlet();
                let process =
                    Box::new(Segment::new(ops, end, Arc::clone(&receiver), Debts::default()));
                let part = Part { name: format!("{lane}-{number}"), receiver, process };
                lanes.push(part.spawn(assembly, None)?);
            }
            drop(inlet);
            close(assembly, lanes)
        });
        let ops = Joined { settings, item: PhantomData };
        Flow { way: way.without_positions(), feed, ops, head: None, begun: Begun::Empty }
    }
}
