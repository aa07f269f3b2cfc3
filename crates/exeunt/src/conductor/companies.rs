//! The companies there are, and where to find a member in them: each of thousands of parents may have one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::company::{Company, Due, Errand};
use crate::deadline::DrainClock;

/// In the order in which they came about, the system's first.
#[derive(Default)]
pub(super) struct Companies {
    all: BTreeMap<usize, Company>,
    /// How many companies there ever were.
    created: usize,
    /// For each member, the companies in which it leaves.
    with: BTreeMap<usize, Vec<usize>>,
    /// For each parent, the companies of its children.
    families: BTreeMap<usize, Vec<usize>>,
    /// The companies in which something has changed since they were last asked whose turn has come.
    stirred: BTreeSet<usize>,
    /// The companies of which all have left.
    over: Vec<usize>,
}

/// The place of the system's company.
const SYSTEM: usize = 0;

impl Companies {
    pub(super) fn add(&mut self, company: Company) {
        self.created += 1;
        let at = if company.is_the_systems() { SYSTEM } else { self.created };
        for member in &company.members {
            let with = self.with.entry(member.life.index).or_default();
            with.push(at);
            with.sort_unstable();
        }
        if let Some(parent) = company.parent() {
            self.families.entry(parent).or_default().push(at);
        }
        self.stirred.insert(at);
        if company.is_over() {
            self.over.push(at);
        }
        self.all.insert(at, company);
    }

    /// Takes a company of which all have left, and lets it go.
    pub(super) fn take_over(&mut self) -> Option<Company> {
        let at = self.over.pop()?;
        let company = self.all.remove(&at)?;
        let forget = |places: &mut BTreeMap<usize, Vec<usize>>, index: usize| {
            let Some(companies) = places.get_mut(&index) else { return };
            companies.retain(|&other| other != at);
            if companies.is_empty() {
                places.remove(&index);
            }
        };
        company.members.iter().for_each(|member| forget(&mut self.with, member.life.index));
        if let Errand::Parent { index, .. } = company.errand {
            forget(&mut self.families, index);
        }
        Some(company)
    }

    /// A member has left, with all its children.
    pub(super) fn end(&mut self, index: usize) {
        for at in self.with.get(&index).into_iter().flatten() {
            let Some(company) = self.all.get_mut(at) else { continue };
            if company.end(index) {
                self.stirred.insert(*at);
                self.over.extend(company.is_over().then_some(*at));
            }
        }
    }

    /// For each company the time may have come.
    pub(super) fn stir(&mut self) {
        self.stirred.extend(self.all.keys());
    }

    /// The members whose turn has come; and when the time of the first is up, of the companies that were asked.
    pub(super) fn take_due(&mut self, now: Instant) -> (Vec<Due>, Option<Instant>) {
        let (mut due, mut first_end) = (Vec::new(), None);
        for at in std::mem::take(&mut self.stirred) {
            let Some(company) = self.all.get_mut(&at) else { continue };
            due.extend(company.take_due(now));
            let end = company.clock.end().filter(|&end| end > now);
            first_end = [first_end, end].into_iter().flatten().min();
        }
        (due, first_end)
    }

    /// The companies in which that member leaves.
    pub(super) fn with(&self, index: usize) -> impl Iterator<Item = &Company> {
        self.with.get(&index).into_iter().flatten().filter_map(|at| self.all.get(at))
    }

    /// The company of that parent's children, if they are leaving.
    pub(super) fn family_of(&self, parent: usize) -> Option<&Company> {
        self.all.get(self.families.get(&parent)?.first()?)
    }

    pub(super) fn family_of_mut(&mut self, parent: usize) -> Option<&mut Company> {
        self.all.get_mut(self.families.get(&parent)?.first()?)
    }

    /// The clock that holds for that member: the system's, if it drains.
    pub(super) fn clock_of(&self, index: usize) -> Option<DrainClock> {
        let of_others = || {
            let [with, families] = [&self.with, &self.families].map(|places| places.get(&index));
            with.into_iter().chain(families).flatten().min().and_then(|at| self.all.get(at))
        };
        self.all.get(&SYSTEM).or_else(of_others).map(|company| company.clock)
    }

    /// When the time of each company is up.
    pub(super) fn ends(&self) -> impl Iterator<Item = Instant> {
        self.all.values().filter_map(|company| company.clock.end())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The process was stopped for this long.
    pub(super) fn excuse(&mut self, lost: Duration) {
        self.all.values_mut().for_each(|company| company.clock.excuse(lost));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::tests::Scene;
    use super::*;
    use crate::deadline::DrainLimits;
    use crate::mailbox::MailboxId;
    use crate::member::Member;
    use crate::order::Node;

    /// A company of members with these indices, which have declared nothing.
    fn company(indices: &[usize], errand: Errand) -> Company {
        let scene = Scene::new();
        let members: Vec<Arc<Member>> = indices.iter().map(|&index| scene.member(index)).collect();
        let node =
            |member: &Arc<Member>| Node { mailbox: Some(MailboxId::next()), ..member.node.clone() };
        let nodes = members.iter().map(node).collect();
        Company::new(members, nodes, DrainLimits::default(), errand)
    }

    fn family(of: usize, indices: &[usize]) -> Company {
        company(indices, Errand::Parent { index: of, tell: None })
    }

    fn due(companies: &mut Companies) -> Vec<usize> {
        let (due, _) = companies.take_due(Instant::now());
        due.iter().map(|due| due.member.life.index).collect()
    }

    #[test]
    fn o3_somebody_is_in_several_companies_and_leaves_all_of_them_once() {
        let mut companies = Companies::default();
        companies.add(company(&[4], Errand::Own));
        companies.add(family(1, &[4, 5]));
        companies.add(family(2, &[]));
        assert!(companies.take_over().is_some_and(|company| company.parent() == Some(2)));
        assert!(companies.family_of(1).is_some() && companies.family_of(2).is_none());
        assert_eq!(companies.with(4).count(), 2);
        companies.end(4);
        companies.end(4);
        assert!(companies.take_over().is_some_and(|company| company.parent().is_none()));
        assert!(companies.take_over().is_none());
        companies.end(5);
        assert!(companies.take_over().is_some_and(|company| company.parent() == Some(1)));
        assert!(companies.is_empty() && companies.with.is_empty() && companies.families.is_empty());
    }

    #[test]
    fn d1_the_systems_clock_holds_for_all_and_its_company_is_never_over() {
        let mut companies = Companies::default();
        assert!(companies.clock_of(4).is_none());
        companies.add(family(4, &[5]));
        let end_of = |companies: &Companies, index| companies.clock_of(index).and_then(|c| c.end());
        assert!(end_of(&companies, 4).is_some() && end_of(&companies, 5).is_some());
        assert!(end_of(&companies, 6).is_none());
        companies.add(company(&[4], Errand::System));
        let ends: Vec<_> = companies.ends().collect();
        assert!([4, 5, 6].iter().all(|&index| end_of(&companies, index) == ends.first().copied()));
        companies.end(4);
        assert!(companies.take_over().is_none());
    }

    #[test]
    fn o3_a_company_is_let_go_once_though_the_end_of_somebody_is_told_twice() {
        let mut companies = Companies::default();
        companies.add(family(1, &[5]));
        companies.add(company(&[4], Errand::Own));
        [5, 4, 4].iter().for_each(|&index| companies.end(index));
        let over = std::iter::from_fn(|| companies.take_over());
        assert_eq!(over.map(|company| company.parent()).collect::<Vec<_>>(), [None, Some(1)]);
    }

    /// That company with so much time, and when it will be over.
    fn budgeted(mut company: Company, seconds: u64) -> (Option<Instant>, Company) {
        let limits = DrainLimits { budget: Duration::from_secs(seconds), ..DrainLimits::default() };
        company.clock = DrainClock::start(limits, Instant::now(), 1);
        (company.clock.end(), company)
    }

    #[test]
    fn d1_the_time_of_several_is_up_first_when_that_of_the_first_is_that_has_any_left() {
        let mut companies = Companies::default();
        let ends = [60, 30, 0, 90].map(|seconds| {
            let (end, company) = budgeted(company(&[seconds as usize], Errand::Own), seconds);
            companies.add(company);
            end
        });
        assert_eq!(companies.take_due(Instant::now()).1, ends[1]);
    }

    #[test]
    fn d1_the_clock_of_the_first_company_holds_and_the_system_comes_before_all() {
        let mut companies = Companies::default();
        let (first, own) = budgeted(company(&[4], Errand::Own), 60);
        let (second, children) = budgeted(family(1, &[4]), 30);
        let (last, all) = budgeted(company(&[4], Errand::System), 90);
        companies.add(own);
        companies.add(children);
        assert_eq!(companies.clock_of(4).and_then(|clock| clock.end()), first);
        companies.add(all);
        assert_eq!(companies.clock_of(4).and_then(|clock| clock.end()), last);
        let ends: Vec<_> = companies.with(4).map(|company| company.clock.end()).collect();
        assert_eq!(ends, [last, first, second]);
    }

    #[test]
    fn d1_time_in_which_the_process_was_stopped_is_given_back_to_all() {
        let (mut companies, lost) = (Companies::default(), Duration::from_secs(7));
        companies.add(company(&[2], Errand::System));
        companies.add(family(1, &[4]));
        let ends: Vec<Instant> = companies.ends().collect();
        companies.excuse(lost);
        let later: Vec<Instant> = ends.iter().map(|&end| end + lost).collect();
        assert_eq!(companies.ends().collect::<Vec<_>>(), later);
    }

    #[test]
    fn d1_when_the_time_is_up_it_is_everybodys_turn_at_once() {
        let limits = DrainLimits { budget: Duration::ZERO, ..DrainLimits::default() };
        let mut companies = Companies::default();
        let mut all = company(&[2, 3, 4], Errand::System);
        all.clock = DrainClock::start(limits, Instant::now(), 3);
        companies.add(all);
        assert_eq!(due(&mut companies), [2, 3, 4]);
        companies.stir();
        assert!(due(&mut companies).is_empty());
        // Nor when those before them have left.
        companies.end(4);
        assert!(due(&mut companies).is_empty());
    }

    #[test]
    fn o1_only_those_are_asked_whose_turn_has_come_in_which_something_has_changed() {
        let mut companies = Companies::default();
        companies.add(family(1, &[4]));
        companies.add(company(&[2, 3], Errand::System));
        assert_eq!(due(&mut companies), [3, 4]);
        companies.end(3);
        assert_eq!(companies.stirred, BTreeSet::from([SYSTEM]));
        assert_eq!(due(&mut companies), [2]);
        assert!(companies.stirred.is_empty());
        companies.stir();
        assert_eq!(companies.stirred.len(), 2);
        assert!(due(&mut companies).is_empty());
    }
}
