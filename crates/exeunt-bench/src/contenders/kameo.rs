//! `kameo`: actors as tasks of tokio's multi-thread runtime, or (`Kameo<true>`) each on a thread of
//! its own by `spawn_in_thread`. Senders and askers are tasks of the same runtime.

use std::ops::Range;
use std::time::Instant;

use kameo::actor::{ActorRef, Spawn};
use kameo::message::{Context, Message};
use kameo::{Actor, mailbox};
use tokio::runtime::{Handle, Runtime};

use crate::contender::{About, Contender, Mailbox, Place, Stop};
use crate::role::{Role, Then, answer, nanos_since};

pub(crate) struct Kameo<const THREAD: bool> {
    runtime: Runtime,
    actors: Vec<ActorRef<Player>>,
}

#[derive(Actor)]
pub(crate) struct Player(Role<Post>);

/// A reference to an actor, and the runtime in which its senders run.
#[derive(Clone)]
pub(crate) struct Post(ActorRef<Player>, Handle);

struct Number(u64);

struct Ask(u64);

impl Message<Number> for Player {
    type Reply = ();

    async fn handle(&mut self, Number(n): Number, _ctx: &mut Context<Self, ()>) {
        let send = |to: &Post, n| to.0.tell(Number(n)).try_send().expect("an unbounded mailbox");
        match self.0.step(n, send) {
            Then::Rest => return,
            Then::Forward => {}
            Then::Work(time) => {
                tokio::time::sleep(time).await;
                self.0.worked();
            }
        }
        if let Some(next) = self.0.next() {
            // A stopped neighbour shows in the count.
            let _ = next.0.tell(Number(n)).await;
        }
    }
}

impl Message<Ask> for Player {
    type Reply = u64;

    async fn handle(&mut self, ask: Ask, _ctx: &mut Context<Self, u64>) -> u64 {
        answer(ask.0)
    }
}

async fn asks(actor: ActorRef<Player>, questions: u64) -> Option<Vec<u64>> {
    let mut times = Vec::new();
    for n in 0..questions {
        let start = Instant::now();
        let answered = actor.ask(Ask(n)).await.ok()?;
        times.push(nanos_since(start));
        (answered == answer(n)).then_some(())?;
    }
    Some(times)
}

async fn stop_all(actors: Vec<ActorRef<Player>>, how: Stop) {
    for actor in actors.iter().rev() {
        // Refused only if it has stopped already.
        let _ = actor.stop_gracefully().await;
        if how == Stop::Upstream {
            actor.wait_for_shutdown().await;
        }
    }
    for actor in &actors {
        actor.wait_for_shutdown().await;
    }
}

const STOP: &str =
    "`actor.stop_gracefully().await`, `actor.wait_for_shutdown().await`, upstream first";

impl<const THREAD: bool> Contender for Kameo<THREAD> {
    type Addr = Post;

    const ABOUT: About = About {
        name: if THREAD { "kameo-thread" } else { "kameo" },
        version: "kameo 0.22.2",
        place: if THREAD {
            Place::OwnThread("a thread for each actor")
        } else {
            Place::Shared("tasks on tokio's threads")
        },
        stop: STOP,
        no_bounded: None,
        no_order: None,
    };

    fn start() -> Self {
        Kameo { runtime: Runtime::new().expect("a runtime"), actors: Vec::new() }
    }

    fn spawn(&mut self, mailbox: Mailbox, role: Role<Post>) -> Post {
        let _inside = self.runtime.enter();
        let mailbox = match mailbox {
            Mailbox::Bounded(slots) => mailbox::bounded(slots),
            Mailbox::Unbounded => mailbox::unbounded(),
        };
        let actor = if THREAD {
            Player::spawn_in_thread_with_mailbox(Player(role), mailbox)
        } else {
            Player::spawn_with_mailbox(Player(role), mailbox)
        };
        self.actors.push(actor.clone());
        Post(actor, self.runtime.handle().clone())
    }

    fn send(addr: &Post, n: u64) {
        addr.0.tell(Number(n)).blocking_send().expect("the mailbox is open");
    }

    fn send_all(addr: &Post, numbers: Range<u64>) {
        let Post(actor, runtime) = addr.clone();
        let sender = addr.1.spawn(async move {
            for n in numbers {
                actor.tell(Number(n)).await.expect("the mailbox is open");
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
