//! What the larger examples have in common: how a command line is refused, how the log looks, and how a result is said.
#![allow(dead_code)] // each program takes its own part of it

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process;
use std::time::Instant;

use exeunt_view::Writer;

/// Ends the program, which says its name first, before any work has begun.
pub(crate) fn refuse(error: &dyn Display) -> ! {
    leave(error, 2)
}

/// Says what was asked for instead of any work, and ends the program.
pub(crate) fn help(text: &str) -> ! {
    match print(text) {
        Ok(()) => process::exit(0),
        Err(error) => leave(&error, 1),
    }
}

fn leave(error: &dyn Display, status: i32) -> ! {
    let told = format!("{}: {error}\n", env!("CARGO_BIN_NAME"));
    // Not `eprintln`, which panics if nobody listens; and in one piece, since others may be writing to the log.
    let _ = io::stderr().write_all(told.as_bytes());
    process::exit(status)
}

/// One line per event, with the time since the start, so that what happens can be followed: on standard error,
/// above the live lines if there are any.
pub(crate) fn log_to_stderr() {
    let start = Instant::now();
    let filter = env_logger::Env::default().default_filter_or("info");
    env_logger::Builder::from_env(filter)
        .target(env_logger::Target::Pipe(Box::new(Writer::new())))
        .format(move |line, record| {
            let seconds = start.elapsed().as_secs_f64();
            writeln!(line, "{seconds:9.3} {:<5} {}", record.level(), record.args())
        })
        .init();
}

/// Says what was found.
pub(crate) fn print(text: &str) -> Result<(), String> {
    match io::stdout().write_all(text.as_bytes()) {
        // Who reads only the first lines has what they wanted.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("standard output: {error}"))
        }
        _ => Ok(()),
    }
}
