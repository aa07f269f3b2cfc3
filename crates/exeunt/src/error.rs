//! Errors: those of messages give the message back, one type per operation; those of everything
//! else are opaque, name the thing, and answer questions.

use std::error::Error as StdError;
use std::fmt;

pub use sending::{AskError, SendError, SendTimeoutError, TrySendError};
pub(crate) use spawning::SpawnCause;
pub use spawning::SpawnError;

mod sending;
mod spawning;

/// What a handler, a hook or a task returns.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Any error that a handler, a hook or a task ends with.
///
/// `?` turns every error type that is `Send + 'static` into it, those that carry a message
/// included, though messages need not be `Sync`. So it is not `Sync` itself. A `String` is no error type;
/// [`msg`](Error::msg) makes one of it. Like `anyhow::Error` it is no [`std::error::Error`] itself, since that would rule
/// the conversion out; `?` turns it into a `Box<dyn std::error::Error>`, with or without `+ Send`. Where `+ Sync` is asked
/// for, as by `anyhow::Error`, its sentence goes on.
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
/// // What a `main` prints that returns it:
/// assert_eq!(format!("{:?}", parse("").unwrap_err()), "an empty line");
///
/// fn shared(line: &str) -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
///     Ok(parse(line).map_err(|error| error.to_string())?)
/// }
/// assert_eq!(shared("").unwrap_err().to_string(), "an empty line");
/// ```
pub struct Error {
    source: Box<dyn StdError + Send>,
}

impl Error {
    /// An error that is only a sentence.
    pub fn msg(message: impl fmt::Display) -> Error {
        Error { source: Box::new(Message(message.to_string())) }
    }

    /// The error in a box, for what `?` does not take: `Box<dyn Error + Send + Sync>`, and an error of
    /// `anyhow` or `eyre`, which turns into one.
    ///
    /// ```
    /// fn of_another_library() -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
    ///     Ok("x".parse()?)
    /// }
    ///
    /// fn handle() -> exeunt::Result {
    ///     of_another_library().map_err(|error| exeunt::Error::from_boxed(error))?;
    ///     Ok(())
    /// }
    ///
    /// let error = handle().unwrap_err();
    /// assert!(error.downcast_ref::<std::num::ParseIntError>().is_some());
    /// ```
    #[must_use]
    pub fn from_boxed(source: Box<dyn StdError + Send>) -> Error {
        Error { source }
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

impl From<Error> for Box<dyn StdError> {
    fn from(error: Error) -> Self {
        error.source
    }
}

/// The sentence too: it is what a `main` that returns an error prints.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
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

/// A wait was cut short because the actor that waited must stop: it is past its deadline; or others of
/// its [group](crate::Group), which are to begin anew with it, have waited for too long; or, if it is a
/// task that [slept](crate::TaskContext::sleep), its turn has come.
///
/// A task that ends with this error has not failed. If an actor's handler ends with it, its message counts as failed,
/// and the actor as overdue. So `?` is right for it in both.
///
/// ```
/// use std::time::Duration;
/// use exeunt::{Ended, Interrupted, System};
///
/// let mut system = System::new("nap");
/// let nap = system.spawn_task("nap", |cx| {
///     assert_eq!(cx.sleep(Duration::from_secs(3600)), Err(Interrupted));
///     Err(Interrupted.into())
/// });
/// nap.stop();
/// assert_eq!(nap.wait()?.ended, Ended::Completed);
/// # Ok::<(), exeunt::WaitError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted: the actor must stop")
    }
}

impl StdError for Interrupted {}

/// Why no address was [found](crate::SystemHandle::lookup) by a name, with an example of each there.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LookupError {
    /// There is no actor of that name, or none that is still reachable.
    #[non_exhaustive]
    Unknown {
        /// The name.
        name: String,
    },
    /// There is an actor of that name, but it takes other messages.
    #[non_exhaustive]
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
            LookupError::Unknown { name } => write!(f, "no actor called `{name}` can be reached"),
            LookupError::WrongType { name, takes, asked_for } => {
                write!(f, "`{name}` takes messages of type {takes}, not {asked_for}")
            }
        }
    }
}

impl StdError for LookupError {}

/// Why waiting for the end of [an actor or a task](crate::ActorHandle::wait) or
/// [of a system](crate::SystemHandle::wait) was refused or given up.
///
/// ```
/// use std::time::Duration;
/// use exeunt::{System, WaitError};
///
/// let mut system = System::new("errors");
/// let forever = system.spawn_task("forever", |cx| { cx.stopping().wait(); Ok(()) });
/// assert_eq!(forever.wait_timeout(Duration::from_millis(1)), Err(WaitError::Timeout));
/// let (nobody, _inbox) = exeunt::mailbox::<u32>(1);
/// assert_eq!(nobody.wait(), Err(WaitError::NotSpawned));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum WaitError {
    /// The wait would be for the waiter's own end: an actor's for itself, or for those that wait for it to leave:
    /// its pool, those above it, and its system.
    Inside,
    /// The end had not come in time.
    Timeout,
    /// The actor that waits must stop.
    Interrupted,
    /// No actor was spawned for the address, or the task was not started, so that there is no end to wait for.
    NotSpawned,
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WaitError::Inside => {
                "an actor cannot wait for its own end, nor for that of its pool, its system or an actor above it, \
                which wait for it to leave"
            }
            WaitError::Timeout => "the end has not come in time",
            WaitError::Interrupted => "the end has not come before the waiter had to stop",
            WaitError::NotSpawned => "it was not spawned: there is no end to wait for",
        })
    }
}

impl StdError for WaitError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            WaitError::Interrupted => Some(&Interrupted),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m2_a_refusal_prints_without_the_message_printing() {
        struct Silent;
        let error = SendError::Interrupted(Silent, "sink".into());
        assert_eq!(format!("{error:?}"), "Interrupted(.., \"sink\")");
        assert_eq!(error.to_string(), "the mailbox of `sink` is full and the sender must stop");
        assert!(Error::from(error).is_interruption());
        let error: Error =
            AskError::NotSent(SendTimeoutError::Interrupted(Silent, "sink".into())).into();
        assert!(error.is_interruption());
        assert!(!Error::from(TrySendError::Full(Silent, "sink".into())).is_interruption());
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
