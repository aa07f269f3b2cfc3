//! [`Chaos`]: a campaign of runs.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use exeunt::Event;

use crate::dice::{Dice, any_seed};
use crate::judge::{Verdict, judge};
use crate::part::{Fault, Moment, Part};
use crate::run::{self, Command, Plan};
use crate::second::{self, Second};
use crate::tally::Tally;
use crate::wrap;

/// A campaign: a child is started so many times, each time with one fault, and signalled once at a random
/// moment; and each time it is held to the contract.
///
/// The child is a program that keeps a [`Ledger`](crate::Ledger).
///
/// # Examples
///
/// ```no_run
/// use exeunt_chaos::{Chaos, Fault, Moment};
///
/// let tally = Chaos::new("target/debug/shop")
///     .faults([Fault::None, Fault::Stopped, Fault::Nohup])
///     .moments([Moment::StartUp, Moment::Work])
///     .signals(100)
///     .run()?;
/// println!("{tally}");
/// assert!(tally.is_clean());
/// # Ok::<(), exeunt_chaos::ChaosError>(())
/// ```
#[must_use = "nothing is started before `run`"]
pub struct Chaos {
    command: Command,
    topologies: Vec<String>,
    faults: Vec<Fault>,
    moments: Vec<Moment>,
    signals: u64,
    seed: u64,
    jobs: usize,
    called_off: Event,
    watcher: Mutex<Option<Watcher>>,
}

type Watcher = Box<dyn FnMut(&Tally) + Send>;

impl Chaos {
    /// A campaign against this program: a path, or a name that is looked for in `PATH`.
    pub fn new(program: impl AsRef<OsStr>) -> Chaos {
        Chaos {
            command: Command {
                program: program.as_ref().into(),
                args: Vec::new(),
                limit: Duration::from_secs(60),
            },
            topologies: vec![String::new()],
            faults: vec![Fault::None],
            moments: vec![Moment::StartUp, Moment::Work],
            signals: 100,
            seed: any_seed(),
            jobs: thread::available_parallelism().map_or(1, usize::from),
            called_off: Event::new(),
            watcher: Mutex::default(),
        }
    }

    /// Adds arguments to its command line.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Chaos {
        self.command.args.extend(args.into_iter().map(|arg| OsString::from(&arg)));
        self
    }

    /// Names the topologies among which each run's is thrown; the child is told which (see
    /// [`Part::topology`]). One without a name unless set.
    pub fn topologies(self, names: impl IntoIterator<Item = impl Into<String>>) -> Chaos {
        Chaos { topologies: names.into_iter().map(Into::into).collect(), ..self }
    }

    /// Sets the faults among which each run's is thrown; none unless set. One that cannot be had on this machine
    /// is left out, and [said](Tally::left_out) to be; if none is left, that is an error.
    ///
    /// Some are for the child to do: one that does not know of them plays as if there were none.
    pub fn faults(self, faults: impl IntoIterator<Item = Fault>) -> Chaos {
        Chaos { faults: faults.into_iter().collect(), ..self }
    }

    /// Sets the moments among which each run's is thrown; start-up and work unless set. For a
    /// [`Moment::Drain`] the child has to begin its drain [by itself](Part::drains_at).
    pub fn moments(self, moments: impl IntoIterator<Item = Moment>) -> Chaos {
        Chaos { moments: moments.into_iter().collect(), ..self }
    }

    /// Sets how many runs there are; 100 unless set.
    pub fn signals(self, signals: u64) -> Chaos {
        Chaos { signals, ..self }
    }

    /// Sets of which seed all choices are made: the first run is that of this seed, the second that of the next
    /// number, and so on. So every single run can be repeated, as far as its choices go: what the system's
    /// scheduler does in between cannot. Another one each time unless set.
    pub fn seed(self, seed: u64) -> Chaos {
        Chaos { seed, ..self }
    }

    /// Sets how many children run at the same time; as many as there are processors unless set.
    pub fn jobs(self, jobs: usize) -> Chaos {
        Chaos { jobs, ..self }
    }

    /// Sets how long a child may take from one fact to the next, and to its end, before it is said to hang; 60 s
    /// unless set.
    pub fn limit(mut self, limit: Duration) -> Chaos {
        self.command.limit = limit;
        self
    }

    /// Calls it off when this is set: no further run begins, those that have begun are played to their end, and
    /// the tally is of what was played. With the [drain](exeunt::SystemHandle::drain_began) of a system that has the
    /// signals, Ctrl-C does that; a campaign that is killed leaves its children behind.
    ///
    /// ```no_run
    /// use exeunt::{Exit, Signals, System};
    /// use exeunt_chaos::Chaos;
    ///
    /// # fn main() -> Result<Exit, Box<dyn std::error::Error>> {
    /// let system = System::new("campaign");
    /// let signals = Signals::default().install(&system.handle())?;
    /// let campaign = Chaos::new("target/debug/shop").signals(100_000);
    /// println!("{}", campaign.until(system.handle().drain_began()).run()?);
    /// let exit = Exit::from(system.shutdown());
    /// drop(signals);
    /// # Ok(exit) // by the signal, if there was one
    /// # }
    /// ```
    pub fn until(self, called_off: &Event) -> Chaos {
        Chaos { called_off: called_off.clone(), ..self }
    }

    /// Is told how far it is, after each run.
    pub fn watch(self, watcher: impl FnMut(&Tally) + Send + 'static) -> Chaos {
        Chaos { watcher: Mutex::new(Some(Box::new(watcher))), ..self }
    }

    /// Runs it all.
    ///
    /// # Errors
    ///
    /// If the program is not there, nothing is left to choose from, or a child has no room for its files.
    pub fn run(mut self) -> Result<Tally, ChaosError> {
        self.find_program()?;
        let left_out = self.leave_out_what_cannot_be_had();
        self.check(&left_out)?;
        let tally = Mutex::new(Tally::without(left_out));
        self.in_parallel(|run| {
            let (part, verdict, said) = self.run_one(run)?;
            let mut tally = lock(&tally);
            tally.add(part, verdict, || said);
            if let Some(watcher) = &mut *lock(&self.watcher) {
                watcher(&tally);
            }
            Ok(())
        })?;
        Ok(tally.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sends two signals to a child whose every thread is stuck, as often as there are to be
    /// [signals](Chaos::signals): the first, and when its time for echoes is over the second, which has to end it.
    ///
    /// The topology is the first of those named, and the fault [`Fault::Blocked`]; when all its actors are stuck, the
    /// child has to [say](crate::Ledger::say) `stuck`.
    ///
    /// # Errors
    ///
    /// Those of [`run`](Chaos::run).
    pub fn second_signal(mut self) -> Result<Second, ChaosError> {
        self.find_program()?;
        self.check(&[])?;
        let outcome = Mutex::new(Second::default());
        self.in_parallel(|run| {
            let topology = self.topologies[0].clone();
            let seed = self.seed.wrapping_add(run);
            let part = Part { topology, fault: Fault::Blocked, moment: Moment::Work, seed };
            let ended = second::end_by_second(&self.command, &part)?;
            lock(&outcome).add(ended);
            Ok(())
        })?;
        Ok(outcome.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn find_program(&mut self) -> Result<(), ChaosError> {
        let program = &self.command.program;
        let is_path = program.components().count() > 1;
        let found = if is_path {
            Some(program.clone()).filter(|path| path.is_file())
        } else {
            env::var_os("PATH").and_then(|path| {
                env::split_paths(&path).map(|dir| dir.join(program)).find(|path| path.is_file())
            })
        };
        self.command.program =
            found.ok_or_else(|| ChaosError(Cause::NoProgram(program.clone())))?;
        Ok(())
    }

    fn leave_out_what_cannot_be_had(&mut self) -> Vec<(Fault, String)> {
        let program: &Path = &self.command.program;
        let mut left_out = Vec::new();
        self.faults.retain(|&fault| match wrap::probe(fault, program) {
            Ok(()) => true,
            Err(why) => {
                left_out.push((fault, why));
                false
            }
        });
        left_out
    }

    fn check(&self, left_out: &[(Fault, String)]) -> Result<(), ChaosError> {
        let what = match self {
            Chaos { topologies, .. } if topologies.is_empty() => "topologies",
            Chaos { moments, .. } if moments.is_empty() => "moments",
            Chaos { signals: 0, .. } => "signals",
            Chaos { jobs: 0, .. } => "jobs",
            Chaos { faults, .. } if faults.is_empty() => {
                let why = left_out.iter().map(|(fault, why)| format!("{fault}: {why}"));
                return Err(ChaosError(Cause::NoFault(why.collect())));
            }
            _ => return Ok(()),
        };
        Err(ChaosError(Cause::Nothing(what)))
    }

    fn in_parallel(&self, one: impl Fn(u64) -> io::Result<()> + Sync) -> Result<(), ChaosError> {
        let next = AtomicU64::new(0);
        let work = || {
            loop {
                match next.fetch_add(1, Ordering::Relaxed) {
                    run if run >= self.signals || self.called_off.is_set() => return Ok(()),
                    run => one(run).inspect_err(|_| next.store(self.signals, Ordering::Relaxed))?,
                }
            }
        };
        let results: Vec<io::Result<()>> = thread::scope(|scope| {
            let workers: Vec<_> = (0..self.jobs).map(|_| scope.spawn(work)).collect();
            workers.into_iter().filter_map(|worker| worker.join().ok()).collect()
        });
        // Who panicked is missing, and must not be taken for one that found nothing.
        assert_eq!(results.len(), self.jobs, "a thread of the campaign panicked");
        results.into_iter().collect::<io::Result<()>>().map_err(|e| ChaosError(Cause::System(e)))
    }

    fn run_one(&self, run: u64) -> io::Result<(Part, Verdict, String)> {
        let evidence = run::play(&self.command, Plan::of(self.part(run)))?;
        let verdict = judge(&evidence);
        let said = match &evidence.end {
            Ok(finished) if !verdict.wrong.is_empty() => finished.to_string(),
            _ => String::new(),
        };
        Ok((evidence.plan.part, verdict, said))
    }

    fn part(&self, run: u64) -> Part {
        let seed = self.seed.wrapping_add(run);
        let dice = Dice::new(seed);
        let topology = dice.about("topology").below(self.topologies.len() as u64) as usize;
        Part {
            topology: self.topologies[topology].clone(),
            fault: dice.about("fault").one_of(&self.faults),
            moment: dice.about("moment").one_of(&self.moments),
            seed,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Chaos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chaos")
            .field("program", &self.command.program)
            .field("signals", &self.signals)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// Why a campaign could not be run.
#[derive(Debug)]
pub struct ChaosError(Cause);

#[derive(Debug)]
enum Cause {
    NoProgram(PathBuf),
    NoFault(Vec<String>),
    Nothing(&'static str),
    System(io::Error),
}

impl fmt::Display for ChaosError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::NoProgram(path) => write!(f, "there is no program {}", path.display()),
            Cause::NoFault(why) if why.is_empty() => f.write_str("a campaign without faults"),
            Cause::NoFault(why) => write!(f, "cannot be had on this machine: {}", why.join("; ")),
            Cause::Nothing(what) => write!(f, "a campaign without {what}"),
            Cause::System(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ChaosError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Cause::System(error) => Some(error),
            _ => None,
        }
    }
}
