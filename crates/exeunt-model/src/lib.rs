//! The protocols of [`exeunt`](https://docs.rs/exeunt), gone through step by step in every order there is.
//!
//! `code`, a module of tests, is code of exeunt itself under [loom](https://docs.rs/loom): the event, those who
//! wait without a thread, the queue of a mailbox, how its reader sleeps, and how senders wait for room in it, in every
//! order that the memory model allows, up to a bound of preemptions.
//!
//! [`closing`] is the protocol of `exeunt/src/mailbox.md`, [`drain`] that of the conductor, [`restarting`] how
//! actors begin anew while a drain comes, [`leaving`] how the threads of a pool, and daemons, let go of their
//! mailboxes, and [`deserted`] how a pool ends that nobody can reach: one transition for each operation on what the
//! threads share, explored by [stateright](https://docs.rs/stateright), so all states and all interleavings, and the
//! shortest way to whatever is wrong. [`litmus`] asks the memory model of the language about the few operations that
//! stand on more than locks.
//!
//! Each guard can be taken out, and the tests want it to be missed: a guard that is not missed is not checked. The
//! README beside this crate says what is abstracted from, and where model and code have to change together.

pub mod protocol;
mod figures;
pub mod closing;
pub mod drain;
pub mod leaving;
pub mod deserted;
pub mod restarting;
pub mod litmus;
#[cfg(test)]
mod code;
