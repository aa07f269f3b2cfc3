//! Why a message was not sent, or a question not answered.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use super::Interrupted;

/// Writes what the errors that carry a message have in common: the way back to the message, whose mailbox it was, a
/// `Debug` that does not ask the message for one, and a `Display` per reason.
macro_rules! message_error {
    ($name:ident { $($variant:ident => $text:literal),+ $(,)? }) => {
        impl<M> $name<M> {
            /// The message that was not sent.
            #[must_use = "the message is dropped otherwise"]
            pub fn into_message(self) -> M {
                match self { $($name::$variant(message, _) => message),+ }
            }

            /// The [name](crate::Addr::name) of the actor that it was sent to.
            #[must_use]
            pub fn name(&self) -> &str {
                match self { $($name::$variant(_, name) => name),+ }
            }

            /// There was no room: the message may be sent again later.
            #[must_use]
            pub fn is_full(&self) -> bool {
                matches!(self, $name::Full(..))
            }

            /// The mailbox takes no more messages: to send it again is in vain.
            #[must_use]
            pub fn is_closed(&self) -> bool {
                matches!(self, $name::Closed(..))
            }

            /// The same refusal, of what `change` makes of the message.
            pub fn map<N>(self, change: impl FnOnce(M) -> N) -> $name<N> {
                match self {
                    $($name::$variant(message, name) => $name::$variant(change(message), name)),+
                }
            }
        }

        impl<M> fmt::Debug for $name<M> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $($name::$variant(_, name) => {
                        write!(f, concat!(stringify!($variant), "(.., {:?})"), name)
                    }),+
                }
            }
        }

        impl<M> fmt::Display for $name<M> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { $($name::$variant(_, name) => write!(f, $text, name)),+ }
            }
        }
    };
}

/// Why [`Addr::send`](crate::Addr::send) was refused, with the message, and the name of the actor that it was sent to.
///
/// The name is shared, and only cloned for a refusal: a send that is accepted pays nothing for it.
///
/// ```
/// use exeunt::{SendError, System};
/// # use exeunt::{Actor, Context};
/// # struct Idle;
/// # impl Actor for Idle {
/// #     type Msg = u32;
/// #     fn handle(&mut self, _: u32, _cx: &mut Context<Self>) -> exeunt::Result { Ok(()) }
/// # }
///
/// let mut system = System::new("errors");
/// let idle = system.spawn("idle", Idle);
/// drop(system); // it has ended, though its address is still here
/// let refusal = idle.send(7).unwrap_err();
/// assert_eq!(refusal.to_string(), "the mailbox of `idle` is closed");
/// match refusal {
///     SendError::Closed(message, whose) => assert_eq!((message, &*whose), (7, "idle")),
///     other => panic!("{other}"),
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError<M> {
    /// The mailbox was full, and [refuses](crate::Overflow) what finds no room.
    Full(M, Arc<str>),
    /// The mailbox no longer takes messages: its actor's turn has come, or it has ended.
    Closed(M, Arc<str>),
    /// The mailbox was full, and the *sending* actor is past its own deadline.
    Interrupted(M, Arc<str>),
    /// The mailbox was full, and it is the sending actor's own: waiting would never end.
    Deadlock(M, Arc<str>),
    /// The message was urgent, and the actor has no [lane](crate::ActorBuilder::urgent) for urgent
    /// ones.
    NoLane(M, Arc<str>),
}

message_error!(SendError {
    Full => "the mailbox of `{}` is full",
    Closed => "the mailbox of `{}` is closed",
    Interrupted => "the mailbox of `{}` is full and the sender must stop",
    Deadlock => "the mailbox of `{}` is full and is the sender's own: waiting would never end",
    NoLane => "the mailbox of `{}` has no urgent lane (`urgent` of its builder opens one)",
});

impl<M> StdError for SendError<M> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            SendError::Interrupted(..) => Some(&Interrupted),
            _ => None,
        }
    }
}

/// Why [`Addr::try_send`](crate::Addr::try_send) was refused, with the message, and the name of the actor that it was sent to.
///
/// ```
/// use exeunt::TrySendError;
///
/// let (addr, inbox) = exeunt::mailbox::<&str>(1);
/// assert_eq!(addr.try_send("a letter"), Ok(()));
/// assert!(matches!(addr.try_send("another"), Err(TrySendError::Full("another", _))));
/// drop(inbox);
/// assert!(addr.try_send("a third").unwrap_err().is_closed());
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrySendError<M> {
    /// There is no room now.
    Full(M, Arc<str>),
    /// The mailbox no longer takes messages: its actor's turn has come, or it has ended.
    Closed(M, Arc<str>),
    /// The message was urgent, and the actor has no [lane](crate::ActorBuilder::urgent) for urgent
    /// ones.
    NoLane(M, Arc<str>),
}

message_error!(TrySendError {
    Full => "the mailbox of `{}` is full",
    Closed => "the mailbox of `{}` is closed",
    NoLane => "the mailbox of `{}` has no urgent lane (`urgent` of its builder opens one)",
});

impl<M> StdError for TrySendError<M> {}

/// Why [`Addr::send_timeout`](crate::Addr::send_timeout) was refused, with the message, and the name of the actor that it was sent to.
///
/// ```
/// use std::time::Duration;
/// use exeunt::SendTimeoutError;
///
/// let (addr, _inbox) = exeunt::mailbox::<&str>(1);
/// assert_eq!(addr.send_timeout("a letter", Duration::from_millis(1)), Ok(()));
/// let refusal = addr.send_timeout("another", Duration::from_millis(1)).unwrap_err();
/// assert!(refusal.is_timeout() && !refusal.is_full());
/// assert_eq!(refusal.into_message(), "another");
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendTimeoutError<M> {
    /// The mailbox was full, and [refuses](crate::Overflow) what finds no room.
    Full(M, Arc<str>),
    /// The mailbox stayed full for the whole time.
    Timeout(M, Arc<str>),
    /// The mailbox no longer takes messages: its actor's turn has come, or it has ended.
    Closed(M, Arc<str>),
    /// The mailbox was full, and the *sending* actor is past its own deadline.
    Interrupted(M, Arc<str>),
    /// The mailbox was full, and it is the sending actor's own: waiting would never end.
    Deadlock(M, Arc<str>),
}

message_error!(SendTimeoutError {
    Full => "the mailbox of `{}` is full",
    Timeout => "the mailbox of `{}` stayed full for too long",
    Closed => "the mailbox of `{}` is closed",
    Interrupted => "the mailbox of `{}` is full and the sender must stop",
    Deadlock => "the mailbox of `{}` is full and is the sender's own: waiting would never end",
});

impl<M> SendTimeoutError<M> {
    /// The mailbox stayed full for the whole time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, SendTimeoutError::Timeout(..))
    }

    /// The refusal of a send that had no time-out. It is not a `From`: where there was a time-out, what `?` made of it
    /// would not be true.
    pub(crate) fn without_a_timeout(self) -> SendError<M> {
        match self {
            SendTimeoutError::Full(message, name) => SendError::Full(message, name),
            SendTimeoutError::Interrupted(message, name) => SendError::Interrupted(message, name),
            SendTimeoutError::Deadlock(message, name) => SendError::Deadlock(message, name),
            SendTimeoutError::Closed(message, name) | SendTimeoutError::Timeout(message, name) => {
                SendError::Closed(message, name)
            }
        }
    }
}

impl<M> StdError for SendTimeoutError<M> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            SendTimeoutError::Interrupted(..) => Some(&Interrupted),
            _ => None,
        }
    }
}

/// Why an [ask](crate::Addr::ask) ended without an answer, and the name of the actor that was asked.
///
/// ```
/// use exeunt::{Actor, AskError, Context, Reply, System};
///
/// struct Oracle;
/// impl Actor for Oracle {
///     type Msg = Reply<u32>;
///     fn handle(&mut self, _: Reply<u32>, _cx: &mut Context<Self>) -> exeunt::Result {
///         Ok(()) // and the reply is dropped
///     }
/// }
///
/// let mut system = System::new("delphi");
/// let oracle = system.spawn("oracle", Oracle);
/// let silence = oracle.ask(|reply| reply).unwrap_err();
/// assert!(matches!(silence, AskError::Unanswered(_)));
/// assert_eq!(silence.to_string(), "the question to `oracle` was dropped unanswered");
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AskError<M> {
    /// The question was not accepted; here it is.
    NotSent(SendTimeoutError<M>),
    /// The question was accepted, and its [`Reply`](crate::Reply) dropped unused: the handler
    /// failed on it, or the message was returned, or the actor chose not to answer.
    Unanswered(Arc<str>),
    /// The question was accepted, and the asked actor ended, or was abandoned, before an answer. Or it has come to the
    /// end of an incarnation, and waits for its children to leave, and the asking actor is among them.
    Ended(Arc<str>),
    /// The question was accepted, and the deadline of the ask passed.
    Timeout(Arc<str>),
    /// The question was accepted, and the *asking* actor is past its own deadline.
    Interrupted(Arc<str>),
    /// The asked actor is the asking one: it cannot answer while it waits. The question was not sent; here it is.
    Deadlock(M, Arc<str>),
}

impl<M> AskError<M> {
    /// The question, if it was not accepted.
    #[must_use = "the question is dropped otherwise"]
    pub fn into_message(self) -> Option<M> {
        match self {
            AskError::NotSent(refusal) => Some(refusal.into_message()),
            AskError::Deadlock(message, _) => Some(message),
            _ => None,
        }
    }

    /// The deadline of the ask passed, be it before there was room for the question or before there was an answer.
    ///
    /// ```
    /// use std::time::Duration;
    /// use exeunt::Reply;
    ///
    /// let (nobody, _inbox) = exeunt::mailbox::<Reply<u32>>(1);
    /// let waited_for_an_answer = nobody.ask_timeout(|reply| reply, Duration::from_millis(1)).unwrap_err();
    /// let waited_for_room = nobody.ask_timeout(|reply| reply, Duration::from_millis(1)).unwrap_err();
    /// assert!(waited_for_an_answer.is_timeout() && waited_for_room.is_timeout());
    /// assert!(waited_for_an_answer.into_message().is_none() && waited_for_room.into_message().is_some());
    /// ```
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        match self {
            AskError::NotSent(refusal) => refusal.is_timeout(),
            AskError::Timeout(_) => true,
            _ => false,
        }
    }

    /// The [name](crate::Addr::name) of the actor that was asked.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            AskError::NotSent(refusal) => refusal.name(),
            AskError::Unanswered(name)
            | AskError::Ended(name)
            | AskError::Timeout(name)
            | AskError::Interrupted(name)
            | AskError::Deadlock(_, name) => name,
        }
    }
}

impl<M> fmt::Debug for AskError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (reason, name) = match self {
            AskError::NotSent(error) => return f.debug_tuple("NotSent").field(error).finish(),
            AskError::Unanswered(name) => ("Unanswered", name),
            AskError::Ended(name) => ("Ended", name),
            AskError::Timeout(name) => ("Timeout", name),
            AskError::Interrupted(name) => ("Interrupted", name),
            AskError::Deadlock(_, name) => return write!(f, "Deadlock(.., {name:?})"),
        };
        f.debug_tuple(reason).field(name).finish()
    }
}

impl<M> fmt::Display for AskError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AskError::NotSent(error) => write!(f, "the question was not sent: {error}"),
            AskError::Unanswered(name) => {
                write!(f, "the question to `{name}` was dropped unanswered")
            }
            AskError::Ended(name) => write!(f, "`{name}` ended before it answered"),
            AskError::Timeout(name) => write!(f, "no answer of `{name}` came in time"),
            AskError::Interrupted(name) => {
                write!(f, "no answer of `{name}` came before the asker had to stop")
            }
            AskError::Deadlock(_, name) => {
                write!(f, "`{name}` asked itself: it cannot answer while it waits")
            }
        }
    }
}

impl<M> StdError for AskError<M> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            AskError::Interrupted(_) | AskError::NotSent(SendTimeoutError::Interrupted(..)) => {
                Some(&Interrupted)
            }
            _ => None,
        }
    }
}
