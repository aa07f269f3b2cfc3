//! [`Recording`]: what was heard and seen of a run, in bounded space. Pure: what comes in comes with its
//! moment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use exeunt::{ActorIdentity, ActorSnapshot, Ended, Notice, Reason};

use super::text::clipped;
use super::track::{Kind, Sample, Track};

/// How many looks there are before it looks half as often.
const LOOKS: usize = 2_000;

/// How many samples there are before it keeps half of them: of the time before the drain, and of the
/// drain. They take some 20 megabytes each.
const SAMPLES: usize = 300_000;

/// How many are followed at once; those that left first make room.
const TRACKS: usize = 2_000;

/// How many it knows something of; those that left first make room.
const KNOWN: usize = 4_000;

/// How much it knows of each: marks and restarts.
const NOTES: usize = 200;

/// How many different things there are to wait for and to do, and how long each text is.
const WORDS: usize = 1_000;
const COLUMNS: usize = 400;

/// Without a look for so much longer than it should have been, nobody knows.
const OVERSLEPT: Duration = Duration::from_millis(100);

/// What was heard and seen.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) tracks: BTreeMap<usize, Track>,
    pub(super) notes: BTreeMap<usize, Notes>,
    pub(super) drain: Option<(Duration, Reason)>,
    pub(super) finished: Option<Duration>,
    /// Why nobody looks, if nobody does.
    pub(super) blind: Option<String>,
    pace: Pace,
    words: Words,
}

/// What was heard of one actor.
#[derive(Clone, Default, Debug)]
pub(super) struct Notes {
    /// When it first had.
    pub(super) started: Option<Duration>,
    pub(super) turn: Option<Duration>,
    pub(super) ended: Option<Duration>,
    /// From the word that it begins anew until it has.
    pub(super) restarts: Vec<(Duration, Option<Duration>)>,
    pub(super) marks: Vec<Mark>,
}

impl Notes {
    /// Since when nothing more is to come, as far as is known. Of a pool only what befell its mailbox is told: it never
    /// starts, and its end is that of its threads.
    fn over(&self) -> Option<Duration> {
        match self.started {
            Some(_) => self.ended,
            None => self.ended.or_else(|| Some(self.marks.last()?.at)),
        }
    }
}

/// Something that happened to an actor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Mark {
    pub(super) at: Duration,
    pub(super) what: What,
    /// As the log has it.
    pub(super) text: String,
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum What {
    Restarting,
    Failed,
    Stuck,
    Overdue,
    Returned,
    Abandoned,
}

impl What {
    pub(super) fn name(self) -> &'static str {
        match self {
            What::Restarting => "begins anew",
            What::Failed => "failed",
            What::Stuck => "stuck",
            What::Overdue => "deadline",
            What::Returned => "returned messages",
            What::Abandoned => "abandoned",
        }
    }

    /// Of a notice, and to whom it happened.
    fn of(notice: &Notice) -> Option<(What, usize)> {
        Some(match notice {
            Notice::Restarting { id, .. } => (What::Restarting, *id),
            Notice::Failed { id, .. }
            | Notice::Absorbed { id, .. }
            | Notice::TooManyRestarts { id, .. }
            | Notice::FailedToStop { id, .. }
            | Notice::DeadLetterLost { id, .. } => (What::Failed, *id),
            Notice::Stuck { id, .. } => (What::Stuck, *id),
            Notice::Overdue { id, .. } => (What::Overdue, *id),
            Notice::Returned { id, .. }
            | Notice::Refused { from: ActorIdentity { id, .. }, .. } => (What::Returned, *id),
            Notice::Abandoned { id, .. } => (What::Abandoned, *id),
            _ => return None,
        })
    }
}

impl Recording {
    pub(super) fn new(interval: Duration) -> Recording {
        Recording {
            tracks: BTreeMap::new(),
            notes: BTreeMap::new(),
            drain: None,
            finished: None,
            blind: None,
            pace: Pace {
                since: Duration::ZERO,
                first: interval,
                interval,
                longest: interval,
                looks: 0,
                late: None,
            },
            words: Words::default(),
        }
    }

    pub(super) fn is_blind_since(&mut self, error: &dyn fmt::Display) {
        self.blind = Some(error.to_string());
    }

    /// The words of a sample.
    pub(super) fn words(&self, sample: &Sample) -> Option<Arc<str>> {
        sample.words.and_then(|words| self.words.all.get(usize::from(words))).cloned()
    }

    /// How long it was from one look to the next: at the least, and at the most.
    pub(super) fn every(&self) -> (Duration, Duration) {
        (self.pace.first, self.pace.longest)
    }

    // What is heard.

    pub(super) fn hear(&mut self, at: Duration, notice: &Notice) {
        match notice {
            Notice::DrainBegan { reason, .. } => {
                self.drain = Some((at, reason.clone()));
                self.pace.begin_anew(at);
            }
            Notice::Finished { .. } => self.finished = Some(at),
            Notice::Started { id, .. } => self.note(*id, |notes| {
                if let Some(restart) = notes.restarts.last_mut() {
                    restart.1.get_or_insert(at);
                }
                notes.started.get_or_insert(at);
            }),
            Notice::Draining { id, .. } => self.note(*id, |notes| notes.turn = Some(at)),
            Notice::Restarting { id, with, .. } => {
                for id in [*id].into_iter().chain(with.iter().map(|other| other.id)) {
                    self.note(id, |notes| push(&mut notes.restarts, (at, None)));
                }
            }
            Notice::Deadlock { waits, .. } => {
                let text = clipped(&notice.to_string(), COLUMNS);
                for (actor, _) in waits.iter().take(NOTES) {
                    let mark = Mark { at, what: What::Stuck, text: text.clone() };
                    self.note(actor.id, |notes| push(&mut notes.marks, mark));
                }
            }
            _ => {}
        }
        if let Some((what, id)) = What::of(notice) {
            let mark = Mark { at, what, text: clipped(&notice.to_string(), COLUMNS) };
            self.note(id, |notes| push(&mut notes.marks, mark));
        }
        if let Notice::Ended { id, name, ended, .. } = notice {
            self.hear_of_an_end(at, *id, name, *ended);
        }
    }

    fn hear_of_an_end(&mut self, at: Duration, id: usize, name: &str, ended: Ended) {
        self.note(id, |notes| {
            if let Some(restart) = notes.restarts.last_mut() {
                restart.1.get_or_insert(at);
            }
            let is_marked = notes.marks.last().is_some_and(|mark| mark.what == What::Failed);
            if ended == Ended::Failed && !is_marked {
                let mark = Mark { at, what: What::Failed, text: format!("`{name}` failed") };
                push(&mut notes.marks, mark);
            }
            notes.ended = Some(at);
        });
    }

    fn note(&mut self, id: usize, what: impl FnOnce(&mut Notes)) {
        if let Some(notes) = self.notes.get_mut(&id) {
            return what(notes);
        }
        if self.notes.len() >= KNOWN {
            make_room(&mut self.notes, Notes::over);
        }
        if self.notes.len() < KNOWN {
            what(self.notes.entry(id).or_default());
        }
    }

    // What is seen.

    /// Notes how all stand, and says after how long to look again.
    pub(super) fn look(&mut self, at: Duration, actors: &[ActorSnapshot]) -> Duration {
        if let Some(since) = self.pace.overslept(at) {
            self.tracks.values_mut().for_each(|track| track.lose_sight(since));
        }
        for actor in actors.iter().filter(|actor| actor.state != exeunt::State::Ended) {
            self.see(at, actor);
        }
        self.see_who_is_gone(at, actors);
        let since = self.pace.since;
        let samples: usize = self.tracks.values().map(|track| track.samples_since(since)).sum();
        if self.pace.looks > LOOKS || samples > SAMPLES {
            let cell = self.pace.slow_down();
            self.tracks.values_mut().for_each(|track| track.thin(since, cell));
        }
        self.pace.look(at);
        self.pace.interval
    }

    fn see(&mut self, at: Duration, actor: &ActorSnapshot) {
        let (kind, words) = Kind::of(actor);
        let words = words.and_then(|words| self.words.number(&words));
        if !self.tracks.contains_key(&actor.id) && self.tracks.len() >= TRACKS {
            make_room(&mut self.tracks, |track| track.gone);
            if self.tracks.len() >= TRACKS {
                return;
            }
        }
        let track = self.tracks.entry(actor.id);
        let track = track.or_insert_with(|| Track::new(at));
        track.see(Sample { at, kind, words, queued: actor.queued, handled: actor.handled });
    }

    /// Children that have left are in no snapshot any more.
    fn see_who_is_gone(&mut self, at: Duration, actors: &[ActorSnapshot]) {
        let there = actors.iter().filter(|actor| actor.state != exeunt::State::Ended);
        let there: BTreeSet<usize> = there.map(|actor| actor.id).collect();
        let gone = self.tracks.iter_mut();
        let gone = gone.filter(|(id, track)| track.gone.is_none() && !there.contains(id));
        gone.for_each(|(_, track)| track.leave(at));
    }
}

/// Adds to a list that has a limit.
fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() < NOTES {
        list.push(item);
    }
}

/// Forgets some of those who have left, the first first. Many at once, since it has to look at all.
fn make_room<V>(all: &mut BTreeMap<usize, V>, left: impl Fn(&V) -> Option<Duration>) {
    let gone = all.iter().filter_map(|(id, value)| Some((left(value)?, *id)));
    let mut gone: Vec<(Duration, usize)> = gone.collect();
    gone.sort();
    for (_, id) in gone.into_iter().take(all.len() / 8 + 1) {
        all.remove(&id);
    }
}

/// How often it looks.
#[derive(Debug)]
struct Pace {
    /// From the beginning, or from that of the drain.
    since: Duration,
    first: Duration,
    interval: Duration,
    longest: Duration,
    looks: usize,
    /// When the next look is due, and from when on that was too late.
    late: Option<(Duration, Duration)>,
}

impl Pace {
    fn begin_anew(&mut self, at: Duration) {
        (self.since, self.interval, self.looks) = (at, self.first, 0);
    }

    fn look(&mut self, at: Duration) {
        self.looks += 1;
        let due = at + self.interval;
        self.late = Some((due, due + self.interval * 4 + OVERSLEPT));
    }

    /// Twice as long between two looks; gives that.
    fn slow_down(&mut self) -> Duration {
        self.interval *= 2;
        self.longest = self.longest.max(self.interval);
        self.looks /= 2;
        self.interval
    }

    /// Since when nobody has looked, if that is longer than it should be: the process was stopped, say.
    fn overslept(&self, at: Duration) -> Option<Duration> {
        self.late.filter(|&(_, too_late)| at > too_late).map(|(due, _)| due)
    }
}

/// Texts, each of them once.
#[derive(Default, Debug)]
struct Words {
    all: Vec<Arc<str>>,
    numbers: BTreeMap<String, u16>,
}

impl Words {
    fn number(&mut self, words: &str) -> Option<u16> {
        if let Some(&number) = self.numbers.get(words) {
            return Some(number);
        }
        let number = u16::try_from(self.all.len()).ok().filter(|_| self.all.len() < WORDS)?;
        self.all.push(clipped(words, COLUMNS).into());
        self.numbers.insert(words.to_owned(), number);
        Some(number)
    }
}

#[cfg(test)]
mod tests;
