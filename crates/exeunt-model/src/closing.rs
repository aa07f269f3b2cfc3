//! The closing of a mailbox of one lane or two: senders that send, wait for room or displace what waits; the
//! conductor that closes, and gives up who does not come back; and the actor that drains, fails or meets its deadline.
//!
//! Each step is one operation on what the threads share, and its comment names the function of
//! `exeunt/src/mailbox.rs` that it is of, if no other file. The channel is taken to be what crossbeam says that
//! it is: to put something in, to take something out and to look whether it is empty are one step each, and in
//! one order with the operations on `closed`, which are sequentially consistent. What rests on weaker orders is
//! not looked at here: see `code` and `litmus`.

use std::ops::Range;

use crate::protocol::{Protocol, Step, Steps};
pub use guards::Without;

mod guards;
mod senders;
mod displacing;
mod actor;
mod conductor;

/// What a send does that finds no room in the ordinary lane.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Overflow {
    /// It waits.
    Wait,
    /// It is returned itself.
    DropNewest,
    /// What has waited longest is returned in its place.
    DropOldest,
}

/// The ordinary lane.
pub const ORDINARY: usize = 0;
/// The urgent lane.
pub const URGENT: usize = 1;

/// The closing of a mailbox.
#[derive(Clone, Debug)]
pub struct Closing {
    /// Into which lanes each sender sends, one message after the other, each from the same frame.
    pub sends: Vec<Vec<usize>>,
    /// The last of the senders begins in its wait for room.
    pub last_is_blocked: bool,
    /// The capacities of the lanes: of the ordinary one, and of the urgent one if there is one. They are full at
    /// the beginning.
    pub capacities: Vec<usize>,
    /// What was chosen for the ordinary lane.
    pub overflow: Overflow,
    /// How many of the senders, the last ones, are children of the actor.
    pub children: usize,
    /// Whether a handler may fail, and the deadline pass, at any moment.
    pub may_end_badly: bool,
    /// Whether a handler may never return.
    pub may_hang: bool,
    /// Whether one that does not is given up, and then comes back at any moment.
    pub is_given_up: bool,
    /// What is taken out.
    pub without: Without,
}

/// What the threads share, and where they are.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    closed: bool,
    /// `closing`, the event that wakes those who wait for room.
    closing: bool,
    /// `life.stopping`.
    stopping: bool,
    gone: bool,
    /// Who has the lock of the last word.
    lock: Option<Thread>,
    /// Who has the lock of the ledger.
    ledger: Option<Thread>,
    /// Who has the dead-letter hook.
    hook: Option<Thread>,
    /// The fronts of the lanes, and behind them their stage doors.
    ways: Vec<Vec<Parcel>>,
    /// Whether the stage doors are there.
    has_stage_doors: bool,
    /// Whether the children are told to leave.
    are_children_told: bool,
    strays: Vec<Parcel>,
    senders: Vec<Sender>,
    conductor: Conductor,
    actor: Actor,
    /// What became of each message.
    fates: Vec<Fate>,
    /// How many were counted as handled, failed or returned.
    counted: usize,
    /// The same, as the last word had it: the actor's, or the system's.
    report: Option<usize>,
    is_disowned: bool,
    /// For each sender and lane, from which message on none has been handled.
    next_in_order: Vec<[usize; 2]>,
    wrong: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Thread {
    Sender(usize),
    Conductor,
    Actor,
}

/// A message by its number, and the frame of its send.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Parcel {
    message: usize,
    ticket: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Fate {
    answer: Answer,
    handled: u8,
    failed: u8,
    returned: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
enum Answer {
    #[default]
    None,
    Accepted,
    /// With which message in its hands.
    Refused(usize),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Sender {
    at: Sending,
    /// The message that it sends, or sent last.
    message: usize,
    /// How many it has sent.
    sent: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Sending {
    Look,
    TrySend,
    WaitForRoom,
    /// Offers it once more: is it open, for the family at least?
    OfferAgain,
    /// Puts it in by that way.
    Put(usize),
    LookAgain,
    Lock,
    /// Under the lock: is it gone?
    Settle,
    /// Under the lock: takes out what there is, one after the other, of the ways from this one down.
    Sweep(usize),
    /// Has found no room, and displaces.
    Displace(Displacing),
    Done,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Displacing {
    WaitForHook,
    Ledger,
    Lock,
    Look,
    /// Under both locks, with so many messages taken out.
    Offer(usize),
    TakeOldest(usize),
    Unlock(usize),
    Count(usize),
    /// With an answer, and whatever it may still have in its hands.
    Home(bool),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Conductor {
    Close,
    Wake,
    Tell,
    Watch,
    TakeLock,
    TakeGone,
    /// Takes out what there is, one after the other, of the open ways from this one down.
    TakeOut(usize),
    Done,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Actor {
    Work,
    Handle(usize),
    StrangersClose,
    StrangersWake,
    StrangersLock,
    /// It looks at the lanes from this one down.
    StrangersLook(usize),
    /// It has looked, under the lock, and found nothing.
    StrangersOpen,
    FinishClose,
    FinishWake,
    FinishLock,
    /// It looks at the open ways from this one down.
    FinishLook(usize),
    /// It has looked, under the lock, and found nothing.
    FinishGone,
    EvictClose,
    EvictWake,
    EvictLedger,
    EvictLock,
    EvictGone,
    /// It takes out what there is, one after the other, of the open ways from this one down.
    EvictTake(usize),
    /// Without the lock: it has found no more.
    EvictLate,
    /// It has its last word to say.
    End,
    Ended,
    /// In a handler that does not return.
    Hung(usize),
}

const LOST: &str = "an accepted message is lost";
const OFF_BALANCE: &str = "the report says something else than was accepted";
const WAITS: &str = "a sender waits for ever";
const ANOTHERS: &str = "a sender has got somebody else's message back";
const CHILDLESS: &str = "a stranger's message finds the children told to leave";
const DISOWNED: &str = "a child is refused while it is waited for";
const DISORDER: &str = "two messages of one sender have changed places";

impl Closing {
    /// The uppermost lane, which is emptied first.
    fn top(&self) -> usize {
        self.capacities.len() - 1
    }

    fn has_room(&self, state: &State, way: usize) -> bool {
        state.ways[way].len() < self.capacities[way % self.capacities.len()]
    }

    /// The ways by which messages come, of which the last is emptied first.
    fn open_ways(&self, state: &State) -> Range<usize> {
        let lanes = self.capacities.len();
        if state.has_stage_doors { lanes..2 * lanes } else { 0..lanes }
    }

    /// The open way into a lane.
    fn way_into(&self, lane: usize, state: &State) -> usize {
        self.open_ways(state).start + lane
    }

    /// The first of the ways that an eviction empties, and after each the next.
    fn first_to_evict(&self, state: &State) -> usize {
        match self.without {
            Without::UrgentInEvict => ORDINARY,
            _ => self.open_ways(state).end - 1,
        }
    }

    fn is_child(&self, sender: usize) -> bool {
        sender + self.children >= self.sends.len()
    }

    /// Takes the next message out of a channel.
    fn take(&self, next: &mut State, way: usize) -> Parcel {
        let way = &mut next.ways[way];
        if self.without == Without::Order { way.pop() } else { Some(way.remove(0)) }
            .unwrap_or_else(|| unreachable!("it was seen there"))
    }

    /// Who sent a message, and into which lane.
    fn origin(&self, message: usize) -> (usize, usize) {
        let mut first = self.capacities.iter().sum();
        if message < first {
            return (0, usize::from(message >= self.capacities[ORDINARY]));
        }
        for (sender, sends) in self.sends.iter().enumerate() {
            if let Some(&lane) = sends.get(message - first) {
                return (sender, lane);
            }
            first += sends.len();
        }
        unreachable!("nobody sends message {message}")
    }
}

impl Protocol for Closing {
    type State = State;

    fn begin(&self) -> State {
        let queued: usize = self.capacities.iter().sum();
        let messages: usize = self.sends.iter().map(Vec::len).sum();
        let mut fates = vec![Fate::default(); queued + messages];
        fates.iter_mut().take(queued).for_each(|fate| fate.answer = Answer::Accepted);
        // Sent before: from the frame of the first sender, who is in it again now.
        let mut before = (0..queued).map(|message| Parcel { message, ticket: 0 });
        let fronts = self.capacities.iter().map(|&room| before.by_ref().take(room).collect());
        let mut ways: Vec<_> = fronts.collect();
        ways.resize(2 * self.capacities.len(), Vec::new());
        let mut first = queued;
        let senders = self.sends.iter().map(|sends| {
            let sender = Sender { at: Sending::Look, message: first, sent: 0 };
            first += sends.len();
            sender
        });
        let mut senders: Vec<Sender> = senders.collect();
        if let (Some(last), true) = (senders.last_mut(), self.last_is_blocked) {
            last.at = Sending::WaitForRoom;
        }
        State {
            closed: false,
            closing: false,
            stopping: false,
            gone: false,
            lock: None,
            ledger: None,
            hook: None,
            ways,
            has_stage_doors: false,
            are_children_told: false,
            strays: Vec::new(),
            next_in_order: vec![[0; 2]; senders.len()],
            senders,
            conductor: Conductor::Close,
            actor: Actor::Work,
            fates,
            counted: 0,
            report: None,
            is_disowned: false,
            wrong: None,
        }
    }

    fn steps(&self, state: &State) -> Vec<(Step, State)> {
        let mut steps = Steps { from: state, all: Vec::new() };
        for i in 0..state.senders.len() {
            self.send(i, &mut steps);
        }
        self.conduct(&mut steps);
        self.act(&mut steps);
        steps.all
    }

    fn wrong(&self, state: &State) -> Option<&'static str> {
        for (message, fate) in state.fates.iter().enumerate() {
            let seen = fate.handled + fate.failed + fate.returned;
            match fate.answer {
                _ if seen > 1 => return Some("a message is counted twice"),
                Answer::Refused(other) if other != message => return Some(ANOTHERS),
                Answer::Refused(_) if seen > 0 => return Some("a refused message is counted"),
                _ => {}
            }
        }
        state.wrong
    }

    fn wrong_at_the_end(&self, state: &State) -> Option<&'static str> {
        if state.senders.iter().any(|sender| sender.at != Sending::Done) {
            return Some(WAITS);
        }
        match state.actor {
            Actor::Ended => {}
            // What it has left is the system's to take.
            Actor::Hung(_) if !self.is_given_up => return None,
            _ => return Some("the actor never ends"),
        }
        let is_refused = |message: usize| matches!(state.fates[message].answer, Answer::Refused(_));
        let is_childs = |&message: &usize| self.is_child(self.origin(message).0);
        let goes_well = !self.may_end_badly && !self.may_hang;
        if goes_well && (0..state.fates.len()).filter(is_childs).any(is_refused) {
            return Some(DISOWNED);
        }
        // The last word stands: so its figures are final if they balance.
        let is_accepted = |fate: &&Fate| fate.answer == Answer::Accepted;
        let is_lost = |fate: &Fate| fate.handled + fate.failed + fate.returned != 1;
        if state.fates.iter().filter(is_accepted).any(is_lost) {
            return Some(LOST);
        }
        let accepted = state.fates.iter().filter(is_accepted).count();
        (state.report != Some(accepted)).then_some(OFF_BALANCE)
    }
}

impl State {
    /// The send of a sender returns. It goes on with its next, if there is one.
    fn answer(&mut self, i: usize, answer: Answer, of: &Closing) {
        let sender = &mut self.senders[i];
        self.fates[sender.message].answer = answer;
        sender.sent += 1;
        let goes_on = sender.sent < of.sends[i].len();
        sender.at = if goes_on { Sending::Look } else { Sending::Done };
        sender.message += usize::from(goes_on);
    }
}

#[cfg(test)]
mod tests;
