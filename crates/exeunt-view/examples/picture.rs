//! The pictures of the README: the live view in a drain, as a terminal would show it, and a timeline.
//!
//! ```text
//! cargo run -p exeunt-view --example picture -- crates/exeunt-view/pictures
//! chromium --headless --hide-scrollbars --window-size=1200,960 \
//!     --screenshot=crates/exeunt-view/pictures/timeline.png target/tmp/timeline.html
//! ```
//!
//! It runs the example `watch` in a pseudo-terminal, presses Ctrl-C when everybody is busy, and draws what
//! stands on the screen when it is the painters' turn.
#![allow(clippy::unwrap_used)]

#[cfg(unix)]
#[allow(dead_code)]
#[path = "../tests/support/mod.rs"]
mod support;

#[cfg(not(unix))]
fn main() {
    eprintln!("picture: there are no pseudo-terminals here");
}

#[cfg(unix)]
fn main() -> std::io::Result<()> {
    use std::path::PathBuf;
    use std::{env, fs};

    let folder: PathBuf = env::args_os().nth(1).unwrap_or_else(|| ".".into()).into();
    let temporary = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tmp"));
    fs::create_dir_all(&folder)?;
    fs::create_dir_all(&temporary)?;
    let timeline = temporary.join("timeline.html");
    let args = ["--speed", "1", "--panic", "--timeline", timeline.to_str().unwrap()];
    let play = support::Play::begin(14, 96, &args);
    play.until("a restart", |seen| seen.has("1 restart") && seen.has("24/24"));
    play.press("\x03");
    let drain = play.until("the middle of the painters' turn", |seen| {
        let painters = seen.rows().into_iter().find(|row| row.starts_with("▸ paint"));
        painters.is_some_and(|row| row.contains("━━━") && row.contains("───"))
            && seen.has("to go")
            && seen.has("pack")
    });
    play.end();
    fs::write(folder.join("drain.svg"), svg::of(&drain.screen))
}

/// A screen as a drawing.
#[cfg(unix)]
mod svg {
    use std::fmt::Write as _;

    use vt100::{Cell, Color, Screen};

    const COLUMN: f64 = 8.4;
    const ROW: f64 = 19.0;
    const MARGIN: f64 = 16.0;
    const PAPER: &str = "#14181e";
    const INK: &str = "#d5dce5";

    /// Of the live lines, which begin below the row of the cursor.
    pub(crate) fn of(screen: &Screen) -> String {
        let (rows, columns) = screen.size();
        let texts: Vec<String> = screen.rows(0, columns.get()).collect();
        let first = texts.iter().position(|text| text.contains("draining (")).unwrap_or(0) as u16;
        let last = texts.iter().rposition(|text| !text.is_empty()).unwrap_or(0) as u16;
        let width = f64::from(columns.get()) * COLUMN + 2.0 * MARGIN;
        let height = f64::from(last.min(rows.get()) - first + 1) * ROW + 2.0 * MARGIN;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" \
             font-size=\"14\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{PAPER}\"/>\n"
        );
        for row in first..=last {
            let y = MARGIN + f64::from(row - first) * ROW + 14.0;
            line(&mut svg, screen, row, y);
        }
        svg + "</svg>\n"
    }

    /// Each stretch that looks the same is a text, in exactly its columns.
    fn line(svg: &mut String, screen: &Screen, row: u16, y: f64) {
        let cells = |column: u16| screen.cell(row, column);
        let mut column = 0;
        while let Some(first) = cells(column) {
            let from = column;
            let mut text = String::new();
            while let Some(cell) = cells(column).filter(|cell| look(cell) == look(first)) {
                text += if cell.has_contents() { cell.contents() } else { " " };
                column += 1;
            }
            if text.trim().is_empty() {
                continue;
            }
            let (x, width) = (f64::from(from) * COLUMN + MARGIN, f64::from(column - from) * COLUMN);
            let text = text.replace('&', "&amp;").replace('<', "&lt;");
            let _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{y:.0}\" textLength=\"{width:.1}\" xml:space=\"preserve\" {}>{text}</text>",
                look(first)
            );
        }
    }

    fn look(cell: &Cell) -> String {
        let colour = match cell.fgcolor() {
            Color::Idx(1) => "#ff7b72",
            Color::Idx(2) => "#5fc98e",
            Color::Idx(3) => "#e0af45",
            Color::Idx(6) => "#5ec8e0",
            _ => INK,
        };
        let bold = if cell.bold() { " font-weight=\"700\"" } else { "" };
        let faint = if cell.dim() { " fill-opacity=\".55\"" } else { "" };
        format!("fill=\"{colour}\"{bold}{faint}")
    }
}
