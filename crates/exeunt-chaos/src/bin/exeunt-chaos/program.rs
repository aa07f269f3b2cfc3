//! What the program does: the campaign, the second signals, the soak; or the child of one of these.

use std::env;
use std::fmt::{self, Display};
use std::io::{self, IsTerminal as _, Write as _};
use std::process::{ExitCode, Termination};
use std::time::{Duration, Instant};

use exeunt::{Event, Exit, Signals, Status, System};
use exeunt_chaos::{Chaos, Fault, Tally};

use crate::options::{self, HELP, Options, Request};
use crate::topology::Topology;
use crate::{child, soak};

pub(crate) fn main() -> ExitCode {
    let mut arguments = env::args().skip(1).peekable();
    if arguments.next_if(|word| word == options::CHILD).is_some() {
        return match child::play(arguments) {
            Ok(exit) => exit.report(),
            Err(error) => fail(&error),
        };
    }
    match options::parse(arguments).and_then(obey_until_ctrl_c) {
        Ok(exit) => exit.report(),
        Err(error) => {
            eprintln!("exeunt-chaos: {error}");
            ExitCode::from(2)
        }
    }
}

/// The first Ctrl-C calls it off: what has begun is played to its end, and what was found until then is told. The
/// system has nobody in it; it is there for the signals, and for the status.
fn obey_until_ctrl_c(request: Request) -> Result<Exit, String> {
    let system = System::new("exeunt-chaos");
    let signals =
        Signals::default().install(&system.handle()).map_err(|error| error.to_string())?;
    let is_clean = obey(request, system.handle().drain_began())?;
    let exit = Exit::from(system.shutdown()).quiet();
    drop(signals);
    Ok(if is_clean { exit } else { exit.with_status(Status::Failure) })
}

fn fail(error: &dyn Display) -> ExitCode {
    eprintln!("exeunt-chaos: {error}");
    ExitCode::FAILURE
}

/// Says whether all was well.
fn obey(request: Request, called_off: &Event) -> Result<bool, String> {
    match request {
        Request::Help => say(format_args!("{HELP}"))?,
        Request::List => list()?,
        Request::Soak(duration) => return soak::run(duration, called_off),
        Request::Second(options) => {
            let signals = options.signals.unwrap_or(1000);
            let campaign = campaign(options, called_off)?;
            let campaign = campaign.topologies([child::STUCK]).signals(signals);
            say_that_it_begins(&format!("{signals} second signals"));
            let second = campaign.second_signal().map_err(|error| error.to_string())?;
            say(format_args!("{second}\n"))?;
            return Ok(second.is_clean());
        }
        Request::Signals(options) => return signals(options, called_off),
    }
    Ok(true)
}

fn list() -> Result<(), String> {
    say(format_args!("topologies:\n"))?;
    for topology in Topology::ALL {
        say(format_args!("  {:<14} {}\n", topology.name, topology.about))?;
    }
    say(format_args!("faults:\n"))?;
    for fault in Fault::ALL {
        say(format_args!("  {fault:<14} {}\n", fault.about()))?;
    }
    say(format_args!("moments:\n  start-up, work, drain\n"))
}

/// Writes to standard output, without the panic of `print`: how the program ends is its verdict.
pub(crate) fn say(text: fmt::Arguments<'_>) -> Result<(), String> {
    match io::stdout().write_fmt(text) {
        // Who reads only the first lines has what they wanted; the status tells the rest.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("standard output: {error}"))
        }
        _ => Ok(()),
    }
}

/// It may take long, and say nothing meanwhile.
pub(crate) fn say_that_it_begins(what: &str) {
    let _ = writeln!(io::stderr(), "{what}; Ctrl-C ends it early, with what was found until then");
}

fn signals(options: Options, called_off: &Event) -> Result<bool, String> {
    // A seed alone is one run, that of a failure.
    let signals = options.signals.unwrap_or(if options.seed.is_some() { 1 } else { 300 });
    let campaign = campaign(options, called_off)?.signals(signals).watch(progress(signals));
    say_that_it_begins(&format!("{signals} signals"));
    let began = Instant::now();
    let tally = campaign.run().map_err(|error| error.to_string())?;
    if tally.runs() < signals {
        say(format_args!("called off after {} of {signals}\n", tally.runs()))?;
    }
    say(format_args!("{:.1} s\n{tally}\n", began.elapsed().as_secs_f64()))?;
    Ok(tally.is_clean())
}

fn campaign(options: Options, called_off: &Event) -> Result<Chaos, String> {
    let program = env::current_exe().map_err(|error| format!("this program: {error}"))?;
    let mut campaign = Chaos::new(program).args([options::CHILD]).until(called_off);
    if let Some(sabotage) = &options.sabotage {
        campaign = campaign.args([sabotage]);
    }
    if let Some(seed) = options.seed {
        campaign = campaign.seed(seed);
    }
    if let Some(jobs) = options.jobs {
        campaign = campaign.jobs(jobs);
    }
    if let Some(limit) = options.limit {
        campaign = campaign.limit(limit);
    }
    Ok(campaign.topologies(options.topologies).faults(options.faults).moments(options.moments))
}

/// Tells how far it is: after the first run, then to a terminal all the time, to a file now and then.
fn progress(signals: u64) -> impl FnMut(&Tally) + Send + 'static {
    let (every, end) = match std::io::stderr().is_terminal() {
        true => (Duration::from_millis(200), '\r'),
        false => (Duration::from_secs(10), '\n'),
    };
    let mut said: Option<Instant> = None;
    let mut failures = 0;
    move |tally| {
        for failure in &tally.failures()[failures..] {
            eprintln!("{failure}\n");
        }
        failures = tally.failures().len();
        if said.is_none_or(|said| said.elapsed() >= every) {
            said = Some(Instant::now());
            eprint!("{} of {signals}, {failures} failed{end}", tally.runs());
        }
    }
}
