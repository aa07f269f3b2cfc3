//! Clause R1: the report as data, as a table, as JSON and as a status; and the snapshot, which is
//! the report of what is still going on.

use std::thread;
use std::time::{Duration, Instant};

use exeunt::{
    Capacity, Ended, Error, Exit, INCOMPLETE, Reason, Report, Signal, State, Status, System,
};
use serde_json::{Value, json};

use crate::support::{
    HANG, OnDrop, Play, guarded, in_time, late_unless, leaving, line, ms, patient, standing, trap,
    until,
};

/// How long whoever has met its deadline has to come back, at least. One of them does, and one does not.
const GRACE: Duration = Duration::from_millis(200);

/// A run in which somebody ends in each way there is, with `more` at its beginning.
fn motley(more: impl Fn(&mut System)) -> Report {
    let mut motley = None;
    in_time(|slower| {
        let report = motley_within(GRACE * slower, &more);
        late_unless(line(&report, "overdue").ended == Ended::Overdue, &report)?;
        motley = Some(report);
        Ok(())
    });
    motley.unwrap()
}

fn motley_within(grace: Duration, more: impl Fn(&mut System)) -> Report {
    let (trap, keeper) = trap();
    let mut system = patient("motley");
    system.set_grace(grace);
    let sink = system.spawn("sink", Play::new(|_: u32, _| Ok(())));
    let natural = system.spawn("natural", Play::new(|_: u32, _| Ok(())));
    natural.send(1).unwrap();
    drop(natural);
    until(|| standing(&system.handle(), "natural").state == State::Ended);
    let daemon = system.actor("daemon").daemon().spawn(Play::<u32>::idle());
    let overdue = system.actor("overdue").stall_limit(ms(20)).feeds_nothing();
    let overdue = overdue
        .spawn(Play::new({
            let trap = trap.clone();
            move |n: u32, cx| {
                if n == 0 {
                    trap.walk_in();
                    cx.must_stop().wait();
                }
                Ok(())
            }
        }))
        .unwrap();
    (0..3).for_each(|n| overdue.send(n).unwrap());
    keeper.catches();
    keeper.opens();
    let (trap, keeper) = crate::support::trap();
    let stuck = system.actor("stuck").stall_limit(ms(20)).feeds_nothing();
    let stuck = stuck
        .spawn(Play::new(move |n: u32, _| {
            if n == 1 {
                trap.walk_in();
            }
            Ok(())
        }))
        .unwrap();
    (0..4).for_each(|n| stuck.send(n).unwrap());
    keeper.catches();
    system
        .task("task")
        .spawn(|cx| {
            cx.stopping().wait();
            Ok(())
        })
        .unwrap();
    let culprit = system.actor("culprit").feeds(&sink);
    let culprit = culprit.spawn(Play::<u32>::idle().stopped({
        let sink = sink.clone();
        move |_| {
            sink.send(1)?;
            Err(Error::msg("planned"))
        }
    }));
    sink.send(0).unwrap();
    until(|| standing(&system.handle(), "sink").handled == 1);
    more(&mut system);
    let report = system.shutdown();
    drop((daemon, culprit, sink, stuck, overdue));
    report
}

#[test]
fn r1_f3_whose_failure_begins_the_drain_took_its_whole_life_though_its_end_is_heard_of_late() {
    // Its turn is the first in the drain, or it has none, since it waits for another.
    for is_last in [true, false] {
        guarded(move || {
            let mut system = System::new("cause");
            let handle = system.handle();
            let late = OnDrop(move || until(|| handle.is_draining()));
            let sink = system
                .actor("cause")
                .spawn(Play::<()>::new(|(), _| Err(Error::msg("planned"))).holding(late));
            let sink = sink.unwrap();
            let spawned = Instant::now();
            let other = (!is_last).then(|| system.spawn("other", Play::<()>::idle()));
            thread::sleep(ms(50)); // it lives so long
            let lived = spawned.elapsed();
            sink.send(()).unwrap();
            let report = system.wait();
            assert!(matches!(&report.reason, Reason::Failure { name, .. } if name == "cause"));
            assert!(line(&report, "cause").took >= lived, "{report}");
            drop(other);
        });
    }
}

#[test]
fn r1_f3_who_fails_in_a_turn_of_its_own_took_from_that_on() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("cause");
        let handle = system.handle();
        let late = OnDrop(move || until(|| handle.is_draining()));
        let cause = Play::<()>::idle().stopped(move |_| {
            trap.walk_in();
            Err(Error::msg("planned"))
        });
        let started = Instant::now();
        let cause = system.spawn("cause", cause.holding(late));
        thread::sleep(ms(50)); // that is not its turn
        let called = Instant::now();
        cause.stop();
        keeper.catches();
        thread::sleep(ms(50)); // that is
        keeper.opens();
        let report = system.wait();
        let took = line(&report, "cause").took;
        assert!(took >= ms(50) && took <= called.elapsed(), "{report}");
        assert!(called - started >= ms(50));
    });
}

#[test]
fn r1_why_it_ended_and_each_in_the_order_of_leaving() {
    guarded(|| {
        let report = motley(|_| ());
        assert_eq!(report.system, "motley");
        assert_eq!(report.reason, Reason::Shutdown);
        assert_eq!(report.signal, None);
        assert!(report.took >= ms(20) && report.refused.is_empty());

        let mut names = leaving(&report);
        assert_eq!(names[0], "natural");
        assert_eq!(names[6], "daemon");
        let place = |name| names.iter().position(|&other| other == name);
        assert!(place("culprit") < place("sink"), "{names:?}");
        names.sort_unstable();
        let all = ["culprit", "daemon", "natural", "overdue", "sink", "stuck", "task"];
        assert_eq!(names, all);
        // Ended, handled, while draining, failed, returned.
        for (name, ended, figures) in [
            ("natural", Ended::Completed, [1, 0, 0, 0]),
            ("overdue", Ended::Overdue, [1, 1, 0, 2]),
            ("stuck", Ended::Abandoned, [1, 0, 1, 2]),
            ("task", Ended::Drained, [0, 0, 0, 0]),
            ("culprit", Ended::Failed, [0, 0, 0, 0]),
            ("sink", Ended::Drained, [2, 1, 0, 0]),
            ("daemon", Ended::Daemon, [0, 0, 0, 0]),
        ] {
            let actor = line(&report, name);
            assert_eq!(actor.ended, ended, "{name}");
            let seen = [actor.handled, actor.handled_while_draining, actor.failed, actor.returned];
            assert_eq!(seen, figures, "{name}");
            assert_eq!(actor.restarts, 0);
            assert_eq!(actor.is_task, name == "task");
            assert_eq!(actor.error.is_some(), matches!(name, "culprit" | "stuck" | "overdue"));
            assert!(actor.took <= report.took || name == "natural" || name == "daemon");
        }
        assert!(line(&report, "overdue").took >= ms(20));
        assert!(line(&report, "stuck").took >= GRACE + ms(20));
        assert!(report.actor("nobody").is_none());
        assert!(!report.is_complete() && report.is_failure());
        // A failure comes before incompleteness, since it may be the cause.
        assert_eq!(report.status(), Status::Failure);
    });
}

#[test]
fn r1_the_status_follows_from_the_report() {
    guarded(|| {
        let by_signal = |signal| {
            let mut system = System::new("status");
            let addr = system.spawn("a", Play::<()>::idle());
            system.handle().shutdown_because(Reason::Signal(signal));
            drop(addr);
            system.wait()
        };
        let report = by_signal(Signal(15));
        assert_eq!(report.reason, Reason::Signal(Signal(15)));
        assert_eq!(report.signal, Some(Signal(15)));
        assert_eq!(report.status(), Status::Signal(Signal(15)));
        assert_eq!(Exit::from(report).status(), Status::Signal(Signal(15)));

        let mut system = System::new("status");
        let _addr = system.spawn("a", Play::<()>::idle());
        assert_eq!(system.shutdown().status(), Status::Success);

        // A signal that comes after another reason is noted, and is not the reason.
        let (trap, keeper) = trap();
        let mut system = System::new("status");
        let _addr = system.spawn(
            "a",
            Play::<()>::idle().stopped(move |_| {
                trap.walk_in();
                Ok(())
            }),
        );
        let handle = system.handle();
        handle.shutdown();
        keeper.catches();
        handle.shutdown_because(Reason::Signal(Signal(2)));
        handle.shutdown_because(Reason::Signal(Signal(15)));
        keeper.opens();
        let report = system.wait();
        assert_eq!(report.reason, Reason::Shutdown);
        assert_eq!(report.signal, Some(Signal(2)));
        assert_eq!(report.status(), Status::Signal(Signal(2)));

        // What was returned makes it incomplete, also without a failure, also after a signal.
        let mut system = System::new("status");
        system.set_stall_limit(ms(10)).set_grace(HANG);
        let addr = system.spawn(
            "a",
            Play::new(|(), cx| {
                cx.must_stop().wait();
                Ok(())
            }),
        );
        addr.send(()).unwrap();
        addr.send(()).unwrap();
        let mut report = system.shutdown();
        assert_eq!(report.status(), Status::Incomplete);
        report.signal = Some(Signal(15));
        assert_eq!(report.status(), Status::Incomplete);
        assert_eq!(INCOMPLETE, 75);
        let exit = Exit::from(report);
        assert_eq!(exit.status(), Status::Incomplete);
        assert_eq!(exit.with_status(Status::Success).status(), Status::Success);
    });
}

#[test]
fn r1_it_serialises() {
    guarded(|| {
        let report = motley(|_| ());
        let value: Value = serde_json::to_value(&report).unwrap();
        let keys =
            |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
        let mut top = keys(&value);
        top.sort_unstable();
        assert_eq!(
            top,
            ["actors", "complete", "failure", "reason", "refused", "signal", "system", "took_ms"]
        );
        assert_eq!(value["system"], "motley");
        assert_eq!(value["reason"], "shutdown");
        assert_eq!(value["complete"], false);
        assert_eq!(value["signal"], Value::Null);
        assert_eq!(value["failure"], Value::Null);
        assert_eq!(value["refused"], json!([]));
        assert!(value["took_ms"].as_f64().unwrap() >= 20.0);

        let actors = value["actors"].as_array().unwrap();
        let names: Vec<&str> = actors.iter().map(|a| a["name"].as_str().unwrap()).collect();
        assert_eq!(names, leaving(&report));
        for (actor, data) in actors.iter().zip(&report.actors) {
            let mut seen = actor.clone();
            let took = seen.as_object_mut().unwrap().remove("took_ms").unwrap();
            let off = took.as_f64().unwrap() - data.took.as_secs_f64() * 1e3;
            assert!(off.abs() < 0.001, "{off}");
            assert_eq!(
                seen,
                json!({
                    "id": data.id,
                    "name": data.name,
                    "kind": if data.is_task { "task" } else { "actor" },
                    "ended": data.ended.as_str(),
                    "handled": data.handled,
                    "handled_while_draining": data.handled_while_draining,
                    "failed": data.failed,
                    "returned": data.returned,
                    "restarts": 0,
                    "overflowed": 0,
                    "cancelled": 0,
                    "parent": null,
                    "parent_id": null,
                    "absorbed": false,
                    "error": data.error,
                })
            );
        }
        let words: Vec<&str> = actors.iter().map(|a| a["ended"].as_str().unwrap()).collect();
        let mut ids: Vec<u64> = actors.iter().map(|a| a["id"].as_u64().unwrap()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), actors.len());
        for word in ["completed", "overdue", "abandoned", "drained", "failed", "daemon"] {
            assert!(words.contains(&word), "{word}: {words:?}");
        }
    });
}

#[test]
fn r1_each_reason_serialises() {
    guarded(|| {
        let ended = |reason: Option<Reason>| {
            let mut system = System::new("json");
            system.spawn_task("t", |cx| {
                let _ = cx.stopping().wait_timeout(ms(5));
                Ok(())
            });
            if let Some(reason) = reason {
                system.handle().shutdown_because(reason);
            }
            serde_json::to_value(system.wait()).unwrap()
        };
        assert_eq!(ended(None)["reason"], "completed");
        assert_eq!(ended(Some(Reason::Shutdown))["reason"], "shutdown");
        let signal = ended(Some(Reason::Signal(Signal(15))));
        assert_eq!(signal["reason"], "signal");
        assert_eq!(signal["signal"], "SIGTERM");
        let failure = ended(Some(Reason::Failure {
            name: "disk".to_owned(),
            error: "is \"full\"".to_owned(),
        }));
        assert_eq!(failure["reason"], "failure");
        assert_eq!(failure["failure"], json!({"name": "disk", "error": "is \"full\""}));
    });
}

#[test]
fn r1_a_wrong_order_serialises() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("json");
        let sink = system.spawn("sink", Play::<u32>::idle());
        let sender = Play::<u32>::idle().stopped(move |_| {
            trap.walk_in();
            let _ = sink.send(1);
            Ok(())
        });
        let _sender = system.actor("sender").feeds_nothing().spawn(sender).unwrap();
        let handle = system.handle();
        handle.shutdown();
        keeper.catches();
        until(|| standing(&handle, "sink").state == State::Ended);
        keeper.opens();
        let value = serde_json::to_value(system.wait()).unwrap();
        assert_eq!(value["refused"], json!([{"from": "sender", "to": "sink", "count": 1}]));
    });
}

/// The table: without the first line, which names the system and the reason, and without the lines
/// of errors and refusals, which are sentences.
fn table(text: &str, report: &Report) -> Vec<String> {
    let rows = report.actors.len();
    text.lines().skip(1).take(1 + rows).map(str::to_owned).collect()
}

#[test]
fn r1_it_prints_as_a_table_within_eighty_columns() {
    guarded(|| {
        let long = "a name that is much longer than its column is wide, and then some";
        let wide = "ein Name mit Übermaß";
        let report = motley(|system| {
            for name in [long, wide] {
                let actor = system.actor(name).unbounded().feeds_nothing();
                let addr = actor.spawn(Play::new(|_: u32, _| Ok(()))).unwrap();
                (0..50_000).for_each(|n| addr.send(n).unwrap());
            }
        });
        let text = report.to_string();
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}\n{text}");
        }
        assert!(text.starts_with("motley: FAILED, INCOMPLETE (shutdown), drained in "), "{text}");
        let rows = table(&text, &report);
        assert!(rows[0].contains("in order of leaving") && rows[0].contains("returned"));
        // One line for each, in the order in which they left, with their word and figures.
        for (row, actor) in rows[1..].iter().zip(&report.actors) {
            let start: String = actor.name.chars().take(19).collect();
            assert!(row.trim_start().starts_with(&start), "{row}");
            assert!(row.contains(actor.ended.as_str()), "{row}");
            if !actor.is_task {
                assert!(row.contains(&actor.handled.to_string()), "{row}");
                assert!(row.trim_end().ends_with(&actor.returned.to_string()), "{row}");
            }
        }
        // All rows are as wide as the head.
        let width = rows[0].chars().count();
        assert!(rows.iter().all(|row| row.chars().count() == width), "{text}");
        // What went wrong is told below.
        assert!(text.contains("`culprit`: in `stopped`: planned"), "{text}");
        assert!(text.contains("`stuck`: given up, in its handler for "), "{text}");
    });
}

#[test]
fn r1_names_and_errors_of_any_kind_do_not_break_the_table() {
    guarded(|| {
        let odd = "a\tname\nwith\u{1b}[31m every\r\nthing in it";
        let mut system = System::new("odd");
        system.spawn_task(odd, |_| Err(Error::msg("one line\nand another\u{1b}[2J")));
        let report = system.wait();
        let text = report.to_string();
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}\n{text}");
        }
        assert!(!text.contains('\u{1b}'), "the terminal is told to do something: {text:?}");
    });
}

#[test]
fn r1_the_snapshot_tells_the_same_while_it_goes_on() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("snapshot");
        assert!(system.snapshot().is_empty());
        let addr = system
            .actor("a")
            .capacity(8)
            .spawn(Play::new(move |n: u32, _| match n {
                3 => {
                    trap.walk_in();
                    Err(Error::msg("planned"))
                }
                _ => Ok(()),
            }))
            .unwrap();
        system.spawn_task("t", |cx| {
            cx.stopping().wait();
            Ok(())
        });
        let handle = system.handle();
        (0..6).for_each(|n| addr.send(n).unwrap());
        keeper.catches();
        until(|| standing(&handle, "t").doing == "in its loop");
        let snapshot = handle.snapshot();
        assert_eq!(snapshot, system.snapshot());
        let [a, t] = &snapshot[..] else { panic!("{snapshot:?}") };
        assert_eq!((a.name.as_str(), a.state, a.queued), ("a", State::Working, 2));
        assert_eq!((a.handled, a.failed, a.returned), (3, 0, 0));
        assert_eq!(a.capacity, Some(Capacity::Bounded(8)));
        assert_eq!((t.name.as_str(), t.capacity, t.queued), ("t", None, 0));
        keeper.opens();
        let report = system.wait();
        let [a, t] = &handle.snapshot()[..] else { panic!("two were spawned") };
        assert_eq!((a.state, t.state), (State::Ended, State::Ended));
        let reported = line(&report, "a");
        assert_eq!(
            (a.handled, a.failed, a.returned, a.queued),
            (reported.handled, reported.failed, reported.returned, 0)
        );
        assert_eq!((a.handled, a.failed, a.returned), (3, 1, 2));
    });
}

#[test]
fn r1_the_snapshot_and_the_report_agree_about_the_abandoned() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("snapshot");
        system.set_stall_limit(ms(20)).set_grace(ms(20));
        let addr = system.spawn(
            "a",
            Play::new(move |_: u32, _| {
                trap.walk_in();
                Ok(())
            }),
        );
        (0..3).for_each(|n| addr.send(n).unwrap());
        keeper.catches();
        let handle = system.handle();
        let report = system.shutdown();
        let reported = line(&report, "a");
        let a = standing(&handle, "a");
        assert_eq!(
            (a.handled, a.failed, a.returned),
            (reported.handled, reported.failed, reported.returned)
        );
    });
}

#[test]
fn r1_a_drain_that_was_none_took_no_time() {
    guarded(|| {
        let mut system = System::new("none");
        system.spawn_task("t", |_| Ok(()));
        let report = system.wait();
        assert_eq!(report.reason, Reason::Completed);
        assert_eq!(report.took, Duration::ZERO);
    });
}

#[test]
fn r1_those_of_the_same_name_are_told_apart_by_their_ids() {
    guarded(|| {
        let (unspawned, inbox) = exeunt::mailbox::<()>(1);
        assert_eq!(unspawned.id(), None);
        let mut system = System::new("twins");
        let ann = system.spawn("ann", Play::<()>::idle());
        system.actor("ann").inbox(inbox).spawn(Play::idle()).unwrap();
        let ids = [ann.id(), unspawned.id()];
        let seen: Vec<_> = system.snapshot().iter().map(|actor| Some(actor.id)).collect();
        assert_eq!(seen, ids);
        assert_ne!(ids[0], ids[1]);
        unspawned.stop();
        let left = unspawned.wait_timeout(HANG).unwrap();
        assert_eq!(left.id, ids[1]);
        let report = system.shutdown();
        let left: Vec<_> = report.actors.iter().map(|line| line.id).collect();
        assert_eq!(left, [ids[1], ids[0]]);
    });
}
