//! Clauses M1 to M5: what becomes of a message, what a refusal gives back, the order, backpressure,
//! and that every ask ends.
//!
//! Actors are closures ([`support::Play`]) that report what they see over channels; a handler that
//! is to be busy sits in a [`support::Trap`] until the test lets it go. M1 has its stress in
//! `stress.rs`.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use exeunt::{
    Addr, AskError, Capacity, DEFAULT_CAPACITY, Ended, Error, Reason, Reply, SendError,
    SendTimeoutError, System, TrySendError,
};

use crate::support::{
    HANG, Keeper, NEVER, Play, figures, guarded, line, ms, next, so_far, standing, trap, until,
};

/// A message that cannot be copied, so that what comes back is what was sent.
#[derive(Debug, PartialEq, Eq)]
struct Letter(u32);

/// A system with one actor, whose handler is caught with letter 0 in its hands and whose mailbox of
/// one place is full with letter 1.
fn full() -> (System, Addr<Letter>, Keeper) {
    let (trap, keeper) = trap();
    let mut system = System::new("full");
    let addr = system
        .actor("full")
        .capacity(1)
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
    (system, addr, keeper)
}

// M1

#[test]
fn m1_what_is_accepted_is_handled_failed_or_returned() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (seen, handled) = mpsc::channel();
        let (hook, returned) = mpsc::channel();
        let mut system = System::new("m1");
        let addr = system
            .actor("a")
            .returned(move |letter| hook.send(letter).unwrap())
            .spawn(Play::new(move |Letter(n), _| {
                if n == 0 {
                    trap.walk_in();
                }
                seen.send(n).unwrap();
                match n {
                    2 => Err(Error::msg("two")),
                    _ => Ok(()),
                }
            }))
            .unwrap();
        for n in 0..5 {
            addr.send(Letter(n)).unwrap();
        }
        keeper.opens();
        let report = system.wait();

        assert_eq!(so_far(&handled), [0, 1, 2]);
        assert_eq!(so_far(&returned), [Letter(3), Letter(4)]);
        let a = line(&report, "a");
        assert_eq!(figures(a), [2, 1, 2]);
        assert_eq!(a.accepted(), 5);
    });
}

#[test]
fn m1_a_message_that_panics_is_failed_and_one_whose_drop_panics_is_what_it_was() {
    struct Grenade;
    impl Drop for Grenade {
        fn drop(&mut self) {
            panic!("a message panics in its drop");
        }
    }
    guarded(|| {
        // In the handler: the handler panicked on it. The others are returned, to nobody.
        let (trap, keeper) = trap();
        let mut system = System::new("grenades");
        let addr = system.spawn(
            "a",
            Play::new(move |grenade, _| {
                trap.walk_in();
                drop(grenade);
                Ok(())
            }),
        );
        for _ in 0..3 {
            addr.send(Grenade).unwrap();
        }
        keeper.opens();
        let report = system.wait();
        assert_eq!(figures(line(&report, "a")), [0, 1, 2]);
        assert_eq!(line(&report, "a").ended, Ended::Failed);
    });
}

#[test]
fn m1_what_an_interrupted_handler_leaves_behind_is_returned() {
    // The handler waits for its turn and says, with the error made for that, that it was
    // interrupted. It is no failure, but what is queued behind is lost if nobody looks.
    guarded(|| {
        let (trap, keeper) = trap();
        let (hook, returned) = mpsc::channel();
        let mut system = System::new("interrupted");
        let addr = system
            .actor("a")
            .returned(move |letter| hook.send(letter).unwrap())
            .spawn(Play::new(move |_: Letter, cx| {
                trap.walk_in();
                cx.stopping().wait();
                Err(exeunt::Interrupted.into())
            }))
            .unwrap();
        for n in 0..3 {
            addr.send(Letter(n)).unwrap();
        }
        keeper.catches();
        keeper.opens();
        let report = system.shutdown();
        assert_eq!(line(&report, "a").accepted(), 3, "{report}");
        assert_eq!(figures(line(&report, "a")), [0, 1, 2]);
        assert_eq!(so_far(&returned), [Letter(1), Letter(2)]);
    });
}

#[test]
fn m1_what_an_interrupted_start_leaves_behind_is_returned() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("interrupted");
        let addr = system.spawn(
            "a",
            Play::new(|_: Letter, _| Ok(())).started(move |cx| {
                trap.walk_in();
                cx.stopping().wait();
                Err(exeunt::Interrupted.into())
            }),
        );
        keeper.catches();
        addr.send(Letter(0)).unwrap();
        keeper.opens();
        let report = system.shutdown();
        assert_eq!(figures(line(&report, "a")), [0, 0, 1], "{report}");
    });
}

#[test]
fn m1_what_was_sent_before_the_actor_was_there_is_handled() {
    guarded(|| {
        let (seen, handled) = mpsc::channel();
        let (addr, inbox) = exeunt::mailbox(8);
        for n in 0..3 {
            addr.send(Letter(n)).unwrap();
        }
        let mut system = System::new("late");
        let same = system
            .actor("a")
            .inbox(inbox)
            .spawn(Play::new(move |letter, _| Ok(seen.send(letter)?)))
            .unwrap();
        assert_eq!(same, addr);
        let report = system.shutdown();
        assert_eq!(so_far(&handled), [Letter(0), Letter(1), Letter(2)]);
        assert_eq!(line(&report, "a").handled_while_draining, 3 - before(&report));

        fn before(report: &exeunt::Report) -> u64 {
            let a = line(report, "a");
            a.handled - a.handled_while_draining
        }
    });
}

#[test]
fn m1_what_waited_for_an_actor_that_comes_too_late_goes_to_its_hook() {
    guarded(|| {
        let (addr, inbox) = exeunt::mailbox(8);
        addr.send(Letter(0)).unwrap();
        let mut system = System::new("too late");
        system.spawn("somebody", Play::<()>::idle());
        system.handle().shutdown();
        until(|| system.handle().is_draining());
        let (hook, returned) = mpsc::channel();
        let closed = system
            .actor("a")
            .inbox(inbox)
            .returned(move |letter| hook.send(letter).unwrap())
            .spawn(Play::new(|_, _| Ok(())))
            .unwrap();
        assert!(closed.is_closed());
        assert_eq!(so_far(&returned), [Letter(0)]);
    });
}

// M2

#[test]
fn m2_a_refusal_gives_the_message_back_with_its_reason() {
    guarded(|| {
        let (system, addr, keeper) = full();

        let error = addr.try_send(Letter(2)).unwrap_err();
        assert_eq!(error, TrySendError::Full(Letter(2), "full".into()));
        assert_eq!(error.into_message(), Letter(2));
        let error = addr.send_timeout(Letter(3), ms(5)).unwrap_err();
        assert_eq!(error, SendTimeoutError::Timeout(Letter(3), "full".into()));
        assert_eq!(error.into_message(), Letter(3));
        let error = addr.send_timeout(Letter(3), Duration::ZERO).unwrap_err();
        assert_eq!(error, SendTimeoutError::Timeout(Letter(3), "full".into()));

        system.handle().shutdown();
        until(|| addr.is_closed());
        assert_eq!(addr.send(Letter(4)), Err(SendError::Closed(Letter(4), "full".into())));
        assert_eq!(addr.try_send(Letter(5)), Err(TrySendError::Closed(Letter(5), "full".into())));
        assert_eq!(
            addr.send_timeout(Letter(6), HANG),
            Err(SendTimeoutError::Closed(Letter(6), "full".into()))
        );
        keeper.opens();
        assert_eq!(figures(line(&system.wait(), "full")), [2, 0, 0]);

        // And also when nobody is there any more.
        assert_eq!(addr.send(Letter(7)), Err(SendError::Closed(Letter(7), "full".into())));
    });
}

#[test]
fn m2_a_sender_past_its_own_deadline_gets_its_message_back() {
    for timed in [false, true] {
        guarded(move || {
            let (mut system, full, keeper) = full();
            system.set_stall_limit(HANG).set_grace(HANG);
            let (tell, refused) = mpsc::channel();
            let sender = system
                .actor("sender")
                .stall_limit(ms(20))
                .spawn(Play::new(move |letter, _| {
                    tell.send(match timed {
                        false => match full.send(letter) {
                            Err(SendError::Interrupted(letter, _)) => letter,
                            other => panic!("{other:?}"),
                        },
                        true => match full.send_timeout(letter, HANG) {
                            Err(SendTimeoutError::Interrupted(letter, _)) => letter,
                            other => panic!("{other:?}"),
                        },
                    })?;
                    Ok(())
                }))
                .unwrap();
            sender.send(Letter(2)).unwrap();
            let handle = system.handle();
            until(|| standing(&handle, "sender").queued == 0);
            handle.shutdown();
            assert_eq!(next(&refused), Letter(2));
            keeper.opens();
            let report = system.wait();
            assert_eq!(line(&report, "sender").ended, Ended::Overdue);
            assert_eq!(figures(line(&report, "sender")), [1, 0, 0]);
            assert_eq!(figures(line(&report, "full")), [2, 0, 0]);
        });
    }
}

// M3

#[test]
fn m3_messages_of_one_sender_are_handled_in_the_order_of_sending() {
    // At a capacity of 1 the threads meet at every message.
    for (capacity, each) in [(1, 200_u32), (3, 400), (256, 4_000)] {
        guarded(move || {
            let (seen, handled) = mpsc::channel();
            let mut system = System::new("m3");
            let addr = system
                .actor("a")
                .capacity(capacity)
                .spawn(Play::new(move |message: (usize, u32), _| Ok(seen.send(message)?)))
                .unwrap();
            // Three threads, and an actor that gets its numbers one by one.
            let relay = system.spawn("relay", {
                let addr = addr.clone();
                Play::new(move |n, _| Ok(addr.send((3, n))?))
            });
            let threads: Vec<JoinHandle<()>> = (0..3)
                .map(|sender| {
                    let addr = addr.clone();
                    thread::spawn(move || (0..each).for_each(|n| send_somehow(&addr, (sender, n))))
                })
                .collect();
            (0..each).for_each(|n| relay.send(n).unwrap());
            threads.into_iter().for_each(|t| t.join().unwrap());
            let report = system.shutdown();

            assert_eq!(line(&report, "a").handled, 4 * u64::from(each));
            let mut expected = [0; 4];
            for (sender, n) in so_far(&handled) {
                assert_eq!(n, expected[sender], "of sender {sender}");
                expected[sender] += 1;
            }
            assert_eq!(expected, [each; 4]);
        });
    }
}

/// The three ways to send, in turn.
fn send_somehow(addr: &Addr<(usize, u32)>, mut message: (usize, u32)) {
    match message.1 % 3 {
        0 => addr.send(message).unwrap(),
        1 => addr.send_timeout(message, HANG).unwrap(),
        _ => {
            while let Err(TrySendError::Full(back, _)) = addr.try_send(message) {
                message = back;
                thread::yield_now();
            }
        }
    }
}

// M4

#[test]
fn m4_a_mailbox_is_bounded_unless_it_is_asked_to_be_unbounded() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("m4");
        let stuck = move |_: u32, _: &mut exeunt::Context<Play<u32>>| {
            trap.walk_in();
            Ok(())
        };
        let usual = system.spawn("usual", Play::new(stuck.clone()));
        let small = system.actor("small").capacity(2).spawn(Play::new(stuck.clone()));
        let endless = system.actor("endless").unbounded().spawn(Play::new(stuck));
        let capacities: Vec<_> = system.snapshot().iter().map(|a| a.capacity).collect();
        assert_eq!(
            capacities,
            [
                Some(Capacity::Bounded(DEFAULT_CAPACITY)),
                Some(Capacity::Bounded(2)),
                Some(Capacity::Unbounded)
            ]
        );

        for (addr, room) in
            [(usual, DEFAULT_CAPACITY), (small.unwrap(), 2), (endless.unwrap(), 100_000)]
        {
            addr.send(0).unwrap();
            keeper.catches();
            for _ in 0..room {
                addr.try_send(1).unwrap();
            }
            let name = addr.name().to_owned();
            assert_eq!(standing(&system.handle(), &name).queued, room);
            if name != "endless" {
                assert_eq!(addr.try_send(2), Err(TrySendError::Full(2, name.into())));
            }
        }
        keeper.opens();
        assert!(system.shutdown().is_complete());
    });
}

/// A thread that waits for room, and what its send came to.
fn waiting_sender(addr: &Addr<Letter>, n: u32) -> mpsc::Receiver<Result<(), SendError<Letter>>> {
    let (tell, result) = mpsc::channel();
    let addr = addr.clone();
    thread::spawn(move || {
        let _ = tell.send(addr.send(Letter(n)));
    });
    assert!(result.recv_timeout(NEVER).is_err(), "it does not wait");
    result
}

#[test]
fn m4_a_waiting_sender_goes_on_when_there_is_room() {
    guarded(|| {
        let (system, addr, keeper) = full();
        let sent = waiting_sender(&addr, 2);
        keeper.opens();
        assert_eq!(next(&sent), Ok(()));
        assert_eq!(line(&system.shutdown(), "full").handled, 3);
    });
}

#[test]
fn m4_waiting_senders_get_their_message_back_when_the_mailbox_closes() {
    guarded(|| {
        let (system, addr, keeper) = full();
        let sent: Vec<_> = (2..6).map(|n| waiting_sender(&addr, n)).collect();
        system.handle().shutdown();
        // The actor is still in its handler; the senders are not kept waiting for that.
        for (sent, n) in sent.iter().zip(2..) {
            assert_eq!(next(sent), Err(SendError::Closed(Letter(n), "full".into())));
        }
        keeper.opens();
        assert_eq!(figures(line(&system.wait(), "full")), [2, 0, 0]);
    });
}

#[test]
fn m4_waiting_senders_get_their_message_back_when_the_actor_fails() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("m4");
        let addr = system
            .actor("a")
            .capacity(1)
            .spawn(Play::new(move |_, _| {
                trap.walk_in();
                Err(Error::msg("planned"))
            }))
            .unwrap();
        addr.send(Letter(0)).unwrap();
        keeper.catches();
        addr.send(Letter(1)).unwrap();
        let sent = waiting_sender(&addr, 2);
        keeper.opens();
        assert_eq!(next(&sent), Err(SendError::Closed(Letter(2), "a".into())));
        assert_eq!(figures(line(&system.wait(), "a")), [0, 1, 1]);
    });
}

#[test]
fn m4_waiting_senders_get_their_message_back_when_the_actor_never_starts() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("m4");
        let addr = system
            .actor("a")
            .capacity(1)
            .spawn_with(move || -> Play<Letter> {
                trap.walk_in();
                panic!("planned")
            })
            .unwrap();
        keeper.catches();
        addr.send(Letter(1)).unwrap();
        let sent = waiting_sender(&addr, 2);
        keeper.opens();
        assert_eq!(next(&sent), Err(SendError::Closed(Letter(2), "a".into())));
        assert_eq!(figures(line(&system.wait(), "a")), [0, 0, 1]);
    });
}

#[test]
fn m4_waiting_senders_get_their_message_back_when_the_inbox_is_never_read() {
    guarded(|| {
        let (addr, inbox) = exeunt::mailbox(1);
        addr.send(Letter(0)).unwrap();
        let sent = waiting_sender(&addr, 1);
        drop(inbox);
        assert_eq!(
            next(&sent),
            Err(SendError::Closed(Letter(1), "an actor that is not spawned".into()))
        );
    });
}

#[test]
fn m4_an_actor_does_not_wait_for_room_in_its_own_mailbox() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("m4");
        let addr = system
            .actor("a")
            .capacity(1)
            .spawn(Play::new(move |letter, cx| {
                if letter == Letter(0) {
                    let me = cx.addr();
                    tell.send(me.send(Letter(1)).is_ok())?;
                    tell.send(
                        me.send(Letter(2)) == Err(SendError::Deadlock(Letter(2), "a".into())),
                    )?;
                    let timed = me.send_timeout(Letter(3), HANG);
                    tell.send(timed == Err(SendTimeoutError::Deadlock(Letter(3), "a".into())))?;
                    let tried = me.try_send(Letter(4));
                    tell.send(tried == Err(TrySendError::Full(Letter(4), "a".into())))?;
                }
                Ok(())
            }))
            .unwrap();
        addr.send(Letter(0)).unwrap();
        drop(addr);
        assert_eq!(line(&system.wait(), "a").handled, 2);
        assert_eq!(so_far(&told), [true; 4]);
    });
}

// M5

enum Question {
    /// The answer is twice as much.
    Double(u32, Reply<u32>),
    /// Not answered, but the reply dropped.
    Ignore(Reply<u32>),
    /// The reply is kept until the actor is dropped.
    Keep(Reply<u32>),
    /// The reply goes where the actor cannot drop it.
    GiveAway(Reply<u32>),
    #[expect(dead_code, reason = "nobody answers it")]
    Fail(Reply<u32>),
    #[expect(dead_code, reason = "nobody answers it")]
    Panic(Reply<u32>),
    /// Sits in the trap, then answers.
    Sit(Reply<u32>),
}

struct Oracle {
    system: System,
    addr: Addr<Question>,
    keeper: Keeper,
    given_away: mpsc::Receiver<Reply<u32>>,
}

/// An oracle with a mailbox of one place. Its addresses stay alive to the end of each test.
fn oracle() -> Oracle {
    let (trap, keeper) = trap();
    let (give_away, given_away) = mpsc::channel();
    let mut kept = Vec::new();
    let mut system = System::new("m5");
    let addr = system
        .actor("oracle")
        .capacity(1)
        .spawn(Play::new(move |question, _| {
            match question {
                Question::Double(n, reply) => drop(reply.send(2 * n)),
                Question::Ignore(reply) => drop(reply),
                Question::Keep(reply) => kept.push(reply),
                Question::GiveAway(reply) => give_away.send(reply)?,
                Question::Fail(_) => return Err(Error::msg("planned")),
                Question::Panic(_) => panic!("planned"),
                Question::Sit(reply) => {
                    trap.walk_in();
                    let _ = reply.send(0);
                }
            }
            Ok(())
        }))
        .unwrap();
    Oracle { system, addr, keeper, given_away }
}

type Answer = Result<u32, AskError<Question>>;

/// Asks on a thread of its own.
fn asking(addr: &Addr<Question>, question: fn(Reply<u32>) -> Question) -> mpsc::Receiver<Answer> {
    let (tell, answer) = mpsc::channel();
    let addr = addr.clone();
    thread::spawn(move || {
        let _ = tell.send(addr.ask(question));
    });
    answer
}

#[test]
fn m5_an_ask_ends_with_the_answer() {
    guarded(|| {
        let Oracle { addr, system: _system, .. } = oracle();
        assert_eq!(addr.ask(|reply| Question::Double(21, reply)).unwrap(), 42);
        let timed = addr.ask_timeout(|reply| Question::Double(4, reply), HANG);
        assert_eq!(timed.unwrap(), 8);
    });
}

#[test]
fn m5_an_ask_ends_when_the_reply_is_dropped() {
    guarded(|| {
        let Oracle { addr, system, .. } = oracle();
        assert!(matches!(addr.ask(Question::Ignore), Err(AskError::Unanswered(_))));
        assert_eq!(line(&system.shutdown(), "oracle").handled, 1);
    });
}

#[test]
fn m5_an_ask_ends_when_the_handler_fails_or_panics() {
    for question in [Question::Fail, Question::Panic] {
        guarded(move || {
            let Oracle { addr, system, .. } = oracle();
            assert!(matches!(addr.ask(question), Err(AskError::Unanswered(_))));
            assert_eq!(line(&system.wait(), "oracle").failed, 1);
        });
    }
}

#[test]
fn m5_an_ask_ends_when_the_actor_ends_with_the_reply_kept() {
    guarded(|| {
        let Oracle { addr, system, .. } = oracle();
        let answer = asking(&addr, Question::Keep);
        until(|| standing(&system.handle(), "oracle").handled == 1);
        assert!(answer.recv_timeout(NEVER).is_err());
        drop(system.shutdown());
        assert!(matches!(next(&answer), Err(AskError::Unanswered(_))));

        // And if the reply outlives it.
        let Oracle { addr, system, given_away, .. } = oracle();
        let answer = asking(&addr, Question::GiveAway);
        let reply = next(&given_away);
        assert!(answer.recv_timeout(NEVER).is_err());
        drop(system.shutdown());
        assert!(matches!(next(&answer), Err(AskError::Ended(_))));
        assert_eq!(reply.send(1), Err(1), "the asker has gone");
    });
}

#[test]
fn m5_an_ask_ends_when_the_actor_is_abandoned() {
    guarded(|| {
        let Oracle { addr, mut system, keeper, .. } = oracle();
        system.set_stall_limit(ms(20)).set_grace(ms(20));
        let in_hand = asking(&addr, Question::Sit);
        keeper.catches();
        let queued = asking(&addr, |reply| Question::Double(1, reply));
        until(|| standing(&system.handle(), "oracle").queued == 1);
        let waiting = asking(&addr, |reply| Question::Double(2, reply));
        assert!(waiting.recv_timeout(NEVER).is_err());

        let report = system.shutdown();
        assert_eq!(line(&report, "oracle").ended, Ended::Abandoned);
        assert_eq!(figures(line(&report, "oracle")), [0, 1, 1]);
        assert!(matches!(next(&in_hand), Err(AskError::Ended(_))));
        assert!(matches!(next(&queued), Err(AskError::Unanswered(_) | AskError::Ended(_))));
        match next(&waiting) {
            Err(AskError::NotSent(SendTimeoutError::Closed(Question::Double(2, _), _))) => {}
            other => panic!("{:?}", other.map_err(|error| error.to_string())),
        }
        drop(keeper);
    });
}

#[test]
fn m5_an_ask_ends_at_its_deadline() {
    guarded(|| {
        let Oracle { addr, system, keeper, .. } = oracle();
        // Accepted, and not answered in time.
        let error = addr.ask_timeout(Question::Sit, ms(20)).unwrap_err();
        assert!(matches!(error, AskError::Timeout(_)), "{error}");
        keeper.catches();
        // Accepted, and not begun in time.
        let error = addr.ask_timeout(|reply| Question::Double(1, reply), ms(20)).unwrap_err();
        assert!(matches!(error, AskError::Timeout(_)), "{error}");
        // Not accepted in time: the question comes back.
        let error = addr.ask_timeout(|reply| Question::Double(2, reply), ms(20)).unwrap_err();
        assert!(matches!(
            error,
            AskError::NotSent(SendTimeoutError::Timeout(Question::Double(2, _), _))
        ));
        // What was accepted is handled all the same.
        keeper.opens();
        assert_eq!(line(&system.shutdown(), "oracle").handled, 2);
    });
}

#[test]
fn m5_an_ask_ends_when_the_asker_is_past_its_deadline() {
    // Once while the question is with the oracle, once while it waits to get in.
    for is_full in [false, true] {
        guarded(move || {
            let Oracle { addr, mut system, keeper, .. } = oracle();
            system.set_stall_limit(HANG).set_grace(HANG);
            let question: fn(Reply<u32>) -> Question = match is_full {
                false => Question::Sit,
                true => |reply| Question::Double(3, reply),
            };
            if is_full {
                let _ = asking(&addr, Question::Sit);
                keeper.catches();
                let _ = asking(&addr, Question::Ignore);
                until(|| standing(&system.handle(), "oracle").queued == 1);
            }
            let (tell, told) = mpsc::channel();
            let asker = system
                .actor("asker")
                .stall_limit(ms(20))
                .spawn(Play::new(move |(), _| {
                    let error = addr.ask(question).unwrap_err();
                    tell.send(matches!(
                        (is_full, &error),
                        (false, AskError::Interrupted(_))
                            | (true, AskError::NotSent(SendTimeoutError::Interrupted(..)))
                    ))?;
                    Err(error.into())
                }))
                .unwrap();
            asker.send(()).unwrap();
            until(|| standing(&system.handle(), "asker").queued == 0);
            system.handle().shutdown();
            assert!(next(&told));
            keeper.opens();
            let report = system.wait();
            // To be told to stop waiting is no failure of the actor, though one of the message.
            assert_eq!(line(&report, "asker").ended, Ended::Overdue);
            assert_eq!(figures(line(&report, "asker")), [0, 1, 0]);
            assert_eq!(report.reason, Reason::Shutdown);
        });
    }
}

#[test]
fn m5_an_actor_that_asks_itself_is_told() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("m5");
        let addr = system.spawn(
            "narcissus",
            Play::new(move |question: Option<Reply<()>>, cx| {
                if question.is_none() {
                    let error = cx.addr().ask(Some).unwrap_err();
                    tell.send(
                        matches!(&error, AskError::Deadlock(_, name) if &**name == "narcissus"),
                    )?;
                    // M2: it was not accepted, and comes back.
                    tell.send(matches!(error.into_message(), Some(Some(_))))?;
                }
                Ok(())
            }),
        );
        addr.send(None).unwrap();
        assert!(next(&told) && next(&told));
        assert_eq!(line(&system.shutdown(), "narcissus").handled, 1);
    });
}

#[test]
fn m5_an_ask_of_a_closed_mailbox_ends_with_the_question() {
    guarded(|| {
        let Oracle { addr, system, .. } = oracle();
        drop(system.shutdown());
        match addr.ask(|reply| Question::Double(9, reply)) {
            Err(AskError::NotSent(SendTimeoutError::Closed(Question::Double(9, _), _))) => {}
            other => panic!("{:?}", other.map_err(|error| error.to_string())),
        }
    });
}

#[test]
fn m5_an_ask_ends_when_its_question_is_returned_at_a_deadline() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (hook, returned) = mpsc::channel();
        let mut system = System::new("m5");
        system.set_stall_limit(ms(20)).set_grace(HANG);
        let addr = system
            .actor("oracle")
            .returned(move |_: Option<Reply<()>>| hook.send(()).unwrap())
            .spawn(Play::new(move |_, _| {
                trap.walk_in();
                Ok(())
            }))
            .unwrap();
        addr.send(None).unwrap();
        keeper.catches();
        let (tell, answer) = mpsc::channel();
        let asker = addr.clone();
        thread::spawn(move || tell.send(asker.ask(Some).map_err(|error| error.to_string())));
        until(|| standing(&system.handle(), "oracle").queued == 1);
        system.handle().shutdown();
        until(|| standing(&system.handle(), "oracle").state == exeunt::State::Overdue);
        keeper.opens();

        next(&returned);
        let expected = AskError::<()>::Unanswered("oracle".into()).to_string();
        assert_eq!(next(&answer), Err(expected));
        assert_eq!(figures(line(&system.wait(), "oracle")), [1, 0, 1]);
    });
}
