//! Children that left alike, as one line of the table: of a thousand connections those are of interest that left in another
//! way than all others.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{ActorReport, Ended};

/// So many of them have a line each, and so many different errors of theirs are told.
const SHOWN: usize = 8;

/// The lines of the table.
#[derive(Default)]
pub(super) struct Rows<'a> {
    pub(super) lines: Vec<Cow<'a, ActorReport>>,
    /// Of those that have no line of their own.
    failures: Vec<Failures<'a>>,
}

/// Those that failed of the same.
struct Failures<'a> {
    first: &'a str,
    error: &'a str,
    others: usize,
}

/// Whose children they are, how they ended, and whether they have figures.
type Kind<'a> = (&'a str, Ended, bool);

fn kind(line: &ActorReport) -> Option<Kind<'_>> {
    let parent = line.parent.as_deref().filter(|_| line.may_be_summed_up())?;
    Some((parent, line.ended, line.is_task))
}

impl<'a> Rows<'a> {
    /// A sum stands where the first of its kind would.
    pub(super) fn of(actors: &'a [ActorReport]) -> Rows<'a> {
        let mut alike: HashMap<Kind<'a>, usize> = HashMap::new();
        actors.iter().filter_map(kind).for_each(|kind| *alike.entry(kind).or_default() += 1);
        alike.retain(|_, count| *count > SHOWN);
        let (mut rows, mut sums) = (Rows::default(), HashMap::new());
        for line in actors {
            let Some((kind, count)) = kind(line).and_then(|kind| alike.get_key_value(&kind)) else {
                rows.lines.push(Cow::Borrowed(line));
                continue;
            };
            let sum = *sums.entry(*kind).or_insert_with(|| {
                rows.lines.push(Cow::Owned(sum(*kind, *count)));
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

    /// What those have failed of that have no line of their own.
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

fn sum((parent, ended, is_task): Kind<'_>, count: usize) -> ActorReport {
    let name = format!("({count} of {parent})");
    ActorReport { name, ended, is_task, ..ActorReport::of_many() }
}
