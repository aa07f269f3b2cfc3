//! The screen: the live lines on a terminal, and the program's own output above them.
//!
//! The lines stand *below* the cursor, and the cursor stays where the program left it, in its column. So
//! there is nothing to count and nothing to restore:
//!
//! - what the program writes by itself, past us, goes where it would go without us, and is never erased;
//!   of a line that stood there, what is longer remains to the right of it until then;
//! - what was drawn is erased from the cursor to the end of the screen, however the terminal has broken the
//!   lines anew in a resize;
//! - a process that dies in the middle of it, in a signal handler even, leaves a terminal with all its modes
//!   as they were.
//!
//! Everything is written in one piece, so that nobody's output comes in between.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

/// One row down, in the same column; at the bottom of the screen that scrolls.
const DOWN: &str = "\x0b";
const SAVE_CURSOR: &str = "\x1b7";
const RESTORE_CURSOR: &str = "\x1b8";
const ERASE_REST_OF_LINE: &str = "\x1b[K";
const ERASE_BELOW: &str = "\x1b[J";

/// Those who write much are not to draw the lines for each of theirs.
const REDRAW_AFTER: Duration = Duration::from_millis(30);

/// How often somebody who panics looks whether the screen is free.
const ATTEMPTS: usize = 100;

pub(crate) struct Screen {
    state: Mutex<State>,
}

struct State {
    out: Box<dyn Write + Send>,
    /// The lines that are to stand below the cursor.
    lines: Vec<String>,
    /// Whether they do.
    are_shown: bool,
    drawn: Option<Instant>,
    /// How many have asked for the screen.
    lent_to: usize,
    /// Nobody reads it any more.
    is_closed: bool,
}

impl Screen {
    pub(crate) fn new(out: Box<dyn Write + Send>) -> Screen {
        Screen {
            state: Mutex::new(State {
                out,
                lines: Vec::new(),
                are_shown: false,
                drawn: None,
                lent_to: 0,
                is_closed: false,
            }),
        }
    }

    /// Shows these lines, instead of those before.
    pub(crate) fn show(&self, lines: Vec<String>) {
        let mut state = self.lock();
        state.lines = lines;
        if state.lent_to == 0 {
            let frame = state.frame();
            state.draw(frame);
        }
    }

    /// Erases the lines.
    pub(crate) fn clear(&self) {
        let mut state = self.lock();
        state.lines.clear();
        state.hide();
    }

    /// Leaves what is there, and takes nothing of it for its own any more: others have the terminal.
    pub(crate) fn forget(&self) {
        let mut state = self.lock();
        state.lines.clear();
        state.are_shown = false;
    }

    /// Writes above the lines.
    ///
    /// # Errors
    ///
    /// Those of the terminal.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.lock();
        if !state.are_shown {
            return state.out.write_all(bytes);
        }
        let mut all = ERASE_BELOW.as_bytes().to_vec();
        all.extend_from_slice(bytes);
        // Else they will be drawn in a moment, by who draws them anyway.
        state.are_shown = state.drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW_AFTER);
        if state.are_shown {
            all.extend(state.frame());
            state.drawn = Some(Instant::now());
        }
        state.out.write_all(&all)
    }

    /// Takes the lines away for as long as the loan lasts, for somebody who writes by itself.
    pub(crate) fn lend(&self) -> Loan<'_> {
        self.lock().lend();
        Loan { screen: self }
    }

    /// The same for somebody who must not wait, and may be on the thread that draws.
    pub(crate) fn try_lend(&self) -> Option<Loan<'_>> {
        for _ in 0..ATTEMPTS {
            match self.state.try_lock() {
                Ok(mut state) => state.lend(),
                Err(TryLockError::Poisoned(state)) => state.into_inner().lend(),
                Err(TryLockError::WouldBlock) => {
                    thread::yield_now();
                    continue;
                }
            }
            return Some(Loan { screen: self });
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn frame(&self) -> Vec<u8> {
        let count = self.lines.len();
        let mut frame = String::new();
        if count > 0 {
            // Room below the cursor first, so that it comes back to the same place.
            frame += &DOWN.repeat(count);
            frame += &format!("\x1b[{count}A");
        }
        frame += SAVE_CURSOR;
        frame += ERASE_REST_OF_LINE;
        for line in &self.lines {
            // From one line to the next without writing into its last column.
            frame.extend(["\r\n", line, ERASE_REST_OF_LINE]);
        }
        frame += ERASE_BELOW;
        frame += RESTORE_CURSOR;
        frame.into_bytes()
    }

    fn draw(&mut self, bytes: Vec<u8>) {
        if self.is_closed {
            return;
        }
        match self.out.write_all(&bytes).and_then(|()| self.out.flush()) {
            Ok(()) => {
                self.are_shown = !self.lines.is_empty();
                self.drawn = Some(Instant::now());
            }
            // It could not take all of it just now.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.are_shown = true,
            Err(_) => self.is_closed = true,
        }
    }

    fn hide(&mut self) {
        if self.are_shown {
            self.draw(ERASE_BELOW.as_bytes().to_vec());
            self.are_shown = false;
        }
    }

    fn lend(&mut self) {
        self.lent_to += 1;
        self.hide();
    }
}

/// The screen is somebody else's until this is dropped; then the lines come back by themselves.
#[must_use]
pub(crate) struct Loan<'a> {
    screen: &'a Screen,
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        self.screen.lock().lent_to -= 1;
    }
}
