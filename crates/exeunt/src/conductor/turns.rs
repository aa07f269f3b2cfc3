//! Turns: whose turn has come, and what its deadline says.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::company::{Company, Due, With};
use super::{Conductor, SAY_EVERY, State};
use crate::deadline::{self, Decision, DrainClock, Turn};
use crate::member::Member;
use crate::notice::{Notice, doing_for};
use crate::unwind::lock;

impl Conductor<'_> {
    /// Tells each member whose turn has come.
    pub(super) fn give_turns(&mut self) {
        let now = Instant::now();
        let (mut due, end) = self.companies.take_due(now);
        self.look_by(end);
        due.retain(|due| !due.member.has_left() && !self.is_in_turn(due.member.life.index));
        for Due { member, with } in &due {
            let turn = Turn::begin(now, member.life.sample());
            self.stage.emit(|| Notice::Draining {
                id: member.life.index,
                name: member.life.name.to_string(),
                queued: member.queued(),
            });
            let state = match with {
                With::Nobody => State::InTurn(turn),
                With::Pool(_) | With::Ring => {
                    self.settle_at = Some(now);
                    State::Settling(turn)
                }
            };
            self.states.insert(member.life.index, state);
            match with {
                With::Nobody => member.call(),
                // No message of others is waited for.
                With::Pool(pool) if !member.life.leaves_with_ring() => self.close_ring(pool),
                With::Pool(_) | With::Ring => {}
            }
            self.look_by(self.first_limit_of(member, turn, now));
            self.excuse_from_revivals(member.life.index);
        }
    }

    /// Looks at all by then, if any is to be looked at already.
    fn look_by(&mut self, at: Option<Instant>) {
        self.look_at = self.look_at.map(|look_at| at.map_or(look_at, |at| at.min(look_at)));
    }

    /// When to look at a member whose turn has just begun. It has no less time than that, since there are no more to
    /// come than there were.
    fn first_limit_of(&self, member: &Member, turn: Turn, now: Instant) -> Option<Instant> {
        let (clock, to_come) = self.terms_of(member.life.index, now);
        let limit = turn.next_limit(&clock, member.limits, to_come);
        member.life.set_deadline(limit);
        let look = now + deadline::look_every(self.stall_limit_of(member));
        Some(limit.map_or(look, |limit| limit.min(look)))
    }

    /// Looks at all members whose turn it is, and says when to look again; never, if it is nobody's
    /// turn.
    pub(super) fn enforce_deadlines(&mut self) {
        self.look_at =
            (!self.states.is_empty() || !self.companies.is_empty()).then(|| self.look_at_all());
    }

    fn look_at_all(&mut self) -> Instant {
        let now = Instant::now();
        self.excuse_who_waits(now);
        let mut wake = now + self.look_every();
        wake = self.companies.ends().filter(|&end| end > now).fold(wake, Instant::min);
        let mut overdue = Vec::new();
        let mut stragglers = Vec::new();
        self.to_come = self.to_come();
        for index in self.states.keys().copied().collect::<Vec<_>>() {
            let Some(member) = self.stage.member(index) else { continue };
            match self.decide_about(&member, now) {
                Decision::Wait(at) => wake = wake.min(at.unwrap_or(wake)),
                Decision::Halt => overdue.push(member),
                Decision::Abandon => stragglers.push(index),
            }
        }
        // Before any of them hears of it: a member that waits for room with another that leaves because of it has not
        // failed.
        for member in &overdue {
            if self.is_in_turn(member.life.index) {
                member.life.set_overdue();
            }
        }
        for member in &overdue {
            if !self.is_halted(member.life.index) {
                self.halt(member, now);
            }
            // Look again at once: the grace may be nothing.
            wake = now;
        }
        wake = wake.min(self.say_whom_we_wait_for(now).unwrap_or(wake));
        for index in stragglers {
            wake = now;
            match self.states.get(&index).copied() {
                Some(State::InTurn(turn) | State::Settling(turn)) => self.abandon(index, turn),
                Some(State::Retiring(_)) => {
                    self.states.remove(&index);
                    self.give_up_revival(index);
                }
                None => {}
            }
        }
        wake
    }

    fn decide_about(&mut self, member: &Member, now: Instant) -> Decision {
        let index = member.life.index;
        let (clock, to_come) = self.terms_of(index, now);
        let waits = self.companies.family_of(index).is_some();
        let Some(state) = self.states.get_mut(&index) else { return Decision::Wait(None) };
        let is_leaving = !matches!(state, State::Retiring(_));
        let (State::InTurn(turn) | State::Settling(turn) | State::Retiring(turn)) = state;
        if waits {
            // Its children have deadlines of their own.
            turn.touch(now);
            if turn.halted.is_some() {
                member.life.set_deadline(None);
                return Decision::Wait(None);
            }
        }
        let decision = turn.decide(now, member.life.sample(), &clock, member.limits, to_come);
        let limit = turn.next_limit(&clock, member.limits, to_come);
        member.life.set_deadline(limit.filter(|_| is_leaving && !waits));
        decision
    }

    /// Tells a member that its deadline has come, and its children with it.
    fn halt(&mut self, member: &Arc<Member>, now: Instant) {
        let life = &member.life;
        let mut turn = match self.states.get_mut(&life.index) {
            Some(State::Retiring(turn)) => {
                turn.halted = Some(now);
                return life.interrupt();
            }
            Some(State::InTurn(turn) | State::Settling(turn)) => *turn,
            None => Turn::begin(now, life.sample()),
        };
        turn.halted = Some(now);
        self.states.insert(life.index, State::InTurn(turn));
        let (doing, stuck_for) = (life.doing(), turn.stuck_for(now));
        life.set_was_doing(doing_for(&doing, stuck_for));
        self.stage.emit(|| Notice::Overdue {
            id: life.index,
            name: life.name.to_string(),
            doing,
            stuck_for,
        });
        if !life.stopping.is_set() {
            member.call();
        }
        member.halt();
        let family = self.companies.family_of(life.index);
        for child in family.map(|family| family.members.clone()).into_iter().flatten() {
            if !child.has_left() && !self.is_halted(child.life.index) {
                self.halt(&child, now);
            }
        }
    }

    fn is_halted(&self, index: usize) -> bool {
        matches!(self.states.get(&index), Some(State::InTurn(turn)) if turn.halted.is_some())
    }

    // Clocks.

    /// The clock that holds for that member: the system's, if it drains.
    fn clock_of(&self, index: usize, now: Instant) -> DrainClock {
        let alone = || DrainClock::start(*lock(&self.stage.limits), now, 1);
        self.companies.clock_of(index).unwrap_or_else(alone)
    }

    /// The clock that holds for that member, and how many have still to have their turn under it.
    fn terms_of(&self, index: usize, now: Instant) -> (DrainClock, usize) {
        let to_come = self.to_come_in_company(index).unwrap_or(self.to_come);
        (self.clock_of(index, now), to_come)
    }

    /// How many have still to have their turn in the drain of the system.
    fn to_come(&self) -> usize {
        let in_turn = self.states.values().filter(|state| !matches!(state, State::Retiring(_)));
        (self.stage.waited_for() - self.waited_for_and_left).saturating_sub(in_turn.count())
    }

    /// How many have still to have theirs, of those with whom that member leaves; `None` if the
    /// system drains.
    fn to_come_in_company(&self, index: usize) -> Option<usize> {
        if self.is_draining() {
            return None;
        }
        Some(self.companies.with(index).next().map_or(0, Company::to_come))
    }

    fn look_every(&self) -> Duration {
        let stall = lock(&self.stage.limits).stall;
        let members = self.states.keys().filter_map(|&index| self.stage.member(index));
        let shortest = members.filter_map(|m| m.limits.stall).fold(stall, Duration::min);
        deadline::look_every(shortest)
    }

    fn stall_limit_of(&self, member: &Member) -> Duration {
        member.limits.stall.unwrap_or_else(|| lock(&self.stage.limits).stall)
    }

    /// The process was stopped: nobody can help the time that was lost.
    pub(super) fn excuse(&mut self, lost: Duration) {
        self.companies.excuse(lost);
        for state in self.states.values_mut() {
            let (State::InTurn(turn) | State::Settling(turn) | State::Retiring(turn)) = state;
            turn.excuse(lost);
        }
    }

    /// Once a second says whom the drain of the system waits for, and when it will again.
    fn say_whom_we_wait_for(&mut self, now: Instant) -> Option<Instant> {
        let drain = self.drain.as_mut()?;
        if now < drain.next_word {
            return Some(drain.next_word);
        }
        drain.next_word = now + SAY_EVERY;
        let next_word = drain.next_word;
        let mut first_deadline: Option<Instant> = None;
        let mut first_given_up: Option<(Instant, usize)> = None;
        let mut on = Vec::new();
        for (&index, state) in &self.states {
            let (State::InTurn(turn) | State::Settling(turn)) = state else { continue };
            let Some(member) = self.stage.member(index) else { continue };
            let (clock, to_come) = self.terms_of(index, now);
            let limit = turn.next_limit(&clock, member.limits, to_come);
            match turn.halted {
                None => first_deadline = first_deadline.into_iter().chain(limit).min(),
                // Its children have deadlines of their own.
                Some(_) if self.companies.family_of(index).is_some() => {}
                Some(_) => {
                    let given_up = limit.map(|limit| (limit, on.len()));
                    first_given_up = first_given_up.into_iter().chain(given_up).min();
                }
            }
            on.push((member.life.identity(), member.queued()));
        }
        let until_deadline = first_deadline.map(|at| at.saturating_duration_since(now));
        let given_up_next =
            first_given_up.map(|(at, who)| (on[who].0.clone(), at.saturating_duration_since(now)));
        self.stage.emit(|| Notice::Waiting { on, until_deadline, given_up_next });
        Some(next_word)
    }
}

#[cfg(test)]
mod tests;
