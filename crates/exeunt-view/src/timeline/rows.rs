//! [`Picture`]: what was recorded and what the report says, put together as rows with moments. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use exeunt::{ActorReport, Ended, Reason, Report};

use super::recording::{Mark, Notes, Recording};
use super::track::{Kind, Sample, Track};

mod family;

/// There are no more rows than that; of more actors the last row is the sum.
pub(super) const ROWS: usize = 1_000;

/// A run as it is drawn.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    /// Without its actors, who are the rows.
    pub(super) report: Report,
    pub(super) is_complete: bool,
    pub(super) is_failure: bool,
    /// How many lines the report has.
    pub(super) actors: usize,
    /// From the beginning of the recording to the end of everybody.
    pub(super) ran: Duration,
    /// When the drain began, and why, if it did.
    pub(super) drain: Option<(Duration, Reason)>,
    pub(super) rows: Vec<Row>,
    /// Why nobody looked, if nobody did.
    pub(super) blind: Option<String>,
    /// How long it was from one look to the next: at the least, and at the most.
    pub(super) every: (Duration, Duration),
}

/// An actor, task, or thread of a pool; or many of them.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// How deep it stands below those that it is a child or a thread of.
    pub(super) depth: usize,
    /// Its figures; without its threads, which are rows of their own.
    pub(super) line: ActorReport,
    pub(super) what: Who,
    /// From its beginning to its end, if anything is known of that.
    pub(super) life: Option<(Duration, Duration)>,
    /// When its turn came, if it did.
    pub(super) turn: Option<Duration>,
    /// What it did with its time, without gaps, from the first look at it to its end.
    pub(super) spans: Vec<Span>,
    /// Its queue, and what it had handled, from each of these moments on.
    pub(super) points: Vec<Point>,
    pub(super) marks: Vec<Mark>,
    /// Of the time in which it was looked at, the time that it spent with each kind of thing.
    pub(super) shares: Option<[f64; 4]>,
    /// The fullest that its queue was seen.
    pub(super) peak: usize,
}

/// What a row stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Who {
    /// An actor or a task.
    One,
    /// A pool, whose threads are the rows below it.
    Pool,
    /// One of those, which has no queue of its own.
    Thread,
    /// Several, of whom there were too many.
    Many,
}

/// What it did from one moment to another.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Span {
    pub(super) from: Duration,
    pub(super) to: Duration,
    pub(super) kind: Kind,
    pub(super) words: Option<Arc<str>>,
}

/// How full its mailbox was, and how many it had handled, from a moment on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Point {
    pub(super) at: Duration,
    pub(super) queued: usize,
    pub(super) handled: u64,
}

impl Picture {
    /// Of what was recorded until now, and what the report says.
    pub(super) fn of(recording: &Recording, report: &Report, now: Duration) -> Picture {
        let end = recording.finished.unwrap_or(now);
        let mut rows: Vec<Row> = family::rows(&report.actors, ROWS)
            .into_iter()
            .map(|(depth, what, line)| Row::of(recording, depth, what, line, end))
            .collect();
        fill_pools(&mut rows);
        fill_the_sum(&mut rows, recording);

        let ends = rows.iter().filter_map(|row| row.life).map(|(_, end)| end);
        let mut without_actors = report.clone();
        without_actors.actors = Vec::new();
        Picture {
            report: without_actors,
            is_complete: report.is_complete(),
            is_failure: report.is_failure(),
            actors: report.actors.len(),
            ran: ends.max().unwrap_or_default().max(end),
            // If all ended by themselves there was nothing to drain.
            drain: recording.drain.clone().filter(|(_, reason)| *reason != Reason::Completed),
            rows,
            blind: recording.blind.clone(),
            every: recording.every(),
        }
    }
}

impl Row {
    fn of(recording: &Recording, depth: usize, what: Who, line: ActorReport, end: Duration) -> Row {
        let mut row = Row {
            depth,
            line,
            what,
            life: None,
            turn: None,
            spans: Vec::new(),
            points: Vec::new(),
            marks: Vec::new(),
            shares: None,
            peak: 0,
        };
        if matches!(what, Who::One | Who::Thread) {
            let track = row.line.id.and_then(|id| recording.tracks.get(&id));
            let notes = row.line.id.and_then(|id| recording.notes.get(&id));
            row.take_what_was_heard(notes, track, end);
            if let Some(track) = track {
                row.take_what_was_seen(track, recording);
            }
            row.paint_restarts(notes);
        }
        row
    }

    /// Its beginning, its turn, its end, and what happened in between.
    fn take_what_was_heard(&mut self, notes: Option<&Notes>, track: Option<&Track>, end: Duration) {
        let ended = notes.and_then(|notes| notes.ended).or(track.and_then(|track| track.gone));
        let ended = ended.unwrap_or(end);
        let seen = track.and_then(|track| track.samples.first()).map(|sample| sample.at);
        let started = notes.and_then(|notes| notes.started);
        // The first look may come before its `started` hook has returned, or after.
        let began = seen.into_iter().chain(started).min();
        let Some(began) = began.map(|began| began.min(ended)) else { return };
        self.life = Some((began, ended));

        let Some(notes) = notes else { return };
        let is_within = |at: Duration| (began..=ended).contains(&at);
        self.turn = notes.turn.filter(|&turn| is_within(turn));
        self.marks = notes.marks.iter().filter(|mark| is_within(mark.at)).cloned().collect();
    }

    fn take_what_was_seen(&mut self, track: &Track, recording: &Recording) {
        let Some((_, ended)) = self.life else { return };
        let samples: Vec<&Sample> = track.samples.iter().filter(|s| s.at <= ended).collect();
        for (at, sample) in samples.iter().enumerate() {
            let to = samples.get(at + 1).map_or(ended, |next| next.at);
            self.points.push(Point {
                at: sample.at,
                queued: sample.queued,
                handled: sample.handled,
            });
            let words = recording.words(sample);
            self.add(Span { from: sample.at, to, kind: sample.kind, words });
        }
        // What it did in its turn nobody knows if nobody looked since.
        let turn = self.turn.filter(|&turn| track.last_seen < turn);
        if let (Some(turn), false) = (turn, self.spans.is_empty()) {
            paint(&mut self.spans, Span { from: turn, to: ended, kind: Kind::Unseen, words: None });
        }
        self.peak = track.peak;
        self.shares = shares(track);
    }

    /// Adds a span, or makes the last one longer.
    fn add(&mut self, span: Span) {
        match self.spans.last_mut() {
            Some(last) if last.kind == span.kind && last.words == span.words => last.to = span.to,
            _ => self.spans.push(span),
        }
    }

    /// Between two looks an actor may have begun anew; that was heard.
    fn paint_restarts(&mut self, notes: Option<&Notes>) {
        let (Some((began, ended)), Some(notes)) = (self.life, notes) else { return };
        let restarts = notes.restarts.iter().filter(|(from, _)| (began..=ended).contains(from));
        for &(from, to) in restarts {
            let to = to.unwrap_or(ended).min(ended);
            paint(&mut self.spans, Span { from, to, kind: Kind::Restarting, words: None });
        }
    }
}

/// Puts a span over what is there.
fn paint(spans: &mut Vec<Span>, over: Span) {
    let mut painted = Vec::with_capacity(spans.len() + 2);
    let before = spans.iter().filter(|span| span.from < over.from);
    painted.extend(before.map(|span| Span { to: span.to.min(over.from), ..span.clone() }));
    let after = spans.iter().filter(|span| span.to > over.to);
    let after: Vec<Span> =
        after.map(|span| Span { from: span.from.max(over.to), ..span.clone() }).collect();
    painted.push(over);
    painted.extend(after);
    *spans = painted;
}

fn shares(track: &Track) -> Option<[f64; 4]> {
    let kinds = [Kind::Busy, Kind::Idle, Kind::Blocked, Kind::Restarting];
    let spent = kinds.map(|kind| track.spent(kind).as_secs_f64());
    let seen: f64 = spent.iter().sum();
    (seen > 0.0).then(|| spent.map(|spent| spent / seen))
}

/// A pool lives as long as its threads, and they have one mailbox, which is its own.
fn fill_pools(rows: &mut [Row]) {
    for at in 0..rows.len() {
        if rows[at].what != Who::Pool {
            continue;
        }
        let (before, threads) = rows.split_at_mut(at + 1);
        let pool = &mut before[at];
        let count = threads.iter().take_while(|row| row.what == Who::Thread).count();
        let threads = &mut threads[..count];
        pool.life = lives(threads);
        pool.turn = threads.iter().filter_map(|thread| thread.turn).min();
        pool.peak = threads.iter().map(|thread| thread.peak).max().unwrap_or(0);
        pool.points = merged(threads);
        threads.iter_mut().for_each(|thread| thread.peak = 0);
    }
}

fn lives(rows: &[Row]) -> Option<(Duration, Duration)> {
    let lives = || rows.iter().filter_map(|row| row.life);
    Some((lives().map(|(from, _)| from).min()?, lives().map(|(_, to)| to).max()?))
}

/// One mailbox, as it was seen beside each thread, and what they had handled together.
fn merged(threads: &[Row]) -> Vec<Point> {
    let points = threads.iter().enumerate();
    let mut points: Vec<(usize, Point)> =
        points.flat_map(|(thread, row)| row.points.iter().map(move |p| (thread, *p))).collect();
    points.sort_by_key(|(_, point)| point.at);
    let mut handled = vec![0; threads.len()];
    let mut merged: Vec<Point> = Vec::new();
    for (thread, point) in points {
        handled[thread] = point.handled;
        let point = Point { handled: handled.iter().sum(), ..point };
        match merged.last_mut() {
            Some(last) if last.at == point.at => *last = point,
            _ => merged.push(point),
        }
    }
    merged
}

/// Of those who are summed up: from the first that was heard or seen of anybody without a row of its own.
fn fill_the_sum(rows: &mut [Row], recording: &Recording) {
    let shown: BTreeSet<usize> = rows.iter().filter_map(|row| row.line.id).collect();
    let others = || recording.notes.iter().filter(|(id, _)| !shown.contains(id));
    let began = others().filter_map(|(_, notes)| notes.started).min();
    let ended = others().filter_map(|(_, notes)| notes.ended).max();
    for row in rows.iter_mut().filter(|row| row.what == Who::Many) {
        row.life = began.zip(ended);
    }
}

impl Row {
    /// A word for how it ended.
    pub(super) fn ended(&self) -> String {
        match self.what {
            Who::Many => "various".to_owned(),
            _ => self.line.ended.to_string(),
        }
    }

    /// Whether it ended as one wishes.
    pub(super) fn ended_well(&self) -> bool {
        self.what == Who::Many
            || self.line.absorbed
            || matches!(self.line.ended, Ended::Drained | Ended::Completed | Ended::Daemon)
    }
}

#[cfg(test)]
mod tests;
