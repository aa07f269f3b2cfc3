//! What the observers of a system are told of messages that are returned (M1, R1): each once, with
//! the reason, and a flood of them in a few words.

use std::sync::mpsc::{self, Receiver};

use exeunt::{Error, Notice, Overflow, ReturnedBecause, System};

use crate::support::{HANG, Play, figures, guarded, line, ms, trap, until};

/// What is told of returned messages: to whom, how many, and why.
type Told = (String, u64, ReturnedBecause);

fn observed(name: &str) -> (System, Receiver<Told>) {
    let (tell, told) = mpsc::channel();
    let mut system = System::new(name);
    system.observe(move |notice| {
        if let Notice::Returned { name, messages, message_type, why, .. } = notice {
            assert_eq!(*message_type, "u32");
            tell.send((name.clone(), *messages, *why)).unwrap();
        }
    });
    (system, told)
}

#[test]
fn m1_what_a_failed_actor_leaves_is_told() {
    guarded(|| {
        let (mut system, told) = observed("failed");
        let (addr, inbox) = exeunt::mailbox(8);
        (0..5).for_each(|n| addr.send(n).unwrap());
        let fails = Play::new(|n: u32, _| if n == 1 { Err(Error::msg("one")) } else { Ok(()) });
        system.actor("a").inbox(inbox).spawn(fails).unwrap();
        assert_eq!(figures(line(&system.wait(), "a")), [1, 1, 3]);
        assert_eq!(told.iter().collect::<Vec<_>>(), [("a".into(), 3, ReturnedBecause::Failed)]);
    });
}

#[test]
fn m1_what_is_left_at_a_deadline_or_by_an_abandoned_thread_is_told() {
    for (grace, why) in [(HANG, ReturnedBecause::Overdue), (ms(0), ReturnedBecause::Abandoned)] {
        guarded(move || {
            let (trap, keeper) = trap();
            let (mut system, told) = observed("late");
            system.set_stall_limit(ms(20)).set_grace(grace);
            let late = Play::new(move |_: u32, cx| {
                trap.walk_in();
                cx.must_stop().wait();
                Ok(())
            });
            let addr = system.spawn("a", late);
            (0..4).for_each(|n| addr.send(n).unwrap());
            keeper.catches();
            system.handle().shutdown();
            if why == ReturnedBecause::Overdue {
                keeper.opens();
            }
            let report = system.wait();
            assert_eq!(line(&report, "a").returned, 3, "{report}");
            assert_eq!(told.iter().collect::<Vec<_>>(), [("a".into(), 3, why)], "{report}");
            keeper.opens();
        });
    }
}

#[test]
fn m1_a_flood_of_drops_is_a_few_notices_that_sum_up_to_the_report() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (mut system, told) = observed("flood");
        let held = Play::new(move |n: u32, _| {
            if n == 0 {
                trap.walk_in();
            }
            Ok(())
        });
        let addr =
            system.actor("a").capacity(1).overflow(Overflow::DropOldest).spawn(held).unwrap();
        addr.send(0).unwrap();
        keeper.catches();
        (1..=1001).for_each(|n| addr.send(n).unwrap());
        assert_eq!(addr.dropped(), 1000);
        // The first ones are told at once.
        let first = told.recv_timeout(HANG).unwrap();
        assert_eq!(first, ("a".into(), 1, ReturnedBecause::Overflow));
        keeper.opens();
        drop(addr);
        let report = system.wait();
        let rest: Vec<Told> = told.iter().collect();
        assert!(rest.len() <= 10, "{rest:?}");
        let sum: u64 = first.1 + rest.iter().map(|(_, messages, _)| messages).sum::<u64>();
        assert_eq!(figures(line(&report, "a")), [2, 0, sum], "{report}");
        assert_eq!(sum, 1000);
    });
}

#[test]
fn d4_what_a_daemon_leaves_is_told() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (mut system, told) = observed("daemon");
        let held = Play::new(move |_: u32, _| {
            trap.walk_in();
            Ok(())
        });
        let addr = system.actor("d").daemon().spawn(held).unwrap();
        (0..3).for_each(|n| addr.send(n).unwrap());
        keeper.catches();
        until(|| addr.queued() == 2);
        drop(system.shutdown());
        assert_eq!(told.iter().collect::<Vec<_>>(), [("d".into(), 2, ReturnedBecause::Dismissed)]);
        keeper.opens();
    });
}
