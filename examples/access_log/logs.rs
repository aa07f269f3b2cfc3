//! [`Logs`]: the lines of all the logs of a folder, each with its [`Position`], from any position on.
//!
//! A log is what a server and `logrotate` leave behind: a file whose name ends in `.log` or `_log`,
//! with a number or a date after it if it was rotated, and `.gz` if it was compressed. Everything
//! else in the folder is left alone. The oldest comes first, so that the one that is still written
//! to is the last, and what is added to it later comes after all that was read before:
//!
//! ```text
//! access.log.10.gz  access.log.9.gz  ...  access.log.1  access.log
//! ```
//!
//! A line of that one which has no end yet is left for the next run: the server may be writing it.
//!
//! Whoever rotates them does not mind a run that has stopped in the middle of one: a position says how the text begins
//! that it lies in, and so the text is found again under another name, also copied or compressed. It is read to its end,
//! and then those that came after it.
//!
//! A file that may not be opened is refused before any line is read: once those after it were counted, no position
//! would lead back to it. One that is gone is an error that names it, and the next one follows.
//!
//! So it is with one that breaks off in the middle, as a compressed one does of which not all was copied: all lines that
//! are whole are given, then the error says up to where, and the next one follows. A run that stops before it is through
//! with it finds the same place again, and goes on if the file is whole by then. Once it is through, what was missing is
//! counted by a new database only; so what could not be read travels with the [`Line`] that comes after it, to where that
//! is counted.
//!
//! Bytes that are not UTF-8 become `�`: servers escape them, so they are rare, and no reason to lose
//! a line.

use std::cmp::Ordering;
use std::error::Error;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::mem;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::vec;

use exeunt::Event;
use exeunt_pipeline::{Lines, Next, Source};
use flate2::Crc;
use flate2::bufread::MultiGzDecoder;

use crate::unread::Unread;

const BUFFER_BYTES: usize = 1 << 16;

/// So much of its beginning tells a log from others: several lines, with their times.
const HEAD_BYTES: u64 = 1024;

/// The lines of a folder. Each comes with the position after it: to begin there is to go on with the
/// next one.
pub(crate) struct Logs {
    files: vec::IntoIter<LogFile>,
    current: Option<Log>,
    unread: Unread,
    /// What could not be read since the last line.
    lost: Vec<String>,
}

/// A line of a log.
#[derive(Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) text: String,
    /// What could not be read, and stood between the line before and this one: nobody comes back to it.
    pub(crate) lost: Vec<String>,
}

impl Logs {
    /// Finds the logs of a folder, and begins with the first line, or after a position at which
    /// another run has left off.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read or has no logs in it, or one of those that are to be read may not be opened; or if
    /// the position is not the beginning of a line in them: the log that it lies in is gone, and nobody can tell what
    /// was read.
    pub(crate) fn open(folder: &Path, after: Option<&Position>) -> Result<Logs, LogError> {
        let mut files = find(folder)?;
        let Some(position) = after else {
            files.iter().try_for_each(LogFile::check)?;
            return Ok(Logs::of(files, None));
        };
        let Some(index) = place_of(position, &files) else {
            let is_there = files.iter().any(|file| file.name == position.file);
            let kind = if is_there { Kind::Other } else { Kind::Gone };
            return Err(LogError::new(&folder.join(&*position.file), kind));
        };
        let rest = files.split_off(index + 1);
        rest.iter().try_for_each(LogFile::check)?;
        let current = files.pop().map(|file| file.open(position.offset)).transpose()?;
        Ok(Logs::of(rest, current))
    }

    fn of(files: Vec<LogFile>, current: Option<Log>) -> Logs {
        Logs { files: files.into_iter(), current, unread: Unread::default(), lost: Vec::new() }
    }

    /// What could not be read, once all has been.
    pub(crate) fn unread(&self) -> Unread {
        self.unread.clone()
    }

    /// The next line; or the error of a file, after which the next one follows.
    fn next_line(&mut self, stopping: &Event) -> Option<Next<String, Position>> {
        loop {
            let Some(log) = &mut self.current else {
                match self.files.next()?.open(0) {
                    Ok(opened) => self.current = Some(opened),
                    Err(error) => return Some(Err(error.into())),
                }
                continue;
            };
            let Some(next) = log.next_line(stopping) else {
                self.current = None;
                continue;
            };
            return Some(next);
        }
    }
}

impl Source for Logs {
    type Item = Line;
    type Position = Position;

    fn next_item(&mut self, stopping: &Event) -> Option<Next<Line, Position>> {
        match self.next_line(stopping)? {
            Ok((text, position)) => {
                Some(Ok((Line { text, lost: mem::take(&mut self.lost) }, position)))
            }
            Err(error) => {
                self.unread.note(&error);
                self.lost.push(error.to_string());
                Some(Err(error))
            }
        }
    }

    fn is_next_at_hand(&self) -> bool {
        self.current.as_ref().is_none_or(|log| log.lines.is_next_at_hand())
    }
}

/// A log that is being read.
struct Log {
    name: Arc<str>,
    path: PathBuf,
    lines: Lines,
    /// All lines of so many bytes of its text were given, by this run or those before.
    given_bytes: u64,
    beginning: Vec<u8>,
    head: Option<Head>,
}

impl Log {
    fn next_line(&mut self, stopping: &Event) -> Option<Next<String, Position>> {
        match self.lines.next_item(stopping)? {
            Ok((line, offset)) => {
                self.given_bytes = offset;
                Some(Ok((line, self.position(offset))))
            }
            Err(error) => Some(Err(self.named(error))),
        }
    }

    /// An error after which nothing more comes of it says how far it came.
    fn named(&self, error: exeunt::Error) -> exeunt::Error {
        let kind = error.downcast_ref().map(io::Error::kind);
        if matches!(kind, None | Some(io::ErrorKind::InvalidData)) {
            return error;
        }
        let is_cut_off = kind == Some(io::ErrorKind::UnexpectedEof);
        let kind = Kind::BrokenOff { error, is_cut_off, given_bytes: self.given_bytes };
        LogError::new(&self.path, kind).into()
    }

    /// The place after so many bytes.
    fn position(&self, offset: u64) -> Position {
        let read = usize::try_from(offset).ok().and_then(|offset| self.beginning.get(..offset));
        let head = read.map_or(self.head, Head::of);
        Position { file: Arc::clone(&self.name), offset, head }
    }
}

/// How a text begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    bytes: usize,
    crc: u32,
}

impl Head {
    /// Of nothing there is none.
    fn of(text: &[u8]) -> Option<Head> {
        let mut crc = Crc::new();
        crc.update(text);
        (!text.is_empty()).then(|| Head { bytes: text.len(), crc: crc.sum() })
    }

    fn is_that_of(self, text: &[u8]) -> bool {
        text.get(..self.bytes).and_then(Head::of) == Some(self)
    }
}

/// A place between two lines of a folder of logs: a file, how many bytes of its text, when
/// decompressed, lie before, and how that begins. Positions are ordered as the lines are read. As text, it is
/// `access.log.2.gz:12345#1024-3735928559`; or without the beginning, as long as there was none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    file: Arc<str>,
    offset: u64,
    head: Option<Head>,
}

impl Ord for Position {
    fn cmp(&self, other: &Position) -> Ordering {
        let files = reading_order(&self.file).cmp(&reading_order(&other.file));
        files.then(self.offset.cmp(&other.offset)).then(self.head.cmp(&other.head))
    }
}

impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Position) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.offset)?;
        self.head.map_or(Ok(()), |Head { bytes, crc }| write!(f, "#{bytes}-{crc}"))
    }
}

impl FromStr for Position {
    type Err = String;

    fn from_str(text: &str) -> Result<Position, String> {
        let parsed = || {
            let (file, place) = text.rsplit_once(':')?;
            let (offset, head) = match place.split_once('#') {
                None => (place, None),
                Some((offset, head)) => (offset, Some(head.split_once('-')?)),
            };
            let head = match head {
                None => None,
                Some((bytes, crc)) => {
                    Some(Head { bytes: bytes.parse().ok()?, crc: crc.parse().ok()? })
                }
            };
            Some(Position { file: file.into(), offset: offset.parse().ok()?, head })
        };
        parsed().ok_or_else(|| format!("{text:?} is no position such as access.log:12345"))
    }
}

/// Why a folder, or a file in it, could not be read. It is told with its name.
#[derive(Debug)]
pub(crate) struct LogError {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    NoLogs,
    /// The file of a position is not there any more.
    Gone,
    /// There is one of its name.
    Other,
    NotUtf8,
    Io(io::Error),
    /// The same, with the name in it.
    Lines(io::Error),
    /// So, too; and no more lines follow.
    BrokenOff {
        error: exeunt::Error,
        is_cut_off: bool,
        given_bytes: u64,
    },
}

impl LogError {
    fn new(path: &Path, kind: Kind) -> LogError {
        LogError { path: path.to_owned(), kind }
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.kind {
            Kind::NoLogs => {
                write!(f, "{path}: no logs in it, such as access.log or access.log.2.gz")
            }
            Kind::Gone => {
                write!(f, "{path}: gone, and the last run has stopped in the middle of it")
            }
            Kind::Other => {
                write!(f, "{path}: it begins otherwise; it is another file than at the last run")
            }
            Kind::NotUtf8 => write!(f, "{path}: its name is not UTF-8, and could not be noted"),
            Kind::Io(error) => write!(f, "{path}: {error}"),
            Kind::Lines(error) if error.kind() == io::ErrorKind::InvalidData => {
                write!(f, "{error}; it is another file than at the last run")
            }
            Kind::Lines(error) => write!(f, "{error}"),
            Kind::BrokenOff { error, is_cut_off, given_bytes } => {
                match is_cut_off {
                    true => write!(f, "{path}: cut off"),
                    false => write!(f, "{error}"),
                }?;
                write!(f, "; of its text the lines of {given_bytes} bytes were read, and no more")
            }
        }
    }
}

impl Error for LogError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            Kind::Io(error) | Kind::Lines(error) => Some(error),
            _ => None,
        }
    }
}

/// A file that is to be read.
pub(crate) struct LogFile {
    name: Arc<str>,
    path: PathBuf,
}

/// The logs of a folder, in the order of reading; there are some, or it is an error.
pub(crate) fn find(folder: &Path) -> Result<Vec<LogFile>, LogError> {
    let unreadable = |error| LogError::new(folder, Kind::Io(error));
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // What is there and cannot be looked at is an error when its turn comes.
        let is_file = fs::metadata(&path).map_or(true, |metadata| metadata.is_file());
        if is_file && is_log(&name) {
            files.push(LogFile { name: name.into(), path });
        }
    }
    if files.is_empty() {
        return Err(LogError::new(folder, Kind::NoLogs));
    }
    files.sort_by(|a, b| reading_order(&a.name).cmp(&reading_order(&b.name)));
    Ok(files)
}

/// Which of them a position lies in: the one of its name, unless it begins otherwise; or else the youngest of those that
/// begin as it did.
fn place_of(position: &Position, files: &[LogFile]) -> Option<usize> {
    let named = files.iter().position(|file| file.name == position.file);
    let Some(head) = position.head else { return named };
    let is_it = |&index: &usize| head.is_that_of(&files[index].beginning());
    named.filter(is_it).or_else(|| (0..files.len()).rev().find(is_it))
}

fn is_log(name: &str) -> bool {
    let (stem, ..) = reading_order(name);
    stem.ends_with(".log") || stem.ends_with("_log")
}

/// Whether it has not been rotated yet.
fn is_written_to(name: &str) -> bool {
    matches!(reading_order(name), (_, 0, _))
}

/// What names are sorted by: the name without what rotation has added to it, then how old that says
/// it is (the older, the smaller), then all of it, so that no two names are the same.
fn reading_order(name: &str) -> (&str, i64, &str) {
    let base = name.strip_suffix(".gz").unwrap_or(name);
    let rotated = |mark| {
        let (stem, number) = base.rsplit_once(mark)?;
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        Some((stem, number.parse::<i64>().ok().filter(|_| is_number)?))
    };
    if let Some((stem, number)) = rotated('.') {
        return (stem, -number, name);
    }
    match rotated('-') {
        // Dates grow while the logs grow younger; the one without is younger than any.
        Some((stem, date)) => (stem, date.saturating_sub(i64::MAX), name),
        None => (base, 0, name),
    }
}

impl LogFile {
    /// Finds out whether it can be opened. One that is gone has no lines to lose.
    fn check(&self) -> Result<(), LogError> {
        match File::open(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(LogError::new(&self.path, Kind::Io(error)))
            }
            _ => Ok(()),
        }
    }

    /// Begins at a byte of its text.
    fn open(self, offset: u64) -> Result<Log, LogError> {
        let beginning = self.beginning();
        let LogFile { name, path } = self;
        if path.file_name().is_some_and(|name| name.to_str().is_none()) {
            return Err(LogError::new(&path, Kind::NotUtf8));
        }
        let lines = match name.ends_with(".gz") {
            true => {
                let text = decompressed(&path);
                let text = text.map_err(|error| LogError::new(&path, Kind::Io(error)))?;
                Lines::read(path.display(), BufReader::with_capacity(BUFFER_BYTES, text))
            }
            false => {
                let lines = Lines::open(&path);
                let lines = lines.map_err(|error| LogError::new(&path, Kind::Lines(error)))?;
                // The server may be in the middle of a line.
                if is_written_to(&name) { lines.only_whole() } else { lines }
            }
        };
        let lines = lines.lossy().after(offset);
        let lines = lines.map_err(|error| LogError::new(&path, Kind::Lines(error)))?;
        let head = Head::of(&beginning);
        Ok(Log { name, path, lines, given_bytes: offset, beginning, head })
    }

    /// As much of its beginning as there is, and can be read.
    fn beginning(&self) -> Vec<u8> {
        let mut beginning = Vec::new();
        let _ = match self.name.ends_with(".gz") {
            true => decompressed(&self.path)
                .and_then(|text| text.take(HEAD_BYTES).read_to_end(&mut beginning)),
            false => File::open(&self.path)
                .and_then(|text| text.take(HEAD_BYTES).read_to_end(&mut beginning)),
        };
        beginning
    }
}

fn decompressed(path: &Path) -> io::Result<impl Read + Send + use<>> {
    // One after the other, since logs are put together with `cat`.
    Ok(MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, File::open(path)?)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::folder::Folder;

    fn logs(files: &[(&str, &[u8])]) -> Folder {
        let folder = Folder::new();
        for (name, content) in files {
            fs::write(folder.join(name), content).unwrap();
        }
        folder
    }

    /// All lines, and what went wrong.
    fn read(folder: &Folder, after: Option<&Position>) -> Vec<Result<(String, String), String>> {
        let mut logs = Logs::open(folder.path(), after).unwrap();
        let lines = std::iter::from_fn(|| logs.next_item(&Event::new()));
        let lines = lines.map(|line| match line {
            Ok((line, Position { file, offset, .. })) => {
                Ok((format!("{file}:{offset}"), line.text))
            }
            Err(error) => Err(without_folder(folder, &error)),
        });
        lines.collect()
    }

    fn positions(folder: &Folder) -> Vec<Position> {
        let mut logs = Logs::open(folder.path(), None).unwrap();
        let items = std::iter::from_fn(|| logs.next_item(&Event::new()));
        items.filter_map(|item| Some(item.ok()?.1)).collect()
    }

    fn refusal(folder: &Folder, after: &str) -> String {
        let after = after.parse().unwrap();
        without_folder(folder, &Logs::open(folder.path(), Some(&after)).err().unwrap())
    }

    fn without_folder(folder: &Folder, error: &dyn fmt::Display) -> String {
        error.to_string().replace(&format!("{}/", folder.path().display()), "")
    }

    fn gzip(texts: &[&str]) -> Vec<u8> {
        let members = texts.iter().map(|text| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        });
        members.collect::<Vec<_>>().concat()
    }

    fn line(position: &str, text: &str) -> Result<(String, String), String> {
        Ok((position.to_owned(), text.to_owned()))
    }

    #[test]
    fn the_oldest_log_comes_first_and_what_is_no_log_not_at_all() {
        let folder = logs(&[
            ("access.log", b"6\n"),
            ("access.log.1", b"5\n"),
            ("access.log.2.gz", &gzip(&["4\n"])),
            ("access.log.10", b"3\n"),
            ("access.log-20240102", b"2\n"),
            ("access.log-20231231.gz", &gzip(&["1\n"])),
            ("access_log", b"7\n"),
            ("error.log", b"8\n"),
            ("requests.db", b"no\n"),
            ("catalog", b"no\n"),
            ("log.1.txt", b"no\n"),
        ]);
        fs::create_dir(folder.join("old.log")).unwrap();
        let lines = read(&folder, None).into_iter().map(|line| line.unwrap().1);
        assert_eq!(lines.collect::<String>(), "12345678");
    }

    #[test]
    fn positions_are_ordered_as_the_lines_are_and_survive_as_text() {
        let folder = logs(&[
            ("access.log", b"a\nb\nhalf"),
            ("access.log.2.gz", &gzip(&["c\n", "d\ne"])),
            ("access.log.11", b"f\n\ng"),
        ]);
        let positions = positions(&folder);
        assert_eq!(positions.len(), 8);
        assert!(positions.is_sorted());
        for position in &positions {
            assert_eq!(position.to_string().parse().as_ref(), Ok(position));
        }
        let short = "access.log:12".parse::<Position>().unwrap();
        assert_eq!((short.head, short.to_string()), (None, "access.log:12".to_owned()));
        for text in
            ["", "access.log", "access.log:", "access.log:-1", "access.log:x", "a:1#2", "a:1#2-x"]
        {
            text.parse::<Position>().unwrap_err();
        }
    }

    #[test]
    fn it_goes_on_after_every_position() {
        let folder = logs(&[
            ("access.log.2.gz", &gzip(&["one\n", "two\nthr", "ee\n"])),
            ("access.log.1", b""),
            ("access.log", b"four\r\n\n\xFFive\nsi"),
        ]);
        let all = read(&folder, None);
        let expected = [
            line("access.log.2.gz:4", "one"),
            line("access.log.2.gz:8", "two"),
            line("access.log.2.gz:14", "three"),
            line("access.log:6", "four"),
            line("access.log:7", ""),
            line("access.log:12", "\u{FFFD}ive"),
        ];
        assert_eq!(all, expected);
        for (count, position) in (1..).zip(positions(&folder)) {
            assert_eq!(read(&folder, Some(&position)), all[count..], "{position}");
        }
    }

    #[test]
    fn what_is_added_to_the_last_log_is_read_by_the_next_run() {
        let folder = logs(&[("access.log", b"one\n"), ("access.log.1", b"zero\n")]);
        let end = "access.log:4".parse().unwrap();
        assert_eq!(read(&folder, Some(&end)), []);
        fs::write(folder.join("access.log"), "one\ntw").unwrap();
        assert_eq!(read(&folder, Some(&end)), []);
        fs::write(folder.join("access.log"), "one\ntwo\n").unwrap();
        assert_eq!(read(&folder, Some(&end)), [line("access.log:8", "two")]);
    }

    #[test]
    fn a_log_that_was_rotated_meanwhile_is_read_to_its_end_and_then_those_after_it() {
        // Longer than what is looked at, and all lines of one length: the same place is there in each.
        let text = |from: u32| (from..from + 300).map(|n| format!("{n:05}\n")).collect::<String>();
        let folder = logs(&[("access.log.1", text(0).as_bytes()), ("access.log", b"")]);
        let write = |name: &str, text: &[u8]| fs::write(folder.join(name), text).unwrap();
        write("access.log", text(300).as_bytes());
        let positions = positions(&folder);
        let rename = |from: &str, to: &str| fs::rename(folder.join(from), folder.join(to)).unwrap();
        let rest = |position: &Position| -> Vec<u32> {
            let lines = read(&folder, Some(position)).into_iter();
            lines.map(|line| line.unwrap().1.parse().unwrap()).collect()
        };
        let assert_goes_on = |to: u32| {
            // Not all of them, which takes its time.
            for (next, position) in (1..).zip(&positions).step_by(17) {
                assert_eq!(rest(position), Vec::from_iter(next..to), "{position}");
            }
        };
        assert_goes_on(600);
        // With a delay, as is usual.
        write("access.log.2.gz", &gzip(&[&text(0)]));
        rename("access.log", "access.log.1");
        write("access.log", text(600).as_bytes());
        assert_goes_on(900);
        // As who cannot tell the server does it.
        rename("access.log.2.gz", "access.log.3.gz");
        write("access.log.2.gz", &gzip(&[&text(300)]));
        fs::copy(folder.join("access.log"), folder.join("access.log.1")).unwrap();
        write("access.log", b"");
        assert_goes_on(900);
        // It is gone for good.
        fs::remove_file(folder.join("access.log.2.gz")).unwrap();
        let other = "access.log: it begins otherwise; it is another file than at the last run";
        assert_eq!(refusal(&folder, &positions[500].to_string()), other);
    }

    #[test]
    fn a_position_in_other_files_is_refused() {
        let folder =
            logs(&[("access.log", b"one\ntwo\n"), ("access.log.1.gz", &gzip(&["zero\n", "half"]))]);
        let other = "it is another file than at the last run";
        for position in ["access.log:3", "access.log:9", "access.log.1.gz:8", "access.log.1.gz:10"]
        {
            let (file, offset) = position.split_once(':').unwrap();
            assert_eq!(
                refusal(&folder, position),
                format!("{file}: no line begins at byte {offset}; {other}")
            );
        }
        let gone = "access.log.2: gone, and the last run has stopped in the middle of it";
        assert_eq!(refusal(&folder, "access.log.2:3"), gone);
    }

    #[test]
    fn what_cannot_be_read_is_named_and_the_next_file_follows() {
        let whole = gzip(&["one\n", "two\n"]);
        let folder = logs(&[
            ("a.log.gz", &whole[..whole.len() - 9]),
            ("b.log.gz", b"not compressed\n"),
            ("c.log", b"three\n"),
        ]);
        #[cfg(unix)]
        std::os::unix::fs::symlink("nowhere", folder.join("d.log")).unwrap();
        let read = read(&folder, None);
        assert_eq!(read[0], line("a.log.gz:4", "one"));
        let read: Vec<_> = read.into_iter().skip_while(Result::is_ok).collect();
        assert!(read[0].as_ref().unwrap_err().starts_with("a.log.gz: cut off"), "{read:?}");
        let no_gzip = "b.log.gz: invalid gzip header; of its text the lines of 0 bytes were read, and no more";
        assert_eq!(read[1], Err(no_gzip.to_owned()));
        assert_eq!(read[2], line("c.log:6", "three"));
        #[cfg(unix)]
        assert!(read[3].as_ref().unwrap_err().starts_with("d.log: "), "{read:?}");
        assert!(read.len() <= 4, "{read:?}");
    }

    #[test]
    fn of_a_log_that_is_cut_off_anywhere_all_whole_lines_are_read_and_the_next_file_follows() {
        let texts = [text(0..40), text(40..77) + "half"];
        let whole = gzip(&[&texts[0], &texts[1]]);
        let between = gzip(&[&texts[0]]).len();
        let folder = logs(&[("access.log", b"last\n")]);
        for cut in (1..whole.len()).filter(|&cut| cut != between) {
            fs::write(folder.join("access.log.1.gz"), &whole[..cut]).unwrap();
            let all = read(&folder, None);
            let (last, torn) = all.split_last().unwrap();
            assert_eq!(*last, line("access.log:5", "last"));
            let (error, lines) = torn.split_last().unwrap();
            let expected: Vec<_> = (0..lines.len()).map(|n| numbered(n as u32)).collect();
            assert_eq!(lines, expected, "cut at {cut}");
            assert_eq!(lines.len(), whole_lines(&whole[..cut]), "cut at {cut}");
            let bytes = lines.len() * 5;
            let told = format!(
                "access.log.1.gz: cut off; of its text the lines of {bytes} bytes were read, and no more"
            );
            assert_eq!(error.as_ref().unwrap_err(), &told);
            // From each place on it is the same, with nothing lost and nothing double.
            for (next, position) in (1..).zip(positions(&folder)).take(lines.len()) {
                assert_eq!(read(&folder, Some(&position)), all[next..], "{position}");
            }
        }
    }

    #[test]
    fn what_could_not_be_read_comes_with_the_line_after_it() {
        let torn = gzip(&[&text(0..40)]);
        let torn = &torn[..torn.len() - 9];
        let folder = logs(&[("access.log.2.gz", torn), ("access.log.1.gz", torn)]);
        fs::write(folder.join("access.log"), "one\ntwo\n").unwrap();
        let mut logs = Logs::open(folder.path(), None).unwrap();
        let items: Vec<_> = std::iter::from_fn(|| logs.next_item(&Event::new())).collect();
        let told: Vec<String> =
            items.iter().filter_map(|item| Some(item.as_ref().err()?.to_string())).collect();
        let lost: Vec<_> = items
            .into_iter()
            .flatten()
            .map(|(line, _)| line.lost)
            .filter(|lost| !lost.is_empty())
            .collect();
        assert_eq!(lost.concat(), told);
        assert_eq!((lost.len(), told.len()), (2, 2));
        // With the first line of the log after each: whoever goes on before it meets the gap again.
        let last = Logs::open(folder.path(), Some(&"access.log:4".parse().unwrap()));
        let (line, _) = last.unwrap().next_item(&Event::new()).unwrap().unwrap();
        assert_eq!(line, Line { text: "two".to_owned(), lost: Vec::new() });
    }

    #[test]
    fn a_log_that_was_cut_off_and_is_whole_again_is_gone_on_with() {
        let text = text(0..400);
        let whole = gzip(&[&text]);
        let folder = logs(&[("access.log.1.gz", &whole[..whole.len() / 2])]);
        let seen = positions(&folder);
        assert!(seen.len() > 10);
        fs::write(folder.join("access.log.1.gz"), &whole).unwrap();
        for (next, position) in (1..).zip(&seen) {
            let rest: Vec<_> = (next..400).map(numbered).collect();
            assert_eq!(read(&folder, Some(position)), rest, "{position}");
        }
    }

    /// Lines of five bytes, which tell which they are.
    fn text(range: std::ops::Range<u32>) -> String {
        range.map(|n| format!("{n:04}\n")).collect()
    }

    fn numbered(n: u32) -> Result<(String, String), String> {
        line(&format!("access.log.1.gz:{}", 5 * (n + 1)), &format!("{n:04}"))
    }

    /// How many lines with an end can be got out of it.
    fn whole_lines(gzip: &[u8]) -> usize {
        let mut text = Vec::new();
        let _ = MultiGzDecoder::new(gzip).read_to_end(&mut text);
        text.into_iter().filter(|&byte| byte == b'\n').count()
    }

    #[cfg(unix)]
    #[test]
    fn what_may_not_be_opened_is_refused_before_what_comes_after_it_is_counted() {
        let folder = logs(&[("a.log", b"one\n"), ("c.log", b"three\n")]);
        // Of those that root may not open either.
        std::os::unix::fs::symlink("b.log", folder.join("b.log")).unwrap();
        for after in [None, Some("a.log:4".parse().unwrap())] {
            let error = Logs::open(folder.path(), after.as_ref()).err().unwrap();
            assert!(without_folder(&folder, &error).starts_with("b.log: "), "{error}");
        }
        let beyond = "c.log:6".parse().unwrap();
        assert!(Logs::open(folder.path(), Some(&beyond)).is_ok());
    }

    #[test]
    fn a_line_without_end_is_an_error_and_the_next_line_follows() {
        let text = format!("good\n{}\nbetter\n", "y".repeat(3 << 20));
        let folder = logs(&[("access.log", text.as_bytes())]);
        let error = "access.log: the line at byte 5 is longer than 1048576 bytes";
        let better = line(&format!("access.log:{}", text.len()), "better");
        assert_eq!(
            read(&folder, None),
            [line("access.log:5", "good"), Err(error.to_owned()), better]
        );
    }

    #[test]
    fn a_folder_without_logs_is_refused() {
        let folder = logs(&[("notes", b"")]);
        let error = Logs::open(folder.path(), None).err().unwrap().to_string();
        assert!(
            error.ends_with(": no logs in it, such as access.log or access.log.2.gz"),
            "{error}"
        );
        let missing = folder.join("missing");
        let error = Logs::open(&missing, None).err().unwrap().to_string();
        assert!(error.starts_with(&missing.display().to_string()), "{error}");
    }
}
