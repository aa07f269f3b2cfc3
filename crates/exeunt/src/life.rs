//! What the actor's thread, the conductor and a watcher know of one actor in common: its orders
//! (your turn; stop now; begin anew), its figures, and what it is doing.

use std::collections::BTreeSet;
use std::iter;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use crate::departure::Departure;
use crate::event::{Event, Flag};
use crate::mailbox::{MailboxId, Post};
use crate::notice::{ActorIdentity, Notice};
use crate::stage::Stage;
use crate::unwind;
pub(crate) use activity::{Activity, Other, Whom};
#[cfg(feature = "stepper")]
pub(crate) use current::as_current;
pub(crate) use current::{current, set_current};
pub(crate) use incarnation::Summons;
use incarnation::{Family, Orders};
use ledger::Ledger;
pub(crate) use ledger::{Figures, Outcome};
use pulse::Pulse;
pub(crate) use pulse::Sample;

mod pulse;
mod ledger;
mod activity;
mod incarnation;
mod current;

pub(crate) struct Life {
    pub(crate) name: Arc<str>,
    /// Its place in the order of spawning.
    pub(crate) index: usize,
    pub(crate) is_daemon: bool,
    /// Which of the threads that read its mailbox it is: each has a bell of its own.
    pub(crate) seat: usize,
    /// Whose child it is.
    pub(crate) parent: Option<Arc<Life>>,
    /// The life that stands for the pool, if it is a thread of one.
    pub(crate) pool: Option<Arc<Life>>,
    /// Whether that pool has no other thread.
    pub(crate) is_whole_pool: bool,
    /// Whether anybody but the system has a say when it fails.
    pub(crate) is_supervised: bool,
    /// Whether there may be another incarnation.
    pub(crate) is_restartable: bool,
    pub(crate) stage: Arc<Stage>,
    /// Set when its turn has come: what is queued is to be handled, and then it is to end.
    pub(crate) stopping: Event,
    /// Set when its deadline has passed: nothing more is to be handled, and no wait goes on.
    pub(crate) must_stop: Event,
    /// Set just before `must_stop`; if several deadlines come together, for all of them before any of them hears of it.
    overdue: AtomicBool,
    /// The ring with which it leaves, by the index of its first member, when its mailbox is open for that ring and for
    /// nobody else.
    ring: OnceLock<usize>,
    /// All members of that ring are at rest, and nobody else can send to it: its children may leave.
    may_part: AtomicBool,
    /// Set when the turn of its ring has come: what it takes from beside its mailbox comes to an end, and so does its
    /// backoff. Set before its bell is rung.
    pub(crate) last_call: Flag,
    /// Set just before its mailbox is closed, because its turn has come.
    called: AtomicBool,
    /// It failed, and nothing absorbed that, before the drain had begun.
    failed_first: AtomicBool,
    /// It reads its mailbox no more.
    resigned: AtomicBool,
    /// It has let go of its mailbox.
    left: AtomicBool,
    /// What its watchers are told when it has ended.
    pub(crate) departure: Departure,
    /// Whether it fell asleep with asks out, whose answers will wake it.
    awaits_answers: AtomicBool,
    pulse: Pulse,
    ledger: Mutex<Ledger>,
    orders: Mutex<Orders>,
    family: Mutex<Family>,
    /// The mailboxes outside of its family that any life below it has ever said it feeds; those of a pool's threads are
    /// kept by the life that stands for the pool.
    fed_from_below: Mutex<BTreeSet<MailboxId>>,
    /// The mailboxes that it has beside its own.
    annexes: Mutex<Vec<Arc<dyn Post>>>,
}

impl Life {
    pub(crate) fn new(
        name: impl Into<Arc<str>>,
        index: usize,
        is_daemon: bool,
        stage: Arc<Stage>,
    ) -> Life {
        Life {
            name: name.into(),
            index,
            is_daemon,
            seat: 0,
            parent: None,
            pool: None,
            is_whole_pool: false,
            is_supervised: false,
            is_restartable: false,
            stage,
            stopping: Event::new(),
            must_stop: Event::new(),
            overdue: AtomicBool::new(false),
            ring: OnceLock::new(),
            may_part: AtomicBool::new(false),
            last_call: Flag::new(),
            called: AtomicBool::new(false),
            failed_first: AtomicBool::new(false),
            resigned: AtomicBool::new(false),
            left: AtomicBool::new(false),
            departure: Departure::default(),
            awaits_answers: AtomicBool::new(false),
            pulse: Pulse::default(),
            ledger: Mutex::default(),
            orders: Mutex::default(),
            family: Mutex::default(),
            fed_from_below: Mutex::default(),
            annexes: Mutex::default(),
        }
    }

    /// Which one it is, as its watchers are told.
    pub(crate) fn identity(&self) -> ActorIdentity {
        ActorIdentity { id: self.index, name: self.name.to_string() }
    }

    /// A panic over a message of its mailbox that was returned.
    pub(crate) fn tell_dead_letter_lost(&self, error: String) {
        self.stage.emit(|| {
            let ActorIdentity { id, name } = self.identity();
            Notice::DeadLetterLost { id, name, error }
        });
    }

    // Its relations.

    /// Its parent, that one's parent, and so on.
    pub(crate) fn ancestors(&self) -> impl Iterator<Item = &Life> {
        iter::successors(self.parent.as_deref(), |life| life.parent.as_deref())
    }

    /// It, its parent, and so on.
    pub(crate) fn with_ancestors(&self) -> impl Iterator<Item = &Life> {
        iter::once(self).chain(self.ancestors())
    }

    /// Whether it is `other`, or stands below it; if `other` stands for a pool, whether it is one of its threads or
    /// below one.
    pub(crate) fn is_of_family(&self, other: &Life) -> bool {
        let other = other.front();
        std::ptr::eq(self.front(), other) || self.descends_from(other)
    }

    /// Whether it stands below the other one; if that stands for a pool, below one of its threads.
    pub(crate) fn descends_from(&self, other: &Life) -> bool {
        let is_it = |life: &Life| std::ptr::eq(life, other);
        self.ancestors().any(|life| is_it(life) || life.pool.as_deref().is_some_and(is_it))
    }

    /// Notes that lives below it feed a mailbox outside of its family: they may be gone when the order is made, and
    /// others come that do the same.
    pub(crate) fn note_fed_from_below(&self, mailbox: MailboxId) {
        unwind::lock(&self.front().fed_from_below).insert(mailbox);
    }

    /// The mailboxes outside of its family that any life below it has ever said it feeds; of a pool, any below its
    /// threads.
    pub(crate) fn fed_from_below(&self) -> Vec<MailboxId> {
        unwind::lock(&self.front().fed_from_below).iter().copied().collect()
    }

    /// Whether it is the other one, or the only thread of the pool for which that stands.
    pub(crate) fn is_all_of(&self, other: &Life) -> bool {
        std::ptr::eq(self, other) || self.is_whole_pool && std::ptr::eq(self.front(), other)
    }

    /// The life that stands for the pool, if it is a thread of one.
    fn front(&self) -> &Life {
        self.pool.as_deref().unwrap_or(self)
    }

    /// Whether its mailbox is open for `other` although it is closed: for those below it, for the members of its ring,
    /// and for those below them. It is so until it is closed for good.
    pub(crate) fn is_open_for(&self, other: &Life) -> bool {
        let is_of_its_ring =
            |ring: usize| other.with_ancestors().any(|life| life.ring.get() == Some(&ring));
        other.descends_from(self) || self.ring().is_some_and(is_of_its_ring)
    }

    /// Whether it leaves together with others, who may still send to it.
    pub(crate) fn leaves_with_ring(&self) -> bool {
        self.ring().is_some()
    }

    /// The ring with which it leaves, if its mailbox is open for that and for nobody else.
    pub(crate) fn ring(&self) -> Option<usize> {
        self.ring.get().copied()
    }

    /// From the moment that its mailbox closes, it stays open for the members of that ring.
    pub(crate) fn join_ring(&self, first: usize) {
        self.ring.get_or_init(|| first);
    }

    /// All of its ring are at rest. Whoever rings its bell afterwards makes it look.
    pub(crate) fn let_part(&self) {
        self.may_part.store(true, Ordering::SeqCst);
    }

    /// Whether its children may leave, as far as its ring is concerned.
    pub(crate) fn may_part(&self) -> bool {
        self.may_part.load(Ordering::SeqCst)
    }

    // How far its turn is: what has once been said stays so.

    pub(crate) fn set_failed_first(&self) {
        self.failed_first.store(true, Ordering::SeqCst);
    }

    /// Whether it failed, and nothing absorbed that, before the drain had begun: it may be what began it, and have been
    /// on its way out since then.
    pub(crate) fn has_failed_first(&self) -> bool {
        self.failed_first.load(Ordering::SeqCst)
    }

    /// It, or the system in its place, reads its mailbox no more. Says whether that is news.
    pub(crate) fn resign_once(&self) -> bool {
        let is_news = !self.resigned.swap(true, Ordering::SeqCst);
        if is_news {
            self.listen_no_more();
        }
        is_news
    }

    /// It, or the system in its place, lets go of its mailbox. Says whether that is news.
    pub(crate) fn leave_once(&self) -> bool {
        !self.left.swap(true, Ordering::SeqCst)
    }

    pub(crate) fn set_overdue(&self) {
        self.overdue.store(true, Ordering::SeqCst);
    }

    /// Whether its deadline has come, though it may still have to hear of it.
    pub(crate) fn is_overdue(&self) -> bool {
        self.overdue.load(Ordering::SeqCst)
    }

    pub(crate) fn set_called(&self) {
        self.called.store(true, Ordering::SeqCst);
    }

    pub(crate) fn was_called(&self) -> bool {
        self.called.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
impl Life {
    /// A life without a thread, alone in its system.
    pub(crate) fn unstarted() -> Life {
        Life::new("a", 0, false, Arc::new(Stage::new("test".into())))
    }
}
