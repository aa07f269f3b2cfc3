//! What an actor is doing, in words.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use super::Life;
use super::ledger::Ledger;
use super::pulse::Place;
use crate::stage::Stage;

/// What an actor is doing, as far as it is worth a word.
#[derive(Clone, Default, Debug)]
pub(crate) enum Activity {
    #[default]
    Starting,
    Working,
    Performing,
    Sending(Other),
    Asking(Other),
    Awaiting(Other),
    Sleeping,
    /// Waiting for something that only its own code knows of.
    WaitingFor(&'static str),
    Idling,
    AwaitingChildren,
    Resting,
    Stopping,
    Returning,
    Dropping,
}

/// The actor, task or system that an actor waits for.
#[derive(Clone, Debug)]
pub(crate) struct Other {
    pub(crate) name: Arc<str>,
    /// `None` if it was not spawned yet.
    whom: Option<Whom>,
}

/// Whom an actor waits for, as that actor knows it. Who is waited for is not kept by that: those that wait for each other
/// would keep each other, and their stages, for good.
#[derive(Clone, Debug)]
pub(crate) enum Whom {
    /// Of the same system, at that place in the order of spawning.
    Here(usize),
    /// Its children, which leave.
    Children,
    /// Of another system.
    There(Weak<Life>),
    /// All of another system.
    System(Weak<Stage>),
}

impl Whom {
    fn seen_by(me: &Life, owner: &Arc<Life>) -> Whom {
        match Arc::ptr_eq(&owner.stage, &me.stage) {
            true => Whom::Here(owner.index),
            false => Whom::There(Arc::downgrade(owner)),
        }
    }
}

impl Other {
    /// The owner of that name, as `me` knows it.
    pub(crate) fn seen_by(me: &Life, name: &Arc<str>, owner: Option<&Arc<Life>>) -> Other {
        let whom = owner.map(|owner| Whom::seen_by(me, owner));
        Other { name: Arc::clone(name), whom }
    }

    /// Another system.
    pub(crate) fn system(stage: &Arc<Stage>) -> Other {
        Other { name: (*stage.name).into(), whom: Some(Whom::System(Arc::downgrade(stage))) }
    }

    /// Its place in the order of spawning, if it is of the same system.
    pub(crate) fn index(&self) -> Option<usize> {
        match self.whom {
            Some(Whom::Here(index)) => Some(index),
            _ => None,
        }
    }
}

impl fmt::Display for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.name)
    }
}

impl Activity {
    /// Whether our own code waits there, with nothing of the user's running.
    fn is_a_wait(&self) -> bool {
        matches!(self, Activity::AwaitingChildren | Activity::Resting)
    }

    fn is_for_somebody(&self) -> bool {
        matches!(self, Activity::Sending(_) | Activity::Asking(_) | Activity::Awaiting(_))
    }

    /// Whether the user's code waits there.
    fn is_a_wait_of_the_user(&self) -> bool {
        self.is_for_somebody() || matches!(self, Activity::Sleeping | Activity::WaitingFor(_))
    }
}

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Activity::Starting => f.write_str("starting"),
            Activity::Working => f.write_str("in its handler"),
            Activity::Performing => f.write_str("in its loop"),
            Activity::Sending(to) => write!(f, "sending to {to}"),
            Activity::Asking(whom) => write!(f, "asking {whom}"),
            Activity::Awaiting(whom) => write!(f, "waiting for the end of {whom}"),
            Activity::Sleeping => f.write_str("sleeping"),
            Activity::WaitingFor(what) => write!(f, "waiting for {what}"),
            Activity::Idling => f.write_str("in its `idle` hook"),
            Activity::AwaitingChildren => f.write_str("waiting for its children to leave"),
            Activity::Resting => f.write_str("waiting to begin anew"),
            Activity::Stopping => f.write_str("in its `stopped` hook"),
            Activity::Returning => f.write_str("in its dead-letter hook"),
            Activity::Dropping => f.write_str("dropping its value"),
        }
    }
}

impl Life {
    // What the actor's own thread says.

    /// Runs code of the user's that is not about a message.
    pub(crate) fn in_hook<R>(&self, activity: Activity, hook: impl FnOnce() -> R) -> R {
        let before = self.swap_activity(activity);
        self.pulse.set_place(Place::Hook);
        let result = hook();
        self.pulse.set_place(Place::Runner);
        self.swap_activity(before);
        result
    }

    /// Says what the actor is doing while it waits inside its own code.
    pub(crate) fn during<R>(&self, activity: Activity, wait: impl FnOnce() -> R) -> R {
        // Also when it panics, as one of the user's may.
        let _after = After(self, self.swap_activity(activity));
        wait()
    }

    /// Says, before it falls asleep, whose answers it expects.
    pub(crate) fn set_awaits_answers<'a>(
        &self,
        of: impl ExactSizeIterator<Item = Option<&'a Arc<Life>>>,
    ) {
        let awaits = of.len() > 0;
        if awaits {
            let mut ledger = self.ledger();
            ledger.owed_by.clear();
            ledger.owed_by.extend(of.flatten().map(|owner| Whom::seen_by(self, owner)));
        }
        self.awaits_answers.store(awaits, Ordering::Relaxed);
    }

    /// Says what the message that it is on is called.
    pub(crate) fn set_label(&self, label: &'static str) {
        let mut ledger = self.ledger();
        ledger.label = Some((label, self.messages_before(&ledger)));
    }

    /// How many messages it has done with, which tells which one it is on. A message without a label is noted nowhere,
    /// since that would cost something.
    fn messages_before(&self, ledger: &Ledger) -> u64 {
        self.handled() + ledger.failed
    }

    pub(crate) fn swap_activity(&self, activity: Activity) -> Activity {
        let mut ledger = self.ledger();
        ledger.waits += u64::from(activity.is_for_somebody());
        std::mem::replace(&mut ledger.activity, activity)
    }

    // What the others see.

    /// What it is doing, in words.
    pub(crate) fn doing(&self) -> String {
        let ledger = self.ledger();
        match (&ledger.outcome, self.pulse.look().place()) {
            (Some(_), _) => "in its thread's destructors".to_owned(),
            // It has nothing to do until they come, in its turn as well: whoever looks for what holds it up looks
            // there.
            (None, Place::Asleep) if self.awaits_answers() => "waiting for answers".to_owned(),
            (None, Place::Runner | Place::Asleep) if !ledger.activity.is_a_wait() => {
                "between two messages".to_owned()
            }
            (None, Place::Message) if ledger.activity.is_a_wait() => Activity::Working.to_string(),
            (None, _) => ledger.activity.to_string(),
        }
    }

    /// Whether it waits, for whatever it may be, and does nothing.
    pub(crate) fn is_waiting(&self) -> bool {
        let ledger = self.ledger();
        ledger.outcome.is_none()
            && match self.pulse.look().place() {
                Place::Asleep => true,
                Place::Runner => ledger.activity.is_a_wait(),
                Place::Message | Place::Hook => ledger.activity.is_a_wait_of_the_user(),
            }
    }

    pub(crate) fn label(&self) -> Option<&'static str> {
        let ledger = self.ledger();
        let (label, on) = ledger.label?;
        let is_on_it = self.pulse.look().place() == Place::Message;
        (is_on_it && on == self.messages_before(&ledger)).then_some(label)
    }

    /// Whether it waits to begin anew.
    pub(crate) fn is_resting(&self) -> bool {
        matches!(self.ledger().activity, Activity::Resting)
    }

    /// Whom it waits for and for what, and which of its waits this is.
    pub(crate) fn waits_for(&self) -> Option<(Activity, u64)> {
        let ledger = self.ledger();
        let waits = ledger.outcome.is_none() && ledger.activity.is_for_somebody();
        waits.then(|| (ledger.activity.clone(), ledger.waits))
    }

    /// Those without which it does not get on: the one for whose room, answer or end it waits in its own code; or those
    /// that owe it answers while it sleeps, and its children while they leave.
    pub(crate) fn waits_for_others(&self) -> Vec<Whom> {
        let ledger = self.ledger();
        let (mut others, place) = (Vec::new(), self.pulse.look().place());
        match &ledger.activity {
            Activity::Sending(other) | Activity::Asking(other) | Activity::Awaiting(other) => {
                others.extend(other.whom.clone());
            }
            _ if !matches!(place, Place::Runner | Place::Asleep) => {}
            activity => {
                if place == Place::Asleep && self.awaits_answers() {
                    others.extend_from_slice(&ledger.owed_by);
                }
                if matches!(activity, Activity::AwaitingChildren) {
                    others.push(Whom::Children);
                }
            }
        }
        others
    }

    /// Whether it expects answers. To be asked of an actor that was seen asleep.
    pub(crate) fn awaits_answers(&self) -> bool {
        self.awaits_answers.load(Ordering::Relaxed)
    }
}

/// What an actor was doing before it waited, which is noted again when the wait is over.
struct After<'a>(&'a Life, Activity);

impl Drop for After<'_> {
    fn drop(&mut self) {
        self.0.swap_activity(std::mem::take(&mut self.1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(life: &Life) -> (String, bool) {
        (life.doing(), life.is_waiting())
    }

    #[test]
    fn who_is_in_our_own_code_waits_if_it_was_told_to_and_who_has_a_message_works_all_the_same() {
        let life = Life::unstarted();
        life.swap_activity(Activity::Working);
        assert_eq!(seen(&life), ("between two messages".to_owned(), false));
        life.fall_asleep();
        assert_eq!(seen(&life), ("between two messages".to_owned(), true));
        life.wake_up();
        // Its children leave, and send it something meanwhile.
        life.swap_activity(Activity::AwaitingChildren);
        assert_eq!(seen(&life), ("waiting for its children to leave".to_owned(), true));
        life.enter_message();
        assert_eq!(seen(&life), ("in its handler".to_owned(), false));
    }

    #[test]
    fn who_has_ended_waits_for_nothing() {
        let life = Life::unstarted();
        life.fall_asleep();
        assert!(life.is_waiting() && life.disown().is_some());
        assert!(!life.is_waiting());
    }

    #[test]
    fn d1_whose_answers_were_to_come_is_of_no_account_to_who_is_awake() {
        let life = Arc::new(Life::unstarted());
        life.swap_activity(Activity::Working);
        life.set_awaits_answers([Some(&life)].into_iter());
        life.fall_asleep();
        assert!(matches!(life.waits_for_others()[..], [Whom::Here(0)]));
        life.wake_up();
        life.enter_message();
        assert!(life.waits_for_others().is_empty());
    }
}
