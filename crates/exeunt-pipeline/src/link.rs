//! [`Link`]: a way to the next thread, for tests of who feeds it. Nothing is read before the test says so.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};
use exeunt::stepper::{Stepper, StepperBuilder};
use exeunt::{Actor, Context};

use crate::chunk::{Chunk, Inlet, Parcel, Returns};
use crate::demand::{Demand, Wanted};
use crate::ledger::{Book, Counts, StageLedger, Upstream};
use crate::op::Base;

/// Gives the test what it reads.
pub(crate) struct Reader<T>(Sender<Chunk<T>>);

impl<T: Send + 'static> Actor for Reader<T> {
    type Msg = Parcel<T>;

    fn handle(&mut self, parcel: Parcel<T>, _: &mut Context<Self>) -> exeunt::Result {
        Ok(self.0.send(parcel.open())?)
    }
}

pub(crate) struct Link<T: Send + 'static> {
    pub(crate) demand: Demand,
    /// The reader's.
    pub(crate) wanted: Wanted,
    pub(crate) counted: Counted,
    reader: Stepper<Reader<T>>,
    read: Receiver<Chunk<T>>,
}

impl<T: Send + 'static> Link<T> {
    pub(crate) fn new() -> Link<T> {
        Link::with(StepperBuilder::unbounded)
    }

    /// Whoever sends more chunks waits.
    pub(crate) fn of(chunks: usize) -> Link<T> {
        Link::with(|builder| builder.capacity(chunks))
    }

    fn with(size: impl FnOnce(StepperBuilder<Reader<T>>) -> StepperBuilder<Reader<T>>) -> Link<T> {
        let ((tell, read), demand) = (unbounded(), Demand::default());
        let wanted = demand.add(&[]);
        let reader = size(Stepper::builder("reader")).start(Reader(tell));
        Link { demand, wanted, counted: Counted::new(), reader, read }
    }

    pub(crate) fn inlet(&self) -> Inlet<T> {
        Inlet {
            to: self.reader.addr(),
            node: self.wanted.node(),
            returns: Returns::new(4),
            receiver: Arc::clone(&self.counted.counts),
            permits: None,
            pace: None,
        }
    }

    /// What has come since the last time.
    pub(crate) fn read(&mut self) -> Vec<Chunk<T>> {
        self.reader.run();
        self.read.try_iter().collect()
    }

    pub(crate) fn read_items(&mut self) -> Vec<T> {
        self.read().into_iter().flat_map(|chunk| chunk.items).collect()
    }

    /// Whoever sends from now on is refused.
    pub(crate) fn close(&mut self) {
        self.reader.halt();
    }
}

/// What a stage counts.
pub(crate) struct Counted {
    pub(crate) counts: Arc<Counts>,
    book: Book,
}

impl Counted {
    pub(crate) fn new() -> Counted {
        let book = Book::default();
        let counts = book.add("stage", Vec::new()).1.first();
        Counted { counts, book }
    }

    pub(crate) fn base(&self) -> Base {
        Base { name: "stage".into(), counts: Arc::clone(&self.counts) }
    }

    /// If it is a sink's: it is all there is.
    pub(crate) fn upstream(&self) -> Upstream {
        self.book.upstream_of(0)
    }

    pub(crate) fn read(&self) -> StageLedger {
        self.book.read().stages.swap_remove(0)
    }
}
