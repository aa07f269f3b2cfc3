//! What there is to choose about actors and tasks alike, and how either is spawned then.

use std::sync::Arc;
use std::time::Duration;

use super::{ActorBuilder, TaskBuilder};
use crate::actor::Actor;
use crate::address::Addr;
#[cfg(doc)]
use crate::context::TaskContext;
use crate::deadline::OwnLimits;
use crate::error::{SpawnCause, SpawnError};
#[cfg(doc)]
use crate::group::GroupBuilder;
use crate::group::{Group, TOO_MANY_AT_NO_TIME};
use crate::life::Life;
use crate::mailbox::{Mailbox, MailboxId, Post};
use crate::order::Node;
use crate::pool::Front;
use crate::restart::{AutoShutdown, Restart};
use crate::runner;
use crate::stage::{self, Body, Part, Spawned, Stage};
use crate::supervision::Under;

/// What is chosen about actors and tasks alike.
#[derive(Clone)]
pub(crate) struct Common<'a> {
    pub(crate) stage: &'a Arc<Stage>,
    pub(crate) name: Arc<str>,
    /// Whose child it is to be.
    pub(crate) parent: Option<Arc<Life>>,
    pub(crate) restart: Restart,
    pub(crate) group: Option<Group>,
    pub(crate) is_significant: bool,
    pub(crate) feeds: Option<Vec<MailboxId>>,
    /// Each mailbox it feeds, with how many of the families above it, from its parent's on, that mailbox is outside of.
    pub(crate) feeds_outside: Vec<(MailboxId, usize)>,
    /// A mailbox of another system that it was to feed.
    pub(crate) foreign: Option<String>,
    pub(crate) after: Vec<String>,
    pub(crate) limits: OwnLimits,
    pub(crate) daemon: bool,
    pub(crate) stack_bytes: Option<usize>,
    /// Which of the threads that read its mailbox it is.
    pub(crate) seat: usize,
}

impl<'a> Common<'a> {
    pub(super) fn new(stage: &'a Arc<Stage>, parent: Option<&Arc<Life>>, name: &str) -> Common<'a> {
        Common {
            stage,
            name: name.into(),
            parent: parent.cloned(),
            restart: Restart::never(),
            group: None,
            is_significant: false,
            feeds: None,
            feeds_outside: Vec::new(),
            foreign: None,
            after: Vec::new(),
            limits: OwnLimits::default(),
            daemon: false,
            stack_bytes: None,
            seat: 0,
        }
    }

    fn feeds<T: Send + 'static>(&mut self, addr: &Addr<T>) {
        let mailbox = addr.mailbox();
        let owner = mailbox.owner.get();
        if owner.is_some_and(|owner| !Arc::ptr_eq(&owner.stage, self.stage)) {
            self.foreign = Some(addr.name().to_owned());
        }
        let is_inside = |above: &&Life| owner.is_some_and(|owner| owner.is_of_family(above));
        let above = self.parent.iter().flat_map(|parent| parent.with_ancestors());
        let families = above.take_while(|above| !is_inside(above)).count();
        self.feeds_outside.push((mailbox.id, families));
        self.feeds.get_or_insert_default().push(mailbox.id);
    }

    /// Spawns the thread that reads a mailbox, or one of those of a pool.
    pub(crate) fn spawn_reader<A: Actor>(
        self,
        mailbox: &Arc<Mailbox<A::Msg>>,
        front: Option<&Arc<Front>>,
        make: impl FnMut() -> A + Send + 'static,
    ) -> Result<Spawned, SpawnError> {
        let post: Arc<dyn Post> = Arc::clone(mailbox) as Arc<dyn Post>;
        let mailbox = Arc::clone(mailbox);
        let body = stage::body(|life| runner::act(life, mailbox, make));
        self.spawn(Some(post), front.cloned(), body)
    }

    /// Spawns the thread that does what `body` says.
    pub(crate) fn spawn(
        self,
        post: Option<Arc<dyn Post>>,
        front: Option<Arc<Front>>,
        body: Arc<dyn Body>,
    ) -> Result<Spawned, SpawnError> {
        self.check().map_err(|cause| self.error(cause))?;
        let mailbox = post.as_ref().map(|post| post.id());
        let part = Part {
            name: self.name,
            parent: self.parent,
            restart: self.restart,
            under: self.group.map_or(Under::System, |group| Under::Group(group.id)),
            is_significant: self.is_significant,
            front,
            post,
            feeds_outside: self.feeds_outside,
            node: Node { mailbox, feeds: self.feeds, after: Vec::new(), daemon: self.daemon },
            after: self.after,
            limits: self.limits,
            stack_bytes: self.stack_bytes,
            seat: self.seat,
        };
        self.stage.spawn(part, body)
    }

    /// Whether what was chosen fits together, whoever else is there.
    fn check(&self) -> Result<(), SpawnCause> {
        if let Some(foreign) = &self.foreign {
            return Err(SpawnCause::Foreign(foreign.clone()));
        }
        let parent = self.parent.as_ref().map(|parent| parent.index);
        if let Some(group) = self.group.as_ref().filter(|group| !group.is_of(self.stage, parent)) {
            return Err(SpawnCause::ForeignGroup(group.name().to_owned()));
        }
        self.pointless().map_or(Ok(()), |why| Err(SpawnCause::Pointless(why)))
    }

    /// Why something that was chosen for it could never have an effect, if that is so.
    fn pointless(&self) -> Option<String> {
        if self.restart.own_intensity().is_boundless() {
            return Some(TOO_MANY_AT_NO_TIME.to_owned());
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
        SpawnError { name: Arc::clone(&self.name), cause }
    }
}

/// Writes for both builders what is the same in both.
macro_rules! common {
    ($($builder:tt)+) => {
        $($builder)+ {
            /// Declares that it sends to `addr`, so that `addr`'s turn comes after its end. Whoever
            /// declares one address must declare all: an actor that it does not name does not wait
            /// for it. The address of an [attached](crate::Context::attach_inbox) inbox stands for
            /// its actor, if it is attached when the drain begins.
            ///
            /// What a [child](crate::Context::spawn) declares holds for those above it too, also when the child has
            /// left. But the order is made when the drain begins: what a child declares that is spawned after that
            /// comes too late, unless another child below the same parent has declared it before. So a parent that may
            /// spawn children in the drain declares itself what they feed:
            ///
            /// ```
            /// use exeunt::{Actor, Addr, Context, System};
            ///
            /// /// One child for each job, which sends what comes of it to the sink.
            /// struct Jobs(Addr<u32>);
            /// impl Actor for Jobs {
            ///     type Msg = u32;
            ///     fn handle(&mut self, n: u32, cx: &mut Context<Self>) -> exeunt::Result {
            ///         let sink = self.0.clone();
            ///         cx.task("job").feeds(&self.0).spawn(move |_cx| Ok(sink.send(n * n)?))?;
            ///         Ok(())
            ///     }
            /// }
            ///
            /// struct Sink;
            /// impl Actor for Sink {
            ///     type Msg = u32;
            ///     fn handle(&mut self, _n: u32, _cx: &mut Context<Self>) -> exeunt::Result { Ok(()) }
            /// }
            ///
            /// let mut system = System::new("jobs");
            /// let sink = system.actor("sink").feeds_nothing().spawn(Sink)?;
            /// let jobs = system.actor("jobs").feeds(&sink).spawn(Jobs(sink))?;
            /// (0..10).try_for_each(|n| jobs.send(n))?;
            /// let report = system.shutdown(); // most of the jobs begin in the drain
            /// assert_eq!(report.actor("sink").unwrap().handled, 10);
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            pub fn feeds<T: Send + 'static>(mut self, addr: &Addr<T>) -> Self {
                self.common.feeds(addr);
                self
            }

            /// Declares that it sends to nobody, so that nobody's turn waits for its end.
            pub fn feeds_nothing(mut self) -> Self {
                self.common.feeds.get_or_insert_default();
                self
            }

            /// Sets what becomes of it when it has failed, or ended voluntarily;
            /// [`Restart::never`] unless set. To be restarted it needs `spawn_with`, which tells how it
            /// is made anew.
            ///
            /// The mailbox and every address outlive a restart. The old incarnation's `stopped` hook has ended, its
            /// children have left and its value is dropped before the new one is made. In a drain an actor that fails
            /// goes on with its queue in the same way, within its intensity and without a backoff.
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
            /// Where that can have no effect, spawning is an error (see [`is_pointless`](SpawnError::is_pointless)):
            /// without a group, in a group that never leaves by itself, or if it is restarted
            /// [`always`](Restart::always).
            pub fn significant(mut self) -> Self {
                self.common.is_significant = true;
                self
            }

            /// Sets how long it may drain without finishing a message or showing another [sign of
            /// life](TaskContext::progress), instead of the system's limit. To wait for another
            /// actor or system that shows signs of life is no stall.
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
