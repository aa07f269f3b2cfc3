//! The agenda: what an actor waits for beside its mailbox. Timers, other channels, answers, and its
//! idle time-out.
//!
//! It belongs to one incarnation, and only its own thread touches it. An actor that has nothing on
//! its agenda never looks at it more closely than at one flag.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Select;

use crate::actor::Actor;
use crate::answers::{Answers, How};
use crate::clock::Clock;
use crate::life::Life;
use crate::mailbox::{Mailbox, Wire};
use crate::timer::{Missed, Rope, Timer};
use crate::timers::Timers;
use crate::unwind;
pub use inputs::OnDrain;
pub(crate) use inputs::{Annex, Channel};
use inputs::{Input, Taken};

mod inputs;

pub(crate) struct Agenda<A: Actor> {
    pub(crate) clock: Clock,
    timers: Timers<A::Msg>,
    inputs: Vec<Box<dyn Input<A::Msg>>>,
    pub(crate) answers: Answers<A>,
    idle_timeout: Option<Duration>,
    /// Since when nothing has come.
    idle_since: Option<Instant>,
    /// The source that is looked at first: the one after the last source that had something.
    next_source: usize,
    /// How many urgent messages were taken in a row.
    urgent_in_a_row: u32,
    /// Whether there is anything on it.
    is_in_use: bool,
    /// Its actor's turn has come, or that of its ring: no timers, and of the channels only what is queued.
    is_last_call: bool,
    /// Its actor's turn has come.
    is_in_turn: bool,
}

/// What there is to do.
pub(crate) enum Job<M> {
    Message(M),
    /// An ask has come to its end.
    Answer(u64, How),
}

/// Where a job may come from, in the order in which they are looked at.
pub(crate) enum Source {
    Timers,
    Mailbox,
    Answers,
    Input(usize),
}

/// How many sources there are beside the inputs.
const OWN_SOURCES: usize = 3;

impl Source {
    fn at(place: usize) -> Source {
        match place {
            0 => Source::Timers,
            1 => Source::Mailbox,
            2 => Source::Answers,
            input => Source::Input(input - OWN_SOURCES),
        }
    }
}

/// How many urgent messages are taken in a row while something else waits.
const URGENT_BUDGET: u32 = 8;

impl<A: Actor> Agenda<A> {
    pub(crate) fn new(clock: Clock, mailbox: &Arc<Mailbox<A::Msg>>, seat: usize) -> Agenda<A> {
        Agenda {
            clock,
            timers: Timers::new(Some(Rope { bells: mailbox.as_ring(), seat })),
            inputs: Vec::new(),
            answers: Answers::new(),
            idle_timeout: None,
            idle_since: None,
            next_source: 0,
            urgent_in_a_row: 0,
            is_in_use: mailbox.urgent().is_some(),
            is_last_call: false,
            is_in_turn: false,
        }
    }

    /// Whether there is no time for timers any more.
    pub(crate) fn is_last_call(&self) -> bool {
        self.is_last_call
    }

    /// Whether it knows that the actor's turn has come.
    pub(crate) fn is_in_turn(&self) -> bool {
        self.is_in_turn
    }

    /// Whether there is more to look at than the front of the mailbox.
    #[inline]
    pub(crate) fn is_in_use(&self) -> bool {
        self.is_in_use
    }

    // What is put on it.

    pub(crate) fn after(&mut self, delay: Duration, message: A::Msg) -> Timer {
        self.is_in_use = true;
        self.timers.after(self.clock.now(), delay, message)
    }

    pub(crate) fn every(
        &mut self,
        period: Duration,
        missed: Missed,
        make: Box<dyn FnMut() -> A::Msg>,
    ) -> Timer {
        self.is_in_use = true;
        self.timers.every(self.clock.now(), period, missed, make)
    }

    pub(crate) fn attach(&mut self, input: impl Input<A::Msg> + 'static) {
        self.is_in_use = true;
        let mut input = Box::new(input);
        if self.is_last_call {
            input.last_call();
        }
        if self.is_in_turn {
            input.close();
        }
        self.inputs.push(input);
    }

    pub(crate) fn use_answers(&mut self) -> &mut Answers<A> {
        self.is_in_use = true;
        &mut self.answers
    }

    pub(crate) fn set_idle_timeout(&mut self, timeout: Option<Duration>) {
        self.is_in_use |= timeout.is_some();
        self.idle_timeout = timeout;
        self.idle_since = None;
    }

    // What is taken from it.

    /// Takes the next thing to do, from all sources in turn, so that none starves another.
    pub(crate) fn take(&mut self, mailbox: &Mailbox<A::Msg>) -> Option<Job<A::Msg>> {
        let job = self.take_urgent(mailbox).or_else(|| self.take_in_turn(mailbox))?;
        self.idle_since = None;
        Some(job)
    }

    fn take_urgent(&mut self, mailbox: &Mailbox<A::Msg>) -> Option<Job<A::Msg>> {
        if self.urgent_in_a_row >= URGENT_BUDGET {
            self.urgent_in_a_row = 0;
            return None;
        }
        let message = mailbox.take_urgent();
        self.urgent_in_a_row = if message.is_some() { self.urgent_in_a_row + 1 } else { 0 };
        message.map(Job::Message)
    }

    fn take_in_turn(&mut self, mailbox: &Mailbox<A::Msg>) -> Option<Job<A::Msg>> {
        let sources = OWN_SOURCES + self.inputs.len();
        for step in 0..sources {
            let place = (self.next_source + step) % sources;
            if let Some(job) = self.take_from(Source::at(place), mailbox) {
                self.next_source = place + 1;
                return Some(job);
            }
        }
        // Only the budget kept us from it.
        let message = mailbox.take_urgent()?;
        self.urgent_in_a_row = 1;
        Some(Job::Message(message))
    }

    /// What the last job that was taken came from.
    #[cfg(feature = "stepper")]
    pub(crate) fn last_source(&self) -> Source {
        match self.next_source.checked_sub(1) {
            Some(place) if self.urgent_in_a_row == 0 => Source::at(place),
            _ => Source::Mailbox,
        }
    }

    fn take_from(&mut self, source: Source, mailbox: &Mailbox<A::Msg>) -> Option<Job<A::Msg>> {
        match source {
            Source::Timers => self.take_due().map(Job::Message),
            Source::Mailbox => mailbox.take().map(Job::Message),
            Source::Answers => {
                let (id, how) = self.answers.take(&self.clock)?;
                Some(Job::Answer(id, how))
            }
            Source::Input(index) => self.take_input(index).map(Job::Message),
        }
    }

    fn take_due(&mut self) -> Option<A::Msg> {
        self.timers.next_due()?;
        self.timers.take_due(self.clock.now())
    }

    fn take_input(&mut self, index: usize) -> Option<A::Msg> {
        loop {
            match self.inputs.get_mut(index)?.take() {
                Taken::Item(message) => return Some(message),
                Taken::Nothing => return None,
                // The next input moves up, and must not be passed over: the runner may be about to sleep.
                Taken::Over => {
                    // If the `drop` of its closure fails, no message has failed.
                    let _ = unwind::drop_caught(self.inputs.remove(index));
                }
            }
        }
    }

    // How it waits.

    /// When there will be something to do although nothing comes. The moment may have passed.
    pub(crate) fn next_due(&mut self) -> Option<Instant> {
        let idle_ends = self.idle_timeout.and_then(|timeout| {
            let since = *self.idle_since.get_or_insert_with(|| self.clock.now());
            since.checked_add(timeout)
        });
        [self.timers.next_due(), self.answers.next_due(), idle_ends].into_iter().flatten().min()
    }

    /// Whether its idle time-out has passed; if so, it begins anew.
    pub(crate) fn has_idled(&mut self) -> bool {
        let (Some(timeout), Some(since)) = (self.idle_timeout, self.idle_since) else {
            return false;
        };
        let now = self.clock.now();
        let has_idled = now.saturating_duration_since(since) >= timeout;
        if has_idled {
            self.idle_since = Some(now);
        }
        has_idled
    }

    /// Whether it waits for anything that comes through a channel.
    pub(crate) fn has_channels(&self) -> bool {
        !self.inputs.is_empty() || !self.answers.is_empty()
    }

    pub(crate) fn add_to<'a>(&'a self, select: &mut Select<'a>) {
        self.answers.add_to(select);
        self.inputs.iter().for_each(|input| input.add_to(select));
    }

    /// From here on, whoever puts something into one of the mailboxes beside the actor's own pulls the wire. `false` if
    /// something is there already.
    pub(crate) fn watch(&self, wire: &Arc<Wire>) -> bool {
        self.inputs.iter().all(|input| input.watch(wire))
    }

    pub(crate) fn unwatch(&self, wire: &Arc<Wire>) {
        self.inputs.iter().for_each(|input| input.unwatch(wire));
    }

    // How it ends.

    /// The actor's turn has come. Gives how many timers were to fire once, and never will.
    pub(crate) fn begin_turn(&mut self) -> u64 {
        self.is_in_turn = true;
        self.inputs.iter_mut().for_each(|input| input.close());
        self.last_call()
    }

    /// The actor's turn has come, or that of its ring. Gives how many timers were to fire once, and never will.
    pub(crate) fn last_call(&mut self) -> u64 {
        if self.is_last_call {
            return 0;
        }
        self.is_last_call = true;
        self.idle_timeout = None;
        self.inputs.iter_mut().for_each(|input| input.last_call());
        self.timers.cancel_all()
    }

    /// Whether no more can come of anything on it.
    pub(crate) fn is_done(&self) -> bool {
        let are_inputs_done = self.inputs.iter().all(|input| input.is_done());
        self.timers.is_empty() && are_inputs_done && self.answers.is_empty()
    }

    /// Closes the mailbox, and those beside it, for all but the family. `false` if something that came before is still
    /// to be taken.
    pub(crate) fn finish_for_strangers(&mut self, mailbox: &Mailbox<A::Msg>) -> bool {
        self.inputs.iter_mut().all(|input| input.finish_for_strangers())
            && mailbox.finish_for_strangers()
    }

    /// Closes for good what stayed open until now. `false` if something has come.
    pub(crate) fn finish(&mut self) -> bool {
        self.inputs.iter_mut().all(|input| input.finish())
    }

    /// The incarnation is over. Gives what was accepted and is left, and how many timers never
    /// fired.
    pub(crate) fn clear(&mut self, life: &Life) -> (Vec<A::Msg>, u64) {
        let mut left = Vec::new();
        for mut input in self.inputs.drain(..) {
            left.extend(input.evict(life));
            let _ = unwind::drop_caught(input);
        }
        self.answers.clear();
        (left, self.begin_turn())
    }
}

#[cfg(test)]
mod tests;
