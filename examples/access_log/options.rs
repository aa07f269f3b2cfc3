//! What can be chosen on the command line, and what is said when it was chosen wrong.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;

use crate::args::Args;
use crate::show::Shown;

const HELP: &str = "\
Counts the requests in the web server logs of DIR, per minute, path and status, in a SQLite database.
The logs are those of the common or the combined format, rotated or not, plain or gzip: access.log,
access.log.1, access.log.2.gz. Killed at any moment and run again, it goes on where it was, also if they
were rotated between two runs, and counts no line twice. Ctrl-C ends it in order: every line that was
taken in is counted. A second one ends it at once. What could not be read, the rest of a log that is cut off, say, is
named, and the status is 1; later runs name it too, since the database lacks it.

Usage: access_log [OPTIONS] DIR

  --generate N     before, make logs of N lines in DIR, which is empty or missing; if they are there
                   already, nothing is made
  --seed N         with the same one the same logs are made (default: 1)
  --db FILE        the database (default: requests.db in DIR)
  --batch N        lines that are counted in one transaction (default: 20000)
  --workers N      threads that parse and add up (default: one per processor)
  --timeline FILE  draw there, as HTML, who did what and when
  --report FILE    write there, as JSON, how each actor ended, and what became of every batch
  --plain          write lines instead of a live view
  --help           print this

The environment variable RUST_LOG sets what is logged: `debug` names each line that is broken.
";

/// Enough that a transaction costs little for each line; few enough that little is done twice.
const DEFAULT_BATCH: usize = 20_000;

/// A batch is in memory, as text.
const MOST_BATCH: usize = 10_000_000;

/// Each is a thread; more of them than this parse nothing faster.
const MOST_WORKERS: usize = 256;

pub(crate) struct Options {
    pub(crate) dir: PathBuf,
    pub(crate) generate: Option<u64>,
    pub(crate) seed: u64,
    pub(crate) db: PathBuf,
    pub(crate) batch_lines: usize,
    pub(crate) workers: usize,
    pub(crate) shown: Shown,
}

impl Options {
    /// Reads the command line.
    pub(crate) fn read(mut args: Args) -> Result<Options, String> {
        let (mut generate, mut seed, mut db) = (None, 1, None);
        let mut batch_lines = DEFAULT_BATCH;
        let mut workers = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let mut shown = Shown::default();
        while let Some(name) = args.next_option(HELP)? {
            match name.as_str() {
                "--generate" => generate = Some(args.number_up_to(usize::MAX)? as u64),
                "--seed" => seed = args.number()?,
                "--db" => db = Some(PathBuf::from(args.value()?)),
                "--batch" => batch_lines = args.number_up_to(MOST_BATCH)?,
                "--workers" => workers = args.number_up_to(MOST_WORKERS)?,
                _ => args.shown(&mut shown)?,
            }
        }
        let dir = args.folder()?.ok_or("the folder of the logs is missing (see --help)")?;
        let dir = PathBuf::from(dir);
        let db = db.unwrap_or_else(|| dir.join("requests.db"));
        Ok(Options { dir, generate, seed, db, batch_lines, workers, shown })
    }
}
