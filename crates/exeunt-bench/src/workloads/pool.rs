//! A pool on one mailbox: what a message costs when there are many, and how many threads it wakes when there is one.

use std::thread;
use std::time::{Duration, Instant};

use super::bounded;
use crate::contender::{Contender, Stop};
use crate::measure::{Failure, Outcome, nanos_each};
use crate::procfs::wakeups;
use crate::role::Shares;

const FEW: usize = 4;
const MANY: usize = 64;

/// In which all of them fall asleep.
const PAUSE: Duration = Duration::from_millis(1);

/// One sender, four threads: from the first send until the last message is handled.
pub(crate) fn run<C: Contender>(messages: u64) -> Outcome {
    let play = |addr: &C::Addr, shares: &Shares| {
        let start = Instant::now();
        C::send_all(addr, 0..messages);
        shares.check(0..messages)?;
        Ok(vec![nanos_each(start.elapsed(), messages)])
    };
    with::<C>(FEW, play)
}

/// One message at a time, to 64 threads that sleep: how often one of them wakes up.
pub(crate) fn run_idle<C: Contender>(messages: u64) -> Outcome {
    let play = |addr: &C::Addr, shares: &Shares| {
        thread::sleep(PAUSE);
        let before = wakeups();
        for n in 0..messages {
            C::send(addr, n);
            shares.check(0..n + 1)?;
            thread::sleep(PAUSE);
        }
        let (Some(before), Some(after)) = (before, wakeups()) else {
            return Err(Failure::LeftOut("only Linux counts them".to_owned()));
        };
        Ok(vec![(after - before) as f64 / messages as f64])
    };
    with::<C>(MANY, play)
}

fn with<C: Contender>(threads: usize, play: impl FnOnce(&C::Addr, &Shares) -> Outcome) -> Outcome {
    let mut stage = C::start();
    let shares = Shares::default();
    let roles = shares.clone();
    let Some(addr) = stage.pool(bounded::<C>(), threads, move || roles.role()) else {
        stage.stop(Stop::Together);
        return Err(Failure::LeftOut("no pool of threads on one mailbox".to_owned()));
    };
    let outcome = play(&addr, &shares);
    drop(addr);
    stage.stop(Stop::Together);
    outcome
}
