//! Where the dead-letter hook of a mailbox lies, which threads may call it, and when it is dropped.
//!
//! Most mailboxes have it called by one thread, at the end. But the senders of a mailbox that
//! [drops](crate::Overflow) what finds no room call it as well, each for what it displaced. So the
//! hook lies in a channel of one place: the thread that takes it out has it alone, and one that
//! finds the place empty can wait for it beside a time-out, an order to stop and the closing. A
//! lock could not be waited for like that.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender};

use crate::unwind;
use crate::waiters::Waiters;

pub(crate) type DeadLetters<M> = Box<dyn FnMut(M) + Send>;

/// `None` goes from hand to hand when the hook is forgotten, so that nobody waits for it for ever.
type Hook<M> = Option<DeadLetters<M>>;

/// A place for one.
type Home<M> = (Sender<Hook<M>>, Receiver<Hook<M>>);

pub(crate) struct Office<M> {
    /// Not there if nobody set a hook.
    home: OnceLock<Home<M>>,
    forgotten: AtomicBool,
    /// How many threads are about to call it.
    expected: AtomicUsize,
    /// Other mailboxes lead to the same hook.
    shared: AtomicBool,
    /// The futures that wait for the hook.
    pub(crate) waiters: Waiters,
}

impl<M> Office<M> {
    pub(crate) fn new() -> Office<M> {
        Office {
            home: OnceLock::new(),
            forgotten: AtomicBool::new(false),
            expected: AtomicUsize::new(0),
            shared: AtomicBool::new(false),
            waiters: Waiters::default(),
        }
    }

    /// Sets the hook, once.
    pub(crate) fn open(&self, hook: DeadLetters<M>) {
        let home = crossbeam_channel::bounded(1);
        let _ = home.0.try_send(Some(hook));
        let _ = self.home.set(home);
    }

    /// Whether there is a hook, or was one.
    pub(crate) fn is_open(&self) -> bool {
        self.home.get().is_some()
    }

    /// The hook, when no other thread has it.
    pub(crate) fn wait(&self) -> Undertaker<'_, M> {
        match self.home.get() {
            None => Undertaker { hook: None, office: None },
            Some((_, home)) => self.undertaker(home.recv().ok().flatten()),
        }
    }

    /// Notes that others lead to the same hook, each with a door of its own.
    pub(crate) fn share(&self) {
        self.shared.store(true, Ordering::Relaxed);
    }

    /// The hook, unless another thread has it now; if it is shared, that may be this thread itself.
    pub(crate) fn try_take(&self) -> Option<Undertaker<'_, M>> {
        match self.home.get() {
            Some(_) if self.shared.load(Ordering::Relaxed) && is_inside_a_hook() => None,
            None => Some(Undertaker { hook: None, office: None }),
            Some((_, home)) => home.try_recv().ok().map(|hook| self.undertaker(hook)),
        }
    }

    /// For a `select!`; what it gives goes to [`undertaker`](Office::undertaker).
    pub(crate) fn receiver(&self) -> Option<&Receiver<Hook<M>>> {
        self.home.get().map(|(_, receiver)| receiver)
    }

    pub(crate) fn undertaker(&self, hook: Hook<M>) -> Undertaker<'_, M> {
        Undertaker { hook, office: Some(self) }
    }

    /// Notes, before messages are taken out and counted, that they are for the hook: until they have been there it is
    /// not dropped, though its owner may be given up while it waits for the thread that has the hook.
    pub(crate) fn expect_letters(&self) -> Expectation<'_, M> {
        self.expected.fetch_add(1, Ordering::SeqCst);
        Expectation(self)
    }

    /// Drops the hook: now, or when the thread that is in it comes back, or what is expected has come.
    pub(crate) fn forget(&self) {
        self.forgotten.store(true, Ordering::SeqCst);
        // Either we see here which threads are about to call it, or they see the flag when they
        // have.
        if self.expected.load(Ordering::SeqCst) > 0 {
            return;
        }
        let Some((sender, receiver)) = self.home.get() else { return };
        if let Ok(hook) = receiver.try_recv() {
            let _ = sender.try_send(None);
            let _ = unwind::drop_caught(hook);
        }
    }

    fn take_back(&self, hook: Hook<M>) {
        if let Some((sender, _)) = self.home.get() {
            let _ = sender.try_send(hook);
        }
        // Either `forget` finds the hook at home, or we find here that it was forgotten: the
        // channel's operations and the flag's are in one order (see `mailbox.md`).
        if self.forgotten.load(Ordering::SeqCst) {
            self.forget();
        }
        // All of them: one alone might never be polled again, and keep it from the others.
        self.waiters.wake_all();
    }
}

/// See [`Office::expect_letters`].
pub(crate) struct Expectation<'a, M>(&'a Office<M>);

impl<M> Drop for Expectation<'_, M> {
    fn drop(&mut self) {
        self.0.expected.fetch_sub(1, Ordering::SeqCst);
        if self.0.forgotten.load(Ordering::SeqCst) {
            self.0.forget();
        }
    }
}

/// The hook in the hands of the thread that may call it. Goes home when dropped.
pub(crate) struct Undertaker<'a, M> {
    hook: Hook<M>,
    office: Option<&'a Office<M>>,
}

impl<M> Undertaker<'_, M> {
    /// Hands a message to the hook, or drops it if there is none. The error is what a panic said.
    pub(crate) fn bury(&mut self, message: M) -> Result<(), String> {
        let Some(hook) = &mut self.hook else {
            return unwind::drop_caught(message);
        };
        let before = INSIDE.replace(true);
        let buried = unwind::catch(|| hook(message));
        INSIDE.set(before);
        buried
    }
}

impl<M> Drop for Undertaker<'_, M> {
    fn drop(&mut self) {
        if let Some(office) = self.office {
            office.take_back(self.hook.take());
        }
    }
}

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is in a dead-letter hook, of whatever mailbox. Such a thread waits for no
/// other hook: two that wait for each other's would never end.
pub(crate) fn is_inside_a_hook() -> bool {
    INSIDE.get()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn m1_the_hook_is_in_one_pair_of_hands() {
        let (sender, seen) = mpsc::channel();
        let office = Office::new();
        office.open(Box::new(move |n| sender.send(n).unwrap()));
        let mut first = office.try_take().unwrap();
        assert!(office.try_take().is_none());
        assert_eq!(first.bury(1), Ok(()));
        drop(first);
        assert_eq!(office.wait().bury(2), Ok(()));
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn o5_a_forgotten_hook_is_dropped_at_once_or_when_it_comes_home() {
        for is_out in [false, true] {
            let (sender, seen) = mpsc::channel::<u32>();
            let office = Office::new();
            office.open(Box::new(move |n| sender.send(n).unwrap()));
            let out = is_out.then(|| office.wait());
            office.forget();
            assert_eq!(seen.try_recv() == Err(mpsc::TryRecvError::Empty), is_out);
            drop(out);
            assert_eq!(seen.try_recv(), Err(mpsc::TryRecvError::Disconnected));
            // A thread that comes later finds that there is none.
            assert_eq!(office.wait().bury(1), Ok(()));
        }
    }

    #[test]
    fn m1_a_forgotten_hook_is_there_for_what_was_expected() {
        let (sender, seen) = mpsc::channel::<u32>();
        let office = Office::new();
        office.open(Box::new(move |n| sender.send(n).unwrap()));
        let somebody = office.wait();
        let expectation = office.expect_letters();
        office.forget();
        drop(somebody);
        assert_eq!(office.wait().bury(1), Ok(()));
        drop(expectation);
        assert_eq!(seen.iter().collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn m1_only_from_inside_a_hook_one_that_is_shared_is_out_of_reach() {
        let [own, shared] = [(); 2].map(|()| {
            let office = Office::<u32>::new();
            office.open(Box::new(drop));
            office
        });
        shared.share();
        assert!(own.try_take().is_some() && shared.try_take().is_some());
        let (sender, seen) = mpsc::channel();
        let office = Office::new();
        office.open(Box::new(move |()| {
            sender.send([&own, &shared].map(|office| office.try_take().is_some())).unwrap();
        }));
        assert_eq!(office.wait().bury(()), Ok(()));
        assert_eq!(seen.try_recv(), Ok([true, false]));
    }

    #[test]
    fn m1_without_a_hook_nobody_waits_for_anybody() {
        let office = Office::<u32>::new();
        let _first = office.try_take().unwrap();
        assert!(office.try_take().is_some());
    }
}
