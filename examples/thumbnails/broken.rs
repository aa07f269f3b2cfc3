//! [`Broken`]: the list of the broken pictures, and why they are.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use exeunt_pipeline::{AtomicFile, Diverted, Sink};

use crate::picture::Picture;

/// What is wrong with each broken picture, for who hears of them while pictures are made, and for who writes the list at
/// the end. Threads come upon them in no order; the list is in that of the paths.
#[derive(Clone, Default)]
pub(crate) struct Broken(Arc<Mutex<BTreeMap<PathBuf, String>>>);

impl Broken {
    fn told(&self) -> MutexGuard<'_, BTreeMap<PathBuf, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the list. A run that was interrupted has not come to all pictures: what was said `before` of those that it
    /// did not come to still holds, as long as they are there and have no thumbnail.
    pub(crate) fn list(
        &self,
        before: &str,
        is_due: impl Fn(&Path) -> bool,
        mut file: AtomicFile,
    ) -> Result<(), String> {
        let told = self.told();
        let lines_before = before.lines().filter_map(|line| Some((picture_of(line)?, line)));
        let mut lines: BTreeMap<&Path, &str> =
            lines_before.filter(|(path, _)| is_due(path)).collect();
        lines.extend(told.iter().map(|(path, line)| (path.as_path(), line.as_str())));
        let written = lines.values().try_for_each(|line| writeln!(file, "{line}"));
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
        let path = broken.item.path;
        let line = format!("{}: {}", path.display(), broken.error);
        let line = line.replace(char::is_control, " ");
        log::warn!("broken: {line}");
        self.told().insert(path, line);
        Ok(())
    }
}
