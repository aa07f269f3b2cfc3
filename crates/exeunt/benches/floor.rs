//! What a mailbox that is locked for each message, and read by a thread, can hardly be quicker than, on the machine at hand: a
//! lock that nobody else wants; and a question and its answer between two threads that do nothing but wait for each other's number.
//!
//! ```text
//! cargo bench -p exeunt --bench floor
//! ```

use std::hint;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

const TIMES: u64 = 200_000;

/// So many looks take many times as long as an answer.
const LONG: u32 = 1_000;

fn main() {
    divan::main();
}

/// On cache lines of its own, two of them, since processors fetch lines in pairs.
#[derive(Default)]
#[repr(align(128))]
struct Number(AtomicU64);

impl Number {
    fn say(&self, n: u64) {
        self.0.store(n, Ordering::Release);
    }

    /// Gives way only if the other thread has no CPU of its own.
    fn await_that_it_is(&self, n: u64) {
        let mut looks = 0;
        while self.0.load(Ordering::Acquire) != n {
            looks += 1;
            if looks % LONG == 0 { thread::yield_now() } else { hint::spin_loop() }
        }
    }
}

#[divan::bench]
fn question_and_answer(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(TIMES)).bench(|| {
        let [question, answer] = &[Number::default(), Number::default()];
        thread::scope(|scope| {
            scope.spawn(|| {
                (1..=TIMES).for_each(|n| {
                    question.await_that_it_is(n);
                    answer.say(n);
                });
            });
            (1..=TIMES).for_each(|n| {
                question.say(n);
                answer.await_that_it_is(n);
            });
        });
    });
}

#[divan::bench]
fn lock_and_unlock(bencher: Bencher<'_, '_>) {
    let sum = Mutex::new(0);
    bencher.counter(ItemsCount::new(TIMES)).bench_local(|| {
        for n in 0..TIMES {
            *black_box(&sum).lock().expect("nobody panics") += n;
        }
    });
}
