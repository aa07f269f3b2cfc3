//! What one step was.

use std::fmt;
use std::time::Duration;

use crate::agenda::Source;
use crate::runner::{Affair, Next};

/// What one [step](super::Stepper::step) was.
///
/// A message that its handler failed on is [`Failed`](Step::Failed), whatever it came from.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a step may have been a failure"]
#[non_exhaustive]
pub enum Step {
    /// There is nothing to do now, or the actor has ended.
    Nothing,
    /// A message from its mailbox was handled.
    Message,
    /// A message from a timer was handled.
    Timer,
    /// A message from a channel or an inbox that it attached was handled.
    Item,
    /// An [answer](crate::Context::ask_then) was taken, or word that there will be none.
    Answer,
    /// Its [`idle`](crate::Actor::idle) hook ran.
    Idle,
    /// A new incarnation has begun: its value was made, and its `started` hook ran.
    Began,
    /// Its incarnation is over, by its own wish, and another is to follow.
    Retired {
        /// After how long.
        after: Duration,
    },
    /// Its incarnation is over, by a failure.
    Failed {
        /// Of what, as the report would say it.
        error: String,
        /// What became of it.
        verdict: Verdict,
    },
    /// It has ended well: the [report](super::Stepper::report) says how.
    Ended,
}

/// What became of an actor that failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// It is restarted.
    Restarts {
        /// After how long.
        after: Duration,
    },
    /// No policy absorbs it: it has ended, and in a system the ordered drain would begin.
    GivesUp,
    /// It has ended, and nobody minds: its policy is [`temporary`](crate::Restart::temporary), or it was
    /// on its way out already.
    Leaves,
}

impl Step {
    /// What it will have been if all goes well.
    pub(super) fn ahead<M>(next: &Next<M>, from: &Source) -> Step {
        match (next, from) {
            (Next::Message(_), Source::Timers) => Step::Timer,
            (Next::Message(_), Source::Input(_)) => Step::Item,
            (Next::Message(_), _) => Step::Message,
            (Next::Affair(Affair::Answer(..)), _) => Step::Answer,
            (Next::Affair(Affair::Idle), _) => Step::Idle,
            _ => Step::Nothing,
        }
    }

    /// Whether anything was done.
    #[must_use]
    pub fn is_something(&self) -> bool {
        *self != Step::Nothing
    }

    /// Whether it was a failure.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self, Step::Failed { .. })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Nothing => f.write_str("nothing to do"),
            Step::Message => f.write_str("a message handled"),
            Step::Timer => f.write_str("a timer's message handled"),
            Step::Item => f.write_str("a channel's message handled"),
            Step::Answer => f.write_str("an answer taken"),
            Step::Idle => f.write_str("idle"),
            Step::Began => f.write_str("begun anew"),
            Step::Retired { after } => write!(f, "ended, to begin anew in {after:?}"),
            Step::Failed { error, verdict: Verdict::Restarts { after } } => {
                write!(f, "failed, to begin anew in {after:?}: {error}")
            }
            Step::Failed { error, .. } => write!(f, "failed: {error}"),
            Step::Ended => f.write_str("ended"),
        }
    }
}
