//! What is heard and seen, with moments that nobody has waited for.

use super::*;
use crate::timeline::props::{ms, snapshot};
use exeunt::ReturnedBecause;

const EVERY: Duration = Duration::from_millis(20);

fn started(id: usize, name: &str) -> Notice {
    Notice::Started { id, name: name.into() }
}

fn ended(id: usize, name: &str) -> Notice {
    let (ended, took) = (Ended::Drained, ms(1));
    Notice::Ended { id, name: name.into(), ended, handled: 0, returned: 0, took }
}

#[test]
fn a_run_of_days_stays_within_its_limits() {
    let mut recording = Recording::new(EVERY);
    let (mut now, mut looks) = (Duration::ZERO, 0);
    let mut actor = snapshot(0, "busy");
    while now < Duration::from_secs(3 * 86_400) {
        // Each look sees something new.
        actor.handled += 1;
        now += recording.look(now, std::slice::from_ref(&actor));
        looks += 1;
    }
    let samples = recording.tracks[&0].samples.len();
    assert!((LOOKS / 4..=LOOKS + 1).contains(&samples), "{samples} samples");
    assert!(looks < 30_000, "{looks} looks");

    // The drain is looked at as closely as the beginning was.
    let reason = Reason::Shutdown;
    recording.hear(now, &Notice::DrainBegan { reason, members: 1 });
    assert_eq!(recording.look(now, &[actor]), EVERY);
}

#[test]
fn of_many_one_after_the_other_the_first_are_forgotten() {
    let mut recording = Recording::new(EVERY);
    for id in 0..6_000 {
        let (at, name) = (ms(id as u64), format!("child-{id}"));
        recording.hear(at, &started(id, &name));
        recording.look(at, &[snapshot(id, &name)]);
        recording.hear(at, &ended(id, &name));
    }
    assert!((TRACKS / 2..=TRACKS).contains(&recording.tracks.len()));
    assert!((KNOWN / 2..=KNOWN).contains(&recording.notes.len()));
    assert!(recording.notes.contains_key(&5999) && recording.tracks.contains_key(&5999));
    assert!(!recording.notes.contains_key(&1) && !recording.tracks.contains_key(&1));
}

#[test]
fn pools_whose_end_is_never_told_leave_room_for_others() {
    let mut recording = Recording::new(EVERY);
    for id in 0..2 * KNOWN {
        let returned = Notice::Returned {
            id,
            name: "crew".to_owned(),
            messages: 1,
            total: 1,
            message_type: "u32",
            why: ReturnedBecause::Overflow,
        };
        recording.hear(ms(id as u64), &returned);
    }
    recording.hear(ms(0), &started(2 * KNOWN, "a"));
    assert!(recording.notes.contains_key(&(2 * KNOWN)) && recording.notes.len() <= KNOWN);
    assert!(recording.notes.contains_key(&(2 * KNOWN - 1)) && !recording.notes.contains_key(&0));
}

#[test]
fn many_samples_are_thinned_out() {
    let mut recording = Recording::new(EVERY);
    let mut actors: Vec<_> = (0..TRACKS).map(|id| snapshot(id, "a")).collect();
    let mut now = Duration::ZERO;
    for _ in 0..400 {
        actors.iter_mut().for_each(|actor| actor.handled += 1);
        now += recording.look(now, &actors);
    }
    let samples: usize = recording.tracks.values().map(|track| track.samples.len()).sum();
    assert!(samples <= SAMPLES + TRACKS, "{samples} samples");
    assert!(samples >= SAMPLES / 4, "{samples} samples");
}

#[test]
fn a_restart_lasts_until_it_has_begun_anew() {
    let mut recording = Recording::new(EVERY);
    let with = vec![ActorIdentity { id: 1, name: "parser".to_owned() }];
    recording.hear(ms(1), &started(0, "reader"));
    let error = Some("no line".to_owned());
    let name = "reader".to_owned();
    recording.hear(ms(10), &Notice::Restarting { id: 0, name, error, with, delay: ms(5) });
    recording.hear(ms(18), &started(1, "parser"));
    recording.hear(ms(30), &ended(0, "reader"));
    assert_eq!(recording.notes[&1].restarts, [(ms(10), Some(ms(18)))]);
    assert_eq!(recording.notes[&0].restarts, [(ms(10), Some(ms(30)))]);
    let marks = &recording.notes[&0].marks;
    assert_eq!(marks.len(), 1);
    assert!(marks[0].text.contains("no line"), "{marks:?}");
    assert!(recording.notes[&1].marks.is_empty());
}

#[test]
fn one_actor_has_so_many_notes() {
    let mut recording = Recording::new(EVERY);
    let (id, name) = (0, "a".to_owned());
    let error = "x".repeat(10_000);
    for at in 0..10_000 {
        recording.hear(ms(at), &Notice::Failed { id, name: name.clone(), error: error.clone() });
    }
    let marks = &recording.notes[&0].marks;
    assert_eq!(marks.len(), NOTES);
    assert!(marks.iter().all(|mark| mark.text.chars().count() <= COLUMNS));
}

#[test]
fn a_stopped_process_is_a_gap() {
    let mut recording = Recording::new(EVERY);
    let actors = [snapshot(0, "a")];
    recording.look(ms(0), &actors);
    recording.look(ms(20), &actors);
    recording.look(ms(9_000), &actors);
    let samples = &recording.tracks[&0].samples;
    let kinds: Vec<(Duration, Kind)> = samples.iter().map(|s| (s.at, s.kind)).collect();
    let expected = [(0, Kind::Idle), (40, Kind::Unseen), (9_000, Kind::Idle)];
    assert_eq!(kinds, expected.map(|(at, kind)| (ms(at), kind)));
}

#[test]
fn who_is_in_no_snapshot_any_more_is_gone() {
    let mut recording = Recording::new(EVERY);
    recording.look(ms(0), &[snapshot(0, "parent"), snapshot(1, "child")]);
    recording.look(ms(20), &[snapshot(0, "parent")]);
    recording.look(ms(40), &[snapshot(0, "parent")]);
    assert_eq!(recording.tracks[&1].gone, Some(ms(20)));
    assert_eq!(recording.tracks[&0].gone, None);
}
