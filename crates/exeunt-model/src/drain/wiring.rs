//! The wiring: who sends to whom, who is whose child, and what follows from it.

/// Who sends to whom, and who is whose child.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wiring {
    pub(super) feeds: Vec<Vec<usize>>,
    pub(super) parents: Vec<Option<usize>>,
    /// Those with whom each drains as one, itself included; nobody, if it drains alone.
    pub(super) rings: Vec<Vec<usize>>,
    pub(super) children: Vec<Vec<usize>>,
    /// Those who have to leave before each.
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
        let (rings, children, upstream, trees) = (none.clone(), none.clone(), none.clone(), none);
        let mut wiring = Wiring { feeds, parents, rings, children, upstream, trees };
        let all = || 0..wiring.feeds.len();
        let rings = all().map(|i| wiring.ring(i)).collect();
        let children = all()
            .map(|i| all().filter(|&child| wiring.parents[child] == Some(i)).collect())
            .collect();
        let trees = all()
            .map(|i| all().filter(|&one| one == i || wiring.root(one) == i).collect())
            .collect();
        wiring = Wiring { rings, children, trees, ..wiring };
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

    /// Who stands above it and is nobody's child.
    fn root(&self, i: usize) -> usize {
        self.parents[i].map_or(i, |parent| self.root(parent))
    }

    /// With what a child sends, whoever stands above it.
    fn upstream(&self, i: usize) -> Vec<usize> {
        let mut ring = self.rings[i].clone();
        ring.push(i);
        let feeds_it = |&from: &usize| {
            let sends = |&one: &usize| self.feeds[one].iter().any(|to| ring.contains(to));
            !ring.contains(&from)
                && self.parents[from].is_none()
                && self.trees[from].iter().any(sends)
        };
        match self.parents[i] {
            None => (0..self.feeds.len()).filter(feeds_it).collect(),
            // Last spawned first.
            Some(parent) => {
                self.children[parent].iter().copied().filter(|&other| other > i).collect()
            }
        }
    }
}
