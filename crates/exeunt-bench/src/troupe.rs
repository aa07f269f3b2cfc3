//! Actors that play together: each has a number, sends to the others by theirs, and leaves with a
//! figure when its play is over.
//!
//! Where the original of a workload puts the sender's address into a message, its number is in it
//! here: so every contender carries the same, a `u64`.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::contender::{Contender, Mailbox, Stop};
use crate::measure::Failure;
use crate::role::{PATIENCE, Role};

/// What one of them does.
pub(crate) trait Scene: Send {
    /// Takes a message, and sends others to whom it likes, by number; none of that may wait. `Some` is
    /// its figure: it has left, and takes nothing more.
    fn take(&mut self, message: Message, send: &mut dyn FnMut(usize, Message)) -> Option<u64>;
}

/// What they say to each other, as one number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Message {
    /// Below 16.
    pub(crate) kind: u64,
    /// The number of somebody, below 65,536.
    pub(crate) who: usize,
    /// Below 2⁴⁴.
    pub(crate) value: u64,
}

const WHO: u32 = 44;
const KIND: u32 = 60;

impl Message {
    /// One that says no more than its kind.
    pub(crate) fn of(kind: u64) -> Message {
        Message { kind, who: 0, value: 0 }
    }

    pub(crate) fn pack(self) -> u64 {
        debug_assert!(self.kind < 16 && self.who < 1 << 16 && self.value < 1 << WHO, "{self:?}");
        self.kind << KIND | (self.who as u64) << WHO | self.value
    }

    fn unpack(n: u64) -> Message {
        let who = (n >> WHO) as usize & 0xffff;
        Message { kind: n >> KIND, who, value: n & ((1 << WHO) - 1) }
    }
}

/// The part of one of them, whose addresses are `A`.
pub(crate) struct Part<A> {
    scene: Box<dyn Scene>,
    /// Gone when it has left, so that nobody keeps the others alive who does not need them.
    others: Option<Others<A>>,
    figure: Sender<u64>,
}

/// The addresses of all, as soon as there are all.
type Others<A> = Arc<OnceLock<Vec<A>>>;

impl<A> Part<A> {
    /// Takes one message.
    pub(crate) fn take(&mut self, n: u64, mut send: impl FnMut(&A, u64)) {
        let Some(others) = self.others.as_ref().and_then(|others| others.get()) else { return };
        let mut send = |to: usize, message: Message| send(&others[to], message.pack());
        if let Some(figure) = self.scene.take(Message::unpack(n), &mut send) {
            self.others = None;
            // Nobody listens when the run has already failed.
            let _ = self.figure.send(figure);
        }
    }
}

/// Plays it from the start of the system to the end of its last actor, with what `begin` sends for the
/// first words. The time, and the figures of all, added up.
pub(crate) fn play<C: Contender>(
    scenes: Vec<Box<dyn Scene>>,
    begin: impl FnOnce(&[C::Addr]),
) -> Result<(Duration, u64), Failure> {
    let (figure, figures) = unbounded();
    let players = scenes.len();
    let others = Others::<C::Addr>::default();
    let start = Instant::now();
    let mut stage = C::start();
    let part = |scene| Part { scene, others: Some(Arc::clone(&others)), figure: figure.clone() };
    let spawn = |scene| stage.spawn(Mailbox::Unbounded, Role::Part(part(scene)));
    let addrs = scenes.into_iter().map(spawn).collect();
    begin(others.get_or_init(|| addrs));
    drop(others);
    let sum = add_up(&figures, players)?;
    stage.stop(Stop::Together);
    Ok((start.elapsed(), sum))
}

fn add_up(figures: &Receiver<u64>, players: usize) -> Result<u64, Failure> {
    let wait = |left| {
        let missing = |_| Failure::Wrong(format!("{left} did not leave within {PATIENCE:?}"));
        figures.recv_timeout(PATIENCE).map_err(missing)
    };
    (1..=players).rev().map(wait).try_fold(0, |sum: u64, figure| Ok(sum.wrapping_add(figure?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_out_as_it_went_in() {
        let message = Message { kind: 15, who: 65_535, value: (1 << 44) - 1 };
        assert_eq!(Message::unpack(message.pack()), message);
        let message = Message { kind: 0, who: 1, value: 7 };
        assert_eq!(Message::unpack(message.pack()), message);
    }

    #[test]
    fn who_has_left_takes_nothing_and_holds_nobody() {
        struct Once;
        impl Scene for Once {
            fn take(
                &mut self,
                message: Message,
                send: &mut dyn FnMut(usize, Message),
            ) -> Option<u64> {
                send(1, message);
                Some(message.value)
            }
        }
        let (figure, figures) = unbounded();
        let others = Others::default();
        others.set(vec!["first", "second"]).unwrap();
        let mut part = Part { scene: Box::new(Once), others: Some(Arc::clone(&others)), figure };
        let mut sent = Vec::new();
        let message = Message { kind: 3, who: 0, value: 9 }.pack();
        (0..2).for_each(|_| part.take(message, |&to, n| sent.push((to, n))));
        assert_eq!((sent, figures.try_iter().collect()), (vec![("second", message)], vec![9]));
        assert_eq!(Arc::strong_count(&others), 1);
    }
}
