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
//! # The test of an actor, step by step
//!
//! Time, and failures, are tested on a [`Stepper`]: it runs an actor on the test's own thread, one
//! message after the other, on a clock that stands still until the test moves it. This actor sends in
//! batches, when one is full, or when a reading has waited for a second; and its link fails at times:
//!
//! ```
//! use std::time::Duration;
//! use exeunt::{Actor, Addr, Context, Timer};
//!
//! const PATIENCE: Duration = Duration::from_secs(1);
//!
//! struct Batcher { link: Addr<Vec<u32>>, batch: Vec<u32>, flush: Option<Timer> }
//!
//! enum Msg { Reading(u32), Flush }
//!
//! impl Actor for Batcher {
//!     type Msg = Msg;
//!
//!     fn handle(&mut self, msg: Msg, cx: &mut Context<Self>) -> exeunt::Result {
//!         if let Msg::Reading(reading) = msg {
//!             self.batch.push(reading);
//!             if self.batch.len() == 1 {
//!                 self.flush = Some(cx.send_after(PATIENCE, Msg::Flush));
//!             }
//!             if self.batch.len() < 3 {
//!                 return Ok(());
//!             }
//!         }
//!         self.flush()
//!     }
//!
//!     fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
//!         if self.batch.is_empty() { Ok(()) } else { self.flush() }
//!     }
//! }
//!
//! impl Batcher {
//!     fn flush(&mut self) -> exeunt::Result {
//!         self.flush.take().map(|timer| timer.cancel());
//!         Ok(self.link.send(std::mem::take(&mut self.batch))?)
//!     }
//! }
//! ```
//!
//! Nothing happens unless the test says so; so it can look in between, and there is nothing to wait for:
//!
//! ```
//! use std::time::Duration;
//! use exeunt::{Backoff, Restart};
//! use exeunt_testkit::{Probe, Step, Stepper, Verdict};
//! # use exeunt::{Actor, Addr, Context, Timer};
//! # const PATIENCE: Duration = Duration::from_secs(1);
//! # struct Batcher { link: Addr<Vec<u32>>, batch: Vec<u32>, flush: Option<Timer> }
//! # enum Msg { Reading(u32), Flush }
//! # impl Actor for Batcher {
//! #     type Msg = Msg;
//! #     fn handle(&mut self, msg: Msg, cx: &mut Context<Self>) -> exeunt::Result {
//! #         if let Msg::Reading(reading) = msg {
//! #             self.batch.push(reading);
//! #             if self.batch.len() == 1 {
//! #                 self.flush = Some(cx.send_after(PATIENCE, Msg::Flush));
//! #             }
//! #             if self.batch.len() < 3 {
//! #                 return Ok(());
//! #             }
//! #         }
//! #         self.flush()
//! #     }
//! #     fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
//! #         if self.batch.is_empty() { Ok(()) } else { self.flush() }
//! #     }
//! # }
//! # impl Batcher {
//! #     fn flush(&mut self) -> exeunt::Result {
//! #         self.flush.take().map(|timer| timer.cancel());
//! #         Ok(self.link.send(std::mem::take(&mut self.batch))?)
//! #     }
//! # }
//!
//! let sent = Probe::new("link");
//! let link = sent.addr();
//! let minute = Duration::from_secs(60);
//! let backoff = Backoff::exponential(minute, 10 * minute).without_jitter();
//! let mut batcher = Stepper::builder("batcher")
//!     .restart(Restart::on_failure().backoff(backoff))
//!     .start_with(move || Batcher { link: link.clone(), batch: Vec::new(), flush: None });
//!
//! // A full batch goes at once, and its timer with it.
//! (1..=3).try_for_each(|reading| batcher.send(Msg::Reading(reading)))?;
//! assert_eq!(batcher.step(), Step::Message);
//! assert_eq!(batcher.actor().unwrap().batch, [1]);
//! assert_eq!(batcher.run(), 2);
//! assert_eq!(sent.expect(), [1, 2, 3]);
//! assert_eq!(batcher.next_due(), None);
//!
//! // One that is not full goes after a second, and not a moment before.
//! batcher.send(Msg::Reading(4))?;
//! batcher.advance(PATIENCE - Duration::from_nanos(1));
//! assert_eq!(batcher.actor().unwrap().batch, [4]);
//! batcher.advance(Duration::from_nanos(1));
//! assert_eq!(sent.expect(), [4]);
//!
//! // After a failure it comes back in a minute. The message that failed is lost, and counted; the
//! // batch was flushed on the way out, and the mailbox waits.
//! batcher.send(Msg::Reading(5))?;
//! batcher.run();
//! batcher.inject_panic("the link is down");
//! batcher.send(Msg::Reading(6))?;
//! batcher.send(Msg::Reading(7))?;
//! let verdict = Verdict::Restarts { after: minute };
//! let error = "panicked: the link is down".to_owned();
//! assert_eq!(batcher.step(), Step::Failed { error, verdict });
//! assert_eq!(sent.expect(), [5]);
//! assert_eq!(batcher.advance(minute), 2); // it begins anew, and goes on with 7
//!
//! // Its turn: what it has goes out, and the timer is cancelled.
//! let report = batcher.drain();
//! assert_eq!(sent.expect(), [7]);
//! assert_eq!((report.handled, report.failed, report.restarts), (7, 1, 1));
//! assert_eq!((report.accepted(), report.cancelled), (8, 2));
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
//! | run an actor without a thread, on a clock of the test's | [`Stepper`], [`Step`] |
//! | make it fail | [`Stepper::inject_panic`], [`Stepper::inject_error`] |
//! | know that a report is right | [`assert_ledger`], [`assert_balanced`] |
//! | test what has to happen in time, on a machine that may be slow | [`in_time`](in_time()) |
//! | run a program, and talk to it | [`Process`], [`Running`] |
//! | run an example of the workspace | [`example`](example()) |
//! | signal it | [`Running::signal`], [`Running::signal_group`] |
//! | know how it ended | [`Finished`]; [`Hang`], for who counts hangs instead of failing of one |
//!
//! Processes and signals are for Unix (not OpenBSD, which has no `waitid`); the rest is for
//! everywhere.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used)]
#![cfg_attr(docsrs, feature(doc_cfg))]

use std::time::Duration;

mod probe;
mod balance;
mod in_time;
mod example;
#[cfg(all(unix, not(target_os = "openbsd")))]
mod process;
#[cfg(all(unix, not(target_os = "openbsd")))]
mod signal;

pub use balance::{assert_balanced, assert_ledger};
pub use example::example;
pub use exeunt::stepper::{Step, Stepper, StepperBuilder, Verdict};
pub use in_time::in_time;
pub use probe::Probe;
#[cfg(all(unix, not(target_os = "openbsd")))]
pub use process::{Finished, Hang, Process, Running};
#[cfg(all(unix, not(target_os = "openbsd")))]
pub use signal::{SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGSTOP, SIGTERM, SIGUSR1, SIGUSR2};

/// The code of the README, compiled and run by `cargo test`.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// How long anything may be waited for, unless it is set. No test that passes takes this long.
pub const DEFAULT_LIMIT: Duration = Duration::from_secs(30);
