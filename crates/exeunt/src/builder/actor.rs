//! [`ActorBuilder`]: an actor, or a pool of them on one mailbox.

use std::fmt;
use std::sync::Arc;

use super::common::Common;
use super::mailbox::MailboxOptions;
use crate::actor::Actor;
use crate::address::Addr;
use crate::capacity::Capacity;
use crate::error::{SpawnCause, SpawnError};
use crate::life::Life;
use crate::mailbox::{Inbox, Mailbox, Overflow};
use crate::report::Reason;
use crate::stage::{Spawned, Stage};

/// Describes an actor, and spawns it.
///
/// # Examples
///
/// A small graph, wired, so that the two in the middle drain side by side; the sink keeps what it
/// could not handle:
///
/// ```
/// use std::{sync::mpsc, time::Duration};
/// use exeunt::{Actor, Addr, Context, System};
///
/// struct Pass(Addr<u32>);
/// impl Actor for Pass {
///     type Msg = u32;
///     fn handle(&mut self, n: u32, _cx: &mut Context<Self>) -> exeunt::Result {
///         Ok(self.0.send(n)?)
///     }
/// }
///
/// struct Sink;
/// impl Actor for Sink {
///     type Msg = u32;
///     fn handle(&mut self, _n: u32, _cx: &mut Context<Self>) -> exeunt::Result {
///         Ok(())
///     }
/// }
///
/// let (unhandled, returned) = mpsc::channel();
/// let mut system = System::new("diamond");
/// let sink = system
///     .actor("sink")
///     .capacity(1024)
///     .drain_deadline(Duration::from_secs(10))
///     .returned(move |n| { let _ = unhandled.send(n); })
///     .spawn(Sink)?;
/// let left = system.actor("left").feeds(&sink).spawn(Pass(sink.clone()))?;
/// let right = system.actor("right").feeds(&sink).spawn(Pass(sink))?;
/// system.task("source").feeds(&left).feeds(&right).spawn(move |_cx| {
///     left.send(1)?;
///     right.send(2)?;
///     Ok(())
/// })?;
///
/// let report = system.wait();
/// assert_eq!(report.actor("sink").unwrap().handled, 2);
/// assert!(returned.try_recv().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is spawned before `spawn`"]
pub struct ActorBuilder<'a, M: Send + 'static> {
    pub(crate) common: Common<'a>,
    pub(crate) mailbox: MailboxOptions<M>,
    /// How many threads are to read its mailbox, if it is a pool.
    pub(crate) threads: Option<usize>,
}

impl<'a, M: Send + 'static> ActorBuilder<'a, M> {
    pub(crate) fn new(
        stage: &'a Arc<Stage>,
        parent: Option<&Arc<Life>>,
        name: &str,
    ) -> ActorBuilder<'a, M> {
        ActorBuilder {
            common: Common::new(stage, parent, name),
            mailbox: MailboxOptions::default(),
            threads: None,
        }
    }

    /// Sets how many messages its mailbox holds; [`DEFAULT_CAPACITY`](crate::DEFAULT_CAPACITY) unless set. An
    /// [`inbox`](ActorBuilder::inbox) keeps the capacity it was made with: to set another one is an error of
    /// [`spawn`](ActorBuilder::spawn).
    pub fn capacity(mut self, capacity: impl Into<Capacity>) -> Self {
        self.mailbox.capacity = Some(capacity.into());
        self
    }

    /// Lets its mailbox hold as many messages as there is memory for.
    pub fn unbounded(self) -> Self {
        self.capacity(Capacity::Unbounded)
    }

    /// Gives its mailbox a second lane, for [urgent](Addr::send_urgent) messages, which are handled
    /// before those that wait in the ordinary one. The lane has a capacity of its own, which is
    /// given here.
    ///
    /// The ordinary lane does not starve: while something waits there, not more than 8 urgent
    /// messages in a row go before it. In the actor's turn both lanes are handled to the last
    /// message.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use exeunt::{Actor, Context, Event, System};
    ///
    /// struct Desk(Event, mpsc::Sender<&'static str>);
    /// impl Actor for Desk {
    ///     type Msg = &'static str;
    ///     fn started(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
    ///         self.0.wait();
    ///         Ok(())
    ///     }
    ///     fn handle(&mut self, call: &'static str, _cx: &mut Context<Self>) -> exeunt::Result {
    ///         Ok(self.1.send(call)?)
    ///     }
    /// }
    ///
    /// let open = Event::new();
    /// let (calls, taken) = mpsc::channel();
    /// let mut system = System::new("desk");
    /// let desk = system.actor("desk").urgent(4).spawn(Desk(open.clone(), calls))?;
    /// desk.send("a question")?;
    /// desk.send_urgent("a fire")?;
    /// open.set();
    /// drop(system); // drains it
    /// assert_eq!(taken.iter().collect::<Vec<_>>(), ["a fire", "a question"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn urgent(mut self, capacity: impl Into<Capacity>) -> Self {
        self.mailbox.urgent = Some(capacity.into());
        self
    }

    /// Sets what a send does when the mailbox is full; it waits unless set. This also holds for an
    /// [`inbox`](ActorBuilder::inbox) that has no [overflow](Inbox::overflow) of its own, from the spawn on.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.mailbox.overflow = Some(overflow);
        self
    }

    /// Gives it a mailbox that was [made before it](crate::mailbox()), with a capacity.
    pub fn inbox(mut self, inbox: Inbox<M>) -> Self {
        self.mailbox.inbox = Some(inbox);
        self
    }

    /// Sets what becomes of messages that were accepted and will not be handled: those that were
    /// queued when the actor failed, met its deadline, or was abandoned, and those that a full
    /// mailbox [dropped](Overflow). Unless set, they are dropped.
    ///
    /// The hook runs on the actor's own thread; for an abandoned actor, on a thread of the
    /// system's; for a full mailbox, on the sender's; and for an actor that cannot be spawned,
    /// though something was sent to its [`inbox`](ActorBuilder::inbox), on the thread that was to
    /// spawn it. A panic in it is logged.
    pub fn returned(mut self, hook: impl FnMut(M) + Send + 'static) -> Self {
        self.mailbox.dead_letters = Some(Box::new(hook));
        self
    }

    pub(crate) fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Spawns the actor, and gives its address.
    ///
    /// Once the drain has begun, no actor is started, and the address is closed.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] names the actor and says what is wrong: a zero capacity, a name that no
    /// thread can have, wiring that makes no order possible, a group or an address of another
    /// system, options that contradict each other, a restart policy, since there is only this one
    /// value (use [`spawn_with`](ActorBuilder::spawn_with) then), or a thread that the operating
    /// system refused. What waits in its [`inbox`](ActorBuilder::inbox) is returned.
    pub fn spawn<A: Actor<Msg = M> + Send>(self, actor: A) -> Result<Addr<M>, SpawnError> {
        if self.common.restart.is_ever() || self.threads.is_some_and(|threads| threads > 1) {
            return Err(self.refused(SpawnCause::NotRestartable));
        }
        let mut actor = Some(actor);
        self.spawn_with(move || match actor.take() {
            Some(actor) => actor,
            None => unreachable!("who is never restarted is made once"),
        })
    }

    /// Spawns an actor whose value is made on its own thread, so that it need not be `Send`, and so that
    /// it can be made anew when the actor is [restarted](ActorBuilder::restart).
    ///
    /// A panic in `make` is a failure of the actor.
    ///
    /// ```
    /// use std::rc::Rc;
    /// use exeunt::{Actor, Context, System};
    ///
    /// struct Local(Rc<str>); // not Send
    /// impl Actor for Local {
    ///     type Msg = ();
    ///     fn handle(&mut self, _: (), cx: &mut Context<Self>) -> exeunt::Result {
    ///         assert_eq!(&*self.0, cx.name());
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let mut system = System::new("rc");
    /// let local = system.actor("local").spawn_with(|| Local(Rc::from("local")))?;
    /// local.send(())?;
    /// assert!(!system.shutdown().is_failure());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](ActorBuilder::spawn).
    pub fn spawn_with<A: Actor<Msg = M>>(
        self,
        make: impl FnMut() -> A + Send + 'static,
    ) -> Result<Addr<M>, SpawnError> {
        let unread = self.mailbox.open(&self.common.name);
        let unread = unread.map_err(|cause| self.common.error(cause))?;
        let mailbox = unread.mailbox();
        let address = Addr::new(Arc::clone(mailbox));
        let spawned = match self.threads {
            None => self.common.spawn_reader(mailbox, None, make),
            Some(threads) => self.common.spawn_pool(mailbox, threads, make),
        }?;
        if let Spawned::Yes(_) = spawned {
            unread.leave_to_its_reader();
        }
        Ok(address)
    }

    /// Spawns it for a caller that does not look at errors: an error makes the system fail, and the address is closed.
    pub(crate) fn spawn_or_fail<A: Actor<Msg = M> + Send>(self, actor: A) -> Addr<M> {
        let stage = self.common.stage;
        self.spawn(actor).unwrap_or_else(|error| {
            stage.shutdown(Reason::failure(error.name(), &error));
            // Without room it is closed from the start.
            let closed = Mailbox::new(Capacity::Bounded(0));
            closed.be_called(&error.name);
            Addr::new(closed)
        })
    }

    /// It cannot be spawned as it was described. What waits in its inbox is returned as it would
    /// have been.
    pub(crate) fn refused(self, cause: SpawnCause) -> SpawnError {
        drop(self.mailbox.open(&self.common.name));
        self.common.error(cause)
    }
}

impl<M: Send + 'static> fmt::Debug for ActorBuilder<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ActorBuilder").field(&self.common.name).finish()
    }
}
