//! The chart: an axis, a grid behind everything, and a row for each actor.
//!
//! Places along the axis are in per cent, so that the page may be as wide as it likes and nothing but time
//! is stretched; heights are in pixels.

use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::time::Duration;

use exeunt::Ended;

use super::super::recording::{Mark, What};
use super::super::rows::{Picture, Point, Row, Who};
use super::super::scale::Scale;
use super::super::text::{count, escaped, several, time};
use super::super::track::Kind;
use super::coarse::{Grain, Piece};
use super::times;

/// A row, from the top: the queue, the bar of what it does, the strip of its drain.
const ROW: u32 = 46;
const QUEUE: (u32, u32) = (5, 15);
const BAR: (u32, u32) = (22, 12);
const STRIP: (u32, u32) = (37, 4);

/// Marks that are closer than this look like one.
const MARKS_APART: f64 = 0.4;

/// From here on there is more room to the left of a line than to its right.
const CROWDED: f64 = 70.0;

pub(super) fn write(
    f: &mut fmt::Formatter<'_>,
    picture: &Picture,
    scale: &Scale,
    grain: Grain,
) -> fmt::Result {
    let drain = picture.drain.as_ref().map(|(at, _)| *at);
    legend(f, picture)?;
    f.write_str("<div class=\"chart\">\n")?;
    axis(f, picture, scale)?;
    f.write_str("<div class=\"rows\">\n")?;
    grid(f, scale, drain)?;
    for (number, row) in picture.rows.iter().enumerate() {
        let drawing = Drawing { scale, grain, drain };
        drawing.row(f, number, row)?;
    }
    f.write_str("<div class=\"cursor\" hidden></div>\n</div>\n</div>\n")
}

// What it means.

fn legend(f: &mut fmt::Formatter<'_>, picture: &Picture) -> fmt::Result {
    f.write_str("<ul class=\"legend\">\n")?;
    let spans = picture.rows.iter().flat_map(|row| &row.spans);
    let kinds: BTreeSet<u8> = spans.map(|span| span.kind as u8).collect();
    for kind in Kind::ALL {
        let is_usual = matches!(kind, Kind::Busy | Kind::Idle | Kind::Blocked);
        if is_usual || kinds.contains(&(kind as u8)) {
            let mut swatch = String::new();
            bar(&mut swatch, kind, 0.0, 100.0, 2)?;
            entry(f, &swatch, kind.name())?;
        }
    }
    entry(f, "<path class=\"queue\" d=\"M0 16V11H7V5H14V9H21V13H28V16Z\"/>", "queue")?;
    if picture.drain.is_some() {
        entry(
            f,
            "<path class=\"awaits\" d=\"M0 8H28\"/>",
            "the drain has begun, its turn has not",
        )?;
    }
    entry(
        f,
        "<rect class=\"turn\" y=\"6\" width=\"28\" height=\"4\"/>",
        "its turn, until it has left",
    )?;
    let marks: BTreeSet<What> =
        picture.rows.iter().flat_map(|row| &row.marks).map(|mark| mark.what).collect();
    for what in marks {
        let shape = format!("<use href=\"#{}\" x=\"14\" y=\"8\"/>", shape(what));
        entry(f, &shape, what.name())?;
    }
    f.write_str("</ul>\n")
}

fn entry(f: &mut fmt::Formatter<'_>, drawing: &str, name: &str) -> fmt::Result {
    let svg = "<svg width=\"28\" height=\"16\" aria-hidden=\"true\">";
    writeln!(f, "<li>{svg}{drawing}</svg>{name}</li>")
}

// Where it is.

fn axis(f: &mut fmt::Formatter<'_>, picture: &Picture, scale: &Scale) -> fmt::Result {
    let corner = "<div class=\"who\">in order of leaving</div>";
    write!(f, "<div class=\"axis\">{corner}<div class=\"plot\">")?;
    if let Some((at, reason)) = &picture.drain {
        let place = scale.place(*at);
        let side = if place > CROWDED { " left" } else { "" };
        let slower = scale.drain_is_slower();
        let slower = slower.map_or(String::new(), |s| format!(", {} as wide", times(s)));
        let reason = escaped(&reason.to_string());
        write!(
            f,
            "<span class=\"drain{side}\" style=\"left:{place:.3}%\" title=\"{reason}\">\
             drain: {reason}{slower}</span>"
        )?;
    }
    for tick in scale.ticks() {
        // The first and the last would stand out on the sides.
        let side = match tick.place {
            ..1.5 => " first",
            98.0.. => " last",
            _ => "",
        };
        let (place, label) = (tick.place, tick.label);
        write!(f, "<span class=\"tick{side}\" style=\"left:{place:.3}%\">{label}</span>")?;
    }
    f.write_str("</div></div>\n")
}

fn grid(f: &mut fmt::Formatter<'_>, scale: &Scale, drain: Option<Duration>) -> fmt::Result {
    f.write_str("<svg class=\"grid\" aria-hidden=\"true\">")?;
    if let Some(drain) = drain {
        let left = scale.place(drain);
        let width = 100.0 - left;
        write!(
            f,
            "<rect class=\"draining\" x=\"{left:.3}%\" width=\"{width:.3}%\" height=\"100%\"/>"
        )?;
    }
    for tick in scale.ticks() {
        line(f, "", tick.place)?;
    }
    if let Some(drain) = drain {
        line(f, " class=\"drain\"", scale.place(drain))?;
    }
    f.write_str("</svg>\n")
}

fn line(f: &mut fmt::Formatter<'_>, class: &str, place: f64) -> fmt::Result {
    write!(f, "<line{class} x1=\"{place:.3}%\" x2=\"{place:.3}%\" y2=\"100%\"/>")
}

// Who does what.

#[derive(Clone, Copy)]
struct Drawing<'a> {
    scale: &'a Scale,
    grain: Grain,
    drain: Option<Duration>,
}

impl Drawing<'_> {
    fn row(self, f: &mut fmt::Formatter<'_>, number: usize, row: &Row) -> fmt::Result {
        let (name, figures) = (escaped(&row.line.name), figures(row));
        let (depth, bad) = (row.depth.min(8), if row.ended_well() { "" } else { " bad" });
        writeln!(
            f,
            "<div class=\"row\"><div class=\"who{bad}\" style=\"--depth:{depth}\" \
             title=\"{name}: {figures}\"><b><bdi>{name}</bdi></b><small>{figures}</small></div>"
        )?;
        write!(
            f,
            "<div class=\"plot\" data-row=\"{number}\">\
             <svg class=\"bars\" height=\"{ROW}\" role=\"img\" tabindex=\"0\"><title>{}</title>",
            escaped(&summary(row))
        )?;
        match row.life {
            Some(life) => self.life(f, row, life)?,
            None => write!(f, "<text class=\"none\" y=\"33\">its times were not kept</text>")?,
        }
        f.write_str("</svg></div></div>\n")
    }

    fn life(
        self,
        f: &mut fmt::Formatter<'_>,
        row: &Row,
        life: (Duration, Duration),
    ) -> fmt::Result {
        let (left, right) = (self.scale.place(life.0), self.scale.place(life.1));
        let (y, height) = BAR;
        write!(
            f,
            "<rect class=\"life\" x=\"{left:.3}%\" y=\"{y}\" width=\"{:.3}%\" height=\"{height}\"/>",
            right - left
        )?;
        for Piece { span, left, width, .. } in self.grain.pieces(&row.spans, self.scale) {
            bar(f, span.kind, left, width, y)?;
        }
        if row.peak > 0 {
            self.queue(f, row, life.1)?;
        }
        self.leaving(f, row, life.1)?;
        // Where it ends, however short it was.
        let bottom = STRIP.0 + STRIP.1;
        write!(
            f,
            "<line class=\"end\" x1=\"{right:.3}%\" x2=\"{right:.3}%\" y1=\"{}\" y2=\"{bottom}\"/>",
            y - 1
        )?;
        self.marks(f, &row.marks)
    }

    /// As it is full, against the fullest that it was.
    fn queue(self, f: &mut fmt::Formatter<'_>, row: &Row, end: Duration) -> fmt::Result {
        let points = self.grain.points(&row.points, self.scale);
        let Some(first) = points.first() else { return Ok(()) };
        let x = |at: Duration| self.scale.place(at) * 10.0;
        let y = |point: &Point| 100.0 - 100.0 * point.queued as f64 / row.peak as f64;
        let mut path = format!("M{:.1} 100", x(first.at));
        for point in &points {
            write!(path, "H{:.1}V{:.0}", x(point.at), y(point))?;
        }
        write!(path, "H{:.1}V100Z", x(end))?;
        let (top, height) = QUEUE;
        write!(
            f,
            "<svg y=\"{top}\" width=\"100%\" height=\"{height}\" viewBox=\"0 0 1000 100\" \
             preserveAspectRatio=\"none\"><path class=\"queue\" d=\"{path}\"/></svg>"
        )
    }

    /// The wait for its turn, and its turn.
    fn leaving(self, f: &mut fmt::Formatter<'_>, row: &Row, end: Duration) -> fmt::Result {
        let (top, height) = STRIP;
        let drain = self.drain.filter(|&drain| drain < end);
        if let (Some(drain), Some((began, _))) = (drain, row.life) {
            let from = self.scale.place(drain.max(began));
            let to = self.scale.place(row.turn.unwrap_or(end).max(drain));
            let y = top + height / 2;
            write!(
                f,
                "<line class=\"awaits\" x1=\"{from:.3}%\" x2=\"{to:.3}%\" y1=\"{y}\" y2=\"{y}\"/>"
            )?;
        }
        let Some(turn) = row.turn else { return Ok(()) };
        let (left, right) = (self.scale.place(turn), self.scale.place(end));
        write!(
            f,
            "<rect class=\"turn\" x=\"{left:.3}%\" y=\"{top}\" width=\"{:.3}%\" height=\"{height}\"/>",
            right - left
        )
    }

    fn marks(self, f: &mut fmt::Formatter<'_>, marks: &[Mark]) -> fmt::Result {
        let mut drawn: Vec<(What, f64)> = Vec::new();
        for mark in marks {
            let place = self.scale.place(mark.at);
            let last = drawn.iter().rfind(|(what, _)| *what == mark.what);
            if last.is_some_and(|(_, last)| place - last < MARKS_APART) {
                continue;
            }
            drawn.push((mark.what, place));
            let y = BAR.0 + BAR.1 / 2;
            write!(f, "<use href=\"#{}\" x=\"{place:.3}%\" y=\"{y}\"/>", shape(mark.what))?;
        }
        Ok(())
    }
}

/// What it does: by its height and its pattern, and by its colour.
fn bar(f: &mut dyn Write, kind: Kind, left: f64, width: f64, y: u32) -> fmt::Result {
    let (class, top, height) = match kind {
        Kind::Busy => ("busy", y, BAR.1),
        Kind::Idle => ("idle", y + 5, 2),
        Kind::Blocked => ("blocked", y, BAR.1),
        Kind::Restarting => ("anew", y, BAR.1),
        Kind::Unseen => ("unseen", y + 5, 2),
    };
    write!(
        f,
        "<rect class=\"{class}\" x=\"{left:.3}%\" y=\"{top}\" width=\"{width:.3}%\" \
         height=\"{height}\"/>"
    )
}

fn shape(what: What) -> &'static str {
    match what {
        What::Restarting => "m-anew",
        What::Failed => "m-failed",
        What::Stuck => "m-stuck",
        What::Overdue => "m-overdue",
        What::Returned => "m-returned",
        What::Abandoned => "m-abandoned",
    }
}

/// The line below its name.
fn figures(row: &Row) -> String {
    let line = &row.line;
    let mut figures = vec![row.ended()];
    if line.is_task {
        figures.push("task".to_owned());
    } else {
        figures.push(format!("{} handled", count(line.handled)));
    }
    if line.restarts > 0 {
        figures.push(several(line.restarts, "restart"));
    }
    if line.returned > 0 {
        figures.push(format!("{} returned", count(line.returned)));
    }
    if row.peak > 0 {
        figures.push(format!("queue ≤ {}", count(row.peak as u64)));
    }
    figures.join(" · ")
}

/// The row in a sentence, for those who do not see it.
fn summary(row: &Row) -> String {
    let mut summary = format!("{}: {}", row.line.name, figures(row).replace(" · ", ", "));
    if let Some((from, to)) = row.life {
        let _ = write!(summary, "; lived from {} to {}", time(from), time(to));
    }
    if let (Some(turn), Some((_, to))) = (row.turn, row.life) {
        let _ = write!(summary, ", its turn took {}", time(to.saturating_sub(turn)));
    }
    if let Some(shares) = row.shares {
        let kinds = ["busy", "idle", "blocked", "restarting"];
        for (kind, share) in kinds.into_iter().zip(shares).filter(|(_, share)| *share >= 0.005) {
            let _ = write!(summary, ", {kind} {:.0} %", share * 100.0);
        }
    }
    if row.what == Who::One && row.line.ended == Ended::Abandoned {
        summary.push_str("; its thread was given up");
    }
    summary
}
