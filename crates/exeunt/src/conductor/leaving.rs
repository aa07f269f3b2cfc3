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
        let thread = lock(&member.thread).take();
        if let Some(thread) = thread {
            self.threads.add(thread, self.stage.spawned());
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
            id: life.index,
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
            id: index,
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
        self.stage.count_departure();
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::super::Drain;
    use super::super::tests::{Scene, leaving};
    use super::*;
    use crate::capacity::Capacity;
    use crate::deadline::OwnLimits;
    use crate::life::Outcome;
    use crate::mailbox::Mailbox;
    use crate::report::Reason;

    #[test]
    fn r1_the_time_that_somebody_took_to_leave_begins_with_its_turn_the_drain_or_itself() {
        let scene = Scene::new();
        let mut conductor = scene.conductor();
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let who = |index, failed_first, started| {
            let member = scene.unstarted(index, false);
            if failed_first {
                member.life.set_failed_first();
            }
            Member { started: at(started), ..member }
        };
        // Who has no turn, one that was spawned in the drain among them.
        let [early, late] = [who(0, false, 1), who(0, false, 20)];
        let [failed_early, failed_late] = [who(0, true, 1), who(0, true, 20)];
        // Whose turn began before the drain, or in it.
        let [before, settling, after] = [who(1, false, 1), who(2, false, 1), who(3, false, 1)];
        let [failed_before, failed_after] = [who(1, true, 1), who(3, true, 1)];
        let turn = |second| Turn::begin(at(second), Life::unstarted().sample());
        conductor.states.insert(1, State::InTurn(turn(5)));
        conductor.states.insert(2, State::Settling(turn(12)));
        conductor.states.insert(3, State::InTurn(turn(15)));
        let began = |conductor: &Conductor<'_>, who: &[&Member], ended| {
            let moments = who.iter().map(|member| conductor.measured_from(member, ended));
            moments.map(|moment| (moment - start).as_secs()).collect::<Vec<_>>()
        };
        assert_eq!(began(&conductor, &[&early, &late, &before], Ended::Failed), [1, 20, 5]);
        let handled_before = BTreeMap::new();
        conductor.drain = Some(Drain { began: at(10), next_word: at(11), handled_before });
        let all = [&early, &late, &before, &settling, &after];
        assert_eq!(began(&conductor, &all, Ended::Failed), [10, 20, 5, 12, 15]);
        let failed = [&failed_early, &failed_late, &failed_before, &failed_after];
        // What began the drain has ended before it, also if it was told to leave meanwhile.
        assert_eq!(began(&conductor, &failed, Ended::Failed), [1, 20, 5, 1]);
        assert_eq!(began(&conductor, &failed, Ended::Drained), [10, 20, 5, 15]);
    }

    #[test]
    fn r1_of_who_is_spawned_in_the_drain_all_is_handled_while_draining() {
        let scene = Scene::new();
        let mut conductor = scene.conductor();
        let handle = |member: &Member| {
            member.life.enter_message();
            member.life.leave_handled();
        };
        let first = scene.entered(0, OwnLimits::default());
        handle(&first);
        let line = |conductor: &Conductor<'_>, member: &Member| {
            let figures = member.life.figures();
            let line = conductor.line(member, Leaving { figures, ..leaving() });
            (line.handled, line.handled_while_draining)
        };
        assert_eq!(line(&conductor, &first), (1, 0));
        conductor.begin(&Reason::Shutdown);
        let second = scene.entered(1, OwnLimits::default());
        [&first, &second].iter().for_each(|member| handle(member));
        assert_eq!(line(&conductor, &first), (2, 1));
        assert_eq!(line(&conductor, &second), (1, 1));
    }

    #[test]
    fn d3_the_end_waits_until_what_somebody_left_that_was_given_up_is_told() {
        let scene = Scene::new();
        let mut conductor = scene.conductor();
        let member = scene.entered(0, OwnLimits::default());
        conductor.abandon(0, Turn::begin(Instant::now(), member.life.sample()));
        assert_eq!(conductor.burials.len(), 1);
    }

    #[test]
    fn d3_who_was_given_up_on_the_way_to_its_end_and_comes_there_has_left_once() {
        let scene = Scene::new();
        let mut conductor = scene.conductor();
        let member = scene.entered(0, OwnLimits::default());
        member.life.end(Outcome::Drained);
        conductor.abandon(0, Turn::begin(Instant::now(), member.life.sample()));
        conductor.see_off(0);
        let ends: Vec<_> = conductor.lines.take().iter().map(|line| line.ended).collect();
        assert_eq!(ends, [Ended::Abandoned]);
    }

    #[test]
    fn d4_a_daemon_that_has_left_is_not_one_of_those_who_are_waited_for() {
        let scene = Scene::new();
        let mut conductor = scene.conductor();
        let (daemon, other) = (scene.daemon(0), scene.entered(1, OwnLimits::default()));
        conductor.leave(&daemon, leaving());
        assert!(!conductor.all_have_left());
        conductor.leave(&other, leaving());
        assert!(conductor.all_have_left());
    }

    #[test]
    fn m1_who_has_left_holds_no_mailbox() {
        let scene = Scene::new();
        let member = scene.entered(0, OwnLimits::default());
        member.life.add_annex(Mailbox::<u32>::new(Capacity::Bounded(1)));
        scene.conductor().leave(&member, leaving());
        assert!(lock(&member.post).is_none() && member.life.annexes().is_empty());
    }
}
