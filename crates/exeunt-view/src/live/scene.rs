//! The scene: what stands on the terminal at one moment. From entries and a size to lines; no terminal.

use std::time::Duration;

use exeunt::{Capacity, State};

use super::cast::Entry;
use super::text::{Line, Look, cut, left, right, width};

/// The rows and columns of a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
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

/// The least columns that a remark is worth.
const REMARK_COLUMNS: usize = 12;

/// A line is not made longer than this for the sake of a remark.
const LONGEST_LINE: usize = 100;

const LEAST_NAME: usize = 8;
const LONGEST_NAME: usize = 28;
const MARK_COLUMNS: usize = 2;
const STATE_COLUMNS: usize = 10;
const RATE_COLUMNS: usize = 6;
const DEADLINE_COLUMNS: usize = 8;
const BAR_COLUMNS: usize = 10;

/// Below so many columns a queue has to do with few.
const NARROW: usize = 50;
const QUEUE_IF_NARROW: usize = 7;

impl Scene {
    /// The lines for a terminal of this size: fewer than its rows, and each shorter than its columns, so
    /// that none of them makes it scroll or wrap.
    pub(crate) fn lines(&self, size: Size) -> Vec<Line> {
        let columns = size.columns.saturating_sub(1);
        // The cursor stands above them.
        let rows = size.rows.saturating_sub(1 + (size.rows / 4).min(ROWS_OF_THE_PROGRAM));
        let is_roomy = size.rows >= ROOMY_ROWS;
        let mut lines = Vec::new();
        if is_roomy {
            lines.push(Line::default());
        }
        lines.push(self.head());
        let table = Table::new(&self.entries, self.drain.is_some(), columns);
        if is_roomy && !self.entries.is_empty() {
            lines.push(table.heads());
        }
        let (shown, rest) = choose(&self.entries, rows.saturating_sub(lines.len()));
        lines.extend(shown.into_iter().map(|entry| table.line(entry)));
        lines.extend(and_more(&rest));
        lines.truncate(rows);
        lines
    }

    fn head(&self) -> Line {
        let name = Line::of(self.system.clone(), Look::Bold);
        let of = self.entries.len();
        let Some((reason, time)) = &self.drain else {
            let actors = if of == 1 { "actor" } else { "actors" };
            return name
                .then(format!("  {of} {actors}, for {}", in_words(self.running_for)), Look::Plain);
        };
        let have_left = self.entries.iter().filter(|entry| entry.has_left()).count();
        let messages: usize =
            self.entries.iter().filter(|e| !e.has_left()).map(|e| e.sight.queued).sum();
        let head = name
            .then(format!("  draining ({reason})"), Look::Notable)
            .then(format!(" for {}: {have_left} of {of} left, ", in_words(*time)), Look::Plain)
            .then(format!("{messages} queued"), Look::Plain);
        match self.ends_at_signal {
            true => head.then("; again to end at once", Look::Faint),
            false => head,
        }
    }
}

/// A duration as one reads a clock.
fn in_words(time: Duration) -> String {
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
    // The last row says how many more there are.
    let (shown, rest) = by_interest.split_at(rows.saturating_sub(1));
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

/// The columns of the table: as many as there is room for.
struct Table {
    name: usize,
    state: usize,
    queue: usize,
    deadline: Option<usize>,
    handled: Option<usize>,
    rate: Option<usize>,
    has_bar: bool,
    remark: usize,
}

impl Table {
    fn new(entries: &[Entry], is_draining: bool, columns: usize) -> Table {
        let widest = |least: usize, text: &dyn Fn(&Entry) -> String| {
            entries.iter().map(|entry| width(&text(entry))).fold(least, usize::max)
        };
        let name = widest(LEAST_NAME, &name_of).min(LONGEST_NAME);
        let queue = if columns < NARROW { QUEUE_IF_NARROW } else { usize::MAX };
        let mut table = Table {
            name: LEAST_NAME,
            state: STATE_COLUMNS,
            queue: widest(5, &fullest_queue_of).min(queue),
            deadline: None,
            handled: None,
            rate: None,
            has_bar: false,
            remark: 0,
        };
        // The most needed first: what has no room is left out, and so is all that would come after it.
        let mut room = columns.saturating_sub(table.columns());
        if is_draining {
            table.deadline = take(&mut room, DEADLINE_COLUMNS);
        }
        table.handled = take(&mut room, widest(7, &handled_of));
        let longer = room.min(name - LEAST_NAME);
        table.name += longer;
        room -= longer;
        table.rate = take(&mut room, RATE_COLUMNS);
        table.has_bar = take(&mut room, BAR_COLUMNS + 2).is_some();
        let left = columns.min(LONGEST_LINE).saturating_sub(table.columns() + 2);
        table.remark = if left >= REMARK_COLUMNS { left } else { 0 };
        table
    }

    /// What it takes without the remarks.
    fn columns(&self) -> usize {
        let optional = [self.deadline, self.handled, self.rate].into_iter().flatten();
        let bar = if self.has_bar { BAR_COLUMNS + 3 } else { 0 };
        let optional = optional.map(|columns| columns + 1).sum::<usize>();
        MARK_COLUMNS + self.name + 1 + self.state + 1 + self.queue + optional + bar
    }

    fn heads(&self) -> Line {
        let queue = self.queue + if self.has_bar { BAR_COLUMNS + 3 } else { 0 };
        let mut heads = " ".repeat(MARK_COLUMNS);
        heads += &left("upstream first", self.name);
        heads += &format!(" {} {}", left("state", self.state), right("queue", queue));
        let columns = [(self.rate, "rate"), (self.handled, "handled"), (self.deadline, "deadline")];
        for (columns, head) in columns {
            heads += &columns.map_or(String::new(), |columns| format!(" {}", right(head, columns)));
        }
        Line::of(heads, Look::Faint)
    }

    fn line(&self, entry: &Entry) -> Line {
        let look = look_of(entry);
        let quiet = if entry.has_left() { Look::Faint } else { Look::Plain };
        let mark = match entry.sight.state {
            State::Overdue => "!",
            State::Draining => ">",
            _ if entry.ended_badly() => "!",
            _ => "",
        };
        let mut line = Line::of(left(mark, MARK_COLUMNS), look)
            .then(left(&name_of(entry), self.name) + " ", quiet)
            .then(left(word_for(entry), self.state), look);
        if self.has_bar {
            let fill_look = if entry.fill() == Some(1.0) { Look::Notable } else { quiet };
            line = line.then(format!(" {}", bar(entry)), fill_look);
        }
        line = line.then(format!(" {}", right(&queue_in(entry, self.queue), self.queue)), quiet);
        let figures = [
            (self.rate, rate_of(entry)),
            (self.handled, handled_of(entry)),
            (self.deadline, deadline_of(entry)),
        ];
        for (columns, figure) in figures {
            if let Some(columns) = columns {
                line = line.then(format!(" {}", right(&figure, columns)), quiet);
            }
        }
        match remark(entry).filter(|_| self.remark > 0) {
            Some(remark) => line.then(format!("  {}", cut(&remark, self.remark)), Look::Faint),
            None => line,
        }
    }
}

/// Takes columns of the room, and one to stand before them.
fn take(room: &mut usize, wanted: usize) -> Option<usize> {
    let left = room.checked_sub(wanted + 1);
    *room = left.unwrap_or(0);
    left.map(|_| wanted)
}

/// Its name, below that of its parent, and how many threads it has.
fn name_of(entry: &Entry) -> String {
    // Whose parent has a parent, and so on, need not be told beyond what one can see.
    let indent = " ".repeat(entry.depth.min(4));
    match entry.threads {
        1 => format!("{indent}{}", entry.sight.name),
        threads => format!("{indent}{} x{threads}", entry.sight.name),
    }
}

/// Its state in a word, or how it ended.
fn word_for(entry: &Entry) -> &'static str {
    match (entry.sight.state, entry.sight.ended) {
        (State::Ended, Some(ended)) => ended.as_str(),
        (State::Ended, None) => "ended",
        (State::Working, _) => "working",
        (State::Restarting, _) => "restarting",
        (State::Draining, _) => "draining",
        (State::Overdue, _) => "overdue",
        _ => "",
    }
}

fn look_of(entry: &Entry) -> Look {
    match entry.sight.state {
        State::Overdue => Look::Alarming,
        State::Draining | State::Restarting => Look::Notable,
        State::Ended if entry.ended_badly() => Look::Alarming,
        State::Ended => Look::Faint,
        _ => Look::Good,
    }
}

fn queue_of(entry: &Entry) -> String {
    let queued = entry.sight.queued;
    match entry.sight.capacity {
        None => "-".to_owned(),
        Some(_) if entry.has_left() => "-".to_owned(),
        Some(Capacity::Bounded(places)) => format!("{queued}/{places}"),
        Some(_) => queued.to_string(),
    }
}

/// The same in so many columns: without the capacity, if there is no room for it.
fn queue_in(entry: &Entry, columns: usize) -> String {
    let queue = queue_of(entry);
    match queue.split_once('/') {
        Some((queued, _)) if width(&queue) > columns => queued.to_owned(),
        _ => queue,
    }
}

/// The longest that a queue can be, so that the columns stand still.
fn fullest_queue_of(entry: &Entry) -> String {
    match entry.sight.capacity {
        Some(Capacity::Bounded(places)) => format!("{places}/{places}"),
        _ => queue_of(entry),
    }
}

/// How full its mailbox is, to be seen at a glance.
fn bar(entry: &Entry) -> String {
    let Some(fill) = entry.fill().filter(|_| !entry.has_left()) else {
        return " ".repeat(BAR_COLUMNS + 2);
    };
    // Something is never nothing, and not quite all is not all.
    let filled = match (fill * BAR_COLUMNS as f64) as usize {
        0 if fill > 0.0 => 1,
        filled => filled,
    };
    format!("[{:<BAR_COLUMNS$}]", "#".repeat(filled))
}

fn rate_of(entry: &Entry) -> String {
    match entry.rate.filter(|_| !entry.has_left()) {
        None => String::new(),
        Some(rate) if rate >= 1e7 => format!("{:.0}M/s", rate / 1e6),
        Some(rate) if rate >= 1e4 => format!("{:.0}k/s", rate / 1e3),
        Some(rate) if rate > 0.0 && rate < 10.0 => format!("{rate:.1}/s"),
        Some(rate) => format!("{rate:.0}/s"),
    }
}

fn handled_of(entry: &Entry) -> String {
    match entry.sight.capacity {
        None => "-".to_owned(),
        Some(_) => entry.sight.handled.to_string(),
    }
}

fn deadline_of(entry: &Entry) -> String {
    match entry.sight.until_deadline {
        Some(left) if entry.is_in_turn() => in_words(left),
        _ => String::new(),
    }
}

/// What else is worth saying of it.
fn remark(entry: &Entry) -> Option<String> {
    let sight = &entry.sight;
    let mut remarks = Vec::new();
    if sight.failed > 0 {
        remarks.push(format!("{} failed", sight.failed));
    }
    if sight.restarts > 0 {
        let times = if sight.restarts == 1 { "restart" } else { "restarts" };
        remarks.push(format!("{} {times}", sight.restarts));
    }
    if !entry.has_left() {
        match (&entry.waits_for, &sight.doing) {
            (Some(whom), _) => remarks.push(format!("waits for {whom}")),
            (None, Some(doing)) if entry.is_in_turn() => remarks.push(doing.clone()),
            _ => {}
        }
    }
    (!remarks.is_empty()).then(|| remarks.join(", "))
}
