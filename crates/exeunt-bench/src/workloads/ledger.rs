//! The ledger of a stop at any moment: two actors in a row, each of which takes 1 ms over a message, are sent 40, all of
//! which are accepted; then, at a moment that is somewhere between none and all of them being handled, the documented
//! stop call. What was accepted has either come through both when the call has returned, or is lost.
//!
//! The moments are spread evenly, and are the same for all. Where the stop call is one for each actor, they are stopped in
//! the kindest order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use crate::contender::{Contender, Mailbox, Stop};
use crate::measure::{Failure, Outcome};
use crate::role::{Role, Work};
use crate::workload::SLOTS;

const TIME: Duration = Duration::from_millis(1);
const MESSAGES: u64 = 40;

/// Some moments may be those after all has come through.
const WINDOW: Duration = Duration::from_millis(50);

pub(crate) fn run<C: Contender>(stops: u64) -> Outcome {
    let (mut through, mut with_a_loss) = (0, 0);
    for number in 0..stops {
        let came = stop_at::<C>(WINDOW.mul_f64(moment(number)))?;
        through += came;
        with_a_loss += u64::from(came < MESSAGES);
    }
    let accepted = stops * MESSAGES;
    Ok([accepted, through, accepted - through, with_a_loss].map(|n| n as f64).to_vec())
}

/// A part of the window: the multiples of the golden ratio, which fill it evenly however many they are.
fn moment(number: u64) -> f64 {
    const RATIO: f64 = 0.618_033_988_749_894_9;
    (number as f64 * RATIO).fract()
}

/// Says how many came through.
fn stop_at<C: Contender>(moment: Duration) -> Result<u64, Failure> {
    let mut stage = C::start();
    let through = Arc::new(AtomicU64::new(0));
    let mut worker = |next, handled| {
        stage.spawn(Mailbox::Bounded(SLOTS), Role::Work(Work { time: TIME, handled, next }))
    };
    let second = worker(None, Arc::clone(&through));
    let first = worker(Some(second), Arc::default());
    C::send_all(&first, 0..MESSAGES);
    drop(first);
    thread::sleep(moment);
    stage.stop(Stop::Upstream);
    match through.load(Relaxed) {
        through if through <= MESSAGES => Ok(through),
        through => Err(Failure::Wrong(format!("{through} came through, of {MESSAGES}"))),
    }
}
