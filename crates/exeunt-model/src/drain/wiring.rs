//! The wiring: who sends to whom, who is whose child, who reads one mailbox with others, and what follows from it.

/// Who sends to whom, who is whose child, and who reads whose mailbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wiring {
    pub(super) feeds: Vec<Vec<usize>>,
    /// To which of its children each sends.
    pub(super) orders: Vec<Vec<usize>>,
    pub(super) parents: Vec<Option<usize>>,
    /// Whose mailbox each reads: that of the first thread of its pool, or its own.
    pub(super) reads: Vec<usize>,
    /// Those with whom each drains as one, itself included; nobody, if it drains alone.
    pub(super) rings: Vec<Vec<usize>>,
    /// Those who have to leave before each who is nobody's child.
    pub(super) upstream: Vec<Vec<usize>>,
    /// Each, and all below it.
    pub(super) trees: Vec<Vec<usize>>,
}

impl Wiring {
    /// To whom each sends what it handles, which is what it has declared; and whose child each is.
    /// Children come after their parents.
    #[must_use]
    pub fn new(feeds: Vec<Vec<usize>>, parents: Vec<Option<usize>>) -> Wiring {
        let (reads, orders) = ((0..feeds.len()).collect(), vec![vec![]; feeds.len()]);
        let [rings, upstream, trees] = [const { Vec::new() }; 3];
        Wiring { feeds, orders, parents, reads, rings, upstream, trees }.derived()
    }

    /// The same, where that one sends what it handles to that child of its, too.
    #[must_use]
    pub fn with_orders(mut self, parent: usize, child: usize) -> Wiring {
        self.orders[parent].push(child);
        self
    }

    /// The same, where `of` is another thread of the pool that `first` is a thread of. It sends to whom that one sends.
    #[must_use]
    pub fn with_pool(mut self, first: usize, of: usize) -> Wiring {
        self.reads[of] = first;
        self.feeds[of] = self.feeds[first].clone();
        self.derived()
    }

    fn derived(mut self) -> Wiring {
        let all = || 0..self.feeds.len();
        let is_below = |one: usize, i: usize| one == i || self.above(one).any(|above| above == i);
        self.trees = all().map(|i| all().filter(|&one| is_below(one, i)).collect()).collect();
        self.rings = (0..self.feeds.len()).map(|i| self.ring(i)).collect();
        self.upstream = (0..self.feeds.len()).map(|i| self.upstream(i)).collect();
        self
    }

    /// Those who read that mailbox.
    pub(super) fn readers(&self, mailbox: usize) -> impl Iterator<Item = usize> {
        (0..self.reads.len()).filter(move |&i| self.reads[i] == mailbox)
    }

    /// Those who read what it, or somebody below it, sends.
    fn is_read_by(&self, i: usize) -> Vec<usize> {
        let to = self.trees[i].iter().flat_map(|&one| &self.feeds[one]);
        to.flat_map(|&mailbox| self.readers(mailbox)).collect()
    }

    fn leads_to(&self, from: usize, to: usize) -> bool {
        let mut reached = vec![false; self.feeds.len()];
        let mut way = self.is_read_by(from);
        while let Some(i) = way.pop() {
            if !std::mem::replace(&mut reached[i], true) {
                way.extend(self.is_read_by(i));
            }
        }
        reached[to]
    }

    /// Of a thread of a pool that is in no ring: all of it, if any of them has children.
    fn pool(&self, i: usize) -> Vec<usize> {
        let pool: Vec<usize> = self.readers(self.reads[i]).collect();
        let has_children = pool.iter().any(|&one| self.trees[one].len() > 1);
        if pool.len() > 1 && has_children { pool } else { Vec::new() }
    }

    /// Of those who are nobody's children.
    fn ring(&self, i: usize) -> Vec<usize> {
        let is_of_it =
            |&other: &usize| other == i || self.leads_to(i, other) && self.leads_to(other, i);
        let is_root = |&other: &usize| self.parents[other].is_none();
        let ring: Vec<usize> = (0..self.feeds.len()).filter(is_root).filter(is_of_it).collect();
        if ring.len() > 1 && is_root(&i) { ring } else { self.pool(i) }
    }

    /// Whose child it is, whose child that is, and so on.
    pub(super) fn above(&self, i: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(self.parents[i], |&parent| self.parents[parent])
    }

    /// Whether those of its ring are one pool: nobody else's message is waited for.
    pub(super) fn is_pool(&self, ring: &[usize]) -> bool {
        ring.iter().all(|&i| self.reads[i] == self.reads[ring[0]])
    }

    /// Who stands above it, and is nobody's child: itself, if it is nobody's.
    pub(super) fn root(&self, i: usize) -> usize {
        self.above(i).last().unwrap_or(i)
    }

    /// With what a child sends, whoever stands above it. Of who is nobody's child.
    fn upstream(&self, i: usize) -> Vec<usize> {
        let mut ring = self.rings[i].clone();
        ring.push(i);
        let feeds_it = |&from: &usize| {
            let reaches = |to: usize| ring.contains(&to);
            !ring.contains(&from)
                && self.parents[from].is_none()
                && self.is_read_by(from).into_iter().any(reaches)
        };
        (0..self.feeds.len()).filter(feeds_it).collect()
    }
}
