//! What is to be done about errors.

use std::sync::atomic::Ordering;

use exeunt::Backoff;

use super::Flow;
use crate::op::{AtLast, Diverted, Each, Given, Kind, Op, Retry, Then};
use crate::parallel::{self, Joined};
use crate::sink::Sink;

/// What a closure's stage can be told about items that fail.
impl<A: Op, K: Kind<In = A::Out>, P: Clone + Send + 'static> Flow<Then<A, Each<K>>, P> {
    /// Leaves out the items of which the stage before makes an error, and counts them.
    pub fn skip_errors(mut self) -> Self {
        self.ops.second.policy.at_last = AtLast::Skip;
        self
    }

    /// Tries an item again, so many times, before what is done about errors is done. It waits in between. In a drain that
    /// is no stall, however long it is: only the [budget](exeunt::System::set_drain_budget) of the drain ends it, and
    /// then the item is not tried again.
    pub fn retry(mut self, times: u32, backoff: Backoff) -> Self
    where
        K::In: Clone,
    {
        self.ops.second.policy.retry = Some(Retry { times, backoff, copy: K::In::clone });
        self
    }

    /// Gives the items of which the stage before makes an error to a sink of their own: a closure, or
    /// [one that takes something else](crate::With), a file say.
    ///
    /// Positions know nothing of it: a checkpoint may be ahead of what this sink has made lasting.
    pub fn divert(mut self, name: &str, sink: impl Sink<Diverted<K::In>>) -> Self
    where
        K::In: Clone,
    {
        let (to, start) = self.way.divert(name, sink);
        self.way.branches.push(start);
        self.ops.second.policy.at_last = AtLast::Divert { copy: K::In::clone, to: Box::new(to) };
        self
    }
}

/// What a stage on several threads can be told.
impl<T: Send + 'static, U: Send + 'static, P: Clone + Send + 'static> Flow<Joined<T, U>, P> {
    /// Does not keep the order: what is done first goes first. The positions of the source end here.
    pub fn unordered(self) -> Flow<Joined<T, U>, ()> {
        parallel::change(&self.ops.settings, |settings| settings.is_ordered = false);
        self.without_positions()
    }

    /// Leaves out the items of which the stage before makes an error, and counts them.
    pub fn skip_errors(self) -> Self {
        parallel::change(&self.ops.settings, |settings| settings.policy.at_last = AtLast::Skip);
        self
    }

    /// Tries an item again, so many times, before what is done about errors is done. It waits in between. In a drain that
    /// is no stall, however long it is: only the [budget](exeunt::System::set_drain_budget) of the drain ends it, and
    /// then the item is not tried again.
    pub fn retry(self, times: u32, backoff: Backoff) -> Self
    where
        T: Clone,
    {
        let retry = Retry { times, backoff, copy: T::clone };
        parallel::change(&self.ops.settings, |settings| settings.policy.retry = Some(retry));
        self
    }

    /// Gives the items of which the stage before makes an error to a sink of their own: a closure, or
    /// [one that takes something else](crate::With), a file say.
    pub fn divert(mut self, name: &str, sink: impl Sink<Diverted<T>>) -> Self
    where
        T: Clone,
    {
        let (to, start) = self.way.divert(name, sink);
        self.way.branches.push(start);
        let at_last = AtLast::Divert { copy: T::clone, to: Box::new(to) };
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
