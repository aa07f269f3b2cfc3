//! Facts for the parent: each a line, each one write to a socket that the parent reads.
//!
//! A socket of its own and not standard output, since that may be a terminal, be shared with
//! wrappers, or be held by a thread that is stuck; and since the parent can answer through it.

use std::fmt::Display;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;

fn line() -> Option<&'static UnixStream> {
    static LINE: OnceLock<Option<UnixStream>> = OnceLock::new();
    LINE.get_or_init(|| {
        let path = std::env::var_os("VICTIM_FACTS")?;
        match UnixStream::connect(&path) {
            Ok(line) => Some(line),
            Err(error) => panic!("{path:?}: {error}"),
        }
    })
    .as_ref()
}

/// Tells the parent. Without one, standard output does, so that a scenario can be tried by hand.
pub(crate) fn say(fact: impl Display) {
    let fact = format!("{fact}\n");
    match line() {
        // A parent that has gone away needs no facts.
        Some(mut line) => drop(line.write_all(fact.as_bytes())),
        None => print!("{fact}"),
    }
}

/// Waits for a word of the parent's. Without one, there is nothing to wait for.
pub(crate) fn wait_for_a_word() {
    if let Some(mut line) = line() {
        let _ = line.read(&mut [0]);
    }
}
