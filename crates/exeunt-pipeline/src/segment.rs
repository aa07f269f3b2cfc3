//! A segment: what runs on one thread, from the chunks that it is handed to those that it sends.

use std::sync::Arc;
use std::time::{Duration, Instant};
use std::vec;

use exeunt::{Actor, ActorBuilder, Context, Error, SpawnError, TaskBuilder};

use crate::chunk::{Chunk, Inlet, Outlet, Parcel, Returns};
use crate::demand::{Node, Outputs, Wanted};
use crate::haste::Haste;
use crate::ledger::Counts;
use crate::op::{Emit, Halt, Op, Thread};
use crate::pace::Pace;
use crate::pipeline::Assembly;
use crate::position::Debts;
use crate::reorder::Reorder;
use crate::shelf::{Attendance, Shelf};
use crate::watch::Watch;
use crate::wiring::Wire;

/// Where a segment ends: at a link to the next thread, at several, or in a sink.
pub(crate) trait End<T>: Send + 'static {
    fn put(&mut self, item: T) -> Result<(), Halt>;

    /// The same, for stages that keep things on a way aside: `send` has them go on their way, before it waits for room.
    fn put_beside(&mut self, item: T, send: &mut dyn FnMut()) -> Result<(), Halt> {
        let _ = send;
        self.put(item)
    }

    /// Declares whom it feeds.
    fn wire<W: Wire>(&self, wire: W) -> W;

    fn begin(&mut self, thread: &Thread);

    /// All that has been emitted so far is exactly the source's items up to that number.
    fn mark(&mut self, upto: u64) -> Result<(), Halt>;

    /// What was put there is to go on its way, though more may follow.
    fn send(&mut self) -> Result<(), Halt>;

    /// Nothing more has come for now.
    fn settle(&mut self) -> Result<(), Halt> {
        self.send()
    }

    /// Nothing more will come.
    fn end(&mut self) -> Result<(), Halt> {
        self.settle()
    }
}

impl<T: Send + 'static> End<T> for Outlet<T> {
    #[inline]
    fn put(&mut self, item: T) -> Result<(), Halt> {
        Outlet::put(self, item)
    }

    #[inline]
    fn put_beside(&mut self, item: T, send: &mut dyn FnMut()) -> Result<(), Halt> {
        Outlet::put_beside(self, item, send)
    }

    fn wire<W: Wire>(&self, wire: W) -> W {
        Outlet::wire(self, wire)
    }

    fn begin(&mut self, thread: &Thread) {
        Outlet::begin(self, thread);
    }

    fn mark(&mut self, upto: u64) -> Result<(), Halt> {
        Outlet::mark(self, upto);
        Ok(())
    }

    fn send(&mut self) -> Result<(), Halt> {
        self.flush()
    }
}

/// A segment, for who hands it chunks: one call for each of them, and none for an item.
pub(crate) trait Process<T: Send + 'static>: Send {
    /// Declares whom it feeds.
    fn wire_actor<'a>(&self, builder: ActorBuilder<'a, Parcel<T>>) -> ActorBuilder<'a, Parcel<T>>;
    fn wire_task<'a>(&self, builder: TaskBuilder<'a>) -> TaskBuilder<'a>;
    /// Whom it feeds, but for what goes aside.
    fn outputs(&self) -> Vec<Node>;
    fn begin(&mut self, thread: &Thread);
    /// Takes all that is in the chunk, which it begins to do now.
    fn chunk(&mut self, chunk: &mut Chunk<T>, now: Instant, watch: &Watch<'_>) -> Result<(), Halt>;
    /// Takes one item of a source, which is to settle it before it waits for the next one.
    fn one(&mut self, item: T, number: Option<u64>, watch: &Watch<'_>) -> Result<(), Halt>;
    fn settle(&mut self) -> Result<(), Halt>;
    fn due(&self) -> Option<Instant>;
    fn tick(&mut self, now: Instant, watch: &Watch<'_>) -> Result<(), Halt>;
    fn end(&mut self, watch: &Watch<'_>) -> Result<(), Halt>;
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
    /// What has come in is exactly the source's items up to this number, but a stage holds some of it.
    held_mark: Option<u64>,
    /// Who waits for a mark that is not held.
    debts: Debts,
    haste: Haste,
}

/// The end of a segment, for its last stage.
struct Last<'a, E> {
    end: &'a mut E,
    watch: &'a Watch<'a>,
}

impl<T, E: End<T>> Emit<T> for Last<'_, E> {
    #[inline]
    fn emit(&mut self, item: T) -> Result<(), Halt> {
        self.end.put(item)
    }

    #[inline]
    fn emit_beside(&mut self, item: T, send: &mut dyn FnMut()) -> Result<(), Halt> {
        self.end.put_beside(item, send)
    }

    #[inline]
    fn look(&self) -> Result<(), Halt> {
        self.watch.look()
    }

    fn wait(&mut self, delay: Duration) -> Result<bool, Halt> {
        self.end.send()?;
        self.watch.wait(delay)
    }
}

impl<O: Op, E: End<O::Out>> Process<O::In> for Segment<O, E> {
    fn wire_actor<'a>(
        &self,
        builder: ActorBuilder<'a, Parcel<O::In>>,
    ) -> ActorBuilder<'a, Parcel<O::In>> {
        self.wire(builder)
    }

    fn wire_task<'a>(&self, builder: TaskBuilder<'a>) -> TaskBuilder<'a> {
        self.wire(builder)
    }

    fn outputs(&self) -> Vec<Node> {
        self.end.wire(Outputs::default()).0
    }

    fn begin(&mut self, thread: &Thread) {
        self.ops.begin(thread);
        self.end.begin(thread);
    }

    fn chunk(
        &mut self,
        chunk: &mut Chunk<O::In>,
        now: Instant,
        watch: &Watch<'_>,
    ) -> Result<(), Halt> {
        self.haste.begin(now);
        let Chunk { items, marks, .. } = chunk;
        let receiver = Arc::clone(&self.receiver);
        let mut rest = Rest { items: items.drain(..), receiver: &receiver };
        let mut taken = 0;
        for mark in marks.drain(..) {
            self.take(&mut rest, mark.after - taken, watch)?;
            taken = mark.after;
            self.mark(mark.upto, watch)?;
        }
        self.take(&mut rest, usize::MAX, watch)
    }

    fn one(&mut self, item: O::In, number: Option<u64>, watch: &Watch<'_>) -> Result<(), Halt> {
        self.ops.push(item, &mut Last { end: &mut self.end, watch })?;
        number.map_or(Ok(()), |number| self.mark(number, watch))
    }

    fn settle(&mut self) -> Result<(), Halt> {
        self.haste.settled();
        self.ops.settle()?;
        self.end.settle()
    }

    fn due(&self) -> Option<Instant> {
        self.ops.due()
    }

    fn tick(&mut self, now: Instant, watch: &Watch<'_>) -> Result<(), Halt> {
        self.ops.tick(now, &mut Last { end: &mut self.end, watch })?;
        self.mark_what_was_held(watch)
    }

    fn end(&mut self, watch: &Watch<'_>) -> Result<(), Halt> {
        // What a stage in the middle hands on at last may have to wait, after one that has kept something aside.
        self.ops.settle()?;
        self.ops.end(&mut Last { end: &mut self.end, watch })?;
        self.mark_what_was_held(watch)?;
        self.ops.settle()?;
        self.end.end()
    }

    fn break_off(&mut self) -> Result<(), Halt> {
        self.ops.settle()?;
        self.end.end()
    }
}

impl<O: Op, E: End<O::Out>> Segment<O, E> {
    pub(crate) fn new(ops: O, end: E, receiver: Arc<Counts>, debts: Debts) -> Segment<O, E> {
        Segment { ops, end, receiver, held_mark: None, debts, haste: Haste::new() }
    }

    pub(crate) fn wire<W: Wire>(&self, wire: W) -> W {
        self.end.wire(self.ops.wire(wire))
    }

    fn mark(&mut self, upto: u64, watch: &Watch<'_>) -> Result<(), Halt> {
        if self.ops.holds() && self.debts.are_there() {
            self.ops.cut(&mut Last { end: &mut self.end, watch })?;
        }
        self.ops.mark(upto);
        if self.ops.holds() {
            self.held_mark = Some(upto);
            return Ok(());
        }
        self.held_mark = None;
        self.end.mark(upto)
    }

    /// What was held when the last mark came may have gone out since, and nothing else.
    fn mark_what_was_held(&mut self, watch: &Watch<'_>) -> Result<(), Halt> {
        self.held_mark.map_or(Ok(()), |upto| self.mark(upto, watch))
    }

    /// Takes so many items, or all there are.
    #[inline]
    fn take(
        &mut self,
        rest: &mut Rest<'_, O::In>,
        most: usize,
        watch: &Watch<'_>,
    ) -> Result<(), Halt> {
        for _ in 0..most {
            if rest.items.len() > 0 {
                watch.look()?;
            }
            let Some(item) = rest.items.next() else { break };
            self.held_mark = None;
            self.ops.push(item, &mut Last { end: &mut self.end, watch })?;
            if self.haste.is_due() {
                self.ops.settle()?;
                self.end.send()?;
            }
        }
        Ok(())
    }
}

/// What of a chunk has yet to be taken. Whatever ends that, it is counted as returned.
struct Rest<'a, T> {
    items: vec::Drain<'a, T>,
    receiver: &'a Counts,
}

impl<T> Drop for Rest<'_, T> {
    fn drop(&mut self) {
        self.receiver.return_unseen(self.items.len());
    }
}

/// The actor of a segment.
pub(crate) struct SegmentActor<T> {
    intake: Intake<T>,
    wanted: Wanted,
    /// Puts in order again what comes from several threads.
    reorder: Option<Reorder<T>>,
}

impl<T: Send + 'static> Actor for SegmentActor<T> {
    type Msg = Parcel<T>;

    fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        self.wanted.begin(&cx.system(), cx.stopping(), cx.must_stop());
        self.intake.process.begin(&self.wanted.thread(false));
        Ok(())
    }

    fn handle(&mut self, parcel: Parcel<T>, cx: &mut Context<Self>) -> exeunt::Result {
        let SegmentActor { intake, wanted, reorder } = self;
        let done = Watch::of(cx, wanted, |watch| match (parcel, reorder) {
            (Parcel::Shelf(shelf), _) => intake.attend(shelf, watch),
            (Parcel::Chunk(chunk), None) => intake.take(chunk, watch),
            (Parcel::Chunk(chunk), Some(reorder)) => {
                reorder.put(chunk, |chunk| intake.take(chunk, watch))
            }
        });
        let done = done.and_then(|()| self.look_at_the_clock(cx));
        let is_dry = cx.queued() == 0;
        let done = done.and_then(|()| if is_dry { self.intake.process.settle() } else { Ok(()) });
        self.conclude(done, cx)
    }

    fn idle(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        let done = self.look_at_the_clock(cx).and_then(|()| self.intake.process.settle());
        self.conclude(done, cx)
    }

    fn stopped(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        if self.intake.is_over {
            return Ok(());
        }
        let done = self.end(cx);
        self.conclude(done, cx)
    }
}

impl<T: Send + 'static> SegmentActor<T> {
    /// A batch may have waited long enough; if not, somebody is to look again when it has.
    fn look_at_the_clock(&mut self, cx: &mut Context<Self>) -> Result<(), Halt> {
        if self.intake.is_over || self.intake.process.due().is_none() {
            cx.set_idle_timeout(None);
            return Ok(());
        }
        let now = Instant::now();
        let SegmentActor { intake, wanted, .. } = self;
        Watch::of(cx, wanted, |watch| intake.process.tick(now, watch))?;
        cx.set_idle_timeout(
            self.intake.process.due().map(|due| due.saturating_duration_since(now)),
        );
        Ok(())
    }

    fn end(&mut self, cx: &Context<Self>) -> Result<(), Halt> {
        let SegmentActor { intake, wanted, .. } = self;
        Watch::of(cx, wanted, |watch| intake.process.end(watch))
    }

    fn conclude(&mut self, done: Result<(), Halt>, cx: &mut Context<Self>) -> exeunt::Result {
        let Err(halt) = done else { return Ok(()) };
        self.intake.is_over = true;
        let halt = match halt {
            Halt::Late => self.end(cx).err().unwrap_or(Halt::Late),
            halt => halt,
        };
        // What was made before is on its way, whatever has happened since.
        log_second(cx.name(), self.intake.process.break_off());
        match halt {
            Halt::Failed { stage, error } => Err(failure(cx.name(), &stage, error)),
            // No failure of ours. What waits for us is counted as returned, and upstream is told, or refused.
            Halt::Refused | Halt::Enough => {
                self.wanted.close();
                cx.stop();
                Ok(())
            }
            Halt::Late => Ok(()),
        }
    }
}

/// What takes in what an actor is handed.
struct Intake<T> {
    process: Box<dyn Process<T>>,
    receiver: Arc<Counts>,
    returns: Returns<T>,
    pace: Arc<Pace>,
    /// It takes nothing more, though it is still handed what waits.
    is_over: bool,
}

impl<T: Send + 'static> Intake<T> {
    fn take(&mut self, mut chunk: Chunk<T>, watch: &Watch<'_>) -> Result<(), Halt> {
        if self.is_over {
            self.receiver.return_unseen(chunk.items.len());
            return Ok(());
        }
        let (items, began) = (chunk.items.len(), Instant::now());
        let done = self.process.chunk(&mut chunk, began, watch);
        self.pace.learn(items, began.elapsed());
        self.returns.give(chunk);
        done
    }

    /// Takes what a source puts down, as long as it does.
    fn attend(&mut self, shelf: Arc<Shelf<T>>, watch: &Watch<'_>) -> Result<(), Halt> {
        let receiver = Arc::clone(&self.receiver);
        let mut attendance = Attendance::begin(shelf, &receiver);
        loop {
            if let Some(chunk) = attendance.take(self.returns.get()) {
                self.take(chunk, watch)?;
            }
            if !attendance.has_another_note() {
                self.process.settle()?;
                if attendance.waits() {
                    continue;
                }
            }
            if attendance.leaves() {
                return Ok(());
            }
        }
    }
}

/// The first failure is the one that is told; another at the end of the same thread is only logged.
pub(crate) fn log_second(thread: &str, last: Result<(), Halt>) {
    if let Err(Halt::Failed { stage, error }) = last {
        log::warn!("`{thread}`: `{stage}` failed too, at its end: {error}");
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
        let returns = assembly.returns();
        let pace = Arc::new(assembly.pace());
        let wanted = assembly.wanted(&process.outputs());
        let node = wanted.node();
        let builder = assembly.actor(&name, &receiver, |builder| process.wire_actor(builder));
        let intake = Intake {
            process,
            receiver: Arc::clone(&receiver),
            returns: returns.clone(),
            pace: Arc::clone(&pace),
            is_over: false,
        };
        let to = builder.spawn(SegmentActor { intake, wanted, reorder })?;
        Ok(Inlet { to, node, returns, receiver, permits: None, pace: Some(pace) })
    }
}

/// Gives a thread to all that is upstream of a segment, and to the segment.
pub(crate) type Feed<T> =
    Box<dyn FnOnce(&mut Assembly<'_>, Part<T>) -> Result<(), SpawnError> + Send>;

#[cfg(test)]
mod tests;
