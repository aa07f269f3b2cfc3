//! [`Addr`]: where messages are sent.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::asking::{Asked, during, is_over};
use crate::error::{AskError, SendError, SendTimeoutError, TrySendError, WaitError};
use crate::life::{self, Activity, Life, Other};
use crate::mailbox::{self, Lane, Mailbox, Overflow, Refusal, Undertaker, Waited};
use crate::patience::{self, Patience};
use crate::reply::Reply;
use crate::report::ActorReport;
pub use weak::WeakAddr;

mod weak;

/// The address of an actor: what takes messages of type `M`.
///
/// Clones are cheap and equal. **An actor lives as long as there is an address of it**: when the
/// last one is dropped and the mailbox is empty, it ends by itself, as a loop over a channel does.
/// So a program that keeps an address in a local variable and then calls
/// [`run`](crate::System::run) waits for a signal; a [`WeakAddr`] does not count.
///
/// # Guarantee
///
/// A send that returns `Ok` is *accepted*: the message will be *handled*, or *failed* (its handler
/// returned an error or panicked), or *returned* (never given to the handler, but, still typed, to
/// the [dead-letter hook](crate::ActorBuilder::returned)), and it is counted in the report. A send
/// that returns an error gives the message back. Messages of one sender to one actor are handled
/// in the order in which they were sent.
///
/// # Examples
///
/// ```
/// use exeunt::{Actor, Context, Reply, System};
///
/// enum Account { Pay(u64), Balance(Reply<u64>) }
///
/// struct Ledger(u64);
/// impl Actor for Ledger {
///     type Msg = Account;
///     fn handle(&mut self, msg: Account, _cx: &mut Context<Self>) -> exeunt::Result {
///         match msg {
///             Account::Pay(amount) => self.0 += amount,
///             Account::Balance(reply) => { let _ = reply.send(self.0); }
///         }
///         Ok(())
///     }
/// }
///
/// let mut system = System::new("bank");
/// let ledger = system.spawn("ledger", Ledger(0));
/// ledger.send(Account::Pay(30))?;
/// ledger.send(Account::Pay(12))?;
/// assert_eq!(ledger.ask(Account::Balance)?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Addr<M: Send + 'static> {
    mailbox: Arc<Mailbox<M>>,
}

impl<M: Send + 'static> Addr<M> {
    pub(crate) fn new(mailbox: Arc<Mailbox<M>>) -> Addr<M> {
        mailbox.add_address();
        Addr { mailbox }
    }

    pub(crate) fn mailbox(&self) -> &Arc<Mailbox<M>> {
        &self.mailbox
    }

    /// Sends a message, and waits for room if the mailbox is full, unless something else was
    /// [chosen](Overflow) for it.
    ///
    /// If there is room it costs no more than crossbeam-channel's `send` in most cases (`BENCHMARKS.md` has the others).
    ///
    /// # Errors
    ///
    /// Each gives the message back. [`Closed`](SendError::Closed) when the mailbox is closed, or
    /// closes while the sender waits for room; [`Interrupted`](SendError::Interrupted) when the
    /// sending actor is past its deadline and would have to wait; [`Deadlock`](SendError::Deadlock)
    /// when an actor would have to wait for room in its own mailbox; [`Full`](SendError::Full) when
    /// the mailbox refuses what finds no room.
    #[inline]
    pub fn send(&self, message: M) -> Result<(), SendError<M>> {
        self.send_by(message, None).map_err(SendTimeoutError::without_a_timeout)
    }

    /// Sends a message if there is room now, or the mailbox [drops](Overflow) one for it.
    ///
    /// # Errors
    ///
    /// Each gives the message back: [`Full`](TrySendError::Full) or
    /// [`Closed`](TrySendError::Closed).
    pub fn try_send(&self, message: M) -> Result<(), TrySendError<M>> {
        match self.mailbox.offer(&self.mailbox.ordinary, message) {
            Ok(()) => Ok(()),
            Err(Refusal::Full(message)) => self.overflow_now(message),
            Err(Refusal::Closed(message)) => Err(self.closed_now(message)),
        }
    }

    /// Sends a message, and waits for room for `timeout` at most.
    ///
    /// If `timeout` is too long for the clock, there is no time limit.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Addr::send), and [`Timeout`](SendTimeoutError::Timeout). Each gives the
    /// message back.
    pub fn send_timeout(&self, message: M, timeout: Duration) -> Result<(), SendTimeoutError<M>> {
        self.send_by(message, Instant::now().checked_add(timeout))
    }

    /// Sends a message past those that wait, into the [urgent lane](crate::ActorBuilder::urgent) of
    /// an actor that has one. If that lane is full, it waits for room there, whatever was
    /// [chosen](Overflow) for the ordinary lane.
    ///
    /// Urgent messages of one sender are handled in the order in which they were sent, and so are
    /// its ordinary ones; between the two there is no order. Urgent messages end as all others do:
    /// what is accepted is handled, failed or returned.
    ///
    /// # Errors
    ///
    /// Each gives the message back: [`NoLane`](SendError::NoLane) if the actor has no urgent lane,
    /// and those of [`send`](Addr::send).
    pub fn send_urgent(&self, message: M) -> Result<(), SendError<M>> {
        let Some(lane) = self.mailbox.urgent() else {
            return Err(SendError::NoLane(message, self.named()));
        };
        let sent = match self.mailbox.offer(lane, message) {
            Ok(()) => return Ok(()),
            Err(Refusal::Full(message)) => self.wait_for_room(lane, message, None),
            Err(Refusal::Closed(message)) => Err(self.closed(message)),
        };
        sent.map_err(SendTimeoutError::without_a_timeout)
    }

    /// Sends a message past those that wait, if there is room in the
    /// [urgent lane](crate::ActorBuilder::urgent) now.
    ///
    /// # Errors
    ///
    /// Each gives the message back: [`NoLane`](TrySendError::NoLane) if the actor has no urgent
    /// lane, [`Full`](TrySendError::Full) or [`Closed`](TrySendError::Closed).
    pub fn try_send_urgent(&self, message: M) -> Result<(), TrySendError<M>> {
        let Some(lane) = self.mailbox.urgent() else {
            return Err(TrySendError::NoLane(message, self.named()));
        };
        match self.mailbox.offer(lane, message) {
            Ok(()) => Ok(()),
            Err(Refusal::Full(message)) => Err(TrySendError::Full(message, self.named())),
            Err(Refusal::Closed(message)) => Err(self.closed_now(message)),
        }
    }

    /// Asks: sends the message that `question` makes around a [`Reply`], and waits for the answer.
    ///
    /// An ask always ends: with the answer, or with an error, at the latest when the asked actor
    /// ends. That may take long, though: [`ask_timeout`](Addr::ask_timeout) sets a limit.
    ///
    /// # Errors
    ///
    /// [`AskError`] says whether the question was accepted. If not, it gives the message back.
    pub fn ask<R: Send + 'static>(
        &self,
        question: impl FnOnce(Reply<R>) -> M,
    ) -> Result<R, AskError<M>> {
        self.ask_by(question, None)
    }

    /// Asks as [`ask`](Addr::ask) does, and gives up after `timeout`, the wait for room included.
    ///
    /// If `timeout` is too long for the clock, there is no time limit.
    ///
    /// # Errors
    ///
    /// Those of [`ask`](Addr::ask), and [`AskError::Timeout`]. After a time-out the question may
    /// still be handled; its answer goes nowhere.
    pub fn ask_timeout<R: Send + 'static>(
        &self,
        question: impl FnOnce(Reply<R>) -> M,
        timeout: Duration,
    ) -> Result<R, AskError<M>> {
        self.ask_by(question, Instant::now().checked_add(timeout))
    }

    /// An address that does not keep the actor alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakAddr<M> {
        WeakAddr::new(Arc::clone(&self.mailbox))
    }

    /// Asks the actor to take its turn now, as if a drain had come to it alone: its mailbox closes, what
    /// is queued is handled, its children leave, it ends. It only asks, and returns.
    ///
    /// The limits are those of a drain. Before an actor is spawned, and after its end, nothing happens.
    pub fn stop(&self) {
        self.handle().stop();
    }

    /// Waits until the actor has ended, and its thread with it, and gives its line of the report, which says how. It
    /// does not bring the end about: [`stop`](Addr::stop) does, or a drain.
    ///
    /// An actor lives as long as there is an address of it, and whoever waits here has one. To wait for an actor that
    /// is to end by itself, use its [handle](Addr::handle), which keeps nobody alive; or, in an actor,
    /// [watch](crate::Context::watch) it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use exeunt::{Ended, System, WaitError};
    /// # use exeunt::{Actor, Context};
    /// # struct Idle;
    /// # impl Actor for Idle {
    /// #     type Msg = ();
    /// #     fn handle(&mut self, _: (), _cx: &mut Context<Self>) -> exeunt::Result { Ok(()) }
    /// # }
    ///
    /// let mut system = System::new("outside");
    /// let idle = system.spawn("idle", Idle);
    /// assert_eq!(idle.wait_timeout(Duration::from_millis(1)), Err(WaitError::Timeout));
    /// idle.stop();
    /// assert_eq!(idle.wait()?.ended, Ended::Completed);
    /// # Ok::<(), WaitError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`WaitError::Inside`] if an actor waits for its own end, or for that of its pool or of an actor above it, which
    /// wait for it to leave; [`WaitError::Interrupted`] when the actor that waits must stop; and, at once,
    /// [`WaitError::NotSpawned`] if no actor was spawned for this address yet.
    pub fn wait(&self) -> Result<ActorReport, WaitError> {
        self.handle().wait()
    }

    /// Waits as [`wait`](Addr::wait) does, for `timeout` at most.
    ///
    /// If `timeout` is too long for the clock, there is no time limit.
    ///
    /// # Errors
    ///
    /// Those of [`wait`](Addr::wait), and [`WaitError::Timeout`].
    pub fn wait_timeout(&self, timeout: Duration) -> Result<ActorReport, WaitError> {
        self.handle().wait_timeout(timeout)
    }

    /// Whether the mailbox takes no more messages.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.mailbox.is_closed()
    }

    /// How many messages wait in its mailbox, in both lanes.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.mailbox.len()
    }

    /// How many messages its mailbox has [dropped](Overflow) because there was no room.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.mailbox.dropped()
    }

    /// The name of the actor.
    #[must_use]
    pub fn name(&self) -> &str {
        self.mailbox.name()
    }

    /// The place of the actor in the order of spawning; `None` before it is spawned. Nobody else of its system ever has
    /// the same, so it tells actors of the same name apart.
    ///
    /// Its [report](ActorReport::id), its [snapshot](crate::ActorSnapshot::id) and what a [notice](crate::Notice) tells of
    /// it have the same id. A restart does not change it. A [pool](crate::System::pool) has an id of its own, and so has
    /// each of its threads.
    ///
    /// ```
    /// use exeunt::System;
    /// # use exeunt::{Actor, Context};
    /// # struct Guest;
    /// # impl Actor for Guest {
    /// #     type Msg = ();
    /// #     fn handle(&mut self, _: (), _cx: &mut Context<Self>) -> exeunt::Result { Ok(()) }
    /// # }
    ///
    /// let mut system = System::new("twins");
    /// let twins = [system.spawn("ann", Guest), system.spawn("ann", Guest)];
    /// assert_ne!(twins[0].id(), twins[1].id());
    /// let report = system.shutdown(); // the one that was spawned last leaves first
    /// assert_eq!(report.actors[0].id, twins[1].id());
    /// ```
    #[must_use]
    pub fn id(&self) -> Option<usize> {
        self.mailbox.owner.get().map(|owner| owner.index)
    }

    #[inline(always)] // for the same reason as `Mailbox::offer`
    pub(crate) fn send_by(
        &self,
        message: M,
        deadline: Option<Instant>,
    ) -> Result<(), SendTimeoutError<M>> {
        match self.mailbox.offer(&self.mailbox.ordinary, message) {
            Ok(()) => Ok(()),
            Err(Refusal::Full(message)) => self.overflow(message, deadline),
            Err(Refusal::Closed(message)) => Err(self.closed(message)),
        }
    }

    /// There is no room: does what was chosen for the mailbox.
    #[cold]
    fn overflow(&self, message: M, deadline: Option<Instant>) -> Result<(), SendTimeoutError<M>> {
        match self.mailbox.overflow() {
            Overflow::Wait => self.wait_for_room(&self.mailbox.ordinary, message, deadline),
            Overflow::Refuse => Err(SendTimeoutError::Full(message, self.named())),
            Overflow::DropNewest | Overflow::DropOldest => self.drop_one(message, deadline),
        }
    }

    #[cold]
    fn overflow_now(&self, message: M) -> Result<(), TrySendError<M>> {
        let undertaker = match self.mailbox.overflow().drops() {
            true => self.mailbox.dead_letters.try_take(),
            false => None,
        };
        match undertaker {
            Some(undertaker) => {
                let sent = self.displace(message, undertaker);
                sent.map_err(|message| TrySendError::Closed(message, self.named()))
            }
            None => Err(TrySendError::Full(message, self.named())),
        }
    }

    /// Sends, when the hook for dropped messages is free, by dropping a message.
    fn drop_one(&self, message: M, deadline: Option<Instant>) -> Result<(), SendTimeoutError<M>> {
        let undertaker = match self.mailbox.dead_letters.try_take() {
            Some(undertaker) => Ok(undertaker),
            None if mailbox::is_inside_a_hook() => {
                return Err(SendTimeoutError::Full(message, self.named()));
            }
            None => during(
                life::current().as_deref(),
                |me| Activity::Sending(self.owner_as_seen_by(me)),
                |interrupt| self.mailbox.wait_for_undertaker(interrupt, deadline),
            ),
        };
        match undertaker {
            Ok(undertaker) => {
                let sent = self.displace(message, undertaker);
                sent.map_err(|message| SendTimeoutError::Closed(message, self.named()))
            }
            Err(waited) => Err(self.waited_in_vain(waited.with(message))),
        }
    }

    fn displace(&self, message: M, undertaker: Undertaker<'_, M>) -> Result<(), M> {
        let Some(owner) = self.mailbox.owner.get() else { return Err(message) };
        self.mailbox.displace(message, owner, undertaker).inspect_err(|_| self.refused())
    }

    fn wait_for_room(
        &self,
        lane: &Lane<M>,
        message: M,
        deadline: Option<Instant>,
    ) -> Result<(), SendTimeoutError<M>> {
        let me = life::current();
        if self.belongs_to(me.as_deref()) {
            return Err(SendTimeoutError::Deadlock(message, self.named()));
        }
        patience::of_this_thread(|patience| {
            self.wait_patiently(lane, message, me.as_deref(), deadline, patience)
        })
    }

    /// Looks for room, giving way in between. Goes to sleep when that does not pay, or when enough other threads do it.
    fn wait_patiently(
        &self,
        lane: &Lane<M>,
        mut message: M,
        me: Option<&Life>,
        deadline: Option<Instant>,
        patience: &mut Patience,
    ) -> Result<(), SendTimeoutError<M>> {
        let mut looks = 0;
        let watch = lane.watch();
        while watch.is_some() && !is_over(deadline, me) && patience.gives_way(looks) {
            looks += 1;
            match self.mailbox.offer(lane, message) {
                Ok(()) => return Ok(()),
                Err(Refusal::Full(back)) => message = back,
                Err(Refusal::Closed(back)) => return Err(self.closed(back)),
            }
        }
        drop(watch);
        let asleep = Instant::now();
        let sent = during(
            me,
            |me| Activity::Sending(self.owner_as_seen_by(me)),
            |interrupt| self.mailbox.wait_for_room(lane, message, interrupt, deadline),
        );
        patience.slept(asleep.elapsed());
        sent.map_err(|waited| self.waited_in_vain(waited))
    }

    fn waited_in_vain(&self, waited: Waited<M>) -> SendTimeoutError<M> {
        match waited {
            Waited::Timeout(message) => SendTimeoutError::Timeout(message, self.named()),
            Waited::Interrupted(message) => SendTimeoutError::Interrupted(message, self.named()),
            Waited::Closed(message) => self.closed(message),
        }
    }

    /// The mailbox takes no more messages. In a ring that did not come to rest, sender and receiver may both be past
    /// their deadlines; which was first is chance, and the sender is told of its own.
    #[cold]
    pub(crate) fn closed(&self, message: M) -> SendTimeoutError<M> {
        let both = self.mailbox.owner.get().is_some_and(|owner| owner.is_overdue())
            && life::current().is_some_and(|me| me.is_overdue());
        if both {
            return SendTimeoutError::Interrupted(message, self.named());
        }
        self.refused();
        SendTimeoutError::Closed(message, self.named())
    }

    /// The same, for a sender that would not have waited.
    #[cold]
    fn closed_now(&self, message: M) -> TrySendError<M> {
        self.refused();
        TrySendError::Closed(message, self.named())
    }

    /// The name of the actor, to keep.
    fn named(&self) -> Arc<str> {
        Arc::clone(self.mailbox.name())
    }

    fn ask_by<R: Send + 'static>(
        &self,
        question: impl FnOnce(Reply<R>) -> M,
        deadline: Option<Instant>,
    ) -> Result<R, AskError<M>> {
        self.asked().ask(question, deadline, |message| self.send_by(message, deadline))
    }

    /// Its actor, as the one that is asked.
    pub(crate) fn asked(&self) -> Asked<'_> {
        let Mailbox { owner, ended, .. } = &*self.mailbox;
        Asked { name: self.mailbox.name(), owner: owner.get(), ended }
    }

    fn owner_as_seen_by(&self, me: &Life) -> Other {
        self.asked().seen_by(me)
    }

    pub(crate) fn belongs_to(&self, me: Option<&Life>) -> bool {
        self.asked().is(me)
    }

    /// Notes who was refused by whom, since in a drain a refusal means that the order was wrong.
    #[cold]
    fn refused(&self) {
        if let (Some(me), Some(owner)) = (life::current(), self.mailbox.owner.get()) {
            me.stage.refused(&me, owner);
        }
    }
}

impl<M: Send + 'static> Clone for Addr<M> {
    fn clone(&self) -> Addr<M> {
        Addr::new(Arc::clone(&self.mailbox))
    }
}

impl<M: Send + 'static> Drop for Addr<M> {
    fn drop(&mut self) {
        self.mailbox.remove_address();
    }
}

impl<M: Send + 'static> PartialEq for Addr<M> {
    fn eq(&self, other: &Addr<M>) -> bool {
        Arc::ptr_eq(&self.mailbox, &other.mailbox)
    }
}

impl<M: Send + 'static> Eq for Addr<M> {}

/// Hashes the actor, by which addresses are equal: for a set of addresses, say. (`clippy::mutable_key_type` cannot know
/// that nothing of it changes.)
impl<M: Send + 'static> Hash for Addr<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.mailbox).hash(state);
    }
}

impl<M: Send + 'static> fmt::Debug for Addr<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Addr").field(&self.name()).finish()
    }
}
