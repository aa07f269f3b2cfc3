//! The runner: how a thread waits, and what it runs. The loop of an actor reads as one match.

use std::sync::Arc;

use crate::actor::Actor;
use crate::agenda::Job;
use crate::answers::How;
use crate::cell::{Cell, Failure, Stillborn};
use crate::clock::Clock;
use crate::ending::{self, Farewell, Fate, Over, Remains, WayOut};
use crate::flood::Flood;
use crate::life::{Activity, Life, Outcome, Summons};
use crate::mailbox::{Bell, Letter, Mailbox, Wire};
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
            // What it captured, such as addresses, must not live as long as the actor.
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
                mailbox.pass_on();
                (over, runner.into_remains())
            }
        };
        match way_out.fate(over) {
            Fate::Leave(outcome) => return way_out.leave(remains, outcome),
            Fate::Anew(rebirth) => {
                way_out.retire(remains);
                // If the conductor waits for the new incarnation, it does so until one has begun, however many attempts
                // fail.
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
    /// Wakes it when it waits in a `select`. Made when it does for the first time.
    wire: Option<Arc<Wire>>,
    children: Option<Farewell>,
    /// What there is to do beside messages from the mailbox.
    next: Option<Next<A::Msg>>,
    /// It has slept since it last found nothing to do.
    has_slept: bool,
    /// How long it has lately been worth it to wait without sleeping.
    patience: Patience,
    /// Keeps it at a distance from a sender that sends all the time.
    flood: Flood,
}

/// What is next.
pub(crate) enum Next<M> {
    Message(Letter<M>),
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
            Job::Message(message) => Next::Message(Letter::new(message)),
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
            // The turn came to the incarnation before: the bell was not rung for this one.
            bell.ring();
        }
        Runner {
            cell,
            life,
            mailbox,
            bell,
            wire: None,
            children: None,
            next: None,
            has_slept: false,
            patience: Patience::new(),
            flood: Flood::new(life.handled()),
        }
    }

    fn run(&mut self) -> Over {
        loop {
            let letter = match self.wait_for_message() {
                Some(letter) => letter,
                None => match self.next.take() {
                    Some(Next::Message(letter)) => letter,
                    Some(Next::Affair(affair)) => match self.attend_to(affair) {
                        Ok(()) => continue,
                        Err(over) => return over,
                    },
                    None => continue,
                },
            };
            // The one place at which a message is handled: so the compiler makes one function of it
            // all, and no message is handed on through memory.
            if let Err(failure) = self.cell.handle(letter.open()) {
                return Over::Failed(failure);
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
            Affair::Dry => {
                // First the children leave, and what they send meanwhile is handled. Then something
                // may have come while we looked away; that is handled too.
                let has_children = self.dismiss_children();
                if !has_children && self.finish() {
                    return Err(Over::Dry);
                }
                Ok(())
            }
        };
        done.map_err(Over::Failed)
    }

    /// Waits for the next message: looks first, and sleeps only when nothing comes of that. `None` if there is
    /// something else to do, which is put aside: so neither stands in the way of the other.
    #[inline(always)] // for the same reason as `unwind::catch`
    fn wait_for_message(&mut self) -> Option<Letter<A::Msg>> {
        let mut looks = 0;
        loop {
            if self.bell.heard() && self.puts_aside(Self::take_orders) {
                return None;
            }
            if self.cell.agenda_now().is_in_use() {
                if self.puts_aside(Self::take_from_agenda) {
                    return None;
                }
            } else if let Some(letter) = self.mailbox.take_letter() {
                return Some(letter);
            }
            // In its turn, or woken for no message, an actor has most often come to its end, and gives way to nobody first:
            // so of many that are woken one after the other, each may be gone before the next is woken.
            let may_have_ended =
                std::mem::take(&mut self.has_slept) || self.cell.agenda_now().is_in_turn();
            if may_have_ended && self.puts_aside(Self::last_call) {
                return None;
            }
            if self.flood.gathers(self.life.handled()) {
                continue;
            }
            if self.waits_awake(looks) {
                looks += 1;
                continue;
            }
            if self.puts_aside(Self::last_call) || self.puts_aside(Self::sleep) {
                return None;
            }
            looks = 0;
        }
    }

    /// Puts aside what else there is to do, if there is something.
    #[cold]
    fn puts_aside(&mut self, look: impl FnOnce(&mut Self) -> Option<Next<A::Msg>>) -> bool {
        self.next = look(self);
        self.next.is_some()
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
        None
    }

    #[cold]
    fn take_from_agenda(&mut self) -> Option<Next<A::Msg>> {
        // The closures that make messages of other things are code of the user's.
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

    /// Whether what was handled is all that will ever be. An actor that is deserted during a drain
    /// waits for its turn all the same, so that all leave in order.
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
        if self.is_held_by_ring() || self.waits_for_ring() {
            return None;
        }
        let is_its_turn = self.life.stopping.is_set();
        let nothing_comes = self.cell.agenda().is_done()
            && (is_its_turn || self.is_deserted() && self.is_the_last_to_work());
        nothing_comes.then_some(Affair::Dry.into())
    }

    /// Whether it looks once more before it sleeps. While the conductor looks whether all of its ring sleep, it sleeps at
    /// once: where children send all the time, no other moment may come.
    fn waits_awake(&mut self, looks: u32) -> bool {
        !self.is_held_by_ring() && self.patience.watches(looks)
    }

    /// Whether others of its ring may still have something for it, for which it needs its children.
    fn is_held_by_ring(&self) -> bool {
        self.life.leaves_with_ring() && !self.life.may_part()
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

    /// Whether no other thread that reads the mailbox has anything to do, so that nobody can make
    /// an address any more.
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

    /// Tells the children that their turn has come, unless something has come for them meanwhile. Says whether there
    /// are any.
    fn dismiss_children(&mut self) -> bool {
        // The mailbox of an actor that nobody can reach is not closed.
        let is_closed = self.life.stopping.is_set();
        let has_come = is_closed
            && self.life.has_family()
            && !self.cell.agenda().finish_for_strangers(self.mailbox);
        if has_come {
            return true;
        }
        if !self.life.close_family() {
            return false;
        }
        let children = self.life.stage.dismiss_family(self.life);
        self.life.swap_activity(Activity::AwaitingChildren);
        self.children = Some(children);
        true
    }

    /// Closes for good all that messages can come through, unless some have come. The conductor closes the mailboxes of
    /// a ring, all together.
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
            // Nobody else calls the other threads of the pool, which sleep.
            self.mailbox.ring_all();
        }
        is_over
    }

    /// What is left of an incarnation that is over.
    pub(crate) fn into_remains(self) -> Remains<A> {
        Remains::Whole(self.cell, self.children)
    }
}

#[cfg(test)]
pub(crate) mod tests;
