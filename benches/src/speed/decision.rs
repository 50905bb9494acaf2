//! `planner bench decision`: the time of one decision in the course of real episodes, and of its parts; against the
//! bare physics of the same candidates, by a thread pool over `mj_step` in C, and the generator's time; where the task
//! is one of judo's, also predictive sampling at judo's sizes, against judo.

use super::args::{BenchArgs, Loaded};
use super::judo::{self, Judo};
use super::physics::Bare;
use crate::case::{Case, Turns, median, median_and_noise, report};
use crate::observed::Observed;
use imle_cli::failure::{Failure, Result};
use imle_configs::score::Score;
use imle_configs::spec::Horizons;
use imle_envs::rollout::RolloutEngine;
use imle_planner::decide::Situation;
use imle_planner::evaluation::{evaluate, report::percentiles};
use imle_planner::optimizer::PredictiveSampling;
use imle_planner::planner::Planner;
use imle_planner::proposal::{Generator, Noise, Proposal, Warm};
use imle_planner::rollout::{Candidates, Simulator};
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

/// Times of every decision and of its parts, ms.
#[derive(Default)]
struct PartTimes {
    whole: Vec<f64>,
    generating: Vec<f64>,
    simulating: Vec<f64>,
}

/// Measures.
pub fn run(args: &BenchArgs) -> Result<()> {
    let loaded = args.load()?;
    let engine = Arc::new(RolloutEngine::new(loaded.task.clone(), loaded.threads)?);
    let candidates = args.candidates.unwrap_or(32).max(2) as usize;
    let generator = || Generator::new(loaded.sampler.clone(), args.seed);
    let case = Measured { args, loaded: &loaded, engine: &engine, horizons: loaded.horizons, candidates };
    let mut cases = vec![case.measure(Box::new(generator()), Some(generator()), None)?];
    if let (true, Some(steps)) = (args.peers, judo::steps(args.task())) {
        let bounds = loaded.task.action_bounds().clone();
        let noise = Noise { seed: args.seed, scale: 0.1, knots: judo::KNOTS, bounds };
        let horizons = Horizons { prediction: steps, action: 1, ..loaded.horizons };
        let case = Measured { horizons, candidates: judo::CANDIDATES, ..case };
        let judo = Judo::new(args.task(), args.common.output())?;
        cases.push(case.measure(Box::new(noise), None, Some(judo))?);
    }
    report(&args.common, args.seed, args.repeats, &cases)
}

/// Setup of one case.
struct Measured<'a> {
    args: &'a BenchArgs,
    loaded: &'a Loaded,
    engine: &'a Arc<RolloutEngine>,
    horizons: Horizons,
    candidates: usize,
}

impl Measured<'_> {
    /// Predictive sampling from `proposal` and the last plan.
    fn measure(
        &self,
        proposal: Box<dyn Proposal>,
        generator: Option<Generator>,
        mut judo: Option<Judo>,
    ) -> Result<Case> {
        let (Loaded { task, pool, threads, .. }, horizons, candidates) = (self.loaded, self.horizons, self.candidates);
        let name = format!("decision {} {} N = {candidates}", self.args.task(), proposal.name());
        let sources: Vec<Box<dyn Proposal>> = vec![proposal, Box::new(Warm)];
        let optimizer = Box::new(PredictiveSampling);
        let mut planner = Planner::new(Box::new(self.engine.clone()), sources, optimizer, horizons, candidates)?;
        let mut bare = self.args.peers.then(|| Bare::new(task, *threads)).transpose()?;
        let (mut drawn, mut scores, mut times) = (Vec::new(), Vec::new(), PartTimes::default());
        // The parts of each decision are timed again on the same inputs.
        let look = |planner: &Planner, pool: &rayon::ThreadPool, s: &Situation<'_>, ms| {
            times.whole.push(ms);
            let n = planner.candidates() - 1;
            drawn.resize(n * s.warm.len(), 0.0);
            let begun = Instant::now();
            if let Some(generator) = &generator {
                generator.propose(pool, s, n, &mut drawn)?;
            }
            times.generating.push(begun.elapsed().as_secs_f64() * 1e3);
            let (chunks, last) = planner.last();
            scores.resize(last.len(), Score::default());
            let (keys, states, steps) = (s.keys, s.states, horizons.prediction);
            let again = Candidates { keys, states, chunks, steps, executed: steps, ..Candidates::default() };
            let begun = Instant::now();
            self.engine.rollout(pool, again, &mut scores)?;
            times.simulating.push(begun.elapsed().as_secs_f64() * 1e3);
            let failed = |e: Failure| imle_envs::Error::Simulation(e.line());
            if let Some(bare) = &mut bare {
                bare.measure(states, chunks, (scores.len(), steps)).map_err(failed)?;
            }
            if let Some(judo) = &mut judo {
                judo.measure().map_err(failed)?;
            }
            Ok(())
        };
        let mut observed = Observed { decider: &mut planner, look };
        evaluate(task, &mut observed, &self.args.episodes(horizons), pool, &mut ())?;
        let PartTimes { whole, generating, simulating } = times;
        let every_second = |first: usize| whole.iter().skip(first).step_by(2).copied().collect();
        let (ours, noise) = median_and_noise(every_second(0), every_second(1));
        let bare_and_generator = bare.as_ref().map(|bare| {
            let both = bare.ms.iter().zip(&generating).map(|(a, b)| a + b).collect();
            ("bare_physics_and_generator", median(both))
        });
        let judo = judo.map(|judo| ("judo", median(judo.ms)));
        let turns = Turns { ours, noise, peers: bare_and_generator.into_iter().chain(judo).collect() };
        let physics_steps = candidates * horizons.prediction * task.planning_substeps();
        let (decisions, all, generating) = (whole.len(), percentiles(whole), percentiles(generating));
        let more = json!({
            "candidates": candidates, "decisions": decisions, "horizon": horizons.prediction,
            "timestep_s": task.planning_model().opt().timestep, "p50_ms": all.p50, "p95_ms": all.p95,
            "generator_p50_ms": generating.p50, "generator_p95_ms": generating.p95,
            "physics_p50_ms": median(simulating), "physics_steps": physics_steps,
            "bare_physics_p50_ms": bare.map(|bare| median(bare.ms)),
        });
        Ok(Case { name, unit: "ms", rate: false, turns, more })
    }
}
