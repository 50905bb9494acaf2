//! Policies trained elsewhere, as checkpoints: one file a kind, told apart by the `type` in their `config.json`.
//!
//! | `type` | what it is |
//! |---|---|
//! | `diffusion` | a LeRobot `pretrained_model` folder |
//! | `diffusion_policy` | a state dict of the public Diffusion Policy code, converted |
//! | `imle_policy` | a state dict of the public IMLE Policy code, converted |
//!
//! What a reader of a kind makes of a folder is a `Foreign`; here it is fitted to the task it is to serve and its
//! weights are put where our networks have them. Every tensor must be used or known to be of no use. Nothing is ever
//! unpickled: [`CONVERTER`] is for the user to run.

mod diffusion_policy;
mod eyes;
mod imle_policy;
mod lerobot;
mod options;
mod scheduler;
mod tensors;
mod weights;

use crate::Result;
use crate::checkpoint::{CONFIG_FILE, Checkpoint, CheckpointConfig, FORMAT, MODEL_FILE, Provenance};
use crate::method::Sampling;
use crate::network::NetworkConfig;
use crate::normalizer::{Map, Normalizer, Normalizers};
use eyes::Eyes;
use imle_configs::spec::{Horizons, ImageLayout, Layout, Spec, Term};
use imle_configs::{Error as ConfigError, files};
use options::Options;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tensors::Tensors;
use weights::{Names, Step};

/// A Python script that turns a pickle (`.pt`, `.pth`, `.ckpt`) into a folder that can be imported.
pub const CONVERTER: &str = include_str!("convert.py");

/// The kinds by their `type`.
const TYPES: [&str; 3] = ["diffusion", "diffusion_policy", "imle_policy"];

/// What an imported policy is to serve.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The task's observation and action; none for a spec made from the policy, with a task named after its folder.
    pub spec: Option<Spec>,
    /// The terms of the spec's observation in the order in which the policy sees them; empty for all in their own
    /// order, or for `beside` where the policy sees pictures. Terms that are not named are not seen.
    pub observation: Vec<String>,
    /// The terms that are seen beside pictures; empty for all.
    pub beside: Vec<String>,
    /// The pictures that the task or dataset has.
    pub pictures: Option<ImageLayout>,
    /// The cameras of these in the order in which the policy sees them; empty for all in their own order.
    pub cameras: Vec<String>,
    /// Control rate of a spec made from the policy, in Hz.
    pub control_rate: f64,
}

/// A checkpoint made of a policy.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The policy's kind, for people.
    pub kind: &'static str,
    /// Tensors that the policy itself does not use either.
    pub unused: usize,
}

/// What a reader finds in a folder.
struct Foreign {
    kind: &'static str,
    method: &'static str,
    /// Named parts of an observation, in their order.
    observation: Vec<Term>,
    action: usize,
    /// How observation and action are normalised, value by value.
    maps: [Vec<Map>; 2],
    /// T_obs, all the actions that the network predicts, T_act.
    horizons: Horizons,
    /// Index of the current step's action among those predicted.
    lead: usize,
    network: NetworkConfig,
    sampling: Sampling,
    names: Names,
    /// There if it sees pictures.
    eyes: Option<Eyes>,
    /// The network's tensors; of others only those that should not be there.
    tensors: Tensors,
    unused: usize,
}

/// Brings in the policy in the folder `from`, or of the weights file `from` beside its configuration.
///
/// # Errors
/// [`crate::Error::Config`] naming file and key or tensor: a kind or an option that is not supported, a tensor that is
/// missing, extra, of another shape or not finite, sizes, terms or cameras that do not fit what is wanted, a pickle.
pub fn import(from: &Path, wanted: &Wanted) -> Result<Imported> {
    let folder = folder_of(from)?;
    let place = folder.join(CONFIG_FILE);
    let text = files::read_text(&place)?;
    let place = place.display().to_string();
    let json = |e: serde_json::Error| ConfigError::unexpected(&place, "the configuration of a policy", e);
    let config: Value = serde_json::from_str(&text).map_err(json)?;
    let config = Options::new(&place, &config)?;
    let kind = match config.get("type") {
        // LeRobot's configurations of 2024 have none.
        None if config.get("noise_scheduler_type").is_some() => "diffusion".to_string(),
        None if config.get("format").is_some() && config.get("method").is_some() => {
            let found = "a checkpoint of planner, which every verb takes as it is";
            return Err(ConfigError::unexpected(place, "a policy trained elsewhere", found).into());
        }
        _ => config.text("type")?,
    };
    let foreign = match kind.as_str() {
        "diffusion" => lerobot::read(&folder, &config)?,
        "diffusion_policy" => diffusion_policy::read(&folder, &config)?,
        "imle_policy" => imle_policy::read(&folder, &config)?,
        other => return Err(ConfigError::unknown("policy type", other, TYPES).in_file(&place).into()),
    };
    finish(foreign, &folder, wanted)
}

/// The folder with the policy's configuration.
fn folder_of(from: &Path) -> std::result::Result<PathBuf, ConfigError> {
    if from.is_file() {
        tensors::refuse_pickle(from)?;
        return Ok(from.parent().map(Path::to_path_buf).unwrap_or_default());
    }
    // LeRobot's checkpoints have the policy one folder further down.
    let inner = from.join("pretrained_model");
    let folder = if inner.join(CONFIG_FILE).exists() { inner } else { from.to_path_buf() };
    if !folder.join(MODEL_FILE).exists() {
        for entry in std::fs::read_dir(&folder).map_err(|e| ConfigError::io(&folder, "read", e))?.flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|e| e != "json") && path.is_file() {
                tensors::refuse_pickle(&path)?;
            }
        }
    }
    Ok(folder)
}

fn finish(mut foreign: Foreign, folder: &Path, wanted: &Wanted) -> Result<Imported> {
    let name = folder.file_name().map_or_else(|| folder.display().to_string(), |n| n.to_string_lossy().into_owned());
    let layout = Layout { terms: foreign.observation.clone() };
    let action = Layout { terms: vec![Term { name: "action".into(), size: foreign.action }] };
    let spec = wanted.spec.clone().unwrap_or_else(|| Spec {
        task: name.clone(),
        control_rate: wanted.control_rate,
        observation: layout.clone(),
        action,
        pictures: None,
    });
    let place = folder.display();
    if spec.action.size() != foreign.action {
        let expected =
            format!("{} values, the action of task {}: {}", spec.action.size(), spec.task, shown(&spec.action));
        return Err(ConfigError::unexpected(format!("{place}: action"), expected, foreign.action).into());
    }
    let eyes = foreign.eyes.as_ref();
    let (spec, seen) = served(spec, &layout, eyes, wanted).map_err(|e| e.in_file(&place))?;
    let Horizons { observation, prediction, action } = foreign.horizons;
    let Some(prediction) = prediction.checked_sub(foreign.lead).filter(|n| *n > 0) else {
        let expected = format!("more than the {} predicted before the current step", foreign.lead);
        return Err(ConfigError::unexpected(format!("{place}: predicted actions"), expected, prediction).into());
    };
    let size = spec.observation.size();
    let [of_observation, of_action] = foreign.maps;
    let config = CheckpointConfig {
        format: FORMAT,
        version: imle_configs::VERSION.into(),
        method: foreign.method.into(),
        horizons: Horizons { observation, prediction, action },
        network: foreign.network,
        lead: foreign.lead,
        normalizers: Normalizers {
            observation: spread(&of_observation, &seen, size),
            action: Normalizer::Affine { maps: of_action },
            residual: None,
        },
        spec,
        sampling: foreign.sampling,
        vision: eyes.map(|eyes| eyes.encoder.clone()),
        provenance: Provenance { data: format!("imported: {} {name}", foreign.kind), steps: 0, seed: 0 },
    };
    config.check(&place.to_string())?;
    let mut step = Step { order: seen, size };
    if let (Some(eyes), Some(pictures), Some(vision)) = (eyes, &config.spec.pictures, config.shape().vision) {
        eyes.take_buffers(&mut foreign.tensors, pictures)?;
        // Ours stand behind all values.
        let features = size..size + vision.cameras * vision.features;
        step.size = features.end;
        step.order.splice(eyes.after..eyes.after, features);
    }
    let weights = weights::weights(&config, &foreign.names, eyes, foreign.tensors, &step)?;
    let checkpoint = Checkpoint::new(config, weights)?;
    Ok(Imported { checkpoint, kind: foreign.kind, unused: foreign.unused })
}

/// The spec as the policy sees it, and of every value that it sees the index in the spec's observation. Beside pictures
/// the spec has only what is seen, as that of any checkpoint with pictures.
fn served(
    mut spec: Spec,
    policy: &Layout,
    eyes: Option<&Eyes>,
    wanted: &Wanted,
) -> std::result::Result<(Spec, Vec<usize>), ConfigError> {
    let Some(eyes) = eyes else {
        if let Some(camera) = wanted.cameras.first() {
            let found = format!("`{camera}`");
            return Err(ConfigError::unexpected("--cameras", "none, as the policy sees no pictures", found));
        }
        let seen = seen(&spec, policy, &wanted.observation)?;
        return Ok((spec, seen));
    };
    let beside =
        if wanted.spec.is_some() && wanted.observation.is_empty() { &wanted.beside } else { &wanted.observation };
    let indices = seen(&spec, policy, beside)?;
    if !beside.is_empty() {
        spec.observation = spec.observation.part(beside)?.0;
    }
    spec.pictures = Some(eyes.pictures(wanted)?);
    Ok((spec, (0..indices.len()).collect()))
}

fn shown(layout: &Layout) -> String {
    layout.terms.iter().map(|t| format!("{}[{}]", t.name, t.size)).collect::<Vec<_>>().join(" ")
}

/// Of every value that the policy sees its index in the spec's observation.
fn seen(spec: &Spec, policy: &Layout, order: &[String]) -> std::result::Result<Vec<usize>, ConfigError> {
    let mut at = 0;
    let mut places = Vec::new();
    for term in &spec.observation.terms {
        places.push((term, at..at + term.size));
        at += term.size;
    }
    let mut indices = Vec::new();
    for (i, name) in order.iter().enumerate() {
        let place = places.iter().find(|(term, _)| term.name == *name);
        let (_, range) = place.ok_or_else(|| {
            ConfigError::unknown("term of the observation", name, places.iter().map(|(term, _)| &term.name))
        })?;
        if order[..i].contains(name) {
            return Err(ConfigError::unexpected("--observation", "each term once", format!("`{name}` twice")));
        }
        indices.extend(range.clone());
    }
    if order.is_empty() {
        indices = (0..at).collect();
    }
    if indices.len() != policy.size() {
        let terms: Vec<Term> = places
            .iter()
            .filter(|(term, _)| order.is_empty() || order.contains(&term.name))
            .map(|(term, _)| (*term).clone())
            .collect();
        let expected = format!("{} values, those of task {}: {}", indices.len(), spec.task, shown(&Layout { terms }));
        let found = format!("{}: {}", policy.size(), shown(policy));
        return Err(ConfigError::unexpected("observation", expected, found));
    }
    Ok(indices)
}

/// A normaliser of the seen values as one of all `size`; those that are not seen stay as they are.
fn spread(maps: &[Map], seen: &[usize], size: usize) -> Normalizer {
    let mut all = vec![Map { center: 0.0, scale: 1.0, offset: 0.0 }; size];
    seen.iter().zip(maps).for_each(|(i, map)| all[*i] = *map);
    Normalizer::Affine { maps: all }
}

/// [low, high] to [-1, 1]; `epsilon` is added to the range. A constant value becomes -1, as in public code.
fn of_range(low: f32, high: f32, epsilon: f32) -> Map {
    let range = high - low;
    Map { center: low, scale: if range == 0.0 { 0.0 } else { (range + epsilon) / 2.0 }, offset: -1.0 }
}

#[cfg(test)]
mod tests;
