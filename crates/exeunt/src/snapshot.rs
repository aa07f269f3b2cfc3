//! [`ActorSnapshot`]: how one actor or task stands at this moment.

use std::fmt;
use std::time::{Duration, Instant};

use crate::capacity::Capacity;
use crate::life::{Activity, Figures, Outcome};
use crate::member::Member;
use crate::report::Ended;

mod dump;

pub(crate) use dump::{Dump, on_what};

/// How one actor or task stands at one moment.
///
/// # Examples
///
/// ```
/// use exeunt::{State, System};
///
/// let mut system = System::new("watched");
/// system.spawn_task("idle", |cx| {
///     cx.stopping().wait();
///     Ok(())
/// });
/// for actor in system.snapshot() {
///     println!("{} {:?}: {} queued, {} handled", actor.name, actor.state, actor.queued, actor.handled);
/// }
/// assert_eq!(system.snapshot()[0].state, State::Working);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActorSnapshot {
    /// Its place in the order of spawning, which nobody else ever has.
    pub id: usize,
    /// Its name.
    pub name: String,
    /// The name of its parent, if it is a child.
    pub parent: Option<String>,
    /// The [id](ActorSnapshot::id) of its parent, if it is a child: if that is a pool, of the thread that has spawned it.
    pub parent_id: Option<usize>,
    /// The pool that it is a thread of, whose mailbox it reads with the others: the [id](crate::Addr::id) of the pool's
    /// address and of its line in the report. No entry of a snapshot has it as its own.
    pub pool: Option<usize>,
    /// Where it is in its life.
    pub state: State,
    /// How it ended, if it has.
    pub ended: Option<Ended>,
    /// The messages that wait in its mailbox, and in the inboxes [attached](crate::Context::attach_inbox) to it. The
    /// threads of a pool read one mailbox: each has the whole of it here, so do not add them up.
    pub queued: usize,
    /// How many its mailbox holds; `None` for a task, which has none.
    pub capacity: Option<Capacity>,
    /// The messages for which its handler returned `Ok`.
    pub handled: u64,
    /// The messages for which its handler returned an error or panicked.
    pub failed: u64,
    /// The messages that it never saw, and that went to the dead-letter hook.
    pub returned: u64,
    /// How often it was restarted.
    pub restarts: u64,
    /// What it is doing, in words.
    pub doing: String,
    /// The type of its messages, as the compiler names it; `None` for a task.
    pub message_type: Option<&'static str>,
    /// What it [calls](crate::Actor::label) the message that it is on.
    pub label: Option<&'static str>,
    /// Whom it waits for.
    pub waits_for: Option<Waiting>,
    /// A number that changes with everything it achieves: if it is equal in two snapshots of an
    /// actor, that has finished nothing in between.
    pub pulse: u64,
    /// Whether it waits for something to do.
    pub is_idle: bool,
    /// Whether it waits, for whatever that may be: for something to do, for [another](ActorSnapshot::waits_for), in its
    /// [sleep](crate::Context::sleep), for its children to leave, to begin anew, or for what it has
    /// [named](crate::waiting_for). An actor that neither waits nor has ended is busy, as far as can be seen: a wait
    /// that it told nobody of, in a read from a socket, say, looks like work.
    pub is_waiting: bool,
    /// Whether its thread is in code of the user's: a handler, a hook, the loop of a task.
    pub is_in_user_code: bool,
    /// Whether it is in its handler, with a message in its hands.
    pub is_handling: bool,
    /// In its turn: how long until its deadline comes, if it finishes nothing more; once that has come, how long until
    /// it is [given up](crate::Ended::Abandoned).
    ///
    /// `None` before its turn, while it waits for its children (they have deadlines of their own), and if
    /// it has no limit. What an actor finishes moves its deadline; that is noticed within a tenth of the
    /// stall limit, so this may be that much too little.
    pub until_deadline: Option<Duration>,
}

/// For whom an actor or task waits, and [for what](WaitingFor). `Display` says it: "room in
/// `sink`".
///
/// ```
/// use exeunt::{System, WaitingFor};
///
/// let mut system = System::new("waiting");
/// let night = system.spawn_task("night", |cx| { cx.stopping().wait(); Ok(()) });
/// let watched = night.clone();
/// system.spawn_task("guard", move |_cx| { watched.wait()?; Ok(()) });
/// let waits = loop {
///     let guard = system.snapshot().pop().unwrap();
///     if let Some(waits) = guard.waits_for { break waits; }
/// };
/// assert_eq!((waits.what, waits.id), (WaitingFor::End, night.id()));
/// assert_eq!(waits.to_string(), "the end of `night`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting {
    /// The [`id`](ActorSnapshot::id) of the other, if it is of the same system.
    pub id: Option<usize>,
    /// The name of the other.
    pub name: String,
    /// What it waits for.
    pub what: WaitingFor,
    /// Which of its waits this is. It grows with each, so that one long wait can be told from many.
    pub number: u64,
}

/// What an actor or task waits for, of another one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum WaitingFor {
    /// Room in its mailbox.
    Room,
    /// An answer of it.
    Answer,
    /// Its end.
    End,
}

/// What it waits for: "room in `b`".
impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            WaitingFor::Room => "room in",
            WaitingFor::Answer => "an answer of",
            WaitingFor::End => "the end of",
        };
        write!(f, "{what} `{}`", self.name)
    }
}

/// Where an actor or task is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum State {
    /// It works, or waits for work.
    Working,
    /// It has failed, or was told to begin anew, and its next incarnation has not begun.
    Restarting,
    /// Its turn has come.
    Draining,
    /// Its deadline has passed.
    Overdue,
    /// It has ended, or was given up.
    Ended,
}

impl ActorSnapshot {
    pub(crate) fn of(member: &Member) -> ActorSnapshot {
        let life = &member.life;
        let Figures { handled, failed, returned, restarts, .. } = life.figures();
        let sample = life.sample();
        let outcome = life.outcome();
        let state = match outcome {
            Some(_) => State::Ended,
            None if life.must_stop.is_set() => State::Overdue,
            None if life.stopping.is_set() => State::Draining,
            None if life.is_resting() => State::Restarting,
            None => State::Working,
        };
        let waits_for = life.waits_for().and_then(Waiting::of);
        ActorSnapshot {
            id: life.index,
            name: (*life.name).to_owned(),
            parent: life.parent.as_ref().map(|parent| (*parent.name).to_owned()),
            parent_id: life.parent.as_ref().map(|parent| parent.index),
            pool: member.pool(),
            state,
            ended: outcome.map(|outcome| ended(member, outcome)),
            queued: member.queued(),
            capacity: member.capacity,
            handled,
            failed,
            returned,
            restarts,
            doing: life.doing(),
            message_type: member.message_type,
            label: life.label(),
            waits_for,
            pulse: sample.pulse(),
            is_idle: sample.is_asleep(),
            is_waiting: life.is_waiting(),
            is_in_user_code: sample.is_in_user_code(),
            is_handling: sample.is_handling(),
            until_deadline: until(life.deadline()),
        }
    }
}

fn ended(member: &Member, outcome: Outcome) -> Ended {
    let was_dismissed = member.node.daemon && member.life.stage.is_draining();
    match outcome.told() {
        Some((Ended::Drained | Ended::Overdue, ..)) | None if was_dismissed => Ended::Daemon,
        Some((ended, ..)) => ended,
        None => Ended::Abandoned,
    }
}

fn until(moment: Option<Instant>) -> Option<Duration> {
    Some(moment?.saturating_duration_since(Instant::now()))
}

impl Waiting {
    fn of((activity, number): (Activity, u64)) -> Option<Waiting> {
        let (other, what) = match activity {
            Activity::Sending(other) => (other, WaitingFor::Room),
            Activity::Asking(other) => (other, WaitingFor::Answer),
            Activity::Awaiting(other) => (other, WaitingFor::End),
            _ => return None,
        };
        Some(Waiting { id: other.index(), name: (*other.name).to_owned(), what, number })
    }
}

/// A word.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::Working => "working",
            State::Restarting => "restarting",
            State::Draining => "draining",
            State::Overdue => "overdue",
            State::Ended => "ended",
        })
    }
}

#[cfg(test)]
impl ActorSnapshot {
    /// An actor that waits for work.
    pub(crate) fn at_rest(id: usize, name: &str) -> ActorSnapshot {
        ActorSnapshot {
            id,
            name: name.to_owned(),
            parent: None,
            parent_id: None,
            pool: None,
            state: State::Working,
            ended: None,
            queued: 0,
            capacity: Some(Capacity::default()),
            handled: 0,
            failed: 0,
            returned: 0,
            restarts: 0,
            doing: "between two messages".to_owned(),
            message_type: Some("u32"),
            label: None,
            waits_for: None,
            pulse: 0,
            is_idle: true,
            is_waiting: true,
            is_in_user_code: false,
            is_handling: false,
            until_deadline: None,
        }
    }
}
