//! The end: who asks for it, who waits for it, and the report.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, never, select};

use super::roster::Entry;
use super::{Cue, Stage};
use crate::asking::during;
use crate::error::WaitError;
use crate::event::Event;
use crate::life::{self, Activity, Life, Other};
use crate::notice::Notice;
use crate::report::{Reason, Report};
use crate::unwind::{self, lock};

impl Stage {
    /// Says whether the report can still tell of it.
    pub(crate) fn shutdown(self: &Arc<Self>, reason: Reason) -> bool {
        // Under the lock that `publish` takes: a signal is in the report, or finds the system ended.
        let mut first = lock(&self.signal);
        if self.has_ended() {
            return false;
        }
        if let Reason::Signal(signal) = reason {
            first.get_or_insert(signal);
        }
        let _ = self.cues.send(Cue::Shutdown(reason));
        drop(first);
        self.raise_the_curtain_or_end();
        true
    }

    /// A member has failed, and nothing absorbs it.
    pub(crate) fn fail(self: &Arc<Self>, who: &Life, error: &str) {
        // It says so itself, unless it was the conductor that had enough of it, and before anybody can begin the drain
        // for it.
        let itself = life::current().filter(|_| !self.is_draining());
        itself.iter().for_each(|itself| itself.set_failed_first());
        let (name, error) = (who.name.to_string(), error.to_owned());
        self.emit(|| Notice::Failed { id: who.index, name: name.clone(), error: error.clone() });
        self.shutdown(Reason::Failure { name, error });
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.is_set()
    }

    pub(crate) fn drain_began(&self) -> &Event {
        &self.drain_began
    }

    /// Waits until all have ended by themselves, or a drain is over. Only the owner may: until it
    /// waits, more may still be spawned.
    pub(crate) fn wait_as_owner(self: &Arc<Self>) -> Result<Report, WaitError> {
        self.raise_the_curtain_or_end();
        let _ = self.cues.send(Cue::Awaited);
        self.wait(None)
    }

    /// Waits until the report is there, or a member of another system that waits must stop.
    pub(crate) fn wait(self: &Arc<Self>, deadline: Option<Instant>) -> Result<Report, WaitError> {
        self.await_end(|interrupt| {
            let nobody = never();
            let interrupted = interrupt.map_or(&nobody, Event::receiver);
            let timeout = deadline.map_or_else(never, crossbeam_channel::at);
            let why = select! {
                recv(self.ended.receiver()) -> _ => return Ok(self.published_report()),
                recv(interrupted) -> _ => WaitError::Interrupted,
                recv(timeout) -> _ => WaitError::Timeout,
            };
            if self.has_ended() { Ok(self.published_report()) } else { Err(why) }
        })
    }

    /// Waits until the report is there, as the owner must, whatever it is told meanwhile.
    pub(crate) fn wait_out(self: &Arc<Self>) -> Result<Report, WaitError> {
        self.await_end(|_| {
            self.ended.wait();
            Ok(self.published_report())
        })
    }

    fn await_end(
        self: &Arc<Self>,
        wait: impl FnOnce(Option<&Event>) -> Result<Report, WaitError>,
    ) -> Result<Report, WaitError> {
        self.is_waited_for_from_outside()?;
        let me = life::current();
        let activity = |_: &Life| Activity::Awaiting(Other::system(self));
        during(me.as_deref(), activity, wait)
    }

    /// An error for the system's own members: none of them waits for its end, which would never
    /// come.
    pub(crate) fn is_waited_for_from_outside(&self) -> Result<(), WaitError> {
        match life::current() {
            Some(me) if std::ptr::eq(&raw const *me.stage, self) => Err(WaitError::Inside),
            _ => Ok(()),
        }
    }

    /// The report, when it is there.
    pub(crate) fn published_report(&self) -> Report {
        lock(&self.report).clone().unwrap_or_else(|| self.empty_report(Reason::Shutdown))
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_set()
    }

    pub(crate) fn empty_report(&self, reason: Reason) -> Report {
        Report {
            system: self.name.clone(),
            reason,
            signal: *lock(&self.signal),
            took: Duration::ZERO,
            actors: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// The end: keeps the report, and tells whoever waits for it.
    pub(crate) fn publish(&self, report: Report) {
        lock(&self.roster).restrict(Entry::Nobody);
        let signal = lock(&self.signal);
        let report = Report { signal: *signal, ..report };
        lock(&self.report).get_or_insert(report);
        self.ended.set();
        drop(signal);
        self.waiters.wake_all();
        self.let_go();
    }

    /// Keeps a last look at the members, and lets them go. Nobody waits for that.
    fn let_go(&self) {
        let last_look = self.snapshot();
        let members = {
            let mut roster = lock(&self.roster);
            roster.last_look = Some(last_look);
            std::mem::take(&mut roster.members)
        };
        // Not under the lock.
        drop(members);
    }

    /// The end of a system in which nothing has happened: nobody is told of it, and the listeners
    /// go.
    pub(crate) fn end_in_the_dark(&self) {
        let chores = lock(&self.reading_ends).chores.clone();
        for chore in chores.iter().flat_map(Receiver::try_iter) {
            let _ = unwind::drop_caught(chore);
        }
        self.publish(self.empty_report(Reason::Shutdown));
    }

    /// Whether nothing has happened yet that would have to be brought to an end.
    pub(crate) fn is_dark(&self) -> bool {
        lock(&self.reading_ends).cues.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r1_nobody_is_started_for_what_has_ended_without_them() {
        let stage = Arc::new(Stage::new("test".into()));
        // As if there had been no thread for the conductor.
        stage.publish(stage.empty_report(Reason::Shutdown));
        assert!(stage.wait_as_owner().is_ok() && stage.raise_the_curtain().is_ok());
        assert!(!stage.shutdown(Reason::Shutdown) && stage.is_dark());
    }
}
