//! *Exeunt*, the stage direction: they all go out.
//!
//! Actors on OS threads that leave the stage in order: upstream first, every accepted message handled,
//! each under a deadline. SIGINT and SIGTERM begin the drain, and a second one ends the process.
//!
//! # How do I stop my threads properly?
//!
//! A thread cannot be killed from outside. A daemon thread is cut off in the middle of what it does. What is left is to
//! ask: an event that the thread looks at, or waits on instead of sleeping, so that it wakes, cleans up and returns.
//! [`Event`] is that, and useful alone:
//!
//! ```
//! use std::{thread, time::Duration};
//! use exeunt::Event;
//!
//! let exit = Event::new();
//! let worker = thread::spawn({
//!     let exit = exit.clone();
//!     move || while !exit.wait_timeout(Duration::from_secs(60)) { /* once a minute */ }
//! });
//! exit.set();
//! worker.join().unwrap(); // at once
//! ```
//!
//! With two threads the question becomes one of order. If the second is asked before the first has sent its last
//! message, that message is lost; if its queue is dropped, what is in it is lost too; if either is stuck, the program
//! hangs. A [`System`] answers it once:
//!
//! ```
//! use exeunt::{Actor, Context, System};
//!
//! struct Tally { words: u64 }
//!
//! impl Actor for Tally {
//!     type Msg = String;
//!
//!     fn handle(&mut self, line: String, _cx: &mut Context<Self>) -> exeunt::Result {
//!         self.words += line.split_whitespace().count() as u64;
//!         Ok(())
//!     }
//!
//!     fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
//!         println!("{} words", self.words);
//!         Ok(())
//!     }
//! }
//!
//! fn main() -> exeunt::Exit {
//!     let mut system = System::new("words");
//!     let tally = system.spawn("tally", Tally { words: 0 });
//!     system.spawn_task("stdin", move |cx| {
//!         for line in cx.stopping().interrupts(|| std::io::stdin().lines())? {
//!             tally.send(line?)?;
//!         }
//!         Ok(())
//!     });
//!     system.run() // until all is done, a signal, or a failure; then the ordered drain
//! }
//! ```
//!
//! # Where to look
//!
//! The [`guide`] has a page for each thing that one wants to do, with a program that runs; one page is for readers who
//! [come from](guide::coming_from) OTP, actix, kameo, ractor, tonari-actor or SObjectizer. Item by item:
//!
//! | to | see |
//! |---|---|
//! | write an actor | [`Actor`], [`Context`] |
//! | send, ask, and be refused | [`Addr`], [`Reply`], [`SendError`] |
//! | send one kind of message, whatever the actor takes besides | [`Recipient`] |
//! | send to one of many, or to all | [`Router`], [`Broadcast`] |
//! | publish to all who have subscribed | [`Topic`] |
//! | send past the messages that wait | [`ActorBuilder::urgent`], [`Addr::send_urgent`] |
//! | send to whichever thread is free, or always to the same one for the same key | [`System::pool`], [`ActorBuilder::spawn_keyed`] |
//! | ask without waiting | [`Context::ask_then`] |
//! | send later, or every so often | [`Context::send_after`], [`Context::send_every`], [`Timer`] |
//! | notice that nothing comes | [`Context::set_idle_timeout`], [`Actor::idle`] |
//! | wait for another channel, too | [`Context::attach`], [`Context::attach_inbox`] |
//! | restart an actor that has failed | [`ActorBuilder::restart`], [`Restart`], [`Backoff`] |
//! | restart several together | [`Group`], [`Strategy`], [`AutoShutdown`] |
//! | spawn actors from an actor | [`Context::spawn`], [`Context::actor`], [`Context::children_left`] |
//! | stop one actor | [`Context::stop`], [`Addr::stop`] |
//! | know that an actor has ended, and how | [`Context::watch`], [`Addr::wait`], [`ActorHandle`] |
//! | run a loop without a mailbox | [`System::spawn_task`], [`TaskContext`] |
//! | choose capacity, wiring, limits | [`ActorBuilder`], [`TaskBuilder`] |
//! | choose what a full mailbox does | [`Overflow`] |
//! | have an address before its actor | [`mailbox()`] |
//! | end a program by its signals | [`System::run`], [`Signals`], [`Exit`] |
//! | embed a system in a program with a life of its own | [`guide::embedding`], [`System::shutdown`], [`SystemHandle`] |
//! | stop what blocks | [`Event::interrupts`], [`Context::sleep`] |
//! | say what an actor waits for | [`Context::waiting_for`], [`ActorSnapshot::is_waiting`] |
//! | keep what was not handled | [`ActorBuilder::returned`] |
//! | see what a system does | [`System::observe`], [`Notice`], [`SystemHandle::snapshot`] |
//! | find an actor by its name | [`SystemHandle::lookup`] |
//! | be told which actors are stuck, or wait for each other | [`System::watchdog`] |
//! | know how a run ended | [`Report`] |
//! | know exactly what is promised | [`contract`] |
//!
//! # What it costs
//!
//! In most cases a send costs no more than crossbeam-channel's send: messages are not boxed, and are put into a queue
//! under a lock that is held for some nanoseconds, and that their reader takes once in many messages. (`BENCHMARKS.md`
//! names the exceptions.) An actor without messages sleeps, in a `select` if it waits for channels too.
//!
//! An idle system does not poll, unless it has a [watchdog](System::watchdog), which looks four times within its limit.
//! A drain looks at those whose turn it is, ten times within the shortest stall limit, but never less often
//! than every 100 ms, and about every millisecond at a cycle that is to come to rest.
//!
//! A system has two threads of its own beside those of its actors, asleep until something happens. There is one more for
//! its [signals](Signals), if it takes any, one that prints the [snapshot](Signals::snapshot_on), if asked to, and one
//! for each watchdog, each [`on_stopping`](Context::on_stopping) and each iterator of [`Event::interrupts`].
//! `cargo bench -p exeunt` measures a send against the plain channel.
//!
//! # What may change
//!
//! Enums and structs of figures may grow in a minor version (they are `non_exhaustive`), and so may the variants of
//! [`Notice`]: a pattern with `..` is ready for that. Which threads there are, how a report prints, and the words of
//! errors and of the log are no part of the interface.
//!
//! Two other crates are part of the interface: [`crossbeam_channel`], whose receivers an actor
//! [attaches](Context::attach) and an event [has](Event::receiver), and `log` with its
//! [`Level`](Notice::level). A new major version of either would be one of this crate too. The
//! minimum version of Rust is 1.85; it is raised only with a minor version.
//!
//! # Features
//!
//! They only add:
//!
//! - `signals` (default): [`Signals`], and [`System::run`] takes SIGINT and SIGTERM, on Windows Ctrl-C.
//! - `serde`: [`Report`] serialises.
//! - `stepper`: `stepper::Stepper`, which runs an actor without a thread, for tests. `exeunt-testkit` turns it on, and
//!   re-exports it.
//! - `async`: from async programs, a send, an ask and the end of others as futures, for any executor:
//!   `Addr::send_async`, `Addr::ask_async`, `Addr::wait_async`, `ActorHandle::wait_async`, `SystemHandle::wait_async`.
//!
//! There is no prelude: the `use` lines of a file say what it uses, and [`Result`] would hide that of the language.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// Where there are no signals, links to what is said of them lead nowhere.
#![cfg_attr(
    not(all(any(unix, windows), feature = "signals")),
    allow(rustdoc::broken_intra_doc_links)
)]

#[doc = include_str!("contract.md")]
pub mod contract {}

pub mod guide;

// What a user meets, in the order of meeting.
mod actor;
mod context;
mod waiting;
mod address;
mod handle;
mod reply;
mod recipient;
mod router;
#[cfg(feature = "async")]
mod futures;
mod topic;
mod system;
mod builder;
mod capacity;
mod restart;
mod group;
mod pool;
mod timer;
mod event;
mod interruptible;
mod stopping;
#[cfg(all(any(unix, windows), feature = "signals"))]
mod signals;
mod exit;
mod report;
mod notice;
mod snapshot;
mod watchdog;
mod error;

// How it works, from one message to the whole drain.
mod mailbox;
mod cell;
mod runner;
mod flood;
mod waiters;
mod place;
mod agenda;
mod timers;
mod answers;
mod asking;
mod patience;
mod ending;
mod life;
mod departure;
mod member;
mod stage;
mod conductor;
mod order;
mod graph;
#[cfg(test)]
mod order_at_random;
#[cfg(test)]
mod guarded;
mod deadline;
mod supervision;
mod clock;
mod unwind;
mod threads;
mod printable;
mod span;
#[cfg(feature = "stepper")]
pub mod stepper;

pub use actor::Actor;
pub use address::{Addr, WeakAddr};
pub use agenda::OnDrain;
pub use builder::{ActorBuilder, TaskBuilder};
pub use capacity::{Capacity, DEFAULT_CAPACITY};
pub use context::{Context, TaskContext, waiting_for};
pub use error::{
    AskError, Error, Interrupted, LookupError, Result, SendError, SendTimeoutError, SpawnError,
    TrySendError, WaitError,
};
pub use event::Event;
pub use exit::Exit;
#[cfg(feature = "async")]
pub use futures::{AskFuture, SendFuture};
pub use group::{Group, GroupBuilder};
pub use handle::ActorHandle;
pub use interruptible::Interruptible;
pub use mailbox::{Inbox, Overflow, mailbox};
pub use notice::{ActorIdentity, Notice, ReturnedBecause};
pub use recipient::Recipient;
pub use reply::Reply;
pub use report::{ActorReport, Ended, INCOMPLETE, Reason, Refusals, Report, Signal, Status};
pub use restart::{AutoShutdown, Backoff, Restart, Strategy};
pub use router::{Broadcast, BroadcastError, NoMembers, Router};
#[cfg(all(any(unix, windows), feature = "signals"))]
pub use signals::{SignalError, SignalGuard, Signals};
pub use snapshot::{ActorSnapshot, State, Waiting, WaitingFor};
pub use stopping::OnStopping;
pub use system::{System, SystemHandle};
pub use timer::{Missed, Timer};
pub use topic::{Published, Subscriber, Subscription, SubscriptionBuilder, Topic, WeakTopic};

/// The crate whose channels are part of this crate's interface. Used from here, it is always the same version.
pub use crossbeam_channel;
