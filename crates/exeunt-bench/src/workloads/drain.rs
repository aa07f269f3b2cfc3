//! A full mailbox: the actor is held at a gate until all is queued, and then has only to handle.

use std::time::Instant;

use crate::contender::{Contender, Mailbox, Stop};
use crate::measure::{Outcome, nanos_each};
use crate::role::Sums;

pub(crate) fn run<C: Contender>(messages: u64) -> Outcome {
    let mut stage = C::start();
    let sums = Sums::new();
    let (role, gate) = sums.gated(messages);
    let addr = stage.spawn(Mailbox::Unbounded, role);
    (0..messages).for_each(|n| C::send(&addr, n));
    let start = Instant::now();
    drop(gate);
    sums.check(0..messages)?;
    let time = start.elapsed();
    drop(addr);
    stage.stop(Stop::Together);
    Ok(vec![nanos_each(time, messages)])
}
