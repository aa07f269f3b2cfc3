//! What `exeunt` costs, beside plain crossbeam and its peers, measured side by side in one run.
//!
//! ```text
//! cargo run --release -p exeunt-bench -- all [--quick] [--markdown FILE] [--svg FILE]
//! cargo run --release -p exeunt-bench -- tell ask --only exeunt,plain --cpus all,1
//! cargo run --release -p exeunt-bench -- list
//! ```
//!
//! The contenders take turns within every round, so that what disturbs the machine disturbs all of
//! them. A figure is the median of the rounds with its quartiles, and its ratio to that of plain
//! crossbeam in the same run: compare ratios, and only within one run. Every contender's result is
//! checked; a wrong one ends the run with status 1. One that does not fit a workload is listed with
//! the reason.
//!
//! In the order of reading: [`workload`] says what is measured, [`contender`] who takes part and
//! what each has to be able to do, [`role`] what their actors do, [`measure`] how figures are taken,
//! and [`table`] and [`svg`] how they are shown.

mod options;
mod placement;
mod workload;
mod workloads;
mod contender;
mod contenders;
mod role;
mod troupe;
mod measure;
mod procfs;
mod machine;
mod table;
mod svg;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use contender::Entry;
use measure::{Failure, interleave};
use options::{Options, Request};
use placement::{Cpus, Placement};
use table::Table;
use workload::Workload;

fn main() -> ExitCode {
    match options::parse(std::env::args().skip(1)).and_then(|request| obey(&request)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("exeunt-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn obey(request: &Request) -> Result<(), String> {
    match request {
        Request::List => list(),
        Request::Memory(name, actors) => {
            let [all, beyond_stacks] = workloads::spawn::measure(name, *actors)?;
            println!("{all} {beyond_stacks}");
        }
        Request::Run(options) => run(options)?,
    }
    Ok(())
}

fn list() {
    println!("workloads:");
    Workload::every().for_each(|work| println!("  {:<18} {}", work.name(), work.about()));
    println!("contenders:");
    for entry in contender::entries() {
        let about = &entry.about;
        println!("  {:<18} {:<28} {}", about.name, about.version, about.place);
    }
}

fn run(options: &Options) -> Result<(), String> {
    let cpus = Cpus::of_this_process()?;
    let about = machine::describe(cpus.count());
    let mut tables = Vec::new();
    for (number, &placement) in options.placements(cpus.count()).iter().enumerate() {
        cpus.place(placement)?;
        for &work in options.workloads.iter().filter(|work| number == 0 || work.is_placed()) {
            eprintln!("{}{} ...", work.name(), placement.suffix());
            let table = measure_one(work, placement, options)?;
            println!("{}", table.markdown());
            tables.push(table);
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

fn measure_one(work: Workload, placement: Placement, options: &Options) -> Result<Table, String> {
    let taking_part: Vec<&Entry> = contender::entries()
        .iter()
        .filter(|entry| options.includes(entry.about.name))
        .filter(|entry| !entry.keeps_only || matches!(work, Workload::Keeps | Workload::Ledger))
        .collect();
    let scale = work.scale(options.quick);
    let figures = interleave(taking_part.len(), scale.rounds, |i| {
        (taking_part[i].run)(work, &scale).map_err(|failure| match failure {
            Failure::Wrong(what) => {
                Failure::Wrong(format!("{}: {}: {what}", work.name(), taking_part[i].about.name))
            }
            left_out => left_out,
        })
    })?;
    Ok(Table::new(work, placement, &scale, &taking_part, figures))
}

/// Writes a file, knowing what was in it before.
fn write(path: Option<&Path>, text: impl FnOnce(&str) -> String) -> Result<(), String> {
    let Some(path) = path else { return Ok(()) };
    let before = fs::read_to_string(path).unwrap_or_default();
    fs::write(path, text(&before)).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exeunt_loses_nothing_whenever_it_is_stopped() {
        let options = Options {
            workloads: vec![Workload::Ledger],
            only: Some(vec!["exeunt".to_owned()]),
            quick: true,
            ..Options::default()
        };
        let table = measure_one(Workload::Ledger, Placement::Free, &options).unwrap();
        assert_eq!(table.medians("exeunt"), Some(vec![800.0, 800.0, 0.0, 0.0]));
    }

    #[test]
    fn what_one_has_written_oneself_is_kept() {
        let first = page("", "On a machine.", &[]);
        assert!(first.starts_with(FIGURES) && first.contains("On a machine."));
        let again = page(&format!("# Mine\n{first}"), "On another.", &[]);
        assert!(again.starts_with("# Mine\n") && !again.contains("On a machine."), "{again}");
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
        let table = measure_one(Workload::Keeps, Placement::Free, &options).unwrap();
        assert_eq!(table.medians("exeunt"), Some(vec![100.0, 100.0]));
        assert_eq!(table.medians("plain"), Some(vec![100.0, 100.0]));
    }
}
