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
    exit: Exit<A::Msg>,
}

impl<A: Actor> Cell<A> {
    /// Makes the value and starts it, or ends what could not begin.
    pub(crate) fn start(
        life: Arc<Life>,
        mailbox: Arc<Mailbox<A::Msg>>,
        make: impl FnOnce() -> A,
    ) -> Result<Cell<A>, Outcome> {
        let exit = Exit { life: Arc::clone(&life), mailbox: Arc::clone(&mailbox) };
        let mut actor = match life.in_hook(Activity::Starting, || unwind::catch(make)) {
            Ok(actor) => actor,
            Err(panic) => {
                return Err(exit.leave(None::<A>, Outcome::Failed(panicked(&panic))));
            }
        };
        let mut cx = Context::new(Arc::clone(&life), mailbox);
        let started = life.in_hook(Activity::Starting, || unwind::catch(|| actor.started(&mut cx)));
        if let Some(failure) = failure(started) {
            let outcome = verdict(&life, failure, "in `started`: ");
            return Err(exit.leave(Some(actor), outcome));
        }
        life.swap_activity(Activity::Working);
        life.stage.emit(Notice::Started { name: life.name.clone() });
        Ok(Cell { actor, cx, exit })
    }

    /// Handles one message. An error is the end of the actor.
    #[inline]
    pub(crate) fn handle(&mut self, message: A::Msg) -> Result<(), Outcome> {
        let life = &self.exit.life;
        life.enter_message();
        match unwind::catch(|| self.actor.handle(message, &mut self.cx)) {
            Ok(Ok(())) => {
                life.leave_handled();
                Ok(())
            }
            failed => Err(self.fail(failed)),
        }
    }

    #[cold]
    fn fail(&self, failed: Result<error::Result, String>) -> Outcome {
        let life = &self.exit.life;
        life.leave_failed();
        match failure(failed) {
            Some(failure) => verdict(life, failure, ""),
            None => Outcome::Drained,
        }
    }

    /// The end: what is left is returned, unless nothing can be left; the `stopped` hook; the drop
    /// of the value.
    pub(crate) fn end(mut self, outcome: Outcome) -> Outcome {
        self.exit.return_rest();
        let life = &self.exit.life;
        let stopped =
            life.in_hook(Activity::Stopping, || unwind::catch(|| self.actor.stopped(&mut self.cx)));
        let outcome = match failure(stopped) {
            Some(failure) if !matches!(outcome, Outcome::Failed(_)) => {
                verdict(life, failure, "in `stopped`: ")
            }
            _ => outcome,
        };
        self.exit.leave(Some(self.actor), outcome)
    }
}

/// The way out, which is the same for a value that never came to be.
struct Exit<M> {
    life: Arc<Life>,
    mailbox: Arc<Mailbox<M>>,
}

impl<M: Send + 'static> Exit<M> {
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
            outcome = Outcome::Failed(format!("in its `drop`: {}", panicked(&panic)));
        }
        // Now no answer can come any more.
        self.mailbox.ended.set();
        outcome
    }
}

/// What went wrong in code of the user's.
pub(crate) struct Failure {
    text: String,
    pub(crate) interruption: bool,
}

/// Reads a result of [`unwind::catch`].
pub(crate) fn failure(result: Result<error::Result, String>) -> Option<Failure> {
    match result {
        Ok(Ok(())) => None,
        Ok(Err(error)) => {
            Some(Failure { text: error.to_string(), interruption: error.is_interruption() })
        }
        Err(panic) => Some(Failure { text: panicked(&panic), interruption: false }),
    }
}

/// Whether that is a failure of the actor, or only the word that it was told to stop waiting.
pub(crate) fn verdict(life: &Life, failure: Failure, place: &str) -> Outcome {
    if failure.interruption && life.must_stop.is_set() {
        Outcome::Overdue
    } else {
        Outcome::Failed(format!("{place}{}", failure.text))
    }
}

pub(crate) fn panicked(message: &str) -> String {
    format!("panicked: {message}")
}
