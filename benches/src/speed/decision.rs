//! `planner bench decision`: the time of one decision in the course of real episodes, and of its parts; against the
//! bare physics of the same candidates, by a thread pool over `mj_step` in C, and the generator's time; where the task
//! is one of judo's, also predictive sampling at judo's sizes, against judo.

use super::args::BenchArgs;
use super::judo::{self, Judo};
use super::physics::Bare;
use crate::case::{Case, median, median_and_noise, report};
use imle_cli::failure::{Failure, Result};
use imle_cli::load;
use imle_configs::score::Score;
use imle_configs::seed::Purpose;
use imle_configs::spec::Horizons;
use imle_envs::rollout::RolloutEngine;
use imle_envs::task::Task;
use imle_planner::decide::{Decide, Decision, Situation};
use imle_planner::evaluation::report::percentiles;
use imle_planner::evaluation::{EvaluationSettings, evaluate};
use imle_planner::optimizer::PredictiveSampling;
use imle_planner::planner::Planner;
use imle_planner::proposal::{Generator, Noise, Proposal, Warm};
use imle_planner::rollout::{Candidates, Simulator};
use imle_policy::policy::Policy;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// A planner whose decisions are timed, and whose parts are then timed again on the same inputs.
struct Timed<'a> {
    planner: Planner,
    /// The generator that is drawn from again, if it is among the proposals.
    generator: Option<Generator>,
    engine: &'a Arc<RolloutEngine>,
    steps: usize,
    drawn: Vec<f32>,
    scores: Vec<Score>,
    whole: Vec<f64>,
    generating: Vec<f64>,
    simulating: Vec<f64>,
    bare: Option<Bare>,
    judo: Option<Judo>,
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
        if let Some(generator) = &self.generator {
            generator.propose(pool, s, n, &mut self.drawn)?;
        }
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
        let failed = |e: Failure| imle_envs::Error::Simulation(e.line());
        if let Some(bare) = &mut self.bare {
            bare.measure(s.states, candidates.chunks, (self.scores.len(), self.steps)).map_err(failed)?;
        }
        if let Some(judo) = &mut self.judo {
            judo.measure().map_err(failed)?;
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
    let engine = Arc::new(RolloutEngine::new(task.clone(), threads)?);
    let horizons = task.horizons(checkpoint.config().horizons);
    let candidates = args.candidates.unwrap_or(32).max(2) as usize;
    let generator = || Generator::new(sampler.clone(), args.seed);
    let case = Measured { args, task: &task, engine: &engine, pool: &pool, horizons, candidates };
    let mut cases = vec![case.measure(Box::new(generator()), Some(generator()), None)?];
    if let (true, Some(steps)) = (args.peers, judo::steps(args.task())) {
        let noise = Noise { seed: args.seed, scale: 0.1, knots: judo::KNOTS, bounds: task.action_bounds().clone() };
        let horizons = Horizons { prediction: steps, action: 1, ..horizons };
        let case = Measured { horizons, candidates: judo::CANDIDATES, ..case };
        let judo = Judo::new(args.task(), args.common.output())?;
        cases.push(case.measure(Box::new(noise), None, Some(judo))?);
    }
    report(&args.common, args.seed, args.repeats, &cases)
}

/// Setup of one case.
struct Measured<'a> {
    args: &'a BenchArgs,
    task: &'a Arc<Task>,
    engine: &'a Arc<RolloutEngine>,
    pool: &'a rayon::ThreadPool,
    horizons: Horizons,
    candidates: usize,
}

impl<'a> Measured<'a> {
    /// Predictive sampling from `proposal` and the last plan.
    fn measure(&self, proposal: Box<dyn Proposal>, generator: Option<Generator>, judo: Option<Judo>) -> Result<Case> {
        let (task, horizons, candidates) = (self.task, self.horizons, self.candidates);
        let name = format!("decision {} {} N = {candidates}", self.args.task(), proposal.name());
        let sources: Vec<Box<dyn Proposal>> = vec![proposal, Box::new(Warm)];
        let optimizer = Box::new(PredictiveSampling);
        let mut timed = Timed {
            planner: Planner::new(Box::new(self.engine.clone()), sources, optimizer, horizons, candidates)?,
            generator,
            engine: self.engine,
            steps: horizons.prediction,
            drawn: Vec::new(),
            scores: Vec::new(),
            whole: Vec::new(),
            generating: Vec::new(),
            simulating: Vec::new(),
            bare: self.args.peers.then(|| Bare::new(task, self.args.common.threads())).transpose()?,
            judo,
        };
        let settings = EvaluationSettings {
            purpose: Purpose::Bench,
            lockstep: 1,
            ..EvaluationSettings::held_out(self.args.repeats as usize, self.args.seed, horizons)
        };
        evaluate(task, &mut timed, &settings, self.pool, &mut ())?;
        let all = percentiles(timed.whole.clone());
        let generating = percentiles(timed.generating.clone());
        let odd: Vec<f64> = timed.whole.iter().step_by(2).copied().collect();
        let even: Vec<f64> = timed.whole.iter().skip(1).step_by(2).copied().collect();
        let (ours, noise) = median_and_noise(odd, even);
        let bare = timed.bare.iter().map(|bare| {
            let both = bare.ms.iter().zip(&timed.generating).map(|(a, b)| a + b).collect();
            ("bare_physics_and_generator", median(both))
        });
        let judo = timed.judo.iter().map(|judo| ("judo", median(judo.ms.clone())));
        let peers: BTreeMap<_, _> = bare.chain(judo).collect();
        let physics_steps = candidates * horizons.prediction * task.planning_substeps();
        let more = json!({
            "candidates": candidates, "decisions": timed.whole.len(), "horizon": horizons.prediction,
            "timestep_s": task.planning_model().opt().timestep, "p50_ms": all.p50, "p95_ms": all.p95,
            "generator_p50_ms": generating.p50, "generator_p95_ms": generating.p95,
            "physics_p50_ms": median(timed.simulating.clone()), "physics_steps": physics_steps,
            "bare_physics_p50_ms": timed.bare.as_ref().map(|bare| median(bare.ms.clone())),
        });
        Ok(Case { name, unit: "ms", rate: false, ours, noise, peers, more })
    }
}
