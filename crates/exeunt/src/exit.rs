//! [`Exit`]: how a process ends after a run, for `main` to return.

use std::io::{self, Write};
use std::process::{ExitCode, Termination};
use std::thread;
use std::time::Duration;

use crate::report::{INCOMPLETE, Reason, Report, Signal, Status};
use crate::threads;

/// How long the last words of a process may take: a standard output or error that nobody reads,
/// or that is locked by a thread that was given up, must not keep the process alive.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The end of a run, for `main` to return.
///
/// Returned from `main` it writes the [`Report`] to standard error, unless all actors and tasks
/// ended well by themselves, and ends the process truthfully ([`Status`] has the table): with 0; with 1 after
/// a failure; with [`INCOMPLETE`] if something was returned or an actor met its deadline; and,
/// after a signal and a complete drain without a failure, by that signal, so that a shell loop stops and a
/// service manager sees a clean stop. A `main` that can fail before it has a system returns
/// `Result<Exit, E>`.
///
/// # Examples
///
/// A service that is to end with 0 after a complete drain on SIGTERM, though not on SIGINT:
///
/// ```no_run
/// use exeunt::{Exit, Signal, Status, System};
///
/// fn main() -> Exit {
///     let mut system = System::new("service");
///     system.spawn_task("listener", |cx| {
///         cx.stopping().wait();
///         Ok(())
///     });
///     let exit = system.run();
///     match exit.status() {
///         Status::Signal(Signal::TERM) => exit.with_status(Status::Success),
///         _ => exit,
///     }
/// }
/// ```
#[derive(Debug)]
#[must_use = "returned from `main`, it ends the process truthfully"]
pub struct Exit {
    report: Report,
    status: Status,
    is_quiet: bool,
}

impl Exit {
    /// The report of the run. Where [`Termination`] is in scope, its method of the same name comes first: say
    /// `Exit::report(&exit)` there.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The report of the run, to keep.
    pub fn into_report(self) -> Report {
        self.report
    }

    /// How the process will end.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// Ends the process in another way.
    pub fn with_status(self, status: Status) -> Exit {
        Exit { status, ..self }
    }

    /// Does not write the report.
    pub fn quiet(self) -> Exit {
        Exit { is_quiet: true, ..self }
    }
}

/// As [`System::run`](crate::System::run) gives it: for those who end a system in another way.
impl From<Report> for Exit {
    fn from(report: Report) -> Exit {
        let ended_well = report.reason == Reason::Completed && report.status() == Status::Success;
        Exit { status: report.status(), is_quiet: ended_well, report }
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        let text = if self.is_quiet { String::new() } else { self.report.to_string() };
        say_last_words(text);
        match self.status {
            Status::Success => ExitCode::SUCCESS,
            Status::Failure => ExitCode::FAILURE,
            Status::Incomplete => ExitCode::from(INCOMPLETE),
            Status::Signal(signal) => end_by(signal),
        }
    }
}

/// Flushes standard output, which a death by signal would not, and writes the report in one piece.
fn say_last_words(text: String) {
    let words = move || {
        // A closed pipe has no use for the report; there is nobody else to tell. The report comes
        // first: standard output may be held by a thread that was given up, or be full.
        let _ = io::stderr().write_all(text.as_bytes());
        let _ = io::stdout().flush();
    };
    let (done, said) = crossbeam_channel::bounded::<()>(0);
    let speaker = thread::Builder::new().name("last words".to_owned());
    match threads::spawn(speaker, move || {
        words();
        drop(done);
    }) {
        Ok(_) => {
            let _ = said.recv_timeout(LAST_WORDS);
        }
        // Without a thread for it there is no limit to it either.
        Err((_, words)) => {
            if let Some(words) = words {
                words();
            }
        }
    }
}

/// Ends the process by a signal, or as a shell would report that.
fn end_by(signal: Signal) -> ExitCode {
    // To process 1 a signal with its default effect does nothing.
    #[cfg(all(any(unix, windows), feature = "signals"))]
    if std::process::id() != 1 {
        // Comes back only if the signal is not one that ends a process.
        crate::signals::end_by(signal);
    }
    ExitCode::from(status_of(signal))
}

/// That of a shell for a process that a signal has ended; never that of a success.
fn status_of(signal: Signal) -> u8 {
    u8::try_from(signal.0.saturating_add(128)).unwrap_or(u8::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::report::{ActorReport, Ended};
    use crate::stage::Stage;

    #[test]
    fn s3_only_who_has_ended_well_by_itself_has_nothing_to_say() {
        let exit = |reason, ended| {
            let line = ActorReport { ended, ..ActorReport::of_many() };
            let report = Arc::new(Stage::new("test".into())).empty_report(reason);
            Exit::from(Report { actors: vec![line], ..report })
        };
        assert!(exit(Reason::Completed, Ended::Completed).is_quiet);
        for (reason, ended) in [
            (Reason::Shutdown, Ended::Completed),
            (Reason::Completed, Ended::Failed),
            (Reason::Completed, Ended::Abandoned),
        ] {
            let exit = exit(reason, ended);
            assert!(!exit.is_quiet, "{exit:?}");
            assert!(exit.quiet().is_quiet);
        }
    }

    #[test]
    fn s3_no_signal_is_told_as_a_success() {
        let status = |signal| status_of(Signal(signal));
        assert_eq!([2, 15, 127].map(status), [130, 143, 255]);
        assert_eq!([128, i32::MAX, -128, i32::MIN].map(status), [255, 255, 1, 255]);
    }
}
