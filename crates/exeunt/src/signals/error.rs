//! [`SignalError`]: why signals could not be installed.

use std::fmt;
use std::io;

use crate::report::Signal;
use crate::system::SystemHandle;

/// Why signals could not be installed. `Debug` is the sentence too: it is what a `main` that returns an error prints.
pub struct SignalError(pub(super) Cause);

pub(super) enum Cause {
    Owned(SystemHandle),
    None(SystemHandle),
    Unfit(Signal),
    NoSnapshot(Signal),
    Signal(Signal, io::Error),
    System(io::Error),
}

impl SignalError {
    /// A system of this process has the signals already.
    #[must_use]
    pub fn is_owned(&self) -> bool {
        matches!(self.0, Cause::Owned(_))
    }

    /// This system has the signals already.
    #[must_use]
    pub fn is_owned_by(&self, handle: &SystemHandle) -> bool {
        matches!(&self.0, Cause::Owned(owner) if owner == handle)
    }
}

impl fmt::Debug for SignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::Owned(owner) => {
                write!(
                    f,
                    "the system `{}` of this process has the signals already; run another one \
                    without them, by `System::wait`",
                    owner.name()
                )
            }
            Cause::None(system) => {
                write!(
                    f,
                    "no signal was chosen for the system `{}`; to run it without any, use \
                    `System::wait`",
                    system.name()
                )
            }
            Cause::Unfit(signal) => {
                write!(
                    f,
                    "{signal} cannot begin a drain: it cannot be handled, or a second one \
                    would not end the process"
                )
            }
            Cause::NoSnapshot(signal) => {
                write!(
                    f,
                    "{signal} cannot print the snapshot: it cannot be handled, or it begins the \
                    drain already"
                )
            }
            Cause::Signal(signal, error) => write!(f, "{signal} cannot be handled: {error}"),
            Cause::System(error) => write!(f, "the signals cannot be handled: {error}"),
        }
    }
}

impl std::error::Error for SignalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Cause::Signal(_, error) | Cause::System(error) => Some(error),
            Cause::Owned(_) | Cause::None(_) | Cause::Unfit(_) | Cause::NoSnapshot(_) => None,
        }
    }
}
