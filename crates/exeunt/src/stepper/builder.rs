//! [`StepperBuilder`]: what is chosen about an actor that is run by steps.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use super::Stepper;
use super::staff::Staff;
use super::standing::Standing;
use crate::actor::Actor;
use crate::address::Addr;
use crate::builder::MailboxOptions;
use crate::capacity::Capacity;
use crate::ending::WayOut;
use crate::error::SpawnError;
use crate::life::{self, Life};
use crate::mailbox::{Inbox, Overflow};
use crate::notice::{self, Notice};
use crate::restart::Restart;
use crate::stage::{Listener, Stage};
use crate::supervision::Under;
use crate::unwind::lock;

/// Its place in the order of spawning: it is alone.
const INDEX: usize = 0;

/// Describes an actor that is to be run by steps, as an [`ActorBuilder`](crate::ActorBuilder) does one
/// that has a thread.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use exeunt::stepper::Stepper;
/// use exeunt::{Actor, Context};
///
/// struct Idle;
/// impl Actor for Idle {
///     type Msg = u32;
///     fn handle(&mut self, _: u32, _cx: &mut Context<Self>) -> exeunt::Result { Ok(()) }
/// }
///
/// let (unhandled, returned) = mpsc::channel();
/// let mut idle = Stepper::<Idle>::builder("idle")
///     .capacity(2)
///     .returned(move |n| unhandled.send(n).unwrap())
///     .start(Idle);
/// idle.send(1)?;
/// idle.send(2)?;
/// assert!(idle.send(3).is_err()); // full
///
/// assert_eq!(idle.halt().returned, 2);
/// assert_eq!(returned.try_iter().collect::<Vec<_>>(), [1, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is started before `start`"]
pub struct StepperBuilder<A: Actor> {
    name: Arc<str>,
    mailbox: MailboxOptions<A::Msg>,
    restart: Restart,
    listeners: Vec<Listener>,
    chance: f64,
}

impl<A: Actor> Stepper<A> {
    /// Begins to describe an actor.
    pub fn builder(name: &str) -> StepperBuilder<A> {
        StepperBuilder::new(name)
    }
}

impl<A: Actor> StepperBuilder<A> {
    pub(super) fn new(name: &str) -> StepperBuilder<A> {
        StepperBuilder {
            name: name.into(),
            mailbox: MailboxOptions::default(),
            restart: Restart::never(),
            listeners: vec![Box::new(notice::logger(name))],
            chance: 1.0,
        }
    }

    /// Sets how many messages its mailbox holds; [`DEFAULT_CAPACITY`](crate::DEFAULT_CAPACITY)
    /// unless set. An [`inbox`](StepperBuilder::inbox) keeps the capacity it was made with: to set
    /// another one panics.
    pub fn capacity(mut self, capacity: impl Into<Capacity>) -> Self {
        self.mailbox.capacity = Some(capacity.into());
        self
    }

    /// Lets its mailbox hold as many messages as there is memory for.
    pub fn unbounded(self) -> Self {
        self.capacity(Capacity::Unbounded)
    }

    /// Gives its mailbox a [lane for urgent messages](crate::ActorBuilder::urgent).
    pub fn urgent(mut self, capacity: impl Into<Capacity>) -> Self {
        self.mailbox.urgent = Some(capacity.into());
        self
    }

    /// Sets what becomes of messages for which there is no room.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.mailbox.overflow = Some(overflow);
        self
    }

    /// Lets it read a mailbox that is [there already](crate::mailbox()).
    pub fn inbox(mut self, inbox: Inbox<A::Msg>) -> Self {
        self.mailbox.inbox = Some(inbox);
        self
    }

    /// Sets what becomes of messages that were accepted and will not be handled.
    pub fn returned(mut self, hook: impl FnMut(A::Msg) + Send + 'static) -> Self {
        self.mailbox.dead_letters = Some(Box::new(hook));
        self
    }

    /// Sets what becomes of it when it has failed, or ended voluntarily; [`Restart::never`] unless
    /// set. To be restarted it needs [`start_with`](StepperBuilder::start_with).
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// Sets the dice for the jitter of a backoff, from 0, for half of what was computed, to 1, for all
    /// of it; 1 unless set.
    pub fn chance(mut self, chance: f64) -> Self {
        self.chance = chance;
        self
    }

    /// Adds a listener, which is told what happens after the step in which it happens.
    pub fn observe(mut self, listener: impl FnMut(&Notice) + Send + 'static) -> Self {
        self.listeners.push(Box::new(listener));
        self
    }

    /// Starts the actor: its `started` hook has run when this returns. If it failed, the actor has
    /// ended, and its [report](Stepper::report) says of what.
    ///
    /// # Panics
    ///
    /// If it has a restart policy, since there is only this one value; if it spawns a child; and if no
    /// mailbox can have the capacity, or its inbox has one already.
    #[track_caller]
    pub fn start(self, actor: A) -> Stepper<A> {
        assert!(!self.restart.is_ever(), "`{}` can be restarted: use `start_with`", self.name);
        let mut actor = Some(actor);
        self.start_with(move || match actor.take() {
            Some(actor) => actor,
            None => unreachable!("who is never restarted is made once"),
        })
    }

    /// Starts an actor that can be made anew. If its first `started` hook fails, its policy
    /// decides, as about any failure.
    ///
    /// # Panics
    ///
    /// If it spawns a child; and if no mailbox can have the capacity, or its inbox has one already.
    #[track_caller]
    pub fn start_with(self, make: impl FnMut() -> A + 'static) -> Stepper<A> {
        let mut stepper = self.prepare(Box::new(make));
        let life = Arc::clone(&stepper.life);
        let _began = life::as_current(&life, || stepper.begin());
        stepper.tidy_up();
        stepper.refuse_children();
        stepper
    }

    #[track_caller]
    fn prepare(self, make: Box<dyn FnMut() -> A>) -> Stepper<A> {
        let mailbox = match self.mailbox.open(&self.name) {
            Ok(unread) => unread.leave_to_its_reader(),
            Err(cause) => panic!("{}", SpawnError { name: self.name, cause }),
        };
        let stage = Arc::new(Stage::new(format!("stepper {}", self.name)));
        let mut life = Life::new(self.name, INDEX, false, Arc::clone(&stage));
        life.is_supervised = self.restart != Restart::never();
        life.is_restartable = self.restart.is_ever();
        let life = Arc::new(life);
        mailbox.belong_to(&life);
        lock(&stage.supervision).add_member(INDEX, self.restart, false, Under::System);
        Stepper {
            standing: Standing::Gone,
            make: Some(make),
            own: Some(Addr::new(Arc::clone(&mailbox))),
            injected: VecDeque::new(),
            report: None,
            staff: Staff::new(&life, &mailbox, self.listeners, self.chance),
            way_out: WayOut::new(&life, &mailbox),
            life,
            mailbox,
        }
    }
}

impl<A: Actor> fmt::Debug for StepperBuilder<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StepperBuilder").field(&self.name).finish()
    }
}
