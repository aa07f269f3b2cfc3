//! What nobody chose: threads, moments and programs at random, held to the clauses of the contract.
//!
//! Apart from the other tests, since these keep all cores busy. `cargo test --test at_random stress::` runs one file of them.

mod support;

mod stress;
mod asleep;
mod crowd;
mod restarts_at_random;
mod programs_at_random;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod held_up;
