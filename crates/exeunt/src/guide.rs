//! Pages that begin with what one wants to do.
//!
//! Each has one program that is whole and runs, and then the edges: what is promised, what is not, the
//! units, the errors. What is promised, word by word, is in the [contract](crate::contract).
//!
//! | I want to… | page |
//! |---|---|
//! | do it with the threads, the flag and the channels that I have | [`threads`] |
//! | have it in a window, an async program or a library, with a `main` of their own | [`embedding`] |
//! | restart an actor that has failed | [`supervision`] |
//! | have one worker for each connection, job or customer | [`children`] |
//! | do something later, or every so often | [`time`] |
//! | wait for a device or another library's channel, too | [`channels`] |
//! | say what happens when it cannot keep up | [`full`] |
//! | use more than one thread for it | [`pools`] |
//! | have an answer | [`asking`] |
//! | let them talk to each other | [`cycles`] |
//! | test it | [`testing`] |
//! | know what is going on in there | [`wrong`] |
//! | have stages in a row, with a ledger and checkpoints | the crate [exeunt-pipeline](https://docs.rs/exeunt-pipeline) |
//! | watch it, and its drain | the crate [exeunt-view](https://docs.rs/exeunt-view) |
//! | hold my own actors to the promise, with signals at random moments | the crate [exeunt-chaos](https://docs.rs/exeunt-chaos) |
//! | find what I know from OTP, actix, kameo, ractor, tonari-actor or SObjectizer | [`coming_from`] |
//!
//! How to begin is on the [first page](crate) of the documentation: an actor, a system, a drain.

#[doc = include_str!("guide/threads.md")]
pub mod threads {}

#[doc = include_str!("guide/embedding.md")]
pub mod embedding {}

#[doc = include_str!("guide/supervision.md")]
pub mod supervision {}

#[doc = include_str!("guide/children.md")]
pub mod children {}

#[doc = include_str!("guide/time.md")]
pub mod time {}

#[doc = include_str!("guide/channels.md")]
pub mod channels {}

#[doc = include_str!("guide/full.md")]
pub mod full {}

#[doc = include_str!("guide/pools.md")]
pub mod pools {}

#[doc = include_str!("guide/asking.md")]
pub mod asking {}

#[doc = include_str!("guide/cycles.md")]
pub mod cycles {}

#[doc = include_str!("guide/testing.md")]
pub mod testing {}

#[doc = include_str!("guide/wrong.md")]
pub mod wrong {}

#[doc = include_str!("guide/coming_from.md")]
pub mod coming_from {}
