//! The guards of the protocol, each of which can be taken out.

/// What is taken out of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Without {
    /// Nothing: the protocol as it is.
    Nothing,
    /// The second look at `closed`: who got its message in has been accepted.
    SecondLook,
    /// The lock of a late sender: one that finds the mailbox closed takes it that the actor will look once
    /// more.
    Settling,
    /// The lock around the actor's last look and `gone`.
    LockInFinish,
    /// The actor's last look.
    LastLook,
    /// The order of close and drain: the actor drains, then closes, and is gone.
    CloseBeforeDrain,
    /// The lock around an eviction, in which the actor is gone when it has taken out all there is.
    LockInEvict,
    /// The comparison of tickets: a late sender takes what it finds first.
    Tickets,
    /// What others put aside: a late sender drops what it finds and does not own.
    Strays,
    /// The waking of those who wait for room.
    WakeUp,
    /// The order of the channel: what came last is handed out first.
    Order,

    /// `closed` for the urgent lane: who sends there does not look at it.
    ClosedForUrgent,
    /// The urgent lane in the actor's last look.
    UrgentInFinish,
    /// The urgent lane in a late sender's search for its own.
    UrgentInSettle,
    /// The urgent lane in an eviction.
    UrgentInEvict,

    /// The stage door: the children are told to leave as soon as nothing is found.
    StageDoor,
    /// The lock around the last look before the stage door is opened.
    LockInStageDoor,
    /// That look.
    LookInStageDoor,
    /// That the actor takes nothing by the front once the stage door is open.
    StageDoorAlone,
    /// That a child whose message came back offers it again.
    OfferAgain,
    /// The stage door in what a late child takes its message out of.
    StageDoorInSettle,

    /// The look at `closed` of who displaces, under the lock.
    LookInDisplace,
    /// The lock of the mailbox around a displacement.
    LockInDisplace,
    /// The ledger's lock around a displacement: what was taken out is counted a moment later.
    LedgerInDisplace,
    /// The question, before a displacement, whether the system has had the last word. It is not missed: nobody is
    /// given up whose mailbox was not closed before.
    DisownedInDisplace,
    /// The second try of who displaces: others may have taken the place that it made.
    SecondTry,
    /// The question, before an eviction, whether the system has had the last word.
    DisownedInEvict,
}

impl Without {
    /// What can be taken out of any mailbox.
    pub const OF_ALL: [Without; 10] = [
        Without::SecondLook,
        Without::Settling,
        Without::LockInFinish,
        Without::LastLook,
        Without::CloseBeforeDrain,
        Without::LockInEvict,
        Without::Tickets,
        Without::Strays,
        Without::WakeUp,
        Without::Order,
    ];

    /// What can be taken out of one with two lanes.
    pub const OF_TWO_LANES: [Without; 4] = [
        Without::ClosedForUrgent,
        Without::UrgentInFinish,
        Without::UrgentInSettle,
        Without::UrgentInEvict,
    ];

    /// What can be taken out of one whose actor has children.
    pub const OF_PARENTS: [Without; 6] = [
        Without::StageDoor,
        Without::LockInStageDoor,
        Without::LookInStageDoor,
        Without::StageDoorAlone,
        Without::OfferAgain,
        Without::StageDoorInSettle,
    ];

    /// What can be taken out of one that drops.
    pub const OF_DROPPING: [Without; 5] = [
        Without::LookInDisplace,
        Without::LockInDisplace,
        Without::LedgerInDisplace,
        Without::SecondTry,
        Without::DisownedInEvict,
    ];
}
