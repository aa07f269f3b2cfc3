//! How the conductor looks at rings, and closes them: `exeunt/src/conductor/rings.rs`.

use super::{At, Drain, Look, State, Turn, Without};
use crate::protocol::Steps;

impl Drain {
    pub(super) fn begin_looks(&self, steps: &mut Steps<'_, State>) {
        let conductor = &steps.from.conductor;
        for i in 0..self.len() {
            let ring = self.ring(i);
            let settles =
                |&i: &usize| matches!(conductor.turns[i], Turn::Settling | Turn::SettlingAlone);
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
                let is_news = actor.quota.is_none() && self.without != Without::LastCall;
                next.actors[i].last_call |= is_news;
                let has_heard = actor.quota.is_some()
                    || matches!(self.without, Without::LastCall | Without::Hearing);
                if let Some(look) = &mut next.conductor.look {
                    look.is_empty = Some(actor.queue == 0 && has_heard);
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
        let is_alone = ring.iter().any(|&i| next.conductor.turns[i] == Turn::SettlingAlone)
            || self.without == Without::TwoStages;
        for &i in ring {
            next.conductor.seen[i] = None;
            match next.conductor.turns[i] {
                Turn::Settling | Turn::SettlingAlone if is_alone => self.call(next, i),
                // member.rs, join_ring
                Turn::Settling => {
                    next.actors[i].has_joined = self.without != Without::JoinFirst;
                    next.conductor.to_close.push(i);
                }
                _ => {}
            }
        }
    }

    /// member.rs, close
    pub(super) fn close_next(&self, i: usize, steps: &mut Steps<'_, State>) {
        steps.add("conductor", &format!("closes {i} but for its ring"), |next| {
            next.conductor.to_close.remove(0);
            next.conductor.turns[i] = Turn::SettlingAlone;
            next.actors[i].has_joined = true;
            next.actors[i].closed = true;
        });
    }
}
