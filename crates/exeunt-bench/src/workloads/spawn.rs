//! Many actors spawned, one message to each, all stopped and joined; and the memory of them.
//!
//! Memory is what is resident (stacks in use included), measured in a process of its own for each
//! contender and round, since a process does not give back all that earlier actors have used.

use std::process::Command;
use std::time::Instant;

use super::crowd;
use crate::contender::{self, Contender, Stop};
use crate::measure::{Failure, Outcome, micros_each};
use crate::options::MEMORY;
use crate::procfs::resident_kib;
use crate::role::Sums;

pub(crate) fn run<C: Contender>(actors: u64) -> Outcome {
    let sums = Sums::new();
    let start = Instant::now();
    let (stage, addrs) = crowd::<C>(actors, &sums)?;
    drop(addrs);
    stage.stop(Stop::Together);
    let time = start.elapsed();
    sums.check_gone()?;
    Ok(vec![micros_each(time, actors), memory(C::ABOUT.name, actors)?])
}

/// KiB an actor, as a fresh process measures it.
fn memory(name: &str, actors: u64) -> Result<f64, Failure> {
    let wrong = |what: String| Failure::Wrong(format!("memory of {name}: {what}"));
    let program = std::env::current_exe().map_err(|error| wrong(error.to_string()))?;
    let mut command = Command::new(program);
    command.args([MEMORY, name, &actors.to_string()]);
    let output = command.output().map_err(|error| wrong(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().map_err(|_| wrong(String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// Measures in this process, which must have done nothing else.
pub(crate) fn measure(name: &str, actors: usize) -> Result<f64, String> {
    (contender::find(name)?.memory)(actors as u64)
}

pub(crate) fn resident<C: Contender>(actors: u64) -> Result<f64, String> {
    let read = || resident_kib().ok_or("this system has no /proc/self/status");
    let sums = Sums::new();
    let before = read()?;
    let (stage, addrs) = crowd::<C>(actors, &sums).map_err(|failure| format!("{failure:?}"))?;
    let after = read()?;
    drop(addrs);
    stage.stop(Stop::Together);
    Ok(after.saturating_sub(before) as f64 / actors as f64)
}
