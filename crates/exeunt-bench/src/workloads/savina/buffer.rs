//! Producers and consumers, who compute something over every item, and a manager with a bounded buffer.

use std::collections::VecDeque;
use std::hint::black_box;

use super::{Random, Send, boxed, checked};
use crate::contender::Contender;
use crate::measure::Outcome;
use crate::troupe::{Message, Scene, play};

const SLOTS: usize = 50;
const PRODUCERS: usize = 40;
const CONSUMERS: usize = 40;
/// Each of which is a hundred logarithms.
const COST: u64 = 25;

/// The producers are 0 to 39, and the consumers follow.
const MANAGER: usize = PRODUCERS + CONSUMERS;

const GO: u64 = 0;
const PRODUCE: u64 = 1;
const ITEM: u64 = 2;
const PRODUCER_LEFT: u64 = 3;
const AVAILABLE: u64 = 4;
const EXIT: u64 = 5;

pub(crate) fn run<C: Contender>(items: u64) -> Outcome {
    let producer = |me| boxed(Producer { me, left: items, item: 0.0, sum: 0 });
    let consumer = |me| boxed(Consumer { me, item: 0.0, sum: 0 });
    let mut scenes: Vec<_> = (0..PRODUCERS).map(producer).collect();
    scenes.extend((PRODUCERS..MANAGER).map(consumer));
    scenes.push(boxed(Manager::default()));
    // What was produced, less what was consumed, and the count of it.
    let expected = PRODUCERS as u64 * items;
    checked(play::<C>(scenes, |all| C::send(&all[MANAGER], Message::of(GO).pack())), expected)
}

#[derive(Default)]
struct Manager {
    pending: VecDeque<Message>,
    producers: VecDeque<usize>,
    consumers: VecDeque<usize>,
    producers_left: usize,
    items: u64,
}

impl Manager {
    /// There is always room for one item of each producer, since nobody takes back what is under way.
    fn is_full(&self) -> bool {
        self.pending.len() >= SLOTS - PRODUCERS
    }

    fn store(&mut self, item: Message, send: Send<'_>) {
        self.items += 1;
        match self.consumers.pop_front() {
            Some(consumer) => send(consumer, item),
            None => self.pending.push_back(item),
        }
        if self.is_full() {
            self.producers.push_back(item.who);
        } else {
            send(item.who, Message::of(PRODUCE));
        }
    }

    fn serve(&mut self, consumer: usize, send: Send<'_>) {
        let Some(item) = self.pending.pop_front() else {
            self.consumers.push_back(consumer);
            return;
        };
        send(consumer, item);
        if let Some(producer) = self.producers.pop_front() {
            send(producer, Message::of(PRODUCE));
        }
    }

    fn is_over(&self) -> bool {
        self.producers_left == PRODUCERS && self.consumers.len() == CONSUMERS
    }
}

impl Scene for Manager {
    fn take(&mut self, message: Message, send: Send<'_>) -> Option<u64> {
        match message.kind {
            GO => {
                self.consumers.extend(PRODUCERS..MANAGER);
                (0..PRODUCERS).for_each(|producer| send(producer, Message::of(PRODUCE)));
            }
            ITEM => self.store(message, send),
            AVAILABLE => self.serve(message.who, send),
            _ => self.producers_left += 1,
        }
        if !self.is_over() {
            return None;
        }
        (PRODUCERS..MANAGER).for_each(|consumer| send(consumer, Message::of(EXIT)));
        Some(self.items)
    }
}

struct Producer {
    me: usize,
    left: u64,
    item: f64,
    sum: u64,
}

impl Scene for Producer {
    fn take(&mut self, _produce: Message, send: Send<'_>) -> Option<u64> {
        if self.left == 0 {
            send(MANAGER, Message::of(PRODUCER_LEFT));
            return Some(self.sum);
        }
        self.left -= 1;
        self.item = process(self.item);
        let bits = u64::from((self.item as f32).to_bits());
        self.sum += bits;
        send(MANAGER, Message { kind: ITEM, who: self.me, value: bits });
        None
    }
}

struct Consumer {
    me: usize,
    item: f64,
    sum: u64,
}

impl Scene for Consumer {
    fn take(&mut self, message: Message, send: Send<'_>) -> Option<u64> {
        if message.kind == EXIT {
            return Some(self.sum.wrapping_neg());
        }
        self.sum += message.value;
        self.item = black_box(process(self.item + f64::from(f32::from_bits(message.value as u32))));
        send(MANAGER, Message { kind: AVAILABLE, who: self.me, value: 0 });
        None
    }
}

/// The work over one item.
fn process(item: f64) -> f64 {
    let mut random = Random(COST);
    (0..COST * 100).fold(item, |sum, _| sum + (random.fraction() + 0.01).ln())
}
