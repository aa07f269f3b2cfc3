//! What an actor waits for beside its mailbox: timers, idleness, other channels, mailboxes beside its
//! own, the ends of others, answers. What each does to the natural end (O5), to a turn (O3), to a
//! restart (F1), and to the ledger (M1).
//!
//! Where time is the subject, a test asserts what can only become truer on a busy machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use exeunt::{
    Actor, ActorReport, Addr, AskError, Context, Ended, Error, Event, Missed, Notice, OnDrain,
    Reply, Restart, ReturnedBecause, SendError, State, System, Timer,
};

use crate::support::{
    HANG, NEVER, OnDrop, Planned, Play, figures, guarded, in_time, late_unless, leaving, line, ms,
    next, silence_planned_panics, so_far, standing, trap, until,
};

const HOUR: Duration = Duration::from_secs(3_600);

/// Tells what it handles.
fn teller<M: Send + 'static>(tell: &Sender<M>) -> Play<M> {
    let tell = tell.clone();
    Play::new(move |message, _| {
        let _ = tell.send(message);
        Ok(())
    })
}

// Timers.

#[test]
fn o5_a_timer_keeps_its_actor_alive_until_it_has_fired() {
    let attempt = |slower| {
        let (tell, told) = mpsc::channel();
        let (set, set_within) = mpsc::channel();
        let began = Instant::now();
        let mut system = System::new("timers");
        system.spawn(
            "a",
            teller(&tell).started(move |cx| {
                let begun = Instant::now();
                cx.send_after(ms(20) * slower, 2);
                cx.send_after(ms(10) * slower, 1);
                cx.send_after(Duration::ZERO, 0);
                cx.send_after(HOUR, 9).cancel();
                Ok(set.send(begun.elapsed())?)
            }),
        );
        let report = system.wait();
        assert!(began.elapsed() >= ms(20) * slower);
        assert_eq!(figures(line(&report, "a")), [3, 0, 0]);
        // What its handle has cancelled was cancelled before its turn.
        assert_eq!(line(&report, "a").cancelled, 0);
        assert_eq!(line(&report, "a").ended, Ended::Completed);
        // Each is due after the one that was set after it, if they were set at once.
        late_unless(next(&set_within) < ms(10) * slower, "the third was set")?;
        assert_eq!(so_far(&told), [0, 1, 2]);
        Ok(())
    };
    guarded(move || in_time(attempt));
}

/// The moments of the ticks of a timer, from the beginning of the first period, if the first tick takes
/// its time: until the fifth period is over, and a tenth of the sixth.
fn ticks(missed: Missed, period: Duration, count: usize) -> Vec<Duration> {
    guarded(move || {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("ticks");
        let (mut began, mut is_first) = (None, true);
        let began_in_started = Arc::new(std::sync::OnceLock::new());
        let began_at = Arc::clone(&began_in_started);
        let _addr = system.spawn(
            "a",
            Play::new(move |_: u32, _| {
                let began: Instant = *began.get_or_insert_with(|| *began_at.get().unwrap());
                tell.send(began.elapsed())?;
                let takes_its_time = std::mem::replace(&mut is_first, false);
                while takes_its_time && began.elapsed() < period * 5 + period / 10 {
                    thread::sleep(ms(1));
                }
                Ok(())
            })
            .started(move |cx| {
                let _ = began_in_started.set(Instant::now());
                cx.send_every_with(period, missed, || 1);
                Ok(())
            }),
        );
        let ticks = (0..count).map(|_| next(&told)).collect();
        assert_eq!(line(&system.shutdown(), "a").cancelled, 0);
        ticks
    })
}

#[test]
fn ticks_that_were_missed_are_skipped() {
    let period = ms(40);
    let ticks = ticks(Missed::Skip, period, 3);
    assert!(ticks[0] >= period);
    // First the one that came too late, then those of the moments of old.
    assert!(ticks[2] >= period * 6, "{ticks:?}");
}

#[test]
fn ticks_that_were_missed_are_caught_up_with() {
    in_time(|slower| {
        let period = ms(40) * slower;
        let ticks = ticks(Missed::CatchUp, period, 10);
        for (n, &tick) in (1..).zip(&ticks) {
            assert!(tick >= period * n, "{ticks:?}");
        }
        // Those of the second to the fifth period one right after the other.
        late_unless(ticks[4] - ticks[1] < period * 2, format!("{ticks:?}"))
    });
}

#[test]
fn ticks_that_were_missed_put_off_those_that_follow() {
    let period = ms(40);
    let ticks = ticks(Missed::Delay, period, 4);
    // The second comes when the first is done, and each of the others a period later.
    for (n, &tick) in (5..).zip(&ticks[1..]) {
        assert!(tick >= period * n + period / 10, "{ticks:?}");
    }
}

#[test]
fn o5_to_cancel_its_last_timer_ends_a_deserted_actor_at_once() {
    guarded(|| {
        let (give, given) = mpsc::channel::<Timer>();
        let mut system = System::new("cancel");
        system.spawn(
            "a",
            Play::<u32>::idle().started(move |cx| Ok(give.send(cx.send_every(HOUR, || 1))?)),
        );
        let timer = next(&given);
        until(|| standing(&system.handle(), "a").is_idle);
        assert!(timer.is_pending());
        let other = timer.clone();
        assert!(thread::spawn(move || other.cancel()).join().unwrap());
        assert!(!timer.cancel() && !timer.is_pending());
        let report = system.wait();
        assert_eq!(line(&report, "a").ended, Ended::Completed);
        assert_eq!(line(&report, "a").cancelled, 0);
    });
}

#[test]
fn m1_a_timer_that_has_not_fired_is_cancelled_by_the_turn_and_counted() {
    guarded(|| {
        let (give, given) = mpsc::channel();
        let mut system = System::new("m1");
        let addr = system.spawn(
            "a",
            Play::<u32>::idle().started(move |cx| {
                give.send(cx.send_after(HOUR, 1))?;
                give.send(cx.send_every(HOUR, || 2))?; // owes nobody a tick
                give.send(cx.send_after(Duration::MAX, 3))?;
                give.send(cx.send_after(HOUR, 4))?;
                Ok(())
            }),
        );
        let timers: Vec<Timer> = (0..4).map(|_| next(&given)).collect();
        assert!(timers[3].cancel());
        let report = system.shutdown();
        assert_eq!(line(&report, "a").cancelled, 2);
        assert!(report.to_string().ends_with("`a`: 2 timers never fired\n"), "{report}");
        assert_eq!(figures(line(&report, "a")), [0, 0, 0]);
        assert!(report.is_complete(), "{report}");
        assert!(timers.iter().all(|timer| !timer.is_pending() && !timer.cancel()));
        drop(addr);
    });
}

#[test]
fn r1_a_clean_drain_says_nothing_of_a_timer_that_goes_on_and_on() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("r1");
        let addr = system.spawn(
            "a",
            teller(&tell).started(|cx| {
                cx.send_every(ms(1), || 1);
                Ok(())
            }),
        );
        next(&told);
        let report = system.shutdown();
        // The head, the titles, and the line of the actor.
        assert_eq!(report.to_string().lines().count(), 3, "{report}");
        assert_eq!(line(&report, "a").cancelled, 0);
        drop(addr);
    });
}

#[test]
fn m1_a_timer_that_is_set_in_its_own_turn_is_cancelled_at_once() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (give, given) = mpsc::channel::<bool>();
        let mut system = System::new("m1");
        let addr = system.spawn("a", {
            let last = give.clone();
            Play::new(move |n: u32, cx| {
                trap.walk_in();
                if n == 1 {
                    give.send(cx.send_after(Duration::ZERO, 7).is_pending())?;
                }
                Ok(())
            })
            .stopped(move |cx| Ok(last.send(cx.send_every(ms(1), || 8).is_pending())?))
        });
        addr.send(0).unwrap();
        addr.send(1).unwrap();
        keeper.catches();
        system.handle().shutdown();
        until(|| addr.is_closed());
        keeper.opens();
        let report = system.shutdown();
        assert_eq!(so_far(&given), [false, false]);
        assert_eq!(line(&report, "a").cancelled, 1);
        assert_eq!(figures(line(&report, "a")), [2, 0, 0]);
    });
}

#[test]
fn f1_a_restart_cancels_timers_and_counts_them() {
    guarded(|| {
        let mut system = System::new("f1");
        let builder = system.actor("a").restart(Restart::on_failure());
        let mut is_first = true;
        let addr = builder.spawn_with(move || {
            let is_first = std::mem::replace(&mut is_first, false);
            Play::new(|_: u32, _| Err(Error::msg("planned"))).started(move |cx| {
                if is_first {
                    cx.send_every(HOUR, || 1);
                    cx.send_after(HOUR, 1);
                }
                Ok(())
            })
        });
        let addr = addr.unwrap();
        addr.send(0).unwrap();
        until(|| standing(&system.handle(), "a").restarts == 1);
        drop(addr);
        // Nothing keeps it alive any more.
        let report = system.wait();
        assert_eq!(line(&report, "a").cancelled, 1);
        assert_eq!(line(&report, "a").ended, Ended::Completed);
    });
}

#[test]
fn a_thousand_timers_need_no_thread() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("thousand");
        let addr = system.spawn(
            "thousand/a",
            teller(&tell).started(|cx| {
                for n in 0..1_000_u64 {
                    cx.send_after(ms(5 + n * 7 % 50), n);
                }
                cx.send_after(HOUR, 0);
                Ok(())
            }),
        );
        let mut fired: Vec<u64> = (0..1_000).map(|_| next(&told)).collect();
        #[cfg(target_os = "linux")]
        until(|| threads_that_begin_with("thousand") == 3);
        fired.sort_unstable();
        assert!(fired.into_iter().eq(0..1_000));
        let report = system.shutdown();
        assert_eq!(line(&report, "thousand/a").cancelled, 1);
        drop(addr);
    });
}

/// How many threads of this process have such a name.
#[cfg(target_os = "linux")]
fn threads_that_begin_with(prefix: &str) -> usize {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let names =
        threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with(prefix)).count()
}

#[test]
fn a_period_of_zero_panics_and_names_the_actor() {
    guarded(|| {
        let mut system = System::new("zero");
        let _addr = system.spawn(
            "hasty",
            Play::<u32>::idle().started(|cx| {
                cx.send_every(Duration::ZERO, || 1);
                Ok(())
            }),
        );
        let report = system.wait();
        let error = line(&report, "hasty").error.as_deref().unwrap();
        assert!(error.contains("`hasty`") && error.contains("zero"), "{error}");
    });
}

#[test]
fn m1_a_tick_whose_making_panics_has_failed() {
    guarded(|| {
        let mut system = System::new("m1");
        let _addr = system.spawn(
            "a",
            Play::<u32>::idle().started(|cx| {
                cx.send_every(ms(1), || panic!("planned"));
                Ok(())
            }),
        );
        let report = system.wait();
        assert_eq!(figures(line(&report, "a")), [0, 1, 0]);
        assert!(report.is_failure());
    });
}

#[test]
fn a_timer_that_cancels_itself_in_its_handler_is_gone() {
    guarded(|| {
        let mut system = System::new("once");
        let timer = Arc::new(std::sync::Mutex::new(None::<Timer>));
        system.spawn("a", {
            let set = Arc::clone(&timer);
            Play::new(move |_: u32, _| {
                assert!(timer.lock().unwrap().take().unwrap().cancel());
                Ok(())
            })
            .started(move |cx| {
                *set.lock().unwrap() = Some(cx.send_every(ms(1), || 1));
                Ok(())
            })
        });
        assert_eq!(line(&system.wait(), "a").handled, 1);
    });
}

// Idleness.

/// Counts how often it was idle, and ends its patience after so many times.
struct Patient {
    timeout: Duration,
    idled: Arc<AtomicU32>,
    at_most: u32,
}

impl Actor for Patient {
    type Msg = u32;

    fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        cx.set_idle_timeout(self.timeout);
        Ok(())
    }

    /// Busy until it has counted down.
    fn handle(&mut self, left: u32, cx: &mut Context<Self>) -> exeunt::Result {
        cx.sleep(ms(2))?;
        if left > 0 {
            cx.addr().send(left - 1)?;
        } else {
            assert_eq!(self.idled.load(Ordering::SeqCst), 0);
        }
        Ok(())
    }

    fn idle(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        if self.idled.fetch_add(1, Ordering::SeqCst) + 1 == self.at_most {
            cx.set_idle_timeout(None);
        }
        if self.at_most == 0 { Err(Error::msg("planned")) } else { Ok(()) }
    }
}

#[test]
fn who_is_idle_is_told_again_and_again_until_it_has_enough() {
    guarded(|| {
        let idled = Arc::new(AtomicU32::new(0));
        let mut system = System::new("idle");
        let began = Instant::now();
        let actor = Patient { timeout: ms(15), idled: Arc::clone(&idled), at_most: 3 };
        let addr = system.spawn("a", actor);
        until(|| idled.load(Ordering::SeqCst) == 3);
        assert!(began.elapsed() >= ms(45), "{:?}", began.elapsed());
        thread::sleep(NEVER);
        assert_eq!(idled.load(Ordering::SeqCst), 3);
        // Without a time-out, it sleeps.
        until(|| standing(&system.handle(), "a").is_idle);
        let report = system.shutdown();
        assert_eq!(figures(line(&report, "a")), [0, 0, 0]);
        drop(addr);
    });
}

#[test]
fn who_has_something_to_do_is_not_idle() {
    guarded(|| {
        let idled = Arc::new(AtomicU32::new(0));
        let mut system = System::new("busy");
        let actor = Patient { timeout: ms(20), idled: Arc::clone(&idled), at_most: 1 };
        let (addr, inbox) = exeunt::mailbox(1);
        addr.send(50).unwrap(); // far longer than the time-out; the last one looks
        system.actor("a").inbox(inbox).spawn(actor).unwrap();
        until(|| idled.load(Ordering::SeqCst) == 1);
        let report = system.shutdown();
        assert_eq!(figures(line(&report, "a")), [51, 0, 0], "{report}");
        drop(addr);
    });
}

#[test]
fn o5_an_idle_timeout_keeps_nobody_alive() {
    guarded(|| {
        let mut system = System::new("idle");
        let idled = Arc::default();
        drop(system.spawn("a", Patient { timeout: HOUR, idled, at_most: 1 }));
        assert_eq!(line(&system.wait(), "a").ended, Ended::Completed);
    });
}

#[test]
fn f1_an_idle_hook_may_fail_like_any_other() {
    guarded(|| {
        let mut system = System::new("idle");
        let actor = Patient { timeout: ms(1), idled: Arc::default(), at_most: 0 };
        let addr = system.spawn("a", actor);
        let report = system.wait();
        assert_eq!(line(&report, "a").error.as_deref(), Some("in `idle`: planned"));
        assert_eq!(figures(line(&report, "a")), [0, 0, 0]);
        drop(addr);
    });
}

#[test]
fn nobody_is_idle_in_its_turn() {
    guarded(|| {
        let (trap, keeper) = trap();
        let idled = Arc::new(AtomicU32::new(0));
        struct Parent(Patient, crate::support::Trap);
        impl Actor for Parent {
            type Msg = u32;
            fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
                cx.set_idle_timeout(self.0.timeout);
                let trap = self.1.clone();
                cx.spawn_task("child", move |cx| {
                    cx.stopping().wait();
                    trap.walk_in();
                    Ok(())
                });
                Ok(())
            }
            fn handle(&mut self, _: u32, _: &mut Context<Self>) -> exeunt::Result {
                Ok(())
            }
            fn idle(&mut self, _: &mut Context<Self>) -> exeunt::Result {
                self.0.idled.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }
        }
        let mut system = System::new("turn");
        let patient = Patient { timeout: ms(1), idled: Arc::clone(&idled), at_most: 9 };
        let addr = system.spawn("a", Parent(patient, trap));
        system.handle().shutdown();
        keeper.catches();
        // Its turn has come, or its child would not be on its way.
        let before = idled.load(Ordering::SeqCst);
        thread::sleep(NEVER);
        assert_eq!(idled.load(Ordering::SeqCst), before);
        keeper.opens();
        drop(system.shutdown());
        drop(addr);
    });
}

// Channels.

#[test]
fn o5_a_channel_keeps_its_actor_alive_until_it_is_disconnected() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        for capacity in [Some(0), Some(2), None] {
            let (device, readings) = match capacity {
                Some(places) => crossbeam_channel::bounded(places),
                None => crossbeam_channel::unbounded(),
            };
            let mut readings = Some(readings);
            let mut system = System::new("channel");
            system.spawn(
                "a",
                teller(&tell).started(move |cx| {
                    cx.attach(readings.take().unwrap(), |n: u8| u32::from(n) * 10);
                    Ok(())
                }),
            );
            for n in 1..=5 {
                device.send(n).unwrap();
            }
            until(|| standing(&system.handle(), "a").handled == 5);
            assert_eq!(standing(&system.handle(), "a").state, State::Working);
            drop(device);
            let report = system.wait();
            assert_eq!(so_far(&told), [10, 20, 30, 40, 50]);
            assert_eq!(figures(line(&report, "a")), [5, 0, 0]);
            assert_eq!(line(&report, "a").ended, Ended::Completed);
        }
    });
}

#[test]
fn o3_in_its_turn_an_actor_takes_what_is_queued_or_leaves_it() {
    for (on_drain, taken) in [(OnDrain::Take, 3), (OnDrain::Leave, 0)] {
        guarded(move || {
            let (trap, keeper) = trap();
            let (device, readings) = crossbeam_channel::unbounded::<u32>();
            let mut system = System::new("queued");
            let addr = system.spawn("a", {
                let readings = readings.clone();
                Play::new(move |n: u32, _| {
                    if n == 0 {
                        trap.walk_in();
                    }
                    Ok(())
                })
                .started(move |cx| {
                    cx.attach_with(readings.clone(), on_drain, |n| n);
                    Ok(())
                })
            });
            addr.send(0).unwrap();
            keeper.catches();
            (1..=3).for_each(|n| device.send(n).unwrap());
            system.handle().shutdown();
            until(|| addr.is_closed());
            keeper.opens();
            let report = system.shutdown();
            assert_eq!(figures(line(&report, "a")), [1 + taken, 0, 0]);
            assert_eq!(readings.len() as u64, 3 - taken);
            assert!(report.is_complete(), "{report}");
        });
    }
}

#[test]
fn o3_a_turn_does_not_wait_for_a_channel_that_never_ends() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("endless");
        let addr = system.spawn(
            "a",
            teller(&tell).started(|cx| {
                cx.attach(crossbeam_channel::after(ms(1)), |_| "after");
                cx.attach(crossbeam_channel::after(HOUR), |_| "too late");
                cx.attach(crossbeam_channel::tick(ms(5)), |_| "tick");
                cx.attach(crossbeam_channel::never::<()>(), |()| "never");
                Ok(())
            }),
        );
        let seen: Vec<_> = (0..4).map(|_| next(&told)).collect();
        assert_eq!(seen.iter().filter(|&&s| s == "after").count(), 1, "{seen:?}");
        let report = system.shutdown();
        assert!(report.is_complete() && report.took < HANG / 2, "{report}");
        drop(addr);
    });
}

#[test]
fn o3_a_turn_finds_all_channels_at_an_end_however_many_there_are() {
    guarded(|| {
        for _ in 0..20 {
            let mut system = System::new("endless");
            let addr = system.spawn(
                "a",
                Play::<u32>::idle().started(|cx| {
                    (0..9).for_each(|_| cx.attach(crossbeam_channel::never::<u32>(), |n| n));
                    Ok(())
                }),
            );
            // It is woken by its turn, and looks once.
            until(|| standing(&system.handle(), "a").is_idle);
            let report = system.shutdown();
            assert!(report.is_complete(), "{report}");
            drop(addr);
        }
    });
}

#[test]
fn o3_a_producer_that_does_not_stop_does_not_hold_up_a_turn() {
    guarded(|| {
        let stop = Arc::new(AtomicBool::new(false));
        let (device, readings) = crossbeam_channel::bounded(4);
        let producer = thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                while !stop.load(Ordering::SeqCst) {
                    let _ = device.send_timeout(1, ms(10));
                }
            }
        });
        let mut system = System::new("endless");
        let addr = system.spawn(
            "a",
            Play::<u32>::idle().started(move |cx| {
                cx.attach(readings.clone(), |n| n);
                Ok(())
            }),
        );
        until(|| standing(&system.handle(), "a").handled > 10);
        let report = system.shutdown();
        assert!(report.is_complete() && report.took < HANG / 2, "{report}");
        stop.store(true, Ordering::SeqCst);
        producer.join().unwrap();
        drop(addr);
    });
}

#[test]
fn m1_an_item_that_could_not_become_a_message_has_failed() {
    guarded(|| {
        let (device, readings) = crossbeam_channel::unbounded();
        (0..5).for_each(|n| device.send(n).unwrap());
        let mut system = System::new("m1");
        let restart = Restart::on_failure().intensity(9, Duration::MAX);
        let builder = system.actor("a").restart(restart);
        let addr = builder.spawn_with(move || {
            let readings = readings.clone();
            Play::<u32>::idle().started(move |cx| {
                cx.attach(readings.clone(), |n| if n == 2 { panic!("planned") } else { n });
                Ok(())
            })
        });
        let addr = addr.unwrap();
        // The next incarnation goes on with the channel, since it attaches it anew.
        until(|| standing(&system.handle(), "a").handled == 4);
        let report = system.shutdown();
        assert_eq!(figures(line(&report, "a")), [4, 1, 0]);
        assert_eq!(line(&report, "a").restarts, 1);
        drop(addr);
    });
}

#[test]
fn f1_a_channel_is_attached_to_one_incarnation() {
    guarded(|| {
        let (device, readings) = crossbeam_channel::unbounded::<u32>();
        let mut readings = Some(readings);
        let mut system = System::new("f1");
        let builder = system.actor("a").restart(Restart::on_failure());
        let addr = builder.spawn_with(move || {
            let mut readings = readings.take();
            Play::new(|_: u32, _| Err(Error::msg("planned"))).started(move |cx| {
                readings.take().into_iter().for_each(|readings| cx.attach(readings, |n| n));
                Ok(())
            })
        });
        let addr = addr.unwrap();
        addr.send(1).unwrap();
        until(|| device.send(1).is_err());
        assert!(!system.shutdown().is_failure());
        drop(addr);
    });
}

#[test]
fn no_input_starves_another() {
    guarded(|| {
        const EACH: u32 = 500;
        let (tell, told) = mpsc::channel();
        let (addr, inbox) = exeunt::mailbox(usize::try_from(EACH).unwrap());
        let (device, readings) = crossbeam_channel::unbounded();
        let (annex, annex_inbox) = exeunt::mailbox(usize::try_from(EACH).unwrap());
        for _ in 0..EACH {
            addr.send("mailbox").unwrap();
            device.send("channel").unwrap();
            annex.send("annex").unwrap();
        }
        let mut annex_inbox = Some(annex_inbox);
        let mut system = System::new("flood");
        let actor = teller(&tell).started(move |cx| {
            cx.attach(readings.clone(), |s| s);
            cx.attach_inbox(annex_inbox.take().unwrap(), |s| s);
            // There is always a tick to be caught up with.
            cx.send_every_with(Duration::from_nanos(1), Missed::CatchUp, || "timer");
            Ok(())
        });
        system.actor("a").inbox(inbox).spawn(actor).unwrap();
        let all: Vec<_> = (0..EACH * 4).map(|_| next(&told)).collect();
        for window in all.windows(8) {
            for source in ["mailbox", "channel", "annex", "timer"] {
                assert!(window.contains(&source), "{source} starves: {window:?}");
            }
        }
        drop(system.shutdown());
    });
}

#[test]
fn the_urgent_lane_leaves_room_for_all_others() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let (trap, keeper) = trap();
        let (device, readings) = crossbeam_channel::unbounded();
        let mut system = System::new("urgent");
        let addr = system
            .actor("a")
            .urgent(1_000)
            .spawn(
                Play::new(move |s: &str, _| {
                    if s == "begin" {
                        trap.walk_in();
                    }
                    Ok(tell.send(s.to_owned())?)
                })
                .started(move |cx| {
                    cx.attach(readings.clone(), |s| s);
                    Ok(())
                }),
            )
            .unwrap();
        addr.send("begin").unwrap();
        keeper.catches();
        (0..20).for_each(|_| addr.send("ordinary").unwrap());
        (0..20).for_each(|_| device.send("channel").unwrap());
        (0..900).for_each(|_| addr.send_urgent("urgent").unwrap());
        keeper.opens();
        let all: Vec<String> = (0..941).map(|_| next(&told)).collect();
        // While all have something: eight in a row, then one of the others.
        let longest = all[..300].split(|s| s != "urgent").map(<[String]>::len).max();
        assert!(longest <= Some(8), "{all:?}");
        for source in ["ordinary", "channel"] {
            assert!(all[..300].iter().filter(|s| *s == source).count() >= 15, "{all:?}");
        }
        drop(system.shutdown());
    });
}

#[test]
fn d2_orders_come_before_everything_else() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (device, readings) = crossbeam_channel::unbounded();
        let mut system = System::new("orders");
        system.set_stall_limit(ms(30)).set_grace(Duration::from_secs(20));
        let addr = system.spawn(
            "a",
            Play::new(move |n: u32, _| {
                if n == 0 {
                    trap.walk_in();
                }
                Ok(())
            })
            .started(move |cx| {
                cx.attach(readings.clone(), |n| n);
                cx.send_every_with(Duration::from_nanos(1), Missed::CatchUp, || 7);
                Ok(())
            }),
        );
        addr.send(0).unwrap();
        keeper.catches();
        let handled = standing(&system.handle(), "a").handled;
        for n in 1..=50 {
            addr.send(n).unwrap();
            device.send(n).unwrap();
        }
        let handle = system.handle();
        handle.shutdown();
        until(|| standing(&handle, "a").state == State::Overdue);
        keeper.opens();
        let report = system.shutdown();
        // What it was in, and nothing more.
        assert_eq!(figures(line(&report, "a")), [handled + 1, 0, 50], "{report}");
        assert_eq!(line(&report, "a").ended, Ended::Overdue);
    });
}

// Mailboxes beside its own.

#[test]
fn m1_what_is_sent_to_a_mailbox_beside_its_own_is_handled_too() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let (annex, inbox) = exeunt::mailbox::<u8>(4);
        let mut inbox = Some(inbox);
        let mut system = System::new("annex");
        let addr = system.spawn(
            "a",
            teller(&tell).started(move |cx| {
                cx.attach_inbox(inbox.take().unwrap(), |n| u32::from(n) + 100);
                Ok(())
            }),
        );
        (0..20).for_each(|n| annex.send(n).unwrap());
        assert_eq!((0..20).map(|_| next(&told)).collect::<Vec<_>>(), Vec::from_iter(100..120));
        assert_eq!(annex.name(), "a");
        // It keeps the actor alive, as an address of its own does.
        drop(addr);
        annex.send(1).unwrap();
        assert_eq!(next(&told), 101);
        drop(annex);
        let report = system.wait();
        assert_eq!(figures(line(&report, "a")), [21, 0, 0]);
        assert_eq!(line(&report, "a").ended, Ended::Completed);
    });
}

#[test]
fn m1_what_is_left_in_a_mailbox_beside_its_own_goes_to_the_hook_of_that_one() {
    guarded(|| {
        let (annex, inbox) = exeunt::mailbox::<u8>(4);
        let (beside, returned_beside) = mpsc::channel();
        let (own, returned) = mpsc::channel();
        let mut inbox = Some(inbox.returned(move |n| beside.send(n).unwrap()));
        annex.send(0).unwrap();
        annex.send(1).unwrap();
        let mut system = System::new("annex");
        let actor = Play::new(|_: u32, _| Err(Error::msg("planned"))).started(move |cx| {
            cx.attach_inbox(inbox.take().unwrap(), u32::from);
            Ok(())
        });
        system.actor("a").returned(move |n| own.send(n).unwrap()).spawn(actor).unwrap();
        let report = system.wait();
        assert_eq!(figures(line(&report, "a")), [0, 1, 1]);
        assert_eq!(Vec::from_iter(returned_beside.try_iter()), [1]);
        assert_eq!(returned.try_iter().count(), 0);
    });
}

#[test]
fn o3_a_mailbox_beside_its_own_closes_in_its_turn() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (annex, inbox) = exeunt::mailbox::<u32>(4);
        let mut inbox = Some(inbox);
        let mut system = System::new("annex");
        let addr = system.spawn(
            "a",
            Play::new(move |n: u32, _| {
                if n == 0 {
                    trap.walk_in();
                }
                Ok(())
            })
            .started(move |cx| {
                cx.attach_inbox(inbox.take().unwrap(), |n| n);
                Ok(())
            }),
        );
        addr.send(0).unwrap();
        keeper.catches();
        (1..=4).for_each(|n| annex.send(n).unwrap());
        let blocked = thread::spawn({
            let annex = annex.clone();
            move || annex.send(5)
        });
        system.handle().shutdown();
        assert_eq!(blocked.join().unwrap(), Err(SendError::Closed(5, "a".into())));
        assert_eq!(annex.send(6), Err(SendError::Closed(6, "a".into())));
        keeper.opens();
        let report = system.shutdown();
        assert_eq!(figures(line(&report, "a")), [5, 0, 0]);
        assert!(report.is_complete() && annex.send(7).is_err());
    });
}

/// Tells how many messages are returned, and why.
fn tell_of_returned(system: &mut System, tell: Sender<(u64, ReturnedBecause)>) {
    system.observe(move |notice| {
        if let Notice::Returned { messages, why, .. } = notice {
            let _ = tell.send((*messages, *why));
        }
    });
}

/// An actor caught with 0 in its hands, with two messages in a mailbox beside its own; it fails of 0
/// when it is let go. Gives what its dead-letter hook was handed, and the report.
fn annexed(
    limits: impl FnOnce(&mut System),
    keep: impl FnOnce(&System, crate::support::Keeper) -> Option<crate::support::Keeper>
    + Send
    + 'static,
) -> (Vec<u32>, exeunt::Report) {
    let (trap, keeper) = trap();
    let (hook, returned) = mpsc::channel();
    let (annex, inbox) = exeunt::mailbox::<u8>(4);
    let mut inbox = Some(inbox);
    let mut system = System::new("annexed");
    limits(&mut system);
    let builder = system.actor("a").returned(move |n| hook.send(n).unwrap());
    let actor = Play::new(move |_: u32, _| {
        trap.walk_in();
        Err(Error::msg("planned"))
    });
    let addr = builder.spawn(actor.started(move |cx| {
        cx.attach_inbox(inbox.take().unwrap(), u32::from);
        Ok(())
    }));
    addr.unwrap().send(0).unwrap();
    keeper.catches();
    annex.send(11).unwrap();
    annex.send(12).unwrap();
    let keeper = keep(&system, keeper);
    let report = system.wait();
    assert_eq!(annex.send(13), Err(SendError::Closed(13, "a".into())));
    drop(keeper);
    (so_far(&returned), report)
}

#[test]
fn m1_what_a_mailbox_beside_its_own_holds_at_a_failure_is_returned() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let (returned, report) = annexed(
            |system| tell_of_returned(system, tell),
            |_, keeper| {
                keeper.opens();
                None
            },
        );
        assert_eq!(returned, [11, 12]);
        assert_eq!(figures(line(&report, "a")), [0, 1, 2]);
        assert_eq!(so_far(&told), [(2, ReturnedBecause::Failed)]);
    });
}

#[test]
fn m1_what_a_mailbox_beside_its_own_holds_at_the_deadline_is_returned() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let (returned, report) = annexed(
            |system| {
                tell_of_returned(system, tell);
                system.set_stall_limit(ms(30)).set_grace(HANG);
            },
            |system, keeper| {
                let handle = system.handle();
                handle.shutdown();
                until(|| standing(&handle, "a").state == State::Overdue);
                keeper.opens();
                None
            },
        );
        assert_eq!(returned, [11, 12]);
        assert_eq!(figures(line(&report, "a")), [0, 1, 2]);
        assert_eq!(so_far(&told), [(2, ReturnedBecause::Overdue)]);
    });
}

#[test]
fn m1_what_a_mailbox_beside_its_own_holds_when_it_is_given_up_is_counted() {
    guarded(|| {
        let (_, report) = annexed(
            |system| {
                system.set_stall_limit(ms(30)).set_grace(ms(30));
            },
            |system, keeper| {
                system.handle().shutdown();
                Some(keeper)
            },
        );
        assert_eq!(line(&report, "a").ended, Ended::Abandoned);
        assert_eq!(figures(line(&report, "a")), [0, 1, 2]);
    });
}

/// Its `drop` panics.
fn grenade() -> impl Send {
    silence_planned_panics();
    OnDrop(|| std::panic::panic_any(Planned))
}

#[test]
fn m1_a_closure_whose_drop_panics_when_its_channel_is_over_is_no_message() {
    guarded(|| {
        let (sender, receiver) = crossbeam_channel::unbounded();
        let mut system = System::new("grenade");
        let a = Play::<u32>::idle().started(move |cx| {
            let grenade = grenade();
            cx.attach(receiver.clone(), move |n: u32| {
                let _ = &grenade;
                n
            });
            Ok(())
        });
        let a = system.spawn("a", a);
        sender.send(1).unwrap();
        drop(sender);
        a.send(2).unwrap();
        drop(a);
        let report = system.wait();
        assert_eq!(figures(line(&report, "a")), [2, 0, 0], "{report}");
        assert_eq!(line(&report, "a").ended, Ended::Completed);
    });
}

#[test]
fn m1_what_is_returned_reaches_the_hook_though_closures_panic_and_their_drops_do() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (tell, returned) = mpsc::channel();
        let ((addr, inbox), (_idle, other)) = (exeunt::mailbox(4), exeunt::mailbox(4));
        let mut inboxes = vec![inbox, other];
        let mut system = System::new("grenades");
        let (tell_lost, lost) = mpsc::channel();
        system.observe(move |notice| {
            if let Notice::DeadLetterLost { error, .. } = notice {
                let _ = tell_lost.send(error.clone());
            }
        });
        let fails = Play::new(move |_: u32, _| {
            trap.walk_in();
            Err(Error::msg("planned"))
        });
        let fails = fails.started(move |cx| {
            for inbox in inboxes.drain(..) {
                let grenade = grenade();
                cx.attach_inbox(inbox, move |n: u32| {
                    let _ = &grenade;
                    if n == 2 { std::panic::panic_any(Planned) } else { n + 10 }
                });
            }
            Ok(())
        });
        let returned_to = move |n| tell.send(n).unwrap();
        let a = system.actor("a").returned(returned_to).spawn(fails).unwrap();
        a.send(0).unwrap();
        keeper.catches();
        (1..4).for_each(|n| addr.send(n).unwrap());
        keeper.opens();
        let report = system.wait();
        assert_eq!(so_far(&returned), [11, 13]);
        assert_eq!(so_far(&lost).len(), 1);
        assert_eq!(figures(line(&report, "a")), [0, 1, 3], "{report}");
    });
}

#[test]
fn m1_a_mailbox_that_is_attached_too_late_takes_nothing() {
    guarded(|| {
        let (annex, inbox) = exeunt::mailbox::<u32>(4);
        annex.send(1).unwrap();
        let mut inbox = Some(inbox);
        let (hook, returned) = mpsc::channel();
        let mut system = System::new("late");
        let builder = system.actor("a").returned(move |n| hook.send(n).unwrap());
        let addr = builder.spawn(Play::<u32>::idle().stopped(move |cx| {
            cx.attach_inbox(inbox.take().unwrap(), |n| n + 1);
            Ok(())
        }));
        let report = system.shutdown();
        assert_eq!(so_far(&returned), [2]);
        assert_eq!(figures(line(&report, "a")), [0, 0, 1]);
        assert_eq!(annex.send(2), Err(SendError::Closed(2, "a".into())));
        drop(addr);
    });
}

#[test]
fn m5_an_ask_through_a_mailbox_beside_its_own_ends() {
    guarded(|| {
        let (annex, inbox) = exeunt::mailbox::<Reply<u32>>(4);
        let mut inbox = Some(inbox);
        let mut system = System::new("annex");
        let addr = system.spawn(
            "a",
            Play::new(|reply: Option<Reply<u32>>, _| {
                let _ = reply.unwrap().send(5);
                Ok(())
            })
            .started(move |cx| {
                cx.attach_inbox(inbox.take().unwrap(), Some);
                Ok(())
            }),
        );
        assert_eq!(annex.ask(|reply| reply).unwrap(), 5);
        drop(system.shutdown());
        assert!(annex.ask(|reply: Reply<u32>| reply).is_err());
        drop(addr);
    });
}

// Watching.

/// An actor that tells the ends of those that it watches.
fn watcher(watched: Vec<Addr<u32>>, tell: &Sender<ActorReport>) -> Play<ActorReport> {
    let tell = tell.clone();
    Play::new(move |report, _| {
        let _ = tell.send(report);
        Ok(())
    })
    .started(move |cx| Ok(watched.iter().try_for_each(|addr| cx.watch(addr, |report| report))?))
}

#[test]
fn an_end_is_told_once_for_each_watch_whatever_it_was() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let (trap, keeper) = trap();
        let mut system = System::new("watch");
        system.set_stall_limit(ms(50)).set_grace(ms(50));
        let gone = system.spawn("gone", Play::<u32>::idle());
        gone.stop();
        gone.wait_timeout(HANG).unwrap();
        let drained = system.spawn("drained", Play::<u32>::idle());
        let stuck = system.spawn(
            "stuck",
            Play::new(move |_: u32, _| {
                trap.walk_in();
                Ok(())
            }),
        );
        let forgiven = system.actor("forgiven").restart(Restart::temporary());
        let forgiven = forgiven.spawn(Play::new(|_: u32, _| Err(Error::msg("planned")))).unwrap();
        let watched =
            vec![gone.clone(), drained.clone(), stuck.clone(), forgiven.clone(), drained.clone()];
        let watching = system.spawn("watcher", watcher(watched, &tell));
        assert_eq!(next(&told).name, "gone");
        forgiven.send(1).unwrap();
        let report = next(&told);
        assert_eq!((&*report.name, report.ended), ("forgiven", Ended::Failed));
        assert_eq!(report.error.as_deref(), Some("planned"));
        stuck.send(1).unwrap();
        keeper.catches();
        stuck.stop();
        assert_eq!(next(&told).ended, Ended::Abandoned);
        drained.stop();
        assert_eq!([next(&told).name, next(&told).name], ["drained", "drained"]);
        // A watch keeps the watcher alive, and it is over.
        until(|| standing(&system.handle(), "watcher").handled == 5);
        keeper.opens();
        drop(watching);
        until(|| standing(&system.handle(), "watcher").state == State::Ended);
        assert_eq!(so_far(&told).len(), 0);
        drop(system.shutdown());
    });
}

#[test]
fn an_end_is_told_to_each_of_many_watches() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("many");
        let watched = system.spawn("watched", Play::<u32>::idle());
        let (ready, is_ready) = mpsc::channel();
        let whom = watched.handle();
        let watches = Play::new(move |report: ActorReport, _| Ok(tell.send(report)?));
        let watches = watches.started(move |cx| {
            (0..50).try_for_each(|_| cx.watch(whom.clone(), |report| report))?;
            Ok(ready.send(())?)
        });
        let _watcher = system.spawn("watcher", watches);
        next(&is_ready);
        drop(watched);
        assert!((0..50).all(|_| next(&told).name == "watched"));
        drop(system.shutdown());
    });
}

#[test]
fn o5_a_watch_keeps_the_watcher_alive_and_not_the_watched() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("watch");
        let watched = system.spawn("watched", Play::<u32>::idle());
        let weak = watched.downgrade();
        let (give, given) = mpsc::channel::<Addr<u32>>();
        system.spawn("watcher", {
            let tell = tell.clone();
            Play::new(move |report: ActorReport, _| Ok(tell.send(report.ended)?)).started(
                move |cx| {
                    let addr = next(&given);
                    Ok(cx.watch(&addr, |report| report)?)
                },
            )
        });
        give.send(watched).unwrap();
        // With its last address it goes, and then the watcher.
        assert_eq!(next(&told), Ended::Completed);
        assert!(weak.upgrade().is_none());
        assert_eq!(leaving(&system.wait()), ["watched", "watcher"]);
    });
}

#[test]
fn o3_a_watcher_that_leaves_first_waits_for_nobody() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("watch");
        let watched = system.spawn("watched", Play::<u32>::idle());
        // Spawned later, it leaves first.
        let _watching = system.spawn("watcher", watcher(vec![watched], &tell));
        let report = system.shutdown();
        assert_eq!(leaving(&report), ["watcher", "watched"]);
        assert_eq!(so_far(&told).len(), 0);
        assert!(report.is_complete() && report.refused.is_empty(), "{report}");
    });
}

#[test]
fn o3_a_watcher_that_leaves_later_is_told_before_its_end() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("watch");
        let (watched, inbox) = exeunt::mailbox::<u32>(4);
        // Its mailbox is full all the time; nobody has to wait for that.
        let builder = system.actor("watcher").capacity(1);
        let (go, gone) = (Event::new(), Event::new());
        let watching = builder.spawn({
            let (tell, watched, go, gone) =
                (tell.clone(), watched.clone(), go.clone(), gone.clone());
            let mut is_watching = false;
            Play::new(move |report: Option<ActorReport>, cx| {
                if !std::mem::replace(&mut is_watching, true) {
                    go.wait(); // until it was spawned
                    cx.watch(&watched, Some)?;
                    gone.wait();
                }
                report.into_iter().for_each(|report| drop(tell.send(report)));
                Ok(())
            })
        });
        let watching = watching.unwrap();
        watching.send(None).unwrap();
        system.actor("watched").inbox(inbox).spawn(Play::idle()).unwrap();
        go.set();
        watching.send(None).unwrap();
        system.handle().shutdown();
        assert!(watched.wait_timeout(HANG).is_ok());
        gone.set();
        let report = system.shutdown();
        assert_eq!(so_far(&told).len(), 1);
        assert_eq!(figures(line(&report, "watcher")), [3, 0, 0]);
        assert!(report.is_complete(), "{report}");
    });
}

#[test]
fn f1_a_restart_is_no_end_for_who_watches() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("watch");
        let restart = Restart::on_failure().intensity(5, Duration::MAX);
        let builder = system.actor("watched").restart(restart);
        let make = || Play::new(|_: u32, _| Err(Error::msg("planned")));
        let watched = builder.spawn_with(make).unwrap();
        let _watching = system.spawn("watcher", watcher(vec![watched.clone()], &tell));
        (0..3).for_each(|n| watched.send(n).unwrap());
        until(|| standing(&system.handle(), "watched").restarts == 3);
        assert_eq!(so_far(&told).len(), 0);
        watched.stop();
        let report = next(&told);
        assert_eq!((report.restarts, report.failed), (3, 3));
        drop(system.shutdown());
    });
}

#[test]
fn two_that_watch_each_other_leave_all_the_same() {
    guarded(|| {
        let (tell, told) = mpsc::channel::<String>();
        let mut system = System::new("watch");
        let (a, a_inbox) = exeunt::mailbox::<Option<ActorReport>>(4);
        let (b, b_inbox) = exeunt::mailbox::<Option<ActorReport>>(4);
        for (name, inbox, other) in [("a", a_inbox, b.clone()), ("b", b_inbox, a.clone())] {
            let tell = tell.clone();
            let actor = Play::new(move |report: Option<ActorReport>, cx| {
                match report {
                    None => cx.watch(&other, Some)?,
                    Some(report) => tell.send(report.name)?,
                }
                Ok(())
            });
            system.actor(name).inbox(inbox).spawn(actor).unwrap();
        }
        a.send(None).unwrap();
        b.send(None).unwrap();
        let report = system.shutdown();
        // `b` leaves first, and `a` is told.
        assert_eq!(leaving(&report), ["b", "a"]);
        assert_eq!(so_far(&told), ["b"]);
        assert!(report.is_complete(), "{report}");
    });
}

#[test]
fn a_parent_may_watch_its_children() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("watch");
        let parent = system.spawn(
            "parent",
            Play::new(move |report: ActorReport, _| Ok(tell.send(report.name)?)).started(|cx| {
                let kept = cx.spawn("kept", Play::<u32>::idle());
                let brief = cx.spawn("brief", Play::<u32>::idle());
                cx.watch(&kept, |report| report)?;
                cx.watch(&brief, |report| report)?;
                std::mem::forget(kept);
                Ok(())
            }),
        );
        assert_eq!(next(&told), "brief");
        let report = system.shutdown();
        assert!(report.is_complete() && !report.is_failure(), "{report}");
        drop(parent);
    });
}

// Answers.

type Question = (u32, Reply<u32>);

/// Doubles.
fn oracle() -> Play<Question> {
    Play::new(|(n, reply): Question, _| {
        let _ = reply.send(n * 2);
        Ok(())
    })
}

/// How an ask came to its end.
type End = Result<u32, &'static str>;

fn end<M>(answer: Result<u32, AskError<M>>) -> End {
    answer.map_err(|error| match error {
        AskError::Unanswered(_) => "unanswered",
        AskError::Ended(_) => "ended",
        AskError::Timeout(_) => "timeout",
        _ => "otherwise",
    })
}

/// Asks what it is sent, and tells how that ended.
fn asker(of: Addr<Question>, timeout: Option<Duration>, tell: &Sender<End>) -> Play<u32> {
    let tell = tell.clone();
    Play::new(move |n: u32, cx| {
        let tell = tell.clone();
        let then = move |_: &mut Play<u32>, answer: Result<u32, AskError<Question>>, _: &mut _| {
            let _ = tell.send(end(answer));
            Ok(())
        };
        match timeout {
            None => cx.ask_then(&of, |reply| (n, reply), then)?,
            Some(timeout) => cx.ask_then_timeout(&of, timeout, |reply| (n, reply), then)?,
        }
        Ok(())
    })
}

#[test]
fn m5_an_answer_comes_back_as_an_event() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("ask");
        let oracle = system.spawn("oracle", oracle());
        let asker = system.spawn("asker", asker(oracle, Some(HOUR), &tell));
        (0..10).for_each(|n| asker.send(n).unwrap());
        let mut answers: Vec<_> = (0..10).map(|_| next(&told).unwrap()).collect();
        answers.sort_unstable();
        assert!(answers.into_iter().eq((0..10).map(|n| n * 2)));
        let report = system.shutdown();
        assert_eq!(figures(line(&report, "asker")), [10, 0, 0]);
        assert_eq!(line(&report, "asker").cancelled, 0); // time-outs are no timers of the user's
        assert!(report.is_complete(), "{report}");
    });
}

#[test]
fn m5_an_ask_that_is_not_answered_says_so() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("ask");
        let mute = system.spawn("mute", Play::<Question>::idle());
        let asker = system.spawn("asker", asker(mute, None, &tell));
        asker.send(1).unwrap();
        assert_eq!(next(&told), Err("unanswered"));
        drop(system.shutdown());
    });
}

/// Keeps the questions, and what is to be done with them is in other hands.
fn keeper_of_questions(kept: &Sender<Question>) -> Play<Question> {
    let kept = kept.clone();
    Play::new(move |question, _| Ok(kept.send(question)?))
}

#[test]
fn m5_an_ask_ends_with_the_asked() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let (keep, kept) = mpsc::channel();
        let mut system = System::new("ask");
        let sphinx = system.spawn("sphinx", keeper_of_questions(&keep));
        let asker = system.spawn("asker", asker(sphinx.clone(), None, &tell));
        (0..3).for_each(|n| asker.send(n).unwrap());
        let questions: Vec<_> = (0..3).map(|_| next(&kept)).collect();
        sphinx.stop();
        for _ in 0..3 {
            assert_eq!(next(&told), Err("ended"));
        }
        // Too late.
        for (n, reply) in questions {
            assert_eq!(reply.send(n), Err(n));
        }
        // The next question is not even accepted, which is the asker's to handle.
        asker.send(4).unwrap();
        let report = system.wait();
        assert_eq!(
            line(&report, "asker").error.as_deref(),
            Some("the mailbox of `sphinx` is closed")
        );
        assert_eq!(so_far(&told).len(), 0);
    });
}

#[test]
fn m5_an_ask_ends_when_the_asked_is_given_up() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let (trap, keeper) = trap();
        let mut system = System::new("ask");
        system.set_stall_limit(ms(30)).set_grace(ms(30));
        let stuck = system.spawn(
            "stuck",
            Play::new(move |(_, _reply): Question, _| {
                trap.walk_in();
                Ok(())
            }),
        );
        let asker = system.spawn("asker", asker(stuck.clone(), None, &tell));
        asker.send(1).unwrap();
        keeper.catches();
        asker.send(2).unwrap();
        until(|| stuck.queued() == 1);
        stuck.stop();
        // The one in its hands, and the one that was returned.
        let mut ends = [next(&told).unwrap_err(), next(&told).unwrap_err()];
        ends.sort_unstable();
        assert!(ends == ["ended", "ended"] || ends == ["ended", "unanswered"], "{ends:?}");
        keeper.opens();
        drop(system.shutdown());
    });
}

#[test]
fn m5_an_ask_has_a_limit_if_it_is_given_one() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let (keep, kept) = mpsc::channel();
        let mut system = System::new("ask");
        let sphinx = system.spawn("sphinx", keeper_of_questions(&keep));
        let asker = system.spawn("asker", asker(sphinx, Some(ms(20)), &tell));
        let began = Instant::now();
        asker.send(1).unwrap();
        assert_eq!(next(&told), Err("timeout"));
        assert!(began.elapsed() >= ms(20));
        let (n, reply) = next(&kept);
        assert_eq!(reply.send(n), Err(n));
        let report = system.shutdown();
        assert_eq!(so_far(&told).len(), 0);
        assert!(report.is_complete(), "{report}");
    });
}

#[test]
fn m2_a_question_that_is_not_accepted_comes_back() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("ask");
        let closed = exeunt::mailbox::<Question>(1).0;
        let asker = system.spawn(
            "asker",
            Play::new(move |n: u32, cx| {
                let asked = cx.ask_then(&closed, |reply| (n, reply), |_, _, _| panic!("called"));
                Ok(tell.send(asked.map_err(|error| error.into_message().0))?)
            }),
        );
        asker.send(3).unwrap();
        assert_eq!(next(&told), Err(3));
        // Nothing is out, so that nothing keeps it.
        drop(asker);
        assert_eq!(line(&system.wait(), "asker").ended, Ended::Completed);
    });
}

#[test]
fn o5_an_ask_that_is_out_keeps_the_asker_alive() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let (keep, kept) = mpsc::channel();
        let mut system = System::new("ask");
        let sphinx = system.spawn("sphinx", keeper_of_questions(&keep));
        let asker = system.spawn("asker", asker(sphinx, None, &tell));
        asker.send(1).unwrap();
        drop(asker);
        let (n, reply) = next(&kept);
        assert_eq!(standing(&system.handle(), "asker").state, State::Working);
        reply.send(n + 1).unwrap();
        assert_eq!(next(&told), Ok(2));
        // Who of them is seen off first is chance: the one ends because the other has let go of it.
        let report = system.wait();
        for name in ["asker", "sphinx"] {
            assert_eq!(line(&report, name).ended, Ended::Completed, "{report}");
        }
    });
}

#[test]
fn o3_in_its_turn_an_actor_waits_for_its_answers() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let (keep, kept) = mpsc::channel();
        let mut system = System::new("ask");
        let sphinx = system.spawn("sphinx", keeper_of_questions(&keep));
        let asker = system.spawn("asker", asker(sphinx, None, &tell));
        (0..2).for_each(|n| asker.send(n).unwrap());
        let questions = [next(&kept), next(&kept)];
        let handle = system.handle();
        handle.shutdown();
        until(|| standing(&handle, "asker").state == State::Draining);
        assert!(told.recv_timeout(NEVER).is_err());
        for (n, reply) in questions {
            reply.send(n + 10).unwrap();
        }
        let report = system.shutdown();
        assert_eq!(so_far(&told), [Ok(10), Ok(11)]);
        assert_eq!(leaving(&report), ["asker", "sphinx"]);
        assert!(report.is_complete(), "{report}");
    });
}

#[test]
fn d2_an_answer_that_never_comes_meets_the_stall_limit() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let (keep, kept) = mpsc::channel();
        let mut system = System::new("ask");
        system.set_stall_limit(HANG).set_grace(HANG);
        let sphinx = system.spawn("sphinx", keeper_of_questions(&keep));
        let asker =
            system.actor("asker").stall_limit(ms(50)).spawn(asker(sphinx, None, &tell)).unwrap();
        asker.send(1).unwrap();
        let question = next(&kept);
        let report = system.shutdown();
        assert_eq!(line(&report, "asker").ended, Ended::Overdue);
        assert_eq!(line(&report, "sphinx").ended, Ended::Drained);
        // `then` was dropped.
        drop(tell);
        drop(question);
        assert_eq!(so_far(&told).len(), 0);
    });
}

#[test]
fn f1_what_is_done_with_an_answer_may_fail() {
    guarded(|| {
        let mut system = System::new("ask");
        let oracle = system.spawn("oracle", oracle());
        let restart = Restart::on_failure().intensity(9, Duration::MAX);
        let builder = system.actor("asker").restart(restart);
        let asker = builder.spawn_with(move || {
            let oracle = oracle.clone();
            Play::new(move |n: u32, cx| {
                cx.ask_then(
                    &oracle,
                    |reply| (n, reply),
                    |_, answer, _| match answer? {
                        2 => Err(Error::msg("planned")),
                        4 => panic!("planned too"),
                        _ => Ok(()),
                    },
                )?;
                Ok(())
            })
        });
        let asker = asker.unwrap();
        asker.send(1).unwrap();
        until(|| standing(&system.handle(), "asker").restarts == 1);
        asker.send(2).unwrap();
        until(|| standing(&system.handle(), "asker").restarts == 2);
        asker.send(3).unwrap();
        let report = system.shutdown();
        // The messages were handled; what failed were the answers.
        assert_eq!(figures(line(&report, "asker")), [3, 0, 0]);
        assert!(!report.is_failure(), "{report}");
    });
}

#[test]
fn f1_an_answer_to_an_incarnation_that_is_gone_goes_nowhere() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let (keep, kept) = mpsc::channel();
        let mut system = System::new("ask");
        let sphinx = system.spawn("sphinx", keeper_of_questions(&keep));
        let builder = system.actor("asker").restart(Restart::on_failure());
        let fails = Arc::new(AtomicBool::new(false));
        let make = {
            let (fails, tell) = (Arc::clone(&fails), tell.clone());
            move || {
                let (fails, tell, sphinx) = (Arc::clone(&fails), tell.clone(), sphinx.clone());
                Play::new(move |n: u32, cx| {
                    if fails.swap(false, Ordering::SeqCst) {
                        return Err(Error::msg("planned"));
                    }
                    let tell = tell.clone();
                    cx.ask_then(
                        &sphinx,
                        |reply| (n, reply),
                        move |_, answer, _| Ok(tell.send(end(answer))?),
                    )?;
                    Ok(())
                })
            }
        };
        let asker = builder.spawn_with(make).unwrap();
        asker.send(1).unwrap();
        let (_, first) = next(&kept);
        fails.store(true, Ordering::SeqCst);
        asker.send(2).unwrap();
        until(|| standing(&system.handle(), "asker").restarts == 1);
        asker.send(3).unwrap();
        let (_, second) = next(&kept);
        let _ = first.send(1);
        let _ = second.send(2);
        assert_eq!(next(&told), Ok(2));
        drop(system.shutdown());
        assert_eq!(so_far(&told).len(), 0);
    });
}

/// Asks the other, or answers.
enum Talk {
    Begin,
    Asked(Reply<u32>),
}

#[test]
fn m5_two_actors_may_ask_each_other() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("talk");
        let (a, a_inbox) = exeunt::mailbox(64);
        let (b, b_inbox) = exeunt::mailbox(64);
        for (name, inbox, other) in [("a", a_inbox, b.clone()), ("b", b_inbox, a.clone())] {
            let tell = tell.clone();
            let actor = Play::new(move |talk: Talk, cx| {
                match talk {
                    Talk::Begin => {
                        let tell = tell.clone();
                        let then =
                            move |_: &mut _, answer: Result<u32, AskError<Talk>>, _: &mut _| {
                                Ok(tell.send(end(answer))?)
                            };
                        // In the end the other may have left.
                        let _ = cx.ask_then(&other, Talk::Asked, then);
                    }
                    Talk::Asked(reply) => drop(reply.send(1)),
                }
                Ok(())
            });
            system.actor(name).inbox(inbox).spawn(actor).unwrap();
        }
        for _ in 0..50 {
            a.send(Talk::Begin).unwrap();
            b.send(Talk::Begin).unwrap();
        }
        let answers: Vec<_> = (0..100).map(|_| next(&told)).collect();
        assert!(answers.iter().all(|answer| *answer == Ok(1)), "{answers:?}");
        // In the midst of a conversation they leave too.
        for _ in 0..20 {
            a.send(Talk::Begin).unwrap();
            b.send(Talk::Begin).unwrap();
        }
        let report = system.shutdown();
        assert_eq!(leaving(&report), ["b", "a"]);
        assert!(report.is_complete(), "{report}");
    });
}

#[test]
fn m5_thousands_may_be_out_at_once() {
    guarded(|| {
        const ASKS: u32 = 5_000;
        let (tell, told) = mpsc::channel();
        let (keep, kept) = mpsc::channel();
        let mut system = System::new("ask");
        let sphinx = system.spawn("sphinx", keeper_of_questions(&keep));
        let asker = system.spawn("asker", asker(sphinx, Some(HOUR), &tell));
        (0..ASKS).for_each(|n| asker.send(n).unwrap());
        let mut questions: Vec<_> = (0..ASKS).map(|_| next(&kept)).collect();
        // The last one first.
        while let Some((n, reply)) = questions.pop() {
            reply.send(n).unwrap();
            if n % 1_000 == 0 {
                assert!(next(&told).is_ok());
            }
        }
        let mut rest = 0;
        while rest < ASKS - ASKS / 1_000 {
            next(&told).unwrap();
            rest += 1;
        }
        assert!(system.shutdown().is_complete());
    });
}

#[test]
fn m5_an_actor_may_ask_itself_if_it_does_not_wait() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("self");
        let addr = system.spawn(
            "a",
            Play::new(move |talk: Talk, cx| {
                match talk {
                    Talk::Begin => {
                        let plain = cx.addr().ask(Talk::Asked);
                        assert!(matches!(plain, Err(AskError::Deadlock(..))), "{plain:?}");
                        let tell = tell.clone();
                        let me = cx.addr();
                        cx.ask_then(&me, Talk::Asked, move |_, answer, _| {
                            Ok(tell.send(end(answer))?)
                        })?;
                    }
                    Talk::Asked(reply) => drop(reply.send(8)),
                }
                Ok(())
            }),
        );
        addr.send(Talk::Begin).unwrap();
        assert_eq!(next(&told), Ok(8));
        let report = system.shutdown();
        assert!(report.is_complete() && !report.is_failure(), "{report}");
    });
}

#[test]
fn m5_an_answer_from_another_thread_counts_too() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let (keep, kept) = mpsc::channel();
        let mut system = System::new("ask");
        let sphinx = system.spawn("sphinx", keeper_of_questions(&keep));
        let asker = system.spawn("asker", asker(sphinx, None, &tell));
        for n in 0..100 {
            asker.send(n).unwrap();
            // It may be asleep, or on its way there.
            let (n, reply) = next(&kept);
            thread::spawn(move || reply.send(n).unwrap());
            assert_eq!(next(&told), Ok(n));
        }
        drop(system.shutdown());
    });
}
