//! Clauses F1 to F5: errors and panics wherever the user's code runs, that a failure begins
//! the drain, shutdown and waiting from inside, and that dropping is safe.
//!
//! Restarts (F1's policies, and with them F2's) are not there yet: every failure is one that no policy absorbs.

use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;

use exeunt::{
    Ended, Error, Notice, Reason, Report, State, Status, System, SystemHandle, WaitError,
};

use crate::support::{
    HANG, OnDrop, Play, figures, guarded, leaving, line, ms, next, so_far, standing, trap, until,
};

// F1

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Make,
    Started,
    Handler,
    Stopped,
    Drop,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum How {
    Error,
    Panic,
    /// A panic whose payload panics when it is dropped.
    Grenade,
}

struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("the payload panics too");
    }
}

fn fail(how: How) -> exeunt::Result {
    match how {
        How::Error => Err(Error::msg("planned")),
        How::Panic => panic!("planned {}", "panic"),
        How::Grenade => panic::panic_any(Grenade),
    }
}

/// Spawns an actor that fails at one place and says which hooks it has seen, sends it three
/// messages, and waits for the end, after a shutdown if the failure needs one.
fn failing(place: Place, how: How) -> (Report, Vec<&'static str>, Vec<u32>) {
    let at = move |here: Place, tell: &Sender<&'static str>, word: &'static str| {
        tell.send(word)?;
        if here == place { fail(how) } else { Ok(()) }
    };
    let (tell, told) = mpsc::channel();
    let (hook, returned) = mpsc::channel();
    let (trap, keeper) = trap();
    let mut system = System::new("f1");
    let _upstream = system.spawn("bystander", Play::<()>::idle());
    let addr = system
        .actor("culprit")
        .returned(move |n| hook.send(n).unwrap())
        .spawn_with(move || {
            trap.walk_in(); // until all three are queued
            at(Place::Make, &tell, "make").unwrap();
            let (started, handled, stopped, dropped) =
                (tell.clone(), tell.clone(), tell.clone(), tell.clone());
            Play::new(move |n: u32, _| match n {
                1 => at(Place::Handler, &handled, "handle"),
                _ => Ok(()),
            })
            .started(move |_| at(Place::Started, &started, "started"))
            .stopped(move |_| at(Place::Stopped, &stopped, "stopped"))
            .holding(OnDrop(move || {
                if let Err(error) = at(Place::Drop, &dropped, "drop") {
                    panic!("{error}");
                }
            }))
        })
        .unwrap();
    (0..3).for_each(|n| addr.send(n).unwrap());
    keeper.opens();
    let report = match place {
        Place::Stopped | Place::Drop => system.shutdown(),
        // Nobody asks for the end; the address is still there.
        _ => system.wait(),
    };
    drop(addr);
    (report, so_far(&told), so_far(&returned))
}

#[test]
fn f1_an_error_or_a_panic_is_caught_and_counted_wherever_it_happens() {
    use How::{Error, Grenade, Panic};
    const ALL: &[&str] = &["make", "started", "handle", "stopped", "drop"];
    for how in [Error, Panic, Grenade] {
        for (place, expected, steps) in [
            (Place::Make, [0, 0, 3], &["make"][..]),
            (Place::Started, [0, 0, 3], &["make", "started", "drop"]),
            // `stopped` runs, so that it can clean up.
            (Place::Handler, [1, 1, 1], ALL),
            (Place::Stopped, [3, 0, 0], ALL),
            (Place::Drop, [3, 0, 0], ALL),
        ] {
            guarded(move || {
                let (report, told, returned) = failing(place, how);
                let culprit = line(&report, "culprit");
                assert_eq!(culprit.ended, Ended::Failed, "{place:?}, {how:?}");
                assert_eq!(figures(culprit), expected, "{place:?}, {how:?}");
                assert_eq!(told, steps, "{place:?}, {how:?}");
                assert_eq!(returned.len() as u64, expected[2]);
                assert!(report.is_failure());
                assert_eq!(line(&report, "bystander").ended, Ended::Drained);
                let error = culprit.error.as_deref().unwrap();
                match how {
                    Grenade => assert!(error.contains("panicked: a panic"), "{error}"),
                    _ => assert!(error.contains("planned"), "{error}"),
                }
                if how == Panic {
                    assert!(error.contains("panicked: planned panic"), "{error}");
                }
                match place {
                    Place::Started => assert!(error.contains("`started`"), "{error}"),
                    Place::Stopped => assert!(error.contains("`stopped`"), "{error}"),
                    Place::Drop => assert!(error.contains("`drop`"), "{error}"),
                    Place::Make | Place::Handler => {}
                }
            });
        }
    }
}

#[test]
fn f1_a_task_that_fails_or_panics_is_caught_and_named() {
    for (how, text) in [(How::Error, "planned"), (How::Panic, "panicked: planned panic")] {
        guarded(move || {
            let mut system = System::new("f1");
            system.spawn_task("culprit", move |_| fail(how));
            let report = system.wait();
            assert_eq!(line(&report, "culprit").ended, Ended::Failed);
            assert_eq!(line(&report, "culprit").error.as_deref(), Some(text));
        });
    }
}

#[test]
fn f1_the_first_of_two_failures_of_one_actor_counts() {
    guarded(|| {
        let mut system = System::new("f1");
        let addr = system.spawn(
            "a",
            Play::new(|(), _| Err(Error::msg("the first")))
                .stopped(|_| Err(Error::msg("the second")))
                .holding(OnDrop(|| panic!("the third"))),
        );
        addr.send(()).unwrap();
        let report = system.wait();
        assert_eq!(line(&report, "a").error.as_deref(), Some("the first"));
    });
}

#[test]
fn f1_an_error_that_panics_when_it_is_printed_or_dropped_is_caught() {
    #[derive(Debug)]
    struct Rude {
        in_drop: bool,
    }
    impl fmt::Display for Rude {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            assert!(self.in_drop, "an error panics when it is printed");
            f.write_str("rude")
        }
    }
    impl Drop for Rude {
        fn drop(&mut self) {
            assert!(!self.in_drop, "an error panics in its drop");
        }
    }
    impl std::error::Error for Rude {}

    for in_drop in [false, true] {
        guarded(move || {
            let mut system = System::new("f1");
            let addr = system.actor("a").capacity(1);
            let addr = addr.spawn(Play::new(move |(), _| Err(Rude { in_drop }.into())));
            addr.unwrap().send(()).unwrap();
            let report = system.handle().wait_timeout(HANG).unwrap();
            assert_eq!(line(&report, "a").ended, Ended::Failed);
            assert_eq!(figures(line(&report, "a")), [0, 1, 0]);
        });
    }
}

// F2

#[test]
fn f2_a_failure_during_the_drain_is_caught_and_the_drain_goes_on_with_the_others() {
    for how in [How::Error, How::Panic, How::Grenade] {
        guarded(move || {
            let (hook, returned) = mpsc::channel();
            let (trap, keeper) = trap();
            let mut system = System::new("f2");
            let sink = system.spawn("sink", Play::<u32>::idle());
            let culprit = system
                .actor("culprit")
                .returned(move |n| hook.send(n).unwrap())
                .spawn(Play::new(move |n: u32, _| {
                    match n {
                        0 => trap.walk_in(), // until the drain has begun
                        2 => fail(how)?,
                        _ => {}
                    }
                    Ok(sink.send(n)?)
                }))
                .unwrap();
            (0..5).for_each(|n| culprit.send(n).unwrap());
            let handle = system.handle();
            handle.shutdown();
            until(|| standing(&handle, "culprit").state == State::Draining);
            drop(keeper);
            let report = system.wait();
            // The reason stays what began it; the failure stands beside it.
            assert_eq!(report.reason, Reason::Shutdown);
            assert!(report.is_failure() && !report.is_complete());
            assert_eq!(report.status(), Status::Failure);
            assert_eq!(leaving(&report), ["culprit", "sink"]);
            assert_eq!(line(&report, "culprit").ended, Ended::Failed);
            assert_eq!(figures(line(&report, "culprit")), [2, 1, 2]);
            assert_eq!(so_far(&returned), [3, 4]);
            assert_eq!(line(&report, "sink").ended, Ended::Drained);
            assert_eq!(figures(line(&report, "sink")), [2, 0, 0]);
        });
    }
}

// F3

#[test]
fn f3_a_failure_begins_the_ordered_drain_and_the_report_says_whose_it_was() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (hear, heard) = mpsc::channel();
        let mut system = System::new("f3");
        system.observe(move |notice| {
            if let Notice::Failed { .. } | Notice::DrainBegan { .. } = notice {
                let _ = hear.send(notice.to_string());
            }
        });
        let sink = system.spawn(
            "sink",
            Play::new(move |_: u32, _| {
                trap.walk_in();
                Ok(())
            }),
        );
        let culprit = system
            .spawn("culprit", Play::new(|(), _| "x".parse::<u32>().map(drop).map_err(Error::from)));
        let _last = system.spawn("last", {
            let sink = sink.clone();
            Play::<()>::idle().stopped(move |_| Ok(sink.send(0)?))
        });
        (0..10).for_each(|n| sink.send(n).unwrap());
        culprit.send(()).unwrap();
        // Nobody waits for the system, and it drains all the same.
        until(|| system.handle().is_draining());
        keeper.opens();
        let report = system.wait();

        let error = "invalid digit found in string";
        let reason = Reason::Failure { name: "culprit".to_owned(), error: error.to_owned() };
        assert_eq!(report.reason, reason);
        // The drain may be under way before the thread of who has begun it is at its end.
        let left = leaving(&report);
        assert!(
            [["culprit", "last"], ["last", "culprit"]].contains(&[left[0], left[1]]),
            "{left:?}"
        );
        assert_eq!(left[2..], ["sink"]);
        assert_eq!(figures(line(&report, "culprit")), [0, 1, 0]);
        assert_eq!(figures(line(&report, "sink")), [11, 0, 0]);
        assert_eq!(line(&report, "sink").ended, Ended::Drained);
        assert_eq!(report.status(), Status::Failure);
        assert!(report.to_string().contains("`culprit` failed: invalid digit"));
        let heard = so_far(&heard);
        assert_eq!(heard[0], format!("`culprit` failed: {error}"));
        assert!(heard[1].contains("drain begins"), "{heard:?}");
    });
}

#[test]
fn f3_a_failure_in_the_drain_is_named_but_not_the_reason() {
    guarded(|| {
        let mut system = System::new("f3");
        let sink = system.spawn("sink", Play::new(|_: u32, _| Ok(())));
        let _culprit = system.spawn(
            "culprit",
            Play::<()>::idle().stopped(move |_| {
                sink.send(1)?;
                Err(Error::msg("planned"))
            }),
        );
        let report = system.shutdown();
        assert_eq!(report.reason, Reason::Shutdown);
        assert!(report.is_failure() && report.is_complete());
        assert_eq!(report.status(), Status::Failure);
        assert_eq!(line(&report, "culprit").ended, Ended::Failed);
        assert_eq!(figures(line(&report, "sink")), [1, 0, 0]);
    });
}

#[test]
fn f3_the_first_failure_is_the_reason() {
    guarded(|| {
        let mut system = System::new("f3");
        let second = system
            .spawn("second", Play::new(|(), _| Ok(())).stopped(|_| Err(Error::msg("the second"))));
        let first = system.spawn("first", Play::new(|(), _| Err(Error::msg("the first"))));
        first.send(()).unwrap();
        let report = system.wait();
        let reason = Reason::Failure { name: "first".to_owned(), error: "the first".to_owned() };
        assert_eq!(report.reason, reason);
        assert_eq!(line(&report, "second").ended, Ended::Failed);
        drop(second);
    });
}

#[test]
fn f3_a_failure_begins_the_drain_although_the_culprit_gets_stuck_on_its_way_out() {
    guarded(|| {
        let (trap, _keeper) = trap();
        let mut system = System::new("f3");
        system.set_stall_limit(ms(20)).set_grace(ms(20));
        let addr = system.spawn(
            "culprit",
            Play::new(|(), _| Err(Error::msg("planned"))).stopped(move |_| {
                trap.walk_in();
                Ok(())
            }),
        );
        addr.send(()).unwrap();
        let report = system.handle().wait_timeout(HANG).unwrap();
        assert!(matches!(report.reason, Reason::Failure { .. }));
    });
}

// F4

#[test]
fn f4_asking_for_shutdown_from_inside_returns_and_waiting_is_an_error() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let ask = move |handle: SystemHandle| {
            handle.shutdown();
            tell.send(handle.wait().unwrap_err()).unwrap();
            tell.send(handle.wait_timeout(HANG).unwrap_err()).unwrap();
        };
        let mut system = System::new("f4");
        // In a drain the task would not be started.
        let both_are_there = Arc::new(Barrier::new(2));
        let addr = system.spawn(
            "actor",
            Play::new({
                let (ask, both_are_there) = (ask.clone(), Arc::clone(&both_are_there));
                move |(), cx| {
                    both_are_there.wait();
                    ask(cx.system());
                    Ok(())
                }
            })
            .stopped({
                let ask = ask.clone();
                move |cx| {
                    ask(cx.system());
                    Ok(())
                }
            }),
        );
        addr.send(()).unwrap();
        system.spawn_task("task", move |cx| {
            both_are_there.wait();
            ask(cx.system());
            Ok(())
        });
        let report = system.wait();
        assert_eq!(so_far(&told), [WaitError::Inside; 6]);
        assert_eq!(report.reason, Reason::Shutdown);
        assert!(report.is_complete());
        assert_eq!(line(&report, "actor").handled, 1);
    });
}

#[test]
fn f4_the_end_of_another_system_can_be_waited_for() {
    guarded(|| {
        let mut inner = System::new("inner");
        inner.spawn_task("t", |cx| {
            cx.stopping().wait();
            Ok(())
        });
        let mut outer = System::new("outer");
        outer.spawn_task("waits", move |_| {
            assert!(inner.shutdown().is_complete());
            Ok(())
        });
        assert!(!outer.wait().is_failure());
    });
}

#[test]
fn d2_a_wait_for_the_end_of_another_system_ends_at_the_deadline() {
    guarded(|| {
        let mut other = System::new("other");
        let _keeps = other.spawn("keeps", Play::<()>::idle());
        let handle = other.handle();
        let (tell, told) = mpsc::channel();
        let mut system = System::new("d2");
        system.set_grace(HANG);
        let waiter =
            Play::new(move |(), _| Ok(tell.send([handle.wait(), handle.wait_timeout(HANG)])?));
        let waiter = system.actor("waiter").stall_limit(ms(1)).spawn(waiter).unwrap();
        waiter.send(()).unwrap();
        until(|| standing(&system.handle(), "waiter").doing == "waiting for the end of `other`");
        let report = system.shutdown();
        assert_eq!(line(&report, "waiter").ended, Ended::Overdue);
        let interrupted = next(&told).map(|end| end.unwrap_err());
        assert_eq!(interrupted, [WaitError::Interrupted; 2]);
    });
}

#[test]
fn d2_f5_a_system_that_an_actor_waits_for_drains_when_that_must_stop() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("outer");
        system.set_grace(HANG);
        let waiter = Play::new(move |(), _| {
            let mut inner = System::new("inner");
            let keeps = inner.spawn("keeps", Play::<()>::idle());
            keeps.send(())?;
            Ok(tell.send(inner.wait())?)
        });
        let waiter = system.actor("waiter").stall_limit(ms(1)).spawn(waiter).unwrap();
        waiter.send(()).unwrap();
        until(|| standing(&system.handle(), "waiter").doing == "waiting for the end of `inner`");
        assert_eq!(line(&system.shutdown(), "waiter").ended, Ended::Overdue);
        let inner = next(&told);
        assert_eq!((&inner.reason, line(&inner, "keeps").handled), (&Reason::Shutdown, 1));
    });
}

#[test]
fn f4_who_sets_the_event_of_the_drains_beginning_begins_none() {
    guarded(|| {
        let mut system = System::new("f4");
        let addr = system.spawn("a", Play::<()>::idle());
        system.handle().drain_began().set();
        assert!(!system.handle().is_draining());
        drop(addr); // and so it ends by itself, which nobody does in a drain before its turn
        assert_eq!(system.wait().reason, Reason::Completed);
    });
}

#[test]
fn f4_shutdown_asked_twice_is_one_shutdown() {
    guarded(|| {
        let (hear, heard) = mpsc::channel();
        let mut system = System::new("f4");
        system.observe(move |notice| {
            if let Notice::DrainBegan { .. } = notice {
                let _ = hear.send(());
            }
        });
        let (trap, keeper) = trap();
        let _addr = system.spawn(
            "a",
            Play::<()>::idle().stopped(move |_| {
                trap.walk_in();
                Ok(())
            }),
        );
        let handle = system.handle();
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let handle = handle.clone();
                thread::spawn(move || {
                    handle.shutdown();
                    handle.wait().unwrap()
                })
            })
            .collect();
        keeper.catches();
        handle.shutdown_because(Reason::Failure {
            name: "late".to_owned(),
            error: "too late to be the reason".to_owned(),
        });
        keeper.opens();
        let report = system.shutdown();
        assert_eq!(report.reason, Reason::Shutdown);
        for thread in threads {
            assert_eq!(thread.join().unwrap().actors, report.actors);
        }
        handle.shutdown(); // and when it is all over
        assert_eq!(handle.wait().unwrap().actors, report.actors);
        assert_eq!(so_far(&heard).len(), 1);
    });
}

#[test]
fn f4_an_actor_that_drops_its_own_system_only_asks() {
    guarded(|| {
        let mut system = System::new("f4");
        let handle = system.handle();
        let other = system.spawn("other", Play::new(|_: u32, _| Ok(())));
        let addr = system.spawn(
            "owner",
            Play::new(|system: System, _| {
                drop(system); // waiting here would be waiting for itself
                Ok(())
            }),
        );
        other.send(1).unwrap();
        addr.send(system).unwrap();
        let report = handle.wait().unwrap();
        assert_eq!(report.reason, Reason::Shutdown);
        assert_eq!(leaving(&report), ["owner", "other"]);
        assert_eq!(figures(line(&report, "owner")), [1, 0, 0]);
        assert!(report.is_complete());
    });
}

#[test]
fn f4_an_actor_may_end_its_own_system_in_every_way() {
    for way in 0..4 {
        guarded(move || {
            let mut system = System::new("f4");
            let handle = system.handle();
            let addr = system.spawn(
                "owner",
                Play::new(move |system: System, _| {
                    match way {
                        0 => drop(system.shutdown()),
                        1 => {
                            system.handle().shutdown();
                            drop(system.wait());
                        }
                        2 => {
                            // Returned to nobody, with the message in which it lies.
                            return Err(Error::msg(format!("planned {system:?}")));
                        }
                        _ => panic!("planned {system:?}"),
                    }
                    Ok(())
                }),
            );
            addr.send(system).unwrap();
            let report = handle.wait().unwrap();
            assert_eq!(line(&report, "owner").accepted(), 1, "{way}");
            assert_eq!(report.is_failure(), way >= 2);
        });
    }
}

// F5

#[test]
fn f5_dropping_the_system_drains_it() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("f5");
        let handle = system.handle();
        let addr = system.spawn(
            "a",
            Play::new({
                let tell = tell.clone();
                move |n: u32, _| Ok(tell.send(n)?)
            })
            .stopped(move |_| Ok(tell.send(99)?)),
        );
        (0..3).for_each(|n| addr.send(n).unwrap());
        drop(system);
        assert!(handle.has_ended());
        assert_eq!(so_far(&told), [0, 1, 2, 99]);
        let report = handle.wait().unwrap();
        assert_eq!(report.reason, Reason::Shutdown);
        assert_eq!(figures(line(&report, "a")), [3, 0, 0]);
    });
}

#[test]
fn f5_a_system_that_is_dropped_in_a_panic_drains_too() {
    guarded(|| {
        let mut system = System::new("f5");
        let handle = system.handle();
        let addr = system.spawn("a", Play::new(|_: u32, _| Ok(())));
        let caught = panic::catch_unwind(AssertUnwindSafe(move || {
            let _system = system;
            addr.send(1).unwrap();
            panic!("planned");
        }));
        assert!(caught.is_err() && handle.has_ended());
        assert_eq!(line(&handle.wait().unwrap(), "a").handled, 1);
    });
}

#[test]
fn f5_dropping_is_under_the_same_deadlines_and_does_not_panic() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("f5");
        system.set_stall_limit(ms(20)).set_grace(ms(20));
        let handle = system.handle();
        let stuck = system.spawn(
            "stuck",
            Play::new(move |_: u32, _| {
                trap.walk_in();
                Ok(())
            }),
        );
        let rude = system.actor("rude").stall_limit(HANG); // to print a panic takes its time
        let _rude = rude.spawn(Play::<()>::idle().holding(Grenade)).unwrap();
        stuck.send(0).unwrap();
        stuck.send(1).unwrap();
        keeper.catches();
        drop(system);
        let report = handle.wait().unwrap();
        assert_eq!(line(&report, "stuck").ended, Ended::Abandoned);
        assert_eq!(figures(line(&report, "stuck")), [0, 1, 1]);
        assert_eq!(line(&report, "rude").ended, Ended::Failed);
    });
}

#[test]
fn f5_a_listener_that_panics_is_told_no_more_and_disturbs_nobody() {
    guarded(|| {
        let (hear, heard) = mpsc::channel();
        let (shout, shouted) = mpsc::channel();
        let mut system = System::new("f5");
        system
            .observe(move |_| {
                shout.send(()).unwrap();
                panic::panic_any(Grenade);
            })
            .observe(move |notice| hear.send(notice.to_string()).unwrap());
        let _addr = system.spawn("a", Play::<()>::idle());
        let report = system.shutdown();
        assert!(report.is_complete() && !report.is_failure());
        assert_eq!(so_far(&shouted).len(), 1);
        let heard = so_far(&heard);
        assert!(heard.iter().any(|notice| notice.contains("`a` drained")), "{heard:?}");
        assert!(heard.last().unwrap().contains("exeunt omnes: complete"), "{heard:?}");
    });
}

#[test]
fn f5_a_listener_that_blocks_for_ever_holds_up_nobody() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("f5");
        system.set_grace(ms(50));
        system.observe(move |_| trap.walk_in());
        let addr = system.spawn("a", Play::new(|_: u32, _| Ok(())));
        (0..100).for_each(|n| addr.send(n).unwrap());
        keeper.catches();
        let began = Instant::now();
        let report = system.shutdown();
        assert!(began.elapsed() < HANG);
        assert_eq!(figures(line(&report, "a")), [100, 0, 0]);
        assert!(report.is_complete());
    });
}

#[test]
fn f5_a_dead_letter_hook_that_panics_gets_the_next_letter_too() {
    // On the actor's own thread, and on the system's.
    for abandoned in [false, true] {
        guarded(move || {
            let (trap, keeper) = trap();
            let (hook, returned) = mpsc::channel();
            let mut system = System::new("f5");
            system.set_stall_limit(ms(20)).set_grace(ms(50));
            let addr = system
                .actor("a")
                .returned(move |n: u32| {
                    hook.send(n).unwrap();
                    panic!("planned");
                })
                .spawn(Play::new(move |_, _| {
                    trap.walk_in();
                    Err(Error::msg("planned"))
                }))
                .unwrap();
            (0..4).for_each(|n| addr.send(n).unwrap());
            keeper.catches();
            if !abandoned {
                keeper.opens();
                until(|| standing(&system.handle(), "a").state == State::Ended);
            }
            let report = system.shutdown();
            assert_eq!(figures(line(&report, "a")), [0, 1, 3]);
            let letters = [next(&returned), next(&returned), next(&returned)];
            assert_eq!(letters, [1, 2, 3]);
        });
    }
}

#[test]
fn f5_messages_whose_drop_panics_disturb_nobody() {
    // Returned by the actor, by the system, and left in an inbox.
    guarded(|| {
        for abandoned in [false, true] {
            let (trap, keeper) = trap();
            let mut system = System::new("f5");
            let grace = if abandoned { ms(20) } else { HANG };
            system.set_stall_limit(ms(20)).set_grace(grace);
            let addr = system.spawn(
                "a",
                Play::new(move |grenade: Option<Grenade>, cx| {
                    assert!(grenade.is_none());
                    trap.walk_in();
                    cx.must_stop().wait();
                    Ok(())
                }),
            );
            addr.send(None).unwrap();
            keeper.catches();
            (0..3).for_each(|_| addr.send(Some(Grenade)).unwrap());
            if !abandoned {
                keeper.opens();
            }
            let report = system.shutdown();
            assert_eq!(line(&report, "a").returned, 3);
            assert!(!report.is_failure());
        }
        let (addr, inbox) = exeunt::mailbox(4);
        addr.send(Grenade).unwrap();
        drop(inbox);
        assert!(addr.is_closed());
    });
}

#[test]
fn f5_a_system_that_has_ended_lets_go_of_all_it_was_given() {
    guarded(|| {
        let (hook, returned) = mpsc::channel::<u32>();
        let mut system = System::new("f5");
        let addr = system
            .actor("a")
            .returned(move |n| hook.send(n).unwrap())
            .spawn(Play::new(|_: u32, _| Ok(())))
            .unwrap();
        drop(system.shutdown());
        drop(addr);
        // What a program would write to have all that was returned.
        let error = returned.recv_timeout(HANG).unwrap_err();
        assert_eq!(error, mpsc::RecvTimeoutError::Disconnected);
    });
}

#[test]
fn f3_a_daemon_that_fails_at_its_end_is_a_failure() {
    guarded(|| {
        let mut system = System::new("f3");
        let daemon = Play::<()>::idle().stopped(|_| Err(Error::msg("cannot flush")));
        let _addr = system.actor("daemon").daemon().spawn(daemon).unwrap();
        let report = system.shutdown();
        assert_eq!(line(&report, "daemon").ended, Ended::Failed);
        assert_eq!(line(&report, "daemon").error.as_deref(), Some("in `stopped`: cannot flush"));
        assert_eq!(report.status(), Status::Failure);
    });
}

#[test]
fn f5_a_listener_is_dropped_before_the_wait_is_over() {
    guarded(|| {
        let (dropped, hears) = mpsc::channel();
        let mut system = System::new("f5");
        let flushes = OnDrop(move || dropped.send(()).unwrap());
        system.observe(move |_| {
            let _ = &flushes;
        });
        system.spawn_task("task", |_| Ok(()));
        drop(system.wait());
        assert_eq!(so_far(&hears).len(), 1);
    });
}

#[test]
fn f5_a_listener_that_panics_and_panics_when_dropped_is_the_only_one_to_go() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("f5");
        let bomb = OnDrop(|| panic!("in its drop"));
        system.observe(move |_| {
            let _ = &bomb;
            panic!("planned");
        });
        system.observe(move |notice| {
            if let Notice::Finished { .. } = notice {
                tell.send(()).unwrap();
            }
        });
        system.spawn_task("task", |_| Ok(()));
        drop(system.wait());
        assert_eq!(so_far(&told).len(), 1);
    });
}

#[test]
fn f5_a_system_that_never_spawned_anybody_ends_all_the_same() {
    guarded(|| {
        let (listens, heard) = mpsc::channel::<()>();
        let mut system = System::new("dark");
        system.observe(move |_| listens.send(()).unwrap());
        let handle = system.handle();
        drop(system);
        assert_eq!(heard.recv_timeout(HANG), Err(mpsc::RecvTimeoutError::Disconnected));
        assert!(handle.has_ended() && !handle.shutdown_because(Reason::Shutdown));
        assert_eq!(handle.wait().unwrap().actors, []);

        let system = System::new("asked");
        let handle = system.handle();
        handle.shutdown();
        assert!(handle.wait().unwrap().is_complete());
        drop(system);
    });
}
