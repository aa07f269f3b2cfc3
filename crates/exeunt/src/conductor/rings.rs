//! Rings: those who feed each other leave as one, when all of them are at rest.
//!
//! First they hear the last call: their timers end, and their channels are read out, so that nothing comes but
//! through mailboxes, which can be looked at. They are seen to be at rest twice, with nothing done in between:
//! then there was a moment at which all of them were so at once. Their children are looked at too, since what one
//! of those sends into the ring is the ring's affair. Children that are tasks are not: they are in their loops
//! until their parent's turn.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::company::Company;
use super::{Conductor, State};
use crate::deadline::Turn;
use crate::member::Member;

/// How often a ring is looked at.
pub(super) const SETTLING: Duration = Duration::from_millis(1);

impl Conductor<'_> {
    pub(super) fn is_settling(&self) -> bool {
        self.states.values().any(|state| matches!(state, State::Settling(_)))
    }

    /// Lets those rings close that are at rest.
    pub(super) fn settle_rings(&mut self, now: Instant) {
        if !self.is_settling() {
            return;
        }
        let settling: Vec<usize> = self
            .states
            .iter()
            .filter_map(|(&i, state)| matches!(state, State::Settling(_)).then_some(i))
            .collect();
        let mut done: BTreeSet<usize> = BTreeSet::new();
        for index in settling {
            if !done.contains(&index) {
                let ring = self.ring_of(index);
                done.extend(ring.iter().map(|member| member.life.index));
                self.settle(&ring, now);
            }
        }
    }

    fn ring_of(&self, index: usize) -> Vec<Arc<Member>> {
        let ring = |company: &Company| {
            let at = company.members.iter().position(|member| member.life.index == index)?;
            Some(company.ring(at)).filter(|ring| !ring.is_empty())
        };
        let mut ring = self.companies.iter().find_map(ring).unwrap_or_default();
        ring.retain(|member| !member.has_left());
        ring
    }

    fn settle(&mut self, ring: &[Arc<Member>], now: Instant) {
        let mut is_at_rest = true;
        let mut is_getting_on = false;
        for member in self.with_their_children(ring) {
            member.last_call();
            let life = &member.life;
            // First the mailbox: what was taken out of it finds its taker awake, or finished. And first whether it
            // has heard: if it sleeps after that, it has handled what its channels had for it.
            let has_nothing = member.queued() == 0 && life.has_heard_last_call();
            let sample = life.sample();
            let rests = has_nothing
                && sample.is_asleep()
                && !life.awaits_answers()
                && !self.is_told_something(life.index);
            let before = self.seen.insert(member.life.index, (sample, rests));
            is_at_rest &= rests && before == Some((sample, true));
            is_getting_on |= before.is_none_or(|(before, _)| before.pulse() != sample.pulse());
        }
        for member in ring.iter().filter(|_| is_getting_on) {
            // Who waits for the others of its ring is not stuck as long as they are not.
            if let Some(State::Settling(turn)) = self.states.get_mut(&member.life.index) {
                turn.touch(now);
            }
        }
        if is_at_rest {
            self.close_ring(ring);
        }
    }

    /// Whether it has an order of its own, to leave alone, say, that it may still have to wake up for.
    fn is_told_something(&self, index: usize) -> bool {
        matches!(self.states.get(&index), Some(State::InTurn(_) | State::Retiring(_)))
    }

    /// Those of a ring, and those below them that have mailboxes.
    fn with_their_children(&self, ring: &[Arc<Member>]) -> Vec<Arc<Member>> {
        let mut all: BTreeMap<usize, Arc<Member>> =
            ring.iter().map(|member| (member.life.index, Arc::clone(member))).collect();
        if ring.iter().any(|member| member.life.has_had_children()) {
            // In the order of spawning, so that parents come before their children.
            for member in self.stage.members() {
                let is_below = member.parent().is_some_and(|parent| all.contains_key(&parent));
                if is_below && member.capacity.is_some() {
                    all.insert(member.life.index, member);
                }
            }
        }
        all.into_values().collect()
    }

    /// Closes the mailboxes of a ring at rest: first for all others, since what comes to one of them just
    /// now would find the rest closed; then, at rest once more, for each other.
    fn close_ring(&mut self, ring: &[Arc<Member>]) {
        for member in ring {
            self.seen.remove(&member.life.index);
        }
        let settling: Vec<(&Arc<Member>, Turn)> = ring
            .iter()
            .filter_map(|member| match self.states.get(&member.life.index) {
                Some(State::Settling(turn)) => Some((member, *turn)),
                _ => None,
            })
            .collect();
        if let Some(token) = ring.iter().find_map(|member| member.life.ring()) {
            token.close();
            for (member, turn) in settling {
                self.states.insert(member.life.index, State::InTurn(turn));
                member.call();
            }
        } else {
            // All of them know each other before the first of them closes.
            let token = Arc::default();
            settling.iter().for_each(|(member, _)| member.join_ring(&token));
            settling.iter().for_each(|(member, _)| member.close());
        }
    }
}

#[cfg(all(test, feature = "async"))]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Wake, Waker};

    use super::*;
    use crate::capacity::Capacity;
    use crate::life::Life;
    use crate::mailbox::Mailbox;
    use crate::stage::Stage;
    use crate::unwind::lock;
    use crate::waiters::Ticket;

    /// Waits for room in the mailbox of the one, and looks at both when that closes.
    struct Onlooker([Arc<Life>; 2], AtomicBool);

    impl Wake for Onlooker {
        fn wake(self: Arc<Self>) {
            let [one, other] = &self.0;
            let (mine, theirs) = (one.is_open_for(other), other.is_open_for(one));
            self.1.store(mine && theirs, Ordering::SeqCst);
        }
    }

    /// Two of a ring that sleep, with nothing to do, and who conducts them.
    fn ring(conductor: &mut Conductor<'_>, stage: &Arc<Stage>) -> Vec<Arc<Member>> {
        [0, 1].map(|index| settling(conductor, stage, index)).into()
    }

    fn settling(conductor: &mut Conductor<'_>, stage: &Arc<Stage>, index: usize) -> Arc<Member> {
        let life = Arc::new(Life::new("a".into(), index, false, Arc::clone(stage)));
        let turn = Turn::begin(Instant::now(), life.sample());
        conductor.states.insert(index, State::Settling(turn));
        life.fall_asleep();
        life.hear_last_call();
        let mailbox = Mailbox::<u32>::new(Capacity::Bounded(1));
        Arc::new(Member::unstarted(life, mailbox))
    }

    fn is_closing(ring: &[Arc<Member>]) -> bool {
        ring.iter().all(|member| member.life.ring().is_some())
    }

    #[test]
    fn o4_a_ring_is_not_at_rest_before_one_that_was_told_to_leave_alone_has_left() {
        let (stage, (_told, cues)) =
            (Arc::new(Stage::new("test".into())), crossbeam_channel::unbounded());
        let mut conductor = Conductor::new(&stage, &cues);
        let ring = ring(&mut conductor, &stage);
        let turn = Turn::begin(Instant::now(), ring[0].life.sample());
        let now = Instant::now();
        // It has still to wake up, and to find what came late.
        conductor.states.insert(0, State::InTurn(turn));
        (0..3).for_each(|_| conductor.settle(&ring, now));
        assert!(!is_closing(&ring));
        conductor.states.insert(0, State::Settling(turn));
        (0..3).for_each(|_| conductor.settle(&ring, now));
        assert!(is_closing(&ring));
    }

    #[test]
    fn o4_all_of_a_ring_know_each_other_before_the_first_of_them_closes() {
        let (stage, (_told, cues)) =
            (Arc::new(Stage::new("test".into())), crossbeam_channel::unbounded());
        let mut conductor = Conductor::new(&stage, &cues);
        let ring = ring(&mut conductor, &stage);
        let lives = [0, 1].map(|i: usize| Arc::clone(&ring[i].life));
        let onlooker = Arc::new(Onlooker(lives, AtomicBool::new(false)));
        let mailbox = Mailbox::<u32>::new(Capacity::Bounded(1));
        mailbox.room.add(Ticket::next(), &Waker::from(Arc::clone(&onlooker)));
        *lock(&ring[0].post) = Some(mailbox);
        conductor.close_ring(&ring);
        assert!(onlooker.1.load(Ordering::SeqCst));
    }
}
