//! Who is drawn below whom: in order of leaving, children and threads below those that they belong to.

use std::collections::BTreeMap;

use exeunt::{ActorReport, Ended};

use super::Who;

/// The lines of a report as they are drawn, each with how deep it stands; `limit` of them at the most.
pub(super) fn rows(actors: &[ActorReport], limit: usize) -> Vec<(usize, Who, ActorReport)> {
    let (kept, sum) = within(actors, limit);
    let mut rows = Vec::with_capacity(kept.len() + 1);
    let children = children(&kept);
    // A line, and how deep it stands; the last is the next.
    let mut next: Vec<(usize, usize)> =
        children[kept.len()].iter().rev().map(|&i| (0, i)).collect();
    while let Some((depth, at)) = next.pop() {
        add(&mut rows, depth, kept[at]);
        next.extend(children[at].iter().rev().map(|&child| (depth + 1, child)));
    }
    rows.extend(sum.map(|sum| (0, Who::Many, sum)));
    rows
}

/// Adds a line and those of its threads.
fn add(rows: &mut Vec<(usize, Who, ActorReport)>, depth: usize, line: &ActorReport) {
    let mut own = line.clone();
    let threads = std::mem::take(&mut own.threads);
    let who = match (line.id, threads.len()) {
        (None, _) => Who::Many,
        (_, 0) => Who::One,
        _ => Who::Pool,
    };
    rows.push((depth, who, own));
    rows.extend(threads.into_iter().map(|thread| (depth + 1, Who::Thread, thread)));
}

/// For each line its children, those of a pool's threads among them, and at last those who are nobody's.
fn children(lines: &[&ActorReport]) -> Vec<Vec<usize>> {
    let mut children = vec![Vec::new(); lines.len() + 1];
    let mut places: BTreeMap<usize, usize> = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        let ids = line.threads.iter().filter_map(|thread| thread.id).chain(line.id);
        places.extend(ids.map(|id| (id, at)));
    }
    for (at, line) in lines.iter().enumerate() {
        let parent = line.parent_id.and_then(|parent| places.get(&parent));
        children[*parent.unwrap_or(&lines.len())].push(at);
    }
    children
}

/// So many of them that they and their threads fit, and the sum of the others. First go those of whom
/// there is least to say: children that ended well, the earliest first.
fn within(actors: &[ActorReport], limit: usize) -> (Vec<&ActorReport>, Option<ActorReport>) {
    let rows_of = |line: &ActorReport| 1 + line.threads.len();
    let mut rows: usize = actors.iter().map(rows_of).sum();
    if rows <= limit {
        return (actors.iter().collect(), None);
    }
    let mut order: Vec<usize> = (0..actors.len()).collect();
    order.sort_by_key(|&at| (interest(&actors[at]), at));
    let mut is_kept = vec![true; actors.len()];
    for at in order {
        if rows < limit {
            break; // one is left, for the sum
        }
        is_kept[at] = false;
        rows -= rows_of(&actors[at]);
    }
    let by_fate = |kept: bool| {
        let is_kept = is_kept.iter().zip(actors);
        is_kept.filter(move |(is_kept, _)| **is_kept == kept).map(|(_, line)| line)
    };
    (by_fate(true).collect(), sum(by_fate(false).collect()))
}

/// How much there is to say of somebody.
fn interest(line: &ActorReport) -> u8 {
    let ended_well = line.absorbed
        || matches!(line.ended, Ended::Drained | Ended::Completed | Ended::Daemon)
            && line.returned == 0;
    match (ended_well, line.parent_id.is_some() || line.id.is_none()) {
        (true, true) => 0,
        (true, false) => 1,
        (false, _) => 2,
    }
}

fn sum(lines: Vec<&ActorReport>) -> Option<ActorReport> {
    let mut sum = (*lines.first()?).clone();
    (sum.id, sum.parent, sum.parent_id, sum.error) = (None, None, None, None);
    (sum.is_task, sum.ended, sum.threads) = (false, Ended::Completed, Vec::new());
    sum.name = format!("({} others)", lines.len());
    for line in &lines[1..] {
        sum.took = sum.took.max(line.took);
        sum.handled += line.handled;
        sum.handled_while_draining += line.handled_while_draining;
        sum.failed += line.failed;
        sum.returned += line.returned;
        sum.overflowed += line.overflowed;
        sum.cancelled += line.cancelled;
        sum.restarts += line.restarts;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::props::line;

    fn child(id: usize, name: &str, parent: usize) -> ActorReport {
        let mut child = line(id, name);
        child.parent_id = Some(parent);
        child
    }

    fn shown(actors: &[ActorReport], limit: usize) -> Vec<String> {
        let rows = rows(actors, limit);
        rows.iter().map(|(depth, _, line)| "  ".repeat(*depth) + &line.name).collect()
    }

    #[test]
    fn children_stand_below_their_parents_in_the_order_in_which_they_left() {
        let actors = [
            line(9, "source"),
            child(4, "leaf", 3),
            child(3, "twig", 1),
            child(2, "conn", 1),
            line(1, "server"),
            child(8, "conn", 7),
            line(7, "server"),
            child(6, "orphan", 5),
            line(0, "log"),
        ];
        let expected = "source|server|  twig|    leaf|  conn|server|  conn|orphan|log";
        assert_eq!(shown(&actors, 100).join("|"), expected);
    }

    #[test]
    fn children_stand_below_their_own_parent_though_another_one_has_its_name() {
        let actors = [
            child(3, "of the second", 1),
            child(2, "of the first", 0),
            line(1, "server"),
            line(0, "server"),
        ];
        let expected = "server|  of the second|server|  of the first";
        assert_eq!(shown(&actors, 100).join("|"), expected);
    }

    #[test]
    fn the_threads_of_a_pool_stand_below_it_and_so_do_their_children() {
        let mut pool = line(0, "resize");
        pool.threads = vec![line(1, "resize/1"), line(2, "resize/2")];
        let rows = rows(&[child(4, "child", 2), pool, line(3, "save")], 100);
        let whos: Vec<Who> = rows.iter().map(|(_, who, _)| *who).collect();
        assert_eq!(whos, [Who::Pool, Who::Thread, Who::Thread, Who::One, Who::One]);
        assert_eq!(rows.iter().map(|(depth, ..)| *depth).collect::<Vec<_>>(), [0, 1, 1, 1, 0]);
    }

    #[test]
    fn of_too_many_those_who_ended_well_are_summed_up() {
        let mut actors: Vec<ActorReport> = (0..50).map(|id| child(id, "conn", 50)).collect();
        actors.iter_mut().for_each(|line| line.handled = 3);
        actors[7].ended = Ended::Abandoned;
        actors.push(line(50, "server"));
        let rows = rows(&actors, 10);
        assert_eq!(rows.len(), 10);
        assert!(rows.iter().any(|(_, _, line)| line.ended == Ended::Abandoned));
        assert_eq!(rows[0].2.name, "server");
        let (_, who, sum) = rows.last().unwrap();
        assert_eq!((*who, sum.name.as_str()), (Who::Many, "(42 others)"));
        assert_eq!(rows.iter().map(|(_, _, line)| line.handled).sum::<u64>(), 150);
    }
}
