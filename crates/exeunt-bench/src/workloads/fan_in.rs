//! Four senders, one actor: from the first send until the last message is handled.

use std::thread;
use std::time::Instant;

use super::bounded;
use crate::contender::{Contender, Stop};
use crate::measure::{Outcome, nanos_each};
use crate::role::Sums;

const SENDERS: u64 = 4;

pub(crate) fn run<C: Contender>(messages: u64) -> Outcome {
    let mut stage = C::start();
    let sums = Sums::new();
    let addr = stage.spawn(bounded::<C>(), sums.role(messages));
    let share = messages / SENDERS;
    let start = Instant::now();
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            let addr = addr.clone();
            scope.spawn(move || C::send_all(&addr, sender * share..(sender + 1) * share));
        }
    });
    sums.check(0..messages)?;
    let time = start.elapsed();
    drop(addr);
    stage.stop(Stop::Together);
    Ok(vec![nanos_each(time, messages)])
}
