//! robomimic's HDF5 files: `data/demo_N` with `actions` and `obs/KEY`, and what made them in the attribute `env_args`.

use super::arrays::{self, Array};
use super::options::ImportOptions;
use super::source::{EpisodeReader, Source};
use crate::table::one_line;
use hdf5_reader::error::Error as ReadError;
use hdf5_reader::group::Group;
use hdf5_reader::messages::datatype::Datatype;
use hdf5_reader::{Dataset, Hdf5File};
use imle_configs::episode::Episode;
use imle_configs::spec::{ImageLayout, Layout, Spec, Term};
use imle_configs::{Error, Result};
use serde_json::Value;
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// An open file.
pub(super) struct File {
    path: PathBuf,
    file: Hdf5File,
    /// Values of an action.
    action: usize,
    demos: Vec<String>,
    observation: Vec<Array>,
}

impl File {
    /// Opens the file; `keys` are those of the observation, all vectors if empty.
    pub(super) fn open(path: &Path, options: &ImportOptions) -> Result<Source> {
        let keys = &options.observation;
        let file = Hdf5File::open(path).map_err(|e| failed(path, "", e))?;
        let data = file.group("data").map_err(|e| failed(path, "data", e))?;
        let (groups, _) = data.member_names().map_err(|e| failed(path, "data", e))?;
        let mut demos: Vec<String> = groups.into_iter().filter(|g| g.starts_with("demo")).collect();
        // demo_2 comes before demo_10.
        demos.sort_by_key(|d| (d.trim_start_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().ok(), d.clone()));
        let Some(first) = demos.first() else {
            return Err(Error::unexpected(place(path, "data"), "groups demo_0, demo_1…", "none"));
        };
        let demo = data.group(first).map_err(|e| failed(path, first, e))?;
        let all = observation_arrays(path, first, &demo)?;
        let observation =
            arrays::observation(&all, keys).map_err(|e| e.in_file(place(path, &format!("data/{first}/obs"))))?;
        let actions = demo.dataset("actions").map_err(|e| failed(path, &format!("data/{first}/actions"), e))?;
        let [_, size] = actions.shape() else {
            let (place, found) = (place(path, &format!("data/{first}/actions")), format!("{:?}", actions.shape()));
            return Err(Error::unexpected(place, "shape (frames, values)", found));
        };
        let (task, control_rate) = environment(&data);
        let spec = Spec {
            task: task.unwrap_or_else(|| "robomimic".into()),
            control_rate,
            observation: arrays::layout(&observation),
            action: Layout { terms: vec![Term { name: "action".into(), size: *size as usize }] },
            pictures: None,
        };
        let (len, observation) = (demos.len(), observation.into_iter().cloned().collect());
        let reader = Box::new(Self { path: path.to_path_buf(), file, action: spec.action.size(), demos, observation });
        Ok(Source { spec, len, pictures: arrays::pictures(&all), notes: Vec::new(), reader })
    }

    fn demo(&self, number: usize) -> Result<(String, Group)> {
        let name = format!("data/{}", self.demos[number]);
        let group = self.file.group(&name).map_err(|e| failed(&self.path, &name, e))?;
        Ok((name, group))
    }
}

/// Name of the environment and its rate in Hz; 0 where the file does not say.
fn environment(data: &Group) -> (Option<String>, f64) {
    let text = data.attribute("env_args").and_then(|a| a.read_string());
    let args: Value = text.ok().and_then(|t| serde_json::from_str(&t).ok()).unwrap_or(Value::Null);
    let rate = args["env_kwargs"]["control_freq"].as_f64().filter(|r| *r > 0.0 && r.is_finite());
    (args["env_name"].as_str().map(String::from), rate.unwrap_or(0.0))
}

fn place(path: &Path, inside: &str) -> String {
    if inside.is_empty() { path.display().to_string() } else { format!("{}: {inside}", path.display()) }
}

fn failed(path: &Path, inside: &str, error: impl Display) -> Error {
    Error::unexpected(place(path, inside), "a readable HDF5 file as robomimic writes it", one_line(error))
}

fn observation_arrays(path: &Path, name: &str, demo: &Group) -> Result<Vec<Array>> {
    let inside = format!("data/{name}/obs");
    let obs = demo.group("obs").map_err(|e| failed(path, &inside, e))?;
    let datasets = obs.datasets().map_err(|e| failed(path, &inside, e))?;
    let mut all: Vec<Array> = datasets
        .iter()
        .map(|d| Array {
            name: d.name().rsplit('/').next().unwrap_or_default().to_string(),
            shape: d.shape().iter().skip(1).map(|n| *n as usize).collect(),
            bytes: is_bytes(d),
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

fn is_bytes(dataset: &Dataset) -> bool {
    matches!(dataset.dtype(), Datatype::FixedPoint { size: 1, .. })
}

/// All values of a dataset, row-major.
fn values(path: &Path, inside: &str, dataset: &Dataset) -> Result<Vec<f32>> {
    let message = |e: ReadError| failed(path, inside, e);
    let other = || Error::unexpected(place(path, inside), "numbers", format!("{:?}", dataset.dtype()));
    Ok(match dataset.dtype() {
        Datatype::FloatingPoint { size: 4, .. } => dataset.read_array::<f32>().map_err(message)?.into_iter().collect(),
        Datatype::FloatingPoint { size: 8, .. } => {
            dataset.read_array::<f64>().map_err(message)?.into_iter().map(|v| v as f32).collect()
        }
        Datatype::FixedPoint { size: 8, signed: true, .. } => {
            dataset.read_array::<i64>().map_err(message)?.into_iter().map(|v| v as f32).collect()
        }
        Datatype::FixedPoint { size: 4, signed: true, .. } => {
            dataset.read_array::<i32>().map_err(message)?.into_iter().map(|v| v as f32).collect()
        }
        _ => return Err(other()),
    })
}

impl EpisodeReader for File {
    fn episode(&mut self, number: usize) -> Result<Episode> {
        let (name, demo) = self.demo(number)?;
        let message = |inside: &str, e: ReadError| failed(&self.path, &format!("{name}/{inside}"), e);
        let actions = demo.dataset("actions").map_err(|e| message("actions", e))?;
        let len = actions.shape().first().map_or(0, |n| *n as usize);
        let size = self.action;
        let at = place(&self.path, &format!("{name}/actions"));
        let expected = format!("shape (frames, {size}) as in {}", self.demos[0]);
        let found = format!("{:?}", actions.shape());
        Error::ensure(actions.shape() == [len as u64, size as u64] && len != 0, at, expected, found)?;
        let mut parts = Vec::new();
        for array in &self.observation {
            let inside = format!("obs/{}", array.name);
            let dataset = demo.dataset(&inside).or_else(|_| demo.group("obs").and_then(|g| g.dataset(&array.name)));
            let dataset = dataset.map_err(|e| message(&inside, e))?;
            parts.push((array, values(&self.path, &format!("{name}/{inside}"), &dataset)?));
        }
        // A sparse reward is 1 once the task is solved.
        let rewards = demo.dataset("rewards").ok();
        let rewards = rewards.map(|d| values(&self.path, &format!("{name}/rewards"), &d)).transpose()?;
        Ok(Episode {
            observations: arrays::joined(&place(&self.path, &name), &parts, len)?,
            actions: values(&self.path, &format!("{name}/actions"), &actions)?,
            success: rewards.is_some_and(|r| r.last().is_some_and(|r| *r > 0.0)),
            index: number as u64,
            len,
            ..Episode::default()
        })
    }

    fn images(&mut self, number: usize, layout: &ImageLayout) -> Result<Vec<u8>> {
        let (name, demo) = self.demo(number)?;
        let mut cameras = Vec::new();
        for camera in &layout.cameras {
            let inside = format!("{name}/obs/{camera}");
            let dataset =
                demo.group("obs").and_then(|g| g.dataset(camera)).map_err(|e| failed(&self.path, &inside, e))?;
            cameras.push(dataset.read_raw_bytes().map_err(|e| failed(&self.path, &inside, e))?);
        }
        arrays::interleaved(&cameras, layout).map_err(|e| e.in_file(place(&self.path, &name)))
    }
}
