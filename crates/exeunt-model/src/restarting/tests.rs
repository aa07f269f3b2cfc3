use std::thread;

use super::*;
use crate::protocol::{can_always_end, check};

/// Two actors of which one has something to do.
fn two() -> Restarting {
    Restarting {
        queued: [1, 0],
        sends: 2,
        failures: 2,
        limit: 2,
        has_delay: true,
        has_timer: true,
        signals: 1,
        stops: 0,
        without: Without::Nothing,
    }
}

/// One of them may be told to leave alone, and there need be no drain.
fn stopped() -> Restarting {
    Restarting { sends: 0, signals: 0, stops: 1, ..two() }
}

/// Nobody asks for any end.
fn undisturbed() -> Restarting {
    Restarting { queued: [1, 1], sends: 0, signals: 0, ..two() }
}

#[track_caller]
fn holds(restarting: &Restarting, states: usize) {
    let verdict = check(restarting.clone());
    println!("{}: {verdict}", thread::current().name().unwrap_or_default());
    assert_eq!(verdict.counterexample, None, "{restarting:?}: {verdict}");
    assert!(verdict.states >= states, "{}", verdict.states);
}

#[test]
fn f1_f2_the_mailbox_outlives_restarts_through_a_drain() {
    holds(&two(), 10_000);
    holds(&Restarting { has_delay: false, has_timer: false, ..two() }, 10_000);
}

#[test]
fn f2_f3_beyond_the_limit_all_leave_and_the_rest_is_returned() {
    holds(&Restarting { limit: 1, ..two() }, 10_000);
}

#[test]
fn f1_o3_who_rests_is_told_to_leave_alone() {
    holds(&stopped(), 400);
    holds(&Restarting { signals: 1, ..stopped() }, 1_000);
    holds(&undisturbed(), 100);
}

/// As the test of the code that is called so, and with a drain that comes into it.
#[test]
fn f1_a_summons_that_comes_while_somebody_begins_anew_is_not_lost() {
    for signals in [0, 1] {
        let (queued, has_delay) = ([3, 1], false);
        let often =
            Restarting { queued, failures: 3, limit: 3, has_delay, signals, ..undisturbed() };
        holds(&often, 10_000);
        assert!(can_always_end(&often), "{often:?}");
    }
}

#[test]
fn m4_it_always_ends() {
    for restarting in [two(), stopped()] {
        assert!(can_always_end(&restarting), "{restarting:?}");
    }
}

/// What is missed, where, and as what.
#[test]
fn nothing_can_be_taken_out() {
    for without in Without::ALL {
        let (restarting, wrong) = match without {
            Without::Nothing => unreachable!("it takes nothing out"),
            Without::MailboxOutlives => (two(), LOST),
            Without::LastLook => (two(), OFF_BALANCE),
            Without::Limit => (Restarting { limit: 1, ..two() }, TOO_OFTEN),
            Without::Wait => (two(), FOR_NOTHING),
            Without::TurnCutsDelay => (stopped(), NEVER_ENDS),
            Without::Reminder => (Restarting { queued: [2, 0], sends: 0, ..two() }, NEVER_ENDS),
            Without::RestartCutsDelay | Without::KeepOrder => (undisturbed(), NEVER_ENDS),
            _ => (two(), NEVER_ENDS),
        };
        let verdict = check(Restarting { without, ..restarting.clone() });
        println!("without {without:?}: {verdict}");
        let found = verdict.counterexample.unwrap_or_else(|| panic!("{without:?} is not missed"));
        assert_eq!(found.wrong, wrong, "{without:?}: {found}");
    }
}
