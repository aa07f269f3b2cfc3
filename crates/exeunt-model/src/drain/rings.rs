//! How the conductor looks at rings, and closes them: `exeunt/src/conductor/rings.rs`.

use super::{At, CLOSED_EARLY, Drain, Look, State, Turn, Without};
use crate::protocol::Steps;

impl Drain {
    pub(super) fn begin_looks(&self, steps: &mut Steps<'_, State>) {
        let conductor = &steps.from.conductor;
        for i in 0..self.len() {
            let ring = self.ring(i);
            // settle: later on, finish_ring.
            let settles = |&i: &usize| match conductor.turns[i] {
                Turn::Settling => true,
                Turn::WithRing => !steps.from.actors[i].may_part,
                _ => false,
            };
            // settle_rings: once for each ring.
            if ring.first() == Some(&i) && ring.iter().any(settles) {
                steps.add("conductor", "looks at a ring", |next| {
                    let is_empty = None;
                    next.conductor.look = Some(Look { of: i, next: 0, is_empty, is_at_rest: true });
                });
            }
        }
    }

    /// ring_of: those who have not left, with their children.
    pub(super) fn ring_of(&self, state: &State, i: usize) -> Vec<usize> {
        let conductor = &state.conductor;
        let has_left = match self.without {
            Without::OrphansOfRing => &conductor.has_left,
            _ => &conductor.ended,
        };
        self.ring(i).iter().copied().filter(|&i| !has_left[i]).collect()
    }

    /// with_their_children
    fn with_their_children(&self, state: &State, ring: &[usize]) -> Vec<usize> {
        let has_left = &state.conductor.has_left;
        let is_below = |i: usize| !has_left[i] && ring.contains(&self.wiring.root(i));
        (0..self.len()).filter(|&i| ring.contains(&i) || is_below(i)).collect()
    }

    /// settle
    pub(super) fn look(&self, look: &Look, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let ring = self.ring_of(from, look.of);
        let is_in_turn = ring.iter().all(|&i| from.actors[i].stopping);
        let all = match is_in_turn || self.without == Without::LookAtChildren {
            true => ring.clone(),
            false => self.with_their_children(from, &ring),
        };
        let Some(&i) = all.get(look.next) else {
            let does = if look.is_at_rest { "finds the ring at rest" } else { "looks away" };
            steps.add("conductor", does, |next| {
                next.conductor.look = None;
                if look.is_at_rest {
                    self.close_ring_at_rest(next, &ring);
                }
            });
            return;
        };
        let actor = &from.actors[i];
        let Some(is_empty) = look.is_empty else {
            steps.add("conductor", &format!("looks at the mailbox of {i}"), |next| {
                next.actors[i].last_call |= actor.quota.is_none();
                if let Some(look) = &mut next.conductor.look {
                    look.is_empty = Some(self.mailbox(from, i).queue == 0);
                }
            });
            return;
        };
        steps.add("conductor", &format!("looks at the pulse of {i}"), |next| {
            let pulse = actor.figures.handled + actor.figures.failed;
            let sleeps = actor.at == At::Asleep || self.without == Without::LookAtSleep;
            let rests = is_empty && sleeps;
            let before = next.conductor.seen[i].replace((pulse, rests));
            let twice = before == Some((pulse, true)) || self.without == Without::SecondLook;
            if let Some(look) = &mut next.conductor.look {
                look.is_at_rest &= rests && twice;
                look.next += 1;
                look.is_empty = None;
            }
        });
    }

    fn close_ring_at_rest(&self, next: &mut State, ring: &[usize]) {
        if self.without == Without::StrangersFirst || self.is_shut(next, ring) {
            return self.let_part(next, ring);
        }
        self.acquaint(next, ring);
        next.conductor.to_shut.extend(ring);
    }

    fn let_part(&self, next: &mut State, ring: &[usize]) {
        ring.iter().for_each(|&i| next.actors[i].may_part = true);
        self.close_ring(next, ring);
    }

    fn is_shut(&self, state: &State, ring: &[usize]) -> bool {
        ring.iter().all(|&i| self.mailbox(state, i).is_shut())
    }

    fn acquaint(&self, next: &mut State, ring: &[usize]) {
        for &i in ring {
            next.actors[i].has_joined |= self.without != Without::JoinFirst;
        }
    }

    /// close_ring_at_rest, for each of them
    pub(super) fn shut_next(&self, i: usize, steps: &mut Steps<'_, State>) {
        steps.add("conductor", &format!("closes {i} for good but for its ring"), |next| {
            next.conductor.to_shut.remove(0);
            next.actors[i].has_joined = true;
            self.mailbox_of(next, i).shut();
            let ring = self.ring_of(next, i);
            let is_last = next.conductor.to_shut.is_empty();
            if self.without == Without::RestAgain && is_last && self.is_shut(next, &ring) {
                self.let_part(next, &ring);
            }
        });
    }

    pub(super) fn close_ring(&self, next: &mut State, ring: &[usize]) {
        let is_at_rest = self.with_their_children(next, ring).into_iter().all(|i| {
            let is_busy = matches!(next.actors[i].at, At::Handling | At::Hung);
            self.mailbox(next, i).queue == 0 && !is_busy
        });
        // What comes from elsewhere may do so between the look and the closing.
        let is_undisturbed = self.from_outside == 0 && self.beside == 0 && self.goes_well();
        if !is_at_rest && is_undisturbed && !self.wiring.is_pool(ring) {
            next.wrong.get_or_insert(CLOSED_EARLY);
        }
        self.acquaint(next, ring);
        for &i in ring {
            next.conductor.seen[i] = None;
            next.conductor.to_close.push(i);
        }
    }

    /// close_ring, for each of them
    pub(super) fn close_next(&self, i: usize, steps: &mut Steps<'_, State>) {
        steps.add("conductor", &format!("gives {i} its turn with its ring"), |next| {
            next.conductor.to_close.remove(0);
            next.actors[i].has_joined = true;
            if next.conductor.turns[i] == Turn::Settling {
                self.call(next, i);
                next.conductor.turns[i] = Turn::WithRing;
            }
        });
    }

    /// finish_ring: under the locks of all their mailboxes.
    pub(super) fn finish_rings(&self, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let rests = |&i: &usize| {
            let mailbox = self.mailbox(from, i);
            let is_empty = mailbox.queue == 0 || self.without == Without::LookAtMailboxes;
            let mut readers = self.wiring.readers(self.wiring.reads[i]);
            let mut reading =
                readers.by_ref().map(|i| &from.actors[i]).filter(|one| !one.has_resigned);
            match (mailbox.gone, self.without) {
                (true, _) => reading.next().is_none(),
                (false, Without::CountOfThreads) => reading.any(|one| one.resting) && is_empty,
                (false, _) => reading.all(|one| one.resting) && is_empty,
            }
        };
        for i in (0..self.len()).filter(|&i| from.conductor.turns[i] == Turn::WithRing) {
            let ring = self.ring_of(from, i);
            let is_first = ring.iter().find(|&&i| from.conductor.turns[i] == Turn::WithRing);
            let has_children = self.without != Without::ChildrenOfRing
                && self.with_their_children(from, &ring).len() > ring.len();
            if is_first == Some(&i) && !has_children && ring.iter().all(rests) {
                steps.add("conductor", "closes a ring for good", |next| {
                    for &i in &ring {
                        self.mailbox_of(next, i).gone = true;
                        if next.conductor.turns[i] == Turn::WithRing {
                            next.conductor.turns[i] = Turn::Called;
                        }
                    }
                });
            }
        }
    }
}
