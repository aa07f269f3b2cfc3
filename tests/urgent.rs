//! The urgent lane of a mailbox: clauses M1 to M4 for what is sent past the others, and what it
//! leaves to them.
//!
//! What is to overtake needs something to wait behind: the actor is caught in a
//! [`support::Trap`] with the message 0 in its hands until all is sent.

use std::collections::HashSet;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use exeunt::{Addr, Ended, Error, SendError, System, TrySendError};

use crate::support::{
    HANG, Keeper, NEVER, Play, figures, guarded, guarded_for, line, ms, next, so_far, trap, until,
};

/// An actor with both lanes of so many places, caught with 0 in its hands, and what it handles.
fn caught(ordinary: usize, urgent: usize) -> (System, Addr<u32>, Keeper, Receiver<u32>) {
    let (trap, keeper) = trap();
    let (seen, handled) = mpsc::channel();
    let mut system = System::new("urgent");
    let addr = system
        .actor("a")
        .capacity(ordinary)
        .urgent(urgent)
        .spawn(Play::new(move |n, _| {
            if n == 0 {
                trap.walk_in();
            }
            Ok(seen.send(n)?)
        }))
        .unwrap();
    addr.send(0).unwrap();
    keeper.catches();
    (system, addr, keeper, handled)
}

#[test]
fn m2_without_a_lane_nothing_is_urgent() {
    guarded(|| {
        let mut system = System::new("one lane");
        let addr = system.spawn("a", Play::<u32>::idle());
        assert_eq!(addr.send_urgent(1), Err(SendError::NoLane(1, "a".into())));
        assert_eq!(addr.try_send_urgent(2), Err(TrySendError::NoLane(2, "a".into())));
        assert_eq!(figures(line(&system.shutdown(), "a")), [0, 0, 0]);
    });
}

#[test]
fn m4_an_urgent_lane_without_a_place_is_refused() {
    guarded(|| {
        let mut system = System::new("no place");
        let refused = system.actor("a").urgent(0).spawn(Play::<u32>::idle()).unwrap_err();
        assert!(refused.is_zero_capacity(), "{refused}");
    });
}

#[test]
fn m3_urgent_messages_go_first_and_each_lane_keeps_its_order() {
    guarded(|| {
        let (system, addr, keeper, handled) = caught(16, 16);
        for n in 1..=5 {
            addr.send(n).unwrap();
            addr.send_urgent(n + 10).unwrap();
        }
        assert_eq!(addr.queued(), 10);
        keeper.opens();
        let report = system.shutdown();
        assert_eq!(so_far(&handled), [0, 11, 12, 13, 14, 15, 1, 2, 3, 4, 5]);
        assert_eq!(figures(line(&report, "a")), [11, 0, 0]);
        assert_eq!(line(&report, "a").ended, Ended::Drained);
    });
}

#[test]
fn m3_the_ordinary_lane_does_not_starve() {
    guarded(|| {
        let (system, addr, keeper, handled) = caught(16, 64);
        for n in 1..=2 {
            addr.send(n).unwrap();
        }
        for n in 100..130 {
            addr.send_urgent(n).unwrap();
        }
        keeper.opens();
        drop(system.shutdown());
        let handled = so_far(&handled);
        let at = |n| handled.iter().position(|&seen| seen == n).unwrap();
        // After 0, eight urgent ones at most, and after the next one eight more.
        assert!(at(1) <= 9 && at(2) <= 18, "{handled:?}");
        assert_eq!(handled.len(), 33);
    });
}

#[test]
fn m4_each_lane_has_its_own_room() {
    guarded(|| {
        let (system, addr, keeper, handled) = caught(1, 1);
        addr.send(1).unwrap();
        addr.send_urgent(11).unwrap();
        assert_eq!(addr.try_send(2), Err(TrySendError::Full(2, "a".into())));
        assert_eq!(addr.try_send_urgent(12), Err(TrySendError::Full(12, "a".into())));
        let waiting = thread::spawn({
            let addr = addr.clone();
            move || addr.send_urgent(13)
        });
        keeper.opens();
        assert_eq!(waiting.join().unwrap(), Ok(()));
        assert_eq!(figures(line(&system.shutdown(), "a")), [4, 0, 0]);
        assert_eq!(so_far(&handled).len(), 4);
    });
}

#[test]
fn m4_who_waits_for_urgent_room_gets_its_message_back_when_the_mailbox_closes() {
    guarded(|| {
        let (system, addr, keeper, _handled) = caught(1, 1);
        addr.send_urgent(1).unwrap();
        let (done, sent) = mpsc::channel();
        thread::spawn({
            let addr = addr.clone();
            move || done.send(addr.send_urgent(2))
        });
        assert!(sent.recv_timeout(NEVER).is_err());
        system.handle().shutdown();
        assert_eq!(next(&sent), Err(SendError::Closed(2, "a".into())));
        assert_eq!(addr.send_urgent(3), Err(SendError::Closed(3, "a".into())));
        assert_eq!(addr.try_send_urgent(4), Err(TrySendError::Closed(4, "a".into())));
        keeper.opens();
        assert_eq!(figures(line(&system.shutdown(), "a")), [2, 0, 0]);
    });
}

#[test]
fn m4_an_actor_does_not_wait_for_urgent_room_in_its_own_mailbox() {
    guarded(|| {
        let (addr, inbox) = exeunt::mailbox::<u32>(4);
        let (told, second) = mpsc::channel();
        let myself = addr.downgrade();
        let mut system = System::new("self");
        system
            .actor("a")
            .inbox(inbox)
            .urgent(1)
            .spawn(Play::new(move |n, _| {
                if n == 0 {
                    let myself = myself.upgrade().unwrap();
                    myself.send_urgent(1)?;
                    told.send(myself.send_urgent(2))?;
                }
                Ok(())
            }))
            .unwrap();
        addr.send(0).unwrap();
        assert_eq!(next(&second), Err(SendError::Deadlock(2, "a".into())));
        assert_eq!(figures(line(&system.shutdown(), "a")), [2, 0, 0]);
    });
}

#[test]
fn m4_an_urgent_message_wakes_an_actor_that_sleeps() {
    guarded(|| {
        let (seen, handled) = mpsc::channel();
        let mut system = System::new("asleep");
        let addr = system
            .actor("a")
            .urgent(1)
            .spawn(Play::new(move |n: u32, _| Ok(seen.send(n)?)))
            .unwrap();
        for n in 0..20 {
            thread::sleep(ms(1));
            addr.send_urgent(n).unwrap();
            assert_eq!(next(&handled), n);
        }
        drop(system.shutdown());
    });
}

#[test]
fn m1_what_is_left_in_both_lanes_is_returned_the_urgent_first() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (hook, returned) = mpsc::channel();
        let mut system = System::new("returned");
        let addr = system
            .actor("a")
            .urgent(4)
            .returned(move |n| hook.send(n).unwrap())
            .spawn(Play::new(move |_: u32, _| {
                trap.walk_in();
                Err(Error::msg("planned"))
            }))
            .unwrap();
        addr.send(0).unwrap();
        keeper.catches();
        for n in 1..=2 {
            addr.send(n).unwrap();
            addr.send_urgent(n + 10).unwrap();
        }
        keeper.opens();
        let report = system.wait();
        assert_eq!(so_far(&returned), [11, 12, 1, 2]);
        assert_eq!(figures(line(&report, "a")), [0, 1, 4]);
    });
}

#[test]
fn o5_an_actor_that_nobody_can_reach_ends_when_both_lanes_are_empty() {
    guarded(|| {
        let (system, addr, keeper, handled) = caught(4, 4);
        addr.send(1).unwrap();
        addr.send_urgent(2).unwrap();
        drop(addr);
        keeper.opens();
        let report = system.wait();
        assert_eq!(line(&report, "a").ended, Ended::Completed);
        assert_eq!(so_far(&handled), [0, 2, 1]);
    });
}

// Stress

const SENDERS: u64 = 4;

/// The bit of a number that was sent through the urgent lane.
const URGENT: u64 = 1 << 31;

#[test]
fn m1_stress_two_lanes() {
    guarded_for(4 * HANG, || {
        for (fails, rounds) in [(false, 150), (true, 150)] {
            for capacity in [1, 2, 64] {
                for round in 0..rounds {
                    close_once(capacity, fails.then_some(round), round);
                }
            }
        }
    });
}

/// One mailbox from its first message to its end, which comes by a failure after so many messages
/// or by a shutdown.
fn close_once(capacity: usize, fails_after: Option<u64>, seed: u64) {
    let handled = Arc::new(Mutex::new(Vec::new()));
    let returned = Arc::new(Mutex::new(Vec::new()));
    let mut system = System::new("stress");
    let addr = system
        .actor("a")
        .capacity(capacity)
        .urgent(capacity)
        .returned({
            let returned = Arc::clone(&returned);
            move |id| returned.lock().unwrap().push(id)
        })
        .spawn(Play::new({
            let handled = Arc::clone(&handled);
            let mut count = 0;
            move |id: u64, _| {
                count += 1;
                if fails_after.is_some_and(|limit| count > limit) {
                    return Err(Error::msg("planned"));
                }
                handled.lock().unwrap().push(id);
                Ok(())
            }
        }))
        .unwrap();
    let (report, accepted) = thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let addr = &addr;
                scope.spawn(move || send_until_closed(addr, sender, seed + sender))
            })
            .collect();
        let until = Instant::now() + Duration::from_micros(seed * 7 % 300);
        while Instant::now() < until {
            thread::yield_now();
        }
        let report = system.shutdown();
        let accepted: Vec<u64> = senders.into_iter().flat_map(|s| s.join().unwrap()).collect();
        (report, accepted)
    });
    let actor = line(&report, "a");
    until(|| returned.lock().unwrap().len() as u64 >= actor.returned);
    let (handled, returned) = (handled.lock().unwrap().clone(), returned.lock().unwrap().clone());
    assert_eq!(actor.accepted(), accepted.len() as u64, "{report}");
    assert_eq!(actor.handled, handled.len() as u64, "{report}");
    assert_eq!(actor.returned, returned.len() as u64, "{report}");
    let mut all: HashSet<u64> = accepted.into_iter().collect();
    for id in handled.iter().chain(&returned) {
        assert!(all.remove(id), "{id:#x} was seen twice, or is not accepted:\n{report}");
    }
    assert_eq!(all.len() as u64, actor.failed, "never seen:\n{report}");
    assert!(is_in_order_per_lane(&handled) && is_in_order_per_lane(&returned), "{report}");
}

fn send_until_closed(addr: &Addr<u64>, sender: u64, seed: u64) -> Vec<u64> {
    let mut accepted = Vec::new();
    for (n, id) in (sender << 32..).enumerate() {
        let lot = (n as u64 + seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        let (id, sent) = match lot % 4 {
            0 => (id, addr.send(id)),
            1 => (id | URGENT, addr.send_urgent(id | URGENT)),
            2 => (id, addr.try_send(id).map_err(patiently)),
            _ => (id | URGENT, addr.try_send_urgent(id | URGENT).map_err(patiently)),
        };
        match sent {
            Ok(()) => accepted.push(id),
            Err(SendError::Full(back, _)) => assert_eq!(back, id),
            Err(error) => {
                assert_eq!(error, SendError::Closed(id, "a".into()));
                break;
            }
        }
    }
    accepted
}

fn patiently(error: TrySendError<u64>) -> SendError<u64> {
    match error {
        TrySendError::Full(id, name) => SendError::Full(id, name),
        TrySendError::Closed(id, name) => SendError::Closed(id, name),
        error => panic!("{error}"),
    }
}

fn is_in_order_per_lane(ids: &[u64]) -> bool {
    let mut last = [None; 2 * SENDERS as usize];
    ids.iter().all(|&id| {
        let lane = 2 * (id >> 32) + u64::from(id & URGENT != 0);
        last[lane as usize].replace(id) < Some(id)
    })
}
