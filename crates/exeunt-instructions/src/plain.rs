//! Through plain crossbeam channels: a `recv` loop on a thread.

use std::hint::black_box;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::Message;

/// A channel in which so many messages wait for a reader. Nobody has a sender of it any more.
pub(crate) fn queue<M: Message>(n: u64, slots: Option<usize>) -> Receiver<M> {
    let (sender, receiver) = channel(slots);
    (0..n).for_each(|n| sender.send(M::of(n)).expect("there is a receiver"));
    receiver
}

fn channel<M>(slots: Option<usize>) -> (Sender<M>, Receiver<M>) {
    slots.map_or_else(unbounded, bounded)
}

/// Reads all of them.
pub(crate) fn drain<M: Message>(receiver: Receiver<M>) -> u64 {
    let reader = thread::spawn(move || {
        let mut total = 0;
        for message in receiver {
            total += black_box(message.number());
        }
        total
    });
    reader.join().expect("a sum")
}

/// Reads all of them, and sends them on to a channel that nobody reads.
pub(crate) fn forward<M: Message>(receiver: Receiver<M>, slots: Option<usize>) -> u64 {
    let (to, unread) = channel(slots);
    let reader = thread::spawn(move || {
        let mut total = 0;
        for message in receiver {
            total += black_box(message.number());
            to.send(message).expect("there is a receiver");
        }
        total
    });
    let total = reader.join().expect("a sum");
    std::mem::forget(unread);
    total
}
