//! Why a message was not sent, or a question not answered.

use std::error::Error as StdError;
use std::fmt;

use super::Interrupted;

/// Writes what the errors that carry a message have in common: the way back to the message, a
/// `Debug` that does not ask the message for one, and a `Display` per reason.
macro_rules! message_error {
    ($name:ident { $($variant:ident => $text:literal),+ $(,)? }) => {
        impl<M> $name<M> {
            /// The message that was not sent.
            #[must_use = "the message is dropped otherwise"]
            pub fn into_message(self) -> M {
                match self { $($name::$variant(message) => message),+ }
            }

            /// The same refusal, of what `change` makes of the message.
            pub fn map<N>(self, change: impl FnOnce(M) -> N) -> $name<N> {
                match self { $($name::$variant(message) => $name::$variant(change(message))),+ }
            }
        }

        impl<M> fmt::Debug for $name<M> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $($name::$variant(_) => f.write_str(concat!(stringify!($variant), "(..)"))),+
                }
            }
        }

        impl<M> fmt::Display for $name<M> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { $($name::$variant(_) => f.write_str($text)),+ }
            }
        }
    };
}

/// Why [`Addr::send`](crate::Addr::send) was refused, with the message.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError<M> {
    /// The mailbox was full, and [refuses](crate::Overflow) what finds no room.
    Full(M),
    /// The mailbox no longer takes messages: its actor's turn has come, or it has ended.
    Closed(M),
    /// The mailbox was full, and the *sending* actor is past its own deadline.
    Interrupted(M),
    /// The mailbox was full, and it is the sending actor's own: waiting would never end.
    Deadlock(M),
    /// The message was urgent, and the actor has no [lane](crate::ActorBuilder::urgent) for such.
    NoLane(M),
}

message_error!(SendError {
    Full => "the mailbox is full",
    Closed => "the mailbox is closed",
    Interrupted => "the mailbox is full and the sender must stop",
    Deadlock => "the mailbox is full and is the sender's own",
    NoLane => "the mailbox has no urgent lane",
});

impl<M> StdError for SendError<M> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            SendError::Interrupted(_) => Some(&Interrupted),
            _ => None,
        }
    }
}

/// Why [`Addr::try_send`](crate::Addr::try_send) was refused, with the message.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrySendError<M> {
    /// There is no room now.
    Full(M),
    /// The mailbox no longer takes messages: its actor's turn has come, or it has ended.
    Closed(M),
    /// The message was urgent, and the actor has no [lane](crate::ActorBuilder::urgent) for such.
    NoLane(M),
}

message_error!(TrySendError {
    Full => "the mailbox is full",
    Closed => "the mailbox is closed",
    NoLane => "the mailbox has no urgent lane",
});

impl<M> StdError for TrySendError<M> {}

/// Why [`Addr::send_timeout`](crate::Addr::send_timeout) was refused, with the message.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendTimeoutError<M> {
    /// The mailbox was full, and [refuses](crate::Overflow) what finds no room.
    Full(M),
    /// The mailbox stayed full for the whole time.
    Timeout(M),
    /// The mailbox no longer takes messages: its actor's turn has come, or it has ended.
    Closed(M),
    /// The mailbox was full, and the *sending* actor is past its own deadline.
    Interrupted(M),
    /// The mailbox was full, and it is the sending actor's own: waiting would never end.
    Deadlock(M),
}

message_error!(SendTimeoutError {
    Full => "the mailbox is full",
    Timeout => "the mailbox stayed full for too long",
    Closed => "the mailbox is closed",
    Interrupted => "the mailbox is full and the sender must stop",
    Deadlock => "the mailbox is full and is the sender's own",
});

impl<M> SendTimeoutError<M> {
    /// The refusal of a send that had no time-out. No conversion for everybody: what `?` made of a time-out
    /// that there was would not be true.
    pub(crate) fn without_a_timeout(self) -> SendError<M> {
        match self {
            SendTimeoutError::Full(message) => SendError::Full(message),
            SendTimeoutError::Interrupted(message) => SendError::Interrupted(message),
            SendTimeoutError::Deadlock(message) => SendError::Deadlock(message),
            SendTimeoutError::Closed(message) | SendTimeoutError::Timeout(message) => {
                SendError::Closed(message)
            }
        }
    }
}

impl<M> StdError for SendTimeoutError<M> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            SendTimeoutError::Interrupted(_) => Some(&Interrupted),
            _ => None,
        }
    }
}

/// Why an [ask](crate::Addr::ask) ended without an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AskError<M> {
    /// The question was not accepted; here it is.
    NotSent(SendTimeoutError<M>),
    /// The question was accepted, and its [`Reply`](crate::Reply) dropped unused: the handler
    /// failed on it, or the message was returned, or the actor chose not to answer.
    Unanswered,
    /// The question was accepted, and the asked actor ended, or was abandoned, before an answer.
    Ended,
    /// The question was accepted, and the deadline of the ask passed.
    Timeout,
    /// The question was accepted, and the *asking* actor is past its own deadline.
    Interrupted,
    /// The asked actor is the asking one: it cannot answer while it waits.
    Deadlock,
}

impl<M> AskError<M> {
    /// The question, if it was not accepted.
    #[must_use = "the question is dropped otherwise"]
    pub fn into_message(self) -> Option<M> {
        match self {
            AskError::NotSent(refusal) => Some(refusal.into_message()),
            _ => None,
        }
    }
}

impl<M> fmt::Debug for AskError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AskError::NotSent(error) => f.debug_tuple("NotSent").field(error).finish(),
            AskError::Unanswered => f.write_str("Unanswered"),
            AskError::Ended => f.write_str("Ended"),
            AskError::Timeout => f.write_str("Timeout"),
            AskError::Interrupted => f.write_str("Interrupted"),
            AskError::Deadlock => f.write_str("Deadlock"),
        }
    }
}

impl<M> fmt::Display for AskError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AskError::NotSent(error) => write!(f, "the question was not sent: {error}"),
            AskError::Unanswered => f.write_str("the question was dropped unanswered"),
            AskError::Ended => f.write_str("the asked actor ended before it answered"),
            AskError::Timeout => f.write_str("no answer came in time"),
            AskError::Interrupted => f.write_str("no answer came before the asker had to stop"),
            AskError::Deadlock => f.write_str("an actor asked itself"),
        }
    }
}

impl<M> StdError for AskError<M> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            AskError::Interrupted | AskError::NotSent(SendTimeoutError::Interrupted(_)) => {
                Some(&Interrupted)
            }
            _ => None,
        }
    }
}
