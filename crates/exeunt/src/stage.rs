//! The stage: what all threads of one system share, and the two threads that serve it.
//!
//! The *conductor* decides whose turn it is; it never runs code of the user's, so nothing can hold
//! it up. The listeners run on the *usher*, whom they may hold up.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

use crate::conductor;
use crate::deadline::DrainLimits;
use crate::ending::Sentence;
use crate::error::{SpawnCause, WaitError};
use crate::event::Event;
use crate::life::{self, Life, Outcome};
use crate::mailbox::Post;
use crate::member::Member;
use crate::notice::{self, Notice};
use crate::pool::Front;
use crate::report::{ActorReport, Reason, Refusals, Report, Signal};
use crate::restart::Intensity;
use crate::snapshot::ActorSnapshot;
use crate::supervision::{Exceeded, Supervision, Verdict};
use crate::threads;
use crate::unwind::{self, lock};
use crate::waiters::Waiters;
pub(crate) use roster::Part;
use roster::Roster;

mod roster;

pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) limits: Mutex<DrainLimits>,
    roster: Mutex<Roster>,
    /// To the conductor. Unbounded, so that who tells it something never waits; what is told is a
    /// few words per actor and signal.
    cues: Sender<Cue>,
    /// To the usher. Unbounded for the same reason.
    chores: Sender<Chore>,
    /// Whether anybody listens but the log.
    is_observed: AtomicBool,
    /// What the two threads read, until each is started.
    reading_ends: Mutex<ReadingEnds>,
    /// Set when the drain of the system begins.
    drain_began: Event,
    /// Who is supervised by whom.
    pub(crate) supervision: Mutex<Supervision>,
    refusals: Mutex<BTreeMap<(usize, usize), Refusals>>,
    signal: Mutex<Option<Signal>>,
    report: Mutex<Option<Report>>,
    /// Set when the report is there.
    ended: Event,
    /// The futures that wait for the report.
    pub(crate) waiters: Waiters,
}

struct ReadingEnds {
    cues: Option<Receiver<Cue>>,
    chores: Option<Receiver<Chore>>,
}

/// What the conductor is told.
pub(crate) enum Cue {
    /// The thread of this member is at its very end.
    Ended(usize),
    /// The drain is to begin.
    Shutdown(Reason),
    /// Somebody waits for the end: from now on the system ends when all have ended by themselves.
    Awaited,
    /// This member is to have its turn now.
    Stop {
        index: usize,
        /// Whether it has asked for it itself, so that its restart policy has a say.
        by_itself: bool,
    },
    /// The children of this member are to leave. It is told how they did.
    Dismiss { parent: usize, left: Sender<Vec<ActorReport>> },
    /// An incarnation is over, by a failure or by its own wish: what is to become of the member?
    Over { index: usize, error: Option<String>, sentence: Sender<Sentence> },
    /// A child that leaves for good has failed at that, which is its parent's failure.
    FailedOnLeaving { name: String, parent: usize, error: String, sentence: Sender<Sentence> },
    /// An incarnation has ended, and the next waits for word, and how long it is to wait after that.
    Rests { index: usize, go: Sender<Duration> },
    /// An incarnation that was waited for has begun.
    Risen(usize),
}

pub(crate) type Listener = Box<dyn FnMut(&Notice) + Send>;

/// What the usher is told.
pub(crate) enum Chore {
    Tell(Notice),
    Listen(Listener),
    /// What is to be buried, when there was no thread for it.
    Run(Box<dyn FnOnce() + Send>),
    /// The sender goes when all before this is done and the listeners are dropped.
    GoHome(Sender<()>),
}

/// Whether somebody was spawned.
pub(crate) enum Spawned {
    Yes,
    /// The drain has begun.
    TooLate,
}

impl Stage {
    pub(crate) fn new(name: String) -> Stage {
        let (cues, cues_end) = crossbeam_channel::unbounded();
        let (chores, chores_end) = crossbeam_channel::unbounded();
        Stage {
            name,
            limits: Mutex::default(),
            roster: Mutex::default(),
            cues,
            chores,
            is_observed: AtomicBool::new(false),
            reading_ends: Mutex::new(ReadingEnds {
                cues: Some(cues_end),
                chores: Some(chores_end),
            }),
            drain_began: Event::new(),
            supervision: Mutex::default(),
            refusals: Mutex::default(),
            signal: Mutex::default(),
            report: Mutex::default(),
            ended: Event::new(),
            waiters: Waiters::default(),
        }
    }

    // The members.

    /// Starts the thread of a new member and enters it in the roster, both or neither. `prepare`
    /// is told of the member before its thread is there, and gives what the thread is to run.
    pub(crate) fn spawn<B: FnOnce() -> Outcome + Send + 'static>(
        self: &Arc<Self>,
        mut part: Part,
        prepare: impl FnOnce(Arc<Life>) -> B,
    ) -> Result<Spawned, SpawnCause> {
        if part.name.contains('\0') {
            return Err(SpawnCause::Name);
        }
        self.raise_the_curtain().map_err(SpawnCause::Thread)?;
        // Held to the end, so that the conductor finds in the roster whoever tells it something,
        // and that nobody slips in behind the beginning of a drain.
        let mut roster = lock(&self.roster);
        if !roster.is_open_for(&part) {
            drop(roster);
            self.emit(Notice::NotStarted { name: part.name });
            return Ok(Spawned::TooLate);
        }
        part.node.daemon |= part.parent.as_ref().is_some_and(|parent| parent.is_daemon);
        part.node.after = roster.indices_of(&part)?;
        if part.front.is_some() && part.node.feeds.is_none() {
            // Those of a pool feed all before it, and not each other.
            part.node.feeds = Some(roster.mailboxes_before(&part));
        }
        let cycle = roster.check_order(&part)?;

        let index = roster.next_index;
        let mut life = Life::new(part.name.clone(), index, part.node.daemon, Arc::clone(self));
        life.parent = part.parent.clone();
        life.is_supervised = part.is_supervised();
        life.is_restartable = part.restart.is_ever();
        let life = Arc::new(life);
        let mut builder = thread::Builder::new().name(part.name.clone());
        if let Some(bytes) = part.stack_bytes {
            builder = builder.stack_size(bytes);
        }
        let body = prepare(Arc::clone(&life));
        let work = {
            let life = Arc::clone(&life);
            move || enter(life, body)
        };
        if part.is_supervised() {
            // Before its thread, which may fail at once.
            let supervisor = part.supervisor();
            lock(&self.supervision).add_member(
                index,
                part.restart,
                part.is_significant,
                supervisor,
            );
        }
        let thread = match threads::spawn(builder, work) {
            Ok(thread) => thread,
            Err((error, work)) => {
                // It holds the user's value, whose `drop` may look at the system.
                drop(roster);
                lock(&self.supervision).left(index);
                life.departure.call_off();
                let _ = unwind::drop_caught(work);
                return Err(SpawnCause::Thread(error));
            }
        };
        roster.next_index += 1;
        roster.fed.extend(part.node.feeds.iter().flatten());
        roster.waited_for += usize::from(!part.node.daemon);
        let member = Member {
            life,
            capacity: part.post.as_ref().map(|post| post.capacity()),
            message_type: part.post.as_ref().map(|post| post.message_type()),
            post: Mutex::new(part.post),
            front: part.front,
            node: part.node,
            limits: part.limits,
            started: Instant::now(),
            thread: Mutex::new(Some(thread)),
            has_left: AtomicBool::new(false),
        };
        roster.members.insert(index, Arc::new(member));
        drop(roster);
        if let Some(names) = cycle {
            self.emit(Notice::Cycle { names });
        }
        Ok(Spawned::Yes)
    }

    /// Somebody who stands for several threads. It has a place in the order of spawning, at which
    /// nobody is.
    pub(crate) fn front(
        self: &Arc<Self>,
        name: &str,
        parent: Option<&Arc<Life>>,
        threads: usize,
    ) -> Arc<Front> {
        let mut roster = lock(&self.roster);
        let mut life = Life::new(name.to_owned(), roster.next_index, false, Arc::clone(self));
        roster.next_index += 1;
        life.parent = parent.cloned();
        Arc::new(Front::new(Arc::new(life), threads))
    }

    pub(crate) fn members(&self) -> Vec<Arc<Member>> {
        lock(&self.roster).members.values().cloned().collect()
    }

    /// The children of somebody, or those who are nobody's.
    pub(crate) fn children(&self, parent: Option<usize>) -> Vec<Arc<Member>> {
        let roster = lock(&self.roster);
        roster.members.values().filter(|member| member.parent() == parent).cloned().collect()
    }

    /// How many members are not daemons.
    pub(crate) fn waited_for(&self) -> usize {
        lock(&self.roster).waited_for
    }

    pub(crate) fn member(&self, index: usize) -> Option<Arc<Member>> {
        lock(&self.roster).members.get(&index).cloned()
    }

    /// Lets go of a child that has left.
    pub(crate) fn forget(&self, index: usize) {
        lock(&self.roster).members.remove(&index);
    }

    /// The first of that name whose mailbox is still open.
    pub(crate) fn find_post(&self, name: &str) -> Option<Arc<dyn Post>> {
        let roster = lock(&self.roster);
        let bearers = roster.members.values().filter(|member| member.life.name == name);
        bearers.filter_map(|member| lock(&member.post).clone()).next()
    }

    pub(crate) fn snapshot(&self) -> Vec<ActorSnapshot> {
        let roster = lock(&self.roster);
        let now = || roster.members.values().map(|member| ActorSnapshot::of(member)).collect();
        roster.last_look.clone().unwrap_or_else(now)
    }

    /// Starts nobody any more, and gives those that were.
    pub(crate) fn close_roster(&self) -> Vec<Arc<Member>> {
        self.drain_began.set();
        let mut roster = lock(&self.roster);
        roster.closed = true;
        roster.members.values().cloned().collect()
    }

    // Asking for the end, and waiting for it.

    /// Says whether the report can still tell of it.
    pub(crate) fn shutdown(self: &Arc<Self>, reason: Reason) -> bool {
        // Under the lock that `publish` takes: a signal is in the report, or finds the system ended.
        let mut first = lock(&self.signal);
        if self.has_ended() {
            return false;
        }
        if let Reason::Signal(signal) = reason {
            first.get_or_insert(signal);
        }
        let _ = self.cues.send(Cue::Shutdown(reason));
        drop(first);
        self.raise_the_curtain_or_end();
        true
    }

    /// A member has failed, and nothing absorbs it.
    pub(crate) fn fail(self: &Arc<Self>, name: &str, error: &str) {
        let (name, error) = (name.to_owned(), error.to_owned());
        self.emit(Notice::Failed { name: name.clone(), error: error.clone() });
        self.shutdown(Reason::Failure { name, error });
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.drain_began.is_set()
    }

    pub(crate) fn drain_began(&self) -> &Event {
        &self.drain_began
    }

    // What a member asks for. The conductor decides.

    /// Somebody is to have its turn now.
    pub(crate) fn stop(&self, who: &Life) {
        let by_itself = life::current().is_some_and(|me| std::ptr::eq(&raw const *me, who));
        let _ = self.cues.send(Cue::Stop { index: who.index, by_itself });
    }

    /// The children of somebody are to leave; it will be told how they did.
    pub(crate) fn dismiss_family(&self, parent: &Life) -> Receiver<Vec<ActorReport>> {
        let (left, everybody_has_left) = crossbeam_channel::bounded(1);
        let _ = self.cues.send(Cue::Dismiss { parent: parent.index, left });
        everybody_has_left
    }

    /// What is to become of somebody whose incarnation is over, by a failure if there is an error.
    pub(crate) fn judge(&self, life: &Life, error: Option<&str>) -> Sentence {
        if !life.is_supervised || life.has_ended() {
            return Sentence::GiveUp;
        }
        let (sentence, answer) = crossbeam_channel::bounded(1);
        let error = error.map(str::to_owned);
        let _ = self.cues.send(Cue::Over { index: life.index, error, sentence });
        // Without a conductor the system is at its end.
        answer.recv().unwrap_or(Sentence::Leave)
    }

    /// Whose failure it is that somebody who leaves for good has failed at that.
    pub(crate) fn judge_farewell(&self, life: &Life, error: &str) -> Sentence {
        if !life.is_supervised || life.has_ended() {
            return Sentence::GiveUp;
        }
        let verdict = lock(&self.supervision).failed_on_leaving(life.index);
        let parent = match verdict {
            Verdict::Forget => return Sentence::Passed,
            Verdict::Parent(parent) => parent,
            _ => return Sentence::GiveUp,
        };
        // Whether the parent can still take it on is for the conductor to say.
        let (sentence, answer) = crossbeam_channel::bounded(1);
        let (name, error) = (life.name.clone(), error.to_owned());
        let _ = self.cues.send(Cue::FailedOnLeaving { name, parent, error, sentence });
        answer.recv().unwrap_or(Sentence::GiveUp)
    }

    /// Somebody waits to begin anew.
    pub(crate) fn rest(&self, life: &Life) -> Receiver<Duration> {
        let (go, word) = crossbeam_channel::bounded(1);
        let _ = self.cues.send(Cue::Rests { index: life.index, go });
        word
    }

    /// Somebody whom others wait for has begun anew.
    pub(crate) fn risen(&self, life: &Life) {
        let _ = self.cues.send(Cue::Risen(life.index));
    }

    /// Waits until all have ended by themselves, or a drain is over, as only the owner may: as long
    /// as it does not, somebody may still be spawned.
    pub(crate) fn wait_as_owner(self: &Arc<Self>) -> Result<Report, WaitError> {
        self.raise_the_curtain_or_end();
        let _ = self.cues.send(Cue::Awaited);
        self.wait(None)
    }

    /// Waits until the report is there.
    pub(crate) fn wait(self: &Arc<Self>, deadline: Option<Instant>) -> Result<Report, WaitError> {
        self.is_waited_for_from_outside()?;
        match deadline {
            None => self.ended.wait(),
            Some(deadline) => {
                let timeout = deadline.saturating_duration_since(Instant::now());
                if !self.ended.wait_timeout(timeout) {
                    return Err(WaitError::Timeout);
                }
            }
        }
        Ok(self.published_report())
    }

    /// None of its own members waits for its end, which would never come.
    pub(crate) fn is_waited_for_from_outside(&self) -> Result<(), WaitError> {
        match life::current() {
            Some(me) if std::ptr::eq(&raw const *me.stage, self) => Err(WaitError::Inside),
            _ => Ok(()),
        }
    }

    /// The report, when it is there.
    pub(crate) fn published_report(&self) -> Report {
        lock(&self.report).clone().unwrap_or_else(|| self.empty_report(Reason::Shutdown))
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_set()
    }

    pub(crate) fn empty_report(&self, reason: Reason) -> Report {
        Report {
            system: self.name.clone(),
            reason,
            signal: *lock(&self.signal),
            took: std::time::Duration::ZERO,
            actors: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// The end: keeps the report and a last look at the members, and lets them go.
    pub(crate) fn publish(&self, report: Report) {
        let last_look = self.snapshot();
        let members = {
            let mut roster = lock(&self.roster);
            roster.closed = true;
            roster.last_look = Some(last_look);
            std::mem::take(&mut roster.members)
        };
        drop(members);
        let signal = lock(&self.signal);
        let report = Report { signal: *signal, ..report };
        lock(&self.report).get_or_insert(report);
        self.ended.set();
        drop(signal);
        self.waiters.wake_all();
    }

    /// Whether nothing has happened yet that would have to be brought to an end.
    pub(crate) fn is_dark(&self) -> bool {
        lock(&self.reading_ends).cues.is_some()
    }

    // What happens, and who is told.

    /// Tells the listeners, if anybody listens: to wake the usher for nobody would cost more than all
    /// else that there is to do when an actor leaves.
    pub(crate) fn emit(&self, notice: Notice) {
        if self.is_observed.load(Ordering::Acquire) || notice.level() <= log::max_level() {
            let _ = self.chores.send(Chore::Tell(notice));
        }
    }

    /// One more listens, to all that happens from now on.
    pub(crate) fn observe(&self, listener: Listener) {
        self.is_observed.store(true, Ordering::Release);
        self.give(Chore::Listen(listener));
    }

    pub(crate) fn give(&self, chore: Chore) {
        let _ = self.chores.send(chore);
    }

    /// What is to become of somebody whose incarnation is over. `alone`: in a drain or in its own turn.
    pub(crate) fn decide(
        &self,
        life: &Life,
        failed: bool,
        alone: bool,
        now: Instant,
        chance: f64,
    ) -> Verdict {
        let mut supervision = lock(&self.supervision);
        let verdict = supervision.over(life.index, failed, alone, now, chance);
        let exceeded = supervision.take_exceeded();
        drop(supervision);
        for Exceeded { group, intensity: Intensity { restarts, within } } in exceeded {
            let name = life.name.clone();
            self.emit(Notice::TooManyRestarts { name, group, restarts, within });
        }
        match verdict {
            // A drain has no time to wait.
            Verdict::Restart { who, leaves, .. } if alone => {
                Verdict::Restart { who, leaves, delay: Duration::ZERO }
            }
            verdict => verdict,
        }
    }

    /// Notes that a send was refused, if that is because the order of the drain was wrong.
    pub(crate) fn refused(&self, from: &Life, to: &Life) {
        let same_stage = std::ptr::eq(self, &raw const *to.stage);
        // To send to oneself, or to one's parent, in one's own turn is nobody's order to put right, and a
        // daemon goes on when others have left.
        let no_order = from.index == to.index || from.is_daemon || from.descends_from(to);
        if !same_stage || no_order || !self.is_draining() || !to.was_called() {
            return;
        }
        let mut refusals = lock(&self.refusals);
        let edge = refusals.entry((from.index, to.index)).or_insert_with(|| Refusals {
            from: from.name.clone(),
            to: to.name.clone(),
            count: 0,
        });
        edge.count += 1;
        let is_first = edge.count == 1;
        drop(refusals);
        if is_first {
            self.emit(Notice::Refused { from: from.name.clone(), to: to.name.clone() });
        }
    }

    pub(crate) fn refusals(&self) -> Vec<Refusals> {
        lock(&self.refusals).values().cloned().collect()
    }

    /// Starts the two threads that serve the stage, each once.
    fn raise_the_curtain(self: &Arc<Self>) -> io::Result<()> {
        let mut ends = lock(&self.reading_ends);
        if let Some(chores) = ends.chores.clone() {
            let usher = thread::Builder::new().name(format!("{}/usher", self.thread_name()));
            usher.spawn(move || ush(&chores))?;
            ends.chores = None;
        }
        if let Some(cues) = ends.cues.clone() {
            let conductor =
                thread::Builder::new().name(format!("{}/conductor", self.thread_name()));
            let stage = Arc::clone(self);
            conductor.spawn(move || conductor::conduct(&stage, &cues))?;
            ends.cues = None;
        }
        Ok(())
    }

    /// The same, for who wants the end: without a conductor there was never anybody else.
    fn raise_the_curtain_or_end(self: &Arc<Self>) {
        if let Err(error) = self.raise_the_curtain() {
            let reason = Reason::Failure { name: self.name.clone(), error: error.to_string() };
            self.publish(self.empty_report(reason));
        }
    }

    /// Takes the place of the two threads, for who wants to serve the stage itself.
    #[cfg(feature = "stepper")]
    pub(crate) fn take_reading_ends(&self) -> Option<(Receiver<Cue>, Receiver<Chore>)> {
        let mut ends = lock(&self.reading_ends);
        self.is_observed.store(true, Ordering::Release);
        Some((ends.cues.take()?, ends.chores.take()?))
    }

    /// Enters a member that has no thread.
    #[cfg(feature = "stepper")]
    pub(crate) fn enter(&self, member: Arc<Member>) {
        let mut roster = lock(&self.roster);
        roster.next_index = member.life.index + 1;
        roster.waited_for += 1;
        roster.members.insert(member.life.index, member);
    }

    /// A name that a thread may have.
    fn thread_name(&self) -> String {
        self.name.replace('\0', "")
    }
}

thread_local! {
    static FAREWELL: RefCell<Option<Farewell>> = const { RefCell::new(None) };
}

/// Tells the conductor, when it is dropped, that the thread is at its very end.
///
/// It is made before any code of the user's runs on the thread, and thread-local values are
/// dropped last made first: those of the user's, which may still send, are gone when this one
/// speaks. `JoinHandle::is_finished` says so too early.
struct Farewell(Arc<Life>);

impl Drop for Farewell {
    fn drop(&mut self) {
        let _ = self.0.stage.cues.send(Cue::Ended(self.0.index));
    }
}

/// The whole life of a member's thread.
fn enter(life: Arc<Life>, body: impl FnOnce() -> Outcome) {
    FAREWELL.with(|farewell| *farewell.borrow_mut() = Some(Farewell(Arc::clone(&life))));
    life::set_current(Arc::clone(&life));
    // All code of the user's is caught where it is run. Should something of ours panic all the same,
    // the end must be told.
    let outcome = unwind::catch(body).unwrap_or_else(Outcome::Failed);
    life.end(outcome);
}

/// The usher's work: everything on this thread may be held up by the user's code, and holds up
/// nobody else.
fn ush(chores: &Receiver<Chore>) {
    let mut listeners: Vec<Listener> = vec![Box::new(notice::log)];
    for chore in chores {
        match chore {
            Chore::Tell(notice) => tell(&mut listeners, &notice),
            Chore::Listen(listener) => listeners.push(listener),
            Chore::Run(work) => {
                let _ = unwind::catch(work);
            }
            Chore::GoHome(done) => {
                for listener in listeners {
                    let _ = unwind::drop_caught(listener);
                }
                drop(done);
                return;
            }
        }
    }
}

/// A listener that panics has heard enough.
pub(crate) fn tell(listeners: &mut Vec<Listener>, notice: &Notice) {
    let mut index = 0;
    while let Some(listener) = listeners.get_mut(index) {
        match unwind::catch(|| listener(notice)) {
            Ok(()) => index += 1,
            Err(_) => {
                let _ = unwind::drop_caught(listeners.remove(index));
            }
        }
    }
}
