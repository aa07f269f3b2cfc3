//! What a message costs: one sender, one receiver, side by side in one run.
//!
//! `cargo bench -p exeunt` prints the time for [`MESSAGES`] messages and the messages per second,
//! for each of four receivers: the plain `recv` loop over a crossbeam channel (the floor), the
//! loop that people write today, a `select!` over work and shutdown for every message, an
//! actor, and an actor under the watchdog. Each adds the numbers up, and the sum is checked.
//!
//! Threads are made and joined within the measurement, in all of them. Compare the medians of one
//! run; between runs, on a shared machine, they move by a factor of two.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, select, unbounded};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use exeunt::{Actor, Capacity, Context, System};

const MESSAGES: u64 = 200_000;
const SUM: u64 = MESSAGES * (MESSAGES - 1) / 2;

/// Slots of the channel; 0 stands for unbounded.
const CAPACITIES: [usize; 2] = [1024, 0];

fn main() {
    divan::main();
}

fn channel(capacity: usize) -> (Sender<u64>, Receiver<u64>) {
    if capacity == 0 { unbounded() } else { bounded(capacity) }
}

#[divan::bench(args = CAPACITIES)]
fn plain_recv_loop(bencher: Bencher<'_, '_>, capacity: usize) {
    bencher.counter(ItemsCount::new(MESSAGES)).bench(|| {
        let (sender, receiver) = channel(capacity);
        let worker = thread::spawn(move || receiver.iter().fold(0, |sum, n| sum + black_box(n)));
        for n in 0..MESSAGES {
            sender.send(n).expect("the worker reads until the sender is dropped");
        }
        drop(sender);
        assert_eq!(worker.join().ok(), Some(SUM));
    });
}

#[divan::bench(args = CAPACITIES)]
fn hand_written_select(bencher: Bencher<'_, '_>, capacity: usize) {
    bencher.counter(ItemsCount::new(MESSAGES)).bench(|| {
        let (sender, work) = channel(capacity);
        let (_shutdown, shutdown) = bounded::<()>(1);
        let worker = thread::spawn(move || {
            let mut sum = 0;
            loop {
                select! {
                    recv(work) -> n => match n {
                        Ok(n) => sum += black_box(n),
                        Err(_) => break sum,
                    },
                    recv(shutdown) -> _ => break sum,
                }
            }
        });
        for n in 0..MESSAGES {
            sender.send(n).expect("the worker reads until the sender is dropped");
        }
        drop(sender);
        assert_eq!(worker.join().ok(), Some(SUM));
    });
}

struct Sum {
    sum: u64,
    result: mpsc::Sender<u64>,
}

impl Actor for Sum {
    type Msg = u64;

    fn handle(&mut self, n: u64, _cx: &mut Context<Self>) -> exeunt::Result {
        self.sum += black_box(n);
        Ok(())
    }

    fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
        Ok(self.result.send(self.sum)?)
    }
}

#[divan::bench(args = CAPACITIES)]
fn exeunt_actor(bencher: Bencher<'_, '_>, capacity: usize) {
    tell(bencher, capacity, |_| ());
}

/// The same under a watchdog that looks fifty times a second.
#[divan::bench(args = CAPACITIES)]
fn exeunt_actor_watched(bencher: Bencher<'_, '_>, capacity: usize) {
    tell(bencher, capacity, |system| {
        system.watchdog(Duration::from_millis(80));
    });
}

fn tell(bencher: Bencher<'_, '_>, capacity: usize, prepare: impl Fn(&mut System) + Sync) {
    let capacity = if capacity == 0 { Capacity::Unbounded } else { Capacity::from(capacity) };
    bencher.counter(ItemsCount::new(MESSAGES)).bench(|| {
        let (result, sum) = mpsc::channel();
        let mut system = System::new("bench");
        prepare(&mut system);
        let addr = system
            .actor("sum")
            .capacity(capacity)
            .spawn(Sum { sum: 0, result })
            .expect("a thread for the actor");
        for n in 0..MESSAGES {
            addr.send(n).expect("the mailbox is open while there is an address");
        }
        drop(addr);
        drop(system.wait());
        assert_eq!(sum.recv(), Ok(SUM));
    });
}
