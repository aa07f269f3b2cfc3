//! The conductor: waits until the drain is to begin, then gives each its turn, in order and under
//! deadlines, and writes the report.
//!
//! It runs no code of the user's and waits for nothing but its cues and the clock.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use crate::deadline::{self, Decision, DrainClock, Turn};
use crate::life::{Figures, Life, Outcome};
use crate::mailbox::Burial;
use crate::member::Member;
use crate::notice::Notice;
use crate::order::Order;
use crate::report::{ActorReport, Ended, Reason, Report};
use crate::stage::{Chore, Cue, Stage};
use crate::threads;
use crate::unwind::{self, lock};

/// How often a drain says whom it is waiting for.
const SAY_EVERY: Duration = Duration::from_secs(1);

/// For how long daemons are given the chance to end by themselves, so that one that is idle, or
/// between two messages, is not counted in the middle of something.
const DISMISSAL: Duration = Duration::from_millis(20);

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
    /// The state of each member, by its index. Grows as members are heard of.
    states: Vec<State>,
    /// In the order in which they ended.
    left: Vec<ActorReport>,
    /// How many of those who have left are waited for.
    waited_for_and_left: usize,
    drain: Option<Drain>,
    /// Each ends when the messages of somebody who was given up are buried.
    burials: Vec<Receiver<()>>,
    took: Duration,
}

#[derive(Clone, Copy)]
enum State {
    Working,
    InTurn(Turn),
    Left,
}

/// What a drain knows beside the states.
struct Drain {
    members: Vec<Arc<Member>>,
    order: Order,
    began: Instant,
    clock: DrainClock,
    look_every: Duration,
    next_word: Instant,
    /// What each had handled when the drain began.
    handled_before: Vec<u64>,
}

impl<'a> Conductor<'a> {
    fn new(stage: &'a Arc<Stage>, cues: &'a Receiver<Cue>) -> Conductor<'a> {
        Conductor {
            stage,
            cues,
            awaited: false,
            states: Vec::new(),
            left: Vec::new(),
            waited_for_and_left: 0,
            drain: None,
            burials: Vec::new(),
            took: Duration::ZERO,
        }
    }

    fn wait_for_the_end(&mut self) -> Reason {
        loop {
            if self.awaited && self.all_have_left() {
                return Reason::Completed;
            }
            // The stage keeps a sender, so there is always another cue, if late.
            let Ok(cue) = self.cues.recv() else {
                return Reason::Shutdown;
            };
            if let Some(reason) = self.take(cue) {
                return reason;
            }
        }
    }

    /// Takes a cue, which may be a reason to begin the drain.
    fn take(&mut self, cue: Cue) -> Option<Reason> {
        match cue {
            Cue::Ended(index) => {
                self.see_off(index);
                None
            }
            Cue::Shutdown(reason) => Some(reason),
            Cue::Awaited => {
                self.awaited = true;
                None
            }
        }
    }

    /// Whether all but the daemons have left.
    fn all_have_left(&self) -> bool {
        self.waited_for_and_left == self.stage.waited_for()
    }

    fn has_left(&self, index: usize) -> bool {
        matches!(self.states.get(index), Some(State::Left))
    }

    // The drain.

    fn drain(&mut self, reason: &Reason) {
        self.begin(reason);
        let mut wake = Instant::now();
        while !self.all_have_left() {
            // Looked at when it is time, or when there is somebody new to look at: many may leave
            // at once, and to look at all for each of them would take the square of their number.
            if self.give_turns() || Instant::now() >= wake {
                wake = self.enforce_deadlines();
            }
            let asleep = Instant::now();
            let cue = self.cues.recv_deadline(wake);
            if let Some(lost) = deadline::overslept(wake.max(asleep), Instant::now()) {
                self.excuse(lost);
            }
            for cue in cue.into_iter().chain(self.cues.try_iter()) {
                self.take(cue);
            }
        }
        if let (Some(drain), false) = (&self.drain, *reason == Reason::Completed) {
            self.took = drain.began.elapsed();
        }
    }

    fn begin(&mut self, reason: &Reason) {
        let members = self.stage.close_roster();
        self.states.resize(members.len(), State::Working);
        let limits = *lock(&self.stage.limits);
        let now = Instant::now();
        let mut order = Order::new(members.iter().map(|member| member.node.clone()).collect());
        let mut to_leave = 0;
        for (index, state) in self.states.iter().enumerate() {
            match state {
                State::Left => order.end(index),
                _ if !members[index].node.daemon => to_leave += 1,
                _ => {}
            }
        }
        let shortest_stall =
            members.iter().filter_map(|m| m.limits.stall).fold(limits.stall, Duration::min);
        self.drain = Some(Drain {
            order,
            began: now,
            clock: DrainClock::start(limits, now, to_leave),
            look_every: deadline::look_every(shortest_stall),
            next_word: now + SAY_EVERY,
            handled_before: members.iter().map(|m| m.life.figures().handled).collect(),
            members,
        });
        self.stage.emit(Notice::DrainBegan { reason: reason.clone(), members: to_leave });
    }

    /// Tells everybody whose turn has come. Whether that was anybody.
    fn give_turns(&mut self) -> bool {
        let Some(drain) = &mut self.drain else { return false };
        let now = Instant::now();
        let all = drain.clock.is_over(now);
        let mut anybody = false;
        for (index, state) in self.states.iter_mut().enumerate() {
            let member = &drain.members[index];
            let is_due = drain.order.is_ready(index) || all && !member.node.daemon;
            if !matches!(state, State::Working) || !is_due {
                continue;
            }
            *state = State::InTurn(Turn::begin(now, member.life.sample()));
            let queued = member.queued();
            self.stage.emit(Notice::Draining { name: member.life.name.clone(), queued });
            member.call();
            anybody = true;
        }
        anybody
    }

    /// Looks at everybody whose turn it is, and says when to look again.
    fn enforce_deadlines(&mut self) -> Instant {
        let Some(drain) = &mut self.drain else {
            return Instant::now();
        };
        let now = Instant::now();
        let to_come = self
            .states
            .iter()
            .zip(&drain.members)
            .filter(|(state, m)| matches!(state, State::Working) && !m.node.daemon)
            .count();

        let mut wake = [Some(now + drain.look_every), drain.clock.end().filter(|&end| end > now)]
            .into_iter()
            .flatten()
            .fold(drain.next_word, Instant::min);
        let mut to_abandon = Vec::new();
        for (index, state) in self.states.iter_mut().enumerate() {
            let State::InTurn(turn) = state else { continue };
            let member = &drain.members[index];
            let (life, limits) = (&member.life, member.limits);
            match turn.decide(now, life.sample(), &drain.clock, limits, to_come) {
                Decision::Wait(at) => wake = wake.min(at.unwrap_or(wake)),
                Decision::Halt => {
                    turn.halted = Some(now);
                    self.stage.emit(Notice::Overdue {
                        name: life.name.clone(),
                        doing: life.doing(),
                        stuck_for: turn.stuck_for(now),
                    });
                    member.halt();
                    // Look again at once: the grace may be nothing.
                    wake = now;
                }
                Decision::Abandon => to_abandon.push((index, *turn)),
            }
        }
        if now >= drain.next_word {
            drain.next_word = now + SAY_EVERY;
            self.say_whom_we_wait_for(now, to_come);
        }
        for (index, turn) in to_abandon {
            self.abandon(index, turn);
            wake = now;
        }
        wake
    }

    /// The process was stopped: nobody can help the time that was lost.
    fn excuse(&mut self, lost: Duration) {
        if let Some(drain) = &mut self.drain {
            drain.clock.excuse(lost);
        }
        for state in &mut self.states {
            if let State::InTurn(turn) = state {
                turn.excuse(lost);
            }
        }
    }

    fn say_whom_we_wait_for(&self, now: Instant, to_come: usize) {
        let Some(drain) = &self.drain else { return };
        let mut first_deadline: Option<Instant> = None;
        let mut on = Vec::new();
        for (state, member) in self.states.iter().zip(&drain.members) {
            let State::InTurn(turn) = state else { continue };
            // Who has met its deadline has its grace left.
            let deadline = match turn.halted {
                None => turn.halts_at(&drain.clock, member.limits, to_come),
                Some(_) => turn.abandoned_at(&drain.clock),
            };
            first_deadline = [first_deadline, deadline].into_iter().flatten().min();
            on.push((member.life.name.clone(), member.queued()));
        }
        let until_deadline = first_deadline.map(|at| at.saturating_duration_since(now));
        self.stage.emit(Notice::Waiting { on, until_deadline });
    }

    // Leaving, by itself or not.

    /// Sees off a member whose thread is at its end.
    fn see_off(&mut self, index: usize) {
        if self.has_left(index) {
            return; // a thread that was given up came back after all; nothing it does counts
        }
        let Some(member) = self.stage.member(index) else { return };
        let Some(outcome) = member.life.outcome() else { return };
        // The thread has told us from its last thread-local destructor, so this is short.
        if let Some(Err(panic)) = lock(&member.thread).take().map(thread::JoinHandle::join) {
            let _ = unwind::drop_caught(panic);
        }
        let (ended, error) = match outcome {
            Outcome::Completed => (Ended::Completed, None),
            Outcome::Drained => (Ended::Drained, None),
            Outcome::Overdue => (Ended::Overdue, None),
            Outcome::Failed(error) => (Ended::Failed, Some(error)),
            Outcome::Disowned => return,
        };
        self.leave(&member, ended, member.life.figures(), error);
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
        let (returned, bury) = member.take_over();
        figures.returned += returned;
        lock(&member.thread).take();
        let stuck_for = turn.stuck_for(Instant::now());
        let error = format!("given up, {doing} for {stuck_for:.1?}");
        self.stage.emit(Notice::Abandoned { name: life.name.clone(), doing, stuck_for, returned });
        self.burials.push(bury_aside(life, bury));
        self.leave(&member, Ended::Abandoned, figures, Some(error));
    }

    fn leave(&mut self, member: &Member, ended: Ended, figures: Figures, error: Option<String>) {
        let index = member.life.index;
        if self.states.len() <= index {
            self.states.resize(index + 1, State::Working);
        }
        let began = match self.states[index] {
            State::InTurn(turn) => turn.began,
            State::Working | State::Left => {
                self.drain.as_ref().map_or(member.started, |drain| drain.began)
            }
        };
        let handled_before = match &self.drain {
            Some(drain) => drain.handled_before[index],
            None => figures.handled,
        };
        let report = ActorReport {
            name: member.life.name.clone(),
            is_task: member.capacity.is_none(),
            ended,
            took: began.elapsed(),
            handled: figures.handled,
            handled_while_draining: figures.handled.saturating_sub(handled_before),
            failed: figures.failed,
            returned: figures.returned,
            restarts: 0,
            error,
        };
        self.stage.emit(Notice::Ended {
            name: report.name.clone(),
            ended,
            handled: report.handled,
            returned: report.returned,
            took: report.took,
        });
        self.left.push(report);
        lock(&member.post).take();
        self.waited_for_and_left += usize::from(!member.node.daemon);
        self.states[index] = State::Left;
        if let Some(drain) = &mut self.drain {
            drain.order.end(index);
        }
    }

    // The end.

    fn dismiss_daemons(&mut self) {
        let daemons: Vec<Arc<Member>> = self
            .stage
            .members()
            .into_iter()
            .filter(|member| member.node.daemon && !self.has_left(member.life.index))
            .collect();
        daemons.iter().for_each(|daemon| {
            daemon.call();
            daemon.halt();
        });
        self.wait_for_the_willing(&daemons);
        for daemon in daemons {
            let (figures, outcome) = match daemon.life.disown() {
                None => (daemon.life.figures(), daemon.life.outcome()),
                Some(figures) => {
                    let (returned, bury) = daemon.take_over();
                    self.burials.push(bury_aside(&daemon.life, bury));
                    (Figures { returned: figures.returned + returned, ..figures }, None)
                }
            };
            match outcome {
                Some(Outcome::Failed(error)) => {
                    self.leave(&daemon, Ended::Failed, figures, Some(error));
                }
                _ => self.leave(&daemon, Ended::Daemon, figures, None),
            }
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
        let refused = self.stage.refusals(&self.stage.members());
        let report = Report {
            took: self.took,
            actors: std::mem::take(&mut self.left),
            refused,
            ..self.stage.empty_report(reason)
        };
        self.stage.emit(Notice::Finished {
            reason: report.reason.clone(),
            complete: report.is_complete(),
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
