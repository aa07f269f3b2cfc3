//! [`Track`]: what was seen of one actor, look by look, in bounded space.

use std::time::Duration;

use exeunt::{ActorSnapshot, State};

/// What an actor does with its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// It is in code of the user's.
    Busy,
    /// It waits for something to do, or for a moment to come.
    Idle,
    /// It waits for another.
    Blocked,
    /// It is between two incarnations.
    Restarting,
    /// Nobody looked.
    Unseen,
}

impl Kind {
    pub(super) const ALL: [Kind; 5] =
        [Kind::Busy, Kind::Idle, Kind::Blocked, Kind::Restarting, Kind::Unseen];

    /// As it stands in the legend.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Busy => "busy",
            Kind::Idle => "idle",
            Kind::Blocked => "blocked",
            Kind::Restarting => "restarting",
            Kind::Unseen => "not looked at",
        }
    }

    /// Of a snapshot, and in words if there is more to say than that.
    pub(super) fn of(actor: &ActorSnapshot) -> (Kind, Option<String>) {
        if actor.state == State::Restarting {
            return (Kind::Restarting, None);
        }
        if let Some(waiting) = &actor.waits_for {
            return (Kind::Blocked, Some(format!("waits for {waiting}")));
        }
        if actor.is_idle {
            return (Kind::Idle, None);
        }
        if actor.is_waiting && !actor.is_in_user_code {
            return (Kind::Blocked, Some("waits for its children to leave".to_owned()));
        }
        // With a message in its hands it holds up those behind it.
        if actor.is_waiting && !actor.is_handling {
            return (Kind::Idle, Some(actor.doing.clone()));
        }
        // What it is doing is told in words only. Should they change, it is busy with that.
        match actor.doing.as_str() {
            "between two messages" | "in its handler" if actor.label.is_none() => {
                (Kind::Busy, None)
            }
            doing => match actor.label {
                Some(label) => (Kind::Busy, Some(format!("{doing}, on `{label}`"))),
                None => (Kind::Busy, Some(doing.to_owned())),
            },
        }
    }
}

/// How one stood from one moment to that of the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sample {
    pub(super) at: Duration,
    pub(super) kind: Kind,
    /// Which of the recording's words tell more of it.
    pub(super) words: Option<u16>,
    pub(super) queued: usize,
    pub(super) handled: u64,
}

impl Sample {
    fn is_like(&self, other: &Sample) -> bool {
        Sample { at: other.at, ..*self } == *other
    }
}

/// What was seen of one actor.
#[derive(Clone, Debug)]
pub(super) struct Track {
    /// In order, each of them different from the one before it.
    pub(super) samples: Vec<Sample>,
    /// Since when it was not there any more.
    pub(super) gone: Option<Duration>,
    pub(super) peak: usize,
    /// When it was seen to be there, the last time.
    pub(super) last_seen: Duration,
    last_look: Duration,
    spent: [Duration; Kind::ALL.len()],
}

impl Track {
    pub(super) fn new(at: Duration) -> Track {
        let spent = [Duration::ZERO; Kind::ALL.len()];
        Track { samples: Vec::new(), gone: None, peak: 0, last_seen: at, last_look: at, spent }
    }

    /// How much time it spent with this, by the looks.
    pub(super) fn spent(&self, kind: Kind) -> Duration {
        self.spent[kind as usize]
    }

    /// What was seen of it at a moment.
    pub(super) fn see(&mut self, sample: Sample) {
        self.pass_until(sample.at);
        self.last_seen = sample.at;
        self.peak = self.peak.max(sample.queued);
        if !self.samples.last().is_some_and(|last| last.is_like(&sample)) {
            self.samples.push(sample);
        }
    }

    /// It has left.
    pub(super) fn leave(&mut self, at: Duration) {
        self.pass_until(at);
        self.gone = Some(at);
    }

    /// Nobody has looked since.
    pub(super) fn lose_sight(&mut self, since: Duration) {
        let since = since.max(self.last_look);
        if let Some(&last) = self.samples.last().filter(|_| self.gone.is_none()) {
            self.see(Sample { at: since, kind: Kind::Unseen, words: None, ..last });
        }
    }

    fn pass_until(&mut self, at: Duration) {
        if let Some(last) = self.samples.last() {
            self.spent[last.kind as usize] += at.saturating_sub(self.last_look);
        }
        self.last_look = self.last_look.max(at);
    }

    pub(super) fn samples_since(&self, since: Duration) -> usize {
        self.samples.len() - self.first_since(since)
    }

    /// Keeps one sample for each cell of time since then: the last, with the fullest queue of the cell.
    pub(super) fn thin(&mut self, since: Duration, cell: Duration) {
        let cell_of = |sample: &Sample| (sample.at - since).as_nanos() / cell.as_nanos().max(1);
        let fine = self.samples.split_off(self.first_since(since));
        let mut coarse: Vec<Sample> = Vec::with_capacity(fine.len() / 2 + 1);
        for sample in fine {
            match coarse.last_mut() {
                Some(last) if cell_of(last) == cell_of(&sample) => {
                    let queued = last.queued.max(sample.queued);
                    *last = Sample { at: last.at, queued, ..sample };
                }
                _ => coarse.push(sample),
            }
        }
        self.samples.append(&mut coarse);
        self.samples.shrink_to_fit();
    }

    fn first_since(&self, since: Duration) -> usize {
        self.samples.partition_point(|sample| sample.at < since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::props::{ms, snapshot};

    fn sample(at: u64, kind: Kind, queued: usize) -> Sample {
        Sample { at: ms(at), kind, words: None, queued, handled: 0 }
    }

    #[test]
    fn what_stays_the_same_takes_no_room() {
        let mut track = Track::new(ms(0));
        for at in 0..1_000 {
            track.see(sample(at, Kind::Idle, 0));
        }
        assert_eq!(track.samples.len(), 1);
        assert_eq!(track.spent(Kind::Idle), ms(999));
    }

    #[test]
    fn thinned_it_keeps_the_fullest_queue_and_the_time_spent() {
        let mut track = Track::new(ms(0));
        for at in 0..1_000 {
            let kind = if at % 2 == 0 { Kind::Busy } else { Kind::Idle };
            track.see(sample(at, kind, if at == 501 { 77 } else { (at % 3) as usize }));
        }
        track.thin(ms(500), ms(100));
        assert_eq!(track.samples_since(ms(500)), 5);
        assert_eq!(track.samples.len(), 505);
        assert_eq!(track.samples.iter().map(|sample| sample.queued).max(), Some(77));
        assert!(track.samples.windows(2).all(|pair| pair[0].at < pair[1].at));
        assert_eq!([track.spent(Kind::Busy), track.spent(Kind::Idle)], [ms(500), ms(499)]);
    }

    #[test]
    fn what_nobody_has_seen_is_not_made_up() {
        let mut track = Track::new(ms(0));
        track.see(sample(0, Kind::Busy, 3));
        track.lose_sight(ms(20));
        track.see(sample(5_000, Kind::Busy, 3));
        track.leave(ms(5_010));
        track.lose_sight(ms(6_000));
        let kinds: Vec<Kind> = track.samples.iter().map(|sample| sample.kind).collect();
        assert_eq!(kinds, [Kind::Busy, Kind::Unseen, Kind::Busy]);
        assert_eq!([track.spent(Kind::Busy), track.spent(Kind::Unseen)], [ms(30), ms(4_980)]);
    }

    #[test]
    fn what_it_does_is_told_by_its_snapshot() {
        let mut actor = snapshot(0, "a");
        (actor.is_idle, actor.is_waiting) = (true, true);
        assert_eq!(Kind::of(&actor), (Kind::Idle, None));
        (actor.is_idle, actor.is_in_user_code) = (false, true);
        actor.doing = "waiting for a client".into();
        assert_eq!(Kind::of(&actor), (Kind::Idle, Some(actor.doing.clone())));
        actor.is_handling = true;
        assert_eq!(Kind::of(&actor), (Kind::Busy, Some(actor.doing.clone())));
        (actor.is_in_user_code, actor.is_handling) = (false, false);
        assert_eq!(Kind::of(&actor).0, Kind::Blocked); // by its children
        (actor.is_waiting, actor.is_in_user_code) = (false, true);
        actor.doing = "in its handler".into();
        assert_eq!(Kind::of(&actor), (Kind::Busy, None));
        actor.label = Some("transfer");
        assert_eq!(Kind::of(&actor).1.as_deref(), Some("in its handler, on `transfer`"));
        actor.state = State::Restarting;
        assert_eq!(Kind::of(&actor), (Kind::Restarting, None));
    }
}
