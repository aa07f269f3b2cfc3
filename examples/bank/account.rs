//! [`Account`]: what it takes in, and what it passes on.

use std::sync::mpsc;
use std::time::Duration;

use exeunt::{Actor, Addr, Context, Reply};

use crate::random::Xorshift;

/// What an account is told.
pub(crate) enum Msg {
    /// To pay somebody, if there is enough.
    Pay { to: usize, amount: u64 },
    /// Somebody has paid. On its way the money is in nobody's account, but in this message.
    Receive { amount: u64 },
    /// To say how it stands.
    Statement(Reply<Statement>),
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Statement {
    pub(crate) balance: u64,
    /// Payments that it made.
    pub(crate) paid: u64,
    /// Those of which the money came back, since the mailbox was full or closed.
    pub(crate) came_back: u64,
    /// Those for which there was not enough.
    pub(crate) declined: u64,
}

/// Where money is when all is over.
pub(crate) enum Closing {
    /// In an account.
    Account { number: usize, last: Statement },
    /// In a message that nobody has handled.
    Undelivered(u64),
}

/// Pays whom it is told to pay; and of all that it receives it spends a half at once, at somebody's.
/// So one payment leads to others, smaller and smaller ones, and there is money under way at almost
/// any moment.
pub(crate) struct Account {
    pub(crate) number: usize,
    pub(crate) state: Statement,
    /// Everybody, itself too.
    pub(crate) everybody: Vec<Addr<Msg>>,
    pub(crate) pace: Duration,
    pub(crate) is_thief: bool,
    pub(crate) random: Xorshift,
    pub(crate) closing: mpsc::Sender<Closing>,
}

impl Actor for Account {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, cx: &mut Context<Self>) -> exeunt::Result {
        if !self.pace.is_zero() {
            // Past the deadline this ends at once, and the message in hand is still handled.
            let _ = cx.sleep(self.pace);
        }
        match msg {
            Msg::Pay { amount, .. } if amount > self.state.balance => self.state.declined += 1,
            Msg::Pay { to, amount } => self.pay(to, amount),
            Msg::Receive { amount } => {
                self.state.balance += amount;
                self.spend(amount / 2);
            }
            Msg::Statement(reply) => {
                // An asker that has gone is no reason to fail.
                let _ = reply.send(self.state);
            }
        }
        Ok(())
    }

    fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
        Ok(self.closing.send(Closing::Account { number: self.number, last: self.state })?)
    }
}

impl Account {
    fn spend(&mut self, amount: u64) {
        if amount > 0 {
            let to = other_than(self.number, self.everybody.len(), &mut self.random);
            self.pay(to, amount);
        }
    }

    /// Pays without waiting for room: where all pay each other, each could wait for the next and
    /// nobody would ever have any. A payment goes ahead of what is still to be paid, so that it finds
    /// room almost always; and one that does not is given back, with the money in it.
    fn pay(&mut self, to: usize, amount: u64) {
        self.state.balance -= amount;
        match self.everybody[to].try_send_urgent(Msg::Receive { amount }) {
            Ok(()) => self.state.paid += 1,
            Err(_money) => {
                self.state.balance += amount;
                self.state.came_back += 1;
            }
        }
        if self.is_thief && self.state.balance > 0 {
            self.state.balance -= 1;
        }
    }
}

/// One of the first `count` accounts, but not this one.
pub(crate) fn other_than(this: usize, count: usize, random: &mut Xorshift) -> usize {
    let step = 1 + random.below(count as u64 - 1) as usize;
    (this + step) % count
}
