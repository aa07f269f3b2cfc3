//! The runner: how a thread waits, and what it runs. The loop of an actor reads as one match.

use std::sync::Arc;
use std::thread;

use crossbeam_channel::select;

use crate::actor::Actor;
use crate::cell::{self, Cell};
use crate::context::TaskContext;
use crate::error;
use crate::life::{Activity, Life, Outcome};
use crate::mailbox::{Mailbox, YIELDS};
use crate::notice::Notice;

/// Runs an actor to its end on this thread.
pub(crate) fn act<A: Actor>(
    life: Arc<Life>,
    mailbox: Arc<Mailbox<A::Msg>>,
    make: impl FnOnce() -> A,
) -> Outcome {
    match Cell::start(Arc::clone(&life), Arc::clone(&mailbox), make) {
        Ok(cell) => Runner { cell, life, mailbox }.run(),
        Err(outcome) => outcome,
    }
}

struct Runner<A: Actor> {
    cell: Cell<A>,
    life: Arc<Life>,
    mailbox: Arc<Mailbox<A::Msg>>,
}

/// What there is to do.
enum Next<M> {
    Message(M),
    /// The deadline has passed.
    Halt,
    /// Nothing is queued, and nothing more is to come.
    Dry,
}

impl<A: Actor> Runner<A> {
    fn run(mut self) -> Outcome {
        loop {
            match self.wait_for_next() {
                Next::Message(message) => {
                    if let Err(outcome) = self.cell.handle(message) {
                        return self.cell.end(outcome);
                    }
                }
                Next::Halt => return self.cell.end(Outcome::Overdue),
                Next::Dry => {
                    // Something may have come while we looked away; then it is handled.
                    if self.mailbox.finish() {
                        return self.cell.end(ended_well(&self.life));
                    }
                }
            }
        }
    }

    /// Waits for the next thing to do: first with looks at the mailbox alone, since a `select!` of
    /// two channels costs three times as much, and only when it stays empty in a `select!`.
    #[inline(always)] // for the same reason as `unwind::catch`
    fn wait_for_next(&self) -> Next<A::Msg> {
        let mut looks = 0;
        loop {
            if self.mailbox.bell.heard() && self.life.must_stop.is_set() {
                return Next::Halt;
            }
            if let Some(message) = self.mailbox.take() {
                return Next::Message(message);
            }
            if looks < YIELDS {
                looks += 1;
                thread::yield_now();
            } else if self.is_last_call() {
                return Next::Dry;
            } else if !self.mailbox.bell.is_rung_before_sleep() {
                select! {
                    recv(self.mailbox.receiver()) -> parcel => {
                        if let Ok(parcel) = parcel {
                            return Next::Message(parcel.message);
                        }
                    }
                    recv(self.mailbox.bell.receiver) -> _ => {}
                }
            }
        }
    }

    /// Whether what is in the mailbox now is all that will ever be. Who is deserted during a drain
    /// waits for its turn all the same, so that all leave in order.
    fn is_last_call(&self) -> bool {
        self.life.stopping.is_set() || self.mailbox.is_deserted() && !self.life.stage.is_draining()
    }
}

/// Runs a task to its end on this thread.
pub(crate) fn perform(
    life: Arc<Life>,
    task: impl FnOnce(&TaskContext) -> error::Result,
) -> Outcome {
    life.stage.emit(Notice::Started { name: life.name.clone() });
    let cx = TaskContext::new(Arc::clone(&life));
    let result = life.in_hook(Activity::Performing, || cell::attempt(|| task(&cx)));
    match result {
        // It was told to stop, and did: its sleep ends with its turn, not only with its deadline.
        Err(failure)
            if failure.is_interruption && life.stopping.is_set() && !life.must_stop.is_set() =>
        {
            ended_well(&life)
        }
        Err(failure) => cell::verdict(&life, failure, ""),
        Ok(()) if life.must_stop.is_set() => Outcome::Overdue,
        Ok(()) => ended_well(&life),
    }
}

/// How it counts that somebody has come to the end of its work.
fn ended_well(life: &Life) -> Outcome {
    if life.stage.is_draining() { Outcome::Drained } else { Outcome::Completed }
}
