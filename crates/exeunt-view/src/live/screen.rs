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
//! It is drawn in pieces, each of which is one write, and leaves the cursor where it was: nobody's output comes
//! in between, and a Ctrl-C, at which the terminal forgets what nobody has read yet, takes a whole piece away.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;

/// One row down, in the same column; at the bottom of the screen that scrolls.
const DOWN: &str = "\x0b";
const SAVE_CURSOR: &str = "\x1b7";
const RESTORE_CURSOR: &str = "\x1b8";
const ERASE_REST_OF_LINE: &str = "\x1b[K";
const ERASE_BELOW: &str = "\x1b[J";

/// So many bytes, without a line feed, are written to a terminal as one.
const LONGEST_PIECE: usize = 2_000;

/// Those who write much are not to draw the lines for each of theirs: after so many since the lines were new,
/// they are away until they are new again.
const MOST_REDRAWS: usize = 10;

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
    /// How often these have been drawn anew, below what was written.
    redraws: usize,
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
                redraws: 0,
                lent_to: 0,
                is_closed: false,
            }),
        }
    }

    /// Shows these lines, instead of those before.
    pub(crate) fn show(&self, lines: Vec<String>) {
        let mut state = self.lock();
        state.lines = lines;
        state.redraws = 0;
        if state.lent_to == 0 {
            let pieces = state.pieces();
            state.draw(&pieces);
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
        state.redraws += 1;
        // Else they will be drawn in a moment, by who draws them anyway.
        state.are_shown = state.redraws <= MOST_REDRAWS;
        state.out.write_all(&all)?;
        if state.are_shown {
            let pieces = state.pieces();
            state.draw(&pieces);
        }
        Ok(())
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
    /// What draws the lines.
    fn pieces(&self) -> Vec<String> {
        // Room below the cursor first, so that it comes back to the same place.
        let count = self.lines.len();
        let up = if count > 0 { format!("\x1b[{count}A") } else { String::new() };
        let room = format!("{}{up}{ERASE_REST_OF_LINE}", DOWN.repeat(count));
        let mut pieces = vec![room];
        let mut piece = Piece::below(0);
        for (above, line) in self.lines.iter().enumerate() {
            if piece.0.len() + line.len() > LONGEST_PIECE {
                pieces.push(std::mem::replace(&mut piece, Piece::below(above)).end());
            }
            piece.add(line);
        }
        piece.0 += ERASE_BELOW;
        pieces.push(piece.end());
        pieces
    }

    fn draw(&mut self, pieces: &[String]) {
        if self.is_closed {
            return;
        }
        let mut pieces = pieces.iter();
        let drawn = pieces.try_for_each(|piece| self.out.write_all(piece.as_bytes()));
        match drawn.and_then(|()| self.out.flush()) {
            Ok(()) => self.are_shown = !self.lines.is_empty(),
            // It could not take all of it just now.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.are_shown = true,
            Err(_) => self.is_closed = true,
        }
    }

    fn hide(&mut self) {
        if self.are_shown {
            self.draw(&[ERASE_BELOW.to_owned()]);
            self.are_shown = false;
        }
    }

    fn lend(&mut self) {
        self.lent_to += 1;
        self.hide();
    }
}

/// Lines that are written as one, below so many others.
struct Piece(String);

impl Piece {
    fn below(lines: usize) -> Piece {
        Piece(format!("{SAVE_CURSOR}{}", DOWN.repeat(lines)))
    }

    fn add(&mut self, line: &str) {
        // From one line to the next without writing into its last column.
        self.0.extend(["\r", DOWN, line, ERASE_REST_OF_LINE]);
    }

    fn end(mut self) -> String {
        self.0 += RESTORE_CURSOR;
        self.0
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

#[cfg(all(test, unix))]
mod tests {
    use std::num::NonZeroU16;
    use std::sync::Arc;

    use super::*;
    use crate::live::lock;

    /// What a screen writes to; each write is one, and may be lost.
    #[derive(Clone, Default)]
    struct Writes(Arc<Mutex<Vec<Vec<u8>>>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            lock(&self.0).push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Writes {
        fn take(&self) -> Vec<Vec<u8>> {
            std::mem::take(&mut lock(&self.0))
        }
    }

    fn screen() -> (Screen, Writes) {
        let writes = Writes::default();
        (Screen::new(Box::new(writes.clone())), writes)
    }

    fn terminal(rows: u16) -> vt100::Parser {
        let [rows, columns] = [rows, 80].map(|n| NonZeroU16::new(n).expect("more than nothing"));
        vt100::Parser::new(rows, columns, 0)
    }

    fn many_lines() -> Vec<String> {
        (0..100).map(|line| format!("line {line} {}", "-".repeat(50))).collect()
    }

    #[test]
    fn every_piece_leaves_the_cursor_where_it_was_so_that_any_may_be_lost() {
        let (screen, writes) = screen();
        screen.show(many_lines());
        let pieces = writes.take();
        assert!(pieces.len() > 3, "{} pieces", pieces.len());
        for lost in 0..pieces.len() {
            let mut terminal = terminal(120);
            terminal.process(b"a line\r\nhalf");
            for (at, piece) in pieces.iter().enumerate() {
                assert!(piece.len() <= 2_048 && !piece.contains(&b'\n'));
                if at != lost {
                    terminal.process(piece);
                }
                assert_eq!(terminal.screen().cursor_position(), (1, 4));
            }
        }
    }

    #[test]
    fn lines_stand_below_the_cursor_also_at_the_bottom_of_the_screen() {
        let (screen, writes) = screen();
        let mut terminal = terminal(6);
        terminal.process(b"1\r\n2\r\n3\r\n4\r\n5\r\n6");
        screen.show(vec!["a".into(), "b".into()]);
        writes.take().iter().for_each(|piece| terminal.process(piece));
        assert_eq!(terminal.screen().contents(), "3\n4\n5\n6\na\nb");

        screen.write(b"!\n").unwrap();
        screen.show(vec!["c".into()]);
        writes.take().iter().for_each(|piece| terminal.process(piece));
        assert_eq!(terminal.screen().contents(), "4\n5\n6!\n\nc");

        screen.clear();
        writes.take().iter().for_each(|piece| terminal.process(piece));
        assert_eq!(terminal.screen().contents(), "4\n5\n6!");
    }

    #[test]
    fn what_is_written_stands_above_and_a_flood_of_it_goes_past() {
        let (screen, writes) = screen();
        let mut terminal = terminal(40);
        screen.show(vec!["live".into()]);
        for line in 1..=MOST_REDRAWS {
            screen.write(format!("line {line}\n").as_bytes()).unwrap();
            writes.take().iter().for_each(|piece| terminal.process(piece));
            assert!(terminal.screen().contents().ends_with(&format!("line {line}\n\nlive")));
        }
        screen.write(b"a flood\n").unwrap();
        (0..50).for_each(|_| screen.write(b"more\n").unwrap());
        let written = writes.take().concat();
        assert_eq!(written.len(), ERASE_BELOW.len() + b"a flood\n".len() + 50 * b"more\n".len());
        screen.show(vec!["live".into()]);
        terminal.process(&written);
        writes.take().iter().for_each(|piece| terminal.process(piece));
        assert_eq!(terminal.screen().contents().matches("live").count(), 1);
    }

    #[test]
    fn lent_it_draws_nothing_until_it_is_given_back() {
        let (screen, writes) = screen();
        screen.show(vec!["a".into()]);
        let loan = screen.lend();
        writes.take();
        screen.show(vec!["b".into()]);
        assert!(writes.take().is_empty());
        drop(loan);
        screen.show(vec!["c".into()]);
        assert!(!writes.take().is_empty());
    }
}
