//! The end of an actor and of a system as futures.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::error::WaitError;
use crate::handle::ActorHandle;
use crate::life;
use crate::report::{ActorReport, Report};
use crate::stage::Stage;
use crate::waiters::{Ticket, Waiters};

pub(super) fn of_actor(
    handle: ActorHandle,
) -> impl Future<Output = Result<ActorReport, WaitError>> + Send + Unpin {
    ActorEnd { handle, ticket: Ticket::next() }
}

pub(super) fn of_system(
    stage: &Arc<Stage>,
) -> impl Future<Output = Result<Report, WaitError>> + Send + Unpin + use<> {
    SystemEnd { stage: Arc::clone(stage), ticket: Ticket::next() }
}

/// The wait for the end of an actor or a task.
struct ActorEnd {
    handle: ActorHandle,
    ticket: Ticket,
}

impl Future for ActorEnd {
    type Output = Result<ActorReport, WaitError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut end = self.look();
        if let (true, Some(waiters)) = (end.is_pending(), self.waiters()) {
            waiters.add(self.ticket, cx.waker());
            end = self.look();
        }
        end
    }
}

impl ActorEnd {
    fn look(&self) -> Poll<Result<ActorReport, WaitError>> {
        // Looked at first: if it is given up, an owner that it has had is found below.
        let is_given_up = self.handle.is_given_up();
        let Some(owner) = self.handle.owner() else {
            return if is_given_up {
                Poll::Ready(Err(WaitError::NotSpawned))
            } else {
                Poll::Pending
            };
        };
        if self.handle.ends_after(life::current().as_deref()) {
            return Poll::Ready(Err(WaitError::Inside));
        }
        match owner.departure.look() {
            Some(end) => Poll::Ready(end.ok_or(WaitError::NotSpawned)),
            None => Poll::Pending,
        }
    }

    /// What tells it of the end.
    fn waiters(&self) -> Option<&Waiters> {
        match self.handle.owner() {
            Some(owner) => Some(&owner.departure.waiters),
            // Its mailbox ends with its reader; and if there will be none, that is an end of the
            // mailbox too.
            None => self.handle.post().map(|post| post.ended().waiters()),
        }
    }
}

impl Drop for ActorEnd {
    fn drop(&mut self) {
        if let Some(post) = self.handle.post() {
            post.ended().waiters().remove(self.ticket);
        }
        if let Some(owner) = self.handle.owner() {
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
