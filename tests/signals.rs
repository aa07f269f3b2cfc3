//! What signals do to a program (clauses S1 to S6 of the drain contract), and what only a whole
//! process can show of D3, M1, F5 and D4: processes of this workspace ([`victim`]) that are signalled
//! from outside, at known moments, and held to what they said.
//!
//! A victim says facts on a socket that its parent holds, and every test waits for facts: that the
//! signals are there, that the drain has begun, that a handler is stuck. A sleep stands only where
//! the 100 ms of the echo window are the subject. The ledger that the victim's own code keeps is
//! held against the report of the library wherever there is one.
//!
//! [`victim`]: victim/main.rs

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::child::{INCOMPLETE, PATIENCE, VICTIM, Victim, has_program, skipped};

/// Well past the time in which a repeat is taken for an echo of the first signal, also if the
/// victim's forwarding thread had to wait for its turn on the CPU.
const PAST_THE_ECHO: Duration = Duration::from_millis(500);

/// A victim in the middle of its work.
fn at_work(words: &[&str]) -> Victim {
    let mut victim = Victim::play(words);
    victim.hear_ready();
    victim.hear("progress");
    victim
}

/// A victim of which all threads are stuck, and will be for an hour.
fn stuck(more: &[&str]) -> Victim {
    let hour = ["stuck", "budget_ms=3600000", "stall_ms=3600000"];
    let mut victim = Victim::play(&[&hour, more].concat());
    for _ in 0..4 {
        victim.hear("stuck");
    }
    victim.hear_ready();
    victim
}

/// A shell that runs this, with the victim's path as `$0`.
fn shell(program: &str, script: &str) -> Command {
    let mut command = Command::new(program);
    command.args(["-c", script, VICTIM]);
    command
}

// The snapshot

#[test]
fn s6_a_signal_of_choice_prints_how_all_stand_though_everything_is_stuck() {
    // One of its actors keeps the lock of standard error to itself.
    let mut victim = stuck(&[&format!("snapshot={}", Signal::USR1.as_raw())]);
    victim.signal(Signal::USR1);
    let stderr = victim.reads_on_stderr("stuck: 4 actors and tasks", 1);
    for line in [
        "  a                    working            2/256",
        "in its handler, on a message (",
        "in its loop",
    ] {
        assert!(stderr.contains(line), "no `{line}` in\n{stderr}");
    }
    // And again, in a drain that does not end.
    victim.signal(Signal::TERM);
    victim.hear("draining");
    thread::sleep(PAST_THE_ECHO);
    victim.signal(Signal::USR1);
    let stderr = victim.reads_on_stderr("stuck: 4 actors and tasks", 2);
    assert!(stderr.contains("draining"), "{stderr}");
    victim.signal(Signal::TERM);
    victim.end().is_death_by(Signal::TERM).is_without_last_words();
}

#[test]
fn s5_a_signal_that_nobody_chose_to_print_the_snapshot_has_its_default_effect() {
    let victim = stuck(&["early"]);
    victim.signal(Signal::USR1);
    victim.end().is_death_by(Signal::USR1).is_without_last_words();
}

// S1

#[test]
fn s1_the_first_sigint_begins_the_ordered_drain() {
    // A second of work is in the mailboxes, more than any source is kept from adding to.
    let victim = at_work(&["chain", "pace_us=5000"]);
    victim.signal(Signal::INT);
    let end = victim.end();
    end.is_death_by(Signal::INT).is_complete_after("SIGINT").balances();
    assert_eq!(end.order(), ["source", "a", "b", "sink"]);
    let sink = end.actor("sink");
    assert_eq!(sink["ended"], "drained");
    assert!(sink["handled_while_draining"].as_u64() > Some(0), "{end}");
    // All that the source sent came out at the other end.
    for name in ["b", "sink"] {
        assert_eq!(end.page(name).of("handled"), end.page("a").of("accepted"));
    }
}

#[test]
fn s1_the_first_sigterm_begins_the_ordered_drain() {
    let victim = at_work(&["fan"]);
    victim.signal(Signal::TERM);
    let end = victim.end();
    end.is_death_by(Signal::TERM).is_complete_after("SIGTERM").balances();
}

#[test]
fn s1_the_set_is_the_users_choice() {
    let mut victim = Victim::play(&["idle", "set=1,10"]);
    victim.hear_ready();
    victim.signal(Signal::HUP);
    let end = victim.end();
    end.is_death_by(Signal::HUP).is_complete_after("SIGHUP");

    let mut victim = Victim::play(&["idle", "set=1,10"]);
    victim.hear_ready();
    victim.signal(Signal::USR1);
    let end = victim.end();
    end.is_death_by(Signal::USR1).is_complete_after("signal 10");

    // What was not chosen has its default effect.
    let mut victim = Victim::play(&["idle", "set=1"]);
    victim.hear_ready();
    victim.signal(Signal::TERM);
    victim.end().is_death_by(Signal::TERM).is_without_last_words();
}

#[test]
fn s1_a_signal_after_the_drain_began_otherwise_is_the_first() {
    let mut victim = Victim::play(&["chain", "early", "hold", "shutdown_at=100"]);
    victim.hear_ready();
    victim.hear("held");
    victim.signal(Signal::INT);
    // The second would end it; this one is only noted.
    thread::sleep(PAST_THE_ECHO);
    victim.say_a_word();
    let end = victim.end();
    end.is_death_by(Signal::INT).balances();
    let report = end.report();
    assert_eq!(report["reason"], "shutdown", "{end}");
    assert_eq!(report["signal"], "SIGINT", "{end}");
}

// S2

#[test]
fn s2_a_second_signal_ends_it_at_once_with_every_actor_stuck() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut victim = stuck(&["listener"]);
        victim.signal(signal);
        victim.hear("draining");
        thread::sleep(PAST_THE_ECHO);
        victim.signal(signal);
        victim.end().is_death_by(signal).is_without_last_words();
    }
}

#[test]
fn s2_a_second_signal_ends_a_drain_that_goes_well() {
    let mut victim = at_work(&["chain", "hold", "stall_ms=3600000", "budget_ms=3600000"]);
    victim.signal(Signal::INT);
    victim.hear("held");
    thread::sleep(PAST_THE_ECHO);
    victim.signal(Signal::INT);
    victim.end().is_death_by(Signal::INT).is_without_last_words();
}

#[test]
fn s2_another_signal_of_the_set_counts_as_the_second() {
    for (first, second) in [(Signal::INT, Signal::TERM), (Signal::TERM, Signal::INT)] {
        let mut victim = stuck(&[]);
        victim.signal(first);
        victim.hear("draining");
        thread::sleep(PAST_THE_ECHO);
        victim.signal(second);
        victim.end().is_death_by(second).is_without_last_words();
    }
}

/// Plays a scene in which signals come within the time in which they are echoes. A machine may hold up who sends or who gets
/// them until that is over; then they have to end the victim at once, and it is played again.
#[track_caller]
fn until_the_echo_is_one(scene: impl Fn() -> Echo) {
    assert!((0..10).any(|_| matches!(scene(), Echo::Ignored)), "an echo ends it each time");
}

enum Echo {
    Ignored,
    Late,
}

/// The end of a victim that has taken an echo for the second signal.
fn ended_by(echo: Signal, victim: Victim) -> Echo {
    victim.end().is_death_by(echo).is_without_last_words();
    Echo::Late
}

#[test]
fn s2_an_echo_within_100_ms_does_not_count() {
    for echo in [Signal::INT, Signal::TERM] {
        until_the_echo_is_one(|| {
            let mut victim = at_work(&["chain", "hold"]);
            victim.signal(Signal::INT);
            // Time is the subject: later than the signal handler, and well within the window.
            thread::sleep(Duration::from_millis(20));
            victim.signal(echo);
            if victim.hear_unless_it_ends("held").is_none() {
                return ended_by(echo, victim);
            }
            thread::sleep(PAST_THE_ECHO);
            victim.say_a_word();
            let end = victim.end();
            end.is_death_by(Signal::INT).is_complete_after("SIGINT").balances();
            Echo::Ignored
        });
    }
}

#[test]
fn s2_a_burst_of_echoes_does_not_count() {
    until_the_echo_is_one(|| {
        let mut victim = at_work(&["chain", "hold"]);
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(30) {
            for signal in [Signal::INT, Signal::TERM] {
                victim.signal_if_it_lives(signal);
            }
        }
        if victim.hear_unless_it_ends("held").is_none() {
            let end = victim.end();
            end.is_without_last_words();
            assert!(end.status.code().is_none(), "{end}");
            return Echo::Late;
        }
        thread::sleep(PAST_THE_ECHO);
        victim.say_a_word();
        let end = victim.end();
        end.balances();
        assert_eq!(end.report()["complete"], true, "{end}");
        assert!(end.status.code().is_none(), "{end}");
        Echo::Ignored
    });
}

#[test]
fn s2_after_an_echo_the_next_signal_still_ends_it() {
    until_the_echo_is_one(|| {
        let mut victim = stuck(&[]);
        victim.signal(Signal::INT);
        thread::sleep(Duration::from_millis(20));
        victim.signal(Signal::INT);
        let drains = victim.hear_unless_it_ends("draining").is_some();
        thread::sleep(PAST_THE_ECHO);
        if !drains || !victim.signal_if_it_lives(Signal::INT) {
            return ended_by(Signal::INT, victim);
        }
        victim.end().is_death_by(Signal::INT).is_without_last_words();
        Echo::Ignored
    });
}

#[test]
fn s2_a_wrapper_that_forwards_what_the_group_was_sent_does_not_end_it() {
    for signal in [Signal::INT, Signal::TERM] {
        until_the_echo_is_one(|| {
            let words = ["wrapper", "takes_ms=20", "--", VICTIM, "chain", "hold"];
            let mut victim = Victim::play(&words);
            victim.hear_ready();
            victim.hear("progress");
            assert_ne!(victim.pid(), victim.leader());
            victim.signal_group(signal); // to the victim, and once more by way of the wrapper
            if victim.hear_unless_it_ends("held").is_none() {
                return ended_by(signal, victim);
            }
            thread::sleep(PAST_THE_ECHO);
            victim.say_a_word();
            let end = victim.end();
            end.is_death_by(signal).balances();
            assert_eq!(end.report()["complete"], true, "{end}");
            Echo::Ignored
        });
    }
}

// S3

#[test]
fn s3_without_a_signal_0_on_success() {
    let end = Victim::play(&["chain", "limit=1000", "pace_us=0"]).end();
    end.is_exit(0).balances();
    assert_eq!(end.report()["reason"], "completed");
    assert_eq!(end.page("sink").of("handled"), 1000);

    let end = Victim::play(&["chain", "shutdown_at=1000", "pace_us=0"]).end();
    end.is_exit(0).balances();
    assert_eq!(end.report()["reason"], "shutdown");
}

#[test]
fn s3_without_a_signal_1_on_a_failure() {
    let end = Victim::play(&["chain", "fail_at=500"]).end();
    end.is_exit(1).balances();
    assert_eq!(end.report()["failure"]["name"], "sink", "{end}");

    // Incompleteness is the consequence, the failure the cause.
    let end = Victim::play(&["rest"]).end();
    end.is_exit(1).balances();
    assert_eq!(end.page("a").of("returned"), 6, "{end}");
}

#[test]
fn s3_1_after_a_complete_drain_in_which_somebody_failed() {
    let victim = at_work(&["chain", "fail_at_the_end"]);
    victim.signal(Signal::INT);
    let end = victim.end();
    end.is_exit(1).is_complete_after("SIGINT").balances();
    let error = end.actor("sink")["error"].to_string();
    assert!(error.contains("in `stopped`"), "{end}");
}

#[test]
fn s3_75_after_a_drain_that_a_failure_made_incomplete() {
    let victim = at_work(&["chain", "fail_in_drain"]);
    victim.signal(Signal::INT);
    let end = victim.end();
    end.is_exit(INCOMPLETE).balances();
    let sink = end.actor("sink");
    assert_eq!(sink["ended"], "failed", "{end}");
    assert!(sink["returned"].as_u64() > Some(0), "{end}");
}

#[test]
fn s3_75_after_an_incomplete_drain() {
    let mut victim = Victim::play(&["stuck", "stall_ms=50", "grace_ms=50", "output_is_free"]);
    for _ in 0..4 {
        victim.hear("stuck");
    }
    victim.hear_ready();
    victim.signal(Signal::TERM);
    let end = victim.end();
    end.is_exit(INCOMPLETE).balances();
    assert_eq!(end.report()["complete"], false);
    assert!(end.stderr.contains("INCOMPLETE"), "{end}");
}

#[test]
fn s3_75_also_when_a_thread_that_was_given_up_holds_standard_output() {
    let mut victim = Victim::play(&["stuck", "stall_ms=50", "grace_ms=50"]);
    for _ in 0..4 {
        victim.hear("stuck");
    }
    victim.hear_ready();
    victim.signal(Signal::TERM);
    let end = victim.end();
    end.is_exit(INCOMPLETE);
    assert_eq!(end.report()["complete"], false);
}

#[test]
fn s3_standard_output_is_flushed_before_a_death_by_signal() {
    let mut victim = Victim::play(&["idle", "prints"]);
    victim.hear_ready();
    victim.signal(Signal::INT);
    let end = victim.end();
    end.is_death_by(Signal::INT);
    assert_eq!(end.stdout, "a line without an end");
    assert!(end.stderr.contains("idle: complete (SIGINT)"), "{end}");
}

#[test]
fn s3_a_program_may_choose_otherwise() {
    let mut victim = Victim::play(&["idle", "sigterm_is_success"]);
    victim.hear_ready();
    victim.signal(Signal::TERM);
    victim.end().is_exit(0).is_complete_after("SIGTERM");

    let mut victim = Victim::play(&["idle", "sigterm_is_success"]);
    victim.hear_ready();
    victim.signal(Signal::INT);
    victim.end().is_death_by(Signal::INT);
}

#[test]
fn s3_a_shell_loop_stops() {
    if !has_program("bash") {
        return skipped("s3_a_shell_loop_stops: no bash");
    }
    let script = r#"while :; do "$0" idle; done"#;
    let mut victim = Victim::start(shell("bash", script));
    victim.hear_ready();
    victim.signal_group(Signal::INT);
    let end = victim.end();
    end.is_death_by(Signal::INT); // the shell, too
    assert_eq!(end.said("ready"), 1, "{end}");
}

/// What the clause is there for: a program that swallows the signal keeps its loop going.
#[test]
fn s3_a_shell_loop_goes_on_if_the_program_says_that_all_is_well() {
    if !has_program("bash") {
        return skipped("s3_a_shell_loop_goes_on_..: no bash");
    }
    let script = r#"while :; do "$0" idle signal_is_success; done"#;
    let mut victim = Victim::start(shell("bash", script));
    victim.hear_ready();
    victim.signal_group(Signal::INT);
    victim.hear("over");
    victim.hear_ready(); // the next one
}

/// A command that runs a victim as process 1 of a new PID namespace, if the machine allows it.
fn as_process_1(test: &str, words: &[&str]) -> Option<Victim> {
    let options = ["--pid", "--fork", "--kill-child", "--mount-proc"];
    let may = |more: &[&str]| {
        Command::new("unshare")
            .args(more)
            .args(options)
            .arg("true")
            .output()
            .is_ok_and(|output| output.status.success())
    };
    let more = [&[][..], &["--user", "--map-root-user"]].into_iter().find(|more| may(more));
    let Some(more) = more else {
        skipped(&format!("{test}: no PID namespace"));
        return None;
    };
    let mut command = Command::new("unshare");
    command.args(more).args(options).arg(VICTIM).args(words);
    let mut victim = Victim::start(command);
    // Once it speaks, the only child of `unshare` is the victim.
    assert_eq!(victim.hear("ready"), "1");
    let leader = victim.leader();
    let children = fs::read_to_string(format!("/proc/{leader}/task/{leader}/children"))
        .expect("the children of `unshare`");
    victim.aim_at(children.trim().parse().expect("one child"));
    Some(victim)
}

#[test]
fn s3_as_process_1_it_exits_with_128_and_the_signal() {
    for (signal, name) in [(Signal::INT, "SIGINT"), (Signal::TERM, "SIGTERM")] {
        let test = "s3_as_process_1_it_exits_with_128_and_the_signal";
        let Some(mut victim) = as_process_1(test, &["chain"]) else {
            return;
        };
        victim.hear("progress");
        victim.signal(signal);
        let end = victim.end();
        end.is_exit(128 + signal.as_raw()).is_complete_after(name).balances();
    }
}

#[test]
fn s2_as_process_1_a_second_signal_ends_it_with_every_actor_stuck() {
    let test = "s2_as_process_1_a_second_signal_ends_it_with_every_actor_stuck";
    let words = ["stuck", "budget_ms=3600000", "stall_ms=3600000"];
    let Some(mut victim) = as_process_1(test, &words) else {
        return;
    };
    victim.signal(Signal::TERM);
    victim.hear("draining");
    thread::sleep(PAST_THE_ECHO);
    victim.signal(Signal::INT);
    victim.end().is_exit(128 + Signal::INT.as_raw()).is_without_last_words();
}

#[test]
fn s5_as_process_1_a_signal_still_ends_it_when_the_owner_has_ended() {
    let test = "s5_as_process_1_a_signal_still_ends_it_when_the_owner_has_ended";
    for words in [&["afterlife"][..], &["afterlife", "guard"]] {
        let Some(victim) = as_process_1(test, words) else {
            return;
        };
        victim.signal(Signal::INT);
        victim.end().is_exit(128 + Signal::INT.as_raw());
    }
}

// S4

/// The signals that a process handles or ignores, from `/proc`; `None` where there is none.
fn mask(victim: &Victim, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", victim.pid())).ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix(name))?;
    u64::from_str_radix(mask.trim_start_matches(':').trim(), 16).ok()
}

fn bit(signal: Signal) -> u64 {
    1 << (signal.as_raw() - 1)
}

#[test]
fn s4_under_nohup_a_hangup_stays_ignored() {
    if !cfg!(target_os = "linux") {
        return skipped("s4_under_nohup_..: what is ignored is known on Linux only");
    }
    let mut command = Command::new("nohup");
    command.args([VICTIM, "chain", "set=1,15"]);
    let mut victim = Victim::start(command);
    victim.hear_ready();
    let ignored = mask(&victim, "SigIgn").expect("/proc");
    assert_ne!(ignored & bit(Signal::HUP), 0);
    victim.signal(Signal::HUP);
    for _ in 0..3 {
        victim.hear_anew("progress");
    }
    victim.signal(Signal::TERM);
    let end = victim.end();
    // Had the hangup been taken, the report would name it, or this would have been the second.
    end.is_death_by(Signal::TERM).is_complete_after("SIGTERM").balances();
    assert!(end.stderr.contains("SIGHUP stays ignored, as it was when the program began"), "{end}");
}

#[test]
fn s4_what_a_shell_ignores_for_it_stays_ignored() {
    if !cfg!(target_os = "linux") {
        return skipped("s4_what_a_shell_ignores_..: what is ignored is known on Linux only");
    }
    let mut victim = Victim::start(shell("sh", r#"trap "" INT; exec "$0" chain"#));
    victim.hear_ready();
    victim.signal(Signal::INT);
    for _ in 0..3 {
        victim.hear_anew("progress");
    }
    victim.signal(Signal::TERM);
    let end = victim.end();
    end.is_death_by(Signal::TERM).is_complete_after("SIGTERM");
}

#[test]
fn s4_a_signal_for_the_snapshot_that_was_ignored_stays_so_and_the_log_says_so() {
    if !cfg!(target_os = "linux") {
        return skipped("s4_a_signal_for_the_snapshot_..: what is ignored is known on Linux only");
    }
    let script = format!(r#"trap "" USR1; exec "$0" chain snapshot={}"#, Signal::USR1.as_raw());
    let mut victim = Victim::start(shell("sh", &script));
    victim.hear_ready();
    victim.signal(Signal::TERM);
    let end = victim.end();
    let says = format!("{} stays ignored", exeunt::Signal::USR1);
    assert!(end.stderr.contains(&says), "{end}");
}

/// A launcher's mask is inherited. What is blocked cannot begin a drain: the log says why nothing happens.
#[test]
fn s4_what_is_blocked_stays_blocked_and_the_log_says_so() {
    let can_block = Command::new("env").args(["--block-signal=TERM", "true"]).output();
    if !cfg!(target_os = "linux") || !can_block.is_ok_and(|tried| tried.status.success()) {
        return skipped("s4_what_is_blocked_..: there is no `env --block-signal`");
    }
    let mut command = Command::new("env");
    command.args(["--block-signal=TERM", VICTIM, "chain"]);
    let mut victim = Victim::start(command);
    victim.hear_ready();
    victim.signal(Signal::TERM);
    for _ in 0..3 {
        victim.hear_anew("progress");
    }
    victim.signal(Signal::INT);
    let end = victim.end();
    end.is_death_by(Signal::INT).is_complete_after("SIGINT").balances();
    assert!(end.stderr.contains("SIGTERM is blocked in this thread"), "{end}");
    assert!(!end.stderr.contains("SIGINT is blocked"), "{end}");
}

#[test]
fn s4_unless_it_is_asked_for() {
    let script = r#"trap "" INT; exec "$0" chain even_if_ignored"#;
    let mut victim = Victim::start(shell("sh", script));
    victim.hear_ready();
    victim.hear("progress");
    victim.signal(Signal::INT);
    let end = victim.end();
    end.is_death_by(Signal::INT).is_complete_after("SIGINT").balances();
}

// S5

#[test]
fn s5_no_handler_is_installed_unless_asked_for() {
    let mut victim = Victim::play(&["embedded"]);
    victim.hear_ready();
    if let Some(caught) = mask(&victim, "SigCgt") {
        assert_eq!(caught & (bit(Signal::INT) | bit(Signal::TERM)), 0);
    }
    victim.signal(Signal::INT);
    victim.end().is_death_by(Signal::INT);
}

#[test]
fn s5_when_the_owner_has_ended_the_signals_have_their_default_effect_again() {
    for words in [
        &["afterlife"][..],
        &["afterlife", "guard"], // also while the guard is still there
    ] {
        for signal in [Signal::INT, Signal::TERM] {
            let mut victim = Victim::play(words);
            victim.hear_ready();
            victim.signal(signal);
            victim.end().is_death_by(signal);
        }
    }
}

#[test]
fn s5_the_next_owner_has_the_first_signal_again_and_the_second() {
    let mut victim = Victim::play(&["afterlife", "again"]);
    victim.hear_ready();
    victim.signal(Signal::INT); // drains the second system
    victim.hear("between two");
    victim.hear_ready();
    thread::sleep(PAST_THE_ECHO); // an echo after a quick drain is an echo still
    victim.signal(Signal::INT); // nobody owns it
    let end = victim.end();
    end.is_death_by(Signal::INT);
    assert_eq!(end.said("over"), 1, "{end}");
}

#[test]
fn s5_a_second_system_gets_a_clear_error_and_the_first_keeps_the_signals() {
    let mut victim = Victim::play(&["rival"]);
    let error = victim.hear("refused");
    assert_eq!(
        error,
        "true the system `first` of this process has the signals already; \
         run another one without them, by `System::wait`"
    );
    let second = victim.hear("second");
    assert!(second.starts_with("Failure `signals` failed"), "{second}");
    victim.hear_ready();
    victim.signal(Signal::TERM);
    let end = victim.end();
    end.is_death_by(Signal::TERM).is_complete_after("SIGTERM");
}

#[test]
fn s5_a_signal_that_comes_while_the_last_listener_speaks_is_not_swallowed() {
    let mut victim = Victim::play(&["last moment"]);
    victim.hear_ready();
    victim.say_a_word(); // the task ends, and so does everything
    victim.hear("finished");
    victim.signal(Signal::INT);
    thread::sleep(Duration::from_millis(200)); // for the way to the forwarding thread
    victim.say_a_word();
    victim.end().is_death_by(Signal::INT);
}

#[test]
fn s5_a_signal_that_comes_right_before_the_guard_goes_is_not_swallowed() {
    for _ in 0..5 {
        let end = Victim::play(&["parting"]).end();
        end.is_death_by(Signal::INT);
    }
}

#[test]
fn s5_no_thread_blocks_a_signal() {
    let victim = at_work(&["mixed"]);
    let Ok(tasks) = fs::read_dir(format!("/proc/{}/task", victim.pid())) else {
        return skipped("s5_no_thread_blocks_a_signal: no /proc");
    };
    for task in tasks.map_while(Result::ok) {
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let blocked = status.lines().find(|line| line.starts_with("SigBlk"));
        // A mask would leak into the processes that it starts.
        assert!(blocked.is_none_or(|mask| mask.ends_with("0000000000000000")), "{status}");
    }
}

// S6

#[test]
fn s6_a_signal_during_start_up_drains_those_that_have_started_and_starts_no_more() {
    let mut victim = Victim::play(&["startup"]);
    victim.hear_ready();
    victim.signal(Signal::INT);
    let end = victim.end();
    end.is_death_by(Signal::INT).is_complete_after("SIGINT").balances();
    assert_eq!(end.order(), ["a", "sink"]);
    assert_eq!(end.page("sink").of("handled"), 10, "{end}");
    assert_eq!(end.said("late is closed: true"), 1, "{end}");
    assert_eq!(end.said("late takes: Err(Closed"), 1, "{end}");
    assert_eq!(end.said("the late task was started"), 0, "{end}");
}

#[test]
fn s6_a_second_signal_ends_a_start_up_that_is_stuck() {
    let mut victim = Victim::play(&["startup", "main_sticks"]);
    victim.hear_ready();
    victim.signal(Signal::INT);
    victim.hear("stuck main");
    thread::sleep(PAST_THE_ECHO);
    victim.signal(Signal::INT);
    victim.end().is_death_by(Signal::INT);
}

/// The moment at which the process is seen to catch a signal, and that in which it has not yet begun to
/// wait for one, are not far apart. Between them are a few instructions of signal-hook in which nobody hears it, as
/// `Signals` says; on a busy machine a process may be suspended right there, but hardly twice in so many.
#[test]
#[cfg(target_os = "linux")]
fn s1_s6_a_signal_at_the_moment_from_which_it_is_caught() {
    let mut unheard = 0;
    for run in 0..60 {
        let signal = [Signal::INT, Signal::TERM][run % 2];
        let mut victim = Victim::play(&["idle", "early"]);
        while mask(&victim, "SigCgt:").is_none_or(|caught| caught & bit(signal) == 0) {
            std::hint::spin_loop();
        }
        victim.signal(signal);
        if !victim.ends_within(PATIENCE / 4) {
            unheard += 1;
            assert_eq!(unheard, 1, "of {run} runs");
            victim.signal(signal);
        }
        let end = victim.end();
        end.is_death_by(signal);
        assert_eq!(end.report()["reason"], "signal", "run {run}\n{end}");
    }
}

// D3 and D4, of whole processes

#[test]
fn d3_a_blocked_read_on_standard_input_is_abandoned_and_the_process_leaves() {
    let limits = ["stdin", "budget_ms=10000", "stall_ms=100", "grace_ms=100"];
    let mut victim = Victim::play(&limits);
    victim.hear_ready();
    let stdin = victim.stdin.as_mut().expect("its standard input");
    std::io::Write::write_all(stdin, b"a line\n").expect("somebody reads");
    victim.hear("read a line");
    let began = Instant::now();
    victim.signal(Signal::INT);
    let end = victim.end(); // with its standard input still open
    end.is_exit(INCOMPLETE);
    assert!(began.elapsed() < PATIENCE / 2, "{end}");
    let reader = end.actor("reader");
    assert_eq!(reader["ended"], "abandoned", "{end}");
    let error = reader["error"].as_str().unwrap_or_default();
    assert!(error.contains("in its loop"), "{end}");
}

#[test]
fn d3_a_read_that_can_be_interrupted_is_not_abandoned() {
    let mut victim = Victim::play(&["stdin", "interrupts"]);
    victim.hear_ready();
    let stdin = victim.stdin.as_mut().expect("its standard input");
    std::io::Write::write_all(stdin, b"a line\n").expect("somebody reads");
    victim.hear("read a line");
    victim.signal(Signal::INT);
    let end = victim.end();
    end.is_death_by(Signal::INT).is_complete_after("SIGINT");
}

#[test]
fn d3_a_stuck_actor_with_blocked_senders_gives_every_message_back_and_the_process_leaves() {
    let mut victim = Victim::play(&["jam", "budget_ms=10000", "stall_ms=1500", "grace_ms=1500"]);
    victim.hear_ready();
    victim.hear("stuck stuck");
    let began = Instant::now();
    victim.signal(Signal::INT);
    let end = victim.end();
    assert!(began.elapsed() < PATIENCE / 2, "{end}");
    end.is_exit(INCOMPLETE).balances();

    // Those outside got theirs back when the mailbox closed; those inside when they had to stop.
    for name in ["outside 1", "outside 2", "outside 3"] {
        assert_eq!(end.said(&format!("back {name} Closed(.., \"stuck\")")), 1, "{end}");
    }
    for name in ["inside 1", "inside 2"] {
        let actor = end.actor(name);
        assert_eq!(actor["ended"], "overdue", "{end}");
        assert_eq!(actor["failed"], 1, "{end}");
    }
    // What was queued came back, typed, to the hook; one was in its hands.
    assert_eq!(end.said("returned 1 "), 2, "{end}");
    let stuck = end.actor("stuck");
    assert_eq!(stuck["ended"], "abandoned", "{end}");
    assert_eq!(end.page("stuck").of("accepted"), 3, "{end}");
    assert_eq!(end.page("stuck").of("refused"), 5, "{end}");
}

#[test]
fn m1_a_listener_that_never_returns_keeps_no_message_from_the_dead_letter_hook() {
    // The listener of the log is one, if somebody holds standard error.
    for words in [&["listener", "output_is_free"][..], &[]] {
        let limits = ["stuck", "stall_ms=50", "grace_ms=50"];
        let mut victim = Victim::play(&[&limits, words].concat());
        for _ in 0..4 {
            victim.hear("stuck");
        }
        victim.hear_ready();
        victim.signal(Signal::INT);
        let end = victim.end();
        end.is_exit(INCOMPLETE).balances();
    }
}

#[test]
fn d4_daemons_keep_no_process_alive() {
    let mut victim = Victim::play(&["daemons"]);
    victim.hear_ready();
    victim.hear("stuck deaf");
    victim.signal(Signal::INT);
    let end = victim.end();
    end.is_death_by(Signal::INT).is_complete_after("SIGINT");
    for name in ["polite", "deaf"] {
        assert_eq!(end.actor(name)["ended"], "daemon", "{end}");
    }
}

// M1, stopped and continued

#[test]
fn m1_a_process_that_is_stopped_and_continued_in_its_drain_loses_nothing() {
    let mut victim = at_work(&["chain", "pace_us=2000"]);
    victim.signal(Signal::INT);
    victim.hear("draining");
    for _ in 0..10 {
        victim.signal(Signal::STOP);
        wait_until_stopped(&victim);
        victim.signal(Signal::CONT);
    }
    let end = victim.end();
    end.is_death_by(Signal::INT).is_complete_after("SIGINT").balances();
    let handled = end.page("sink").of("handled");
    assert_eq!(handled, end.page("a").of("accepted"), "{end}");
}

#[test]
fn d1_the_time_in_which_the_process_was_stopped_is_nobodys_stall() {
    // A message takes a twentieth of the stall limit, so that a busy machine does not make a stall of it.
    let words = ["chain", "compute", "pace_us=100000", "limit=20", "shutdown_at=20"];
    let mut victim = Victim::play(&[&words[..], &["stall_ms=2000"]].concat());
    victim.hear("handles 3"); // in the middle of a drain
    thread::sleep(Duration::from_millis(250)); // and so long that the conductor has looked
    victim.signal(Signal::STOP);
    thread::sleep(Duration::from_millis(4500)); // time is the subject
    victim.signal(Signal::CONT);
    let end = victim.end();
    end.is_exit(0).balances();
    assert_eq!(end.page("sink").of("handled"), 20, "{end}");
}

/// Waits until the operating system says so (or, where there is no `/proc`, for a moment).
fn wait_until_stopped(victim: &Victim) {
    let path = format!("/proc/{}/stat", victim.pid());
    let deadline = Instant::now() + PATIENCE;
    loop {
        match fs::read_to_string(&path) {
            Ok(stat) if stat.contains(") T ") => return,
            Ok(_) => assert!(Instant::now() < deadline, "it does not stop"),
            Err(_) => return thread::sleep(Duration::from_millis(20)),
        }
        thread::yield_now();
    }
}

// F5, of whole processes

#[test]
fn f5_dropping_the_system_at_the_end_of_main_drains_it() {
    let mut victim = Victim::play(&["dropped"]);
    victim.hear("progress");
    victim.say_a_word();
    let end = victim.end();
    end.is_exit(0);
    dropped_well(&end);
}

#[test]
fn f5_a_panic_in_main_drains_the_system_on_its_stack() {
    let mut victim = Victim::play(&["dropped", "panics"]);
    victim.hear("progress");
    victim.say_a_word();
    let end = victim.end();
    end.is_exit(101);
    dropped_well(&end);
}

/// Nobody was there to take the report, so the ledger is held against itself.
fn dropped_well(end: &crate::child::End) {
    assert_eq!(end.said("over"), 1, "{end}");
    assert_eq!(end.said("disorder"), 0, "{end}");
    let accepted = end.page("a").of("accepted");
    assert!(accepted > 0, "{end}");
    for name in ["a", "b", "sink"] {
        assert_eq!(end.page(name).of("handled"), accepted, "{end}");
    }
}

// At a terminal

/// Starts a command on a pseudo-terminal of its own, whose keyboard is the victim's `stdin`.
fn at_a_terminal(test: &str, command_line: &str) -> Option<Victim> {
    if !has_program("script") || !cfg!(target_os = "linux") {
        skipped(&format!("{test}: no `script` of util-linux"));
        return None;
    }
    let mut command = Command::new("script");
    command.args(["-qec", command_line, "/dev/null"]);
    Some(Victim::start(command))
}

fn press_control_c(victim: &mut Victim) {
    let keyboard = victim.stdin.as_mut().expect("a keyboard");
    std::io::Write::write_all(keyboard, b"\x03").expect("a terminal");
}

#[test]
fn s1_control_c_at_a_terminal() {
    let Some(mut victim) =
        at_a_terminal("s1_control_c_at_a_terminal", &format!("exec {VICTIM} chain"))
    else {
        return;
    };
    victim.hear_ready();
    victim.hear("progress");
    press_control_c(&mut victim);
    let end = victim.end();
    // `script` tells it as a shell would.
    end.is_exit(128 + Signal::INT.as_raw()).is_complete_after("SIGINT").balances();
    assert!(end.stdout.contains("chain: complete (SIGINT)"), "{end}");
}

#[test]
fn s2_control_c_twice_at_a_terminal_with_every_actor_stuck() {
    let Some(mut victim) = at_a_terminal(
        "s2_control_c_twice_at_a_terminal_with_every_actor_stuck",
        &format!("exec {VICTIM} stuck stall_ms=3600000 budget_ms=3600000"),
    ) else {
        return;
    };
    victim.hear_ready();
    press_control_c(&mut victim);
    victim.hear("draining");
    thread::sleep(PAST_THE_ECHO);
    press_control_c(&mut victim);
    let end = victim.end();
    end.is_exit(128 + Signal::INT.as_raw()).is_without_last_words();
}

#[test]
fn s2_control_c_at_a_terminal_with_a_wrapper_that_forwards_it() {
    until_the_echo_is_one(|| {
        let Some(mut victim) = at_a_terminal(
            "s2_control_c_at_a_terminal_with_a_wrapper_that_forwards_it",
            &format!("exec {VICTIM} wrapper takes_ms=20 -- {VICTIM} chain hold"),
        ) else {
            return Echo::Ignored;
        };
        victim.hear_ready();
        victim.hear("progress");
        press_control_c(&mut victim);
        if victim.hear_unless_it_ends("held").is_none() {
            victim.end().is_exit(128 + Signal::INT.as_raw()).is_without_last_words();
            return Echo::Late;
        }
        thread::sleep(PAST_THE_ECHO);
        victim.say_a_word();
        let end = victim.end();
        end.is_exit(128 + Signal::INT.as_raw()).is_complete_after("SIGINT").balances();
        Echo::Ignored
    });
}
