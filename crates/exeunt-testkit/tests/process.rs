//! Child processes that speak, hang, are signalled, and are never left behind.
//!
//! The children are shells, for what is the matter of a process alone, and this program itself
//! with [`counter`] as its only test, for a drain: the program of the crate's documentation. A
//! sleep stands only in children, where it stands for work.
#![cfg(all(unix, not(target_os = "openbsd")))]

use std::env;
use std::fs;
use std::process::Termination;
use std::time::{Duration, Instant};

use crate::common::{line_of_panic, panic_of};
use exeunt::{Actor, Context, Signal, Signals, System};
use exeunt_testkit::{
    Process, Running, SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGSTOP, SIGTERM, SIGUSR1,
};

/// A limit that is always spent.
const SHORT: Duration = Duration::from_millis(50);

/// One in which a shell does what it does at once, on a slow machine too.
const LONG_ENOUGH: Duration = Duration::from_secs(2);

fn shell(script: &str) -> Process {
    Process::new("sh").args(["-c", script])
}

/// A shell that is there, and will be for an hour.
fn idle() -> Running {
    let mut idle = shell("echo READY; exec sleep 3600").start();
    idle.wait_for("READY");
    idle
}

// How it is started.

#[test]
fn a_process_gets_its_arguments_variables_folder_and_input() {
    let folder = env::temp_dir().canonicalize().unwrap();
    let finished = shell("echo $0 $1; echo $COLOUR ${HOME-none}; pwd -P; cat")
        .arg("zero")
        .arg("one")
        .env("COLOUR", "green")
        .env_remove("HOME")
        .current_dir(&folder)
        .input("to be\nor not")
        .run();
    finished.assert_code(0);
    let expected = format!("zero one\ngreen none\n{}\nto be\nor not", folder.display());
    assert_eq!(finished.stdout, expected);
}

#[test]
fn a_process_has_no_input_unless_it_is_given_one() {
    let finished = Process::new("cat").run();
    assert_eq!(finished.assert_code(0).stdout, "");
}

#[test]
fn a_program_that_does_not_start_is_named() {
    // What an ignored signal puts before it would find that out later.
    let text = panic_of(|| Process::new("/no/such/program").inherit_signals().start());
    assert!(text.contains("/no/such/program") && text.contains("does not start"), "{text}");
}

#[test]
fn a_process_leads_a_group_unless_it_shares_that_of_the_test() {
    let group = |finished: &str| finished.trim().rsplit(' ').next().unwrap().to_owned();
    let show = "echo $$ $(ps -o pgid= -p $$ 2>/dev/null || cut -d' ' -f5 /proc/$$/stat)";
    let own = shell(show).run().stdout;
    assert!(own.starts_with(&format!("{} ", group(&own))), "{own}");
    let shared = shell(show).share_group().run().stdout;
    assert!(!shared.starts_with(&format!("{} ", group(&shared))), "{shared}");
    let text = panic_of(|| shell("sleep 60").share_group().start().signal_group(SIGTERM));
    assert!(text.contains("shares the process group of the test"), "{text}");
}

/// A shell cannot stop ignoring what it was started to ignore, so that this shows what a child of
/// a test run in the background gets.
#[test]
fn s4_a_child_has_the_default_effects_though_the_test_ignores_signals() {
    let again = |more: &[&str]| {
        let test = env::current_exe().unwrap();
        let script = "trap '' INT; exec \"$0\" --exact grandchild_dies_of_sigint --nocapture";
        shell(script).arg(test).env("GRANDCHILD", more.join(",")).run()
    };
    again(&["default"]).assert_code(0);
    again(&["inherited"]).assert_code(0);
}

/// Started by the test above, which ignores SIGINT.
#[test]
fn grandchild_dies_of_sigint() {
    let Ok(how) = env::var("GRANDCHILD") else { return };
    let grandchild = shell("kill -s INT $$; echo alive").env("LANG", "C").current_dir("/");
    if how == "inherited" {
        assert_eq!(grandchild.inherit_signals().run().assert_code(0).stdout, "alive\n");
    } else if fs::exists("/proc/self/status").unwrap() {
        assert_eq!(grandchild.run().assert_signal(SIGINT).stdout, "");
    }
}

// What it says.

#[test]
fn lines_of_both_streams_are_waited_for_in_any_order() {
    let mut process = shell("echo one; echo two >&2; echo three; echo three").start();
    assert_eq!(process.wait_for("three"), "three");
    assert_eq!(process.wait_for("two"), "two");
    assert_eq!(process.wait_for_line(|line| line.starts_with('o')), "one");
    assert_eq!(process.wait_for("three"), "three"); // the second of them
    let finished = process.wait();
    assert_eq!(finished.stdout, "one\nthree\nthree\n");
    assert_eq!(finished.stderr, "two\n");
}

#[test]
fn a_line_that_was_forgotten_answers_no_wait() {
    let ticker = shell("echo tick 1; while read n; do echo tick $n; done");
    let mut process = ticker.input_by_lines().start();
    process.send_line("2");
    process.wait_for("tick 2");
    process.forget_lines(); // `tick 1` came before it
    process.send_line("3");
    assert_eq!(process.wait_for("tick"), "tick 3");
    process.close_input();
    process.wait().assert_code(0);
}

#[test]
fn much_output_holds_up_nobody() {
    let megabytes = "i=0; while [ $i -lt 20000 ]; do echo 0123456789012345678901234567890123456789; \
                     echo $i >&2; i=$((i + 1)); done";
    let finished = shell(megabytes).run();
    assert_eq!(finished.stdout.lines().count(), 20_000);
    assert!(finished.stderr.ends_with("19999\n"));
}

#[test]
fn a_process_that_does_not_read_holds_up_nobody() {
    let mut process = shell("echo READY; exec sleep 3600").input_by_lines().start();
    process.wait_for("READY");
    for _ in 0..100 {
        process.send_line(&"x".repeat(10_000)); // more than any pipe holds
    }
    process.signal(SIGTERM);
    process.wait().assert_signal(SIGTERM);
}

#[test]
fn what_is_no_utf_8_is_replaced() {
    let mut process = shell(r"printf 'caf\351\nno end'").start();
    process.wait_for("caf\u{fffd}");
    process.wait_for("no end");
    assert_eq!(process.wait().stdout, "caf\u{fffd}\nno end");
}

#[test]
fn a_line_that_does_not_come_ends_the_test_with_all_that_was_said() {
    let script = "echo something; echo wrong >&2; exec sleep 3600";
    let mut process = shell(script).limit(LONG_ENOUGH).start();
    process.wait_for("something");
    process.wait_for("wrong");
    let text = panic_of(|| process.wait_for("READY"));
    assert!(text.starts_with("`sh` has not said a line with \"READY\" in 2s (alive"), "{text}");
    assert!(text.ends_with("--- stdout\nsomething\n--- stderr\nwrong"), "{text}");
    if fs::exists("/proc/self/task").unwrap() {
        assert!(text.contains("its threads:\n  s"), "{text}");
    }
}

#[test]
fn a_line_that_cannot_come_is_not_waited_for() {
    let mut process = shell("echo sorry >&2; exit 3").start();
    let text = panic_of(|| process.wait_for_line(|line| line == "READY"));
    assert!(text.contains("came to the end of its output without the line"), "{text}");
    assert!(text.contains("exit status: 3") && text.contains("sorry"), "{text}");
}

// Signals.

#[test]
fn a_signal_arrives_by_its_name_and_by_any_number() {
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGKILL, Signal(13)] {
        let process = idle();
        process.signal(signal);
        process.wait().assert_signal(signal);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_real_time_signal_arrives_too() {
    let real_time = Signal(40);
    let process = idle();
    process.signal(real_time);
    process.wait().assert_signal(real_time);
    let process = idle();
    process.signal_group(real_time);
    process.wait().assert_signal(real_time);
    let text = panic_of(|| idle().signal(Signal(4_000)));
    assert!(text.starts_with("signal 4000 cannot be sent to `sh`: "), "{text}");
}

#[test]
fn a_stopped_process_says_nothing_until_it_goes_on() {
    let mut process = Process::new("cat").input_by_lines().limit(SHORT).start();
    process.signal(SIGSTOP);
    process.send_line("hello");
    let text = panic_of(|| process.wait_for("hello"));
    assert!(text.contains("has not said") && text.contains("alive"), "{text}");

    let mut process = Process::new("cat").input_by_lines().start();
    process.signal(SIGSTOP);
    process.send_line("hello");
    process.signal(SIGCONT);
    process.wait_for("hello");
    process.wait().assert_code(0); // closes its input
}

#[test]
fn the_whole_group_gets_a_signal() {
    let mut process = shell("sleep 3600 & echo READY; wait").start();
    process.wait_for("READY");
    process.signal_group(SIGTERM);
    // Its output ends when the last of the group has.
    process.wait().assert_signal(SIGTERM);
}

#[test]
fn a_signal_to_one_that_has_ended_is_no_matter() {
    let mut process = shell("echo over").start();
    process.wait_for("over");
    until_gone(process.pid());
    process.signal(SIGTERM);
    process.signal_group(SIGTERM);
    process.wait().assert_code(0);
    // Neither to one that was given up, whose number may be another's by now.
    let mut process = shell("exit 2").start();
    panic_of(|| process.wait_for("more"));
    process.signal(SIGTERM);
    process.signal_group(SIGTERM);
}

// Its end.

#[test]
fn the_end_is_an_exit_status_or_a_signal() {
    let finished = shell("exit 75").run();
    assert_eq!((finished.code(), finished.signal()), (Some(75), None));
    let finished = shell("kill -s KILL $$").run();
    assert_eq!((finished.code(), finished.signal()), (None, Some(SIGKILL)));
    let text = panic_of(|| shell("echo out; exit 2").run().assert_code(0).stdout.clone());
    assert!(text.contains("not ended by exit status 0: `sh` ended after"), "{text}");
    assert!(text.contains("exit status: 2\n--- stdout\nout\n--- stderr\n"), "{text}");
    let text = panic_of(|| shell("exit 2").run().assert_signal(SIGINT).stdout.clone());
    assert!(text.contains("not ended by SIGINT"), "{text}");
}

#[test]
fn the_time_that_it_took_is_told() {
    let finished = shell("sleep 0.05").run();
    assert!(finished.took >= Duration::from_millis(50), "{finished}");
}

#[test]
fn a_process_that_hangs_is_killed_and_shown() {
    let mut process = shell("trap '' TERM; echo READY; while :; do sleep 0.01; done").start();
    process.wait_for("READY");
    process.signal(SIGTERM);
    let pid = process.pid();
    let text = panic_of(|| process.wait_within(SHORT));
    assert!(text.starts_with("`sh` has not ended in 50ms (alive"), "{text}");
    assert!(text.contains("--- stdout\nREADY\n--- stderr\n"), "{text}");
    assert!(is_gone(pid));
}

#[test]
fn a_process_that_floods_is_no_process_that_ends() {
    let text = panic_of(|| shell("exec yes").start().wait_within(SHORT));
    assert!(text.starts_with("`sh` has not ended in 50ms"), "{}", &text[..200.min(text.len())]);
    let mut process = shell("exec yes").limit(SHORT).start();
    let text = panic_of(|| process.wait_for("no"));
    assert!(text.starts_with("`sh` has not said"), "{}", &text[..200.min(text.len())]);
}

#[test]
fn a_process_that_closes_its_output_is_waited_for_all_the_same() {
    let finished = shell("echo last; exec >&- 2>&-; sleep 0.05; exit 5").run();
    assert_eq!(finished.assert_code(5).stdout, "last\n");
    let text = panic_of(|| shell("exec >&- 2>&-; sleep 3600").start().wait_within(SHORT));
    assert!(text.contains("has not ended in 50ms"), "{text}");
}

#[test]
fn output_that_is_held_open_by_another_is_a_hang_with_its_own_name() {
    let mut process = shell("sleep 3600 & echo READY $!; exit 6").start();
    let grandchild = number_in(&process.wait_for("READY"));
    let text = panic_of(|| process.wait_within(LONG_ENOUGH));
    assert!(text.contains("has ended, but its output is held open (2s)"), "{text}");
    assert!(text.contains("exit status: 6"), "{text}");
    until_gone(grandchild);
}

#[test]
fn nobody_outlives_its_test() {
    let mut process = shell("sleep 3600 & echo READY $!; wait").start();
    let grandchild = number_in(&process.wait_for("READY"));
    let child = process.pid();
    drop(process);
    assert!(is_gone(child));
    until_gone(grandchild); // it is nobody's child now, and whoever takes it in takes its time
}

fn number_in(line: &str) -> u32 {
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Whether no process has that number, or one that only waits to be forgotten.
fn is_gone(pid: u32) -> bool {
    let finished = shell("ps -o stat= -p $0 2>/dev/null || true").arg(pid.to_string()).run();
    finished.stdout.trim().is_empty() || finished.stdout.trim().starts_with('Z')
}

fn until_gone(pid: u32) {
    let began = Instant::now();
    while !is_gone(pid) {
        assert!(began.elapsed() < Duration::from_secs(30), "{pid} is still there");
    }
}

#[test]
fn the_line_of_the_test_is_blamed() {
    let start = || shell("exec sleep 3600").limit(Duration::ZERO).start();
    let mut process = start();
    let here = line!();
    assert_eq!(line_of_panic(|| process.wait_for("a")), here + 1);
    assert_eq!(line_of_panic(|| process.wait_for_line(|_| true)), here + 2);
    assert_eq!(line_of_panic(|| process.send_line("a")), here + 3);
    assert_eq!(line_of_panic(|| process.wait()), here + 4);
    assert_eq!(line_of_panic(|| shell("exit 1").run().assert_code(0).code()), here + 5);
}

// A drain.

struct Count(u64);

impl Actor for Count {
    type Msg = u64;

    fn handle(&mut self, _n: u64, _cx: &mut Context<Self>) -> exeunt::Result {
        self.0 += 1;
        Ok(())
    }

    fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
        println!("ledger counted {}", self.0);
        Ok(())
    }
}

/// The program of the crate's documentation, when it is started for that.
#[test]
fn counter() {
    if env::var_os("COUNTER").is_none() {
        return;
    }
    let mut system = System::new("counter");
    let _signals = Signals::default().install(&system.handle()).unwrap();
    let count = system.spawn("count", Count(0));
    system.spawn_task("source", move |cx| {
        let mut sent = 0;
        while !cx.stopping().wait_timeout(Duration::from_millis(1)) {
            count.send(sent)?;
            sent += 1;
        }
        println!("ledger sent {sent}");
        Ok(())
    });
    println!("\nREADY"); // after what the harness has begun to say
    // Ends the process here, by the signal that asked for the drain.
    let _ = Termination::report(system.run());
    panic!("not ended by a signal");
}

fn counter_started() -> Running {
    let test = env::current_exe().unwrap();
    let words = ["--exact", "process::counter", "--nocapture"];
    let mut counter = Process::new(test).args(words).env("COUNTER", "1").start();
    counter.wait_for("READY");
    counter
}

#[test]
fn s1_a_program_is_drained_by_a_signal_and_its_ledger_balances() {
    for signal in [SIGINT, SIGTERM] {
        let counter = counter_started();
        counter.signal(signal);
        let finished = counter.wait();
        finished.assert_signal(signal);
        let ledger = finished.ledger();
        assert_eq!(ledger["sent"], ledger["counted"], "{finished}");
    }
}

#[test]
fn a_handler_is_waited_for() {
    let mut shell =
        shell("sleep 0.05; trap 'echo caught; exit' TERM; while :; do sleep 0.01; done").start();
    shell.wait_until_caught(SIGTERM);
    if fs::exists("/proc/self/status").unwrap() {
        shell.signal(SIGTERM);
        assert_eq!(shell.wait().assert_code(0).stdout, "caught\n");
    }
}

#[test]
fn who_never_takes_a_signal_is_not_waited_for_longer_than_the_limit() {
    if !fs::exists("/proc/self/status").unwrap() {
        return; // the system does not tell who takes what
    }
    let mut process = shell("exec sleep 3600").limit(SHORT).start();
    let text = panic_of(|| process.wait_until_caught(SIGTERM));
    assert!(text.starts_with("`sh` has not taken SIGTERM in 50ms"), "{text}");
    let mut process = shell("exit 4").start();
    let text = panic_of(|| process.wait_until_caught(SIGTERM));
    assert!(text.starts_with("`sh` ended before it took SIGTERM (exit status: 4)"), "{text}");
}
