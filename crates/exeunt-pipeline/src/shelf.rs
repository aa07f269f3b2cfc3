//! [`Shelf`]: where a source puts its items down, and their reader takes all that there are at once.
//!
//! Nobody knows when the next item of a source will come, so that none may be held back; and to send each by itself would
//! cost what it costs to send a chunk. So the source puts each item onto the shelf, where the reader can get at it, and
//! sends a *note* only if nobody would look otherwise: when the reader does not attend to the shelf, and no note is on its
//! way. The reader attends to it from the moment it opens a note until it finds nothing more, or until another note
//! waits. What comes slowly is taken item by item, what comes fast in chunks.
//!
//! What holds under the lock, always: if there is anything on the shelf, there is a note, or the reader attends to it, or
//! the source is about to send a note.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::chunk::Chunk;
use crate::ledger::Counts;

/// How long the reader waits before it looks once more and goes, in turns of a loop: a microsecond or two, which is less
/// than it takes to be woken.
const PATIENCE: usize = 40;

/// How long it waits while much comes: some twenty microseconds. The longer, the more it takes at once, and the less it
/// meets the source at the lock.
const MOST_PATIENCE: usize = 640;

/// So many items at a look are much.
const MUCH: usize = 16;

#[derive(Debug)]
pub(crate) struct Shelf<T>(Mutex<Shelved<T>>);

#[derive(Debug)]
struct Shelved<T> {
    chunk: Chunk<T>,
    /// How many notes of it have been sent, or are about to be, and have not been opened.
    notes: usize,
    since_note: usize,
    is_attended: bool,
    /// How long its reader waited when it left.
    patience: usize,
}

impl<T> Default for Shelf<T> {
    fn default() -> Shelf<T> {
        Shelf(Mutex::new(Shelved {
            chunk: Chunk::default(),
            notes: 0,
            since_note: 0,
            is_attended: false,
            patience: PATIENCE,
        }))
    }
}

impl<T> Shelf<T> {
    fn lock(&self) -> MutexGuard<'_, Shelved<T>> {
        // Nothing of the user's runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts down what is in a chunk. Says whether a note is to be sent: since nobody would look otherwise, or since so many
    /// items have come after the last one.
    #[inline]
    pub(crate) fn put(&self, more: &mut Chunk<T>, most: usize) -> bool {
        let mut shelved = self.lock();
        shelved.since_note += more.items.len();
        shelved.chunk.append(more);
        let is_seen = shelved.is_attended || shelved.notes > 0;
        if is_seen && shelved.since_note < most {
            return false;
        }
        shelved.since_note = 0;
        shelved.notes += 1;
        true
    }

    /// Opens a note that nobody will read.
    pub(crate) fn clear_away(&self) -> Chunk<T> {
        let mut shelved = self.lock();
        shelved.notes -= 1;
        std::mem::take(&mut shelved.chunk)
    }
}

/// A reader at the shelf. However it leaves, nothing is left behind that nobody would look for.
pub(crate) struct Attendance<'a, T> {
    shelf: Arc<Shelf<T>>,
    /// The stage that counts what is left behind.
    receiver: &'a Counts,
    patience: usize,
    is_over: bool,
}

impl<'a, T> Attendance<'a, T> {
    /// Opens a note.
    pub(crate) fn begin(shelf: Arc<Shelf<T>>, receiver: &'a Counts) -> Attendance<'a, T> {
        let mut shelved = shelf.lock();
        shelved.notes -= 1;
        shelved.is_attended = true;
        let patience = shelved.patience;
        drop(shelved);
        Attendance { shelf, receiver, patience, is_over: false }
    }

    /// All that is there, if there is anything.
    pub(crate) fn take(&mut self, empty: Chunk<T>) -> Option<Chunk<T>> {
        let mut shelved = self.shelf.lock();
        let is_much = shelved.chunk.items.len() >= MUCH;
        self.patience = if is_much { MOST_PATIENCE.min(2 * self.patience) } else { PATIENCE };
        (!shelved.chunk.is_empty()).then(|| std::mem::replace(&mut shelved.chunk, empty))
    }

    /// Whether the source has sent one more: the reader is behind.
    pub(crate) fn has_another_note(&self) -> bool {
        self.shelf.lock().notes > 0
    }

    /// Whether there is something on it, soon.
    pub(crate) fn waits(&self) -> bool {
        (0..self.patience).for_each(|_| std::hint::spin_loop());
        !self.shelf.lock().chunk.is_empty()
    }

    /// Leaves, unless something is there and no note will bring anybody back to it.
    pub(crate) fn leaves(&mut self) -> bool {
        let mut shelved = self.shelf.lock();
        self.is_over = shelved.chunk.is_empty() || shelved.notes > 0;
        shelved.is_attended = !self.is_over;
        shelved.patience = self.patience;
        self.is_over
    }
}

impl<T> Drop for Attendance<'_, T> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut shelved = self.shelf.lock();
        shelved.is_attended = false;
        let left = std::mem::take(&mut shelved.chunk);
        drop(shelved);
        self.receiver.return_unseen(left.items.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(shelf: &Shelf<u32>, item: u32, most: usize) -> bool {
        shelf.put(&mut Chunk { items: vec![item], ..Chunk::default() }, most)
    }

    #[test]
    fn one_note_is_enough_until_it_is_opened() {
        let (shelf, counts) = (Arc::new(Shelf::default()), Counts::default());
        assert!(put(&shelf, 1, 9));
        assert!(!put(&shelf, 2, 9));
        let mut reader = Attendance::begin(Arc::clone(&shelf), &counts);
        assert_eq!(reader.take(Chunk::default()).map(|chunk| chunk.items), Some(vec![1, 2]));
        assert!(!put(&shelf, 3, 9) && !reader.leaves(), "it attends to the shelf");
        assert!(reader.waits() && reader.take(Chunk::default()).is_some());
        assert!(reader.leaves() && put(&shelf, 4, 9), "nobody would look");
    }

    #[test]
    fn a_reader_that_is_behind_has_more_notes_and_may_leave_for_them() {
        let (shelf, counts) = (Arc::new(Shelf::default()), Counts::default());
        let notes = (0..9).filter(|&item| put(&shelf, item, 3)).count();
        assert_eq!(notes, 3);
        let mut reader = Attendance::begin(Arc::clone(&shelf), &counts);
        assert!(reader.leaves());
        assert_eq!(shelf.clear_away().items.len(), 9);
    }

    #[test]
    fn a_reader_waits_longer_while_much_comes_and_no_longer() {
        let (shelf, counts) = (Arc::new(Shelf::default()), Counts::default());
        assert!(put(&shelf, 0, usize::MAX));
        let mut reader = Attendance::begin(Arc::clone(&shelf), &counts);
        let patience_after = |items, reader: &mut Attendance<'_, u32>| {
            (0..items).for_each(|item| assert!(!put(&shelf, item, usize::MAX)));
            reader.take(Chunk::default());
            reader.patience
        };
        assert_eq!(patience_after(0, &mut reader), PATIENCE);
        let longer = [(); 6].map(|()| patience_after(MUCH as u32, &mut reader));
        assert_eq!(longer, [80, 160, 320, 640, 640, 640]);
        // So it is when it comes back.
        assert!(reader.leaves() && put(&shelf, 0, usize::MAX));
        let mut reader = Attendance::begin(Arc::clone(&shelf), &counts);
        assert_eq!(reader.patience, MOST_PATIENCE);
        reader.take(Chunk::default());
        assert_eq!(patience_after(MUCH as u32 - 1, &mut reader), PATIENCE);
    }

    #[test]
    fn a_reader_that_breaks_off_counts_what_it_leaves() {
        let (shelf, book) = (Arc::new(Shelf::default()), crate::ledger::Book::default());
        let counts = book.add("stage", Vec::new()).1.first();
        put(&shelf, 1, 9);
        drop(Attendance::begin(Arc::clone(&shelf), &counts));
        assert_eq!(book.read().stages[0].returned, 1);
        assert!(put(&shelf, 2, 9), "nobody attends to it any more");
    }
}
