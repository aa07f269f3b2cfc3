//! Where an actor that is run by steps is in its life, and where a step takes it from there.

use std::collections::VecDeque;
use std::panic;
use std::time::{Duration, Instant};

use super::{Step, Stepper, Verdict};
use crate::actor::Actor;
use crate::cell::{self, Cell, Failure, Stillborn};
use crate::ending::{Fate, Over, Remains};
use crate::error::Error;
use crate::life::{Activity, Life, Outcome};
use crate::runner::{Next, Runner};
use crate::unwind;

/// Where the actor is in its life.
pub(super) enum Standing<A: Actor> {
    Up(Box<Cell<A>>),
    /// Until then; `None` if that lies beyond the clock.
    Resting(Option<Instant>),
    Gone,
}

/// What a message is to fail of.
pub(super) enum Injected {
    Panic(String),
    Error(String),
}

impl<A: Actor> Stepper<A> {
    /// One step, on a thread that passes for the actor's.
    pub(super) fn step_as_itself(&mut self) -> Step {
        match std::mem::replace(&mut self.standing, Standing::Gone) {
            Standing::Up(cell) => self.look(cell),
            Standing::Resting(until) if self.is_rested(until) => self.rise(),
            waiting => {
                self.standing = waiting;
                Step::Nothing
            }
        }
    }

    fn look(&mut self, cell: Box<Cell<A>>) -> Step {
        let Stepper { life, mailbox, injected, .. } = self;
        let mut runner = Runner::new(cell, life, mailbox);
        life.wake_up();
        let (step, done) = match runner.glance() {
            None => {
                life.fall_asleep();
                (Step::Nothing, Ok(()))
            }
            Some((next, from)) => {
                (Step::ahead(&next, &from), attend_to(next, &mut runner, injected, life))
            }
        };
        match done {
            Ok(()) => {
                self.standing = Standing::Up(runner.cell);
                step
            }
            Err(over) => {
                let remains = runner.into_remains();
                self.end_incarnation(over, remains)
            }
        }
    }

    fn end_incarnation(&mut self, over: Over, remains: Remains<A>) -> Step {
        let error = match &over {
            Over::Failed(failure) => Some(failure.text.clone()),
            Over::Dry | Over::Halt | Over::Retired => None,
        };
        match self.way_out.fate_by(over, |error| self.staff.judge(error)) {
            Fate::Leave(outcome) => {
                let verdict = match &outcome {
                    Outcome::Failed(_) => Some(Verdict::GivesUp),
                    Outcome::Overdue => None,
                    _ => Some(Verdict::Leaves),
                };
                self.leave(remains, outcome);
                match (error, verdict) {
                    (Some(error), Some(verdict)) => Step::Failed { error, verdict },
                    _ => Step::Ended,
                }
            }
            Fate::Anew(rebirth) => {
                self.way_out.retire(remains);
                let after = self.staff.delay(rebirth);
                self.rest(after);
                match error {
                    Some(error) => Step::Failed { error, verdict: Verdict::Restarts { after } },
                    None => Step::Retired { after },
                }
            }
        }
    }

    fn rest(&mut self, time: Duration) {
        let life = &self.life;
        life.begin_anew();
        life.swap_activity(Activity::Resting);
        life.fall_asleep();
        self.standing = Standing::Resting(self.staff.clock.now().checked_add(time));
    }

    /// A drain cuts a rest short.
    fn is_rested(&self, until: Option<Instant>) -> bool {
        let is_over = until.is_some_and(|until| self.staff.clock.now() >= until);
        is_over || self.life.stopping.is_set()
    }

    fn rise(&mut self) -> Step {
        let life = &self.life;
        life.wake_up();
        match self.way_out.leaves_instead() {
            Some(outcome) => {
                self.leave(Remains::Nothing, outcome);
                Step::Ended
            }
            None => {
                life.count_restart();
                self.begin()
            }
        }
    }

    /// Begins an incarnation.
    pub(super) fn begin(&mut self) -> Step {
        let Stepper { life, mailbox, .. } = self;
        // There is nobody to run children: none is started.
        life.close_family();
        let Some(make) = &mut self.make else { unreachable!("kept as long as it may be needed") };
        let started = Cell::start(life, mailbox, self.staff.clock.clone(), make);
        if !life.is_restartable {
            // What it captured, addresses say, must not live as long as the actor.
            let _ = unwind::drop_caught(self.make.take());
        }
        match started {
            Ok(cell) => {
                self.standing = Standing::Up(cell);
                Step::Began
            }
            Err(Stillborn { failure, cell }) => {
                self.end_incarnation(Over::Failed(failure), Remains::of_stillborn(cell))
            }
        }
    }

    fn leave(&mut self, remains: Remains<A>, outcome: Outcome) {
        let outcome = self.way_out.leave(remains, outcome);
        let _ = unwind::drop_caught(self.make.take());
        self.report = Some(self.staff.see_off(outcome));
    }
}

/// Does what is next; or fails on it, if it is a message for which that was injected.
fn attend_to<A: Actor>(
    next: Next<A::Msg>,
    runner: &mut Runner<'_, A>,
    injected: &mut VecDeque<Injected>,
    life: &Life,
) -> Result<(), Over> {
    let message = match next {
        Next::Message(letter) => letter.open(),
        Next::Affair(affair) => return runner.attend_to(affair),
    };
    let handled = match injected.pop_front() {
        Some(injected) => injected.fail::<A>(message, life),
        None => runner.cell.handle(message),
    };
    handled.map_err(Over::Failed)
}

impl Injected {
    /// Fails on a message, as its handler might have.
    fn fail<A: Actor>(self, message: A::Msg, life: &Life) -> Result<(), Failure> {
        life.enter_message();
        let failed = cell::attempt(|| {
            let message = message;
            if let Some(label) = A::label(&message) {
                life.set_label(label);
            }
            match self {
                Injected::Error(text) => Err(Error::msg(text)),
                // Without the hook, which would print it.
                Injected::Panic(text) => panic::resume_unwind(Box::new(text)),
            }
        });
        life.leave_failed();
        failed
    }
}
