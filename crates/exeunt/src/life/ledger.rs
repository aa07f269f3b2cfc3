//! The ledger: what is written rarely, and under a lock, so that an abandoned thread and the system that
//! gives it up cannot both count a message.

use std::sync::MutexGuard;
use std::time::Instant;

use super::Life;
use super::activity::{Activity, Whom};
use super::pulse::Place;
use crate::report::Ended;
use crate::unwind;

/// What is written rarely, under a lock.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) failed: u64,
    returned: u64,
    overflowed: u64,
    restarts: u64,
    cancelled: u64,
    pub(super) activity: Activity,
    /// How many waits for another it has begun.
    pub(super) waits: u64,
    /// Those whose answers it expected when it last fell asleep with asks out.
    pub(super) owed_by: Vec<Whom>,
    /// What it last called a message, and how many it had done with before that one.
    pub(super) label: Option<(&'static str, u64)>,
    pub(super) outcome: Option<Outcome>,
    /// When its deadline comes, as the conductor sees it; after that, when it is given up.
    deadline: Option<Instant>,
    /// What it was doing when its deadline came.
    was_doing: Option<String>,
    /// The figures at the moment when the system had the last word: they stand for good.
    disowned: Option<Figures>,
}

/// How a thread ended, as it says itself.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Completed,
    Drained,
    Overdue,
    Failed(String),
    /// By a failure that another takes on.
    Absorbed(String),
    /// The system has given it up and written its figures down: it has no say any more.
    Disowned,
}

impl Outcome {
    pub(crate) fn is_failure(&self) -> bool {
        matches!(self, Outcome::Failed(_) | Outcome::Absorbed(_))
    }

    /// What the report says of it: how it ended, of what, and whether that was absorbed. `None` if
    /// its thread has no say.
    pub(crate) fn told(self) -> Option<(Ended, Option<String>, bool)> {
        match self {
            Outcome::Completed => Some((Ended::Completed, None, false)),
            Outcome::Drained => Some((Ended::Drained, None, false)),
            Outcome::Overdue => Some((Ended::Overdue, None, false)),
            Outcome::Failed(error) => Some((Ended::Failed, Some(error), false)),
            Outcome::Absorbed(error) => Some((Ended::Failed, Some(error), true)),
            Outcome::Disowned => None,
        }
    }
}

/// The figures of one actor at one moment.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Figures {
    pub(crate) handled: u64,
    pub(crate) failed: u64,
    pub(crate) returned: u64,
    /// Those of the returned for which there was no room.
    pub(crate) overflowed: u64,
    pub(crate) restarts: u64,
    /// Timers that were to fire once, and that its turn cancelled before.
    pub(crate) cancelled: u64,
}

impl Life {
    // What the actor's own thread says.

    /// The handler returned an error, or panicked.
    pub(crate) fn leave_failed(&self) {
        // Both words under the lock that `disown` takes: it sees the message in the handler, or
        // failed, and never twice.
        let mut ledger = self.ledger();
        ledger.failed += 1;
        self.pulse.set_place(Place::Runner);
    }

    pub(crate) fn count_restart(&self) {
        self.ledger().restarts += 1;
    }

    pub(crate) fn count_cancelled(&self, timers: u64) {
        if timers > 0 {
            self.ledger().cancelled += timers;
        }
    }

    /// Takes what is left in the mailbox and counts it, both or neither: once the system has had
    /// the last word, what is left is the system's to take.
    pub(crate) fn take_returned<M>(&self, take: impl FnOnce() -> Vec<M>) -> Vec<M> {
        self.take_counted(take, |ledger, messages| ledger.returned += messages)
    }

    /// The same, for those that have to make room.
    pub(crate) fn take_overflowed<M>(&self, take: impl FnOnce() -> Vec<M>) -> Vec<M> {
        self.take_counted(take, |ledger, messages| {
            ledger.returned += messages;
            ledger.overflowed += messages;
        })
    }

    fn take_counted<M>(
        &self,
        take: impl FnOnce() -> Vec<M>,
        count: impl FnOnce(&mut Ledger, u64),
    ) -> Vec<M> {
        let mut ledger = self.ledger();
        if matches!(ledger.outcome, Some(Outcome::Disowned)) {
            return Vec::new();
        }
        let messages = take();
        count(&mut ledger, messages.len() as u64);
        messages
    }

    /// The last word of the thread, unless the system has had it already.
    pub(crate) fn end(&self, outcome: Outcome) {
        self.ledger().outcome.get_or_insert(outcome);
    }

    // What the others see, and the one thing they do.

    pub(crate) fn has_ended(&self) -> bool {
        self.ledger().outcome.is_some()
    }

    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.ledger().outcome.clone()
    }

    pub(crate) fn figures(&self) -> Figures {
        let ledger = self.ledger();
        ledger.disowned.unwrap_or_else(|| ledger.figures(self.handled()))
    }

    /// Takes the actor's last word from it and gives its figures, with the message that is in its
    /// hands counted as failed. `None` if the thread was quicker and has ended by itself.
    pub(crate) fn disown(&self) -> Option<Figures> {
        let mut ledger = self.ledger();
        if ledger.outcome.is_some() {
            return None;
        }
        ledger.outcome = Some(Outcome::Disowned);
        // One look: a message that it finishes meanwhile is in its hands, or handled, and never both.
        let word = self.pulse.look();
        let figures = ledger.figures(word.handled());
        let in_hand = u64::from(word.place() == Place::Message);
        ledger.disowned = Some(Figures { failed: figures.failed + in_hand, ..figures });
        ledger.disowned
    }

    /// Whether the system has given up on it.
    pub(crate) fn is_disowned(&self) -> bool {
        self.ledger().disowned.is_some()
    }

    /// Counts what the system took from the mailbox of a disowned actor.
    pub(crate) fn count_returned(&self, messages: u64) {
        if let Some(figures) = &mut self.ledger().disowned {
            figures.returned += messages;
        }
    }

    /// Notes when its next limit comes, for those who look; it changes nothing.
    pub(crate) fn set_deadline(&self, deadline: Option<Instant>) {
        self.ledger().deadline = deadline;
    }

    /// Its deadline has come, and this is what it was doing.
    pub(crate) fn set_was_doing(&self, doing: String) {
        self.ledger().was_doing = Some(doing);
    }

    /// What it was doing when its deadline came, if that has come.
    pub(crate) fn was_doing(&self) -> Option<String> {
        self.ledger().was_doing.clone()
    }

    /// When its next limit comes, if it is its turn and it has one.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let ledger = self.ledger();
        ledger.deadline.filter(|_| ledger.outcome.is_none())
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        unwind::lock(&self.ledger)
    }
}

impl Ledger {
    /// The figures, with those that the [pulse](super::pulse) counts.
    fn figures(&self, handled: u64) -> Figures {
        Figures {
            handled,
            failed: self.failed,
            returned: self.returned,
            overflowed: self.overflowed,
            restarts: self.restarts,
            cancelled: self.cancelled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m1_a_message_is_handled_failed_or_in_hand_and_never_two_of_them() {
        let life = Life::unstarted();
        life.enter_message();
        assert!(life.sample().is_in_user_code());
        life.leave_handled();
        life.enter_message();
        life.leave_failed();
        assert!(!life.sample().is_in_user_code());
        assert_eq!(life.figures(), Figures { handled: 1, failed: 1, ..Figures::default() });

        life.enter_message();
        assert_eq!(life.disown(), Some(Figures { handled: 1, failed: 2, ..Figures::default() }));
    }

    #[test]
    fn d3_who_has_the_last_word_has_it_alone() {
        let quick = Life::unstarted();
        quick.end(Outcome::Drained);
        assert_eq!(quick.disown(), None);

        let slow = Life::unstarted();
        assert!(slow.disown().is_some());
        slow.end(Outcome::Drained);
        assert!(matches!(slow.outcome(), Some(Outcome::Disowned)));
    }
}
