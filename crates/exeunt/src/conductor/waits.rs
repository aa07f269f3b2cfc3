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
