//! A member of a system, as the conductor holds it: an actor or a task, without its type.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use crate::capacity::Capacity;
use crate::deadline::OwnLimits;
use crate::life::{Life, Summons};
use crate::mailbox::{Burial, Post};
use crate::notice::ReturnedBecause;
use crate::order::Node;
use crate::unwind::lock;

/// An actor or task of the system.
pub(crate) struct Member {
    pub(crate) life: Arc<Life>,
    /// `None` for a task, and when it has left: the mailbox is let go with what it occupies.
    pub(crate) post: Mutex<Option<Arc<dyn Post>>>,
    /// `None` for a task.
    pub(crate) capacity: Option<Capacity>,
    pub(crate) node: Node,
    pub(crate) limits: OwnLimits,
    /// What a snapshot says of its messages.
    pub(crate) message_type: Option<&'static str>,
    pub(crate) started: Instant,
    /// Taken when it is joined, or given up.
    pub(crate) thread: Mutex<Option<JoinHandle<()>>>,
}

impl Member {
    /// The index of whose child it is.
    pub(crate) fn parent(&self) -> Option<usize> {
        self.life.parent.as_ref().map(|parent| parent.index)
    }

    pub(crate) fn queued(&self) -> usize {
        let own = lock(&self.post).as_ref().map_or(0, |post| post.len());
        own + self.life.annexes().iter().map(|annex| annex.len()).sum::<usize>()
    }

    /// Its turn: no more messages, and an end when all are handled.
    pub(crate) fn call(&self) {
        // In this order: whoever is refused by the closed mailbox finds that it was called, and
        // whoever finds that its turn has come finds its mailbox closed.
        self.life.set_called();
        if let Some(post) = &*lock(&self.post) {
            post.close();
        }
        self.life.annexes().iter().for_each(|annex| annex.close());
        self.life.stopping.set();
        self.ring();
    }

    /// Its deadline: no message and no wait more.
    pub(crate) fn halt(&self) {
        self.life.must_stop.set();
        self.ring();
    }

    /// To end its present incarnation.
    pub(crate) fn summon(&self, summons: Summons) {
        self.life.summon(summons);
        self.ring();
    }

    fn ring(&self) {
        if let Some(post) = &*lock(&self.post) {
            post.ring();
        }
    }

    /// Takes what is in the mailbox of a member that was given up: how many messages, and how
    /// they are buried.
    pub(crate) fn take_over(&self, why: ReturnedBecause) -> (u64, Burial) {
        let posts = lock(&self.post).take().into_iter().chain(self.life.annexes());
        let (counts, burials): (Vec<u64>, Vec<Burial>) =
            posts.map(|post| post.take_over(why)).unzip();
        let returned = counts.iter().sum();
        self.life.count_returned(returned);
        (returned, Box::new(move || burials.into_iter().for_each(|bury| bury())))
    }
}
