//! Errors: those of messages give the message back, one type per operation; those of everything
//! else are opaque, name the thing, and answer questions.

use std::error::Error as StdError;
use std::fmt;

/// What a handler, a hook or a task returns.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Any error that a handler, a hook or a task ends with.
///
/// `?` turns every error type that is `Send + 'static` into it, those that carry a message
/// included, though messages need not be `Sync`. Like `anyhow::Error` it is no
/// [`std::error::Error`] itself, since that would rule the conversion out; it turns into a
/// `Box<dyn std::error::Error + Send>`.
///
/// # Examples
///
/// ```
/// fn parse(line: &str) -> exeunt::Result<u32> {
///     if line.is_empty() {
///         return Err(exeunt::Error::msg("an empty line"));
///     }
///     Ok(line.parse()?)
/// }
///
/// assert_eq!(parse("").unwrap_err().to_string(), "an empty line");
/// assert!(parse("x").unwrap_err().downcast_ref::<std::num::ParseIntError>().is_some());
/// ```
pub struct Error {
    source: Box<dyn StdError + Send>,
}

impl Error {
    /// An error that is only a sentence.
    pub fn msg(message: impl fmt::Display) -> Error {
        Error { source: Box::new(Message(message.to_string())) }
    }

    /// The error underneath, if it is an `E`.
    #[must_use]
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        self.source.downcast_ref()
    }

    /// Whether this is [`Interrupted`], or was caused by it: the actor did not fail, it was told
    /// to stop waiting.
    #[must_use]
    pub fn is_interruption(&self) -> bool {
        let mut cause: Option<&(dyn StdError + 'static)> = Some(&*self.source);
        while let Some(error) = cause {
            if error.is::<Interrupted>() {
                return true;
            }
            cause = error.source();
        }
        false
    }
}

impl<E: StdError + Send + 'static> From<E> for Error {
    fn from(source: E) -> Error {
        Error { source: Box::new(source) }
    }
}

impl From<Error> for Box<dyn StdError + Send> {
    fn from(error: Error) -> Self {
        error.source
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.source, f)
    }
}

/// The error, and after colons what caused it, unless it has said so itself.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.source.to_string();
        let mut cause = self.source.source();
        while let Some(error) = cause {
            let more = error.to_string();
            if !text.contains(&more) {
                text.push_str(": ");
                text.push_str(&more);
            }
            cause = error.source();
        }
        f.pad(&text)
    }
}

struct Message(String);

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Message {}

/// A wait was cut short because the actor that waited must stop: it is past its deadline, or, if
/// it is a task that [slept](crate::TaskContext::sleep), its turn has come.
///
/// A task that ends with this error has not failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted: the actor must stop")
    }
}

impl StdError for Interrupted {}

/// Writes what the errors that carry a message have in common: the way back to the message, a
/// `Debug` that does not ask the message for one, and a `Display` per reason.
macro_rules! message_error {
    ($name:ident { $($variant:ident => $text:literal),+ $(,)? }) => {
        impl<M> $name<M> {
            /// The message that was not sent.
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

/// For a send without a time-out.
impl<M> From<SendTimeoutError<M>> for SendError<M> {
    fn from(error: SendTimeoutError<M>) -> SendError<M> {
        match error {
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

/// Why an actor or a task could not be spawned. Says which one. `Debug` is the sentence too: it is what a `main` that
/// returns an error prints.
pub struct SpawnError {
    pub(crate) name: String,
    pub(crate) cause: SpawnCause,
}

#[derive(Debug)]
pub(crate) enum SpawnCause {
    Name,
    Capacity(usize),
    Thread(std::io::Error),
    UnknownName(String),
    Foreign(String),
    Cycle(Vec<String>),
    NotRestartable,
    NoThreads,
    InboxForSeveral,
    ForeignGroup(String),
    Pointless(String),
}

impl SpawnError {
    /// The name of the actor or task.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its mailbox was to have no room at all.
    #[must_use]
    pub fn is_zero_capacity(&self) -> bool {
        matches!(self.cause, SpawnCause::Capacity(0))
    }

    /// The operating system refused the thread.
    #[must_use]
    pub fn is_thread_refused(&self) -> bool {
        matches!(self.cause, SpawnCause::Thread(_))
    }

    /// It was to come after a name that nobody bears.
    #[must_use]
    pub fn is_unknown_name(&self) -> bool {
        matches!(self.cause, SpawnCause::UnknownName(_))
    }

    /// It has a restart policy, or is a pool, but was spawned with one value, or one closure, that cannot
    /// be made anew.
    #[must_use]
    pub fn is_not_restartable(&self) -> bool {
        matches!(self.cause, SpawnCause::NotRestartable)
    }

    /// Something was chosen for it that could never have an effect: it was made
    /// [significant](crate::ActorBuilder::significant) for nobody, or may be
    /// [restarted](crate::Restart::intensity) so often within no time at all.
    #[must_use]
    pub fn is_pointless(&self) -> bool {
        matches!(self.cause, SpawnCause::Pointless(_))
    }

    /// It would close a cycle in the order of the drain that was not declared.
    #[must_use]
    pub fn is_cycle(&self) -> bool {
        matches!(self.cause, SpawnCause::Cycle(_))
    }
}

impl fmt::Debug for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.cause {
            SpawnCause::Name => {
                write!(f, "`{}` cannot name a thread: it holds a NUL", name.escape_debug())
            }
            SpawnCause::Capacity(0) => {
                write!(
                    f,
                    "the mailbox of `{name}` has a capacity of 0: it could never take a message"
                )
            }
            SpawnCause::Capacity(messages) => {
                write!(f, "the mailbox of `{name}` cannot have a capacity of {messages}")
            }
            SpawnCause::Thread(error) => write!(f, "no thread for `{name}`: {error}"),
            SpawnCause::UnknownName(after) => {
                write!(
                    f,
                    "`{name}` is to come after `{after}`, but nobody of that name was spawned before"
                )
            }
            SpawnCause::Foreign(other) => {
                write!(f, "`{name}` feeds `{other}`, which belongs to another system")
            }
            SpawnCause::NotRestartable => {
                write!(
                    f,
                    "`{name}` is to be made more than once, but there is only one of it: say with \
                    `spawn_with` how it is made"
                )
            }
            SpawnCause::NoThreads => write!(f, "the pool `{name}` has no threads"),
            SpawnCause::InboxForSeveral => {
                write!(
                    f,
                    "the threads of `{name}` have mailboxes of their own: an inbox is for one"
                )
            }
            SpawnCause::ForeignGroup(group) => {
                write!(f, "`{name}` cannot be in `{group}`, a group of another system or parent")
            }
            SpawnCause::Pointless(why) => write!(f, "`{name}` asks for what has no effect: {why}"),
            SpawnCause::Cycle(names) => {
                write!(f, "`{name}` closes a cycle, so that no order of the drain is right: ")?;
                for name in names {
                    write!(f, "{name} -> ")?;
                }
                write!(
                    f,
                    "{} (an actor that declares nothing counts as feeding all that were \
                    spawned before it: say `feeds` or `feeds_nothing`)",
                    names.first().unwrap_or(name)
                )
            }
        }
    }
}

impl StdError for SpawnError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.cause {
            SpawnCause::Thread(error) => Some(error),
            _ => None,
        }
    }
}

/// Why an address was not [found](crate::SystemHandle::lookup) by its name.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LookupError {
    /// Nobody of that name is there, or none that is still reachable.
    Unknown {
        /// The name.
        name: String,
    },
    /// There is somebody of that name, but it takes other messages.
    WrongType {
        /// The name.
        name: String,
        /// What it takes.
        takes: &'static str,
        /// What was asked for.
        asked_for: &'static str,
    },
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LookupError::Unknown { name } => write!(f, "nobody called `{name}` takes messages"),
            LookupError::WrongType { name, takes, asked_for } => {
                write!(f, "`{name}` takes messages of type {takes}, not {asked_for}")
            }
        }
    }
}

impl StdError for LookupError {}

/// Why waiting for the end of a system was refused or given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum WaitError {
    /// One of the system's own actors asked; its wait would be one for its own end.
    Inside,
    /// The system had not ended in time.
    Timeout,
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WaitError::Inside => "an actor cannot wait for the end of its own system",
            WaitError::Timeout => "the system has not ended in time",
        })
    }
}

impl StdError for WaitError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m2_a_refusal_prints_without_the_message_printing() {
        struct Silent;
        let error = SendError::Interrupted(Silent);
        assert_eq!(format!("{error:?}"), "Interrupted(..)");
        assert!(Error::from(error).is_interruption());
        let error: Error = AskError::NotSent(SendTimeoutError::Interrupted(Silent)).into();
        assert!(error.is_interruption());
        assert!(!Error::from(TrySendError::Full(Silent)).is_interruption());
    }

    #[test]
    fn an_error_names_its_causes_once() {
        let error = Error::from(SpawnError {
            name: "a".into(),
            cause: SpawnCause::Thread(std::io::Error::other("no memory")),
        });
        assert_eq!(error.to_string(), "no thread for `a`: no memory");
    }
}
