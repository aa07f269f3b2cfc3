use std::sync::atomic::Ordering;

use super::super::company::Errand;
use super::super::tests::Scene;
use super::*;
use crate::capacity::Capacity;
use crate::deadline::{DrainClock, DrainLimits, OwnLimits};
use crate::life::Life;
use crate::mailbox::Mailbox;
use crate::notice::ActorIdentity;
use crate::report::Reason;

/// So many members, of which the first has left.
fn members(scene: &Scene, count: usize) -> Vec<Arc<Member>> {
    let members: Vec<Arc<Member>> = (0..count).map(|index| scene.member(index)).collect();
    members[0].has_left.store(true, Ordering::Relaxed);
    members
}

fn company(members: &[Arc<Member>], errand: Errand) -> Company {
    let nodes = members.iter().map(|member| member.node.clone()).collect();
    Company::new(members.to_vec(), nodes, DrainLimits::default(), errand)
}

#[test]
fn o1_nobody_has_a_turn_twice_or_after_it_has_left() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let members = members(&scene, 3);
    conductor.companies.add(company(&members, Errand::System));
    let before = Instant::now() + Duration::from_secs(60);
    let turn = Turn::begin(before, members[1].life.sample());
    conductor.states.insert(1, State::InTurn(turn));
    conductor.give_turns();
    let began = |state: &State| match state {
        State::InTurn(turn) => turn.began == before,
        _ => unreachable!("they are in no ring"),
    };
    let turns: Vec<_> = conductor.states.iter().map(|(&i, state)| (i, began(state))).collect();
    assert_eq!(turns, [(1, true), (2, false)]);
    assert_eq!(
        members.iter().map(|member| member.life.stopping.is_set()).collect::<Vec<_>>(),
        [false, false, true]
    );
}

#[test]
fn d2_the_deadline_of_a_parent_is_that_of_the_children_that_are_there_and_have_not_met_theirs() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let all = members(&scene, 4);
    let errand = Errand::Parent { index: 3, tell: None };
    conductor.companies.add(company(&all[..3], errand));
    let (now, before) = (Instant::now() + Duration::from_secs(60), Instant::now());
    let mut turn = Turn::begin(before, all[1].life.sample());
    turn.halted = Some(before);
    conductor.states.insert(1, State::InTurn(turn));
    conductor.halt(&all[3], now);
    let halted = |state: &State| match state {
        State::InTurn(turn) => turn.halted,
        _ => None,
    };
    let states: Vec<_> = conductor.states.iter().map(|(&i, state)| (i, halted(state))).collect();
    assert_eq!(states, [(1, Some(before)), (2, Some(now)), (3, Some(now))]);
    // Its turn has come with its deadline, also that of a child that would have come later.
    let called: Vec<_> = all.iter().map(|member| member.life.stopping.is_set()).collect();
    assert_eq!(called, [false, false, true, true]);
}

#[test]
fn d2_who_meets_its_deadline_with_its_parent_is_told_so_once() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let all = [0, 1].map(|index| scene.entered(index, OwnLimits::default()));
    let mut family = company(&all[1..], Errand::Parent { index: 0, tell: None });
    let limits = DrainLimits { budget: Duration::ZERO, ..DrainLimits::default() };
    family.clock = DrainClock::start(limits, Instant::now(), 1);
    conductor.companies.add(family);
    for member in &all {
        let turn = Turn::begin(Instant::now(), member.life.sample());
        conductor.states.insert(member.life.index, State::InTurn(turn));
    }
    conductor.enforce_deadlines();
    let told: Vec<_> = scene
        .notices()
        .into_iter()
        .filter_map(|notice| match notice {
            Notice::Overdue { name, .. } => Some(name),
            _ => None,
        })
        .collect();
    assert_eq!(told, ["0", "1"]);
}

#[test]
fn r1_the_deadline_of_one_of_a_ring_is_that_of_the_turn_that_it_has() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let (member, before) = (scene.member(1), Instant::now());
    let turn = Turn::begin(before, member.life.sample());
    conductor.states.insert(1, State::Settling(turn));
    let now = before + Duration::from_secs(60);
    conductor.halt(&member, now);
    let State::InTurn(turn) = conductor.states[&1] else { unreachable!("it settles no more") };
    assert_eq!((turn.began, turn.halted), (before, Some(now)));
}

#[test]
fn d1_all_have_their_turn_when_the_budget_is_used_up_though_nobody_has_left() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let members = members(&scene, 3);
    let mut nodes: Vec<_> = members.iter().map(|member| member.node.clone()).collect();
    nodes[2].after = vec![1];
    let limits = DrainLimits {
        budget: Duration::from_millis(20),
        grace: Duration::from_secs(60),
        ..DrainLimits::default()
    };
    let mut company = Company::new(members, nodes, limits, Errand::System);
    company.clock = DrainClock::start(limits, Instant::now(), 2);
    conductor.companies.add(company);
    let until = Instant::now() + Duration::from_secs(30);
    while !conductor.is_in_turn(2) && Instant::now() < until {
        conductor.attend();
    }
    assert!(conductor.is_in_turn(1) && conductor.is_in_turn(2));
}

#[test]
fn d1_when_the_budget_is_used_up_all_are_looked_at_at_once_and_then_as_often_as_before() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let members = members(&scene, 2);
    let mut look_at = |budget| {
        let mut company = company(&members, Errand::System);
        let limits = DrainLimits { budget, ..DrainLimits::default() };
        let start = Instant::now();
        company.clock = DrainClock::start(limits, start, 1);
        conductor.companies.add(company);
        conductor.enforce_deadlines();
        (start, conductor.look_at.unwrap())
    };
    let soon = Duration::from_millis(50);
    let (start, next) = look_at(soon);
    // A machine that is so busy that it is over already shows nothing.
    assert!(next == start + soon || start.elapsed() >= soon);
    let (start, next) = look_at(Duration::ZERO);
    assert!(next >= start + Duration::from_millis(100));
}

#[test]
fn d1_whose_turn_begins_is_looked_at_by_its_first_limit_and_often() {
    let scene = Scene::new();
    let members = members(&scene, 2);
    let (soon, often) = (Duration::from_millis(50), Duration::from_millis(100));
    let far = Some(Instant::now() + Duration::from_secs(60));
    let give_turns = |limits, who: usize, look_at| {
        let mut conductor = scene.conductor();
        let mut company = company(&members[who..=who], Errand::System);
        company.clock = DrainClock::start(limits, Instant::now(), 1);
        let end = company.clock.end();
        conductor.companies.add(company);
        conductor.look_at = look_at;
        conductor.give_turns();
        let began = conductor.states.values().next().map(|state| match state {
            State::InTurn(turn) => turn.began,
            _ => unreachable!("they are in no ring"),
        });
        (began, end, conductor.look_at)
    };
    let limits = DrainLimits::default();
    let (began, _, look_at) = give_turns(limits, 1, far);
    assert_eq!(look_at, began.map(|began| began + often));
    assert_eq!(members[1].life.deadline(), began.map(|began| began + limits.stall));
    let (began, _, look_at) = give_turns(DrainLimits { stall: soon, ..limits }, 1, far);
    assert_eq!(look_at, began.map(|began| began + soon));
    // Nobody's turn begins, but the time will be up.
    let budget = Duration::from_secs(30);
    let (began, end, look_at) = give_turns(DrainLimits { budget, ..limits }, 0, far);
    assert_eq!((began, look_at), (None, end));
    // All are looked at earlier, or at once, anyhow.
    let now = Some(Instant::now());
    assert_eq!([now, None].map(|look_at| give_turns(limits, 1, look_at).2), [now, None]);
}

#[test]
fn d3_somebody_is_looked_at_when_its_grace_ends() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    scene.entered(0, OwnLimits::default());
    let grace = Duration::from_millis(50);
    lock(&scene.stage.limits).grace = grace;
    let now = Instant::now();
    let mut turn = Turn::begin(now, Life::unstarted().sample());
    turn.halted = Some(now);
    conductor.states.insert(0, State::InTurn(turn));
    conductor.enforce_deadlines();
    // A machine that is so busy that it is over already shows nothing.
    assert!(conductor.look_at == Some(now + grace) || now.elapsed() >= grace);
}

#[test]
fn d3_with_a_grace_of_nothing_who_has_met_its_deadline_is_looked_at_again_at_once() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let member = scene.entered(0, OwnLimits::default());
    let nothing = Duration::ZERO;
    *lock(&scene.stage.limits) =
        DrainLimits { stall: nothing, grace: nothing, ..DrainLimits::default() };
    member.life.enter_message();
    let turn = Turn::begin(Instant::now(), member.life.sample());
    conductor.states.insert(0, State::InTurn(turn));
    conductor.enforce_deadlines();
    assert!(conductor.is_halted(0) && conductor.look_at <= Some(Instant::now()));
    // Until its thread is believed to be where it is seen.
    while !member.has_left() {
        conductor.enforce_deadlines();
    }
    assert!(conductor.look_at <= Some(Instant::now()));
}

#[test]
fn d1_a_drain_says_whom_it_waits_for_once_a_second_however_often_it_looks() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    assert_eq!(conductor.say_whom_we_wait_for(Instant::now()), None);
    conductor.begin(&Reason::Shutdown);
    let first = conductor.drain.as_ref().map(|drain| drain.next_word).unwrap();
    let second = first + SAY_EVERY + SAY_EVERY / 2;
    let looks = [first - SAY_EVERY, first - SAY_EVERY / 2, first + SAY_EVERY / 2, second];
    let next = looks.map(|now| conductor.say_whom_we_wait_for(now).unwrap());
    assert_eq!(next, [first, first, second, second + SAY_EVERY]);
    let soon = Instant::now() + Duration::from_millis(50);
    conductor.drain.iter_mut().for_each(|drain| drain.next_word = soon);
    conductor.enforce_deadlines();
    // A machine that is so busy that it is over already shows nothing.
    assert!(conductor.look_at == Some(soon) || Instant::now() >= soon);
}

#[test]
fn d1_a_drain_says_of_whom_it_waits_for_what_comes_first() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let stalls = [3, 2, 4, 5, 5].map(Duration::from_secs);
    let stalls = stalls.map(|stall| OwnLimits { stall: Some(stall), deadline: None });
    let all = stalls.into_iter().enumerate().map(|(index, own)| scene.entered(index, own));
    let all: Vec<_> = all.collect();
    let mailbox = Mailbox::new(Capacity::Bounded(1));
    assert!(mailbox.offer(&mailbox.ordinary, 7_u32).is_ok());
    *lock(&all[1].post) = Some(mailbox);
    conductor.begin(&Reason::Shutdown);
    let now = conductor.drain.as_ref().map(|drain| drain.next_word).unwrap();
    let turn = Turn::begin(now, all[0].life.sample());
    let halted = |tenths: u32| {
        let mut turn = turn;
        turn.halted = Some(now - Duration::from_millis(100) * tenths);
        State::InTurn(turn)
    };
    let states = [State::InTurn(turn), State::Settling(turn), halted(1), halted(4), halted(8)];
    conductor.states.extend(states.into_iter().enumerate());
    // The last waits for its children, which have deadlines of their own.
    let errand = Errand::Parent { index: 4, tell: None };
    conductor.companies.add(company(&[scene.member(5)], errand));
    drop(scene.notices());
    conductor.say_whom_we_wait_for(now);
    let [Notice::Waiting { on, until_deadline, given_up_next }] = &scene.notices()[..] else {
        panic!("it says so once");
    };
    let queued: Vec<_> =
        on.iter().map(|(who, queued)| (who.id, who.name.as_str(), *queued)).collect();
    assert_eq!(queued, [(0, "0", 0), (1, "1", 1), (2, "2", 0), (3, "3", 0), (4, "4", 0)]);
    assert_eq!(*until_deadline, Some(Duration::from_secs(2)));
    let next = ActorIdentity { id: 3, name: "3".to_owned() };
    assert_eq!(*given_up_next, Some((next, Duration::from_millis(600))));
}

#[test]
fn d1_who_is_to_begin_anew_has_still_to_have_its_turn() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    (0..4).for_each(|index| drop(scene.entered(index, OwnLimits::default())));
    let turn = Turn::begin(Instant::now(), Life::unstarted().sample());
    conductor.states.insert(0, State::InTurn(turn));
    conductor.states.insert(1, State::Retiring(turn));
    // Two are there, and one has left.
    conductor.waited_for_and_left = 1;
    assert_eq!(conductor.to_come(), 2);
}

#[test]
fn d1_who_has_a_shorter_stall_limit_of_its_own_is_looked_at_as_often_as_that_asks_for() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let turn = Turn::begin(Instant::now(), Life::unstarted().sample());
    let own = [None, Some(200), Some(300)].map(|stall| stall.map(Duration::from_millis));
    let limits = own.into_iter().enumerate().map(|(index, stall)| {
        let member = scene.entered(index, OwnLimits { stall, ..OwnLimits::default() });
        conductor.states.insert(index, State::InTurn(turn));
        conductor.stall_limit_of(&member)
    });
    assert_eq!(limits.collect::<Vec<_>>(), [5_000, 200, 300].map(Duration::from_millis));
    assert_eq!(conductor.look_every(), Duration::from_millis(20));
}

#[test]
fn d1_whoever_is_left_to_come_in_the_drain_of_the_system_counts_for_those_who_leave_before_it() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let members = members(&scene, 3);
    conductor.companies.add(company(&members[1..], Errand::Own));
    conductor.to_come = 7;
    let to_come = |conductor: &Conductor<'_>| conductor.terms_of(1, Instant::now()).1;
    assert_eq!(to_come(&conductor), 2);
    conductor.give_turns();
    assert_eq!(to_come(&conductor), 0);
    conductor.begin(&Reason::Shutdown);
    assert_eq!(to_come(&conductor), 7);
}

#[test]
fn d1_time_in_which_the_process_was_stopped_counts_neither_in_a_turn_nor_in_the_drain() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let members = members(&scene, 2);
    conductor.companies.add(company(&members, Errand::System));
    conductor.give_turns();
    let State::InTurn(turn) = conductor.states[&1] else { unreachable!("it is in no ring") };
    conductor.states.extend([(2, State::Settling(turn)), (3, State::Retiring(turn))]);
    let (now, lost) = (Instant::now() + Duration::from_secs(60), Duration::from_secs(7));
    let stuck_for = |conductor: &Conductor<'_>| {
        [1, 2, 3].map(|index| match conductor.states[&index] {
            State::InTurn(turn) | State::Settling(turn) | State::Retiring(turn) => {
                turn.stuck_for(now)
            }
        })
    };
    let (end, stuck) = (conductor.companies.ends().next(), stuck_for(&conductor));
    conductor.excuse(lost);
    assert_eq!(conductor.companies.ends().next(), end.map(|end| end + lost));
    assert_eq!(stuck_for(&conductor), stuck.map(|stuck| stuck - lost));
}

#[test]
fn d1_d3_who_waits_for_its_children_or_is_to_begin_anew_has_no_deadline_of_its_own() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let members = members(&scene, 3);
    let member = &members[2];
    let (now, late) = (Instant::now(), Instant::now() + Duration::from_secs(10));
    let turn = Turn::begin(now, member.life.sample());
    let decide = |conductor: &mut Conductor<'_>, state, at| {
        conductor.states.insert(2, state);
        let decision = conductor.decide_about(member, at);
        (decision, member.life.deadline().is_some())
    };
    let (_, is_known) = decide(&mut conductor, State::InTurn(turn), now);
    assert!(is_known);
    let (decision, is_known) = decide(&mut conductor, State::Retiring(turn), late);
    assert_eq!((decision, is_known), (Decision::Halt, false));
    let mut overdue = turn;
    overdue.halted = Some(now);
    let (decision, is_known) = decide(&mut conductor, State::InTurn(overdue), late);
    assert!(is_known && decision != Decision::Wait(None));
    let errand = Errand::Parent { index: 2, tell: None };
    conductor.companies.add(company(&members[..2], errand));
    let (decision, is_known) = decide(&mut conductor, State::InTurn(turn), late);
    assert!(matches!(decision, Decision::Wait(_)) && !is_known);
    member.life.set_deadline(Some(now));
    let nothing_to_do = (Decision::Wait(None), false);
    assert_eq!(decide(&mut conductor, State::InTurn(overdue), late), nothing_to_do);
}
