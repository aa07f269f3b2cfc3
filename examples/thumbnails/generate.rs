//! Pictures to try it with: of all formats and many sizes, and every tenth broken in a way of its own.

use std::fs;
use std::io::{self, Cursor, Write as _};
use std::path::{Path, PathBuf};

use exeunt_pipeline::{AtomicFile, Outcome, Pipeline};
use image::{ImageFormat, ImageResult, Rgb, RgbImage};

use crate::random::Xorshift;

const FORMATS: [(&str, ImageFormat); 4] = [
    ("jpg", ImageFormat::Jpeg),
    ("png", ImageFormat::Png),
    ("webp", ImageFormat::WebP),
    ("gif", ImageFormat::Gif),
];

/// One of so many is broken.
const BROKEN_EVERY: usize = 10;

/// Draws those that are missing, in a pipeline of its own, which Ctrl-C drains too.
pub(crate) fn generate(dir: &Path, pictures: usize, threads: usize) -> Result<Outcome, String> {
    fs::create_dir_all(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let dir = dir.to_owned();
    let name = move |number: usize| {
        let (ending, _) = FORMATS[number % FORMATS.len()];
        dir.join(format!("{:02}", number / 100)).join(format!("{number:06}.{ending}"))
    };
    Pipeline::new("generate")
        .chunk(1)
        .iter("numbers", 0..pictures)
        .map("name", move |number| (number, name(number)))
        .filter("missing", |(_, path)| !path.exists())
        .try_parallel("draw", threads, |(number, path)| {
            Ok::<_, exeunt::Error>((path, draw(number)?))
        })
        .sink("write", |(path, bytes): (PathBuf, Vec<u8>)| Ok(write(&path, &bytes)?))
        .run()
        .map_err(|error| error.to_string())
}

/// The file of that number.
fn draw(number: usize) -> ImageResult<Vec<u8>> {
    let mut dice = Xorshift::new(number as u64 + 1);
    let (_, format) = FORMATS[number % FORMATS.len()];
    // To find 256 colours takes a GIF long.
    let side = if format == ImageFormat::Gif { 200 } else { 600 };
    let (width, height) = (side + dice.below(side), side + dice.below(side));
    let mut bytes = Vec::new();
    paint(width, height, &mut dice).write_to(&mut Cursor::new(&mut bytes), format)?;
    if number % BROKEN_EVERY == BROKEN_EVERY - 1 {
        break_it(&mut bytes, number / BROKEN_EVERY);
    }
    Ok(bytes)
}

/// Rings around a place, over a sky.
fn paint(width: u64, height: u64, dice: &mut Xorshift) -> RgbImage {
    let (at_x, at_y) = (dice.below(width), dice.below(height));
    let (apart, hue) = (2000 + dice.below(8000), dice.below(128));
    RgbImage::from_fn(width as u32, height as u32, |x, y| {
        let (x, y) = (u64::from(x), u64::from(y));
        let (dx, dy) = (x.abs_diff(at_x), y.abs_diff(at_y));
        let ring = (dx * dx + dy * dy) / apart % 128;
        Rgb([hue + ring, y * 255 / height, 255 - x * 255 / width].map(|light| light as u8))
    })
}

/// Does what disks, transfers and jokers do to pictures.
fn break_it(bytes: &mut Vec<u8>, how: usize) {
    match how % 4 {
        0 => bytes.truncate(bytes.len() / 3),
        1 => *bytes = b"a text that is called a picture\n".to_vec(),
        2 => bytes.clear(),
        _ => *bytes = claims_to_be_huge(),
    }
}

/// A GIF of some bytes that says that it is 65535 pixels wide and high.
fn claims_to_be_huge() -> Vec<u8> {
    b"GIF89a\xff\xff\xff\xff\0\0\0\x2c\0\0\0\0\xff\xff\xff\xff\0\x02\0\x3b".to_vec()
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", folder.display())))?;
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes)?;
    file.finish()
}
