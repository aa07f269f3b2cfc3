//! Clauses S2 and S5 within this process, whose signals the tests take in turns. `tests/signals.rs` has processes.

use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use signal_hook::{consts as number, low_level};

use super::owner::OWNER;
use super::*;
use crate::report::Reason;
use crate::system::System;

/// The tests of one process share its signals.
static STAGE_DOOR: Mutex<()> = Mutex::new(());

/// Whether it has its default effect.
fn is_default(signal: i32) -> bool {
    lock(&OWNER).flags[&signal].load(Ordering::SeqCst)
}

#[test]
fn s5_no_signal_is_left_without_effect_between_two_owners() {
    let _alone = lock(&STAGE_DOOR);
    let (first, second) = (System::new("first"), System::new("second"));
    let both = Signals::new([number::SIGUSR1, number::SIGUSR2]);
    let guard = both.install(&first.handle()).unwrap();
    assert!(!is_default(number::SIGUSR1) && !is_default(number::SIGUSR2));
    // The first system drains, and goes within the window in which a repeat is an echo.
    low_level::raise(number::SIGUSR1).unwrap();
    drop(first.handle().wait().unwrap());
    drop(guard);
    let guard = Signals::new([number::SIGUSR2]).install(&second.handle()).unwrap();
    assert!(is_default(number::SIGUSR1) && !is_default(number::SIGUSR2));
    drop(guard);
    assert!(is_default(number::SIGUSR2));
}

/// Under start-up a drain may be over before the system is run, and a wrapper still forwards.
#[test]
fn s2_a_system_that_has_ended_before_it_is_run_does_not_take_an_echo_for_the_first_signal() {
    let _alone = lock(&STAGE_DOOR);
    let system = System::new("quick");
    let handle = system.handle();
    let guard = Signals::new([number::SIGUSR1]).install(&handle).unwrap();
    low_level::raise(number::SIGUSR1).unwrap();
    drop(handle.wait().unwrap());
    let again = Signals::new([number::SIGUSR1]).install(&handle).map(drop);
    assert!(again.unwrap_err().is_owned_by(&handle));
    let report = system.wait();
    assert_eq!(report.signal, Some(Signal(number::SIGUSR1)));
    drop(guard);
}

#[test]
fn s5_a_system_that_has_its_signals_before_it_is_run_keeps_them() {
    let _alone = lock(&STAGE_DOOR);
    let system = System::new("early");
    let guard = Signals::default().install(&system.handle()).unwrap();
    assert_eq!(system.run().report().reason, Reason::Completed);
    drop(guard);
}

#[test]
fn s5_a_system_that_is_run_while_another_has_its_signals_fails_of_it() {
    let _alone = lock(&STAGE_DOOR);
    let (first, second) = (System::new("first"), System::new("second"));
    let guard = Signals::default().install(&first.handle()).unwrap();
    let exit = second.run();
    let reason = &exit.report().reason;
    assert!(
        matches!(reason, Reason::Failure { name, error } if name == "signals" && error.contains("`first`")),
        "{reason:?}"
    );
    drop(guard);
}

#[test]
fn s5_the_signal_that_prints_the_snapshot_is_given_back_with_the_others() {
    let _alone = lock(&STAGE_DOOR);
    let system = System::new("frank");
    let frank = Signals::new([number::SIGUSR1]).snapshot_on(number::SIGUSR2);
    let guard = frank.install(&system.handle()).unwrap();
    assert!(!is_default(number::SIGUSR1) && !is_default(number::SIGUSR2));
    for _ in 0..3 {
        low_level::raise(number::SIGUSR2).unwrap(); // harmless
    }
    drop(guard);
    assert!(is_default(number::SIGUSR1) && is_default(number::SIGUSR2));
    for unfit in [number::SIGKILL, number::SIGUSR1] {
        let signals = Signals::new([number::SIGUSR1]).snapshot_on(unfit);
        let error = signals.install(&system.handle()).unwrap_err();
        assert!(error.to_string().contains("cannot print the snapshot"), "{error}");
    }
}

#[test]
fn s2_a_guard_does_not_wait_for_the_end_of_the_window_in_which_a_repeat_is_an_echo() {
    let _alone = lock(&STAGE_DOOR);
    let is_still_open = |_| {
        let system = System::new("brief");
        let guard = Signals::new([number::SIGUSR1]).install(&system.handle()).unwrap();
        low_level::raise(number::SIGUSR1).unwrap();
        drop(system.handle().wait().unwrap());
        drop(guard);
        !is_default(number::SIGUSR1)
    };
    // On a busy machine it may be over all the same, though not each time.
    assert!((0..20).any(is_still_open));
}

/// Whoever has a guard of a system that has ended may keep it as long as it likes.
#[test]
fn s5_a_guard_that_outlives_its_system_takes_nothing_from_the_next_owner() {
    let _alone = lock(&STAGE_DOOR);
    let both = || Signals::new([number::SIGUSR1]).snapshot_on(number::SIGUSR2);
    let (first, second) = (System::new("first"), System::new("second"));
    let late = both().install(&first.handle()).unwrap();
    drop(first.wait());
    let guard = both().install(&second.handle()).unwrap();
    drop(late);
    assert!(lock(&OWNER).handle == Some(second.handle()));
    assert!(!is_default(number::SIGUSR1) && !is_default(number::SIGUSR2));
    drop(guard);
    assert!(is_default(number::SIGUSR1) && is_default(number::SIGUSR2));
}

#[test]
fn s5_a_signal_that_the_next_owner_has_heard_is_not_raised_again_by_a_guard_that_goes_late() {
    let _alone = lock(&STAGE_DOOR);
    let only = || Signals::new([number::SIGUSR1]);
    let (first, second) = (System::new("first"), System::new("second"));
    let late = only().install(&first.handle()).unwrap();
    drop(first.wait());
    let guard = only().install(&second.handle()).unwrap();
    let (mut witness, _) = lock(&OWNER).listen_for_both(&[number::SIGUSR1], None).unwrap();
    low_level::raise(number::SIGUSR1).unwrap();
    assert_eq!(witness.pending().count(), 1);
    drop(late); // when its thread has heard it too
    assert_eq!(witness.pending().count(), 0);
    drop(second.handle().wait().unwrap());
    drop(guard);
}

#[cfg(target_os = "linux")]
#[test]
fn s5_no_thread_is_left_of_a_guard_that_has_gone() {
    let _alone = lock(&STAGE_DOOR);
    let is_there = |thread: &str| {
        let mut threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        threads.any(|task| {
            std::fs::read_to_string(task.path().join("comm"))
                .is_ok_and(|name| name.trim() == thread)
        })
    };
    let system = System::new("tidy");
    let signals = Signals::new([number::SIGUSR1]).snapshot_on(number::SIGUSR2);
    drop(signals.install(&system.handle()).unwrap());
    let began = Instant::now();
    while is_there("signals") || is_there("snapshots") {
        assert!(began.elapsed() < Duration::from_secs(10), "one is still there");
        std::thread::yield_now();
    }
}

#[test]
fn s1_a_signal_that_was_chosen_twice_is_taken_once() {
    let system = System::new("twice");
    let signals = Signals::new([number::SIGUSR1, number::SIGUSR2, number::SIGUSR1]);
    let taken = signals.to_take(&system.handle(), 0).unwrap();
    assert_eq!(taken, [number::SIGUSR1, number::SIGUSR2]);
}

#[test]
fn s5_signals_that_could_not_all_be_taken_keep_their_default_effect() {
    let _alone = lock(&STAGE_DOOR);
    let system = System::new("unlucky");
    // Those that no other test takes: as yet they have never been anybody's.
    for refused in [-1, 0, 65, 127, 1234] {
        let error = Signals::new([number::SIGVTALRM, refused]).install(&system.handle());
        assert!(error.unwrap_err().to_string().contains("cannot be handled"));
        assert!(is_default(number::SIGVTALRM));
    }
    let signals = Signals::new([number::SIGPROF]).snapshot_on(1234);
    assert!(signals.install(&system.handle()).is_err());
    assert!(is_default(number::SIGPROF));
}

#[test]
fn s5_one_owner_at_a_time_and_a_clear_error_for_the_second() {
    let _alone = lock(&STAGE_DOOR);
    let (first, second) = (System::new("first"), System::new("second"));
    let guard = Signals::default().install(&first.handle()).unwrap();
    let error = Signals::default().install(&second.handle()).unwrap_err();
    assert!(error.is_owned() && error.is_owned_by(&first.handle()));
    assert!(error.to_string().contains("`first`"), "{error}");
    drop(guard);
    drop(Signals::default().install(&second.handle()).unwrap());

    for unfit in [number::SIGKILL, number::SIGCHLD] {
        let error = Signals::new([unfit]).install(&first.handle()).unwrap_err();
        assert!(error.to_string().contains("cannot begin a drain"), "{error}");
    }
    let error = Signals::new([1234]).install(&first.handle()).unwrap_err();
    assert!(error.to_string().contains("signal 1234"), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn s5_no_signals_at_all_are_an_error_unless_one_prints_the_snapshot() {
    let _alone = lock(&STAGE_DOOR);
    let system = System::new("deaf");
    let none = || Signals::new([0; 0]);
    let error = none().install(&system.handle()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("no signal was chosen for the system `deaf`"), "{text}");
    assert!(lock(&OWNER).handle != Some(system.handle()) && !error.is_owned());
    drop(none().snapshot_on(number::SIGUSR2).install(&system.handle()).unwrap());
}
