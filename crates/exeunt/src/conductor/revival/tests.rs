use std::sync::Arc;
use std::sync::atomic::Ordering;

use crossbeam_channel::Receiver;

use super::super::tests::Scene;
use super::*;
use crate::capacity::Capacity;
use crate::deadline::OwnLimits;
use crate::mailbox::Mailbox;
use crate::restart::{Backoff, Intensity, Restart, Strategy};
use crate::supervision::{GroupOptions, Under};
use crate::unwind::lock;

/// Members that the stage knows.
fn enter<const N: usize>(scene: &Scene) -> [Arc<Member>; N] {
    std::array::from_fn(|index| scene.entered(index, OwnLimits::default()))
}

/// That member has ended its incarnation, and waits for word.
fn rest(conductor: &mut Conductor<'_>, index: usize) -> Receiver<Duration> {
    let (go, told) = crossbeam_channel::bounded(1);
    conductor.rests(index, go);
    told
}

/// That member has failed.
fn judge(conductor: &mut Conductor<'_>, index: usize) -> Sentence {
    conductor.judge(index, Some("broke".to_owned()))
}

#[test]
fn f2_who_waits_to_begin_anew_with_others_begins_at_once_when_the_drain_does() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    enter::<2>(&scene);
    conductor.revive(vec![0, 1], Vec::new(), Duration::from_secs(60));
    let told = rest(&mut conductor, 1);
    // The other is still to end its incarnation.
    assert!(conductor.is_retiring(0) && told.is_empty());
    conductor.begin(&Reason::Shutdown);
    assert_eq!(told.try_recv(), Ok(Duration::ZERO));
    assert!(conductor.states.is_empty());
}

#[test]
fn f1_who_begins_anew_together_waits_for_nobody_else() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    enter::<4>(&scene);
    let delays = [1, 2].map(Duration::from_secs);
    conductor.revive(vec![0, 1], Vec::new(), delays[0]);
    conductor.revive(vec![2, 3], Vec::new(), delays[1]);
    let told = [3, 2].map(|index| rest(&mut conductor, index));
    assert_eq!((told[0].len(), told[1].try_recv()), (0, Ok(delays[1])));
    // The backoff was that of all of them.
    conductor.risen(2);
    assert_eq!(told[0].try_recv(), Ok(Duration::ZERO));
}

#[test]
fn f1_what_has_a_member_in_common_is_one_and_waits_for_all_who_leave() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let members: [_; 4] = enter(&scene);
    conductor.revive(vec![0, 1], vec![3], Duration::ZERO);
    conductor.revive(vec![1, 2], Vec::new(), Duration::ZERO);
    let told = [2, 1, 0].map(|index| rest(&mut conductor, index));
    assert!(told.iter().all(Receiver::is_empty));
    members[3].has_left.store(true, Ordering::Relaxed);
    conductor.advance_revivals();
    assert_eq!(told.map(|told| told.len()), [0, 0, 1]);
}

#[test]
fn f1_who_begins_anew_already_is_waited_for_and_begins_once() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    enter::<5>(&scene);
    conductor.revive(vec![0, 1, 2], Vec::new(), Duration::ZERO);
    let [_, second, first] = [2, 1, 0].map(|index| rest(&mut conductor, index));
    assert_eq!((first.len(), second.len()), (1, 0));
    // Others are to begin anew with the last of them, and then others again.
    conductor.revive(vec![2, 3], Vec::new(), Duration::ZERO);
    conductor.revive(vec![3, 4], Vec::new(), Duration::ZERO);
    let _waiting = [4, 3].map(|index| rest(&mut conductor, index));
    assert!(second.is_empty());
    conductor.risen(0);
    assert_eq!(second.len(), 1);
}

#[test]
fn f1_who_is_told_to_leave_waits_for_no_word_nor_does_who_begins_anew_with_nobody() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let members: [_; 4] = enter(&scene);
    let at_once = Ok(Duration::ZERO);
    assert_eq!(rest(&mut conductor, 3).try_recv(), at_once);
    conductor.revive(vec![0, 1, 2], Vec::new(), Duration::from_secs(60));
    let told = rest(&mut conductor, 2);
    assert!(told.is_empty());
    conductor.send_away(members[1..3].to_vec());
    conductor.give_turns();
    // The one waits already, and the other comes to its end only now.
    assert_eq!([told, rest(&mut conductor, 1)].map(|told| told.try_recv()), [at_once; 2]);
}

#[test]
fn f1_nobody_waits_to_begin_anew_for_one_that_was_told_to_leave_meanwhile() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let members: [_; 2] = enter(&scene);
    conductor.revive(vec![0, 1], Vec::new(), Duration::ZERO);
    let is_told = |member: &Member| member.life.summons().is_some();
    assert_eq!(members.each_ref().map(|member| is_told(member)), [false, true]);
    conductor.send_away(vec![Arc::clone(&members[1])]);
    conductor.give_turns();
    assert!(is_told(&members[0]));
}

#[test]
fn f1_each_begins_anew_when_the_one_before_it_has() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    enter::<2>(&scene);
    conductor.revive(vec![0, 1], Vec::new(), Duration::ZERO);
    let told = [1, 0].map(|index| rest(&mut conductor, index));
    // Whatever happens meanwhile.
    conductor.advance_revivals();
    assert_eq!(told.each_ref().map(Receiver::len), [0, 1]);
    conductor.risen(0);
    assert_eq!(told.each_ref().map(Receiver::len), [1, 1]);
}

#[test]
fn f1_the_end_of_who_is_to_begin_anew_with_others_counts_once_it_was_told_to_leave() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let [member, _] = enter(&scene);
    lock(&scene.stage.supervision).add_member(0, Restart::never(), false, Under::System);
    conductor.revive(vec![0, 1], Vec::new(), Duration::ZERO);
    assert!(matches!(judge(&mut conductor, 0), Sentence::Anew(Rebirth::Together)));
    conductor.send_away(vec![member]);
    conductor.give_turns();
    assert!(matches!(judge(&mut conductor, 0), Sentence::GiveUp));
}

#[test]
fn f2_who_leaves_begins_anew_alone_and_at_once() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let [member, _] = enter(&scene);
    let second = Duration::from_secs(1);
    let restart = Restart::on_failure().backoff(Backoff::exponential(second, second));
    let mut supervision = lock(&scene.stage.supervision);
    let intensity = Intensity { restarts: 2, within: second };
    let strategy = Strategy::OneForAll;
    let options = GroupOptions { strategy, intensity, ..GroupOptions::default() };
    let group = Under::Group(supervision.add_group(options, Under::System));
    (0..2).for_each(|index| supervision.add_member(index, restart, false, group));
    drop(supervision);
    let is_at_once = |sentence| matches!(sentence, Sentence::Anew(Rebirth::Alone(delay)) if delay == Duration::ZERO);
    conductor.send_away(vec![member]);
    conductor.give_turns();
    assert!(is_at_once(judge(&mut conductor, 0)));
    conductor.begin(&Reason::Shutdown);
    assert!(is_at_once(judge(&mut conductor, 1)));
}

#[test]
fn f3_the_failure_of_a_child_is_not_that_of_a_parent_that_leaves_anyway() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let parents: [_; 3] = enter(&scene);
    let is_given_up = |conductor: &mut Conductor<'_>, index| {
        matches!(conductor.fail_parent(index, "child", "broke"), Sentence::GiveUp)
    };
    assert!(!is_given_up(&mut conductor, 0));
    assert!(matches!(parents[0].life.summons(), Some(Summons::Fall(_))));
    conductor.send_away(vec![Arc::clone(&parents[0])]);
    conductor.give_turns();
    parents[1].has_left.store(true, Ordering::Relaxed);
    assert!(is_given_up(&mut conductor, 0) && is_given_up(&mut conductor, 1));
    assert!(!is_given_up(&mut conductor, 2));
    conductor.begin(&Reason::Shutdown);
    assert!(is_given_up(&mut conductor, 2));
}

#[test]
fn f1_who_wishes_to_end_in_its_turn_is_not_said_to_begin_anew() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let members = [0, 1].map(|index| {
        let mut life = Life::new("a", index, false, Arc::clone(&scene.stage));
        life.is_supervised = true;
        let (restart, under) = (Restart::always(), Under::System);
        lock(&scene.stage.supervision).add_member(index, restart, false, under);
        let mailbox = Mailbox::<u32>::new(Capacity::Bounded(1));
        scene.stage.enter(Member::unstarted(Arc::new(life), mailbox))
    });
    conductor.send_away(vec![Arc::clone(&members[1])]);
    conductor.give_turns();
    let is_said = [0, 1].map(|index| {
        conductor.grant(index, true);
        let notices = scene.notices();
        notices.iter().any(|notice| matches!(notice, Notice::Restarting { .. }))
    });
    assert_eq!(is_said, [true, false]);
}
