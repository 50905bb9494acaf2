//! HDF5 as robomimic and its relatives write it: groups of arrays, each an episode (`data/demo_N`, `traj_N`…); a folder of
//! files of one episode each; or one file whose arrays hold all frames, with `terminals` and `timeouts`.

use super::arrays::{self, ACTIONS, Array, Kind, LISTS, MOST_BYTES, Store, Stretch, Values, joined};
use super::options::ImportOptions;
use super::selection;
use super::source::{Source, is_hdf5};
use crate::table::one_line;
use half::f16;
use hdf5_reader::error::{Error as ReadError, Result as ReadResult};
use hdf5_reader::group::Group;
use hdf5_reader::{
    ByteOrder, Dataset, Datatype, ExternalLinkResolver, FilterRegistry, H5Type, Hdf5File, OpenOptions, SliceInfo,
    SliceInfoElem, StringSize,
};
use imle_configs::{Error, Result};
use serde_json::Value;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Arrays that are true in the last frame of an episode, in a file of all frames.
const ENDS: [&str; 4] = ["terminals", "timeouts", "terminations", "truncations"];
/// Groups below which episodes are looked for, and below which their arrays are.
const DEPTHS: [usize; 2] = [3, 6];
/// Filters of others that this program does not read.
const FILTERS: [(&str, &str); 7] = [
    ("307", "bzip2"),
    ("32001", "blosc"),
    ("32004", "lz4"),
    ("32008", "bitshuffle"),
    ("32013", "zfp"),
    ("32015", "zstd"),
    ("32026", "blosc2"),
];

/// Opens a file, or all those in a folder.
pub(super) fn open(path: &Path, options: &ImportOptions) -> Result<Source> {
    let mut search = Search { options, files: Files::new(path)?, episodes: Vec::new(), notes: Vec::new() };
    for file in 0..search.files.paths.len() {
        match search.search(file) {
            Err(error) if options.skip_broken => search.notes.push(format!("left out: {error}")),
            result => result?,
        }
    }
    let Search { mut files, episodes, notes, .. } = search;
    let Some(first) = episodes.first() else {
        let expected = "groups of arrays with `actions`, each an episode, or --action NAME";
        return Err(Error::unexpected(path.display(), expected, "none"));
    };
    let (task, rate) = environment(&files.open(first.file)?);
    let stem = || path.file_stem().map_or_else(|| "hdf5".into(), |n| n.to_string_lossy().into_owned());
    // The first episode of more than a frame, whose arrays tell rows of frames from single ones.
    let mut template = (0, 0);
    for (number, at) in episodes.iter().enumerate() {
        let frames = match &at.rows {
            Some(rows) => rows.end - rows.start,
            None => rows_of(&files.action(at, options)?),
        };
        if frames > template.1 {
            template = (number, frames);
        }
        if frames > 1 {
            break;
        }
    }
    let (number, frames) = template;
    let at = &episodes[number];
    let mut all = Vec::new();
    let group = files.group(at)?;
    files.list(at, &group, "", DEPTHS[1], &mut all)?;
    // Where one file holds all frames, arrays have as many rows as it.
    let whole = if at.rows.is_some() { rows_of(&files.action(at, options)?) } else { frames };
    all.retain(|a| at.rows.is_none() || !ENDS.contains(&a.path.as_str()));
    for array in all.iter_mut().filter(|a| a.rows == whole) {
        array.rows = frames;
    }
    arrays::source(files, episodes, (number, frames, all), (task.unwrap_or_else(stem), rate), options, notes)
}

/// The search for episodes.
struct Search<'a> {
    options: &'a ImportOptions,
    files: Files,
    episodes: Vec<Stretch>,
    notes: Vec<String>,
}

impl Search<'_> {
    fn search(&mut self, file: usize) -> Result<()> {
        let root = self.files.group(&Stretch { name: String::new(), file, group: String::new(), rows: None })?;
        let of_file = self.files.shown(file);
        if self.below(file, &root, "", DEPTHS[0])? == 0 && self.files.paths.len() > 1 {
            self.notes.push(format!("left out: {of_file}: no group with `actions`"));
        }
        Ok(())
    }

    /// Finds the episodes in a group and those below it; how many.
    fn below(&mut self, file: usize, group: &Group, inside: &str, depth: usize) -> Result<usize> {
        let at = Stretch { name: titled(&self.files.shown(file), inside), file, group: inside.to_string(), rows: None };
        if let Some(action) = action(group, self.options) {
            let ends = if inside.is_empty() { self.files.ends(&at, rows_of(&action))? } else { Vec::new() };
            let count = ends.len().max(1);
            let mut start = 0;
            for end in &ends {
                let name = titled(&at.name, &format!("frames {start} to {end}"));
                self.episodes.push(Stretch { name, rows: Some(start..*end), ..at.clone() });
                start = *end;
            }
            if ends.is_empty() {
                self.episodes.push(at);
            }
            return Ok(count);
        }
        if depth == 0 {
            return Ok(0);
        }
        let failed = |e| self.files.failed(&at, "", e);
        let (mut groups, datasets) = group.member_names().map_err(failed)?;
        groups.sort_by_cached_key(|name| natural(name));
        let (mut count, mut without) = (0, Vec::new());
        for name in groups {
            let child = group.group(&name).map_err(|e| self.files.failed(&at, &name, e))?;
            match self.below(file, &child, &joined(inside, &name), depth - 1)? {
                0 => without.push(joined(inside, &name)),
                found => count += found,
            }
        }
        if count > 0 {
            without.extend(datasets.iter().map(|d| joined(inside, d)));
            self.notes.extend(selection::left_out(&without, "not in an episode, a group with `actions`"));
        }
        Ok(count)
    }
}

/// The action of a group, if it is an episode.
fn action(group: &Group, options: &ImportOptions) -> Option<Dataset> {
    let asked = options.action.first().map(|text| text.split('[').next().unwrap_or_default().trim());
    let names = asked.map_or(ACTIONS.to_vec(), |name| vec![name]);
    let below = |name: &str| arrays::OBSERVATIONS.iter().find_map(|o| dataset(group, &joined(o, name)).ok());
    names.iter().find_map(|name| dataset(group, name).ok().or_else(|| asked.and_then(|_| below(name))))
}

fn dataset(group: &Group, path: &str) -> ReadResult<Dataset> {
    match path.split_once('/') {
        Some((first, rest)) => dataset(&group.group(first)?, rest),
        None => group.dataset(path),
    }
}

fn rows_of(dataset: &Dataset) -> u64 {
    dataset.shape().first().copied().unwrap_or(0)
}

/// Names of what is inside one another, in messages.
fn titled(outer: &str, inner: &str) -> String {
    [outer, inner].into_iter().filter(|n| !n.is_empty()).collect::<Vec<_>>().join(": ")
}

/// A key by which `demo_2` comes before `demo_10`: text and number, one after the other.
fn natural(name: &str) -> Vec<(String, u64)> {
    let (mut key, mut rest) = (Vec::new(), name);
    while !rest.is_empty() {
        let (text, after) = rest.split_at(rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len()));
        let (number, after) = after.split_at(after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len()));
        key.push((text.to_string(), number.parse().unwrap_or(0)));
        rest = after;
    }
    key
}

/// Name of the environment and its rate in Hz; 0 where the file does not say.
fn environment(file: &Hdf5File) -> (Option<String>, f64) {
    let group = file.group("data").or_else(|_| file.root_group());
    let text = group.and_then(|g| g.attribute("env_args")).and_then(|a| a.read_string());
    let args: Value = text.ok().and_then(|t| serde_json::from_str(&t).ok()).unwrap_or(Value::Null);
    let rate = args["env_kwargs"]["control_freq"].as_f64().filter(|r| *r > 0.0);
    (args["env_name"].as_str().map(String::from), rate.unwrap_or(0.0))
}

/// Files, of which one is open at a time.
struct Files {
    from: PathBuf,
    paths: Vec<PathBuf>,
    open: Option<(usize, Hdf5File)>,
}

impl Files {
    fn new(from: &Path) -> Result<Self> {
        let mut paths = vec![from.to_path_buf()];
        if from.is_dir() {
            let entries = std::fs::read_dir(from).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
            let entries = entries.map_err(|e| Error::io(from, "list", e))?;
            paths = entries.into_iter().map(|e| e.path()).filter(|p| is_hdf5(p)).collect();
            paths.sort_by_cached_key(|p| natural(&p.to_string_lossy()));
        }
        Ok(Self { from: from.to_path_buf(), paths, open: None })
    }

    /// The name of a file of several, in messages.
    fn shown(&self, file: usize) -> String {
        let inside = self.paths[file].strip_prefix(&self.from).map(|p| p.display().to_string());
        inside.unwrap_or_default()
    }

    fn failed(&self, at: &Stretch, path: &str, error: impl Display) -> Error {
        let text = filter_named(&one_line(error));
        Error::unexpected(self.place(at, path), "a readable HDF5 file", text)
    }

    fn open(&mut self, number: usize) -> Result<Hdf5File> {
        if let Some((_, file)) = self.open.as_ref().filter(|(n, _)| *n == number) {
            return Ok(file.clone());
        }
        let path = &self.paths[number];
        let file = opened(path).map_err(|e| Error::unexpected(path.display(), "a readable HDF5 file", one_line(e)))?;
        self.open = Some((number, file.clone()));
        Ok(file)
    }

    fn group(&mut self, at: &Stretch) -> Result<Group> {
        let file = self.open(at.file)?;
        file.group(&at.group).map_err(|e| self.failed(at, "", e))
    }

    fn dataset(&mut self, at: &Stretch, path: &str) -> Result<Dataset> {
        let file = self.open(at.file)?;
        file.dataset(&joined(&at.group, path)).map_err(|e| self.failed(at, path, e))
    }

    fn action(&mut self, at: &Stretch, options: &ImportOptions) -> Result<Dataset> {
        let group = self.group(at)?;
        action(&group, options).ok_or_else(|| self.failed(at, "", "no action"))
    }

    /// Where episodes end in a file that holds all frames; nothing if it does not say.
    fn ends(&mut self, at: &Stretch, frames: u64) -> Result<Vec<u64>> {
        let mut ends = Vec::new();
        for name in ENDS {
            let found = self.group(at)?.dataset(name);
            if found.is_ok_and(|d| d.num_elements().is_ok_and(|n| n == frames) && rows_of(&d) == frames) {
                let values = self.read(at, name, 0..frames)?.numbers();
                ends.extend(values.iter().zip(1..).filter(|(v, _)| **v != 0.0).map(|(_, end)| end));
            }
        }
        if !ends.is_empty() {
            ends.push(frames);
        }
        ends.sort_unstable();
        ends.dedup();
        Ok(ends)
    }

    /// Lists the arrays below a group.
    fn list(&self, at: &Stretch, group: &Group, inside: &str, depth: usize, all: &mut Vec<Array>) -> Result<()> {
        let failed = |e| self.failed(at, inside, e);
        let (groups, datasets) = group.member_names().map_err(failed)?;
        for name in datasets {
            let path = joined(inside, &name);
            let array = match group.dataset(&name) {
                Ok(d) => {
                    let shape = d.shape().iter().skip(1).map(|n| *n as usize).collect();
                    Array::new(path, rows_of(&d), shape, packed(&d).unwrap_or_else(|| kind(d.dtype())))
                }
                Err(e) => Array::new(path, 0, Vec::new(), Kind::Other(one_line(e))),
            };
            all.push(array);
        }
        for name in groups.iter().filter(|_| depth > 0) {
            self.list(at, &group.group(name).map_err(failed)?, &joined(inside, name), depth - 1, all)?;
        }
        Ok(())
    }
}

impl Store for Files {
    fn shape(&mut self, at: &Stretch, path: &str) -> Result<Vec<u64>> {
        Ok(self.dataset(at, path)?.shape().to_vec())
    }

    fn read(&mut self, at: &Stretch, path: &str, rows: std::ops::Range<u64>) -> Result<Values> {
        let dataset = self.dataset(at, path)?;
        let place = self.place(at, path);
        let values = match kind(dataset.dtype()) {
            Kind::Byte => sliced(&dataset, rows).map(Values::Bytes),
            Kind::Number => {
                sliced::<Number>(&dataset, rows).map(|v| Values::Numbers(v.into_iter().map(|n| n.0).collect()))
            }
            Kind::Files(_) => strings(&dataset, rows).map(Values::Files),
            Kind::Other(what) => return Err(Error::unexpected(place, "numbers", what)),
        };
        values.map_err(|e| self.failed(at, path, e))
    }

    fn place(&self, at: &Stretch, path: &str) -> String {
        titled(&self.paths[at.file].display().to_string(), &joined(&at.group, path))
    }

    /// As Isaac Lab writes it.
    fn solved(&mut self, at: &Stretch) -> Option<bool> {
        let attribute = self.group(at).ok()?.attribute("success").ok()?;
        attribute.read_scalar::<Number>().ok().map(|n| n.0 != 0.0)
    }
}

/// A kind of array of which no row can be read: one value, or what another program has packed.
fn packed(dataset: &Dataset) -> Option<Kind> {
    if dataset.shape().is_empty() {
        return Some(Kind::Other("one value".into()));
    }
    let tried = sliced::<Number>(dataset, 0..rows_of(dataset).min(1));
    let text = tried.err().map(one_line).filter(|text| text.contains("unsupported filter"))?;
    Some(Kind::Other(filter_named(&text)))
}

/// A message in which a filter has its name.
fn filter_named(text: &str) -> String {
    let known = FILTERS.iter().find(|(id, _)| text.ends_with(&format!("filter id {id}")));
    known.map_or(text.to_string(), |(id, name)| text.replace(&format!("filter id {id}"), &format!("{name} ({id})")))
}

fn sliced<T: H5Type>(dataset: &Dataset, rows: std::ops::Range<u64>) -> ReadResult<Vec<T>> {
    if rows == (0..rows_of(dataset)) {
        return Ok(dataset.read_array()?.into_iter().collect());
    }
    let mut of = SliceInfo::all(dataset.shape().len());
    of.selections[0] = SliceInfoElem::Slice { start: rows.start, end: rows.end, step: 1 };
    Ok(dataset.read_slice(&of)?.into_iter().collect())
}

/// Strings of bytes, of any length or of one.
fn strings(dataset: &Dataset, rows: std::ops::Range<u64>) -> ReadResult<Vec<Vec<u8>>> {
    let stored = sliced::<Raw>(dataset, rows)?;
    let apart =
        matches!(dataset.dtype(), Datatype::VarLen { .. } | Datatype::String { size: StringSize::Variable, .. });
    let mut total = 0;
    let string = |Raw(bytes): Raw| {
        let bytes = if apart { dataset.resolve_vlen_reference_bytes(&bytes, 1)? } else { bytes };
        // Any number of them may lie in one place.
        total += bytes.len() as u64;
        if total > MOST_BYTES { Err(ReadError::InvalidData("more than 4 GiB".into())) } else { Ok(bytes) }
    };
    stored.into_iter().map(string).collect()
}

/// Opens a file; links lead to other files beside it.
fn opened(path: &Path) -> ReadResult<Hdf5File> {
    // What is packed best holds some thousand times its size: nothing that a header claims beyond that is there.
    let most = std::fs::metadata(path)?.len().max(1 << 16).saturating_mul(2048).min(MOST_BYTES);
    let mut filters = FilterRegistry::new();
    filters.register(32000, Box::new(|filter, data, _| lzf(data, filter.client_data.get(2).copied().unwrap_or(0))));
    let links = Links { folder: path.parent().unwrap_or(Path::new("")).to_path_buf() };
    let options = OpenOptions::default()
        .with_max_read_bytes(usize::try_from(most).unwrap_or(usize::MAX))
        .with_filter_registry(filters)
        .with_external_link_resolver(Arc::new(links));
    Hdf5File::open_with_options(path, options)
}

/// Files that links lead to.
struct Links {
    folder: PathBuf,
}

impl ExternalLinkResolver for Links {
    fn resolve_external_link(&self, name: &str) -> ReadResult<Option<Hdf5File>> {
        let path = self.folder.join(name);
        let missing = |e| ReadError::Other(format!("a link to {}, which cannot be read: {e}", path.display()));
        opened(&path).map_err(missing).map(Some)
    }
}

/// h5py's own compression: stretches of bytes as they are, and repetitions of earlier ones.
fn lzf(data: &[u8], size: u32) -> ReadResult<Vec<u8>> {
    let bad = || ReadError::InvalidData("broken lzf data".into());
    let size = size as usize;
    let mut out = Vec::with_capacity(size.min(data.len().saturating_mul(256)));
    let mut at = 0;
    let next = |at: &mut usize| {
        *at += 1;
        data.get(*at - 1).map(|b| usize::from(*b)).ok_or_else(bad)
    };
    while at < data.len() {
        let control = next(&mut at)?;
        if control < 32 {
            out.extend_from_slice(data.get(at..=at + control).ok_or_else(bad)?);
            at += control + 1;
        } else {
            let len = 2 + if control >> 5 == 7 { 7 + next(&mut at)? } else { control >> 5 };
            let back = ((control & 31) << 8 | next(&mut at)?) + 1;
            let from = out.len().checked_sub(back).ok_or_else(bad)?;
            (from..from + len).for_each(|i| out.push(out[i]));
        }
        if out.len() > size {
            return Err(bad());
        }
    }
    Ok(out)
}

fn kind(of: &Datatype) -> Kind {
    match of {
        Datatype::FixedPoint { size: 1, signed: false, .. } => Kind::Byte,
        Datatype::FixedPoint { size: 1 | 2 | 4 | 8, .. }
        | Datatype::FloatingPoint { size: 2 | 4 | 8, .. }
        | Datatype::Bitfield { size: 1 | 2 | 4 | 8, .. } => Kind::Number,
        Datatype::Enum { base, .. } if !matches!(kind(base), Kind::Other(_)) => Kind::Number,
        Datatype::String { .. } | Datatype::Opaque { .. } => Kind::Files("text"),
        Datatype::VarLen { base, .. } if kind(base) == Kind::Byte => Kind::Files(LISTS),
        other => Kind::Other(
            match other {
                Datatype::VarLen { .. } => LISTS,
                Datatype::Compound { .. } => "records of several fields",
                Datatype::Array { .. } => "lists",
                Datatype::Reference { .. } => "references",
                Datatype::FixedPoint { .. } | Datatype::FloatingPoint { .. } => "numbers of a size that is not read",
                _ => "no numbers",
            }
            .into(),
        ),
    }
}

/// The bytes of an element.
#[derive(Clone)]
struct Raw(Vec<u8>);

impl H5Type for Raw {
    fn hdf5_type() -> Datatype {
        u8::hdf5_type()
    }

    fn from_bytes(bytes: &[u8], _: &Datatype) -> ReadResult<Self> {
        Ok(Self(bytes.to_vec()))
    }

    fn element_size(dtype: &Datatype) -> usize {
        hdf5_reader::dtype_element_size(dtype).unwrap_or(0)
    }
}

/// A number of any type.
#[derive(Clone)]
struct Number(f32);

impl H5Type for Number {
    fn hdf5_type() -> Datatype {
        f32::hdf5_type()
    }

    fn from_bytes(bytes: &[u8], dtype: &Datatype) -> ReadResult<Self> {
        let number = numbers(bytes, dtype).and_then(|n| n.into_iter().next());
        number.ok_or_else(|| ReadError::InvalidData("no number".into()))
    }

    fn element_size(dtype: &Datatype) -> usize {
        hdf5_reader::dtype_element_size(dtype).unwrap_or(0)
    }

    fn decode_vec(raw: &[u8], dtype: &Datatype, count: usize) -> Option<ReadResult<Vec<Self>>> {
        let bytes = raw.get(..count.checked_mul(Self::element_size(dtype))?)?;
        numbers(bytes, dtype).map(Ok)
    }
}

fn numbers(raw: &[u8], dtype: &Datatype) -> Option<Vec<Number>> {
    fn each<const N: usize>(raw: &[u8], order: ByteOrder, of: impl Fn([u8; N]) -> f32) -> Vec<Number> {
        let value = |chunk: &[u8; N]| {
            let mut bytes = *chunk;
            if order == ByteOrder::BigEndian {
                bytes.reverse();
            }
            Number(of(bytes))
        };
        raw.as_chunks::<N>().0.iter().map(value).collect()
    }
    let (size, signed, order) = match dtype {
        Datatype::Enum { base, .. } => return numbers(raw, base),
        Datatype::FloatingPoint { size, byte_order } => {
            return Some(match size {
                2 => each(raw, *byte_order, |b| f16::from_le_bytes(b).to_f32()),
                4 => each(raw, *byte_order, f32::from_le_bytes),
                8 => each(raw, *byte_order, |b| f64::from_le_bytes(b) as f32),
                _ => return None,
            });
        }
        Datatype::FixedPoint { size, signed, byte_order } => (size, *signed, *byte_order),
        Datatype::Bitfield { size, byte_order } => (size, false, *byte_order),
        _ => return None,
    };
    Some(match (size, signed) {
        (1, true) => each(raw, order, |b| f32::from(i8::from_le_bytes(b))),
        (1, false) => each(raw, order, |b| f32::from(u8::from_le_bytes(b))),
        (2, true) => each(raw, order, |b| f32::from(i16::from_le_bytes(b))),
        (2, false) => each(raw, order, |b| f32::from(u16::from_le_bytes(b))),
        (4, true) => each(raw, order, |b| i32::from_le_bytes(b) as f32),
        (4, false) => each(raw, order, |b| u32::from_le_bytes(b) as f32),
        (8, true) => each(raw, order, |b| i64::from_le_bytes(b) as f32),
        (8, false) => each(raw, order, |b| u64::from_le_bytes(b) as f32),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count() {
        let mut names = ["demo_10", "demo_2", "a", "demo_2b1", "demo"];
        names.sort_by_cached_key(|name| natural(name));
        assert_eq!(names, ["a", "demo", "demo_2", "demo_2b1", "demo_10"]);
    }

    #[test]
    fn lzf_repeats_what_was_before() {
        // Three bytes as they are, then five of three back: 2 + 3.
        assert_eq!(lzf(&[2, 1, 2, 3, 3 << 5, 2], 8).unwrap(), [1, 2, 3, 1, 2, 3, 1, 2]);
        assert_eq!(lzf(&[0, 7, 7 << 5, 1, 0], 11).unwrap(), [7; 11]);
        for broken in [&[2, 1, 2][..], &[0, 1, 3 << 5, 2], &[0, 1, 3 << 5], &[5]] {
            assert!(lzf(broken, 100).is_err());
        }
        assert!(lzf(&[2, 1, 2, 3], 2).is_err());
    }
}
