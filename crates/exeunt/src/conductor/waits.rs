//! A member that waits for one that is getting on, for room, an answer or an end, is not stuck, however long that
//! takes; nor is a member that waits for such a one. Those may be of other systems, whose conductors may look at ours at
//! the same moment: so no lock is held here while another is taken.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::{Conductor, State};
use crate::life::{Life, Whom};
use crate::member::Member;
use crate::stage::{Stage, StageId};

impl Conductor<'_> {
    /// Touches the turns of the members that wait so.
    pub(super) fn excuse_who_waits(&mut self, now: Instant) {
        // Whose children leave is excused for that.
        let alone = self.states.keys().filter(|&&index| self.companies.family_of(index).is_none());
        let members = alone.filter_map(|&index| self.stage.member(index));
        let waits = Waits::of(members.map(|member| Node::of(&member)).collect());
        for id in waits.whose_others_get_on(&self.pulses) {
            let state = id.index_on(self.stage).and_then(|index| self.states.get_mut(&index));
            if let Some(State::InTurn(turn) | State::Settling(turn) | State::Retiring(turn)) = state
            {
                turn.touch(now);
            }
        }
        self.pulses = waits.pulses;
    }
}

/// What somebody waits for.
enum Node {
    Member(Arc<Life>),
    /// All threads of the pool at that place in the order of spawning.
    Pool(Arc<Stage>, usize),
    System(Arc<Stage>),
}

/// Which it is, of all that the process has. A system has no place in an order of spawning.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeId(StageId, Option<usize>);

impl NodeId {
    fn index_on(self, stage: &Stage) -> Option<usize> {
        self.1.filter(|_| self.0 == stage.id)
    }
}

impl Node {
    /// Who reads the mailbox of whoever is at that place: itself; of a pool, which has no thread itself, all its threads.
    fn at(stage: &Arc<Stage>, index: usize) -> Node {
        match stage.member(index) {
            Some(member) => Node::of(&member),
            None => Node::Pool(Arc::clone(stage), index),
        }
    }

    fn of(member: &Arc<Member>) -> Node {
        Node::Member(Arc::clone(&member.life))
    }

    fn id(&self) -> NodeId {
        match self {
            Node::Member(life) => NodeId(life.stage.id, Some(life.index)),
            Node::Pool(stage, index) => NodeId(stage.id, Some(*index)),
            Node::System(stage) => NodeId(stage.id, None),
        }
    }

    /// Grows with everything that it achieves itself.
    fn pulse(&self) -> u64 {
        match self {
            Node::Member(life) => life.sample().pulse(),
            Node::Pool(..) => 0,
            Node::System(stage) => stage.departures(),
        }
    }

    /// Those without which it does not get on, or through which it does.
    fn waits_for(&self) -> Vec<Node> {
        match self {
            Node::Member(life) => {
                life.waits_for_others().iter().flat_map(|whom| others(life, whom)).collect()
            }
            Node::Pool(stage, index) => {
                let threads = stage.members();
                threads.iter().filter(|m| m.pool() == Some(*index)).map(Node::of).collect()
            }
            Node::System(stage) => stage.to_leave().iter().map(Node::of).collect(),
        }
    }
}

/// Whom it waits for there.
fn others(life: &Life, whom: &Whom) -> Vec<Node> {
    match whom {
        Whom::Here(index) => vec![Node::at(&life.stage, *index)],
        Whom::Children => life.stage.children(life.index).iter().map(Node::of).collect(),
        Whom::There(other) => {
            let other = other.upgrade();
            other.iter().map(|other| Node::at(&other.stage, other.index)).collect()
        }
        Whom::System(stage) => stage.upgrade().into_iter().map(Node::System).collect(),
    }
}

/// Who waits for whom.
#[derive(Default)]
struct Waits {
    /// What those have achieved that are waited for.
    pulses: BTreeMap<NodeId, u64>,
    /// Who waits for each of them.
    waiters: BTreeMap<NodeId, Vec<NodeId>>,
}

impl Waits {
    /// The waits of these, of those for which they wait, and so on.
    fn of(mut nodes: Vec<Node>) -> Waits {
        let mut waits = Waits::default();
        while let Some(node) = nodes.pop() {
            for other in node.waits_for() {
                waits.waiters.entry(other.id()).or_default().push(node.id());
                if let Entry::Vacant(entry) = waits.pulses.entry(other.id()) {
                    entry.insert(other.pulse());
                    nodes.push(other);
                }
            }
        }
        waits
    }

    /// Those that wait for one that has achieved something since it was last looked at, or for one that waits so.
    fn whose_others_get_on(&self, before: &BTreeMap<NodeId, u64>) -> BTreeSet<NodeId> {
        let has_achieved =
            |(id, pulse): &(&NodeId, &u64)| before.get(id).is_some_and(|before| before != *pulse);
        let mut getting_on: Vec<NodeId> =
            self.pulses.iter().filter(has_achieved).map(|(&id, _)| id).collect();
        let mut all = BTreeSet::new();
        while let Some(id) = getting_on.pop() {
            let waiters = self.waiters.get(&id).into_iter().flatten();
            getting_on.extend(waiters.copied().filter(|&waiter| all.insert(waiter)));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::tests::{Scene, leaving};
    use super::*;
    use crate::deadline::{OwnLimits, Turn};
    use crate::life::{Activity, Other};
    use crate::pool::Front;

    /// A conductor that looks at one member, whose turn it is, every second.
    struct Watch<'a> {
        conductor: Conductor<'a>,
        whose: usize,
        now: Instant,
    }

    impl<'a> Watch<'a> {
        fn of(scene: &'a Scene, life: &Life) -> Watch<'a> {
            let (mut conductor, now) = (scene.conductor(), Instant::now());
            let turn = State::InTurn(Turn::begin(now, life.sample()));
            conductor.states.insert(life.index, turn);
            let mut watch = Watch { conductor, whose: life.index, now };
            watch.excuses();
            watch
        }

        /// Whether it excuses that one for what has happened since the last look.
        fn excuses(&mut self) -> bool {
            self.now += Duration::from_secs(1);
            self.conductor.excuse_who_waits(self.now);
            let State::InTurn(turn) = self.conductor.states[&self.whose] else {
                unreachable!("it waits alone")
            };
            turn.stuck_for(self.now).is_zero()
        }
    }

    fn entered<const N: usize>(scene: &Scene, indices: [usize; N]) -> [Arc<Member>; N] {
        indices.map(|index| scene.entered(index, OwnLimits::default()))
    }

    /// The first member, and two threads, of a pool.
    fn pool(scene: &Scene) -> (Arc<Life>, [Arc<Member>; 2]) {
        let front = Arc::new(Front::new(Arc::clone(&scene.member(0).life), 2));
        let threads = [1, 2].map(|index| {
            let front = Some(Arc::clone(&front));
            scene.stage.enter(Member { front, ..scene.unstarted(index, false) })
        });
        (Arc::clone(&front.life), threads)
    }

    fn wait(life: &Life, whom: &Arc<Life>) {
        life.swap_activity(Activity::Awaiting(Other::seen_by(life, &whom.name, Some(whom))));
    }

    #[test]
    fn d1_who_waits_for_a_pool_is_stuck_when_all_its_threads_are_whatever_others_do() {
        let scene = Scene::new();
        let (front, threads) = pool(&scene);
        let [waits, other] = entered(&scene, [3, 4]);
        // What a thread has achieved before it was first looked at is no progress.
        threads[0].life.sign_of_life();
        wait(&waits.life, &front);
        let mut watch = Watch::of(&scene, &waits.life);
        assert!(!watch.excuses());
        threads[1].life.sign_of_life();
        assert!(watch.excuses());
        [&other, &waits].iter().for_each(|member| member.life.sign_of_life());
        assert!(!watch.excuses());
        // Nor is what it has achieved while nobody waited.
        waits.life.swap_activity(Activity::Working);
        assert!(!watch.excuses());
        threads[0].life.sign_of_life();
        wait(&waits.life, &front);
        assert!(!watch.excuses());
    }

    #[test]
    fn d1_who_waits_for_one_of_another_system_is_stuck_when_that_one_is_whatever_others_do() {
        let (ours, theirs) = (Scene::new(), Scene::new());
        let [waits, namesake] = entered(&ours, [5, 3]);
        let (front, threads) = pool(&theirs);
        let [one, other] = entered(&theirs, [3, 5]);
        wait(&waits.life, &one.life);
        let mut watch = Watch::of(&ours, &waits.life);
        [&namesake, &other, &threads[0]].iter().for_each(|member| member.life.sign_of_life());
        assert!(!watch.excuses());
        one.life.sign_of_life();
        assert!(watch.excuses());
        // It waits for a pool of its own system; and that one's thread, for one of ours.
        wait(&one.life, &front);
        wait(&threads[1].life, &namesake.life);
        assert!(!watch.excuses());
        for gets_on in [&threads[0], &namesake] {
            gets_on.life.sign_of_life();
            assert!(watch.excuses());
        }
        // In a circle nobody gets on by the others' waiting.
        wait(&namesake.life, &waits.life);
        assert!(!watch.excuses() && !watch.excuses());
    }

    #[test]
    fn d1_a_system_gets_on_by_those_whose_end_it_waits_for() {
        let (ours, theirs) = (Scene::new(), Scene::new());
        let [waits] = entered(&ours, [0]);
        let [first, second] = entered(&theirs, [0, 1]);
        let daemon = theirs.daemon(2);
        waits.life.swap_activity(Activity::Awaiting(Other::system(&theirs.stage)));
        let mut watch = Watch::of(&ours, &waits.life);
        daemon.life.sign_of_life();
        assert!(!watch.excuses());
        second.life.sign_of_life();
        assert!(watch.excuses());
        theirs.conductor().leave(&first, leaving());
        assert!(watch.excuses() && !watch.excuses());
        // Whoever was given up may still run.
        first.life.sign_of_life();
        assert!(!watch.excuses());
    }

    #[test]
    fn d1_who_waits_for_its_children_gets_on_by_them() {
        let scene = Scene::new();
        let [waits, parent] = entered(&scene, [0, 1]);
        let mut child = scene.unstarted(2, false);
        let mut life = Life::new("child", 2, false, Arc::clone(&scene.stage));
        life.parent = Some(Arc::clone(&parent.life));
        child.life = Arc::new(life);
        let child = scene.stage.enter(child);
        wait(&waits.life, &parent.life);
        let mut watch = Watch::of(&scene, &waits.life);
        let mut excuses = |activity| {
            parent.life.swap_activity(activity);
            watch.excuses();
            child.life.sign_of_life();
            watch.excuses()
        };
        assert!(!excuses(Activity::Working));
        assert!(excuses(Activity::AwaitingChildren));
        // A message of a child's that it does not come to an end with.
        parent.life.enter_message();
        assert!(!excuses(Activity::AwaitingChildren));
    }

    #[test]
    fn d1_nobody_is_kept_by_those_who_wait_for_it() {
        let [one, other] = [(); 2].map(|()| Arc::new(Life::unstarted()));
        for (life, whom) in [(&one, &other), (&other, &one)] {
            wait(life, whom);
            life.set_awaits_answers([Some(whom)].into_iter());
        }
        one.swap_activity(Activity::Awaiting(Other::system(&other.stage)));
        assert_eq!([&one, &other].map(Arc::strong_count), [1, 1]);
        assert_eq!([&one, &other].map(|life| Arc::strong_count(&life.stage)), [1, 1]);
    }
}
