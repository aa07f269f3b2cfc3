//! What an actor ([`Context`]) and a task ([`TaskContext`]) know of themselves and their system.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::actor::Actor;
use crate::address::Addr;
use crate::error::Interrupted;
use crate::event::Event;
use crate::life::{Activity, Life};
use crate::mailbox::Mailbox;
use crate::system::SystemHandle;

/// What an actor is handed with each message and hook: its name, its address, its orders, and a
/// sleep that ends when it must stop.
///
/// # Examples
///
/// An actor that sends to itself, and one that pauses between messages without ever holding up a
/// drain past its deadline:
///
/// ```
/// use std::time::Duration;
/// use exeunt::{Actor, Context, System};
///
/// struct Countdown;
/// impl Actor for Countdown {
///     type Msg = u32;
///     fn handle(&mut self, left: u32, cx: &mut Context<Self>) -> exeunt::Result {
///         cx.sleep(Duration::from_millis(1))?;
///         if left > 0 {
///             cx.addr().send(left - 1)?;
///         }
///         Ok(())
///     }
/// }
///
/// let mut system = System::new("countdown");
/// system.spawn("countdown", Countdown).send(3)?; // and the address is dropped
/// let report = system.wait(); // the actor goes on until it stops sending to itself
/// assert_eq!(report.actor("countdown").unwrap().handled, 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Context<A: Actor> {
    life: Arc<Life>,
    mailbox: Arc<Mailbox<A::Msg>>,
}

impl<A: Actor> Context<A> {
    pub(crate) fn new(life: Arc<Life>, mailbox: Arc<Mailbox<A::Msg>>) -> Context<A> {
        Context { life, mailbox }
    }

    /// The actor's own address.
    ///
    /// An actor that keeps it keeps itself alive: it will end with a drain, not by itself. Past
    /// its turn it is closed, like every address of the actor.
    #[must_use]
    pub fn addr(&self) -> Addr<A::Msg> {
        Addr::new(Arc::clone(&self.mailbox))
    }

    /// The number of messages that wait in the mailbox.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.mailbox.len()
    }

    /// Sleeps, and stops sleeping the moment the actor must stop.
    ///
    /// A drain alone does not end the sleep of an actor, since every accepted message is to be
    /// handled; its deadline does.
    ///
    /// # Errors
    ///
    /// [`Interrupted`] when the actor must stop. Returned from the handler, it counts the message
    /// as failed, and the actor as overdue, not as failed.
    pub fn sleep(&self, duration: Duration) -> Result<(), Interrupted> {
        sleep(&self.life, &self.life.must_stop, duration)
    }
}

/// What a task is handed: its name, its orders, and a sleep that ends when its turn comes.
///
/// A task is a loop of the user's own, without a mailbox: it looks at
/// [`stopping`](TaskContext::stopping), or waits on it beside its other channels, and returns.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use exeunt::System;
///
/// let mut system = System::new("heart");
/// system.spawn_task("beat", |cx| {
///     loop {
///         // `?` ends the task in good order when its turn comes.
///         cx.sleep(Duration::from_secs(3600))?;
///     }
/// });
/// let report = system.shutdown(); // at once, not after an hour
/// assert!(report.is_complete());
/// ```
pub struct TaskContext {
    life: Arc<Life>,
}

impl TaskContext {
    pub(crate) fn new(life: Arc<Life>) -> TaskContext {
        TaskContext { life }
    }

    /// Sleeps, and stops sleeping the moment the task's turn comes.
    ///
    /// # Errors
    ///
    /// [`Interrupted`] when the task is to stop; returned from the task, it is no failure.
    pub fn sleep(&self, duration: Duration) -> Result<(), Interrupted> {
        sleep(&self.life, &self.life.stopping, duration)
    }
}

/// Writes for both contexts what is the same in both.
macro_rules! common {
    ($($context:tt)+) => {
        $($context)+ {
            /// Its name, which is its thread's too.
            #[must_use]
            pub fn name(&self) -> &str {
                &self.life.name
            }

            /// Set when its turn in the drain has come. A task is to return; an actor need not
            /// look, since its mailbox is closed and drained for it.
            #[must_use]
            pub fn stopping(&self) -> &Event {
                &self.life.stopping
            }

            /// Set when its deadline has passed, after which it has the grace (one second unless
            /// set) to leave before it is abandoned. Waiting sends, asks and sleeps have ended
            /// with an error; a long computation may look at it.
            #[must_use]
            pub fn must_stop(&self) -> &Event {
                &self.life.must_stop
            }

            /// A sign of life: tells a drain that something was achieved although no message was
            /// finished, so that the stall limit begins anew. For long handlers and hooks, and for
            /// tasks that flush.
            pub fn progress(&self) {
                self.life.sign_of_life();
            }

            /// The system it belongs to, to ask it for shutdown, for example.
            #[must_use]
            pub fn system(&self) -> SystemHandle {
                SystemHandle::new(Arc::clone(&self.life.stage))
            }
        }
    };
}

common!(impl<A: Actor> Context<A>);
common!(impl TaskContext);

fn sleep(life: &Life, until: &Event, duration: Duration) -> Result<(), Interrupted> {
    let ended = life.during(Activity::Sleeping, || until.wait_timeout(duration));
    if ended { Err(Interrupted) } else { Ok(()) }
}

impl<A: Actor> fmt::Debug for Context<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Context").field(&self.name()).finish()
    }
}

impl fmt::Debug for TaskContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskContext").field(&self.name()).finish()
    }
}
