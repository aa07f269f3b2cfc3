//! What a probe records, how long it waits, and what it says when it gives up. Nothing is waited
//! for with a sleep: what is to be there was sent before, and where a limit is the subject it is
//! always spent.

use std::thread;
use std::time::{Duration, Instant};

use crate::common::{line_of_panic, panic_of};
use exeunt::{Actor, Addr, Context, Ended, System};
use exeunt_testkit::{DEFAULT_LIMIT, Probe};

/// A limit that is always spent.
const SHORT: Duration = Duration::from_millis(20);

/// One that is spent, too, and in which what was sent before comes.
const LONG_ENOUGH: Duration = Duration::from_secs(2);

/// Passes on what it is sent, and says goodbye.
struct Pass(Addr<u32>);

impl Actor for Pass {
    type Msg = u32;

    fn handle(&mut self, n: u32, _cx: &mut Context<Self>) -> exeunt::Result {
        Ok(self.0.send(n)?)
    }

    fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
        Ok(self.0.send(u32::MAX)?)
    }
}

// What it records.

#[test]
fn messages_come_once_and_in_order() {
    let probe = Probe::new("numbers");
    for n in 0..1_000 {
        probe.addr().send(n).unwrap();
    }
    assert_eq!(probe.expect(), 0);
    probe.expect_eq(1);
    assert_eq!(probe.expect_that(|n| n % 2 == 0, "even"), 2);
    assert_eq!(probe.await_n(3), [3, 4, 5]);
    assert_eq!(probe.into_recorded(), (6..1_000).collect::<Vec<_>>());
}

#[test]
fn what_is_recorded_is_taken_without_waiting() {
    let probe = Probe::new("numbers");
    assert!(probe.drain_recorded().is_empty());
    probe.addr().send(1).unwrap();
    probe.addr().send(2).unwrap();
    probe.expect_eq(1);
    // A system that has drained has recorded all.
    let mut system = System::new("test");
    let inside = Probe::in_system(&mut system, "inside");
    inside.addr().send(3).unwrap();
    drop(system.shutdown());
    assert_eq!(inside.drain_recorded(), [3]);
    assert!(inside.drain_recorded().is_empty());
}

#[test]
fn a_message_may_come_from_another_thread_while_the_test_waits() {
    let probe = Probe::new("late");
    let addr = probe.addr();
    let sender = thread::spawn(move || {
        thread::sleep(SHORT);
        addr.send("at last").unwrap();
    });
    probe.expect_eq("at last");
    sender.join().unwrap();
}

#[test]
fn a_probe_never_refuses_for_want_of_room() {
    let probe = Probe::new("burst");
    let addr = probe.addr();
    for n in 0..100_000 {
        addr.try_send(n).unwrap();
    }
    assert_eq!(probe.await_n(100_000).len(), 100_000);
}

#[test]
fn a_message_needs_no_debug() {
    struct Mute;
    let probe = Probe::new("mute");
    probe.addr().send(Mute).unwrap();
    let Mute = probe.expect();
    assert!(panic_of(|| probe.expect_within(SHORT)).contains("probe `mute` (1 before)"));
}

// What it says when it gives up.

#[test]
fn a_message_that_does_not_come_is_said_with_the_name_and_the_time() {
    let probe = Probe::<u32>::new("silent").with_limit(SHORT);
    let began = Instant::now();
    let text = panic_of(|| probe.expect());
    assert!(began.elapsed() >= SHORT);
    assert!(text.starts_with("probe `silent` (0 before): no message within "), "{text}");

    let text = panic_of(|| probe.expect_within(Duration::from_millis(1)));
    assert!(text.contains("no message within"), "{text}");
}

#[test]
fn too_few_messages_are_counted() {
    let probe = Probe::new("few").with_limit(LONG_ENOUGH);
    probe.addr().send(1).unwrap();
    let text = panic_of(|| probe.await_n(3));
    assert!(text.starts_with("probe `few` (1 before): 1 of 3 messages within"), "{text}");
}

#[test]
fn another_message_is_shown_beside_the_one_expected() {
    let probe = Probe::new("other");
    probe.addr().send("b").unwrap();
    let text = panic_of(|| probe.expect_eq("a"));
    assert!(text.contains("expected: \"a\"\n    came: \"b\""), "{text}");

    probe.addr().send("b").unwrap();
    let text = panic_of(|| probe.expect_that(|m| m.starts_with('a'), "something with a"));
    assert!(text.contains("not something with a\n    came: \"b\""), "{text}");
}

#[test]
fn a_message_where_none_is_to_come_is_shown() {
    let probe = Probe::new("quiet");
    probe.expect_none_within(SHORT);
    probe.addr().send("boo").unwrap();
    let text = panic_of(|| probe.expect_none_within(DEFAULT_LIMIT));
    assert!(text.contains("probe `quiet` (1 before): a message, where none"), "{text}");
    assert!(text.contains("\"boo\""), "{text}");
}

#[test]
fn the_line_of_the_test_is_blamed() {
    let probe = Probe::<u32>::new("blame").with_limit(Duration::ZERO);
    let here = line!();
    assert_eq!(line_of_panic(|| probe.expect()), here + 1);
    assert_eq!(line_of_panic(|| probe.expect_within(Duration::ZERO)), here + 2);
    assert_eq!(line_of_panic(|| probe.expect_eq(1)), here + 3);
    assert_eq!(line_of_panic(|| probe.expect_that(|_| true, "anything")), here + 4);
    assert_eq!(line_of_panic(|| probe.await_n(1)), here + 5);
}

// Its life.

#[test]
fn a_probe_has_its_turn_and_its_line_in_the_drain_of_its_system() {
    let mut system = System::new("test");
    let probe = Probe::in_system(&mut system, "probe");
    let pass = system.spawn("pass", Pass(probe.addr()));
    pass.send(1).unwrap();

    let report = system.shutdown();
    let leaving: Vec<&str> = report.actors.iter().map(|actor| actor.name.as_str()).collect();
    assert_eq!(leaving, ["pass", "probe"]);
    assert_eq!(report.actor("probe").unwrap().ended, Ended::Drained);
    assert_eq!(report.actor("probe").unwrap().handled, 2);
    // The goodbye of the drain was recorded.
    assert_eq!(probe.into_recorded(), [1, u32::MAX]);
}

#[test]
fn a_probe_that_has_ended_is_not_waited_for() {
    let mut system = System::new("test");
    let probe = Probe::<u32>::in_system(&mut system, "gone").with_limit(DEFAULT_LIMIT);
    drop(system.shutdown());
    let began = Instant::now();
    let text = panic_of(|| probe.expect());
    assert!(text.contains("no message: it has ended, and no more can come"), "{text}");
    assert!(panic_of(|| probe.await_n(2)).contains("0 of 2 messages: it has ended"));
    probe.expect_none_within(DEFAULT_LIMIT);
    assert!(began.elapsed() < DEFAULT_LIMIT);
    assert!(probe.addr().is_closed());
}

#[test]
fn a_released_probe_lets_its_system_end_by_itself() {
    let mut system = System::new("test");
    let mut probe = Probe::in_system(&mut system, "probe");
    let pass = system.spawn("pass", Pass(probe.addr()));
    probe.release();
    pass.send(7).unwrap();
    drop(pass);

    let report = system.wait();
    assert_eq!(report.actor("probe").unwrap().ended, Ended::Completed);
    let text = panic_of(|| probe.addr());
    assert!(text.contains("was released, and nobody has its address"), "{text}");
    assert_eq!(probe.into_recorded(), [7, u32::MAX]);
}

#[test]
fn a_probe_whose_end_does_not_come_says_so() {
    let mut system = System::new("test");
    let probe = Probe::in_system(&mut system, "kept").with_limit(SHORT);
    let _kept = probe.addr();
    _kept.send(1).unwrap();
    let text = panic_of(|| probe.into_recorded());
    assert!(text.contains("has not ended within 20ms: somebody has its address"), "{text}");
}

#[test]
fn a_probe_that_stands_alone_outlives_the_system_under_test() {
    let probe = Probe::new("alone");
    let mut system = System::new("test");
    let pass = system.spawn("pass", Pass(probe.addr()));
    pass.send(1).unwrap();
    assert!(system.shutdown().is_complete());
    let addr = probe.addr();
    assert_eq!(probe.into_recorded(), [1, u32::MAX]);
    assert!(addr.is_closed());
}

#[test]
fn a_system_goes_on_without_its_probe() {
    let mut system = System::new("test");
    let probe = Probe::in_system(&mut system, "dropped");
    let addr = probe.addr();
    drop(probe);
    addr.send(1).unwrap();
    let report = system.shutdown();
    assert!(report.is_complete() && !report.is_failure(), "{report}");
    assert_eq!(report.actor("dropped").unwrap().handled, 1);
}

#[test]
fn a_name_that_no_thread_can_have_is_a_panic_that_says_so() {
    let text = panic_of(|| Probe::<()>::new("a\0b"));
    assert!(text.contains("no probe: ") && text.contains("NUL"), "{text}");
}
