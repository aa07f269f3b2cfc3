//! [`Aside`]: what is read on a thread of its own, since nobody knows for how long that waits.

use std::io::{self, BufRead, Read};

use exeunt::{Event, Interruptible};

const BLOCK_BYTES: usize = 1 << 16;

/// Opens it, on that thread.
pub(super) type Open = Box<dyn FnOnce() -> io::Result<Box<dyn Read + Send>> + Send>;

/// A reader whose waits end with an event. Then it is at its end.
///
/// Whole blocks are handed over, as large as what is there: a line for one that is typed, thousands of them for a pipe.
pub(super) struct Aside {
    blocks: Interruptible<io::Result<Vec<u8>>>,
    block: Vec<u8>,
    at: usize,
}

impl Aside {
    pub(super) fn open(open: Open, stopping: &Event) -> io::Result<Aside> {
        let blocks = stopping.interrupts(move || Blocks::Unopened(Some(open)))?;
        Ok(Aside { blocks, block: Vec::new(), at: 0 })
    }

    /// Whether there is all of one in what was read.
    pub(super) fn has_line(&self) -> bool {
        self.block[self.at..].contains(&b'\n')
    }
}

impl BufRead for Aside {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.block.len() {
            let next = exeunt::waiting_for("input", || self.blocks.next());
            self.block = next.transpose()?.unwrap_or_default();
            self.at = 0;
        }
        Ok(&self.block[self.at..])
    }

    fn consume(&mut self, bytes: usize) {
        self.at += bytes;
    }
}

impl Read for Aside {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(to)?;
        self.consume(read);
        Ok(read)
    }
}

/// What the thread does.
enum Blocks {
    Unopened(Option<Open>),
    Open(Box<dyn Read + Send>),
}

impl Iterator for Blocks {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<io::Result<Vec<u8>>> {
        match self {
            Blocks::Unopened(open) => match open.take()?() {
                Ok(reader) => {
                    *self = Blocks::Open(reader);
                    self.next()
                }
                Err(error) => Some(Err(error)),
            },
            Blocks::Open(reader) => {
                let block = read_block(reader).transpose();
                // After an error there is no more.
                if let Some(Err(_)) = block {
                    *self = Blocks::Unopened(None);
                }
                block
            }
        }
    }
}

/// What is there, or waits until something is.
fn read_block(reader: &mut dyn Read) -> io::Result<Option<Vec<u8>>> {
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        match reader.read(&mut block) {
            Ok(read) => {
                block.truncate(read);
                return Ok((read > 0).then_some(block));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(reader: impl Read + Send + 'static) -> Blocks {
        Blocks::Unopened(Some(Box::new(|| Ok(Box::new(reader)))))
    }

    #[test]
    fn the_thread_ends_with_its_reader() {
        let all: Vec<_> = blocks(&b"all"[..]).map(Result::unwrap).take(2).collect();
        assert_eq!(all, [b"all"]);
    }

    #[test]
    fn after_an_error_nothing_is_read_any_more() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        assert_eq!(blocks(Fails).take(2).filter(Result::is_err).count(), 1);
    }
}
