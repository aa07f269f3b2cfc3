//! The tables as a picture: a bar for each contender, of its first figure, linear from zero.
//!
//! The text takes a colour that is read on dark and on light, by the reader's preference.

use std::fmt::Write;

use crate::measure::Spread;
use crate::table::{Row, Table, figure};

/// Narrow enough for the screen of a phone.
const WIDTH: usize = 460;
const NAMES: usize = 100;
const BARS: f64 = 210.0;
const LINE: usize = 20;
const HEADING: usize = 34;

const STYLE: &str = "<style>\
text{font:12px sans-serif;fill:#24292f}.h{font-weight:bold}.n{text-anchor:end}\
.b{fill:#8c959f}.us{fill:#1a7f64}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.b{fill:#6e7681}.us{fill:#3fb68b}}\
</style>";

/// All tables, one below the other.
pub(crate) fn draw(tables: &[Table]) -> String {
    let mut body = String::new();
    let end = tables.iter().fold(0, |top, table| draw_one(&mut body, table, top));
    let height = end + LINE;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\">\n{STYLE}\n{body}</svg>\n"
    )
}

/// Draws one table from `top` on, and gives where it ends.
fn draw_one(body: &mut String, table: &Table, top: usize) -> usize {
    let mut y = top + HEADING;
    let heading = format!("{}: {}", table.title(), table.work.columns()[0]);
    let _ = writeln!(body, "<text class=\"h\" x=\"8\" y=\"{}\">{heading}</text>", y - 8);
    let greatest = table.rows.iter().filter_map(first).map(|s| s.median).fold(0.0, f64::max);
    for row in &table.rows {
        let Some(spread) = first(row) else { continue };
        draw_bar(body, table, row, spread.median, greatest, y);
        y += LINE;
    }
    y
}

fn first(row: &Row) -> Option<Spread> {
    row.figures.as_ref().ok().map(|spreads| spreads[0])
}

fn draw_bar(body: &mut String, table: &Table, row: &Row, value: f64, greatest: f64, y: usize) {
    let name = row.about.name;
    let class = if name == "exeunt" { "us" } else { "b" };
    let length = if greatest > 0.0 { (value / greatest * BARS).max(1.0) } else { 1.0 };
    let ratio = table.ratio(value).map_or(String::new(), |ratio| format!(" ({ratio:.2} × plain)"));
    let (text, right) = (y + 13, NAMES + 8 + length.round() as usize + 6);
    let _ = writeln!(
        body,
        "<text class=\"n\" x=\"{NAMES}\" y=\"{text}\">{name}</text>\
         <rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{length:.1}\" height=\"14\"/>\
         <text x=\"{right}\" y=\"{text}\">{}{ratio}</text>",
        NAMES + 8,
        y + 2,
        figure(value)
    );
}

#[cfg(test)]
mod tests {
    use super::draw;
    use crate::table::tests::table;
    use crate::workload::Workload;

    #[test]
    fn a_bar_is_as_long_as_its_figure() {
        let figures = [("exeunt", Ok(30.0)), ("plain", Ok(120.0)), ("actix", Err("no room"))];
        let picture = draw(&[table(Workload::TellBounded, &figures)]);
        assert!(picture.contains("class=\"us\" x=\"108\" y=\"36\" width=\"52.5\""), "{picture}");
        assert!(picture.contains("width=\"210.0\"") && picture.contains("30 (0.25 × plain)"));
        assert!(!picture.contains("actix"));
        assert_eq!(picture.matches("<rect").count(), 2);
    }

    #[test]
    fn nothing_but_zeros_is_drawn_as_well() {
        let picture = draw(&[table(Workload::Idle, &[("exeunt", Ok(0.0))])]);
        assert!(picture.contains("width=\"1.0\""), "{picture}");
    }
}
