//! Creatures of three colours meet in pairs at a mall, and change colour by whom they meet.

use super::{Send, boxed, checked};
use crate::contender::Contender;
use crate::measure::Outcome;
use crate::troupe::{Message, Scene, play};

const CREATURES: usize = 100;
/// The creatures are 0 to 99.
const MALL: usize = CREATURES;

const GO: u64 = 0;
/// Who wants to meet somebody, and its colour.
const MEET: u64 = 1;
/// The colour to take.
const CHANGE: u64 = 2;
const EXIT: u64 = 3;
/// How many it has met.
const MET: u64 = 4;

pub(crate) fn run<C: Contender>(meetings: u64) -> Outcome {
    let creature = |me| boxed(Creature { me, colour: me as u64 % 3, met: 0 });
    let mut scenes: Vec<_> = (0..CREATURES).map(creature).collect();
    scenes.push(boxed(Mall { left: meetings, waiting: None, faded: 0, met: 0 }));
    let go = |all: &[C::Addr]| {
        all[..CREATURES].iter().for_each(|creature| C::send(creature, Message::of(GO).pack()));
    };
    // Two meet each time, and the mall adds up what they say.
    checked(play::<C>(scenes, go), 4 * meetings)
}

struct Mall {
    left: u64,
    waiting: Option<usize>,
    faded: usize,
    met: u64,
}

impl Scene for Mall {
    fn take(&mut self, message: Message, send: Send<'_>) -> Option<u64> {
        if message.kind == MET {
            self.faded += 1;
            self.met += message.value;
            return (self.faded == CREATURES).then_some(self.met);
        }
        if self.left == 0 {
            send(message.who, Message::of(EXIT));
        } else if let Some(waiting) = self.waiting.take() {
            self.left -= 1;
            send(waiting, message);
        } else {
            self.waiting = Some(message.who);
        }
        None
    }
}

struct Creature {
    me: usize,
    colour: u64,
    met: u64,
}

impl Scene for Creature {
    fn take(&mut self, message: Message, send: Send<'_>) -> Option<u64> {
        match message.kind {
            MEET => {
                self.colour = complement(self.colour, message.value);
                self.met += 1;
                send(message.who, Message { kind: CHANGE, who: self.me, value: self.colour });
            }
            CHANGE => {
                self.colour = message.value;
                self.met += 1;
            }
            EXIT => {
                send(MALL, Message { kind: MET, who: self.me, value: self.met });
                return Some(self.met);
            }
            _ => {}
        }
        send(MALL, Message { kind: MEET, who: self.me, value: self.colour });
        None
    }
}

/// The same if both are the same, and otherwise the third.
fn complement(mine: u64, other: u64) -> u64 {
    if mine == other { mine } else { 3 - mine - other }
}
