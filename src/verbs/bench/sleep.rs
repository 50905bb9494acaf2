//! `planner bench sleep`: physics steps a second with bodies at rest asleep in the planning model and awake, and
//! whether the same plans are chosen.
//!
//! Episodes are planned with everything awake; at each decision the same candidates are rolled out both ways, in turn.

use super::{Case, median, median_and_noise, report};
use crate::cli::BenchArgs;
use crate::failure::Result;
use crate::load;
use imle_configs::score::Score;
use imle_configs::seed::Purpose;
use imle_envs::rollout::RolloutEngine;
use imle_envs::task::Task;
use imle_planner::decide::{Decide, Decision, Situation};
use imle_planner::evaluate::{self, evaluate};
use imle_planner::optimizer::{PredictiveSampling, Scored};
use imle_planner::planner::Planner;
use imle_planner::proposal::{Generator, Proposal, Warm};
use imle_planner::simulator::{Candidates, Simulator};
use imle_policy::sampler::Sampler;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// A planner whose candidates are rolled out again both ways.
struct Compared<'a> {
    planner: Planner<'a>,
    awake: &'a RolloutEngine,
    asleep: &'a RolloutEngine,
    steps: usize,
    decisions: usize,
    same: usize,
    /// Greatest difference of a candidate's cost.
    difference: f64,
    /// Greatest loss by a plan chosen with sleeping: its cost awake, less that of the best.
    loss: f64,
    awake_rate: Vec<f64>,
    asleep_rate: Vec<f64>,
}

impl Compared<'_> {
    fn score(
        engine: &RolloutEngine,
        pool: &rayon::ThreadPool,
        candidates: Candidates<'_>,
        rate: &mut Vec<f64>,
        scores: &mut [Score],
    ) -> imle_planner::Result<()> {
        let begun = Instant::now();
        engine.rollout(pool, candidates, scores)?;
        let took = begun.elapsed().as_secs_f64();
        rate.push(scores.iter().map(|s| f64::from(s.physics_steps)).sum::<f64>() / took);
        Ok(())
    }
}

impl Decide for Compared<'_> {
    fn sources(&self) -> Vec<&'static str> {
        self.planner.sources()
    }

    fn decide(
        &mut self,
        pool: &rayon::ThreadPool,
        s: &Situation<'_>,
        chunks: &mut [f32],
        how: &mut [Decision],
    ) -> imle_planner::Result<()> {
        self.planner.decide(pool, s, chunks, how)?;
        let (drawn, scores) = self.planner.last();
        let candidates =
            Candidates { keys: s.keys, states: s.states, chunks: drawn, steps: self.steps, executed: self.steps };
        let (mut awake, mut asleep) = (scores.to_vec(), scores.to_vec());
        // In turn, so that neither always has the warmer caches.
        let awake_first = self.decisions.is_multiple_of(2);
        for is_awake in [awake_first, !awake_first] {
            if is_awake {
                Self::score(self.awake, pool, candidates, &mut self.awake_rate, &mut awake)?;
            } else {
                Self::score(self.asleep, pool, candidates, &mut self.asleep_rate, &mut asleep)?;
            }
        }
        // What was not offered cannot be chosen here either.
        for (i, _) in scores.iter().enumerate().filter(|(_, s)| s.cost.is_infinite()) {
            awake[i].failed = true;
            asleep[i].failed = true;
        }
        let choose = |scores: &[Score]| Scored { scores, warm: None }.best();
        let chosen = (choose(&awake), choose(&asleep));
        self.decisions += 1;
        self.same += usize::from(chosen.0 == chosen.1);
        if let (Some(best), Some(other)) = chosen {
            self.loss = self.loss.max(awake[other].cost - awake[best].cost);
        }
        for (a, b) in awake.iter().zip(&asleep).filter(|(a, b)| !a.failed && !b.failed) {
            self.difference = self.difference.max((a.cost - b.cost).abs());
        }
        Ok(())
    }
}

/// Measures.
pub fn run(args: &BenchArgs) -> Result<()> {
    let task = load::task_in(args.task(), &args.world)?;
    let with_sleep = |sleep| -> Result<Arc<Task>> { Ok(Arc::new(Task::load(args.task())?.with_planning_sleep(sleep))) };
    let (task, checkpoint) = load::checkpoint(args.checkpoint.as_deref(), task)?;
    let threads = args.common.threads();
    let pool = load::pool(&args.common)?;
    let sampler = Sampler::new(&checkpoint, threads, tch::Device::Cpu)?;
    let awake = RolloutEngine::new(with_sleep(false)?, threads)?;
    let asleep = RolloutEngine::new(with_sleep(true)?, threads)?;
    let horizons = task.horizons(checkpoint.config().horizons);
    let candidates = args.candidates.unwrap_or(32) as usize;
    let sources: Vec<Box<dyn Proposal + '_>> = vec![Box::new(Generator::new(&sampler, args.seed)), Box::new(Warm)];
    let mut compared = Compared {
        planner: Planner::new(Box::new(&awake), sources, Box::new(PredictiveSampling), horizons, candidates)?,
        awake: &awake,
        asleep: &asleep,
        steps: horizons.prediction,
        decisions: 0,
        same: 0,
        difference: 0.0,
        loss: 0.0,
        awake_rate: Vec::new(),
        asleep_rate: Vec::new(),
    };
    let settings = evaluate::Settings {
        purpose: Purpose::Bench,
        lockstep: 1,
        ..evaluate::Settings::held_out(args.repeats as usize, args.seed, horizons)
    };
    evaluate(&task, &mut compared, &settings, &pool, &mut ())?;
    let half = |rates: &[f64], skip: usize| rates.iter().skip(skip).step_by(2).copied().collect();
    let (awake_rate, noise) = median_and_noise(half(&compared.awake_rate, 0), half(&compared.awake_rate, 1));
    let asleep_rate = median(compared.asleep_rate);
    let more = json!({
        "sleeping": asleep_rate, "sleeping_ratio": asleep_rate / awake_rate, "decisions": compared.decisions,
        "same_plan": compared.same as f64 / compared.decisions.max(1) as f64, "largest_cost_difference": compared.difference,
        "largest_loss": compared.loss, "candidates": candidates, "threads": threads,
        "timestep_s": task.planning_model().opt().timestep,
    });
    report(
        &args.common,
        args.seed,
        args.repeats,
        &[Case {
            name: format!("awake {}", args.task()),
            unit: "physics steps/s",
            rate: true,
            ours: awake_rate,
            noise,
            peers: BTreeMap::new(),
            more,
        }],
    )
}
