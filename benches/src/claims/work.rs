//! The work folder: demonstrations, trainings and what was found of them, each made once and used by all parts.
//!
//! ```text
//! demos/TASK-N/                                  a dataset
//! trainings/TASK-METHOD-DEMOS-sSEED-KEY/         a checkpoint; KEY is the fingerprint of settings and data
//! trainings/…/found/KEY.json                     an evaluation of it
//! tuning/KEY.json                                what was tried for the baselines' best settings
//! speeds/KEY.json, latencies/KEY.json            how fast this machine learns and acts
//! ```
//!
//! A training that was stopped or killed goes on where it was. Shards may share the folder: a training is locked.

use super::args::ClaimsArgs;
use super::contender;
use super::subject::{NEIGHBOURS, Subject, Subjects};
use crate::fidelity::judged;
use imle_cli::args::common::OptimizationArgs;
use imle_cli::args::controller::ControllerArgs;
use imle_cli::controller::held_out;
use imle_cli::failure::{Failure, Result};
use imle_cli::output::{Output, object};
use imle_cli::sweep::{crc, remembered};
use imle_cli::training::job::TrainingJob;
use imle_cli::training::settings::given;
use imle_cli::training::view::View;
use imle_cli::{interrupt, load};
use imle_configs::episode::fingerprint;
use imle_configs::{Error as InputError, files, settings};
use imle_policy::checkpoint::Checkpoint;
use imle_policy::metrics::METRICS_FILE;
use imle_policy::policy::Policy;
use imle_policy::train::{STATE_FOLDER, TrainSettings, can_resume};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Samples a held-out window, of which recall and precision are taken.
pub const SAMPLES: usize = 32;
/// Figures of a report that are kept.
const KEPT: [&str; 10] = [
    "success_rate",
    "success_ci95",
    "episodes",
    "mean_cost",
    "mode_switches",
    "modes",
    "mode_entropy",
    "boundary_jerk",
    "inner_jerk",
    "time_to_success_s",
];

/// A training, as its folder is keyed by it.
#[derive(Clone, Debug)]
pub struct TrainingRecipe {
    /// Source of the demonstrations: a task's name, or what [`super::subject::poorly`] makes of it.
    pub task: String,
    pub method: String,
    pub demonstrations: u32,
    pub seed: u64,
    pub steps: u64,
    /// Settings other than those all trainings share, as words of `--set`.
    pub words: Vec<String>,
}

/// A training that is done.
pub struct Trained {
    pub folder: PathBuf,
    pub checkpoint: Checkpoint,
    /// Time and settings of the training.
    pub record: Value,
}

/// Fingerprint of the settings that all trainings share.
fn shared_by_all(base: &TrainSettings) -> Result<String> {
    let mut settings = object(base)?;
    // These are in a cell, or change nothing.
    for key in ["method", "seed", "steps", "log_every", "checkpoint_every", "evaluate_every"] {
        settings.remove(key);
    }
    as_before(&mut settings);
    Ok(crc(&Value::Object(settings)))
}

/// Brings settings to those of results that were measured before some of them came, where these change nothing.
fn as_before(settings: &mut Map<String, Value>) {
    for key in ["observation_noise", "reject_share"] {
        if settings.get(key).and_then(Value::as_f64) == Some(0.0) {
            settings.remove(key);
        }
    }
    if let Some(vision) = settings.get_mut("vision").and_then(Value::as_object_mut)
        && vision.get("cameras").and_then(Value::as_array).is_some_and(Vec::is_empty)
    {
        ["estimate", "held_out", "copies", "shift"].iter().for_each(|key| drop(vision.shift_remove(*key)));
    }
    let residual = match settings.get("chunk_frame").and_then(Value::as_str) {
        Some("absolute") => false,
        Some("residual") => true,
        _ => return,
    };
    settings.remove("chunk_frame");
    settings.insert("residual".into(), residual.into());
}

/// The folder, and what all that is done in it shares.
pub struct Work<'a> {
    pub args: &'a ClaimsArgs,
    pub output: Output,
    pub pool: &'a rayon::ThreadPool,
    pub device: tch::Device,
    /// Settings that all trainings share.
    pub base: TrainSettings,
    pub subjects: Subjects<'a>,
}

impl<'a> Work<'a> {
    /// With no task in it yet.
    ///
    /// # Errors
    /// Bad settings; a device that is not there.
    pub fn new(args: &'a ClaimsArgs, pool: &'a rayon::ThreadPool) -> Result<Self> {
        let defaults = TrainSettings { evaluate_every: 5000, ..TrainSettings::default() };
        let mut base = given(&args.settings, &OptimizationArgs::default(), None, defaults)?;
        base.evaluate_every = 0;
        base.steps = args.steps.unwrap_or(base.steps);
        base.check()?;
        if !base.vision.cameras.is_empty() {
            return Err(InputError::unexpected("settings: vision.cameras", "none for this sweep", "some").into());
        }
        let subjects = Subjects::new(args, pool, base.horizons);
        Ok(Self { args, output: args.common.output(), pool, device: load::device(args.device)?, base, subjects })
    }

    /// Fingerprint of what all trainings share.
    pub fn base_fingerprint(&self) -> Result<String> {
        shared_by_all(&self.base)
    }

    /// The task of that name, which was taken up.
    pub fn subject(&self, task: &str) -> Result<&Subject> {
        self.subjects.of(task)
    }

    /// A training of all demonstrations of `task` with the settings that all trainings share.
    pub fn recipe(&self, task: &str, method: &str, seed: u64) -> Result<TrainingRecipe> {
        let (demonstrations, steps) = (self.subject(task)?.demos, self.base.steps);
        Ok(TrainingRecipe { task: task.into(), method: method.into(), demonstrations, seed, steps, words: Vec::new() })
    }

    /// Place of the result of `of` that is kept in `folder`.
    pub fn kept_at(&self, folder: &str, of: &Value) -> PathBuf {
        self.args.work.join(folder).join(format!("{}.json", crc(of)))
    }

    /// The result for `of` in `folder`, measured now if it is not there.
    ///
    /// # Errors
    /// Errors of `measure`; a file that cannot be written.
    pub fn remembered<R: Serialize + DeserializeOwned>(
        &self,
        folder: &str,
        of: &Value,
        measure: impl FnOnce() -> Result<R>,
    ) -> Result<R> {
        remembered(&self.kept_at(folder, of), of, measure)
    }

    /// The settings of a training.
    ///
    /// # Errors
    /// A word that is no setting.
    pub fn settings(&self, recipe: &TrainingRecipe) -> Result<TrainSettings> {
        let mut settings: TrainSettings = settings::load(&self.base, None, &recipe.words)?;
        settings.method.clone_from(&recipe.method);
        (settings.seed, settings.steps) = (recipe.seed, recipe.steps);
        if recipe.method != "imle" {
            // All others need one shaped like the chunk, or none.
            settings.network.latent = 0;
        }
        settings.check()?;
        Ok(settings)
    }

    /// The folder of a training; `teacher` is the fingerprint of what it learns from in place of the demonstrations.
    fn folder(&self, recipe: &TrainingRecipe, settings: &TrainSettings, teacher: Option<&str>) -> Result<PathBuf> {
        let TrainingRecipe { task, method, demonstrations, seed, .. } = recipe;
        let learned = fingerprint(&self.subject(task)?.first(*demonstrations).episodes);
        let key = crc(&json!([settings, learned, teacher]));
        let method = if teacher.is_some() { "student" } else { method };
        Ok(self.args.work.join("trainings").join(format!("{task}-{method}-{demonstrations}-s{seed}-{key}")))
    }

    /// The folder of a training on demonstrations, and whether it is done already.
    pub fn place(&self, recipe: &TrainingRecipe) -> Result<(PathBuf, bool)> {
        let settings = self.settings(recipe)?;
        let folder = self.folder(recipe, &settings, None)?;
        let done = finished(&folder, settings.steps).is_some();
        Ok((folder, done))
    }

    /// The training, done now if it is not yet: from demonstrations, or from `teacher` in their states.
    ///
    /// # Errors
    /// Errors of training; [`Failure::Run`] after Ctrl-C, with a state from which the next call goes on.
    pub fn trained(&self, recipe: &TrainingRecipe, teacher: Option<&Checkpoint>) -> Result<Trained> {
        let subject = self.subject(&recipe.task)?;
        let settings = self.settings(recipe)?;
        let fingerprint = teacher.map(Checkpoint::fingerprint);
        let folder = self.folder(recipe, &settings, fingerprint.as_deref())?;
        let _lock = self.lock(&folder)?;
        if finished(&folder, settings.steps).is_none() {
            let resume = can_resume(&folder);
            if folder.exists() && !resume {
                // Killed before its first save: nothing in it is of use.
                files::remove(&folder)?;
            }
            let (output, pool, device) = (self.output, self.pool, self.device);
            let (settings, data, out) = (&settings, &subject.data, &folder);
            let view = View::new(data, subject.first(recipe.demonstrations), &settings.vision, pool, output)?;
            let job = TrainingJob { output, settings, view: &view, data, pool, device, out, resume };
            match teacher {
                None => job.imitate(None, 0)?,
                Some(teacher) => job.distill(teacher, &view)?,
            };
        }
        let Some(checkpoint) = finished(&folder, settings.steps) else {
            return Err(Failure::Run(format!("{}: no checkpoint of step {}", folder.display(), settings.steps)));
        };
        // Of no more use, and four times as large as the checkpoint.
        files::remove(&folder.join(STATE_FOLDER))?;
        let rate = steps_per_second(&folder)?;
        let record = json!({
            "steps": settings.steps, "steps_per_second": rate, "train_s": rate.map(|r| settings.steps as f64 / r),
            "learning_rate": settings.peak_learning_rate(), "parameters": checkpoint.table().count(),
        });
        Ok(Trained { folder, checkpoint, record })
    }

    /// Waits until nobody else is at the training in `folder`; freed when dropped.
    fn lock(&self, folder: &Path) -> Result<File> {
        let path = folder.with_extension("lock");
        let failed = |e| InputError::io(&path, "write", e);
        files::create_folder(path.parent().unwrap_or(Path::new(".")))?;
        let file = files::create_file(&path)?;
        let mut reported = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(e)) => return Err(failed(e).into()),
                Err(TryLockError::WouldBlock) if interrupt::asked() => {
                    return Err(Failure::Run("interrupted".into()));
                }
                Err(TryLockError::WouldBlock) => {
                    if !reported {
                        self.output.note(format!("{}: another process is at it", folder.display()));
                        reported = true;
                    }
                    std::thread::sleep(Duration::from_millis(500));
                }
            }
        }
    }

    /// Success, modes and jerk of a training's generator in held-out episodes under the controller that `flags`
    /// describe; nothing where the task cannot be run.
    ///
    /// # Errors
    /// Errors of evaluation; [`Failure::Run`] after Ctrl-C.
    pub fn episodes(
        &self,
        task: &str,
        trained: &Trained,
        way: &str,
        flags: &ControllerArgs,
        (episodes, seed): (u32, u64),
    ) -> Result<Value> {
        let Some(task) = &self.subject(task)?.task else { return Ok(Value::Null) };
        let of = Self::episodes_key(way, flags, (episodes, seed));
        remembered(&found_at(&trained.folder, &of), &of, || {
            let sampler = self.sampler(trained, way)?;
            let report = held_out::run(task, &sampler, flags, episodes, seed, self.pool, self.output)?;
            let mut report = object(&report)?;
            report.retain(|key, _| KEPT.contains(&key.as_str()));
            Ok(Value::Object(report))
        })
    }

    /// Recall and precision of a training's generator on the held-out demonstrations.
    ///
    /// # Errors
    /// Errors of sampling; [`Failure::Run`] after Ctrl-C.
    pub fn fidelity(&self, task: &str, trained: &Trained, way: &str) -> Result<Value> {
        let judge = &self.subject(task)?.judge;
        let of = self.fidelity_key(task, way)?;
        remembered(&found_at(&trained.folder, &of), &of, || {
            let sampler = self.sampler(trained, way)?;
            let found = judged(self.output, self.pool, judge, sampler.sampler(), SAMPLES, self.args.seed)?;
            Ok(Value::Object(object(&found)?))
        })
    }

    fn sampler(&self, trained: &Trained, way: &str) -> Result<Policy> {
        let checkpoint = contender::sampled(way, trained.checkpoint.clone())?;
        Ok(Policy::with_threads(&checkpoint, self.pool.current_num_threads(), self.device)?)
    }

    /// Key of these episodes of a training.
    pub fn episodes_key(way: &str, flags: &ControllerArgs, (episodes, seed): (u32, u64)) -> Value {
        json!({
            "sampler": way, "planner": flags.optimizer, "choice": flags.choice, "candidates": flags.candidates,
            "episodes": episodes, "seed": seed,
        })
    }

    /// Key of this recall and precision of a training.
    pub fn fidelity_key(&self, task: &str, way: &str) -> Result<Value> {
        let judge = &self.subject(task)?.judge;
        Ok(json!({
            "sampler": way, "windows": judge.windows(), "radius": judge.radius(), "samples": SAMPLES,
            "neighbours": NEIGHBOURS, "seed": self.args.seed,
        }))
    }
}

/// Place of the result of `of` for the training in `folder`.
pub fn found_at(folder: &Path, of: &Value) -> PathBuf {
    folder.join("found").join(format!("{}.json", crc(of)))
}

/// The checkpoint in `folder`, if it is of the last step.
fn finished(folder: &Path, steps: u64) -> Option<Checkpoint> {
    let checkpoint = Checkpoint::load(folder).ok()?;
    (checkpoint.config().provenance.steps == steps).then_some(checkpoint)
}

/// The mean speed of a training by its log, evaluations and checkpoints left out; nothing of an empty log.
fn steps_per_second(folder: &Path) -> Result<Option<f64>> {
    let (mut steps, mut seconds, mut before) = (0.0, 0.0, 0.0);
    for line in files::read_text(&folder.join(METRICS_FILE))?.lines() {
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        if let (Some(step), Some(rate)) = (line["step"].as_f64(), line["time/steps_per_second"].as_f64()) {
            steps += step - before;
            seconds += (step - before) / rate;
            before = step;
        }
    }
    Ok((seconds > 0.0).then_some(steps / seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use imle_policy::normalizer::ChunkFrame;

    /// Those in benches/results/claims.jsonl and claims-residual.jsonl, measured before some settings came.
    #[test]
    fn results_of_before_are_found_again() {
        let of = |chunk_frame, observation_noise| {
            shared_by_all(&TrainSettings { chunk_frame, observation_noise, ..TrainSettings::default() }).unwrap()
        };
        assert_eq!([of(ChunkFrame::Absolute, 0.0), of(ChunkFrame::Residual, 0.0)], ["64c33d00", "b2c864a3"]);
        let other = [of(ChunkFrame::Relative, 0.0), of(ChunkFrame::Absolute, 0.1)];
        assert!(other[0] != other[1] && other.iter().all(|new| new != "64c33d00"), "{other:?}");
    }

    #[test]
    fn the_speed_of_a_training_weighs_its_lines_by_their_time() {
        let folder = tempfile::tempdir().unwrap();
        let log = "{\"step\":100,\"time/steps_per_second\":100}\n{\"step\":100,\"eval/success_rate\":1}\n\
            {\"step\":200,\"time/steps_per_second\":25}\nhalf";
        std::fs::write(folder.path().join(METRICS_FILE), log).unwrap();
        // 100 steps in 1 s and 100 in 4 s.
        assert_eq!(steps_per_second(folder.path()).unwrap(), Some(40.0));
        std::fs::write(folder.path().join(METRICS_FILE), "").unwrap();
        assert_eq!(steps_per_second(folder.path()).unwrap(), None);
    }
}
