//! Ways to an actor that are no plain address: [`Recipient`], [`Router`], [`Broadcast`]. Clause M1
//! for what they pass on, M2 for what they give back, M3 for the order that they keep, O5 for the
//! actors that they keep alive.

use std::collections::{HashMap, HashSet};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use exeunt::{
    Addr, AskError, Broadcast, Ended, Inbox, NoMembers, Overflow, Recipient, Reply, Router,
    SendError, SendTimeoutError, System, TrySendError,
};

use crate::support::{
    HANG, NEVER, Play, figures, guarded, line, ms, next, so_far, standing, trap, until,
};

// Recipient

/// A kind of message that cannot be copied, so that what comes back is what was sent.
#[derive(Debug, PartialEq, Eq)]
struct Job(u32);

#[derive(Debug, PartialEq, Eq)]
enum Msg {
    Job(Job),
    Other,
}

impl From<Job> for Msg {
    fn from(job: Job) -> Msg {
        Msg::Job(job)
    }
}

impl TryFrom<Msg> for Job {
    type Error = ();

    fn try_from(message: Msg) -> Result<Job, ()> {
        match message {
            Msg::Job(job) => Ok(job),
            Msg::Other => Err(()),
        }
    }
}

#[test]
fn m1_what_a_recipient_takes_comes_as_the_actors_message() {
    guarded(|| {
        let (seen, handled) = mpsc::channel();
        let mut system = System::new("narrow");
        let addr = system.spawn("a", Play::new(move |message: Msg, _| Ok(seen.send(message)?)));
        let jobs: Recipient<Job> = addr.recipient();
        jobs.send(Job(1)).unwrap();
        addr.send(Msg::Other).unwrap();
        jobs.try_send(Job(2)).unwrap();
        jobs.send_timeout(Job(3), ms(1)).unwrap();
        assert_eq!((jobs.name(), jobs.is_closed()), ("a", false));
        drop(system.shutdown());
        let all = [Msg::Job(Job(1)), Msg::Other, Msg::Job(Job(2)), Msg::Job(Job(3))];
        assert_eq!(so_far(&handled), all);
        assert!(jobs.is_closed());
    });
}

#[test]
fn m2_a_recipient_gives_back_what_was_sent_with_the_reason() {
    guarded(|| {
        let (addr, inbox) = exeunt::mailbox::<Msg>(1);
        let jobs: Recipient<Job> = addr.recipient();
        jobs.send(Job(0)).unwrap();
        assert_eq!(
            jobs.try_send(Job(1)),
            Err(TrySendError::Full(Job(1), "an actor that is not spawned".into()))
        );
        let timed = jobs.send_timeout(Job(2), ms(1));
        assert_eq!(
            timed,
            Err(SendTimeoutError::Timeout(Job(2), "an actor that is not spawned".into()))
        );
        drop(inbox);
        assert_eq!(
            jobs.send(Job(3)),
            Err(SendError::Closed(Job(3), "an actor that is not spawned".into()))
        );
        assert_eq!(
            jobs.try_send(Job(4)),
            Err(TrySendError::Closed(Job(4), "an actor that is not spawned".into()))
        );
        let timed = jobs.send_timeout(Job(5), ms(1));
        assert_eq!(
            timed,
            Err(SendTimeoutError::Closed(Job(5), "an actor that is not spawned".into()))
        );
    });
}

/// A question that only some messages are.
struct Twice(u32, Reply<u32>);

enum Sums {
    Twice(Twice),
}

impl From<Twice> for Sums {
    fn from(question: Twice) -> Sums {
        Sums::Twice(question)
    }
}

impl From<Sums> for Twice {
    fn from(Sums::Twice(question): Sums) -> Twice {
        question
    }
}

#[test]
fn m5_a_recipient_is_asked_and_m2_gives_the_question_back() {
    guarded(|| {
        let mut system = System::new("narrow");
        let addr = system.spawn(
            "sums",
            Play::new(|Sums::Twice(Twice(n, reply)): Sums, _| {
                // The odd ones are never answered.
                let _ = (n % 2 == 0).then(|| reply.send(2 * n));
                Ok(())
            }),
        );
        let twice: Recipient<Twice> = addr.recipient();
        assert!(matches!(twice.ask(|reply| Twice(4, reply)), Ok(8)));
        assert!(matches!(twice.ask_timeout(|reply| Twice(6, reply), crate::support::HANG), Ok(12)));
        assert!(matches!(twice.ask(|reply| Twice(5, reply)), Err(AskError::Unanswered(_))));
        drop(system.shutdown());
        let refused = twice.ask(|reply| Twice(2, reply));
        assert!(matches!(
            refused,
            Err(AskError::NotSent(SendTimeoutError::Closed(Twice(2, _), _)))
        ));
    });
}

#[test]
fn m5_an_ask_through_a_recipient_ends_when_its_time_is_over() {
    guarded(|| {
        let (addr, inbox) = exeunt::mailbox::<Sums>(1);
        let twice: Recipient<Twice> = addr.recipient();
        let unread = twice.ask_timeout(|reply| Twice(1, reply), ms(1));
        assert!(matches!(unread, Err(AskError::Timeout(_))));
        let no_room = twice.ask_timeout(|reply| Twice(3, reply), ms(1));
        assert!(matches!(
            no_room,
            Err(AskError::NotSent(SendTimeoutError::Timeout(Twice(3, _), _)))
        ));
        drop(inbox);
    });
}

#[test]
fn m2_a_message_that_is_its_own_kind_needs_nothing() {
    let (addr, inbox) = exeunt::mailbox::<String>(1);
    let same: Recipient<String> = addr.recipient();
    same.send("one".into()).unwrap();
    assert_eq!(
        same.try_send("two".into()),
        Err(TrySendError::Full("two".into(), "an actor that is not spawned".into()))
    );
    drop(inbox);
}

#[test]
fn recipients_are_equal_if_they_lead_to_the_same_actor() {
    let (addr, _inbox) = exeunt::mailbox::<Msg>(1);
    let (other, _other_inbox) = exeunt::mailbox::<Msg>(1);
    let (jobs_only, _jobs_inbox) = exeunt::mailbox::<Job>(1);
    let jobs: Recipient<Job> = addr.recipient();
    assert_eq!(jobs, addr.recipient());
    assert_eq!(jobs, jobs.clone());
    assert_ne!(jobs, other.recipient());
    assert_ne!(jobs, jobs_only.recipient());
    assert_eq!(format!("{jobs:?}"), "Recipient(\"an actor that is not spawned\")");
}

#[test]
fn o5_a_recipient_keeps_the_actor_alive_and_the_last_clone_lets_it_go() {
    guarded(|| {
        let mut system = System::new("alive");
        let addr = system.spawn("a", Play::<Msg>::idle());
        let (jobs, weak) = (addr.recipient::<Job>(), addr.downgrade());
        let clone = jobs.clone();
        drop((addr, jobs));
        assert!(weak.upgrade().is_some());
        clone.send(Job(1)).unwrap();
        drop(clone);
        assert!(weak.upgrade().is_none());
        let report = system.wait();
        assert_eq!(line(&report, "a").ended, Ended::Completed);
        assert_eq!(figures(line(&report, "a")), [1, 0, 0]);
    });
}

// Router

/// Mailboxes without actors, so that what was sent stays where it was put.
fn mailboxes<M: Send + 'static, const N: usize>(capacity: usize) -> ([Addr<M>; N], [Inbox<M>; N]) {
    let ends: [_; N] = std::array::from_fn(|_| Some(exeunt::mailbox(capacity)));
    let (mut addrs, mut inboxes) = (ends.each_ref().map(|_| None), ends.each_ref().map(|_| None));
    for (i, end) in ends.into_iter().flatten().enumerate() {
        (addrs[i], inboxes[i]) = (Some(end.0), Some(end.1));
    }
    (addrs.map(Option::unwrap), inboxes.map(Option::unwrap))
}

fn queued<M: Send + 'static>(members: &[Addr<M>]) -> Vec<usize> {
    members.iter().map(Addr::queued).collect()
}

#[test]
fn a_router_over_nobody_is_an_error() {
    let nobody = Vec::<Addr<u32>>::new;
    assert_eq!(Router::round_robin(nobody()).map(drop), Err(NoMembers));
    assert_eq!(Router::least_loaded(nobody()).map(drop), Err(NoMembers));
    assert_eq!(Router::keyed(nobody(), |n| *n).map(drop), Err(NoMembers));
    assert_eq!(Broadcast::new(nobody()).map(drop), Err(NoMembers));
    assert_eq!(NoMembers.to_string(), "a router needs at least one address");
}

#[test]
fn m1_round_robin_sends_to_each_in_its_turn() {
    let (addrs, _inboxes) = mailboxes::<u32, 3>(8);
    let router = Router::round_robin(addrs).unwrap();
    let clone = router.clone();
    for n in 0..6 {
        router.send(n).unwrap();
        assert_eq!(queued(router.members()).iter().sum::<usize>(), n as usize + 1);
    }
    assert_eq!(queued(router.members()), [2, 2, 2]);
    clone.send(6).unwrap();
    router.try_send(7).unwrap();
    assert_eq!(queued(router.members()), [3, 3, 2]);
}

#[test]
fn m1_least_loaded_sends_where_the_fewest_wait() {
    let (addrs, _inboxes) = mailboxes::<u32, 3>(8);
    for (addr, before) in addrs.iter().zip([3, 0, 2]) {
        (0..before).for_each(|n| addr.send(n).unwrap());
    }
    let router = Router::least_loaded(addrs).unwrap();
    router.send(0).unwrap();
    router.send(1).unwrap();
    assert_eq!(queued(router.members()), [3, 2, 2]);
    router.send(2).unwrap();
    router.send(3).unwrap();
    assert_eq!(queued(router.members()), [3, 3, 3]);
    // Among equals each has its turn.
    (4..10).for_each(|n| router.send(n).unwrap());
    assert_eq!(queued(router.members()), [5, 5, 5]);
}

#[test]
fn m2_who_is_closed_is_passed_over_until_all_are() {
    for router in [Router::round_robin, Router::least_loaded] {
        let (addrs, inboxes) = mailboxes::<u32, 3>(8);
        let router = router(addrs.to_vec()).unwrap();
        let [first, second, third] = inboxes;
        drop(second);
        (0..4).for_each(|n| router.send(n).unwrap());
        assert_eq!(queued(&addrs)[1], 0);
        assert_eq!(queued(&addrs).iter().sum::<usize>(), 4);
        drop(first);
        router.send(4).unwrap();
        router.try_send(5).unwrap();
        drop(third);
        assert_eq!(
            router.send(6),
            Err(SendError::Closed(6, "an actor that is not spawned".into()))
        );
        assert_eq!(
            router.try_send(7),
            Err(TrySendError::Closed(7, "an actor that is not spawned".into()))
        );
    }
}

#[test]
fn o3_among_those_that_have_left_a_child_finds_its_parent_open() {
    for router in [Router::round_robin, Router::least_loaded] {
        guarded(move || {
            let mut system = System::new("o3");
            let gone = system.spawn("gone", Play::idle());
            let (parent, inbox) = exeunt::mailbox(8);
            let router = router(vec![gone.clone(), parent]).unwrap();
            gone.stop();
            assert!(gone.wait_timeout(HANG).is_ok());
            let play = Play::idle().started(move |cx| {
                let router = router.clone();
                cx.spawn_task("child", move |cx| {
                    cx.stopping().wait(); // by then its parent is closed for all others
                    (0..4).try_for_each(|n| router.send(n))?;
                    Ok((4..8).try_for_each(|n| router.try_send(n))?)
                });
                Ok(())
            });
            system.actor("parent").inbox(inbox).spawn(play).unwrap();
            let report = system.shutdown();
            assert!(!report.is_failure(), "{report}");
            assert_eq!(figures(line(&report, "parent")), [8, 0, 0]);
        });
    }
}

#[test]
fn m2_try_send_passes_over_who_is_full_until_all_are() {
    for router in [Router::round_robin, Router::least_loaded] {
        let (addrs, inboxes) = mailboxes::<u32, 2>(1);
        let router = router(addrs.to_vec()).unwrap();
        addrs[0].send(0).unwrap();
        router.try_send(1).unwrap();
        assert_eq!(queued(&addrs), [1, 1]);
        assert_eq!(
            router.try_send(2),
            Err(TrySendError::Full(2, "an actor that is not spawned".into()))
        );
        let [first, _second] = inboxes;
        drop(first);
        assert_eq!(
            router.try_send(3),
            Err(TrySendError::Full(3, "an actor that is not spawned".into()))
        );
    }
}

#[test]
fn m2_what_a_member_refuses_comes_back_through_the_router() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("refuses");
        let addr = system
            .actor("a")
            .capacity(1)
            .overflow(Overflow::Refuse)
            .spawn(Play::new(move |_: Job, _| {
                trap.walk_in();
                Ok(())
            }))
            .unwrap();
        let router = Router::round_robin([addr]).unwrap();
        router.send(Job(0)).unwrap();
        keeper.catches();
        router.send(Job(1)).unwrap();
        assert_eq!(router.send(Job(2)), Err(SendError::Full(Job(2), "a".into())));
        keeper.opens();
        assert_eq!(figures(line(&system.shutdown(), "a")), [2, 0, 0]);
    });
}

#[test]
fn m4_a_sender_that_waits_at_one_goes_on_to_the_next_when_that_closes() {
    guarded(|| {
        let (addrs, inboxes) = mailboxes::<u32, 2>(1);
        let router = Router::round_robin(addrs.clone()).unwrap();
        addrs[0].send(0).unwrap();
        let (done, sent) = mpsc::channel();
        thread::spawn(move || done.send(router.send(1)));
        assert!(sent.recv_timeout(NEVER).is_err());
        let [first, _second] = inboxes;
        drop(first);
        assert_eq!(next(&sent), Ok(()));
        assert_eq!(queued(&addrs), [0, 1]);
    });
}

#[test]
fn m3_a_keyed_router_keeps_the_order_of_each_key() {
    guarded(|| {
        const KEYS: u32 = 50;
        let (seen, handled) = mpsc::channel();
        let mut system = System::new("keyed");
        let addrs: Vec<_> = (0..4)
            .map(|hand| {
                let seen = seen.clone();
                system.spawn(
                    &format!("hand {hand}"),
                    Play::new(move |(key, n): (u32, u32), _| Ok(seen.send((hand, key, n))?)),
                )
            })
            .collect();
        let router = Router::keyed(addrs, |&(key, _): &(u32, u32)| key).unwrap();
        for n in 0..20 {
            (0..KEYS).for_each(|key| router.send((key, n)).unwrap());
        }
        drop(system.shutdown());
        let mut whose = HashMap::new();
        let mut last = HashMap::new();
        for (hand, key, n) in so_far(&handled) {
            assert_eq!(*whose.entry(key).or_insert(hand), hand, "{key} went to two");
            assert_eq!(last.insert(key, n), n.checked_sub(1), "{key} out of order");
        }
        assert!(last.len() as u32 == KEYS && last.values().all(|&n| n == 19));
        let hands: HashSet<_> = whose.values().collect();
        assert_eq!(hands.len(), 4, "50 keys are for all four");
    });
}

#[test]
fn m2_a_keyed_router_goes_nowhere_else() {
    let (addrs, inboxes) = mailboxes::<Job, 2>(4);
    let router = Router::keyed(addrs.clone(), |job: &Job| job.0).unwrap();
    let again = Router::keyed(addrs.clone(), |job: &Job| job.0).unwrap();
    // The key of whoever has the first place.
    let key = (0..).find(|&key| {
        router.send(Job(key)).unwrap();
        addrs[0].queued() > 0
    });
    let key = key.unwrap();
    again.send(Job(key)).unwrap();
    assert_eq!(addrs[0].queued(), 2);
    let [first, _second] = inboxes;
    drop(first);
    assert_eq!(
        router.send(Job(key)),
        Err(SendError::Closed(Job(key), "an actor that is not spawned".into()))
    );
    assert_eq!(
        router.try_send(Job(key)),
        Err(TrySendError::Closed(Job(key), "an actor that is not spawned".into()))
    );
}

#[test]
fn o5_a_router_keeps_its_members_alive_and_lets_them_go() {
    guarded(|| {
        let mut system = System::new("alive");
        let addrs: Vec<_> =
            (0..3).map(|n| system.spawn(&n.to_string(), Play::<u32>::idle())).collect();
        let weak: Vec<_> = addrs.iter().map(Addr::downgrade).collect();
        let router = Router::round_robin(addrs).unwrap();
        let clone = router.clone();
        drop(router);
        assert!(weak.iter().all(|weak| weak.upgrade().is_some()));
        (0..6).for_each(|n| clone.send(n).unwrap());
        drop(clone);
        let report = system.wait();
        assert!(report.actors.iter().all(|actor| figures(actor) == [2, 0, 0]), "{report}");
    });
}

#[test]
fn o2_a_drain_writes_down_no_refusal_by_those_who_are_passed_over() {
    // The relay sends to two through a router; one of them has left before, in good order.
    guarded(|| {
        let mut system = System::new("order");
        let (seen, handled) = mpsc::channel();
        let (trap, keeper) = trap();
        let early = system.spawn("early", Play::<u32>::idle());
        let late = system
            .actor("late")
            .feeds_nothing()
            .spawn(Play::new(move |n: u32, _| Ok(seen.send(n)?)))
            .unwrap();
        let router = Router::round_robin([early.clone(), late.clone()]).unwrap();
        let relay = system
            .actor("relay")
            .feeds(&late)
            .spawn(Play::new(move |n: u32, _| {
                trap.walk_in();
                Ok(router.send(n)?)
            }))
            .unwrap();
        (0..4).for_each(|n| relay.send(n).unwrap());
        keeper.catches();
        system.handle().shutdown();
        until(|| early.is_closed());
        keeper.opens();
        let report = system.shutdown();
        assert_eq!(so_far(&handled), [0, 1, 2, 3]);
        assert!(report.refused.is_empty(), "{report}");
    });
}

// Broadcast

#[test]
fn m1_a_broadcast_goes_to_all() {
    guarded(|| {
        let mut system = System::new("all");
        let (hear, heard): (Vec<_>, Vec<Receiver<u32>>) = (0..3).map(|_| mpsc::channel()).unzip();
        let addrs = hear.into_iter().enumerate().map(|(n, hear)| {
            system.spawn(&n.to_string(), Play::new(move |n: u32, _| Ok(hear.send(n)?)))
        });
        let all: Broadcast<u32> = Broadcast::new(addrs).unwrap();
        assert_eq!(all.send(1), Ok(3));
        assert_eq!(all.clone().send(2), Ok(3));
        drop(all);
        drop(system.wait());
        for heard in &heard {
            assert_eq!(so_far(heard), [1, 2]);
        }
    });
}

#[test]
fn m2_a_broadcast_says_how_many_took_it_and_who_did_not() {
    let (addrs, inboxes) = mailboxes::<String, 3>(4);
    let all = Broadcast::new(addrs.clone()).unwrap();
    let [_first, second, third] = inboxes;
    drop((second, third));
    let error = all.send("hear".into()).unwrap_err();
    assert_eq!(error.accepted(), 1);
    let text = error.to_string();
    assert!(text.starts_with("1 of 3 took the message; the mailbox of `"), "{text}");
    let refused = error.into_refused();
    assert_eq!(
        refused[0],
        (addrs[1].clone(), SendError::Closed("hear".into(), "an actor that is not spawned".into()))
    );
    assert_eq!(
        refused[1],
        (addrs[2].clone(), SendError::Closed("hear".into(), "an actor that is not spawned".into()))
    );
    assert_eq!(refused.len(), 2);
}

#[test]
fn d2_a_broadcast_that_is_interrupted_says_so() {
    guarded(|| {
        let (addrs, _inboxes) = mailboxes::<u32, 2>(1);
        let all = Broadcast::new(addrs.clone()).unwrap();
        addrs[1].send(0).unwrap();
        let (told, result) = mpsc::channel();
        let mut system = System::new("interrupted");
        system.set_grace(crate::support::HANG);
        let relay = system
            .actor("relay")
            .drain_deadline(ms(1))
            .spawn(Play::new(move |n: u32, _| {
                let sent = all.send(n).map_err(exeunt::Error::from);
                let error = sent.as_ref().unwrap_err();
                told.send((error.is_interruption(), error.to_string()))?;
                sent.map(drop)
            }))
            .unwrap();
        relay.send(1).unwrap();
        let handle = system.handle();
        until(|| standing(&handle, "relay").waits_for.is_some());
        let report = system.shutdown();
        let (is_interruption, text) = next(&result);
        assert!(is_interruption && text.starts_with("1 of 2"), "{text}");
        assert_eq!(line(&report, "relay").ended, Ended::Overdue);
    });
}

// Asking a router

/// Says who it is, to whom a key led.
type WhoFor = (u32, Reply<String>);

fn said_by(system: &mut System, name: &str) -> Addr<WhoFor> {
    system.spawn(
        name,
        Play::new(|(_, reply): WhoFor, cx| {
            let _ = reply.send(cx.name().to_owned());
            Ok(())
        }),
    )
}

#[test]
fn m5_a_keyed_router_asks_whom_it_sends_to() {
    guarded(|| {
        let mut system = System::new("asked");
        let addrs = ["a", "b", "c"].map(|name| said_by(&mut system, name));
        let router = Router::keyed(addrs, |(key, _): &WhoFor| *key).unwrap();
        let ask = |key| router.ask(|reply| (key, reply)).unwrap();
        let first: Vec<_> = (0..30).map(ask).collect();
        let again: Vec<_> = (0..30).map(ask).collect();
        assert_eq!(first, again);
        assert_eq!(first.into_iter().collect::<HashSet<_>>().len(), 3);
    });
}

#[test]
fn m2_a_router_asks_past_the_closed_and_gives_the_question_back_when_all_are() {
    guarded(|| {
        let (closed, inbox) = exeunt::mailbox::<WhoFor>(1);
        drop(inbox);
        let mut system = System::new("asked");
        let router = Router::round_robin([closed, said_by(&mut system, "b")]).unwrap();
        for _ in 0..4 {
            let who = router.ask_timeout(|reply| (0, reply), HANG);
            assert_eq!(who.unwrap(), "b");
        }
        drop(system.shutdown());
        let refused = router.ask(|reply| (7, reply));
        assert!(matches!(refused, Err(AskError::NotSent(SendTimeoutError::Closed((7, _), _)))));
    });
}

#[test]
fn m5_a_router_asks_everybody_but_the_asker() {
    guarded(|| {
        let (addr, inbox) = exeunt::mailbox::<WhoFor>(8);
        let mut system = System::new("asked");
        let other = said_by(&mut system, "b");
        let both = Router::round_robin([addr.clone(), other]).unwrap();
        let alone = Router::round_robin([addr.clone()]).unwrap();
        let asker = Play::new(move |(_, reply): WhoFor, _| {
            let lonely = alone.ask(|reply| (0, reply));
            assert!(matches!(lonely, Err(AskError::Deadlock(..))));
            let who = (both.ask(|reply| (0, reply))?, both.ask(|reply| (0, reply))?);
            let _ = reply.send(format!("{who:?}"));
            Ok(())
        });
        system.actor("a").inbox(inbox).spawn(asker).unwrap();
        assert_eq!(addr.ask(|reply| (0, reply)).unwrap(), r#"("b", "b")"#);
    });
}

#[test]
fn m5_one_of_a_ring_that_has_its_turn_does_not_ask_itself_through_a_router() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let (a, a_inbox) = exeunt::mailbox::<WhoFor>(8);
        let (b, b_inbox) = exeunt::mailbox::<u32>(8);
        let mut system = System::new("asked");
        let alone = Router::round_robin([a.clone()]).unwrap();
        let asked = a.clone();
        let asker = Play::new(move |(_, reply): WhoFor, cx| {
            let lonely = alone.ask(|reply| (0, reply));
            let in_turn = cx.stopping().is_set();
            let _ = tell.send((in_turn, matches!(lonely, Err(AskError::Deadlock(..)))));
            drop(reply);
            Ok(())
        });
        let asker = asker.started(move |cx| {
            let asked = asked.clone();
            cx.spawn_task("child", move |cx| {
                cx.stopping().wait();
                let _ = asked.ask(|reply| (0, reply));
                Ok(())
            });
            Ok(())
        });
        system.actor("a").inbox(a_inbox).feeds(&b).spawn(asker).unwrap();
        system.actor("b").inbox(b_inbox).feeds(&a).spawn(Play::idle()).unwrap();
        let report = system.shutdown();
        assert_eq!(so_far(&told), [(true, true)], "{report}");
        assert!(report.is_complete(), "{report}");
    });
}
