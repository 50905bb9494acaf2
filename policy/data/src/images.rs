//! Pictures of cameras: PNG in Parquet, one column a camera, as the `datasets` library stores images.

use crate::episodes;
use crate::info::Info;
use crate::stats;
use crate::table::{self, Reader};
use arrow::array::{ArrayRef, BinaryArray, StringArray, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use imle_configs::spec::{CHANNELS, ImageLayout};
use imle_configs::{Error, Result};
use rayon::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

const PREFIX: &str = "observation.images.";
const NUMBER: &str = "episode_index";
const FRAME: &str = "frame_index";

/// How the pictures of a layout are stored.
pub(crate) trait Stored: Sized {
    /// The cameras among the features of `info.json`.
    fn of_features(features: &Map<String, Value>) -> Result<Self>;
    /// Whether there can be such pictures.
    fn check(&self) -> Result<()>;
    /// Whether `rgb` has the size of `len` frames.
    fn check_pictures(&self, number: usize, len: usize, rgb: &[u8]) -> Result<()>;
    /// The fields of the data files.
    fn fields(&self) -> Vec<Field>;
    /// The features of `info.json`.
    fn features(&self) -> Vec<(String, Value)>;
    /// Reads the pictures of episode `number`, of `len` frames, from `file` to `rgb`.
    fn read_whole(&self, file: &Path, number: usize, len: usize, rgb: &mut [u8]) -> Result<()>;
    /// The columns of some frames of an episode, whose pictures are (len, cameras, H, W, 3).
    fn columns(&self, frames: Range<usize>, rgb: &[u8]) -> Result<Vec<ArrayRef>>;
}

fn column(camera: &str) -> String {
    format!("{PREFIX}{camera}")
}

fn stored() -> Fields {
    vec![Field::new("bytes", DataType::Binary, true), Field::new("path", DataType::Utf8, true)].into()
}

/// Whether there are cameras among the features of `info.json`.
pub(crate) fn in_features(features: &Map<String, Value>) -> bool {
    features.iter().any(|(name, feature)| name.starts_with(PREFIX) && feature["dtype"] == "image")
}

impl Stored for ImageLayout {
    fn of_features(features: &Map<String, Value>) -> Result<Self> {
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

    fn check(&self) -> Result<()> {
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

    fn check_pictures(&self, number: usize, len: usize, rgb: &[u8]) -> Result<()> {
        let wanted = len * self.bytes();
        if rgb.len() == wanted {
            return Ok(());
        }
        let expected = format!("{wanted} bytes, {len} frames of {} pictures", self.cameras.len());
        Err(Error::unexpected(format!("episode {number}: pictures"), expected, rgb.len()))
    }

    fn fields(&self) -> Vec<Field> {
        self.cameras.iter().map(|c| Field::new(column(c), DataType::Struct(stored()), true)).collect()
    }

    fn features(&self) -> Vec<(String, Value)> {
        let feature = |c: &String| {
            let shape = [self.height, self.width, CHANNELS];
            (column(c), json!({"dtype": "image", "shape": shape, "names": ["height", "width", "channels"]}))
        };
        self.cameras.iter().map(feature).collect()
    }

    fn read_whole(&self, file: &Path, number: usize, len: usize, rgb: &mut [u8]) -> Result<()> {
        read_file(file, self, number, &[len], rgb)
    }

    fn columns(&self, frames: Range<usize>, rgb: &[u8]) -> Result<Vec<ArrayRef>> {
        let (bytes, cameras) = (self.picture_bytes(), self.cameras.len());
        let column = |camera: usize| -> Result<ArrayRef> {
            let picture = |t: usize| &rgb[(t * cameras + camera) * bytes..][..bytes];
            let encoded = frames.clone().map(|t| encode(picture(t), self)).collect::<Result<Vec<_>>>()?;
            let paths = frames.clone().map(|t| format!("frame-{t:06}.png"));
            let parts: Vec<ArrayRef> =
                vec![Arc::new(BinaryArray::from_iter_values(encoded)), Arc::new(StringArray::from_iter_values(paths))];
            let structs = StructArray::try_new(stored(), parts, None);
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

/// Writes the pixels of a PNG, which must be RGB of the layout's size, to `out` (`picture_bytes`).
fn decode(bytes: &[u8], layout: &ImageLayout, out: &mut [u8]) -> std::result::Result<(), String> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().map_err(table::one_line)?;
    let info = reader.info();
    let found = (info.width as usize, info.height as usize, info.color_type, info.bit_depth);
    if found != (layout.width, layout.height, png::ColorType::Rgb, png::BitDepth::Eight) {
        return Err(format!("{}x{} pixels, {:?}, {:?} bits", found.0, found.1, found.2, found.3));
    }
    reader.next_frame(out).map(|_| ()).map_err(table::one_line)
}

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

/// Reads the pictures of `cameras` of the first `count` episodes, one episode after the other, decoded by all threads of
/// the pool that this is called in. They take `layout.bytes()` for each frame.
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
    layout.check()?;
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
fn read_file(file: &Path, layout: &ImageLayout, first: usize, lengths: &[usize], out: &mut [u8]) -> Result<()> {
    let columns: Vec<String> = layout.cameras.iter().map(|c| column(c)).collect();
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    let starts: Vec<usize> = lengths.iter().scan(0, |at, n| Some(std::mem::replace(at, *at + n))).collect();
    let mut seen = vec![0; lengths.len()];
    let wanted = |number: i64| {
        let e = usize::try_from(number).ok().and_then(|n| n.checked_sub(first));
        e.filter(|e| *e < lengths.len())
    };
    let rows = rows_of(file, wanted)?;
    for batch in Reader::open_rows(file, &[&[NUMBER, FRAME], names.as_slice()].concat(), &[], Some(rows))? {
        let batch = batch?;
        let (of_row, frames) = (batch.integers(NUMBER)?, batch.integers(FRAME)?);
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
        if last + 1 - start != places.len() {
            let expected = "episodes one after the other";
            return Err(Error::unexpected(table::place(file, NUMBER), expected, "another order"));
        }
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
            Err(Error::unexpected(table::place(file, NUMBER), expected, seen[e]))
        }
    }
}

/// The rows of a data file from the first to the last of a `wanted` episode.
fn rows_of(file: &Path, wanted: impl Fn(i64) -> Option<usize>) -> Result<Range<usize>> {
    let (mut found, mut at) = (0..0, 0);
    for batch in Reader::open(file, &[NUMBER], &[])? {
        for value in batch?.integers(NUMBER)?.values() {
            if wanted(*value).is_some() {
                found = if found.is_empty() { at..at + 1 } else { found.start..at + 1 };
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
        for (i, picture) in rgb.chunks_exact(self.layout.picture_bytes()).enumerate() {
            for pixel in picture.chunks_exact(CHANNELS) {
                for (channel, value) in pixel.iter().enumerate() {
                    self.counts[i % cameras][channel][usize::from(*value)] += 1;
                }
            }
        }
        self.frames += rgb.len() / self.layout.bytes();
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
            (column(camera), Value::Object(map))
        });
        all.collect()
    }
}
