//! `planner bench collect`: physics steps a second of collecting episodes, with a policy that does nothing and with the
//! generator, against a thread pool over `mj_step` in C.
//!
//! All episodes begin in the same state of the world's model. With the null policy every action holds still, so that
//! the peer, which holds the controls, does the same physics; ours also observes, scores, and keeps what is learned
//! from.

use super::args::{BenchArgs, Loaded};
use super::peers::{Peers, ScratchFolder, in_turns};
use super::physics::{self, Of, POOL};
use crate::case::{Case, report};
use imle_cli::failure::Result;
use imle_configs::seed::Purpose;
use imle_configs::spec::Horizons;
use imle_envs::task::Task;
use imle_envs::world::World;
use imle_planner::decide::{Decide, Decision, Situation};
use imle_planner::evaluation::{EvaluationSettings, Start, evaluate};
use imle_planner::policy_controller::PolicyController;
use serde_json::json;
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
    let Loaded { task, sampler, horizons, pool, threads } = args.load()?;
    let episodes = args.candidates.unwrap_or(64) as usize;
    let (start, ctrl) = begun(&task, horizons, args.seed)?;
    let collection = Collection {
        task: &task,
        pool,
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
    let mut peers = Peers::new();
    if args.peers {
        physics::save_model(&task, Of::World, &folder.0)?;
        let held = std::iter::repeat_n(&ctrl, episodes * steps).flatten().copied();
        physics::write_inputs(&folder.0, &start.state, held)?;
        peers.push(("mj_step_pool", physics::start(POOL, &folder.0, threads, steps)?.0));
    }
    let still = |_| -> Result<f64> {
        let of = collection.measure(&mut Still)?;
        Ok((of.control_steps * substeps) as f64 / of.seconds)
    };
    still(0)?;
    let turns = in_turns(args.repeats, still, &mut peers, "", |seconds| (episodes * steps) as f64 / seconds)?;
    let real = collection.measure(&mut PolicyController::new(sampler, args.seed, horizons))?;
    let more = json!({
        "episodes": episodes, "timestep_s": task.compiled_model().opt().timestep, "threads": threads,
        "generator_physics_steps_per_s": (real.control_steps * substeps) as f64 / real.seconds,
        "generator_control_steps_per_s": real.control_steps as f64 / real.seconds,
        "generator_share_deciding": real.deciding_s / real.seconds,
    });
    let case = Case { name: format!("collect {}", args.task()), unit: "physics steps/s", rate: true, turns, more };
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
