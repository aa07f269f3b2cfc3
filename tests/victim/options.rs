//! What the parent asks for on the command line.

use std::collections::BTreeMap;
use std::time::Duration;

use exeunt::{SignalError, SignalGuard, Signals, System, SystemHandle};

/// A scenario, and words that vary it: `name`, or `name=value`.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) scenario: String,
    /// What stands behind `--`.
    pub(crate) command: Vec<String>,
    words: BTreeMap<String, String>,
}

impl Options {
    pub(crate) fn from_arguments() -> Options {
        let mut arguments = std::env::args().skip(1);
        let scenario = arguments.next().unwrap_or_default();
        let words = arguments
            .by_ref()
            .take_while(|word| word != "--")
            .map(|word| match word.split_once('=') {
                Some((key, value)) => (key.to_owned(), value.to_owned()),
                None => (word, String::new()),
            })
            .collect();
        Options { scenario, words, command: arguments.collect() }
    }

    pub(crate) fn has(&self, word: &str) -> bool {
        self.words.contains_key(word)
    }

    pub(crate) fn number(&self, word: &str) -> Option<u64> {
        let value = self.words.get(word)?;
        match value.parse() {
            Ok(number) => Some(number),
            Err(_) => panic!("`{word}={value}` is no number"),
        }
    }

    pub(crate) fn millis(&self, word: &str) -> Option<Duration> {
        self.number(word).map(Duration::from_millis)
    }

    /// A system with the limits that were asked for.
    pub(crate) fn system(&self, name: &str) -> System {
        let mut system = System::new(name);
        if let Some(budget) = self.millis("budget_ms") {
            system.set_drain_budget(budget);
        }
        if let Some(stall) = self.millis("stall_ms") {
            system.set_stall_limit(stall);
        }
        if let Some(grace) = self.millis("grace_ms") {
            system.set_grace(grace);
        }
        system
    }

    /// Whether the signals are to be installed by hand, before the first actor, and not by `run`.
    pub(crate) fn is_early(&self) -> bool {
        ["early", "set", "even_if_ignored", "snapshot"].iter().any(|word| self.has(word))
    }

    /// Installs the signals by hand: those of `set=2,15`, or the default; with `snapshot=10` one that
    /// prints how all stand.
    pub(crate) fn install(&self, handle: &SystemHandle) -> Result<SignalGuard, SignalError> {
        let mut signals = match self.words.get("set") {
            Some(set) => {
                Signals::new(set.split(',').filter_map(|number| number.parse::<i32>().ok()))
            }
            None => Signals::default(),
        };
        if self.has("even_if_ignored") {
            signals = signals.even_if_ignored();
        }
        if let Some(number) = self.number("snapshot") {
            signals = signals.snapshot_on(i32::try_from(number).unwrap_or_default());
        }
        signals.install(handle)
    }
}
