//! Three actors in a row: from the first send until the last message is handled by the third.

use std::time::Instant;

use super::bounded;
use crate::contender::{Contender, Stop};
use crate::measure::{Outcome, nanos_each};
use crate::role::{Role, Sums};

pub(crate) fn run<C: Contender>(messages: u64) -> Outcome {
    let mut stage = C::start();
    let sums = Sums::new();
    let third = stage.spawn(bounded::<C>(), sums.role(messages));
    let second = stage.spawn(bounded::<C>(), Role::Forward(third));
    let first = stage.spawn(bounded::<C>(), Role::Forward(second));
    let start = Instant::now();
    C::send_all(&first, 0..messages);
    sums.check(0..messages)?;
    let time = start.elapsed();
    drop(first);
    stage.stop(Stop::Upstream);
    Ok(vec![nanos_each(time, messages)])
}
