//! A question and its answer, one after the other.

use crate::contender::{Contender, Mailbox, Stop};
use crate::measure::{Failure, Outcome, latencies};
use crate::role::Sums;
use crate::workload::SLOTS;

pub(crate) fn run<C: Contender>(questions: u64) -> Outcome {
    let mut stage = C::start();
    let addr = stage.spawn(Mailbox::Bounded(SLOTS), Sums::new().role(1));
    let times = C::ask_all(&addr, questions);
    drop(addr);
    stage.stop(Stop::Together);
    let times = times.ok_or_else(|| Failure::Wrong("a wrong answer, or none".to_owned()))?;
    Ok(latencies(&times))
}
