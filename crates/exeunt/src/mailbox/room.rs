//! Room in a lane: which threads and futures wait for some, and how they are woken when there is.

use std::collections::BTreeMap;
use std::collections::btree_map::OccupiedEntry;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::task::Waker;

use crate::unwind;
use crate::waiters::{Ticket, wake};

/// This many may wait awake. Each of them gets what a yield is worth; more would only take the CPU from each other.
const PATIENT: usize = 4;

/// After this many messages a waiter that sleeps is called although others wait awake: these might be quicker for ever.
const FAIR: usize = 64;

/// Those who wait for room: few *patient* ones, who stay awake and look for it, and the others asleep in a queue, first come, first served.
///
/// Whoever waits says so, and *then* looks once more for room; whoever makes room does so, and *then* looks whether
/// anybody waits. So at least one of the two sees the other. A waiter that has seen to its own message looks whether
/// there is room for another, and calls the next: it takes one wake-up after the other, and not all at once, for most
/// that are woken have more than one message to send. Thus no thread waits while there is room, unless another is on
/// the way to it.
pub(crate) struct Room {
    /// Whether anybody waits in the queue. Read by whoever takes a message.
    awaited: AtomicBool,
    /// How many wait awake.
    patient: AtomicUsize,
    /// How often seeing that there is room was left to them.
    left_to_them: AtomicUsize,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    threads: BTreeMap<Ticket, Waker>,
    futures: BTreeMap<Ticket, Waker>,
    /// The thread that was woken, and has not looked yet. Nobody is called beside it.
    called: Option<Ticket>,
}

pub(crate) enum Waiter {
    /// Looks again when it is woken.
    Thread(Waker),
    /// May never be polled again: no thread waits for it to look.
    #[cfg(feature = "async")]
    Future(Waker),
}

impl Room {
    pub(super) fn new() -> Room {
        Room {
            awaited: AtomicBool::new(false),
            patient: AtomicUsize::new(0),
            left_to_them: AtomicUsize::new(0),
            queue: Mutex::default(),
        }
    }

    /// Whether anybody waits in the queue.
    #[inline]
    pub(crate) fn is_awaited(&self) -> bool {
        self.awaited.load(Ordering::SeqCst)
    }

    /// Whether one of those that wait awake will see that there is room, and call the next. Not for ever: the others
    /// are to have their turn.
    pub(super) fn is_watched(&self) -> bool {
        self.is_anybody_awake()
            && self.left_to_them.fetch_add(1, Ordering::Relaxed) % FAIR != FAIR - 1
    }

    /// Whether anybody waits awake.
    pub(super) fn is_anybody_awake(&self) -> bool {
        self.patient.load(Ordering::SeqCst) > 0
    }

    /// The caller will look for room, awake. `false` if enough others do.
    pub(super) fn watch(&self) -> bool {
        let is_one = self.patient.fetch_add(1, Ordering::SeqCst) < PATIENT;
        if !is_one {
            self.patient.fetch_sub(1, Ordering::SeqCst);
        }
        is_one
    }

    /// The caller looks no longer, and is to call the next afterwards if [nobody else](Room::is_anybody_awake) does. If
    /// it has found no room it comes into the queue.
    pub(super) fn unwatch(&self) {
        self.patient.fetch_sub(1, Ordering::SeqCst);
    }

    /// That waiter waits in the queue from here on, and is woken once. It keeps its place if another was quicker.
    pub(crate) fn come(&self, ticket: Ticket, waiter: Waiter) {
        let mut queue = self.queue();
        queue.has_looked(ticket);
        let before = queue.insert(ticket, waiter);
        self.note(&queue);
        drop(queue);
        let _ = unwind::drop_caught(before);
    }

    /// That waiter waits no more, and what it has left is for others. Says whether it was a thread that was called.
    pub(super) fn go(&self, ticket: Ticket, has_room: impl FnOnce() -> bool) -> bool {
        let mut queue = self.queue();
        let was_called = queue.has_looked(ticket);
        let waiter = queue.remove(ticket);
        self.note(&queue);
        drop(queue);
        let _ = unwind::drop_caught(waiter);
        self.call_if_awaited(has_room);
        was_called
    }

    pub(super) fn call_if_awaited(&self, has_room: impl FnOnce() -> bool) {
        if self.is_awaited() {
            self.call(has_room);
        }
    }

    /// Wakes the next in the queue, if there is room and nobody is on the way to it. Says whether a caller that will
    /// make no room soon is to call again: it woke a future, and other futures wait behind it.
    pub(super) fn call(&self, has_room: impl FnOnce() -> bool) -> bool {
        let mut queue = self.queue();
        let next = match queue.called.is_none() && has_room() {
            true => queue.next(),
            false => [None, None],
        };
        let is_to_be_called_again =
            queue.called.is_none() && next[0].is_some() && !queue.is_empty();
        self.note(&queue);
        drop(queue);
        next.into_iter().flatten().for_each(wake);
        is_to_be_called_again
    }

    /// Wakes all: there is something else to be seen than room.
    pub(super) fn wake_all(&self) {
        let mut queue = self.queue();
        // As nearly always: to take empty maps apart costs more than all the rest.
        if queue.is_empty() {
            return;
        }
        let Queue { threads, futures, .. } = &mut *queue;
        let [threads, futures] = [threads, futures].map(std::mem::take);
        self.note(&queue);
        drop(queue);
        threads.into_values().chain(futures.into_values()).for_each(wake);
    }

    fn note(&self, queue: &Queue) {
        self.awaited.store(!queue.is_empty(), Ordering::SeqCst);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        unwind::lock(&self.queue)
    }
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.threads.is_empty() && self.futures.is_empty()
    }

    fn insert(&mut self, ticket: Ticket, waiter: Waiter) -> Option<Waker> {
        match waiter {
            Waiter::Thread(waker) => self.threads.insert(ticket, waker),
            #[cfg(feature = "async")]
            Waiter::Future(waker) => self.futures.insert(ticket, waker),
        }
    }

    fn remove(&mut self, ticket: Ticket) -> Option<Waker> {
        self.threads.remove(&ticket).or_else(|| self.futures.remove(&ticket))
    }

    /// What is to be woken next: the first future, if it stands before all threads; and the first thread, which then
    /// counts as called, also behind that future.
    fn next(&mut self) -> [Option<Waker>; 2] {
        let thread = self.threads.pop_first();
        self.called = thread.as_ref().map(|(ticket, _)| *ticket);
        let is_first = |future: &Ticket| self.called.is_none_or(|thread| *future < thread);
        let future = self.futures.first_entry().filter(|future| is_first(future.key()));
        [future.map(OccupiedEntry::remove), thread.map(|(_, waker)| waker)]
    }

    /// If that waiter was called, it is on its way no more. Says whether it was.
    fn has_looked(&mut self, ticket: Ticket) -> bool {
        self.called.take_if(|called| *called == ticket).is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;

    use super::*;
    use crate::guarded::guarded;
    use crate::reply::tests::{Count, woken};

    /// Three who wait.
    struct Scene {
        room: Room,
        tickets: [Ticket; 3],
        counts: [Arc<Count>; 3],
    }

    type Kind = fn(Waker) -> Waiter;

    impl Scene {
        fn new(kinds: [Kind; 3]) -> Scene {
            let (tickets, counts) =
                ([(); 3].map(|()| Ticket::next()), [(); 3].map(|()| Arc::new(Count::default())));
            let scene = Scene { room: Room::new(), tickets, counts };
            assert!(!scene.room.is_awaited());
            // The last comes first; that makes no difference.
            (0..3).rev().for_each(|i| scene.come(i, kinds[i]));
            scene
        }

        fn come(&self, i: usize, kind: Kind) {
            self.room.come(self.tickets[i], kind(Arc::clone(&self.counts[i]).into()));
            assert!(self.room.is_awaited());
        }

        fn woken(&self) -> [u32; 3] {
            self.counts.each_ref().map(|count| woken(count))
        }
    }

    #[test]
    fn m4_who_came_first_is_woken_first_and_no_other_before_it_has_looked() {
        let scene = Scene::new([Waiter::Thread; 3]);
        assert!(!scene.room.call(|| false));
        assert_eq!(scene.woken(), [0, 0, 0]);
        (0..2).for_each(|_| assert!(!scene.room.call(|| true)));
        assert_eq!(scene.woken(), [1, 0, 0]);
        // It had its message to send, and leaves no room; then some is made.
        scene.room.go(scene.tickets[0], || false);
        assert_eq!(scene.woken(), [1, 0, 0]);
        scene.room.call(|| true);
        assert_eq!(scene.woken(), [1, 1, 0]);
    }

    #[test]
    fn m4_who_was_called_in_vain_keeps_its_place() {
        let scene = Scene::new([Waiter::Thread; 3]);
        scene.room.call(|| true);
        scene.come(0, Waiter::Thread);
        scene.room.call(|| true);
        assert_eq!(scene.woken(), [2, 0, 0]);
    }

    #[test]
    fn m4_the_room_that_one_leaves_who_was_called_is_for_the_next() {
        let scene = Scene::new([Waiter::Thread; 3]);
        scene.room.call(|| true);
        // A waiter that was not called, and goes, is not waited for.
        scene.room.go(scene.tickets[1], || true);
        assert_eq!(scene.woken(), [1, 0, 0]);
        scene.room.go(scene.tickets[0], || true);
        assert_eq!(scene.woken(), [1, 0, 1]);
        assert!(!scene.room.is_awaited());
    }

    #[test]
    fn m4_all_are_woken_when_there_is_something_else_to_see_and_owe_nothing() {
        let scene = Scene::new([Waiter::Thread; 3]);
        scene.room.wake_all();
        assert_eq!(scene.woken(), [1, 1, 1]);
        assert!(!scene.room.is_awaited());
        scene.come(2, Waiter::Thread);
        scene.room.call(|| true);
        assert_eq!(scene.woken(), [1, 1, 2]);
    }

    #[test]
    fn m4_only_few_wait_awake() {
        let scene = Scene::new([Waiter::Thread; 3]);
        assert!(!scene.room.is_watched());
        (0..PATIENT).for_each(|_| assert!(scene.room.watch()));
        assert!(!scene.room.watch());
        (0..2).for_each(|_| scene.room.unwatch());
        assert!(scene.room.watch() && scene.room.watch() && !scene.room.watch());
    }

    #[test]
    fn m4_those_who_wait_awake_do_not_keep_the_others_asleep_for_ever() {
        let room = Room::new();
        assert!(room.watch());
        let watched = (0..2 * FAIR).filter(|_| room.is_watched()).count();
        assert_eq!(watched, 2 * FAIR - 2);
    }

    #[test]
    fn m4_what_a_waker_does_when_it_is_dropped_holds_up_nobody() {
        /// As an executor's might that then lets go of another future that waits.
        struct Grenade(Arc<Room>);
        impl Wake for Grenade {
            fn wake(self: Arc<Self>) {}
        }
        impl Drop for Grenade {
            fn drop(&mut self) {
                self.0.go(Ticket::next(), || true);
                panic!("in a waker's drop");
            }
        }
        guarded(|| {
            let (room, ticket, count) =
                (Arc::new(Room::new()), Ticket::next(), Arc::new(Count::default()));
            let come = |waker| room.come(ticket, Waiter::Thread(waker));
            let grenade = || Waker::from(Arc::new(Grenade(Arc::clone(&room))));
            // Another takes its place, it goes, it is called, and all are.
            come(grenade());
            come(Arc::clone(&count).into());
            assert_eq!(woken(&count), 1, "the room that was left is for who waits now");
            come(grenade());
            room.go(ticket, || false);
            come(grenade());
            room.call(|| true);
            come(grenade());
            room.wake_all();
            assert!(!room.is_awaited());
        });
    }

    #[cfg(feature = "async")]
    #[test]
    fn m4_a_future_that_goes_is_called_no_more_and_its_waker_is_let_go() {
        let scene = Scene::new([Waiter::Future; 3]);
        scene.room.go(scene.tickets[0], || false);
        assert_eq!(Arc::strong_count(&scene.counts[0]), 1);
        scene.room.call(|| true);
        assert_eq!(scene.woken(), [0, 1, 0]);
    }

    #[cfg(feature = "async")]
    #[test]
    fn m4_no_thread_waits_for_a_future_that_was_woken() {
        let scene = Scene::new([Waiter::Future, Waiter::Thread, Waiter::Thread]);
        assert!(!scene.room.call(|| true));
        assert_eq!(scene.woken(), [1, 1, 0]);
        assert!(!scene.room.call(|| true));
        assert_eq!(scene.woken(), [1, 1, 0]);
    }

    #[cfg(feature = "async")]
    #[test]
    fn m4_of_futures_one_is_woken_after_the_other_and_none_before_a_thread_that_came_first() {
        let scene = Scene::new([Waiter::Future, Waiter::Future, Waiter::Thread]);
        scene.room.go(scene.tickets[2], || false);
        assert!(scene.room.call(|| true));
        assert_eq!(scene.woken(), [1, 0, 0]);
        assert!(!scene.room.call(|| true));
        assert_eq!(scene.woken(), [1, 1, 0]);
        scene.come(0, Waiter::Thread);
        scene.come(1, Waiter::Future);
        scene.room.call(|| true);
        assert_eq!(scene.woken(), [2, 1, 0]);
    }
}
