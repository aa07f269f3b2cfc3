//! From a send to an idle actor to its handler. The message is the time of its sending. And what the CPUs
//! did for each, all threads of the process taken together: who is patient before it sleeps pays there.

use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;

use crate::contender::{Contender, Mailbox, Stop};
use crate::measure::{Failure, Outcome, latencies, micros_each};
use crate::role::{Role, nanos_since};
use crate::workload::SLOTS;

/// Between two messages, so that the actor has gone to sleep.
const PAUSE: Duration = Duration::from_millis(1);

pub(crate) fn run<C: Contender>(messages: u64) -> Outcome {
    let mut stage = C::start();
    let epoch = Instant::now();
    let (result, times) = unbounded();
    let addr = stage.spawn(Mailbox::Bounded(SLOTS), Role::Clock(epoch, result));
    let busy_before = cpu_time();
    for _ in 0..messages {
        thread::sleep(PAUSE);
        C::send(&addr, nanos_since(epoch));
    }
    let wait = || times.recv_timeout(Duration::from_secs(60));
    let times: Result<Vec<u64>, _> = (0..messages).map(|_| wait()).collect();
    let busy = cpu_time().saturating_sub(busy_before);
    drop(addr);
    stage.stop(Stop::Together);
    let times = times.map_err(|_| Failure::Wrong("a message was lost".to_owned()))?;
    Ok([latencies(&times), vec![micros_each(busy, messages)]].concat())
}

/// For how long the CPUs have worked for this process.
#[cfg(unix)]
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Unknown.
#[cfg(not(unix))]
fn cpu_time() -> Duration {
    Duration::ZERO
}
