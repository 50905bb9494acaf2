//! `planner train`

use crate::cli::TrainArgs;
use crate::failure::{Failure, Result};
use crate::output::{Output, Progress, percent};
use crate::place::Place;
use crate::watch::Watch;
use crate::{interrupt, load};
use imle_configs::Error as InputError;
use imle_configs::episode::fingerprint;
use imle_configs::{embedded, settings};
use imle_data::Dataset;
use imle_envs::task::Task;
use imle_planner::alone::GeneratorAlone;
use imle_planner::evaluate::{self, evaluate};
use imle_planner::report::{Report, wilson95};
use imle_policy::network::ChunkShape;
use imle_policy::sampler::Sampler;
use imle_policy::targets::DemonstrationChunks;
use imle_policy::train::{self, EvalPoint, Fresh, Start, TrainMetrics, TrainObserver, TrainSettings};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Trains a generator.
pub fn run(args: &TrainArgs) -> Result<()> {
    let output = args.common.output();
    let begun = Instant::now();
    let settings = resolve(args)?;
    if args.settings.settings {
        return print_settings(&settings);
    }
    let (Some(data), Some(out)) = (&args.data, &args.out) else {
        return Err(Failure::Input("--data and --out are needed".into()));
    };
    let dataset = read(data, args.episodes)?;
    let task = task(args, &dataset)?;
    let device = load::device(args.device)?;
    let source = DemonstrationChunks::new(&dataset.spec, settings.horizons, &dataset.episodes)?;
    // What was learned from, wherever it lies now: a resumed training must go on with the same.
    let learned = format!("{} episodes ({})", dataset.episodes.len(), fingerprint(&dataset.episodes));
    let start = if args.resume {
        let begun = train::saved_data(out)?;
        if !begun.ends_with(&learned) {
            let expected = format!("the data that {} was begun with, {begun}", out.display());
            return Err(InputError::unexpected("--data", expected, learned).into());
        }
        Start::Resume
    } else {
        let shape = ChunkShape::new(settings.horizons, dataset.spec.observation.size(), dataset.spec.action.size());
        settings.network.check(&shape, "settings")?;
        let data = data.file_name().map_or_else(|| data.display().to_string(), |n| n.to_string_lossy().into_owned());
        let data = format!("{data}: {learned}");
        Start::Fresh(Fresh { spec: dataset.spec.clone(), normalizers: source.normalizers()?, data })
    };
    let _folder = if args.resume { None } else { Some(Place::folder(out)?) };
    output.note(format!(
        "{}: {} episodes, {} windows; {} steps of {}",
        dataset.spec.task,
        dataset.episodes.len(),
        source.len(),
        settings.steps,
        settings.method
    ));
    let pool = load::pool(&args.common)?;
    let mut watch = Training {
        output,
        progress: output.progress(settings.steps, "train"),
        task,
        pool: &pool,
        episodes: args.evaluation_episodes as usize,
        seed: settings.seed,
    };
    let outcome = train::train(&settings, &pool, device, start, &source, out, &mut watch)?;
    watch.progress.finish();
    if outcome.interrupted {
        return Err(Failure::Run(format!("interrupted at step {}; go on with --resume", outcome.step)));
    }
    output.say(format!("checkpoint in {}", out.display()));
    let mut result = json!({
        "steps": outcome.step, "loss": outcome.metrics.as_ref().map(|m| m.loss), "seed": settings.seed,
        "wall_s": begun.elapsed().as_secs_f64(),
    });
    if let Some(evaluation) = &outcome.evaluation {
        let solved = (evaluation.success_rate * evaluation.episodes as f64).round() as usize;
        let ci95 = wilson95(solved, evaluation.episodes as usize);
        let episodes = evaluation.episodes;
        output.say(format!("generator alone: {} of {episodes} held-out episodes", percent(evaluation.success_rate)));
        result["success_rate"] = evaluation.success_rate.into();
        result["success_ci95"] = json!(ci95);
        result["episodes"] = episodes.into();
    }
    output.result(&result)
}

/// The settings, from defaults, file, words and flags; of a resumed run those it was begun with.
fn resolve(args: &TrainArgs) -> Result<TrainSettings> {
    let defaults = match (&args.out, args.resume) {
        (Some(out), true) => train::saved_settings(out)?,
        _ => TrainSettings { evaluate_every: 5000, ..TrainSettings::default() },
    };
    let mut settings = settings::load(&defaults, args.settings.config.as_deref(), &args.settings.set)?;
    if !args.resume {
        settings.method = args.method.clone();
    }
    if let Some(seed) = args.seed {
        settings.seed = seed;
    }
    settings.check()?;
    Ok(settings)
}

/// Prints settings as a file that --config takes.
pub fn print_settings(settings: &impl serde::Serialize) -> Result<()> {
    let text = settings::to_toml(settings)?;
    print!("{text}");
    Ok(())
}

/// The dataset in `folder`, or its first `episodes`.
pub fn read(folder: &Path, episodes: Option<u32>) -> Result<Dataset> {
    if folder.join("model.safetensors").exists() && !folder.join("meta").exists() {
        return Err(InputError::unexpected(folder.display(), "the folder of a dataset", "that of a checkpoint").into());
    }
    let mut dataset = imle_data::read(folder)?;
    if let Some(wanted) = episodes {
        let wanted = wanted as usize;
        if wanted > dataset.episodes.len() {
            let expected = format!("at most the {} of {}", dataset.episodes.len(), folder.display());
            return Err(InputError::unexpected("--episodes", expected, wanted).into());
        }
        dataset.episodes.truncate(wanted);
    }
    Ok(dataset)
}

/// The task to evaluate in, if evaluation is wanted; checked against the data.
fn task(args: &TrainArgs, dataset: &Dataset) -> Result<Option<Arc<Task>>> {
    if args.evaluation_episodes == 0 {
        return Ok(None);
    }
    let place = args.data.as_ref().map_or(String::new(), |d| d.display().to_string());
    let named = args.task.as_deref().unwrap_or(&dataset.spec.task);
    if args.task.is_none() && embedded::task(named).is_none() {
        return Err(Failure::Input(format!(
            "{place}: task `{named}` is not built in; name its file with --task, or train without evaluation with \
             --evaluation-episodes 0"
        )));
    }
    let task = load::task_in(named, &args.world)?;
    dataset.spec.check_matches(task.spec(), &place)?;
    Ok(Some(task))
}

struct Training<'a> {
    output: Output,
    progress: Progress,
    task: Option<Arc<Task>>,
    pool: &'a rayon::ThreadPool,
    episodes: usize,
    seed: u64,
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
