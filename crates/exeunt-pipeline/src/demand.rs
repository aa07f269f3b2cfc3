//! [`Demand`]: who still wants what a thread makes, so that whoever works for nobody any more learns of it at once.
//!
//! A sink that has enough has only one way to say so: its thread ends, and whoever sends to it is refused. That goes
//! upstream a thread at a time, and only with an item; behind a filter that passes nothing, or a source to which nothing
//! comes, it would never arrive. So each pipeline keeps who feeds whom, and when a thread closes, all those who feed
//! closed ones only are told together: a source ends its wait, a stage leaves the rest of its chunk. Then the natural
//! end goes downstream.
//!
//! A way aside, of a tee or of items that fail, counts for nobody here: it has what the main way gives it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use exeunt::{Addr, Event, SystemHandle};

use crate::op::Thread;
use crate::wiring::Wire;

/// A thread of a pipeline, or a pool of them that share a mailbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[doc(hidden)]
pub struct Node(usize);

/// Who feeds whom, and who takes nothing any more.
#[derive(Debug, Default)]
struct Graph(Vec<Vertex>);

#[derive(Debug, Default)]
struct Vertex {
    fed_by: Vec<Node>,
    /// How many of those that it feeds are not closed.
    open_outputs: usize,
    is_closed: bool,
}

impl Graph {
    /// One more, which feeds those, if it is no sink.
    fn add(&mut self, outputs: &[Node]) -> Node {
        let node = Node(self.0.len());
        let mut open_outputs = 0;
        for output in outputs {
            let output = &mut self.0[output.0];
            output.fed_by.push(node);
            open_outputs += usize::from(!output.is_closed);
        }
        // While the first threads run, the last are still being spawned.
        let is_closed = open_outputs == 0 && !outputs.is_empty();
        self.0.push(Vertex { fed_by: Vec::new(), open_outputs, is_closed });
        node
    }

    /// It takes nothing any more. Says who is closed by that: it, and who feeds nobody else.
    fn close(&mut self, node: Node) -> Vec<Node> {
        let (mut closed, mut next) = (Vec::new(), vec![node]);
        while let Some(node) = next.pop() {
            let vertex = &mut self.0[node.0];
            if std::mem::replace(&mut vertex.is_closed, true) {
                continue;
            }
            closed.push(node);
            for feeder in vertex.fed_by.clone() {
                let feeder_of_it = &mut self.0[feeder.0];
                feeder_of_it.open_outputs -= 1;
                if feeder_of_it.open_outputs == 0 {
                    next.push(feeder);
                }
            }
        }
        closed
    }
}

/// The threads of one pipeline that runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Demand(Arc<Mutex<Threads>>);

#[derive(Debug, Default)]
struct Threads {
    graph: Graph,
    /// For each node, what is to be set when it is closed.
    told: Vec<Vec<Event>>,
}

impl Demand {
    /// A thread that is about to be spawned, after those that it feeds.
    pub(crate) fn add(&self, outputs: &[Node]) -> Wanted {
        let mut threads = self.lock();
        let node = threads.graph.add(outputs);
        threads.told.push(Vec::new());
        drop(threads);
        let unset = Event::new();
        let (drain, stopping, must_stop) = (unset.clone(), unset.clone(), unset.clone());
        Wanted {
            enough: self.told_with(node, &unset),
            demand: self.clone(),
            node,
            drain,
            stopping,
            must_stop,
        }
    }

    /// An event that is set with another, or when that node is closed.
    fn told_with(&self, node: Node, other: &Event) -> Event {
        let event = other.child();
        let mut threads = self.lock();
        if threads.graph.0[node.0].is_closed {
            event.set();
        } else {
            threads.told[node.0].push(event.clone());
        }
        event
    }

    fn close(&self, node: Node) {
        let mut threads = self.lock();
        let closed = threads.graph.close(node);
        let told: Vec<Event> =
            closed.iter().flat_map(|node| std::mem::take(&mut threads.told[node.0])).collect();
        drop(threads);
        told.iter().for_each(Event::set);
    }

    fn lock(&self) -> MutexGuard<'_, Threads> {
        // Nothing of the user's runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a thread knows of who wants what it makes; and what ends its waits.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    demand: Demand,
    node: Node,
    /// Nobody does.
    enough: Event,
    drain: Event,
    stopping: Event,
    must_stop: Event,
}

impl Wanted {
    /// Its thread has begun: what ends that one's waits ends them too.
    pub(crate) fn begin(&mut self, system: &SystemHandle, stopping: &Event, must_stop: &Event) {
        self.drain = self.demand.told_with(self.node, system.drain_began());
        self.stopping = self.demand.told_with(self.node, stopping);
        self.must_stop = self.demand.told_with(self.node, must_stop);
    }

    /// What the stages on it know of it.
    pub(crate) fn thread(&self, is_source: bool) -> Thread {
        Thread { drain: self.drain.clone(), is_source }
    }

    pub(crate) fn node(&self) -> Node {
        self.node
    }

    /// Nobody takes anything from it any more.
    pub(crate) fn is_over(&self) -> bool {
        self.enough.is_set()
    }

    /// Set when the drain has begun, be it others' turn, or it is over.
    pub(crate) fn drain(&self) -> &Event {
        &self.drain
    }

    /// Set when its turn in the drain has come, or it is over.
    pub(crate) fn stopping(&self) -> &Event {
        &self.stopping
    }

    /// Set when its deadline has passed, or it is over.
    pub(crate) fn must_stop(&self) -> &Event {
        &self.must_stop
    }

    /// It takes nothing more: all those who fed nobody else are told.
    pub(crate) fn close(&self) {
        self.demand.close(self.node);
    }
}

/// Whom a thread feeds with what it makes.
#[derive(Default)]
pub(crate) struct Outputs(pub(crate) Vec<Node>);

impl Wire for Outputs {
    fn feeds_also<T: Send + 'static>(mut self, _: &Addr<T>, node: Node) -> Outputs {
        self.0.push(node);
        self
    }
}

#[cfg(test)]
mod tests {
    use exeunt::System;

    use super::*;

    fn graph<const N: usize>(feeds: [&[usize]; N]) -> (Graph, [Node; N]) {
        let mut graph = Graph::default();
        let nodes = feeds.map(|outputs| {
            let outputs: Vec<Node> = outputs.iter().map(|&output| Node(output)).collect();
            graph.add(&outputs)
        });
        (graph, nodes)
    }

    fn closed(graph: &mut Graph, node: usize) -> Vec<usize> {
        let mut closed: Vec<usize> = graph.close(Node(node)).iter().map(|node| node.0).collect();
        closed.sort_unstable();
        closed
    }

    #[test]
    fn a_sink_closes_all_that_is_upstream_of_it_alone() {
        let (mut graph, _) = graph([&[], &[0], &[1], &[2]]);
        assert_eq!(closed(&mut graph, 0), [0, 1, 2, 3]);
        assert_eq!(closed(&mut graph, 0), [0; 0], "once");
    }

    #[test]
    fn who_has_two_to_feed_goes_on_for_one() {
        // Two sinks, each behind a stage, a broadcast, and its source.
        let (mut graph, _) = graph([&[], &[0], &[], &[2], &[1, 3], &[4]]);
        assert_eq!(closed(&mut graph, 0), [0, 1]);
        assert_eq!(closed(&mut graph, 2), [2, 3, 4, 5]);
    }

    #[test]
    fn all_sources_of_a_merge_are_closed_with_it() {
        let (mut graph, _) = graph([&[], &[0], &[1], &[1]]);
        assert_eq!(closed(&mut graph, 1), [1, 2, 3]);
        assert_eq!(closed(&mut graph, 0), [0]);
    }

    #[test]
    fn who_is_spawned_when_all_that_it_feeds_is_closed_is_closed_from_the_start() {
        let (system, demand) = (System::new("test"), Demand::default());
        let (sink, other) = (demand.add(&[]), demand.add(&[]));
        sink.close();
        let (mut late, both) =
            (demand.add(&[sink.node()]), demand.add(&[sink.node(), other.node()]));
        assert!(late.is_over() && !both.is_over() && !other.is_over());
        late.begin(&system.handle(), &Event::new(), &Event::new());
        assert!(late.stopping().is_set() && late.must_stop().is_set());
        other.close();
        assert!(both.is_over());
    }

    #[test]
    fn a_wait_ends_with_the_drain_and_with_the_demand() {
        let (system, demand, drain) = (System::new("test"), Demand::default(), Event::new());
        let sink = demand.add(&[]);
        let mut threads = [demand.add(&[sink.node()]), demand.add(&[sink.node()])];
        threads[0].begin(&system.handle(), &drain, &Event::new());
        threads[1].begin(&system.handle(), &Event::new(), &Event::new());
        drain.set();
        assert!(threads[0].stopping().is_set() && !threads[0].must_stop().is_set());
        assert!(!threads[0].is_over() && !threads[1].stopping().is_set());
        sink.close();
        assert!(threads.iter().all(|thread| thread.stopping().is_set() && thread.is_over()));
    }
}
