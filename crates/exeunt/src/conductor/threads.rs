//! The threads that have had their last word, until they are joined.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::unwind;

/// When no other thread has come for so long, those that have are joined. Whoever joins a thread on the heels of its
/// word sleeps until the kernel has taken it apart, and meanwhile is in the way of others that leave, since the kernel
/// gives back stacks under a lock of the whole process.
const QUIET: Duration = Duration::from_millis(1);

/// So many are joined in any case: each keeps the top of its stack, some KiB, and the address space of all of it.
const MOST: usize = 256;

#[derive(Default)]
pub(super) struct LeavingThreads {
    threads: Vec<JoinHandle<()>>,
    /// When to join them, if no other comes until then.
    join_at: Option<Instant>,
    /// How many threads the system had ever had when the last one came.
    spawned: usize,
}

impl LeavingThreads {
    /// A thread that has told us of its end, from its last thread-local destructor. If others were spawned since the
    /// last one did, there will be more, which its stack is for: it is joined at once.
    pub(super) fn add(&mut self, thread: JoinHandle<()>, spawned: usize) {
        self.threads.push(thread);
        self.join_at = Some(Instant::now() + QUIET);
        let others_come = std::mem::replace(&mut self.spawned, spawned) != spawned;
        if others_come || self.threads.len() == MOST {
            self.join();
        }
    }

    /// When it is time to join them, if there are any.
    pub(super) fn join_at(&self) -> Option<Instant> {
        self.join_at
    }

    /// Waits until they are gone, for which nothing is missing but the kernel's part.
    pub(super) fn join(&mut self) {
        self.join_at = None;
        for panic in self.threads.drain(..).filter_map(|thread| thread.join().err()) {
            let _ = unwind::drop_caught(panic);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::unwind::tests::Grenade;

    fn thread() -> JoinHandle<()> {
        thread::spawn(|| ())
    }

    #[test]
    fn o3_threads_are_joined_when_no_other_has_ended_for_a_moment() {
        let mut leaving = LeavingThreads::default();
        assert_eq!(leaving.join_at(), None);
        let before = Instant::now();
        leaving.add(thread(), 0);
        let first = leaving.join_at().unwrap();
        assert!(first >= before + QUIET);
        leaving.add(thread(), 0);
        assert!(leaving.join_at().unwrap() > first && leaving.threads.len() == 2);
        leaving.join();
        assert!(leaving.join_at().is_none() && leaving.threads.is_empty());
    }

    #[test]
    fn o3_where_one_thread_follows_another_each_is_joined_at_once() {
        let mut leaving = LeavingThreads::default();
        let mut waits = |spawned| {
            leaving.add(thread(), spawned);
            leaving.join_at().is_some()
        };
        assert_eq!([1, 2, 2, 3].map(&mut waits), [false, false, true, false]);
    }

    #[test]
    fn o3_threads_that_end_all_the_time_are_joined_all_the_same() {
        let mut leaving = LeavingThreads::default();
        (0..MOST).for_each(|_| leaving.add(thread(), 0));
        assert!(leaving.threads.is_empty() && leaving.join_at().is_none());
    }

    #[test]
    fn f5_a_thread_that_ended_with_a_panic_does_not_take_us_with_it() {
        let mut leaving = LeavingThreads::default();
        leaving.add(thread::spawn(|| std::panic::panic_any(Grenade)), 0);
        leaving.join();
    }
}
