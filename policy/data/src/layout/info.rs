//! `meta/info.json`: version, rate, totals, features, and our own spec under the key `planner`.

use crate::images::cameras::{self, Cameras};
use crate::images::storage;
use crate::layout::features::{ACTION, FEATURES, Feature, OBSERVATIONS};
use crate::layout::naming::{self, DATA_PATH};
use crate::layout::vector::{Part, Vector};
use crate::table::one_line;
use imle_configs::files;
use imle_configs::spec::{ImageLayout, Layout, Spec};
use imle_configs::{Error, Result};
use serde_json::{Map, Value, json};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// The layout's version that is read and written.
pub const CODEBASE_VERSION: &str = "v3.0";
/// Files a chunk folder holds; LeRobot's default.
pub(crate) const CHUNK_FILES: u64 = 1000;
/// Size past which a data file is followed by the next; LeRobot's default.
pub(crate) const DATA_FILE_MB: u64 = 100;
const VIDEO_FILE_MB: u64 = 200;
/// Rates that are read, Hz.
const RATES: RangeInclusive<f64> = 1e-3..=1e6;
const FILE: &str = "meta/info.json";

/// The text of a new `info.json`.
pub(crate) fn to_json(spec: &Spec, images: Option<&ImageLayout>, episodes: usize, frames: usize) -> Value {
    let feature = |f: &Feature| {
        let names = f.layout.map(|layout| layout(spec).value_names());
        (f.name.to_string(), json!({"dtype": f.kind.dtype(), "shape": [f.size(spec)], "names": names}))
    };
    let mut features: Map<String, Value> = FEATURES.iter().map(feature).collect();
    features.extend(images.into_iter().flat_map(storage::features));
    json!({
        "codebase_version": CODEBASE_VERSION,
        "robot_type": null,
        "total_episodes": episodes,
        "total_frames": frames,
        "total_tasks": 1,
        "chunks_size": CHUNK_FILES,
        "data_files_size_in_mb": DATA_FILE_MB,
        "video_files_size_in_mb": VIDEO_FILE_MB,
        "fps": rate(spec.control_rate),
        "splits": {"train": format!("0:{episodes}")},
        "data_path": DATA_PATH,
        "video_path": null,
        "features": features,
        "planner": {"version": imle_configs::VERSION, "spec": spec},
    })
}

/// LeRobot's `fps` is whole wherever it can be.
fn rate(hz: f64) -> Value {
    if hz.fract() == 0.0 && hz < 1e15 { json!(hz as u64) } else { json!(hz) }
}

/// The needed part of `info.json`.
#[derive(Clone, Debug)]
pub(crate) struct Info {
    path: PathBuf,
    /// Whether it is of version 2, with one data file an episode.
    pub(crate) two: bool,
    /// Files a chunk folder holds.
    pub(crate) chunk_files: u64,
    pub(crate) fps: f64,
    pub(crate) total_episodes: u64,
    pub(crate) total_frames: u64,
    data_path: String,
    video_path: Option<String>,
    pub(crate) observation: Vector,
    pub(crate) action: Vector,
    /// The addition of this crate, and its spec where observation and action are the usual ones.
    ours: Option<Value>,
    spec: Option<Spec>,
    pub(crate) features: Map<String, Value>,
}

/// The version of the LeRobot layout that the dataset at `path` says it has.
///
/// # Errors
/// [`Error::Io`]; [`Error::Unexpected`] if `meta/info.json` is no JSON or does not say.
pub fn version(path: &Path) -> Result<String> {
    Ok(Info::version(path)?.0)
}

impl Info {
    /// Reads and checks the file of the version that this crate writes; observation and action are LeRobot's.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut info = Self::open(root)?;
        if info.two {
            let found = format!("`{}`", Self::version(root)?.0);
            let expected = format!("`{CODEBASE_VERSION}`, which `planner data convert` makes of it");
            return Err(Error::unexpected(info.place("codebase_version"), expected, found));
        }
        info.take(None, None)?;
        Ok(info)
    }

    /// The file's version, and the file.
    pub(crate) fn version(root: &Path) -> Result<(String, Value)> {
        let path = root.join(FILE);
        let text = files::read_text(&path)?;
        let json: Value =
            serde_json::from_str(&text).map_err(|e| Error::unexpected(path.display(), "valid JSON", one_line(e)))?;
        let version = Keys { path: &path, json: &json }.get("codebase_version", "a string", Value::as_str)?.to_string();
        Ok((version, json))
    }

    /// Reads and checks the file of any version; without observation, action and spec.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let (version, json) = Self::version(root)?;
        let path = root.join(FILE);
        let keys = Keys { path: &path, json: &json };
        let two = version == "v2.0" || version == "v2.1";
        if !two && version != CODEBASE_VERSION {
            let expected = format!("`{CODEBASE_VERSION}`, or `v2.0` or `v2.1` for `planner data convert`");
            return Err(Error::unexpected(keys.place("codebase_version"), expected, format!("`{version}`")));
        }
        let fps = keys.get("fps", "a number", Value::as_f64)?;
        let expected = format!("a number of Hz from {} to {}", RATES.start(), RATES.end());
        Error::ensure(RATES.contains(&fps), keys.place("fps"), expected, format!("{fps:?}"))?;
        Ok(Self {
            two,
            chunk_files: json["chunks_size"].as_u64().filter(|c| *c > 0).unwrap_or(CHUNK_FILES),
            fps,
            total_episodes: keys.get("total_episodes", "a whole number", Value::as_u64)?,
            total_frames: keys.get("total_frames", "a whole number", Value::as_u64)?,
            data_path: keys.get("data_path", "a string", Value::as_str)?.to_string(),
            video_path: json["video_path"].as_str().map(String::from),
            observation: Vector::default(),
            action: Vector::default(),
            ours: json.get("planner").cloned(),
            spec: None,
            features: keys.get("features", "an object", Value::as_object)?.clone(),
            path: path.clone(),
        })
    }

    /// `FILE: KEY`, the place of an error.
    pub(crate) fn place(&self, key: &str) -> String {
        format!("{}: {key}", self.path.display())
    }

    /// The error, located in the file.
    pub(crate) fn located(&self, error: Error) -> Error {
        error.in_file(self.path.display())
    }

    /// The features of numbers that can make up a vector.
    pub(crate) fn numbers(&self) -> Vec<Part> {
        self.features.iter().filter_map(|(name, feature)| Part::of_feature(name, feature, "")?.ok()).collect()
    }

    /// The feature of numbers called `name`, if there is a feature of this name.
    pub(crate) fn number(&self, name: &str) -> Option<Result<Part>> {
        let feature = self.features.get(name)?;
        let place = self.place(&format!("features.{name}"));
        Some(Part::of_feature(name, feature, &place).unwrap_or_else(|| {
            let found = show(feature.get("dtype"));
            Err(Error::unexpected(format!("{place}.dtype"), "numbers, like `float32`", found))
        }))
    }

    /// The vector of those of LeRobot's own `names` that are there.
    fn usual(&self, names: &[&str]) -> Result<Vector> {
        let parts = names.iter().filter_map(|name| self.number(name)).collect::<Result<Vec<_>>>()?;
        if let Some(first) = names.first().filter(|_| parts.is_empty()) {
            let expected =
                "a feature of this name, or `planner data convert` with --observation NAMES and --action NAMES";
            let known = self.features.keys().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
            let found = format!("none; the features are {known}");
            return Err(Error::unexpected(self.place(&format!("features.{first}")), expected, found));
        }
        Ok(Vector(parts))
    }

    /// Takes these vectors for observation and action; LeRobot's and our own spec where there are none.
    pub(crate) fn take(&mut self, observation: Option<Vector>, action: Option<Vector>) -> Result<()> {
        let own = observation.is_none() && action.is_none();
        self.observation = observation.map_or_else(|| self.usual(&OBSERVATIONS), Ok)?;
        self.action = action.map_or_else(|| self.usual(&[ACTION]), Ok)?;
        self.spec = if own { self.own_spec()? } else { None };
        Ok(())
    }

    /// The dataset's own spec, or one made from the features' names and `task`.
    pub(crate) fn spec(&self, task: impl FnOnce() -> Result<String>) -> Result<Spec> {
        if let Some(spec) = &self.spec {
            return Ok(spec.clone());
        }
        Ok(Spec {
            task: task()?,
            control_rate: self.fps,
            observation: self.observation.layout(),
            action: self.action.layout(),
            pictures: None,
        })
    }

    /// Our own spec, if the dataset has it; its sizes must be those of observation and action.
    fn own_spec(&self) -> Result<Option<Spec>> {
        let Some(ours) = &self.ours else { return Ok(None) };
        let place = |key: &str| self.place(&format!("planner.spec{key}"));
        let spec = ours.get("spec").unwrap_or(&Value::Null);
        let spec: Spec =
            serde_json::from_value(spec.clone()).map_err(|e| Error::unexpected(place(""), "a spec", one_line(e)))?;
        let check = |key: &str, layout: &Layout, vector: &Vector| {
            let size = layout.terms.iter().try_fold(0, |n: usize, t| n.checked_add(t.size));
            let expected = format!("{} values, the feature's shape", vector.size());
            Error::ensure(size == Some(vector.size()), place(key), expected, naming::listed(layout))
        };
        check(".observation", &spec.observation, &self.observation)?;
        check(".action", &spec.action, &self.action)?;
        if spec.control_rate.to_bits() != self.fps.to_bits() {
            let expected = format!("{}, the fps", self.fps);
            return Err(Error::unexpected(place(".control_rate"), expected, spec.control_rate));
        }
        Ok(Some(spec))
    }

    /// Whether there are pictures in the data files.
    pub(crate) fn has_images(&self) -> bool {
        cameras::of_features(&self.features).iter().any(|c| !c.video)
    }

    /// The cameras whose pictures lie in the data files, and have the size of the first one's.
    pub(crate) fn images(&self) -> Result<Cameras> {
        let in_files = cameras::of_features(&self.features).into_iter().filter(|c| !c.video).collect();
        Cameras::of_first_size(in_files).0.map_err(|e| self.located(e))
    }

    /// The data file of an episode of version 2.
    pub(crate) fn data_file_of(&self, episode: u64) -> Result<PathBuf> {
        self.data_file((episode / self.chunk_files, episode))
    }

    /// The video of a camera, of a chunk and file index, relative to the dataset.
    pub(crate) fn video_file(&self, column: &str, (chunk, file): (u64, u64)) -> Result<PathBuf> {
        let place = self.place("video_path");
        let missing = || Error::unexpected(&place, "a template, as there are videos", "none");
        let template = self.video_path.as_ref().ok_or_else(missing)?;
        naming::file(template, chunk, file, Some(column), &place)
    }

    /// The data file of a chunk and file index, relative to the dataset.
    pub(crate) fn data_file(&self, (chunk, file): (u64, u64)) -> Result<PathBuf> {
        naming::file(&self.data_path, chunk, file, None, &self.place("data_path"))
    }

    /// An error if a total disagrees with what was counted.
    pub(crate) fn check_total(&self, key: &str, total: u64, counted: usize, what: &str) -> Result<()> {
        if total == counted as u64 {
            return Ok(());
        }
        Err(Error::unexpected(format!("{}: {key}", self.path.display()), format!("{counted}, the {what}"), total))
    }
}

/// Access to keys with errors that name them.
struct Keys<'a> {
    path: &'a Path,
    json: &'a Value,
}

impl<'a> Keys<'a> {
    fn place(&self, key: &str) -> String {
        format!("{}: {key}", self.path.display())
    }

    fn get<T>(&self, key: &str, expected: &str, take: impl Fn(&'a Value) -> Option<T>) -> Result<T> {
        let found = self.json.get(key);
        found.and_then(take).ok_or_else(|| Error::unexpected(self.place(key), expected, show(found)))
    }
}

fn show(value: Option<&Value>) -> String {
    match value {
        None => "no such key".to_string(),
        Some(value) => {
            let text = value.to_string();
            match text.char_indices().nth(60) {
                None => format!("`{text}`"),
                Some((end, _)) => format!("`{}…`", &text[..end]),
            }
        }
    }
}
