//! The bell of a mailbox: how its reader is told to look up.

use std::sync::OnceLock;
use std::sync::atomic::{self, AtomicBool, Ordering};

use crossbeam_channel::Receiver;

use super::wire::Wire;

/// Makes the actor look up when it works, and wakes it when it waits in a `select`. (A thread that waits only for its
/// mailbox, or for what comes into it, is woken by the [porter](super::porter).)
pub(crate) struct Bell {
    rung: AtomicBool,
    /// Made by the first thread that waits for it.
    wire: OnceLock<Wire>,
}

impl Bell {
    pub(super) fn new() -> Bell {
        Bell { rung: AtomicBool::new(false), wire: OnceLock::new() }
    }

    pub(crate) fn ring(&self) {
        self.rung.swap(true, Ordering::SeqCst);
        // Pairs with that of who is about to sleep: it sees that it was rung, or we see that it waits.
        atomic::fence(Ordering::SeqCst);
        if let Some(wire) = self.wire.get() {
            wire.pull();
        }
    }

    /// Whether it was rung since the last call. One relaxed load if not.
    #[inline]
    pub(crate) fn heard(&self) -> bool {
        self.rung.load(Ordering::Relaxed) && self.answer()
    }

    /// Whether it is rung, for a thread that is about to sleep: sees every ring that will not wake
    /// it, and leaves it to [`heard`](Bell::heard).
    pub(crate) fn is_rung_before_sleep(&self) -> bool {
        // Pairs with that of who rings.
        atomic::fence(Ordering::SeqCst);
        self.rung.load(Ordering::Relaxed)
    }

    /// What to wait for, with other channels. It does not wait if the bell is rung already.
    pub(crate) fn receiver(&self) -> &Receiver<()> {
        let wire = self.wire.get_or_init(Wire::new);
        if self.is_rung_before_sleep() {
            wire.pull();
        }
        wire.receiver()
    }

    /// Takes note that it woke a thread, and says whether it did. What it was rung for is still to
    /// be [heard](Bell::heard).
    pub(crate) fn pick_up(&self) -> bool {
        self.wire.get().is_some_and(Wire::pick_up)
    }

    /// The second half of a ring whose first half was heard already: the wake-up comes late.
    #[cfg(test)]
    pub(crate) fn wake_late(&self) {
        self.wire.get().into_iter().for_each(Wire::pull);
    }

    #[cold]
    fn answer(&self) -> bool {
        // First silenced, then looked at what it was for: a ring in between rings again. Silenced by a swap, as it is
        // rung: so whoever silences it has read the last of the rings before, and with it, since each of them has read
        // the one before it, sees what all of them were for.
        self.rung.swap(false, Ordering::SeqCst);
        let _ = self.pick_up();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o3_a_ring_is_heard_once_and_wakes_once() {
        let bell = Bell::new();
        assert!(!bell.heard() && !bell.pick_up() && !bell.is_rung_before_sleep());
        assert!(bell.receiver().is_empty());
        bell.ring();
        bell.ring();
        assert!(bell.is_rung_before_sleep());
        assert!(bell.pick_up() && !bell.pick_up());
        // It woke a thread, which has not yet asked what for.
        assert!(bell.is_rung_before_sleep() && bell.heard());
        assert!(!bell.heard() && !bell.is_rung_before_sleep());
    }

    #[test]
    fn o3_who_hears_a_ring_need_not_be_woken_by_it() {
        let bell = Bell::new();
        assert!(bell.receiver().is_empty());
        bell.ring();
        assert!(bell.heard() && !bell.pick_up());
        bell.ring();
        assert!(bell.pick_up());
    }

    #[test]
    fn o3_who_waits_for_a_bell_that_was_rung_before_does_not_wait() {
        let bell = Bell::new();
        bell.ring();
        assert!(!bell.pick_up());
        assert_eq!(bell.receiver().len(), 1);
        assert!(bell.heard() && bell.receiver().is_empty());
    }
}
