//! [`Broken`]: the list of the broken pictures, and why they are.

use std::collections::HashSet;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use exeunt::Error;
use exeunt_pipeline::{AtomicFile, Diverted, Sink};

use crate::picture::Picture;

/// The list, for who writes it while the pictures are made, and for who completes it at the end.
#[derive(Clone)]
pub(crate) struct Broken(Arc<Mutex<List>>);

struct List {
    /// `None` once something could not be written: then the list of the run before stays.
    file: Option<AtomicFile>,
    told: HashSet<PathBuf>,
}

impl Broken {
    pub(crate) fn new(file: AtomicFile) -> Broken {
        Broken(Arc::new(Mutex::new(List { file: Some(file), told: HashSet::new() })))
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the list in its place. A run that was interrupted has not come to all pictures: what was said before of those
    /// that it did not come to still holds, as long as they are there and have no thumbnail.
    pub(crate) fn finish(
        &self,
        before: &str,
        is_due: impl Fn(&Path) -> bool,
    ) -> Result<(), String> {
        let List { file, told } = &mut *self.list();
        let Some(mut file) = file.take() else { return Ok(()) };
        let still_holds =
            |line: &&str| picture_of(line).is_some_and(|path| !told.contains(path) && is_due(path));
        let mut lines = before.lines().filter(still_holds);
        let written = lines.try_for_each(|line| writeln!(file, "{line}"));
        written.and_then(|()| file.finish()).map_err(|error| error.to_string())
    }
}

/// Which picture a line speaks of, if it is still there. A name may have a colon in it too.
fn picture_of(line: &str) -> Option<&Path> {
    let ends = line.match_indices(": ").map(|(end, _)| end);
    ends.map(|end| Path::new(&line[..end])).find(|path| Picture::is_one(path) && path.is_file())
}

impl Sink<Diverted<Picture>> for Broken {
    fn write(&mut self, broken: Diverted<Picture>) -> exeunt::Result {
        let line = format!("{}: {}", broken.item.path.display(), broken.error);
        let line = line.replace(char::is_control, " ");
        log::warn!("broken: {line}");
        let list = &mut *self.list();
        let written: io::Result<()> =
            list.file.as_mut().map_or(Ok(()), |file| writeln!(file, "{line}"));
        if let Err(error) = written {
            list.file = None;
            return Err(Error::from(error));
        }
        list.told.insert(broken.item.path);
        Ok(())
    }
}
