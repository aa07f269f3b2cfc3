use std::thread;

use super::*;
use crate::protocol::{check, turns_in_a_circle};

/// Two senders and a third that waits for room, at a mailbox of one place.
fn closing(without: Without) -> Closing {
    Closing {
        sends: vec![vec![ORDINARY]; 3],
        last_is_blocked: true,
        capacities: vec![1],
        overflow: Overflow::Wait,
        children: 0,
        may_end_badly: true,
        may_hang: true,
        is_given_up: false,
        without,
    }
}

/// One who sends into both lanes, and one that waits for room in the urgent one.
fn two_lanes(without: Without) -> Closing {
    Closing {
        sends: vec![vec![ORDINARY, URGENT], vec![URGENT]],
        capacities: vec![1, 1],
        may_hang: false,
        ..closing(without)
    }
}

/// Two who displace what waits in a mailbox of one place, whose actor may be given up.
fn dropping(overflow: Overflow, without: Without) -> Closing {
    Closing {
        sends: vec![vec![ORDINARY]; 2],
        last_is_blocked: false,
        overflow,
        is_given_up: true,
        ..closing(without)
    }
}

/// Somebody else and a child, which sends twice, at a mailbox of one place.
fn parent(without: Without) -> Closing {
    Closing {
        sends: vec![vec![ORDINARY], vec![ORDINARY; 2]],
        last_is_blocked: false,
        children: 1,
        may_end_badly: false,
        may_hang: false,
        ..closing(without)
    }
}

#[track_caller]
fn holds(closing: &Closing, states: usize) {
    let verdict = check(closing.clone());
    println!("{}: {verdict}", thread::current().name().unwrap_or_default());
    assert_eq!(verdict.counterexample, None, "{closing:?}: {verdict}");
    assert!(verdict.states > states, "{}", verdict.states);
}

/// Whether it is missed, as one of these.
#[track_caller]
fn is_missed(closing: Closing, expected: &[&str]) {
    let without = closing.without;
    let verdict = check(closing);
    println!("without {without:?}: {verdict}");
    let found = verdict.counterexample.unwrap_or_else(|| panic!("{without:?} is not missed"));
    assert!(expected.contains(&found.wrong), "{without:?}: {found}");
}

#[test]
fn m1_every_message_is_accounted_for_once_and_nobody_waits_for_ever() {
    let once = vec![vec![ORDINARY]; 3];
    let twice = vec![vec![ORDINARY; 2], vec![ORDINARY], vec![ORDINARY]];
    for (sends, capacity) in [(once.clone(), 1), (twice, 1), (once, 2)] {
        let capacities = vec![capacity];
        holds(&Closing { sends, capacities, ..closing(Without::Nothing) }, 50_000);
    }
}

#[test]
fn m1_m3_of_two_lanes_each_keeps_its_order_and_both_are_closed() {
    holds(&two_lanes(Without::Nothing), 50_000);
    let sends = vec![vec![ORDINARY, URGENT, ORDINARY, URGENT]];
    let alone = Closing { sends, last_is_blocked: false, ..two_lanes(Without::Nothing) };
    holds(&alone, 1_000);
}

#[test]
fn m1_what_is_displaced_is_accounted_for_once() {
    for overflow in [Overflow::DropNewest, Overflow::DropOldest] {
        holds(&dropping(overflow, Without::Nothing), 10_000);
    }
    let capacities = vec![2];
    holds(&Closing { capacities, ..dropping(Overflow::DropOldest, Without::Nothing) }, 10_000);
}

#[test]
fn m1_o3_no_late_message_finds_the_children_gone_and_what_they_send_is_taken() {
    let parent = parent(Without::Nothing);
    holds(&parent, 1_000);
    holds(
        &Closing { may_end_badly: true, may_hang: true, is_given_up: true, ..parent.clone() },
        1_000,
    );
    let sends = vec![vec![ORDINARY, URGENT], vec![URGENT, ORDINARY]];
    holds(&Closing { sends, capacities: vec![1, 1], ..parent.clone() }, 1_000);
    let sends = vec![vec![ORDINARY], vec![ORDINARY], vec![ORDINARY]];
    holds(&Closing { sends, last_is_blocked: true, ..parent }, 1_000);
}

#[test]
fn m4_every_way_comes_to_an_end() {
    assert!(!turns_in_a_circle(&closing(Without::Nothing)));
    assert!(!turns_in_a_circle(&dropping(Overflow::DropOldest, Without::Nothing)));
}

#[test]
fn m1_m3_m4_nothing_can_be_taken_out() {
    for without in Without::OF_ALL {
        let expected = match without {
            Without::Tickets => ANOTHERS,
            // Who closes only after the drain leaves those who wait to a handler that hangs.
            Without::WakeUp | Without::CloseBeforeDrain => WAITS,
            Without::Order => DISORDER,
            _ => LOST,
        };
        let sends = if without == Without::Order { 2 } else { 1 };
        let sends = vec![vec![ORDINARY; sends], vec![ORDINARY], vec![ORDINARY]];
        let capacities = vec![sends[0].len()];
        is_missed(Closing { sends, capacities, ..closing(without) }, &[expected]);
    }
}

#[test]
fn m1_m4_nothing_can_be_taken_out_of_two_lanes() {
    for without in Without::OF_TWO_LANES {
        is_missed(two_lanes(without), &[LOST]);
    }
}

#[test]
fn m1_o3_nothing_can_be_taken_out_of_one_whose_actor_has_children() {
    for without in Without::OF_PARENTS {
        let expected: &[_] = match without {
            Without::StageDoor | Without::StageDoorAlone => &[CHILDLESS],
            Without::OfferAgain => &[DISOWNED],
            _ => &[LOST, CHILDLESS, ANOTHERS],
        };
        // Who goes in peace goes after its children.
        let may_end_badly = without == Without::StageDoorInSettle;
        is_missed(Closing { may_end_badly, ..parent(without) }, expected);
    }
}

#[test]
fn m1_nothing_can_be_taken_out_of_one_that_drops() {
    for without in Without::OF_DROPPING {
        is_missed(dropping(Overflow::DropOldest, without), &[LOST, OFF_BALANCE]);
    }
}

/// It is asked in [`take_returned`](Without::DisownedInEvict) for the sake of evictions. Should somebody ever be given
/// up whose mailbox is open, who displaces needs it too.
#[test]
fn m1_d3_who_displaces_is_refused_by_the_closing_before_anybody_is_given_up() {
    holds(&dropping(Overflow::DropOldest, Without::DisownedInDisplace), 10_000);
}

/// To be drained alone, without failures and deadlines, needs every step of the way, too.
#[test]
fn m1_a_drain_that_goes_well_loses_nothing_either() {
    let well = |without| Closing { may_end_badly: false, may_hang: false, ..closing(without) };
    assert_eq!(check(well(Without::Nothing)).counterexample, None);
    let missed = [
        Without::SecondLook,
        Without::Settling,
        Without::LockInFinish,
        Without::LastLook,
        Without::CloseBeforeDrain,
    ];
    for without in missed {
        is_missed(well(without), &[LOST]);
    }
}
