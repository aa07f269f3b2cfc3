//! What an actor ([`Context`]) and a task ([`TaskContext`]) know of themselves and their system.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::actor::Actor;
use crate::address::Addr;
use crate::agenda::Agenda;
use crate::builder::{ActorBuilder, TaskBuilder};
use crate::clock::Clock;
use crate::error::{self, Interrupted};
use crate::event::Event;
use crate::group::GroupBuilder;
use crate::handle::ActorHandle;
use crate::life::{self, Activity, Life};
use crate::mailbox::{Mailbox, Post};
use crate::report::ActorReport;
use crate::stopping::OnStopping;
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
    pub(crate) agenda: Agenda<A>,
    pub(crate) children_left: Vec<ActorReport>,
    pub(crate) mailbox: Arc<Mailbox<A::Msg>>,
    pub(crate) life: Arc<Life>,
    /// What the actor is shown of the events of the same name, when it looks for the first time: a child of each, so
    /// that only the system sets those that count.
    stopping: OnceLock<Event>,
    must_stop: OnceLock<Event>,
}

impl<A: Actor> Context<A> {
    pub(crate) fn new(life: Arc<Life>, mailbox: Arc<Mailbox<A::Msg>>, clock: Clock) -> Context<A> {
        let agenda = Agenda::new(clock, &mailbox, life.seat);
        let (stopping, must_stop) = (OnceLock::new(), OnceLock::new());
        Context { agenda, children_left: Vec::new(), mailbox, life, stopping, must_stop }
    }

    /// Ends whatever it waits for beside its mailbox. What was accepted there is returned.
    pub(crate) fn close_agenda(&mut self) {
        let Context { agenda, life, mailbox, .. } = self;
        let _expectation = mailbox.dead_letters.expect_letters();
        let (left, timers) = agenda.clear(life);
        life.count_cancelled(timers);
        if !left.is_empty() {
            life.in_hook(Activity::Returning, || mailbox.bury(left));
        }
    }

    /// The actor's own address.
    ///
    /// An actor that keeps it keeps itself alive: it will end with a drain, not by itself.
    ///
    /// In its turn the actor cannot send to itself any more: its mailbox is closed then to everybody but its children.
    /// A member of a [ring](crate::guide::cycles) still can, as it can send to the other members, until none of them
    /// has anything left to do; what it sends to itself is handled.
    #[must_use]
    pub fn addr(&self) -> Addr<A::Msg> {
        Addr::new(Arc::clone(&self.mailbox))
    }

    /// The actor as others see it, and what keeps nobody alive: to be handed to somebody who waits for its end. To the
    /// thread of a pool it is the pool.
    #[must_use]
    pub fn handle(&self) -> ActorHandle {
        ActorHandle::of_actor(Arc::clone(&self.mailbox) as Arc<dyn Post>)
    }

    /// The number of messages that wait in the mailbox.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.mailbox.len()
    }

    /// Set when its turn in the drain has come. An actor need not look, since its mailbox is closed and drained for it.
    /// Whoever sets it ends the waits for it, and nothing else: the actor itself asks for its end by
    /// [`stop`](Context::stop).
    ///
    /// In a ring, whose members declare that they feed each other, it is set only when all of them have come to rest
    /// and close together. A member that sends a new message for each one it handles looks at
    /// [`is_draining`](SystemHandle::is_draining) of [`system`](Context::system) instead, and stops sending them.
    #[must_use]
    pub fn stopping(&self) -> &Event {
        self.stopping.get_or_init(|| self.life.stopping.child())
    }

    /// The reports of the children that left in the actor's turn, or because it is to begin anew, in the order in which
    /// they ended. Children that had ended before are not among them. It is for the [`stopped`](Actor::stopped) hook;
    /// before the actor's turn it is empty.
    #[must_use]
    pub fn children_left(&self) -> &[ActorReport] {
        &self.children_left
    }

    /// Sleeps, and stops sleeping the moment the actor must stop.
    ///
    /// A drain alone does not end the sleep of an actor, since every accepted message is to be
    /// handled; its deadline does.
    ///
    /// # Errors
    ///
    /// [`Interrupted`] when the actor must stop. If the handler returns it, the message counts as
    /// failed, and the actor as overdue, not as failed.
    pub fn sleep(&self, duration: Duration) -> Result<(), Interrupted> {
        let until = self.life.interruption();
        if !until.is_set() && self.agenda.clock.pass(duration) {
            return Ok(());
        }
        sleep(&self.life, &until, duration)
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
    /// Set when the task's turn has come, or it is to begin anew.
    stopping: Event,
    must_stop: OnceLock<Event>,
}

impl TaskContext {
    pub(crate) fn new(life: Arc<Life>) -> TaskContext {
        let stopping = life.incarnation().child();
        TaskContext { life, stopping, must_stop: OnceLock::new() }
    }

    /// Set when the task is to return: its turn in the drain has come, or it is to begin anew
    /// together with others of its [group](crate::Group).
    ///
    /// Whoever sets it ends the task's own waits for it, and nothing else.
    #[must_use]
    pub fn stopping(&self) -> &Event {
        &self.stopping
    }

    /// The task as others see it: to be handed to somebody who waits for its end.
    #[must_use]
    pub fn handle(&self) -> ActorHandle {
        ActorHandle::of_task(Arc::clone(&self.life))
    }

    /// Sleeps, and stops sleeping the moment the task's turn comes.
    ///
    /// # Errors
    ///
    /// [`Interrupted`] when the task is to stop. A task that returns this error has not failed.
    pub fn sleep(&self, duration: Duration) -> Result<(), Interrupted> {
        sleep(&self.life, &self.stopping, duration)
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

            /// Its place in the order of spawning: see [`Addr::id`](crate::Addr::id). A thread of a pool has one of its
            /// own.
            #[must_use]
            pub fn id(&self) -> usize {
                self.life.index
            }

            /// Set when its deadline has passed. From then on it has the grace (one
            /// second unless set) to leave before it is abandoned. Sends, asks and sleeps that waited
            /// have ended with an error; a long computation may look at this event. Whoever else sets it ends the waits
            /// for it, and nothing else.
            #[must_use]
            pub fn must_stop(&self) -> &Event {
                self.must_stop.get_or_init(|| self.life.must_stop.child())
            }

            /// A sign of life: tells a drain that something was achieved although no message was finished. The stall
            /// limit begins anew, for it and for those who wait for room in its mailbox. It is for long handlers and
            /// hooks, and for tasks that flush.
            pub fn progress(&self) {
                self.life.sign_of_life();
            }

            /// Calls a closure that blocks, and reports the actor or task as waiting for `what` until it returns:
            /// whatever shows what the actor or task is doing ([`doing`](crate::ActorSnapshot::doing), the watchdog, the
            /// report of one that was given up) shows "waiting for" and these words, and that it
            /// [waits](crate::ActorSnapshot::is_waiting) and is not busy. Returns what the closure returns.
            ///
            /// It only tells: no order ends the wait, which ends by itself or by what
            /// [`on_stopping`](Self::on_stopping) does, and the deadlines are those of any code of the actor's. Sleeps,
            /// sends, asks and waits for another actor's end tell of themselves. It costs two short locks.
            ///
            /// ```
            /// use std::io::Read;
            /// use std::net::{TcpListener, TcpStream};
            /// use exeunt::System;
            ///
            /// let listener = TcpListener::bind("127.0.0.1:0")?;
            /// let client = TcpStream::connect(listener.local_addr()?)?;
            /// let (mut stream, _) = listener.accept()?;
            ///
            /// let mut system = System::new("server");
            /// system.spawn_task("connection", move |cx| {
            ///     let mut bytes = [0; 1024];
            ///     while cx.waiting_for("the client", || stream.read(&mut bytes))? > 0 {
            ///         // ...
            ///     }
            ///     Ok(())
            /// });
            /// while !system.snapshot()[0].is_waiting {
            ///     std::thread::yield_now();
            /// }
            /// assert_eq!(system.snapshot()[0].doing, "waiting for the client");
            /// drop(client); // hangs up
            /// assert!(system.wait().is_complete());
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn waiting_for<R>(&self, what: &'static str, wait: impl FnOnce() -> R) -> R {
                self.life.during(Activity::WaitingFor(what), wait)
            }

            /// Asks for its own turn, as if a drain had come to it: what is queued is handled, the
            /// children leave, and it ends. It only asks, and returns.
            ///
            /// With the restart policy [`always`](crate::Restart::always) it begins anew instead.
            pub fn stop(&self) {
                self.life.stage.stop(&self.life);
            }

            /// Has a closure called when the actor's or task's turn has come, or it is to begin anew, or must stop. The
            /// closure ends a call that blocks where no [`Event`] reaches: a read of a socket, say. Dropping the
            /// returned value takes the closure back, which happens by itself if it is a local variable or a field of
            /// the actor. From then on the closure is not called any more, though it may be running.
            ///
            /// It costs a thread, called `<name>/stopping`, that waits until then and calls the closure. Nobody waits
            /// for that thread. A panic of the closure ends the thread, and nothing else.
            ///
            /// An actor's turn does not end the handling of a message, nor should it: the closure is for a call that
            /// might otherwise block for ever. For iterators there is [`interrupts`](Event::interrupts), which needs no
            /// such closure, but leaves its thread behind.
            ///
            /// ```
            /// use std::io::Read;
            /// use std::net::{Shutdown, TcpListener, TcpStream};
            /// use exeunt::System;
            ///
            /// let listener = TcpListener::bind("127.0.0.1:0")?;
            /// let client = TcpStream::connect(listener.local_addr()?)?;
            /// let (mut stream, _) = listener.accept()?;
            ///
            /// let mut system = System::new("server");
            /// system.spawn_task("connection", move |cx| {
            ///     let socket = stream.try_clone()?;
            ///     // What the client has sent is still read, and can be answered; then comes the end.
            ///     let _no_more = cx.on_stopping(move || { let _ = socket.shutdown(Shutdown::Read); })?;
            ///     let mut bytes = [0; 1024];
            ///     while stream.read(&mut bytes)? > 0 {
            ///         // ...
            ///     }
            ///     Ok(()) // the client has hung up, or we have
            /// });
            /// assert!(system.shutdown().is_complete()); // although the client says nothing
            /// # drop(client);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            ///
            /// # Errors
            ///
            /// The operating system's, if it refuses the thread; the error names the thread. The closure is dropped
            /// then.
            pub fn on_stopping(
                &self,
                call: impl FnOnce() + Send + 'static,
            ) -> io::Result<OnStopping> {
                OnStopping::new(&self.life, call)
            }

            /// Spawns a child, with a mailbox of the default capacity. [`actor`](Self::actor) is the
            /// long form.
            ///
            /// A child belongs to its parent's present incarnation. It leaves in the parent's turn, when the parent's
            /// queue is handled and before its `stopped` hook, last spawned first. Its messages to the parent are taken
            /// until then. If it fails, and no policy absorbs that, its parent fails with it.
            ///
            /// ```
            /// use exeunt::{Actor, Addr, Context, System};
            ///
            /// struct Clerk;
            /// impl Actor for Clerk {
            ///     type Msg = u32;
            ///     fn handle(&mut self, _: u32, _cx: &mut Context<Self>) -> exeunt::Result { Ok(()) }
            /// }
            ///
            /// struct Office(Vec<Addr<u32>>);
            /// impl Actor for Office {
            ///     type Msg = u32;
            ///     fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
            ///         self.0.extend(["left", "right"].map(|name| cx.spawn(name, Clerk)));
            ///         Ok(())
            ///     }
            ///     fn handle(&mut self, n: u32, _cx: &mut Context<Self>) -> exeunt::Result {
            ///         Ok(self.0[n as usize % 2].send(n)?)
            ///     }
            ///     fn stopped(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
            ///         assert_eq!(cx.children_left()[0].name, "right");
            ///         Ok(())
            ///     }
            /// }
            ///
            /// let mut system = System::new("office");
            /// let office = system.spawn("office", Office(Vec::new()));
            /// (0..10).try_for_each(|n| office.send(n))?;
            /// let report = system.shutdown();
            /// assert_eq!(report.actor("left").unwrap().handled, 5);
            /// assert!(!report.is_failure());
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            ///
            /// A child whose parent has told its children to leave is not started, and its address is closed.
            /// If the operating system refuses the thread, the system fails.
            pub fn spawn<B: Actor + Send>(&self, name: &str, child: B) -> Addr<B::Msg> {
                self.actor(name).spawn_or_fail(child)
            }

            /// Begins to describe a child.
            pub fn actor<M: Send + 'static>(&self, name: &str) -> ActorBuilder<'_, M> {
                ActorBuilder::new(&self.life.stage, Some(&self.life), name)
            }

            /// Begins to describe a [pool](crate::System::pool) of children.
            pub fn pool<M: Send + 'static>(
                &self,
                name: &str,
                threads: usize,
            ) -> ActorBuilder<'_, M> {
                self.actor(name).threads(threads)
            }

            /// Begins to describe a group of its children that are supervised together.
            pub fn group(&self, name: &str) -> GroupBuilder<'_> {
                GroupBuilder::new(&self.life.stage, Some(&self.life), name)
            }

            /// Spawns a child that is a task, and gives its handle.
            pub fn spawn_task(
                &self,
                name: &str,
                task: impl FnOnce(&TaskContext) -> error::Result + Send + 'static,
            ) -> ActorHandle {
                self.task(name).spawn_or_fail(task)
            }

            /// Begins to describe a child that is a task.
            pub fn task(&self, name: &str) -> TaskBuilder<'_> {
                TaskBuilder::new(&self.life.stage, Some(&self.life), name)
            }

            /// The system it belongs to, to ask it for shutdown, for example.
            #[must_use]
            pub fn system(&self) -> SystemHandle {
                SystemHandle::new(Arc::clone(&self.life.stage))
            }
        }
    };
}

/// The same as the contexts' [`waiting_for`](TaskContext::waiting_for), for code that has no context at hand. It tells
/// of the actor or task whose thread this is.
///
/// It is for libraries, whose waits should not look like work of their callers. On a thread of no actor or task it only
/// calls the closure.
///
/// ```
/// use std::sync::mpsc;
/// use exeunt::System;
///
/// /// Of a library that knows nothing of actors.
/// fn next_job(jobs: &mpsc::Receiver<u32>) -> Option<u32> {
///     exeunt::waiting_for("a job", || jobs.recv().ok())
/// }
///
/// let (submit, jobs) = mpsc::channel();
/// let mut system = System::new("workshop");
/// system.spawn_task("worker", move |_cx| {
///     while let Some(job) = next_job(&jobs) {
///         println!("job {job}");
///     }
///     Ok(())
/// });
/// submit.send(1)?;
/// while system.snapshot()[0].doing != "waiting for a job" {
///     std::thread::yield_now();
/// }
/// drop(submit);
/// assert!(system.wait().is_complete());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn waiting_for<R>(what: &'static str, wait: impl FnOnce() -> R) -> R {
    match life::current() {
        Some(me) => me.during(Activity::WaitingFor(what), wait),
        None => wait(),
    }
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
