//! The stop call with many idle, independent actors, until the last of them has ended.

use std::thread;
use std::time::{Duration, Instant};

use super::crowd;
use crate::contender::{Contender, Stop};
use crate::measure::{Outcome, micros_each};
use crate::role::Sums;

/// After which an actor with nothing to do is asleep.
const SETTLED: Duration = Duration::from_millis(20);

pub(crate) fn run<C: Contender>(actors: u64) -> Outcome {
    let sums = Sums::new();
    let (stage, addrs) = crowd::<C>(actors, &sums)?;
    thread::sleep(SETTLED);
    let start = Instant::now();
    drop(addrs);
    stage.stop(Stop::Together);
    let time = start.elapsed();
    sums.check_gone()?;
    Ok(vec![micros_each(time, actors)])
}
