//! What it takes to run an example as a user does: build it, start it, wait for a line, send a
//! signal, read what it printed to the end.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// No test takes this long; it is there so that a hang becomes a failure.
const GUARD: Duration = Duration::from_secs(60);

/// A command that runs an example, which is built if it is not yet.
pub(crate) fn example(name: &str) -> Command {
    let program = exeunt_testkit::example("exeunt-examples", name);
    let mut command = command_with_default_signals(program.into());
    command.env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

/// A child inherits ignored signals, and a program of ours leaves them ignored: in a test run
/// that was started in the background by a script, Ctrl-C would do nothing. So they are put back.
fn command_with_default_signals(program: OsString) -> Command {
    if signal_mask("self", "SigIgn:").is_some_and(|mask| mask & BOTH != 0) {
        let mut command = Command::new("env");
        command.arg("--default-signal=INT,TERM").arg(program);
        return command;
    }
    Command::new(program)
}

const SIGINT: u32 = 2;
const SIGTERM: u32 = 15;
const BOTH: u64 = 1 << (SIGINT - 1) | 1 << (SIGTERM - 1);

/// One of the signal masks of a process, where the system tells it (Linux does).
fn signal_mask(process: &str, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix(name))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

/// A child whose lines are read as they come. Killed if the test fails before its end.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<Line>,
    stdout: String,
    stderr: String,
}

enum Line {
    Out(String),
    Err(String),
}

/// What a child has left behind.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Finished {
    Running::start(command).finish()
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Running {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        read_lines(child.stdout.take().unwrap(), sender.clone(), Line::Out);
        read_lines(child.stderr.take().unwrap(), sender, Line::Err);
        Running { child, lines, stdout: String::new(), stderr: String::new() }
    }

    pub(crate) fn stdin(&mut self) -> std::process::ChildStdin {
        self.child.stdin.take().unwrap()
    }

    /// Waits for a line, on either stream, that contains this.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let until = Instant::now() + GUARD;
        loop {
            match self.next_line(until) {
                Some(line) if line.contains(text) => return line,
                Some(_) => {}
                None => panic!("ended before {text:?}: {self:?}"),
            }
        }
    }

    /// Sends a signal to a program that takes it, once it does: `run` installs the handlers when
    /// all have been spawned, and a line of one of those may be quicker.
    pub(crate) fn signal_when_taken(&self, name: &str) {
        self.await_handler(name);
        self.signal(name);
    }

    /// Waits until both handlers are installed.
    pub(crate) fn await_handlers(&self) {
        self.await_handler("INT");
        self.await_handler("TERM");
    }

    fn await_handler(&self, name: &str) {
        let until = Instant::now() + GUARD;
        while self.takes_signal(name) == Some(false) {
            assert!(Instant::now() < until, "no signal is taken: {self:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether SIGINT or SIGTERM is caught, where there is a way to know.
    fn takes_signal(&self, name: &str) -> Option<bool> {
        let mask = signal_mask(&self.child.id().to_string(), "SigCgt:")?;
        let number = if name == "INT" { SIGINT } else { SIGTERM };
        Some(mask & 1 << (number - 1) != 0)
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let kill = Command::new("kill").args(["-s", name, &id]).status();
        assert!(kill.unwrap().success());
    }

    /// Reads to the end, and takes the status.
    pub(crate) fn finish(mut self) -> Finished {
        let until = Instant::now() + GUARD;
        while self.next_line(until).is_some() {}
        Finished {
            // Both streams are closed, so it is at its end.
            status: self.child.wait().unwrap(),
            stdout: std::mem::take(&mut self.stdout),
            stderr: std::mem::take(&mut self.stderr),
        }
    }

    fn next_line(&mut self, until: Instant) -> Option<String> {
        let timeout = until.saturating_duration_since(Instant::now());
        let (line, text) = match self.lines.recv_timeout(timeout) {
            Ok(Line::Out(line)) => (line, &mut self.stdout),
            Ok(Line::Err(line)) => (line, &mut self.stderr),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => panic!("no line for a minute: {self:?}"),
        };
        text.push_str(&line);
        text.push('\n');
        Some(line)
    }
}

fn read_lines(
    stream: impl Read + Send + 'static,
    lines: mpsc::Sender<Line>,
    from: fn(String) -> Line,
) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            if lines.send(from(line.unwrap())).is_err() {
                break;
            }
        }
    });
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail when it has ended, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A new folder, removed in the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("exeunt-examples-{}-{number}", std::process::id());
        let path = env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, and the folders above it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
