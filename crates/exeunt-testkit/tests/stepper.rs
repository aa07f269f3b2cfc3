//! The stepper, and on its clock what would take too long on a real one: restarts, intensity, backoff,
//! timers, idle time-outs, turns. One actor, told by its messages what to do, is run through all of it.
//! That every message is accounted for is in `stepper_at_random.rs`.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use exeunt::{
    Actor, Addr, AskError, Backoff, Context, Ended, Error, Missed, Notice, OnDrain, Overflow,
    Reply, Restart, SendError, State, System, Timer,
};
use exeunt_testkit::{Probe, Step, Stepper, Verdict};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Does what it is told, and writes down what it did.
struct Puppet {
    diary: Diary,
    timer: Option<Timer>,
}

type Diary = Rc<RefCell<Vec<&'static str>>>;
type Job = Box<dyn FnOnce(&mut Puppet, &mut Context<Puppet>) -> exeunt::Result + Send>;

impl Actor for Puppet {
    type Msg = Job;

    fn started(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
        self.note("started");
        Ok(())
    }

    fn handle(&mut self, job: Job, cx: &mut Context<Self>) -> exeunt::Result {
        job(self, cx)
    }

    fn idle(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
        self.note("idle");
        Ok(())
    }

    fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
        self.note("stopped");
        Ok(())
    }
}

impl Puppet {
    fn note(&self, what: &'static str) {
        self.diary.borrow_mut().push(what);
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        self.note("dropped");
    }
}

fn job(
    job: impl FnOnce(&mut Puppet, &mut Context<Puppet>) -> exeunt::Result + Send + 'static,
) -> Job {
    Box::new(job)
}

fn note(what: &'static str) -> Job {
    job(move |puppet, _cx| {
        puppet.note(what);
        Ok(())
    })
}

fn fail() -> Job {
    job(|_, _| Err(Error::msg("told to fail")))
}

fn puppet(restart: Restart) -> (Stepper<Puppet>, Diary) {
    let diary = Diary::default();
    let make = {
        let diary = Rc::clone(&diary);
        move || Puppet { diary: Rc::clone(&diary), timer: None }
    };
    (Stepper::builder("puppet").restart(restart).start_with(make), diary)
}

/// What was written since the last look.
fn read(diary: &Diary) -> Vec<&'static str> {
    diary.take()
}

fn send(puppet: &Stepper<Puppet>, job: Job) {
    assert!(puppet.send(job).is_ok());
}

/// Fails it, and says after how long it is restarted; `None` if it is not.
fn restarts_after(puppet: &mut Stepper<Puppet>) -> Option<Duration> {
    send(puppet, fail());
    match puppet.step() {
        Step::Failed { verdict: Verdict::Restarts { after }, .. } => Some(after),
        Step::Failed { .. } => None,
        step => panic!("{step}"),
    }
}

/// What it fails of until there is nothing to do.
fn failures(puppet: &mut Stepper<Puppet>) -> Vec<String> {
    let mut failures = Vec::new();
    loop {
        match puppet.step() {
            Step::Failed { error, .. } => failures.push(error),
            Step::Nothing => return failures,
            _ => {}
        }
    }
}

// Steps.

#[test]
fn m3_messages_are_handled_one_step_each_in_the_order_of_sending() {
    let (mut puppet, diary) = puppet(Restart::never());
    ["a", "b"].into_iter().for_each(|what| send(&puppet, note(what)));
    assert_eq!(read(&diary), ["started"]);
    assert_eq!((puppet.step(), read(&diary)), (Step::Message, vec!["a"]));
    assert_eq!((puppet.step(), read(&diary)), (Step::Message, vec!["b"]));
    assert_eq!(puppet.step(), Step::Nothing);
    let snapshot = puppet.snapshot();
    assert_eq!((snapshot.handled, snapshot.queued, snapshot.is_idle), (2, 0, true));
}

#[test]
fn o3_its_turn_handles_what_is_queued_and_cancels_timers() {
    let (mut puppet, diary) = puppet(Restart::never());
    send(
        &puppet,
        job(|_, cx| {
            cx.send_after(HOUR, note("too late"));
            cx.send_every(HOUR, || note("too late"));
            Ok(())
        }),
    );
    puppet.run();
    send(&puppet, note("queued"));
    let addr = puppet.addr();
    puppet.turn();
    assert!(addr.is_closed() && matches!(addr.send(note("refused")), Err(SendError::Closed(..))));
    assert_eq!(puppet.snapshot().state, State::Draining);

    let report = puppet.drain();
    assert_eq!(read(&diary), ["started", "queued", "stopped", "dropped"]);
    assert_eq!((report.ended, report.handled, report.cancelled), (Ended::Drained, 2, 1));
    assert_eq!(report.handled_while_draining, 1);
    assert_eq!(addr.wait_timeout(Duration::ZERO).as_ref(), Ok(&report));
    assert_eq!((puppet.step(), puppet.advance(2 * HOUR)), (Step::Nothing, 0));
}

#[test]
fn d2_past_its_deadline_the_rest_is_returned_and_the_stopped_hook_runs() {
    let (sender, returned) = mpsc::channel();
    let diary = Diary::default();
    let mut puppet = Stepper::builder("puppet")
        .returned(move |_job| sender.send(()).unwrap())
        .start(Puppet { diary: Rc::clone(&diary), timer: None });
    (0..3).for_each(|_| send(&puppet, note("handled")));
    let _ = puppet.step();
    let report = puppet.halt();
    assert_eq!((report.ended, report.handled, report.returned), (Ended::Overdue, 1, 2));
    assert_eq!(returned.try_iter().count(), 2);
    assert_eq!(read(&diary), ["started", "handled", "stopped", "dropped"]);
    assert_eq!(puppet.halt(), report);
}

#[test]
fn d2_a_stepper_that_is_dropped_is_past_its_deadline() {
    let (puppet, diary) = puppet(Restart::always());
    let addr = puppet.addr();
    send(&puppet, note("never handled"));
    drop(puppet);
    assert_eq!(read(&diary), ["started", "stopped", "dropped"]);
    assert_eq!(addr.wait_timeout(Duration::ZERO).unwrap().returned, 1);
}

#[test]
fn o5_a_released_actor_ends_by_itself() {
    let (mut puppet, _diary) = puppet(Restart::never());
    let addr = puppet.addr();
    puppet.release();
    assert_eq!(puppet.step(), Step::Nothing);
    addr.send(note("last words")).unwrap();
    drop(addr);
    assert_eq!((puppet.step(), puppet.step()), (Step::Message, Step::Ended));
    assert_eq!(puppet.report().unwrap().ended, Ended::Completed);
}

#[test]
fn o5_a_timer_keeps_it_alive_and_an_idle_timeout_does_not() {
    let (mut puppet, diary) = puppet(Restart::never());
    send(
        &puppet,
        job(|_, cx| {
            cx.set_idle_timeout(HOUR);
            cx.send_after(SECOND, note("timer"));
            Ok(())
        }),
    );
    puppet.release();
    puppet.run();
    assert!(puppet.report().is_none());
    puppet.advance(SECOND);
    assert_eq!(read(&diary), ["started", "timer", "stopped", "dropped"]);
    assert_eq!((puppet.report().unwrap().ended, puppet.now()), (Ended::Completed, SECOND));
}

#[test]
fn m5_an_ask_is_answered_within_a_run() {
    struct Square;
    impl Actor for Square {
        type Msg = (u32, Reply<u32>);
        fn handle(&mut self, (n, reply): Self::Msg, cx: &mut Context<Self>) -> exeunt::Result {
            match n {
                0 => drop(reply),
                1 => drop(cx.addr().ask(|reply| (7, reply)).map_err(|e| {
                    assert!(matches!(e, AskError::Deadlock(..)));
                    reply.send(0)
                })),
                2 => return Err(Error::msg("no")),
                _ => drop(reply.send(n * n)),
            }
            Ok(())
        }
    }
    let mut square = Stepper::new("square", Square);
    assert_eq!(square.ask(|reply| (9, reply)).unwrap(), 81);
    assert!(matches!(square.ask(|reply| (0, reply)), Err(AskError::Unanswered(_))));
    // During a step it is the actor whose thread this is.
    assert_eq!(square.ask(|reply| (1, reply)).unwrap(), 0);
    assert!(matches!(square.ask(|reply| (2, reply)), Err(AskError::Unanswered(_))));
    assert!(matches!(square.ask(|reply| (3, reply)), Err(AskError::NotSent(_))));
}

#[test]
fn answers_come_as_steps_and_their_time_outs_by_the_clock() {
    let (questions, asked) = unbounded();
    struct Asker(Addr<Reply<u32>>, Vec<Result<u32, String>>);
    impl Actor for Asker {
        type Msg = ();
        fn handle(&mut self, (): (), cx: &mut Context<Self>) -> exeunt::Result {
            let to = self.0.clone();
            cx.ask_then_timeout(
                &to,
                SECOND,
                |reply| reply,
                |asker: &mut Asker, answer, _cx| {
                    asker.1.push(answer.map_err(|error| error.to_string()));
                    Ok(())
                },
            )?;
            Ok(())
        }
    }
    struct Oracle(crossbeam_channel::Sender<Reply<u32>>);
    impl Actor for Oracle {
        type Msg = Reply<u32>;
        fn handle(&mut self, question: Reply<u32>, _cx: &mut Context<Self>) -> exeunt::Result {
            Ok(self.0.send(question)?)
        }
    }
    let mut oracle = Stepper::new("oracle", Oracle(questions));
    let mut asker = Stepper::new("asker", Asker(oracle.addr(), Vec::new()));
    (0..2).for_each(|_| asker.send(()).unwrap());
    assert_eq!((asker.run(), oracle.run()), (2, 2));
    asked.recv().unwrap().send(42).unwrap();
    assert_eq!((asker.step(), asker.step()), (Step::Answer, Step::Nothing));
    assert_eq!(asker.advance(SECOND - Duration::from_nanos(1)), 0);
    assert_eq!(asker.next_due(), Some(Duration::from_nanos(1)));
    assert_eq!(asker.advance(Duration::from_nanos(1)), 1);
    let late = "no answer of `oracle` came in time".to_owned();
    assert_eq!(asker.actor().unwrap().1, [Ok(42), Err(late)]);
}

#[test]
#[should_panic(expected = "`asker` waits for answers")]
fn a_drain_that_waits_for_answers_says_so() {
    struct Asker(Addr<Reply<()>>);
    impl Actor for Asker {
        type Msg = ();
        fn handle(&mut self, (): (), cx: &mut Context<Self>) -> exeunt::Result {
            Ok(cx.ask_then(&self.0, |reply| reply, |_, _, _| Ok(()))?)
        }
    }
    let (nobody, _inbox) = exeunt::mailbox(1);
    let mut asker = Stepper::new("asker", Asker(nobody));
    asker.send(()).unwrap();
    asker.drain();
}

#[test]
fn what_is_sent_from_a_handler_arrives() {
    let heard = Probe::new("heard");
    let to = heard.addr();
    let (mut puppet, _diary) = puppet(Restart::never());
    send(&puppet, job(move |_, _| Ok(to.send("a word")?)));
    puppet.run();
    heard.expect_eq("a word");
}

#[test]
fn m4_a_full_mailbox_does_what_was_chosen() {
    let diary = Diary::default();
    let mut puppet = Stepper::builder("puppet")
        .capacity(1)
        .urgent(1)
        .overflow(Overflow::DropOldest)
        .start(Puppet { diary: Rc::clone(&diary), timer: None });
    ["a", "b"].into_iter().for_each(|what| send(&puppet, note(what)));
    assert!(puppet.addr().send_urgent(note("urgent")).is_ok());
    assert_eq!(puppet.run(), 2);
    assert_eq!(read(&diary), ["started", "urgent", "b"]);
    assert_eq!(puppet.drain().returned, 1);
}

#[test]
#[should_panic(expected = "`puppet` spawns `child`, and a stepper has no threads for children")]
fn a_child_is_refused_aloud() {
    let (mut parent, _diary) = puppet(Restart::always());
    send(
        &parent,
        job(|_, cx| {
            cx.spawn("child", Stateless);
            Ok(())
        }),
    );
    parent.run();
}

struct Stateless;
impl Actor for Stateless {
    type Msg = ();
    fn handle(&mut self, (): (), _cx: &mut Context<Self>) -> exeunt::Result {
        Ok(())
    }
}

// Failures.

#[test]
fn f1_a_restart_begins_anew_with_the_same_mailbox() {
    let (mut puppet, diary) = puppet(Restart::on_failure());
    let boom = job(|_, _| std::panic::resume_unwind(Box::new("boom")));
    [boom, note("after")].into_iter().for_each(|job| send(&puppet, job));
    let verdict = Verdict::Restarts { after: Duration::ZERO };
    assert_eq!(puppet.step(), Step::Failed { error: "panicked: boom".to_owned(), verdict });
    assert!(puppet.actor().is_none());
    assert_eq!(read(&diary), ["started", "stopped", "dropped"]);
    assert_eq!((puppet.step(), puppet.step()), (Step::Began, Step::Message));
    assert_eq!(read(&diary), ["started", "after"]);
    assert_eq!((puppet.snapshot().failed, puppet.snapshot().restarts), (1, 1));
}

#[test]
fn f1_an_injected_failure_counts_and_its_handler_does_not_see_it() {
    let (mut puppet, diary) = puppet(Restart::on_failure().intensity(2, SECOND));
    puppet.inject_panic("so far");
    puppet.inject_error("no further");
    (0..3).for_each(|_| send(&puppet, note("handled")));
    assert_eq!(failures(&mut puppet), ["panicked: so far", "no further"]);
    assert_eq!(read(&diary).iter().filter(|what| **what == "handled").count(), 1);
    assert_eq!((puppet.snapshot().handled, puppet.snapshot().failed), (1, 2));
}

#[test]
fn f1_injected_failures_keep_their_order_whatever_is_done_before_the_first() {
    let (mut puppet, diary) = puppet(Restart::on_failure().intensity(2, SECOND));
    let patience = |_: &mut Puppet, cx: &mut Context<Puppet>| {
        cx.set_idle_timeout(SECOND);
        Ok(())
    };
    send(&puppet, job(patience));
    puppet.run();
    puppet.inject_panic("first");
    puppet.inject_error("second");
    puppet.advance(SECOND);
    assert_eq!(read(&diary), ["started", "idle"]);
    (0..2).for_each(|_| send(&puppet, note("handled")));
    assert_eq!(failures(&mut puppet), ["panicked: first", "second"]);
}

#[test]
fn f1_timers_and_channels_belong_to_the_incarnation() {
    let (mut puppet, diary) = puppet(Restart::on_failure());
    let (items, channel) = unbounded::<&'static str>();
    send(
        &puppet,
        job(move |_, cx| {
            cx.send_after(SECOND, note("timer"));
            cx.attach_with(channel.clone(), OnDrain::Leave, note);
            Ok(())
        }),
    );
    items.send("item").unwrap();
    assert_eq!((puppet.step(), puppet.step()), (Step::Message, Step::Item));
    puppet.inject_error("once");
    send(&puppet, note("failed"));
    puppet.run();
    items.send("unheard").ok();
    puppet.advance(HOUR);
    assert_eq!(read(&diary), ["started", "item", "stopped", "dropped", "started"]);
    assert_eq!(puppet.drain().cancelled, 1);
}

#[test]
fn f1_one_restart_more_than_the_intensity_is_not_absorbed() {
    let (mut puppet, _diary) = puppet(Restart::on_failure().intensity(2, 10 * SECOND));
    for _ in 0..5 {
        // Never more than two within ten seconds.
        assert!(restarts_after(&mut puppet).is_some() && restarts_after_rise(&mut puppet));
        puppet.advance(10 * SECOND + Duration::from_nanos(1));
    }
    assert!(restarts_after(&mut puppet).is_some());
    puppet.advance(5 * SECOND);
    assert!(restarts_after(&mut puppet).is_some());
    puppet.advance(5 * SECOND);
    send(&puppet, fail());
    send(&puppet, note("returned"));
    let error = "told to fail".to_owned();
    assert_eq!(puppet.step(), Step::Failed { error, verdict: Verdict::GivesUp });
    let report = puppet.report().unwrap();
    assert_eq!((report.ended, report.restarts, report.failed), (Ended::Failed, 12, 13));
    assert_eq!((report.returned, report.absorbed), (1, false));
}

fn restarts_after_rise(puppet: &mut Stepper<Puppet>) -> bool {
    puppet.run();
    restarts_after(puppet).is_some() && puppet.run() == 1
}

#[test]
fn f1_a_backoff_doubles_up_to_its_ceiling_and_a_long_run_ends_the_row() {
    let backoff = Backoff::exponential(SECOND, 5 * SECOND).without_jitter();
    let always = Restart::on_failure().intensity(u32::MAX, HOUR).backoff(backoff);
    let (mut puppet, diary) = puppet(always);
    let mut row = |delays: [u64; 5]| {
        for delay in delays.map(Duration::from_secs) {
            assert_eq!(restarts_after(&mut puppet), Some(delay));
            assert_eq!(puppet.snapshot().state, State::Restarting);
            assert_eq!(puppet.next_due(), Some(delay));
            assert_eq!(puppet.advance(delay - Duration::from_nanos(1)), 0);
            assert_eq!(puppet.advance(Duration::from_nanos(1)), 1);
        }
        // A run of just the ceiling is not long enough.
        puppet.advance(5 * SECOND);
        assert_eq!(restarts_after(&mut puppet), Some(5 * SECOND));
        puppet.advance(10 * SECOND + Duration::from_nanos(1));
    };
    row([1, 2, 4, 5, 5]);
    row([1, 2, 4, 5, 5]);
    assert_eq!(read(&diary).iter().filter(|what| **what == "started").count(), 13);
}

#[test]
fn f1_jitter_draws_what_the_test_says() {
    for (chance, millis) in [(0.0, 500), (0.5, 750), (1.0, 1000)] {
        let restart = Restart::on_failure().backoff(Backoff::exponential(SECOND, SECOND));
        let diary = Diary::default();
        let mut puppet = Stepper::builder("puppet")
            .restart(restart)
            .chance(chance)
            .start_with(move || Puppet { diary: Rc::clone(&diary), timer: None });
        assert_eq!(restarts_after(&mut puppet), Some(Duration::from_millis(millis)));
    }
}

#[test]
fn f1_always_begins_anew_after_its_own_wish_but_not_after_anybody_elses() {
    let (mut puppet, diary) = puppet(Restart::always());
    send(
        &puppet,
        job(|puppet, cx| {
            puppet.note("wishes");
            cx.stop();
            Ok(())
        }),
    );
    send(&puppet, note("goes on"));
    let steps = std::array::from_fn(|_| puppet.step());
    let retired = Step::Retired { after: Duration::ZERO };
    assert_eq!(steps, [Step::Message, retired, Step::Began, Step::Message]);
    let lives = ["started", "wishes", "stopped", "dropped", "started", "goes on"];
    assert_eq!(read(&diary), lives);

    puppet.addr().stop();
    assert_eq!((puppet.step(), puppet.step()), (Step::Ended, Step::Nothing));
    let report = puppet.report().unwrap();
    assert_eq!((report.ended, report.restarts), (Ended::Completed, 1));
}

#[test]
fn f1_a_wish_to_begin_anew_is_granted_once() {
    let (mut puppet, diary) = puppet(Restart::always());
    send(
        &puppet,
        job(|_, cx| {
            cx.stop();
            Ok(())
        }),
    );
    assert_eq!(puppet.run(), 3);
    // Makes it look at its orders.
    send(
        &puppet,
        job(|_, cx| {
            assert!(cx.send_after(HOUR, note("never")).cancel());
            Ok(())
        }),
    );
    assert_eq!((puppet.step(), puppet.step()), (Step::Message, Step::Nothing));
    assert_eq!(read(&diary), ["started", "stopped", "dropped", "started"]);
}

#[test]
fn f1_a_wish_to_end_is_its_turn_where_nothing_restarts_it() {
    for restart in [Restart::never(), Restart::temporary(), Restart::on_failure()] {
        let (mut puppet, diary) = puppet(restart);
        send(
            &puppet,
            job(|_, cx| {
                cx.stop();
                Ok(())
            }),
        );
        send(&puppet, note("queued"));
        assert_eq!(puppet.run(), 3);
        assert_eq!(read(&diary), ["started", "queued", "stopped", "dropped"]);
        assert_eq!(puppet.report().unwrap().ended, Ended::Completed);
    }
}

#[test]
fn f1_ending_too_often_is_not_absorbed_either() {
    let (mut puppet, _diary) = puppet(Restart::always().intensity(1, HOUR));
    let stop = || {
        job(|_, cx| {
            cx.stop();
            Ok(())
        })
    };
    send(&puppet, stop());
    send(&puppet, stop());
    puppet.run();
    assert_eq!(puppet.report().unwrap().ended, Ended::Drained);
}

#[test]
fn f1_a_temporary_actor_fails_and_nobody_minds() {
    let (mut puppet, _diary) = puppet(Restart::temporary());
    send(&puppet, fail());
    let error = "told to fail".to_owned();
    assert_eq!(puppet.step(), Step::Failed { error, verdict: Verdict::Leaves });
    assert!(puppet.report().unwrap().absorbed);
}

#[test]
fn f1_a_start_that_fails_is_a_failure() {
    struct Late(u32);
    impl Actor for Late {
        type Msg = ();
        fn started(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
            if self.0 < 3 { Err(Error::msg("not yet")) } else { Ok(()) }
        }
        fn handle(&mut self, (): (), _cx: &mut Context<Self>) -> exeunt::Result {
            Ok(())
        }
    }
    let refused = Stepper::new("late", Late(0));
    let error = refused.report().unwrap().error.as_deref();
    assert_eq!(error, Some("in `started`: not yet"));

    let mut attempts = 0;
    let mut late = Stepper::builder("late")
        .restart(Restart::on_failure().intensity(3, SECOND))
        .start_with(move || {
            attempts += 1;
            Late(attempts)
        });
    assert!(late.actor().is_none());
    assert!(late.step().is_failure());
    assert_eq!(late.step(), Step::Began);
}

#[test]
fn f2_who_fails_in_its_turn_goes_on_with_its_queue_without_a_wait() {
    let backoff = Backoff::exponential(HOUR, HOUR);
    let (mut puppet, diary) = puppet(Restart::on_failure().backoff(backoff));
    [fail(), note("b")].into_iter().for_each(|job| send(&puppet, job));
    let report = puppet.drain();
    assert_eq!(read(&diary)[3..], ["started", "b", "stopped", "dropped"]);
    assert_eq!((report.ended, report.restarts, report.failed), (Ended::Drained, 1, 1));
    assert_eq!(report.took, Duration::ZERO);
}

/// Waits for a channel and an hour besides its messages, and fails on a zero, in its turn.
struct Attached(Receiver<u32>);

impl Actor for Attached {
    type Msg = u32;
    fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        cx.attach(self.0.clone(), |n| n);
        cx.send_after(HOUR, 1);
        Ok(())
    }
    fn handle(&mut self, n: u32, cx: &mut Context<Self>) -> exeunt::Result {
        if n == 0 {
            cx.stopping().wait();
            return Err(Error::msg("a zero"));
        }
        Ok(())
    }
}

#[test]
fn f2_who_begins_anew_in_its_turn_has_no_time_for_timers_and_channels() {
    let (items, channel) = unbounded();
    let mut attached = Stepper::builder("attached")
        .restart(Restart::on_failure())
        .start_with(move || Attached(channel.clone()));
    [0, 1].into_iter().for_each(|n| attached.send(n).unwrap());
    attached.turn();
    assert!(attached.step().is_failure());
    items.send(1).unwrap();
    let report = attached.drain();
    assert_eq!((report.handled, report.failed, report.cancelled), (2, 1, 2));
}

#[test]
fn f2_on_a_thread_neither() {
    let (_items, channel) = unbounded();
    let mut system = System::new("test");
    let attached = system
        .actor("attached")
        .restart(Restart::on_failure())
        .spawn_with(move || Attached(channel.clone()))
        .unwrap();
    [0, 1].into_iter().for_each(|n| attached.send(n).unwrap());
    let report = system.shutdown();
    assert_eq!(report.actor("attached").unwrap().ended, Ended::Drained, "{report}");
}

#[test]
fn f2_who_asked_for_its_end_and_fails_on_the_way_goes_on_with_its_queue() {
    let (mut puppet, diary) = puppet(Restart::on_failure());
    let stop = job(|_, cx| {
        cx.stop();
        Ok(())
    });
    [stop, fail(), note("queued")].into_iter().for_each(|job| send(&puppet, job));
    puppet.run();
    let report = puppet.report().unwrap();
    assert!(read(&diary).contains(&"queued"));
    assert_eq!((report.ended, report.restarts), (Ended::Completed, 1));
    assert_eq!((report.handled, report.failed, report.returned), (2, 1, 0));
}

#[test]
fn f3_who_asked_for_its_end_and_fails_on_the_way_has_failed() {
    for restart in [Restart::never(), Restart::on_failure().intensity(0, SECOND)] {
        let (mut puppet, _diary) = puppet(restart);
        let stop = job(|_, cx| {
            cx.stop();
            Ok(())
        });
        [stop, fail()].into_iter().for_each(|job| send(&puppet, job));
        puppet.run();
        assert_eq!(puppet.report().unwrap().ended, Ended::Failed);
    }
}

#[test]
fn f2_a_drain_cuts_a_backoff_short() {
    let restart = Restart::on_failure().backoff(Backoff::exponential(HOUR, HOUR));
    let (mut puppet, diary) = puppet(restart);
    assert!(restarts_after(&mut puppet).is_some());
    send(&puppet, note("queued"));
    assert_eq!(puppet.step(), Step::Nothing);
    assert_eq!(puppet.drain().handled, 1);
    assert_eq!(puppet.now(), Duration::ZERO);
    assert!(read(&diary).contains(&"queued"));
}

#[test]
fn d2_a_deadline_ends_a_backoff_with_all_that_waits() {
    let restart = Restart::on_failure().backoff(Backoff::exponential(HOUR, HOUR));
    let (mut puppet, diary) = puppet(restart);
    assert!(restarts_after(&mut puppet).is_some());
    send(&puppet, note("never"));
    let report = puppet.halt();
    assert_eq!((report.ended, report.returned), (Ended::Overdue, 1));
    assert_eq!(read(&diary), ["started", "stopped", "dropped"]);
}

#[test]
fn what_happens_is_told() {
    let (sender, told) = mpsc::channel();
    let diary = Diary::default();
    let mut puppet = Stepper::builder("puppet")
        .restart(Restart::on_failure())
        .observe(move |notice: &Notice| sender.send(notice.clone()).unwrap())
        .start_with(move || Puppet { diary: Rc::clone(&diary), timer: None });
    send(&puppet, fail());
    puppet.run();
    let report = puppet.drain();
    let told: Vec<Notice> = told.iter().collect();
    let whose = told.iter().filter_map(|notice| match notice {
        Notice::Restarting { id, .. } | Notice::Draining { id, .. } | Notice::Ended { id, .. } => {
            Some(Some(*id))
        }
        _ => None,
    });
    assert_eq!(whose.collect::<Vec<_>>(), [report.id; 3]);
    let told: Vec<String> = told.iter().map(Notice::to_string).collect();
    assert_eq!(told[0], "`puppet` started");
    assert_eq!(told[1], "`puppet` failed: told to fail; it begins anew");
    assert_eq!(told.last().unwrap(), "`puppet` drained after 0.0 ms");
}

#[test]
fn f4_to_ask_the_system_for_shutdown_is_to_have_its_turn() {
    let (mut puppet, _diary) = puppet(Restart::always());
    send(
        &puppet,
        job(|_, cx| {
            cx.system().shutdown();
            assert!(cx.system().wait().is_err());
            Ok(())
        }),
    );
    send(&puppet, note("queued"));
    assert_eq!(puppet.run(), 3);
    let report = puppet.report().unwrap();
    assert_eq!((report.ended, report.handled_while_draining), (Ended::Drained, 1));
}

// Time.

/// An actor with one timer, and when its ticks came.
fn ticker(period: Duration, missed: Missed) -> (Stepper<Ticker>, Rc<RefCell<Vec<u64>>>) {
    let ticks = Rc::<RefCell<Vec<u64>>>::default();
    let ticker = Stepper::new("ticker", Ticker { period, missed, ticks: Rc::clone(&ticks) });
    (ticker, ticks)
}

struct Ticker {
    period: Duration,
    missed: Missed,
    ticks: Rc<RefCell<Vec<u64>>>,
}

enum Tick {
    Tick,
    /// Keeps it busy for so many seconds.
    Work(u64),
}

impl Actor for Ticker {
    type Msg = Tick;
    fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        cx.send_every_with(self.period, self.missed, || Tick::Tick);
        Ok(())
    }
    fn handle(&mut self, tick: Tick, cx: &mut Context<Self>) -> exeunt::Result {
        match tick {
            Tick::Work(seconds) => cx.sleep(Duration::from_secs(seconds))?,
            Tick::Tick => self.ticks.borrow_mut().push(0),
        }
        Ok(())
    }
}

/// At which seconds the ticks come, if it is busy from 0 to 35 s, and the period is 10 s.
fn ticks_until(missed: Missed, end: u64) -> Vec<u64> {
    let (mut ticker, ticks) = ticker(10 * SECOND, missed);
    ticker.send(Tick::Work(35)).unwrap();
    let mut seconds = Vec::new();
    while ticker.now() < Duration::from_secs(end) {
        ticker.advance(SECOND);
        let now = ticker.now().as_secs();
        seconds.extend(ticks.take().into_iter().map(|_| now));
    }
    seconds
}

#[test]
fn missed_ticks_are_skipped_caught_up_with_or_delay_the_others() {
    assert_eq!(ticks_until(Missed::Skip, 65), [36, 40, 50, 60]);
    assert_eq!(ticks_until(Missed::CatchUp, 65), [36, 36, 36, 40, 50, 60]);
    assert_eq!(ticks_until(Missed::Delay, 70), [36, 45, 55, 65]);
}

#[test]
fn ticks_do_not_drift_in_a_million_hours() {
    let (mut ticker, ticks) = ticker(HOUR, Missed::Skip);
    assert_eq!(ticker.advance(1_000_000 * HOUR - Duration::from_nanos(1)), 999_999);
    assert_eq!(ticker.advance(Duration::from_nanos(1)), 1);
    assert_eq!((ticks.borrow().len(), ticker.now()), (1_000_000, 1_000_000 * HOUR));
    assert_eq!(ticker.next_due(), Some(HOUR));
}

#[test]
fn timers_fire_in_the_order_of_their_moments_and_can_be_cancelled() {
    let (mut puppet, diary) = puppet(Restart::never());
    send(
        &puppet,
        job(|puppet, cx| {
            cx.send_after(3 * SECOND, note("third"));
            cx.send_after(SECOND, note("first"));
            cx.send_after(
                2 * SECOND,
                job(|puppet, _cx| {
                    puppet.note("second");
                    assert!(puppet.timer.take().unwrap().cancel());
                    Ok(())
                }),
            );
            puppet.timer = Some(cx.send_after(2 * SECOND, note("cancelled")));
            Ok(())
        }),
    );
    assert_eq!(puppet.advance(2 * SECOND), 3);
    assert_eq!(puppet.next_due(), Some(SECOND));
    assert_eq!(puppet.advance(HOUR), 1);
    assert_eq!(read(&diary), ["started", "first", "second", "third"]);
    assert_eq!(puppet.drain().cancelled, 0);
}

#[test]
fn an_idle_time_out_begins_anew_with_everything_that_comes() {
    let (mut puppet, diary) = puppet(Restart::never());
    send(
        &puppet,
        job(|_, cx| {
            cx.set_idle_timeout(10 * SECOND);
            Ok(())
        }),
    );
    puppet.advance(9 * SECOND);
    send(&puppet, note("not idle"));
    puppet.advance(9 * SECOND);
    assert_eq!(read(&diary), ["started", "not idle"]);
    assert_eq!(puppet.advance(SECOND), 1);
    assert_eq!(puppet.next_due(), Some(10 * SECOND));
    assert_eq!(puppet.advance(25 * SECOND), 2);
    send(
        &puppet,
        job(|_, cx| {
            cx.set_idle_timeout(None);
            Ok(())
        }),
    );
    puppet.advance(HOUR);
    assert_eq!(read(&diary), ["idle", "idle", "idle"]);
}

#[test]
fn d5_a_sleep_moves_the_clock() {
    let (mut puppet, diary) = puppet(Restart::never());
    send(
        &puppet,
        job(|_, cx| {
            cx.send_after(30 * 60 * SECOND, note("meanwhile"));
            Ok(cx.sleep(HOUR)?)
        }),
    );
    assert_eq!((puppet.step(), puppet.now()), (Step::Message, HOUR));
    assert_eq!((puppet.step(), puppet.now()), (Step::Timer, HOUR));
    assert_eq!(read(&diary), ["started", "meanwhile"]);
}

#[test]
fn the_clock_stands_still_by_itself() {
    let (mut puppet, _diary) = puppet(Restart::never());
    send(
        &puppet,
        job(|_, cx| {
            cx.send_after(Duration::from_nanos(1), note("soon"));
            Ok(())
        }),
    );
    assert_eq!((puppet.run(), puppet.now()), (1, Duration::ZERO));
    assert_eq!(puppet.advance(Duration::MAX), 1);
}

#[test]
fn r1_its_line_of_the_report_is_like_any_other() {
    let (mut puppet, _diary) = puppet(Restart::never());
    send(&puppet, job(|_, cx| Ok(cx.sleep(SECOND)?)));
    puppet.turn();
    let report = puppet.drain();
    assert_eq!((report.name.as_str(), report.took), ("puppet", SECOND));
    assert_eq!((report.accepted(), report.parent, report.is_task), (1, None, false));
}
