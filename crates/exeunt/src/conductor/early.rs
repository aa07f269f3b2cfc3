//! Members that leave before the drain of the system, or within the turn of another: the children of a member, one that
//! was told to stop, a group whose time has come.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::Sender;

use super::company::{self, Company, Errand};
use super::{Conductor, State};
use crate::member::Member;
use crate::report::ActorReport;
use crate::unwind::lock;

impl Conductor<'_> {
    /// The children of that parent leave, last spawned first.
    pub(super) fn dismiss_family(&mut self, parent: usize, tell: Option<Sender<Vec<ActorReport>>>) {
        let children = self.stage.children(parent);
        self.assemble(children, Errand::Parent { index: parent, tell });
    }

    /// These members leave alone.
    pub(super) fn send_away(&mut self, members: Vec<Arc<Member>>) {
        let members = self.with_their_pools(members);
        let is_free = |member: &Arc<Member>| {
            let index = member.life.index;
            let is_leaving = self.companies.with(index).any(|c| !c.is_the_systems());
            !is_leaving && !member.has_left()
        };
        let members: Vec<Arc<Member>> = members.into_iter().filter(is_free).collect();
        if !members.is_empty() {
            self.assemble(members, Errand::Own);
        }
    }

    /// The threads of a pool leave together: their mailbox is one.
    fn with_their_pools(&self, members: Vec<Arc<Member>>) -> Vec<Arc<Member>> {
        let pools: BTreeSet<usize> = members.iter().filter_map(|member| member.pool()).collect();
        if pools.is_empty() {
            return members;
        }
        let indices: BTreeSet<usize> = members.iter().map(|member| member.life.index).collect();
        let mut all = self.stage.members();
        all.retain(|member| {
            indices.contains(&member.life.index)
                || member.pool().is_some_and(|pool| pools.contains(&pool))
        });
        all
    }

    fn assemble(&mut self, members: Vec<Arc<Member>>, errand: Errand) {
        let nodes = company::wiring(&members, &self.stage.families(&members));
        let limits = *lock(&self.stage.limits);
        self.companies.add(Company::new(members, nodes, limits, errand));
        self.disband();
    }

    /// Lets the companies go of which all have left, and tells those on whose behalf they left.
    pub(super) fn disband(&mut self) {
        while let Some(company) = self.companies.take_over() {
            let Errand::Parent { index, tell } = company.errand else { continue };
            if let Some(State::InTurn(turn)) = self.states.get_mut(&index) {
                // What it had to wait for is over: it has a grace of its own again.
                turn.touch(Instant::now());
                turn.halted = turn.halted.map(|_| Instant::now());
            }
            match tell {
                Some(tell) => drop(tell.send(company.left)),
                // The parent has left before them.
                None => self.companies.end(index),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::super::tests::Scene;
    use super::*;
    use crate::deadline::{OwnLimits, Turn};
    use crate::life::Life;
    use crate::report::Reason;

    #[test]
    fn o3_who_has_left_or_is_leaving_is_not_sent_away_once_more() {
        let scene = Scene::new();
        let mut conductor = scene.conductor();
        let [one, other] = [0, 1].map(|index| scene.member(index));
        one.has_left.store(true, Ordering::Relaxed);
        conductor.send_away(vec![one]);
        // A company with a member that has left already would never be over.
        assert!(conductor.companies.is_empty());
        (0..2).for_each(|_| conductor.send_away(vec![Arc::clone(&other)]));
        assert_eq!(conductor.companies.with(1).count(), 1);
    }

    #[test]
    fn o3_who_is_told_to_stop_in_a_drain_does_not_wait_for_its_turn_there() {
        let scene = Scene::new();
        let mut conductor = scene.conductor();
        let members = [0, 1].map(|index| scene.entered(index, OwnLimits::default()));
        conductor.begin(&Reason::Shutdown);
        conductor.give_turns();
        conductor.states.clear();
        conductor.send_away(vec![Arc::clone(&members[0])]);
        conductor.give_turns();
        assert!(conductor.is_in_turn(0));
    }

    #[test]
    fn d3_who_has_waited_for_its_children_has_a_grace_of_its_own_again() {
        let scene = Scene::new();
        let mut conductor = scene.conductor();
        let before = Instant::now();
        let mut turn = Turn::begin(before, Life::unstarted().sample());
        turn.halted = Some(before);
        conductor.states.insert(0, State::InTurn(turn));
        while Instant::now() == before {}
        let (tell, told) = crossbeam_channel::bounded(1);
        // There are none, so they have left at once.
        conductor.dismiss_family(0, Some(tell));
        assert!(told.try_recv().is_ok());
        let State::InTurn(turn) = conductor.states[&0] else { unreachable!("it is in its turn") };
        let now = Instant::now();
        assert!(turn.halted > Some(before));
        assert!(turn.stuck_for(now) < now.duration_since(before));
    }
}
