//! Plain crossbeam, the floor: a `recv` loop on a thread, stopped by dropping the senders.
//!
//! A question carries a clone of one reply channel that the asker has made for all of them, which
//! costs less than a fresh one.

use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::contender::{About, Contender, Mailbox, Place, Stop, timed_asks};
use crate::role::{Role, answer};

pub(crate) struct Plain(Vec<JoinHandle<()>>);

pub(crate) enum Msg {
    Number(u64),
    Ask(u64, Sender<u64>),
}

/// Does what the message says.
#[inline]
pub(crate) fn handle(role: &mut Role<Sender<Msg>>, msg: Msg) {
    match msg {
        Msg::Number(n) => role.play(n, send),
        Msg::Ask(n, reply) => drop(reply.send(answer(n))),
    }
}

fn work(messages: Receiver<Msg>, mut role: Role<Sender<Msg>>) {
    for msg in messages {
        handle(&mut role, msg);
    }
}

pub(crate) fn channel(mailbox: Mailbox) -> (Sender<Msg>, Receiver<Msg>) {
    match mailbox {
        Mailbox::Bounded(slots) => bounded(slots),
        Mailbox::Unbounded => unbounded(),
    }
}

pub(crate) fn send(addr: &Sender<Msg>, n: u64) {
    // A `select!` worker that was told to stop may be gone already; that loss is its own count.
    let _ = addr.send(Msg::Number(n));
}

pub(crate) fn ask_all(addr: &Sender<Msg>, questions: u64) -> Option<Vec<u64>> {
    let (reply, answers) = bounded(1);
    timed_asks(questions, |n| {
        addr.send(Msg::Ask(n, reply.clone())).expect("the worker is there");
        answers.recv().expect("an answer")
    })
}

pub(crate) fn join(workers: Vec<JoinHandle<()>>) {
    for worker in workers {
        worker.join().expect("a worker that did not panic");
    }
}

impl Contender for Plain {
    type Addr = Sender<Msg>;

    const ABOUT: About = About {
        name: "plain",
        version: "crossbeam-channel 0.5.17",
        place: Place::OwnThread("a thread for each `recv` loop"),
        stop: "`drop(sender)`, then `worker.join()`",
        no_bounded: None,
        no_order: None,
    };

    fn start() -> Plain {
        Plain(Vec::new())
    }

    fn spawn(&mut self, mailbox: Mailbox, role: Role<Sender<Msg>>) -> Sender<Msg> {
        let (sender, receiver) = channel(mailbox);
        self.0.push(thread::spawn(move || work(receiver, role)));
        sender
    }

    fn pool(
        &mut self,
        mailbox: Mailbox,
        threads: usize,
        mut role: impl FnMut() -> Role<Sender<Msg>> + Send + 'static,
    ) -> Option<Sender<Msg>> {
        let (sender, receiver) = channel(mailbox);
        for _ in 0..threads {
            let (receiver, role) = (receiver.clone(), role());
            self.0.push(thread::spawn(move || work(receiver, role)));
        }
        Some(sender)
    }

    fn send(addr: &Sender<Msg>, n: u64) {
        send(addr, n);
    }

    fn ask_all(addr: &Sender<Msg>, questions: u64) -> Option<Vec<u64>> {
        ask_all(addr, questions)
    }

    fn stop(self, _how: Stop) {
        join(self.0);
    }
}
