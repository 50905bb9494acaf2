//! Zarr folders as Diffusion Policy writes them: `data/KEY` with the frames of all episodes in a row, `meta/episode_ends`
//! with where each one ends.

use super::arrays::{self, Array, Kind, LISTS, MOST_BYTES, Store, Stretch, Values, joined};
use super::codecs;
use super::options::ImportOptions;
use super::selection;
use super::source::Source;
use crate::table::one_line;
use half::f16;
use imle_configs::{Error, Result, files};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt::Display;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zarrs::array::{Array as ZarrArray, ArrayError, ArraySubset, ChunkShape, data_type};
use zarrs::array::{BytesRepresentation, BytesToBytesCodecTraits, CodecOptions};
use zarrs::filesystem::FilesystemStore;
use zarrs::plugin::ExtensionName;

type Stored = ZarrArray<FilesystemStore>;

/// Most episodes of a folder.
const MOST_EPISODES: u64 = 10_000_000;
/// Groups below `data`.
const DEPTH: usize = 4;

/// Opens the folder.
pub(super) fn open(path: &Path, options: &ImportOptions) -> Result<Source> {
    let store = FilesystemStore::new(path)
        .map_err(|e| Error::unexpected(path.display(), "a readable zarr folder", one_line(e)))?;
    let folder = Folder { path: path.to_path_buf(), store: Arc::new(store) };
    let ends = folder.ends()?;
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let stretch = |(number, (start, end)): (usize, (u64, &u64))| Stretch {
        name: format!("episode {number}"),
        file: 0,
        group: "data".into(),
        rows: Some(start..*end),
    };
    let episodes: Vec<Stretch> = starts.zip(&ends).enumerate().map(stretch).collect();
    // The first episode that has a frame.
    let first = ends.iter().position(|end| *end > 0).unwrap_or(0);
    let frames = ends[first] - if first == 0 { 0 } else { ends[first - 1] };
    let last = ends[ends.len() - 1];
    let mut all = Vec::new();
    folder.list("", DEPTH, &mut all)?;
    let mut beyond = Vec::new();
    for array in all.iter_mut().filter(|a| !matches!(a.kind, Kind::Other(_))) {
        if array.rows > last {
            beyond.push(format!("{} of {}", array.rows - last, array.path));
        }
        match array.rows {
            // Read are the rows of one episode at a time.
            rows if rows >= last => array.rows = frames,
            rows if rows == ends.len() as u64 => array.kind = Kind::Other("one row an episode".into()),
            rows => array.kind = Kind::Other(format!("{rows} rows for {last} frames")),
        }
    }
    let mut notes: Vec<String> =
        selection::left_out(&beyond, "rows after the end of the last episode").into_iter().collect();
    let aside = [folder.folders("", &["data", "meta"])?, folder.folders("meta", &["episode_ends"])?].concat();
    notes.extend(selection::left_out(&aside, "not in data/"));
    let task = path.file_stem().map_or_else(|| "zarr".into(), |n| n.to_string_lossy().into_owned());
    arrays::source(folder, episodes, (first, frames, all), (task, 0.0), options, notes)
}

/// An open folder.
struct Folder {
    path: PathBuf,
    store: Arc<FilesystemStore>,
}

impl Folder {
    fn shown(&self, path: &str) -> String {
        self.path.join(path).display().to_string()
    }

    fn failed(&self, path: &str, error: impl Display) -> Error {
        Error::unexpected(self.shown(path), "a readable zarr array", one_line(error))
    }

    fn open(&self, path: &str) -> Result<Stored> {
        let stored = ZarrArray::open(self.store.clone(), &format!("/{path}")).map_err(|e| self.failed(path, e))?;
        let metadata = metadata(&stored);
        let steps = ["filters", "codecs"].iter().filter_map(|key| metadata[*key].as_array());
        if !steps.map(Vec::as_slice).all(codecs::in_order) {
            return Err(self.failed(path, "another filter after `delta`"));
        }
        Ok(stored)
    }

    /// Where episodes end, ascending.
    fn ends(&self) -> Result<Vec<u64>> {
        const PATH: &str = "meta/episode_ends";
        let stored = self.open(PATH)?;
        let count = stored.shape().first().copied().unwrap_or(0);
        let place = self.shown(PATH);
        let shaped = stored.shape().len() == 1 && (1..=MOST_EPISODES).contains(&count);
        let shape = format!("{:?}", stored.shape());
        Error::ensure(shaped, &place, format!("1 to {MOST_EPISODES} ends of episodes, one after the other"), shape)?;
        if let Kind::Other(what) = kind(&stored) {
            return Err(Error::unexpected(place, "numbers", what));
        }
        let ends = numbers(&stored, 0..count).map_err(|e| self.failed(PATH, e))?;
        let mut before = 0.0;
        for (number, end) in ends.iter().enumerate() {
            let whole = *end >= before && end.fract() == 0.0 && *end < 9e15;
            Error::ensure(whole, &place, format!("a whole number from {before} on as end {number}"), end)?;
            before = *end;
        }
        Ok(ends.into_iter().map(|e| e as u64).collect())
    }

    /// Paths of the folders in one of this folder's, but those of these names, sorted.
    fn folders(&self, inside: &str, but: &[&str]) -> Result<Vec<String>> {
        let folder = self.path.join(inside);
        let entries = std::fs::read_dir(&folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
        let mut names: Vec<String> = entries
            .map_err(|e| Error::io(&folder, "list", e))?
            .iter()
            .filter(|e| e.path().is_dir())
            .map(|e| e.file_name().to_string_lossy().into_owned())
            .filter(|name| !name.starts_with('.') && !but.contains(&name.as_str()))
            .collect();
        names.sort();
        Ok(names.iter().map(|name| joined(inside, name)).collect())
    }

    /// Lists the arrays below a group of `data`.
    fn list(&self, inside: &str, depth: usize, all: &mut Vec<Array>) -> Result<()> {
        for whole in self.folders(&joined("data", inside), &[])? {
            let path = whole.strip_prefix("data/").unwrap_or(&whole).to_string();
            if !is_array(&self.path.join(&whole)) {
                if depth > 0 {
                    self.list(&path, depth - 1, all)?;
                }
                continue;
            }
            let array = match self.open(&whole) {
                Ok(stored) => {
                    let shape = stored.shape().iter().skip(1).map(|n| usize::try_from(*n).unwrap_or(usize::MAX));
                    Array::new(path, stored.shape().first().copied().unwrap_or(0), shape.collect(), kind(&stored))
                }
                Err(Error::Unexpected { found, .. }) => Array::new(path, 0, Vec::new(), Kind::Other(found)),
                Err(other) => return Err(other),
            };
            all.push(array);
        }
        Ok(())
    }
}

/// Whether a folder is an array, of either version.
fn is_array(folder: &Path) -> bool {
    let json = files::read_text(&folder.join("zarr.json")).ok();
    let node: Option<Value> = json.map(|text| serde_json::from_str(&text).unwrap_or_default());
    folder.join(".zarray").exists() || node.is_some_and(|n| n["node_type"] != "group")
}

impl Store for Folder {
    fn shape(&mut self, at: &Stretch, path: &str) -> Result<Vec<u64>> {
        Ok(self.open(&joined(&at.group, path))?.shape().to_vec())
    }

    fn read(&mut self, at: &Stretch, path: &str, rows: Range<u64>) -> Result<Values> {
        let path = joined(&at.group, path);
        let stored = self.open(&path)?;
        let values = match (kind(&stored), stored.data_type()) {
            (Kind::Byte, _) => stored.retrieve_array_subset(&subset(&stored, rows)).map(Values::Bytes),
            (Kind::Number, of) if *of == data_type::float32() => {
                stored.retrieve_array_subset(&subset(&stored, rows)).map(Values::Numbers)
            }
            (Kind::Number, _) => {
                numbers(&stored, rows).map(|v| Values::Numbers(v.into_iter().map(|n| n as f32).collect()))
            }
            (Kind::Files(_), _) => return strings(&stored, rows).map(Values::Files).map_err(|e| self.failed(&path, e)),
            (Kind::Other(what), _) => return Err(Error::unexpected(self.shown(&path), "numbers", what)),
        };
        values.map_err(|e| self.failed(&path, e))
    }

    fn place(&self, at: &Stretch, path: &str) -> String {
        self.shown(&joined(&at.group, path))
    }
}

/// The metadata of an array, in the version it is of.
fn metadata(stored: &Stored) -> Value {
    serde_json::to_value(stored.metadata()).unwrap_or_default()
}

/// Some rows of an array, whole.
fn subset(stored: &Stored, rows: Range<u64>) -> ArraySubset {
    let range = |(i, n): (usize, &u64)| if i == 0 { rows.clone() } else { 0..*n };
    ArraySubset::new_with_ranges(&stored.shape().iter().enumerate().map(range).collect::<Vec<_>>())
}

/// Some rows of an array of strings of bytes. zarrs panics where a length is wrong, so its codec is not asked.
fn strings(stored: &Stored, rows: Range<u64>) -> std::result::Result<Vec<Vec<u8>>, String> {
    let length = |chunk: u64| stored.chunk_shape(&[chunk]).map(|shape| shape[0].get()).map_err(one_line);
    let (each, codecs, mut all) = (length(0)?, stored.codecs(), Vec::new());
    let mut total = 0;
    for chunk in rows.start / each..rows.end.div_ceil(each) {
        let wanted = rows.start.max(chunk * each) - chunk * each..rows.end.min((chunk + 1) * each) - chunk * each;
        let wanted = wanted.start as usize..wanted.end as usize;
        let Some(bytes) = stored.retrieve_encoded_chunk(&[chunk]).map_err(one_line)? else {
            all.extend(wanted.map(|_| Vec::new()));
            continue;
        };
        let unpack = |bytes, codec: &Arc<dyn BytesToBytesCodecTraits>| {
            codec.decode(bytes, &BytesRepresentation::UnboundedSize, &CodecOptions::default()).map_err(one_line)
        };
        let bytes = codecs.bytes_to_bytes_codecs().iter().rev().try_fold(Cow::Owned(bytes), unpack)?;
        let lists = lists(&bytes).filter(|lists| lists.len() as u64 == each && length(chunk) == Ok(each));
        let lists = lists.ok_or_else(|| format!("no {each} lists in chunk {chunk}"))?;
        total += lists[wanted.clone()].iter().map(|list| list.len() as u64).sum::<u64>();
        if total > MOST_BYTES {
            return Err("more than 4 GiB".into());
        }
        all.extend(lists[wanted].iter().map(|list| list.to_vec()));
    }
    Ok(all)
}

/// Lists of bytes: how many there are, and each with its length before it.
fn lists(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let (count, mut rest) = bytes.split_first_chunk()?;
    let mut all = Vec::new();
    for _ in 0..u32::from_le_bytes(*count) {
        let (length, after) = rest.split_first_chunk()?;
        let (list, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        all.push(list);
        rest = after;
    }
    Some(all)
}

/// Some rows of an array of numbers, row-major; an array of another type has none.
fn numbers(stored: &Stored, rows: Range<u64>) -> std::result::Result<Vec<f64>, ArrayError> {
    let (of, subset) = (stored.data_type(), subset(stored, rows));
    macro_rules! types {
        ($($name:ident: $type:ty, $to:expr;)*) => {
            $(if *of == data_type::$name() {
                return Ok(stored.retrieve_array_subset::<Vec<$type>>(&subset)?.into_iter().map($to).collect());
            })*
        };
    }
    types! {
        float16: f16, f64::from;
        float32: f32, f64::from;
        float64: f64, |v| v;
        int8: i8, f64::from;
        int16: i16, f64::from;
        int32: i32, f64::from;
        int64: i64, |v| v as f64;
        uint8: u8, f64::from;
        uint16: u16, f64::from;
        uint32: u32, f64::from;
        uint64: u64, |v| v as f64;
        bool: bool, |v| f64::from(u8::from(v));
    }
    Ok(Vec::new())
}

/// Kind of the values of an array. One whose chunks would fill the memory is not read.
fn kind(stored: &Stored) -> Kind {
    let of = stored.data_type();
    let chunk = stored.chunk_shape(&vec![0; stored.shape().len()]).ok();
    let size = |chunk: &ChunkShape| chunk.iter().try_fold(8_u64, |size, n| size.checked_mul(n.get()));
    let numbers = [
        data_type::float16(),
        data_type::float32(),
        data_type::float64(),
        data_type::int8(),
        data_type::int16(),
        data_type::int32(),
        data_type::int64(),
        data_type::uint16(),
        data_type::uint32(),
        data_type::uint64(),
        data_type::bool(),
    ];
    if stored.shape().is_empty() {
        Kind::Other("one value".into())
    } else if chunk.as_ref().and_then(size).is_none_or(|size| size > MOST_BYTES) {
        Kind::Other("chunks of more than 4 GiB".into())
    } else if *of == data_type::uint8() {
        Kind::Byte
    } else if numbers.contains(of) {
        Kind::Number
    } else if [data_type::string(), data_type::bytes()].contains(of) {
        let codec = stored.codecs().array_to_bytes_codec().name_v3();
        let plain = codec.is_some_and(|name| ["vlen-bytes", "vlen-utf8"].contains(&&*name));
        if plain && stored.shape().len() == 1 { Kind::Files(LISTS) } else { Kind::Other(LISTS.into()) }
    } else {
        let metadata = metadata(stored);
        let name = if metadata["dtype"].is_null() { &metadata["data_type"] } else { &metadata["dtype"] };
        Kind::Other(format!("values of type {name}"))
    }
}
