//! How often the threads of many idle actors, and those of the framework, wake up in a while.

use std::thread;
use std::time::Duration;

use super::crowd;
use crate::contender::{Contender, Stop};
use crate::measure::{Failure, Outcome};
use crate::procfs::wakeups;
use crate::role::Sums;

const ACTORS: u64 = 100;
const SETTLED: Duration = Duration::from_millis(100);

pub(crate) fn run<C: Contender>(millis: u64) -> Outcome {
    let sums = Sums::new();
    let (stage, addrs) = crowd::<C>(ACTORS, &sums)?;
    thread::sleep(SETTLED);
    let before = wakeups();
    thread::sleep(Duration::from_millis(millis));
    let after = wakeups();
    drop(addrs);
    stage.stop(Stop::Together);
    sums.check_gone()?;
    let (Some(before), Some(after)) = (before, after) else {
        return Err(Failure::LeftOut("only Linux counts them".to_owned()));
    };
    Ok(vec![(after - before) as f64 * 1e3 / millis as f64])
}
