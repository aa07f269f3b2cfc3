//! [`View`]: a system, as it is seen by somebody in front of a terminal.
//!
//! What is drawn comes in three steps: the [`cast`] makes entries of snapshots, the [`scene`] makes lines of
//! entries, and both are pure; the [`screen`] puts lines on a terminal.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use exeunt::{Event, Notice, Reason, System};
use log::LevelFilter;

use crate::plain;
use cast::Cast;
use screen::Screen;
use stagehand::Stagehand;
use terminal::{Terminal, screen_of_the_process};

pub use showing::{Showing, Writer};

mod showing;
mod stagehand;
pub(crate) mod cast;
mod scene;
mod table;
pub(crate) mod text;
mod screen;
mod terminal;

/// How often a terminal is drawn.
const TICK: Duration = Duration::from_millis(100);

/// How often a line of progress is written, unless something else is set.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// Describes how a system is to be shown, on standard error.
///
/// On a terminal: live lines, redrawn ten times a second, at the bottom of what the program writes. Each
/// actor, task and [pool](exeunt::System::pool) has a line with its state, how full its mailbox is, how many
/// messages it handles in a second and has handled; upstream first, which is the order of leaving, children
/// below their parent. In the drain the same lines show whose turn it is, what is left, and the time left
/// until the deadline. Where there is no room for all, those that need attention are shown, and how many
/// more there are.
///
/// Elsewhere, where `TERM` is `dumb` or not set, or where [`plain`](View::plain) says so: a line for each
/// [notice](Notice) that the log does not tell already, and until the drain a line of progress each second
/// in which something has happened.
///
/// # Guarantee
///
/// - The view only looks. It keeps no system alive, holds up no drain, and a standard error that is closed,
///   or that nobody reads, is no trouble of the program's.
/// - Nothing of the terminal is changed that would have to be restored: no raw mode, no other screen, no
///   hidden cursor. Whatever way the process ends, also by a second signal inside the handler, the terminal
///   is as it was. Lines that were on it when the process died, or was stopped with Ctrl-Z, stay below the
///   cursor until something is written over them.
/// - `NO_COLOR` is respected. Bars are of `#` where the locale is none of Unicode, or of a language whose
///   terminals may make strokes two columns wide. In the background (`program &`) nothing is drawn.
/// - At most one system of a process is drawn; the lines of further ones are plain, and stand above.
///
/// # The program's own output
///
/// What goes through the [writer](Showing::writer) appears above the live lines. So does what a panic says.
/// What the program writes past it, to the same terminal, is never erased, and goes where it would have gone
/// without the view; but several such lines at once are written *over* the live lines, and what stood there
/// remains to the right of a line that is shorter. [`Writer::aside`] takes the lines away meanwhile.
///
/// # Examples
///
/// ```no_run
/// use exeunt::{Exit, System};
/// use exeunt_view::View;
///
/// fn main() -> std::io::Result<Exit> {
///     let mut system = System::new("words");
///     let view = View::new().attach(&mut system)?;
///     let log = env_logger::Target::Pipe(Box::new(view.writer()));
///     env_logger::Builder::from_default_env().target(log).init();
///     system.spawn_task("reader", |cx| {
///         cx.stopping().wait();
///         Ok(())
///     });
///     let exit = system.run(); // and the view shows the drain
///     view.finish(exit.report());
///     Ok(exit.quiet())
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is shown before `attach`"]
pub struct View {
    is_plain: bool,
    progress_every: Duration,
}

impl Default for View {
    fn default() -> View {
        View::new()
    }
}

impl View {
    /// A view that finds out by itself whether there is a terminal.
    pub fn new() -> View {
        View { is_plain: false, progress_every: PROGRESS_EVERY }
    }

    /// Writes plain lines on a terminal too.
    pub fn plain(self) -> View {
        View { is_plain: true, ..self }
    }

    /// Sets how often there is a line of progress, among plain lines; 1 s unless set, and 100 ms at the least.
    ///
    /// ```
    /// use std::time::Duration;
    /// use exeunt_view::View;
    ///
    /// let for_a_log_of_days = View::new().plain().progress_every(Duration::from_secs(600));
    /// # let _ = for_a_log_of_days;
    /// ```
    pub fn progress_every(self, time: Duration) -> View {
        View { progress_every: time.max(TICK), ..self }
    }

    /// Begins to show the system, on a thread of its own, until the system has ended or the [`Showing`] is
    /// dropped or [finished](Showing::finish).
    ///
    /// ```
    /// use exeunt::System;
    /// use exeunt_view::View;
    ///
    /// let mut system = System::new("watched");
    /// let view = View::new().plain().attach(&mut system)?;
    /// system.spawn_task("worker", |cx| {
    ///     cx.stopping().wait();
    ///     Ok(())
    /// });
    /// let report = system.shutdown();
    /// view.finish(&report);
    /// assert!(report.is_complete());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the operating system refuses the thread, which is named. Then nothing is shown.
    pub fn attach(self, system: &mut System) -> io::Result<Showing> {
        let terminal = if self.is_plain { None } else { Terminal::claim() };
        let screen = screen_of_the_process();
        let over = Event::new();
        let ended = Event::new();
        let drain = Arc::new(Mutex::new(None));
        let stagehand = Stagehand {
            system: system.handle(),
            screen,
            over: over.clone(),
            drain: Arc::clone(&drain),
            cast: Cast::default(),
            began: Instant::now(),
        };
        let loudest = if terminal.is_some() { LevelFilter::Warn } else { LevelFilter::Info };
        let name = format!("{}/view", system.handle().name().replace('\0', ""));
        let show = {
            let ended = ended.clone();
            move || {
                match terminal {
                    Some(terminal) => stagehand.draw(&terminal),
                    None => stagehand.write_lines(self.progress_every),
                }
                ended.set();
            }
        };
        let refused = |error: io::Error| {
            io::Error::new(error.kind(), format!("no thread for `{name}`: {error}"))
        };
        thread::Builder::new().name(name.clone()).spawn(show).map_err(refused)?;
        // To drop it is to wait for that thread.
        let showing = Showing::new(over.clone(), ended);
        let name = system.handle().name().to_owned();
        system.observe(listener(name, screen, drain, loudest, SetAtTheEnd(over)));
        Ok(showing)
    }
}

/// Why the drain began, and when.
type Drain = Arc<Mutex<Option<(Reason, Instant)>>>;

fn listener(
    system: String,
    screen: &'static Screen,
    drain: Drain,
    loudest: LevelFilter,
    end: SetAtTheEnd,
) -> impl FnMut(&Notice) + Send + 'static {
    move |notice| {
        let _until_the_end = &end;
        if let Notice::DrainBegan { reason, .. } = notice {
            *lock(&drain) = Some((reason.clone(), Instant::now()));
        }
        if let Some(line) = plain::said_of(&system, notice, loudest) {
            // There is nobody else to tell.
            let _ = screen.write(line.as_bytes());
        }
    }
}

/// A system drops its listeners when it comes to its end.
struct SetAtTheEnd(Event);

impl Drop for SetAtTheEnd {
    fn drop(&mut self) {
        self.0.set();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
