//! On Unix they arrive by signal-hook.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts as number;
pub(in crate::signals) use signal_hook::consts::{FORBIDDEN, SIGUSR1, SIGUSR2};
pub(in crate::signals) use signal_hook::iterator::{Handle, Signals as Arrivals};
use signal_hook::{flag, low_level};

use crate::report::Signal;

/// Signals whose default effect does not end a process, so that a second one could not either.
pub(in crate::signals) const DO_NOT_END: &[i32] = &[
    number::SIGCHLD,
    number::SIGCONT,
    number::SIGURG,
    number::SIGWINCH,
    number::SIGTSTP,
    number::SIGTTIN,
    number::SIGTTOU,
];

/// Their handle listens for more.
pub(in crate::signals) fn arrivals_of_none() -> io::Result<Arrivals> {
    Arrivals::new([0_i32; 0])
}

/// Registers what the signal does while its flag is up.
pub(in crate::signals) fn register_end(signal: i32, flag: Arc<AtomicBool>) -> io::Result<()> {
    if std::process::id() == 1 {
        flag::register_conditional_shutdown(signal, 128 + signal, flag)?;
    } else {
        flag::register_conditional_default(signal, flag)?;
    }
    Ok(())
}

pub(in crate::signals) fn raise(signal: i32) {
    let _ = low_level::raise(signal);
}

/// Ends the process by the signal. Comes back only if it is not one that ends a process.
pub(crate) fn end_by(signal: Signal) {
    let _ = low_level::emulate_default_handler(signal.0);
}

/// One of the sets in `/proc/thread-self/status` (proc(5)): bit n - 1 stands for signal n. Nothing
/// where there is no such file.
pub(in crate::signals) fn signals_in(set: &str) -> u64 {
    std::fs::read_to_string("/proc/thread-self/status")
        .ok()
        .and_then(|status| {
            let mask = status.lines().find_map(|line| line.strip_prefix(set))?;
            u64::from_str_radix(mask.trim(), 16).ok()
        })
        .unwrap_or(0)
}

/// Standard error, without the lock of the standard library's handle.
pub(in crate::signals) fn own_stderr() -> io::Result<File> {
    Ok(File::from(io::stderr().as_fd().try_clone_to_owned()?))
}
