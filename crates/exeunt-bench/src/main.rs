//! What `exeunt` costs, beside plain crossbeam and its peers, measured side by side in one run.
//!
//! ```text
//! cargo run --release -p exeunt-bench -- all [--quick] [--markdown FILE] [--svg FILE]
//! cargo run --release -p exeunt-bench -- tell ask --only exeunt,plain
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
mod workload;
mod workloads;
mod contender;
mod contenders;
mod role;
mod troupe;
mod measure;
mod procfs;
mod table;
mod svg;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use contender::Entry;
use measure::{Failure, interleave};
use options::{Options, Request};
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
        Request::Memory(name, actors) => println!("{}", workloads::spawn::measure(name, *actors)?),
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
    let mut tables = Vec::new();
    for &work in &options.workloads {
        eprintln!("{} ...", work.name());
        let table = measure_one(work, options)?;
        println!("{}", table.markdown());
        tables.push(table);
    }
    write(options.markdown.as_deref(), || page(&tables))?;
    write(options.svg.as_deref(), || svg::draw(&tables))
}

fn page(tables: &[Table]) -> String {
    let parts: Vec<String> = tables.iter().map(Table::markdown).collect();
    table::contenders(tables) + "\n" + &parts.join("\n")
}

fn measure_one(work: Workload, options: &Options) -> Result<Table, String> {
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
    Ok(Table::new(work, &scale, &taking_part, figures))
}

fn write(path: Option<&Path>, text: impl FnOnce() -> String) -> Result<(), String> {
    let Some(path) = path else { return Ok(()) };
    fs::write(path, text()).map_err(|error| format!("{}: {error}", path.display()))
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
        let table = measure_one(Workload::Ledger, &options).unwrap();
        assert_eq!(table.medians("exeunt"), Some(vec![800.0, 800.0, 0.0, 0.0]));
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
        let table = measure_one(Workload::Keeps, &options).unwrap();
        assert_eq!(table.medians("exeunt"), Some(vec![100.0, 100.0]));
        assert_eq!(table.medians("plain"), Some(vec![100.0, 100.0]));
    }
}
