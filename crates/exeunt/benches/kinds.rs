//! What a message costs by its kind: plain numbers, and enums as most messages are, of which one variant owns something. One
//! sender, one receiver, side by side in one run; as [`tell`](../tell.rs) otherwise.
//!
//! ```text
//! cargo bench -p exeunt --bench kinds
//! taskset -c 0 cargo bench -p exeunt --bench kinds    # on one CPU
//! ```

use std::sync::mpsc;
use std::thread;

use crossbeam_channel::{bounded, unbounded};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use exeunt::{Actor, Capacity, Context, Reply, System};

const MESSAGES: u64 = 300_000;
const SUM: u64 = MESSAGES * (MESSAGES - 1) / 2;

/// Slots of the channel; 0 stands for unbounded.
const CAPACITIES: [usize; 2] = [1024, 0];

fn main() {
    divan::main();
}

trait Kind: Send + 'static {
    fn new(n: u64) -> Self;
    fn number(self) -> u64;
}

type Number = u64;

impl Kind for Number {
    fn new(n: u64) -> Number {
        n
    }

    fn number(self) -> u64 {
        self
    }
}

type ThreeNumbers = [u64; 3];

impl Kind for ThreeNumbers {
    fn new(n: u64) -> ThreeNumbers {
        [n, 1, 2]
    }

    fn number(self) -> u64 {
        self[0]
    }
}

/// A number, or a question, of which there is none here.
#[expect(dead_code, reason = "what a message may be is what it costs, and not what it is")]
enum Query {
    Number(u64),
    Ask(u64, Reply<u64>),
}

impl Kind for Query {
    fn new(n: u64) -> Query {
        Query::Number(n)
    }

    fn number(self) -> u64 {
        match self {
            Query::Number(n) => n,
            Query::Ask(n, reply) => {
                let _ = reply.send(n);
                n
            }
        }
    }
}

/// Something that owns memory, none here, so that the allocator is not what is measured.
#[expect(dead_code, reason = "as above")]
enum Order {
    Place { id: u64, pieces: u32, note: Option<Box<str>>, items: Vec<u8> },
    Cancel(Reply<u64>),
}

impl Kind for Order {
    fn new(n: u64) -> Order {
        Order::Place { id: n, pieces: 0, note: None, items: Vec::new() }
    }

    fn number(self) -> u64 {
        match self {
            Order::Place { id, pieces, note, items } => {
                id + u64::from(pieces) + (note.map_or(0, |it| it.len()) + items.len()) as u64
            }
            Order::Cancel(reply) => {
                let _ = reply.send(0);
                0
            }
        }
    }
}

#[divan::bench(types = [Number, ThreeNumbers, Query, Order], args = CAPACITIES)]
fn plain_recv_loop<K: Kind>(bencher: Bencher<'_, '_>, capacity: usize) {
    bencher.counter(ItemsCount::new(MESSAGES)).bench(|| {
        let (sender, receiver) = if capacity == 0 { unbounded() } else { bounded(capacity) };
        let worker = thread::spawn(move || {
            receiver.iter().fold(0, |sum, message: K| sum + black_box(message.number()))
        });
        for n in 0..MESSAGES {
            sender.send(K::new(n)).expect("the worker reads until the sender is dropped");
        }
        drop(sender);
        assert_eq!(worker.join().ok(), Some(SUM));
    });
}

struct Sum<K> {
    sum: u64,
    result: mpsc::Sender<u64>,
    _kind: std::marker::PhantomData<fn(K)>,
}

impl<K: Kind> Actor for Sum<K> {
    type Msg = K;

    fn handle(&mut self, message: K, _cx: &mut Context<Self>) -> exeunt::Result {
        self.sum += black_box(message.number());
        Ok(())
    }

    fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
        Ok(self.result.send(self.sum)?)
    }
}

#[divan::bench(types = [Number, ThreeNumbers, Query, Order], args = CAPACITIES)]
fn exeunt_actor<K: Kind>(bencher: Bencher<'_, '_>, capacity: usize) {
    let capacity = if capacity == 0 { Capacity::Unbounded } else { Capacity::from(capacity) };
    bencher.counter(ItemsCount::new(MESSAGES)).bench(|| {
        let (result, sum) = mpsc::channel();
        let mut system = System::new("bench");
        let actor = Sum::<K> { sum: 0, result, _kind: std::marker::PhantomData };
        let addr = system.actor("sum").capacity(capacity).spawn(actor).expect("a thread for it");
        for n in 0..MESSAGES {
            addr.send(K::new(n)).expect("the mailbox is open while there is an address");
        }
        drop(addr);
        drop(system.wait());
        assert_eq!(sum.recv(), Ok(SUM));
    });
}
