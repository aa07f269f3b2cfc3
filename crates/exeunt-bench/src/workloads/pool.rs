//! One sender, a pool of four on one mailbox: from the first send until the last message is handled.

use std::time::Instant;

use super::bounded;
use crate::contender::{Contender, Stop};
use crate::measure::{Failure, Outcome, nanos_each};
use crate::role::Shares;

const THREADS: usize = 4;

pub(crate) fn run<C: Contender>(messages: u64) -> Outcome {
    let mut stage = C::start();
    let shares = Shares::default();
    let roles = shares.clone();
    let Some(addr) = stage.pool(bounded::<C>(), THREADS, move || roles.role()) else {
        stage.stop(Stop::Together);
        return Err(Failure::LeftOut("no pool of threads on one mailbox".to_owned()));
    };
    let start = Instant::now();
    C::send_all(&addr, 0..messages);
    shares.check(0..messages)?;
    let time = start.elapsed();
    drop(addr);
    stage.stop(Stop::Together);
    Ok(vec![nanos_each(time, messages)])
}
