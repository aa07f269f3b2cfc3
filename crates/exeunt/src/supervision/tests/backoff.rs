//! Backoff: the delays of a row, and what ends it.

use super::*;

/// 1 s, 2 s, 4 s, 8 s, 8 s and so on, exactly.
fn backing_off(restart: Restart) -> Restart {
    let backoff = Backoff::exponential(SECOND, 8 * SECOND).without_jitter();
    restart.intensity(1000, SECOND).backoff(backoff)
}

#[test]
fn delays_double_while_runs_are_short() {
    let mut bench = bench();
    let a = bench.member(backing_off(Restart::on_failure()), SYSTEM);
    let mut at = Duration::ZERO;
    for seconds in [1, 2, 4, 8, 8] {
        let delay = bench.at(at).delay_after_failure(a);
        assert_eq!(delay, seconds * SECOND);
        // It fails as soon as it runs.
        at += delay;
    }
}

#[test]
fn a_run_longer_than_the_ceiling_ends_the_row_and_the_delay_is_no_part_of_it() {
    for (ran, next) in [(8 * SECOND, 4 * SECOND), (9 * SECOND, SECOND)] {
        let mut bench = bench();
        let a = bench.member(backing_off(Restart::on_failure()), SYSTEM);
        assert_eq!(bench.delay_after_failure(a), SECOND);
        assert_eq!(bench.at(SECOND).delay_after_failure(a), 2 * SECOND);
        // It runs again after 3 s.
        assert_eq!(bench.at(3 * SECOND + ran).delay_after_failure(a), next);
    }
}

#[test]
fn after_a_long_run_the_new_row_doubles_again() {
    let mut bench = bench();
    let a = bench.member(backing_off(Restart::on_failure()), SYSTEM);
    assert_eq!(bench.delay_after_failure(a), SECOND);
    assert_eq!(bench.at(60 * SECOND).delay_after_failure(a), SECOND);
    assert_eq!(bench.at(61 * SECOND).delay_after_failure(a), 2 * SECOND);
}

#[test]
fn the_delay_of_a_group_is_that_of_the_fallen_one() {
    let mut bench = bench();
    let group = bench.group(Strategy::OneForAll, PLENTY, SYSTEM);
    let a = bench.member(backing_off(Restart::on_failure()), Under::Group(group));
    let b = bench.member(Restart::on_failure(), Under::Group(group));
    assert_eq!(bench.fails(b), restarts(&[a, b]));
    let all = vec![a, b];
    let verdict = Verdict::Restart { who: all, leaves: vec![], delay: SECOND };
    assert_eq!(bench.fails(a), verdict);
}

#[test]
fn rows_are_kept_for_each_member() {
    let mut bench = bench();
    let group = bench.group(Strategy::OneForAll, PLENTY, SYSTEM);
    let [a, b, _] = bench.trio(backing_off(Restart::on_failure()), group);
    assert_eq!(bench.delay_after_failure(a), SECOND);
    assert_eq!(bench.at(SECOND).delay_after_failure(b), SECOND);
    assert_eq!(bench.at(2 * SECOND).delay_after_failure(a), 2 * SECOND);
}

#[test]
fn a_long_run_that_was_cut_short_by_another_ends_the_row_all_the_same() {
    let mut bench = bench();
    let group = bench.group(Strategy::OneForAll, PLENTY, SYSTEM);
    let [a, b, _] = bench.trio(backing_off(Restart::on_failure()), group);
    assert_eq!(bench.delay_after_failure(a), SECOND);
    bench.at(60 * SECOND).fails(b);
    assert_eq!(bench.at(61 * SECOND).delay_after_failure(a), SECOND);
}

#[test]
fn the_dice_are_thrown_by_the_caller() {
    let mut bench = bench();
    let backoff = Backoff::exponential(SECOND, 8 * SECOND);
    let restart = Restart::on_failure().intensity(9, SECOND).backoff(backoff);
    let a = bench.member(restart, SYSTEM);
    let mut delay = |chance| bench.supervision.over(a, true, false, bench.now, chance);
    let after = |delay| Verdict::Restart { who: vec![a], leaves: vec![], delay };
    assert_eq!(delay(0.0), after(SECOND / 2));
    assert_eq!(delay(0.5), after(2 * SECOND * 3 / 4));
    // What is drawn does not change what is doubled.
    assert_eq!(delay(0.0), after(2 * SECOND));
}

#[test]
fn delays_longer_than_the_period_never_exceed_the_intensity() {
    let mut bench = bench();
    let backoff = Backoff::exponential(6 * SECOND, 6 * SECOND).without_jitter();
    let a = bench.member(Restart::on_failure().backoff(backoff), SYSTEM);
    for restart in 0..10 {
        assert_eq!(bench.at(restart * 6 * SECOND).delay_after_failure(a), 6 * SECOND);
    }
}
