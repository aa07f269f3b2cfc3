//! The drain: the conductor, what it is told by, and the actors to whom it gives turns.
//!
//! Each step is one operation on what the threads share; its comment names the function of
//! `exeunt/src/conductor.rs` or `conductor/` that it is of, if no other file. A send is one step, as in the code, and
//! so is an eviction: how it gets on with others is for [`closing`](crate::closing). Time is not modelled: a
//! deadline may pass at any moment, and a grace.

use crate::figures::Figures;
use crate::protocol::{Protocol, Step, Steps};
use mailboxes::Mailbox;
pub use wiring::Wiring;

mod wiring;
mod mailboxes;
mod actors;
mod conductor;
mod rings;

/// What is taken out of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Without {
    /// Nothing: the protocol as it is.
    Nothing,
    /// The wait for those upstream: who was called holds nobody back any more.
    WaitForUpstream,
    /// The second look at a ring.
    SecondLook,
    /// The look at whether those of a ring are asleep: empty mailboxes are enough.
    LookAtSleep,
    /// The order of a ring's closing: each gets to know the others of its ring when it is closed, and not before the
    /// first of them is.
    JoinFirst,
    /// The end that a ring has for everybody else, before any of it has its turn.
    StrangersFirst,
    /// The look at whether a ring is at rest still when it has closed for everybody else.
    RestAgain,
    /// The end that those of a ring have together: each closes for good when it has handled all.
    Together,
    /// The look at their mailboxes when they are closed for good: that all rest is enough.
    LookAtMailboxes,
    /// The word of one of a ring that it looks again: it counts as resting while it takes something and handles it.
    Rouse,
    /// The cue of a thread that has ended: one of them is lost.
    Ended,
    /// The cue to begin: one of them, sent by the first who asks, is lost.
    Shutdown,
    /// The question whether somebody was seen off before, when a cue comes twice.
    HasLeft,
    /// The question whether the drain has begun, when it is asked for twice.
    HasBegun,
    /// The ledger's lock around an eviction: what is taken out is counted a moment later.
    Ledger,
    /// The last word of the system over somebody who was given up: its figures are read at the end.
    Disowning,
    /// The door of a parent's mailbox for its children, when it is closed to all others.
    DoorForChildren,
    /// The wait of those downstream for the children of somebody who was given up.
    WaitForOrphans,
    /// The same, for the children of somebody who was given up before the drain began.
    OrphansOfBefore,
    /// The wait of a parent for the children of a child that was given up before them.
    OrphansBelow,
    /// The look at the children of a ring, whether they are at rest.
    LookAtChildren,
    /// The door of a ring's mailboxes for the children of the ring, when they are closed to all others.
    DoorForRingsChildren,
    /// The order of one's children before one rests: it rests, and has not told them to leave.
    ChildrenFirst,
    /// The look, before a ring is closed for good, whether those are still there whose parent reads its mailbox no more.
    ChildrenOfRing,
    /// The wait of a ring for the children of one of it that was given up.
    OrphansOfRing,
    /// The count of the threads of a pool that rest: it is enough that one does.
    CountOfThreads,
    /// The end that the threads of a pool with children have together, as a ring has.
    PoolAsRing,
    /// The rest of all threads of a pool with children, before any of them tells its own to leave.
    PoolAtRest,
}

impl Without {
    /// Everything that can be taken out.
    pub const ALL: [Without; 27] = [
        Without::WaitForUpstream,
        Without::SecondLook,
        Without::LookAtSleep,
        Without::JoinFirst,
        Without::StrangersFirst,
        Without::RestAgain,
        Without::Together,
        Without::LookAtMailboxes,
        Without::Rouse,
        Without::Ended,
        Without::Shutdown,
        Without::HasLeft,
        Without::HasBegun,
        Without::Ledger,
        Without::Disowning,
        Without::DoorForChildren,
        Without::WaitForOrphans,
        Without::OrphansOfBefore,
        Without::OrphansBelow,
        Without::LookAtChildren,
        Without::DoorForRingsChildren,
        Without::ChildrenFirst,
        Without::ChildrenOfRing,
        Without::OrphansOfRing,
        Without::CountOfThreads,
        Without::PoolAsRing,
        Without::PoolAtRest,
    ];
}

/// A system that is drained.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Drain {
    /// Who sends to whom, and who is whose child.
    pub wiring: Wiring,
    /// How many messages lie in each mailbox at the beginning.
    pub queued: Vec<u8>,
    /// How often the handlers of all send something, and to whom they like.
    pub sends: u8,
    /// How many messages come from threads that belong to nobody.
    pub from_outside: u8,
    /// How much there is for those of rings beside their mailboxes: in channels of theirs, by timers.
    pub beside: u8,
    /// How often the end is asked for.
    pub signals: u8,
    /// How many of those who are in no ring are told to leave alone.
    pub stops: u8,
    /// How many handlers fail. That asks for the end, too.
    pub failures: u8,
    /// How many handlers do not return before they are given up. There are deadlines then.
    pub hangs: u8,
    /// How many cues come twice.
    pub doubled: u8,
    /// What is taken out.
    pub without: Without,
}

/// Where they all are.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    actors: Vec<Actor>,
    /// That of each; of a pool, that of its first thread.
    mailboxes: Vec<Mailbox>,
    cues: Vec<Cue>,
    conductor: Conductor,
    sends: u8,
    from_outside: u8,
    beside: u8,
    signals: u8,
    stops: u8,
    failures: u8,
    hangs: u8,
    doubled: u8,
    /// How many cues may still be lost.
    to_lose: u8,
    wrong: Option<&'static str>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Actor {
    at: At,
    figures: Figures,
    stopping: bool,
    must_stop: bool,
    /// It reads its mailbox no more.
    has_resigned: bool,
    disowned: bool,
    /// Its ring is at rest, so that its children may leave.
    may_part: bool,
    /// It has told its children to leave.
    has_dismissed: bool,
    /// It knows with whom it drains as one.
    has_joined: bool,
    last_call: bool,
    /// It has nothing to do, and waits for the others of its ring.
    resting: bool,
    /// How much of what was in its channels is still to be taken, since it has heard the last call.
    quota: Option<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum At {
    Asleep,
    Awake,
    Handling,
    /// In a handler that returns only after it was given up.
    Hung,
    Evict,
    /// Has so many messages in its hands, which it has not counted.
    Count(u8),
    AwaitChildren,
    Leave,
    Ended,
}

/// stage/requests.rs, `Cue`: those that are about a drain.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Cue {
    Shutdown,
    Ended(usize),
    Dismiss(usize),
    Stop(usize),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Conductor {
    has_begun: bool,
    turns: Vec<Turn>,
    /// How many turns each was given.
    given: Vec<u8>,
    has_left: Vec<bool>,
    /// `Order::end`: it has left, and its children with it.
    ended: Vec<bool>,
    /// `waited_for_and_left`
    left: u8,
    /// Those who leave on behalf of somebody above them.
    families: Vec<Family>,
    /// Who leaves alone.
    alone: Vec<bool>,
    /// Who was told that its children have left.
    told: Vec<bool>,
    look: Option<Look>,
    /// Those of a ring that are still to be closed for good for all others.
    to_shut: Vec<usize>,
    /// Those of a ring that are still to have their turn.
    to_close: Vec<usize>,
    /// `seen`: the pulse, and whether it was at rest.
    seen: Vec<Option<(u8, bool)>>,
    report: Vec<Option<Figures>>,
    is_over: bool,
}

/// company.rs, `Company`, with `Errand::Parent`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Family {
    of: usize,
    members: Vec<usize>,
    /// Whether it waits for them to have left; it has left before them, otherwise.
    is_awaited: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Turn {
    None,
    Settling,
    /// Its mailbox is closed but for the ring, until all of it has handled all.
    WithRing,
    Called,
    Halted,
}

/// How far a look at a ring has come.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Look {
    of: usize,
    next: usize,
    /// Whether the mailbox of the next was found empty.
    is_empty: Option<bool>,
    is_at_rest: bool,
}

const REFUSED: &str = "somebody is refused by one who was to leave after it";
const CLOSED_EARLY: &str = "a ring is closed though it is not at rest";
const TOO_EARLY: &str = "a turn comes before somebody upstream has left";
const TWO_TURNS: &str = "somebody has two turns";
const OVER_EARLY: &str = "the drain is over before all have left";
const NEVER_ENDS: &str = "the drain never ends";
const NOT_HANDLED: &str = "what was accepted was not handled, though all went well";
const LEAVES_FIRST: &str = "somebody leaves before all below it have left";
const OFF_BALANCE: &str = "the account of somebody who has left does not balance";

impl Drain {
    fn len(&self) -> usize {
        self.wiring.feeds.len()
    }

    fn ring(&self, i: usize) -> &[usize] {
        match &self.wiring.rings[i] {
            ring if self.without == Without::PoolAsRing && self.wiring.is_pool(ring) => &[],
            ring => ring,
        }
    }

    /// Whether it is of a ring, or stands below one that is.
    fn is_of_a_ring(&self, i: usize) -> bool {
        !self.ring(self.wiring.root(i)).is_empty()
    }

    fn has_children(&self, i: usize) -> bool {
        self.wiring.trees[i].len() > 1
    }

    /// What is wrong with what the lines of those who have read that mailbox say.
    fn wrong_in_report(&self, state: &State, mailbox: usize) -> Option<&'static str> {
        let (mut sum, mut handled) = (0, 0);
        for i in self.wiring.readers(mailbox) {
            let Some(figures) = state.conductor.report[i] else { return Some(OVER_EARLY) };
            let figures = match self.without {
                Without::Disowning => state.actors[i].figures,
                _ => figures,
            };
            sum += figures.sum();
            handled += figures.handled;
        }
        let accepted = state.mailboxes[mailbox].accepted;
        if sum != accepted {
            return Some(OFF_BALANCE);
        }
        (self.goes_well() && handled != accepted).then_some(NOT_HANDLED)
    }

    /// Whether nothing happens that could take messages out of the hands of those who handle them.
    fn goes_well(&self) -> bool {
        self.failures == 0 && self.hangs == 0
    }
}

impl Protocol for Drain {
    type State = State;

    fn begin(&self) -> State {
        let mailboxes = self.queued.iter().map(|&queued| Mailbox {
            queue: queued,
            accepted: queued,
            closed: false,
            shut: false,
            gone: false,
        });
        let actors = self.queued.iter().map(|_| Actor {
            at: At::Awake,
            figures: Figures::default(),
            stopping: false,
            must_stop: false,
            has_resigned: false,
            disowned: false,
            may_part: false,
            has_dismissed: false,
            has_joined: false,
            last_call: false,
            resting: false,
            // With nothing there, whether they have heard makes no difference.
            quota: (self.beside == 0).then_some(0),
        });
        let no = vec![false; self.len()];
        State {
            actors: actors.collect(),
            mailboxes: mailboxes.collect(),
            cues: Vec::new(),
            conductor: Conductor {
                has_begun: false,
                turns: vec![Turn::None; self.len()],
                given: vec![0; self.len()],
                has_left: no.clone(),
                ended: no.clone(),
                left: 0,
                families: Vec::new(),
                alone: no.clone(),
                told: no,
                look: None,
                to_shut: Vec::new(),
                to_close: Vec::new(),
                seen: vec![None; self.len()],
                report: vec![None; self.len()],
                is_over: false,
            },
            sends: self.sends,
            from_outside: self.from_outside,
            beside: self.beside,
            signals: self.signals,
            stops: self.stops,
            failures: self.failures,
            hangs: self.hangs,
            doubled: self.doubled,
            to_lose: u8::from(matches!(self.without, Without::Ended | Without::Shutdown)),
            wrong: None,
        }
    }

    fn steps(&self, state: &State) -> Vec<(Step, State)> {
        let mut steps = Steps { from: state, all: Vec::new() };
        if state.signals > 0 {
            steps.add("outside", "asks for the end", |next| {
                next.signals -= 1;
                self.tell(next, Cue::Shutdown);
            });
        }
        let may_be_stopped = |&i: &usize| state.stops > 0 && self.ring(i).is_empty();
        for i in (0..self.len()).filter(may_be_stopped) {
            steps.add("outside", &format!("tells {i} to leave"), |next| {
                next.stops -= 1;
                self.tell(next, Cue::Stop(i));
            });
        }
        let is_mailbox = |&i: &usize| self.wiring.reads[i] == i;
        for i in (0..self.len()).filter(is_mailbox).filter(|_| state.from_outside > 0) {
            steps.add("outside", &format!("sends to {i}"), |next| {
                next.from_outside -= 1;
                self.send(next, None, i);
            });
        }
        for i in 0..self.len() {
            self.act(i, &mut steps);
        }
        if !state.conductor.is_over {
            self.conduct(&mut steps);
        }
        if let (Some(&cue), 1..) = (state.cues.last(), state.doubled) {
            steps.add("cues", "say it again", |next| {
                next.doubled -= 1;
                next.cues.push(cue);
            });
        }
        steps.all
    }

    fn wrong(&self, state: &State) -> Option<&'static str> {
        if state.wrong.is_some() {
            return state.wrong;
        }
        let conductor = &state.conductor;
        if conductor.given.iter().any(|&turns| turns > 1) {
            return Some(TWO_TURNS);
        }
        if !conductor.is_over {
            return None;
        }
        (0..self.len()).find_map(|mailbox| self.wrong_in_report(state, mailbox))
    }

    fn wrong_at_the_end(&self, state: &State) -> Option<&'static str> {
        (!state.conductor.is_over).then_some(NEVER_ENDS)
    }
}

#[cfg(test)]
mod tests;
