//! Actors of one name: by their ids they are told apart in the notices, in a snapshot and in the report (R1). What a
//! notice says of several is tested where such a notice is: a circle in `rings`, a deadlock in `watchdog`, whom a drain
//! waits for in `deadlines`.
//!
//! In each test there is another of the same name, to whom nothing of the kind happens.

use std::collections::BTreeSet;
use std::panic;
use std::sync::mpsc::{self, Receiver};

use exeunt::{
    ActorReport, ActorSnapshot, Addr, Ended, Error, Notice, Restart, State, Strategy, System,
    SystemHandle,
};
use serde_json::Value;

use crate::support::{HANG, Planned, Play, guarded, ms, next, silence_planned_panics, trap, until};

/// Of whom a notice tells, by id, and of what.
type Told = (usize, &'static str);

fn of_whom(notice: &Notice) -> Vec<Told> {
    match notice {
        Notice::Started { id, .. } => vec![(*id, "started")],
        Notice::Draining { id, .. } => vec![(*id, "turn")],
        Notice::Overdue { id, .. } => vec![(*id, "overdue")],
        Notice::Ended { id, .. } => vec![(*id, "ended")],
        Notice::Failed { id, .. } => vec![(*id, "failed")],
        Notice::Absorbed { id, .. } => vec![(*id, "absorbed")],
        Notice::Restarting { id, with, .. } => {
            [(*id, "anew")].into_iter().chain(with.iter().map(|other| (other.id, "with"))).collect()
        }
        Notice::TooManyRestarts { id, .. } => vec![(*id, "too often")],
        Notice::FailedToStop { id, .. } => vec![(*id, "bad goodbye")],
        Notice::Abandoned { id, .. } => vec![(*id, "abandoned")],
        Notice::DeadLetterLost { id, .. } => vec![(*id, "lost")],
        Notice::Returned { id, .. } => vec![(*id, "returned")],
        Notice::Refused { from, to } => vec![(from.id, "sent"), (to.id, "refused")],
        _ => Vec::new(),
    }
}

fn observed() -> (System, Receiver<Told>) {
    let (tell, told) = mpsc::channel();
    let mut system = System::new("namesakes");
    system.observe(move |notice| {
        let _ = of_whom(notice).into_iter().try_for_each(|it| tell.send(it));
    });
    (system, told)
}

/// All that is told of one. Its turn may come before it has started, so nothing is said of the order.
fn of(id: usize, told: &[Told]) -> BTreeSet<&'static str> {
    told.iter().filter(|(whose, _)| *whose == id).map(|(_, what)| *what).collect()
}

/// What is told of one to whom nothing happens.
fn nothing_special() -> BTreeSet<&'static str> {
    BTreeSet::from(["started", "turn", "ended"])
}

fn id<M: Send + 'static>(addr: &Addr<M>) -> usize {
    addr.id().unwrap()
}

fn seen(system: &SystemHandle, id: usize) -> ActorSnapshot {
    system.snapshot().into_iter().find(|actor| actor.id == id).unwrap()
}

#[test]
fn r1_those_of_two_parents_of_one_name_are_told_apart() {
    guarded(|| {
        let (mut system, told) = observed();
        // Each room has been entered by a guest before the next one is there.
        let rooms = [(); 2].map(|()| {
            let (tell, entered) = mpsc::channel();
            let room = Play::<()>::idle().started(move |cx| {
                let guest = cx.spawn("guest", Play::<()>::idle());
                Ok(tell.send(guest)?)
            });
            let room = system.spawn("room", room);
            (room, next(&entered))
        });
        let families = rooms.each_ref().map(|(room, guest)| (id(guest), Some(id(room))));
        let all: Vec<usize> =
            rooms.iter().flat_map(|(room, guest)| [id(room), id(guest)]).collect();

        let seen = system.snapshot();
        let guests = seen.iter().filter(|actor| actor.name == "guest");
        assert_eq!(
            guests.map(|a: &ActorSnapshot| (a.id, a.parent_id)).collect::<Vec<_>>(),
            families
        );
        let rooms_seen = seen.iter().filter(|actor| actor.name == "room");
        assert!(rooms_seen.clone().all(|room| (&room.parent, room.parent_id) == (&None, None)));
        assert_eq!(rooms_seen.count(), 2);

        let report = system.shutdown();
        let lines = |name| report.actors.iter().filter(move |line| line.name == name);
        let mut guests: Vec<_> =
            lines("guest").map(|line: &ActorReport| (line.id.unwrap(), line.parent_id)).collect();
        guests.sort_unstable();
        assert_eq!(guests, families);
        assert!(lines("room").all(|room| room.parent_id.is_none()));

        let json = serde_json::to_value(&report).unwrap();
        for line in json["actors"].as_array().unwrap() {
            let family = families.iter().find(|(guest, _)| line["id"] == *guest);
            let parent = family.map_or(Value::Null, |(_, room)| (*room).into());
            assert_eq!(line["parent_id"], parent, "{line}");
        }

        let told: Vec<Told> = told.iter().collect();
        for id in all {
            assert_eq!(told.iter().filter(|(whose, _)| *whose == id).count(), 3, "{told:?}");
            assert_eq!(of(id, &told), nothing_special(), "{told:?}");
        }
    });
}

#[test]
fn r1_those_who_come_one_after_the_other_are_told_apart() {
    guarded(|| {
        let (mut system, told) = observed();
        let visits = [(); 3].map(|()| {
            let visit = system.spawn_task("visit", |_| Ok(()));
            assert_eq!(visit.wait().unwrap().id, visit.id());
            visit.id().unwrap()
        });
        assert!(visits.is_sorted_by(|a, b| a < b), "{visits:?}");
        let seen: Vec<usize> = system.snapshot().iter().map(|actor| actor.id).collect();
        assert_eq!(seen, visits);

        let report = system.wait();
        assert_eq!(report.actors.iter().map(|line| line.id.unwrap()).collect::<Vec<_>>(), visits);
        let expected = visits.map(|id| [(id, "started"), (id, "ended")]).concat();
        assert_eq!(told.iter().collect::<Vec<_>>(), expected);
    });
}

#[test]
fn r1_a_child_of_a_pools_thread_names_that_thread_and_the_pool_is_a_child_of_its_parent() {
    guarded(|| {
        let ((tell, spawned), (give, pools)) = (mpsc::channel(), mpsc::channel());
        let mut system = System::new("namesakes");
        let parent = Play::<()>::idle().started(move |cx| {
            let tell = tell.clone();
            let pool = cx.pool("crew", 2).spawn_with(move || {
                let tell = tell.clone();
                Play::<()>::idle().started(move |cx| {
                    let child = cx.spawn("child", Play::<()>::idle());
                    Ok(tell.send((cx.id(), child))?)
                })
            })?;
            Ok(give.send(pool)?)
        });
        let parent = system.spawn("parent", parent);
        let (_pool, children) = (next(&pools), [(); 2].map(|()| next(&spawned)));
        let report = system.shutdown();
        for (thread, child) in &children {
            let line = report.actors.iter().find(|line| line.id == child.id()).unwrap();
            assert_eq!(line.parent_id, Some(*thread));
        }
        assert_eq!(report.actor("crew").unwrap().parent_id, parent.id());
    });
}

#[test]
fn r1_what_the_mailbox_of_a_pool_returned_is_told_of_the_pool_and_a_failure_of_the_thread() {
    guarded(|| {
        let (mut system, told) = observed();
        let (addr, inbox) = exeunt::mailbox(4);
        (0..5).for_each(|_| drop(addr.try_send(())));
        let fails = || Play::new(|(), _| Err(Error::msg("planned")));
        system.pool("crew", 2).inbox(inbox).spawn_with(fails).unwrap();
        let report = system.wait();
        let crew = report.actor("crew").unwrap();
        assert_eq!((crew.id, crew.failed, crew.returned), (addr.id(), 2, 2));
        let told: Vec<Told> = told.iter().collect();
        assert_eq!(of(id(&addr), &told), BTreeSet::from(["returned"]), "{told:?}");
        for thread in &crew.threads {
            let of_thread = of(thread.id.unwrap(), &told);
            assert!(of_thread.contains(&"failed") && !of_thread.contains(&"returned"), "{told:?}");
        }
    });
}

#[test]
fn f1_which_of_two_of_one_name_begins_anew_with_whom_is_told() {
    guarded(|| {
        let (mut system, told) = observed();
        let group = system.group("g").strategy(Strategy::OneForAll).intensity(1, HANG);
        let group = group.build().unwrap();
        let handle = system.handle();
        let twins = [false, true].map(|fails_to_stop| {
            let twin = system.actor("twin").within(&group).restart(Restart::on_failure());
            let play = move || {
                let fails = Play::new(|(), _| Err(Error::msg("planned")));
                fails.stopped(move |_| match fails_to_stop {
                    true => Err(Error::msg("planned")),
                    false => Ok(()),
                })
            };
            twin.spawn_with(play).unwrap()
        });
        let [first, second] = twins.each_ref().map(id);
        twins[0].send(()).unwrap();
        until(|| [first, second].iter().all(|&twin| seen(&handle, twin).restarts == 1));
        twins[0].send(()).unwrap();
        assert!(system.wait().is_failure());
        let told: Vec<Told> = told.iter().collect();
        let (of_first, of_second) = (of(first, &told), of(second, &told));
        let (one, other) = (["anew", "too often"], ["with", "bad goodbye"]);
        assert!(one.iter().all(|it| of_first.contains(it) && !of_second.contains(it)), "{told:?}");
        assert!(
            other.iter().all(|it| of_second.contains(it) && !of_first.contains(it)),
            "{told:?}"
        );
        assert!(of_first.contains("failed"), "{told:?}");
    });
}

#[test]
fn f1_which_of_two_of_one_name_has_left_for_its_failure_and_with_what_is_told() {
    guarded(|| {
        silence_planned_panics();
        let (mut system, told) = observed();
        let twins = [0, 3].map(|messages| {
            let (addr, inbox) = exeunt::mailbox(4);
            (0..messages).for_each(|_| addr.send(()).unwrap());
            let twin = system.actor("twin").restart(Restart::temporary()).inbox(inbox);
            let twin = twin.returned(|()| panic::panic_any(Planned));
            twin.spawn(Play::new(|(), _| Err(Error::msg("planned")))).unwrap();
            addr
        });
        let [first, second] = twins.each_ref().map(id);
        assert_eq!(twins[1].wait().unwrap().returned, 2);
        assert!(!system.shutdown().is_failure());
        let told: Vec<Told> = told.iter().collect();
        assert_eq!(of(first, &told), nothing_special(), "{told:?}");
        let of_second = BTreeSet::from(["started", "absorbed", "returned", "lost", "ended"]);
        assert_eq!(of(second, &told), of_second, "{told:?}");
    });
}

#[test]
fn d3_which_of_two_of_one_name_is_given_up_is_told() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (mut system, told) = observed();
        system.set_grace(ms(50));
        let twins = [HANG, ms(50)].map(|limit| {
            let trap = trap.clone();
            let twin = system.actor("twin").feeds_nothing().stall_limit(limit);
            let stuck = Play::new(move |(), _| {
                trap.walk_in();
                Ok(())
            });
            twin.spawn(stuck).unwrap()
        });
        twins[1].send(()).unwrap();
        keeper.catches();
        let [first, second] = twins.each_ref().map(id);
        let report = system.shutdown();
        let line = |id| report.actors.iter().find(|line| line.id == Some(id)).unwrap();
        assert_eq!([first, second].map(|id| line(id).ended), [Ended::Drained, Ended::Abandoned]);
        let told: Vec<Told> = told.iter().collect();
        assert_eq!(of(first, &told), nothing_special(), "{told:?}");
        let of_second = BTreeSet::from(["started", "turn", "overdue", "abandoned", "ended"]);
        assert_eq!(of(second, &told), of_second, "{told:?}");
    });
}

#[test]
fn o4_which_of_two_of_one_name_has_sent_to_which_in_the_wrong_order_is_told() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (mut system, told) = observed();
        let pairs = [false, true].map(|sends| {
            let sink = system.spawn("sink", Play::<u32>::idle());
            let (to, trap) = (sink.clone(), trap.clone());
            let sender = Play::<u32>::idle().stopped(move |_| {
                if sends {
                    trap.walk_in();
                    assert!(to.send(0).is_err());
                }
                Ok(())
            });
            (sink, system.actor("sender").feeds_nothing().spawn(sender).unwrap())
        });
        let (sink, sender) = (id(&pairs[1].0), id(&pairs[1].1));
        let handle = system.handle();
        handle.shutdown();
        keeper.catches();
        until(|| seen(&handle, sink).state == State::Ended);
        keeper.opens();
        assert!(!system.wait().is_failure());
        let is_wrong = |it: &Told| ["sent", "refused"].contains(&it.1);
        let wrong: Vec<Told> = told.iter().filter(is_wrong).collect();
        assert_eq!(wrong, [(sender, "sent"), (sink, "refused")]);
    });
}
