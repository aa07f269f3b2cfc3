//! Rounds of a test that know nothing of each other, several at a time.

use std::iter;
use std::panic;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::OnDrop;

/// More than there are cores on a small machine: in most rounds somebody sleeps most of the time.
const AT_A_TIME: usize = 4;

/// Plays the rounds from 0 on, and gives what came of them, in any order. The first panic of one is the panic of all: no
/// other is begun after it.
pub(crate) fn rounds<T: Send>(count: u64, round: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(0);
    let play = || -> Vec<T> {
        // Who ends has either found none to begin, or panicked.
        let _no_other = OnDrop(|| next.store(count, Ordering::Relaxed));
        let numbers = iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)));
        numbers.take_while(|&number| number < count).map(&round).collect()
    };
    thread::scope(|scope| {
        let players: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(play)).collect();
        let played = players.into_iter().map(thread::ScopedJoinHandle::join);
        played
            .flat_map(|played| played.unwrap_or_else(|panic| panic::resume_unwind(panic)))
            .collect()
    })
}

#[test]
fn each_round_is_played_once() {
    let mut played = rounds(100, |number| number);
    played.sort_unstable();
    assert!(played.into_iter().eq(0..100));
    assert!(rounds(0, |number| number).is_empty());
}

#[test]
fn a_panic_in_one_is_that_of_all_and_no_other_is_begun() {
    let begun = AtomicU64::new(0);
    let panic = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        rounds(1_000_000, |number| {
            begun.fetch_add(1, Ordering::Relaxed);
            if number == 10 {
                panic::panic_any(super::Planned);
            }
            thread::sleep(super::ms(1)); // so that there are some left
        })
    }));
    assert!(panic.unwrap_err().is::<super::Planned>());
    assert!(begun.into_inner() < 1_000_000);
}
