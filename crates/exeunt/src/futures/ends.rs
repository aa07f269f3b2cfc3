//! The end of an actor and of a system as futures.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::error::WaitError;
use crate::life;
use crate::mailbox::Mailbox;
use crate::report::{ActorReport, Report};
use crate::stage::Stage;
use crate::waiters::{Ticket, Waiters};

pub(super) fn of_actor<M: Send + 'static>(
    mailbox: &Arc<Mailbox<M>>,
) -> impl Future<Output = Result<ActorReport, WaitError>> + Send + Unpin + use<M> {
    ActorEnd { mailbox: Arc::clone(mailbox), ticket: Ticket::next() }
}

pub(super) fn of_system(
    stage: &Arc<Stage>,
) -> impl Future<Output = Result<Report, WaitError>> + Send + Unpin + use<> {
    SystemEnd { stage: Arc::clone(stage), ticket: Ticket::next() }
}

/// The wait for the end of an actor.
struct ActorEnd<M: Send + 'static> {
    mailbox: Arc<Mailbox<M>>,
    ticket: Ticket,
}

impl<M: Send + 'static> Future for ActorEnd<M> {
    type Output = Result<ActorReport, WaitError>;

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
    fn look(&self) -> Poll<Result<ActorReport, WaitError>> {
        // First: who is there to end, was there before.
        let is_over = self.mailbox.ended.is_set();
        let Some(owner) = self.mailbox.owner.get() else {
            return if is_over { Poll::Ready(Err(WaitError::NotSpawned)) } else { Poll::Pending };
        };
        if life::current().is_some_and(|me| Arc::ptr_eq(&me, owner)) {
            return Poll::Ready(Err(WaitError::Inside));
        }
        match owner.departure.look() {
            Some(end) => Poll::Ready(end.ok_or(WaitError::NotSpawned)),
            None => Poll::Pending,
        }
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
