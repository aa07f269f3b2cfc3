//! The scene: what stands on the terminal at one moment. From entries and a size to lines; no terminal.

use std::time::Duration;

use exeunt::State;

use super::cast::Entry;
use super::table::Table;
use super::text::{Line, Look};

/// The rows and columns of a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

/// What a terminal can draw with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ink {
    /// Lines, arrows and ticks.
    Strokes,
    /// The characters of a typewriter.
    Ascii,
}

/// What there is to show.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) system: String,
    pub(crate) running_for: Duration,
    /// Why it drains, and for how long, if it does.
    pub(crate) drain: Option<(String, Duration)>,
    /// Whether a second signal ends the process at once.
    pub(crate) ends_at_signal: bool,
    /// In the order of leaving.
    pub(crate) entries: Vec<Entry>,
}

/// From how many rows on there is room for more than figures.
const ROOMY_ROWS: usize = 10;

/// The rows that are left to the program at the most, as far as there are any: a quarter.
const ROWS_OF_THE_PROGRAM: usize = 6;

impl Scene {
    /// The lines for a terminal of this size: fewer than its rows, and each shorter than its columns, so
    /// that none of them makes it scroll or wrap.
    pub(crate) fn lines(&self, size: Size, ink: Ink) -> Vec<Line> {
        let columns = size.columns.saturating_sub(1);
        // The cursor stands above them.
        let rows = size.rows.saturating_sub(1 + (size.rows / 4).min(ROWS_OF_THE_PROGRAM));
        let is_roomy = size.rows >= ROOMY_ROWS;
        let mut lines = Vec::new();
        if is_roomy {
            lines.push(Line::default());
        }
        lines.push(self.head(columns));
        let table = Table::new(&self.entries, self.drain.is_some(), columns, ink);
        if is_roomy && !self.entries.is_empty() {
            lines.push(table.heads());
        }
        let (shown, rest) = choose(&self.entries, rows.saturating_sub(lines.len()));
        lines.extend(shown.into_iter().map(|entry| table.line(entry)));
        lines.extend(and_more(&rest));
        lines.truncate(rows);
        lines
    }

    /// What there is to say of all together: as much as there is room for.
    fn head(&self, columns: usize) -> Line {
        let mut wordings = match &self.drain {
            Some((reason, time)) => self.drain_in_words(reason, *time),
            None => self.run_in_words(),
        };
        let shortest = wordings.pop().unwrap_or_default();
        wordings.into_iter().find(|line| line.width() <= columns).unwrap_or(shortest)
    }

    fn run_in_words(&self) -> Vec<Line> {
        let (of, time) = (self.entries.len(), in_words(self.running_for));
        let actors = if of == 1 { "actor" } else { "actors" };
        let name = || Line::of(self.system.clone(), Look::Bold);
        vec![
            name().then(format!("  {of} {actors}, for {time}"), Look::Plain),
            name().then(format!("  {time}"), Look::Plain),
            Line::of(format!("{of} {actors}"), Look::Bold),
        ]
    }

    fn drain_in_words(&self, reason: &str, time: Duration) -> Vec<Line> {
        let (of, time) = (self.entries.len(), in_words(time));
        let ended = self.entries.iter().filter(|entry| entry.has_left()).count();
        let left = self.entries.iter().filter(|entry| !entry.has_left());
        let left: usize = left.map(|entry| entry.sight.queued).sum();
        let messages = if left == 1 { "message" } else { "messages" };
        let whole = || {
            Line::of(self.system.clone(), Look::Bold)
                .then(format!("  draining ({reason})"), Look::Notable)
                .then(format!(" for {time}: {ended} of {of} have left, "), Look::Plain)
                .then(format!("{left} {messages} to go"), Look::Bold)
        };
        let mut wordings = vec![
            whole(),
            Line::of("draining", Look::Notable)
                .then(format!(" {time}: {ended} of {of} have left, {left} to go"), Look::Plain),
            Line::of("draining", Look::Notable).then(format!(": {left} to go"), Look::Plain),
            Line::of(format!("{left} to go"), Look::Notable),
        ];
        if self.ends_at_signal {
            let hint = "; again to end at once";
            // Who has left is marked below; how to end it is said nowhere else.
            let with_room_for_it = Line::of(self.system.clone(), Look::Bold)
                .then(format!("  draining ({reason})"), Look::Notable)
                .then(format!(" for {time}: "), Look::Plain)
                .then(format!("{left} to go"), Look::Bold);
            wordings[0] = whole().then(hint, Look::Faint);
            wordings.insert(1, with_room_for_it.then(hint, Look::Faint));
        }
        wordings
    }
}

/// A duration as one reads a clock.
pub(super) fn in_words(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1}s", time.as_secs_f64()),
        seconds @ 10..60 => format!("{seconds}s"),
        seconds @ 60..3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        seconds => format!("{}h{:02}m", seconds / 3_600, seconds / 60 % 60),
    }
}

/// Those for whom there is room, in their order, and the rest: who needs attention comes first.
fn choose(entries: &[Entry], rows: usize) -> (Vec<&Entry>, Vec<&Entry>) {
    if entries.len() <= rows {
        return (entries.iter().collect(), Vec::new());
    }
    let mut by_interest: Vec<usize> = (0..entries.len()).collect();
    by_interest.sort_by_key(|&at| (boredom(&entries[at]), at));
    // The last row says how many more there are, unless it is the only one.
    let (shown, rest) = by_interest.split_at(if rows > 1 { rows - 1 } else { rows });
    let in_order = |places: &[usize]| {
        let mut places = places.to_vec();
        places.sort_unstable();
        places.into_iter().map(|at| &entries[at]).collect()
    };
    (in_order(shown), in_order(rest))
}

/// The less, the sooner it is shown.
fn boredom(entry: &Entry) -> usize {
    match entry.sight.state {
        State::Overdue => 0,
        State::Draining => 1,
        State::Restarting => 2,
        _ if entry.ended_badly() => 3,
        State::Ended => 6,
        _ if entry.sight.failed > 0 || entry.fill().is_some_and(|fill| fill >= 0.5) => 4,
        _ => 5,
    }
}

/// "… and 93 more: 81 working, 12 ended".
fn and_more(rest: &[&Entry]) -> Option<Line> {
    if rest.is_empty() {
        return None;
    }
    let states = [State::Overdue, State::Draining, State::Restarting, State::Working, State::Ended];
    let counts = states.into_iter().filter_map(|state| {
        let count = rest.iter().filter(|entry| entry.sight.state == state).count();
        (count > 0).then(|| format!("{count} {state}"))
    });
    let counts = Vec::from_iter(counts).join(", ");
    Some(Line::of(format!("  … and {} more: {counts}", rest.len()), Look::Faint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::cast::tests::{actor, ended};
    use crate::live::cast::{Cast, Sight};
    use std::time::Instant;

    use exeunt::{Capacity, Ended};

    fn draining(id: usize, name: &str, queued: usize) -> Sight {
        let until_deadline = Some(Duration::from_millis(2_900));
        Sight { state: State::Draining, queued, until_deadline, ..actor(id, name) }
    }

    /// Of a drain, unless it has not begun.
    fn scene(sights: Vec<Sight>, is_draining: bool) -> Scene {
        Scene {
            system: "factory".into(),
            running_for: Duration::from_secs(75),
            drain: is_draining.then(|| ("SIGINT".into(), Duration::from_millis(1_234))),
            ends_at_signal: true,
            entries: Cast::default().look(Instant::now(), sights),
        }
    }

    fn shown(scene: &Scene, columns: usize, rows: usize) -> Vec<String> {
        let lines = scene.lines(Size { columns, rows }, Ink::Ascii);
        lines.into_iter().map(|line| line.render(columns - 1, false)).collect()
    }

    #[test]
    fn a_drain_at_a_glance() {
        let sights =
            vec![actor(0, "pack"), draining(1, "paint", 4), ended(2, "cut", Ended::Drained)];
        let lines = shown(&scene(sights, true), 80, 24);
        assert_eq!(
            lines,
            [
                "",
                "factory  draining (SIGINT) for 1.2s: 4 to go; again to end at once",
                "  in order state                 queue   rate handled deadline",
                "  cut      drained                   -              0",
                "> paint    draining   ##........  4/16              0     2.9s",
                "  pack     working    ..........  0/16              0",
            ]
        );
    }

    #[test]
    fn the_head_says_as_much_as_there_is_room_for() {
        let scene = scene(vec![draining(0, "a", 1), ended(1, "b", Ended::Drained)], true);
        let heads = [
            (120, ": 1 of 2 have left, 1 message to go; again to end at once"),
            (80, " for 1.2s: 1 to go; again to end at once"),
            (50, "have left, 1 to go"),
        ];
        for (columns, end) in heads {
            let head = shown(&scene, columns, 24).remove(1);
            assert!(head.ends_with(end), "{columns}: {head}");
        }
        assert_eq!(shown(&scene, 22, 5)[0], "draining: 1 to go");
        assert_eq!(shown(&scene, 10, 5)[0], "1 to go");
    }

    #[test]
    fn in_the_least_room_there_is_whose_turn_it_is() {
        let all: Vec<Sight> = (0..50).map(|id| actor(id, "idle")).collect();
        let all = [all, vec![draining(50, "paint", 22)]].concat();
        assert_eq!(shown(&scene(all, true), 12, 3), ["22 to go", "> paint  22"]);
    }

    #[test]
    fn nothing_is_higher_or_wider_than_its_terminal() {
        let long = Sight {
            capacity: Some(Capacity::Unbounded),
            queued: usize::MAX,
            handled: u64::MAX,
            failed: u64::MAX,
            doing: Some("in its handler, and has been for a long time".into()),
            ..draining(1, "渡辺 🎭 and a name that does not end", 0)
        };
        let mut sights = vec![ended(0, "b", Ended::Abandoned), long];
        sights.extend((2..20).map(|id| actor(id, &"x".repeat(id))));
        for is_draining in [false, true] {
            let scene = scene(sights.clone(), is_draining);
            for (columns, rows) in (1..=220).flat_map(|columns| [(columns, 1 + columns % 30)]) {
                for ink in [Ink::Strokes, Ink::Ascii] {
                    let lines = scene.lines(Size { columns, rows }, ink);
                    assert!(lines.len() < rows || lines.is_empty(), "{columns} x {rows}");
                    for line in lines {
                        let line = line.render(columns - 1, false);
                        let width = super::super::text::width(&line);
                        assert!(width < columns, "{columns} x {rows}: {line}");
                    }
                }
            }
        }
    }
}
