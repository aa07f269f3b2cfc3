//! `tonari-actor`: an actor on a thread of its own.
//!
//! Its `send` never blocks, and fails when the mailbox is full: the sender yields and tries again.
//! Without a limit stands for its greatest capacity. It has no ask; a question carries a reply
//! channel, as with plain crossbeam.

use std::thread;

use crossbeam_channel::{Sender, bounded};
use tonari_actor::{Actor, Addr, Capacity, Context, SendErrorReason, System};

use crate::contender::{About, Contender, Mailbox, Place, Stop, timed_asks};
use crate::role::{Role, answer};

pub(crate) struct Tonari(System);

pub(crate) enum Msg {
    Number(u64),
    Ask(u64, Sender<u64>),
}

struct Player(Role<Addr<Msg>>);

impl Actor for Player {
    type Message = Msg;
    type Error = String;
    type Context = Context<Msg>;

    fn handle(&mut self, _context: &mut Context<Msg>, message: Msg) -> Result<(), String> {
        match message {
            Msg::Number(n) => self.0.play(n, Tonari::send),
            Msg::Ask(n, reply) => drop(reply.send(answer(n))),
        }
        Ok(())
    }
}

impl Contender for Tonari {
    type Addr = Addr<Msg>;

    const ABOUT: About = About {
        name: "tonari-actor",
        version: "tonari-actor 0.12.1",
        place: Place::OwnThread("a thread for each actor"),
        stop: "`system.shutdown()`",
        no_bounded: None,
        no_order: None,
    };

    fn start() -> Tonari {
        Tonari(System::new("bench"))
    }

    fn spawn(&mut self, mailbox: Mailbox, role: Role<Addr<Msg>>) -> Addr<Msg> {
        let normal = match mailbox {
            Mailbox::Bounded(slots) => slots,
            Mailbox::Unbounded => usize::MAX,
        };
        let capacity = Capacity { normal, high: Player::DEFAULT_CAPACITY_HIGH };
        let prepared = self.0.prepare(Player(role)).with_capacity(capacity);
        prepared.spawn().expect("a thread for the actor")
    }

    fn send(addr: &Addr<Msg>, n: u64) {
        // Closed is only met in a shutdown, where the loss shows in the count.
        while let Err(error) = addr.send(Msg::Number(n)) {
            if matches!(error.reason, SendErrorReason::Disconnected) {
                break;
            }
            thread::yield_now();
        }
    }

    fn ask_all(addr: &Addr<Msg>, questions: u64) -> Option<Vec<u64>> {
        let (reply, answers) = bounded(1);
        timed_asks(questions, |n| {
            addr.send(Msg::Ask(n, reply.clone())).expect("room for the question");
            answers.recv().expect("an answer")
        })
    }

    fn stop(self, _how: Stop) {
        self.0.shutdown().expect("a clean shutdown");
    }
}
