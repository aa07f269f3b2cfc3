//! One pings, the other answers; for each answer the first tells itself to ping again.

use super::{Send, boxed, checked};
use crate::contender::Contender;
use crate::measure::Outcome;
use crate::troupe::{Message, Scene, play};

const PINGER: usize = 0;
const PONGER: usize = 1;

const GO: u64 = 0;
const PING: u64 = 1;
const PONG: u64 = 2;
const STOP: u64 = 3;

pub(crate) fn run<C: Contender>(pings: u64) -> Outcome {
    let scenes = vec![boxed(Pinger { pings, sent: 0 }), boxed(Ponger { answered: 0 })];
    checked(play::<C>(scenes, |all| C::send(&all[PINGER], Message::of(GO).pack())), 2 * pings)
}

struct Pinger {
    pings: u64,
    sent: u64,
}

impl Scene for Pinger {
    fn take(&mut self, message: Message, send: Send<'_>) -> Option<u64> {
        match message.kind {
            GO => {
                send(PONGER, Message::of(PING));
                self.sent += 1;
                None
            }
            _ if self.sent < self.pings => {
                send(PINGER, Message::of(GO));
                None
            }
            _ => {
                send(PONGER, Message::of(STOP));
                Some(self.sent)
            }
        }
    }
}

struct Ponger {
    answered: u64,
}

impl Scene for Ponger {
    fn take(&mut self, message: Message, send: Send<'_>) -> Option<u64> {
        if message.kind == STOP {
            return Some(self.answered);
        }
        send(PINGER, Message::of(PONG));
        self.answered += 1;
        None
    }
}
