//! [`Finished`]: what a child process has left behind.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use exeunt::Signal;

/// What a child process has left behind: how it ended, and all that it has said.
///
/// `Display` shows it all.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finished {
    pub(super) name: String,
    /// How it ended: by an exit status, or by a signal.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// From its start to the end of its output.
    pub took: Duration,
}

impl Finished {
    /// The exit status, unless it died of a signal.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The signal that it died of, if it did.
    #[must_use]
    pub fn signal(&self) -> Option<Signal> {
        self.status.signal().map(Signal)
    }

    /// Asserts that it ended by itself with this exit status.
    ///
    /// # Panics
    ///
    /// If not, with all that it has said.
    #[track_caller]
    pub fn assert_code(&self, code: i32) -> &Finished {
        assert!(self.code() == Some(code), "not ended by exit status {code}: {self}");
        self
    }

    /// Asserts that it died of this signal, as a program of exeunt does after the complete drain
    /// that the signal asked for.
    ///
    /// # Panics
    ///
    /// If not, with all that it has said.
    #[track_caller]
    pub fn assert_signal(&self, signal: Signal) -> &Finished {
        assert!(self.signal() == Some(signal), "not ended by {signal}: {self}");
        self
    }

    /// Collects the lines `ledger <name> <count>` of its standard output.
    ///
    /// With such lines a program says how many messages it has sent, taken, kept; the test holds
    /// them against each other. The name may have spaces. Counts of one name add up, so that
    /// several threads may each say theirs. All other lines are none of the ledger, and neither is
    /// a last one without a line's end: a program that was killed may have been in the middle of
    /// a number.
    ///
    /// ```
    /// use exeunt_testkit::Process;
    ///
    /// let script = "echo ledger sent 12; echo ledger kept in mind 5; echo ledger sent 30";
    /// let ledger = Process::new("sh").args(["-c", script]).run().ledger();
    /// assert_eq!(ledger["sent"], 42);
    /// assert_eq!(ledger["kept in mind"], 5);
    /// ```
    #[must_use]
    pub fn ledger(&self) -> BTreeMap<String, u64> {
        let mut ledger = BTreeMap::new();
        for (name, count) in self.stdout.split_inclusive('\n').filter_map(entry) {
            let sum: &mut u64 = ledger.entry(name.to_owned()).or_default();
            *sum = sum.saturating_add(count);
        }
        ledger
    }
}

/// Reads one line of a ledger.
fn entry(line: &str) -> Option<(&str, u64)> {
    let whole = line.strip_suffix('\n')?.trim_end();
    let (name, count) = whole.strip_prefix("ledger ")?.rsplit_once(' ')?;
    Some((name.trim(), count.parse().ok()?))
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finished { name, status, stdout, stderr, took } = self;
        write!(f, "`{name}` ended after {took:.3?} by {status}\n{}", Said { stdout, stderr })
    }
}

/// Both streams, one under the other.
pub(super) struct Said<'a> {
    pub(super) stdout: &'a str,
    pub(super) stderr: &'a str,
}

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Said { stdout, stderr } = self;
        write!(f, "--- stdout\n{}\n--- stderr\n{}", stdout.trim_end(), stderr.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_has_whole_lines_only() {
        assert_eq!(entry("ledger sent 12\n"), Some(("sent", 12)));
        assert_eq!(entry("ledger sent 12\r\n"), Some(("sent", 12)));
        assert_eq!(entry("ledger kept in mind 5\n"), Some(("kept in mind", 5)));
        assert_eq!(entry("ledger sent 1"), None); // of 12, perhaps
    }

    #[test]
    fn other_lines_are_none_of_the_ledger() {
        for line in ["ledger\n", "ledger 5\n", "ledger opened today\n", "my ledger a 1\n", "\n"] {
            assert_eq!(entry(line), None, "{line:?}");
        }
    }
}
