//! [`AppendFile`]: a file that grows.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{AtomicFile, BUFFER_BYTES, Checkpoint, Sink};
use crate::named::{named, of_file};

/// A file that is appended to. At each [commit](Sink::commit) what was written is forced onto the disk.
///
/// It takes whatever is bytes, each item a line. It is made if it is missing. What is no regular file, a pipe or a device, is
/// written to, and nothing is forced.
///
/// On its own it keeps no positions: a process that is killed leaves behind what it has written so far, perhaps in the
/// middle of a line. With a [checkpoint](AppendFile::checkpoint) nothing is missing and nothing is double, whatever
/// happens to the process.
///
/// # Examples
///
/// Lines that are copied, and when the program is run again, those that were added:
///
/// ```
/// use exeunt_pipeline::{AppendFile, Lines, Pipeline};
///
/// # let folder = std::env::temp_dir().join(format!("exeunt-append-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let (from, to) = (folder.join("from"), folder.join("to"));
/// # std::fs::write(&from, "one\ntwo\n")?;
/// for _run in 0..2 {
///     let copy = AppendFile::open(&to)?.checkpoint()?;
///     let lines = Lines::open(&from)?.after(copy.position().copied())?;
///     Pipeline::new("copy").source("lines", lines).sink("copy", copy).run()?;
/// }
/// assert_eq!(std::fs::read_to_string(&to)?, "one\ntwo\n");
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AppendFile<C = ()> {
    path: PathBuf,
    file: BufWriter<File>,
    is_regular: bool,
    /// All that is in it, as far as it is whole.
    length_bytes: u64,
    /// Of the last item only a part may be in it.
    is_torn: bool,
    /// What follows each item.
    end: &'static [u8],
    checkpoint: C,
}

impl AppendFile {
    /// Opens a file, or makes a new one.
    ///
    /// # Errors
    ///
    /// What the operating system says, with the name of the file.
    pub fn open(path: impl AsRef<Path>) -> io::Result<AppendFile> {
        let path = path.as_ref().to_owned();
        let (file, metadata) = open(&path).map_err(of_file(&path))?;
        Ok(AppendFile {
            path,
            file: BufWriter::with_capacity(BUFFER_BYTES, file),
            is_regular: metadata.is_file(),
            length_bytes: metadata.len(),
            is_torn: false,
            end: b"\n",
            checkpoint: (),
        })
    }

    /// Keeps the pipeline's position at each commit, and how long the file is there: in a file beside it, `NAME.checkpoint`,
    /// which is replaced as a whole.
    ///
    /// What was written after the last commit of an earlier run, which was killed, is cut off; the source is to begin
    /// [there](AppendFile::position), and gives it once more. What was in the file before there was a checkpoint stays.
    /// One process at a time.
    ///
    /// # Errors
    ///
    /// If the file is shorter than it was, or the checkpoint cannot be read or written, or it is no regular file. It is
    /// told with the file's name.
    pub fn checkpoint<P>(self) -> io::Result<AppendFile<Checkpoint<P>>>
    where
        P: Display + FromStr<Err: Display>,
    {
        let beside = checkpoint_of(&self.path);
        let failed = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidData, why.to_owned()));
        let kept = match fs::read_to_string(&beside) {
            _ if !self.is_regular => failed("it is no regular file, and cannot have a checkpoint"),
            Ok(text) => return self.cut_to(&text).map_err(|error| named(beside.display(), &error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        kept.map_err(of_file(&self.path))?;
        let length = self.length_bytes;
        let file = self.with(Checkpoint { position: None }, length);
        file.keep()?;
        Ok(file)
    }

    /// Takes up what was kept.
    fn cut_to<P>(self, kept: &str) -> io::Result<AppendFile<Checkpoint<P>>>
    where
        P: Display + FromStr<Err: Display>,
    {
        let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
        let (length, position) = match kept.split_once('\n') {
            Some((length, "")) => (length, None),
            Some((length, position)) => (length, Some(position)),
            None => (kept, None),
        };
        let length = length.parse().map_err(|_| invalid("it is no checkpoint".to_owned()))?;
        let checkpoint = Checkpoint::read(position).map_err(invalid)?;
        if self.length_bytes < length {
            let (path, is) = (self.path.display(), self.length_bytes);
            return Err(invalid(format!("{path} had {length} bytes, and has {is}")));
        }
        let mut file = self.with(checkpoint, length);
        file.cut()?;
        Ok(file)
    }

    fn with<C>(self, checkpoint: C, length_bytes: u64) -> AppendFile<C> {
        let AppendFile { path, file, is_regular, is_torn, end, .. } = self;
        AppendFile { path, file, is_regular, length_bytes, is_torn, end, checkpoint }
    }
}

impl<C> AppendFile<C> {
    /// Writes items one after the other, without ends of lines.
    #[must_use]
    pub fn verbatim(self) -> AppendFile<C> {
        AppendFile { end: b"", ..self }
    }

    fn append(&mut self, item: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(item).and_then(|()| self.file.write_all(self.end));
        match written {
            Ok(()) => self.length_bytes += (item.len() + self.end.len()) as u64,
            Err(_) => self.is_torn = true,
        }
        written.map_err(of_file(&self.path))
    }

    fn force(&mut self) -> io::Result<()> {
        self.write_out().map_err(of_file(&self.path))
    }

    fn write_out(&mut self) -> io::Result<()> {
        self.file.flush()?;
        if !self.is_regular {
            return Ok(());
        }
        if self.is_torn {
            self.cut()?;
            self.is_torn = false;
        }
        self.file.get_ref().sync_data()
    }

    /// Takes away what is after the last item that is whole.
    fn cut(&mut self) -> io::Result<()> {
        self.file.get_ref().set_len(self.length_bytes)?;
        self.file.seek(SeekFrom::End(0)).map(drop)
    }
}

impl<P> AppendFile<Checkpoint<P>>
where
    P: Display + FromStr<Err: Display>,
{
    /// After which item to go on; `None` if there is none yet.
    pub fn position(&self) -> Option<&P> {
        self.checkpoint.position.as_ref()
    }

    /// Keeps what there is by now.
    fn keep(&self) -> io::Result<()> {
        let mut file = AtomicFile::create(checkpoint_of(&self.path))?;
        writeln!(file, "{}", self.length_bytes)?;
        file.write_all(self.checkpoint.text().unwrap_or_default().as_bytes())?;
        file.finish()
    }
}

impl<T: AsRef<[u8]>, P> Sink<T, P> for AppendFile {
    fn write(&mut self, item: T) -> exeunt::Result {
        Ok(self.append(item.as_ref())?)
    }

    fn commit(&mut self, _: Option<&P>) -> exeunt::Result {
        Ok(self.force()?)
    }
}

impl<T, P> Sink<T, P> for AppendFile<Checkpoint<P>>
where
    T: AsRef<[u8]>,
    P: Display + FromStr<Err: Display> + Clone + Send + 'static,
{
    fn write(&mut self, item: T) -> exeunt::Result {
        Ok(self.append(item.as_ref())?)
    }

    fn keeps_positions(&self) -> bool {
        true
    }

    fn commit(&mut self, position: Option<&P>) -> exeunt::Result {
        // First what was written, since the checkpoint speaks of it.
        self.force()?;
        self.checkpoint.position = position.cloned().or(self.checkpoint.position.take());
        Ok(self.keep()?)
    }
}

fn checkpoint_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".checkpoint");
    path.with_file_name(name)
}

fn open(path: &Path) -> io::Result<(File, fs::Metadata)> {
    let mut file = File::options().write(true).create(true).truncate(false).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() {
        file.seek(SeekFrom::End(0))?;
    }
    Ok((file, metadata))
}

#[cfg(test)]
mod tests;
