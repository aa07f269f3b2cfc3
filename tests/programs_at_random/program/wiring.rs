//! The wiring: who may send to whom, as far as the order knows.

use std::collections::BTreeSet;

use super::Program;
use crate::support::dice::Dice;

impl Program {
    /// To whom `i` may send, as far as the order knows. For a daemon nobody waits.
    fn edges(&self, i: usize) -> BTreeSet<usize> {
        let role = &self.roles[i];
        if role.is_daemon {
            return BTreeSet::new();
        }
        let undeclared = (!role.is_declared).then_some(0..i).into_iter().flatten();
        undeclared
            .chain(role.feeds.iter().copied())
            .chain(role.feeds_back.iter().copied())
            .collect()
    }

    /// Who drains as one with `i`: those to whom there is a way, and from whom there is one back.
    pub(crate) fn ring(&self, i: usize) -> BTreeSet<usize> {
        let reached = self.reached(i).into_iter();
        reached.filter(|&other| other != i && self.reached(other).contains(&i)).collect()
    }

    /// To whom there is a way, by what is declared by children too.
    fn reached(&self, from: usize) -> BTreeSet<usize> {
        let (mut reached, mut way) = (BTreeSet::new(), vec![from]);
        while let Some(at) = way.pop() {
            let edges = self.edges(at).into_iter().chain(self.roles[at].children_feed);
            way.extend(edges.filter(|&to| reached.insert(to)));
        }
        reached
    }

    /// Some have children who feed somebody whom they do not feed themselves, and alone say so. Never so that a cycle comes
    /// about, which nobody would have declared.
    pub(super) fn let_children_feed(&mut self, dice: &mut Dice) {
        for i in 0..self.roles.len() {
            let role = &self.roles[i];
            let has_a_say = role.children.iter().any(|child| child.is_declared);
            if !role.is_declared || role.is_daemon || !has_a_say {
                continue;
            }
            let edges = self.edges(i);
            let is_new = |to: &usize| !edges.contains(to) && !self.reached(*to).contains(&i);
            let others: Vec<usize> = (0..i).filter(is_new).collect();
            if !others.is_empty() {
                self.roles[i].children_feed = Some(others[dice.below(others.len())]);
            }
        }
    }

    /// Those whom `i` feeds and with whom it does not drain as one.
    pub(crate) fn downstream(&self, i: usize) -> BTreeSet<usize> {
        &self.edges(i) - &self.ring(i)
    }
}
