//! What a full mailbox does that was told not to wait: clauses M1 to M4 for the policies of
//! [`Overflow`], each alone, and the two that drop under stress.
//!
//! A mailbox is full when its actor is caught in a [`support::Trap`] with letter 0 in its hands and
//! letter 1 lies in the one place there is. A hook that is to be busy sits in a trap, too. The
//! stress holds every message of four senders against what the handler and the dead-letter hook
//! saw, and against the report, for mailboxes that end in each way there is.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use exeunt::{
    Addr, AskError, Capacity, Ended, Error, Event, Notice, Overflow, Reply, Report, SendError,
    SendTimeoutError, State, System, TrySendError,
};

use crate::support::dice::Dice;
use crate::support::{
    HANG, Keeper, NEVER, OnDrop, Play, Trap, figures, guarded, guarded_for, line, ms, next, so_far,
    standing, trap, until,
};

/// A message that cannot be copied, so that what comes back is what was sent.
#[derive(Debug, PartialEq, Eq)]
struct Letter(u32);

/// A full mailbox, and what its hook sees.
struct Full {
    // Dropped before the system, which waits for whom it keeps.
    keeper: Keeper,
    system: System,
    addr: Addr<Letter>,
    returned: Receiver<(Letter, String)>,
}

fn full(overflow: Overflow) -> Full {
    let (sender, returned) = mpsc::channel();
    full_with(overflow, move |letter| {
        let thread = thread::current().name().unwrap_or_default().to_owned();
        sender.send((letter, thread)).unwrap();
    })
    .with(returned)
}

/// A full mailbox whose hook sits in a trap with each letter that it is given.
fn full_with_a_slow_hook(overflow: Overflow) -> (Full, Keeper) {
    let (trap, keeper) = trap();
    let (sender, returned) = mpsc::channel();
    let full = full_with(overflow, move |letter| {
        trap.walk_in();
        sender.send((letter, String::new())).unwrap();
    });
    (full.with(returned), keeper)
}

fn full_with(overflow: Overflow, hook: impl FnMut(Letter) + Send + 'static) -> Full {
    let (trap, keeper) = trap();
    let mut system = System::new("full");
    let addr = system
        .actor("full")
        .capacity(1)
        .overflow(overflow)
        .returned(hook)
        .spawn(Play::new(move |letter, _| {
            if letter == Letter(0) {
                trap.walk_in();
            }
            Ok(())
        }))
        .unwrap();
    addr.send(Letter(0)).unwrap();
    keeper.catches();
    addr.send(Letter(1)).unwrap();
    Full { system, addr, keeper, returned: mpsc::channel().1 }
}

impl Full {
    fn with(self, returned: Receiver<(Letter, String)>) -> Full {
        Full { returned, ..self }
    }

    fn returned_so_far(&self) -> Vec<u32> {
        self.returned.try_iter().map(|(Letter(n), _)| n).collect()
    }

    fn end(self) -> Report {
        self.keeper.opens();
        self.system.shutdown()
    }
}

// Refuse

#[test]
fn m2_a_mailbox_that_refuses_gives_the_message_back_at_once() {
    guarded(|| {
        let full = full(Overflow::Refuse);
        let addr = &full.addr;
        assert_eq!(addr.send(Letter(2)), Err(SendError::Full(Letter(2), "full".into())));
        assert_eq!(addr.try_send(Letter(3)), Err(TrySendError::Full(Letter(3), "full".into())));
        let timed = addr.send_timeout(Letter(4), HANG);
        assert_eq!(timed, Err(SendTimeoutError::Full(Letter(4), "full".into())));
        let asked = addr.ask(|_: Reply<()>| Letter(5));
        assert_eq!(asked, Err(AskError::NotSent(SendTimeoutError::Full(Letter(5), "full".into()))));
        assert_eq!(full.returned_so_far(), Vec::<u32>::new());
        assert_eq!(figures(line(&full.end(), "full")), [2, 0, 0]);
    });
}

#[test]
fn m2_an_actor_that_fills_its_own_mailbox_is_told_what_was_chosen_for_it() {
    for (overflow, sent) in [
        (Overflow::Wait, "Deadlock(.., \"a\")"),
        (Overflow::Refuse, "Full(.., \"a\")"),
        (Overflow::DropNewest, "Ok"),
    ] {
        guarded(move || {
            let (told, result) = mpsc::channel();
            let mut system = System::new("self");
            let (addr, inbox) = exeunt::mailbox(1);
            let myself = addr.downgrade();
            system
                .actor("a")
                .inbox(inbox)
                .overflow(overflow)
                .spawn(Play::new(move |n: u32, _| {
                    if n == 0 {
                        let myself = myself.upgrade().unwrap();
                        myself.send(1).unwrap();
                        let second = myself.send(2);
                        told.send(second.map_or_else(|e| format!("{e:?}"), |()| "Ok".into()))?;
                    }
                    Ok(())
                }))
                .unwrap();
            addr.send(0).unwrap();
            assert_eq!(next(&result), sent);
            drop(system.shutdown());
        });
    }
}

// DropNewest, DropOldest

#[test]
fn m1_drop_newest_returns_what_finds_no_room() {
    guarded(|| {
        let full = full(Overflow::DropNewest);
        full.addr.send(Letter(2)).unwrap();
        full.addr.try_send(Letter(3)).unwrap();
        full.addr.send_timeout(Letter(4), Duration::ZERO).unwrap();
        assert_eq!(full.returned_so_far(), [2, 3, 4]);
        let report = full.end();
        assert_eq!(figures(line(&report, "full")), [2, 0, 3], "{report}");
        assert_eq!(line(&report, "full").ended, Ended::Drained);
    });
}

#[test]
fn m1_drop_oldest_returns_what_has_waited_longest() {
    guarded(|| {
        let full = full(Overflow::DropOldest);
        full.addr.send(Letter(2)).unwrap();
        full.addr.try_send(Letter(3)).unwrap();
        full.addr.send_timeout(Letter(4), Duration::ZERO).unwrap();
        assert_eq!(full.returned_so_far(), [1, 2, 3]);
        let report = full.end();
        assert_eq!(figures(line(&report, "full")), [2, 0, 3], "{report}");
    });
}

#[test]
fn m1_the_hook_is_called_on_the_senders_thread_before_the_send_returns() {
    guarded(|| {
        let full = full(Overflow::DropNewest);
        let addr = full.addr.clone();
        let sender = thread::Builder::new().name("sender".into());
        sender.spawn(move || addr.send(Letter(2)).unwrap()).unwrap().join().unwrap();
        assert_eq!(full.returned.try_recv(), Ok((Letter(2), "sender".to_owned())));
    });
}

#[test]
fn m1_a_question_that_is_dropped_is_unanswered() {
    struct Question(Option<Reply<u32>>);
    for overflow in [Overflow::DropNewest, Overflow::DropOldest] {
        guarded(move || {
            let (trap, keeper) = trap();
            let mut system = System::new("asked");
            let addr = system
                .actor("a")
                .capacity(1)
                .overflow(overflow)
                .spawn(Play::new(move |question: Question, _| {
                    match question.0 {
                        Some(reply) => drop(reply.send(7)),
                        None => trap.walk_in(),
                    }
                    Ok(())
                }))
                .unwrap();
            addr.send(Question(None)).unwrap();
            keeper.catches();
            addr.send(Question(None)).unwrap();
            let (done, answer) = mpsc::channel();
            let asker = thread::spawn({
                let addr = addr.clone();
                move || done.send(addr.ask(|reply| Question(Some(reply))).map_err(drop)).unwrap()
            });
            if overflow == Overflow::DropOldest {
                // The question took a place; now it is the oldest.
                until(|| system.snapshot()[0].returned == 1);
                addr.send(Question(None)).unwrap();
            }
            assert_eq!(next(&answer), Err(()));
            asker.join().unwrap();
            keeper.opens();
            drop(system.shutdown());
        });
    }
}

#[test]
fn m1_an_unbounded_mailbox_never_overflows() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("unbounded");
        let addr = system
            .actor("a")
            .capacity(Capacity::Unbounded)
            .overflow(Overflow::DropOldest)
            .spawn(Play::new(move |n: u32, _| {
                if n == 0 {
                    trap.walk_in();
                }
                Ok(())
            }))
            .unwrap();
        for n in 0..1000 {
            addr.send(n).unwrap();
        }
        keeper.opens();
        assert_eq!(figures(line(&system.shutdown(), "a")), [1000, 0, 0]);
    });
}

#[test]
fn m4_an_inbox_waits_until_it_has_an_actor_and_then_drops() {
    guarded(|| {
        let (addr, inbox) = exeunt::mailbox(1);
        addr.send(0).unwrap();
        assert_eq!(
            addr.try_send(1),
            Err(TrySendError::Full(1, "an actor that is not spawned".into()))
        );
        let timed = addr.send_timeout(1, NEVER);
        assert_eq!(timed, Err(SendTimeoutError::Timeout(1, "an actor that is not spawned".into())));

        let (trap, keeper) = trap();
        let mut system = System::new("late");
        system
            .actor("a")
            .inbox(inbox)
            .overflow(Overflow::DropNewest)
            .spawn(Play::new(move |n: u32, _| {
                if n == 0 {
                    trap.walk_in();
                }
                Ok(())
            }))
            .unwrap();
        keeper.catches();
        for n in 1..4 {
            addr.send(n).unwrap();
        }
        keeper.opens();
        assert_eq!(figures(line(&system.shutdown(), "a")), [2, 0, 2]);
    });
}

#[test]
fn m2_a_closed_mailbox_drops_nothing() {
    guarded(|| {
        let full = full(Overflow::DropOldest);
        let addr = full.addr.clone();
        full.system.handle().shutdown();
        until(|| addr.is_closed());
        assert_eq!(addr.send(Letter(2)), Err(SendError::Closed(Letter(2), "full".into())));
        assert_eq!(addr.try_send(Letter(3)), Err(TrySendError::Closed(Letter(3), "full".into())));
        assert_eq!(full.returned_so_far(), Vec::<u32>::new());
        assert_eq!(figures(line(&full.end(), "full")), [2, 0, 0]);
    });
}

// The hook, called by senders

#[test]
fn m1_a_panic_in_the_hook_is_not_the_senders() {
    guarded(|| {
        let mut full = full_with(Overflow::DropNewest, |letter| panic!("over {letter:?}"));
        let (sender, lost) = mpsc::channel();
        full.system.observe(move |notice| {
            if let Notice::DeadLetterLost { error, .. } = notice {
                sender.send(error.clone()).unwrap();
            }
        });
        full.addr.send(Letter(2)).unwrap();
        full.addr.send(Letter(3)).unwrap();
        assert_eq!([next(&lost), next(&lost)], ["over Letter(2)", "over Letter(3)"]);
        assert_eq!(figures(line(&full.end(), "full")), [2, 0, 2]);
    });
}

#[test]
fn m2_a_hook_that_sends_to_its_own_full_mailbox_is_refused() {
    for overflow in [Overflow::DropNewest, Overflow::DropOldest] {
        guarded(move || {
            let (myself, me) = mpsc::channel::<Addr<Letter>>();
            let (told, refused) = mpsc::channel();
            let full = full_with(overflow, move |Letter(n)| {
                if let Ok(addr) = me.try_recv() {
                    told.send(addr.send(Letter(n + 10)).map_err(|e| format!("{e:?}"))).unwrap();
                    told.send(addr.try_send(Letter(n)).map_err(|e| format!("{e:?}"))).unwrap();
                }
            });
            myself.send(full.addr.clone()).unwrap();
            full.addr.send(Letter(2)).unwrap();
            let full_again = Err("Full(.., \"full\")".to_owned());
            assert_eq!(so_far(&refused), [full_again.clone(), full_again]);
            assert_eq!(figures(line(&full.end(), "full")), [2, 0, 1]);
        });
    }
}

#[test]
fn m4_two_hooks_that_send_to_each_other_do_not_deadlock() {
    guarded(|| {
        let mut system = System::new("two");
        let (traps, keeper) = trap();
        let ends = [exeunt::mailbox::<u32>(1), exeunt::mailbox::<u32>(1)];
        let addrs = [ends[0].0.clone(), ends[1].0.clone()];
        let accepted: [Arc<AtomicU64>; 2] = Default::default();
        for (i, (_, inbox)) in ends.into_iter().enumerate() {
            let (trap, other) = (traps.clone(), addrs[1 - i].downgrade());
            let accepted = Arc::clone(&accepted[1 - i]);
            system
                .actor(&format!("{i}"))
                .inbox(inbox)
                .overflow(Overflow::DropNewest)
                .returned(move |n| {
                    let sent = other.upgrade().map(|other| other.send(n));
                    accepted.fetch_add(u64::from(sent == Some(Ok(()))), Ordering::Relaxed);
                })
                .spawn(Play::new(move |_: u32, _| {
                    trap.walk_in();
                    Ok(())
                }))
                .unwrap();
        }
        for addr in &addrs {
            addr.send(0).unwrap();
            keeper.catches();
            addr.send(0).unwrap();
        }
        for accepted in &accepted {
            accepted.fetch_add(2, Ordering::Relaxed);
        }
        thread::scope(|scope| {
            for (addr, accepted) in addrs.iter().zip(&accepted).cycle().take(4) {
                scope.spawn(move || {
                    for n in 0..2_000 {
                        addr.send(n).unwrap();
                        accepted.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        keeper.opens();
        let report = system.shutdown();
        for (i, accepted) in accepted.iter().enumerate() {
            let actor = line(&report, &i.to_string());
            assert_eq!(actor.accepted(), accepted.load(Ordering::Relaxed), "{report}");
        }
    });
}

/// A sender that waits because another one is in the hook.
fn waiting_for_the_hook(
    full: &Full,
    hook: &Keeper,
) -> mpsc::Receiver<Result<(), SendError<Letter>>> {
    let (done, result) = mpsc::channel();
    for n in [2, 3] {
        let (addr, done) = (full.addr.clone(), done.clone());
        thread::spawn(move || done.send(addr.send(Letter(n))));
        if n == 2 {
            hook.catches();
        }
    }
    assert!(result.recv_timeout(NEVER).is_err());
    result
}

#[test]
fn m4_who_waits_for_the_hook_goes_on_when_it_is_free() {
    guarded(|| {
        let (full, hook) = full_with_a_slow_hook(Overflow::DropNewest);
        let sent = waiting_for_the_hook(&full, &hook);
        assert_eq!(
            full.addr.try_send(Letter(4)),
            Err(TrySendError::Full(Letter(4), "full".into()))
        );
        let timed = full.addr.send_timeout(Letter(5), ms(1));
        assert_eq!(timed, Err(SendTimeoutError::Timeout(Letter(5), "full".into())));
        hook.opens();
        assert_eq!([next(&sent), next(&sent)], [Ok(()), Ok(())]);
        assert_eq!(full.returned_so_far(), [2, 3]);
    });
}

#[test]
fn m4_who_waits_for_the_hook_gets_its_message_back_when_the_mailbox_closes() {
    guarded(|| {
        let (full, hook) = full_with_a_slow_hook(Overflow::DropOldest);
        let sent = waiting_for_the_hook(&full, &hook);
        full.system.handle().shutdown();
        assert_eq!(next(&sent), Err(SendError::Closed(Letter(3), "full".into())));
        hook.opens();
        assert_eq!(next(&sent), Ok(()));
        assert_eq!(figures(line(&full.end(), "full")), [2, 0, 1]);
    });
}

#[test]
fn d2_an_actor_that_waits_for_the_hook_is_interrupted_at_its_deadline() {
    guarded(|| {
        let (mut full, hook) = full_with_a_slow_hook(Overflow::DropNewest);
        full.system.set_grace(HANG);
        let first = thread::spawn({
            let addr = full.addr.clone();
            move || addr.send(Letter(2))
        });
        hook.catches();
        let (told, interrupted) = mpsc::channel();
        let (trap, keeper) = trap();
        let addr = full.addr.clone();
        let relay = full
            .system
            .actor("relay")
            .drain_deadline(ms(1))
            .feeds(&addr)
            .spawn(Play::new(move |n, _| {
                trap.walk_in();
                told.send(addr.send(Letter(n))).unwrap();
                Ok(())
            }))
            .unwrap();
        relay.send(3).unwrap();
        // In its handler before the drain: what it had not begun at its deadline would be returned.
        keeper.catches();
        keeper.opens();
        full.system.handle().shutdown();
        assert_eq!(next(&interrupted), Err(SendError::Interrupted(Letter(3), "full".into())));
        hook.opens();
        assert_eq!(first.join().unwrap(), Ok(()));
        assert_eq!(figures(line(&full.end(), "full")), [2, 0, 1]);
    });
}

#[test]
fn o3_a_full_parent_makes_room_for_its_child_in_its_own_turn_too() {
    for overflow in [Overflow::DropNewest, Overflow::DropOldest] {
        guarded(move || {
            let (child_trap, child_keeper) = trap();
            let (trap, keeper) = trap();
            let (tell, told) = mpsc::channel();
            let (sent, result) = mpsc::channel();
            let mut system = System::new("full");
            let parent = Play::new(move |n: u32, _| {
                if n == 0 {
                    trap.walk_in();
                }
                Ok(())
            });
            let parent = parent.started(move |cx| {
                let (parent, sent, trap) =
                    (cx.addr().downgrade(), sent.clone(), child_trap.clone());
                let child = Play::new(move |n, _| {
                    trap.walk_in();
                    let parent = parent.upgrade().unwrap();
                    Ok(sent.send(parent.send(n))?)
                });
                Ok(tell.send(cx.spawn("child", child))?)
            });
            let actor = system.actor("parent").capacity(1).overflow(overflow);
            let parent = actor.spawn(parent).unwrap();
            next(&told).send(2).unwrap();
            child_keeper.catches();
            parent.send(0).unwrap();
            keeper.catches();
            parent.send(1).unwrap();
            system.handle().shutdown();
            until(|| parent.is_closed());
            child_keeper.opens();
            assert_eq!(next(&result), Ok(()));
            keeper.opens();
            let report = system.wait();
            assert!(report.is_complete() && report.refused.is_empty(), "{report}");
            assert_eq!(figures(line(&report, "parent")), [2, 0, 1], "{report}");
        });
    }
}

#[test]
fn m1_what_an_actor_was_about_to_return_when_it_was_given_up_goes_to_the_hook() {
    guarded(|| {
        let (mut full, hook) = full_with_a_slow_hook(Overflow::DropNewest);
        full.system.set_stall_limit(ms(20)).set_grace(ms(300));
        let sender = thread::spawn({
            let addr = full.addr.clone();
            move || addr.send(Letter(2))
        });
        hook.catches();
        let handle = full.system.handle();
        handle.shutdown();
        until(|| standing(&handle, "full").state == State::Overdue);
        // It takes out letter 1, and waits for the hook, which the sender is in, until it is given up.
        full.keeper.opens();
        let report = full.system.wait();
        let line = line(&report, "full");
        assert_eq!((line.ended, line.returned), (Ended::Abandoned, 2), "{report}");
        let doing = line.error.as_deref().unwrap_or_default();
        assert!(doing.contains("in its dead-letter hook"), "{report}");
        hook.opens();
        assert_eq!(sender.join().unwrap(), Ok(()));
        assert_eq!([next(&full.returned), next(&full.returned)].map(|(Letter(n), _)| n), [2, 1]);
        // And then nobody has the hook any more.
        assert_eq!(full.returned.recv_timeout(HANG), Err(mpsc::RecvTimeoutError::Disconnected));
    });
}

#[test]
fn m1_who_has_no_hook_makes_nobody_wait() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("no hook");
        let slow = |trap: &Trap, is_slow: bool| {
            let trap = trap.clone();
            OnDrop(move || {
                if is_slow {
                    trap.walk_in();
                }
            })
        };
        let (gate, open) = crate::support::trap();
        let addr = system
            .actor("a")
            .capacity(1)
            .overflow(Overflow::DropNewest)
            .spawn(Play::new(move |_: OnDrop<_>, _| {
                gate.walk_in();
                Ok(())
            }))
            .unwrap();
        addr.send(slow(&trap, false)).unwrap();
        open.catches();
        addr.send(slow(&trap, false)).unwrap();
        let sender = thread::spawn({
            let (addr, letter) = (addr.clone(), slow(&trap, true));
            move || addr.send(letter).is_ok()
        });
        keeper.catches(); // in the drop of its message
        assert!(addr.try_send(slow(&trap, false)).is_ok());
        assert!(addr.send(slow(&trap, false)).is_ok());
        keeper.opens();
        assert!(sender.join().unwrap());
        open.opens();
        assert_eq!(figures(line(&system.shutdown(), "a")), [2, 0, 3]);
    });
}

#[test]
fn o5_a_hook_that_a_sender_is_in_when_the_actor_ends_is_dropped_when_it_comes_back() {
    guarded(|| {
        let (trap, hook) = trap();
        let (held, gone) = mpsc::channel::<()>();
        let full = full_with(Overflow::DropNewest, move |_| {
            let _held = &held;
            trap.walk_in();
        });
        let addr = full.addr.clone();
        let sender = thread::spawn(move || {
            addr.send(Letter(2)).unwrap();
            addr // the mailbox is not let go
        });
        hook.catches();
        let report = full.end();
        assert_eq!(figures(line(&report, "full")), [2, 0, 1]);
        assert_eq!(gone.try_recv(), Err(mpsc::TryRecvError::Empty));
        hook.opens();
        let _addr = sender.join().unwrap();
        assert_eq!(gone.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    });
}

// Stress

const SENDERS: u64 = 4;

/// How a mailbox comes to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Shutdown,
    /// A handler fails.
    Failure,
    /// The actor meets its deadline.
    Deadline,
    /// A handler never comes back.
    Abandonment,
}

#[test]
fn m1_stress_drop_newest() {
    stress(Overflow::DropNewest);
}

#[test]
fn m1_stress_drop_oldest() {
    stress(Overflow::DropOldest);
}

fn stress(overflow: Overflow) {
    guarded_for(4 * HANG, move || {
        let mut dice = Dice::new(0);
        let mut returned = 0;
        for (way, rounds) in [
            (Way::Shutdown, 300),
            (Way::Failure, 300),
            (Way::Deadline, 150),
            (Way::Abandonment, 60),
        ] {
            for capacity in [1, 2, 64] {
                for _ in 0..rounds / 3 {
                    returned += close_once(&mut dice, overflow, capacity, way);
                }
            }
        }
        assert!(returned > 1_000, "too quiet for a stress test: {returned} returned");
    });
}

/// One mailbox from its first message to its end. How many messages were returned.
fn close_once(dice: &mut Dice, overflow: Overflow, capacity: usize, way: Way) -> u64 {
    let handled = Arc::new(Mutex::new(Vec::new()));
    let returned = Arc::new(Mutex::new(Vec::new()));
    let release = Event::new();
    let fate = dice.below(200);
    let mut system = System::new("stress");
    if way == Way::Abandonment {
        system.set_stall_limit(ms(2));
        system.set_grace(ms(2));
    }
    let mut builder = system.actor("a").capacity(capacity).overflow(overflow).returned({
        let returned = Arc::clone(&returned);
        move |id| returned.lock().unwrap().push(id)
    });
    if way == Way::Deadline {
        builder = builder.drain_deadline(Duration::ZERO);
    }
    let addr = builder
        .spawn(Play::new({
            let (handled, release) = (Arc::clone(&handled), release.clone());
            let mut count = 0;
            move |id: u64, _| {
                count += 1;
                match way {
                    Way::Failure if count > fate => return Err(Error::msg("planned")),
                    Way::Abandonment if count > fate => release.wait(),
                    _ => {}
                }
                handled.lock().unwrap().push(id);
                Ok(())
            }
        }))
        .unwrap();

    let (report, accepted) = thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let (addr, dice) = (&addr, dice.another());
                scope.spawn(move || send_until_closed(addr, sender, dice))
            })
            .collect();
        dice.moment(400);
        let report = system.shutdown();
        let accepted: Vec<u64> =
            senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect();
        (report, accepted)
    });
    let actor = line(&report, "a");
    // The hook of an abandoned actor runs on a thread of the system's.
    until(|| returned.lock().unwrap().len() as u64 >= actor.returned);
    let (handled, returned) = (handled.lock().unwrap().clone(), returned.lock().unwrap().clone());
    release.set();

    let what = format!("{way:?}, {overflow:?}, {capacity}:\n{report}");
    assert_eq!(actor.accepted(), accepted.len() as u64, "accepted by senders, {what}");
    assert_eq!(actor.returned, returned.len() as u64, "seen by the hook, {what}");
    // On a busy machine somebody may be given up in the middle of a message that it then handles.
    let seen = handled.len() as u64;
    assert!((actor.handled..=actor.handled + actor.failed).contains(&seen), "handled, {what}");
    let mut all: HashSet<u64> = accepted.iter().copied().collect();
    for id in handled.iter().chain(&returned) {
        assert!(all.remove(id), "{id:#x} was seen twice, or is not accepted, {what}");
    }
    assert!(all.len() as u64 <= actor.failed, "{} were never seen, {what}", all.len());
    assert!(are_in_order(&handled), "handled out of order, {what}");
    // What finds no room is newer than what is left at the end.
    assert!(overflow == Overflow::DropNewest || are_in_order(&returned), "out of order, {what}");
    actor.returned
}

/// What was accepted of what one sender sent in all the ways there are.
fn send_until_closed(addr: &Addr<u64>, sender: u64, mut dice: Dice) -> Vec<u64> {
    let mut accepted = Vec::new();
    for id in (sender << 32).. {
        let sent = match dice.below(3) {
            0 => addr.send(id).map_err(|error| match error {
                SendError::Closed(back, _) => (back, true),
                error => panic!("{error}"),
            }),
            1 => addr.try_send(id).map_err(|error| match error {
                TrySendError::Full(back, _) => (back, false),
                error => (error.into_message(), true),
            }),
            _ => addr.send_timeout(id, ms(1)).map_err(|error| match error {
                SendTimeoutError::Timeout(back, _) => (back, false),
                SendTimeoutError::Closed(back, _) => (back, true),
                error => panic!("{error}"),
            }),
        };
        match sent {
            Ok(()) => accepted.push(id),
            Err((back, is_closed)) => {
                assert_eq!(back, id, "another message came back");
                if is_closed {
                    break;
                }
            }
        }
    }
    accepted
}

fn are_in_order(ids: &[u64]) -> bool {
    let mut last = [None; SENDERS as usize];
    ids.iter().all(|&id| last[(id >> 32) as usize].replace(id) < Some(id))
}
