//! The ending: how an incarnation comes to its end, and whether another one follows.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Select, select};

use crate::actor::Actor;
use crate::cell::{self, Failure};
use crate::life::{Activity, Life, Outcome, Summons};
use crate::mailbox::{self, Mailbox, Wire};
use crate::notice::{Notice, ReturnedBecause};
use crate::report::ActorReport;
use crate::unwind;

/// What is wrong with an actor that is always restarted, and ends more often than is absorbed.
pub(crate) const TOO_OFTEN: &str = "ended too often";

/// Why an incarnation is over.
pub(crate) enum Over {
    /// All is handled, and the mailbox is closed for good.
    Dry,
    /// Its deadline has passed.
    Halt,
    Failed(Failure),
    /// It is to begin anew together with others.
    Retired,
}

/// What becomes of the actor then.
pub(crate) enum Fate {
    Leave(Outcome),
    Anew(Rebirth),
}

/// When the next incarnation begins.
pub(crate) enum Rebirth {
    /// After this long.
    Alone(Duration),
    /// When the conductor says so, and this long after that.
    Together,
}

/// What the conductor has decided about an actor or task that has failed.
pub(crate) enum Sentence {
    /// No policy absorbs it.
    GiveUp,
    /// Another takes its failure on, or nobody minds.
    Passed,
    /// It is not to begin anew, and nothing is wrong.
    Leave,
    Anew(Rebirth),
}

/// Where an actor that told its children to leave is told that they have.
pub(crate) type Farewell = Receiver<Vec<ActorReport>>;

/// What is left of an incarnation.
pub(crate) enum Remains<A: Actor> {
    Whole(Box<cell::Cell<A>>, Option<Farewell>),
    /// It was made, but not started.
    Unstarted(#[allow(dead_code, reason = "only to be dropped")] Box<cell::Cell<A>>),
    Nothing,
}

impl<A: Actor> Remains<A> {
    pub(crate) fn of_stillborn(cell: Option<Box<cell::Cell<A>>>) -> Remains<A> {
        cell.map_or(Remains::Nothing, Remains::Unstarted)
    }
}

/// What becomes of an actor or task whose incarnation has failed.
pub(crate) fn fate_of_failure(life: &Arc<Life>, failure: Failure) -> Fate {
    fate_of_failure_by(life, failure, |error| life.stage.judge(life, Some(error)))
}

fn fate_of_failure_by(life: &Life, failure: Failure, judge: impl FnOnce(&str) -> Sentence) -> Fate {
    // The failure only says that it was told to stop waiting.
    if failure.is_interruption && life.is_overdue() {
        return Fate::Leave(Outcome::Overdue);
    }
    if failure.is_interruption && life.is_interrupted() {
        return Fate::Anew(Rebirth::Together);
    }
    Fate::from(life, judge(&failure.text), failure.text)
}

impl Fate {
    pub(crate) fn from(life: &Life, sentence: Sentence, error: String) -> Fate {
        match sentence {
            Sentence::Anew(rebirth) => Fate::Anew(rebirth),
            Sentence::Leave => Fate::Leave(ended_well(life)),
            Sentence::Passed => Fate::Leave(Outcome::Absorbed(error)),
            Sentence::GiveUp => Fate::Leave(failed(life, error)),
        }
    }
}

/// A failure that nothing absorbs. The system is told at once: what is left to do on this thread may
/// take its time.
fn failed(life: &Life, error: String) -> Outcome {
    if !life.has_ended() {
        life.stage.fail(life, &error);
    }
    Outcome::Failed(error)
}

/// A failure of one that leaves for good, and that nobody restarts.
fn failed_on_leaving(life: &Life, error: String) -> Outcome {
    match life.stage.judge_farewell(life, &error) {
        Sentence::GiveUp => failed(life, error),
        _ => Outcome::Absorbed(error),
    }
}

/// How it counts that an actor or task has come to the end of its work.
pub(crate) fn ended_well(life: &Life) -> Outcome {
    if life.stage.is_draining() { Outcome::Drained } else { Outcome::Completed }
}

/// Waits until the next incarnation may begin, and during a drain until there is something for it to do. Says whether
/// the conductor waits to hear that it has begun.
pub(crate) fn rest<M>(life: &Arc<Life>, rebirth: Rebirth, mailbox: Option<&Mailbox<M>>) -> bool
where
    M: Send + 'static,
{
    life.begin_anew();
    let mut rebirth = rebirth;
    let mut is_together = false;
    life.during(Activity::Resting, || {
        life.fall_asleep();
        loop {
            let delay = match rebirth {
                Rebirth::Alone(delay) => Some(delay),
                Rebirth::Together => wait_for_word(life, &life.stage.rest(life)),
            };
            is_together |= matches!(rebirth, Rebirth::Together);
            let Some(delay) = delay else { break };
            wait_out(life, delay);
            // Others that are to begin anew before it has may take it along.
            if !matches!(life.summons(), Some(Summons::Retire)) {
                break;
            }
            rebirth = Rebirth::Together;
        }
        if life.stage.is_draining() {
            wait_for_work(life, mailbox);
        }
        life.wake_up();
    });
    is_together
}

/// Nobody is made anew in a drain only to be told that its turn has come.
fn wait_for_work<M: Send + 'static>(life: &Life, mailbox: Option<&Mailbox<M>>) {
    let work = Arc::new(Wire::new());
    if mailbox.is_none_or(|mailbox| mailbox.watch(&work)) {
        let mut select = Select::new();
        select.recv(life.stopping.receiver());
        select.recv(life.must_stop.receiver());
        select.recv(work.receiver());
        select.ready();
    }
    if let Some(mailbox) = mailbox {
        mailbox.unwatch(&work);
        // It takes a while to begin anew.
        mailbox.pass_on();
    }
}

/// `None` if there is nothing more to wait for.
fn wait_for_word(life: &Life, go: &Receiver<Duration>) -> Option<Duration> {
    select! {
        recv(go) -> delay => delay.ok(),
        recv(life.must_stop.receiver()) -> _ => None,
    }
}

/// A backoff. Four things cut it short: a drain, since upstream actors may be waiting to flush into its mailbox; its
/// own turn; that of its ring; and a restart of others that takes it along.
fn wait_out(life: &Life, delay: Duration) {
    select! {
        recv(life.stage.drain_began().receiver()) -> _ => {}
        recv(life.incarnation().receiver()) -> _ => {}
        recv(life.last_call.receiver()) -> _ => {}
        recv(life.must_stop.receiver()) -> _ => {}
        default(delay) => {}
    }
}

/// The way out of an actor, which is the same however it got there.
pub(crate) struct WayOut<M> {
    life: Arc<Life>,
    mailbox: Arc<Mailbox<M>>,
    /// Nobody else reads the mailbox any more.
    is_last: Cell<bool>,
}

impl<M: Send + 'static> WayOut<M> {
    pub(crate) fn new(life: &Arc<Life>, mailbox: &Arc<Mailbox<M>>) -> WayOut<M> {
        let (life, mailbox) = (Arc::clone(life), Arc::clone(mailbox));
        WayOut { life, mailbox, is_last: Cell::new(false) }
    }

    pub(crate) fn fate(&self, over: Over) -> Fate {
        self.fate_by(over, |error| self.life.stage.judge(&self.life, Some(error)))
    }

    /// The same, where another than the conductor decides.
    pub(crate) fn fate_by(&self, over: Over, judge: impl FnOnce(&str) -> Sentence) -> Fate {
        match over {
            Over::Dry => Fate::Leave(ended_well(&self.life)),
            Over::Halt => Fate::Leave(Outcome::Overdue),
            Over::Retired => Fate::Anew(Rebirth::Together),
            Over::Failed(failure) => fate_of_failure_by(&self.life, failure, judge),
        }
    }

    /// Ends one incarnation, so that another may begin. The mailbox stays as it is.
    pub(crate) fn retire<A: Actor<Msg = M>>(&self, mut remains: Remains<A>) {
        let stopped = self.stop(&mut remains);
        for wrong in [stopped, self.clear(remains)].into_iter().filter_map(Result::err) {
            let (id, name, error) = (self.life.index, self.life.name.to_string(), wrong.text);
            self.life.stage.emit(|| Notice::FailedToStop { id, name, error });
        }
    }

    /// Ends for good: what is left is returned, unless nothing can be left; the children leave; the
    /// `stopped` hook runs; the value is dropped.
    pub(crate) fn leave<A: Actor<Msg = M>>(
        &self,
        mut remains: Remains<A>,
        outcome: Outcome,
    ) -> Outcome {
        self.return_rest(&outcome);
        let stopped = self.stop(&mut remains);
        let outcome = self.revise(outcome, stopped);
        let dropped = self.clear(remains);
        if self.is_last.get() {
            self.life.in_hook(Activity::Dropping, || self.mailbox.forget_dead_letters());
        }
        let outcome = match dropped {
            Err(failure) if !outcome.is_failure() => failed_on_leaving(&self.life, failure.text),
            _ => outcome,
        };
        // Now no answer can come any more.
        if self.life.leave_once() {
            self.mailbox.end();
        }
        outcome
    }

    /// Leaves without beginning anew, if there is nothing to begin for any more.
    pub(crate) fn leaves_instead(&self) -> Option<Outcome> {
        if self.life.must_stop.is_set() {
            return Some(Outcome::Overdue);
        }
        let is_over = match self.life.leaves_with_ring() {
            // The others of the ring may still have something for it, and all of them end together.
            true => self.mailbox.is_gone(),
            false => self.life.stopping.is_set() && self.mailbox.finish_for(&self.life),
        };
        is_over.then(|| ended_well(&self.life))
    }

    /// The children leave, and then it is stopped.
    fn stop<A: Actor<Msg = M>>(&self, remains: &mut Remains<A>) -> Result<(), Failure> {
        let (mut cell, told) = match remains {
            Remains::Whole(cell, told) => (Some(cell), told.take()),
            Remains::Unstarted(_) | Remains::Nothing => (None, None),
        };
        let children = self.dismiss_children(told);
        // Nobody reads any more what it has beside its mailbox, and it waits for nobody before all that wait for room
        // there have heard so. One of these may be a child of another thread of its pool, or of another member of its
        // ring. That one then waits for this child, as this actor does for a child that waits for room with that one.
        cell.iter_mut().for_each(|cell| cell.close_agenda());
        let left = self.await_children(children);
        cell.map_or(Ok(()), |cell| {
            cell.bereave(left);
            cell.stop()
        })
    }

    /// Tells the children to leave, unless they were told before. A child that waits for room hears that there will be
    /// none.
    fn dismiss_children(&self, told: Option<Farewell>) -> Option<Farewell> {
        let dismiss = || self.life.stage.dismiss_family(&self.life);
        let children = told.or_else(|| self.life.close_family().then(dismiss));
        children.inspect(|_| self.life.listen_no_more())
    }

    fn await_children(&self, children: Option<Farewell>) -> Vec<ActorReport> {
        let Some(children) = children else { return Vec::new() };
        self.life.swap_activity(Activity::AwaitingChildren);
        let left = children.recv().unwrap_or_default();
        self.life.swap_activity(Activity::Working);
        left
    }

    /// How it counts once the `stopped` hook has had its say.
    fn revise(&self, outcome: Outcome, stopped: Result<(), Failure>) -> Outcome {
        let must_stop = self.life.is_overdue();
        match (outcome, stopped) {
            (outcome, _) if outcome.is_failure() => outcome,
            (_, Err(failure)) if !(failure.is_interruption && must_stop) => {
                failed_on_leaving(&self.life, failure.text)
            }
            // It may have met its deadline in the hook.
            _ if must_stop => Outcome::Overdue,
            (outcome, _) => outcome,
        }
    }

    /// Drops the value.
    fn clear<A: Actor>(&self, remains: Remains<A>) -> Result<(), Failure> {
        self.life
            .in_hook(Activity::Dropping, || unwind::drop_caught(remains))
            .map_err(|panic| Failure::panic(&panic).within("its `drop`"))
    }

    /// Returns what will not be handled. After a complete drain there is nothing, since the mailbox
    /// has been closed for good by [`Mailbox::finish`].
    fn return_rest(&self, outcome: &Outcome) {
        self.resign();
        // What others go on reading is theirs.
        if !self.is_last.get() {
            return;
        }
        // Outside the lock: it wakes those who wait for room.
        self.mailbox.close();
        let _expectation = self.mailbox.dead_letters.expect_letters();
        let rest = self.life.take_returned(|| self.mailbox.evict());
        self.mailbox.wake_senders();
        if !rest.is_empty() {
            let why = match outcome.is_failure() {
                true => ReturnedBecause::Failed,
                false => ReturnedBecause::Overdue,
            };
            self.mailbox.tell_returned(mailbox::all(&rest), why);
            self.life.in_hook(Activity::Returning, || self.mailbox.bury(rest));
        }
    }

    /// Reads the mailbox no more. An actor that is given up from here on, before it has taken out the rest, has left
    /// the rest to the system.
    fn resign(&self) {
        self.life.take_returned(|| {
            if self.life.resign_once() {
                self.is_last.set(self.mailbox.resign());
            }
            Vec::<M>::new()
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, TryRecvError};

    use super::*;
    use crate::capacity::Capacity;
    use crate::context::Context;
    use crate::error;
    use crate::guarded::guarded;
    use crate::mailbox::Post;
    use crate::member::Member;
    use crate::stage::Stage;

    /// So many threads, which read one mailbox with one message in it, and what comes back of it.
    fn crew(threads: usize) -> (Arc<Mailbox<u32>>, Vec<Member>, mpsc::Receiver<u32>) {
        let (sender, returned) = mpsc::channel();
        let mailbox = Mailbox::new(Capacity::Bounded(4));
        mailbox.staff(threads);
        mailbox.set_dead_letters(Box::new(move |n| sender.send(n).unwrap()));
        assert!(mailbox.offer(&mailbox.ordinary, 1).is_ok());
        let stage = Arc::new(Stage::new("test".into()));
        let members = (0..threads).map(|index| {
            let life = Arc::new(Life::new("a", index, false, Arc::clone(&stage)));
            Member::unstarted(life, Arc::clone(&mailbox) as Arc<dyn Post>)
        });
        (Arc::clone(&mailbox), members.collect(), returned)
    }

    /// What the system takes over from a member that it gives up.
    fn give_up(member: &Member) -> u64 {
        assert!(member.life.disown().is_some());
        let (taken, bury) = member.take_over(ReturnedBecause::Abandoned);
        bury();
        taken
    }

    #[test]
    fn o4_who_begins_anew_is_awake_when_its_rest_is_over() {
        let life = Arc::new(Life::unstarted());
        assert!(!rest(&life, Rebirth::Alone(Duration::ZERO), None::<&Mailbox<u32>>));
        assert!(!life.sample().is_asleep());
    }

    #[test]
    fn f2_who_rests_in_a_drain_hears_of_work() {
        guarded(|| {
            let (mailbox, members, _returned) = crew(1);
            let life = Arc::clone(&members[0].life);
            // It has been there before, and then it comes.
            wait_for_work(&life, Some(&*mailbox));
            assert_eq!(mailbox.take(), Some(1));
            let rests = std::thread::spawn({
                let mailbox = Arc::clone(&mailbox);
                move || wait_for_work(&life, Some(&*mailbox))
            });
            while !mailbox.is_watched() {
                assert!(!rests.is_finished(), "there is nothing to do");
                std::thread::yield_now();
            }
            let other = Arc::new(Wire::new());
            assert!(mailbox.watch(&other));
            assert!(mailbox.offer(&mailbox.ordinary, 2).is_ok());
            assert!(rests.join().is_ok());
            // It may take its time to begin anew.
            assert!(other.pick_up());
        });
    }

    #[test]
    fn m1_d3_who_is_given_up_when_it_has_resigned_leaves_the_rest_to_the_system() {
        let (mailbox, members, returned) = crew(1);
        let way_out = WayOut::new(&members[0].life, &mailbox);
        way_out.resign();
        assert_eq!(give_up(&members[0]), 1);
        way_out.return_rest(&Outcome::Overdue);
        assert_eq!(members[0].life.figures().returned, 1);
        assert_eq!(returned.iter().collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn m1_d3_what_others_read_is_theirs_though_one_is_given_up_when_it_has_resigned() {
        let (mailbox, members, returned) = crew(2);
        let ways_out: Vec<_> = members.iter().map(|m| WayOut::new(&m.life, &mailbox)).collect();
        ways_out[0].resign();
        assert_eq!(give_up(&members[0]), 0);
        assert_eq!(mailbox.len(), 1);
        // The last one out has what is left, whoever takes it out.
        ways_out[1].return_rest(&Outcome::Overdue);
        let figures: Vec<u64> = members.iter().map(|m| m.life.figures().returned).collect();
        assert_eq!((figures, returned.try_iter().collect::<Vec<_>>()), (vec![0, 1], vec![1]));
    }

    #[test]
    fn f1_d2_what_fails_in_the_last_hook_counts_unless_it_was_only_interrupted_at_the_deadline() {
        let (mailbox, members, _returned) = crew(1);
        let way_out = WayOut::new(&members[0].life, &mailbox);
        let failure = |is_interruption| {
            Err(Failure { is_interruption, ..Failure::of("in the hook".to_owned()) })
        };
        let says = |outcome: Outcome| match outcome {
            Outcome::Completed => "completed".to_owned(),
            Outcome::Overdue => "overdue".to_owned(),
            Outcome::Failed(error) => error,
            _ => "something else".to_owned(),
        };
        let revise = |stopped| says(way_out.revise(Outcome::Completed, stopped));
        let seen = || [Ok(()), failure(true), failure(false)].map(revise);
        assert_eq!(seen(), ["completed", "in the hook", "in the hook"]);
        members[0].life.set_overdue();
        assert_eq!(seen(), ["overdue", "overdue", "in the hook"]);
        let first = Outcome::Failed("first".to_owned());
        assert_eq!(says(way_out.revise(first, failure(false))), "first");
    }

    /// What follows of a failure, and whether somebody was asked to judge it.
    fn fate(life: &Life, is_interruption: bool) -> (Fate, bool) {
        let mut is_judged = false;
        let failure = Failure { is_interruption, ..Failure::of("planned".to_owned()) };
        let fate = fate_of_failure_by(life, failure, |_| {
            is_judged = true;
            Sentence::Leave
        });
        (fate, is_judged)
    }

    #[test]
    fn f1_d2_only_an_interruption_is_no_failure_and_only_of_who_was_interrupted() {
        let life = Life::unstarted();
        assert!(fate(&life, true).1 && fate(&life, false).1);
        life.interrupt();
        assert!(matches!(fate(&life, true), (Fate::Anew(Rebirth::Together), false)));
        assert!(fate(&life, false).1);
        life.set_overdue();
        assert!(matches!(fate(&life, true), (Fate::Leave(Outcome::Overdue), false)));
        assert!(fate(&life, false).1);
    }

    #[test]
    fn f2_a_backoff_is_over_at_once_when_something_else_is_to_be_done() {
        guarded(|| {
            let orders: [fn(&Life); 5] = [
                |life| life.stage.drain_began().set(),
                |life| life.summon(Summons::Retire),
                |life| life.last_call.set(),
                |life| life.stopping.set(),
                |life| life.must_stop.set(),
            ];
            for order in orders {
                let life = Life::unstarted();
                order(&life);
                wait_out(&life, Duration::MAX);
            }
        });
    }

    #[test]
    fn d2_who_rests_hears_of_its_turn_and_of_its_deadline() {
        guarded(|| {
            let orders: [fn(&Life); 2] = [|life| life.stopping.set(), |life| life.must_stop.set()];
            for order in orders {
                let mailbox = Mailbox::<u32>::new(Capacity::Bounded(4));
                let life = Life::unstarted();
                order(&life);
                wait_for_work(&life, Some(&*mailbox));
                assert!(!mailbox.is_watched());
            }
            let life = Life::unstarted();
            life.must_stop.set();
            let (_nobody_tells, go) = crossbeam_channel::bounded(1);
            assert_eq!(wait_for_word(&life, &go), None);
        });
    }

    struct Anybody;

    impl Actor for Anybody {
        type Msg = u32;

        fn handle(&mut self, _: u32, _: &mut Context<Self>) -> error::Result {
            Ok(())
        }
    }

    #[test]
    fn m1_what_is_left_and_the_hook_for_it_go_with_the_last_who_reads() {
        let (mailbox, members, returned) = crew(2);
        let leave = |member: &Member| {
            let way_out = WayOut::new(&member.life, &mailbox);
            way_out.leave(Remains::<Anybody>::Nothing, Outcome::Overdue)
        };
        drop(leave(&members[0]));
        assert_eq!((mailbox.len(), returned.try_recv()), (1, Err(TryRecvError::Empty)));
        drop(leave(&members[1]));
        assert_eq!((mailbox.len(), returned.try_recv()), (0, Ok(1)));
        assert_eq!(returned.try_recv(), Err(TryRecvError::Disconnected));
    }

    #[test]
    fn d3_who_was_given_up_does_not_end_a_mailbox_that_others_read() {
        let (mailbox, members, _returned) = crew(2);
        // The system, in its place.
        assert!(members[0].life.leave_once());
        mailbox.end();
        let late = WayOut::new(&members[0].life, &mailbox);
        drop(late.leave(Remains::<Anybody>::Nothing, Outcome::Overdue));
        assert!(!mailbox.ended().is_set());
    }

    #[test]
    fn o4_who_rests_in_a_ring_leaves_when_nobody_can_send_to_it_any_more() {
        let (mailbox, members, _returned) = crew(1);
        let way_out = WayOut::new(&members[0].life, &mailbox);
        assert!(way_out.leaves_instead().is_none());
        members[0].life.join_ring(0);
        members[0].life.stopping.set();
        assert!(way_out.leaves_instead().is_none());
        assert_eq!(mailbox.evict(), [1]);
        assert!(way_out.leaves_instead().is_some());
    }
}
