use std::marker::PhantomData;
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};
use exeunt::Addr;
use exeunt::stepper::{Step, Stepper};

use super::*;
use crate::chunk::Mark;
use crate::demand::Demand;
use crate::link::{Counted, Link};
use crate::op::{Batch, Each, Nothing, Policy, Then, TryMap};
use crate::position::{self, Books};
use crate::sink::{Closed, Sink, SinkEnd};

const LONG: Duration = Duration::from_secs(3600);

fn batch(of: &Counted, items: usize, within: Duration) -> Batch<u32> {
    Batch { base: of.base(), items, within, kept: Vec::new(), due: None, has_missed: false }
}

fn nothing() -> Nothing<u32> {
    Nothing(PhantomData)
}

fn sink_end<T: Send + 'static>(sink: impl Sink<T, ()>) -> impl End<T> {
    let counted = Counted::new();
    SinkEnd::new(sink, counted.base(), None, counted.upstream())
}

fn stepper<O: Op>(
    ops: O,
    end: impl End<O::Out>,
    receiver: &Counted,
) -> Stepper<SegmentActor<O::In>> {
    let receiver = Arc::clone(&receiver.counts);
    let process = Box::new(Segment::new(ops, end, Arc::clone(&receiver), Debts::default()));
    let (returns, pace) = (Returns::new(4), Arc::new(Pace::new(256)));
    let intake = Intake { process, receiver, returns, pace, is_over: false };
    let wanted = Demand::default().add(&[]);
    Stepper::new("segment", SegmentActor { intake, wanted, reorder: None })
}

fn chunk(items: impl IntoIterator<Item = u32>) -> Parcel<u32> {
    Parcel::Chunk(Chunk { items: items.into_iter().collect(), ..Chunk::default() })
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Call<T> {
    Write(T),
    Commit,
    Finish,
}

/// Tells what it is asked to do.
struct Tells<T, F> {
    tell: Sender<Call<T>>,
    commit: F,
}

impl<T, F> Sink<T> for Tells<T, F>
where
    T: Send + 'static,
    F: FnMut() -> exeunt::Result + Send + 'static,
{
    fn write(&mut self, item: T) -> exeunt::Result {
        Ok(self.tell.send(Call::Write(item))?)
    }

    fn commit(&mut self, _: Option<&()>) -> exeunt::Result {
        self.tell.send(Call::Commit)?;
        (self.commit)()
    }

    fn finish(&mut self, _: crate::Ending) -> exeunt::Result {
        Ok(self.tell.send(Call::Finish)?)
    }
}

fn calls<T>(told: &Receiver<Call<T>>) -> Vec<Call<T>> {
    told.try_iter().collect()
}

/// Its batch comes due, and more comes, while it says so.
#[test]
fn who_has_enough_is_given_nothing_more_and_ends_whoever_could_send() {
    let within = Duration::from_millis(20);
    let ((tell, told), (reach, reached)) = (unbounded(), unbounded::<Addr<Parcel<u32>>>());
    let commit = move || {
        reached.try_recv()?.try_send(chunk([3, 4])).map_err(|_| Error::msg("no room"))?;
        thread::sleep(within);
        Err(Closed.into())
    };
    let counted = Counted::new();
    let end = sink_end(Tells { tell, commit });
    let mut segment = stepper(batch(&counted, 2, within), end, &counted);
    reach.send(segment.addr()).unwrap();
    segment.send(chunk([0, 1, 2])).unwrap();
    segment.run();
    assert!(segment.report().is_some(), "it goes on, though it has enough");
    let calls = calls(&told);
    assert_eq!(calls.iter().position(|call| *call == Call::Commit), Some(calls.len() - 1));
    let stage = counted.read();
    assert_eq!((stage.entered, stage.unfinished()), (5, 0), "{stage:?}");
}

/// Tells the positions that it is asked to commit, and has enough at an item.
struct EnoughAt(u32, Sender<u64>);

impl Sink<u32, u64> for EnoughAt {
    fn write(&mut self, item: u32) -> exeunt::Result {
        if item == self.0 { Err(Closed.into()) } else { Ok(()) }
    }

    fn keeps_positions(&self) -> bool {
        true
    }

    fn commit(&mut self, position: Option<&u64>) -> exeunt::Result {
        position.map_or(Ok(()), |position| Ok(self.1.send(*position)?))
    }
}

/// Of the second item of the source, which becomes two, the sink has taken one.
#[test]
fn a_mark_that_comes_after_it_has_enough_commits_nothing() {
    let (tell, committed) = unbounded();
    let (counted, books) = (Counted::new(), Books::new());
    let (book, upstream) = (books.add(), counted.upstream());
    (0..2).for_each(|position| position::enter(&books.all(), position));
    let end = SinkEnd::new(EnoughAt(3, tell), counted.base(), book, upstream);
    let mut segment = stepper(nothing(), end, &counted);
    let first = Mark { after: 1, upto: 0 };
    let second = Mark { after: 0, upto: 1 };
    let chunk = |items, mark| Chunk { items, marks: vec![mark], ..Chunk::default() };
    segment.send(Parcel::Chunk(chunk(vec![1, 2, 3], first))).unwrap();
    segment.send(Parcel::Chunk(chunk(vec![], second))).unwrap();
    segment.run();
    assert!(segment.report().is_some());
    assert_eq!(committed.try_iter().collect::<Vec<_>>(), []);
    drop(segment);
    assert_eq!((counted.read().passed, counted.read().returned), (0, 3));
}

#[test]
fn the_clock_is_looked_at_after_each_message_though_more_wait() {
    let (counted, mut link) = (Counted::new(), Link::new());
    let batch = batch(&counted, 1_000, Duration::ZERO);
    let mut segment = stepper(batch, link.inlet().outlet(), &counted);
    segment.send(chunk([1, 2])).unwrap();
    segment.send(chunk([3])).unwrap();
    assert_eq!(segment.step(), Step::Message);
    assert_eq!(segment.step(), Step::Message);
    assert_eq!(link.read_items(), [vec![1, 2], vec![3]]);
}

#[test]
fn somebody_looks_at_a_batch_when_it_is_due() {
    let (counted, link) = (Counted::new(), Link::new());
    let mut segment = stepper(batch(&counted, 2, LONG), link.inlet().outlet(), &counted);
    segment.send(chunk([1])).unwrap();
    segment.run();
    assert!(segment.next_due().is_some_and(|due| due <= LONG));
    segment.send(chunk([2])).unwrap();
    segment.run();
    assert_eq!(segment.next_due(), None, "there is nothing to look at");
}

#[test]
fn nothing_is_committed_while_another_note_says_that_more_waits() {
    let (tell, told) = unbounded();
    let end = sink_end(Tells { tell, commit: || Ok(()) });
    let (counted, shelf) = (Counted::new(), Arc::new(Shelf::default()));
    let mut segment = stepper(nothing(), end, &counted);
    for n in [1, 2] {
        assert!(shelf.put(&mut Chunk { items: vec![n], ..Chunk::default() }, 1));
        segment.send(Parcel::Shelf(Arc::clone(&shelf))).unwrap();
    }
    assert_eq!(segment.step(), Step::Message);
    assert_eq!(calls(&told), [Call::Write(1), Call::Write(2)]);
    assert_eq!(segment.step(), Step::Message);
    assert_eq!(calls(&told), [Call::Commit]);
}

/// What was put together of the items before is returned, though its thread ends in order.
#[test]
fn who_has_failed_hands_on_nothing_at_its_end() {
    let counted = Counted::new();
    let (tell, told) = unbounded();
    let tell_sink = move |items: Vec<u32>| Ok(tell.send(items)?);
    let fails = |n: u32| if n == 3 { Err(Error::msg("three")) } else { Ok(n) };
    let (base, policy) = (counted.base(), Policy::default());
    let first = Each { kind: TryMap(fails, PhantomData), base, policy };
    let ops = Then { first, second: batch(&Counted::new(), 100, LONG) };
    let mut segment = stepper(ops, sink_end(tell_sink), &counted);
    segment.send(chunk(0..5)).unwrap();
    segment.run();
    assert!(segment.report().is_some());
    assert!(told.try_recv().is_err());
    assert_eq!((counted.read().failed, counted.read().returned), (1, 1));
}
