//! Routers: what became of what was routed.

use std::collections::HashMap;
use std::sync::Arc;

use super::Audit;
use crate::programs_at_random::program::{Number, Turns, Way};
use crate::programs_at_random::routes::{Plan, Routed, key};

/// Who saw what was routed, by what it was.
type Seen = HashMap<Number, Vec<String>>;

impl Audit {
    pub(super) fn routers(&self) {
        let seen = self.seen_by_routers();
        let routed = self.routed();
        for (name, one) in &routed {
            self.m1_m2_one_of_its_members_has_seen_it(one, &seen);
            self.o2_no_router_is_refused(name, one);
            self.m5_who_answers_has_handled_it(one, &seen);
        }
        let total: usize = seen.values().map(Vec::len).sum();
        let accepted = routed.iter().filter(|(_, one)| one.refused.is_none()).count();
        assert_eq!(total, accepted, "seen, and routed\n{}", self.report);
        for one in by_router(&routed) {
            self.m3_one_key_has_one_way(&one, &seen);
        }
        for one in self.rounds() {
            self.o2_nobody_is_passed_over(&one, &seen);
        }
    }

    /// All that was routed, by whom.
    pub(super) fn routed(&self) -> Vec<(String, Routed)> {
        let outside = self.ways.routed.iter().map(|one| (String::new(), one.clone()));
        let books = self.books.iter().flat_map(|(name, book)| {
            let routed = book.lock().unwrap().routed.clone();
            routed.into_iter().map(move |one| (name.clone(), one))
        });
        outside.chain(books).collect()
    }

    /// What went through a router of which nobody may have been passed over, neither for being closed nor for being full.
    pub(super) fn rounds(&self) -> Vec<Vec<Routed>> {
        let routed = self.routed();
        let is_open = |(name, one): &(String, Routed)| {
            let members = &one.plan.members;
            !name.is_empty() && !members.iter().any(|to| self.may_refuse(to, name, true))
        };
        let (open, others): (Vec<_>, Vec<_>) = routed.into_iter().partition(is_open);
        let is_judged = |one: &Vec<Routed>| {
            let Plan { turns, members, waits, .. } = &*one[0].plan;
            *turns == Turns::RoundRobin
                && *waits
                && members.len() > 1
                && one.iter().all(|one| one.refused.is_none())
                && !others.iter().any(|(_, other)| Arc::ptr_eq(&other.plan, &one[0].plan))
        };
        by_router(&open).into_iter().filter(is_judged).collect()
    }

    fn seen_by_routers(&self) -> Seen {
        let mut seen = Seen::new();
        for (name, book) in &self.books {
            let all = book.lock().unwrap().seen();
            let routed = all.into_iter().filter(|number| number.way == Way::Router);
            routed.for_each(|number| seen.entry(number).or_default().push(name.clone()));
        }
        seen
    }

    fn m1_m2_one_of_its_members_has_seen_it(&self, one: &Routed, seen: &Seen) {
        let Routed { plan, number, refused, .. } = one;
        match (seen.get(number).map(Vec::as_slice), refused) {
            (None, Some(_)) => {}
            (Some([by]), None) if plan.members.contains(by) => {}
            (by, _) => panic!("{one:?} was seen by {by:?}\n{}", self.report),
        }
    }

    /// And who has handled it has answered. But who asks a daemon hears of its end, and not what it does after that.
    fn m5_who_answers_has_handled_it(&self, one: &Routed, seen: &Seen) {
        let Some(is_answered) = one.is_answered else { return };
        let by = seen.get(&one.number).map(|by| &by[0]);
        let is_handled =
            by.is_some_and(|by| self.books[by].lock().unwrap().handled.contains(&one.number));
        let is_moot = by.is_some_and(|by| self.role_of(by).is_daemon);
        let is_right = is_answered == is_handled || !is_answered && is_moot;
        assert!(is_right, "{one:?}, by {by:?}, handled: {is_handled}\n{}", self.report);
    }

    /// If one is closed, so are all; with keys, the one that is meant.
    fn o2_no_router_is_refused(&self, name: &str, one: &Routed) {
        let Some(refusal) = one.refused.as_ref().filter(|refusal| refusal.is_closed) else {
            return;
        };
        let closed = match one.plan.turns {
            Turns::Keyed => std::slice::from_ref(&refusal.by),
            _ => &one.plan.members,
        };
        let may_be = |to: &String| self.may_refuse(to, name, one.plan.waits);
        assert!(name.is_empty() || closed.iter().all(may_be), "{name}: {one:?}\n{}", self.report);
    }

    /// Whether it is closed or not.
    fn m3_one_key_has_one_way(&self, all: &[Routed], seen: &Seen) {
        let mut ways: HashMap<u32, &str> = HashMap::new();
        for Routed { plan, number, refused, .. } in all {
            let by = refused.as_ref().map(|refusal| &refusal.by);
            let by = by.unwrap_or_else(|| &seen[number][0]);
            let before = ways.insert(key(*number), by).unwrap_or(by);
            let is_keyed = plan.turns == Turns::Keyed;
            assert!(!is_keyed || before == by, "{number:?} went to {by}\n{}", self.report);
        }
    }

    /// Each of them had its turn, one after the other.
    fn o2_nobody_is_passed_over(&self, all: &[Routed], seen: &Seen) {
        let members = &all[0].plan.members;
        for (place, member) in members.iter().enumerate() {
            let due = (all.len() + members.len() - 1 - place) / members.len();
            let got = all.iter().filter(|one| seen[&one.number][0] == *member).count();
            assert_eq!(got, due, "{member}, of {members:?}\n{}", self.report);
        }
    }
}

/// What went through one and the same, each for itself.
fn by_router(all: &[(String, Routed)]) -> Vec<Vec<Routed>> {
    let mut routers: HashMap<*const Plan, Vec<Routed>> = HashMap::new();
    for (_, one) in all {
        routers.entry(Arc::as_ptr(&one.plan)).or_default().push(one.clone());
    }
    routers.into_values().collect()
}
