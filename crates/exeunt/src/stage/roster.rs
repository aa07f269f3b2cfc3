//! The roster: which members the system has, and whether another may join.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::Stage;
use crate::deadline::OwnLimits;
use crate::error::{SpawnCause, SpawnError};
use crate::life::Life;
use crate::mailbox::{MailboxId, Post};
use crate::member::Member;
use crate::notice::ActorIdentity;
use crate::order::{self, Node};
use crate::pool::Front;
use crate::restart::Restart;
use crate::snapshot::ActorSnapshot;
use crate::supervision::Under;

/// The members of the system.
#[derive(Default)]
pub(super) struct Roster {
    /// By their place in the order of spawning. Children are let go when they have left: an actor
    /// may have any number of them, one after the other.
    pub(super) members: BTreeMap<usize, Arc<Member>>,
    /// The children of each parent, and of none: those that are there, and those that have left behind others that are.
    families: BTreeMap<Option<usize>, BTreeSet<usize>>,
    pub(super) next_index: usize,
    /// Every mailbox that anything was declared to feed.
    pub(super) fed: HashSet<MailboxId>,
    /// How many members were spawned that are waited for: all but the daemons.
    pub(super) waited_for: usize,
    /// How the members stood at the end, when they themselves are let go: they hold the stage, so
    /// that it would keep itself alive.
    pub(super) last_look: Option<Vec<ActorSnapshot>>,
    pub(super) entry: Entry,
}

/// What may still be started. It only ever goes forward.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Entry {
    #[default]
    Everybody,
    /// The drain has begun: only children, by their parents.
    Children,
    /// Nothing. All but the daemons have left, and a daemon that was told to stop could spawn a child that nobody
    /// tells.
    Nobody,
}

/// How a member is to be spawned.
pub(crate) struct Part {
    pub(crate) name: Arc<str>,
    /// Its parent, if it is to be a child.
    pub(crate) parent: Option<Arc<Life>>,
    pub(crate) restart: Restart,
    pub(crate) under: Under,
    pub(crate) is_significant: bool,
    /// The pool that it is a thread of.
    pub(crate) front: Option<Arc<Front>>,
    pub(crate) post: Option<Arc<dyn Post>>,
    pub(crate) node: Node,
    /// Each mailbox it feeds, with how many of the families above it that mailbox is outside of.
    pub(crate) feeds_outside: Vec<(MailboxId, usize)>,
    /// Names, looked up when it is spawned.
    pub(crate) after: Vec<String>,
    pub(crate) limits: OwnLimits,
    pub(crate) stack_bytes: Option<usize>,
    /// Which of the threads that read its mailbox it is.
    pub(crate) seat: usize,
}

impl Part {
    /// Whether anybody but the system has a say when it fails.
    pub(super) fn is_supervised(&self) -> bool {
        self.restart != Restart::never() || !matches!(self.supervisor(), Under::System)
    }

    pub(super) fn supervisor(&self) -> Under {
        match (&self.under, &self.parent) {
            (Under::System, Some(parent)) => Under::Actor(parent.index),
            (under, _) => *under,
        }
    }

    fn parent_index(&self) -> Option<usize> {
        self.parent.as_ref().map(|parent| parent.index)
    }

    pub(super) fn error(&self, cause: SpawnCause) -> SpawnError {
        SpawnError { name: self.name.clone(), cause }
    }

    // What becomes of it.

    pub(super) fn life(&self, index: usize, stage: &Arc<Stage>) -> Life {
        let mut life = Life::new(self.name.clone(), index, self.node.daemon, Arc::clone(stage));
        life.seat = self.seat;
        life.parent = self.parent.clone();
        life.pool = self.front.as_ref().map(|front| Arc::clone(&front.life));
        life.is_whole_pool = self.front.as_ref().is_some_and(|front| front.has_one_thread());
        life.is_supervised = self.is_supervised();
        life.is_restartable = self.restart.is_ever();
        life
    }

    /// What a member feeds, those above it feed too, also when it has left.
    pub(super) fn tell_those_above(&self) {
        for &(mailbox, families) in &self.feeds_outside {
            let above = self.parent.iter().flat_map(|parent| parent.with_ancestors());
            above.take(families).for_each(|above| above.note_fed_from_below(mailbox));
        }
    }

    pub(super) fn thread(&self) -> thread::Builder {
        let builder = thread::Builder::new().name((*self.name).to_owned());
        match self.stack_bytes {
            None => builder,
            Some(bytes) => builder.stack_size(bytes),
        }
    }

    pub(super) fn member(self, life: Arc<Life>, thread: JoinHandle<()>) -> Member {
        Member {
            front: self.front,
            limits: self.limits,
            thread: Mutex::new(Some(thread)),
            ..Member::new(life, self.post, self.node)
        }
    }
}

impl Roster {
    /// From here on nothing but `to` is started.
    pub(super) fn restrict(&mut self, to: Entry) {
        self.entry = self.entry.max(to);
    }

    /// Whether it may still be spawned: a child as long as its parent has not sent its children
    /// away.
    pub(super) fn is_open_for(&self, part: &Part) -> bool {
        match &part.parent {
            // A parent that was given up has no more children: nobody would tell them to leave.
            Some(parent) => {
                self.entry < Entry::Nobody && !parent.has_ended() && parent.found_family()
            }
            None => self.entry == Entry::Everybody,
        }
    }

    /// Completes what was said of its place in the order, and refuses a place that cannot be. Gives those of a
    /// declared cycle, if it closes one.
    pub(super) fn place(&self, part: &mut Part) -> Result<Option<Vec<ActorIdentity>>, SpawnCause> {
        part.node.daemon |= part.parent.as_ref().is_some_and(|parent| parent.is_daemon);
        part.node.after = self.indices_of(part)?;
        if part.front.is_some() && part.node.feeds.is_none() {
            // The threads of a pool feed all before it, and not each other.
            part.node.feeds = Some(self.mailboxes_before(part));
        }
        self.check_order(part)
    }

    pub(super) fn enter(&mut self, member: Member) -> Arc<Member> {
        let member = Arc::new(member);
        self.next_index = member.life.index + 1;
        self.fed.extend(member.node.feeds.iter().flatten());
        self.waited_for += usize::from(!member.node.daemon);
        self.families.entry(member.parent()).or_default().insert(member.life.index);
        self.members.insert(member.life.index, Arc::clone(&member));
        member
    }

    /// Lets go of a child that has left.
    pub(super) fn forget(&mut self, index: usize) -> Option<Arc<Member>> {
        let member = self.members.remove(&index)?;
        let mut life = &member.life;
        // With those above it that have left and had no other left below them.
        while !self.members.contains_key(&life.index) && !self.has_any_below(life.index) {
            let Some(parent) = &life.parent else { break };
            let siblings = self.families.entry(Some(parent.index)).or_default();
            siblings.remove(&life.index);
            if siblings.is_empty() {
                self.families.remove(&Some(parent.index));
            }
            life = parent;
        }
        Some(member)
    }

    fn has_any_below(&self, index: usize) -> bool {
        self.families.contains_key(&Some(index))
    }

    /// These members, and all below them.
    pub(super) fn families(&self, members: &[Arc<Member>]) -> Vec<Arc<Member>> {
        let mut all = members.to_vec();
        let mut looked_below = 0;
        while let Some(member) = all.get(looked_below) {
            looked_below += 1;
            if member.life.has_had_children() {
                all.extend(self.children(member.life.index));
            }
        }
        all
    }

    /// The children of that member, and those that children who were given up have left behind.
    pub(super) fn children(&self, parent: usize) -> Vec<Arc<Member>> {
        let (mut children, mut above) = (Vec::new(), vec![parent]);
        while let Some(parent) = above.pop() {
            for &child in self.families.get(&Some(parent)).into_iter().flatten() {
                match self.members.get(&child) {
                    Some(member) => children.push(Arc::clone(member)),
                    None => above.push(child),
                }
            }
        }
        children.sort_unstable_by_key(|child| child.life.index);
        children
    }

    fn mailboxes_before(&self, part: &Part) -> Vec<MailboxId> {
        let mailboxes = self.siblings(part).filter_map(|member| member.node.mailbox);
        mailboxes.filter(|&mailbox| Some(mailbox) != part.node.mailbox).collect()
    }

    fn siblings(&self, part: &Part) -> impl Iterator<Item = &Arc<Member>> {
        let siblings = self.families.get(&part.parent_index());
        siblings.into_iter().flatten().filter_map(|index| self.members.get(index))
    }

    fn indices_of(&self, part: &Part) -> Result<Vec<usize>, SpawnCause> {
        let mut indices = Vec::new();
        for name in &part.after {
            let before = indices.len();
            let bearers = self.siblings(part).filter(|member| member.bears(name));
            indices.extend(bearers.map(|member| member.life.index));
            if indices.len() == before {
                return Err(SpawnCause::UnknownName(name.clone()));
            }
        }
        Ok(indices)
    }

    /// Refuses a part that would close a cycle that was not declared, and names a cycle that was. A
    /// part whose mailbox is new, and that comes after nothing, cannot close one; this keeps the
    /// spawning of many from being quadratic.
    fn check_order(&self, part: &Part) -> Result<Option<Vec<ActorIdentity>>, SpawnCause> {
        let is_fed = part.node.mailbox.is_some_and(|mailbox| self.fed.contains(&mailbox));
        if part.node.after.is_empty() && !is_fed {
            return Ok(None);
        }
        let siblings: Vec<&Arc<Member>> = self.siblings(part).collect();
        let places: Vec<usize> = siblings.iter().map(|member| member.life.index).collect();
        let nodes = siblings.iter().map(|member| &member.node).chain([&part.node]);
        let mut nodes: Vec<Node> = nodes.cloned().collect();
        nodes.iter_mut().for_each(|node| node.place_among(&places));
        let Some(cycle) = order::cycle_through_last(&nodes) else {
            return Ok(None);
        };
        let newcomer = || ActorIdentity { id: self.next_index, name: part.name.to_string() };
        let who = |&i: &usize| siblings.get(i).map_or_else(newcomer, |m| m.life.identity());
        let actors = cycle.path.iter().map(who);
        match cycle.is_declared {
            true => Ok(Some(actors.collect())),
            false => Err(SpawnCause::Cycle(actors.map(|actor| actor.name).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::Capacity;
    use crate::mailbox::Mailbox;

    #[test]
    fn d3_whom_a_child_leaves_behind_is_there_until_it_has_left_and_nothing_is_kept_of_either() {
        let stage = Arc::new(Stage::new("test".into()));
        let mut roster = Roster::default();
        let mut parent = None;
        for index in 0..4 {
            let mut life = Life::new("a", index, false, Arc::clone(&stage));
            life.parent = parent;
            let life = Arc::new(life);
            let mailbox = Mailbox::<u32>::new(Capacity::Bounded(1));
            roster.enter(Member::unstarted(Arc::clone(&life), mailbox));
            parent = Some(life);
        }
        let children = |roster: &Roster, of| -> Vec<usize> {
            roster.children(of).iter().map(|child| child.life.index).collect()
        };
        assert_eq!((children(&roster, 0), children(&roster, 1)), (vec![1], vec![2]));
        // Those in between were given up.
        assert!(roster.forget(2).is_some() && roster.forget(1).is_some());
        assert_eq!([0, 1, 2].map(|of| children(&roster, of)), [[3], [3], [3]]);
        assert!(roster.forget(3).is_some() && roster.forget(3).is_none());
        assert!(children(&roster, 0).is_empty());
        assert_eq!(roster.families.keys().collect::<Vec<_>>(), [&None]);
    }
}
