//! How an asker waits for its answer.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, Select, TryRecvError};

use crate::error::AskError;
use crate::event::Event;
use crate::life::{self, Activity, Life, Other};
use crate::mailbox::YIELDS;

/// Somebody who is asked, whatever the type of its messages.
pub(crate) struct Asked<'a> {
    pub(crate) name: &'a str,
    pub(crate) owner: Option<&'a Arc<Life>>,
    /// Set when it will answer nothing any more.
    pub(crate) ended: &'a Event,
}

impl Asked<'_> {
    pub(crate) fn seen_by(&self, me: &Life) -> Other {
        let owner = self.owner.filter(|owner| Arc::ptr_eq(&owner.stage, &me.stage));
        Other { name: self.name.to_owned(), index: owner.map(|owner| owner.index) }
    }

    /// Whether it is who asks.
    pub(crate) fn is(&self, me: Option<&Life>) -> bool {
        match (self.owner, me) {
            (Some(owner), Some(me)) => std::ptr::eq(&raw const **owner, &raw const *me),
            _ => false,
        }
    }

    pub(crate) fn wait_for_answer<R, M>(
        &self,
        answer: &Receiver<R>,
        deadline: Option<Instant>,
    ) -> Result<R, AskError<M>> {
        let me = life::current();
        let look = || match answer.try_recv() {
            Ok(value) => Some(Ok(value)),
            Err(TryRecvError::Disconnected) => Some(Err(AskError::Unanswered)),
            Err(TryRecvError::Empty) => None,
        };
        for _ in 0..YIELDS {
            if let Some(end) = look() {
                return end;
            }
            if is_over(deadline, me.as_deref()) {
                break;
            }
            thread::yield_now();
        }
        let activity = |me: &Life| Activity::Asking(self.seen_by(me));
        during(me.as_deref(), activity, |interrupt| {
            loop {
                let mut select = Select::new();
                let answered = select.recv(answer);
                let ended = select.recv(self.ended.receiver());
                if let Some(interrupt) = interrupt {
                    select.recv(interrupt.receiver());
                }
                let ready = match deadline {
                    None => Ok(select.ready()),
                    Some(deadline) => select.ready_deadline(deadline),
                };
                // Whatever woke us, an answer that is there counts.
                if let Some(end) = look() {
                    return end;
                }
                match ready {
                    Err(_) => return Err(AskError::Timeout),
                    Ok(ready) if ready == answered => {} // not ours after all: wait on
                    Ok(ready) if ready == ended => return Err(AskError::Ended),
                    Ok(_) => return Err(AskError::Interrupted),
                }
            }
        })
    }
}

/// Whether a wait has no time left. Yielding is quick, unless others want the CPU.
pub(crate) fn is_over(deadline: Option<Instant>, me: Option<&Life>) -> bool {
    me.is_some_and(Life::is_interrupted)
        || deadline.is_some_and(|deadline| Instant::now() >= deadline)
}

/// Waits, if the thread is an actor's with its order to stop, and so that others see what it does.
pub(crate) fn during<T>(
    me: Option<&Life>,
    activity: impl FnOnce(&Life) -> Activity,
    wait: impl FnOnce(Option<&Event>) -> T,
) -> T {
    match me {
        None => wait(None),
        Some(me) => me.during(activity(me), || wait(Some(&me.interruption()))),
    }
}
