//! Clause M1 under stress: mailboxes that close while three senders are at them, by the thousand.
//!
//! Every message has a number of its own. For each close the senders' lists (accepted, refused) are
//! held against what the handler and the dead-letter hook saw, and against the report: what was
//! accepted was seen exactly once, what was refused never. The senders mix the waiting, the
//! trying and the timed send, and the moment of the close is random. Closes at which something
//! is wrong are counted, and the test fails at the end with their number, so that a change to the
//! protocol can be measured by what it loses.
//!
//! `EXEUNT_CLOSES=20000 cargo test --release --test at_random stress::` closes each mailbox so often (and the
//! slow ways of ending a fifth as often) instead of 2,000 times.

use std::collections::HashSet;
use std::env;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use exeunt::{
    Actor, Addr, Capacity, Context, Ended, Event, SendError, SendTimeoutError, System,
    TrySendError, WeakAddr,
};

use crate::support::dice::Dice;
use crate::support::{HANG, Planned, guarded_for, ms, silence_planned_panics, until};

const SENDERS: u64 = 3;

/// How many messages a sender sends in a hurry before the close, and how many around it.
const ENOUGH: u32 = 150;

/// The number of closes for each capacity.
fn closes() -> u64 {
    match env::var("EXEUNT_CLOSES") {
        Ok(number) => number.parse().expect("EXEUNT_CLOSES is a number"),
        Err(_) => 2_000,
    }
}

#[test]
fn m1_stress_capacity_1() {
    shutdowns(Capacity::Bounded(1));
}

#[test]
fn m1_stress_capacity_2() {
    shutdowns(Capacity::Bounded(2));
}

#[test]
fn m1_stress_capacity_64() {
    shutdowns(Capacity::Bounded(64));
}

#[test]
fn m1_stress_capacity_1024() {
    shutdowns(Capacity::Bounded(1_024));
}

#[test]
fn m1_stress_unbounded() {
    shutdowns(Capacity::Unbounded);
}

#[test]
fn m1_stress_failures() {
    for (i, capacity) in CAPACITIES.into_iter().enumerate() {
        stress(i as u64, capacity, closes() / 5, Way::Failure);
    }
}

#[test]
fn m1_stress_abandonment() {
    for (i, capacity) in CAPACITIES.into_iter().enumerate() {
        stress(i as u64, capacity, closes() / 20, Way::Abandonment);
    }
}

#[test]
fn m1_stress_natural_end() {
    for (i, capacity) in CAPACITIES.into_iter().enumerate() {
        stress(i as u64, capacity, closes() / 5, Way::NaturalEnd);
    }
}

#[test]
fn m1_stress_last_words() {
    for (i, capacity) in CAPACITIES.into_iter().enumerate() {
        stress(i as u64, capacity, closes() / 4, Way::LastWords);
    }
}

const CAPACITIES: [Capacity; 5] = [
    Capacity::Bounded(1),
    Capacity::Bounded(2),
    Capacity::Bounded(64),
    Capacity::Bounded(1_024),
    Capacity::Unbounded,
];

fn shutdowns(capacity: Capacity) {
    stress(7, capacity, closes(), Way::Shutdown);
}

/// How the mailbox comes to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// The system is shut down: everything accepted is handled.
    Shutdown,
    /// A handler fails, by an error or a panic: what is queued is returned by the actor.
    Failure,
    /// A handler never comes back: what is queued is returned by the system.
    Abandonment,
    /// The last address goes while others still try to get one.
    NaturalEnd,
    /// Each sender sends a little and drops its address with the last word, which may reach the
    /// actor when it has looked for the last time.
    LastWords,
}

/// What is wrong with so many closes, and with how many messages.
#[derive(Default)]
struct Damage {
    closes: u64,
    messages: u64,
    example: Option<String>,
}

fn stress(seed: u64, capacity: Capacity, closes: u64, way: Way) {
    silence_planned_panics();
    let limit = HANG + ms(50) * u32::try_from(closes).unwrap();
    let (damage, accepted, refused) = guarded_for(limit, move || {
        let mut dice = Dice::new(seed);
        let crew = Crew::new();
        let mut damage = Damage::default();
        let (mut accepted, mut refused) = (0, 0);
        for _ in 0..closes {
            let close = close_once(&crew, &mut dice, capacity, way);
            accepted += close.accepted;
            refused += close.refused;
            if let Err((messages, what)) = close.verdict {
                damage.closes += 1;
                damage.messages += messages;
                damage.example.get_or_insert(what);
            }
        }
        (damage, accepted, refused)
    });
    eprintln!("{way:?}, {capacity:?}: {closes} closes, {accepted} accepted, {refused} refused");
    assert!(
        damage.closes == 0,
        "{way:?}, {capacity:?}: {} of {closes} closes went wrong, with {} messages; the first: {}",
        damage.closes,
        damage.messages,
        damage.example.unwrap_or_default()
    );
    assert!(
        accepted > closes && (refused > closes || way == Way::NaturalEnd || way == Way::LastWords),
        "too quiet for a stress test: {accepted} accepted, {refused} refused in {closes} closes"
    );
}

// One close.

struct Close {
    accepted: u64,
    refused: u64,
    /// If it went wrong, with how many messages, and how.
    verdict: Result<(), (u64, String)>,
}

fn close_once(crew: &Crew, dice: &mut Dice, capacity: Capacity, way: Way) -> Close {
    let (sightings, seen) = mpsc::channel();
    let returned = Arc::new(Mutex::new(Vec::new()));
    let fate = match way {
        Way::Shutdown | Way::NaturalEnd | Way::LastWords => None,
        Way::Failure | Way::Abandonment => Some(dice.below(150)),
    };
    let release = Event::new();
    let mut system = System::new("stress");
    system.set_stall_limit(match way {
        Way::Abandonment => ms(2),
        _ => HANG,
    });
    system.set_grace(match way {
        Way::Abandonment => ms(5),
        _ => HANG,
    });
    let addr = system
        .actor("actor")
        .capacity(capacity)
        .returned({
            let returned = Arc::clone(&returned);
            move |id| returned.lock().unwrap().push(id)
        })
        .spawn(Target { seen: Vec::new(), sightings, fate, way, release: release.clone() })
        .unwrap();

    // In a natural end the senders have to find an address first each time.
    let weak = addr.downgrade();
    let curtain = Arc::new(AtomicBool::new(false));
    match way {
        Way::NaturalEnd => crew.go(dice, &curtain, || Door::Weak(weak.clone())),
        Way::LastWords => crew.go(dice, &curtain, || Door::Last(addr.clone())),
        _ => crew.go(dice, &curtain, || Door::Strong(addr.clone())),
    }
    if way != Way::LastWords {
        dice.moment(200);
    }
    curtain.store(true, Ordering::Relaxed);
    let report = match way {
        Way::NaturalEnd | Way::LastWords => {
            drop(addr);
            system.wait()
        }
        _ => system.shutdown(),
    };
    let logs: Vec<Log> = crew.come_back();
    if way == Way::Abandonment {
        // The hook of an abandoned actor runs on a thread of the system's, which the report does
        // not wait for longer than a grace.
        let actor = report.actor("actor").unwrap();
        until(|| returned.lock().unwrap().len() as u64 >= actor.returned);
    }
    release.set();
    let seen: Seen = seen.recv_timeout(HANG).expect("the actor tells at its end");
    let returned = std::mem::take(&mut *returned.lock().unwrap());

    let actor = report.actor("actor").unwrap();
    let mut faults = Vec::new();
    let mut messages = 0;
    let mut check = |how_many: u64, what: &str| {
        if how_many > 0 {
            messages += how_many;
            faults.push(format!("{how_many} {what}"));
        }
    };

    let accepted: HashSet<u64> = logs.iter().flat_map(|l| &l.accepted).copied().collect();
    let refused: HashSet<u64> = logs.iter().flat_map(|l| &l.refused).copied().collect();
    let by_handler: Vec<u64> = seen.handled.iter().chain(&seen.failed).copied().collect();
    let all_seen: Vec<u64> = by_handler.iter().chain(&returned).copied().collect();
    let seen_set: HashSet<u64> = all_seen.iter().copied().collect();
    let difference = |a: &HashSet<u64>, b: &HashSet<u64>| a.difference(b).count() as u64;

    check(difference(&accepted, &seen_set), "accepted, never seen again");
    check(difference(&seen_set, &accepted), "seen, but not accepted");
    check(all_seen.len() as u64 - seen_set.len() as u64, "seen twice");
    check(refused.intersection(&seen_set).count() as u64, "refused, but seen");
    check(logs.iter().map(|l| l.swapped).sum(), "refusals gave another message back");
    check(out_of_order(&by_handler), "handled out of order");
    check(out_of_order(&returned), "returned out of order");
    check(actor.accepted().abs_diff(accepted.len() as u64), "off in the report");
    // On a busy machine somebody may be given up who only had no turn on the CPU. What it had in its
    // hands then counts as failed, whatever it says later.
    let is_slow = actor.ended == Ended::Abandoned && seen.failed.is_empty();
    let in_hand = if is_slow { actor.failed.min(1) } else { 0 };
    check((actor.handled + in_hand).abs_diff(seen.handled.len() as u64), "handled, off");
    check((actor.failed - in_hand).abs_diff(seen.failed.len() as u64), "failed, off");
    check(actor.returned.abs_diff(returned.len() as u64), "returned, off");
    let ended_well = match way {
        Way::Shutdown => actor.ended == Ended::Drained && actor.returned == 0,
        Way::NaturalEnd | Way::LastWords => actor.ended == Ended::Completed && actor.returned == 0,
        Way::Failure if seen.failed.is_empty() => actor.ended == Ended::Drained,
        Way::Failure => actor.ended == Ended::Failed,
        Way::Abandonment if seen.failed.is_empty() => {
            matches!(actor.ended, Ended::Drained | Ended::Overdue) || is_slow
        }
        Way::Abandonment => actor.ended == Ended::Abandoned,
    };
    check(u64::from(!ended_well), &format!("end as {:?}", actor.ended));

    Close {
        accepted: accepted.len() as u64,
        refused: refused.len() as u64,
        verdict: match messages {
            0 => Ok(()),
            _ => Err((messages, faults.join(", "))),
        },
    }
}

/// How many came after a later one of the same sender.
fn out_of_order(ids: &[u64]) -> u64 {
    let mut last = [None; SENDERS as usize];
    let mut count = 0;
    for &id in ids {
        let last = &mut last[(id >> 32) as usize];
        count += u64::from(*last >= Some(id));
        *last = Some(id);
    }
    count
}

// The actor.

struct Target {
    seen: Vec<u64>,
    sightings: Sender<Seen>,
    /// After how many messages it comes to grief.
    fate: Option<u64>,
    way: Way,
    release: Event,
}

#[derive(Default)]
struct Seen {
    handled: Vec<u64>,
    failed: Vec<u64>,
}

impl Actor for Target {
    type Msg = u64;

    fn handle(&mut self, id: u64, _cx: &mut Context<Self>) -> exeunt::Result {
        self.seen.push(id);
        if self.fate != Some(self.seen.len() as u64 - 1) {
            return Ok(());
        }
        self.fate = None;
        let failed = self.seen.pop().into_iter().collect();
        let handled = std::mem::take(&mut self.seen);
        if self.way == Way::Abandonment {
            self.release.wait();
        }
        let _ = self.sightings.send(Seen { handled, failed });
        match id % 2 {
            0 => Err(exeunt::Error::msg("planned")),
            _ => panic::panic_any(Planned),
        }
    }

    fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
        // Only the first word is listened to.
        let _ = self
            .sightings
            .send(Seen { handled: std::mem::take(&mut self.seen), failed: Vec::new() });
        Ok(())
    }
}

// The senders: three threads that live as long as the test, since threads are what costs.

struct Crew {
    orders: Vec<Sender<Order>>,
    logs: Receiver<Log>,
}

struct Order {
    door: Door,
    /// Raised when the end is near.
    curtain: Arc<AtomicBool>,
    dice: Dice,
}

enum Door {
    Strong(Addr<u64>),
    Weak(WeakAddr<u64>),
    /// Is dropped after a few messages.
    Last(Addr<u64>),
}

#[derive(Default)]
struct Log {
    accepted: Vec<u64>,
    refused: Vec<u64>,
    /// Refusals that gave back another message than the one that was sent.
    swapped: u64,
}

impl Crew {
    fn new() -> Crew {
        let (come_back, logs) = mpsc::channel();
        let orders = (0..SENDERS)
            .map(|number| {
                let (orders, next) = mpsc::channel::<Order>();
                let come_back = come_back.clone();
                thread::spawn(move || {
                    for order in next {
                        let _ = come_back.send(send_until_closed(number, order));
                    }
                });
                orders
            })
            .collect();
        Crew { orders, logs }
    }

    fn go(&self, dice: &mut Dice, curtain: &Arc<AtomicBool>, door: impl Fn() -> Door) {
        for sender in &self.orders {
            let order = Order { door: door(), curtain: Arc::clone(curtain), dice: dice.another() };
            sender.send(order).unwrap();
        }
    }

    fn come_back(&self) -> Vec<Log> {
        self.orders.iter().map(|_| self.logs.recv_timeout(HANG).expect("a sender hangs")).collect()
    }
}

/// Sends until the mailbox is closed, in all three ways. The crowd is at the close: before it a
/// sender rests when it has sent enough, and long after it sends more slowly, so that a close costs
/// hundreds of messages and not tens of thousands.
fn send_until_closed(number: u64, order: Order) -> Log {
    let mut dice = order.dice;
    if let Door::Last(addr) = order.door {
        return send_last_words(number, addr, dice);
    }
    let mut log = Log::default();
    let (mut before, mut after) = (0, 0);
    for id in (number << 32).. {
        if order.curtain.load(Ordering::Relaxed) {
            after += 1;
            if after > ENOUGH {
                thread::sleep(Duration::from_micros(20));
            }
        } else {
            before += 1;
            while before > ENOUGH && !order.curtain.load(Ordering::Relaxed) {
                thread::yield_now();
            }
        }
        let upgraded;
        let addr = match &order.door {
            Door::Strong(addr) | Door::Last(addr) => addr,
            // Three that always have an address in their hands would keep the actor alive.
            Door::Weak(_) if after > ENOUGH => break,
            Door::Weak(weak) => match weak.upgrade() {
                Some(addr) => {
                    upgraded = addr;
                    &upgraded
                }
                None => break,
            },
        };
        let (refused, closed) = match dice.below(3) {
            0 => match addr.send(id) {
                Ok(()) => (None, false),
                Err(error @ SendError::Closed(..)) => (Some(error.into_message()), true),
                Err(error) => panic!("{error}"),
            },
            1 => match addr.try_send(id) {
                Ok(()) => (None, false),
                Err(TrySendError::Full(back, _)) => (Some(back), false),
                Err(error) => (Some(error.into_message()), true),
            },
            _ => match addr.send_timeout(id, dice.micros_below(200)) {
                Ok(()) => (None, false),
                Err(SendTimeoutError::Timeout(back, _)) => (Some(back), false),
                Err(error @ SendTimeoutError::Closed(..)) => (Some(error.into_message()), true),
                Err(error) => panic!("{error}"),
            },
        };
        match refused {
            None => log.accepted.push(id),
            Some(back) => {
                log.refused.push(id);
                log.swapped += u64::from(back != id);
            }
        }
        if closed {
            break;
        }
    }
    log
}

/// Sends twice, a moment apart in which the actor is about to go to sleep.
fn send_last_words(number: u64, addr: Addr<u64>, mut dice: Dice) -> Log {
    let mut log = Log::default();
    for id in [number << 32, (number << 32) + 1] {
        addr.send(id).unwrap();
        log.accepted.push(id);
        let until = Instant::now() + Duration::from_nanos(dice.below(40_000));
        while Instant::now() < until {}
    }
    log.accepted.push((number << 32) + 2);
    addr.send((number << 32) + 2).unwrap();
    log
}
