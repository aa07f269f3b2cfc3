//! What stages make of single items, on no thread at all.

use std::sync::atomic::Ordering;

use exeunt::Backoff;

use super::*;
use crate::flow::Tee;
use crate::link::{Counted, Link};
use crate::side::{Door, Side};

const LONG: Duration = Duration::from_secs(3600);

/// What comes after a stage.
struct After<'a, T> {
    items: Vec<T>,
    waits: Vec<Duration>,
    is_refusing: bool,
    is_late: bool,
    /// Looks around while it is waited for something.
    waiting: Box<dyn FnMut() -> Result<bool, Halt> + 'a>,
}

impl<'a, T> After<'a, T> {
    fn new() -> After<'a, T> {
        After {
            items: Vec::new(),
            waits: Vec::new(),
            is_refusing: false,
            is_late: false,
            waiting: Box::new(|| Ok(false)),
        }
    }

    fn take(&mut self) -> Vec<T> {
        std::mem::take(&mut self.items)
    }
}

impl<T> Emit<T> for After<'_, T> {
    fn emit(&mut self, item: T) -> Result<(), Halt> {
        if self.is_refusing {
            return Err(Halt::Refused);
        }
        self.items.push(item);
        Ok(())
    }

    fn emit_beside(&mut self, item: T, _: &mut dyn FnMut()) -> Result<(), Halt> {
        self.emit(item)
    }

    fn look(&self) -> Result<(), Halt> {
        if self.is_late { Err(Halt::Late) } else { Ok(()) }
    }

    fn wait(&mut self, delay: Duration) -> Result<bool, Halt> {
        self.waits.push(delay);
        (self.waiting)()
    }
}

/// What became of the items of a stage: passed, failed, diverted, returned.
fn figures(of: &Counted) -> (u64, u64, u64, u64) {
    let stage = of.read();
    (stage.passed, stage.failed, stage.diverted, stage.returned)
}

fn try_map<T, U, F>(of: &Counted, policy: Policy<T>, f: F) -> Each<TryMap<F, T, U>>
where
    T: Send + 'static,
    U: Send + 'static,
    F: FnMut(T) -> Result<U, Error> + Send + 'static,
{
    Each { kind: TryMap(f, PhantomData), base: of.base(), policy }
}

fn aside<T: Clone + Send + 'static>(link: &Link<Diverted<T>>) -> AtLast<T> {
    let door = Door::new();
    door.open(link.inlet());
    AtLast::Divert { copy: T::clone, to: Box::new(Side::new(door)) }
}

fn retry<T: Clone + Send>(times: u32) -> Option<Retry<T>> {
    let backoff = Backoff::exponential(LONG, LONG).without_jitter();
    Some(Retry { times, backoff, copy: T::clone })
}

fn thread() -> Thread {
    Thread { drain: Event::new(), is_source: false }
}

/// Copied while that is allowed.
#[derive(Debug)]
struct Fragile;

impl Clone for Fragile {
    fn clone(&self) -> Fragile {
        panic!("fragile")
    }
}

#[test]
fn what_cannot_be_copied_goes_aside_itself_and_nobody_works_on_it() {
    let (counted, mut link) = (Counted::new(), Link::new());
    let policy = Policy { retry: retry(3), at_last: aside(&link) };
    let mut stage = try_map(&counted, policy, |_: Fragile| -> Result<(), Error> {
        panic!("it is called");
    });
    stage.begin(&thread());
    stage.push(Fragile, &mut After::new()).unwrap();
    stage.settle().unwrap();
    let aside = link.read_items();
    assert_eq!(aside.len(), 1);
    assert_eq!(aside[0].error.to_string(), "it panicked: fragile");
    assert_eq!(figures(&counted), (0, 0, 1, 0));
}

#[test]
fn an_item_of_which_something_is_on_its_way_is_not_tried_again() {
    let counted = Counted::new();
    let (mut calls, called) = (0, std::sync::mpsc::channel());
    let several = move |_: u32| {
        calls += 1;
        let _ = called.0.send(calls);
        (0..3).inspect(|n| assert!(*n != 2, "two"))
    };
    let policy = Policy { retry: retry(3), at_last: AtLast::Skip };
    let mut stage = Each { kind: FlatMap(several, PhantomData), base: counted.base(), policy };
    let mut after = After::new();
    stage.push(7, &mut after).unwrap();
    assert_eq!((after.take(), called.1.try_iter().count()), (vec![0, 1], 1));
    assert_eq!(figures(&counted), (0, 1, 0, 0));
}

#[test]
fn what_has_gone_aside_before_is_on_its_way_while_the_next_try_is_waited_for() {
    let (counted, mut link) = (Counted::new(), Link::new());
    let policy = Policy { retry: retry(1), at_last: aside(&link) };
    let mut stage = try_map(&counted, policy, |n: u32| Err::<u32, _>(Error::msg(n)));
    stage.begin(&thread());
    stage.push(1, &mut After::new()).unwrap();
    assert!(link.read().is_empty(), "more may follow at once");
    let mut come = Vec::new();
    let mut after = After::new();
    after.waiting = Box::new(|| {
        come.extend(link.read_items().iter().map(|diverted| diverted.item));
        Ok(false)
    });
    stage.push(2, &mut after).unwrap();
    assert_eq!(after.waits, [LONG]);
    drop(after);
    assert_eq!(come, [1]);
    assert_eq!((figures(&counted), counted.read().retried), ((0, 0, 2, 0), 2));
}

/// A tee, and all that comes to it on the way aside.
fn tee(link: &Link<u32>) -> Tee<u32> {
    let door = Door::new();
    door.open(link.inlet());
    Tee { base: Counted::new().base(), side: Side::new(door) }
}

/// What there is aside when a stage downstream of it first waits, if three items come to it and no more.
fn aside_while_waiting<T: Send + 'static>(
    link: &mut Link<T>,
    mut stages: impl Op<In = u32>,
) -> Vec<T> {
    stages.begin(&thread());
    let mut come = Vec::new();
    let mut after = After::new();
    after.waiting = Box::new(|| {
        come.extend(link.read_items());
        Ok(false)
    });
    for n in 0..3 {
        assert!(after.waits.is_empty());
        stages.push(n, &mut after).unwrap();
    }
    assert_eq!(after.waits.len(), 1);
    drop(after);
    come
}

/// Waits for the third item.
fn waits() -> impl Op<In = u32, Out = u32> {
    let fails = |n: u32| if n < 2 { Ok(n) } else { Err(Error::msg(n)) };
    try_map(&Counted::new(), Policy { retry: retry(1), at_last: AtLast::Skip }, fails)
}

#[test]
fn copies_are_on_their_way_while_a_stage_after_the_tee_waits_however_far_it_is() {
    let mut link = Link::new();
    let stages = Then { first: tee(&link), second: waits() };
    assert_eq!(aside_while_waiting(&mut link, stages), [0, 1, 2]);

    let (mut first, second) = (Link::new(), Link::new());
    let between = Policy { retry: None, at_last: aside(&Link::new()) };
    let between = try_map(&Counted::new(), between, Ok::<u32, Error>);
    let stages = Then { first: tee(&first), second: tee(&second) };
    let stages = Then { first: Then { first: stages, second: between }, second: waits() };
    assert_eq!(aside_while_waiting(&mut first, stages), [0, 1, 2]);
}

#[test]
fn what_failed_is_on_its_way_aside_while_a_stage_after_that_waits() {
    let mut link = Link::new();
    let odd = |n: u32| if n == 1 { Err(Error::msg(n)) } else { Ok(n) };
    let first = try_map(&Counted::new(), Policy { retry: None, at_last: aside(&link) }, odd);
    let come = aside_while_waiting(&mut link, Then { first, second: waits() });
    assert_eq!(come.iter().map(|diverted| diverted.item).collect::<Vec<_>>(), [1]);
}

#[test]
fn the_wait_for_the_next_try_ends_with_its_deadline_and_when_nobody_wants_it() {
    let fails = |n: u32| Err::<u32, _>(Error::msg(n));
    let try_once = |said: fn() -> Result<bool, Halt>| {
        let counted = Counted::new();
        let policy = Policy { retry: retry(9), at_last: AtLast::Skip };
        let mut after = After::new();
        after.waiting = Box::new(said);
        let done = try_map(&counted, policy, fails).push(1, &mut after);
        (done.is_ok(), after.waits.len(), counted.read().retried, figures(&counted))
    };
    assert_eq!(try_once(|| Ok(false)), (true, 9, 9, (0, 1, 0, 0)));
    assert_eq!(try_once(|| Ok(true)), (true, 1, 0, (0, 1, 0, 0)));
    assert_eq!(try_once(|| Err(Halt::Enough)), (false, 1, 0, (0, 0, 0, 1)));
}

#[test]
fn an_item_that_is_cut_off_is_returned_and_one_that_is_refused_has_passed() {
    let counted = Counted::new();
    let policy = Policy::default();
    let kind = FlatMap(|n: u32| 0..n, PhantomData);
    let mut stage = Each { kind, base: counted.base(), policy };
    let mut after = After { is_late: true, ..After::new() };
    stage.push(0, &mut after).unwrap();
    stage.push(1, &mut after).unwrap();
    assert!(matches!(stage.push(2, &mut after), Err(Halt::Late)));
    assert_eq!((after.take(), figures(&counted)), (vec![0, 0], (1, 0, 0, 1)));
    after.is_refusing = true;
    assert!(matches!(stage.push(2, &mut after), Err(Halt::Refused)));
    let stage = counted.read();
    assert_eq!((stage.passed, stage.filtered, stage.returned, stage.out), (2, 1, 1, 3));
    assert_eq!(stage.unfinished(), 0);
}

#[test]
fn a_value_that_is_half_changed_is_handed_to_nobody() {
    let counted = Counted::new();
    let add = |sum: &mut u32, n: u32| {
        *sum += n;
        assert!(n != 2, "two");
    };
    let (state, item) = (Some(0), PhantomData);
    let mut fold = Fold { base: counted.base(), state, add, items: 0, item };
    let mut after = After::new();
    fold.push(1, &mut after).unwrap();
    assert!(matches!(fold.push(2, &mut after), Err(Halt::Failed { .. })));
    fold.end(&mut after).unwrap();
    assert_eq!(after.take(), []);
    drop(fold);
    assert_eq!(figures(&counted), (0, 1, 0, 1));
}

#[test]
fn what_is_in_a_value_has_passed_with_it() {
    let counted = Counted::new();
    let add = |sum: &mut u32, n: u32| *sum += n;
    let (state, item) = (Some(0), PhantomData);
    let mut fold = Fold { base: counted.base(), state, add, items: 0, item };
    let mut after = After::new();
    assert!(!fold.holds());
    (1..=3).for_each(|n| fold.push(n, &mut after).unwrap());
    assert!(fold.holds());
    fold.end(&mut after).unwrap();
    fold.end(&mut after).unwrap();
    drop(fold);
    assert_eq!((after.take(), figures(&counted)), (vec![6], (3, 0, 0, 0)));
}

fn batch(of: &Counted, items: usize) -> Batch<u32> {
    Batch { base: of.base(), items, within: LONG, kept: Vec::new(), due: None, has_missed: false }
}

fn window(of: &Counted) -> Window<u32> {
    Window { base: of.base(), span: LONG, kept: Vec::new(), due: None, has_missed: false }
}

/// What both do in the same way.
fn keeps_until_it_is_due(mut stage: impl Op<In = u32, Out = Vec<u32>>, counted: &Counted) {
    let mut after = After::new();
    assert!(!stage.holds() && stage.due().is_none());
    let began = Instant::now();
    stage.push(1, &mut after).unwrap();
    let due = stage.due().unwrap();
    assert!(stage.holds() && due >= began + LONG);
    stage.push(2, &mut after).unwrap();
    assert_eq!(stage.due(), Some(due), "it is the first that has waited for long");
    stage.tick(due.checked_sub(Duration::from_nanos(1)).unwrap(), &mut after).unwrap();
    assert!(after.take().is_empty());
    stage.tick(due, &mut after).unwrap();
    assert_eq!(after.take(), [vec![1, 2]]);
    assert!(!stage.holds() && stage.due().is_none());
    stage.end(&mut after).unwrap();
    assert!(after.take().is_empty(), "of nothing there is none");
    stage.push(3, &mut after).unwrap();
    drop(stage);
    assert_eq!(figures(counted), (2, 0, 0, 1));
}

#[test]
fn a_batch_and_a_window_keep_what_they_have_until_it_is_due() {
    let counted = Counted::new();
    keeps_until_it_is_due(batch(&counted, 100), &counted);
    let counted = Counted::new();
    keeps_until_it_is_due(window(&counted), &counted);
}

/// Only if no mark has met it empty since one has ended, it ends early for one.
fn is_cut_where_it_has_missed(mut stage: impl Op<In = u32, Out = Vec<u32>>) {
    let mut after = After::new();
    let push = |stage: &mut _, n| Op::push(stage, n, &mut After::new()).unwrap();
    push(&mut stage, 1);
    stage.mark(0);
    stage.cut(&mut after).unwrap();
    assert!(after.take().is_empty(), "its own end may be at a mark");
    let due = stage.due().unwrap();
    stage.tick(due, &mut After::new()).unwrap();
    stage.mark(1);
    push(&mut stage, 2);
    stage.cut(&mut after).unwrap();
    assert!(after.take().is_empty(), "its last end was at a mark");
    stage.tick(stage.due().unwrap(), &mut After::new()).unwrap();
    push(&mut stage, 3);
    stage.mark(2);
    stage.cut(&mut after).unwrap();
    assert_eq!(after.take(), [vec![3]]);
}

#[test]
fn a_batch_and_a_window_end_early_only_if_they_would_miss_the_marks() {
    is_cut_where_it_has_missed(batch(&Counted::new(), 100));
    is_cut_where_it_has_missed(window(&Counted::new()));
}

#[test]
fn what_comes_when_a_window_is_over_opens_the_next() {
    let (counted, mut after) = (Counted::new(), After::new());
    let mut window = window(&counted);
    window.push(1, &mut after).unwrap();
    window.due = Some(Instant::now());
    window.push(2, &mut after).unwrap();
    assert_eq!((after.take(), &window.kept), (vec![vec![1]], &vec![2]));
    assert!(window.due.is_some_and(|due| due > Instant::now()));
    // If the one before is refused, it has never been in one.
    window.due = Some(Instant::now());
    after.is_refusing = true;
    assert!(matches!(window.push(3, &mut after), Err(Halt::Refused)));
    assert_eq!((figures(&counted), counted.read().entered), ((2, 0, 0, 1), 3));
}

fn limit(of: &Counted) -> RateLimit<u32> {
    RateLimit { base: of.base(), apart: LONG, next: None, item: PhantomData }
}

#[test]
fn turns_are_apart_and_a_pause_is_not_made_up_for() {
    let (counted, mut after) = (Counted::new(), After::new());
    let mut limit = limit(&counted);
    (1..=3).for_each(|n| limit.push(n, &mut after).unwrap());
    let waits: Vec<u64> =
        after.waits.drain(..).map(|wait| wait.as_secs_f64().ceil() as u64).collect();
    assert_eq!(waits, [3600, 7200]);
    let began = Instant::now();
    limit.next = began.checked_sub(Duration::from_secs(1));
    limit.push(4, &mut after).unwrap();
    assert!(after.waits.is_empty() && limit.next.unwrap() >= began + LONG);
    after.waiting = Box::new(|| Err(Halt::Enough));
    assert!(matches!(limit.push(5, &mut after), Err(Halt::Enough)));
    assert_eq!((after.take(), figures(&counted)), (vec![1, 2, 3, 4], (4, 0, 0, 1)));
}

/// Tells how it is told.
#[derive(Default)]
struct Told {
    marks: Vec<u64>,
    settled: Arc<AtomicBool>,
    ends: usize,
}

impl Op for Told {
    type In = u32;
    type Out = u32;

    fn push(&mut self, item: u32, emit: &mut impl Emit<u32>) -> Result<(), Halt> {
        emit.emit(item)
    }

    fn settle(&mut self) -> Result<(), Halt> {
        self.settled.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn mark(&mut self, upto: u64) {
        self.marks.push(upto);
    }

    fn end(&mut self, emit: &mut impl Emit<u32>) -> Result<(), Halt> {
        self.ends += 1;
        emit.emit(99)
    }
}

#[test]
fn what_follows_knows_of_no_mark_while_something_is_held_before_it() {
    let apart = FlatMap(|batch: Vec<u32>| batch, PhantomData);
    let base = Counted::new().base();
    let first = Then {
        first: batch(&Counted::new(), 2),
        second: Each { kind: apart, base, policy: Policy::default() },
    };
    let mut both = Then { first, second: Told::default() };
    let mut after = After::new();
    for n in 0..3 {
        both.push(n, &mut after).unwrap();
        both.mark(n.into());
    }
    assert_eq!(both.second.marks, [1]);
    // At the end all goes through what follows before that has its own end.
    both.end(&mut after).unwrap();
    assert_eq!((after.take(), both.second.ends), (vec![0, 1, 2, 99], 1));
}

#[test]
fn what_either_holds_is_held() {
    let mut first = Then { first: batch(&Counted::new(), 2), second: Nothing(PhantomData) };
    let mut second = Then { first: Nothing(PhantomData), second: batch(&Counted::new(), 2) };
    assert!(!first.holds() && !second.holds());
    first.push(1, &mut After::new()).unwrap();
    second.push(1, &mut After::new()).unwrap();
    assert!(first.holds() && second.holds());
    assert!(first.due().is_some() && second.due().is_some());
}

#[test]
fn what_follows_is_settled_before_a_wait() {
    let told = Told::default();
    let settled = Arc::clone(&told.settled);
    let mut both = Then { first: limit(&Counted::new()), second: told };
    let mut after = After::new();
    after.waiting = Box::new(|| {
        assert!(settled.load(Ordering::Relaxed), "what it has put aside is kept");
        Ok(false)
    });
    both.push(1, &mut after).unwrap();
    both.push(2, &mut after).unwrap();
    assert_eq!(after.waits.len(), 1);
}
