//! The way out: the threads that read one mailbox, a pool's or one alone, until the last has let go of it; and the
//! daemons, which are dismissed when all others have left.
//!
//! Each step is one operation on what the threads share, or one section under the lock of a thread's own ledger;
//! its comment names the function that it is of, in `exeunt/src/ending.rs` if no other file. A send, a finish and an
//! eviction are one step each: how they get on with each other is for [`closing`](crate::closing). Time is not
//! modelled: a deadline may pass at any moment, and a grace.

use crate::figures::Figures;
use crate::protocol::{Protocol, Step, Steps};

mod threads;
mod conductor;

/// What is taken out of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Without {
    /// Nothing: the protocol as it is.
    Nothing,
    /// The crew: whoever leaves takes it that nobody else reads the mailbox.
    Crew,
    /// The question whether somebody has resigned before: it is counted out by itself and by the system.
    ResignOnce,
    /// The last look of the last one out.
    LastLook,
    /// The system's look at a mailbox whose last reader has resigned, and was given up before it had taken out the
    /// rest.
    LookForTheResigned,
    /// The question, before an eviction, whether one was given up.
    Disowned,
    /// The message in the hands of somebody who is given up.
    InHand,
    /// The system's last word: what a thread that was given up does later counts.
    LastWord,
    /// The wait for daemons until they are in code of the user's, or have ended.
    WaitForTheWilling,
    /// The order: daemons are dismissed while others are still there.
    DaemonsLast,
}

impl Without {
    /// Everything that can be taken out.
    pub const ALL: [Without; 9] = [
        Without::Crew,
        Without::ResignOnce,
        Without::LastLook,
        Without::LookForTheResigned,
        Without::Disowned,
        Without::InHand,
        Without::LastWord,
        Without::WaitForTheWilling,
        Without::DaemonsLast,
    ];
}

/// Threads that leave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leaving {
    /// Which mailbox each thread reads.
    pub threads: Vec<usize>,
    /// The mailboxes.
    pub mailboxes: Vec<Mailbox>,
    /// How often the handlers of all send something.
    pub sends: u8,
    /// How many messages come from threads that belong to nobody.
    pub from_outside: u8,
    /// How many handlers fail, and nobody restarts them.
    pub failures: u8,
    /// How many handlers and hooks do not return before their thread is given up. There are deadlines then.
    pub hangs: u8,
    /// What is taken out.
    pub without: Without,
}

/// A mailbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mailbox {
    /// How many messages lie in it at the beginning.
    pub queued: u8,
    /// Whether those who read it are daemons.
    pub is_daemons: bool,
    /// To which mailbox their handlers send.
    pub feeds: Option<usize>,
}

/// Where they all are.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    boxes: Vec<Queue>,
    threads: Vec<Thread>,
    conductor: Conductor,
    sends: u8,
    from_outside: u8,
    failures: u8,
    hangs: u8,
    wrong: Option<&'static str>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Queue {
    queue: u8,
    accepted: u8,
    closed: bool,
    gone: bool,
    /// crew.rs, `reading`
    reading: u8,
    /// crew.rs, `present`
    present: u8,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Thread {
    at: At,
    /// Nobody else reads its mailbox any more.
    is_last: bool,
    stopping: bool,
    must_stop: bool,
    /// `resign_once`
    has_resigned: bool,
    /// `leave_once`
    has_let_go: bool,
    outcome: Option<Outcome>,
    figures: Figures,
    /// Its line in the report.
    line: Option<Figures>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Outcome {
    Itself,
    Disowned,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum At {
    /// It looks whether its bell was rung.
    Look,
    Take,
    /// It has taken a message, which is counted nowhere yet.
    InHand,
    Handling,
    Hung,
    Finish,
    Resign,
    Close,
    Evict,
    /// In its hooks: the dead letters, `stopped`, its value's `drop`.
    Hook,
    HungInHook,
    End,
    Ended,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Conductor {
    /// What it is about to do with one of them.
    about: Option<(usize, Doing)>,
    /// Which of the daemons it looks at, the last first.
    dismissal: Option<Dismissal>,
    is_over: bool,
}

/// How far it is in giving somebody up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Doing {
    Disown,
    TakeOver,
    Evict,
    Leave,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Dismissal {
    /// This many were told.
    Tell(usize),
    /// This many are known to have ended, or to be in code of the user's.
    Wait(usize),
    /// This many have left.
    See(usize),
}

const OFF_BALANCE: &str = "the account of a mailbox does not balance";
const TAKEN_AWAY: &str = "messages are returned though others go on reading";
const REFUSED: &str = "somebody is refused by a daemon that was to outlive it";
const NEVER_ENDS: &str = "the drain never ends";

impl Leaving {
    fn mailbox_of(&self, i: usize) -> &Mailbox {
        &self.mailboxes[self.threads[i]]
    }

    fn is_daemon(&self, i: usize) -> bool {
        self.mailbox_of(i).is_daemons
    }

    /// Whether `from` is refused counts, if it is one of those whom daemons are there for.
    fn send(&self, next: &mut State, from: Option<usize>, to: usize) {
        let mailbox = &mut next.boxes[to];
        let is_served = from.is_some_and(|i| !self.is_daemon(i) && next.threads[i].line.is_none());
        if !mailbox.closed && !mailbox.gone {
            mailbox.queue += 1;
            mailbox.accepted += 1;
        } else if is_served && self.mailboxes[to].is_daemons && self.failures == 0 {
            next.wrong.get_or_insert(REFUSED);
        }
    }
}

impl Protocol for Leaving {
    type State = State;

    fn begin(&self) -> State {
        let readers = |at: usize| self.threads.iter().filter(|&&reads| reads == at).count() as u8;
        let boxes = self.mailboxes.iter().enumerate().map(|(at, mailbox)| Queue {
            queue: mailbox.queued,
            accepted: mailbox.queued,
            closed: false,
            gone: false,
            reading: readers(at),
            present: readers(at),
        });
        let thread = Thread {
            at: At::Look,
            is_last: false,
            stopping: false,
            must_stop: false,
            has_resigned: false,
            has_let_go: false,
            outcome: None,
            figures: Figures::default(),
            line: None,
        };
        State {
            boxes: boxes.collect(),
            threads: vec![thread; self.threads.len()],
            conductor: Conductor { about: None, dismissal: None, is_over: false },
            sends: self.sends,
            from_outside: self.from_outside,
            failures: self.failures,
            hangs: self.hangs,
            wrong: None,
        }
    }

    fn steps(&self, state: &State) -> Vec<(Step, State)> {
        let mut steps = Steps { from: state, all: Vec::new() };
        for to in (0..self.mailboxes.len()).filter(|_| state.from_outside > 0) {
            steps.add("outside", &format!("sends to mailbox {to}"), |next| {
                next.from_outside -= 1;
                self.send(next, None, to);
            });
        }
        for i in 0..self.threads.len() {
            self.act(i, &mut steps);
        }
        if !state.conductor.is_over {
            self.conduct(&mut steps);
        }
        steps.all
    }

    fn wrong(&self, state: &State) -> Option<&'static str> {
        if state.wrong.is_some() || !state.conductor.is_over {
            return state.wrong;
        }
        // Also of what comes later: nothing changes any more.
        let is_balanced = |(at, mailbox): (usize, &Queue)| {
            let readers = (0..self.threads.len()).filter(|&i| self.threads[i] == at);
            let lines = readers.map(|i| match self.without {
                Without::LastWord => state.threads[i].figures.sum(),
                _ => state.threads[i].line.map_or(0, Figures::sum),
            });
            lines.sum::<u8>() == mailbox.accepted
        };
        let balances = state.boxes.iter().enumerate().all(is_balanced);
        (!balances).then_some(OFF_BALANCE)
    }

    fn wrong_at_the_end(&self, state: &State) -> Option<&'static str> {
        (!state.conductor.is_over).then_some(NEVER_ENDS)
    }
}

#[cfg(test)]
mod tests;
