//! How an actor's thread sleeps: parked, if its mailbox, its bell and the time are all there is to wait for, and in a
//! `select` if there are other channels, or other threads that read the same mailbox. In neither does it wait in the
//! mailbox's own channel; `mailbox.md` says why.

use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::Select;

use super::{Affair, Next, Runner};
use crate::actor::Actor;
use crate::mailbox::{Crew, Wire};

impl<A: Actor> Runner<'_, A> {
    /// Sleeps until there is something to look at.
    pub(super) fn sleep(&mut self) -> Option<Next<A::Msg>> {
        let waits_for_ring = self.waits_for_ring();
        if waits_for_ring && !self.mailbox.rest() {
            return None;
        }
        let due = self.cell.agenda().next_due();
        // A thread with something on its agenda, or children that leave, may have something to do though nobody sends
        // it anything. A thread that waits for its ring sleeps for that, which does not concern the pool's own end.
        let waits_for_more = waits_for_ring || self.is_held_by_ring() || self.children.is_some();
        let crew = self.mailbox.crew().filter(|_| !waits_for_more && self.cell.agenda().is_done());
        let all_sleep = crew.is_some_and(|crew| crew.fall_asleep().is_some());
        if all_sleep && self.is_deserted() {
            // Those that looked before us saw us awake, and will not look again.
            crew.into_iter().for_each(Crew::wake_up);
            return None;
        }
        self.life.set_awaits_answers(self.cell.agenda_now().answers.of_whom());
        self.life.fall_asleep();
        let asleep = Instant::now();
        match self.has_channels() {
            true => self.select(due),
            false => self.mailbox.sleep(due),
        }
        self.life.wake_up();
        self.has_slept = true;
        self.patience.slept(asleep.elapsed());
        crew.into_iter().for_each(Crew::wake_up);
        if waits_for_ring && !self.mailbox.rouse() {
            return Some(Affair::Dry.into());
        }
        self.cell.agenda().has_idled().then_some(Affair::Idle.into())
    }

    /// Whether it has more to wait for than its mailbox and the time, or is not the mailbox's only reader.
    fn has_channels(&self) -> bool {
        self.mailbox.crew().is_some()
            || self.children.is_some()
            || self.cell.agenda_now().has_channels()
    }

    /// Sleeps in a `select` of all there is to wait for, or until that moment.
    fn select(&mut self, due: Option<Instant>) {
        let wire = Arc::clone(self.wire.get_or_insert_with(|| Arc::new(Wire::new())));
        let agenda = self.cell.agenda_now();
        // All that is put in from here on wakes it, and what was put in before is seen.
        if self.mailbox.watch(&wire) && agenda.watch(&wire) {
            let mut select = Select::new();
            select.recv(wire.receiver());
            select.recv(self.bell.receiver());
            if let Some(children) = &self.children {
                select.recv(children);
            }
            agenda.add_to(&mut select);
            match due {
                None => drop(select.ready()),
                Some(due) => drop(select.ready_deadline(due)),
            }
        }
        self.mailbox.unwatch(&wire);
        agenda.unwatch(&wire);
        let _ = self.bell.pick_up();
        let has_more_to_do =
            due.is_some() || agenda.is_in_use() || self.bell.is_rung_before_sleep();
        if wire.pick_up() && has_more_to_do {
            self.mailbox.pass_on();
        }
    }
}
