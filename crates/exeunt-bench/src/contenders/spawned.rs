//! `spawned` in its mode for threads: an actor on a thread of its own, stopped by a message of the
//! user's own, as its documentation tells one to.

use spawned_concurrency::message::Message;
use spawned_concurrency::threads::{Actor, ActorRef, ActorStart, Context, Handler};

use crate::contender::{About, Contender, Mailbox, Place, Stop, timed_asks};
use crate::role::{Role, answer};

pub(crate) struct Spawned(Vec<ActorRef<Player>>);

pub(crate) struct Player(Role<ActorRef<Player>>);

struct Number(u64);

struct Ask(u64);

struct Shutdown;

impl Message for Number {
    type Result = ();
}

impl Message for Ask {
    type Result = u64;
}

impl Message for Shutdown {
    type Result = ();
}

impl Actor for Player {}

impl Handler<Number> for Player {
    fn handle(&mut self, number: Number, _ctx: &Context<Self>) {
        self.0.play(number.0, Spawned::send);
    }
}

impl Handler<Ask> for Player {
    fn handle(&mut self, ask: Ask, _ctx: &Context<Self>) -> u64 {
        answer(ask.0)
    }
}

impl Handler<Shutdown> for Player {
    fn handle(&mut self, _shutdown: Shutdown, ctx: &Context<Self>) {
        ctx.stop();
    }
}

impl Contender for Spawned {
    type Addr = ActorRef<Player>;

    const ABOUT: About = About {
        name: "spawned",
        version: "spawned-concurrency 0.5.0",
        place: Place::OwnThread("a thread for each actor (`threads`)"),
        stop: "a `Shutdown` message whose handler calls `ctx.stop()`, `actor.join()`, upstream first",
        no_bounded: Some("its mailboxes are unbounded"),
        no_order: None,
    };

    fn start() -> Spawned {
        Spawned(Vec::new())
    }

    fn spawn(&mut self, _mailbox: Mailbox, role: Role<ActorRef<Player>>) -> ActorRef<Player> {
        let actor = Player(role).start();
        self.0.push(actor.clone());
        actor
    }

    fn send(addr: &ActorRef<Player>, n: u64) {
        // A stopped neighbour shows in the count.
        let _ = addr.send(Number(n));
    }

    fn ask_all(addr: &ActorRef<Player>, questions: u64) -> Option<Vec<u64>> {
        timed_asks(questions, |n| addr.request(Ask(n)).expect("an answer"))
    }

    fn stop(self, how: Stop) {
        for actor in self.0.iter().rev() {
            actor.send(Shutdown).expect("it has not stopped");
            if how == Stop::Upstream {
                actor.join();
            }
        }
        self.0.iter().for_each(ActorRef::join);
    }
}
