//! `ractor`: actors as tasks of tokio's multi-thread runtime, stopped by `stop`, or (`Ractor<true>`)
//! by `drain`. Senders and askers are tasks of the same runtime.

use std::ops::Range;
use std::time::Instant;

use ractor::concurrency::JoinHandle;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, call};
use tokio::runtime::{Handle, Runtime};

use crate::contender::{About, Contender, Mailbox, Place, Stop};
use crate::role::{Role, Then, answer, nanos_since};

pub(crate) struct Ractor<const DRAIN: bool> {
    runtime: Runtime,
    actors: Vec<(ActorRef<Msg>, JoinHandle<()>)>,
}

pub(crate) enum Msg {
    Number(u64),
    Ask(u64, RpcReplyPort<u64>),
}

/// A reference to an actor, and the runtime in which its senders run.
#[derive(Clone)]
pub(crate) struct Post(ActorRef<Msg>, Handle);

struct Player;

impl Actor for Player {
    type Msg = Msg;
    type State = Role<Post>;
    type Arguments = Role<Post>;

    async fn pre_start(
        &self,
        _myself: ActorRef<Msg>,
        role: Role<Post>,
    ) -> Result<Role<Post>, ActorProcessingErr> {
        Ok(role)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Msg>,
        message: Msg,
        role: &mut Role<Post>,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Msg::Number(n) => number(role, n).await,
            Msg::Ask(n, reply) => drop(reply.send(answer(n))),
        }
        Ok(())
    }
}

async fn number(role: &mut Role<Post>, n: u64) {
    match role.step(n, Ractor::<false>::send) {
        Then::Rest => return,
        Then::Forward => {}
        Then::Work(time) => {
            tokio::time::sleep(time).await;
            role.worked();
        }
    }
    if let Some(next) = role.next() {
        // A stopped neighbour shows in the count.
        let _ = next.0.send_message(Msg::Number(n));
    }
}

async fn asks(actor: ActorRef<Msg>, questions: u64) -> Option<Vec<u64>> {
    let mut times = Vec::new();
    for n in 0..questions {
        let start = Instant::now();
        let answered = call!(actor, Msg::Ask, n).ok()?;
        times.push(nanos_since(start));
        (answered == answer(n)).then_some(())?;
    }
    Some(times)
}

fn tell_to_stop(actor: &ActorRef<Msg>, drain: bool) {
    if drain {
        actor.drain().expect("it has not stopped");
    } else {
        actor.stop(None);
    }
}

async fn stop_all(actors: Vec<(ActorRef<Msg>, JoinHandle<()>)>, how: Stop, drain: bool) {
    if how == Stop::Together {
        actors.iter().for_each(|(actor, _)| tell_to_stop(actor, drain));
    }
    for (actor, handle) in actors.into_iter().rev() {
        if how == Stop::Upstream {
            tell_to_stop(&actor, drain);
        }
        handle.await.expect("an actor that did not panic");
    }
}

impl<const DRAIN: bool> Contender for Ractor<DRAIN> {
    type Addr = Post;

    const ABOUT: About = About {
        name: if DRAIN { "ractor-drain" } else { "ractor" },
        version: "ractor 0.16.5",
        place: Place::Shared("tasks on tokio's threads"),
        stop: if DRAIN {
            "`actor.drain()`, `handle.await`, upstream first"
        } else {
            "`actor.stop(None)`, `handle.await`, upstream first"
        },
        no_bounded: Some("its mailboxes are unbounded"),
        no_order: None,
    };

    fn start() -> Self {
        Ractor { runtime: Runtime::new().expect("a runtime"), actors: Vec::new() }
    }

    fn spawn(&mut self, _mailbox: Mailbox, role: Role<Post>) -> Post {
        let spawned = self.runtime.block_on(Actor::spawn(None, Player, role));
        let (actor, handle) = spawned.expect("an actor that starts");
        self.actors.push((actor.clone(), handle));
        Post(actor, self.runtime.handle().clone())
    }

    fn send(addr: &Post, n: u64) {
        addr.0.send_message(Msg::Number(n)).expect("the mailbox is open");
    }

    fn send_all(addr: &Post, numbers: Range<u64>) {
        let to = addr.clone();
        let sender = addr.1.spawn(async move { numbers.for_each(|n| Self::send(&to, n)) });
        addr.1.block_on(sender).expect("a sender that did not panic");
    }

    fn ask_all(addr: &Post, questions: u64) -> Option<Vec<u64>> {
        let asker = addr.1.spawn(asks(addr.0.clone(), questions));
        addr.1.block_on(asker).expect("an asker that did not panic")
    }

    fn stop(self, how: Stop) {
        self.runtime.block_on(stop_all(self.actors, how, DRAIN));
    }
}
