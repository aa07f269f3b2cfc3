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
            look.is_at_rest = self.look_at_ring(ring).is_at_rest;
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
            look.is_at_rest &= !is_meant || rests && before == Some((sample, true));
            look.rests_for_now &= !is_meant || rests && before.is_some();
            look.is_getting_on |= before.is_none_or(|(before, _)| before.pulse() != sample.pulse());
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
    /// still, lets the children of its members leave, in their turn. What came late, as from a sender that had looked
    /// before, may have led a member to send to another that needs its children for it.
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
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Wake, Waker};

    use super::super::company::{Company, Errand};
    use super::super::tests::Scene;
    use super::*;
    use crate::capacity::Capacity;
    use crate::deadline::{DrainLimits, Turn};
    use crate::life::Life;
    use crate::mailbox::{Mailbox, Waiter};
    use crate::order::Node;
    use crate::stage::Stage;
    use crate::waiters::Ticket;

    /// Waits for room in the mailbox of the first, and looks at both when that closes.
    struct Onlooker([Arc<Life>; 2], AtomicBool);

    impl Wake for Onlooker {
        fn wake(self: Arc<Self>) {
            let [one, other] = &self.0;
            let (mine, theirs) = (one.is_open_for(other), other.is_open_for(one));
            self.1.store(mine && theirs, Ordering::SeqCst);
        }
    }

    /// Two members of a ring, whose turn it is, without threads.
    fn ring(
        conductor: &mut Conductor<'_>,
        stage: &Arc<Stage>,
        mailboxes: &[Arc<Mailbox<u32>>; 2],
    ) -> Vec<Arc<Member>> {
        let member = |(index, mailbox): (usize, &Arc<Mailbox<u32>>)| {
            let life = Arc::new(Life::new("a", index, false, Arc::clone(stage)));
            let turn = Turn::begin(Instant::now(), life.sample());
            conductor.states.insert(index, State::Settling(turn));
            Arc::new(Member::unstarted(life, Arc::clone(mailbox) as _))
        };
        mailboxes.iter().enumerate().map(member).collect()
    }

    fn mailboxes() -> [Arc<Mailbox<u32>>; 2] {
        [0, 1].map(|_| Mailbox::new(Capacity::Bounded(1)))
    }

    #[test]
    fn o4_the_mailboxes_of_a_ring_are_closed_for_good_together() {
        let scene = Scene::new();
        let mut conductor = scene.conductor();
        let mailboxes = mailboxes();
        let ring = ring(&mut conductor, &scene.stage, &mailboxes);
        let mut are_gone = || {
            conductor.finish_ring(&ring);
            mailboxes.each_ref().map(|mailbox| mailbox.is_gone())
        };
        assert!(mailboxes[0].rest());
        assert_eq!(are_gone(), [false; 2]);
        assert!(mailboxes[1].rest());
        // What came late is taken first.
        assert!(mailboxes[0].offer(&mailboxes[0].ordinary, 1).is_ok());
        assert_eq!(are_gone(), [false; 2]);
        assert!(mailboxes[0].rouse());
        assert!(mailboxes[0].take().is_some());
        assert_eq!(are_gone(), [false; 2]);
        assert!(mailboxes[0].rest());
        assert_eq!(are_gone(), [true; 2]);
        assert!(!mailboxes[0].rouse() && !mailboxes[0].rest());
    }

    #[test]
    fn o4_a_ring_waits_for_all_threads_of_a_pool_that_was_told_to_leave_alone() {
        let scene = Scene::new();
        let mut conductor = scene.conductor();
        let mailboxes = mailboxes();
        let ring = ring(&mut conductor, &scene.stage, &mailboxes);
        let [one, pool] = &mailboxes;
        pool.staff(2);
        // The first thread finds nothing; the other has still to hear of its turn, and takes from a channel too.
        assert!(pool.finish() && one.rest());
        for is_gone in [false, false, true] {
            conductor.finish_ring(&ring);
            assert_eq!(one.is_gone(), is_gone);
            pool.resign();
        }
    }

    #[test]
    fn o4_all_of_a_ring_know_each_other_before_the_first_of_them_closes() {
        let scene = Scene::new();
        let mut conductor = scene.conductor();
        let mailboxes = mailboxes();
        let ring = ring(&mut conductor, &scene.stage, &mailboxes);
        let lives = [0, 1].map(|i: usize| Arc::clone(&ring[i].life));
        let onlooker = Arc::new(Onlooker(lives, AtomicBool::new(false)));
        let waiter = Waiter::Thread(Waker::from(Arc::clone(&onlooker)));
        mailboxes[0].ordinary.room.come(Ticket::next(), waiter);
        conductor.close_ring(&ring);
        assert!(onlooker.1.load(Ordering::SeqCst));
    }

    /// That member has handled something, and sleeps again.
    fn get_on(life: &Life) {
        life.enter_message();
        life.leave_handled();
        life.fall_asleep();
    }

    #[test]
    fn o4_a_ring_is_at_rest_when_it_was_so_twice_with_nothing_done_in_between() {
        let scene = Scene::new();
        let mut conductor = scene.conductor();
        let mailboxes = mailboxes();
        let ring = ring(&mut conductor, &scene.stage, &mailboxes);
        let mut is_at_rest = || conductor.look_at_ring(&ring).is_at_rest;
        ring.iter().for_each(|member| member.life.fall_asleep());
        assert!(!is_at_rest());
        get_on(&ring[0].life);
        assert!(!is_at_rest());
        assert!(mailboxes[1].offer(&mailboxes[1].ordinary, 1).is_ok());
        assert!(!is_at_rest());
        assert!(mailboxes[1].take().is_some());
        assert!(!is_at_rest() && is_at_rest());
    }

    #[test]
    fn o3_o4_a_ring_to_which_children_send_all_the_time_is_at_rest_when_it_is_so_twice_at_once() {
        let scene = Scene::new();
        let mut conductor = scene.conductor();
        let mailboxes = mailboxes();
        let pool = ring(&mut conductor, &scene.stage, &mailboxes);
        conductor.close_ring(&pool);
        pool.iter().for_each(|thread| thread.life.fall_asleep());
        mailboxes.iter().for_each(|mailbox| assert!(mailbox.finish_for_strangers()));
        let mut is_at_rest = || {
            conductor.settle(&pool, Instant::now());
            pool.iter().all(|thread| thread.life.may_part())
        };
        // They may have still to hear of their turn.
        assert!(!is_at_rest());
        pool[0].life.enter_message();
        assert!(!is_at_rest());
        get_on(&pool[0].life);
        assert!(is_at_rest());
    }

    #[test]
    fn d1_o4_who_sleeps_in_a_ring_is_stuck_for_no_longer_than_the_others_are() {
        let scene = Scene::new();
        let mut conductor = scene.conductor();
        let mailboxes = mailboxes();
        let ring = ring(&mut conductor, &scene.stage, &mailboxes);
        conductor.settle(&ring, Instant::now());
        // As it is when it waits for another that gets on.
        let now = Instant::now() + Duration::from_secs(60);
        let Some(State::Settling(turn)) = conductor.states.get_mut(&1) else { unreachable!() };
        turn.touch(now);
        let mut is_stuck = || {
            conductor.settle(&ring, Instant::now());
            let Some(State::Settling(turn)) = conductor.states.get(&0) else { unreachable!() };
            turn.stuck_for(now) > Duration::ZERO
        };
        ring[1].life.enter_message();
        ring[0].life.enter_message();
        assert!(is_stuck());
        ring[0].life.fall_asleep();
        assert!(!is_stuck());
    }

    #[test]
    fn o2_o4_a_ring_of_which_some_were_told_to_leave_early_waits_for_the_turn_of_the_others() {
        let scene = Scene::new();
        let mut conductor = scene.conductor();
        let mailboxes = mailboxes();
        let ring = ring(&mut conductor, &scene.stage, &mailboxes);
        let turn = conductor.states.remove(&1);
        ring.iter().for_each(|member| member.life.fall_asleep());
        let closes = |conductor: &mut Conductor<'_>| {
            conductor.settle(&ring, Instant::now());
            mailboxes.iter().any(|mailbox| mailbox.is_closed())
        };
        assert!(!closes(&mut conductor) && !closes(&mut conductor));
        conductor.states.extend(turn.map(|turn| (1, turn)));
        assert!(closes(&mut conductor));
    }

    /// Whether the members of a ring are told that their turn has come.
    fn are_called(ring: &[Arc<Member>]) -> [bool; 2] {
        [0, 1].map(|i: usize| ring[i].life.stopping.is_set())
    }

    #[test]
    fn o3_o4_a_ring_that_something_came_to_late_has_its_turn_when_it_is_at_rest_and_closed_for_others()
     {
        let scene = Scene::new();
        let mut conductor = scene.conductor();
        let mailboxes = mailboxes();
        let ring = ring(&mut conductor, &scene.stage, &mailboxes);
        let beside = Mailbox::<u32>::new(Capacity::Bounded(1));
        ring[1].life.add_annex(Arc::clone(&beside) as _);
        let are_closed =
            || mailboxes.iter().chain([&beside]).all(|mailbox| mailbox.has_stage_door());
        ring.iter().for_each(|member| member.life.fall_asleep());
        // What lies there has come since they were seen at rest.
        assert!(beside.offer(&beside.ordinary, 1).is_ok());
        conductor.close_ring_at_rest(&ring);
        assert!(mailboxes.iter().all(|mailbox| mailbox.is_closed() && mailbox.bell_of(0).heard()));
        assert!(!are_closed() && are_called(&ring) == [false; 2]);
        assert!(beside.take().is_some());
        let mut settle = || {
            conductor.settle(&ring, Instant::now());
            (are_closed(), are_called(&ring))
        };
        assert_eq!(settle(), (false, [false; 2]));
        assert_eq!(settle(), (true, [false; 2]));
        // To whom it sends because of that is not known before it is seen at rest again.
        ring[0].life.enter_message();
        assert_eq!(settle(), (true, [false; 2]));
        get_on(&ring[0].life);
        assert_eq!(settle(), (true, [true; 2]));
    }

    #[test]
    fn o4_a_ring_does_not_close_while_a_pool_of_it_that_was_told_to_leave_alone_is_there() {
        let scene = Scene::new();
        let mut conductor = scene.conductor();
        let mailboxes = mailboxes();
        let ring = ring(&mut conductor, &scene.stage, &mailboxes);
        let [one, pool] = &ring[..] else { unreachable!("there are two") };
        pool.join_ring(7);
        ring.iter().for_each(|member| member.life.fall_asleep());
        (0..3).for_each(|_| conductor.settle(&ring, Instant::now()));
        assert!(!one.life.leaves_with_ring());
        conductor.seen.clear();
        (0..2).for_each(|_| conductor.settle(&ring[..1], Instant::now()));
        assert!(one.life.leaves_with_ring());
    }

    #[test]
    fn d1_nobody_of_a_ring_is_stuck_while_another_of_it_gets_on() {
        let scene = Scene::new();
        let mut conductor = scene.conductor();
        let ring = ring(&mut conductor, &scene.stage, &mailboxes());
        let now = Instant::now() + Duration::from_secs(1);
        let mut stuck_after = |seconds| {
            let now = now + Duration::from_secs(seconds);
            conductor.settle(&ring, now);
            let stuck_for = |state: &State| match state {
                State::Settling(turn) => turn.stuck_for(now).as_secs(),
                _ => unreachable!("they are awake"),
            };
            conductor.states.values().map(stuck_for).collect::<Vec<_>>()
        };
        assert_eq!([stuck_after(0), stuck_after(3)], [[0, 0], [3, 3]]);
        ring[0].life.enter_message();
        ring[0].life.leave_handled();
        assert_eq!([stuck_after(4), stuck_after(6)], [[0, 0], [2, 2]]);
    }

    #[test]
    fn o4_d2_one_of_a_ring_that_has_met_its_deadline_is_waited_for_no_longer() {
        let scene = Scene::new();
        let mut conductor = scene.conductor();
        let ring = ring(&mut conductor, &scene.stage, &mailboxes());
        for (member, halted) in ring.iter().zip([Some(Instant::now()), None]) {
            let mut turn = Turn::begin(Instant::now(), member.life.sample());
            turn.halted = halted;
            conductor.states.insert(member.life.index, State::InTurn(turn));
        }
        conductor.close_ring(&ring);
        assert!(matches!(conductor.states[&0], State::InTurn(turn) if turn.halted.is_some()));
        assert!(matches!(conductor.states[&1], State::Settling(_)));
    }

    #[test]
    fn o4_what_is_beside_the_mailboxes_of_a_ring_is_closed_for_good_with_them() {
        let scene = Scene::new();
        let mut conductor = scene.conductor();
        let mailboxes = mailboxes();
        let ring = ring(&mut conductor, &scene.stage, &mailboxes);
        let beside = Mailbox::<u32>::new(Capacity::Bounded(1));
        ring[1].life.add_annex(Arc::clone(&beside) as _);
        assert!(mailboxes.iter().all(|mailbox| mailbox.rest()));
        assert!(beside.offer(&beside.ordinary, 1).is_ok());
        conductor.finish_ring(&ring);
        assert!(!mailboxes[0].is_gone() && !beside.is_gone());
        assert!(beside.take().is_some());
        conductor.finish_ring(&ring);
        assert!(mailboxes[0].is_gone() && beside.is_gone());
    }

    #[test]
    fn o4_the_ring_of_somebody_is_found_though_it_was_told_to_leave_alone_before() {
        let scene = Scene::new();
        let mut conductor = scene.conductor();
        let mailboxes = mailboxes();
        let ring = ring(&mut conductor, &scene.stage, &mailboxes);
        let [one, other] = mailboxes.each_ref().map(|mailbox| mailbox.id);
        let feeds = |own, other| Node {
            mailbox: Some(own),
            feeds: Some(vec![other]),
            ..ring[0].node.clone()
        };
        let nodes = [feeds(one, other), feeds(other, one)];
        let alone = (vec![Arc::clone(&ring[1])], vec![nodes[1].clone()], Errand::Own);
        let family = (ring, nodes.to_vec(), Errand::Parent { index: 2, tell: None });
        for (members, nodes, errand) in [alone, family] {
            let limits = DrainLimits::default();
            conductor.companies.add(Company::new(members, nodes, limits, errand));
        }
        assert_eq!(conductor.ring_of(1).len(), 2);
    }

    /// A child of one of them waits for room in the mailbox of the other when both close.
    #[test]
    fn o4_who_becomes_one_of_the_ring_while_it_waits_for_room_waits_on() {
        let scene = Scene::new();
        let mut conductor = scene.conductor();
        let mailboxes = mailboxes();
        let ring = ring(&mut conductor, &scene.stage, &mailboxes);
        let to = &mailboxes[1];
        to.belong_to(&ring[1].life);
        let mut child = Life::new("child", 5, false, Arc::clone(&scene.stage));
        child.parent = Some(Arc::clone(&ring[0].life));
        assert!(to.offer(&to.ordinary, 1).is_ok());
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| {
                crate::life::set_current(Arc::new(child));
                to.wait_for_room(&to.ordinary, 2, None, None).is_ok()
            });
            while !to.ordinary.room.is_awaited() {
                std::thread::yield_now();
            }
            conductor.close_ring(&ring);
            while !to.ordinary.room.is_awaited() && !waits.is_finished() {
                std::thread::yield_now();
            }
            assert_eq!(to.take(), Some(1));
            assert!(waits.join().is_ok_and(|is_sent| is_sent));
        });
    }
}
