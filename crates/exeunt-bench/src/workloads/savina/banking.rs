//! A teller has accounts pay each other; one that pays does nothing else until the other has confirmed.

use std::collections::VecDeque;

use super::{Random, Send, boxed, checked};
use crate::contender::Contender;
use crate::measure::Outcome;
use crate::troupe::{Message, Scene, play};

const ACCOUNTS: usize = 1000;
/// The accounts are 0 to 999.
const TELLER: usize = ACCOUNTS;

const BALANCE: u64 = 1_000_000_000;

const GO: u64 = 0;
/// To whom, and how much.
const PAY: u64 = 1;
/// From whom, and how much.
const RECEIVE: u64 = 2;
const CONFIRM: u64 = 3;
const STOP: u64 = 4;

pub(crate) fn run<C: Contender>(transfers: u64) -> Outcome {
    let account = |me| boxed(Account { me, balance: BALANCE, pays: false, stash: VecDeque::new() });
    let mut scenes: Vec<_> = (0..ACCOUNTS).map(account).collect();
    scenes.push(boxed(Teller { transfers, confirmed: 0, random: Random(123_456) }));
    // All the money there was, and a confirmation for each transfer.
    let expected = ACCOUNTS as u64 * BALANCE + transfers;
    checked(play::<C>(scenes, |all| C::send(&all[TELLER], Message::of(GO).pack())), expected)
}

struct Teller {
    transfers: u64,
    confirmed: u64,
    random: Random,
}

impl Teller {
    /// From an account to a later one: so they cannot all wait for each other.
    fn transfer(&mut self, send: Send<'_>) {
        let from = self.random.below(ACCOUNTS / 10 * 8);
        let to = from + self.random.below(ACCOUNTS - from).max(1);
        let cents = (self.random.fraction() * 1000.0 * 100.0) as u64;
        send(from, Message { kind: PAY, who: to, value: cents });
    }
}

impl Scene for Teller {
    fn take(&mut self, message: Message, send: Send<'_>) -> Option<u64> {
        if message.kind == GO {
            (0..self.transfers).for_each(|_| self.transfer(send));
            return None;
        }
        self.confirmed += 1;
        if self.confirmed < self.transfers {
            return None;
        }
        (0..ACCOUNTS).for_each(|account| send(account, Message::of(STOP)));
        Some(self.confirmed)
    }
}

struct Account {
    me: usize,
    balance: u64,
    /// It waits for the other's word, and puts all else aside.
    pays: bool,
    stash: VecDeque<Message>,
}

impl Account {
    fn transact(&mut self, message: Message, send: Send<'_>) {
        let Message { kind, who, value } = message;
        if kind == PAY {
            // More may go out before more has come in.
            self.balance = self.balance.wrapping_sub(value);
            self.pays = true;
            send(who, Message { kind: RECEIVE, who: self.me, value });
        } else {
            self.balance = self.balance.wrapping_add(value);
            send(who, Message::of(CONFIRM));
        }
    }

    fn go_on(&mut self, send: Send<'_>) {
        self.pays = false;
        send(TELLER, Message::of(CONFIRM));
        while let Some(message) = (!self.pays).then(|| self.stash.pop_front()).flatten() {
            self.transact(message, send);
        }
    }
}

impl Scene for Account {
    fn take(&mut self, message: Message, send: Send<'_>) -> Option<u64> {
        match message.kind {
            STOP => return Some(self.balance),
            CONFIRM => self.go_on(send),
            _ if self.pays => self.stash.push_back(message),
            _ => self.transact(message, send),
        }
        None
    }
}
