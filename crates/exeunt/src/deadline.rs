//! Deadlines, as a decision: from how an actor's turn goes and what time it is to what is to be
//! done. No threads, no clock of its own.

use std::mem;
use std::time::{Duration, Instant};

use crate::life::Sample;

/// The limits of a drain unless something else is set.
pub(crate) const BUDGET: Duration = Duration::from_secs(30);
pub(crate) const STALL_LIMIT: Duration = Duration::from_secs(5);
pub(crate) const GRACE: Duration = Duration::from_secs(1);

/// How long a thread must have been seen in the same place before it is believed to be stuck
/// there, and not on its way through.
pub(crate) const SETTLED: Duration = Duration::from_millis(1);

/// How long past its grace a thread that is in *our* code is waited for: it blocks nowhere, and only
/// needs a turn on the CPU. It may have a message in its hands that is counted nowhere yet.
pub(crate) const SLACK: Duration = Duration::from_secs(1);

/// The limits of a whole drain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DrainLimits {
    pub(crate) budget: Duration,
    pub(crate) stall: Duration,
    pub(crate) grace: Duration,
}

impl Default for DrainLimits {
    fn default() -> DrainLimits {
        DrainLimits { budget: BUDGET, stall: STALL_LIMIT, grace: GRACE }
    }
}

/// The limits of one actor, where they differ from those of the drain.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct OwnLimits {
    pub(crate) stall: Option<Duration>,
    pub(crate) deadline: Option<Duration>,
}

/// The clock of a whole drain: when it ends, and how much is kept for each actor still to come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DrainClock {
    limits: DrainLimits,
    /// `None` if it lies beyond what the clock can say.
    end: Option<Instant>,
    /// Half of the budget, divided among all: what none may take from those still to come.
    share: Duration,
    /// Among how many the half was divided. Children that are spawned later have no share of their
    /// own.
    shares: u32,
}

impl DrainClock {
    pub(crate) fn start(limits: DrainLimits, now: Instant, members: usize) -> DrainClock {
        let members = u32::try_from(members.max(1)).unwrap_or(u32::MAX);
        DrainClock {
            limits,
            end: now.checked_add(limits.budget),
            share: limits.budget / 2 / members,
            shares: members,
        }
    }

    /// When the actor whose turn it is must stop, so that as many as are `to_come` keep their
    /// share.
    fn cap(&self, to_come: usize) -> Option<Instant> {
        let to_come = u32::try_from(to_come).unwrap_or(u32::MAX).min(self.shares);
        // Half of the budget at the most, so the subtraction stays above the beginning.
        Some(self.end?.checked_sub(self.share.saturating_mul(to_come)).unwrap_or(self.end?))
    }

    /// Gives back time in which the process did not run.
    pub(crate) fn excuse(&mut self, lost: Duration) {
        self.end = self.end.and_then(|end| end.checked_add(lost));
    }

    /// Whether the budget is used up, so that the turn of all has come.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.end.is_some_and(|end| now >= end)
    }

    pub(crate) fn end(&self) -> Option<Instant> {
        self.end
    }

    /// When the last straggler is given up.
    fn last_call(&self) -> Option<Instant> {
        self.end?.checked_add(self.limits.grace)
    }
}

/// How one actor's turn goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) began: Instant,
    /// Time since then in which the process did not run.
    excused: Duration,
    sample: Sample,
    /// When something was last seen to have been finished.
    progressed: Instant,
    /// When the thread was last seen to go from one place to another.
    moved: Instant,
    /// When it was told to stop at once.
    pub(crate) halted: Option<Instant>,
}

/// What is to be done about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Decision {
    /// Nothing before this moment.
    Wait(Option<Instant>),
    /// Its deadline has come.
    Halt,
    /// Its grace is over, and it is stuck in the user's code.
    Abandon,
}

impl Turn {
    pub(crate) fn begin(now: Instant, sample: Sample) -> Turn {
        Turn {
            began: now,
            excused: Duration::ZERO,
            sample,
            progressed: now,
            moved: now,
            halted: None,
        }
    }

    /// Something happened, though not to itself: it waits for others that are getting on.
    pub(crate) fn touch(&mut self, now: Instant) {
        self.progressed = now;
    }

    /// The same, where it waits for another: it is stuck for no longer than that one.
    pub(crate) fn waiting_for(self, other: Turn) -> Turn {
        Turn { progressed: self.progressed.max(other.progressed), ..self }
    }

    /// Whether it has finished anything since it was last looked at.
    pub(crate) fn has_progressed(&self, sample: Sample) -> bool {
        self.sample.pulse() != sample.pulse()
    }

    /// For how long nothing was seen to happen.
    pub(crate) fn stuck_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.progressed)
    }

    /// When its deadline comes, if nothing more happens.
    fn halts_at(&self, clock: &DrainClock, own: OwnLimits, to_come: usize) -> Option<Instant> {
        let stalls = self.progressed.checked_add(own.stall.unwrap_or(clock.limits.stall));
        let own =
            own.deadline.and_then(|limit| self.began.checked_add(limit.checked_add(self.excused)?));
        [stalls, own, clock.cap(to_come)].into_iter().flatten().min()
    }

    /// When its next limit comes, if nothing more happens: its deadline, or the end of its grace.
    pub(crate) fn next_limit(
        &self,
        clock: &DrainClock,
        own: OwnLimits,
        to_come: usize,
    ) -> Option<Instant> {
        match self.halted {
            None => self.halts_at(clock, own, to_come),
            Some(halted) => self.gives_up_at(halted, clock),
        }
    }

    fn gives_up_at(&self, halted: Instant, clock: &DrainClock) -> Option<Instant> {
        let grace_ends = halted.checked_add(clock.limits.grace);
        [grace_ends, clock.last_call()].into_iter().flatten().min()
    }

    /// Forgives time in which nobody could make progress, since the process did not run.
    pub(crate) fn excuse(&mut self, lost: Duration) {
        self.excused = self.excused.saturating_add(lost);
        for moment in [Some(&mut self.progressed), Some(&mut self.moved), self.halted.as_mut()]
            .into_iter()
            .flatten()
        {
            *moment = moment.checked_add(lost).unwrap_or(*moment);
        }
    }

    /// Looks at a new sample, and decides.
    pub(crate) fn decide(
        &mut self,
        now: Instant,
        sample: Sample,
        clock: &DrainClock,
        own: OwnLimits,
        to_come: usize,
    ) -> Decision {
        self.take_note(now, sample);
        match self.next_limit(clock, own, to_come) {
            None => Decision::Wait(None),
            Some(at) if now < at => Decision::Wait(Some(at)),
            Some(_) if self.halted.is_none() => Decision::Halt,
            Some(at) if self.is_stuck(now) || now >= at + SLACK => Decision::Abandon,
            Some(_) => Decision::Wait(now.checked_add(SETTLED)),
        }
    }

    fn take_note(&mut self, now: Instant, sample: Sample) {
        if self.has_progressed(sample) {
            self.progressed = now;
        }
        if !sample.is_where_it_was(self.sample) {
            self.moved = now;
        }
        self.sample = sample;
    }

    /// Whether its thread is in the user's code, and not on its way through.
    fn is_stuck(&self, now: Instant) -> bool {
        let has_settled = now.saturating_duration_since(self.moved) >= SETTLED;
        self.sample.is_in_user_code() && has_settled
    }
}

/// How late the conductor may wake before it concludes that the whole process did not run: it was
/// stopped (SIGSTOP, Ctrl-Z, a debugger), or starved.
const OVERSLEPT: Duration = Duration::from_millis(100);

/// How late the conductor is, each time that it wakes and then gives way to the other threads.
#[derive(Default)]
pub(crate) struct Lateness {
    /// For how long it gave way the last time.
    gave_way: Duration,
}

impl Lateness {
    /// The time that was lost, if it wanted to wake at one moment, and did at another or came back late. What it takes
    /// each time to give way is not lost: others run meanwhile, and if they are many, no deadline would ever be kept.
    pub(crate) fn lost(
        &mut self,
        wanted: Option<Instant>,
        woke: Instant,
        came_back: Instant,
    ) -> Option<Duration> {
        let gave_way = came_back.saturating_duration_since(woke);
        let usual = mem::replace(&mut self.gave_way, gave_way).min(gave_way);
        let late = came_back.saturating_duration_since(wanted?).saturating_sub(usual);
        (late >= OVERSLEPT).then_some(late)
    }
}

/// How often a drain looks at the actors whose turn it is: ten times within the shortest stall
/// limit, so that a stall is noticed at most a tenth late.
pub(crate) fn look_every(shortest_stall: Duration) -> Duration {
    (shortest_stall / 10).clamp(Duration::from_millis(1), Duration::from_millis(100))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::life::Life;

    const SECOND: Duration = Duration::from_secs(1);

    struct Bench {
        life: Life,
        start: Instant,
        clock: DrainClock,
        turn: Turn,
    }

    /// A drain of three under the usual limits, whose first has its turn.
    fn bench() -> Bench {
        let life = Life::unstarted();
        let start = Instant::now();
        let clock = DrainClock::start(DrainLimits::default(), start, 3);
        let turn = Turn::begin(start, life.sample());
        Bench { life, start, clock, turn }
    }

    impl Bench {
        fn decide(&mut self, at: Duration, own: OwnLimits) -> Decision {
            self.turn.decide(self.start + at, self.life.sample(), &self.clock, own, 2)
        }
    }

    #[test]
    fn d1_progress_is_not_cut_short_but_a_share_is_kept_for_those_to_come() {
        let mut bench = bench();
        let own = OwnLimits::default();
        for second in 1..20 {
            bench.life.enter_message();
            bench.life.leave_handled();
            let decision = bench.decide(second * SECOND, own);
            assert!(matches!(decision, Decision::Wait(_)), "{second}: {decision:?}");
        }
        // Two are to come, each with a share of 30 s / 2 / 3.
        bench.life.sign_of_life();
        assert_eq!(bench.decide(20 * SECOND, own), Decision::Halt);
    }

    #[test]
    fn d1_a_stall_is_a_deadline_met() {
        let mut bench = bench();
        bench.life.enter_message();
        let own = OwnLimits::default();
        assert!(matches!(bench.decide(SECOND / 10, own), Decision::Wait(_)));
        // To have begun something is no progress.
        assert!(matches!(bench.decide(5 * SECOND - SECOND / 10, own), Decision::Wait(_)));
        assert_eq!(bench.decide(5 * SECOND, own), Decision::Halt);
        let own = OwnLimits { stall: Some(SECOND), ..own };
        assert_eq!(bench.decide(2 * SECOND, own), Decision::Halt);
    }

    #[test]
    fn d1_a_deadline_of_its_own_is_met_in_spite_of_progress() {
        let mut bench = bench();
        let own = OwnLimits { deadline: Some(2 * SECOND), stall: None };
        bench.life.sign_of_life();
        assert_eq!(bench.decide(SECOND, own), Decision::Wait(Some(bench.start + 2 * SECOND)));
        bench.life.sign_of_life();
        assert_eq!(bench.decide(2 * SECOND, own), Decision::Halt);
    }

    #[test]
    fn d3_abandoned_after_its_grace_and_only_when_stuck_in_user_code() {
        let mut bench = bench();
        let own = OwnLimits::default();
        bench.life.enter_message();
        assert!(matches!(bench.decide(SECOND / 2, own), Decision::Wait(_)));
        bench.turn.halted = Some(bench.start + SECOND);
        assert_eq!(bench.decide(SECOND, own), Decision::Wait(Some(bench.start + 2 * SECOND)));

        // It left the handler at the last moment: it is on its way out, and gets a moment more.
        bench.life.leave_handled();
        assert!(matches!(bench.decide(2 * SECOND, own), Decision::Wait(_)));
        bench.life.enter_message();
        assert!(matches!(bench.decide(2 * SECOND + SETTLED, own), Decision::Wait(_)));
        assert_eq!(bench.decide(2 * SECOND + 2 * SETTLED, own), Decision::Abandon);
    }

    #[test]
    fn d3_signs_of_life_past_its_grace_are_no_way_out_of_a_handler() {
        let mut bench = bench();
        let own = OwnLimits::default();
        bench.life.enter_message();
        assert!(matches!(bench.decide(SECOND, own), Decision::Wait(_)));
        bench.turn.halted = Some(bench.start + SECOND);
        bench.life.sign_of_life();
        assert_eq!(bench.decide(2 * SECOND, own), Decision::Abandon);
    }

    #[test]
    fn d3_nobody_outlives_the_budget_and_a_grace() {
        let mut bench = bench();
        bench.life.enter_message();
        let own = OwnLimits { stall: Some(Duration::MAX), deadline: None };
        assert_eq!(bench.decide(30 * SECOND, own), Decision::Halt);
        bench.turn.halted = Some(bench.start + 30 * SECOND + SECOND / 2);
        assert_eq!(bench.decide(31 * SECOND, own), Decision::Abandon);
    }

    #[test]
    fn d1_time_in_which_the_process_was_stopped_is_nobodys_stall() {
        let mut bench = bench();
        bench.life.enter_message();
        let own = OwnLimits::default();
        assert!(matches!(bench.decide(SECOND, own), Decision::Wait(_)));
        // Stopped for ten seconds, from the second to the twelfth.
        let woke = bench.start + 12 * SECOND;
        let lost = Lateness::default().lost(Some(bench.start + 2 * SECOND), woke, woke).unwrap();
        bench.turn.excuse(lost);
        bench.clock.excuse(lost);
        assert!(matches!(bench.decide(12 * SECOND, own), Decision::Wait(_)));
        let limited = OwnLimits { deadline: Some(3 * SECOND), stall: None };
        assert!(matches!(bench.decide(12 * SECOND, limited), Decision::Wait(_)));
        assert_eq!(bench.decide(13 * SECOND, limited), Decision::Halt);
        assert_eq!(bench.decide(16 * SECOND, own), Decision::Halt);
        assert!(!bench.clock.is_over(bench.start + 39 * SECOND));
        assert!(bench.clock.is_over(bench.start + 40 * SECOND));
    }

    #[test]
    fn d1_what_the_conductor_is_late_is_lost_but_not_what_it_gives_away_each_time() {
        let (mut lateness, start) = (Lateness::default(), Instant::now());
        // When it wanted to wake, did, and came back, in hundredths of a second.
        let mut lost = |times: [u32; 3]| {
            let [wanted, woke, came_back] =
                times.map(|hundredths| start + SECOND / 100 * hundredths);
            lateness.lost(Some(wanted), woke, came_back).map(|lost| lost.as_millis() / 10)
        };
        assert_eq!([[10, 11, 12], [10, 5, 6], [10, 60, 60]].map(&mut lost), [None, None, Some(50)]);
        // Stopped while it gave way, and a moment later while it slept.
        assert_eq!([[10, 10, 710], [10, 710, 710]].map(&mut lost), [Some(700); 2]);
        // On a busy machine.
        assert_eq!([[10, 10, 30]; 3].map(&mut lost), [Some(20), None, None]);
        assert_eq!([[10, 40, 60], [10, 10, 730]].map(&mut lost), [Some(30), Some(700)]);
    }

    #[test]
    fn d3_how_long_somebody_was_stuck_is_counted_from_the_last_progress() {
        let mut bench = bench();
        bench.turn.touch(bench.start + SECOND);
        assert_eq!(bench.turn.stuck_for(bench.start + 3 * SECOND), 2 * SECOND);
        assert_eq!(bench.clock.end(), Some(bench.start + BUDGET));
    }

    #[test]
    fn d1_a_drain_looks_ten_times_within_the_shortest_stall_limit_within_reason() {
        let looks = [SECOND / 2, STALL_LIMIT, Duration::ZERO].map(look_every);
        assert_eq!(looks, [50, 100, 1].map(Duration::from_millis));
    }

    #[test]
    fn limits_beyond_the_clock_are_no_limits() {
        let mut bench = bench();
        let limits =
            DrainLimits { budget: Duration::MAX, stall: Duration::MAX, grace: Duration::MAX };
        bench.clock = DrainClock::start(limits, bench.start, 3);
        assert_eq!(bench.decide(1000 * SECOND, OwnLimits::default()), Decision::Wait(None));
        assert!(!bench.clock.is_over(bench.start + 1000 * SECOND));
    }
}
