//! Answers that come back as events: the asks that an actor has out, and how each comes to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Select, Sender};

use crate::actor::Actor;
use crate::clock::Clock;
use crate::context::Context;
use crate::error::{self, AskError};
use crate::event::Event;
use crate::life::Life;
use crate::mailbox::{MailboxId, Post};
use crate::reply::{Answer, NoAnswer};
use crate::timer::Timer;
use crate::timers::Timers;
use crate::unwind;

pub(crate) struct Answers<A: Actor> {
    /// The asks that are out.
    pending: BTreeMap<u64, Pending<A>>,
    /// The mailboxes of those who were asked: an ask ends when its mailbox does.
    asked: BTreeMap<MailboxId, Respondent>,
    deadlines: Timers<u64>,
    /// Where an answer knocks. Made with the first ask.
    door: Option<(Sender<u64>, Receiver<u64>)>,
    next_id: u64,
}

struct Pending<A: Actor> {
    asked: MailboxId,
    timeout: Option<Timer>,
    then: Box<dyn Then<A>>,
}

/// An actor with whom asks are out.
struct Respondent {
    post: Arc<dyn Post>,
    /// Set when it waits for the asker to leave, and answers nothing before; only for an actor above the asker.
    deafness: Option<Event>,
    asks: BTreeSet<u64>,
}

impl Respondent {
    fn answers_no_more(&self) -> bool {
        self.post.ended().is_set() || self.deafness.as_ref().is_some_and(Event::is_set)
    }
}

/// Why an ask is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum How {
    /// Its answer is there, or its [`Reply`](crate::Reply) was dropped.
    Knocked,
    /// The asked actor has ended, or waits for the asker to leave.
    Ended,
    /// It has waited for long enough.
    Timeout,
}

/// What is to be done with an answer.
pub(crate) trait Then<A: Actor> {
    fn run(self: Box<Self>, actor: &mut A, how: How, cx: &mut Context<A>) -> error::Result;
}

/// A closure that is called with the answer.
pub(crate) struct Callback<M, R, F> {
    /// The name of the asked actor.
    asked: Arc<str>,
    answer: Answer<R>,
    then: F,
    _question: PhantomData<fn(M)>,
}

impl<M, R, F> Callback<M, R, F> {
    pub(crate) fn new(asked: Arc<str>, answer: Answer<R>, then: F) -> Callback<M, R, F> {
        Callback { asked, answer, then, _question: PhantomData }
    }
}

impl<A, M, R, F> Then<A> for Callback<M, R, F>
where
    A: Actor,
    F: FnOnce(&mut A, Result<R, AskError<M>>, &mut Context<A>) -> error::Result,
{
    fn run(self: Box<Self>, actor: &mut A, how: How, cx: &mut Context<A>) -> error::Result {
        let Callback { asked, answer: awaited, then, .. } = *self;
        // Whatever it was that ended the ask, an answer that is there counts.
        let answer = awaited.take().map_err(|none| match (none, how) {
            (NoAnswer::Ever, _) | (_, How::Knocked) => AskError::Unanswered(asked),
            (NoAnswer::Yet, How::Ended) => AskError::Ended(asked),
            (NoAnswer::Yet, How::Timeout) => AskError::Timeout(asked),
        });
        // From here on, an actor that answers is told that nobody waits.
        drop(awaited);
        then(actor, answer, cx)
    }
}

/// Knocks at the door when it is woken: when the `Reply` was used or dropped.
struct Knock {
    id: u64,
    door: Sender<u64>,
}

impl Wake for Knock {
    fn wake(self: Arc<Self>) {
        // Nobody opens any more if the asker has ended.
        let _ = self.door.send(self.id);
    }
}

impl<A: Actor> Answers<A> {
    pub(crate) fn new() -> Answers<A> {
        Answers {
            pending: BTreeMap::new(),
            asked: BTreeMap::new(),
            deadlines: Timers::new(None),
            door: None,
            next_id: 0,
        }
    }

    /// Gives a number for the next ask, and the waker for its reply.
    pub(crate) fn prepare(&mut self) -> (u64, Waker) {
        let (door, _) = self.door.get_or_insert_with(crossbeam_channel::unbounded);
        let id = self.next_id;
        self.next_id += 1;
        (id, Waker::from(Arc::new(Knock { id, door: door.clone() })))
    }

    /// An ask is out.
    pub(crate) fn expect(
        &mut self,
        id: u64,
        me: &Life,
        post: Arc<dyn Post>,
        deadline: Option<(Instant, Duration)>,
        then: Box<dyn Then<A>>,
    ) {
        let timeout = deadline.map(|(now, timeout)| self.deadlines.after(now, timeout, id));
        let asked = post.id();
        self.pending.insert(id, Pending { asked, timeout, then });
        let asked = self.asked.entry(asked);
        let respondent = asked.or_insert_with(|| {
            let deafness = post.owner().and_then(|owner| owner.deafness_for(Some(me)));
            Respondent { post, deafness, asks: BTreeSet::new() }
        });
        respondent.asks.insert(id);
    }

    /// Takes an ask that has come to its end, if there is one.
    pub(crate) fn take(&mut self, clock: &Clock) -> Option<(u64, How)> {
        if self.pending.is_empty() {
            return None;
        }
        self.take_knock().or_else(|| self.take_orphan()).or_else(|| self.take_overdue(clock))
    }

    fn take_knock(&mut self) -> Option<(u64, How)> {
        let (_, door) = self.door.as_ref()?;
        let id = door.try_iter().find(|id| self.pending.contains_key(id))?;
        Some((id, How::Knocked))
    }

    fn take_orphan(&mut self) -> Option<(u64, How)> {
        let asked = self.asked.values().find(|asked| asked.answers_no_more())?;
        Some((*asked.asks.first()?, How::Ended))
    }

    fn take_overdue(&mut self, clock: &Clock) -> Option<(u64, How)> {
        self.deadlines.next_due()?;
        let now = clock.now();
        Some((self.deadlines.take_due(now)?, How::Timeout))
    }

    /// What is to be done with an ask, which is out no more.
    pub(crate) fn end(&mut self, id: u64) -> Option<Box<dyn Then<A>>> {
        let Pending { asked, timeout, then } = self.pending.remove(&id)?;
        if let Some(others) = self.asked.get_mut(&asked) {
            others.asks.remove(&id);
            if others.asks.is_empty() {
                self.asked.remove(&asked);
            }
        }
        if let Some(timeout) = timeout {
            timeout.cancel();
        }
        Some(then)
    }

    pub(crate) fn next_due(&mut self) -> Option<Instant> {
        self.deadlines.next_due()
    }

    pub(crate) fn add_to<'a>(&'a self, select: &mut Select<'a>) {
        if self.pending.is_empty() {
            return;
        }
        if let Some((_, door)) = &self.door {
            select.recv(door);
        }
        for asked in self.asked.values() {
            select.recv(asked.post.ended().receiver());
            if let Some(deafness) = &asked.deafness {
                select.recv(deafness.receiver());
            }
        }
    }

    /// The actors that owe answers; `None` for a mailbox that has no actor yet.
    pub(crate) fn of_whom(&self) -> impl ExactSizeIterator<Item = Option<&Arc<Life>>> {
        self.asked.values().map(|asked| asked.post.owner())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        // Each holds a closure of the user's, whose `drop` may panic.
        for pending in std::mem::take(&mut self.pending).into_values() {
            let _ = unwind::drop_caught(pending);
        }
        let _ = unwind::drop_caught(std::mem::take(&mut self.asked));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use super::*;
    use crate::address::Addr;
    use crate::capacity::Capacity;
    use crate::cell::Cell;
    use crate::mailbox::Mailbox;
    use crate::reply::Reply;
    use crate::unwind::tests::Grenade;

    const HOUR: Duration = Duration::from_secs(3_600);

    type Question = Reply<u32>;

    /// What became of an ask, and whether who is to answer was told by then that nobody waits.
    type End = (Result<u32, AskError<Question>>, bool);

    struct Asker {
        of: Addr<Question>,
        kept: Arc<Mutex<Option<Question>>>,
        tell: mpsc::Sender<End>,
    }

    impl Actor for Asker {
        type Msg = ();

        fn started(&mut self, cx: &mut Context<Self>) -> error::Result {
            let then = |asker: &mut Asker, answer, _: &mut _| {
                let is_closed = unwind::lock(&asker.kept).as_ref().is_some_and(Reply::is_closed);
                let _ = asker.tell.send((answer, is_closed));
                Ok(())
            };
            Ok(cx.ask_then(&self.of, |reply| reply, then)?)
        }

        fn handle(&mut self, (): (), _: &mut Context<Self>) -> error::Result {
            Ok(())
        }
    }

    /// How an ask ends that is looked at for that reason, if before that so is done with its question.
    fn end(how: How, with: impl FnOnce(Question) -> Option<Question>) -> End {
        let (of, inbox) = crate::mailbox(4);
        let (tell, told) = mpsc::channel();
        let kept = Arc::new(Mutex::new(None));
        let asker = Asker { of, kept: Arc::clone(&kept), tell };
        let (life, own) = (Arc::new(Life::unstarted()), Mailbox::new(Capacity::Bounded(4)));
        let mut cell = Cell::start(&life, &own, Clock::Monotonic, || asker).ok().unwrap();
        *unwind::lock(&kept) = inbox.into_mailbox().take().and_then(with);
        assert!(cell.answer(0, how).is_ok());
        told.try_recv().unwrap()
    }

    #[test]
    fn m5_an_answer_that_is_there_counts_whatever_ended_the_ask() {
        for how in [How::Knocked, How::Ended, How::Timeout] {
            let answers = |reply: Question| {
                assert!(reply.send(7).is_ok());
                None
            };
            assert!(matches!(end(how, answers), (Ok(7), _)));
            let drops = |_| None;
            assert!(matches!(end(how, drops), (Err(AskError::Unanswered(_)), _)));
        }
    }

    #[test]
    fn m5_who_answers_an_ask_that_is_over_is_told_before_the_asker_goes_on() {
        assert!(matches!(end(How::Timeout, Some), (Err(AskError::Timeout(_)), true)));
        assert!(matches!(end(How::Ended, Some), (Err(AskError::Ended(_)), true)));
    }

    #[test]
    fn f1_an_ask_is_over_with_its_incarnation_before_that_takes_leave() {
        let (of, _inbox) = crate::mailbox(4);
        let asker = Asker { of, kept: Arc::default(), tell: mpsc::channel().0 };
        let (life, own) = (Arc::new(Life::unstarted()), Mailbox::new(Capacity::Bounded(4)));
        let mut cell = Cell::start(&life, &own, Clock::Monotonic, || asker).ok().unwrap();
        assert!(!cell.agenda_now().answers.is_empty() && !cell.agenda_now().is_in_turn());
        cell.close_agenda();
        assert!(cell.agenda_now().answers.is_empty() && cell.agenda_now().is_in_turn());
    }

    /// An ask that nobody asks.
    struct Nothing(#[allow(dead_code, reason = "only to be dropped")] Option<Grenade>);

    impl Then<Asker> for Nothing {
        fn run(self: Box<Self>, _: &mut Asker, _: How, _: &mut Context<Asker>) -> error::Result {
            Ok(())
        }
    }

    fn asked_by(me: &Life, of: &Arc<Mailbox<()>>, thens: Vec<Nothing>) -> Answers<Asker> {
        let mut answers = Answers::new();
        for then in thens {
            let (id, _) = answers.prepare();
            let deadline = Some((Instant::now(), HOUR));
            answers.expect(id, me, Arc::clone(of) as Arc<dyn Post>, deadline, Box::new(then));
        }
        answers
    }

    #[test]
    fn o5_an_ask_that_is_over_wakes_nobody_at_its_deadline() {
        let of = Mailbox::new(Capacity::Bounded(4));
        let two = vec![Nothing(None), Nothing(None)];
        let mut answers = asked_by(&Life::unstarted(), &of, two);
        assert!(answers.end(0).is_some() && answers.end(0).is_none());
        assert!(answers.next_due().is_some() && answers.of_whom().len() == 1);
        assert!(answers.end(1).is_some() && answers.is_empty());
        assert!(answers.next_due().is_none() && answers.of_whom().len() == 0);
    }

    #[test]
    fn f1_an_ask_that_is_out_when_an_incarnation_ends_is_dropped_whatever_its_closure_holds() {
        let of = Mailbox::new(Capacity::Bounded(4));
        let three = vec![Nothing(Some(Grenade)), Nothing(None), Nothing(Some(Grenade))];
        let mut answers = asked_by(&Life::unstarted(), &of, three);
        answers.clear();
        assert!(answers.is_empty() && answers.of_whom().len() == 0);
    }

    #[test]
    fn m5_an_asker_that_sleeps_is_woken_when_the_asked_waits_for_it_to_leave() {
        let parent = Arc::new(Life::unstarted());
        let mut child = Life::unstarted();
        child.parent = Some(Arc::clone(&parent));
        let of = Mailbox::new(Capacity::Bounded(4));
        of.belong_to(&parent);
        let answers = asked_by(&child, &of, vec![Nothing(None)]);
        let mut select = Select::new();
        answers.add_to(&mut select);
        assert!(select.try_ready().is_err());
        parent.listen_no_more();
        assert!(select.try_ready().is_ok());
    }
}
