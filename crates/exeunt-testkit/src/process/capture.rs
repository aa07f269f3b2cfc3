//! What a process says: read by threads, so that it never waits for its reader, and kept.

use std::io::{BufRead, BufReader, Read};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

/// The output of a process so far.
///
/// Its lines come over one channel, from a thread for each stream; the end of the channel is that
/// of both streams.
#[derive(Debug)]
pub(crate) struct Capture {
    lines: Receiver<Line>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The lines that nobody has waited for yet, of both streams. Kept, since threads, and the two
    /// streams, may say theirs in any order.
    unclaimed: Vec<String>,
}

#[derive(Debug)]
enum Line {
    Out(String),
    Err(String),
}

impl Capture {
    pub(crate) fn of(
        stdout: Option<impl Read + Send + 'static>,
        stderr: Option<impl Read + Send + 'static>,
    ) -> Capture {
        let (sender, lines) = crossbeam_channel::unbounded();
        read_lines(stdout, sender.clone(), Line::Out);
        read_lines(stderr, sender, Line::Err);
        Capture { lines, stdout: String::new(), stderr: String::new(), unclaimed: Vec::new() }
    }

    /// Waits for one more line.
    pub(crate) fn hear(&mut self, limit: Duration) -> Result<(), RecvTimeoutError> {
        let (line, said) = match self.lines.recv_timeout(limit)? {
            Line::Out(line) => (line, &mut self.stdout),
            Line::Err(line) => (line, &mut self.stderr),
        };
        said.push_str(&line);
        self.unclaimed.push(line.trim_end_matches(['\r', '\n']).to_owned());
        Ok(())
    }

    /// Takes the first of the lines heard that is wanted.
    pub(crate) fn claim(&mut self, wanted: &mut dyn FnMut(&str) -> bool) -> Option<String> {
        let place = self.unclaimed.iter().position(|line| wanted(line))?;
        Some(self.unclaimed.remove(place))
    }

    /// Drops all lines that have come and were not claimed.
    pub(crate) fn forget(&mut self) {
        for _ in 0..self.lines.len() {
            let _ = self.hear(Duration::ZERO);
        }
        self.unclaimed.clear();
    }
}

/// What is no UTF-8 is replaced, since it is for people and patterns to read.
fn read_lines(
    stream: Option<impl Read + Send + 'static>,
    lines: Sender<Line>,
    from: fn(String) -> Line,
) {
    let Some(stream) = stream else { return };
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut bytes = Vec::new();
        while stream.read_until(b'\n', &mut bytes).is_ok_and(|n| n > 0) {
            if lines.send(from(String::from_utf8_lossy(&bytes).into_owned())).is_err() {
                break;
            }
            bytes.clear();
        }
    });
}
