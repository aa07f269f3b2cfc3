//! [`Notice`]: what happens in a system, as a typed event. The log is one listener of it.

use std::fmt;
use std::time::Duration;

use crate::printable::printable;
use crate::report::{Ended, Reason};
use crate::snapshot::Waiting;

mod line;

pub(crate) use line::doing_for;

/// What a listener is told, in the order in which it happened.
///
/// `Display` is the line that the default listener logs, with control characters escaped: the name of an actor, or why
/// it failed, may have come from outside.
///
/// Several actors may have one name; the `id` beside it tells them apart. It is that of [`Addr::id`](crate::Addr::id) and
/// [`ActorHandle::id`](crate::ActorHandle::id), of the actor's [snapshot](crate::ActorSnapshot::id), and of its line in
/// the [report](crate::ActorReport::id). What is told of the mailbox of a [pool](crate::System::pool) has the id of the
/// pool, all else that of the thread. One that was [not started](Notice::NotStarted) has none.
///
/// More variants may come, and more fields in these: a pattern that ends in `..` is ready for that.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use exeunt::{Notice, System};
///
/// let (seen, drained) = mpsc::channel();
/// let mut system = System::new("observed");
/// system.observe(move |notice| {
///     if let Notice::Ended { name, .. } = notice {
///         let _ = seen.send(name.clone());
///     }
/// });
/// system.spawn_task("first", |cx| {
///     cx.stopping().wait();
///     Ok(())
/// });
/// drop(system); // drains it
/// assert_eq!(drained.try_recv().as_deref(), Ok("first"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Notice {
    /// An actor's `started` hook has returned, or a task has begun.
    Started {
        /// Its id.
        id: usize,
        /// Its name.
        name: String,
    },
    /// An actor or task was to be spawned, and was not: the drain had begun, or its parent or its group was leaving.
    NotStarted {
        /// Its name.
        name: String,
    },
    /// The ordered drain begins.
    DrainBegan {
        /// Why it begins.
        reason: Reason,
        /// How many actors and tasks are to end, daemons not counted.
        members: usize,
    },
    /// An actor's turn has come.
    Draining {
        /// Its id.
        id: usize,
        /// Its name.
        name: String,
        /// How many messages were waiting in its mailbox.
        queued: usize,
    },
    /// A drain has taken another second.
    Waiting {
        /// Those whose turn it is, each with the number of messages that are left.
        on: Vec<(ActorIdentity, usize)>,
        /// The time until the next deadline comes, if nothing more happens.
        until_deadline: Option<Duration>,
        /// Of those past their deadline, the one that is given up first, if it does not come back, and the time until
        /// then.
        given_up_next: Option<(ActorIdentity, Duration)>,
    },
    /// An actor's deadline has come: what is left is returned.
    Overdue {
        /// Its id.
        id: usize,
        /// Its name.
        name: String,
        /// What it was doing.
        doing: String,
        /// For how long nothing was seen to happen.
        stuck_for: Duration,
    },
    /// An actor or task has ended, and its thread with it.
    Ended {
        /// Its id.
        id: usize,
        /// Its name.
        name: String,
        /// How it ended.
        ended: Ended,
        /// How many messages it handled.
        handled: u64,
        /// How many it gave back.
        returned: u64,
        /// How long it took (see [`ActorReport::took`](crate::ActorReport::took)).
        took: Duration,
    },
    /// An actor or task failed, and no policy absorbed it.
    Failed {
        /// Its id.
        id: usize,
        /// Its name.
        name: String,
        /// Why it failed.
        error: String,
    },
    /// An actor or task failed, and its policy lets it leave: it is [temporary](crate::Restart::temporary), and
    /// nobody else fails of it.
    Absorbed {
        /// Its id.
        id: usize,
        /// Its name.
        name: String,
        /// Why it failed.
        error: String,
    },
    /// An actor or task has failed, or ended voluntarily, and begins anew.
    Restarting {
        /// Its id.
        id: usize,
        /// Its name.
        name: String,
        /// Why it failed, if it did.
        error: Option<String>,
        /// The others that begin anew with it.
        with: Vec<ActorIdentity>,
        /// How long it waits before.
        delay: Duration,
    },
    /// There was one restart too many for an intensity: it is not absorbed there, but goes up. If a group
    /// around that group absorbs it, [`Restarting`](Notice::Restarting) is told next; if nothing does,
    /// [`Failed`](Notice::Failed).
    TooManyRestarts {
        /// The id of the actor or task that was to be restarted.
        id: usize,
        /// Its name.
        name: String,
        /// The group whose intensity it was, if not its own.
        group: Option<String>,
        /// How many restarts it allows,
        restarts: u32,
        /// and within how long.
        within: Duration,
    },
    /// An incarnation that was to make room for the next failed on its way out. That changes nothing.
    FailedToStop {
        /// Its id.
        id: usize,
        /// Its name.
        name: String,
        /// Why it failed.
        error: String,
    },
    /// Actors have declared that they feed each other in a circle: they drain as one.
    Cycle {
        /// Each followed by one that it feeds. All of them, though the log names the first few only.
        actors: Vec<ActorIdentity>,
    },
    /// A thread was given up: its grace is over.
    Abandoned {
        /// Its id.
        id: usize,
        /// Its name.
        name: String,
        /// What it was doing.
        doing: String,
        /// For how long nothing was seen to happen.
        stuck_for: Duration,
        /// How many messages were taken out of its mailbox.
        returned: u64,
    },
    /// The dead-letter hook, or the `drop` of a message that was returned, panicked.
    DeadLetterLost {
        /// The id of the actor that the message was sent to.
        id: usize,
        /// Its name.
        name: String,
        /// What the panic said.
        error: String,
    },
    /// Messages were accepted and will not be handled; they go to the dead-letter hook.
    ///
    /// Messages that a full mailbox [drops](crate::Overflow) are told together: the first, then
    /// whenever their number has doubled, and the rest when the mailbox is closed for good. So a
    /// flood of them is a few notices, and the sum of all `messages` of an actor is what its report
    /// says it [returned](crate::ActorReport::returned).
    Returned {
        /// The id of the actor that they were sent to.
        id: usize,
        /// Its name.
        name: String,
        /// How many are told of here for the first time.
        messages: u64,
        /// How many there have been in all, with these, in this mailbox and for this reason.
        total: u64,
        /// Their type, as the compiler names it.
        message_type: &'static str,
        /// Why they are not handled.
        why: ReturnedBecause,
    },
    /// During the drain an actor or task sent to an actor whose turn had come before: the order was
    /// wrong. Told once for each pair; the report counts.
    Refused {
        /// The sender.
        from: ActorIdentity,
        /// The actor that it sent to.
        to: ActorIdentity,
    },
    /// The [watchdog](crate::System::watchdog) has seen an actor or task at one thing for too long: in one handler or
    /// hook, or in one wait for room or for an answer. Told once, and again only after it has moved.
    Stuck {
        /// Its id.
        id: usize,
        /// Its name.
        name: String,
        /// What it is at.
        doing: String,
        /// The type of the message that it is on, if it is on one, as the compiler names it.
        message_type: Option<&'static str>,
        /// What it [calls](crate::Actor::label) that message.
        label: Option<&'static str>,
        /// For how long it was seen; it may have begun a little before.
        stuck_for: Duration,
    },
    /// The [watchdog](crate::System::watchdog) has seen actors or tasks wait for each other, in a circle, for too long.
    /// Told once for these waits.
    Deadlock {
        /// Who waits, and for whom: each for the next, and the last for the first.
        waits: Vec<(ActorIdentity, Waiting)>,
        /// For how long it was seen; it may have begun a little before.
        stuck_for: Duration,
    },
    /// The drain is over.
    Finished {
        /// Why it began.
        reason: Reason,
        /// Whether nothing was returned, and no deadline was met.
        is_complete: bool,
        /// Whether an actor or task has failed, and nothing absorbed it.
        is_failure: bool,
        /// How long it took.
        took: Duration,
    },
}

/// Which actor or task it is, where a [`Notice`] tells of several. `Display` is the name.
///
/// Two are equal if they are the same one, within one system.
///
/// ```
/// use exeunt::ActorIdentity;
///
/// let [first, second] = [1, 2].map(|id| ActorIdentity { id, name: "guest".to_owned() });
/// assert_eq!(first.to_string(), "guest");
/// assert_ne!(first, second);
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ActorIdentity {
    /// Its place in the order of spawning: see [`Addr::id`](crate::Addr::id). Nobody else of its system ever has it.
    pub id: usize,
    /// Its name, which others may have too.
    pub name: String,
}

/// Why messages that were accepted are not handled.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ReturnedBecause {
    /// The mailbox was full, and [drops](crate::Overflow) what finds no room, or what has waited longest.
    Overflow,
    /// The actor failed; or, for an [inbox](crate::Context::attach_inbox) that was attached to it, the
    /// incarnation that had attached it was over.
    Failed,
    /// The actor met its deadline.
    Overdue,
    /// Its thread was given up.
    Abandoned,
    /// It was a daemon, and the system came to its end.
    Dismissed,
}

impl Notice {
    /// How loud the log says it.
    #[must_use]
    pub fn level(&self) -> log::Level {
        match self {
            Notice::Started { .. } => log::Level::Debug,
            Notice::Failed { .. }
            | Notice::Abandoned { .. }
            | Notice::Deadlock { .. }
            | Notice::DeadLetterLost { .. } => log::Level::Error,
            Notice::Overdue { .. }
            | Notice::Returned { .. }
            | Notice::Stuck { .. }
            | Notice::Refused { .. }
            | Notice::Absorbed { .. }
            | Notice::Restarting { .. }
            | Notice::TooManyRestarts { .. }
            | Notice::FailedToStop { .. } => log::Level::Warn,
            Notice::NotStarted { .. }
            | Notice::DrainBegan { .. }
            | Notice::Cycle { .. }
            | Notice::Draining { .. }
            | Notice::Waiting { .. }
            | Notice::Ended { .. }
            | Notice::Finished { .. } => log::Level::Info,
        }
    }

    /// The target under which the log has what happens in a system of that name. So several systems of one process can
    /// be told apart, and each can be loud or silent on its own.
    ///
    /// ```
    /// assert_eq!(exeunt::Notice::log_target("words"), "exeunt::words"); // RUST_LOG=exeunt::words=warn
    /// ```
    #[must_use]
    pub fn log_target(system: &str) -> String {
        format!("exeunt::{}", printable(system))
    }
}

impl fmt::Display for ActorIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

/// The listener that is always there.
pub(crate) fn logger(system: &str) -> impl FnMut(&Notice) + Send + 'static {
    let target = Notice::log_target(system);
    move |notice| log::log!(target: &target, notice.level(), "{notice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_has_a_target_of_its_own_below_that_of_all() {
        assert_eq!(Notice::log_target("words"), "exeunt::words");
        assert_eq!(Notice::log_target("two\nlines"), r"exeunt::two\nlines");
    }
}
