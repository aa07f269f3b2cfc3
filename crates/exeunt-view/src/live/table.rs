//! The table of the scene: a line for each entry, in as many columns as there is room for.

use std::time::Duration;

use exeunt::{Capacity, State};

use super::cast::Entry;
use super::scene::{Ink, in_words};
use super::text::{Line, Look, cut, left, right, width};

/// The least columns that a remark is worth.
const REMARK_COLUMNS: usize = 12;

/// A line is not made longer than this for the sake of a remark.
const LONGEST_LINE: usize = 140;

const LEAST_NAME: usize = 8;
const LONGEST_NAME: usize = 28;
const MARK_COLUMNS: usize = 2;
const STATE_COLUMNS: usize = 10;
const RATE_COLUMNS: usize = 6;
const DEADLINE_COLUMNS: usize = 8;

/// A bar is as long as this where there is room, and longer where there is more.
const BAR_COLUMNS: usize = 10;
const LONG_BAR_COLUMNS: usize = 24;
const ROOM_FOR_LONG_BARS: usize = 110;

/// Below so many columns a queue has to do with few, and below so many with fewer still.
const NARROW: usize = 50;
const QUEUE_IF_NARROW: usize = 7;
const TINY: usize = 16;
const QUEUE_IF_TINY: usize = 3;

/// With less than this until its deadline, somebody is in danger.
const DANGER: Duration = Duration::from_secs(1);

/// The columns of the table: as many as there is room for.
pub(super) struct Table {
    name: usize,
    state: Option<usize>,
    queue: usize,
    deadline: Option<usize>,
    handled: Option<usize>,
    rate: Option<usize>,
    bar: Option<usize>,
    remark: usize,
    ink: Ink,
}

impl Table {
    pub(super) fn new(entries: &[Entry], is_draining: bool, columns: usize, ink: Ink) -> Table {
        let widest = |least: usize, text: &dyn Fn(&Entry) -> String| {
            entries.iter().map(|entry| width(&text(entry))).fold(least, usize::max)
        };
        let name = widest(LEAST_NAME, &name_of).min(LONGEST_NAME);
        let queue = match columns {
            ..TINY => QUEUE_IF_TINY,
            TINY..NARROW => QUEUE_IF_NARROW,
            _ => usize::MAX,
        };
        let queue = widest(5, &fullest_queue_of).min(queue);
        // The most needed first: what has no room is left out, and so is all that would come after it.
        let mut room = columns.saturating_sub(MARK_COLUMNS + 1 + queue);
        let least_name = room.min(LEAST_NAME);
        room -= least_name;
        let mut table = Table {
            name: least_name,
            state: take(&mut room, STATE_COLUMNS),
            queue,
            deadline: None,
            handled: None,
            rate: None,
            bar: None,
            remark: 0,
            ink,
        };
        if is_draining {
            table.deadline = take(&mut room, DEADLINE_COLUMNS);
        }
        table.handled = take(&mut room, widest(7, &handled_of));
        let longer = room.min(name.saturating_sub(least_name));
        table.name += longer;
        room -= longer;
        table.rate = take(&mut room, RATE_COLUMNS);
        let bar = if columns < ROOM_FOR_LONG_BARS { BAR_COLUMNS } else { LONG_BAR_COLUMNS };
        table.bar = take(&mut room, bar);
        let room = room.saturating_sub(columns.saturating_sub(LONGEST_LINE));
        table.remark = room.checked_sub(2).filter(|&left| left >= REMARK_COLUMNS).unwrap_or(0);
        table
    }

    pub(super) fn heads(&self) -> Line {
        let mut heads = " ".repeat(MARK_COLUMNS);
        let heads_of_names = ["upstream first", "in order", ""];
        let order = heads_of_names.into_iter().find(|head| width(head) <= self.name);
        heads += &left(order.unwrap_or_default(), self.name);
        if let Some(columns) = self.state {
            heads += &format!(" {}", left("state", columns));
        }
        let queue = self.queue + self.bar.map_or(0, |columns| columns + 1);
        heads += &format!(" {}", right("queue", queue));
        let columns = [(self.rate, "rate"), (self.handled, "handled"), (self.deadline, "deadline")];
        for (columns, head) in columns {
            heads += &columns.map_or(String::new(), |columns| format!(" {}", right(head, columns)));
        }
        Line::of(heads, Look::Faint)
    }

    pub(super) fn line(&self, entry: &Entry) -> Line {
        let look = look_of(entry);
        let quiet = if entry.has_left() { Look::Faint } else { Look::Plain };
        let name = if entry.is_in_turn() { Look::Bold } else { quiet };
        let mut line = Line::of(left(self.mark(entry), MARK_COLUMNS), look)
            .then(left(&name_of(entry), self.name), name);
        if let Some(columns) = self.state {
            line = line.then(format!(" {}", left(word_for(entry), columns)), look);
        }
        if let Some(columns) = self.bar {
            line = self.bar(line.then(" ", Look::Plain), entry, columns);
        }
        line = line.then(format!(" {}", right(&queue_in(entry, self.queue), self.queue)), name);
        let figures = [(self.rate, rate_of(entry)), (self.handled, handled_of(entry))];
        for (columns, figure) in figures {
            if let Some(columns) = columns {
                line = line.then(format!(" {}", right(&figure, columns)), quiet);
            }
        }
        if let Some(columns) = self.deadline {
            let look = if is_in_danger(entry) { Look::Alarming } else { Look::Notable };
            line = line.then(format!(" {}", right(&deadline_of(entry), columns)), look);
        }
        match remark(entry).filter(|_| self.remark > 0) {
            Some(remark) => line.then(format!("  {}", cut(&remark, self.remark)), Look::Faint),
            None => line,
        }
    }

    fn mark(&self, entry: &Entry) -> &'static str {
        match (entry.sight.state, self.ink) {
            (State::Overdue, _) => "!",
            (State::Draining, Ink::Strokes) => "▸",
            (State::Draining, Ink::Ascii) => ">",
            _ if entry.ended_badly() => "!",
            (State::Ended, Ink::Strokes) => "✓",
            _ => "",
        }
    }

    /// How full its mailbox is, to be seen at a glance.
    fn bar(&self, line: Line, entry: &Entry, columns: usize) -> Line {
        let Some(fill) = entry.fill().filter(|_| !entry.has_left()) else {
            return line.then(" ".repeat(columns), Look::Plain);
        };
        let look = match fill {
            _ if entry.is_in_turn() => look_of(entry),
            0.5.. => Look::Warm,
            _ => Look::Good,
        };
        let (filled, rest) = match self.ink {
            Ink::Strokes => strokes(fill, columns),
            Ink::Ascii => hashes(fill, columns),
        };
        line.then(filled, look).then(rest, Look::Faint)
    }
}

/// Takes columns of the room, and one to stand before them.
fn take(room: &mut usize, wanted: usize) -> Option<usize> {
    let left = room.checked_sub(wanted + 1);
    *room = left.unwrap_or(0);
    left.map(|_| wanted)
}

/// So much of a whole, of which something is never nothing, and not quite all is not all.
fn share(fill: f64, whole: usize) -> usize {
    match (fill * whole as f64) as usize {
        0 if fill > 0.0 => 1,
        share => share,
    }
}

/// A heavy line, to half a column, on a light one.
fn strokes(fill: f64, columns: usize) -> (String, String) {
    let halves = share(fill, 2 * columns);
    let (whole, half) = (halves / 2, halves % 2);
    ("━".repeat(whole) + &"╸".repeat(half), "─".repeat(columns - whole - half))
}

fn hashes(fill: f64, columns: usize) -> (String, String) {
    let filled = share(fill, columns);
    ("#".repeat(filled), ".".repeat(columns - filled))
}

fn is_in_danger(entry: &Entry) -> bool {
    let is_near = entry.sight.until_deadline.is_some_and(|left| left < DANGER);
    is_near || entry.sight.state == State::Overdue
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
