//! [`ActorSnapshot`]: how one actor stands at this moment.

use crate::capacity::Capacity;
use crate::life::Figures;
use crate::member::Member;

/// How one actor or task stands at one moment.
///
/// # Examples
///
/// ```
/// use exeunt::{State, System};
///
/// let mut system = System::new("watched");
/// system.spawn_task("idle", |cx| {
///     cx.stopping().wait();
///     Ok(())
/// });
/// for actor in system.snapshot() {
///     println!("{} {:?}: {} queued, {} handled", actor.name, actor.state, actor.queued, actor.handled);
/// }
/// assert_eq!(system.snapshot()[0].state, State::Working);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActorSnapshot {
    /// Its name.
    pub name: String,
    /// Where it is in its life.
    pub state: State,
    /// The messages that wait in its mailbox.
    pub queued: usize,
    /// How many its mailbox holds; `None` for a task, which has none.
    pub capacity: Option<Capacity>,
    /// The messages for which its handler returned `Ok`.
    pub handled: u64,
    /// The messages for which its handler returned an error or panicked.
    pub failed: u64,
    /// The messages that it never saw, and that went to the dead-letter hook.
    pub returned: u64,
}

/// Where an actor or task is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum State {
    /// It works, or waits for work.
    Working,
    /// Its turn has come.
    Draining,
    /// Its deadline has passed.
    Overdue,
    /// It has ended, or was given up.
    Ended,
}

impl ActorSnapshot {
    pub(crate) fn of(member: &Member) -> ActorSnapshot {
        let Figures { handled, failed, returned } = member.life.figures();
        let state = match member.life.outcome() {
            Some(_) => State::Ended,
            None if member.life.must_stop.is_set() => State::Overdue,
            None if member.life.stopping.is_set() => State::Draining,
            None => State::Working,
        };
        ActorSnapshot {
            name: member.life.name.clone(),
            state,
            queued: member.queued(),
            capacity: member.capacity,
            handled,
            failed,
            returned,
        }
    }
}
