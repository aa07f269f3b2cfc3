//! [`ActorBuilder`] and [`TaskBuilder`]: all there is to choose when somebody is spawned.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::actor::Actor;
use crate::address::Addr;
use crate::capacity::Capacity;
use crate::context::TaskContext;
use crate::deadline::OwnLimits;
use crate::error::{self, SpawnCause, SpawnError};
use crate::group::Group;
#[cfg(doc)]
use crate::group::GroupBuilder;
use crate::life::{Life, Outcome};
use crate::mailbox::{DeadLetters, Inbox, Mailbox, MailboxId, Overflow, Post};
use crate::order::Node;
use crate::pool::Front;
use crate::restart::{AutoShutdown, Restart};
use crate::runner;
use crate::stage::{Part, Spawned, Stage};
use crate::supervision::Under;

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
    pub(crate) capacity: Capacity,
    pub(crate) urgent: Option<Capacity>,
    pub(crate) overflow: Overflow,
    pub(crate) inbox: Option<Inbox<M>>,
    pub(crate) dead_letters: Option<DeadLetters<M>>,
    /// How many are to read its mailbox, if it is a pool.
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
            capacity: Capacity::default(),
            urgent: None,
            overflow: Overflow::default(),
            inbox: None,
            dead_letters: None,
            threads: None,
        }
    }

    /// Sets how many messages its mailbox holds; [`DEFAULT_CAPACITY`](crate::DEFAULT_CAPACITY)
    /// unless set. Without effect if it has an [`inbox`](ActorBuilder::inbox) already.
    pub fn capacity(mut self, capacity: impl Into<Capacity>) -> Self {
        self.capacity = capacity.into();
        self
    }

    /// Lets its mailbox hold as many messages as there is memory for.
    pub fn unbounded(self) -> Self {
        self.capacity(Capacity::Unbounded)
    }

    /// Gives its mailbox a second lane, for [urgent](Addr::send_urgent) messages: they are handled
    /// before those that wait in the ordinary one. It holds so many of its own.
    ///
    /// The ordinary lane does not starve: while something waits there, not more than 8 urgent
    /// messages in a row go before it. When its turn comes, both lanes are handled to the last
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
    /// system.shutdown();
    /// assert_eq!(taken.iter().collect::<Vec<_>>(), ["a fire", "a question"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn urgent(mut self, capacity: impl Into<Capacity>) -> Self {
        self.urgent = Some(capacity.into());
        self
    }

    /// Sets what a send does when the mailbox is full; it waits unless set. This also holds for an
    /// [`inbox`](ActorBuilder::inbox), from here on.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    pub(crate) fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Gives it a mailbox that was [made before it](crate::mailbox()).
    pub fn inbox(mut self, inbox: Inbox<M>) -> Self {
        self.inbox = Some(inbox);
        self
    }

    /// Sets what becomes of messages that were accepted and will not be handled: those that were
    /// queued when the actor failed, met its deadline, or was abandoned, and those that a full
    /// mailbox [dropped](Overflow). Unless set, they are dropped.
    ///
    /// The hook runs on the actor's own thread; for an abandoned actor on a thread of the
    /// system's; for a full mailbox on the sender's. A panic in it is logged.
    pub fn returned(mut self, hook: impl FnMut(M) + Send + 'static) -> Self {
        self.dead_letters = Some(Box::new(hook));
        self
    }

    /// Spawns the actor, and gives its address.
    ///
    /// Once the drain has begun, nobody is started; the address is closed then.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] names the actor and says what is wrong: a zero capacity, a name that no
    /// thread can have, wiring that makes no order possible, options that contradict each other, a
    /// restart policy, since there is only this one value ([`spawn_with`](ActorBuilder::spawn_with)
    /// takes one), or a thread that the operating system refused.
    pub fn spawn<A: Actor<Msg = M> + Send>(self, actor: A) -> Result<Addr<M>, SpawnError> {
        if self.common.restart.is_ever() || self.threads.is_some_and(|threads| threads > 1) {
            return Err(self.common.error(SpawnCause::NotRestartable));
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
        let mailbox = match self.inbox {
            Some(inbox) => inbox.into_mailbox(),
            None => Mailbox::new(self.capacity),
        };
        // Whatever goes wrong from here on, who has the address must not wait for anybody.
        let unread = Unread(Some(mailbox));
        let mailbox = unread.mailbox();
        let address = Addr::new(Arc::clone(mailbox));
        for capacity in [Some(mailbox.capacity), self.urgent].into_iter().flatten() {
            if let (Capacity::Bounded(messages), false) = (capacity, capacity.is_fit_for::<M>()) {
                return Err(self.common.error(SpawnCause::Capacity(messages)));
            }
        }
        if let Some(capacity) = self.urgent {
            mailbox.open_urgent_lane(capacity);
        }
        if let Some(hook) = self.dead_letters {
            mailbox.set_dead_letters(hook);
        }
        mailbox.set_overflow(self.overflow);
        let spawned = match self.threads {
            None => self.common.spawn_reader(mailbox, make),
            Some(threads) => self.common.spawn_pool(mailbox, threads, make),
        }?;
        if let Spawned::Yes = spawned {
            unread.leave_to_its_reader();
        }
        Ok(address)
    }
}

/// Closes a mailbox that will have no reader after all.
struct Unread<M: Send + 'static>(Option<Arc<Mailbox<M>>>);

impl<M: Send + 'static> Unread<M> {
    fn mailbox(&self) -> &Arc<Mailbox<M>> {
        match &self.0 {
            Some(mailbox) => mailbox,
            None => unreachable!("taken only by what consumes it"),
        }
    }

    fn leave_to_its_reader(mut self) {
        self.0 = None;
    }
}

impl<M: Send + 'static> Drop for Unread<M> {
    fn drop(&mut self) {
        if let Some(mailbox) = self.0.take() {
            mailbox.abolish();
        }
    }
}

/// Describes a task, and spawns it.
///
/// # Examples
///
/// ```
/// use exeunt::System;
///
/// let mut system = System::new("tasks");
/// system.task("listener").spawn(|cx| {
///     cx.stopping().wait();
///     Ok(())
/// })?;
/// system.task("goodbye").after("listener").spawn(|cx| {
///     cx.stopping().wait(); // until the listener has ended
///     Ok(())
/// })?;
/// assert!(system.task("late").after("nobody").spawn(|_| Ok(())).unwrap_err().is_unknown_name());
///
/// let report = system.shutdown();
/// assert_eq!(report.actors[1].name, "goodbye");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is spawned before `spawn`"]
pub struct TaskBuilder<'a> {
    common: Common<'a>,
}

impl<'a> TaskBuilder<'a> {
    pub(crate) fn new(
        stage: &'a Arc<Stage>,
        parent: Option<&Arc<Life>>,
        name: &str,
    ) -> TaskBuilder<'a> {
        TaskBuilder { common: Common::new(stage, parent, name) }
    }

    /// Its turn comes when whoever bears that name (all of them, if there are several) has ended,
    /// and not at once. A daemon is not waited for, here as elsewhere.
    ///
    /// This counts as a declaration: it then holds back nobody but those that it
    /// [feeds](TaskBuilder::feeds).
    pub fn after(mut self, name: &str) -> Self {
        self.common.after.push(name.to_owned());
        self.common.feeds.get_or_insert_default();
        self
    }

    /// Spawns the task.
    ///
    /// Once the drain has begun, nobody is started.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] names the task and says what is wrong: a name that no thread can have, a
    /// name to come after that nobody bears, wiring that makes no order possible, a restart policy,
    /// since the task can be run only once, or a thread that the operating system refused.
    pub fn spawn(
        self,
        task: impl FnOnce(&TaskContext) -> error::Result + Send + 'static,
    ) -> Result<(), SpawnError> {
        if self.common.restart.is_ever() {
            return Err(self.common.error(SpawnCause::NotRestartable));
        }
        let mut task = Some(task);
        self.spawn_with(move |cx| match task.take() {
            Some(task) => task(cx),
            None => unreachable!("who is never restarted is run once"),
        })
    }

    /// Spawns a task that can be run anew when it is [restarted](TaskBuilder::restart).
    ///
    /// ```
    /// use exeunt::{Restart, System};
    ///
    /// let mut system = System::new("stubborn");
    /// let mut attempts = 0;
    /// system.task("dial").restart(Restart::on_failure().intensity(3, std::time::Duration::MAX)).spawn_with(
    ///     move |_cx| {
    ///         attempts += 1;
    ///         if attempts < 3 { Err(exeunt::Error::msg("engaged")) } else { Ok(()) }
    ///     },
    /// )?;
    /// let report = system.wait();
    /// assert_eq!(report.actor("dial").unwrap().restarts, 2);
    /// assert!(!report.is_failure());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](TaskBuilder::spawn).
    pub fn spawn_with(
        self,
        task: impl FnMut(&TaskContext) -> error::Result + Send + 'static,
    ) -> Result<(), SpawnError> {
        self.common.spawn(None, None, |life| move || runner::perform(life, task))?;
        Ok(())
    }
}

/// What actors and tasks have in common.
pub(crate) struct Common<'a> {
    pub(crate) stage: &'a Arc<Stage>,
    pub(crate) name: String,
    /// Whose child it is to be.
    pub(crate) parent: Option<Arc<Life>>,
    pub(crate) restart: Restart,
    pub(crate) group: Option<Group>,
    pub(crate) is_significant: bool,
    pub(crate) feeds: Option<Vec<MailboxId>>,
    /// A mailbox of another system that it was to feed.
    pub(crate) foreign: Option<String>,
    pub(crate) after: Vec<String>,
    pub(crate) limits: OwnLimits,
    pub(crate) daemon: bool,
    pub(crate) stack_bytes: Option<usize>,
}

impl<'a> Common<'a> {
    fn new(stage: &'a Arc<Stage>, parent: Option<&Arc<Life>>, name: &str) -> Common<'a> {
        Common {
            stage,
            name: name.to_owned(),
            parent: parent.cloned(),
            restart: Restart::never(),
            group: None,
            is_significant: false,
            feeds: None,
            foreign: None,
            after: Vec::new(),
            limits: OwnLimits::default(),
            daemon: false,
            stack_bytes: None,
        }
    }

    fn feeds<T: Send + 'static>(&mut self, addr: &Addr<T>) {
        let mailbox = addr.mailbox();
        let owner = mailbox.owner.get();
        if owner.is_some_and(|owner| !Arc::ptr_eq(&owner.stage, self.stage)) {
            self.foreign = Some(addr.name().to_owned());
        }
        self.feeds.get_or_insert_default().push(mailbox.id);
    }

    /// Spawns the one thread that reads a mailbox.
    fn spawn_reader<A: Actor>(
        self,
        mailbox: &Arc<Mailbox<A::Msg>>,
        make: impl FnMut() -> A + Send + 'static,
    ) -> Result<Spawned, SpawnError> {
        let post: Arc<dyn Post> = Arc::clone(mailbox) as Arc<dyn Post>;
        let mailbox = Arc::clone(mailbox);
        self.spawn(Some((mailbox.id, post)), None, |life| {
            mailbox.owner.get_or_init(|| Arc::clone(&life));
            move || runner::act(life, mailbox, 0, make)
        })
    }

    pub(crate) fn spawn<B: FnOnce() -> Outcome + Send + 'static>(
        self,
        post: Option<(MailboxId, Arc<dyn Post>)>,
        front: Option<Arc<Front>>,
        prepare: impl FnOnce(Arc<Life>) -> B,
    ) -> Result<Spawned, SpawnError> {
        if let Some(foreign) = &self.foreign {
            return Err(self.error(SpawnCause::Foreign(foreign.clone())));
        }
        let parent = self.parent.as_ref().map(|parent| parent.index);
        if let Some(group) = &self.group {
            if !Arc::ptr_eq(&group.stage, self.stage) || group.parent != parent {
                return Err(self.error(SpawnCause::ForeignGroup(group.name().to_owned())));
            }
        }
        if let Some(why) = self.pointless() {
            return Err(self.error(SpawnCause::Pointless(why)));
        }
        let (mailbox, post) = post.unzip();
        let node = Node { mailbox, feeds: self.feeds, after: Vec::new(), daemon: self.daemon };
        let part = Part {
            name: self.name.clone(),
            parent: self.parent,
            restart: self.restart,
            under: self.group.map_or(Under::System, |group| Under::Group(group.id)),
            is_significant: self.is_significant,
            front,
            post,
            node,
            after: self.after,
            limits: self.limits,
            stack_bytes: self.stack_bytes,
        };
        let name = self.name;
        self.stage.spawn(part, prepare).map_err(|cause| SpawnError { name, cause })
    }

    /// Why something that was chosen for it could never have an effect, if that is so.
    fn pointless(&self) -> Option<String> {
        if self.restart.own_intensity().is_boundless() {
            return Some("within no time at all there are never too many restarts".to_owned());
        }
        if !self.is_significant {
            return None;
        }
        match &self.group {
            None => Some("it is significant, but in no group".to_owned()),
            Some(group) if group.auto_shutdown == AutoShutdown::Never => Some(format!(
                "it is significant, but its group `{}` has no `auto_shutdown`",
                group.name()
            )),
            Some(_) if self.restart.is_always() => Some(
                "it is significant, but always restarted, so that it never leaves by itself"
                    .to_owned(),
            ),
            Some(_) => None,
        }
    }

    pub(crate) fn error(&self, cause: SpawnCause) -> SpawnError {
        SpawnError { name: self.name.clone(), cause }
    }
}

/// Writes for both builders what is the same in both.
macro_rules! common {
    ($($builder:tt)+) => {
        $($builder)+ {
            /// Declares that it sends to `addr`, so that `addr`'s turn comes after its end. Whoever
            /// declares one must declare all: what it does not name does not wait for it.
            pub fn feeds<T: Send + 'static>(mut self, addr: &Addr<T>) -> Self {
                self.common.feeds(addr);
                self
            }

            /// Declares that it sends to nobody, so that nobody's turn waits for its end.
            pub fn feeds_nothing(mut self) -> Self {
                self.common.feeds.get_or_insert_default();
                self
            }

            /// Sets what becomes of it when it has failed, or ended by its own wish;
            /// [`Restart::never`] unless set. To be restarted it needs `spawn_with`, which tells how it
            /// is made anew.
            ///
            /// The mailbox and every address outlive a restart. The old incarnation's `stopped` hook has
            /// ended, its children have left and its value is dropped before the new one is made. During
            /// a drain whoever fails goes on with its queue in the same way, within its intensity and
            /// without a backoff.
            pub fn restart(mut self, restart: Restart) -> Self {
                self.common.restart = restart;
                self
            }

            /// Puts it into a group, whose strategy and intensity hold for it then.
            pub fn within(mut self, group: &Group) -> Self {
                self.common.group = Some(group.clone());
                self
            }

            /// Makes it significant for its group: when it has left, for good and by itself, the group
            /// may [leave too](GroupBuilder::auto_shutdown).
            ///
            /// Where that cannot be, spawning it is an error (see
            /// [`is_pointless`](SpawnError::is_pointless)): without a group, in a group that never leaves
            /// by itself, or if it is restarted [`always`](Restart::always).
            pub fn significant(mut self) -> Self {
                self.common.is_significant = true;
                self
            }

            /// Sets how long it may drain without finishing a message or showing another
            /// [sign of life](TaskContext::progress), instead of the system's limit.
            pub fn stall_limit(mut self, limit: Duration) -> Self {
                self.common.limits.stall = Some(limit);
                self
            }

            /// Sets how long its turn may take in all, progress or not. There is none unless set.
            pub fn drain_deadline(mut self, deadline: Duration) -> Self {
                self.common.limits.deadline = Some(deadline);
                self
            }

            /// Makes it a daemon: nobody waits for it. After all others have ended it is told to
            /// stop, and the process may leave.
            pub fn daemon(mut self) -> Self {
                self.common.daemon = true;
                self
            }

            /// Sets the size of its thread's stack, instead of the default of the standard library.
            pub fn stack_size(mut self, bytes: usize) -> Self {
                self.common.stack_bytes = Some(bytes);
                self
            }
        }
    };
}

common!(impl<M: Send + 'static> ActorBuilder<'_, M>);
common!(impl TaskBuilder<'_>);

impl<M: Send + 'static> fmt::Debug for ActorBuilder<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ActorBuilder").field(&self.common.name).finish()
    }
}

impl fmt::Debug for TaskBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskBuilder").field(&self.common.name).finish()
    }
}
