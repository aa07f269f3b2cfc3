//! A bank: accounts as actors that pay each other, in a circle; and Ctrl-C at any moment.
//!
//! ```text
//! cargo run --example bank -- [--accounts N] [--transfers N|endless] [--pace TIME] [--seed N] ...
//! ```
//!
//! Everybody pays everybody, so there is nobody who could leave first:
//!
//! ```text
//! customers ─────► account-1 ◄──► account-2
//!   a task, orders     ▲    ╲  ╱     ▲
//!                      ▼    ╱  ╲     ▼
//! auditor ───────► account-4 ◄──► account-3
//!   asks, once a second
//! ```
//!
//! That is declared, and so they leave together: when all of their mailboxes are empty and all of them
//! idle, there is no money under way any more. Each says then what it has, and the sum is what it was.
//! Press Ctrl-C and see; there is time to watch with `--pace 5ms`, and `--thief` shows that the sum is
//! worth something.
//!
//! The wiring is in [`Bank::open`]; what an account does is in `account.rs`.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/random.rs"]
mod random;

mod account;
mod options;

use std::sync::mpsc;
use std::time::Duration;

use exeunt::{
    Actor, Addr, AskError, Context, Exit, Inbox, SpawnError, Status, System, TaskContext,
};

use crate::account::{Account, Closing, Msg, Statement, other_than};
use crate::common::{help, log_to_stderr, refuse};
use crate::options::Options;
use crate::random::Xorshift;

/// What each account begins with.
const OPENING_BALANCE: u64 = 10_000;

/// A customer orders up to that at a time.
const MOST_AT_A_TIME: u64 = 500;

/// How many orders wait at an account before the customers wait.
const ORDERS: usize = 8;

/// How many payments wait there before the next one is given back.
const PAYMENTS: usize = 256;

const AUDIT_EVERY: Duration = Duration::from_secs(1);

/// How long the auditor waits for a statement: it would hold up the drain with its questions.
const AUDIT_PATIENCE: Duration = Duration::from_secs(3);

fn main() -> Exit {
    let options = match options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => help(options::HELP),
        Err(error) => refuse(&error),
    };
    log_to_stderr();
    match Bank::open(&options) {
        Ok(bank) => bank.run(),
        Err(error) => refuse(&error),
    }
}

struct Bank {
    system: System,
    accounts: usize,
    closings: mpsc::Receiver<Closing>,
}

impl Bank {
    /// Who there is, and who pays whom.
    fn open(options: &Options) -> Result<Bank, SpawnError> {
        let mut system = System::new("bank");
        let (closing, closings) = mpsc::channel();

        // Nobody can be given the address of somebody who is spawned after it; so first there are the
        // mailboxes, and then those who read them.
        let mailboxes = (0..options.accounts).map(|_| exeunt::mailbox(ORDERS));
        let (everybody, inboxes): (Vec<Addr<Msg>>, Vec<Inbox<Msg>>) = mailboxes.unzip();

        for (number, inbox) in inboxes.into_iter().enumerate() {
            let undelivered = closing.clone();
            let account = Account {
                number,
                state: Statement { balance: OPENING_BALANCE, ..Statement::default() },
                everybody: everybody.clone(),
                pace: options.pace,
                is_thief: options.has_thief && number == 0,
                random: Xorshift::new(options.seed.wrapping_add(1 + number as u64)),
                closing: closing.clone(),
            };
            // That each feeds the next says that all feed each other: they leave as one.
            let next = &everybody[(number + 1) % everybody.len()];
            system
                .actor(&name_of(number))
                .inbox(inbox)
                .urgent(PAYMENTS)
                .feeds(next)
                // Should somebody meet its deadline, there may be money in what it did not handle.
                .returned(move |msg| {
                    if let Msg::Receive { amount } = msg {
                        let _ = undelivered.send(Closing::Undelivered(amount));
                    }
                })
                .spawn(account)?;
        }

        let mut auditor = system.actor("auditor");
        for account in &everybody {
            auditor = auditor.feeds(account);
        }
        auditor.spawn(Auditor { accounts: options.accounts, round: Round::default() })?;

        let mut customers = system.task("customers");
        for account in &everybody {
            customers = customers.feeds(account);
        }
        let (transfers, mut random) = (options.transfers, Xorshift::new(options.seed));
        customers.spawn(move |cx| order(cx, &everybody, transfers, &mut random))?;
        Ok(Bank { system, accounts: options.accounts, closings })
    }

    fn run(self) -> Exit {
        let exit = self.system.run();
        let (text, is_right) = settle(self.accounts, self.closings.try_iter());
        let said = common::print(&text);
        if let Err(error) = &said {
            log::error!("{error}");
        }
        match exit.status() {
            // Whatever it is of which it ended: money that is gone is worse, and so is a balance that nobody has.
            Status::Success | Status::Signal(_) if !is_right || said.is_err() => {
                exit.with_status(Status::Failure)
            }
            _ => exit,
        }
    }
}

fn name_of(number: usize) -> String {
    format!("account-{}", number + 1)
}

// customers

/// Orders one transfer after the other, from anybody to anybody, and waits where too many wait already.
/// When all are ordered the bank is closed: it would not close by itself, since those who have each
/// other's address keep each other alive.
fn order(
    cx: &TaskContext,
    accounts: &[Addr<Msg>],
    transfers: Option<u64>,
    random: &mut Xorshift,
) -> exeunt::Result {
    for _ in 0..transfers.unwrap_or(u64::MAX) {
        if cx.stopping().is_set() {
            return Ok(());
        }
        let from = random.below(accounts.len() as u64) as usize;
        let to = other_than(from, accounts.len(), random);
        let amount = 1 + random.below(MOST_AT_A_TIME);
        accounts[from].send(Msg::Pay { to, amount })?;
    }
    log::info!("all transfers are ordered");
    cx.system().shutdown();
    Ok(())
}

// auditor

/// Asks every account how it stands, once a second, and waits for nobody: the answers come as they
/// come. What they say is of different moments, so that the sum is not that of any; that is known only
/// in the end.
struct Auditor {
    accounts: usize,
    round: Round,
}

/// The answers to the questions of one moment.
#[derive(Default)]
struct Round {
    outstanding: usize,
    statements: Vec<(usize, Statement)>,
}

struct Tick;

impl Actor for Auditor {
    type Msg = Tick;

    fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        cx.send_every(AUDIT_EVERY, || Tick);
        Ok(())
    }

    fn handle(&mut self, _: Tick, cx: &mut Context<Self>) -> exeunt::Result {
        if self.round.outstanding > 0 {
            return Ok(()); // they are busy
        }
        self.round.statements.clear();
        for number in 0..self.accounts {
            // It knows them by name.
            let account: Addr<Msg> = cx.system().lookup(&name_of(number))?;
            cx.ask_then_timeout(
                &account,
                AUDIT_PATIENCE,
                Msg::Statement,
                move |auditor: &mut Auditor, answer, _cx| {
                    auditor.take(number, answer);
                    Ok(())
                },
            )?;
            self.round.outstanding += 1;
            // It may have waited for room, as the customers do.
            cx.progress();
        }
        Ok(())
    }
}

impl Auditor {
    fn take(&mut self, number: usize, answer: Result<Statement, AskError<Msg>>) {
        self.round.outstanding -= 1;
        if let Ok(statement) = answer {
            self.round.statements.push((number, statement));
        }
        if self.round.outstanding == 0 {
            self.round.say(self.accounts);
        }
    }
}

impl Round {
    fn say(&self, accounts: usize) {
        let missing = accounts - self.statements.len();
        if missing > 0 {
            log::info!("{missing} of {accounts} are too busy to say how they stand");
            return;
        }
        let payments: u64 = self.statements.iter().map(|(_, statement)| statement.paid).sum();
        let stands = self.statements.iter().map(|(number, last)| (last.balance, name_of(*number)));
        if let (Some((most, rich)), Some((least, poor))) = (stands.clone().max(), stands.min()) {
            log::info!("{payments} payments; {rich} has {most}, {poor} has {least}");
        }
    }
}

// The end.

/// Adds up what there is, and says whether it is what there was.
fn settle(accounts: usize, closings: impl Iterator<Item = Closing>) -> (String, bool) {
    let mut undelivered = 0;
    let mut last: Vec<Option<Statement>> = vec![None; accounts];
    for closing in closings {
        match closing {
            Closing::Account { number, last: statement } => last[number] = Some(statement),
            Closing::Undelivered(amount) => undelivered += amount,
        }
    }
    let mut text = String::new();
    for (number, statement) in last.iter().enumerate() {
        let balance = statement.map_or("unknown".to_owned(), |last| last.balance.to_string());
        text += &format!("{:>12} {balance:>8}\n", name_of(number));
    }
    if undelivered > 0 {
        text += &format!("{:>12} {undelivered:>8}\n", "undelivered");
    }
    let sum = |figure: fn(&Statement) -> u64| last.iter().flatten().map(figure).sum::<u64>();
    let total = sum(|last| last.balance) + undelivered;
    let expected = accounts as u64 * OPENING_BALANCE;
    text += &format!(
        "{} payments; {} came back, {} declined\n",
        sum(|last| last.paid),
        sum(|last| last.came_back),
        sum(|last| last.declined),
    );
    let sign = if total == expected { "=" } else { "≠" };
    text += &format!("total {total} {sign} {expected}\n");
    (text, total == expected)
}
