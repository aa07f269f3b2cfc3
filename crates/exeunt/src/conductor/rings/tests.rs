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

/// One that it has beside its own.
fn beside(member: &Member) -> Arc<Mailbox<u32>> {
    let beside = Mailbox::new(Capacity::Bounded(1));
    member.life.add_annex(Arc::clone(&beside) as _);
    beside
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
    // Nobody looks at it any more.
    assert!(conductor.states.values().all(|state| matches!(state, State::InTurn(_))));
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
    mailboxes[0].ordinary.queue_up(Ticket::next(), waiter);
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
    pool.iter().for_each(|thread| thread.life.fall_asleep());
    let looks = [0, 1].map(|_| conductor.look_at_ring(&pool).is_at_rest);
    assert_eq!(looks, [false, true]);
    conductor.close_ring(&pool);
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
fn o3_o4_the_children_of_a_ring_are_to_be_at_rest_until_the_turn_of_all_of_it_has_come() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let ring = ring(&mut conductor, &scene.stage, &mailboxes());
    let [parent, other] = &ring[..] else { unreachable!("there are two") };
    assert!(parent.life.found_family());
    let mut child = Life::new("child", 2, false, Arc::clone(&scene.stage));
    child.parent = Some(Arc::clone(&parent.life));
    let mailbox = Mailbox::<u32>::new(Capacity::Bounded(1));
    let child = scene.stage.enter(Member::unstarted(Arc::new(child), mailbox));
    child.life.enter_message();
    ring.iter().for_each(|member| member.life.fall_asleep());
    let mut is_at_rest = || (0..2).any(|_| conductor.look_at_ring(&ring).is_at_rest);
    assert!(!is_at_rest());
    parent.life.stopping.set();
    assert!(!is_at_rest());
    other.life.stopping.set();
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

#[test]
fn o4_a_ring_waits_for_no_turn_of_one_that_has_left() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let mailboxes = mailboxes();
    let ring = ring(&mut conductor, &scene.stage, &mailboxes);
    ring.iter().for_each(|member| member.life.fall_asleep());
    conductor.states.remove(&1);
    ring[1].has_left.store(true, Ordering::Relaxed);
    (0..2).for_each(|_| conductor.settle(&ring, Instant::now()));
    assert!(mailboxes[0].is_closed());
}

#[test]
fn o4_rings_are_looked_at_until_none_settles() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    ring(&mut conductor, &scene.stage, &mailboxes());
    let mut is_one_looked_at = |settles: bool| {
        if !settles {
            conductor.states.clear();
        }
        conductor.settle_rings();
        conductor.settle_at.is_some()
    };
    assert_eq!([true, false].map(&mut is_one_looked_at), [true, false]);
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
    let beside = beside(&ring[1]);
    let are_closed =
        || mailboxes.iter().chain([&beside]).all(|mailbox| mailbox.is_finished_for_strangers());
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
    // Nor while all of them are seen asleep, but one was not all the time.
    ring.iter().for_each(|member| member.life.fall_asleep());
    assert_eq!(stuck_after(7), [3, 3]);
    get_on(&ring[0].life);
    assert_eq!(stuck_after(8), [0, 0]);
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
    let beside = beside(&ring[1]);
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
    let feeds =
        |own, other| Node { mailbox: Some(own), feeds: Some(vec![other]), ..ring[0].node.clone() };
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
        while !to.ordinary.is_awaited() {
            std::thread::yield_now();
        }
        conductor.close_ring(&ring);
        while !to.ordinary.is_awaited() && !waits.is_finished() {
            std::thread::yield_now();
        }
        assert_eq!(to.take(), Some(1));
        assert!(waits.join().is_ok_and(|is_sent| is_sent));
    });
}
