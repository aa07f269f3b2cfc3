//! [`WeakAddr`]: an address that does not keep its actor alive.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::Addr;
use crate::mailbox::Mailbox;

/// An address that does not keep its actor alive.
///
/// # Examples
///
/// ```
/// let (addr, inbox) = exeunt::mailbox::<u32>(4);
/// let weak = addr.downgrade();
/// assert_eq!(weak.upgrade(), Some(addr.clone()));
/// assert_eq!(weak, addr.downgrade());
/// drop(addr);
/// assert_eq!(weak.upgrade(), None);
/// # drop(inbox);
/// ```
pub struct WeakAddr<M: Send + 'static> {
    mailbox: Arc<Mailbox<M>>,
}

impl<M: Send + 'static> WeakAddr<M> {
    pub(crate) fn new(mailbox: Arc<Mailbox<M>>) -> WeakAddr<M> {
        WeakAddr { mailbox }
    }

    /// An address to send to; `None` once the last one is gone.
    #[must_use]
    pub fn upgrade(&self) -> Option<Addr<M>> {
        self.mailbox.add_address_to_others().then(|| Addr { mailbox: Arc::clone(&self.mailbox) })
    }
}

impl<M: Send + 'static> Clone for WeakAddr<M> {
    fn clone(&self) -> WeakAddr<M> {
        WeakAddr { mailbox: Arc::clone(&self.mailbox) }
    }
}

/// They are equal if they are of the same actor, also when it has ended.
impl<M: Send + 'static> PartialEq for WeakAddr<M> {
    fn eq(&self, other: &WeakAddr<M>) -> bool {
        Arc::ptr_eq(&self.mailbox, &other.mailbox)
    }
}

impl<M: Send + 'static> Eq for WeakAddr<M> {}

impl<M: Send + 'static> Hash for WeakAddr<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.mailbox).hash(state);
    }
}

impl<M: Send + 'static> fmt::Debug for WeakAddr<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WeakAddr").field(&self.mailbox.name()).finish()
    }
}
