//! A program with a life of its own that embeds a system: it has its own main loop, its own error
//! type, and no signal is taken over (Ctrl-C ends it as it ends any program).
//!
//! The program is a small account book, which reads commands from standard input; the book is kept
//! by an actor.
//!
//! ```text
//! printf 'pay 30\npay 12\nbalance\nwho\n' | cargo run --example embed
//! ```

use std::fmt;
use std::io::{self, BufRead, Write};
use std::num::ParseIntError;
use std::process::ExitCode;
use std::time::Duration;

use exeunt::{Actor, Addr, AskError, Context, Reply, SendError, Status, System};

// The actor.

enum Account {
    Pay(i64),
    Balance(Reply<i64>),
}

#[derive(Default)]
struct Ledger {
    balance: i64,
}

impl Actor for Ledger {
    type Msg = Account;

    fn handle(&mut self, message: Account, _cx: &mut Context<Self>) -> exeunt::Result {
        match message {
            Account::Pay(amount) => self.balance = self.balance.saturating_add(amount),
            Account::Balance(reply) => {
                // An asker that has given up is no reason to fail.
                let _ = reply.send(self.balance);
            }
        }
        Ok(())
    }
}

// The program around it.

fn main() -> ExitCode {
    let mut system = System::new("account");
    let ledger = system.spawn("ledger", Ledger::default());

    let ended = serve(&system, &ledger);

    // Whatever became of the loop: what has been paid is booked before the program ends.
    let report = system.shutdown();
    let _ = write!(io::stderr(), "{report}");
    match ended {
        Ok(()) if report.status() == Status::Success => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "embed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The main loop, which knows nothing of actors.
fn serve(system: &System, ledger: &Addr<Account>) -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        match execute(&line.map_err(of("standard input"))?, system, ledger) {
            Ok(Some(answer)) => say(&answer)?,
            Ok(None) => break,
            Err(error) => say(&format!("? {error}"))?,
        }
    }
    Ok(())
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}").map_err(of("standard output"))
}

/// An error that says what it is of.
fn of(what: &str) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// Executes one command; `None` is the wish to leave.
fn execute(
    line: &str,
    system: &System,
    ledger: &Addr<Account>,
) -> Result<Option<String>, CommandError> {
    let words: Vec<&str> = line.split_whitespace().collect();
    Ok(Some(match words[..] {
        ["pay", amount] => {
            ledger.send(Account::Pay(amount.parse()?))?;
            "noted".to_owned()
        }
        ["balance"] => {
            let balance = ledger.ask_timeout(Account::Balance, Duration::from_secs(1))?;
            format!("balance {balance}")
        }
        ["who"] => {
            let lines = system.snapshot().into_iter().map(|actor| {
                let (name, state) = (actor.name, actor.state);
                let (handled, queued) = (actor.handled, actor.queued);
                format!("{name}: {state:?}, {handled} handled, {queued} queued")
            });
            lines.collect::<Vec<_>>().join("\n")
        }
        ["quit"] => return Ok(None),
        _ => return Err(CommandError::Unknown),
    }))
}

/// The program's own error type: those of the system are turned into it like any other.
#[derive(Debug)]
enum CommandError {
    Unknown,
    Amount(ParseIntError),
    NotNoted(SendError<Account>),
    NoBalance(AskError<Account>),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandError::Unknown => f.write_str("pay AMOUNT, balance, who, or quit"),
            CommandError::Amount(error) => write!(f, "not an amount: {error}"),
            CommandError::NotNoted(error) => write!(f, "not noted: {error}"),
            CommandError::NoBalance(error) => write!(f, "no balance: {error}"),
        }
    }
}

impl std::error::Error for CommandError {}

impl From<ParseIntError> for CommandError {
    fn from(error: ParseIntError) -> CommandError {
        CommandError::Amount(error)
    }
}

impl From<SendError<Account>> for CommandError {
    fn from(error: SendError<Account>) -> CommandError {
        CommandError::NotNoted(error)
    }
}

impl From<AskError<Account>> for CommandError {
    fn from(error: AskError<Account>) -> CommandError {
        CommandError::NoBalance(error)
    }
}
