//! Spawning: a new member and its thread, from its first moment to its last.

use std::sync::{Arc, Mutex};

use super::Stage;
use super::roster::Part;
use crate::error::{SpawnCause, SpawnError};
use crate::life::{self, Life, Outcome};
use crate::member::Member;
use crate::notice::Notice;
use crate::pool::Front;
use crate::unwind::{self, lock};

/// What the thread of a member does from its first moment to its last. Without its type, so that all about spawning is
/// compiled once, and not for each type of actor; and shared, so that a thread that is refused leaves it to the caller
/// of the spawn.
pub(crate) trait Body: Send + Sync {
    fn live(self: Arc<Self>, life: Arc<Life>) -> Outcome;
}

impl<F: FnOnce(Arc<Life>) -> Outcome + Send> Body for Mutex<Option<F>> {
    fn live(self: Arc<Self>, life: Arc<Life>) -> Outcome {
        let body = lock(&self).take();
        // Not kept for as long as it lives: what was in it may be large.
        drop(self);
        body.map_or_else(|| unreachable!("nobody lives twice"), |body| body(life))
    }
}

pub(crate) fn body<F: FnOnce(Arc<Life>) -> Outcome + Send + 'static>(body: F) -> Arc<dyn Body> {
    Arc::new(Mutex::new(Some(body)))
}

/// Whether a member was spawned.
pub(crate) enum Spawned {
    Yes(Arc<Life>),
    /// What it was to belong to is leaving.
    TooLate,
}

impl Stage {
    /// Starts the thread of a new member and enters it in the roster, both or neither.
    pub(crate) fn spawn(
        self: &Arc<Self>,
        mut part: Part,
        body: Arc<dyn Body>,
    ) -> Result<Spawned, SpawnError> {
        if part.name.contains('\0') {
            return Err(part.error(SpawnCause::Name));
        }
        self.raise_the_curtain().map_err(|error| part.error(SpawnCause::Thread(error)))?;
        // Held to the end, so that the conductor finds in the roster each member that tells it
        // something, and that none slips in behind the beginning of a drain.
        let mut roster = lock(&self.roster);
        if !roster.is_open_for(&part) || lock(&self.supervision).is_closing(part.under) {
            drop(roster);
            self.emit(|| Notice::NotStarted { name: part.name.to_string() });
            return Ok(Spawned::TooLate);
        }
        let cycle = roster.place(&mut part).map_err(|cause| part.error(cause))?;
        let life = Arc::new(part.life(roster.next_index, self));
        life.pool.iter().for_each(|pool| pool.one_more_listens());
        // Before its thread starts, whose first words may be to itself.
        part.post.iter().for_each(|post| post.belong_to(&life));
        let work = {
            let (life, body) = (Arc::clone(&life), Arc::clone(&body));
            move || enter(life, body)
        };
        if life.is_supervised {
            // Before its thread starts, which may fail at once.
            let supervisor = part.supervisor();
            let mut supervision = lock(&self.supervision);
            supervision.add_member(life.index, part.restart, part.is_significant, supervisor);
        }
        match part.thread().spawn(work) {
            Ok(thread) => {
                part.tell_those_above();
                drop(roster.enter(part.member(Arc::clone(&life), thread)));
            }
            Err(error) => {
                // It holds the user's value, whose `drop` may look at the system.
                drop(roster);
                lock(&self.supervision).withdraw(life.index);
                life.listen_no_more();
                life.departure.call_off();
                let _ = unwind::drop_caught(body);
                return Err(part.error(SpawnCause::Thread(error)));
            }
        }
        drop(roster);
        if let Some(actors) = cycle {
            self.emit(|| Notice::Cycle { actors });
        }
        Ok(Spawned::Yes(life))
    }

    /// Forgets the supervision of a member that has left for good, and gives those of the group that is to be shut down
    /// because of that.
    pub(crate) fn dismiss_group_of(&self, index: usize) -> Vec<Arc<Member>> {
        // Held, so that no member slips in behind the last look.
        let roster = lock(&self.roster);
        let mut supervision = lock(&self.supervision);
        let group = supervision.left(index);
        let members = group.into_iter().flat_map(|group| supervision.members_of(group));
        members.filter_map(|index| roster.members.get(&index).cloned()).collect()
    }

    /// A life that stands for several threads. It has a place in the order of spawning, at which no
    /// thread is.
    pub(crate) fn front(
        self: &Arc<Self>,
        name: &Arc<str>,
        parent: Option<&Arc<Life>>,
        threads: usize,
    ) -> Arc<Front> {
        let mut roster = lock(&self.roster);
        let mut life = Life::new(Arc::clone(name), roster.next_index, false, Arc::clone(self));
        roster.next_index += 1;
        life.parent = parent.cloned();
        Arc::new(Front::new(Arc::new(life), threads))
    }
}

/// The whole life of a member's thread.
fn enter(life: Arc<Life>, body: Arc<dyn Body>) {
    life::set_current(Arc::clone(&life));
    let itself = Arc::clone(&life);
    // All code of the user's is caught where it is run. Should code of ours panic all the same, the
    // end must be told.
    let outcome = unwind::catch(|| body.live(itself)).unwrap_or_else(Outcome::Failed);
    life.end(outcome);
}
