//! Training of a generator.

use crate::boundary::background::{self, Stop};
use crate::boundary::failure::raise;
use crate::boundary::process::check;
use crate::policy::PythonPolicy;
use crate::task::PythonTask;
use imle_cli::failure::Result;
use imle_cli::load::begun_behind;
use imle_cli::output::Output;
use imle_cli::training::job::{TrainingJob, evaluated};
use imle_cli::training::{dataset, estimation, view, view::View};
use imle_configs::settings::overlaid;
use imle_envs::task::Task;
use imle_planner::evaluation::Progress;
use imle_planner::threads;
use imle_policy::checkpoint::Checkpoint;
use imle_policy::device::DeviceChoice;
use imle_policy::policy::Policy;
use imle_policy::train::{EvalPoint, TrainMetrics, TrainObserver, TrainSettings, saved_settings};
use pyo3::prelude::*;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

/// Trains on the dataset in `data`; `progress` gets (step, steps, JSON of the figures). `evaluate` gets (step, policy) and
/// returns (success rate, episodes, [(figure, value)]). With a `teacher` its chunks are learned, not the actions; behind
/// an `estimator` the generator acts on what that makes of pictures. Returns JSON of the result.
#[pyfunction]
#[pyo3(signature = (data, settings, out, episodes, resume, device, task, evaluation_episodes, threads, progress, evaluate, teacher, estimator))]
#[allow(clippy::too_many_arguments, reason = "keywords in Python")]
pub fn train(
    py: Python<'_>,
    data: PathBuf,
    settings: &str,
    out: PathBuf,
    episodes: Option<u32>,
    resume: bool,
    device: &str,
    task: Option<&PythonTask>,
    evaluation_episodes: usize,
    threads: Option<usize>,
    progress: &Bound<'_, PyAny>,
    evaluate: Option<&Bound<'_, PyAny>>,
    teacher: Option<&PythonPolicy>,
    estimator: Option<&PythonPolicy>,
) -> PyResult<String> {
    check()?;
    let device = device.parse::<DeviceChoice>().and_then(DeviceChoice::open).map_err(raise)?;
    let of = |defaults: &TrainSettings| overlaid::<TrainSettings>(defaults, settings, "settings");
    let defaults = if resume { saved_settings(&out).map_err(raise)? } else { TrainSettings::default() };
    let mut settings = of(&defaults).map_err(raise)?;
    let estimates = !settings.vision.estimate.is_empty();
    if estimates && !resume {
        settings = of(&TrainSettings::of_estimator()).map_err(raise)?;
    }
    settings.check().map_err(raise)?;
    let task = task.map(|t| t.task.clone());
    let teacher = teacher.map(|t| t.generator.checkpoint().clone());
    let estimator = match estimator {
        Some(named) => Some(Arc::new(named.generator.checkpoint().clone())),
        None if resume => begun_behind(&out).map_err(raise)?,
        None => None,
    };
    let asks = evaluate.is_some();
    let done = background::run(
        py,
        move |stop, tell: &dyn Fn(Told)| -> Result<Value> {
            let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            let pool = threads::pool(threads.unwrap_or(cores))?;
            let mut settings = settings;
            let read = dataset::read(&data, episodes)?;
            if let Some(teacher) = &teacher {
                settings.horizons = teacher.config().horizons;
                if settings.vision.cameras.is_empty() {
                    settings.vision = teacher.config().vision_settings();
                }
            }
            settings.vision = view::settled(settings.vision, task.as_deref())?;
            let output = Output::new(true, true);
            let seen = |t: Checkpoint| -> Result<_> {
                let seen = View::new(&data, read.clone(), &t.config().vision_settings(), &pool, output)?;
                t.check_matches(&seen.dataset.spec, "teacher")?;
                Ok((seen, t))
            };
            let teacher = teacher.map(seen).transpose()?;
            let view = match estimator {
                None => View::new(&data, read, &settings.vision, &pool, output)?,
                Some(estimator) => View::behind(&data, read, estimator, settings.vision.copies, &pool, device, output)?,
            };
            let task = task.map(|task| view.task(task, &data)).transpose()?;
            let of = |view| TrainingJob {
                output,
                settings: &settings,
                view,
                data: &data,
                pool: &pool,
                device,
                out: &out,
                resume,
            };
            let (episodes, seed) = (evaluation_episodes, settings.seed);
            let mut watch = Watch { stop, tell, task, asks, episodes, seed, pool: &pool };
            if estimates {
                let (learned, judged) = estimation::parts(&view, settings.vision.held_out)?;
                return estimation::estimate(&of(&learned), judged.as_ref(), &mut watch);
            }
            let job = of(&view);
            match &teacher {
                None => job.imitate_watched(&mut watch),
                Some((seen, teacher)) => job.distill_watched(teacher, seen, &mut watch),
            }
        },
        |told| match (told, evaluate) {
            (Told::Figures(step, steps, figures), _) => progress.call1((step, steps, figures)).map(drop),
            (Told::Question(step, policy, answer), Some(evaluate)) => {
                let found = evaluate.call1((step, PythonPolicy { generator: *policy }))?;
                let (success_rate, episodes, figures) = found.extract()?;
                // The training waits for it, unless it ended.
                drop(answer.send(EvalPoint { success_rate, episodes, figures }));
                Ok(())
            }
            (Told::Question(..), None) => Ok(()),
        },
    )?;
    Ok(done.map_err(raise)?.to_string())
}

/// A message of the training.
enum Told {
    /// Step, steps in all, JSON of the figures.
    Figures(u64, u64, String),
    /// A policy to judge: the step, the policy, and where the answer goes.
    Question(u64, Box<Policy>, Sender<EvalPoint>),
}

/// Stops an evaluation when the user asks.
struct GoOn<'a>(&'a Stop);

impl Progress for GoOn<'_> {
    fn advanced(&mut self, _: usize, _: usize, _: usize) -> bool {
        !self.0.asked()
    }
}

struct Watch<'a> {
    stop: Stop,
    tell: &'a dyn Fn(Told),
    task: Option<Arc<Task>>,
    /// Whether somebody answers questions.
    asks: bool,
    episodes: usize,
    seed: u64,
    pool: &'a rayon::ThreadPool,
}

impl TrainObserver for Watch<'_> {
    fn logged(&mut self, metrics: &TrainMetrics) {
        let figures: serde_json::Map<String, Value> =
            metrics.figures().into_iter().map(|(name, value)| (name, json!(value))).collect();
        (self.tell)(Told::Figures(metrics.step, metrics.steps, Value::Object(figures).to_string()));
    }

    fn evaluate(
        &mut self,
        step: u64,
        policy: &Policy,
    ) -> std::result::Result<Option<EvalPoint>, Box<dyn std::error::Error + Send + Sync>> {
        if self.asks {
            let (sender, receiver) = channel();
            (self.tell)(Told::Question(step, Box::new(policy.clone()), sender));
            let answer = receiver.recv().ok();
            if answer.is_none() {
                // Python raised: the evaluation stays due.
                self.stop.ask();
            }
            return Ok(answer);
        }
        let (Some(task), 1..) = (&self.task, self.episodes) else { return Ok(None) };
        let mut go_on = GoOn(&self.stop);
        let found = evaluated(task, policy, self.episodes, self.seed, self.pool, &mut go_on)?;
        let Some((_, point)) = found else { return Ok(None) };
        let told = json!({ "eval/success_rate": point.success_rate, "eval/episodes": point.episodes });
        (self.tell)(Told::Figures(step, 0, told.to_string()));
        Ok(Some(point))
    }

    fn should_stop(&self) -> bool {
        self.stop.asked()
    }
}
