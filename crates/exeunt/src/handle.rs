//! [`ActorHandle`]: an actor or a task, whatever it takes, whose end can be waited for.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Select;

use crate::address::Addr;
use crate::asking::during;
#[cfg(doc)]
use crate::builder::TaskBuilder;
#[cfg(doc)]
use crate::context::Context;
use crate::departure::Watch;
use crate::error::WaitError;
use crate::life::{self, Activity, Life, Other};
use crate::mailbox::Post;
use crate::report::ActorReport;
#[cfg(doc)]
use crate::system::System;

/// An actor or a task, whatever it takes: its name, its end, and how to bring that about. It **keeps nobody alive**.
///
/// A task has no address: this is what [`spawn_task`](System::spawn_task) and [`TaskBuilder::spawn`] give.
/// [`Addr::handle`] gives that of an actor, to wait for its end without putting that off.
///
/// Clones are cheap and equal. Dropping it changes nothing.
///
/// # Examples
///
/// ```
/// use exeunt::{Ended, System, WaitError};
///
/// let mut system = System::new("import");
/// let import = system.spawn_task("import", |_cx| Err(exeunt::Error::msg("no such table")));
/// let report = import.wait()?;
/// assert_eq!(report.ended, Ended::Failed);
/// assert_eq!(report.error.as_deref(), Some("no such table"));
/// # Ok::<(), WaitError>(())
/// ```
#[derive(Clone)]
pub struct ActorHandle {
    whose: Whose,
}

#[derive(Clone)]
enum Whose {
    /// Of the actor that reads that mailbox, or will.
    Actor(Arc<dyn Post>),
    Task(Arc<Life>),
    /// Of a task of that name that was not started.
    Nobody(Arc<str>),
}

impl ActorHandle {
    pub(crate) fn of_actor(post: Arc<dyn Post>) -> ActorHandle {
        ActorHandle { whose: Whose::Actor(post) }
    }

    pub(crate) fn of_task(life: Arc<Life>) -> ActorHandle {
        ActorHandle { whose: Whose::Task(life) }
    }

    pub(crate) fn of_nobody(name: Arc<str>) -> ActorHandle {
        ActorHandle { whose: Whose::Nobody(name) }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.shared_name()
    }

    /// Its place in the order of spawning: see [`Addr::id`]. `None` if it is not spawned.
    #[must_use]
    pub fn id(&self) -> Option<usize> {
        self.owner().map(|owner| owner.index)
    }

    /// Asks for its turn now, as if a drain had come to it alone: its mailbox closes, what is queued is handled, its
    /// children leave, it ends; of a task, [`stopping`](crate::TaskContext::stopping) is set. It only asks, and returns.
    ///
    /// The limits are those of a drain. Before the actor is spawned, and after its end, nothing happens.
    ///
    /// ```
    /// use exeunt::{Ended, System, WaitError};
    ///
    /// let mut system = System::new("radio");
    /// let [news, music] = ["news", "music"].map(|name| {
    ///     system.spawn_task(name, |cx| {
    ///         cx.stopping().wait();
    ///         Ok(())
    ///     })
    /// });
    /// news.stop();
    /// assert_eq!(news.wait()?.ended, Ended::Completed);
    /// assert!(!music.has_ended()); // it goes on
    /// # Ok::<(), WaitError>(())
    /// ```
    pub fn stop(&self) {
        if let Some(owner) = self.owner() {
            owner.stage.stop(owner);
        }
    }

    /// Whether it has ended, and its thread with it; also if it was not spawned and never will be.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        match self.owner() {
            Some(owner) => owner.departure.look().is_some(),
            None => self.is_given_up(),
        }
    }

    /// Waits until it has ended, and its thread with it, and gives its line of the report, which says how. It does not
    /// bring the end about: [`stop`](ActorHandle::stop) does, or a drain; or it ends by itself.
    ///
    /// An actor that is not to block its thread [watches](Context::watch) instead.
    ///
    /// # Errors
    ///
    /// [`WaitError::Inside`] if an actor or a task waits for its own end, or for that of its pool or of an actor above
    /// it, which wait for it to leave; [`WaitError::Interrupted`] when the actor or task that waits must stop; and, at
    /// once, [`WaitError::NotSpawned`] if it is not spawned.
    pub fn wait(&self) -> Result<ActorReport, WaitError> {
        self.wait_by(None)
    }

    /// Waits as [`wait`](ActorHandle::wait) does, for `timeout` at most.
    ///
    /// If `timeout` is too long for the clock, there is no time limit.
    ///
    /// # Errors
    ///
    /// Those of [`wait`](ActorHandle::wait), and [`WaitError::Timeout`].
    pub fn wait_timeout(&self, timeout: Duration) -> Result<ActorReport, WaitError> {
        self.wait_by(Instant::now().checked_add(timeout))
    }

    fn shared_name(&self) -> &Arc<str> {
        match &self.whose {
            Whose::Actor(post) => post.name(),
            Whose::Task(life) => &life.name,
            Whose::Nobody(name) => name,
        }
    }

    fn wait_by(&self, deadline: Option<Instant>) -> Result<ActorReport, WaitError> {
        let me = life::current();
        if self.ends_after(me.as_deref()) {
            return Err(WaitError::Inside);
        }
        let watch = self.watch().ok_or(WaitError::NotSpawned)?;
        let activity =
            |me: &Life| Activity::Awaiting(Other::seen_by(me, self.shared_name(), self.owner()));
        during(me.as_deref(), activity, |interrupt| {
            let mut select = Select::new();
            let told = select.recv(&watch.receiver);
            if let Some(interrupt) = interrupt {
                select.recv(interrupt.receiver());
            }
            let ready = match deadline {
                None => select.ready(),
                Some(deadline) => {
                    select.ready_deadline(deadline).map_err(|_| WaitError::Timeout)?
                }
            };
            match ready == told {
                // It was to be spawned, and no thread was to be had for it.
                true => watch.receiver.try_recv().map_err(|_| WaitError::NotSpawned),
                false => Err(WaitError::Interrupted),
            }
        })
    }

    // What is behind it.

    pub(crate) fn owner(&self) -> Option<&Arc<Life>> {
        match &self.whose {
            Whose::Actor(post) => post.owner(),
            Whose::Task(life) => Some(life),
            Whose::Nobody(_) => None,
        }
    }

    #[cfg(feature = "async")]
    pub(crate) fn post(&self) -> Option<&Arc<dyn Post>> {
        match &self.whose {
            Whose::Actor(post) => Some(post),
            Whose::Task(_) | Whose::Nobody(_) => None,
        }
    }

    /// Whether nobody will be spawned for it any more, if nobody was.
    pub(crate) fn is_given_up(&self) -> bool {
        match &self.whose {
            Whose::Actor(post) => post.ended().is_set(),
            Whose::Task(_) => false,
            Whose::Nobody(_) => true,
        }
    }

    /// Whether it is `me`, its pool, or one above it: the lives that wait for `me` to leave.
    pub(crate) fn ends_after(&self, me: Option<&Life>) -> bool {
        me.zip(self.owner()).is_some_and(|(me, owner)| me.is_of_family(owner))
    }

    /// Where its end is told. `None` if there is nobody yet.
    pub(crate) fn watch(&self) -> Option<Watch> {
        self.owner().map(|owner| owner.departure.watch())
    }

    /// What tells it from others.
    fn address(&self) -> *const () {
        match &self.whose {
            Whose::Actor(post) => Arc::as_ptr(post).cast(),
            Whose::Task(life) => Arc::as_ptr(life).cast(),
            Whose::Nobody(name) => Arc::as_ptr(name).cast(),
        }
    }
}

impl<M: Send + 'static> Addr<M> {
    /// The actor without its messages: what waits for its end, and asks it to stop, and does not keep it alive.
    ///
    /// ```
    /// use exeunt::{Ended, System, WaitError};
    /// # use exeunt::{Actor, Context};
    /// # struct Session;
    /// # impl Actor for Session {
    /// #     type Msg = ();
    /// #     fn handle(&mut self, _: (), _cx: &mut Context<Self>) -> exeunt::Result { Ok(()) }
    /// # }
    ///
    /// let mut system = System::new("server");
    /// let session = system.spawn("session", Session).handle(); // and the address is dropped
    /// assert_eq!(session.wait()?.ended, Ended::Completed);
    /// # Ok::<(), WaitError>(())
    /// ```
    #[must_use]
    pub fn handle(&self) -> ActorHandle {
        ActorHandle::of_actor(Arc::clone(self.mailbox()) as Arc<dyn Post>)
    }
}

impl<M: Send + 'static> From<&Addr<M>> for ActorHandle {
    fn from(addr: &Addr<M>) -> ActorHandle {
        addr.handle()
    }
}

impl From<&ActorHandle> for ActorHandle {
    fn from(handle: &ActorHandle) -> ActorHandle {
        handle.clone()
    }
}

/// They are equal if they are of the same actor or task. (One from the address of an
/// [attached](Context::attach_inbox) inbox equals only others of that inbox.)
impl PartialEq for ActorHandle {
    fn eq(&self, other: &ActorHandle) -> bool {
        self.address() == other.address()
    }
}

impl Eq for ActorHandle {}

impl Hash for ActorHandle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address().hash(state);
    }
}

impl fmt::Debug for ActorHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ActorHandle").field(&self.name()).finish()
    }
}
