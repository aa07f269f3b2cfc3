//! Recorders of real systems.

use std::sync::mpsc;

use exeunt::{Actor, Context, Event};

use super::track::Kind;
use super::*;

/// No test takes that long; a hang becomes a failure.
const GUARD: Duration = Duration::from_secs(30);

/// Waits until what was recorded is as it should be.
fn wait_until(recorder: &Recorder, is_so: impl Fn(&Recording) -> bool) {
    let until = Instant::now() + GUARD;
    while !is_so(&recorder.shared.lock()) {
        assert!(Instant::now() < until, "{:?}", recorder.shared.lock());
        thread::sleep(Duration::from_millis(1));
    }
}

/// Handles a message for as long as it is told to.
struct Gate(Event);

impl Actor for Gate {
    type Msg = u32;

    fn handle(&mut self, _: u32, _cx: &mut Context<Self>) -> exeunt::Result {
        self.0.wait();
        Ok(())
    }
}

fn was_seen(recording: &Recording, id: usize, kind: Kind) -> bool {
    recording.tracks.get(&id).is_some_and(|track| track.samples.iter().any(|s| s.kind == kind))
}

#[test]
fn it_sees_who_is_idle_busy_and_blocked_and_by_whom() {
    let mut system = System::new("seen");
    let recorder = Recorder::attach_every(&mut system, Duration::from_millis(1));
    let gate = Event::new();
    let slow = system.actor("slow").capacity(1).spawn(Gate(gate.clone())).unwrap();
    wait_until(&recorder, |recording| was_seen(recording, 0, Kind::Idle));

    let target = slow.clone();
    system.spawn_task("pusher", move |cx| {
        (0..4).try_for_each(|n| target.send(n))?;
        cx.stopping().wait(); // so that it, and who it feeds, have a turn
        Ok(())
    });
    let (sleeps, until) = (Event::new(), mpsc::channel::<()>().1);
    system.spawn_task("sleeper", {
        let sleeps = sleeps.clone();
        move |cx| {
            let _until = until;
            sleeps.set();
            Ok(cx.sleep(GUARD)?)
        }
    });
    wait_until(&recorder, |recording| {
        was_seen(recording, 0, Kind::Busy)
            && recording.tracks[&0].peak == 1
            && was_seen(recording, 1, Kind::Blocked)
            && was_seen(recording, 2, Kind::Idle)
    });
    gate.set();
    drop(slow);
    let report = system.shutdown();
    let timeline = recorder.finish(&report);

    assert_eq!(timeline.rows(), report.actors.len());
    let row = |name| timeline.picture.rows.iter().find(|row| row.line.name == name).unwrap();
    let words = |name, kind| {
        let mut spans = row(name).spans.iter().filter(|span| span.kind == kind);
        spans.find_map(|span| span.words.as_deref().map(str::to_owned))
    };
    assert_eq!(words("pusher", Kind::Blocked).as_deref(), Some("waits for room in `slow`"));
    assert_eq!(words("sleeper", Kind::Idle).as_deref(), Some("sleeping"));
    assert_eq!((row("slow").peak, row("slow").line.handled), (1, 4));
    assert!(timeline.picture.rows.iter().all(|row| row.life.is_some() && row.turn.is_some()));
}

#[test]
fn a_parent_is_seen_to_wait_for_its_children() {
    let mut system = System::new("family");
    let recorder = Recorder::attach_every(&mut system, Duration::from_millis(1));
    let leaves = Event::new();
    let child = leaves.clone();
    system.spawn_task("parent", move |cx| {
        cx.spawn_task("child", move |_| {
            child.wait();
            Ok(())
        });
        Ok(()) // it has nothing more to do, and yet it cannot leave
    });
    wait_until(&recorder, |recording| was_seen(recording, 0, Kind::Blocked));
    leaves.set();
    let timeline = recorder.finish(&system.wait());

    let rows = &timeline.picture.rows;
    let shown: Vec<_> = rows.iter().map(|row| (row.depth, row.line.name.as_str())).collect();
    assert_eq!(shown, [(0, "parent"), (1, "child")]);
}

#[test]
fn r1_those_of_one_name_are_drawn_below_their_own_parents_with_lives_of_their_own() {
    let mut system = System::new("namesakes");
    let recorder = Recorder::attach_every(&mut system, Duration::from_millis(1));
    let families = [(); 2].map(|()| {
        let (goes, child_goes) = (Event::new(), Event::new());
        let (tell, told) = mpsc::channel();
        let (mine, its) = (goes.clone(), child_goes.clone());
        let parent = system.spawn_task("parent", move |cx| {
            let its = its.clone();
            tell.send(cx.spawn_task("child", move |_| {
                its.wait();
                Ok(())
            }))?;
            mine.wait();
            Ok(())
        });
        [(told.recv_timeout(GUARD).unwrap(), child_goes), (parent, goes)]
    });
    // By their names nobody could say whose the children were.
    let [[first_child, first], [second_child, second]] = families;
    for (who, goes) in [&first_child, &second_child, &second, &first] {
        goes.set();
        who.wait().unwrap();
    }
    let timeline = recorder.finish(&system.wait());

    let rows = &timeline.picture.rows;
    let drawn: Vec<_> = rows.iter().map(|row| (row.depth, row.line.id)).collect();
    let expected = [(0, &second), (1, &second_child), (0, &first), (1, &first_child)];
    assert_eq!(drawn, expected.map(|(depth, (who, _))| (depth, who.id())));
    let lives: Vec<_> = rows.iter().map(|row| row.life.unwrap()).collect();
    assert!(lives[0].0 <= lives[1].0 && lives[2].0 <= lives[3].0);
    assert!(lives[3].1 <= lives[1].1 && lives[1].1 <= lives[0].1 && lives[0].1 <= lives[2].1);
}

#[test]
fn its_thread_ends_with_the_system_and_with_the_recorder() {
    // With the system, although the recorder is still there.
    let mut system = System::new("first");
    let mut recorder = Recorder::attach_every(&mut system, GUARD);
    system.spawn_task("nothing", |_| Ok(()));
    drop(system);
    recorder.looker.take().unwrap().join().unwrap();

    // With the recorder, although the system is still there; and what it had is gone.
    let mut system = System::new("second");
    let mut recorder = Recorder::attach_every(&mut system, GUARD);
    let looker = recorder.looker.take().unwrap();
    let recording = Arc::downgrade(&recorder.shared);
    drop(recorder);
    looker.join().unwrap();
    assert_eq!(recording.strong_count(), 0);
    assert!(system.shutdown().is_complete());
}

#[test]
fn a_system_of_nobody_has_a_timeline() {
    let mut system = System::new("nobody");
    let recorder = Recorder::attach(&mut system);
    let timeline = recorder.finish(&system.shutdown());
    assert_eq!(timeline.rows(), 0);
    assert!(timeline.to_string().contains("nobody: timeline"));
}
