//! Topics: what became of what was published.

use std::collections::HashMap;

use super::Audit;
use crate::programs_at_random::papers::Edition;
use crate::programs_at_random::program::{Number, Way};

impl Audit {
    pub(super) fn topics(&self) {
        self.m1_as_many_as_accepted_have_seen_it();
        for (name, to, number) in self.editions_that_must_come() {
            let book = self.books[&to].lock().unwrap();
            let came = book.seen().contains(&number);
            assert!(came, "{to} was passed over by {name}: {number:?}\n{}", self.report);
        }
    }

    /// All that was published, by whom.
    pub(super) fn editions(&self) -> impl Iterator<Item = (String, Edition)> {
        let outside = self.ways.published.iter().map(|edition| (String::new(), edition.clone()));
        let books = self.books.iter().flat_map(|(name, book)| {
            let published = book.lock().unwrap().published.clone();
            published.into_iter().map(move |edition| (name.clone(), edition))
        });
        outside.chain(books)
    }

    /// What a topic says that it has accepted is what its subscribers saw.
    fn m1_as_many_as_accepted_have_seen_it(&self) {
        let mut seen: HashMap<Number, usize> = HashMap::new();
        for book in self.books.values() {
            let all = book.lock().unwrap().seen();
            let of_topics = all.into_iter().filter(|number| number.way == Way::Topic);
            of_topics.for_each(|number| *seen.entry(number).or_default() += 1);
        }
        for (name, Edition { number, accepted, .. }) in self.editions() {
            let seen = seen.remove(&number).unwrap_or(0);
            assert_eq!(seen, accepted, "{name} published {number:?}\n{}", self.report);
        }
        assert!(seen.is_empty(), "nobody published {seen:?}");
    }

    pub(crate) fn heard_by_pools(&self) -> Vec<Number> {
        let pools = self.books.iter().filter(|(name, _)| self.role_of(name).threads > 1);
        let seen = pools.flat_map(|(_, book)| book.lock().unwrap().seen());
        seen.filter(|number| number.way == Way::Topic).collect()
    }

    /// Each thread has a subscription of its own.
    pub(super) fn m1_once_a_thread(&self, name: &str, mut seen: Vec<Number>) {
        seen.sort_unstable();
        let times = seen.chunk_by(|one, other| one == other).map(<[Number]>::len).max();
        assert!(times.unwrap_or(0) <= self.role_of(name).threads, "{name}\n{}", self.report);
    }

    /// O2 to O4: who had subscribed before hears what those publish who leave before it, leave with it, or stand below it. By
    /// whom, to whom, and what.
    pub(super) fn editions_that_must_come(&self) -> Vec<(String, String, Number)> {
        let mut all = Vec::new();
        for (name, edition) in self.editions().filter(|(name, _)| !name.is_empty()) {
            let Edition { number, mut awaited, refused, has_waited, .. } = edition;
            awaited.dedup();
            let may_not_miss = |to: &String| {
                !refused.contains(to) && !self.may_miss_a_topic(to, &name, has_waited)
            };
            all.extend(
                awaited.into_iter().filter(may_not_miss).map(|to| (name.clone(), to, number)),
            );
        }
        all
    }

    /// A subscription is one incarnation's, and of a pool one thread's, which may go alone.
    fn may_miss_a_topic(&self, to: &str, name: &str, has_waited: bool) -> bool {
        let is_pool = self.role_of(to).threads > 1;
        is_pool || !self.has_one_incarnation(to) || self.may_refuse(to, name, has_waited)
    }
}
