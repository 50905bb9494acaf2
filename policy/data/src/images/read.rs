//! Reading pictures of episodes.

use super::cameras::Cameras;
use super::decode::decode;
use super::storage;
use crate::layout::episodes;
use crate::layout::features::{EPISODE, FRAME};
use crate::layout::info::Info;
use crate::layout::row::Row;
use crate::table::{self, Batch, Encoded, Reader};
use imle_configs::spec::ImageLayout;
use imle_configs::{Error, Result};
use rayon::prelude::*;
use std::ops::Range;
use std::path::Path;

/// The pictures of one episode, or of several in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// Cameras and size.
    pub layout: ImageLayout,
    /// (frames, cameras, H, W, 3) in RGB, rows from top to bottom.
    pub rgb: Vec<u8>,
}

/// The cameras whose pictures the dataset at `path` has beside its observations, those of the first one's size; none
/// without pictures.
///
/// # Errors
/// As [`crate::read()`] of what is needed; [`Error::Unexpected`] for pictures of a size that cannot be.
pub fn image_layout(path: &Path) -> Result<Option<ImageLayout>> {
    let info = Info::read(path)?;
    if info.has_images() { Ok(Some(info.images()?.layout)) } else { Ok(None) }
}

/// Reads the pictures of episode `number` of the dataset at `path`, beside its observations.
///
/// # Errors
/// As [`crate::read()`] of what is needed; [`Error::Unexpected`] if the dataset has no pictures, no such episode, not
/// all its frames in the file that the metadata name, or a picture is no PNG or JPEG of the declared size.
pub fn read_images(path: &Path, number: usize) -> Result<Images> {
    let info = Info::read(path)?;
    let cameras = info.images()?;
    let rows = episodes::read(path, &info)?;
    let row = rows.get(number).ok_or_else(|| {
        let expected = format!("an episode below {}", rows.len());
        Error::unexpected(path.display(), expected, number)
    })?;
    Ok(Images { rgb: read_rows(path, &cameras, std::slice::from_ref(row))?, layout: cameras.layout })
}

/// Reads the pictures of `cameras` of the first `count` episodes, one episode after the other, decoded by all threads
/// of the pool that this is called in. They take `layout.bytes()` for each frame.
///
/// # Errors
/// As [`read_images`]; [`Error::Unknown`] for a camera that the dataset does not have.
pub fn read_all_images(path: &Path, cameras: &[String], count: usize) -> Result<Images> {
    let info = Info::read(path)?;
    let cameras = info.images()?.named(cameras).map_err(|e| e.in_file(path.display()))?;
    let rows = episodes::read(path, &info)?;
    let rows = rows.get(..count).ok_or_else(|| {
        let expected = format!("at most the {} episodes of the dataset", rows.len());
        Error::unexpected(path.display(), expected, count)
    })?;
    Ok(Images { rgb: read_rows(path, &cameras, rows)?, layout: cameras.layout })
}

/// Reads the pictures of episodes that follow each other in the dataset at `root`, (frames, cameras, H, W, 3); those of
/// cameras with videos are black.
pub(crate) fn read_rows(root: &Path, cameras: &Cameras, rows: &[Row]) -> Result<Vec<u8>> {
    let reader = PictureReader {
        root,
        layout: &cameras.layout,
        columns: cameras
            .all
            .iter()
            .enumerate()
            .filter(|(_, c)| !c.video)
            .map(|(i, c)| (i, c.column.as_str()))
            .collect(),
    };
    // Before there is room for all: their number and their size.
    let episodes: Vec<_> = rows.chunk_by(|a, b| a.file == b.file).filter(|_| !reader.columns.is_empty()).collect();
    let places = episodes.iter().map(|rows| reader.places(rows)).collect::<Result<Vec<_>>>()?;
    let mut rgb = storage::room(root, &cameras.layout, rows.iter().map(|r| r.len).sum())?;
    let mut rest = rgb.as_mut_slice();
    for (rows, place) in episodes.into_iter().zip(places) {
        let (out, after) = rest.split_at_mut(rows.iter().map(|r| r.len).sum::<usize>() * cameras.layout.bytes());
        reader.read(rows, place, out)?;
        rest = after;
    }
    Ok(rgb)
}

/// Reader of the pictures in data files.
struct PictureReader<'a> {
    root: &'a Path,
    layout: &'a ImageLayout,
    /// The columns with the places of their cameras.
    columns: Vec<(usize, &'a str)>,
}

impl PictureReader<'_> {
    fn names(&self) -> Vec<&str> {
        self.columns.iter().map(|(_, name)| *name).collect()
    }

    /// The rows of the data file from the first to the last of these episodes, which all lie in it.
    fn places(&self, rows: &[Row]) -> Result<Range<usize>> {
        let file = &rows[0].file;
        let count = Reader::rows(file)?;
        let wanted: usize = rows.iter().fold(0, |n, r| n.saturating_add(r.len));
        let expected = format!("the {wanted} frames of {} episodes from episode {} on", rows.len(), rows[0].number);
        Error::ensure(wanted <= count, file.display(), expected, format!("{count} rows"))?;
        let mut found = 0..0;
        if rows[0].alone {
            found = 0..count;
        } else {
            let mut at = 0;
            for batch in Reader::open(file, &[EPISODE], &[])? {
                for value in batch?.integers(EPISODE)?.values() {
                    if episode(rows, *value).is_some() {
                        found = if found.is_empty() { at..at + 1 } else { found.start..at + 1 };
                    }
                    at += 1;
                }
            }
        }
        if wanted > 0 {
            let (first, at) = (found.start..found.start + 1, format!(", row {}", found.start));
            for batch in Reader::open_rows(file, &self.names(), &[], Some(first))? {
                let batch = batch?;
                for (_, name) in &self.columns {
                    self.decode(&batch.pictures(name)?, 0, None).map_err(|found| self.bad(file, name, &at, found))?;
                }
            }
        }
        Ok(found)
    }

    fn decode(&self, pictures: &Encoded, row: usize, out: Option<&mut [u8]>) -> std::result::Result<(), String> {
        decode(&pictures.get(self.root, row)?, self.layout, out)
    }

    fn bad(&self, file: &Path, column: &str, at: &str, found: String) -> Error {
        let expected = format!("a PNG or JPEG of {}x{} pixels", self.layout.width, self.layout.height);
        Error::unexpected(format!("{}{at}", table::place(file, column)), expected, found)
    }

    /// Writes the pictures of these episodes, which lie in one file, to `out`.
    fn read(&self, rows: &[Row], place: Range<usize>, out: &mut [u8]) -> Result<()> {
        let (file, layout, alone) = (&rows[0].file, self.layout, rows[0].alone);
        let starts: Vec<usize> = rows.iter().scan(0, |at, r| Some(std::mem::replace(at, *at + r.len))).collect();
        let mut seen = vec![0; rows.len()];
        let numbered: &[&str] = if alone { &[] } else { &[EPISODE, FRAME] };
        for batch in Reader::open_rows(file, &[numbered, &self.names()].concat(), &[FRAME], Some(place))? {
            let batch = batch?;
            let numbers = if alone { None } else { Some(batch.integers(EPISODE)?) };
            let frames = batch.perhaps(FRAME, Batch::integers)?;
            let pictures = self.columns.iter().map(|(_, n)| batch.pictures(n)).collect::<Result<Vec<_>>>()?;
            // Where each wanted row of the batch goes; rows of an episode follow each other, so these ascend.
            let mut places: Vec<(usize, usize, usize)> = Vec::with_capacity(batch.len());
            for i in 0..batch.len() {
                let Some(e) = numbers.as_ref().map_or(Some(0), |numbers| episode(rows, numbers.value(i))) else {
                    continue;
                };
                let (row, next) = (&rows[e], seen[e]);
                let frame = frames.as_ref().map_or(next as i64, |frames| frames.value(i));
                if frame != next as i64 || next == row.len {
                    let expected = format!("the {} frames of episode {}, one after the other", row.len, row.number);
                    return Err(Error::unexpected(table::place(file, FRAME), expected, frame));
                }
                places.push((i, e, starts[e] + next));
                seen[e] += 1;
            }
            let (Some((_, _, start)), Some((_, _, last))) = (places.first(), places.last()) else { continue };
            let expected = "episodes one after the other";
            Error::ensure(last + 1 - start == places.len(), table::place(file, EPISODE), expected, "another order")?;
            let into = &mut out[start * layout.bytes()..(last + 1) * layout.bytes()];
            into.par_chunks_exact_mut(layout.bytes()).zip(&places).try_for_each(|(frame, (i, e, at))| {
                self.columns.iter().zip(&pictures).try_for_each(|((camera, name), pictures)| {
                    let picture = &mut frame[camera * layout.picture_bytes()..][..layout.picture_bytes()];
                    self.decode(pictures, *i, Some(picture)).map_err(|found| {
                        let at = format!(", episode {}, frame {}", rows[*e].number, at - starts[*e]);
                        self.bad(file, name, &at, found)
                    })
                })
            })?;
        }
        match rows.iter().zip(seen).find(|(row, seen)| row.len != *seen) {
            None => Ok(()),
            Some((row, seen)) => {
                let expected = format!("the {} frames of episode {}", row.len, row.number);
                Err(Error::unexpected(table::place(file, EPISODE), expected, seen))
            }
        }
    }
}

/// The place of an episode among `rows`.
fn episode(rows: &[Row], number: i64) -> Option<usize> {
    let number = u64::try_from(number).ok()?;
    rows.binary_search_by_key(&number, |row| row.number).ok()
}
