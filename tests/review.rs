//! Interleavings that nobody sees twice by chance: restarts, turns and stops that meet each other.

use std::sync::{Arc, OnceLock, mpsc};
use std::time::{Duration, Instant};

use exeunt::{
    Addr, Backoff, Context, Ended, Event, Overflow, Restart, Router, SendError, Strategy, System,
};

use crate::support::{
    HANG, NEVER, Play, block_on, figures, guarded, guarded_for, in_time, late_unless, line, ms,
    next, standing, trap, until,
};

const OFTEN: Restart = Restart::on_failure().intensity(100, Duration::from_secs(60));

fn slowly(first: Duration) -> Restart {
    OFTEN.backoff(Backoff::exponential(first, first).without_jitter())
}

/// What a member of the tests below can be told.
enum Do {
    Say(mpsc::Sender<()>),
    Fail,
    Stop,
}

fn act(what: Do, cx: &mut Context<Play<Do>>) -> exeunt::Result {
    match what {
        Do::Say(to) => drop(to.send(())),
        Do::Fail => return Err(exeunt::Error::msg("planned")),
        Do::Stop => cx.stop(),
    }
    Ok(())
}

fn player() -> Play<Do> {
    Play::new(act)
}

#[track_caller]
fn answers(addr: &Addr<Do>) {
    assert!(has_answered(addr));
}

/// Whether it has, and has not left.
fn has_answered(addr: &Addr<Do>) -> bool {
    let (say, said) = mpsc::channel();
    addr.send(Do::Say(say)).is_ok() && said.recv_timeout(HANG).is_ok()
}

fn restarts(system: &System, name: &str) -> u64 {
    standing(&system.handle(), name).restarts
}

#[test]
fn f1_a_backoff_is_no_hiding_place_from_a_restart_of_all() {
    let attempt = |slower| {
        let mut system = System::new("nested");
        system.set_stall_limit(ms(300) * slower).set_grace(ms(100) * slower);
        let all =
            system.group("all").strategy(Strategy::OneForAll).intensity(100, HANG).build().unwrap();
        let inner = system.group("inner").within(&all).intensity(100, HANG).build().unwrap();
        let slow = system
            .actor("slow")
            .within(&inner)
            .restart(slowly(ms(2_000) * slower))
            .spawn_with(player)
            .unwrap();
        let other = system.actor("other").within(&all).restart(OFTEN).spawn_with(player).unwrap();
        slow.send(Do::Fail).unwrap();
        until(|| standing(&system.handle(), "slow").failed == 1);
        std::thread::sleep(NEVER); // it is in its backoff
        other.send(Do::Fail).unwrap();
        let are_back = has_answered(&slow) && has_answered(&other);
        std::thread::sleep(ms(700) * slower); // more than both limits
        let are_there = are_back && has_answered(&slow);
        let report = system.shutdown();
        late_unless(are_there && !report.is_failure(), &report)
    };
    guarded_for(2 * HANG, move || in_time(attempt));
}

#[test]
fn f1_those_who_begin_anew_together_do_not_wait_for_one_who_has_left() {
    guarded(|| {
        let (trap, keeper) = trap();
        let trap = Arc::new(std::sync::Mutex::new(Some(trap)));
        let mut system = System::new("left");
        let all =
            system.group("all").strategy(Strategy::OneForAll).intensity(100, HANG).build().unwrap();
        let first = system
            .actor("first")
            .within(&all)
            .restart(OFTEN)
            .spawn_with(move || {
                let trap = Arc::clone(&trap);
                player().stopped(move |_| {
                    if let Some(trap) = trap.lock().unwrap().take() {
                        trap.walk_in();
                    }
                    Ok(())
                })
            })
            .unwrap();
        let second = system.actor("second").within(&all).restart(OFTEN).spawn_with(player).unwrap();
        second.send(Do::Fail).unwrap();
        keeper.catches();
        first.stop();
        until(|| first.is_closed());
        keeper.opens();
        answers(&second);
        let report = system.shutdown();
        assert!(!report.is_failure(), "{report}");
    });
}

#[test]
fn f2_children_that_wait_to_begin_anew_leave_with_their_parent_at_once() {
    guarded(|| {
        let mut system = System::new("parents");
        system.set_stall_limit(2 * HANG); // nobody is let go by that
        let (tell, told) = mpsc::channel();
        let parent = system.spawn(
            "parent",
            player().started(move |cx| {
                let all = cx.group("all").strategy(Strategy::OneForAll).build().unwrap();
                for name in ["first", "second"] {
                    let child = cx.actor(name).within(&all).restart(slowly(HANG));
                    tell.send(child.spawn_with(player)?).unwrap();
                }
                Ok(())
            }),
        );
        let (first, second) = (next(&told), next(&told));
        second.send(Do::Fail).unwrap();
        // Both have ended, and `first` waits for its backoff, `second` for `first`.
        std::thread::sleep(NEVER);
        first.send(Do::Say(mpsc::channel().0)).unwrap();
        second.send(Do::Say(mpsc::channel().0)).unwrap();
        let began = Instant::now();
        parent.stop();
        assert!(parent.wait_timeout(HANG).is_ok());
        assert!(began.elapsed() < HANG / 2, "{:?}", began.elapsed());
        let report = system.shutdown();
        assert!(report.is_complete(), "{report}");
        for child in ["first", "second"] {
            assert_eq!(line(&report, child).returned, 0, "{report}");
        }
    });
}

#[test]
fn o3_a_pool_that_is_stopped_leaves() {
    guarded(|| {
        let mut system = System::new("pool");
        let pool = system.pool("pool", 3).spawn_with(player).unwrap();
        pool.stop();
        let gone = pool.wait_timeout(HANG).expect("it leaves");
        assert_eq!(gone.name, "pool");
        drop(system.shutdown());
    });
}

#[test]
fn o3_a_pool_leaves_as_one_if_one_of_its_threads_says_so() {
    guarded(|| {
        let mut system = System::new("pool");
        let pool = system.pool("pool", 3).spawn_with(player).unwrap();
        pool.send(Do::Stop).unwrap();
        assert!(pool.wait_timeout(HANG).is_ok());
        drop(system.shutdown());
    });
}

#[test]
fn f1_who_wishes_twice_to_begin_anew_begins_anew_once() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("twice");
        let trap = Arc::new(std::sync::Mutex::new(Some(trap)));
        let addr = system
            .actor("eager")
            .restart(Restart::always())
            .spawn_with(move || {
                let trap = Arc::clone(&trap);
                Play::new(move |_: Do, cx| {
                    cx.stop();
                    cx.stop();
                    if let Some(trap) = trap.lock().unwrap().take() {
                        trap.walk_in();
                    }
                    Ok(())
                })
            })
            .unwrap();
        addr.send(Do::Stop).unwrap();
        keeper.catches();
        std::thread::sleep(NEVER);
        keeper.opens();
        until(|| restarts(&system, "eager") == 1);
        std::thread::sleep(NEVER);
        let report = system.shutdown();
        assert!(!report.is_failure(), "{report}");
    });
}

#[test]
fn f2_who_has_asked_to_leave_still_begins_anew_for_its_queue() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("asked");
        let trap = Arc::new(std::sync::Mutex::new(Some(trap)));
        let addr = system
            .actor("leaver")
            .restart(OFTEN)
            .spawn_with(move || {
                let trap = Arc::clone(&trap);
                player().started(move |_| {
                    if let Some(trap) = trap.lock().unwrap().take() {
                        trap.walk_in();
                    }
                    Ok(())
                })
            })
            .unwrap();
        addr.send(Do::Stop).unwrap();
        addr.send(Do::Fail).unwrap();
        (0..3).for_each(|_| addr.send(Do::Say(mpsc::channel().0)).unwrap());
        keeper.opens();
        assert!(addr.wait_timeout(HANG).is_ok());
        let report = system.shutdown();
        assert_eq!(figures(line(&report, "leaver")), [4, 1, 0], "{report}");
    });
}

#[test]
fn f3_a_child_that_has_asked_to_leave_and_then_fails_has_failed() {
    guarded(|| {
        let mut system = System::new("asked");
        let (tell, told) = mpsc::channel();
        let (trap, keeper) = trap();
        let mut trap = Some(trap);
        let _parent = system.spawn(
            "parent",
            player().started(move |cx| {
                let trap = trap.take().unwrap();
                let child = player().started(move |_| {
                    trap.walk_in();
                    Ok(())
                });
                tell.send(cx.spawn("child", child)).unwrap();
                Ok(())
            }),
        );
        let child: Addr<Do> = next(&told);
        child.send(Do::Stop).unwrap();
        child.send(Do::Fail).unwrap();
        keeper.opens();
        drop(child);
        let report = system.wait();
        assert!(report.is_failure(), "{report}");
    });
}

#[test]
fn f3_a_failure_that_goes_up_is_not_forgotten_because_the_parents_turn_comes_first() {
    guarded(|| {
        let mut system = System::new("up");
        let (tell, told) = mpsc::channel();
        let (trap, keeper) = trap();
        let parent = system.spawn(
            "parent",
            Play::new(move |_: Do, _| {
                trap.walk_in();
                Ok(())
            })
            .started(move |cx| {
                tell.send(cx.spawn("child", player())).unwrap();
                Ok(())
            }),
        );
        let child: Addr<Do> = next(&told);
        parent.send(Do::Stop).unwrap();
        keeper.catches();
        child.send(Do::Fail).unwrap();
        assert!(child.wait_timeout(HANG).is_ok());
        let handle = system.handle();
        handle.shutdown();
        until(|| parent.is_closed());
        keeper.opens();
        let report = system.wait();
        assert!(report.is_failure(), "{report}");
    });
}

#[test]
fn d3_who_was_given_up_has_no_more_children() {
    guarded(|| {
        let (spawn, forever) = (Event::new(), Event::new());
        let mut system = System::new("late");
        system.set_stall_limit(ms(50)).set_grace(ms(20));
        let (tell, told) = mpsc::channel();
        let (held, holds) = mpsc::channel::<()>();
        let holds = std::sync::Mutex::new(holds);
        let _sink = system
            .actor("sink")
            .stall_limit(HANG)
            .spawn(Play::<Do>::idle().stopped(move |_| {
                let _ = holds.lock().unwrap().recv();
                Ok(())
            }))
            .unwrap();
        let parent = system.spawn("parent", {
            let (spawn, forever) = (spawn.clone(), forever.clone());
            Play::new(move |_: Do, cx| {
                spawn.wait();
                let child = cx.spawn("child", player());
                tell.send(child).unwrap();
                forever.wait();
                Ok(())
            })
        });
        parent.send(Do::Stop).unwrap();
        until(|| parent.queued() == 0); // it has it in its hands
        let handle = system.handle();
        handle.shutdown();
        assert_eq!(parent.wait_timeout(HANG).unwrap().ended, Ended::Abandoned);
        spawn.set();
        let child: Addr<Do> = next(&told);
        drop(held);
        let report = system.wait();
        assert_eq!(line(&report, "parent").ended, Ended::Abandoned);
        assert!(child.is_closed());
        forever.set();
    });
}

#[test]
fn o1_a_drain_begins_while_the_children_of_one_who_was_given_up_leave() {
    guarded(|| {
        let forever = Event::new();
        let mut system = System::new("orphans");
        system.set_stall_limit(ms(50)).set_grace(ms(20));
        let (tell, told) = mpsc::channel();
        let (trap, keeper) = trap();
        let mut trap = Some(trap);
        let sink = system.actor("sink").stall_limit(HANG).spawn(Play::<u32>::idle()).unwrap();
        let to = sink.clone();
        let parent = system.spawn("parent", {
            let forever = forever.clone();
            Play::new(move |_: Do, _| {
                forever.wait();
                Ok(())
            })
            .started(move |cx| {
                let (trap, to) = (trap.take().unwrap(), to.clone());
                let child = Play::new(move |_: Do, _| {
                    trap.walk_in();
                    Ok(to.send(1)?)
                });
                tell.send(cx.actor("child").stall_limit(HANG).spawn(child)?).unwrap();
                Ok(())
            })
        });
        let child: Addr<Do> = next(&told);
        child.send(Do::Stop).unwrap();
        parent.send(Do::Stop).unwrap();
        keeper.catches();
        until(|| parent.queued() == 0); // it has it in its hands
        parent.stop();
        assert!(parent.wait_timeout(HANG).is_ok());
        system.handle().shutdown();
        std::thread::sleep(NEVER);
        assert!(!sink.is_closed());
        keeper.opens();
        let report = system.wait();
        assert_eq!(line(&report, "sink").handled, 1, "{report}");
        forever.set();
    });
}

#[test]
fn f1_a_restart_does_not_wait_for_a_child_that_waits_for_room_in_the_mailbox() {
    for send in [(|up, n| up.send(n)) as Sends, |up, n| block_on(up.send_async(n))] {
        guarded(move || restart_with_a_child_that_sends(send));
    }
}

type Sends = fn(Addr<u32>, u32) -> Result<(), SendError<u32>>;

fn restart_with_a_child_that_sends(send: Sends) {
    let mut system = System::new("full");
    system.set_stall_limit(2 * HANG); // nobody is let go by that
    let (tell, told) = mpsc::channel();
    let parent = system
        .actor("parent")
        .capacity(1)
        .restart(OFTEN)
        .spawn_with(move || {
            let tell = tell.clone();
            Play::new(move |n: u32, _| match n {
                3 => Err(exeunt::Error::msg("planned")),
                _ => Ok(()),
            })
            .started(move |cx| {
                let up = cx.addr().downgrade();
                let child = Play::new(move |n: u32, _| Ok(send(up.upgrade().unwrap(), n)?));
                tell.send(cx.actor("child").spawn(child)?).unwrap();
                Ok(())
            })
        })
        .unwrap();
    let child: Addr<u32> = next(&told);
    // It is told to leave, and closes, when its parent has had the third of it.
    let accepted = (1..=20).take_while(|&n| child.send(n).is_ok()).count();
    assert!(accepted >= 3, "{accepted}");
    let _again = next(&told);
    drop((parent, child));
    drop(system.shutdown());
}

#[test]
fn f4_a_shutdown_is_heard_among_many_who_begin_anew() {
    guarded(|| {
        let mut system = System::new("busy");
        for n in 0..6 {
            system
                .task(&format!("task {n}"))
                .restart(Restart::always().intensity(u32::MAX, ms(1)))
                .spawn_with(|_| Ok(()))
                .unwrap();
        }
        std::thread::sleep(ms(100));
        let began = Instant::now();
        let report = system.shutdown();
        assert!(began.elapsed() < HANG / 2, "{:?}\n{report}", began.elapsed());
    });
}

#[test]
fn m1_the_hook_that_the_threads_of_a_keyed_pool_share_may_send_to_them() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (count, counted) = mpsc::channel();
        let router = Arc::new(OnceLock::<Router<u32>>::new());
        let back = Arc::clone(&router);
        let mut system = System::new("keyed");
        let pool = system
            .pool("pool", 2)
            .capacity(1)
            .overflow(Overflow::DropOldest)
            .returned(move |_| {
                for key in 0..8 {
                    count.send(back.get().unwrap().send(key)).unwrap();
                }
            })
            .spawn_keyed(u32::clone, move || {
                let trap = trap.clone();
                Play::new(move |_, _| {
                    trap.walk_in();
                    Ok(())
                })
            })
            .unwrap();
        assert!(router.set(pool.clone()).is_ok());
        // Four fill the handlers and the mailboxes at the most.
        (0..4).flat_map(|_| 0..8).for_each(|key| pool.send(key).unwrap());
        assert!(counted.try_iter().any(|sent| matches!(sent, Err(SendError::Full(..)))));
        keeper.opens();
        drop(system.shutdown());
    });
}
