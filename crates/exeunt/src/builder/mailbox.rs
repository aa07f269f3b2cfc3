//! What there is to choose about a mailbox, and the mailbox that comes of it.

use std::sync::Arc;

use crate::capacity::Capacity;
use crate::error::SpawnCause;
use crate::mailbox::{DeadLetters, Inbox, Mailbox, Overflow};

pub(crate) struct MailboxOptions<M: Send + 'static> {
    /// Unless set, the default; for an inbox that was made before, its own.
    pub(crate) capacity: Option<Capacity>,
    pub(crate) urgent: Option<Capacity>,
    /// As the capacity.
    pub(crate) overflow: Option<Overflow>,
    /// A mailbox that was made before its actor.
    pub(crate) inbox: Option<Inbox<M>>,
    /// As the capacity.
    pub(crate) dead_letters: Option<DeadLetters<M>>,
}

impl<M: Send + 'static> Default for MailboxOptions<M> {
    fn default() -> MailboxOptions<M> {
        MailboxOptions {
            capacity: None,
            urgent: None,
            overflow: None,
            inbox: None,
            dead_letters: None,
        }
    }
}

impl<M: Send + 'static> MailboxOptions<M> {
    /// The mailbox of the actor of that name, with all that was chosen for it.
    pub(crate) fn open(self, name: &Arc<str>) -> Result<Unread<M>, SpawnCause> {
        let has_inbox = self.inbox.is_some();
        let mailbox = match self.inbox {
            Some(inbox) => inbox.into_mailbox(),
            None => Mailbox::new(self.capacity.unwrap_or_default()),
        };
        let chosen_twice = [
            ("a capacity", has_inbox && self.capacity.is_some()),
            ("an overflow", self.overflow.is_some() && mailbox.has_overflow()),
            ("a dead-letter hook", self.dead_letters.is_some() && mailbox.dead_letters.is_open()),
        ];
        // Whatever goes wrong from here on, no sender may wait for a reader that will never come.
        let unread = Unread { mailbox, is_read: false };
        let mailbox = unread.mailbox();
        mailbox.be_called(name);
        if let Some(hook) = self.dead_letters {
            mailbox.set_dead_letters(hook);
        }
        for capacity in [Some(mailbox.capacity), self.urgent].into_iter().flatten() {
            if let (Capacity::Bounded(messages), false) = (capacity, capacity.is_fit_for::<M>()) {
                return Err(SpawnCause::Capacity(messages));
            }
        }
        if let Some((what, _)) = chosen_twice.into_iter().find(|(_, is_twice)| *is_twice) {
            let why = format!("{what}, since its inbox has one already");
            return Err(SpawnCause::Pointless(why));
        }
        if let Some(capacity) = self.urgent {
            mailbox.open_urgent_lane(capacity);
        }
        if let Some(overflow) = self.overflow {
            mailbox.set_overflow(overflow);
        }
        Ok(unread)
    }
}

/// A mailbox that is still to have a reader. If it gets none after all, it is closed, and what is in it is returned.
pub(crate) struct Unread<M: Send + 'static> {
    mailbox: Arc<Mailbox<M>>,
    is_read: bool,
}

impl<M: Send + 'static> Unread<M> {
    pub(crate) fn mailbox(&self) -> &Arc<Mailbox<M>> {
        &self.mailbox
    }

    pub(crate) fn leave_to_its_reader(mut self) -> Arc<Mailbox<M>> {
        self.is_read = true;
        Arc::clone(&self.mailbox)
    }
}

impl<M: Send + 'static> Drop for Unread<M> {
    fn drop(&mut self) {
        if !self.is_read {
            self.mailbox.abolish();
        }
    }
}
