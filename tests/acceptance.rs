//! The peers' own acceptance cases, written anew for this interface: what those who know them expect
//! to find. A group stands for OTP's supervisor, or, for children that come and go, their parent; a
//! task or an actor that has its turn stands for Pekko's task of a phase.
//!
//! | OTP, `supervisor_SUITE` | here |
//! |---|---|
//! | `sup_start_normal` | [`a_group_without_members_is_no_burden`] |
//! | `sup_start_ignore_child` | [`who_ends_in_its_start_is_no_failure`] |
//! | `sup_start_fail`, `sup_start_error_return` | [`a_start_that_fails_is_told_with_its_own_error`] |
//! | `sup_start_map` | [`a_group_without_options_absorbs_one_failure_of_one_member`] |
//! | `faulty_application_shutdown` | [`a_start_that_fails_far_below_is_told_at_the_top`] |
//! | `permanent_normal`, `permanent_shutdown` | [`who_is_always_restarted_is_so_after_its_own_end`] |
//! | `transient_normal`, `temporary_normal` | [`the_end_of_one_that_is_not_always_restarted_is_final`] |
//! | `transient_shutdown` | [`who_is_stopped_from_outside_is_not_restarted_and_counts_for_nothing`] |
//! | `temporary_shutdown` | [`one_that_was_stopped_leaves_nothing_behind`] |
//! | `permanent_abnormal`, `transient_abnormal` | [`who_fails_is_restarted`] |
//! | `temporary_abnormal` | [`who_is_temporary_may_fail`] |
//! | `temporary_bystander` | [`a_sibling_that_cannot_be_restarted_leaves_and_nobody_trips_over_it`] |
//! | `one_for_one` | [`one_for_one_restarts_one_and_counts_for_all`] |
//! | `one_for_one_escalation` | [`one_for_one_escalates_when_the_start_fails`] |
//! | `one_for_all` | [`one_for_all_restarts_all_and_counts_once`] |
//! | `one_for_all_escalation` | [`one_for_all_escalates_when_another_cannot_start`] |
//! | `one_for_all_other_child_fails_restart` | [`one_for_all_begins_again_when_another_fails_to_start`] |
//! | `rest_for_one` | [`rest_for_one_restarts_those_after_it`] |
//! | `rest_for_one_escalation` | [`rest_for_one_escalates_when_a_later_one_cannot_start`] |
//! | `rest_for_one_other_child_fails_restart` | [`rest_for_one_tries_again_only_with_the_one_that_failed_to_start`] |
//! | `order_of_children` | [`they_stop_in_the_opposite_order_of_their_start`] |
//! | `tree` | [`a_tree_of_groups`] |
//! | `simple_one_for_one` | [`a_child_is_restarted_beside_its_sibling`] |
//! | `simple_one_for_one_escalation` | [`a_child_beyond_its_intensity_ends_its_family`] |
//! | `simple_one_for_one_restart_ignore` | [`a_child_that_ends_in_its_restart_is_gone`] |
//! | `simple_one_for_one_shutdown` | [`children_that_feed_nobody_leave_side_by_side`] |
//! | `hanging_restart_loop` | [`who_waits_to_be_restarted_can_be_stopped`] |
//! | `hanging_restart_loop_rest_for_one` | [`those_after_one_that_waits_to_be_restarted_wait_with_it`] |
//! | `hanging_restart_loop_simple` | [`a_child_that_waits_to_be_restarted_holds_up_no_parent`] |
//! | `nonsignificant_temporary`, `nonsignificant_transient` | [`the_end_of_one_that_is_not_significant_ends_nobody_else`] |
//! | `significant_temporary` | [`the_end_of_a_significant_member_ends_its_group`] |
//! | `significant_transient` | [`a_significant_member_that_is_restarted_has_not_ended`] |
//! | `significant_bystander` | [`a_significant_member_that_makes_room_has_not_ended`] |
//! | `sup_stop_infinity` | [`who_makes_progress_is_waited_for`] |
//! | `sup_stop_timeout` | [`who_hangs_is_given_up_and_the_other_drains`] |
//! | `sup_stop_timeout_dynamic` | [`a_child_that_hangs_is_given_up_and_its_parent_is_not`] |
//! | `sup_stop_brutal_kill`, `sup_stop_brutal_kill_dynamic` | [`a_deadline_of_nothing_leaves_only_the_goodbye`] |
//! | `sup_stop_race` | [`whoever_ends_by_itself_in_a_drain_does_so_once`] |
//! | `sup_stop_non_shutdown_exit_dynamic` | [`children_that_fail_in_their_goodbye_spoil_no_drain`] |
//! | `child_adm`, `child_adm_simple` | [`who_was_stopped_is_gone_and_may_be_stopped_again`] |
//! | `count_children`, `count_restarting_children`, `which_children` | [`those_who_wait_to_be_restarted_are_counted_as_such`] |
//! | `do_not_save_start_parameters_for_temporary_children` | [`what_will_not_be_made_again_is_let_go`] |
//!
//! | Pekko, `CoordinatedShutdownSpec` | here |
//! |---|---|
//! | "sort phases in topological order" | [`tasks_leave_after_those_they_come_after`] |
//! | "run ordered phases" | [`the_next_phase_waits_for_the_slowest_of_the_one_before`] |
//! | "cancel shutdown tasks", "re-register the same task if requested" | [`a_task_that_was_called_off_does_nothing_at_the_end`] |
//! | "cancel tasks across threads" | [`many_may_stop_the_same_actors_at_once`] |
//! | "only run once" | [`the_first_reason_counts_and_all_happens_once`] |
//! | "continue after timeout or failure", "abort if recover=off" | [`neither_a_failure_nor_a_hang_keeps_those_to_come_from_their_turn`] |
//! | "be possible to add tasks in later phase from task in earlier phase" | [`who_leaves_may_hand_on_work`] |
//! | "terminate ActorSystem" | [`the_reason_can_be_asked_for_afterwards`] |
//! | "be run by ActorSystem.terminate" | [`dropping_the_system_is_the_same_drain`] |
//! | "access extension after system termination" | [`after_the_end_one_may_still_ask`] |
//! | "support actor termination tasks with a stop message" | [`a_message_may_be_the_order_to_stop`] |
//! | "support actor termination tasks for actors that are already shutdown" | [`the_end_of_one_that_has_ended_is_told_at_once`] |
//! | "allow watching the same actor twice in the same phase" | [`each_watch_is_told_once_and_not_of_a_restart`] |

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use crossbeam_channel::select;
use exeunt::{
    Addr, AutoShutdown, Backoff, Context, Ended, Error, Event, Group, Notice, Reason, Report,
    Restart, SendError, State, Status, Strategy, System, WaitError,
};

use crate::support::{
    HANG, OnDrop, Play, figures, guarded, in_time, late_unless, leaving, line, ms, next, so_far,
    standing, trap, until,
};
use crate::troupe::{Line, Player, Troupe, cast, deed, on_failure, rests, times, who};

const HOUR: Duration = Duration::from_secs(3_600);

fn after_an_hour(restart: Restart) -> Restart {
    restart.backoff(Backoff::exponential(HOUR, HOUR))
}

fn group(system: &mut System, strategy: Strategy, intensity: u32) -> Group {
    system.group("group").strategy(strategy).intensity(intensity, HOUR).build().unwrap()
}

/// Whose failure began the drain, and of what.
#[track_caller]
fn culprit(report: &Report) -> (&str, &str) {
    match &report.reason {
        Reason::Failure { name, error } => (name, error),
        other => panic!("nobody failed: {other}"),
    }
}

fn ended(addr: &Addr<Line>) -> exeunt::ActorReport {
    addr.wait_timeout(HANG).expect("it hangs")
}

/// A member whose start fails from its second incarnation on.
fn cannot_start_again(
    troupe: &Troupe,
    system: &mut System,
    group: &Group,
    name: &str,
) -> Addr<Line> {
    let role = troupe.role(name).started(|n, _| match n {
        1 => Ok(()),
        _ => Err(Error::msg("no device")),
    });
    let builder = system.actor(name).within(group).restart(on_failure());
    builder.spawn_with(role.cast()).unwrap()
}

// Starting.

#[test]
fn a_group_without_members_is_no_burden() {
    guarded(|| {
        for ends_by_itself in [true, false] {
            let mut system = System::new("empty");
            let _group = group(&mut system, Strategy::OneForAll, 1);
            let report = if ends_by_itself { system.wait() } else { system.shutdown() };
            assert!(report.actors.is_empty() && report.is_complete());
        }
    });
}

#[test]
fn who_ends_in_its_start_is_no_failure() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("ignore");
        let group = group(&mut system, Strategy::OneForAll, 1);
        let role = troupe.role("a").started(|_, cx| {
            cx.stop();
            Ok(())
        });
        let a = system.actor("a").within(&group).restart(on_failure());
        let a = a.spawn_with(role.cast()).unwrap();
        let [b] = cast(&troupe, &mut system, &group, on_failure(), ["b"]);
        let a = ended(&a);
        assert_eq!((a.ended, a.restarts, a.error), (Ended::Completed, 0, None));
        assert_eq!(who(&b), 1);
    });
}

#[test]
fn a_start_that_fails_is_told_with_its_own_error() {
    for panics in [false, true] {
        guarded(move || {
            let troupe = Troupe::new();
            let (trap, keeper) = trap();
            let mut system = System::new("start");
            let role = troupe.role("a").make_with(move |_| {
                trap.walk_in();
                assert!(!panics, "no value");
            });
            let role = role.started(|_, _| Err(Error::msg("no device")));
            let a = system.actor("a").spawn_with(role.cast()).unwrap();
            keeper.catches();
            (0..2).for_each(|n| a.send(Line::Say(n)).unwrap());
            keeper.opens();
            let report = system.wait();
            let error = if panics { "panicked: no value" } else { "in `started`: no device" };
            assert_eq!(culprit(&report), ("a", error));
            assert_eq!(figures(line(&report, "a")), [0, 0, 2]);
            assert!(!troupe.so_far().contains(&"a1 stopped".to_owned()));
        });
    }
}

#[test]
fn a_group_without_options_absorbs_one_failure_of_one_member() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("defaults");
        let group = system.group("group").build().unwrap();
        // The intensity of a member is without effect.
        let [a, b] = cast(&troupe, &mut system, &group, times(9), ["a", "b"]);
        // Nor is there an end of the group by itself.
        let s = system.actor("s").within(&group).significant();
        assert!(s.spawn(troupe.role("s").play()).unwrap_err().is_pointless());
        a.send(Line::Error).unwrap();
        assert_eq!((who(&a), who(&b)), (2, 1));
        b.send(Line::Error).unwrap();
        assert_eq!(culprit(&system.wait()), ("b", "planned"));
    });
}

#[test]
fn a_start_that_fails_far_below_is_told_at_the_top() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("deep");
        let bystander = system.spawn("bystander", troupe.role("bystander").play());
        let top = system.group("top").intensity(0, HOUR).build().unwrap();
        let middle = system.group("middle").intensity(0, HOUR).within(&top).build().unwrap();
        let low = system.group("low").intensity(0, HOUR).within(&middle).build().unwrap();
        let role = troupe.role("a").started(|_, _| Err(Error::msg("no device")));
        let a = system.actor("a").within(&low).restart(on_failure());
        let _a = a.spawn_with(role.cast()).unwrap();
        let report = system.wait();
        assert_eq!(culprit(&report), ("a", "in `started`: no device"));
        assert_eq!(line(&report, "bystander").ended, Ended::Drained);
        drop(bystander);
    });
}

// Policies.

#[test]
fn who_is_always_restarted_is_so_after_its_own_end() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("permanent");
        let always = Restart::always().intensity(2, HOUR);
        let mut runs = 0;
        let tell = troupe.teller();
        let run = move |cx: &exeunt::TaskContext| {
            runs += 1;
            let _ = tell.send(format!("t{runs}"));
            if runs == 3 {
                cx.stopping().wait();
            }
            Ok(())
        };
        system.task("t").restart(always).spawn_with(run).unwrap();
        troupe.hears(&["t1", "t2", "t3"]);
        let a = system.actor("a").restart(always).spawn_with(troupe.role("a").cast()).unwrap();
        for n in 2..=3 {
            a.send(Line::Stop).unwrap();
            troupe.hears(&[&format!("a{n} started")]);
        }
        assert_eq!(who(&a), 3);
        let report = system.shutdown();
        assert_eq!(["a", "t"].map(|name| line(&report, name).restarts), [2, 2]);
        assert!(!report.is_failure());
    });
}

#[test]
fn the_end_of_one_that_is_not_always_restarted_is_final() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("final");
        let other = system.spawn("other", troupe.role("other").play());
        for restart in [on_failure(), Restart::temporary(), Restart::never()] {
            let role = troupe.role("a");
            let made = role.counter();
            let a = system.actor("a").restart(restart).spawn_with(role.cast()).unwrap();
            let (trap, keeper) = trap();
            a.send(Line::Stay(trap)).unwrap();
            keeper.catches();
            [Line::Stop, Line::Say(1)].into_iter().for_each(|line| a.send(line).unwrap());
            keeper.opens();
            let left = ended(&a);
            assert_eq!((figures(&left), left.ended), ([3, 0, 0], Ended::Completed));
            assert_eq!((made.load(Ordering::SeqCst), left.restarts), (1, 0));
            assert!(matches!(a.send(Line::Say(2)), Err(SendError::Closed(Line::Say(2), _))));
            system.task("t").restart(restart).spawn_with(|_| Ok(())).unwrap();
        }
        until(|| system.snapshot().iter().filter(|who| who.state == State::Ended).count() == 6);
        assert_eq!(who(&other), 1);
        assert!(system.shutdown().actors.iter().all(|line| line.restarts == 0));
    });
}

#[test]
fn who_is_stopped_from_outside_is_not_restarted_and_counts_for_nothing() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("stopped");
        let group = group(&mut system, Strategy::OneForAll, 1);
        let always = Restart::always();
        let [a, b, c] = cast(&troupe, &mut system, &group, always, ["a", "b", "c"]);
        [&a, &b].into_iter().for_each(Addr::stop);
        for addr in [&a, &b] {
            let left = ended(addr);
            assert_eq!((left.ended, left.restarts), (Ended::Completed, 0));
        }
        // The first failure is the first.
        c.send(Line::Error).unwrap();
        assert_eq!(who(&c), 2);
        assert!(!system.shutdown().is_failure());
    });
}

#[test]
fn one_that_was_stopped_leaves_nothing_behind() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("twice");
        for _ in 0..2 {
            let a = system.actor("a").restart(Restart::temporary());
            let a = a.spawn(troupe.role("a").play()).unwrap();
            assert_eq!(system.handle().lookup::<Line>("a").unwrap(), a);
            a.stop();
            ended(&a);
            assert!(system.handle().lookup::<Line>("a").is_err());
        }
        let report = system.shutdown();
        assert_eq!(leaving(&report), ["a", "a"]);
        assert!(report.actors.iter().all(|line| line.ended == Ended::Completed));
    });
}

#[test]
fn who_fails_is_restarted() {
    for (restart, is_panic) in
        [(Restart::always(), true), (Restart::always(), false), (times(1), true), (times(1), false)]
    {
        guarded(move || {
            let troupe = Troupe::new();
            let mut system = System::new("abnormal");
            let a = system.actor("a").restart(restart).spawn_with(troupe.role("a").cast()).unwrap();
            a.send(if is_panic { Line::Panic } else { Line::Error }).unwrap();
            a.send(Line::Say(1)).unwrap();
            assert_eq!(
                troupe.up_to("a2 says 1"),
                [
                    "a1 made",
                    "a1 started",
                    "a1 stopped",
                    "a1 dropped",
                    "a2 made",
                    "a2 started",
                    "a2 says 1",
                ]
            );
            let report = system.shutdown();
            assert_eq!((figures(line(&report, "a")), line(&report, "a").restarts), ([1, 1, 0], 1));
        });
    }
}

#[test]
fn who_is_temporary_may_fail() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("temporary");
        let group = group(&mut system, Strategy::OneForAll, 0);
        let a = system.actor("a").within(&group).restart(Restart::temporary());
        let a = a.spawn(troupe.role("a").play()).unwrap();
        let [b] = cast(&troupe, &mut system, &group, on_failure(), ["b"]);
        a.send(Line::Panic).unwrap();
        let left = ended(&a);
        assert_eq!((left.ended, left.absorbed), (Ended::Failed, true));
        assert_eq!(who(&b), 1);
        assert_eq!(system.shutdown().status(), Status::Success);
    });
}

#[test]
fn a_sibling_that_cannot_be_restarted_leaves_and_nobody_trips_over_it() {
    for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
        for restart in [Restart::never(), Restart::temporary()] {
            guarded(move || {
                let troupe = Troupe::new();
                let mut system = System::new("bystander");
                let group = group(&mut system, strategy, 2);
                let [a] = cast(&troupe, &mut system, &group, on_failure(), ["a"]);
                let b = system.actor("b").within(&group).restart(restart);
                let b = b.spawn(troupe.role("b").play()).unwrap();
                let (trap, keeper) = trap();
                b.send(Line::Stay(trap)).unwrap();
                keeper.catches();
                b.send(Line::Say(1)).unwrap();
                a.send(Line::Error).unwrap();
                until(|| b.is_closed());
                keeper.opens();
                let left = ended(&b);
                assert_eq!((figures(&left), left.ended), ([2, 0, 0], Ended::Completed));
                assert_eq!(who(&a), 2);
                a.send(Line::Error).unwrap();
                assert_eq!(who(&a), 3);
                assert!(!system.shutdown().is_failure());
            });
        }
    }
}

// Strategies.

#[test]
fn one_for_one_restarts_one_and_counts_for_all() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("one for one");
        let group = group(&mut system, Strategy::OneForOne, 2);
        let [a, b] = cast(&troupe, &mut system, &group, on_failure(), ["a", "b"]);
        a.send(Line::Error).unwrap();
        assert_eq!((who(&a), who(&b)), (2, 1));
        b.send(Line::Error).unwrap();
        assert_eq!((who(&a), who(&b)), (2, 2));
        a.send(Line::Error).unwrap();
        let report = system.wait();
        assert_eq!(culprit(&report), ("a", "planned"));
        assert_eq!(["a", "b"].map(|name| line(&report, name).restarts), [1, 1]);
    });
}

#[test]
fn one_for_one_escalates_when_the_start_fails() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("one for one");
        let group = group(&mut system, Strategy::OneForOne, 4);
        let a = cannot_start_again(&troupe, &mut system, &group, "a");
        let [b] = cast(&troupe, &mut system, &group, on_failure(), ["b"]);
        let (trap, keeper) = trap();
        b.send(Line::Stay(trap)).unwrap();
        keeper.catches();
        b.send(Line::Say(1)).unwrap();
        [Line::Error, Line::Say(1)].into_iter().for_each(|line| a.send(line).unwrap());
        until(|| system.handle().is_draining());
        keeper.opens();
        let report = system.wait();
        assert_eq!(culprit(&report), ("a", "in `started`: no device"));
        let a = line(&report, "a");
        assert_eq!((figures(a), a.restarts, a.ended), ([0, 1, 1], 4, Ended::Failed));
        assert_eq!(figures(line(&report, "b")), [2, 0, 0]);
    });
}

#[test]
fn one_for_all_restarts_all_and_counts_once() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("one for all");
        let group = group(&mut system, Strategy::OneForAll, 2);
        let [a, b] = cast(&troupe, &mut system, &group, on_failure(), ["a", "b"]);
        for n in 2..=3 {
            a.send(Line::Error).unwrap();
            b.send(Line::Say(n)).unwrap();
            assert_eq!((who(&a), who(&b)), (n as usize, n as usize));
        }
        b.send(Line::Error).unwrap();
        let report = system.wait();
        assert_eq!(culprit(&report), ("b", "planned"));
        assert_eq!(["a", "b"].map(|name| line(&report, name).restarts), [2, 2]);
        assert_eq!(line(&report, "b").handled, 4);
    });
}

#[test]
fn one_for_all_escalates_when_another_cannot_start() {
    another_cannot_start(Strategy::OneForAll);
}

#[test]
fn rest_for_one_escalates_when_a_later_one_cannot_start() {
    another_cannot_start(Strategy::RestForOne);
}

fn another_cannot_start(strategy: Strategy) {
    guarded(move || {
        let troupe = Troupe::new();
        let mut system = System::new("another");
        let group = group(&mut system, strategy, 3);
        let [a] = cast(&troupe, &mut system, &group, on_failure(), ["a"]);
        let _b = cannot_start_again(&troupe, &mut system, &group, "b");
        a.send(Line::Error).unwrap();
        let report = system.wait();
        assert_eq!(culprit(&report), ("b", "in `started`: no device"));
        assert_eq!(line(&report, "a").ended, Ended::Drained);
        assert_eq!(line(&report, "b").restarts, 3);
    });
}

/// What is said from the second incarnation of `a` on, if the second of `b` does not start.
fn another_fails_to_start_once(strategy: Strategy) -> Vec<String> {
    let troupe = Troupe::new();
    let mut system = System::new("another");
    let group = group(&mut system, strategy, 2);
    let [a] = cast(&troupe, &mut system, &group, on_failure(), ["a"]);
    let role = troupe.role("b").started(|n, _| match n {
        2 => Err(Error::msg("not yet")),
        _ => Ok(()),
    });
    let b = system.actor("b").within(&group).restart(on_failure());
    let b = b.spawn_with(role.cast()).unwrap();
    a.send(Line::Error).unwrap();
    troupe.up_to("a2 made");
    let story = troupe.up_to("b3 started");
    assert_eq!(who(&b), 3);
    let report = system.shutdown();
    assert!(!report.is_failure(), "{report}");
    story
}

#[test]
fn one_for_all_begins_again_when_another_fails_to_start() {
    guarded(|| {
        let expected = [
            "a2 started",
            "b2 made",
            "b2 not started",
            "b2 dropped",
            "a2 stopped",
            "a2 dropped",
            "a3 made",
            "a3 started",
            "b3 made",
            "b3 started",
        ];
        assert_eq!(another_fails_to_start_once(Strategy::OneForAll), expected);
    });
}

#[test]
fn rest_for_one_tries_again_only_with_the_one_that_failed_to_start() {
    guarded(|| {
        let expected =
            ["a2 started", "b2 made", "b2 not started", "b2 dropped", "b3 made", "b3 started"];
        assert_eq!(another_fails_to_start_once(Strategy::RestForOne), expected);
    });
}

#[test]
fn rest_for_one_restarts_those_after_it() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("rest for one");
        let group = group(&mut system, Strategy::RestForOne, 2);
        let [a, b, c] = cast(&troupe, &mut system, &group, on_failure(), ["a", "b", "c"]);
        b.send(Line::Error).unwrap();
        assert_eq!((who(&b), who(&a), who(&c)), (2, 1, 2));
        c.send(Line::Error).unwrap();
        assert_eq!((who(&c), who(&a), who(&b)), (3, 1, 2));
        b.send(Line::Error).unwrap();
        assert_eq!(culprit(&system.wait()), ("b", "planned"));
    });
}

#[test]
fn they_stop_in_the_opposite_order_of_their_start() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("order");
        let group = group(&mut system, Strategy::RestForOne, 1);
        let names = ["m", "z", "c", "x", "a"];
        let all = cast(&troupe, &mut system, &group, on_failure(), names);
        all.iter().for_each(|addr| assert_eq!(who(addr), 1));
        troupe.so_far();
        all[2].send(Line::Error).unwrap();
        let story = troupe.up_to("a2 started");
        let of_others: Vec<&str> = story
            .iter()
            .map(String::as_str)
            .filter(|fact| fact.ends_with("started") || fact.ends_with("stopped"))
            .filter(|fact| *fact != "c1 stopped")
            .collect();
        assert_eq!(
            of_others,
            ["a1 stopped", "x1 stopped", "c2 started", "x2 started", "a2 started"]
        );
        assert_eq!(leaving(&system.shutdown()), ["a", "x", "c", "z", "m"]);
    });
}

#[test]
fn a_tree_of_groups() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("tree");
        let outer = group(&mut system, Strategy::OneForAll, 1);
        let x = system.group("x").within(&outer).build().unwrap();
        let y = system.group("y").intensity(1, HOUR).within(&outer).build().unwrap();
        let [a, b] = cast(&troupe, &mut system, &x, on_failure(), ["a", "b"]);
        let [c] = cast(&troupe, &mut system, &y, on_failure(), ["c"]);
        let role = troupe.role("d").started(move |n, cx| {
            if n == 1 {
                cx.spawn_task("child", |cx| {
                    cx.stopping().wait();
                    Ok(())
                });
            }
            Ok(())
        });
        let d = system.actor("d").within(&y).restart(on_failure());
        let d = d.spawn_with(role.cast()).unwrap();
        c.send(Line::Error).unwrap();
        assert_eq!((who(&c), [&a, &b, &d].map(who)), (2, [1, 1, 1]));
        // `y` is beyond its intensity, so that all begin anew; the children belonged to the old `d`.
        d.send(Line::Error).unwrap();
        assert_eq!((who(&d), [&a, &b, &c].map(who)), (2, [2, 2, 3]));
        assert!(system.snapshot().iter().all(|who| who.parent.is_none()));
        // It has forgotten what was before.
        c.send(Line::Error).unwrap();
        assert_eq!((who(&c), [&a, &b, &d].map(who)), (4, [2, 2, 2]));
        c.send(Line::Error).unwrap();
        assert_eq!(culprit(&system.wait()), ("c", "planned"));
    });
}

// Children.

/// A parent whose first incarnation has two children, `x` and `y`, with the same policy; their
/// addresses, and what its `stopped` hook sees of them.
struct Family {
    parent: Addr<Line>,
    x: Addr<Line>,
    y: Addr<Line>,
    left: Receiver<Vec<(String, Ended)>>,
}

fn family(troupe: &Troupe, system: &mut System, parent: Restart, children: Restart) -> Family {
    family_of(troupe, system, parent, move |cx, role| {
        let name = role.name().to_owned();
        let child = cx.actor(&name).restart(children);
        child.spawn_with(role.cast()).unwrap()
    })
}

fn family_of(
    troupe: &Troupe,
    system: &mut System,
    parent: Restart,
    spawn: impl Fn(&Context<Player>, &crate::troupe::Role) -> Addr<Line> + Send + Sync + 'static,
) -> Family {
    let (tell, told) = mpsc::channel();
    let (see, left) = mpsc::channel();
    let roles = ["x", "y"].map(|name| troupe.role(name));
    let role = troupe
        .role("parent")
        .started(move |n, cx| {
            if n == 1 {
                roles.iter().for_each(|role| tell.send(spawn(cx, role)).unwrap());
            }
            Ok(())
        })
        .stopped(move |_, cx| {
            let left = cx.children_left().iter().map(|child| (child.name.clone(), child.ended));
            see.send(left.collect()).unwrap();
            Ok(())
        });
    let parent = system.actor("parent").restart(parent).spawn_with(role.cast()).unwrap();
    Family { parent, x: next(&told), y: next(&told), left }
}

#[test]
fn a_child_is_restarted_beside_its_sibling() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("children");
        let Family { parent, x, y, .. } = family(&troupe, &mut system, times(0), times(2));
        for n in 2..=3 {
            x.send(Line::Error).unwrap();
            assert_eq!((who(&x), who(&y), who(&parent)), (n, 1, 1));
        }
        x.send(Line::Error).unwrap();
        assert_eq!(culprit(&system.wait()), ("parent", "its child `x` failed: planned"));
    });
}

#[test]
fn a_child_beyond_its_intensity_ends_its_family() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("children");
        let family = family(&troupe, &mut system, times(1), times(0));
        let (trap, keeper) = trap();
        family.y.send(Line::Stay(trap)).unwrap();
        keeper.catches();
        family.y.send(Line::Say(1)).unwrap();
        family.x.send(Line::Error).unwrap();
        until(|| family.y.is_closed());
        family.parent.send(Line::Say(1)).unwrap();
        keeper.opens();
        let left = next(&family.left);
        assert!(left.contains(&("y".to_owned(), Ended::Completed)), "{left:?}");
        troupe.hears(&["y1 says 1", "y1 dropped", "parent1 stopped", "parent2 says 1"]);
        assert_eq!(who(&family.parent), 2);
        assert!(!system.shutdown().is_failure());
    });
}

#[test]
fn a_child_that_ends_in_its_restart_is_gone() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("children");
        let (tell, told) = mpsc::channel();
        let role = troupe.role("child").started(|n, cx| {
            if n == 3 {
                cx.stop();
            }
            Ok(())
        });
        let made = role.counter();
        let parent = troupe.role("parent").started(move |_, cx| {
            let child = cx.actor("child").restart(on_failure()).spawn_with(role.cast())?;
            tell.send(child)?;
            Ok(())
        });
        let parent = system.spawn("parent", parent.play());
        let child = next(&told);
        (0..2).for_each(|_| child.send(Line::Error).unwrap());
        let left = ended(&child);
        assert_eq!((left.restarts, left.ended), (2, Ended::Completed));
        assert_eq!(made.load(Ordering::SeqCst), 3);
        assert_eq!(who(&parent), 1);
        assert!(system.snapshot().iter().all(|who| who.name == "parent"));
    });
}

#[test]
fn children_that_feed_nobody_leave_side_by_side() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("children");
        let meeting = Arc::new(Barrier::new(2));
        let family = family_of(&troupe, &mut system, times(0), move |cx, role| {
            // Alone, each would wait for ever.
            let meeting = Arc::clone(&meeting);
            let role = role.clone().stopped(move |_, _| {
                meeting.wait();
                Ok(())
            });
            cx.actor(role.name()).feeds_nothing().spawn(role.play()).unwrap()
        });
        assert!(system.shutdown().is_complete());
        assert_eq!(next(&family.left).len(), 2);
    });
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("children");
        let family = family(&troupe, &mut system, times(0), times(0));
        assert!(system.shutdown().is_complete());
        let expected = [("y".into(), Ended::Drained), ("x".into(), Ended::Drained)];
        assert_eq!(next(&family.left), expected);
    });
}

// Those who wait to be restarted.

#[test]
fn who_waits_to_be_restarted_can_be_stopped() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("loop");
        let late = after_an_hour(times(u32::MAX));
        let [a, b] = ["a", "b"].map(|name| {
            let role = troupe.role(name).started(|_, _| Err(Error::msg("no device")));
            system.actor(name).restart(late).spawn_with(role.cast()).unwrap()
        });
        rests(&system, "a");
        rests(&system, "b");
        b.stop();
        let left = ended(&b);
        assert_eq!((left.ended, left.restarts), (Ended::Completed, 0));
        let report = system.shutdown();
        assert_eq!(line(&report, "a").ended, Ended::Drained);
        drop(a);
    });
}

#[test]
fn those_after_one_that_waits_to_be_restarted_wait_with_it() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("loop");
        let group = group(&mut system, Strategy::RestForOne, 9);
        let [a] = cast(&troupe, &mut system, &group, on_failure(), ["a"]);
        let [b] = cast(&troupe, &mut system, &group, after_an_hour(times(0)), ["b"]);
        let c = system.actor("c").within(&group).restart(on_failure()).capacity(1);
        let c = c.spawn_with(troupe.role("c").cast()).unwrap();
        b.send(Line::Error).unwrap();
        rests(&system, "b");
        rests(&system, "c");
        assert_eq!(who(&a), 1);
        c.send(Line::Say(1)).unwrap();
        assert!(c.try_send(Line::Say(2)).is_err());
        let report = system.shutdown();
        assert_eq!(figures(line(&report, "c")), [1, 0, 0]);
        assert_eq!(leaving(&report), ["c", "b", "a"]);
        assert!(!report.is_failure());
    });
}

#[test]
fn a_child_that_waits_to_be_restarted_holds_up_no_parent() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("loop");
        let family = family(&troupe, &mut system, times(0), after_an_hour(times(1)));
        family.x.send(Line::Error).unwrap();
        rests(&system, "x");
        family.parent.stop();
        ended(&family.parent);
        let expected = [("y".into(), Ended::Completed), ("x".into(), Ended::Completed)];
        assert_eq!(next(&family.left), expected);
    });
}

// Significant members.

const MODES: [AutoShutdown; 3] =
    [AutoShutdown::Never, AutoShutdown::AnySignificant, AutoShutdown::AllSignificant];

#[test]
fn the_end_of_one_that_is_not_significant_ends_nobody_else() {
    for mode in MODES {
        guarded(move || {
            let troupe = Troupe::new();
            let mut system = System::new("insignificant");
            let group =
                system.group("group").intensity(9, HOUR).auto_shutdown(mode).build().unwrap();
            let s = system.actor("s").within(&group);
            let s = if mode == AutoShutdown::Never { s } else { s.significant() };
            let s = s.spawn(troupe.role("s").play()).unwrap();
            for restart in [Restart::never(), Restart::temporary(), on_failure()] {
                let ends: [fn(Addr<Line>); 3] =
                    [|addr| addr.stop(), |addr| addr.send(Line::Stop).unwrap(), drop];
                for end in ends {
                    let [a] = cast(&troupe, &mut system, &group, restart, ["a"]);
                    if restart == on_failure() {
                        (0..2).for_each(|_| a.send(Line::Error).unwrap());
                        troupe.hears(&["a3 started"]);
                    }
                    end(a);
                    let nobody =
                        || system.snapshot().iter().skip(1).all(|a| a.state == State::Ended);
                    until(nobody);
                }
            }
            assert_eq!(who(&s), 1);
        });
    }
}

#[test]
fn nobody_is_started_in_a_group_that_a_significant_member_has_ended() {
    guarded(|| {
        let mut system = System::new("significant");
        let mode = AutoShutdown::AnySignificant;
        let around = system.group("around").auto_shutdown(mode).build().unwrap();
        let group = system.group("group").within(&around).build().unwrap();
        let work = system.task("work").within(&around).significant().spawn(|_| Ok(())).unwrap();
        assert_eq!(work.wait().unwrap().ended, Ended::Completed);
        // It would stay for ever, since nobody tells it to leave.
        let late = system.actor("late").within(&group).spawn(Play::<()>::idle()).unwrap();
        assert!(late.is_closed());
        assert_eq!(leaving(&system.wait()), ["work"]);
    });
}

#[test]
fn the_end_of_a_significant_member_ends_its_group() {
    type End = fn(&Addr<Line>);
    let ways: [(End, Ended); 2] = [
        (|addr| addr.send(Line::Stop).unwrap(), Ended::Completed),
        (|addr| addr.send(Line::Panic).unwrap(), Ended::Failed),
    ];
    for (end, how) in ways {
        for mode in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
            guarded(move || {
                let troupe = Troupe::new();
                let mut system = System::new("significant");
                let group = system.group("group").auto_shutdown(mode).build().unwrap();
                let [other] = cast(&troupe, &mut system, &group, times(0), ["other"]);
                let [s, t] = ["s", "t"].map(|name| {
                    let builder = system.actor(name).within(&group).restart(Restart::temporary());
                    builder.significant().spawn(troupe.role(name).play()).unwrap()
                });
                end(&s);
                assert_eq!(ended(&s).ended, how);
                if mode == AutoShutdown::AllSignificant {
                    assert_eq!((who(&other), who(&t)), (1, 1));
                    end(&t);
                }
                assert_eq!(ended(&other).ended, Ended::Completed);
                ended(&t);
                let report = system.wait();
                assert_eq!(
                    (report.reason.clone(), report.is_failure()),
                    (Reason::Completed, false)
                );
            });
        }
    }
}

#[test]
fn a_significant_member_that_is_restarted_has_not_ended() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("significant");
        let group = system.group("group").intensity(2, HOUR);
        let group = group.auto_shutdown(AutoShutdown::AnySignificant).build().unwrap();
        let [other] = cast(&troupe, &mut system, &group, times(0), ["other"]);
        let s = system.actor("s").within(&group).restart(on_failure()).significant();
        let s = s.spawn_with(troupe.role("s").cast()).unwrap();
        (0..2).for_each(|_| s.send(Line::Error).unwrap());
        assert_eq!((who(&s), who(&other)), (3, 1));
        drop(s); // a natural end is one of its own accord
        assert_eq!(ended(&other).ended, Ended::Completed);
        assert_eq!(leaving(&system.wait()), ["s", "other"]);
    });
}

#[test]
fn a_significant_member_that_makes_room_has_not_ended() {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        for mode in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
            guarded(move || {
                let troupe = Troupe::new();
                let mut system = System::new("significant");
                let group =
                    system.group("group").strategy(strategy).auto_shutdown(mode).build().unwrap();
                let [s, x, t] = ["s", "x", "t"].map(|name| {
                    let builder = system.actor(name).within(&group).restart(on_failure());
                    let builder = if name == "x" { builder } else { builder.significant() };
                    builder.spawn_with(troupe.role(name).cast()).unwrap()
                });
                x.send(Line::Error).unwrap();
                let expected = match strategy {
                    Strategy::OneForAll => [2, 2, 2],
                    Strategy::RestForOne => [1, 2, 2],
                    _ => [1, 2, 1],
                };
                until(|| who(&x) == 2);
                assert_eq!([&s, &x, &t].map(who), expected);
                assert!(!system.handle().is_draining());
            });
        }
    }
}

// Stopping.

#[test]
fn who_makes_progress_is_waited_for() {
    let attempt = |slower| {
        let mut system = System::new("patience");
        system.set_stall_limit(ms(200) * slower);
        let group = system.group("group").build().unwrap();
        let play = move || {
            Play::new(move |_: u32, cx| {
                cx.sleep(ms(10) * slower)?;
                Ok(())
            })
        };
        let a = system.actor("a").within(&group).restart(on_failure()).spawn_with(play).unwrap();
        (0..40).for_each(|n| a.send(n).unwrap());
        let report = system.shutdown();
        late_unless(line(&report, "a").ended == Ended::Drained, &report)?;
        assert_eq!(figures(line(&report, "a")), [40, 0, 0]);
        Ok(())
    };
    guarded(move || in_time(attempt));
}

#[test]
fn who_hangs_is_given_up_and_the_other_drains() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("hang");
        system.set_grace(ms(50));
        let group = group(&mut system, Strategy::OneForAll, 9);
        let [a, b] = [("a", ms(200)), ("b", HANG)].map(|(name, limit)| {
            let builder = system.actor(name).within(&group).restart(on_failure());
            builder.stall_limit(limit).spawn_with(troupe.role(name).cast()).unwrap()
        });
        let (trap, keeper) = trap();
        a.send(Line::Stay(trap)).unwrap();
        keeper.catches();
        for addr in [&a, &b] {
            (0..3).for_each(|n| addr.send(Line::Say(n)).unwrap());
        }
        let report = system.shutdown();
        let [a, b] = ["a", "b"].map(|name| line(&report, name));
        assert_eq!((figures(a), a.ended, a.restarts), ([0, 1, 3], Ended::Abandoned, 0));
        assert!(a.error.as_deref().unwrap().contains("in its handler"));
        assert_eq!((figures(b), b.ended), ([3, 0, 0], Ended::Drained));
        assert_eq!(report.status(), Status::Incomplete);
    });
}

#[test]
fn a_child_that_hangs_is_given_up_and_its_parent_is_not() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("hang");
        system.set_stall_limit(HANG).set_grace(ms(50));
        let family = family_of(&troupe, &mut system, times(0), |cx, role| {
            let limit = if role.name() == "x" { ms(200) } else { HANG };
            let child = cx.actor(role.name()).restart(times(9)).stall_limit(limit);
            child.spawn_with(role.cast()).unwrap()
        });
        let (trap, keeper) = trap();
        family.x.send(Line::Stay(trap)).unwrap();
        keeper.catches();
        let report = system.shutdown();
        let expected = [("y".into(), Ended::Drained), ("x".into(), Ended::Abandoned)];
        assert_eq!(next(&family.left), expected);
        assert_eq!(line(&report, "parent").ended, Ended::Drained);
    });
}

#[test]
fn a_deadline_of_nothing_leaves_only_the_goodbye() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("brutal");
        let (tell, told) = mpsc::channel();
        let roles: Vec<crate::troupe::Role> =
            (0..10).map(|n| troupe.role(&format!("c{n}-"))).collect();
        let sibling = troupe.role("sibling");
        let parent = troupe.role("parent").started(move |_, cx| {
            for role in &roles {
                let child =
                    cx.actor(role.name()).drain_deadline(Duration::ZERO).spawn(role.play())?;
                tell.send(child)?;
            }
            tell.send(cx.spawn("sibling", sibling.play()))?;
            Ok(())
        });
        let _parent = system.spawn("parent", parent.play());
        let children: Vec<Addr<Line>> = (0..11).map(|_| next(&told)).collect();
        for child in &children[..10] {
            let sleep = |cx: &mut Context<Player>| Ok(cx.sleep(HOUR)?);
            child.send(deed(sleep)).unwrap();
            until(|| child.queued() == 0);
        }
        children.iter().for_each(|child| (0..3).for_each(|n| child.send(Line::Say(n)).unwrap()));
        let report = system.shutdown();
        for child in &children[..10] {
            let line = line(&report, child.name());
            assert_eq!((figures(line), line.ended), ([0, 1, 3], Ended::Overdue));
        }
        assert_eq!(figures(line(&report, "sibling")), [3, 0, 0]);
        let story = troupe.so_far();
        assert!((0..10).all(|n| story.contains(&format!("c{n}-1 stopped"))), "{story:?}");
        exeunt_testkit::assert_balanced(&report);
    });
}

#[test]
fn whoever_ends_by_itself_in_a_drain_does_so_once() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("race");
        let (trap, keeper) = trap();
        let mut expected = Vec::new();
        let policies = [Restart::never(), Restart::temporary(), on_failure(), Restart::always()];
        for (p, policy) in policies.into_iter().enumerate() {
            for (e, end) in ["nothing", "stop", "error", "goodbye"].into_iter().enumerate() {
                let name = format!("a{p}{e}");
                let role = troupe.role(&name).stopped(move |_, _| match end {
                    "goodbye" => panic!("no goodbye"),
                    _ => Ok(()),
                });
                let a = system.actor(&name).restart(policy).spawn_with(role.cast()).unwrap();
                a.send(Line::Stay(trap.clone())).unwrap();
                keeper.catches();
                match end {
                    "stop" => a.send(Line::Stop).unwrap(),
                    "error" => a.send(Line::Error).unwrap(),
                    _ => {}
                }
                let fails = end == "goodbye" || end == "error" && p < 2;
                let how = if fails { Ended::Failed } else { Ended::Drained };
                expected.push((name, how, fails && p == 1));
            }
        }
        let handle = system.handle();
        handle.shutdown();
        until(|| standing(&handle, "a33").state == State::Draining);
        keeper.opens();
        let report = system.wait();
        assert_eq!(report.actors.len(), expected.len());
        for (name, how, absorbed) in expected {
            let line = line(&report, &name);
            assert_eq!((line.ended, line.absorbed), (how, absorbed), "{name}: {report}");
            assert_eq!(line.returned, 0, "{name}");
        }
        assert_eq!(report.reason, Reason::Shutdown);
    });
}

#[test]
fn children_that_fail_in_their_goodbye_spoil_no_drain() {
    guarded(|| {
        for restart in [Restart::never(), Restart::temporary(), on_failure(), Restart::always()] {
            let troupe = Troupe::new();
            let mut system = System::new("goodbye");
            let family = family_of(&troupe, &mut system, times(0), move |cx, role| {
                let role = role.clone().stopped(|_, _| Err(Error::msg("no goodbye")));
                cx.actor(role.name()).restart(restart).spawn_with(role.cast()).unwrap()
            });
            let report = system.shutdown();
            let expected = [("y".into(), Ended::Failed), ("x".into(), Ended::Failed)];
            assert_eq!(next(&family.left), expected);
            assert_eq!(
                (&report.reason, line(&report, "parent").ended),
                (&Reason::Shutdown, Ended::Drained)
            );
            assert_eq!(line(&report, "x").error.as_deref(), Some("in `stopped`: no goodbye"));
            assert_eq!(report.is_failure(), restart != Restart::temporary());
        }
    });
}

#[test]
fn who_was_stopped_is_gone_and_may_be_stopped_again() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("stop");
        let Family { parent, x, y, .. } = family(&troupe, &mut system, times(0), times(9));
        let (trap, keeper) = trap();
        x.send(Line::Stay(trap)).unwrap();
        keeper.catches();
        x.send(Line::Say(1)).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..10 {
                scope.spawn(|| x.stop());
            }
        });
        assert_eq!(x.wait_timeout(ms(1)), Err(WaitError::Timeout));
        keeper.opens();
        assert_eq!(figures(&ended(&x)), [2, 0, 0]);
        assert!(matches!(x.send(Line::Say(2)), Err(SendError::Closed(..))));
        x.stop();
        ended(&x);
        assert_eq!((who(&y), who(&parent)), (1, 1));
        let report = system.shutdown();
        assert_eq!(report.actors.iter().filter(|line| line.name == "x").count(), 1);
    });
}

#[test]
fn those_who_wait_to_be_restarted_are_counted_as_such() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("count");
        let group = system.group("group").intensity(9, HOUR).build().unwrap();
        let names = ["a", "b", "c"];
        let late = on_failure().backoff(Backoff::exponential(HOUR, HOUR));
        let [a, b, c] = cast(&troupe, &mut system, &group, late, names);
        let states = || {
            let all = system.snapshot();
            assert_eq!(all.iter().map(|who| who.name.as_str()).collect::<Vec<_>>(), names);
            all.iter().map(|who| who.state).collect::<Vec<_>>()
        };
        [&a, &b, &c].into_iter().for_each(|addr| assert_eq!(who(addr), 1));
        assert_eq!(states(), [State::Working; 3]);
        [&a, &b].into_iter().for_each(|addr| addr.send(Line::Error).unwrap());
        until(|| states() == [State::Restarting, State::Restarting, State::Working]);
        assert_eq!(who(&c), 1);
        [&a, &b].into_iter().for_each(Addr::stop);
        until(|| states() == [State::Ended, State::Ended, State::Working]);
    });
}

#[test]
fn what_will_not_be_made_again_is_let_go() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("factory");
        let downstream = system.spawn("downstream", troupe.role("downstream").play());
        let (dropped, drops) = mpsc::channel();
        let factory = |name: &'static str| {
            let (held, dropped) = (downstream.clone(), dropped.clone());
            let last = OnDrop(move || dropped.send(name).unwrap());
            move || {
                let _ = (&held, &last);
                Play::<u32>::idle()
            }
        };
        let once = system.actor("once").spawn_with(factory("once")).unwrap();
        assert_eq!(next(&drops), "once");
        let again =
            system.actor("again").restart(on_failure()).spawn_with(factory("again")).unwrap();
        again.send(1).unwrap();
        until(|| again.queued() == 0);
        assert!(so_far(&drops).is_empty());
        let watch = downstream.downgrade();
        drop((downstream, once, again));
        // Its last address was in the second factory.
        assert_eq!(next(&drops), "again");
        let report = system.wait();
        assert_eq!((report.reason, watch.upgrade().is_none()), (Reason::Completed, true));
    });
}

// Phases.

#[test]
fn tasks_leave_after_those_they_come_after() {
    const GRAPHS: [&[(&str, &[&str])]; 7] = [
        &[],
        &[("a", &[])],
        &[("a", &[]), ("b", &["a"]), ("c", &["b"])],
        &[("a", &[]), ("b", &["a"]), ("c", &["a"])],
        &[("a", &[]), ("b", &[]), ("c", &["a", "b"])],
        &[("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"])],
        &[
            ("a1", &[]),
            ("b1", &[]),
            ("a2", &["a1"]),
            ("b2", &["b1"]),
            ("a3", &["a2"]),
            ("b3", &["b2"]),
        ],
    ];
    for graph in GRAPHS {
        guarded(move || {
            let (tell, told) = mpsc::channel();
            let mut system = System::new("phases");
            for &(name, before) in graph {
                let tell = tell.clone();
                let task = before.iter().fold(system.task(name), |task, other| task.after(other));
                task.spawn(move |cx| {
                    cx.stopping().wait();
                    Ok(tell.send(name)?)
                })
                .unwrap();
            }
            let report = system.shutdown();
            for order in [so_far(&told), leaving(&report)] {
                assert_eq!(order.len(), graph.len());
                let at = |name| order.iter().position(|other| *other == name).unwrap();
                for &(name, before) in graph {
                    assert!(before.iter().all(|other| at(*other) < at(name)), "{order:?}");
                }
            }
        });
    }
    let mut system = System::new("phases");
    assert!(system.task("a").after("a").spawn(|_| Ok(())).unwrap_err().is_unknown_name());
}

#[test]
fn the_next_phase_waits_for_the_slowest_of_the_one_before() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let (trap, keeper) = trap();
        let mut system = System::new("phases");
        let mut task = |name: &'static str, after: Option<&str>, slow: bool| {
            let (tell, trap) = (tell.clone(), trap.clone());
            let task = system.task(name);
            after.into_iter().fold(task, exeunt::TaskBuilder::after).spawn(move |cx| {
                cx.stopping().wait();
                if slow {
                    trap.walk_in();
                }
                Ok(tell.send(name)?)
            })
        };
        task("a", None, false).unwrap();
        task("b", Some("a"), false).unwrap();
        task("b", Some("a"), true).unwrap();
        task("c", Some("b"), false).unwrap();
        let handle = system.handle();
        handle.shutdown();
        keeper.catches();
        assert_eq!([next(&told), next(&told)], ["a", "b"]);
        assert_eq!(standing(&handle, "c").state, State::Working);
        keeper.opens();
        drop(system.wait());
        assert_eq!(so_far(&told), ["b", "c"]);
    });
}

#[test]
fn a_task_that_was_called_off_does_nothing_at_the_end() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("phases");
        // Three of one name, each to be called off alone, or all together.
        let all = Event::new();
        let off: Vec<Event> = (0..3).map(|_| all.child()).collect();
        for (n, off) in off.iter().cloned().enumerate() {
            let tell = tell.clone();
            let work = move |cx: &exeunt::TaskContext| {
                select! {
                    recv(cx.stopping().receiver()) -> _ => tell.send(n)?,
                    recv(off.receiver()) -> _ => {}
                }
                Ok(())
            };
            system.task("b").spawn(work).unwrap();
        }
        system.task("c").after("b").spawn(|_| Ok(())).unwrap();
        off[1].set();
        until(|| system.snapshot()[1].state == State::Ended);
        let report = system.shutdown();
        assert_eq!(so_far(&told).into_iter().collect::<BTreeSet<usize>>(), BTreeSet::from([0, 2]));
        assert_eq!(report.actors.iter().filter(|line| line.name == "b").count(), 3);
        assert!(!all.is_set());
    });
}

#[test]
fn many_may_stop_the_same_actors_at_once() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("many");
        let addrs: Vec<Addr<Line>> = (0..20)
            .map(|n| {
                let name = format!("a{n}");
                let builder = system.actor(&name).restart(on_failure());
                builder.spawn_with(troupe.role(&name).cast()).unwrap()
            })
            .collect();
        for n in 0..50 {
            addrs.iter().for_each(|addr| addr.send(Line::Say(n)).unwrap());
        }
        let handle = system.handle();
        std::thread::scope(|scope| {
            for thread in 0..25 {
                let (addrs, handle) = (&addrs, &handle);
                scope.spawn(move || {
                    addrs.iter().step_by(2).for_each(Addr::stop);
                    if thread == 12 {
                        handle.shutdown();
                    }
                    addrs.iter().step_by(2).rev().for_each(Addr::stop);
                });
            }
        });
        let report = system.wait();
        let names: BTreeSet<&str> = leaving(&report).into_iter().collect();
        assert_eq!((names.len(), report.actors.len()), (20, 20));
        assert!(report.actors.iter().all(|line| figures(line) == [50, 0, 0]), "{report}");
        assert!(report.is_complete());
    });
}

#[test]
fn the_first_reason_counts_and_all_happens_once() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("once");
        let _a =
            system.actor("a").restart(on_failure()).spawn_with(troupe.role("a").cast()).unwrap();
        troupe.up_to("a1 started");
        let handle = system.handle();
        let first = Reason::Failure { name: "database".into(), error: "no room".into() };
        assert!(handle.shutdown_because(first.clone()));
        handle.shutdown();
        let other = std::thread::spawn(move || handle.wait().unwrap());
        let report = system.shutdown();
        assert_eq!(report.reason, first);
        assert_eq!(other.join().unwrap().actors, report.actors);
        assert_eq!(troupe.so_far(), ["a1 stopped", "a1 dropped"]);
    });
}

#[test]
fn neither_a_failure_nor_a_hang_keeps_those_to_come_from_their_turn() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (hook, notices) = mpsc::channel();
        let mut system = System::new("phases");
        system.set_stall_limit(HANG).set_grace(ms(50));
        system.observe(move |notice| {
            let _ = match notice {
                Notice::Failed { name, .. } => hook.send(format!("{name} failed")),
                Notice::Abandoned { name, .. } => hook.send(format!("{name} given up")),
                _ => Ok(()),
            };
        });
        system
            .task("a1")
            .spawn(|cx| {
                cx.stopping().wait();
                Err(Error::msg("planned"))
            })
            .unwrap();
        system
            .task("a2")
            .spawn(|cx| {
                cx.stopping().wait();
                (0..3).for_each(|_| {
                    std::thread::sleep(ms(20));
                    cx.progress();
                });
                Ok(())
            })
            .unwrap();
        system
            .task("b")
            .after("a1")
            .after("a2")
            .stall_limit(ms(200))
            .spawn(move |cx| {
                cx.stopping().wait();
                trap.walk_in();
                Ok(())
            })
            .unwrap();
        let (tell, told) = mpsc::channel();
        system
            .task("c")
            .after("b")
            .spawn(move |cx| {
                cx.stopping().wait();
                Ok(tell.send("c")?)
            })
            .unwrap();
        let report = system.shutdown();
        let mut order = leaving(&report);
        order[..2].sort_unstable(); // they leave side by side
        assert_eq!(order, ["a1", "a2", "b", "c"]);
        assert_eq!(so_far(&told), ["c"]);
        assert_eq!([next(&notices), next(&notices)], ["a1 failed", "b given up"]);
        assert_eq!((&report.reason, report.is_complete()), (&Reason::Shutdown, false));
        drop(keeper);
    });
}

#[test]
fn who_leaves_may_hand_on_work() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("later");
        let later = system.spawn("later", troupe.role("later").play());
        let earlier = troupe.role("earlier").stopped(move |_, cx| {
            // Nobody is started any more, not even a child.
            let child = cx.spawn("late", Play::<u32>::idle());
            assert!(child.is_closed());
            Ok(later.send(Line::Say(1))?)
        });
        let _earlier = system.spawn("earlier", earlier.play());
        let report = system.shutdown();
        assert_eq!(figures(line(&report, "later")), [1, 0, 0]);
        assert_eq!(leaving(&report), ["earlier", "later"]);
    });
}

#[test]
fn the_reason_can_be_asked_for_afterwards() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("reason");
        let family = family(&troupe, &mut system, times(0), after_an_hour(times(1)));
        let x = &family.x;
        x.send(Line::Error).unwrap();
        rests(&system, "x");
        let handle = system.handle();
        handle.shutdown_because(Reason::Signal(exeunt::Signal(15)));
        let report = handle.wait().unwrap();
        assert!(handle.has_ended());
        assert_eq!(report.status(), Status::Signal(exeunt::Signal(15)));
        assert_eq!(line(&report, "x").parent.as_deref(), Some("parent"));
    });
}

#[test]
fn dropping_the_system_is_the_same_drain() {
    guarded(|| {
        let troupe = Troupe::new();
        let told = Arc::new(Mutex::new(Vec::new()));
        let mut system = System::new("drop");
        let family = family(&troupe, &mut system, times(0), after_an_hour(times(1)));
        let x = &family.x;
        x.send(Line::Error).unwrap();
        x.send(Line::Say(1)).unwrap();
        rests(&system, "x");
        system.observe({
            let told = Arc::clone(&told);
            move |notice| match notice {
                Notice::DrainBegan { reason, .. } => told.lock().unwrap().push(reason.to_string()),
                Notice::Ended { name, .. } => told.lock().unwrap().push(name.clone()),
                _ => {}
            }
        });
        drop(system);
        assert_eq!(*told.lock().unwrap(), ["shutdown", "y", "x", "parent"]);
        troupe.hears(&["x2 says 1"]);
    });
}

#[test]
fn after_the_end_one_may_still_ask() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("after");
        let a =
            system.actor("a").restart(on_failure()).spawn_with(troupe.role("a").cast()).unwrap();
        let handle = system.handle();
        let report = system.shutdown();
        assert!(!handle.shutdown_because(Reason::Shutdown));
        assert_eq!(handle.wait().unwrap().actors, report.actors);
        assert!(handle.has_ended() && handle.is_draining());
        assert_eq!(handle.snapshot()[0].state, State::Ended);
        assert!(handle.lookup::<Line>("a").is_err());
        a.stop();
        assert_eq!(ended(&a).name, "a");
        assert!(a.send(Line::Say(1)).is_err() && a.ask(Line::Who).is_err());
    });
}

#[test]
fn a_message_may_be_the_order_to_stop() {
    guarded(|| {
        let troupe = Troupe::new();
        let (trap, keeper) = trap();
        let mut system = System::new("message");
        let a =
            system.actor("a").restart(on_failure()).spawn_with(troupe.role("a").cast()).unwrap();
        let role = troupe.role("upstream").stopped(move |_, _| {
            a.send(Line::Stay(trap.clone()))?;
            Ok(a.send(Line::Stop)?)
        });
        let _upstream = system.spawn("upstream", role.play());
        let handle = system.handle();
        handle.shutdown();
        keeper.catches();
        assert!(handle.wait_timeout(ms(20)).is_err());
        keeper.opens();
        let report = system.wait();
        assert_eq!(
            (figures(line(&report, "a")), leaving(&report)),
            ([2, 0, 0], vec!["upstream", "a"])
        );
        assert_eq!(line(&report, "a").restarts, 0);
    });
}

// Watching.

#[test]
fn the_end_of_one_that_has_ended_is_told_at_once() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("watch");
        let gone = system.actor("gone").restart(Restart::temporary());
        let gone = gone.spawn(troupe.role("gone").play()).unwrap();
        gone.send(Line::Panic).unwrap();
        ended(&gone);
        let (tell, told) = mpsc::channel();
        let watcher = Play::new(move |how: Ended, _| Ok(tell.send(how)?))
            .started(move |cx| Ok(cx.watch(&gone, |report| report.ended)?));
        system.spawn("watcher", watcher);
        assert_eq!(next(&told), Ended::Failed);
        system
            .task("after")
            .after("gone")
            .spawn(|cx| {
                cx.stopping().wait();
                Ok(())
            })
            .unwrap();
        assert!(!system.shutdown().is_failure());
    });
}

#[test]
fn each_watch_is_told_once_and_not_of_a_restart() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("watch");
        let a = system.actor("a").restart(times(2)).spawn_with(troupe.role("a").cast()).unwrap();
        let (tell, told) = mpsc::channel();
        for name in ["first", "second"] {
            let (a, tell) = (a.clone(), tell.clone());
            let watcher = Play::new(move |n: u32, _| Ok(tell.send((name, n))?))
                .started(move |cx| Ok((0..2).try_for_each(|n| cx.watch(&a, move |_| n))?));
            system.spawn(name, watcher);
        }
        (0..2).for_each(|_| a.send(Line::Error).unwrap());
        assert_eq!(who(&a), 3);
        assert!(so_far(&told).is_empty());
        a.stop();
        let all: BTreeSet<(&str, u32)> = (0..4).map(|_| next(&told)).collect();
        assert_eq!(all.len(), 4);
        let report = system.shutdown();
        assert!(so_far(&told).is_empty());
        assert_eq!(["first", "second"].map(|name| line(&report, name).handled), [2, 2]);
    });
}
