//! What `exeunt` costs, beside plain crossbeam and its peers, measured side by side in one run.
//!
//! ```text
//! cargo run --release -p exeunt-bench -- all [--quick] [--markdown FILE] [--svg FILE]
//! cargo run --release -p exeunt-bench -- tell ask --only exeunt,plain --cpus all,1
//! cargo run --release -p exeunt-bench -- list
//! ```
//!
//! Each contender has a process of its own. They take turns within every round, and all workloads are gone through
//! several times, each time with some of their rounds, so that what disturbs the machine disturbs all of them. A figure
//! is the median of the rounds with its quartiles, and its ratio to that of plain crossbeam in the same run: compare
//! ratios, and only within one run. Every contender's result is checked; a wrong one ends the run with status 1. One
//! that does not fit a workload is listed with the reason.
//!
//! In the order of reading: [`workload`] says what is measured, [`contender`] who takes part and what each has to be
//! able to do, [`role`] what their actors do, [`measurement`] how one is measured, [`own_process`] where, [`measure`]
//! how figures are taken, and [`table`] and [`svg`] how they are shown.

mod options;
mod placement;
mod workload;
mod workloads;
mod contender;
mod contenders;
mod role;
mod troupe;
mod measure;
mod measurement;
mod own_process;
mod procfs;
mod machine;
mod table;
mod svg;

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use measurement::Measurement;
use options::{HELP, Options, Request};
use own_process::Processes;
use placement::Cpus;
use table::Table;
use workload::Workload;

fn main() -> ExitCode {
    let (error, status) = match options::parse(std::env::args().skip(1)).and_then(possible) {
        Ok(request) => match obey(&request) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => (error, 1),
        },
        Err(error) => (error, 2),
    };
    eprintln!("exeunt-bench: {error}");
    ExitCode::from(status)
}

/// What is asked for, if it can be done here.
fn possible(request: Request) -> Result<Request, String> {
    if let Request::Run(options) = &request {
        let cpus = Cpus::of_this_process()?;
        options.placements(cpus.count()).into_iter().try_for_each(|it| cpus.check(it))?;
        if Measurement::all(options, cpus.count()).is_empty() {
            return Err("apart are a sender and an actor: of `tell` and `ask` only".to_owned());
        }
    }
    Ok(request)
}

fn obey(request: &Request) -> Result<(), String> {
    match request {
        Request::Help => say(HELP),
        Request::List => say(&list()),
        Request::Memory(name, actors) => {
            let [all, beyond_stacks] = workloads::spawn::measure(name, *actors)?;
            say(&format!("{all} {beyond_stacks}\n"))
        }
        Request::Play(name) => own_process::serve(name, &Cpus::of_this_process()?),
        Request::Run(options) => run(options),
    }
}

fn list() -> String {
    let mut text = "workloads:\n".to_owned();
    for work in Workload::every() {
        let _ = writeln!(text, "  {:<18} {}", work.name(), work.about());
    }
    text.push_str("contenders:\n");
    for entry in contender::entries() {
        let about = &entry.about;
        let _ = writeln!(text, "  {:<18} {:<28} {}", about.name, about.version, about.place);
    }
    text
}

fn say(text: &str) -> Result<(), String> {
    match io::stdout().write_all(text.as_bytes()) {
        // Who reads only the first lines has what they wanted; the files are still to be written.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("standard output: {error}"))
        }
        _ => Ok(()),
    }
}

/// How often all is gone through, each time with a part of the rounds. What else a machine does comes and goes by
/// the minute: so it falls on all workloads alike, and on a part of the rounds of each.
const PASSES: usize = 5;

fn run(options: &Options) -> Result<(), String> {
    let cpus = Cpus::of_this_process()?;
    let about = machine::describe(cpus.count());
    let mut measurements = Measurement::all(options, cpus.count());
    let (mut processes, mut tables) = (Processes::default(), Vec::new());
    let passes = if options.quick { 1 } else { PASSES };
    for pass in 1..=passes {
        for measurement in &mut measurements {
            eprintln!("{}, {pass} of {passes} ...", measurement.title());
            measurement.play_until(pass, passes, |entry, work, placement, scale| {
                processes.play(entry, work, placement, scale)
            })?;
            if pass == passes {
                let table = measurement.table();
                say(&format!("{}\n", table.markdown()))?;
                tables.push(table);
            }
        }
    }
    write(options.markdown.as_deref(), |before| page(before, &about, &tables))?;
    write(options.svg.as_deref(), |_| svg::draw(&tables))
}

/// What a page of one's own has above this line is kept when the figures are written below it anew.
const FIGURES: &str = "<!-- From here on the command writes. -->\n";

fn page(before: &str, about: &str, tables: &[Table]) -> String {
    let own = before.split_once(FIGURES).map_or("", |(own, _)| own);
    let noise = machine::noise(tables).map_or(String::new(), |noise| format!(" {noise}"));
    let parts: Vec<String> = tables.iter().map(Table::markdown).collect();
    let (contenders, tables) = (table::contenders(tables), parts.join("\n"));
    format!("{own}{FIGURES}\n## The tables\n\n{about}{noise}\n\n{contenders}\n{tables}")
}

/// Writes a file, knowing what was in it before. What is no file, a pipe or a device, had nothing in it:
/// some devices can be read for ever.
fn write(path: Option<&Path>, text: impl FnOnce(&str) -> String) -> Result<(), String> {
    let Some(path) = path else { return Ok(()) };
    let before = if path.is_file() { fs::read_to_string(path) } else { Ok(String::new()) };
    let before = before.map_err(|error| format!("{}: {error}", path.display()))?;
    fs::write(path, text(&before)).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Table;

    fn measured(options: &Options) -> Table {
        let mut measurement = Measurement::all(options, 1).remove(0);
        measurement
            .play_until(1, 1, |entry, work, _, scale| (entry.run)(work, scale, None))
            .unwrap();
        measurement.table()
    }

    #[test]
    fn exeunt_loses_nothing_whenever_it_is_stopped() {
        let options = Options {
            workloads: vec![Workload::Ledger],
            only: Some(vec!["exeunt".to_owned()]),
            quick: true,
            ..Options::default()
        };
        assert_eq!(measured(&options).medians("exeunt"), Some(vec![800.0, 800.0, 0.0, 0.0]));
    }

    #[test]
    fn what_one_has_written_oneself_is_kept() {
        let first = page("", "On a machine.", &[]);
        assert!(first.starts_with(FIGURES) && first.contains("On a machine."));
        let again = page(&format!("# Mine\n{first}"), "On another.", &[]);
        assert!(again.starts_with("# Mine\n") && !again.contains("On a machine."), "{again}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_named_and_a_device_is_not_read() {
        let full = write(Some(Path::new("/dev/full")), str::to_owned);
        assert_eq!(full, Ok(()), "nothing was written, for nothing was read");
        let full = write(Some(Path::new("/dev/full")), |_| "a table".to_owned());
        assert_eq!(full, Err("/dev/full: No space left on device (os error 28)".to_owned()));
    }

    /// Who keeps everything is a fact, not a figure: it must hold in the smallest form.
    #[test]
    fn exeunt_and_plain_keep_what_they_accepted() {
        let options = Options {
            workloads: vec![Workload::Keeps],
            only: Some(vec!["exeunt".to_owned(), "plain".to_owned()]),
            quick: true,
            ..Options::default()
        };
        let table = measured(&options);
        assert_eq!(table.medians("exeunt"), Some(vec![100.0, 100.0]));
        assert_eq!(table.medians("plain"), Some(vec![100.0, 100.0]));
    }
}
