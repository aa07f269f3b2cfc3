//! [`Files`]: the files below a folder.

use std::ffi::OsStr;
use std::fmt::{self, Write};
use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};
use std::vec;

use exeunt::Event;

use super::{Next, Source};
use crate::named::of_file;

/// The paths of all files below a folder, however deep, in the order of their names.
///
/// Each folder is read when its turn comes, and its names are sorted, so that every run has the same order. Symbolic links are
/// not followed; they are left out, as is everything else that is no regular file. Paths begin with the folder as it
/// was given.
///
/// The position of a file is its path below the folder, with `/` between the names. Bytes that are not UTF-8, and
/// `%`, are escaped in it as `%FF`; it is by these names that it is sorted, byte by byte. To begin [after](Files::after)
/// a position is to begin with the first file that is sorted after it, whether or not that one is still there.
///
/// A folder that cannot be read is an error that names it; after it come the others, if errors are
/// [skipped](crate::Flow::skip_errors).
///
/// # Examples
///
/// ```
/// use exeunt_pipeline::{Files, Pipeline};
///
/// # let folder = std::env::temp_dir().join(format!("exeunt-files-{}", std::process::id()));
/// # std::fs::create_dir_all(folder.join("a")).unwrap();
/// # std::fs::write(folder.join("a/1.txt"), "one").unwrap();
/// # std::fs::write(folder.join("b.txt"), "four").unwrap();
/// let outcome = Pipeline::new("sizes")
///     .source("files", Files::below(&folder)?)
///     .try_map("size", |path| std::fs::metadata(path).map(|metadata| metadata.len()))
///     .filter("large", |&size| size > 3)
///     .sink("print", |size| { println!("{size}"); Ok(()) })
///     .run()?;
/// assert_eq!(outcome.ledger().stage("print").unwrap().passed, 1);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Files {
    /// The folders that are being gone through, each within the one before.
    levels: Vec<Level>,
    /// What of all there is is taken.
    choice: Choice,
}

type Choice = Box<dyn FnMut(&Path, FileType) -> bool + Send>;

#[derive(Debug)]
struct Level {
    /// Its position, and a `/` if it is not the first.
    prefix: String,
    entries: vec::IntoIter<io::Result<Entry>>,
    /// What is to be left out.
    after: Option<String>,
}

#[derive(Debug)]
struct Entry {
    name: String,
    path: PathBuf,
    kind: FileType,
}

impl Files {
    /// All files below a folder.
    ///
    /// # Errors
    ///
    /// What the operating system says, with the name of the folder, if it cannot be read.
    pub fn below(folder: impl AsRef<Path>) -> io::Result<Files> {
        let entries = read(folder.as_ref())?;
        let levels = vec![Level { prefix: String::new(), entries, after: None }];
        Ok(Files { levels, choice: Box::new(|_, _| true) })
    }

    /// Takes only that of which `choice` says so. For a folder it speaks of all that is in there.
    ///
    /// It is also told of symbolic links, and of everything else that is left out whatever it says, so that nothing
    /// needs to be passed over in silence.
    ///
    /// ```
    /// # use exeunt_pipeline::Files;
    /// # fn main() -> std::io::Result<()> {
    /// let files = Files::below(".")?.only(|path, kind| {
    ///     if !kind.is_file() && !kind.is_dir() {
    ///         eprintln!("{} is left out", path.display());
    ///     }
    ///     !path.ends_with(".git")
    /// });
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn only(self, choice: impl FnMut(&Path, FileType) -> bool + Send + 'static) -> Files {
        Files { choice: Box::new(choice), ..self }
    }

    /// Leaves out all up to this position, if it is one: of an earlier run, for example.
    ///
    /// ```
    /// # use exeunt_pipeline::Files;
    /// # fn main() -> std::io::Result<()> {
    /// let kept: Option<String> = None; // from wherever the last run has left it
    /// let files = Files::below(".")?.after(kept);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn after(mut self, position: impl Into<Option<String>>) -> Files {
        if let Some(first) = self.levels.first_mut() {
            first.after = position.into();
        }
        self
    }

    /// The next file, and its position; in the order of a walk through a tree.
    fn next_file(&mut self) -> Option<io::Result<(PathBuf, String)>> {
        while let Some(level) = self.levels.last_mut() {
            let Some(entry) = level.entries.next() else {
                self.levels.pop();
                continue;
            };
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return Some(Err(error)),
            };
            let Some(after) = level.after_within(&entry) else { continue };
            let Entry { name, path, kind } = entry;
            if !(self.choice)(&path, kind) {
                continue;
            }
            let position = format!("{}{name}", level.prefix);
            if kind.is_file() {
                return Some(Ok((path, position)));
            }
            if !kind.is_dir() {
                continue;
            }
            match read(&path) {
                Ok(entries) => self.levels.push(Level { prefix: position + "/", entries, after }),
                Err(error) => return Some(Err(error)),
            }
        }
        None
    }
}

impl Level {
    /// What is to be left out within an entry; `None` if that is all of it.
    fn after_within(&self, entry: &Entry) -> Option<Option<String>> {
        let Some(after) = &self.after else { return Some(None) };
        let (name, rest) = match after.split_once('/') {
            Some((name, rest)) => (name, Some(rest.to_owned())),
            None => (after.as_str(), None),
        };
        match entry.name.as_str().cmp(name) {
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Greater => Some(None),
            // A file is sorted before what is in a folder of its name.
            std::cmp::Ordering::Equal => entry.kind.is_dir().then_some(rest),
        }
    }
}

/// What there is in a folder, sorted.
fn read(folder: &Path) -> io::Result<vec::IntoIter<io::Result<Entry>>> {
    let unreadable = of_file(folder);
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(&unreadable)? {
        match entry.and_then(|entry| Ok((entry.file_type()?, entry))) {
            Ok((kind, entry)) => {
                let name = escaped(&entry.file_name());
                entries.push(Ok(Entry { name, path: entry.path(), kind }));
            }
            Err(error) => entries.push(Err(unreadable(error))),
        }
    }
    // Errors first, since they have no names.
    entries.sort_by(|a, b| name_of(a).cmp(&name_of(b)));
    Ok(entries.into_iter())
}

fn name_of(entry: &io::Result<Entry>) -> Option<&str> {
    entry.as_ref().ok().map(|entry| entry.name.as_str())
}

/// A name as text from which no two names are the same.
fn escaped(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_encoded_bytes().utf8_chunks() {
        text += &chunk.valid().replace('%', "%25");
        for byte in chunk.invalid() {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("levels", &self.levels).finish_non_exhaustive()
    }
}

impl Source for Files {
    type Item = PathBuf;
    type Position = String;

    fn next_item(&mut self, _: &Event) -> Option<Next<PathBuf, String>> {
        Some(self.next_file()?.map_err(Into::into))
    }

    /// A folder is read in no more time than it takes.
    fn is_next_at_hand(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    /// The positions of all files, or what went wrong.
    fn walked(files: Files) -> Vec<Result<String, String>> {
        let mut files = files;
        std::iter::from_fn(|| files.next_item(&Event::new()))
            .map(|next| next.map(|(_, position)| position).map_err(|error| error.to_string()))
            .collect()
    }

    fn tree() -> Scratch {
        let scratch = Scratch::new();
        for file in ["b", "a.txt", "a/z", "a/b/1", "a/b/2", "a/c", "c/d/e", "c%d"] {
            scratch.write(file, file);
        }
        fs::create_dir(scratch.join("empty")).unwrap();
        scratch
    }

    const SORTED: [&str; 8] = ["a/b/1", "a/b/2", "a/c", "a/z", "a.txt", "b", "c/d/e", "c%25d"];

    #[test]
    fn files_come_in_the_order_of_their_names_and_their_paths_lead_to_them() {
        let scratch = tree();
        let mut files = Files::below(scratch.path()).unwrap();
        for expected in SORTED {
            let (path, position) = files.next_item(&Event::new()).unwrap().unwrap();
            assert_eq!(position, expected);
            assert_eq!(fs::read_to_string(path).unwrap(), expected.replace("%25", "%"));
        }
        assert!(files.next_item(&Event::new()).is_none());
    }

    #[test]
    fn it_begins_after_every_position_also_of_files_that_are_gone() {
        let scratch = tree();
        let after = |position: &str| {
            let files = Files::below(scratch.path()).unwrap().after(position.to_owned());
            walked(files).into_iter().map(Result::unwrap).collect::<Vec<_>>()
        };
        for (at, position) in SORTED.iter().enumerate() {
            assert_eq!(after(position), SORTED[at + 1..], "after {position}");
        }
        assert_eq!(after("a"), SORTED); // what was a file then
        assert_eq!(after("a/b/10"), SORTED[1..]);
        assert_eq!(after("a/bb"), SORTED[2..]);
        assert_eq!(after("a.txt/x"), SORTED[5..]);
        assert_eq!(after("z"), [""; 0]);
    }

    #[test]
    fn a_folder_that_is_missing_is_named() {
        let scratch = Scratch::new();
        let missing = scratch.join("missing");
        let error = Files::below(&missing).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().starts_with(&format!("{}: ", missing.display())), "{error}");
        scratch.write("file", "");
        let error = Files::below(scratch.join("file")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
    }

    #[test]
    fn a_folder_that_vanishes_is_an_error_and_the_others_follow() {
        let scratch = tree();
        let files = Files::below(scratch.path()).unwrap();
        fs::remove_dir_all(scratch.join("a")).unwrap();
        let walked = walked(files);
        let error = walked[0].as_ref().unwrap_err();
        assert!(error.starts_with(&format!("{}: ", scratch.join("a").display())), "{error}");
        let rest: Vec<&str> = walked[1..].iter().map(|file| file.as_deref().unwrap()).collect();
        assert_eq!(rest, SORTED[4..]);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_left_out_and_names_need_not_be_text() {
        use std::os::unix::ffi::OsStrExt;
        use std::os::unix::fs::symlink;
        let scratch = Scratch::new();
        scratch.write("file", "");
        symlink(scratch.join("file"), scratch.join("link")).unwrap();
        symlink(scratch.path(), scratch.join("circle")).unwrap();
        let name = OsStr::from_bytes(b"\xFFx%");
        fs::write(scratch.path().join(name), "").unwrap();
        let walked = walked(Files::below(scratch.path()).unwrap());
        assert_eq!(walked, [Ok("%FFx%25".to_owned()), Ok("file".to_owned())]);
    }

    #[cfg(unix)]
    #[test]
    fn a_choice_is_told_of_everything_once_and_leaves_out_whole_folders() {
        use std::sync::{Arc, Mutex};
        let scratch = tree();
        std::os::unix::fs::symlink("b", scratch.join("link")).unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let (root, tell) = (scratch.path().to_owned(), Arc::clone(&told));
        let files = Files::below(&root).unwrap().only(move |path, kind| {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            let is_taken = name != "a" && name != "b";
            tell.lock().unwrap().push((name, kind.is_symlink()));
            is_taken
        });
        let walked: Vec<_> = walked(files).into_iter().map(Result::unwrap).collect();
        assert_eq!(walked, ["a.txt", "c/d/e", "c%25d"]);
        let told: Vec<_> = std::mem::take(&mut *told.lock().unwrap());
        let names = ["a", "a.txt", "b", "c", "c/d", "c/d/e", "c%d", "empty", "link"];
        assert_eq!(told, names.map(|name| (name.to_owned(), name == "link")));
    }
}
