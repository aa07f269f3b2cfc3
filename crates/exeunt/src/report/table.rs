//! The report as a table for a terminal.

use std::fmt;

use super::alike::Rows;
use super::{ActorReport, Refusals, Report};
use crate::printable::printable;
use crate::span::Span;

const COLUMNS: usize = 80;
pub(crate) const NAME_COLUMNS: usize = 20;
/// The indent of lines that continue one that was too long.
const INDENT: usize = 4;
const NO_BREAK: &str = "\u{a0}";

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match (self.is_failure(), self.is_complete()) {
            (true, true) => "FAILED",
            (true, false) => "FAILED, INCOMPLETE",
            (false, true) => "complete",
            (false, false) => "INCOMPLETE",
        };
        // A figure and its unit stay together.
        let took = Span(self.took).to_string().replace(' ', NO_BREAK);
        let head = format!("{}: {how} ({}), drained in {took}", self.system, self.reason);
        writeln!(f, "{}", wrapped(&head).replace(NO_BREAK, " "))?;
        writeln!(
            f,
            "  {:<NAME_COLUMNS$} {:<9} {:>8} {:>9} {:>9} {:>6} {:>8}",
            "in order of leaving", "ended", "took", "handled", "draining", "failed", "returned"
        )?;
        let rows = Rows::of(&self.actors);
        for actor in &rows.lines {
            writeln!(f, "  {actor}")?;
            for thread in &actor.threads {
                writeln!(f, "  {thread}")?;
            }
        }
        let remarks = rows.lines.iter().filter_map(|actor| remarks(actor));
        let refusals = self.refused.iter().map(|Refusals { from, to, count }| {
            let times = if *count == 1 { "once".to_owned() } else { format!("{count} times") };
            let why = "after its turn (is a `feeds` missing?)";
            format!("  refused: `{from}` sent to `{to}` {times} {why}")
        });
        for line in remarks.chain(rows.failures()).chain(refusals) {
            writeln!(f, "{}", wrapped(&line))?;
        }
        Ok(())
    }
}

/// One line of the table.
impl fmt::Display for ActorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<NAME_COLUMNS$} {:<9} {:>8} ",
            clipped(&self.name),
            self.ended,
            Span(self.took).to_string(),
        )?;
        if self.is_task {
            return write!(f, "{:>9} {:>9} {:>6} {:>8}", "-", "-", "-", "-");
        }
        write!(
            f,
            "{:>9} {:>9} {:>6} {:>8}",
            self.handled, self.handled_while_draining, self.failed, self.returned
        )
    }
}

/// What there is to say of an actor beside its line.
fn remarks(actor: &ActorReport) -> Option<String> {
    let times = |count: u64, one: &str, many: &str| match count {
        0 => None,
        1 => Some(one.to_owned()),
        many_times => Some(format!("{many_times} {many}")),
    };
    let remarks: Vec<String> = [
        times(actor.restarts, "restarted once", "restarts"),
        times(actor.overflowed, "one had to make room", "had to make room"),
        times(actor.cancelled, "a timer never fired", "timers never fired"),
        actor.error.clone().map(
            |error| {
                if actor.absorbed { format!("{error} (absorbed)") } else { error }
            },
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!remarks.is_empty()).then(|| format!("  `{}`: {}", actor.name, remarks.join("; ")))
}

/// The name, cut to its column.
pub(crate) fn clipped(name: &str) -> String {
    let name = printable(name);
    if name.chars().count() <= NAME_COLUMNS {
        return name;
    }
    name.chars().take(NAME_COLUMNS - 1).chain(['…']).collect()
}

/// A line that may be too long, on as many as it takes; those that follow are indented. Broken between
/// words, unless a word is too long for a line.
pub(crate) fn wrapped(line: &str) -> String {
    let line = printable(line);
    let mut wrapped = String::with_capacity(line.len());
    let mut column = 0;
    for word in line.split_inclusive(' ') {
        let columns = word.trim_end().chars().count();
        if column + columns > COLUMNS && columns <= COLUMNS - INDENT {
            break_line(&mut wrapped, &mut column);
        }
        for c in word.chars() {
            if column == COLUMNS {
                break_line(&mut wrapped, &mut column);
            }
            wrapped.push(c);
            column += 1;
        }
    }
    wrapped
}

fn break_line(text: &mut String, column: &mut usize) {
    text.truncate(text.trim_end_matches(' ').len());
    text.push('\n');
    text.extend([' '; INDENT]);
    *column = INDENT;
}
