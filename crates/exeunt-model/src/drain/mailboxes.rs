//! What messages go through: who takes what from whom, and what lies there.

use super::{Drain, REFUSED, State, Without};

/// A mailbox, of one thread or of several.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Mailbox {
    pub(super) queue: u8,
    pub(super) accepted: u8,
    pub(super) closed: bool,
    /// `LastWord::finished_for_strangers`: all is taken that others sent than the family and the ring.
    pub(super) shut: bool,
    pub(super) gone: bool,
}

impl Mailbox {
    pub(super) fn put(&mut self) {
        self.queue += 1;
        self.accepted += 1;
    }

    /// mailbox/closing.rs, finish_for_strangers
    pub(super) fn shut(&mut self) {
        self.closed = true;
        self.shut |= self.queue == 0;
    }

    /// mailbox/closing.rs, is_finished_for_strangers
    pub(super) fn is_shut(&self) -> bool {
        self.shut || self.gone
    }

    /// mailbox/closing.rs, evict
    pub(super) fn evict(&mut self) -> u8 {
        self.closed = true;
        self.gone = true;
        std::mem::take(&mut self.queue)
    }
}

impl State {
    /// Whether nobody else reads it any more: mailbox/crew.rs, is_unread.
    pub(super) fn is_unread(&self, drain: &Drain, mailbox: usize) -> bool {
        drain.wiring.readers(mailbox).all(|i| self.actors[i].has_resigned)
    }
}

impl Drain {
    pub(super) fn mailbox<'a>(&self, state: &'a State, i: usize) -> &'a Mailbox {
        &state.mailboxes[self.wiring.reads[i]]
    }

    pub(super) fn mailbox_of<'a>(&self, next: &'a mut State, i: usize) -> &'a mut Mailbox {
        &mut next.mailboxes[self.wiring.reads[i]]
    }

    /// Whether `to` takes what `from` sends: `Life::is_open_for`.
    fn is_open(&self, state: &State, from: Option<usize>, to: usize) -> bool {
        let mailbox = &state.mailboxes[to];
        let is_of_its_ring = |from: usize| {
            let from = match self.without {
                Without::DoorForRingsChildren => from,
                _ => self.wiring.root(from),
            };
            let know_each_other = state.actors[to].has_joined && state.actors[from].has_joined;
            self.ring(to).contains(&from) && know_each_other
        };
        let is_its_child = |from: usize| {
            self.wiring.trees[to].contains(&from) && self.without != Without::DoorForChildren
        };
        !mailbox.gone
            && (!mailbox.closed
                || from.is_some_and(|from| is_of_its_ring(from) || is_its_child(from)))
    }

    pub(super) fn send(&self, next: &mut State, from: Option<usize>, to: usize) {
        if self.is_open(next, from, to) {
            next.mailboxes[to].put();
        } else if from.is_some_and(|from| self.is_to_be_taken(next, from, to)) {
            next.wrong.get_or_insert(REFUSED);
        }
    }

    /// Whether nothing has happened to either of them that could be a reason to refuse it.
    fn is_to_be_taken(&self, state: &State, from: usize, to: usize) -> bool {
        let is_well = |i: usize| {
            let actor = &state.actors[i];
            !actor.must_stop && !actor.disowned && actor.figures.failed == 0
        };
        !state.actors[from].disowned && self.stops == 0 && self.wiring.readers(to).any(is_well)
    }
}
