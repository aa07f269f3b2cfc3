//! What holds within one process: the clauses of the contract that need no signal, and all that one uses beside them.
//!
//! One program for all of these files, since it is compiled and linked once, and its threads have something to test until
//! the end. `cargo test --test contract order::` runs the tests of one file, and no test may depend on another: what a
//! process has only once (the signals, see `support::signals`) is taken in turns.

mod support;
#[path = "support/troupe.rs"]
mod troupe;

mod messages;
mod order;
mod rings;
mod deadlines;
mod other_systems;
mod on_stopping;
mod failures;
mod supervision;
mod acceptance;
mod report;
mod namesakes;
mod input;
mod overflow;
mod urgent;
mod routing;
mod family;
mod family_asks;
mod handles;
mod waiting;
mod standing;
mod futures;
mod topic;
mod pools;
mod pool_families;
mod dead_letters;
mod watchdog;
mod review;
mod api;
mod tidy;
