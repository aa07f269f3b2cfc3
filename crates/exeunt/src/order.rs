//! The order of the drain, as data: from what was declared to whose turn it is. No threads, no
//! clocks.

use crate::mailbox::MailboxId;

/// One actor or task, as far as the order is concerned.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// `None` for a task: nobody can send to it.
    pub(crate) mailbox: Option<MailboxId>,
    /// The mailboxes it declared that it feeds. `None` if it declared nothing: then it may feed
    /// all that were spawned before it.
    pub(crate) feeds: Option<Vec<MailboxId>>,
    /// The indices of those after whom it said that it comes.
    pub(crate) after: Vec<usize>,
    /// Daemons are not waited for.
    pub(crate) daemon: bool,
}

impl Node {
    /// Whether `self`, whose index is `index`, has to end before `other` has its turn.
    fn precedes(&self, index: usize, other: &Node, other_index: usize) -> bool {
        if self.daemon || index == other_index {
            return false;
        }
        let feeds = match (&self.feeds, other.mailbox) {
            (_, None) => false,
            (None, Some(_)) => index > other_index,
            (Some(feeds), Some(mailbox)) => feeds.contains(&mailbox),
        };
        feeds || other.after.contains(&index)
    }
}

/// The cycle that the last of the nodes closes, beginning with it, each followed by one that has
/// to wait for it.
pub(crate) fn cycle_through_last(nodes: &[Node]) -> Option<Vec<usize>> {
    let last = nodes.len().checked_sub(1)?;
    // Depth first against the stream, from the last node back to itself. `path` ends with the node
    // whose predecessors are looked through; beside each stands where to go on looking.
    let mut seen = vec![false; nodes.len()];
    let mut path = vec![(last, 0)];
    while let Some((node, next)) = path.last_mut() {
        let (node, from) = (*node, *next);
        let found = (from..nodes.len())
            .find(|&i| nodes[i].precedes(i, &nodes[node], node) && (i == last || !seen[i]));
        match found {
            Some(i) if i == last => {
                let mut cycle: Vec<usize> = path.iter().map(|&(node, _)| node).collect();
                cycle[1..].reverse();
                return Some(cycle);
            }
            Some(i) => {
                *next = i + 1;
                seen[i] = true;
                path.push((i, 0));
            }
            None => {
                path.pop();
            }
        }
    }
    None
}

/// Who is still waiting for whom, while a drain goes on.
pub(crate) struct Order {
    nodes: Vec<Node>,
    ended: Vec<bool>,
    /// How many of those that it names, or that name it, each node waits for.
    declared: Vec<usize>,
    /// Whom each node lets go when it ends.
    downstream: Vec<Vec<usize>>,
    /// Those that declared nothing hold back all that were spawned before them. It is enough to
    /// know the last of them that has not ended: edges to all others would be half the square.
    undeclared: Vec<usize>,
}

impl Order {
    pub(crate) fn new(nodes: Vec<Node>) -> Order {
        let mut order = Order {
            ended: vec![false; nodes.len()],
            declared: vec![0; nodes.len()],
            downstream: vec![Vec::new(); nodes.len()],
            undeclared: Vec::new(),
            nodes,
        };
        for (i, node) in order.nodes.iter().enumerate() {
            if node.daemon {
                continue;
            }
            if node.feeds.is_none() {
                order.undeclared.push(i);
            }
            for (other_index, other) in order.nodes.iter().enumerate() {
                let declared = node.feeds.is_some() && node.precedes(i, other, other_index);
                if declared || other.after.contains(&i) && i != other_index {
                    order.declared[other_index] += 1;
                    order.downstream[i].push(other_index);
                }
            }
        }
        order
    }

    pub(crate) fn end(&mut self, index: usize) {
        if std::mem::replace(&mut self.ended[index], true) || self.nodes[index].daemon {
            return;
        }
        for &other in &self.downstream[index] {
            self.declared[other] -= 1;
        }
        while self.undeclared.last().is_some_and(|&last| self.ended[last]) {
            self.undeclared.pop();
        }
    }

    /// Whether everybody who has to end before it has. Never for a daemon, whose turn is when all
    /// others have ended.
    pub(crate) fn is_ready(&self, index: usize) -> bool {
        let held_back = self.nodes[index].mailbox.is_some()
            && self.undeclared.last().is_some_and(|&last| last > index);
        self.declared[index] == 0 && !held_back && !self.nodes[index].daemon
    }
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

    /// The turns, in rounds, if everybody ends in the round in which it has its turn.
    fn rounds(nodes: &[Node]) -> Vec<Vec<usize>> {
        let mut order = Order::new(nodes.to_vec());
        let mut left: Vec<usize> = (0..nodes.len()).filter(|&i| !nodes[i].daemon).collect();
        let mut rounds = Vec::new();
        while !left.is_empty() {
            let (ready, rest): (Vec<_>, Vec<_>) = left.iter().partition(|&&i| order.is_ready(i));
            assert!(!ready.is_empty(), "{left:?} wait for each other");
            ready.iter().for_each(|&i| order.end(i));
            rounds.push(ready);
            left = rest;
        }
        rounds
    }

    #[test]
    fn o1_with_nothing_declared_the_reverse_of_spawning() {
        assert_eq!(rounds(&[actor(), actor(), actor()]), [[2], [1], [0]]);
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
    fn d4_a_daemon_holds_nobody_back() {
        let nodes = [actor(), Node { daemon: true, ..actor() }];
        assert_eq!(rounds(&nodes), [[0]]);
    }

    #[test]
    fn o4_a_cycle_is_found_and_named_in_the_direction_of_the_stream() {
        let (a, b, c) = (actor(), actor(), actor());
        let nodes = [feeding(&[&b], a.clone()), feeding(&[&c], b), feeding(&[&a], c)];
        assert_eq!(cycle_through_last(&nodes), Some(vec![2, 0, 1]));
        assert_eq!(cycle_through_last(&nodes[..2]), None);
    }

    #[test]
    fn o4_who_declares_nothing_and_is_fed_from_before_closes_a_cycle() {
        let late = actor();
        let early = feeding(&[&late], actor());
        assert_eq!(cycle_through_last(&[early.clone(), late.clone()]), Some(vec![1, 0]));
        assert_eq!(cycle_through_last(&[early, feeding(&[], late)]), None);
    }
}
