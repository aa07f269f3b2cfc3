//! One message goes round a ring, and then once more, to tell all that it is over.

use super::{Send, boxed, checked};
use crate::contender::Contender;
use crate::measure::Outcome;
use crate::troupe::{Message, Scene, play};

const ACTORS: usize = 100;

const PING: u64 = 0;
const EXIT: u64 = 1;

pub(crate) fn run<C: Contender>(hops: u64) -> Outcome {
    let scenes = (1..=ACTORS).map(|next| boxed(Hop { next: next % ACTORS, pings: 0 })).collect();
    let first = Message { kind: PING, who: 0, value: hops };
    // Somebody takes it for each hop that is left, and when none is.
    checked(play::<C>(scenes, |all| C::send(&all[0], first.pack())), hops + 1)
}

struct Hop {
    next: usize,
    pings: u64,
}

impl Scene for Hop {
    fn take(&mut self, message: Message, send: Send<'_>) -> Option<u64> {
        let left = message.value;
        if message.kind == EXIT {
            if left > 0 {
                send(self.next, Message { value: left - 1, ..message });
            }
            return Some(self.pings);
        }
        self.pings += 1;
        let next = match left {
            0 => Message { kind: EXIT, who: 0, value: ACTORS as u64 - 1 },
            _ => Message { value: left - 1, ..message },
        };
        send(self.next, next);
        None
    }
}
