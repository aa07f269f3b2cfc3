//! What the threads do that belong to nobody, and what messages say.

use crate::support::dice::Dice;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    Send(usize, Number),
    TrySend(usize, Number),
    SendTimeout(usize, Number),
    SendUrgent(usize, Number),
    TrySendUrgent(usize, Number),
    /// Puts it into the channel.
    Put(usize, Number),
    Ask(usize, Number),
    Stop(usize),
    /// To one of all.
    Route(Number),
    /// Asks one of all.
    AskOne(Number),
    /// To all.
    TellAll(Number),
    /// In the topic of somebody.
    Publish(usize, Number),
    Pause,
}

/// The number of a message: who sent it first, its place among those of the same sender, on which way it
/// came, and what is to be done about it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Number {
    pub(crate) sender: u32,
    pub(crate) place: u32,
    pub(crate) way: Way,
    pub(crate) kind: Kind,
}

/// Each way keeps the order of a sender, and has none with the others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Way {
    Ordinary,
    Urgent,
    Channel,
    /// By a timer of its own, of which several come in any order.
    Timer,
    Topic,
    /// By a router, to one of several.
    Router,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Kind {
    Work,
    /// Is sent on to all that the actor feeds.
    Pass,
    /// Is sent on past those that wait.
    Hurry,
    /// All that the actor feeds, and may wait for, are asked, and the answers awaited asleep.
    Ask,
    /// The actor sets a timer, and has one that ticks from then on.
    Time,
    /// The actor publishes something.
    Publish,
    /// Is sent on to one of several.
    Route,
    /// Is sent on to all that the actor feeds, and may wait for, at once.
    Tell,
    Fail,
    Panic,
    Dawdle,
    /// Its handler does not return before all is over.
    Hang,
}

impl Deed {
    pub(super) fn thrown(
        sender: usize,
        place: usize,
        roles: usize,
        failures: usize,
        dice: &mut Dice,
    ) -> Deed {
        let kind = match dice.below(200) {
            n if n < failures => [Kind::Fail, Kind::Panic][n % 2],
            n if n < 12 => Kind::Dawdle,
            n if n < 80 => Kind::Pass,
            n if n < 100 => Kind::Hurry,
            n if n < 120 => Kind::Ask,
            n if n < 135 => Kind::Time,
            n if n < 155 => Kind::Publish,
            n if n < 165 => Kind::Route,
            n if n < 175 => Kind::Tell,
            _ => Kind::Work,
        };
        let (sender, place) = (sender as u32, place as u32);
        let number = |way| Number { sender, place, way, kind };
        let to = dice.below(roles);
        match dice.below(100) {
            0 => Deed::Stop(to),
            1..6 => Deed::Pause,
            6..8 => Deed::AskOne(number(Way::Router)),
            8..10 => Deed::TellAll(number(Way::Ordinary)),
            10..20 => Deed::Ask(to, number(Way::Ordinary)),
            20..40 => Deed::TrySend(to, number(Way::Ordinary)),
            40..60 => Deed::SendTimeout(to, number(Way::Ordinary)),
            60..65 => Deed::SendUrgent(to, number(Way::Urgent)),
            65..72 => Deed::TrySendUrgent(to, number(Way::Urgent)),
            72..80 => Deed::Put(to, number(Way::Channel)),
            80..84 => Deed::Route(number(Way::Router)),
            84..88 => Deed::Publish(to, by_topic(number(Way::Topic), to)),
            _ => Deed::Send(to, number(Way::Ordinary)),
        }
    }

    /// The same, of a message whose handler does not return.
    pub(super) fn hanging(self) -> Deed {
        let hang = |number| Number { kind: Kind::Hang, ..number };
        match self {
            Deed::Send(to, number) => Deed::Send(to, hang(number)),
            Deed::TrySend(to, number) => Deed::TrySend(to, hang(number)),
            Deed::SendTimeout(to, number) => Deed::SendTimeout(to, hang(number)),
            Deed::SendUrgent(to, number) => Deed::SendUrgent(to, hang(number)),
            Deed::TrySendUrgent(to, number) => Deed::TrySendUrgent(to, hang(number)),
            Deed::Put(to, number) => Deed::Put(to, hang(number)),
            Deed::Ask(to, number) => Deed::Ask(to, hang(number)),
            Deed::Stop(_)
            | Deed::Pause
            | Deed::Route(_)
            | Deed::AskOne(_)
            | Deed::TellAll(_)
            | Deed::Publish(..) => self,
        }
    }
}

/// In each topic it is another sender, since who reads several reads them in any order.
fn by_topic(number: Number, topic: usize) -> Number {
    Number { sender: 10 * (topic as u32 + 1) + number.sender, ..number }
}
