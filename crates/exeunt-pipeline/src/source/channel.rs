//! [`Channel`]: what others send.

use crossbeam_channel::{Receiver, select};
use exeunt::Event;

use super::{Next, Source};

/// What is received from a channel, until its last sender is dropped or the drain begins.
///
/// A wait for the next item ends at once when the drain begins. What the channel holds at that moment is
/// still handed on, since its senders were told that it was taken; then the receiver is dropped, and with it their
/// channel is closed. What somebody manages to send between the two is lost with it; who has to know
/// keeps a clone of the receiver, and looks.
///
/// # Examples
///
/// ```
/// use crossbeam_channel::bounded;
/// use exeunt_pipeline::{Channel, Pipeline};
///
/// let (jobs, receiver) = bounded(16);
/// let producer = std::thread::spawn(move || (0..100).try_for_each(|job| jobs.send(job)));
///
/// let outcome = Pipeline::new("jobs")
///     .source("received", Channel::new(receiver))
///     .sink("done", |job: u32| { assert!(job < 100); Ok(()) })
///     .run()?;
/// assert_eq!(outcome.ledger().stage("done").unwrap().passed, 100);
/// producer.join().unwrap().unwrap();
/// # Ok::<(), exeunt_pipeline::Error>(())
/// ```
#[derive(Debug)]
pub struct Channel<T> {
    receiver: Receiver<T>,
    /// What it held when the drain began and has not given yet.
    left: Option<usize>,
}

impl<T> Channel<T> {
    /// Receives from this one.
    pub fn new(receiver: Receiver<T>) -> Channel<T> {
        Channel { receiver, left: None }
    }
}

impl<T> From<Receiver<T>> for Channel<T> {
    fn from(receiver: Receiver<T>) -> Channel<T> {
        Channel::new(receiver)
    }
}

impl<T: Send + 'static> Source for Channel<T> {
    type Item = T;
    type Position = ();

    fn next_item(&mut self, stopping: &Event) -> Option<Next<T, ()>> {
        // Most of the time something is there, and to select costs several times as much.
        let item = self.receiver.try_recv().ok().or_else(|| {
            exeunt::waiting_for("the next item", || {
                select! {
                    recv(self.receiver) -> item => item.ok(),
                    recv(stopping.receiver()) -> _ => None,
                }
            })
        });
        item.map(|item| Ok((item, ())))
    }

    fn leftover(&mut self) -> Option<Next<T, ()>> {
        // No more than it held: senders may be as quick as we are.
        let left = self.left.get_or_insert(self.receiver.len());
        *left = left.checked_sub(1)?;
        self.receiver.try_recv().ok().map(|item| Ok((item, ())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_left_than_was_there_when_the_drain_began() {
        let (send, receiver) = crossbeam_channel::unbounded();
        let mut channel = Channel::new(receiver);
        (0..3).for_each(|n| send.send(n).unwrap());
        // Whoever sends is as quick as we are.
        let mut left = Vec::new();
        while let Some(next) = channel.leftover() {
            left.push(next.unwrap().0);
            send.send(9).unwrap();
            assert!(left.len() < 10, "there is no end");
        }
        assert_eq!(left, [0, 1, 2]);
    }
}
