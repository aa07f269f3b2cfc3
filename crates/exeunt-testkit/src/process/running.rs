//! [`Running`]: a child process that is waited for, signalled, and held to its end.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::mem;
use std::process::{Child, ChildStdin, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use exeunt::Signal;
use rustix::process::Pid;

use super::capture::Capture;
use super::finished::Said;
use super::{Finished, Input};
use crate::signal::{self, SIGKILL, To};

/// How often something is looked at that the system does not tell by itself.
const LOOK: Duration = Duration::from_millis(1);

/// How long the last words of a process that was killed may take to arrive.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A child process, started by [`Process::start`](super::Process::start).
///
/// What it writes is read all the time, so that it never has to wait for the test, and kept. Every
/// wait is for a fact and has a limit, 30 s unless [set](super::Process::limit), after which the
/// process is killed and the test panics with all that it has said, and with where its threads
/// stand (on Linux).
///
/// Dropped before its end, also by a test that fails, it is killed, and all of its process group
/// with it: nobody outlives its test.
///
/// # Examples
///
/// See [`Process`](super::Process), and the [crate](crate).
pub struct Running {
    name: String,
    child: Child,
    pid: Pid,
    /// Whether its status was taken, so that its numbers may be another's. That comes last: until
    /// then it can be signalled, and its group killed, whether it has ended or not.
    is_over: bool,
    said: Capture,
    input: Option<Sender<Vec<u8>>>,
    shares_group: bool,
    limit: Duration,
    /// A moment before its start.
    began: Instant,
}

impl Running {
    pub(super) fn new(
        name: String,
        mut child: Child,
        shares_group: bool,
        limit: Duration,
        began: Instant,
    ) -> Running {
        Running {
            name,
            pid: Pid::from_child(&child),
            is_over: false,
            said: Capture::of(child.stdout.take(), child.stderr.take()),
            child,
            input: None,
            shares_group,
            limit,
            began,
        }
    }

    pub(super) fn with_input(mut self, input: Input) -> Running {
        if let Some(stdin) = self.child.stdin.take() {
            let (sender, bytes) = crossbeam_channel::unbounded();
            thread::spawn(move || write_all(stdin, &bytes));
            match input {
                // Cannot fail: the thread reads for as long as it can write.
                Input::Bytes(bytes) => drop(sender.send(bytes)),
                Input::Nothing | Input::Lines => self.input = Some(sender),
            }
        }
        self
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    // What it says.

    /// Waits for a line with this text in it, of its standard output or error, and gives the line.
    ///
    /// Each line answers one wait. It may have come before it was waited for, and other lines may
    /// come in between: they wait for whoever asks for them.
    ///
    /// # Panics
    ///
    /// If it does not come within the limit, or the process closes its output without it.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> String {
        let found = self.find(&mut |line| line.contains(text));
        match found {
            Ok(line) => line,
            Err(error) => self.miss(error, &format!("a line with {text:?}")),
        }
    }

    /// Waits for a line that is as wanted, as [`wait_for`](Running::wait_for) does.
    ///
    /// # Panics
    ///
    /// If it does not come within the limit, or the process closes its output without it.
    #[track_caller]
    pub fn wait_for_line(&mut self, mut wanted: impl FnMut(&str) -> bool) -> String {
        let found = self.find(&mut wanted);
        match found {
            Ok(line) => line,
            Err(error) => self.miss(error, "the line that was waited for"),
        }
    }

    /// Waits for a line with this text in it, as [`wait_for`](Running::wait_for) does, for those who
    /// make no test of it: `None` if it does not come within the limit, or the process closes its
    /// output without it. The process is left as it is.
    pub fn try_wait_for(&mut self, text: &str) -> Option<String> {
        self.find(&mut |line| line.contains(text)).ok()
    }

    /// Forgets the lines that have come and that nobody waited for, so that the next wait is for
    /// a new one.
    ///
    /// A line that it has written may still be on its way.
    pub fn forget_lines(&mut self) {
        self.said.forget();
    }

    fn find(&mut self, wanted: &mut dyn FnMut(&str) -> bool) -> Result<String, RecvTimeoutError> {
        let began = Instant::now();
        loop {
            if let Some(line) = self.said.claim(wanted) {
                return Ok(line);
            }
            self.hear(self.limit, began)?;
        }
    }

    /// Hears one more line. The clock is looked at also while lines come: a flood of them has to
    /// end too.
    fn hear(&mut self, limit: Duration, began: Instant) -> Result<(), RecvTimeoutError> {
        match limit.saturating_sub(began.elapsed()) {
            Duration::ZERO => Err(RecvTimeoutError::Timeout),
            left => self.said.hear(left),
        }
    }

    #[track_caller]
    fn miss(&mut self, error: RecvTimeoutError, what: &str) -> ! {
        let limit = self.limit;
        match error {
            RecvTimeoutError::Timeout => self.give_up(&format!("has not said {what} in {limit:?}")),
            RecvTimeoutError::Disconnected => {
                // The end of its output is seen a moment before its own.
                self.ends_within(LAST_WORDS);
                self.give_up(&format!("came to the end of its output without {what}"))
            }
        }
    }

    // What it hears.

    /// Writes a line to its standard input. Never waits; a process that does not want it does not
    /// get it.
    ///
    /// # Panics
    ///
    /// If it was not started with [`input_by_lines`](super::Process::input_by_lines), or its input
    /// was [closed](Running::close_input).
    #[track_caller]
    pub fn send_line(&self, line: &str) {
        match &self.input {
            // Fails if the process has closed it, which is its affair.
            Some(input) => drop(input.send(format!("{line}\n").into_bytes())),
            None => panic!("`{}` has no input for lines", self.name),
        }
    }

    /// Ends its standard input.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// Sends it a signal: one of those with a [name](crate#constants), or any `Signal(number)`.
    ///
    /// A process that has ended does not mind.
    ///
    /// # Panics
    ///
    /// If the system knows no such signal, or does not allow it.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        self.send(signal, To::Process(self.pid));
    }

    /// Sends a signal to it and to all that it has started, as a terminal does.
    ///
    /// # Panics
    ///
    /// Those of [`signal`](Running::signal), and if it [shares](super::Process::share_group) the
    /// group of the test.
    #[track_caller]
    pub fn signal_group(&self, signal: Signal) {
        assert!(!self.shares_group, "`{}` shares the process group of the test", self.name);
        self.send(signal, To::Group(self.pid));
    }

    #[track_caller]
    fn send(&self, signal: Signal, to: To) {
        if self.is_over {
            return;
        }
        match signal::send(signal, to) {
            // Some systems make an error of a signal to one that has ended.
            Err(error) if !self.has_ended() => {
                panic!("{signal} cannot be sent to `{}`: {error}", self.name)
            }
            _ => {}
        }
    }

    /// Waits until it has a handler for a signal: for a program that does not say by itself when it
    /// has.
    ///
    /// [`System::run`](exeunt::System::run) takes the signals when all have been spawned, so that a
    /// line of one of those may be quicker. It has a handler for each a moment before all of them
    /// begin a drain; a signal in that moment still ends the process. A program that is to be
    /// signalled as soon as that takes the signals itself and then says a line, as in the example
    /// of the [crate](crate).
    ///
    /// On Linux. Elsewhere the system does not tell, and this returns at once.
    ///
    /// # Panics
    ///
    /// If it has none within the limit, or ends before.
    #[track_caller]
    pub fn wait_until_caught(&mut self, signal: Signal) {
        let began = Instant::now();
        while signal::is_caught(self.pid, signal) == Some(false) {
            if self.has_ended() {
                self.give_up(&format!("ended before it took {signal}"));
            }
            if began.elapsed() >= self.limit {
                self.give_up(&format!("has not taken {signal} in {:?}", self.limit));
            }
            thread::sleep(LOOK);
        }
    }

    // Its end.

    /// Waits for its end, and for that of its output, for the limit at most. Closes its input.
    ///
    /// # Panics
    ///
    /// Those of [`wait_within`](Running::wait_within).
    #[track_caller]
    pub fn wait(self) -> Finished {
        let limit = self.limit;
        self.wait_within(limit)
    }

    /// Waits for its end, and for that of its output, for `limit` at most. Closes its input.
    ///
    /// What it has started may hold its output open after its end; then it is waited for too.
    ///
    /// # Panics
    ///
    /// If it hangs. It is killed then.
    #[track_caller]
    pub fn wait_within(self, limit: Duration) -> Finished {
        // Not in a closure, which would be blamed itself.
        match self.try_wait_within(limit) {
            Ok(finished) => finished,
            Err(hang) => panic!("{hang}"),
        }
    }

    /// Waits for its end, as [`wait`](Running::wait) does, for those who count hangs instead of
    /// failing of one.
    ///
    /// # Errors
    ///
    /// If it hangs. It is killed then.
    ///
    /// # Panics
    ///
    /// If its status was taken by somebody else.
    #[track_caller]
    pub fn try_wait(self) -> Result<Finished, Hang> {
        let limit = self.limit;
        self.try_wait_within(limit)
    }

    #[track_caller]
    fn try_wait_within(mut self, limit: Duration) -> Result<Finished, Hang> {
        let began = Instant::now();
        self.close_input();
        loop {
            match self.hear(limit, began) {
                Ok(()) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => return Err(self.hang(limit)),
            }
        }
        // Its output is at its end, and so is it, or will be in a moment.
        match self.ends_within(limit.saturating_sub(began.elapsed())) {
            true => Ok(self.finished()),
            false => Err(self.hang(limit)),
        }
    }

    fn hang(&mut self, limit: Duration) -> Hang {
        Hang(match self.has_ended() {
            false => self.kill_and_tell(&format!("has not ended in {limit:?}")),
            true => {
                self.kill_and_tell(&format!("has ended, but its output is held open ({limit:?})"))
            }
        })
    }

    #[track_caller]
    fn finished(mut self) -> Finished {
        let took = self.began.elapsed();
        match self.take_status() {
            Ok(status) => Finished {
                name: mem::take(&mut self.name),
                status,
                stdout: mem::take(&mut self.said.stdout),
                stderr: mem::take(&mut self.said.stderr),
                took,
            },
            // Somebody in the test waits for any child that there is.
            Err(error) => panic!("the status of `{}` is lost: {error}", self.name),
        }
    }

    fn has_ended(&self) -> bool {
        self.is_over || signal::has_ended(self.pid)
    }

    /// Waits for its own end. A look at it each millisecond, since it cannot be waited for with a
    /// limit.
    fn ends_within(&self, limit: Duration) -> bool {
        let began = Instant::now();
        while !self.has_ended() {
            if began.elapsed() >= limit {
                return false;
            }
            thread::sleep(LOOK);
        }
        true
    }

    fn take_status(&mut self) -> io::Result<ExitStatus> {
        self.is_over = true;
        self.child.wait()
    }

    /// Kills it, and all of its group. What cannot be killed has ended.
    fn kill(&mut self) -> io::Result<ExitStatus> {
        let _ = match self.shares_group {
            true => self.child.kill(),
            false => signal::send(SIGKILL, To::Group(self.pid)),
        };
        self.take_status()
    }

    /// Ends the process, and the test with all that is known.
    #[track_caller]
    fn give_up(&mut self, why: &str) -> ! {
        panic!("{}", self.kill_and_tell(why));
    }

    /// Ends the process, and tells all that is known.
    fn kill_and_tell(&mut self, why: &str) -> String {
        let alive = match self.has_ended() {
            true => None,
            false => Some(format!("alive; its threads:{}", threads(self.pid))),
        };
        let status = self.kill();
        let stands =
            alive.unwrap_or_else(|| status.map_or_else(|e| e.to_string(), |s| s.to_string()));
        let killed = Instant::now();
        while self.hear(LAST_WORDS, killed).is_ok() {}
        let text = Said { stdout: &self.said.stdout, stderr: &self.said.stderr };
        format!("`{}` {why} ({stands})\n{text}", self.name)
    }
}

/// A process that did not end within its limit, and was killed.
///
/// `Display` tells all that it has said, and where its threads stood (on Linux).
#[derive(Clone, Debug)]
pub struct Hang(String);

impl fmt::Display for Hang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Hang {}

/// Nobody outlives its test.
impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_over {
            let _ = self.kill();
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("name", &self.name)
            .field("pid", &self.child.id())
            .field("is_over", &self.is_over)
            .finish_non_exhaustive()
    }
}

/// Writes what there is to write, on a thread of its own: a process need not read.
fn write_all(mut stdin: ChildStdin, bytes: &Receiver<Vec<u8>>) {
    for bytes in bytes {
        if stdin.write_all(&bytes).and_then(|()| stdin.flush()).is_err() {
            break;
        }
    }
}

/// What the system knows of the threads of a process: each one's name, and what it waits in.
fn threads(pid: Pid) -> String {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return " unknown".to_owned();
    };
    tasks
        .filter_map(Result::ok)
        .map(|task| {
            let read = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
            format!("\n  {}: {}", read("comm").trim(), read("wchan").trim())
        })
        .collect()
}
