//! Bad input: what cannot be spawned is an error that says so, in the long form, and a failure of
//! the system that says so in the short one. Nothing panics, nobody is left waiting.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use exeunt::{
    ActorBuilder, AutoShutdown, Capacity, Ended, Error, Overflow, Reason, Restart, SendError,
    SpawnError, Status, System, WaitError,
};

use crate::support::{HANG, OnDrop, Play, guarded, leaving, line, next, signals, trap};

type Builder<'a> = ActorBuilder<'a, u32>;

/// Too much for any address space of today.
#[cfg(target_pointer_width = "64")]
const ABSURD_BYTES: usize = 1 << 46;
/// Too much for one of four gigabytes, in which there is a program already.
#[cfg(not(target_pointer_width = "64"))]
const ABSURD_BYTES: usize = usize::MAX / 16 * 15;

#[test]
fn m1_what_waits_for_an_actor_that_is_described_wrongly_goes_to_its_hook() {
    let wrongly: [fn(Builder<'_>) -> Option<SpawnError>; 4] = [
        |actor| actor.urgent(0).spawn(Play::idle()).err(),
        |actor| actor.restart(Restart::always()).spawn(Play::idle()).err(),
        |actor| actor.significant().spawn(Play::idle()).err(),
        |actor| actor.spawn_keyed(|&n| n, Play::idle).err(),
    ];
    for wrongly in wrongly {
        guarded(move || {
            let (hook, returned) = mpsc::channel();
            let (addr, inbox) = exeunt::mailbox(4);
            (0..3).for_each(|n| addr.send(n).unwrap());
            let mut system = System::new("wrong");
            let actor = system.actor("a").inbox(inbox).returned(move |n| hook.send(n).unwrap());
            assert!(wrongly(actor).is_some());
            assert_eq!(returned.iter().collect::<Vec<u32>>(), [0, 1, 2]);
            assert_eq!(addr.send(3), Err(SendError::Closed(3, "a".into())));
        });
    }
}

#[test]
fn a_zero_capacity_is_an_error_that_says_so() {
    guarded(|| {
        let mut system = System::new("zero");
        let builder = system.actor("a").capacity(0);
        let error = builder.spawn(Play::<()>::idle()).unwrap_err();
        assert!(error.is_zero_capacity() && error.name() == "a");
        assert!(error.to_string().contains("`a` has a capacity of 0"), "{error}");
        assert_eq!(format!("{error:?}"), error.to_string(), "what `main` prints");

        let (addr, inbox) = exeunt::mailbox::<u32>(0);
        assert_eq!(addr.send(1), Err(SendError::Closed(1, "an actor that is not spawned".into())));
        let builder = system.actor("b").inbox(inbox);
        let error = builder.spawn(Play::idle()).unwrap_err();
        assert!(error.is_zero_capacity() && error.name() == "b");

        // The system is none the worse for it.
        assert!(system.snapshot().is_empty());
        let _addr = system.spawn("c", Play::<()>::idle());
        assert_eq!(leaving(&system.shutdown()), ["c"]);
        assert_eq!(Capacity::from(0), Capacity::Bounded(0));
    });
}

#[test]
fn a_name_with_a_nul_is_an_error_and_any_other_is_a_name() {
    guarded(|| {
        let mut system = System::new("a system may be called so: \0");
        let error = system.actor("a\0b").spawn(Play::<()>::idle()).unwrap_err();
        assert_eq!(error.name(), "a\0b");
        assert!(error.to_string().contains("NUL"), "{error}");
        assert!(!error.to_string().contains('\0'), "{error}");
        let error = system.task("\0").spawn(|_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("NUL"), "{error}");

        let (tell, told) = mpsc::channel();
        for name in ["", " ", "Ü", "a name that is longer than the 15 bytes of a thread's"] {
            let tell = tell.clone();
            system.spawn_task(name, move |cx| {
                let thread = thread::current().name().map(str::to_owned);
                Ok(tell.send(thread.as_deref() == Some(cx.name()))?)
            });
            assert!(next(&told));
        }
        assert!(!system.wait().is_failure());
    });
}

#[test]
fn the_short_forms_fail_the_system_and_the_report_says_why() {
    guarded(|| {
        let mut system = System::new("short");
        let other = system.spawn("other", Play::new(|_: u32, _| Ok(())));
        other.send(1).unwrap();
        let closed = system.spawn("a\0b", Play::<u32>::idle());
        assert_eq!(closed.send(1), Err(SendError::Closed(1, "a\0b".into())));
        let report = system.wait();
        match &report.reason {
            Reason::Failure { name, error } => {
                assert_eq!(name, "a\0b");
                assert!(error.contains("NUL"), "{error}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(report.status(), Status::Failure);
        assert_eq!(leaving(&report), ["other"]);
        assert_eq!(line(&report, "other").ended, Ended::Drained);
        assert_eq!(line(&report, "other").handled, 1);

        let mut system = System::new("short");
        system.spawn_task("\0", |_| Ok(()));
        assert!(system.wait().is_failure());
    });
}

#[test]
fn a_thread_that_the_operating_system_refuses_is_an_error() {
    guarded(|| {
        let refused = |error: SpawnError| {
            assert!(error.is_thread_refused(), "{error}");
            assert!(error.to_string().starts_with("no thread for `a`: "), "{error}");
            assert!(std::error::Error::source(&error).is_some());
        };
        let mut system = System::new("refused");
        let before = system.spawn("before", Play::new(|_: u32, _| Ok(())));
        let (tell, dropped) = mpsc::channel();
        let actor = Play::<u32>::idle().holding(OnDrop(move || tell.send(()).unwrap()));
        for bytes in [ABSURD_BYTES, usize::MAX, ABSURD_BYTES.max(usize::MAX / 2)] {
            let builder = system.actor("a").stack_size(bytes);
            refused(builder.spawn(Play::<u32>::idle()).unwrap_err());
        }
        refused(system.actor("a").stack_size(ABSURD_BYTES).spawn(actor).unwrap_err());
        next(&dropped);
        let task = system.task("a").stack_size(ABSURD_BYTES);
        refused(task.spawn(|_| Ok(())).unwrap_err());

        // Whoever has the address of such an actor is not left waiting.
        let (addr, inbox) = exeunt::mailbox(1);
        addr.send(1).unwrap();
        let waiting = thread::spawn({
            let addr = addr.clone();
            move || addr.send(2)
        });
        let builder = system.actor("a").inbox(inbox).stack_size(ABSURD_BYTES);
        refused(builder.spawn(Play::<u32>::idle()).unwrap_err());
        assert_eq!(waiting.join().unwrap(), Err(SendError::Closed(2, "a".into())));
        assert!(addr.is_closed());
        assert_eq!(addr.wait(), Err(WaitError::NotSpawned));

        // The system goes on, and the next one takes the place.
        let after = system.spawn("after", Play::new(|_: u32, _| Ok(())));
        before.send(1).unwrap();
        after.send(1).unwrap();
        let report = system.shutdown();
        assert_eq!(leaving(&report), ["after", "before"]);
        assert!(report.is_complete() && !report.is_failure());
    });
}

#[test]
fn a_significant_member_that_gets_no_thread_has_ended_no_group() {
    for mode in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
        guarded(move || {
            let mut system = System::new("refused");
            let group = system.group("group").auto_shutdown(mode).build().unwrap();
            let work = system.task("work").within(&group).significant().stack_size(ABSURD_BYTES);
            assert!(work.spawn(|_| Ok(())).unwrap_err().is_thread_refused());
            let other = system.actor("other").within(&group).spawn(Play::<u32>::idle()).unwrap();
            other.send(1).unwrap();
            assert_eq!(line(&system.shutdown(), "other").handled, 1);
        });
    }
}

#[test]
fn a_very_small_stack_is_large_enough() {
    guarded(|| {
        let mut system = System::new("small");
        let builder = system.actor("a").stack_size(0);
        let addr = builder.spawn(Play::new(|_: u32, _| Ok(())));
        // Refused or not, nothing is left half-done.
        if let Ok(addr) = addr {
            addr.send(1).unwrap();
            assert_eq!(line(&system.shutdown(), "a").handled, 1);
        }
    });
}

#[test]
fn a_refused_actor_may_look_at_its_system_when_it_is_dropped() {
    guarded(|| {
        let mut system = System::new("refused");
        let handle = system.handle();
        let (tell, dropped) = mpsc::channel();
        let actor = Play::<u32>::idle().holding(OnDrop(move || {
            tell.send(handle.snapshot().len()).unwrap();
        }));
        let builder = system.actor("a").stack_size(ABSURD_BYTES);
        assert!(builder.spawn(actor).unwrap_err().is_thread_refused());
        assert_eq!(next(&dropped), 0);
    });
}

#[test]
fn to_come_after_nobody_is_an_error() {
    guarded(|| {
        let mut system = System::new("after");
        let error = system.task("t").after("nobody").spawn(|_| Ok(())).unwrap_err();
        assert!(error.is_unknown_name() && !error.is_cycle());
        let text = error.to_string();
        assert!(text.contains("`t`") && text.contains("`nobody`"), "{text}");
        // Itself is nobody yet.
        let error = system.task("t").after("t").spawn(|_| Ok(())).unwrap_err();
        assert!(error.is_unknown_name());
        assert!(system.shutdown().actors.is_empty());
    });
}

#[test]
fn to_feed_an_actor_of_another_system_is_an_error() {
    guarded(|| {
        let mut other = System::new("other");
        let foreign = other.spawn("foreign", Play::<u32>::idle());
        let mut system = System::new("system");
        let builder = system.actor("a").feeds(&foreign);
        let error = builder.spawn(Play::<u32>::idle()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("`a`") && text.contains("`foreign`"), "{text}");
        assert!(text.contains("another system"), "{text}");
        let error = system.task("t").feeds(&foreign).spawn(|_| Ok(()));
        assert!(error.is_err());
        // To send there is another matter.
        system.spawn_task("t", move |_| Ok(foreign.send(1)?));
        assert!(!system.wait().is_failure());
        assert_eq!(line(&other.wait(), "foreign").handled, 1);
    });
}

#[test]
fn an_empty_system_ends_at_once() {
    guarded(|| {
        let report = System::new("empty").wait();
        assert_eq!(report.reason, Reason::Completed);
        assert!(report.actors.is_empty() && report.is_complete());
        assert_eq!(report.status(), Status::Success);
        let exit = {
            let _signals = signals();
            System::new("empty").run()
        };
        assert_eq!(exit.status(), Status::Success);
        let report = System::new("empty").shutdown();
        assert_eq!(report.reason, Reason::Shutdown);
        drop(System::new("empty"));
    });
}

#[test]
fn whoever_comes_when_the_drain_has_begun_is_not_started() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("late");
        system.observe(move |notice| {
            if let exeunt::Notice::NotStarted { name } = notice {
                let _ = tell.send(name.clone());
            }
        });
        let (trap, keeper) = trap();
        let _addr = system.spawn(
            "a",
            Play::<u32>::idle().stopped(move |_| {
                trap.walk_in();
                Ok(())
            }),
        );
        system.handle().shutdown();
        keeper.catches();
        let late = system.spawn("late", Play::<u32>::idle());
        assert_eq!(late.send(1), Err(SendError::Closed(1, "late".into())));
        let late = system.actor("later").spawn_with(|| -> Play<u32> { unreachable!() });
        assert!(late.unwrap().is_closed());
        system.spawn_task("latest", |_| Err(Error::msg("it runs")));
        keeper.opens();
        let report = system.wait();
        assert!(report.is_complete());
        assert_eq!(leaving(&report), ["a"]);
        assert!(!report.is_failure());
        assert_eq!(told.try_iter().collect::<Vec<_>>(), ["late", "later", "latest"]);
    });
}

#[test]
fn times_beyond_the_clock_are_no_limits() {
    guarded(|| {
        let forever = std::time::Duration::MAX;
        let mut system = System::new("for ever");
        system.set_drain_budget(forever).set_stall_limit(forever).set_grace(forever);
        let builder = system.actor("a").drain_deadline(forever).stall_limit(forever);
        let addr = builder.spawn(Play::new(|_: u32, _| Ok(()))).unwrap();
        addr.send_timeout(1, forever).unwrap();
        let handle = system.handle();
        handle.shutdown();
        let report = handle.wait_timeout(forever).unwrap();
        assert_eq!(line(&report, "a").handled, 1);
        assert!(report.took < HANG);
    });
}

#[test]
fn a_capacity_beyond_all_memory_is_an_error_that_says_so() {
    guarded(|| {
        let mut system = System::new("vast");
        let error = system.actor("vast").capacity(usize::MAX).spawn(Play::<u64>::idle());
        let error = error.unwrap_err();
        assert!(!error.is_zero_capacity());
        let text = error.to_string();
        assert!(text.contains("`vast`") && text.contains(&usize::MAX.to_string()), "{text}");

        let (addr, inbox) = exeunt::mailbox::<u64>(usize::MAX);
        assert!(addr.is_closed());
        assert!(system.actor("later").inbox(inbox).spawn(Play::idle()).is_err());
    });
}

#[test]
fn what_could_never_have_an_effect_is_an_error_that_says_so() {
    guarded(|| {
        let mut system = System::new("pointless");
        let endless = system.group("endless").build().unwrap();
        let work =
            system.group("work").auto_shutdown(AutoShutdown::AnySignificant).build().unwrap();
        let refused = |error: SpawnError, why: &str| {
            assert!(error.is_pointless() && error.name() == "a", "{error}");
            assert!(error.to_string().contains(why), "{error}");
        };
        let idle = Play::<()>::idle;

        refused(system.actor("a").significant().spawn(idle()).unwrap_err(), "in no group");
        let in_endless = system.task("a").within(&endless).significant();
        refused(in_endless.spawn(|_| Ok(())).unwrap_err(), "its group `endless` has no");
        let always = system.actor("a").within(&work).restart(Restart::always()).significant();
        refused(always.spawn_with(idle).unwrap_err(), "always restarted");
        for restart in [Restart::on_failure(), Restart::always()] {
            let restart = restart.intensity(1, Duration::ZERO);
            refused(system.actor("a").restart(restart).spawn_with(idle).unwrap_err(), "no time");
            let grouped = system.task("a").within(&work).restart(restart);
            refused(grouped.spawn_with(|_| Ok(())).unwrap_err(), "no time");
        }
        let pool = system.pool("a", 2).significant().spawn_with(idle).unwrap_err();
        assert!(pool.is_pointless() && pool.name() == "a/1", "{pool}");

        let twice: [fn(Builder<'_>) -> Builder<'_>; 2] =
            [|a| a.overflow(Overflow::Refuse), |a| a.returned(drop)];
        for choose in twice {
            let (_, inbox) = exeunt::mailbox(8);
            let inbox = inbox.overflow(Overflow::Wait).returned(drop);
            let error = choose(system.actor("a").inbox(inbox)).spawn(Play::idle()).unwrap_err();
            refused(error, "its inbox has one already");
        }
        for comes_after in [false, true] {
            let (addr, inbox) = exeunt::mailbox(8);
            let (unhandled, returned) = mpsc::channel();
            addr.send(()).unwrap();
            let a = system.actor("a").returned(move |()| unhandled.send(()).unwrap());
            let a =
                if comes_after { a.inbox(inbox).unbounded() } else { a.capacity(8).inbox(inbox) };
            refused(a.spawn(idle()).unwrap_err(), "its inbox has one already");
            assert!(addr.is_closed() && returned.iter().count() == 1);
        }

        // What has an effect is none: no restart at all, within whatever time.
        let once = Restart::on_failure().intensity(0, Duration::ZERO);
        drop(system.actor("b").restart(once).spawn_with(idle).unwrap());
        drop(system.actor("c").within(&work).significant().spawn(idle()).unwrap());
        assert!(!system.wait().is_failure());
    });
}

#[test]
fn a_group_that_cannot_be_is_an_error_that_names_it() {
    guarded(|| {
        let (mut system, mut other) = (System::new("one"), System::new("other"));
        let boundless = system.group("boundless").intensity(3, Duration::ZERO).build().unwrap_err();
        assert!(boundless.is_pointless() && boundless.name() == "boundless", "{boundless}");
        assert!(boundless.to_string().contains("no time at all"), "{boundless}");

        let theirs = other.group("theirs").build().unwrap();
        let foreign = system.group("ours").within(&theirs).build().unwrap_err();
        assert!(foreign.is_foreign() && !foreign.is_pointless(), "{foreign}");
        assert_eq!(
            foreign.to_string(),
            "`ours` cannot be in `theirs`, a group of another system or parent"
        );
        // As for whoever was to be in it.
        let stray = system.task("stray").within(&theirs).spawn(|_| Ok(())).unwrap_err();
        assert!(stray.is_foreign() && stray.name() == "stray", "{stray}");
        assert!(!system.wait().is_failure() && !other.wait().is_failure());
    });
}
