//! Datasets in other formats: LeRobot v2 and v3, robomimic's HDF5, Diffusion Policy's zarr, and folders of records.
//!
//! A `Source` gives one episode at a time with the names its numbers have there; [`convert`] makes a LeRobot v3 dataset
//! of it, whose observation and action are those of a task if one is given. Numbers of all episodes are in memory while
//! it writes, pictures of one.

#[cfg(any(feature = "hdf5", feature = "zarr"))]
mod arrays;
mod lerobot;
mod records;
mod resample;
#[cfg(feature = "hdf5")]
mod robomimic;
mod source;
#[cfg(feature = "zarr")]
mod zarr;

use crate::dataset::Dataset;
use crate::layout::naming;
use crate::write::{write, write_with_images};
use imle_configs::spec::{ImageLayout, Spec};
use imle_configs::{Error, Result};
use source::Source;
use std::path::Path;

/// A format that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DatasetFormat {
    /// LeRobot's folder, v2.0 to v3.0.
    Lerobot,
    /// An HDF5 file of robomimic.
    Robomimic,
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
                Some("hdf5" | "h5") => Ok(Self::Robomimic),
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
        kinds.iter().find(|(file, _)| path.join(file).exists()).map(|(_, kind)| *kind).ok_or_else(|| Self::none(path))
    }

    fn none(path: &Path) -> Error {
        let expected = "a LeRobot folder (meta/info.json), a robomimic file (.hdf5), a zarr folder of Diffusion Policy \
                        (meta/episode_ends), or records (record.toml)";
        Error::unexpected(path.display(), expected, "none of them")
    }
}

impl std::fmt::Display for DatasetFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Lerobot => "LeRobot",
            Self::Robomimic => "robomimic HDF5",
            Self::Zarr => "Diffusion Policy zarr",
            Self::Records => "records",
        })
    }
}

/// Options of a conversion.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// The spec that the dataset must fit; its own names if absent.
    pub spec: Option<Spec>,
    /// Name of the task, where there is no `spec`.
    pub task: Option<String>,
    /// Control rate, Hz, where the dataset does not say.
    pub rate: Option<f64>,
    /// Interpolate to the rate of `spec`, or to `rate`, where the dataset has another.
    pub resample: bool,
    /// Keys of the observation in their order, for robomimic and zarr.
    pub observation: Vec<String>,
    /// Whether pictures come along.
    pub images: bool,
    /// The first so many episodes; all if absent.
    pub episodes: Option<usize>,
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
}

/// Reads the dataset at `from` as it is, in whatever format; where it does not say its rate, that of `options`, or 0.
///
/// # Errors
/// As [`convert`].
pub fn load(from: &Path, options: &ImportOptions) -> Result<(DatasetFormat, Dataset, Option<ImageLayout>)> {
    let format = DatasetFormat::of(from)?;
    let mut source = open(format, from, options)?;
    let count = options.episodes.map_or(source.len, |n| n.min(source.len));
    let episodes = (0..count).map(|n| source.reader.episode(n)).collect::<Result<Vec<_>>>()?;
    let mut spec = source.spec;
    if spec.control_rate == 0.0 {
        spec.control_rate = options.rate.unwrap_or(0.0);
    }
    Ok((format, Dataset { spec, episodes }, source.pictures))
}

/// Converts the dataset at `from` into a LeRobot v3 dataset at `out`.
///
/// # Errors
/// The errors of [`crate::write()`] and of the reader of the format; [`Error::Unexpected`] if sizes or rate are not
/// those of `options.spec`. Nothing is left at `out` then.
pub fn convert(from: &Path, out: &Path, options: &ImportOptions) -> Result<Converted> {
    if out.exists() {
        return Err(Error::Exists { path: out.to_path_buf() });
    }
    let format = DatasetFormat::of(from)?;
    let mut source = open(format, from, options)?;
    let (spec, from_rate) = target(&source.spec, options).map_err(|e| e.in_file(from.display()))?;
    let count = options.episodes.map_or(source.len, |n| n.min(source.len));
    Error::ensure(count != 0, from.display(), "at least one episode", "none")?;
    let resampled_from = from_rate.filter(|rate| *rate != spec.control_rate);
    let mut episodes = Vec::with_capacity(count);
    for number in 0..count {
        let episode = source.reader.episode(number)?;
        episodes.push(match resampled_from {
            Some(rate) => resample::uniform(&episode, &source.spec, rate, spec.control_rate),
            None => episode,
        });
    }
    let pictures = source.pictures.filter(|_| options.images);
    match &pictures {
        None if options.images => {
            return Err(Error::unexpected(from.display(), "pictures of one size, for --images", "none"));
        }
        None => write(out, &spec, &episodes)?,
        Some(layout) => {
            Error::ensure(resampled_from.is_none(), from.display(), "no --images beside --resample", "both")?;
            write_with_images(out, &spec, &episodes, layout, |number| source.reader.images(number, layout))?;
        }
    }
    Ok(Converted {
        format,
        spec,
        episodes: count,
        frames: episodes.iter().map(|e| e.len).sum(),
        cameras: pictures.map(|p| p.cameras).unwrap_or_default(),
        resampled_from,
    })
}

#[cfg_attr(not(any(feature = "hdf5", feature = "zarr")), expect(unused_variables))]
fn open(format: DatasetFormat, from: &Path, options: &ImportOptions) -> Result<Source> {
    match format {
        DatasetFormat::Lerobot => lerobot::Folder::open(from),
        DatasetFormat::Records => records::Records::open(from),
        #[cfg(feature = "hdf5")]
        DatasetFormat::Robomimic => robomimic::File::open(from, &options.observation),
        #[cfg(not(feature = "hdf5"))]
        DatasetFormat::Robomimic => Err(without(from, "HDF5", "hdf5")),
        #[cfg(feature = "zarr")]
        DatasetFormat::Zarr => zarr::Folder::open(from, &options.observation),
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

/// The spec of what is written, and the rate of the source if it says one.
fn target(own: &Spec, options: &ImportOptions) -> Result<(Spec, Option<f64>)> {
    let stated = (own.control_rate > 0.0).then_some(own.control_rate);
    let Some(wanted) = &options.spec else {
        let rate = match (stated, options.rate) {
            (Some(stated), Some(rate)) if stated != rate && !options.resample => {
                let expected = format!("{stated} Hz, the dataset's, or --resample");
                return Err(Error::unexpected("--rate", expected, rate));
            }
            (stated, rate) => rate.or(stated),
        };
        let rate = rate.filter(|r| *r > 0.0 && r.is_finite());
        let rate =
            rate.ok_or_else(|| Error::unexpected("control rate", "--rate HZ, or --task", "none in the dataset"))?;
        let task = options.task.clone().unwrap_or_else(|| own.task.clone());
        return Ok((Spec { task, control_rate: rate, ..own.clone() }, stated));
    };
    for (what, wanted, own) in
        [("observation", &wanted.observation, &own.observation), ("action", &wanted.action, &own.action)]
    {
        let expected = format!("{} values, as the task has: {}", wanted.size(), naming::listed(wanted));
        Error::ensure(wanted.size() == own.size(), what, expected, format!("{}: {}", own.size(), naming::listed(own)))?;
    }
    let rate = options.rate.or(stated);
    if rate.is_some_and(|r| r != wanted.control_rate) && !options.resample {
        let expected = format!("{} Hz, the task's, or --resample", wanted.control_rate);
        return Err(Error::unexpected("control rate", expected, rate.unwrap_or_default()));
    }
    Ok((Spec { pictures: None, ..wanted.clone() }, rate))
}
