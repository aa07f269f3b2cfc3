//! Supervision, as a decision: from policy, history and now to which members are restarted, and
//! after how long. No threads, no clock of its own.
//!
//! Two things differ from OTP. A failure that nothing absorbs always has a consequence (F3): the failure of a member
//! that is never restarted escalates as an exceeded intensity does, where OTP forgets a temporary child. And what is
//! restarted is what is there: a member that has left does not come back with its group.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::restart::{AutoShutdown, Intensity, Restart, Strategy};
use history::{History, Row};

mod history;

/// A group, by its number in the order in which groups were added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct GroupId(usize);

/// What supervises a member or a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Under {
    System,
    Group(GroupId),
    /// The parent actor.
    Actor(usize),
}

#[derive(Clone, Default, Debug)]
pub(crate) struct GroupOptions {
    pub(crate) name: String,
    pub(crate) strategy: Strategy,
    pub(crate) intensity: Intensity,
    pub(crate) auto_shutdown: AutoShutdown,
}

/// What is to be done about a member that has come to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// It is not to be restarted, and nothing is wrong: it leaves.
    Leave,
    /// The members of `who` and `leaves` that are running are stopped, in reverse order of spawning. When all are,
    /// those of `who` are restarted, in this order, the first after `delay`. Those of `leaves` are never restarted:
    /// they leave. The fallen member is in one of the two.
    Restart { who: Vec<usize>, leaves: Vec<usize>, delay: Duration },
    /// It failed, and nobody minds: it leaves.
    Forget,
    /// The parent actor of that index fails because of it.
    Parent(usize),
    /// No policy absorbs it.
    GiveUp,
}

/// There was one restart too many.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Exceeded {
    /// The group whose intensity it was, if not the member's own.
    pub(crate) group: Option<String>,
    pub(crate) intensity: Intensity,
}

/// All that is supervised, in groups and outside of them. Grows as members and groups are added.
#[derive(Default, Debug)]
pub(crate) struct Supervision {
    members: BTreeMap<usize, Member>,
    groups: Vec<Group>,
    /// The intensities exceeded since that was last asked.
    exceeded: Vec<Exceeded>,
}

#[derive(Debug)]
struct Member {
    restart: Restart,
    is_significant: bool,
    under: Under,
    standing: Standing,
    /// The history of its own restarts, if it is in no group.
    history: History,
    row: Row,
}

/// Whether a member is there to stay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    Present,
    /// It ends of its own accord: its thread is on the way out.
    Leaving,
    /// It was told to leave, because others are restarted.
    Dismissed,
}

#[derive(Debug)]
struct Group {
    options: GroupOptions,
    under: Under,
    /// In the order in which they were added.
    units: Vec<Unit>,
    history: History,
    /// It is being shut down, because a significant member has left.
    is_closing: bool,
}

/// What a strategy is applied to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Unit {
    Member(usize),
    Group(GroupId),
}

impl Supervision {
    pub(crate) fn add_group(&mut self, options: GroupOptions, under: Under) -> GroupId {
        let id = GroupId(self.groups.len());
        let (units, history) = (Vec::new(), History::default());
        self.groups.push(Group { options, under, units, history, is_closing: false });
        self.add_unit(Unit::Group(id), under);
        id
    }

    /// Members are added in the order of spawning, which is that of their indices.
    pub(crate) fn add_member(
        &mut self,
        index: usize,
        restart: Restart,
        is_significant: bool,
        under: Under,
    ) {
        let (history, row) = (History::default(), Row::default());
        let standing = Standing::Present;
        let member = Member { restart, is_significant, under, standing, history, row };
        self.members.insert(index, member);
        self.add_unit(Unit::Member(index), under);
    }

    fn add_unit(&mut self, unit: Unit, under: Under) {
        if let Under::Group(group) = under {
            self.group_mut(group).units.push(unit);
        }
    }

    /// Decides about a member, an incarnation of which has come to its end by itself: by a failure, or by its own wish.
    /// Members that a verdict says to stop are not asked about again: what has happened to them is decided already, and
    /// would count twice.
    ///
    /// `alone`: a drain goes on, so that only this member is restarted, and nothing above its own
    /// intensity absorbs its failure. `chance`, between 0 and 1, is the dice for the jitter.
    pub(crate) fn over(
        &mut self,
        index: usize,
        failed: bool,
        alone: bool,
        now: Instant,
        chance: f64,
    ) -> Verdict {
        match self.affected(index, failed, alone, now) {
            Ok(affected) => self.restart(index, affected, now, chance),
            Err(verdict) => {
                self.set_standing(index, Standing::Present, Standing::Leaving);
                verdict
            }
        }
    }

    /// The intensities that the last decision has found exceeded, from the inside out.
    pub(crate) fn take_exceeded(&mut self) -> Vec<Exceeded> {
        std::mem::take(&mut self.exceeded)
    }

    /// What becomes of the failure of a member that leaves for good, so that there is nothing to restart.
    pub(crate) fn failed_on_leaving(&self, index: usize) -> Verdict {
        let Some(member) = self.members.get(&index) else { return Verdict::GiveUp };
        if member.restart.is_forgiven() || member.standing == Standing::Dismissed {
            return Verdict::Forget;
        }
        match member.under {
            Under::Group(group) => self.above_groups(group),
            under => under.verdict(),
        }
    }

    /// Takes back a member that got no thread: it has never been there, and its group goes on.
    pub(crate) fn withdraw(&mut self, index: usize) {
        if let Some(Member { under: Under::Group(group), .. }) = self.members.remove(&index) {
            self.group_mut(group).units.retain(|&unit| unit != Unit::Member(index));
        }
    }

    /// Forgets a member that has left for good, with its thread. Says which group is to be shut down
    /// because of that: each is named once.
    pub(crate) fn left(&mut self, index: usize) -> Option<GroupId> {
        let member = self.members.remove(&index)?;
        let Under::Group(id) = member.under else { return None };
        self.group_mut(id).units.retain(|&unit| unit != Unit::Member(index));
        let counts = member.is_significant && member.standing != Standing::Dismissed;
        if !counts || self.is_closing(member.under) {
            return None;
        }
        let ends = match self.group(id).options.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            AutoShutdown::AllSignificant => !self.has_significant(id),
        };
        self.group_mut(id).is_closing = ends;
        ends.then_some(id)
    }

    /// The members that have not left, those of nested groups included, in the order of spawning.
    pub(crate) fn members_of(&self, group: GroupId) -> Vec<usize> {
        self.members_in(&[Unit::Group(group)])
    }

    /// Which members are affected if the end of this one is absorbed; otherwise what becomes of it.
    fn affected(
        &mut self,
        index: usize,
        failed: bool,
        alone: bool,
        now: Instant,
    ) -> Result<Vec<usize>, Verdict> {
        let member = self.members.get_mut(&index).ok_or(Verdict::Leave)?;
        let is_due = member.restart.is_due(failed);
        // How a member that was told to leave does so is decided, and so is the wish of one that leaves. But a failure
        // on the way out is a failure.
        let is_decided = match member.standing {
            Standing::Present => !is_due && !failed,
            Standing::Leaving => !failed,
            Standing::Dismissed => true,
        };
        if is_decided {
            // Nobody minds, but it is told.
            return Err(if failed { Verdict::Forget } else { Verdict::Leave });
        }
        let alone = alone || member.standing == Standing::Leaving;
        if failed && member.restart.is_forgiven() {
            return Err(Verdict::Forget);
        }
        match member.under {
            Under::Group(group) => {
                // A group that is shut down drains, as a system does.
                let alone = alone || self.is_closing(Under::Group(group));
                let absorbed = is_due && self.admits(group, now);
                match (absorbed, alone) {
                    (true, true) => Ok(vec![index]),
                    (true, false) => Ok(self.take_scope(group, Unit::Member(index))),
                    (false, true) => Err(self.above_groups(group)),
                    (false, false) => self.escalate(group, now),
                }
            }
            Under::Actor(_) | Under::System => {
                let intensity = member.restart.own_intensity();
                if is_due && member.history.admits(intensity, now) {
                    return Ok(vec![index]);
                }
                if is_due {
                    self.exceeded.push(Exceeded { group: None, intensity });
                }
                Err(member.under.verdict())
            }
        }
    }

    /// A group does not absorb what happened in it: which members are affected if one above it
    /// does.
    fn escalate(&mut self, mut group: GroupId, now: Instant) -> Result<Vec<usize>, Verdict> {
        loop {
            let under = self.group(group).under;
            let Under::Group(above) = under else { return Err(under.verdict()) };
            let unit = Unit::Group(group);
            // Where nobody can be restarted, nothing would be mended.
            let scope = self.scope(above, unit);
            let can_mend = scope.iter().any(|index| self.members[index].restart.is_ever());
            if can_mend && self.admits(above, now) {
                return Ok(self.take_scope(above, unit));
            }
            group = above;
        }
    }

    /// Whether one more restart is within the intensity of a group.
    fn admits(&mut self, id: GroupId, now: Instant) -> bool {
        let Group { options, history, .. } = &mut self.groups[id.0];
        let admits = history.admits(options.intensity, now);
        if !admits {
            let group = Some(options.name.clone());
            self.exceeded.push(Exceeded { group, intensity: options.intensity });
        }
        admits
    }

    /// What becomes of a failure that no group absorbs.
    fn above_groups(&self, mut group: GroupId) -> Verdict {
        loop {
            match self.group(group).under {
                Under::Group(above) => group = above,
                under => return under.verdict(),
            }
        }
    }

    fn restart(
        &mut self,
        fallen: usize,
        affected: Vec<usize>,
        now: Instant,
        chance: f64,
    ) -> Verdict {
        // The runs of all of them end; a run that was long enough ends the row before it, too.
        for index in &affected {
            if let Some(member) = self.members.get_mut(index) {
                member.row.end_run(&member.restart, now);
            }
        }
        let delay = self.delay_of(fallen, chance);
        let (who, leaves): (Vec<usize>, Vec<usize>) =
            affected.into_iter().partition(|index| self.members[index].restart.is_ever());
        for index in &leaves {
            self.set_standing(*index, Standing::Present, Standing::Dismissed);
        }
        for index in &who {
            if let Some(member) = self.members.get_mut(index) {
                member.row.running_since = now.checked_add(delay);
            }
        }
        Verdict::Restart { who, leaves, delay }
    }

    fn delay_of(&mut self, fallen: usize, chance: f64) -> Duration {
        let member = self.members.get_mut(&fallen);
        member.map_or(Duration::ZERO, |member| member.row.delay(&member.restart, chance))
    }

    /// The units that the strategy of a group affects, if one of them is to be restarted.
    fn units_with(&self, group: GroupId, fallen: Unit) -> &[Unit] {
        let Group { options, units, .. } = self.group(group);
        let at = units.iter().position(|&unit| unit == fallen).unwrap_or(units.len());
        match options.strategy {
            Strategy::OneForOne => units.get(at..=at).unwrap_or_default(),
            Strategy::OneForAll => units,
            Strategy::RestForOne => &units[at..],
        }
    }

    /// The members that the strategy of a group affects, without those that are on their way out by
    /// themselves.
    fn scope(&self, group: GroupId, fallen: Unit) -> Vec<usize> {
        let mut scope = self.members_in(self.units_with(group, fallen));
        scope.retain(|index| {
            let member = &self.members[index];
            member.standing != Standing::Leaving && !self.is_closing(member.under)
        });
        scope
    }

    /// The scope, to be restarted: groups that are restarted from above begin anew.
    fn take_scope(&mut self, group: GroupId, fallen: Unit) -> Vec<usize> {
        let mut groups = Vec::new();
        self.visit(self.units_with(group, fallen), &mut |unit| groups.extend(unit.group()));
        for id in groups {
            self.group_mut(id).history = History::default();
        }
        self.scope(group, fallen)
    }

    /// The members in these units, in the order of spawning. That may differ from the order of the groups, if a group
    /// is joined late; the order of spawning says which members may know which.
    fn members_in(&self, units: &[Unit]) -> Vec<usize> {
        let mut members = Vec::new();
        self.visit(units, &mut |unit| members.extend(unit.member()));
        members.sort_unstable();
        members
    }

    fn visit(&self, units: &[Unit], visitor: &mut impl FnMut(Unit)) {
        for &unit in units {
            visitor(unit);
            if let Unit::Group(id) = unit {
                self.visit(&self.group(id).units, visitor);
            }
        }
    }

    /// Whether it is in a group that is being shut down, or has been.
    pub(crate) fn is_closing(&self, mut under: Under) -> bool {
        while let Under::Group(id) = under {
            let group = self.group(id);
            if group.is_closing {
                return true;
            }
            under = group.under;
        }
        false
    }

    /// Whether a significant member is still there that may leave of its own accord.
    fn has_significant(&self, group: GroupId) -> bool {
        self.group(group).units.iter().filter_map(|unit| unit.member()).any(|index| {
            let member = &self.members[&index];
            member.is_significant && member.standing != Standing::Dismissed
        })
    }

    fn set_standing(&mut self, index: usize, from: Standing, to: Standing) {
        if let Some(member) = self.members.get_mut(&index).filter(|m| m.standing == from) {
            member.standing = to;
        }
    }

    fn group(&self, id: GroupId) -> &Group {
        &self.groups[id.0]
    }

    fn group_mut(&mut self, id: GroupId) -> &mut Group {
        &mut self.groups[id.0]
    }
}

impl Under {
    /// What becomes of a failure that arrives here.
    fn verdict(self) -> Verdict {
        match self {
            Under::Actor(parent) => Verdict::Parent(parent),
            Under::System | Under::Group(_) => Verdict::GiveUp,
        }
    }
}

impl Unit {
    fn member(self) -> Option<usize> {
        match self {
            Unit::Member(index) => Some(index),
            Unit::Group(_) => None,
        }
    }

    fn group(self) -> Option<GroupId> {
        match self {
            Unit::Group(id) => Some(id),
            Unit::Member(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
