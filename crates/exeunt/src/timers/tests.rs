//! Time in these tests is what they say: nothing sleeps.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Weak;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;
use crate::timer::Ring;
use crate::unwind::tests::Grenade;

const MS: Duration = Duration::from_millis(1);

fn timers<J>() -> (Timers<J>, Instant) {
    (Timers::new(None), Instant::now())
}

/// All jobs that are due, one after the other.
fn due<J>(timers: &mut Timers<J>, now: Instant) -> Vec<J> {
    std::iter::from_fn(|| timers.take_due(now)).collect()
}

/// Makes 0, 1, 2 and so on.
fn count() -> Box<dyn FnMut() -> u32> {
    let mut ticks = 0..;
    Box::new(move || ticks.next().unwrap())
}

#[derive(Default)]
struct Bell(AtomicUsize);

impl Ring for Bell {
    fn ring(&self, seat: usize) {
        self.0.fetch_add(seat, Ordering::SeqCst);
    }
}

#[test]
fn a_job_comes_at_its_moment_and_those_of_one_moment_in_the_order_of_creation() {
    let (mut timers, start) = timers();
    timers.after(start, 20 * MS, "c");
    timers.every(start, 10 * MS, Missed::Skip, Box::new(|| "tick"));
    timers.after(start, 10 * MS, "a");
    let b = timers.after(start + MS, 9 * MS, "b");
    assert_eq!(timers.next_due(), Some(start + 10 * MS));
    assert_eq!(timers.take_due(start + 10 * MS - Duration::from_nanos(1)), None);
    assert!(b.is_pending());
    assert_eq!(due(&mut timers, start + 10 * MS), ["tick", "a", "b"]);
    assert!(!b.is_pending() && !b.cancel());
    assert_eq!(due(&mut timers, start + 20 * MS), ["c", "tick"]);
    assert_eq!(timers.next_due(), Some(start + 30 * MS));
    assert_eq!(timers.pending(), 1);
}

#[test]
fn ticks_do_not_drift() {
    let period = Duration::from_nanos(7_000_333);
    for missed in [Missed::Skip, Missed::CatchUp] {
        let (mut timers, start) = timers();
        timers.every(start, period, missed, count());
        for tick in 1..=10_000 {
            let at = timers.next_due().unwrap();
            assert_eq!(at, start + period * tick);
            let late = period / 10_001 * tick;
            assert_eq!(due(&mut timers, at + late), [tick - 1]);
        }
    }
}

#[test]
fn missed_ticks_are_skipped() {
    let (mut timers, start) = timers();
    timers.every(start, 10 * MS, Missed::Skip, count());
    assert_eq!(due(&mut timers, start + 45 * MS), [0]);
    assert_eq!(timers.next_due(), Some(start + 50 * MS));
    // The one whose moment is just now has not to come any more either.
    assert_eq!(due(&mut timers, start + 70 * MS), [1]);
    assert_eq!(timers.next_due(), Some(start + 80 * MS));
}

#[test]
fn missed_ticks_are_caught_up_with_at_their_moments() {
    let (mut timers, start) = timers();
    timers.every(start, 10 * MS, Missed::CatchUp, count());
    timers.after(start, 25 * MS, 100);
    assert_eq!(due(&mut timers, start + 45 * MS), [0, 1, 100, 2, 3]);
    assert_eq!(timers.next_due(), Some(start + 50 * MS));
}

#[test]
fn missed_ticks_delay_the_others() {
    let (mut timers, start) = timers();
    timers.every(start, 10 * MS, Missed::Delay, count());
    assert_eq!(due(&mut timers, start + 45 * MS), [0]);
    assert_eq!(timers.next_due(), Some(start + 55 * MS));
    assert_eq!(due(&mut timers, start + 55 * MS), [1]);
    assert_eq!(timers.next_due(), Some(start + 65 * MS));
}

#[test]
fn a_very_long_period_is_one() {
    let (mut timers, start) = timers();
    let years = Duration::from_secs(1 << 33);
    timers.every(start, years, Missed::Skip, count());
    assert_eq!(due(&mut timers, start + years * 3 + MS), [0]);
    assert_eq!(timers.next_due(), Some(start + years * 4));
    assert_eq!(remainder(Duration::MAX, Duration::MAX - MS), MS);
}

#[test]
fn a_moment_beyond_the_clock_is_pending_and_never_comes() {
    let (mut timers, start) = timers();
    let never = timers.after(start, Duration::MAX, 1);
    let no_tick = timers.every(start, Duration::MAX, Missed::Delay, count());
    assert!(never.is_pending() && no_tick.is_pending());
    assert_eq!((timers.next_due(), timers.pending()), (None, 2));
    timers.after(start, MS, 2);
    assert_eq!(timers.next_due(), Some(start + MS));
    assert_eq!(due(&mut timers, start + (1 << 30) * MS), [2]);
    assert!(never.cancel() && no_tick.cancel() && timers.is_empty());
}

#[test]
fn a_cancel_on_another_thread_rings_once() {
    let bell = Arc::new(Bell::default());
    let bells: Weak<Bell> = Arc::downgrade(&bell);
    let mut timers = Timers::new(Some(Rope { bells, seat: 1 }));
    let start = Instant::now();
    let timer = timers.after(start, MS, "never");
    timers.after(start, 2 * MS, "later");
    let cancelled = thread::spawn({
        let timer = timer.clone();
        move || (timer.cancel(), timer.cancel())
    });
    assert_eq!(cancelled.join().unwrap(), (true, false));
    assert_eq!(bell.0.load(Ordering::SeqCst), 1);
    assert!(!timer.is_pending() && format!("{timer:?}").contains("false"));
    assert_eq!(timers.next_due(), Some(start + 2 * MS));
    let later = timers.after(start, 2 * MS, "later still");
    assert_eq!(due(&mut timers, start + 2 * MS), ["later", "later still"]);
    assert!(!later.cancel());
    assert_eq!(bell.0.load(Ordering::SeqCst), 1);

    // The actor may be gone.
    let timer = timers.after(start, MS, "never");
    drop(bell);
    assert!(timer.cancel());
}

#[test]
fn a_timer_fires_or_is_cancelled() {
    let mut timers = Timers::new(None);
    let start = Instant::now();
    let (give, given) = crossbeam_channel::bounded::<Timer>(0);
    let canceller = thread::spawn(move || given.iter().filter(Timer::cancel).count());
    let mut fired = 0;
    for _ in 0..10_000 {
        let timer = timers.after(start, MS, ());
        give.send(timer).unwrap();
        fired += due(&mut timers, start + MS).len();
    }
    drop(give);
    assert_eq!(fired + canceller.join().unwrap(), 10_000);
    assert!(timers.is_empty() && timers.next_due().is_none() && timers.heap.is_empty());
}

#[test]
fn there_is_none_when_all_are_cancelled() {
    let (mut timers, start) = timers();
    let once = timers.after(start, MS, 7);
    let ticks = timers.every(start, MS, Missed::Skip, count());
    assert_eq!(due(&mut timers, start + MS), [7, 0]);
    assert!(!once.is_pending() && ticks.is_pending() && !timers.is_empty());
    assert!(ticks.cancel() && timers.is_empty());
    assert_eq!((timers.next_due(), timers.take_due(start + MS * 9)), (None, None));
    assert!(timers.heap.is_empty());
}

#[test]
fn a_timer_that_cancels_itself_while_it_makes_a_tick_does_not_fire() {
    let (mut timers, start) = timers();
    let itself = Rc::new(RefCell::new(None::<Timer>));
    let mut tick = count();
    let timer = timers.every(start, MS, Missed::CatchUp, {
        let itself = Rc::clone(&itself);
        Box::new(move || {
            let tick = tick();
            if tick == 2 {
                assert!(itself.take().unwrap().cancel());
            }
            tick
        })
    });
    itself.replace(Some(timer));
    timers.after(start, 5 * MS, 100);
    assert_eq!(due(&mut timers, start + 9 * MS), [0, 1, 100]);
    assert!(timers.is_empty());
}

#[test]
fn a_timer_that_was_cancelled_makes_no_tick() {
    let (mut timers, start) = timers();
    let made = Rc::new(Cell::new(0));
    let counts = Rc::clone(&made);
    let make = move || counts.set(counts.get() + 1);
    assert!(timers.every(start, MS, Missed::CatchUp, Box::new(make)).cancel());
    assert_eq!((timers.take_due(start + MS * 9), made.get()), (None, 0));
}

#[test]
fn f1_a_panic_in_the_making_of_a_tick_costs_this_tick() {
    let (mut timers, start) = timers();
    let mut tick = count();
    let timer = timers.every(
        start,
        10 * MS,
        Missed::CatchUp,
        Box::new(move || match tick() {
            1 => panic!("planned"),
            tick => tick,
        }),
    );
    (1..=5).for_each(|n| drop(timers.after(start, 8 * MS * n, 100 + n)));
    let now = start + 40 * MS;
    assert_eq!([timers.take_due(now), timers.take_due(now)], [Some(101), Some(0)]);
    assert_eq!(timers.take_due(now), Some(102));
    assert!(unwind::catch(|| timers.take_due(now)).is_err());
    assert!(timer.is_pending());
    assert_eq!((timers.pending(), timers.next_due()), (4, Some(start + 24 * MS)));
    assert_eq!(due(&mut timers, now), [103, 2, 104, 3, 105]);
}

#[test]
fn f5_a_cancelled_job_may_panic_when_it_is_dropped() {
    let (mut timers, start) = timers();
    let cancelled = |timers: &mut Timers<Grenade>, count: usize| {
        (0..count).for_each(|_| assert!(timers.after(start, MS, Grenade).cancel()));
    };
    cancelled(&mut timers, 3);
    assert_eq!(timers.next_due(), None);
    cancelled(&mut timers, LEFT_LYING + 1);
    timers.sweep_if_worthwhile();
    assert!(timers.heap.is_empty());
    timers.after(start, MS, Grenade);
    timers.every(start, MS, Missed::Skip, Box::new(|| Grenade));
    assert_eq!(timers.cancel_all(), 1);
    timers.after(start, MS, Grenade);
    drop(timers);
}

#[test]
fn f5_a_tick_that_was_cancelled_while_it_was_made_may_panic_when_it_is_dropped() {
    let (mut timers, start) = timers();
    let itself = Rc::new(RefCell::new(None::<Timer>));
    let cancels = Rc::clone(&itself);
    let make = move || {
        assert!(cancels.take().unwrap().cancel());
        Grenade
    };
    itself.replace(Some(timers.every(start, MS, Missed::Skip, Box::new(make))));
    assert!(timers.take_due(start + MS).is_none() && timers.is_empty());
}

#[test]
fn m1_what_has_not_fired_is_cancelled_counted_and_dropped() {
    let (mut timers, start) = timers();
    let job = Rc::new(());
    let handles: Vec<Timer> =
        (0..4).map(|n| timers.after(start, n * MS, Rc::clone(&job))).collect();
    assert!(timers.take_due(start).is_some() && handles[2].cancel());
    assert_eq!(timers.cancel_all(), 2);
    assert!(timers.is_empty() && timers.cancel_all() == 0);
    assert!(!handles.iter().any(Timer::is_pending) && !handles.iter().any(Timer::cancel));
    assert_eq!(Rc::strong_count(&job), 1);

    // The same without a word.
    let last = timers.after(start, MS, Rc::clone(&job));
    drop(timers);
    assert!(!last.is_pending() && Rc::strong_count(&job) == 1);
}

#[test]
fn m1_one_that_fires_every_so_often_is_cancelled_and_not_counted() {
    let (mut timers, start) = timers();
    let [once, often] =
        [timers.after(start, MS, 1), timers.every(start, MS, Missed::Skip, Box::new(|| 2))];
    assert_eq!(timers.cancel_all(), 1);
    assert!(timers.is_empty() && !once.is_pending() && !often.is_pending());
}

#[test]
fn what_was_cancelled_does_not_pile_up() {
    let (mut timers, start) = timers();
    let soon = timers.after(start, MS, 0);
    for n in 1..=10_000 {
        assert!(timers.after(start, n * 2 * MS, n).cancel());
        assert!(timers.heap.len() <= LEFT_LYING + 2);
    }
    assert!(soon.is_pending());
    // Many that are pending keep some that are not.
    (0..1_000).for_each(|n| drop(timers.after(start, 2 * MS, n)));
    let cancelled: Vec<Timer> = (0..900).map(|n| timers.after(start, 3 * MS, n)).collect();
    assert!(cancelled.iter().all(Timer::cancel));
    timers.next_due();
    assert!(timers.heap.len() >= 1_901 && timers.pending() == 1_001);
}

#[test]
fn what_was_cancelled_is_let_go_though_no_other_timer_is_set() {
    let (mut timers, start) = timers();
    timers.after(start, MS, 0);
    let others: Vec<Timer> = (0..1_000).map(|n| timers.after(start, 2 * MS, n)).collect();
    assert!(others.iter().all(Timer::cancel));
    assert_eq!(timers.next_due(), Some(start + MS));
    assert!(timers.heap.len() <= LEFT_LYING + 1);
}

#[test]
fn a_hundred_thousand_timers_come_in_order() {
    let (mut timers, start) = timers();
    let delays = (0..100_000).map(|n: u32| MS * (n.wrapping_mul(2_654_435_761) >> 12));
    let handles: Vec<Timer> =
        delays.clone().map(|delay| timers.after(start, delay, delay)).collect();
    let cancelled = thread::spawn(move || {
        handles.iter().skip(1).step_by(3).filter(|timer| timer.cancel()).count()
    });
    assert_eq!(cancelled.join().unwrap(), 33_333);
    let mut expected: Vec<Duration> =
        delays.enumerate().filter(|(n, _)| n % 3 != 1).map(|(_, delay)| delay).collect();
    expected.sort_unstable();
    let fired = Cell::new(0);
    while let Some(at) = timers.next_due() {
        for delay in due(&mut timers, at) {
            assert_eq!((delay, start + delay), (expected[fired.get()], at));
            fired.set(fired.get() + 1);
        }
    }
    assert_eq!((fired.get(), timers.pending()), (66_667, 0));
}

#[test]
fn a_handle_goes_anywhere() {
    fn goes_anywhere<T: Clone + Send + Sync + 'static>() {}
    goes_anywhere::<Timer>();
}
