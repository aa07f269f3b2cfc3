//! Who takes part, and what a contender has to be able to do.

use std::fmt;
use std::ops::Range;
use std::time::Instant;

use crate::contenders::{actix, exeunt, kameo, plain, ractor, select, spawned, tonari, xtra};
use crate::measure::Outcome;
use crate::placement::Cpu;
use crate::role::{Role, answer, nanos_since};
use crate::workload::{Scale, Workload};
use crate::workloads::spawn::resident;

/// What is said of a contender.
pub(crate) struct About {
    pub(crate) name: &'static str,
    /// The crate and its version.
    pub(crate) version: &'static str,
    pub(crate) place: Place,
    /// The stop call that its documentation shows.
    pub(crate) stop: &'static str,
    /// Why it has no bounded mailbox that holds its senders back, if it has none.
    pub(crate) no_bounded: Option<&'static str>,
    /// Why messages of one sender may overtake each other, if they may.
    pub(crate) no_order: Option<&'static str>,
}

/// Where a contender's actors run, in words.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// Each on a thread of its own.
    OwnThread(&'static str),
    /// On threads that they share.
    Shared(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Place::OwnThread(words) | Place::Shared(words)) = self;
        f.write_str(words)
    }
}

/// What a mailbox holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mailbox {
    Bounded(usize),
    Unbounded,
}

/// How several actors are stopped, where the stop call is one for each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stop {
    /// All are told, then all are waited for: they have nothing to do with each other.
    Together,
    /// In the order in which messages pass through them, each waited for: the kindest order.
    Upstream,
}

/// A way to run actors. The value owns all that was started.
pub(crate) trait Contender: Sized + 'static {
    /// Where messages are sent to. In the workloads all are dropped before [`stop`](Contender::stop).
    type Addr: Clone + Send + Sync + 'static;

    const ABOUT: About;

    fn start() -> Self;

    /// Starts an actor. Downstream actors are spawned before those that send to them.
    fn spawn(&mut self, mailbox: Mailbox, role: Role<Self::Addr>) -> Self::Addr;

    /// Starts a pool: so many threads that take from one mailbox, each with a role of its own. `None` if the crate
    /// itself has none whose threads do.
    fn pool(
        &mut self,
        _mailbox: Mailbox,
        _threads: usize,
        _role: impl FnMut() -> Role<Self::Addr> + Send + 'static,
    ) -> Option<Self::Addr> {
        None
    }

    /// Sends one number from a thread that is no actor.
    fn send(addr: &Self::Addr, n: u64);

    /// Sends these numbers from wherever the contender's senders usually run.
    fn send_all(addr: &Self::Addr, numbers: Range<u64>) {
        numbers.for_each(|n| Self::send(addr, n));
    }

    /// Asks as often from wherever the contender's askers usually run, and gives the times in
    /// nanoseconds, or `None` if an answer was wrong.
    fn ask_all(addr: &Self::Addr, questions: u64) -> Option<Vec<u64>>;

    /// Stops all actors by the documented call, and returns when all have ended.
    fn stop(self, how: Stop);
}

/// Asks `questions` times by blocking calls.
pub(crate) fn timed_asks(questions: u64, ask: impl Fn(u64) -> u64) -> Option<Vec<u64>> {
    let timed = |n| {
        let start = Instant::now();
        (ask(n) == answer(n)).then(|| nanos_since(start))
    };
    (0..questions).map(timed).collect()
}

/// A contender among the others.
pub(crate) struct Entry {
    pub(crate) about: About,
    /// A second stop call of one that already takes part.
    pub(crate) keeps_only: bool,
    pub(crate) run: fn(Workload, &Scale, Option<Cpu>) -> Outcome,
    /// KiB an actor, of so many, with its stack and without, in a process that has done nothing else.
    pub(crate) memory: fn(u64) -> Result<[f64; 2], String>,
}

const fn entry<C: Contender>() -> Entry {
    Entry { about: C::ABOUT, keeps_only: false, run: Workload::run::<C>, memory: resident::<C> }
}

static ENTRIES: [Entry; 11] = [
    entry::<exeunt::Exeunt>(),
    entry::<plain::Plain>(),
    entry::<select::Select>(),
    entry::<tonari::Tonari>(),
    entry::<actix::Actix>(),
    entry::<kameo::Kameo<false>>(),
    entry::<kameo::Kameo<true>>(),
    entry::<ractor::Ractor<false>>(),
    Entry { keeps_only: true, ..entry::<ractor::Ractor<true>>() },
    entry::<spawned::Spawned>(),
    entry::<xtra::Xtra>(),
];

/// All contenders, `exeunt` first and the floor second.
pub(crate) fn entries() -> &'static [Entry] {
    &ENTRIES
}

/// The contender of this name.
pub(crate) fn find(name: &str) -> Result<&'static Entry, String> {
    entries()
        .iter()
        .find(|entry| entry.about.name == name)
        .ok_or_else(|| format!("there is no contender {name:?}"))
}
