//! Pictures of cameras: PNG in Parquet, one column a camera, as the `datasets` library stores images.

use crate::episodes;
use crate::info::Info;
use crate::stats;
use crate::table::{self, Reader};
use arrow::array::{ArrayRef, BinaryArray, StringArray, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use imle_configs::{Error, Result};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

const PREFIX: &str = "observation.images.";
const NUMBER: &str = "episode_index";
const CHANNELS: usize = 3;

/// The cameras of a dataset and the one size of their pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageLayout {
    /// Names of the cameras, in the order of their pictures.
    pub cameras: Vec<String>,
    /// Height of a picture, pixels.
    pub height: usize,
    /// Width of a picture, pixels.
    pub width: usize,
}

impl ImageLayout {
    pub(crate) fn check(&self) -> Result<()> {
        let distinct: BTreeSet<&String> = self.cameras.iter().collect();
        if self.cameras.is_empty() || distinct.len() != self.cameras.len() {
            return Err(Error::unexpected("cameras", "distinct names", format!("{:?}", self.cameras)));
        }
        if self.height == 0 || self.width == 0 || u32::try_from(self.height.max(self.width)).is_err() {
            let found = format!("{}x{}", self.width, self.height);
            return Err(Error::unexpected("size of pictures", "some pixels", found));
        }
        Ok(())
    }

    /// Bytes of one picture.
    fn bytes(&self) -> usize {
        self.height * self.width * CHANNELS
    }

    pub(crate) fn check_pictures(&self, number: usize, len: usize, rgb: &[u8]) -> Result<()> {
        let wanted = len * self.cameras.len() * self.bytes();
        if rgb.len() == wanted {
            return Ok(());
        }
        let expected = format!("{wanted} bytes, {len} frames of {} pictures", self.cameras.len());
        Err(Error::unexpected(format!("episode {number}: pictures"), expected, rgb.len()))
    }

    fn column(camera: &str) -> String {
        format!("{PREFIX}{camera}")
    }

    fn stored() -> Fields {
        vec![Field::new("bytes", DataType::Binary, true), Field::new("path", DataType::Utf8, true)].into()
    }

    /// The fields of the data files.
    pub(crate) fn fields(&self) -> impl Iterator<Item = Field> {
        self.cameras.iter().map(|c| Field::new(Self::column(c), DataType::Struct(Self::stored()), true))
    }

    /// The features of `info.json`.
    pub(crate) fn features(&self) -> impl Iterator<Item = (String, Value)> {
        self.cameras.iter().map(|c| {
            let shape = [self.height, self.width, CHANNELS];
            (Self::column(c), json!({"dtype": "image", "shape": shape, "names": ["height", "width", "channels"]}))
        })
    }

    /// Whether there are cameras among the features of `info.json`.
    pub(crate) fn in_features(features: &Map<String, Value>) -> bool {
        features.iter().any(|(name, feature)| name.starts_with(PREFIX) && feature["dtype"] == "image")
    }

    /// The cameras among the features of `info.json`.
    pub(crate) fn of_features(features: &Map<String, Value>) -> Result<Self> {
        let mut layout: Option<Self> = None;
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
            let known = layout.get_or_insert_with(|| Self { cameras: Vec::new(), height, width });
            if (known.height, known.width) != (height, width) {
                let expected = format!("[{}, {}, 3] as of the others", known.height, known.width);
                return Err(Error::unexpected(format!("features.{name}.shape"), expected, &feature["shape"]));
            }
            known.cameras.push(camera.to_string());
        }
        let layout = layout
            .ok_or_else(|| Error::unexpected("features", format!("a feature `{PREFIX}…` of type image"), "none"))?;
        layout.check()?;
        Ok(layout)
    }

    /// The columns of some frames of an episode, whose pictures are (len, cameras, H, W, 3).
    pub(crate) fn columns(&self, frames: Range<usize>, rgb: &[u8]) -> Result<Vec<ArrayRef>> {
        let (bytes, cameras) = (self.bytes(), self.cameras.len());
        let column = |camera: usize| -> Result<ArrayRef> {
            let picture = |t: usize| &rgb[(t * cameras + camera) * bytes..][..bytes];
            let encoded = frames.clone().map(|t| encode(picture(t), self)).collect::<Result<Vec<_>>>()?;
            let paths = frames.clone().map(|t| format!("frame-{t:06}.png"));
            let parts: Vec<ArrayRef> =
                vec![Arc::new(BinaryArray::from_iter_values(encoded)), Arc::new(StringArray::from_iter_values(paths))];
            let structs = StructArray::try_new(Self::stored(), parts, None);
            Ok(Arc::new(structs.map_err(|e| table::write_error(Path::new("pictures"), e))?))
        };
        (0..cameras).map(column).collect()
    }
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

/// Appends the pixels of a PNG, which must be RGB of the layout's size.
fn decode(bytes: &[u8], layout: &ImageLayout, out: &mut Vec<u8>) -> std::result::Result<(), String> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().map_err(table::one_line)?;
    let info = reader.info();
    let found = (info.width as usize, info.height as usize, info.color_type, info.bit_depth);
    if found != (layout.width, layout.height, png::ColorType::Rgb, png::BitDepth::Eight) {
        return Err(format!("{}x{} pixels, {:?}, {:?} bits", found.0, found.1, found.2, found.3));
    }
    let start = out.len();
    out.resize(start + layout.bytes(), 0);
    reader.next_frame(&mut out[start..]).map(|_| ()).map_err(table::one_line)
}

/// The pictures of one episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// Cameras and size.
    pub layout: ImageLayout,
    /// (len, cameras, H, W, 3) in RGB, rows from top to bottom.
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
    let file = path.join(info.data_file(row.file)?);
    let frames = rows_of(&file, number)?;
    if frames.len() != row.len {
        let expected = format!("the {} frames of episode {number}, one after the other", row.len);
        return Err(Error::unexpected(table::place(&file, NUMBER), expected, frames.len()));
    }
    let columns: Vec<String> = layout.cameras.iter().map(|c| ImageLayout::column(c)).collect();
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut rgb = Vec::with_capacity(row.len * names.len() * layout.bytes());
    let mut t = 0;
    for batch in Reader::open_rows(&file, &names, &[], Some(frames))? {
        let batch = batch?;
        let pictures = names.iter().map(|n| batch.pictures(n)).collect::<Result<Vec<_>>>()?;
        for i in 0..batch.len() {
            for (name, column) in names.iter().zip(&pictures) {
                decode(column.value(i), &layout, &mut rgb).map_err(|found| {
                    let place = format!("{}, episode {number}, frame {t}", table::place(&file, name));
                    Error::unexpected(place, format!("a PNG of {}x{} RGB pixels", layout.width, layout.height), found)
                })?;
            }
            t += 1;
        }
    }
    Ok(Images { layout, rgb })
}

/// The first run of rows of a data file that belong to the episode.
fn rows_of(file: &Path, number: usize) -> Result<Range<usize>> {
    let (mut found, mut at) = (0..0, 0);
    for batch in Reader::open(file, &[NUMBER], &[])? {
        for value in batch?.integers(NUMBER)?.values() {
            if usize::try_from(*value) == Ok(number) {
                if found.is_empty() {
                    found = at..at;
                }
                if found.end == at {
                    found.end += 1;
                }
            }
            at += 1;
        }
    }
    Ok(found)
}

/// Statistics of pictures, gathered on the way: exact, since a channel has 256 values.
pub(crate) struct ImageStats<'a> {
    layout: &'a ImageLayout,
    /// Pixels by camera, channel and value.
    counts: Vec<[[u64; 256]; CHANNELS]>,
    frames: usize,
}

impl<'a> ImageStats<'a> {
    pub(crate) fn new(layout: &'a ImageLayout) -> Self {
        Self { layout, counts: vec![[[0; 256]; CHANNELS]; layout.cameras.len()], frames: 0 }
    }

    /// Adds the pictures of an episode, (len, cameras, H, W, 3).
    pub(crate) fn add(&mut self, rgb: &[u8]) {
        let cameras = self.counts.len();
        for (i, picture) in rgb.chunks_exact(self.layout.bytes()).enumerate() {
            for pixel in picture.chunks_exact(CHANNELS) {
                for (channel, value) in pixel.iter().enumerate() {
                    self.counts[i % cameras][channel][usize::from(*value)] += 1;
                }
            }
        }
        self.frames += rgb.len() / (self.layout.bytes() * cameras);
    }

    /// As `stats.json` holds them: of values in [0, 1], shaped (3, 1, 1).
    pub(crate) fn to_json(&self) -> Vec<(String, Value)> {
        let cameras = self.layout.cameras.iter().zip(&self.counts);
        let all = cameras.map(|(camera, channels)| {
            let of_channel: Vec<[f64; 9]> = channels.iter().map(stats::of_counts).collect();
            let mut map: Map<String, Value> = stats::NAMES
                .iter()
                .enumerate()
                .map(|(s, name)| ((*name).to_string(), of_channel.iter().map(|c| json!([[c[s] / 255.0]])).collect()))
                .collect();
            map.insert("count".to_string(), json!([self.frames]));
            (ImageLayout::column(camera), Value::Object(map))
        });
        all.collect()
    }
}
