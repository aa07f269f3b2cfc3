//! The guards of the protocol, each of which can be taken out.

/// What is taken out of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Without {
    /// Nothing: the protocol as it is.
    Nothing,
    /// The look at the door.
    Door,
    /// The back held between the last look and the closing for good.
    Hold,
    /// The last look.
    LastLook,
    /// The order of an eviction: the doors are shut when all was taken out.
    ShutFirst,
    /// The order of close and drain: the actor drains, and closes when it has found nothing.
    CloseFirst,
    /// The waking of those who wait for room, when the mailbox is closed.
    WakeUp,
    /// The same, when the system has emptied and ended it: some of the family may wait still.
    WakeUpAfterEviction,
    /// The order of who waits: it looks for room, and comes to wait only then.
    ComeFirst,
    /// The order of the queue: what came last is handed out first.
    Order,

    /// The urgent lane when the doors are closed.
    UrgentInClose,
    /// The urgent lane in the actor's last look.
    UrgentInFinish,
    /// The urgent lane in an eviction.
    UrgentInEvict,

    /// The end that the mailbox has for strangers before the children are told to leave.
    StrangersFirst,
    /// The look whether all is taken that strangers sent.
    LookForStrangers,
    /// The door for the family.
    DoorForFamily,

    /// The order of the conductor: it closes the mailbox, and acquaints the members of the ring only then.
    AcquaintFirst,
    /// The second pass of who displaces: it has become one of the family with the closing.
    SecondPass,
    /// The same, of who waits for the hook.
    WaitAgain,

    /// The lock of the last word around a displacement.
    LockInDisplace,
    /// The same, around the closing.
    LockInClose,
    /// The same, around the actor's last look.
    LockInFinish,
    /// The ledger's lock around a displacement: what was taken out is counted a moment later.
    LedgerInDisplace,
    /// The second try of who displaces: others may have taken the place that it made.
    SecondTry,
    /// The question, before an eviction, whether the system has had the last word.
    DisownedInEvict,
    /// The same, before a displacement.
    DisownedInDisplace,
}

impl Without {
    /// What can be taken out of any mailbox.
    pub const OF_ALL: [Without; 9] = [
        Without::Door,
        Without::Hold,
        Without::LastLook,
        Without::ShutFirst,
        Without::CloseFirst,
        Without::WakeUp,
        Without::WakeUpAfterEviction,
        Without::ComeFirst,
        Without::Order,
    ];

    /// What can be taken out of one with two lanes.
    pub const OF_TWO_LANES: [Without; 3] =
        [Without::UrgentInClose, Without::UrgentInFinish, Without::UrgentInEvict];

    /// What can be taken out of one whose actor has children.
    pub const OF_PARENTS: [Without; 3] =
        [Without::StrangersFirst, Without::LookForStrangers, Without::DoorForFamily];

    /// What can be taken out of one that drops, and is of a ring.
    pub const OF_RINGS: [Without; 3] =
        [Without::AcquaintFirst, Without::SecondPass, Without::WaitAgain];

    /// What can be taken out of one that drops.
    pub const OF_DROPPING: [Without; 7] = [
        Without::LockInDisplace,
        Without::LockInClose,
        Without::LockInFinish,
        Without::LedgerInDisplace,
        Without::SecondTry,
        Without::DisownedInEvict,
        Without::DisownedInDisplace,
    ];
}
