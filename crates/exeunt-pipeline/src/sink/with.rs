//! [`With`]: a closure before a sink.

use super::Sink;
use crate::ledger::Ending;

/// A closure before a sink, which makes of each item what the sink takes.
///
/// On the main way that is a [`map`](crate::Flow::map). This is for the ways aside, where no stage can be put before the
/// sink: items that are [diverted](crate::Flow::divert) into a file, for example. The sink is asked to commit, told
/// positions and how it ends, as if it stood there alone. A closure that calls its `write` does none of that: an
/// [`AtomicFile`](crate::AtomicFile) in it would never appear.
///
/// # Examples
///
/// ```
/// use exeunt_pipeline::{AtomicFile, Diverted, Pipeline, With};
///
/// # let path = std::env::temp_dir().join(format!("exeunt-pipeline-with-{}", std::process::id()));
/// let line = |reject: Diverted<&str>| format!("{}: {}", reject.item, reject.error);
/// Pipeline::new("numbers")
///     .iter("words", ["1", "two"])
///     .try_map("parse", str::parse::<u32>)
///     .divert("rejects", With::new(line, AtomicFile::create(&path)?))
///     .sink("out", |_| Ok(()))
///     .run()?;
/// assert_eq!(std::fs::read_to_string(&path)?, "two: invalid digit found in string\n");
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), exeunt_pipeline::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct With<F, S> {
    make: F,
    sink: S,
}

impl<F, S> With<F, S> {
    /// Puts `make` before `sink`. A panic of `make` is one of the sink.
    #[must_use]
    pub fn new<T, U>(make: F, sink: S) -> With<F, S>
    where
        F: FnMut(T) -> U,
    {
        With { make, sink }
    }
}

impl<S: std::fmt::Debug, F> std::fmt::Debug for With<F, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("With").field("sink", &self.sink).finish_non_exhaustive()
    }
}

impl<T, U, P, F, S> Sink<T, P> for With<F, S>
where
    F: FnMut(T) -> U + Send + 'static,
    S: Sink<U, P>,
{
    fn write(&mut self, item: T) -> exeunt::Result {
        self.sink.write((self.make)(item))
    }

    fn commit(&mut self, position: Option<&P>) -> exeunt::Result {
        self.sink.commit(position)
    }

    fn finish(&mut self, ending: Ending) -> exeunt::Result {
        self.sink.finish(ending)
    }

    fn commit_items(&self) -> usize {
        self.sink.commit_items()
    }

    fn keeps_positions(&self) -> bool {
        self.sink.keeps_positions()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;
    use crate::{AppendFile, Lines, Pipeline};

    #[test]
    fn a_sink_that_keeps_positions_keeps_them_behind_a_closure() {
        let folder = Scratch::new();
        let (from, to) = (folder.join("from"), folder.join("to"));
        for lines in ["1\n2\n", "1\n2\n3\n"] {
            std::fs::write(&from, lines).unwrap();
            let copy = AppendFile::open(&to).unwrap().checkpoint().unwrap();
            let lines = Lines::open(&from).unwrap().after(copy.position().copied()).unwrap();
            let twice = |line: String| format!("{line}{line}");
            Pipeline::new("twice")
                .source("lines", lines)
                .sink("copy", With::new(twice, copy))
                .run()
                .unwrap();
        }
        assert_eq!(std::fs::read_to_string(&to).unwrap(), "11\n22\n33\n");
    }
}
