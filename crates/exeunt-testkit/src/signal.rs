//! Signals by their names, how they are sent, and what a process does of them.

use std::fs;
use std::io;
use std::process::Command;

use exeunt::Signal;
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal as Named, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};

/// The terminal hung up; by custom, "read your configuration again".
pub const SIGHUP: Signal = Signal(Named::HUP.as_raw());
/// Ctrl-C.
pub const SIGINT: Signal = Signal(Named::INT.as_raw());
/// Ctrl-\\.
pub const SIGQUIT: Signal = Signal(Named::QUIT.as_raw());
/// Ends a process that cannot say anything to it.
pub const SIGKILL: Signal = Signal(Named::KILL.as_raw());
/// What service managers and `kill` send: please end.
pub const SIGTERM: Signal = Signal(Named::TERM.as_raw());
/// Of the program's choice.
pub const SIGUSR1: Signal = Signal(Named::USR1.as_raw());
/// Of the program's choice.
pub const SIGUSR2: Signal = Signal(Named::USR2.as_raw());
/// Stops a process, which cannot prevent it, until [`SIGCONT`].
pub const SIGSTOP: Signal = Signal(Named::STOP.as_raw());
/// Lets a stopped process go on.
pub const SIGCONT: Signal = Signal(Named::CONT.as_raw());

/// Who is meant.
#[derive(Clone, Copy, Debug)]
pub(crate) enum To {
    Process(Pid),
    Group(Pid),
}

pub(crate) fn send(signal: Signal, to: To) -> io::Result<()> {
    match (Named::from_named_raw(signal.0), to) {
        (Some(named), To::Process(pid)) => Ok(kill_process(pid, named)?),
        (Some(named), To::Group(leader)) => Ok(kill_process_group(leader, named)?),
        (None, To::Process(pid)) => send_by_number(signal, &pid.to_string()),
        (None, To::Group(leader)) => send_by_number(signal, &format!("-{leader}")),
    }
}

/// Real-time signals have no names, and to make one of a bare number is unsafe in Rust, since the
/// C library keeps some for itself. A shell can.
fn send_by_number(signal: Signal, target: &str) -> io::Result<()> {
    let number = signal.0.to_string();
    let output = Command::new("sh").args(["-c", "kill -$0 $1", &number, target]).output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
    }
}

/// Whether a child has ended, without taking its status: until that is taken, neither its number
/// nor that of its group is given to another.
pub(crate) fn has_ended(child: Pid) -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    match waitid(WaitId::Pid(child), look) {
        Ok(ended) => ended.is_some(),
        // Somebody else in the test has taken it.
        Err(error) => error == Errno::CHILD,
    }
}

/// Whether this process ignores a signal that a child would then ignore too, as in a test run that
/// a script started in the background. `SIGPIPE` is not meant: every Rust program ignores it, and
/// gives its children the default.
pub(crate) fn ignores_any() -> bool {
    mask("self", "SigIgn:").is_some_and(|mask| mask & !bit(Signal(Named::PIPE.as_raw())) != 0)
}

/// Whether a process has a handler for a signal, where the system tells (Linux does).
pub(crate) fn is_caught(pid: Pid, signal: Signal) -> Option<bool> {
    Some(mask(&pid.to_string(), "SigCgt:")? & bit(signal) != 0)
}

fn bit(signal: Signal) -> u64 {
    u32::try_from(signal.0 - 1).ok().and_then(|place| 1_u64.checked_shl(place)).unwrap_or(0)
}

/// One of the signal masks of a process.
fn mask(process: &str, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix(name))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_none_has_no_place_in_a_mask() {
        assert_eq!(bit(Signal(1)), 1);
        assert_eq!(bit(Signal(64)), 1 << 63);
        assert_eq!([bit(Signal(0)), bit(Signal(-1)), bit(Signal(65))], [0; 3]);
        assert_eq!(bit(Signal(i32::MIN + 1)), 0);
    }
}
