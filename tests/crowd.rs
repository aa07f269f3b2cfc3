//! Clause M4: who waits for room is woken when there is some, also when the actor is busy from then on.
//!
//! A crowd of senders, threads and futures, waits for room in a small mailbox. Whoever reads it takes a message now and then for
//! busy, which means: until its mailbox is full again, or nobody is left who waits. If somebody sleeps on though there is
//! room, neither comes about.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use exeunt::{Addr, System, WeakAddr};

use crate::support::dice::Dice;
use crate::support::rounds::rounds;
use crate::support::{Play, block_on, guarded_while_alive};

const ROUNDS: u64 = 1_000;

/// As long as it takes to give way a few times, and to fall asleep.
const MICROS_TO_SLEEP: u64 = 60;

/// How a sender waits.
#[derive(Clone, Copy)]
enum Way {
    AsLongAsItTakes,
    /// For so many microseconds.
    ForAWhile(u64),
    InAFuture,
    /// It is polled once, and kept.
    InAFutureThatIsForgotten,
}

/// Those who have not sent what they have to send, or given up.
type Waiting = Arc<AtomicUsize>;

/// How many of its messages were accepted.
fn send(addr: &Addr<()>, way: Way, messages: usize, waiting: &Waiting) -> usize {
    let leaves = || waiting.fetch_sub(1, Ordering::SeqCst);
    let accepted = match way {
        Way::InAFutureThatIsForgotten => {
            let mut future = pin!(addr.send_async(()));
            let is_sent = future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
            leaves();
            wait_until(|| waiting.load(Ordering::SeqCst) == 0);
            return usize::from(is_sent);
        }
        Way::AsLongAsItTakes => (0..messages).filter(|_| addr.send(()).is_ok()).count(),
        Way::InAFuture => (0..messages).filter(|_| block_on(addr.send_async(())).is_ok()).count(),
        Way::ForAWhile(micros) => {
            let time = Duration::from_micros(micros);
            (0..messages).filter(|_| addr.send_timeout((), time).is_ok()).count()
        }
    };
    leaves();
    accepted
}

/// Nobody is told of it.
fn wait_until(is_so: impl Fn() -> bool) {
    while !is_so() {
        thread::yield_now();
    }
}

/// Somebody who is busy now and then, until its mailbox of that capacity is full again or nobody waits.
fn reader(mut dice: Dice, capacity: usize, itself: WeakAddr<()>, waiting: Waiting) -> Play<()> {
    Play::new(move |(), _| {
        match dice.below(4) {
            0 => wait_until(|| {
                let is_full = itself.upgrade().is_none_or(|it| it.queued() >= capacity);
                is_full || waiting.load(Ordering::SeqCst) == 0
            }),
            1 => dice.moment(MICROS_TO_SLEEP),
            _ => {}
        }
        Ok(())
    })
}

fn crowds(mut dice: Dice) {
    let capacity = [1, 2, 4, 16][dice.below(4)];
    // For one that is forgotten other futures wait until the next message is taken, or until there is none.
    let some_are_forgotten = dice.below(4) == 0;
    let senders = capacity + usize::try_from(dice.between(1, 12)).unwrap();
    let waiting: Waiting = Arc::new(AtomicUsize::new(senders));
    let (addr, inbox) = exeunt::mailbox(capacity);
    let mut system = System::new("crowd");
    let make = {
        let (mut dice, itself, waiting) = (dice.another(), addr.downgrade(), Arc::clone(&waiting));
        move || {
            let (dice, itself) = (dice.another(), itself.clone());
            reader(dice, capacity, itself, Arc::clone(&waiting))
        }
    };
    match dice.below(3) {
        0 => system.pool("reader", 2).inbox(inbox).spawn_with(make),
        _ => system.actor("reader").inbox(inbox).spawn_with(make),
    }
    .unwrap();
    let threads: Vec<_> = (0..senders)
        .map(|_| {
            let way = match dice.below(6) {
                0 => Way::ForAWhile(dice.below(4 * MICROS_TO_SLEEP)),
                1 if some_are_forgotten => Way::InAFutureThatIsForgotten,
                1 => Way::InAFuture,
                _ => Way::AsLongAsItTakes,
            };
            let messages = usize::try_from(dice.between(1, 4)).unwrap();
            let (addr, waiting) = (addr.clone(), Arc::clone(&waiting));
            thread::spawn(move || send(&addr, way, messages, &waiting))
        })
        .collect();
    let accepted: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    let report = system.shutdown();
    assert!(report.is_complete() && !report.is_failure(), "{report}");
    let handled: u64 = report.actors.iter().map(|line| line.handled).sum();
    assert_eq!(handled, accepted as u64, "{report}");
}

#[test]
fn m4_nobody_waits_for_room_while_there_is_some() {
    guarded_while_alive(|signs| {
        let seed = Dice::seeded().below(u64::MAX);
        rounds(ROUNDS, |round| {
            crowds(Dice::new(seed.wrapping_add(round)));
            let _ = signs.send(());
        });
    });
}
