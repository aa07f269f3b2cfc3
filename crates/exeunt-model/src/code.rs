//! Code of exeunt itself, under [loom](https://docs.rs/loom), which runs it in every order that the memory
//! model allows: `event.rs`, `waiters.rs`, and of `mailbox/` `queue.rs`, `room.rs`, `lane.rs`, `porter.rs`, `bell.rs` and
//! `wire.rs`, as they stand. Up to a bound: of the orders in which a thread is stopped more than three times where it
//! need not stop (twice where three threads wait), none is run.
//!
//! The build script reads them in, with loom's locks and atomics in the place of the standard library's
//! ([`sync`]), and with channels that do what crossbeam's promise ([`channel`]): crossbeam's own cannot be run
//! under loom. It writes mutants beside them, from each of which one guard is taken out.
//!
//! Loom takes a sequentially consistent operation for one that acquires and releases, and only a
//! sequentially consistent *fence* for what it is. So it may find too much, and never too little. Where that is too
//! much, the build script says what stands for such an operation, and [`litmus`](crate::litmus) that it has to be one.

/// What the code takes from `std::sync`. Loom has no weak references; those who count them are not what is
/// looked at here.
mod sync {
    pub(crate) use std::sync::{Arc, Weak};

    pub(crate) use loom::sync::{Mutex, MutexGuard};

    /// Made once, by the first who wants it; whoever comes meanwhile waits. It is never dropped.
    pub(crate) struct OnceLock<T: 'static> {
        /// All by which who gets it comes after who has made it.
        is_made: atomic::AtomicBool,
        making: Mutex<()>,
        /// Loom knows nothing of this one.
        made: std::sync::Mutex<Option<&'static T>>,
    }

    impl<T> OnceLock<T> {
        pub(crate) fn new() -> OnceLock<T> {
            let (making, made) = (Mutex::new(()), std::sync::Mutex::new(None));
            OnceLock { is_made: atomic::AtomicBool::new(false), making, made }
        }

        pub(crate) fn get(&self) -> Option<&T> {
            let is_made = self.is_made.load(atomic::Ordering::Acquire);
            is_made.then(|| self.made.lock().ok().and_then(|made| *made)).flatten()
        }

        pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
            let making = super::unwind::lock(&self.making);
            if self.get().is_none() {
                let made = Box::leak(Box::new(make()));
                self.made.lock().into_iter().for_each(|mut it| *it = Some(&*made));
                self.is_made.store(true, atomic::Ordering::Release);
            }
            drop(making);
            self.get().unwrap_or_else(|| unreachable!("it was made"))
        }
    }

    /// The atomics.
    pub(crate) mod atomic {
        pub(crate) use std::sync::atomic::AtomicU64;

        pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering, fence};
    }
}

/// What the code takes from `std::thread`. Loom's own park forgets that a thread was unparked which waited for a lock then.
mod thread {
    use std::sync::{Arc, PoisonError};
    use std::time::Duration;

    use loom::sync::{Condvar, Mutex};
    use loom::thread::ThreadId;

    use super::unwind;

    #[derive(Clone)]
    pub(crate) struct Thread {
        id: ThreadId,
        token: Arc<(Mutex<bool>, Condvar)>,
    }

    loom::thread_local! {
        static CURRENT: Thread = Thread {
            id: loom::thread::current().id(),
            token: Arc::new((Mutex::new(false), Condvar::new())),
        };
    }

    pub(crate) fn current() -> Thread {
        CURRENT.with(Thread::clone)
    }

    impl Thread {
        pub(crate) fn id(&self) -> ThreadId {
            self.id
        }

        pub(crate) fn unpark(&self) {
            let (is_there, news) = &*self.token;
            *unwind::lock(is_there) = true;
            news.notify_one();
        }
    }

    pub(crate) fn park() {
        let thread = current();
        let (is_there, news) = &*thread.token;
        let mut token = unwind::lock(is_there);
        while !*token {
            token = news.wait(token).unwrap_or_else(PoisonError::into_inner);
        }
        *token = false;
    }

    /// Time is not modelled: it passes at any moment.
    pub(crate) fn park_timeout(_timeout: Duration) {}
}

/// How the code takes a lock, and calls what is not its own.
mod unwind {
    use std::sync::PoisonError;

    use super::sync::{Mutex, MutexGuard};

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn catch<R>(code: impl FnOnce() -> R) -> Result<R, String> {
        Ok(code())
    }

    pub(crate) fn drop_caught<T>(value: T) -> Result<(), String> {
        catch(|| drop(value))
    }
}

mod channel;

/// How much a lane holds.
mod capacity {
    #[derive(Clone, Copy)]
    #[allow(dead_code)]
    pub(crate) enum Capacity {
        Bounded(usize),
        Unbounded,
    }

    impl Capacity {
        /// How large messages are is not looked at here.
        #[allow(clippy::extra_unused_type_parameters)]
        pub(crate) fn is_fit_for<M>(self) -> bool {
            true
        }
    }
}

/// `exeunt/src/mailbox/sending.rs`: why a message was not put in.
enum Refusal<M> {
    Full(M),
    Closed(M),
}

/// `exeunt/src/waiters.rs`.
#[allow(unused)]
mod waiters {
    include!(concat!(env!("OUT_DIR"), "/waiters.rs"));
}

/// `exeunt/src/mailbox/wire.rs`.
#[allow(missing_debug_implementations, unused)]
mod wire {
    include!(concat!(env!("OUT_DIR"), "/wire.rs"));
}

macro_rules! read_in {
    ($($name:ident)*) => {
        $(
            #[allow(missing_debug_implementations, unused, unreachable_pub)]
            #[allow(clippy::all)] // it is asked of the code itself
            mod $name {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($name), ".rs"));
            }
        )*
    };
}

read_in! {
    event
    event_flag_after_wake_up
    event_flag_relaxed
    event_look_relaxed
    event_no_wake_up
    event_child_without_lock
    event_children_before_flag
    event_channel_without_lock
    event_child_of_a_set_one
    event_futures_before_flag
    event_future_looks_once
    bell
    bell_no_fence
    bell_no_fence_of_who_rings
    bell_no_look_before_sleep
    bell_flag_after_ring
    bell_no_wake_up
    bell_rung_blindly
    bell_silenced_blindly
    porter
    porter_look_before_asleep
    porter_no_look_before_sleep
    porter_asleep_before_reader
    porter_no_wake_up
    porter_no_wire_pulled
    porter_watched_without_lock
    porter_unwatched_blindly
    porter_unseen_watch
    lane
    lane_door_before_lock
    lane_counted_late
    lane_opened_again
    lane_newest_first
    lane_empty_at_a_glance
    lane_taken_relaxed
    lane_len_relaxed
    lane_len_turned_round
    lane_taken_unseen
    lane_room_unseen
    lane_room_at_a_glance
    lane_come_blindly
    lane_look_before_taking
    lane_nothing_left_by_who_watched
    lane_awake_while_it_looks
    lane_unseen
    lane_noted_without_lock
    lane_not_woken
    lane_called_for_good
    lane_gone_for_good
    lane_nothing_left_for_others
    lane_watched_for_ever
}

#[macro_use]
mod scenes;
mod tests;
