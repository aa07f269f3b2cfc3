//! Each contender plays in a process of its own, for the whole run. What one leaves behind, such as memory that the
//! allocator has still to sort, is no burden to the next: beside those whose mailboxes had held a backlog a round of
//! `exeunt` took up to a third longer, all of that in the allocator.
//!
//! The process is this program once more. It is told on its standard input what to play, a line for each round, and
//! answers with a line; it ends when there is nothing more to read.

use std::collections::{HashMap, hash_map};
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::contender::{self, Entry};
use crate::measure::{Failure, Outcome};
use crate::options::PLAY;
use crate::placement::{Cpus, Placement};
use crate::workload::{Scale, Workload};

/// The contenders that have played so far, by name.
#[derive(Default)]
pub(crate) struct Processes(HashMap<&'static str, Process>);

impl Processes {
    /// One round of this contender's.
    pub(crate) fn play(
        &mut self,
        contender: &Entry,
        work: Workload,
        placement: Placement,
        scale: &Scale,
    ) -> Outcome {
        let lost = |error: io::Error| Failure::Wrong(format!("its process: {error}"));
        let process = match self.0.entry(contender.about.name) {
            hash_map::Entry::Occupied(known) => known.into_mut(),
            hash_map::Entry::Vacant(place) => {
                place.insert(Process::of(contender.about.name).map_err(lost)?)
            }
        };
        understood(&process.ask(&request(work, placement, scale)).map_err(lost)?)
    }
}

struct Process {
    child: Child,
    /// Taken when it is to end.
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Process {
    /// That of the contender of this name.
    fn of(name: &str) -> io::Result<Process> {
        Process::start(Command::new(std::env::current_exe()?).args([PLAY, name]))
    }

    fn start(command: &mut Command) -> io::Result<Process> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (requests, answers) = pipes.ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Process { child, requests: Some(requests), answers: BufReader::new(answers) })
    }

    fn ask(&mut self, request: &str) -> io::Result<String> {
        match self.requests.as_mut().map(|requests| writeln!(requests, "{request}")) {
            // It has ended, so that there is no answer, and that is told below.
            Some(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Some(asked) => asked?,
            None => {}
        }
        let mut answer = String::new();
        match self.answers.read_line(&mut answer)? {
            0 => Err(io::Error::other(format!("it ended, {}", self.child.wait()?))),
            _ => Ok(answer),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.requests.take());
        let _ = self.child.wait();
    }
}

/// What such a process does: plays what it is told to, until there is nothing more to read.
///
/// # Errors
///
/// A contender of an unknown name, a request that is none, and a failure to read or write.
pub(crate) fn serve(name: &str, cpus: &Cpus) -> Result<(), String> {
    let entry = contender::find(name)?;
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|error| format!("standard input: {error}"))?;
        let (work, placement, scale) =
            requested(&line).ok_or_else(|| format!("{line:?} is nothing to play"))?;
        let placed = cpus.place(placement).map_err(Failure::Wrong);
        let outcome = placed.and_then(|there| (entry.run)(work, &scale, there));
        match writeln!(io::stdout(), "{}", answer(&outcome)) {
            // Nobody reads it: the benchmark has been ended.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            written => written.map_err(|error| format!("standard output: {error}"))?,
        }
    }
    Ok(())
}

/// What is asked, as a line.
fn request(work: Workload, placement: Placement, scale: &Scale) -> String {
    format!("{} {} {} {}", work.name(), placement.name(), scale.rounds, scale.count)
}

fn requested(line: &str) -> Option<(Workload, Placement, Scale)> {
    let words: Vec<&str> = line.split(' ').collect();
    let &[name, cpus, rounds, count] = words.as_slice() else { return None };
    let work = Workload::every().find(|work| work.name() == name)?;
    let placement = Placement::named(cpus).ok()?;
    let scale = Scale { rounds: rounds.parse().ok()?, count: count.parse().ok()? };
    Some((work, placement, scale))
}

const LEFT_OUT: &str = "left out";
const WRONG: &str = "wrong";

/// What came out of it, as a line.
fn answer(outcome: &Outcome) -> String {
    let told = |kind, what: &str| format!("{kind}: {}", what.replace('\n', " "));
    match outcome {
        Ok(figures) => figures.iter().map(f64::to_string).collect::<Vec<_>>().join(" "),
        Err(Failure::LeftOut(why)) => told(LEFT_OUT, why),
        Err(Failure::Wrong(what)) => told(WRONG, what),
    }
}

fn understood(answer: &str) -> Outcome {
    let answer = answer.trim_end();
    match answer.split_once(": ") {
        Some((LEFT_OUT, why)) => Err(Failure::LeftOut(why.to_owned())),
        Some((WRONG, what)) => Err(Failure::Wrong(what.to_owned())),
        _ => answer
            .split(' ')
            .map(|word| word.parse().map_err(|_| Failure::Wrong(format!("it says {answer:?}"))))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_what_is_played() {
        for work in Workload::every() {
            for placement in Placement::all(8) {
                let line = request(work, placement, &Scale { rounds: 3, count: 70_000 });
                let (asked, placed, scale) = requested(&line).unwrap();
                let same = (asked, placed, scale.rounds, scale.count);
                assert_eq!(same, (work, placement, 3, 70_000));
            }
        }
        assert!(requested("tell-bounded 0 1").is_none() && requested("nothing 0 1 1").is_none());
    }

    #[test]
    #[cfg(unix)]
    fn of_one_that_has_ended_between_two_rounds_it_is_said_how() {
        let mut process = Process::start(&mut Command::new("false")).unwrap();
        process.child.wait().unwrap();
        assert_eq!(process.ask("ask all 1 1").unwrap_err().to_string(), "it ended, exit status: 1");
    }

    #[test]
    fn what_came_out_of_it_is_what_is_understood() {
        let outcomes = [
            Ok(vec![0.1 + 0.2, 1e-9, 3e12, 0.0]),
            Err(Failure::LeftOut("it has no: order".to_owned())),
            Err(Failure::Wrong("sum 3, not 4".to_owned())),
        ];
        for outcome in outcomes {
            assert_eq!(understood(&format!("{}\n", answer(&outcome))), outcome);
        }
        assert!(matches!(understood("what?\n"), Err(Failure::Wrong(_))));
    }
}
