//! Several senders, one actor: from the first send until the last message is handled.

use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use super::{bounded, bounded_at};
use crate::contender::{Contender, Mailbox, Stop};
use crate::measure::{Outcome, nanos_each};
use crate::role::Sums;

const FEW: u64 = 4;
const MANY: u64 = 64;
/// Of a mailbox that is always full.
const NARROW: usize = 16;

/// Few, who hardly ever wait.
pub(crate) fn run<C: Contender>(messages: u64) -> Outcome {
    fan_in::<C>(FEW, bounded::<C>(), messages)
}

/// Many, most of whom wait for room.
pub(crate) fn run_crowded<C: Contender>(messages: u64) -> Outcome {
    fan_in::<C>(MANY, bounded_at::<C>(NARROW), messages)
}

fn fan_in<C: Contender>(senders: u64, mailbox: Mailbox, messages: u64) -> Outcome {
    let mut stage = C::start();
    let sums = Sums::new();
    let addr = stage.spawn(mailbox, sums.role(messages));
    let share = messages / senders;
    let all_are_there = Barrier::new(senders as usize + 1);
    let start = thread::scope(|scope| {
        for sender in 0..senders {
            let (addr, all_are_there) = (addr.clone(), &all_are_there);
            scope.spawn(move || {
                all_are_there.wait();
                C::send_all(&addr, sender * share..(sender + 1) * share);
            });
        }
        let start = Instant::now();
        all_are_there.wait();
        start
    });
    sums.check(0..messages)?;
    let time = start.elapsed();
    drop(addr);
    stage.stop(Stop::Together);
    Ok(vec![nanos_each(time, messages)])
}
