//! An ask as a future.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::SendFuture;
use crate::address::Addr;
use crate::error::AskError;
use crate::life;
use crate::mailbox::Mailbox;
use crate::reply::{Answer, NoAnswer, Reply};
use crate::waiters::Waiters;

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
                let message = this.question.take_message();
                return Poll::Ready(Err(AskError::Deadlock(message, this.asked())));
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
    pub(super) fn new(addr: &Addr<M>, question: impl FnOnce(Reply<R>) -> M) -> AskFuture<M, R> {
        let knock = Arc::new(Waiters::default());
        let (reply, answer) = Reply::that_wakes(Waker::from(Arc::clone(&knock)));
        let question = SendFuture::new(addr, question(reply));
        AskFuture { question, is_asked: false, answer, knock }
    }

    /// The name of the asked actor.
    fn asked(&self) -> Arc<str> {
        Arc::clone(self.mailbox().name())
    }

    fn mailbox(&self) -> &Mailbox<M> {
        self.question.addr.mailbox()
    }

    /// Whether it has come to its end, and how.
    fn look(&self) -> Poll<Result<R, AskError<M>>> {
        // Before the look at the answer: one that was given before the end counts.
        let has_ended = self.mailbox().ended.is_set() || self.mailbox().is_deaf();
        let none = match self.answer.take() {
            Ok(answer) => return Poll::Ready(Ok(answer)),
            Err(NoAnswer::Ever) => AskError::Unanswered(self.asked()),
            Err(NoAnswer::Yet) if has_ended => AskError::Ended(self.asked()),
            Err(NoAnswer::Yet) if is_interrupted() => AskError::Interrupted(self.asked()),
            Err(NoAnswer::Yet) => return Poll::Pending,
        };
        Poll::Ready(Err(none))
    }

    /// Has it woken by the answer; by the end of the asked actor, whoever keeps the [`Reply`] then; when the asked
    /// actor waits for the asker to leave; and by an order to stop.
    fn listen(&mut self, waker: &Waker) {
        let SendFuture { place, addr, .. } = &mut self.question;
        let mailbox = addr.mailbox();
        place.heed(mailbox.ends_for_this_thread(), waker);
        self.knock.add(place.ticket, waker);
        mailbox.ended.waiters().add(place.ticket, waker);
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
