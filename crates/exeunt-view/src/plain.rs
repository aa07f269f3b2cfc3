//! Plain lines: what is said of a run where there is no terminal to draw on.

use std::fmt::Write as _;

use exeunt::{Notice, Reason};
use log::LevelFilter;

use crate::live::cast::Entry;
use crate::live::text::printable;

/// How many of the cast a line of progress names.
const NAMED: usize = 8;

/// The line for a notice, if it is loud enough and the log does not say it already.
pub(crate) fn said_of(system: &str, notice: &Notice, loudest: LevelFilter) -> Option<String> {
    let level = notice.level();
    let is_logged = log::log_enabled!(target: &Notice::log_target(system), level);
    // That all have ended by themselves needs no saying.
    let is_nothing = matches!(notice, Notice::DrainBegan { reason: Reason::Completed, .. });
    (level <= loudest && !is_logged && !is_nothing).then(|| format!("{system}: {notice}\n"))
}

/// How far everybody is, upstream first: "words: read 34 handled, 16 queued; split 18 handled". Nothing,
/// if there is nobody who handles messages.
pub(crate) fn progress(system: &str, entries: &[Entry]) -> Option<String> {
    let actors = entries.iter().filter(|entry| entry.depth == 0 && entry.sight.capacity.is_some());
    let actors: Vec<&Entry> = actors.collect();
    if actors.is_empty() {
        return None;
    }
    let mut line = format!("{system}: ");
    for (i, entry) in actors.iter().take(NAMED).enumerate() {
        let sight = &entry.sight;
        let semicolon = if i == 0 { "" } else { "; " };
        let _ = write!(line, "{semicolon}{} {} handled", printable(&sight.name), sight.handled);
        if sight.queued > 0 {
            let _ = write!(line, ", {} queued", sight.queued);
        }
        if sight.failed > 0 {
            let _ = write!(line, ", {} failed", sight.failed);
        }
    }
    if let Some(more @ 1..) = actors.len().checked_sub(NAMED) {
        let _ = write!(line, "; and {more} more");
    }
    line.push('\n');
    Some(line)
}
