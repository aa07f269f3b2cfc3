//! Escalation: what a group does not absorb goes to what is above it, a group or a parent, and comes to
//! rest in a drain.

use super::*;

#[test]
fn a_group_that_exceeds_its_intensity_is_restarted_by_the_group_above() {
    let Nest { mut bench, x, y, .. } = nest(Strategy::OneForOne, 1, 1);
    assert_eq!(bench.fails(x), restarts(&[x]));
    assert_eq!(bench.fails(x), restarts(&[x, y]));
}

#[test]
fn under_one_for_all_the_whole_group_above_is_restarted() {
    let Nest { mut bench, before, x, y, after, .. } = nest(Strategy::OneForAll, 1, 0);
    assert_eq!(bench.fails(y), restarts(&[before, x, y, after]));
}

#[test]
fn under_rest_for_one_the_group_and_what_was_added_after_it_are_restarted() {
    let Nest { mut bench, before, x, y, after, .. } = nest(Strategy::RestForOne, 9, 0);
    assert_eq!(bench.fails(x), restarts(&[x, y, after]));
    assert_eq!(bench.fails(before), restarts(&[before, x, y, after]));
    assert_eq!(bench.fails(after), restarts(&[after]));
}

#[test]
fn a_group_is_a_unit_in_the_place_where_it_was_made() {
    let Nest { mut bench, inner, x, y, after, .. } = nest(Strategy::RestForOne, 9, 0);
    let late = bench.member(Restart::on_failure(), Under::Group(inner));
    assert_eq!(bench.fails(after), restarts(&[after]));
    assert_eq!(bench.fails(late), restarts(&[x, y, after, late]));
}

#[test]
fn the_intensities_of_nested_groups_multiply() {
    // One restart and an escalation each time, for as often as the group above absorbs it.
    let Nest { mut bench, x, y, .. } = nest(Strategy::OneForOne, 2, 3);
    for _ in 0..2 {
        for _ in 0..3 {
            assert_eq!(bench.fails(x), restarts(&[x]));
        }
        assert_eq!(bench.fails(x), restarts(&[x, y]));
    }
    for _ in 0..3 {
        assert_eq!(bench.fails(x), restarts(&[x]));
    }
    assert_eq!(bench.fails(x), Verdict::GiveUp);
}

#[test]
fn a_group_restarted_with_its_neighbour_begins_anew_too() {
    let Nest { mut bench, x, y, before, after, .. } = nest(Strategy::OneForAll, 9, 1);
    assert_eq!(bench.fails(x), restarts(&[x]));
    // A member of the group above fails, and the inner group is restarted along with it.
    assert_eq!(bench.fails(before), restarts(&[before, x, y, after]));
    assert_eq!(bench.fails(x), restarts(&[x]));
}

#[test]
fn a_restart_within_a_group_does_not_renew_its_own_history() {
    let Nest { mut bench, x, y, .. } = nest(Strategy::OneForOne, 1, 1);
    assert_eq!(bench.fails(y), restarts(&[y]));
    assert_eq!(bench.fails(x), restarts(&[x, y]));
    assert_eq!(bench.fails(x), restarts(&[x]));
    assert_eq!(bench.fails(y), Verdict::GiveUp);
}

#[test]
fn an_escalation_goes_up_as_far_as_it_must() {
    let mut bench = bench();
    let top = bench.group(Strategy::OneForAll, PLENTY, SYSTEM);
    let none = Intensity { restarts: 0, within: SECOND };
    let middle = bench.group(Strategy::OneForOne, none, Under::Group(top));
    let bottom = bench.group(Strategy::OneForOne, none, Under::Group(middle));
    let a = bench.member(Restart::always(), Under::Group(top));
    let b = bench.member(Restart::always(), Under::Group(middle));
    let c = bench.member(Restart::always(), Under::Group(bottom));
    assert_eq!(bench.fails(c), restarts(&[a, b, c]));
}

#[test]
fn the_failure_of_a_temporary_escalates_from_its_group() {
    let Nest { mut bench, inner, x, y, .. } = nest(Strategy::OneForOne, 2, 9);
    let temporary = bench.member(Restart::never(), Under::Group(inner));
    assert_eq!(bench.fails(temporary), restarts_without(&[x, y], &[temporary]));
    assert_eq!(bench.supervision.left(temporary), None);
    assert_eq!(bench.fails(x), restarts(&[x]));
}

#[test]
fn f3_a_restart_in_which_nobody_is_restarted_absorbs_nothing() {
    let Nest { mut bench, outer, .. } = nest(Strategy::OneForOne, 9, 9);
    let group = bench.group(Strategy::OneForOne, PLENTY, Under::Group(outer));
    let temporary = bench.member(Restart::never(), Under::Group(group));
    assert_eq!(bench.fails(temporary), Verdict::GiveUp);
}

#[test]
fn an_escalation_waits_as_long_as_the_fallen_one_asks_for() {
    let Nest { mut bench, inner, x, y, .. } = nest(Strategy::OneForOne, 9, 0);
    let backoff = Backoff::exponential(SECOND, SECOND).without_jitter();
    let z = bench.member(Restart::on_failure().backoff(backoff), Under::Group(inner));
    let (who, leaves) = (vec![x, y, z], vec![]);
    assert_eq!(bench.fails(z), Verdict::Restart { who, leaves, delay: SECOND });
    assert_eq!(bench.fails(x), restarts(&[x, y, z]));
}

// Parents.

#[test]
fn a_parent_fails_of_a_child_that_nothing_absorbs() {
    let mut bench = bench();
    let parent = bench.member(Restart::on_failure(), SYSTEM);
    let never = bench.member(Restart::never(), Under::Actor(parent));
    let often = bench.member(Restart::on_failure(), Under::Actor(parent));
    assert_eq!(bench.fails(never), Verdict::Parent(parent));
    assert_eq!(bench.fails(often), restarts(&[often]));
    assert_eq!(bench.fails(often), Verdict::Parent(parent));
    assert_eq!(bench.fails(parent), restarts(&[parent]));
}

#[test]
fn a_parent_fails_of_a_group_of_children() {
    let mut bench = bench();
    let parent = bench.member(Restart::on_failure(), SYSTEM);
    let group = bench.group(Strategy::OneForAll, Intensity::default(), Under::Actor(parent));
    let all = bench.trio(Restart::on_failure(), group);
    assert_eq!(bench.fails(all[0]), restarts(&all));
    assert_eq!(bench.fails(all[0]), Verdict::Parent(parent));
}

#[test]
fn children_are_no_members_of_their_parents_group() {
    let mut bench = bench();
    let group = bench.group(Strategy::OneForAll, PLENTY, SYSTEM);
    let [a, b, c] = bench.trio(Restart::on_failure(), group);
    // Whoever makes them anew is the parent, when it is restarted.
    let _child = bench.member(Restart::on_failure(), Under::Actor(a));
    assert_eq!(bench.fails(b), restarts(&[a, b, c]));
    assert_eq!(bench.supervision.members_of(group), [a, b, c]);
}

// While a drain goes on.

#[test]
fn f2_in_a_drain_the_fallen_one_is_restarted_alone() {
    let Nest { mut bench, before, x, .. } = nest(Strategy::OneForAll, 2, 1);
    assert_eq!(bench.fails_in_a_drain(before), restarts(&[before]));
    assert_eq!(bench.fails_in_a_drain(x), restarts(&[x]));
}

#[test]
fn f2_in_a_drain_nothing_above_its_own_group_absorbs_a_failure() {
    let Nest { mut bench, x, .. } = nest(Strategy::OneForAll, 9, 1);
    assert_eq!(bench.fails_in_a_drain(x), restarts(&[x]));
    assert_eq!(bench.fails_in_a_drain(x), Verdict::GiveUp);

    let group = bench.group(Strategy::OneForOne, PLENTY, Under::Actor(7));
    let child = bench.member(Restart::never(), Under::Group(group));
    assert_eq!(bench.fails_in_a_drain(child), Verdict::Parent(7));
}

#[test]
fn what_was_exceeded_is_known_from_the_inside_out() {
    let Nest { mut bench, x, .. } = nest(Strategy::OneForOne, 1, 0);
    let of_groups = |bench: &mut Bench| -> Vec<(bool, u32)> {
        let exceeded = bench.supervision.take_exceeded().into_iter();
        exceeded.map(|e| (e.group.is_some(), e.intensity.restarts)).collect()
    };
    bench.fails(x);
    assert_eq!(of_groups(&mut bench), [(true, 0)]);
    assert_eq!(bench.fails(x), Verdict::GiveUp);
    assert_eq!(of_groups(&mut bench), [(true, 0), (true, 1)]);
    // Who is never restarted, or wishes to leave, exceeds nothing.
    let [never, done] = [Restart::never(), Restart::on_failure()].map(|r| bench.member(r, SYSTEM));
    bench.fails(never);
    bench.wishes(done);
    assert!(bench.supervision.take_exceeded().is_empty());
    let alone = bench.member(Restart::on_failure().intensity(0, SECOND), SYSTEM);
    bench.fails(alone);
    assert_eq!(of_groups(&mut bench), [(false, 0)]);
}
