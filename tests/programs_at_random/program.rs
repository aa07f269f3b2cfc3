//! The program: who is spawned, and who does what, all of it thrown from one seed.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use exeunt::{AutoShutdown, Capacity, Overflow, Restart, Strategy};

use crate::support::dice::Dice;
use crate::support::ms;

pub(crate) struct Program {
    /// In the order of spawning.
    pub(crate) roles: Vec<Role>,
    /// The groups, each of which may be a part of the one before it.
    pub(crate) teams: Vec<Team>,
    /// What each of the threads that belong to nobody does, one after the other.
    pub(crate) scripts: Vec<Vec<Deed>>,
    /// After what time the drain begins.
    pub(crate) patience: Duration,
    /// Whether some handlers never return.
    pub(crate) hangs: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Role {
    /// Whom it sends to, of those before it.
    pub(crate) feeds: Vec<usize>,
    /// Whom it sends to, of those after it, who send to it too. It never waits for room there, so that no
    /// two wait for each other.
    pub(crate) feeds_back: Vec<usize>,
    pub(crate) is_declared: bool,
    pub(crate) capacity: Capacity,
    /// Of the urgent lane, if it has one.
    pub(crate) urgent: Option<usize>,
    pub(crate) overflow: Overflow,
    /// How many threads read its mailbox.
    pub(crate) threads: usize,
    pub(crate) policy: Policy,
    /// In which group it is, and whether it is significant there.
    pub(crate) team: Option<usize>,
    pub(crate) is_significant: bool,
    pub(crate) is_daemon: bool,
    pub(crate) deadline: Option<Duration>,
    /// Its children, in the order of spawning; of a pool, those of each thread.
    pub(crate) children: Vec<Child>,
    /// Whether it takes from a channel too.
    pub(crate) has_channel: bool,
}

/// A child: it is sent to by its parent, and sends to that one, to all to whom that one sends, and to those of its siblings
/// who stand before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Child {
    /// How often it sends to all of them, if it is a task, which does so until it is to stop, and once more then.
    pub(crate) rounds: Option<u32>,
    /// Whether it says to whom it sends.
    pub(crate) is_declared: bool,
    pub(crate) capacity: Capacity,
    /// Whether it waits for room with those above it.
    pub(crate) waits_for_parents: bool,
    /// Whether it has a child itself, and a task.
    pub(crate) has_child: bool,
    pub(crate) has_task: bool,
    pub(crate) policy: Policy,
    /// Of how many messages of the one above it, or rounds of its own, one is a failure; of none, if that is 0.
    pub(crate) fails_every: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Policy {
    Never,
    Temporary,
    /// As often as it fails, as far as it goes by its own intensity.
    OnFailure,
}

impl Policy {
    pub(crate) fn restart(self) -> Restart {
        match self {
            Policy::Never => Restart::never(),
            Policy::Temporary => Restart::temporary(),
            Policy::OnFailure => Restart::on_failure().intensity(u32::MAX, Duration::MAX),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Team {
    pub(crate) strategy: Strategy,
    /// How many restarts it absorbs, if not all.
    pub(crate) most: Option<u32>,
    pub(crate) auto_shutdown: AutoShutdown,
    pub(crate) is_within_the_one_before: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    Send(usize, Number),
    TrySend(usize, Number),
    SendTimeout(usize, Number),
    SendUrgent(usize, Number),
    TrySendUrgent(usize, Number),
    /// Puts it into the channel.
    Put(usize, Number),
    Ask(usize, Number),
    Stop(usize),
    Pause,
}

/// The number of a message: who sent it first, its place among those of the same sender, on which way it
/// came, and what is to be done about it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Number {
    pub(crate) sender: u32,
    pub(crate) place: u32,
    pub(crate) way: Way,
    pub(crate) kind: Kind,
}

/// Each way keeps the order of a sender, and has none with the others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Way {
    Ordinary,
    Urgent,
    Channel,
    /// By a timer of its own, of which several come in any order.
    Timer,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Kind {
    Work,
    /// Is sent on to all that the actor feeds.
    Pass,
    /// Is sent on past those that wait.
    Hurry,
    /// All that the actor feeds, and may wait for, are asked, and the answers awaited asleep.
    Ask,
    /// The actor sets a timer, and has one that ticks from then on.
    Time,
    Fail,
    Panic,
    Dawdle,
    /// Its handler does not return before all is over.
    Hang,
}

/// What each role and each script is has a line of its own.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Program { roles, teams, scripts, patience, hangs } = self;
        for (i, role) in roles.iter().enumerate() {
            writeln!(f, "a{i}: {role:?}")?;
        }
        for (i, team) in teams.iter().enumerate() {
            writeln!(f, "g{i}: {team:?}")?;
        }
        for (i, script) in scripts.iter().enumerate() {
            writeln!(f, "script {i}: {script:?}")?;
        }
        write!(f, "after {patience:?}, with handlers that hang: {hangs}")
    }
}

impl Program {
    pub(crate) fn thrown(dice: &mut Dice) -> Program {
        let hangs = dice.below(12) == 0;
        let teams: Vec<Team> =
            (0..[0, 0, 1, 2][dice.below(4)]).map(|i| Team::thrown(i, dice)).collect();
        let mut roles: Vec<Role> =
            (0..1 + dice.below(5)).map(|i| Role::thrown(i, hangs, &teams, dice)).collect();
        for i in 0..roles.len() {
            let after = roles.len() - i - 1;
            if after > 0 && dice.below(4) == 0 {
                let other = i + 1 + dice.below(after);
                roles[i].feeds_back.push(other);
                // A cycle is declared all the way, or refused.
                roles[i..=other].iter_mut().for_each(|role| role.is_declared = true);
                if !roles[other].feeds.contains(&i) {
                    roles[other].feeds.push(i);
                }
            }
        }
        // More of them where there is more to be done about them.
        let failures = dice.below(3) * if teams.is_empty() { 2 } else { 5 };
        let scripts = (0..1 + dice.below(3))
            .map(|sender| {
                let deeds = 20 + dice.below(120);
                let mut deed = |place| Deed::thrown(sender, place, roles.len(), failures, dice);
                let mut deeds: Vec<Deed> = (0..deeds).map(&mut deed).collect();
                if hangs {
                    let at = dice.below(10);
                    deeds[at] = deeds[at].hanging();
                }
                deeds
            })
            .collect();
        let patience = Duration::from_micros(dice.below(4) * dice.below(1_000));
        Program { roles, teams, scripts, patience, hangs }
    }

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
        let reached = |from: usize| {
            let (mut reached, mut way) = (BTreeSet::new(), vec![from]);
            while let Some(at) = way.pop() {
                way.extend(self.edges(at).into_iter().filter(|&to| reached.insert(to)));
            }
            reached
        };
        reached(i).into_iter().filter(|&other| other != i && reached(other).contains(&i)).collect()
    }

    /// Those whom `i` feeds and with whom it does not drain as one.
    pub(crate) fn downstream(&self, i: usize) -> BTreeSet<usize> {
        &self.edges(i) - &self.ring(i)
    }

    /// All who are somebody's children, by name.
    pub(crate) fn all_children(&self) -> Vec<(String, Child)> {
        let mut all = Vec::new();
        for (i, role) in self.roles.iter().enumerate() {
            for (&child, letter) in role.children.iter().zip('a'..) {
                all.push((format!("a{i}{letter}"), child));
                let below = child.children().into_iter().zip('a'..);
                all.extend(below.map(|(child, below)| (format!("a{i}{letter}{below}"), child)));
            }
        }
        all
    }

    // Groups.

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
    fn thrown(i: usize, dice: &mut Dice) -> Team {
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

impl Role {
    fn thrown(i: usize, hangs: bool, teams: &[Team], dice: &mut Dice) -> Role {
        let team = match dice.below(3) {
            0 => None,
            n => (!teams.is_empty()).then(|| n % teams.len()),
        };
        let may_be_significant =
            team.is_some_and(|team: usize| teams[team].auto_shutdown != AutoShutdown::Never);
        let is_declared = dice.below(3) > 0;
        let threads = if dice.below(5) == 0 { 2 + dice.below(2) } else { 1 };
        Role {
            feeds: (0..i).filter(|_| dice.below(2) == 0).collect(),
            feeds_back: Vec::new(),
            is_declared,
            capacity: match dice.below(4) {
                0 => Capacity::Unbounded,
                n => Capacity::Bounded([1, 2, 64][n - 1]),
            },
            urgent: (dice.below(3) == 0).then(|| [1, 2, 64][dice.below(3)]),
            overflow: [
                Overflow::Wait,
                Overflow::Wait,
                Overflow::Refuse,
                Overflow::DropNewest,
                Overflow::DropOldest,
            ][dice.below(5)],
            threads,
            policy: match dice.below(8) {
                0 => Policy::Never,
                1 => Policy::Temporary,
                _ => Policy::OnFailure,
            },
            team,
            is_significant: may_be_significant && dice.below(2) == 0,
            is_daemon: dice.below(6) == 0,
            // Where handlers hang, all have one: whoever sends to such an actor waits as long as it does.
            deadline: match dice.below(8) {
                _ if hangs => Some(ms(50)),
                0 => Some(ms(dice.below(3))),
                _ => None,
            },
            children: (0..[0, 0, 0, 1, 1, 2][dice.below(6)]).map(|_| Child::thrown(dice)).collect(),
            has_channel: dice.below(4) == 0,
        }
    }
}

impl Child {
    pub(crate) fn children(self) -> Vec<Child> {
        let child = Child { has_child: false, has_task: false, ..self };
        let task = Child { rounds: Some(10), ..child };
        let children = [(self.has_child, child), (self.has_task, task)];
        children.into_iter().filter_map(|(is_there, child)| is_there.then_some(child)).collect()
    }

    fn thrown(dice: &mut Dice) -> Child {
        let rounds = (dice.below(4) == 0).then(|| [0, 10, 100][dice.below(3)]);
        Child {
            rounds,
            is_declared: dice.below(2) == 0,
            capacity: [Capacity::Unbounded, Capacity::Bounded(1), Capacity::Bounded(64)]
                [dice.below(3)],
            waits_for_parents: dice.below(3) > 0,
            has_child: rounds.is_none() && dice.below(3) == 0,
            has_task: rounds.is_none() && dice.below(5) == 0,
            policy: [Policy::Never, Policy::Temporary, Policy::OnFailure][dice.below(3)],
            fails_every: [0, 0, 0, 2, 10, 30][dice.below(6)],
        }
    }
}

impl Deed {
    fn thrown(sender: usize, place: usize, roles: usize, failures: usize, dice: &mut Dice) -> Deed {
        let kind = match dice.below(200) {
            n if n < failures => [Kind::Fail, Kind::Panic][n % 2],
            n if n < 12 => Kind::Dawdle,
            n if n < 80 => Kind::Pass,
            n if n < 100 => Kind::Hurry,
            n if n < 120 => Kind::Ask,
            n if n < 135 => Kind::Time,
            _ => Kind::Work,
        };
        let (sender, place) = (sender as u32, place as u32);
        let number = |way| Number { sender, place, way, kind };
        let to = dice.below(roles);
        match dice.below(100) {
            0 => Deed::Stop(to),
            1..10 => Deed::Pause,
            10..20 => Deed::Ask(to, number(Way::Ordinary)),
            20..40 => Deed::TrySend(to, number(Way::Ordinary)),
            40..60 => Deed::SendTimeout(to, number(Way::Ordinary)),
            60..65 => Deed::SendUrgent(to, number(Way::Urgent)),
            65..72 => Deed::TrySendUrgent(to, number(Way::Urgent)),
            72..80 => Deed::Put(to, number(Way::Channel)),
            _ => Deed::Send(to, number(Way::Ordinary)),
        }
    }

    /// The same, of a message whose handler does not return.
    fn hanging(self) -> Deed {
        let hang = |number| Number { kind: Kind::Hang, ..number };
        match self {
            Deed::Send(to, number) => Deed::Send(to, hang(number)),
            Deed::TrySend(to, number) => Deed::TrySend(to, hang(number)),
            Deed::SendTimeout(to, number) => Deed::SendTimeout(to, hang(number)),
            Deed::SendUrgent(to, number) => Deed::SendUrgent(to, hang(number)),
            Deed::TrySendUrgent(to, number) => Deed::TrySendUrgent(to, hang(number)),
            Deed::Put(to, number) => Deed::Put(to, hang(number)),
            Deed::Ask(to, number) => Deed::Ask(to, hang(number)),
            Deed::Stop(_) | Deed::Pause => self,
        }
    }
}
