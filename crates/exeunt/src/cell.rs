//! The cell: one incarnation of an actor. It knows what to do with one message, how to take a
//! panic, and how to end; to wait is the [runner](crate::runner)'s affair.

use std::sync::Arc;

use crate::actor::Actor;
use crate::agenda::Agenda;
use crate::answers::How;
use crate::clock::Clock;
use crate::context::Context;
use crate::error;
use crate::life::{Activity, Life};
use crate::mailbox::Mailbox;
use crate::notice::Notice;
use crate::report::ActorReport;
use crate::unwind;

/// It lies on the heap: the value may be large, and the stack of a thread that does nothing yet is to stay small.
pub(crate) struct Cell<A: Actor> {
    // The value goes before the context: its `drop` may still send and answer.
    actor: A,
    cx: Context<A>,
}

/// What there was of an actor that could not be started.
pub(crate) struct Stillborn<A: Actor> {
    pub(crate) failure: Failure,
    /// `None` if its value could not even be made.
    pub(crate) cell: Option<Box<Cell<A>>>,
}

impl<A: Actor> Cell<A> {
    /// Makes the value and starts it.
    #[inline(never)] // the value is on the stack only in here
    pub(crate) fn start(
        life: &Arc<Life>,
        mailbox: &Arc<Mailbox<A::Msg>>,
        clock: Clock,
        make: impl FnOnce() -> A,
    ) -> Result<Box<Cell<A>>, Stillborn<A>> {
        let actor = life
            .in_hook(Activity::Starting, || unwind::catch(make))
            .map_err(|panic| Stillborn { failure: Failure::panic(&panic), cell: None })?;
        let cx = Context::new(Arc::clone(life), Arc::clone(mailbox), clock);
        let mut cell = Box::new(Cell { actor, cx });
        let Cell { actor, cx } = &mut *cell;
        let started = life.in_hook(Activity::Starting, || attempt(|| actor.started(cx)));
        if let Err(failure) = started {
            cx.close_agenda();
            let failure = failure.within("`started`");
            return Err(Stillborn { failure, cell: Some(cell) });
        }
        life.swap_activity(Activity::Working);
        life.stage.emit(|| Notice::Started { id: life.index, name: life.name.to_string() });
        Ok(cell)
    }

    #[inline]
    pub(crate) fn agenda(&mut self) -> &mut Agenda<A> {
        &mut self.cx.agenda
    }

    pub(crate) fn agenda_now(&self) -> &Agenda<A> {
        &self.cx.agenda
    }

    #[cfg(feature = "stepper")]
    pub(crate) fn actor(&self) -> &A {
        &self.actor
    }

    /// Handles one message. An error is the end of the incarnation.
    #[inline(always)] // for the same reason as `unwind::catch`
    pub(crate) fn handle(&mut self, message: A::Msg) -> Result<(), Failure> {
        self.cx.life.enter_message();
        let attempted = attempt(|| {
            if let Some(label) = A::label(&message) {
                self.cx.life.set_label(label);
            }
            self.actor.handle(message, &mut self.cx)
        });
        match attempted {
            Ok(()) => {
                self.cx.life.leave_handled();
                Ok(())
            }
            Err(failure) => {
                self.cx.life.leave_failed();
                Err(failure)
            }
        }
    }

    /// Hands over the answer to an ask, or word that there will be none.
    pub(crate) fn answer(&mut self, id: u64, how: How) -> Result<(), Failure> {
        let Some(then) = self.cx.agenda.answers.end(id) else {
            return Ok(());
        };
        self.hook(Activity::Working, |actor, cx| then.run(actor, how, cx))
            .map_err(|failure| failure.within("an answer"))
    }

    /// Nothing has come for a while.
    pub(crate) fn idle(&mut self) -> Result<(), Failure> {
        self.hook(Activity::Idling, A::idle).map_err(|failure| failure.within("`idle`"))
    }

    /// Its children have left.
    pub(crate) fn bereave(&mut self, children: Vec<ActorReport>) {
        self.cx.children_left.extend(children);
    }

    /// The incarnation is over: nothing more comes of its agenda. What is still in the mailbox is no affair of the cell.
    pub(crate) fn close_agenda(&mut self) {
        self.cx.close_agenda();
    }

    /// Ends the incarnation, when its agenda is closed and its children have left: the `stopped` hook.
    pub(crate) fn stop(&mut self) -> Result<(), Failure> {
        let stopped = self
            .hook(Activity::Stopping, A::stopped)
            .map_err(|failure| failure.within("`stopped`"));
        // The hook may have put something on it.
        self.cx.close_agenda();
        stopped
    }

    fn hook(
        &mut self,
        activity: Activity,
        hook: impl FnOnce(&mut A, &mut Context<A>) -> error::Result,
    ) -> Result<(), Failure> {
        let life = Arc::clone(&self.cx.life);
        let result = life.in_hook(activity, || attempt(|| hook(&mut self.actor, &mut self.cx)));
        life.sign_of_life();
        result
    }
}

/// What went wrong in code of the user's.
pub(crate) struct Failure {
    pub(crate) text: String,
    pub(crate) is_interruption: bool,
}

impl Failure {
    pub(crate) fn of(text: String) -> Failure {
        Failure { text, is_interruption: false }
    }

    pub(crate) fn panic(message: &str) -> Failure {
        Failure::of(format!("panicked: {message}"))
    }

    /// Says where it happened.
    pub(crate) fn within(self, place: &str) -> Failure {
        Failure { text: format!("in {place}: {}", self.text), ..self }
    }
}

/// Runs code of the user's that may fail. Its error is read and dropped in here too, since printing
/// and dropping an error is the user's code no less.
#[inline(always)] // for the same reason as `unwind::catch`
pub(crate) fn attempt(code: impl FnOnce() -> error::Result) -> Result<(), Failure> {
    let read = |error: error::Error| Failure {
        text: error.to_string(),
        is_interruption: error.is_interruption(),
    };
    unwind::catch(|| code().map_err(read)).unwrap_or_else(|panic| Err(Failure::panic(&panic)))
}
