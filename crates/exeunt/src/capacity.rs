//! [`Capacity`]: how many messages a mailbox holds.

use crate::mailbox::Letter;

/// How many messages a mailbox holds unless something else is asked for.
///
/// Below 64 the threads meet at every message (5 to 9 µs each at capacity 1, in trials on two
/// cores); from 256 on a larger mailbox is no faster, only fuller when the drain comes.
pub const DEFAULT_CAPACITY: usize = 256;

/// How many messages a mailbox holds: a number, or [`Capacity::Unbounded`].
///
/// ```
/// use exeunt::Capacity;
///
/// let (_addr, _inbox) = exeunt::mailbox::<u32>(16);
/// let (_addr, _inbox) = exeunt::mailbox::<u32>(Capacity::Unbounded);
/// assert_eq!(Capacity::default(), Capacity::from(exeunt::DEFAULT_CAPACITY));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Capacity {
    /// This many; a sender of one more waits. Memory is taken as messages come, for up to 128 at a time, and is kept for the
    /// next ones. A capacity of zero, or of more than an address space holds, is refused when the actor is spawned. If
    /// the memory of this machine is at its end before so many have come, the process ends at that allocation, as at any in
    /// Rust.
    Bounded(usize),
    /// As many as there is memory for: no backpressure, and a drain as long as the queue.
    Unbounded,
}

impl Capacity {
    /// Whether there can be a mailbox of that capacity: not of zero, and not of more than an
    /// address space holds.
    pub(crate) fn is_fit_for<M>(self) -> bool {
        let slot_bytes = size_of::<Letter<M>>().max(1);
        match self {
            Capacity::Bounded(messages) => {
                (1..isize::MAX as usize / slot_bytes).contains(&messages)
            }
            Capacity::Unbounded => true,
        }
    }
}

impl Default for Capacity {
    fn default() -> Capacity {
        Capacity::Bounded(DEFAULT_CAPACITY)
    }
}

impl From<usize> for Capacity {
    fn from(messages: usize) -> Capacity {
        Capacity::Bounded(messages)
    }
}
