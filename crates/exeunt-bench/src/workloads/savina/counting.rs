//! One sends all at once, and then asks how many; the other counts.

use super::{Send, boxed, checked};
use crate::contender::Contender;
use crate::measure::{Failure, Outcome};
use crate::troupe::{Message, Scene, play};

const PRODUCER: usize = 0;
const COUNTER: usize = 1;

const GO: u64 = 0;
const INCREMENT: u64 = 1;
const RETRIEVE: u64 = 2;
const RESULT: u64 = 3;

pub(crate) fn run<C: Contender>(messages: u64) -> Outcome {
    if let Some(why) = C::ABOUT.no_order {
        // The question how many would be asked before all are counted.
        return Err(Failure::LeftOut(why.to_owned()));
    }
    let scenes = vec![boxed(Producer(messages)), boxed(Counter(0))];
    // What was counted, and what the producer was told of it.
    checked(play::<C>(scenes, |all| C::send(&all[PRODUCER], Message::of(GO).pack())), 2 * messages)
}

struct Producer(u64);

impl Scene for Producer {
    fn take(&mut self, message: Message, send: Send<'_>) -> Option<u64> {
        if message.kind == RESULT {
            return Some(message.value);
        }
        (0..self.0).for_each(|_| send(COUNTER, Message::of(INCREMENT)));
        send(COUNTER, Message::of(RETRIEVE));
        None
    }
}

struct Counter(u64);

impl Scene for Counter {
    fn take(&mut self, message: Message, send: Send<'_>) -> Option<u64> {
        if message.kind == RETRIEVE {
            send(PRODUCER, Message { kind: RESULT, who: COUNTER, value: self.0 });
            return Some(self.0);
        }
        self.0 += 1;
        None
    }
}
