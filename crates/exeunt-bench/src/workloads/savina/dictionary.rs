//! Many read and write one dictionary, each waiting for its answer before the next request.

use std::collections::HashMap;

use super::{Random, Send, boxed, checked};
use crate::contender::Contender;
use crate::measure::Outcome;
use crate::troupe::{Message, Scene, play};

const WORKERS: usize = 20;
/// The workers are 0 to 19.
const DICTIONARY: usize = WORKERS;
const MASTER: usize = WORKERS + 1;

const KEYS: u64 = i32::MAX as u64 / 4096;
const WRITES_PERCENT: usize = 10;

const READ: u64 = 0;
/// A value, whose key is its remainder by [`KEYS`]: so every answer can be checked.
const WRITE: u64 = 1;
const RESULT: u64 = 2;
const END: u64 = 3;

pub(crate) fn run<C: Contender>(requests: u64) -> Outcome {
    let mut scenes: Vec<_> = (0..WORKERS).map(|me| boxed(Worker::new(me, requests))).collect();
    let values = (0..KEYS).map(|key| (key, key)).collect();
    scenes.push(boxed(Dictionary { values, requests: 0 }));
    scenes.push(boxed(Master { ended: 0 }));
    let go = |all: &[C::Addr]| {
        all[..WORKERS].iter().for_each(|worker| C::send(worker, Message::of(RESULT).pack()));
    };
    // What the dictionary was asked, and what was rightly answered.
    checked(play::<C>(scenes, go), 2 * WORKERS as u64 * requests)
}

struct Worker {
    me: usize,
    requests: u64,
    made: u64,
    right: u64,
    /// The key that it has asked for.
    asked: u64,
    random: Random,
}

impl Worker {
    fn new(me: usize, requests: u64) -> Worker {
        let random = Random(me as u64 + requests + WRITES_PERCENT as u64);
        Worker { me, requests, made: 0, right: 0, asked: 0, random }
    }

    fn request(&mut self) -> Message {
        let kind = if self.random.below(100) < WRITES_PERCENT { WRITE } else { READ };
        self.asked = (self.random.next() << 16 | self.random.next()) % KEYS;
        let written = if kind == WRITE { self.random.next() * KEYS } else { 0 };
        Message { kind, who: self.me, value: written + self.asked }
    }
}

impl Scene for Worker {
    fn take(&mut self, message: Message, send: Send<'_>) -> Option<u64> {
        // The first is no answer, but tells it to begin.
        if self.made > 0 && message.value % KEYS == self.asked {
            self.right += 1;
        }
        if self.made == self.requests {
            send(MASTER, Message::of(END));
            return Some(self.right);
        }
        self.made += 1;
        send(DICTIONARY, self.request());
        None
    }
}

struct Dictionary {
    values: HashMap<u64, u64>,
    requests: u64,
}

impl Scene for Dictionary {
    fn take(&mut self, message: Message, send: Send<'_>) -> Option<u64> {
        let key = message.value % KEYS;
        let value = match message.kind {
            WRITE => {
                self.values.insert(key, message.value);
                message.value
            }
            READ => self.values[&key],
            _ => return Some(self.requests),
        };
        self.requests += 1;
        send(message.who, Message { kind: RESULT, who: DICTIONARY, value });
        None
    }
}

struct Master {
    ended: usize,
}

impl Scene for Master {
    fn take(&mut self, _message: Message, send: Send<'_>) -> Option<u64> {
        self.ended += 1;
        if self.ended < WORKERS {
            return None;
        }
        send(DICTIONARY, Message::of(END));
        Some(0)
    }
}
