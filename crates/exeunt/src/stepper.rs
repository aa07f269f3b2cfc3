//! [`Stepper`]: an actor without a thread, on a clock that a test moves.
//!
//! It is made of the same parts as an actor on its thread: the same mailbox, agenda, cell and way out,
//! the same supervision. Only the waiting is gone; and between two steps it does itself what the two
//! threads of a system would do.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use crate::actor::Actor;
use crate::address::Addr;
use crate::ending::WayOut;
use crate::error::{AskError, SendTimeoutError, TrySendError};
use crate::life::{self, Life};
use crate::mailbox::Mailbox;
use crate::reply::{NoAnswer, Reply};
use crate::report::{ActorReport, Reason};
use crate::snapshot::ActorSnapshot;
use crate::unwind;
use staff::Staff;
use standing::{Injected, Standing};

mod builder;
mod standing;
mod staff;
mod step;

pub use builder::StepperBuilder;
pub use step::{Step, Verdict};

/// After this many steps without a rest, an actor is taken for one that never rests.
const STEPS_WITHOUT_REST: usize = 10_000_000;

/// Runs an actor step by step on the thread of a test, on a clock that the test moves.
///
/// What the actor meets is what it would meet on a thread of its own: a real mailbox with real
/// addresses, timers, attached channels, an idle time-out, restarts by its policy, its turn, its
/// deadline. But nothing happens unless the test says so, and time stands still until it is
/// [moved](Stepper::advance). So a test of a backoff of hours takes microseconds, and comes out the
/// same each time.
///
/// # What is different
///
/// - The clock is that of the actor's timers, idle time-out, backoff, restart intensity and
///   [`ask_then_timeout`](crate::Context::ask_then_timeout). [`Context::sleep`](crate::Context::sleep)
///   moves it, and returns at once. All else that waits does so in real time: a send to
///   a full mailbox, a blocking ask. Give it addresses of actors that run, such as probes.
/// - The test must not wait for the actor, since it is the test that runs it:
///   [`send`](Stepper::send) and [`ask`](Stepper::ask) do not.
/// - There is nobody to run children: a child that it spawns makes the step panic. An actor that
///   has children is tested in a [`System`](crate::System), or is handed their addresses.
/// - It is alone in its system. When it asks the system for shutdown, or fails without a
///   policy that absorbs it, its own turn comes.
///
/// Like a program's local variable, the stepper keeps an address, so that the actor does not end by
/// itself before it is [released](Stepper::release). Dropping the stepper is its
/// [deadline](Stepper::halt).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use exeunt::stepper::{Step, Stepper, Verdict};
/// use exeunt::{Actor, Backoff, Context, Restart};
///
/// struct Meter { last: u32 }
///
/// impl Actor for Meter {
///     type Msg = u32;
///
///     fn handle(&mut self, reading: u32, _cx: &mut Context<Self>) -> exeunt::Result {
///         if reading > 100 {
///             return Err(exeunt::Error::msg("out of range"));
///         }
///         self.last = reading;
///         Ok(())
///     }
/// }
///
/// let minute = Duration::from_secs(60);
/// let backoff = Backoff::exponential(minute, 60 * minute).without_jitter();
/// let mut meter = Stepper::builder("meter")
///     .restart(Restart::on_failure().backoff(backoff))
///     .start_with(|| Meter { last: 0 });
///
/// [7, 101, 8].into_iter().try_for_each(|reading| meter.send(reading))?;
/// assert_eq!(meter.step(), Step::Message);
/// assert_eq!(meter.actor().unwrap().last, 7);
///
/// let verdict = Verdict::Restarts { after: minute };
/// assert_eq!(meter.step(), Step::Failed { error: "out of range".to_owned(), verdict });
/// assert!(meter.actor().is_none());
///
/// meter.advance(minute); // it begins anew, and goes on with its mailbox
/// assert_eq!(meter.actor().unwrap().last, 8);
///
/// let report = meter.drain();
/// assert_eq!((report.handled, report.failed, report.restarts), (2, 1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing happens before a step"]
pub struct Stepper<A: Actor> {
    standing: Standing<A>,
    /// `None` when no value is to be made any more.
    make: Option<Box<dyn FnMut() -> A>>,
    life: Arc<Life>,
    mailbox: Arc<Mailbox<A::Msg>>,
    way_out: WayOut<A::Msg>,
    /// What the next messages are to fail of.
    injected: VecDeque<Injected>,
    report: Option<ActorReport>,
    own: Option<Addr<A::Msg>>,
    staff: Staff,
}

impl<A: Actor> Stepper<A> {
    /// Starts an actor with a mailbox of the default capacity, which is never restarted.
    /// [`builder`](Stepper::builder) is the long form.
    ///
    /// Its `started` hook has run when this returns. If it failed, the actor has ended.
    pub fn new(name: &str, actor: A) -> Stepper<A> {
        StepperBuilder::new(name).start(actor)
    }

    // Meeting it.

    /// Its address.
    ///
    /// A send that would wait for room never returns on the test's thread: see
    /// [`send`](Stepper::send).
    #[must_use]
    pub fn addr(&self) -> Addr<A::Msg> {
        Addr::new(Arc::clone(&self.mailbox))
    }

    /// Sends it a message, which waits in its mailbox for a step.
    ///
    /// # Errors
    ///
    /// Each gives the message back: those of [`Addr::try_send`], since nobody would make room while the
    /// test waits.
    pub fn send(&self, message: A::Msg) -> Result<(), TrySendError<A::Msg>> {
        self.addr().try_send(message)
    }

    /// Asks it, and [runs](Stepper::run) it until there is nothing to do now.
    ///
    /// # Errors
    ///
    /// [`NotSent`](AskError::NotSent) with the question; [`Unanswered`](AskError::Unanswered) if
    /// the reply was dropped; [`Ended`](AskError::Ended) if the actor has ended, and
    /// [`Timeout`](AskError::Timeout) if it goes on, with the reply still kept somewhere.
    pub fn ask<R: Send + 'static>(
        &mut self,
        question: impl FnOnce(Reply<R>) -> A::Msg,
    ) -> Result<R, AskError<A::Msg>> {
        let (reply, answer) = Reply::that_wakes(Waker::noop().clone());
        self.send(question(reply)).map_err(|refused| AskError::NotSent(no_waiting(refused)))?;
        self.run();
        let name = Arc::clone(&self.life.name);
        answer.take().map_err(|none| match none {
            NoAnswer::Ever => AskError::Unanswered(name),
            NoAnswer::Yet if self.report.is_some() => AskError::Ended(name),
            NoAnswer::Yet => AskError::Timeout(name),
        })
    }

    /// Gives up the stepper's own address, so that the actor ends by itself when all others are gone and
    /// nothing is left to do.
    pub fn release(&mut self) {
        self.own = None;
    }

    /// The next message that would be handled, whatever it comes from, fails with a panic instead:
    /// its handler does not see it. Nothing is printed. Said twice, it holds for the next two.
    pub fn inject_panic(&mut self, text: impl Into<String>) {
        self.injected.push_back(Injected::Panic(text.into()));
    }

    /// The same with an error.
    pub fn inject_error(&mut self, text: impl Into<String>) {
        self.injected.push_back(Injected::Error(text.into()));
    }

    // Steps.

    /// Does the one next thing, if there is anything to do now.
    ///
    /// A failure, and the end, are one step with all that belongs to them: the `stopped` hook, the drop
    /// of the value, and, if it ends, the return of what is left.
    ///
    /// # Panics
    ///
    /// If it spawns a child.
    #[track_caller]
    pub fn step(&mut self) -> Step {
        let step = self.step_quietly();
        self.refuse_children();
        step
    }

    /// Does all there is to do now, and says how many steps it was.
    ///
    /// # Panics
    ///
    /// If it spawns a child; and if there is no end to it after ten million steps.
    #[track_caller]
    pub fn run(&mut self) -> usize {
        for steps in 0..STEPS_WITHOUT_REST {
            if !self.step().is_something() {
                return steps;
            }
        }
        panic!("`{}` does not come to rest", self.name());
    }

    /// Moves the clock by so much, and does, in order, all that comes due on the way: timers, time-outs, the end of a
    /// backoff. Says how many steps it was.
    ///
    /// What there is to do already is done before the clock moves. If a handler sleeps beyond the
    /// moment to which the clock is moved, this ends there.
    ///
    /// # Panics
    ///
    /// Those of [`run`](Stepper::run), if the clock stands still all the while.
    #[track_caller]
    pub fn advance(&mut self, time: Duration) -> usize {
        let until = self.now().saturating_add(time);
        let (mut steps, mut steps_without_rest) = (0, 0);
        while self.now() <= until {
            if self.step().is_something() {
                steps += 1;
                steps_without_rest += 1;
                assert!(
                    steps_without_rest < STEPS_WITHOUT_REST,
                    "`{}` does not come to rest",
                    self.name()
                );
                continue;
            }
            steps_without_rest = 0;
            let left = until - self.now();
            match self.next_due().filter(|&due| due <= left) {
                Some(due) => self.staff.clock.pass(due),
                None => {
                    self.staff.clock.pass(left);
                    break;
                }
            };
        }
        steps
    }

    /// Lets time pass without a step, as if the actor's thread were given no CPU: what comes due
    /// meanwhile is done late, by the steps that follow.
    pub fn pass(&mut self, time: Duration) {
        self.staff.clock.pass(time);
    }

    /// Begins its turn, as in the drain of its system: its mailbox closes, its timers are cancelled, and
    /// what is queued is still to be handled, by the steps that follow.
    ///
    /// [`Addr::stop`] begins its turn alone, without a drain of the system.
    pub fn turn(&mut self) {
        self.staff.begin_drain(Reason::Shutdown);
    }

    /// Its turn from the beginning to the end: handles what is queued, to the last message, runs the
    /// `stopped` hook, drops its value, and says how it left.
    ///
    /// # Panics
    ///
    /// If it does not end because it waits for answers that are out: begin its [turn](Stepper::turn),
    /// and let them come. For the rest, those of [`run`](Stepper::run).
    #[track_caller]
    pub fn drain(&mut self) -> ActorReport {
        self.turn();
        self.run();
        match &self.report {
            Some(report) => report.clone(),
            None => {
                panic!("`{}` waits for answers, and does not end before they come", self.name())
            }
        }
    }

    /// Its deadline: what is queued is returned, its `stopped` hook runs, its value is dropped.
    #[track_caller]
    pub fn halt(&mut self) -> ActorReport {
        self.halt_quietly();
        match &self.report {
            Some(report) => report.clone(),
            None => unreachable!("nobody goes on past a deadline"),
        }
    }

    // Looking at it.

    /// Its value as it is between two steps; `None` between two incarnations, and when it has ended.
    #[must_use]
    pub fn actor(&self) -> Option<&A> {
        match &self.standing {
            Standing::Up(cell) => Some(cell.actor()),
            Standing::Resting(_) | Standing::Gone => None,
        }
    }

    /// How it stands now: its state, and how many messages are queued, and were handled, failed or
    /// returned.
    #[must_use]
    pub fn snapshot(&self) -> ActorSnapshot {
        ActorSnapshot::of(&self.staff.member)
    }

    /// How it ended; `None` as long as it has not. The times are those of its own clock.
    #[must_use]
    pub fn report(&self) -> Option<&ActorReport> {
        self.report.as_ref()
    }

    /// How far its clock has been moved.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.staff.clock.now().saturating_duration_since(self.staff.started)
    }

    /// After how long something will come due by itself: a timer, a time-out, the end of a backoff.
    /// Zero if there is something now; `None` if it waits for others only.
    #[must_use]
    pub fn next_due(&mut self) -> Option<Duration> {
        let due = match &mut self.standing {
            Standing::Up(cell) => cell.agenda().next_due(),
            Standing::Resting(until) => *until,
            Standing::Gone => None,
        };
        due.map(|due| due.saturating_duration_since(self.staff.clock.now()))
    }

    // How it is done.

    fn name(&self) -> &str {
        &self.life.name
    }

    fn step_quietly(&mut self) -> Step {
        let life = Arc::clone(&self.life);
        self.staff.take_cues();
        let step = life::as_current(&life, || self.step_as_itself());
        self.tidy_up();
        step
    }

    fn tidy_up(&mut self) {
        self.staff.take_cues();
        self.staff.do_chores();
        if self.report.is_some() {
            self.staff.dismiss_listeners();
        }
    }

    #[track_caller]
    fn refuse_children(&mut self) {
        if let Some(child) = self.staff.unborn.take() {
            panic!("`{}` spawns `{child}`, and a stepper has no threads for children", self.name());
        }
    }

    fn halt_quietly(&mut self) {
        if self.report.is_none() {
            self.turn();
            self.staff.halt();
            // One step to end what goes on, or what rests.
            let _ = self.step_quietly();
        }
    }
}

/// A refusal without a wait, for a caller that might have waited.
fn no_waiting<M>(refused: TrySendError<M>) -> SendTimeoutError<M> {
    match refused {
        TrySendError::Full(message, name) => SendTimeoutError::Full(message, name),
        TrySendError::Closed(message, name) | TrySendError::NoLane(message, name) => {
            SendTimeoutError::Closed(message, name)
        }
    }
}

impl<A: Actor> Drop for Stepper<A> {
    fn drop(&mut self) {
        // Whoever waits for it on another thread is told, as by the end of a system.
        let _ = unwind::catch(|| self.halt_quietly());
    }
}

impl<A: Actor> fmt::Debug for Stepper<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ActorSnapshot { name, state, queued, .. } = self.snapshot();
        let mut stepper = f.debug_struct("Stepper");
        stepper.field("name", &name).field("state", &state).field("queued", &queued);
        stepper.field("now", &self.now()).finish_non_exhaustive()
    }
}
