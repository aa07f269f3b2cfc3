//! Clause O4: actors that declare each other drain as one, when all of them are empty and idle.
//!
//! What circulates is tokens: each is passed on a number of times, and laid down in the end. All
//! that were accepted must be laid down, wherever the shutdown finds them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use exeunt::{
    ActorSnapshot, Addr, AutoShutdown, Backoff, Context, Ended, Error, Inbox, Notice, Reason,
    Reply, Report, Restart, SendError, State, System,
};

use crate::support::dice::Dice;
use crate::support::rounds::rounds;
use crate::support::{
    HANG, NEVER, Play, figures, guarded, guarded_for, in_time, late_unless, leaving, line, ms,
    next, so_far, spawn_one_to_be_given_up, standing, trap, until,
};

/// How often a token is still to be passed on.
type Hops = u32;

type Place = (Addr<Hops>, Inbox<Hops>);

fn places(count: usize, capacity: usize) -> Vec<Place> {
    (0..count).map(|_| exeunt::mailbox(capacity)).collect()
}

/// Passes a token on, and counts it when it is laid down.
fn passer(to: Addr<Hops>, laid_down: &Arc<AtomicU64>) -> Play<Hops> {
    let laid_down = Arc::clone(laid_down);
    Play::new(move |hops, _| {
        if hops == 0 {
            laid_down.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        Ok(to.send(hops - 1)?)
    })
}

/// A ring of so many, each of which feeds the next, and the addresses of all.
fn ring(
    system: &mut System,
    count: usize,
    capacity: usize,
    laid_down: &Arc<AtomicU64>,
) -> Vec<Addr<Hops>> {
    let (addrs, inboxes): (Vec<_>, Vec<_>) = places(count, capacity).into_iter().unzip();
    for (i, inbox) in inboxes.into_iter().enumerate() {
        let to = &addrs[(i + 1) % count];
        let actor = system.actor(&format!("r{i}")).inbox(inbox).feeds(to);
        actor.spawn(passer(to.clone(), laid_down)).unwrap();
    }
    addrs
}

/// The same, but each is sent to through an inbox beside its own mailbox. The addresses are those of the inboxes.
fn ring_of_inboxes(
    system: &mut System,
    count: usize,
    capacity: usize,
    laid_down: &Arc<AtomicU64>,
) -> Vec<Addr<Hops>> {
    let own = places(count, 1);
    let wired: Vec<Addr<Hops>> = own.iter().map(|(addr, _)| addr.clone()).collect();
    let (beside, inboxes): (Vec<_>, Vec<_>) = places(count, capacity).into_iter().unzip();
    for (i, ((_, own_inbox), inbox)) in own.into_iter().zip(inboxes).enumerate() {
        let mut inbox = Some(inbox);
        let player = passer(beside[(i + 1) % count].clone(), laid_down).started(move |cx| {
            cx.attach_inbox(inbox.take().unwrap(), |hops| hops);
            Ok(())
        });
        let actor = system.actor(&format!("r{i}")).inbox(own_inbox);
        actor.feeds(&wired[(i + 1) % count]).spawn(player).unwrap();
    }
    beside
}

/// What a system says about circles.
fn cycles(system: &mut System) -> Receiver<Vec<(usize, String)>> {
    let (tell, told) = mpsc::channel();
    system.observe(move |notice| {
        if let Notice::Cycle { actors } = notice {
            let _ = tell.send(actors.iter().map(|who| (who.id, who.name.clone())).collect());
        }
    });
    told
}

#[test]
fn o4_what_circulates_at_the_shutdown_goes_all_its_way() {
    for count in [2, 3] {
        guarded(move || {
            let laid_down = Arc::new(AtomicU64::new(0));
            let mut system = System::new("o4");
            let ring = ring(&mut system, count, 64, &laid_down);
            for n in 0..20 {
                ring[n % count].send(1_000).unwrap();
            }
            let report = system.shutdown();
            assert!(report.is_complete() && report.refused.is_empty(), "{report}");
            assert_eq!(laid_down.load(Ordering::Relaxed), 20);
            assert_eq!(report.actors.iter().map(|a| a.handled).sum::<u64>(), 20 * 1_001);
            assert!(report.actors.iter().all(|a| a.ended == Ended::Drained), "{report}");
        });
    }
}

#[test]
fn o4_the_inboxes_beside_those_of_a_ring_are_read_out_and_closed_with_it() {
    for count in [2, 3] {
        guarded(move || {
            let laid_down = Arc::new(AtomicU64::new(0));
            let mut system = System::new("o4");
            let beside = ring_of_inboxes(&mut system, count, 64, &laid_down);
            for n in 0..20 {
                beside[n % count].send(1_000).unwrap();
            }
            let report = system.shutdown();
            assert!(report.is_complete() && report.refused.is_empty(), "{report}");
            assert_eq!(laid_down.load(Ordering::Relaxed), 20);
            assert_eq!(report.actors.iter().map(|a| a.handled).sum::<u64>(), 20 * 1_001);
            assert!(report.actors.iter().all(|a| a.ended == Ended::Drained), "{report}");
            for (i, addr) in beside.iter().enumerate() {
                assert_eq!(addr.send(0), Err(SendError::Closed(0, format!("r{i}").into())));
            }
        });
    }
}

/// A task of one of them sends in its own turn, when the ring has closed for others. Each waits asleep while the other is slow,
/// so that what lies in an inbox is often all that there is to do.
#[test]
fn o4_what_comes_into_the_inboxes_of_a_ring_that_closes_goes_all_its_way() {
    guarded(|| {
        let laid_down = Arc::new(AtomicU64::new(0));
        let mut system = System::new("o4");
        let [(a, a_own), (b, b_own)] = [(); 2].map(|()| exeunt::mailbox::<Hops>(1));
        let [(to_a, a_beside), (to_b, b_beside)] = [(); 2].map(|()| exeunt::mailbox::<Hops>(4));
        let slow_passer = |to: Addr<Hops>| {
            let laid_down = Arc::clone(&laid_down);
            Play::new(move |hops: Hops, cx| {
                cx.sleep(Duration::from_micros(200))?;
                match hops {
                    0 => drop(laid_down.fetch_add(1, Ordering::Relaxed)),
                    _ => to.send(hops - 1)?,
                }
                Ok(())
            })
        };
        let (mut beside, late) = (Some(a_beside), to_b.clone());
        let with_child = slow_passer(to_b.clone()).started(move |cx| {
            cx.attach_inbox(beside.take().unwrap(), |hops| hops);
            let late = late.clone();
            cx.spawn_task("child", move |cx| {
                cx.stopping().wait();
                Ok(late.send(500)?)
            });
            Ok(())
        });
        system.actor("a").inbox(a_own).feeds(&b).spawn(with_child).unwrap();
        let mut beside = Some(b_beside);
        let other = slow_passer(to_a.clone()).started(move |cx| {
            cx.attach_inbox(beside.take().unwrap(), |hops| hops);
            Ok(())
        });
        system.actor("b").inbox(b_own).feeds(&a).spawn(other).unwrap();
        let report = system.shutdown();
        assert!(report.is_complete() && report.refused.is_empty(), "{report}");
        assert_eq!(laid_down.load(Ordering::Relaxed), 1, "{report}");
        assert_eq!(line(&report, "a").handled + line(&report, "b").handled, 501, "{report}");
        assert!(to_a.is_closed() && to_b.is_closed());
    });
}

#[test]
fn o4_a_ring_that_is_idle_leaves_at_once() {
    guarded(|| {
        let mut system = System::new("o4");
        system.set_stall_limit(HANG); // it does not leave by that
        let _ring = ring(&mut system, 3, 4, &Arc::default());
        let report = system.shutdown();
        assert!(report.is_complete(), "{report}");
        assert!(report.took < HANG / 2, "{report}");
    });
}

#[test]
fn o4_the_circle_is_named_once_when_it_is_wired() {
    guarded(|| {
        let mut system = System::new("o4");
        let told = cycles(&mut system);
        let _ring = ring(&mut system, 3, 4, &Arc::default());
        let members = next(&told);
        drop(system.shutdown());
        assert_eq!(members, [(2, "r2"), (0, "r0"), (1, "r1")].map(|(id, r)| (id, r.to_owned())));
        assert_eq!(so_far(&told).len(), 0);
    });
}

#[test]
fn o4_a_ring_has_its_turn_after_its_upstream_and_before_its_downstream() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("o4");
        let out = Arc::new(AtomicU64::new(0));
        let sink = system.actor("sink").feeds_nothing();
        let sink = sink.spawn(passer_of_last(&out)).unwrap();
        let (addrs, inboxes): (Vec<_>, Vec<_>) = places(3, 64).into_iter().unzip();
        for (i, inbox) in inboxes.into_iter().enumerate() {
            let (to, sink) = (addrs[(i + 1) % 3].clone(), sink.clone());
            let actor = system.actor(&format!("r{i}")).inbox(inbox).feeds(&to).feeds(&sink);
            let pass = move |hops: Hops, _: &mut _| match hops {
                0 => Ok(sink.send(0)?),
                _ => Ok(to.send(hops - 1)?),
            };
            actor.spawn(Play::new(pass)).unwrap();
        }
        let entry = addrs[0].clone();
        let source = system.actor("source").feeds(&entry).spawn({
            Play::new(move |hops, _| {
                trap.walk_in();
                Ok(entry.send(hops)?)
            })
        });
        let source = source.unwrap();
        (0..50).for_each(|_| source.send(100).unwrap());
        keeper.catches();
        let handle = system.handle();
        handle.shutdown();
        until(|| standing(&handle, "source").state == State::Draining);
        // Its upstream is caught, so that the turn of the ring has not come.
        assert!((0..3).all(|i| standing(&handle, &format!("r{i}")).state == State::Working));
        keeper.opens();
        let report = system.shutdown();
        assert!(report.is_complete() && report.refused.is_empty(), "{report}");
        assert_eq!(out.load(Ordering::Relaxed), 50);
        let order = leaving(&report);
        assert_eq!((order[0], order[4]), ("source", "sink"));
    });
}

/// Where tokens are laid down.
fn passer_of_last(laid_down: &Arc<AtomicU64>) -> Play<Hops> {
    let laid_down = Arc::clone(laid_down);
    Play::new(move |_, _| {
        laid_down.fetch_add(1, Ordering::Relaxed);
        Ok(())
    })
}

#[test]
fn o4_a_ring_that_never_comes_to_rest_ends_with_the_budget() {
    let attempt = |slower| {
        let mut system = System::new("perpetuum");
        system.set_drain_budget(ms(300) * slower).set_grace(HANG);
        let ring = ring(&mut system, 2, 4, &Arc::default());
        let sink = system.actor("sink").feeds_nothing().spawn(Play::<()>::idle()).unwrap();
        ring[0].send(Hops::MAX).unwrap();
        let report = system.shutdown();
        assert!(!report.is_complete());
        for name in ["r0", "r1"] {
            assert_eq!(line(&report, name).ended, Ended::Overdue, "{report}");
        }
        assert_eq!(report.reason, Reason::Shutdown);
        // The one token is accounted for, wherever it was.
        let accepted: u64 = report.actors.iter().map(|a| figures(a).iter().sum::<u64>()).sum();
        let handled: u64 = report.actors.iter().map(|a| a.handled).sum();
        assert!(accepted == handled + 1 || accepted == handled, "{report}");
        drop(sink);
        late_unless(line(&report, "sink").ended == Ended::Drained, &report)
    };
    guarded(move || in_time(attempt));
}

#[test]
fn o4_a_ring_that_is_stuck_on_full_mailboxes_meets_the_stall_limit() {
    for round in 0..20 {
        guarded(move || {
            let mut system = System::new("locked");
            system.set_stall_limit(ms(50)).set_grace(HANG);
            let (addrs, inboxes): (Vec<_>, Vec<_>) = places(2, 1).into_iter().unzip();
            // Before they are there: once they are, there may never be room for the second any more.
            addrs.iter().for_each(|addr| addr.send(1).unwrap());
            for (i, inbox) in inboxes.into_iter().enumerate() {
                let to = addrs[1 - i].clone();
                let actor = system.actor(&format!("r{i}")).inbox(inbox).feeds(&to);
                // Two for each that comes.
                let double = move |n: Hops, _: &mut _| {
                    to.send(n)?;
                    Ok(to.send(n)?)
                };
                actor.spawn(Play::new(double)).unwrap();
            }
            let handle = system.handle();
            until(|| ["r0", "r1"].iter().all(|name| standing(&handle, name).waits_for.is_some()));
            let report = system.shutdown();
            for name in ["r0", "r1"] {
                let ended = line(&report, name).ended;
                assert_eq!(ended, Ended::Overdue, "{name} in round {round}\n{report}");
            }
            assert!(!report.is_failure(), "{report}");
            assert!(report.refused.is_empty(), "{report}");
        });
    }
}

#[test]
fn o4_a_ring_that_waits_for_an_answer_is_not_at_rest() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("patient");
        let oracle = system.actor("oracle").feeds_nothing().spawn(Play::new({
            move |reply: exeunt::Reply<Hops>, _| {
                trap.walk_in();
                let _ = reply.send(7);
                Ok(())
            }
        }));
        let oracle = oracle.unwrap();
        let laid_down = Arc::new(AtomicU64::new(0));
        let (mut addrs, mut inboxes): (Vec<_>, Vec<_>) = places(2, 4).into_iter().unzip();
        let (b, a) = (addrs.pop().unwrap(), addrs.pop().unwrap());
        let (b_inbox, a_inbox) = (inboxes.pop().unwrap(), inboxes.pop().unwrap());
        let asker = Play::new({
            let (b, oracle) = (b.clone(), oracle.clone());
            move |_: Hops, cx| {
                let b = b.clone();
                cx.ask_then(&oracle, |reply| reply, move |_, answer, _| Ok(b.send(answer?)?))?;
                Ok(())
            }
        });
        system.actor("a").inbox(a_inbox).feeds(&b).feeds(&oracle).spawn(asker).unwrap();
        let builder = system.actor("b").inbox(b_inbox).feeds(&a);
        builder.spawn(passer_of_last(&laid_down)).unwrap();
        a.send(0).unwrap();
        keeper.catches();
        let handle = system.handle();
        handle.shutdown();
        // A ring at rest is gone within a few milliseconds.
        until(|| handle.is_draining());
        thread::sleep(crate::support::NEVER);
        keeper.opens();
        let report = system.shutdown();
        assert!(report.is_complete() && report.refused.is_empty(), "{report}");
        assert!(!report.is_failure(), "{report}");
        assert_eq!(laid_down.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn o4_a_ring_with_a_timer_is_at_rest_between_its_ticks() {
    guarded(|| {
        let mut system = System::new("ticking");
        let (mut addrs, mut inboxes): (Vec<_>, Vec<_>) = places(2, 4).into_iter().unzip();
        let (b, a) = (addrs.pop().unwrap(), addrs.pop().unwrap());
        let (b_inbox, a_inbox) = (inboxes.pop().unwrap(), inboxes.pop().unwrap());
        let to = b.clone();
        let ticker = Play::new(move |n: Hops, _| Ok(to.send(n)?)).started(|cx| {
            cx.send_every(ms(20), || 1);
            cx.send_after(Duration::from_secs(3_600), 2);
            Ok(())
        });
        system.actor("a").inbox(a_inbox).feeds(&b).spawn(ticker).unwrap();
        system.actor("b").inbox(b_inbox).feeds(&a).spawn(Play::idle()).unwrap();
        until(|| standing(&system.handle(), "b").handled > 0);
        let report = system.shutdown();
        assert!(report.is_complete() && report.refused.is_empty(), "{report}");
        assert_eq!(line(&report, "a").cancelled, 1);
        assert_eq!(line(&report, "a").handled, line(&report, "b").handled);
    });
}

#[test]
fn o4_a_member_that_fails_does_not_hold_up_the_others() {
    guarded(|| {
        let mut system = System::new("broken");
        let (mut addrs, mut inboxes): (Vec<_>, Vec<_>) = places(2, 4).into_iter().unzip();
        let (b, a) = (addrs.pop().unwrap(), addrs.pop().unwrap());
        let (b_inbox, a_inbox) = (inboxes.pop().unwrap(), inboxes.pop().unwrap());
        let failing = Play::new(|_: Hops, _| Err(exeunt::Error::msg("planned")));
        system.actor("a").inbox(a_inbox).feeds(&b).spawn(failing).unwrap();
        system.actor("b").inbox(b_inbox).feeds(&a).spawn(Play::idle()).unwrap();
        a.send(1).unwrap();
        let report = system.wait();
        assert_eq!(line(&report, "a").ended, Ended::Failed);
        assert_eq!(line(&report, "b").ended, Ended::Drained);
        drop(b);
    });
}

#[test]
fn o4_siblings_may_be_a_ring_too() {
    guarded(|| {
        let laid_down = Arc::new(AtomicU64::new(0));
        let mut system = System::new("family");
        let parent = system.spawn("parent", {
            let laid_down = Arc::clone(&laid_down);
            let mut first = None;
            Play::new(move |hops: Hops, cx| {
                let (a, a_inbox) = exeunt::mailbox(4);
                let (b, b_inbox) = exeunt::mailbox(4);
                if first.is_none() {
                    let actor = cx.actor("a").inbox(a_inbox).feeds(&b);
                    actor.spawn(passer(b.clone(), &laid_down))?;
                    let actor = cx.actor("b").inbox(b_inbox).feeds(&a);
                    actor.spawn(passer(a.clone(), &laid_down))?;
                    first = Some(a);
                }
                Ok(first.iter().try_for_each(|first| first.send(hops))?)
            })
        });
        (0..5).for_each(|_| parent.send(500).unwrap());
        let report = system.shutdown();
        assert!(report.is_complete() && report.refused.is_empty(), "{report}");
        assert_eq!(laid_down.load(Ordering::Relaxed), 5);
        assert_eq!(leaving(&report)[2], "parent");
    });
}

#[test]
fn o4_children_that_feed_each_others_parents_make_a_ring_of_the_parents() {
    guarded(|| {
        let mut system = System::new("cousins");
        let (a, a_inbox) = exeunt::mailbox::<Hops>(64);
        let (b, b_inbox) = exeunt::mailbox::<Hops>(64);
        for (name, inbox, other) in [("a", a_inbox, b.clone()), ("b", b_inbox, a.clone())] {
            let mut child = None;
            let actor = system.actor(name).inbox(inbox).feeds_nothing();
            let parent = Play::new(move |hops: Hops, cx| {
                if child.is_none() {
                    let actor = cx.actor(&format!("child of {name}")).feeds(&other);
                    child = Some(actor.spawn(passer(other.clone(), &Arc::default()))?);
                }
                Ok(child.iter().try_for_each(|child| child.send(hops))?)
            });
            actor.spawn(parent).unwrap();
        }
        // So that both have their children.
        a.send(0).unwrap();
        b.send(0).unwrap();
        until(|| system.snapshot().iter().map(|a| a.handled).sum::<u64>() == 4);
        let report = system.shutdown();
        assert!(report.is_complete() && report.refused.is_empty(), "{report}");
    });
}

#[test]
fn o4_tokens_at_random_are_conserved() {
    guarded_for(HANG * 4, || rounds(200, tokens_at_random));
}

/// Tokens of two senders in a ring that is shut down meanwhile, all of it thrown from the number of the round.
fn tokens_at_random(round: u64) {
    let mut dice = Dice::new(round);
    let count = 2 + dice.below(4);
    let laid_down = Arc::new(AtomicU64::new(0));
    let mut system = System::new("random");
    let wire = if dice.below(2) == 0 { ring } else { ring_of_inboxes };
    let ring = wire(&mut system, count, 256, &laid_down);
    let senders = [0, 1].map(|n| {
        let ring = ring.clone();
        let (hops, pause) = (dice.below(200), dice.below(50));
        thread::spawn(move || {
            let mut accepted = 0_u64;
            for i in 0..60 {
                accepted += u64::from(ring[(i + n) % count].send(hops).is_ok());
                if i == pause {
                    thread::yield_now();
                }
            }
            accepted
        })
    });
    thread::sleep(dice.micros_below(3_000));
    let report = system.shutdown();
    let accepted: u64 = senders.into_iter().map(|sender| sender.join().unwrap()).sum();
    assert!(report.refused.is_empty(), "round {round}\n{report}");
    assert!(report.is_complete() && !report.is_failure(), "round {round}\n{report}");
    assert_eq!(laid_down.load(Ordering::Relaxed), accepted, "round {round}\n{report}");
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn o4_while_threads_are_held_up_tokens_are_conserved_as_well() {
    crate::support::jitter::while_held_up("rings::o4_tokens_at_random");
}

#[test]
fn o4_a_ring_is_not_at_rest_while_a_child_of_it_works() {
    guarded(|| {
        let mut system = System::new("busy child");
        let (trap, keeper) = trap();
        let (tell, told) = mpsc::channel();
        let [(a, a_inbox), (b, b_inbox)] = [(); 2].map(|()| exeunt::mailbox::<u32>(8));
        let to_b = b.clone();
        let parent = Play::<u32>::idle().started(move |cx| {
            let (trap, to_b) = (trap.clone(), to_b.clone());
            let child = cx.actor("child").feeds(&to_b.clone()).spawn(Play::new(move |n, _| {
                trap.walk_in();
                Ok(to_b.send(n)?)
            }))?;
            Ok(tell.send(child)?)
        });
        system.actor("a").inbox(a_inbox).feeds(&b).spawn(parent).unwrap();
        system.actor("b").inbox(b_inbox).feeds(&a).spawn(Play::<u32>::idle()).unwrap();
        let child: Addr<u32> = next(&told);
        child.send(1).unwrap();
        keeper.catches();
        let (tell, turns) = mpsc::channel();
        system.observe(move |notice| {
            if let Notice::Draining { name, .. } = notice {
                let _ = tell.send(name.clone());
            }
        });
        system.handle().shutdown();
        // The ring has its turn; without a look at the child it would close two looks later.
        next(&turns);
        next(&turns);
        thread::sleep(ms(50));
        keeper.opens();
        let report = system.wait();
        assert_eq!(figures(line(&report, "b")), [1, 0, 0], "{report}");
        assert!(report.is_complete() && report.refused.is_empty(), "{report}");
    });
}

#[test]
fn o4_one_that_begins_anew_in_its_turn_is_there_for_the_others_of_its_ring() {
    guarded(|| {
        let mut system = System::new("anew");
        let [(a, a_inbox), (b, b_inbox)] = [(); 2].map(|()| exeunt::mailbox::<u32>(8));
        // Its child's goodbye: `b` fails at the first, and has nothing else to do then.
        let (to_b, handle) = (b.clone(), system.handle());
        let goodbye = move |_: &mut Context<Play<u32>>| {
            to_b.send(0)?;
            until(|| {
                let b = standing(&handle, "b");
                b.failed == 1 && (b.restarts == 1 || b.state == State::Ended)
            });
            Ok(to_b.send(1)?)
        };
        let (tell, told) = mpsc::channel();
        let parent = Play::<u32>::idle().started(move |cx| {
            let child = Play::<u32>::idle().stopped(goodbye.clone());
            Ok(tell.send(cx.actor("child").feeds_nothing().spawn(child)?)?)
        });
        system.actor("a").inbox(a_inbox).feeds(&b).spawn(parent).unwrap();
        let _child: Addr<u32> = next(&told);
        let restart = Restart::on_failure().intensity(1, HANG);
        let failing = || {
            Play::new(|n: u32, _| match n {
                0 => Err(exeunt::Error::msg("planned")),
                _ => Ok(()),
            })
        };
        system.actor("b").inbox(b_inbox).feeds(&a).restart(restart).spawn_with(failing).unwrap();
        let report = system.shutdown();
        assert_eq!(figures(line(&report, "b")), [1, 1, 0], "{report}");
        assert!(report.is_complete() && report.refused.is_empty(), "{report}");
    });
}

#[test]
fn o4_who_waits_for_room_with_one_of_its_ring_waits_on_while_that_one_begins_anew() {
    guarded(|| {
        let mut system = System::new("room");
        let [(a, a_inbox), (b, b_inbox)] = [(); 2].map(|()| exeunt::mailbox::<u32>(1));
        let (to_b, (tell, told)) = (b.clone(), mpsc::channel());
        let waits = Play::<u32>::idle().started(move |cx| {
            let to_b = to_b.clone();
            // `b` fails at the first, with the second in its mailbox, while this one waits to send the third.
            let goodbye =
                move |_: &mut Context<Play<u32>>| Ok((0..3).try_for_each(|n| to_b.send(n))?);
            let child = Play::<u32>::idle().stopped(goodbye);
            Ok(tell.send(cx.actor("waits").feeds_nothing().spawn(child)?)?)
        });
        system.actor("a").inbox(a_inbox).feeds(&b).spawn(waits).unwrap();
        let _waits: Addr<u32> = next(&told);
        let handle = system.handle();
        let mut incarnations = 0;
        let failing = move || {
            incarnations += 1;
            let (is_first, its_handle, childs_handle) =
                (incarnations == 1, handle.clone(), handle.clone());
            let player = Play::new(move |n: u32, _| {
                if n > 0 {
                    return Ok(());
                }
                until(|| standing(&its_handle, "waits").waits_for.is_some());
                Err(Error::msg("planned"))
            });
            let mut kept: Vec<Addr<u32>> = Vec::new();
            player.started(move |cx| {
                let handle = childs_handle.clone();
                let child = Play::<u32>::idle().stopped(move |_| {
                    until(|| standing(&handle, "b").failed == 1);
                    thread::sleep(NEVER);
                    Ok(())
                });
                let child = is_first.then(|| cx.actor("awaited").feeds_nothing().spawn(child));
                // Without an address it would end by itself.
                kept.extend(child.transpose()?);
                Ok(())
            })
        };
        let restart = Restart::on_failure().intensity(1, HANG);
        system.actor("b").inbox(b_inbox).feeds(&a).restart(restart).spawn_with(failing).unwrap();
        let report = system.shutdown();
        assert_eq!(figures(line(&report, "b")), [2, 1, 0], "{report}");
        assert!(report.is_complete() && report.refused.is_empty(), "{report}");
        assert_eq!(line(&report, "waits").ended, Ended::Drained, "{report}");
    });
}

/// Two that fail in their turn, each on what a child of the other has for it, when it awaits its own.
#[test]
fn m4_o4_f1_nobody_waits_for_room_with_one_of_its_ring_that_has_failed_and_awaits_its_children() {
    let accepted = Arc::new(AtomicU64::new(0));
    let by_both = Arc::clone(&accepted);
    let report = guarded(move || {
        let (in_handler, of_parents) = trap();
        let (on_leaving, of_children) = trap();
        let (tell, told) = mpsc::channel();
        let mut system = System::new("m4");
        let [(a, a_inbox), (b, b_inbox)] = [(); 2].map(|()| exeunt::mailbox::<u32>(1));
        for (name, inbox, other) in [("a", a_inbox, &b), ("b", b_inbox, &a)] {
            let (in_handler, on_leaving, tell) =
                (in_handler.clone(), on_leaving.clone(), tell.clone());
            let (to, accepted) = (other.clone(), Arc::clone(&by_both));
            let player = Play::new(move |_, _| {
                in_handler.walk_in();
                Err(Error::msg("planned"))
            });
            let player = player.started(move |cx| {
                let (to, on_leaving) = (to.clone(), on_leaving.clone());
                let accepted = Arc::clone(&accepted);
                let child = Play::<()>::idle().stopped(move |_| {
                    on_leaving.walk_in();
                    // The first is in its hands, the second in its mailbox.
                    let sent = (0..3).take_while(|&n| to.send(n).is_ok()).count() as u64;
                    accepted.fetch_add(sent, Ordering::Relaxed);
                    Ok(())
                });
                Ok(tell.send(cx.actor("child").feeds_nothing().spawn(child)?)?)
            });
            system.actor(name).inbox(inbox).feeds(other).spawn(player).unwrap();
        }
        let _children = [next(&told), next(&told)];
        let handle = system.handle();
        handle.shutdown();
        (0..2).for_each(|_| drop(of_children.catches()));
        of_children.opens();
        (0..2).for_each(|_| drop(of_parents.catches()));
        until(|| {
            let all = handle.snapshot();
            let waits = |actor: &&ActorSnapshot| actor.doing.starts_with("sending to");
            let parents = all.iter().filter(|actor| actor.parent.is_none());
            all.iter().filter(waits).count() == 2 && parents.map(|p| p.queued).eq([1, 1])
        });
        of_parents.opens();
        system.wait()
    });
    let [a, b] = ["a", "b"].map(|name| figures(line(&report, name)));
    assert_eq!(([a[0], a[1]], [b[0], b[1]]), ([0, 1], [0, 1]), "{report}");
    assert_eq!(2 + a[2] + b[2], accepted.load(Ordering::Relaxed), "{report}");
    assert!(report.actors.iter().all(|actor| actor.ended != Ended::Overdue), "{report}");
}

/// Two that feed each other. What comes to `a` is passed on to `b`, and `a` sees to it that there is always more.
fn a_ring_with_more_to_do(a_player: impl FnOnce(Addr<u32>) -> Play<u32>) -> Report {
    let mut system = System::new("busy");
    let [(a, a_inbox), (b, b_inbox)] = [(); 2].map(|()| exeunt::mailbox::<u32>(8));
    system.actor("a").inbox(a_inbox).feeds(&b).spawn(a_player(b.clone())).unwrap();
    system.actor("b").inbox(b_inbox).feeds(&a).spawn(Play::<u32>::idle()).unwrap();
    until(|| standing(&system.handle(), "b").handled > 0);
    let report = system.shutdown();
    assert!(report.is_complete() && report.refused.is_empty(), "{report}");
    assert_eq!(line(&report, "a").handled, line(&report, "b").handled, "{report}");
    report
}

#[test]
fn o4_timers_of_a_ring_end_when_its_turn_begins() {
    guarded(|| {
        let again = |cx: &mut Context<Play<u32>>| {
            cx.send_after(Duration::ZERO, 0);
            Ok(())
        };
        let report = a_ring_with_more_to_do(|b| {
            Play::new(move |n, cx| {
                b.send(n)?;
                again(cx)
            })
            .started(again)
        });
        assert_eq!(line(&report, "a").cancelled, 1, "{report}");
    });
}

#[test]
fn o4_of_the_channels_of_a_ring_what_is_queued_when_its_turn_begins_is_taken() {
    guarded(|| {
        let (sender, receiver) = crossbeam_channel::unbounded();
        let left = receiver.clone();
        drop(a_ring_with_more_to_do(|b| {
            sender.send(0).unwrap();
            let passer = Play::new(move |n, _| {
                sender.send(n)?;
                Ok(b.send(n)?)
            });
            passer.started(move |cx| {
                cx.attach(receiver.clone(), |n| n);
                Ok(())
            })
        }));
        assert_eq!(left.len(), 1);
    });
}

#[test]
fn o4_in_its_turn_one_of_a_ring_may_still_send_to_itself_and_another_may_not() {
    /// Its child has a word for it on the way out, when its turn has come, and it two for itself after that.
    fn parent(tell: &mpsc::Sender<Result<(), SendError<u32>>>) -> Play<u32> {
        let tell = tell.clone();
        let player = Play::new(move |left: u32, cx| {
            assert!(cx.stopping().is_set(), "its turn has not come");
            if left > 0 {
                tell.send(cx.addr().send(left - 1))?;
            }
            Ok(())
        });
        let mut children = Vec::new();
        player.started(move |cx| {
            let parent = cx.addr();
            let last_word = Play::<()>::idle().stopped(move |_| Ok(parent.send(2)?));
            children.push(cx.actor("child").feeds_nothing().spawn(last_word)?);
            Ok(())
        })
    }
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("o4");
        let (mut addrs, inboxes): (Vec<_>, Vec<_>) = places(2, 4).into_iter().unzip();
        let (b, a) = (addrs.pop().unwrap(), addrs.pop().unwrap());
        let builders = [("a", &b), ("b", &a)];
        for ((name, to), inbox) in builders.into_iter().zip(inboxes) {
            system.actor(name).inbox(inbox).feeds(to).spawn(parent(&tell)).unwrap();
        }
        let alone = system.actor("alone").feeds_nothing().spawn(parent(&tell)).unwrap();
        let report = system.shutdown();
        let handled = ["a", "b", "alone"].map(|name| line(&report, name).handled);
        assert_eq!(handled, [3, 3, 1], "{report}");
        assert!(report.is_complete() && report.refused.is_empty(), "{report}");
        let mut refused = so_far(&told);
        refused.retain(Result::is_err);
        assert_eq!(refused, [Err(SendError::Closed(1, "alone".into()))]);
        drop((a, b, alone));
    });
}

#[test]
fn o4_timers_of_a_rings_children_end_when_its_turn_begins() {
    guarded(|| {
        drop(a_ring_with_more_to_do(|b| {
            Play::new(move |n, _| Ok(b.send(n)?)).started(|cx| {
                let parent = cx.addr().downgrade();
                let again = |cx: &mut Context<Play<u32>>| {
                    cx.send_after(Duration::ZERO, 0);
                    Ok(())
                };
                let child = Play::new(move |n, cx| {
                    parent.upgrade().map_or(Ok(()), |parent| parent.send(n))?;
                    again(cx)
                });
                cx.actor("child").feeds_nothing().spawn(child.started(again))?;
                Ok(())
            })
        }));
    });
}

#[test]
fn o4_d3_a_ring_is_not_at_rest_before_those_are_whom_somebody_given_up_has_left_behind() {
    guarded(|| {
        let (stuck, _keeper) = trap();
        let (slow, keeper) = trap();
        let mut system = System::new("o4");
        system.set_stall_limit(ms(200)).set_grace(ms(50));
        let (a, a_inbox) = exeunt::mailbox::<u32>(8);
        let (b, b_inbox) = exeunt::mailbox::<u32>(8);
        let (tell, told) = mpsc::channel();
        let ours = Play::new({
            let b = b.clone();
            move |n, _| Ok(b.send(n)?)
        });
        let to = a.clone();
        let ours = ours.started(move |cx| {
            let traps = (stuck.clone(), slow.clone());
            Ok(tell.send(spawn_one_to_be_given_up(cx, to.clone(), traps)?)?)
        });
        let builder = system.actor("a").inbox(a_inbox).stall_limit(HANG).feeds(&b);
        builder.spawn(ours).unwrap();
        let builder = system.actor("b").inbox(b_inbox).stall_limit(HANG).feeds(&a);
        builder.spawn(Play::idle()).unwrap();
        let child = next(&told);
        assert_eq!(keeper.catches(), "grandchild");
        child.stop();
        assert!(child.wait_timeout(HANG).is_ok_and(|report| report.ended == Ended::Abandoned));
        let handle = system.handle();
        handle.shutdown();
        until(|| handle.is_draining());
        thread::sleep(NEVER);
        assert!(!a.is_closed() && !b.is_closed());
        keeper.opens();
        let report = system.wait();
        let handled = ["a", "b"].map(|name| line(&report, name).handled);
        assert_eq!((handled, report.refused.len()), ([1, 1], 0), "{report}");
    });
}

/// A child that has still something for `to` when it leaves. Those whom it is for are not to leave meanwhile.
fn spawn_one_who_says_goodbye(cx: &mut Context<Play<u32>>, to: &Addr<u32>) -> Addr<()> {
    let to = to.clone();
    let child = Play::idle().stopped(move |_| {
        thread::sleep(NEVER);
        Ok(to.send(1)?)
    });
    let builder = cx.actor("child").stall_limit(HANG).feeds_nothing();
    builder.spawn(child).unwrap()
}

/// Two who feed each other, of whom `b` only takes what comes. What `b` handled, and how `a` ended, if `a` is spawned so.
fn goodbyes_to_b(
    spawn_a: impl FnOnce(&mut System, Inbox<u32>, &Addr<u32>),
    bring_down: impl FnOnce(&System, &Addr<u32>),
) -> (u64, Ended) {
    let mut system = System::new("o4");
    system.set_grace(ms(50));
    let [(a, a_inbox), (b, b_inbox)] = [(); 2].map(|()| exeunt::mailbox(8));
    spawn_a(&mut system, a_inbox, &b);
    let builder = system.actor("b").inbox(b_inbox).stall_limit(HANG).feeds(&a);
    builder.spawn(Play::<u32>::idle()).unwrap();
    a.send(0).unwrap();
    bring_down(&system, &a);
    let report = system.shutdown();
    assert!(report.refused.is_empty(), "{report}");
    (line(&report, "b").handled, line(&report, "a").ended)
}

#[test]
fn o4_f1_a_ring_in_its_turn_waits_for_the_children_of_one_of_it_that_fails() {
    guarded(|| {
        let spawn_a = |system: &mut System, inbox, b: &Addr<u32>| {
            let (b, mut incarnations) = (b.clone(), 0);
            let backoff = Backoff::exponential(HANG, HANG);
            let restart = Restart::on_failure().intensity(1, HANG).backoff(backoff);
            let builder = system.actor("a").inbox(inbox).feeds(&b).restart(restart);
            let make = move || {
                incarnations += 1;
                // The second is made in its turn, which cuts the backoff short, and is the last.
                let (is_second, b) = (incarnations == 2, b.clone());
                Play::new(|_, _| Err(Error::msg("too much"))).started(move |cx| {
                    if is_second {
                        spawn_one_who_says_goodbye(cx, &b);
                        return Err(Error::msg("much too much"));
                    }
                    Ok(())
                })
            };
            builder.spawn_with(make).unwrap();
        };
        let rests = |system: &System, _: &Addr<u32>| {
            until(|| standing(&system.handle(), "a").state == State::Restarting);
        };
        assert_eq!(goodbyes_to_b(spawn_a, rests), (1, Ended::Failed));
    });
}

#[test]
fn o4_d3_a_ring_is_not_at_rest_before_the_children_have_left_of_one_of_it_that_was_given_up() {
    guarded(|| {
        let (stuck, keeper) = trap();
        let spawn_a = |system: &mut System, inbox, b: &Addr<u32>| {
            let (to, mut children) = (b.clone(), Vec::new());
            let player = Play::new(move |_, _| {
                stuck.walk_in();
                Ok(())
            });
            let player = player.started(move |cx| {
                children.push(spawn_one_who_says_goodbye(cx, &to));
                Ok(())
            });
            let builder = system.actor("a").inbox(inbox).stall_limit(ms(100)).feeds(b);
            builder.spawn(player).unwrap();
        };
        let hangs = |_: &System, _: &Addr<u32>| drop(keeper.catches());
        assert_eq!(goodbyes_to_b(spawn_a, hangs), (1, Ended::Abandoned));
    });
}

#[test]
fn o4_who_was_told_to_leave_alone_leaves_with_its_ring_though_all_others_have_left_before() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (a, a_inbox) = exeunt::mailbox::<u32>(8);
        let (b, b_inbox) = exeunt::mailbox::<u32>(8);
        let mut system = System::new("o4");
        system.set_stall_limit(HANG);
        let parent = Play::idle().started(move |cx| {
            let trap = trap.clone();
            cx.spawn_task("child", move |_| {
                trap.walk_in();
                Ok(())
            });
            Ok(())
        });
        system.actor("a").inbox(a_inbox).feeds(&b).spawn(parent).unwrap();
        let builder = system.actor("b").inbox(b_inbox).feeds(&a).drain_deadline(ms(20));
        builder.spawn(Play::idle()).unwrap();
        keeper.catches();
        a.stop();
        let handle = system.handle();
        until(|| standing(&handle, "a").doing.contains("children"));
        handle.shutdown();
        assert_eq!(b.wait_timeout(HANG).unwrap().ended, Ended::Overdue);
        keeper.opens();
        let report = system.wait();
        assert_eq!(line(&report, "a").ended, Ended::Drained, "{report}");
    });
}

#[test]
fn o4_one_of_a_ring_that_begins_anew_awaits_no_answers_of_the_incarnation_before() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("o4");
        system.set_stall_limit(ms(5_000)); // it does not leave by that
        let mut kept = Vec::new();
        let oracle = Play::new(move |reply: Reply<u32>, _| {
            kept.push(reply);
            Ok(tell.send(())?)
        });
        let oracle = system.actor("oracle").feeds_nothing().spawn(oracle).unwrap();
        let (a, a_inbox) = exeunt::mailbox::<bool>(8);
        let (b, b_inbox) = exeunt::mailbox::<u32>(8);
        let restart = Restart::on_failure().intensity(9, HANG);
        let builder = system.actor("a").inbox(a_inbox).feeds(&b).feeds(&oracle).restart(restart);
        let make = move || {
            let oracle = oracle.clone();
            Play::new(move |fails: bool, cx| {
                if fails {
                    return Err(Error::msg("planned"));
                }
                Ok(cx.ask_then(&oracle, |reply| reply, |_, _, _| Ok(()))?)
            })
        };
        builder.spawn_with(make).unwrap();
        system.actor("b").inbox(b_inbox).feeds(&a).spawn(Play::idle()).unwrap();
        a.send(false).unwrap();
        next(&told);
        let handle = system.handle();
        handle.shutdown();
        until(|| handle.is_draining());
        thread::sleep(NEVER); // long enough to fall asleep, and for an answer
        a.send(true).unwrap();
        let report = system.wait();
        assert!(report.is_complete() && report.took < ms(5_000), "{report}");
        assert_eq!(figures(line(&report, "a")), [1, 1, 0]);
    });
}

#[test]
fn o4_f1_the_turn_of_its_ring_cuts_a_backoff_short_though_nothing_else_drains() {
    guarded(|| {
        let hour = ms(3_600_000);
        let backoff = Backoff::exponential(hour, hour);
        let restart = Restart::on_failure().intensity(9, hour).backoff(backoff);
        let mut system = System::new("o4");
        let parent = Play::<()>::idle().started(move |cx| {
            let (a, a_inbox) = exeunt::mailbox::<bool>(8);
            let (b, b_inbox) = exeunt::mailbox::<u32>(8);
            a.send(true)?;
            a.send(false)?;
            let make = || {
                Play::new(|fails: bool, _| if fails { Err(Error::msg("planned")) } else { Ok(()) })
            };
            let builder = cx.actor("a").inbox(a_inbox).feeds(&b).restart(restart);
            builder.spawn_with(make)?;
            cx.actor("b").inbox(b_inbox).feeds(&a).spawn(Play::idle())?;
            std::mem::forget((a, b)); // neither of them ends by itself
            Ok(())
        });
        let parent = system.spawn("parent", parent);
        let handle = system.handle();
        let rests = |actor: &ActorSnapshot| actor.name == "a" && actor.state == State::Restarting;
        until(|| handle.snapshot().iter().any(rests));
        parent.stop();
        assert!(parent.wait_timeout(HANG).is_ok());
        let report = system.shutdown();
        assert!(report.is_complete(), "{report}");
        assert_eq!(figures(line(&report, "a")), [1, 1, 0]);
    });
}

/// `a` sends on to `b`, and `b` to its child.
fn a_ring_with_a_child(system: &mut System, done: &Arc<AtomicU64>) -> [Addr<u32>; 2] {
    let [(a, a_inbox), (b, b_inbox)] = [(); 2].map(|()| exeunt::mailbox(1_024));
    let to_b = b.clone();
    let passes = Play::new(move |n, _| Ok(to_b.send(n)?));
    system.actor("a").inbox(a_inbox).feeds(&b).spawn(passes).unwrap();
    let (done, child) = (Arc::clone(done), Arc::new(OnceLock::<Addr<u32>>::new()));
    let to_child = Arc::clone(&child);
    let parent = Play::new(move |n, _| Ok(to_child.get().unwrap().send(n)?)).started(move |cx| {
        let done = Arc::clone(&done);
        let counts = Play::new(move |_, _| {
            done.fetch_add(1, Ordering::Relaxed);
            Ok(())
        });
        let spawned = cx.actor("child").capacity(1_024).feeds_nothing().spawn(counts)?;
        child.set(spawned).unwrap();
        Ok(())
    });
    system.actor("b").inbox(b_inbox).feeds(&a).spawn(parent).unwrap();
    [a, b]
}

#[test]
fn m1_o3_o4_what_comes_late_to_one_of_a_ring_finds_the_children_of_the_others() {
    let play = |round: u64| {
        let done = Arc::new(AtomicU64::new(0));
        let mut system = System::new("late");
        let ring = a_ring_with_a_child(&mut system, &done);
        let senders = [0, 1, 0, 0].map(|to| {
            let to: Addr<u32> = ring[to].clone();
            thread::spawn(move || (0..50).filter(|&n| to.send(n).is_ok()).count() as u64)
        });
        drop(ring);
        thread::sleep(Duration::from_micros(round * 37 % 2_000));
        let report = system.shutdown();
        let accepted: u64 = senders.map(|sender| sender.join().unwrap()).iter().sum();
        assert_eq!(done.load(Ordering::Relaxed), accepted, "round {round}\n{report}");
        assert!(report.is_complete() && !report.is_failure(), "round {round}\n{report}");
    };
    guarded_for(HANG * 4, move || (0..150).for_each(play));
}

#[test]
fn o2_who_is_of_a_ring_with_others_that_leave_early_stays_open_until_its_own_turn() {
    guarded(|| {
        let mut system = System::new("o2");
        let group = system.group("group").auto_shutdown(AutoShutdown::AnySignificant);
        let group = group.build().unwrap();
        let [(a, a_inbox), (b, b_inbox)] = [(); 2].map(|()| exeunt::mailbox::<u32>(4));
        let (c, c_inbox) = exeunt::mailbox::<u32>(4);
        let [(trap, keeper), (late_trap, late_keeper)] = [trap(), trap()];
        let held = Play::new(move |_, _| {
            trap.walk_in();
            Ok(())
        });
        let first = system.actor("a").inbox(a_inbox).within(&group).feeds(&b);
        first.stall_limit(HANG).spawn(held).unwrap();
        let second = system.actor("b").inbox(b_inbox).within(&group).feeds(&a).feeds(&c);
        second.stall_limit(HANG).spawn(Play::idle()).unwrap();
        system.actor("c").inbox(c_inbox).feeds(&a).spawn(Play::idle()).unwrap();
        let to_c = c.clone();
        let flushes = Play::new(move |n, _| {
            late_trap.walk_in();
            Ok(to_c.send(n)?)
        });
        let upstream = system.actor("d").feeds(&c).stall_limit(HANG).spawn(flushes).unwrap();
        a.send(1).unwrap();
        upstream.send(1).unwrap();
        let _ = (keeper.catches(), late_keeper.catches());
        let ends = system.task("e").within(&group).significant().feeds_nothing();
        ends.spawn(|_| Ok(())).unwrap().wait().unwrap();
        system.handle().shutdown();
        until(|| upstream.is_closed());
        keeper.opens();
        thread::sleep(NEVER);
        late_keeper.opens();
        let report = system.wait();
        assert!(report.refused.is_empty() && !report.is_failure(), "{report}");
        assert_eq!(figures(line(&report, "c")), [1, 0, 0]);
    });
}
