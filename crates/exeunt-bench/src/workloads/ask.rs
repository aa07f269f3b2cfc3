//! A question and its answer, one after the other.

use crate::contender::{Contender, Mailbox, Stop};
use crate::measure::{Failure, Outcome, latencies};
use crate::placement::Cpu;
use crate::role::Sums;
use crate::workload::SLOTS;

pub(crate) fn run<C: Contender>(questions: u64, there: Option<Cpu>) -> Outcome {
    let mut stage = C::start();
    let sums = Sums::new();
    let addr = stage.spawn(Mailbox::Bounded(SLOTS), sums.role_on(there, 1));
    // With this number it goes where it is to be asked.
    C::send(&addr, 0);
    sums.check(0..1)?;
    let times = C::ask_all(&addr, questions);
    drop(addr);
    stage.stop(Stop::Together);
    let times = times.ok_or_else(|| Failure::Wrong("a wrong answer, or none".to_owned()))?;
    Ok(latencies(&times))
}
