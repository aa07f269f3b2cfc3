//! What is told to all at once, and what is written down of it: the same as if it had been sent to each.

use exeunt::{Addr, Broadcast};

use super::actors::{Friend, Letter, Player, Refused};
use super::program::{Kind, Number, Way};

/// By whom it was refused, and by whom not.
pub(crate) fn tell(to: Vec<Addr<Letter>>, number: Number) -> Vec<(String, Option<Refused>)> {
    let Ok(broadcast) = Broadcast::new(to) else { return Vec::new() };
    let all = broadcast.members().iter().map(|member| member.name().to_owned());
    let mut all: Vec<(String, Option<Refused>)> = all.map(|name| (name, None)).collect();
    match broadcast.send(Letter { number, reply: None }) {
        Ok(accepted) => assert_eq!(accepted, all.len(), "{number:?}"),
        Err(error) => {
            assert_eq!(error.accepted() + error.refused().len(), all.len(), "{number:?}");
            for (by, error) in error.into_refused() {
                let one = all.iter_mut().find(|(name, _)| name == by.name()).unwrap();
                one.1 = Some(error.into());
            }
        }
    }
    all
}

impl Player {
    pub(crate) fn tell(&self, is_goodbye: bool) {
        let is_meant =
            |friend: &&Friend| friend.is_waited_for && !(is_goodbye && friend.is_of_the_ring);
        let friends: Vec<&Friend> = self.feeds.iter().filter(is_meant).collect();
        if friends.is_empty() {
            return;
        }
        let number = self.next_number(Way::Ordinary, Kind::Work);
        let told = tell(friends.iter().map(|friend| friend.addr.clone()).collect(), number);
        for (friend, (_, refused)) in friends.into_iter().zip(told) {
            self.note(friend, number, refused);
        }
        self.book.lock().unwrap().told.push(number);
    }
}
