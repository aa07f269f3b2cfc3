//! One run: a child is started, signalled at its moment, and what it leaves behind is collected.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, process};

use exeunt::Signal;
use exeunt_testkit::{Finished, Hang, Process, Running, SIGCONT, SIGHUP, SIGINT, SIGSTOP, SIGTERM};
use rustix::process::Signal as Named;
use serde_json::Value;

use crate::dice::Dice;
use crate::ledger::{FACT, FOLDER, Figures, LEDGER, REPORT};
use crate::part::{Fault, Moment, PART, Part};
use crate::wrap;

/// What is run.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    /// How long the child may take from one fact to the next.
    pub(crate) limit: Duration,
}

/// A run as it was thrown.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) part: Part,
    pub(crate) signal: Signal,
    /// How long after the beginning of its moment the signal comes.
    pub(crate) delay: Duration,
}

/// What a run has left behind.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) plan: Plan,
    /// Whether the child was there to be signalled.
    pub(crate) is_signalled: bool,
    pub(crate) end: Result<Finished, Hang>,
    pub(crate) pages: Vec<(String, Figures)>,
    /// What it handed in.
    pub(crate) closing: Option<Value>,
}

impl Plan {
    pub(crate) fn of(part: Part) -> Plan {
        let dice = Dice::new(part.seed);
        let signal = match part.fault {
            Fault::Ignored => SIGTERM, // it is SIGINT that is ignored
            _ => dice.about("signal").one_of(&[SIGINT, SIGTERM]),
        };
        let window = match part.moment {
            Moment::StartUp => Duration::from_millis(15),
            Moment::Work => Duration::from_millis(40),
            Moment::Drain => Duration::from_millis(30),
        };
        Plan { part, signal, delay: dice.about("delay").time_below(window) }
    }
}

/// # Errors
///
/// If there is no room for the files of a child.
pub(crate) fn play(command: &Command, plan: Plan) -> io::Result<Evidence> {
    let folder = Folder::new()?;
    let mut child = start(command, &plan.part, &folder);
    let mut is_signalled = false;
    if comes_to(&mut child, plan.part.moment) {
        thread::sleep(plan.delay);
        if let Some(target) = Target::of(&child, plan.part.fault) {
            is_signalled = true;
            signal(&target, &plan);
        }
    }
    let end = child.try_wait();
    let (pages, closing) = folder.read();
    Ok(Evidence { plan, is_signalled, end, pages, closing })
}

pub(crate) fn start(command: &Command, part: &Part, folder: &Folder) -> Running {
    let mut words: Vec<OsString> =
        wrap::words(part.fault, &Dice::new(part.seed)).into_iter().map(OsString::from).collect();
    words.push(command.program.clone().into());
    words.extend(command.args.iter().cloned());
    Process::new(&words[0])
        .args(&words[1..])
        .env(FOLDER, &folder.0)
        .env(PART, part.to_string())
        .limit(command.limit)
        .start()
}

/// Waits for the beginning of the moment; not, if the child ends before.
fn comes_to(child: &mut Running, moment: Moment) -> bool {
    let facts: &[&str] = match moment {
        Moment::StartUp => &["armed"],
        Moment::Work => &["armed", "started"],
        Moment::Drain => &["armed", "draining"],
    };
    facts.iter().all(|fact| hear(child, fact))
}

pub(crate) fn hear(child: &mut Running, fact: &str) -> bool {
    child.try_wait_for(&format!("{FACT}{fact}")).is_some()
}

/// Who is signalled: the child, or, where that is another process, the one that was started for it.
struct Target<'a> {
    child: &'a Running,
    inside: Option<Inside>,
}

impl<'a> Target<'a> {
    fn of(child: &'a Running, fault: Fault) -> Option<Target<'a>> {
        let inside = match fault {
            // The only child of `unshare` is process 1 inside.
            Fault::Process1 => Some(Inside::of(child.pid())?),
            _ => None,
        };
        Some(Target { child, inside })
    }

    fn send(&self, signal: Signal) {
        match (&self.inside, Named::from_named_raw(signal.0)) {
            (Some(inside), Some(signal)) => inside.send(signal),
            _ => self.child.signal(signal),
        }
    }
}

/// The only child of a child. It is not ours to wait for, so that its number may be another's as soon as it has ended:
/// it is known by a descriptor.
struct Inside(#[cfg(target_os = "linux")] std::os::fd::OwnedFd);

impl Inside {
    #[cfg(target_os = "linux")]
    fn of(parent: u32) -> Option<Inside> {
        use rustix::process::{Pid, PidfdFlags, pidfd_open};
        let only_child = || {
            let path = format!("/proc/{parent}/task/{parent}/children");
            fs::read_to_string(path).ok()?.trim().parse().ok().and_then(Pid::from_raw)
        };
        let child = only_child()?;
        let descriptor = pidfd_open(child, PidfdFlags::empty()).ok()?;
        (only_child() == Some(child)).then_some(Inside(descriptor))
    }

    /// There are no namespaces.
    #[cfg(not(target_os = "linux"))]
    fn of(_parent: u32) -> Option<Inside> {
        None
    }

    fn send(&self, signal: Named) {
        // One that has ended does not mind.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::pidfd_send_signal(&self.0, signal);
        #[cfg(not(target_os = "linux"))]
        let _ = signal;
    }
}

/// A repeat within 100 ms is an echo. Whoever wakes up too late to be sure of that sends none.
const ECHO_AT_MOST: Duration = Duration::from_millis(60);

/// Sends the signal, and what the fault wants before and after it.
fn signal(target: &Target<'_>, plan: &Plan) {
    let mut dice = Dice::new(plan.part.seed).about("between");
    let mut pause = |millis| thread::sleep(dice.time_below(Duration::from_millis(millis)));
    let began = Instant::now();
    match plan.part.fault {
        Fault::Doubled => {
            target.send(plan.signal);
            pause(40);
            if began.elapsed() < ECHO_AT_MOST {
                target.send(plan.signal);
            }
        }
        Fault::Stopped => {
            target.send(SIGSTOP);
            pause(20);
            target.send(plan.signal);
            pause(20);
            target.send(SIGCONT);
        }
        Fault::Ignored | Fault::Nohup => {
            let ignored = if plan.part.fault == Fault::Nohup { SIGHUP } else { SIGINT };
            target.send(ignored);
            pause(10);
            target.send(plan.signal);
        }
        _ => target.send(plan.signal),
    }
}

/// A folder of a child's own, gone with the run.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> io::Result<Folder> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // In memory, where the system has such a place: each figure is a write.
        let shared_memory = Path::new("/dev/shm");
        let temporary = env::temp_dir();
        let parent = if shared_memory.is_dir() { shared_memory } else { &temporary };
        let path = parent.join(format!("exeunt-chaos-{}-{number}", process::id()));
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        fs::create_dir(&path).map_err(named)?;
        // The child may be another user.
        fs::set_permissions(&path, Permissions::from_mode(0o777)).map_err(named)?;
        Ok(Folder(path))
    }

    fn read(&self) -> (Vec<(String, Figures)>, Option<Value>) {
        let ledger = fs::read_to_string(self.0.join(LEDGER)).unwrap_or_default();
        let report = fs::read(self.0.join(REPORT)).unwrap_or_default();
        (ledger.lines().filter_map(Figures::parse).collect(), serde_json::from_slice(&report).ok())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
