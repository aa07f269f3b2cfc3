//! `exeunt`: an actor on a thread of its own, the wiring declared, one call to stop them all.

use exeunt::{Actor, Addr, Capacity, Context, Reply, System};

use crate::contender::{About, Contender, Mailbox, Place, Stop, timed_asks};
use crate::role::{Role, answer};

pub(crate) struct Exeunt(System);

pub(crate) enum Msg {
    Number(u64),
    Ask(u64, Reply<u64>),
}

struct Player(Role<Addr<Msg>>);

impl Actor for Player {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, _cx: &mut Context<Self>) -> exeunt::Result {
        match msg {
            Msg::Number(n) => self.0.play(n, Exeunt::send),
            Msg::Ask(n, reply) => drop(reply.send(answer(n))),
        }
        Ok(())
    }
}

fn capacity(mailbox: Mailbox) -> Capacity {
    match mailbox {
        Mailbox::Bounded(slots) => Capacity::from(slots),
        Mailbox::Unbounded => Capacity::Unbounded,
    }
}

impl Contender for Exeunt {
    type Addr = Addr<Msg>;

    const ABOUT: About = About {
        name: "exeunt",
        version: "exeunt 0.1.0",
        place: Place::OwnThread("a thread for each actor"),
        stop: "`system.shutdown()`",
        no_bounded: None,
        no_order: None,
    };

    fn start() -> Exeunt {
        Exeunt(System::new("bench"))
    }

    fn spawn(&mut self, mailbox: Mailbox, role: Role<Addr<Msg>>) -> Addr<Msg> {
        let builder = self.0.actor("player").capacity(capacity(mailbox));
        let wired = match role.next() {
            Some(next) => builder.feeds(next),
            // Whom it feeds is not there yet, so that it cannot be declared.
            None if role.is_part() => builder,
            None => builder.feeds_nothing(),
        };
        wired.spawn(Player(role)).expect("a thread for the actor")
    }

    fn pool(
        &mut self,
        mailbox: Mailbox,
        threads: usize,
        mut role: impl FnMut() -> Role<Addr<Msg>> + Send + 'static,
    ) -> Option<Addr<Msg>> {
        let builder = self.0.pool("players", threads).capacity(capacity(mailbox)).feeds_nothing();
        Some(builder.spawn_with(move || Player(role())).expect("threads for the pool"))
    }

    fn send(addr: &Addr<Msg>, n: u64) {
        addr.send(Msg::Number(n)).expect("the mailbox is open");
    }

    fn ask_all(addr: &Addr<Msg>, questions: u64) -> Option<Vec<u64>> {
        timed_asks(questions, |n| addr.ask(|reply| Msg::Ask(n, reply)).expect("an answer"))
    }

    fn stop(self, _how: Stop) {
        drop(self.0.shutdown());
    }
}
