//! A member of a system, as the conductor holds it: an actor or a task, without its type.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use crate::capacity::Capacity;
use crate::deadline::OwnLimits;
use crate::life::{Life, Summons};
use crate::mailbox::{Burial, Post};
use crate::notice::ReturnedBecause;
use crate::order::Node;
use crate::pool::Front;
use crate::unwind::lock;

/// An actor or task of the system.
pub(crate) struct Member {
    pub(crate) life: Arc<Life>,
    /// `None` for a task, and when the actor has left: the mailbox is let go with what it occupies.
    pub(crate) post: Mutex<Option<Arc<dyn Post>>>,
    /// The pool that it is a thread of.
    pub(crate) front: Option<Arc<Front>>,
    /// `None` for a task.
    pub(crate) capacity: Option<Capacity>,
    pub(crate) node: Node,
    pub(crate) limits: OwnLimits,
    /// What a snapshot says of its messages.
    pub(crate) message_type: Option<&'static str>,
    pub(crate) started: Instant,
    /// Taken when it is joined, or given up.
    pub(crate) thread: Mutex<Option<JoinHandle<()>>>,
    /// The conductor has seen it off, or given it up.
    pub(crate) has_left: AtomicBool,
}

impl Member {
    /// A member that is no thread of a pool, has no limits of its own, and has no thread yet.
    pub(crate) fn new(life: Arc<Life>, post: Option<Arc<dyn Post>>, node: Node) -> Member {
        Member {
            life,
            capacity: post.as_ref().map(|post| post.capacity()),
            message_type: post.as_ref().map(|post| post.message_type()),
            post: Mutex::new(post),
            front: None,
            node,
            limits: OwnLimits::default(),
            started: Instant::now(),
            thread: Mutex::new(None),
            has_left: AtomicBool::new(false),
        }
    }

    pub(crate) fn has_left(&self) -> bool {
        self.has_left.load(Ordering::Relaxed)
    }

    /// The index of its parent.
    pub(crate) fn parent(&self) -> Option<usize> {
        self.life.parent.as_ref().map(|parent| parent.index)
    }

    /// Whether that is its name, or the name of its pool.
    pub(crate) fn bears(&self, name: &str) -> bool {
        let is_the_pools = |front: &Arc<Front>| *front.life.name == *name;
        *self.life.name == *name || self.front.as_ref().is_some_and(is_the_pools)
    }

    /// The place of the pool that it is a thread of.
    pub(crate) fn pool(&self) -> Option<usize> {
        self.front.as_ref().map(|front| front.life.index)
    }

    /// How many messages wait for it, in its mailbox and in those beside it.
    pub(crate) fn queued(&self) -> usize {
        self.posts().map(|post| post.len()).sum()
    }

    /// Its turn: it takes no more messages, and ends when all are handled.
    pub(crate) fn call(&self) {
        // In this order: whoever finds that its turn has come finds its mailbox closed.
        self.set_called();
        self.posts().for_each(|post| post.close());
        self.life.stopping.set();
        self.ring();
    }

    /// Closes for good all that it takes messages from and that is empty, for all but its family and its ring. Its bell
    /// is to be rung afterwards, by which it learns where to look from then on.
    pub(crate) fn finish_for_strangers(&self) {
        self.set_called();
        self.posts().for_each(|post| post.finish_for_strangers());
    }

    /// Whether all that it takes messages from is closed so.
    pub(crate) fn is_finished_for_strangers(&self) -> bool {
        self.posts().all(|post| post.is_finished_for_strangers())
    }

    /// To be called before its mailbox is closed: a sender that this refuses finds that the member
    /// was called.
    fn set_called(&self) {
        self.life.set_called();
        self.front.iter().for_each(|front| front.life.set_called());
    }

    /// The turn of its ring, or of its parent's, has come: what it takes from beside its mailbox comes to an end, so
    /// that all of them can come to rest. Rings its bell once.
    pub(crate) fn last_call(&self) {
        if !self.life.last_call.is_set() {
            self.life.last_call.set();
            self.ring();
        }
    }

    /// When its mailbox closes, it stays open for the members of the ring.
    pub(crate) fn join_ring(&self, first: usize) {
        self.life.join_ring(first);
        self.front.iter().for_each(|front| front.life.join_ring(first));
    }

    /// Its mailbox, and those beside it. Not under a lock: closing one wakes the senders that wait for room.
    fn posts(&self) -> impl Iterator<Item = Arc<dyn Post>> {
        let own = lock(&self.post).clone();
        own.into_iter().chain(self.life.annexes())
    }

    /// Its deadline: no further message, and no further wait.
    pub(crate) fn halt(&self) {
        self.life.set_overdue();
        self.life.must_stop.set();
        self.ring();
    }

    /// Orders it to end its present incarnation.
    pub(crate) fn summon(&self, summons: Summons) {
        self.life.summon(summons);
        self.ring();
    }

    pub(crate) fn ring(&self) {
        if let Some(post) = &*lock(&self.post) {
            post.ring(self.life.seat);
        }
    }

    /// Takes what is in the mailbox of a member that was given up: how many messages, and how
    /// they are buried.
    pub(crate) fn take_over(&self, why: ReturnedBecause) -> (u64, Burial) {
        let own = lock(&self.post).take();
        // Others may go on reading it. If nobody does, though this member had resigned before, it had perhaps not yet
        // taken out the rest, and will not now.
        let is_unread = |post: &Arc<dyn Post>| match self.life.resign_once() {
            true => post.resign(),
            false => post.is_unread(),
        };
        let to_empty = own.iter().filter(|&post| is_unread(post)).cloned();
        let posts = to_empty.chain(self.life.annexes());
        let (counts, burials): (Vec<u64>, Vec<Burial>) =
            posts.map(|post| post.take_over(why)).unzip();
        if self.life.leave_once() {
            own.iter().for_each(|post| post.end());
        }
        self.life.annexes().iter().for_each(|annex| annex.end());
        let returned = counts.iter().sum();
        self.life.count_returned(returned);
        (returned, Box::new(move || burials.into_iter().for_each(|bury| bury())))
    }
}

#[cfg(test)]
impl Member {
    /// A reader of that mailbox, without a thread.
    pub(crate) fn unstarted(life: Arc<Life>, post: Arc<dyn Post>) -> Member {
        let node = Node { mailbox: None, feeds: None, after: Vec::new(), daemon: false };
        Member::new(life, Some(post), node)
    }
}
