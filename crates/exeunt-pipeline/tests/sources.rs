//! Sources in a pipeline that runs: how they end, of themselves and when the drain begins; and what they keep back, which is
//! nothing. What each of them gives is tested beside it.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{bounded, unbounded};
use exeunt::{Error, Event, System};
use exeunt_pipeline::{Channel, Closed, Next, Pipeline, Running, Source};

/// Longer than anything here takes.
const GUARD: Duration = Duration::from_secs(30);

/// A pipeline that hands on what a source gives.
fn running<S: Source>(source: S) -> (System, Running, mpsc::Receiver<S::Item>) {
    let mut system = System::new("sources");
    let (out, given) = mpsc::channel();
    let running = Pipeline::new("sources")
        .source("source", source)
        .sink("out", move |item| out.send(item).map_err(|_| Error::msg("closed")))
        .spawn(&mut system)
        .unwrap();
    (system, running, given)
}

#[test]
fn a_channel_ends_with_its_last_sender() {
    let (send, receiver) = bounded(4);
    let (system, running, given) = running(Channel::from(receiver));
    let sender = thread::spawn(move || (0..1000).try_for_each(|n| send.send(n)));
    let report = system.wait();
    assert!(report.is_complete(), "{report}");
    sender.join().unwrap().unwrap();
    assert!(given.into_iter().eq(0..1000));
    assert!(running.ledger().balances(), "{}", running.ledger());
}

#[test]
fn a_drain_wakes_who_waits_for_a_channel_and_closes_it() {
    let (send, receiver) = unbounded();
    let (system, running, given) = running(Channel::new(receiver));
    send.send(1).unwrap();
    // It has come through, so that the source is about to wait for the next one.
    assert_eq!(given.recv_timeout(GUARD), Ok(1));
    let report = system.shutdown();
    assert!(report.is_complete(), "{report}");
    assert!(running.ledger().balances(), "{}", running.ledger());
    assert_eq!(send.send(2).unwrap_err().into_inner(), 2);
}

#[test]
fn what_a_channel_holds_when_the_drain_begins_is_handed_on() {
    let (send, receiver) = unbounded();
    let held = receiver.clone();
    (0..100).for_each(|n| send.send(n).unwrap());
    let (system, running, given) =
        running(UntilTheDrain { source: Channel::new(receiver), has_given: false });
    assert_eq!(given.recv_timeout(GUARD), Ok(0));
    let report = system.shutdown();
    assert!(report.is_complete(), "{report}");
    assert!(given.into_iter().eq(1..100));
    assert!(held.is_empty() && running.ledger().balances(), "{}", running.ledger());
}

/// Gives one item, and then waits for the drain, whatever there is.
struct UntilTheDrain<S> {
    source: S,
    has_given: bool,
}

impl<S: Source> Source for UntilTheDrain<S> {
    type Item = S::Item;
    type Position = S::Position;

    fn next_item(&mut self, stopping: &Event) -> Option<Next<S::Item, S::Position>> {
        if self.has_given {
            stopping.wait();
            return None;
        }
        self.has_given = true;
        self.source.next_item(stopping)
    }

    fn leftover(&mut self) -> Option<Next<S::Item, S::Position>> {
        self.source.leftover()
    }
}

#[test]
fn a_source_that_panics_has_failed_and_what_it_gave_before_arrives() {
    for skips_errors in [false, true] {
        let (out, given) = mpsc::channel();
        let numbers = (0..10).map(|n| if n < 5 { Ok::<i32, Error>(n) } else { panic!("five") });
        let flow = Pipeline::new("panics").source("numbers", numbers);
        let flow = if skips_errors { flow.skip_errors() } else { flow };
        let error = flow.sink("out", move |n| Ok(out.send(n)?)).wait().unwrap_err();
        assert_eq!(error.to_string(), "`numbers` failed: it panicked: five");
        let ledger = error.outcome().unwrap().ledger();
        assert!(ledger.balances(), "{ledger}");
        assert_eq!(ledger.stage("numbers").unwrap().failed, 1);
        assert!(given.into_iter().eq(0..5));
    }
}

/// Gives so many at hand, with an error at the end of them, and then waits until all of them are there.
struct Bursts {
    lengths: Vec<u32>,
    left: u32,
    has_failed: bool,
    arrived: crossbeam_channel::Receiver<()>,
}

impl Source for Bursts {
    type Item = u32;
    type Position = ();

    fn next_item(&mut self, _: &Event) -> Option<Next<u32, ()>> {
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            return Some(Ok((left, ())));
        }
        if !std::mem::replace(&mut self.has_failed, true) {
            return Some(Err(Error::msg("the end of a burst")));
        }
        self.arrived.recv_timeout(GUARD).expect("nothing is kept back while the source waits");
        (self.left, self.has_failed) = (self.lengths.pop()?, false);
        self.next_item(&Event::new())
    }

    fn is_next_at_hand(&self) -> bool {
        self.left > 0 || !self.has_failed
    }
}

#[test]
fn nothing_is_kept_back_when_the_next_item_is_not_at_hand() {
    let (tell, arrived) = unbounded();
    tell.send(()).unwrap();
    let lengths = vec![1, 2, 3, 1_000, 5, 255, 256, 257, 1];
    let items: u64 = lengths.iter().copied().map(u64::from).sum();
    let source = Bursts { lengths, left: 0, has_failed: true, arrived };
    let outcome = Pipeline::new("bursts")
        .source("source", source)
        .skip_errors()
        .map("same", |n| n)
        .sink("out", move |n| if n == 0 { Ok(tell.send(())?) } else { Ok(()) })
        .run()
        .unwrap();
    assert!(outcome.ledger().balances(), "{outcome}");
    assert_eq!(outcome.ledger().stage("out").unwrap().passed, items);
}

/// What was sent was taken, whichever thread fails, and whoever sent it is not asked again.
#[test]
fn what_a_channel_holds_when_a_stage_fails_is_in_the_ledger() {
    for is_on_the_thread_of_the_source in [true, false] {
        let (send, receiver) = unbounded();
        (0..1_000).for_each(|n| send.send(n).unwrap());
        let flow = Pipeline::new("fails").source("source", Channel::new(receiver));
        let fail = |n: u32| if n == 3 { Err(Error::msg("three")) } else { Ok(n) };
        let error = match is_on_the_thread_of_the_source {
            true => flow.try_map("fail", fail).sink("out", |_| Ok(())).wait(),
            false => flow.thread("on").try_map("fail", fail).sink("out", |_| Ok(())).wait(),
        };
        let ledger = error.unwrap_err().into_outcome().unwrap().ledger().clone();
        let [given, failed, out] =
            ["source", "fail", "out"].map(|name| ledger.stage(name).unwrap());
        assert!(ledger.balances(), "{ledger}");
        let figures = (given.out, failed.passed, failed.failed, failed.returned, out.passed);
        assert_eq!(figures, (1_000, 3, 1, 996, 3), "{ledger}");
    }
}

/// What it gives is on its way aside, and all of it together ends in an error.
#[test]
fn what_goes_aside_arrives_although_the_end_of_the_source_fails() {
    const ITEMS: u64 = 3_000;
    let refuse = |n: u64| if n == 0 { Ok(n) } else { Err(Error::msg("not zero")) };
    let error = Pipeline::new("end")
        .items("numbers", 0..ITEMS)
        .try_map("zero", refuse)
        .divert("aside", |_| Ok(()))
        .fold("count", 0, |count, _| *count += 1)
        .try_map("fails", |count: u32| Err::<u32, _>(Error::msg(count)))
        .sink("out", |_| Ok(()))
        .wait()
        .unwrap_err();
    assert_eq!(error.to_string(), "`numbers` failed: `fails`: 1");
    let ledger = error.outcome().unwrap().ledger();
    let aside = ledger.stage("aside").unwrap();
    assert!(ledger.balances(), "{ledger}");
    assert_eq!((aside.passed, aside.returned), (ITEMS - 1, 0), "{ledger}");
}

/// Panics, and says whether it is asked for more after that.
struct Panics(mpsc::Sender<()>);

impl Source for Panics {
    type Item = u32;
    type Position = ();

    fn next_item(&mut self, _: &Event) -> Option<Next<u32, ()>> {
        panic!("nobody knows what comes after it");
    }

    fn leftover(&mut self) -> Option<Next<u32, ()>> {
        let _ = self.0.send(());
        None
    }
}

#[test]
fn a_source_that_has_panicked_is_asked_for_nothing_more() {
    let (tell, told) = mpsc::channel();
    let flow = Pipeline::new("panics").source("panics", Panics(tell));
    let error = flow.sink("out", |_| Ok(())).wait().unwrap_err();
    assert!(error.to_string().starts_with("`panics` failed: it panicked"), "{error}");
    assert_eq!(told.into_iter().count(), 0);
}

#[test]
fn what_a_source_has_left_is_returned_and_not_worked_on_when_nobody_wants_it() {
    let (send, receiver) = unbounded();
    (0..100).for_each(|n| send.send(n).unwrap());
    let source = UntilTheDrain { source: Channel::new(receiver), has_given: false };
    let flow = Pipeline::new("enough").source("source", source).inspect("look", |_| ());
    let outcome = flow.sink("out", |_: i32| Err(Closed.into())).wait().unwrap();
    let (ledger, look) = (outcome.ledger(), outcome.ledger().stage("look").unwrap());
    assert!(ledger.balances(), "{ledger}");
    assert_eq!((look.passed, look.returned), (1, 99), "{ledger}");
}
