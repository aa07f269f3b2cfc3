//! Beside the tests of the clauses: what only a look from within shows.

use super::*;
use crate::guarded::guarded;
use crate::{Reply, SendTimeoutError};

#[test]
fn m2_m5_an_ask_that_is_refused_gives_its_question_back_whenever_the_mailbox_was_closed() {
    let (addr, _inbox) = crate::mailbox::<Reply<u32>>(4);
    let router = Router::round_robin([addr.clone()]).unwrap();
    // Closed between the look whether it is open and the send.
    addr.mailbox().shut_the_doors();
    let refused = router.ask(|reply| reply);
    assert!(matches!(refused, Err(AskError::NotSent(SendTimeoutError::Closed(..)))));
}

/// Three mailboxes without actors, in which so many messages wait.
fn three(queued: [usize; 3]) -> [(Addr<u32>, crate::Inbox<u32>); 3] {
    queued.map(|queued| {
        let (addr, inbox) = crate::mailbox(8);
        (0..queued).for_each(|_| addr.try_send(0).unwrap());
        (addr, inbox)
    })
}

fn queued(router: &Router<u32>) -> Vec<usize> {
    router.members().iter().map(Addr::queued).collect()
}

#[test]
fn m2_whoever_is_closed_is_passed_over_and_does_not_count_as_the_least_loaded() {
    let boxes = three([0, 2, 1]);
    boxes[0].0.mailbox().close();
    let router = Router::least_loaded(boxes.each_ref().map(|(addr, _)| addr.clone())).unwrap();
    assert!(router.send(1).is_ok());
    assert_eq!(queued(&router), [0, 2, 2]);

    let boxes = three([0, 0, 0]);
    boxes[2].0.mailbox().close();
    let router = Router::round_robin(boxes.each_ref().map(|(addr, _)| addr.clone())).unwrap();
    // The third one comes round to the first.
    assert!((0..3).all(|n| router.send(n).is_ok()));
    assert_eq!(queued(&router), [2, 1, 0]);
}

#[test]
fn among_equals_each_has_its_turn() {
    let boxes = three([0, 0, 0]);
    let router = Router::least_loaded(boxes.each_ref().map(|(addr, _)| addr.clone())).unwrap();
    let taken = (0..3).map(|n| {
        assert!(router.send(n).is_ok());
        boxes.iter().position(|(addr, _)| addr.mailbox().take().is_some())
    });
    assert_eq!(taken.collect::<Vec<_>>(), [Some(0), Some(1), Some(2)]);
}

#[test]
fn m2_who_has_closed_since_it_was_looked_at_is_passed_over_too() {
    let boxes = three([0, 0, 0]);
    let router = Router::round_robin(boxes.each_ref().map(|(addr, _)| addr.clone())).unwrap();
    boxes[0].0.mailbox().shut_the_doors();
    assert!(router.send(1).is_ok());
    assert_eq!(queued(&router), [0, 1, 0]);
}

#[test]
fn m5_an_ask_that_is_passed_on_has_the_same_limit() {
    guarded(|| {
        let (shut, _nobody) = crate::mailbox::<Reply<u32>>(4);
        let (busy, _reads) = crate::mailbox(1);
        shut.mailbox().shut_the_doors();
        let router = Router::round_robin([shut, busy.clone()]).unwrap();
        let ask = || router.ask_timeout(|reply| reply, Duration::from_millis(1));
        assert!(matches!(ask(), Err(AskError::Timeout(_))));
        // The question waits for room, and no longer than that either.
        let full = ask();
        assert!(matches!(full, Err(AskError::NotSent(SendTimeoutError::Timeout(..)))), "{full:?}");
    });
}

#[test]
fn m2_who_finds_all_full_hears_of_the_one_whose_turn_it_was() {
    let boxes = three([8, 8, 8]);
    for (n, (addr, _)) in boxes.iter().enumerate() {
        addr.mailbox().be_called(&n.to_string().into());
    }
    let router = Router::round_robin(boxes.each_ref().map(|(addr, _)| addr.clone())).unwrap();
    let named = (0..3).map(|_| match router.try_send(1) {
        Err(TrySendError::Full(1, name)) => name.to_string(),
        other => panic!("{other:?}"),
    });
    assert_eq!(named.collect::<Vec<_>>(), ["0", "1", "2"]);
}
