//! [`Picture`]: one of which a thumbnail may have to be made; and [`Thumbnail`]: one that was made.

use std::fs::{self, File};
use std::io::{self, Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use exeunt_pipeline::AtomicFile;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, ImageResult, Limits};

/// What a picture may say of its own size. A few bytes can claim to be of a million pixels squared.
const MOST_PIXELS_A_SIDE: u32 = 32 * 1024;

/// What the decoding of one picture may take. Every thread decodes one.
const MOST_MEMORY_BYTES: u64 = 256 * 1024 * 1024;

const ENDINGS: [&str; 5] = ["gif", "jpeg", "jpg", "png", "webp"];

#[derive(Clone)]
pub(crate) struct Picture {
    pub(crate) path: PathBuf,
    thumbnail: PathBuf,
    modified: Option<SystemTime>,
}

impl Picture {
    /// Whether that is a picture, as far as its name tells.
    pub(crate) fn is_one(path: &Path) -> bool {
        let ending = path.extension().and_then(|ending| ending.to_str());
        ending.is_some_and(|ending| ENDINGS.contains(&&*ending.to_ascii_lowercase()))
    }

    /// The picture, if there is something to do: a thumbnail bears the time of its picture.
    pub(crate) fn if_due(path: PathBuf, dir: &Path, out: &Path) -> Option<Picture> {
        let mut thumbnail = out.join(path.strip_prefix(dir).unwrap_or(&path)).into_os_string();
        // Not instead of the ending: `a.jpg` and `a.png` are two.
        thumbnail.push(".png");
        let (thumbnail, modified) = (PathBuf::from(thumbnail), modified(&path));
        let is_done = modified.is_some() && self::modified(&thumbnail) == modified;
        (!is_done).then_some(Picture { path, thumbnail, modified })
    }

    /// Decodes it, makes it as small as it has to be, and encodes that. A smaller one stays as it is.
    pub(crate) fn shrink(self, size: u32) -> ImageResult<Thumbnail> {
        let mut image = decode(&self.path)?;
        if image.width() > size || image.height() > size {
            image = image.resize(size, size, FilterType::CatmullRom);
        }
        let mut png = Vec::new();
        image.write_to(&mut Cursor::new(&mut png), ImageFormat::Png)?;
        Ok(Thumbnail { path: self.thumbnail, of: self.modified, png })
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// Its format is the one that it has, whatever its name says.
fn decode(path: &Path) -> ImageResult<DynamicImage> {
    let mut reader = ImageReader::open(path)?.with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_PIXELS_A_SIDE);
    limits.max_image_height = Some(MOST_PIXELS_A_SIDE);
    limits.max_alloc = Some(MOST_MEMORY_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    // A camera that was held upright writes the picture as it lay, and how to turn it.
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

pub(crate) struct Thumbnail {
    path: PathBuf,
    /// When its picture was modified.
    of: Option<SystemTime>,
    png: Vec<u8>,
}

impl Thumbnail {
    /// Puts it in its place, as a whole, and gives it the time of its picture: whoever ends the program in between has
    /// it made once more. An error names the file.
    pub(crate) fn write(&self) -> io::Result<()> {
        let of_it = |error: io::Error| {
            io::Error::new(error.kind(), format!("{}: {error}", self.path.display()))
        };
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(of_it)?;
        let mut file = AtomicFile::create(&self.path)?;
        file.write_all(&self.png)?;
        file.finish()?;
        match self.of {
            Some(modified) => {
                let file = File::options().write(true).open(&self.path);
                file.and_then(|file| file.set_modified(modified)).map_err(of_it)
            }
            None => Ok(()),
        }
    }
}
