//! A member that waits for one that is getting on, for room, an answer or an end, is not stuck, however long that
//! takes; nor is a member that waits for such a one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::{Conductor, State};
use crate::life::Life;
use crate::member::Member;
use crate::stage::Stage;

impl Conductor<'_> {
    /// Touches the turns of the members that wait so.
    pub(super) fn excuse_who_waits(&mut self, now: Instant) {
        let mut mailboxes = Mailboxes { stage: self.stage, readers: BTreeMap::new() };
        let mut pulses = BTreeMap::new();
        for (&index, state) in &mut self.states {
            let mut is_getting_on = false;
            for life in mailboxes.waited_for(index) {
                let pulse = life.sample().pulse();
                let before = self.pulses.get(&life.index);
                is_getting_on |= before.is_some_and(|&before| before != pulse);
                pulses.insert(life.index, pulse);
            }
            let (State::InTurn(turn) | State::Settling(turn) | State::Retiring(turn)) = state;
            if is_getting_on {
                turn.touch(now);
            }
        }
        self.pulses = pulses;
    }
}

/// Which members read which mailbox.
struct Mailboxes<'a> {
    stage: &'a Stage,
    /// As far as it was looked up in this round, by the place of the mailbox's owner.
    readers: BTreeMap<usize, Vec<Arc<Member>>>,
}

impl Mailboxes<'_> {
    /// The members for which that one waits, those for which they wait, and so on.
    fn waited_for(&mut self, index: usize) -> Vec<Arc<Life>> {
        let mut others =
            self.stage.member(index).map_or_else(Vec::new, |member| member.life.waits_for_others());
        let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
        while let Some(other) = others.pop() {
            let readers = self.readers(other).iter().map(|member| &member.life);
            let new = readers.filter(|life| life.index != index && seen.insert(life.index));
            let new: Vec<Arc<Life>> = new.cloned().collect();
            others.extend(new.iter().flat_map(|life| life.waits_for_others()));
            all.extend(new);
        }
        all
    }

    /// The readers of its mailbox: the owner; of a pool, which has none itself, all its threads.
    fn readers(&mut self, owner: usize) -> &[Arc<Member>] {
        let stage = self.stage;
        self.readers.entry(owner).or_insert_with(|| match stage.member(owner) {
            Some(member) => vec![member],
            None => {
                let mut members = stage.members();
                members.retain(|member| member.pool() == Some(owner));
                members
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::tests::Scene;
    use super::*;
    use crate::deadline::{OwnLimits, Turn};
    use crate::life::{Activity, Other};
    use crate::pool::Front;

    #[test]
    fn d1_who_waits_for_a_pool_is_stuck_when_all_its_threads_are_whatever_others_do() {
        let scene = Scene::new();
        let mut conductor = scene.conductor();
        let front = Arc::new(Front::new(Arc::clone(&scene.member(0).life), 2));
        let threads = [1, 2].map(|index| {
            let front = Some(Arc::clone(&front));
            scene.stage.enter(Member { front, ..scene.unstarted(index, false) })
        });
        let [waits, other] = [3, 4].map(|index| scene.entered(index, OwnLimits::default()));
        let pool = Other { name: "pool".into(), index: Some(0) };
        waits.life.swap_activity(Activity::Awaiting(pool.clone()));
        let start = Instant::now();
        conductor.states.insert(3, State::InTurn(Turn::begin(start, waits.life.sample())));
        let mut stuck_after = |seconds| {
            let now = start + Duration::from_secs(seconds);
            conductor.excuse_who_waits(now);
            let State::InTurn(turn) = conductor.states[&3] else { unreachable!("it waits alone") };
            turn.stuck_for(now).as_secs()
        };
        // What a thread has achieved before it was first looked at is no progress.
        threads[0].life.sign_of_life();
        assert_eq!(stuck_after(1), 1);
        threads[1].life.sign_of_life();
        assert_eq!(stuck_after(2), 0);
        [&other, &waits].iter().for_each(|member| member.life.sign_of_life());
        assert_eq!(stuck_after(3), 1);
        // Nor is what it has achieved while nobody waited.
        waits.life.swap_activity(Activity::Working);
        assert_eq!(stuck_after(4), 2);
        threads[0].life.sign_of_life();
        waits.life.swap_activity(Activity::Awaiting(pool));
        assert_eq!(stuck_after(5), 3);
    }
}
