//! How the conductor looks at rings, and closes them: `exeunt/src/conductor/rings.rs`.

use super::{At, CLOSED_EARLY, Drain, Look, State, Turn, Without};
use crate::protocol::Steps;

impl Drain {
    pub(super) fn begin_looks(&self, steps: &mut Steps<'_, State>) {
        let conductor = &steps.from.conductor;
        for i in 0..self.len() {
            let ring = self.ring(i);
            let settles = |&i: &usize| conductor.turns[i] == Turn::Settling;
            // settle_rings: once for each ring.
            if ring.first() == Some(&i) && ring.iter().any(settles) {
                steps.add("conductor", "looks at a ring", |next| {
                    let is_empty = None;
                    next.conductor.look = Some(Look { of: i, next: 0, is_empty, is_at_rest: true });
                });
            }
        }
    }

    /// settle
    pub(super) fn look(&self, look: &Look, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let has_stayed = |i: &usize| !from.conductor.has_left[*i];
        let ring: Vec<usize> = self.ring(look.of).iter().copied().filter(has_stayed).collect();
        let Some(&i) = ring.get(look.next) else {
            let does = if look.is_at_rest { "finds the ring at rest" } else { "looks away" };
            steps.add("conductor", does, |next| {
                next.conductor.look = None;
                if look.is_at_rest {
                    self.close_ring(next, &ring);
                }
            });
            return;
        };
        let actor = &from.actors[i];
        let Some(is_empty) = look.is_empty else {
            steps.add("conductor", &format!("looks at the mailbox of {i}"), |next| {
                next.actors[i].last_call |= actor.quota.is_none();
                if let Some(look) = &mut next.conductor.look {
                    look.is_empty = Some(actor.queue == 0);
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

    fn close_ring(&self, next: &mut State, ring: &[usize]) {
        let is_at_rest = ring.iter().all(|&i| {
            let actor = &next.actors[i];
            actor.queue == 0 && !matches!(actor.at, At::Handling | At::Hung)
        });
        // What comes from elsewhere may do so between the look and the closing.
        let is_undisturbed = self.from_outside == 0 && self.beside == 0 && self.goes_well();
        if !is_at_rest && is_undisturbed {
            next.wrong.get_or_insert(CLOSED_EARLY);
        }
        for &i in ring {
            next.conductor.seen[i] = None;
            next.actors[i].has_joined |= self.without != Without::JoinFirst;
            next.conductor.to_close.push(i);
        }
    }

    /// close_ring, for each of them
    pub(super) fn close_next(&self, i: usize, steps: &mut Steps<'_, State>) {
        steps.add("conductor", &format!("closes {i} but for its ring"), |next| {
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
        let ring_of = |i: usize| {
            let has_stayed = |&i: &usize| !from.conductor.has_left[i];
            self.ring(i).iter().copied().filter(has_stayed).collect::<Vec<_>>()
        };
        let is_done = |&i: &usize| {
            let actor = &from.actors[i];
            let is_empty = actor.queue == 0 || self.without == Without::LookAtMailboxes;
            actor.gone || actor.resting && is_empty
        };
        for i in (0..self.len()).filter(|&i| from.conductor.turns[i] == Turn::WithRing) {
            let ring = ring_of(i);
            if ring.first() == Some(&i) && ring.iter().all(is_done) {
                steps.add("conductor", "closes a ring for good", |next| {
                    for &i in &ring {
                        next.actors[i].gone = true;
                        if next.conductor.turns[i] == Turn::WithRing {
                            next.conductor.turns[i] = Turn::Called;
                        }
                    }
                });
            }
        }
    }
}
