//! The cell: an actor's value, its mailbox and its life. It knows what to do with one message, how
//! to take a panic, and how to end; how to wait is the [runner](crate::runner)'s affair.

use std::sync::Arc;

use crate::actor::Actor;
use crate::context::Context;
use crate::error;
use crate::life::{Activity, Life, Outcome};
use crate::mailbox::Mailbox;
use crate::notice::Notice;
use crate::unwind;

pub(crate) struct Cell<A: Actor> {
    // The value goes before the context and the mailbox: its `drop` may still send and answer.
    actor: A,
    cx: Context<A>,
    exit: WayOut<A::Msg>,
}

impl<A: Actor> Cell<A> {
    /// Makes the value and starts it, or ends what could not begin.
    pub(crate) fn start(
        life: Arc<Life>,
        mailbox: Arc<Mailbox<A::Msg>>,
        make: impl FnOnce() -> A,
    ) -> Result<Cell<A>, Outcome> {
        let exit = WayOut { life: Arc::clone(&life), mailbox: Arc::clone(&mailbox) };
        let mut actor = match life.in_hook(Activity::Starting, || unwind::catch(make)) {
            Ok(actor) => actor,
            Err(panic) => {
                let outcome = failed(&life, panicked(&panic));
                return Err(exit.leave(None::<A>, outcome));
            }
        };
        let mut cx = Context::new(Arc::clone(&life), mailbox);
        let started = life.in_hook(Activity::Starting, || attempt(|| actor.started(&mut cx)));
        if let Err(failure) = started {
            let outcome = verdict(&life, failure, "in `started`: ");
            return Err(exit.leave(Some(actor), outcome));
        }
        life.swap_activity(Activity::Working);
        life.stage.emit(Notice::Started { name: life.name.clone() });
        Ok(Cell { actor, cx, exit })
    }

    /// Handles one message. An error is the end of the actor.
    #[inline(always)] // for the same reason as `unwind::catch`
    pub(crate) fn handle(&mut self, message: A::Msg) -> Result<(), Outcome> {
        let life = &self.exit.life;
        life.enter_message();
        match attempt(|| self.actor.handle(message, &mut self.cx)) {
            Ok(()) => {
                life.leave_handled();
                Ok(())
            }
            Err(failure) => {
                life.leave_failed();
                Err(verdict(life, failure, ""))
            }
        }
    }

    /// The end: what is left is returned, unless nothing can be left; the `stopped` hook; the drop
    /// of the value.
    pub(crate) fn end(mut self, outcome: Outcome) -> Outcome {
        self.exit.return_rest();
        let life = &self.exit.life;
        let stopped =
            life.in_hook(Activity::Stopping, || attempt(|| self.actor.stopped(&mut self.cx)));
        let outcome = match stopped {
            Err(failure) if !matches!(outcome, Outcome::Failed(_)) => {
                verdict(life, failure, "in `stopped`: ")
            }
            // It may have met its deadline in the hook.
            _ if life.must_stop.is_set() && !matches!(outcome, Outcome::Failed(_)) => {
                Outcome::Overdue
            }
            _ => outcome,
        };
        self.exit.leave(Some(self.actor), outcome)
    }
}

/// The way out, which is the same for a value that never came to be.
struct WayOut<M> {
    life: Arc<Life>,
    mailbox: Arc<Mailbox<M>>,
}

impl<M: Send + 'static> WayOut<M> {
    /// Returns what will not be handled. After a complete drain there is nothing, since the mailbox
    /// has been closed for good by [`Mailbox::finish`].
    fn return_rest(&self) {
        let rest = self.life.take_returned(|| self.mailbox.evict());
        if !rest.is_empty() {
            self.life.in_hook(Activity::Returning, || self.mailbox.bury(rest));
        }
    }

    fn leave<A>(&self, actor: Option<A>, mut outcome: Outcome) -> Outcome {
        self.return_rest();
        let dropped = self.life.in_hook(Activity::Dropping, || {
            self.mailbox.forget_dead_letters();
            unwind::drop_caught(actor)
        });
        if let (Err(panic), false) = (dropped, matches!(outcome, Outcome::Failed(_))) {
            outcome = failed(&self.life, format!("in its `drop`: {}", panicked(&panic)));
        }
        // Now no answer can come any more.
        self.mailbox.ended.set();
        outcome
    }
}

/// What went wrong in code of the user's.
pub(crate) struct Failure {
    text: String,
    pub(crate) is_interruption: bool,
}

/// Runs code of the user's that may fail. Its error is read and dropped in here too, since to print
/// an error and to drop it is code of the user's no less.
#[inline(always)] // for the same reason as `unwind::catch`
pub(crate) fn attempt(code: impl FnOnce() -> error::Result) -> Result<(), Failure> {
    let read = |error: error::Error| Failure {
        text: error.to_string(),
        is_interruption: error.is_interruption(),
    };
    unwind::catch(|| code().map_err(read))
        .unwrap_or_else(|panic| Err(Failure { text: panicked(&panic), is_interruption: false }))
}

/// Whether that is a failure of the actor, or only the word that it was told to stop waiting.
#[cold]
pub(crate) fn verdict(life: &Life, failure: Failure, place: &str) -> Outcome {
    if failure.is_interruption && life.must_stop.is_set() {
        Outcome::Overdue
    } else {
        failed(life, format!("{place}{}", failure.text))
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

fn panicked(message: &str) -> String {
    format!("panicked: {message}")
}
