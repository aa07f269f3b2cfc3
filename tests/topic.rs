//! Publish and subscribe: what a [`Topic`] promises of messages (M1 to M4), of the order of leaving (O1,
//! O3) and of natural ends (O5).
//!
//! A subscriber is slow when it is caught in a [`support::Trap`]. Each test waits until all have
//! subscribed, which the topic itself says.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use exeunt::{
    Ended, Error, Event, Overflow, Restart, SendTimeoutError, Subscription, System, Topic,
    WaitingFor,
};

use crate::support::{
    HANG, Keeper, NEVER, Play, figures, guarded, guarded_for, line, ms, next, so_far, trap, until,
};

/// Waits until so many have subscribed.
fn subscribed<T: Clone + Send>(topic: &Topic<T>, subscribers: usize) {
    until(|| topic.subscribers().len() == subscribers);
}

/// Somebody who has subscribed, and says what it hears.
fn listener(topic: &Topic<u32>) -> (Play<u32>, Receiver<u32>) {
    let (tell, heard) = mpsc::channel();
    let mut topic = Some(topic.clone());
    let listener = Play::new(move |n, _| Ok(tell.send(n)?)).started(move |cx| {
        if let Some(topic) = topic.take() {
            cx.subscribe(&topic, |n| n);
        }
        Ok(())
    });
    (listener, heard)
}

/// A subscriber that is caught with 0 in its hands, and has room for one more.
struct Slow {
    system: System,
    topic: Topic<u32>,
    keeper: Keeper,
    returned: Receiver<u32>,
}

fn slow(overflow: Overflow) -> Slow {
    let (trap, keeper) = trap();
    let (tell, returned) = mpsc::channel();
    let mut system = System::new("slow");
    let topic = Topic::new("numbers");
    let mut subscribe = Some((topic.clone(), tell));
    let slow = Play::new(move |n: u32, _| {
        if n == 0 {
            trap.walk_in();
        }
        Ok(())
    });
    system.spawn(
        "slow",
        slow.started(move |cx| {
            if let Some((topic, tell)) = subscribe.take() {
                let subscription = topic.subscription().capacity(1).overflow(overflow);
                subscription.returned(move |n| tell.send(n).unwrap()).subscribe(cx, |n| n);
            }
            Ok(())
        }),
    );
    subscribed(&topic, 1);
    assert_eq!(topic.publish(0).ok(), Ok(1));
    keeper.catches();
    assert_eq!(topic.publish(1).ok(), Ok(1));
    Slow { system, topic, keeper, returned }
}

// What is published

#[test]
fn m3_each_subscriber_hears_each_publisher_in_order() {
    guarded(|| {
        let mut system = System::new("all");
        let topic = Topic::new("numbers");
        let (listeners, heard): (Vec<_>, Vec<_>) = (0..3).map(|_| listener(&topic)).unzip();
        for listener in listeners {
            system.spawn("listener", listener);
        }
        subscribed(&topic, 3);
        for publisher in 0..2 {
            let topic = topic.clone();
            system.spawn_task("publisher", move |_| {
                for n in 0..500 {
                    assert_eq!(topic.publish(publisher * 1000 + n).ok()?, 3);
                }
                Ok(())
            });
        }
        drop(topic);
        let report = system.wait();
        assert!(report.is_complete(), "{report}");
        for heard in heard {
            let (second, first): (Vec<u32>, Vec<u32>) = heard.iter().partition(|&n| n >= 1000);
            assert_eq!(first, (0..500).collect::<Vec<_>>());
            assert_eq!(second, (1000..1500).collect::<Vec<_>>());
        }
    });
}

#[test]
fn m4_a_publisher_waits_for_room_and_no_longer_than_it_wants() {
    guarded(|| {
        let Slow { system, topic, keeper, returned } = slow(Overflow::Wait);
        let refused = topic.publish_timeout(2, NEVER);
        assert_eq!(refused.accepted, 0);
        assert_eq!(refused.refused, [SendTimeoutError::Timeout(2, "slow".into())]);
        let (done, published) = mpsc::channel();
        let publisher = thread::spawn({
            let topic = topic.clone();
            move || done.send(topic.publish(3).ok()).unwrap()
        });
        assert!(published.recv_timeout(NEVER).is_err());
        keeper.opens();
        assert_eq!(next(&published), Ok(1));
        publisher.join().unwrap();
        drop(topic);
        assert_eq!(figures(line(&system.wait(), "slow")), [3, 0, 0]);
        assert_eq!(so_far(&returned), Vec::<u32>::new());
    });
}

#[test]
fn m1_what_finds_no_room_is_dropped_and_counted_or_refused() {
    for (overflow, gone) in [(Overflow::DropNewest, [2, 3]), (Overflow::DropOldest, [1, 2])] {
        guarded(move || {
            let Slow { system, topic, keeper, returned } = slow(overflow);
            assert_eq!(topic.publish(2).ok(), Ok(1));
            assert_eq!(topic.publish(3).ok(), Ok(1));
            let [slow] = &topic.subscribers()[..] else { panic!("one has subscribed") };
            assert_eq!((&*slow.name, slow.accepted, slow.dropped, slow.queued), ("slow", 4, 2, 1));
            assert_eq!(so_far(&returned), gone);
            keeper.opens();
            drop(topic);
            assert_eq!(figures(line(&system.wait(), "slow")), [2, 0, 2]);
        });
    }
    guarded(|| {
        let Slow { system, topic, keeper, .. } = slow(Overflow::Refuse);
        assert_eq!(topic.publish(2).ok(), Err(SendTimeoutError::Full(2, "slow".into())));
        assert_eq!(topic.subscribers()[0].accepted, 2);
        keeper.opens();
        drop(topic);
        assert_eq!(figures(line(&system.wait(), "slow")), [2, 0, 0]);
    });
}

#[test]
fn m2_a_publisher_past_its_own_deadline_gets_its_value_back() {
    guarded(|| {
        let Slow { mut system, topic, keeper, .. } = slow(Overflow::Wait);
        system.set_stall_limit(HANG).set_grace(HANG);
        let (tell, told) = mpsc::channel();
        let publisher = Play::new(move |n: u32, _| {
            let published = topic.publish(n);
            tell.send(published.refused.clone()).unwrap();
            published.ok()?;
            Ok(())
        });
        let publisher = system.actor("publisher").stall_limit(ms(50)).spawn(publisher).unwrap();
        publisher.send(7).unwrap();
        let handle = system.handle();
        until(|| {
            handle.snapshot()[1].waits_for.as_ref().is_some_and(|w| w.what == WaitingFor::Room)
        });
        handle.shutdown();
        assert_eq!(next(&told), [SendTimeoutError::Interrupted(7, "slow".into())]);
        keeper.opens();
        let report = system.wait();
        assert_eq!(line(&report, "publisher").ended, Ended::Overdue, "{report}");
        assert_eq!(figures(line(&report, "slow")), [2, 0, 0], "{report}");
    });
}

#[test]
fn m2_a_publisher_that_would_wait_for_itself_is_told() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("self");
        let mut topic = Some(Topic::new("echo"));
        let play = Play::new(|_: u32, _| Ok(())).started(move |cx| {
            let topic = topic.take().unwrap();
            topic.subscription().capacity(1).subscribe(cx, |n| n);
            assert_eq!(topic.publish(1).ok(), Ok(1));
            tell.send(topic.publish(2).ok()).unwrap();
            Ok(())
        });
        system.spawn("echo", play);
        assert_eq!(next(&told), Err(SendTimeoutError::Deadlock(2, "echo".into())));
        assert_eq!(figures(line(&system.wait(), "echo")), [1, 0, 0]);
    });
}

// Coming and going

#[test]
fn m1_what_was_accepted_before_the_subscription_ended_is_handled() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (hand_out, subscriptions) = mpsc::channel::<Subscription>();
        let mut system = System::new("leaves");
        let topic = Topic::new("numbers");
        let mut to_subscribe = Some(topic.clone());
        let play = Play::new(move |n: u32, _| {
            if n == 0 {
                trap.walk_in();
            }
            Ok(())
        });
        let play = play.started(move |cx| {
            if let Some(topic) = to_subscribe.take() {
                hand_out.send(cx.subscribe(&topic, |n| n))?;
            }
            Ok(())
        });
        system.spawn("leaves", play);
        let subscription = next(&subscriptions);
        for n in 0..3 {
            assert_eq!(topic.publish(n).ok(), Ok(1));
        }
        keeper.catches();
        assert_eq!(subscription.look().unwrap().queued, 2);
        assert!(subscription.unsubscribe());
        assert!(!subscription.unsubscribe());
        assert_eq!((subscription.look(), topic.subscribers().len()), (None, 0));
        assert_eq!(topic.publish(3).ok(), Ok(0));
        keeper.opens();
        // Nothing keeps it alive any more, though the topic is still there.
        let report = system.wait();
        assert_eq!(figures(line(&report, "leaves")), [3, 0, 0]);
        assert_eq!(line(&report, "leaves").ended, Ended::Completed);
    });
}

#[test]
fn m2_whoever_has_left_is_passed_over_and_removed() {
    guarded(|| {
        let mut system = System::new("left");
        let topic = Topic::new("numbers");
        let (first, _heard) = listener(&topic);
        let first = system.spawn("first", first);
        let (second, heard) = listener(&topic);
        system.spawn("second", second);
        subscribed(&topic, 2);
        first.stop();
        assert!(first.wait_timeout(HANG).is_ok());
        let published = topic.publish(1);
        assert_eq!((published.accepted, published.refused.len()), (1, 0));
        assert_eq!(topic.subscribers().len(), 1);
        drop(topic);
        drop(system.wait());
        assert_eq!(heard.iter().collect::<Vec<_>>(), [1]);
    });
}

#[test]
fn o5_the_subscribers_end_by_themselves_when_nobody_can_publish_any_more() {
    guarded(|| {
        let mut system = System::new("flow");
        let topic = Topic::new("numbers");
        let weak = topic.downgrade();
        let (listener, heard) = listener(&topic);
        system.spawn("listener", listener);
        subscribed(&topic, 1);
        system.spawn_task("publisher", move |_| {
            (0..100).try_for_each(|n| topic.publish(n).ok().map(drop))?;
            Ok(())
        });
        let report = system.wait();
        assert_eq!(line(&report, "listener").ended, Ended::Completed);
        assert_eq!(heard.iter().count(), 100);
        assert!(weak.upgrade().is_none());
    });
}

#[test]
fn f1_a_subscription_is_of_one_incarnation_and_the_next_subscribes_again() {
    guarded(|| {
        let mut system = System::new("again");
        let topic = Topic::new("numbers");
        let weak = topic.downgrade();
        let (trap, keeper) = trap();
        let trap = Arc::new(Mutex::new(trap));
        let (tell, returned) = mpsc::channel();
        let made = Arc::new(AtomicU64::new(0));
        system
            .actor("again")
            .restart(Restart::on_failure())
            .returned(move |n: u32| tell.send(n).unwrap())
            .spawn_with({
                let made = Arc::clone(&made);
                move || {
                    let (weak, trap) = (weak.clone(), Arc::clone(&trap));
                    made.fetch_add(1, Ordering::SeqCst);
                    let play = Play::new(move |n: u32, _| {
                        if n == 0 {
                            trap.lock().unwrap().walk_in();
                            return Err(Error::msg("zero"));
                        }
                        Ok(())
                    });
                    play.started(move |cx| {
                        if let Some(topic) = weak.upgrade() {
                            cx.subscribe(&topic, |n| n);
                        }
                        Ok(())
                    })
                }
            })
            .unwrap();
        subscribed(&topic, 1);
        for n in 0..3 {
            topic.publish(n).ok().unwrap();
        }
        keeper.catches();
        keeper.opens();
        until(|| made.load(Ordering::SeqCst) == 2);
        assert_eq!([next(&returned), next(&returned)], [1, 2]);
        // The second has subscribed, and the first is gone, or is noticed to be.
        until(|| topic.publish(4).accepted == 1 && topic.subscribers().len() == 1);
        drop(topic);
        let report = system.wait();
        let again = line(&report, "again");
        assert_eq!((again.failed, again.returned, again.restarts), (1, 2, 1), "{report}");
        assert_eq!(again.handled, 1, "{report}");
    });
}

// Leaving in order

#[test]
fn o1_publishers_that_were_spawned_after_their_subscribers_leave_before_them() {
    guarded(|| {
        let mut system = System::new("order");
        let topic = Topic::new("numbers");
        let (listener, heard) = listener(&topic);
        system.spawn("listener", listener);
        subscribed(&topic, 1);
        let accepted = Arc::new(AtomicU64::new(0));
        let publisher = Play::<u32>::idle().stopped({
            let accepted = Arc::clone(&accepted);
            move |_| {
                // Its last words, in its own turn.
                for n in 0..1000 {
                    accepted.fetch_add(topic.publish(n).ok()? as u64, Ordering::SeqCst);
                }
                Ok(())
            }
        });
        let publisher = system.spawn("publisher", publisher);
        let report = system.shutdown();
        drop(publisher);
        assert!(report.is_complete() && report.refused.is_empty(), "{report}");
        assert_eq!(accepted.load(Ordering::SeqCst), 1000);
        assert_eq!(heard.iter().count(), 1000);
    });
}

#[test]
fn o1_a_publisher_that_stays_longer_than_its_subscribers_is_named() {
    guarded(|| {
        let mut system = System::new("wrong");
        let topic = Topic::new("numbers");
        let publisher = Play::<u32>::idle().stopped({
            let topic = topic.clone();
            move |_| {
                assert_eq!(topic.publish(1).ok()?, 0);
                Ok(())
            }
        });
        let _publisher = system.spawn("publisher", publisher);
        let (listener, _heard) = listener(&topic);
        system.spawn("listener", listener);
        subscribed(&topic, 1);
        let report = system.shutdown();
        let edge = &report.refused[0];
        assert_eq!((&*edge.from, &*edge.to, edge.count), ("publisher", "listener", 1));
    });
}

#[test]
fn m1_o3_what_an_inbox_accepts_until_its_turn_is_handled_to_the_last() {
    guarded_for(4 * HANG, || {
        for round in 0..30 {
            flood(round);
        }
    });
}

/// Publishers outside, subscribers of all kinds that come and go, and a drain in the middle.
fn flood(round: u64) {
    let mut system = System::new("flood");
    let topic = Topic::new("numbers");
    let handled = Arc::new(AtomicU64::new(0));
    let returned = Arc::new(AtomicU64::new(0));
    let kinds = [Overflow::Wait, Overflow::DropOldest, Overflow::DropNewest, Overflow::Refuse];
    for overflow in kinds {
        let mut to_subscribe = Some((topic.clone(), Arc::clone(&returned)));
        let handled = Arc::clone(&handled);
        let play = Play::new(move |_: u64, _| {
            handled.fetch_add(1, Ordering::Relaxed);
            Ok(())
        });
        let play = play.started(move |cx| {
            if let Some((topic, returned)) = to_subscribe.take() {
                let subscription = topic.subscription().capacity(2).overflow(overflow);
                let count = move |_| {
                    returned.fetch_add(1, Ordering::Relaxed);
                };
                subscription.returned(count).subscribe(cx, |n| n);
            }
            Ok(())
        });
        system.spawn("subscriber", play);
    }
    subscribed(&topic, kinds.len());
    let over = Event::new();
    let publishers: Vec<_> = (0..3)
        .map(|_| {
            let (topic, over) = (topic.clone(), over.clone());
            thread::spawn(move || {
                let published = (0..).take_while(|_| !over.is_set());
                published.map(|n| topic.publish(n).accepted as u64).sum::<u64>()
            })
        })
        .collect();
    thread::sleep(Duration::from_micros(300 * round));
    let report = system.shutdown();
    over.set();
    let accepted: u64 = publishers.into_iter().map(|p| p.join().unwrap()).sum();
    let ours = [&handled, &returned].map(|n| n.load(Ordering::SeqCst));
    let theirs = report
        .actors
        .iter()
        .map(figures)
        .fold([0, 0], |[h, r], [handled, _, returned]| [h + handled, r + returned]);
    assert_eq!(ours, theirs, "{report}");
    assert_eq!(accepted, ours[0] + ours[1], "{report}");
    assert!(report.actors.iter().all(|actor| actor.ended == Ended::Drained), "{report}");
}

#[test]
fn o3_who_is_closed_for_others_still_hears_its_children() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let topic = Topic::new("o3");
        let mut system = System::new("o3");
        let (play, heard) = listener(&topic);
        let parent = play.started({
            let topic = topic.clone();
            move |cx| {
                cx.subscribe(&topic, |n| n);
                let (topic, tell) = (topic.clone(), tell.clone());
                cx.spawn_task("child", move |cx| {
                    cx.stopping().wait();
                    let others = thread::spawn({
                        let topic = topic.clone();
                        move || topic.publish(1).accepted
                    });
                    let others = others.join().unwrap_or(usize::MAX);
                    Ok(tell.send((others, topic.publish(2).accepted))?)
                });
                Ok(())
            }
        });
        let _parent = system.spawn("parent", parent);
        subscribed(&topic, 1);
        let report = system.shutdown();
        assert_eq!((so_far(&told), so_far(&heard)), (vec![(0, 1)], vec![2]), "{report}");
        // It has left for good now, which the next value finds out.
        assert_eq!(topic.publish(3).accepted, 0);
        assert!(topic.subscribers().is_empty());
    });
}
