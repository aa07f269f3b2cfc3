//! [`Event`]: a flag that is set once and wakes everybody who waits for it.

use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::time::Duration;
#[cfg(feature = "async")]
use std::{pin::Pin, task::Context, task::Poll};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use crate::unwind;
#[cfg(feature = "async")]
use crate::waiters::Ticket;
use crate::waiters::Waiters;

/// A flag that is set once. To look at it costs one load, and it can be waited for with a time-out
/// or beside other channels.
///
/// To a thread that is to be stopped it is an *exit event*: a loop asks [`is_set`](Event::is_set),
/// a sleep becomes [`wait_timeout`](Event::wait_timeout), and whoever [sets](Event::set) the event
/// ends both. Clones are the same event. It is useful without any actor.
///
/// A set event stays set; there is no way back, and so no lost wake-up.
///
/// # Examples
///
/// A background thread that is told to end in the middle of its sleep:
///
/// ```
/// use std::{thread, time::Duration};
/// use exeunt::Event;
///
/// let exit = Event::new();
/// let worker = thread::spawn({
///     let exit = exit.clone();
///     move || {
///         let mut rounds = 0;
///         while !exit.wait_timeout(Duration::from_secs(3600)) {
///             rounds += 1;
///         }
///         rounds // clean-up goes here
///     }
/// });
///
/// exit.set();
/// assert_eq!(worker.join().unwrap(), 0); // at once, not after an hour
/// ```
///
/// Beside other channels, as one arm of a `select!`:
///
/// ```
/// use crossbeam_channel::{select, unbounded};
/// use exeunt::Event;
///
/// let exit = Event::new();
/// let (work, inbox) = unbounded::<u32>();
/// exit.set();
/// select! {
///     recv(inbox) -> job => panic!("nobody sent {job:?}"),
///     recv(exit.receiver()) -> _ => println!("leaving"),
/// }
/// # drop(work);
/// ```
#[derive(Clone)]
pub struct Event {
    inner: Arc<Inner>,
}

struct Inner {
    flag: Flag,
    children: Mutex<Children>,
    /// Kept, since what is set above it reaches it through the parent alone, which nobody else may have.
    parent: Option<Arc<Inner>>,
}

struct Children {
    all: Vec<Weak<Inner>>,
    /// At this many, the children that are gone are swept out. It doubles, so that a long-lived
    /// parent of many short-lived children costs amortised constant time and no more memory than
    /// they do.
    sweep_at: usize,
}

/// An event that has no children, and lies in whatever it tells of.
///
/// The channel carries nothing, ever: dropping its only sender disconnects it, and a disconnected
/// channel is ready for every receiver at once. That is the broadcast. It is made when somebody
/// first waits: most events are only ever looked at.
pub(crate) struct Flag {
    set: AtomicBool,
    channel: OnceLock<Receiver<Infallible>>,
    /// Present while it is not set, and there is a channel.
    sender: Mutex<Option<Sender<Infallible>>>,
    /// Those who wait for it with a waker.
    waiters: Waiters,
}

impl Event {
    /// Makes an event that is not set.
    #[must_use]
    pub fn new() -> Event {
        Event::below(None)
    }

    fn below(parent: Option<Arc<Inner>>) -> Event {
        let children = Mutex::new(Children { all: Vec::new(), sweep_at: 8 });
        Event { inner: Arc::new(Inner { flag: Flag::new(), children, parent }) }
    }

    /// Sets the event and its children, and wakes everybody who waits for one of them.
    ///
    /// What happened before this call is visible to whoever sees the event set. Setting it again does nothing. Never
    /// blocks; but it takes a lock, so it is not for code that runs inside a signal handler (`signal_hook::low_level`).
    /// The closure given to `ctrlc` does not run there.
    pub fn set(&self) {
        let mut unset = self.inner.set();
        while let Some(child) = unset.pop() {
            unset.extend(child.upgrade().map(|child| child.set()).into_iter().flatten());
        }
    }

    /// Whether the event is set. Costs one load.
    #[inline]
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.inner.flag.is_set()
    }

    /// Waits until the event is set.
    pub fn wait(&self) {
        if !self.is_set() {
            // The only thing that can come out of the channel is its end.
            let _ = self.receiver().recv();
        }
    }

    /// Waits until the event is set, for `timeout` at most, and says whether it was set.
    ///
    /// This is the sleep that can be interrupted: `true` means "leave", `false` "you have slept". If
    /// `timeout` is too long for the clock, there is no time limit.
    #[must_use = "whether the event was set is the answer to `shall I go on?`"]
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        if self.is_set() {
            return true;
        }
        match self.receiver().recv_timeout(timeout) {
            Err(RecvTimeoutError::Timeout) => self.is_set(),
            Err(RecvTimeoutError::Disconnected) => true,
            Ok(never) => match never {},
        }
    }

    /// The receiver to put beside other channels in a `select!`: it becomes ready, disconnected,
    /// when the event is set, and never carries a value.
    #[must_use]
    pub fn receiver(&self) -> &Receiver<Infallible> {
        self.inner.flag.receiver()
    }

    /// Makes an event that is set when this one is, and can be set alone.
    ///
    /// A child of a set event is set from the start.
    ///
    /// ```
    /// use exeunt::Event;
    ///
    /// let program = Event::new();
    /// let connection = program.child();
    /// let other = program.child();
    ///
    /// connection.set(); // ends one connection
    /// assert!(!program.is_set() && !other.is_set());
    ///
    /// program.set(); // ends them all
    /// assert!(other.is_set());
    /// ```
    #[must_use]
    pub fn child(&self) -> Event {
        let child = Event::below(Some(Arc::clone(&self.inner)));
        // Under the lock under which the children are taken: whoever sets the event finds the
        // child, or is found here.
        let mut children = self.inner.children();
        if !self.is_set() {
            children.add(&child.inner);
        } else {
            drop(children);
            child.set();
        }
        child
    }

    /// Those who wait for it with a waker. They look at it once more when they are in the queue.
    pub(crate) fn waiters(&self) -> &Waiters {
        self.inner.flag.waiters()
    }

    #[cfg(feature = "async")]
    pub(crate) fn awaited(&self) -> Awaited {
        Awaited { event: self.clone(), ticket: Ticket::next() }
    }
}

/// The wait for an event without a thread.
#[cfg(feature = "async")]
pub(crate) struct Awaited {
    event: Event,
    ticket: Ticket,
}

#[cfg(feature = "async")]
impl Future for Awaited {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.event.is_set() {
            return Poll::Ready(());
        }
        self.event.waiters().add(self.ticket, cx.waker());
        // Whoever set it in between has not seen the waker.
        if self.event.is_set() { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[cfg(feature = "async")]
impl Drop for Awaited {
    fn drop(&mut self) {
        self.event.waiters().remove(self.ticket);
    }
}

impl Inner {
    /// Sets this one and gives its children, which are to be set without holding its lock.
    fn set(&self) -> Vec<Weak<Inner>> {
        self.flag.set();
        std::mem::take(&mut self.children().all)
    }

    fn children(&self) -> MutexGuard<'_, Children> {
        unwind::lock(&self.children)
    }
}

/// One after the other, since a line of parents may be long.
impl Drop for Inner {
    fn drop(&mut self) {
        let mut above = self.parent.take();
        while let Some(mut parent) = above.and_then(Arc::into_inner) {
            above = parent.parent.take();
        }
    }
}

impl Children {
    fn add(&mut self, child: &Arc<Inner>) {
        if self.all.len() >= self.sweep_at {
            self.all.retain(|child| child.strong_count() > 0);
            self.sweep_at = 8.max(2 * self.all.len());
        }
        self.all.push(Arc::downgrade(child));
    }
}

impl Flag {
    pub(crate) fn new() -> Flag {
        Flag {
            set: AtomicBool::new(false),
            channel: OnceLock::new(),
            sender: Mutex::new(None),
            waiters: Waiters::default(),
        }
    }

    pub(crate) fn set(&self) {
        let mut sender = self.sender();
        // The flag before the wake-up: whoever is woken finds it set.
        self.set.store(true, Ordering::SeqCst);
        *sender = None;
        drop(sender);
        self.waiters.wake_all();
    }

    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        self.set.load(Ordering::Acquire)
    }

    pub(crate) fn receiver(&self) -> &Receiver<Infallible> {
        self.channel.get_or_init(|| self.open_channel())
    }

    pub(crate) fn waiters(&self) -> &Waiters {
        &self.waiters
    }

    fn open_channel(&self) -> Receiver<Infallible> {
        let (sender, channel) = crossbeam_channel::bounded(0);
        // Under the lock under which it is set: whoever sets it finds the sender, or is found here.
        let mut kept = self.sender();
        if !self.set.load(Ordering::Relaxed) {
            *kept = Some(sender);
        }
        channel
    }

    fn sender(&self) -> MutexGuard<'_, Option<Sender<Infallible>>> {
        unwind::lock(&self.sender)
    }
}

impl Default for Event {
    fn default() -> Event {
        Event::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("set", &self.is_set()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many children it remembers, and at how many it sweeps.
    fn memory(event: &Event) -> (usize, usize) {
        let children = event.inner.children();
        (children.all.len(), children.sweep_at)
    }

    #[test]
    fn d5_a_parent_remembers_no_more_than_twice_as_many_children_as_there_are() {
        let parent = Event::new();
        (0..100).for_each(|_| drop(parent.child()));
        assert!(memory(&parent).0 <= 8);
        // With room for others to come, so that it does not look at all for each of them.
        let parent = Event::new();
        let children: Vec<Event> = (0..20).map(|_| parent.child()).collect();
        (20..32).for_each(|_| drop(parent.child()));
        assert_eq!(memory(&parent), (32, 32));
        drop(parent.child());
        assert_eq!(memory(&parent), (21, 40));
        parent.set();
        assert!(children.iter().all(Event::is_set));
    }

    #[cfg(feature = "async")]
    #[test]
    fn d5_a_future_sees_an_event_that_was_set_while_it_came_into_the_queue() {
        use std::task::{Wake, Waker};

        struct SetsWhenDropped(Event);
        impl Wake for SetsWhenDropped {
            fn wake(self: Arc<Self>) {}
        }
        impl Drop for SetsWhenDropped {
            fn drop(&mut self) {
                self.0.set();
            }
        }
        let event = Event::new();
        let mut awaited = std::pin::pin!(event.awaited());
        let mut poll = |waker: &Waker| awaited.as_mut().poll(&mut Context::from_waker(waker));
        assert!(poll(&Waker::from(Arc::new(SetsWhenDropped(event.clone())))).is_pending());
        // The new waker takes the place of the old one, which is dropped: between the two looks.
        assert!(poll(Waker::noop()).is_ready());
    }

    #[test]
    fn d5_an_event_says_whether_it_is_set() {
        let event = Event::new();
        assert_eq!(format!("{event:?}"), "Event { set: false }");
        event.set();
        assert_eq!(format!("{event:?}"), "Event { set: true }");
    }
}
