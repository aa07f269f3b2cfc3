//! The scenarios, and the end that all have in common.

use std::io::{BufRead, Write};
use std::process::Command;
use std::thread;
use std::time::Duration;

use exeunt::{
    Exit, Notice, Report, Signal, SignalGuard, Signals, Status, System, SystemHandle, TaskContext,
};
use signal_hook::consts::{SIGINT, SIGKILL, SIGTERM};

use crate::facts::{say, wait_for_a_word};
use crate::flows::Flow;
use crate::ledger::{Item, Ledger, Port};
use crate::options::Options;
use crate::relay::{Relay, Work, stick};

pub(crate) fn play(options: &Options) -> Exit {
    match options.scenario.as_str() {
        "chain" | "fan" | "mixed" => flow(options),
        "idle" => idle(options),
        "stuck" => stuck(options),
        "jam" => jam(options),
        "stdin" => standard_input(options),
        "rest" => failure_with_a_rest(options),
        "daemons" => daemons(options),
        "embedded" => embedded(),
        "afterlife" => afterlife(options),
        "rival" => rival(),
        "startup" => startup(options),
        "dropped" => dropped(options),
        "last moment" => last_moment(options),
        "parting" => parting(),
        "wrapper" => wrapper(options),
        unknown => panic!("no scenario `{unknown}`"),
    }
    .unwrap_or_else(|error| panic!("{}: {error}", options.scenario))
}

type Played = Result<Exit, Box<dyn std::error::Error>>;

// What all have in common.

/// Runs, and says what became of it.
fn run(system: System, options: &Options, guard: Option<SignalGuard>, ledger: &Ledger) -> Exit {
    herald(&system.handle());
    let exit = system.run(); // which has nothing against signals that are there already
    drop(guard);
    tell(exit.report(), ledger);
    match exit.status() {
        Status::Signal(Signal(SIGTERM)) if options.has("sigterm_is_success") => {
            exit.with_status(Status::Success)
        }
        Status::Signal(_) if options.has("signal_is_success") => exit.with_status(Status::Success),
        _ => exit,
    }
}

fn tell(report: &Report, ledger: &Ledger) {
    ledger.say();
    let json = serde_json::to_string(report).unwrap_or_else(|error| panic!("{error}"));
    say(format_args!("report {json}"));
    say("over");
}

/// Says `ready` when a signal begins the drain, and `draining` when it has begun. On a thread that
/// is none of the system's, and that nothing holds up.
fn herald(handle: &SystemHandle) {
    let handle = handle.clone();
    thread::spawn(move || {
        // Nobody can own SIGKILL: the error says whether somebody owns the others.
        while !Signals::new([SIGKILL]).install(&handle).is_err_and(|e| e.is_owned()) {
            thread::sleep(Duration::from_millis(1));
        }
        say(format_args!("ready {}", std::process::id()));
        while !handle.is_draining() {
            thread::sleep(Duration::from_millis(1));
        }
        say("draining");
    });
}

/// A task that does nothing until its turn comes.
fn wait_to_stop(cx: &TaskContext) -> exeunt::Result {
    cx.stopping().wait();
    Ok(())
}

// The scenarios.

/// Something flows. With `early`, the signals are there before the first actor.
fn flow(options: &Options) -> Played {
    let system = options.system(&options.scenario);
    let guard = match options.is_early() {
        true => Some(options.install(&system.handle())?),
        false => None,
    };
    if guard.is_some() {
        herald(&system.handle());
    }
    let mut flow = Flow::new(system, options);
    match options.scenario.as_str() {
        "chain" => flow.chain(),
        "fan" => flow.fan(),
        _ => flow.mixed(),
    }?;
    say("started");
    let Flow { system, ledger, last_pen, .. } = flow;
    if guard.is_none() {
        return Ok(run(system, options, None, &ledger));
    }
    let exit = system.run();
    if let Some(last_pen) = last_pen {
        let _ = last_pen.recv_timeout(Duration::from_secs(10));
    }
    tell(exit.report(), &ledger);
    drop(guard);
    Ok(exit)
}

/// Nobody has anything to do.
fn idle(options: &Options) -> Played {
    let mut system = options.system("idle");
    let guard = match options.is_early() {
        true => Some(options.install(&system.handle())?),
        false => None,
    };
    let mut ledger = Ledger::default();
    let page = ledger.open("a");
    let a = system.actor("a").spawn(Relay::new(&page, Work::Take(Duration::ZERO)))?;
    if options.has("prints") {
        print!("a line without an end");
    }
    let exit = run(system, options, guard, &ledger);
    drop(a);
    Ok(exit)
}

/// Every thread of the system is in a handler, a loop or a listener that never returns; one of
/// them holds standard output.
fn stuck(options: &Options) -> Played {
    let mut system = options.system("stuck");
    let guard = match options.is_early() {
        true => Some(options.install(&system.handle())?),
        false => None,
    };
    let mut ledger = Ledger::default();
    for (number, name) in [(1, "a"), (2, "b"), (3, "c")] {
        let page = ledger.open(name);
        let work = match name {
            "c" if !options.has("output_is_free") => Work::StickWithOutput,
            _ => Work::Stick,
        };
        let actor = system.actor(name).returned(Relay::bury(&page));
        let mut port = Port::new(&actor.spawn(Relay::new(&page, work))?, &page, number);
        for _ in 0..3 {
            port.send()?;
        }
    }
    system.spawn_task("task", |cx| stick(cx.name()));
    if options.has("listener") {
        system.observe(|notice| {
            if let Notice::DrainBegan { .. } = notice {
                stick("listener");
            }
        });
    }
    Ok(run(system, options, guard, &ledger))
}

/// An actor that is stuck, with a full mailbox, and senders that wait for room: threads of the
/// program's own, and actors.
fn jam(options: &Options) -> Played {
    let mut system = options.system("jam");
    let mut ledger = Ledger::default();
    let page = ledger.open("stuck");
    let stuck = system
        .actor("stuck")
        .capacity(2)
        .returned({
            let mut bury = Relay::bury(&page);
            move |item: Item| {
                say(format_args!("returned {} {}", item.from, item.number));
                bury(item);
            }
        })
        .spawn(Relay::new(&page, Work::Stick))?;
    // One for its hands, two for its mailbox.
    let mut first = Port::new(&stuck, &page, 1);
    for _ in 0..3 {
        first.send()?;
    }
    for (number, name) in [(2, "inside 1"), (3, "inside 2")] {
        let own_page = ledger.open(name);
        let relay = Relay::new(&own_page, Work::Take(Duration::ZERO));
        let relay = relay.to(Port::new(&stuck, &page, number));
        let inside = system.actor(name).feeds(&stuck).spawn(relay)?;
        Port::new(&inside, &own_page, 1).send()?;
    }
    let outside: Vec<_> = [(4, "outside 1"), (5, "outside 2"), (6, "outside 3")]
        .into_iter()
        .map(|(number, name)| {
            let mut port = Port::new(&stuck, &page, number);
            thread::spawn(move || {
                say(format_args!("sends {name}"));
                match port.send() {
                    Ok(()) => say(format_args!("sent {name}")),
                    Err(error) => {
                        let reason = format!("{error:?}");
                        let item = error.into_message();
                        say(format_args!("back {name} {reason} {}", item.from));
                    }
                }
            })
        })
        .collect();
    herald(&system.handle());
    let exit = system.run();
    for sender in outside {
        if sender.join().is_err() {
            say("a sender panicked");
        }
    }
    tell(exit.report(), &ledger);
    Ok(exit)
}

/// A task reads standard input: as anybody would, or with `interrupts`.
fn standard_input(options: &Options) -> Played {
    let mut system = options.system("stdin");
    if options.has("interrupts") {
        system.spawn_task("reader", |cx| {
            for line in cx.stopping().interrupts(|| std::io::stdin().lock().lines())? {
                say(format_args!("read {}", line?));
            }
            Ok(())
        });
    } else {
        system.spawn_task("reader", |_cx| {
            for line in std::io::stdin().lock().lines() {
                say(format_args!("read {}", line?));
            }
            Ok(())
        });
    }
    Ok(run(system, options, None, &Ledger::default()))
}

/// An actor that fails with messages still in its mailbox.
fn failure_with_a_rest(options: &Options) -> Played {
    let mut system = options.system("rest");
    let mut ledger = Ledger::default();
    let page = ledger.open("a");
    let (addr, inbox) = exeunt::mailbox(64);
    let mut port = Port::new(&addr, &page, 1);
    for _ in 0..10 {
        port.send()?;
    }
    system
        .actor("a")
        .inbox(inbox)
        .returned(Relay::bury(&page))
        .spawn(Relay::new(&page, Work::FailAt(4)))?;
    Ok(run(system, options, None, &ledger))
}

/// Daemons: one that waits for the word to stop, one that never hears it.
fn daemons(options: &Options) -> Played {
    let mut system = options.system("daemons");
    let mut ledger = Ledger::default();
    system.task("polite").daemon().spawn(wait_to_stop)?;
    system.task("deaf").daemon().spawn(|cx| stick(cx.name()))?;
    let page = ledger.open("a");
    let a = system.actor("a").spawn(Relay::new(&page, Work::Take(Duration::ZERO)))?;
    let exit = run(system, options, None, &ledger);
    drop(a);
    Ok(exit)
}

/// A program with a life of its own, which asked for no signals.
fn embedded() -> Played {
    let mut system = System::new("embedded");
    system.spawn_task("task", wait_to_stop);
    say(format_args!("ready {}", std::process::id()));
    wait_for_a_word();
    Ok(Exit::from(system.shutdown()))
}

/// The owner of the signals has ended, and the program goes on. With `guard`, the guard lives on;
/// with `again`, there is another owner.
fn afterlife(options: &Options) -> Played {
    let mut first = System::new("first");
    let guard = Signals::default().install(&first.handle())?;
    first.spawn_task("task", |_cx| Ok(()));
    let report = first.wait();
    let guard = options.has("guard").then_some(guard);
    if options.has("again") {
        let exit = idle(options)?;
        say("between two");
        drop(exit);
    }
    say(format_args!("ready {}", std::process::id()));
    wait_for_a_word();
    drop(guard);
    Ok(Exit::from(report))
}

/// A second system wants the signals that the first one has.
fn rival() -> Played {
    let mut first = System::new("first");
    first.spawn_task("task", wait_to_stop);
    let guard = Signals::default().install(&first.handle())?;
    let mut second = System::new("second");
    second.spawn_task("task", wait_to_stop);
    match Signals::default().install(&second.handle()) {
        Ok(_) => say("two owners"),
        Err(error) => say(format_args!("refused {} {error}", error.is_owned())),
    }
    let exit = second.run();
    say(format_args!("second {:?} {}", exit.status(), exit.report().reason));
    herald(&first.handle());
    let exit = first.run();
    tell(exit.report(), &Ledger::default());
    drop(guard);
    Ok(exit)
}

/// Two actors start; the third waits until the drain has begun.
fn startup(options: &Options) -> Played {
    let system = options.system("startup");
    let guard = Signals::default().install(&system.handle())?;
    let handle = system.handle();
    let mut flow = Flow::new(system, options);
    let (sink, sink_page) = flow.spawn("sink", vec![], &[])?;
    let (a, a_page) = flow.spawn("a", vec![Port::new(&sink, &sink_page, 1)], &[])?;
    let mut port = Port::new(&a, &a_page, 2);
    for _ in 0..10 {
        port.send()?;
    }
    herald(&handle);
    while !handle.is_draining() {
        thread::sleep(Duration::from_millis(1));
    }
    if options.has("main_sticks") {
        stick("main");
    }
    let (late, late_page) = flow.spawn("late", vec![], &[])?;
    say(format_args!("late is closed: {}", late.is_closed()));
    let mut late = Port::new(&late, &late_page, 3);
    say(format_args!("late takes: {:?}", late.send()));
    flow.system.spawn_task("late task", |_cx| {
        say("the late task was started");
        Ok(())
    });
    let Flow { system, ledger, .. } = flow;
    let exit = system.run();
    tell(exit.report(), &ledger);
    drop(guard);
    Ok(exit)
}

/// The system is dropped with work in all mailboxes; with `panics`, by a panic of `main`.
fn dropped(options: &Options) -> Played {
    /// Dropped after the system: by then all is said and done.
    struct Last(Ledger);
    impl Drop for Last {
        fn drop(&mut self) {
            self.0.say();
            say("over");
        }
    }
    let mut flow = Flow::new(options.system("dropped"), options);
    flow.system.observe(|notice| say(format_args!("notice {notice}")));
    flow.chain()?;
    let Flow { system, ledger, .. } = flow;
    let last = Last(ledger);
    let system = system; // declared after `last`, and so dropped before it
    let guard = options.install(&system.handle())?;
    herald(&system.handle());
    say("started");
    wait_for_a_word();
    if options.has("panics") {
        panic!("in main, with a system on the stack");
    }
    drop(system);
    drop(guard);
    drop(last);
    Ok(Exit::from(System::new("nobody").wait()))
}

/// All ends by itself; a listener takes its time over the last notice.
fn last_moment(options: &Options) -> Played {
    let mut system = options.system("last moment");
    system.observe(|notice| {
        if let Notice::Finished { .. } = notice {
            say("finished");
            wait_for_a_word();
        }
    });
    system.spawn_task("task", |_cx| {
        wait_for_a_word();
        Ok(())
    });
    Ok(run(system, options, None, &Ledger::default()))
}

/// The signal has come, and been handled, in the very moment before the guard goes.
fn parting() -> Played {
    let mut system = System::new("parting");
    let guard = Signals::default().install(&system.handle())?;
    system.spawn_task("task", |_cx| Ok(()));
    let report = system.wait();
    signal_hook::low_level::raise(SIGINT)?;
    drop(guard);
    say("the signal was swallowed");
    Ok(Exit::from(report))
}

/// A program that starts another one and forwards what it is sent, as package managers and
/// supervisors do, and ends as the other one did.
fn wrapper(options: &Options) -> Played {
    let mut arrivals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    let [program, arguments @ ..] = options.command.as_slice() else {
        panic!("nothing behind `--`");
    };
    let mut child = Command::new(program).args(arguments).spawn()?;
    let pid = i32::try_from(child.id())?;
    let takes = options.millis("takes_ms").unwrap_or_default();
    thread::spawn(move || {
        for signal in arrivals.forever() {
            thread::sleep(takes);
            let (pid, signal) = (
                rustix::process::Pid::from_raw(pid),
                rustix::process::Signal::from_named_raw(signal),
            );
            if let (Some(pid), Some(signal)) = (pid, signal) {
                let _ = rustix::process::kill_process(pid, signal);
            }
        }
    });
    let status = child.wait()?;
    std::io::stdout().flush()?;
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        signal_hook::low_level::emulate_default_handler(signal)?;
    }
    std::process::exit(status.code().unwrap_or(1));
}
