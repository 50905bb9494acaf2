//! PNG files: a picture, or a strip of them, which is what a document shows of an episode.

use crate::error::{Error, Result};
use imle_configs::files::write_atomic;
use mujoco_rs::renderer::png;
use std::path::Path;

/// Pictures in a row.
const COLUMNS: usize = 3;

/// Writes `pictures`, each RGB (height, width, 3) rows from top to bottom, in rows of three at half their size.
///
/// # Errors
/// [`Error::Video`] if there are none or their sizes differ; the place cannot be written.
pub fn write(path: &Path, (width, height): (usize, usize), pictures: &[Vec<u8>]) -> Result<()> {
    if pictures.is_empty() || pictures.iter().any(|p| p.len() != width * height * 3) {
        return Err(Error::Video(format!("expected pictures of {width}x{height} pixels, found {}", pictures.len())));
    }
    let (w, h) = (width / 2, height / 2);
    let rows = pictures.len().div_ceil(COLUMNS);
    let mut sheet = vec![255u8; COLUMNS * w * rows * h * 3];
    for (i, picture) in pictures.iter().enumerate() {
        let (left, top) = ((i % COLUMNS) * w, (i / COLUMNS) * h);
        for y in 0..h {
            for x in 0..w {
                for c in 0..3 {
                    let at = |dy: usize, dx: usize| u32::from(picture[((2 * y + dy) * width + 2 * x + dx) * 3 + c]);
                    let mean = (at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1) + 2) / 4;
                    sheet[((top + y) * COLUMNS * w + left + x) * 3 + c] = mean as u8;
                }
            }
        }
    }
    write_one(path, (COLUMNS * w, rows * h), &sheet)
}

/// Writes one picture, RGB (height, width, 3) rows from top to bottom.
///
/// # Errors
/// [`Error::Video`] if it cannot be encoded; the place cannot be written.
pub fn write_one(path: &Path, (width, height): (usize, usize), picture: &[u8]) -> Result<()> {
    let failed = |e: png::EncodingError| Error::Video(e.to_string());
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(picture).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(write_atomic(path, |w| w.write_all(&bytes))?)
}
