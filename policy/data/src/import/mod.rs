//! Datasets in other formats: LeRobot v2 and v3, HDF5 of robomimic and its relatives, Diffusion Policy's zarr, and folders
//! of records.
//!
//! A `Source` gives one episode at a time with the names its numbers have there; [`convert`] makes a LeRobot v3 dataset
//! of it, whose observation and action are those of a task if one is given. Numbers of all episodes are in memory while
//! it writes, pictures of one.

#[cfg(any(feature = "hdf5", feature = "zarr"))]
mod arrays;
#[cfg(feature = "zarr")]
mod codecs;
#[cfg(feature = "hdf5")]
mod hdf5;
mod lerobot;
mod options;
#[cfg(any(feature = "hdf5", feature = "zarr"))]
mod pixels;
mod records;
mod resample;
mod selection;
mod source;
#[cfg(feature = "zarr")]
mod zarr;

use crate::dataset::Dataset;
use crate::images::storage;
use crate::layout::naming;
use crate::write::{check_episode, check_spec, write, write_with_images};
use imle_configs::episode::Episode;
use imle_configs::spec::{ImageLayout, Spec};
use imle_configs::{Error, Result};
pub use options::ImportOptions;
use source::{Source, is_hdf5};
use std::path::Path;

/// A format that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DatasetFormat {
    /// LeRobot's folder, v2.0 to v3.0.
    Lerobot,
    /// An HDF5 file of robomimic or a relative, or a folder of them.
    Hdf5,
    /// A zarr folder of Diffusion Policy.
    Zarr,
    /// A folder of Parquet or CSV files with `record.toml`.
    Records,
}

impl DatasetFormat {
    /// The format of what lies at `path`.
    ///
    /// # Errors
    /// [`Error::Io`] if there is nothing; [`Error::Unexpected`] if it is none of them.
    pub fn of(path: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(path).map_err(|e| Error::io(path, "read", e))?;
        if metadata.is_file() {
            let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
            return match ending.as_deref() {
                Some("hdf5" | "h5") => Ok(Self::Hdf5),
                Some("zip") => {
                    Err(Error::unexpected(path.display(), "an unpacked zarr folder", "a zip file; unpack it first"))
                }
                _ => Err(Self::none(path)),
            };
        }
        let kinds = [
            ("meta/info.json", Self::Lerobot),
            ("record.toml", Self::Records),
            ("meta/episode_ends/.zarray", Self::Zarr),
            ("meta/episode_ends/zarr.json", Self::Zarr),
        ];
        if let Some((_, kind)) = kinds.iter().find(|(file, _)| path.join(file).exists()) {
            return Ok(*kind);
        }
        let mut entries = std::fs::read_dir(path).map_err(|e| Error::io(path, "list", e))?;
        let hdf5 = entries.any(|e| e.is_ok_and(|e| is_hdf5(&e.path())));
        if hdf5 { Ok(Self::Hdf5) } else { Err(Self::none(path)) }
    }

    fn none(path: &Path) -> Error {
        let expected = "a LeRobot folder (meta/info.json), HDF5 (an .hdf5 or .h5 file, or a folder of them), a zarr \
                        folder (meta/episode_ends), or records (record.toml)";
        Error::unexpected(path.display(), expected, "none of them")
    }
}

impl std::fmt::Display for DatasetFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Lerobot => "LeRobot",
            Self::Hdf5 => "HDF5",
            Self::Zarr => "Diffusion Policy zarr",
            Self::Records => "records",
        })
    }
}

/// The result of a conversion.
#[derive(Clone, Debug)]
pub struct Converted {
    /// Format of the source.
    pub format: DatasetFormat,
    /// Spec of the dataset written.
    pub spec: Spec,
    /// Number of episodes.
    pub episodes: usize,
    /// Number of frames.
    pub frames: usize,
    /// Cameras whose pictures came along.
    pub cameras: Vec<String>,
    /// The rate that was interpolated from, Hz.
    pub resampled_from: Option<f64>,
    /// Notes on what was left out or taken for granted, one line each.
    pub notes: Vec<String>,
}

/// A dataset as it is, in memory.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Format of the source.
    pub format: DatasetFormat,
    /// The episodes that have a frame, with their spec.
    pub dataset: Dataset,
    /// Cameras whose pictures are beside it.
    pub pictures: Option<ImageLayout>,
    /// Notes on what is left out, one line each.
    pub notes: Vec<String>,
}

/// Reads the dataset at `from` as it is, in whatever format; where it does not say its rate, that of `options`, or 0.
///
/// # Errors
/// As [`convert`].
pub fn load(from: &Path, options: &ImportOptions) -> Result<Loaded> {
    let format = DatasetFormat::of(from)?;
    let mut source = open(format, from, options)?;
    let (_, episodes) = read(&mut source, from, options)?;
    let Source { mut spec, pictures, notes, .. } = source;
    if spec.control_rate == 0.0 {
        spec.control_rate = options.rate.unwrap_or(0.0);
    }
    Ok(Loaded { format, dataset: Dataset { spec, episodes }, pictures, notes })
}

/// Converts the dataset at `from` into a LeRobot v3 dataset at `out`.
///
/// # Errors
/// The errors of [`crate::write()`] and of the reader of the format; [`Error::Unexpected`] if sizes or rate are not
/// those of `options.spec`, or no episode has a frame. Nothing is left at `out` then.
pub fn convert(from: &Path, out: &Path, options: &ImportOptions) -> Result<Converted> {
    if out.exists() {
        return Err(Error::Exists { path: out.to_path_buf() });
    }
    let format = DatasetFormat::of(from)?;
    let mut source = open(format, from, options)?;
    let located = |e: Error| e.in_file(from.display());
    let (spec, from_rate) = target(&mut source, options).map_err(located)?;
    check_spec(from, &spec)?;
    let resampled_from = (from_rate != spec.control_rate).then_some(from_rate);
    if options.images {
        let none = || Error::unexpected(from.display(), "pictures of one size, for --images", "none");
        storage::check(source.pictures.as_ref().ok_or_else(none)?).map_err(located)?;
        Error::ensure(resampled_from.is_none(), from.display(), "no --images beside --resample", "both")?;
    }
    let (numbers, mut episodes) = read(&mut source, from, options)?;
    Error::ensure(!episodes.is_empty(), from.display(), "at least one episode with a frame", "none")?;
    if let Some(rate) = resampled_from {
        resample::check(&episodes, rate, spec.control_rate).map_err(located)?;
        episodes = episodes.iter().map(|e| resample::uniform(e, &source.spec, rate, spec.control_rate)).collect();
    }
    let pictures = source.pictures.filter(|_| options.images);
    match &pictures {
        None => write(out, &spec, &episodes)?,
        Some(layout) => {
            write_with_images(out, &spec, &episodes, layout, |i| source.reader.images(numbers[i], layout))?;
        }
    }
    Ok(Converted {
        format,
        spec,
        episodes: episodes.len(),
        frames: episodes.iter().map(|e| e.len).sum(),
        cameras: pictures.map(|p| p.cameras).unwrap_or_default(),
        resampled_from,
        notes: source.notes,
    })
}

/// Opens the source, and notes the pictures that nobody asks for.
fn open(format: DatasetFormat, from: &Path, options: &ImportOptions) -> Result<Source> {
    let mut source = reader(format, from, options)?;
    if let Some(pictures) = source.pictures.as_ref().filter(|_| !options.images) {
        source.notes.push(format!("left out: pictures of {pictures}: --images takes them"));
    }
    Ok(source)
}

/// The episodes that have a frame, with their numbers in the source; notes those that are left out.
///
/// # Errors
/// Those of the reader; [`Error::Unexpected`] about an episode of other sizes than the spec's or with a number that is
/// not finite.
fn read(source: &mut Source, from: &Path, options: &ImportOptions) -> Result<(Vec<usize>, Vec<Episode>)> {
    let pictures = source.pictures.clone().filter(|_| options.images && options.skip_broken);
    let (mut numbers, mut episodes) = (Vec::new(), Vec::new());
    for number in 0..source.len {
        if options.episodes.is_some_and(|most| episodes.len() >= most) {
            break;
        }
        let place = format!("{}: {}", from.display(), source.reader.name(number));
        let checked = |e: Episode| match e.len {
            0 => Ok(e),
            _ => check_episode(&place, &source.spec, &e).map(|()| e),
        };
        let mut episode = source.reader.episode(number).and_then(checked);
        // Only what is read is known to be whole.
        if let (Ok(Episode { len: 1.., .. }), Some(layout)) = (&episode, &pictures)
            && let Err(error) = source.reader.images(number, layout)
        {
            episode = Err(error);
        }
        match episode {
            Ok(episode) if episode.len == 0 => source.notes.push(format!("left out: {place}: no frame")),
            Ok(episode) => {
                numbers.push(number);
                episodes.push(episode);
            }
            Err(error) if options.skip_broken => source.notes.push(format!("left out: {error}")),
            Err(error) => return Err(error),
        }
    }
    Ok((numbers, episodes))
}

fn reader(format: DatasetFormat, from: &Path, options: &ImportOptions) -> Result<Source> {
    match format {
        DatasetFormat::Lerobot => lerobot::Folder::open(from, options),
        DatasetFormat::Records => records::Records::open(from, options),
        #[cfg(feature = "hdf5")]
        DatasetFormat::Hdf5 => hdf5::open(from, options),
        #[cfg(not(feature = "hdf5"))]
        DatasetFormat::Hdf5 => Err(without(from, "HDF5", "hdf5")),
        #[cfg(feature = "zarr")]
        DatasetFormat::Zarr => zarr::open(from, options),
        #[cfg(not(feature = "zarr"))]
        DatasetFormat::Zarr => Err(without(from, "zarr", "zarr")),
    }
}

/// The error of a program without the reader.
#[cfg(not(all(feature = "hdf5", feature = "zarr")))]
fn without(from: &Path, what: &str, feature: &str) -> Error {
    let expected = format!("a program that reads {what}: cargo build --release --features {feature}");
    Error::unexpected(from.display(), expected, "one built without")
}

/// The spec of what is written, and the rate of the source; notes where it is the task's for want of another.
fn target(source: &mut Source, options: &ImportOptions) -> Result<(Spec, f64)> {
    let own = &source.spec;
    let stated = (own.control_rate != 0.0).then_some(own.control_rate);
    let wanted = options.spec.as_ref().map(|s| s.control_rate);
    let of_source = match (stated, options.rate) {
        (Some(stated), Some(rate)) if stated != rate && !(options.resample && wanted.is_none_or(|w| w == rate)) => {
            return Err(Error::unexpected("--rate", format!("{stated} Hz, the dataset's, or --resample"), rate));
        }
        (stated, rate) => stated.or(rate),
    };
    let none = || Error::unexpected("control rate", "--rate HZ, or --task", "none in the dataset");
    let rate = wanted.or(options.rate).or(stated).ok_or_else(none)?;
    if of_source.is_none() {
        source.notes.push(format!("the dataset does not say its rate: taken for the task's, {rate} Hz"));
    }
    let of_source = of_source.unwrap_or(rate);
    for rate in [rate, of_source] {
        resample::check_rate("control rate", rate)?;
    }
    if of_source != rate && !options.resample {
        let whose = if wanted.is_some() { "the task's" } else { "the dataset's" };
        return Err(Error::unexpected("control rate", format!("{rate} Hz, {whose}, or --resample"), of_source));
    }
    let Some(wanted) = &options.spec else {
        let task = options.task.clone().unwrap_or_else(|| own.task.clone());
        return Ok((Spec { task, control_rate: rate, ..own.clone() }, of_source));
    };
    for (what, wanted, own) in
        [("observation", &wanted.observation, &own.observation), ("action", &wanted.action, &own.action)]
    {
        let expected = format!("{} values, as the task has: {}", wanted.size(), naming::listed(wanted));
        Error::ensure(wanted.size() == own.size(), what, expected, format!("{}: {}", own.size(), naming::listed(own)))?;
    }
    Ok((Spec { pictures: None, ..wanted.clone() }, of_source))
}
