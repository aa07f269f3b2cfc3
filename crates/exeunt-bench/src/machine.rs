//! What was measured on, and how steady it was.

use std::fs;
use std::process::Command;

use crate::measure::{Spread, quantile};
use crate::table::Table;

/// The machine, the system, the compiler and the day, as one sentence.
pub(crate) fn describe(cpus: usize) -> String {
    let day = said_by("date", &["-u", "+%Y-%m-%d"]).unwrap_or_else(|| "an unknown day".to_owned());
    let rustc = said_by("rustc", &["--version"]).unwrap_or_else(|| "an unknown rustc".to_owned());
    let load = first_word("/proc/loadavg").map_or(String::new(), |load| {
        format!(" The load average was {load} when it began, without these.")
    });
    format!(
        "Measured on {day}: {cpus} CPUs ({}), {} {}{}, {rustc}, the release profile.{load}",
        model().unwrap_or_else(|| "of an unknown model".to_owned()),
        std::env::consts::ARCH,
        std::env::consts::OS,
        kernel().map_or(String::new(), |it| format!(" {it}")),
    )
}

/// How far the quartiles lie apart, of all figures that are times, as one sentence.
pub(crate) fn noise(tables: &[Table]) -> Option<String> {
    let costs = tables.iter().filter(|table| table.work.is_cost());
    let figures = costs.flat_map(|table| &table.rows).filter_map(|row| row.figures.as_ref().ok());
    let mut apart: Vec<f64> = figures.map(|spreads| width(spreads[0])).collect();
    apart.sort_by(f64::total_cmp);
    (!apart.is_empty()).then(|| {
        let [half, most, all] = [0.5, 0.9, 1.0].map(|part| 100.0 * quantile(&apart, part));
        format!(
            "Within this run the quartiles lie {half:.0} % of the median apart or less for half of the \
             figures, {most:.0} % for nine in ten, and {all:.0} % at worst."
        )
    })
}

fn width(spread: Spread) -> f64 {
    (spread.high - spread.low) / spread.median
}

fn model() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split(':').nth(1)?.trim().to_owned())
}

/// Its version, without what a distribution calls its build.
fn kernel() -> Option<String> {
    let release = first_word("/proc/sys/kernel/osrelease")?;
    Some(release.split(['-', '+']).next()?.to_owned())
}

fn first_word(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()?.split_whitespace().next().map(str::to_owned)
}

fn said_by(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::table;
    use crate::workload::Workload;

    #[test]
    fn noise_is_that_of_times_alone() {
        let keeps = table(Workload::Keeps, &[("plain", Ok(100.0))]);
        assert_eq!(noise(&[keeps]), None);
        // From the half of it to the double.
        let ask = table(Workload::Ask, &[("plain", Ok(3.0)), ("exeunt", Ok(1.0))]);
        assert!(noise(&[ask]).unwrap().contains("lie 150 % of the median apart"));
    }
}
