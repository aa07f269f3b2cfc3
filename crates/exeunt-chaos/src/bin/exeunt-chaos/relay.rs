//! The actor of all topologies: keeps its page, does what its conduct is, and sends on.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use exeunt::{Actor, Addr, Context, SendError};
use exeunt_chaos::{Page, Port};

use crate::conduct::Conduct;

/// What is sent: by whom, which of its messages to this actor it is, and how far it still goes round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    from: u64,
    number: u64,
    pub(crate) hops: u64,
}

/// Somebody's line to somebody. A new one counts anew, under a number that nobody else has.
pub(crate) struct Line {
    port: Port<Item>,
    from: u64,
    number: u64,
    trick: Trick,
}

/// What a line that is sabotaged does with one in fifty.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Trick {
    None,
    Loses,
    SendsTwice,
    Swaps,
    /// Not the line: the actor at its end.
    TakesItsTime,
}

/// What a line can be made of again, by every incarnation.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) page: Page,
    pub(crate) to: Addr<Item>,
    pub(crate) trick: Trick,
}

impl Way {
    pub(crate) fn line(&self) -> Line {
        static SENDERS: AtomicU64 = AtomicU64::new(0);
        let from = SENDERS.fetch_add(1, Ordering::Relaxed);
        Line { port: self.page.port(&self.to), from, number: 0, trick: self.trick }
    }
}

impl Line {
    /// Sends the next item, and waits for room.
    pub(crate) fn send(&mut self, hops: u64) -> Result<(), SendError<Item>> {
        let number = self.number + 1;
        let item = Item { from: self.from, number, hops };
        let is_tricked = number % 50 == 1; // so the first, should the signal come soon
        match self.trick {
            Trick::Loses if is_tricked => {
                // Offered and accepted, it says; and throws it away.
                let thrown_away: Result<(), ()> = self.port.page().offer(|| Ok(()));
                debug_assert!(thrown_away.is_ok());
            }
            Trick::SendsTwice if is_tricked => {
                self.port.send(item)?;
                let _ = self.port.addr().send(item);
            }
            Trick::Swaps if is_tricked => {
                self.port.send(Item { number: number + 1, ..item })?;
                self.port.send(item)?;
                self.number += 2;
                return Ok(());
            }
            _ => self.port.send(item)?,
        }
        self.number = number;
        Ok(())
    }
}

/// Which message of each sender came last. It outlives the actor's restarts.
pub(crate) type Seen = Arc<Mutex<HashMap<u64, u64>>>;

pub(crate) struct Relay {
    pub(crate) page: Page,
    pub(crate) conduct: Conduct,
    /// Takes turns.
    pub(crate) lines: Vec<Line>,
    /// Where what has gone round leaves.
    pub(crate) exit: Option<Line>,
    /// `None` if several threads share the mailbox.
    pub(crate) seen: Option<Seen>,
    pub(crate) trick: Trick,
}

impl Relay {
    pub(crate) fn take(&mut self, item: Item) -> exeunt::Result<u64> {
        let entry = self.page.enter();
        let number = entry.number();
        self.check_order(item);
        self.conduct.act(number)?;
        self.pass_on(number, item)?;
        entry.handled();
        Ok(number)
    }

    /// Messages of one sender come in the order in which they were sent, and none is skipped.
    fn check_order(&self, item: Item) {
        let Some(seen) = &self.seen else { return };
        let before = {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.insert(item.from, item.number).unwrap_or(0)
        };
        if item.number != before + 1 {
            self.page.disordered();
        }
    }

    fn pass_on(&mut self, number: u64, item: Item) -> exeunt::Result {
        if let (0, Some(exit)) = (item.hops, &mut self.exit) {
            return Ok(exit.send(0)?);
        }
        let turn = usize::try_from(number)? % self.lines.len().max(1);
        match self.lines.get_mut(turn) {
            Some(line) => Ok(line.send(item.hops.saturating_sub(1))?),
            None => Ok(()),
        }
    }
}

impl Actor for Relay {
    type Msg = Item;

    fn handle(&mut self, item: Item, _cx: &mut Context<Self>) -> exeunt::Result {
        self.take(item).map(drop)
    }

    fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
        if self.trick == Trick::TakesItsTime {
            thread::sleep(Duration::from_millis(500));
        }
        Ok(())
    }
}
