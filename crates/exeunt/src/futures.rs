//! For async programs: a send, an ask, an event, and the end of an actor or a system as futures, for any
//! executor.
//!
//! A future cannot wait in a `select!`. It leaves a waker, which is woken by what it waits for: an answer wakes its
//! asker, the end of an actor or a system those who await it, the closing of a mailbox its senders. A future looks,
//! leaves its waker, and **looks again**: what happened in between has not seen the waker, but the second look sees it.
//!
//! For room in a mailbox it waits in one queue with the threads that do (`mailbox/room.rs`).

use crate::address::Addr;
#[cfg(doc)]
use crate::error::SendError;
use crate::error::WaitError;
use crate::event::Event;
use crate::handle::ActorHandle;
#[cfg(doc)]
use crate::mailbox::Overflow;
use crate::reply::Reply;
use crate::report::{ActorReport, Report};
use crate::system::SystemHandle;
pub use ask::AskFuture;
pub use send::SendFuture;

mod send;
mod ask;
mod ends;

/// From async programs, with the feature `async`: the same as futures, which block no thread and ask
/// for no particular executor.
///
/// Wakers are called on the threads of the system; as everywhere, they must not block.
///
/// ```
/// use exeunt::{Actor, Context, Reply, System};
/// # fn block_on<F: Future>(future: F) -> F::Output {
/// #     struct Unpark(std::thread::Thread);
/// #     impl std::task::Wake for Unpark {
/// #         fn wake(self: std::sync::Arc<Self>) { self.0.unpark(); }
/// #     }
/// #     let waker = std::task::Waker::from(std::sync::Arc::new(Unpark(std::thread::current())));
/// #     let mut future = std::pin::pin!(future);
/// #     loop {
/// #         match future.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
/// #             std::task::Poll::Ready(output) => return output,
/// #             std::task::Poll::Pending => std::thread::park(),
/// #         }
/// #     }
/// # }
///
/// enum Account { Pay(u64), Balance(Reply<u64>) }
///
/// struct Ledger(u64);
/// impl Actor for Ledger {
///     type Msg = Account;
///     fn handle(&mut self, msg: Account, _cx: &mut Context<Self>) -> exeunt::Result {
///         match msg {
///             Account::Pay(amount) => self.0 += amount,
///             Account::Balance(reply) => { let _ = reply.send(self.0); }
///         }
///         Ok(())
///     }
/// }
///
/// let mut system = System::new("bank");
/// let ledger = system.spawn("ledger", Ledger(0));
/// let program = async {
///     ledger.send_async(Account::Pay(30)).await?;
///     ledger.send_async(Account::Pay(12)).await?;
///     assert_eq!(ledger.ask_async(Account::Balance).await?, 42);
///     let ended = ledger.wait_async();
///     drop(ledger);
///     assert_eq!(ended.await.unwrap().handled, 3); // its last address is gone
///
///     let handle = system.handle();
///     handle.shutdown();
///     assert!(handle.wait_async().await?.is_complete());
///     Ok::<(), Box<dyn std::error::Error>>(())
/// };
/// block_on(program)?; // under tokio: `program.await?`
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<M: Send + 'static> Addr<M> {
    /// Sends a message as [`send`](Addr::send) does, and waits for room without a thread.
    ///
    /// What was [chosen](Overflow) for a full mailbox holds here too; a dead-letter hook is called on the thread that
    /// polls. Waiting senders are woken in order of arrival; one that does not wait may still take the free place first.
    /// Like an address, the future keeps the actor alive until it is dropped.
    ///
    /// # Cancel safety
    ///
    /// Nothing is sent before the future is polled. A message was sent if, and only if, the future said so: a future
    /// that is dropped before drops the message unsent.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Addr::send), each with the message; [`Deadlock`](SendError::Deadlock) and
    /// [`Interrupted`](SendError::Interrupted) when it is polled on the thread of an actor, which
    /// is then the sender.
    pub fn send_async(&self, message: M) -> SendFuture<M> {
        SendFuture::new(self, message)
    }

    /// Asks as [`ask`](Addr::ask) does, and waits for room and for the answer without a thread.
    ///
    /// It always ends: with the answer, or with an error, at the latest when the asked actor ends. For a
    /// limit, use the executor's time-out.
    ///
    /// # Cancel safety
    ///
    /// `question` is called at once, but nothing is sent before the future is polled. Dropped later, it
    /// may leave behind a question that was accepted: that will be handled like any other, and its
    /// answer goes nowhere.
    ///
    /// # Errors
    ///
    /// Those of [`ask`](Addr::ask). On the thread of an actor they are the same as there.
    pub fn ask_async<R: Send + 'static>(
        &self,
        question: impl FnOnce(Reply<R>) -> M,
    ) -> AskFuture<M, R> {
        AskFuture::new(self, question)
    }

    /// Waits until the actor has ended, and its thread with it, and gives its line of the report, which says how, as
    /// [`wait`](Addr::wait) does. It also waits for an actor that is still to be spawned.
    ///
    /// The future does not keep the actor alive. It can be dropped at any time, and made again.
    ///
    /// # Errors
    ///
    /// [`WaitError::Inside`] if an actor waits for its own end: when it is polled on that actor's thread.
    /// [`WaitError::NotSpawned`] if no actor was ever spawned for this address, and none will be.
    pub fn wait_async(
        &self,
    ) -> impl Future<Output = Result<ActorReport, WaitError>> + Send + Unpin + use<M> {
        ends::of_actor(self.handle())
    }
}

/// From async programs, with the feature `async`.
impl ActorHandle {
    /// Waits until it has ended, and its thread with it, and gives its line of the report, as
    /// [`wait`](ActorHandle::wait) does. It also waits for an actor that is still to be spawned.
    ///
    /// The future can be dropped at any time, and made again.
    ///
    /// # Errors
    ///
    /// [`WaitError::Inside`] if an actor or a task waits for its own end: when it is polled on its thread.
    /// [`WaitError::NotSpawned`] if it was not spawned, and will not be.
    pub fn wait_async(
        &self,
    ) -> impl Future<Output = Result<ActorReport, WaitError>> + Send + Unpin + use<> {
        ends::of_actor(self.clone())
    }
}

/// From async programs, with the feature `async`.
impl Event {
    /// Waits until the event is set, without a thread: so async code hears of a
    /// [turn](crate::TaskContext::stopping) as a thread does.
    ///
    /// The future can be dropped at any time, and made again.
    ///
    /// ```
    /// use exeunt::System;
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     struct Unpark(std::thread::Thread);
    /// #     impl std::task::Wake for Unpark {
    /// #         fn wake(self: std::sync::Arc<Self>) { self.0.unpark(); }
    /// #     }
    /// #     let waker = std::task::Waker::from(std::sync::Arc::new(Unpark(std::thread::current())));
    /// #     let mut future = std::pin::pin!(future);
    /// #     loop {
    /// #         match future.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
    /// #             std::task::Poll::Ready(output) => return output,
    /// #             std::task::Poll::Pending => std::thread::park(),
    /// #         }
    /// #     }
    /// # }
    ///
    /// let mut system = System::new("service");
    /// let server = system.spawn_task("server", |cx| {
    ///     let serve = async { cx.stopping().wait_async().await }; // in a `tokio::select!`, say
    ///     block_on(serve); // under tokio: `runtime.block_on(serve)`
    ///     Ok(())
    /// });
    /// assert!(system.shutdown().is_complete() && server.has_ended());
    /// ```
    pub fn wait_async(&self) -> impl Future<Output = ()> + Send + Unpin + use<> {
        self.awaited()
    }
}

/// From async programs, with the feature `async`.
impl SystemHandle {
    /// Waits for the end of the system without a thread, as [`wait`](SystemHandle::wait) does. It does not bring the
    /// end about: [`shutdown`](SystemHandle::shutdown) does, a failure, or a signal.
    ///
    /// Dropping a [`System`](crate::System) that has not ended blocks until it has; one whose end was
    /// awaited can be dropped anywhere. The future can be dropped at any time, and made again.
    ///
    /// # Errors
    ///
    /// [`WaitError::Inside`] when it is polled on a thread of one of the system's own actors.
    pub fn wait_async(
        &self,
    ) -> impl Future<Output = Result<Report, WaitError>> + Send + Unpin + use<> {
        ends::of_system(&self.stage)
    }
}
