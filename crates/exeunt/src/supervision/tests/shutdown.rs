//! Significant children, and automatic shutdown; and who belongs to a group.

use super::*;

#[test]
fn any_significant_ends_the_group_with_the_first() {
    let mut bench = bench();
    let group = bench.work_unit(AutoShutdown::AnySignificant);
    let [_, b] = [(); 2].map(|()| bench.significant(Restart::on_failure(), group));
    let c = bench.significant(Restart::never(), group);
    assert_eq!(bench.leaves(c), Some(group));
    // Once: that the others leave is what was asked for.
    assert_eq!(bench.leaves(b), None);
}

#[test]
fn all_significant_ends_the_group_with_the_last() {
    let mut bench = bench();
    let group = bench.work_unit(AutoShutdown::AllSignificant);
    let [a, b] = [(); 2].map(|()| bench.significant(Restart::on_failure(), group));
    let _bystander = bench.member(Restart::on_failure(), Under::Group(group));
    assert_eq!(bench.leaves(a), None);
    assert_eq!(bench.leaves(b), Some(group));
}

#[test]
fn who_is_not_significant_ends_no_group() {
    for auto_shutdown in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
        let mut bench = bench();
        let group = bench.work_unit(auto_shutdown);
        let bystander = bench.member(Restart::on_failure(), Under::Group(group));
        assert_eq!(bench.leaves(bystander), None);
    }
}

#[test]
fn never_is_the_default_and_ends_no_group() {
    let mut bench = bench();
    let group = bench.work_unit(AutoShutdown::default());
    let a = bench.significant(Restart::on_failure(), group);
    assert_eq!(bench.leaves(a), None);
}

#[test]
fn a_significant_member_that_is_restarted_ends_no_group() {
    let mut bench = bench();
    let group = bench.work_unit(AutoShutdown::AnySignificant);
    let a = bench.significant(Restart::on_failure(), group);
    assert_eq!(bench.fails(a), restarts(&[a]));
    assert_eq!(bench.leaves(a), Some(group));
}

#[test]
fn a_significant_member_stopped_by_a_strategy_ends_no_group() {
    for auto_shutdown in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
        let mut bench = bench();
        let options = GroupOptions {
            strategy: Strategy::OneForAll,
            intensity: PLENTY,
            auto_shutdown,
            ..GroupOptions::default()
        };
        let group = bench.supervision.add_group(options, SYSTEM);
        let a = bench.significant(Restart::on_failure(), group);
        let b = bench.significant(Restart::never(), group);
        assert_eq!(bench.fails(a), restarts_without(&[a], &[b]));
        assert_eq!(bench.supervision.left(b), None);
        assert_eq!(bench.leaves(a), Some(group));
    }
}

#[test]
fn all_significant_does_not_wait_for_one_that_was_dismissed() {
    let mut bench = bench();
    let options = GroupOptions {
        strategy: Strategy::OneForAll,
        intensity: PLENTY,
        auto_shutdown: AutoShutdown::AllSignificant,
        ..GroupOptions::default()
    };
    let group = bench.supervision.add_group(options, SYSTEM);
    let a = bench.significant(Restart::on_failure(), group);
    let b = bench.significant(Restart::never(), group);
    assert_eq!(bench.fails(a), restarts_without(&[a], &[b]));
    assert_eq!(bench.leaves(a), Some(group));
    assert_eq!(bench.supervision.left(b), None);
}

#[test]
fn a_group_that_is_shut_down_drains_and_is_not_called_back() {
    let mut bench = bench();
    let outer = bench.group(Strategy::OneForAll, PLENTY, SYSTEM);
    let service = bench.member(Restart::always(), Under::Group(outer));
    let options = GroupOptions {
        strategy: Strategy::OneForAll,
        intensity: PLENTY,
        auto_shutdown: AutoShutdown::AnySignificant,
        ..GroupOptions::default()
    };
    let unit = bench.supervision.add_group(options, Under::Group(outer));
    let work = bench.significant(Restart::on_failure(), unit);
    let [x, y] = [(); 2].map(|()| bench.member(Restart::on_failure(), Under::Group(unit)));
    assert_eq!(bench.leaves(work), Some(unit));

    assert_eq!(bench.supervision.members_of(unit), [x, y]);
    assert_eq!(bench.fails(x), restarts(&[x]));
    assert_eq!(bench.fails(service), restarts(&[service]));
    assert_eq!(bench.leaves(y), None);
}

#[test]
fn members_of_a_group_are_those_of_its_groups_too_in_the_order_of_spawning() {
    let Nest { mut bench, outer, inner, before, x, y, after } = nest(Strategy::OneForOne, 1, 1);
    let late = bench.member(Restart::never(), Under::Group(inner));
    assert_eq!(bench.supervision.members_of(outer), [before, x, y, after, late]);
    assert_eq!(bench.supervision.members_of(inner), [x, y, late]);
    bench.leaves(x);
    assert_eq!(bench.supervision.members_of(inner), [y, late]);
}
