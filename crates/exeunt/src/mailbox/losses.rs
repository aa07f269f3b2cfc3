//! How many messages a mailbox has dropped because there was no room, and how many of them the
//! observers were told of.

use std::sync::Mutex;

use crate::unwind::lock;

#[derive(Default)]
pub(super) struct Losses(Mutex<Figures>);

#[derive(Clone, Copy, Default)]
struct Figures {
    total: u64,
    told: u64,
}

impl Losses {
    /// Counts some more. When their number has doubled since the observers were told last: gives
    /// how many to tell now, and the total.
    pub(super) fn add(&self, messages: u64) -> Option<(u64, u64)> {
        let mut figures = lock(&self.0);
        figures.total += messages;
        (figures.total >= figures.told * 2).then(|| figures.tell())
    }

    /// Those that were not told yet, and the total.
    pub(super) fn untold(&self) -> (u64, u64) {
        lock(&self.0).tell()
    }

    pub(super) fn total(&self) -> u64 {
        lock(&self.0).total
    }
}

impl Figures {
    fn tell(&mut self) -> (u64, u64) {
        let untold = self.total - std::mem::replace(&mut self.told, self.total);
        (untold, self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m1_a_flood_is_told_in_a_few_words_that_sum_up_to_all() {
        let losses = Losses::default();
        let mut told: Vec<_> = (0..1000).filter_map(|_| losses.add(1)).collect();
        assert_eq!(told[..4], [(1, 1), (1, 2), (2, 4), (4, 8)]);
        assert_eq!(told.len(), 10);
        told.push(losses.untold());
        assert_eq!(told.iter().map(|(messages, _)| messages).sum::<u64>(), 1000);
        assert_eq!((losses.untold(), losses.total()), ((0, 1000), 1000));
    }
}
