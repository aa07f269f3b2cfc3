//! F1 and F3: who began anew, and whose failure it was.

use exeunt::{ActorReport, Ended, Reason};

use super::{Audit, is_above, is_child};
use crate::programs_at_random::program::Policy;

impl Audit {
    /// Nobody begins anew but for a failure, its own or of somebody by whom it is taken along, and each counts once.
    pub(super) fn f1_restarts(&self, i: usize) {
        let role = &self.program.roles[i];
        let others = (0..self.program.roles.len()).filter(|&j| self.program.takes_along(j, i));
        let failures: u64 = others.map(|j| self.failures_in(&format!("a{j}"))).sum();
        let most = match role.policy {
            Policy::OnFailure => failures * role.threads as u64,
            Policy::Never | Policy::Temporary => 0,
        };
        assert!(self.line(i).restarts <= most, "a{i}\n{}", self.report);
    }

    /// Of somebody, and of those below it.
    fn failures_in(&self, name: &str) -> u64 {
        let is_meant = |other: &str| other == name || is_above(name, other);
        let lines = self.report.actors.iter().filter(|line| is_meant(&line.name));
        let books = self.books.iter().filter(|(name, _)| is_meant(name));
        let tripped = books.map(|(_, book)| book.lock().unwrap().tripped);
        lines.map(|line| line.failed).chain(tripped).sum()
    }

    /// Nor does a child.
    pub(super) fn f1_restarts_of_children(&self) {
        for (name, child) in self.program.all_children() {
            let restarts: u64 = self.lines(&name).map(|line| line.restarts).sum();
            let most = match child.policy {
                Policy::OnFailure => self.failures_in(&name),
                Policy::Never | Policy::Temporary => 0,
            };
            assert!(restarts <= most, "{name}\n{}", self.report);
        }
    }

    /// A child's failure is nobody's, or its parent's, unless that was leaving.
    pub(super) fn f3_whose_failure_a_child_was(&self) {
        for (name, child) in self.program.all_children() {
            for line in self.lines(&name).filter(|line| line.ended == Ended::Failed) {
                let is_absorbed = child.policy == Policy::Temporary;
                assert!(line.absorbed || !is_absorbed, "{name}\n{}", self.report);
                assert!(child.policy != Policy::OnFailure, "{name}\n{}", self.report);
                let has_fallen = child.policy == Policy::Never && line.absorbed;
                let parent = &name[..name.len() - 1];
                // One that would begin anew, and finds in a drain that there is nothing to do, leaves well.
                let begins_anew = self.role_of(&name).policy == Policy::OnFailure;
                let is_well = (!begins_anew || is_child(parent)) && self.has_left_well(parent);
                assert!(!has_fallen || !is_well, "{name} and {parent}\n{}", self.report);
            }
        }
    }

    /// And that no other is.
    pub(super) fn f3_whose_failure_it_was(&self) {
        for (i, role) in self.program.roles.iter().enumerate() {
            let line = self.line(i);
            let is_absorbed = line.ended != Ended::Failed || line.absorbed;
            match (role.policy, role.team) {
                (Policy::Never, None) => {
                    assert!(!line.absorbed, "a{i}\n{}", self.report);
                }
                (Policy::Temporary, _) => assert!(is_absorbed, "a{i}\n{}", self.report),
                (Policy::OnFailure, _) if !self.program.is_bounded(i) => {
                    assert!(line.ended != Ended::Failed, "a{i}\n{}", self.report);
                }
                _ => {}
            }
        }
        if let (Reason::Failure { name, .. }, false) = (&self.report.reason, self.program.hangs) {
            // Of a pool it is named by its thread.
            let name = name.split('/').next().unwrap();
            let is_its = |line: &ActorReport| line.ended == Ended::Failed && !line.absorbed;
            assert!(self.lines(name).any(is_its), "{name}\n{}", self.report);
        }
    }
}
