//! The figures of one workload as a table in Markdown.

use std::fmt::Write;

use crate::contender::{About, Entry, entries};
use crate::measure::{Spread, Summary};
use crate::placement::Placement;
use crate::workload::{Scale, Workload};

/// What all this is about.
const OURS: &str = "exeunt";

/// The floor: what the others are compared to.
const FLOOR: &str = "plain";

/// Who is no peer.
const NO_PEERS: [&str; 3] = [OURS, FLOOR, "select"];

/// The figures of one workload.
pub(crate) struct Table {
    pub(crate) work: Workload,
    placement: Placement,
    rounds: usize,
    count: u64,
    pub(crate) rows: Vec<Row>,
}

/// The figures of one contender.
pub(crate) struct Row {
    pub(crate) about: &'static About,
    pub(crate) figures: Summary,
}

impl Table {
    pub(crate) fn new(
        work: Workload,
        placement: Placement,
        scale: &Scale,
        entries: &[&'static Entry],
        figures: Vec<Summary>,
    ) -> Table {
        let row = |(entry, figures): (&&'static Entry, _)| Row { about: &entry.about, figures };
        let rows = entries.iter().zip(figures).map(row).collect();
        Table { work, placement, rounds: scale.rounds, count: scale.count, rows }
    }

    /// The medians of this contender, one for each column.
    pub(crate) fn medians(&self, name: &str) -> Option<Vec<f64>> {
        let row = self.rows.iter().find(|row| row.about.name == name)?;
        Some(row.figures.as_ref().ok()?.iter().map(|spread| spread.median).collect())
    }

    /// The first figure of a contender as a multiple of the floor's.
    pub(crate) fn ratio(&self, figure: f64) -> Option<f64> {
        let floor = self.medians(FLOOR)?[0];
        (self.work.is_cost() && floor > 0.0).then(|| figure / floor)
    }

    /// The table, with a heading.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("### {}\n\n{}.", self.title(), self.capitalised());
        let _ = writeln!(text, " {}.\n", self.effort());
        let _ = writeln!(text, "| contender | {} | {} |", self.headings(), self.last_heading());
        let _ = writeln!(text, "|---|{}---|", "---:|".repeat(self.work.columns().len()));
        self.rows.iter().for_each(|row| text.push_str(&self.row(row)));
        text.push_str(&self.footnote());
        text.push_str(&self.peers());
        text
    }

    /// What is measured, and where, if that was chosen.
    pub(crate) fn title(&self) -> String {
        self.work.title(self.placement)
    }

    fn capitalised(&self) -> String {
        let about = self.work.about();
        about[..1].to_uppercase() + &about[1..]
    }

    /// How much was measured, and how often.
    fn effort(&self) -> String {
        let rounds =
            if self.rounds == 1 { "1 round".into() } else { format!("{} rounds", self.rounds) };
        match self.work {
            Workload::Idle => format!("For {} ms, {rounds}", self.count),
            _ => format!("{} in each of {rounds}", thousands(self.count)),
        }
    }

    fn headings(&self) -> String {
        self.work.columns().join(" | ")
    }

    fn last_heading(&self) -> &'static str {
        match self.work {
            Workload::Keeps | Workload::Ledger => "stop call",
            work if work.is_cost() => "× plain",
            _ => "where",
        }
    }

    fn row(&self, row: &Row) -> String {
        let name = row.about.name;
        match &row.figures {
            Ok(spreads) => {
                let cells: Vec<String> = spreads.iter().map(show).collect();
                format!("| {name} | {} | {} |\n", cells.join(" | "), self.last(row, spreads))
            }
            Err(why) => {
                let empty = "– | ".repeat(self.work.columns().len());
                format!("| {name} | {empty}{why} |\n")
            }
        }
    }

    fn last(&self, row: &Row, spreads: &[Spread]) -> String {
        match self.work {
            Workload::Keeps | Workload::Ledger => row.about.stop.to_owned(),
            work if work.is_cost() => self
                .ratio(spreads[0].median)
                .map_or("–".to_owned(), |ratio| format!("{ratio:.2}")),
            _ => row.about.place.to_string(),
        }
    }

    /// How far the quickest of the peers is behind, or ahead; and the quickest of those with a limit, if it is another.
    fn peers(&self) -> String {
        let Some((best, ratio)) = self.quickest(|_| true) else { return String::new() };
        let limited = self.quickest(|row| row.about.no_bounded.is_none());
        let others = match limited.filter(|(other, _)| self.work.is_bounded() && *other != best) {
            Some((other, ratio)) => format!(", and of those with a limit `{other}`: {ratio:.2} ×"),
            None => String::new(),
        };
        format!("\nThe quickest of the peers is `{best}`: {ratio:.2} × `{OURS}`{others}.\n")
    }

    /// The quickest of those peers, and its first figure as a multiple of ours.
    fn quickest(&self, is_meant: impl Fn(&Row) -> bool) -> Option<(&'static str, f64)> {
        let ours = self.medians(OURS).filter(|medians| self.work.is_cost() && medians[0] > 0.0)?[0];
        let peers = self.rows.iter().filter(|row| !NO_PEERS.contains(&row.about.name));
        let ratios = peers
            .filter(|row| is_meant(row))
            .filter_map(|row| Some((row.about.name, row.figures.as_ref().ok()?[0].median / ours)));
        ratios.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    fn footnote(&self) -> String {
        let measured = |row: &&Row| row.figures.is_ok() && row.about.no_bounded.is_some();
        let names: Vec<&str> =
            self.rows.iter().filter(measured).map(|row| row.about.name).collect();
        if !self.work.is_bounded() || names.is_empty() {
            return String::new();
        }
        format!(
            "\nWithout a limit, having no mailbox that holds senders back: {}.\n",
            names.join(", ")
        )
    }
}

/// Who took part, and where their actors run.
pub(crate) fn contenders(tables: &[Table]) -> String {
    let mut text = "| contender | version | actors are |\n|---|---|---|\n".to_owned();
    for about in entries().iter().map(|entry| &entry.about) {
        let takes_part = |table: &Table| table.rows.iter().any(|row| row.about.name == about.name);
        if tables.iter().any(takes_part) {
            let _ = writeln!(text, "| {} | {} | {} |", about.name, about.version, about.place);
        }
    }
    text
}

/// Median and quartiles, or only the median if they are the same.
fn show(spread: &Spread) -> String {
    let [low, median, high] = [spread.low, spread.median, spread.high].map(figure);
    if low == high { median } else { format!("{median} ({low}–{high})") }
}

/// A figure with three digits, or as many as it has before the point.
pub(crate) fn figure(value: f64) -> String {
    match value {
        _ if value == value.trunc() && value < 1e3 => format!("{value:.0}"),
        _ if value < 10.0 => format!("{value:.2}"),
        _ if value < 100.0 => format!("{value:.1}"),
        _ => thousands(value.round() as u64),
    }
}

fn thousands(value: u64) -> String {
    if value < 1000 {
        return value.to_string();
    }
    format!("{},{:03}", thousands(value / 1000), value % 1000)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::contender::find;

    pub(crate) fn table(work: Workload, figures: &[(&str, Result<f64, &str>)]) -> Table {
        let entries: Vec<&Entry> = figures.iter().map(|(name, _)| find(name).unwrap()).collect();
        let spread = |value: f64| Spread { low: value / 2.0, median: value, high: value * 2.0 };
        let summary = |&(_, figure): &(_, Result<f64, &str>)| {
            figure.map(|value| vec![spread(value)]).map_err(str::to_owned)
        };
        let scale = Scale { rounds: 3, count: 200_000 };
        Table::new(work, Placement::Free, &scale, &entries, figures.iter().map(summary).collect())
    }

    #[test]
    fn a_table_compares_with_the_floor_and_says_who_is_left_out() {
        let figures = [("exeunt", Ok(30.0)), ("plain", Ok(120.0)), ("actix", Err("no room"))];
        let text = table(Workload::TellBounded, &figures).markdown();
        assert_eq!(
            text,
            "### tell-bounded\n\nOne sender, one actor, a mailbox of 1,024. 200,000 in each of 3 rounds.\n\n\
             | contender | ns a message | × plain |\n|---|---:|---|\n\
             | exeunt | 30 (15–60) | 0.25 |\n\
             | plain | 120 (60–240) | 1.00 |\n\
             | actix | – | no room |\n"
        );
    }

    #[test]
    fn the_quickest_of_the_peers_is_held_against_ours() {
        let figures = [
            ("exeunt", Ok(30.0)),
            ("plain", Ok(20.0)),
            ("select", Ok(40.0)),
            ("ractor", Ok(330.0)),
            ("xtra", Ok(165.0)),
            ("actix", Err("no room")),
        ];
        let said = |work, figures: &[_]| table(work, figures).peers();
        let expected = "\nThe quickest of the peers is `xtra`: 5.50 × `exeunt`.\n";
        assert_eq!(said(Workload::TellBounded, &figures), expected);
        assert_eq!(said(Workload::Keeps, &figures), "");
        assert_eq!(said(Workload::TellBounded, &figures[..3]), "");
        assert_eq!(said(Workload::TellBounded, &figures[1..]), "");
    }

    #[test]
    fn whose_mailbox_has_a_limit_is_also_compared_with_those_that_have_one() {
        let figures =
            [("exeunt", Ok(30.0)), ("actix", Ok(60.0)), ("kameo", Ok(99.0)), ("xtra", Ok(90.0))];
        let said = |work, figures: &[_]| table(work, figures).peers();
        let quickest = "\nThe quickest of the peers is `actix`: 2.00 × `exeunt`";
        let others = ", and of those with a limit `xtra`: 3.00 ×.\n";
        assert_eq!(said(Workload::Pipeline, &figures), format!("{quickest}{others}"));
        assert_eq!(said(Workload::Ask, &figures), format!("{quickest}.\n"));
        assert_eq!(said(Workload::Pipeline, &figures[..2]), format!("{quickest}.\n"));
    }

    #[test]
    fn only_who_took_part_is_introduced() {
        let text = contenders(&[table(Workload::Ask, &[("plain", Ok(1.0))])]);
        assert_eq!(text.lines().count(), 3);
        assert!(text.contains("| plain | crossbeam-channel 0.5.17 | a thread"), "{text}");
    }

    #[test]
    fn without_the_floor_there_is_no_ratio() {
        let text = table(Workload::Ask, &[("exeunt", Ok(1.5))]).markdown();
        assert!(text.contains("| exeunt | 1.50 (0.75–3) | – |"), "{text}");
    }

    #[test]
    fn who_had_no_limit_is_named() {
        let text = table(Workload::FanIn, &[("plain", Ok(1.0)), ("ractor", Ok(2.0))]).markdown();
        assert!(text.ends_with("holds senders back: ractor.\n"), "{text}");
    }

    #[test]
    fn figures_have_three_digits() {
        let shown: Vec<String> =
            [0.0, 1.234, 12.34, 123.4, 1234.5, 100.0].into_iter().map(figure).collect();
        assert_eq!(shown, ["0", "1.23", "12.3", "123", "1,235", "100"]);
    }
}
