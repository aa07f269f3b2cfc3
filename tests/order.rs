//! Clauses O1 to O5: who leaves when, what a turn consists of, what a wrong order says, and the
//! natural end.
//!
//! The order is read off the report, which lists who left in that order; that two drain side by side
//! is shown by hooks that can only return when both have been entered.

use std::cell::RefCell;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Barrier};
use std::thread;

use exeunt::{Addr, Context, Ended, Error, Notice, Reason, SendError, State, System, WeakAddr};

use crate::support::{
    HANG, OnDrop, Play, figures, guarded, leaving, line, ms, next, signals, so_far, standing, trap,
    until,
};

/// Passes on what it gets.
fn relay(to: Addr<u32>) -> Play<u32> {
    Play::new(move |n, _| Ok(to.send(n)?))
}

// O1

#[test]
fn o1_with_nothing_declared_the_last_spawned_leaves_first_one_by_one() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("o1");
        let mut addrs = Vec::new();
        for name in ["first", "second", "third", "fourth"] {
            let tell = tell.clone();
            addrs.push(system.spawn(
                name,
                Play::<()>::idle().stopped(move |cx| {
                    // Those before it have not been told to go, whatever time it takes.
                    let working =
                        cx.system().snapshot().iter().filter(|a| a.state == State::Working).count();
                    tell.send((cx.name().to_owned(), working))?;
                    Ok(())
                }),
            ));
        }
        let report = system.shutdown();
        assert_eq!(leaving(&report), ["fourth", "third", "second", "first"]);
        let told: Vec<_> = so_far(&told);
        let expected = [("fourth", 3), ("third", 2), ("second", 1), ("first", 0)];
        assert_eq!(told, expected.map(|(name, n)| (name.to_owned(), n)));
    });
}

#[test]
fn o1_what_is_wired_and_independent_drains_side_by_side() {
    guarded(|| {
        let barrier = Arc::new(Barrier::new(2));
        let meet = |to: Addr<u32>| {
            let barrier = Arc::clone(&barrier);
            relay(to).stopped(move |_| {
                barrier.wait(); // alone, it would wait for ever
                Ok(())
            })
        };
        let mut system = System::new("diamond");
        let sink = system.spawn("sink", Play::idle());
        let left = meet(sink.clone());
        let left = system.actor("left").feeds(&sink).spawn(left).unwrap();
        let right = meet(sink.clone());
        let right = system.actor("right").feeds(&sink).spawn(right).unwrap();
        let source = system
            .actor("source")
            .feeds(&left)
            .feeds(&right)
            .spawn(Play::new({
                let (left, right) = (left.clone(), right.clone());
                move |n, _| Ok(if n % 2 == 0 { &left } else { &right }.send(n)?)
            }))
            .unwrap();
        (0..100).for_each(|n| source.send(n).unwrap());

        let report = system.shutdown();
        let order = leaving(&report);
        assert_eq!(order[0], "source");
        assert_eq!(order[3], "sink");
        assert_eq!(line(&report, "sink").handled, 100);
        assert!(report.is_complete() && report.refused.is_empty());
    });
}

#[test]
fn o1_the_declared_order_stands_against_the_order_of_spawning() {
    guarded(|| {
        let mut system = System::new("upside down");
        let (sink, inbox) = exeunt::mailbox(8);
        let source = system.actor("source").feeds(&sink).spawn(relay(sink));
        let builder = system.actor("sink").inbox(inbox).feeds_nothing();
        let _sink = builder.spawn(Play::idle()).unwrap();
        let source = source.unwrap();
        (0..100).for_each(|n| source.send(n).unwrap());
        let report = system.shutdown();
        assert_eq!(leaving(&report), ["source", "sink"]);
        assert_eq!(line(&report, "sink").handled, 100);
    });
}

#[test]
fn o1_one_that_declares_nothing_holds_back_all_before_it_and_nobody_after() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("mixed");
        let before = system.actor("before").feeds_nothing();
        let _before = before.spawn(Play::<()>::idle()).unwrap();
        let _plain = system.spawn(
            "plain",
            Play::<()>::idle().stopped(move |_| {
                trap.walk_in();
                Ok(())
            }),
        );
        let after = system.actor("after").feeds_nothing();
        let _after = after.spawn(Play::<()>::idle()).unwrap();
        let handle = system.handle();
        handle.shutdown();
        keeper.catches();
        until(|| standing(&handle, "after").state == State::Ended);
        assert_eq!(standing(&handle, "before").state, State::Working);
        keeper.opens();
        // Which of the other two is seen off first, once both have ended, is chance.
        assert_eq!(leaving(&system.wait())[2], "before");
    });
}

#[test]
fn o1_a_task_has_its_turn_at_once_and_is_waited_for_by_those_it_may_feed() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("tasks");
        let sink = system.spawn("sink", Play::idle());
        for name in ["one", "two"] {
            let (sink, tell) = (sink.clone(), tell.clone());
            system.spawn_task(name, move |cx| {
                cx.stopping().wait();
                tell.send(cx.name().to_owned())?;
                until(|| cx.system().snapshot()[1].state != State::Working);
                Ok(sink.send(7)?) // its last word, in the drain
            });
        }
        // Spawned last, and still in its hook while the tasks have theirs.
        let (trap, keeper) = trap();
        let _late = system.spawn(
            "late",
            Play::<()>::idle().stopped(move |_| {
                trap.walk_in();
                Ok(())
            }),
        );
        let handle = system.handle();
        handle.shutdown();
        keeper.catches();
        let both = [next(&told), next(&told)];
        assert!(both.contains(&"one".to_owned()) && both.contains(&"two".to_owned()));
        assert_eq!(standing(&handle, "sink").state, State::Working);
        keeper.opens();
        let report = system.wait();
        assert_eq!(leaving(&report).last(), Some(&"sink"));
        assert_eq!(line(&report, "sink").handled, 2);
        assert!(report.is_complete());
    });
}

#[test]
fn o1_a_task_that_says_so_has_its_turn_after_all_of_that_name() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("after");
        let _idle = system.spawn("worker", Play::<()>::idle());
        let stuck = Play::<()>::idle().stopped(move |_| {
            trap.walk_in();
            Ok(())
        });
        let _stuck = system.actor("worker").feeds_nothing().spawn(stuck).unwrap();
        let (tell, told) = mpsc::channel();
        let task = system.task("goodbye").after("worker");
        task.spawn(move |cx| {
            cx.stopping().wait();
            Ok(tell.send(())?)
        })
        .unwrap();
        let handle = system.handle();
        handle.shutdown();
        keeper.catches();
        // One of the two has ended, which is not enough.
        until(|| handle.snapshot()[0].state == State::Ended);
        assert_eq!(standing(&handle, "goodbye").state, State::Working);
        assert!(told.try_recv().is_err());
        keeper.opens();
        next(&told);
        assert_eq!(leaving(&system.wait()), ["worker", "worker", "goodbye"]);
    });
}

#[test]
fn o1_the_address_of_an_attached_inbox_stands_for_its_actor() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let (addr, inbox) = exeunt::mailbox::<u32>(4);
        let mut inbox = Some(inbox);
        let mut system = System::new("o1");
        let reads = move |cx: &mut Context<Play<u32>>| {
            inbox.take().into_iter().for_each(|inbox| cx.attach_inbox(inbox, |n| n));
            Ok(tell.send(())?)
        };
        // As that of a child stands for whoever is above it.
        let mut reads = Some(reads);
        let child = move |cx: &mut Context<Play<()>>| {
            if let Some(reads) = reads.take() {
                cx.actor("child").feeds_nothing().spawn(Play::idle().started(reads))?;
            }
            Ok(())
        };
        let sink = system.actor("sink").feeds_nothing().spawn(Play::idle().started(child)).unwrap();
        next(&told);
        let (trap, keeper) = trap();
        let to = addr.clone();
        let source = Play::new(move |n: u32, _| {
            trap.walk_in();
            Ok(to.send(n)?)
        });
        let source = system.actor("source").feeds(&addr).spawn(source).unwrap();
        source.send(1).unwrap();
        keeper.catches();
        system.handle().shutdown();
        until(|| source.is_closed());
        keeper.opens();
        let report = system.wait();
        assert_eq!(leaving(&report), ["source", "child", "sink"]);
        assert_eq!(line(&report, "child").handled, 1);
        drop(sink);
    });
}

// O2

#[test]
fn o2_a_mailbox_stays_open_until_its_own_turn_for_everybody() {
    guarded(|| {
        const REST: u32 = 1_000; // more than the sink has room for
        let (trap, keeper) = trap();
        let mut system = System::new("o2");
        let sink = system.actor("sink").capacity(4).spawn(Play::idle()).unwrap();
        let middle = system.spawn("middle", relay(sink.clone()));
        // Writes what it has collected from its `stopped` hook.
        let mut collected = Vec::new();
        let collector = Play::new(|_: u32, _| Ok(())).stopped(move |_| {
            collected.extend(0..REST);
            trap.walk_in();
            for &n in &collected {
                middle.send(n)?;
            }
            Ok(())
        });
        let _collector = system.spawn("collector", collector);
        let handle = system.handle();
        handle.shutdown();
        keeper.catches();
        // In the middle of the drain a thread that belongs to nobody is heard too.
        sink.send(0).unwrap();
        assert!(!sink.is_closed());
        keeper.opens();
        let report = system.wait();
        assert_eq!(leaving(&report), ["collector", "middle", "sink"]);
        assert_eq!(line(&report, "middle").handled, u64::from(REST));
        assert_eq!(line(&report, "sink").handled, u64::from(REST) + 1);
        assert!(report.is_complete() && report.refused.is_empty());
        assert!(sink.is_closed());
    });
}

// O3

type Parting = OnDrop<Box<dyn FnMut()>>;

thread_local! {
    static PARTING: RefCell<Option<Parting>> = const { RefCell::new(None) };
}

#[test]
fn o3_a_turn_goes_step_by_step_on_the_actors_own_thread() {
    guarded(|| {
        fn say(tell: &Sender<(String, String)>, step: &str) {
            let thread = thread::current().name().unwrap_or_default().to_owned();
            tell.send((step.to_owned(), thread)).unwrap();
        }
        let (tell, told) = mpsc::channel();
        let (trap, keeper) = trap();
        let mut system = System::new("o3");
        let sink = system.spawn("sink", {
            let tell = tell.clone();
            Play::new(move |word: &'static str, _| {
                tell.send((word.to_owned(), "to sink".to_owned()))?;
                Ok(())
            })
        });
        let addr = system
            .actor("actor")
            .capacity(2)
            .spawn_with({
                let tell = tell.clone();
                let sink = sink.clone();
                move || {
                    say(&tell, "make");
                    // Dropped at the very end of the thread, and what it sends is still accepted.
                    PARTING.with(|parting| {
                        let say_goodbye: Box<dyn FnMut()> = {
                            let (tell, sink) = (tell.clone(), sink.clone());
                            Box::new(move || {
                                say(&tell, "thread-local");
                                sink.send("goodbye").unwrap();
                            })
                        };
                        *parting.borrow_mut() = Some(OnDrop(say_goodbye));
                    });
                    let (handled, started, stopped, dropped) =
                        (tell.clone(), tell.clone(), tell.clone(), tell.clone());
                    let trap = trap.clone();
                    Play::new(move |n: u32, _| {
                        trap.walk_in();
                        say(&handled, &format!("handle {n}"));
                        Ok(())
                    })
                    .started(move |_| {
                        say(&started, "started");
                        Ok(())
                    })
                    .stopped(move |cx| {
                        let open = !cx.addr().is_closed();
                        say(&stopped, if open { "open?" } else { "stopped" });
                        Ok(())
                    })
                    .holding(OnDrop(move || say(&dropped, "drop")))
                }
            })
            .unwrap();
        (0..3).for_each(|n| addr.send(n).unwrap());
        keeper.catches();
        let waiting = {
            let addr = addr.clone();
            let tell = tell.clone();
            thread::spawn(move || {
                assert_eq!(addr.send(3), Err(SendError::Closed(3, "actor".into())));
                tell.send(("woken".to_owned(), "actor".to_owned())).unwrap();
            })
        };
        thread::sleep(ms(20)); // so that it really waits; nothing depends on it
        system.handle().shutdown();
        waiting.join().unwrap();
        keeper.opens();
        let report = system.wait();

        let (steps, threads): (Vec<String>, Vec<String>) = so_far(&told).into_iter().unzip();
        assert_eq!(
            steps,
            [
                "make",
                "started",
                "woken",
                "handle 0",
                "handle 1",
                "handle 2",
                "stopped",
                "drop",
                "thread-local",
                "goodbye"
            ]
        );
        assert!(threads[..9].iter().all(|thread| thread == "actor"), "{threads:?}");
        assert_eq!(leaving(&report), ["actor", "sink"]);
        assert_eq!(figures(line(&report, "actor")), [3, 0, 0]);
        assert_eq!(figures(line(&report, "sink")), [1, 0, 0]);
        assert!(report.refused.is_empty());
    });
}

#[test]
fn o3_the_whole_queue_is_handled_first() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut first = true;
        let mut system = System::new("o3");
        let addr = system.actor("a").unbounded();
        let addr = addr
            .spawn(Play::new(move |_: u32, _| {
                if std::mem::take(&mut first) {
                    trap.walk_in();
                }
                Ok(())
            }))
            .unwrap();
        (0..10_001).for_each(|n| addr.send(n).unwrap());
        keeper.catches();
        system.handle().shutdown();
        until(|| standing(&system.handle(), "a").state == State::Draining);
        keeper.opens();
        let report = system.wait();
        let a = line(&report, "a");
        assert_eq!((a.ended, a.handled, a.returned), (Ended::Drained, 10_001, 0));
        assert_eq!(a.handled_while_draining, 10_001);
    });
}

// O4

#[test]
fn o4_a_cycle_that_was_not_declared_is_an_error_that_names_it() {
    guarded(|| {
        let mut system = System::new("o4");
        let (b, b_inbox) = exeunt::mailbox::<u32>(8);
        let (c, c_inbox) = exeunt::mailbox::<u32>(8);
        let _a = system.spawn("a", Play::<u32>::idle());
        let builder = system.actor("b").inbox(b_inbox).feeds(&c);
        builder.spawn(relay(c.clone())).unwrap();
        // It declares nothing, so that it may feed all before it; and `b` says that it feeds it.
        let error = system.actor("c").inbox(c_inbox).spawn(relay(b)).unwrap_err();
        assert!(error.is_cycle());
        assert_eq!(error.name(), "c");
        let text = error.to_string();
        assert!(text.contains("c -> b -> c"), "{text}");
        // It was not spawned, its mailbox is closed, and the others leave.
        assert!(c.is_closed());
        let report = system.shutdown();
        assert!(report.actor("c").is_none() && report.is_complete(), "{report}");
    });
}

#[test]
fn o4_a_cycle_that_was_declared_is_none() {
    guarded(|| {
        let mut system = System::new("o4");
        let (a, a_inbox) = exeunt::mailbox::<u32>(8);
        let (b, b_inbox) = exeunt::mailbox::<u32>(8);
        let builder = system.actor("a").inbox(a_inbox).feeds(&b);
        builder.spawn(relay(b.clone())).unwrap();
        system.actor("b").inbox(b_inbox).feeds(&a).spawn(Play::idle()).unwrap();
        a.send(1).unwrap();
        let report = system.shutdown();
        assert_eq!(line(&report, "b").handled, 1);
        assert!(report.is_complete() && report.refused.is_empty(), "{report}");
    });
}

#[test]
fn o4_to_feed_oneself_is_no_cycle() {
    guarded(|| {
        let (me, inbox) = exeunt::mailbox::<u32>(8);
        let mut system = System::new("o4");
        let builder = system.actor("a").inbox(inbox).feeds(&me);
        builder.spawn(Play::idle()).unwrap();
        assert_eq!(leaving(&system.shutdown()), ["a"]);
    });
}

/// A system with a wrong declaration: `sender` sends to `sink`, says that it sends to nobody, and
/// comes to it when `sink` has left. Gives what `sender` was told.
fn wrong_order(sends: u64) -> (exeunt::Report, Vec<bool>, Vec<String>) {
    let (trap, keeper) = trap();
    let (tell, told) = mpsc::channel();
    let (hear, heard) = mpsc::channel();
    let mut system = System::new("wrong");
    system.observe(move |notice| {
        if let Notice::Refused { .. } = notice {
            let _ = hear.send(notice.to_string());
        }
    });
    let sink = system.spawn("sink", Play::idle());
    let sender = Play::<u32>::idle().stopped(move |_| {
        trap.walk_in();
        for n in 0..sends {
            tell.send(sink.send(n) == Err(SendError::Closed(n, "sink".into())))?;
        }
        Ok(())
    });
    let _sender = system.actor("sender").feeds_nothing().spawn(sender).unwrap();
    let handle = system.handle();
    handle.shutdown();
    keeper.catches();
    until(|| standing(&handle, "sink").state == State::Ended);
    keeper.opens();
    (system.wait(), so_far(&told), so_far(&heard))
}

#[test]
fn o4_a_send_refused_because_the_order_was_wrong_is_counted_and_named() {
    guarded(|| {
        let (report, refused, heard) = wrong_order(5);
        assert_eq!(refused, [true; 5]);
        assert_eq!(report.refused.len(), 1);
        let edge = &report.refused[0];
        assert_eq!((edge.from.as_str(), edge.to.as_str(), edge.count), ("sender", "sink", 5));
        // Told once, in so many words, and printed with the report.
        assert_eq!(heard.len(), 1);
        assert!(heard[0].contains("`sender`") && heard[0].contains("`sink`"), "{heard:?}");
        let text = report.to_string();
        let told = text.lines().any(|line| {
            line.contains("refused") && line.contains("`sender`") && line.contains("5")
        });
        assert!(told, "{text}");
    });
}

#[test]
fn o4_a_refusal_that_the_order_is_not_to_blame_for_is_not_counted() {
    guarded(|| {
        // To an actor that has failed, outside and inside a drain, and from a foreign thread.
        let mut system = System::new("not wrong");
        let sink = system.spawn("sink", Play::new(|(), _| Err(Error::msg("planned"))));
        let (tell, told) = mpsc::channel();
        let _sender = system.spawn("sender", {
            let sink = sink.clone();
            Play::<()>::idle().stopped(move |_| {
                until(|| sink.is_closed());
                tell.send(sink.send(()).is_err())?;
                Ok(())
            })
        });
        sink.send(()).unwrap();
        let report = system.wait();
        assert!(next(&told) && sink.send(()).is_err());
        assert!(report.refused.is_empty(), "{report}");
    });
}

// O5

#[test]
fn o5_an_actor_ends_with_its_last_address_and_an_empty_mailbox() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (tell, ended) = mpsc::channel();
        let mut system = System::new("o5");
        let _other = system.spawn("other", Play::<()>::idle());
        let addr = system.spawn(
            "a",
            Play::new(move |_: u32, _| {
                trap.walk_in();
                Ok(())
            })
            .stopped(move |_| Ok(tell.send(())?)),
        );
        (0..3).for_each(|n| addr.send(n).unwrap());
        let clone = addr.clone();
        drop(addr);
        keeper.opens();
        until(|| standing(&system.handle(), "a").handled == 3);
        assert_eq!(standing(&system.handle(), "a").state, State::Working);
        drop(clone);
        next(&ended);
        until(|| standing(&system.handle(), "a").state == State::Ended);
        // The system goes on without it.
        assert!(!system.handle().is_draining());
        let report = system.shutdown();
        assert_eq!(line(&report, "a").ended, Ended::Completed);
        assert_eq!(figures(line(&report, "a")), [3, 0, 0]);
        assert_eq!(line(&report, "a").handled_while_draining, 0);
        assert_eq!(line(&report, "other").ended, Ended::Drained);
    });
}

#[test]
fn o5_waiting_ends_when_all_have_ended_by_themselves_but_the_daemons() {
    guarded(|| {
        let mut system = System::new("chain");
        let sink = system.spawn("sink", Play::idle());
        let middle = system.spawn("middle", relay(sink));
        system.spawn_task("source", move |_| {
            for n in 0..100 {
                middle.send(n)?;
            }
            Ok(())
        });
        let daemon = system.actor("daemon").daemon();
        let _daemon = daemon.spawn(Play::<()>::idle()).unwrap();
        let _signals = signals();
        let exit = system.run();
        let report = exit.report();
        assert_eq!(report.reason, Reason::Completed);
        // Each ends as soon as the one before it has let go of it: who is seen off first is chance.
        assert_eq!(leaving(report)[3], "daemon");
        assert_eq!(line(report, "sink").handled, 100);
        for name in ["source", "middle", "sink"] {
            assert_eq!(line(report, name).ended, Ended::Completed);
        }
        assert_eq!(line(report, "daemon").ended, Ended::Daemon);
        assert!(report.is_complete());
    });
}

#[test]
fn o5_a_weak_address_keeps_nobody_alive() {
    guarded(|| {
        let mut system = System::new("weak");
        let addr = system.spawn("a", Play::new(|_: u32, _| Ok(())));
        let weak: WeakAddr<u32> = addr.downgrade();
        weak.upgrade().unwrap().send(1).unwrap();
        drop(addr);
        until(|| standing(&system.handle(), "a").state == State::Ended);
        assert!(weak.upgrade().is_none());
        let report = system.wait();
        assert_eq!(line(&report, "a").ended, Ended::Completed);
        assert_eq!(line(&report, "a").handled, 1);
    });
}

#[test]
fn o5_an_address_that_an_upgrade_made_does() {
    guarded(|| {
        let mut system = System::new("weak");
        let addr = system.spawn("a", Play::new(|_: u32, _| Ok(())));
        let upgraded = addr.downgrade().upgrade().unwrap();
        drop(addr);
        upgraded.send(1).unwrap();
        until(|| standing(&system.handle(), "a").handled == 1);
        upgraded.send(2).unwrap();
        drop(upgraded);
        assert_eq!(line(&system.wait(), "a").handled, 2);
    });
}

#[test]
fn o5_an_actor_goes_on_as_long_as_it_sends_to_itself() {
    guarded(|| {
        let mut system = System::new("self");
        let addr = system.spawn(
            "a",
            Play::new(|left: u32, cx| match left {
                0 => Ok(()),
                // With its last address gone, the context can still make one.
                _ => Ok(cx.addr().send(left - 1)?),
            }),
        );
        addr.send(1_000).unwrap();
        drop(addr);
        let report = system.wait();
        assert_eq!(line(&report, "a").handled, 1_001);
        assert_eq!(line(&report, "a").ended, Ended::Completed);
    });
}

#[test]
fn o5_in_its_turn_an_actor_cannot_send_to_itself_any_more() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (tell, told) = mpsc::channel();
        let mut system = System::new("self");
        let addr = system.spawn(
            "a",
            Play::new(move |n: u32, cx| {
                trap.walk_in();
                cx.stopping().wait();
                tell.send(cx.addr().send(n + 1) == Err(SendError::Closed(n + 1, "a".into())))?;
                Ok(())
            }),
        );
        addr.send(0).unwrap();
        addr.send(1).unwrap();
        keeper.catches();
        keeper.opens();
        let report = system.shutdown();
        assert_eq!(so_far(&told), [true, true]);
        assert_eq!(figures(line(&report, "a")), [2, 0, 0]);
    });
}

#[test]
fn o5_an_actor_that_sends_to_itself_in_its_turn_is_no_wrong_order() {
    guarded(|| {
        let mut system = System::new("self");
        let addr = system.spawn(
            "a",
            Play::new(|n: u32, cx| {
                cx.stopping().wait();
                let _ = cx.addr().send(n + 1);
                Ok(())
            }),
        );
        addr.send(0).unwrap();
        until(|| addr.downgrade().upgrade().is_some());
        let report = system.shutdown();
        assert!(report.refused.is_empty(), "{report}");
    });
}

#[test]
fn a_name_finds_who_can_be_reached_though_another_is_still_on_its_way_out() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("twins");
        let stays = Play::new(move |_: u32, _| {
            trap.walk_in();
            Ok(())
        });
        system.spawn("a", stays).send(1).unwrap(); // and the address is dropped
        keeper.catches();
        let second = system.spawn("a", Play::<u32>::idle());
        assert_eq!(system.handle().lookup("a"), Ok(second));
    });
}

#[test]
fn o5_a_wait_with_a_limit_says_that_the_end_has_not_come() {
    guarded(|| {
        let mut system = System::new("limit");
        let addr = system.spawn("a", Play::<()>::idle());
        let handle = system.handle();
        let error = handle.wait_timeout(ms(10)).unwrap_err();
        assert_eq!(error, exeunt::WaitError::Timeout);
        assert!(!handle.has_ended() && !handle.is_draining());
        drop(addr);
        // Only the owner brings a natural end about: until it waits, it may spawn somebody.
        assert_eq!(handle.wait_timeout(ms(10)).unwrap_err(), exeunt::WaitError::Timeout);
        let report = system.wait();
        assert_eq!(report.reason, Reason::Completed);
        assert!(handle.has_ended());
        assert_eq!(handle.wait_timeout(HANG).unwrap().actors, report.actors);
        assert_eq!(handle.wait().unwrap().actors, report.actors);
    });
}
