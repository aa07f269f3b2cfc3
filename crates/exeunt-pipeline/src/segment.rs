//! A segment: what runs on one thread, from the chunks that it is handed to those that it sends.

use std::sync::Arc;
use std::time::Instant;

use exeunt::{Actor, Context, Error, SpawnError};

use crate::chunk::{Chunk, Inlet, Outlet, Parcel, Returns};
use crate::ledger::Counts;
use crate::op::{Emit, Halt, Op, Thread};
use crate::pipeline::Assembly;
use crate::reorder::Reorder;

/// Where a segment ends: at a link to the next thread, at several, or in a sink.
pub(crate) trait End<T>: Emit<T> + Send + 'static {
    fn begin(&mut self, thread: &Thread);

    /// All that has been emitted so far is exactly the source's items up to that number.
    fn mark(&mut self, upto: u64) -> Result<(), Halt>;

    /// Nothing more has come for now.
    fn settle(&mut self) -> Result<(), Halt>;

    /// Nothing more will come.
    fn end(&mut self) -> Result<(), Halt> {
        self.settle()
    }
}

impl<T: Send + 'static> End<T> for Outlet<T> {
    fn begin(&mut self, thread: &Thread) {
        Outlet::begin(self, thread);
    }

    fn mark(&mut self, upto: u64) -> Result<(), Halt> {
        Outlet::mark(self, upto);
        Ok(())
    }

    fn settle(&mut self) -> Result<(), Halt> {
        self.flush()
    }
}

/// A segment, for who hands it chunks: one call for each of them, and none for an item.
pub(crate) trait Process<T>: Send {
    fn begin(&mut self, thread: &Thread);
    /// Takes all that is in the chunk. `is_dry` says that nothing more waits.
    fn chunk(&mut self, chunk: &mut Chunk<T>, is_dry: bool) -> Result<(), Halt>;
    /// Takes one item of a source, and holds nothing back.
    fn one(&mut self, item: T, number: Option<u64>) -> Result<(), Halt>;
    fn settle(&mut self) -> Result<(), Halt>;
    fn due(&self) -> Option<Instant>;
    fn tick(&mut self, now: Instant) -> Result<(), Halt>;
    fn end(&mut self) -> Result<(), Halt>;
    /// Its thread ends before its input: what was made is sent, or made lasting.
    fn break_off(&mut self) -> Result<(), Halt>;
}

/// Stages that share a thread, and where they end.
#[derive(Debug)]
pub(crate) struct Segment<O, E> {
    pub(crate) ops: O,
    pub(crate) end: E,
    /// The stage that items are for when they come in.
    pub(crate) receiver: Arc<Counts>,
}

impl<O: Op, E: End<O::Out>> Process<O::In> for Segment<O, E> {
    fn begin(&mut self, thread: &Thread) {
        self.ops.begin(thread);
        self.end.begin(thread);
    }

    fn chunk(&mut self, chunk: &mut Chunk<O::In>, is_dry: bool) -> Result<(), Halt> {
        let Chunk { items, marks, .. } = chunk;
        let mut items = items.drain(..);
        let mut taken = 0;
        for mark in marks.drain(..) {
            self.take(items.by_ref(), mark.after - taken)?;
            taken = mark.after;
            self.mark(mark.upto)?;
        }
        self.take(items, usize::MAX)?;
        if is_dry { Process::settle(self) } else { Ok(()) }
    }

    fn one(&mut self, item: O::In, number: Option<u64>) -> Result<(), Halt> {
        self.ops.push(item, &mut self.end)?;
        if let Some(number) = number {
            self.mark(number)?;
        }
        Process::settle(self)
    }

    fn settle(&mut self) -> Result<(), Halt> {
        self.ops.settle()?;
        self.end.settle()
    }

    fn due(&self) -> Option<Instant> {
        self.ops.due()
    }

    fn tick(&mut self, now: Instant) -> Result<(), Halt> {
        self.ops.tick(now, &mut self.end)
    }

    fn end(&mut self) -> Result<(), Halt> {
        self.ops.end(&mut self.end)?;
        self.ops.settle()?;
        self.end.end()
    }

    fn break_off(&mut self) -> Result<(), Halt> {
        self.ops.settle()?;
        self.end.end()
    }
}

impl<O: Op, E: End<O::Out>> Segment<O, E> {
    fn mark(&mut self, upto: u64) -> Result<(), Halt> {
        self.ops.mark(upto);
        if self.ops.holds() { Ok(()) } else { self.end.mark(upto) }
    }

    /// Takes so many items, or all there are. Those that follow one that ends the thread are returned.
    #[inline]
    fn take(
        &mut self,
        mut items: impl ExactSizeIterator<Item = O::In>,
        most: usize,
    ) -> Result<(), Halt> {
        for _ in 0..most {
            let Some(item) = items.next() else { break };
            if let Err(halt) = self.ops.push(item, &mut self.end) {
                self.receiver.return_unseen(items.len());
                return Err(halt);
            }
        }
        Ok(())
    }
}

/// The actor of a segment.
pub(crate) struct SegmentActor<T> {
    pub(crate) process: Box<dyn Process<T>>,
    pub(crate) receiver: Arc<Counts>,
    pub(crate) returns: Returns<T>,
    /// Puts in order again what comes from several threads.
    pub(crate) reorder: Option<Reorder<T>>,
    /// It takes nothing more, though it is still handed what waits.
    pub(crate) is_over: bool,
}

impl<T: Send + 'static> Actor for SegmentActor<T> {
    type Msg = Parcel<T>;

    fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        self.process.begin(&Thread { must_stop: cx.must_stop().clone(), is_source: false });
        Ok(())
    }

    fn handle(&mut self, parcel: Parcel<T>, cx: &mut Context<Self>) -> exeunt::Result {
        let empty =
            if let Parcel::Shelf(_) = parcel { self.returns.get() } else { Chunk::default() };
        let chunk = parcel.open(empty);
        let is_dry = cx.queued() == 0;
        let done = match self.reorder.take() {
            None => self.take(chunk, is_dry),
            Some(mut reorder) => {
                let done = reorder.put(chunk, |chunk| self.take(chunk, is_dry));
                self.receiver.return_unseen(reorder.unseen());
                self.reorder = Some(reorder);
                done
            }
        };
        let done = done.and_then(|()| self.look_at_the_clock(cx));
        self.conclude(done, cx)
    }

    fn idle(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        let done = self.look_at_the_clock(cx).and_then(|()| self.process.settle());
        self.conclude(done, cx)
    }

    fn stopped(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        if let Some(reorder) = &mut self.reorder {
            reorder.give_up();
            self.receiver.return_unseen(reorder.unseen());
        }
        if self.is_over {
            return Ok(());
        }
        let done = self.process.end();
        self.conclude(done, cx)
    }
}

impl<T: Send + 'static> SegmentActor<T> {
    fn take(&mut self, mut chunk: Chunk<T>, is_dry: bool) -> Result<(), Halt> {
        if self.is_over {
            self.receiver.return_unseen(chunk.items.len());
            return Ok(());
        }
        let done = self.process.chunk(&mut chunk, is_dry);
        self.returns.give(chunk);
        done
    }

    /// A batch may have waited long enough; if not, somebody is to look again when it has.
    fn look_at_the_clock(&mut self, cx: &mut Context<Self>) -> Result<(), Halt> {
        if self.process.due().is_none() {
            cx.set_idle_timeout(None);
            return Ok(());
        }
        let now = Instant::now();
        self.process.tick(now)?;
        cx.set_idle_timeout(self.process.due().map(|due| due.saturating_duration_since(now)));
        Ok(())
    }

    fn conclude(&mut self, done: Result<(), Halt>, cx: &mut Context<Self>) -> exeunt::Result {
        let Err(halt) = done else { return Ok(()) };
        self.is_over = true;
        // What was made before is on its way, whatever has happened since.
        let _ = self.process.break_off();
        match halt {
            Halt::Failed { stage, error } => Err(failure(cx.name(), &stage, error)),
            // No failure of ours. What waits for us is counted as returned, and upstream is refused.
            Halt::Refused | Halt::Enough => {
                cx.stop();
                Ok(())
            }
        }
    }
}

/// The stage is named, unless the thread is called after it.
pub(crate) fn failure(thread: &str, stage: &str, error: Error) -> Error {
    if thread == stage { error } else { Error::msg(format_args!("`{stage}`: {error}")) }
}

/// A segment that is ready to be given a thread.
pub(crate) struct Part<T> {
    /// What the thread is to be called.
    pub(crate) name: String,
    pub(crate) receiver: Arc<Counts>,
    pub(crate) process: Box<dyn Process<T>>,
}

impl<T: Send + 'static> Part<T> {
    /// Named so, unless a stage of its own has named it.
    pub(crate) fn or_named(self, name: &str) -> Part<T> {
        let name = if self.name.is_empty() { name.to_owned() } else { self.name };
        Part { name, ..self }
    }

    /// Gives it a thread.
    pub(crate) fn spawn(
        self,
        assembly: &mut Assembly<'_>,
        reorder: Option<Reorder<T>>,
    ) -> Result<Inlet<T>, SpawnError> {
        let Part { name, receiver, process } = self;
        let returns = Returns::new();
        let actor = SegmentActor {
            process,
            receiver: Arc::clone(&receiver),
            returns: returns.clone(),
            reorder,
            is_over: false,
        };
        let to = assembly.actor(&name, &receiver).spawn(actor)?;
        Ok(Inlet::new(to, returns, receiver))
    }
}

/// Gives a thread to all that is upstream of a segment, and to the segment.
pub(crate) type Feed<T> =
    Box<dyn FnOnce(&mut Assembly<'_>, Part<T>) -> Result<(), SpawnError> + Send>;
