//! What the verbs that train share: where a training starts, its progress and evaluations, its result.

use crate::failure::{Failure, Result};
use crate::interrupt;
use crate::output::{Output, Progress, percent};
use crate::watch::Watch;
use imle_configs::Error as InputError;
use imle_configs::spec::Spec;
use imle_envs::task::Task;
use imle_planner::alone::GeneratorAlone;
use imle_planner::evaluate::{self, evaluate};
use imle_planner::report::{Report, wilson95};
use imle_policy::normalizer::Normalizers;
use imle_policy::sampler::Sampler;
use imle_policy::train::{self, EvalPoint, Fresh, Outcome, Start, TrainMetrics, TrainObserver, TrainSettings};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Where the training in `out` starts. `learned` tells what is learned from, wherever it lies: a resumed training must
/// go on with the same. `data` names it for the provenance.
pub fn start<'a>(
    out: &Path,
    resume: bool,
    data: &Path,
    learned: &str,
    fresh: impl FnOnce() -> Result<(Spec, Normalizers)>,
) -> Result<Start<'a>> {
    if resume {
        let begun = train::saved_data(out)?;
        if !begun.ends_with(learned) {
            let expected = format!("what {} was begun with, {begun}", out.display());
            return Err(InputError::unexpected("--data", expected, learned).into());
        }
        return Ok(Start::Resume);
    }
    let name = data.file_name().map_or_else(|| data.display().to_string(), |n| n.to_string_lossy().into_owned());
    let (spec, normalizers) = fresh()?;
    Ok(Start::Fresh(Box::new(Fresh { spec, normalizers, data: format!("{name}: {learned}") })))
}

/// Ends the progress of a training and tells what came of it.
pub fn result(training: Training<'_>, outcome: &Outcome, out: &Path) -> Result<Value> {
    let (output, seed) = (training.output, training.seed);
    training.progress.finish();
    if outcome.interrupted {
        return Err(Failure::Run(format!("interrupted at step {}; go on with --resume", outcome.step)));
    }
    output.say(format!("checkpoint in {}", out.display()));
    let mut result = json!({ "steps": outcome.step, "loss": outcome.metrics.as_ref().map(|m| m.loss), "seed": seed });
    if let Some(evaluation) = &outcome.evaluation {
        let solved = (evaluation.success_rate * evaluation.episodes as f64).round() as usize;
        let ci95 = wilson95(solved, evaluation.episodes as usize);
        let episodes = evaluation.episodes;
        output.say(format!("generator alone: {} of {episodes} held-out episodes", percent(evaluation.success_rate)));
        result["success_rate"] = evaluation.success_rate.into();
        result["success_ci95"] = json!(ci95);
        result["episodes"] = episodes.into();
    }
    Ok(result)
}

/// A training's progress bar and its evaluations of the generator alone.
pub struct Training<'a> {
    output: Output,
    progress: Progress,
    task: Option<Arc<Task>>,
    pool: &'a rayon::ThreadPool,
    episodes: usize,
    seed: u64,
}

impl<'a> Training<'a> {
    /// Evaluates over `episodes` in `task`, if there is one.
    pub fn new(
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
        sampler: &Sampler,
    ) -> std::result::Result<Option<EvalPoint>, Box<dyn std::error::Error + Send + Sync>> {
        let Some(task) = &self.task else { return Ok(None) };
        let horizons = task.horizons(sampler.config().horizons);
        let settings = evaluate::Settings::held_out(self.episodes, self.seed, horizons);
        let mut alone = GeneratorAlone::new(sampler, self.seed, horizons);
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
