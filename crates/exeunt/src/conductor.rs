//! The conductor: waits until the drain is to begin, then gives each member its turn, in order and under deadlines, and
//! writes the report. Before that it does the same for members that leave early, and decides about those that have
//! failed.
//!
//! It runs no code of the user's and waits for nothing but its cues and the clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use crate::deadline::{self, DrainClock, Lateness, Turn};
use crate::life::{Figures, Outcome, Sample};
use crate::member::Member;
use crate::notice::{Notice, ReturnedBecause};
use crate::report::{Ended, Reason, Report};
use crate::stage::{Chore, Cue, Stage};
use crate::unwind::lock;
use companies::Companies;
use company::{Company, Errand};
use leaving::{Leaving, bury_aside};
use lines::Lines;
use revival::Revivals;
use threads::LeavingThreads;
use waits::NodeId;

mod companies;
mod company;
mod early;
mod leaving;
mod lines;
mod revival;
mod rings;
mod threads;
mod turns;
mod waits;

/// How often a drain says whom it is waiting for.
const SAY_EVERY: Duration = Duration::from_secs(1);

/// For how long daemons are given the chance to end by themselves, so that one that is idle, or
/// between two messages, is not counted in the middle of something.
const DISMISSAL: Duration = Duration::from_millis(20);

/// The life of the conductor's thread.
pub(crate) fn conduct(stage: &Arc<Stage>, cues: &Receiver<Cue>) {
    let mut conductor = Conductor::new(stage, cues);

    // Until the end is asked for, or all have come to theirs.
    let reason = conductor.wait_for_the_end();

    // Upstream first: each when all before it have ended, or its budget is used up.
    conductor.drain(&reason);

    // Nobody is left who could need a daemon.
    conductor.dismiss_daemons();

    // Before anybody is told that all is over.
    conductor.threads.join();

    // The user's code that runs on behalf of the system has a grace to come to its end.
    let report = conductor.report(reason);
    conductor.wait_for_listeners_and_burials();
    stage.publish(report);
}

struct Conductor<'a> {
    stage: &'a Arc<Stage>,
    cues: &'a Receiver<Cue>,
    /// The owner waits for the end.
    awaited: bool,
    /// Why the drain is to begin.
    reason: Option<Reason>,
    /// The members that do not simply work.
    states: BTreeMap<usize, State>,
    /// The members that leave together.
    companies: Companies,
    revivals: Revivals,
    /// How the members of rings that settle were last seen, and whether they were at rest.
    seen: BTreeMap<usize, (Sample, bool)>,
    /// When to look at all whose turn it is; `None` if it is no member's turn, or to look at once.
    look_at: Option<Instant>,
    /// When to look at the rings that settle, if there are any.
    settle_at: Option<Instant>,
    /// How many had still to have their turn when all were looked at.
    to_come: usize,
    /// What those had achieved, when last looked at, that a member in its turn waits for.
    pulses: BTreeMap<NodeId, u64>,
    lateness: Lateness,
    /// The drain of the system, when it has begun.
    drain: Option<Drain>,
    lines: Lines,
    threads: LeavingThreads,
    /// How many of the members that have left are waited for.
    waited_for_and_left: usize,
    /// Each ends when the messages of a member that was given up are buried.
    burials: Vec<Receiver<()>>,
    took: Duration,
}

#[derive(Clone, Copy)]
enum State {
    InTurn(Turn),
    /// It is the turn of its ring, whose mailboxes are open until all members of it are at rest.
    Settling(Turn),
    /// It is to end its incarnation.
    Retiring(Turn),
}

/// What the drain of the system knows beyond its company.
struct Drain {
    began: Instant,
    next_word: Instant,
    /// What each member had handled when it began.
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
            companies: Companies::default(),
            revivals: Revivals::default(),
            seen: BTreeMap::new(),
            look_at: None,
            settle_at: None,
            to_come: 0,
            pulses: BTreeMap::new(),
            lateness: Lateness::default(),
            drain: None,
            lines: Lines::default(),
            threads: LeavingThreads::default(),
            waited_for_and_left: 0,
            burials: Vec::new(),
            took: Duration::ZERO,
        }
    }

    fn wait_for_the_end(&mut self) -> Reason {
        loop {
            if self.awaited && self.all_have_left() {
                return Reason::Completed;
            }
            self.attend();
            if let Some(reason) = self.reason.take() {
                return reason;
            }
        }
    }

    fn drain(&mut self, reason: &Reason) {
        self.begin(reason);
        while !self.all_have_left() {
            self.attend();
        }
        if let (Some(drain), false) = (&self.drain, *reason == Reason::Completed) {
            self.took = drain.began.elapsed();
        }
    }

    fn begin(&mut self, reason: &Reason) {
        let mut all = self.stage.close_roster();
        let now = Instant::now();
        // Those downstream of a member that was given up wait for its children too; those downstream of other members
        // that have left, for nobody.
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
        self.companies.add(company);
        // Members that leave already are under another clock now.
        self.look_at = None;
        self.stage.emit(|| Notice::DrainBegan { reason: reason.clone(), members });
    }

    /// One round: gives turns, keeps the deadlines, and takes what it is told until it is time to look
    /// again.
    fn attend(&mut self) {
        // All are looked at when it is time for the first of them: many may leave at once, and to look at all for each
        // of them would take the square of their number.
        let is_time = |at: Instant| Instant::now() >= at;
        if self.look_at.is_none_or(is_time) {
            self.companies.stir();
            self.give_turns();
            self.enforce_deadlines();
        } else {
            self.give_turns();
        }
        if self.settle_at.is_some_and(is_time) {
            self.settle_rings();
        }
        if self.threads.join_at().is_some_and(is_time) {
            self.threads.join();
        }
        let wake =
            [self.look_at, self.settle_at, self.threads.join_at()].into_iter().flatten().min();
        let asleep = Instant::now();
        // The stage keeps a sender, so there is always another cue, if late.
        let cue = match wake {
            None => self.cues.recv().ok(),
            Some(wake) => self.cues.recv_deadline(wake).ok(),
        };
        // Many may leave at once: those that are about to tell us do so now, so that we do not go to sleep for each.
        let awake = Instant::now();
        thread::yield_now();
        // After that, since on a busy machine it is most likely there that the process is stopped.
        let wanted = wake.map(|wake| wake.max(asleep));
        if let Some(lost) = self.lateness.lost(wanted, awake, Instant::now()) {
            self.excuse(lost);
        }
        // No more cues than there are now: members that begin anew all the time would keep us from
        // all else.
        let others = self.cues.len();
        for cue in cue.into_iter().chain(self.cues.try_iter().take(others)) {
            self.take(cue);
        }
    }

    fn take(&mut self, cue: Cue) {
        match cue {
            Cue::Ended(index) => self.see_off(index),
            Cue::Shutdown(reason) => _ = self.reason.get_or_insert(reason),
            Cue::Awaited => self.awaited = true,
            Cue::Stop { index, by_itself } => self.grant(index, by_itself),
            Cue::Dismiss { parent, left } => self.dismiss_family(parent, Some(left)),
            Cue::Over { index, error, sentence } => {
                // A member that does not wait for it any more was given up.
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

    // The end.

    fn dismiss_daemons(&mut self) {
        let mut daemons = self.stage.close_roster_for_children();
        // A daemon that waits for its children waits no longer: nobody is seen off from here on.
        self.companies = Companies::default();
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
            // A failure counts, whatever else has left meanwhile.
            let (ended, error, absorbed) = outcome
                .and_then(Outcome::told)
                .filter(|(ended, ..)| *ended == Ended::Failed)
                .unwrap_or((Ended::Daemon, None, false));
            self.leave(&daemon, Leaving { ended, error, absorbed, figures });
        }
    }

    /// Gives daemons that only have to hear it the chance to end by themselves, and waits until the
    /// others are in code of the user's: on the way there, a thread may have a message in its hands
    /// that is counted nowhere yet.
    fn wait_for_the_willing(&self, daemons: &[Arc<Member>]) {
        let began = Instant::now();
        let is_settled = |daemon: &Arc<Member>| {
            daemon.life.has_ended()
                || began.elapsed() >= DISMISSAL && daemon.life.sample().is_in_user_code()
        };
        while !daemons.iter().all(is_settled) && began.elapsed() < DISMISSAL + deadline::SLACK {
            // A daemon that ends gives a cue; its outcome is all there is to know.
            let _ = self.cues.recv_timeout(deadline::SETTLED);
        }
    }

    fn report(&mut self, reason: Reason) -> Report {
        // A drain may begin when a pool has some of its threads.
        let members = self.stage.members();
        for front in members.iter().filter_map(|member| member.front.as_ref()) {
            front.close().into_iter().for_each(|line| self.lines.enter(line));
        }
        let refused = self.stage.refusals();
        let report = Report {
            took: self.took,
            actors: self.lines.take(),
            refused,
            ..self.stage.empty_report(reason)
        };
        self.stage.emit(|| Notice::Finished {
            reason: report.reason.clone(),
            is_complete: report.is_complete(),
            is_failure: report.is_failure(),
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

#[cfg(test)]
mod tests;
