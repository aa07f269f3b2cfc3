//! What travels between two threads: a [`Chunk`] of items, in a buffer that comes back to be used again.
//!
//! Two ways lead into a mailbox. A stage that is handed chunks fills one of its own and [sends](Outlet::flush) it
//! when it is full, or when its own mailbox is empty. A source cannot do that, since nobody knows whether its next
//! item is there or will come in an hour: it puts each item onto a [`Shelf`].

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded, select};
use exeunt::{Addr, SendError, TrySendError};

use crate::demand::Node;
use crate::ledger::Counts;
use crate::op::{Halt, Thread};
use crate::pace::Pace;
use crate::shelf::Shelf;
use crate::wiring::Wire;

/// Items, and what is known of the source's positions among them.
#[derive(Debug)]
pub(crate) struct Chunk<T> {
    pub(crate) items: Vec<T>,
    /// In the order of their places. Empty unless a sink keeps positions.
    pub(crate) marks: Vec<Mark>,
    /// Its place in the order, if it is on its way through several threads.
    pub(crate) number: u64,
    /// More of the chunk of that number follows.
    pub(crate) is_part: bool,
    /// Nothing that is in order follows, since an item after those in it has ended a thread.
    pub(crate) is_last: bool,
}

/// Says that the first `after` items of the chunk, with all chunks before it, are exactly what became of the source's
/// items up to number `upto`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mark {
    pub(crate) after: usize,
    pub(crate) upto: u64,
}

impl<T> Default for Chunk<T> {
    fn default() -> Chunk<T> {
        Chunk { items: Vec::new(), marks: Vec::new(), number: 0, is_part: false, is_last: false }
    }
}

impl<T> Chunk<T> {
    pub(crate) fn mark(&mut self, upto: u64) {
        self.put_mark(Mark { after: self.items.len(), upto });
    }

    /// Of several marks at one place the last says it all.
    pub(crate) fn put_mark(&mut self, new: Mark) {
        match self.marks.last_mut() {
            Some(mark) if mark.after == new.after => *mark = new,
            _ => self.marks.push(new),
        }
    }

    /// Puts all of another after what is there already.
    pub(crate) fn append(&mut self, more: &mut Chunk<T>) {
        if self.is_empty() {
            return std::mem::swap(self, more);
        }
        self.is_part = more.is_part;
        self.is_last = more.is_last;
        let before = self.items.len();
        self.items.append(&mut more.items);
        for mark in more.marks.drain(..) {
            self.put_mark(Mark { after: before + mark.after, ..mark });
        }
    }

    /// Whether there is anything to tell of it.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty() && self.marks.is_empty() && !self.is_last
    }

    fn clear(&mut self) {
        self.items.clear();
        self.marks.clear();
        self.number = 0;
        self.is_part = false;
        self.is_last = false;
    }
}

/// The message of the actors of a pipeline.
#[derive(Debug)]
pub(crate) enum Parcel<T> {
    Chunk(Chunk<T>),
    /// There is something on the shelf.
    Shelf(Arc<Shelf<T>>),
}

impl<T> Parcel<T> {
    /// What is in it, for who counts what nobody takes. Of several notes of one shelf the first has it all.
    pub(crate) fn open(self) -> Chunk<T> {
        match self {
            Parcel::Chunk(chunk) => chunk,
            Parcel::Shelf(shelf) => shelf.clear_away(),
        }
    }
}

/// So many buffers are kept at most, however many chunks may wait.
const MOST_RETURNS: usize = 256;

/// Buffers on their way back. Nobody waits for one.
#[derive(Debug)]
pub(crate) struct Returns<T> {
    back: Sender<Chunk<T>>,
    empty: Receiver<Chunk<T>>,
}

impl<T> Clone for Returns<T> {
    fn clone(&self) -> Returns<T> {
        Returns { back: self.back.clone(), empty: self.empty.clone() }
    }
}

impl<T> Returns<T> {
    /// So many are kept, or [fewer](MOST_RETURNS).
    pub(crate) fn new(chunks: usize) -> Returns<T> {
        let (back, empty) = bounded(chunks.min(MOST_RETURNS));
        Returns { back, empty }
    }

    pub(crate) fn give(&self, mut chunk: Chunk<T>) {
        chunk.clear();
        let _ = self.back.try_send(chunk);
    }

    pub(crate) fn get(&self) -> Chunk<T> {
        self.empty.try_recv().unwrap_or_default()
    }
}

/// What bounds the number of chunks that are out of order: one is taken for each that is sent, and given back when it
/// is in order again.
#[derive(Clone, Debug)]
pub(crate) struct Permits(pub(crate) Receiver<()>);

/// Where a link ends: all that is needed to feed its reader, cloned for each thread that does.
#[derive(Debug)]
pub(crate) struct Inlet<T: Send + 'static> {
    pub(crate) to: Addr<Parcel<T>>,
    pub(crate) node: Node,
    pub(crate) returns: Returns<T>,
    /// The stage that is to count what is refused.
    pub(crate) receiver: Arc<Counts>,
    pub(crate) permits: Option<Permits>,
    /// How many items make a chunk. Without it whoever sends decides where a chunk ends.
    pub(crate) pace: Option<Arc<Pace>>,
}

impl<T: Send + 'static> Clone for Inlet<T> {
    fn clone(&self) -> Inlet<T> {
        Inlet {
            to: self.to.clone(),
            node: self.node,
            returns: self.returns.clone(),
            receiver: Arc::clone(&self.receiver),
            permits: self.permits.clone(),
            pace: self.pace.clone(),
        }
    }
}

impl<T: Send + 'static> Inlet<T> {
    pub(crate) fn outlet(self) -> Outlet<T> {
        Outlet { inlet: self, shelf: None, filling: Chunk::default(), next_number: 0, thread: None }
    }

    /// Declares who is at its end.
    pub(crate) fn wire<W: Wire>(&self, wire: W) -> W {
        wire.feeds_also(&self.to, self.node)
    }

    /// For who decides itself where a chunk ends.
    pub(crate) fn in_whole_chunks(self) -> Inlet<T> {
        Inlet { pace: None, ..self }
    }

    /// For a stage that has begun.
    pub(crate) fn outlet_on(self, thread: &Thread) -> Outlet<T> {
        let mut outlet = self.outlet();
        outlet.begin(thread);
        outlet
    }
}

/// The other end of the link: where a stage puts what it makes.
#[derive(Debug)]
pub(crate) struct Outlet<T: Send + 'static> {
    inlet: Inlet<T>,
    shelf: Option<Arc<Shelf<T>>>,
    filling: Chunk<T>,
    next_number: u64,
    /// What ends a wait for a permit.
    thread: Option<Thread>,
}

impl<T: Send + 'static> Outlet<T> {
    /// Has a wait for a permit end with the drain, and a source use a shelf.
    pub(crate) fn begin(&mut self, thread: &Thread) {
        self.thread = Some(thread.clone());
        if thread.is_source {
            self.shelf = Some(Arc::default());
        }
    }

    #[inline]
    pub(crate) fn put(&mut self, item: T) -> Result<(), Halt> {
        self.put_beside(item, &mut || {})
    }

    /// The same, and has what was kept beside it go on its way before it waits for anything.
    #[inline]
    pub(crate) fn put_beside(&mut self, item: T, send: &mut dyn FnMut()) -> Result<(), Halt> {
        self.filling.items.push(item);
        if self.is_full() { self.flush_beside(send) } else { Ok(()) }
    }

    /// Sends what it has, unless that is nothing.
    pub(crate) fn flush(&mut self) -> Result<(), Halt> {
        self.flush_beside(&mut || {})
    }

    fn flush_beside(&mut self, send: &mut dyn FnMut()) -> Result<(), Halt> {
        if self.filling.is_empty() {
            return Ok(());
        }
        if self.shelf.is_some() {
            return self.put_on_shelf(send);
        }
        let mut chunk = std::mem::replace(&mut self.filling, self.inlet.returns.get());
        chunk.number = self.next_number;
        // Who hands on whole chunks is not at the end of one yet.
        chunk.is_part = self.inlet.pace.is_none();
        self.next_number += u64::from(!chunk.is_part);
        self.send(chunk, send)
    }

    /// What it has from here on is the chunk of that number, or a part of it.
    pub(crate) fn begin_chunk(&mut self, number: u64) {
        self.next_number = number;
    }

    /// Sends what is left of the chunk, also if that is nothing: somebody waits for its number. If it is the last that is
    /// in order, an item after it has ended this thread.
    pub(crate) fn end_chunk(&mut self, is_last: bool) -> Result<(), Halt> {
        let mut chunk = std::mem::replace(&mut self.filling, self.inlet.returns.get());
        chunk.number = self.next_number;
        chunk.is_last = is_last;
        self.send(chunk, &mut || {})
    }

    fn send(&mut self, chunk: Chunk<T>, beside: &mut dyn FnMut()) -> Result<(), Halt> {
        self.take_permit(beside);
        self.post(Parcel::Chunk(chunk), beside)
    }

    /// Waits until not too much is out of order. If whoever gives permits back has ended, the send says so.
    ///
    /// Nobody waits here once the drain has begun: no more is to come by then than has been taken in, and it is the wait for
    /// room in a mailbox of which the drain sees for whom it is, and whether that one gets on.
    fn take_permit(&self, beside: &mut dyn FnMut()) {
        let Some(Permits(permits)) = &self.inlet.permits else { return };
        if permits.try_recv().is_ok() {
            return;
        }
        beside();
        exeunt::waiting_for("the items before these", || match &self.thread {
            Some(thread) => select! {
                recv(permits) -> _ => {}
                recv(thread.drain.receiver()) -> _ => {}
            },
            None => drop(permits.recv()),
        });
    }

    fn put_on_shelf(&mut self, beside: &mut dyn FnMut()) -> Result<(), Halt> {
        let Some(shelf) = &self.shelf else { return Ok(()) };
        // While the reader is behind, further notes wait for room in the mailbox, and the source with them.
        let most = self.inlet.pace.as_ref().map_or(1, |pace| pace.items());
        if shelf.put(&mut self.filling, most) {
            let note = Parcel::Shelf(Arc::clone(shelf));
            return self.post(note, beside);
        }
        Ok(())
    }

    fn post(&self, parcel: Parcel<T>, beside: &mut dyn FnMut()) -> Result<(), Halt> {
        let sent = match self.inlet.to.try_send(parcel) {
            Err(TrySendError::Full(parcel, _)) => {
                beside();
                self.inlet.to.send(parcel).map_err(SendError::into_message)
            }
            sent => sent.map_err(TrySendError::into_message),
        };
        sent.map_err(|refused| {
            self.inlet.receiver.return_unseen(refused.open().items.len());
            Halt::Refused
        })
    }

    pub(crate) fn mark(&mut self, upto: u64) {
        self.filling.mark(upto);
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.inlet.pace.as_ref().is_some_and(|pace| self.filling.items.len() >= pace.items())
    }

    pub(crate) fn wire<W: Wire>(&self, wire: W) -> W {
        self.inlet.wire(wire)
    }
}

/// What nobody will take from here any more is counted as returned by whoever was to have it. What is on the shelf is
/// not: there is a note of it.
impl<T: Send + 'static> Drop for Outlet<T> {
    fn drop(&mut self) {
        self.inlet.receiver.return_unseen(self.filling.items.len());
    }
}

#[cfg(test)]
mod tests;
