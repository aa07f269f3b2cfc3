//! [`Process`]: a child process to be started.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::DEFAULT_LIMIT;
use crate::signal;

mod running;
mod capture;
mod finished;

pub use finished::Finished;
pub use running::{Hang, Running};

/// Describes a child process, and starts it.
///
/// Unless said otherwise it gets
///
/// - no input (`/dev/null`);
/// - **the default effect of every signal.** A child inherits what is ignored, and a program of
///   exeunt leaves that ignored: in a test run that a script has started in the background, Ctrl-C
///   would do nothing. So it is put back, with the program `env` of GNU, where the system tells
///   that there is something to put back (Linux does);
/// - **a process group of its own**, so that what it starts itself can be signalled with it, and is
///   killed with it.
///
/// # Examples
///
/// ```
/// use exeunt_testkit::{Process, SIGTERM};
///
/// let script = "trap 'echo leaving; exit 3' TERM; echo READY; while :; do sleep 0.01; done";
/// let mut shell = Process::new("sh").args(["-c", script]).start();
/// shell.wait_for("READY");
/// shell.signal(SIGTERM);
///
/// let finished = shell.wait();
/// finished.assert_code(3);
/// assert_eq!(finished.stdout, "READY\nleaving\n");
/// ```
#[derive(Debug)]
#[must_use = "nothing is started before `start`"]
pub struct Process {
    command: Command,
    input: Input,
    inherits_signals: bool,
    shares_group: bool,
    limit: Duration,
}

#[derive(Debug)]
enum Input {
    Nothing,
    Bytes(Vec<u8>),
    Lines,
}

impl Process {
    /// Begins to describe a process. The program is looked for in `PATH`, unless it has a slash.
    ///
    /// In the tests of a package, the path of its own program `name` is
    /// `env!("CARGO_BIN_EXE_name")`.
    pub fn new(program: impl AsRef<OsStr>) -> Process {
        Process {
            command: Command::new(program),
            input: Input::Nothing,
            inherits_signals: false,
            shares_group: false,
            limit: DEFAULT_LIMIT,
        }
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Process {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Process {
        self.command.args(args);
        self
    }

    /// Sets a variable of its environment, which is otherwise that of the test.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Process {
        self.command.env(name, value);
        self
    }

    /// Takes a variable out of its environment: `RUST_LOG`, say.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Process {
        self.command.env_remove(name);
        self
    }

    /// Sets the folder in which it runs, which is otherwise that of the test.
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Process {
        self.command.current_dir(folder);
        self
    }

    /// Gives it this as its standard input, and then the end of it.
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Process {
        self.input = Input::Bytes(input.into());
        self
    }

    /// Gives it a standard input to which [`Running::send_line`] writes, until
    /// [`Running::close_input`].
    pub fn input_by_lines(mut self) -> Process {
        self.input = Input::Lines;
        self
    }

    /// Lets it ignore the signals that the test ignores: to show what a program does under `nohup`,
    /// say.
    pub fn inherit_signals(mut self) -> Process {
        self.inherits_signals = true;
        self
    }

    /// Leaves it in the process group of the test, so that Ctrl-C in the terminal reaches it too.
    /// Then it cannot be [signalled as a group](Running::signal_group), and what it starts itself
    /// is not killed with it.
    pub fn share_group(mut self) -> Process {
        self.shares_group = true;
        self
    }

    /// Sets how long anything may be waited for; 30 s unless set.
    ///
    /// It is there so that a hang becomes a failure: a test that passes never waits for it, and on
    /// a busy machine a short one fails for nothing.
    pub fn limit(mut self, limit: Duration) -> Process {
        self.limit = limit;
        self
    }

    /// Starts it.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[track_caller]
    #[must_use = "dropping it kills the process"]
    pub fn start(self) -> Running {
        let name = name_of(&self.command);
        let stdin = match self.input {
            Input::Nothing => Stdio::null(),
            Input::Bytes(_) | Input::Lines => Stdio::piped(),
        };
        let mut command = match self.inherits_signals || !signal::ignores_any() {
            true => self.command,
            false => with_default_signals(&self.command),
        };
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        if !self.shares_group {
            command.process_group(0);
        }
        let began = Instant::now();
        match command.spawn() {
            Ok(child) => Running::new(name, child, self.shares_group, self.limit, began)
                .with_input(self.input),
            Err(error) => panic!("{command:?} does not start: {error}"),
        }
    }

    /// Starts it, and waits for its end.
    ///
    /// # Panics
    ///
    /// If it cannot be started, or hangs.
    #[track_caller]
    pub fn run(self) -> Finished {
        self.start().wait()
    }
}

/// What a person would call it.
fn name_of(command: &Command) -> String {
    let program = Path::new(command.get_program());
    program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()
}

/// The same command, behind a program that puts back every signal and becomes the command.
fn with_default_signals(command: &Command) -> Command {
    let mut wrapped = Command::new("env");
    wrapped.arg("--default-signal").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        wrapped.current_dir(folder);
    }
    wrapped
}
