//! Turns: whose has come, and what their deadlines say.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::company::{Company, Due, With};
use super::rings::SETTLING;
use super::{Conductor, SAY_EVERY, State};
use crate::deadline::{self, Decision, DrainClock, Turn};
use crate::member::Member;
use crate::notice::Notice;
use crate::unwind::lock;

impl Conductor<'_> {
    /// Tells everybody whose turn has come. Whether that was anybody.
    pub(super) fn give_turns(&mut self) -> bool {
        let now = Instant::now();
        let mut due = Vec::new();
        for company in &mut self.companies {
            due.extend(company.take_due(now));
        }
        due.retain(|due| !due.member.has_left() && !self.is_in_turn(due.member.life.index));
        for Due { member, with } in &due {
            let turn = Turn::begin(now, member.life.sample());
            self.stage.emit(|| Notice::Draining {
                name: member.life.name.to_string(),
                queued: member.queued(),
            });
            let state = match with {
                With::Nobody => State::InTurn(turn),
                With::Pool(_) | With::Ring => State::Settling(turn),
            };
            self.states.insert(member.life.index, state);
            match with {
                With::Nobody => member.call(),
                // Nobody else's message is waited for.
                With::Pool(pool) if !member.life.leaves_with_ring() => self.close_ring(pool),
                With::Pool(_) | With::Ring => {}
            }
            self.excuse_from_revivals(member.life.index);
        }
        !due.is_empty()
    }

    /// Looks at everybody whose turn it is, and says when to look again; never, if it is nobody's.
    pub(super) fn enforce_deadlines(&mut self) -> Option<Instant> {
        if self.states.is_empty() && self.companies.is_empty() {
            return None;
        }
        let now = Instant::now();
        self.settle_rings(now);
        self.excuse_who_waits(now);
        let mut wake = now + self.look_every();
        wake = self.ends().filter(|&end| end > now).fold(wake, Instant::min);
        let mut overdue = Vec::new();
        let mut stragglers = Vec::new();
        let to_come = self.to_come();
        for index in self.states.keys().copied().collect::<Vec<_>>() {
            let Some(member) = self.stage.member(index) else { continue };
            match self.decide_about(&member, now, to_come) {
                Decision::Wait(at) => wake = wake.min(at.unwrap_or(wake)),
                Decision::Halt => overdue.push(member),
                Decision::Abandon => stragglers.push(index),
            }
        }
        // Before any of them hears of it: who waits for room with another one that leaves for it is no
        // failure.
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
        if self.is_settling() {
            wake = wake.min(now + SETTLING);
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
        Some(wake)
    }

    fn decide_about(&mut self, member: &Member, now: Instant, to_come: usize) -> Decision {
        let index = member.life.index;
        let clock = self.clock_of(index, now);
        let to_come = self.to_come_in_company(index).unwrap_or(to_come);
        let waits = self.companies.iter().any(|company| company.parent() == Some(index));
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

    /// Tells somebody that its deadline has come, and its children with it.
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
        self.stage.emit(|| Notice::Overdue { name: life.name.to_string(), doing, stuck_for });
        if !life.stopping.is_set() {
            member.call();
        }
        member.halt();
        let family = self.companies.iter().find(|company| company.parent() == Some(life.index));
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

    /// The clock that holds for somebody: the system's, if it drains.
    fn clock_of(&self, index: usize, now: Instant) -> DrainClock {
        let company = self.companies.iter().find(|company| {
            company.is_the_systems() || company.has(index) || company.parent() == Some(index)
        });
        let limits = *lock(&self.stage.limits);
        company.map_or_else(|| DrainClock::start(limits, now, 1), |company| company.clock)
    }

    /// How many have still to have their turn in the drain of the system.
    fn to_come(&self) -> usize {
        let in_turn = self.states.values().filter(|state| !matches!(state, State::Retiring(_)));
        (self.stage.waited_for() - self.waited_for_and_left).saturating_sub(in_turn.count())
    }

    /// How many have, of those with whom somebody leaves while the system does not.
    fn to_come_in_company(&self, index: usize) -> Option<usize> {
        if self.is_draining() {
            return None;
        }
        let company = self.companies.iter().find(|company| company.has(index));
        Some(company.map_or(0, Company::to_come))
    }

    fn ends(&self) -> impl Iterator<Item = Instant> {
        self.companies.iter().filter_map(|company| company.clock.end())
    }

    fn look_every(&self) -> Duration {
        let stall = lock(&self.stage.limits).stall;
        let members = self.states.keys().filter_map(|&index| self.stage.member(index));
        let shortest = members.filter_map(|m| m.limits.stall).fold(stall, Duration::min);
        deadline::look_every(shortest)
    }

    /// The process was stopped: nobody can help the time that was lost.
    pub(super) fn excuse(&mut self, lost: Duration) {
        self.companies.iter_mut().for_each(|company| company.clock.excuse(lost));
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
        let mut on = Vec::new();
        for (&index, state) in &self.states {
            let (State::InTurn(turn) | State::Settling(turn)) = state else { continue };
            let Some(member) = self.stage.member(index) else { continue };
            let clock = self.clock_of(index, now);
            // Who has met its deadline has its grace left.
            let deadline = turn.next_limit(&clock, member.limits, self.to_come());
            first_deadline = [first_deadline, deadline].into_iter().flatten().min();
            on.push((member.life.name.to_string(), member.queued()));
        }
        let until_deadline = first_deadline.map(|at| at.saturating_duration_since(now));
        self.stage.emit(|| Notice::Waiting { on, until_deadline });
        Some(next_word)
    }
}
