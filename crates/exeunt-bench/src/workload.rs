//! What is measured.

use crate::contender::{Contender, Mailbox, Place};
use crate::measure::{Failure, Outcome};
use crate::placement::{Cpu, Placement};
use crate::workloads::savina::Play;
use crate::workloads::{
    ask, drain, fan_in, idle, keeps, ledger, pipeline, pool, shutdown, spawn, tell, wakeup,
};

/// The slots of a bounded mailbox.
pub(crate) const SLOTS: usize = 1024;

/// Those of actors of which there are many. Some channels take the memory for them at once.
pub(crate) const FEW_SLOTS: usize = 64;

/// Something that every contender does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workload {
    Keeps,
    Ledger,
    TellBounded,
    TellUnbounded,
    Ask,
    FanIn,
    Crowd,
    Pool,
    PoolIdle,
    Pipeline,
    Drain,
    Spawn,
    Shutdown,
    Wakeup,
    Idle,
    Savina(Play),
}

/// How much of it, and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub(crate) rounds: usize,
    /// Messages, questions, actors or milliseconds, whatever there is many of.
    pub(crate) count: u64,
}

impl Workload {
    /// Those that are neither the ledger nor of Savina, in their order.
    const OWN: [Workload; 14] = [
        Workload::Keeps,
        Workload::TellBounded,
        Workload::TellUnbounded,
        Workload::Ask,
        Workload::FanIn,
        Workload::Crowd,
        Workload::Pool,
        Workload::PoolIdle,
        Workload::Pipeline,
        Workload::Drain,
        Workload::Spawn,
        Workload::Shutdown,
        Workload::Wakeup,
        Workload::Idle,
    ];

    /// All there are.
    pub(crate) fn every() -> impl Iterator<Item = Workload> {
        Workload::all().chain([Workload::Ledger])
    }

    /// Those that `all` runs; the ledger would take too long.
    pub(crate) fn all() -> impl Iterator<Item = Workload> {
        Workload::OWN.into_iter().chain(Play::ALL.map(Workload::Savina))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Workload::Keeps => "keeps",
            Workload::Ledger => "ledger",
            Workload::TellBounded => "tell-bounded",
            Workload::TellUnbounded => "tell-unbounded",
            Workload::Ask => "ask",
            Workload::FanIn => "fan-in",
            Workload::Crowd => "fan-in-crowd",
            Workload::Pool => "pool",
            Workload::PoolIdle => "pool-idle",
            Workload::Pipeline => "pipeline",
            Workload::Drain => "drain",
            Workload::Spawn => "spawn",
            Workload::Shutdown => "shutdown",
            Workload::Wakeup => "wakeup",
            Workload::Idle => "idle",
            Workload::Savina(play) => play.name(),
        }
    }

    /// Its name, and where it is measured, if that was chosen.
    pub(crate) fn title(self, placement: Placement) -> String {
        format!("{}{}", self.name(), placement.suffix())
    }

    /// The name of several workloads together.
    pub(crate) fn group(self) -> &'static str {
        match self {
            Workload::TellBounded | Workload::TellUnbounded => "tell",
            Workload::FanIn | Workload::Crowd => "fan-in",
            Workload::Pool | Workload::PoolIdle => "pool",
            Workload::Savina(_) => "savina",
            other => other.name(),
        }
    }

    pub(crate) fn about(self) -> &'static str {
        match self {
            Workload::Keeps => {
                "100 accepted messages of 2 ms each, then at once the stop call: how many were handled"
            }
            Workload::Ledger => {
                "40 accepted messages for two actors in a row, 1 ms each, and the stop call at a moment \
                 between none and all of them being handled"
            }
            Workload::TellBounded => "one sender, one actor, a mailbox of 1,024",
            Workload::TellUnbounded => "one sender, one actor, a mailbox without limit",
            Workload::Ask => "a question and its answer",
            Workload::FanIn => "four senders, one actor, a mailbox of 1,024",
            Workload::Crowd => "64 senders, one actor, a mailbox of 16",
            Workload::Pool => "one sender, four threads on one mailbox of 1,024",
            Workload::PoolIdle => "one message at a time to 64 sleeping threads on one mailbox",
            Workload::Pipeline => "one sender, three actors in a row, mailboxes of 1,024",
            Workload::Drain => "100,000 queued messages handled, nobody sending",
            Workload::Spawn => {
                "actors with a mailbox of 64 spawned, one message to each, all stopped and joined"
            }
            Workload::Shutdown => {
                "the stop call with 100 idle, independent actors, to the last one's end"
            }
            Workload::Wakeup => "from a send to an idle actor to its handler",
            Workload::Idle => "how often the threads of 100 idle actors wake up",
            Workload::Savina(play) => play.about(),
        }
    }

    /// What its figures are. The first is compared and drawn.
    pub(crate) fn columns(self) -> &'static [&'static str] {
        match self {
            Workload::Keeps => &["one actor, of 100", "second of two in a row, of 100"],
            Workload::Ledger => &["accepted", "came through", "lost", "stops with a loss"],
            Workload::Ask => &["p50, µs", "p99, µs"],
            Workload::Wakeup => &["p50, µs", "p99, µs", "CPU µs a message"],
            Workload::TellBounded
            | Workload::TellUnbounded
            | Workload::FanIn
            | Workload::Crowd
            | Workload::Pool
            | Workload::Pipeline
            | Workload::Drain => &["ns a message"],
            Workload::Spawn => &["µs an actor", "KiB resident an actor", "of it beyond the stack"],
            Workload::PoolIdle => &["wake-ups a message"],
            Workload::Shutdown => &["µs an actor"],
            Workload::Idle => &["wake-ups a second"],
            Workload::Savina(_) => &["ms"],
        }
    }

    /// Whether more is worse, so that a ratio to the floor says something.
    pub(crate) fn is_cost(self) -> bool {
        !matches!(self, Workload::Keeps | Workload::Ledger | Workload::Idle)
    }

    /// Whether it says something when its threads are placed so. Apart are one sender and one actor. In a second placement
    /// the plays of Savina would take too long, and what is counted is the same.
    pub(crate) fn is_measured(self, placement: Placement, is_first: bool) -> bool {
        let is_counted = matches!(self, Workload::Keeps | Workload::PoolIdle | Workload::Idle);
        let is_long = matches!(self, Workload::Ledger | Workload::Savina(_));
        match placement {
            Placement::Apart => matches!(self.group(), "tell" | "ask"),
            Placement::Free | Placement::Pinned(_) => is_first || !is_counted && !is_long,
        }
    }

    /// Whether it is measured with a bounded mailbox where the contender has one.
    pub(crate) fn is_bounded(self) -> bool {
        matches!(self.group(), "fan-in" | "pool" | "pipeline")
    }

    /// Where threads keep each other busy, a round is to be longer than the scheduler takes to place them, some
    /// milliseconds: what comes before that is chance.
    pub(crate) fn scale(self, quick: bool) -> Scale {
        // So many that each pass has some. Five rounds have whole quartiles, as counts should.
        let (rounds, count, quick_rounds, quick_count) = match self {
            Workload::Keeps => (5, 100, 1, 100),
            Workload::Ledger => (1, 200, 1, 20),
            Workload::TellBounded | Workload::TellUnbounded => (15, 600_000, 3, 100_000),
            Workload::Ask => (25, 5_000, 3, 1_000),
            Workload::FanIn | Workload::Pool => (15, 600_000, 3, 100_000),
            Workload::Crowd => (5, 320_000, 1, 32_000),
            Workload::PoolIdle => (5, 300, 1, 100),
            Workload::Pipeline => (15, 300_000, 3, 50_000),
            Workload::Drain => (15, 100_000, 3, 100_000),
            Workload::Spawn => (10, 1_000, 1, 1_000),
            Workload::Shutdown => (25, 100, 3, 100),
            Workload::Wakeup => (10, 200, 2, 100),
            Workload::Idle => (5, 1_000, 1, 300),
            Workload::Savina(play) => return play.scale(quick),
        };
        if quick {
            Scale { rounds: quick_rounds, count: quick_count }
        } else {
            Scale { rounds, count }
        }
    }

    /// Runs it once, with the actor on that CPU if it is to be on another than who sends to it.
    pub(crate) fn run<C: Contender>(self, scale: &Scale, there: Option<Cpu>) -> Outcome {
        if there.is_some() && matches!(C::ABOUT.place, Place::Shared(_)) {
            return Err(Failure::LeftOut("its actors have no thread of their own".to_owned()));
        }
        let count = scale.count;
        match self {
            Workload::Keeps => keeps::run::<C>(count),
            Workload::Ledger => ledger::run::<C>(count),
            Workload::TellBounded => tell::run::<C>(Mailbox::Bounded(SLOTS), count, there),
            Workload::TellUnbounded => tell::run::<C>(Mailbox::Unbounded, count, there),
            Workload::Ask => ask::run::<C>(count, there),
            Workload::FanIn => fan_in::run::<C>(count),
            Workload::Crowd => fan_in::run_crowded::<C>(count),
            Workload::Pool => pool::run::<C>(count),
            Workload::PoolIdle => pool::run_idle::<C>(count),
            Workload::Pipeline => pipeline::run::<C>(count),
            Workload::Drain => drain::run::<C>(count),
            Workload::Spawn => spawn::run::<C>(count),
            Workload::Shutdown => shutdown::run::<C>(count),
            Workload::Wakeup => wakeup::run::<C>(count),
            Workload::Idle => idle::run::<C>(count),
            Workload::Savina(play) => play.run::<C>(count),
        }
    }
}
