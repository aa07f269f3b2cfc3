//! The child: one topology, at work until a signal, a fault, or it itself ends that.

use std::error::Error;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use exeunt::{Actor, Context, Exit, Reason, Signals, Status, System, SystemHandle};
use exeunt_chaos::{Fault, Ledger, Limits, Moment, Part};

use crate::conduct::{limits, never};
use crate::relay::Trick;
use crate::topology::{Build, Topology};

/// The topology of a second signal: everybody is stuck.
pub(crate) const STUCK: &str = "stuck";

/// What can be done to show that it is found out.
pub(crate) const SABOTAGES: [&str; 7] =
    ["loses", "twice", "swaps", "status", "hangs", "silent", "late"];

type Played = Result<Exit, Box<dyn Error>>;

pub(crate) fn play(mut arguments: impl Iterator<Item = String>) -> Played {
    let sabotage = arguments.next().unwrap_or_default();
    let ledger = Ledger::open()?;
    let part = Part::from_env();
    match part.topology.as_str() {
        STUCK => stuck(&ledger),
        name => {
            let topology = Topology::find(name).ok_or_else(|| format!("no topology `{name}`"))?;
            flow(&ledger, &part, topology, &sabotage)
        }
    }
}

fn flow(ledger: &Ledger, part: &Part, topology: &Topology, sabotage: &str) -> Played {
    let mut system = System::new(topology.name);
    ledger.watch(&mut system);
    ledger.limit(&mut system, limits(part.fault));
    if sabotage == "late" {
        ledger.limit(&mut system, Limits { budget: Duration::ZERO, ..limits(Fault::Blocked) });
        system.set_drain_budget(Duration::from_secs(30)).set_stall_limit(Duration::from_secs(30));
    }
    let takes_descriptors = part.fault == Fault::Descriptors;
    let is_early = takes_descriptors && part.dice().about("early").below(4) == 0;
    let mut taken = if is_early { take_descriptors() } else { Vec::new() };
    let signals = Signals::default().install(&system.handle());
    if signals.is_ok() {
        ledger.armed();
    } // else the system will say so, when it is run

    let mut build = Build::new(&mut system, ledger, part, topology, trick(sabotage));
    let built = (topology.build)(&mut build);
    let (claims, last_pen) = (build.claims.take(), build.last_pen.take());
    if let Err(error) = built {
        // A thread was refused: what has been started is drained.
        ledger.called_off();
        let (name, error) = (topology.name.to_owned(), error.to_string());
        system.handle().shutdown_because(Reason::Failure { name, error });
    }
    if takes_descriptors {
        taken.extend(take_descriptors());
    }
    ledger.started();
    if part.fault == Fault::Blocked && part.moment == Moment::Drain {
        drain_soon(system.handle());
    }
    let exit = system.run();
    if let Some(last_pen) = last_pen {
        let _ = last_pen.recv_timeout(Duration::from_secs(10));
    }
    match (sabotage, claims) {
        ("silent", _) => {}
        (_, Some(claims)) => ledger.close_with(exit.report(), &claims())?,
        (_, None) => ledger.close(exit.report())?,
    }
    drop(signals);
    drop(taken);
    match sabotage {
        "hangs" => never(),
        "status" => Ok(exit.with_status(Status::Success)),
        _ => Ok(exit),
    }
}

/// Who waits for somebody who is stuck does not count to the message at which the drain is to begin.
fn drain_soon(system: SystemHandle) {
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        system.shutdown();
    });
}

fn trick(sabotage: &str) -> Trick {
    match sabotage {
        "loses" => Trick::Loses,
        "twice" => Trick::SendsTwice,
        "swaps" => Trick::Swaps,
        "late" => Trick::TakesItsTime,
        _ => Trick::None,
    }
}

/// Opens what there is to open, until there is nothing left.
fn take_descriptors() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

/// Three actors and a task that never come back; one of them with the locks of standard output and of standard
/// error.
fn stuck(ledger: &Ledger) -> Played {
    let mut system = System::new(STUCK);
    ledger.watch(&mut system);
    let hour = Duration::from_secs(3600);
    ledger.limit(&mut system, Limits { budget: hour, stall: hour, grace: hour });
    let signals = Signals::default().install(&system.handle())?;
    ledger.armed();
    let free = Arc::new(AtomicUsize::new(4));
    let mut addrs = Vec::new();
    for (name, locks_output) in [("a", false), ("b", false), ("c", true)] {
        let (ledger, free) = (ledger.clone(), Arc::clone(&free));
        let addr = system.spawn(name, Stuck { ledger, free, locks_output });
        addr.send(())?;
        addrs.push(addr);
    }
    let (facts, last) = (ledger.clone(), Arc::clone(&free));
    system.spawn_task("task", move |_cx| stick(&facts, &last));
    let exit = system.run();
    drop((signals, addrs));
    Ok(exit)
}

struct Stuck {
    ledger: Ledger,
    /// How many are not stuck yet.
    free: Arc<AtomicUsize>,
    locks_output: bool,
}

impl Actor for Stuck {
    type Msg = ();

    fn handle(&mut self, (): (), _cx: &mut Context<Self>) -> exeunt::Result {
        let _locks = self.locks_output.then(|| (io::stdout().lock(), io::stderr().lock()));
        stick(&self.ledger, &self.free)
    }
}

fn stick(ledger: &Ledger, free: &AtomicUsize) -> ! {
    if free.fetch_sub(1, Ordering::SeqCst) == 1 {
        ledger.say("stuck");
    }
    loop {
        thread::park();
    }
}
