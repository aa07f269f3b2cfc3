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

#[cfg(test)]
mod tests {
    use crossbeam_channel::{Receiver, bounded};

    use super::*;
    use crate::link::Counted;

    struct Bench {
        reorder: Reorder<u32>,
        permits: Receiver<()>,
        counted: Counted,
        /// The items of each chunk that was handed on.
        on: Vec<Vec<u32>>,
    }

    impl Bench {
        fn new() -> Bench {
            let ((give_back, permits), counted) = (bounded(16), Counted::new());
            let reorder = Reorder::new(give_back, Arc::clone(&counted.counts));
            Bench { reorder, permits, counted, on: Vec::new() }
        }

        /// Says how many permits were given back.
        fn put(&mut self, number: u64, items: &[u32], mark: fn(&mut Chunk<u32>)) -> usize {
            let mut chunk = Chunk { items: items.to_vec(), number, ..Chunk::default() };
            mark(&mut chunk);
            let on = &mut self.on;
            let put = self.reorder.put(chunk, |chunk| {
                on.push(chunk.items);
                Ok(())
            });
            assert!(put.is_ok());
            self.permits.try_iter().count()
        }

        fn returned(&self) -> u64 {
            self.counted.read().returned
        }
    }

    fn whole(_: &mut Chunk<u32>) {}

    fn part(chunk: &mut Chunk<u32>) {
        chunk.is_part = true;
    }

    fn last(chunk: &mut Chunk<u32>) {
        chunk.is_last = true;
    }

    #[test]
    fn a_permit_comes_back_with_the_last_part_of_its_chunk() {
        let mut bench = Bench::new();
        assert_eq!(bench.put(1, &[3], part), 0);
        assert_eq!(bench.put(1, &[4], whole), 0);
        assert_eq!(bench.put(0, &[1], part), 0);
        assert_eq!(bench.put(0, &[2], whole), 2);
        assert_eq!(bench.on, [vec![1], vec![2], vec![3, 4]]);
    }

    #[test]
    fn what_comes_after_the_last_in_order_is_given_up_at_once_with_its_permit() {
        let mut bench = Bench::new();
        // It waits for the one before, and ends in its second part.
        bench.put(1, &[2], part);
        bench.put(1, &[3], last);
        assert_eq!(bench.put(2, &[8, 9], whole), 0);
        assert_eq!(bench.put(0, &[1], whole), 3);
        assert_eq!((bench.returned(), bench.put(3, &[10], whole), bench.returned()), (2, 1, 3));
        assert_eq!(bench.on, [vec![1], vec![2, 3]]);
    }

    #[test]
    fn what_waits_when_it_ends_is_counted() {
        let mut bench = Bench::new();
        bench.put(1, &[1, 2], whole);
        let Bench { reorder, counted, .. } = bench;
        drop(reorder);
        assert_eq!(counted.read().returned, 2);
    }
}
