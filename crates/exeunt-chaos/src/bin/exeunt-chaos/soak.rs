//! The soak: one system for a long time, with restarts, timers, topic traffic, and children that come and go. Memory,
//! threads and descriptors have to be flat, and in the end every actor's counters have to balance.

use std::collections::VecDeque;
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use exeunt::{Actor, Addr, Context, Event, Report, Restart, System, Topic};
use exeunt_testkit::assert_ledger;

mod gauge;

use gauge::Course;

use crate::program::{say, say_that_it_begins};

/// One in so many messages fails, and its actor is restarted.
const FAILS_EVERY: u64 = 97;
/// So many guests are there at a time.
const GUESTS: usize = 4;

const TICK: Duration = Duration::from_millis(1);

/// Says whether all was well, until it is called off.
///
/// # Errors
///
/// If the system does not tell what this process uses.
pub(crate) fn run(duration: Duration, called_off: &Event) -> Result<bool, String> {
    let mut course = Course::default();
    course.measure()?; // before anything is begun, so that it is known whether it can be
    silence_what_was_asked_for();
    let counts = Counts::default();
    let mut system = System::new("soak");
    spawn(&mut system, &counts).map_err(|error| error.to_string())?;

    say_that_it_begins(&format!("a soak of {duration:?}"));
    let began = Instant::now();
    let beat = (duration / 1000).clamp(Duration::from_millis(50), Duration::from_secs(1));
    course = Course::default();
    while began.elapsed() < duration
        && !called_off.wait_timeout(beat.min(duration.saturating_sub(began.elapsed())))
    {
        course.measure()?;
    }
    let report = system.shutdown();
    let took = began.elapsed();
    counts.hold(&report);
    tell(&report, &counts, took, &course)?;
    Ok(course.is_flat() && !report.is_failure())
}

fn tell(report: &Report, counts: &Counts, took: Duration, course: &Course) -> Result<(), String> {
    let sum = |name: &str, figure: fn(&exeunt::ActorReport) -> u64| -> u64 {
        report.actors.iter().filter(|actor| actor.name == name).map(figure).sum()
    };
    let restarts: u64 = report.actors.iter().map(|actor| actor.restarts).sum();
    let all: u64 = report.actors.iter().map(exeunt::ActorReport::accepted).sum();
    let ticks = sum("clock", |a| a.handled);
    say(format_args!("{took:.0?}: {all} messages, {restarts} restarts, {ticks} timer ticks\n"))?;
    let [published, guests] =
        [&counts.published, &counts.guests].map(|n| n.load(Ordering::Relaxed));
    say(format_args!(
        "{published} values accepted by subscribers of a topic, {guests} children came and went\n{course}\n"
    ))?;
    // What waited for a subscriber's incarnation comes back when that fails.
    let returned: u64 = report.actors.iter().map(|actor| actor.returned).sum();
    let (took_s, is_flat) = (took.as_secs(), course.is_flat());
    say(format_args!(
        "{returned} messages returned\nsoak_s={took_s} balanced=true flat={is_flat}\n"
    ))
}

/// The handlers' panics are no news; any other is.
fn silence_what_was_asked_for() {
    let others = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<&str>() != Some(&ASKED_FOR) {
            others(info);
        }
    }));
}

const ASKED_FOR: &str = "as it was told";

/// What was accepted, by the counts of the senders.
#[derive(Clone, Default)]
struct Counts {
    worker: Arc<AtomicU64>,
    sink: Arc<AtomicU64>,
    guest: Arc<AtomicU64>,
    /// By all listeners.
    published: Arc<AtomicU64>,
    guests: Arc<AtomicU64>,
}

impl Counts {
    /// # Panics
    ///
    /// If somebody's counters do not balance: with the table.
    fn hold(&self, report: &Report) {
        let [worker, sink, guest, listener] =
            [&self.worker, &self.sink, &self.guest, &self.published]
                .map(|n| n.load(Ordering::Relaxed));
        let accepted =
            [("worker", worker), ("sink", sink), ("guest", guest), ("listener", listener)];
        // The children that were summed up are all guests.
        let mut report = report.clone();
        for line in report.actors.iter_mut().filter(|line| line.id.is_none()) {
            "guest".clone_into(&mut line.name);
        }
        // One that ends early may have had no guest.
        let was_there =
            |(name, accepted): &(&str, u64)| *accepted > 0 || report.actor(name).is_some();
        let accepted: Vec<_> = accepted.into_iter().filter(was_there).collect();
        assert_ledger(&report, &accepted);
    }
}

fn count(number: &AtomicU64, by: u64) {
    number.fetch_add(by, Ordering::Relaxed);
}

fn spawn(system: &mut System, counts: &Counts) -> Result<(), exeunt::SpawnError> {
    let tireless = Restart::on_failure().intensity(u32::MAX, Duration::from_secs(1));
    let sink = system.spawn("sink", Sink);
    let (to, sent) = (sink.clone(), Arc::clone(&counts.sink));
    let worker = system
        .actor("worker")
        .feeds(&sink)
        .restart(tireless)
        .spawn_with(move || Worker { to: to.clone(), sent: Arc::clone(&sent), taken: 0 })?;

    let topic = Topic::new("values");
    for _ in 0..3 {
        let topic = topic.clone();
        let listener = system.actor("listener").feeds_nothing().restart(tireless);
        listener.spawn_with(move || Listener { topic: topic.clone(), taken: 0 })?;
    }
    system.spawn("clock", Clock { topic, published: Arc::clone(&counts.published) });
    system.spawn("nursery", Nursery { guests: VecDeque::new(), counts: counts.clone() });

    let sent = Arc::clone(&counts.worker);
    system.task("source").feeds(&worker.clone()).spawn(move |cx| {
        while !cx.stopping().wait_timeout(TICK) {
            worker.send(())?;
            count(&sent, 1);
        }
        Ok(())
    })?;
    Ok(())
}

struct Sink;

impl Actor for Sink {
    type Msg = ();

    fn handle(&mut self, (): (), _cx: &mut Context<Self>) -> exeunt::Result {
        Ok(())
    }
}

/// Passes on, and panics now and then.
struct Worker {
    to: Addr<()>,
    sent: Arc<AtomicU64>,
    taken: u64,
}

impl Actor for Worker {
    type Msg = ();

    fn handle(&mut self, (): (), _cx: &mut Context<Self>) -> exeunt::Result {
        self.taken += 1;
        if self.taken == FAILS_EVERY {
            panic::panic_any(ASKED_FOR);
        }
        self.to.send(())?;
        count(&self.sent, 1);
        Ok(())
    }
}

/// Subscribes anew in each incarnation, and fails now and then.
struct Listener {
    topic: Topic<u64>,
    taken: u64,
}

impl Actor for Listener {
    type Msg = u64;

    fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        cx.subscribe(&self.topic, |value| value);
        Ok(())
    }

    fn handle(&mut self, _value: u64, _cx: &mut Context<Self>) -> exeunt::Result {
        self.taken += 1;
        if self.taken == FAILS_EVERY { Err(exeunt::Error::msg(ASKED_FOR)) } else { Ok(()) }
    }
}

/// Publishes by a timer.
struct Clock {
    topic: Topic<u64>,
    published: Arc<AtomicU64>,
}

impl Actor for Clock {
    type Msg = u64;

    fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        let mut n = 0;
        cx.send_every(TICK, move || {
            n += 1;
            n
        });
        Ok(())
    }

    fn handle(&mut self, n: u64, _cx: &mut Context<Self>) -> exeunt::Result {
        count(&self.published, self.topic.publish(n).accepted as u64);
        Ok(())
    }
}

/// Has a new guest every twenty ticks, and lets the oldest go.
struct Nursery {
    guests: VecDeque<Addr<()>>,
    counts: Counts,
}

impl Actor for Nursery {
    type Msg = ();

    fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        cx.send_every(20 * TICK, || ());
        Ok(())
    }

    fn handle(&mut self, (): (), cx: &mut Context<Self>) -> exeunt::Result {
        let guest = cx.actor("guest").spawn(Sink)?;
        count(&self.counts.guests, 1);
        self.guests.push_back(guest);
        for guest in &self.guests {
            if guest.send(()).is_ok() {
                count(&self.counts.guest, 1);
            } // refused in a drain, if it was not started any more
        }
        if self.guests.len() > GUESTS {
            self.guests.pop_front();
        }
        Ok(())
    }
}
