//! So many messages through `exeunt`, or through plain crossbeam, and nothing else: what
//! `tests/instructions.rs` runs under callgrind.
//!
//! ```text
//! cargo build --release -p exeunt-instructions
//! valgrind --tool=callgrind target/release/exeunt-instructions drain unbounded exeunt 60000
//! ```
//!
//! All messages are queued before the reader begins: nobody ever waits, and the count does not
//! depend on how threads are scheduled. (A question and its answer do wait for each other: counts of
//! those have been seen to double between two runs, and are not taken.)

mod actors;
mod plain;

use std::mem;
use std::process::ExitCode;

const USAGE: &str = "exeunt-instructions fill|drain|forward bounded|unbounded|large exeunt|plain N";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if run(&words).is_none() {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// `None` if there is no such thing.
///
/// # Panics
///
/// If what comes out is wrong.
fn run(words: &[&str]) -> Option<()> {
    let &[case, kind, side, count] = words else { return None };
    let count: u64 = count.parse().ok()?;
    let slots = usize::try_from(count).ok()?;
    match kind {
        "bounded" => with_messages::<u64>(case, side, count, Some(slots)),
        "unbounded" => with_messages::<u64>(case, side, count, None),
        "large" => with_messages::<Large>(case, side, count, None),
        _ => None,
    }
}

fn with_messages<M: Message>(case: &str, side: &str, n: u64, slots: Option<usize>) -> Option<()> {
    let total = (0..n).sum();
    let sum = match (case, side) {
        // What is queued is leaked, so that nothing but the sends is counted.
        ("fill", "exeunt") => leak(actors::queue::<M>(n, slots), total),
        ("fill", "plain") => leak(plain::queue::<M>(n, slots), total),
        ("drain", "exeunt") => actors::drain(actors::queue::<M>(n, slots)),
        ("drain", "plain") => plain::drain(plain::queue::<M>(n, slots)),
        ("forward", "exeunt") => actors::forward(actors::queue::<M>(n, slots), slots),
        ("forward", "plain") => plain::forward(plain::queue::<M>(n, slots), slots),
        _ => return None,
    };
    assert_eq!(sum, total, "a message was lost, or changed");
    Some(())
}

fn leak<T>(queued: T, total: u64) -> u64 {
    mem::forget(queued);
    total
}

/// A number as a message.
trait Message: Send + 'static {
    fn of(n: u64) -> Self;
    fn number(&self) -> u64;
}

impl Message for u64 {
    fn of(n: u64) -> u64 {
        n
    }

    fn number(&self) -> u64 {
        *self
    }
}

/// One of 256 bytes, which shows who hands messages on through memory.
struct Large([u64; 32]);

impl Message for Large {
    fn of(n: u64) -> Large {
        Large([n; 32])
    }

    fn number(&self) -> u64 {
        self.0[31]
    }
}
