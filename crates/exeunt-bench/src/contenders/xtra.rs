//! `xtra`: actors as tasks of tokio's multi-thread runtime, stopped by dropping their addresses.
//! Senders and askers are tasks of the same runtime.
//!
//! A stop by a message whose handler calls `stop_self` would be the other way that its documentation
//! shows. It loses what is queued: its mailbox is a heap, in which the message may be anywhere.

use std::future::Future;
use std::ops::Range;
use std::pin::pin;
use std::task::{Context as Polling, Poll, Waker};
use std::time::Instant;

use tokio::runtime::{Handle, Runtime};
use tokio::task::JoinHandle;
use xtra::prelude::*;

use crate::contender::{self, About, Contender, Place, Stop};
use crate::role::{Role, Then, answer, nanos_since};

pub(crate) struct Xtra {
    runtime: Runtime,
    actors: Vec<(Address<Player>, JoinHandle<()>)>,
}

#[derive(xtra::Actor)]
pub(crate) struct Player(Role<Post>);

/// An address, and the runtime in which its senders run.
#[derive(Clone)]
pub(crate) struct Post(Address<Player>, Handle);

struct Number(u64);

struct Ask(u64);

impl Handler<Number> for Player {
    type Return = ();

    async fn handle(&mut self, Number(n): Number, _ctx: &mut Context<Self>) {
        match self.0.step(n, send_now) {
            Then::Rest => return,
            Then::Forward => {}
            Then::Work(time) => {
                tokio::time::sleep(time).await;
                self.0.worked();
            }
        }
        if let Some(next) = self.0.next() {
            // A stopped neighbour shows in the count.
            let _ = next.0.send(Number(n)).detach().await;
        }
    }
}

impl Handler<Ask> for Player {
    type Return = u64;

    async fn handle(&mut self, ask: Ask, _ctx: &mut Context<Self>) -> u64 {
        answer(ask.0)
    }
}

/// Sends to a mailbox that has room for sure.
fn send_now(to: &Post, n: u64) {
    let sending = pin!(to.0.send(Number(n)).detach());
    let sent = sending.poll(&mut Polling::from_waker(Waker::noop()));
    assert!(matches!(sent, Poll::Ready(Ok(_))), "an unbounded mailbox is open");
}

async fn asks(actor: Address<Player>, questions: u64) -> Option<Vec<u64>> {
    let mut times = Vec::new();
    for n in 0..questions {
        let start = Instant::now();
        let answered = actor.send(Ask(n)).await.ok()?;
        times.push(nanos_since(start));
        (answered == answer(n)).then_some(())?;
    }
    Some(times)
}

async fn stop_all(actors: Vec<(Address<Player>, JoinHandle<()>)>, how: Stop) {
    let mut ends = Vec::new();
    for (actor, end) in actors.into_iter().rev() {
        drop(actor);
        match how {
            Stop::Upstream => end.await.expect("an actor that did not panic"),
            Stop::Together => ends.push(end),
        }
    }
    for end in ends {
        end.await.expect("an actor that did not panic");
    }
}

impl Contender for Xtra {
    type Addr = Post;

    const ABOUT: About = About {
        name: "xtra",
        version: "xtra 0.6.0",
        place: Place::Shared("tasks on tokio's threads"),
        stop: "`drop(address)`, `handle.await`, upstream first",
        no_bounded: None,
        no_order: Some(
            "messages of one sender may overtake each other: its queue is a heap by priority",
        ),
    };

    fn start() -> Xtra {
        Xtra { runtime: Runtime::new().expect("a runtime"), actors: Vec::new() }
    }

    fn spawn(&mut self, mailbox: contender::Mailbox, role: Role<Post>) -> Post {
        let (actor, mailbox) = match mailbox {
            contender::Mailbox::Bounded(slots) => Mailbox::bounded(slots),
            contender::Mailbox::Unbounded => Mailbox::unbounded(),
        };
        // What `xtra::spawn_tokio` does, and keeps the handle.
        let end = self.runtime.spawn(xtra::run(mailbox, Player(role)));
        self.actors.push((actor.clone(), end));
        Post(actor, self.runtime.handle().clone())
    }

    fn send(addr: &Post, n: u64) {
        let sent = addr.1.block_on(addr.0.send(Number(n)).detach());
        drop(sent.expect("the mailbox is open"));
    }

    fn send_all(addr: &Post, numbers: Range<u64>) {
        let Post(actor, runtime) = addr.clone();
        let sender = addr.1.spawn(async move {
            for n in numbers {
                drop(actor.send(Number(n)).detach().await.expect("the mailbox is open"));
            }
        });
        runtime.block_on(sender).expect("a sender that did not panic");
    }

    fn ask_all(addr: &Post, questions: u64) -> Option<Vec<u64>> {
        let asker = addr.1.spawn(asks(addr.0.clone(), questions));
        addr.1.block_on(asker).expect("an asker that did not panic")
    }

    fn stop(self, how: Stop) {
        self.runtime.block_on(stop_all(self.actors, how));
    }
}
