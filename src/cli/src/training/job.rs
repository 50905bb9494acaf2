//! A training of a generator: learning from demonstrations or from a teacher, where a training starts, its
//! progress and evaluations, its result.

use crate::failure::{Failure, Result};
use crate::interrupt;
use crate::output::{Output, ProgressLine, percent};
use crate::place::Place;
use crate::training::view::View;
use crate::watch::Watch;
use imle_configs::spec::Spec;
use imle_configs::ensure;
use imle_envs::task::Task;
use imle_planner::evaluation::report::{Report, wilson95};
use imle_planner::evaluation::{EvaluationSettings, evaluate};
use imle_planner::policy_controller::PolicyController;
use imle_policy::checkpoint::Checkpoint;
use imle_policy::network::ChunkShape;
use imle_policy::normalizer::Normalizers;
use imle_policy::policy::Policy;
use imle_policy::targets::{TargetSource, TeacherWindows, distill, progress_weights};
use imle_policy::train::{
    self, EvalPoint, FreshStart, TrainMetrics, TrainObserver, TrainOutcome, TrainSettings, TrainStart,
};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// A training to be done: what is learned from, how, and where it is written.
pub struct TrainingJob<'a> {
    /// Where progress goes.
    pub output: Output,
    /// Settings of the training.
    pub settings: &'a TrainSettings,
    /// The demonstrations, as the generator sees them.
    pub view: &'a View,
    /// Where the dataset lies, for the provenance.
    pub data: &'a Path,
    /// Threads that draw batches and evaluate.
    pub pool: &'a rayon::ThreadPool,
    /// Where the network learns.
    pub device: tch::Device,
    /// Folder of the checkpoint.
    pub out: &'a Path,
    /// Whether to go on with what is in `out`.
    pub resume: bool,
}

impl TrainingJob<'_> {
    /// Learns from the demonstrations; evaluates over `episodes` in `task`, if there is one.
    ///
    /// # Errors
    /// Bad settings and places; [`Failure::Run`] after Ctrl-C, with a state to resume from.
    pub fn imitate(&self, task: Option<Arc<Task>>, episodes: usize) -> Result<Value> {
        let (dataset, settings) = (&self.view.dataset, self.settings);
        let mut source = self.view.windows(settings.horizons)?;
        if settings.quality > 0.0 {
            source = source.clone().with_weights(&progress_weights(&source, self.pool, settings.quality)?)?;
        }
        let start = start(self.out, self.resume, self.data, &self.view.learned(), || {
            let shape = ChunkShape::new(settings.horizons, dataset.spec.observation.size(), dataset.spec.action.size());
            settings.network.check(&shape, "settings")?;
            settings.vision.encoder.check(dataset.spec.pictures.as_ref(), "settings")?;
            Ok((dataset.spec.clone(), source.fit_normalizers(settings.residual)?))
        })?;
        let _folder = if self.resume { None } else { Some(Place::folder(self.out)?) };
        self.output.note(format!(
            "{}: {} episodes, {} windows; {} steps of {}",
            dataset.spec.task,
            dataset.episodes.len(),
            source.len(),
            settings.steps,
            settings.method
        ));
        self.train(start, &source, task, episodes)
    }

    /// Learns from as many chunks of `teacher` a state as the settings have latents, in the demonstrations' states as
    /// the teacher has `seen` them.
    ///
    /// # Errors
    /// As [`imitate`](Self::imitate).
    pub fn distill(&self, teacher: &Checkpoint, seen: &View) -> Result<Value> {
        let (samples, horizons) = (self.settings.samples, self.settings.horizons);
        let windows = self.view.windows(horizons)?;
        let learned = format!(
            "{samples} samples a state of {} ({}) in {}",
            teacher.config().method,
            teacher.fingerprint(),
            self.view.learned()
        );
        let (theirs, ours) = (teacher.config().vision_settings(), &self.settings.vision);
        let same = (&theirs.cameras, &theirs.state) == (&ours.cameras, &ours.state);
        let start = start(self.out, self.resume, self.data, &learned, || {
            let known = teacher.config().normalizers.clone();
            let observation = windows.normalizers()?.observation;
            let normalizers = if same { known } else { Normalizers { observation, residual: None, ..known } };
            Ok((self.view.dataset.spec.clone(), normalizers))
        })?;
        let _folder = if self.resume { None } else { Some(Place::folder(self.out)?) };
        let asked = seen.windows(horizons)?;
        let mut progress = self.output.progress(windows.len() as u64, "teach");
        let sampler = Policy::with_threads(teacher, self.pool.current_num_threads(), self.device)?;
        let targets = distill(
            sampler.sampler(),
            self.pool,
            TeacherWindows { teacher: &asked, student: windows },
            samples,
            self.settings.seed,
            &mut |done| {
                progress.set(done as u64, "states asked");
                !interrupt::asked()
            },
        )?;
        progress.finish();
        let Some(targets) = targets else {
            return Err(Failure::Run("interrupted; nothing was written".into()));
        };
        self.train(start, &targets, None, 0)
    }

    fn train(
        &self,
        start: TrainStart<'_>,
        source: &dyn TargetSource,
        task: Option<Arc<Task>>,
        episodes: usize,
    ) -> Result<Value> {
        let mut watch = Training::new(self.output, self.settings, task, self.pool, episodes);
        let outcome = train::train(self.settings, self.pool, self.device, start, source, self.out, &mut watch)?;
        result(watch, &outcome)
    }
}

/// Where the training in `out` starts. `learned` identifies the training data, wherever it lies: a resumed training
/// must go on with the same. `data` names it for the provenance.
fn start<'a>(
    out: &Path,
    resume: bool,
    data: &Path,
    learned: &str,
    fresh: impl FnOnce() -> Result<(Spec, Normalizers)>,
) -> Result<TrainStart<'a>> {
    if resume {
        let begun = train::saved_data(out)?;
        let expected = format!("what {} was begun with, {begun}", out.display());
        ensure(begun.ends_with(learned), "--data", expected, learned)?;
        return Ok(TrainStart::Resume);
    }
    let name = data.file_name().map_or_else(|| data.display().to_string(), |n| n.to_string_lossy().into_owned());
    let (spec, normalizers) = fresh()?;
    Ok(TrainStart::Fresh(Box::new(FreshStart { spec, normalizers, data: format!("{name}: {learned}") })))
}

/// Ends the progress of a training and gives what came of it.
fn result(training: Training<'_>, outcome: &TrainOutcome) -> Result<Value> {
    let seed = training.seed;
    training.progress.finish();
    if outcome.interrupted {
        return Err(Failure::Run(format!("interrupted at step {}; go on with --resume", outcome.step)));
    }
    let mut result = json!({ "steps": outcome.step, "loss": outcome.metrics.as_ref().map(|m| m.loss), "seed": seed });
    if let Some(evaluation) = &outcome.evaluation {
        let solved = (evaluation.success_rate * evaluation.episodes as f64).round() as usize;
        let ci95 = wilson95(solved, evaluation.episodes as usize);
        let episodes = evaluation.episodes;
        result["success_rate"] = evaluation.success_rate.into();
        result["success_ci95"] = json!(ci95);
        result["episodes"] = episodes.into();
    }
    Ok(result)
}

/// Says where the checkpoint is, and what was found of it.
pub fn tell(output: Output, result: &Value, out: &Path) {
    output.say(format!("checkpoint in {}", out.display()));
    if let (Some(rate), Some(episodes)) = (result["success_rate"].as_f64(), result["episodes"].as_u64()) {
        output.say(format!("generator alone: {} of {episodes} held-out episodes", percent(rate)));
    }
}

/// A training's progress bar and its evaluations of the generator alone.
struct Training<'a> {
    output: Output,
    progress: ProgressLine,
    task: Option<Arc<Task>>,
    pool: &'a rayon::ThreadPool,
    episodes: usize,
    seed: u64,
}

impl<'a> Training<'a> {
    /// Evaluates over `episodes` in `task`, if there is one.
    fn new(
        output: Output,
        settings: &TrainSettings,
        task: Option<Arc<Task>>,
        pool: &'a rayon::ThreadPool,
        episodes: usize,
    ) -> Self {
        let progress = output.progress(settings.steps, "train");
        Self { output, progress, task, pool, episodes, seed: settings.seed }
    }
}

impl TrainObserver for Training<'_> {
    fn logged(&mut self, m: &TrainMetrics) {
        self.progress.set(m.step, &format!("loss {:.4}, {:.0} steps/s", m.loss, m.steps_per_second));
    }

    fn evaluate(
        &mut self,
        step: u64,
        sampler: &Policy,
    ) -> std::result::Result<Option<EvalPoint>, Box<dyn std::error::Error + Send + Sync>> {
        let Some(task) = &self.task else { return Ok(None) };
        let horizons = task.horizons(sampler.checkpoint().config().horizons);
        let settings = EvaluationSettings::held_out(self.episodes, self.seed, horizons);
        let mut alone = PolicyController::new(sampler.clone(), self.seed, horizons);
        let mut watch = Watch::new(self.output, self.episodes, "evaluate");
        let outcome = evaluate(task, &mut alone, &settings, self.pool, &mut watch);
        watch.finish();
        let outcome = match outcome {
            Err(imle_planner::Error::Interrupted) => return Ok(None),
            other => other?,
        };
        let report = Report::new(&outcome, task.spec().control_rate);
        self.output.note(format!(
            "step {step}: generator alone {} of {} episodes, mean cost {:.3}",
            percent(report.success_rate),
            report.episodes,
            report.mean_cost
        ));
        let figures = vec![("eval/mean_cost".to_string(), report.mean_cost)];
        Ok(Some(EvalPoint { success_rate: report.success_rate, episodes: report.episodes as u64, figures }))
    }

    fn should_stop(&self) -> bool {
        interrupt::asked()
    }
}
