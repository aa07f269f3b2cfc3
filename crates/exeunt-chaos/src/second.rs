//! [`Second`]: how long a process lives after its second signal, with every thread stuck.

use std::fmt;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use exeunt_testkit::{SIGINT, SIGTERM};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::part::Part;
use crate::run::{Command, Folder, hear, start};

/// Within this it has to be gone.
const AT_ONCE: Duration = Duration::from_millis(50);
/// A second signal within 100 ms of the first is an echo; and the clock of that begins a little later.
const PAST_THE_ECHO: Duration = Duration::from_millis(150);
/// How often the end is looked for.
const LOOK: Duration = Duration::from_micros(200);

/// How long processes lived after their second signal.
///
/// `Display` closes with one line of figures.
#[derive(Clone, Debug, Default)]
pub struct Second {
    took: Vec<Duration>,
    failures: Vec<String>,
}

impl Second {
    /// Whether all were gone within 50 ms, by the second signal.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.failures.is_empty() && !self.took.is_empty() && self.at_once() == self.took.len()
    }

    /// How long each of them took, the quickest first.
    #[must_use]
    pub fn took(&self) -> &[Duration] {
        &self.took
    }

    fn at_once(&self) -> usize {
        self.took.partition_point(|took| *took <= AT_ONCE)
    }

    pub(crate) fn add(&mut self, ended: Result<Duration, String>) {
        match ended {
            Ok(took) => {
                let place = self.took.partition_point(|other| *other < took);
                self.took.insert(place, took);
            }
            Err(what) => self.failures.push(what),
        }
    }
}

impl fmt::Display for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failures.iter().take(20).try_for_each(|what| writeln!(f, "failed: {what}\n"))?;
        let at = |part: f64| {
            let place = (self.took.len() as f64 * part) as usize;
            let took = self.took.get(place.min(self.took.len().saturating_sub(1)));
            took.map_or(0.0, |took| took.as_secs_f64() * 1e3)
        };
        let [median, most, worst] = [0.5, 0.99, 1.0].map(at);
        writeln!(f, "gone after: median {median:.2} ms, 99 % {most:.2} ms, at most {worst:.2} ms")?;
        let runs = self.took.len() + self.failures.len();
        write!(f, "second_signals={runs} within_50_ms={}", self.at_once())
    }
}

/// # Errors
///
/// If there is no room for the files of a child.
pub(crate) fn end_by_second(
    command: &Command,
    part: &Part,
) -> io::Result<Result<Duration, String>> {
    let folder = Folder::new()?;
    let mut child = start(command, part, &folder);
    if !(hear(&mut child, "armed") && hear(&mut child, "stuck")) {
        return Ok(Err("it never was stuck".to_owned()));
    }
    child.signal(SIGTERM);
    if !hear(&mut child, "draining") {
        return Ok(Err("the first signal began no drain".to_owned()));
    }
    thread::sleep(PAST_THE_ECHO);
    let began = Instant::now();
    child.signal(SIGINT);
    let pid = i32::try_from(child.pid()).ok().and_then(Pid::from_raw);
    while !pid.is_none_or(has_ended) && began.elapsed() < command.limit {
        thread::sleep(LOOK);
    }
    let took = began.elapsed();
    Ok(match child.try_wait() {
        Ok(finished) if finished.signal() == Some(SIGINT) => Ok(took),
        Ok(finished) => Err(format!("not ended by the second signal: {finished}")),
        Err(hang) => Err(hang.to_string()),
    })
}

/// Without taking its status, which is the test kit's to take.
fn has_ended(pid: Pid) -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(pid), look).map_or(true, |ended| ended.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_too_slow_is_not_clean() {
        let mut second = Second::default();
        assert!(!second.is_clean());
        second.add(Ok(Duration::from_millis(3)));
        second.add(Ok(Duration::from_millis(50)));
        assert!(second.is_clean());
        second.add(Ok(Duration::from_millis(51)));
        assert!(!second.is_clean());
        let text = second.to_string();
        assert!(text.ends_with("second_signals=3 within_50_ms=2"), "{text}");
    }

    #[test]
    fn one_that_did_not_end_so_is_not_clean() {
        let mut second = Second::default();
        second.add(Ok(Duration::from_millis(3)));
        second.add(Err("not ended".to_owned()));
        assert!(!second.is_clean());
    }
}
