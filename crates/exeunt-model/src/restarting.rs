//! Restarts, and a drain that comes into them: two actors that begin anew when they fail, the second alone and the
//! first with the second (`Strategy::RestForOne`), somebody who sends to them and leaves before them, and the
//! conductor that judges, revives, and gives turns.
//!
//! Each step is one operation on what the threads share; its comment names the function of `exeunt/src/ending.rs`,
//! `runner.rs` or `conductor/revival.rs` that it is of. A send, a finish and an eviction are one step each, and so is
//! what the conductor does about one cue: nobody else touches what it knows. Nobody hangs here. Time is not
//! modelled: a delay is over only when it is cut short, so that what cuts it is missed.

use crate::protocol::{Protocol, Step, Steps};

mod actors;
mod conductor;

/// What is taken out of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Without {
    /// Nothing: the protocol as it is.
    Nothing,
    /// The mailbox's life beyond that of an incarnation: what is left in it is returned.
    MailboxOutlives,
    /// The limit of restarts, while draining.
    Limit,
    /// The end of a delay when the drain begins.
    DrainCutsDelay,
    /// The end of a delay when one's turn comes.
    TurnCutsDelay,
    /// The end of a delay when others begin anew, who take it along.
    RestartCutsDelay,
    /// The look at the mailbox of who waits in a drain for something to do.
    MailboxInWait,
    /// The look whether one's turn has come, of who waits in a drain for something to do.
    TurnInWait,
    /// That wait: who has nothing to do begins anew all the same.
    Wait,
    /// The last look at the mailbox of who leaves instead of beginning anew.
    LastLook,
    /// The bell for an incarnation whose turn came to the one before.
    Reminder,
    /// The word, when the drain begins, to all who wait to begin anew together.
    Dissolve,
    /// The order to begin anew with others, when an incarnation is over that it did not reach.
    KeepOrder,
}

impl Without {
    /// Everything that can be taken out.
    pub const ALL: [Without; 12] = [
        Without::MailboxOutlives,
        Without::Limit,
        Without::DrainCutsDelay,
        Without::TurnCutsDelay,
        Without::RestartCutsDelay,
        Without::MailboxInWait,
        Without::TurnInWait,
        Without::Wait,
        Without::LastLook,
        Without::Reminder,
        Without::Dissolve,
        Without::KeepOrder,
    ];
}

/// Two actors that are restarted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restarting {
    /// How many messages lie in each mailbox at the beginning. There is room for one more than these, but for one.
    pub queued: [u8; 2],
    /// How many messages somebody upstream sends to either, waiting for room, before it leaves.
    pub sends: u8,
    /// How many handlers, and starts, fail.
    pub failures: u8,
    /// How often each is restarted at most.
    pub limit: u8,
    /// Whether there is a delay before each restart, which nobody waits out.
    pub has_delay: bool,
    /// Whether each incarnation has a timer, which holds it back until it knows that its turn has come.
    pub has_timer: bool,
    /// How often the end of the system is asked for.
    pub signals: u8,
    /// How often the end of one of them alone is asked for.
    pub stops: u8,
    /// What is taken out.
    pub without: Without,
}

/// Where they all are.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    source: Source,
    actors: [Actor; 2],
    cues: Vec<Cue>,
    conductor: Conductor,
    failures: u8,
    signals: u8,
    stops: u8,
    wrong: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Source {
    left: u8,
    /// To whom it is about to send.
    to: Option<usize>,
    stopping: bool,
    has_ended: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Actor {
    at: At,
    queue: u8,
    accepted: u8,
    handled: u8,
    failed: u8,
    returned: u8,
    closed: bool,
    gone: bool,
    /// The mailbox's bell.
    is_rung: bool,
    stopping: bool,
    /// `Orders::summons`: to begin anew with others.
    is_summoned: bool,
    /// Of this incarnation: `is_in_turn`, and whether its timer is set.
    knows_its_turn: bool,
    timer: bool,
    /// The conductor waits to hear that it has begun.
    is_awaited: bool,
    sentence: Option<Sentence>,
    /// It was given word that it may begin, and whether after a delay.
    word: Option<bool>,
    /// It fails for good.
    has_failed: bool,
    restarts: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum At {
    Work,
    /// It has silenced its bell, and is about to look what that was rung for.
    TakeOrders,
    Handle,
    AwaitSentence,
    /// Between two incarnations. `begin_anew` comes first.
    BeginAnew(Rebirth),
    /// It tells the conductor that it rests.
    Rest,
    AwaitWord,
    WaitOut,
    WaitForWork,
    /// Whether it has waited in a drain, and so has something to do.
    LeaveInstead(bool),
    Start(bool),
    Evict,
    Leave,
    Ended,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Rebirth {
    /// Whether after a delay.
    Alone(bool),
    Together,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Sentence {
    GiveUp,
    Anew(Rebirth),
}

/// stage/requests.rs, `Cue`: those that are about restarts and drains.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Cue {
    Shutdown,
    Stop(usize),
    Over(usize),
    Rests(usize),
    Risen(usize),
    Ended(usize),
    SourceEnded,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Conductor {
    has_begun: bool,
    source_has_left: bool,
    is_in_turn: [bool; 2],
    has_left: [bool; 2],
    /// `State::Retiring`
    is_retiring: [bool; 2],
    revival: Option<Revival>,
    is_resting: [bool; 2],
    is_rising: [bool; 2],
    /// Whose bell it is about to ring, for what it has just ordered.
    rings: [bool; 2],
    is_over: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Revival {
    has_delay: bool,
    is_starting: bool,
}

const REFUSED: &str = "somebody upstream is refused, though nobody has failed for good";
const LOST: &str =
    "an accepted message is neither handled nor failed, though nobody has failed for good";
const OFF_BALANCE: &str = "an account does not balance";
const TOO_OFTEN: &str = "somebody is restarted more often than it may be";
const FOR_NOTHING: &str = "somebody is made anew in a drain with nothing to do";
const NEVER_ENDS: &str = "somebody never leaves, or never begins anew";

impl Restarting {
    fn has_room(&self, state: &State, i: usize) -> bool {
        state.actors[i].queue < self.queued[i].max(1)
    }
}

impl Protocol for Restarting {
    type State = State;

    fn begin(&self) -> State {
        let actor = |queued| Actor {
            at: At::Work,
            queue: queued,
            accepted: queued,
            handled: 0,
            failed: 0,
            returned: 0,
            closed: false,
            gone: false,
            is_rung: false,
            stopping: false,
            is_summoned: false,
            knows_its_turn: false,
            timer: self.has_timer,
            is_awaited: false,
            sentence: None,
            word: None,
            has_failed: false,
            restarts: 0,
        };
        State {
            source: Source { left: self.sends, to: None, stopping: false, has_ended: false },
            actors: self.queued.map(actor),
            cues: Vec::new(),
            conductor: Conductor {
                has_begun: false,
                source_has_left: false,
                is_in_turn: [false; 2],
                has_left: [false; 2],
                is_retiring: [false; 2],
                revival: None,
                is_resting: [false; 2],
                is_rising: [false; 2],
                rings: [false; 2],
                is_over: false,
            },
            failures: self.failures,
            signals: self.signals,
            stops: self.stops,
            wrong: None,
        }
    }

    fn steps(&self, state: &State) -> Vec<(Step, State)> {
        let mut steps = Steps { from: state, all: Vec::new() };
        if state.signals > 0 {
            steps.add("outside", "asks for the end", |next| {
                next.signals -= 1;
                next.cues.push(Cue::Shutdown);
            });
        }
        for i in (0..2).filter(|_| state.stops > 0) {
            steps.add("outside", &format!("asks for the end of {i}"), |next| {
                next.stops -= 1;
                next.cues.push(Cue::Stop(i));
            });
        }
        self.feed(&mut steps);
        (0..2).for_each(|i| self.act(i, &mut steps));
        if !state.conductor.is_over {
            self.conduct(&mut steps);
        }
        steps.all
    }

    fn wrong(&self, state: &State) -> Option<&'static str> {
        if state.wrong.is_some() {
            return state.wrong;
        }
        if state.actors.iter().any(|actor| actor.restarts > self.limit) {
            return Some(TOO_OFTEN);
        }
        for actor in state.actors.iter().filter(|actor| actor.at == At::Ended) {
            if actor.handled + actor.failed + actor.returned != actor.accepted {
                return Some(OFF_BALANCE);
            }
            if actor.returned > 0 && !actor.has_failed {
                return Some(LOST);
            }
        }
        None
    }

    fn wrong_at_the_end(&self, state: &State) -> Option<&'static str> {
        // Nobody has asked for its end, and its delay is what it is.
        let waits_out = |i: usize| {
            let actor = &state.actors[i];
            actor.at == At::WaitOut && !actor.stopping && !actor.is_summoned
        };
        let waits = |i: usize| {
            let actor = &state.actors[i];
            let is_at_home = actor.at == At::Ended || actor.at == At::Work && !actor.stopping;
            // The one before it is about to begin.
            let is_next =
                actor.at == At::AwaitWord && state.conductor.is_rising[1 - i] && waits_out(1 - i);
            !is_at_home && !waits_out(i) && !is_next
        };
        let is_drained = state.conductor.is_over || !state.conductor.has_begun;
        (!is_drained || (0..2).any(waits)).then_some(NEVER_ENDS)
    }
}

#[cfg(test)]
mod tests;
