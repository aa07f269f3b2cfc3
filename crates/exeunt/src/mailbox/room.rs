//! Room in a lane: who waits for some, be it a thread or a future, and is woken by whoever makes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::task::Waker;

use crate::unwind;
use crate::waiters::{Ticket, wake};

/// Those who wait for room, first come, first served.
///
/// Whoever waits comes, and *then* looks once more for room; whoever makes room does so, and *then* looks whether it is awaited. So
/// at least one of the two sees the other: nobody waits while there is room for which nobody has been called.
pub(crate) struct Room {
    /// Whether anybody waits. Read by whoever takes a message.
    awaited: AtomicBool,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: BTreeMap<Ticket, Waiter>,
    /// The threads that were woken, and have not looked yet. There is no need to wake others for the same room.
    called: BTreeSet<Ticket>,
}

pub(crate) enum Waiter {
    /// Looks again when it is woken.
    Thread(Waker),
    /// May never be polled again: others are woken too, rather than that they wait for it.
    #[cfg(feature = "async")]
    Future(Waker),
}

impl Room {
    pub(super) fn new() -> Room {
        Room { awaited: AtomicBool::new(false), queue: Mutex::default() }
    }

    /// Whether whoever has taken a message is to [call](Room::call) somebody.
    #[inline]
    pub(super) fn is_awaited(&self) -> bool {
        self.awaited.load(Ordering::SeqCst)
    }

    /// That one waits from here on, and is woken once. It keeps its place, should somebody have been quicker than it.
    pub(crate) fn come(&self, ticket: Ticket, waiter: Waiter) {
        let mut queue = self.queue();
        queue.called.remove(&ticket);
        let before = queue.waiting.insert(ticket, waiter);
        self.note(&queue);
        drop(queue);
        let _ = unwind::drop_caught(before);
    }

    /// That one waits no more. If it was called, it has looked, and what it has left is for the next.
    pub(super) fn go(&self, ticket: Ticket, room: impl FnOnce() -> usize) {
        let mut queue = self.queue();
        queue.called.remove(&ticket);
        let waiter = queue.waiting.remove(&ticket);
        self.note(&queue);
        drop(queue);
        let _ = unwind::drop_caught(waiter);
        if self.is_awaited() {
            self.call(room);
        }
    }

    /// Wakes as many as there is room for, but for the threads that are on their way. Whether it is to be called once more, by who will
    /// make no room soon: those who were woken were futures, for which nobody may wait.
    pub(super) fn call(&self, room: impl FnOnce() -> usize) -> bool {
        let mut queue = self.queue();
        let room = room();
        let free = room.saturating_sub(queue.called.len());
        let woken: Vec<Waker> = (0..free).map_while(|_| queue.next()).collect();
        let is_more_to_do = queue.called.len() < room && !queue.waiting.is_empty();
        self.note(&queue);
        drop(queue);
        woken.into_iter().for_each(wake);
        is_more_to_do
    }

    /// Wakes all: there is something else to be seen than room.
    pub(super) fn wake_all(&self) {
        let mut queue = self.queue();
        let waiting = std::mem::take(&mut queue.waiting);
        self.note(&queue);
        drop(queue);
        waiting.into_values().map(Waiter::into_waker).for_each(wake);
    }

    fn note(&self, queue: &Queue) {
        self.awaited.store(!queue.waiting.is_empty(), Ordering::SeqCst);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        unwind::lock(&self.queue)
    }
}

impl Queue {
    /// Who is to be woken next, and is called so.
    fn next(&mut self) -> Option<Waker> {
        let (ticket, waiter) = self.waiting.pop_first()?;
        if waiter.is_thread() {
            self.called.insert(ticket);
        }
        Some(waiter.into_waker())
    }
}

impl Waiter {
    fn is_thread(&self) -> bool {
        matches!(self, Waiter::Thread(_))
    }

    fn into_waker(self) -> Waker {
        match self {
            Waiter::Thread(waker) => waker,
            #[cfg(feature = "async")]
            Waiter::Future(waker) => waker,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
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
    fn m4_who_came_first_is_woken_first_and_once() {
        let scene = Scene::new([Waiter::Thread; 3]);
        assert!(!scene.room.call(|| 0));
        assert_eq!(scene.woken(), [0, 0, 0]);
        assert!(!scene.room.call(|| 1));
        assert_eq!(scene.woken(), [1, 0, 0]);
        assert!(!scene.room.call(|| 7));
        assert_eq!(scene.woken(), [1, 1, 1]);
        assert!(!scene.room.is_awaited());
    }

    #[test]
    fn m4_for_the_room_of_a_thread_that_is_on_its_way_nobody_else_is_woken() {
        let scene = Scene::new([Waiter::Thread; 3]);
        assert!(!scene.room.call(|| 1) && !scene.room.call(|| 1));
        assert_eq!(scene.woken(), [1, 0, 0]);
        assert!(!scene.room.call(|| 2));
        assert_eq!(scene.woken(), [1, 1, 0]);
    }

    #[test]
    fn m4_who_was_called_in_vain_keeps_its_place() {
        let scene = Scene::new([Waiter::Thread; 3]);
        scene.room.call(|| 1);
        scene.come(0, Waiter::Thread);
        scene.room.call(|| 1);
        assert_eq!(scene.woken(), [2, 0, 0]);
    }

    #[test]
    fn m4_the_room_that_one_leaves_who_was_called_is_for_the_next() {
        let scene = Scene::new([Waiter::Thread; 3]);
        scene.room.call(|| 1);
        scene.room.go(scene.tickets[0], || 1);
        assert_eq!(scene.woken(), [1, 1, 0]);
        scene.room.go(scene.tickets[2], || 1);
        assert!(!scene.room.is_awaited());
        scene.room.go(scene.tickets[1], || 1);
        assert_eq!(scene.woken(), [1, 1, 0], "who has gone was woken");
    }

    #[test]
    fn m4_all_are_woken_when_there_is_something_else_to_see_and_owe_nothing() {
        let scene = Scene::new([Waiter::Thread; 3]);
        scene.room.wake_all();
        assert_eq!(scene.woken(), [1, 1, 1]);
        assert!(!scene.room.is_awaited());
        scene.come(2, Waiter::Thread);
        scene.room.call(|| 1);
        assert_eq!(scene.woken(), [1, 1, 2]);
    }

    #[cfg(feature = "async")]
    #[test]
    fn m4_nobody_waits_for_a_future_that_was_woken() {
        let scene = Scene::new([Waiter::Future, Waiter::Thread, Waiter::Thread]);
        assert!(scene.room.call(|| 1));
        assert_eq!(scene.woken(), [1, 0, 0]);
        assert!(!scene.room.call(|| 1));
        assert_eq!(scene.woken(), [1, 1, 0]);
    }
}
