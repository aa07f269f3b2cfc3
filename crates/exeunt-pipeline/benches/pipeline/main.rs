//! What a pipeline costs, beside what one would write by hand, in one run.
//!
//! ```text
//! cargo bench -p exeunt-pipeline                 # all of it, about a minute
//! cargo bench -p exeunt-pipeline -- trivial 15   # one workload, so many rounds
//! ```
//!
//! The contenders take turns, round by round, so that whatever slows the machine slows all of them. Each result is
//! checked. What is told is the median, and how far the middle half of the rounds is apart.

mod copies;
mod latency;
mod trivial;
mod work;

use std::time::Duration;

fn main() {
    // Cargo says `--bench`.
    let words: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let rounds = words.iter().find_map(|word| word.parse().ok());
    let is_chosen = |name: &str| {
        words.iter().all(|word| word.parse::<usize>().is_ok())
            || words.iter().any(|word| word == name)
    };
    if is_chosen("trivial") {
        trivial::run(rounds.unwrap_or(11));
    }
    if is_chosen("tee") {
        copies::run(rounds.unwrap_or(11));
    }
    if is_chosen("work") {
        work::run(rounds.unwrap_or(11));
    }
    if is_chosen("latency") {
        latency::run(rounds.unwrap_or(5));
    }
}

/// One way to do it.
struct Contender {
    name: &'static str,
    run: fn() -> Duration,
    times: Vec<Duration>,
}

impl Contender {
    fn new(name: &'static str, run: fn() -> Duration) -> Contender {
        Contender { name, run, times: Vec::new() }
    }

    fn median(&self) -> Duration {
        quantile(&self.times, 0.5)
    }

    /// How far the middle half is apart, in percent of the median.
    fn spread(&self) -> f64 {
        let middle = quantile(&self.times, 0.75) - quantile(&self.times, 0.25);
        100.0 * middle.as_secs_f64() / self.median().as_secs_f64()
    }
}

/// All of them in turn, in every round; one more round before that warms up.
fn interleave(contenders: &mut [Contender], rounds: usize) {
    for round in 0..=rounds {
        for contender in contenders.iter_mut() {
            let took = (contender.run)();
            if round > 0 {
                contender.times.push(took);
            }
        }
    }
}

fn quantile(times: &[Duration], at: f64) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[((times.len() - 1) as f64 * at).round() as usize]
}
