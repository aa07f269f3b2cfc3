//! [`mailbox()`] and [`Inbox`]: a mailbox that is there before its actor.

use std::any::type_name;
use std::fmt;
use std::sync::Arc;

use super::{Mailbox, Overflow};
use crate::address::Addr;
use crate::capacity::Capacity;

/// Makes a mailbox before its actor: an address to hand around, and the inbox for the
/// [builder](crate::ActorBuilder::inbox) of the actor that is to read it.
///
/// What is sent before the actor is spawned waits for it. An inbox that is dropped unused closes the mailbox, and hands
/// what is in it to its [hook](Inbox::returned); without a hook that is dropped, and a warning in the log says how many
/// messages it was. What waits for an actor that cannot be started goes to its
/// [dead-letter hook](crate::ActorBuilder::returned). Neither is in a report, since there never was an actor.
///
/// A capacity of zero gives a closed mailbox, and an error that says so from the builder.
///
/// # Examples
///
/// Two actors that know each other's address only through a message is one way; the other is to
/// have the address of the second before the first is spawned:
///
/// ```
/// use exeunt::{Actor, Context, System};
///
/// struct Forward(exeunt::Addr<u32>);
/// impl Actor for Forward {
///     type Msg = u32;
///     fn handle(&mut self, number: u32, _cx: &mut Context<Self>) -> exeunt::Result {
///         self.0.send(number + 1)?;
///         Ok(())
///     }
/// }
///
/// struct Sum(u32);
/// impl Actor for Sum {
///     type Msg = u32;
///     fn handle(&mut self, number: u32, _cx: &mut Context<Self>) -> exeunt::Result {
///         self.0 += number;
///         Ok(())
///     }
/// }
///
/// let mut system = System::new("upside-down");
/// let (sum, inbox) = exeunt::mailbox(64);
/// let forward = system.actor("forward").feeds(&sum).spawn(Forward(sum))?;
/// system.actor("sum").inbox(inbox).feeds_nothing().spawn(Sum(0))?;
///
/// forward.send(1)?;
/// let report = system.shutdown();
/// assert_eq!(report.actor("sum").unwrap().handled, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn mailbox<M: Send + 'static>(capacity: impl Into<Capacity>) -> (Addr<M>, Inbox<M>) {
    let mailbox = Mailbox::new(capacity.into());
    (Addr::new(Arc::clone(&mailbox)), Inbox { mailbox: Some(mailbox) })
}

/// The reading end of a [`mailbox()`] whose actor is still to be spawned.
pub struct Inbox<M: Send + 'static> {
    /// Taken by the builder.
    mailbox: Option<Arc<Mailbox<M>>>,
}

impl<M: Send + 'static> Inbox<M> {
    /// Sets what becomes of messages for which there is no room, as soon as an actor reads the
    /// mailbox; [`Overflow::Wait`] unless set. For an actor's own mailbox the
    /// [builder](crate::ActorBuilder::overflow) does it too; to have both do it is an error.
    #[must_use]
    pub fn overflow(self, overflow: Overflow) -> Inbox<M> {
        if let Some(mailbox) = &self.mailbox {
            mailbox.set_overflow(overflow);
        }
        self
    }

    /// Sets what becomes of messages that were accepted and will not be handled, as the
    /// [builder](crate::ActorBuilder::returned) does; to have both do it is an error.
    ///
    /// It is for an inbox that is [attached](crate::Context::attach_inbox). Without a hook of its own, what is left in
    /// it when its actor ends goes to the actor's hook, as the message that it would have become; what finds no room,
    /// or is left by an abandoned thread, is only counted.
    #[must_use]
    pub fn returned(self, hook: impl FnMut(M) + Send + 'static) -> Inbox<M> {
        if let Some(mailbox) = &self.mailbox {
            mailbox.set_dead_letters(Box::new(hook));
        }
        self
    }

    pub(crate) fn into_mailbox(mut self) -> Arc<Mailbox<M>> {
        match self.mailbox.take() {
            Some(mailbox) => mailbox,
            None => unreachable!("an inbox is taken once, by value"),
        }
    }
}

impl<M: Send + 'static> Drop for Inbox<M> {
    fn drop(&mut self) {
        let Some(mailbox) = self.mailbox.take() else { return };
        let has_hook = mailbox.dead_letters.is_open();
        let left = mailbox.abolish();
        if left > 0 && !has_hook {
            let noun = if left == 1 { "message" } else { "messages" };
            let what = type_name::<M>();
            log::warn!("an inbox that no actor was given is dropped with {left} {noun} ({what})");
        }
    }
}

impl<M: Send + 'static> fmt::Debug for Inbox<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("queued", &self.mailbox.as_ref().map(|m| m.len())).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inbox_says_how_much_waits_in_it() {
        let (addr, inbox) = mailbox(4);
        assert!(addr.send(1).is_ok());
        assert_eq!(format!("{inbox:?}"), "Inbox { queued: Some(1) }");
    }
}
