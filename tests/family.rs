//! Children: clause O3 where it speaks of them, and what becomes of a family when one of it fails, is
//! stuck, or is told to leave. Then the partial drains: `stop`, and the `wait` for an end.
//!
//! What happened in which order is told over channels, or read off the report.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use exeunt::{
    Actor, Addr, Context, Ended, Error, Notice, Reason, Report, Restart, SendError, State, System,
    WaitError, WeakAddr,
};

use crate::support::{
    HANG, NEVER, OnDrop, Play, Trap, figures, get_on, guarded, guarded_for, in_time, late_unless,
    leaving, line, ms, next, patient, so_far, spawn_one_to_be_given_up, standing, trap, until,
};

/// An actor that tells its name when it stops.
fn teller(tell: &Sender<String>) -> Play<u32> {
    let tell = tell.clone();
    Play::idle().stopped(move |cx| Ok(tell.send(cx.name().to_owned())?))
}

/// Passes on what it gets.
fn relay(to: Addr<u32>) -> Play<u32> {
    Play::new(move |n, _| Ok(to.send(n)?))
}

/// Whether the actor of that name has ended, or was let go.
fn is_gone(system: &exeunt::SystemHandle, name: &str) -> bool {
    !system.snapshot().iter().any(|a| a.name == name && a.state != State::Ended)
}

// O3

#[test]
fn o3_first_the_queue_then_the_children_last_spawned_first_then_the_hook() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (tell, told) = mpsc::channel::<String>();
        let mut system = System::new("o3");
        let parent = system.spawn("parent", {
            let tell = tell.clone();
            let (mut hands, told_by_hook) = (Vec::new(), tell.clone());
            Play::new(move |n: u32, cx| {
                if n == 0 {
                    for name in ["first", "second", "third"] {
                        hands.push(cx.spawn(name, teller(&tell)));
                    }
                    trap.walk_in();
                }
                // It can hand on what is queued, in its turn too.
                hands[n as usize % 3].send(n)?;
                tell.send(format!("handled {n}"))?;
                Ok(())
            })
            .stopped(move |cx| {
                let left: Vec<_> =
                    cx.children_left().iter().map(|c| (&*c.name, c.handled, c.ended)).collect();
                Ok(told_by_hook.send(format!("{left:?}"))?)
            })
        });
        (0..6).for_each(|n| parent.send(n).unwrap());
        keeper.catches();
        system.handle().shutdown();
        until(|| standing(&system.handle(), "parent").state == State::Draining);
        keeper.opens();
        let report = system.shutdown();
        let expected = [
            "handled 0",
            "handled 1",
            "handled 2",
            "handled 3",
            "handled 4",
            "handled 5",
            "third",
            "second",
            "first",
            r#"[("third", 2, Drained), ("second", 2, Drained), ("first", 2, Drained)]"#,
        ];
        assert_eq!(so_far(&told), expected);
        assert_eq!(leaving(&report), ["third", "second", "first", "parent"]);
        assert_eq!(line(&report, "first").parent.as_deref(), Some("parent"));
        assert_eq!(line(&report, "parent").parent, None);
        assert!(report.is_complete() && !report.is_failure(), "{report}");
    });
}

#[test]
fn o3_grandchildren_leave_in_their_parents_turn() {
    guarded(|| {
        /// So many generations below this one, two children each.
        struct Ancestor(u32);
        impl Actor for Ancestor {
            type Msg = ();
            fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
                if self.0 > 0 {
                    for n in 0..2 {
                        let name = format!("{}{n}", cx.name());
                        // The address is kept, so that it does not leave by itself.
                        cx.actor(&name).spawn(Kept::new(Ancestor(self.0 - 1)))?;
                    }
                }
                Ok(())
            }
            fn handle(&mut self, _: (), _: &mut Context<Self>) -> exeunt::Result {
                Ok(())
            }
        }
        /// Keeps itself alive.
        struct Kept(Ancestor, Option<Addr<()>>);
        impl Kept {
            fn new(ancestor: Ancestor) -> Kept {
                Kept(ancestor, None)
            }
        }
        impl Actor for Kept {
            type Msg = ();
            fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
                self.1 = Some(cx.addr());
                if self.0.0 > 0 {
                    for n in 0..2 {
                        let name = format!("{}{n}", cx.name());
                        cx.actor(&name).spawn(Kept::new(Ancestor(self.0.0 - 1)))?;
                    }
                }
                Ok(())
            }
            fn handle(&mut self, _: (), _: &mut Context<Self>) -> exeunt::Result {
                Ok(())
            }
        }
        let mut system = System::new("dynasty");
        let root = system.spawn("r", Ancestor(3));
        until(|| system.snapshot().len() == 15);
        let report = system.shutdown();
        let order = leaving(&report);
        assert_eq!(order.len(), 15, "{report}");
        let at = |name: &str| order.iter().position(|n| *n == name).unwrap();
        for name in &order {
            // Each after its children, and the second child with all its own before the first.
            for n in 0..2 {
                let child = format!("{name}{n}");
                if order.contains(&child.as_str()) {
                    assert!(at(&child) < at(name), "{report}");
                }
            }
        }
        assert_eq!(order[0], "r111");
        assert!(at("r1") < at("r0") && at("r1") < at("r011"), "{report}");
        assert!(report.is_complete(), "{report}");
        drop(root);
    });
}

#[test]
fn o3_a_task_can_be_a_child_and_a_parent() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("tasks");
        let parent = system.spawn("parent", {
            let tell = tell.clone();
            Play::<u32>::idle().started(move |cx| {
                let tell = tell.clone();
                cx.spawn_task("child", move |cx| {
                    let tell = tell.clone();
                    let kept = cx.spawn("grandchild", teller(&tell));
                    cx.stopping().wait();
                    tell.send("child".to_owned())?;
                    kept.send(1)?; // it is still there
                    Ok(())
                });
                Ok(())
            })
        });
        until(|| system.snapshot().len() == 3);
        let report = system.shutdown();
        assert_eq!(so_far(&told), ["child", "grandchild"]);
        assert_eq!(leaving(&report), ["grandchild", "child", "parent"]);
        assert_eq!(line(&report, "grandchild").handled, 1);
        assert!(report.is_complete() && !report.is_failure(), "{report}");
        drop(parent);
    });
}

#[test]
fn o3_the_children_of_a_task_that_returns_leave() {
    guarded(|| {
        let mut system = System::new("tasks");
        system.spawn_task("parent", |cx| {
            let child = cx.spawn("child", Play::<u32>::idle());
            std::mem::forget(child); // its address is never dropped
            Ok(())
        });
        let report = system.wait();
        assert_eq!(leaving(&report), ["child", "parent"]);
        assert_eq!(line(&report, "child").ended, Ended::Completed);
    });
}

#[test]
fn o3_siblings_that_are_wired_drain_side_by_side() {
    guarded(|| {
        let barrier = Arc::new(Barrier::new(2));
        let mut system = System::new("siblings");
        let parent = system.spawn("parent", {
            let mut kept = Vec::new();
            Play::<u32>::idle().started(move |cx| {
                let sink = cx.spawn("sink", Play::<u32>::idle());
                for name in ["left", "right"] {
                    let barrier = Arc::clone(&barrier);
                    let actor = relay(sink.clone()).stopped(move |_| {
                        barrier.wait(); // alone, it would wait for ever
                        Ok(())
                    });
                    let child = cx.actor(name).feeds(&sink).spawn(actor)?;
                    (0..10).try_for_each(|n| child.send(n))?;
                    kept.push(child);
                }
                kept.push(sink);
                Ok(())
            })
        });
        until(|| system.snapshot().len() == 4);
        let report = system.shutdown();
        assert_eq!(leaving(&report)[2..], ["sink", "parent"]);
        assert_eq!(line(&report, "sink").handled, 20);
        assert!(report.is_complete(), "{report}");
        drop(parent);
    });
}

#[test]
fn o3_among_children_what_comes_after_a_sibling_has_its_turn_after_it() {
    guarded(|| {
        let mut system = System::new("after");
        let parent = system.spawn("parent", {
            Play::<u32>::idle().started(move |cx| {
                let wait = |cx: &exeunt::TaskContext| {
                    cx.stopping().wait();
                    Ok(())
                };
                cx.task("early").spawn(wait)?;
                cx.task("late").after("early").spawn(wait)?;
                // Those outside of the family have no names here.
                assert!(cx.task("lost").after("parent").spawn(wait).unwrap_err().is_unknown_name());
                Ok(())
            })
        });
        until(|| system.snapshot().len() == 3);
        let report = system.shutdown();
        assert_eq!(leaving(&report), ["early", "late", "parent"]);
        drop(parent);
    });
}

// O1: the wiring of children reaches to those outside.

#[test]
fn o1_whom_a_child_feeds_waits_for_the_whole_family() {
    guarded(|| {
        let (sink, inbox) = exeunt::mailbox(8);
        let mut system = System::new("lifted");
        let parent = system.actor("parent").feeds_nothing().spawn({
            let sink = sink.clone();
            let mut child = None;
            Play::new(move |n: u32, cx| {
                if child.is_none() {
                    child = Some(cx.actor("child").feeds(&sink).spawn(relay(sink.clone()))?);
                }
                Ok(child.iter().try_for_each(|child| child.send(n))?)
            })
        });
        let parent = parent.unwrap();
        let builder = system.actor("sink").inbox(inbox).feeds_nothing();
        builder.spawn(Play::idle()).unwrap();
        (0..200).for_each(|n| parent.send(n).unwrap());
        // One that is spawned in the drain comes too late to change the order.
        until(|| system.snapshot().len() == 3);
        let report = system.shutdown();
        assert_eq!(leaving(&report), ["child", "parent", "sink"]);
        assert_eq!(line(&report, "sink").handled, 200);
        assert!(report.is_complete() && report.refused.is_empty(), "{report}");
    });
}

#[test]
fn o1_a_child_of_one_that_declared_nothing_may_feed_one_that_came_later() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("lifted");
        let _early = system.spawn("early", Play::new(|(), _| Ok(())));
        let parent = system.spawn("parent", {
            let mut children = Vec::new();
            Play::new(move |sink: Addr<u32>, cx| {
                let trap = trap.clone();
                let actor = Play::new({
                    let sink = sink.clone();
                    move |n, _| {
                        trap.walk_in();
                        Ok(sink.send(n)?)
                    }
                });
                let addr = cx.actor("child").feeds(&sink).spawn(actor)?;
                addr.send(1)?;
                children.push(addr);
                Ok(())
            })
        });
        let sink = system.actor("sink").feeds_nothing().spawn(Play::idle()).unwrap();
        parent.send(sink).unwrap();
        keeper.catches();
        let handle = system.handle();
        handle.shutdown();
        until(|| standing(&handle, "child").state == State::Draining);
        keeper.opens();
        let report = system.shutdown();
        assert!(report.is_complete() && report.refused.is_empty(), "{report}");
        // It has declared nothing itself, and so feeds all before it as well.
        let leaving = leaving(&report);
        assert_eq!((&leaving[..2], leaving.len()), (&["child", "parent"][..], 4), "{leaving:?}");
        assert_eq!(line(&report, "sink").handled, 1);
    });
}

#[test]
fn o1_who_feeds_a_child_leaves_before_its_parent() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (give, given) = mpsc::channel();
        let mut system = System::new("lifted");
        let _parent = system.actor("parent").feeds_nothing().spawn({
            Play::<u32>::idle().started(move |cx| {
                let child = cx.actor("child").feeds_nothing();
                Ok(give.send(child.spawn(Play::<u32>::idle())?)?)
            })
        });
        let child = next(&given);
        let source = system.actor("source").feeds(&child).spawn(Play::new({
            let child = child.clone();
            move |n, _| {
                trap.walk_in();
                Ok(child.send(n)?)
            }
        }));
        let source = source.unwrap();
        (0..100).for_each(|n| source.send(n).unwrap());
        keeper.catches();
        let handle = system.handle();
        handle.shutdown();
        until(|| standing(&handle, "source").state == State::Draining);
        assert_eq!(standing(&handle, "parent").state, State::Working);
        keeper.opens();
        let report = system.shutdown();
        assert_eq!(leaving(&report), ["source", "child", "parent"]);
        assert_eq!(line(&report, "child").handled, 100);
        assert!(report.is_complete() && report.refused.is_empty(), "{report}");
    });
}

/// Passes on what the child of each message sends, from a child that is there for that message alone.
fn foreman(sink: Addr<u32>, trap: Trap) -> Play<u32> {
    Play::new(move |n, cx| {
        if n == 1 {
            trap.walk_in();
        }
        let child = cx.actor("child").feeds(&sink).spawn(relay(sink.clone()))?;
        Ok(child.send(n)?)
    })
}

#[test]
fn o1_what_a_child_has_fed_that_has_left_waits_for_those_who_come_after_it_in_the_drain() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("lifted");
        let sink = system.actor("sink").feeds_nothing().spawn(Play::idle()).unwrap();
        let builder = system.actor("parent").feeds_nothing();
        let parent = builder.spawn(foreman(sink, trap)).unwrap();
        parent.send(0).unwrap();
        until(|| system.snapshot().iter().any(|line| line.name == "sink" && line.handled == 1));
        until(|| is_gone(&system.handle(), "child"));
        (1..4).for_each(|n| parent.send(n).unwrap());
        keeper.catches();
        let handle = system.handle();
        handle.shutdown();
        until(|| standing(&handle, "parent").state == State::Draining);
        assert_eq!(standing(&handle, "sink").state, State::Working);
        keeper.opens();
        let report = system.shutdown();
        assert_eq!(leaving(&report)[4..], ["parent", "sink"]);
        assert_eq!(line(&report, "sink").handled, 4);
        assert!(report.is_complete() && report.refused.is_empty(), "{report}");
    });
}

#[test]
fn o1_o4_whom_only_a_child_feeds_that_comes_in_the_drain_does_not_wait_unless_its_parent_said_so() {
    for parent_says_so in [false, true] {
        guarded(move || {
            let (trap, keeper) = trap();
            let mut system = System::new("late");
            let sink = system.actor("sink").feeds_nothing().spawn(Play::idle()).unwrap();
            let builder = system.actor("parent");
            let builder =
                if parent_says_so { builder.feeds(&sink) } else { builder.feeds_nothing() };
            let parent = builder.spawn(foreman(sink, trap)).unwrap();
            parent.send(1).unwrap();
            keeper.catches();
            let handle = system.handle();
            handle.shutdown();
            until(|| standing(&handle, "parent").state == State::Draining);
            if !parent_says_so {
                until(|| standing(&handle, "sink").state == State::Ended);
            }
            keeper.opens();
            let report = system.shutdown();
            let refused: Vec<_> = report.refused.iter().map(|r| (&*r.from, &*r.to)).collect();
            let named = if parent_says_so { &[][..] } else { &[("child", "sink")] };
            assert_eq!(refused, named, "{report}");
            assert_eq!(line(&report, "sink").handled, u64::from(parent_says_so));
        });
    }
}

#[test]
fn o1_what_a_grandchild_feeds_among_the_children_waits_for_the_child_above_it() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("lifted");
        let parent = system.spawn("parent", {
            Play::<u32>::idle().started(move |cx| {
                let sink = cx.actor("sink").feeds_nothing().spawn(Play::idle())?;
                let trap = trap.clone();
                let middle = Play::<u32>::idle().started(move |cx| {
                    let (sink, trap) = (sink.clone(), trap.clone());
                    cx.task("grandchild").feeds(&sink.clone()).spawn(move |cx| {
                        cx.stopping().wait();
                        trap.walk_in();
                        Ok(sink.send(7)?)
                    })?;
                    Ok(())
                });
                std::mem::forget(cx.actor("middle").feeds_nothing().spawn(middle)?);
                Ok(())
            })
        });
        until(|| system.snapshot().len() == 4);
        let handle = system.handle();
        handle.shutdown();
        keeper.catches();
        assert_eq!(standing(&handle, "sink").state, State::Working);
        keeper.opens();
        let report = system.shutdown();
        assert_eq!(leaving(&report), ["grandchild", "middle", "sink", "parent"]);
        assert_eq!(line(&report, "sink").handled, 1);
        assert!(report.is_complete() && report.refused.is_empty(), "{report}");
        drop(parent);
    });
}

// What children send to their parent.

/// A parent with a mailbox of `capacity`, whose children each send it `results` when they leave.
fn collector(system: &mut System, capacity: usize, children: u32, results: u32) -> Addr<u32> {
    let actor = system.actor("parent").capacity(capacity);
    let actor = actor.spawn(Play::<u32>::idle().started(move |cx| {
        for n in 0..children {
            let parent = cx.addr();
            let goodbye = move |_: &mut _| {
                (0..results).try_for_each(|n| parent.send(n))?;
                Ok(())
            };
            let child = Play::<u32>::idle().stopped(goodbye);
            let builder = cx.actor(&format!("child {n}"));
            // Side by side or not.
            let builder = if n % 2 == 0 { builder.feeds_nothing() } else { builder };
            std::mem::forget(builder.spawn(child)?);
        }
        Ok(())
    }));
    actor.unwrap()
}

#[test]
fn o3_what_children_send_to_their_parent_in_its_turn_is_handled() {
    for (capacity, children, results) in [(1, 20, 50), (1, 1, 1), (64, 8, 10)] {
        guarded(move || {
            let mut system = System::new("results");
            let parent = collector(&mut system, capacity, children, results);
            until(|| system.snapshot().len() == children as usize + 1);
            let report = system.shutdown();
            assert!(report.is_complete() && !report.is_failure(), "{report}");
            assert!(report.refused.is_empty(), "{report}");
            assert_eq!(line(&report, "parent").handled, u64::from(children * results));
            assert!(parent.is_closed());
            assert_eq!(parent.send(1), Err(SendError::Closed(1, "parent".into())));
        });
    }
}

#[test]
fn o3_in_its_parents_turn_the_mailbox_is_open_for_its_children_alone() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("door");
        let parent = system.spawn(
            "parent",
            Play::<u32>::idle().started(move |cx| {
                let (trap, parent) = (trap.clone(), cx.addr());
                cx.spawn_task("child", move |cx| {
                    cx.stopping().wait();
                    trap.walk_in();
                    Ok(parent.send(7)?)
                });
                Ok(())
            }),
        );
        let handle = system.handle();
        handle.shutdown();
        keeper.catches();
        assert_eq!(parent.send(1), Err(SendError::Closed(1, "parent".into())));
        keeper.opens();
        let report = system.shutdown();
        assert_eq!(figures(line(&report, "parent")), [1, 0, 0]);
        assert!(report.is_complete() && report.refused.is_empty(), "{report}");
    });
}

#[test]
fn o3_what_grandchildren_send_to_their_grandparent_is_handled_too() {
    guarded(|| {
        let mut system = System::new("results");
        let actor = system.actor("grandparent").capacity(1);
        let _addr = actor.spawn(Play::<u32>::idle().started(|cx| {
            let grandparent = cx.addr();
            cx.spawn_task("parent", move |cx| {
                for n in 0..5 {
                    let grandparent = grandparent.clone();
                    cx.spawn_task(&format!("child {n}"), move |cx| {
                        cx.stopping().wait();
                        (0..10).try_for_each(|n| grandparent.send(n))?;
                        Ok(())
                    });
                }
                cx.stopping().wait();
                Ok(())
            });
            Ok(())
        }));
        until(|| system.snapshot().len() == 7);
        let report = system.shutdown();
        assert!(report.is_complete() && !report.is_failure(), "{report}");
        assert_eq!(line(&report, "grandparent").handled, 50);
    });
}

#[test]
fn o3_a_mailbox_beside_the_parents_own_is_open_for_its_children_too() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("annex");
        let _parent = system.spawn(
            "parent",
            Play::<u32>::idle().started(move |cx| {
                let (results, inbox) = exeunt::mailbox::<u8>(1);
                cx.attach_inbox(inbox, u32::from);
                let trap = trap.clone();
                cx.spawn_task("child", move |cx| {
                    cx.stopping().wait();
                    trap.walk_in();
                    (0..10).try_for_each(|n| results.send(n))?;
                    Ok(())
                });
                Ok(())
            }),
        );
        let handle = system.handle();
        handle.shutdown();
        keeper.catches();
        keeper.opens();
        let report = system.shutdown();
        assert!(report.is_complete() && !report.is_failure(), "{report}");
        assert_eq!(figures(line(&report, "parent")), [10, 0, 0]);
    });
}

// O5

#[test]
fn o5_with_a_parent_that_ends_by_itself_its_children_leave() {
    guarded(|| {
        let mut system = System::new("o5");
        let parent = system.spawn(
            "parent",
            Play::new(|_: u32, cx| {
                // A child that never leaves by itself, and has not the address of its parent.
                cx.spawn_task("child", |cx| {
                    cx.stopping().wait();
                    Ok(())
                });
                Ok(())
            }),
        );
        parent.send(1).unwrap();
        drop(parent);
        let report = system.wait();
        assert_eq!(report.reason, Reason::Completed);
        assert_eq!(leaving(&report), ["child", "parent"]);
        assert!(report.actors.iter().all(|a| a.ended == Ended::Completed), "{report}");
    });
}

#[test]
fn o5_a_child_that_has_its_parents_address_keeps_it_alive() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("o5");
        let parent = system.spawn(
            "parent",
            Play::<u32>::idle().started(move |cx| {
                let (parent, trap) = (cx.addr(), trap.clone());
                cx.spawn_task("child", move |_| {
                    trap.walk_in();
                    Ok(parent.send(1)?)
                });
                Ok(())
            }),
        );
        drop(parent);
        keeper.catches();
        assert_eq!(standing(&system.handle(), "parent").state, State::Working);
        keeper.opens();
        let report = system.wait();
        assert_eq!(line(&report, "parent").handled, 1);
        assert_eq!(leaving(&report), ["child", "parent"]);
    });
}

#[test]
fn o5_a_child_ends_by_itself_and_is_let_go() {
    guarded(|| {
        let mut system = System::new("o5");
        let parent = system
            .spawn("parent", Play::new(|n: u32, cx| Ok(cx.spawn("child", Play::idle()).send(n)?)));
        parent.send(5).unwrap();
        until(|| standing(&system.handle(), "parent").handled == 1);
        until(|| system.snapshot().len() == 1);
        let report = system.shutdown();
        assert_eq!(line(&report, "child").ended, Ended::Completed);
        assert_eq!(figures(line(&report, "child")), [1, 0, 0]);
    });
}

// F1 to F3

#[test]
fn f1_children_of_the_old_incarnation_have_left_before_the_new_value_is_made() {
    guarded(|| {
        let (tell, told) = mpsc::channel::<String>();
        let mut system = System::new("f1");
        let mut incarnation = 0;
        let make = {
            let tell = tell.clone();
            move || {
                incarnation += 1;
                let (n, tell) = (incarnation, tell.clone());
                tell.send(format!("made {n}")).unwrap();
                let (on_start, on_stop, on_drop) = (tell.clone(), tell.clone(), tell.clone());
                Play::new(|_: u32, _| Err(Error::msg("planned")))
                    .started(move |cx| {
                        for i in 0..2 {
                            let name = format!("child {i} of {n}");
                            std::mem::forget(cx.spawn(&name, teller(&on_start)));
                        }
                        Ok(())
                    })
                    .stopped(move |cx| {
                        Ok(on_stop.send(format!("stopped {n}, {}", cx.children_left().len()))?)
                    })
                    .holding(OnDrop(move || drop(on_drop.send(format!("dropped {n}")))))
            }
        };
        let restart = Restart::on_failure().intensity(1, Duration::MAX);
        let parent = system.actor("parent").restart(restart).spawn_with(make).unwrap();
        parent.send(1).unwrap();
        until(|| standing(&system.handle(), "parent").restarts == 1);
        until(|| system.snapshot().iter().filter(|a| a.state == State::Working).count() == 3);
        let report = system.shutdown();
        let expected = [
            "made 1",
            "child 1 of 1",
            "child 0 of 1",
            "stopped 1, 2",
            "dropped 1",
            "made 2",
            "child 1 of 2",
            "child 0 of 2",
            "stopped 2, 2",
            "dropped 2",
        ];
        assert_eq!(so_far(&told), expected);
        assert!(!report.is_failure(), "{report}");
        assert_eq!(line(&report, "child 0 of 1").ended, Ended::Completed);
        assert_eq!(line(&report, "child 0 of 2").ended, Ended::Drained);
    });
}

#[test]
fn f1_a_parent_that_begins_anew_does_not_wait_for_children_that_wait_for_it() {
    guarded(|| {
        let mut system = System::new("f1");
        system.set_stall_limit(2 * HANG); // nobody is let go by that
        let mut is_first = true;
        let make = move || {
            let fails = std::mem::replace(&mut is_first, false);
            Play::new(move |_: u32, _| if fails { Err(Error::msg("planned")) } else { Ok(()) })
                .started(move |cx| {
                    if fails {
                        for n in 0..3 {
                            let parent = cx.addr();
                            cx.spawn_task(&format!("child {n}"), move |cx| {
                                cx.stopping().wait();
                                // There is no room, and nobody makes any.
                                (0..5).try_for_each(|n| parent.send(n))?;
                                Ok(())
                            });
                        }
                    }
                    Ok(())
                })
        };
        let restart = Restart::on_failure().intensity(5, Duration::MAX);
        let builder = system.actor("parent").capacity(1).restart(restart);
        let parent = builder.spawn_with(make).unwrap();
        parent.send(1).unwrap();
        until(|| standing(&system.handle(), "parent").restarts == 1);
        drop(system.shutdown());
    });
}

#[test]
fn f3_the_failure_of_a_child_is_its_parents() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("f3");
        let parent = system.spawn("parent", {
            let tell = tell.clone();
            Play::new(move |n: u32, cx| {
                let failing = Play::new(|_: u32, _| Err(Error::msg("planned")));
                cx.spawn("child", failing).send(n)?;
                std::mem::forget(cx.spawn("other", teller(&tell)));
                Ok(())
            })
        });
        parent.send(1).unwrap();
        let report = system.wait();
        assert_eq!(so_far(&told), ["other"]);
        let Reason::Failure { name, error } = &report.reason else { panic!("{report}") };
        assert_eq!(name, "parent");
        assert_eq!(error, "its child `child` failed: planned");
        assert!(report.is_failure());
        assert!(line(&report, "child").absorbed);
        assert_eq!(line(&report, "parent").ended, Ended::Failed);
    });
}

#[test]
fn f1_the_failure_of_a_child_restarts_its_parent_if_that_may_be() {
    guarded(|| {
        let mut system = System::new("f1");
        let mut made = 0;
        let make = move || {
            made += 1;
            let is_first = made == 1;
            Play::<u32>::idle().started(move |cx| {
                let child = cx.spawn(
                    "child",
                    Play::new(
                        move |_: u32, _| {
                            if is_first { Err(Error::msg("planned")) } else { Ok(()) }
                        },
                    ),
                );
                Ok(child.send(1)?)
            })
        };
        let builder = system.actor("parent").restart(Restart::on_failure());
        let parent = builder.spawn_with(make).unwrap();
        until(|| standing(&system.handle(), "parent").restarts == 1);
        until(|| is_gone(&system.handle(), "child"));
        let report = system.shutdown();
        assert!(!report.is_failure(), "{report}");
        drop(parent);
    });
}

#[test]
fn f1_a_child_that_is_restarted_does_not_touch_its_parent() {
    guarded(|| {
        let mut system = System::new("f1");
        let parent = system.spawn("parent", {
            Play::<u32>::idle().started(|cx| {
                let restart = Restart::on_failure().intensity(3, Duration::MAX);
                let make = || {
                    Play::new(|n: u32, _| if n < 3 { Err(Error::msg("planned")) } else { Ok(()) })
                };
                let child = cx.actor("child").restart(restart).spawn_with(make)?;
                (0..5).try_for_each(|n| child.send(n))?;
                Ok(())
            })
        });
        until(|| system.snapshot().len() == 1);
        let report = system.shutdown();
        assert_eq!(figures(line(&report, "child")), [2, 3, 0]);
        assert_eq!(line(&report, "child").restarts, 3);
        assert_eq!(line(&report, "parent").restarts, 0);
        assert!(!report.is_failure(), "{report}");
        drop(parent);
    });
}

#[test]
fn f3_a_temporary_child_may_fail_and_nobody_minds() {
    guarded(|| {
        let mut system = System::new("f3");
        let parent = system.spawn("parent", {
            Play::new(|n: u32, cx| {
                let builder = cx.actor("child").restart(Restart::temporary());
                let child = builder.spawn(Play::new(|_: u32, _| Err(Error::msg("planned"))))?;
                Ok(child.send(n)?)
            })
        });
        parent.send(1).unwrap();
        until(|| standing(&system.handle(), "parent").handled == 1);
        until(|| system.snapshot().len() == 1);
        let report = system.shutdown();
        assert_eq!(line(&report, "child").ended, Ended::Failed);
        assert!(line(&report, "child").absorbed && !report.is_failure(), "{report}");
        assert_eq!(line(&report, "parent").ended, Ended::Drained);
    });
}

#[test]
fn f1_what_a_child_sends_to_a_parent_that_has_failed_for_good_comes_back() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("f1");
        let parent = system.actor("parent").capacity(1).spawn({
            Play::new(|_: u32, _| Err(Error::msg("planned"))).started(move |cx| {
                for n in 0..3 {
                    let (parent, tell) = (cx.addr(), tell.clone());
                    cx.spawn_task(&format!("child {n}"), move |cx| {
                        cx.stopping().wait();
                        Ok(tell.send(parent.send(8))?)
                    });
                }
                Ok(())
            })
        });
        let parent = parent.unwrap();
        parent.send(1).unwrap();
        let report = system.wait();
        assert_eq!(so_far(&told), vec![Err(SendError::Closed(8, "parent".into())); 3]);
        assert_eq!(leaving(&report)[3], "parent");
    });
}

// Deadlines.

#[test]
fn d3_a_child_that_is_stuck_is_given_up_and_its_parent_goes_on() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (tell, told) = mpsc::channel();
        let mut system = System::new("d3");
        system.set_stall_limit(HANG).set_grace(ms(50));
        let parent = system.spawn(
            "parent",
            Play::<u32>::idle()
                .started(move |cx| {
                    let trap = trap.clone();
                    let stuck = Play::new(move |_: u32, _| {
                        trap.walk_in();
                        Ok(())
                    });
                    let stuck = cx.actor("stuck").stall_limit(ms(50)).spawn(stuck)?;
                    (0..3).try_for_each(|n| stuck.send(n))?;
                    std::mem::forget(stuck);
                    std::mem::forget(cx.spawn("well", Play::<u32>::idle()));
                    Ok(())
                })
                .stopped(move |cx| {
                    let left: Vec<_> = cx.children_left().iter().map(|c| c.ended).collect();
                    Ok(tell.send(left)?)
                }),
        );
        keeper.catches();
        let report = system.shutdown();
        assert_eq!(so_far(&told), [[Ended::Drained, Ended::Abandoned]]);
        assert_eq!(leaving(&report), ["well", "stuck", "parent"]);
        assert_eq!(figures(line(&report, "stuck")), [0, 1, 2]);
        assert_eq!(line(&report, "parent").ended, Ended::Drained);
        assert!(!report.is_complete());
        drop(parent);
    });
}

#[test]
fn d1_the_progress_of_its_children_is_the_parents() {
    let attempt = |slower| {
        let mut system = System::new("d1");
        system.set_stall_limit(ms(200) * slower).set_grace(ms(50));
        let parent = system.spawn(
            "parent",
            Play::<u32>::idle().started(move |cx| {
                let slow = cx.spawn(
                    "slow",
                    Play::new(move |_: u32, cx| {
                        cx.sleep(ms(20) * slower)?;
                        Ok(())
                    }),
                );
                (0..30).try_for_each(|n| slow.send(n))?;
                std::mem::forget(slow);
                Ok(())
            }),
        );
        until(|| system.snapshot().len() == 2);
        let report = system.shutdown();
        drop(parent);
        late_unless(report.is_complete(), &report)?;
        assert_eq!(line(&report, "slow").handled, 30);
        Ok(())
    };
    guarded(move || in_time(attempt));
}

/// A task that has its turn, and waits for the end of an actor whose child does something before it leaves.
fn waits_for_a_family(
    stall_limit: Duration,
    way: impl Fn(&Context<Play<u32>>) + Send + 'static,
) -> Report {
    let mut system = patient("d1");
    system.set_stall_limit(stall_limit);
    let mut way = Some(way);
    let parent = Play::<()>::idle().started(move |cx| {
        let Some(way) = way.take() else { return Ok(()) };
        let child = Play::new(move |_, cx| {
            until(|| cx.system().is_draining());
            way(cx);
            Ok(())
        });
        let child = cx.actor("child").stall_limit(HANG).spawn(child)?;
        child.send(0)?;
        std::mem::forget(child);
        Ok(())
    });
    let parent = system.spawn("parent", parent);
    let handle = system.handle();
    until(|| handle.snapshot().iter().any(|actor| actor.name == "child" && actor.is_handling));
    let waits = system.task("waits").feeds(&parent);
    waits
        .spawn(move |_| {
            parent.stop();
            Ok(parent.wait().map(drop)?)
        })
        .unwrap();
    until(|| standing(&handle, "waits").waits_for.is_some());
    system.shutdown()
}

#[test]
fn d1_to_wait_for_who_waits_for_children_that_get_on_is_no_stall() {
    let attempt = |slower| {
        let report = waits_for_a_family(ms(200) * slower, move |cx| get_on(cx, slower));
        late_unless(report.is_complete(), &report)?;
        assert!(line(&report, "waits").took > ms(300) * slower, "{report}");
        Ok(())
    };
    guarded(move || in_time(attempt));
}

#[test]
fn d1_to_wait_for_who_waits_for_children_that_do_not_is_one() {
    guarded(|| {
        let report = waits_for_a_family(ms(200), |cx| {
            let state = || standing(&cx.system(), "waits").state;
            until(|| matches!(state(), State::Overdue | State::Ended));
        });
        let waits = line(&report, "waits");
        assert!(waits.ended == Ended::Overdue && waits.took >= ms(200), "{report}");
    });
}

#[test]
fn d2_at_its_own_deadline_a_parents_children_meet_theirs() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("d2");
        system.set_grace(HANG);
        let builder = system.actor("parent").drain_deadline(ms(60));
        let parent = builder.spawn(
            Play::<u32>::idle()
                .started(move |cx| {
                    let slow = cx.actor("slow").unbounded().spawn(Play::new(|_: u32, cx| {
                        cx.sleep(ms(20))?;
                        Ok(())
                    }))?;
                    (0..5_000).try_for_each(|n| slow.send(n))?;
                    std::mem::forget(slow);
                    Ok(())
                })
                .stopped(move |cx| {
                    Ok(tell.send(cx.children_left().iter().map(|c| c.ended).collect::<Vec<_>>())?)
                }),
        );
        until(|| system.snapshot().len() == 2);
        let report = system.shutdown();
        assert_eq!(so_far(&told), [[Ended::Overdue]]);
        assert_eq!(line(&report, "slow").ended, Ended::Overdue);
        assert_eq!(line(&report, "parent").ended, Ended::Overdue);
        assert!(report.took < HANG / 2, "{report}");
        assert!(line(&report, "slow").returned > 4_000, "{report}");
        drop(parent);
    });
}

#[test]
fn d3_the_children_of_a_parent_that_was_given_up_drain_and_are_waited_for() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (orphan_trap, orphans_keeper) = crate::support::trap();
        let (tell, abandoned) = mpsc::channel();
        let mut system = System::new("orphans");
        system.set_stall_limit(HANG).set_grace(ms(40));
        system.observe(move |notice| {
            if let Notice::Abandoned { .. } = notice {
                let _ = tell.send(());
            }
        });
        let sink = system.spawn("sink", Play::<u32>::idle());
        let parent = system.actor("parent").stall_limit(ms(80)).spawn({
            let sink = sink.clone();
            Play::new(move |_: u32, _| {
                trap.walk_in();
                Ok(())
            })
            .started(move |cx| {
                let (sink, trap) = (sink.clone(), orphan_trap.clone());
                let orphan = Play::new(move |n: u32, cx| {
                    trap.walk_in(); // until its parent was given up
                    cx.sleep(ms(1))?;
                    Ok(sink.send(n)?)
                });
                let orphan = cx.spawn("orphan", orphan);
                (0..100).try_for_each(|n| orphan.send(n))?;
                std::mem::forget(orphan);
                Ok(())
            })
        });
        parent.unwrap().send(1).unwrap();
        keeper.catches();
        system.handle().shutdown();
        next(&abandoned);
        orphans_keeper.opens();
        let report = system.wait();
        assert_eq!(leaving(&report), ["parent", "orphan", "sink"]);
        assert_eq!(line(&report, "parent").ended, Ended::Abandoned);
        assert_eq!(line(&report, "orphan").ended, Ended::Drained);
        assert_eq!(line(&report, "sink").handled, 100);
        assert!(report.refused.is_empty(), "{report}");
        keeper.opens();
    });
}

// Spawning in a turn.

#[test]
fn o3_in_its_turn_a_parent_may_still_spawn_children_for_what_is_queued() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("acceptor");
        let acceptor = system.spawn(
            "acceptor",
            Play::new(move |n: u32, cx| {
                if n == 0 {
                    trap.walk_in();
                }
                let child = cx.spawn(&format!("connection {n}"), Play::<u32>::idle());
                child.send(n)?;
                std::mem::forget(child);
                Ok(())
            }),
        );
        (0..10).for_each(|n| acceptor.send(n).unwrap());
        keeper.catches();
        system.handle().shutdown();
        until(|| standing(&system.handle(), "acceptor").state == State::Draining);
        keeper.opens();
        let report = system.shutdown();
        assert!(report.is_complete() && !report.is_failure(), "{report}");
        assert_eq!(report.actors.len(), 11);
        assert!(report.actors.iter().all(|a| a.handled > 0), "{report}");
    });
}

#[test]
fn o3_in_its_stopped_hook_a_parent_spawns_nobody_any_more() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("late");
        let parent = system.spawn("parent", {
            Play::<u32>::idle().stopped(move |cx| {
                let child = cx.spawn("child", Play::<u32>::idle());
                cx.spawn_task("task", |_| panic!("it was started"));
                Ok(tell.send((child.is_closed(), child.send(4)))?)
            })
        });
        let report = system.shutdown();
        assert_eq!(next(&told), (true, Err(SendError::Closed(4, "child".into()))));
        assert_eq!(leaving(&report), ["parent"]);
        assert!(!report.is_failure(), "{report}");
        drop(parent);
    });
}

#[test]
fn o3_a_child_that_is_told_something_while_it_leaves_may_spawn_too() {
    guarded(|| {
        let mut system = System::new("nested");
        let _parent = system.spawn(
            "parent",
            Play::<u32>::idle().started(|cx| {
                let child = Play::new(|n: u32, cx| {
                    let grandchild = cx.spawn(&format!("grandchild {n}"), Play::<u32>::idle());
                    grandchild.send(n)?;
                    cx.sleep(ms(1))?;
                    std::mem::forget(grandchild);
                    Ok(())
                });
                let child = cx.spawn("child", child);
                (0..20).try_for_each(|n| child.send(n))?;
                std::mem::forget(child);
                Ok(())
            }),
        );
        until(|| system.snapshot().len() >= 2);
        let report = system.shutdown();
        assert!(report.is_complete() && !report.is_failure(), "{report}");
        assert_eq!(report.actors.len(), 22);
    });
}

#[test]
fn d4_the_children_of_a_daemon_are_not_waited_for_either() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("d4");
        let builder = system.actor("daemon").daemon();
        let daemon = builder.spawn(Play::<u32>::idle().started(move |cx| {
            let trap = trap.clone();
            cx.spawn_task("imp", move |_| {
                trap.walk_in();
                Ok(())
            });
            std::mem::forget(cx.spawn("idle imp", Play::<u32>::idle()));
            Ok(())
        }));
        let worker = system.spawn("worker", Play::<u32>::idle());
        keeper.catches();
        until(|| system.snapshot().len() == 4);
        worker.send(1).unwrap();
        drop(worker);
        let report = system.wait();
        assert_eq!(report.reason, Reason::Completed);
        for name in ["daemon", "imp", "idle imp"] {
            assert_eq!(line(&report, name).ended, Ended::Daemon, "{report}");
        }
        assert!(report.is_complete(), "{report}");
        drop(daemon);
    });
}

#[test]
fn r1_d4_what_a_daemon_spawns_when_it_is_told_to_stop_is_not_started() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("d4");
        let daemon = system.actor("daemon").daemon();
        let daemon = daemon.spawn(Play::new(move |(), cx| {
            tell.send(None)?;
            cx.stopping().wait();
            // It would be told by nobody, and be in no report.
            Ok(tell.send(Some(cx.spawn("imp", Play::<u32>::idle()).send(1)))?)
        }));
        daemon.unwrap().send(()).unwrap();
        assert_eq!(next(&told), None);
        let report = system.shutdown();
        assert_eq!(next(&told).map(|sent| sent.map_err(SendError::into_message)), Some(Err(1)));
        assert_eq!(leaving(&report), ["daemon"]);
    });
}

#[test]
fn d4_a_daemon_that_waits_for_a_child_waits_no_longer_when_it_is_dismissed() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (tell, told) = mpsc::channel();
        let mut system = System::new("d4");
        let daemon = Play::<u32>::idle().started(move |cx| {
            let trap = trap.clone();
            let imp = Play::new(move |(), _| {
                trap.walk_in();
                Ok(())
            });
            Ok(cx.spawn("imp", imp).send(())?)
        });
        let handle = system.handle();
        let is_there = move || handle.snapshot().iter().any(|actor| actor.name == "imp");
        let daemon = daemon.stopped(move |_| Ok(tell.send(is_there())?));
        let daemon = system.actor("daemon").daemon().spawn(daemon).unwrap();
        keeper.catches();
        daemon.stop();
        until(|| standing(&system.handle(), "daemon").doing.contains("its children to leave"));
        let report = system.shutdown();
        assert_eq!(so_far(&told), [true], "first the imp was given up\n{report}");
        assert_eq!(line(&report, "daemon").ended, Ended::Daemon);
    });
}

#[test]
fn d4_a_parent_waits_for_a_child_though_it_is_called_a_daemon() {
    guarded(|| {
        let mut system = System::new("d4");
        let _parent = system.spawn(
            "parent",
            Play::<u32>::idle().started(|cx| {
                cx.task("imp").daemon().spawn(|cx| {
                    cx.stopping().wait();
                    Ok(())
                })?;
                Ok(())
            }),
        );
        until(|| system.snapshot().len() == 2);
        let report = system.shutdown();
        assert_eq!(leaving(&report), ["imp", "parent"]);
    });
}

// Many.

#[test]
fn r1_thousands_of_children_one_after_the_other_leave_little_behind() {
    guarded_for(HANG * 3, || {
        const CHILDREN: u64 = 7_000;
        let mut system = System::new("server");
        let server = system.spawn("server", {
            Play::new(move |n: u64, cx| {
                let builder = cx.actor("connection").restart(Restart::temporary());
                let child = builder.spawn(Play::new(move |n: u64, _| match n % 10 {
                    9 => Err(Error::msg("planned")),
                    _ => Ok(()),
                }))?;
                child.send(n)?;
                let weak: WeakAddr<u64> = child.downgrade();
                drop(child);
                while n % 16 == 0 && weak.upgrade().is_some() {
                    thread::yield_now();
                }
                if n % 64 == 0 {
                    // The roster holds those that are there, and a few that are on their way out.
                    until(|| cx.system().snapshot().len() < 2_000);
                }
                Ok(())
            })
        });
        (0..CHILDREN).for_each(|n| server.send(n).unwrap());
        let report = system.shutdown();
        assert!(!report.is_failure(), "{report}");
        assert!(report.actors.len() <= 2_002, "{} lines", report.actors.len());
        let sums: Vec<_> = report.actors.iter().filter(|a| a.id.is_none()).collect();
        assert_eq!(sums.iter().map(|a| &*a.name).collect::<Vec<_>>(), ["(earlier children)"]);
        let total = |figure: fn(&exeunt::ActorReport) -> u64| {
            report.actors.iter().filter(|a| a.name != "server").map(figure).sum::<u64>()
        };
        assert_eq!(total(|a| a.handled), CHILDREN / 10 * 9);
        assert_eq!(total(|a| a.failed), CHILDREN / 10);
        assert_eq!(total(|a| a.returned), 0);
        assert_eq!(line(&report, "server").handled, CHILDREN);
    });
}

#[test]
fn m1_what_many_children_returned_is_in_the_report() {
    guarded_for(HANG * 3, || {
        const CHILDREN: u64 = 2_600;
        let mut system = System::new("server");
        let server = system.spawn("server", {
            Play::new(move |n: u64, cx| {
                let builder = cx.actor("connection").restart(Restart::temporary());
                let failing = Play::new(|_: u64, _| Err(Error::msg("planned")));
                let (child, inbox) = exeunt::mailbox(8);
                child.send(n)?;
                child.send(n)?; // this one is returned
                builder.inbox(inbox).spawn(failing)?;
                Ok(())
            })
        });
        (0..CHILDREN).for_each(|n| server.send(n).unwrap());
        let report = system.shutdown();
        assert!(report.actors.len() <= 2_002, "{} lines", report.actors.len());
        let returned: u64 = report.actors.iter().map(|a| a.returned).sum();
        assert_eq!(returned, CHILDREN);
        assert!(!report.is_complete() && !report.is_failure());
    });
}

// Partial drains.

#[test]
fn o3_one_that_is_stopped_drains_while_the_rest_works() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (tell, told) = mpsc::channel();
        let mut system = System::new("partial");
        let other = system.spawn("other", Play::<u32>::idle());
        let stopped = system.spawn("stopped", {
            let mut child = None;
            Play::new(move |n: u32, cx| {
                trap.walk_in();
                let child = child.get_or_insert_with(|| cx.spawn("child", teller(&tell)));
                Ok(child.send(n)?)
            })
        });
        (0..5).for_each(|n| stopped.send(n).unwrap());
        keeper.catches();
        stopped.stop();
        until(|| stopped.is_closed());
        assert_eq!(stopped.send(9), Err(SendError::Closed(9, "stopped".into())));
        keeper.opens();
        let gone = stopped.wait_timeout(HANG).unwrap();
        assert_eq!((gone.handled, gone.ended), (5, Ended::Completed));
        assert_eq!(next(&told), "child");
        other.send(1).unwrap();
        assert!(!system.handle().is_draining());
        let report = system.shutdown();
        assert_eq!(leaving(&report), ["child", "stopped", "other"]);
        assert_eq!(figures(line(&report, "child")), [5, 0, 0]);
        assert_eq!(line(&report, "other").handled, 1);
        assert!(report.is_complete() && report.refused.is_empty(), "{report}");
    });
}

#[test]
fn f4_to_stop_twice_or_after_the_end_is_to_stop_once() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("twice");
        let addr = system.spawn("a", teller(&tell));
        (0..3).for_each(|_| addr.stop());
        let first = addr.wait_timeout(HANG).unwrap();
        addr.stop();
        assert_eq!(addr.wait_timeout(Duration::ZERO), Ok(first));
        let report = system.shutdown();
        addr.stop();
        assert!(addr.wait_timeout(HANG).is_ok());
        assert_eq!(so_far(&told), ["a"]);
        assert_eq!(leaving(&report), ["a"]);
    });
}

#[test]
fn f4_an_actor_stops_itself_and_handles_what_is_queued() {
    guarded(|| {
        let mut system = System::new("by itself");
        let (addr, inbox) = exeunt::mailbox(16);
        (0..10).for_each(|n| addr.send(n).unwrap());
        let builder = system.actor("a").inbox(inbox);
        let actor = Play::new(|n: u32, cx| {
            if n == 3 {
                cx.stop();
                cx.stop();
            }
            Ok(())
        });
        builder.spawn(actor).unwrap();
        let report = addr.wait_timeout(HANG).unwrap();
        assert_eq!((report.handled, report.ended), (10, Ended::Completed));
        drop(system.shutdown());
    });
}

#[test]
fn d2_one_that_is_stopped_while_it_is_blocked_meets_the_stall_limit() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (tell, told) = mpsc::channel();
        let mut system = System::new("blocked");
        system.set_stall_limit(ms(50)).set_grace(HANG);
        let full = system.actor("full").capacity(1).spawn(Play::new(move |_: u32, _| {
            trap.walk_in();
            Ok(())
        }));
        let full = full.unwrap();
        let blocked = system.spawn("blocked", {
            let full = full.clone();
            Play::new(move |n, _| {
                let sent = full.send(n);
                let _ = tell.send(sent.clone());
                Ok(sent?)
            })
        });
        (0..5).for_each(|n| blocked.send(n).unwrap());
        keeper.catches();
        let waits = || standing(&system.handle(), "blocked");
        until(|| waits().handled == 2 && waits().waits_for.is_some());
        blocked.stop();
        let report = blocked.wait_timeout(HANG).unwrap();
        assert_eq!(report.ended, Ended::Overdue);
        assert_eq!(so_far(&told).last(), Some(&Err(SendError::Interrupted(2, "full".into()))));
        assert_eq!(figures(&report), [2, 1, 2]);
        // It was no failure of the system.
        assert!(!system.handle().is_draining());
        keeper.opens();
        assert!(!system.shutdown().is_failure());
    });
}

#[test]
fn d3_one_that_is_stopped_and_stuck_is_given_up_while_the_rest_works() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("stuck");
        system.set_stall_limit(ms(50)).set_grace(ms(50));
        let other = system.spawn("other", Play::<u32>::idle());
        let stuck = system.spawn(
            "stuck",
            Play::new(move |_: u32, _| {
                trap.walk_in();
                Ok(())
            }),
        );
        (0..3).for_each(|n| stuck.send(n).unwrap());
        keeper.catches();
        stuck.stop();
        let report = stuck.wait_timeout(HANG).unwrap();
        assert_eq!((report.ended, figures(&report)), (Ended::Abandoned, [0, 1, 2]));
        other.send(1).unwrap();
        assert!(!system.handle().is_draining());
        keeper.opens();
        assert!(!system.shutdown().is_complete());
    });
}

#[test]
fn o3_a_child_can_be_stopped_by_its_parent_which_waits_for_it() {
    guarded(|| {
        let mut system = System::new("family");
        let parent = system.spawn("parent", {
            Play::new(move |n: u32, cx| {
                let child = cx.spawn("child", Play::<u32>::idle());
                child.send(n)?;
                child.stop();
                let report = child.wait_timeout(HANG)?;
                assert_eq!(report.handled, 1);
                Ok(())
            })
        });
        (0..3).for_each(|n| parent.send(n).unwrap());
        let report = system.shutdown();
        assert!(!report.is_failure(), "{report}");
        assert_eq!(report.actors.len(), 4);
    });
}

#[test]
fn o3_a_child_that_is_on_its_way_out_is_waited_for_in_its_parents_turn() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (give, given) = mpsc::channel();
        let mut system = System::new("both");
        let parent = system.spawn(
            "parent",
            Play::<u32>::idle().started(move |cx| {
                let trap = trap.clone();
                let child = Play::<u32>::idle().stopped(move |_| {
                    trap.walk_in();
                    Ok(())
                });
                Ok(give.send(cx.spawn("child", child))?)
            }),
        );
        let child = next(&given);
        child.stop();
        keeper.catches();
        parent.stop();
        until(|| standing(&system.handle(), "parent").doing.contains("children"));
        system.handle().shutdown();
        assert_eq!(child.wait_timeout(NEVER), Err(WaitError::Timeout));
        keeper.opens();
        let report = system.shutdown();
        assert_eq!(leaving(&report), ["child", "parent"]);
        assert!(report.is_complete(), "{report}");
    });
}

// `wait`

#[test]
fn m5_to_wait_for_an_end_has_a_limit() {
    guarded(|| {
        let mut system = System::new("wait");
        let addr = system.spawn("a", Play::<u32>::idle());
        assert_eq!(addr.wait_timeout(ms(1)), Err(WaitError::Timeout));
        let waiting = thread::spawn({
            let addr = addr.clone();
            move || addr.wait()
        });
        drop(system.shutdown());
        assert_eq!(waiting.join().unwrap().unwrap().ended, Ended::Drained);
        // Of one that was never spawned there is no end to wait for.
        let (never, _inbox) = exeunt::mailbox::<u32>(1);
        assert_eq!(never.wait(), Err(WaitError::NotSpawned));
    });
}

#[test]
fn m5_an_actor_may_wait_for_the_end_of_another_and_a_snapshot_says_so() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("wait");
        let awaited = system.spawn("awaited", Play::<u32>::idle());
        let waiter = system.spawn("waiter", {
            let awaited = awaited.clone();
            Play::new(move |_: u32, _| Ok(tell.send(awaited.wait())?))
        });
        waiter.send(1).unwrap();
        until(|| standing(&system.handle(), "waiter").waits_for.is_some());
        let waits = standing(&system.handle(), "waiter");
        assert_eq!(waits.doing, "waiting for the end of `awaited`");
        awaited.stop();
        assert_eq!(next(&told).unwrap().name, "awaited");
        drop(system.shutdown());
    });
}

#[test]
fn f4_to_wait_for_ones_own_end_is_an_error_and_no_deadlock() {
    guarded(|| {
        let mut system = System::new("wait");
        let addr = system.spawn(
            "narcissus",
            Play::new(|_: u32, cx| {
                cx.addr().wait()?;
                Ok(())
            }),
        );
        addr.send(1).unwrap();
        let report = system.wait();
        let error = line(&report, "narcissus").error.as_deref().unwrap();
        assert!(error.contains("cannot wait for its own end"), "{error}");
    });
}

#[test]
fn d2_to_wait_for_an_end_is_interrupted_at_the_deadline() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("wait");
        system.set_stall_limit(HANG).set_grace(HANG);
        let awaited = system.spawn("awaited", Play::<u32>::idle());
        let waiter = system.actor("waiter").stall_limit(ms(50)).spawn({
            let awaited = awaited.clone();
            // It is downstream, and will not end before.
            Play::new(move |_: u32, _| Ok(tell.send(awaited.wait())?))
        });
        waiter.unwrap().send(1).unwrap();
        until(|| standing(&system.handle(), "waiter").waits_for.is_some());
        let report = system.shutdown();
        assert_eq!(next(&told), Err(WaitError::Interrupted));
        assert_eq!(line(&report, "waiter").ended, Ended::Overdue);
        assert_eq!(line(&report, "awaited").ended, Ended::Drained);
    });
}

// At random.

/// What goes through a tree of actors: work, downwards, and its results, upwards.
enum Errand {
    /// With what is left of the dice.
    Work(u64),
    Result,
}

/// An actor that hands work on to children, whom it makes when it needs them, and results to its parent.
/// It may fail of each.
struct Node {
    depth: u32,
    fails: u64,
    parent: Option<Addr<Errand>>,
    children: Vec<Addr<Errand>>,
    results: Arc<AtomicU64>,
}

impl Node {
    /// A child, or another when that has left: with a drain, say, that has come to it alone.
    fn child(&mut self, n: usize, cx: &Context<Self>) -> exeunt::Result<Addr<Errand>> {
        while self.children.len() <= n {
            let (depth, fails, results) = (self.depth - 1, self.fails, Arc::clone(&self.results));
            let parent = cx.addr();
            let restart = Restart::on_failure().intensity(u32::MAX, Duration::MAX);
            let builder = cx.actor(&format!("{}{n}", cx.name())).restart(restart);
            self.children.push(builder.capacity(1_024).spawn_with(move || Node {
                depth,
                fails,
                parent: Some(parent.clone()),
                children: Vec::new(),
                results: Arc::clone(&results),
            })?);
        }
        Ok(self.children[n].clone())
    }
}

impl Actor for Node {
    type Msg = Errand;

    fn handle(&mut self, errand: Errand, cx: &mut Context<Self>) -> exeunt::Result {
        static DICE: AtomicU64 = AtomicU64::new(0);
        let roll = DICE.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed) >> 40;
        if self.fails > 0 && roll % self.fails == 0 {
            return Err(Error::msg("planned"));
        }
        match (errand, &self.parent) {
            (Errand::Work(dice), _) if self.depth > 0 => {
                self.child((dice % 2) as usize, cx)?.send(Errand::Work(dice / 2))?;
            }
            (_, Some(parent)) => parent.send(Errand::Result)?,
            (_, None) => drop(self.results.fetch_add(1, Ordering::Relaxed)),
        }
        Ok(())
    }
}

/// Sends work to a tree that is shut down at a random moment. All of it is in the ledger.
fn tree(round: u64, fails: u64) {
    let results = Arc::new(AtomicU64::new(0));
    let mut system = System::new("tree");
    let restart = Restart::on_failure().intensity(u32::MAX, Duration::MAX);
    let root = system.actor("r").restart(restart).capacity(1_024).spawn_with({
        let results = Arc::clone(&results);
        move || Node {
            depth: 2,
            fails,
            parent: None,
            children: Vec::new(),
            results: Arc::clone(&results),
        }
    });
    let root = root.unwrap();
    let sender = thread::spawn(move || {
        (0..200).filter(|&n| root.send(Errand::Work(n)).is_ok()).count() as u64
    });
    thread::sleep(Duration::from_micros(round * 37 % 4_000));
    let report = system.shutdown();
    let accepted = sender.join().unwrap();
    let failed: u64 = report.actors.iter().map(|a| a.failed).sum();
    let done = results.load(Ordering::Relaxed);
    assert_eq!(done + failed, accepted, "round {round}: {done} done\n{report}");
    assert!(!report.is_failure() && report.refused.is_empty(), "round {round}\n{report}");
    assert!(report.is_complete(), "round {round}\n{report}");
}

#[test]
fn m1_what_goes_down_a_tree_comes_up_again_wherever_the_shutdown_finds_it() {
    guarded_for(HANG * 4, || (0..150).for_each(|round| tree(round, 0)));
}

#[test]
fn m1_what_goes_down_a_tree_whose_actors_fail_is_in_the_ledger() {
    guarded_for(HANG * 4, || (0..100).for_each(|round| tree(round, 40)));
}

#[test]
fn o3_d3_whom_somebody_given_up_leaves_behind_its_parent_waits_for() {
    guarded(|| {
        let (stuck, _keeper) = trap();
        let (slow, keeper) = trap();
        let mut system = System::new("o3");
        system.set_stall_limit(ms(200)).set_grace(ms(50));
        let (tell, told) = mpsc::channel();
        let parent = Play::idle().started(move |cx| {
            let (to, traps) = (cx.addr(), (stuck.clone(), slow.clone()));
            Ok(tell.send(spawn_one_to_be_given_up(cx, to, traps)?)?)
        });
        let parent = system.actor("parent").stall_limit(HANG).spawn(parent).unwrap();
        let child = next(&told);
        assert_eq!(keeper.catches(), "grandchild");
        child.stop();
        let report = child.wait_timeout(HANG).expect("it is given up");
        assert_eq!(report.ended, Ended::Abandoned);
        let system = thread::spawn(move || system.shutdown());
        until(|| parent.is_closed());
        keeper.opens();
        let report = system.join().unwrap();
        assert_eq!(leaving(&report), ["child", "grandchild", "parent"]);
        assert_eq!(figures(line(&report, "parent")), [1, 0, 0], "{report}");
    });
}
