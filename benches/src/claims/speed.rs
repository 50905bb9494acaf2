//! Speed of this machine at learning and acting: measured for seconds, so that trainings can take equal time and the
//! sweep can estimate its cost.

use super::contender;
use super::work::{TrainingRecipe, Work};
use crate::case::median;
use imle_cli::args::controller::ControllerArgs;
use imle_cli::controller::held_out;
use imle_cli::failure::{Failure, Result};
use imle_cli::sweep::{crc, remembered};
use imle_policy::checkpoint::Checkpoint;
use imle_policy::policy::Policy;
use imle_policy::sampler::{LatentKey, Sampler};
use imle_policy::targets::DemonstrationChunks;
use imle_policy::train::{FreshStart, TrainSettings, Trainer};
use serde_json::{Map, Value, json};
use std::time::Instant;

/// Rounds in which each method has its turn.
const ROUNDS: usize = 3;
/// A turn ends after so many steps or seconds.
const TURN_STEPS: usize = 40;
const TURN_SECONDS: f64 = 1.0;
/// Episodes timed for the estimate of an evaluation, and decisions for that of a draw, with one candidate and with
/// several.
const EPISODES: u32 = 8;
const DECISIONS: usize = 16;
const SEVERAL: usize = 16;

/// Steps a second of every method of the sweep on one task and network, and the time of a draw by each sampler.
pub struct Speeds(Value);

impl Speeds {
    /// Optimizer steps a second.
    ///
    /// # Errors
    /// If the method was not timed.
    pub fn steps(&self, method: &str) -> Result<f64> {
        let rate = self.0["steps_per_second"][method].as_f64().filter(|r| *r > 0.0);
        rate.ok_or_else(|| Failure::Run(format!("the speed of `{method}` was not measured")))
    }

    /// Seconds of an episode in which so many candidates are drawn a decision by this sampler.
    pub fn episode(&self, sampler: &str, candidates: usize) -> f64 {
        let of = |key: &str| self.0[key].as_f64().unwrap_or(0.0);
        // What was timed before episodes shared passes has none.
        let together = self.0["together_s"][sampler].as_f64().filter(|_| candidates == 1);
        of("episode_s") + of("decisions") * together.unwrap_or_else(|| self.draw(sampler, candidates))
    }

    /// Seconds to draw so many candidates for one of many decisions by this sampler.
    pub fn draw(&self, sampler: &str, candidates: usize) -> f64 {
        let of = |key: &str| self.0[key][sampler].as_f64().unwrap_or(0.0);
        if candidates == 1 { of("one_s") } else { of("several_s") * candidates.div_ceil(SEVERAL) as f64 }
    }
}

/// As many steps of `method` as fit into the time of `steps` of IMLE.
pub fn equal_time(work: &Work<'_>, task: &str, method: &str, steps: u64) -> Result<u64> {
    let speeds = of(work, task, &[], method)?;
    Ok(((steps as f64 * speeds.steps(method)? / speeds.steps("imle")?).round() as u64).max(1))
}

/// A generator that has not learned anything yet: as fast as one that has.
///
/// # Errors
/// Bad settings.
pub fn untrained(work: &Work<'_>, recipe: &TrainingRecipe) -> Result<Checkpoint> {
    let settings = work.settings(recipe)?;
    Ok(trainer(work, recipe, &settings)?.0.checkpoint()?)
}

fn trainer(
    work: &Work<'_>,
    recipe: &TrainingRecipe,
    settings: &TrainSettings,
) -> Result<(Trainer, DemonstrationChunks)> {
    let dataset = work.subject(&recipe.task)?.first(recipe.demonstrations);
    let source = DemonstrationChunks::new(&dataset.spec, settings.horizons, &dataset.episodes)?;
    let fresh =
        FreshStart { spec: dataset.spec, normalizers: source.fit_normalizers(settings.residual)?, data: String::new() };
    Ok((Trainer::fresh(settings, &fresh, work.device)?, source))
}

/// The speeds on `task` with the settings `words`: those of IMLE and the sweep's methods in turn in one run, and with
/// words that of `method` alone.
///
/// # Errors
/// Bad settings; what training, sampling and evaluation return.
pub fn of(work: &Work<'_>, task: &str, words: &[String], method: &str) -> Result<Speeds> {
    let methods = match words.is_empty() {
        false => vec![method.to_string()],
        true => {
            let mut methods = vec!["imle".to_string()];
            for method in work.args.methods.iter().map(String::as_str).chain([method]) {
                if !methods.iter().any(|m| m == method) {
                    methods.push(method.into());
                }
            }
            methods
        }
    };
    let (threads, device) = (work.pool.current_num_threads(), format!("{:?}", work.device));
    let of = json!(["draws", task, words, methods, work.base_fingerprint()?, threads, device]);
    let path = work.args.work.join("speeds").join(format!("{}.json", crc(&of)));
    let mut speeds = remembered(&path, &of, || measure(work, task, words, &methods))?;
    if !words.is_empty() {
        // The task's physics do not depend on the network.
        let Speeds(plain) = self::of(work, task, &[], method)?;
        for key in ["episode_s", "decisions"] {
            speeds[key] = plain[key].clone();
        }
    }
    Ok(Speeds(speeds))
}

fn measure(work: &Work<'_>, task: &str, words: &[String], methods: &[String]) -> Result<Value> {
    work.output.note(format!("{task}: timing {} {}", methods.join(", "), words.join(" ")));
    let subject = work.subject(task)?;
    let recipe = |method: &str| TrainingRecipe {
        task: task.into(),
        method: method.into(),
        demonstrations: subject.demos,
        seed: 0,
        steps: work.base.steps,
        words: words.to_vec(),
    };
    let mut trainers = Vec::new();
    for method in methods {
        let recipe = recipe(method);
        trainers.push(trainer(work, &recipe, &work.settings(&recipe)?)?);
    }
    let mut rates = vec![Vec::new(); methods.len()];
    // The first round warms up.
    for round in 0..=ROUNDS {
        for ((trainer, source), rates) in trainers.iter_mut().zip(&mut rates) {
            let begun = Instant::now();
            let mut steps = 0;
            while steps < TURN_STEPS && begun.elapsed().as_secs_f64() < TURN_SECONDS {
                trainer.step(source, &work.pool)?;
                steps += 1;
            }
            if round > 0 {
                rates.push(steps as f64 / begun.elapsed().as_secs_f64());
            }
        }
    }
    let rates = methods.iter().zip(rates).map(|(m, r)| (m.clone(), Value::from(median(r))));
    let (mut one, mut several, mut together) = (Map::new(), Map::new(), Map::new());
    for method in methods {
        let contender = contender::of(method)?;
        let checkpoint = untrained(work, &recipe(method))?;
        let tried = if words.is_empty() { contender.tried() } else { Vec::new() };
        for sampled in contender.samplers.iter().copied().chain(tried) {
            let checkpoint = sampled.of(checkpoint.clone())?;
            one.insert(sampled.name.into(), of_draw(work, &checkpoint, Draw::Candidates(1))?.into());
            several.insert(sampled.name.into(), of_draw(work, &checkpoint, Draw::Candidates(SEVERAL))?.into());
            together.insert(sampled.name.into(), of_draw(work, &checkpoint, Draw::Together)?.into());
        }
    }
    let mut speeds = json!({
        "steps_per_second": Map::from_iter(rates), "one_s": one, "several_s": several, "together_s": together,
    });
    if let (Some(task), true) = (&subject.task, words.is_empty()) {
        let first = &methods[0];
        let sampled = contender::of(first)?.samplers[0];
        let checkpoint = sampled.of(untrained(work, &recipe(first))?)?;
        let sampler = Policy::with_threads(&checkpoint, work.pool.current_num_threads(), work.device)?;
        let begun = Instant::now();
        let alone = ControllerArgs::of("none", "first", 1);
        let report = held_out::run(task, &sampler, &alone, EPISODES, work.args.seed, &work.pool, work.output)?;
        let each = begun.elapsed().as_secs_f64() / f64::from(EPISODES);
        let decisions = report.decisions as f64 / f64::from(EPISODES);
        let drawing = decisions * speeds["together_s"][sampled.name].as_f64().unwrap_or(0.0);
        speeds["episode_s"] = (each - drawing).max(0.0).into();
        speeds["decisions"] = decisions.into();
    }
    Ok(speeds)
}

/// Draw for one of many decisions.
#[derive(Clone, Copy)]
enum Draw {
    /// So many candidates of its own.
    Candidates(usize),
    /// One, beside those of other episodes in lock-step.
    Together,
}

/// Seconds to draw for one of many decisions.
fn of_draw(work: &Work<'_>, checkpoint: &Checkpoint, how: Draw) -> Result<f64> {
    let candidates = match how {
        Draw::Candidates(count) => count,
        Draw::Together => 1,
    };
    let sampler = Sampler::new(checkpoint, work.pool.current_num_threads(), work.device)?;
    let observations = vec![0.0; DECISIONS * sampler.shape().observation];
    let mut out = vec![0.0; DECISIONS * candidates * sampler.shape().chunk()];
    let keys: [LatentKey; DECISIONS] =
        std::array::from_fn(|episode| LatentKey { episode: episode as u64, ..LatentKey::default() });
    let mut draw = || -> Result<f64> {
        let begun = Instant::now();
        match how {
            Draw::Together => sampler.sample_lockstep(&work.pool, &observations, &keys, &mut out)?,
            Draw::Candidates(_) => sampler.sample(&work.pool, &observations, &keys, candidates, &mut out)?,
        }
        Ok(begun.elapsed().as_secs_f64() / DECISIONS as f64)
    };
    draw()?;
    draw()
}
