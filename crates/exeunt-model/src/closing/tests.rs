use std::thread;

use super::Who::{Child, Neighbour, Orphan, Stranger};
use super::*;
use crate::protocol::{check, turns_in_a_circle};

/// Two strangers, and one of the family for whom nobody waits, at a mailbox of one place.
fn closing(without: Without) -> Closing {
    Closing {
        sends: vec![
            (Stranger, vec![ORDINARY]),
            (Stranger, vec![ORDINARY]),
            (Orphan, vec![ORDINARY]),
        ],
        capacities: vec![1],
        overflow: Overflow::Wait,
        may_end_badly: true,
        may_hang: true,
        is_given_up: true,
        without,
    }
}

/// The same, all of them strangers, where one who does not return is not given up. One of the family would wait for it.
fn hanging(without: Without) -> Closing {
    Closing { sends: vec![(Stranger, vec![ORDINARY]); 3], is_given_up: false, ..closing(without) }
}

/// One who sends into both lanes, and one of the family.
fn two_lanes(without: Without) -> Closing {
    Closing {
        sends: vec![(Stranger, vec![ORDINARY, URGENT]), (Orphan, vec![URGENT])],
        capacities: vec![1, 1],
        ..closing(without)
    }
}

/// Two who displace what waits, and one of the family.
fn dropping(overflow: Overflow, without: Without) -> Closing {
    Closing { overflow, ..closing(without) }
}

/// A stranger and a child, which sends twice.
fn parent(without: Without) -> Closing {
    Closing {
        sends: vec![(Stranger, vec![ORDINARY]), (Child, vec![ORDINARY; 2])],
        may_end_badly: false,
        may_hang: false,
        ..closing(without)
    }
}

/// A stranger and two of its ring, all of whom displace what waits.
fn ring(without: Without) -> Closing {
    Closing {
        sends: [Stranger, Neighbour, Neighbour].map(|who| (who, vec![ORDINARY])).into(),
        overflow: Overflow::DropOldest,
        ..parent(without)
    }
}

#[track_caller]
fn holds(closing: &Closing, states: usize) {
    let verdict = check(closing.clone());
    println!("{}: {verdict}", thread::current().name().unwrap_or_default());
    assert_eq!(verdict.counterexample, None, "{closing:?}: {verdict}");
    assert!(verdict.states > states, "{}", verdict.states);
}

/// Whether it is missed, as that.
#[track_caller]
fn is_missed(closing: Closing, wrong: &str) {
    let without = closing.without;
    let verdict = check(closing);
    println!("without {without:?}: {verdict}");
    let found = verdict.counterexample.unwrap_or_else(|| panic!("{without:?} is not missed"));
    assert_eq!(found.wrong, wrong, "{without:?}: {found}");
}

#[test]
fn m1_m4_every_message_is_accounted_for_once_and_nobody_waits_for_ever() {
    let closing = closing(Without::Nothing);
    holds(&closing, 10_000);
    holds(&Closing { capacities: vec![2], ..closing }, 10_000);
    holds(&hanging(Without::Nothing), 10_000);
}

#[test]
fn m1_m3_of_two_lanes_each_keeps_its_order_and_both_are_closed() {
    holds(&two_lanes(Without::Nothing), 1_000);
    let sends = vec![(Stranger, vec![ORDINARY, URGENT, ORDINARY, URGENT])];
    holds(&Closing { sends, ..two_lanes(Without::Nothing) }, 1_000);
}

#[test]
fn m1_what_is_displaced_is_accounted_for_once() {
    for overflow in [Overflow::DropNewest, Overflow::DropOldest] {
        holds(&dropping(overflow, Without::Nothing), 1_000);
    }
    let capacities = vec![2];
    holds(&Closing { capacities, ..dropping(Overflow::DropOldest, Without::Nothing) }, 1_000);
}

#[test]
fn m1_o3_no_strangers_message_finds_the_children_gone_and_what_they_send_is_taken() {
    let parent = parent(Without::Nothing);
    holds(&parent, 100);
    holds(&Closing { may_end_badly: true, may_hang: true, ..parent.clone() }, 1_000);
    let sends = vec![(Stranger, vec![ORDINARY, URGENT]), (Child, vec![URGENT, ORDINARY])];
    holds(&Closing { sends, capacities: vec![1, 1], ..parent.clone() }, 1_000);
    holds(&Closing { overflow: Overflow::DropOldest, ..parent }, 1_000);
}

#[test]
fn m1_o4_who_becomes_one_of_the_family_with_the_closing_is_not_refused_by_it() {
    let ring = ring(Without::Nothing);
    holds(&ring, 1_000);
    holds(&Closing { overflow: Overflow::DropNewest, ..ring.clone() }, 1_000);
    holds(&Closing { overflow: Overflow::Wait, ..ring.clone() }, 100);
    holds(&Closing { may_end_badly: true, may_hang: true, ..ring }, 1_000);
}

#[test]
fn m4_every_way_comes_to_an_end() {
    assert!(!turns_in_a_circle(&closing(Without::Nothing)));
    assert!(!turns_in_a_circle(&dropping(Overflow::DropOldest, Without::Nothing)));
}

#[test]
fn m1_m3_m4_nothing_can_be_taken_out() {
    for without in Without::OF_ALL {
        let whole = closing(without);
        let (closing, wrong) = match without {
            // Who closes only when nothing is found leaves those who wait to a handler that hangs.
            Without::CloseFirst | Without::WakeUp => (hanging(without), WAITS),
            Without::WakeUpAfterEviction | Without::ComeFirst => (whole, WAITS),
            Without::Order => {
                let sends = vec![(Stranger, vec![ORDINARY; 2])];
                (Closing { sends, capacities: vec![2], ..whole }, DISORDER)
            }
            _ => (whole, LOST),
        };
        is_missed(closing, wrong);
    }
}

#[test]
fn m1_nothing_can_be_taken_out_of_two_lanes() {
    for without in Without::OF_TWO_LANES {
        is_missed(two_lanes(without), LOST);
    }
}

#[test]
fn m1_o3_nothing_can_be_taken_out_of_one_whose_actor_has_children() {
    for without in Without::OF_PARENTS {
        let wrong = if without == Without::DoorForFamily { DISOWNED } else { CHILDLESS };
        is_missed(parent(without), wrong);
    }
}

#[test]
fn m1_o4_nothing_can_be_taken_out_of_one_of_a_ring() {
    for without in Without::OF_RINGS {
        is_missed(ring(without), UNKNOWN);
    }
}

#[test]
fn m1_nothing_can_be_taken_out_of_one_that_drops() {
    for without in Without::OF_DROPPING {
        let wrong = match without {
            Without::LockInDisplace | Without::LockInClose | Without::LockInFinish => FOR_NOTHING,
            Without::SecondTry => LOST,
            _ => OFF_BALANCE,
        };
        is_missed(dropping(Overflow::DropOldest, without), wrong);
    }
}

/// To be drained alone, without failures and deadlines, needs the steps of the way, too.
#[test]
fn m1_a_drain_that_goes_well_loses_nothing_either() {
    let well = |without| Closing { may_end_badly: false, may_hang: false, ..closing(without) };
    holds(&well(Without::Nothing), 100);
    for without in [Without::Door, Without::Hold, Without::LastLook] {
        is_missed(well(without), LOST);
    }
}
