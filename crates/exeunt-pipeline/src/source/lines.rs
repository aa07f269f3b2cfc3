//! [`Lines`]: the lines of a file, of standard input, or of whatever else can be read.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use exeunt::Event;

use super::aside::{Aside, Open};
use super::{Next, Source};
use crate::named::{named, of_file};

/// What is longer is no line of text, and would fill the memory.
const LINE_LIMIT_BYTES: usize = 1 << 20;

const BUFFER_BYTES: usize = 1 << 16;

/// The lines of a file, of standard input, or of whatever else can be read.
///
/// A line ends with `\n` or `\r\n`, which is no part of it; the last one counts without, unless it is empty. The
/// position of a line is the number of bytes up to its end, and so where the next one begins; to begin again there
/// see [`after`](Lines::after).
///
/// # Errors of single lines
///
/// - A line that is not UTF-8. Or it can be taken as it is ([`bytes`](Lines::bytes)), or with `�` for what is no text
///   ([`lossy`](Lines::lossy)).
/// - A line of more than a [limit](Lines::line_limit), 1 MiB unless set. It is not kept in memory.
///
/// Both say the name of the file and where in it, and end the pipeline in order, unless errors are
/// [skipped](crate::Flow::skip_errors): then the next line follows. An error of the operating system's
/// names the file too; nothing follows it.
///
/// # The drain
///
/// A file is read on the source's own thread. Standard input, and a path that leads to a pipe or a device, is read on another
/// one, so that a drain begins at once though nobody types anything. The bytes that were read and not given by
/// then are lost to other readers, as with every reader that has a buffer.
///
/// # Examples
///
/// ```
/// use exeunt_pipeline::{Lines, Pipeline};
///
/// # let path = std::env::temp_dir().join(format!("exeunt-lines-{}", std::process::id()));
/// # std::fs::write(&path, "one\ntwo\nthree\n").unwrap();
/// let outcome = Pipeline::new("long-lines")
///     .source("lines", Lines::open(&path)?)
///     .filter("long", |line| line.len() > 3)
///     .sink("print", |line| { assert_eq!(line, "three"); Ok(()) })
///     .run()?;
/// assert_eq!(outcome.ledger().stage("lines").unwrap().out, 3);
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Lines {
    lines: ByteLines,
    is_lossy: bool,
}

impl Lines {
    /// Those of a file.
    ///
    /// What is no regular file, such as a named pipe, is opened only when the pipeline runs, since that may wait.
    ///
    /// # Errors
    ///
    /// What the operating system says, with the name of the file.
    ///
    /// ```
    /// use exeunt_pipeline::Lines;
    ///
    /// let error = Lines::open("/no/such/file").unwrap_err();
    /// assert!(error.to_string().starts_with("/no/such/file: "));
    /// ```
    pub fn open(path: impl AsRef<Path>) -> io::Result<Lines> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let metadata = fs::metadata(path).map_err(of_file(path))?;
        if metadata.is_dir() {
            return Err(of_file(path)(io::ErrorKind::IsADirectory.into()));
        }
        if metadata.is_file() {
            let file = File::open(path).map_err(of_file(path))?;
            let file = BufReader::with_capacity(BUFFER_BYTES, file);
            return Ok(Lines::from(name, Input::File(file)));
        }
        let path = path.to_owned();
        let open: Open = Box::new(move || Ok(Box::new(File::open(path)?)));
        Ok(Lines::from(name, Input::Unopened(Some(open))))
    }

    /// Those of standard input.
    ///
    /// ```
    /// use exeunt_pipeline::{Lines, Pipeline};
    ///
    /// let numbers = Pipeline::new("sum")
    ///     .source("lines", Lines::stdin())
    ///     .try_map("parse", |line| line.parse::<u64>());
    /// ```
    #[must_use]
    pub fn stdin() -> Lines {
        Lines::read_aside("standard input", io::stdin())
    }

    /// Those of a reader that never waits for long: of a decompressed file, for example. A drain waits for it.
    ///
    /// The name is for the errors.
    ///
    /// ```
    /// use exeunt_pipeline::Lines;
    ///
    /// let lines = Lines::read("greeting", &b"hello\nworld"[..]);
    /// ```
    pub fn read(name: impl fmt::Display, reader: impl BufRead + Send + 'static) -> Lines {
        Lines::from(name.to_string(), Input::Reader(Box::new(reader)))
    }

    /// Those of a reader that may wait for as long as it wants: of a connection, for example. It is read on a thread of its
    /// own, and no drain waits for it.
    ///
    /// ```no_run
    /// use std::net::TcpStream;
    /// use exeunt_pipeline::Lines;
    ///
    /// let lines = Lines::read_aside("upstream", TcpStream::connect("192.0.2.7:4000")?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn read_aside(name: impl fmt::Display, reader: impl Read + Send + 'static) -> Lines {
        let open: Open = Box::new(move || Ok(Box::new(reader)));
        Lines::from(name.to_string(), Input::Unopened(Some(open)))
    }

    fn from(name: String, input: Input) -> Lines {
        let lines = ByteLines {
            name,
            input,
            limit_bytes: LINE_LIMIT_BYTES,
            offset: 0,
            skip: None,
            buffer: Vec::new(),
            needs_end: false,
            is_over: false,
        };
        Lines { lines, is_lossy: false }
    }

    /// Begins after a line, at its position in an earlier run, if there is one.
    ///
    /// A file is positioned there. Of everything else so much is read and left out: at once, or, if it is
    /// [read aside](Lines::read_aside), when the pipeline runs.
    ///
    /// # Errors
    ///
    /// If no line begins there: it is another file than it was then, it was made shorter, or its last line, which had no
    /// end, has grown, which cannot be if that is [left out](Lines::only_whole).
    ///
    /// ```
    /// use exeunt_pipeline::Lines;
    ///
    /// # let path = std::env::temp_dir().join(format!("exeunt-after-{}", std::process::id()));
    /// # std::fs::write(&path, "one\ntwo\n").unwrap();
    /// let two = Lines::open(&path)?.after(4)?;
    /// let error = Lines::open(&path)?.after(5).unwrap_err();
    /// assert!(error.to_string().ends_with("no line begins at byte 5"));
    /// # std::fs::remove_file(&path).unwrap();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn after(mut self, position: impl Into<Option<u64>>) -> io::Result<Lines> {
        let lines = &mut self.lines;
        let Some(offset) = position.into() else { return Ok(self) };
        lines.skip = Some(offset);
        if !matches!(lines.input, Input::Unopened(_)) {
            lines.begin().map_err(|error| named(&lines.name, &error))?;
        }
        Ok(self)
    }

    /// Sets how long a line may be, without its end; 1 MiB unless set.
    ///
    /// # Panics
    ///
    /// If `bytes` is zero.
    #[must_use]
    pub fn line_limit(mut self, bytes: usize) -> Lines {
        assert!(bytes > 0, "no line would be short enough");
        self.lines.limit_bytes = bytes;
        self
    }

    /// Leaves out a last line that has no end: whoever writes the file may be in the middle of it. It is given, whole, by
    /// the run that begins [after](Lines::after) the position of the line before.
    ///
    /// ```
    /// use exeunt::Event;
    /// use exeunt_pipeline::{Lines, Source};
    ///
    /// let mut lines = Lines::read("log", &b"one\ntw"[..]).only_whole();
    /// let (line, position) = lines.next_item(&Event::new()).unwrap().unwrap();
    /// assert_eq!((line.as_str(), position), ("one", 4));
    /// assert!(lines.next_item(&Event::new()).is_none());
    /// ```
    #[must_use]
    pub fn only_whole(mut self) -> Lines {
        self.lines.needs_end = true;
        self
    }

    /// Takes lines that are not UTF-8, with `�` for what is no text.
    #[must_use]
    pub fn lossy(self) -> Lines {
        Lines { is_lossy: true, ..self }
    }

    /// The lines as bytes, whatever they are.
    ///
    /// ```
    /// use exeunt_pipeline::{Lines, Pipeline};
    ///
    /// let outcome = Pipeline::new("bytes")
    ///     .source("lines", Lines::read("latin-1", &b"caf\xE9\n"[..]).bytes())
    ///     .sink("print", |line: Vec<u8>| { assert_eq!(line, b"caf\xE9"); Ok(()) })
    ///     .run()?;
    /// # Ok::<(), exeunt_pipeline::Error>(())
    /// ```
    #[must_use]
    pub fn bytes(self) -> ByteLines {
        self.lines
    }
}

impl Source for Lines {
    type Item = String;
    type Position = u64;

    fn next_item(&mut self, stopping: &Event) -> Option<Next<String, u64>> {
        let begin = self.lines.offset;
        let line = match self.lines.read_line(stopping)? {
            Ok(line) if self.is_lossy => String::from_utf8_lossy(line).into_owned(),
            Ok(line) => match std::str::from_utf8(line) {
                Ok(line) => line.to_owned(),
                Err(error) => {
                    let at = begin + error.valid_up_to() as u64;
                    let why = format!("byte {at} is not UTF-8");
                    return Some(Err(self.lines.broken(&why).into()));
                }
            },
            Err(error) => return Some(Err(error.into())),
        };
        Some(Ok((line, self.lines.offset)))
    }

    fn is_next_at_hand(&self) -> bool {
        self.lines.is_next_at_hand()
    }
}

/// Lines as bytes. Made by [`Lines::bytes`].
pub struct ByteLines {
    name: String,
    input: Input,
    limit_bytes: usize,
    /// So much was read.
    offset: u64,
    /// Where it is to begin, if it has not yet.
    skip: Option<u64>,
    /// The line.
    buffer: Vec<u8>,
    /// Whether a last line without an end is none.
    needs_end: bool,
    is_over: bool,
}

enum Input {
    File(BufReader<File>),
    Reader(Box<dyn BufRead + Send>),
    /// To be read on a thread of its own, once it is known what ends that.
    Unopened(Option<Open>),
    Aside(Aside),
}

/// What there was before the end.
enum Filled {
    Line,
    TooLong { begin: u64 },
    Nothing,
}

impl ByteLines {
    fn text(&mut self) -> &mut dyn BufRead {
        match &mut self.input {
            Input::File(file) => file,
            Input::Reader(reader) => reader,
            Input::Aside(aside) => aside,
            Input::Unopened(_) => unreachable!("it is opened before it is read"),
        }
    }

    /// The next line, without its end.
    fn read_line(&mut self, stopping: &Event) -> Option<io::Result<&[u8]>> {
        if self.is_over {
            return None;
        }
        let filled = self.open(stopping).and_then(|()| self.begin());
        match filled.and_then(|()| self.fill(stopping)) {
            Ok(Filled::Line) => Some(Ok(&self.buffer)),
            Ok(Filled::TooLong { begin }) => {
                let limit = self.limit_bytes;
                let why = format!("the line at byte {begin} is longer than {limit} bytes");
                Some(Err(self.broken(&why)))
            }
            Ok(Filled::Nothing) => {
                self.is_over = true;
                None
            }
            Err(error) => {
                self.is_over = true;
                Some(Err(named(&self.name, &error)))
            }
        }
    }

    fn open(&mut self, stopping: &Event) -> io::Result<()> {
        if let Input::Unopened(open) = &mut self.input {
            let Some(open) = open.take() else { return Ok(()) };
            self.input = Input::Aside(Aside::open(open, stopping)?);
        }
        Ok(())
    }

    /// Goes to where it is to begin.
    fn begin(&mut self) -> io::Result<()> {
        let Some(offset @ 1..) = self.skip.take() else { return Ok(()) };
        let before = offset - 1;
        match &mut self.input {
            Input::File(file) => drop(file.seek(SeekFrom::Start(before))?),
            _ => drop(io::copy(&mut self.text().take(before), &mut io::sink())?),
        }
        let mut before = [0];
        let is_there = self.text().read(&mut before)? == 1;
        // A last line that has no end is followed by nothing.
        if is_there && (before == *b"\n" || self.text().fill_buf()?.is_empty()) {
            self.offset = offset;
            return Ok(());
        }
        let why = format!("no line begins at byte {offset}");
        Err(io::Error::new(io::ErrorKind::InvalidData, why))
    }

    fn fill(&mut self, stopping: &Event) -> io::Result<Filled> {
        let (begin, limit) = (self.offset, self.limit_bytes);
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        // With room for its end.
        let most = limit as u64 + 2;
        let read = self.text().take(most).read_until(b'\n', &mut buffer)? as u64;
        self.offset += read;
        let has_end = strip(&mut buffer, b'\n');
        if has_end {
            strip(&mut buffer, b'\r');
        }
        self.buffer = buffer;
        if !has_end && read == most {
            self.offset += self.text().skip_until(b'\n')? as u64;
        }
        let is_cut_off = matches!(self.input, Input::Aside(_)) && stopping.is_set();
        Ok(match has_end {
            _ if self.buffer.len() > limit => Filled::TooLong { begin },
            // Nobody knows how it would have gone on.
            false if read == 0 || is_cut_off || self.needs_end => Filled::Nothing,
            _ => Filled::Line,
        })
    }

    fn broken(&self, why: &str) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, format!("{}: {why}", self.name))
    }
}

/// Takes a byte away from the end, if it is there.
fn strip(line: &mut Vec<u8>, end: u8) -> bool {
    let has_it = line.last() == Some(&end);
    line.truncate(line.len() - usize::from(has_it));
    has_it
}

impl Source for ByteLines {
    type Item = Vec<u8>;
    type Position = u64;

    fn next_item(&mut self, stopping: &Event) -> Option<Next<Vec<u8>, u64>> {
        let line = self.read_line(stopping)?.map(<[u8]>::to_vec);
        Some(line.map(|line| (line, self.offset)).map_err(Into::into))
    }

    fn is_next_at_hand(&self) -> bool {
        match &self.input {
            Input::File(_) | Input::Reader(_) => true,
            Input::Unopened(_) => false,
            Input::Aside(aside) => aside.has_line(),
        }
    }
}

impl fmt::Debug for ByteLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, offset, .. } = self;
        f.debug_struct("ByteLines")
            .field("name", name)
            .field("offset", offset)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
