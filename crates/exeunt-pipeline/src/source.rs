//! [`Source`]: where items come from.

use exeunt::{Error, Event};

mod at_hand;
mod lines;
mod aside;
mod files;
mod channel;
#[cfg(feature = "net")]
mod listener;

pub(crate) use at_hand::AtHand;
pub use channel::Channel;
pub use files::Files;
pub use lines::{ByteLines, Lines};
#[cfg(feature = "net")]
pub use listener::Listener;

/// Where the items of a pipeline come from.
///
/// Every iterator of results is one, without positions. [`Lines`], [`Files`] and [`Channel`] are others. Implement it
/// for what has a position to begin again at, for what waits, and for what takes things in before it gives them.
///
/// # Examples
///
/// Numbers that are counted from wherever it left off:
///
/// ```
/// use exeunt::{Error, Event};
/// use exeunt_pipeline::Source;
///
/// struct Numbers { next: u64, end: u64 }
///
/// impl Source for Numbers {
///     type Item = u64;
///     type Position = u64;
///
///     fn next_item(&mut self, _stopping: &Event) -> Option<Result<(u64, u64), Error>> {
///         let number = self.next;
///         self.next += 1;
///         (number < self.end).then_some(Ok((number, number)))
///     }
/// }
/// ```
pub trait Source: Send + 'static {
    /// What it gives.
    type Item: Send + 'static;
    /// Where in it an item stands, so that it can be begun after that one. `()` if it has none.
    type Position: Clone + Send + 'static;

    /// The next item, with its position; `None` at the end.
    ///
    /// It may wait; `stopping` is set when the drain has begun, or when [no sink](crate::Closed) wants anything of it any
    /// more, and a source that waits should then come back with `None`. One that does not is waited for: in a drain up to
    /// the stall limit, and without one for as long as it takes. Between items the pipeline looks itself.
    ///
    /// # Errors
    ///
    /// What could not be read. It ends the pipeline in order, unless the source was told to
    /// [skip errors](crate::Flow::skip_errors). A panic ends it in any case: nobody knows what comes after it.
    fn next_item(&mut self, stopping: &Event) -> Option<Next<Self::Item, Self::Position>>;

    /// When the drain has begun: what was taken in before and has not been given, one after the other, until `None`. If it
    /// is not wanted any more, it is counted as returned.
    ///
    /// Nothing, unless it is implemented. It is for who takes in what nobody would have otherwise: what was sent to
    /// it, for example. It must not wait, and not take in more.
    ///
    /// # Errors
    ///
    /// As for [`next_item`](Source::next_item).
    fn leftover(&mut self) -> Option<Next<Self::Item, Self::Position>> {
        None
    }

    /// Whether [`next_item`](Source::next_item) would come back at once: with an item, an error, or the end.
    ///
    /// `false`, unless it is implemented, and then every item is on its way to the next thread before the next one is asked
    /// for. While it says `true`, items are kept for up to about a millisecond, to travel together, which costs much
    /// less. So it may say `true` only if nothing has to be waited for that may never come: the next line is in a buffer,
    /// for example, or whatever comes is computed.
    ///
    /// It is asked after every item, and should be quick.
    ///
    /// ```
    /// use std::collections::VecDeque;
    /// use exeunt::{Error, Event};
    /// use exeunt_pipeline::Source;
    ///
    /// /// Words, of which the keyboard gives a line at a time.
    /// struct Words { line: VecDeque<String> }
    ///
    /// impl Source for Words {
    ///     type Item = String;
    ///     type Position = ();
    ///
    ///     fn next_item(&mut self, _stopping: &Event) -> Option<Result<(String, ()), Error>> {
    ///         // Here it would wait for another line.
    ///         self.line.pop_front().map(|word| Ok((word, ())))
    ///     }
    ///
    ///     fn is_next_at_hand(&self) -> bool {
    ///         !self.line.is_empty()
    ///     }
    /// }
    /// ```
    fn is_next_at_hand(&self) -> bool {
        false
    }
}

/// What a source gives: an item and its position, or what could not be read.
pub type Next<T, P> = Result<(T, P), Error>;

impl<I, T, E> Source for I
where
    I: Iterator<Item = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Into<Error>,
{
    type Item = T;
    type Position = ();

    fn next_item(&mut self, _: &Event) -> Option<Next<T, ()>> {
        Iterator::next(self).map(|item| item.map(|item| (item, ())).map_err(Into::into))
    }
}
