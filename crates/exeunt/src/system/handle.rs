//! [`SystemHandle`]: what everybody but its owner has of a system.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::address::{Addr, WeakAddr};
use crate::error::{LookupError, WaitError};
use crate::event::Event;
use crate::mailbox::Mailbox;
use crate::notice::Notice;
use crate::report::{Reason, Report};
use crate::snapshot::{ActorSnapshot, Dump};
use crate::stage::Stage;
#[cfg(doc)]
use crate::system::System;

/// What threads and actors have of a system that is not theirs to end: they can look, ask for
/// shutdown, and, from outside, wait.
///
/// # Examples
///
/// ```
/// use exeunt::{System, WaitError};
///
/// let mut system = System::new("polite");
/// system.spawn_task("quitter", |cx| {
///     let handle = cx.system();
///     handle.shutdown(); // asks, and returns
///     assert_eq!(handle.wait().unwrap_err(), WaitError::Inside);
///     Ok(())
/// });
/// assert!(system.wait().is_complete());
/// ```
#[derive(Clone)]
pub struct SystemHandle {
    pub(crate) stage: Arc<Stage>,
}

impl SystemHandle {
    pub(crate) fn new(stage: Arc<Stage>) -> SystemHandle {
        SystemHandle { stage }
    }

    /// The name of the system.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.stage.name
    }

    /// The address of the actor of that name. If several share it, that of the first to be spawned that has not left
    /// and of which an address is left.
    ///
    /// A name keeps nobody alive, only an address does: an actor whose last address was dropped is not found. It is on
    /// its way out, or stays for a timer or a channel, and a [snapshot](SystemHandle::snapshot) still shows it.
    ///
    /// ```
    /// use exeunt::{LookupError, System};
    /// # use exeunt::{Actor, Context};
    /// # struct Store;
    /// # impl Actor for Store {
    /// #     type Msg = u32;
    /// #     fn handle(&mut self, _: u32, _cx: &mut Context<Self>) -> exeunt::Result { Ok(()) }
    /// # }
    ///
    /// let mut system = System::new("directory");
    /// let store = system.spawn("store", Store);
    /// let handle = system.handle();
    /// assert_eq!(handle.lookup::<u32>("store"), Ok(store.clone()));
    /// assert!(matches!(handle.lookup::<String>("store"), Err(LookupError::WrongType { .. })));
    /// assert!(matches!(handle.lookup::<u32>("shop"), Err(LookupError::Unknown { .. })));
    /// ```
    ///
    /// # Errors
    ///
    /// [`LookupError`] says whether there is no such actor, or whether it takes other messages. A task is not found,
    /// since it takes no messages; nor is an actor without an address left.
    pub fn lookup<M: Send + 'static>(&self, name: &str) -> Result<Addr<M>, LookupError> {
        let unknown = || LookupError::Unknown { name: name.to_owned() };
        let post = self.stage.find_post(name).ok_or_else(unknown)?;
        let takes = post.message_type();
        let mailbox = post.as_any().downcast::<Mailbox<M>>().map_err(|_| {
            let asked_for = std::any::type_name::<M>();
            LookupError::WrongType { name: name.to_owned(), takes, asked_for }
        })?;
        WeakAddr::new(mailbox).upgrade().ok_or_else(unknown)
    }

    /// Asks for the ordered drain, and returns at once. Asked twice, it is one drain.
    pub fn shutdown(&self) {
        self.shutdown_because(Reason::Shutdown);
    }

    /// Asks for the ordered drain with a reason for the report, as the signals do.
    ///
    /// The first reason counts; of a later [`Reason::Signal`], the signal is noted.
    ///
    /// Says whether the system was still there to hear it: `false` means that it has ended, and
    /// that its report does not tell of this call.
    pub fn shutdown_because(&self, reason: Reason) -> bool {
        self.stage.shutdown(reason)
    }

    /// Whether the drain has begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.stage.is_draining()
    }

    /// Set when the drain has begun, to be waited for beside other things. To set it by hand begins nothing.
    ///
    /// ```
    /// use exeunt::System;
    ///
    /// let system = System::new("program");
    /// let handle = system.handle();
    /// assert!(!handle.drain_began().is_set());
    /// drop(system.shutdown());
    /// assert!(handle.drain_began().is_set());
    /// ```
    #[must_use]
    pub fn drain_began(&self) -> &Event {
        self.stage.drain_began()
    }

    /// Whether the system has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.stage.has_ended()
    }

    /// Waits for the end of the system. It does not bring the end about: a system whose owner
    /// neither [waits](System::wait) nor drops it goes on, also when all its actors have ended.
    ///
    /// # Errors
    ///
    /// [`WaitError::Inside`] on a thread of one of the system's own actors; [`WaitError::Interrupted`] when the actor of
    /// another system that waits must stop.
    pub fn wait(&self) -> Result<Report, WaitError> {
        self.stage.wait(None)
    }

    /// Waits for the end of the system, for `timeout` at most.
    ///
    /// # Errors
    ///
    /// Those of [`wait`](SystemHandle::wait), and [`WaitError::Timeout`].
    pub fn wait_timeout(&self, timeout: Duration) -> Result<Report, WaitError> {
        self.stage.wait(Instant::now().checked_add(timeout))
    }

    /// Each actor's state, queue length and figures, in the order of spawning. The actors are not
    /// disturbed: it reads what they have written.
    #[must_use]
    pub fn snapshot(&self) -> Vec<ActorSnapshot> {
        self.stage.snapshot()
    }

    /// A table of all actors and tasks: what state each is in, what waits for it, and what it does,
    /// if it does anything.
    ///
    /// A signal of the program's choice prints it; see `Signals::snapshot_on`.
    ///
    /// ```
    /// use exeunt::System;
    ///
    /// let (tell, begun) = std::sync::mpsc::channel();
    /// let mut system = System::new("watched");
    /// system.spawn_task("reader", move |cx| {
    ///     tell.send(())?;
    ///     cx.stopping().wait();
    ///     Ok(())
    /// });
    /// begun.recv()?;
    /// let dump = system.handle().dump().to_string();
    /// assert!(dump.contains("reader"), "{dump}");
    /// assert!(dump.contains("in its loop"), "{dump}");
    /// # Ok::<(), std::sync::mpsc::RecvError>(())
    /// ```
    #[must_use]
    pub fn dump(&self) -> impl fmt::Display + use<> {
        Dump { system: self.name().to_owned(), actors: self.snapshot() }
    }

    pub(crate) fn emit(&self, notice: Notice) {
        self.stage.emit(|| notice);
    }
}

/// Two handles are equal if they are of the same system.
impl PartialEq for SystemHandle {
    fn eq(&self, other: &SystemHandle) -> bool {
        Arc::ptr_eq(&self.stage, &other.stage)
    }
}

impl Eq for SystemHandle {}

impl Hash for SystemHandle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.stage).hash(state);
    }
}

impl fmt::Debug for SystemHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SystemHandle").field(&self.name()).finish()
    }
}

#[cfg(test)]
mod tests {
    use crate::system::System;

    #[test]
    fn handles_are_equal_if_their_system_is_the_same_whatever_its_name() {
        let [one, other] = [(); 2].map(|()| System::new("hamlet"));
        assert_eq!(one.handle(), one.handle());
        assert_ne!(one.handle(), other.handle());
    }
}
