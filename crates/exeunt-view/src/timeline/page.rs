//! The page: a header, the chart, the table of the report, and what the script needs to know.

use std::fmt;
use std::time::Duration;

use exeunt::Reason;

use self::coarse::Grain;
use super::rows::Picture;
use super::scale::Scale;
use super::text::{count, escaped, several, time};

mod chart;
mod coarse;
mod table;
mod data;

const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/script.js");
/// The patterns and the shapes, so that nothing is told by its colour alone.
const SHAPES: &str = include_str!("page/shapes.svg");

/// Nothing may be loaded, from wherever the file is opened.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// Writes the whole file.
pub(super) fn write(f: &mut fmt::Formatter<'_>, picture: &Picture) -> fmt::Result {
    let scale = Scale::new(picture.ran, picture.drain.as_ref().map(|(at, _)| *at));
    let grain = Grain::of(picture.rows.len());
    let name = escaped(&picture.report.system);
    write!(
        f,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{name}: timeline</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{SHAPES}"
    )?;
    header(f, picture, &name)?;
    chart::write(f, picture, &scale, grain)?;
    table::write(f, picture)?;
    footer(f, picture, &scale)?;
    f.write_str("<div id=\"tip\" role=\"status\" hidden></div>\n")?;
    f.write_str("<script type=\"application/json\" id=\"data\">")?;
    data::write(f, picture, &scale, grain)?;
    write!(f, "</script>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n")
}

/// What became of the run, at a glance.
fn header(f: &mut fmt::Formatter<'_>, picture: &Picture, name: &str) -> fmt::Result {
    let (class, how) = match (picture.is_failure, picture.is_complete) {
        (true, true) => ("bad", "failed"),
        (true, false) => ("bad", "failed, incomplete"),
        (false, true) => ("good", "complete"),
        (false, false) => ("bad", "incomplete"),
    };
    let reason = escaped(&picture.report.reason.to_string());
    write!(f, "<header>\n<h1>{name}</h1>\n<p class=\"how\"><b class=\"{class}\">{how}</b> ")?;
    writeln!(f, "<span>{reason}</span></p>\n<dl>")?;
    figure(f, "ran", &time(picture.ran))?;
    if picture.report.reason != Reason::Completed {
        figure(f, "drained in", &time(picture.report.took))?;
    }
    figure(f, "actors and tasks", &count(picture.actors as u64))?;
    let sum = |figure: fn(&exeunt::ActorReport) -> u64| {
        let rows = picture.rows.iter().filter(|row| row.what != super::rows::Who::Thread);
        rows.map(|row| figure(&row.line)).sum::<u64>()
    };
    figure(f, "handled", &count(sum(|line| line.handled)))?;
    for (name, sum) in [
        ("failed", sum(|line| line.failed)),
        ("returned", sum(|line| line.returned)),
        ("restarts", sum(|line| line.restarts)),
    ] {
        if sum > 0 {
            figure(f, name, &count(sum))?;
        }
    }
    f.write_str("</dl>\n</header>\n")
}

fn figure(f: &mut fmt::Formatter<'_>, name: &str, figure: &str) -> fmt::Result {
    writeln!(f, "<div><dt>{name}</dt><dd>{figure}</dd></div>")
}

/// How it was made, as far as one has to know to read it.
fn footer(f: &mut fmt::Formatter<'_>, picture: &Picture, scale: &Scale) -> fmt::Result {
    f.write_str("<footer>\n<p>")?;
    match &picture.blind {
        Some(error) => write!(
            f,
            "What the actors did with their time and how full their mailboxes were is not drawn: \
             nobody could look ({}). ",
            escaped(error)
        )?,
        None => write!(
            f,
            "Starts, restarts, turns and ends are drawn when they happened; what an actor does, and \
             its queue, as they were seen every {}. ",
            often(picture.every)
        )?,
    }
    if let Some(slower) = scale.drain_is_slower() {
        write!(f, "The drain has a scale of its own, {} as wide as the run’s. ", times(slower))?;
    }
    let (shown, rows) = (picture.rows.len(), super::rows::ROWS);
    if shown >= rows {
        write!(f, "There are {} and no more. ", several(shown as u64, "row"))?;
    }
    f.write_str("Drawn by exeunt-view.</p>\n</footer>\n")
}

fn often((finest, coarsest): (Duration, Duration)) -> String {
    match finest == coarsest {
        true => time(finest),
        false => format!("{} to {}", time(finest), time(coarsest)),
    }
}

/// "12 times", "4,500 times".
fn times(factor: f64) -> String {
    match factor {
        ..9.95 => format!("{factor:.1} times"),
        _ => format!("{} times", count(factor.round() as u64)),
    }
}

#[cfg(test)]
mod tests;
