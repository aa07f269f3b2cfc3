//! The protocols of [`exeunt`](https://docs.rs/exeunt), gone through step by step in every order there is.
//!
//! `code`, a module of tests, is code of exeunt itself under [loom](https://docs.rs/loom): the event, those who
//! wait without a thread, and the bell, in every order that the memory model allows.
//!
//! [`closing`] is the protocol of `exeunt/src/mailbox.md`, one transition for each operation on what the threads
//! share, explored by [stateright](https://docs.rs/stateright): all states, and so all interleavings, and the
//! shortest way to whatever is wrong. Each guard of a protocol can be taken out of its model, and the tests want
//! the checker to find what it is there for: a guard that is not missed is not checked.

pub mod protocol;
pub mod closing;
pub mod drain;
#[cfg(test)]
mod code;
