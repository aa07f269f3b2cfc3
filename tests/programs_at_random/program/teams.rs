//! The groups, and who is taken along by whom.

use exeunt::{AutoShutdown, Strategy};

use super::{Policy, Program};
use crate::support::dice::Dice;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Team {
    pub(crate) strategy: Strategy,
    /// How many restarts it absorbs, if not all.
    pub(crate) most: Option<u32>,
    pub(crate) auto_shutdown: AutoShutdown,
    pub(crate) is_within_the_one_before: bool,
}

impl Program {
    /// The groups that one is in, from the inside out, each with what of it is in there: a group, or itself.
    fn places(&self, i: usize) -> Vec<(usize, Unit)> {
        let Some(inner) = self.roles[i].team else { return Vec::new() };
        let mut places = vec![(inner, Unit::Member(i))];
        if self.teams[inner].is_within_the_one_before {
            places.push((inner - 1, Unit::Team(inner)));
        }
        places
    }

    /// Whether `i` may have to begin anew, or to leave, because `fallen` has failed.
    pub(crate) fn takes_along(&self, fallen: usize, i: usize) -> bool {
        let of_fallen = self.places(fallen);
        let is_taken = |(team, unit): &(usize, Unit)| {
            let other = of_fallen.iter().find(|(other, _)| other == team);
            other.is_some_and(|(_, fallen)| match self.teams[*team].strategy {
                Strategy::OneForAll => true,
                Strategy::RestForOne => fallen <= unit,
                _ => fallen == unit,
            })
        };
        fallen == i || self.places(i).iter().any(is_taken)
    }

    /// Whether it may have to stop for somebody else, and so may be found resting by those who send to it.
    pub(crate) fn is_taken_along(&self, i: usize) -> bool {
        (0..self.roles.len()).any(|other| other != i && self.takes_along(other, i))
    }

    /// Whether its failure can be too much for its group.
    pub(crate) fn is_bounded(&self, i: usize) -> bool {
        self.roles[i].team.is_some_and(|team| self.teams[team].most.is_some())
    }

    /// Whether it may have its turn before the order says so: with its group, or because others of it begin anew and
    /// it does not.
    pub(crate) fn may_leave_with_others(&self, i: usize) -> bool {
        let leaves =
            |(team, _): &(usize, Unit)| self.teams[*team].auto_shutdown != AutoShutdown::Never;
        let is_dismissed = self.roles[i].policy != Policy::OnFailure && self.is_taken_along(i);
        is_dismissed || self.places(i).iter().any(leaves)
    }
}

/// What a strategy is applied to, in the order in which they are added: a group within another comes before all members.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Team(usize),
    Member(usize),
}

impl Team {
    pub(super) fn thrown(i: usize, dice: &mut Dice) -> Team {
        Team {
            strategy: [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne]
                [dice.below(3)],
            most: (dice.below(3) == 0).then(|| dice.below(3)),
            auto_shutdown: [
                AutoShutdown::Never,
                AutoShutdown::Never,
                AutoShutdown::AnySignificant,
                AutoShutdown::AllSignificant,
            ][dice.below(4)],
            is_within_the_one_before: i > 0 && dice.below(2) == 0,
        }
    }
}
