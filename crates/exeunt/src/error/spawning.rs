//! Why an actor or a task was not spawned.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::pool::MOST_THREADS;

/// Why an actor or a task could not be spawned, or a group not be made. Says which one. `Debug` is the sentence too: it is what a `main` that
/// returns an error prints.
///
/// ```
/// use exeunt::System;
///
/// let mut system = System::new("errors");
/// let error = system.task("report").after("import").spawn(|_cx| Ok(())).unwrap_err();
/// assert!(error.is_unknown_name());
/// assert_eq!(
///     error.to_string(),
///     "`report` is to come after `import`, but no actor or task of that name was spawned before"
/// );
/// ```
pub struct SpawnError {
    pub(crate) name: Arc<str>,
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
    Threads(usize),
    InboxForSeveral,
    ForeignGroup(String),
    Pointless(String),
}

impl SpawnError {
    /// The name of the actor, the task or the group.
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

    /// It is a pool of no threads, or of more than there can be of use.
    #[must_use]
    pub fn is_wrong_number_of_threads(&self) -> bool {
        matches!(self.cause, SpawnCause::Threads(_))
    }

    /// It was to come after a name that nothing before it has.
    #[must_use]
    pub fn is_unknown_name(&self) -> bool {
        matches!(self.cause, SpawnCause::UnknownName(_))
    }

    /// It has a restart policy, or is a pool of more than one thread, but was spawned with one value, or one closure,
    /// that cannot be made anew.
    #[must_use]
    pub fn is_not_restartable(&self) -> bool {
        matches!(self.cause, SpawnCause::NotRestartable)
    }

    /// Something was chosen for it that could never have an effect: it was made
    /// [significant](crate::ActorBuilder::significant) in vain, may be [restarted](crate::Restart::intensity) so often
    /// within no time at all, or has a [capacity](crate::ActorBuilder::capacity), an overflow or a dead-letter hook beside
    /// an [inbox](crate::ActorBuilder::inbox) with its own.
    #[must_use]
    pub fn is_pointless(&self) -> bool {
        matches!(self.cause, SpawnCause::Pointless(_))
    }

    /// It was to [feed](crate::ActorBuilder::feeds) an actor of another system, or to be in a
    /// [group](crate::Group) of another system or parent.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        matches!(self.cause, SpawnCause::Foreign(_) | SpawnCause::ForeignGroup(_))
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
                    "`{name}` is to come after `{after}`, but no actor or task of that name was spawned before"
                )
            }
            SpawnCause::Foreign(other) => {
                write!(f, "`{name}` feeds `{other}`, which belongs to another system")
            }
            SpawnCause::NotRestartable => {
                write!(
                    f,
                    "`{name}` is to be made more than once, but was given as one value: use `spawn_with`, \
                    which can make it anew"
                )
            }
            SpawnCause::Threads(0) => write!(f, "the pool `{name}` has no threads"),
            SpawnCause::Threads(threads) => {
                write!(
                    f,
                    "the pool `{name}` would have {threads} threads, and {MOST_THREADS} are the most"
                )
            }
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
                    names.first().map_or(&**name, String::as_str)
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
