use std::thread;
use std::time::Duration;

use crossbeam_channel::unbounded;
use exeunt::Event;

use super::*;
use crate::link::Link;

/// Longer than anything here takes.
const GUARD: Duration = Duration::from_secs(20);

#[test]
fn nothing_is_no_chunk_unless_somebody_waits_for_its_number() {
    let mut link = Link::<u32>::new();
    let mut outlet = link.inlet().outlet();
    outlet.flush().unwrap();
    assert!(link.read().is_empty());
    outlet.begin_chunk(7);
    outlet.end_chunk(false).unwrap();
    assert_eq!(link.read().iter().map(|chunk| chunk.number).collect::<Vec<_>>(), [7]);
}

#[test]
fn what_was_not_sent_is_counted_in_the_end() {
    let link = Link::new();
    let mut outlet = link.inlet().outlet();
    outlet.put(1).unwrap();
    outlet.put(2).unwrap();
    drop(outlet);
    assert_eq!(link.counted.read().returned, 2);
}

#[test]
fn of_several_marks_at_one_place_the_last_is_kept() {
    let mut chunk = Chunk { items: vec![1], ..Chunk::default() };
    (3..1_000).for_each(|upto| chunk.mark(upto));
    assert_eq!(chunk.marks, [Mark { after: 1, upto: 999 }]);
    // Nothing came of the next two.
    let mut more = Chunk { items: vec![2], ..Chunk::default() };
    more.put_mark(Mark { after: 0, upto: 1_001 });
    more.mark(1_002);
    chunk.append(&mut more);
    assert_eq!(chunk.marks, [Mark { after: 1, upto: 1_001 }, Mark { after: 2, upto: 1_002 }]);
}

/// Whoever would give one back waits for somebody who is slow.
#[test]
fn nobody_waits_for_a_permit_once_the_drain_has_begun() {
    let (_give_back, permits) = bounded(1);
    let mut link = Link::new();
    let inlet = Inlet { permits: Some(Permits(permits)), ..link.inlet() };
    let (drain, (tell, told)) = (Event::new(), unbounded());
    let mut outlet = inlet.outlet_on(&Thread { drain: drain.clone(), is_source: false });
    let sender = thread::spawn(move || {
        for n in [1, 2] {
            outlet.put(n).unwrap();
            outlet.flush().unwrap();
            tell.send(()).unwrap();
        }
    });
    assert!(told.try_recv().is_err());
    drain.set();
    assert!((0..2).all(|_| told.recv_timeout(GUARD).is_ok()), "it waits for a permit");
    sender.join().unwrap();
    assert_eq!(link.read_items(), [1, 2]);
}

/// It goes on only when what is kept has come.
#[test]
fn what_is_kept_beside_goes_before_a_wait_for_room_or_for_a_permit() {
    let (give, permits) = bounded(1);
    give.send(()).unwrap();
    let (one_at_a_time, mut narrow) = (Some(Arc::new(Pace::new(1))), Link::of(1));
    let (wide, (tell, told)) = (Link::new(), unbounded());
    let room = Inlet { pace: one_at_a_time.clone(), ..narrow.inlet() };
    let permit = Inlet { pace: one_at_a_time, permits: Some(Permits(permits)), ..wide.inlet() };
    let mut outlets = [room, permit].map(Inlet::outlet);
    let sender = thread::spawn(move || {
        for outlet in &mut outlets {
            for n in [1, 2] {
                outlet.put_beside(n, &mut || tell.send(n).unwrap()).unwrap();
            }
        }
    });
    let comes = || told.recv_timeout(GUARD).expect("it is kept while it waits");
    assert_eq!(comes(), 2);
    assert_eq!(narrow.read_items()[0], 1);
    assert_eq!(comes(), 2);
    give.send(()).unwrap();
    sender.join().unwrap();
    assert_eq!(told.try_recv().ok(), None);
}
