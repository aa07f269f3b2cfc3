//! The report: why a run ended and how each actor left, as data, as a table, and as an exit status.

use std::fmt;
use std::time::Duration;

use crate::life::{Figures, Life};

mod alike;
#[cfg(feature = "serde")]
mod json;
pub(crate) mod table;

/// What became of a run: why it ended, and, in the order in which they ended, every actor and task.
///
/// `Display` is a table that fits a terminal of 80 columns. More than eight children of one parent that left alike are
/// one line of it, `(2000 of listener)`. So are more than 32 other actors that left alike, `(500 like shard 7)`, if
/// their names differ only in their numbers, and none had a restart or a message that failed or was returned.
/// [`actors`](Report::actors) has them all. With the feature `serde` the report serialises; durations are in
/// milliseconds.
///
/// # Examples
///
/// ```
/// use exeunt::{Ended, Reason, Status, System};
///
/// let mut system = System::new("words");
/// system.spawn_task("reader", |cx| {
///     cx.stopping().wait();
///     Ok(())
/// });
/// let report = system.shutdown();
///
/// assert_eq!(report.reason, Reason::Shutdown);
/// assert_eq!(report.actors[0].ended, Ended::Drained);
/// assert!(report.is_complete());
/// assert_eq!(report.status(), Status::Success);
/// println!("{report}");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(into = "json::Report"))]
#[must_use = "it says whether all is well; to drain without a look at it, drop the system"]
#[non_exhaustive]
pub struct Report {
    /// The name of the system.
    pub system: String,
    /// Why it ended.
    pub reason: Reason,
    /// The signal that came first, also when the drain had begun for another reason.
    pub signal: Option<Signal>,
    /// How long the drain took; zero if all ended by themselves.
    pub took: Duration,
    /// In the order in which they ended.
    ///
    /// Children that ended well are summed up when there are thousands of them, in a line that is
    /// called `(earlier children)`.
    pub actors: Vec<ActorReport>,
    /// The sends that were refused during the drain because the order was wrong.
    pub refused: Vec<Refusals>,
}

/// The name of the line in which children are summed up.
const EARLIER_CHILDREN: &str = "(earlier children)";

/// How one actor or task left: a line of the [`Report`], and what [waiting](crate::ActorHandle::wait) for its end or
/// [watching](crate::Context::watch) it gives.
///
/// `Display` is its line of the table. The figures of a task are all zero.
///
/// ```
/// use exeunt::{Actor, Context, Ended, System};
///
/// struct Picky;
/// impl Actor for Picky {
///     type Msg = u32;
///     fn handle(&mut self, n: u32, _cx: &mut Context<Self>) -> exeunt::Result {
///         if n == 2 { Err(exeunt::Error::msg("not a 2")) } else { Ok(()) }
///     }
/// }
///
/// let mut system = System::new("figures");
/// let (picky, inbox) = exeunt::mailbox(4);
/// (1..=3).try_for_each(|n| picky.send(n))?;
/// system.actor("picky").inbox(inbox).spawn(Picky)?;
/// let report = system.wait();
/// let line = report.actor("picky").unwrap();
/// assert_eq!((line.handled, line.failed, line.returned), (1, 1, 1));
/// assert_eq!((line.accepted(), line.ended), (3, Ended::Failed));
/// assert_eq!(line.error.as_deref(), Some("not a 2"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(into = "json::ActorReport"))]
#[non_exhaustive]
pub struct ActorReport {
    /// Its place in the order of spawning: the same as [`Addr::id`](crate::Addr::id), and as in a
    /// [snapshot](crate::ActorSnapshot::id). Nobody else of its system ever has it, so it tells actors of one name
    /// apart. `None` for the line of many.
    pub id: Option<usize>,
    /// Its name.
    pub name: String,
    /// The name of its parent, if it was a child.
    pub parent: Option<String>,
    /// The [id](ActorReport::id) of its parent, if it was a child: if that was a pool, of the
    /// [thread](ActorReport::threads) that had spawned it.
    pub parent_id: Option<usize>,
    /// Whether it is a task, which has no mailbox and so no messages.
    pub is_task: bool,
    /// How it ended.
    pub ended: Ended,
    /// From the beginning of its turn to its end. If it had no turn: from the beginning of the
    /// drain, or, if it ended before that, from its own start. An actor whose failure begins the
    /// drain has ended before it.
    pub took: Duration,
    /// The messages for which its handler returned `Ok`.
    pub handled: u64,
    /// Those of them that it handled after the drain of the system had begun.
    pub handled_while_draining: u64,
    /// The messages for which its handler returned an error or panicked, and the one that it never
    /// came back from, if it was abandoned in it.
    pub failed: u64,
    /// The messages that it never saw, and that went to the dead-letter hook.
    pub returned: u64,
    /// Those of the returned messages for which there was no room, if its mailbox
    /// [drops](crate::Overflow) then.
    pub overflowed: u64,
    /// The messages that it had put off with [`send_after`](crate::Context::send_after), and that were still to come
    /// when its turn began, or when an incarnation ended: they were never sent. A periodic timer owes none.
    pub cancelled: u64,
    /// How often it was restarted.
    pub restarts: u64,
    /// Why it failed, or what it was doing when its deadline came, or when it was given up.
    pub error: Option<String>,
    /// Whether its failure was absorbed by whoever supervises it, so that it is no failure of the
    /// system.
    pub absorbed: bool,
    /// How each of its threads left, if it was a [pool](crate::System::pool).
    pub threads: Vec<ActorReport>,
}

/// How an actor or task ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Ended {
    /// During the drain, with everything handled.
    Drained,
    /// By itself, before a drain: nobody had its address any more, or the task returned.
    Completed,
    /// By itself, but after its deadline: what was left was returned.
    Overdue,
    /// By an error or a panic.
    Failed,
    /// It did not: its thread was given up.
    Abandoned,
    /// It is a daemon, told to stop after all others had ended, and not waited for.
    Daemon,
}

/// Why a run ended.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// All have ended by themselves.
    Completed,
    /// The program asked for it.
    Shutdown,
    /// A signal came.
    Signal(Signal),
    /// An actor or a task failed, or the system could not be set up.
    Failure {
        /// Whose failure it was.
        name: String,
        /// Why it failed.
        error: String,
    },
}

/// A signal, by its number. Those that begin or end something have a name here; those whose number is not the same
/// everywhere (`Signal::USR1`, `Signal::USR2`) only with the feature `signals`.
///
/// ```
/// use exeunt::Signal;
///
/// assert_eq!(Signal::INT, Signal(2));
/// assert_eq!(Signal::from(15).to_string(), "SIGTERM");
/// assert_eq!(Signal(77).to_string(), "signal 77");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Signal(pub i32);

/// Sends refused during a drain because the order was wrong: who sent to whom, how often.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Refusals {
    /// The sender.
    pub from: String,
    /// The actor that it sent to, whose turn had come before.
    pub to: String,
    /// How often.
    pub count: u64,
}

/// How a process is to end after a run:
///
/// | | after a signal | without one |
/// |---|---|---|
/// | [complete](Report::is_complete), [nothing failed](Report::is_failure) | by the signal | 0 |
/// | complete, something failed | 1 | 1 |
/// | incomplete, nothing failed | 75 | 75 |
/// | incomplete, something failed | 75 | 1 |
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Status {
    /// With 0: no signal, no failure, nothing cut short.
    Success,
    /// With 1: an actor or a task failed.
    Failure,
    /// With [`INCOMPLETE`]: messages were returned, beyond those that a full mailbox was asked to
    /// [drop](crate::Overflow), or an actor or a task met its deadline.
    Incomplete,
    /// By the signal that came first, after a complete drain without a failure, so that a shell loop stops and a
    /// service manager sees a clean stop. As process 1 with 128 + n, on Windows after Ctrl-C with 0xC000013A.
    Signal(Signal),
}

/// The exit status of an incomplete drain: `EX_TEMPFAIL` of `sysexits.h`, "the work is not
/// finished and may be tried again".
pub const INCOMPLETE: u8 = 75;

impl Report {
    /// The first actor or task of that name.
    #[must_use]
    pub fn actor(&self, name: &str) -> Option<&ActorReport> {
        self.actors.iter().find(|actor| actor.name == name)
    }

    /// Whether all but the daemons ended by themselves or in their turn, or failed, and nothing
    /// that was accepted was returned, except what a full mailbox was asked to
    /// [drop](crate::Overflow).
    ///
    /// It says nothing of failures: an actor that failed on its last message has left complete. Whether all went well
    /// says [`status`](Report::status), or this together with [`is_failure`](Report::is_failure).
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.actors.iter().all(ActorReport::is_complete)
    }

    /// Whether an actor or task failed and nothing [absorbed](ActorReport::absorbed) that, or the system could not be
    /// set up.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self.reason, Reason::Failure { .. })
            || self
                .actors
                .iter()
                .any(|line| line.is_failure() || line.threads.iter().any(ActorReport::is_failure))
    }

    /// How the process is to end.
    ///
    /// After a signal an incomplete drain comes before a failure; without one the failure comes first, since it is the
    /// cause. [`Status`] has the table.
    #[must_use]
    pub fn status(&self) -> Status {
        match (self.signal, self.is_complete(), self.is_failure()) {
            (Some(_), false, _) => Status::Incomplete,
            (None, _, true) | (Some(_), true, true) => Status::Failure,
            (None, false, false) => Status::Incomplete,
            (Some(signal), true, false) => Status::Signal(signal),
            (None, true, false) => Status::Success,
        }
    }
}

impl ActorReport {
    /// The messages that were accepted for it.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.handled + self.failed + self.returned
    }

    /// A line that sums up those of whom there are too many.
    pub(crate) fn of_many() -> ActorReport {
        ActorReport::with(EARLIER_CHILDREN.to_owned(), Ended::Completed, Figures::default())
    }

    /// The line of an actor or task that has left.
    pub(crate) fn of(life: &Life, ended: Ended, figures: Figures) -> ActorReport {
        ActorReport {
            id: Some(life.index),
            parent: life.parent.as_ref().map(|parent| (*parent.name).to_owned()),
            parent_id: life.parent.as_ref().map(|parent| parent.index),
            ..ActorReport::with((*life.name).to_owned(), ended, figures)
        }
    }

    fn with(name: String, ended: Ended, figures: Figures) -> ActorReport {
        ActorReport {
            id: None,
            name,
            parent: None,
            parent_id: None,
            is_task: false,
            ended,
            took: Duration::ZERO,
            handled: figures.handled,
            handled_while_draining: 0,
            failed: figures.failed,
            returned: figures.returned,
            overflowed: figures.overflowed,
            cancelled: figures.cancelled,
            restarts: figures.restarts,
            error: None,
            absorbed: false,
            threads: Vec::new(),
        }
    }

    /// Whether nothing is to be said of it but its figures: a child that ended well, or whose failure
    /// was absorbed.
    pub(crate) fn may_be_summed_up(&self) -> bool {
        let ended_well = matches!(self.ended, Ended::Completed | Ended::Drained) || self.absorbed;
        self.parent.is_some() && ended_well
    }

    /// Whether it is the sum of many.
    pub(crate) fn is_of_many(&self) -> bool {
        self.id.is_none()
    }

    pub(crate) fn add(&mut self, other: &ActorReport) {
        self.handled += other.handled;
        self.handled_while_draining += other.handled_while_draining;
        self.failed += other.failed;
        self.returned += other.returned;
        self.overflowed += other.overflowed;
        self.cancelled += other.cancelled;
        self.restarts += other.restarts;
        self.took = self.took.max(other.took);
    }

    /// Whether it failed, and nobody absorbed that: a failure of the run.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.ended == Ended::Failed && !self.absorbed
    }

    /// Whether nothing of it was cut short: it met no deadline, and nothing was returned but what a full mailbox was
    /// asked to [drop](crate::Overflow). A daemon's end cuts nothing short.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        match self.ended {
            Ended::Daemon => true,
            Ended::Drained | Ended::Completed | Ended::Failed => self.returned == self.overflowed,
            Ended::Overdue | Ended::Abandoned => false,
        }
    }
}

impl Reason {
    pub(crate) fn failure(name: &str, error: &dyn fmt::Display) -> Reason {
        Reason::Failure { name: name.to_owned(), error: error.to_string() }
    }
}

impl Signal {
    /// The terminal hung up; by custom, "read your configuration again".
    pub const HUP: Signal = Signal(1);
    /// Ctrl-C; on Windows Ctrl-Break too.
    pub const INT: Signal = Signal(2);
    /// Ctrl-\\.
    pub const QUIT: Signal = Signal(3);
    /// What service managers and `kill` send: please end.
    pub const TERM: Signal = Signal(15);

    /// Its name, if it has one that is the same everywhere.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        // The numbers below 16 that POSIX fixes for `kill`, and those on which all agree.
        Some(match self.0 {
            1 => "SIGHUP",
            2 => "SIGINT",
            3 => "SIGQUIT",
            6 => "SIGABRT",
            9 => "SIGKILL",
            14 => "SIGALRM",
            15 => "SIGTERM",
            _ => return None,
        })
    }
}

impl From<i32> for Signal {
    fn from(number: i32) -> Signal {
        Signal(number)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => f.pad(&format!("signal {}", self.0)),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Completed => f.write_str("all ended by themselves"),
            Reason::Shutdown => f.write_str("shutdown"),
            Reason::Signal(signal) => signal.fmt(f),
            Reason::Failure { name, error } => write!(f, "`{name}` failed: {error}"),
        }
    }
}

impl Ended {
    /// The word for it in the table and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Ended::Drained => "drained",
            Ended::Completed => "completed",
            Ended::Overdue => "overdue",
            Ended::Failed => "failed",
            Ended::Abandoned => "abandoned",
            Ended::Daemon => "daemon",
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests;
