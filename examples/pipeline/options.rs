//! What can be chosen on the command line, and what is said when it was chosen wrong.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::args::Args;
use crate::show::Shown;

const HELP: &str = "\
Counts the words of every text file below DIR (default: the current folder).
A word is a run of letters and digits that begins with a letter; case does not count.
Ctrl-C ends it in order: every file that was taken in is counted. A second one ends it at once.

Usage: pipeline [OPTIONS] [DIR]

  --workers N      threads that read files (default: one per processor)
  --capacity N     files that wait between two threads before the one upstream waits (default: 16)
  --pace TIME      the least time from one file to the next in the tally, such as 20ms or 1s, so
                   that everything upstream fills, and a drain can be watched (default: none)
  --top N          how many of the most frequent words to print (default: 10)
  --out FILE       write all words and counts there, separated by tabs, the most frequent first
  --timeline FILE  draw there, as HTML, who did what and when
  --report FILE    write there, as JSON, how each actor ended, and what became of every file
  --plain          write lines instead of a live view
  --help           print this

The environment variable RUST_LOG sets what is logged: `debug` names each file that is skipped.
";

/// Enough that nobody waits for one slow file; few enough that a mailbox full of files fits in
/// memory, and that a drain is short.
const DEFAULT_CAPACITY: usize = 16;

/// More than this are no limit.
const MOST_CAPACITY: usize = 1_000_000;

/// Each is a thread; more of them than this read nothing faster.
const MOST_WORKERS: usize = 256;

pub(crate) struct Options {
    pub(crate) dir: PathBuf,
    pub(crate) workers: usize,
    pub(crate) capacity: usize,
    pub(crate) pace: Duration,
    pub(crate) top: usize,
    pub(crate) out: Option<PathBuf>,
    pub(crate) shown: Shown,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            dir: PathBuf::from("."),
            workers: thread::available_parallelism().map_or(1, NonZeroUsize::get),
            capacity: DEFAULT_CAPACITY,
            pace: Duration::ZERO,
            top: 10,
            out: None,
            shown: Shown::default(),
        }
    }
}

impl Options {
    /// Reads the command line.
    pub(crate) fn read(mut args: Args) -> Result<Options, String> {
        let mut options = Options::default();
        while let Some(name) = args.next_option(HELP)? {
            match name.as_str() {
                "--workers" => options.workers = args.number_up_to(MOST_WORKERS)?,
                "--capacity" => options.capacity = args.number_up_to(MOST_CAPACITY)?,
                "--pace" => options.pace = args.time()?,
                "--top" => options.top = args.number()?,
                "--out" => options.out = Some(args.value()?.into()),
                _ => args.shown(&mut options.shown)?,
            }
        }
        if let Some(dir) = args.folder()? {
            options.dir = dir.into();
        }
        Ok(options)
    }
}
