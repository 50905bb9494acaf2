//! Reading pictures of episodes.

use super::storage::{self, column, decode};
use crate::layout::episodes;
use crate::layout::features::{EPISODE, FRAME};
use crate::layout::info::Info;
use crate::table::{self, Reader};
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

/// The cameras whose pictures the dataset at `path` has beside its observations; none without pictures.
///
/// # Errors
/// As [`crate::read()`] of what is needed; [`Error::Unexpected`] for pictures of different sizes.
pub fn image_layout(path: &Path) -> Result<Option<ImageLayout>> {
    let info = Info::read(path)?;
    if info.has_images() { info.images().map(Some) } else { Ok(None) }
}

/// Reads the pictures of episode `number` of the dataset at `path`, beside its observations.
///
/// # Errors
/// As [`crate::read()`] of what is needed; [`Error::Unexpected`] if the dataset has no pictures, no such episode, not
/// all its frames in the file that the metadata name, or a picture is no RGB PNG of the declared size.
pub fn read_images(path: &Path, number: usize) -> Result<Images> {
    let info = Info::read(path)?;
    let layout = info.images()?;
    let rows = episodes::read(path, &info)?;
    let row = rows.get(number).ok_or_else(|| {
        let expected = format!("an episode below {}", rows.len());
        Error::unexpected(path.display(), expected, number)
    })?;
    let mut rgb = vec![0; row.len * layout.bytes()];
    read_file(&path.join(info.data_file(row.file)?), &layout, number, &[row.len], &mut rgb)?;
    Ok(Images { layout, rgb })
}

/// Reads the pictures of `cameras` of the first `count` episodes, one episode after the other, decoded by all threads
/// of the pool that this is called in. They take `layout.bytes()` for each frame.
///
/// # Errors
/// As [`read_images`]; [`Error::Unknown`] for a camera that the dataset does not have.
pub fn read_all_images(path: &Path, cameras: &[String], count: usize) -> Result<Images> {
    let info = Info::read(path)?;
    let all = info.images()?;
    if let Some(unknown) = cameras.iter().find(|c| !all.cameras.contains(c)) {
        return Err(Error::unknown("camera", unknown, &all.cameras).in_file(path.display()));
    }
    let layout = ImageLayout { cameras: cameras.to_vec(), ..all };
    storage::check(&layout)?;
    let rows = episodes::read(path, &info)?;
    let rows = rows.get(..count).ok_or_else(|| {
        let expected = format!("at most the {} episodes of the dataset", rows.len());
        Error::unexpected(path.display(), expected, count)
    })?;
    let mut rgb = vec![0; rows.iter().map(|r| r.len).sum::<usize>() * layout.bytes()];
    let mut rest = rgb.as_mut_slice();
    let mut first = 0;
    // Episodes of one file lie one after the other.
    for of_file in rows.chunk_by(|a, b| a.file == b.file) {
        let lengths: Vec<usize> = of_file.iter().map(|r| r.len).collect();
        let (place, after) = rest.split_at_mut(lengths.iter().sum::<usize>() * layout.bytes());
        read_file(&path.join(info.data_file(of_file[0].file)?), &layout, first, &lengths, place)?;
        (rest, first) = (after, first + of_file.len());
    }
    Ok(Images { layout, rgb })
}

/// Writes the pictures of the episodes from number `first` on, of these `lengths` and all in `file`, to `out`.
pub(crate) fn read_file(
    file: &Path,
    layout: &ImageLayout,
    first: usize,
    lengths: &[usize],
    out: &mut [u8],
) -> Result<()> {
    let columns: Vec<String> = layout.cameras.iter().map(|c| column(c)).collect();
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    let starts: Vec<usize> = lengths.iter().scan(0, |at, n| Some(std::mem::replace(at, *at + n))).collect();
    let mut seen = vec![0; lengths.len()];
    let wanted = |number: i64| {
        let e = usize::try_from(number).ok().and_then(|n| n.checked_sub(first));
        e.filter(|e| *e < lengths.len())
    };
    let rows = rows_of(file, wanted)?;
    for batch in Reader::open_rows(file, &[&[EPISODE, FRAME], names.as_slice()].concat(), &[], Some(rows))? {
        let batch = batch?;
        let (of_row, frames) = (batch.integers(EPISODE)?, batch.integers(FRAME)?);
        let pictures = names.iter().map(|n| batch.pictures(n)).collect::<Result<Vec<_>>>()?;
        // Where each wanted row of the batch goes; rows of an episode follow each other, so these ascend.
        let mut places: Vec<(usize, usize)> = Vec::with_capacity(batch.len());
        for i in 0..batch.len() {
            let Some(e) = wanted(of_row.value(i)) else { continue };
            if frames.value(i) != seen[e] as i64 || seen[e] == lengths[e] {
                let expected = format!("the {} frames of episode {}, one after the other", lengths[e], first + e);
                return Err(Error::unexpected(table::place(file, FRAME), expected, frames.value(i)));
            }
            places.push((i, starts[e] + seen[e]));
            seen[e] += 1;
        }
        let (Some((_, start)), Some((_, last))) = (places.first(), places.last()) else { continue };
        let expected = "episodes one after the other";
        Error::ensure(last + 1 - start == places.len(), table::place(file, EPISODE), expected, "another order")?;
        let into = &mut out[start * layout.bytes()..(last + 1) * layout.bytes()];
        into.par_chunks_exact_mut(layout.bytes()).zip(&places).try_for_each(|(frame, (i, _))| {
            let cameras = frame.chunks_exact_mut(layout.picture_bytes()).zip(names.iter().zip(&pictures));
            cameras.into_iter().try_for_each(|(picture, (name, column))| {
                decode(column.value(*i), layout, picture).map_err(|found| {
                    let at = format!("episode {}, frame {}", of_row.value(*i), frames.value(*i));
                    let place = format!("{}, {at}", table::place(file, name));
                    Error::unexpected(place, format!("a PNG of {}x{} RGB pixels", layout.width, layout.height), found)
                })
            })
        })?;
    }
    match (0..lengths.len()).find(|e| seen[*e] != lengths[*e]) {
        None => Ok(()),
        Some(e) => {
            let expected = format!("the {} frames of episode {}", lengths[e], first + e);
            Err(Error::unexpected(table::place(file, EPISODE), expected, seen[e]))
        }
    }
}

/// The rows of a data file from the first to the last of a `wanted` episode.
fn rows_of(file: &Path, wanted: impl Fn(i64) -> Option<usize>) -> Result<Range<usize>> {
    let (mut found, mut at) = (0..0, 0);
    for batch in Reader::open(file, &[EPISODE], &[])? {
        for value in batch?.integers(EPISODE)?.values() {
            if wanted(*value).is_some() {
                found = if found.is_empty() { at..at + 1 } else { found.start..at + 1 };
            }
            at += 1;
        }
    }
    Ok(found)
}
