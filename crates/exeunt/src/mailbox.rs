//! A mailbox: a queue that can be closed without losing what was accepted.
//!
//! The protocol of the closing, why each of its steps is there, and what it stands on is told in
//! `mailbox.md` beside this file.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, Weak};
use std::time::Instant;

use crate::capacity::Capacity;
use crate::event::Flag;
use crate::life::{Life, Outcome};
use crate::notice::{Notice, ReturnedBecause};
use crate::timer::Ring;

mod closing;
mod inbox;
mod lane;
mod bell;
mod wire;
mod porter;
mod queue;
mod room;
mod crew;
mod dead_letters;
mod overflow;
mod losses;
mod post;
mod sending;

pub(crate) use bell::Bell;
use closing::LastWord;
pub(crate) use crew::Crew;
use dead_letters::Office;
pub(crate) use dead_letters::{DeadLetters, Undertaker, is_inside_a_hook};
pub use inbox::{Inbox, mailbox};
pub(crate) use lane::{Lane, Letter};
use losses::Losses;
pub use overflow::Overflow;
use porter::Porter;
pub(crate) use porter::park;
pub(crate) use post::{Burial, Post};
#[cfg(any(feature = "async", test))]
pub(crate) use room::Waiter;
pub(crate) use sending::{Refusal, Waited};
pub(crate) use wire::Wire;

pub(crate) struct Mailbox<M> {
    /// Tells it from all other mailboxes of the process, those that are gone included.
    pub(crate) id: MailboxId,

    // What a send and a receive touch, read by all, and written only when the reader sleeps, is woken or is rung for.
    porter: Porter,
    pub(crate) bell: Bell,
    /// There, if several threads read it.
    crew: OnceLock<Crew>,
    pub(crate) ordinary: Lane<M>,

    /// A second way in, for those that asked for one. What lies in it is handled first.
    urgent: OnceLock<Lane<M>>,
    /// The addresses there are. How many hold the mailbox would not do: its reader does, too, and who only has a weak
    /// address.
    addresses: AtomicUsize,
    /// Set when the mailbox is closed: wakes the senders that wait for the dead-letter hook.
    closing: Flag,
    /// Set when the actor has ended: wakes the askers that wait for an answer.
    pub(crate) ended: Flag,
    last_word: Mutex<LastWord>,
    pub(crate) dead_letters: Office<M>,
    overflow: OnceLock<Overflow>,
    /// What was dropped because there was no room.
    losses: Losses,
    pub(crate) owner: OnceLock<Arc<Life>>,
    /// The name of the actor that reads it, or was to.
    name: OnceLock<Arc<str>>,
    pub(crate) capacity: Capacity,
}

/// The name of the actor of a mailbox that was given to none.
static NOBODY: LazyLock<Arc<str>> = LazyLock::new(|| "an actor that is not spawned".into());

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct MailboxId(u64);

impl MailboxId {
    pub(crate) fn next() -> MailboxId {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        MailboxId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl<M: Send + 'static> Mailbox<M> {
    pub(crate) fn new(capacity: Capacity) -> Arc<Mailbox<M>> {
        let mailbox = Arc::new(Mailbox {
            id: MailboxId::next(),
            porter: Porter::new(),
            bell: Bell::new(),
            crew: OnceLock::new(),
            ordinary: Lane::new(capacity),
            urgent: OnceLock::new(),
            addresses: AtomicUsize::new(0),
            closing: Flag::new(),
            ended: Flag::new(),
            last_word: Mutex::default(),
            dead_letters: Office::new(),
            overflow: OnceLock::new(),
            losses: Losses::default(),
            owner: OnceLock::new(),
            name: OnceLock::new(),
            capacity,
        });
        if !capacity.is_fit_for::<M>() {
            mailbox.abolish();
        }
        mailbox
    }

    pub(crate) fn len(&self) -> usize {
        self.lanes().map(|lane| lane.queue.len()).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lanes().all(|lane| lane.queue.is_empty())
    }

    /// The lanes there are, in the order in which they are emptied.
    fn lanes(&self) -> impl Iterator<Item = &Lane<M>> {
        self.urgent.get().into_iter().chain([&self.ordinary])
    }

    /// To be called before the mailbox has an owner.
    pub(crate) fn open_urgent_lane(&self, capacity: Capacity) {
        let _ = self.urgent.set(Lane::new(capacity));
    }

    pub(crate) fn urgent(&self) -> Option<&Lane<M>> {
        self.urgent.get()
    }

    // Who reads it.

    /// It belongs to `owner`, unless it has an owner already.
    pub(crate) fn belong_to(&self, owner: &Arc<Life>) {
        self.owner.get_or_init(|| Arc::clone(owner));
        self.be_called(&owner.name);
    }

    /// Its actor is to be called `name`, unless it has a name already.
    pub(crate) fn be_called(&self, name: &Arc<str>) {
        self.name.get_or_init(|| Arc::clone(name));
    }

    /// Several threads will read it. To be called before any of them does.
    pub(crate) fn staff(&self, threads: usize) {
        if threads > 1 {
            let _ = self.crew.set(Crew::new(threads));
        }
    }

    pub(crate) fn crew(&self) -> Option<&Crew> {
        self.crew.get()
    }

    /// The bell of the thread in that seat.
    pub(crate) fn bell_of(&self, seat: usize) -> &Bell {
        self.crew.get().and_then(|crew| crew.bell(seat)).unwrap_or(&self.bell)
    }

    /// The thread in that seat is to look up.
    pub(crate) fn ring(&self, seat: usize) {
        self.bell_of(seat).ring();
        self.porter.wake();
    }

    /// All that read it are to look up. There may be thousands: for what concerns one of them, its own bell is rung.
    pub(crate) fn ring_all(&self) {
        self.bell.ring();
        self.porter.wake();
        if let Some(crew) = self.crew.get() {
            crew.ring();
        }
    }

    /// A thread reads it no more. Says whether none does now.
    pub(crate) fn resign(&self) -> bool {
        let Some(crew) = self.crew.get() else { return true };
        // Under the lock: another thread may be about to go alone, since this one still reads it.
        let is_last = {
            let _nobody_goes_alone = self.last_word();
            crew.resign()
        };
        // The other threads may all be asleep, since this one was not: nothing else tells them that it has gone.
        if !is_last && !self.is_gone() {
            self.wake_if_deserted();
        }
        is_last
    }

    /// Perhaps nobody is left who could bring its readers to life. They find that out by themselves; of a pool, the
    /// thread that falls asleep last does. If all of them are asleep, they are woken.
    fn wake_if_deserted(&self) {
        if self.is_deserted() && self.crew.get().is_none_or(Crew::is_asleep) {
            self.ring_all();
        }
    }

    /// Whether no thread reads it any more. To be asked when one has [resigned](Mailbox::resign).
    fn is_unread(&self) -> bool {
        self.crew.get().is_none_or(Crew::is_unread)
    }

    /// A thread that read it has ended. After the last no answer can come any more.
    pub(crate) fn end(&self) {
        if self.crew.get().is_none_or(Crew::leave) {
            let untold = self.losses.untold();
            self.tell_returned(untold, ReturnedBecause::Overflow);
            self.ended.set();
            self.wake_senders();
        }
    }

    /// Wakes the senders that wait.
    pub(crate) fn wake_senders(&self) {
        self.lanes().for_each(Lane::wake_all);
        self.dead_letters.waiters.wake_all();
    }

    /// How many messages were dropped because there was no room.
    pub(crate) fn dropped(&self) -> u64 {
        self.losses.total()
    }

    /// Tells the observers of messages that are returned: how many, and how many in all.
    pub(crate) fn tell_returned(&self, (messages, total): (u64, u64), why: ReturnedBecause) {
        if let (Some(owner), 1..) = (self.owner.get(), messages) {
            owner.stage.emit(|| Notice::Returned {
                id: owner.index,
                name: owner.name.to_string(),
                messages,
                total,
                message_type: std::any::type_name::<M>(),
                why,
            });
        }
    }

    /// What rings its bell, without keeping it.
    pub(crate) fn as_ring(self: &Arc<Self>) -> Weak<dyn Ring> {
        let ring: Weak<Mailbox<M>> = Arc::downgrade(self);
        ring
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        self.name.get().unwrap_or_else(|| &*NOBODY)
    }

    // Addresses.

    pub(crate) fn add_address(&self) {
        self.addresses.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds an address unless there is none left to copy.
    pub(crate) fn add_address_to_others(&self) -> bool {
        self.addresses
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n > 0).then_some(n + 1))
            .is_ok()
    }

    pub(crate) fn remove_address(&self) {
        if self.addresses.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.wake_if_deserted();
        }
    }

    /// Whether nobody has its address, so that nobody but the actor itself can bring it to life.
    pub(crate) fn is_deserted(&self) -> bool {
        // In one order with the count of those who sleep: the thread that falls asleep last sees that the last address
        // is gone, or whoever drops that address sees that all of them sleep.
        self.addresses.load(Ordering::SeqCst) == 0
    }

    // The reader's side.

    /// The next message, if there is one, as it lies in the queue: for a caller that passes it on unopened.
    #[inline(always)] // for the same reason as `unwind::catch`
    pub(crate) fn take_letter(&self) -> Option<Letter<M>> {
        self.ordinary.take()
    }

    /// The next message, if there is one.
    pub(crate) fn take(&self) -> Option<M> {
        self.ordinary.take().map(Letter::open)
    }

    /// Sleeps until something comes or the bell is rung, or until that moment. For the one thread that reads it.
    pub(crate) fn sleep(&self, until: Option<Instant>) {
        self.make_way();
        self.porter.sleep(until, || !self.is_empty() || self.bell.is_rung_before_sleep());
    }

    /// From here on, and until it is [unwatched](Mailbox::unwatch), each message that is put in pulls this wire, once,
    /// or that of another thread that watches: for a thread that waits in a `select`. `false` if something is in it
    /// already.
    pub(crate) fn watch(&self, wire: &Arc<Wire>) -> bool {
        self.make_way();
        self.porter.watch(wire);
        self.is_empty()
    }

    pub(crate) fn unwatch(&self, wire: &Arc<Wire>) {
        self.porter.unwatch(wire);
    }

    /// A thread that may have been woken for what lies in the mailbox does not take it now. So another one is woken for it,
    /// if any sleeps.
    pub(crate) fn pass_on(&self) {
        if !self.is_empty() {
            self.porter.announce();
        }
    }

    #[cfg(test)]
    pub(crate) fn is_watched(&self) -> bool {
        self.porter.look().is_watched()
    }

    /// To be called before a thread that reads it sleeps.
    fn make_way(&self) {
        self.lanes().for_each(Lane::make_way);
    }

    /// The next urgent message, if there is one.
    #[inline]
    pub(crate) fn take_urgent(&self) -> Option<M> {
        self.urgent.get().and_then(Lane::take).map(Letter::open)
    }

    /// The end of a mailbox that no actor will read. How many messages were in it.
    pub(crate) fn abolish(&self) -> usize {
        let left = self.evict();
        let messages = left.len();
        self.bury(left);
        self.dead_letters.forget();
        self.end();
        messages
    }

    // Dead letters.

    pub(crate) fn set_dead_letters(&self, hook: DeadLetters<M>) {
        self.dead_letters.open(hook);
    }

    /// Hands messages that will not be handled to the hook of the user's, or drops them.
    pub(crate) fn bury(&self, messages: Vec<M>) {
        if !messages.is_empty() {
            self.bury_by(&mut self.dead_letters.wait(), messages);
        }
    }

    fn bury_by(&self, undertaker: &mut Undertaker<'_, M>, messages: Vec<M>) {
        for message in messages {
            if let (Err(error), Some(owner)) = (undertaker.bury(message), self.owner.get()) {
                owner.tell_dead_letter_lost(error);
            }
        }
    }

    /// Drops the hook, when nothing can come for it any more: it may hold addresses, whose actors
    /// live as long as it does. A hook that never came back is left to the thread that is in it.
    ///
    /// Called by the actor's own thread. If that was given up, what is left, and the hook with it,
    /// is the system's.
    pub(crate) fn forget_dead_letters(&self) {
        let outcome = self.owner.get().and_then(|owner| owner.outcome());
        if !matches!(outcome, Some(Outcome::Disowned)) {
            self.dead_letters.forget();
        }
    }
}

impl<M: Send + 'static> Ring for Mailbox<M> {
    fn ring(&self, seat: usize) {
        Mailbox::ring(self, seat);
    }
}

/// These are all there are.
pub(crate) fn all<M>(messages: &[M]) -> (u64, u64) {
    let messages = messages.len() as u64;
    (messages, messages)
}

#[cfg(test)]
mod tests;
