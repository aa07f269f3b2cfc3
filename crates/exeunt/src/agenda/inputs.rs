//! What an actor takes messages from beside its mailbox: [channels](Channel) of any kind, and
//! [mailboxes](Annex) of its own.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Select, TryRecvError};

use crate::life::{Activity, Life};
use crate::mailbox::{self, Inbox, Mailbox, Wire};
use crate::notice::{Notice, ReturnedBecause};
use crate::unwind;

/// A source of messages beside the mailbox.
pub(crate) trait Input<M> {
    fn take(&mut self) -> Taken<M>;
    fn add_to<'a>(&'a self, select: &mut Select<'a>);
    /// From here on, whoever puts something into the mailbox, if this input is one, pulls the wire. `false` if
    /// something is there already.
    fn watch(&self, _wire: &Arc<Wire>) -> bool {
        true
    }
    fn unwatch(&self, _wire: &Arc<Wire>) {}
    /// The actor's turn has come, or that of its ring.
    fn last_call(&mut self) {}
    /// The actor's turn has come.
    fn close(&mut self) {}
    /// Whether it has nothing now and only stays open, in the actor's turn, for the actor's children.
    fn is_done(&self) -> bool {
        false
    }
    /// Closes it for all but the family. `false` if something that came before is still to be taken.
    fn finish_for_strangers(&mut self) -> bool {
        true
    }
    /// Closes it for good, unless something has come.
    fn finish(&mut self) -> bool {
        true
    }
    /// The incarnation is over: gives what was accepted for it and is left.
    fn evict(&mut self, life: &Life) -> Vec<M>;
}

pub(crate) enum Taken<M> {
    Item(M),
    Nothing,
    /// Nothing will come any more.
    Over,
}

/// What a drain does with a channel that was [attached](crate::Context::attach_with); there is an example there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[non_exhaustive]
pub enum OnDrain {
    /// What is queued in it when the actor's turn comes is taken and handled; what comes later is
    /// left.
    #[default]
    Take,
    /// What is queued in it is left there.
    Leave,
}

/// Any channel, as an input.
pub(crate) struct Channel<T, F> {
    receiver: Receiver<T>,
    map: F,
    on_drain: OnDrain,
    /// How many items may still be taken; `None` before the actor's turn.
    quota: Option<usize>,
}

impl<T, F> Channel<T, F> {
    pub(crate) fn new(receiver: Receiver<T>, map: F, on_drain: OnDrain) -> Channel<T, F> {
        Channel { receiver, map, on_drain, quota: None }
    }
}

impl<T, M, F: FnMut(T) -> M> Input<M> for Channel<T, F> {
    fn take(&mut self) -> Taken<M> {
        if self.quota == Some(0) {
            return Taken::Over;
        }
        match self.receiver.try_recv() {
            Ok(item) => {
                self.quota = self.quota.map(|quota| quota - 1);
                Taken::Item((self.map)(item))
            }
            Err(TryRecvError::Disconnected) => Taken::Over,
            Err(TryRecvError::Empty) if self.quota.is_some() => Taken::Over,
            Err(TryRecvError::Empty) => Taken::Nothing,
        }
    }

    fn add_to<'a>(&'a self, select: &mut Select<'a>) {
        select.recv(&self.receiver);
    }

    fn last_call(&mut self) {
        self.quota.get_or_insert(match self.on_drain {
            OnDrain::Take => self.receiver.len(),
            OnDrain::Leave => 0,
        });
    }

    fn evict(&mut self, _life: &Life) -> Vec<M> {
        // What is in the channel is its senders' affair: nobody was told that it was accepted.
        Vec::new()
    }
}

/// A mailbox beside the actor's own.
pub(crate) struct Annex<T, F> {
    mailbox: Arc<Mailbox<T>>,
    map: F,
    is_closed: bool,
}

impl<T: Send + 'static, F> Annex<T, F> {
    /// From here on `life` reads it.
    pub(crate) fn new(inbox: Inbox<T>, map: F, life: &Arc<Life>) -> Annex<T, F> {
        let mailbox = inbox.into_mailbox();
        mailbox.belong_to(life);
        life.add_annex(Arc::clone(&mailbox) as _);
        Annex { mailbox, map, is_closed: false }
    }
}

impl<T: Send + 'static, M, F: FnMut(T) -> M> Input<M> for Annex<T, F> {
    fn take(&mut self) -> Taken<M> {
        // Its bell is rung when its last address goes: it is heard before the look, not after it. What it wakes for may
        // come a moment after it is heard.
        let _ = self.mailbox.bell.heard() || self.mailbox.bell.pick_up();
        if let Some(item) = self.mailbox.take() {
            return Taken::Item((self.map)(item));
        }
        if !self.is_closed && self.mailbox.is_deserted() && self.finish() {
            return Taken::Over;
        }
        Taken::Nothing
    }

    fn is_done(&self) -> bool {
        self.is_closed && self.mailbox.is_empty()
    }

    fn finish_for_strangers(&mut self) -> bool {
        self.mailbox.finish_for_strangers()
    }

    fn finish(&mut self) -> bool {
        let is_finished = self.mailbox.finish();
        if is_finished {
            self.mailbox.end();
            self.mailbox.forget_dead_letters();
        }
        is_finished
    }

    fn add_to<'a>(&'a self, select: &mut Select<'a>) {
        select.recv(self.mailbox.bell.receiver());
    }

    fn watch(&self, wire: &Arc<Wire>) -> bool {
        self.mailbox.watch(wire)
    }

    fn unwatch(&self, wire: &Arc<Wire>) {
        self.mailbox.unwatch(wire);
    }

    fn close(&mut self) {
        self.is_closed = true;
        self.mailbox.close();
    }

    fn evict(&mut self, life: &Life) -> Vec<M> {
        // Outside the lock: it wakes those who wait for room.
        self.mailbox.close();
        let _expectation = self.mailbox.dead_letters.expect_letters();
        let left = life.take_returned(|| self.mailbox.evict());
        let why = match life.must_stop.is_set() {
            true => ReturnedBecause::Overdue,
            false => ReturnedBecause::Failed,
        };
        self.mailbox.tell_returned(mailbox::all(&left), why);
        self.mailbox.end();
        if self.mailbox.dead_letters.is_open() {
            life.in_hook(Activity::Returning, || self.mailbox.bury(left));
            self.mailbox.forget_dead_letters();
            return Vec::new();
        }
        left.into_iter().filter_map(|item| map_or_lose(&mut self.map, item, life)).collect()
    }
}

/// What is to be returned, as a message of the actor. What panics on the way is lost alone.
fn map_or_lose<T, M>(map: impl FnOnce(T) -> M, item: T, life: &Life) -> Option<M> {
    let lost = |error| {
        let (id, name) = (life.index, life.name.to_string());
        life.stage.emit(|| Notice::DeadLetterLost { id, name, error });
    };
    unwind::catch(|| map(item)).map_err(lost).ok()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::runner::tests::Attaches;
    use crate::system::System;

    #[test]
    fn o5_a_mailbox_beside_an_actors_own_that_was_looked_at_wakes_it_no_more() {
        let (addr, inbox) = crate::mailbox::<u32>(4);
        let mut annex = Annex::new(inbox, |n| n, &Arc::new(Life::unstarted()));
        addr.mailbox().ring_all();
        assert_eq!(annex.mailbox.bell.receiver().len(), 1);
        assert!(matches!(annex.take(), Taken::Nothing));
        assert!(annex.mailbox.bell.receiver().is_empty());
    }

    #[test]
    fn o5_what_wakes_a_moment_after_it_was_heard_wakes_once() {
        let (addr, inbox) = crate::mailbox::<u32>(4);
        let mut annex = Annex::new(inbox, |n| n, &Arc::new(Life::unstarted()));
        let bell = &addr.mailbox().bell;
        assert!(bell.receiver().is_empty());
        bell.wake_late();
        assert!(!bell.is_rung_before_sleep() && bell.receiver().len() == 1);
        assert!(matches!(annex.take(), Taken::Nothing));
        assert!(bell.receiver().is_empty(), "its actor would never sleep again");
    }

    #[test]
    fn nothing_is_kept_of_a_mailbox_beside_an_actors_own_when_the_system_is_gone() {
        let (addr, inbox) = crate::mailbox(4);
        let mailbox = Arc::downgrade(addr.mailbox());
        let mut system = System::new("beside");
        drop(system.spawn("reader", Attaches(Some(inbox))));
        assert!(addr.send(1).is_ok());
        drop(addr);
        assert_eq!(system.wait().actor("reader").map(|line| line.handled), Some(1));
        // The conductor's thread may have a step to go.
        let began = Instant::now();
        while mailbox.strong_count() > 0 {
            assert!(began.elapsed() < Duration::from_secs(10), "something keeps it");
            std::thread::yield_now();
        }
    }
}
