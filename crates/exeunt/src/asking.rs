//! How an actor or another thread asks, and waits for the answer.

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crate::error::{AskError, SendTimeoutError};
use crate::event::{Event, Flag};
use crate::life::{self, Activity, Life, Other};
use crate::patience;
use crate::place::{Alarm, Place};
use crate::reply::{Answer, NoAnswer, Reply};

/// An actor that is asked, whatever the type of its messages.
pub(crate) struct Asked<'a> {
    pub(crate) name: &'a Arc<str>,
    pub(crate) owner: Option<&'a Arc<Life>>,
    /// Set when it will answer nothing any more.
    pub(crate) ended: &'a Flag,
}

impl Asked<'_> {
    pub(crate) fn seen_by(&self, me: &Life) -> Other {
        Other::seen_by(me, self.name, self.owner)
    }

    /// Whether it is the asker, or a pool whose only thread is the asker.
    pub(crate) fn is(&self, me: Option<&Life>) -> bool {
        me.zip(self.owner).is_some_and(|(me, owner)| me.is_all_of(owner))
    }

    /// Asks: sends the question, by `send`, and waits for its answer.
    pub(crate) fn ask<R, M>(
        &self,
        question: impl FnOnce(Reply<R>) -> M,
        deadline: Option<Instant>,
        send: impl FnOnce(M) -> Result<(), SendTimeoutError<M>>,
    ) -> Result<R, AskError<M>> {
        let (reply, answer) = Reply::new();
        let message = question(reply);
        if self.is(life::current().as_deref()) {
            return Err(AskError::Deadlock(message, Arc::clone(self.name)));
        }
        send(message).map_err(AskError::NotSent)?;
        self.wait_for_answer(&answer, deadline)
    }

    pub(crate) fn wait_for_answer<R, M>(
        &self,
        answer: &Answer<R>,
        deadline: Option<Instant>,
    ) -> Result<R, AskError<M>> {
        let me = life::current();
        patience::of_this_thread(|patience| {
            let mut looks = 0;
            while !is_over(deadline, me.as_deref()) && patience.watches(looks) {
                looks += 1;
                if let Some(end) = self.end_of(answer) {
                    return end;
                }
            }
            let asleep = Instant::now();
            let end = self.sleep(answer, me.as_deref(), deadline);
            patience.slept(asleep.elapsed());
            end
        })
    }

    fn sleep<R, M>(
        &self,
        answer: &Answer<R>,
        me: Option<&Life>,
        deadline: Option<Instant>,
    ) -> Result<R, AskError<M>> {
        // An actor that waits for us to leave answers nothing before we have.
        let deafness = self.owner.and_then(|owner| owner.deafness_for(me));
        let activity = |me: &Life| Activity::Asking(self.seen_by(me));
        during(me, activity, |interrupt| {
            let alarm = Alarm::new();
            let waker = Waker::from(Arc::clone(&alarm));
            answer.wake(waker.clone());
            let mut place = Place::new();
            place.heed([interrupt.cloned(), deafness.clone()], &waker);
            let _listening = self.ended.waiters().listen(place.ticket, &waker);
            loop {
                // Before the look at the answer: one that was given before the end counts.
                let has_ended = self.ended.is_set() || deafness.as_ref().is_some_and(Event::is_set);
                let is_interrupted = interrupt.is_some_and(Event::is_set);
                if let Some(end) = self.end_of(answer) {
                    return end;
                }
                let name = || Arc::clone(self.name);
                if has_ended {
                    return Err(AskError::Ended(name()));
                }
                if is_interrupted {
                    return Err(AskError::Interrupted(name()));
                }
                if !alarm.sleep(deadline) {
                    return self.end_of(answer).unwrap_or_else(|| Err(AskError::Timeout(name())));
                }
            }
        })
    }

    /// How an ask has ended, if it has.
    fn end_of<R, M>(&self, answer: &Answer<R>) -> Option<Result<R, AskError<M>>> {
        match answer.take() {
            Ok(value) => Some(Ok(value)),
            Err(NoAnswer::Ever) => Some(Err(AskError::Unanswered(Arc::clone(self.name)))),
            Err(NoAnswer::Yet) => None,
        }
    }
}

/// Whether a wait has no time left. Yielding is quick, unless others want the CPU.
pub(crate) fn is_over(deadline: Option<Instant>, me: Option<&Life>) -> bool {
    me.is_some_and(Life::is_interrupted)
        || deadline.is_some_and(|deadline| Instant::now() >= deadline)
}

/// Waits; on an actor's thread, with its order to stop at hand, and so that others see what it
/// does.
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::guarded::guarded;
    use crate::{Actor, Addr, Context, System};

    /// Answers after so long, drops the question, or keeps it.
    #[derive(Default)]
    struct Clerk(Vec<Reply<u32>>);

    enum Msg {
        Answer(Duration, Reply<u32>),
        Drop(Reply<u32>),
        Keep(Reply<u32>),
    }

    impl Actor for Clerk {
        type Msg = Msg;
        fn handle(&mut self, msg: Msg, cx: &mut Context<Self>) -> crate::Result {
            match msg {
                Msg::Answer(late, reply) => {
                    cx.sleep(late)?;
                    let _ = reply.send(7);
                }
                Msg::Drop(reply) => drop(reply),
                Msg::Keep(reply) => self.0.push(reply),
            }
            Ok(())
        }
    }

    fn after(time: Duration) -> impl FnOnce(Reply<u32>) -> Msg {
        move |reply| Msg::Answer(time, reply)
    }

    #[test]
    fn m5_an_ask_of_somebody_on_the_same_cpu_ends_as_any_other() {
        guarded(|| {
            let mut system = System::new("huddle");
            let clerk: Addr<Msg> = system.spawn("clerk", Clerk::default());
            for time in [Duration::ZERO, Duration::from_micros(200)] {
                patience::suspect();
                assert!(matches!(clerk.ask(after(time)), Ok(7)));
            }
            patience::suspect();
            assert!(matches!(clerk.ask(Msg::Drop), Err(AskError::Unanswered(_))));
            patience::suspect();
            let overdue = clerk.ask_timeout(Msg::Keep, Duration::from_millis(1));
            assert!(matches!(overdue, Err(AskError::Timeout(_))));
            assert!(!system.shutdown().is_failure());
        });
    }

    #[test]
    fn m5_an_answer_that_came_just_before_the_asker_sleeps_is_taken() {
        guarded(|| {
            let (name, ended) = ("clerk".into(), Flag::new());
            let asked = Asked { name: &name, owner: None, ended: &ended };
            let (reply, answer) = Reply::new();
            assert!(reply.send(7).is_ok());
            let end: Result<u32, AskError<()>> = asked.sleep(&answer, None, None);
            assert!(matches!(end, Ok(7)));
        });
    }

    #[test]
    fn d2_m5_of_an_answer_an_end_and_an_order_to_wait_no_more_the_first_counts_that_is_there() {
        let (name, ended) = ("clerk".into(), Flag::new());
        let asked = Asked { name: &name, owner: None, ended: &ended };
        let me = Life::unstarted();
        me.interrupt();
        let end = |answer: &Answer<u32>| asked.sleep::<_, ()>(answer, Some(&me), None);
        let (reply, answer) = Reply::new();
        assert!(matches!(end(&answer), Err(AskError::Interrupted(_))));
        ended.set();
        assert!(matches!(end(&answer), Err(AskError::Ended(_))));
        assert!(reply.send(7).is_ok());
        assert!(matches!(end(&answer), Ok(7)));
    }
}
