//! [`AtomicFile`]: a file that appears whole or not at all.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process;

use super::Sink;
use crate::ledger::Ending;
use crate::named::of_file;

/// A file that appears whole or not at all, in the place of what was there.
///
/// It is written under another name in the same folder, forced onto the disk, and renamed at the end. Until then, and if it never
/// comes to that, what was there before is untouched, also if the process is killed, which leaves the other file behind:
/// `.NAME.PID-0.tmp`. The permissions are those of the file that it replaces; a symbolic link is followed. What is no regular file, a
/// pipe or a device, cannot be renamed over, and is written to.
///
/// As a sink it takes whatever is bytes, each item a line. The end is
///
/// - of a pipeline that is [complete](Ending::Complete): the file is there;
/// - of one that was [interrupted](Ending::Interrupted), by SIGINT for example: it is not, unless it is
///   [told](AtomicFile::even_if_interrupted) to keep what was taken in;
/// - of one that was [cut short](Ending::CutShort), or has [failed](Ending::Failed): it is not.
///
/// It is of use without a pipeline: it is a [`Write`], and [`finish`](AtomicFile::finish) puts it in its place.
///
/// # Examples
///
/// ```
/// use exeunt_pipeline::{AtomicFile, Pipeline};
///
/// # let path = std::env::temp_dir().join(format!("exeunt-atomic-{}", std::process::id()));
/// Pipeline::new("squares")
///     .iter("numbers", 1..=3)
///     .map("square", |n: u32| (n * n).to_string())
///     .sink("file", AtomicFile::create(&path)?)
///     .run()?;
/// assert_eq!(std::fs::read_to_string(&path)?, "1\n4\n9\n");
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AtomicFile {
    /// As it was given, for the errors.
    path: PathBuf,
    /// Under its other name, and the one that it will have. `None` for what is no regular file, or when it is in its place.
    renaming: Option<Renaming>,
    file: BufWriter<File>,
    /// What follows each item.
    end: &'static [u8],
    is_kept_if_interrupted: bool,
}

#[derive(Debug)]
struct Renaming {
    from: PathBuf,
    to: PathBuf,
}

impl AtomicFile {
    /// Opens what will be written to, so that it is known to be possible before there is anything to write.
    ///
    /// # Errors
    ///
    /// What the operating system says, with the name of the file; that it is a folder, for example, or may not be
    /// written.
    pub fn create(path: impl AsRef<Path>) -> io::Result<AtomicFile> {
        let path = path.as_ref().to_owned();
        let (renaming, file) = open(&path).map_err(of_file(&path))?;
        let file = BufWriter::with_capacity(super::BUFFER_BYTES, file);
        Ok(AtomicFile { path, renaming, file, end: b"\n", is_kept_if_interrupted: false })
    }

    /// Has the file appear also if the pipeline was interrupted: with all that was taken in until then. If that has not
    /// all arrived, it does not.
    #[must_use]
    pub fn even_if_interrupted(mut self) -> AtomicFile {
        self.is_kept_if_interrupted = true;
        self
    }

    /// Writes items one after the other, without ends of lines.
    #[must_use]
    pub fn verbatim(mut self) -> AtomicFile {
        self.end = b"";
        self
    }

    /// Where it will be, without symbolic links, and where it is until then; nothing, if it is no regular file. So that a
    /// program can tell its own files from others, and two outputs that would be one.
    ///
    /// ```
    /// use exeunt_pipeline::AtomicFile;
    ///
    /// # let path = std::env::temp_dir().join(format!("exeunt-atomic-paths-{}", std::process::id()));
    /// let file = AtomicFile::create(&path)?;
    /// assert!(file.paths().all(|path| path.starts_with(std::env::temp_dir().canonicalize().unwrap())));
    /// assert_eq!(file.paths().filter(|path| path.exists()).count(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.renaming.iter().flat_map(|Renaming { from, to }| [&**to, &**from])
    }

    /// Puts it in its place.
    ///
    /// # Errors
    ///
    /// What the operating system says, with the name of the file: that the disk is full, for example. What was there
    /// before is still there.
    ///
    /// ```
    /// use std::io::Write;
    /// use exeunt_pipeline::AtomicFile;
    ///
    /// # let path = std::env::temp_dir().join(format!("exeunt-atomic-finish-{}", std::process::id()));
    /// let mut file = AtomicFile::create(&path)?;
    /// writeln!(file, "all of it")?;
    /// assert!(!path.exists());
    /// file.finish()?;
    /// assert_eq!(std::fs::read_to_string(&path)?, "all of it\n");
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn finish(mut self) -> io::Result<()> {
        self.put_in_its_place().map_err(of_file(&self.path))
    }

    fn put_in_its_place(&mut self) -> io::Result<()> {
        self.file.flush()?;
        if let Some(Renaming { from, to }) = &self.renaming {
            // Some file systems find out only now that the disk is full.
            self.file.get_ref().sync_all()?;
            fs::rename(from, to)?;
            let folder = to.parent().map(Path::to_owned);
            self.renaming = None;
            return folder.map_or(Ok(()), |folder| sync_folder(&folder));
        }
        Ok(())
    }
}

/// A result that never came leaves nothing behind.
impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Some(Renaming { from, .. }) = &self.renaming {
            let _ = fs::remove_file(from);
        }
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(of_file(&self.path))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush().map_err(of_file(&self.path))
    }
}

impl<T: AsRef<[u8]>, P> Sink<T, P> for AtomicFile {
    fn write(&mut self, item: T) -> exeunt::Result {
        self.write_all(item.as_ref())?;
        Ok(self.write_all(self.end)?)
    }

    fn finish(&mut self, ending: Ending) -> exeunt::Result {
        let is_whole = ending == Ending::Complete;
        if is_whole || (self.is_kept_if_interrupted && ending == Ending::Interrupted) {
            return Ok(self.put_in_its_place().map_err(of_file(&self.path))?);
        }
        log::info!("{}: not written, since not all of it came", self.path.display());
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<(Option<Renaming>, File)> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return beside(path, None),
        Err(error) => return Err(error),
    };
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    // What may not be written may not be replaced either, although its folder would allow it.
    let file = OpenOptions::new().write(true).open(path)?;
    if metadata.is_file() {
        return beside(&fs::canonicalize(path)?, Some(metadata.permissions()));
    }
    Ok((None, file))
}

/// Opens a file in the folder of the target, since a rename cannot leave a disk.
fn beside(target: &Path, permissions: Option<Permissions>) -> io::Result<(Option<Renaming>, File)> {
    let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // The program may change its own folder meanwhile.
    let to = fs::canonicalize(folder)?.join(name);
    let (from, file) = create_hidden(&to, &name.to_string_lossy())?;
    let renaming = Some(Renaming { from: from.clone(), to });
    if let Some(Err(error)) = permissions.map(|permissions| file.set_permissions(permissions)) {
        let _ = fs::remove_file(from);
        return Err(error);
    }
    Ok((renaming, file))
}

fn create_hidden(target: &Path, name: &str) -> io::Result<(PathBuf, File)> {
    let mut attempt = 0;
    loop {
        let path = target.with_file_name(format!(".{name}.{}-{attempt}.tmp", process::id()));
        match File::create_new(&path) {
            Ok(file) => return Ok((path, file)),
            // One with our own number, left behind by a process that was killed, or of somebody beside us.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 100 => {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// So that the new name is on the disk too.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Elsewhere folders cannot be opened.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;
    use crate::{Error, Pipeline, Source};
    use exeunt::System;
    use std::time::Duration;

    fn written(sink: AtomicFile, items: impl Source<Item = &'static str>) -> Result<(), Error> {
        Pipeline::new("written").source("items", items).sink("file", sink).wait().map(drop)
    }

    fn items() -> impl Source<Item = &'static str> {
        ["one", "two"].into_iter().map(Ok::<_, io::Error>)
    }

    fn failing_items() -> impl Source<Item = &'static str> {
        [Ok("one"), Err(io::Error::other("no more"))].into_iter()
    }

    fn names(scratch: &Scratch) -> Vec<String> {
        let entries = fs::read_dir(scratch.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn it_is_there_when_all_is_written_and_not_before() {
        let scratch = Scratch::new();
        let path = scratch.write("file", "before");
        let sink = AtomicFile::create(&path).unwrap();
        assert_eq!(names(&scratch).len(), 2);
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        written(sink, items()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        written(AtomicFile::create(&path).unwrap().verbatim(), items()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "onetwo");
        assert_eq!(names(&scratch), ["file"]);
    }

    #[test]
    fn a_failure_leaves_nothing_of_it() {
        let scratch = Scratch::new();
        let path = scratch.join("file");
        let sink = AtomicFile::create(&path).unwrap().even_if_interrupted();
        let error = written(sink, failing_items()).unwrap_err();
        assert_eq!(error.to_string(), "`items` failed: no more");
        drop(AtomicFile::create(&path).unwrap());
        assert_eq!(names(&scratch), [""; 0]);
    }

    #[test]
    fn an_interrupted_one_is_there_only_if_that_is_asked_for() {
        for is_kept in [false, true] {
            let scratch = Scratch::new();
            let path = scratch.join("file");
            let sink = AtomicFile::create(&path).unwrap();
            let sink = if is_kept { sink.even_if_interrupted() } else { sink };
            let mut system = System::new("interrupted");
            let handle = system.handle();
            let shut_down = move |&n: &u64| {
                if n == 10 {
                    handle.shutdown();
                }
            };
            let ready = Pipeline::new("interrupted")
                .iter("numbers", 0_u64..)
                .inspect("shut down", shut_down)
                .map("text", |n| n.to_string())
                .sink("file", sink);
            let running = ready.spawn(&mut system).unwrap();
            assert!(system.wait().is_complete());
            let taken_in = running.ledger().stage("numbers").unwrap().out;
            let expected: String = (0..taken_in).map(|n| format!("{n}\n")).collect();
            assert_eq!(fs::read_to_string(&path).ok(), is_kept.then_some(expected));
            assert_eq!(names(&scratch).len(), usize::from(is_kept));
        }
    }

    #[test]
    fn one_that_was_cut_short_is_not_there() {
        let scratch = Scratch::new();
        let sink = AtomicFile::create(scratch.join("file")).unwrap().even_if_interrupted();
        let mut system = System::new("cut short");
        system.set_stall_limit(Duration::from_millis(50));
        // That it waits for its turn is no stall.
        system.set_drain_budget(Duration::from_millis(500));
        let handle = system.handle();
        // It holds items up until its deadline.
        let ready = Pipeline::new("cut short")
            .iter("numbers", 0..10)
            .thread("thread")
            .rate_limit("slow", 1, Duration::MAX)
            .thread("on")
            .inspect("shut down", move |_| handle.shutdown())
            .map("text", |n| n.to_string())
            .sink("file", sink);
        let running = ready.spawn(&mut system).unwrap();
        assert!(!system.wait().is_complete());
        assert!(running.ledger().balances(), "{}", running.ledger());
        assert_eq!(names(&scratch), [""; 0]);
    }

    /// A program may change its own folder before the file is put in its place.
    #[test]
    fn where_it_will_be_is_known_from_the_start() {
        let file = AtomicFile::create("a-file-that-is-never-finished").unwrap();
        assert!(file.paths().count() == 2 && file.paths().all(Path::is_absolute));
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let scratch = Scratch::new();
        let error = AtomicFile::create(scratch.path()).unwrap_err();
        assert!(error.to_string().starts_with(&format!("{}: ", scratch.path().display())));
        let path = scratch.join("missing/file");
        let error = AtomicFile::create(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().starts_with(&format!("{}: ", path.display())), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_permissions_kept_and_devices_written_to() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let scratch = Scratch::new();
        let path = scratch.write("file", "before");
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let link = scratch.join("link");
        symlink(&path, &link).unwrap();
        written(AtomicFile::create(&link).unwrap(), items()).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        written(AtomicFile::create("/dev/null").unwrap(), items()).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_a_failure_that_names_the_file() {
        let error = written(AtomicFile::create("/dev/full").unwrap(), items()).unwrap_err();
        assert!(error.to_string().contains("/dev/full: No space left"), "{error}");
    }
}
