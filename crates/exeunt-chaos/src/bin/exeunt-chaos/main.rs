//! Signals at random moments, with faults, against exeunt's own actors; `--help` says how.
//!
//! In the order of reading: [`options`] says what can be asked for; [`child`] is what is started and signalled: its
//! [`topology`], made of [`relay`]s, each of which has its [`conduct`]; [`soak`] is the long run.

#[cfg(all(unix, not(target_os = "openbsd")))]
mod options;
#[cfg(all(unix, not(target_os = "openbsd")))]
mod child;
#[cfg(all(unix, not(target_os = "openbsd")))]
mod topology;
#[cfg(all(unix, not(target_os = "openbsd")))]
mod relay;
#[cfg(all(unix, not(target_os = "openbsd")))]
mod conduct;
#[cfg(all(unix, not(target_os = "openbsd")))]
mod soak;
#[cfg(all(unix, not(target_os = "openbsd")))]
mod program;

#[cfg(all(unix, not(target_os = "openbsd")))]
fn main() -> std::process::ExitCode {
    program::main()
}

#[cfg(not(all(unix, not(target_os = "openbsd"))))]
fn main() -> std::process::ExitCode {
    eprintln!("exeunt-chaos: there are no signals here");
    std::process::ExitCode::FAILURE
}
