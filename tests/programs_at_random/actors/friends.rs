//! To whom a player sends, and how.

use std::sync::atomic::Ordering;

use exeunt::{Addr, SendError, TrySendError};

use super::{Letter, Player};
use crate::programs_at_random::program::{Kind, Number, Way};

/// Somebody to whom a player sends.
#[derive(Clone)]
pub(crate) struct Friend {
    pub(crate) name: String,
    pub(crate) addr: Addr<Letter>,
    /// Whether it drains as one with the player, so that no goodbye can reach it.
    pub(crate) is_of_the_ring: bool,
    /// Whether the player may wait for room there. Not with somebody who may have to stop for others, and rests until they
    /// have stopped too.
    pub(crate) is_waited_for: bool,
    /// What it is told to do: children pass on in their turn what they are sent, and so does who is sent something by a
    /// task of his, and nobody else does.
    pub(crate) kind: Kind,
    /// Of how many messages one is a failure there; of none, if that is 0.
    pub(crate) fails_every: u32,
}

/// Why a send was refused.
pub(crate) enum Refused {
    Closed(Letter),
    Otherwise(Letter),
}

impl From<SendError<Letter>> for Refused {
    fn from(error: SendError<Letter>) -> Refused {
        match error {
            SendError::Closed(letter, _) => Refused::Closed(letter),
            other => Refused::Otherwise(other.into_message()),
        }
    }
}

impl From<TrySendError<Letter>> for Refused {
    fn from(error: TrySendError<Letter>) -> Refused {
        match error {
            TrySendError::Closed(letter, _) => Refused::Closed(letter),
            other => Refused::Otherwise(other.into_message()),
        }
    }
}

impl Friend {
    /// For those who belong to nobody.
    pub(crate) fn of_nobody(addr: &Addr<Letter>) -> Friend {
        Friend {
            name: addr.name().to_owned(),
            addr: addr.clone(),
            is_of_the_ring: false,
            is_waited_for: false,
            kind: Kind::Work,
            fails_every: 0,
        }
    }

    fn send(&self, number: Number) -> Result<(), Refused> {
        let letter = Letter { number, reply: None };
        match (number.way, self.is_waited_for) {
            (Way::Urgent, true) => self.addr.send_urgent(letter)?,
            (Way::Urgent, false) => self.addr.try_send_urgent(letter)?,
            (_, true) => self.addr.send(letter)?,
            (_, false) => self.addr.try_send(letter)?,
        }
        Ok(())
    }
}

impl Player {
    pub(super) fn pass_on(&self, way: Way, to: impl Fn(&Friend) -> bool) {
        for friend in self.friends().filter(|&friend| to(friend)) {
            let number = self.number_for(friend, way);
            self.note(friend, number, friend.send(number).err());
        }
    }

    pub(super) fn friends(&self) -> impl Iterator<Item = &Friend> {
        self.feeds.iter().chain(&self.to_children)
    }

    pub(super) fn number_for(&self, friend: &Friend, way: Way) -> Number {
        let place = self.sends.fetch_add(1, Ordering::Relaxed);
        let kind = match place.checked_rem(friend.fails_every) {
            Some(0) if self.curtain.rises.is_set() => {
                [Kind::Fail, Kind::Panic][place as usize / 2 % 2]
            }
            _ if friend.kind == Kind::Pass && place % 4 == 1 => Kind::Ask,
            _ if friend.kind == Kind::Pass && place % 8 == 2 => Kind::Time,
            _ => friend.kind,
        };
        Number { sender: self.me, place, way, kind }
    }

    /// The number of what it sends next, where it is of no matter to whom.
    pub(crate) fn next_number(&self, way: Way, kind: Kind) -> Number {
        let place = self.sends.fetch_add(1, Ordering::Relaxed);
        Number { sender: self.me, place, way, kind }
    }

    pub(crate) fn note(&self, friend: &Friend, number: Number, refused: Option<Refused>) {
        let mut book = self.book.lock().unwrap();
        book.sent.push((friend.name.clone(), number, refused.is_none()));
        if let Some(Refused::Closed(letter) | Refused::Otherwise(letter)) = &refused {
            assert_eq!(letter.number, number, "another's message");
        }
        if let Some(Refused::Closed(_)) = refused {
            book.closed.push((friend.name.clone(), friend.is_waited_for));
        }
    }
}
