//! A channel of one place, or of none through which nothing is ever sent, as far as the code needs it: what
//! crossbeam-channel promises of them, under loom.
//!
//! Of what orders one thread before another there is no more than crossbeam has (0.5.17): who puts
//! something in or takes something out does so by a compare-and-swap of one word; who finds the channel full
//! says so after a sequentially consistent fence and another look; who is to sleep looks once more when
//! those who put something in can see it there. Time is not modelled: a wait with a time-out ends without
//! result at any moment.

use std::marker::PhantomData;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use loom::sync::atomic::{AtomicUsize, Ordering, fence};
use loom::sync::{Condvar, Mutex};

use super::unwind;

const EMPTY: usize = 0;
const FULL: usize = 1;

/// The sending end, of which there is one.
#[derive(Debug)]
pub(crate) struct Sender<T> {
    shared: Arc<Shared>,
    _carries: PhantomData<T>,
}

/// The receiving end.
#[derive(Debug)]
pub(crate) struct Receiver<T> {
    shared: Arc<Shared>,
    _carries: PhantomData<T>,
}

#[derive(Debug)]
struct Shared {
    /// Whether there is something in it.
    place: AtomicUsize,
    /// Who sleeps is told under this lock. Whether the sender is gone.
    is_disconnected: Mutex<bool>,
    news: Condvar,
}

/// Why nothing was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Full;

/// Why nothing was received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TryRecvError {
    /// There is nothing.
    Empty,
}

/// Why nothing was received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RecvError;

/// Why nothing was received in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RecvTimeoutError {
    /// It did not come in time.
    Timeout,
    /// The sender is gone.
    Disconnected,
}

/// A channel.
#[must_use]
pub(crate) fn bounded<T>(_capacity: usize) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        place: AtomicUsize::new(EMPTY),
        is_disconnected: Mutex::new(false),
        news: Condvar::new(),
    });
    let sender = Sender { shared: Arc::clone(&shared), _carries: PhantomData };
    (sender, Receiver { shared, _carries: PhantomData })
}

impl Sender<()> {
    /// Puts something in, if the place is free.
    pub(crate) fn try_send(&self, (): ()) -> Result<(), Full> {
        let place = &self.shared.place;
        loop {
            if place.compare_exchange(EMPTY, FULL, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                break;
            }
            fence(Ordering::SeqCst);
            if place.load(Ordering::Relaxed) == FULL {
                return Err(Full);
            }
        }
        let told = unwind::lock(&self.shared.is_disconnected);
        self.shared.news.notify_all();
        drop(told);
        Ok(())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // Loom has found something, and nobody may lock anything any more.
        if std::thread::panicking() {
            return;
        }
        let mut is_disconnected = unwind::lock(&self.shared.is_disconnected);
        *is_disconnected = true;
        self.shared.news.notify_all();
    }
}

impl<T> Receiver<T> {
    /// Takes out what there is.
    pub(crate) fn try_recv(&self) -> Result<(), TryRecvError> {
        let place = &self.shared.place;
        let taken = place.compare_exchange(FULL, EMPTY, Ordering::AcqRel, Ordering::Relaxed);
        taken.map(drop).map_err(|_| TryRecvError::Empty)
    }

    /// Waits until there is something in it: the `ready` of a `select`.
    pub(crate) fn ready(&self) {
        let mut told = unwind::lock(&self.shared.is_disconnected);
        // A swap reads what was written last: who sleeps has looked after it was seen to.
        while self.shared.place.fetch_or(0, Ordering::AcqRel) == EMPTY {
            told = self.shared.news.wait(told).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until the sender is gone. There is nothing else to wait for.
    pub(crate) fn recv(&self) -> Result<T, RecvError> {
        let mut is_disconnected = unwind::lock(&self.shared.is_disconnected);
        while !*is_disconnected {
            is_disconnected =
                self.shared.news.wait(is_disconnected).unwrap_or_else(PoisonError::into_inner);
        }
        Err(RecvError)
    }

    /// The same, for a time that passes at any moment.
    pub(crate) fn recv_timeout(&self, _timeout: Duration) -> Result<T, RecvTimeoutError> {
        match *unwind::lock(&self.shared.is_disconnected) {
            true => Err(RecvTimeoutError::Disconnected),
            false => Err(RecvTimeoutError::Timeout),
        }
    }
}
