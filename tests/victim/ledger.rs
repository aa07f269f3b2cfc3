//! A ledger that the victim's own code keeps, to hold the library's report against: what was
//! offered to each actor, and what became of it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use exeunt::{Addr, SendError};

/// What is sent: by whom, and which of its messages to this actor it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) from: u64,
    pub(crate) number: u64,
}

/// One actor's page.
#[derive(Default)]
pub(crate) struct Account {
    /// Written by those who send to it.
    offered: AtomicU64,
    accepted: AtomicU64,
    refused: AtomicU64,
    /// Written by the actor.
    pub(crate) entered: AtomicU64,
    pub(crate) handled: AtomicU64,
    pub(crate) failed: AtomicU64,
    /// Written by the dead-letter hook.
    pub(crate) returned: AtomicU64,
}

/// Counts one.
pub(crate) fn count(number: &AtomicU64) -> u64 {
    number.fetch_add(1, Ordering::SeqCst) + 1
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [entered, handled, failed] =
            [&self.entered, &self.handled, &self.failed].map(|n| n.load(Ordering::SeqCst));
        for (name, number) in [
            ("accepted", &self.accepted),
            ("refused", &self.refused),
            ("offered", &self.offered),
            ("returned", &self.returned),
        ] {
            write!(f, "{name}={} ", number.load(Ordering::SeqCst))?;
        }
        let in_hand = entered - handled - failed;
        write!(f, "handled={handled} failed={failed} in_hand={in_hand}")
    }
}

/// The pages of all actors.
#[derive(Default)]
pub(crate) struct Ledger {
    accounts: Vec<(String, Arc<Account>)>,
}

impl Ledger {
    pub(crate) fn open(&mut self, name: &str) -> Arc<Account> {
        let account = Arc::new(Account::default());
        self.accounts.push((name.to_owned(), Arc::clone(&account)));
        account
    }

    pub(crate) fn say(&self) {
        for (name, account) in &self.accounts {
            crate::facts::say(format_args!("ledger {name} {account}"));
        }
    }
}

/// An address, with who sends and a pen for the page of who receives.
pub(crate) struct Port {
    to: Addr<Item>,
    account: Arc<Account>,
    next: Item,
}

impl Port {
    /// `from` must be nobody else's.
    pub(crate) fn new(to: &Addr<Item>, account: &Arc<Account>, from: u64) -> Port {
        Port { to: to.clone(), account: Arc::clone(account), next: Item { from, number: 1 } }
    }

    /// Sends the next item, and waits for room.
    pub(crate) fn send(&mut self) -> Result<(), SendError<Item>> {
        count(&self.account.offered);
        match self.to.send(self.next) {
            Ok(()) => {
                count(&self.account.accepted);
                self.next.number += 1;
                Ok(())
            }
            Err(error) => {
                count(&self.account.refused);
                Err(error)
            }
        }
    }
}
