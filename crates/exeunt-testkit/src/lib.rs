//! For the tests of [`exeunt`]'s actors and programs: wait on facts, and fail instead of hanging.
//!
//! # The test of an actor
//!
//! An actor is tested by what it sends. This one counts words, and passes on each line that has
//! more than any before it:
//!
//! ```
//! use exeunt::{Actor, Addr, Context};
//!
//! struct Longest { words: usize, record: Addr<String> }
//!
//! impl Actor for Longest {
//!     type Msg = String;
//!
//!     fn handle(&mut self, line: String, _cx: &mut Context<Self>) -> exeunt::Result {
//!         let words = line.split_whitespace().count();
//!         if words > self.words {
//!             self.words = words;
//!             self.record.send(line)?;
//!         }
//!         Ok(())
//!     }
//!
//!     fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
//!         Ok(self.record.send(format!("{} words", self.words))?)
//!     }
//! }
//! # use exeunt::System;
//! # use exeunt_testkit::{Probe, assert_ledger};
//! #
//! # let mut system = System::new("test");
//! # let record = Probe::in_system(&mut system, "record");
//! # let longest = system.spawn("longest", Longest { words: 0, record: record.addr() });
//! # longest.send("to be".to_owned())?;
//! # record.expect_eq("to be".to_owned());
//! # assert_ledger(&system.shutdown(), &[("longest", 1), ("record", 2)]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Probe`] takes the place of whoever would be sent to. It waits for each message with a
//! generous limit, so that the test needs no sleep:
//!
//! ```
//! use exeunt::System;
//! use exeunt_testkit::{Probe, assert_ledger};
//! # use exeunt::{Actor, Addr, Context};
//! # struct Longest { words: usize, record: Addr<String> }
//! # impl Actor for Longest {
//! #     type Msg = String;
//! #     fn handle(&mut self, line: String, _cx: &mut Context<Self>) -> exeunt::Result {
//! #         let words = line.split_whitespace().count();
//! #         if words > self.words {
//! #             self.words = words;
//! #             self.record.send(line)?;
//! #         }
//! #         Ok(())
//! #     }
//! #     fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
//! #         Ok(self.record.send(format!("{} words", self.words))?)
//! #     }
//! # }
//!
//! let mut system = System::new("test");
//! let record = Probe::in_system(&mut system, "record"); // before those who send to it
//! let longest = system.spawn("longest", Longest { words: 0, record: record.addr() });
//!
//! longest.send("to be".to_owned())?;
//! record.expect_eq("to be".to_owned());
//!
//! // No message for the second of these: it would come before that for the third.
//! longest.send("or not".to_owned())?;
//! longest.send("to be, that".to_owned())?;
//! record.expect_that(|line| line.ends_with("that"), "the third line");
//!
//! // What an actor says last, a probe in its system still hears.
//! let report = system.shutdown();
//! record.expect_eq("3 words".to_owned());
//! assert!(record.into_recorded().is_empty());
//!
//! // As many messages as were accepted were handled, failed or returned.
//! assert_ledger(&report, &[("longest", 3), ("record", 3)]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The test of a program
//!
//! What signals do is seen from outside. This program counts until it is told to stop, and says in
//! the end how much was sent and how much counted, as lines of a [ledger](Finished::ledger). It
//! takes the signals before it says that it is ready, so that no signal is too early:
//!
//! ```no_run
//! use std::time::Duration;
//! use exeunt::{Actor, Context, Exit, SignalError, Signals, System};
//!
//! struct Count(u64);
//!
//! impl Actor for Count {
//!     type Msg = u64;
//!
//!     fn handle(&mut self, _n: u64, _cx: &mut Context<Self>) -> exeunt::Result {
//!         self.0 += 1;
//!         Ok(())
//!     }
//!
//!     fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
//!         println!("ledger counted {}", self.0);
//!         Ok(())
//!     }
//! }
//!
//! fn main() -> Result<Exit, SignalError> {
//!     let mut system = System::new("counter");
//!     let _signals = Signals::default().install(&system.handle())?;
//!     let count = system.spawn("count", Count(0));
//!     system.spawn_task("source", move |cx| {
//!         let mut sent = 0;
//!         while !cx.stopping().wait_timeout(Duration::from_millis(1)) {
//!             count.send(sent)?;
//!             sent += 1;
//!         }
//!         println!("ledger sent {sent}");
//!         Ok(())
//!     });
//!     println!("READY");
//!     Ok(system.run())
//! }
//! ```
//!
//! A [`Process`] starts it, in a file of tests of its package. Each wait is for a line or
//! for the end; a process that hangs is killed, and the test fails with all that it has said:
//!
//! ```no_run
//! # #[cfg(all(unix, not(target_os = "openbsd")))] fn main() {
//! # macro_rules! env { ($name:literal) => { $name } }
//! use exeunt_testkit::{Process, SIGTERM};
//!
//! let mut counter = Process::new(env!("CARGO_BIN_EXE_counter")).env_remove("RUST_LOG").start();
//! counter.wait_for("READY");
//! counter.signal(SIGTERM);
//!
//! let finished = counter.wait();
//! finished.assert_signal(SIGTERM); // a complete drain ends by the signal that asked for it
//! let ledger = finished.ledger();
//! assert_eq!(ledger["sent"], ledger["counted"], "{finished}");
//! # }
//! # #[cfg(not(all(unix, not(target_os = "openbsd"))))] fn main() {}
//! ```
//!
//! # Where to look
//!
//! | to | see |
//! |---|---|
//! | wait for what an actor sends | [`Probe`] |
//! | know that a report is right | [`assert_ledger`], [`assert_balanced`] |
//! | run a program, and talk to it | [`Process`], [`Running`] |
//! | signal it | [`Running::signal`], [`Running::signal_group`] |
//! | know how it ended | [`Finished`] |
//!
//! Processes and signals are for Unix (not OpenBSD, which has no `waitid`); the rest is for
//! everywhere.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

mod probe;
mod balance;
#[cfg(all(unix, not(target_os = "openbsd")))]
mod process;
#[cfg(all(unix, not(target_os = "openbsd")))]
mod signal;

pub use balance::{assert_balanced, assert_ledger};
pub use exeunt::stepper::{Step, Stepper, StepperBuilder, Verdict};
pub use probe::Probe;
#[cfg(all(unix, not(target_os = "openbsd")))]
pub use process::{Finished, Process, Running};
#[cfg(all(unix, not(target_os = "openbsd")))]
pub use signal::{SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGSTOP, SIGTERM, SIGUSR1, SIGUSR2};

/// The code of the README, compiled and run by `cargo test`.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// How long anything may be waited for, unless it is set. No test that passes takes this long.
pub const DEFAULT_LIMIT: Duration = Duration::from_secs(30);
