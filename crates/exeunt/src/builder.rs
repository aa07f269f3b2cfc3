//! [`ActorBuilder`] and [`TaskBuilder`]: all there is to choose when somebody is spawned.

mod actor;
mod task;
mod common;
mod mailbox;

pub use actor::ActorBuilder;
pub(crate) use common::Common;
pub(crate) use mailbox::MailboxOptions;
pub use task::TaskBuilder;
