//! The order of the drain, as data: from what was declared to whose turn it is. No threads, no
//! clocks.

use std::collections::BTreeSet;

use crate::graph::Graph;
use crate::mailbox::MailboxId;

/// One actor or task, as far as the order is concerned.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// `None` for a task: nobody can send to it.
    pub(crate) mailbox: Option<MailboxId>,
    /// The mailboxes it declared that it feeds. `None` if it declared nothing: then it may feed
    /// all that were spawned before it.
    pub(crate) feeds: Option<Vec<MailboxId>>,
    /// The indices of the nodes after which it said that it comes.
    pub(crate) after: Vec<usize>,
    /// Daemons are not waited for.
    pub(crate) daemon: bool,
}

/// A way from the last of the nodes back to it.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Cycle {
    /// Begins with the last node. Each node is followed by one that has to wait for it.
    pub(crate) path: Vec<usize>,
    /// Whether each node said that it feeds the next. Such nodes may drain as one; any other cycle
    /// is a mistake.
    pub(crate) is_declared: bool,
}

/// A cycle that the last of the nodes closes. If there are several, one that was not declared. It
/// passes no node twice, provided that there was no undeclared cycle without the last node.
pub(crate) fn cycle_through_last(nodes: &[Node]) -> Option<Cycle> {
    let last = nodes.len().checked_sub(1)?;
    let wiring = whole_wiring(nodes);
    let component = wiring.components();
    let is_undeclared = |i: usize| i >= nodes.len() && component[i] == component[last];
    let (path, is_declared) = match wiring.way(last, is_undeclared) {
        Some(there) => {
            let back = wiring.way(*there.last()?, |i| i == last)?;
            ([there, back].concat(), false)
        }
        None => (wiring.way(last, |i| i == last)?, true),
    };
    let mut path: Vec<usize> = path.into_iter().filter(|&i| i < nodes.len()).collect();
    path.pop(); // the last node once more
    Some(Cycle { path, is_declared })
}

/// Which nodes read which mailbox, sorted: several, if they are the threads of a pool.
pub(crate) struct Readers(Vec<(MailboxId, usize)>);

impl Readers {
    pub(crate) fn new<'a>(nodes: impl IntoIterator<Item = &'a Node>) -> Readers {
        let nodes = nodes.into_iter().enumerate();
        let mut readers: Vec<_> = nodes.filter_map(|(i, node)| Some((node.mailbox?, i))).collect();
        readers.sort_unstable();
        Readers(readers)
    }

    /// The places of the nodes that read it, in ascending order.
    fn of(&self, mailbox: MailboxId) -> impl Iterator<Item = usize> {
        let first = self.0.partition_point(|&(other, _)| other < mailbox);
        let rest = self.0[first..].iter();
        rest.take_while(move |&&(other, _)| other == mailbox).map(|&(_, place)| place)
    }

    pub(crate) fn last_of(&self, mailbox: MailboxId) -> Option<usize> {
        let end = self.0.partition_point(|&(other, _)| other <= mailbox);
        let (other, place) = *self.0[..end].last()?;
        (other == mailbox).then_some(place)
    }
}

/// Which node has to end before which, since it said that it feeds it.
fn feeds(nodes: &[Node]) -> Vec<(usize, usize)> {
    let readers = Readers::new(nodes);
    let mut edges = Vec::new();
    for (i, node) in nodes.iter().enumerate().filter(|(_, node)| !node.daemon) {
        let others = node.feeds.iter().flatten().filter(|&&mailbox| Some(mailbox) != node.mailbox);
        edges.extend(others.flat_map(|&mailbox| readers.of(mailbox)).map(|fed| (i, fed)));
    }
    edges
}

/// Which node has to end before which, since the other said that it comes after it.
fn afters(nodes: &[Node]) -> impl Iterator<Item = (usize, usize)> {
    let said =
        nodes.iter().enumerate().flat_map(|(i, node)| node.after.iter().map(move |&b| (b, i)));
    said.filter(|&(before, i)| before != i && !nodes[before].daemon)
}

/// Which node has to end before which, for whatever reason.
///
/// What does not come from `feeds` leads through nodes of its own, behind the given ones. So the
/// nodes that declared nothing need a few edges each, instead of half the square together, and a
/// cycle that was not declared can be told from one that was.
fn whole_wiring(nodes: &[Node]) -> Graph {
    // The first of these lead to all that can be sent to up to a node, the others to a node that
    // comes after.
    let up_to = |i: usize| nodes.len() + i;
    let late = |i: usize| 2 * nodes.len() + i;
    let mut edges = feeds(nodes);
    for (before, i) in afters(nodes) {
        edges.extend([(before, late(i)), (late(i), i)]);
    }
    for (i, node) in nodes.iter().enumerate() {
        if node.mailbox.is_some() {
            edges.push((up_to(i), i));
        }
        let Some(before) = i.checked_sub(1) else { continue };
        edges.push((up_to(i), up_to(before)));
        if node.holds_back_all_before_it() {
            edges.push((i, up_to(before)));
        }
    }
    Graph::new(3 * nodes.len(), edges)
}

impl Node {
    /// Becomes one of those of the indices `places`, which ascend: an index becomes a place.
    pub(crate) fn place_among(&mut self, places: &[usize]) {
        let place = |index: usize| places.binary_search(&index).ok();
        self.after = std::mem::take(&mut self.after).into_iter().filter_map(place).collect();
    }

    fn holds_back_all_before_it(&self) -> bool {
        self.feeds.is_none() && !self.daemon
    }
}

/// Which nodes are still waiting for which, while a drain goes on.
///
/// Nodes that wait for each other are a *ring*, and wait together for all others: none of them may
/// begin while a message can still come to any.
pub(crate) struct Order {
    nodes: Vec<Node>,
    ended: Vec<bool>,
    /// For each node, the first of its ring; for a node in no ring, itself.
    leader: Vec<usize>,
    /// By leader, with an entry for those that lead nobody.
    rings: Vec<Ring>,
    /// For each node, those that it lets go when it ends, of those that it names or that name it.
    downstream: Graph,
    /// Nodes that declared nothing hold back all that were spawned before them. It is enough to
    /// know the last of them that has not ended: edges to all others would be half the square.
    undeclared: Vec<usize>,
    /// The same for the ring of that last node, which the node does not hold back.
    undeclared_outside: Outside,
    /// The rings that wait only for nodes that declared nothing: the first member that can be sent to, and the leader.
    held_back: BTreeSet<(usize, usize)>,
    /// The nodes whose turn has come since that was last asked.
    ready: Vec<usize>,
}

#[derive(Clone, Default)]
struct Ring {
    /// Empty for one that leads nobody.
    members: Vec<usize>,
    /// How many of the declared edges from outside come from a node that has not ended.
    waits_for: usize,
    /// The first member that can be sent to.
    first_fed: Option<usize>,
}

/// Where in `undeclared` the last node stands that has not ended and is outside of a ring. It only
/// moves down while the ring stays the same, so that a whole drain costs one pass.
#[derive(Default)]
struct Outside {
    leader: Option<usize>,
    /// One above it; 0 if there is none.
    below: usize,
}

impl Order {
    pub(crate) fn new(nodes: Vec<Node>) -> Order {
        let declared: Vec<_> = feeds(&nodes).into_iter().chain(afters(&nodes)).collect();
        let leader = leaders(&nodes, &declared);
        let mut rings = rings(&nodes, &leader);
        let crossing = declared.into_iter().filter(|&(i, to)| leader[i] != leader[to]).collect();
        let downstream = Graph::new(nodes.len(), crossing);
        for i in 0..nodes.len() {
            downstream.successors(i).iter().for_each(|&to| rings[leader[to]].waits_for += 1);
        }
        let undeclared = (0..nodes.len()).filter(|&i| nodes[i].holds_back_all_before_it());
        let mut order = Order {
            ended: vec![false; nodes.len()],
            undeclared: undeclared.collect(),
            undeclared_outside: Outside::default(),
            held_back: BTreeSet::new(),
            ready: Vec::new(),
            nodes,
            leader,
            rings,
            downstream,
        };
        for i in 0..order.nodes.len() {
            if order.leader[i] == i {
                order.let_go_if_fed_by_nobody(i);
            }
        }
        order.settle();
        order
    }

    /// A node has ended. Says whether that is news.
    pub(crate) fn end(&mut self, index: usize) -> bool {
        if std::mem::replace(&mut self.ended[index], true) {
            return false;
        }
        for at in 0..self.downstream.successors(index).len() {
            let leader = self.leader[self.downstream.successors(index)[at]];
            self.rings[leader].waits_for -= 1;
            self.let_go_if_fed_by_nobody(leader);
        }
        self.settle();
        true
    }

    pub(crate) fn has_ended(&self, index: usize) -> bool {
        self.ended[index]
    }

    /// The nodes whose turn has come: all have ended that must end before them, or before another of their ring, not
    /// counting the ring itself. Each is named once; never a daemon, whose turn is when all others have ended.
    pub(crate) fn take_ready(&mut self) -> Vec<usize> {
        let mut ready = std::mem::take(&mut self.ready);
        ready.sort_unstable();
        ready
    }

    /// The nodes that wait for each other with it, itself included, first spawned first. Empty if
    /// there are no others.
    pub(crate) fn ring(&self, index: usize) -> &[usize] {
        &self.rings[self.leader[index]].members
    }

    /// If no node is left that declared that it feeds a ring, or comes before it, the ring waits at most for those that
    /// declared nothing.
    fn let_go_if_fed_by_nobody(&mut self, leader: usize) {
        let Ring { waits_for, first_fed, .. } = self.rings[leader];
        match first_fed {
            _ if waits_for > 0 => {}
            Some(first) => {
                self.held_back.insert((first, leader));
            }
            None => self.let_go(leader),
        }
    }

    fn let_go(&mut self, leader: usize) {
        let alone = [leader];
        let members = match &self.rings[leader].members[..] {
            [] => &alone,
            members => members,
        };
        self.ready.extend(members.iter().filter(|&&i| !self.nodes[i].daemon));
    }

    /// Lets go the rings that no node that declared nothing holds back any more.
    fn let_go_unheld(&mut self) {
        let is_unheld = |first: usize, last: Option<&usize>| last.is_none_or(|&last| last <= first);
        while let Some(&(first, leader)) = self.held_back.last() {
            if !is_unheld(first, self.undeclared.last()) {
                break;
            }
            self.held_back.pop_last();
            self.let_go(leader);
        }
        // The ring of the last node that declared nothing waits for the last such node outside of
        // it.
        let Outside { leader: Some(leader), below } = self.undeclared_outside else { return };
        let Some(first) = self.rings[leader].first_fed else { return };
        if is_unheld(first, self.undeclared[..below].last())
            && self.held_back.remove(&(first, leader))
        {
            self.let_go(leader);
        }
    }

    /// Forgets the nodes at the top of `undeclared` that have ended, and finds the last one outside
    /// of the ring of the new top.
    fn settle(&mut self) {
        while self.undeclared.last().is_some_and(|&last| self.ended[last]) {
            self.undeclared.pop();
        }
        let leader = self.undeclared.last().map(|&last| self.leader[last]);
        let outside = &mut self.undeclared_outside;
        if outside.leader != leader {
            *outside = Outside { leader, below: usize::MAX };
        }
        outside.below = outside.below.min(self.undeclared.len());
        while let Some(&last) = self.undeclared[..outside.below].last() {
            if !self.ended[last] && Some(self.leader[last]) != leader {
                break;
            }
            outside.below -= 1;
        }
        self.let_go_unheld();
    }
}

/// For each node, the first of those that it waits for and that wait for it, itself included.
fn leaders(nodes: &[Node], declared: &[(usize, usize)]) -> Vec<usize> {
    // What was not declared leads to those spawned before.
    if declared.iter().all(|&(i, to)| i > to) {
        return (0..nodes.len()).collect();
    }
    let component = whole_wiring(nodes).components();
    let mut first = vec![None; component.len()];
    (0..nodes.len()).map(|i| *first[component[i]].get_or_insert(i)).collect()
}

fn rings(nodes: &[Node], leader: &[usize]) -> Vec<Ring> {
    let mut rings = vec![Ring::default(); nodes.len()];
    for (i, node) in nodes.iter().enumerate() {
        let ring = &mut rings[leader[i]];
        if node.mailbox.is_some() {
            ring.first_fed.get_or_insert(i);
        }
        if leader[i] != i {
            if ring.members.is_empty() {
                ring.members.push(leader[i]);
            }
            ring.members.push(i);
        }
    }
    rings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor() -> Node {
        Node { mailbox: Some(MailboxId::next()), feeds: None, after: vec![], daemon: false }
    }

    fn task() -> Node {
        Node { mailbox: None, feeds: None, after: vec![], daemon: false }
    }

    fn feeding(feeds: &[&Node], node: Node) -> Node {
        Node { feeds: Some(feeds.iter().filter_map(|n| n.mailbox).collect()), ..node }
    }

    /// The turns, in rounds, if each node ends in the round in which it has its turn.
    fn rounds(nodes: &[Node]) -> Vec<Vec<usize>> {
        let mut order = Order::new(nodes.to_vec());
        let mut left: Vec<usize> = (0..nodes.len()).filter(|&i| !nodes[i].daemon).collect();
        let mut rounds = Vec::new();
        while !left.is_empty() {
            let ready = order.take_ready();
            assert!(!ready.is_empty(), "{left:?} wait for each other");
            for &i in &ready {
                order.end(i);
            }
            left.retain(|i| !ready.contains(i));
            rounds.push(ready);
        }
        rounds
    }

    #[test]
    fn o1_with_nothing_declared_the_reverse_of_spawning() {
        assert_eq!(rounds(&[actor(), actor(), actor()]), [[2], [1], [0]]);
    }

    #[test]
    fn o1_a_pool_that_is_fed_waits_with_all_its_threads() {
        let thread = feeding(&[], actor());
        let upstream = feeding(&[&thread], actor());
        assert_eq!(rounds(&[thread.clone(), thread, upstream]), [vec![2], vec![0, 1]]);
    }

    #[test]
    fn o1_a_task_has_its_turn_at_once_and_holds_back_those_before_it() {
        assert_eq!(rounds(&[actor(), task(), actor()]), [vec![1, 2], vec![0]]);
    }

    #[test]
    fn o1_what_is_declared_drains_side_by_side() {
        let sink = feeding(&[], actor());
        let (a, b) = (feeding(&[&sink], actor()), feeding(&[&sink], actor()));
        let source = feeding(&[&a, &b], task());
        assert_eq!(rounds(&[sink, a, b, source]), [vec![3], vec![1, 2], vec![0]]);
    }

    #[test]
    fn o1_a_task_may_come_after_somebody() {
        let nodes = [actor(), Node { after: vec![0], feeds: Some(vec![]), ..task() }];
        assert_eq!(rounds(&nodes), [[0], [1]]);
    }

    #[test]
    fn o1_among_those_who_leave_together_it_comes_after_those_who_are_there() {
        let mut node = Node { after: vec![3, 5, 9], ..task() };
        node.place_among(&[3, 7, 9]);
        assert_eq!(node.after, [0, 2]);
    }

    #[test]
    fn d4_a_daemon_holds_nobody_back() {
        let nodes = [actor(), Node { daemon: true, ..actor() }];
        assert_eq!(rounds(&nodes), [[0]]);
        // Nor who said that it comes after one.
        let daemon = Node { daemon: true, ..feeding(&[], actor()) };
        let late = Node { after: vec![0], ..feeding(&[], task()) };
        assert_eq!(rounds(&[daemon, late]), [[1]]);
    }

    #[test]
    fn o4_those_that_declare_each_other_have_their_turn_together() {
        let (a, b, sink) = (actor(), actor(), feeding(&[], actor()));
        let nodes = [
            sink.clone(),
            feeding(&[&b], a.clone()),
            feeding(&[&a, &sink], b),
            feeding(&[&a], actor()),
            actor(),
        ];
        // The last declared nothing, and so holds back the whole ring.
        assert_eq!(rounds(&nodes), [vec![4], vec![3], vec![1, 2], vec![0]]);
        let order = Order::new(nodes.to_vec());
        assert_eq!((order.ring(1), order.ring(2)), (&[1, 2][..], &[1, 2][..]));
        assert!(order.ring(0).is_empty() && order.ring(3).is_empty());
    }

    #[test]
    fn o4_what_holds_back_one_of_a_ring_holds_back_all() {
        let (a, b) = (actor(), actor());
        let source = feeding(&[&a], task());
        let nodes = [feeding(&[&b], a.clone()), feeding(&[], actor()), feeding(&[&a], b), source];
        assert_eq!(rounds(&nodes), [[1, 3], [0, 2]]);
    }

    #[test]
    fn o4_who_declares_nothing_does_not_hold_back_its_own_ring() {
        let late = actor();
        let nodes = [actor(), feeding(&[&late], actor()), actor(), late.clone(), actor()];
        assert_eq!(rounds(&nodes), [vec![4], vec![1, 2, 3], vec![0]]);
    }

    #[test]
    fn o4_to_feed_oneself_makes_no_ring() {
        let me = actor();
        let nodes = [actor(), feeding(&[&me.clone()], me)];
        assert!(Order::new(nodes.to_vec()).ring(1).is_empty());
        assert_eq!(rounds(&nodes), [[0, 1]]);
        assert_eq!(cycle_through_last(&nodes), None);
    }

    #[test]
    fn o4_a_cycle_is_found_and_named_in_the_direction_of_the_stream() {
        let (a, b, c) = (actor(), actor(), actor());
        let nodes = [feeding(&[&b], a.clone()), feeding(&[&c], b), feeding(&[&a], c)];
        let cycle = Cycle { path: vec![2, 0, 1], is_declared: true };
        assert_eq!(cycle_through_last(&nodes), Some(cycle));
        assert_eq!(cycle_through_last(&nodes[..2]), None);
    }

    #[test]
    fn o4_who_declares_nothing_and_is_fed_from_before_closes_a_cycle() {
        let late = actor();
        let early = feeding(&[&late], actor());
        let cycle = Cycle { path: vec![1, 0], is_declared: false };
        assert_eq!(cycle_through_last(&[early.clone(), late.clone()]), Some(cycle));
        assert_eq!(cycle_through_last(&[early, feeding(&[], late)]), None);
    }

    #[test]
    fn o4_to_come_after_whom_one_feeds_is_a_cycle_that_was_not_declared() {
        let sink = feeding(&[], actor());
        let nodes = [sink.clone(), Node { after: vec![0], ..feeding(&[&sink], task()) }];
        let cycle = Cycle { path: vec![1, 0], is_declared: false };
        assert_eq!(cycle_through_last(&nodes), Some(cycle));
    }

    #[test]
    fn o4_of_several_cycles_one_that_was_not_declared_is_named() {
        let (a, b, last) = (actor(), actor(), actor());
        let early = feeding(&[&last], a.clone());
        let last = feeding(&[&a, &b], last);
        let said = feeding(&[&a], b.clone());
        let cycle = cycle_through_last(&[early.clone(), said, last.clone()]);
        assert_eq!(cycle, Some(Cycle { path: vec![2, 0], is_declared: true }));
        // The one in the middle declares nothing.
        let cycle = cycle_through_last(&[early, b, last]);
        assert_eq!(cycle, Some(Cycle { path: vec![2, 1, 0], is_declared: false }));
    }

    #[test]
    fn o1_ten_thousand_that_declare_nothing_cost_no_square() {
        let nodes: Vec<Node> = (0..10_000).map(|_| actor()).collect();
        let mut order = Order::new(nodes.clone());
        for i in (0..nodes.len()).rev() {
            assert_eq!(order.take_ready(), [i]);
            order.end(i);
        }
        // The same as one ring, whose members end from the middle on.
        let mut ring = nodes;
        ring[0] = feeding(&[&ring[9_999]], ring[0].clone());
        let mut order = Order::new(ring);
        assert_eq!(order.ring(5_000).len(), 10_000);
        assert_eq!(order.take_ready().len(), 10_000);
        for i in (5_000..10_000).chain(0..5_000) {
            order.end(i);
            assert!(order.take_ready().is_empty());
        }
    }
}
