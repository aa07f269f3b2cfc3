//! Clauses F1 to F3 where somebody supervises: restarts of one and of many, intensities, backoff,
//! escalation from group to group and to the system, parents that fail of their children, and all of
//! it in the middle of a drain.
//!
//! Each incarnation of a player has a number and says what it lives through (`a2 started`), so that a
//! test reads as a story. What is decided by the clock alone is tested without threads, beside
//! the decision.
#![allow(clippy::unwrap_used)]

mod support;
#[path = "support/troupe.rs"]
mod troupe;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use exeunt::{
    Addr, AutoShutdown, Backoff, Ended, Error, Notice, Reason, Report, Restart, SendError, State,
    Status, Strategy, System,
};
use support::{figures, guarded, leaving, line, ms, so_far, standing, trap, until};
use troupe::{Line, Troupe, deed, on_failure, times, who};

const HOUR: Duration = Duration::from_secs(3_600);

fn after_an_hour(restart: Restart) -> Restart {
    restart.backoff(Backoff::exponential(HOUR, HOUR))
}

// One alone.

#[test]
fn f1_the_mailbox_and_every_address_outlive_a_restart() {
    for poison in [|| Line::Error, || Line::Panic] {
        guarded(move || {
            let troupe = Troupe::new();
            let mut system = System::new("f1");
            let a = system.actor("a").restart(times(1)).spawn_with(troupe.role("a").cast()).unwrap();
            let other = a.clone();
            let weak = a.downgrade();
            let (trap, keeper) = trap();
            a.send(Line::Stay(trap)).unwrap();
            keeper.catches();
            for line in [Line::Say(1), poison(), Line::Say(2)] {
                a.send(line).unwrap();
            }
            keeper.opens();
            // The old one has stopped and is dropped before the new one is made.
            assert_eq!(
                troupe.up_to("a2 says 2"),
                [
                    "a1 made", "a1 started", "a1 says 1", "a1 stopped", "a1 dropped", //
                    "a2 made", "a2 started", "a2 says 2",
                ]
            );
            assert_eq!((who(&a), who(&other), who(&weak.upgrade().unwrap())), (2, 2, 2));
            assert_eq!(system.handle().lookup::<Line>("a").unwrap(), a);
            let report = system.shutdown();
            let a = line(&report, "a");
            assert_eq!((figures(a), a.restarts, a.ended), ([6, 1, 0], 1, Ended::Drained));
            assert!(a.error.is_none() && !a.absorbed);
            assert!(!report.is_failure());
            assert_eq!(report.status(), Status::Success);
        });
    }
}

// What was found wrong, or might go wrong.

#[test]
fn f1_one_that_is_told_to_stop_while_it_waits_for_the_others_of_its_group_leaves_at_once() {
    guarded(|| {
        let troupe = Troupe::new();
        let (trap, keeper) = trap();
        let mut system = System::new("f1");
        let all = system.group("all").strategy(Strategy::OneForAll).intensity(9, HOUR).build();
        let [a, b, c] = ["a", "b", "c"].map(|name| {
            let builder = system.actor(name).within(&all).restart(on_failure());
            builder.spawn_with(troupe.role(name).cast()).unwrap()
        });
        a.send(Line::Stay(trap)).unwrap();
        keeper.catches();
        // `c` waits for `a`, whose handler does not end.
        c.send(Line::Error).unwrap();
        c.send(Line::Say(1)).unwrap();
        troupe.hears(&["c1 dropped", "b1 dropped"]);
        until(|| standing(&system.handle(), "c").state == State::Restarting);
        c.stop();
        let left = c.wait_ended(ms(4_000)).expect("it need not wait for the others");
        assert_eq!((figures(&left), left.ended), ([1, 1, 0], Ended::Completed));
        b.stop();
        let left = b.wait_ended(ms(4_000)).expect("nor did the other");
        assert_eq!((figures(&left), left.ended), ([0, 0, 0], Ended::Completed));
        keeper.opens();
        assert_eq!(who(&a), 2);
        assert!(!system.shutdown().is_failure());
    });
}

#[test]
fn f1_one_that_leaves_just_when_it_is_to_begin_anew_holds_up_nobody() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f1");
        let all = system.group("all").strategy(Strategy::OneForAll).intensity(9, HOUR).build();
        let late = after_an_hour(on_failure());
        let [a, b] = ["a", "b"].map(|name| {
            let builder = system.actor(name).within(&all).restart(late);
            builder.spawn_with(troupe.role(name).cast()).unwrap()
        });
        a.send(Line::Error).unwrap();
        troupe.hears(&["a1 dropped", "b1 dropped"]);
        until(|| standing(&system.handle(), "a").state == State::Restarting);
        until(|| standing(&system.handle(), "b").state == State::Restarting);
        // `a` was told to begin anew in an hour, `b` comes after it.
        a.stop();
        assert!(a.wait_ended(ms(4_000)).is_some());
        assert_eq!(who(&b), 2);
        assert!(!system.shutdown().is_failure());
    });
}

#[test]
fn f1_a_start_that_fails_alone_in_a_restart_of_many_does_not_hold_up_those_to_come() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f1");
        let outer = system.group("outer").strategy(Strategy::OneForAll).intensity(9, HOUR).build();
        let inner = system.group("inner").intensity(1, HOUR).within(&outer).build();
        let reluctant = troupe.role("a").started(|n, _| match n {
            3 => Err(Error::msg("not yet")),
            _ => Ok(()),
        });
        let a = system.actor("a").within(&inner).restart(on_failure());
        let a = a.spawn_with(reluctant.cast()).unwrap();
        let b = system.actor("b").within(&outer).restart(on_failure());
        let b = b.spawn_with(troupe.role("b").cast()).unwrap();
        a.send(Line::Error).unwrap(); // the inner group absorbs it
        a.send(Line::Error).unwrap(); // the outer one
        assert_eq!((who(&a), who(&b)), (4, 2));
        let report = system.shutdown();
        assert_eq!(line(&report, "a").restarts, 3);
        assert!(!report.is_failure());
    });
}

#[test]
fn f1_a_backoff_gives_way_to_a_restart_of_many() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f1");
        system.set_stall_limit(ms(200)).set_grace(ms(200));
        let rest = system.group("rest").strategy(Strategy::RestForOne).intensity(9, HOUR).build();
        let a = system.actor("a").within(&rest).restart(on_failure());
        let a = a.spawn_with(troupe.role("a").cast()).unwrap();
        let [b, c] = ["b", "c"].map(|name| {
            let builder = system.actor(name).within(&rest).restart(after_an_hour(on_failure()));
            builder.spawn_with(troupe.role(name).cast()).unwrap()
        });
        c.send(Line::Error).unwrap(); // waits alone, for an hour
        until(|| standing(&system.handle(), "c").state == State::Restarting);
        a.send(Line::Error).unwrap(); // takes it along, at once
        assert_eq!((who(&a), who(&b), who(&c)), (2, 2, 2));
        b.send(Line::Error).unwrap(); // waits with `c`
        until(|| standing(&system.handle(), "b").state == State::Restarting);
        until(|| standing(&system.handle(), "c").state == State::Restarting);
        a.send(Line::Error).unwrap();
        assert_eq!((who(&a), who(&b), who(&c)), (3, 3, 3));
        let report = system.shutdown();
        assert!(!report.is_failure(), "{report}");
    });
}

#[test]
fn f2_a_failure_after_ones_own_wish_to_end_is_none_the_less_one() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f2");
        let a = system.actor("a").restart(times(1)).spawn_with(troupe.role("a").cast()).unwrap();
        let (trap, keeper) = trap();
        a.send(Line::Stay(trap)).unwrap();
        keeper.catches();
        for line in [Line::Stop, Line::Error, Line::Say(1), Line::Error, Line::Say(2)] {
            a.send(line).unwrap();
        }
        keeper.opens();
        let report = system.wait();
        let a = line(&report, "a");
        assert_eq!((figures(a), a.ended, a.restarts), ([3, 2, 1], Ended::Failed, 1));
        assert!(report.is_failure());
    });
}

#[test]
fn f3_a_member_of_a_group_that_fails_after_its_wish_to_end_fails() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f3");
        let group = system.group("group").build();
        let a = system.actor("a").within(&group).spawn(troupe.role("a").play()).unwrap();
        a.send(deed(|cx| {
            cx.stop();
            Err(Error::msg("planned"))
        }))
        .unwrap();
        let report = system.wait();
        assert_eq!(line(&report, "a").ended, Ended::Failed);
        assert!(report.is_failure());
    });
}

#[test]
fn f1_a_temporary_whose_goodbye_fails_is_forgotten_too() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f1");
        let _other = system.spawn("other", troupe.role("other").play());
        let role = troupe.role("a").stopped(|_, _| Err(Error::msg("no line")));
        let a = system.actor("a").restart(Restart::temporary()).spawn(role.play()).unwrap();
        drop(a);
        troupe.hears(&["a1 dropped"]);
        until(|| standing(&system.handle(), "a").state == State::Ended);
        assert!(!system.handle().is_draining());
        let report = system.shutdown();
        let a = line(&report, "a");
        assert_eq!((a.ended, a.absorbed), (Ended::Failed, true));
        assert_eq!(report.reason, Reason::Shutdown);
        assert_eq!(report.status(), Status::Success);
    });
}

#[test]
fn f3_a_parent_fails_of_a_child_whose_goodbye_fails() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f3");
        let child = troupe.role("child").stopped(|_, _| Err(Error::msg("no line")));
        let parent = troupe.role("parent").started(move |n, cx| {
            if n == 1 {
                drop(cx.actor("child").spawn(child.play())?);
            }
            Ok(())
        });
        let parent = system.actor("parent").restart(times(1)).spawn_with(parent.cast()).unwrap();
        troupe.hears(&["parent2 started"]);
        assert_eq!(who(&parent), 2);
        let report = system.shutdown();
        let child = line(&report, "child");
        assert_eq!((child.ended, child.absorbed), (Ended::Failed, true));
        assert!(!report.is_failure(), "{report}");
    });
}

#[test]
fn f3_a_task_that_ends_by_its_own_wish_too_often_is_a_failure() {
    guarded(|| {
        let mut system = System::new("f3");
        let runs = Arc::new(AtomicUsize::new(0));
        let again = Restart::always().intensity(2, HOUR);
        let _idle = system.spawn("idle", support::Play::<()>::idle());
        let counter = Arc::clone(&runs);
        let run = move |_cx: &exeunt::TaskContext| {
            counter.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        system.task("t").restart(again).spawn_with(run).unwrap();
        let report = system.wait();
        assert_eq!(runs.load(Ordering::SeqCst), 3);
        let t = line(&report, "t");
        assert_eq!((t.ended, t.restarts), (Ended::Failed, 2));
        assert!(matches!(&report.reason, Reason::Failure { name, .. } if name == "t"));
    });
}

#[test]
fn f1_to_ask_twice_for_ones_own_end_is_to_ask_once() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f1");
        let once = Restart::always().intensity(1, HOUR);
        let a = system.actor("a").restart(once).spawn_with(troupe.role("a").cast()).unwrap();
        a.send(deed(|cx| {
            cx.stop();
            cx.stop();
            Ok(())
        }))
        .unwrap();
        troupe.hears(&["a2 started"]);
        assert_eq!(who(&a), 2);
        let report = system.shutdown();
        assert!(!report.is_failure(), "{report}");
        assert_eq!(line(&report, "a").restarts, 1);
    });
}

#[test]
fn d3_children_of_an_abandoned_parent_leave_while_the_system_drains() {
    guarded(|| {
        let troupe = Troupe::new();
        let (stuck, _keeper) = trap();
        let (slow, keeper) = trap();
        let mut system = System::new("d3");
        system.set_stall_limit(ms(200)).set_grace(ms(20));
        let child = troupe.role("child");
        let role = troupe.role("parent").started(move |_, cx| {
            let child = cx.actor("child").stall_limit(HOUR).spawn(child.play())?;
            child.send(Line::Stay(slow.clone()))?;
            Ok(())
        });
        let parent = system.spawn("parent", role.play());
        assert_eq!(keeper.catches(), "child");
        parent.send(Line::Stay(stuck)).unwrap();
        parent.stop();
        let report = parent.wait_ended(ms(9_000)).expect("it is given up");
        assert_eq!(report.ended, Ended::Abandoned);
        let handle = system.handle();
        handle.shutdown();
        until(|| handle.is_draining());
        keeper.opens();
        let report = system.wait();
        assert_eq!(leaving(&report), ["parent", "child"]);
    });
}

#[test]
fn r1_a_restart_that_was_not_needed_is_not_counted() {
    guarded(|| {
        let troupe = Troupe::new();
        let (trap, keeper) = trap();
        let mut system = System::new("r1");
        let a = system.actor("a").restart(times(9)).spawn_with(troupe.role("a").cast()).unwrap();
        a.send(Line::Stay(trap)).unwrap();
        keeper.catches();
        a.send(Line::Error).unwrap();
        system.handle().shutdown();
        until(|| a.is_closed());
        keeper.opens();
        let report = system.wait();
        // The queue was empty, so nobody was made for it.
        let a = line(&report, "a");
        assert_eq!((figures(a), a.restarts, a.ended), ([1, 1, 0], 0, Ended::Drained));
        assert_eq!(troupe.up_to("a1 dropped").len(), 4);
        assert!(troupe.so_far().is_empty());
    });
}

#[test]
fn f1_a_summons_that_comes_while_somebody_begins_anew_is_not_lost() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f1");
        system.set_stall_limit(ms(500)).set_grace(ms(100));
        let all = system.group("all").strategy(Strategy::OneForAll).intensity(9_999, HOUR).build();
        let quick = |name: &str, system: &mut System| {
            let builder = system.actor(name).within(&all).restart(on_failure());
            builder.spawn_with(troupe.role(name).cast()).unwrap()
        };
        let a = quick("a", &mut system);
        let b = quick("b", &mut system);
        // Each failure of `a` comes while `b` begins anew after the one before.
        for _ in 0..300 {
            a.send(Line::Error).unwrap();
        }
        assert_eq!(who(&a), 301);
        who(&b);
        let report = system.shutdown();
        assert!(!report.is_failure(), "{report}");
        assert_eq!(line(&report, "a").failed, 300);
    });
}
