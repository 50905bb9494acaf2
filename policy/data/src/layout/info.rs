//! `meta/info.json`: version, rate, totals, features, and our own spec under the key `planner`.

use crate::images::storage;
use crate::layout::features::{self, FEATURES, Feature};
use crate::layout::naming::{self, DATA_PATH};
use crate::table::one_line;
use imle_configs::files;
use imle_configs::spec::{ImageLayout, Layout, Spec};
use imle_configs::{Error, Result};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// The layout's version that is read and written.
pub const CODEBASE_VERSION: &str = "v3.0";
/// Files a chunk folder holds; LeRobot's default.
pub(crate) const CHUNK_FILES: u64 = 1000;
/// Size past which a data file is followed by the next; LeRobot's default.
pub(crate) const DATA_FILE_MB: u64 = 100;
const VIDEO_FILE_MB: u64 = 200;
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

/// A vector feature: its size and, where the dataset names them, its values' names.
#[derive(Clone, Debug)]
pub(crate) struct Vector {
    pub(crate) size: usize,
    pub(crate) names: Option<Vec<String>>,
}

/// The needed part of `info.json`.
#[derive(Clone, Debug)]
pub(crate) struct Info {
    path: PathBuf,
    pub(crate) fps: f64,
    pub(crate) total_episodes: u64,
    pub(crate) total_frames: u64,
    data_path: String,
    pub(crate) observation: Vector,
    pub(crate) action: Vector,
    spec: Option<Spec>,
    features: Map<String, Value>,
}

/// The version of the LeRobot layout that the dataset at `path` says it has.
///
/// # Errors
/// [`Error::Io`]; [`Error::Unexpected`] if `meta/info.json` is no JSON or does not say.
pub fn version(path: &Path) -> Result<String> {
    Ok(Info::version(path)?.0)
}

impl Info {
    /// Reads and checks the file of the version that this crate writes.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        Self::read_version(root, CODEBASE_VERSION)
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

    /// Reads and checks the file, which must be of `supported`.
    pub(crate) fn read_version(root: &Path, supported: &str) -> Result<Self> {
        let (version, json) = Self::version(root)?;
        let path = root.join(FILE);
        let keys = Keys { path: &path, json: &json };
        if version != supported {
            let expected = match version.as_str() {
                "v2.0" | "v2.1" => format!("`{supported}`, which `planner data convert` makes of it"),
                _ => format!("`{supported}`, or `v2.0` or `v2.1` for `planner data convert`"),
            };
            return Err(Error::unexpected(keys.place("codebase_version"), expected, format!("`{version}`")));
        }
        let fps = keys.get("fps", "a number", Value::as_f64)?;
        Error::ensure(fps.is_finite() && fps > 0.0, keys.place("fps"), "a positive number", fps)?;
        let (observation, action) = (keys.vector(features::OBSERVATION)?, keys.vector(features::ACTION)?);
        let spec = keys.spec(fps, &observation, &action)?;
        Ok(Self {
            fps,
            total_episodes: keys.get("total_episodes", "a whole number", Value::as_u64)?,
            total_frames: keys.get("total_frames", "a whole number", Value::as_u64)?,
            data_path: keys.get("data_path", "a string", Value::as_str)?.to_string(),
            observation,
            action,
            spec,
            features: keys.get("features", "an object", Value::as_object)?.clone(),
            path: path.clone(),
        })
    }

    /// The dataset's own spec, or one made from the features' names and `task`.
    pub(crate) fn spec(&self, task: impl FnOnce() -> Result<String>) -> Result<Spec> {
        if let Some(spec) = &self.spec {
            return Ok(spec.clone());
        }
        let layout = |v: &Vector, fallback: &str| naming::layout(v.names.as_deref(), v.size, fallback);
        Ok(Spec {
            task: task()?,
            control_rate: self.fps,
            observation: layout(&self.observation, "state"),
            action: layout(&self.action, "action"),
            pictures: None,
        })
    }

    /// The template of the data files' names.
    pub(crate) fn data_path(&self) -> &str {
        &self.data_path
    }

    /// Whether there are pictures in the data files.
    pub(crate) fn has_images(&self) -> bool {
        storage::in_features(&self.features)
    }

    /// The cameras whose pictures lie in the data files.
    pub(crate) fn images(&self) -> Result<ImageLayout> {
        storage::of_features(&self.features).map_err(|e| e.in_file(self.path.display()))
    }

    /// The data file of a chunk and file index, relative to the dataset.
    pub(crate) fn data_file(&self, (chunk, file): (u64, u64)) -> Result<PathBuf> {
        naming::data_file(&self.data_path, chunk, file, &format!("{}: data_path", self.path.display()))
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

    fn vector(&self, name: &str) -> Result<Vector> {
        let features = self.get("features", "an object", Value::as_object)?;
        let place = |key: &str| self.place(&format!("features.{name}{key}"));
        let feature = features.get(name).ok_or_else(|| {
            let known = features.keys().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
            Error::unexpected(place(""), "a feature of this name", format!("none; the features are {known}"))
        })?;
        let dtype = feature.get("dtype");
        if !matches!(dtype.and_then(Value::as_str), Some("float32" | "float64")) {
            return Err(Error::unexpected(place(".dtype"), "`float32` or `float64`", show(dtype)));
        }
        let shape = feature.get("shape");
        let size = match shape.and_then(Value::as_array).map(Vec::as_slice) {
            Some([size]) => size.as_u64().and_then(|s| u32::try_from(s).ok()).filter(|s| *s > 0),
            _ => None,
        };
        let size = size.ok_or_else(|| Error::unexpected(place(".shape"), "one size, like [7]", show(shape)))?;
        Ok(Vector { size: size as usize, names: feature.get("names").and_then(names) })
    }

    fn spec(&self, fps: f64, observation: &Vector, action: &Vector) -> Result<Option<Spec>> {
        let Some(ours) = self.json.get("planner") else { return Ok(None) };
        let place = |key: &str| self.place(&format!("planner.spec{key}"));
        let spec = ours.get("spec").unwrap_or(&Value::Null);
        let spec: Spec =
            serde_json::from_value(spec.clone()).map_err(|e| Error::unexpected(place(""), "a spec", one_line(e)))?;
        let check = |key: &str, layout: &Layout, vector: &Vector| {
            let size = layout.terms.iter().try_fold(0, |n: usize, t| n.checked_add(t.size));
            let expected = format!("{} values, the feature's shape", vector.size);
            Error::ensure(size == Some(vector.size), place(key), expected, naming::listed(layout))
        };
        check(".observation", &spec.observation, observation)?;
        check(".action", &spec.action, action)?;
        if spec.control_rate.to_bits() != fps.to_bits() {
            return Err(Error::unexpected(place(".control_rate"), format!("{fps}, the fps"), spec.control_rate));
        }
        Ok(Some(spec))
    }
}

/// Names of values in the forms LeRobot's datasets have them: a list; lists by kind (`{"motors": […]}`);
/// or positions by name.
fn names(value: &Value) -> Option<Vec<String>> {
    let strings = |v: &Value| v.as_array()?.iter().map(|s| s.as_str().map(String::from)).collect::<Option<Vec<_>>>();
    let Some(map) = value.as_object() else { return strings(value) };
    if let Some(lists) = map.values().map(strings).collect::<Option<Vec<_>>>() {
        return Some(lists.concat());
    }
    let mut places = map.iter().map(|(k, v)| Some((v.as_u64()?, k.clone()))).collect::<Option<Vec<_>>>()?;
    places.sort();
    Some(places.into_iter().map(|(_, name)| name).collect())
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
