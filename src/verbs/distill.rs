//! `planner distill`

use crate::cli::DistillArgs;
use crate::controller;
use crate::failure::{Failure, Result};
use crate::output::percent;
use crate::place::Place;
use crate::training::{self, Training};
use crate::verbs::train::{evaluation_task, print_settings, read, resolve};
use crate::watch::Watch;
use crate::{interrupt, load};
use imle_configs::Error as InputError;
use imle_configs::episode::fingerprint;
use imle_envs::task::Task;
use imle_planner::alone::GeneratorAlone;
use imle_planner::evaluate::{self, evaluate};
use imle_planner::report::{Report, percentiles};
use imle_policy::checkpoint::Checkpoint;
use imle_policy::sampler::{LatentKey, Sampler};
use imle_policy::targets::{DemonstrationChunks, teach};
use imle_policy::train;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;

/// Draws of which the latency is taken.
const TIMED: u64 = 50;

/// Turns a teacher into a generator of one pass.
pub fn run(args: &DistillArgs) -> Result<()> {
    let output = args.common.output();
    let begun = Instant::now();
    let method = (!args.resume).then(|| "imle".to_string());
    let mut settings = resolve(&args.settings, args.out.as_deref().filter(|_| args.resume), method, args.seed)?;
    settings.samples = args.samples as usize;
    settings.evaluate_every = 0;
    if args.settings.settings {
        return print_settings(&settings);
    }
    let (Some(teacher), Some(data), Some(out)) = (&args.teacher, &args.data, &args.out) else {
        return Err(Failure::Input("--teacher, --data and --out are needed".into()));
    };
    let dataset = read(data, args.episodes)?;
    let task = evaluation_task(args.evaluation_episodes, args.task.as_deref(), &args.world, &dataset, data)?;
    let place = teacher.display().to_string();
    let teacher = load::checkpoint_in(teacher)?;
    teacher.check_matches(&dataset.spec, &place)?;
    let teacher = controller::resampled(teacher, args.passes, args.solver.as_deref())?;
    settings.horizons = teacher.config().horizons;
    let windows = DemonstrationChunks::new(&dataset.spec, settings.horizons, &dataset.episodes)?;
    let device = load::device(args.device)?;
    let learned = format!(
        "{} samples a state of {} ({}) in {} episodes ({})",
        args.samples,
        teacher.config().method,
        teacher.fingerprint(),
        dataset.episodes.len(),
        fingerprint(&dataset.episodes)
    );
    let start = training::start(out, args.resume, data, &learned, || {
        Ok((dataset.spec.clone(), teacher.config().normalizers.clone()))
    })?;
    let _folder = if args.resume { None } else { Some(Place::folder(out)?) };
    let threads = args.common.threads();
    let pool = load::pool(&args.common)?;

    let mut progress = output.progress(windows.len() as u64, "teach");
    let sampler = Sampler::new(&teacher, threads, device)?;
    let targets = teach(&sampler, &pool, &windows, args.samples as usize, settings.seed, &mut |done| {
        progress.set(done as u64, "states asked");
        !interrupt::asked()
    })?;
    progress.finish();
    let Some(targets) = targets else {
        return Err(Failure::Run("interrupted; nothing was written".into()));
    };
    let mut watch = Training::new(output, &settings, None, &pool, 0);
    let outcome = train::train(&settings, &pool, device, start, &targets, out, &mut watch)?;
    let mut result = training::result(watch, &outcome, out)?;
    for (name, checkpoint) in [("teacher", &teacher), ("student", &Checkpoint::load(out)?)] {
        let sampler = Sampler::new(checkpoint, threads, device)?;
        result[name] = measure(args, task.as_ref(), &sampler, &pool)?;
        if args.evaluation_episodes > 0 {
            let number = |key: &str| result[name][key].as_f64().unwrap_or(f64::NAN);
            output.say(format!(
                "{name} ({}): {} of {} held-out episodes, mode entropy {:.2} nats, a chunk in {:.2} ms",
                checkpoint.config().method,
                percent(number("success_rate")),
                args.evaluation_episodes,
                number("mode_entropy"),
                number("latency_ms")
            ));
        }
    }
    result["wall_s"] = begun.elapsed().as_secs_f64().into();
    output.result(&result)
}

/// Latency of one chunk, and in a task success and modes of the generator alone.
fn measure(args: &DistillArgs, task: Option<&Arc<Task>>, sampler: &Sampler, pool: &rayon::ThreadPool) -> Result<Value> {
    let shape = sampler.shape();
    let (observation, mut chunk) = (vec![0.0; shape.observation], vec![0.0; shape.chunk()]);
    let mut times = Vec::new();
    for step in 0..TIMED {
        let begun = Instant::now();
        sampler.sample(pool, &observation, &[LatentKey { seed: 0, episode: 0, step }], 1, &mut chunk)?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let mut result = json!({ "method": sampler.config().method, "latency_ms": percentiles(times).p50 });
    let Some(task) = task else { return Ok(result) };
    let horizons = task.horizons(sampler.config().horizons);
    let seed = args.seed.unwrap_or_default();
    let mut alone = GeneratorAlone::new(sampler, seed, horizons);
    let settings = evaluate::Settings::held_out(args.evaluation_episodes as usize, seed, horizons);
    let mut watch = Watch::new(args.common.output(), settings.episodes, "evaluate");
    let outcome = evaluate(task, &mut alone, &settings, pool, &mut watch);
    watch.finish();
    let report = Report::new(&outcome?, task.spec().control_rate);
    let report = serde_json::to_value(&report).map_err(|e| InputError::unexpected("report", "JSON", e))?;
    for key in ["success_rate", "success_ci95", "episodes", "modes", "mode_entropy", "mean_cost"] {
        result[key] = report[key].clone();
    }
    Ok(result)
}
