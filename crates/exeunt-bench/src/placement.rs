//! On how many CPUs it is measured. Where the scheduler puts threads that talk to each other decides
//! more than anything they do; on one CPU it has no choice.

use std::fmt;

/// Where the threads may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// Wherever the process may run.
    Free,
    /// On so many of those CPUs.
    Pinned(usize),
}

impl Placement {
    /// Those that say something different from each other, where the process may run on `cpus`.
    pub(crate) fn all(cpus: usize) -> Vec<Placement> {
        let pinned = [2, 1].into_iter().filter(|&count| count < cpus).map(Placement::Pinned);
        [Placement::Free].into_iter().chain(pinned).collect()
    }

    /// What it adds to the name of a table.
    pub(crate) fn suffix(self) -> String {
        match self {
            Placement::Free => String::new(),
            pinned => format!(", on {pinned}"),
        }
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Placement::Free => f.write_str("all CPUs"),
            Placement::Pinned(1) => f.write_str("one CPU"),
            Placement::Pinned(2) => f.write_str("two CPUs"),
            Placement::Pinned(count) => write!(f, "{count} CPUs"),
        }
    }
}

pub(crate) use os::Cpus;

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
            self.count_of(placement).map(drop)
        }

        /// From here on this thread, and those that it spawns, run there and nowhere else.
        pub(crate) fn place(&self, placement: Placement) -> Result<(), String> {
            let count = self.count_of(placement)?;
            let mut set = CpuSet::new();
            let mine = (0..CpuSet::MAX_CPU).filter(|&cpu| self.0.is_set(cpu));
            mine.take(count).for_each(|cpu| set.set(cpu));
            sched_setaffinity(None, &set).map_err(|error| format!("{placement}: {error}"))
        }

        fn count_of(&self, placement: Placement) -> Result<usize, String> {
            let count = match placement {
                Placement::Free => self.count(),
                Placement::Pinned(count) => count,
            };
            if count == 0 || count > self.count() {
                let mine = self.count();
                return Err(format!("there are {mine} CPUs to run on, and {count} are asked for"));
            }
            Ok(count)
        }
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

        pub(crate) fn place(&self, placement: Placement) -> Result<(), String> {
            self.check(placement)
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
        assert_eq!(Placement::all(2), [Placement::Free, one]);
        assert_eq!(Placement::all(8), [Placement::Free, two, one]);
    }

    #[test]
    fn threads_inherit_where_they_run() {
        let cpus = Cpus::of_this_process().unwrap();
        // The tests share a process; a thread of its own keeps this to itself.
        let seen = std::thread::spawn(move || {
            cpus.place(Placement::Pinned(1)).unwrap();
            let count = || Cpus::of_this_process().unwrap().count();
            let inherited = std::thread::spawn(count).join().unwrap();
            cpus.place(Placement::Free).unwrap();
            (inherited, count() == cpus.count())
        });
        assert_eq!(seen.join().unwrap(), (1, true));
    }

    #[test]
    fn no_more_cpus_than_there_are() {
        let cpus = Cpus::of_this_process().unwrap();
        let error = cpus.place(Placement::Pinned(0)).unwrap_err();
        assert!(error.ends_with("and 0 are asked for"), "{error}");
    }
}
