//! The figures of the report, as a table.

use std::fmt;

use super::super::rows::{Picture, Row, Who};
use super::super::text::{count, escaped, time};

const COLUMNS: [&str; 12] = [
    "ended", "took", "handled", "draining", "failed", "returned", "restarts", "queue", "busy",
    "idle", "blocked", "remarks",
];

pub(super) fn write(f: &mut fmt::Formatter<'_>, picture: &Picture) -> fmt::Result {
    f.write_str("<div class=\"report\">\n<table>\n<caption>Report</caption>\n<thead><tr>")?;
    f.write_str("<th scope=\"col\">in order of leaving</th>")?;
    for column in COLUMNS {
        write!(f, "<th scope=\"col\">{column}</th>")?;
    }
    f.write_str("</tr></thead>\n<tbody>\n")?;
    for row in &picture.rows {
        line(f, row)?;
    }
    f.write_str("</tbody>\n</table>\n")?;
    for refused in &picture.report.refused {
        let times = match refused.count {
            1 => "once".to_owned(),
            many => format!("{} times", count(many)),
        };
        writeln!(
            f,
            "<p>refused: <b>{}</b> sent to <b>{}</b> {times} after its turn had come</p>",
            escaped(&refused.from),
            escaped(&refused.to),
        )?;
    }
    f.write_str("</div>\n")
}

fn line(f: &mut fmt::Formatter<'_>, row: &Row) -> fmt::Result {
    let line = &row.line;
    let (name, depth) = (escaped(&line.name), row.depth.min(8));
    let class = if row.ended_well() { "" } else { " class=\"bad\"" };
    write!(
        f,
        "<tr><th scope=\"row\" style=\"--depth:{depth}\"><bdi>{name}</bdi></th>\
         <td{class}>{}</td><td>{}</td>",
        row.ended(),
        time(line.took)
    )?;
    let messages = [line.handled, line.handled_while_draining, line.failed, line.returned];
    for (at, figure) in messages.into_iter().enumerate() {
        let class = if at >= 2 && figure > 0 { " class=\"bad\"" } else { "" };
        match line.is_task {
            true => f.write_str("<td class=\"nil\">–</td>")?,
            false => write!(f, "<td{class}>{}</td>", count(figure))?,
        }
    }
    write!(f, "<td>{}</td>", count(line.restarts))?;
    match line.is_task || row.what == Who::Thread {
        true => f.write_str("<td class=\"nil\">–</td>")?,
        false => write!(f, "<td>{}</td>", count(row.peak as u64))?,
    }
    for at in 0..3 {
        match row.shares {
            Some(shares) => write!(f, "<td>{:.0} %</td>", shares[at] * 100.0)?,
            None => f.write_str("<td class=\"nil\">–</td>")?,
        }
    }
    writeln!(f, "<td class=\"remarks\">{}</td></tr>", escaped(&remarks(row)))
}

/// What there is to say beside the figures.
fn remarks(row: &Row) -> String {
    let line = &row.line;
    let mut remarks = Vec::new();
    if let Some(error) = &line.error {
        remarks.push(if line.absorbed { format!("{error} (absorbed)") } else { error.clone() });
    }
    if line.overflowed > 0 {
        remarks.push(format!("{} had to make room", count(line.overflowed)));
    }
    if line.cancelled > 0 {
        let noun = if line.cancelled == 1 { "timer" } else { "timers" };
        remarks.push(format!("{} {noun} never fired", count(line.cancelled)));
    }
    remarks.join("; ")
}
