//! Ways to several at once: topics and routers. Who is at the end of one is somebody to whom its owner sends anyway, so that
//! the wiring says it.

use exeunt::{Capacity, Overflow};

use super::{Program, Role};
use crate::support::dice::Dice;

/// What somebody publishes, and so do his children.
#[derive(Clone, Debug)]
pub(crate) struct Paper {
    /// Who subscribes; perhaps the publisher himself, who hears his children by it.
    pub(crate) readers: Vec<usize>,
    pub(crate) capacity: Capacity,
    pub(crate) overflow: Overflow,
}

/// By which somebody sends each message to one of several.
#[derive(Clone, Debug)]
pub(crate) struct Routing {
    pub(crate) turns: Turns,
    pub(crate) members: Vec<usize>,
}

/// Who it is that is sent to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turns {
    RoundRobin,
    LeastLoaded,
    Keyed,
}

impl Program {
    /// Which papers somebody reads, by who publishes them.
    pub(crate) fn papers_of(&self, reader: usize) -> impl Iterator<Item = (usize, &Paper)> {
        let papers = self.roles.iter().enumerate();
        let papers = papers.filter_map(|(i, role)| Some((i, role.paper.as_ref()?)));
        papers.filter(move |(_, paper)| paper.readers.contains(&reader))
    }
}

impl Paper {
    pub(super) fn thrown(i: usize, role: &Role, dice: &mut Dice) -> Option<Paper> {
        let mut readers = some_of(role, dice);
        if dice.below(3) == 0 {
            readers.push(i);
        }
        let capacity = match dice.below(4) {
            0 => Capacity::Unbounded,
            n => Capacity::Bounded([1, 2, 64][n - 1]),
        };
        let overflows = [Overflow::Wait, Overflow::Wait, Overflow::Refuse, Overflow::DropNewest];
        let overflow = match overflows.get(dice.below(5)) {
            Some(&overflow) => overflow,
            None => Overflow::DropOldest,
        };
        (!readers.is_empty()).then_some(Paper { readers, capacity, overflow })
    }
}

impl Routing {
    pub(super) fn thrown(role: &Role, dice: &mut Dice) -> Option<Routing> {
        let members = some_of(role, dice);
        (!members.is_empty()).then(|| Routing { turns: Turns::thrown(dice), members })
    }
}

impl Turns {
    pub(super) fn thrown(dice: &mut Dice) -> Turns {
        [Turns::RoundRobin, Turns::RoundRobin, Turns::LeastLoaded, Turns::Keyed][dice.below(4)]
    }
}

/// Some of those to whom it sends.
fn some_of(role: &Role, dice: &mut Dice) -> Vec<usize> {
    let all = role.feeds.iter().chain(&role.feeds_back).copied();
    all.filter(|_| dice.below(3) > 0).collect()
}
