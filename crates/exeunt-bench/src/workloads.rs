//! One file for each workload.

pub(crate) mod keeps;
pub(crate) mod ledger;
pub(crate) mod tell;
pub(crate) mod ask;
pub(crate) mod fan_in;
pub(crate) mod pipeline;
pub(crate) mod pool;
pub(crate) mod drain;
pub(crate) mod spawn;
pub(crate) mod shutdown;
pub(crate) mod wakeup;
pub(crate) mod idle;
pub(crate) mod savina;

use crate::contender::{Contender, Mailbox};
use crate::measure::Failure;
use crate::role::Sums;
use crate::workload::{FEW_SLOTS, SLOTS};

/// A bounded mailbox where the contender has one.
fn bounded<C: Contender>() -> Mailbox {
    bounded_at::<C>(SLOTS)
}

/// One of so many slots.
fn bounded_at<C: Contender>(slots: usize) -> Mailbox {
    if C::ABOUT.no_bounded.is_some() { Mailbox::Unbounded } else { Mailbox::Bounded(slots) }
}

/// So many actors that do nothing with each other, each of which has handled one message.
fn crowd<C: Contender>(actors: u64, sums: &Sums) -> Result<(C, Vec<C::Addr>), Failure> {
    let mut stage = C::start();
    let spawn = |_| stage.spawn(Mailbox::Bounded(FEW_SLOTS), sums.role(1));
    let addrs: Vec<C::Addr> = (0..actors).map(spawn).collect();
    addrs.iter().for_each(|addr| C::send(addr, 1));
    for _ in 0..actors {
        sums.check(1..2)?;
    }
    Ok((stage, addrs))
}
