//! How a member leaves, by itself or given up: what is told of it, what is let go, and what the report says.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use crossbeam_channel::Receiver;

use super::{Conductor, State};
use crate::deadline::Turn;
use crate::life::{Figures, Life};
use crate::mailbox::Burial;
use crate::member::Member;
use crate::notice::{Notice, ReturnedBecause, doing_for};
use crate::report::{ActorReport, Ended};
use crate::stage::Chore;
use crate::threads;
use crate::unwind::{self, lock};

/// How a member leaves.
pub(super) struct Leaving {
    pub(super) ended: Ended,
    pub(super) error: Option<String>,
    pub(super) absorbed: bool,
    pub(super) figures: Figures,
}

impl Conductor<'_> {
    /// Sees off a member whose thread is at its end.
    pub(super) fn see_off(&mut self, index: usize) {
        let Some(member) = self.stage.member(index).filter(|member| !member.has_left()) else {
            return; // a thread that was given up came back after all; nothing it does counts
        };
        let Some(outcome) = member.life.outcome() else { return };
        // The thread has told us from its last thread-local destructor, so this is short.
        if let Some(Err(panic)) = lock(&member.thread).take().map(thread::JoinHandle::join) {
            let _ = unwind::drop_caught(panic);
        }
        let Some((ended, mut error, absorbed)) = outcome.told() else { return };
        if ended == Ended::Overdue {
            error = member.life.was_doing().map(|doing| format!("told to stop, {doing}"));
        }
        let figures = member.life.figures();
        self.leave(&member, Leaving { ended, error, absorbed, figures });
    }

    /// Gives a thread up, takes over its mailbox, and goes on.
    pub(super) fn abandon(&mut self, index: usize, turn: Turn) {
        let Some(member) = self.stage.member(index) else {
            return;
        };
        let life = &member.life;
        let doing = life.doing();
        // If it has had its last word already, it is stuck on the way from there to its end.
        let mut figures = life.disown().unwrap_or_else(|| life.figures());
        let (returned, bury) = member.take_over(ReturnedBecause::Abandoned);
        figures.returned += returned;
        lock(&member.thread).take();
        let stuck_for = turn.stuck_for(Instant::now());
        let error = Some(format!("given up, {}", doing_for(&doing, stuck_for)));
        self.stage.emit(|| Notice::Abandoned {
            name: life.name.to_string(),
            doing,
            stuck_for,
            returned,
        });
        self.burials.push(bury_aside(life, bury));
        self.leave(&member, Leaving { ended: Ended::Abandoned, error, absorbed: false, figures });
    }

    pub(super) fn leave(&mut self, member: &Arc<Member>, leaving: Leaving) {
        let index = member.life.index;
        let report = self.line(member, leaving);
        self.stage.emit(|| Notice::Ended {
            name: report.name.clone(),
            ended: report.ended,
            handled: report.handled,
            returned: report.returned,
            took: report.took,
        });
        let mailbox = lock(&member.post).take();
        drop(mailbox);
        member.life.forget_annexes();
        self.waited_for_and_left += usize::from(!member.node.daemon);
        self.states.remove(&index);
        self.seen.remove(&index);
        member.has_left.store(true, Ordering::Relaxed);
        if member.parent().is_some() {
            // Before it is told: whoever knows that a child has left finds it nowhere.
            self.stage.forget(index);
        }
        // So is this: whoever knows of its end finds the group closed that ends with it.
        let group = match member.life.is_supervised {
            true => self.stage.dismiss_group_of(index),
            false => Vec::new(),
        };
        member.life.departure.tell(&report);
        if let Some(parent) = member.parent() {
            let family = self.companies.family_of_mut(parent);
            family.into_iter().for_each(|family| family.left.push(report.clone()));
        }
        let line = match &member.front {
            None => Some(report),
            Some(front) => front.add(report),
        };
        line.into_iter().for_each(|line| self.lines.enter(line));
        if member.life.has_had_children() {
            // Those downstream wait for its children too, should any be left.
            self.dismiss_family(index, None);
        } else {
            self.companies.end(index);
            self.disband();
        }
        self.send_away(group);
        self.excuse_from_revivals(index);
    }

    /// From when on the time is counted that it took to leave.
    fn measured_from(&self, member: &Member, ended: Ended) -> Instant {
        let turn = match self.states.get(&member.life.index) {
            Some(State::InTurn(turn) | State::Settling(turn)) => Some(turn.began),
            _ => None,
        };
        let Some(drain) = &self.drain else { return turn.unwrap_or(member.started) };
        // A member whose failure begins the drain has ended before it, also if we hear of its end only after that.
        match ended == Ended::Failed && member.life.has_failed_first() {
            true => turn.filter(|&turn| turn < drain.began).unwrap_or(member.started),
            false => turn.unwrap_or(drain.began.max(member.started)),
        }
    }

    fn line(&self, member: &Member, leaving: Leaving) -> ActorReport {
        let Leaving { ended, error, absorbed, figures } = leaving;
        let index = member.life.index;
        let drain = self.drain.as_ref();
        let handled_before = match drain {
            Some(drain) => drain.handled_before.get(&index).copied().unwrap_or(0),
            None => figures.handled,
        };
        ActorReport {
            is_task: member.capacity.is_none(),
            took: self.measured_from(member, ended).elapsed(),
            handled_while_draining: figures.handled.saturating_sub(handled_before),
            error,
            absorbed,
            ..ActorReport::of(&member.life, ended, figures)
        }
    }
}

/// Buries messages on a thread of their own: the hook may take its time, and must hold up neither
/// the drain nor the listeners. The receiver tells when it is done.
pub(super) fn bury_aside(life: &Life, bury: Burial) -> Receiver<()> {
    let (done, end) = crossbeam_channel::bounded(0);
    let work = move || {
        let _ = unwind::catch(bury);
        drop(done);
    };
    let builder = thread::Builder::new().name(format!("{}/returned", life.name));
    if let Err((_, Some(work))) = threads::spawn(builder, work) {
        // It may hold up the listeners then, but not the drain.
        life.stage.give(Chore::Run(Box::new(work)));
    }
    end
}
