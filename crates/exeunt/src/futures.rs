//! For async programs: a send, an ask, and the end of an actor or a system as futures, for any
//! executor.
//!
//! A future cannot wait in a `select!`. It leaves a waker, and whoever brings about what it waits for
//! wakes it: the answer its asker, the end of an actor or a system those who await it, the closing of a
//! mailbox its senders. A future looks, leaves its waker, and **looks again**: who brought it about in
//! between has not seen the waker, but what was brought about is seen by the second look.
//!
//! Only room in a mailbox comes about without anybody to tell of it, since a channel knows no wakers. So
//! a sender leaves its waker under a lock, and *then* rings the bell of the mailbox. The reader silences
//! its bell, and *then* looks, under the same lock, who waits. Either it finds the waker; or the waker
//! came after its look, and so the ring after the silencing: then the bell rings on, and there will be
//! another look. A look wakes as many as there is room for, and rings again for those who are left
//! ([`Mailbox::make_way`]). Thus a waker lies in the queue only while the bell rings, and nobody sleeps
//! on a ringing bell ([`Bell`](crate::mailbox::Bell)). A mailbox that nobody reads yet keeps its bell
//! ringing for its actor; one that nobody will read any more has been closed, which wakes all.
//!
//! A reader for whose room nobody waits pays nothing for all this: it looks at its bell in any case.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::address::Addr;
use crate::error::{AskError, SendError, SendTimeoutError, TrySendError, WaitError};
use crate::event::Event;
use crate::life;
use crate::mailbox::{self, Mailbox, Overflow};
use crate::reply::{Answer, NoAnswer, Reply};
use crate::report::{ActorReport, Report};
use crate::stage::Stage;
use crate::system::SystemHandle;
use crate::waiters::{Ticket, Waiters};

/// From async programs, with the feature `async`: the same as futures, which block no thread and ask
/// for no particular executor.
///
/// Wakers are called on the threads of the system; like everywhere, they must not block.
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
///     let ended = ledger.ended_async();
///     drop(ledger);
///     assert_eq!(ended.await.unwrap().handled, 3); // its last address is gone
///
///     let handle = system.handle();
///     handle.shutdown();
///     assert!(handle.ended_async().await?.is_complete());
///     Ok::<(), Box<dyn std::error::Error>>(())
/// };
/// block_on(program)?; // under tokio: `program.await?`
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<M: Send + 'static> Addr<M> {
    /// Sends a message as [`send`](Addr::send) does, and waits for room without a thread.
    ///
    /// What was [chosen](Overflow) for a full mailbox holds here too; a dead-letter hook is called on the
    /// thread that polls. Who waits is woken first come, first served, though others may be quicker to
    /// take the place. Like an address, the future keeps the actor alive until it is dropped.
    ///
    /// # Cancel safety
    ///
    /// Nothing is sent before the future is polled. A message was sent if, and only if, the future said
    /// so: dropped before, it drops the message unsent.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Addr::send), each with the message; [`Deadlock`](SendError::Deadlock) and
    /// [`Interrupted`](SendError::Interrupted) on the thread of an actor, which is then the one that
    /// sends.
    pub fn send_async(&self, message: M) -> SendFuture<M> {
        SendFuture { addr: self.clone(), message: Some(message), place: Place::new() }
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
        let knock = Arc::new(Waiters::default());
        let (reply, answer) = Reply::that_wakes(Waker::from(Arc::clone(&knock)));
        AskFuture { question: self.send_async(question(reply)), is_asked: false, answer, knock }
    }

    /// Waits until the actor has ended, and its thread with it, and gives its line of the report, which
    /// says how, as [`wait_ended`](Addr::wait_ended) does. `None` if nobody was ever spawned for this
    /// address, and nobody will be.
    ///
    /// The future does not keep the actor alive. It can be dropped at any time, and made again.
    ///
    /// # Panics
    ///
    /// The future, if an actor waits for its own end: when it is polled on that actor's thread.
    pub fn ended_async(&self) -> impl Future<Output = Option<ActorReport>> + Send + Unpin + use<M> {
        ActorEnd { mailbox: Arc::clone(self.mailbox()), ticket: Ticket::next() }
    }
}

/// From async programs, with the feature `async`.
impl SystemHandle {
    /// Waits for the end of the system without a thread, as [`wait`](SystemHandle::wait) does. It does not
    /// bring it about: that does [`shutdown`](SystemHandle::shutdown), a failure, or a signal.
    ///
    /// Dropping a [`System`](crate::System) that has not ended blocks until it has; one whose end was
    /// awaited can be dropped anywhere. The future can be dropped at any time, and made again.
    ///
    /// # Errors
    ///
    /// [`WaitError::Inside`] when it is polled on a thread of one of the system's own actors.
    pub fn ended_async(
        &self,
    ) -> impl Future<Output = Result<Report, WaitError>> + Send + Unpin + use<> {
        SystemEnd { stage: Arc::clone(&self.stage), ticket: Ticket::next() }
    }
}

/// Where a future stands in the queues of those who wake it.
struct Place {
    ticket: Ticket,
    /// The order to stop waiting, for the actor on whose thread it was polled last.
    order: Option<Event>,
}

impl Place {
    fn new() -> Place {
        Place { ticket: Ticket::next(), order: None }
    }

    /// Has the future woken when the actor that polls it, if it is one, must stop waiting.
    fn heed_orders(&mut self, waker: &Waker) {
        self.leave();
        if let Some(me) = life::current() {
            let order = self.order.insert(me.interruption());
            order.waiters().add(self.ticket, waker);
        }
    }

    fn leave(&mut self) {
        if let Some(order) = self.order.take() {
            order.waiters().remove(self.ticket);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

/// A send that waits for room without a thread. Made by [`Addr::send_async`].
#[must_use = "nothing is sent before it is awaited"]
pub struct SendFuture<M: Send + 'static> {
    addr: Addr<M>,
    /// Taken when it is sent, or given back.
    message: Option<M>,
    place: Place,
}

/// Nothing in it is pinned.
impl<M: Send + 'static> Unpin for SendFuture<M> {}

/// # Panics
///
/// When it is polled after it was ready.
impl<M: Send + 'static> Future for SendFuture<M> {
    type Output = Result<(), SendError<M>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().poll_send(cx.waker()).map_err(SendError::from)
    }
}

impl<M: Send + 'static> SendFuture<M> {
    fn poll_send(&mut self, waker: &Waker) -> Poll<Result<(), SendTimeoutError<M>>> {
        let mut sent = self.attempt();
        if sent.is_pending() {
            self.queue_up(waker);
            // The second look: the mailbox may have been closed before we were seen.
            sent = self.attempt();
        }
        if sent.is_ready() {
            self.leave();
        }
        sent
    }

    /// Sends if it can be done now; says so if it never can.
    fn attempt(&mut self) -> Poll<Result<(), SendTimeoutError<M>>> {
        let Some(message) = self.message.take() else {
            panic!("a send was polled after it was ready");
        };
        match self.addr.try_send(message) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(TrySendError::Full(message)) => match self.why_not_wait() {
                Some(refusal) => Poll::Ready(Err(refusal(message))),
                None => {
                    self.message = Some(message);
                    Poll::Pending
                }
            },
            Err(closed) => Poll::Ready(Err(SendTimeoutError::Closed(closed.into_message()))),
        }
    }

    /// There is no room: what keeps it from waiting for some, as it would keep a `send` from it.
    fn why_not_wait(&self) -> Option<fn(M) -> SendTimeoutError<M>> {
        let overflow = self.addr.mailbox().overflow();
        if overflow == Overflow::Refuse || overflow.drops() && mailbox::is_inside_a_hook() {
            return Some(SendTimeoutError::Full);
        }
        let me = life::current()?;
        if overflow == Overflow::Wait && self.addr.belongs_to(Some(&me)) {
            return Some(SendTimeoutError::Deadlock);
        }
        me.is_interrupted().then_some(SendTimeoutError::Interrupted)
    }

    fn queue_up(&mut self, waker: &Waker) {
        self.place.heed_orders(waker);
        self.addr.mailbox().queue_up(self.place.ticket, waker);
    }

    fn leave(&mut self) {
        self.place.leave();
        self.addr.mailbox().leave_queue(self.place.ticket);
    }
}

impl<M: Send + 'static> Drop for SendFuture<M> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<M: Send + 'static> fmt::Debug for SendFuture<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SendFuture").field(&self.addr.name()).finish()
    }
}

impl<M: Send + 'static> Mailbox<M> {
    /// Has a sender woken when there is room, when the dead-letter hook is free, and when neither
    /// is of any use any more.
    fn queue_up(&self, ticket: Ticket, waker: &Waker) {
        self.dead_letters.waiters.add(ticket, waker);
        self.room.add(ticket, waker);
        self.ring_all();
    }

    fn leave_queue(&self, ticket: Ticket) {
        self.room.remove(ticket);
        self.dead_letters.waiters.remove(ticket);
    }
}

/// An ask that waits without a thread. Made by [`Addr::ask_async`].
#[must_use = "nothing is asked before it is awaited"]
pub struct AskFuture<M: Send + 'static, R: Send + 'static> {
    question: SendFuture<M>,
    is_asked: bool,
    answer: Answer<R>,
    /// Where the [`Reply`] knocks when it is used or dropped.
    knock: Arc<Waiters>,
}

/// Nothing in it is pinned.
impl<M: Send + 'static, R: Send + 'static> Unpin for AskFuture<M, R> {}

impl<M: Send + 'static, R: Send + 'static> Future for AskFuture<M, R> {
    type Output = Result<R, AskError<M>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if !this.is_asked {
            if this.question.addr.belongs_to(life::current().as_deref()) {
                return Poll::Ready(Err(AskError::Deadlock));
            }
            match this.question.poll_send(cx.waker()) {
                Poll::Ready(Ok(())) => this.is_asked = true,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(AskError::NotSent(error))),
                Poll::Pending => return Poll::Pending,
            }
        }
        let mut end = this.look();
        if end.is_pending() {
            this.listen(cx.waker());
            end = this.look();
        }
        end
    }
}

impl<M: Send + 'static, R: Send + 'static> AskFuture<M, R> {
    fn mailbox(&self) -> &Mailbox<M> {
        self.question.addr.mailbox()
    }

    /// Whether it has come to its end, and how.
    fn look(&self) -> Poll<Result<R, AskError<M>>> {
        // Before the look at the answer: one that was given before the end counts.
        let has_ended = self.mailbox().ended.is_set();
        let none = match self.answer.take() {
            Ok(answer) => return Poll::Ready(Ok(answer)),
            Err(NoAnswer::Ever) => AskError::Unanswered,
            Err(NoAnswer::Yet) if has_ended => AskError::Ended,
            Err(NoAnswer::Yet) if is_interrupted() => AskError::Interrupted,
            Err(NoAnswer::Yet) => return Poll::Pending,
        };
        Poll::Ready(Err(none))
    }

    /// Has it woken by the answer, by the end of the asked, whoever keeps the [`Reply`] then, and by an
    /// order to stop.
    fn listen(&mut self, waker: &Waker) {
        let place = &mut self.question.place;
        place.heed_orders(waker);
        self.knock.add(place.ticket, waker);
        self.question.addr.mailbox().ended.waiters().add(place.ticket, waker);
    }
}

impl<M: Send + 'static, R: Send + 'static> Drop for AskFuture<M, R> {
    fn drop(&mut self) {
        let ticket = self.question.place.ticket;
        self.knock.remove(ticket);
        self.mailbox().ended.waiters().remove(ticket);
    }
}

impl<M: Send + 'static, R: Send + 'static> fmt::Debug for AskFuture<M, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = self.question.addr.name();
        f.debug_tuple("AskFuture").field(&asked).finish()
    }
}

/// Whether this thread is one of an actor that must not wait any more.
fn is_interrupted() -> bool {
    life::current().is_some_and(|me| me.is_interrupted())
}

/// The wait for the end of an actor.
struct ActorEnd<M: Send + 'static> {
    mailbox: Arc<Mailbox<M>>,
    ticket: Ticket,
}

impl<M: Send + 'static> Future for ActorEnd<M> {
    type Output = Option<ActorReport>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut end = self.look();
        if end.is_pending() {
            self.waiters().add(self.ticket, cx.waker());
            end = self.look();
        }
        end
    }
}

impl<M: Send + 'static> ActorEnd<M> {
    fn look(&self) -> Poll<Option<ActorReport>> {
        // First: who is there to end, was there before.
        let is_over = self.mailbox.ended.is_set();
        let Some(owner) = self.mailbox.owner.get() else {
            return if is_over { Poll::Ready(None) } else { Poll::Pending };
        };
        let is_mine = life::current().is_some_and(|me| Arc::ptr_eq(&me, owner));
        assert!(!is_mine, "`{}` waits for its own end", owner.name);
        owner.departure.look().map_or(Poll::Pending, Poll::Ready)
    }

    /// Who tells it of the end.
    fn waiters(&self) -> &Waiters {
        match self.mailbox.owner.get() {
            Some(owner) => &owner.departure.waiters,
            // Whoever will read it ends it; and if nobody will, that is its end too.
            None => self.mailbox.ended.waiters(),
        }
    }
}

impl<M: Send + 'static> Drop for ActorEnd<M> {
    fn drop(&mut self) {
        self.mailbox.ended.waiters().remove(self.ticket);
        if let Some(owner) = self.mailbox.owner.get() {
            owner.departure.waiters.remove(self.ticket);
        }
    }
}

/// The wait for the end of a system.
struct SystemEnd {
    stage: Arc<Stage>,
    ticket: Ticket,
}

impl Future for SystemEnd {
    type Output = Result<Report, WaitError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.stage.is_waited_for_from_outside()?;
        if !self.stage.has_ended() {
            self.stage.waiters.add(self.ticket, cx.waker());
            if !self.stage.has_ended() {
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(self.stage.published_report()))
    }
}

impl Drop for SystemEnd {
    fn drop(&mut self) {
        self.stage.waiters.remove(self.ticket);
    }
}
