//! [`Showing`] and [`Writer`]: what a program holds of its view.

use std::fmt;
use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use exeunt::Event;

use super::screen::Screen;
use super::terminal::screen_of_the_process;

/// How long the end of the view, or the report, may take: a terminal that was stopped with Ctrl-S, or a pipe
/// that nobody reads, must not keep the process alive.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What one may write at a time before it has to be a line.
const LONGEST_PIECE: usize = 64 * 1024;

/// A system that is being shown. Dropping it ends that.
///
/// Dropped before its system, it does not see the drain.
#[must_use = "dropping it ends the view"]
pub struct Showing {
    over: Event,
    ended: Event,
}

impl Showing {
    /// Of a view that ends when `over` is set, and sets `ended` then.
    pub(super) fn new(over: Event, ended: Event) -> Showing {
        Showing { over, ended }
    }

    /// What the program is to write to, so that it appears above the live lines: for the log, and for lines
    /// of its own. Without a terminal it is standard error.
    #[must_use]
    pub fn writer(&self) -> Writer {
        Writer::new()
    }

    /// Takes the live lines away and prints the report, or whatever else is to be said in the end. See
    /// [`Exit::quiet`](exeunt::Exit::quiet), so that the report is not printed twice.
    ///
    /// Returns after a second or two also if standard error takes nothing.
    pub fn finish(self, report: &impl fmt::Display) {
        drop(self);
        let text = report.to_string();
        let said = Event::new();
        let words = {
            let said = said.clone();
            move || {
                let _ = screen_of_the_process().write(text.as_bytes());
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
/// It writes whole lines, and what is not one when it is [flushed](Write::flush) or dropped. Before there is a
/// view, and when there is none any more, it is standard error.
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
    screen: &'static Screen,
    /// What is no line yet.
    pending: Vec<u8>,
}

impl Default for Writer {
    fn default() -> Writer {
        Writer::new()
    }
}

impl Writer {
    /// One that is there before the view is, for a log that begins first.
    ///
    /// ```
    /// use exeunt_view::Writer;
    ///
    /// let log = env_logger::Target::Pipe(Box::new(Writer::new()));
    /// env_logger::Builder::from_default_env().target(log).init();
    /// ```
    #[must_use]
    pub fn new() -> Writer {
        Writer { screen: screen_of_the_process(), pending: Vec::new() }
    }

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
        Writer::new()
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
