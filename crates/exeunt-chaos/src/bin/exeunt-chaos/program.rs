//! What the program does: the campaign, the second signals, the soak; or the child of one of these.

use std::env;
use std::fmt::{self, Display};
use std::io::{self, IsTerminal as _, Write as _};
use std::process::{ExitCode, Termination};
use std::time::{Duration, Instant};

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
    match options::parse(arguments).and_then(obey) {
        Ok(is_clean) => ExitCode::from(u8::from(!is_clean)),
        Err(error) => {
            eprintln!("exeunt-chaos: {error}");
            ExitCode::from(2)
        }
    }
}

fn fail(error: &dyn Display) -> ExitCode {
    eprintln!("exeunt-chaos: {error}");
    ExitCode::FAILURE
}

/// Says whether all was well.
fn obey(request: Request) -> Result<bool, String> {
    match request {
        Request::Help => say(format_args!("{HELP}"))?,
        Request::List => list()?,
        Request::Soak(duration) => return soak::run(duration),
        Request::Second(options) => {
            let signals = options.signals.unwrap_or(1000);
            let campaign = campaign(options)?.topologies([child::STUCK]).signals(signals);
            let second = campaign.second_signal().map_err(|error| error.to_string())?;
            say(format_args!("{second}\n"))?;
            return Ok(second.is_clean());
        }
        Request::Signals(options) => return signals(options),
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

fn signals(options: Options) -> Result<bool, String> {
    // A seed alone is one run, that of a failure.
    let signals = options.signals.unwrap_or(if options.seed.is_some() { 1 } else { 300 });
    let campaign = campaign(options)?.signals(signals).watch(progress(signals));
    let began = Instant::now();
    let tally = campaign.run().map_err(|error| error.to_string())?;
    say(format_args!("{:.1} s\n{tally}\n", began.elapsed().as_secs_f64()))?;
    Ok(tally.is_clean())
}

fn campaign(options: Options) -> Result<Chaos, String> {
    let program = env::current_exe().map_err(|error| format!("this program: {error}"))?;
    let mut campaign = Chaos::new(program).args([options::CHILD]);
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

/// Tells how far it is: to a terminal all the time, to a file now and then.
fn progress(signals: u64) -> impl FnMut(&Tally) + Send + 'static {
    let (every, end) = match std::io::stderr().is_terminal() {
        true => (Duration::from_millis(200), '\r'),
        false => (Duration::from_secs(10), '\n'),
    };
    let mut said = Instant::now();
    let mut failures = 0;
    move |tally| {
        for failure in &tally.failures()[failures..] {
            eprintln!("{failure}\n");
        }
        failures = tally.failures().len();
        if said.elapsed() >= every {
            said = Instant::now();
            eprint!("{} of {signals}, {failures} failed{end}", tally.runs());
        }
    }
}
