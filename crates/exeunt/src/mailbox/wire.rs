//! A wire: what wakes a thread that waits in a `select`.

use crossbeam_channel::{Receiver, Sender};

/// One place: a thread that is being called need not be called.
pub(crate) struct Wire {
    sender: Sender<()>,
    receiver: Receiver<()>,
}

impl Wire {
    pub(crate) fn new() -> Wire {
        let (sender, receiver) = crossbeam_channel::bounded(1);
        Wire { sender, receiver }
    }

    /// Wakes the thread that waits for it, now or next.
    pub(super) fn pull(&self) {
        // Full means that it was pulled already.
        let _ = self.sender.try_send(());
    }

    /// What to wait for, with other channels.
    pub(crate) fn receiver(&self) -> &Receiver<()> {
        &self.receiver
    }

    /// Takes note that it was pulled, and says whether it was.
    pub(crate) fn pick_up(&self) -> bool {
        self.receiver.try_recv().is_ok()
    }
}
