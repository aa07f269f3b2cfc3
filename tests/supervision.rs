//! Clauses F1 to F3 where somebody supervises: restarts of one and of many, intensities, backoff,
//! escalation from group to group and to the system, parents that fail of their children, and all of
//! it in the middle of a drain.
//!
//! Each incarnation of a player has a number and says what it lives through (`a2 started`), so that a
//! test reads as a story. What is decided by the clock alone is tested without threads, beside
//! the decision.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use exeunt::{
    Addr, AutoShutdown, Backoff, Ended, Error, Notice, Reason, Report, Restart, SendError, State,
    Status, Strategy, System, WaitingFor,
};

use crate::support::{
    HANG, Play, figures, guarded, guarded_for, leaving, line, ms, next, so_far, standing, trap,
    until,
};
use crate::troupe::{Line, Troupe, cast, deed, on_failure, rests, times, who};

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
            let a =
                system.actor("a").restart(times(1)).spawn_with(troupe.role("a").cast()).unwrap();
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
                    "a1 made",
                    "a1 started",
                    "a1 says 1",
                    "a1 stopped",
                    "a1 dropped", //
                    "a2 made",
                    "a2 started",
                    "a2 says 2",
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

#[test]
fn f1_who_waits_for_room_goes_on_waiting_through_a_restart() {
    guarded(|| {
        let troupe = Troupe::new();
        let (trap, keeper) = trap();
        let mut system = System::new("f1");
        let role = troupe.role("a").make_with(move |n| {
            if n == 2 {
                trap.walk_in();
            }
        });
        let a = system.actor("a").capacity(1).restart(times(1)).spawn_with(role.cast()).unwrap();
        a.send(Line::Error).unwrap();
        keeper.catches(); // nobody is there to read
        a.send(Line::Say(1)).unwrap();
        let sender = std::thread::spawn({
            let a = a.clone();
            move || a.send(Line::Say(2))
        });
        assert!(!sender.is_finished());
        keeper.opens();
        sender.join().unwrap().unwrap();
        troupe.hears(&["a2 says 1", "a2 says 2"]);
        assert!(!system.shutdown().is_failure());
    });
}

#[test]
fn f1_who_is_to_be_restarted_has_to_say_how_it_is_made_anew() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f1");
        let group = system.group("group").build().unwrap();
        let nothing = |_: &exeunt::TaskContext| Ok(());
        for restart in [Restart::on_failure(), Restart::always()] {
            let (addr, inbox) = exeunt::mailbox(1);
            addr.send(Line::Say(1)).unwrap();
            let actor = system.actor("a").inbox(inbox).within(&group).restart(restart);
            let error = actor.spawn(troupe.role("a").play()).unwrap_err();
            assert!(error.is_not_restartable() && error.name() == "a", "{error}");
            // Nobody will read it, so nobody need wait for it.
            assert!(matches!(addr.send(Line::Say(2)), Err(SendError::Closed(..))));
            let error = system.task("t").restart(restart).spawn(nothing).unwrap_err();
            assert!(error.is_not_restartable() && error.name() == "t", "{error}");
        }
        assert!(system.snapshot().is_empty());
        for restart in [Restart::never(), Restart::temporary()] {
            system.actor("a").restart(restart).spawn(troupe.role("a").play()).unwrap();
            system.task("t").restart(restart).spawn(nothing).unwrap();
        }
        for restart in [Restart::never(), Restart::temporary(), on_failure(), times(0)] {
            system.actor("a").restart(restart).spawn_with(troupe.role("a").cast()).unwrap();
            system.task("t").restart(restart).spawn_with(nothing).unwrap();
        }
        assert_eq!(system.wait().actors.len(), 12);
    });
}

#[test]
fn f3_one_failure_beyond_the_intensity_begins_the_drain_of_the_system() {
    for restarts in [0, 1, 3] {
        guarded(move || {
            let troupe = Troupe::new();
            let mut system = System::new("f3");
            let bystander = system.spawn("bystander", troupe.role("bystander").play());
            let (returned, rest) = mpsc::channel();
            let a = system
                .actor("a")
                .restart(times(restarts))
                .returned(move |line| returned.send(matches!(line, Line::Say(7))).unwrap())
                .spawn_with(troupe.role("a").cast())
                .unwrap();
            let (trap, keeper) = trap();
            a.send(Line::Stay(trap)).unwrap();
            keeper.catches();
            (0..=restarts).for_each(|_| a.send(Line::Error).unwrap());
            (0..2).for_each(|_| a.send(Line::Say(7)).unwrap());
            bystander.send(Line::Say(1)).unwrap();
            keeper.opens();
            let report = system.wait();
            let a = line(&report, "a");
            assert_eq!(figures(a), [1, u64::from(restarts) + 1, 2]);
            assert_eq!((a.restarts, a.ended), (u64::from(restarts), Ended::Failed));
            assert_eq!((a.error.as_deref(), a.absorbed), (Some("planned"), false));
            assert_eq!(so_far(&rest), [true, true]);
            assert_eq!(line(&report, "bystander").ended, Ended::Drained);
            let reason = Reason::Failure { name: "a".into(), error: "planned".into() };
            assert_eq!((&report.reason, report.status()), (&reason, Status::Failure));
        });
    }
}

#[test]
fn f1_a_start_that_fails_is_a_failure_with_a_message_of_its_own() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f1");
        let (told, notices) = mpsc::channel();
        system.observe(move |notice| {
            if let Notice::Restarting { error, .. } = notice {
                let _ = told.send(error.clone().unwrap());
            }
        });
        let role =
            troupe.role("a").make_with(|n| assert!(n != 2, "no value")).started(|n, _| match n {
                1 => Err(Error::msg("no device")),
                3 => panic!("no luck"),
                _ => Ok(()),
            });
        let a = system.actor("a").restart(times(3)).spawn_with(role.cast()).unwrap();
        assert_eq!(who(&a), 4);
        let report = system.shutdown();
        assert_eq!((figures(line(&report, "a")), line(&report, "a").restarts), ([1, 0, 0], 3));
        assert_eq!(
            so_far(&notices),
            ["in `started`: no device", "panicked: no value", "in `started`: panicked: no luck"]
        );
        // Who was not started does not stop; who was made is dropped.
        assert_eq!(
            troupe.up_to("a4 started"),
            [
                "a1 made",
                "a1 not started",
                "a1 dropped",
                "a3 made",
                "a3 dropped",
                "a4 made",
                "a4 started",
            ]
        );
    });
}

#[test]
fn f3_a_start_that_fails_too_often_is_the_reason_of_the_drain() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f3");
        let role = troupe.role("a").started(|n, _| match n {
            1 => Ok(()),
            _ => Err(Error::msg(format!("no device {n}"))),
        });
        let a = system.actor("a").restart(times(2)).spawn_with(role.cast()).unwrap();
        a.send(Line::Panic).unwrap();
        a.send(Line::Say(1)).unwrap();
        let report = system.wait();
        let a = line(&report, "a");
        assert_eq!((figures(a), a.restarts), ([0, 1, 1], 2));
        assert_eq!(a.error.as_deref(), Some("in `started`: no device 3"));
    });
}

#[test]
fn f1_a_goodbye_that_fails_does_not_keep_the_next_one_from_coming() {
    guarded(|| {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("boom");
            }
        }
        let mut system = System::new("f1");
        let (told, notices) = mpsc::channel();
        system.observe(move |notice| {
            if let Notice::FailedToStop { error, .. } = notice {
                let _ = told.send(error.clone());
            }
        });
        let mut made = 0;
        let make = move || {
            made += 1;
            let is_first = made == 1;
            let play = crate::support::Play::new(move |n: u32, _| match n {
                0 => Err(Error::msg("planned")),
                _ => Ok(()),
            });
            let play = play.stopped(move |_| match is_first {
                true => panic!("no goodbye"),
                false => Ok(()),
            });
            if is_first { play.holding(Bomb) } else { play }
        };
        let a = system.actor("a").restart(times(1)).spawn_with(make).unwrap();
        (0..3).for_each(|n| a.send(n).unwrap());
        let report = system.shutdown();
        assert_eq!(figures(line(&report, "a")), [2, 1, 0]);
        assert!(!report.is_failure());
        assert_eq!(
            so_far(&notices),
            ["in `stopped`: panicked: no goodbye", "in its `drop`: panicked: boom"]
        );
    });
}

#[test]
fn f1_a_temporary_that_fails_is_forgotten_and_only_the_report_knows() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f1");
        let group = system.group("group").strategy(Strategy::OneForAll).build().unwrap();
        let [other] = cast(&troupe, &mut system, &group, times(0), ["other"]);
        let alone = system.actor("alone").restart(Restart::temporary());
        let alone = alone.spawn(troupe.role("alone").play()).unwrap();
        let member = system.actor("member").within(&group).restart(Restart::temporary());
        let member = member.spawn(troupe.role("member").play()).unwrap();
        for addr in [&alone, &member] {
            let (trap, keeper) = trap();
            addr.send(Line::Stay(trap)).unwrap();
            keeper.catches();
            addr.send(Line::Panic).unwrap();
            addr.send(Line::Say(1)).unwrap();
            keeper.opens();
            let left = addr.wait_timeout(HANG).unwrap();
            assert_eq!(
                (figures(&left), left.ended, left.absorbed),
                ([1, 1, 1], Ended::Failed, true)
            );
            assert!(left.error.unwrap().contains("planned panic"));
        }
        assert_eq!(who(&other), 1);
        assert!(!system.handle().is_draining());
        let report = system.shutdown();
        assert!(!report.is_failure());
        // What was returned is missing, though.
        assert_eq!(report.status(), Status::Incomplete);
    });
}

// Backoff.

#[test]
fn f2_a_drain_cuts_a_backoff_short_and_goes_on_with_the_queue() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f2");
        let late = after_an_hour(times(2));
        let a = system.actor("a").restart(late).spawn_with(troupe.role("a").cast()).unwrap();
        // It has to be back before its own turn: others may flush into its mailbox.
        let flush = a.clone();
        let upstream = troupe.role("upstream").stopped(move |_, _| Ok(flush.send(Line::Say(9))?));
        let _upstream = system.spawn("upstream", upstream.play());
        a.send(Line::Error).unwrap();
        rests(&system, "a");
        for line in [Line::Say(1), Line::Error, Line::Say(2)] {
            a.send(line).unwrap();
        }
        let report = system.shutdown();
        let a = line(&report, "a");
        assert_eq!((figures(a), a.restarts, a.ended), ([3, 2, 0], 2, Ended::Drained));
        assert!(report.took < HOUR / 2);
        troupe.hears(&["a2 says 1", "a3 says 2", "a3 says 9"]);
    });
}

#[test]
fn f2_nobody_is_made_anew_in_its_turn_for_an_empty_mailbox() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f2");
        let late = after_an_hour(times(2));
        let a = system.actor("a").restart(late).spawn_with(troupe.role("a").cast()).unwrap();
        let b = system.actor("b").restart(late).spawn_with(troupe.role("b").cast()).unwrap();
        for (name, addr) in [("a", &a), ("b", &b)] {
            addr.send(Line::Error).unwrap();
            rests(&system, name);
        }
        b.send(Line::Say(1)).unwrap();
        [&a, &b].into_iter().for_each(Addr::stop);
        let [a, b] = [a, b].map(|addr| addr.wait_timeout(HANG).unwrap());
        assert_eq!((figures(&a), a.restarts, a.ended), ([0, 1, 0], 0, Ended::Completed));
        assert_eq!((figures(&b), b.restarts, b.ended), ([1, 1, 0], 1, Ended::Completed));
    });
}

// Many.

#[test]
fn f1_each_strategy_restarts_whom_it_says_one_after_the_other() {
    for (strategy, story) in [
        (Strategy::OneForOne, &["c1 stopped", "c1 dropped", "c2 made", "c2 started"][..]),
        (
            Strategy::RestForOne,
            &[
                "d1 stopped",
                "d1 dropped",
                "c1 stopped",
                "c1 dropped",
                "c2 made",
                "c2 started",
                "d2 made",
                "d2 started",
            ],
        ),
    ] {
        guarded(move || {
            let troupe = Troupe::new();
            let mut system = System::new("f1");
            let group =
                system.group("group").strategy(strategy).intensity(1, HOUR).build().unwrap();
            // The names say nothing about the order.
            let names = ["z", "a", "c", "d"];
            let all = cast(&troupe, &mut system, &group, times(0), names);
            all.iter().for_each(|addr| assert_eq!(who(addr), 1));
            troupe.so_far();
            all[2].send(Line::Error).unwrap();
            let mut told = troupe.up_to(story.last().unwrap());
            // The one that failed stops by itself, beside those after it.
            told.sort_by_key(|fact| story.iter().position(|expected| expected == fact));
            assert_eq!(told, story);
            let numbers = all.each_ref().map(who);
            assert_eq!(
                numbers,
                if strategy == Strategy::OneForOne { [1, 1, 2, 1] } else { [1, 1, 2, 2] }
            );
            let report = system.shutdown();
            assert_eq!(leaving(&report), ["d", "c", "a", "z"]);
        });
    }
}

#[test]
fn f1_in_a_restart_of_all_each_has_ended_before_the_next_is_told_and_begun_before_the_next_begins()
{
    guarded(|| {
        let troupe = Troupe::new();
        let (trap, keeper) = trap();
        let mut system = System::new("f1");
        let all =
            system.group("all").strategy(Strategy::OneForAll).intensity(1, HOUR).build().unwrap();
        let [_a, b] = cast(&troupe, &mut system, &all, on_failure(), ["a", "b"]);
        let slow = troupe.role("c");
        let slow = slow.stopped(move |n, _| {
            if n == 1 {
                trap.walk_in();
            }
            Ok(())
        });
        let c = system.actor("c").within(&all).restart(on_failure());
        let c = c.spawn_with(slow.cast()).unwrap();
        troupe.hears(&["a1 started", "b1 started", "c1 started"]);
        b.send(Line::Error).unwrap();
        keeper.catches();
        // `b` has failed, and `a` is not told before `c` has ended.
        troupe.hears(&["b1 dropped"]);
        assert_eq!(standing(&system.handle(), "a").state, State::Working);
        keeper.opens();
        assert_eq!(
            troupe.up_to("c2 started"),
            [
                "c1 stopped",
                "c1 dropped",
                "a1 stopped",
                "a1 dropped",
                "a2 made",
                "a2 started",
                "b2 made",
                "b2 started",
                "c2 made",
                "c2 started",
            ]
        );
        assert_eq!(who(&c), 2);
        let report = system.shutdown();
        assert!(report.actors.iter().all(|actor| actor.restarts == 1));
    });
}

#[test]
fn f1_how_somebody_falls_while_it_makes_room_for_the_next_does_not_count() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f1");
        let all =
            system.group("all").strategy(Strategy::OneForAll).intensity(1, HOUR).build().unwrap();
        let role = troupe.role("a").stopped(|n, _| match n {
            1 => panic!("no goodbye"),
            _ => Ok(()),
        });
        let a = system.actor("a").within(&all).restart(on_failure());
        let a = a.spawn_with(role.cast()).unwrap();
        let [b] = cast(&troupe, &mut system, &all, on_failure(), ["b"]);
        let (trap, keeper) = trap();
        a.send(Line::Stay(trap)).unwrap();
        keeper.catches();
        b.send(Line::Error).unwrap();
        troupe.hears(&["b1 dropped"]);
        rests(&system, "b");
        // `a` fails just when it is to make room.
        let handle = system.handle();
        keeper.opens();
        // `b` begins after `a` has.
        assert_eq!((who(&b), who(&a)), (2, 2));
        assert!(!handle.is_draining());
        let report = system.shutdown();
        assert!(!report.is_failure(), "{report}");
    });
}

#[test]
fn f1_a_member_that_fails_while_it_is_to_make_room_does_not_count() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f1");
        let all =
            system.group("all").strategy(Strategy::OneForAll).intensity(1, HOUR).build().unwrap();
        let [a, b] = cast(&troupe, &mut system, &all, on_failure(), ["a", "b"]);
        let (trap, keeper) = trap();
        a.send(deed(move |_| {
            trap.walk_in();
            Err(Error::msg("planned too"))
        }))
        .unwrap();
        keeper.catches();
        b.send(Line::Error).unwrap();
        rests(&system, "b");
        keeper.opens();
        // `b` begins after `a` has.
        assert_eq!((who(&b), who(&a)), (2, 2));
        let report = system.shutdown();
        assert_eq!(figures(line(&report, "a")), [1, 1, 0]);
        assert!(!report.is_failure(), "{report}");
    });
}

// Those who wait for each other.

/// `a` is blocked by what it does with `b`, whose mailbox nobody reads: `b` has been stopped, and
/// waits for `a` to be.
fn blocked_on_one_that_was_stopped(
    block: impl FnOnce(&Addr<Line>) -> exeunt::Result + Send + 'static,
) -> Report {
    let troupe = Troupe::new();
    let mut system = System::new("blocked");
    system.set_stall_limit(ms(100)).set_grace(HANG);
    let all = system.group("all").strategy(Strategy::OneForAll).intensity(1, HOUR).build().unwrap();
    let [a] = cast(&troupe, &mut system, &all, on_failure(), ["a"]);
    let b = system.actor("b").within(&all).restart(on_failure()).capacity(1);
    let b = b.spawn_with(troupe.role("b").cast()).unwrap();
    let (trap, keeper) = trap();
    a.send(deed({
        let b = b.clone();
        move |_| {
            trap.walk_in();
            block(&b)
        }
    }))
    .unwrap();
    keeper.catches();
    b.send(Line::Error).unwrap();
    rests(&system, "b");
    b.send(Line::Say(1)).unwrap(); // it is full now
    keeper.opens();
    // `b` begins after `a` has.
    assert_eq!((who(&b), who(&a)), (2, 2));
    troupe.hears(&["b2 says 1"]);
    system.shutdown()
}

#[test]
fn m4_a_send_to_a_member_that_was_stopped_before_does_not_hold_up_the_restart() {
    guarded(|| {
        let report = blocked_on_one_that_was_stopped(|b| Ok(b.send(Line::Say(2))?));
        assert_eq!(figures(line(&report, "a")), [1, 1, 0]);
        assert_eq!((line(&report, "a").restarts, line(&report, "b").restarts), (1, 1));
        assert!(!report.is_failure(), "{report}");
    });
}

#[test]
fn m5_an_ask_of_a_member_that_was_stopped_before_does_not_hold_up_the_restart() {
    guarded(|| {
        let report = blocked_on_one_that_was_stopped(|b| {
            until(|| b.queued() == 0 || b.queued() == 1);
            b.ask(Line::Who)?;
            Ok(())
        });
        assert!(!report.is_failure(), "{report}");
    });
}

#[test]
fn m2_who_is_interrupted_has_its_message_back_and_may_go_on() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let report = blocked_on_one_that_was_stopped(move |b| {
            let refused = b.send(Line::Say(2)).unwrap_err();
            tell.send(matches!(refused, SendError::Interrupted(Line::Say(2), _))).unwrap();
            Ok(())
        });
        assert_eq!(so_far(&told), [true]);
        assert_eq!(figures(line(&report, "a")), [2, 0, 0]);
        assert!(!report.is_failure(), "{report}");
    });
}

#[test]
fn f3_a_member_that_cannot_be_stopped_to_begin_anew_begins_the_drain() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f3");
        system.set_grace(ms(50));
        let all =
            system.group("all").strategy(Strategy::OneForAll).intensity(1, HOUR).build().unwrap();
        let [a, b] = [("a", ms(200)), ("b", HANG)].map(|(name, limit)| {
            let builder = system.actor(name).within(&all).restart(on_failure());
            builder.stall_limit(limit).spawn_with(troupe.role(name).cast()).unwrap()
        });
        let (trap, keeper) = trap();
        a.send(Line::Stay(trap)).unwrap();
        keeper.catches();
        a.send(Line::Say(1)).unwrap();
        b.send(Line::Error).unwrap();
        b.send(Line::Say(2)).unwrap();
        let report = system.wait();
        let reason = report.reason.to_string();
        assert!(reason.contains("`a`") && reason.contains("in its handler"), "{reason}");
        let [a, b] = ["a", "b"].map(|name| line(&report, name));
        assert_eq!((a.ended, figures(a)), (Ended::Abandoned, [0, 1, 1]));
        assert_eq!((b.ended, figures(b)), (Ended::Drained, [1, 1, 0]));
    });
}

// From group to group.

#[test]
fn f3_a_failure_goes_from_group_to_group_and_from_the_top_to_the_system() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f3");
        let one_for_all = Strategy::OneForAll;
        let top = system.group("top").strategy(one_for_all).intensity(1, HOUR).build().unwrap();
        let middle = system.group("middle").intensity(1, HOUR).within(&top).build().unwrap();
        let low = system.group("low").strategy(one_for_all).intensity(1, HOUR);
        let low = low.within(&middle).build().unwrap();
        let [a] = cast(&troupe, &mut system, &top, on_failure(), ["a"]);
        let [b] = cast(&troupe, &mut system, &middle, on_failure(), ["b"]);
        let [c, d] = cast(&troupe, &mut system, &low, on_failure(), ["c", "d"]);
        let numbers = || {
            // The last begins last.
            let d = who(&d);
            [who(&a), who(&b), who(&c), d]
        };
        for expected in [
            [1, 1, 2, 2], // the lowest group absorbs it
            [1, 1, 3, 3], // the middle one, for which the lowest is one member
            [1, 1, 4, 4], // the lowest, which has begun anew
            [2, 2, 5, 5], // the top, since both below have absorbed theirs
            [2, 2, 6, 6],
            [2, 2, 7, 7],
            [2, 2, 8, 8],
        ] {
            d.send(Line::Error).unwrap();
            assert_eq!(numbers(), expected);
        }
        let (trap, keeper) = trap();
        a.send(Line::Stay(trap)).unwrap();
        keeper.catches();
        a.send(Line::Say(1)).unwrap();
        d.send(Line::Panic).unwrap();
        until(|| system.handle().is_draining());
        keeper.opens();
        let report = system.wait();
        assert!(matches!(&report.reason, Reason::Failure { name, .. } if name == "d"));
        assert_eq!(line(&report, "d").error.as_deref(), Some("panicked: planned panic"));
        // The others drain, and are restarted no more.
        troupe.hears(&["a2 says 1"]);
        assert_eq!(["a", "b", "c", "d"].map(|name| line(&report, name).restarts), [1, 1, 7, 7]);
        assert_eq!(line(&report, "c").ended, Ended::Drained);
    });
}

// Parents.

#[test]
fn f3_a_parent_fails_of_a_child_that_no_policy_absorbs() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f3");
        let (first, sibling) = (troupe.role("first"), troupe.role("sibling"));
        let role = troupe.role("parent").started(move |n, cx| {
            if n == 1 {
                let _sibling = cx.spawn("sibling", sibling.play());
                let child = cx.actor("child").restart(times(1)).spawn_with(first.cast())?;
                (0..2).try_for_each(|_| child.send(Line::Error))?;
            }
            Ok(())
        });
        let parent = system.actor("parent").restart(times(1)).spawn_with(role.cast()).unwrap();
        troupe.hears(&["sibling1 dropped", "parent1 stopped", "parent2 started"]);
        assert_eq!(who(&parent), 2);
        let report = system.shutdown();
        let child = line(&report, "child");
        assert_eq!((child.ended, child.absorbed, child.restarts), (Ended::Failed, true, 1));
        assert_eq!(child.parent.as_deref(), Some("parent"));
        assert!(!report.is_failure());
        assert_eq!(report.status(), Status::Success);
    });
}

#[test]
fn f3_the_failure_of_a_child_that_its_parent_does_not_absorb_is_the_reason_of_the_drain() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f3");
        let role = troupe.role("child");
        let parent = troupe.role("parent").started(move |_, cx| {
            let group = cx.group("group").intensity(1, HOUR).build().unwrap();
            let child = cx.actor("child").within(&group).restart(on_failure());
            let child = child.spawn_with(role.cast())?;
            (0..2).try_for_each(|_| child.send(Line::Error))?;
            Ok(())
        });
        let parent = system.spawn("parent", parent.play());
        let report = system.wait();
        let reason = report.reason.to_string();
        assert_eq!(reason, "`parent` failed: its child `child` failed: planned");
        assert_eq!(
            line(&report, "parent").error.as_deref(),
            Some("its child `child` failed: planned")
        );
        drop(parent);
    });
}

#[test]
fn f1_what_a_child_of_an_incarnation_does_is_nothing_to_the_next() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f1");
        let role = troupe.role("child").stopped(|_, _| Err(Error::msg("no goodbye")));
        let parent = troupe.role("parent").started(move |n, cx| {
            if n == 1 {
                drop(cx.spawn("child", role.play()));
                cx.addr().send(Line::Error)?;
            }
            Ok(())
        });
        // The child fails when it is sent away because its parent has failed.
        let parent = system.actor("parent").restart(times(1)).spawn_with(parent.cast()).unwrap();
        troupe.hears(&["parent2 started"]);
        assert_eq!(who(&parent), 2);
        assert!(!system.shutdown().is_failure());
    });
}

// In a drain.

#[test]
fn f2_who_fails_in_a_drain_goes_on_with_its_queue_alone_and_within_its_intensity() {
    for in_group in [false, true] {
        guarded(move || {
            let troupe = Troupe::new();
            let mut system = System::new("f2");
            let group = system
                .group("group")
                .strategy(Strategy::OneForAll)
                .intensity(2, HOUR)
                .build()
                .unwrap();
            let late = after_an_hour(times(2));
            let (returned, rest) = mpsc::channel();
            let a = system.actor("a").restart(late);
            let a = if in_group { a.within(&group) } else { a };
            let a = a.returned(move |line| returned.send(matches!(line, Line::Say(4))).unwrap());
            let a = a.spawn_with(troupe.role("a").cast()).unwrap();
            let [b] = cast(&troupe, &mut system, &group, late, ["b"]);
            let (trap, keeper) = trap();
            for addr in [&a, &b] {
                addr.send(Line::Stay(trap.clone())).unwrap();
                keeper.catches();
            }
            for n in 1..=3 {
                a.send(Line::Say(n)).unwrap();
                a.send(Line::Error).unwrap();
            }
            a.send(Line::Say(4)).unwrap();
            b.send(Line::Say(1)).unwrap();
            let handle = system.handle();
            handle.shutdown();
            until(|| handle.is_draining());
            keeper.opens();
            let report = system.wait();
            let a = line(&report, "a");
            assert_eq!((figures(a), a.restarts, a.ended), ([4, 3, 1], 2, Ended::Failed));
            assert_eq!(a.error.as_deref(), Some("planned"));
            assert_eq!(so_far(&rest), [true]);
            let b = line(&report, "b");
            assert_eq!((figures(b), b.restarts, b.ended), ([2, 0, 0], 0, Ended::Drained));
            // It failed, but it was not the reason.
            assert_eq!((&report.reason, report.status()), (&Reason::Shutdown, Status::Failure));
            troupe.hears(&["a1 says 1", "a2 says 2", "a3 says 3", "a3 dropped"]);
        });
    }
}

#[test]
fn f2_a_drain_may_begin_in_the_middle_of_a_restart_of_many() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f2");
        let all =
            system.group("all").strategy(Strategy::OneForAll).intensity(9, HOUR).build().unwrap();
        let late = after_an_hour(times(0));
        let [a, b, c, d] = cast(&troupe, &mut system, &all, late, ["a", "b", "c", "d"]);
        let (trap, keeper) = trap();
        a.send(Line::Stay(trap)).unwrap();
        keeper.catches();
        d.send(Line::Error).unwrap();
        ["d", "c", "b"].iter().for_each(|name| rests(&system, name));
        for addr in [&a, &b, &c, &d] {
            addr.send(Line::Say(1)).unwrap();
        }
        let handle = system.handle();
        handle.shutdown();
        until(|| handle.is_draining());
        // Those that were stopped need not wait for `a`.
        troupe.hears(&["d2 dropped", "c2 dropped", "b2 dropped"]);
        keeper.opens();
        let report = system.wait();
        assert_eq!(leaving(&report), ["d", "c", "b", "a"]);
        let expected = [[2, 0, 0], [1, 0, 0], [1, 0, 0], [1, 1, 0]];
        assert_eq!(["a", "b", "c", "d"].map(|name| figures(line(&report, name))), expected);
        assert!(!report.is_failure() && report.is_complete(), "{report}");
    });
}

#[test]
fn f2_a_drain_may_begin_while_a_member_is_blocked_on_one_that_was_stopped() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f2");
        let all =
            system.group("all").strategy(Strategy::OneForAll).intensity(9, HOUR).build().unwrap();
        let [a] = cast(&troupe, &mut system, &all, times(0), ["a"]);
        let b = system.actor("b").within(&all).restart(times(0)).capacity(1);
        let b = b.spawn_with(troupe.role("b").cast()).unwrap();
        let (trap, keeper) = trap();
        a.send(deed({
            let b = b.clone();
            move |_| {
                trap.walk_in();
                Ok(b.send(Line::Say(2))?)
            }
        }))
        .unwrap();
        keeper.catches();
        b.send(Line::Error).unwrap();
        rests(&system, "b");
        b.send(Line::Say(1)).unwrap();
        keeper.opens();
        until(|| {
            standing(&system.handle(), "a")
                .waits_for
                .is_some_and(|other| other.what == WaitingFor::Room)
        });
        // `a` was spawned first, so that its turn comes last: `b` must not leave before its time.
        let report = system.shutdown();
        let (a, b) = (line(&report, "a"), line(&report, "b"));
        assert_eq!(a.accepted() + b.accepted(), if a.failed == 0 { 4 } else { 3 }, "{report}");
        assert!(a.returned == 0 && b.returned == 0, "{report}");
    });
}

#[test]
fn f2_a_drain_ends_a_start_that_fails_for_ever() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f2");
        system.set_drain_budget(ms(1_000)).set_stall_limit(ms(100)).set_grace(HANG);
        let role = troupe.role("a").started(|n, _| match n {
            1 => Ok(()),
            _ => Err(Error::msg("no device")),
        });
        let for_ever = Restart::on_failure().intensity(u32::MAX, HOUR);
        let for_ever = after_an_hour(for_ever);
        let a = system.actor("a").restart(for_ever).spawn_with(role.cast()).unwrap();
        a.send(Line::Error).unwrap();
        rests(&system, "a");
        a.send(Line::Say(1)).unwrap();
        let report = system.shutdown();
        let a = line(&report, "a");
        assert_eq!((figures(a), a.ended), ([0, 1, 1], Ended::Overdue));
    });
}

#[test]
fn d3_who_is_stuck_is_given_up_and_not_restarted() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("d3");
        system.set_stall_limit(ms(200)).set_grace(ms(50));
        let role = troupe.role("a");
        let made = role.counter();
        let a = system.actor("a").restart(on_failure()).spawn_with(role.cast()).unwrap();
        let (trap, keeper) = trap();
        a.send(Line::Stay(trap)).unwrap();
        keeper.catches();
        (0..3).for_each(|n| a.send(Line::Say(n)).unwrap());
        let report = system.shutdown();
        let a = line(&report, "a");
        assert_eq!((figures(a), a.ended, a.restarts), ([0, 1, 3], Ended::Abandoned, 0));
        assert_eq!(made.load(Ordering::SeqCst), 1);
    });
}

// The groups that are a piece of work.

#[test]
fn o3_a_group_leaves_in_order_when_its_significant_member_has_left() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("o3");
        let other = system.spawn("other", troupe.role("other").play());
        let work =
            system.group("work").auto_shutdown(AutoShutdown::AnySignificant).build().unwrap();
        let [a, b] = cast(&troupe, &mut system, &work, on_failure(), ["a", "b"]);
        let s = system.actor("s").within(&work).restart(on_failure()).significant();
        let s = s.spawn_with(troupe.role("s").cast()).unwrap();
        let (trap, keeper) = trap();
        for addr in [&a, &b] {
            addr.send(Line::Stay(trap.clone())).unwrap();
            keeper.catches();
            addr.send(Line::Say(1)).unwrap();
        }
        s.send(Line::Stop).unwrap();
        keeper.opens();
        for addr in [&a, &b, &s] {
            let left = addr.wait_timeout(HANG).unwrap();
            assert_eq!((left.ended, left.returned), (Ended::Completed, 0));
        }
        assert_eq!(who(&other), 1);
        let report = system.shutdown();
        assert_eq!(leaving(&report), ["s", "b", "a", "other"]);
    });
}

// The report.

#[test]
fn r1_a_run_whose_failures_were_all_absorbed_is_a_success() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("r1");
        let notices = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&notices);
        system.observe(move |notice| told.lock().unwrap().push(notice.to_string()));
        let all =
            system.group("all").strategy(Strategy::OneForAll).intensity(2, HOUR).build().unwrap();
        let [a, b] = cast(&troupe, &mut system, &all, times(0), ["a", "b"]);
        for addr in [&a, &b] {
            addr.send(Line::Error).unwrap();
            until(|| (who(&a), who(&b)) != (1, 1));
        }
        until(|| (who(&a), who(&b)) == (3, 3));
        let report = system.shutdown();
        for name in ["a", "b"] {
            let line = line(&report, name);
            assert_eq!((line.restarts, line.failed, line.ended), (2, 1, Ended::Drained));
            assert!(line.error.is_none());
        }
        assert_eq!((report.status(), report.is_failure()), (Status::Success, false));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["actors"][0]["restarts"], 2);
        let notices = notices.lock().unwrap();
        assert!(
            notices.contains(&"`a` failed: planned; it begins anew, with `b`".to_owned()),
            "{notices:?}"
        );
        exeunt_testkit::assert_balanced(&report);
    });
}

// What was found wrong, once.

#[test]
fn f1_one_that_is_told_to_stop_while_it_waits_for_the_others_of_its_group_leaves_at_once() {
    guarded(|| {
        let troupe = Troupe::new();
        let (trap, keeper) = trap();
        let mut system = System::new("f1");
        system.set_stall_limit(2 * HANG); // nobody is let go by that
        let all =
            system.group("all").strategy(Strategy::OneForAll).intensity(9, HOUR).build().unwrap();
        let [a, b, c] = cast(&troupe, &mut system, &all, on_failure(), ["a", "b", "c"]);
        a.send(Line::Stay(trap)).unwrap();
        keeper.catches();
        // `c` waits for `a`, whose handler does not end.
        c.send(Line::Error).unwrap();
        c.send(Line::Say(1)).unwrap();
        troupe.hears(&["c1 dropped", "b1 dropped"]);
        rests(&system, "c");
        c.stop();
        let left = c.wait_timeout(HANG).expect("it need not wait for the others");
        assert_eq!((figures(&left), left.ended), ([1, 1, 0], Ended::Completed));
        b.stop();
        let left = b.wait_timeout(HANG).expect("nor did the other");
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
        let all =
            system.group("all").strategy(Strategy::OneForAll).intensity(9, HOUR).build().unwrap();
        let late = after_an_hour(on_failure());
        let [a, b] = cast(&troupe, &mut system, &all, late, ["a", "b"]);
        a.send(Line::Error).unwrap();
        troupe.hears(&["a1 dropped", "b1 dropped"]);
        rests(&system, "a");
        rests(&system, "b");
        // `a` was told to begin anew in an hour, `b` comes after it.
        a.stop();
        assert!(a.wait_timeout(HANG).is_ok());
        assert_eq!(who(&b), 2);
        assert!(!system.shutdown().is_failure());
    });
}

#[test]
fn f1_a_start_that_fails_alone_in_a_restart_of_many_does_not_hold_up_those_to_come() {
    guarded(|| {
        let troupe = Troupe::new();
        let mut system = System::new("f1");
        let outer =
            system.group("outer").strategy(Strategy::OneForAll).intensity(9, HOUR).build().unwrap();
        let inner = system.group("inner").intensity(1, HOUR).within(&outer).build().unwrap();
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
        let rest =
            system.group("rest").strategy(Strategy::RestForOne).intensity(9, HOUR).build().unwrap();
        let [a] = cast(&troupe, &mut system, &rest, on_failure(), ["a"]);
        let late = after_an_hour(on_failure());
        let [b, c] = cast(&troupe, &mut system, &rest, late, ["b", "c"]);
        c.send(Line::Error).unwrap(); // waits alone, for an hour
        rests(&system, "c");
        a.send(Line::Error).unwrap(); // takes it along, at once
        assert_eq!((who(&a), who(&b), who(&c)), (2, 2, 2));
        b.send(Line::Error).unwrap(); // waits with `c`
        rests(&system, "b");
        rests(&system, "c");
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
        let group = system.group("group").build().unwrap();
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
fn f1_a_failure_that_a_policy_absorbs_is_told_when_it_happens() {
    guarded(|| {
        let mut system = System::new("f1");
        let (tell, told) = mpsc::channel();
        system.observe(move |notice| {
            if let Notice::Absorbed { .. } = notice {
                let _ = tell.send((notice.level(), notice.to_string()));
            }
        });
        let fails = Play::new(|(), _| Err(Error::msg("no line")));
        let a = system.actor("a").restart(Restart::temporary()).spawn(fails).unwrap();
        a.send(()).unwrap();
        let line = "`a` failed: no line; it leaves, the others go on";
        assert_eq!(told.recv().unwrap(), (log::Level::Warn, line.to_owned()));
        assert!(!system.shutdown().is_failure());
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
        let _idle = system.spawn("idle", crate::support::Play::<()>::idle());
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
        system.set_stall_limit(ms(200)).set_grace(ms(50));
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
        let report = parent.wait_timeout(HANG).expect("it is given up");
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
    // A busy machine takes its time over so many restarts: it is each step that must not hang.
    guarded_for(HANG * 10, || {
        let troupe = Troupe::new();
        let mut system = System::new("f1");
        let all = system
            .group("all")
            .strategy(Strategy::OneForAll)
            .intensity(9_999, HOUR)
            .build()
            .unwrap();
        let [a, b] = cast(&troupe, &mut system, &all, times(9_999), ["a", "b"]);
        // Each failure of `a` comes while `b` begins anew after the one before.
        let errors = std::thread::spawn({
            let a = a.clone();
            move || (0..300).try_for_each(|_| a.send(Line::Error))
        });
        troupe.up_to("a301 started");
        assert!(errors.join().unwrap().is_ok());
        assert_eq!(who(&a), 301);
        who(&b);
        let report = system.shutdown();
        assert!(!report.is_failure(), "{report}");
        assert_eq!(line(&report, "a").failed, 300);
    });
}

#[test]
fn f3_one_restart_too_many_is_told_before_the_failure_that_it_becomes() {
    guarded(|| {
        let mut system = System::new("f3");
        let (tell, told) = mpsc::channel();
        system.observe(move |notice| {
            let _ = match notice {
                Notice::TooManyRestarts { name, group, restarts, within, .. } => {
                    tell.send(format!("{group:?} {name} {restarts} {within:?}"))
                }
                Notice::Restarting { name, .. } => tell.send(format!("{name} anew")),
                Notice::Failed { name, .. } => tell.send(format!("{name} failed")),
                _ => Ok(()),
            };
        });
        let outer = system.group("outer").intensity(1, ms(60_000)).build().unwrap();
        let inner = system.group("inner").within(&outer).intensity(1, ms(30_000)).build().unwrap();
        let fails = || Play::new(|(), _| Err(Error::msg("planned")));
        let a = system.actor("a").within(&inner).restart(on_failure()).spawn_with(fails).unwrap();
        (0..4).for_each(|_| a.send(()).unwrap());
        assert!(system.wait().is_failure());
        let inner = r#"Some("inner") a 1 30s"#;
        let outer = r#"Some("outer") a 1 60s"#;
        // The group around it begins the inner one's count anew.
        let all = ["a anew", inner, "a anew", "a anew", inner, outer, "a failed"];
        assert_eq!(so_far(&told), all);

        let mut system = System::new("f3");
        let (tell, told) = mpsc::channel();
        system.observe(move |notice| {
            if let Notice::TooManyRestarts { name, group, restarts, .. } = notice {
                let _ = tell.send((name.clone(), group.clone(), *restarts));
            }
        });
        let b = system.actor("b").restart(times(0)).spawn_with(fails).unwrap();
        b.send(()).unwrap();
        assert!(system.wait().is_failure());
        assert_eq!(so_far(&told), [("b".to_owned(), None, 0)]);
    });
}

#[test]
fn f1_who_has_begun_anew_with_others_does_not_once_more_for_one_of_the_rest() {
    guarded(|| {
        let mut system = System::new("f1");
        let (tell, told) = mpsc::channel();
        let group =
            system.group("g").strategy(Strategy::RestForOne).intensity(9, HOUR).build().unwrap();
        let addrs = ["a", "b", "c"].map(|name| {
            let tell = tell.clone();
            let lives = AtomicUsize::new(0);
            let builder = system.actor(name).within(&group).restart(Restart::on_failure());
            let addr = builder.spawn_with(move || {
                let life = lives.fetch_add(1, Ordering::Relaxed);
                let tell = tell.clone();
                let player = Play::new(|(), _| Err(Error::msg("as it was told")));
                player.started(move |_| {
                    tell.send((name, life))?;
                    // Its second life ends where it begins, when that of `a` has begun and that of `c` has not.
                    if (name, life) == ("b", 1) { Err(Error::msg("a bad start")) } else { Ok(()) }
                })
            });
            addr.unwrap()
        });
        addrs[0].send(()).unwrap();
        let lives: Vec<_> = (0..7).map(|_| next(&told)).collect();
        assert_eq!(lives[3..], [("a", 1), ("b", 1), ("b", 2), ("c", 1)]);
        let report = system.shutdown();
        assert_eq!(["a", "b", "c"].map(|name| line(&report, name).restarts), [1, 2, 1]);
    });
}

#[test]
fn f3_a_daemon_that_fails_at_its_end_has_failed_though_nobody_minds() {
    guarded(|| {
        let mut system = System::new("test");
        let daemon = Play::<()>::idle().stopped(|_| Err(Error::msg("cannot flush")));
        let builder = system.actor("daemon").daemon().restart(Restart::temporary());
        let _addr = builder.spawn(daemon).unwrap();
        let report = system.shutdown();
        let line = line(&report, "daemon");
        assert_eq!((line.ended, line.absorbed), (Ended::Failed, true));
        assert_eq!(line.error.as_deref(), Some("in `stopped`: cannot flush"));
        assert!(!report.is_failure());
    });
}
