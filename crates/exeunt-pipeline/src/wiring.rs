//! [`Wire`]: how a thread says whom it feeds, so that a drain knows its order and what may go side by side.

use exeunt::{ActorBuilder, Addr, TaskBuilder};

use crate::demand::Node;

/// Who can declare that it feeds somebody: the core has two builders for that, and who asks after the
/// [demand](crate::demand) collects them.
#[doc(hidden)]
pub trait Wire: Sized {
    fn feeds_also<T: Send + 'static>(self, to: &Addr<T>, node: Node) -> Self;
}

impl<M: Send + 'static> Wire for ActorBuilder<'_, M> {
    fn feeds_also<T: Send + 'static>(self, to: &Addr<T>, _: Node) -> Self {
        self.feeds(to)
    }
}

impl Wire for TaskBuilder<'_> {
    fn feeds_also<T: Send + 'static>(self, to: &Addr<T>, _: Node) -> Self {
        self.feeds(to)
    }
}
