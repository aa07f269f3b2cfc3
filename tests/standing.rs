//! What others see of somebody who waits: that it waits and is not busy, for what, and that neither outlasts the wait.

use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc;

use exeunt::{Ended, Error, Event, Notice, Reply, System, WaitingFor};

use crate::support::{
    HANG, OnDrop, Planned, Play, guarded, line, ms, next, silence_planned_panics, standing, trap,
    until,
};

#[test]
fn who_waits_is_told_from_who_is_busy_whatever_it_waits_for() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (door, opened) = mpsc::channel::<()>();
        let mut system = System::new("waits");
        system.spawn_task("outside", move |cx| {
            let _ = cx.waiting_for("the door", || opened.recv());
            trap.walk_in();
            Ok(())
        });
        system.spawn_task("sleeper", |cx| Ok(cx.sleep(HANG)?));
        let reader = system.spawn("reader", Play::<u32>::idle());
        let sleeper = Play::new(|_: u32, cx| Ok(cx.sleep(HANG)?));
        let holds_up = system.actor("holds up").stall_limit(ms(1)).spawn(sleeper).unwrap();
        holds_up.send(1).unwrap();

        let handle = system.handle();
        let waits = |name| standing(&handle, name).is_waiting;
        until(|| ["outside", "sleeper", "reader"].into_iter().all(waits));
        // Until it has the message in its hands, it waits for one.
        until(|| standing(&handle, "holds up").doing == "sleeping");
        assert!(waits("holds up"));
        let outside = standing(&handle, "outside");
        assert_eq!((outside.doing.as_str(), outside.waits_for), ("waiting for the door", None));
        // Only who has nothing in its hands is idle.
        let is_idle = |name| standing(&handle, name).is_idle;
        assert_eq!(["outside", "reader", "holds up"].map(is_idle), [false, true, false]);

        drop(door);
        assert_eq!(keeper.catches(), "outside");
        let outside = standing(&handle, "outside");
        assert_eq!((outside.doing.as_str(), outside.is_waiting), ("in its loop", false));
        drop(keeper);
        until(|| standing(&handle, "outside").ended == Some(Ended::Completed));
        assert!(!waits("outside"));
        drop((system.shutdown(), reader));
    });
}

#[test]
fn who_waits_for_another_or_for_its_children_waits() {
    guarded(|| {
        let gate = Event::new();
        let mut system = System::new("waits");
        let shut = Play::new({
            let gate = gate.clone();
            move |_: u32, cx| {
                cx.waiting_for("the gate", || gate.wait());
                Ok(())
            }
        });
        let shut = system.actor("shut").capacity(1).spawn(shut).unwrap();
        system.spawn_task("sender", {
            let shut = shut.clone();
            move |_| Ok((0..3).try_for_each(|n| shut.send(n))?)
        });
        let leaves = gate.clone();
        system.spawn_task("parent", move |cx| {
            cx.spawn_task("child", move |_| {
                leaves.wait();
                Ok(())
            });
            Ok(())
        });

        let handle = system.handle();
        until(|| ["shut", "sender", "parent"].into_iter().all(|n| standing(&handle, n).is_waiting));
        let waits_for = standing(&handle, "sender").waits_for.unwrap();
        assert_eq!((waits_for.what, waits_for.name.as_str()), (WaitingFor::Room, "shut"));
        assert_eq!(standing(&handle, "parent").doing, "waiting for its children to leave");
        // A wait that nobody was told of looks like work.
        assert!(!standing(&handle, "child").is_waiting);
        gate.set();
        assert!(system.shutdown().is_complete());
        drop(shut);
    });
}

#[test]
fn d2_who_waits_for_answers_in_its_turn_is_told_of_as_such() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let (trap, keeper) = trap();
        let mut system = System::new("answers");
        system.set_stall_limit(ms(20)).observe(move |notice| {
            if let Notice::Overdue { name, doing, .. } = notice {
                let _ = tell.send((name.clone(), doing.clone()));
            }
        });
        let sphinx = Play::new(move |reply: Reply<u32>, _| {
            trap.walk_in();
            let _ = reply.send(1);
            Ok(())
        });
        let sphinx = system.actor("sphinx").stall_limit(HANG).spawn(sphinx).unwrap();
        let asker = Play::new(move |(), cx| {
            cx.ask_then(
                &sphinx,
                |reply| reply,
                |_, answer, _| answer.map(drop).map_err(Into::into),
            )?;
            Ok(())
        });
        let asker = system.spawn("asker", asker);
        asker.send(()).unwrap();
        keeper.catches();
        until(|| standing(&system.handle(), "asker").doing == "waiting for answers");
        assert!(standing(&system.handle(), "asker").is_idle);
        system.handle().shutdown();
        assert_eq!(next(&told), ("asker".to_owned(), "waiting for answers".to_owned()));
        drop(keeper);
        drop((system.wait(), asker));
    });
}

#[test]
fn a_wait_that_panics_is_over() {
    silence_planned_panics();
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("panics");
        let actor = Play::new(move |(), cx| {
            let wait = || cx.waiting_for("trouble", || panic::panic_any(Planned));
            assert!(panic::catch_unwind(AssertUnwindSafe(wait)).is_err());
            trap.walk_in();
            Ok(())
        });
        let actor = system.spawn("actor", actor);
        actor.send(()).unwrap();
        keeper.catches();
        let seen = standing(&system.handle(), "actor");
        assert_eq!((seen.doing.as_str(), seen.is_waiting), ("in its handler", false));
        drop(keeper);
        assert!(system.shutdown().is_complete());
        drop(actor);
    });
}

#[test]
fn d3_one_that_is_given_up_in_a_wait_is_told_of_with_what_it_waited_for() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("given up");
        system.set_stall_limit(ms(20)).set_grace(ms(20));
        system.spawn_task("t", move |cx| {
            cx.waiting_for("the tape", || trap.walk_in());
            Ok(())
        });
        keeper.catches();
        let report = system.shutdown();
        let t = line(&report, "t");
        assert_eq!(t.ended, Ended::Abandoned);
        assert!(t.error.as_deref().unwrap().contains("waiting for the tape"), "{report}");
    });
}

#[test]
fn d3_who_is_on_its_way_out_is_told_of_with_what_it_does() {
    guarded(|| {
        let [(hands, in_hand), (hook, returning), (child, leaving), (value, dropping)] =
            [trap(), trap(), trap(), trap()];
        let (beside, inbox) = exeunt::mailbox(4);
        let mut inbox = Some(inbox.returned(move |_: u32| hook.walk_in()));
        let mut system = System::new("out");
        let value = OnDrop(move || value.walk_in());
        let fails = Play::new(move |_: u32, _| {
            let _ = &value;
            hands.walk_in();
            Err(Error::msg("planned"))
        });
        let parent = fails.started(move |cx| {
            cx.attach_inbox(inbox.take().unwrap(), |n| n);
            let child = child.clone();
            cx.spawn_task("child", move |cx| {
                cx.stopping().wait();
                child.walk_in();
                Ok(())
            });
            Ok(())
        });
        let parent = system.spawn("parent", parent);
        parent.send(1).unwrap();
        in_hand.catches();
        beside.send(2).unwrap();
        let handle = system.handle();
        let does = |what| until(|| standing(&handle, "parent").doing == what);
        in_hand.opens();
        returning.catches();
        does("in its dead-letter hook");
        leaving.catches();
        returning.opens();
        does("waiting for its children to leave");
        leaving.opens();
        dropping.catches();
        does("dropping its value");
        dropping.opens();
        drop(system.wait());
    });
}
