//! [`AtHand`]: what gives one item after the other without a wait.

use exeunt::Event;

use super::{Next, Source};

/// An iterator that never waits.
pub(crate) struct AtHand<I>(pub(crate) I);

impl<I> Source for AtHand<I>
where
    I: Iterator<Item: Send + 'static> + Send + 'static,
{
    type Item = I::Item;
    type Position = ();

    fn next_item(&mut self, _: &Event) -> Option<Next<I::Item, ()>> {
        self.0.next().map(|item| Ok((item, ())))
    }

    fn is_next_at_hand(&self) -> bool {
        true
    }
}
