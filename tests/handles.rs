//! Handles of actors and tasks: their ends are waited for, and asked for, by who has no address.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use exeunt::{ActorHandle, ActorReport, Ended, Error, Restart, System, TaskContext, WaitError};

use crate::support::{HANG, Play, guarded, leaving, line, ms, next, so_far, trap, until};

/// A task that does nothing until it is told to leave.
fn idle(cx: &TaskContext) -> exeunt::Result {
    cx.stopping().wait();
    Ok(())
}

#[test]
fn m5_the_end_of_a_task_is_waited_for_and_its_report_had() {
    guarded(|| {
        let mut system = System::new("wait");
        let task = system.task("task").spawn(idle).unwrap();
        assert_eq!(task.wait_timeout(ms(1)), Err(WaitError::Timeout));
        assert!(!task.has_ended());
        let waiting = thread::spawn({
            let task = task.clone();
            move || task.wait()
        });
        let report = system.shutdown();
        // The same, whoever has it, and however late.
        let told = waiting.join().unwrap().unwrap();
        assert_eq!((&told, told.ended), (line(&report, "task"), Ended::Drained));
        assert_eq!((task.wait(), task.wait_timeout(Duration::ZERO)), (Ok(told.clone()), Ok(told)));
        assert!(task.has_ended() && task.id() == line(&report, "task").id);
    });
}

#[test]
fn o5_a_handle_keeps_nobody_alive_and_dropping_it_ends_nobody() {
    guarded(|| {
        let mut system = System::new("alive");
        let actor = system.spawn("actor", Play::<u32>::idle()).handle();
        assert_eq!(actor.wait().unwrap().ended, Ended::Completed);
        let (go_on, gone_on) = mpsc::channel::<()>();
        drop(system.spawn_task("task", move |_| Ok(gone_on.recv()?)));
        go_on.send(()).unwrap();
        let report = system.wait();
        assert_eq!(line(&report, "task").error, None, "{report}");
    });
}

#[test]
fn f1_what_a_task_has_failed_of_is_in_the_report_that_its_handle_gives() {
    guarded(|| {
        let mut system = System::new("failed");
        let builder = system.task("task").restart(Restart::on_failure().intensity(2, HANG));
        let failing = builder.spawn_with(|_| Err(Error::msg("planned"))).unwrap();
        // Not of an incarnation: it is told when the last is over.
        let report = failing.wait().unwrap();
        assert_eq!((report.ended, report.restarts), (Ended::Failed, 2));
        assert_eq!(report.error.as_deref(), Some("planned"));
        assert!(system.wait().is_failure());
    });
}

#[test]
fn o3_a_task_that_is_stopped_leaves_while_the_rest_works() {
    guarded(|| {
        let mut system = System::new("stop");
        let [one, other] = ["one", "other"].map(|name| system.spawn_task(name, idle));
        (0..3).for_each(|_| one.stop());
        assert_eq!(one.wait_timeout(HANG).unwrap().ended, Ended::Completed);
        assert!(!other.has_ended() && !system.handle().is_draining());
        let report = system.shutdown();
        one.stop(); // nothing happens
        assert_eq!(leaving(&report), ["one", "other"]);
    });
}

#[test]
fn f4_to_wait_for_ones_own_end_is_an_error_for_a_task_too() {
    guarded(|| {
        let (give, given) = mpsc::channel::<ActorHandle>();
        let (tell, told) = mpsc::channel();
        let mut system = System::new("f4");
        let task = system.spawn_task("task", move |_| {
            let myself = next(&given);
            Ok(tell.send([myself.wait(), myself.wait_timeout(HANG)])?)
        });
        give.send(task).unwrap();
        assert_eq!(next(&told), [Err(WaitError::Inside), Err(WaitError::Inside)]);
        assert!(!system.wait().is_failure());
    });
}

#[test]
fn f4_to_wait_for_the_end_of_those_above_is_an_error() {
    guarded(|| {
        let (give, given) = mpsc::channel::<ActorHandle>();
        let (tell, told) = mpsc::channel();
        let mut system = System::new("f4");
        let top = system.spawn_task("top", move |cx| {
            let top = next(&given);
            cx.spawn_task("child", move |cx| {
                let grandchild = Play::<()>::idle().started(move |cx| {
                    let ends = [top.wait(), top.wait_timeout(HANG)].map(|end| end.map(drop));
                    tell.send((ends, cx.watch(&top, |_| ())))?;
                    Ok(())
                });
                cx.spawn("grandchild", grandchild);
                Ok(())
            });
            Ok(())
        });
        give.send(top).unwrap();
        let inside = Err(WaitError::Inside);
        assert_eq!(next(&told), ([inside, inside], inside));
        assert!(!system.wait().is_failure());
    });
}

#[test]
fn d2_a_wait_for_a_task_ends_when_the_waiter_must_stop() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("d2");
        system.set_grace(HANG);
        let held = system.task("held").stall_limit(HANG).spawn(move |_| {
            trap.walk_in();
            Ok(())
        });
        let held = held.unwrap();
        keeper.catches();
        let (tell, told) = mpsc::channel();
        let waiter = system.task("waiter").drain_deadline(ms(20)).spawn(move |_| {
            let ended = held.wait();
            tell.send(ended.clone())?;
            ended?;
            Ok(())
        });
        let handle = system.handle();
        until(|| handle.snapshot()[1].waits_for.as_ref().is_some_and(|waits| waits.name == "held"));
        handle.shutdown();
        assert_eq!(next(&told), Err(WaitError::Interrupted));
        assert_eq!(waiter.unwrap().wait().unwrap().ended, Ended::Overdue);
        keeper.opens();
        assert_eq!(line(&system.wait(), "held").ended, Ended::Drained);
    });
}

#[test]
fn there_is_no_end_of_who_was_not_spawned() {
    guarded(|| {
        let mut system = System::new("late");
        let (tell, told) = mpsc::channel();
        system.spawn_task("parent", move |cx| {
            cx.stopping().wait();
            Ok(tell.send(cx.system())?)
        });
        system.handle().shutdown();
        next(&told);
        let late = system.task("late").spawn(idle).unwrap();
        let refused = system.spawn_task("a\0b", idle);
        for nobody in [late, refused] {
            assert_eq!(nobody.wait(), Err(WaitError::NotSpawned));
            assert!(nobody.has_ended() && nobody.id().is_none());
            nobody.stop();
        }
        // Of an address somebody may still be spawned.
        let (addr, inbox) = exeunt::mailbox::<u32>(1);
        let handle = addr.handle();
        assert_eq!((handle.wait(), handle.has_ended()), (Err(WaitError::NotSpawned), false));
        drop(inbox);
        assert!(handle.has_ended());
    });
}

#[test]
fn a_handle_is_that_of_its_actor_however_it_was_had() {
    guarded(|| {
        let mut system = System::new("equal");
        let addr = system.spawn("a", Play::<u32>::idle());
        let task = system.spawn_task("a", idle);
        assert_eq!(addr.handle(), addr.clone().handle());
        assert_ne!(addr.handle(), task);
        assert_eq!((addr.handle().name(), addr.handle().id()), ("a", addr.id()));
        assert_eq!(format!("{task:?}"), r#"ActorHandle("a")"#);
        assert_eq!(std::collections::HashSet::from([task.clone(), task, addr.handle()]).len(), 2);
    });
}

#[test]
fn an_actor_is_told_of_the_end_of_a_task_that_it_watches() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("watch");
        let task = system.spawn_task("task", idle);
        let watched = task.clone();
        let watcher = Play::new(move |report: ActorReport, _| Ok(tell.send(report.name)?));
        let watcher = watcher.started(move |cx| Ok(cx.watch(&watched, |report| report)?));
        system.spawn("watcher", watcher);
        assert_eq!(so_far(&told), [""; 0]);
        task.stop();
        assert_eq!(next(&told), "task");
        assert!(!system.wait().is_failure());
    });
}

#[test]
fn to_watch_nobody_or_oneself_is_an_error() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("watch");
        let (nobody, _inbox) = exeunt::mailbox::<u32>(1);
        let watcher = Play::<ActorReport>::idle().started(move |cx| {
            tell.send(cx.watch(&nobody, |report| report))?;
            Ok(tell.send(cx.watch(&cx.addr(), |report| report))?)
        });
        system.spawn("watcher", watcher);
        // Nothing keeps it.
        assert!(!system.wait().is_failure());
        assert_eq!(so_far(&told), [Err(WaitError::NotSpawned), Err(WaitError::Inside)]);
    });
}

#[test]
fn r1_an_actor_and_a_task_know_their_place_and_hand_out_how_others_see_them() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("handles");
        let of_task = tell.clone();
        system.spawn_task("first", move |cx| Ok(of_task.send((cx.id(), cx.handle()))?));
        let task = next(&told);
        let of_actor = Play::new(move |(), cx| Ok(tell.send((cx.id(), cx.handle()))?));
        let addr = system.spawn("second", of_actor);
        addr.send(()).unwrap();
        let actor = next(&told);
        assert_eq!((Some(actor.0), &actor.1), (addr.id(), &addr.handle()));
        assert_eq!((Some(task.0), task.1.name()), (task.1.id(), "first"));
        drop(addr);
        // The handle keeps nobody alive.
        let ends = [task.1.wait().unwrap(), actor.1.wait().unwrap()];
        assert!(ends.iter().all(|end| end.is_complete() && !end.is_failure()));
    });
}
