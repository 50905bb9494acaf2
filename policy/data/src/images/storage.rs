//! Storage of pictures: PNG in structs, one column a camera.

use crate::table;
use arrow_array::{ArrayRef, BinaryArray, StringArray, StructArray};
use arrow_schema::{DataType, Field, Fields};
use imle_configs::spec::{CHANNELS, ImageLayout};
use imle_configs::{Error, Result};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// LeRobot's beginning of the name of a camera's column.
pub(super) const PREFIX: &str = "observation.images.";

/// Pixels that a side of a picture may have.
const MOST_PIXELS: usize = 1 << 14;

pub(crate) fn column(camera: &str) -> String {
    format!("{PREFIX}{camera}")
}

fn stored() -> Fields {
    vec![Field::new("bytes", DataType::Binary, true), Field::new("path", DataType::Utf8, true)].into()
}

/// Whether there can be such pictures.
pub(crate) fn check(layout: &ImageLayout) -> Result<()> {
    let distinct: BTreeSet<&String> = layout.cameras.iter().collect();
    if layout.cameras.is_empty() || distinct.len() != layout.cameras.len() {
        return Err(Error::unexpected("cameras", "distinct names", format!("`{}`", layout.cameras.join("`, `"))));
    }
    let fits = [layout.height, layout.width].iter().all(|side| (1..=MOST_PIXELS).contains(side));
    let expected = format!("sides of 1 to {MOST_PIXELS} pixels");
    Error::ensure(fits, "size of pictures", expected, format!("{}x{}", layout.width, layout.height))
}

/// Room for the pictures of so many frames.
///
/// # Errors
/// [`Error::Unexpected`] about `place` if there is not the memory.
pub(crate) fn room(place: &Path, layout: &ImageLayout, frames: usize) -> Result<Vec<u8>> {
    let mut rgb = Vec::new();
    match frames.checked_mul(layout.bytes()).filter(|bytes| rgb.try_reserve_exact(*bytes).is_ok()) {
        Some(bytes) => rgb.resize(bytes, 0),
        None => {
            return Err(Error::unexpected(
                place.display(),
                "pictures that fit into memory",
                format!("{frames} frames of {layout}"),
            ));
        }
    }
    Ok(rgb)
}

/// Whether `rgb` has the size of `len` frames of episode `number`.
pub(crate) fn check_pictures(layout: &ImageLayout, number: usize, len: usize, rgb: &[u8]) -> Result<()> {
    let wanted = len * layout.bytes();
    let expected = format!("{wanted} bytes, {len} frames of {} pictures", layout.cameras.len());
    Error::ensure(rgb.len() == wanted, format!("episode {number}: pictures"), expected, rgb.len())
}

/// The fields of the data files.
pub(crate) fn fields(layout: &ImageLayout) -> Vec<Field> {
    layout.cameras.iter().map(|c| Field::new(column(c), DataType::Struct(stored()), true)).collect()
}

/// The features of `info.json`.
pub(crate) fn features(layout: &ImageLayout) -> Vec<(String, Value)> {
    let feature = |c: &String| {
        let shape = [layout.height, layout.width, CHANNELS];
        (column(c), json!({"dtype": "image", "shape": shape, "names": ["height", "width", "channels"]}))
    };
    layout.cameras.iter().map(feature).collect()
}

/// The columns of some frames of an episode, whose pictures are (len, cameras, H, W, 3).
pub(crate) fn columns(layout: &ImageLayout, frames: Range<usize>, rgb: &[u8]) -> Result<Vec<ArrayRef>> {
    let (bytes, cameras) = (layout.picture_bytes(), layout.cameras.len());
    let column = |camera: usize| -> Result<ArrayRef> {
        let picture = |t: usize| &rgb[(t * cameras + camera) * bytes..][..bytes];
        let encoded = frames.clone().map(|t| encode(picture(t), layout)).collect::<Result<Vec<_>>>()?;
        let paths = frames.clone().map(|t| format!("frame-{t:06}.png"));
        let parts: Vec<ArrayRef> =
            vec![Arc::new(BinaryArray::from_iter_values(encoded)), Arc::new(StringArray::from_iter_values(paths))];
        let structs = StructArray::try_new(stored(), parts, None);
        Ok(Arc::new(structs.map_err(|e| table::write_error(Path::new("pictures"), e))?))
    };
    (0..cameras).map(column).collect()
}

fn encode(rgb: &[u8], layout: &ImageLayout) -> Result<Vec<u8>> {
    let failed = |e: png::EncodingError| table::write_error(Path::new("picture"), e);
    let mut bytes = Vec::new();
    // `check` has seen that both sizes fit.
    let mut encoder = png::Encoder::new(&mut bytes, layout.width as u32, layout.height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(rgb).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(bytes)
}
