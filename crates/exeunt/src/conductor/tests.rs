use super::*;
use crate::capacity::Capacity;
use crate::deadline::OwnLimits;
use crate::life::Life;
use crate::mailbox::Mailbox;
use crate::pool::Front;

/// What a conductor works on, without threads.
pub(super) struct Scene {
    pub(super) stage: Arc<Stage>,
    cues: Receiver<Cue>,
    chores: Receiver<Chore>,
}

impl Scene {
    pub(super) fn new() -> Scene {
        let stage = Arc::new(Stage::new("test".into()));
        let (cues, chores) = stage.take_reading_ends().unwrap();
        Scene { stage, cues, chores }
    }

    pub(super) fn conductor(&self) -> Conductor<'_> {
        Conductor::new(&self.stage, &self.cues)
    }

    /// A member without a thread, which feeds nobody. It is called by its index.
    pub(super) fn member(&self, index: usize) -> Arc<Member> {
        Arc::new(self.unstarted(index, false))
    }

    /// The same, which the stage knows.
    pub(super) fn entered(&self, index: usize, limits: OwnLimits) -> Arc<Member> {
        self.stage.enter(Member { limits, ..self.unstarted(index, false) })
    }

    /// The same, of a daemon.
    pub(super) fn daemon(&self, index: usize) -> Arc<Member> {
        let mut daemon = self.unstarted(index, true);
        daemon.node.daemon = true;
        self.stage.enter(daemon)
    }

    /// One that nobody shares yet.
    pub(super) fn unstarted(&self, index: usize, is_daemon: bool) -> Member {
        let life = Life::new(index.to_string(), index, is_daemon, Arc::clone(&self.stage));
        Member::unstarted(Arc::new(life), Mailbox::<u32>::new(Capacity::Bounded(1)))
    }

    /// What the listeners would have been told since they were last asked for.
    pub(super) fn notices(&self) -> Vec<Notice> {
        let told = |chore| if let Chore::Tell(notice) = chore { Some(notice) } else { None };
        self.chores.try_iter().filter_map(told).collect()
    }
}

pub(super) fn leaving() -> Leaving {
    let figures = Figures::default();
    Leaving { ended: Ended::Drained, error: None, absorbed: false, figures }
}

#[test]
fn d1_a_drain_says_first_after_a_while_whom_it_waits_for() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    conductor.begin(&Reason::Shutdown);
    let words = conductor.drain.map(|drain| (drain.began, drain.next_word));
    assert!(words.is_some_and(|(began, next)| next == began + SAY_EVERY));
}

#[test]
fn d1_who_has_left_is_not_to_come_when_a_drain_begins() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let members = [0, 1, 2].map(|index| scene.entered(index, OwnLimits::default()));
    conductor.leave(&members[0], leaving());
    conductor.begin(&Reason::Shutdown);
    let clock = conductor.companies.clock_of(1).unwrap();
    let turn = Turn::begin(Instant::now(), members[1].life.sample());
    let own = OwnLimits { stall: Some(Duration::MAX), deadline: None };
    // Half of the budget is divided among the two that are there, and kept for the one that is to come.
    let limit = turn.next_limit(&clock, own, 1);
    assert_eq!(limit, clock.end().map(|end| end - deadline::BUDGET / 4));
    // Nor does anybody wait for it.
    assert_eq!([0, 1].map(|index| conductor.companies.with(index).count()), [0, 1]);
}

#[test]
fn d1_who_leaves_already_is_looked_at_at_once_when_a_drain_begins() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    // Under the clock of the drain it may be late by now.
    conductor.look_at = Some(Instant::now() + Duration::from_secs(60));
    conductor.begin(&Reason::Shutdown);
    assert_eq!(conductor.look_at, None);
}

#[test]
fn d1_nobody_is_looked_at_where_nobody_leaves() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    conductor.look_at = Some(Instant::now());
    conductor.enforce_deadlines();
    assert_eq!(conductor.look_at, None);
}

#[test]
fn o4_a_ring_is_looked_at_again_soon_though_all_else_is_not() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let turn = Turn::begin(Instant::now(), Life::unstarted().sample());
    conductor.states.insert(0, State::Settling(turn));
    conductor.settle_at = Some(Instant::now());
    let later = Instant::now() + Duration::from_secs(5);
    conductor.look_at = Some(later);
    conductor.attend();
    assert!(Instant::now() < later);
}

#[test]
fn o3_a_thread_is_joined_soon_though_nobody_else_ends() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let members = [0, 1].map(|index| scene.entered(index, OwnLimits::default()));
    for member in &members {
        *lock(&member.thread) = Some(thread::spawn(|| ()));
        member.life.end(Outcome::Drained);
        conductor.see_off(member.life.index);
    }
    let join_at = conductor.threads.join_at().unwrap();
    // Nobody tells it anything.
    conductor.attend();
    assert!(Instant::now() >= join_at);
    // With that it has something to take, and need not wait for it.
    let _ = scene.stage.dismiss_family(&members[0].life);
    conductor.attend();
    assert_eq!(conductor.threads.join_at(), None);
}

#[test]
fn d4_daemons_are_told_to_stop_at_once_and_what_is_left_in_their_mailboxes_is_returned() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let daemons = [0, 1].map(|index| scene.daemon(index));
    let mailbox = Mailbox::new(Capacity::Bounded(1));
    assert!(mailbox.offer(&mailbox.ordinary, 7_u32).is_ok());
    *lock(&daemons[1].post) = Some(mailbox);
    // It had returned one before.
    daemons[1].life.take_returned(|| vec![7_u32]);
    daemons.iter().for_each(|daemon| daemon.life.enter_message());
    conductor.dismiss_daemons();
    assert!(daemons.iter().all(|daemon| daemon.life.must_stop.is_set()));
    let lines = conductor.lines.take();
    // Children are spawned after their parents.
    let told: Vec<_> = lines.iter().map(|line| (line.id, line.ended, line.returned)).collect();
    assert_eq!(told, [(Some(1), Ended::Daemon, 2), (Some(0), Ended::Daemon, 0)]);
    // The end waits for the hooks that take them.
    assert_eq!(conductor.burials.len(), 2);
}

#[test]
fn d4_daemons_have_a_moment_to_end_and_a_second_to_be_where_they_can_be_left() {
    let scene = Scene::new();
    let conductor = scene.conductor();
    let daemons = [0, 1].map(|index| scene.daemon(index));
    let takes = || {
        let began = Instant::now();
        conductor.wait_for_the_willing(&daemons);
        began.elapsed()
    };
    daemons[0].life.enter_message();
    // The other may have a message in its hands that is counted nowhere yet.
    let (moment, second) = (DISMISSAL, DISMISSAL + deadline::SLACK);
    assert!((second..2 * second).contains(&takes()));
    daemons[1].life.enter_message();
    assert!((moment..second).contains(&takes()));
    daemons.iter().for_each(|daemon| daemon.life.end(Outcome::Completed));
    // On a busy machine it may take longer, but not always.
    assert!((0..100).any(|_| takes() < moment));
}

#[test]
fn r1_a_pool_that_has_only_some_of_its_threads_when_a_drain_begins_has_its_line() {
    let scene = Scene::new();
    let mut conductor = scene.conductor();
    let front = Front::new(Arc::clone(&scene.member(0).life), 2);
    let thread = Member { front: Some(Arc::new(front)), ..scene.unstarted(1, false) };
    conductor.leave(&scene.stage.enter(thread), leaving());
    let report = conductor.report(Reason::Shutdown);
    let told: Vec<_> = report.actors.iter().map(|line| (line.id, line.threads.len())).collect();
    assert_eq!(told, [(Some(0), 1)]);
}

#[test]
fn d3_what_takes_long_after_the_end_has_a_grace_and_no_more() {
    let Scene { stage, cues, chores } = Scene::new();
    let mut conductor = Conductor::new(&stage, &cues);
    // There are no listeners to wait for.
    drop(chores);
    let (hook, end) = crossbeam_channel::bounded(0);
    conductor.burials.push(end);
    let takes = |grace| {
        lock(&stage.limits).grace = grace;
        let began = Instant::now();
        conductor.wait_for_listeners_and_burials();
        began.elapsed()
    };
    let grace = Duration::from_millis(20);
    assert!(takes(grace) >= grace);
    drop(hook);
    let grace = Duration::from_secs(60);
    assert!(takes(grace) < grace);
}
