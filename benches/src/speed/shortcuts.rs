//! `planner bench shortcuts`: what cheaper rollouts save, and whether the same plans are chosen.
//!
//! Episodes are planned with whole rollouts, everything awake; at each decision the same candidates are rolled out in
//! every way, in turn.

use super::args::BenchArgs;
use crate::case::{Case, median, report};
use imle_cli::failure::{Failure, Result};
use imle_cli::load;
use imle_configs::score::Score;
use imle_configs::seed::Purpose;
use imle_envs::rollout::RolloutEngine;
use imle_envs::task::Task;
use imle_planner::decide::{Decide, Decision, Situation};
use imle_planner::evaluation::{EvaluationSettings, evaluate};
use imle_planner::optimizer::{PredictiveSampling, Scored};
use imle_planner::planner::Planner;
use imle_planner::proposal::{Generator, Proposal, Warm};
use imle_planner::rollout::halving::Halving;
use imle_planner::rollout::staged::{self, Staged};
use imle_planner::rollout::{Candidates, Simulator};
use imle_policy::policy::Policy;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Candidates rolled out in one of the ways.
struct Way {
    name: &'static str,
    simulator: Box<dyn Simulator>,
    scores: Vec<Score>,
    ms: Vec<f64>,
    physics_steps: u64,
    /// Decisions in which the same plan is chosen as with whole rollouts.
    same: usize,
    /// By how much what is chosen costs more, as a share of the best cost: greatest, and sum.
    largest_loss: f64,
    loss: f64,
}

impl Way {
    fn new(name: &'static str, simulator: Box<dyn Simulator>) -> Self {
        Self {
            name,
            simulator,
            scores: Vec::new(),
            ms: Vec::new(),
            physics_steps: 0,
            same: 0,
            largest_loss: 0.0,
            loss: 0.0,
        }
    }
}

/// A planner whose candidates are rolled out again in all ways; the first is whole.
struct Compared {
    planner: Planner,
    ways: Vec<Way>,
    steps: usize,
    executed: usize,
    decisions: usize,
}

impl Decide for Compared {
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
        let offered: Vec<bool> = scores.iter().map(|s| s.cost.is_finite()).collect();
        let candidates = Candidates {
            keys: s.keys,
            states: s.states,
            chunks: drawn,
            steps: self.steps,
            executed: self.executed,
            offered: &offered,
            ..Candidates::default()
        };
        let count = self.ways.len();
        // In turn, so that none always has the warmer caches.
        for i in 0..count {
            let way = &mut self.ways[(i + self.decisions) % count];
            way.scores.resize(scores.len(), Score::default());
            let begun = Instant::now();
            way.simulator.rollout(pool, candidates, &mut way.scores)?;
            way.ms.push(begun.elapsed().as_secs_f64() * 1e3);
            way.physics_steps += way.scores.iter().map(|s| u64::from(s.physics_steps)).sum::<u64>();
            // What was not offered cannot be chosen here either.
            let idle = way.scores.iter_mut().zip(&offered).filter(|(_, offered)| !**offered);
            idle.for_each(|(own, _)| own.failed = true);
        }
        self.decisions += 1;
        let best = |scores: &[Score]| Scored { scores, warm: None }.best();
        let Some(right) = best(&self.ways[0].scores) else { return Ok(()) };
        let whole: Vec<f64> = self.ways[0].scores.iter().map(|s| s.cost).collect();
        for way in &mut self.ways {
            let chosen = best(&way.scores).unwrap_or(right);
            let loss = (whole[chosen] - whole[right]) / whole[right].abs().max(1e-9);
            way.same += usize::from(chosen == right);
            way.largest_loss = way.largest_loss.max(loss);
            way.loss += loss;
        }
        Ok(())
    }
}

/// Measures.
pub fn run(args: &BenchArgs) -> Result<()> {
    let task = load::task_in(args.task(), &args.world)?;
    let (task, checkpoint) = load::checkpoint(args.checkpoint.as_deref(), task)?;
    let threads = args.common.threads();
    let pool = load::pool(&args.common)?;
    let sampler = Policy::with_threads(&checkpoint, threads, tch::Device::Cpu)?;
    let awake = Task::load(args.task())?.with_planning_sleep(false);
    let engine =
        |task: Task| -> Result<Arc<RolloutEngine>> { Ok(Arc::new(RolloutEngine::new(Arc::new(task), threads)?)) };
    let asleep = engine(awake.clone().with_planning_sleep(true))?;
    let coarse = imle_planner::controller::coarse(&awake).map_err(Failure::from).and_then(engine);
    let whole = engine(awake)?;
    let staged =
        |abort, enough| Box::new(Staged::new(Box::new(whole.clone()), staged::StagedSettings { abort, enough }));
    let mut ways = vec![
        Way::new("whole", Box::new(whole.clone())),
        Way::new("sleep", Box::new(asleep)),
        Way::new("abort", staged(true, None)),
        Way::new("halving", Box::new(Halving::new(Box::new(whole.clone())))),
        Way::new("budget auto", staged(false, Some(imle_planner::controller::ENOUGH))),
        Way::new("whole, again", Box::new(whole.clone())),
    ];
    match coarse {
        Ok(coarse) => ways.push(Way::new("coarse", Box::new(coarse))),
        Err(Failure::Input(message)) => args.common.output().note(format!("left out: {message}")),
        Err(other) => return Err(other),
    }
    let horizons = task.horizons(checkpoint.config().horizons);
    let candidates = args.candidates.unwrap_or(32) as usize;
    let sources: Vec<Box<dyn Proposal>> = vec![Box::new(Generator::new(sampler.clone(), args.seed)), Box::new(Warm)];
    let mut compared = Compared {
        planner: Planner::new(Box::new(whole.clone()), sources, Box::new(PredictiveSampling), horizons, candidates)?,
        ways,
        steps: horizons.prediction,
        executed: horizons.action,
        decisions: 0,
    };
    let settings = EvaluationSettings {
        purpose: Purpose::Bench,
        lockstep: 1,
        ..EvaluationSettings::held_out(args.repeats as usize, args.seed, horizons)
    };
    evaluate(&task, &mut compared, &settings, &pool, &mut ())?;
    let decisions = compared.decisions.max(1) as f64;
    let plain = median(compared.ways[0].ms.clone());
    let steps = compared.ways[0].physics_steps as f64;
    let again = compared.ways.iter().find(|w| w.name == "whole, again").map_or(plain, |w| median(w.ms.clone()));
    let shown = compared.ways.iter().skip(1).filter(|w| w.name != "whole, again");
    let cases: Vec<Case> = shown
        .map(|way| Case {
            name: format!("{} {}", way.name, args.task()),
            unit: "ms of rollouts a decision",
            rate: false,
            ours: median(way.ms.clone()),
            noise: (plain - again).abs() / plain,
            peers: BTreeMap::from([("whole", plain)]),
            more: json!({
                "physics_share": way.physics_steps as f64 / steps, "same_plan": way.same as f64 / decisions,
                "mean_loss": way.loss / decisions, "largest_loss": way.largest_loss, "decisions": compared.decisions,
                "candidates": candidates, "threads": threads,
            }),
        })
        .collect();
    report(&args.common, args.seed, args.repeats, &cases)
}
