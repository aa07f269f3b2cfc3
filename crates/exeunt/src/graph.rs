//! Directed graphs of numbered nodes: what hangs together, and the way from one to another. Knows
//! nothing of actors.

use std::collections::VecDeque;

pub(crate) struct Graph {
    /// Where the successors of each node begin in `ends`; the last entry is where all are over.
    begins: Vec<usize>,
    ends: Vec<usize>,
}

impl Graph {
    /// A graph of nodes from 0 on. An edge that is named twice is there once.
    pub(crate) fn new(nodes: usize, mut edges: Vec<(usize, usize)>) -> Graph {
        edges.sort_unstable();
        edges.dedup();
        let mut begins = vec![0; nodes + 1];
        for &(from, _) in &edges {
            begins[from + 1] += 1;
        }
        for node in 0..nodes {
            begins[node + 1] += begins[node];
        }
        Graph { begins, ends: edges.into_iter().map(|(_, to)| to).collect() }
    }

    pub(crate) fn successors(&self, node: usize) -> &[usize] {
        &self.ends[self.begins[node]..self.begins[node + 1]]
    }

    fn nodes(&self) -> usize {
        self.begins.len() - 1
    }

    /// The strongly connected components: of each node, the number of its own. Two nodes have the
    /// same if there is a way from each to the other.
    pub(crate) fn components(&self) -> Vec<usize> {
        let mut search = Search::new(self.nodes());
        for root in 0..self.nodes() {
            if search.seen[root].is_none() {
                search.begin(self, root);
            }
        }
        search.component.into_iter().flatten().collect()
    }

    /// A shortest way, of one step at least, from a node to one that is looked for, both included.
    pub(crate) fn way(&self, from: usize, is_goal: impl Fn(usize) -> bool) -> Option<Vec<usize>> {
        // `from` is not marked as reached: it may be what is looked for.
        let mut reached_from = vec![None; self.nodes()];
        let mut queue = VecDeque::from([from]);
        while let Some(node) = queue.pop_front() {
            for &next in self.successors(node) {
                if reached_from[next].is_some() {
                    continue;
                }
                reached_from[next] = Some(node);
                if is_goal(next) {
                    return Some(trace(&reached_from, from, next));
                }
                queue.push_back(next);
            }
        }
        None
    }
}

fn trace(reached_from: &[Option<usize>], from: usize, to: usize) -> Vec<usize> {
    let mut way = vec![to];
    let mut node = reached_from[to];
    while let Some(before) = node {
        way.push(before);
        node = reached_from[before].filter(|_| before != from);
    }
    way.reverse();
    way
}

/// Tarjan's search, with a trail of its own instead of recursion: a long chain of actors must not
/// need a deep stack.
struct Search {
    /// When each node was first seen, as a number in the order of seeing.
    seen: Vec<Option<usize>>,
    count: usize,
    /// The first that each node is known to lead back to, among those without a component.
    back_to: Vec<usize>,
    component: Vec<Option<usize>>,
    /// Those seen that have no component yet, in the order in which they were seen.
    open: Vec<usize>,
    /// The way to where the search is. Beside each node stands which of its successors is next.
    trail: Vec<(usize, usize)>,
}

impl Search {
    fn new(nodes: usize) -> Search {
        Search {
            seen: vec![None; nodes],
            count: 0,
            back_to: vec![0; nodes],
            component: vec![None; nodes],
            open: Vec::new(),
            trail: Vec::new(),
        }
    }

    fn begin(&mut self, graph: &Graph, root: usize) {
        self.enter(root);
        while let Some((node, next)) = self.trail.last_mut() {
            let node = *node;
            let successor = graph.successors(node).get(*next).copied();
            *next += 1;
            match successor {
                None => self.leave(node),
                Some(to) => match self.seen[to] {
                    None => self.enter(to),
                    Some(seen) if self.component[to].is_none() => self.leads_back(node, seen),
                    Some(_) => {}
                },
            }
        }
    }

    fn enter(&mut self, node: usize) {
        self.seen[node] = Some(self.count);
        self.back_to[node] = self.count;
        self.count += 1;
        self.open.push(node);
        self.trail.push((node, 0));
    }

    fn leads_back(&mut self, node: usize, to: usize) {
        self.back_to[node] = self.back_to[node].min(to);
    }

    /// All successors of the node have been looked at.
    fn leave(&mut self, node: usize) {
        self.trail.pop();
        if self.seen[node] == Some(self.back_to[node]) {
            self.close(node);
        } else if let Some(&(before, _)) = self.trail.last() {
            self.leads_back(before, self.back_to[node]);
        }
    }

    /// What was seen since `first` leads back to it, and to nothing before it.
    fn close(&mut self, first: usize) {
        while let Some(node) = self.open.pop() {
            self.component[node] = Some(first);
            if node == first {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o4_what_leads_back_to_itself_is_one_component() {
        // A ring of three, one that it leads to, and a ring of two before it.
        let edges = vec![(0, 1), (1, 2), (2, 0), (2, 3), (4, 5), (5, 4), (5, 0), (5, 0)];
        let of = Graph::new(7, edges).components();
        assert!(of[0] == of[1] && of[1] == of[2]);
        assert_eq!(of[4], of[5]);
        let mut apart = vec![of[0], of[3], of[4], of[6]];
        apart.sort_unstable();
        apart.dedup();
        assert_eq!(apart.len(), 4);
    }

    #[test]
    fn a_way_is_a_shortest_one_and_may_lead_back_to_where_it_began() {
        let graph = Graph::new(5, vec![(0, 1), (1, 2), (0, 2), (2, 3), (3, 0), (4, 0)]);
        assert_eq!(graph.way(0, |node| node == 3), Some(vec![0, 2, 3]));
        assert_eq!(graph.way(1, |node| node == 1), Some(vec![1, 2, 3, 0, 1]));
        assert_eq!(graph.way(4, |node| node == 4), None);
        assert_eq!(graph.way(0, |node| node == 4), None);
    }

    #[test]
    fn a_hundred_thousand_in_one_ring_need_no_deep_stack() {
        let nodes = 100_000;
        let edges = (0..nodes).map(|node| (node, (node + 1) % nodes)).collect();
        let graph = Graph::new(nodes, edges);
        assert!(graph.components().iter().all(|&component| component == 0));
        assert_eq!(graph.way(0, |node| node == 0).map(|way| way.len()), Some(nodes + 1));
    }
}
