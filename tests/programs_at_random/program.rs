//! The program: who is spawned, and who does what, all of it thrown from one seed.

use std::collections::BTreeSet;
use std::time::Duration;

use exeunt::{Capacity, Overflow};

use crate::support::dice::Dice;
use crate::support::ms;

#[derive(Debug)]
pub(crate) struct Program {
    /// In the order of spawning.
    pub(crate) roles: Vec<Role>,
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
    /// Whether it is restarted as often as it fails.
    pub(crate) is_restarted: bool,
    pub(crate) deadline: Option<Duration>,
    /// Whether it has a child, to whom it sends, and who sends to it.
    pub(crate) has_child: bool,
    /// Whether it takes from a channel too.
    pub(crate) has_channel: bool,
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
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Kind {
    Work,
    /// Is sent on to all that the actor feeds.
    Pass,
    /// Is sent on past those that wait.
    Hurry,
    Fail,
    Panic,
    Dawdle,
    /// Its handler does not return before all is over.
    Hang,
}

impl Program {
    pub(crate) fn thrown(dice: &mut Dice) -> Program {
        let hangs = dice.below(12) == 0;
        let mut roles: Vec<Role> =
            (0..1 + dice.below(5)).map(|i| Role::thrown(i, hangs, dice)).collect();
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
        let failures = dice.below(3) * 2;
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
        Program { roles, scripts, patience, hangs }
    }

    /// To whom `i` may send, as far as the order knows.
    fn edges(&self, i: usize) -> BTreeSet<usize> {
        let role = &self.roles[i];
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
}

impl Role {
    fn thrown(i: usize, hangs: bool, dice: &mut Dice) -> Role {
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
            is_restarted: dice.below(4) > 0,
            // Where handlers hang, all have one: whoever sends to such an actor waits as long as it does.
            deadline: match dice.below(8) {
                _ if hangs => Some(ms(50)),
                0 => Some(ms(dice.below(3))),
                _ => None,
            },
            // A pool would have several of the same name.
            has_child: dice.below(4) == 0 && threads == 1,
            has_channel: dice.below(4) == 0,
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
