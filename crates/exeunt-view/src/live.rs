//! [`View`]: a system, as it is seen by somebody in front of a terminal.
//!
//! What is drawn comes in three steps: the [`cast`] makes entries of snapshots, the [`scene`] makes lines of
//! entries, and both are pure; the [`screen`] puts lines on a terminal.

use std::env;
use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use exeunt::{Event, Notice, Reason, Report, System, SystemHandle};
use log::LevelFilter;

use crate::plain;
use cast::{Cast, Entry};
use scene::{Scene, Size};
use screen::Screen;

pub(crate) mod cast;
mod scene;
mod screen;
pub(crate) mod text;

/// How often a terminal is drawn.
const TICK: Duration = Duration::from_millis(100);

/// How often a line of progress is written, unless something else is set.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// How long the end of the view, or the report, may take: a terminal that was stopped with Ctrl-S, or a pipe
/// that nobody reads, must not keep the process alive.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// For a terminal that does not know its own.
const USUAL_SIZE: Size = Size { columns: 80, rows: 24 };

/// What one may write at a time before it has to be a line.
const LONGEST_PIECE: usize = 64 * 1024;

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
///   is as it was. Lines that were on it when the process died stay below the cursor, until something is
///   written over them.
/// - `NO_COLOR` is respected. In the background (`program &`) nothing is drawn.
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

    /// Sets how often there is a line of progress, among plain lines; 1 s unless set.
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
    /// If the operating system refuses the thread. Then nothing is shown.
    pub fn attach(self, system: &mut System) -> io::Result<Showing> {
        let terminal = if self.is_plain { None } else { Terminal::claim() };
        let screen = screen_of_the_process();
        let over = Event::new();
        let ended = Event::new();
        let drain = Arc::new(Mutex::new(None));
        let stagehand = Stagehand {
            system: system.handle(),
            screen: Arc::clone(screen),
            over: over.clone(),
            drain: Arc::clone(&drain),
            cast: Cast::default(),
            began: Instant::now(),
        };
        let loudest = if terminal.is_some() { LevelFilter::Warn } else { LevelFilter::Info };
        let name = format!("{}/view", system.handle().name().replace('\0', ""));
        let thread = thread::Builder::new().name(name);
        let showing = Showing { screen, over: over.clone(), ended: ended.clone() };
        thread.spawn(move || {
            match terminal {
                Some(terminal) => stagehand.draw(&terminal),
                None => stagehand.write_lines(self.progress_every),
            }
            ended.set();
        })?;
        let name = system.handle().name().to_owned();
        system.observe(listener(name, screen, drain, loudest, SetAtTheEnd(over)));
        Ok(showing)
    }
}

/// Why the drain began, and when.
type Drain = Arc<Mutex<Option<(Reason, Instant)>>>;

fn listener(
    system: String,
    screen: &'static Arc<Screen>,
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

/// A system that is being shown. Dropping it ends that.
///
/// Dropped before its system, it does not see the drain.
#[must_use = "dropping it ends the view"]
pub struct Showing {
    screen: &'static Arc<Screen>,
    over: Event,
    ended: Event,
}

impl Showing {
    /// What the program is to write to, so that it appears above the live lines: for the log, and for lines
    /// of its own. Without a terminal it is standard error.
    #[must_use]
    pub fn writer(&self) -> Writer {
        Writer { screen: self.screen, pending: Vec::new() }
    }

    /// Takes the live lines away and prints the report. See [`Exit::quiet`](exeunt::Exit::quiet), so that it
    /// is not printed twice.
    ///
    /// Returns after a second or two also if standard error takes nothing.
    pub fn finish(self, report: &Report) {
        let screen = self.screen;
        drop(self);
        let text = report.to_string();
        let said = Event::new();
        let words = {
            let said = said.clone();
            move || {
                let _ = screen.write(text.as_bytes());
                said.set();
            }
        };
        // Without a thread for it nobody can say when it is enough; then it is for the `Exit` to say.
        if thread::Builder::new().name("last words".to_owned()).spawn(words).is_ok() {
            let _ = said.wait_timeout(LAST_WORDS);
        }
    }
}

impl Drop for Showing {
    fn drop(&mut self) {
        self.over.set();
        let _ = self.ended.wait_timeout(LAST_WORDS);
    }
}

impl fmt::Debug for Showing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Showing").field("ended", &self.ended.is_set()).finish_non_exhaustive()
    }
}

/// Writes to standard error, above the live lines if there are any.
///
/// It writes whole lines, and what is not one when it is [flushed](Write::flush) or dropped. It outlives the
/// view: then it is standard error.
///
/// # Examples
///
/// ```
/// use std::io::Write;
/// use exeunt::System;
/// use exeunt_view::View;
///
/// let mut system = System::new("chatty");
/// let view = View::new().plain().attach(&mut system)?;
/// let mut out = view.writer();
/// system.spawn_task("talker", move |_| Ok(writeln!(out, "a line of its own")?));
/// system.wait();
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Writer {
    screen: &'static Arc<Screen>,
    /// What is no line yet.
    pending: Vec<u8>,
}

impl Writer {
    /// Runs what writes to the terminal by itself (a `println`, a child process, a question to the user)
    /// while the live lines are away. Elsewhere it just runs it.
    ///
    /// What others write by this writer meanwhile comes in between, as it would without the view.
    ///
    /// ```
    /// # use exeunt::System;
    /// # use exeunt_view::View;
    /// let mut system = System::new("chatty");
    /// let view = View::new().attach(&mut system)?;
    /// let answer = view.writer().aside(|| {
    ///     println!("a line that goes to standard output");
    ///     42
    /// });
    /// assert_eq!(answer, 42);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn aside<R>(&self, others: impl FnOnce() -> R) -> R {
        let _loan = self.screen.lend();
        others()
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        let lines = match bytes.iter().rposition(|&byte| byte == b'\n') {
            Some(newline) => self.pending.len() - (bytes.len() - newline) + 1,
            None if self.pending.len() >= LONGEST_PIECE => self.pending.len(),
            None => return Ok(bytes.len()),
        };
        // Taken in any case: who tries again must not say it twice.
        let lines: Vec<u8> = self.pending.drain(..lines).collect();
        self.screen.write(&lines).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match std::mem::take(&mut self.pending) {
            pending if pending.is_empty() => Ok(()),
            pending => self.screen.write(&pending),
        }
    }
}

/// Another one of the same place; what has not been written is not copied.
impl Clone for Writer {
    fn clone(&self) -> Writer {
        Writer { screen: self.screen, pending: Vec::new() }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("pending", &self.pending.len()).finish_non_exhaustive()
    }
}

/// Who looks at the system, on a thread of its own.
struct Stagehand {
    system: SystemHandle,
    screen: Arc<Screen>,
    over: Event,
    drain: Drain,
    cast: Cast,
    began: Instant,
}

impl Stagehand {
    /// Draws until the end.
    fn draw(mut self, terminal: &Terminal) {
        while !self.is_over(TICK) {
            if !terminal.is_ours() {
                self.screen.forget();
                continue;
            }
            let scene = self.look();
            let size = terminal.size();
            let lines = scene.lines(size).into_iter();
            let columns = size.columns.saturating_sub(1);
            self.screen
                .show(lines.map(|line| line.render(columns, terminal.has_colours)).collect());
        }
        self.screen.clear();
    }

    /// Writes lines of progress until the drain begins.
    fn write_lines(mut self, every: Duration) {
        let mut last = None;
        let mut last_word = Instant::now();
        while !self.is_over(every.min(PROGRESS_EVERY)) {
            if last_word.elapsed() < every {
                continue;
            }
            last_word = Instant::now();
            let entries = self.entries();
            let line = plain::progress(self.system.name(), &entries);
            // During the drain the system itself says whom it waits for.
            if line != last && !self.system.is_draining() {
                let _ = self.screen.write(line.as_deref().unwrap_or_default().as_bytes());
                last = line;
            }
        }
    }

    fn is_over(&self, after: Duration) -> bool {
        self.over.wait_timeout(after) || self.system.has_ended()
    }

    fn entries(&mut self) -> Vec<Entry> {
        let sights = self.system.snapshot().into_iter().map(Into::into).collect();
        self.cast.look(Instant::now(), sights)
    }

    fn look(&mut self) -> Scene {
        let drain = lock(&self.drain).clone();
        let ends_at_signal = matches!(drain, Some((Reason::Signal(_), _)));
        Scene {
            system: self.system.name().to_owned(),
            running_for: self.began.elapsed(),
            drain: drain.map(|(reason, began)| (reason.to_string(), began.elapsed())),
            ends_at_signal,
            entries: self.entries(),
        }
    }
}

/// Standard error, for all views of the process: the lines of each must know of those of the others.
fn screen_of_the_process() -> &'static Arc<Screen> {
    static SCREEN: OnceLock<Arc<Screen>> = OnceLock::new();
    SCREEN.get_or_init(|| Arc::new(Screen::new(standard_error())))
}

/// A way to standard error that waits for nobody who has locked it.
fn standard_error() -> Box<dyn Write + Send> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd as _;
        if let Ok(own) = io::stderr().as_fd().try_clone_to_owned() {
            return Box::new(File::from(own));
        }
    }
    Box::new(io::stderr())
}

/// The terminal, for the one that draws on it.
struct Terminal {
    has_colours: bool,
}

static IS_CLAIMED: AtomicBool = AtomicBool::new(false);

impl Terminal {
    /// The terminal, if standard error is one that can be drawn on, and nobody else does.
    fn claim() -> Option<Terminal> {
        let is_able = env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
        if !cfg!(unix) || !is_able || !io::stderr().is_terminal() {
            return None;
        }
        if IS_CLAIMED.swap(true, Ordering::SeqCst) {
            return None;
        }
        step_aside_for_panics();
        let has_colours = env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
        Some(Terminal { has_colours })
    }

    fn size(&self) -> Size {
        let size = terminal_size::terminal_size_of(io::stderr());
        size.map_or(USUAL_SIZE, |(columns, rows)| Size {
            columns: columns.0.into(),
            rows: rows.0.into(),
        })
    }

    /// Whether the process is in the foreground. In the background it is for the shell, and for others, to
    /// write there.
    fn is_ours(&self) -> bool {
        #[cfg(unix)]
        {
            let foreground = rustix::termios::tcgetpgrp(io::stderr());
            // One that is not the terminal of its session has no foreground.
            foreground.map_or(true, |group| group == rustix::process::getpgrp())
        }
        #[cfg(not(unix))]
        true
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        IS_CLAIMED.store(false, Ordering::SeqCst);
    }
}

/// What a panic says goes to standard error by itself. Done once, and not undone: others may have set hooks
/// on top of it.
fn step_aside_for_panics() {
    static ONCE: Once = Once::new();
    if thread::panicking() {
        return; // a hook cannot be set now
    }
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let _loan = screen_of_the_process().try_lend();
            others(info);
        }));
    });
}
