//! [`Reorder`]: chunks that several threads have worked on, in their order again.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use crossbeam_channel::Sender;

use crate::chunk::Chunk;
use crate::ledger::Counts;
use crate::op::Halt;

/// Keeps chunks until those before them have come. How many there can be is bounded by the permits. A chunk may come in parts,
/// one after the other: those of the next in order are handed on as they come.
#[derive(Debug)]
pub(crate) struct Reorder<T> {
    next: u64,
    early: BTreeMap<u64, Chunk<T>>,
    permits: Sender<()>,
    /// Nothing more is in order.
    is_broken: bool,
    /// The stage that counts what it will not be given.
    receiver: Arc<Counts>,
}

impl<T> Reorder<T> {
    pub(crate) fn new(permits: Sender<()>, receiver: Arc<Counts>) -> Reorder<T> {
        Reorder { next: 0, early: BTreeMap::new(), permits, is_broken: false, receiver }
    }

    /// Takes a chunk, and hands on all that are in order with it.
    pub(crate) fn put(
        &mut self,
        chunk: Chunk<T>,
        mut hand_on: impl FnMut(Chunk<T>) -> Result<(), Halt>,
    ) -> Result<(), Halt> {
        let mut chunk = chunk;
        match self.early.entry(chunk.number) {
            Entry::Vacant(place) => drop(place.insert(chunk)),
            Entry::Occupied(begun) => begun.into_mut().append(&mut chunk),
        }
        while !self.is_broken {
            let Some(chunk) = self.early.remove(&self.next) else { return Ok(()) };
            self.is_broken = chunk.is_last;
            self.next += u64::from(!chunk.is_part);
            self.give_back_permit_of(&chunk);
            hand_on(chunk)?;
        }
        self.give_up();
        Ok(())
    }

    /// What has not come in order will not.
    fn give_up(&mut self) {
        self.is_broken = true;
        while let Some((_, chunk)) = self.early.pop_first() {
            self.receiver.return_unseen(chunk.items.len());
            self.give_back_permit_of(&chunk);
        }
    }

    /// With its last part.
    fn give_back_permit_of(&self, chunk: &Chunk<T>) {
        if !chunk.is_part {
            // If there is no room, the drain has begun, in which nobody waits for one.
            let _ = self.permits.try_send(());
        }
    }
}

impl<T> Drop for Reorder<T> {
    fn drop(&mut self) {
        self.give_up();
    }
}
