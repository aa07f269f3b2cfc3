//! Spawning: a new member and its thread, from its first moment to its last.

use std::mem;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use super::Stage;
use super::roster::Part;
use crate::error::SpawnCause;
use crate::life::{self, Life, Outcome};
use crate::member::Member;
use crate::notice::Notice;
use crate::pool::Front;
use crate::threads;
use crate::unwind::{self, lock};

/// Whether somebody was spawned.
pub(crate) enum Spawned {
    Yes,
    /// The drain has begun.
    TooLate,
}

impl Stage {
    /// Starts the thread of a new member and enters it in the roster, both or neither. `prepare`
    /// is told of the member before its thread is there, and gives what the thread is to run.
    pub(crate) fn spawn<B: FnOnce() -> Outcome + Send + 'static>(
        self: &Arc<Self>,
        mut part: Part,
        prepare: impl FnOnce(Arc<Life>) -> B,
    ) -> Result<Spawned, SpawnCause> {
        if part.name.contains('\0') {
            return Err(SpawnCause::Name);
        }
        self.raise_the_curtain().map_err(SpawnCause::Thread)?;
        // Held to the end, so that the conductor finds in the roster whoever tells it something,
        // and that nobody slips in behind the beginning of a drain.
        let mut roster = lock(&self.roster);
        if !roster.is_open_for(&part) {
            drop(roster);
            self.emit(|| Notice::NotStarted { name: part.name });
            return Ok(Spawned::TooLate);
        }
        part.node.daemon |= part.parent.as_ref().is_some_and(|parent| parent.is_daemon);
        part.node.after = roster.indices_of(&part)?;
        if part.front.is_some() && part.node.feeds.is_none() {
            // Those of a pool feed all before it, and not each other.
            part.node.feeds = Some(roster.mailboxes_before(&part));
        }
        let cycle = roster.check_order(&part)?;

        let index = roster.next_index;
        let mut life = Life::new(part.name.clone(), index, part.node.daemon, Arc::clone(self));
        life.parent = part.parent.clone();
        life.is_supervised = part.is_supervised();
        life.is_restartable = part.restart.is_ever();
        let life = Arc::new(life);
        let mut builder = thread::Builder::new().name(mem::take(&mut part.name));
        if let Some(bytes) = part.stack_bytes {
            builder = builder.stack_size(bytes);
        }
        let body = prepare(Arc::clone(&life));
        let work = {
            let life = Arc::clone(&life);
            move || enter(life, body)
        };
        if part.is_supervised() {
            // Before its thread, which may fail at once.
            let supervisor = part.supervisor();
            lock(&self.supervision).add_member(
                index,
                part.restart,
                part.is_significant,
                supervisor,
            );
        }
        let thread = match threads::spawn(builder, work) {
            Ok(thread) => thread,
            Err((error, work)) => {
                // It holds the user's value, whose `drop` may look at the system.
                drop(roster);
                lock(&self.supervision).left(index);
                life.departure.call_off();
                let _ = unwind::drop_caught(work);
                return Err(SpawnCause::Thread(error));
            }
        };
        roster.next_index += 1;
        roster.fed.extend(part.node.feeds.iter().flatten());
        roster.waited_for += usize::from(!part.node.daemon);
        let member = Member {
            life,
            capacity: part.post.as_ref().map(|post| post.capacity()),
            message_type: part.post.as_ref().map(|post| post.message_type()),
            post: Mutex::new(part.post),
            front: part.front,
            node: part.node,
            limits: part.limits,
            started: Instant::now(),
            thread: Mutex::new(Some(thread)),
            has_left: AtomicBool::new(false),
        };
        roster.members.insert(index, Arc::new(member));
        drop(roster);
        if let Some(names) = cycle {
            self.emit(|| Notice::Cycle { names });
        }
        Ok(Spawned::Yes)
    }

    /// Somebody who stands for several threads. It has a place in the order of spawning, at which
    /// nobody is.
    pub(crate) fn front(
        self: &Arc<Self>,
        name: &str,
        parent: Option<&Arc<Life>>,
        threads: usize,
    ) -> Arc<Front> {
        let mut roster = lock(&self.roster);
        let mut life = Life::new(name.to_owned(), roster.next_index, false, Arc::clone(self));
        roster.next_index += 1;
        life.parent = parent.cloned();
        Arc::new(Front::new(Arc::new(life), threads))
    }
}

/// The whole life of a member's thread.
fn enter(life: Arc<Life>, body: impl FnOnce() -> Outcome) {
    life::set_current(Arc::clone(&life));
    // All code of the user's is caught where it is run. Should something of ours panic all the same,
    // the end must be told.
    let outcome = unwind::catch(body).unwrap_or_else(Outcome::Failed);
    life.end(outcome);
}
