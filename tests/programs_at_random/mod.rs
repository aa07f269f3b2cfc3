//! Programs at random, against a sequential account of them: who is spawned (with which wiring, cycles
//! included, capacity, urgent lane, overflow, channel beside the mailbox, policy, groups and their strategies, deadline,
//! children and theirs, tasks among them, with policies of their own, as a daemon or not, and with how many threads; who publishes in a topic that some of those read to whom it sends, and routes to some of them), who sends what to whom and how, who is asked, who fails, who never returns, who is told to
//! stop, and when the drain begins, all of it thrown from one seed.
//!
//! Every message has a number of its own, and says by it what its handler will do. Each who sends keeps an
//! account; afterwards all accounts are held against what the handlers and the dead-letter hooks saw, and
//! against the report:
//!
//! - M1: what was accepted was seen exactly once, as the report says;
//!   what a timer was to bring was seen once, or is counted as cancelled; what was published was seen by as many as its topic
//!   says, what was routed by one of the members, what was told to all by each who had accepted it;
//! - M2: what was refused came back, and was seen never;
//! - M3: what one sender sent to one actor was handled in its order, in each lane, from each channel and in each topic; what has
//!   one key goes to one;
//! - M5: every ask ended, with the answer to its own question if with one at all, also by way of a router; who came to a good end had heard of all that it
//!   had asked without waiting;
//! - O1: who feeds others left before them, declared or not, or declared by children only;
//! - O2: nobody that drains was refused by whom it feeds, unless that one had left for a reason of its own; nobody
//!   of whom that holds was passed over by a router, or by a topic to which it had subscribed;
//! - O3: who drained had handled all but what overflowed, and what lay in its channel when the drain began; its
//!   `stopped` hook was the last that was called; its children left before it, also those of a pool's thread that failed; no child was refused by one above it that ended well, whenever it left and
//!   with whom, unless it waited for room while that one began anew;
//! - O4: nobody of a cycle was refused by another of it;
//! - D1: where everybody gets on, nobody met a deadline but its own;
//! - D3: who never returned was given up, and nobody else was;
//! - D4: daemons that nobody told to stop refused nobody, and were the last in the report;
//! - F1: nobody began anew but for a failure of its own, of one below it, or of one by whom its group lets it be taken along;
//! - F3: who is always absorbed, children among them, was never the failure of the system, and who never is was;
//! - R1: everybody has one line in the report.
//!
//! What is put into a channel is accepted when it is taken: what was left in there was seen by nobody.
//!
//! Single actors under restarts are for `restarts_at_random.rs`.
//!
//! `EXEUNT_PROGRAMS=20000 cargo test --release --test at_random programs_at_random::` runs so many instead of 150; a
//! failure prints the seed of its program, which `EXEUNT_SEED` runs alone.

mod program;
mod actors;
mod papers;
mod routes;
mod tellings;
mod play;
mod audit;
mod forged;

use std::{env, fmt, panic, thread};

use play::play;
use program::Program;

use crate::support::dice::{self, Dice};
use crate::support::rounds::rounds;
use crate::support::{HANG, guarded_for, silence_planned_panics};

#[test]
fn m1_m2_m3_m5_o1_o2_o3_o4_d1_d3_r1_programs_at_random() {
    silence_planned_panics();
    if let Some(seed) = dice::seed_given() {
        eprintln!("{:?}", run(seed));
        return;
    }
    let (first, programs) = (dice::seed_of_now(), programs());
    let mut all = Figures([0; FIGURES]);
    for one in rounds(programs, |n| run(first + n)) {
        all.0.iter_mut().zip(one.0).for_each(|(all, one)| *all += one);
    }
    eprintln!("{programs} programs: {all:?}");
    // What is asserted of what never happens is not asserted.
    assert!(all.0.iter().all(|&figure| figure > 0), "too quiet for a test: {all:?}");
}

/// What there was to be held against what.
struct Figures([u64; FIGURES]);

const FIGURES: usize = 33;

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            "accepted",
            "refused",
            "handled",
            "failed",
            "returned",
            "overflowed",
            "restarts",
            "answers",
            "unanswered",
            "urgent",
            "taken from channels",
            "left in channels",
            "in rings",
            "threads of pools",
            "given up",
            "daemons dismissed",
            "restarts in groups",
            "answers that came later",
            "timers cancelled",
            "ticks",
            "restarts of children",
            "children that failed for good",
            "heard in topics",
            "refused in topics",
            "that had to be heard in topics",
            "edges that children declared",
            "routed",
            "routers whose turns are known",
            "answers by way of routers",
            "unanswered by way of routers",
            "told to all at once",
            "heard in topics by pools",
            "children of pools",
        ];
        f.debug_map().entries(names.iter().zip(self.0)).finish()
    }
}

fn programs() -> u64 {
    match env::var("EXEUNT_PROGRAMS") {
        Ok(number) => number.parse().expect("EXEUNT_PROGRAMS is a number"),
        Err(_) => 150,
    }
}

fn run(seed: u64) -> Figures {
    let played =
        thread::Builder::new().spawn(move || guarded_for(4 * HANG, move || play(seed).hold()));
    played.unwrap().join().unwrap_or_else(|panic| {
        eprintln!("failed: EXEUNT_SEED={seed}\n{}", Program::thrown(&mut Dice::new(seed)));
        panic::resume_unwind(panic);
    })
}
