//! Clauses M1, F1 and F2 under stress: actors that panic on one message in a hundred, under four
//! senders, through a drain that begins at a random moment.
//!
//! Every message has a number of its own, and says by it whether its handler will panic. After each
//! run the senders' lists are held against what the handlers and the dead-letter hooks saw, and
//! against the report: what was accepted was seen exactly once, what was refused never, each sender's
//! messages in order, and nobody failed who was to be restarted.
//!
//! `EXEUNT_RESTARTS=2000 cargo test --release --test at_random restarts_at_random::` runs each of them so often,
//! instead of 40 times.

use std::collections::HashSet;
use std::env;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use exeunt::{
    Actor, Addr, Backoff, Capacity, Context, Ended, Group, Restart, SendTimeoutError, Strategy,
    System, TrySendError,
};

use crate::support::dice::Dice;
use crate::support::rounds::rounds;
use crate::support::{HANG, Planned, guarded_for, ms, silence_planned_panics};

const SENDERS: u64 = 4;

/// How many messages a sender has, unless it finds a mailbox closed before.
const MESSAGES: u64 = 400;

const ONE_IN: u64 = 100;

fn runs() -> u64 {
    match env::var("EXEUNT_RESTARTS") {
        Ok(number) => number.parse().expect("EXEUNT_RESTARTS is a number"),
        Err(_) => 40,
    }
}

#[test]
fn f1_stress_single_actors() {
    stress(&Cast { actors: 2, strategy: None, intensity: u32::MAX, backoff: false, blocks: false });
}

#[test]
fn f1_stress_a_backoff() {
    stress(&Cast { actors: 2, strategy: None, intensity: u32::MAX, backoff: true, blocks: false });
}

#[test]
fn f1_stress_one_for_one() {
    let strategy = Some(Strategy::OneForOne);
    stress(&Cast { actors: 3, strategy, intensity: u32::MAX, backoff: false, blocks: false });
}

#[test]
fn f1_stress_one_for_all() {
    let strategy = Some(Strategy::OneForAll);
    stress(&Cast { actors: 3, strategy, intensity: u32::MAX, backoff: false, blocks: false });
}

#[test]
fn f1_stress_rest_for_one_with_backoff() {
    let strategy = Some(Strategy::RestForOne);
    stress(&Cast { actors: 3, strategy, intensity: u32::MAX, backoff: true, blocks: false });
}

#[test]
fn f1_stress_one_for_all_who_send_to_each_other() {
    let strategy = Some(Strategy::OneForAll);
    stress(&Cast { actors: 3, strategy, intensity: u32::MAX, backoff: false, blocks: true });
}

#[test]
fn f3_stress_beyond_the_intensity() {
    for strategy in [None, Some(Strategy::OneForAll)] {
        stress(&Cast { actors: 2, strategy, intensity: 3, backoff: false, blocks: false });
    }
}

/// Who plays.
#[derive(Clone, Debug)]
struct Cast {
    actors: usize,
    /// In a group, if there is one.
    strategy: Option<Strategy>,
    intensity: u32,
    backoff: bool,
    /// Each passes on what it is sent to the one spawned before it, whose mailbox is small.
    blocks: bool,
}

fn stress(cast: &Cast) {
    silence_planned_panics();
    let cast = cast.clone();
    let limit = HANG + ms(500 * runs());
    guarded_for(limit, move || {
        let began = Instant::now();
        let counts = rounds(runs(), |run| run_once(&cast, &mut Dice::new(run), run));
        let restarts: u64 = counts.iter().map(|(restarts, _)| restarts).sum();
        let returned: u64 = counts.iter().map(|(_, returned)| returned).sum();
        let took = began.elapsed();
        eprintln!("{cast:?}: {restarts} restarts, {returned} returned, {took:.1?}");
        assert!(restarts > runs() / 2, "too quiet for a stress test");
    });
}

/// What became of the messages of one actor.
#[derive(Default)]
struct Seen {
    handled: Vec<u64>,
    failed: Vec<u64>,
    returned: Vec<u64>,
    /// Those that it passed on.
    passed: Vec<u64>,
}

type Book = Arc<Mutex<Seen>>;

struct Worker {
    book: Book,
    next: Option<Addr<u64>>,
}

fn fails(id: u64) -> bool {
    // One in a hundred, evenly spread by a hash of the number.
    (id.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) % ONE_IN == 0
}

impl Actor for Worker {
    type Msg = u64;

    fn handle(&mut self, id: u64, _cx: &mut Context<Self>) -> exeunt::Result {
        if fails(id) {
            self.book.lock().unwrap().failed.push(id);
            panic::panic_any(Planned);
        }
        if let Some(next) = &self.next {
            // Who is interrupted because others begin anew keeps what it could not pass on.
            if next.send(id).is_ok() {
                self.book.lock().unwrap().passed.push(id);
            }
        }
        self.book.lock().unwrap().handled.push(id);
        Ok(())
    }
}

/// Restarts, and messages that were returned.
fn run_once(cast: &Cast, dice: &mut Dice, run: u64) -> (u64, u64) {
    let mut system = System::new("stress");
    system.set_stall_limit(HANG);
    if cast.blocks {
        system.set_stall_limit(ms(20)).set_grace(HANG);
    }
    let group = cast.strategy.map(|strategy| {
        system
            .group("group")
            .strategy(strategy)
            .intensity(cast.intensity, Duration::MAX)
            .build()
            .unwrap()
    });
    let books: Vec<Book> = (0..cast.actors).map(|_| Book::default()).collect();
    let mut addrs: Vec<Addr<u64>> = Vec::new();
    for (i, book) in books.iter().enumerate() {
        let next = addrs.last().filter(|_| cast.blocks).cloned();
        let addr = spawn(&mut system, cast, group.as_ref(), &format!("a{i}"), book, next, dice);
        addrs.push(addr);
    }

    let curtain = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..SENDERS)
        .map(|number| {
            let (addrs, curtain) = (addrs.clone(), Arc::clone(&curtain));
            let dice = dice.another();
            thread::spawn(move || send(number, &addrs, &curtain, dice))
        })
        .collect();
    // Sometimes when all is sent, so that nothing but restarts is going on.
    if run % 4 == 0 {
        while !senders.iter().all(thread::JoinHandle::is_finished) && !system.handle().is_draining()
        {
            thread::yield_now();
        }
    } else {
        dice.moment(3_000);
    }
    curtain.store(true, Ordering::Relaxed);
    let report = system.shutdown();
    let logs: Vec<Log> = senders.into_iter().map(|sender| sender.join().unwrap()).collect();

    let (mut restarts, mut returned) = (0, 0);
    for (i, book) in books.iter().enumerate() {
        let seen = book.lock().unwrap();
        let line = report.actor(&format!("a{i}")).unwrap();
        let context = format!("{cast:?}, run {run}, a{i}:\n{report}");
        let upstream = books.get(i + 1).filter(|_| cast.blocks);
        let passed = upstream.map_or_else(Vec::new, |book| book.lock().unwrap().passed.clone());
        let accepted: Vec<u64> =
            logs.iter().flat_map(|log| &log.accepted[i]).chain(&passed).copied().collect();
        let refused: HashSet<u64> = logs.iter().flat_map(|log| &log.refused[i]).copied().collect();
        let all: Vec<u64> =
            seen.handled.iter().chain(&seen.failed).chain(&seen.returned).copied().collect();
        let all_set: HashSet<u64> = all.iter().copied().collect();

        assert_eq!(all.len(), all_set.len(), "seen twice; {context}");
        assert_eq!(all_set, accepted.iter().copied().collect(), "accepted and seen; {context}");
        assert!(all_set.is_disjoint(&refused), "refused, but seen; {context}");
        assert_eq!(line.accepted(), accepted.len() as u64, "{context}");
        assert_eq!(line.handled, seen.handled.len() as u64, "handled; {context}");
        assert_eq!(line.failed, seen.failed.len() as u64, "failed; {context}");
        assert_eq!(line.returned, seen.returned.len() as u64, "returned; {context}");
        if !cast.blocks {
            assert!(is_in_order(&seen.handled) && is_in_order(&seen.returned), "{context}");
        }
        if cast.intensity == u32::MAX {
            // Who blocks has so short a limit that a busy machine may keep it from working for as long.
            let overdue = cast.blocks && line.ended == Ended::Overdue;
            assert!(line.ended == Ended::Drained || overdue, "{context}");
            assert!(line.returned == 0 || overdue, "{context}");
            assert!(!report.is_failure(), "{context}");
        } else {
            assert!(matches!(line.ended, Ended::Drained | Ended::Failed), "{context}");
        }
        restarts += line.restarts;
        returned += line.returned;
    }
    exeunt_testkit::assert_balanced(&report);
    (restarts, returned)
}

fn spawn(
    system: &mut System,
    cast: &Cast,
    group: Option<&Group>,
    name: &str,
    book: &Book,
    next: Option<Addr<u64>>,
    dice: &mut Dice,
) -> Addr<u64> {
    let mut restart = Restart::on_failure().intensity(cast.intensity, Duration::MAX);
    if cast.backoff {
        restart = restart.backoff(Backoff::exponential(Duration::from_micros(200), ms(2)));
    }
    let capacity = match dice.below(3) {
        0 => Capacity::Bounded(1),
        1 => Capacity::Bounded(64),
        _ => Capacity::Unbounded,
    };
    let mut builder = system.actor(name).restart(restart).capacity(match cast.blocks {
        true => Capacity::Bounded(2),
        false => capacity,
    });
    if let Some(group) = group {
        builder = builder.within(group);
    }
    builder
        .returned({
            let book = Arc::clone(book);
            move |id| book.lock().unwrap().returned.push(id)
        })
        .spawn_with({
            let book = Arc::clone(book);
            move || Worker { book: Arc::clone(&book), next: next.clone() }
        })
        .unwrap()
}

// The senders.

/// For each actor, what one sender sent to it.
struct Log {
    accepted: Vec<Vec<u64>>,
    refused: Vec<Vec<u64>>,
}

fn send(number: u64, addrs: &[Addr<u64>], curtain: &AtomicBool, mut dice: Dice) -> Log {
    let empty = || addrs.iter().map(|_| Vec::new()).collect();
    let mut log = Log { accepted: empty(), refused: empty() };
    // Other numbers in each run, so that others fail.
    let first = dice.below(1 << 30);
    for n in 0..MESSAGES {
        let id = (number << 32) + first + n;
        let at = dice.below(addrs.len());
        let addr = &addrs[at];
        let (is_accepted, is_closed) = match dice.below(3) {
            0 => match addr.send(id) {
                Ok(()) => (true, false),
                Err(error) => {
                    assert_eq!(error.into_message(), id);
                    (false, true)
                }
            },
            1 => match addr.try_send(id) {
                Ok(()) => (true, false),
                Err(TrySendError::Full(..)) => (false, false),
                Err(_) => (false, true),
            },
            _ => match addr.send_timeout(id, dice.micros_below(300)) {
                Ok(()) => (true, false),
                Err(SendTimeoutError::Timeout(..)) => (false, false),
                Err(_) => (false, true),
            },
        };
        let list = if is_accepted { &mut log.accepted } else { &mut log.refused };
        list[at].push(id);
        if is_closed && curtain.load(Ordering::Relaxed) && dice.below(4) == 0 {
            break;
        }
    }
    log
}

/// Whether each sender's numbers rise.
fn is_in_order(ids: &[u64]) -> bool {
    let mut last = [None; SENDERS as usize];
    ids.iter().all(|&id| {
        let before = last[(id >> 32) as usize].replace(id);
        before < Some(id)
    })
}
