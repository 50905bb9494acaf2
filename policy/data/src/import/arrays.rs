//! Datasets of named arrays whose rows are frames, as HDF5 and zarr hold them: which are the observation and the action,
//! which are pictures, and what is left out.

use super::options::ImportOptions;
use super::pixels::{AMBIGUOUS, LARGEST, Picture, Pixels};
use super::selection::{self, Part};
use super::source::{EpisodeReader, Source};
use crate::images::storage;
use imle_configs::episode::Episode;
use imle_configs::spec::{ImageLayout, Spec};
use imle_configs::{Error, Result};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

/// Names of the action.
pub(super) const ACTIONS: [&str; 2] = ["actions", "action"];
/// Groups of the observation; those directly in it are the observation if nobody says.
pub(super) const OBSERVATIONS: [&str; 3] = ["obs", "observations", "observation"];
/// Names of what says that an episode was solved, by its last value.
const SUCCESSES: [&str; 4] = ["success", "is_success", "rewards", "reward"];
/// Names that are no observation where there is no group of it.
const SIGNALS: [&str; 9] =
    ["dones", "done", "terminals", "timeouts", "terminated", "truncated", "timestamp", "timestamps", "discount"];
/// Most bytes of numbers that are read at a time.
pub(super) const MOST_BYTES: u64 = 4 << 30;
/// Most values a frame of what is taken for a vector.
const WIDEST: usize = 1 << 16;
/// Most values a frame of what one is told to take by name.
const WIDEST_TOLD: usize = 1024;
/// Strings of bytes that are no pictures, in words.
pub(super) const LISTS: &str = "lists or text of any length";
/// Most bytes a frame of what is a vector of small numbers, no picture.
const WIDEST_BYTES: usize = 256;
/// Episodes in which a picture is looked for, since those of the first may be broken.
const SAMPLES: usize = 16;

/// An array of an episode's frames.
#[derive(Clone, Debug)]
pub(super) struct Array {
    /// Path within the episode's group.
    pub(super) path: String,
    pub(super) rows: u64,
    /// Without the rows.
    pub(super) shape: Vec<usize>,
    pub(super) kind: Kind,
    /// The pictures that its frames may be.
    picture: Option<Picture>,
}

/// Kind of the values of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    /// Unsigned, 8 bits, as pixels are.
    Byte,
    /// Strings of bytes, which may be encoded pictures; in words what they are otherwise.
    Files(&'static str),
    /// Something that is not read, in words.
    Other(String),
}

impl Array {
    pub(super) fn new(path: String, rows: u64, shape: Vec<usize>, kind: Kind) -> Self {
        let numbers = matches!(kind, Kind::Byte | Kind::Number);
        let picture = Picture::of_shape(&shape, kind == Kind::Byte).filter(|_| numbers);
        Self { path, rows, shape, kind, picture }
    }

    /// Values a frame; `None` past what a computer can count.
    fn size(&self) -> Option<usize> {
        self.shape.iter().try_fold(1_usize, |size, n| size.checked_mul(*n))
    }

    /// Why these are no numbers of frames, in words; `None` if they are.
    fn unfit(&self, frames: u64) -> Option<String> {
        match &self.kind {
            Kind::Other(what) => Some(what.clone()),
            _ if !fits(self.rows, frames) => Some("not a row a frame".into()),
            _ if self.picture.is_some() && self.is_surely_pictures() => Some("pictures, which --images takes".into()),
            Kind::Files(what) => Some((*what).into()),
            _ if self.is_ambiguous() => Some(AMBIGUOUS.into()),
            _ => match self.size() {
                Some(1..=WIDEST) => None,
                Some(0) => Some("without values".into()),
                _ => Some("too wide for a vector, and no pictures in RGB".into()),
            },
        }
    }

    fn is_vector(&self) -> bool {
        self.shape.len() <= 1 && !self.is_large()
    }

    /// Whether these are rather pixels or the bytes of files than small numbers.
    fn is_large(&self) -> bool {
        self.kind == Kind::Byte && self.size().is_none_or(|size| size > WIDEST_BYTES)
    }

    /// Whether frames that may be pictures are nothing else: a small matrix is a vector for whoever asks for it.
    fn is_surely_pictures(&self) -> bool {
        self.picture.is_some_and(|p| p.pixels <= Pixels::Encoded) || self.is_large()
    }

    /// Whether these are pictures, but in one of two ways.
    fn is_ambiguous(&self) -> bool {
        self.kind == Kind::Byte && Picture::is_ambiguous(&self.shape)
    }

    /// Whether a row may be the bytes of a file.
    fn is_string(&self) -> bool {
        matches!((&self.kind, self.shape.as_slice()), (Kind::Byte, [_]) | (Kind::Files(_), []))
    }
}

/// Whether rows may be one a frame: some write the observation after the last action too.
fn fits(rows: u64, frames: u64) -> bool {
    rows == frames || rows.checked_sub(1) == Some(frames)
}

/// Where the frames of an episode lie.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    /// The episode in messages.
    pub(super) name: String,
    /// Number of the file.
    pub(super) file: usize,
    /// Group of its arrays in the file; empty for the root.
    pub(super) group: String,
    /// Rows of the episode in them; all if absent.
    pub(super) rows: Option<Range<u64>>,
}

/// Values of an array, row-major.
pub(super) enum Values {
    Numbers(Vec<f32>),
    Bytes(Vec<u8>),
    Files(Vec<Vec<u8>>),
}

impl Values {
    pub(super) fn numbers(self) -> Vec<f32> {
        match self {
            Self::Numbers(numbers) => numbers,
            Self::Bytes(bytes) => bytes.into_iter().map(f32::from).collect(),
            Self::Files(_) => Vec::new(),
        }
    }
}

/// The path of what is in a group; the group may be the root, without a name.
pub(super) fn joined(group: &str, name: &str) -> String {
    if group.is_empty() || name.is_empty() { format!("{group}{name}") } else { format!("{group}/{name}") }
}

/// Files that hold arrays.
pub(super) trait Store {
    /// Shape of an array, rows first.
    fn shape(&mut self, at: &Stretch, path: &str) -> Result<Vec<u64>>;

    /// Some rows of an array, at most [`MOST_BYTES`].
    fn read(&mut self, at: &Stretch, path: &str, rows: Range<u64>) -> Result<Values>;

    /// An array in messages.
    fn place(&self, at: &Stretch, path: &str) -> String;

    /// Whether the episode is said to be solved, beside its arrays.
    fn solved(&mut self, _at: &Stretch) -> Option<bool> {
        None
    }
}

/// A camera: the name of its array, what its frames are, and whether its values are 0 to 1 in place of 0 to 255.
struct Camera {
    name: String,
    picture: Picture,
    scaled: bool,
}

/// Episodes of arrays.
struct Episodes<S> {
    store: S,
    episodes: Vec<Stretch>,
    /// The arrays that are taken, by the names that the user knows them by.
    arrays: BTreeMap<String, Array>,
    observation: Vec<Part>,
    action: Vec<Part>,
    success: Option<String>,
    cameras: Vec<Camera>,
}

/// The source of the task `task` at `rate` Hz (0 if unknown) with these episodes; `all` are the arrays of an episode of
/// `frames` frames, the first that has some: `episodes[first]`.
///
/// # Errors
/// [`Error::Unknown`] with the nearest names; [`Error::Unexpected`] if there is no action or no observation.
pub(super) fn source<S: Store + 'static>(
    mut store: S,
    episodes: Vec<Stretch>,
    (first, frames, all): (usize, u64, Vec<Array>),
    (task, control_rate): (String, f64),
    options: &ImportOptions,
    mut notes: Vec<String>,
) -> Result<Source> {
    let at = &episodes[first];
    let mut arrays = named(all);
    for array in arrays.values_mut().filter(|a| a.is_string() && fits(a.rows, frames)) {
        let mut files = episodes[first..].iter().take(SAMPLES).filter_map(|at| first_file(&mut store, at, array));
        array.picture = files.find_map(|file| Picture::of_file(&file));
    }
    let place = store.place(at, "");
    let located = |e: Error| e.in_file(&place);
    let fit = |name: &&String| arrays[*name].unfit(frames).is_none();
    let all_named: Vec<&String> = arrays.keys().filter(fit).collect();
    let of_format = ACTIONS.iter().find(|name| arrays.contains_key(**name)).map(|name| (*name).to_string());
    let asked = if options.action.is_empty() { of_format.as_slice() } else { options.action.as_slice() };
    if asked.is_empty() {
        let expected = "an array `actions` or `action` of shape (frames, values), or --action NAME";
        return Err(located(Error::unexpected("action", expected, listed(arrays.keys()))));
    }
    let action = chosen("--action", asked, &arrays, frames).map_err(located)?;
    let others = || all_named.iter().filter(|n| action.iter().all(|p| p.column != ***n) && arrays[**n].is_vector());
    let observation = if options.observation.is_empty() {
        let grouped = |name: &str| in_group(&arrays[name].path);
        let any = arrays.keys().any(|name| grouped(name).is_some());
        let signal = |name: &str| SIGNALS.contains(&name) || SUCCESSES.contains(&name) || ACTIONS.contains(&name);
        let direct = |name: &str| match grouped(name) {
            Some(rest) => !rest.contains('/'),
            None => !any && !name.contains('/') && !signal(name),
        };
        others().filter(|name| direct(name)).map(|name| whole(&arrays, name)).collect()
    } else {
        chosen("--observation", &options.observation, &arrays, frames).map_err(located)?
    };
    if observation.is_empty() {
        let others = arrays.iter().filter(|(name, _)| action.iter().all(|p| p.column != **name));
        let found: Vec<String> = others.map(|(name, a)| told(name, a, frames)).collect();
        let found = if found.is_empty() { "none".into() } else { found.join(", ") };
        return Err(located(Error::unexpected("observation", "arrays of vectors, or --observation NAMES", found)));
    }
    let success = SUCCESSES.iter().find(|n| arrays.get(**n).is_some_and(|a| a.unfit(frames).is_none()));
    let success = success.map(|name| (*name).to_string());
    if success.is_none() && store.solved(at).is_none() {
        notes.push("the dataset does not say which episodes are solved: all count as solved".into());
    }
    let free = |(name, a): &(&String, &Array)| {
        let asked = observation.iter().chain(&action).any(|p| p.column == **name);
        !asked && fits(a.rows, frames) && (options.images || a.is_surely_pictures())
    };
    let (pictures, cameras) = pictures(arrays.iter().filter(free));
    let unclear = arrays.iter().find(|(_, a)| a.is_ambiguous() && fits(a.rows, frames));
    if let Some((name, array)) = unclear.filter(|_| options.images && cameras.is_empty()) {
        let expected = "pictures of (height, width, 3) or (3, height, width)";
        return Err(Error::unexpected(store.place(at, &array.path), expected, told(name, array, frames)));
    }
    let longer = |p: &&Part| arrays[&p.column].rows > frames;
    if let Some(part) = observation.iter().find(longer).filter(|_| at.rows.is_none()) {
        notes.push(format!("left out: the row of {} after the last action, and of others alike", part.column));
    }
    let taken = |name: &String| {
        let known = observation.iter().chain(&action).any(|p| p.column == *name);
        known || success.as_ref() == Some(name) || cameras.contains(name)
    };
    notes.extend(left_out(&arrays, frames, &observation, taken));
    let spec = Spec {
        task,
        control_rate,
        observation: selection::layout(&observation),
        action: selection::layout(&action),
        pictures: None,
    };
    let len = episodes.len();
    let mut reader = Episodes { store, episodes, arrays, observation, action, success, cameras: Vec::new() };
    for name in cameras.iter().filter(|_| options.images) {
        let Some(picture) = reader.arrays[name].picture else { continue };
        let floats = reader.arrays[name].kind == Kind::Number;
        let scaled = floats && is_share(&reader.values(first, name, frames)?.numbers());
        notes.extend(scaled.then(|| format!("pictures of {name}: 0 to 1 in the dataset, made 0 to 255")));
        reader.cameras.push(Camera { name: name.clone(), picture, scaled });
    }
    Ok(Source { spec, len, pictures, notes, reader: Box::new(reader) })
}

/// The bytes in the first row of an episode; none of what cannot be read.
fn first_file<S: Store>(store: &mut S, at: &Stretch, array: &Array) -> Option<Vec<u8>> {
    let start = at.rows.as_ref().map_or(0, |r| r.start);
    let shape = store.shape(at, &array.path).ok()?;
    let small = shape.iter().skip(1).all(|n| *n <= LARGEST as u64) && shape.first().is_some_and(|rows| *rows > start);
    match small.then(|| store.read(at, &array.path, start..start + 1).ok())?? {
        Values::Bytes(bytes) => Some(bytes),
        Values::Files(files) => files.into_iter().next(),
        Values::Numbers(_) => None,
    }
}

/// The arrays by the names that a user gives: without the group of the observation, where that is no other's name.
fn named(all: Vec<Array>) -> BTreeMap<String, Array> {
    let paths: Vec<String> = all.iter().map(|a| a.path.clone()).collect();
    let others = |rest: &str| paths.iter().filter(|p| *p == rest || in_group(p) == Some(rest)).count() - 1;
    let name = |a: &Array| match in_group(&a.path) {
        Some(rest) if !rest.is_empty() && others(rest) == 0 => rest.to_string(),
        _ => a.path.clone(),
    };
    all.into_iter().map(|a| (name(&a), a)).collect()
}

/// The rest of a path in a group of observations; empty for an array that has the group's name.
fn in_group(path: &str) -> Option<&str> {
    let rest = |group: &&str| path.strip_prefix(*group).filter(|r| r.is_empty() || r.starts_with('/'));
    OBSERVATIONS.iter().find_map(rest).map(|r| r.trim_start_matches('/'))
}

fn whole(arrays: &BTreeMap<String, Array>, name: &str) -> Part {
    Part::whole(name, arrays[name].size().unwrap_or(0))
}

/// The parts that the user names, by these names or whole paths.
fn chosen(flag: &str, asked: &[String], arrays: &BTreeMap<String, Array>, frames: u64) -> Result<Vec<Part>> {
    let by_path = |text: &str| arrays.iter().find(|(_, a)| a.path == text).map(|(name, _)| name.clone());
    let mut names = Vec::new();
    for text in asked {
        let (name, range) = text.split_once('[').map_or((text.as_str(), ""), |(name, _)| (name, &text[name.len()..]));
        let name = if arrays.contains_key(name) { name.to_string() } else { by_path(name).unwrap_or(name.to_string()) };
        if let Some(array) = arrays.get(&name).filter(|a| a.unfit(frames).is_some()) {
            let expected = "vectors or matrices of numbers, a row a frame";
            return Err(Error::unexpected(flag, expected, told(&name, array, frames)));
        }
        names.push(name + range);
    }
    let fit = arrays.iter().filter(|(_, a)| a.unfit(frames).is_none());
    selection::choose(flag, &names, fit.map(|(name, a)| (name.as_str(), a.size().unwrap_or(0))))
}

fn listed<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = names.into_iter().map(|n| format!("`{}`", n.as_ref())).collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

/// `keypoint (frames, 9, 2)`, with what it is, if that is no numbers of frames.
fn told(name: &str, array: &Array, frames: u64) -> String {
    let why = array.unfit(frames).map_or_else(String::new, |why| format!(": {why}"));
    described(name, array, frames) + &why
}

/// `keypoint (frames, 9, 2)`.
fn described(name: &str, array: &Array, frames: u64) -> String {
    if array.rows == 0 && array.shape.is_empty() {
        return name.to_string();
    }
    let counted = fits(array.rows, frames) && !matches!(array.kind, Kind::Other(_));
    let rows = if counted { "frames".into() } else { array.rows.to_string() };
    let shape: Vec<String> = std::iter::once(rows).chain(array.shape.iter().map(ToString::to_string)).collect();
    format!("{name} ({})", shape.join(", "))
}

/// Notes on the arrays that are not taken: those that a flag takes, and the others by what they are.
fn left_out(
    arrays: &BTreeMap<String, Array>,
    frames: u64,
    observation: &[Part],
    taken: impl Fn(&String) -> bool,
) -> Vec<String> {
    let (mut names, mut shapes, mut others) = (Vec::new(), Vec::new(), BTreeMap::<String, Vec<String>>::new());
    for (name, array) in arrays.iter().filter(|(name, _)| !taken(name)) {
        let shape = described(name, array, frames);
        match array.unfit(frames) {
            Some(_) if array.picture.is_some() && fits(array.rows, frames) => {
                others.entry("pictures of another size".into())
            }
            Some(why) => others.entry(why),
            None if array.size().is_some_and(|size| size > WIDEST_TOLD) || array.is_large() => {
                others.entry("perhaps pictures, but neither RGB, grey, PNG nor JPEG".into())
            }
            None => {
                names.push(name.clone());
                shapes.push(shape);
                continue;
            }
        }
        .or_default()
        .push(shape);
    }
    let takeable = selection::left_out(&shapes, &selection::takes("--observation", observation, &names));
    takeable.into_iter().chain(others.iter().filter_map(|(why, of)| selection::left_out(of, why))).collect()
}

/// The cameras, all of the size of the surest one, and the names of their arrays.
fn pictures<'a>(arrays: impl Iterator<Item = (&'a String, &'a Array)>) -> (Option<ImageLayout>, Vec<String>) {
    let all: Vec<(&String, Picture)> = arrays.filter_map(|(name, a)| Some((name, a.picture?))).collect();
    let Some((_, Picture { height, width, .. })) = all.iter().min_by_key(|(_, p)| p.pixels).copied() else {
        return (None, Vec::new());
    };
    let same = all.iter().filter(|(_, p)| (p.height, p.width) == (height, width));
    let names: Vec<&String> = same.map(|(name, _)| *name).collect();
    let short = |name: &str| name.rsplit('/').next().unwrap_or_default().to_string();
    let distinct = |name: &String| names.iter().filter(|n| short(n) == short(name)).count() == 1;
    let camera = |name: &&String| if distinct(name) { short(name) } else { name.replace('/', "_") };
    let layout = ImageLayout { cameras: names.iter().map(camera).collect(), height, width };
    (Some(layout), names.into_iter().cloned().collect())
}

/// Whether pixels are shares of full brightness.
fn is_share(values: &[f32]) -> bool {
    values.iter().all(|v| (0.0..=1.0).contains(v)) && values.iter().any(|v| v.fract() != 0.0)
}

impl<S: Store> Episodes<S> {
    /// Frames of an episode.
    fn frames(&mut self, number: usize) -> Result<u64> {
        let at = &self.episodes[number];
        match &at.rows {
            Some(rows) => Ok(rows.end - rows.start),
            None => {
                let path = &self.arrays[&self.action[0].column].path;
                Ok(self.store.shape(at, path)?.first().copied().unwrap_or(0))
            }
        }
    }

    /// The values of an array in an episode's frames.
    fn values(&mut self, number: usize, name: &str, frames: u64) -> Result<Values> {
        let (at, array) = (&self.episodes[number], &self.arrays[name]);
        let shape = self.store.shape(at, &array.path)?;
        let start = at.rows.as_ref().map_or(0, |r| r.start);
        let rows = shape.first().copied().unwrap_or(0);
        let enough = if at.rows.is_some() { rows >= start + frames } else { fits(rows, frames) };
        // Each episode has files that are as long as its longest.
        let same = array.is_string() && array.picture.is_some() && shape.len() == 1 + array.shape.len()
            || shape.iter().skip(1).copied().eq(array.shape.iter().map(|n| *n as u64));
        let mut expected = vec![start + frames];
        expected.extend(array.shape.iter().map(|n| *n as u64));
        let place = self.store.place(at, &array.path);
        Error::ensure(enough && same, &place, format!("shape {expected:?}"), format!("{shape:?}"))?;
        let each = match array.kind {
            Kind::Byte => 1,
            Kind::Files(_) => size_of::<Vec<u8>>() as u64,
            Kind::Number | Kind::Other(_) => 4,
        };
        let bytes = shape.iter().skip(1).try_fold(frames.saturating_mul(each), |bytes, n| bytes.checked_mul(*n));
        let small = bytes.is_some_and(|b| b <= MOST_BYTES);
        Error::ensure(small, place, "at most 4 GiB an episode", format!("shape {shape:?}"))?;
        self.store.read(at, &array.path, start..start + frames)
    }

    fn vector(&mut self, number: usize, parts: &[Part], frames: u64) -> Result<Vec<f32>> {
        let each = parts.iter().map(|p| Ok(self.values(number, &p.column, frames)?.numbers()));
        let columns = each.collect::<Result<Vec<_>>>()?;
        selection::joined(&self.store.place(&self.episodes[number], ""), parts, &columns, frames as usize)
    }
}

/// The bytes of an episode's frames.
enum Frames {
    Bytes(Vec<u8>),
    Files(Vec<Vec<u8>>),
}

impl Frames {
    fn frame(&self, t: usize, frames: usize) -> &[u8] {
        match self {
            Self::Bytes(bytes) => &bytes[t * (bytes.len() / frames)..][..bytes.len() / frames],
            Self::Files(files) => files.get(t).map_or(&[], Vec::as_slice),
        }
    }
}

impl<S: Store> EpisodeReader for Episodes<S> {
    fn episode(&mut self, number: usize) -> Result<Episode> {
        let frames = self.frames(number)?;
        let mut episode = Episode { index: number as u64, len: frames as usize, ..Episode::default() };
        if frames == 0 {
            return Ok(episode);
        }
        let (action, observation) = (self.action.clone(), self.observation.clone());
        episode.actions = self.vector(number, &action, frames)?;
        episode.observations = self.vector(number, &observation, frames)?;
        // A sparse reward is 1 once the task is solved.
        episode.success = match self.success.clone() {
            Some(name) => self.values(number, &name, frames)?.numbers().last().is_some_and(|v| *v > 0.0),
            None => self.store.solved(&self.episodes[number]).unwrap_or(true),
        };
        Ok(episode)
    }

    fn images(&mut self, number: usize, layout: &ImageLayout) -> Result<Vec<u8>> {
        let frames = self.frames(number)?;
        let whole = self.store.place(&self.episodes[number], "");
        let mut rgb = storage::room(Path::new(&whole), layout, frames as usize)?;
        for at in 0..self.cameras.len() {
            let Camera { name, picture, scaled } = &self.cameras[at];
            let (name, picture, scaled) = (name.clone(), *picture, *scaled);
            let values = self.values(number, &name, frames)?;
            let place = self.store.place(&self.episodes[number], &self.arrays[&name].path);
            let bytes = match values {
                Values::Files(files) => Frames::Files(files),
                Values::Bytes(bytes) => Frames::Bytes(bytes),
                Values::Numbers(values) => Frames::Bytes(pixels(&values, scaled).map_err(|e| e.in_file(&place))?),
            };
            let each = layout.picture_bytes();
            rgb.par_chunks_exact_mut(layout.bytes()).enumerate().try_for_each(|(t, out)| {
                let drawn = picture.rgb(bytes.frame(t, frames as usize), &mut out[at * each..][..each]);
                drawn.map_err(|found| Error::unexpected(format!("{place}: frame {t}"), picture.expected(), found))
            })?;
        }
        Ok(rgb)
    }

    fn name(&self, number: usize) -> String {
        self.episodes[number].name.clone()
    }
}

/// Bytes of pixels of 0 to 255, or of shares of full brightness.
fn pixels(values: &[f32], scaled: bool) -> Result<Vec<u8>> {
    let factor = if scaled { 255.0 } else { 1.0 };
    // Resized pictures overshoot a little.
    if let Some(bad) = values.iter().find(|v| !(-0.5..=256.0).contains(&(**v * factor))) {
        return Err(Error::unexpected("pixels", "numbers of 0 to 255, or of 0 to 1", bad));
    }
    Ok(values.iter().map(|v| (v * factor).round().clamp(0.0, 255.0) as u8).collect())
}
