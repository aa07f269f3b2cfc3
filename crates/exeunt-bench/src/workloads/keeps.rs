//! Who keeps accepted messages: 100 of 2 ms each, then at once the documented stop call.
//!
//! Of one actor, and of the second of two in a row, where the first works as long over each
//! message and then sends it on. Where the stop call is one for each actor, they are stopped in
//! the kindest order. Counted is what was handled to its end when the stop call has returned.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::contender::{Contender, Mailbox, Stop};
use crate::measure::{Failure, Outcome};
use crate::role::{Role, Work};
use crate::workload::SLOTS;

const TIME: Duration = Duration::from_millis(2);

pub(crate) fn run<C: Contender>(messages: u64) -> Outcome {
    Ok(vec![handled_by_one::<C>(messages)?, handled_by_second::<C>(messages)?])
}

fn handled_by_one<C: Contender>(messages: u64) -> Result<f64, Failure> {
    let mut stage = C::start();
    let (role, handled) = worker(None);
    let addr = stage.spawn(Mailbox::Bounded(SLOTS), role);
    send_and_stop(stage, addr, messages);
    counted(&handled, messages)
}

fn handled_by_second<C: Contender>(messages: u64) -> Result<f64, Failure> {
    let mut stage = C::start();
    let (role, handled) = worker(None);
    let second = stage.spawn(Mailbox::Bounded(SLOTS), role);
    let (role, _) = worker(Some(second));
    let first = stage.spawn(Mailbox::Bounded(SLOTS), role);
    send_and_stop(stage, first, messages);
    counted(&handled, messages)
}

fn worker<A>(next: Option<A>) -> (Role<A>, Arc<AtomicU64>) {
    let handled = Arc::new(AtomicU64::new(0));
    (Role::Work(Work { time: TIME, handled: Arc::clone(&handled), next }), handled)
}

fn send_and_stop<C: Contender>(stage: C, addr: C::Addr, messages: u64) {
    C::send_all(&addr, 0..messages);
    drop(addr);
    stage.stop(Stop::Upstream);
}

fn counted(handled: &AtomicU64, messages: u64) -> Result<f64, Failure> {
    match handled.load(Relaxed) {
        handled if handled <= messages => Ok(handled as f64),
        handled => Err(Failure::Wrong(format!("{handled} handled, of {messages}"))),
    }
}
