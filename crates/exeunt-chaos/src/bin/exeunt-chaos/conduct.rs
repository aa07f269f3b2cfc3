//! What an actor does with a message: its work, and what it was asked to do wrong.

use std::fs::File;
use std::io::{self, Write as _};
use std::thread;
use std::time::Duration;

use exeunt::Restart;
use exeunt_chaos::{Fault, Limits, Part};

/// What somebody does with each message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Conduct {
    /// Takes so long.
    Works(Duration),
    /// Panics on every so many.
    PanicsEvery(u64),
    /// Fails on this one and those after it.
    FailsAt(u64),
    /// Never comes back from this one.
    BlocksAt(u64),
    /// Writes a line to a disk that is full.
    WritesToFullDisk,
    /// Prints a line.
    Prints,
}

impl Conduct {
    /// That of the actor at this place of so many; the last is the sink, which is the slow one, so that
    /// what is before it has something to flush.
    pub(crate) fn of(part: &Part, place: u64, places: u64) -> Conduct {
        let mut dice = part.dice().about("conduct");
        let is_sink = place + 1 == places;
        let is_chosen = dice.about("who").below(places) == place;
        let micros = Duration::from_micros;
        match part.fault {
            Fault::Panics => Conduct::PanicsEvery(7 + dice.about("often").below(30) + place),
            Fault::Failure if is_chosen => Conduct::FailsAt(1 + dice.below(200)),
            Fault::Blocked if is_chosen => Conduct::BlocksAt(1 + dice.below(100)),
            Fault::Slow => Conduct::Works(micros(dice.below(3_000))),
            Fault::FullDisk if is_sink => Conduct::WritesToFullDisk,
            Fault::ClosedOutput if is_sink => Conduct::Prints,
            _ if is_sink => Conduct::Works(micros(200)),
            _ => Conduct::Works(Duration::ZERO),
        }
    }

    /// Does it to the message of this number.
    pub(crate) fn act(self, number: u64) -> exeunt::Result {
        match self {
            Conduct::Works(Duration::ZERO) => {}
            Conduct::Works(time) => thread::sleep(time),
            Conduct::PanicsEvery(every) if number % every == 0 => panic!("as it was told"),
            Conduct::FailsAt(at) if number >= at => {
                return Err(exeunt::Error::msg("as it was told"));
            }
            Conduct::BlocksAt(at) if number == at => never(),
            Conduct::WritesToFullDisk => {
                File::options().write(true).open("/dev/full")?.write_all(b"a line\n")?;
            }
            Conduct::Prints => {
                let mut stdout = io::stdout().lock();
                writeln!(stdout, "a line")?;
            }
            Conduct::PanicsEvery(_) | Conduct::FailsAt(_) | Conduct::BlocksAt(_) => {}
        }
        Ok(())
    }
}

pub(crate) fn never() -> ! {
    loop {
        thread::park();
    }
}

/// Who panics is restarted; whether who cannot write is, is thrown.
pub(crate) fn restart(part: &Part) -> Restart {
    let tireless = Restart::on_failure().intensity(u32::MAX, Duration::from_secs(1));
    let is_thrown = part.dice().about("restart").below(2) == 0;
    match part.fault {
        Fault::Panics => tireless,
        Fault::FullDisk | Fault::ClosedOutput if is_thrown => tireless,
        _ => Restart::never(),
    }
}

/// Generous, unless somebody is to meet them.
pub(crate) fn limits(fault: Fault) -> Limits {
    let millis = Duration::from_millis;
    match fault {
        Fault::Blocked => Limits { budget: millis(400), stall: millis(100), grace: millis(100) },
        _ => Limits { budget: millis(30_000), stall: millis(10_000), grace: millis(2_000) },
    }
}
