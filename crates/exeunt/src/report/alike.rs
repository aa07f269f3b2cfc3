//! Actors that left alike, as one line of the table: of a thousand connections, those that left in another way than all
//! others are of interest.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{ActorReport, Ended};

/// Up to this many children have a line each, and up to this many different errors of theirs are
/// told.
const SHOWN: usize = 8;

/// Up to this many actors without a parent have a line each: the program spelled each of them out, and how the work was
/// shared among the members of a router, say, is of interest as long as it can be read.
const SHOWN_OF_OTHERS: usize = 32;

/// The lines of the table.
#[derive(Default)]
pub(super) struct Rows<'a> {
    pub(super) lines: Vec<Cow<'a, ActorReport>>,
    /// Of those that have no line of their own.
    failures: Vec<Failures<'a>>,
}

/// Those that failed of the same error.
struct Failures<'a> {
    first: &'a str,
    error: &'a str,
    others: usize,
}

/// Who they are, how they ended, and whether they have figures.
type Kind<'a> = (Who<'a>, Ended, bool);

#[derive(PartialEq, Eq, Hash)]
enum Who<'a> {
    ChildrenOf(&'a str),
    /// Actors without a parent, whose names differ only in their numbers.
    Called(String),
}

fn kind(line: &ActorReport) -> Option<Kind<'_>> {
    let who = match &line.parent {
        Some(parent) => line.may_be_summed_up().then_some(Who::ChildrenOf(parent)),
        None => is_plain(line).then(|| Who::Called(without_numbers(&line.name))),
    };
    Some((who?, line.ended, line.is_task))
}

/// Whether there is nothing to say of it but what it handled. A pool has lines for its threads.
fn is_plain(line: &ActorReport) -> bool {
    let ActorReport { failed, returned, overflowed, restarts, .. } = line;
    matches!(line.ended, Ended::Completed | Ended::Drained)
        && [failed, returned, overflowed, restarts] == [&0; 4]
        && line.error.is_none()
        && line.threads.is_empty()
        && !line.is_of_many()
}

/// The name, with a NUL, which no name holds, in place of each number.
fn without_numbers(name: &str) -> String {
    let mut rest = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '0'..='9' if rest.ends_with('\0') => {}
            '0'..='9' => rest.push('\0'),
            _ => rest.push(c),
        }
    }
    rest
}

impl<'a> Rows<'a> {
    /// A sum stands where the first of its kind would.
    pub(super) fn of(actors: &'a [ActorReport]) -> Rows<'a> {
        let mut alike: HashMap<Kind<'a>, usize> = HashMap::new();
        actors.iter().filter_map(kind).for_each(|kind| *alike.entry(kind).or_default() += 1);
        alike.retain(|(who, ..), count| *count > who.shown());
        let (mut rows, mut sums) = (Rows::default(), HashMap::new());
        for line in actors {
            let Some((kind, count)) = kind(line).and_then(|kind| alike.get_key_value(&kind)) else {
                rows.lines.push(Cow::Borrowed(line));
                continue;
            };
            let sum = *sums.entry(kind).or_insert_with(|| {
                rows.lines.push(Cow::Owned(sum(&kind.0, line, *count)));
                rows.lines.len() - 1
            });
            rows.lines[sum].to_mut().add(line);
            rows.note(line);
        }
        rows
    }

    fn note(&mut self, line: &'a ActorReport) {
        let Some(error) = line.error.as_deref() else { return };
        match self.failures.iter_mut().find(|failures| failures.error == error) {
            Some(failures) => failures.others += 1,
            None => self.failures.push(Failures { first: &line.name, error, others: 0 }),
        }
    }

    /// What those failed of that have no line of their own.
    pub(super) fn failures(&self) -> impl Iterator<Item = String> {
        let shown = self.failures.iter().take(SHOWN).map(|Failures { first, error, others }| {
            let others = match others {
                0 => String::new(),
                1 => " and another".to_owned(),
                others => format!(" and {others} others"),
            };
            format!("  `{first}`{others}: {error} (absorbed)")
        });
        let rest = self.failures.iter().skip(SHOWN).map(|failures| 1 + failures.others).sum();
        let rest = match rest {
            0 => None,
            1 => Some("  and another one of something else (absorbed)".to_owned()),
            rest => Some(format!("  and {rest} of something else (absorbed)")),
        };
        shown.chain(rest)
    }
}

impl Who<'_> {
    /// How many of them have a line each.
    fn shown(&self) -> usize {
        match self {
            Who::ChildrenOf(_) => SHOWN,
            Who::Called(_) => SHOWN_OF_OTHERS,
        }
    }
}

fn sum(who: &Who<'_>, first: &ActorReport, count: usize) -> ActorReport {
    let name = match who {
        Who::ChildrenOf(parent) => format!("({count} of {parent})"),
        Who::Called(_) => format!("({count} like {})", first.name),
    };
    let ActorReport { ended, is_task, .. } = *first;
    ActorReport { name, ended, is_task, ..ActorReport::of_many() }
}
