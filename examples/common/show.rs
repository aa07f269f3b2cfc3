//! How the larger examples show themselves: live on a terminal, and as a timeline in a file.

use std::path::PathBuf;

use exeunt::{Exit, Status, System};
use exeunt_view::{Recorder, Showing, View};

/// A system that is shown, and perhaps recorded.
pub(crate) struct Show {
    view: Showing,
    timeline: Option<(PathBuf, Recorder)>,
}

impl Show {
    /// Begins before anybody is spawned. Plain lines instead of live ones are a matter of taste; a timeline
    /// is drawn if there is a file for it.
    pub(crate) fn of(
        system: &mut System,
        is_plain: bool,
        timeline: Option<PathBuf>,
    ) -> Result<Show, String> {
        if let Some(file) = &timeline {
            check(file)?;
        }
        let view = if is_plain { View::new().plain() } else { View::new() };
        let view = view.attach(system).map_err(|error| format!("the view: {error}"))?;
        let timeline = timeline.map(|file| (file, Recorder::attach(system)));
        Ok(Show { view, timeline })
    }

    /// Prints the report, and draws the timeline. If that fails, so has the program.
    pub(crate) fn end(self, exit: Exit) -> Exit {
        self.view.finish(exit.report());
        let drawn = self.timeline.map_or(Ok(()), |(file, recorder)| {
            recorder.finish(exit.report()).write(file)
        });
        match drawn {
            Ok(()) => exit.quiet(),
            Err(error) => {
                log::error!("{error}");
                exit.quiet().with_status(Status::Failure)
            }
        }
    }
}

/// Finds out before any work has begun what would be wrong with the file after it.
fn check(file: &std::path::Path) -> Result<(), String> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => Err(format!("{}: no such folder", folder.display())),
        _ if file.is_dir() => Err(format!("{}: is a folder", file.display())),
        _ => Ok(()),
    }
}
