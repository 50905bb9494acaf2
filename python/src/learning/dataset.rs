//! Datasets: written from arrays, read into arrays, converted from other formats.

use crate::boundary::arrays::{array, numbers, shape};
use crate::boundary::failure::{raise, unexpected};
use crate::boundary::process::check;
use crate::task::PythonTask;
use imle_configs::episode::Episode;
use imle_configs::files;
use imle_configs::settings::overlaid;
use imle_configs::spec::{Layout, Spec, Term};
use imle_data::import::{ImportOptions, convert};
use numpy::PyArrayDyn;
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::PathBuf;

/// Writes episodes as a dataset: `observations` and `actions` are lists of (len, O) and (len, A).
#[pyfunction]
#[pyo3(signature = (folder, name, rate, observation, action, observations, actions, successes))]
#[allow(clippy::too_many_arguments, reason = "keywords in Python")]
pub fn write_dataset(
    folder: PathBuf,
    name: String,
    rate: f64,
    observation: Vec<(String, usize)>,
    action: Vec<(String, usize)>,
    observations: Vec<Bound<'_, PyAny>>,
    actions: Vec<Bound<'_, PyAny>>,
    successes: Vec<bool>,
) -> PyResult<()> {
    let layout = |terms: Vec<(String, usize)>| Layout {
        terms: terms.into_iter().map(|(name, size)| Term { name, size }).collect(),
    };
    let spec = Spec {
        task: name,
        control_rate: rate,
        observation: layout(observation),
        action: layout(action),
        pictures: None,
    };
    let (o, a) = (spec.observation.size(), spec.action.size());
    let mut episodes = Vec::with_capacity(observations.len());
    for (index, ((seen, done), success)) in observations.iter().zip(&actions).zip(successes).enumerate() {
        let (seen, done) =
            (numbers::<f32>(seen, "observations", "float32")?, numbers::<f32>(done, "actions", "float32")?);
        let len = seen.shape().first().copied().unwrap_or(0);
        for (what, found, size) in [("observations", seen.shape(), o), ("actions", done.shape(), a)] {
            if found != [len, size] {
                return Err(unexpected(format!("episode {index}: {what}"), shape(&[len, size]), shape(found)));
            }
        }
        let (observations, actions) = (seen.values()?.to_vec(), done.values()?.to_vec());
        let index = index as u64;
        episodes.push(Episode { observations, actions, success, index, len, ..Episode::default() });
    }
    imle_data::write(&folder, &spec, &episodes).map_err(raise)
}

/// Observation (L, O), action (L, A), and whether the episode was solved.
type Read<'py> = (Bound<'py, PyArrayDyn<f32>>, Bound<'py, PyArrayDyn<f32>>, bool);

/// The episodes of a dataset, and its spec as JSON.
#[pyfunction]
pub fn read_dataset(py: Python<'_>, folder: PathBuf) -> PyResult<(String, Vec<Read<'_>>)> {
    let dataset = py.detach(|| imle_data::read(&folder)).map_err(raise)?;
    let (o, a) = (dataset.spec.observation.size(), dataset.spec.action.size());
    let episodes = dataset.episodes.into_iter().map(|e| {
        let (seen, done) = (array(py, e.observations, &[e.len, o])?, array(py, e.actions, &[e.len, a])?);
        Ok((seen, done, e.success))
    });
    Ok((json!(dataset.spec).to_string(), episodes.collect::<PyResult<_>>()?))
}

/// Episode `number` of a dataset: spec and provenance as JSON, observations (L, O), actions (L, A), and pictures (L,
/// cameras, H, W, 3) if there are any.
#[pyfunction]
#[allow(clippy::type_complexity, reason = "a tuple for Python")]
pub fn dataset_episode<'py>(
    py: Python<'py>,
    folder: PathBuf,
    number: usize,
) -> PyResult<(String, Bound<'py, PyArrayDyn<f32>>, Bound<'py, PyArrayDyn<f32>>, Option<Bound<'py, PyArrayDyn<u8>>>)> {
    let mut stream = imle_data::Stream::open(&folder).map_err(raise)?;
    let (spec, count) = (stream.spec().clone(), stream.len());
    let found = stream.nth(number).ok_or_else(|| unexpected("episode", format!("one below {count}"), number))?;
    let e = found.map_err(raise)?;
    let layout = imle_data::image_layout(&folder).map_err(raise)?;
    let pictures = layout.as_ref().map(|layout| -> PyResult<_> {
        let images = py.detach(|| imle_data::read_images(&folder, number)).map_err(raise)?;
        array(py, images.rgb, &[e.len, layout.cameras.len(), layout.height, layout.width, 3])
    });
    let told = json!({
        "spec": spec, "episodes": count, "success": e.success, "seed": e.seed, "index": e.index, "mode": e.mode,
        "mismatch": e.mismatch, "cameras": layout.map(|l| l.cameras),
    });
    let (o, a) = (spec.observation.size(), spec.action.size());
    let (seen, done) = (array(py, e.observations, &[e.len, o])?, array(py, e.actions, &[e.len, a])?);
    Ok((told.to_string(), seen, done, pictures.transpose()?))
}

/// Settings of an import that Python gives.
#[derive(Default, Serialize, Deserialize)]
struct Choices {
    name: Option<String>,
    control_rate: Option<f64>,
    resample: bool,
    observation: Vec<String>,
    action: Vec<String>,
    images: bool,
    episodes: Option<usize>,
    skip_broken: bool,
}

/// Converts a dataset of another format; returns what was found, as JSON.
#[pyfunction]
#[pyo3(signature = (source, out, task, choices))]
pub fn convert_dataset(
    py: Python<'_>,
    source: PathBuf,
    out: PathBuf,
    task: Option<&PythonTask>,
    choices: &str,
) -> PyResult<String> {
    check()?;
    let choices: Choices = overlaid(&Choices::default(), choices, "convert_dataset").map_err(raise)?;
    if let Some(rate) = choices.control_rate.filter(|r| !(*r > 0.0 && r.is_finite())) {
        return Err(unexpected("control_rate", "a positive number of Hz", rate));
    }
    files::ensure_absent(&out).map_err(raise)?;
    let options = ImportOptions {
        spec: task.map(|t| t.task.spec().clone()),
        task: choices.name,
        rate: choices.control_rate,
        resample: choices.resample,
        observation: choices.observation,
        action: choices.action,
        images: choices.images,
        episodes: choices.episodes,
        skip_broken: choices.skip_broken,
    };
    let found = py.detach(|| convert(&source, &out, &options)).map_err(raise)?;
    let told = json!({
        "format": found.format.to_string(), "spec": found.spec, "episodes": found.episodes, "steps": found.frames,
        "cameras": found.cameras, "resampled_from": found.resampled_from, "notes": found.notes,
    });
    Ok(told.to_string())
}
