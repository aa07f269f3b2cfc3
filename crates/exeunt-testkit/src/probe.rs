//! [`Probe`]: an address that records what is sent to it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use exeunt::{Actor, Addr, Context, System, WeakAddr};

use crate::DEFAULT_LIMIT;

/// An address that records what is sent to it, for a test to wait on.
///
/// Behind it is an actor with an unbounded mailbox: it refuses nothing, never makes a sender wait,
/// and keeps all messages in the order in which it was sent them.
///
/// - [`new`](Probe::new) makes one that stands alone, with a small system of its own. Its address
///   can be given to actors of any system.
/// - [`in_system`](Probe::in_system) makes one that is an actor of the system under test: it has
///   its turn in the drain, and its line in the report.
///
/// Each message is given once, to one of the methods that wait. Whatever waits has a limit, 30 s
/// unless [set](Probe::with_limit), after which it panics with the name of the probe; it panics at
/// once if the probe has ended, so that the message cannot come.
///
/// # When it ends
///
/// A probe keeps an address of its own, as a local variable would. It ends with its system's drain,
/// and a probe that stands alone when it is dropped: make it before the system under test, so that
/// it is dropped after it. A system that is to end by itself, all addresses gone, would wait for it
/// forever: [`release`](Probe::release) it.
///
/// # Examples
///
/// ```
/// use exeunt::{Actor, Addr, Context, System};
/// use exeunt_testkit::Probe;
///
/// struct Doubler(Addr<u32>);
/// impl Actor for Doubler {
///     type Msg = u32;
///     fn handle(&mut self, n: u32, _cx: &mut Context<Self>) -> exeunt::Result {
///         Ok(self.0.send(2 * n)?)
///     }
/// }
///
/// let doubled = Probe::new("doubled");
/// let mut system = System::new("test");
/// let doubler = system.spawn("doubler", Doubler(doubled.addr()));
///
/// doubler.send(1)?;
/// doubled.expect_eq(2);
///
/// doubler.send(2)?;
/// doubler.send(3)?;
/// assert_eq!(doubled.await_n(2), [4, 6]);
///
/// // Not for a while, but for good: nothing more can come.
/// drop(system); // drains it
/// assert!(doubled.into_recorded().is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a probe that is dropped records nothing"]
pub struct Probe<M: Send + 'static> {
    name: String,
    own: Option<Addr<M>>,
    addr: WeakAddr<M>,
    tape: Receiver<M>,
    taken: AtomicU64,
    limit: Duration,
    /// Below `own`: drained when its only actor has one address less.
    system: Option<System>,
}

/// The actor behind the address.
struct Recorder<M> {
    tape: Sender<M>,
}

impl<M: Send + 'static> Actor for Recorder<M> {
    type Msg = M;

    fn handle(&mut self, message: M, _cx: &mut Context<Self>) -> exeunt::Result {
        // The test may have dropped its probe; that is no failure of the system.
        let _ = self.tape.send(message);
        Ok(())
    }
}

impl<M: Send + 'static> Probe<M> {
    /// Makes a probe that stands alone.
    ///
    /// # Panics
    ///
    /// If no thread can be had, or none of that name.
    #[track_caller]
    pub fn new(name: &str) -> Probe<M> {
        let mut system = System::new(format!("probe {name}"));
        let mut probe = Probe::in_system(&mut system, name);
        probe.system = Some(system);
        probe
    }

    /// Makes a probe that is an actor of the system under test.
    ///
    /// It is spawned here and now, and declares that it feeds nobody. Its turn in the drain comes
    /// when all that were spawned after it, or declared that they feed it, have ended.
    ///
    /// # Panics
    ///
    /// If no thread can be had, or none of that name.
    #[track_caller]
    pub fn in_system(system: &mut System, name: &str) -> Probe<M> {
        let (sender, tape) = crossbeam_channel::unbounded();
        let spawned =
            system.actor(name).unbounded().feeds_nothing().spawn(Recorder { tape: sender });
        match spawned {
            Ok(own) => Probe {
                name: name.to_owned(),
                addr: own.downgrade(),
                own: Some(own),
                tape,
                taken: AtomicU64::new(0),
                limit: DEFAULT_LIMIT,
                system: None,
            },
            Err(error) => panic!("no probe: {error}"),
        }
    }

    /// Sets how long a message may be waited for; 30 s unless set.
    ///
    /// It is there so that a hang becomes a failure: a test that passes never waits for it, and on
    /// a busy machine a short one fails for nothing.
    pub fn with_limit(mut self, limit: Duration) -> Probe<M> {
        self.limit = limit;
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address to send to. After the drain of its system it is closed.
    ///
    /// # Panics
    ///
    /// If the probe was [released](Probe::release), and nobody has its address any more.
    #[track_caller]
    #[must_use]
    pub fn addr(&self) -> Addr<M> {
        match self.addr.upgrade() {
            Some(addr) => addr,
            None => panic!("{self} was released, and nobody has its address any more"),
        }
    }

    /// Gives up its own address, so that it ends by itself when all others are gone, as any actor
    /// does.
    ///
    /// ```
    /// use exeunt::{Ended, System};
    /// use exeunt_testkit::Probe;
    ///
    /// let mut system = System::new("test");
    /// let mut lines = Probe::in_system(&mut system, "lines");
    /// let addr = lines.addr();
    /// system.spawn_task("source", move |_cx| Ok(addr.send("the only one")?));
    /// lines.release();
    ///
    /// let report = system.wait();
    /// assert_eq!(report.actor("lines").unwrap().ended, Ended::Completed);
    /// assert_eq!(lines.into_recorded(), ["the only one"]);
    /// ```
    pub fn release(&mut self) {
        self.own = None;
    }

    // Waiting.

    /// Waits for the next message.
    ///
    /// # Panics
    ///
    /// If none comes within the limit, or none can come.
    #[track_caller]
    pub fn expect(&self) -> M {
        self.expect_within(self.limit)
    }

    /// Waits for the next message, for `limit` at most.
    ///
    /// # Panics
    ///
    /// If none comes within the limit, or none can come.
    #[track_caller]
    pub fn expect_within(&self, limit: Duration) -> M {
        let began = Instant::now();
        match self.next(limit) {
            Ok(message) => message,
            Err(error) => self.give_up(error, began, "no message"),
        }
    }

    /// Waits for the next `n` messages, for the limit in all.
    ///
    /// # Panics
    ///
    /// If fewer come within the limit, or can come.
    #[track_caller]
    pub fn await_n(&self, n: usize) -> Vec<M> {
        let began = Instant::now();
        let mut messages = Vec::new();
        while messages.len() < n {
            match self.next(self.limit.saturating_sub(began.elapsed())) {
                Ok(message) => messages.push(message),
                Err(error) => {
                    let what = format!("{} of {n} messages", messages.len());
                    self.give_up(error, began, &what)
                }
            }
        }
        messages
    }

    /// Takes what has been recorded by now, without waiting.
    ///
    /// A message that was sent may still be on its way; after the drain of the probe's system, and
    /// for a probe that stands alone with [`into_recorded`](Probe::into_recorded), it is all there.
    #[must_use]
    pub fn drain_recorded(&self) -> Vec<M> {
        self.count(self.tape.try_iter().collect())
    }

    /// Waits for the end of the probe, and gives all that was not taken.
    ///
    /// It gives up its own address for that. One that stands alone is drained here: what was
    /// accepted before this call is recorded, and its address is closed after it. One in a system
    /// ends with the drain, or by itself when its last address is gone.
    ///
    /// # Panics
    ///
    /// If it does not end within the limit.
    #[track_caller]
    pub fn into_recorded(mut self) -> Vec<M> {
        let began = Instant::now();
        self.release();
        drop(self.system.take());
        let mut messages = Vec::new();
        loop {
            match self.next(self.limit.saturating_sub(began.elapsed())) {
                Ok(message) => messages.push(message),
                Err(RecvTimeoutError::Disconnected) => return messages,
                Err(RecvTimeoutError::Timeout) => panic!(
                    "{self} has not ended within {:?}: somebody has its address, and no drain \
                     has come to it",
                    self.limit
                ),
            }
        }
    }

    fn next(&self, limit: Duration) -> Result<M, RecvTimeoutError> {
        let message = self.tape.recv_timeout(limit)?;
        self.taken.fetch_add(1, Ordering::Relaxed);
        Ok(message)
    }

    fn count(&self, messages: Vec<M>) -> Vec<M> {
        self.taken.fetch_add(messages.len() as u64, Ordering::Relaxed);
        messages
    }

    #[track_caller]
    fn give_up(&self, error: RecvTimeoutError, began: Instant, what: &str) -> ! {
        let waited = began.elapsed();
        match error {
            RecvTimeoutError::Timeout => panic!("{self}: {what} within {waited:.3?}"),
            RecvTimeoutError::Disconnected => {
                panic!("{self}: {what}: it has ended, and no more can come (after {waited:.3?})")
            }
        }
    }
}

/// What shows the message when it is not the right one.
impl<M: Send + fmt::Debug + 'static> Probe<M> {
    /// Waits for the next message, which has to be this one.
    ///
    /// # Panics
    ///
    /// If it is another one; if none comes within the limit, or none can come.
    #[track_caller]
    pub fn expect_eq(&self, expected: M)
    where
        M: PartialEq,
    {
        let message = self.expect();
        assert!(
            message == expected,
            "{self}: another message\nexpected: {expected:?}\n    came: {message:?}"
        );
    }

    /// Waits for the next message, which has to be as `is_so` wants it, and gives it. `what` says
    /// in the panic what it was to be.
    ///
    /// # Panics
    ///
    /// If it is otherwise; if none comes within the limit, or none can come.
    ///
    /// # Examples
    ///
    /// A probe in the place of an actor that is asked. The asker waits, so it has a thread of its
    /// own:
    ///
    /// ```
    /// use std::thread;
    /// use exeunt::Reply;
    /// use exeunt_testkit::Probe;
    ///
    /// #[derive(Debug)]
    /// enum Account { Pay(u64), Balance(Reply<u64>) }
    ///
    /// let account = Probe::new("account");
    /// let addr = account.addr();
    /// let asker = thread::spawn(move || addr.ask(Account::Balance));
    ///
    /// let question = account.expect_that(|m| matches!(m, Account::Balance(_)), "a question");
    /// let Account::Balance(reply) = question else { unreachable!() };
    /// reply.send(42).unwrap();
    /// assert_eq!(asker.join().unwrap().unwrap(), 42);
    /// # let _ = Account::Pay(0);
    /// ```
    #[track_caller]
    pub fn expect_that(&self, is_so: impl FnOnce(&M) -> bool, what: &str) -> M {
        let message = self.expect();
        assert!(is_so(&message), "{self}: not {what}\n    came: {message:?}");
        message
    }

    /// Waits this long, in which no message may come. If none can come any more, it does not wait.
    ///
    /// A short wait misses what comes late, and a long one is always spent. Where the test can
    /// bring the probe to its end, [`into_recorded`](Probe::into_recorded) knows.
    ///
    /// # Panics
    ///
    /// If a message comes.
    #[track_caller]
    pub fn expect_none_within(&self, duration: Duration) {
        let began = Instant::now();
        if let Ok(message) = self.next(duration) {
            let waited = began.elapsed();
            panic!("{self}: a message, where none was to come (after {waited:.3?}): {message:?}");
        }
    }
}

/// As it stands in its panics: with its name, and how many messages it has given before.
impl<M: Send + 'static> fmt::Display for Probe<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "probe `{}` ({} before)", self.name, self.taken.load(Ordering::Relaxed))
    }
}

impl<M: Send + 'static> fmt::Debug for Probe<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe")
            .field("name", &self.name)
            .field("recorded", &self.tape.len())
            .field("taken", &self.taken)
            .finish_non_exhaustive()
    }
}
