//! The cases of OTP's documentation (`supervisor`, and the design principles' chapter on it), then what
//! is different here. Indices stand for members, in the order of spawning.

use super::*;
use crate::restart::Backoff;

mod escalation;
mod shutdown;
mod backoff;

const SECOND: Duration = Duration::from_secs(1);
const SYSTEM: Under = Under::System;
const PLENTY: Intensity = Intensity { restarts: 1000, within: SECOND };

/// A supervision on a clock that the test moves.
struct Bench {
    start: Instant,
    now: Instant,
    supervision: Supervision,
    added: usize,
}

fn bench() -> Bench {
    let start = Instant::now();
    Bench { start, now: start, supervision: Supervision::default(), added: 0 }
}

impl Bench {
    fn at(&mut self, since_start: Duration) -> &mut Bench {
        self.now = self.start + since_start;
        self
    }

    fn group(&mut self, strategy: Strategy, intensity: Intensity, under: Under) -> GroupId {
        let options = GroupOptions { strategy, intensity, ..GroupOptions::default() };
        self.supervision.add_group(options, under)
    }

    /// A group that ends when these have.
    fn work_unit(&mut self, auto_shutdown: AutoShutdown) -> GroupId {
        let options = GroupOptions { auto_shutdown, intensity: PLENTY, ..GroupOptions::default() };
        self.supervision.add_group(options, SYSTEM)
    }

    fn member(&mut self, restart: Restart, under: Under) -> usize {
        self.add(restart, false, under)
    }

    fn significant(&mut self, restart: Restart, group: GroupId) -> usize {
        self.add(restart, true, Under::Group(group))
    }

    fn add(&mut self, restart: Restart, is_significant: bool, under: Under) -> usize {
        let index = self.added;
        self.added += 1;
        self.supervision.add_member(index, restart, is_significant, under);
        index
    }

    fn trio(&mut self, restart: Restart, group: GroupId) -> [usize; 3] {
        [(); 3].map(|()| self.member(restart, Under::Group(group)))
    }

    fn fails(&mut self, index: usize) -> Verdict {
        self.supervision.over(index, true, false, self.now, 0.0)
    }

    fn fails_in_a_drain(&mut self, index: usize) -> Verdict {
        self.supervision.over(index, true, true, self.now, 0.0)
    }

    fn wishes(&mut self, index: usize) -> Verdict {
        self.supervision.over(index, false, false, self.now, 0.0)
    }

    /// It ends of its own accord, and its thread with it.
    fn leaves(&mut self, index: usize) -> Option<GroupId> {
        assert_eq!(self.wishes(index), Verdict::Leave);
        self.supervision.left(index)
    }

    fn delay_after_failure(&mut self, index: usize) -> Duration {
        match self.fails(index) {
            Verdict::Restart { delay, .. } => delay,
            other => panic!("{index} is not restarted: {other:?}"),
        }
    }
}

/// A member, a group of two that absorbs `inner` restarts, and another member, all in a group of this
/// strategy: `[before, [x, y], after]`.
struct Nest {
    bench: Bench,
    outer: GroupId,
    inner: GroupId,
    before: usize,
    x: usize,
    y: usize,
    after: usize,
}

fn nest(strategy: Strategy, outer: u32, inner: u32) -> Nest {
    let mut bench = bench();
    let minute = |restarts| Intensity { restarts, within: 60 * SECOND };
    let outer = bench.group(strategy, minute(outer), SYSTEM);
    let before = bench.member(Restart::on_failure(), Under::Group(outer));
    let inner = bench.group(Strategy::OneForOne, minute(inner), Under::Group(outer));
    let [x, y] = [(); 2].map(|()| bench.member(Restart::on_failure(), Under::Group(inner)));
    let after = bench.member(Restart::on_failure(), Under::Group(outer));
    Nest { bench, outer, inner, before, x, y, after }
}

fn restarts(who: &[usize]) -> Verdict {
    restarts_without(who, &[])
}

fn restarts_without(who: &[usize], leaves: &[usize]) -> Verdict {
    Verdict::Restart { who: who.to_vec(), leaves: leaves.to_vec(), delay: Duration::ZERO }
}

fn often(restart: Restart) -> Restart {
    restart.intensity(PLENTY.restarts, PLENTY.within)
}

// Permanent, transient, temporary.

#[test]
fn permanent_is_always_restarted() {
    let mut bench = bench();
    let a = bench.member(often(Restart::always()), SYSTEM);
    assert_eq!(bench.fails(a), restarts(&[a]));
    assert_eq!(bench.wishes(a), restarts(&[a]));
}

#[test]
fn transient_is_restarted_after_a_failure_only() {
    let mut bench = bench();
    let a = bench.member(Restart::on_failure(), SYSTEM);
    assert_eq!(bench.fails(a), restarts(&[a]));
    assert_eq!(bench.wishes(a), Verdict::Leave);
}

#[test]
fn temporary_leaves_by_its_own_wish() {
    let mut bench = bench();
    let group = bench.group(Strategy::OneForAll, PLENTY, SYSTEM);
    let [a, b, _] = bench.trio(Restart::never(), group);
    let alone = bench.member(Restart::never(), SYSTEM);
    assert_eq!(bench.wishes(a), Verdict::Leave);
    assert_eq!(bench.wishes(b), Verdict::Leave);
    assert_eq!(bench.wishes(alone), Verdict::Leave);
}

#[test]
fn f3_the_failure_of_a_temporary_is_not_forgotten() {
    let mut bench = bench();
    let group = bench.group(Strategy::OneForOne, PLENTY, SYSTEM);
    let alone = bench.member(Restart::never(), SYSTEM);
    let grouped = bench.member(Restart::never(), Under::Group(group));
    assert_eq!(bench.fails(alone), Verdict::GiveUp);
    assert_eq!(bench.fails(grouped), Verdict::GiveUp);
}

// Intensity.

#[test]
fn the_intensity_is_one_in_five_seconds_unless_set() {
    let mut bench = bench();
    let a = bench.member(Restart::on_failure(), SYSTEM);
    assert_eq!(bench.fails(a), restarts(&[a]));
    assert_eq!(bench.at(4 * SECOND).fails(a), Verdict::GiveUp);

    let group = bench.supervision.add_group(GroupOptions::default(), SYSTEM);
    let b = bench.member(Restart::on_failure(), Under::Group(group));
    assert_eq!(bench.fails(b), restarts(&[b]));
    assert_eq!(bench.at(8 * SECOND).fails(b), Verdict::GiveUp);
}

#[test]
fn a_restart_counts_to_the_end_of_the_period_and_no_longer() {
    for (apart, absorbed) in [(5 * SECOND, false), (5 * SECOND + Duration::from_nanos(1), true)] {
        let mut bench = bench();
        let a = bench.member(Restart::on_failure(), SYSTEM);
        assert_eq!(bench.fails(a), restarts(&[a]));
        let verdict = bench.at(apart).fails(a);
        assert_eq!(verdict, if absorbed { restarts(&[a]) } else { Verdict::GiveUp });
    }
}

#[test]
fn the_period_slides() {
    let mut bench = bench();
    let a = bench.member(Restart::on_failure().intensity(2, 5 * SECOND), SYSTEM);
    for second in [0, 4, 6, 10, 12] {
        assert_eq!(bench.at(second * SECOND).fails(a), restarts(&[a]), "at {second} s");
    }
    assert_eq!(bench.at(14 * SECOND).fails(a), Verdict::GiveUp);
}

#[test]
fn an_intensity_of_zero_absorbs_nothing() {
    let mut bench = bench();
    let a = bench.member(Restart::always().intensity(0, SECOND), SYSTEM);
    assert_eq!(bench.fails(a), Verdict::GiveUp);
}

#[test]
fn restarts_by_wish_count_as_well() {
    let mut bench = bench();
    let a = bench.member(Restart::always(), SYSTEM);
    assert_eq!(bench.wishes(a), restarts(&[a]));
    assert_eq!(bench.wishes(a), Verdict::GiveUp);
}

#[test]
fn outside_of_groups_each_has_an_intensity_of_its_own() {
    let mut bench = bench();
    let [a, b] = [(); 2].map(|()| bench.member(Restart::on_failure(), SYSTEM));
    assert_eq!(bench.fails(a), restarts(&[a]));
    assert_eq!(bench.fails(b), restarts(&[b]));
    assert_eq!(bench.fails(a), Verdict::GiveUp);
}

#[test]
fn in_a_group_only_the_groups_intensity_counts_for_all_in_common() {
    let mut bench = bench();
    let intensity = Intensity { restarts: 2, within: SECOND };
    let group = bench.group(Strategy::OneForOne, intensity, SYSTEM);
    let [a, b, c] = bench.trio(Restart::on_failure().intensity(0, SECOND), group);
    assert_eq!(bench.fails(a), restarts(&[a]));
    assert_eq!(bench.fails(b), restarts(&[b]));
    assert_eq!(bench.fails(c), Verdict::GiveUp);
}

#[test]
fn a_restart_of_many_counts_once() {
    let mut bench = bench();
    let intensity = Intensity { restarts: 2, within: SECOND };
    let group = bench.group(Strategy::OneForAll, intensity, SYSTEM);
    let all = bench.trio(Restart::on_failure(), group);
    assert_eq!(bench.fails(all[0]), restarts(&all));
    assert_eq!(bench.fails(all[1]), restarts(&all));
    assert_eq!(bench.fails(all[2]), Verdict::GiveUp);
}

// Strategies.

#[test]
fn one_for_one_restarts_the_fallen_one() {
    let mut bench = bench();
    let group = bench.group(Strategy::OneForOne, PLENTY, SYSTEM);
    let [_, b, _] = bench.trio(Restart::on_failure(), group);
    assert_eq!(bench.fails(b), restarts(&[b]));
}

#[test]
fn one_for_all_restarts_all_in_the_order_of_spawning() {
    let mut bench = bench();
    let group = bench.group(Strategy::OneForAll, PLENTY, SYSTEM);
    let all = bench.trio(Restart::on_failure(), group);
    let _stranger = bench.member(Restart::on_failure(), SYSTEM);
    assert_eq!(bench.fails(all[1]), restarts(&all));
}

#[test]
fn rest_for_one_restarts_the_fallen_one_and_those_after_it() {
    let mut bench = bench();
    let group = bench.group(Strategy::RestForOne, PLENTY, SYSTEM);
    let all = bench.trio(Restart::on_failure(), group);
    assert_eq!(bench.fails(all[0]), restarts(&all));
    assert_eq!(bench.fails(all[1]), restarts(&all[1..]));
    assert_eq!(bench.fails(all[2]), restarts(&all[2..]));
}

#[test]
fn a_sibling_that_is_never_restarted_is_stopped_and_leaves() {
    for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
        let mut bench = bench();
        let group = bench.group(strategy, PLENTY, SYSTEM);
        let a = bench.member(Restart::always(), Under::Group(group));
        let b = bench.member(Restart::never(), Under::Group(group));
        let c = bench.member(Restart::on_failure(), Under::Group(group));
        assert_eq!(bench.fails(a), restarts_without(&[a, c], &[b]));
        assert_eq!(bench.supervision.left(b), None);
        assert_eq!(bench.fails(a), restarts(&[a, c]));
    }
}

#[test]
fn the_wish_of_one_that_is_not_restarted_touches_nobody() {
    let mut bench = bench();
    let group = bench.group(Strategy::OneForAll, PLENTY, SYSTEM);
    let [a, ..] = bench.trio(Restart::on_failure(), group);
    assert_eq!(bench.wishes(a), Verdict::Leave);
}

#[test]
fn who_has_left_does_not_come_back() {
    let mut bench = bench();
    let group = bench.group(Strategy::OneForAll, PLENTY, SYSTEM);
    let [a, b, c] = bench.trio(Restart::on_failure(), group);
    bench.leaves(b);
    assert_eq!(bench.fails(a), restarts(&[a, c]));
    assert_eq!(bench.supervision.members_of(group), [a, c]);
    assert_eq!(bench.fails(b), Verdict::Leave);
}

#[test]
fn who_is_about_to_leave_is_not_called_back() {
    let mut bench = bench();
    let group = bench.group(Strategy::OneForAll, PLENTY, SYSTEM);
    let [a, b, c] = bench.trio(Restart::on_failure(), group);
    assert_eq!(bench.wishes(b), Verdict::Leave);
    assert_eq!(bench.fails(a), restarts(&[a, c]));
    assert_eq!(bench.supervision.members_of(group), [a, b, c]);
}

#[test]
fn the_failure_of_one_that_was_dismissed_is_decided_already() {
    let mut bench = bench();
    let group = bench.group(Strategy::OneForAll, PLENTY, SYSTEM);
    let a = bench.member(Restart::always(), Under::Group(group));
    let b = bench.member(Restart::never(), Under::Group(group));
    assert_eq!(bench.fails(a), restarts_without(&[a], &[b]));
    assert_eq!(bench.fails(b), Verdict::Forget);
    // It is still to be waited for, if another restart comes before its thread has ended.
    assert_eq!(bench.fails(a), restarts_without(&[a], &[b]));
}

#[test]
fn who_joins_later_is_one_of_the_rest() {
    let mut bench = bench();
    let group = bench.group(Strategy::RestForOne, PLENTY, SYSTEM);
    let a = bench.member(Restart::always(), Under::Group(group));
    assert_eq!(bench.fails(a), restarts(&[a]));
    let b = bench.member(Restart::always(), Under::Group(group));
    assert_eq!(bench.fails(a), restarts(&[a, b]));
    assert_eq!(bench.fails(b), restarts(&[b]));
}
