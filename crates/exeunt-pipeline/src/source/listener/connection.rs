//! [`Connection`]: what one peer has sent so far.

use std::collections::VecDeque;
use std::io::{self, Read};

use mio::{Interest, Registry, Token};

use super::socket::Stream;

const BLOCK_BYTES: usize = 1 << 16;

pub(super) struct Connection {
    stream: Stream,
    peer: String,
    /// The beginning of a line.
    begun: Vec<u8>,
    heard_bytes: usize,
}

/// What became of an attempt to read.
pub(super) enum Heard {
    /// There may be more.
    Some,
    /// Nothing for now.
    Nothing,
    End,
}

impl Connection {
    pub(super) fn new(stream: Stream, peer: String) -> Connection {
        Connection { stream, peer, begun: Vec::new(), heard_bytes: 0 }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(self.stream.as_source(), token, Interest::READABLE)
    }

    pub(super) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        registry.deregister(self.stream.as_source())
    }

    pub(super) fn begin_to_count(&mut self) {
        self.heard_bytes = 0;
    }

    pub(super) fn has_heard(&self, bytes: usize) -> bool {
        self.heard_bytes >= bytes
    }

    /// Reads one block, so that others have their turn too, and takes the lines that are whole.
    pub(super) fn hear(&mut self, limit_bytes: usize, lines: &mut VecDeque<String>) -> Heard {
        let mut block = [0; BLOCK_BYTES];
        match self.stream.read(&mut block) {
            Ok(0) => Heard::End,
            Ok(bytes) => {
                self.heard_bytes += bytes;
                match self.take(&block[..bytes], limit_bytes, lines) {
                    true => Heard::Some,
                    false => self.give_up(&format!("a line of more than {limit_bytes} bytes")),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Heard::Nothing,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Heard::Some,
            Err(error) => self.give_up(&error.to_string()),
        }
    }

    /// Nobody knows how its last line would have gone on.
    fn give_up(&mut self, why: &str) -> Heard {
        log::warn!("{}: {why}; the connection is closed", self.peer);
        self.begun.clear();
        Heard::End
    }

    /// Says whether all lines are short enough.
    fn take(&mut self, mut block: &[u8], limit_bytes: usize, lines: &mut VecDeque<String>) -> bool {
        while let Some(end) = block.iter().position(|&byte| byte == b'\n') {
            self.begun.extend_from_slice(&block[..end]);
            block = &block[end + 1..];
            let line = self.begun.strip_suffix(b"\r").unwrap_or(&self.begun);
            if line.len() > limit_bytes {
                return false;
            }
            lines.push_back(String::from_utf8_lossy(line).into_owned());
            self.begun.clear();
        }
        self.begun.extend_from_slice(block);
        // With room for a `\r`.
        self.begun.len() <= limit_bytes + 1
    }

    /// The last line, if it has no end.
    pub(super) fn rest(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.begun);
        (!line.is_empty()).then(|| String::from_utf8_lossy(&line).into_owned())
    }
}
