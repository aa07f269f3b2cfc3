//! Signals at moments that nobody chose (S1, S3, S6, M1): during start-up, in the middle of the
//! work, and in a drain that had begun for another reason, over three topologies of the `victim`.
//!
//! Each time one signal is sent, and the parent checks that the process died of it, that there was
//! exactly one report, which names it, that the drain was complete, and that the ledger of the
//! victim's own code balances and agrees with the report.
//!
//! `EXEUNT_SIGNALS=1000` sends so many instead of 60. `EXEUNT_SEED`, which a failure prints,
//! repeats its choices.
#![cfg(unix)]

mod child;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::Signal;

use child::{End, Victim, say_visibly};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Moment {
    StartUp,
    Work,
    Drain,
}

/// What was seen, over all runs.
#[derive(Default)]
struct Tally {
    moments: BTreeMap<(Moment, &'static str), u64>,
    accepted: u64,
    handled_while_draining: u64,
    /// Runs in which somebody was not started any more.
    cut_short: u64,
}

#[test]
fn m1_s3_s6_a_signal_at_any_moment() {
    let signals = number_in("EXEUNT_SIGNALS").unwrap_or(60);
    let seed = number_in("EXEUNT_SEED").unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.map_or(0, |now| now.as_micros() as u64)
    });
    let next = AtomicU64::new(0);
    let tally = Mutex::new(Tally::default());
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let run = next.fetch_add(1, Ordering::Relaxed);
                    if run >= signals {
                        break;
                    }
                    let told = Told { seed, run };
                    signal_once(&mut Dice::new(seed, run), &tally);
                    drop(told);
                }
            });
        }
    });
    let tally = tally.into_inner().expect("no run has failed");
    say_visibly(&format!(
        "{signals} signals, seed {seed}: {:?}; {} messages accepted, {} handled while draining, \
         {} times somebody was not started any more; none lost",
        tally.moments, tally.accepted, tally.handled_while_draining, tally.cut_short
    ));
}

/// The moment at which the process is seen to catch a signal, and that in which it has not yet begun to
/// wait for one, are not far apart.
#[test]
#[cfg(target_os = "linux")]
fn s1_s6_a_signal_at_the_moment_from_which_it_is_caught() {
    for run in 0..number_in("EXEUNT_SIGNALS").unwrap_or(60) {
        let signal = [Signal::INT, Signal::TERM][run as usize % 2];
        let victim = Victim::play(&["idle", "early"]);
        while !is_caught(victim.pid(), signal) {
            std::hint::spin_loop();
        }
        victim.signal(signal);
        let end = victim.end();
        end.is_death_by(signal);
        assert_eq!(end.report()["reason"], "signal", "run {run}\n{end}");
    }
}

/// Whether a process has a handler for a signal (proc(5)).
#[cfg(target_os = "linux")]
fn is_caught(pid: i32, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (signal.as_raw() - 1)) != 0)
}

/// One victim, one signal.
fn signal_once(dice: &mut Dice, tally: &Mutex<Tally>) {
    let topology = ["chain", "fan", "mixed"][dice.below(3) as usize];
    let moment = [Moment::StartUp, Moment::Work, Moment::Drain][dice.below(3) as usize];
    let (signal, name) =
        [(Signal::INT, "SIGINT"), (Signal::TERM, "SIGTERM")][dice.below(2) as usize];

    let victim = match moment {
        Moment::StartUp => start_up(topology, dice),
        Moment::Work => work(topology, dice),
        Moment::Drain => drain(topology, dice),
    };
    victim.signal(signal);
    if moment == Moment::Drain {
        // The drain ends at a word. The signal is to be there first: its way is short.
        thread::sleep(Duration::from_millis(250));
        victim.say_a_word();
    }
    let end = victim.end();

    end.is_death_by(signal).balances();
    let report = end.report();
    assert_eq!(report["signal"], name, "{end}");
    assert_eq!(report["complete"], true, "{end}");
    let reason = match moment {
        Moment::Drain => "shutdown",
        Moment::StartUp | Moment::Work => "signal",
    };
    assert_eq!(report["reason"], reason, "{end}");
    note(&end, (moment, topology), tally);
}

/// One that is still starting, or has just started.
fn start_up(topology: &str, dice: &mut Dice) -> Victim {
    let mut victim = Victim::play(&[topology, "early", "start_ms=5"]);
    victim.hear_ready();
    thread::sleep(dice.micros_below(45_000));
    victim
}

/// One that is at work.
fn work(topology: &str, dice: &mut Dice) -> Victim {
    let mut victim = Victim::play(&[topology, "early"]);
    victim.hear_ready();
    victim.hear("progress");
    thread::sleep(dice.micros_below(40_000));
    victim
}

/// One that drains, since a source has asked for that.
fn drain(topology: &str, dice: &mut Dice) -> Victim {
    let shutdown_at = format!("shutdown_at={}", 1 + dice.below(300));
    let mut victim = Victim::play(&[topology, "early", "hold", &shutdown_at]);
    victim.hear_ready();
    victim.hear("draining");
    thread::sleep(dice.micros_below(30_000));
    victim
}

fn note(end: &End, moment: (Moment, &'static str), tally: &Mutex<Tally>) {
    let report = end.report();
    let actors = report["actors"].as_array().cloned().unwrap_or_default();
    let mut tally = tally.lock().expect("no run has failed");
    *tally.moments.entry(moment).or_default() += 1;
    tally.accepted += end.ledger().iter().map(|page| page.of("accepted")).sum::<u64>();
    tally.handled_while_draining +=
        actors.iter().filter_map(|actor| actor["handled_while_draining"].as_u64()).sum::<u64>();
    let has_source = actors.iter().any(|actor| actor["name"] == "source");
    tally.cut_short += u64::from(!has_source);
}

/// Tells, should the run fail, how to repeat it.
struct Told {
    seed: u64,
    run: u64,
}

impl Drop for Told {
    fn drop(&mut self) {
        if thread::panicking() {
            say_visibly(&format!("failed: EXEUNT_SEED={} in run {}", self.seed, self.run));
        }
    }
}

fn number_in(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// A small generator of numbers (splitmix64), so that a seed repeats a run.
struct Dice(u64);

impl Dice {
    fn new(seed: u64, run: u64) -> Dice {
        Dice(seed ^ run.wrapping_mul(0xA076_1D64_78BD_642F))
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn micros_below(&mut self, limit: u64) -> Duration {
        Duration::from_micros(self.below(limit))
    }
}
