//! A queue: where the messages of a lane lie, from their send until they are handled.
//!
//! It has two ends, each under a lock of its own. Senders put in at the *back*, and readers take out at the *front*.
//! Messages go from one to the other a chunk at a time, so that sender and reader hardly ever touch the same memory: see
//! `mailbox.md`.

use std::collections::VecDeque;
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use super::{Letter, Refusal};
use crate::unwind;

/// So many messages go from the back to the front at once, at most; of large ones so many as make up [`CHUNK_BYTES`].
const CHUNK: usize = 128;
const CHUNK_BYTES: usize = 16 * 1024;

/// So many chunks that were emptied are kept, at most, as a mailbox of 1,024 needs that is filled and emptied in turns; of
/// large ones so many as make up [`SPARE_BYTES`].
const SPARES: usize = 8;
const SPARE_BYTES: usize = 4 * CHUNK_BYTES;

/// A list of chunks that is longer is let go when it is empty, so that nothing is kept of a burst.
const MOST_KEPT: usize = 64;

/// What processors fetch at once, in bytes.
const CACHE_LINE: usize = 64;

/// The first places of a chunk that are got ready at once: so many, or as many as lie in so many cache lines.
const FEW: usize = 8;

/// Nothing that might unwind has to drop it: so the compiler keeps a message in registers on its way in and out, and not
/// in memory of the stack, from where it would be loaded while its parts are still on their way there.
type Kept<M> = ManuallyDrop<Letter<M>>;

type Chunk<M> = Vec<Kept<M>>;

pub(super) struct Queue<M> {
    /// The senders' end. Counts what was ever put in.
    back: End<Back<M>>,
    /// The readers' end: the oldest messages. Counts what was ever taken out.
    front: End<VecDeque<Kept<M>>>,
    /// How many may lie in it.
    places: usize,
}

struct Back<M> {
    door: Door,
    /// The newest messages.
    filling: Chunk<M>,
    /// So many of its places are ready, or filled.
    ready: usize,
    /// Those before, the oldest first.
    full: VecDeque<Chunk<M>>,
    /// Some that the front has emptied, to be filled again.
    spare: Vec<Chunk<M>>,
    /// What the front's count was when it was last looked at.
    taken: usize,
}

/// Whose messages are still taken in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Door {
    /// Everybody's.
    Open,
    /// Those of the actor's children and of its ring.
    ForFamily,
    /// Nobody's.
    Shut,
}

/// Who comes to the door.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Caller {
    Anybody,
    Family,
}

/// On cache lines of its own, two of them, since processors fetch lines in pairs.
#[repr(align(128))]
struct End<T> {
    holds: Mutex<T>,
    /// Written under the lock, read by all.
    count: AtomicUsize,
}

impl<M> Queue<M> {
    /// For this many messages; for any number, if none is given.
    pub(super) fn new(places: Option<usize>) -> Queue<M> {
        let back = Back {
            door: Door::Open,
            filling: Chunk::new(),
            ready: 0,
            full: VecDeque::new(),
            spare: Vec::new(),
            taken: 0,
        };
        Queue {
            back: End { holds: Mutex::new(back), count: AtomicUsize::new(0) },
            front: End { holds: Mutex::new(VecDeque::new()), count: AtomicUsize::new(0) },
            places: places.unwrap_or(usize::MAX),
        }
    }

    /// Puts a message in, if there is room and the door is open for the caller: both are decided at the moment at which it
    /// is put in.
    #[inline(always)] // or the message is copied once more, from where it was just written
    pub(super) fn put(&self, message: M, caller: Caller) -> Result<(), Refusal<M>> {
        let letter = ManuallyDrop::new(Letter::new(message));
        let mut back = self.back();
        if !back.door.is_open_for(caller) {
            return Err(Refusal::Closed(open(letter)));
        }
        let put = self.back.count.load(Ordering::Relaxed);
        let is_full = |taken| put.wrapping_sub(taken) >= self.places;
        if is_full(back.taken) {
            back.taken = self.front.count.load(Ordering::Acquire);
            if is_full(back.taken) {
                return Err(Refusal::Full(open(letter)));
            }
        }
        if back.filling.len() == back.ready {
            back.get_ready();
        }
        back.filling.push(letter);
        self.back.count.store(put.wrapping_add(1), Ordering::Release);
        Ok(())
    }

    /// The next message, if there is one.
    #[inline(always)] // for the same reason as `unwind::catch`
    pub(super) fn take(&self) -> Option<Letter<M>> {
        let mut front = unwind::lock(&self.front.holds);
        if front.is_empty() && !self.fetch(&mut front) {
            return None;
        }
        let letter = front.pop_front();
        let taken = self.front.count.load(Ordering::Relaxed);
        self.front.count.store(taken.wrapping_add(1), Ordering::Release);
        drop(front);
        letter.map(ManuallyDrop::into_inner)
    }

    /// Brings a chunk to the front, which is empty. `false` if there is none.
    fn fetch(&self, front: &mut VecDeque<Kept<M>>) -> bool {
        // Who finds nothing does not get in the way of those who bring something.
        if self.back.count.load(Ordering::Acquire) == self.front.count.load(Ordering::Relaxed) {
            return false;
        }
        let mut back = self.back();
        let emptied = Chunk::from(mem::take(front));
        let mut superfluous = None;
        let oldest = match back.full.pop_front() {
            None => back.fill_next(emptied),
            Some(oldest) => {
                superfluous = back.keep(emptied);
                oldest
            }
        };
        *front = oldest.into();
        let is_burst_over = back.full.is_empty() && back.full.capacity() > MOST_KEPT;
        let list = is_burst_over.then(|| mem::take(&mut back.full));
        // What is not needed any more is let go when others may put in again.
        drop(back);
        drop((superfluous, list));
        !front.is_empty()
    }

    /// How many lie in it; at least, if others put in and take out meanwhile, how many of those that lay in it were not taken.
    pub(super) fn len(&self) -> usize {
        // In this order: nothing is taken that was not put in before.
        let taken = self.front.count.load(Ordering::Acquire);
        let len = self.back.count.load(Ordering::Acquire).wrapping_sub(taken);
        len.min(self.places)
    }

    /// Whether nothing lies in it, of all that was put in by whoever does not see what this thread did before.
    pub(super) fn is_empty(&self) -> bool {
        self.hold().is_empty()
    }

    /// Whether there is room, also that which was made by whoever does not see what this thread did before.
    pub(super) fn has_room(&self) -> bool {
        self.see_room();
        self.len() < self.places
    }

    /// What [`put`](Queue::put) finds from here on is all the room that was made by whoever does not see what this thread
    /// did before.
    pub(super) fn see_room(&self) {
        drop(unwind::lock(&self.front.holds));
    }

    /// Nobody puts anything in meanwhile.
    pub(super) fn hold(&self) -> Hold<'_, M> {
        Hold { queue: self, back: self.back() }
    }

    /// Nobody takes anything out meanwhile.
    #[cfg(test)]
    pub(super) fn hold_front(&self) -> impl Sized + '_ {
        unwind::lock(&self.front.holds)
    }

    fn back(&self) -> MutexGuard<'_, Back<M>> {
        unwind::lock(&self.back.holds)
    }
}

impl<M> Drop for Queue<M> {
    fn drop(&mut self) {
        while let Some(letter) = self.take() {
            let _ = unwind::drop_caught(letter);
        }
    }
}

#[inline(always)] // for the same reason as `Queue::put`
fn open<M>(letter: Kept<M>) -> M {
    ManuallyDrop::into_inner(letter).open()
}

impl<M> Back<M> {
    const CHUNK: usize = as_many_as_fit(CHUNK_BYTES, size_of::<M>(), CHUNK);
    const FEW: usize = as_many_as_fit(FEW * CACHE_LINE, size_of::<M>(), FEW);
    const SPARES: usize = as_many_as_fit(SPARE_BYTES, Back::<M>::CHUNK * size_of::<M>(), SPARES);

    /// Keeps a chunk to be filled again, or gives it back.
    fn keep(&mut self, emptied: Chunk<M>) -> Option<Chunk<M>> {
        if self.spare.len() == Back::<M>::SPARES {
            return Some(emptied);
        }
        self.spare.push(emptied);
        None
    }

    /// From here on that chunk is filled.
    fn fill_next(&mut self, next: Chunk<M>) -> Chunk<M> {
        self.ready = 0;
        mem::replace(&mut self.filling, next)
    }

    /// Gets places ready, in the chunk that is being filled or in the next: in one that the reader is waiting for twice as
    /// many each time, since it may take it at any moment; in one behind others all.
    #[cold]
    fn get_ready(&mut self) {
        let mut more = self.filling.len().max(Back::<M>::FEW);
        if self.filling.len() == Back::<M>::CHUNK {
            let next = self.spare.pop().unwrap_or_default();
            let full = self.fill_next(next);
            self.full.push_back(full);
            more = Back::<M>::CHUNK;
        }
        let filled = self.filling.len();
        self.ready = Back::<M>::CHUNK.min(filled + more);
        self.filling.reserve_exact(self.ready - filled);
        claim(&mut self.filling.spare_capacity_mut()[..self.ready - filled]);
    }
}

/// How many of that size fit into so many bytes: one at least, and so many at most.
const fn as_many_as_fit(bytes: usize, size: usize, most: usize) -> usize {
    match bytes.checked_div(size) {
        Some(0) => 1,
        Some(fit) if fit < most => fit,
        _ => most,
    }
}

/// Makes the memory this CPU's own, which was the reader's.
///
/// To write to a cache line that another CPU has read takes as long as several messages do, and the next lock waits for it.
/// All lines that are asked for in a row come in hardly more time than one. What is larger is several lines itself.
fn claim<M>(places: &mut [MaybeUninit<Kept<M>>]) {
    if let Some(to_a_line) = CACHE_LINE.checked_div(size_of::<M>()).filter(|&messages| messages > 0)
    {
        places.iter_mut().step_by(to_a_line).for_each(|place| *place = MaybeUninit::zeroed());
    }
}

impl Door {
    #[inline]
    fn is_open_for(self, caller: Caller) -> bool {
        match self {
            Door::Open => true,
            Door::ForFamily => caller == Caller::Family,
            Door::Shut => false,
        }
    }
}

/// The back of a queue, in one pair of hands.
pub(super) struct Hold<'a, M> {
    queue: &'a Queue<M>,
    back: MutexGuard<'a, Back<M>>,
}

impl<M> Hold<'_, M> {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.len() == 0
    }

    /// From here on nothing is put in but by those for whom that door is open. No door is opened again.
    pub(super) fn close(&mut self, door: Door) {
        self.back.door = self.back.door.max(door);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    fn taken<M>(queue: &Queue<M>) -> Option<M> {
        queue.take().map(Letter::open)
    }

    fn is_in<M>(queue: &Queue<M>, message: M) -> bool {
        queue.put(message, Caller::Anybody).is_ok()
    }

    #[test]
    fn m2_what_is_put_in_comes_out_in_order_however_it_is_cut_in_chunks() {
        let queue = Queue::new(None);
        let (mut put, mut next) = (0, 0);
        for (more, fewer) in [(1, 1), (CHUNK, 1), (CHUNK, CHUNK), (5 * CHUNK, 3), (1, 900)] {
            for _ in 0..more {
                assert!(is_in(&queue, put));
                put += 1;
            }
            for _ in 0..fewer.min(put - next) {
                assert_eq!(taken(&queue), Some(next));
                next += 1;
            }
            assert_eq!((queue.len(), queue.is_empty()), (put - next, put == next));
        }
        assert!(taken(&queue).is_none());
    }

    #[test]
    fn m4_it_holds_as_many_as_it_has_places_wherever_they_lie() {
        let queue = Queue::new(Some(CHUNK + 3));
        for first in (0..4 * CHUNK).step_by(5) {
            while queue.has_room() {
                assert!(is_in(&queue, first));
            }
            assert_eq!(queue.len(), CHUNK + 3);
            assert!(matches!(queue.put(0, Caller::Family), Err(Refusal::Full(0))));
            (0..5).for_each(|_| assert!(taken(&queue).is_some()));
            assert!(queue.has_room());
        }
    }

    #[test]
    fn m1_what_a_burst_took_is_let_go_when_it_is_over_and_not_before() {
        let queue = Queue::new(None);
        (0..3 * CHUNK * MOST_KEPT).for_each(|n| assert!(is_in(&queue, n)));
        (0..3 * CHUNK * MOST_KEPT).for_each(|n| assert_eq!(taken(&queue), Some(n)));
        assert!(taken(&queue).is_none());
        let back = queue.back();
        let kept: usize = back.spare.iter().chain([&back.filling]).map(Vec::capacity).sum();
        assert!(back.full.capacity() <= MOST_KEPT && kept <= 10 * CHUNK);
    }

    #[test]
    fn large_messages_take_no_more_memory_than_was_promised() {
        /// In the chunks to be filled again, and in the two in use, after so many messages each time.
        fn kept_of<const BYTES: usize>(fills: &[usize]) -> [usize; 2] {
            let queue = Queue::new(None);
            for &messages in fills {
                (0..messages).for_each(|_| assert!(is_in(&queue, [0_u8; BYTES])));
                while taken(&queue).is_some() {}
            }
            let front = unwind::lock(&queue.front.holds).capacity();
            let back = queue.back();
            let spare: usize = back.spare.iter().map(Vec::capacity).sum();
            [spare, front + back.filling.capacity()].map(|places| places * BYTES)
        }
        for kept in [kept_of::<160>, kept_of::<252>, kept_of::<1000>, kept_of::<5000>] {
            for fills in [[CHUNK; 3], [60, 60, 20 * CHUNK], [20 * CHUNK, 1, CHUNK]] {
                let [spare, in_use] = kept(&fills);
                assert!(spare <= SPARE_BYTES && in_use <= 2 * CHUNK_BYTES, "{spare} and {in_use}");
            }
        }
        let one = [kept_of::<160>, kept_of::<512>, kept_of::<2048>, kept_of::<20_000>]
            .map(|kept| kept(&[1])[1]);
        assert_eq!(one, [3 * 160, 512, 2048, 20_000]);
    }

    #[test]
    fn what_is_left_in_it_is_dropped_with_it_whatever_that_does() {
        struct Grenade {
            _pin: Arc<()>,
        }
        impl Drop for Grenade {
            fn drop(&mut self) {
                panic!("in a message's drop");
            }
        }
        let (queue, pin) = (Queue::new(None), Arc::new(()));
        (0..CHUNK + 2).for_each(|_| assert!(is_in(&queue, Grenade { _pin: Arc::clone(&pin) })));
        drop(queue);
        assert_eq!(Arc::strong_count(&pin), 1);
    }

    #[test]
    fn m1_a_door_lets_nobody_in_any_more_who_comes_after_its_closing() {
        let queue = Queue::new(Some(4));
        let may = |caller| match queue.put(1, caller) {
            Ok(()) => true,
            Err(Refusal::Closed(1)) => false,
            Err(_) => panic!("there is room"),
        };
        assert!(may(Caller::Anybody));
        queue.hold().close(Door::ForFamily);
        assert!(!may(Caller::Anybody) && may(Caller::Family));
        queue.hold().close(Door::Shut);
        queue.hold().close(Door::ForFamily);
        assert!(!may(Caller::Anybody) && !may(Caller::Family));
        assert_eq!((queue.len(), queue.hold().is_empty()), (2, false));
    }

    #[test]
    fn m1_m2_what_several_put_in_several_take_out_once_and_that_of_each_in_order() {
        const EACH: usize = 20_000;
        let queue = &Queue::new(Some(CHUNK / 2));
        let left = &AtomicUsize::new(3 * EACH);
        let read = || {
            let mut last = [None; 3];
            while left.load(Ordering::Relaxed) > 0 {
                match taken(queue) {
                    None => thread::yield_now(),
                    Some((sender, number)) => {
                        assert!(last[sender] < Some(number));
                        last[sender] = Some(number);
                        left.fetch_sub(1, Ordering::Relaxed);
                    }
                }
            }
        };
        thread::scope(|scope| {
            (0..2).for_each(|_| drop(scope.spawn(read)));
            for sender in 0..3 {
                scope.spawn(move || {
                    for number in 0..EACH {
                        while !is_in(queue, (sender, number)) {
                            thread::yield_now();
                        }
                    }
                });
            }
        });
        assert!(queue.is_empty());
    }
}
