//! What all write down.

use std::sync::{Arc, Mutex};

use super::Letter;
use crate::programs_at_random::papers::Edition;
use crate::programs_at_random::program::Number;
use crate::programs_at_random::routes::Routed;

/// What one who sends knows of what it sent: to whom, what, and whether it was accepted.
pub(crate) type Account = Vec<(String, Number, bool)>;

/// How asks ended: who was asked, what, and what came back; if nothing, whether the question was accepted.
pub(crate) type Asked = Vec<(String, Number, Result<Number, bool>)>;

/// What one actor, all of its incarnations and threads together, has seen, and what it has sent.
#[derive(Default, Debug)]
pub(crate) struct Book {
    pub(crate) handled: Vec<Number>,
    pub(crate) failed: Vec<Number>,
    pub(crate) returned: Vec<Number>,
    pub(crate) sent: Account,
    /// By whom its sends were refused because the mailbox was closed, and whether it may have waited for room there.
    pub(crate) closed: Vec<(String, bool)>,
    /// How often it asked somebody who was to answer later, and how those asks ended.
    pub(crate) asked: usize,
    pub(crate) heard: Asked,
    /// What its timers were to bring once, and what those brought that tick.
    pub(crate) timed: Vec<Number>,
    pub(crate) ticks: Vec<Number>,
    pub(crate) published: Vec<Edition>,
    pub(crate) routed: Vec<Routed>,
    /// What it has sent to all at once.
    pub(crate) told: Vec<Number>,
    /// How often it has failed without a message.
    pub(crate) tripped: u64,
    /// How many incarnations, of a pool those of each thread, had spawned their children before the drain began.
    pub(crate) early_families: usize,
    /// Whether it has stopped in its turn.
    pub(crate) has_had_its_turn: bool,
    /// Whether its `stopped` hook was called, and how often a handler after that.
    pub(crate) is_stopped: bool,
    pub(crate) called_after_its_end: u32,
}

impl Book {
    /// All that has come, however it came out.
    pub(crate) fn seen(&self) -> Vec<Number> {
        [&self.handled[..], &self.failed, &self.returned].concat()
    }
}

pub(crate) type Shared = Arc<Mutex<Book>>;

pub(crate) fn returned_to(book: &Shared) -> impl FnMut(Letter) + Send + use<> {
    let book = Arc::clone(book);
    move |letter| book.lock().unwrap().returned.push(letter.number)
}
