//! What a process uses, as the system tells it (proc(5)), and whether that grows.

use std::fmt;
use std::fs;

/// What was used at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Use {
    resident_kib: u64,
    threads: u64,
    descriptors: u64,
}

/// What was used from the beginning to the end.
///
/// It is flat if the most that was used in the last quarter is not more than the most that was used in the second one:
/// for descriptors exactly; for threads but for two, since it is chance how many of those who come and go are there when
/// one looks; for memory but for a twentieth and 1 MiB, since allocators round. The first quarter is for warming up.
#[derive(Debug, Default)]
pub(crate) struct Course(Vec<Use>);

impl Course {
    /// # Errors
    ///
    /// If the system does not tell.
    pub(crate) fn measure(&mut self) -> Result<(), String> {
        self.0.push(Use::now()?);
        Ok(())
    }

    pub(crate) fn is_flat(&self) -> bool {
        let [_, before, _, after] = self.quarters();
        let room = before.resident_kib / 20 + 1024;
        !self.0.is_empty()
            && after.resident_kib <= before.resident_kib + room
            && after.threads <= before.threads + 2
            && after.descriptors <= before.descriptors
    }

    /// The most of each, quarter by quarter.
    fn quarters(&self) -> [Use; 4] {
        let at = |quarter: usize| quarter * self.0.len() / 4;
        [0, 1, 2, 3].map(|n| self.0[at(n)..at(n + 1)].iter().fold(Use::default(), Use::max))
    }
}

impl Use {
    fn now() -> Result<Use, String> {
        let path = "/proc/self/status";
        let status = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
        let descriptors =
            fs::read_dir("/proc/self/fd").map_err(|e| format!("/proc/self/fd: {e}"))?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let word = line.and_then(|line| line.split_whitespace().next());
            word.and_then(|word| word.parse().ok()).ok_or_else(|| format!("{path}: no {name}"))
        };
        Ok(Use {
            resident_kib: number("VmRSS:")?,
            threads: number("Threads:")?,
            descriptors: descriptors.count() as u64,
        })
    }

    fn max(self, other: &Use) -> Use {
        Use {
            resident_kib: self.resident_kib.max(other.resident_kib),
            threads: self.threads.max(other.threads),
            descriptors: self.descriptors.max(other.descriptors),
        }
    }
}

/// A table of the quarters.
impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<8}{:>14}{:>9}{:>13}", "quarter", "resident KiB", "threads", "descriptors")?;
        for (place, most) in self.quarters().into_iter().enumerate() {
            let Use { resident_kib, threads, descriptors } = most;
            write!(f, "\n{:<8}{resident_kib:>14}{threads:>9}{descriptors:>13}", place + 1)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(grows: impl Fn(u64) -> Use) -> Course {
        Course((0..100).map(grows).collect())
    }

    fn steady() -> Use {
        Use { resident_kib: 10_000, threads: 12, descriptors: 9 }
    }

    #[test]
    fn what_stays_as_it_is_is_flat() {
        assert!(course(|_| steady()).is_flat());
        let warms_up = course(|n| Use { resident_kib: 10_000.min(n * 500), ..steady() });
        assert!(warms_up.is_flat());
        assert!(!Course::default().is_flat());
    }

    #[test]
    fn what_grows_is_not() {
        assert!(!course(|n| Use { resident_kib: 10_000 + 40 * n, ..steady() }).is_flat());
        assert!(!course(|n| Use { threads: 12 + n / 10, ..steady() }).is_flat());
        assert!(!course(|n| Use { descriptors: 9 + n / 90, ..steady() }).is_flat());
    }
}
