//! The stage: what all threads of one system share, and the two threads that serve it.
//!
//! The *conductor* decides whose turn it is; it never runs code of the user's, so nothing can hold
//! it up. The listeners run on the *usher*, which they may hold up.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, Sender};

use crate::conductor;
use crate::deadline::DrainLimits;
use crate::event::Event;
use crate::life::Life;
use crate::mailbox::Post;
use crate::member::Member;
use crate::notice::Notice;
use crate::report::{Reason, Refusals, Report, Signal};
use crate::snapshot::ActorSnapshot;
use crate::supervision::Supervision;
use crate::threads;
use crate::unwind::lock;
use crate::waiters::Waiters;
pub(crate) use requests::Cue;
pub(crate) use roster::Part;
use roster::{Entry, Roster};
pub(crate) use spawning::{Body, Spawned, body};
#[cfg(feature = "stepper")]
pub(crate) use usher::tell;
pub(crate) use usher::{Chore, Listener};

mod end;
mod requests;
mod roster;
mod spawning;
mod usher;

pub(crate) struct Stage {
    pub(crate) id: StageId,
    pub(crate) name: String,
    pub(crate) limits: Mutex<DrainLimits>,
    roster: Mutex<Roster>,
    /// How many members have left.
    departures: AtomicU64,
    /// To the conductor. Unbounded, so that a thread that tells it something never waits; what is
    /// told is a few words per actor and signal.
    cues: Sender<Cue>,
    /// To the usher. Unbounded for the same reason.
    chores: Sender<Chore>,
    /// Whether anything listens but the log.
    is_observed: AtomicBool,
    /// What the two threads read, until each is started.
    reading_ends: Mutex<ReadingEnds>,
    /// Set when the drain of the system begins.
    draining: Event,
    /// A child of `draining`, for all that want to hear of the drain: an event can be set by
    /// whoever has it.
    drain_began: Event,
    /// Which group, actor or system supervises whom.
    pub(crate) supervision: Mutex<Supervision>,
    refusals: Mutex<BTreeMap<(usize, usize), Refusals>>,
    signal: Mutex<Option<Signal>>,
    report: Mutex<Option<Report>>,
    /// Set when the report is there.
    ended: Event,
    /// The futures that wait for the report.
    pub(crate) waiters: Waiters,
}

/// What tells a stage from all others that the process has ever had.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct StageId(u64);

impl StageId {
    fn next() -> StageId {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        StageId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

struct ReadingEnds {
    cues: Option<Receiver<Cue>>,
    chores: Option<Receiver<Chore>>,
}

impl Stage {
    pub(crate) fn new(name: String) -> Stage {
        let (cues, cues_end) = crossbeam_channel::unbounded();
        let (chores, chores_end) = crossbeam_channel::unbounded();
        let draining = Event::new();
        Stage {
            id: StageId::next(),
            name,
            limits: Mutex::default(),
            roster: Mutex::default(),
            departures: AtomicU64::new(0),
            cues,
            chores,
            is_observed: AtomicBool::new(false),
            reading_ends: Mutex::new(ReadingEnds {
                cues: Some(cues_end),
                chores: Some(chores_end),
            }),
            drain_began: draining.child(),
            draining,
            supervision: Mutex::default(),
            refusals: Mutex::default(),
            signal: Mutex::default(),
            report: Mutex::default(),
            ended: Event::new(),
            waiters: Waiters::default(),
        }
    }

    // The members.

    pub(crate) fn members(&self) -> Vec<Arc<Member>> {
        lock(&self.roster).members.values().cloned().collect()
    }

    /// The children of that member, and those that children who were given up have left behind.
    pub(crate) fn children(&self, parent: usize) -> Vec<Arc<Member>> {
        lock(&self.roster).children(parent)
    }

    /// These members, and all below them.
    pub(crate) fn families(&self, members: &[Arc<Member>]) -> Vec<Arc<Member>> {
        lock(&self.roster).families(members)
    }

    /// How many members are not daemons.
    pub(crate) fn waited_for(&self) -> usize {
        lock(&self.roster).waited_for
    }

    /// How many members there ever were.
    pub(crate) fn spawned(&self) -> usize {
        lock(&self.roster).next_index
    }

    /// Those that have still to leave, but for the daemons, for which nobody waits.
    pub(crate) fn to_leave(&self) -> Vec<Arc<Member>> {
        let mut members = self.members();
        members.retain(|member| !member.node.daemon && !member.has_left());
        members
    }

    pub(crate) fn member(&self, index: usize) -> Option<Arc<Member>> {
        lock(&self.roster).members.get(&index).cloned()
    }

    /// A member has left.
    pub(crate) fn count_departure(&self) {
        self.departures.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn departures(&self) -> u64 {
        self.departures.load(Ordering::Relaxed)
    }

    /// Lets go of a child that has left.
    pub(crate) fn forget(&self, index: usize) {
        let member = lock(&self.roster).forget(index);
        // Not under the lock.
        drop(member);
    }

    /// The first of that name whose mailbox is still open, and of which an address is left.
    pub(crate) fn find_post(&self, name: &str) -> Option<Arc<dyn Post>> {
        let roster = lock(&self.roster);
        let bearers = roster.members.values().filter(|member| member.bears(name));
        let posts: Vec<_> = bearers.filter_map(|member| lock(&member.post).clone()).collect();
        // Not under the lock: the last hold of a mailbox may go here, with what is in it.
        drop(roster);
        posts.into_iter().find(|post| !post.is_deserted())
    }

    pub(crate) fn snapshot(&self) -> Vec<ActorSnapshot> {
        let roster = lock(&self.roster);
        let now = || roster.members.values().map(|member| ActorSnapshot::of(member)).collect();
        roster.last_look.clone().unwrap_or_else(now)
    }

    /// From here on only children are started. Gives the members there are.
    pub(crate) fn close_roster(&self) -> Vec<Arc<Member>> {
        self.draining.set();
        let mut roster = lock(&self.roster);
        roster.restrict(Entry::Children);
        roster.members.values().cloned().collect()
    }

    /// Starts no more children either, and gives the members that are still there.
    pub(crate) fn close_roster_for_children(&self) -> Vec<Arc<Member>> {
        let mut roster = lock(&self.roster);
        roster.restrict(Entry::Nobody);
        roster.members.values().filter(|member| !member.has_left()).cloned().collect()
    }

    // What happens, and who is told.

    /// Tells the listeners, if anything listens: to say it, and to wake the usher, for nobody would cost more than all
    /// else that there is to do when an actor leaves.
    pub(crate) fn emit(&self, notice: impl FnOnce() -> Notice) {
        if self.is_observed() || log::max_level() != log::LevelFilter::Off {
            self.tell(notice());
        }
    }

    fn tell(&self, notice: Notice) {
        if self.is_observed() || notice.level() <= log::max_level() {
            let _ = self.chores.send(Chore::Tell(notice));
        }
    }

    fn is_observed(&self) -> bool {
        self.is_observed.load(Ordering::Acquire)
    }

    /// Adds a listener, to all that happens from now on.
    pub(crate) fn observe(&self, listener: Listener) {
        self.is_observed.store(true, Ordering::Release);
        self.give(Chore::Listen(listener));
    }

    pub(crate) fn give(&self, chore: Chore) {
        let _ = self.chores.send(chore);
    }

    /// Notes that a send was refused, if that is because the order of the drain was wrong.
    pub(crate) fn refused(&self, from: &Life, to: &Life) {
        let same_stage = std::ptr::eq(self, &raw const *to.stage);
        // To send to oneself, to one's own pool, or to one's parent, in one's own turn is no wrong order. A daemon goes
        // on when others have left, and so does a thread that was given up.
        let no_order = from.is_daemon || from.is_of_family(to) || from.is_disowned();
        if !same_stage || no_order || !self.is_draining() || !to.was_called() {
            return;
        }
        let mut refusals = lock(&self.refusals);
        let edge = refusals.entry((from.index, to.index)).or_insert_with(|| Refusals {
            from: from.name.to_string(),
            to: to.name.to_string(),
            count: 0,
        });
        edge.count += 1;
        let is_first = edge.count == 1;
        drop(refusals);
        if is_first {
            self.emit(|| Notice::Refused { from: from.identity(), to: to.identity() });
        }
    }

    pub(crate) fn refusals(&self) -> Vec<Refusals> {
        lock(&self.refusals).values().cloned().collect()
    }

    /// Starts the two threads that serve the stage, each once; none for a stage that has ended without them.
    fn raise_the_curtain(self: &Arc<Self>) -> io::Result<()> {
        let mut ends = lock(&self.reading_ends);
        if self.has_ended() {
            return Ok(());
        }
        if let Some(chores) = ends.chores.clone() {
            let name = self.name.clone();
            self.serve("usher", move || usher::ush(&name, &chores))?;
            ends.chores = None;
        }
        if let Some(cues) = ends.cues.clone() {
            let stage = Arc::clone(self);
            self.serve("conductor", move || conductor::conduct(&stage, &cues))?;
            ends.cues = None;
        }
        Ok(())
    }

    /// The same, for a caller that wants the end: without a conductor there never was a member.
    fn raise_the_curtain_or_end(self: &Arc<Self>) {
        if let Err(error) = self.raise_the_curtain() {
            let reason = Reason::Failure { name: self.name.clone(), error: error.to_string() };
            self.publish(self.empty_report(reason));
        }
    }

    /// Takes the place of the two threads, for a caller that serves the stage itself.
    #[cfg(any(feature = "stepper", test))]
    pub(crate) fn take_reading_ends(&self) -> Option<(Receiver<Cue>, Receiver<Chore>)> {
        let mut ends = lock(&self.reading_ends);
        self.is_observed.store(true, Ordering::Release);
        Some((ends.cues.take()?, ends.chores.take()?))
    }

    /// Enters a member that has no thread.
    #[cfg(any(feature = "stepper", test))]
    pub(crate) fn enter(&self, member: Member) -> Arc<Member> {
        lock(&self.roster).enter(member)
    }

    /// A thread that serves the stage, named after the stage and its role.
    fn serve(&self, role: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        threads::serve(format!("{}/{role}", self.name.replace('\0', "")), work).map(drop)
    }
}
