//! What an actor takes messages from beside its mailbox: [channels](Channel) of any kind, and
//! [mailboxes](Annex) of its own.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Select, TryRecvError};

use crate::life::{Activity, Life};
use crate::mailbox::{self, Inbox, Mailbox, Wire};
use crate::notice::ReturnedBecause;
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
    unwind::catch(|| map(item)).map_err(|error| life.tell_dead_letter_lost(error)).ok()
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

    type Plain = Annex<u32, fn(u32) -> u32>;

    /// A mailbox beside an actor's own, its address, and what its hook holds.
    fn annex() -> (crate::Addr<u32>, Plain, Arc<()>) {
        let (addr, inbox) = crate::mailbox(4);
        let hook = Arc::new(());
        let held = Arc::clone(&hook);
        let inbox = inbox.returned(move |_| assert!(Arc::strong_count(&held) > 0));
        (addr, Annex::new(inbox, |n| n, &Arc::new(Life::unstarted())), hook)
    }

    fn is_over(annex: &Plain, hook: &Arc<()>) -> bool {
        annex.mailbox.ended.is_set() && Arc::strong_count(hook) == 1
    }

    #[test]
    fn o5_a_mailbox_beside_an_actors_own_that_nobody_can_send_to_is_over_with_its_hook() {
        let (addr, mut annex, hook) = annex();
        assert!(addr.try_send(1).is_ok());
        drop(addr);
        assert!(matches!(annex.take(), Taken::Item(1)) && !is_over(&annex, &hook));
        assert!(matches!(annex.take(), Taken::Over) && is_over(&annex, &hook));
    }

    #[test]
    fn m1_a_mailbox_beside_an_actors_own_is_over_with_its_incarnation_and_so_is_its_hook() {
        let (addr, mut annex, hook) = annex();
        assert!(addr.try_send(1).is_ok());
        let left: Vec<u32> = annex.evict(&Life::unstarted());
        assert!(left.is_empty() && is_over(&annex, &hook) && addr.is_closed());
    }

    #[test]
    fn o3_a_mailbox_beside_an_actors_own_closes_in_its_turn_and_is_done_when_it_is_empty() {
        let (addr, mut annex, _hook) = annex();
        assert!(addr.try_send(1).is_ok());
        let is_done = Input::<u32>::is_done;
        assert!(!is_done(&annex));
        Input::<u32>::close(&mut annex);
        assert!(addr.is_closed() && !is_done(&annex));
        assert!(matches!(annex.take(), Taken::Item(1)) && is_done(&annex));
    }

    #[test]
    fn o5_the_last_address_of_a_mailbox_beside_an_actors_own_wakes_it_in_a_select() {
        let (addr, annex, _hook) = annex();
        let mut select = Select::new();
        Input::<u32>::add_to(&annex, &mut select);
        assert!(select.try_ready().is_err());
        addr.mailbox().ring_all();
        assert!(select.try_ready().is_ok());
    }

    #[test]
    fn o3_a_channel_is_over_in_a_turn_when_what_was_in_it_has_gone_whoever_took_it() {
        let (sender, receiver) = crossbeam_channel::unbounded();
        let channel = || Channel::new(receiver.clone(), |n: u32| n, OnDrain::Take);
        let (mut first, mut second) = (channel(), channel());
        let call = |input: &mut dyn Input<u32>| input.last_call();
        (0..2).for_each(|n| sender.send(n).unwrap());
        call(&mut first);
        call(&mut second);
        assert!(matches!(first.take(), Taken::Item(0)) && matches!(first.take(), Taken::Item(1)));
        assert!(matches!(second.take(), Taken::Over));
        // What comes later is left, however often it is told of its turn.
        sender.send(2).unwrap();
        call(&mut first);
        assert!(matches!(first.take(), Taken::Over));
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
