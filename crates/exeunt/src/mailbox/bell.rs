//! The bell of a mailbox: how its reader is told to look up.

use std::sync::atomic::{self, AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender};

/// Wakes the actor when it waits, and makes it look up when it works.
pub(crate) struct Bell {
    rung: AtomicBool,
    /// One place: a bell that is ringing need not be rung.
    sender: Sender<()>,
    pub(crate) receiver: Receiver<()>,
}

impl Bell {
    pub(super) fn new() -> Bell {
        let (sender, receiver) = crossbeam_channel::bounded(1);
        Bell { rung: AtomicBool::new(false), sender, receiver }
    }

    pub(crate) fn ring(&self) {
        self.rung.swap(true, Ordering::SeqCst);
        // Full means that it is ringing already.
        let _ = self.sender.try_send(());
    }

    /// Whether it was rung since the last call. One relaxed load if not.
    #[inline]
    pub(crate) fn heard(&self) -> bool {
        self.rung.load(Ordering::Relaxed) && self.answer()
    }

    /// Whether it is rung, for a thread that is about to sleep: sees every ring that will not wake
    /// it, and leaves it to [`heard`](Bell::heard).
    pub(crate) fn is_rung_before_sleep(&self) -> bool {
        // Pairs with the fence that the channel makes before it calls itself full: either the ring
        // finds room and wakes us, or we see here that it was rung.
        atomic::fence(Ordering::SeqCst);
        self.rung.load(Ordering::Relaxed)
    }

    /// Takes note that it woke somebody, and says whether it did. What it was rung for is still to be
    /// [heard](Bell::heard).
    pub(crate) fn pick_up(&self) -> bool {
        self.receiver.try_recv().is_ok()
    }

    #[cold]
    fn answer(&self) -> bool {
        // First silenced, then looked at what it was for: a ring in between rings again. Silenced by a
        // swap, as it is rung, so that who silences it has read the last of the rings before, and with
        // it, since each of them has read the one before it, sees what all of them were for.
        self.rung.swap(false, Ordering::SeqCst);
        let _ = self.receiver.try_recv();
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
        bell.ring();
        bell.ring();
        assert!(bell.is_rung_before_sleep());
        assert!(bell.pick_up() && !bell.pick_up());
        // It woke somebody, who has not yet asked what for.
        assert!(bell.is_rung_before_sleep() && bell.heard());
        assert!(!bell.heard() && !bell.is_rung_before_sleep());
    }

    #[test]
    fn o3_who_hears_a_ring_need_not_be_woken_by_it() {
        let bell = Bell::new();
        bell.ring();
        assert!(bell.heard() && !bell.pick_up());
        bell.ring();
        assert!(bell.pick_up());
    }
}
