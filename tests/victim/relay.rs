//! The actor of all scenarios: keeps its page of the ledger, does what it was told to do with a
//! message, and sends another one on.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use exeunt::{Actor, Context};

use crate::facts::{say, wait_for_a_word};
use crate::ledger::{Account, Item, Port, count};

/// What it does with a message before it sends one on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    /// Takes so long, and cannot be interrupted.
    Take(Duration),
    /// Tells the parent, and then keeps a processor busy for so long; the time in which the process
    /// was stopped does not count.
    Compute(Duration),
    /// Tells the parent, and never returns.
    Stick,
    /// As `Stick`, with the lock of standard output and of standard error.
    StickWithOutput,
    /// Fails on the message of this number.
    FailAt(u64),
    /// Takes a moment, and fails on the first message after the drain has begun.
    FailInDrain,
}

pub(crate) struct Relay {
    pub(crate) account: Arc<Account>,
    pub(crate) work: Work,
    /// Takes turns.
    pub(crate) to: Vec<Port>,
    /// Says how far it is, every so many messages.
    pub(crate) progress_every: Option<u64>,
    /// Does not leave before the parent says a word.
    pub(crate) is_held: bool,
    /// Fails when it has handled everything.
    pub(crate) fails_at_the_end: bool,
    pub(crate) seen: HashMap<u64, u64>,
}

impl Relay {
    pub(crate) fn new(account: &Arc<Account>, work: Work) -> Relay {
        Relay {
            account: Arc::clone(account),
            work,
            to: Vec::new(),
            progress_every: None,
            is_held: false,
            fails_at_the_end: false,
            seen: HashMap::new(),
        }
    }

    pub(crate) fn to(self, port: Port) -> Relay {
        let mut to = self.to;
        to.push(port);
        Relay { to, ..self }
    }

    /// The hook that keeps the page of what comes back.
    pub(crate) fn bury(account: &Arc<Account>) -> impl FnMut(Item) + Send + 'static {
        let account = Arc::clone(account);
        move |_item| {
            count(&account.returned);
        }
    }

    /// Messages of one sender come in the order in which they were sent, and none is skipped.
    fn check_order(&mut self, item: Item, name: &str) {
        let before = self.seen.insert(item.from, item.number).unwrap_or(0);
        if item.number != before + 1 {
            say(format_args!("disorder: {name} got {item:?} after {before}"));
        }
    }

    fn do_the_work(&self, number: u64, cx: &Context<Relay>) -> exeunt::Result {
        let name = cx.name();
        match self.work {
            Work::Take(time) if time.is_zero() => {}
            Work::Take(time) => thread::sleep(time),
            Work::Compute(time) => {
                say(format_args!("handles {number}"));
                compute(time);
            }
            Work::Stick => stick(name),
            Work::StickWithOutput => {
                let _locks = (std::io::stdout().lock(), std::io::stderr().lock());
                stick(name);
            }
            Work::FailAt(at) if number >= at => return Err(exeunt::Error::msg("as it was told")),
            Work::FailInDrain if cx.system().is_draining() => {
                return Err(exeunt::Error::msg("as it was told, in the drain"));
            }
            Work::FailInDrain => thread::sleep(Duration::from_millis(10)),
            Work::FailAt(_) => {}
        }
        Ok(())
    }
}

/// Says so, and never returns.
pub(crate) fn stick(name: &str) -> ! {
    say(format_args!("stuck {name}"));
    loop {
        thread::park();
    }
}

fn compute(time: Duration) {
    let mut computed = Duration::ZERO;
    let mut last = Instant::now();
    while computed < time {
        let now = Instant::now();
        // A longer step is one in which others had the processor.
        computed += (now - last).min(Duration::from_millis(1));
        last = now;
    }
}

impl Actor for Relay {
    type Msg = Item;

    fn handle(&mut self, item: Item, cx: &mut Context<Self>) -> exeunt::Result {
        let number = count(&self.account.entered);
        self.check_order(item, cx.name());
        let result = self.do_the_work(number, cx).and_then(|()| {
            let turn = usize::try_from(number)? % self.to.len().max(1);
            match self.to.get_mut(turn) {
                Some(port) => Ok(port.send()?),
                None => Ok(()),
            }
        });
        count(match result {
            Ok(()) => &self.account.handled,
            Err(_) => &self.account.failed,
        });
        if self.progress_every.is_some_and(|every| number % every == 0) {
            say(format_args!("progress {number}"));
        }
        result
    }

    fn stopped(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        if self.is_held {
            say(format_args!("held {}", cx.name()));
            wait_for_a_word();
        }
        if self.fails_at_the_end {
            return Err(exeunt::Error::msg("as it was told, at the end"));
        }
        Ok(())
    }
}
