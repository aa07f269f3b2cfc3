//! [`Router`] and [`Broadcast`]: one way to many addresses.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::address::Addr;
use crate::error::{AskError, SendError, SendTimeoutError, TrySendError};
use crate::life;
use crate::reply::Reply;

/// Sends each message to one of several actors.
///
/// - [`round_robin`](Router::round_robin): to each in its turn.
/// - [`least_loaded`](Router::least_loaded): to the one in whose mailbox the fewest messages wait.
/// - [`keyed`](Router::keyed): messages of the same key always to the same one.
///
/// A [`Broadcast`] sends each message to all.
///
/// Clones are cheap and share one turn. A router holds addresses, and so **keeps its actors alive**
/// like any address. Whoever sends through one should [declare](crate::ActorBuilder::feeds) each of
/// its [`members`](Router::members).
///
/// # Guarantee
///
/// That of [`Addr`]: `Ok` means that one of the actors has accepted the message, and an error gives it back. An actor
/// whose mailbox is closed is passed over, as long as there is another one; for its children, and in a cycle, a mailbox
/// [stays open](crate::contract) longer than for others. A keyed router passes over nobody, since the order of a key's
/// messages would be lost. It keeps that order per sender and key; the other routers promise none across their actors.
///
/// # Examples
///
/// ```
/// use exeunt::{Actor, Context, Router, System};
///
/// struct Resize(u32);
/// impl Actor for Resize {
///     type Msg = String;
///     fn handle(&mut self, _image: String, _cx: &mut Context<Self>) -> exeunt::Result {
///         self.0 += 1;
///         Ok(())
///     }
/// }
///
/// let mut system = System::new("images");
/// let hands: Vec<_> = (0..3).map(|n| system.spawn(&format!("resize-{n}"), Resize(0))).collect();
/// let router = Router::round_robin(hands)?;
/// for n in 0..9 {
///     router.send(format!("{n}.png"))?;
/// }
/// let report = system.shutdown();
/// assert!(report.actors.iter().all(|hand| hand.handled == 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Router<M: Send + 'static> {
    inner: Arc<Inner<M>>,
}

struct Inner<M: Send + 'static> {
    /// Never empty.
    members: Vec<Addr<M>>,
    way: Way<M>,
    /// Which member's turn it is; for the least loaded, which goes first among equals.
    turn: AtomicUsize,
}

enum Way<M> {
    RoundRobin,
    LeastLoaded,
    Keyed(Box<dyn Fn(&M) -> u64 + Send + Sync>),
}

impl<M: Send + 'static> Router<M> {
    /// A router that sends to each in its turn. [`send`](Router::send) does not pass over a full
    /// mailbox: it waits there.
    ///
    /// # Errors
    ///
    /// [`NoMembers`] if there is nobody to send to.
    pub fn round_robin(addrs: impl IntoIterator<Item = Addr<M>>) -> Result<Router<M>, NoMembers> {
        Router::new(addrs, Way::RoundRobin)
    }

    /// A router that sends to the one in whose mailbox the fewest messages wait; among equals to
    /// each in its turn. It looks at all of them for each message.
    ///
    /// # Errors
    ///
    /// [`NoMembers`] if there is nobody to send to.
    pub fn least_loaded(addrs: impl IntoIterator<Item = Addr<M>>) -> Result<Router<M>, NoMembers> {
        Router::new(addrs, Way::LeastLoaded)
    }

    /// A router that sends messages of the same key to the same actor, always. Which actor that is
    /// depends only on the key and the number of addresses, so that two routers over the same
    /// addresses in the same order agree.
    ///
    /// ```
    /// use exeunt::Router;
    ///
    /// let (addrs, inboxes): (Vec<_>, Vec<_>) = (0..4).map(|_| exeunt::mailbox(64)).unzip();
    /// let by_account = Router::keyed(addrs, |(account, _amount): &(u32, i64)| *account)?;
    /// by_account.send((17, 100))?;
    /// by_account.send((17, -30))?; // behind the other one
    /// assert!(by_account.members().iter().any(|member| member.queued() == 2));
    /// # drop(inboxes);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NoMembers`] if there is nobody to send to.
    pub fn keyed<K: Hash>(
        addrs: impl IntoIterator<Item = Addr<M>>,
        key: impl Fn(&M) -> K + Send + Sync + 'static,
    ) -> Result<Router<M>, NoMembers> {
        let hash = move |message: &M| {
            let mut hasher = DefaultHasher::new();
            key(message).hash(&mut hasher);
            hasher.finish()
        };
        Router::new(addrs, Way::Keyed(Box::new(hash)))
    }

    fn new(addrs: impl IntoIterator<Item = Addr<M>>, way: Way<M>) -> Result<Router<M>, NoMembers> {
        let inner = Inner { members: some(addrs)?, way, turn: AtomicUsize::new(0) };
        Ok(Router { inner: Arc::new(inner) })
    }

    /// Sends the message to the actor whose turn it is, as [`Addr::send`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Addr::send`]; [`Closed`](SendError::Closed) if all are closed, or, for a keyed
    /// router, if the actor of the message's key is.
    pub fn send(&self, message: M) -> Result<(), SendError<M>> {
        let mut message = message;
        let round = self.inner.round(&message);
        for member in round.open() {
            match member.send(message) {
                Err(SendError::Closed(back, _)) => message = back,
                sent => return sent,
            }
        }
        round.first().send(message)
    }

    /// Sends the message to the actor whose turn it is, as [`Addr::try_send`] does. A full mailbox
    /// is passed over like a closed one.
    ///
    /// # Errors
    ///
    /// Each gives the message back: [`Full`](TrySendError::Full) if no open mailbox has room,
    /// [`Closed`](TrySendError::Closed) if none is open. For a keyed router only the mailbox of the
    /// message's key counts.
    pub fn try_send(&self, message: M) -> Result<(), TrySendError<M>> {
        let mut message = message;
        let mut full = None;
        let round = self.inner.round(&message);
        for member in round.open() {
            match member.try_send(message) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(back, name)) => {
                    full.get_or_insert(name);
                    message = back;
                }
                Err(error) => message = error.into_message(),
            }
        }
        match full {
            Some(name) => Err(TrySendError::Full(message, name)),
            None => round.first().try_send(message),
        }
    }

    /// Asks the actor whose turn it is, as [`Addr::ask`] does. What is sent is the message that
    /// `question` makes, and so a keyed router goes by the key of that message.
    ///
    /// An actor that asks a router of which it is itself a member is passed over.
    ///
    /// ```
    /// use exeunt::{Actor, Context, Reply, Router, System};
    ///
    /// struct Holds { isbn: u64, reply: Reply<bool> }
    ///
    /// struct Shelf(Vec<u64>);
    /// impl Actor for Shelf {
    ///     type Msg = Holds;
    ///     fn handle(&mut self, asked: Holds, _cx: &mut Context<Self>) -> exeunt::Result {
    ///         let _ = asked.reply.send(self.0.contains(&asked.isbn));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let mut system = System::new("library");
    /// let shelves = ["north", "south"].map(|name| system.spawn(name, Shelf(vec![17, 42])));
    /// let shelves = Router::keyed(shelves, |asked: &Holds| asked.isbn)?;
    /// assert!(shelves.ask(|reply| Holds { isbn: 42, reply })?);
    /// assert!(!shelves.ask(|reply| Holds { isbn: 43, reply })?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Addr::ask`]. Only a question that was not accepted goes to the next actor; one that was accepted, and
    /// not answered, is not asked twice. With [`AskError::Deadlock`] there is nobody but the asker to ask.
    pub fn ask<R: Send + 'static>(
        &self,
        question: impl FnOnce(Reply<R>) -> M,
    ) -> Result<R, AskError<M>> {
        self.ask_by(question, None)
    }

    /// Asks as [`ask`](Router::ask) does, and gives up after `timeout`, the wait for room included.
    ///
    /// # Errors
    ///
    /// Those of [`ask`](Router::ask), and [`AskError::Timeout`].
    pub fn ask_timeout<R: Send + 'static>(
        &self,
        question: impl FnOnce(Reply<R>) -> M,
        timeout: Duration,
    ) -> Result<R, AskError<M>> {
        self.ask_by(question, Instant::now().checked_add(timeout))
    }

    fn ask_by<R: Send + 'static>(
        &self,
        question: impl FnOnce(Reply<R>) -> M,
        deadline: Option<Instant>,
    ) -> Result<R, AskError<M>> {
        let me = life::current();
        let (reply, answer) = Reply::new();
        let mut message = question(reply);
        let round = self.inner.round(&message);
        for member in round.open().filter(|member| !member.belongs_to(me.as_deref())) {
            match member.send_by(message, deadline) {
                Ok(()) => return member.asked().wait_for_answer(&answer, deadline),
                Err(SendTimeoutError::Closed(back, _)) => message = back,
                Err(refused) => return Err(AskError::NotSent(refused)),
            }
        }
        let is_my_own =
            |me: &Arc<life::Life>| round.open().any(|member| member.belongs_to(Some(me)));
        if let Some(me) = me.filter(is_my_own) {
            return Err(AskError::Deadlock(message, Arc::clone(&me.name)));
        }
        round.first().send_by(message, deadline).map_err(AskError::NotSent)?;
        round.first().asked().wait_for_answer(&answer, deadline)
    }

    /// The addresses, in the order in which they were given.
    #[must_use]
    pub fn members(&self) -> &[Addr<M>] {
        &self.inner.members
    }
}

impl<M: Send + 'static> Inner<M> {
    /// The members that may get the message, from the one on that is to have it.
    fn round(&self, message: &M) -> Round<'_, M> {
        let members = &self.members;
        let turn = || self.turn.fetch_add(1, Ordering::Relaxed) % members.len();
        let start = match &self.way {
            Way::RoundRobin => turn(),
            Way::LeastLoaded => least_loaded(members, turn()),
            Way::Keyed(hash) => {
                let index = (hash(message) % members.len() as u64) as usize;
                return Round([&members[index..=index], &[]]);
            }
        };
        let (before, from) = members.split_at(start);
        Round([from, before])
    }
}

/// The index of the open member with the fewest messages, the first of them from `turn` on.
fn least_loaded<M: Send + 'static>(members: &[Addr<M>], turn: usize) -> usize {
    (turn..members.len())
        .chain(0..turn)
        .filter(|&index| members[index].mailbox().is_open())
        .min_by_key(|&index| members[index].queued())
        .unwrap_or(turn)
}

/// Two slices, of which the first is not empty.
struct Round<'a, M: Send + 'static>([&'a [Addr<M>]; 2]);

impl<'a, M: Send + 'static> Round<'a, M> {
    fn first(&self) -> &'a Addr<M> {
        &self.0[0][0]
    }

    /// A member that is known to be closed to the sender is not tried: in a drain, that would be counted as a send in
    /// the wrong order.
    fn open(&self) -> impl Iterator<Item = &'a Addr<M>> + use<'a, M> {
        self.0.into_iter().flatten().filter(|member| member.mailbox().is_open())
    }
}

impl<M: Send + 'static> Clone for Router<M> {
    fn clone(&self) -> Router<M> {
        Router { inner: Arc::clone(&self.inner) }
    }
}

/// A panic of the closure that tells the key leaves nothing of the router half done.
impl<M: Send + 'static> UnwindSafe for Router<M> {}
impl<M: Send + 'static> RefUnwindSafe for Router<M> {}

impl<M: Send + 'static> fmt::Debug for Router<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = match &self.inner.way {
            Way::RoundRobin => "round robin",
            Way::LeastLoaded => "least loaded",
            Way::Keyed(_) => "keyed",
        };
        f.debug_tuple("Router").field(&way).field(&self.members()).finish()
    }
}

/// Sends each message to all of several actors.
///
/// It holds addresses, and so **keeps its actors alive** like any address.
///
/// # Examples
///
/// ```
/// use exeunt::Broadcast;
///
/// let (left, left_inbox) = exeunt::mailbox(4);
/// let (right, right_inbox) = exeunt::mailbox(4);
/// let news = Broadcast::new([left.clone(), right])?;
/// assert_eq!(news.send("all"), Ok(2));
///
/// drop(right_inbox); // closes it
/// let error = news.send("who is left").unwrap_err();
/// assert_eq!(error.accepted(), 1);
/// assert_eq!(error.refused()[0].1.clone().into_message(), "who is left");
/// assert_eq!(left.queued(), 2);
/// # drop(left_inbox);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Broadcast<M: Send + 'static> {
    members: Arc<[Addr<M>]>,
}

impl<M: Clone + Send + 'static> Broadcast<M> {
    /// Sends a clone of the message to each in turn, as [`Addr::send`] does, and says how many have
    /// accepted it: all of them. It waits at a full mailbox before it goes on to the next.
    ///
    /// # Errors
    ///
    /// [`BroadcastError`] if an actor refused: it says how many have accepted the message, which refused it and why,
    /// and gives their clones back. After a refusal the others are still sent to.
    pub fn send(&self, message: M) -> Result<usize, BroadcastError<M>> {
        let mut refused = Vec::new();
        let mut send = |member: &Addr<M>, message| {
            if let Err(error) = member.send(message) {
                refused.push((member.clone(), error));
            }
        };
        if let Some((last, others)) = self.members.split_last() {
            others.iter().for_each(|member| send(member, message.clone()));
            send(last, message);
        }
        let accepted = self.members.len() - refused.len();
        if refused.is_empty() { Ok(accepted) } else { Err(BroadcastError { accepted, refused }) }
    }
}

impl<M: Send + 'static> Broadcast<M> {
    /// A broadcast to all of these.
    ///
    /// # Errors
    ///
    /// [`NoMembers`] if there is nobody to send to.
    pub fn new(addrs: impl IntoIterator<Item = Addr<M>>) -> Result<Broadcast<M>, NoMembers> {
        Ok(Broadcast { members: some(addrs)?.into() })
    }

    /// The addresses, in the order in which they were given.
    #[must_use]
    pub fn members(&self) -> &[Addr<M>] {
        &self.members
    }
}

impl<M: Send + 'static> Clone for Broadcast<M> {
    fn clone(&self) -> Broadcast<M> {
        Broadcast { members: Arc::clone(&self.members) }
    }
}

impl<M: Send + 'static> fmt::Debug for Broadcast<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Broadcast").field(&self.members).finish()
    }
}

/// A message that not all of its receivers have accepted.
#[derive(PartialEq, Eq)]
pub struct BroadcastError<M: Send + 'static> {
    accepted: usize,
    refused: Vec<(Addr<M>, SendError<M>)>,
}

impl<M: Send + 'static> BroadcastError<M> {
    /// How many have accepted the message.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.accepted
    }

    /// Which actors refused it, and why, with the message.
    #[must_use]
    pub fn refused(&self) -> &[(Addr<M>, SendError<M>)] {
        &self.refused
    }

    /// The same, to keep.
    #[must_use]
    pub fn into_refused(self) -> Vec<(Addr<M>, SendError<M>)> {
        self.refused
    }
}

impl<M: Send + 'static> fmt::Debug for BroadcastError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BroadcastError")
            .field("accepted", &self.accepted)
            .field("refused", &self.refused)
            .finish()
    }
}

impl<M: Send + 'static> fmt::Display for BroadcastError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.accepted + self.refused.len();
        write!(f, "{} of {all} took the message", self.accepted)?;
        for (_, error) in &self.refused {
            write!(f, "; {error}")?;
        }
        Ok(())
    }
}

/// Its source is the first refusal that was an [interruption](crate::Interrupted).
impl<M: Send + 'static> std::error::Error for BroadcastError<M> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.refused.iter().find_map(|(_, error)| std::error::Error::source(error))
    }
}

/// A router was to be made over no addresses: it could never send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoMembers;

impl fmt::Display for NoMembers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a router needs at least one address")
    }
}

impl std::error::Error for NoMembers {}

fn some<M: Send + 'static>(
    addrs: impl IntoIterator<Item = Addr<M>>,
) -> Result<Vec<Addr<M>>, NoMembers> {
    let addrs: Vec<_> = addrs.into_iter().collect();
    if addrs.is_empty() { Err(NoMembers) } else { Ok(addrs) }
}

#[cfg(test)]
mod tests;
