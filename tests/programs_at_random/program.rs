//! The program: who is spawned, and who does what, all of it thrown from one seed.

use std::fmt;
use std::time::Duration;

use exeunt::{AutoShutdown, Capacity, Overflow, Restart};

pub(crate) use deeds::{Deed, Kind, Number, Way};
pub(crate) use teams::Team;
pub(crate) use ways::{Paper, Routing, Turns};

use crate::support::dice::Dice;
use crate::support::ms;

mod wiring;
mod teams;
mod ways;
mod deeds;

pub(crate) struct Program {
    /// In the order of spawning.
    pub(crate) roles: Vec<Role>,
    /// The groups, each of which may be a part of the one before it.
    pub(crate) teams: Vec<Team>,
    /// What each of the threads that belong to nobody does, one after the other.
    pub(crate) scripts: Vec<Vec<Deed>>,
    /// After what time the drain begins.
    pub(crate) patience: Duration,
    /// Whose turn it is in the router by which they send to one of all.
    pub(crate) turns: Turns,
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
    /// Whom it does not feed, but those of its children do who say whom they feed.
    pub(crate) children_feed: Option<usize>,
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
    pub(crate) paper: Option<Paper>,
    pub(crate) routing: Option<Routing>,
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

/// What each role and each script is has a line of its own.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Program { roles, teams, scripts, patience, turns, hangs } = self;
        for (i, role) in roles.iter().enumerate() {
            writeln!(f, "a{i}: {role:?}")?;
        }
        for (i, team) in teams.iter().enumerate() {
            writeln!(f, "g{i}: {team:?}")?;
        }
        for (i, script) in scripts.iter().enumerate() {
            writeln!(f, "script {i}: {script:?}")?;
        }
        write!(f, "after {patience:?}, by {turns:?}, with handlers that hang: {hangs}")
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
        for (i, role) in roles.iter_mut().enumerate() {
            role.paper = Paper::thrown(i, role, dice);
            role.routing = Routing::thrown(role, dice);
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
        let turns = Turns::thrown(dice);
        let mut program = Program { roles, teams, scripts, patience, turns, hangs };
        program.let_children_feed(dice);
        program
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
            children_feed: None,
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
            paper: None,
            routing: None,
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
