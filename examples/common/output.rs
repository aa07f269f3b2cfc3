//! [`Output`]: a file that is known to be writable before there is anything to write, and that is
//! replaced as a whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process;

pub(crate) struct Output {
    /// As it was given.
    name: String,
    /// Without symbolic links, so that two outputs can be held against each other.
    target: PathBuf,
    /// What is written to first, and renamed. `None` for what is no file, such as a pipe or a
    /// device: to rename something over it would destroy it.
    temporary: Option<PathBuf>,
    file: BufWriter<File>,
}

impl Output {
    /// Opens what will be written to, or says, with its name, why that is not possible.
    pub(crate) fn prepare(path: &Path) -> Result<Output, String> {
        open(path).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The name as it was given.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether both would replace the same file.
    fn collides_with(&self, other: &Output) -> bool {
        self.temporary.is_some() && self.target == other.target
    }

    /// The files of this output that stand in the file system while it is written.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        [Some(&*self.target), self.temporary.as_deref()].into_iter().flatten()
    }

    /// Puts in its place what was written. An error leaves there what was there before.
    pub(crate) fn commit(mut self) -> io::Result<()> {
        self.flush()?;
        self.put_in_place().map_err(|error| self.named(&error))
    }

    fn put_in_place(&mut self) -> io::Result<()> {
        let Some(temporary) = &self.temporary else {
            return Ok(());
        };
        // Some file systems find out only now that the disk is full.
        self.file.get_ref().sync_all()?;
        fs::rename(temporary, &self.target)?;
        self.temporary = None;
        Ok(())
    }

    fn named(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("{}: {error}", self.name))
    }
}

/// An error names the file.
impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|error| self.named(&error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush().map_err(|error| self.named(&error))
    }
}

/// Says which two would replace one file, if there are two.
pub(crate) fn all_different(outputs: &[&Output]) -> Result<(), String> {
    for (i, output) in outputs.iter().enumerate() {
        if let Some(other) = outputs[..i].iter().find(|other| output.collides_with(other)) {
            return Err(format!("{} and {} are one file", other.name, output.name));
        }
    }
    Ok(())
}

/// A result that never came leaves nothing behind.
impl Drop for Output {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            let _ = fs::remove_file(temporary);
        }
    }
}

fn open(path: &Path) -> io::Result<Output> {
    let name = path.display().to_string();
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return replace(name, path),
        Err(error) => return Err(error),
    };
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    // What may not be written may not be replaced either, although its folder would allow it.
    let file = OpenOptions::new().write(true).open(path)?;
    if metadata.is_file() {
        // The file that a symbolic link points to is replaced, not the link.
        let output = replace(name, &fs::canonicalize(path)?)?;
        output.file.get_ref().set_permissions(metadata.permissions())?;
        return Ok(output);
    }
    Ok(Output { name, target: path.to_owned(), temporary: None, file: BufWriter::new(file) })
}

/// Opens a temporary file in the folder of the target, since a rename cannot leave a disk.
fn replace(name: String, target: &Path) -> io::Result<Output> {
    let file_name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => fs::canonicalize(folder)?,
        _ => fs::canonicalize(".")?,
    };
    let (temporary, file) = create_hidden(&folder, &file_name.to_string_lossy())?;
    let (target, file) = (folder.join(file_name), BufWriter::new(file));
    Ok(Output { name, target, temporary: Some(temporary), file })
}

fn create_hidden(folder: &Path, name: &str) -> io::Result<(PathBuf, File)> {
    let mut attempt = 0;
    loop {
        let path = folder.join(format!(".{name}.{}-{attempt}.tmp", process::id()));
        match File::create_new(&path) {
            Ok(file) => return Ok((path, file)),
            // One with our own number, left behind by a process that was killed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 100 => {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}
