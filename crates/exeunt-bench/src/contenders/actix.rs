//! `actix`: actors on arbiters, threads with an event loop each, as many as the machine has cores.
//!
//! Numbers are sent from outside by `do_send`, which never waits. Questions are asked from the
//! actor's own arbiter, as in the first example of its documentation, which crosses no thread.

use actix::prelude::*;
use crossbeam_channel::bounded;

use crate::contender::{About, Contender, Mailbox, Place, Stop};
use crate::role::{Role, answer, nanos_since};

pub(crate) struct Actix {
    runner: SystemRunner,
    arbiters: Vec<Arbiter>,
    spawned: usize,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Number(u64);

#[derive(Message)]
#[rtype(result = "u64")]
struct Ask(u64);

pub(crate) struct Player(Role<Post>);

/// An address, and the arbiter of its actor.
#[derive(Clone)]
pub(crate) struct Post(Addr<Player>, ArbiterHandle);

impl Actor for Player {
    type Context = Context<Self>;
}

impl Handler<Number> for Player {
    type Result = ();

    fn handle(&mut self, number: Number, _ctx: &mut Context<Self>) {
        self.0.play(number.0, Actix::send);
    }
}

impl Handler<Ask> for Player {
    type Result = u64;

    fn handle(&mut self, ask: Ask, _ctx: &mut Context<Self>) -> u64 {
        answer(ask.0)
    }
}

async fn asks(addr: Addr<Player>, questions: u64) -> Option<Vec<u64>> {
    let mut times = Vec::new();
    for n in 0..questions {
        let start = std::time::Instant::now();
        let answered = addr.send(Ask(n)).await.ok()?;
        times.push(nanos_since(start));
        (answered == answer(n)).then_some(())?;
    }
    Some(times)
}

impl Contender for Actix {
    type Addr = Post;

    const ABOUT: About = About {
        name: "actix",
        version: "actix 0.13.5",
        place: Place::Shared("spread over an arbiter (a thread) for each core"),
        stop: "`System::current().stop()`, then `runner.run()` and `arbiter.join()`",
        no_bounded: Some("`do_send` ignores the limit, and `send` waits for the answer"),
        no_order: None,
    };

    fn start() -> Actix {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let runner = System::new();
        let arbiters = (0..cores).map(|_| Arbiter::new()).collect();
        Actix { runner, arbiters, spawned: 0 }
    }

    fn spawn(&mut self, _mailbox: Mailbox, role: Role<Post>) -> Post {
        let arbiter = self.arbiters[self.spawned % self.arbiters.len()].handle();
        self.spawned += 1;
        Post(Player::start_in_arbiter(&arbiter, |_| Player(role)), arbiter)
    }

    fn send(addr: &Post, n: u64) {
        addr.0.do_send(Number(n));
    }

    fn ask_all(addr: &Post, questions: u64) -> Option<Vec<u64>> {
        let Post(actor, arbiter) = addr.clone();
        let (result, times) = bounded(1);
        arbiter.spawn(async move { drop(result.send(asks(actor, questions).await)) });
        times.recv().ok()?
    }

    fn stop(self, _how: Stop) {
        System::current().stop();
        self.runner.run().expect("a clean stop");
        for arbiter in self.arbiters {
            arbiter.join().expect("an arbiter that did not panic");
        }
    }
}
