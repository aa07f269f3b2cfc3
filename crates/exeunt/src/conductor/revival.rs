//! A revival: members that begin anew together. They are stopped one by one, last spawned first, and when all have
//! ended their incarnations they begin again one by one, in the order of spawning.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use super::{Conductor, State};
use crate::deadline::Turn;
use crate::ending::{Rebirth, Sentence, TOO_OFTEN};
use crate::life::{Life, Summons};
use crate::member::Member;
use crate::notice::Notice;
use crate::report::Reason;
use crate::restart::chance;
use crate::supervision::Verdict;

#[derive(Default)]
pub(super) struct Revivals {
    all: Vec<Revival>,
    /// The members whose incarnation has ended and that wait for word.
    resting: BTreeMap<usize, Sender<Duration>>,
    /// The members that were given word, until they have begun.
    rising: Vec<usize>,
}

struct Revival {
    /// In the order of spawning.
    who: Vec<usize>,
    /// The members that are stopped with them, and do not come back.
    leaves: Vec<usize>,
    /// The members that were told to begin anew before this came about, for a reason of their own: they begin anew
    /// first, and not once more for this one.
    before: Vec<usize>,
    delay: Duration,
    is_starting: bool,
}

impl Revival {
    fn concerns(&self, index: usize) -> bool {
        self.who.contains(&index) || self.leaves.contains(&index)
    }
}

impl Conductor<'_> {
    /// What is to become of a member whose incarnation is over.
    pub(super) fn judge(&mut self, index: usize, error: Option<String>) -> Sentence {
        let Some(member) = self.stage.member(index) else {
            return Sentence::GiveUp;
        };
        if self.is_retiring(index) && !self.is_in_turn(index) {
            // It was being stopped anyway: how it ends does not count.
            return Sentence::Anew(Rebirth::Together);
        }
        let life = &member.life;
        let says = error.clone().unwrap_or_else(|| "ended, and is always restarted".to_owned());
        match self.decide(life, error.is_some()) {
            Verdict::Leave => Sentence::Leave,
            Verdict::Forget => self.stage.absorb(life, &says),
            Verdict::GiveUp => Sentence::GiveUp,
            Verdict::Parent(parent) => self.fail_parent(parent, &life.name, &says),
            Verdict::Restart { who, leaves, delay } => {
                self.say_it_restarts(life, error, &who, delay);
                if who == [index] && leaves.is_empty() {
                    life.countermand();
                    return Sentence::Anew(Rebirth::Alone(delay));
                }
                let is_among = who.contains(&index);
                self.revive(who, leaves, delay);
                if is_among { Sentence::Anew(Rebirth::Together) } else { Sentence::Passed }
            }
        }
    }

    /// A member wishes to end, or others wish it.
    pub(super) fn grant(&mut self, index: usize, by_itself: bool) {
        let Some(member) = self.stage.member(index) else {
            let mut pool = self.stage.members();
            pool.retain(|member| member.pool() == Some(index));
            return self.send_away(pool);
        };
        if !by_itself || !member.life.is_supervised || self.is_in_turn(index) {
            return self.send_away(vec![member]);
        }
        if self.is_retiring(index) {
            return; // what it wishes for happens already
        }
        match self.decide(&member.life, false) {
            Verdict::Leave | Verdict::Forget => self.send_away(vec![member]),
            Verdict::Restart { who, leaves, delay } => {
                self.say_it_restarts(&member.life, None, &who, delay);
                self.revive(who, leaves, delay);
            }
            Verdict::Parent(parent) => {
                let _ = self.fail_parent(parent, &member.life.name, TOO_OFTEN);
            }
            Verdict::GiveUp => self.stage.fail(&member.life, TOO_OFTEN),
        }
    }

    /// Whether it is to end its incarnation, so that others can begin anew with it.
    fn is_retiring(&self, index: usize) -> bool {
        self.revivals.all.iter().any(|r| !r.is_starting && r.who.contains(&index))
    }

    fn decide(&self, life: &Life, failed: bool) -> Verdict {
        let alone = self.is_draining() || self.is_in_turn(life.index);
        self.stage.decide(life, failed, alone, Instant::now(), chance())
    }

    /// A failure that the children's own policies do not absorb is the parent's.
    pub(super) fn fail_parent(&mut self, parent: usize, name: &str, error: &str) -> Sentence {
        match self.stage.member(parent) {
            Some(parent) if !self.is_leaving(&parent) => {
                let error = format!("its child `{name}` failed: {error}");
                parent.summon(Summons::Fall(error));
                Sentence::Passed
            }
            // It is leaving anyway.
            _ => Sentence::GiveUp,
        }
    }

    /// Whether it will not begin anew, whatever happens, or has left.
    fn is_leaving(&self, member: &Member) -> bool {
        self.is_draining() || self.is_in_turn(member.life.index) || member.has_left()
    }

    /// All of `who` begin anew: `life`, and the others with it.
    fn say_it_restarts(&self, life: &Life, error: Option<String>, who: &[usize], delay: Duration) {
        self.stage.emit(|| {
            let others = who.iter().filter(|&&index| index != life.index);
            let others = others.filter_map(|&index| self.stage.member(index));
            let with = others.map(|other| other.life.identity()).collect();
            Notice::Restarting { id: life.index, name: life.name.to_string(), error, with, delay }
        });
    }

    fn revive(&mut self, mut who: Vec<usize>, mut leaves: Vec<usize>, delay: Duration) {
        // Members that were about to begin anew already begin with all the others.
        let (overlapping, apart) = std::mem::take(&mut self.revivals.all)
            .into_iter()
            .partition(|other: &Revival| who.iter().any(|&index| other.concerns(index)));
        self.revivals.all = apart;
        let mut before = Vec::new();
        for other in overlapping {
            before.extend(other.before);
            leaves.extend(other.leaves);
            // Where members begin again one by one, some have begun, and one is about to.
            let (rising, others): (Vec<usize>, Vec<usize>) =
                other.who.into_iter().partition(|index| self.revivals.rising.contains(index));
            let waits =
                |index: &usize| !other.is_starting || self.revivals.resting.contains_key(index);
            who.extend(others.into_iter().filter(waits));
            before.extend(rising);
        }
        who.sort_unstable();
        who.dedup();
        leaves.sort_unstable();
        leaves.dedup();
        self.revivals.all.push(Revival { who, leaves, before, delay, is_starting: false });
        self.advance_revivals();
    }

    pub(super) fn rests(&mut self, index: usize, go: Sender<Duration>) {
        self.revivals.rising.retain(|&rising| rising != index);
        if let Some(State::Retiring(_)) = self.states.get(&index) {
            self.states.remove(&index);
        }
        let member = self.stage.member(index);
        member.iter().for_each(|member| member.life.countermand());
        let is_alone = !self.revivals.all.iter().any(|revival| revival.who.contains(&index));
        if is_alone || member.is_none_or(|member| self.is_leaving(&member)) {
            let _ = go.send(Duration::ZERO);
            return;
        }
        self.revivals.resting.insert(index, go);
        self.advance_revivals();
    }

    /// Nobody waits for it any more, and it waits for nobody: it has been told to leave, or has left.
    pub(super) fn excuse_from_revivals(&mut self, index: usize) {
        self.revivals.rising.retain(|&rising| rising != index);
        if let Some(go) = self.revivals.resting.remove(&index) {
            let _ = go.send(Duration::ZERO);
        }
        self.advance_revivals();
    }

    pub(super) fn risen(&mut self, index: usize) {
        self.revivals.rising.retain(|&rising| rising != index);
        self.advance_revivals();
    }

    /// The drain of the system has begun: all begin anew at once, to handle what is queued.
    pub(super) fn dissolve_revivals(&mut self) {
        for (_, go) in std::mem::take(&mut self.revivals).resting {
            let _ = go.send(Duration::ZERO);
        }
        self.states.retain(|_, state| !matches!(state, State::Retiring(_)));
    }

    pub(super) fn advance_revivals(&mut self) {
        for mut revival in std::mem::take(&mut self.revivals.all) {
            if !self.advance(&mut revival) {
                self.revivals.all.push(revival);
            }
        }
    }

    /// Whether all have begun anew.
    fn advance(&mut self, revival: &mut Revival) -> bool {
        if !revival.is_starting {
            if self.is_stopping(revival) {
                return false;
            }
            revival.is_starting = true;
        }
        if revival.before.iter().any(|index| self.revivals.rising.contains(index)) {
            return false;
        }
        for &index in &revival.who {
            if self.revivals.rising.contains(&index) {
                return false;
            }
            if let Some(go) = self.revivals.resting.remove(&index) {
                self.revivals.rising.push(index);
                let _ = go.send(std::mem::take(&mut revival.delay));
                return false;
            }
        }
        true
    }

    /// Stops the last of them that still goes on, and says whether there is one.
    fn is_stopping(&mut self, revival: &Revival) -> bool {
        let mut all: Vec<usize> = revival.who.iter().chain(&revival.leaves).copied().collect();
        all.sort_unstable();
        for &index in all.iter().rev() {
            let Some(member) = self.stage.member(index).filter(|member| !member.has_left()) else {
                continue;
            };
            if self.revivals.resting.contains_key(&index) {
                continue;
            }
            if revival.leaves.contains(&index) {
                self.send_away(vec![member]);
            } else if self.is_in_turn(index) {
                // It has been told to leave meanwhile: nobody waits for it to come back.
                continue;
            } else if let Entry::Vacant(vacant) = self.states.entry(index) {
                vacant.insert(State::Retiring(Turn::begin(Instant::now(), member.life.sample())));
                member.summon(Summons::Retire);
            }
            return true;
        }
        false
    }

    /// A member does not end its incarnation, though its waits were cut short.
    pub(super) fn give_up_revival(&mut self, index: usize) {
        let Some(member) = self.stage.member(index) else { return };
        let doing = member.life.doing();
        self.stage.shutdown(Reason::Failure {
            name: member.life.name.to_string(),
            error: format!("could not be stopped to begin anew, {doing}"),
        });
    }
}

#[cfg(test)]
mod tests;
