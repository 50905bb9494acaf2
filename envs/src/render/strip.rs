//! PNG files: a picture, or a strip of them, which is what a document shows of an episode.

use crate::error::{Error, Result};
use imle_configs::files::write_atomic;
use mujoco_rs::renderer::png;
use std::path::Path;

/// Pictures in a row.
const COLUMNS: usize = 3;

/// Longer side of a picture on a contact sheet, pixels, about.
const SIDE: usize = 160;

/// Writes `pictures`, each RGB (height, width, 3) rows from top to bottom, in rows of three at half their size.
///
/// # Errors
/// [`Error::Video`] if there are none or their sizes differ; the place cannot be written.
pub fn write(path: &Path, size: (usize, usize), pictures: &[Vec<u8>]) -> Result<()> {
    let (size, tiled) = tile(size, COLUMNS, (1, 2), pictures)?;
    write_one(path, size, &tiled)
}

/// Writes a contact sheet: `pictures` as of [`write()`] in rows of `columns`, small ones enlarged and large ones reduced
/// to sides of 160 to 320 pixels.
///
/// # Errors
/// As [`write()`].
pub fn write_sheet(path: &Path, size: (usize, usize), columns: usize, pictures: &[Vec<u8>]) -> Result<()> {
    let longest = size.0.max(size.1).max(1);
    let (size, tiled) = tile(size, columns, (SIDE.div_ceil(longest), (longest / SIDE).max(1)), pictures)?;
    write_one(path, size, &tiled)
}

/// Pictures in rows of `columns`, every pixel `up` times as large, means of blocks of `down`; with (width, height).
fn tile(
    (width, height): (usize, usize),
    columns: usize,
    (up, down): (usize, usize),
    pictures: &[Vec<u8>],
) -> Result<((usize, usize), Vec<u8>)> {
    let (w, h) = (width / down * up, height / down * up);
    if pictures.is_empty() || columns * w * h == 0 || pictures.iter().any(|p| p.len() != width * height * 3) {
        return Err(Error::Video(format!("expected pictures of {width}x{height} pixels, found {}", pictures.len())));
    }
    let size = (columns * w, pictures.len().div_ceil(columns) * h);
    let mut sheet = vec![255u8; size.0 * size.1 * 3];
    let count = (down * down) as u32;
    for (i, picture) in pictures.iter().enumerate() {
        let (left, top) = ((i % columns) * w, (i / columns) * h);
        for (y, x) in (0..h).flat_map(|y| (0..w).map(move |x| (y, x))) {
            let (from_y, from_x) = (y / up * down, x / up * down);
            for c in 0..3 {
                let at = |i: usize| picture[((from_y + i / down) * width + from_x + i % down) * 3 + c];
                let sum: u32 = (0..down * down).map(|i| u32::from(at(i))).sum();
                sheet[((top + y) * size.0 + left + x) * 3 + c] = ((sum + count / 2) / count) as u8;
            }
        }
    }
    Ok((size, sheet))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pictures_grow_and_large_ones_shrink() {
        let (size, sheet) = tile((2, 1), 2, (2, 1), &[vec![1, 2, 3, 4, 5, 6], vec![7; 6], vec![9; 6]]).unwrap();
        assert_eq!(size, (8, 4));
        assert_eq!(
            sheet[..8 * 3],
            [[1, 2, 3], [1, 2, 3], [4, 5, 6], [4, 5, 6], [7; 3], [7; 3], [7; 3], [7; 3]].concat()
        );
        assert_eq!((sheet[2 * 8 * 3], sheet[2 * 8 * 3 + 4 * 3]), (9, 255));
        let blocks = [10, 20, 0, 0, 30, 40, 0, 8].map(|v| [v; 3]).concat();
        assert_eq!(tile((4, 2), 1, (1, 2), &[blocks]).unwrap(), ((2, 1), vec![25, 25, 25, 2, 2, 2]));
        assert!(tile((1, 1), 1, (1, 2), &[vec![0; 3]]).is_err() && tile((1, 1), 1, (1, 1), &[]).is_err());
    }
}
