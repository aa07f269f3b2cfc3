//! Rings: members that feed each other leave as one, when all of them are at rest.
//!
//! First they hear the last call: their timers end, and their channels are read out, so that nothing comes but through
//! mailboxes, which can be looked at. They are seen to be at rest twice, with nothing done in between: then there was a
//! moment at which all of them were so at once. Their children are looked at too, since what a child sends into the
//! ring is the ring's affair. Children that are tasks are not: they are in their loops until their parent's turn.
//!
//! Then they close for others, for good. What came late until then is handled, and may lead a member to send to another
//! that needs its children for it: so they are to be at rest once more. Then their turn has come: they let their
//! children leave, handle what those send, and rest, still open for each other. When all of them rest, all are closed
//! for good at once. The children of a member that fails, or was given up, may still send to the others: until they
//! have left, it counts as a member that does not rest.
//!
//! The threads of a pool that have children leave as a ring too. But they have their turn, and close for others, at
//! once; and when they have nothing to do their children are told to leave, however busy those are. If a pool of a
//! larger ring is told to leave alone, it leaves with its own threads only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Conductor, State};
use crate::deadline::Turn;
use crate::mailbox::{MailboxId, Post};
use crate::member::Member;
use crate::unwind::lock;

/// How often a ring is looked at. One that is very large is looked at for half of the time.
const SETTLING: Duration = Duration::from_millis(1);

impl Conductor<'_> {
    /// Lets the rings that are at rest close, and says when to look at the others.
    pub(super) fn settle_rings(&mut self) {
        let now = Instant::now();
        let settling: Vec<usize> = self
            .states
            .iter()
            .filter_map(|(&i, state)| matches!(state, State::Settling(_)).then_some(i))
            .collect();
        let mut done: BTreeSet<usize> = BTreeSet::new();
        for index in settling {
            if !done.contains(&index) {
                let mut ring = self.ring_of(index);
                let Some(own) = ring.iter().find(|member| member.life.index == index) else {
                    continue;
                };
                // A pool of the ring may have been told to leave alone, and has closed by itself. It settles alone; the
                // others wait for it, but it is open for them no more.
                let own = own.life.ring();
                ring.retain(|member| own.is_none() || member.life.ring() == own);
                let same = ring.iter().filter(|member| member.life.ring() == own);
                done.extend(same.map(|member| member.life.index));
                self.settle(&ring, now);
            }
        }
        let is_settling = self.states.values().any(|state| matches!(state, State::Settling(_)));
        self.settle_at = is_settling.then(|| Instant::now() + SETTLING.max(now.elapsed()));
    }

    fn ring_of(&self, index: usize) -> Vec<Arc<Member>> {
        let rings = self.companies.with(index).map(|company| company.ring(index));
        rings.into_iter().find(|ring| !ring.is_empty()).unwrap_or_default()
    }

    fn settle(&mut self, ring: &[Arc<Member>], now: Instant) {
        let mut look = self.look_at_ring(ring);
        if look.rests_for_now && !look.is_at_rest {
            let again = self.look_at_ring(ring);
            look = Look { is_getting_on: look.is_getting_on || again.is_getting_on, ..again };
        }
        self.touch_who_waits(ring, look.is_getting_on, now);
        let closed = ring.iter().filter(|member| member.life.leaves_with_ring()).count();
        if ring.iter().all(|member| member.life.may_part()) {
            self.finish_ring(ring);
        } else if look.is_at_rest && (closed == 0 || closed == ring.len()) && self.are_due(ring) {
            self.close_ring_at_rest(ring);
        }
    }

    /// A member that waits for the others of its ring is not stuck as long as they are not.
    fn touch_who_waits(&mut self, ring: &[Arc<Member>], is_getting_on: bool, now: Instant) {
        let turns = ring.iter().filter_map(|member| self.states.get(&member.life.index));
        let turns = turns.filter_map(|state| match state {
            State::InTurn(turn) | State::Settling(turn) => Some(*turn),
            State::Retiring(_) => None,
        });
        // One of them may itself wait for another that gets on.
        let latest = turns.reduce(Turn::waiting_for);
        for member in ring {
            let Some(State::Settling(turn)) = self.states.get_mut(&member.life.index) else {
                continue;
            };
            if is_getting_on {
                turn.touch(now);
            } else if member.life.sample().is_asleep() {
                *turn = latest.map_or(*turn, |latest| turn.waiting_for(latest));
            }
        }
    }

    /// Whether the turn of all of them has come. If some were told to leave early, that of the others comes later.
    fn are_due(&self, ring: &[Arc<Member>]) -> bool {
        ring.iter().all(|member| member.has_left() || self.is_in_turn(member.life.index))
    }

    /// Whether all members of a ring, and those below them, are at rest as they were when they were last looked at.
    fn look_at_ring(&mut self, ring: &[Arc<Member>]) -> Look {
        // The children of a pool that has its turn need not be at rest, and have their timers until their own.
        let is_in_turn = ring.iter().all(|member| member.life.stopping.is_set());
        let mut look = Look { is_at_rest: true, rests_for_now: true, is_getting_on: false };
        for (place, member) in self.with_their_children(ring).into_iter().enumerate() {
            let is_meant = !is_in_turn || place < ring.len();
            if is_meant {
                member.last_call();
            }
            // First the mailbox: what was taken out of it finds its taker awake, or finished.
            let is_empty = member.queued() == 0;
            let sample = member.life.sample();
            let rests = is_empty && sample.is_asleep() && !member.life.awaits_answers();
            let before = self.seen.insert(member.life.index, (sample, rests));
            look.is_getting_on |= before.is_none_or(|(before, _)| before.pulse() != sample.pulse());
            if is_meant {
                look.is_at_rest &= rests && before == Some((sample, true));
                look.rests_for_now &= rests && before.is_some();
            }
        }
        look
    }

    /// The members of a ring, and those below them that have mailboxes.
    fn with_their_children(&self, ring: &[Arc<Member>]) -> Vec<Arc<Member>> {
        let mut all = ring.to_vec();
        let mut looked_below = 0;
        while let Some(member) = all.get(looked_below) {
            looked_below += 1;
            if member.life.has_had_children() {
                let mut children = self.stage.children(member.life.index);
                children.retain(|child| child.capacity.is_some());
                all.extend(children);
            }
        }
        all
    }

    /// Whether anyone below the members of a ring, who may send to all of it, is still there. A member that rests has
    /// no children any more; one that fails or is given up reads its mailbox no more while they leave.
    fn is_above_anybody(&self, ring: &[Arc<Member>]) -> bool {
        ring.iter()
            .filter(|member| member.life.has_had_children())
            .any(|member| !self.stage.children(member.life.index).is_empty())
    }

    /// Closes a ring that is at rest for everybody else, for good. If that was so already, and the ring is at rest
    /// still, lets the children of its members leave, in their turn. What came between the look and the closing may have
    /// led a member to send to another that needs its children for it.
    fn close_ring_at_rest(&mut self, ring: &[Arc<Member>]) {
        if ring.iter().all(|member| member.is_finished_for_strangers()) {
            ring.iter().for_each(|member| member.life.let_part());
            self.close_ring(ring);
            return;
        }
        self.acquaint(ring);
        for member in ring {
            member.finish_for_strangers();
            // A member that is seen asleep after this hears the bell before it takes anything.
            member.ring();
        }
    }

    /// Gives the members of a ring their turn. Their mailboxes are closed, but for each other.
    pub(super) fn close_ring(&mut self, ring: &[Arc<Member>]) {
        self.acquaint(ring);
        for member in ring {
            self.seen.remove(&member.life.index);
            match member.life.stopping.is_set() {
                true => member.ring(),
                false => member.call(),
            }
        }
    }

    /// All members of a ring are to know each other before the first of them closes.
    fn acquaint(&mut self, ring: &[Arc<Member>]) {
        let Some(first) = ring.first() else { return };
        for member in ring {
            member.join_ring(first.life.index);
            // A member that had its turn alone ends with the others now, should it be the last of them.
            let state = self.states.get_mut(&member.life.index);
            if let Some(state @ &mut State::InTurn(turn)) = state {
                if turn.halted.is_none() {
                    *state = State::Settling(turn);
                }
            }
        }
    }

    /// Closes the mailboxes of a ring for good, if none of its members, and nobody below them, has anything to do.
    fn finish_ring(&mut self, ring: &[Arc<Member>]) {
        if self.is_above_anybody(ring) {
            return;
        }
        // One entry for all threads of a pool. A thread that rests does not look into the mailboxes beside its own
        // either.
        let mut posts: BTreeMap<MailboxId, (Arc<dyn Post>, usize)> = BTreeMap::new();
        for member in ring {
            let own = lock(&member.post).clone().into_iter().map(|post| (post.readers(), post));
            let beside = member.life.annexes().into_iter().map(|post| (0, post));
            posts.extend(own.chain(beside).map(|(resting, post)| (post.id(), (post, resting))));
        }
        let posts: Vec<_> = posts.into_values().collect();
        if !finish_together(&posts) {
            return;
        }
        for member in ring {
            if let Some(&State::Settling(turn)) = self.states.get(&member.life.index) {
                self.states.insert(member.life.index, State::InTurn(turn));
            }
            member.ring();
        }
    }
}

/// What a look at a ring has shown.
struct Look {
    is_at_rest: bool,
    /// At rest, though it was not, or not so, before. It is looked at again at once: children may send to it all the time,
    /// so that it is never at rest for as long as it takes until the next look.
    rests_for_now: bool,
    /// A member has handled something since the last look.
    is_getting_on: bool,
}

/// All of them, or none: what comes late to a mailbox that was closed a moment earlier than the others would be sent on
/// to them, or they to it.
fn finish_together(posts: &[(Arc<dyn Post>, usize)]) -> bool {
    match posts {
        [] => true,
        [(first, resting), others @ ..] => {
            first.finish_with(*resting, &mut || finish_together(others))
        }
    }
}

#[cfg(test)]
mod tests;
