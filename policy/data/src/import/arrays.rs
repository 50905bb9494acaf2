//! Named arrays whose rows are frames, as HDF5 and zarr hold them: which are the observation, and which are pictures.

use super::source::layout_of;
use imle_configs::spec::{CHANNELS, ImageLayout, Layout};
use imle_configs::{Error, Result};

/// An array of an episode's frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Array {
    pub(super) name: String,
    /// Without the frames.
    pub(super) shape: Vec<usize>,
    /// Whether its values are bytes, as pixels are.
    pub(super) bytes: bool,
}

impl Array {
    /// Height and width, if these are pictures.
    pub(super) fn picture(&self) -> Option<[usize; 2]> {
        match self.shape.as_slice() {
            [height, width, CHANNELS] if *height > 0 && *width > 0 => Some([*height, *width]),
            _ => None,
        }
    }

    /// Values a frame.
    pub(super) fn size(&self) -> usize {
        self.shape.iter().product()
    }
}

/// The arrays of the observation: those of `keys` in their order, or else all that hold vectors of numbers.
///
/// # Errors
/// [`Error::Unknown`] with the nearest names; [`Error::Unexpected`] for pictures among `keys`, or if there is nothing.
pub(super) fn observation<'a>(arrays: &'a [Array], keys: &[String]) -> Result<Vec<&'a Array>> {
    let vectors = || arrays.iter().filter(|a| a.shape.len() <= 1 && !a.bytes && a.size() > 0);
    if keys.is_empty() {
        let all: Vec<&Array> = vectors().collect();
        return match all.is_empty() {
            true => Err(Error::unexpected("observation", "at least one array of vectors", "none")),
            false => Ok(all),
        };
    }
    let find = |key: &String| {
        let known = || Error::unknown("observation key", key, arrays.iter().map(|a| &a.name));
        let array = arrays.iter().find(|a| a.name == *key).ok_or_else(known)?;
        if array.shape.len() > 1 || array.bytes || array.size() == 0 {
            let found = format!("an array of shape (frames, {:?})", array.shape);
            return Err(Error::unexpected(format!("observation `{key}`"), "vectors of numbers", found));
        }
        Ok(array)
    };
    keys.iter().map(find).collect()
}

/// Their layout.
pub(super) fn layout(arrays: &[&Array]) -> Layout {
    layout_of(arrays.iter().map(|a| (a.name.clone(), a.size())))
}

/// The cameras, if all pictures have one size; the names of their arrays are those of the cameras.
pub(super) fn pictures(arrays: &[Array]) -> Option<ImageLayout> {
    let of: Vec<(&Array, [usize; 2])> = arrays.iter().filter_map(|a| Some((a, a.picture()?))).collect();
    let (_, [height, width]) = *of.first()?;
    let same = of.iter().all(|(_, size)| *size == [height, width]);
    same.then(|| ImageLayout { cameras: of.iter().map(|(a, _)| a.name.clone()).collect(), height, width })
}

/// Joins rows: of arrays of `len` rows with their widths, one row after the other.
///
/// # Errors
/// [`Error::Unexpected`] about an array of another length.
pub(super) fn joined(place: &str, parts: &[(&Array, Vec<f32>)], len: usize) -> Result<Vec<f32>> {
    for (array, values) in parts {
        let expected = format!("{len} frames of {} values", array.size());
        let found = format!("{} values", values.len());
        Error::ensure(values.len() == len * array.size(), format!("{place}: {}", array.name), expected, found)?;
    }
    let row = |t: usize| parts.iter().flat_map(move |(a, v)| v[t * a.size()..(t + 1) * a.size()].iter().copied());
    Ok((0..len).flat_map(row).collect())
}

/// Pictures of cameras, each (len, H, W, 3), as (len, cameras, H, W, 3).
pub(super) fn interleaved(cameras: &[Vec<u8>], layout: &ImageLayout) -> Result<Vec<u8>> {
    let each = layout.picture_bytes();
    let len = cameras.first().map_or(0, |c| c.len() / each);
    if let Some((name, found)) = layout.cameras.iter().zip(cameras).find(|(_, c)| c.len() != len * each) {
        return Err(Error::unexpected(name, format!("{} bytes of pictures", len * each), found.len()));
    }
    Ok((0..len).flat_map(|t| cameras.iter().flat_map(move |c| c[t * each..(t + 1) * each].iter().copied())).collect())
}
