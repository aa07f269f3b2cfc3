//! Patience with slow machines, for tests whose subject is time.

/// Runs a test in which something has to happen before a time is over that is to pass as well, on a
/// machine where a thread may stand still for as long.
///
/// `attempt` is told by what to multiply all times in it: by 1 at first. Its error says what came too late;
/// then it is done again with four, and with sixteen times as much time. All else that is wrong is to
/// panic, and is not tried again: it has to be right each time.
///
/// # Panics
///
/// If something came too late with sixteen times as much time, too.
///
/// # Examples
///
/// ```
/// use std::thread;
/// use std::time::Duration;
///
/// use exeunt::{Ended, System};
/// use exeunt_testkit::in_time;
///
/// in_time(|slower| {
///     let limit = Duration::from_millis(10) * slower;
///     let mut system = System::new("stuck");
///     system.set_stall_limit(limit).set_grace(Duration::ZERO);
///     system.spawn_task("forever", |_cx| loop { thread::park() });
///     let report = system.shutdown();
///     assert_eq!(report.actor("forever").unwrap().ended, Ended::Abandoned);
///     assert!(report.took >= limit);
///     if report.took < 5 * limit { Ok(()) } else { Err(format!("given up after {:?}", report.took)) }
/// });
/// ```
#[track_caller]
pub fn in_time(mut attempt: impl FnMut(u32) -> Result<(), String>) {
    let mut late = String::new();
    for slower in [1, 4, 16] {
        match attempt(slower) {
            Ok(()) => return,
            Err(what) => late = what,
        }
    }
    panic!("too late, however much time there was: {late}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_late_is_given_four_and_sixteen_times_as_much_time_and_no_more_than_it_needs() {
        for enough in [1, 4, 16] {
            let mut tried = Vec::new();
            in_time(|slower| {
                tried.push(slower);
                if slower == enough { Ok(()) } else { Err("late".to_owned()) }
            });
            assert!([1, 4, 16].starts_with(&tried) && tried.last() == Some(&enough));
        }
    }

    #[test]
    #[should_panic(expected = "too late, however much time there was: by 16 s")]
    fn what_is_late_however_much_time_there_is_fails_with_what_was_late_last() {
        in_time(|slower| Err(format!("by {slower} s")));
    }

    #[test]
    #[should_panic(expected = "wrong")]
    fn what_is_wrong_is_not_tried_again() {
        let mut is_first = true;
        in_time(|_| match std::mem::take(&mut is_first) {
            true => panic!("wrong"),
            false => Ok(()),
        });
    }
}
