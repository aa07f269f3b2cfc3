//! *Exeunt*, the stage direction: they all go out.
//!
//! Actors on OS threads that leave the stage in order.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]

mod actor;
mod context;
mod address;
mod event;
mod interruptible;
mod system;
mod builder;
mod report;
mod exit;
#[cfg(all(unix, feature = "signals"))]
mod signals;
mod notice;
mod snapshot;
mod error;

mod mailbox;
mod cell;
mod runner;
mod life;
mod stage;
mod conductor;
mod order;
mod deadline;
mod unwind;

pub use actor::Actor;
pub use address::{Addr, Reply, WeakAddr};
pub use builder::{ActorBuilder, TaskBuilder};
pub use context::{Context, TaskContext};
pub use error::{
    AskError, Error, Interrupted, Result, SendError, SendTimeoutError, SpawnError, TrySendError,
    WaitError,
};
pub use event::Event;
pub use exit::Exit;
pub use interruptible::Interruptible;
pub use mailbox::{Capacity, DEFAULT_CAPACITY, Inbox, mailbox};
pub use notice::Notice;
pub use report::{ActorReport, Ended, INCOMPLETE, Reason, Refusals, Report, Signal, Status};
#[cfg(all(unix, feature = "signals"))]
pub use signals::{SignalError, SignalGuard, Signals};
pub use snapshot::{ActorSnapshot, State};
pub use system::{System, SystemHandle};
