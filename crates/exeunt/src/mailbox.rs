//! A mailbox: a channel that can be closed without losing what was accepted.
//!
//! The protocol of the closing, why each of its steps is there, and what it stands on is told in
//! `mailbox.md` beside this file.

use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};

use crossbeam_channel::Receiver;

use crate::capacity::Capacity;
use crate::departure::Watch;
use crate::error::TrySendError;
use crate::event::{Event, Flag};
use crate::life::{self, Life, Outcome};
use crate::notice::{Notice, ReturnedBecause};
use crate::timer::Ring;
use crate::unwind;
use crate::waiters::Waiters;

mod inbox;
mod lane;
mod bell;
mod crew;
mod dead_letters;
mod overflow;
mod losses;

pub(crate) use bell::Bell;
pub(crate) use crew::Crew;
use dead_letters::Office;
pub(crate) use dead_letters::{DeadLetters, Undertaker, is_inside_a_hook};
pub use inbox::{Inbox, mailbox};
use lane::Ticket;
pub(crate) use lane::{Lane, Parcel};
use losses::Losses;
pub use overflow::Overflow;

pub(crate) struct Mailbox<M> {
    /// Tells it from all other mailboxes of the process, those that are gone included.
    pub(crate) id: MailboxId,

    // What a send and a receive touch, read by all and written almost never.
    closed: AtomicBool,
    pub(crate) bell: Bell,
    /// There, if several threads read it.
    crew: OnceLock<Crew>,
    pub(crate) ordinary: Lane<M>,

    /// A second way in, for those that asked for one. What lies in it is handled first.
    urgent: OnceLock<Lane<M>>,
    /// The addresses there are. The channel's own count would not do: with it, an actor could not
    /// be given its own address without being kept alive by it.
    addresses: AtomicUsize,
    /// Set when the mailbox is closed: wakes the senders that wait for room.
    closing: Flag,
    /// Set when the actor has ended: wakes those who wait for an answer.
    pub(crate) ended: Flag,
    /// The futures that wait for room. Whoever is in it has rung the bell afterwards, or is about to.
    pub(crate) room: Waiters,
    last_word: Mutex<LastWord<M>>,
    pub(crate) dead_letters: Office<M>,
    overflow: OnceLock<Overflow>,
    /// What was dropped because there was no room.
    losses: Losses,
    pub(crate) owner: OnceLock<Arc<Life>>,
    pub(crate) capacity: Capacity,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct MailboxId(u64);

impl MailboxId {
    pub(crate) fn next() -> MailboxId {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        MailboxId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

struct LastWord<M> {
    /// From here on, no send is accepted: one that gets its message into the channel takes it out
    /// again.
    gone: bool,
    /// How many of the threads that read it have nothing to do, and wait for those of their ring.
    resting: usize,
    /// Messages that one late sender found while it looked for its own.
    strays: Vec<Parcel<M>>,
}

impl<M: Send + 'static> Mailbox<M> {
    pub(crate) fn new(capacity: Capacity) -> Arc<Mailbox<M>> {
        let mailbox = Arc::new(Mailbox {
            id: MailboxId::next(),
            closed: AtomicBool::new(false),
            bell: Bell::new(),
            crew: OnceLock::new(),
            ordinary: Lane::new(capacity),
            urgent: OnceLock::new(),
            addresses: AtomicUsize::new(0),
            closing: Flag::new(),
            ended: Flag::new(),
            room: Waiters::default(),
            last_word: Mutex::new(LastWord { gone: false, resting: 0, strays: Vec::new() }),
            dead_letters: Office::new(),
            overflow: OnceLock::new(),
            losses: Losses::default(),
            owner: OnceLock::new(),
            capacity,
        });
        if !capacity.is_fit_for::<M>() {
            mailbox.abolish();
        }
        mailbox
    }

    pub(crate) fn len(&self) -> usize {
        self.lanes().map(|lane| lane.receiver.len()).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lanes().all(|lane| lane.receiver.is_empty())
    }

    /// The lanes there are, in the order in which they are emptied.
    fn lanes(&self) -> impl Iterator<Item = &Lane<M>> {
        self.urgent.get().into_iter().chain([&self.ordinary])
    }

    /// To be said before the mailbox has an owner.
    pub(crate) fn open_urgent_lane(&self, capacity: Capacity) {
        let _ = self.urgent.set(Lane::new(capacity));
    }

    pub(crate) fn urgent(&self) -> Option<&Lane<M>> {
        self.urgent.get()
    }

    /// Where it is told that the actor has ended. `None` if there is none yet.
    pub(crate) fn watch(&self) -> Option<Watch> {
        self.owner.get().map(|owner| owner.departure.watch())
    }

    // Who reads it.

    /// Several threads will read it. To be said before any of them does.
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

    pub(crate) fn ring_all(&self) {
        self.bell.ring();
        if let Some(crew) = self.crew.get() {
            crew.ring();
        }
    }

    /// A thread reads it no more. Whether none does.
    pub(crate) fn resign(&self) -> bool {
        let Some(crew) = self.crew.get() else { return true };
        let is_last = crew.resign();
        // The others may have been waiting for this one to have nothing to do.
        self.ring_all();
        is_last
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

    /// Wakes the futures that wait to send.
    fn wake_senders(&self) {
        self.room.wake_all();
        self.dead_letters.waiters.wake_all();
    }

    /// Whether no send is accepted any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.last_word().gone
    }

    /// How many messages were dropped because there was no room.
    pub(crate) fn dropped(&self) -> u64 {
        self.losses.total()
    }

    /// Tells the observers of messages that are returned: how many, and how many in all.
    pub(crate) fn tell_returned(&self, (messages, total): (u64, u64), why: ReturnedBecause) {
        if let (Some(owner), 1..) = (self.owner.get(), messages) {
            owner.stage.emit(|| Notice::Returned {
                name: owner.name.clone(),
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

    pub(crate) fn name(&self) -> &str {
        self.owner.get().map_or("an actor that is not spawned", |life| &life.name)
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
        if self.addresses.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.ring_all();
        }
    }

    /// Whether nobody has its address, so that nobody but the actor itself can bring it to life.
    pub(crate) fn is_deserted(&self) -> bool {
        self.addresses.load(Ordering::Acquire) == 0
    }

    // The sender's side.

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Whether it takes what this thread sends, for whom it may be open when it is closed for others.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        !self.closed.load(Ordering::Acquire) || self.is_open_for_family()
    }

    /// Sends if there is room now.
    #[inline(always)] // or the message is copied before the channel copies it, from where it was just written
    pub(crate) fn offer(&self, lane: &Lane<M>, message: M) -> Result<(), TrySendError<M>> {
        if !self.is_open() {
            return Err(TrySendError::Closed(message));
        }
        let here = 0_u8;
        let ticket = Ticket((&raw const here).addr());
        match lane.sender.try_send(Parcel { message, ticket }) {
            Ok(()) => self.look_again(ticket).map_err(TrySendError::Closed),
            Err(crossbeam_channel::TrySendError::Full(parcel)) => {
                Err(TrySendError::Full(parcel.message))
            }
            Err(crossbeam_channel::TrySendError::Disconnected(parcel)) => {
                Err(TrySendError::Closed(parcel.message))
            }
        }
    }

    /// Waits for room, the closing, `interrupt` or `deadline`, whichever is first.
    pub(crate) fn wait_for_room(
        &self,
        lane: &Lane<M>,
        message: M,
        interrupt: Option<&Event>,
        deadline: Option<std::time::Instant>,
    ) -> Result<(), Waited<M>> {
        let here = 0_u8;
        let ticket = Ticket((&raw const here).addr());
        let mut select = crossbeam_channel::Select::new();
        let room = select.send(&lane.sender);
        let (over, deafness) = self.what_ends_a_wait();
        let closing = select.recv(over.receiver());
        let deaf = deafness.as_ref().map(|deafness| select.recv(deafness.receiver()));
        let interrupt = interrupt.map(Event::receiver);
        if let Some(interrupt) = interrupt {
            select.recv(interrupt);
        }
        let ready = match deadline {
            None => select.select(),
            Some(deadline) => match select.select_deadline(deadline) {
                Ok(ready) => ready,
                Err(_) => return Err(Waited::Timeout(message)),
            },
        };
        match ready.index() {
            index if index == room => match ready.send(&lane.sender, Parcel { message, ticket }) {
                Ok(()) => self.look_again(ticket).map_err(Waited::Closed),
                Err(error) => Err(Waited::Closed(error.0.message)),
            },
            index if index == closing => {
                let _ = ready.recv(over.receiver());
                Err(Waited::Closed(message))
            }
            index if Some(index) == deaf => {
                let _ = deafness.as_ref().map(|deafness| ready.recv(deafness.receiver()));
                Err(Waited::Closed(message))
            }
            _ => {
                // A selected operation has to be completed.
                let _ = interrupt.map(|interrupt| ready.recv(interrupt));
                Err(Waited::Interrupted(message))
            }
        }
    }

    /// When it is no use any more for this thread to wait for room. To the family the mailbox closes with the end, or
    /// when nothing is handled before they have left.
    pub(crate) fn what_ends_a_wait(&self) -> (&Flag, Option<Event>) {
        match self.owner.get().filter(|_| self.is_open_for_family()) {
            Some(parent) => (&self.ended, Some(parent.deafness())),
            None => (&self.closing, None),
        }
    }

    /// Whether it takes what this thread sends although it is closed. A late send is settled as any other is.
    #[cold]
    fn is_open_for_family(&self) -> bool {
        self.is_of_the_family() && !self.last_word().gone
    }

    /// Whether the sender is a child, or a child's child, of the actor, whose mailbox is open for it until it has left:
    /// its parent waits for it. Or of a ring with it, which leaves as one.
    fn is_of_the_family(&self) -> bool {
        match (self.owner.get(), life::current()) {
            (Some(owner), Some(me)) => owner.is_open_for(&me) && !owner.has_ended(),
            _ => false,
        }
    }

    /// The second look at `closed`, after the message is in the channel.
    #[inline]
    fn look_again(&self, ticket: Ticket) -> Result<(), M> {
        if self.closed.load(Ordering::SeqCst) { self.settle(ticket) } else { Ok(()) }
    }

    /// The mailbox was closed while the message went in: it stands if the actor still looks, or
    /// has taken it; otherwise it is taken out again.
    #[cold]
    fn settle(&self, ticket: Ticket) -> Result<(), M> {
        let mut last_word = self.last_word();
        if !last_word.gone {
            return Ok(());
        }
        for lane in self.lanes() {
            last_word.strays.extend(lane.receiver.try_iter());
        }
        match last_word.strays.iter().position(|parcel| parcel.ticket == ticket) {
            Some(at) => Err(last_word.strays.swap_remove(at).message),
            None => Ok(()),
        }
    }

    // The reader's side.

    /// The next message, if there is one.
    #[inline(always)] // for the same reason as `unwind::catch`
    pub(crate) fn take(&self) -> Option<M> {
        self.ordinary.take()
    }

    pub(crate) fn receiver(&self) -> &Receiver<Parcel<M>> {
        &self.ordinary.receiver
    }

    /// Tells the futures that wait for room as often as there is some, in their order; the reader
    /// calls it when it has heard its bell, and has taken what is next.
    ///
    /// As long as others are left it hears its bell again: so it never sleeps on room that somebody
    /// waits for, and nobody depends on what those do who were woken (they may never be polled again).
    pub(crate) fn make_way(&self) {
        let receiver = &self.ordinary.receiver;
        let room = receiver.capacity().unwrap_or(usize::MAX).saturating_sub(receiver.len());
        if self.room.wake_first(room) {
            self.ring_all();
        }
    }

    /// A new incarnation reads: those who rang for the one before have rung for it.
    pub(crate) fn remind_of_waiters(&self) {
        if !self.room.is_empty() {
            self.ring_all();
        }
    }

    /// The next urgent message, if there is one.
    #[inline]
    pub(crate) fn take_urgent(&self) -> Option<M> {
        self.urgent.get().and_then(Lane::take)
    }

    /// What to wait for beside the ordinary lane.
    pub(crate) fn urgent_receiver(&self) -> Option<&Receiver<Parcel<M>>> {
        self.urgent.get().map(|lane| &lane.receiver)
    }

    /// Closes the mailbox if it is empty, for good: from here on no send is accepted. `false`
    /// means that something came late, and is to be handled.
    pub(crate) fn finish(&self) -> bool {
        self.close();
        let mut last_word = self.last_word();
        last_word.gone |= self.is_empty();
        last_word.gone
    }

    /// A thread of a ring has nothing to do, and will take nothing before it is [roused](Mailbox::rouse).
    /// `false` if something has come, or nothing will come any more.
    pub(crate) fn rest(&self) -> bool {
        let mut last_word = self.last_word();
        let may_rest = !last_word.gone && self.is_empty();
        last_word.resting += usize::from(may_rest);
        may_rest
    }

    /// It looks again. `false` if the mailbox was closed for good while it rested.
    pub(crate) fn rouse(&self) -> bool {
        let mut last_word = self.last_word();
        last_word.resting -= usize::from(!last_word.gone);
        !last_word.gone
    }

    /// Takes no more messages, and wakes the senders that wait for room. What is in the mailbox
    /// stays.
    pub(crate) fn close(&self) {
        if !self.closed.swap(true, Ordering::SeqCst) {
            self.closing.set();
            self.wake_senders();
        }
    }

    /// Closes the mailbox for good and takes out what is in it.
    pub(crate) fn evict(&self) -> Vec<M> {
        self.close();
        let mut last_word = self.last_word();
        if last_word.gone {
            return Vec::new();
        }
        last_word.gone = true;
        self.lanes().flat_map(|lane| std::iter::from_fn(|| lane.take())).collect()
    }

    /// The end of a mailbox that no actor will read.
    pub(crate) fn abolish(&self) {
        let left = self.evict();
        self.bury(left);
        self.dead_letters.forget();
        self.end();
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
                owner.stage.emit(|| Notice::DeadLetterLost { name: owner.name.clone(), error });
            }
        }
    }

    /// Drops the hook, when nothing can come for it any more: it may hold addresses, whose actors
    /// live as long as it does. A hook that never came back is left to the thread that is in it.
    ///
    /// Said by the actor's own thread. If that was given up, what is left, and the hook with it, is
    /// the system's.
    pub(crate) fn forget_dead_letters(&self) {
        let outcome = self.owner.get().and_then(|owner| owner.outcome());
        if !matches!(outcome, Some(Outcome::Disowned)) {
            self.dead_letters.forget();
        }
    }

    fn last_word(&self) -> MutexGuard<'_, LastWord<M>> {
        unwind::lock(&self.last_word)
    }
}

/// How a wait for room, or for the hook, ended without it.
pub(crate) enum Waited<M> {
    Timeout(M),
    Closed(M),
    Interrupted(M),
}

impl Waited<()> {
    /// The same, for who waited with a message in its hands.
    pub(crate) fn with<M>(self, message: M) -> Waited<M> {
        match self {
            Waited::Timeout(()) => Waited::Timeout(message),
            Waited::Closed(()) => Waited::Closed(message),
            Waited::Interrupted(()) => Waited::Interrupted(message),
        }
    }
}

/// What hands messages to the dead-letter hook.
pub(crate) type Burial = Box<dyn FnOnce() + Send>;

/// A mailbox as the conductor sees it, who does not know what messages are.
pub(crate) trait Post: Send + Sync {
    fn id(&self) -> MailboxId;
    /// Whose it is; of a pool, who stands for its threads. `None` before it is spawned.
    fn owner(&self) -> Option<&Arc<Life>>;
    fn len(&self) -> usize;
    fn capacity(&self) -> Capacity;
    /// The actor's turn, or an order to stop at once: no more messages, and look up.
    fn close(&self);
    fn ring(&self);
    /// A thread reads it no more. Whether none does.
    fn resign(&self) -> bool;
    /// Whether none does, to be asked when one has resigned.
    fn is_unread(&self) -> bool;
    /// How many threads read it.
    fn readers(&self) -> usize;
    /// Closes it for good if so many of those who read it rest, nothing is in it, and `others` say the same of
    /// theirs. Meanwhile nobody who rests begins to look.
    fn finish_with(&self, resting: usize, others: &mut dyn FnMut() -> bool) -> bool;
    /// A thread that read it has ended.
    fn end(&self);
    /// Takes out what a disowned actor left. The second part hands it to the dead-letter hook; it
    /// runs code of the user's and may take its time.
    fn take_over(self: Arc<Self>, why: ReturnedBecause) -> (u64, Burial);
    /// Itself, for who knows what its messages are.
    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
    /// The type of its messages.
    fn message_type(&self) -> &'static str;
    /// Set when no answer can come any more.
    fn ended(&self) -> &Flag;
    /// Whether nothing is in it, and nothing will be.
    fn is_gone(&self) -> bool;
}

/// These are all there are.
pub(crate) fn all<M>(messages: &[M]) -> (u64, u64) {
    let messages = messages.len() as u64;
    (messages, messages)
}

impl<M: Send + 'static> Ring for Mailbox<M> {
    fn ring(&self) {
        self.ring_all();
    }
}

impl<M: Send + 'static> Post for Mailbox<M> {
    fn id(&self) -> MailboxId {
        self.id
    }

    fn owner(&self) -> Option<&Arc<Life>> {
        self.owner.get()
    }

    fn len(&self) -> usize {
        Mailbox::len(self)
    }

    fn capacity(&self) -> Capacity {
        self.capacity
    }

    fn close(&self) {
        Mailbox::close(self);
    }

    fn ring(&self) {
        self.ring_all();
    }

    fn resign(&self) -> bool {
        Mailbox::resign(self)
    }

    fn is_unread(&self) -> bool {
        Mailbox::is_unread(self)
    }

    fn readers(&self) -> usize {
        self.crew.get().map_or(1, Crew::reading)
    }

    fn finish_with(&self, resting: usize, others: &mut dyn FnMut() -> bool) -> bool {
        let mut last_word = self.last_word();
        let rests = last_word.gone || last_word.resting == resting && self.is_empty();
        let is_finished = rests && others();
        last_word.gone |= is_finished;
        is_finished
    }

    fn end(&self) {
        Mailbox::end(self);
    }

    fn take_over(self: Arc<Self>, why: ReturnedBecause) -> (u64, Burial) {
        let messages = self.evict();
        self.tell_returned(all(&messages), why);
        (
            messages.len() as u64,
            Box::new(move || {
                self.bury(messages);
                self.dead_letters.forget();
            }),
        )
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }

    fn message_type(&self) -> &'static str {
        std::any::type_name::<M>()
    }

    fn ended(&self) -> &Flag {
        &self.ended
    }

    fn is_gone(&self) -> bool {
        self.ended.is_set()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m1_a_mailbox_with_something_in_it_is_not_finished() {
        let mailbox = Mailbox::new(Capacity::Bounded(4));
        assert!(mailbox.offer(&mailbox.ordinary, 1).is_ok());
        assert!(!mailbox.finish());
        assert_eq!(mailbox.take(), Some(1));
        assert!(mailbox.finish());
        assert!(mailbox.offer(&mailbox.ordinary, 2).is_err());
    }

    #[test]
    fn m1_a_late_send_takes_its_own_message_back() {
        let mailbox = Mailbox::new(Capacity::Bounded(4));
        assert!(mailbox.finish());
        // Two senders had looked before the closing, and send after the end.
        let [first, second] = [Ticket(1), Ticket(2)];
        for (message, ticket) in [("a", first), ("b", second)] {
            assert!(mailbox.ordinary.sender.try_send(Parcel { message, ticket }).is_ok());
        }
        assert_eq!(mailbox.look_again(second), Err("b"));
        assert_eq!(mailbox.look_again(first), Err("a"));
        assert!(mailbox.evict().is_empty());
    }

    #[test]
    fn m1_a_late_send_before_the_last_look_is_accepted() {
        let mailbox = Mailbox::new(Capacity::Bounded(4));
        mailbox.close();
        assert!(mailbox.ordinary.sender.try_send(Parcel { message: 1, ticket: Ticket(1) }).is_ok());
        assert_eq!(mailbox.look_again(Ticket(1)), Ok(()));
        assert!(!mailbox.finish());
        assert_eq!(mailbox.evict(), [1]);
    }

    /// A mailbox with an urgent lane.
    fn with_two_lanes<M: Send + 'static>() -> Arc<Mailbox<M>> {
        let mailbox = Mailbox::new(Capacity::Bounded(4));
        mailbox.open_urgent_lane(Capacity::Bounded(4));
        mailbox
    }

    #[test]
    fn m1_a_mailbox_is_finished_when_both_lanes_are_empty() {
        let mailbox = with_two_lanes();
        assert!(mailbox.offer(mailbox.urgent().unwrap(), 1).is_ok());
        assert!(mailbox.offer(&mailbox.ordinary, 2).is_ok());
        assert_eq!(mailbox.len(), 2);
        assert!(!mailbox.finish());
        assert_eq!(mailbox.take(), Some(2));
        assert!(!mailbox.finish());
        assert_eq!((mailbox.take(), mailbox.take_urgent()), (None, Some(1)));
        assert!(mailbox.finish());
        assert!(mailbox.offer(mailbox.urgent().unwrap(), 3).is_err());
    }

    #[test]
    fn m1_what_is_left_in_both_lanes_is_taken_the_urgent_first() {
        let mailbox = with_two_lanes();
        for n in 0..2 {
            assert!(mailbox.offer(&mailbox.ordinary, n).is_ok());
            assert!(mailbox.offer(mailbox.urgent().unwrap(), n + 10).is_ok());
        }
        assert_eq!(mailbox.evict(), [10, 11, 0, 1]);
        assert_eq!(mailbox.len(), 0);
    }

    #[test]
    fn m1_a_late_send_finds_its_own_message_in_either_lane() {
        let mailbox = with_two_lanes();
        assert!(mailbox.finish());
        let lanes = [&mailbox.ordinary, mailbox.urgent().unwrap()];
        for (lane, ticket) in lanes.into_iter().cycle().zip(1..=4) {
            assert!(
                lane.sender.try_send(Parcel { message: ticket, ticket: Ticket(ticket) }).is_ok()
            );
        }
        for ticket in [3, 2, 4, 1] {
            assert_eq!(mailbox.look_again(Ticket(ticket)), Err(ticket));
        }
        assert!(mailbox.evict().is_empty());
    }

    #[test]
    fn m1_a_mailbox_is_a_crews_if_several_threads_read_it() {
        let [one, several] = [1, 2].map(|threads| {
            let mailbox = Mailbox::<u32>::new(Capacity::Bounded(4));
            mailbox.staff(threads);
            mailbox
        });
        assert!(one.crew().is_none() && one.resign());
        // The conductor says it of a thread that it gives up, and does not know what messages are.
        let post: &dyn Post = &*several;
        assert!(several.crew().is_some() && !post.resign());
        // Each seat has its bell, and all are rung when somebody resigns.
        assert!(several.bell_of(0).heard() && several.bell_of(1).heard());
        assert!(several.resign());
    }

    #[cfg(feature = "async")]
    #[test]
    fn m4_a_new_incarnation_hears_of_futures_that_wait_for_room_and_of_nothing_else() {
        let mailbox = Mailbox::<u32>::new(Capacity::Bounded(4));
        mailbox.remind_of_waiters();
        assert!(!mailbox.bell.heard());
        mailbox.room.add(crate::waiters::Ticket::next(), std::task::Waker::noop());
        mailbox.remind_of_waiters();
        assert!(mailbox.bell.heard());
    }

    #[test]
    fn m5_it_has_ended_when_the_last_thread_has_left() {
        let mailbox = Mailbox::<u32>::new(Capacity::Bounded(4));
        mailbox.staff(2);
        let post: &dyn Post = &*mailbox;
        post.end();
        assert!(!post.is_gone() && !mailbox.ended.is_set());
        post.end();
        assert!(post.is_gone() && mailbox.ended.is_set());
    }
}
