//! What the conductor is told, and what a member asks of it. The conductor decides.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

use super::Stage;
use crate::ending::Sentence;
use crate::life::{self, Life};
use crate::notice::Notice;
use crate::report::{ActorReport, Reason};
use crate::restart::Intensity;
use crate::supervision::{Exceeded, Verdict};
use crate::unwind::lock;

/// What the conductor is told.
pub(crate) enum Cue {
    /// The thread of this member is at its very end.
    Ended(usize),
    /// The drain is to begin.
    Shutdown(Reason),
    /// The owner waits for the end: from now on the system ends when all have ended by themselves.
    Awaited,
    /// This member is to have its turn now.
    Stop {
        index: usize,
        /// Whether it has asked for this itself, so that its restart policy has a say.
        by_itself: bool,
    },
    /// The children of this member are to leave. It is told how they left.
    Dismiss { parent: usize, left: Sender<Vec<ActorReport>> },
    /// An incarnation is over, by a failure or by its own wish: what is to become of the member?
    Over { index: usize, error: Option<String>, sentence: Sender<Sentence> },
    /// A child that leaves for good has failed at leaving, which is its parent's failure.
    FailedOnLeaving { name: String, parent: usize, error: String, sentence: Sender<Sentence> },
    /// An incarnation has ended. The next waits for word that it may begin, and after how long.
    Rests { index: usize, go: Sender<Duration> },
    /// An incarnation that the conductor waited for has begun.
    Risen(usize),
}

impl Stage {
    /// That member is to have its turn now.
    pub(crate) fn stop(&self, who: &Life) {
        let by_itself = life::current().is_some_and(|me| std::ptr::eq(&raw const *me, who));
        let _ = self.cues.send(Cue::Stop { index: who.index, by_itself });
    }

    /// The children of that member are to leave; it will be told how they did.
    pub(crate) fn dismiss_family(&self, parent: &Life) -> Receiver<Vec<ActorReport>> {
        let (left, everybody_has_left) = crossbeam_channel::bounded(1);
        let _ = self.cues.send(Cue::Dismiss { parent: parent.index, left });
        everybody_has_left
    }

    /// What is to become of a member whose incarnation is over, by a failure if there is an error.
    pub(crate) fn judge(&self, life: &Life, error: Option<&str>) -> Sentence {
        if !life.is_supervised || life.has_ended() {
            return Sentence::GiveUp;
        }
        let (sentence, answer) = crossbeam_channel::bounded(1);
        let error = error.map(str::to_owned);
        let _ = self.cues.send(Cue::Over { index: life.index, error, sentence });
        // Without a conductor the system is at its end.
        answer.recv().unwrap_or(Sentence::Leave)
    }

    /// Whose failure it is that a member that leaves for good has failed at leaving.
    pub(crate) fn judge_farewell(&self, life: &Life, error: &str) -> Sentence {
        if !life.is_supervised || life.has_ended() {
            return Sentence::GiveUp;
        }
        let verdict = lock(&self.supervision).failed_on_leaving(life.index);
        let parent = match verdict {
            Verdict::Forget => return self.absorb(life, error),
            Verdict::Parent(parent) => parent,
            _ => return Sentence::GiveUp,
        };
        // Whether the parent can still take it on is for the conductor to say.
        let (sentence, answer) = crossbeam_channel::bounded(1);
        let (name, error) = (life.name.to_string(), error.to_owned());
        let _ = self.cues.send(Cue::FailedOnLeaving { name, parent, error, sentence });
        answer.recv().unwrap_or(Sentence::GiveUp)
    }

    /// A failure of a member that leaves, which concerns no other.
    pub(crate) fn absorb(&self, who: &Life, error: &str) -> Sentence {
        self.emit(|| Notice::Absorbed {
            id: who.index,
            name: who.name.to_string(),
            error: error.to_owned(),
        });
        Sentence::Passed
    }

    /// The thread of that member is at its very end.
    pub(crate) fn farewell(&self, life: &Life) {
        let _ = self.cues.send(Cue::Ended(life.index));
    }

    /// That member waits to begin anew.
    pub(crate) fn rest(&self, life: &Life) -> Receiver<Duration> {
        let (go, word) = crossbeam_channel::bounded(1);
        let _ = self.cues.send(Cue::Rests { index: life.index, go });
        word
    }

    /// A member that others wait for has begun anew.
    pub(crate) fn risen(&self, life: &Life) {
        let _ = self.cues.send(Cue::Risen(life.index));
    }

    /// What is to become of a member whose incarnation is over. `alone`: in a drain or in its own turn.
    pub(crate) fn decide(
        &self,
        life: &Life,
        failed: bool,
        alone: bool,
        now: Instant,
        chance: f64,
    ) -> Verdict {
        let mut supervision = lock(&self.supervision);
        let verdict = supervision.over(life.index, failed, alone, now, chance);
        let exceeded = supervision.take_exceeded();
        drop(supervision);
        for Exceeded { group, intensity: Intensity { restarts, within } } in exceeded {
            let (id, name) = (life.index, life.name.to_string());
            self.emit(|| Notice::TooManyRestarts { id, name, group, restarts, within });
        }
        match verdict {
            // A drain has no time to wait.
            Verdict::Restart { who, leaves, .. } if alone => {
                Verdict::Restart { who, leaves, delay: Duration::ZERO }
            }
            verdict => verdict,
        }
    }
}
