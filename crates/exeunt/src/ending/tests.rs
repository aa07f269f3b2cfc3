//! Beside the tests of the clauses: what only a look from within shows.

use std::sync::mpsc::{self, TryRecvError};

use super::*;
use crate::capacity::Capacity;
use crate::context::Context;
use crate::error;
use crate::guarded::guarded;
use crate::mailbox::Post;
use crate::member::Member;
use crate::stage::Stage;

/// So many threads, which read one mailbox with one message in it, and what comes back of it.
fn crew(threads: usize) -> (Arc<Mailbox<u32>>, Vec<Member>, mpsc::Receiver<u32>) {
    let (sender, returned) = mpsc::channel();
    let mailbox = Mailbox::new(Capacity::Bounded(4));
    mailbox.staff(threads);
    mailbox.set_dead_letters(Box::new(move |n| sender.send(n).unwrap()));
    assert!(mailbox.offer(&mailbox.ordinary, 1).is_ok());
    let stage = Arc::new(Stage::new("test".into()));
    let members = (0..threads).map(|index| {
        let life = Arc::new(Life::new("a", index, false, Arc::clone(&stage)));
        Member::unstarted(life, Arc::clone(&mailbox) as Arc<dyn Post>)
    });
    (Arc::clone(&mailbox), members.collect(), returned)
}

/// What the system takes over from a member that it gives up.
fn give_up(member: &Member) -> u64 {
    assert!(member.life.disown().is_some());
    let (taken, bury) = member.take_over(ReturnedBecause::Abandoned);
    bury();
    taken
}

#[test]
fn o4_who_begins_anew_is_awake_when_its_rest_is_over() {
    let life = Arc::new(Life::unstarted());
    assert!(!rest(&life, Rebirth::Alone(Duration::ZERO), None::<&Mailbox<u32>>));
    assert!(!life.sample().is_asleep());
}

#[test]
fn f2_who_rests_in_a_drain_hears_of_work() {
    guarded(|| {
        let (mailbox, members, _returned) = crew(1);
        let life = Arc::clone(&members[0].life);
        // It has been there before, and then it comes.
        wait_for_work(&life, Some(&*mailbox));
        assert_eq!(mailbox.take(), Some(1));
        let rests = std::thread::spawn({
            let mailbox = Arc::clone(&mailbox);
            move || wait_for_work(&life, Some(&*mailbox))
        });
        while !mailbox.is_watched() {
            assert!(!rests.is_finished(), "there is nothing to do");
            std::thread::yield_now();
        }
        let other = Arc::new(Wire::new());
        assert!(mailbox.watch(&other));
        assert!(mailbox.offer(&mailbox.ordinary, 2).is_ok());
        assert!(rests.join().is_ok());
        // It may take its time to begin anew.
        assert!(other.pick_up());
    });
}

#[test]
fn m1_d3_who_is_given_up_when_it_has_resigned_leaves_the_rest_to_the_system() {
    let (mailbox, members, returned) = crew(1);
    let way_out = WayOut::new(&members[0].life, &mailbox);
    way_out.resign();
    assert_eq!(give_up(&members[0]), 1);
    way_out.return_rest(&Outcome::Overdue);
    assert_eq!(members[0].life.figures().returned, 1);
    assert_eq!(returned.iter().collect::<Vec<_>>(), [1]);
}

#[test]
fn m1_d3_what_others_read_is_theirs_though_one_is_given_up_when_it_has_resigned() {
    let (mailbox, members, returned) = crew(2);
    let ways_out: Vec<_> = members.iter().map(|m| WayOut::new(&m.life, &mailbox)).collect();
    ways_out[0].resign();
    assert_eq!(give_up(&members[0]), 0);
    assert_eq!(mailbox.len(), 1);
    // The last one out has what is left, whoever takes it out.
    ways_out[1].return_rest(&Outcome::Overdue);
    let figures: Vec<u64> = members.iter().map(|m| m.life.figures().returned).collect();
    assert_eq!((figures, returned.try_iter().collect::<Vec<_>>()), (vec![0, 1], vec![1]));
}

#[test]
fn f1_d2_what_fails_in_the_last_hook_counts_unless_it_was_only_interrupted_at_the_deadline() {
    let (mailbox, members, _returned) = crew(1);
    let way_out = WayOut::new(&members[0].life, &mailbox);
    let failure =
        |is_interruption| Err(Failure { is_interruption, ..Failure::of("in the hook".to_owned()) });
    let says = |outcome: Outcome| match outcome {
        Outcome::Completed => "completed".to_owned(),
        Outcome::Overdue => "overdue".to_owned(),
        Outcome::Failed(error) => error,
        _ => "something else".to_owned(),
    };
    let revise = |stopped| says(way_out.revise(Outcome::Completed, stopped));
    let seen = || [Ok(()), failure(true), failure(false)].map(revise);
    assert_eq!(seen(), ["completed", "in the hook", "in the hook"]);
    members[0].life.set_overdue();
    assert_eq!(seen(), ["overdue", "overdue", "in the hook"]);
    let first = Outcome::Failed("first".to_owned());
    assert_eq!(says(way_out.revise(first, failure(false))), "first");
}

/// What follows of a failure, and whether somebody was asked to judge it.
fn fate(life: &Life, is_interruption: bool) -> (Fate, bool) {
    let mut is_judged = false;
    let failure = Failure { is_interruption, ..Failure::of("planned".to_owned()) };
    let fate = fate_of_failure_by(life, failure, |_| {
        is_judged = true;
        Sentence::Leave
    });
    (fate, is_judged)
}

#[test]
fn f1_d2_only_an_interruption_is_no_failure_and_only_of_who_was_interrupted() {
    let life = Life::unstarted();
    assert!(fate(&life, true).1 && fate(&life, false).1);
    life.interrupt();
    assert!(matches!(fate(&life, true), (Fate::Anew(Rebirth::Together), false)));
    assert!(fate(&life, false).1);
    life.set_overdue();
    assert!(matches!(fate(&life, true), (Fate::Leave(Outcome::Overdue), false)));
    assert!(fate(&life, false).1);
}

#[test]
fn f2_a_backoff_is_over_at_once_when_something_else_is_to_be_done() {
    guarded(|| {
        let orders: [fn(&Life); 5] = [
            |life| life.stage.drain_began().set(),
            |life| life.summon(Summons::Retire),
            |life| life.last_call.set(),
            |life| life.stopping.set(),
            |life| life.must_stop.set(),
        ];
        for order in orders {
            let life = Life::unstarted();
            order(&life);
            wait_out(&life, Duration::MAX);
        }
    });
}

#[test]
fn d2_who_rests_hears_of_its_turn_and_of_its_deadline() {
    guarded(|| {
        let orders: [fn(&Life); 2] = [|life| life.stopping.set(), |life| life.must_stop.set()];
        for order in orders {
            let mailbox = Mailbox::<u32>::new(Capacity::Bounded(4));
            let life = Life::unstarted();
            order(&life);
            wait_for_work(&life, Some(&*mailbox));
            assert!(!mailbox.is_watched());
        }
        let life = Life::unstarted();
        life.must_stop.set();
        let (_nobody_tells, go) = crossbeam_channel::bounded(1);
        assert_eq!(wait_for_word(&life, &go), None);
    });
}

struct Anybody;

impl Actor for Anybody {
    type Msg = u32;

    fn handle(&mut self, _: u32, _: &mut Context<Self>) -> error::Result {
        Ok(())
    }
}

#[test]
fn m1_what_is_left_and_the_hook_for_it_go_with_the_last_who_reads() {
    let (mailbox, members, returned) = crew(2);
    let leave = |member: &Member| {
        let way_out = WayOut::new(&member.life, &mailbox);
        way_out.leave(Remains::<Anybody>::Nothing, Outcome::Overdue)
    };
    drop(leave(&members[0]));
    assert_eq!((mailbox.len(), returned.try_recv()), (1, Err(TryRecvError::Empty)));
    drop(leave(&members[1]));
    assert_eq!((mailbox.len(), returned.try_recv()), (0, Ok(1)));
    assert_eq!(returned.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn d3_who_was_given_up_does_not_end_a_mailbox_that_others_read() {
    let (mailbox, members, _returned) = crew(2);
    // The system, in its place.
    assert!(members[0].life.leave_once());
    mailbox.end();
    let late = WayOut::new(&members[0].life, &mailbox);
    drop(late.leave(Remains::<Anybody>::Nothing, Outcome::Overdue));
    assert!(!mailbox.ended().is_set());
}

#[test]
fn o4_who_rests_in_a_ring_leaves_when_nobody_can_send_to_it_any_more() {
    let (mailbox, members, _returned) = crew(1);
    let way_out = WayOut::new(&members[0].life, &mailbox);
    assert!(way_out.leaves_instead().is_none());
    members[0].life.join_ring(0);
    members[0].life.stopping.set();
    assert!(way_out.leaves_instead().is_none());
    assert_eq!(mailbox.evict(), [1]);
    assert!(way_out.leaves_instead().is_some());
}
