//! What stands on more than locks, as litmus tests: a few operations on a few words, and every outcome that the
//! memory model of the language allows, by the axioms of RC11 (Lahav, Vafeiadis, Kang, Hur and Dreyer,
//! *Repairing Sequential Consistency in C/C++11*, PLDI 2017).
//!
//! Loom takes sequentially consistent operations for weaker ones, so it cannot say whether they suffice, or whether
//! weaker ones would. Here there is no code to run, only events, and whether they can have read from each other so.

use std::collections::BTreeSet;

/// How an operation is ordered, the weakest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Order {
    /// `Relaxed`.
    Relaxed,
    /// `Acquire` for a read, `Release` for a write, `AcqRel` for both.
    Synchronizing,
    /// `SeqCst`.
    Consistent,
}

/// One operation of a thread. Words are zero at the beginning, and have small numbers for names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// Reads a word.
    Read(usize, Order),
    /// Writes a value into a word.
    Write(usize, u8, Order),
    /// Reads a word and writes a value into it, in one step.
    Swap(usize, u8, Order),
    /// A fence.
    Fence(Order),
}

impl Op {
    fn word(self) -> Option<usize> {
        match self {
            Op::Read(word, _) | Op::Write(word, ..) | Op::Swap(word, ..) => Some(word),
            Op::Fence(_) => None,
        }
    }

    fn written(self) -> Option<u8> {
        match self {
            Op::Write(_, value, _) | Op::Swap(_, value, _) => Some(value),
            Op::Read(..) | Op::Fence(_) => None,
        }
    }

    fn reads(self) -> bool {
        matches!(self, Op::Read(..) | Op::Swap(..))
    }

    fn order(self) -> Order {
        match self {
            Op::Read(_, order) | Op::Write(_, _, order) | Op::Swap(_, _, order) => order,
            Op::Fence(order) => order,
        }
    }
}

/// Of each thread, what its reads have read.
pub type Outcome = Vec<Vec<u8>>;

/// Every outcome that is allowed.
#[must_use]
pub fn outcomes(threads: &[Vec<Op>]) -> BTreeSet<Outcome> {
    let words = threads.iter().flatten().filter_map(|op| op.word()).max().map_or(0, |max| max + 1);
    // First what was there before all threads.
    let mut ops: Vec<Op> = (0..words).map(|word| Op::Write(word, 0, Order::Relaxed)).collect();
    let mut threads_of = vec![None; words];
    for (thread, of_it) in threads.iter().enumerate() {
        ops.extend(of_it);
        threads_of.extend(of_it.iter().map(|_| Some(thread)));
    }
    let mut found = BTreeSet::new();
    for mo in modification_orders(&ops, words) {
        let mut rf = vec![None; ops.len()];
        read_from(&ops, 0, &mut rf, &mut |rf| {
            if Execution::new(&ops, &threads_of, rf, &mo).is_consistent() {
                found.insert(outcome(&ops, &threads_of, rf, threads.len()));
            }
        });
    }
    found
}

fn outcome(
    ops: &[Op],
    threads_of: &[Option<usize>],
    rf: &[Option<usize>],
    threads: usize,
) -> Outcome {
    let mut outcome = vec![Vec::new(); threads];
    for (read, write) in rf.iter().enumerate() {
        if let (Some(write), Some(thread)) = (write, threads_of[read]) {
            outcome[thread].extend(ops[*write].written());
        }
    }
    outcome
}

/// Every order in which the writes of each word can have come, what was there before first.
fn modification_orders(ops: &[Op], words: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for word in 0..words {
        let writes: Vec<usize> = (words..ops.len())
            .filter(|&i| ops[i].word() == Some(word) && ops[i].written().is_some())
            .collect();
        let orders = permutations(&writes);
        all = all
            .iter()
            .flat_map(|before: &Vec<usize>| {
                orders.iter().map(move |order| [&before[..], &[word], order].concat())
            })
            .collect();
    }
    all
}

fn permutations(items: &[usize]) -> Vec<Vec<usize>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let with_first = |at: usize| {
        let rest = [&items[..at], &items[at + 1..]].concat();
        permutations(&rest).into_iter().map(move |order| [vec![items[at]], order].concat())
    };
    (0..items.len()).flat_map(with_first).collect()
}

/// Every way in which the reads can have read from writes of the same word.
fn read_from(
    ops: &[Op],
    at: usize,
    rf: &mut Vec<Option<usize>>,
    found: &mut impl FnMut(&[Option<usize>]),
) {
    let Some(op) = ops.get(at) else { return found(rf) };
    if !op.reads() {
        return read_from(ops, at + 1, rf, found);
    }
    for write in 0..ops.len() {
        if write != at && ops[write].written().is_some() && ops[write].word() == op.word() {
            rf[at] = Some(write);
            read_from(ops, at + 1, rf, found);
        }
    }
    rf[at] = None;
}

/// Who stands before whom: a bit for each.
#[derive(Clone, PartialEq, Eq)]
struct Relation(Vec<u32>);

impl Relation {
    fn of(len: usize, holds: impl Fn(usize, usize) -> bool) -> Relation {
        let row = |a| (0..len).filter(|&b| holds(a, b)).fold(0, |row, b| row | 1 << b);
        Relation((0..len).map(row).collect())
    }

    fn has(&self, a: usize, b: usize) -> bool {
        self.0[a] & 1 << b != 0
    }

    fn or(&self, other: &Relation) -> Relation {
        Relation(self.0.iter().zip(&other.0).map(|(a, b)| a | b).collect())
    }

    fn then(&self, other: &Relation) -> Relation {
        let through = |&row: &u32| {
            (0..other.0.len()).filter(|b| row & 1 << b != 0).fold(0, |all, b| all | other.0[b])
        };
        Relation(self.0.iter().map(through).collect())
    }

    fn or_same(&self) -> Relation {
        self.or(&Relation::of(self.0.len(), |a, b| a == b))
    }

    fn closure(&self) -> Relation {
        let longer = self.or(&self.then(self));
        if longer == *self { longer } else { longer.closure() }
    }

    fn is_irreflexive(&self) -> bool {
        (0..self.0.len()).all(|a| !self.has(a, a))
    }

    /// Only between those.
    fn only(&self, holds: impl Fn(usize, usize) -> bool) -> Relation {
        Relation::of(self.0.len(), |a, b| self.has(a, b) && holds(a, b))
    }
}

/// Events, and what they have read.
struct Execution<'a> {
    ops: &'a [Op],
    sb: Relation,
    rf: Relation,
    mo: Relation,
}

impl<'a> Execution<'a> {
    fn new(
        ops: &'a [Op],
        threads_of: &[Option<usize>],
        rf: &[Option<usize>],
        mo: &[usize],
    ) -> Execution<'a> {
        let len = ops.len();
        let place = |event: usize| mo.iter().position(|&write| write == event);
        let is_sooner = |a, b| match (threads_of[a], threads_of[b]) {
            (None, Some(_)) => true,
            (Some(of_a), Some(of_b)) => of_a == of_b && a < b,
            _ => false,
        };
        Execution {
            ops,
            sb: Relation::of(len, is_sooner),
            rf: Relation::of(len, |a, b| rf[b] == Some(a)),
            mo: Relation::of(len, |a, b| {
                ops[a].word() == ops[b].word() && place(a) < place(b) && place(a).is_some()
            }),
        }
    }

    fn all(&self, holds: impl Fn(Op) -> bool) -> Relation {
        Relation::of(self.ops.len(), |a, b| a == b && holds(self.ops[a]))
    }

    /// `sw`: who synchronizes with whom.
    fn synchronizes(&self) -> Relation {
        let is_fence = |op| matches!(op, Op::Fence(_));
        let fences = self.all(is_fence);
        let writes = self.all(|op| op.written().is_some());
        let reads = self.all(Op::reads);
        let strong = self.all(|op| op.order() >= Order::Synchronizing);
        let same_word = self.sb.only(|a, b| self.ops[a].word() == self.ops[b].word());
        let updates = self.rf.then(&self.all(|op| matches!(op, Op::Swap(..))));
        let sequence = writes.then(&same_word.or_same()).then(&writes);
        let sequence = sequence.then(&updates.closure().or_same());
        let before = fences.then(&self.sb).or_same();
        let after = self.sb.then(&fences).or_same();
        strong.then(&before).then(&sequence).then(&self.rf).then(&reads).then(&after).then(&strong)
    }

    fn is_consistent(&self) -> bool {
        let len = self.ops.len();
        let same = |a, b| a == b;
        let rf_back = Relation::of(len, |a, b| self.rf.has(b, a));
        let fr = rf_back.then(&self.mo).only(|a, b| !same(a, b));
        let hb = self.sb.or(&self.synchronizes()).closure();
        let eco = self.rf.or(&self.mo).or(&fr).closure();
        let is_coherent = hb.then(&eco.or_same()).is_irreflexive();
        // Nothing comes between what a swap reads and what it writes.
        let is_atomic = fr.then(&self.mo).is_irreflexive();
        let is_from_somewhere = self.sb.or(&self.rf).closure().is_irreflexive();
        is_coherent && is_atomic && is_from_somewhere && self.is_sequential(&hb, &eco, &fr)
    }

    /// The partial order of what is sequentially consistent has no circle.
    fn is_sequential(&self, hb: &Relation, eco: &Relation, fr: &Relation) -> bool {
        let is_same_word = |a: usize, b: usize| {
            self.ops[a].word().is_some() && self.ops[a].word() == self.ops[b].word()
        };
        let other_word = self.sb.only(|a, b| !is_same_word(a, b));
        let scb = self.sb.or(&other_word.then(hb).then(&other_word));
        let scb = scb.or(&hb.only(is_same_word)).or(&self.mo).or(fr);
        let consistent = self.all(|op| op.order() == Order::Consistent);
        let fences = self.all(|op| op.order() == Order::Consistent && matches!(op, Op::Fence(_)));
        let from = consistent.or(&fences.then(&hb.or_same()));
        let to = consistent.or(&hb.or_same().then(&fences));
        let base = from.then(&scb).then(&to);
        let of_fences = fences.then(&hb.or(&hb.then(eco).then(hb))).then(&fences);
        base.or(&of_fences).closure().is_irreflexive()
    }
}

#[cfg(test)]
mod tests {
    use super::Op::{Fence, Read, Swap, Write};
    use super::Order::{Consistent, Relaxed, Synchronizing};
    use super::*;

    fn allows(threads: &[Vec<Op>], outcome: &[&[u8]]) -> bool {
        let outcome: Outcome = outcome.iter().map(|reads| reads.to_vec()).collect();
        outcomes(threads).contains(&outcome)
    }

    #[test]
    fn the_classics_come_out_as_they_are_known() {
        let [x, y] = [0, 1];
        // Message passing.
        for (order, is_allowed) in [(Relaxed, true), (Synchronizing, false)] {
            let send = vec![Write(x, 1, Relaxed), Write(y, 1, order)];
            let receive = vec![Read(y, order), Read(x, Relaxed)];
            assert_eq!(allows(&[send, receive], &[&[], &[1, 0]]), is_allowed, "{order:?}");
        }
        // Store buffering.
        for (order, is_allowed) in [(Synchronizing, true), (Consistent, false)] {
            let one = vec![Write(x, 1, order), Read(y, order)];
            let other = vec![Write(y, 1, order), Read(x, order)];
            assert_eq!(allows(&[one, other], &[&[0], &[0]]), is_allowed, "{order:?}");
        }
        // The same with fences.
        let [one, other] = [(x, y), (y, x)]
            .map(|(a, b)| vec![Write(a, 1, Relaxed), Fence(Consistent), Read(b, Relaxed)]);
        assert!(!allows(&[one, other], &[&[0], &[0]]));
        // Two who read two writes in different orders.
        for (order, is_allowed) in [(Synchronizing, true), (Consistent, false)] {
            let writes = [vec![Write(x, 1, order)], vec![Write(y, 1, order)]];
            let reads =
                [vec![Read(x, order), Read(y, order)], vec![Read(y, order), Read(x, order)]];
            let threads = [writes, reads].concat();
            let split: [&[u8]; 4] = [&[], &[], &[1, 0], &[1, 0]];
            assert_eq!(allows(&threads, &split), is_allowed, "{order:?}");
        }
        // Two swaps do not read the same.
        let swaps = [vec![Swap(x, 1, Relaxed)], vec![Swap(x, 2, Relaxed)]];
        assert!(!allows(&swaps, &[&[0], &[0]]));
    }

    /// `Room::awaited`.
    const AWAITED: usize = 0;
    /// `Room::patient`, changed when one does not wait awake any more.
    const UNWATCHED: usize = 1;

    /// One waits awake no more, and finds that nobody is asleep; though somebody is, who was seen by whoever made room
    /// and left it to that one. Who makes room and who looks for it see each other by a lock, and `code` looks at that.
    #[test]
    fn m4_who_is_left_to_one_who_waits_awake_cannot_be_missed_by_it() {
        let misses = |come, look, left_to_it, unwatch| {
            let threads = [
                vec![Swap(UNWATCHED, 1, unwatch), Read(AWAITED, look)],
                vec![Read(AWAITED, look), Read(UNWATCHED, left_to_it)],
                vec![Write(AWAITED, 1, come)],
            ];
            allows(&threads, &[&[0, 0], &[1, 0], &[]])
        };
        let [strong, weak] = [Consistent, Synchronizing];
        assert!(!misses(strong, strong, strong, strong));
        assert!(misses(weak, strong, strong, strong));
        assert!(misses(strong, weak, strong, strong));
        assert!(misses(strong, strong, weak, strong));
        assert!(misses(strong, strong, strong, weak));
    }

    /// `Office::forgotten`.
    const FORGOTTEN: usize = 0;
    /// Whether the hook is at home, or nothing is expected any more.
    const HOME: usize = 1;

    #[test]
    fn o5_who_forgets_a_hook_and_who_brings_it_home_cannot_miss_each_other() {
        let misses = |forget, look: &[Op], bring, look_back| {
            let forgets = [&[Write(FORGOTTEN, 1, forget)], look].concat();
            let brings = vec![Swap(HOME, 1, bring), Read(FORGOTTEN, look_back)];
            allows(&[forgets, brings], &[&[0], &[0, 0]])
        };
        let [strong, weak] = [Consistent, Synchronizing];
        // The count of what is expected is loaded; a channel that says "empty" has a fence before.
        for look in [vec![Read(HOME, strong)], vec![Fence(strong), Read(HOME, Relaxed)]] {
            assert!(!misses(strong, &look, strong, strong), "{look:?}");
            assert!(misses(strong, &look, weak, strong), "{look:?}");
            assert!(misses(strong, &look, strong, weak), "{look:?}");
        }
        assert!(misses(weak, &[Read(HOME, strong)], strong, strong));
        assert!(misses(strong, &[Read(HOME, weak)], strong, strong));
    }

    const RUNG: usize = 0;
    const ORDER: usize = 1;

    #[test]
    fn o3_who_silences_a_bell_sees_what_it_was_rung_for() {
        // The last value of the bell is read at the end, by who silences it: silent, so the ring came before.
        let misses = |ring: Op, silence: Op| {
            let ringer = vec![Write(ORDER, 1, Synchronizing), ring];
            let reader = vec![silence, Read(ORDER, Synchronizing), Read(RUNG, Relaxed)];
            let late = vec![Read(RUNG, Relaxed), Read(RUNG, Relaxed)];
            // A third one sees the ring before the silence.
            outcomes(&[ringer, reader, late]).iter().any(|outcome| {
                let seen = &outcome[1];
                outcome[2] == [1, 2] && seen[seen.len() - 2] == 0
            })
        };
        let [ring, silence] = [Swap(RUNG, 1, Consistent), Swap(RUNG, 2, Consistent)];
        assert!(!misses(ring, silence));
        assert!(misses(Write(RUNG, 1, Consistent), Write(RUNG, 2, Consistent)));
    }
}
