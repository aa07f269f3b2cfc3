//! The ending: how an incarnation comes to its end, and whether another one follows.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, select};

use crate::actor::Actor;
use crate::cell::{Cell, Failure, Stillborn};
use crate::life::{Activity, Life, Outcome};
use crate::mailbox::{self, Mailbox};
use crate::notice::{Notice, ReturnedBecause};
use crate::unwind;

/// Why an incarnation is over.
pub(crate) enum Over {
    /// All is handled, and the mailbox is closed for good.
    Dry,
    /// Its deadline has passed.
    Halt,
    Failed(Failure),
    /// It is to begin anew together with others.
    Retired,
}

/// What becomes of the actor then.
pub(crate) enum Fate {
    Leave(Outcome),
    Anew(Rebirth),
}

/// When the next incarnation begins.
pub(crate) enum Rebirth {
    /// After so long.
    Alone(Duration),
    /// When the conductor says so, and so long after that.
    Together,
}

/// What the conductor has decided about somebody who has failed.
pub(crate) enum Sentence {
    /// No policy absorbs it.
    GiveUp,
    /// Somebody else takes its failure on, or nobody minds.
    Passed,
    /// It is not to begin anew, and nothing is wrong.
    Leave,
    Anew(Rebirth),
}

/// What is left of an incarnation.
pub(crate) enum Remains<A: Actor> {
    Whole(Cell<A>),
    /// It was made, but not started.
    Value(A),
    Nothing,
}

impl<A: Actor> From<Stillborn<A>> for Remains<A> {
    fn from(stillborn: Stillborn<A>) -> Remains<A> {
        stillborn.actor.map_or(Remains::Nothing, Remains::Value)
    }
}

/// What becomes of somebody whose incarnation has failed.
pub(crate) fn fate_of_failure(life: &Arc<Life>, failure: Failure) -> Fate {
    // Only the word that it was told to stop waiting.
    if failure.is_interruption && life.must_stop.is_set() {
        return Fate::Leave(Outcome::Overdue);
    }
    if failure.is_interruption && life.is_interrupted() {
        return Fate::Anew(Rebirth::Together);
    }
    Fate::from(life, life.stage.judge(life, Some(&failure.text)), failure.text)
}

impl Fate {
    fn from(life: &Life, sentence: Sentence, error: String) -> Fate {
        match sentence {
            Sentence::Anew(rebirth) => Fate::Anew(rebirth),
            Sentence::Leave => Fate::Leave(ended_well(life)),
            Sentence::Passed => Fate::Leave(Outcome::Absorbed(error)),
            Sentence::GiveUp => Fate::Leave(failed(life, error)),
        }
    }
}

/// A failure that nothing absorbs. The system is told at once: what is left to do on this thread may
/// take its time.
fn failed(life: &Life, error: String) -> Outcome {
    if !life.has_ended() {
        life.stage.fail(&life.name, &error);
    }
    Outcome::Failed(error)
}

/// How it counts that somebody has come to the end of its work.
pub(crate) fn ended_well(life: &Life) -> Outcome {
    if life.stage.is_draining() { Outcome::Drained } else { Outcome::Completed }
}

/// Waits until the next incarnation may begin. Whether the conductor waits to hear that it has.
pub(crate) fn rest(life: &Arc<Life>, rebirth: Rebirth) -> bool {
    let is_together = matches!(rebirth, Rebirth::Together);
    life.during(Activity::Resting, || {
        life.fall_asleep();
        let delay = match rebirth {
            Rebirth::Alone(delay) => delay,
            Rebirth::Together => wait_for_word(life, &life.stage.rest(life)),
        };
        if !delay.is_zero() {
            wait_out(life, delay);
        }
        life.wake_up();
    });
    life.count_restart();
    life.begin_anew();
    is_together
}

fn wait_for_word(life: &Life, go: &Receiver<Duration>) -> Duration {
    select! {
        recv(go) -> delay => delay.unwrap_or_default(),
        recv(life.must_stop.receiver()) -> _ => Duration::ZERO,
    }
}

/// A backoff, which a drain cuts short: those upstream may be waiting to flush into its mailbox.
fn wait_out(life: &Life, delay: Duration) {
    select! {
        recv(life.stage.drain_began().receiver()) -> _ => {}
        recv(life.stopping.receiver()) -> _ => {}
        recv(life.must_stop.receiver()) -> _ => {}
        default(delay) => {}
    }
}

/// The way out of an actor, which is the same however it got there.
pub(crate) struct WayOut<M> {
    pub(crate) life: Arc<Life>,
    pub(crate) mailbox: Arc<Mailbox<M>>,
}

impl<M: Send + 'static> WayOut<M> {
    pub(crate) fn fate(&self, over: Over) -> Fate {
        match over {
            Over::Dry => Fate::Leave(ended_well(&self.life)),
            Over::Halt => Fate::Leave(Outcome::Overdue),
            Over::Retired => Fate::Anew(Rebirth::Together),
            Over::Failed(failure) => fate_of_failure(&self.life, failure),
        }
    }

    /// Ends one incarnation, so that another may begin. The mailbox stays as it is.
    pub(crate) fn retire<A: Actor<Msg = M>>(&self, remains: Remains<A>) {
        let (actor, stopped) = self.stop(remains);
        for wrong in [stopped, self.drop_value(actor)].into_iter().filter_map(Result::err) {
            let (name, error) = (self.life.name.clone(), wrong.text);
            self.life.stage.emit(Notice::FailedToStop { name, error });
        }
    }

    /// Ends for good: what is left is returned, unless nothing can be left; the children leave; the
    /// `stopped` hook; the drop of the value.
    pub(crate) fn leave<A: Actor<Msg = M>>(
        &self,
        remains: Remains<A>,
        outcome: Outcome,
    ) -> Outcome {
        self.return_rest(&outcome);
        let (actor, stopped) = self.stop(remains);
        let outcome = self.revise(outcome, stopped);
        self.return_rest(&outcome);
        let dropped = self.drop_value(actor);
        self.life.in_hook(Activity::Dropping, || self.mailbox.forget_dead_letters());
        let outcome = match dropped {
            Err(failure) if !outcome.is_failure() => failed(&self.life, failure.text),
            _ => outcome,
        };
        // Now no answer can come any more.
        self.mailbox.end();
        outcome
    }

    /// Leaves without having begun anew, if there is nothing to begin for any more.
    pub(crate) fn leaves_instead(&self) -> Option<Outcome> {
        if self.life.must_stop.is_set() {
            return Some(Outcome::Overdue);
        }
        (self.life.stopping.is_set() && self.mailbox.finish()).then(|| ended_well(&self.life))
    }

    fn stop<A: Actor<Msg = M>>(&self, remains: Remains<A>) -> (Option<A>, Result<(), Failure>) {
        let left = if self.life.close_family() {
            let everybody_has_left = self.life.stage.dismiss_family(&self.life);
            let wait = || everybody_has_left.recv().unwrap_or_default();
            self.life.during(Activity::AwaitingChildren, wait)
        } else {
            Vec::new()
        };
        match remains {
            Remains::Whole(mut cell) => {
                cell.bereave(left);
                let (actor, stopped) = cell.stop();
                (Some(actor), stopped)
            }
            Remains::Value(actor) => (Some(actor), Ok(())),
            Remains::Nothing => (None, Ok(())),
        }
    }

    /// How it counts, when the `stopped` hook has had its say.
    fn revise(&self, outcome: Outcome, stopped: Result<(), Failure>) -> Outcome {
        let must_stop = self.life.must_stop.is_set();
        match (outcome, stopped) {
            (outcome, _) if outcome.is_failure() => outcome,
            (_, Err(failure)) if !(failure.is_interruption && must_stop) => {
                failed(&self.life, failure.text)
            }
            // It may have met its deadline in the hook.
            _ if must_stop => Outcome::Overdue,
            (outcome, _) => outcome,
        }
    }

    fn drop_value<A>(&self, actor: Option<A>) -> Result<(), Failure> {
        self.life
            .in_hook(Activity::Dropping, || unwind::drop_caught(actor))
            .map_err(|panic| Failure::panic(&panic).within("its `drop`"))
    }

    /// Returns what will not be handled. After a complete drain there is nothing, since the mailbox
    /// has been closed for good by [`Mailbox::finish`].
    fn return_rest(&self, outcome: &Outcome) {
        let rest = self.life.take_returned(|| self.mailbox.evict());
        if !rest.is_empty() {
            let why = match outcome.is_failure() {
                true => ReturnedBecause::Failed,
                false => ReturnedBecause::Overdue,
            };
            self.mailbox.tell_returned(mailbox::all(&rest), why);
            self.life.in_hook(Activity::Returning, || self.mailbox.bury(rest));
        }
    }
}
