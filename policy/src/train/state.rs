//! The state of a training on disk: what a resume needs to go on as if it had never stopped.
//!
//! `training_state/state.json` holds counters, settings and the checkpoint's configuration, and names the
//! safetensors file beside it with weights, their average and both moments. The tensors are written first under a
//! new name, then `state.json` is renamed over the old one: at every moment it names a whole file of its own step. The
//! checkpoint follows; a training that is resumed writes it again. Both files carry checksums.

use super::trainer::{TrainCounters, Trainer};
use super::{settings::TrainSettings, thresholds::Thresholds, window::Window};
use crate::checkpoint::{Checkpoint, CheckpointConfig, weights_file};
use crate::error::{Error, Result};
use imle_configs::{Error as ConfigError, files, renames};
use serde::{Deserialize, Serialize};
use std::path::Path;
use tch::Device;

/// Name of the folder beside a checkpoint.
pub const STATE_FOLDER: &str = "training_state";
const STATE_FILE: &str = "state.json";
const FORMAT: u32 = 1;
const PARTS: [&str; 4] = ["weights.", "average.", "first_moment.", "second_moment."];

#[derive(Serialize, Deserialize)]
struct State {
    format: u32,
    /// File with the tensors, in the same folder.
    tensors: String,
    counters: TrainCounters,
    settings: TrainSettings,
    config: CheckpointConfig,
    best: Option<BestEvaluation>,
    #[serde(default)]
    evaluation_due: bool,
    /// Lines of the log; version 0.1.0 kept none.
    #[serde(default)]
    log_lines: Option<u64>,
    #[serde(default)]
    window: Window,
    /// Whether the checkpoint stands behind an estimator, which lies beside it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    estimated: bool,
    /// Rejection distances of the states, if each has its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    thresholds: Vec<f32>,
}

/// The part of a training that its trainer does not hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Course {
    /// The best evaluation so far.
    pub(super) best: Option<BestEvaluation>,
    /// Whether the evaluation of the present step was stopped in its course.
    pub(super) evaluation_due: bool,
    /// Lines of the log so far.
    pub(super) log_lines: Option<u64>,
    /// The steps since the last of them.
    pub(super) window: Window,
}

/// The best evaluation so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BestEvaluation {
    /// Step of the evaluation.
    pub step: u64,
    /// Success rate, 0 to 1.
    pub success_rate: f64,
}

impl Trainer {
    /// The training saved in `folder`, as if it had never stopped; `settings` are [`saved_settings`], in which
    /// only the steps, how often to log, evaluate and save, and the number of threads may be changed. With more steps it
    /// goes on by the schedule of a training of so many.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming what is missing or differs.
    pub fn resume(settings: &TrainSettings, folder: &Path, device: Device) -> Result<Self> {
        Ok(load(folder, settings, device)?.0)
    }

    /// Writes the checkpoint into `folder` and all that [`resume`](Self::resume) needs beside it. Whenever it is
    /// interrupted, what lies there can be resumed from.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if it cannot be written; [`crate::Error::Argument`] if the weights are not finite.
    pub fn save(&self, folder: &Path) -> Result<()> {
        save(self, folder, Course::default())
    }
}

/// Writes the checkpoint into `folder` and the state beside it.
pub(super) fn save(trainer: &Trainer, folder: &Path, course: Course) -> Result<()> {
    let checkpoint = trainer.checkpoint()?;
    let place = folder.join(STATE_FOLDER);
    let state = State {
        format: FORMAT,
        tensors: tensors(trainer),
        counters: trainer.counters,
        settings: trainer.settings.clone(),
        config: trainer.config.clone(),
        best: course.best,
        evaluation_due: course.evaluation_due,
        log_lines: course.log_lines,
        window: course.window,
        estimated: trainer.estimator.is_some(),
        thresholds: trainer.thresholds.0.clone(),
    };
    let write = |place: &Path| {
        let parts = [&trainer.weights, &trainer.average, &trainer.moments.first, &trainer.moments.second];
        weights_file::write_tensors(&place.join(&state.tensors), &trainer.table, PARTS, parts)?;
        Ok::<_, Error>(files::write_checked(&place.join(STATE_FILE), &state)?)
    };
    if can_resume(folder) {
        write(&place)?;
    } else {
        if trainer.estimator.is_some() {
            checkpoint.save(folder)?;
        }
        files::write_folder(&place, write)?;
    }
    settle(trainer, &checkpoint, folder)
}

/// Name of the file with the tensors.
fn tensors(trainer: &Trainer) -> String {
    format!("state-{:010}.safetensors", trainer.counters.step)
}

/// The rest of a save, done again on resume: tensors of earlier steps go, and the checkpoint is written.
pub(super) fn settle(trainer: &Trainer, checkpoint: &Checkpoint, folder: &Path) -> Result<()> {
    let keep = tensors(trainer);
    for entry in std::fs::read_dir(folder.join(STATE_FOLDER)).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("state-") && name.ends_with(".safetensors") && name != *keep {
            files::remove(&entry.path())?;
        }
    }
    checkpoint.save(folder)
}

/// Whether a training was begun in `folder`, so that it can be resumed.
pub fn can_resume(folder: &Path) -> bool {
    folder.join(STATE_FOLDER).join(STATE_FILE).exists()
}

/// The settings with which the training in `folder` was begun: what a resume starts from.
///
/// # Errors
/// [`crate::Error::Config`] if there is no training state, naming the file.
pub fn saved_settings(folder: &Path) -> Result<TrainSettings> {
    Ok(read(folder)?.0.settings)
}

/// The training data of the training in `folder`, as its provenance has them.
///
/// # Errors
/// As [`saved_settings`].
pub fn saved_data(folder: &Path) -> Result<String> {
    Ok(read(folder)?.0.config.provenance.data)
}

/// The state in `folder` and the name of its file.
fn read(folder: &Path) -> Result<(State, String)> {
    let path = folder.join(STATE_FOLDER).join(STATE_FILE);
    let place = path.display().to_string();
    let json = |e: serde_json::Error| ConfigError::unexpected(&place, "the state of a training", e);
    let expected = "a training to go on with";
    ConfigError::ensure(
        can_resume(folder),
        folder.display(),
        expected,
        format_args!("no {STATE_FOLDER}/{STATE_FILE}"),
    )?;
    let mut value = files::read_checked(&path, "the state of a training")?;
    let format = value.get("format").and_then(serde_json::Value::as_u64);
    if format != Some(u64::from(FORMAT)) {
        let found = format.map_or("none".into(), |n| n.to_string());
        return Err(ConfigError::unexpected(format!("{place}: format"), FORMAT, found).into());
    }
    if let Some(settings) = value.get_mut("settings") {
        renames::update_json(settings, &TrainSettings::default(), &place)?;
    }
    Ok((serde_json::from_value(value).map_err(json)?, place))
}

/// Reads the state beside the checkpoint in `folder`. `settings` must be those it was begun with, as
/// [`Trainer::resume`] says.
pub(super) fn load(folder: &Path, settings: &TrainSettings, device: Device) -> Result<(Trainer, Course)> {
    let (state, place) = read(folder)?;
    if let Some((key, found, begun)) = settings.first_difference(&state.settings) {
        let expected = format!("{begun}, with which the training in {} was begun", folder.display());
        return Err(ConfigError::unexpected(format!("settings: {key}"), expected, found).into());
    }
    let done = state.counters.step;
    let expected = format!("at least the {done} that {} has done", folder.display());
    ConfigError::ensure(settings.steps >= done, "settings: steps", expected, settings.steps)?;
    state.config.check(&place)?;
    let table = state.config.network.parameters(&state.config.shape())?;
    let path = folder.join(STATE_FOLDER).join(&state.tensors);
    let [weights, average, first, second] = weights_file::read(&path, &table, PARTS)?;
    let (weights, moments) = ([&weights[..], &average], Some([&first[..], &second]));
    let mut trainer = Trainer::assemble(settings, state.config, weights, moments, state.counters, device)?;
    trainer.thresholds = Thresholds(state.thresholds);
    if state.estimated {
        // The first save writes it before the state.
        trainer.estimator = Checkpoint::load(folder)?.estimator().cloned();
    }
    let State { best, evaluation_due, log_lines, window, .. } = state;
    Ok((trainer, Course { best, evaluation_due, log_lines, window }))
}
