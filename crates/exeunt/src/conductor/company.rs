//! A company: members that leave together, in their order, and under one clock. In the drain of the system, all that
//! have no parent; the children of a member that leaves; a member that was told to leave alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::Sender;

use crate::deadline::{DrainClock, DrainLimits};
use crate::life::Life;
use crate::mailbox::MailboxId;
use crate::member::Member;
use crate::order::{Node, Order, Readers};
use crate::report::ActorReport;

pub(super) struct Company {
    /// In the order of spawning.
    pub(super) members: Vec<Arc<Member>>,
    order: Order,
    pub(super) clock: DrainClock,
    /// The places of the members that have not had their turn, except the system's daemons, which never have one.
    waiting: BTreeSet<usize>,
    /// The places of the threads of each pool.
    pools: BTreeMap<usize, Vec<usize>>,
    /// How many members have still to leave.
    to_leave: usize,
    pub(super) errand: Errand,
    /// The reports of the members that have left.
    pub(super) left: Vec<ActorReport>,
}

/// On whose behalf they leave.
pub(super) enum Errand {
    /// The system's: daemons stay.
    System,
    /// Their parent's, which is told when they have left, if it is still there.
    Parent { index: usize, tell: Option<Sender<Vec<ActorReport>>> },
    /// Their own.
    Own,
}

/// A member whose turn has come.
pub(super) struct Due {
    pub(super) member: Arc<Member>,
    pub(super) with: With,
}

/// With whom a member leaves as one.
pub(super) enum With {
    Nobody,
    /// With the threads of its pool, which has children, and is to be open for all of them until they have left.
    Pool(Rc<[Arc<Member>]>),
    /// With others, whose mailboxes stay open until all of them are quiet.
    Ring,
}

impl Company {
    /// `members` are in the order of spawning.
    pub(super) fn new(
        members: Vec<Arc<Member>>,
        mut nodes: Vec<Node>,
        limits: DrainLimits,
        errand: Errand,
    ) -> Company {
        let places: Vec<usize> = members.iter().map(|member| member.life.index).collect();
        for node in &mut nodes {
            node.place_among(&places);
            node.daemon &= matches!(errand, Errand::System);
        }
        let waiting: BTreeSet<usize> =
            (0..nodes.len()).filter(|&place| !nodes[place].daemon).collect();
        let mut pools: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (place, pool) in members.iter().enumerate().filter_map(|(i, m)| Some((i, m.pool()?))) {
            pools.entry(pool).or_default().push(place);
        }
        let now = Instant::now();
        Company {
            clock: DrainClock::start(limits, now, waiting.len()),
            order: Order::new(nodes),
            to_leave: members.len(),
            waiting,
            pools,
            errand,
            left: Vec::new(),
            members,
        }
    }

    fn place(&self, index: usize) -> Option<usize> {
        self.members.binary_search_by_key(&index, |member| member.life.index).ok()
    }

    /// The members whose turn has come: all before them have left, or the time is up.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Due> {
        let is_over = self.clock.is_over(now);
        let mut due = self.order.take_ready();
        due.retain(|place| self.waiting.remove(place));
        if is_over {
            due.extend(std::mem::take(&mut self.waiting));
            due.sort_unstable();
        }
        // Looked up once for all of a pool, which may have thousands of threads.
        let mut pools: BTreeMap<Option<usize>, Rc<[Arc<Member>]>> = BTreeMap::new();
        let mut with = |place: usize| match self.order.ring(place) {
            _ if is_over => With::Nobody,
            [] if is_of_a_family(&self.members[place]) => {
                let pool = pools.entry(self.members[place].pool());
                With::Pool(Rc::clone(pool.or_insert_with(|| self.ring_at(place).into())))
            }
            [] => With::Nobody,
            _ => With::Ring,
        };
        let due = due.into_iter();
        due.map(|at| Due { member: Arc::clone(&self.members[at]), with: with(at) }).collect()
    }

    /// Whether all have left, and the system does not wait for it.
    pub(super) fn is_over(&self) -> bool {
        self.to_leave == 0 && !self.is_the_systems()
    }

    /// How many of them have still to have their turn.
    pub(super) fn to_come(&self) -> usize {
        self.waiting.len()
    }

    /// The members with which that one leaves as one, except those that have left with all their children.
    pub(super) fn ring(&self, index: usize) -> Vec<Arc<Member>> {
        self.place(index).map_or_else(Vec::new, |place| self.ring_at(place))
    }

    fn ring_at(&self, place: usize) -> Vec<Arc<Member>> {
        let ring = match self.order.ring(place) {
            [] => self.pool(place),
            ring => ring,
        };
        let there = ring.iter().filter(|&&place| !self.order.has_ended(place));
        there.map(|&place| Arc::clone(&self.members[place])).collect()
    }

    /// The threads of its pool, if any of them has children: those may send to the pool until they have left, whichever
    /// thread they belong to.
    fn pool(&self, place: usize) -> &[usize] {
        let member = &self.members[place];
        match member.pool() {
            Some(pool) if is_of_a_family(member) => &self.pools[&pool],
            _ => &[],
        }
    }

    /// A member has left, with all its children. Says whether that is news: it may be told twice, of a member and of
    /// its last child.
    pub(super) fn end(&mut self, index: usize) -> bool {
        let Some(place) = self.place(index) else { return false };
        let is_news = self.order.end(place);
        self.to_leave -= usize::from(is_news);
        is_news
    }

    pub(super) fn is_the_systems(&self) -> bool {
        matches!(self.errand, Errand::System)
    }

    pub(super) fn parent(&self) -> Option<usize> {
        match self.errand {
            Errand::Parent { index, .. } => Some(index),
            _ => None,
        }
    }
}

/// Whether it is a thread of a pool that has had children.
fn is_of_a_family(member: &Member) -> bool {
    member.front.as_ref().is_some_and(|front| front.life.has_had_children())
}

/// The wiring of members that leave together, in the order of spawning; `all` are they and those below them. What a
/// member below has declared holds for the one above it, also when it has left, and what was declared to feed a member
/// holds for the one above that. So does what was declared to feed a mailbox that one of them has beside its own.
pub(super) fn wiring(members: &[Arc<Member>], all: &[Arc<Member>]) -> Vec<Node> {
    let at = |life: &Life| members.binary_search_by_key(&life.index, |member| member.life.index);
    let above: HashMap<MailboxId, MailboxId> = all
        .iter()
        .filter_map(|member| {
            let above = member.life.with_ancestors().find_map(|life| at(life).ok())?;
            Some((member, members[above].node.mailbox?))
        })
        .flat_map(|(member, above)| {
            let own = member.node.mailbox.filter(|&own| own != above);
            let beside = member.life.annexes();
            let others = own.into_iter().chain(beside.into_iter().map(|post| post.id()));
            others.map(move |mailbox| (mailbox, above))
        })
        .collect();
    let lift = |mailbox: &MailboxId| above.get(mailbox).copied().unwrap_or(*mailbox);
    let readers = Readers::new(members.iter().map(|member| &member.node));
    let is_last_before = |mailbox, place| readers.last_of(mailbox) < Some(place);
    let wired = |(place, member): (usize, &Arc<Member>)| {
        let mut node = member.node.clone();
        node.feeds.iter_mut().flatten().for_each(|mailbox| *mailbox = lift(mailbox));
        let mut from_below: Vec<MailboxId> =
            member.life.fed_from_below().iter().map(lift).collect();
        from_below.retain(|&fed| Some(fed) != node.mailbox && readers.last_of(fed).is_some());
        if node.feeds.is_none() {
            // It feeds all before it anyhow.
            from_below.retain(|&fed| !is_last_before(fed, place));
        }
        if !from_below.is_empty() {
            let others = members[..place].iter().filter_map(|member| member.node.mailbox);
            let before = || others.filter(|&mailbox| is_last_before(mailbox, place)).collect();
            node.feeds.get_or_insert_with(before).extend(from_below);
        }
        node
    };
    members.iter().enumerate().map(wired).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::capacity::Capacity;
    use crate::deadline::{OwnLimits, Turn};
    use crate::mailbox::Mailbox;
    use crate::pool::Front;
    use crate::stage::Stage;

    fn member(index: usize, parent: Option<&Arc<Member>>, feeds: &[MailboxId]) -> Arc<Member> {
        let mut life = Life::new("a", index, false, Arc::new(Stage::new("test".into())));
        life.parent = parent.map(|parent| Arc::clone(&parent.life));
        for above in life.ancestors() {
            feeds.iter().for_each(|&mailbox| above.note_fed_from_below(mailbox));
        }
        let mailbox = Mailbox::<u32>::new(Capacity::Bounded(1));
        let node = Node {
            mailbox: Some(mailbox.id),
            feeds: (!feeds.is_empty()).then(|| feeds.to_vec()),
            after: Vec::new(),
            daemon: false,
        };
        Arc::new(Member::new(Arc::new(life), Some(mailbox), node))
    }

    #[test]
    fn o3_the_threads_of_a_pool_leave_as_one_if_any_of_them_has_had_children() {
        let stage = Arc::new(Stage::new("test".into()));
        let front = Arc::new(Life::new("pool", 0, false, Arc::clone(&stage)));
        let front = Arc::new(Front::new(front, 2));
        let thread = |index| {
            let mut life = Life::new("pool", index, false, Arc::clone(&stage));
            life.pool = Some(Arc::clone(&front.life));
            let mailbox = Mailbox::<u32>::new(Capacity::Bounded(1));
            let member = Member::unstarted(Arc::new(life), mailbox);
            Arc::new(Member { front: Some(Arc::clone(&front)), ..member })
        };
        let threads = [thread(1), thread(2)];
        let company = || {
            let nodes = threads.iter().map(|thread| thread.node.clone()).collect();
            Company::new(threads.to_vec(), nodes, DrainLimits::default(), Errand::Own)
        };
        let is_alone = |due: Due| matches!(due.with, With::Nobody);
        let seen = |limits| {
            let mut company = company();
            company.clock = DrainClock::start(limits, Instant::now(), 2);
            let ring = company.ring(2).len();
            let due = company.take_due(Instant::now());
            (ring, due.into_iter().map(is_alone).collect::<Vec<_>>())
        };
        let limits = DrainLimits::default();
        assert_eq!(seen(limits), (0, vec![true; 2]));
        assert!(threads[0].life.found_family());
        assert_eq!(seen(limits), (2, vec![false; 2]));
        // When the time is up, nobody waits for the others.
        let is_over = DrainLimits { budget: Duration::ZERO, ..limits };
        assert_eq!(seen(is_over), (2, vec![true; 2]));
    }

    #[test]
    fn o1_what_children_declared_holds_for_who_stands_above_them_beside_what_comes_before() {
        let box_of = |member: &Arc<Member>| member.node.mailbox.unwrap();
        let [first, second, third] = [0, 1, 2].map(|index| member(index, None, &[]));
        // What a child feeds that stands above it does not count.
        let child = member(4, Some(&second), &[box_of(&second), box_of(&third)]);
        let other = member(5, Some(&first), &[box_of(&first)]);
        let last = member(3, None, &[box_of(&child)]);
        let roots = [first, second, third, last];
        let all = [&roots[..], &[child, other]].concat();
        let [first, second, third, _] = roots.each_ref().map(box_of);
        let feeds: Vec<_> = wiring(&roots, &all).into_iter().map(|node| node.feeds).collect();
        assert_eq!(feeds, [None, Some(vec![first, third]), None, Some(vec![second])]);
    }

    #[test]
    fn o1_what_feeds_a_mailbox_that_somebody_has_beside_its_own_feeds_it() {
        let beside = Mailbox::<u32>::new(Capacity::Bounded(1));
        let first = member(0, None, &[]);
        let last = member(1, None, &[beside.id]);
        first.life.add_annex(beside);
        let roots = [first, last];
        let nodes = wiring(&roots, &roots);
        assert_eq!(nodes[1].feeds, Some(vec![roots[0].node.mailbox.unwrap()]));
    }

    #[test]
    fn o1_after_whom_a_task_leaves_holds_wherever_both_stand_in_their_family() {
        let members = [3, 5].map(|index| member(index, None, &[]));
        let node = |after| Node { mailbox: None, feeds: Some(Vec::new()), after, daemon: false };
        let nodes = vec![node(Vec::new()), node(vec![3])];
        let mut company =
            Company::new(members.to_vec(), nodes, DrainLimits::default(), Errand::Own);
        let due = |company: &mut Company| {
            let due = company.take_due(Instant::now());
            due.iter().map(|due| due.member.life.index).collect::<Vec<_>>()
        };
        assert_eq!(due(&mut company), [3]);
        company.end(3);
        assert_eq!(due(&mut company), [5]);
    }

    #[test]
    fn d1_half_of_the_budget_is_divided_among_all_of_a_family() {
        let members = [3, 4, 5].map(|index| member(index, None, &[]));
        let nodes = members.iter().map(|member| member.node.clone()).collect();
        let limits = DrainLimits::default();
        let company = Company::new(members.to_vec(), nodes, limits, Errand::Own);
        let turn = Turn::begin(Instant::now(), members[0].life.sample());
        let own = OwnLimits { stall: Some(Duration::MAX), deadline: None };
        let kept = company.clock.end().zip(turn.next_limit(&company.clock, own, 2));
        assert_eq!(kept.map(|(end, limit)| end - limit), Some(limits.budget / 3));
    }
}
