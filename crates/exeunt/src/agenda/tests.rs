//! Beside the tests of the clauses: what only a look from within shows.

use std::sync::Mutex;

use super::*;
use crate::capacity::Capacity;
use crate::context::Context;
use crate::error;

const MS: Duration = Duration::from_millis(1);

struct Anybody;

impl Actor for Anybody {
    type Msg = char;

    fn handle(&mut self, _: char, _: &mut Context<Self>) -> error::Result {
        Ok(())
    }
}

/// On a clock that stands still, for a mailbox with an urgent lane.
fn agenda() -> (Agenda<Anybody>, Arc<Mailbox<char>>) {
    let mailbox = Mailbox::new(Capacity::Bounded(64));
    mailbox.open_urgent_lane(Capacity::Bounded(64));
    let clock = Clock::Moved(Arc::new(Mutex::new(Instant::now())));
    (Agenda::new(clock, &mailbox, 0), mailbox)
}

fn say(mailbox: &Mailbox<char>) {
    assert!(mailbox.offer(&mailbox.ordinary, 'o').is_ok());
}

fn shout(mailbox: &Mailbox<char>, times: u32) {
    (0..times).for_each(|_| assert!(mailbox.offer(mailbox.urgent().unwrap(), 'U').is_ok()));
}

fn take(agenda: &mut Agenda<Anybody>, mailbox: &Mailbox<char>, count: usize) -> String {
    (0..count)
        .map_while(|_| match agenda.take(mailbox)? {
            Job::Message(message) => Some(message),
            Job::Answer(..) => None,
        })
        .collect()
}

#[test]
fn after_so_many_urgent_messages_in_a_row_another_has_its_turn_if_there_is_one() {
    let (mut agenda, mailbox) = agenda();
    shout(&mailbox, 9);
    assert_eq!(take(&mut agenda, &mailbox, 9), "U".repeat(9));
    // The ninth was the first of the next row.
    (0..2).for_each(|_| say(&mailbox));
    shout(&mailbox, 20);
    assert_eq!(take(&mut agenda, &mailbox, 17), format!("{}o{}o", "U".repeat(7), "U".repeat(8)));
}

#[test]
fn urgent_messages_between_which_another_came_are_no_row() {
    let (mut agenda, mailbox) = agenda();
    shout(&mailbox, 4);
    say(&mailbox);
    assert_eq!(take(&mut agenda, &mailbox, 9), "UUUUo");
    say(&mailbox);
    shout(&mailbox, 9);
    assert_eq!(take(&mut agenda, &mailbox, 9), format!("{}o", "U".repeat(8)));
}

#[test]
fn the_time_in_which_nothing_comes_begins_with_the_first_look_and_anew_with_each_message() {
    let (mut agenda, mailbox) = agenda();
    let start = agenda.clock.now();
    agenda.set_idle_timeout(Some(10 * MS));
    assert_eq!(agenda.next_due(), Some(start + 10 * MS));
    agenda.clock.pass(8 * MS);
    assert_eq!(agenda.next_due(), Some(start + 10 * MS));
    say(&mailbox);
    assert_eq!(take(&mut agenda, &mailbox, 1), "o");
    assert_eq!(agenda.next_due(), Some(start + 18 * MS));
    agenda.clock.pass(4 * MS);
    agenda.set_idle_timeout(Some(10 * MS));
    assert_eq!(agenda.next_due(), Some(start + 22 * MS));
    agenda.clock.pass(10 * MS - Duration::from_nanos(1));
    assert!(!agenda.has_idled());
    agenda.clock.pass(Duration::from_nanos(1));
    assert!(agenda.has_idled() && !agenda.has_idled());
    agenda.last_call();
    assert_eq!(agenda.next_due(), None);
}

#[test]
fn messages_of_who_may_idle_go_by_its_agenda() {
    let mailbox = Mailbox::new(Capacity::Bounded(4));
    let mut agenda = Agenda::<Anybody>::new(Clock::Monotonic, &mailbox, 0);
    agenda.set_idle_timeout(None);
    assert!(!agenda.is_in_use());
    agenda.set_idle_timeout(Some(MS));
    assert!(agenda.is_in_use());
}

#[test]
fn o3_what_is_attached_too_late_has_heard_the_last_call_and_is_closed_in_the_turn() {
    let (mut agenda, mailbox) = agenda();
    agenda.last_call();
    let (sender, receiver) = crossbeam_channel::unbounded();
    assert!(sender.send('a').is_ok());
    agenda.attach(Channel::new(receiver, |c| c, OnDrain::Take));
    assert!(sender.send('b').is_ok());
    assert_eq!(take(&mut agenda, &mailbox, 2), "a");

    agenda.begin_turn();
    let (addr, inbox) = crate::mailbox::<char>(4);
    agenda.attach(Annex::new(inbox, |c| c, &Arc::new(Life::unstarted())));
    assert!(addr.is_closed());
}

#[test]
fn m1_what_is_in_a_mailbox_beside_its_own_before_it_sleeps_keeps_an_actor_awake() {
    let (mut agenda, _mailbox) = agenda();
    let (addr, inbox) = crate::mailbox::<char>(4);
    agenda.attach(Annex::new(inbox, |c| c, &Arc::new(Life::unstarted())));
    let wire = Arc::new(Wire::new());
    assert!(agenda.watch(&wire) && addr.mailbox().is_watched());
    agenda.unwatch(&wire);
    assert!(!addr.mailbox().is_watched());
    assert!(addr.try_send('a').is_ok());
    assert!(!agenda.watch(&wire));
}
