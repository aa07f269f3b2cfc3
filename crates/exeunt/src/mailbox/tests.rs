use std::time::Duration;

use super::*;

/// A mailbox with an urgent lane.
pub(super) fn with_two_lanes<M: Send + 'static>() -> Arc<Mailbox<M>> {
    let mailbox = Mailbox::new(Capacity::Bounded(4));
    mailbox.open_urgent_lane(Capacity::Bounded(4));
    mailbox
}

/// Whether what is done to a mailbox wakes its reader, which sleeps for the first time.
pub(super) fn wakes(mailbox: &Mailbox<u32>, deed: impl FnOnce(&Mailbox<u32>)) -> bool {
    let until = Instant::now() + Duration::from_secs(30);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| mailbox.sleep(Some(until)));
        while !mailbox.porter.look().is_asleep() {
            std::thread::yield_now();
        }
        deed(mailbox);
        assert!(reader.join().is_ok());
    });
    Instant::now() < until
}

#[test]
fn m1_o3_o5_whatever_comes_wakes_a_reader_that_sleeps() {
    fn lane(mailbox: &Mailbox<u32>) -> &Lane<u32> {
        mailbox.lanes().next().unwrap()
    }
    let mailboxes = || [Mailbox::new(Capacity::Bounded(4)), with_two_lanes()];
    for mailbox in mailboxes() {
        assert!(wakes(&mailbox, |it| assert!(it.offer(lane(it), 1).is_ok())));
    }
    for mailbox in mailboxes() {
        assert!(wakes(&mailbox, |it| {
            assert!(it.wait_for_room(lane(it), 1, None, None).is_ok());
        }));
    }
    for mailbox in mailboxes() {
        mailbox.add_address();
        assert!(wakes(&mailbox, Mailbox::remove_address));
        assert!(mailbox.bell.heard());
    }
}

#[test]
fn m1_who_watches_hears_of_whatever_comes_and_sees_what_has_come_before() {
    let wire = Arc::new(Wire::new());
    for mailbox in [Mailbox::<u32>::new(Capacity::Bounded(4)), with_two_lanes()] {
        for lane in mailbox.lanes() {
            assert!(mailbox.watch(&wire) && !wire.pick_up());
            assert!(mailbox.offer(lane, 1).is_ok() && wire.pick_up());
            assert!(!mailbox.watch(&wire));
            assert!(mailbox.wait_for_room(lane, 2, None, None).is_ok() && wire.pick_up());
            while lane.take().is_some() {}
        }
    }
}

#[test]
fn m1_o3_a_reader_does_not_sleep_over_what_has_come_before() {
    let mailbox = Mailbox::<u32>::new(Capacity::Bounded(4));
    let until = Instant::now() + Duration::from_secs(30);
    mailbox.bell.ring();
    mailbox.sleep(Some(until));
    assert!(mailbox.bell.heard());
    assert!(mailbox.offer(&mailbox.ordinary, 1).is_ok());
    mailbox.sleep(Some(until));
    assert!(Instant::now() < until);
}

/// Those of the family may wait again when it is closed, since it is open for them until its end.
#[cfg(feature = "async")]
#[test]
fn m4_futures_that_wait_for_room_or_for_the_hook_are_woken_by_the_closing_and_by_the_end() {
    use std::task::Waker;

    use crate::reply::tests::{Count, woken};
    use crate::waiters::Ticket;

    let (count, mailbox) = (Arc::new(Count::default()), Mailbox::<u32>::new(Capacity::Bounded(4)));
    for (deed, so_far) in [(Mailbox::close as fn(&Mailbox<u32>), 2), (Mailbox::end, 4)] {
        let waker = || Waker::from(Arc::clone(&count));
        mailbox.ordinary.queue_up(Ticket::next(), Waiter::Future(waker()));
        mailbox.dead_letters.waiters.add(Ticket::next(), &waker());
        deed(&mailbox);
        assert_eq!(woken(&count), so_far);
    }
}
