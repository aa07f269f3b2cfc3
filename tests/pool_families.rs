//! Clauses O3, O4 and M4: the threads of a pool that have children. What those have for their pool is handled, whenever they
//! were spawned and however their pool leaves; and nobody waits for room where nobody makes any.

use std::iter;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, OnceLock};
use std::thread;

use exeunt::{
    ActorSnapshot, Addr, Context, Ended, Error, Reply, Report, Restart, State, System,
    SystemHandle, Topic,
};

use crate::support::{
    HANG, NEVER, Play, Trap, figures, guarded, leaving, line, next, standing, trap, until,
};

/// Spawns a child that says goodbye to somebody. Its address is to be kept for as long as it is to stay.
fn spawn_one_who_says_goodbye(cx: &Context<Play<u32>>, to: &Addr<u32>) -> Addr<()> {
    let to = to.clone();
    let child = Play::idle().stopped(move |_| Ok(to.send(7)?));
    cx.actor("child").feeds_nothing().spawn(child).unwrap()
}

fn waits_for_room(actor: &ActorSnapshot) -> bool {
    actor.doing.starts_with("sending to")
}

#[track_caller]
fn assert_well(report: &Report) {
    assert!(report.is_complete() && report.refused.is_empty(), "{report}");
}

#[test]
fn o3_a_pool_is_open_for_children_that_are_spawned_when_its_turn_has_come() {
    guarded(|| {
        let (pool, inbox) = exeunt::mailbox::<u32>(4);
        let mut system = System::new("o3");
        let (to, mut is_first) = (pool.clone(), true);
        let make = move || {
            let (to, mut children) = (to.clone(), Vec::new());
            let has_child = std::mem::take(&mut is_first);
            Play::idle().started(move |cx| {
                if has_child {
                    cx.stopping().wait();
                    thread::sleep(NEVER); // nobody is to close its mailbox meanwhile
                    children.push(spawn_one_who_says_goodbye(cx, &to));
                }
                Ok(())
            })
        };
        system.pool("pool", 2).inbox(inbox).spawn_with(make).unwrap();
        let report = system.shutdown();
        assert_well(&report);
        assert_eq!(figures(line(&report, "pool")), [1, 0, 0], "{report}");
    });
}

#[test]
fn o3_a_child_that_waits_for_room_when_the_turn_of_its_pool_comes_waits_on() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (pool, inbox) = exeunt::mailbox::<u32>(1);
        let (tell, told) = mpsc::channel();
        let mut system = System::new("o3");
        let to = pool.clone();
        let make = move || {
            let (trap, to, tell) = (trap.clone(), to.clone(), tell.clone());
            let player = Play::new(move |n: u32, _| {
                if n == 0 {
                    trap.walk_in();
                }
                Ok(())
            });
            player.started(move |cx| {
                let to = to.clone();
                // So many that they find no room.
                let child = Play::new(move |(), _| Ok((1..=3).try_for_each(|n| to.send(n))?));
                Ok(tell.send(cx.actor("child").feeds_nothing().spawn(child)?)?)
            })
        };
        system.pool("pool", 2).inbox(inbox).spawn_with(make).unwrap();
        let children = [next(&told), next(&told)];
        for _ in &children {
            pool.send(0).unwrap();
            keeper.catches();
        }
        let handle = system.handle();
        children[0].send(()).unwrap();
        until(|| handle.snapshot().iter().any(waits_for_room));
        handle.shutdown();
        thread::sleep(NEVER); // its turn has come, and who waits has heard of it
        keeper.opens();
        let report = system.wait();
        assert_well(&report);
        assert_eq!(figures(line(&report, "pool")), [5, 0, 0], "{report}");
    });
}

#[test]
fn o3_f1_a_pool_waits_for_the_children_of_one_of_its_threads_that_fails() {
    guarded(|| {
        let (pool, inbox) = exeunt::mailbox::<u32>(4);
        let mut system = System::new("o3");
        let to = pool.clone();
        let make = move || {
            let to = to.clone();
            Play::new(move |n: u32, cx| {
                if n == 7 {
                    return Ok(());
                }
                let to = to.clone();
                let child = Play::<()>::idle().stopped(move |_| {
                    thread::sleep(NEVER); // the other thread finds nothing meanwhile
                    Ok(to.send(7)?)
                });
                drop(cx.actor("child").feeds_nothing().spawn(child)?);
                Err(Error::msg("too much"))
            })
        };
        system.pool("pool", 2).inbox(inbox).spawn_with(make).unwrap();
        pool.send(0).unwrap();
        let report = system.wait();
        assert!(report.refused.is_empty(), "{report}");
        assert_eq!(figures(line(&report, "pool")), [1, 1, 0], "{report}");
    });
}

/// Walks into the trap at a zero, and fails when it comes out.
/// What one thread of a pool that is busy when the turn comes has for another, which was idle.
#[test]
fn o3_the_children_of_a_thread_stay_as_long_as_another_of_its_pool_may_have_something_for_it() {
    guarded(|| {
        let [(first, keeper), (second, second_keeper)] = [trap(), trap()];
        let (pool, inbox) = exeunt::mailbox::<u32>(4);
        let (tell, told) = mpsc::channel();
        let mut system = System::new("o3");
        let to = pool.clone();
        let make = move || {
            let (traps, to, tell) = ([first.clone(), second.clone()], to.clone(), tell.clone());
            let child = Arc::new(OnceLock::<Addr<u32>>::new());
            let for_handler = Arc::clone(&child);
            let player = Play::new(move |n: u32, _| {
                if n > 0 {
                    return Ok(for_handler.get().unwrap().send(n)?);
                }
                traps[0].walk_in();
                to.send(1)?;
                // So that the other one takes it.
                traps[1].walk_in();
                Ok(())
            });
            player.started(move |cx| {
                let tell = tell.clone();
                let spawned = cx.actor("child").feeds_nothing();
                let spawned = spawned.spawn(Play::new(move |n: u32, _| Ok(tell.send(n)?)))?;
                child.set(spawned).unwrap();
                Ok(())
            })
        };
        system.pool("pool", 2).inbox(inbox).spawn_with(make).unwrap();
        pool.send(0).unwrap();
        keeper.catches();
        let handle = system.handle();
        handle.shutdown();
        until(|| pool.is_closed());
        thread::sleep(NEVER); // for the one that is idle to tell its child to leave
        keeper.opens();
        assert_eq!(next(&told), 1);
        second_keeper.opens();
        let report = system.wait();
        assert_well(&report);
        assert_eq!(figures(line(&report, "pool")), [2, 0, 0], "{report}");
    });
}

#[test]
fn m1_o3_the_timers_of_children_go_on_while_the_threads_of_their_pool_have_something_to_do() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let (pool, inbox) = exeunt::mailbox::<u32>(4);
        let mut system = System::new("m1");
        let make = move || {
            let child = Arc::new(OnceLock::<Addr<Option<Reply<u32>>>>::new());
            let (asked, tell) = (Arc::clone(&child), tell.clone());
            let asks = Play::new(move |_, _| {
                assert_eq!(asked.get().unwrap().ask(Some)?, 7);
                Ok(())
            });
            asks.started(move |cx| {
                let (mut asks, tell) = (None, tell.clone());
                let answers_late = Play::new(move |reply, cx| match reply {
                    Some(reply) => {
                        asks = Some(reply);
                        cx.send_after(6 * NEVER, None);
                        Ok(tell.send(())?)
                    }
                    None => {
                        assert_eq!(
                            asks.take().map(|reply: Reply<u32>| reply.send(7)),
                            Some(Ok(()))
                        );
                        Ok(())
                    }
                });
                child.set(cx.actor("child").feeds_nothing().spawn(answers_late)?).unwrap();
                Ok(())
            })
        };
        system.pool("pool", 2).inbox(inbox).spawn_with(make).unwrap();
        pool.send(0).unwrap();
        next(&told);
        let report = system.shutdown();
        assert_well(&report);
        assert_eq!(figures(line(&report, "pool")), [1, 0, 0], "{report}");
    });
}

fn fails_when_let_out(trap: Trap) -> Play<u32> {
    Play::new(move |n, _| match n {
        0 => {
            trap.walk_in();
            Err(Error::msg("planned"))
        }
        _ => Ok(()),
    })
}

/// A pool of which all threads begin anew while their children wait for room in it.
fn all_begin_anew(threads: usize) -> Report {
    let (trap, keeper) = trap();
    let (pool, inbox) = exeunt::mailbox::<u32>(1);
    let (tell, told) = mpsc::channel();
    let mut system = System::new("m4");
    system.set_stall_limit(HANG);
    let to = pool.clone();
    let make = move || {
        let (to, tell) = (to.clone(), tell.clone());
        let player = fails_when_let_out(trap.clone());
        player.started(move |cx| {
            let to = to.clone();
            let child = Play::new(move |(), _| {
                // The first of them has room, and the others are refused when nobody makes any.
                let _ = (1..=2).try_for_each(|n| to.send(n));
                Ok(())
            });
            Ok(tell.send(cx.actor("child").feeds_nothing().spawn(child)?)?)
        })
    };
    system.pool("pool", threads).inbox(inbox).restart(lenient()).spawn_with(make).unwrap();
    let children: Vec<_> = (0..threads).map(|_| next(&told)).collect();
    for _ in &children {
        pool.send(0).unwrap();
        keeper.catches();
    }
    let handle = system.handle();
    children.iter().for_each(|child| child.send(()).unwrap());
    until(|| handle.snapshot().iter().filter(|&actor| waits_for_room(actor)).count() == threads);
    keeper.opens();
    // They have begun anew.
    (0..threads).for_each(|_| drop(next(&told)));
    system.shutdown()
}

#[test]
fn m4_f1_no_child_waits_for_room_in_a_pool_of_which_all_threads_wait_for_their_children() {
    for threads in [1, 2] {
        let report = guarded(move || all_begin_anew(threads));
        assert!(report.is_complete(), "{report}");
        let pool = line(&report, "pool");
        assert_eq!((pool.failed, pool.restarts), (threads as u64, threads as u64), "{report}");
    }
}

/// Begins anew if it fails, outside of a drain.
fn lenient() -> Restart {
    Restart::on_failure().intensity(9, HANG)
}

/// Whether the children of two threads wait for room in what those have beside their mailbox, where each has one already.
fn both_wait_for_room(system: &SystemHandle) -> bool {
    let all = system.snapshot();
    let threads = all.iter().filter(|actor| actor.pool.is_some());
    let waiting = all.iter().filter(|&actor| waits_for_room(actor));
    waiting.count() == 2 && threads.map(|thread| thread.queued).eq([1, 1])
}

/// A pool of two threads that fail, each with an inbox of its own with one value in it and no room for more, and with a child
/// that waits for room in those of both. What is to come before they fail, and after it.
fn threads_fail_whose_children_wait_for_room(
    restart: Restart,
    before: impl FnOnce(&SystemHandle, &Addr<u32>) + Send + 'static,
    after: impl FnOnce(&Receiver<Addr<()>>) + Send + 'static,
) {
    let accepted = Arc::new(AtomicU64::new(0));
    let by_children = Arc::clone(&accepted);
    let report = guarded(move || {
        let (trap, keeper) = trap();
        let (tell, told) = mpsc::channel();
        let mut system = System::new("m4");
        let topic = Topic::new("numbers");
        let weak = topic.downgrade();
        let make = move || {
            let (weak, tell, accepted) = (weak.clone(), tell.clone(), Arc::clone(&by_children));
            let player = fails_when_let_out(trap.clone());
            player.started(move |cx| {
                let Some(topic) = weak.upgrade().filter(|_| !cx.stopping().is_set()) else {
                    return Ok(());
                };
                topic.subscription().capacity(1).subscribe(cx, |n| n);
                let accepted = Arc::clone(&accepted);
                let child = Play::new(move |(), _| {
                    accepted.fetch_add(topic.publish(2).accepted as u64, Ordering::Relaxed);
                    Ok(())
                });
                Ok(tell.send(cx.actor("child").feeds_nothing().spawn(child)?)?)
            })
        };
        let pool = system.pool("pool", 2).restart(restart).spawn_with(make).unwrap();
        let children = [next(&told), next(&told)];
        for _ in &children {
            pool.send(0).unwrap();
            keeper.catches();
        }
        assert_eq!(topic.publish(1).accepted, 2);
        let handle = system.handle();
        children.iter().for_each(|child| child.send(()).unwrap());
        until(|| both_wait_for_room(&handle));
        before(&handle, &pool);
        keeper.opens();
        after(&told);
        system.shutdown()
    });
    // Of what was published, nobody has handled anything.
    assert_nobody_was_cut_off(&report, 2 + accepted.load(Ordering::Relaxed));
}

/// Nobody waited for another until its deadline came, and so many were returned.
#[track_caller]
fn assert_nobody_was_cut_off(report: &Report, returned: u64) {
    let all = report.actors.iter().flat_map(|actor| iter::once(actor).chain(&actor.threads));
    assert!(all.map(|line| line.ended).all(|ended| ended != Ended::Overdue), "{report}");
    assert_eq!(figures(line(report, "pool")), [0, 2, returned], "{report}");
}

#[test]
fn m4_f1_no_child_waits_for_room_in_what_another_thread_of_its_pool_reads_no_more() {
    let they_begin_anew = |told: &Receiver<_>| (0..2).for_each(|_| drop(next(told)));
    threads_fail_whose_children_wait_for_room(lenient(), |_, _| {}, they_begin_anew);
}

/// What each thread has beside the mailbox is open then for the children of all of them.
#[test]
fn m4_f1_f2_nor_does_one_in_the_turn_of_its_pool() {
    let orders: [fn(&SystemHandle, &Addr<u32>); 2] =
        [|_, pool| pool.stop(), |system, _| system.shutdown()];
    for order in orders {
        for restart in [Restart::never(), lenient()] {
            let its_turn_comes = move |system: &SystemHandle, pool: &Addr<u32>| {
                order(system, pool);
                let is_in_turn = |thread| standing(system, thread).state == State::Draining;
                until(|| is_in_turn("pool/1") && is_in_turn("pool/2"));
            };
            threads_fail_whose_children_wait_for_room(restart, its_turn_comes, |_| {});
        }
    }
}

/// The threads fail on what their children have for them when they leave.
#[test]
fn m4_f1_o3_nor_does_one_that_was_told_to_leave_before_the_thread_failed() {
    for restart in [Restart::never(), lenient()] {
        let accepted = Arc::new(AtomicU64::new(0));
        let by_children = Arc::clone(&accepted);
        let report = guarded(move || {
            let (in_handler, of_parents) = trap();
            let (on_leaving, of_children) = trap();
            let (tell, told) = mpsc::channel();
            let mut system = System::new("m4");
            let make = {
                let topic = Topic::new("numbers");
                move || {
                    let (topic, on_leaving) = (topic.clone(), on_leaving.clone());
                    let (tell, accepted) = (tell.clone(), Arc::clone(&by_children));
                    let player = fails_when_let_out(in_handler.clone());
                    player.started(move |cx| {
                        if cx.stopping().is_set() {
                            return Ok(());
                        }
                        topic.subscription().capacity(1).subscribe(cx, |n| n);
                        let (topic, on_leaving) = (topic.clone(), on_leaving.clone());
                        let accepted = Arc::clone(&accepted);
                        let child = Play::<()>::idle().stopped(move |_| {
                            on_leaving.walk_in();
                            let by_all = (0..3).map(|_| topic.publish(0).accepted as u64).sum();
                            accepted.fetch_add(by_all, Ordering::Relaxed);
                            Ok(())
                        });
                        Ok(tell.send(cx.actor("child").feeds_nothing().spawn(child)?)?)
                    })
                }
            };
            system.pool("pool", 2).restart(restart).spawn_with(make).unwrap();
            let _children = [next(&told), next(&told)];
            let handle = system.handle();
            handle.shutdown();
            (0..2).for_each(|_| drop(of_children.catches()));
            of_children.opens();
            (0..2).for_each(|_| drop(of_parents.catches()));
            until(|| both_wait_for_room(&handle));
            of_parents.opens();
            system.wait()
        });
        // One for each was in its hands.
        assert_nobody_was_cut_off(&report, accepted.load(Ordering::Relaxed) - 2);
    }
}

/// A ring of a pool, whose threads have children, and of `other`; and what to do about it while one thread of the pool is
/// kept in its handler, whose last deed it is to send to the other one.
fn ring_with_a_pool(
    meanwhile: impl FnOnce(&mut System, &Addr<u32>, &Addr<u32>, &dyn Fn()) + Send + 'static,
) -> Report {
    guarded(move || {
        let (trap, keeper) = trap();
        let (pool, pool_inbox) = exeunt::mailbox::<u32>(8);
        let (other, other_inbox) = exeunt::mailbox::<u32>(8);
        let (tell, told) = mpsc::channel();
        let mut system = System::new("o4");
        let builder = system.actor("other").inbox(other_inbox).feeds(&pool);
        builder.spawn(Play::idle()).unwrap();
        let to = other.clone();
        let make = move || {
            let (trap, to, tell) = (trap.clone(), to.clone(), tell.clone());
            let mut children = Vec::new();
            let player = Play::new(move |n: u32, _| {
                if n == 0 {
                    trap.walk_in();
                    to.send(1)?;
                }
                Ok(())
            });
            player.started(move |cx| {
                children.push(cx.actor("child").feeds_nothing().spawn(Play::<()>::idle())?);
                Ok(tell.send(())?)
            })
        };
        let builder = system.pool("pool", 2).inbox(pool_inbox).feeds(&other);
        builder.spawn_with(make).unwrap();
        (0..2).for_each(|_| next(&told));
        pool.send(0).unwrap();
        keeper.catches();
        meanwhile(&mut system, &pool, &other, &|| keeper.opens());
        system.shutdown()
    })
}

#[test]
fn o4_a_ring_waits_for_a_pool_of_it_that_was_told_to_leave_alone_before_the_drain() {
    let report = ring_with_a_pool(|system, pool, _, go_on| {
        pool.stop();
        until(|| pool.try_send(1).is_err());
        let handle = system.handle();
        handle.shutdown();
        until(|| handle.is_draining());
        thread::sleep(NEVER); // the other one is at rest, and stays open
        go_on();
    });
    assert_well(&report);
    assert_eq!(leaving(&report)[2..], ["pool", "other"]);
    assert_eq!(figures(line(&report, "other")), [1, 0, 0], "{report}");
}

#[test]
fn o4_a_pool_of_a_ring_that_is_told_to_leave_in_the_drain_takes_nobody_along() {
    let report = ring_with_a_pool(|system, pool, other, go_on| {
        let (upstream, gate) = trap();
        let to = other.clone();
        let player = Play::<()>::idle().stopped(move |_| {
            upstream.walk_in();
            Ok(to.send(2)?)
        });
        drop(system.actor("upstream").feeds(other).spawn(player).unwrap());
        system.handle().shutdown();
        gate.catches();
        pool.stop();
        go_on();
        assert!(pool.wait_timeout(HANG).is_ok());
        thread::sleep(NEVER); // nobody closes the other one meanwhile
        gate.opens();
    });
    assert_well(&report);
    assert_eq!(leaving(&report)[2..], ["pool", "upstream", "other"]);
    assert_eq!(figures(line(&report, "other")), [2, 0, 0], "{report}");
}
