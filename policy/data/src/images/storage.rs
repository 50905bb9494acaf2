//! Storage of pictures: PNG in structs, one column a camera.

use crate::table;
use arrow_array::{ArrayRef, BinaryArray, StringArray, StructArray};
use arrow_schema::{DataType, Field, Fields};
use imle_configs::spec::{CHANNELS, ImageLayout};
use imle_configs::{Error, Result};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

const PREFIX: &str = "observation.images.";

pub(crate) fn column(camera: &str) -> String {
    format!("{PREFIX}{camera}")
}

fn stored() -> Fields {
    vec![Field::new("bytes", DataType::Binary, true), Field::new("path", DataType::Utf8, true)].into()
}

/// Whether there are cameras among the features of `info.json`.
pub(crate) fn in_features(features: &Map<String, Value>) -> bool {
    features.iter().any(|(name, feature)| name.starts_with(PREFIX) && feature["dtype"] == "image")
}

/// The cameras among the features of `info.json`.
pub(crate) fn of_features(features: &Map<String, Value>) -> Result<ImageLayout> {
    let mut layout: Option<ImageLayout> = None;
    for (name, feature) in features {
        let Some(camera) = name.strip_prefix(PREFIX).filter(|_| feature["dtype"] == "image") else { continue };
        let size = |i: usize| feature["shape"].get(i).and_then(Value::as_u64).and_then(|s| usize::try_from(s).ok());
        let (height, width) = match (size(0), size(1), size(2)) {
            (Some(height), Some(width), Some(CHANNELS)) => (height, width),
            _ => {
                let place = format!("features.{name}.shape");
                return Err(Error::unexpected(place, "[height, width, 3]", &feature["shape"]));
            }
        };
        let known = layout.get_or_insert_with(|| ImageLayout { cameras: Vec::new(), height, width });
        if (known.height, known.width) != (height, width) {
            let expected = format!("[{}, {}, 3] as of the others", known.height, known.width);
            return Err(Error::unexpected(format!("features.{name}.shape"), expected, &feature["shape"]));
        }
        known.cameras.push(camera.to_string());
    }
    let layout =
        layout.ok_or_else(|| Error::unexpected("features", format!("a feature `{PREFIX}…` of type image"), "none"))?;
    check(&layout)?;
    Ok(layout)
}

/// Whether there can be such pictures.
pub(crate) fn check(layout: &ImageLayout) -> Result<()> {
    let distinct: BTreeSet<&String> = layout.cameras.iter().collect();
    if layout.cameras.is_empty() || distinct.len() != layout.cameras.len() {
        return Err(Error::unexpected("cameras", "distinct names", format!("{:?}", layout.cameras)));
    }
    if layout.height == 0 || layout.width == 0 || u32::try_from(layout.height.max(layout.width)).is_err() {
        let found = format!("{}x{}", layout.width, layout.height);
        return Err(Error::unexpected("size of pictures", "some pixels", found));
    }
    Ok(())
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

/// Writes the pixels of a PNG, which must be RGB of the layout's size, to `out` (`picture_bytes`).
pub(super) fn decode(bytes: &[u8], layout: &ImageLayout, out: &mut [u8]) -> std::result::Result<(), String> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().map_err(table::one_line)?;
    let info = reader.info();
    let found = (info.width as usize, info.height as usize, info.color_type, info.bit_depth);
    if found != (layout.width, layout.height, png::ColorType::Rgb, png::BitDepth::Eight) {
        return Err(format!("{}x{} pixels, {:?}, {:?} bits", found.0, found.1, found.2, found.3));
    }
    reader.next_frame(out).map(|_| ()).map_err(table::one_line)
}
