//! [`Reply`]: where the answer to an ask goes. Its other end, the [`Answer`], is where it is awaited.
//!
//! Both hold one small slot. A channel for one answer would cost three times as much, and is made only
//! for an asker that goes to sleep.

use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;

use crate::unwind;

/// Where the answer to an [ask](crate::Addr::ask) goes. It travels in the question, can be kept for
/// later or handed on, and tells the asker when it is dropped unused.
///
/// # Examples
///
/// An answer need not be given at once. This one opens when the second of two has come:
///
/// ```
/// use exeunt::{Actor, Context, Reply, System};
///
/// #[derive(Default)]
/// struct Gate { waiting: Vec<Reply<usize>> }
///
/// impl Actor for Gate {
///     type Msg = Reply<usize>;
///     fn handle(&mut self, reply: Reply<usize>, _cx: &mut Context<Self>) -> exeunt::Result {
///         self.waiting.push(reply);
///         if self.waiting.len() == 2 {
///             for (n, reply) in self.waiting.drain(..).enumerate() {
///                 let _ = reply.send(n); // who does not wait any more need not know
///             }
///         }
///         Ok(())
///     }
/// }
///
/// let mut system = System::new("gate");
/// let gate = system.spawn("gate", Gate::default());
/// let other = std::thread::spawn({
///     let gate = gate.clone();
///     move || gate.ask(|reply| reply).unwrap()
/// });
/// assert_eq!(gate.ask(|reply| reply)? + other.join().unwrap(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reply<R> {
    slot: Arc<Slot<R>>,
}

/// Where an answer is awaited.
pub(crate) struct Answer<R> {
    slot: Arc<Slot<R>>,
}

/// Why there is no answer to take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NoAnswer {
    Yet,
    /// The [`Reply`] was dropped unused.
    Ever,
}

struct Slot<R> {
    /// Set when it is not [`Open`](State::Open) any more: a look in vain costs a load. Written under the lock.
    is_settled: AtomicBool,
    inner: Mutex<Inner<R>>,
}

struct Inner<R> {
    state: State<R>,
    /// Who is woken when it is settled.
    waker: Option<Waker>,
}

enum State<R> {
    Open,
    Answered(R),
    /// The answer was taken, or there will be none.
    Empty,
    /// Nobody waits any more.
    Forsaken,
}

impl<R> Reply<R> {
    /// A reply, and where its answer will be.
    pub(crate) fn new() -> (Reply<R>, Answer<R>) {
        Reply::with(None)
    }

    /// A reply that wakes the asker when it is used or dropped, and where its answer will be.
    pub(crate) fn that_wakes(waker: Waker) -> (Reply<R>, Answer<R>) {
        Reply::with(Some(waker))
    }

    fn with(waker: Option<Waker>) -> (Reply<R>, Answer<R>) {
        let inner = Mutex::new(Inner { state: State::Open, waker });
        let slot = Arc::new(Slot { is_settled: AtomicBool::new(false), inner });
        (Reply { slot: Arc::clone(&slot) }, Answer { slot })
    }

    /// Whether nobody waits for the answer any more: the asker has given up, or is gone. Before an answer that is dear
    /// it is worth a look, which costs a lock.
    ///
    /// ```
    /// use std::time::Duration;
    /// use exeunt::{Actor, Context, Reply, System};
    ///
    /// struct Librarian(std::sync::mpsc::Receiver<()>);
    /// impl Actor for Librarian {
    ///     type Msg = Reply<String>;
    ///     fn handle(&mut self, reply: Reply<String>, _cx: &mut Context<Self>) -> exeunt::Result {
    ///         self.0.recv()?; // the ladder is in use
    ///         if !reply.is_closed() {
    ///             let _ = reply.send("from the highest shelf".to_owned());
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let (free, ladder) = std::sync::mpsc::channel();
    /// let mut system = System::new("library");
    /// let librarian = system.spawn("librarian", Librarian(ladder));
    /// assert!(librarian.ask_timeout(|reply| reply, Duration::from_millis(1)).is_err());
    /// free.send(())?;
    /// assert!(system.shutdown().is_complete());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.slot.lock().state, State::Forsaken)
    }

    /// Answers.
    ///
    /// # Errors
    ///
    /// Gives the answer back if nobody waits for it any more. Most actors ignore that.
    pub fn send(self, answer: R) -> Result<(), R> {
        self.slot.answer(answer)
    }
}

impl<R> Drop for Reply<R> {
    fn drop(&mut self) {
        self.slot.close();
    }
}

impl<R> fmt::Debug for Reply<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply(..)")
    }
}

impl<R> Answer<R> {
    /// The answer, if it is there.
    #[inline]
    pub(crate) fn take(&self) -> Result<R, NoAnswer> {
        if !self.is_settled() {
            return Err(NoAnswer::Yet);
        }
        match mem::replace(&mut self.slot.lock().state, State::Empty) {
            State::Answered(answer) => Ok(answer),
            _ => Err(NoAnswer::Ever),
        }
    }

    /// Whether there is an answer, or will be none.
    #[inline]
    pub(crate) fn is_settled(&self) -> bool {
        self.slot.is_settled.load(Ordering::Acquire)
    }

    /// Has that waker woken when there is an answer, or will be none. The caller has to look once more *afterwards*:
    /// what was settled before wakes nobody.
    pub(crate) fn wake(&self, waker: Waker) {
        let before = self.slot.lock().waker.replace(waker);
        drop(before);
    }
}

impl<R> Drop for Answer<R> {
    fn drop(&mut self) {
        let nobody = Inner { state: State::Forsaken, waker: None };
        let left = mem::replace(&mut *self.slot.lock(), nobody);
        // Not under the lock: the `drop` of an answer is code of the user's.
        drop(left);
    }
}

impl<R> Slot<R> {
    fn answer(&self, answer: R) -> Result<(), R> {
        let mut inner = self.lock();
        if let State::Forsaken = inner.state {
            return Err(answer);
        }
        inner.state = State::Answered(answer);
        self.settle(inner);
        Ok(())
    }

    /// There will be no answer, unless there was one.
    fn close(&self) {
        if self.is_settled.load(Ordering::Relaxed) {
            return;
        }
        let mut inner = self.lock();
        if let State::Open = inner.state {
            inner.state = State::Empty;
            self.settle(inner);
        }
    }

    fn settle(&self, mut inner: MutexGuard<'_, Inner<R>>) {
        self.is_settled.store(true, Ordering::Release);
        let waker = inner.waker.take();
        drop(inner);
        waker.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Inner<R>> {
        unwind::lock(&self.inner)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::atomic::AtomicU32;
    use std::task::Wake;

    use super::*;

    /// How often it was woken.
    #[derive(Default)]
    pub(crate) struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn woken(count: &Count) -> u32 {
        count.0.load(Ordering::Relaxed)
    }

    #[test]
    fn m5_an_answer_is_there_once_and_wakes_once() {
        let count = Arc::new(Count::default());
        let (reply, answer) = Reply::that_wakes(Waker::from(Arc::clone(&count)));
        assert_eq!(answer.take(), Err(NoAnswer::Yet));
        assert_eq!(reply.send(7), Ok(()));
        assert_eq!((answer.take(), answer.take()), (Ok(7), Err(NoAnswer::Ever)));
        assert_eq!(woken(&count), 1);
    }

    #[test]
    fn m5_a_reply_that_is_dropped_wakes_who_came_later_to_wait_for_it() {
        let count = Arc::new(Count::default());
        let (reply, answer) = Reply::<u32>::new();
        answer.wake(Waker::from(Arc::clone(&count)));
        drop(reply);
        assert_eq!((answer.take(), woken(&count)), (Err(NoAnswer::Ever), 1));
    }

    #[test]
    fn who_answers_nobody_has_the_answer_back() {
        let count = Arc::new(Count::default());
        let (reply, answer) = Reply::that_wakes(Waker::from(Arc::clone(&count)));
        drop(answer);
        assert!(reply.is_closed());
        assert_eq!(Arc::strong_count(&count), 1, "who asked is kept, though it has given up");
        assert_eq!((reply.send("late"), woken(&count)), (Err("late"), 0));
    }

    #[test]
    fn an_answer_that_nobody_takes_is_dropped_with_who_waited_for_it() {
        let (reply, answer) = Reply::new();
        let value = Arc::new(());
        assert!(reply.send(Arc::clone(&value)).is_ok());
        drop(answer);
        assert_eq!(Arc::strong_count(&value), 1);
    }

    /// To wake is code of an executor's.
    #[test]
    fn m5_who_is_woken_by_an_answer_may_take_it_at_once() {
        struct Takes(Mutex<Option<Arc<Slot<u32>>>>, AtomicBool);
        impl Wake for Takes {
            fn wake(self: Arc<Self>) {
                let slot = unwind::lock(&self.0).take();
                let is_free = slot.is_some_and(|slot| slot.inner.try_lock().is_ok());
                self.1.store(is_free, Ordering::Relaxed);
            }
        }
        let takes = Arc::new(Takes(Mutex::default(), AtomicBool::new(false)));
        let (reply, answer) = Reply::that_wakes(Waker::from(Arc::clone(&takes)));
        *unwind::lock(&takes.0) = Some(Arc::clone(&answer.slot));
        assert!(reply.send(7).is_ok());
        assert!(takes.1.load(Ordering::Relaxed), "it would wait for itself");
    }
}
