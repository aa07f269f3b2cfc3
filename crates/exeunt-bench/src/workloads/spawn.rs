//! Many actors spawned, one message to each, all stopped and joined; and the memory of them.
//!
//! Memory is what is resident, with the part of the stacks that is in use, and without it; measured in a process of its own for each
//! contender and round, since a process does not give back all that earlier actors have used.

use std::process::Command;
use std::time::{Duration, Instant};

use super::crowd;
use crate::contender::{self, Contender, Stop};
use crate::measure::{Failure, Outcome, micros_each};
use crate::options::MEMORY;
use crate::procfs::{resident_kib, stacks_kib};
use crate::role::Sums;

/// Within this an actor with nothing to do is asleep.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn run<C: Contender>(actors: u64) -> Outcome {
    let sums = Sums::new();
    let start = Instant::now();
    let (stage, addrs) = crowd::<C>(actors, &sums)?;
    drop(addrs);
    stage.stop(Stop::Together);
    let time = start.elapsed();
    sums.check_gone()?;
    let [all, beyond_stacks] = memory(C::ABOUT.name, actors)?;
    Ok(vec![micros_each(time, actors), all, beyond_stacks])
}

/// KiB an actor, as a fresh process measures it.
fn memory(name: &str, actors: u64) -> Result<[f64; 2], Failure> {
    let wrong = |what: String| Failure::Wrong(format!("memory of {name}: {what}"));
    let program = std::env::current_exe().map_err(|error| wrong(error.to_string()))?;
    let mut command = Command::new(program);
    command.args([MEMORY, name, &actors.to_string()]);
    let output = command.output().map_err(|error| wrong(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<f64> = text.split_whitespace().map_while(|word| word.parse().ok()).collect();
    figures.try_into().map_err(|_| wrong(String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// Measures in this process, which must have done nothing else.
pub(crate) fn measure(name: &str, actors: usize) -> Result<[f64; 2], String> {
    (contender::find(name)?.memory)(actors as u64)
}

pub(crate) fn resident<C: Contender>(actors: u64) -> Result<[f64; 2], String> {
    let read = || {
        let stacks = settled(stacks_kib);
        let figures = resident_kib().zip(stacks);
        figures.ok_or("this system does not tell what is resident, or where stacks are")
    };
    let sums = Sums::new();
    let (before, stacks_before) = read()?;
    let (stage, addrs) = crowd::<C>(actors, &sums).map_err(|failure| format!("{failure:?}"))?;
    let (after, stacks) = read()?;
    drop(addrs);
    stage.stop(Stop::Together);
    let all = after.saturating_sub(before);
    let beyond_stacks = all.saturating_sub(stacks.saturating_sub(stacks_before));
    Ok([all, beyond_stacks].map(|kib| kib as f64 / actors as f64))
}

/// What is found when all threads wait, or nothing if they never do.
fn settled<T>(look: impl Fn() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        let found = look();
        if found.is_some() || began.elapsed() > PATIENCE {
            return found;
        }
    }
}
