//! The staff: what the two threads of a system do for an actor, done for this one between its steps.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use crate::clock::Clock;
use crate::ending::{Rebirth, Sentence};
use crate::life::{Life, Outcome, Summons};
use crate::mailbox::{Mailbox, Post};
use crate::member::Member;
use crate::notice::{ActorIdentity, Notice};
use crate::order::Node;
use crate::report::{ActorReport, Reason, Report};
use crate::stage::{self, Chore, Cue, Listener};
use crate::supervision::Verdict;
use crate::unwind::{self, lock};

pub(super) struct Staff {
    pub(super) member: Arc<Member>,
    pub(super) clock: Clock,
    pub(super) started: Instant,
    cues: Receiver<Cue>,
    chores: Receiver<Chore>,
    listeners: Vec<Listener>,
    /// The dice for the jitter of a backoff.
    chance: f64,
    /// When its turn came.
    called: Option<Instant>,
    /// Why the system drains, when it does.
    reason: Option<Reason>,
    handled_before_drain: u64,
    /// It is to begin anew by its own wish, after this long.
    reborn_after: Option<Duration>,
    /// The child that it was to have.
    pub(super) unborn: Option<String>,
}

impl Staff {
    /// Takes the place of the two threads.
    pub(super) fn new<M: Send + 'static>(
        life: &Arc<Life>,
        mailbox: &Arc<Mailbox<M>>,
        listeners: Vec<Listener>,
        chance: f64,
    ) -> Staff {
        let Some((cues, chores)) = life.stage.take_reading_ends() else {
            unreachable!("nobody else has the stage")
        };
        let clock = Clock::moved_by_hand();
        let node =
            Node { mailbox: Some(mailbox.id), feeds: None, after: Vec::new(), daemon: false };
        let post = Arc::clone(mailbox) as Arc<dyn Post>;
        let member = Member::new(Arc::clone(life), Some(post), node);
        let member = life.stage.enter(Member { started: clock.now(), ..member });
        Staff {
            started: clock.now(),
            member,
            clock,
            cues,
            chores,
            listeners,
            chance,
            called: None,
            reason: None,
            handled_before_drain: 0,
            reborn_after: None,
            unborn: None,
        }
    }

    fn life(&self) -> &Arc<Life> {
        &self.member.life
    }

    // The conductor's part.

    /// Does what was asked for.
    pub(super) fn take_cues(&mut self) {
        while let Ok(cue) = self.cues.try_recv() {
            match cue {
                Cue::Stop { by_itself, .. } => self.grant(by_itself),
                Cue::Shutdown(reason) => self.begin_drain(reason),
                // What only a thread, or one with children, would say.
                Cue::Ended(_)
                | Cue::Awaited
                | Cue::Dismiss { .. }
                | Cue::Over { .. }
                | Cue::FailedOnLeaving { .. }
                | Cue::Rests { .. }
                | Cue::Risen(_) => {}
            }
        }
    }

    pub(super) fn begin_drain(&mut self, reason: Reason) {
        if self.reason.is_some() || self.life().has_ended() {
            return;
        }
        self.life().stage.close_roster();
        self.handled_before_drain = self.life().figures().handled;
        self.life().stage.emit(|| Notice::DrainBegan { reason: reason.clone(), members: 1 });
        self.reason = Some(reason);
        self.call();
    }

    fn call(&mut self) {
        if self.called.is_none() {
            self.called = Some(self.clock.now());
            // A drain does not wait for it to begin anew by its own wish.
            self.reborn_after = None;
            let ActorIdentity { id, name } = self.life().identity();
            let queued = self.member.queued();
            self.life().stage.emit(|| Notice::Draining { id, name, queued });
            self.member.call();
        }
    }

    /// Its deadline.
    pub(super) fn halt(&mut self) {
        let (ActorIdentity { id, name }, doing) = (self.life().identity(), self.life().doing());
        let stuck_for = Duration::ZERO;
        self.life().stage.emit(|| Notice::Overdue { id, name, doing, stuck_for });
        self.member.halt();
    }

    /// It wishes to end, or others wish it.
    fn grant(&mut self, by_itself: bool) {
        if !by_itself || !self.life().is_supervised || self.called.is_some() {
            return self.call();
        }
        match self.decide(false) {
            Verdict::Leave | Verdict::Forget => self.call(),
            Verdict::Restart { delay, .. } => {
                self.say_it_restarts(None, delay);
                self.reborn_after = Some(delay);
                self.member.summon(Summons::Retire);
            }
            Verdict::GiveUp | Verdict::Parent(_) => {
                self.life().stage.fail(self.life(), "ended too often");
            }
        }
    }

    /// What becomes of a failure of it.
    pub(super) fn judge(&mut self, error: &str) -> Sentence {
        // What it asked for before it failed comes first.
        self.take_cues();
        if !self.life().is_supervised {
            return Sentence::GiveUp;
        }
        if self.reborn_after.is_some() {
            return Sentence::Anew(Rebirth::Together);
        }
        match self.decide(true) {
            Verdict::Leave => Sentence::Leave,
            Verdict::Forget => self.life().stage.absorb(self.life(), error),
            Verdict::GiveUp | Verdict::Parent(_) => Sentence::GiveUp,
            Verdict::Restart { delay, .. } => {
                self.say_it_restarts(Some(error.to_owned()), delay);
                Sentence::Anew(Rebirth::Alone(delay))
            }
        }
    }

    fn decide(&mut self, failed: bool) -> Verdict {
        let (now, alone) = (self.clock.now(), self.called.is_some());
        self.life().stage.decide(self.life(), failed, alone, now, self.chance)
    }

    fn say_it_restarts(&self, error: Option<String>, delay: Duration) {
        let ActorIdentity { id, name } = self.life().identity();
        let with = Vec::new();
        self.life().stage.emit(|| Notice::Restarting { id, name, error, with, delay });
    }

    /// How long the next incarnation is to wait.
    pub(super) fn delay(&mut self, rebirth: Rebirth) -> Duration {
        // What it was ordered to do is done.
        self.life().countermand();
        match rebirth {
            Rebirth::Alone(delay) => delay,
            Rebirth::Together => self.reborn_after.take().unwrap_or_default(),
        }
    }

    /// Sees it off, and tells whoever waits for its end.
    pub(super) fn see_off(&mut self, outcome: Outcome) -> ActorReport {
        // If it has failed, the drain has begun by now.
        self.take_cues();
        self.life().end(outcome);
        let report = self.line();
        self.life().stage.emit(|| Notice::Ended {
            id: self.life().index,
            name: report.name.clone(),
            ended: report.ended,
            handled: report.handled,
            returned: report.returned,
            took: report.took,
        });
        lock(&self.member.post).take();
        self.life().departure.tell(&report);
        let stage = &self.life().stage;
        let reason = self.reason.clone().unwrap_or(Reason::Completed);
        let actors = vec![report.clone()];
        stage.publish(Report { actors, took: report.took, ..stage.empty_report(reason) });
        report
    }

    fn line(&self) -> ActorReport {
        let figures = self.life().figures();
        let began = self.called.unwrap_or(self.started);
        let handled_before = match self.reason {
            Some(_) => self.handled_before_drain,
            None => figures.handled,
        };
        let told = self.life().outcome().and_then(Outcome::told);
        let (ended, error, absorbed) = told.unwrap_or_else(|| unreachable!("nobody gives it up"));
        ActorReport {
            took: self.clock.now().saturating_duration_since(began),
            handled_while_draining: figures.handled.saturating_sub(handled_before),
            error,
            absorbed,
            ..ActorReport::of(self.life(), ended, figures)
        }
    }

    // The usher's part.

    /// Tells the listeners what has happened.
    pub(super) fn do_chores(&mut self) {
        while let Ok(chore) = self.chores.try_recv() {
            match chore {
                Chore::Tell(notice) => {
                    if let Notice::NotStarted { name } = &notice {
                        self.unborn.get_or_insert_with(|| name.clone());
                    }
                    stage::tell(&mut self.listeners, &notice);
                }
                Chore::Listen(listener) => self.listeners.push(listener),
                Chore::Run(work) => drop(unwind::catch(work)),
                Chore::GoHome(done) => drop(done),
            }
        }
    }

    /// Lets the listeners go: they may hold addresses, whose actors live as long as they do.
    pub(super) fn dismiss_listeners(&mut self) {
        for listener in self.listeners.drain(..) {
            let _ = unwind::drop_caught(listener);
        }
    }
}
