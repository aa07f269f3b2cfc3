//! The judge, given what somebody has forged: each of its checks of what goes to several can fail.

use std::panic::{self, AssertUnwindSafe};

use exeunt::{ActorReport, Ended};

use super::audit::{Audit, is_cut_off};
use super::play::play;
use crate::support::{HANG, dice, guarded_for, silence_planned_panics};

/// Says whether there was something to forge.
type Forge = fn(&mut Audit) -> bool;

#[test]
fn m5_an_answer_by_way_of_a_router_that_nobody_heard_is_found() {
    is_found("handled: true", |audit| {
        let is_certain = !audit.program.roles.iter().any(|role| role.is_daemon);
        let mut routed = audit.ways.routed.iter_mut();
        let answered = routed.find(|one| is_certain && one.is_answered == Some(true));
        answered.map(|one| one.is_answered = Some(false)).is_some()
    });
}

#[test]
fn m1_what_was_told_to_all_and_not_seen_by_one_is_found() {
    is_found("seen, and accepted", |audit| {
        let told = audit.ways.told.clone();
        let mut sent = audit.accounts.iter_mut().flatten();
        let refused = sent.find(|(_, number, accepted)| !accepted && told.contains(number));
        refused.map(|(.., accepted)| *accepted = true).is_some()
    });
}

#[test]
fn m1_what_a_topic_says_of_a_pool_in_excess_is_found() {
    is_found("published", |audit| {
        let seen = audit.heard_by_pools();
        let mut published = audit.ways.published.iter_mut();
        let edition = published.find(|edition| seen.contains(&edition.number));
        edition.map(|edition| edition.accepted += 1).is_some()
    });
}

#[test]
fn o3_a_child_that_outlives_the_pool_whose_thread_has_failed_is_found() {
    is_found("left after", |audit| {
        let lines = &mut audit.report.actors;
        let is_meant = |line: &ActorReport| {
            let has_failed = line.threads.iter().any(|thread| thread.ended == Ended::Failed);
            has_failed && !is_cut_off(line)
        };
        let Some(pool) = lines.iter().position(is_meant) else { return false };
        let child = format!("{}a", lines[pool].name);
        let is_child = |line: &ActorReport| line.name == child && line.ended == Ended::Drained;
        let child = lines.iter().position(is_child);
        child.map(|child| lines.swap(pool, child)).is_some()
    });
}

fn is_found(what: &str, forge: Forge) {
    silence_planned_panics();
    let what = what.to_owned();
    guarded_for(4 * HANG, move || {
        let mut seeds = dice::seed_of_now()..;
        let forged = seeds.find_map(|seed| {
            let mut audit = play(seed);
            forge(&mut audit).then_some(audit)
        });
        let found = panic::catch_unwind(AssertUnwindSafe(|| forged.unwrap().hold()));
        let found = found.expect_err("nothing was found");
        let said = found.downcast_ref::<String>().unwrap();
        assert!(said.contains(&what), "{said}");
    });
}
