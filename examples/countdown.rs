//! A background thread that takes thirty steps of random length, and four ways in which it can
//! take Ctrl-C.
//!
//! ```text
//! cargo run --example countdown -- [--mode MODE] [--steps N] [--max MS] [--seed N]
//! ```
//!
//! - `--mode wait`: Ctrl-C waits until the thread has taken all its steps; a second one ends it.
//! - `--mode daemon`: Ctrl-C ends it at once, wherever it is.
//! - `--mode event`: the thread asks between two steps whether it is to end; the current one is
//!   finished.
//! - `--mode event-wait` (unless another is given): the sleep itself is interrupted, and there is
//!   still time to clean up.
//!
//! `--max` is the longest step, in milliseconds; with the same `--seed` the steps are the same.

use std::io::{self, Write};
use std::str::FromStr;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::{help, refuse};
use crossbeam_channel::select;
use exeunt::{Event, Exit, SpawnError, System, TaskContext};

mod common;

const HELP: &str = "\
Takes thirty steps of random length on a background thread, which can take Ctrl-C in four ways.

Usage: countdown [OPTIONS]

  --mode MODE  wait: Ctrl-C waits until the thread has taken all its steps; a second one ends it
               daemon: it ends at once, wherever the thread is
               event: the current step is finished
               event-wait: the sleep itself is interrupted (default)
  --steps N    how many there are (default: 30)
  --max MS     the longest of them, in milliseconds (default: 1000)
  --seed N     with the same one the steps are the same
  --help       print this
";

/// What a drain may take beside the steps themselves.
const SLACK: Duration = Duration::from_secs(5);

fn main() -> Exit {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info"))
        .format_timestamp_millis()
        .init();
    let options = Options::parse(std::env::args().skip(1)).unwrap_or_else(|error| refuse(&error));
    match start(&options) {
        Ok(system) => system.run(),
        Err(error) => refuse(&error),
    }
}

/// Starts the thread, in the way that the mode needs.
fn start(options: &Options) -> Result<System, SpawnError> {
    let mut system = System::new("countdown");
    let steps = Steps::new(options);
    match options.mode {
        Mode::Wait => {
            // What is promised is every step, however long that takes. Each is a sign of life, so
            // only a thread that hangs in one for longer than it can last would be given up.
            let all = options.longest.saturating_mul(options.steps);
            system.set_drain_budget(all.saturating_add(SLACK));
            system.set_stall_limit(options.longest.saturating_add(SLACK));
            system.task("steps").spawn(|cx| wait(cx, steps))?;
        }
        Mode::Daemon => {
            let done = Event::new();
            let told = done.clone();
            let daemon = system.task("steps").daemon();
            daemon.spawn(move |_cx| daemon_steps(steps, &told))?;
            // Nobody waits for a daemon, so somebody else has to be there until it is done.
            let watch = system.task("watch");
            watch.spawn(move |cx| {
                select! {
                    recv(done.receiver()) -> _ => {}
                    recv(cx.stopping().receiver()) -> _ => {}
                }
                Ok(())
            })?;
        }
        Mode::Event => {
            // What is promised is the current step.
            let one = options.longest.saturating_add(SLACK);
            system.set_drain_budget(one.saturating_add(SLACK));
            system.set_stall_limit(one);
            system.task("steps").spawn(|cx| poll(cx, steps))?;
        }
        Mode::EventWait => {
            system.task("steps").spawn(|cx| wait_for_event(cx, steps))?;
        }
    }
    Ok(system)
}

// The four ways. Each ends with a clean-up, which says how far it came.

/// Takes every step, whatever happens.
fn wait(cx: &TaskContext, mut steps: Steps) -> exeunt::Result {
    while let Some(step) = steps.begin()? {
        thread::sleep(step);
        steps.done += 1;
        cx.progress();
    }
    steps.clean_up()
}

/// Takes every step too, but is not asked: when the others have ended the process leaves, and it
/// ends in the middle of a step, without its clean-up.
fn daemon_steps(mut steps: Steps, done: &Event) -> exeunt::Result {
    while let Some(step) = steps.begin()? {
        thread::sleep(step);
        steps.done += 1;
    }
    steps.clean_up()?;
    done.set();
    Ok(())
}

/// Asks between two steps.
fn poll(cx: &TaskContext, mut steps: Steps) -> exeunt::Result {
    while !cx.stopping().is_set() {
        let Some(step) = steps.begin()? else { break };
        thread::sleep(step);
        steps.done += 1;
    }
    steps.clean_up()
}

/// Waits for the event instead of sleeping: whoever sets it ends the wait.
fn wait_for_event(cx: &TaskContext, mut steps: Steps) -> exeunt::Result {
    while let Some(step) = steps.begin()? {
        if cx.stopping().wait_timeout(step) {
            break;
        }
        steps.done += 1;
    }
    steps.clean_up()
}

/// The steps, and how many of them are done.
struct Steps {
    done: u32,
    all: u32,
    longest_millis: u64,
    random: Xorshift,
}

impl Steps {
    fn new(options: &Options) -> Steps {
        Steps {
            done: 0,
            all: options.steps,
            longest_millis: u64::try_from(options.longest.as_millis()).unwrap_or(u64::MAX),
            random: Xorshift::new(options.seed),
        }
    }

    /// Announces the next step, and says how long it takes; `None` if all are done.
    fn begin(&mut self) -> io::Result<Option<Duration>> {
        if self.done == self.all {
            return Ok(None);
        }
        let millis = self.random.up_to(self.longest_millis);
        let (next, all) = (self.done + 1, self.all);
        say(&format!("step {next:>2} of {all}: {millis:>4} ms"))?;
        Ok(Some(Duration::from_millis(millis)))
    }

    fn clean_up(&self) -> exeunt::Result {
        let (done, all) = (self.done, self.all);
        Ok(say(&format!("cleaned up: {done} of {all} steps completed"))?)
    }
}

/// Not `println`, which panics if nobody listens any more.
fn say(line: &str) -> io::Result<()> {
    let said = writeln!(io::stdout(), "{line}");
    said.map_err(|error| io::Error::new(error.kind(), format!("standard output: {error}")))
}

/// Marsaglia's generator: good enough for lengths of steps, and for nothing else.
struct Xorshift(u64);

impl Xorshift {
    fn new(seed: u64) -> Xorshift {
        // Spread over all bits, since small seeds begin with small numbers; from 0 it would never
        // come away.
        Xorshift(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn up_to(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        1 + (self.0 >> 11) % limit
    }
}

// The command line.

struct Options {
    mode: Mode,
    steps: u32,
    longest: Duration,
    seed: u64,
}

#[derive(Clone, Copy)]
enum Mode {
    Wait,
    Daemon,
    Event,
    EventWait,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH);
        let mut options = Options {
            mode: Mode::EventWait,
            steps: 30,
            longest: Duration::from_millis(1000),
            seed: clock.map_or(1, |time| u64::from(time.subsec_nanos())),
        };
        while let Some(name) = args.next() {
            if name == "--help" {
                help(HELP);
            }
            if !["--mode", "--steps", "--max", "--seed"].contains(&name.as_str()) {
                return Err(format!("unknown option {name} (see --help)"));
            }
            let value = args.next().ok_or(format!("{name} needs a value (see --help)"))?;
            match name.as_str() {
                "--mode" => options.mode = value.parse()?,
                "--steps" => options.steps = number(&name, &value)?,
                "--max" => {
                    let millis = number::<u32>(&name, &value)?.max(1);
                    options.longest = Duration::from_millis(millis.into());
                }
                _ => options.seed = number(&name, &value)?,
            }
        }
        Ok(options)
    }
}

fn number<N: FromStr>(name: &str, value: &str) -> Result<N, String> {
    let parsed = value.parse();
    parsed.map_err(|_| format!("{name} {value}: not a number"))
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(name: &str) -> Result<Mode, String> {
        match name {
            "wait" => Ok(Mode::Wait),
            "daemon" => Ok(Mode::Daemon),
            "event" => Ok(Mode::Event),
            "event-wait" => Ok(Mode::EventWait),
            _ => Err(format!("--mode {name}: not one of wait, daemon, event, event-wait")),
        }
    }
}
