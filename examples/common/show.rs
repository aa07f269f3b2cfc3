//! How a pipeline shows itself: live on a terminal, as a timeline in a file, and by its report at the end.
#![allow(dead_code)] // each program takes its own part of it

use std::collections::HashSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use exeunt::{Exit, Reason, Status, System};
use exeunt_pipeline::{AtomicFile, Outcome};
use exeunt_view::{Recorder, Showing, View};

/// How a run is to be shown, as it was chosen on the command line.
#[derive(Default)]
pub(crate) struct Shown {
    /// Lines instead of a live view, on a terminal too.
    pub(crate) is_plain: bool,
    pub(crate) timeline: Option<PathBuf>,
    pub(crate) report: Option<PathBuf>,
}

/// A system that is shown, and perhaps recorded.
pub(crate) struct Show {
    view: Showing,
    recorder: Option<(Recorder, AtomicFile)>,
    report: Option<AtomicFile>,
}

impl Show {
    /// Begins before anybody is spawned, and finds out what would be wrong with the files at the end, which are to be
    /// others than those that the program writes besides.
    pub(crate) fn of(
        system: &mut System,
        shown: &Shown,
        besides: Option<&AtomicFile>,
    ) -> Result<Show, String> {
        let timeline = shown.timeline.as_ref().map(create).transpose()?;
        let report = shown.report.as_ref().map(create).transpose()?;
        let outputs = [besides, timeline.as_ref(), report.as_ref()];
        all_different(outputs.into_iter().flatten().flat_map(AtomicFile::paths))?;
        let view = if shown.is_plain { View::new().plain() } else { View::new() };
        let view = view.attach(system).map_err(|error| format!("the view: {error}"))?;
        let recorder = timeline.map(|file| (Recorder::attach(system), file));
        Ok(Show { view, recorder, report })
    }

    /// What it will write to.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = &AtomicFile> {
        self.recorder.iter().map(|(_, timeline)| timeline).chain(&self.report)
    }

    /// Says what became of the pipeline, and writes the files.
    pub(crate) fn end(self, outcome: &Outcome) -> Result<(), String> {
        match outcome.report().reason {
            // That all have ended by themselves needs no report.
            Reason::Completed => self.view.finish(outcome.ledger()),
            _ => self.view.finish(outcome),
        }
        let drawn = self.recorder.map_or(Ok(()), |(recorder, mut file)| {
            write!(file, "{}", recorder.finish(outcome.report()))?;
            file.finish()
        });
        let reported = self.report.map_or(Ok(()), |mut file| {
            serde_json::to_writer_pretty(&mut file, outcome)?;
            writeln!(file)?;
            file.finish()
        });
        drawn.and(reported).map_err(|error| error.to_string())
    }
}

/// Opens what will be written to, or says, with its name, why that is not possible.
pub(crate) fn create(path: impl AsRef<Path>) -> Result<AtomicFile, String> {
    AtomicFile::create(path).map_err(|error| error.to_string())
}

fn all_different<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<(), String> {
    let mut seen = HashSet::new();
    let mut paths = paths;
    match paths.find(|path| !seen.insert(*path)) {
        Some(twice) => Err(format!("{}: two outputs cannot be one file", twice.display())),
        None => Ok(()),
    }
}

/// How the process is to end. What went wrong after the run makes a failure of it.
pub(crate) fn exit(outcome: Outcome, done: Result<(), String>) -> Exit {
    // It has been said.
    let exit = outcome.into_exit().quiet();
    match done {
        Ok(()) => exit,
        Err(error) => {
            log::error!("{error}");
            exit.with_status(Status::Failure)
        }
    }
}
