//! The order of the drain, held against its definition: small systems at random, for each of which
//! the turns are worked out once more, naively.

use crate::mailbox::MailboxId;
use crate::order::{Node, Order, cycle_through_last};

const SYSTEMS: usize = 10_000;

/// The same throws in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    fn some<T: Clone>(&mut self, all: &[T], chances: usize) -> Vec<T> {
        all.iter().filter(|_| self.one_in(chances)).cloned().collect()
    }

    /// More than a builder allows: each node may come after any other.
    fn system(&mut self) -> Vec<Node> {
        let count = 1 + self.below(8);
        let (few, fewer) = (1 + self.below(6), 2 + self.below(12));
        let mailboxes: Vec<MailboxId> = (0..count).map(|_| MailboxId::next()).collect();
        let indices: Vec<usize> = (0..count).collect();
        (0..count)
            .map(|i| Node {
                // Now and then that of another: they are threads of a pool.
                mailbox: (!self.one_in(5))
                    .then(|| mailboxes[if self.one_in(4) { self.below(count) } else { i }]),
                feeds: self.one_in(2).then(|| self.some(&mailboxes, few)),
                after: if self.one_in(4) { self.some(&indices, fewer) } else { Vec::new() },
                daemon: self.one_in(10),
            })
            .collect()
    }
}

/// What is promised, word by word.
struct Naive<'a> {
    nodes: &'a [Node],
    /// Whether there is a way, of one step at least, from one to the other.
    leads: Vec<Vec<bool>>,
}

impl<'a> Naive<'a> {
    fn new(nodes: &'a [Node]) -> Naive<'a> {
        let all = 0..nodes.len();
        let mut naive = Naive { nodes, leads: Vec::new() };
        naive.leads =
            all.clone().map(|i| all.clone().map(|to| naive.precedes(i, to)).collect()).collect();
        for via in all.clone() {
            for from in all.clone() {
                for to in all.clone() {
                    naive.leads[from][to] |= naive.leads[from][via] && naive.leads[via][to];
                }
            }
        }
        naive
    }

    fn said_it_feeds(&self, i: usize, other: usize) -> bool {
        let (Some(feeds), Some(mailbox)) = (&self.nodes[i].feeds, self.nodes[other].mailbox) else {
            return false;
        };
        self.nodes[i].mailbox != Some(mailbox) && !self.nodes[i].daemon && feeds.contains(&mailbox)
    }

    fn precedes_unsaid(&self, i: usize, other: usize) -> bool {
        let may_feed =
            self.nodes[i].feeds.is_none() && self.nodes[other].mailbox.is_some() && i > other;
        let is_after = self.nodes[other].after.contains(&i);
        i != other && !self.nodes[i].daemon && (may_feed || is_after)
    }

    fn precedes(&self, i: usize, other: usize) -> bool {
        self.said_it_feeds(i, other) || self.precedes_unsaid(i, other)
    }

    fn ring(&self, i: usize) -> Vec<usize> {
        (0..self.nodes.len())
            .filter(|&other| other == i || self.leads[i][other] && self.leads[other][i])
            .collect()
    }

    /// A cycle that was not declared, wherever.
    fn is_mistaken(&self, among: &[usize]) -> bool {
        among.iter().any(|&i| self.ring(i).iter().any(|&other| self.precedes_unsaid(i, other)))
    }

    fn is_ready(&self, i: usize, ended: &[bool]) -> bool {
        let ring = self.ring(i);
        let holds_back = |other: usize| {
            !ended[other]
                && !ring.contains(&other)
                && ring.iter().any(|&member| self.precedes(other, member))
        };
        !self.nodes[i].daemon && !(0..self.nodes.len()).any(holds_back)
    }
}

fn each_system(mut check: impl FnMut(&[Node], &Naive<'_>, &mut Dice)) {
    let mut dice = Dice(1);
    for _ in 0..SYSTEMS {
        let nodes = dice.system();
        check(&nodes, &Naive::new(&nodes), &mut dice);
    }
}

#[test]
fn o4_the_rounds_are_those_of_the_definition_and_everybody_has_a_turn() {
    each_system(|nodes, naive, _| {
        let mut order = Order::new(nodes.to_vec());
        let mut ended = vec![false; nodes.len()];
        let mut left: Vec<usize> = (0..nodes.len()).filter(|&i| !nodes[i].daemon).collect();
        while !left.is_empty() {
            let ready = order.take_ready();
            let expected: Vec<usize> =
                left.iter().copied().filter(|&i| naive.is_ready(i, &ended)).collect();
            assert_eq!(ready, expected, "{nodes:?}");
            assert!(!ready.is_empty(), "{left:?} wait for each other: {nodes:?}");
            for &i in &ready {
                order.end(i);
                ended[i] = true;
            }
            left.retain(|&i| !ended[i]);
        }
    });
}

#[test]
fn o4_whoever_ends_out_of_turn_lets_go_whom_it_held_back() {
    each_system(|nodes, naive, dice| {
        let mut order = Order::new(nodes.to_vec());
        let mut ended = vec![false; nodes.len()];
        let mut left: Vec<usize> = (0..nodes.len()).collect();
        let mut ready = Vec::new();
        loop {
            ready.extend(order.take_ready());
            ready.sort_unstable();
            let expected: Vec<usize> =
                (0..nodes.len()).filter(|&i| naive.is_ready(i, &ended)).collect();
            assert_eq!(ready, expected, "{ended:?}: {nodes:?}");
            if left.is_empty() {
                break;
            }
            let i = left.swap_remove(dice.below(left.len()));
            order.end(i);
            ended[i] = true;
        }
    });
}

#[test]
fn o4_a_ring_is_those_that_wait_for_each_other() {
    each_system(|nodes, naive, _| {
        let order = Order::new(nodes.to_vec());
        for i in 0..nodes.len() {
            let ring = naive.ring(i);
            let expected = if ring.len() > 1 { ring } else { Vec::new() };
            assert_eq!(order.ring(i), expected, "{i}: {nodes:?}");
        }
    });
}

#[test]
fn o4_a_cycle_is_found_if_there_is_one_and_is_one() {
    let mut seen = [0; 3];
    each_system(|nodes, naive, _| {
        let last = nodes.len() - 1;
        let Some(cycle) = cycle_through_last(nodes) else {
            seen[0] += 1;
            return assert!(!naive.leads[last][last], "{nodes:?}");
        };
        seen[1 + usize::from(cycle.is_declared)] += 1;
        let path = &cycle.path;
        let steps: Vec<(usize, usize)> =
            path.iter().copied().zip(path.iter().copied().cycle().skip(1)).collect();
        assert!(steps[0].0 == last && steps.iter().all(|&(i, to)| naive.precedes(i, to)));
        assert_eq!(cycle.is_declared, !naive.is_mistaken(&naive.ring(last)), "{nodes:?}");
        let (all_said, some_unsaid) = (
            steps.iter().all(|&(i, to)| naive.said_it_feeds(i, to)),
            steps.iter().any(|&(i, to)| naive.precedes_unsaid(i, to)),
        );
        assert!(if cycle.is_declared { all_said } else { some_unsaid }, "{path:?}: {nodes:?}");

        // The node that closes the first mistaken cycle is told of one that passes no node twice.
        let before = Naive::new(&nodes[..last]);
        if !before.is_mistaken(&(0..last).collect::<Vec<_>>()) {
            let mut once = path.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), path.len(), "{path:?}: {nodes:?}");
        }
    });
    assert!(seen.iter().all(|&times| times > SYSTEMS / 50), "{seen:?}");
}
