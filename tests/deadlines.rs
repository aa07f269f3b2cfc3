//! Clauses D1 to D5: what meets a deadline and what does not, what happens at it, who is abandoned,
//! daemons, and events.
//!
//! Limits are some tens of milliseconds where they are to be met, and generous where they are not.
//! Where the clause itself is about time, a lower bound is exact (nothing is cut short) and an upper
//! bound has seconds of slack, since a machine may be busy. What has to come before a limit that is met
//! is given more time if it came too late ([`crate::support::in_time`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::select;
use exeunt::{Addr, Context, Ended, Event, Interrupted, Notice, Reply, Report, State, System};

use crate::support::{
    HANG, NEVER, OnDrop, Play, Trap, figures, get_on, guarded, guarded_for, in_time, late_unless,
    leaving, line, ms, next, patient, so_far, standing, trap, until,
};

/// A system that gives up on whoever is stuck after some 150 ms.
fn impatient() -> System {
    impatient_after(1)
}

/// The same, so many times as slow.
fn impatient_after(slower: u32) -> System {
    let mut system = patient("patient");
    system.set_stall_limit(ms(50) * slower).set_grace(ms(100) * slower);
    system
}

// D1

#[test]
fn d1_progress_beyond_the_stall_limit_is_not_cut_short() {
    let attempt = |slower| {
        let (trap, keeper) = trap();
        let mut system = patient("patient");
        let builder = system.actor("slow").stall_limit(ms(500) * slower);
        let addr = builder
            .spawn(Play::new(move |(), _| {
                trap.walk_in(); // until the drain has begun
                thread::sleep(ms(20) * slower);
                Ok(())
            }))
            .unwrap();
        (0..50).for_each(|_| addr.send(()).unwrap());
        keeper.catches();
        let handle = system.handle();
        handle.shutdown();
        until(|| standing(&handle, "slow").state != State::Working);
        keeper.opens();
        let report = system.wait();
        let slow = line(&report, "slow");
        late_unless(slow.ended == Ended::Drained, &report)?;
        assert_eq!(figures(slow), [50, 0, 0]);
        assert!(slow.took >= ms(1_000) * slower, "{:?}", slow.took); // twice the limit
        Ok(())
    };
    guarded(move || in_time(attempt));
}

#[test]
fn d1_a_sign_of_life_is_progress() {
    let attempt = |slower| {
        let mut system = patient("patient");
        system.set_stall_limit(ms(500) * slower);
        let long = move |progress: &dyn Fn()| {
            for _ in 0..50 {
                thread::sleep(ms(20) * slower);
                progress();
            }
        };
        let addr = system.spawn(
            "handler",
            Play::new(move |(), cx| {
                long(&|| cx.progress());
                Ok(())
            }),
        );
        let flusher = system.actor("flusher").feeds_nothing();
        let flusher = flusher.spawn(Play::<()>::idle().stopped(move |cx| {
            long(&|| cx.progress());
            Ok(())
        }));
        system
            .task("task")
            .feeds_nothing()
            .spawn(move |cx| {
                cx.stopping().wait();
                long(&|| cx.progress());
                Ok(())
            })
            .unwrap();
        addr.send(()).unwrap();
        let report = system.shutdown();
        drop(flusher);
        late_unless(report.is_complete(), &report)
    };
    guarded(move || in_time(attempt));
}

#[test]
fn d1_a_share_of_the_budget_is_kept_for_the_last() {
    let attempt = |slower: u32| {
        const REST: u64 = 200;
        let mut system = patient("patient");
        system.set_drain_budget(ms(2_400) * slower);
        let (hook, returned) = mpsc::channel();
        // The sink writes in its hook what it has collected, and needs some time for that.
        let flushed = Arc::new(AtomicU64::new(0));
        let mut collected = 0;
        let sink = Play::new(|_: u32, _| Ok(())).stopped({
            let flushed = Arc::clone(&flushed);
            move |_| {
                while collected < REST {
                    collected += 1;
                    thread::sleep(Duration::from_micros(200));
                    flushed.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            }
        });
        let sink = system.spawn("sink", sink);
        // The first makes progress for ever, as far as the budget goes.
        let first = system
            .actor("first")
            .unbounded()
            .returned(move |n| hook.send(n).unwrap())
            .spawn(Play::new(move |n: u32, _| {
                thread::sleep(ms(2));
                Ok(sink.send(n)?)
            }))
            .unwrap();
        let all = 5_000 * slower;
        (0..all).for_each(|n| first.send(n).unwrap());
        let report = system.shutdown();

        let (first, sink) = (line(&report, "first"), line(&report, "sink"));
        assert_eq!(first.ended, Ended::Overdue);
        assert!(first.handled > 0 && first.returned > 0);
        assert_eq!(first.accepted(), u64::from(all));
        assert_eq!(so_far(&returned).len() as u64, first.returned);
        // It had its own half and what nobody else needed, and not the last quarter.
        assert!(first.took >= ms(1_750) * slower, "{:?}", first.took);
        assert!(!report.is_complete());
        late_unless(sink.ended == Ended::Drained, &report)?;
        // Everything that went downstream was handled and flushed there.
        assert_eq!(figures(sink), [first.handled, 0, 0]);
        assert_eq!(flushed.load(Ordering::Relaxed), REST);
        Ok(())
    };
    guarded_for(4 * HANG, move || in_time(attempt));
}

/// Drains one that is stuck until it is told to stop, and says what the notice of that was.
fn overdue(mut system: System) -> (Report, String) {
    let (hear, heard) = mpsc::channel();
    system.observe(move |notice| {
        if let Notice::Overdue { name, doing, .. } = notice {
            let _ = hear.send(format!("{name}: {doing}"));
        }
    });
    let report = system.shutdown();
    (report, next(&heard))
}

#[test]
fn d1_a_handler_that_stands_still_has_met_its_deadline() {
    guarded(|| {
        let mut system = patient("patient");
        system.set_stall_limit(ms(30));
        let (hook, returned) = mpsc::channel();
        let (tell, begun) = mpsc::channel();
        let addr = system
            .actor("a")
            .returned(move |n| hook.send(n).unwrap())
            .spawn(Play::new(move |_: u32, cx| {
                tell.send(())?;
                cx.must_stop().wait();
                Ok(())
            }))
            .unwrap();
        (0..3).for_each(|n| addr.send(n).unwrap());
        next(&begun);
        let (report, doing) = overdue(system);
        assert_eq!(doing, "a: in its handler");
        let a = line(&report, "a");
        assert_eq!((a.ended, figures(a)), (Ended::Overdue, [1, 0, 2]));
        assert!(a.took >= ms(30));
        assert_eq!(so_far(&returned), [1, 2]);
        assert!(!report.is_complete());
    });
}

/// A task that has its turn and waits for room with `middle`, which waits for room with `slow`, a pool of one; and that gets on
/// with one message, or does not.
fn waits_for_who_waits(
    stall_limit: Duration,
    get_on: impl Fn(&Context<Play<u32>>) + Send + 'static,
) -> Report {
    let mut system = patient("patient");
    system.set_stall_limit(stall_limit);
    let mut get_on = Some(get_on);
    let slow = system.pool("slow", 1).capacity(1).feeds_nothing();
    let slow = slow
        .spawn_with(move || {
            let mut get_on = get_on.take();
            Play::new(move |_, cx| {
                if let Some(get_on) = get_on.take() {
                    until(|| cx.system().is_draining());
                    get_on(cx);
                }
                Ok(())
            })
        })
        .unwrap();
    let middle = system.actor("middle").capacity(1).feeds(&slow);
    let middle = middle.spawn(Play::new(move |n, _| Ok(slow.send(n)?))).unwrap();
    let (tell, given) = mpsc::channel();
    let source = system.task("source").feeds(&middle);
    source.spawn(move |_| (0..6).try_for_each(|n| Ok(tell.send(middle.send(n))?))).unwrap();
    let handle = system.handle();
    until(|| {
        ["source", "middle"].map(|name| standing(&handle, name).waits_for.is_some()) == [true; 2]
    });
    let report = system.shutdown();
    drop(given);
    report
}

#[test]
fn d1_to_wait_for_room_with_who_gets_on_is_no_stall() {
    let attempt = |slower| {
        let report = waits_for_who_waits(ms(200) * slower, move |cx| get_on(cx, slower));
        late_unless(report.is_complete(), &report)?;
        assert!(report.took > ms(300) * slower, "{report}");
        assert_eq!(figures(line(&report, "slow")), [6, 0, 0]);
        Ok(())
    };
    guarded(move || in_time(attempt));
}

#[test]
fn d1_to_wait_for_room_with_who_does_not_is_one() {
    guarded(|| {
        let report = waits_for_who_waits(ms(200), |cx| cx.must_stop().wait());
        let source = line(&report, "source");
        assert_eq!(source.ended, Ended::Overdue, "{report}");
        let error = source.error.as_deref().unwrap();
        assert!(error.starts_with("told to stop, sending to `middle`"), "{report}");
        assert!(line(&report, "source").took >= ms(200), "{report}");
    });
}

/// How an actor that has its turn comes to need something of another one.
type Need = fn(&Addr<Question>, &mut Context<Play<()>>) -> exeunt::Result;
type Question = Option<Reply<()>>;

/// By a wait for an answer or an end in its handler, or for an answer in its sleep.
const NEEDS: [(&str, Need); 3] = [
    ("ask", |slow, _| Ok(slow.ask(Some)?)),
    ("ask_then", |slow, cx| Ok(cx.ask_then(slow, Some, |_, answer, _| Ok(answer?))?)),
    ("wait", |slow, _| {
        slow.stop();
        Ok(slow.wait_timeout(HANG).map(drop)?)
    }),
];

/// `needy` has its turn, and needs something of `slow`, which has 30 messages to handle before, each in its way.
fn needs_who_is_slow(
    stall_limit: Duration,
    need: Need,
    way: impl Fn(&Context<Play<Question>>) + Send + 'static,
) -> Report {
    let mut system = patient("patient");
    system.set_stall_limit(stall_limit);
    let slow = Play::new(move |question: Question, cx| {
        until(|| cx.system().is_draining());
        way(cx);
        Ok(question.map_or(Ok(()), |reply| reply.send(()).map_err(|_| Interrupted))?)
    });
    let slow = system.actor("slow").feeds_nothing().spawn(slow).unwrap();
    (0..30).for_each(|_| slow.send(None).unwrap());
    let needy = system.actor("needy").feeds(&slow);
    let needy = needy.spawn(Play::new(move |(), cx| need(&slow, cx))).unwrap();
    needy.send(()).unwrap();
    let handle = system.handle();
    until(|| {
        let needy = standing(&handle, "needy");
        needy.waits_for.is_some() || needy.handled == 1
    });
    system.shutdown()
}

#[test]
fn d1_to_need_who_gets_on_is_no_stall() {
    for (how, need) in NEEDS {
        let attempt = move |slower| {
            let a_while = ms(20) * slower;
            let report = needs_who_is_slow(ms(200) * slower, need, move |_| thread::sleep(a_while));
            late_unless(report.is_complete(), format!("{how}: {report}"))?;
            assert!(report.took > ms(300) * slower, "{how}: {report}");
            assert_eq!(figures(line(&report, "needy")), [1, 0, 0], "{how}: {report}");
            Ok(())
        };
        guarded(move || in_time(attempt));
    }
}

#[test]
fn d1_to_need_an_answer_of_who_does_not_is_one() {
    for (how, need) in NEEDS.into_iter().filter(|&(how, _)| how != "wait") {
        guarded(move || {
            let report = needs_who_is_slow(ms(200), need, |cx| cx.must_stop().wait());
            let needy = line(&report, "needy");
            assert_eq!(needy.ended, Ended::Overdue, "{how}: {report}");
            assert!(needy.took >= ms(200), "{how}: {report}");
        });
    }
}

#[test]
fn d1_a_hook_that_stands_still_has_met_its_deadline() {
    let attempt = |slower| {
        let mut system = patient("patient");
        system.set_stall_limit(ms(300) * slower); // time to get there
        let _addr = system.spawn(
            "a",
            Play::<()>::idle().stopped(|cx| {
                cx.must_stop().wait();
                Ok(())
            }),
        );
        let (report, doing) = overdue(system);
        assert!(line(&report, "a").took >= ms(300) * slower);
        late_unless(doing == "a: in its `stopped` hook", doing)
    };
    guarded(move || in_time(attempt));
}

#[test]
fn d1_a_task_that_does_not_return_has_met_its_deadline() {
    guarded(|| {
        let mut system = patient("patient");
        system.set_stall_limit(ms(30));
        let (tell, begun) = mpsc::channel();
        system.spawn_task("t", move |cx| {
            tell.send(())?;
            cx.must_stop().wait();
            Ok(())
        });
        next(&begun);
        let (report, doing) = overdue(system);
        assert_eq!(doing, "t: in its loop");
        assert_eq!(line(&report, "t").ended, Ended::Overdue);
    });
}

#[test]
fn d1_an_own_limit_counts_instead_of_the_systems() {
    guarded(|| {
        let mut system = patient("patient");
        let short = system.actor("short").stall_limit(ms(30)).feeds_nothing();
        let wait = |(): (), cx: &mut exeunt::Context<Play<()>>| {
            cx.must_stop().wait();
            Ok(())
        };
        let addr = short.spawn(Play::new(wait)).unwrap();
        addr.send(()).unwrap();
        let report = system.shutdown();
        assert_eq!(line(&report, "short").ended, Ended::Overdue);

        let mut system = patient("patient");
        system.set_stall_limit(ms(10));
        let long = system.actor("long").stall_limit(HANG);
        let addr = long
            .spawn(Play::new(|(), _| {
                thread::sleep(ms(100));
                Ok(())
            }))
            .unwrap();
        addr.send(()).unwrap();
        let report = system.shutdown();
        assert_eq!(line(&report, "long").ended, Ended::Drained);
    });
}

#[test]
fn d1_an_own_deadline_ends_also_what_makes_progress() {
    guarded(|| {
        let mut system = patient("patient");
        let busy = system.actor("busy").drain_deadline(ms(100)).unbounded();
        let addr = busy
            .spawn(Play::new(|_: u32, _| {
                thread::sleep(ms(5));
                Ok(())
            }))
            .unwrap();
        (0..10_000).for_each(|n| addr.send(n).unwrap());
        until(|| standing(&system.handle(), "busy").handled > 0);
        let report = system.shutdown();
        let busy = line(&report, "busy");
        assert_eq!(busy.ended, Ended::Overdue);
        assert!(busy.took >= ms(100));
        assert!(busy.handled > 0 && busy.returned > 0 && busy.failed == 0);
        assert_eq!(busy.accepted(), 10_000);
    });
}

#[test]
fn d1_with_no_budget_at_all_everything_is_returned_and_accounted_for() {
    guarded(|| {
        let mut system = patient("patient");
        system.set_drain_budget(Duration::ZERO);
        let (trap, keeper) = trap();
        let addr = system.spawn(
            "a",
            Play::new(move |_: u32, cx| {
                trap.walk_in();
                cx.must_stop().wait();
                Ok(())
            }),
        );
        (0..100).for_each(|n| addr.send(n).unwrap());
        keeper.catches();
        keeper.opens();
        let report = system.shutdown();
        assert_eq!(figures(line(&report, "a")), [1, 0, 99]);
    });
}

// D2

#[test]
fn d2_at_its_deadline_the_queue_is_returned_and_the_stopped_hook_still_runs() {
    guarded(|| {
        let mut system = patient("patient");
        system.set_stall_limit(ms(20));
        let (tell, told) = mpsc::channel();
        let (hook, returned) = mpsc::channel();
        let (begin, begun) = mpsc::channel();
        let sink = system.actor("sink").stall_limit(HANG);
        let sink = sink.spawn(Play::new(|_: u32, _| Ok(()))).unwrap();
        let addr = system
            .actor("a")
            .returned(move |text: String| hook.send(text).unwrap())
            .spawn(
                Play::new(move |_, cx| {
                    assert!(!cx.must_stop().is_set());
                    begin.send(())?;
                    cx.must_stop().wait();
                    Ok(())
                })
                .stopped(move |cx| {
                    // Past the deadline it can still flush, as long as it need not wait.
                    sink.send(1)?;
                    tell.send((cx.must_stop().is_set(), cx.queued()))?;
                    Ok(())
                }),
            )
            .unwrap();
        for text in ["in hand", "queued", "queued too"] {
            addr.send(text.to_owned()).unwrap();
        }
        next(&begun);
        let report = system.shutdown();
        assert_eq!(so_far(&returned), ["queued", "queued too"]);
        assert_eq!(so_far(&told), [(true, 0)]);
        assert_eq!(figures(line(&report, "a")), [1, 0, 2]);
        assert_eq!(line(&report, "a").ended, Ended::Overdue);
        assert_eq!(figures(line(&report, "sink")), [1, 0, 0]);
        assert_eq!(line(&report, "sink").ended, Ended::Drained);
    });
}

#[test]
fn d2_at_its_deadline_every_wait_ends_at_once_with_an_error() {
    guarded(|| {
        // Somebody who neither answers nor makes room.
        let (trap, keeper) = trap();
        let mut system = patient("patient");
        system.set_stall_limit(ms(20));
        let stuck = system.actor("stuck").capacity(1).stall_limit(HANG);
        let stuck = stuck
            .spawn(Play::new(move |_: Option<Reply<()>>, _| {
                trap.walk_in();
                Ok(())
            }))
            .unwrap();
        stuck.send(None).unwrap();
        keeper.catches();
        let (tell, told) = mpsc::channel();
        let asked = stuck.clone();
        let asker = Play::new(move |(), _| {
            let error = exeunt::Error::from(asked.ask(Some).unwrap_err());
            tell.send(("ask", error.is_interruption()))?;
            Err(error)
        });
        let (tell, told_too) = mpsc::channel();
        let sender = Play::new({
            let (stuck, tell) = (stuck.clone(), tell.clone());
            move |(), _| {
                let error = exeunt::Error::from(stuck.send(None).unwrap_err());
                tell.send(("send", error.is_interruption()))?;
                Err(error)
            }
        });
        let sleeper = Play::new(move |(), cx| {
            let error = cx.sleep(20 * HANG).unwrap_err();
            tell.send(("sleep", error == Interrupted))?;
            Err(error.into())
        });
        // The asker gets the last place in the mailbox, so that the sender finds it full.
        let asker = system.actor("asker").feeds(&stuck).spawn(asker).unwrap();
        asker.send(()).unwrap();
        until(|| standing(&system.handle(), "stuck").queued == 1);
        let sender = system.actor("sender").feeds(&stuck).spawn(sender).unwrap();
        sender.send(()).unwrap();
        let sleeper = system.actor("sleeper").feeds_nothing().spawn(sleeper);
        sleeper.unwrap().send(()).unwrap();

        let handle = system.handle();
        for name in ["sender", "sleeper"] {
            until(|| standing(&handle, name).queued == 0);
        }
        handle.shutdown();
        assert_eq!(next(&told), ("ask", true));
        let mut others = [next(&told_too), next(&told_too)];
        others.sort_unstable();
        assert_eq!(others, [("send", true), ("sleep", true)]);
        keeper.opens();
        let report = system.wait();
        for name in ["asker", "sender"] {
            let actor = line(&report, name);
            assert_eq!((actor.ended, figures(actor)), (Ended::Overdue, [0, 1, 0]));
        }
        assert_eq!(figures(line(&report, "stuck")), [2, 0, 0]);
        assert!(!report.is_failure());
    });
}

#[test]
fn d2_the_sleep_of_a_task_ends_with_its_turn() {
    guarded(|| {
        let mut system = patient("patient");
        system.spawn_task("sleeper", |cx| {
            loop {
                cx.sleep(20 * HANG)?;
            }
        });
        let report = system.shutdown();
        assert_eq!(line(&report, "sleeper").ended, Ended::Drained);
        assert!(report.is_complete() && report.took < HANG);
    });
}

#[test]
fn d2_a_drain_alone_does_not_end_an_actors_sleep() {
    guarded(|| {
        let mut system = patient("patient");
        let sleeps = |(): (), cx: &mut Context<Play<()>>| {
            until(|| cx.stopping().is_set());
            Ok(cx.sleep(ms(100))?)
        };
        let addr = system.spawn("a", Play::new(sleeps));
        addr.send(()).unwrap();
        addr.send(()).unwrap();
        let report = system.shutdown();
        assert_eq!(figures(line(&report, "a")), [2, 0, 0]);
        assert!(report.took >= ms(100));
    });
}

// D3

/// Where an actor may get stuck for good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Make,
    Started,
    Handler,
    Stopped,
    Drop,
    Hook,
}

#[test]
fn d3_who_is_stuck_for_good_is_abandoned_wherever_it_is() {
    for (place, doing, expected) in [
        (Place::Make, "starting", [0, 0, 3]),
        (Place::Started, "starting", [0, 0, 3]),
        (Place::Handler, "in its handler", [0, 1, 2]),
        (Place::Stopped, "in its `stopped` hook", [3, 0, 0]),
        (Place::Drop, "dropping its value", [3, 0, 0]),
        (Place::Hook, "in its dead-letter hook", [1, 0, 2]),
    ] {
        // Some places it has to reach before it is given up.
        guarded(move || in_time(|slower| abandoned_in(place, doing, expected, slower)));
    }
}

fn abandoned_in(place: Place, doing: &str, expected: [u64; 3], slower: u32) -> Result<(), String> {
    let (trap, keeper) = trap();
    let stick = move |here: Place| {
        if here == place {
            trap.walk_in();
        }
    };
    let (hear, heard) = mpsc::channel();
    let (hook, returned) = mpsc::channel();
    let mut system = impatient_after(slower);
    system.observe(move |notice| {
        if let Notice::Abandoned { returned, .. } = notice {
            let _ = hear.send((notice.to_string(), *returned));
        }
    });
    let sink = system.actor("sink").stall_limit(HANG);
    let _sink = sink.spawn(Play::new(|_: u32, _| Ok(()))).unwrap();
    let addr = system
        .actor("stuck")
        .returned({
            let stick = stick.clone();
            move |n| {
                hook.send(n).unwrap();
                stick(Place::Hook);
            }
        })
        .spawn_with({
            let stick = stick.clone();
            move || {
                stick(Place::Make);
                let [handled, started, stopped, dropped] = [(); 4].map(|()| stick.clone());
                Play::new(move |_: u32, cx| {
                    handled(Place::Handler);
                    if place == Place::Hook {
                        cx.must_stop().wait(); // so that something is returned
                    }
                    Ok(())
                })
                .started(move |_| {
                    started(Place::Started);
                    Ok(())
                })
                .stopped(move |_| {
                    stopped(Place::Stopped);
                    Ok(())
                })
                .holding(OnDrop(move || dropped(Place::Drop)))
            }
        })
        .unwrap();
    let thread = addr.clone(); // lives as long as the test
    (0..3).for_each(|n| addr.send(n).unwrap());
    let handle = system.handle();
    match place {
        Place::Stopped | Place::Drop => until(|| standing(&handle, "stuck").handled == 3),
        Place::Hook => until(|| standing(&handle, "stuck").queued == 2),
        Place::Make | Place::Started | Place::Handler => drop(keeper.catches()),
    }
    let report = system.shutdown();

    // It is named, in the log and in the report, with what it was doing and for how long.
    let stuck = line(&report, "stuck");
    let is_there = stuck.error.as_deref().is_some_and(|error| error.contains(doing));
    let has_begun = matches!(place, Place::Make | Place::Started | Place::Handler);
    late_unless(is_there || has_begun, &report)?;
    assert!(is_there, "{place:?}: {report}");
    assert_eq!(stuck.ended, Ended::Abandoned, "{place:?}");
    assert_eq!(figures(stuck), expected, "{place:?}");
    let error = stuck.error.as_deref().unwrap();
    assert!(error.contains("for "), "{error}");
    let (notice, taken_over) = next(&heard);
    assert!(notice.contains("`stuck`") && notice.contains(doing), "{notice}");
    // The drain has gone on, and is not complete.
    assert_eq!(leaving(&report), ["stuck", "sink"]);
    assert_eq!(line(&report, "sink").ended, Ended::Drained);
    assert!(!report.is_complete() && !report.is_failure());
    assert_eq!(report.status(), exeunt::Status::Incomplete);
    // The mailbox is empty and closed, and what was in it went to the hook.
    assert_eq!(standing(&handle, "stuck").queued, 0);
    assert!(thread.send(9).is_err());
    let letters = match place {
        Place::Hook => 1, // the other is in the hands of the stuck thread
        _ => {
            assert_eq!(taken_over, stuck.returned);
            stuck.returned
        }
    };
    let returned: Vec<u32> = (0..letters).map(|_| next(&returned)).collect();
    let first = 3 - u32::try_from(expected[2]).unwrap();
    assert!(returned.iter().copied().eq(first..first + returned.len() as u32));

    // What it does when it comes back does not count.
    keeper.opens();
    let again = handle.wait().unwrap();
    assert_eq!(again.actors, report.actors);
    Ok(())
}

#[test]
fn d3_a_thread_that_comes_back_late_cannot_change_the_report() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (tell, told) = mpsc::channel();
        let mut system = impatient();
        let sink = system.actor("sink").spawn(Play::new(|_: u32, _| Ok(()))).unwrap();
        let stuck = system.spawn(
            "stuck",
            Play::new({
                let (sink, tell) = (sink.clone(), tell.clone());
                move |n: u32, _| {
                    trap.walk_in();
                    tell.send(format!("handled {n}, sink {:?}", sink.send(n).is_ok()))?;
                    panic!("planned")
                }
            })
            .stopped({
                let tell = tell.clone();
                move |_| Ok(tell.send("stopped".to_owned())?)
            })
            .holding(OnDrop(move || tell.send("dropped".to_owned()).unwrap())),
        );
        (0..3).for_each(|n| stuck.send(n).unwrap());
        keeper.catches();
        let handle = system.handle();
        let report = system.shutdown();
        assert_eq!(figures(line(&report, "stuck")), [0, 1, 2]);

        keeper.opens();
        assert_eq!(next(&told), "handled 0, sink false");
        until(|| told.try_iter().any(|step| step == "dropped"));
        let again = handle.wait().unwrap();
        assert_eq!(again.to_string(), report.to_string());
        assert_eq!(again.reason, report.reason);
    });
}

#[test]
fn d3_one_that_comes_back_in_the_middle_of_the_drain_neither() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (late_trap, late_keeper) = crate::support::trap();
        let mut system = impatient();
        let sink = system.actor("sink").stall_limit(HANG);
        let sink = sink
            .spawn(Play::<u32>::idle().stopped(move |_| {
                late_trap.walk_in();
                Ok(())
            }))
            .unwrap();
        let (tell, dropped) = mpsc::channel();
        let (tell_refused, refused) = mpsc::channel();
        let stuck = system.spawn(
            "stuck",
            Play::new(move |n: u32, _| {
                trap.walk_in();
                Ok(tell_refused.send(sink.send(n).is_err())?)
            })
            .holding(OnDrop(move || tell.send(()).unwrap())),
        );
        (0..3).for_each(|n| stuck.send(n).unwrap());
        keeper.catches();
        system.handle().shutdown();
        late_keeper.catches(); // so `stuck` has been abandoned
        keeper.opens();
        next(&dropped);
        late_keeper.opens();
        let report = system.wait();
        assert_eq!(leaving(&report), ["stuck", "sink"]);
        assert_eq!(figures(line(&report, "stuck")), [0, 1, 2]);
        // That its send came too late was no fault of the order.
        assert!(next(&refused) && report.refused.is_empty(), "{report}");
    });
}

#[test]
fn d3_a_stuck_task_is_abandoned_and_named() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = impatient();
        system.spawn_task("t", move |_| {
            trap.walk_in();
            Ok(())
        });
        keeper.catches();
        let report = system.shutdown();
        let t = line(&report, "t");
        assert_eq!(t.ended, Ended::Abandoned);
        assert!(t.error.as_deref().unwrap().contains("in its loop"));
    });
}

#[test]
fn d3_all_senders_that_wait_on_a_stuck_actor_get_their_message_back() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (hook, returned) = mpsc::channel();
        let mut system = impatient();
        let stuck = system
            .actor("stuck")
            .capacity(4)
            .returned(move |n| hook.send(n).unwrap())
            .spawn(Play::new(move |_: u32, _| {
                trap.walk_in();
                Ok(())
            }))
            .unwrap();
        stuck.send(0).unwrap();
        keeper.catches();
        (1..5).for_each(|n| stuck.send(n).unwrap());
        let waiting: Vec<_> = (5..15)
            .map(|n| {
                let stuck = stuck.clone();
                thread::spawn(move || stuck.send(n).map_err(exeunt::SendError::into_message))
            })
            .collect();
        thread::sleep(NEVER); // so that they really wait; nothing depends on it
        let report = system.shutdown();
        for (waiting, n) in waiting.into_iter().zip(5..) {
            assert_eq!(waiting.join().unwrap(), Err(n));
        }
        assert_eq!(figures(line(&report, "stuck")), [0, 1, 4]);
        let letters: Vec<u32> = (0..4).map(|_| next(&returned)).collect();
        assert_eq!(letters, [1, 2, 3, 4]);
    });
}

#[test]
fn d3_many_that_are_stuck_end_within_budget_and_grace() {
    guarded(|| {
        const STUCK: usize = 30;
        let (trap, keeper) = trap();
        let mut system = System::new("all stuck");
        // One after the other they would take a minute and a half.
        system.set_drain_budget(ms(600)).set_stall_limit(ms(2_900)).set_grace(ms(100));
        let addrs: Vec<_> = (0..STUCK)
            .map(|i| {
                let trap = trap.clone();
                let addr = system.spawn(
                    &format!("stuck {i}"),
                    Play::new(move |_: u32, _| {
                        trap.walk_in();
                        Ok(())
                    }),
                );
                (0..3).for_each(|n| addr.send(n).unwrap());
                addr
            })
            .collect();
        addrs.iter().for_each(|_| drop(keeper.catches()));
        let began = Instant::now();
        let report = system.shutdown();
        let took = began.elapsed();
        assert!(took >= ms(600), "{took:?}");
        assert!(took < ms(600 + 100) + Duration::from_secs(20), "{took:?}");
        assert_eq!(report.actors.len(), STUCK);
        for actor in &report.actors {
            assert_eq!((actor.ended, figures(actor)), (Ended::Abandoned, [0, 1, 2]));
        }
    });
}

#[test]
fn d3_one_that_is_stuck_in_a_thread_local_destructor_is_abandoned() {
    use std::cell::RefCell;
    type Parting = OnDrop<Box<dyn FnMut()>>;
    thread_local! {
        static PARTING: RefCell<Option<Parting>> = const { RefCell::new(None) };
    }
    guarded(|| {
        let (trap, _keeper) = trap();
        let mut system = impatient();
        let _addr = system.spawn(
            "stuck",
            Play::<()>::idle().started(move |_| {
                let trap = trap.clone();
                PARTING.with(|parting| {
                    *parting.borrow_mut() = Some(OnDrop(Box::new(move || trap.walk_in())));
                });
                Ok(())
            }),
        );
        let report = system.shutdown();
        assert_eq!(line(&report, "stuck").ended, Ended::Abandoned);
    });
}

// D4

#[test]
fn d4_daemons_are_told_to_stop_after_all_others_and_not_waited_for() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (tell, told) = mpsc::channel();
        let mut system = patient("patient");
        // The one is stuck for ever and has a queue, the other leaves when it is told.
        let stuck = system.actor("stuck daemon").daemon();
        let stuck = stuck
            .spawn(Play::new(move |_: u32, _| {
                trap.walk_in();
                Ok(())
            }))
            .unwrap();
        (0..3).for_each(|n| stuck.send(n).unwrap());
        keeper.catches();
        let said = Arc::new(AtomicBool::new(false));
        system
            .task("polite daemon")
            .daemon()
            .spawn({
                let said = Arc::clone(&said);
                move |cx| {
                    cx.stopping().wait();
                    assert!(said.load(Ordering::SeqCst), "told before the others had ended");
                    Ok(tell.send(())?)
                }
            })
            .unwrap();
        // Needs the daemons to the very end.
        let _user = system.spawn(
            "user",
            Play::<()>::idle()
                .stopped(move |_| {
                    stuck.send(3)?;
                    Ok(())
                })
                .holding(OnDrop(move || said.store(true, Ordering::SeqCst))),
        );
        let report = system.shutdown();
        assert!(report.took < HANG);
        assert_eq!(leaving(&report)[0], "user");
        next(&told);
        for name in ["stuck daemon", "polite daemon"] {
            assert_eq!(line(&report, name).ended, Ended::Daemon);
        }
        // Its messages are accounted for; that they are returned is a daemon's lot.
        assert_eq!(figures(line(&report, "stuck daemon")), [0, 1, 3]);
        assert!(report.is_complete() && report.status() == exeunt::Status::Success);
    });
}

// D5

#[test]
fn d5_an_event_is_set_once_and_wakes_everybody() {
    guarded(|| {
        let event = Event::new();
        assert!(!event.is_set());
        assert!(!event.wait_timeout(ms(1)), "it was not set");
        let (tell, woken) = mpsc::channel();
        for i in 0..8 {
            let (event, tell) = (event.clone(), tell.clone());
            thread::spawn(move || {
                let was_set = match i % 2 {
                    0 => event.wait_timeout(20 * HANG),
                    _ => {
                        event.wait();
                        event.is_set()
                    }
                };
                tell.send(was_set).unwrap();
            });
        }
        assert!(woken.recv_timeout(NEVER).is_err());
        event.set();
        event.set();
        (0..8).for_each(|_| assert!(next(&woken)));
        assert!(event.is_set() && event.clone().is_set());
        assert!(event.wait_timeout(Duration::ZERO) && event.wait_timeout(Duration::MAX));
    });
}

#[test]
fn d5_an_event_is_selectable_beside_other_channels() {
    guarded(|| {
        let event = Event::new();
        let (work, jobs) = crossbeam_channel::unbounded();
        work.send(7).unwrap();
        select! {
            recv(jobs) -> job => assert_eq!(job, Ok(7)),
            recv(event.receiver()) -> _ => panic!("not set"),
        }
        let setter = event.clone();
        thread::spawn(move || setter.set());
        select! {
            recv(jobs) -> job => panic!("nobody sent {job:?}"),
            recv(event.receiver()) -> never => assert!(never.is_err()),
        }
    });
}

#[test]
fn d5_children_are_set_with_their_parent_and_alone() {
    guarded(|| {
        let parent = Event::new();
        let children: Vec<Event> = (0..100).map(|_| parent.child()).collect();
        let grandchild = children[1].child();
        children[0].set();
        assert!(children[0].is_set() && !parent.is_set() && !children[1].is_set());
        (0..1_000).for_each(|_| drop(parent.child())); // those that are gone are in nobody's way
        let (tell, woken) = mpsc::channel();
        let waiter = grandchild.clone();
        thread::spawn(move || tell.send(waiter.wait_timeout(20 * HANG)));
        parent.set();
        assert!(next(&woken));
        assert!(children.iter().all(Event::is_set) && grandchild.is_set());
        assert!(parent.child().is_set(), "a late child is set from the start");
    });
}

#[test]
fn d5_a_child_is_set_by_what_is_above_its_parent_though_nobody_has_that() {
    guarded(|| {
        let top = Event::new();
        let grandchild = top.child().child();
        // A line so long that its end must not take a place on the stack for each.
        let far_below = (0..100_000).fold(top.child(), |parent, _| parent.child());
        top.set();
        assert!(grandchild.is_set() && far_below.is_set());
    });
}

#[test]
fn d5_a_child_that_is_set_while_its_parent_is_made_is_not_missed() {
    guarded_for(4 * HANG, || {
        for _ in 0..500 {
            let parent = Event::new();
            let setter = parent.clone();
            let thread = thread::spawn(move || setter.set());
            let child = parent.child();
            assert!(child.wait_timeout(HANG));
            thread.join().unwrap();
        }
    });
}

#[test]
fn d5_an_event_ends_the_iteration_of_something_that_blocks() {
    guarded(|| {
        let exit = Event::new();
        let (source, items) = mpsc::channel();
        source.send(1).unwrap();
        source.send(2).unwrap();
        let mut taken = exit.interrupts(move || items.into_iter()).unwrap();
        assert_eq!((taken.next(), taken.next()), (Some(1), Some(2)));
        let setter = exit.clone();
        let thread = thread::spawn(move || {
            thread::sleep(ms(20)); // so that the loop really waits; nothing depends on it
            setter.set();
        });
        assert_eq!(taken.next(), None); // although the source blocks on
        thread.join().unwrap();
        let _ = source.send(3);
        assert_eq!(taken.next(), None);

        // And it ends with the source.
        let ended: Vec<u8> = Event::new().interrupts(|| [1, 2, 3].into_iter()).unwrap().collect();
        assert_eq!(ended, [1, 2, 3]);
    });
}

#[test]
fn d5_a_task_that_blocks_on_its_source_leaves_in_its_turn() {
    guarded(|| {
        let (source, lines) = mpsc::channel::<u32>();
        let mut system = patient("patient");
        let sum = system.spawn("sum", Play::new(|_: u32, _| Ok(())));
        system.spawn_task("source", move |cx| {
            for line in cx.stopping().interrupts(move || lines.into_iter())? {
                sum.send(line)?;
            }
            Ok(())
        });
        (0..10).for_each(|n| source.send(n).unwrap());
        until(|| standing(&system.handle(), "sum").handled == 10);
        let report = system.shutdown();
        assert_eq!(leaving(&report), ["source", "sum"]);
        assert!(report.is_complete());
        drop(source);
    });
}

#[test]
fn d5_the_state_of_everybody_can_be_watched() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = patient("patient");
        let stuck = system.actor("stuck").stall_limit(ms(20));
        let addr = stuck
            .spawn(Play::new(move |_: u32, _| {
                trap.walk_in();
                Ok(())
            }))
            .unwrap();
        let handle = system.handle();
        let state = || standing(&handle, "stuck").state;
        addr.send(0).unwrap();
        keeper.catches();
        assert_eq!(state(), State::Working);
        handle.shutdown();
        until(|| state() == State::Overdue);
        keeper.opens();
        drop(system.wait());
        assert_eq!(state(), State::Ended);
    });
}

#[test]
fn d5_how_everybody_has_ended_can_be_watched() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = patient("patient");
        system.set_grace(ms(1_000)); // the one who is late has to come back in it
        let handle = system.handle();
        let by_itself = system.spawn("by itself", Play::<()>::idle());
        let stuck = Play::new(move |(), _| {
            trap.walk_in();
            Ok(())
        });
        let stuck = system.actor("stuck").stall_limit(ms(50)).spawn(stuck).unwrap();
        let _drained = system.spawn("drained", Play::<()>::idle());
        let late = Play::<()>::idle().stopped(|cx| {
            let _ = cx.sleep(HANG);
            Ok(())
        });
        let _late = system.actor("late").stall_limit(ms(50)).spawn(late).unwrap();
        let failing = Play::<()>::idle().stopped(|_| Err(std::io::Error::other("no").into()));
        let _failing = system.spawn("failing", failing);
        let daemon = system.task("daemon").daemon();
        daemon
            .spawn(|cx| {
                cx.stopping().wait();
                Ok(())
            })
            .unwrap();
        drop(by_itself);
        until(|| standing(&handle, "by itself").ended == Some(Ended::Completed));
        stuck.send(()).unwrap();
        keeper.catches();
        let working = ["stuck", "drained", "late", "failing", "daemon"];
        assert!(working.iter().all(|name| standing(&handle, name).ended.is_none()));

        let report = system.shutdown();
        for actor in &report.actors {
            assert_eq!(standing(&handle, &actor.name).ended, Some(actor.ended), "{report}");
        }
        let all = [Ended::Completed, Ended::Abandoned, Ended::Drained];
        let all = all.into_iter().chain([Ended::Overdue, Ended::Failed, Ended::Daemon]);
        let ended: Vec<Ended> = handle.snapshot().into_iter().filter_map(|a| a.ended).collect();
        assert_eq!(ended, Vec::from_iter(all));
    });
}

#[test]
fn d5_the_time_until_a_deadline_can_be_watched() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = patient("patient");
        let _sink = system.spawn("sink", Play::<()>::idle());
        let walk_in = |limit| {
            let trap = trap.clone();
            let actor = system.actor(if limit < HANG { "short" } else { "long" }).feeds_nothing();
            let actor = actor.stall_limit(limit).spawn(Play::new(move |(), _| {
                trap.walk_in();
                Ok(())
            }));
            actor.unwrap().send(()).unwrap();
            keeper.catches();
        };
        [ms(200), HANG].into_iter().for_each(walk_in);
        let handle = system.handle();
        let of = |name| standing(&handle, name);
        assert!(handle.snapshot().iter().all(|actor| actor.until_deadline.is_none()));

        handle.shutdown();
        until(|| of("long").until_deadline.is_some());
        let long = of("long");
        assert_eq!(long.state, State::Draining);
        assert!(long.until_deadline.is_some_and(|left| left <= HANG), "{long:?}");
        // At its deadline, and not before, a grace begins that is longer.
        until(|| of("short").until_deadline > Some(ms(200)));
        assert_eq!(of("short").state, State::Overdue);

        keeper.opens();
        drop(system.wait());
        assert!(handle.snapshot().iter().all(|actor| actor.until_deadline.is_none()));
    });
}

#[test]
fn d5_who_waits_for_its_children_has_no_deadline_of_its_own_meanwhile() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = patient("patient");
        let mut trap = Some(trap);
        let parent = system.spawn(
            "parent",
            Play::new(move |(), cx| {
                let trap = trap.take();
                cx.spawn_task("child", move |_| {
                    trap.iter().for_each(Trap::walk_in);
                    Ok(())
                });
                Ok(())
            }),
        );
        parent.send(()).unwrap();
        keeper.catches();
        let handle = system.handle();
        handle.shutdown();
        until(|| standing(&handle, "child").until_deadline.is_some());
        until(|| standing(&handle, "parent").until_deadline.is_none());
        assert_eq!(standing(&handle, "parent").state, State::Draining);
        keeper.opens();
        assert!(system.wait().is_complete());
    });
}

#[test]
fn d2_a_deadline_that_is_met_in_the_stopped_hook_is_told() {
    guarded(|| {
        let mut system = patient("patient");
        system.set_stall_limit(ms(50));
        let actor = Play::<()>::idle().stopped(|cx| {
            assert_eq!(cx.sleep(HANG), Err(exeunt::Interrupted));
            Ok(())
        });
        let _addr = system.spawn("late", actor);
        let report = system.shutdown();
        assert_eq!(line(&report, "late").ended, Ended::Overdue);
        assert!(!report.is_complete());
    });
}

#[test]
fn d5_a_source_that_panics_is_not_taken_for_one_that_has_ended() {
    guarded(|| {
        let mut system = System::new("source");
        system.spawn_task("reader", |cx| {
            let source = || (0..3).inspect(|&n| assert!(n < 2, "planned"));
            for _ in cx.stopping().interrupts(source)? {}
            Ok(())
        });
        let report = system.wait();
        assert_eq!(line(&report, "reader").ended, Ended::Failed);
        assert!(report.to_string().contains("planned"), "{report}");
    });
}

#[test]
fn d1_a_drain_that_takes_longer_than_a_second_says_whom_it_waits_for() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (tell, told) = mpsc::channel();
        let mut system = System::new("slow");
        system.observe(move |notice| {
            if let Notice::Waiting { on, until_deadline, given_up_next: None } = notice {
                tell.send((on.clone(), *until_deadline, notice.to_string())).unwrap();
            }
        });
        let slow = system.spawn(
            "slow",
            Play::new(move |(), _| {
                trap.walk_in();
                Ok(())
            }),
        );
        (0..3).for_each(|_| slow.send(()).unwrap());
        keeper.catches();
        let handle = system.handle();
        handle.shutdown();
        let (on, until_deadline, text) = next(&told);
        let (waited_for, left) = &on[0];
        assert_eq!((waited_for.id, &*waited_for.name, *left, on.len()), (0, "slow", 2, 1));
        // The stall limit is 5 s, counted from the last look at which something had happened.
        assert!(until_deadline.is_some_and(|left| left < ms(5_000)), "{until_deadline:?}");
        assert!(text.starts_with("waiting for `slow` (2 left); deadline in "), "{text}");
        drop(keeper);
        assert!(system.wait().is_complete());
    });
}

#[test]
fn d1_d3_of_who_has_met_its_deadline_a_drain_says_until_when_it_waits() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (tell, told) = mpsc::channel();
        let mut system = System::new("slow");
        system.set_drain_budget(20 * HANG).set_grace(HANG);
        system.observe(move |notice| {
            if let Notice::Waiting { until_deadline, given_up_next, .. } = notice {
                tell.send((*until_deadline, given_up_next.clone())).unwrap();
            }
        });
        for (name, limit) in [("patient", HANG), ("slow", ms(100))] {
            let trap = trap.clone();
            let actor = Play::new(move |(), _| {
                trap.walk_in();
                Ok(())
            });
            let actor = system.actor(name).feeds_nothing().stall_limit(limit).spawn(actor);
            actor.unwrap().send(()).unwrap();
            keeper.catches();
        }
        system.handle().shutdown();
        let (until_deadline, slow, given_up_in) = loop {
            if let (until_deadline, Some((slow, time))) = next(&told) {
                break (until_deadline, slow, time);
            }
        };
        // That of the patient one, and not the end of the grace.
        assert!(until_deadline.is_some_and(|left| left > ms(100)), "{until_deadline:?}");
        assert_eq!((slow.id, &*slow.name), (1, "slow"));
        assert!(given_up_in <= HANG, "{given_up_in:?}");
        drop(keeper);
        assert_eq!(line(&system.wait(), "slow").ended, Ended::Overdue);
    });
}

#[test]
fn d2_whoever_sets_the_events_that_an_actor_or_a_task_is_shown_stops_nobody() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("shown");
        let addr = system.spawn(
            "a",
            Play::new(move |n: u32, cx| {
                let seen = [cx.stopping(), cx.must_stop()].map(Event::is_set);
                cx.stopping().set();
                cx.must_stop().set();
                Ok(tell.send((n, seen, cx.sleep(Duration::ZERO).is_ok()))?)
            }),
        );
        let (over, may_leave) = mpsc::channel();
        system.spawn_task("b", move |cx| {
            cx.stopping().set();
            cx.must_stop().set();
            Ok(may_leave.recv()?)
        });
        addr.send(0).unwrap();
        assert_eq!(next(&told), (0, [false; 2], true));
        until(|| addr.is_closed() || standing(&system.handle(), "a").is_idle);
        (1..3).for_each(|n| addr.send(n).unwrap());
        assert_eq!(next(&told), (1, [true; 2], true), "it sees what it has set");
        assert_eq!(next(&told), (2, [true; 2], true));
        over.send(()).unwrap();
        let report = system.shutdown();
        assert_eq!(
            (figures(line(&report, "a")), line(&report, "a").ended),
            ([3, 0, 0], Ended::Drained)
        );
        assert!(report.is_complete() && !report.is_failure());
    });
}
