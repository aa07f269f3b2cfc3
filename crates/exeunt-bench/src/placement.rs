//! On which CPUs it is measured. Where the scheduler puts threads that talk to each other decides
//! more than anything they do. On one CPU it has no choice, nor where each thread is given its own.

use std::fmt;

/// Every CPU, as it is asked for; with workloads, every one.
pub(crate) const ALL: &str = "all";

const APART: &str = "apart";

/// Where the threads may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// Wherever the process may run.
    Free,
    /// On so many of those CPUs.
    Pinned(usize),
    /// The actor on one of those CPUs, and who sends to it on another.
    Apart,
}

impl Placement {
    /// Those that say something different from each other, where the process may run on `cpus`.
    pub(crate) fn all(cpus: usize) -> Vec<Placement> {
        let apart = (cpus > 1).then_some(Placement::Apart);
        let pinned = [2, 1].into_iter().filter(|&count| count < cpus).map(Placement::Pinned);
        [Placement::Free].into_iter().chain(apart).chain(pinned).collect()
    }

    /// As it is asked for: `all`, `apart`, or a number.
    pub(crate) fn named(word: &str) -> Result<Placement, String> {
        match word {
            ALL => Ok(Placement::Free),
            APART => Ok(Placement::Apart),
            count => count.parse().map(Placement::Pinned).map_err(|_| {
                format!(
                    "--cpus takes numbers, `{ALL}` and `{APART}`, and {count:?} is none of them"
                )
            }),
        }
    }

    /// The word for it.
    pub(crate) fn name(self) -> String {
        match self {
            Placement::Free => ALL.to_owned(),
            Placement::Apart => APART.to_owned(),
            Placement::Pinned(count) => count.to_string(),
        }
    }

    /// How many CPUs that takes, of so many.
    fn count(self, cpus: usize) -> usize {
        match self {
            Placement::Free => cpus,
            Placement::Apart => 2,
            Placement::Pinned(count) => count,
        }
    }

    /// What it adds to the name of a table.
    pub(crate) fn suffix(self) -> String {
        match self {
            Placement::Free => String::new(),
            Placement::Apart => ", apart".to_owned(),
            pinned => format!(", on {pinned}"),
        }
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Placement::Free => f.write_str("all CPUs"),
            Placement::Apart => f.write_str("a CPU for each of two threads"),
            Placement::Pinned(1) => f.write_str("one CPU"),
            Placement::Pinned(2) => f.write_str("two CPUs"),
            Placement::Pinned(count) => write!(f, "{count} CPUs"),
        }
    }
}

pub(crate) use os::{Cpu, Cpus};

#[cfg(target_os = "linux")]
mod os {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    use super::Placement;

    /// The CPUs on which the process may run.
    #[derive(Debug)]
    pub(crate) struct Cpus(CpuSet);

    impl Cpus {
        pub(crate) fn of_this_process() -> Result<Cpus, String> {
            sched_getaffinity(None).map(Cpus).map_err(|error| format!("the CPUs: {error}"))
        }

        pub(crate) fn count(&self) -> usize {
            self.0.count() as usize
        }

        /// Whether there are so many.
        pub(crate) fn check(&self, placement: Placement) -> Result<(), String> {
            let mine = self.count();
            match placement.count(mine) {
                count if (1..=mine).contains(&count) => Ok(()),
                count => Err(format!("there are {mine} CPUs to run on, and {count} are asked for")),
            }
        }

        /// From here on this thread, and those that it spawns, run there and nowhere else. The CPU on which an
        /// actor is to run, if that is another.
        pub(crate) fn place(&self, placement: Placement) -> Result<Option<Cpu>, String> {
            self.check(placement)?;
            let mut mine = (0..CpuSet::MAX_CPU).filter(|&cpu| self.0.is_set(cpu));
            let (here, there) = match placement {
                Placement::Apart => (mine.next().into_iter().collect(), mine.next().map(Cpu)),
                shared => (mine.take(shared.count(self.count())).collect(), None),
            };
            run_on(here).map_err(|error| format!("{placement}: {error}"))?;
            Ok(there)
        }
    }

    /// One of them.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Cpu(usize);

    impl Cpu {
        /// From here on this thread runs there.
        ///
        /// # Panics
        ///
        /// If the process may not run there any more.
        pub(crate) fn take(self) {
            run_on(vec![self.0]).expect("a CPU of this process");
        }
    }

    fn run_on(cpus: Vec<usize>) -> rustix::io::Result<()> {
        let mut set = CpuSet::new();
        cpus.into_iter().for_each(|cpu| set.set(cpu));
        sched_setaffinity(None, &set)
    }
}

#[cfg(not(target_os = "linux"))]
mod os {
    use super::Placement;

    /// The CPUs on which the process may run.
    #[derive(Debug)]
    pub(crate) struct Cpus(usize);

    impl Cpus {
        pub(crate) fn of_this_process() -> Result<Cpus, String> {
            std::thread::available_parallelism()
                .map(|count| Cpus(count.get()))
                .map_err(|error| format!("the CPUs: {error}"))
        }

        pub(crate) fn count(&self) -> usize {
            self.0
        }

        pub(crate) fn check(&self, placement: Placement) -> Result<(), String> {
            match placement {
                Placement::Free => Ok(()),
                pinned => Err(format!("{pinned}: only on Linux")),
            }
        }

        pub(crate) fn place(&self, placement: Placement) -> Result<Option<Cpu>, String> {
            self.check(placement).map(|()| None)
        }
    }

    /// One of them, which nobody can choose.
    #[derive(Clone, Copy, Debug)]
    pub(crate) enum Cpu {}

    impl Cpu {
        pub(crate) fn take(self) {
            match self {}
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_placement_is_said_once() {
        let [one, two] = [1, 2].map(Placement::Pinned);
        assert_eq!(Placement::all(1), [Placement::Free]);
        assert_eq!(Placement::all(2), [Placement::Free, Placement::Apart, one]);
        assert_eq!(Placement::all(8), [Placement::Free, Placement::Apart, two, one]);
    }

    #[test]
    fn a_placement_is_found_by_its_name() {
        for placement in Placement::all(8) {
            assert_eq!(Placement::named(&placement.name()), Ok(placement));
        }
        let error = Placement::named("some").unwrap_err();
        assert_eq!(error, "--cpus takes numbers, `all` and `apart`, and \"some\" is none of them");
    }

    #[test]
    fn threads_inherit_where_they_run() {
        let cpus = Cpus::of_this_process().unwrap();
        // The tests share a process; a thread of its own keeps this to itself.
        let seen = std::thread::spawn(move || {
            cpus.place(Placement::Pinned(1)).unwrap();
            let inherited = std::thread::spawn(here).join().unwrap();
            cpus.place(Placement::Free).unwrap();
            (inherited.len(), here().len() == cpus.count())
        });
        assert_eq!(seen.join().unwrap(), (1, true));
    }

    #[test]
    fn apart_are_an_actor_and_who_sends_to_it() {
        let cpus = Cpus::of_this_process().unwrap();
        if cpus.check(Placement::Apart).is_err() {
            return;
        }
        let placed = std::thread::spawn(move || {
            let there = cpus.place(Placement::Apart).unwrap().unwrap();
            let mine = here();
            there.take();
            (mine, here())
        });
        let (mine, there) = placed.join().unwrap();
        assert!(mine.len() == 1 && there.len() == 1 && mine != there, "{mine:?} {there:?}");
    }

    /// The CPUs on which this thread may run.
    fn here() -> Vec<usize> {
        let set = rustix::thread::sched_getaffinity(None).unwrap();
        (0..rustix::thread::CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect()
    }

    #[test]
    fn no_more_cpus_than_there_are() {
        let cpus = Cpus::of_this_process().unwrap();
        let error = cpus.place(Placement::Pinned(0)).unwrap_err();
        assert!(error.ends_with("and 0 are asked for"), "{error}");
    }
}
