//! `planner bench collect`: physics steps a second of collecting episodes, with a policy that does nothing and with the
//! generator, against a thread pool over `mj_step` in C.
//!
//! All episodes begin in the same state of the world's model. With the null policy every action holds still, so that
//! the peer, which holds the controls, does the same physics; ours also observes, scores, and keeps what is learned
//! from.

use super::args::BenchArgs;
use super::peers::{Peer, ScratchFolder};
use super::physics::{self, Of, POOL};
use crate::case::{self, Case, median_and_noise, report};
use imle_cli::failure::Result;
use imle_cli::load;
use imle_configs::seed::Purpose;
use imle_configs::spec::Horizons;
use imle_envs::task::Task;
use imle_envs::world::World;
use imle_planner::decide::{Decide, Decision, Situation};
use imle_planner::evaluation::{EvaluationSettings, Start, evaluate};
use imle_planner::policy_controller::PolicyController;
use imle_policy::policy::Policy;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Holds still.
struct Still;

impl Decide for Still {
    fn sources(&self) -> Vec<&'static str> {
        vec!["still"]
    }

    fn decide(
        &mut self,
        _: &rayon::ThreadPool,
        situation: &Situation<'_>,
        chunks: &mut [f32],
        how: &mut [Decision],
    ) -> imle_planner::Result<()> {
        // The action that holds still, as long as no other is chosen.
        chunks.copy_from_slice(situation.warm);
        how.fill(Decision::default());
        Ok(())
    }
}

/// Episodes of one task from one state.
struct Collection<'a> {
    task: &'a Arc<Task>,
    pool: rayon::ThreadPool,
    settings: EvaluationSettings,
}

/// Of one collection.
struct Measured {
    seconds: f64,
    control_steps: usize,
    deciding_s: f64,
}

impl Collection<'_> {
    fn measure(&self, decider: &mut dyn Decide) -> Result<Measured> {
        let begun = Instant::now();
        let outcome = evaluate(self.task, decider, &self.settings, &self.pool, &mut ())?;
        Ok(Measured {
            seconds: begun.elapsed().as_secs_f64(),
            control_steps: outcome.episodes.iter().map(|e| e.steps).sum(),
            deciding_s: outcome.decisions_ms.iter().map(|(ms, _)| ms / 1e3).sum(),
        })
    }
}

/// Measures.
pub fn run(args: &BenchArgs) -> Result<()> {
    let task = load::task_in(args.task(), &args.world)?;
    let (task, checkpoint) = load::checkpoint(args.checkpoint.as_deref(), task)?;
    let horizons = task.horizons(checkpoint.config().horizons);
    let episodes = args.candidates.unwrap_or(64) as usize;
    let threads = args.common.threads();
    let (start, ctrl) = begun(&task, horizons, args.seed)?;
    let collection = Collection {
        task: &task,
        pool: load::pool(&args.common)?,
        settings: EvaluationSettings {
            purpose: Purpose::Bench,
            keep_actions: true,
            starts: Some(vec![start.clone(); episodes].into()),
            ..EvaluationSettings::held_out(episodes, args.seed, horizons)
        },
    };
    let substeps = task.substeps();
    let steps = task.max_steps() * substeps;
    let folder = ScratchFolder::new()?;
    let mut peer: Option<(Peer, Vec<f64>)> = None;
    if args.peers {
        physics::save_model(&task, Of::World, &folder.0)?;
        let held = std::iter::repeat_n(&ctrl, episodes * steps).flatten().copied();
        physics::write_inputs(&folder.0, &start.state, held)?;
        peer = Some((physics::start(POOL, &folder.0, threads, steps)?.0, Vec::new()));
    }
    let still = || -> Result<f64> {
        let of = collection.measure(&mut Still)?;
        Ok((of.control_steps * substeps) as f64 / of.seconds)
    };
    still()?;
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for _ in 0..args.repeats {
        first.push(still()?);
        if let Some((peer, rates)) = &mut peer {
            rates.push((episodes * steps) as f64 / peer.measure("")?);
        }
        second.push(still()?);
    }
    let (ours, noise) = median_and_noise(first, second);
    let sampler = Policy::with_threads(&checkpoint, threads, tch::Device::Cpu)?;
    let real = collection.measure(&mut PolicyController::new(sampler.clone(), args.seed, horizons))?;
    let peers: BTreeMap<_, _> = peer.map(|(_, rates)| ("mj_step_pool", case::median(rates))).into_iter().collect();
    let more = json!({
        "episodes": episodes, "timestep_s": task.compiled_model().opt().timestep, "threads": threads,
        "generator_physics_steps_per_s": (real.control_steps * substeps) as f64 / real.seconds,
        "generator_control_steps_per_s": real.control_steps as f64 / real.seconds,
        "generator_share_deciding": real.deciding_s / real.seconds,
    });
    let name = format!("collect {}", args.task());
    let case = Case { name, unit: "physics steps/s", rate: true, ours, noise, peers, more };
    report(&args.common, args.seed, args.repeats, &[case])
}

/// A start state, and the controls in it.
fn begun(task: &Arc<Task>, horizons: Horizons, seed: u64) -> Result<(Start, Vec<f64>)> {
    let mut world = World::new(task.clone())?;
    world.reset(seed, Purpose::Bench, 0)?;
    let mut state = vec![0.0; world.state_size()];
    world.get_state(&mut state)?;
    let mut seen = vec![0.0; task.spec().observation.size()];
    world.observe(&mut seen);
    let start = Start { state, history: seen.repeat(horizons.observation), steps_left: task.max_steps() };
    Ok((start, world.simulation().data().ctrl().to_vec()))
}
