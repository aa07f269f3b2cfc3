use std::thread;

use super::*;
use crate::protocol::{can_always_end, check};

/// A pool of two with its mailbox, which has two messages.
fn pool() -> Leaving {
    Leaving {
        threads: vec![0, 0],
        mailboxes: vec![Mailbox { queued: 2, is_daemons: false, feeds: None }],
        sends: 0,
        from_outside: 1,
        failures: 1,
        hangs: 1,
        without: Without::Nothing,
    }
}

/// An actor, a daemon that it sends to, and a daemon that this one sends to.
fn daemons() -> Leaving {
    let mailbox = |queued, is_daemons, feeds| Mailbox { queued, is_daemons, feeds };
    Leaving {
        threads: vec![0, 1, 2],
        mailboxes: vec![
            mailbox(1, false, Some(1)),
            mailbox(0, true, Some(2)),
            mailbox(1, true, None),
        ],
        sends: 1,
        from_outside: 0,
        failures: 0,
        hangs: 1,
        without: Without::Nothing,
    }
}

#[track_caller]
fn holds(leaving: &Leaving, states: usize) {
    let verdict = check(leaving.clone());
    println!("{}: {verdict}", thread::current().name().unwrap_or_default());
    assert_eq!(verdict.counterexample, None, "{leaving:?}: {verdict}");
    assert!(verdict.states >= states, "{}", verdict.states);
}

#[test]
fn m1_d3_a_pool_of_which_one_fails_and_one_is_given_up() {
    holds(&pool(), 10_000);
}

#[test]
fn m1_d3_d4_daemons_are_dismissed_after_all_others() {
    holds(&daemons(), 10_000);
}
#[test]
fn it_always_ends() {
    for leaving in [pool(), daemons()] {
        assert!(can_always_end(&leaving), "{leaving:?}");
    }
}

/// What is missed, where, and as what.
#[test]
fn nothing_can_be_taken_out() {
    let well = |leaving: Leaving| Leaving { failures: 0, from_outside: 0, ..leaving };
    for without in Without::ALL {
        let (leaving, wrong) = match without {
            Without::Nothing => unreachable!("it takes nothing out"),
            Without::DaemonsLast => (Leaving { hangs: 0, ..daemons() }, REFUSED),
            Without::WaitForTheWilling => (Leaving { hangs: 0, ..daemons() }, OFF_BALANCE),
            Without::Crew | Without::ResignOnce => (pool(), TAKEN_AWAY),
            Without::LastLook => (pool(), OFF_BALANCE),
            Without::LookForTheResigned
            | Without::Disowned
            | Without::InHand
            | Without::LastWord => (well(pool()), OFF_BALANCE),
        };
        let verdict = check(Leaving { without, ..leaving.clone() });
        println!("without {without:?}: {verdict}");
        let found = verdict.counterexample.unwrap_or_else(|| panic!("{without:?} is not missed"));
        assert_eq!(found.wrong, wrong, "{without:?}: {found}");
    }
}
