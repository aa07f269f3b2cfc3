//! The ending: how an incarnation comes to its end, and whether another one follows.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Select, select};

use crate::actor::Actor;
use crate::cell::{self, Failure};
use crate::life::{Activity, Life, Outcome, Summons};
use crate::mailbox::{self, Mailbox, Wire};
use crate::notice::{Notice, ReturnedBecause};
use crate::report::ActorReport;
use crate::unwind;

/// What is wrong with an actor that is always restarted, and ends more often than is absorbed.
pub(crate) const TOO_OFTEN: &str = "ended too often";

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
    /// After this long.
    Alone(Duration),
    /// When the conductor says so, and this long after that.
    Together,
}

/// What the conductor has decided about an actor or task that has failed.
pub(crate) enum Sentence {
    /// No policy absorbs it.
    GiveUp,
    /// Another takes its failure on, or nobody minds.
    Passed,
    /// It is not to begin anew, and nothing is wrong.
    Leave,
    Anew(Rebirth),
}

/// Where an actor that told its children to leave is told that they have.
pub(crate) type Farewell = Receiver<Vec<ActorReport>>;

/// What is left of an incarnation.
pub(crate) enum Remains<A: Actor> {
    Whole(Box<cell::Cell<A>>, Option<Farewell>),
    /// It was made, but not started.
    Unstarted(#[allow(dead_code, reason = "only to be dropped")] Box<cell::Cell<A>>),
    Nothing,
}

impl<A: Actor> Remains<A> {
    pub(crate) fn of_stillborn(cell: Option<Box<cell::Cell<A>>>) -> Remains<A> {
        cell.map_or(Remains::Nothing, Remains::Unstarted)
    }
}

/// What becomes of an actor or task whose incarnation has failed.
pub(crate) fn fate_of_failure(life: &Arc<Life>, failure: Failure) -> Fate {
    fate_of_failure_by(life, failure, |error| life.stage.judge(life, Some(error)))
}

fn fate_of_failure_by(life: &Life, failure: Failure, judge: impl FnOnce(&str) -> Sentence) -> Fate {
    // The failure only says that it was told to stop waiting.
    if failure.is_interruption && life.is_overdue() {
        return Fate::Leave(Outcome::Overdue);
    }
    if failure.is_interruption && life.is_interrupted() {
        return Fate::Anew(Rebirth::Together);
    }
    Fate::from(life, judge(&failure.text), failure.text)
}

impl Fate {
    pub(crate) fn from(life: &Life, sentence: Sentence, error: String) -> Fate {
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
        life.stage.fail(life, &error);
    }
    Outcome::Failed(error)
}

/// A failure of one that leaves for good, and that nobody restarts.
fn failed_on_leaving(life: &Life, error: String) -> Outcome {
    match life.stage.judge_farewell(life, &error) {
        Sentence::GiveUp => failed(life, error),
        _ => Outcome::Absorbed(error),
    }
}

/// How it counts that an actor or task has come to the end of its work.
pub(crate) fn ended_well(life: &Life) -> Outcome {
    if life.stage.is_draining() { Outcome::Drained } else { Outcome::Completed }
}

/// Waits until the next incarnation may begin, and during a drain until there is something for it to do. Says whether
/// the conductor waits to hear that it has begun.
pub(crate) fn rest<M>(life: &Arc<Life>, rebirth: Rebirth, mailbox: Option<&Mailbox<M>>) -> bool
where
    M: Send + 'static,
{
    life.begin_anew();
    let mut rebirth = rebirth;
    let mut is_together = false;
    life.during(Activity::Resting, || {
        life.fall_asleep();
        loop {
            let delay = match rebirth {
                Rebirth::Alone(delay) => Some(delay),
                Rebirth::Together => wait_for_word(life, &life.stage.rest(life)),
            };
            is_together |= matches!(rebirth, Rebirth::Together);
            let Some(delay) = delay else { break };
            wait_out(life, delay);
            // Others that are to begin anew before it has may take it along.
            if !matches!(life.summons(), Some(Summons::Retire)) {
                break;
            }
            rebirth = Rebirth::Together;
        }
        if life.stage.is_draining() {
            wait_for_work(life, mailbox);
        }
        life.wake_up();
    });
    is_together
}

/// Nobody is made anew in a drain only to be told that its turn has come.
fn wait_for_work<M: Send + 'static>(life: &Life, mailbox: Option<&Mailbox<M>>) {
    let work = Arc::new(Wire::new());
    if mailbox.is_none_or(|mailbox| mailbox.watch(&work)) {
        let mut select = Select::new();
        select.recv(life.stopping.receiver());
        select.recv(life.must_stop.receiver());
        select.recv(work.receiver());
        select.ready();
    }
    if let Some(mailbox) = mailbox {
        mailbox.unwatch(&work);
        // It takes a while to begin anew.
        mailbox.pass_on();
    }
}

/// `None` if there is nothing more to wait for.
fn wait_for_word(life: &Life, go: &Receiver<Duration>) -> Option<Duration> {
    select! {
        recv(go) -> delay => delay.ok(),
        recv(life.must_stop.receiver()) -> _ => None,
    }
}

/// A backoff. Four things cut it short: a drain, since upstream actors may be waiting to flush into its mailbox; its
/// own turn; that of its ring; and a restart of others that takes it along.
fn wait_out(life: &Life, delay: Duration) {
    select! {
        recv(life.stage.drain_began().receiver()) -> _ => {}
        recv(life.incarnation().receiver()) -> _ => {}
        recv(life.last_call.receiver()) -> _ => {}
        recv(life.must_stop.receiver()) -> _ => {}
        default(delay) => {}
    }
}

/// The way out of an actor, which is the same however it got there.
pub(crate) struct WayOut<M> {
    life: Arc<Life>,
    mailbox: Arc<Mailbox<M>>,
    /// Nobody else reads the mailbox any more.
    is_last: Cell<bool>,
}

impl<M: Send + 'static> WayOut<M> {
    pub(crate) fn new(life: &Arc<Life>, mailbox: &Arc<Mailbox<M>>) -> WayOut<M> {
        let (life, mailbox) = (Arc::clone(life), Arc::clone(mailbox));
        WayOut { life, mailbox, is_last: Cell::new(false) }
    }

    pub(crate) fn fate(&self, over: Over) -> Fate {
        self.fate_by(over, |error| self.life.stage.judge(&self.life, Some(error)))
    }

    /// The same, where another than the conductor decides.
    pub(crate) fn fate_by(&self, over: Over, judge: impl FnOnce(&str) -> Sentence) -> Fate {
        match over {
            Over::Dry => Fate::Leave(ended_well(&self.life)),
            Over::Halt => Fate::Leave(Outcome::Overdue),
            Over::Retired => Fate::Anew(Rebirth::Together),
            Over::Failed(failure) => fate_of_failure_by(&self.life, failure, judge),
        }
    }

    /// Ends one incarnation, so that another may begin. The mailbox stays as it is.
    pub(crate) fn retire<A: Actor<Msg = M>>(&self, mut remains: Remains<A>) {
        let stopped = self.stop(&mut remains);
        for wrong in [stopped, self.clear(remains)].into_iter().filter_map(Result::err) {
            let (id, name, error) = (self.life.index, self.life.name.to_string(), wrong.text);
            self.life.stage.emit(|| Notice::FailedToStop { id, name, error });
        }
    }

    /// Ends for good: what is left is returned, unless nothing can be left; the children leave; the
    /// `stopped` hook runs; the value is dropped.
    pub(crate) fn leave<A: Actor<Msg = M>>(
        &self,
        mut remains: Remains<A>,
        outcome: Outcome,
    ) -> Outcome {
        self.return_rest(&outcome);
        let stopped = self.stop(&mut remains);
        let outcome = self.revise(outcome, stopped);
        let dropped = self.clear(remains);
        if self.is_last.get() {
            self.life.in_hook(Activity::Dropping, || self.mailbox.forget_dead_letters());
        }
        let outcome = match dropped {
            Err(failure) if !outcome.is_failure() => failed_on_leaving(&self.life, failure.text),
            _ => outcome,
        };
        // Now no answer can come any more.
        if self.life.leave_once() {
            self.mailbox.end();
        }
        outcome
    }

    /// Leaves without beginning anew, if there is nothing to begin for any more.
    pub(crate) fn leaves_instead(&self) -> Option<Outcome> {
        if self.life.must_stop.is_set() {
            return Some(Outcome::Overdue);
        }
        let is_over = match self.life.leaves_with_ring() {
            // The others of the ring may still have something for it, and all of them end together.
            true => self.mailbox.is_gone(),
            false => self.life.stopping.is_set() && self.mailbox.finish_for(&self.life),
        };
        is_over.then(|| ended_well(&self.life))
    }

    /// The children leave, and then it is stopped.
    fn stop<A: Actor<Msg = M>>(&self, remains: &mut Remains<A>) -> Result<(), Failure> {
        let (mut cell, told) = match remains {
            Remains::Whole(cell, told) => (Some(cell), told.take()),
            Remains::Unstarted(_) | Remains::Nothing => (None, None),
        };
        let children = self.dismiss_children(told);
        // Nobody reads any more what it has beside its mailbox, and it waits for nobody before all that wait for room
        // there have heard so. One of these may be a child of another thread of its pool, or of another member of its
        // ring. That one then waits for this child, as this actor does for a child that waits for room with that one.
        cell.iter_mut().for_each(|cell| cell.close_agenda());
        let left = self.await_children(children);
        cell.map_or(Ok(()), |cell| {
            cell.bereave(left);
            cell.stop()
        })
    }

    /// Tells the children to leave, unless they were told before. A child that waits for room hears that there will be
    /// none.
    fn dismiss_children(&self, told: Option<Farewell>) -> Option<Farewell> {
        let dismiss = || self.life.stage.dismiss_family(&self.life);
        let children = told.or_else(|| self.life.close_family().then(dismiss));
        children.inspect(|_| self.life.listen_no_more())
    }

    fn await_children(&self, children: Option<Farewell>) -> Vec<ActorReport> {
        let Some(children) = children else { return Vec::new() };
        self.life.swap_activity(Activity::AwaitingChildren);
        let left = children.recv().unwrap_or_default();
        self.life.swap_activity(Activity::Working);
        left
    }

    /// How it counts once the `stopped` hook has had its say.
    fn revise(&self, outcome: Outcome, stopped: Result<(), Failure>) -> Outcome {
        let must_stop = self.life.is_overdue();
        match (outcome, stopped) {
            (outcome, _) if outcome.is_failure() => outcome,
            (_, Err(failure)) if !(failure.is_interruption && must_stop) => {
                failed_on_leaving(&self.life, failure.text)
            }
            // It may have met its deadline in the hook.
            _ if must_stop => Outcome::Overdue,
            (outcome, _) => outcome,
        }
    }

    /// Drops the value.
    fn clear<A: Actor>(&self, remains: Remains<A>) -> Result<(), Failure> {
        self.life
            .in_hook(Activity::Dropping, || unwind::drop_caught(remains))
            .map_err(|panic| Failure::panic(&panic).within("its `drop`"))
    }

    /// Returns what will not be handled. After a complete drain there is nothing, since the mailbox
    /// has been closed for good by [`Mailbox::finish`].
    fn return_rest(&self, outcome: &Outcome) {
        self.resign();
        // What others go on reading is theirs.
        if !self.is_last.get() {
            return;
        }
        // Outside the lock: it wakes those who wait for room.
        self.mailbox.close();
        let _expectation = self.mailbox.dead_letters.expect_letters();
        let rest = self.life.take_returned(|| self.mailbox.evict());
        self.mailbox.wake_senders();
        if !rest.is_empty() {
            let why = match outcome.is_failure() {
                true => ReturnedBecause::Failed,
                false => ReturnedBecause::Overdue,
            };
            self.mailbox.tell_returned(mailbox::all(&rest), why);
            self.life.in_hook(Activity::Returning, || self.mailbox.bury(rest));
        }
    }

    /// Reads the mailbox no more. An actor that is given up from here on, before it has taken out the rest, has left
    /// the rest to the system.
    fn resign(&self) {
        self.life.take_returned(|| {
            if self.life.resign_once() {
                self.is_last.set(self.mailbox.resign());
            }
            Vec::<M>::new()
        });
    }
}

#[cfg(test)]
mod tests;
