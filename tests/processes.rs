//! What only whole processes show: those that are signalled and killed, and the examples, run as a user runs them.
//!
//! One program for all of these files, as `contract.rs` is; `cargo test --test processes signals::` runs one of them.
#![cfg(unix)]

mod child;
#[path = "support/dice.rs"]
mod dice;
#[path = "support/drain.rs"]
mod drain;
#[path = "support/examples.rs"]
mod support;

mod signals;
mod examples;
mod pipeline;
mod thumbnails;
mod toolkit_examples;
mod access_log;
mod log;
