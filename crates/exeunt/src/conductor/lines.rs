//! The lines of the report, as they come.

use crate::report::ActorReport;

/// How many children have a line of their own in the report. An actor may have any number of them, one after the other;
/// of those that need no attention, the first are summed up.
const CHILDREN: usize = 1_000;

/// In the order in which they left.
#[derive(Default)]
pub(super) struct Lines {
    all: Vec<ActorReport>,
    /// How many of them are of children, and may be summed up.
    children: usize,
}

impl Lines {
    /// Enters a line.
    pub(super) fn enter(&mut self, line: ActorReport) {
        self.children += usize::from(line.may_be_summed_up());
        self.all.push(line);
        if self.children > 2 * CHILDREN {
            self.sum_up_children();
        }
    }

    /// Sums up the first of the children's lines that may be summed up.
    fn sum_up_children(&mut self) {
        let mut to_sum_up = self.children - CHILDREN;
        let mut sum = match self.all.first() {
            Some(first) if first.is_of_many() => self.all.remove(0),
            _ => ActorReport::of_many(),
        };
        self.all.retain(|line| {
            let is_summed_up = to_sum_up > 0 && line.may_be_summed_up();
            if is_summed_up {
                sum.add(line);
                to_sum_up -= 1;
            }
            !is_summed_up
        });
        self.children = CHILDREN;
        self.all.insert(0, sum);
    }

    pub(super) fn take(&mut self) -> Vec<ActorReport> {
        std::mem::take(&mut self.all)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::life::{Figures, Life};
    use crate::report::Ended;
    use crate::stage::Stage;

    /// The line of a child, or of an actor without a parent, that has handled one message.
    fn line(parent: Option<&str>, ended: Ended) -> ActorReport {
        let stage = Arc::new(Stage::new("test".into()));
        let figures = Figures { handled: 1, ..Figures::default() };
        let line = ActorReport::of(&Life::new("a", 7, false, stage), ended, figures);
        ActorReport { parent: parent.map(str::to_owned), ..line }
    }

    #[test]
    fn r1_the_first_of_very_many_children_are_one_line_and_nobody_else_is() {
        let mut lines = Lines::default();
        let child = || line(Some("parent"), Ended::Drained);
        lines.enter(line(None, Ended::Drained));
        lines.enter(line(Some("parent"), Ended::Failed));
        (0..2 * CHILDREN).for_each(|_| lines.enter(child()));
        assert_eq!(lines.all.len(), 2 * CHILDREN + 2);
        // With one more there are too many, and so again when as many have come as were summed up.
        for in_sum in [CHILDREN + 1, 2 * (CHILDREN + 1)] {
            (lines.children..=2 * CHILDREN).for_each(|_| lines.enter(child()));
            let [sum, root, failed, others @ ..] = &lines.all[..] else { panic!() };
            assert!(sum.is_of_many() && root.parent.is_none() && failed.ended == Ended::Failed);
            assert_eq!((sum.handled, others.len()), (in_sum as u64, CHILDREN));
        }
    }
}
