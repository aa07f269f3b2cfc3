//! [`ActorBuilder`] and [`TaskBuilder`]: all there is to choose when an actor or a task is spawned.

mod actor;
mod task;
mod common;
mod mailbox;

pub use actor::ActorBuilder;
pub(crate) use common::Common;
pub(crate) use mailbox::MailboxOptions;
pub use task::TaskBuilder;
