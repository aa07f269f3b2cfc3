//! The stages on a thread: closures, and what keeps something back.

use std::marker::PhantomData;
use std::time::Duration;

use exeunt::Error;

use super::{Beginning, Closure, Flow, Following};
use crate::op::{
    Base, Batch, Each, Filter, FlatMap, Fold, Inspect, Kind, Map, Op, Policy, RateLimit, Scan,
    TryMap, Window,
};

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// One item at a time.
impl<O: Op, P: Clone + Send + 'static> Flow<O, P> {
    pub(super) fn each<K: Kind<In = O::Out>>(
        self,
        name: &str,
        kind: K,
    ) -> Following<O, Each<K>, P> {
        self.then(name, |base: Base| Each { kind, base, policy: Policy::default() })
    }

    /// Makes one of one.
    ///
    /// A panic is an error of its item, here as in every stage.
    pub fn map<U, F>(self, name: &str, f: F) -> Closure<O, Map<F, O::Out, U>, P>
    where
        F: FnMut(O::Out) -> U + Send + 'static,
        U: Send + 'static,
    {
        self.each(name, Map(f, PhantomData))
    }

    /// Makes one of one, or an error. An error ends the pipeline in order, unless
    /// [`skip_errors`](Flow::skip_errors) or [`divert`](Flow::divert) says otherwise.
    pub fn try_map<U, E, F>(self, name: &str, f: F) -> Closure<O, TryMap<F, O::Out, U>, P>
    where
        F: FnMut(O::Out) -> Result<U, E> + Send + 'static,
        U: Send + 'static,
        E: Into<Error>,
    {
        self.each(name, TryMap(f, PhantomData))
    }

    /// Leaves out those for which `f` says `false`.
    pub fn filter<F>(self, name: &str, f: F) -> Closure<O, Filter<F, O::Out>, P>
    where
        F: FnMut(&O::Out) -> bool + Send + 'static,
    {
        self.each(name, Filter(f, PhantomData))
    }

    /// Makes as many of one as there are in what `f` gives. That may be without end: it goes on until nobody
    /// [wants](crate::Closed) any more of them, or, in a drain, until the [budget](exeunt::System::set_drain_budget) is used up. An
    /// item of which the rest was cut off there is counted as returned.
    pub fn flat_map<I, F>(self, name: &str, f: F) -> Closure<O, FlatMap<F, O::Out, I>, P>
    where
        F: FnMut(O::Out) -> I + Send + 'static,
        I: IntoIterator<Item: Send + 'static> + 'static,
    {
        self.each(name, FlatMap(f, PhantomData))
    }

    /// Looks at each.
    pub fn inspect<F>(self, name: &str, f: F) -> Closure<O, Inspect<F, O::Out>, P>
    where
        F: FnMut(&O::Out) + Send + 'static,
    {
        self.each(name, Inspect(f, PhantomData))
    }

    /// Makes one of one, with a state that `f` may change.
    pub fn scan<S, U, F>(self, name: &str, state: S, f: F) -> Closure<O, Scan<F, S, O::Out, U>, P>
    where
        F: FnMut(&mut S, O::Out) -> U + Send + 'static,
        S: Send + 'static,
        U: Send + 'static,
    {
        self.each(name, Scan(f, state, PhantomData))
    }
}

/// Several of them.
impl<O: Op, P: Clone + Send + 'static> Flow<O, P> {
    /// Makes one value of all of them, and hands it on at the end. After a drain it is that of the items that were
    /// taken in.
    ///
    /// A panic in `f` ends the pipeline, since the value may be half-changed. There is no place in the middle of a fold
    /// to begin again at, and so the positions of the source end here.
    pub fn fold<S, F>(self, name: &str, state: S, f: F) -> Following<O, Fold<F, S, O::Out>, ()>
    where
        F: FnMut(&mut S, O::Out) + Send + 'static,
        S: Send + 'static,
    {
        let item = PhantomData;
        let fold = |base| Fold { base, state: Some(state), add: f, items: 0, item };
        self.without_positions().then(name, fold)
    }

    /// Lets no more than so many through within a time, evenly spread. No time at all is no limit.
    ///
    /// A drain waits for each item's turn, which is no stall, however long it takes: only its
    /// [budget](exeunt::System::set_drain_budget) ends that. Past its deadline nothing is held up.
    pub fn rate_limit(
        self,
        name: &str,
        items: u32,
        per: Duration,
    ) -> Following<O, RateLimit<O::Out>, P> {
        self.way.book.check(name, items > 0, "would let nothing through");
        // An item that is due past all clocks is due in a hundred years.
        let apart = (per / items.max(1)).min(CENTURY);
        self.then(name, |base| RateLimit { base, apart, next: None, item: PhantomData })
    }

    /// Puts so many together, or as many as have come within a time from the first of them.
    ///
    /// A sink that keeps positions can commit only between two items of the source. Where the batches end within
    /// what became of one, time after time, and a commit is long [due](crate::Sink::commit_items), one batch is smaller.
    pub fn batch(
        self,
        name: &str,
        items: usize,
        within: Duration,
    ) -> Beginning<O, Batch<O::Out>, P> {
        self.way.book.check(name, items > 0, "would be a batch of nothing");
        self.at_a_beginning(name).then(name, |base| Batch {
            base,
            items,
            within,
            kept: Vec::new(),
            due: None,
            has_missed: false,
        })
    }

    /// Puts together what comes within one span of time, which begins with its first item.
    ///
    /// Where a sink keeps positions, a window may end early for the same reason as a [batch](Flow::batch).
    pub fn window(self, name: &str, span: Duration) -> Beginning<O, Window<O::Out>, P> {
        self.way.book.check(name, !span.is_zero(), "would be a window of no time");
        self.at_a_beginning(name).then(name, |base| Window {
            base,
            span,
            kept: Vec::new(),
            due: None,
            has_missed: false,
        })
    }
}
