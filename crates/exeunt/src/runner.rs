//! The runner: how a thread waits, and what it runs. The loop of an actor reads as one match.

use std::sync::Arc;

use crossbeam_channel::Receiver;

use crate::actor::Actor;
use crate::agenda::Job;
use crate::answers::How;
use crate::cell::{Cell, Failure, Stillborn};
use crate::clock::Clock;
use crate::ending::{self, Fate, Over, Remains, WayOut};
use crate::flood::Flood;
use crate::life::{Activity, Life, Outcome, Summons};
use crate::mailbox::{Bell, Mailbox};
use crate::patience::Patience;
use crate::report::ActorReport;
use crate::unwind;

#[cfg(feature = "stepper")]
mod glance;
mod sleep;
mod task;

pub(crate) use task::perform;

/// Runs an actor to its end on this thread, one incarnation after the other.
pub(crate) fn act<A: Actor>(
    life: Arc<Life>,
    mailbox: Arc<Mailbox<A::Msg>>,
    make: impl FnMut() -> A,
) -> Outcome {
    let mut make = Some(make);
    let way_out = WayOut::new(&life, &mailbox);
    let mut is_awaited = false;
    loop {
        let first = || make.as_mut().map_or_else(|| unreachable!("made once, or kept"), |m| m());
        let started = Cell::start(&life, &mailbox, Clock::Monotonic, first);
        if !life.is_restartable {
            // What it captured, addresses say, must not live as long as the actor.
            let _ = unwind::drop_caught(make.take());
        }
        let (over, remains) = match started {
            Err(Stillborn { failure, cell }) => {
                (Over::Failed(failure), Remains::of_stillborn(cell))
            }
            Ok(cell) => {
                if std::mem::take(&mut is_awaited) {
                    life.stage.risen(&life);
                }
                let mut runner = Runner::new(cell, &life, &mailbox);
                let over = runner.run();
                runner.await_children();
                (over, Remains::Whole(runner.cell))
            }
        };
        match way_out.fate(over) {
            Fate::Leave(outcome) => return way_out.leave(remains, outcome),
            Fate::Anew(rebirth) => {
                way_out.retire(remains);
                // Who is waited for is so until it has begun, however often it tries.
                is_awaited |= ending::rest(&life, rebirth, Some(&*mailbox));
                if let Some(outcome) = way_out.leaves_instead() {
                    return way_out.leave(Remains::<A>::Nothing, outcome);
                }
                life.count_restart();
            }
        }
    }
}

pub(crate) struct Runner<'a, A: Actor> {
    pub(crate) cell: Box<Cell<A>>,
    life: &'a Arc<Life>,
    mailbox: &'a Arc<Mailbox<A::Msg>>,
    bell: &'a Bell,
    /// Where it is told that its children have left, when they were told to.
    children: Option<Receiver<Vec<ActorReport>>>,
    /// What there is to do beside messages from the mailbox.
    next: Option<Next<A::Msg>>,
    /// How long it has lately been worth it to wait without sleeping.
    patience: Patience,
    flood: Flood,
}

/// What is next.
pub(crate) enum Next<M> {
    Message(M),
    Affair(Affair),
}

/// What there is to do beside messages.
pub(crate) enum Affair {
    Answer(u64, How),
    Idle,
    /// What was to become a message panicked on the way.
    Misread(String),
    ChildrenLeft(Vec<ActorReport>),
    /// The deadline has passed.
    Halt,
    Summons(Summons),
    /// Nothing is queued, and nothing more is to come.
    Dry,
}

impl<M> From<Job<M>> for Next<M> {
    fn from(job: Job<M>) -> Next<M> {
        match job {
            Job::Message(message) => Next::Message(message),
            Job::Answer(id, how) => Next::Affair(Affair::Answer(id, how)),
        }
    }
}

impl<M> From<Affair> for Next<M> {
    fn from(affair: Affair) -> Next<M> {
        Next::Affair(affair)
    }
}

impl<'a, A: Actor> Runner<'a, A> {
    pub(crate) fn new(
        cell: Box<Cell<A>>,
        life: &'a Arc<Life>,
        mailbox: &'a Arc<Mailbox<A::Msg>>,
    ) -> Self {
        let bell = mailbox.bell_of(life.seat);
        let agenda = cell.agenda_now();
        if life.stopping.is_set() && !agenda.is_in_turn()
            || life.last_call.is_set() && !agenda.is_last_call()
        {
            // Its turn came to the incarnation before: to this one the bell was not rung.
            bell.ring();
        }
        mailbox.remind_of_waiters(life.seat);
        Runner {
            cell,
            life,
            mailbox,
            bell,
            children: None,
            next: None,
            patience: Patience::new(),
            flood: Flood::new(life.handled()),
        }
    }

    fn run(&mut self) -> Over {
        loop {
            let next = self.wait_for_message().map(Next::Message).or_else(|| self.next.take());
            match next {
                // The one place at which a message is handled: so all of that is one function, and no
                // message is handed on through memory.
                Some(Next::Message(message)) => {
                    if let Err(failure) = self.cell.handle(message) {
                        return Over::Failed(failure);
                    }
                }
                Some(Next::Affair(affair)) => {
                    if let Err(over) = self.attend_to(affair) {
                        return over;
                    }
                }
                None => {}
            }
        }
    }

    /// Does what there is to do. An error is the end of the incarnation.
    #[cold]
    pub(crate) fn attend_to(&mut self, affair: Affair) -> Result<(), Over> {
        let done = match affair {
            Affair::Answer(id, how) => self.cell.answer(id, how),
            Affair::Idle => self.cell.idle(),
            Affair::Misread(panic) => self.misread(&panic),
            Affair::ChildrenLeft(reports) => {
                self.children = None;
                self.life.swap_activity(Activity::Working);
                self.cell.bereave(reports);
                Ok(())
            }
            Affair::Halt => return Err(Over::Halt),
            Affair::Summons(Summons::Retire) => return Err(Over::Retired),
            Affair::Summons(Summons::Fall(error)) => Err(Failure::of(error)),
            // First the children leave, and what they send meanwhile is handled. Then something
            // may have come while we looked away; that is handled too.
            Affair::Dry if !self.dismiss_children() && self.finish() => {
                return Err(Over::Dry);
            }
            Affair::Dry => Ok(()),
        };
        done.map_err(Over::Failed)
    }

    /// Waits for the next message: looks first, and sleeps only when nothing comes of that. `None` if there is
    /// something else to do, which is put aside: so a message is on nothing's way, and nothing on its.
    #[inline(always)] // for the same reason as `unwind::catch`
    fn wait_for_message(&mut self) -> Option<A::Msg> {
        let mut looks = 0;
        loop {
            if self.bell.heard() && self.is_next(Self::take_orders) {
                return None;
            }
            if self.cell.agenda_now().is_in_use() {
                if self.is_next(Self::take_from_agenda) {
                    return None;
                }
            } else if let Some(message) = self.mailbox.take() {
                return Some(message);
            }
            // In its turn it has most often come to its end, and gives way to nobody first.
            if self.cell.agenda_now().is_in_turn() && self.is_next(Self::last_call) {
                return None;
            }
            if self.flood.gathers(self.life.handled()) {
                continue;
            }
            if self.patience.gives_way(looks) {
                looks += 1;
                continue;
            }
            if self.is_next(Self::last_call) || self.is_next(Self::sleep) {
                return None;
            }
            looks = 0;
        }
    }

    /// Whether there is something else to do, which is put aside.
    #[cold]
    fn is_next(&mut self, look: impl FnOnce(&mut Self) -> Option<Next<A::Msg>>) -> bool {
        self.next = look(self);
        self.next.is_some()
    }

    /// What is next, if there is anything.
    fn take(&mut self) -> Option<Next<A::Msg>> {
        if self.cell.agenda().is_in_use() {
            return self.take_from_agenda();
        }
        self.mailbox.take().map(Next::Message)
    }

    /// What its bell was rung for.
    #[cold]
    fn take_orders(&mut self) -> Option<Next<A::Msg>> {
        if self.life.must_stop.is_set() {
            return Some(Affair::Halt.into());
        }
        let its_turn = self.life.stopping.is_set();
        match self.life.summons() {
            // Its turn is no reason to forget that a child has failed.
            Some(summons) if !its_turn || matches!(summons, Summons::Fall(_)) => {
                return Some(Affair::Summons(summons).into());
            }
            _ => {}
        }
        let agenda = self.cell.agenda();
        if its_turn && !agenda.is_in_turn() {
            self.life.count_cancelled(agenda.begin_turn());
        } else if self.life.last_call.is_set() {
            self.life.count_cancelled(agenda.last_call());
        }
        self.make_way()
    }

    /// Somebody may wait for room without a thread that the channel would wake: takes what is next
    /// here, so that it can be told before that is handled, and not after.
    fn make_way(&mut self) -> Option<Next<A::Msg>> {
        if self.mailbox.room.is_empty() {
            return None;
        }
        let next = self.take();
        self.mailbox.make_way(self.life.seat);
        next
    }

    #[cold]
    fn take_from_agenda(&mut self) -> Option<Next<A::Msg>> {
        // What makes messages of other things is code of the user's.
        match unwind::catch(|| self.cell.agenda().take(self.mailbox)) {
            Ok(job) => job.map(Next::from),
            Err(panic) => Some(Affair::Misread(panic).into()),
        }
    }

    /// What was taken for a message counts as one.
    fn misread(&mut self, panic: &str) -> Result<(), Failure> {
        self.life.enter_message();
        self.life.leave_failed();
        Err(Failure::panic(panic).within("making a message"))
    }

    /// Whether what was handled is all that will ever be. Who is deserted during a drain waits for
    /// its turn all the same, so that all leave in order.
    #[cold]
    fn last_call(&mut self) -> Option<Next<A::Msg>> {
        if let Some(children) = &self.children {
            // The conductor always tells; should it be gone, there is nobody to wait for.
            return match children.try_recv() {
                Ok(reports) => Some(Affair::ChildrenLeft(reports).into()),
                Err(crossbeam_channel::TryRecvError::Empty) => None,
                Err(_) => Some(Affair::ChildrenLeft(Vec::new()).into()),
            };
        }
        if self.waits_for_ring() {
            return None;
        }
        let is_its_turn = self.life.stopping.is_set();
        let nothing_comes = self.cell.agenda().is_done()
            && (is_its_turn || self.is_deserted() && self.is_the_last_to_work());
        nothing_comes.then_some(Affair::Dry.into())
    }

    /// Whether it has handled all there is, its children have left, and only those of its ring may still send it
    /// something.
    fn waits_for_ring(&self) -> bool {
        self.life.leaves_with_ring()
            && self.life.stopping.is_set()
            && self.life.is_family_closed()
            && self.children.is_none()
            && self.cell.agenda_now().is_done()
            && !self.mailbox.is_gone()
    }

    fn is_deserted(&self) -> bool {
        self.mailbox.is_deserted() && !self.life.stage.is_draining()
    }

    /// Whether none of the others who read the mailbox has anything to do, so that nobody can make an
    /// address any more.
    fn is_the_last_to_work(&self) -> bool {
        let Some(crew) = self.mailbox.crew() else { return true };
        // All asleep, nobody who could send, and nothing there, at one moment: from then on nothing happens any
        // more. Of three looks the last has to see that nobody has woken meanwhile, and holds what was there.
        let is_the_last = crew.fall_asleep().is_some_and(|calm| {
            self.is_deserted() && self.mailbox.is_empty() && crew.is_still(&calm)
        });
        crew.wake_up();
        is_the_last || self.mailbox.is_gone()
    }

    /// Tells the children that their turn has come. Whether there are any.
    fn dismiss_children(&mut self) -> bool {
        if !self.life.close_family() {
            return false;
        }
        let children = self.life.stage.dismiss_family(self.life);
        self.life.swap_activity(Activity::AwaitingChildren);
        self.children = Some(children);
        true
    }

    /// Closes for good what messages can come through, unless some have come. The mailboxes of a ring are closed
    /// together, by the conductor.
    fn finish(&mut self) -> bool {
        if self.life.leaves_with_ring() && !self.mailbox.is_gone() {
            return false;
        }
        if self.life.stopping.is_set() {
            return self.cell.agenda().finish() && self.mailbox.finish_for(self.life);
        }
        let is_news = self.mailbox.crew().is_some() && !self.mailbox.is_gone();
        let is_over = self.cell.agenda().finish() && self.mailbox.finish();
        if is_over && is_news {
            // Nobody calls the others of the pool, who sleep.
            self.mailbox.ring_all();
        }
        is_over
    }

    /// Waits for children that were told to leave, though there is nothing left to do for them.
    fn await_children(&mut self) {
        if let Some(children) = self.children.take() {
            self.life.listen_no_more();
            let left = children.recv().unwrap_or_default();
            self.life.swap_activity(Activity::Working);
            self.cell.bereave(left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::Capacity;
    use crate::context::Context;
    use crate::error;
    use crate::mailbox::Post;

    struct Anybody;

    impl Actor for Anybody {
        type Msg = u32;

        fn handle(&mut self, _: u32, _: &mut Context<Self>) -> error::Result {
            Ok(())
        }
    }

    /// Reads a mailbox beside its own.
    struct Attaches(Option<crate::Inbox<u32>>);

    impl Actor for Attaches {
        type Msg = u32;

        fn started(&mut self, cx: &mut Context<Self>) -> error::Result {
            self.0.take().into_iter().for_each(|inbox| cx.attach_inbox(inbox, |n| n));
            Ok(())
        }

        fn handle(&mut self, _: u32, _: &mut Context<Self>) -> error::Result {
            Ok(())
        }
    }

    fn life() -> Arc<Life> {
        Arc::new(Life::unstarted())
    }

    #[test]
    fn m1_what_comes_between_the_last_look_and_the_end_is_handled() {
        let (life, mailbox) = (life(), Mailbox::new(Capacity::Bounded(4)));
        mailbox.staff(1);
        let cell = Cell::start(&life, &mailbox, Clock::Monotonic, || Anybody).ok().unwrap();
        let mut runner = Runner::new(cell, &life, &mailbox);
        assert!(mailbox.offer(&mailbox.ordinary, 1).is_ok());
        assert!(runner.attend_to(Affair::Dry).is_ok());
        assert_eq!(mailbox.take(), Some(1));
        assert!(matches!(runner.attend_to(Affair::Dry), Err(Over::Dry)));
        assert!(mailbox.offer(&mailbox.ordinary, 2).is_err());
    }

    #[test]
    fn m1_what_comes_beside_the_mailbox_between_the_last_look_and_the_end_is_handled_too() {
        let (life, mailbox) = (life(), Mailbox::new(Capacity::Bounded(4)));
        let (beside, inbox) = crate::mailbox::mailbox::<u32>(4);
        let mut inbox = Some(inbox);
        let cell = Cell::start(&life, &mailbox, Clock::Monotonic, || Attaches(inbox.take()));
        let mut runner = Runner::new(cell.ok().unwrap(), &life, &mailbox);
        assert!(beside.send(1).is_ok());
        assert!(runner.attend_to(Affair::Dry).is_ok());
        assert!(matches!(runner.take_from_agenda(), Some(Next::Message(1))));
        assert!(matches!(runner.attend_to(Affair::Dry), Err(Over::Dry)));
        assert!(beside.send(2).is_err());
    }

    #[test]
    fn o3_o4_an_incarnation_hears_of_the_turn_that_came_to_the_one_before() {
        let hears = |come: fn(&Life)| {
            let (life, mailbox) = (life(), Mailbox::new(Capacity::Bounded(4)));
            come(&life);
            let cell = Cell::start(&life, &mailbox, Clock::Monotonic, || Anybody).ok().unwrap();
            let _runner = Runner::new(cell, &life, &mailbox);
            mailbox.bell.heard()
        };
        let nothing: fn(&Life) = |_| {};
        assert_eq!(
            [nothing, |life| life.stopping.set(), |life| life.last_call.set()].map(hears),
            [false, true, true]
        );
    }

    #[cfg(feature = "async")]
    #[test]
    fn m4_an_incarnation_hears_of_the_futures_that_waited_for_room_with_the_one_before() {
        let (life, mailbox) = (life(), Mailbox::new(Capacity::Bounded(4)));
        mailbox.room.add(crate::waiters::Ticket::next(), std::task::Waker::noop());
        let cell = Cell::start(&life, &mailbox, Clock::Monotonic, || Anybody).ok().unwrap();
        let _runner = Runner::new(cell, &life, &mailbox);
        assert!(mailbox.bell.heard());
    }

    /// One of a ring that has handled all there is.
    fn resting<'a, A: Actor<Msg = u32>>(
        cell: Box<Cell<A>>,
        life: &'a Arc<Life>,
        mailbox: &'a Arc<Mailbox<u32>>,
    ) -> Runner<'a, A> {
        let runner = Runner::new(cell, life, mailbox);
        life.join_ring(0);
        life.stopping.set();
        life.close_family();
        runner
    }

    #[test]
    fn o4_one_of_a_ring_to_which_something_has_come_does_not_rest() {
        let (life, mailbox) = (life(), Mailbox::new(Capacity::Bounded(4)));
        let cell = Cell::start(&life, &mailbox, Clock::Monotonic, || Anybody).ok().unwrap();
        let mut runner = resting(cell, &life, &mailbox);
        assert!(runner.waits_for_ring());
        assert!(mailbox.offer(&mailbox.ordinary, 1).is_ok());
        assert!(runner.sleep().is_none());
        assert_eq!(mailbox.take(), Some(1));
        let post: &dyn Post = &*mailbox;
        assert!(!post.finish_with(1, &mut || true) && post.finish_with(0, &mut || true));
    }

    #[test]
    fn o4_one_of_a_ring_with_something_on_its_agenda_does_not_rest() {
        let (life, mailbox) = (life(), Mailbox::new(Capacity::Bounded(4)));
        let (_beside, inbox) = crate::mailbox::mailbox::<u32>(4);
        let mut inbox = Some(inbox);
        let cell = Cell::start(&life, &mailbox, Clock::Monotonic, || Attaches(inbox.take()));
        let mut runner = resting(cell.ok().unwrap(), &life, &mailbox);
        assert!(!runner.waits_for_ring());
        runner.cell.agenda().begin_turn();
        assert!(runner.cell.agenda_now().is_done() && runner.waits_for_ring());
    }

    #[test]
    fn o4_who_has_woken_is_seen_awake_before_it_looks_for_what_there_is() {
        let (life, mailbox) = (life(), Mailbox::new(Capacity::Bounded(4)));
        let cell = Cell::start(&life, &mailbox, Clock::Monotonic, || Anybody).ok().unwrap();
        let mut runner = Runner::new(cell, &life, &mailbox);
        assert!(mailbox.offer(&mailbox.ordinary, 1).is_ok());
        assert!(runner.sleep().is_none());
        assert!(!life.sample().is_asleep());
    }

    #[test]
    fn who_is_told_that_its_children_have_left_waits_for_them_no_more() {
        let (life, mailbox) = (life(), Mailbox::new(Capacity::Bounded(4)));
        let cell = Cell::start(&life, &mailbox, Clock::Monotonic, || Anybody).ok().unwrap();
        let mut runner = Runner::new(cell, &life, &mailbox);
        life.swap_activity(Activity::AwaitingChildren);
        assert!(life.is_waiting());
        assert!(runner.attend_to(Affair::ChildrenLeft(Vec::new())).is_ok());
        assert_eq!((life.doing().as_str(), life.is_waiting()), ("between two messages", false));
    }

    #[test]
    fn o5_of_a_crew_nobody_goes_while_another_may_still_send_to_it() {
        let (life, mailbox) = (life(), Mailbox::new(Capacity::Bounded(4)));
        mailbox.staff(2);
        let cell = Cell::start(&life, &mailbox, Clock::Monotonic, || Anybody).ok().unwrap();
        let runner = Runner::new(cell, &life, &mailbox);
        // The other one has not said that it has nothing to do.
        assert!(!runner.is_the_last_to_work());
        assert!(mailbox.finish());
        assert!(runner.is_the_last_to_work());
    }

    #[test]
    fn o4_one_of_a_crew_that_has_waited_for_its_ring_rests_no_more() {
        let (life, mailbox) = (life(), Mailbox::new(Capacity::Bounded(4)));
        mailbox.staff(2);
        let cell = Cell::start(&life, &mailbox, Clock::Monotonic, || Anybody).ok().unwrap();
        let mut runner = Runner::new(cell, &life, &mailbox);
        life.join_ring(0);
        life.stopping.set();
        life.close_family();
        assert!(runner.waits_for_ring());
        // The other one sleeps, and nobody has an address; something wakes this one.
        assert!(mailbox.crew().unwrap().fall_asleep().is_none());
        runner.bell.ring();
        assert!(runner.sleep().is_none());
        let post: &dyn Post = &*mailbox;
        assert!(post.finish_with(0, &mut || true));
    }

    #[test]
    fn o5_the_last_of_a_pool_to_work_sleeps_while_its_children_leave() {
        let (life, mailbox) = (life(), Mailbox::new(Capacity::Bounded(4)));
        mailbox.staff(2);
        // The other one sleeps, and nobody has an address.
        assert!(mailbox.crew().unwrap().fall_asleep().is_none());
        let (left, children) = crossbeam_channel::bounded(1);
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| {
                let start = Cell::start(&life, &mailbox, Clock::Monotonic, || Anybody);
                let mut runner = Runner::new(start.ok().unwrap(), &life, &mailbox);
                runner.children = Some(children);
                assert!(runner.sleep().is_none());
            });
            while !life.sample().is_asleep() {
                assert!(!sleeper.is_finished(), "it would look all the time");
                std::thread::yield_now();
            }
            assert!(left.send(Vec::new()).is_ok());
        });
    }

    #[test]
    fn o5_the_first_of_a_pool_that_comes_to_its_own_end_tells_the_others_once() {
        let (life, mailbox) = (life(), Mailbox::new(Capacity::Bounded(4)));
        mailbox.staff(2);
        let cell = Cell::start(&life, &mailbox, Clock::Monotonic, || Anybody).ok().unwrap();
        let mut runner = Runner::new(cell, &life, &mailbox);
        let mut is_told = || {
            assert!(matches!(runner.attend_to(Affair::Dry), Err(Over::Dry)));
            mailbox.bell_of(1).heard()
        };
        assert_eq!([is_told(), is_told()], [true, false]);
    }

    #[test]
    fn f1_whose_turn_has_come_begins_no_more_anew_but_may_fall_with_a_child() {
        let (life, mailbox) = (life(), Mailbox::new(Capacity::Bounded(4)));
        let cell = Cell::start(&life, &mailbox, Clock::Monotonic, || Anybody).ok().unwrap();
        let mut runner = Runner::new(cell, &life, &mailbox);
        life.summon(Summons::Retire);
        life.stopping.set();
        assert!(runner.take_orders().is_none() && runner.cell.agenda().is_in_turn());
        life.countermand();
        life.summon(Summons::Fall("tripped".into()));
        let orders = runner.take_orders();
        assert!(matches!(orders, Some(Next::Affair(Affair::Summons(Summons::Fall(_))))));
    }

    #[test]
    fn o5_what_another_thread_is_about_to_take_keeps_the_pool_alive() {
        let (life, mailbox) = (life(), Mailbox::new(Capacity::Bounded(4)));
        mailbox.staff(2);
        let cell = Cell::start(&life, &mailbox, Clock::Monotonic, || Anybody).ok().unwrap();
        let mut runner = Runner::new(cell, &life, &mailbox);
        let crew = mailbox.crew().unwrap();
        // The other one sleeps. When this one has found nothing, the last message comes, and will wake it.
        assert!(crew.fall_asleep().is_none());
        assert!(mailbox.offer(&mailbox.ordinary, 1).is_ok());
        assert!(runner.last_call().is_none());
        // It holds it now, and nothing is left.
        crew.wake_up();
        assert_eq!(mailbox.take(), Some(1));
        assert!(runner.last_call().is_none());
        assert!(crew.fall_asleep().is_none());
        assert!(runner.last_call().is_some());
    }
}
