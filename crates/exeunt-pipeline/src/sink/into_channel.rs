//! [`IntoChannel`]: what others receive.

use crossbeam_channel::Sender;

use super::{Closed, Sink};

/// Sends what comes to a channel.
///
/// When its last receiver is dropped, the pipeline ends in order, as with [`Closed`]. A full channel holds it up, also in
/// a drain; whoever receives is not to wait for the drain's end before.
///
/// # Examples
///
/// ```
/// use exeunt_pipeline::{IntoChannel, Pipeline};
///
/// let (sender, collected) = crossbeam_channel::unbounded();
/// Pipeline::new("collect").iter("numbers", 0..5).sink("channel", IntoChannel::new(sender)).run()?;
/// assert!(collected.iter().eq(0..5));
/// # Ok::<(), exeunt_pipeline::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct IntoChannel<T> {
    sender: Sender<T>,
}

impl<T> IntoChannel<T> {
    /// Sends to this one.
    #[must_use]
    pub fn new(sender: Sender<T>) -> IntoChannel<T> {
        IntoChannel { sender }
    }
}

impl<T: Send + 'static, P> Sink<T, P> for IntoChannel<T> {
    fn write(&mut self, item: T) -> exeunt::Result {
        self.sender.send(item).map_err(|_| Closed.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pipeline;

    #[test]
    fn a_dropped_receiver_ends_the_pipeline_in_order() {
        let (sender, receiver) = crossbeam_channel::bounded(0);
        let pipeline = std::thread::spawn(|| {
            let numbers = Pipeline::new("endless").iter("numbers", 0_u64..);
            numbers.sink("channel", IntoChannel::new(sender)).wait()
        });
        assert!(receiver.iter().take(1000).eq(0..1000));
        drop(receiver);
        let outcome = pipeline.join().unwrap().unwrap();
        assert!(outcome.ledger().balances(), "{outcome}");
        assert_eq!(outcome.ledger().stage("channel").unwrap().passed, 1000);
    }
}
