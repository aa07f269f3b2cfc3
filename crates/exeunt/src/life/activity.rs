//! What an actor is doing, in words.

use std::fmt;

/// What an actor is doing, as far as it is worth a word.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) enum Activity {
    #[default]
    Starting,
    Working,
    Performing,
    Sending(Other),
    Asking(Other),
    Awaiting(Other),
    Sleeping,
    Idling,
    AwaitingChildren,
    Resting,
    Stopping,
    Returning,
    Dropping,
}

/// Somebody whom an actor waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Other {
    pub(crate) name: String,
    /// Its place in the order of spawning, if it is of the same system.
    pub(crate) index: Option<usize>,
}

impl fmt::Display for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.name)
    }
}

impl Activity {
    /// Whether our own code waits there, with nothing of the user's running.
    pub(super) fn is_a_wait(&self) -> bool {
        matches!(self, Activity::AwaitingChildren | Activity::Resting)
    }

    pub(super) fn is_for_somebody(&self) -> bool {
        matches!(self, Activity::Sending(_) | Activity::Asking(_) | Activity::Awaiting(_))
    }
}

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Activity::Starting => f.write_str("starting"),
            Activity::Working => f.write_str("in its handler"),
            Activity::Performing => f.write_str("in its loop"),
            Activity::Sending(to) => write!(f, "sending to {to}"),
            Activity::Asking(whom) => write!(f, "asking {whom}"),
            Activity::Awaiting(whom) => write!(f, "waiting for the end of {whom}"),
            Activity::Sleeping => f.write_str("sleeping"),
            Activity::Idling => f.write_str("in its `idle` hook"),
            Activity::AwaitingChildren => f.write_str("waiting for its children to leave"),
            Activity::Resting => f.write_str("waiting to begin anew"),
            Activity::Stopping => f.write_str("in its `stopped` hook"),
            Activity::Returning => f.write_str("in its dead-letter hook"),
            Activity::Dropping => f.write_str("dropping its value"),
        }
    }
}
