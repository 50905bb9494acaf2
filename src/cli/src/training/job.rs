//! A training of a generator: learning from demonstrations or from a teacher, where a training starts, its
//! progress and evaluations, its result.

use crate::failure::{Failure, Result};
use crate::output::{Output, ProgressLine, percent};
use crate::{interrupt, place::Place, report, training::view::View};
use imle_configs::{Error as InputError, spec::Spec};
use imle_envs::task::Task;
use imle_planner::evaluation::report::{Report, wilson95};
use imle_planner::evaluation::{EvaluationSettings, Progress, evaluate};
use imle_planner::policy_controller::PolicyController;
use imle_policy::targets::{DistillationTargets, TargetSource, TeacherWindows, distill, progress_weights};
use imle_policy::train::{
    self, EvalPoint, FreshStart, TrainMetrics, TrainObserver, TrainOutcome, TrainSettings, TrainStart,
};
use imle_policy::{checkpoint::Checkpoint, network::ChunkShape, normalizer::Normalizers, policy::Policy};
use serde_json::{Value, json};
use std::{path::Path, sync::Arc};

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
        let mut watch = self.watch(task, episodes);
        let result = self.imitate_watched(&mut watch);
        watch.progress.finish();
        result
    }

    /// As [`imitate`](Self::imitate), with an observer of the caller's.
    ///
    /// # Errors
    /// As [`imitate`](Self::imitate).
    pub fn imitate_watched(&self, watch: &mut dyn TrainObserver) -> Result<Value> {
        let (dataset, settings) = (&self.view.dataset, self.settings);
        let mut source = self.view.windows(settings.horizons)?;
        if settings.quality > 0.0 {
            source = source.clone().with_weights(&progress_weights(&source, self.pool, settings.quality)?)?;
        }
        let start = self.start(&self.view.learned(), || {
            let shape = ChunkShape::new(settings.horizons, dataset.spec.observation.size(), dataset.spec.action.size());
            settings.network.check(&shape, "settings")?;
            settings.vision.encoder.check(dataset.spec.pictures.as_ref(), "settings")?;
            Ok((dataset.spec.clone(), source.fit_normalizers(settings.chunk_frame, settings.spread())?))
        })?;
        let _folder = if self.resume { None } else { Some(Place::folder(self.out)?) };
        let (episodes_read, windows) = (dataset.episodes.len(), source.len());
        self.output.note(format!(
            "{}: {episodes_read} episodes, {windows} windows; {} steps of {}",
            dataset.spec.task, settings.steps, settings.method
        ));
        self.train(start, &source, watch)
    }

    /// Learns from as many chunks of `teacher` a state as the settings have latents, in the demonstrations' states as
    /// the teacher has `seen` them.
    ///
    /// # Errors
    /// As [`imitate`](Self::imitate).
    pub fn distill(&self, teacher: &Checkpoint, seen: &View) -> Result<Value> {
        let (_folder, start, targets) = self.taught(teacher, seen, &interrupt::asked)?;
        let mut watch = self.watch(None, 0);
        let result = self.train(start, &targets, &mut watch);
        watch.progress.finish();
        result
    }

    /// As [`distill`](Self::distill), with an observer of the caller's.
    ///
    /// # Errors
    /// As [`imitate`](Self::imitate).
    pub fn distill_watched(&self, teacher: &Checkpoint, seen: &View, watch: &mut dyn TrainObserver) -> Result<Value> {
        let (_folder, start, targets) = self.taught(teacher, seen, &|| watch.should_stop())?;
        self.train(start, &targets, watch)
    }

    /// The folder of a fresh training, where it starts, and the chunks of `teacher` that it learns from.
    fn taught<'a>(
        &self,
        teacher: &Checkpoint,
        seen: &View,
        stops: &dyn Fn() -> bool,
    ) -> Result<(Option<Place>, TrainStart<'a>, DistillationTargets)> {
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
        let start = self.start(&learned, || {
            let known = teacher.config().normalizers.clone();
            let observation = windows.normalizers()?.observation;
            let normalizers = if same { known } else { Normalizers { observation, residual: None, ..known } };
            Ok((self.view.dataset.spec.clone(), normalizers))
        })?;
        let folder = if self.resume { None } else { Some(Place::folder(self.out)?) };
        let asked = seen.windows(horizons)?;
        let mut progress = self.output.progress(windows.len() as u64, "teach", "states");
        let sampler = Policy::with_threads(teacher, self.pool.current_num_threads(), self.device)?;
        let targets = distill(
            sampler.sampler(),
            self.pool,
            TeacherWindows { teacher: &asked, student: windows },
            samples,
            self.settings.seed,
            &mut |done| {
                progress.set(done as u64, "");
                !stops()
            },
        )?;
        progress.finish();
        let Some(targets) = targets else {
            return Err(Failure::Run("interrupted; nothing was written".into()));
        };
        Ok((folder, start, targets))
    }

    /// An observer that shows progress, and evaluates over `episodes` in `task`, if there is one.
    pub fn watch(&self, task: Option<Arc<Task>>, episodes: usize) -> Training<'_> {
        Training { job: self, progress: self.output.progress(self.settings.steps, "train", "steps"), task, episodes }
    }

    fn train(&self, start: TrainStart<'_>, source: &dyn TargetSource, watch: &mut dyn TrainObserver) -> Result<Value> {
        let outcome = train::train(self.settings, self.pool, self.device, start, source, self.out, watch)?;
        self.result(&outcome)
    }

    /// Where the training starts. `learned` identifies the training data, wherever it lies: a resumed training must go
    /// on with the same.
    fn start<'a>(&self, learned: &str, fresh: impl FnOnce() -> Result<(Spec, Normalizers)>) -> Result<TrainStart<'a>> {
        if self.resume {
            let begun = train::saved_data(self.out)?;
            let expected = format!("what {} was begun with, {begun}", self.out.display());
            InputError::ensure(begun.ends_with(learned), "--data", expected, learned)?;
            return Ok(TrainStart::Resume);
        }
        let name = self.data.file_name().unwrap_or(self.data.as_os_str()).to_string_lossy();
        let (spec, normalizers) = fresh()?;
        let (estimator, data) = (self.view.estimator(), format!("{name}: {learned}"));
        Ok(TrainStart::Fresh(Box::new(FreshStart { spec, normalizers, estimator, data })))
    }

    fn result(&self, outcome: &TrainOutcome) -> Result<Value> {
        if outcome.interrupted {
            return Err(Failure::Run(format!("interrupted at step {}; go on with --resume", outcome.step)));
        }
        let loss = outcome.metrics.as_ref().map(|m| m.loss);
        let mut result = json!({ "steps": outcome.step, "loss": loss, "seed": self.settings.seed });
        if let Some(EvalPoint { success_rate, episodes, .. }) = &outcome.evaluation {
            let solved = (success_rate * *episodes as f64).round() as usize;
            result["success_rate"] = json!(success_rate);
            result["success_ci95"] = json!(wilson95(solved, *episodes as usize));
            result["episodes"] = json!(episodes);
        }
        Ok(result)
    }
}

/// Says where the checkpoint is, and what was found of it.
pub fn tell(output: Output, result: &Value, out: &Path) {
    output.say(format!("checkpoint in {}", out.display()));
    if let (Some(rate), Some(episodes)) = (result["success_rate"].as_f64(), result["episodes"].as_u64()) {
        output.say(format!("generator alone: {} of {episodes} held-out episodes", percent(rate)));
    }
    for (term, error) in result["errors"].as_object().into_iter().flatten() {
        let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
        let (error, share) = (number(error), percent(number(&result["errors_of_range"][term])));
        let episodes = &result["held_out_episodes"];
        output.say(format!(
            "{term}: off by {error:.4} (root mean square, {episodes} held-out episodes), {share} of its range"
        ));
    }
    output.hint(format!("to look at it: {}", report::command(out)));
}

/// A training's progress bar and its evaluations of the generator alone: of `episodes` in `task`, if there is one.
pub struct Training<'a> {
    job: &'a TrainingJob<'a>,
    progress: ProgressLine,
    task: Option<Arc<Task>>,
    episodes: usize,
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
        let mut watch = self.job.output.progress(self.episodes as u64, "evaluate", "episodes");
        let found = evaluated(task, sampler, self.episodes, self.job.settings.seed, self.job.pool, &mut watch);
        watch.finish();
        let Some((report, point)) = found? else { return Ok(None) };
        let (cost, failed) = (report.told_cost(), report.failures().map_or(String::new(), |line| format!("; {line}")));
        let (share, episodes) = (percent(report.success_rate), report.episodes);
        self.job.output.note(format!("step {step}: generator alone {share} of {episodes} episodes, {cost}{failed}"));
        Ok(Some(point))
    }

    fn should_stop(&self) -> bool {
        interrupt::asked()
    }
}

/// The generator alone on `episodes` held-out start states of `task`; `None` if `progress` stopped it.
///
/// # Errors
/// A world, a renderer or the generator that failed.
pub fn evaluated(
    task: &Arc<Task>,
    policy: &Policy,
    episodes: usize,
    seed: u64,
    pool: &rayon::ThreadPool,
    progress: &mut dyn Progress,
) -> imle_planner::Result<Option<(Report, EvalPoint)>> {
    let horizons = task.horizons(policy.horizons());
    let settings = EvaluationSettings::held_out(episodes, seed, horizons);
    let mut alone = PolicyController::new(policy.clone(), seed, horizons);
    let outcome = match evaluate(task, &mut alone, &settings, pool, progress) {
        Err(imle_planner::Error::Interrupted) => return Ok(None),
        other => other?,
    };
    let report = Report::new(&outcome, task.spec().control_rate);
    let Report { success_rate, episodes, mean_cost, .. } = report;
    let figures = if mean_cost.is_nan() { Vec::new() } else { vec![("eval/mean_cost".to_string(), mean_cost)] };
    Ok(Some((report, EvalPoint { success_rate, episodes: episodes as u64, figures })))
}
