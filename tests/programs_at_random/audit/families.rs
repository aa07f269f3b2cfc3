//! Families: who left before whom.

use exeunt::ActorReport;

use super::{Audit, is_above, is_child, is_cut_off};

impl Audit {
    /// Nobody ends before its children have, and no pool before those of any of its threads, also of one that has failed.
    pub(super) fn o3_children_leave_first(&self, i: usize) {
        let (place, line) = (self.place(i), self.line(i));
        if is_cut_off(line) {
            return;
        }
        let late =
            self.report.actors[place..].iter().find(|child| is_above(&line.name, &child.name));
        let late = late.filter(|child| !is_cut_off(child)).map(|child| &child.name);
        assert!(late.is_none(), "{late:?} left after a{i}\n{}", self.report);
    }

    /// How many children there were of pools' threads.
    pub(super) fn children_of_pools(&self) -> u64 {
        let of_a_pool =
            |line: &&ActorReport| is_child(&line.name) && self.role_of(&line.name).threads > 1;
        self.report.actors.iter().filter(of_a_pool).count() as u64
    }
}
