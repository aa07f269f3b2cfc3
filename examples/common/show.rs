//! How a pipeline shows itself: live on a terminal, as a timeline in a file, and by its report at the end.

use std::io::Write as _;
use std::path::PathBuf;

use exeunt::{Exit, Reason, Status, System};
use exeunt_pipeline::{Outcome, Running};
use exeunt_view::{Recorder, Showing, View};

use crate::output::{self, Output};

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
    recorder: Option<(Recorder, Output)>,
    report: Option<Output>,
}

impl Show {
    /// Begins before anybody is spawned, and finds out what would be wrong with the files at the end, which are to be
    /// others than those that the program writes besides.
    pub(crate) fn of(
        system: &mut System,
        shown: &Shown,
        besides: Option<&Output>,
    ) -> Result<Show, String> {
        let timeline = shown.timeline.as_deref().map(Output::prepare).transpose()?;
        let report = shown.report.as_deref().map(Output::prepare).transpose()?;
        let outputs = [besides, timeline.as_ref(), report.as_ref()];
        output::all_different(&outputs.into_iter().flatten().collect::<Vec<_>>())?;
        let view = if shown.is_plain { View::new().plain() } else { View::new() };
        let view = view.attach(system).map_err(|error| format!("the view: {error}"))?;
        let recorder = timeline.map(|file| (Recorder::attach(system), file));
        Ok(Show { view, recorder, report })
    }

    /// What it will write to.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = &Output> {
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
            file.commit()
        });
        let reported = self.report.map_or(Ok(()), |mut file| {
            serde_json::to_writer_pretty(&mut file, outcome)?;
            writeln!(file)?;
            file.commit()
        });
        drawn.and(reported).map_err(|error| error.to_string())
    }
}

/// What has become of a pipeline, be it good or bad.
pub(crate) fn outcome(running: &Running, exit: Exit) -> Outcome {
    let outcome = running.outcome(exit);
    outcome.unwrap_or_else(|failed| failed.into_outcome().expect("a pipeline that ran has one"))
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
