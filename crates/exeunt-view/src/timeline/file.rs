//! A file that is replaced as a whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;

/// Puts this in the place of what is there. An error names the file.
pub(super) fn replace(path: &Path, content: &str) -> io::Result<()> {
    let replaced = match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => over(path, &metadata, content),
        Ok(metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        // A pipe or a device: to rename something over it would destroy it.
        Ok(_) => File::options().write(true).open(path).and_then(|f| write(f, content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => beside(path, None, content),
        Err(error) => Err(error),
    };
    replaced.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// Replaces a file that is there.
fn over(path: &Path, metadata: &fs::Metadata, content: &str) -> io::Result<()> {
    // What may not be written may not be replaced either, although its folder would allow it.
    drop(File::options().write(true).open(path)?);
    // The file that a symbolic link points to is replaced, not the link.
    beside(&fs::canonicalize(path)?, Some(metadata.permissions()), content)
}

/// Writes to a temporary file in the same folder, since a rename cannot leave a disk, and renames it.
fn beside(path: &Path, permissions: Option<fs::Permissions>, content: &str) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let (temporary, file) = create_hidden(path, &name.to_string_lossy())?;
    let written = permissions
        .map_or(Ok(()), |permissions| file.set_permissions(permissions))
        .and_then(|()| write(file, content))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn write(mut file: File, content: &str) -> io::Result<()> {
    file.write_all(content.as_bytes())?;
    match file.sync_all() {
        // Some file systems find out only now that the disk is full; pipes and devices know of no disk.
        Err(error) if error.kind() != io::ErrorKind::InvalidInput => Err(error),
        _ => Ok(()),
    }
}

fn create_hidden(path: &Path, name: &str) -> io::Result<(PathBuf, File)> {
    let mut attempt = 0;
    loop {
        let temporary = path.with_file_name(format!(".{name}.{}-{attempt}.tmp", process::id()));
        match File::create_new(&temporary) {
            Ok(file) => return Ok((temporary, file)),
            // One with our own number, left behind by a process that was killed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 100 => {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own for each test, which goes with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("exeunt-view-{name}-{}", process::id()));
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            let mut names: Vec<_> =
                entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn it_is_there_as_a_whole_and_nothing_else_is() {
        let folder = Folder::new("whole");
        let path = folder.0.join("run.html");
        replace(&path, "first").unwrap();
        replace(&path, "second").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(folder.names(), ["run.html"]);
    }

    #[test]
    fn an_error_names_the_file_and_leaves_nothing() {
        let folder = Folder::new("error");
        let missing = folder.0.join("missing").join("run.html");
        let error = replace(&missing, "x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("missing/run.html"), "{error}");

        let error = replace(&folder.0, "x").unwrap_err();
        assert!(error.to_string().contains(&folder.0.display().to_string()), "{error}");
        assert!(folder.names().is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_a_device_a_device() {
        let folder = Folder::new("link");
        let (file, link) = (folder.0.join("file"), folder.0.join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        replace(&link, "new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());

        replace(Path::new("/dev/null"), "gone").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
