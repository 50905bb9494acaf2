//! Speed of this machine at learning and acting: measured for seconds, so that trainings can take equal time and the
//! sweep can estimate its cost.

use super::contender;
use super::work::{TrainingRecipe, Work};
use crate::case::median;
use crate::publish::distinct;
use imle_cli::args::controller::ControllerArgs;
use imle_cli::controller::held_out;
use imle_cli::failure::{Failure, Result};
use imle_policy::checkpoint::Checkpoint;
use imle_policy::policy::Policy;
use imle_policy::sampler::{LatentKey, Sampler};
use imle_policy::targets::DemonstrationChunks;
use imle_policy::train::{FreshStart, Trainer};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
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

/// A figure of every method or sampler, by name.
type Named = BTreeMap<String, f64>;

/// Speed of every method of the sweep on one task and network, and of each of its samplers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Speeds {
    /// Optimizer steps a second, by method.
    steps_per_second: Named,
    /// Seconds to draw for one of many decisions, by sampler: one candidate, several, and one beside those of other
    /// episodes in lock-step. What was timed before episodes shared passes has none of the last.
    one_s: Named,
    several_s: Named,
    together_s: Named,
    /// Seconds of an episode without drawing, and its decisions; 0 where the task cannot be run.
    episode_s: f64,
    decisions: f64,
}

impl Speeds {
    /// Optimizer steps a second.
    ///
    /// # Errors
    /// If the method was not timed.
    pub fn steps(&self, method: &str) -> Result<f64> {
        let rate = self.steps_per_second.get(method).copied().filter(|r| *r > 0.0);
        rate.ok_or_else(|| Failure::Run(format!("the speed of `{method}` was not measured")))
    }

    /// Seconds of an episode in which so many candidates are drawn a decision by this sampler.
    pub fn episode(&self, sampler: &str, candidates: usize) -> f64 {
        let together = self.together_s.get(sampler).copied().filter(|_| candidates == 1);
        self.episode_s + self.decisions * together.unwrap_or_else(|| self.draw(sampler, candidates))
    }

    /// Seconds to draw so many candidates for one of many decisions by this sampler.
    pub fn draw(&self, sampler: &str, candidates: usize) -> f64 {
        let of = |speeds: &Named| speeds.get(sampler).copied().unwrap_or(0.0);
        if candidates == 1 { of(&self.one_s) } else { of(&self.several_s) * candidates.div_ceil(SEVERAL) as f64 }
    }
}

/// As many steps of `method` as fit into the time of a training of IMLE.
pub fn equal_time(work: &Work<'_>, task: &str, method: &str) -> Result<u64> {
    let speeds = of(work, task, &[], method)?;
    Ok(((work.base.steps as f64 * speeds.steps(method)? / speeds.steps("imle")?).round() as u64).max(1))
}

/// A generator that has not learned anything yet: as fast as one that has.
///
/// # Errors
/// Bad settings.
pub fn untrained(work: &Work<'_>, recipe: &TrainingRecipe) -> Result<Checkpoint> {
    Ok(trainer(work, recipe)?.0.checkpoint()?)
}

fn trainer(work: &Work<'_>, recipe: &TrainingRecipe) -> Result<(Trainer, DemonstrationChunks)> {
    let settings = work.settings(recipe)?;
    let dataset = work.subject(&recipe.task)?.first(recipe.demonstrations);
    let source = DemonstrationChunks::new(&dataset.spec, settings.horizons, &dataset.episodes)?;
    let fresh = FreshStart {
        spec: dataset.spec,
        normalizers: source.fit_normalizers(settings.chunk_frame, settings.spread())?,
        estimator: None,
        data: String::new(),
    };
    Ok((Trainer::fresh(&settings, &fresh, work.device)?, source))
}

/// The speeds on `task` with the settings `words`: those of IMLE and the sweep's methods in turn in one run, and with
/// words that of `method` alone.
///
/// # Errors
/// Bad settings; what training, sampling and evaluation return.
pub fn of(work: &Work<'_>, task: &str, words: &[String], method: &str) -> Result<Speeds> {
    let listed = ["imle"].into_iter().chain(work.args.methods.iter().map(String::as_str)).chain([method]);
    let methods = if words.is_empty() { distinct(listed) } else { vec![method] };
    let (threads, device) = (work.pool.current_num_threads(), format!("{:?}", work.device));
    let of = json!(["draws", task, words, methods, work.base_fingerprint()?, threads, device]);
    let speeds: Speeds = work.remembered("speeds", &of, || measure(work, task, words, &methods))?;
    if words.is_empty() {
        return Ok(speeds);
    }
    // The task's physics do not depend on the network.
    let Speeds { episode_s, decisions, .. } = self::of(work, task, &[], method)?;
    Ok(Speeds { episode_s, decisions, ..speeds })
}

fn measure(work: &Work<'_>, task: &str, words: &[String], methods: &[&str]) -> Result<Speeds> {
    work.output.note(format!("{task}: timing {} {}", methods.join(", "), words.join(" ")));
    let recipe = |method: &&str| -> Result<TrainingRecipe> {
        Ok(TrainingRecipe { words: words.to_vec(), ..work.recipe(task, method, 0)? })
    };
    let recipes = methods.iter().map(recipe).collect::<Result<Vec<_>>>()?;
    let mut trainers = recipes.iter().map(|recipe| trainer(work, recipe)).collect::<Result<Vec<_>>>()?;
    let mut rates = vec![Vec::new(); methods.len()];
    // The first round warms up.
    for round in 0..=ROUNDS {
        for ((trainer, source), rates) in trainers.iter_mut().zip(&mut rates) {
            let begun = Instant::now();
            let mut steps = 0;
            while steps < TURN_STEPS && begun.elapsed().as_secs_f64() < TURN_SECONDS {
                trainer.step(source, work.pool)?;
                steps += 1;
            }
            if round > 0 {
                rates.push(steps as f64 / begun.elapsed().as_secs_f64());
            }
        }
    }
    let mut speeds = Speeds::default();
    for (recipe, rates) in recipes.iter().zip(rates) {
        speeds.steps_per_second.insert(recipe.method.clone(), median(rates));
        let (contender, checkpoint) = (contender::of(&recipe.method)?, untrained(work, recipe)?);
        let tried = if words.is_empty() { contender.tried() } else { Vec::new() };
        for sampler in contender.samplers.iter().copied().chain(tried) {
            let seconds = of_draw(work, &contender::sampled(sampler, checkpoint.clone())?)?;
            for (draws, seconds) in
                [&mut speeds.one_s, &mut speeds.several_s, &mut speeds.together_s].into_iter().zip(seconds)
            {
                draws.insert(sampler.into(), seconds);
            }
        }
    }
    if let (Some(task), true) = (&work.subject(task)?.task, words.is_empty()) {
        let sampler = contender::of(methods[0])?.samplers[0];
        let checkpoint = contender::sampled(sampler, untrained(work, &recipes[0])?)?;
        let policy = Policy::with_threads(&checkpoint, work.pool.current_num_threads(), work.device)?;
        let begun = Instant::now();
        let alone = ControllerArgs::of("none", "first", 1);
        let report = held_out::run(task, &policy, &alone, EPISODES, work.args.seed, work.pool, work.output)?;
        let each = begun.elapsed().as_secs_f64() / f64::from(EPISODES);
        speeds.decisions = report.decisions as f64 / f64::from(EPISODES);
        speeds.episode_s = (each - speeds.decisions * speeds.together_s[sampler]).max(0.0);
    }
    Ok(speeds)
}

/// Seconds to draw for one of many decisions with `checkpoint`: one candidate, [`SEVERAL`], and one in lock-step.
fn of_draw(work: &Work<'_>, checkpoint: &Checkpoint) -> Result<[f64; 3]> {
    let sampler = Sampler::new(checkpoint, work.pool.current_num_threads(), work.device)?;
    let observations = vec![0.0; DECISIONS * sampler.shape().observation];
    let keys: [LatentKey; DECISIONS] =
        std::array::from_fn(|episode| LatentKey { episode: episode as u64, ..LatentKey::default() });
    let draw = |candidates: usize, lockstep: bool| -> Result<f64> {
        let mut out = vec![0.0; DECISIONS * candidates * sampler.shape().chunk()];
        let mut seconds = 0.0;
        // The first draw warms up.
        for _ in 0..2 {
            let begun = Instant::now();
            match lockstep {
                true => sampler.sample_lockstep(work.pool, &observations, &keys, &mut out)?,
                false => sampler.sample(work.pool, &observations, &keys, candidates, &mut out)?,
            }
            seconds = begun.elapsed().as_secs_f64() / DECISIONS as f64;
        }
        Ok(seconds)
    };
    Ok([draw(1, false)?, draw(SEVERAL, false)?, draw(1, true)?])
}
