//! What the larger examples have in common: how a command line is refused, and how the log looks.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process;
use std::time::Instant;

use exeunt_view::Writer;

/// Ends the program, which says its name first, before any work has begun.
pub(crate) fn refuse(program: &str, error: &dyn Display) -> ! {
    // Not `eprintln`, which panics if nobody listens.
    let _ = writeln!(io::stderr(), "{program}: {error}");
    process::exit(2)
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
