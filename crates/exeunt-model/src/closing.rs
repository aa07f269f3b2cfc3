//! The closing of a mailbox of one lane or two: senders that send, wait for room or displace what waits; the
//! conductor that closes, and gives up who does not come back; and the actor that drains, fails or meets its deadline.
//!
//! Each step is one operation on what the threads share, or one section under the lock of a queue's back; its comment
//! names the function that it is of, in `exeunt/src/mailbox/`, if no other folder. So a send is decided in one step,
//! and so is whether nothing lies in the lanes while nobody may put in: that these sections are what they are taken
//! for, and that nobody sleeps over a message or over room, is for `code` to show. Whoever makes room calls all who
//! wait for some here.

use crate::protocol::{Protocol, Step, Steps};
pub use guards::Without;

mod guards;
mod senders;
mod reader;
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

/// Who sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    /// Somebody else.
    Stranger,
    /// A child of the actor, which waits for it.
    Child,
    /// One of the family for whom the actor does not wait, as a child that was given up.
    Orphan,
    /// A member of the actor's ring: one of the family from when on the members know each other.
    Neighbour,
}

/// The closing of a mailbox.
#[derive(Clone, Debug)]
pub struct Closing {
    /// Who sends, and into which lanes, one message after the other.
    pub sends: Vec<(Who, Vec<usize>)>,
    /// The capacities of the lanes: of the ordinary one, and of the urgent one if there is one. They are full at
    /// the beginning.
    pub capacities: Vec<usize>,
    /// What was chosen for the ordinary lane.
    pub overflow: Overflow,
    /// Whether a handler may fail, and the deadline pass, at any moment.
    pub may_end_badly: bool,
    /// Whether a handler may not return.
    pub may_hang: bool,
    /// Whether one that does not is given up; it then comes back at any moment, or never.
    pub is_given_up: bool,
    /// What is taken out.
    pub without: Without,
}

/// What the threads share, and where they are.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    /// The lanes: what lies there, and whose messages are still taken in.
    lanes: Vec<Lane>,
    /// `Porter::is_closed`
    is_closed: bool,
    /// `Mailbox::closing`
    closing: bool,
    /// `Mailbox::ended`
    ended: bool,
    /// `Life::stopping`
    stopping: bool,
    /// `Life::ring`
    is_acquainted: bool,
    /// `LastWord::gone`
    gone: bool,
    /// Who has the lock of the last word.
    last_word: Option<Thread>,
    /// Who has the lock of the ledger.
    ledger: Option<Thread>,
    /// Who has the dead-letter hook.
    hook: Option<Thread>,
    are_children_told: bool,
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
    /// `Losses`: how many were dropped, and how many of these were told of when it had ended.
    dropped: usize,
    told: Option<usize>,
    /// For each sender and lane, from which message on none has been handled.
    next_in_order: Vec<[usize; 2]>,
    wrong: Option<&'static str>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Lane {
    door: Door,
    messages: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Door {
    Open,
    ForFamily,
    Shut,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Thread {
    Sender(usize),
    Conductor,
    Actor,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Fate {
    answer: Option<Answer>,
    handled: u8,
    failed: u8,
    returned: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Answer {
    Accepted,
    Refused,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Sender {
    at: Sending,
    /// It stands among those who wait for room, and is woken once.
    waits: bool,
    /// The message that it sends, or sent last.
    message: usize,
    /// How many it has sent.
    sent: usize,
    /// Whether it comes as one of the family, when it displaces.
    as_family: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Sending {
    Offer,
    /// Has found no room, and comes to wait for some.
    Come,
    /// Stands among those who wait, and offers once more.
    OfferAgain,
    Sleep,
    /// Has found no room, and displaces.
    Displace(Displacing),
    Done,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Displacing {
    WaitForHook,
    Ledger,
    LastWord,
    /// Under both locks, with so many messages taken out.
    Offer(usize),
    TakeOldest(usize),
    /// With an answer, as all that follows.
    Lose(usize, Answer),
    Unlock(usize, Answer),
    Count(usize, Answer),
    Home(Answer),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Conductor {
    Acquaint,
    Close(Closes),
    Tell,
    Watch,
    Evict(Evicts),
    Wake,
    Done,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Actor {
    Work,
    /// Has found nothing.
    Dry,
    Handle(usize),
    /// Before its children are told to leave, and at the end.
    Close(Closes, Ends),
    /// It looks at the lanes from this one down.
    StrangersLook(usize),
    FinishLock,
    /// Under the lock.
    Finish,
    /// Has found nothing, and holds no back.
    FinishLate,
    EvictLedger,
    Evict(Evicts),
    EvictWake,
    EndMailbox,
    End,
    Ended,
    /// In a handler that does not return before its actor is given up.
    Hung(usize),
    Lost,
}

/// `closing.rs`, `close`
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Closes {
    Doors,
    Wake,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Ends {
    ForStrangers,
    Finish,
    Evict,
}

/// `closing.rs`, `evict`
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Evicts {
    Lock,
    Shut,
    /// Takes out what there is, one after the other, of the lanes from this one down.
    Take(usize),
    /// Has found no more, and shuts the doors only now.
    ShutLate,
}

const LOST: &str = "an accepted message is lost";
const OFF_BALANCE: &str = "the report says something else than was accepted";
const FOR_NOTHING: &str = "a message is dropped for one that is refused";
const UNTOLD: &str = "something is dropped after the last word on what was";
const WAITS: &str = "a sender waits for ever";
const CHILDLESS: &str = "a stranger's message finds the children told to leave";
const DISOWNED: &str = "a child is refused while it is waited for";
const UNKNOWN: &str = "a member of the ring is refused before the mailbox is closed for it";
const DISORDER: &str = "two messages of one sender have changed places";

impl Closing {
    /// The uppermost lane, which is emptied first.
    fn top(&self) -> usize {
        self.capacities.len() - 1
    }

    /// What the conductor does first.
    fn opening(&self) -> Conductor {
        match self.sends.iter().any(|(who, _)| *who == Who::Neighbour) {
            true => Conductor::Acquaint,
            false => Conductor::Close(Closes::Doors),
        }
    }

    fn goes_well(&self) -> bool {
        !self.may_end_badly && !self.may_hang
    }

    fn is(&self, sender: usize, who: Who) -> bool {
        self.sends[sender].0 == who
    }

    /// Who sent a message, and into which lane; of those that lay there at the beginning, the first.
    fn origin(&self, message: usize) -> (usize, usize) {
        let mut first = self.capacities.iter().sum();
        if message < first {
            return (0, usize::from(message >= self.capacities[ORDINARY]));
        }
        for (sender, (_, lanes)) in self.sends.iter().enumerate() {
            if let Some(&lane) = lanes.get(message - first) {
                return (sender, lane);
            }
            first += lanes.len();
        }
        unreachable!("nobody sends message {message}")
    }
}

impl Protocol for Closing {
    type State = State;

    fn begin(&self) -> State {
        let mut first: usize = self.capacities.iter().sum();
        let mut fates = vec![Fate { answer: Some(Answer::Accepted), ..Fate::default() }; first];
        let mut before = 0..first;
        let lanes = self
            .capacities
            .iter()
            .map(|&room| Lane { door: Door::Open, messages: before.by_ref().take(room).collect() });
        let senders: Vec<Sender> = self
            .sends
            .iter()
            .map(|(_, lanes)| {
                let (at, message) = (Sending::Offer, first);
                let sender = Sender { at, waits: false, message, sent: 0, as_family: false };
                first += lanes.len();
                sender
            })
            .collect();
        fates.resize(first, Fate::default());
        State {
            lanes: lanes.collect(),
            is_closed: false,
            closing: false,
            ended: false,
            stopping: false,
            is_acquainted: false,
            gone: false,
            last_word: None,
            ledger: None,
            hook: None,
            are_children_told: false,
            next_in_order: vec![[0; 2]; senders.len()],
            senders,
            conductor: match self.without {
                Without::CloseFirst => Conductor::Tell,
                Without::AcquaintFirst => Conductor::Close(Closes::Doors),
                _ => self.opening(),
            },
            actor: Actor::Work,
            fates,
            counted: 0,
            report: None,
            is_disowned: false,
            dropped: 0,
            told: None,
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
        for fate in &state.fates {
            let seen = fate.handled + fate.failed + fate.returned;
            match fate.answer {
                _ if seen > 1 => return Some("a message is counted twice"),
                Some(Answer::Refused) if seen > 0 => return Some("a refused message is counted"),
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
            Actor::Lost if state.conductor == Conductor::Done => {}
            _ => return Some("the actor never ends"),
        }
        let is_refused_child = |(message, fate): (usize, &Fate)| {
            fate.answer == Some(Answer::Refused) && self.is(self.origin(message).0, Who::Child)
        };
        if self.goes_well() && state.fates.iter().enumerate().any(is_refused_child) {
            return Some(DISOWNED);
        }
        let is_accepted = |fate: &&Fate| fate.answer == Some(Answer::Accepted);
        let is_lost = |fate: &Fate| fate.handled + fate.failed + fate.returned != 1;
        if state.fates.iter().filter(is_accepted).any(is_lost) {
            return Some(LOST);
        }
        // The last word stands: so its figures are final if they balance.
        let accepted = state.fates.iter().filter(is_accepted).count();
        match state.report == Some(accepted) {
            false => Some(OFF_BALANCE),
            true => state.told.is_some_and(|told| told != state.dropped).then_some(UNTOLD),
        }
    }
}

impl State {
    /// The send of a sender returns. It goes on with its next, if there is one.
    fn answer(&mut self, i: usize, answer: Answer, of: &Closing) {
        let sender = &mut self.senders[i];
        let is_shut = self.lanes[of.sends[i].1[sender.sent]].door == Door::Shut;
        if of.is(i, Who::Neighbour) && of.goes_well() && answer == Answer::Refused && !is_shut {
            self.wrong = self.wrong.or(Some(UNKNOWN));
        }
        self.fates[sender.message].answer = Some(answer);
        (sender.waits, sender.as_family) = (false, false);
        sender.sent += 1;
        let goes_on = sender.sent < of.sends[i].1.len();
        sender.at = if goes_on { Sending::Offer } else { Sending::Done };
        sender.message += usize::from(goes_on);
    }

    /// lane.rs, wake_all
    fn wake_senders(&mut self) {
        self.senders.iter_mut().for_each(|sender| sender.waits = false);
    }

    fn close(&mut self, door: Door, of: &Closing) {
        for (i, lane) in self.lanes.iter_mut().enumerate() {
            if i != URGENT || of.without != Without::UrgentInClose {
                lane.door = lane.door.max(door);
            }
        }
    }
}

#[cfg(test)]
mod tests;
