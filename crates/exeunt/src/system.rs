//! [`System`]: the owner of a set of actors, and how they end.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::actor::Actor;
use crate::address::Addr;
use crate::builder::{ActorBuilder, TaskBuilder};
use crate::context::TaskContext;
use crate::error::{self, WaitError};
use crate::exit::Exit;
use crate::group::GroupBuilder;
use crate::handle::ActorHandle;
use crate::notice::Notice;
use crate::report::{Reason, Report};
use crate::snapshot::ActorSnapshot;
use crate::stage::Stage;
use crate::unwind::lock;
use crate::watchdog;
pub use handle::SystemHandle;

mod handle;

/// Actors and tasks that begin one by one and leave in order.
///
/// Three ways to use it:
///
/// - [`run`](System::run) is the main function of a program: it takes the signals and ends in an
///   [`Exit`] for `main` to return.
/// - [`wait`](System::wait) is the same without signals.
/// - Embedded in a program with a life of its own, [`shutdown`](System::shutdown) drains now, and
///   so does dropping the system.
///
/// A system that is never dropped, in a `static` for example, is cut off where it stands when `main` returns; so is
/// every system when the program calls [`std::process::exit`].
///
/// # The order
///
/// An actor's turn to leave comes when every actor that can send to it has left: those that
/// declared it with [`feeds`](ActorBuilder::feeds), and, of those that declared nothing, all that
/// were spawned after it, since an actor can only have been given the addresses of those before
/// it. So with nothing declared the last one spawned leaves first, one by one; with the wiring
/// declared, what is independent drains side by side. A task has its turn at once.
///
/// Until its turn an actor's mailbox stays open for everybody. In its turn the mailbox closes,
/// what is queued is handled to the last message, the [`stopped`](Actor::stopped) hook runs, the
/// value is dropped, and the thread ends.
///
/// # The deadlines
///
/// The whole drain has a budget (30 s). Within it an actor may drain for as long as it makes
/// progress. It has met its deadline when it finishes no message for the stall limit (5 s), unless
/// it waits for another actor or system that makes progress, or when it is past a [deadline of its
/// own](ActorBuilder::drain_deadline). Half of the budget is divided among all and kept for those
/// whose turn is still to come. At its deadline an actor's remaining messages are returned, its
/// waits end with an error, and its `stopped` hook still runs. A thread that has not left its
/// handler a grace (1 s) later is abandoned: named, its mailbox emptied, and not waited for.
///
/// # Failures
///
/// An actor or task that fails begins the drain at once, also while nobody waits for the system.
///
/// # Examples
///
/// ```
/// use exeunt::{Actor, Context, System};
///
/// struct Tally { words: u64 }
///
/// impl Actor for Tally {
///     type Msg = String;
///
///     fn handle(&mut self, line: String, _cx: &mut Context<Self>) -> exeunt::Result {
///         self.words += line.split_whitespace().count() as u64;
///         Ok(())
///     }
/// }
///
/// let mut system = System::new("words");
/// let tally = system.spawn("tally", Tally { words: 0 });
/// system.spawn_task("source", move |cx| {
///     for line in ["to be", "or not", "to be"] {
///         if cx.stopping().is_set() { break; }
///         tally.send(line.to_owned())?;
///     }
///     Ok(())
/// });
/// let report = system.wait(); // both end by themselves
/// assert_eq!(report.actor("tally").unwrap().handled, 3);
/// ```
#[must_use = "dropping a system drains it"]
pub struct System {
    handle: SystemHandle,
}

impl System {
    /// Makes a system without actors. Its threads are started with the first of them.
    pub fn new(name: impl Into<String>) -> System {
        System { handle: SystemHandle::new(Arc::new(Stage::new(name.into()))) }
    }

    // What there is to set.

    /// Sets how long the whole drain may take; 30 s unless set.
    pub fn set_drain_budget(&mut self, budget: Duration) -> &mut System {
        lock(&self.handle.stage.limits).budget = budget;
        self
    }

    /// Sets how long an actor may drain without finishing a message; 5 s unless set.
    ///
    /// It can be set for [one actor](ActorBuilder::stall_limit) too. A stall is noticed late by at
    /// most a tenth of the limit, or 1 ms if that is more.
    pub fn set_stall_limit(&mut self, limit: Duration) -> &mut System {
        lock(&self.handle.stage.limits).stall = limit;
        self
    }

    /// Sets how long after its deadline an actor may take to leave before it is abandoned; 1 s
    /// unless set.
    pub fn set_grace(&mut self, grace: Duration) -> &mut System {
        lock(&self.handle.stage.limits).grace = grace;
        self
    }

    /// Adds a listener, which is told everything that happens from here on, in order.
    ///
    /// The listener runs on a thread of the system's own, so that a slow one holds up other listeners and nothing else;
    /// at the end of the system they are waited for, for a grace. A listener that panics is told nothing more. One that
    /// writes [`Notice`]s to `log` is always there; its target is `exeunt::` and the name of the system, so that
    /// `exeunt=debug` is for all systems of a process, and `exeunt::words=off` for one.
    ///
    /// If the operating system refuses the threads that serve the system, nobody is started and there is nothing to
    /// tell of: the system ends at once, and the [report](Report::reason) says why.
    ///
    /// What the listener captures lives as long as the system: an [`Addr`] in it keeps an actor
    /// from ending by itself, a [`WeakAddr`](crate::WeakAddr) does not.
    pub fn observe(&mut self, listener: impl FnMut(&Notice) + Send + 'static) -> &mut System {
        self.handle.stage.observe(Box::new(listener));
        self
    }

    /// Sets a watchdog, which names each actor that has been in one handler or hook, or in one wait for room or an
    /// answer, for longer than `limit` ([`Notice::Stuck`]), and those that wait for each other ([`Notice::Deadlock`]).
    /// There is none unless this is called.
    ///
    /// It does so at the latest one and a half limits after the wait or the handler began, and once: again only after
    /// one of those named has moved. It ends nothing; that is for a drain and its deadlines. A task is in its loop by
    /// nature, and only its waits are looked at. If an actor hands a [`Reply`](crate::Reply) on, the asker still counts
    /// as waiting for that actor, so that a deadlock may be only apparent if another one is to answer.
    ///
    /// The watchdog has a thread of its own, which ends with the system, looks four times in a `limit`, and sleeps in
    /// between. A look reads what the actors have written anyway; it costs them nothing. An actor that
    /// [labels](Actor::label) its messages has the one in question named best. Calling this again adds another
    /// watchdog, with a limit of its own.
    ///
    /// If the operating system refuses the thread, the system fails.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    /// use exeunt::{Actor, Context, Event, Notice, System};
    ///
    /// struct Slow(Event);
    /// impl Actor for Slow {
    ///     type Msg = u32;
    ///     fn label(_: &u32) -> Option<&'static str> { Some("number") }
    ///     fn handle(&mut self, _: u32, _cx: &mut Context<Self>) -> exeunt::Result {
    ///         self.0.wait();
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let (tell, told) = mpsc::channel();
    /// let mut system = System::new("watched");
    /// system.watchdog(Duration::from_millis(20)).observe(move |notice| {
    ///     if let Notice::Stuck { name, label: Some(label), .. } = notice {
    ///         let _ = tell.send((name.clone(), *label));
    ///     }
    /// });
    /// let go_on = Event::new();
    /// system.spawn("slow", Slow(go_on.clone())).send(1)?;
    /// assert_eq!(told.recv()?, ("slow".to_owned(), "number"));
    /// go_on.set();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn watchdog(&mut self, limit: Duration) -> &mut System {
        if let Err(error) = watchdog::start(self.handle(), limit) {
            self.handle.shutdown_because(Reason::failure("watchdog", &error));
        }
        self
    }

    // Who is in it.

    /// Spawns an actor with a mailbox of the [default capacity](crate::DEFAULT_CAPACITY) and gives
    /// its address. [`actor`](System::actor) is the long form, with all there is to choose, and a
    /// `Result`.
    ///
    /// If the operating system refuses the thread, the system fails, as if the actor had: the
    /// drain begins, the report says why, and the address is closed. The long form gives the error
    /// instead. Once the drain has begun, nobody is started and the address is closed.
    ///
    /// The address keeps the actor alive. If it is dropped at once, the actor starts, handles what has been sent to it,
    /// and ends, unless it holds an address, a timer or a channel of its own.
    pub fn spawn<A: Actor + Send>(&mut self, name: &str, actor: A) -> Addr<A::Msg> {
        self.actor(name).spawn_or_fail(actor)
    }

    /// Begins to describe an actor: capacity, wiring, limits, and then
    /// [`spawn`](ActorBuilder::spawn).
    ///
    /// The name is used in logs, reports and snapshots, and for its thread. Several actors may have the same; a
    /// [`lookup`](SystemHandle::lookup) finds the first of them.
    pub fn actor<M: Send + 'static>(&mut self, name: &str) -> ActorBuilder<'_, M> {
        ActorBuilder::new(&self.handle.stage, None, name)
    }

    /// Begins to describe a pool: an actor of several threads that read one mailbox, each with a value of
    /// its own that [`spawn_with`](ActorBuilder::spawn_with) makes. It has one address, leaves as one, and is
    /// one line of the report, with one for each thread below it.
    ///
    /// Whichever thread is free takes the next message: so messages of one sender are begun in the order in which they
    /// were sent (M3), and may be finished in another. To keep the order for each key, see
    /// [`spawn_keyed`](ActorBuilder::spawn_keyed). A restart policy holds for each thread alone; what is in the mailbox
    /// is returned only when the last thread ends. A pool has 4096 threads at most.
    ///
    /// The values are made one after the other: what takes long, or may hang, is for [`started`](Actor::started), where no
    /// thread waits for another.
    ///
    /// ```
    /// use std::time::Duration;
    /// use exeunt::{Actor, Context, System};
    ///
    /// struct Resize;
    /// impl Actor for Resize {
    ///     type Msg = u32;
    ///     fn handle(&mut self, _width: u32, cx: &mut Context<Self>) -> exeunt::Result {
    ///         Ok(cx.sleep(Duration::from_millis(2))?)
    ///     }
    /// }
    ///
    /// let mut system = System::new("pictures");
    /// let resize = system.pool("resize", 4).spawn_with(|| Resize)?;
    /// (0..16).try_for_each(|width| resize.send(width))?;
    /// let report = system.shutdown();
    /// let line = report.actor("resize").unwrap();
    /// assert_eq!((line.handled, line.threads.len()), (16, 4));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pool<M: Send + 'static>(&mut self, name: &str, threads: usize) -> ActorBuilder<'_, M> {
        self.actor(name).threads(threads)
    }

    /// Spawns a task: a loop of the user's own, on a thread of its own, that looks at
    /// [`stopping`](TaskContext::stopping) and returns. [`task`](System::task) is the long form. Its handle waits for
    /// its end, and can be dropped: the task goes on.
    ///
    /// If the operating system refuses the thread, the system fails, as for
    /// [`spawn`](System::spawn), and waiting for the task is an error.
    pub fn spawn_task(
        &mut self,
        name: &str,
        task: impl FnOnce(&TaskContext) -> error::Result + Send + 'static,
    ) -> ActorHandle {
        self.task(name).spawn_or_fail(task)
    }

    /// Begins to describe a task.
    pub fn task(&mut self, name: &str) -> TaskBuilder<'_> {
        TaskBuilder::new(&self.handle.stage, None, name)
    }

    /// Begins to describe a group of actors and tasks that are supervised together.
    pub fn group(&mut self, name: &str) -> GroupBuilder<'_> {
        GroupBuilder::new(&self.handle.stage, None, name)
    }

    /// What other threads and actors use to look at the system and to ask it for shutdown.
    #[must_use]
    pub fn handle(&self) -> SystemHandle {
        self.handle.clone()
    }

    /// Each actor's state, queue length and figures, in the order of spawning.
    #[must_use]
    pub fn snapshot(&self) -> Vec<ActorSnapshot> {
        self.handle.snapshot()
    }

    // How it ends.

    /// Runs until all but the daemons have ended, or SIGINT, SIGTERM or a failure begins the
    /// ordered drain; and then until the drain is over.
    ///
    /// The [`Exit`] is for `main` to return. It prints the report to standard error unless all
    /// actors and tasks ended well by themselves, and ends the process truthfully: after a signal
    /// by that signal.
    ///
    /// A signal that comes before `run` is called has its default effect, although actors may be at work. A program
    /// that begins with something that takes long, or is not to be lost, installs `Signals` before.
    ///
    /// On Windows Ctrl-C and Ctrl-Break are the signals (see the guide's [embedding](crate::guide::embedding#windows)).
    /// Without the feature `signals` it is [`wait`](System::wait): Ctrl-C ends the program at once, and nothing is
    /// drained, unless the program hears Ctrl-C by other means and then calls [`SystemHandle::shutdown`].
    ///
    /// # Errors
    ///
    /// If another system of the process has the signals, or on Windows the program itself has them, by `ctrlc`, this
    /// system fails: it drains, and the report says why. If this system has them already (see `Signals::install`), that
    /// is fine.
    pub fn run(self) -> Exit {
        #[cfg(all(any(unix, windows), feature = "signals"))]
        let _signals = match crate::Signals::default().install(&self.handle) {
            Ok(guard) => Some(guard),
            Err(error) if error.is_owned_by(&self.handle) => None,
            Err(error) => {
                self.handle.shutdown_because(Reason::failure("signals", &error));
                None
            }
        };
        Exit::from(self.wait())
    }

    /// Waits until all but the daemons have ended, or a failure or a
    /// [shutdown](SystemHandle::shutdown) begins the ordered drain; and then until the drain is
    /// over.
    ///
    /// In an actor of another system, the deadline of that actor begins the drain, too. Its stall limit is not met as long
    /// as this system gets on.
    pub fn wait(self) -> Report {
        let stage = &self.handle.stage;
        let report = match stage.wait_as_owner() {
            // The actor of this thread has no more time for it.
            Err(WaitError::Interrupted) => {
                self.handle.shutdown();
                stage.wait_out()
            }
            report => report,
        };
        // The error is that the system was moved into one of its own actors, which cannot wait for
        // its own end.
        report
            .unwrap_or_else(|error| stage.empty_report(Reason::failure(self.handle.name(), &error)))
    }

    /// Drains now, and gives the report.
    pub fn shutdown(self) -> Report {
        self.handle.shutdown();
        self.wait()
    }
}

/// Drains under the same deadlines as a shutdown.
impl Drop for System {
    fn drop(&mut self) {
        let stage = &self.handle.stage;
        if stage.is_dark() {
            // Nobody was ever spawned; but another thread may wait, or listen.
            stage.end_in_the_dark();
        }
        if !stage.has_ended() {
            self.handle.shutdown();
            // The error is that an actor dropped its own system: then it only asks.
            let _ = stage.wait_out();
        }
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("System").field(&self.handle.name()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_and_its_handles_say_their_name() {
        let system = System::new("hamlet");
        assert_eq!(format!("{system:?}"), "System(\"hamlet\")");
        assert_eq!(format!("{:?}", system.handle()), "SystemHandle(\"hamlet\")");
    }
}
