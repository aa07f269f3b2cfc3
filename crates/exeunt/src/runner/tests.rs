//! Each step through a window that threads would hit now and then.

use super::*;
use crate::capacity::Capacity;
use crate::context::Context;
use crate::error;
use crate::guarded::guarded;
use crate::mailbox::Post;

struct Anybody;

impl Actor for Anybody {
    type Msg = u32;

    fn handle(&mut self, _: u32, _: &mut Context<Self>) -> error::Result {
        Ok(())
    }
}

/// Reads a mailbox beside its own.
pub(crate) struct Attaches(pub(crate) Option<crate::Inbox<u32>>);

impl Actor for Attaches {
    type Msg = u32;

    fn started(&mut self, cx: &mut Context<Self>) -> error::Result {
        self.0.take().into_iter().for_each(|inbox| cx.attach_inbox(inbox, |n| n));
        Ok(())
    }

    fn handle(&mut self, _: u32, _: &mut Context<Self>) -> error::Result {
        Ok(())
    }
}

fn scene() -> (Arc<Life>, Arc<Mailbox<u32>>) {
    (Arc::new(Life::unstarted()), Mailbox::new(Capacity::Bounded(4)))
}

fn start<'a, A: Actor<Msg = u32>>(
    life: &'a Arc<Life>,
    mailbox: &'a Arc<Mailbox<u32>>,
    make: impl FnMut() -> A,
) -> Runner<'a, A> {
    let cell = Cell::start(life, mailbox, Clock::Monotonic, make).ok().unwrap();
    Runner::new(cell, life, mailbox)
}

/// It is of a ring, whose turn has come, and awaits no children.
fn come_to_rest(life: &Life) {
    life.join_ring(0);
    life.let_part();
    life.stopping.set();
    life.close_family();
}

#[test]
fn o4_whom_nobody_can_reach_any_more_ends_with_its_ring_once_that_has_closed_for_others() {
    let ends_alone = |come: fn(&Life)| {
        let (life, mailbox) = scene();
        come(&life);
        start(&life, &mailbox, || Anybody).last_call().is_some()
    };
    assert!(ends_alone(|_| {}));
    assert!(!ends_alone(|life| life.join_ring(0)));
}

#[test]
fn o3_o4_who_is_looked_at_whether_it_sleeps_does_so_at_once() {
    let (life, mailbox) = scene();
    let mut runner = start(&life, &mailbox, || Anybody);
    assert!(runner.waits_awake(0));
    life.join_ring(0);
    assert!(!runner.waits_awake(0));
    life.let_part();
    assert!(runner.waits_awake(0));
}

#[test]
fn o5_who_is_woken_for_no_message_looks_for_its_end_before_it_gives_way() {
    let gives_way = |sleeps| {
        let (life, mailbox) = scene();
        let mut runner = start(&life, &mailbox, || Anybody);
        if sleeps {
            // It does not sleep for long: there is something in its mailbox, which another takes.
            assert!(mailbox.offer(&mailbox.ordinary, 1).is_ok());
            assert!(runner.sleep().is_none() && mailbox.take() == Some(1));
        }
        let before = runner.patience;
        assert!(runner.wait_for_message().is_none());
        assert!(matches!(runner.next, Some(Next::Affair(Affair::Dry))));
        runner.patience != before
    };
    assert!(gives_way(false) && !gives_way(true));
}

#[test]
fn m1_what_comes_between_the_last_look_and_the_end_is_handled() {
    let (life, mailbox) = scene();
    mailbox.staff(1);
    let mut runner = start(&life, &mailbox, || Anybody);
    assert!(mailbox.offer(&mailbox.ordinary, 1).is_ok());
    assert!(runner.attend_to(Affair::Dry).is_ok());
    assert_eq!(mailbox.take(), Some(1));
    assert!(matches!(runner.attend_to(Affair::Dry), Err(Over::Dry)));
    assert!(mailbox.offer(&mailbox.ordinary, 2).is_err());
}

/// Its turn has come, and it has a child.
fn start_with_a_child<'a>(
    life: &'a Arc<Life>,
    mailbox: &'a Arc<Mailbox<u32>>,
    make: impl FnMut() -> Attaches,
) -> Runner<'a, Attaches> {
    assert!(life.found_family());
    life.stopping.set();
    start(life, mailbox, make)
}

#[test]
fn m1_o3_what_comes_before_the_children_are_to_leave_is_handled_before_and_what_comes_later_is_refused()
 {
    let (life, mailbox) = scene();
    let (beside, inbox) = crate::mailbox::mailbox::<u32>(4);
    let mut inbox = Some(inbox);
    let mut runner = start_with_a_child(&life, &mailbox, || Attaches(inbox.take()));
    assert!(mailbox.offer(&mailbox.ordinary, 1).is_ok() && beside.send(2).is_ok());
    for _ in 0..2 {
        assert!(runner.attend_to(Affair::Dry).is_ok() && life.has_family());
        assert!(matches!(runner.take_from_agenda(), Some(Next::Message(_))));
    }
    assert!(runner.attend_to(Affair::Dry).is_ok() && !life.has_family());
    assert!(mailbox.is_finished_for_strangers() && beside.mailbox().is_finished_for_strangers());
    assert!(beside.send(3).is_err());
}

#[test]
fn m1_what_comes_beside_the_mailbox_between_the_last_look_and_the_end_is_handled_too() {
    let (life, mailbox) = scene();
    let (beside, inbox) = crate::mailbox::mailbox::<u32>(4);
    let mut inbox = Some(inbox);
    let mut runner = start(&life, &mailbox, || Attaches(inbox.take()));
    assert!(beside.send(1).is_ok());
    assert!(runner.attend_to(Affair::Dry).is_ok());
    let Some(Next::Message(letter)) = runner.take_from_agenda() else { panic!("nothing has come") };
    assert_eq!(letter.open(), 1);
    assert!(matches!(runner.attend_to(Affair::Dry), Err(Over::Dry)));
    assert!(beside.send(2).is_err());
}

#[test]
fn o3_o4_an_incarnation_hears_of_the_turn_that_came_to_the_one_before() {
    let hears = |come: fn(&Life)| {
        let (life, mailbox) = scene();
        come(&life);
        let _runner = start(&life, &mailbox, || Anybody);
        mailbox.bell.heard()
    };
    let nothing: fn(&Life) = |_| {};
    assert_eq!(
        [nothing, |life| life.stopping.set(), |life| life.last_call.set()].map(hears),
        [false, true, true]
    );
}

#[test]
fn o4_one_of_a_ring_to_which_something_has_come_does_not_rest() {
    let (life, mailbox) = scene();
    let mut runner = start(&life, &mailbox, || Anybody);
    come_to_rest(&life);
    assert!(runner.waits_for_ring());
    assert!(mailbox.offer(&mailbox.ordinary, 1).is_ok());
    assert!(runner.sleep().is_none());
    assert_eq!(mailbox.take(), Some(1));
    let post: &dyn Post = &*mailbox;
    assert!(!post.finish_with(1, &mut || true) && post.finish_with(0, &mut || true));
}

#[test]
fn o4_one_of_a_ring_with_something_on_its_agenda_does_not_rest() {
    let (life, mailbox) = scene();
    let (_beside, inbox) = crate::mailbox::mailbox::<u32>(4);
    let mut inbox = Some(inbox);
    let mut runner = start(&life, &mailbox, || Attaches(inbox.take()));
    come_to_rest(&life);
    assert!(!runner.waits_for_ring());
    runner.cell.agenda().begin_turn();
    assert!(runner.cell.agenda_now().is_done() && runner.waits_for_ring());
}

#[test]
fn o4_who_has_woken_is_seen_awake_before_it_looks_for_what_there_is() {
    let (life, mailbox) = scene();
    let mut runner = start(&life, &mailbox, || Anybody);
    assert!(mailbox.offer(&mailbox.ordinary, 1).is_ok());
    assert!(runner.sleep().is_none());
    assert!(!life.sample().is_asleep());
}

#[test]
fn who_is_told_that_its_children_have_left_waits_for_them_no_more() {
    let (life, mailbox) = scene();
    let mut runner = start(&life, &mailbox, || Anybody);
    life.swap_activity(Activity::AwaitingChildren);
    assert!(life.is_waiting());
    assert!(runner.attend_to(Affair::ChildrenLeft(Vec::new())).is_ok());
    assert_eq!((life.doing().as_str(), life.is_waiting()), ("between two messages", false));
}

/// Two read the mailbox.
fn scene_of_a_crew() -> (Arc<Life>, Arc<Mailbox<u32>>) {
    let (life, mailbox) = scene();
    mailbox.staff(2);
    (life, mailbox)
}

#[test]
fn m1_who_is_woken_for_a_message_and_may_have_something_else_to_do_wakes_the_next() {
    guarded(|| {
        let ((life, mailbox), other) = (scene_of_a_crew(), Arc::new(Wire::new()));
        let (_beside, inbox) = crate::mailbox::mailbox::<u32>(4);
        let mut inbox = Some(inbox);
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| {
                start(&life, &mailbox, || Attaches(inbox.take())).sleep();
            });
            while !mailbox.is_watched() {
                assert!(!sleeper.is_finished(), "there is nothing to do");
                std::thread::yield_now();
            }
            assert!(mailbox.watch(&other));
            assert!(mailbox.offer(&mailbox.ordinary, 1).is_ok());
        });
        assert!(other.pick_up());
    });
}

#[test]
fn m1_who_goes_wakes_another_for_what_it_may_have_been_woken_for() {
    let ((life, mailbox), other) = (scene_of_a_crew(), Arc::new(Wire::new()));
    mailbox.watch(&other);
    // Before anybody slept over it, as far as the other one can know.
    assert!(mailbox.offer(&mailbox.ordinary, 1).is_ok() && other.pick_up());
    mailbox.watch(&other);
    life.must_stop.set();
    mailbox.bell.ring();
    assert!(matches!(act(Arc::clone(&life), Arc::clone(&mailbox), || Anybody), Outcome::Overdue));
    assert!(other.pick_up());
}

#[test]
fn o5_of_a_crew_nobody_goes_while_another_may_still_send_to_it() {
    let (life, mailbox) = scene_of_a_crew();
    let runner = start(&life, &mailbox, || Anybody);
    // The other one has not said that it has nothing to do.
    assert!(!runner.is_the_last_to_work());
    assert!(mailbox.finish());
    assert!(runner.is_the_last_to_work());
}

#[test]
fn o4_one_of_a_crew_that_has_waited_for_its_ring_rests_no_more() {
    guarded(|| {
        let (life, mailbox) = scene_of_a_crew();
        let mut runner = start(&life, &mailbox, || Anybody);
        come_to_rest(&life);
        assert!(runner.waits_for_ring());
        // The other one sleeps, and nobody has an address; something wakes this one.
        assert!(mailbox.crew().unwrap().fall_asleep().is_none());
        runner.bell.ring();
        assert!(runner.sleep().is_none());
        let post: &dyn Post = &*mailbox;
        assert!(post.finish_with(0, &mut || true));
    });
}

#[test]
fn o5_the_last_of_a_pool_to_work_sleeps_while_its_children_leave() {
    guarded(|| {
        let (life, mailbox) = scene_of_a_crew();
        // The other one sleeps, and nobody has an address.
        assert!(mailbox.crew().unwrap().fall_asleep().is_none());
        let (left, children) = crossbeam_channel::bounded(1);
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| {
                let mut runner = start(&life, &mailbox, || Anybody);
                runner.children = Some(children);
                assert!(runner.sleep().is_none());
            });
            while !life.sample().is_asleep() {
                assert!(!sleeper.is_finished(), "it would look all the time");
                std::thread::yield_now();
            }
            assert!(left.send(Vec::new()).is_ok());
        });
    });
}

#[test]
fn o5_the_first_of_a_pool_that_comes_to_its_own_end_tells_the_others_once() {
    let (life, mailbox) = scene();
    mailbox.staff(2);
    let mut runner = start(&life, &mailbox, || Anybody);
    let mut is_told = || {
        assert!(matches!(runner.attend_to(Affair::Dry), Err(Over::Dry)));
        mailbox.bell_of(1).heard()
    };
    assert_eq!([is_told(), is_told()], [true, false]);
}

#[test]
fn f1_whose_turn_has_come_begins_no_more_anew_but_may_fall_with_a_child() {
    let (life, mailbox) = scene();
    let mut runner = start(&life, &mailbox, || Anybody);
    life.summon(Summons::Retire);
    life.stopping.set();
    assert!(runner.take_orders().is_none() && runner.cell.agenda().is_in_turn());
    life.countermand();
    life.summon(Summons::Fall("tripped".into()));
    let orders = runner.take_orders();
    assert!(matches!(orders, Some(Next::Affair(Affair::Summons(Summons::Fall(_))))));
}

#[test]
fn o5_what_another_thread_is_about_to_take_keeps_the_pool_alive() {
    let (life, mailbox) = scene();
    mailbox.staff(2);
    let mut runner = start(&life, &mailbox, || Anybody);
    let crew = mailbox.crew().unwrap();
    // The other one sleeps. When this one has found nothing, the last message comes, and will wake it.
    assert!(crew.fall_asleep().is_none());
    assert!(mailbox.offer(&mailbox.ordinary, 1).is_ok());
    assert!(runner.last_call().is_none());
    // It holds it now, and nothing is left.
    crew.wake_up();
    assert_eq!(mailbox.take(), Some(1));
    assert!(runner.last_call().is_none());
    assert!(crew.fall_asleep().is_none());
    assert!(runner.last_call().is_some());
}

#[test]
fn o5_who_made_an_address_before_it_fell_asleep_keeps_the_pool_alive() {
    let (life, mailbox) = scene_of_a_crew();
    let runner = start(&life, &mailbox, || Anybody);
    // It did so after this one had seen that there was none.
    mailbox.add_address();
    assert!(mailbox.crew().unwrap().fall_asleep().is_none());
    assert!(!runner.is_the_last_to_work());
    mailbox.remove_address();
    assert!(runner.is_the_last_to_work());
}

#[test]
fn o5_the_last_of_a_crew_to_fall_asleep_does_not_sleep_when_nobody_can_reach_them() {
    guarded(|| {
        let (life, mailbox) = scene_of_a_crew();
        let mut runner = start(&life, &mailbox, || Anybody);
        let crew = mailbox.crew().unwrap();
        // The other one fell asleep after this one had seen it awake.
        assert!(crew.fall_asleep().is_none());
        assert!(runner.sleep().is_none());
        // It is awake again, as if it had slept.
        assert!(crew.fall_asleep().is_some());
        crew.wake_up();
        mailbox.add_address();
        runner.bell.ring();
        assert!(runner.sleep().is_none());
        assert!(crew.fall_asleep().is_some());
    });
}

#[test]
fn m1_who_waits_for_channels_too_is_woken_by_an_urgent_message() {
    guarded(|| {
        let (life, mailbox) = scene();
        mailbox.open_urgent_lane(Capacity::Bounded(4));
        let (_beside, inbox) = crate::mailbox::mailbox::<u32>(4);
        let mut inbox = Some(inbox);
        let mut runner = start(&life, &mailbox, || Attaches(inbox.take()));
        assert!(mailbox.offer(mailbox.urgent().unwrap(), 1).is_ok());
        assert!(runner.sleep().is_none());
        assert_eq!(mailbox.take_urgent(), Some(1));
    });
}

#[test]
fn o3_nobody_waits_for_children_of_which_it_will_hear_no_more() {
    let (life, mailbox) = scene();
    let mut runner = start(&life, &mailbox, || Anybody);
    let (tell, children) = crossbeam_channel::bounded(1);
    runner.children = Some(children);
    assert!(runner.last_call().is_none());
    drop(tell);
    assert!(matches!(runner.last_call(), Some(Next::Affair(Affair::ChildrenLeft(_)))));
}

#[test]
fn o4_one_of_a_ring_whose_mailbox_is_closed_for_good_waits_for_nobody() {
    let (life, mailbox) = scene();
    let mut runner = start(&life, &mailbox, || Anybody);
    come_to_rest(&life);
    runner.cell.agenda().begin_turn();
    assert!(runner.last_call().is_none());
    assert!(mailbox.finish());
    assert!(matches!(runner.last_call(), Some(Next::Affair(Affair::Dry))));
}

#[test]
fn o4_who_is_woken_by_a_ring_that_it_has_heard_before_sleeps_the_next_time() {
    guarded(|| {
        let (life, mailbox) = scene();
        let (_beside, inbox) = crate::mailbox::mailbox::<u32>(4);
        let mut inbox = Some(inbox);
        let mut runner = start(&life, &mailbox, || Attaches(inbox.take()));
        assert!(runner.bell.receiver().is_empty());
        runner.bell.wake_late();
        assert!(runner.sleep().is_none());
        assert!(runner.bell.receiver().is_empty());
    });
}
