//! Pools: several threads on one mailbox are one actor to everybody else. Each test is one line of that
//! promise, on real threads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use exeunt::{
    Addr, AskError, Ended, Overflow, Report, Restart, SendError, State, System, TaskContext,
    WaitError,
};

use crate::support::{
    HANG, NEVER, Play, figures, guarded, guarded_for, leaving, line, ms, next, so_far, standing,
    trap, until,
};

#[test]
fn r1_a_pool_is_one_line_with_one_for_each_thread() {
    guarded(|| {
        let meeting = Arc::new(Barrier::new(3));
        let mut system = System::new("pool");
        let addr = system
            .pool("trio", 3)
            .spawn_with(move || {
                let meeting = Arc::clone(&meeting);
                // Nobody gets past it before three messages are handled at once.
                Play::new(move |_: u32, _| {
                    meeting.wait();
                    Ok(())
                })
            })
            .unwrap();
        (0..9).for_each(|n| addr.send(n).unwrap());
        assert_eq!(addr.name(), "trio");
        let seats: Vec<usize> = system.snapshot().iter().map(|thread| thread.id).collect();
        assert!(system.snapshot().iter().all(|thread| thread.pool == addr.id()));
        let report = system.shutdown();
        let pool = line(&report, "trio");
        // One of its own, and one for each thread.
        assert!(pool.id == addr.id() && pool.id.is_some_and(|id| !seats.contains(&id)));
        let mut ids: Vec<usize> = pool.threads.iter().filter_map(|thread| thread.id).collect();
        ids.sort_unstable();
        assert_eq!(ids, seats);
        assert_eq!(report.actors.len(), 1, "{report}");
        assert_eq!(figures(pool), [9, 0, 0]);
        assert_eq!(pool.ended, Ended::Drained);
        let threads: Vec<(&str, u64)> =
            pool.threads.iter().map(|thread| (thread.name.as_str(), thread.handled)).collect();
        assert_eq!(threads.iter().map(|&(_, handled)| handled).collect::<Vec<_>>(), [3, 3, 3]);
        for name in ["trio/1", "trio/2", "trio/3"] {
            assert!(threads.iter().any(|&(thread, _)| thread == name), "{threads:?}");
            assert!(report.to_string().contains(name), "{report}");
        }
    });
}

#[test]
fn o1_a_pool_leaves_between_those_before_and_those_after_it() {
    guarded(|| {
        let mut system = System::new("between");
        let sink = system.spawn("sink", Play::<u32>::idle());
        let pool = system
            .pool("pool", 2)
            .spawn_with(move || {
                let sink = sink.clone();
                Play::new(move |n: u32, _| Ok(sink.send(n)?))
            })
            .unwrap();
        let source: Addr<u32> = {
            let pool = pool.clone();
            system.spawn("source", Play::new(move |n: u32, _| Ok(pool.send(n)?)))
        };
        (0..1_000).for_each(|n| source.send(n).unwrap());
        let report = system.shutdown();
        assert_eq!(leaving(&report), ["source", "pool", "sink"]);
        assert_eq!(figures(line(&report, "sink")), [1_000, 0, 0]);
        assert!(report.refused.is_empty());
    });
}

#[test]
fn o1_a_pool_whose_wiring_is_declared_waits_for_those_who_feed_it() {
    guarded(|| {
        let mut system = System::new("declared");
        let sink = system.actor("sink").feeds_nothing().spawn(Play::<u32>::idle()).unwrap();
        let pool = system.pool("pool", 3).feeds(&sink);
        let pool = pool
            .spawn_with(move || {
                let sink = sink.clone();
                Play::new(move |n: u32, _| Ok(sink.send(n)?))
            })
            .unwrap();
        let (open, gate) = mpsc::channel();
        let source = system.actor("source").unbounded().feeds(&pool);
        let pass = Play::new(move |n: u32, cx| {
            if n == 0 {
                // It is in the middle of something when the drain begins.
                open.send(())?;
                cx.stopping().wait();
            }
            Ok(pool.send(n)?)
        });
        let source = source.spawn(pass).unwrap();
        (0..1_000).for_each(|n| source.send(n).unwrap());
        gate.recv().unwrap();
        let report = system.shutdown();
        assert_eq!(leaving(&report), ["source", "pool", "sink"]);
        assert!(report.refused.is_empty(), "{report}");
        assert_eq!(figures(line(&report, "sink")), [1_000, 0, 0]);
    });
}

#[test]
fn o5_a_pool_ends_when_nobody_can_reach_it_and_no_thread_has_anything_to_do() {
    guarded_for(4 * HANG, || {
        for round in 0..200 {
            let mut system = System::new("natural");
            let pool = system
                .pool("pool", 3)
                .spawn_with(|| {
                    // A thread that is still busy may send to all of them.
                    Play::new(|n: u32, cx| if n > 0 { Ok(cx.addr().send(n - 1)?) } else { Ok(()) })
                })
                .unwrap();
            pool.send(round % 7).unwrap();
            drop(pool);
            let report = system.wait();
            assert_eq!(figures(line(&report, "pool")), [u64::from(round % 7) + 1, 0, 0]);
            assert_eq!(line(&report, "pool").ended, Ended::Completed);
        }
    });
}

#[test]
fn o5_a_thread_with_a_timer_may_still_send_to_the_others() {
    guarded(|| {
        let mut system = System::new("later");
        let pool = system
            .pool("pool", 2)
            .spawn_with(|| {
                Play::new(|n: u32, cx| match n {
                    0 => Ok(()),
                    2 => {
                        cx.send_after(ms(30), 1);
                        Ok(())
                    }
                    _ => Ok(cx.addr().send(n - 1)?),
                })
            })
            .unwrap();
        pool.send(2).unwrap();
        drop(pool);
        assert_eq!(figures(line(&system.wait(), "pool")), [3, 0, 0]);
    });
}

#[test]
fn f4_a_thread_of_a_pool_does_not_wait_for_the_end_of_that() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("f4");
        let pool = system
            .pool("pool", 2)
            .spawn_with(move || {
                let tell = tell.clone();
                Play::new(move |(), cx| {
                    let pool = cx.addr().handle();
                    let ends = [pool.wait().map(drop), cx.watch(&pool, |_| ())];
                    Ok(tell.send(ends)?)
                })
            })
            .unwrap();
        pool.send(()).unwrap();
        drop(pool);
        assert_eq!(next(&told), [Err(WaitError::Inside); 2]);
        assert!(!system.wait().is_failure());
    });
}

#[test]
fn m2_m5_the_only_thread_of_a_pool_does_not_wait_for_itself() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("alone");
        let pool = system
            .pool("pool", 1)
            .capacity(1)
            .spawn_with(move || {
                let tell = tell.clone();
                Play::new(move |n: u32, cx| {
                    let pool = cx.addr();
                    let asks = |n| pool.ask::<()>(|_| n);
                    match n {
                        0 => tell.send((asks(1).unwrap_err(), pool.send(2), pool.send(3)))?,
                        _ => assert_eq!(n, 2),
                    }
                    Ok(())
                })
            })
            .unwrap();
        pool.send(0).unwrap();
        let deadlock = |n| SendError::Deadlock(n, "pool".into());
        let (asked, first, second) = next(&told);
        assert!(matches!(asked, AskError::Deadlock(_, name) if &*name == "pool"));
        assert_eq!((first, second), (Ok(()), Err(deadlock(3))));
        assert!(!system.shutdown().is_failure());
    });
}

#[test]
fn m2_m5_nor_for_itself_at_a_mailbox_that_it_has_beside_that_of_the_pool() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("beside");
        let pool = system
            .pool("pool", 1)
            .spawn_with(move || {
                let tell = tell.clone();
                let (beside, inbox) = exeunt::mailbox(1);
                let mut inbox = Some(inbox);
                let play = Play::new(move |n: u32, _| match n {
                    0 => Ok(tell.send((
                        beside.ask::<()>(|_| 1).unwrap_err(),
                        beside.send(2),
                        beside.send(3),
                    ))?),
                    _ => Ok(()),
                });
                play.started(move |cx| {
                    inbox.take().into_iter().for_each(|inbox| cx.attach_inbox(inbox, |n| n));
                    Ok(())
                })
            })
            .unwrap();
        pool.send(0).unwrap();
        let (asked, first, second) = next(&told);
        assert!(matches!(asked, AskError::Deadlock(..)) && first.is_ok());
        assert!(matches!(second, Err(SendError::Deadlock(3, _))));
        assert!(!system.shutdown().is_failure());
    });
}

#[test]
fn o4_a_thread_of_a_pool_that_sends_to_it_in_its_turn_is_no_wrong_order() {
    guarded(|| {
        let mut system = System::new("self");
        let pool = system
            .pool("pool", 2)
            .spawn_with(|| {
                Play::new(|(), cx| {
                    cx.stopping().wait();
                    assert!(cx.addr().send(()).is_err());
                    Ok(())
                })
            })
            .unwrap();
        pool.send(()).unwrap();
        let report = system.shutdown();
        assert!(report.refused.is_empty() && !report.is_failure(), "{report}");
    });
}

#[test]
fn f1_a_thread_that_fails_begins_anew_while_the_others_go_on() {
    guarded(|| {
        let mut system = System::new("restarts");
        let pool = system
            .pool("pool", 2)
            .capacity(1024)
            .restart(Restart::on_failure().intensity(100, ms(60_000)))
            .spawn_with(|| {
                Play::new(|n: u32, _| {
                    assert!(n % 50 != 0, "one in fifty");
                    Ok(())
                })
            })
            .unwrap();
        (0..1_000).for_each(|n| pool.send(n).unwrap());
        let report = system.shutdown();
        let pool = line(&report, "pool");
        assert_eq!(figures(pool), [980, 20, 0]);
        // Whoever fails last may find that the other has handled the rest, and leave.
        assert!((19..=20).contains(&pool.restarts), "{report}");
        assert!(!report.is_failure() && report.is_complete(), "{report}");
    });
}

#[test]
fn f3_when_a_thread_fails_for_good_the_others_handle_what_is_left() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("one fails");
        let pool = system
            .pool("pool", 2)
            .spawn_with(move || {
                let trap = trap.clone();
                Play::new(move |n: u32, _| {
                    trap.walk_in();
                    assert!(n != 0, "the first");
                    Ok(())
                })
            })
            .unwrap();
        (0..10).for_each(|n| pool.send(n).unwrap());
        keeper.catches();
        keeper.catches();
        keeper.opens();
        let report = system.wait();
        let pool = line(&report, "pool");
        assert_eq!((figures(pool), pool.ended), ([9, 1, 0], Ended::Failed));
        assert!(report.is_failure());
    });
}

#[test]
fn d3_one_thread_that_is_stuck_leaves_the_queue_to_the_others() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (tell, returned) = mpsc::channel();
        let mut system = System::new("one is stuck");
        system.set_stall_limit(ms(50)).set_grace(ms(50));
        let pool = system
            .pool("pool", 2)
            .capacity(64)
            .returned(move |n| tell.send(n).unwrap())
            .spawn_with(move || {
                let trap = trap.clone();
                Play::new(move |n: u32, _| {
                    if n == 0 {
                        trap.walk_in();
                    }
                    Ok(())
                })
            })
            .unwrap();
        (0..40).for_each(|n| pool.send(n).unwrap());
        keeper.catches();
        until(|| system.snapshot().iter().map(|thread| thread.handled).sum::<u64>() == 39);
        let report = system.shutdown();
        let line = line(&report, "pool");
        // The other thread has left before: whoever is stuck is given up alone.
        assert_eq!((figures(line), line.ended), ([39, 1, 0], Ended::Abandoned), "{report}");
        assert_eq!(so_far(&returned), Vec::<u32>::new());
        keeper.opens();
    });
}

#[test]
fn m1_what_no_thread_handles_is_returned_once() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (tell, returned) = mpsc::channel();
        let mut system = System::new("all are stuck");
        system.set_stall_limit(ms(50)).set_grace(ms(50));
        let pool = system
            .pool("pool", 3)
            .capacity(64)
            .returned(move |n| tell.send(n).unwrap())
            .spawn_with(move || {
                let trap = trap.clone();
                Play::new(move |_: u32, _| {
                    trap.walk_in();
                    Ok(())
                })
            })
            .unwrap();
        (0..10).for_each(|n| pool.send(n).unwrap());
        (0..3).for_each(|_| drop(keeper.catches()));
        let report = system.shutdown();
        assert_eq!(figures(line(&report, "pool")), [0, 3, 7], "{report}");
        let mut seen: Vec<u32> = (0..7).map(|_| next(&returned)).collect();
        seen.sort_unstable();
        assert_eq!(seen, (3..10).collect::<Vec<u32>>());
        keeper.opens();
    });
}

#[test]
fn m1_a_full_pool_may_drop_and_says_so() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("overflow");
        let pool = system
            .pool("pool", 2)
            .capacity(4)
            .overflow(Overflow::DropOldest)
            .spawn_with(move || {
                let trap = trap.clone();
                Play::new(move |_: u32, _| {
                    trap.walk_in();
                    Ok(())
                })
            })
            .unwrap();
        pool.send(0).unwrap();
        pool.send(1).unwrap();
        keeper.catches();
        keeper.catches();
        (2..12).for_each(|n| pool.send(n).unwrap());
        keeper.opens();
        let report = system.shutdown();
        let pool = line(&report, "pool");
        assert_eq!((figures(pool), pool.overflowed), ([6, 0, 6], 6));
        assert!(report.is_complete(), "{report}");
    });
}

#[test]
fn m3_the_same_key_goes_to_the_same_thread_in_order() {
    guarded(|| {
        let (tell, handled) = mpsc::channel();
        let mut system = System::new("keyed");
        let router = system
            .pool("book", 3)
            .spawn_keyed(
                |&(key, _): &(u32, u32)| key,
                move || {
                    let tell = tell.clone();
                    Play::new(move |message: (u32, u32), cx| {
                        Ok(tell.send((cx.name().to_owned(), message))?)
                    })
                },
            )
            .unwrap();
        for n in 0..100 {
            (0..10).for_each(|key| router.send((key, n)).unwrap());
        }
        let report = system.shutdown();
        assert_eq!(report.actors.len(), 3, "{report}");
        let mut seen: BTreeMap<u32, Vec<(String, u32)>> = BTreeMap::new();
        for (thread, (key, n)) in handled.try_iter() {
            seen.entry(key).or_default().push((thread, n));
        }
        for (key, handled) in seen {
            let threads: Vec<&String> = handled.iter().map(|(thread, _)| thread).collect();
            assert!(threads.windows(2).all(|pair| pair[0] == pair[1]), "{key}: {threads:?}");
            assert!(handled.iter().map(|&(_, n)| n).eq(0..100), "{key}: {handled:?}");
        }
    });
}

#[test]
fn m1_stress_pools_that_are_shut_down_while_they_are_sent_to() {
    guarded_for(4 * HANG, || {
        for round in 0..150 {
            let accepted = Arc::new(AtomicU64::new(0));
            let (tell, returned) = mpsc::channel();
            let mut system = System::new("stress");
            let pool =
                system
                    .pool("pool", 1 + round % 4)
                    .capacity([1, 2, 64][round % 3])
                    .restart(Restart::on_failure().intensity(1_000_000, ms(1_000)))
                    .returned(move |n| tell.send(n).unwrap())
                    .spawn_with(|| {
                        Play::new(|n: u32, _| {
                            if n % 97 == 5 { Err(exeunt::Error::msg("unlucky")) } else { Ok(()) }
                        })
                    })
                    .unwrap();
            let senders: Vec<_> = (0..4)
                .map(|_| {
                    let (pool, accepted) = (pool.clone(), Arc::clone(&accepted));
                    std::thread::spawn(move || {
                        let sent = (0..).take_while(|&n| pool.send(n).is_ok()).count();
                        accepted.fetch_add(sent as u64, Ordering::Relaxed);
                    })
                })
                .collect();
            drop(pool);
            let handle = system.handle();
            until(|| handle.snapshot().iter().map(|thread| thread.handled).sum::<u64>() > 50);
            let report = system.shutdown();
            senders.into_iter().for_each(|sender| sender.join().unwrap());
            let line = line(&report, "pool");
            assert_eq!(accepted.load(Ordering::Relaxed), line.accepted(), "{report}");
            assert_eq!((line.returned, returned.try_iter().count()), (0, 0), "{report}");
        }
    });
}

#[test]
fn a_pool_is_found_by_its_name() {
    guarded(|| {
        let mut system = System::new("press");
        let press = system.pool("press", 2).spawn_with(Play::<u32>::idle).unwrap();
        assert_eq!(system.handle().lookup::<u32>("press"), Ok(press));
    });
}

#[test]
fn o1_a_task_may_come_after_all_threads_of_a_pool() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("press");
        let press = system.pool("press", 2).spawn_with(move || {
            let trap = trap.clone();
            Play::new(move |_: u32, _| {
                trap.walk_in();
                Ok(())
            })
        });
        let press = press.unwrap();
        let seen_off = |cx: &TaskContext| {
            cx.stopping().wait();
            assert!(cx.system().lookup::<u32>("press").is_err());
            Ok(())
        };
        system.task("night watch").after("press").spawn(seen_off).unwrap();
        press.send(1).unwrap();
        keeper.catches();
        let handle = system.handle();
        handle.shutdown();
        // One of its threads is free to leave, and the other is not.
        until(|| handle.snapshot().iter().any(|actor| actor.state == State::Ended));
        assert_eq!(standing(&handle, "night watch").state, State::Working);
        keeper.opens();
        let report = system.wait();
        assert!(!report.is_failure(), "{report}");
        assert_eq!(leaving(&report), ["press", "night watch"], "{report}");
    });
}

#[test]
fn what_cannot_be_a_pool_is_refused() {
    guarded(|| {
        let mut system = System::new("bad input");
        let none = system.pool("none", 0).spawn_with(Play::<u32>::idle).unwrap_err();
        assert_eq!(none.to_string(), "the pool `none` has no threads");
        let all = system.pool("all", 4097).spawn_with(Play::<u32>::idle).unwrap_err();
        assert!(all.is_wrong_number_of_threads());
        assert_eq!(
            all.to_string(),
            "the pool `all` would have 4097 threads, and 4096 are the most"
        );
        let keyed = system.pool("keyed", usize::MAX).spawn_keyed(|&n| n, Play::<u32>::idle);
        assert!(keyed.unwrap_err().is_wrong_number_of_threads());
        let one = system.pool("one value", 2).spawn(Play::<u32>::idle()).unwrap_err();
        assert!(one.is_not_restartable(), "{one}");
        let (_addr, inbox) = exeunt::mailbox::<u32>(4);
        let keyed = system.pool("k", 2).inbox(inbox).spawn_keyed(|&n| n, Play::idle).unwrap_err();
        assert!(keyed.to_string().contains("an inbox is for one"), "{keyed}");
        assert!(system.shutdown().actors.is_empty());
    });
}

/// A pool of two threads, of which so many have a child that has still something for it when it leaves.
fn a_pool_with_children(children: u64) -> Report {
    let mut system = System::new("o3");
    let (pool, inbox) = exeunt::mailbox::<u32>(8);
    let (tell, told) = mpsc::channel();
    let (to, made) = (pool.clone(), AtomicU64::new(0));
    let parent = move || {
        let (to, tell) = (to.clone(), tell.clone());
        let has_child = made.fetch_add(1, Ordering::Relaxed) < children;
        Play::idle().started(move |cx| {
            let to = to.clone();
            let child = Play::<()>::idle().stopped(move |_| {
                thread::sleep(NEVER); // nobody is to close its mailbox meanwhile
                Ok(to.send(1)?)
            });
            if has_child {
                tell.send(cx.actor("child").feeds_nothing().spawn(child)?)?;
            }
            Ok(())
        })
    };
    system.pool("pool", 2).inbox(inbox).spawn_with(parent).unwrap();
    let _children: Vec<Addr<()>> = (0..children).map(|_| next(&told)).collect();
    system.shutdown()
}

#[test]
fn o3_what_the_children_of_a_pools_threads_flush_to_it_is_handled() {
    for children in [1, 2] {
        let report = guarded(move || a_pool_with_children(children));
        assert_eq!(line(&report, "pool").handled, children, "{report}");
        assert!(report.is_complete() && report.refused.is_empty(), "{report}");
    }
}
