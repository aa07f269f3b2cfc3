//! One look at what there is to do, for a thread that does not wait for it.

use super::{Affair, Next, Runner};
use crate::actor::Actor;
use crate::agenda::Source;

impl<A: Actor> Runner<'_, A> {
    /// What [`run`](Runner::run) would do next without a wait, and what a message in that came
    /// from.
    pub(crate) fn glance(&mut self) -> Option<(Next<A::Msg>, Source)> {
        if self.bell.heard() {
            if let Some(order) = self.take_orders() {
                return Some((order, Source::Mailbox));
            }
        }
        if !self.cell.agenda().is_in_use() {
            if let Some(letter) = self.mailbox.take_letter() {
                return Some((Next::Message(letter), Source::Mailbox));
            }
        } else if let Some(next) = self.take_from_agenda() {
            return Some((next, self.cell.agenda_now().last_source()));
        }
        let next = self.last_call().or_else(|| self.idles())?;
        Some((next, Source::Mailbox))
    }

    /// Whether it would have woken by now of having waited for long enough.
    fn idles(&mut self) -> Option<Next<A::Msg>> {
        // The wait begins with the look at how long it will be.
        self.cell.agenda().next_due();
        self.cell.agenda().has_idled().then(|| Affair::Idle.into())
    }
}
