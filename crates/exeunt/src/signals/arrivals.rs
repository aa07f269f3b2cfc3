//! How signals arrive, and how they end a process: what is not the same on every platform. Both halves have
//! the same names.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as platform;
#[cfg(windows)]
use windows as platform;

pub(crate) use platform::end_by;
pub(super) use platform::{
    Arrivals, DO_NOT_END, FORBIDDEN, Handle, SIGUSR1, SIGUSR2, arrivals_of_none, own_stderr, raise,
    register_end, signals_in,
};
