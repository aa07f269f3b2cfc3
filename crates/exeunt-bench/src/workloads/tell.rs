//! One sender, one actor: from the first send until the last message is handled.

use std::time::Instant;

use crate::contender::{Contender, Mailbox, Stop};
use crate::measure::{Failure, Outcome, nanos_each};
use crate::placement::Cpu;
use crate::role::Sums;

pub(crate) fn run<C: Contender>(mailbox: Mailbox, messages: u64, there: Option<Cpu>) -> Outcome {
    if let (Mailbox::Bounded(_), Some(why)) = (mailbox, C::ABOUT.no_bounded) {
        return Err(Failure::LeftOut(why.to_owned()));
    }
    let mut stage = C::start();
    let sums = Sums::new();
    let addr = stage.spawn(mailbox, sums.role_on(there, messages));
    let start = Instant::now();
    C::send_all(&addr, 0..messages);
    sums.check(0..messages)?;
    let time = start.elapsed();
    drop(addr);
    stage.stop(Stop::Together);
    Ok(vec![nanos_each(time, messages)])
}
