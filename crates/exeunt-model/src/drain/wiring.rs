//! The wiring: who sends to whom, who is whose child, and what follows from it.

/// Who sends to whom, and who is whose child.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wiring {
    pub(super) feeds: Vec<Vec<usize>>,
    pub(super) parents: Vec<Option<usize>>,
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
        let none = vec![Vec::new(); feeds.len()];
        let (rings, upstream, trees) = (none.clone(), none.clone(), none);
        let mut wiring = Wiring { feeds, parents, rings, upstream, trees };
        let all = || 0..wiring.feeds.len();
        let rings = all().map(|i| wiring.ring(i)).collect();
        let is_below = |one: usize, i: usize| one == i || wiring.above(one).any(|above| above == i);
        let trees = all().map(|i| all().filter(|&one| is_below(one, i)).collect()).collect();
        wiring = Wiring { rings, trees, ..wiring };
        wiring.upstream = (0..wiring.feeds.len()).map(|i| wiring.upstream(i)).collect();
        wiring
    }

    fn leads_to(&self, from: usize, to: usize) -> bool {
        let mut reached = vec![false; self.feeds.len()];
        let mut way = self.feeds[from].clone();
        while let Some(i) = way.pop() {
            if !std::mem::replace(&mut reached[i], true) {
                way.extend(&self.feeds[i]);
            }
        }
        reached[to]
    }

    fn ring(&self, i: usize) -> Vec<usize> {
        let is_of_it =
            |&other: &usize| other == i || self.leads_to(i, other) && self.leads_to(other, i);
        let ring: Vec<usize> = (0..self.feeds.len()).filter(is_of_it).collect();
        if ring.len() > 1 { ring } else { Vec::new() }
    }

    /// Whose child it is, whose child that is, and so on.
    pub(super) fn above(&self, i: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(self.parents[i], |&parent| self.parents[parent])
    }

    /// With what a child sends, whoever stands above it. Of who is nobody's child.
    fn upstream(&self, i: usize) -> Vec<usize> {
        let mut ring = self.rings[i].clone();
        ring.push(i);
        let feeds_it = |&from: &usize| {
            let sends = |&one: &usize| self.feeds[one].iter().any(|to| ring.contains(to));
            !ring.contains(&from)
                && self.parents[from].is_none()
                && self.trees[from].iter().any(sends)
        };
        (0..self.feeds.len()).filter(feeds_it).collect()
    }
}
