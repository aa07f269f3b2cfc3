//! [`TaskBuilder`]: a task, which has no mailbox.

use std::fmt;
use std::sync::Arc;

use super::common::Common;
use crate::context::TaskContext;
use crate::error::{self, SpawnCause, SpawnError};
use crate::handle::ActorHandle;
use crate::life::Life;
use crate::report::Reason;
use crate::runner;
use crate::stage::{self, Spawned, Stage};

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
    pub(super) common: Common<'a>,
}

impl<'a> TaskBuilder<'a> {
    pub(crate) fn new(
        stage: &'a Arc<Stage>,
        parent: Option<&Arc<Life>>,
        name: &str,
    ) -> TaskBuilder<'a> {
        TaskBuilder { common: Common::new(stage, parent, name) }
    }

    /// The task's turn comes only after the actor or task of that name has ended (all of them, if there are
    /// several, and all threads of a pool). The name is looked for among those that were spawned before it under the
    /// same parent, or without one if it has none. A daemon is not waited for, here as elsewhere.
    ///
    /// This counts as a declaration: the task then holds back nobody but those that it
    /// [feeds](TaskBuilder::feeds). A task that sends to an actor declares that as well, or is
    /// refused when the actor has left.
    pub fn after(mut self, name: &str) -> Self {
        self.common.after.push(name.to_owned());
        self.common.feeds.get_or_insert_default();
        self
    }

    /// Spawns the task, and gives its handle: what waits for its end, and asks it to stop.
    ///
    /// Once the drain has begun, no task is started, and waiting for it is an error
    /// ([`NotSpawned`](crate::WaitError::NotSpawned)).
    ///
    /// ```
    /// use std::time::Duration;
    /// use exeunt::{System, WaitError};
    ///
    /// let mut system = System::new("night");
    /// let backup = system.task("backup").spawn(|cx| Ok(cx.sleep(Duration::from_secs(3600))?))?;
    /// assert_eq!(backup.wait_timeout(Duration::from_millis(1)), Err(WaitError::Timeout));
    /// backup.stop(); // not tonight; the others go on
    /// assert!(backup.wait()?.error.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SpawnError`] names the task and says what is wrong: a name that no thread can have, an
    /// `after` that names nobody, wiring that makes no order possible, a group or an
    /// address of another system, options that contradict each other, a restart policy, since the
    /// task can be run only once, or a thread that the operating system refused.
    pub fn spawn(
        self,
        task: impl FnOnce(&TaskContext) -> error::Result + Send + 'static,
    ) -> Result<ActorHandle, SpawnError> {
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
    ) -> Result<ActorHandle, SpawnError> {
        let name = Arc::clone(&self.common.name);
        let body = stage::body(|life| runner::perform(life, task));
        Ok(match self.common.spawn(None, None, body)? {
            Spawned::Yes(life) => ActorHandle::of_task(life),
            Spawned::TooLate => ActorHandle::of_nobody(name),
        })
    }

    /// Spawns it for a caller that does not look at errors: an error makes the system fail.
    pub(crate) fn spawn_or_fail(
        self,
        task: impl FnOnce(&TaskContext) -> error::Result + Send + 'static,
    ) -> ActorHandle {
        let stage = self.common.stage;
        self.spawn(task).unwrap_or_else(|error| {
            stage.shutdown(Reason::failure(error.name(), &error));
            ActorHandle::of_nobody(error.name)
        })
    }
}

impl fmt::Debug for TaskBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskBuilder").field(&self.common.name).finish()
    }
}
