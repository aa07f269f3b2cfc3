//! What can be chosen on the command line, and what is said when it was chosen wrong.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;

use crate::args::Args;
use crate::show::Shown;

const HELP: &str = "\
Makes a thumbnail of every picture below DIR: JPEG, PNG, GIF (the first of its frames) and WebP.
Run again, it makes only those that are missing, and those whose picture has changed since.
Ctrl-C ends it in order: of every picture that was taken in there is a thumbnail, or a line in the
list of the broken ones. A second one ends it at once. No thumbnail is ever there in part.

Usage: thumbnails [OPTIONS] DIR

  --generate N     before, draw N pictures in DIR, some of which are broken; those that are there
                   already stay
  --size PIXELS    into how large a square a thumbnail fits (default: 128)
  --threads N      threads that decode and resize (default: one per processor)
  --out DIR        where the thumbnails go (default: thumbnails/SIZE in the folder of the pictures);
                   broken.txt in there says which pictures are broken, and why; they are tried
                   again every time, and stay in there if it is interrupted before that
  --timeline FILE  draw there, as HTML, who did what and when
  --report FILE    write there, as JSON, how each actor ended, and what became of every picture
  --plain          write lines instead of a live view
  --help           print this
";

/// What is larger than this is no thumbnail.
const MOST_PIXELS: usize = 4096;

/// Each is busy with one picture; more of them than this share too few processors.
const MOST_THREADS: usize = 256;

/// A night's work.
const MOST_PICTURES: usize = 1_000_000;

pub(crate) struct Options {
    pub(crate) dir: PathBuf,
    pub(crate) generate: usize,
    pub(crate) size: u32,
    pub(crate) threads: usize,
    pub(crate) out: PathBuf,
    pub(crate) shown: Shown,
}

impl Options {
    /// Reads the command line.
    pub(crate) fn read(mut args: Args) -> Result<Options, String> {
        let (mut generate, mut size, mut out) = (0, 128, None);
        let mut threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let mut shown = Shown::default();
        while let Some(name) = args.next_option(HELP)? {
            match name.as_str() {
                "--generate" => generate = args.number_up_to(MOST_PICTURES)?,
                "--size" => size = args.number_up_to(MOST_PIXELS)?,
                "--threads" => threads = args.number_up_to(MOST_THREADS)?,
                "--out" => out = Some(PathBuf::from(args.value()?)),
                _ => args.shown(&mut shown)?,
            }
        }
        let dir = args.folder()?.ok_or("the folder of the pictures is missing (see --help)")?;
        let dir = PathBuf::from(dir);
        // One for each size, so that those of another are not taken for these.
        let out = out.unwrap_or_else(|| dir.join(OWN_FOLDER).join(size.to_string()));
        Ok(Options { dir, generate, size: size as u32, threads, out, shown })
    }
}

/// Where thumbnails go in the folder of the pictures. None is made of those.
pub(crate) const OWN_FOLDER: &str = "thumbnails";
