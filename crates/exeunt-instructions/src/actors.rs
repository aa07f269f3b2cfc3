//! Through actors.

use std::hint::black_box;
use std::marker::PhantomData;
use std::sync::mpsc::{self, Sender};

use exeunt::{Actor, Addr, Capacity, Context, Inbox, System};

use crate::Message;

/// A mailbox in which so many messages wait for an actor. Nobody has an address of it any more.
pub(crate) fn queue<M: Message>(n: u64, slots: Option<usize>) -> Inbox<M> {
    let (addr, inbox) = exeunt::mailbox(capacity(slots));
    (0..n).for_each(|n| addr.send(M::of(n)).expect("there is room"));
    inbox
}

fn capacity(slots: Option<usize>) -> Capacity {
    slots.map_or(Capacity::Unbounded, Capacity::from)
}

/// Has all of them handled.
pub(crate) fn drain<M: Message>(inbox: Inbox<M>) -> u64 {
    let (result, sum) = mpsc::channel();
    play(inbox, Sum { total: 0, result, _messages: PhantomData });
    sum.recv().expect("a sum")
}

/// Has all of them handled, and sent on to a mailbox that nobody reads.
pub(crate) fn forward<M: Message>(inbox: Inbox<M>, slots: Option<usize>) -> u64 {
    let (to, unread) = exeunt::mailbox(capacity(slots));
    let (result, sum) = mpsc::channel();
    play(inbox, Forward { total: 0, result, to });
    std::mem::forget(unread);
    sum.recv().expect("a sum")
}

fn play<A: Actor + Send>(inbox: Inbox<A::Msg>, actor: A) {
    let mut system = System::new("instructions");
    system.actor("reader").inbox(inbox).spawn(actor).expect("a thread");
    assert!(system.wait().is_complete());
}

struct Sum<M> {
    total: u64,
    result: Sender<u64>,
    _messages: PhantomData<M>,
}

impl<M: Message> Actor for Sum<M> {
    type Msg = M;

    fn handle(&mut self, message: M, _cx: &mut Context<Self>) -> exeunt::Result {
        self.total += black_box(message.number());
        Ok(())
    }

    fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
        Ok(self.result.send(self.total)?)
    }
}

struct Forward<M: Message> {
    total: u64,
    result: Sender<u64>,
    to: Addr<M>,
}

impl<M: Message> Actor for Forward<M> {
    type Msg = M;

    fn handle(&mut self, message: M, _cx: &mut Context<Self>) -> exeunt::Result {
        self.total += black_box(message.number());
        self.to.send(message).expect("there is room");
        Ok(())
    }

    fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
        Ok(self.result.send(self.total)?)
    }
}
