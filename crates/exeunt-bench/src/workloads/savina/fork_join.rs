//! Fork-join throughput: `main` sends to all in turn, and each works a little over every message.

use std::hint::black_box;

use super::{Send, boxed, checked};
use crate::contender::Contender;
use crate::measure::Outcome;
use crate::troupe::{Message, Scene, play};

const ACTORS: u64 = 60;
const ANGLE: f64 = 37.2;

pub(crate) fn run<C: Contender>(messages: u64) -> Outcome {
    let scenes = (0..ACTORS).map(|_| boxed(Worker { messages, handled: 0 })).collect();
    let fork = |all: &[C::Addr]| {
        for _ in 0..messages {
            all.iter().for_each(|addr| C::send(addr, Message::of(0).pack()));
        }
    };
    checked(play::<C>(scenes, fork), ACTORS * messages)
}

struct Worker {
    messages: u64,
    handled: u64,
}

impl Scene for Worker {
    fn take(&mut self, _message: Message, _send: Send<'_>) -> Option<u64> {
        black_box(black_box(ANGLE).sin().powi(2));
        self.handled += 1;
        (self.handled == self.messages).then_some(self.handled)
    }
}
