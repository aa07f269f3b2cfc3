//! The conductor: waits until the drain is to begin, then gives each its turn, in order and under
//! deadlines, and writes the report. Before that it does the same for those who leave early, and decides
//! about those who have failed.
//!
//! It runs no code of the user's and waits for nothing but its cues and the clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use crate::deadline::{self, DrainClock, Turn};
use crate::life::{Figures, Life, Outcome, Sample};
use crate::mailbox::Burial;
use crate::member::Member;
use crate::notice::{Notice, ReturnedBecause};
use crate::report::{ActorReport, Ended, Reason, Report};
use crate::stage::{Chore, Cue, Stage};
use crate::threads;
use crate::unwind::{self, lock};
use company::{Company, Errand};
use revival::Revivals;

mod company;
mod revival;
mod rings;
mod turns;
mod waits;

/// How often a drain says whom it is waiting for.
const SAY_EVERY: Duration = Duration::from_secs(1);

/// For how long daemons are given the chance to end by themselves, so that one that is idle, or
/// between two messages, is not counted in the middle of something.
const DISMISSAL: Duration = Duration::from_millis(20);

/// How many children have a line of their own in the report. An actor may have any number of them, one
/// after the other; of those that are nobody's trouble, the first are summed up.
const CHILDREN_IN_REPORT: usize = 1_000;

/// The life of the conductor's thread.
pub(crate) fn conduct(stage: &Arc<Stage>, cues: &Receiver<Cue>) {
    let mut conductor = Conductor::new(stage, cues);

    // Until somebody asks for the end, or all have come to theirs.
    let reason = conductor.wait_for_the_end();

    // Upstream first: each when all before it have ended, or its budget is used up.
    conductor.drain(&reason);

    // Nobody is left who could need a daemon.
    conductor.dismiss_daemons();

    // The user's code that runs on behalf of the system has a grace to come to its end.
    let report = conductor.report(reason);
    conductor.wait_for_listeners_and_burials();
    stage.publish(report);
}

struct Conductor<'a> {
    stage: &'a Arc<Stage>,
    cues: &'a Receiver<Cue>,
    /// Somebody waits for the end.
    awaited: bool,
    /// Why the drain is to begin.
    reason: Option<Reason>,
    /// Those who do not simply work.
    states: BTreeMap<usize, State>,
    /// Those who leave together, the system first.
    companies: Vec<Company>,
    revivals: Revivals,
    /// How those of rings that settle were seen last: that, and whether they were at rest.
    seen: BTreeMap<usize, (Sample, bool)>,
    /// What those had achieved whom somebody in turn waits for, when they were last looked at.
    pulses: BTreeMap<usize, u64>,
    /// The drain of the system, when it has begun.
    drain: Option<Drain>,
    /// In the order in which they ended.
    left: Vec<ActorReport>,
    children_in_report: usize,
    /// How many of those who have left are waited for.
    waited_for_and_left: usize,
    /// Each ends when the messages of somebody who was given up are buried.
    burials: Vec<Receiver<()>>,
    took: Duration,
}

#[derive(Clone, Copy)]
enum State {
    InTurn(Turn),
    /// It is the turn of its ring, whose mailboxes are open until all of it is at rest.
    Settling(Turn),
    /// It is to end its incarnation.
    Retiring(Turn),
}

/// What the drain of the system knows beside its company.
struct Drain {
    began: Instant,
    next_word: Instant,
    /// What each had handled when it began.
    handled_before: BTreeMap<usize, u64>,
}

impl<'a> Conductor<'a> {
    fn new(stage: &'a Arc<Stage>, cues: &'a Receiver<Cue>) -> Conductor<'a> {
        Conductor {
            stage,
            cues,
            awaited: false,
            reason: None,
            states: BTreeMap::new(),
            companies: Vec::new(),
            revivals: Revivals::default(),
            seen: BTreeMap::new(),
            pulses: BTreeMap::new(),
            drain: None,
            left: Vec::new(),
            children_in_report: 0,
            waited_for_and_left: 0,
            burials: Vec::new(),
            took: Duration::ZERO,
        }
    }

    fn wait_for_the_end(&mut self) -> Reason {
        let mut wake = None;
        loop {
            if self.awaited && self.all_have_left() {
                return Reason::Completed;
            }
            wake = self.attend(wake);
            if let Some(reason) = self.reason.take() {
                return reason;
            }
        }
    }

    fn drain(&mut self, reason: &Reason) {
        self.begin(reason);
        let mut wake = None;
        while !self.all_have_left() {
            wake = self.attend(wake);
        }
        if let (Some(drain), false) = (&self.drain, *reason == Reason::Completed) {
            self.took = drain.began.elapsed();
        }
    }

    fn begin(&mut self, reason: &Reason) {
        let mut all = self.stage.close_roster();
        let now = Instant::now();
        // Those downstream of somebody who was given up wait for its children too; of others who have left,
        // for nobody.
        let above = all.iter().flat_map(|member| member.life.ancestors().map(|life| life.index));
        let parents: BTreeSet<usize> = above.collect();
        all.retain(|member| !member.has_left() || parents.contains(&member.life.index));
        self.drain = Some(Drain {
            began: now,
            next_word: now + SAY_EVERY,
            handled_before: all
                .iter()
                .map(|member| (member.life.index, member.life.figures().handled))
                .collect(),
        });
        self.dissolve_revivals();
        let roots: Vec<Arc<Member>> =
            all.iter().filter(|member| member.parent().is_none()).cloned().collect();
        let nodes = company::wiring(&roots, &all);
        let limits = *lock(&self.stage.limits);
        let mut company = Company::new(roots, nodes, limits, Errand::System);
        let members = self.stage.waited_for() - self.waited_for_and_left;
        company.clock = DrainClock::start(limits, now, members);
        self.companies.insert(0, company);
        self.stage.emit(|| Notice::DrainBegan { reason: reason.clone(), members });
    }

    /// One round: gives turns, keeps the deadlines, and takes what it is told until it is time to look
    /// again. When that will be, if anybody is on the way out.
    fn attend(&mut self, wake: Option<Instant>) -> Option<Instant> {
        // Looked at when it is time, or when there is somebody new to look at: many may leave at once,
        // and to look at all for each of them would take the square of their number.
        let is_time = wake.is_none_or(|wake| Instant::now() >= wake);
        let anybody_new = self.give_turns();
        let wake = match (is_time || anybody_new, wake) {
            (true, _) | (_, None) => self.enforce_deadlines(),
            (false, wake) => wake,
        };
        let asleep = Instant::now();
        // The stage keeps a sender, so there is always another cue, if late.
        let cue = match wake {
            None => self.cues.recv().ok(),
            Some(wake) => self.cues.recv_deadline(wake).ok(),
        };
        let lost = wake.and_then(|wake| deadline::overslept(wake.max(asleep), Instant::now()));
        if let Some(lost) = lost {
            self.excuse(lost);
        }
        // Many may leave at once: those who are about to tell us do so now, and whoever has told us is
        // gone when it is joined, so that we do not go to sleep for each of them.
        thread::yield_now();
        // No more than there are now: those who begin anew all the time would keep us from all else.
        let others = self.cues.len();
        for cue in cue.into_iter().chain(self.cues.try_iter().take(others)) {
            self.take(cue);
        }
        wake
    }

    fn take(&mut self, cue: Cue) {
        match cue {
            Cue::Ended(index) => self.see_off(index),
            Cue::Shutdown(reason) => drop(self.reason.get_or_insert(reason)),
            Cue::Awaited => self.awaited = true,
            Cue::Stop { index, by_itself } => self.grant(index, by_itself),
            Cue::Dismiss { parent, left } => self.dismiss_family(parent, Some(left)),
            Cue::Over { index, error, sentence } => {
                // Who does not wait for it any more was given up.
                let _ = sentence.send(self.judge(index, error));
            }
            Cue::FailedOnLeaving { name, parent, error, sentence } => {
                let _ = sentence.send(self.fail_parent(parent, &name, &error));
            }
            Cue::Rests { index, go } => self.rests(index, go),
            Cue::Risen(index) => self.risen(index),
        }
    }

    /// Whether all but the daemons have left.
    fn all_have_left(&self) -> bool {
        self.waited_for_and_left == self.stage.waited_for()
    }

    fn is_draining(&self) -> bool {
        self.drain.is_some()
    }

    fn is_in_turn(&self, index: usize) -> bool {
        matches!(self.states.get(&index), Some(State::InTurn(_) | State::Settling(..)))
    }

    // Leaving early.

    /// The children of somebody leave, last spawned first.
    fn dismiss_family(
        &mut self,
        parent: usize,
        tell: Option<crossbeam_channel::Sender<Vec<ActorReport>>>,
    ) {
        let children = self.stage.children(parent);
        self.assemble(children, Errand::Parent { index: parent, tell });
    }

    /// Somebody leaves alone.
    fn send_away(&mut self, members: Vec<Arc<Member>>) {
        let members = self.with_their_pools(members);
        let is_free = |member: &Arc<Member>| {
            let index = member.life.index;
            let is_leaving = self.companies.iter().any(|c| !c.is_the_systems() && c.has(index));
            !is_leaving && !member.has_left()
        };
        let members: Vec<Arc<Member>> = members.into_iter().filter(is_free).collect();
        if !members.is_empty() {
            self.assemble(members, Errand::Own);
        }
    }

    /// The threads of a pool leave together: their mailbox is one.
    fn with_their_pools(&self, members: Vec<Arc<Member>>) -> Vec<Arc<Member>> {
        let pools: BTreeSet<usize> = members.iter().filter_map(|member| member.pool()).collect();
        if pools.is_empty() {
            return members;
        }
        let indices: BTreeSet<usize> = members.iter().map(|member| member.life.index).collect();
        let mut all = self.stage.members();
        all.retain(|member| {
            indices.contains(&member.life.index)
                || member.pool().is_some_and(|pool| pools.contains(&pool))
        });
        all
    }

    fn assemble(&mut self, members: Vec<Arc<Member>>, errand: Errand) {
        let nodes = members.iter().map(|member| member.node.clone()).collect();
        let limits = *lock(&self.stage.limits);
        self.companies.push(Company::new(members, nodes, limits, errand));
        self.disband();
    }

    /// Lets those companies go that have all left, and tells on whose behalf.
    fn disband(&mut self) {
        while let Some(at) =
            self.companies.iter().position(|c| c.to_leave == 0 && !c.is_the_systems())
        {
            let company = self.companies.remove(at);
            let Errand::Parent { index, tell } = company.errand else { continue };
            if let Some(State::InTurn(turn)) = self.states.get_mut(&index) {
                // What it had to wait for is over: it has a grace of its own again.
                turn.touch(Instant::now());
                turn.halted = turn.halted.map(|_| Instant::now());
            }
            match tell {
                Some(tell) => drop(tell.send(company.left)),
                // It has left before them.
                None => self.end_in_companies(index),
            }
        }
    }

    // Leaving, by itself or not.

    /// Sees off a member whose thread is at its end.
    fn see_off(&mut self, index: usize) {
        let Some(member) = self.stage.member(index).filter(|member| !member.has_left()) else {
            return; // a thread that was given up came back after all; nothing it does counts
        };
        let Some(outcome) = member.life.outcome() else { return };
        // The thread has told us from its last thread-local destructor, so this is short.
        if let Some(Err(panic)) = lock(&member.thread).take().map(thread::JoinHandle::join) {
            let _ = unwind::drop_caught(panic);
        }
        let Some((ended, error, absorbed)) = outcome.told() else { return };
        let figures = member.life.figures();
        self.leave(&member, Leaving { ended, error, absorbed, figures });
    }

    /// Gives a thread up, takes over its mailbox, and goes on.
    fn abandon(&mut self, index: usize, turn: Turn) {
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
        let error = Some(format!("given up, {doing} for {stuck_for:.1?}"));
        self.stage.emit(|| Notice::Abandoned {
            name: life.name.clone(),
            doing,
            stuck_for,
            returned,
        });
        self.burials.push(bury_aside(life, bury));
        self.leave(&member, Leaving { ended: Ended::Abandoned, error, absorbed: false, figures });
    }

    fn leave(&mut self, member: &Arc<Member>, leaving: Leaving) {
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
        member.life.departure.tell(&report);
        if let Some(parent) = member.parent() {
            let family = self.companies.iter_mut().find(|c| c.parent() == Some(parent));
            family.into_iter().for_each(|family| family.left.push(report.clone()));
        }
        let line = match &member.front {
            None => Some(report),
            Some(front) => front.add(report).inspect(|line| front.life.departure.tell(line)),
        };
        line.into_iter().for_each(|line| self.enter(line, member.parent().is_some()));
        if member.life.has_had_children() {
            // Those downstream wait for its children too, should any be left.
            self.dismiss_family(index, None);
        } else {
            self.end_in_companies(index);
        }
        if member.life.is_supervised {
            self.dismiss_group_of(index);
        }
        self.excuse_from_revivals(index);
    }

    fn end_in_companies(&mut self, index: usize) {
        self.companies.iter_mut().for_each(|company| company.end(index));
        self.disband();
    }

    /// A group ends when somebody has left who is significant for it.
    fn dismiss_group_of(&mut self, index: usize) {
        let members = {
            let mut supervision = lock(&self.stage.supervision);
            supervision.left(index).map(|group| supervision.members_of(group))
        };
        let members = members.into_iter().flatten().filter_map(|index| self.stage.member(index));
        self.send_away(members.collect());
    }

    fn line(&self, member: &Member, leaving: Leaving) -> ActorReport {
        let Leaving { ended, error, absorbed, figures } = leaving;
        let index = member.life.index;
        let drain = self.drain.as_ref();
        let began = match self.states.get(&index) {
            Some(State::InTurn(turn) | State::Settling(turn)) => turn.began,
            _ => drain.map_or(member.started, |drain| drain.began.max(member.started)),
        };
        let handled_before = match drain {
            Some(drain) => drain.handled_before.get(&index).copied().unwrap_or(0),
            None => figures.handled,
        };
        ActorReport {
            is_task: member.capacity.is_none(),
            took: began.elapsed(),
            handled_while_draining: figures.handled.saturating_sub(handled_before),
            error,
            absorbed,
            ..ActorReport::of(&member.life, ended, figures)
        }
    }

    /// Enters a line in the report.
    fn enter(&mut self, line: ActorReport, is_child: bool) {
        self.children_in_report += usize::from(is_child && line.may_be_summed_up());
        self.left.push(line);
        if self.children_in_report > 2 * CHILDREN_IN_REPORT {
            self.sum_up_children();
        }
    }

    /// Sums up those of the children that ended well first.
    fn sum_up_children(&mut self) {
        let mut to_sum_up = self.children_in_report - CHILDREN_IN_REPORT;
        let mut sum = match self.left.first() {
            Some(first) if first.is_of_many() => self.left.remove(0),
            _ => ActorReport::of_many(),
        };
        self.left.retain(|line| {
            let is_summed_up = to_sum_up > 0 && line.may_be_summed_up();
            if is_summed_up {
                sum.add(line);
                to_sum_up -= 1;
            }
            !is_summed_up
        });
        self.children_in_report = CHILDREN_IN_REPORT;
        self.left.insert(0, sum);
    }

    // The end.

    fn dismiss_daemons(&mut self) {
        let mut daemons: Vec<Arc<Member>> = self
            .stage
            .members()
            .into_iter()
            .filter(|member| member.node.daemon && !member.has_left())
            .collect();
        // Children before their parents.
        daemons.reverse();
        daemons.iter().for_each(|daemon| {
            daemon.call();
            daemon.halt();
        });
        self.wait_for_the_willing(&daemons);
        for daemon in daemons {
            let (figures, outcome) = match daemon.life.disown() {
                None => (daemon.life.figures(), daemon.life.outcome()),
                Some(figures) => {
                    let (returned, bury) = daemon.take_over(ReturnedBecause::Dismissed);
                    self.burials.push(bury_aside(&daemon.life, bury));
                    (Figures { returned: figures.returned + returned, ..figures }, None)
                }
            };
            let (ended, error) = match outcome {
                Some(Outcome::Failed(error)) => (Ended::Failed, Some(error)),
                _ => (Ended::Daemon, None),
            };
            self.leave(&daemon, Leaving { ended, error, absorbed: false, figures });
        }
    }

    /// Gives those who only have to hear it the chance to end by themselves, and waits until the
    /// others are in code of the user's: on the way there, a thread may have a message in its hands
    /// that is counted nowhere yet.
    fn wait_for_the_willing(&self, daemons: &[Arc<Member>]) {
        let began = Instant::now();
        let is_settled = |daemon: &Arc<Member>| {
            daemon.life.has_ended()
                || began.elapsed() >= DISMISSAL && daemon.life.sample().is_in_user_code()
        };
        while !daemons.iter().all(is_settled) && began.elapsed() < DISMISSAL + deadline::SLACK {
            // Who ends gives a cue; their outcome is all there is to know.
            let _ = self.cues.recv_timeout(deadline::SETTLED);
        }
    }

    fn report(&mut self, reason: Reason) -> Report {
        let refused = self.stage.refusals();
        let report = Report {
            took: self.took,
            actors: std::mem::take(&mut self.left),
            refused,
            ..self.stage.empty_report(reason)
        };
        self.stage.emit(|| Notice::Finished {
            reason: report.reason.clone(),
            complete: report.is_complete(),
            failed: report.is_failure(),
            took: report.took,
        });
        report
    }

    fn wait_for_listeners_and_burials(&self) {
        let (done, at_home) = crossbeam_channel::bounded(0);
        self.stage.give(Chore::GoHome(done));
        let until = Instant::now().checked_add(lock(&self.stage.limits).grace);
        for end in self.burials.iter().chain([&at_home]) {
            let _ = match until {
                Some(until) => end.recv_deadline(until).is_ok(),
                None => end.recv().is_ok(),
            };
        }
    }
}

/// How somebody leaves.
struct Leaving {
    ended: Ended,
    error: Option<String>,
    absorbed: bool,
    figures: Figures,
}

/// Buries messages on a thread of their own: the hook may take its time, and must hold up neither the
/// drain nor the listeners. The receiver tells when it is done.
fn bury_aside(life: &Life, bury: Burial) -> Receiver<()> {
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
    use super::*;

    /// What a child, or somebody who is nobody's, is in the report when it has handled one message.
    fn line(parent: Option<&str>, ended: Ended) -> ActorReport {
        let stage = Arc::new(Stage::new("test".into()));
        let figures = Figures { handled: 1, ..Figures::default() };
        let line = ActorReport::of(&Life::new("a".into(), 7, false, stage), ended, figures);
        ActorReport { parent: parent.map(str::to_owned), ..line }
    }

    #[test]
    fn r1_the_first_of_very_many_children_are_one_line_and_nobody_else_is() {
        let (stage, (_told, cues)) =
            (Arc::new(Stage::new("test".into())), crossbeam_channel::unbounded());
        let mut conductor = Conductor::new(&stage, &cues);
        let child = || line(Some("parent"), Ended::Drained);
        conductor.enter(line(None, Ended::Drained), false);
        conductor.enter(line(Some("parent"), Ended::Failed), true);
        (0..2 * CHILDREN_IN_REPORT).for_each(|_| conductor.enter(child(), true));
        assert_eq!(conductor.left.len(), 2 * CHILDREN_IN_REPORT + 2);
        // With one more there are too many, and so again when as many have come as were summed up.
        for in_sum in [CHILDREN_IN_REPORT + 1, 2 * (CHILDREN_IN_REPORT + 1)] {
            (conductor.children_in_report..=2 * CHILDREN_IN_REPORT)
                .for_each(|_| conductor.enter(child(), true));
            let [sum, root, failed, others @ ..] = &conductor.left[..] else { panic!() };
            assert!(sum.is_of_many() && root.parent.is_none() && failed.ended == Ended::Failed);
            assert_eq!((sum.handled, others.len()), (in_sum as u64, CHILDREN_IN_REPORT));
        }
    }

    #[test]
    fn d1_a_drain_says_first_after_a_while_whom_it_waits_for() {
        let (stage, (_told, cues)) =
            (Arc::new(Stage::new("test".into())), crossbeam_channel::unbounded());
        let mut conductor = Conductor::new(&stage, &cues);
        conductor.begin(&Reason::Shutdown);
        let words = conductor.drain.map(|drain| (drain.began, drain.next_word));
        assert!(words.is_some_and(|(began, next)| next == began + SAY_EVERY));
    }
}
