//! Notices and looks, put together with a report.

use super::*;
use crate::timeline::props::{line, ms, report, snapshot};
use exeunt::Notice;

const EVERY: Duration = Duration::from_millis(20);

fn started(id: usize, name: &str) -> Notice {
    Notice::Started { id, name: name.into() }
}

fn turn(id: usize, name: &str) -> Notice {
    Notice::Draining { id, name: name.into(), queued: 0 }
}

fn ended(id: usize, name: &str) -> Notice {
    let (ended, took) = (Ended::Drained, ms(1));
    Notice::Ended { id, name: name.into(), ended, handled: 0, returned: 0, took }
}

fn drain_began() -> Notice {
    Notice::DrainBegan { reason: Reason::Shutdown, members: 1 }
}

fn kinds(row: &Row) -> Vec<(u128, u128, Kind)> {
    row.spans.iter().map(|s| (s.from.as_millis(), s.to.as_millis(), s.kind)).collect()
}

#[test]
fn a_life_is_what_was_heard_and_what_was_seen() {
    let mut recording = Recording::new(EVERY);
    let mut actor = snapshot(0, "tally");
    recording.look(ms(3), std::slice::from_ref(&actor));
    recording.hear(ms(5), &started(0, "tally"));
    (actor.is_idle, actor.queued, actor.handled) = (false, 4, 2);
    recording.look(ms(20), std::slice::from_ref(&actor));
    recording.hear(ms(30), &drain_began());
    recording.hear(ms(40), &turn(0, "tally"));
    recording.look(ms(41), std::slice::from_ref(&actor));
    (actor.queued, actor.handled) = (0, 6);
    recording.look(ms(60), std::slice::from_ref(&actor));
    recording.hear(ms(70), &ended(0, "tally"));

    let picture = Picture::of(&recording, &report(vec![line(0, "tally")]), ms(75));
    let row = &picture.rows[0];
    assert_eq!((row.life, row.turn), (Some((ms(3), ms(70))), Some(ms(40))));
    assert_eq!(kinds(row), [(3, 20, Kind::Idle), (20, 70, Kind::Busy)]);
    assert_eq!((row.peak, row.points.len()), (4, 3));
    assert_eq!(picture.drain, Some((ms(30), Reason::Shutdown)));
    assert_eq!(picture.ran, ms(75));
    let shares = row.shares.unwrap();
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{shares:?}");
}

#[test]
fn what_nobody_saw_of_a_drain_is_not_made_up() {
    let mut recording = Recording::new(EVERY);
    recording.look(ms(0), &[snapshot(0, "tally")]);
    recording.hear(ms(100), &drain_began());
    recording.look(ms(100), &[snapshot(0, "tally")]);
    recording.hear(ms(101), &turn(0, "tally"));
    recording.hear(ms(104), &ended(0, "tally"));
    let picture = Picture::of(&recording, &report(vec![line(0, "tally")]), ms(104));
    let expected = [(0, 101, Kind::Idle), (101, 104, Kind::Unseen)];
    assert_eq!(kinds(&picture.rows[0]), expected);
}

#[test]
fn a_restart_between_two_looks_is_drawn() {
    let mut recording = Recording::new(EVERY);
    recording.look(ms(0), &[snapshot(0, "reader")]);
    let restart = Notice::Restarting {
        id: 0,
        name: "reader".into(),
        error: Some("no line".into()),
        with: Vec::new(),
        delay: ms(2),
    };
    recording.hear(ms(10), &restart);
    recording.hear(ms(13), &started(0, "reader"));
    recording.look(ms(20), &[snapshot(0, "reader")]);
    recording.hear(ms(50), &ended(0, "reader"));
    let picture = Picture::of(&recording, &report(vec![line(0, "reader")]), ms(50));
    let expected = [(0, 10, Kind::Idle), (10, 13, Kind::Restarting), (13, 50, Kind::Idle)];
    assert_eq!(kinds(&picture.rows[0]), expected);
    assert_eq!(picture.rows[0].marks.len(), 1);
}

#[test]
fn those_of_one_name_have_lives_of_their_own_one_after_the_other() {
    let mut recording = Recording::new(EVERY);
    for (id, from) in [(1, 0), (2, 100)] {
        recording.hear(ms(from), &started(id, "conn"));
        recording.look(ms(from + 1), &[snapshot(id, "conn")]);
        recording.hear(ms(from + 40), &turn(id, "conn"));
        recording.hear(ms(from + 50), &ended(id, "conn"));
    }
    let picture = Picture::of(&recording, &report(vec![line(1, "conn"), line(2, "conn")]), ms(200));
    let lives: Vec<_> = picture.rows.iter().map(|row| (row.life, row.turn)).collect();
    let expected = [0, 100].map(|from| (Some((ms(from), ms(from + 50))), Some(ms(from + 40))));
    assert_eq!(lives, expected);
}

#[test]
fn those_of_one_name_have_lives_of_their_own_at_the_same_time() {
    let mut recording = Recording::new(EVERY);
    recording.hear(ms(0), &started(1, "conn"));
    recording.hear(ms(10), &started(2, "conn"));
    recording.look(ms(15), &[1, 2].map(|id| snapshot(id, "conn")));
    let restarting = Notice::Restarting {
        id: 2,
        name: "conn".into(),
        error: Some("no line".into()),
        with: Vec::new(),
        delay: ms(5),
    };
    recording.hear(ms(20), &restarting);
    recording.hear(ms(25), &started(2, "conn"));
    recording.look(ms(30), &[1, 2].map(|id| snapshot(id, "conn")));
    recording.hear(ms(40), &turn(1, "conn"));
    recording.hear(ms(50), &turn(2, "conn"));
    recording.hear(ms(60), &ended(2, "conn"));
    recording.hear(ms(70), &ended(1, "conn"));

    // Whoever has ended first is told of first.
    let picture = Picture::of(&recording, &report(vec![line(2, "conn"), line(1, "conn")]), ms(80));
    let [second, first] = &picture.rows[..] else { panic!("{picture:?}") };
    assert_eq!((first.life, first.turn), (Some((ms(0), ms(70))), Some(ms(40))));
    assert_eq!((second.life, second.turn), (Some((ms(10), ms(60))), Some(ms(50))));
    assert_eq!((first.marks.len(), second.marks.len()), (0, 1));
    assert_eq!(kinds(first), [(15, 40, Kind::Idle), (40, 70, Kind::Unseen)]);
    let restarted = (20, 25, Kind::Restarting);
    assert!(kinds(second).contains(&restarted) && !kinds(first).contains(&restarted));
}

#[test]
fn the_sum_of_others_lived_while_they_did_though_one_with_a_row_has_their_name() {
    let mut recording = Recording::new(EVERY);
    for id in 0..=ROWS {
        recording.hear(ms(id as u64), &started(id, "conn"));
        recording.hear(ms(2_000 + id as u64), &ended(id, "conn"));
    }
    let lines = (0..=ROWS).map(|id| line(id, "conn")).collect();
    let picture = Picture::of(&recording, &report(lines), ms(4_000));
    let sum = picture.rows.last().unwrap();
    assert_eq!((sum.what, sum.life), (Who::Many, Some((ms(0), ms(2_001)))));
}

#[test]
fn a_pool_lives_as_long_as_its_threads_and_has_their_mailbox() {
    let mut recording = Recording::new(EVERY);
    let threads = [snapshot(1, "resize/1"), snapshot(2, "resize/2")];
    for (at, handled) in [(0, 0), (20, 5)] {
        let seen = threads.clone().map(|mut thread| {
            (thread.queued, thread.handled) = (7, handled);
            thread
        });
        recording.look(ms(at), &seen);
    }
    recording.hear(ms(30), &ended(2, "resize/2"));
    recording.hear(ms(40), &ended(1, "resize/1"));
    let mut pool = line(0, "resize");
    pool.threads = vec![line(2, "resize/2"), line(1, "resize/1")];
    let picture = Picture::of(&recording, &report(vec![pool]), ms(50));
    let [pool, first, _] = &picture.rows[..] else { panic!("{picture:?}") };
    assert_eq!((pool.life, pool.peak), (Some((ms(0), ms(40))), 7));
    assert_eq!(pool.points.last().map(|point| (point.queued, point.handled)), Some((7, 10)));
    assert_eq!((first.life, first.peak), (Some((ms(0), ms(30))), 0));
}

#[test]
fn who_was_never_heard_of_has_a_row_all_the_same() {
    let recording = Recording::new(EVERY);
    let picture = Picture::of(&recording, &report(vec![line(0, "ghost")]), Duration::ZERO);
    assert_eq!((picture.rows.len(), picture.rows[0].life), (1, None));
    assert_eq!(picture.ran, Duration::ZERO);
}

#[test]
fn no_drain_is_drawn_if_all_ended_by_themselves() {
    let mut recording = Recording::new(EVERY);
    recording.hear(ms(9), &Notice::DrainBegan { reason: Reason::Completed, members: 0 });
    let picture = Picture::of(&recording, &report(Vec::new()), ms(10));
    assert_eq!(picture.drain, None);
}
