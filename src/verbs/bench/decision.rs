//! `planner bench decision`: the time of one decision in the course of real episodes, and of its parts.

use super::{Case, median, median_and_noise, report};
use crate::cli::BenchArgs;
use crate::failure::Result;
use crate::load;
use imle_configs::score::Score;
use imle_configs::seed::Purpose;
use imle_envs::rollout::RolloutEngine;
use imle_planner::decide::{Decide, Decision, Situation};
use imle_planner::evaluate::{self, evaluate};
use imle_planner::optimizer::PredictiveSampling;
use imle_planner::planner::Planner;
use imle_planner::proposal::{Generator, Proposal, Warm};
use imle_planner::report::percentiles;
use imle_planner::simulator::{Candidates, Simulator};
use imle_policy::sampler::Sampler;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Instant;

/// A planner whose decisions are timed, and whose parts are then timed again on the same inputs.
struct Timed<'a> {
    planner: Planner<'a>,
    generator: Generator<'a>,
    engine: &'a RolloutEngine,
    steps: usize,
    drawn: Vec<f32>,
    scores: Vec<Score>,
    whole: Vec<f64>,
    generating: Vec<f64>,
    simulating: Vec<f64>,
}

impl Decide for Timed<'_> {
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
        let ms = |begun: Instant| begun.elapsed().as_secs_f64() * 1e3;
        let begun = Instant::now();
        self.planner.decide(pool, s, chunks, how)?;
        self.whole.push(ms(begun));
        let n = self.planner.candidates() - 1;
        self.drawn.resize(n * chunks.len(), 0.0);
        let begun = Instant::now();
        self.generator.propose(pool, s, n, &mut self.drawn)?;
        self.generating.push(ms(begun));
        let (candidates, scores) = self.planner.last();
        self.scores.resize(scores.len(), Score::default());
        let candidates = Candidates {
            keys: s.keys,
            states: s.states,
            chunks: candidates,
            steps: self.steps,
            executed: self.steps,
            ..Candidates::default()
        };
        let begun = Instant::now();
        self.engine.rollout(pool, candidates, &mut self.scores)?;
        self.simulating.push(ms(begun));
        Ok(())
    }
}

/// Measures.
pub fn run(args: &BenchArgs) -> Result<()> {
    let task = load::task_in(args.task(), &args.world)?;
    let (task, checkpoint) = load::checkpoint(args.checkpoint.as_deref(), task)?;
    let threads = args.common.threads();
    let pool = load::pool(&args.common)?;
    let sampler = Sampler::new(&checkpoint, threads, tch::Device::Cpu)?;
    let engine = RolloutEngine::new(task.clone(), threads)?;
    let horizons = task.horizons(checkpoint.config().horizons);
    let candidates = args.candidates.unwrap_or(32).max(2) as usize;
    let sources: Vec<Box<dyn Proposal + '_>> = vec![Box::new(Generator::new(&sampler, args.seed)), Box::new(Warm)];
    let mut timed = Timed {
        planner: Planner::new(Box::new(&engine), sources, Box::new(PredictiveSampling), horizons, candidates)?,
        generator: Generator::new(&sampler, args.seed),
        engine: &engine,
        steps: horizons.prediction,
        drawn: Vec::new(),
        scores: Vec::new(),
        whole: Vec::new(),
        generating: Vec::new(),
        simulating: Vec::new(),
    };
    let settings = evaluate::Settings {
        purpose: Purpose::Bench,
        lockstep: 1,
        ..evaluate::Settings::held_out(args.repeats as usize, args.seed, horizons)
    };
    evaluate(&task, &mut timed, &settings, &pool, &mut ())?;
    let all = percentiles(timed.whole.clone());
    let generator = percentiles(timed.generating.clone());
    let odd: Vec<f64> = timed.whole.iter().step_by(2).copied().collect();
    let even: Vec<f64> = timed.whole.iter().skip(1).step_by(2).copied().collect();
    let (ours, noise) = median_and_noise(odd, even);
    let more = json!({
        "candidates": candidates, "decisions": timed.whole.len(), "horizon": horizons.prediction,
        "timestep_s": task.planning_model().opt().timestep, "p50_ms": all.p50, "p95_ms": all.p95,
        "generator_p50_ms": generator.p50, "generator_p95_ms": generator.p95,
        "physics_p50_ms": median(timed.simulating.clone()),
    });
    report(
        &args.common,
        args.seed,
        args.repeats,
        &[Case {
            name: format!("decision {} N = {candidates}", args.task()),
            unit: "ms",
            rate: false,
            ours,
            noise,
            peers: BTreeMap::new(),
            more,
        }],
    )
}
