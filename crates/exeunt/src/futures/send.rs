//! A send as a future.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::address::Addr;
use crate::error::{SendError, SendTimeoutError, TrySendError};
use crate::event::Event;
use crate::life;
use crate::mailbox::{self, Mailbox, Overflow, Waiter};
use crate::place::Place;
use crate::waiters::Ticket;

/// What makes a refusal of a message, with the name of the actor it was for.
type Reason<M> = fn(M, Arc<str>) -> SendTimeoutError<M>;

/// A send that waits for room without a thread. Made by [`Addr::send_async`].
#[must_use = "nothing is sent before it is awaited"]
pub struct SendFuture<M: Send + 'static> {
    pub(super) addr: Addr<M>,
    /// Taken when it is sent, or given back.
    message: Option<M>,
    pub(super) place: Place,
}

/// Nothing in it is pinned.
impl<M: Send + 'static> Unpin for SendFuture<M> {}

/// # Panics
///
/// When it is polled after it was ready.
impl<M: Send + 'static> Future for SendFuture<M> {
    type Output = Result<(), SendError<M>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().poll_send(cx.waker()).map_err(SendTimeoutError::without_a_timeout)
    }
}

impl<M: Send + 'static> SendFuture<M> {
    pub(super) fn new(addr: &Addr<M>, message: M) -> SendFuture<M> {
        SendFuture { addr: addr.clone(), message: Some(message), place: Place::new() }
    }

    pub(super) fn poll_send(&mut self, waker: &Waker) -> Poll<Result<(), SendTimeoutError<M>>> {
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
        let message = self.take_message();
        match self.addr.try_send(message) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(TrySendError::Full(message, _)) if self.addr.mailbox().is_deaf() => {
                Poll::Ready(Err(self.addr.closed(message)))
            }
            Err(TrySendError::Full(message, name)) => match self.why_not_wait() {
                Some(refusal) => Poll::Ready(Err(refusal(message, name))),
                None => {
                    self.message = Some(message);
                    Poll::Pending
                }
            },
            Err(TrySendError::Closed(message, name) | TrySendError::NoLane(message, name)) => {
                Poll::Ready(Err(SendTimeoutError::Closed(message, name)))
            }
        }
    }

    pub(super) fn take_message(&mut self) -> M {
        match self.message.take() {
            Some(message) => message,
            None => panic!("a send was polled after it was ready"),
        }
    }

    /// There is no room: why it may not wait for some, as a `send` might not.
    fn why_not_wait(&self) -> Option<Reason<M>> {
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
        let mailbox = self.addr.mailbox();
        self.place.heed(mailbox.ends_for_this_thread(), waker);
        mailbox.queue_up(self.place.ticket, waker);
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
    /// Whether its reader makes no room, and answers nothing, before the actor on whose thread this is has left.
    pub(super) fn is_deaf(&self) -> bool {
        self.deafness().is_some_and(|deafness| deafness.is_set())
    }

    /// What tells the actor on whose thread this is to wait no longer: its own order, and that the mailbox's reader
    /// waits for it to leave.
    pub(super) fn ends_for_this_thread(&self) -> [Option<Event>; 2] {
        [life::current().map(|me| me.interruption()), self.deafness()]
    }

    /// Has a sender woken when there is room, when the dead-letter hook is free, and when neither
    /// is of any use any more.
    fn queue_up(&self, ticket: Ticket, waker: &Waker) {
        self.dead_letters.waiters.add(ticket, waker);
        self.ordinary.queue_up(ticket, Waiter::Future(waker.clone()));
    }

    fn leave_queue(&self, ticket: Ticket) {
        self.ordinary.leave_queue(ticket);
        self.dead_letters.waiters.remove(ticket);
    }
}
