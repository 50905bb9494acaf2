//! Policies trained elsewhere, as checkpoints: one file a kind, distinguished by the `type` in their `config.json`.
//!
//! | `type` | what it is |
//! |---|---|
//! | `diffusion` | a LeRobot `pretrained_model` folder, or a run with such |
//! | `diffusion_policy` | a state dict of the public Diffusion Policy code, converted |
//! | `imle_policy` | a state dict of the public IMLE Policy code, converted |
//!
//! A reader of a kind makes a `SourcePolicy` of a folder; here it is fitted to the task it is to serve and its
//! weights are put where our networks have them. Every tensor must be used or known to be of no use. Nothing is ever
//! unpickled: [`CONVERTER`] is for the user to run.

mod diffusion_policy;
mod imle_policy;
mod lerobot;
mod options;
mod scheduler;
mod source_policy;
mod target;
mod tensors;
mod vision_input;
mod weights;

use crate::checkpoint::{CONFIG_FILE, Checkpoint, CheckpointConfig, FORMAT, MODEL_FILE, Provenance};
use crate::error::Result;
use crate::normalizer::{AffineMap, Normalizer, Normalizers};
use imle_configs::spec::{Horizons, Layout, Spec, Term};
use imle_configs::{Error as ConfigError, files};
use options::Options;
use serde_json::Value;
use source_policy::SourcePolicy;
use std::path::{Path, PathBuf};
use vision_input::VisionInput;
use weights::StepLayout;

pub use target::ImportTarget;

/// A Python script that turns a pickle (`.pt`, `.pth`, `.ckpt`) into a folder that can be imported.
pub const CONVERTER: &str = include_str!("convert.py");

/// The kinds by their `type`.
const TYPES: [&str; 3] = ["diffusion", "diffusion_policy", "imle_policy"];

/// The policy's folder in a checkpoint of LeRobot.
const INNER: &str = "pretrained_model";

/// A checkpoint made of a policy.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The policy's kind, for people.
    pub kind: &'static str,
    /// Tensors that the policy itself does not use either.
    pub unused: usize,
    /// The folder it was read from: of a run's checkpoints the newest.
    pub folder: PathBuf,
}

/// Brings in the policy in the folder `from`, the newest of the run `from`, or of the weights file `from` beside its
/// configuration.
///
/// # Errors
/// [`crate::Error::Config`] naming file and key or tensor: a kind or an option that is not supported, a tensor that is
/// missing, extra, of another shape or not finite, sizes, terms or cameras that do not fit what is wanted, a pickle.
pub fn import(from: &Path, wanted: &ImportTarget) -> Result<Imported> {
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
            let found = "a checkpoint of planner, which every command takes as it is";
            return Err(ConfigError::unexpected(place, "a policy trained elsewhere", found).into());
        }
        _ => config.text("type")?,
    };
    let source = match kind.as_str() {
        "diffusion" => lerobot::read(&folder, &config)?,
        "diffusion_policy" => diffusion_policy::read(&folder, &config)?,
        "imle_policy" => imle_policy::read(&folder, &config)?,
        other => return Err(ConfigError::unknown("policy type", other, TYPES).in_file(&place).into()),
    };
    finish(source, &folder, wanted)
}

/// The folder with the policy's configuration.
fn folder_of(from: &Path) -> std::result::Result<PathBuf, ConfigError> {
    if from.is_file() {
        tensors::refuse_pickle(from)?;
        return Ok(from.parent().map(Path::to_path_buf).unwrap_or_default());
    }
    // LeRobot's checkpoints have the policy one folder further down.
    let inner = from.join(INNER);
    let here = if inner.join(CONFIG_FILE).exists() { inner } else { from.to_path_buf() };
    let folder = if here.join(CONFIG_FILE).exists() { here } else { newest(from).unwrap_or(here) };
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

/// The newest policy of LeRobot's run, or of its folder of checkpoints: that of `last`, or of the highest step.
fn newest(run: &Path) -> Option<PathBuf> {
    let inner = run.join("checkpoints");
    let checkpoints = if inner.is_dir() { inner } else { run.to_path_buf() };
    let names =
        std::fs::read_dir(&checkpoints).ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut steps: Vec<(u64, String)> = names.filter_map(|name| Some((name.parse().ok()?, name))).collect();
    steps.sort_unstable();
    // A copy of a run may lack what the link `last` leads to, and a run that was stopped its newest weights.
    let newest_first = std::iter::once("last").chain(steps.iter().rev().map(|(_, name)| name.as_str()));
    let mut folders = newest_first.map(|name| checkpoints.join(name).join(INNER));
    folders.find(|folder| folder.join(CONFIG_FILE).exists() && folder.join(MODEL_FILE).exists())
}

/// Name of the policy in `folder`: that of its run, where LeRobot's own names lie between.
fn name_of(folder: &Path) -> String {
    let own = |name: &String| [INNER, "checkpoints", "last"].contains(&name.as_str()) || name.parse::<u64>().is_ok();
    let names = folder.ancestors().filter_map(|f| f.file_name()).map(|n| n.to_string_lossy().into_owned());
    let all: Vec<String> = names.collect();
    let first = all.iter().find(|name| !own(name)).or(all.first());
    first.cloned().unwrap_or_else(|| folder.display().to_string())
}

fn finish(mut source: SourcePolicy, folder: &Path, wanted: &ImportTarget) -> Result<Imported> {
    let name = name_of(folder);
    let layout = Layout { terms: source.observation.clone() };
    let action = Layout { terms: vec![Term { name: "action".into(), size: source.action }] };
    let spec = wanted.spec.clone().unwrap_or_else(|| Spec {
        task: name.clone(),
        control_rate: wanted.control_rate,
        observation: layout.clone(),
        action,
        pictures: None,
    });
    let place = folder.display();
    let (size, same) = (spec.action.size(), spec.action.size() == source.action);
    let expected = format!("{size} values, the action of task {}: {}", spec.task, shown(&spec.action));
    ConfigError::ensure(same, format_args!("{place}: action"), expected, source.action)?;
    let input = source.vision.as_ref();
    let (spec, seen) = served(spec, &layout, input, wanted).map_err(|e| e.in_file(&place))?;
    let Horizons { observation, prediction, action } = source.horizons;
    let Some(prediction) = prediction.checked_sub(source.lead).filter(|n| *n > 0) else {
        let expected = format!("more than the {} predicted before the current step", source.lead);
        return Err(ConfigError::unexpected(format!("{place}: predicted actions"), expected, prediction).into());
    };
    let size = spec.observation.size();
    let [of_observation, of_action] = source.maps;
    let config = CheckpointConfig {
        format: FORMAT,
        version: imle_configs::VERSION.into(),
        method: source.method.into(),
        horizons: Horizons { observation, prediction, action },
        network: source.network,
        lead: source.lead,
        normalizers: Normalizers {
            observation: spread(&of_observation, &seen, size),
            action: Normalizer::Affine { maps: of_action },
            residual: None,
        },
        spec,
        sampling: source.sampling,
        vision: input.map(|input| input.encoder.clone()),
        provenance: Provenance { data: format!("imported: {} {name}", source.kind), steps: 0, seed: 0 },
    };
    config.check(&place.to_string())?;
    let mut step = StepLayout { order: seen, size };
    if let (Some(input), Some(pictures), Some(vision)) = (input, &config.spec.pictures, config.shape().vision) {
        input.take_buffers(&mut source.tensors, pictures)?;
        // Ours stand behind all values.
        let features = size..size + vision.cameras * vision.features;
        step.size = features.end;
        step.order.splice(input.after..input.after, features);
    }
    let weights = weights::weights(&config, &source.names, input, source.tensors, &step)?;
    let checkpoint = Checkpoint::new(config, weights)?;
    Ok(Imported { checkpoint, kind: source.kind, unused: source.unused, folder: folder.to_path_buf() })
}

/// The spec as the policy sees it, and of every value that it sees the index in the spec's observation. Beside pictures
/// the spec has only what is seen, as that of any checkpoint with pictures.
fn served(
    mut spec: Spec,
    policy: &Layout,
    input: Option<&VisionInput>,
    wanted: &ImportTarget,
) -> std::result::Result<(Spec, Vec<usize>), ConfigError> {
    let Some(input) = input else {
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
    spec.pictures = Some(input.pictures(wanted)?);
    Ok((spec, (0..indices.len()).collect()))
}

fn shown(layout: &Layout) -> String {
    layout.terms.iter().map(|t| format!("{}[{}]", t.name, t.size)).collect::<Vec<_>>().join(" ")
}

/// Of every value that the policy sees its index in the spec's observation.
fn seen(spec: &Spec, policy: &Layout, order: &[String]) -> imle_configs::Result<Vec<usize>> {
    let (all, terms) = (order.is_empty(), &spec.observation.terms);
    for (i, name) in order.iter().enumerate() {
        if !terms.iter().any(|term| term.name == *name) {
            return Err(ConfigError::unknown("term of the observation", name, terms.iter().map(|term| &term.name)));
        }
        let found = format_args!("`{name}` twice");
        ConfigError::ensure(!order[..i].contains(name), "--observation", "each term once", found)?;
    }
    let indices = if all { (0..spec.observation.size()).collect() } else { spec.observation.part(order)?.1 };
    let there = terms.iter().filter(|term| all || order.contains(&term.name)).cloned().collect();
    let there = shown(&Layout { terms: there });
    let expected = format!("{} values, those of task {}: {there}", indices.len(), spec.task);
    let found = format!("{}: {}", policy.size(), shown(policy));
    ConfigError::ensure(indices.len() == policy.size(), "observation", expected, found)?;
    Ok(indices)
}

/// A normaliser of the seen values as one of all `size`; those that are not seen stay as they are.
fn spread(maps: &[AffineMap], seen: &[usize], size: usize) -> Normalizer {
    let mut all = vec![AffineMap { center: 0.0, scale: 1.0, offset: 0.0 }; size];
    seen.iter().zip(maps).for_each(|(i, map)| all[*i] = *map);
    Normalizer::Affine { maps: all }
}

#[cfg(test)]
mod tests;
