//! `planner bench rollout`: physics steps a second of batch rollouts, against a thread pool over `mj_step` in C,
//! MuJoCo's own batch and the rollout of the `mujoco` Python package.
//!
//! All roll the same raw controls, each held for a control step, out from the same state of the same planning model on
//! the same number of threads. Ours also evaluates the task's cost; `mujoco.rollout` also stores every state.

use super::args::BenchArgs;
use super::peers::{MUJOCO, Peer, Peers, ScratchFolder, in_turns, python};
use super::physics::{self, Of, POOL};
use crate::case::{Case, report};
use imle_cli::failure::{Failure, Result};
use imle_cli::load;
use imle_configs::score::Score;
use imle_configs::seed::{Purpose, fill_normal, stream};
use imle_envs::mujoco::simulation::Simulation;
use imle_envs::rollout::RolloutEngine;
use imle_envs::task::Task;
use imle_envs::world::World;
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

const PEER: &str = include_str!("../../peers/rollout.py");
/// Control steps of a rollout: the default T_pred.
const STEPS: usize = 16;

/// Measures.
pub fn run(args: &BenchArgs) -> Result<()> {
    // Asleep, bodies would differ between the peers: what sleeps is no part of a state, and the batch refuses it.
    let task = Arc::new(load::with_raw_actions(args.task())?.with_planning_sleep(false));
    let candidates = args.candidates.unwrap_or(64) as usize;
    let threads = args.common.threads();
    let pool = load::pool(&args.common)?;
    let engine = RolloutEngine::new(task.clone(), threads)?;
    let mut world = World::new(task.clone())?;
    world.reset(args.seed, Purpose::Bench, 0)?;
    let mut state = vec![0.0; world.state_size()];
    world.get_state(&mut state)?;
    let chunks = controls(&task, &world, candidates, args.seed);
    let substeps = task.planning_substeps();
    let work = (candidates * STEPS * substeps) as f64;

    let folder = ScratchFolder::new()?;
    let mut peers = Peers::new();
    let mut same = None;
    if args.peers {
        physics::save_model(&task, Of::Planner, &folder.0)?;
        let held = chunks.chunks_exact(task.spec().action.size()).flat_map(|row| std::iter::repeat_n(row, substeps));
        physics::write_inputs(&folder.0, &state, held.flatten().map(|v| f64::from(*v)))?;
        let steps = STEPS * substeps;
        let arguments = [physics::MODEL.to_string(), threads.to_string(), steps.to_string()];
        let package = python(&MUJOCO, args.common.output())?;
        let (package, final_qpos) = Peer::python(&package, PEER, &folder.0, &arguments)?;
        let (pool, of_pool) = physics::start(POOL, &folder.0, threads, steps)?;
        let (batch, of_batch) = physics::start("batch", &folder.0, threads, steps)?;
        let differences = [final_qpos, of_pool, of_batch].map(|qpos| final_difference(&task, &state, &chunks, &qpos));
        same = Some(differences.into_iter().collect::<Result<Vec<f64>>>()?.into_iter().fold(0.0, f64::max));
        peers = vec![("mj_step_pool", pool), ("mujoco_batch", batch), ("mujoco_rollout", package)];
    }
    let mut scores = vec![Score::default(); candidates];
    let mut ours = |_| -> Result<f64> {
        let begun = Instant::now();
        engine.run(&pool, &state, &chunks, STEPS, STEPS, &mut scores)?;
        Ok(work / begun.elapsed().as_secs_f64())
    };
    ours(0)?;
    let turns = in_turns(args.repeats, ours, &mut peers, "", |seconds| work / seconds)?;
    let failed = scores.iter().filter(|s| s.failed).count();
    let more = json!({
        "candidates": candidates, "physics_steps": work, "timestep_s": task.planning_model().opt().timestep,
        "threads": threads, "failed": failed, "final_qpos_difference": same,
    });
    let case = Case { name: format!("rollout {}", args.task()), unit: "physics steps/s", rate: true, turns, more };
    report(&args.common, args.seed, args.repeats, &[case])
}

/// Candidates (N, T, nu) that wander smoothly from the present controls.
fn controls(task: &Task, world: &World, candidates: usize, seed: u64) -> Vec<f32> {
    let (low, high) = task.action_bounds().range();
    let size = low.len();
    let mut hold = vec![0.0; size];
    world.hold(&mut hold);
    let mut chunks = Vec::with_capacity(candidates * STEPS * size);
    let mut draw = vec![0.0; size];
    for n in 0..candidates {
        let mut rng = stream(seed, Purpose::Bench, 1, 0, n as u64);
        let mut at = hold.clone();
        for _ in 0..STEPS {
            fill_normal(&mut rng, &mut draw);
            for d in 0..size {
                at[d] = (at[d] + 0.01 * (high[d] - low[d]) * draw[d]).clamp(low[d], high[d]);
            }
            chunks.extend_from_slice(&at);
        }
    }
    chunks
}

/// Largest difference between the peer's final positions of the first candidate and ours.
fn final_difference(task: &Task, state: &[f64], chunks: &[f32], theirs: &str) -> Result<f64> {
    let theirs: Vec<f64> =
        serde_json::from_str(theirs).map_err(|e| Failure::Run(format!("the peer said {theirs}: {e}")))?;
    let failed = |e: String| Failure::Run(format!("the simulation failed: {e}"));
    let mut sim = Simulation::new(task.planning_model().clone()).map_err(failed)?;
    let mut control = task.control().clone();
    sim.set_state(state).map_err(failed)?;
    for action in chunks.chunks_exact(task.spec().action.size()).take(STEPS) {
        control.execute(&mut sim, action, task.planning_substeps()).map_err(failed)?;
    }
    Ok(sim.data().qpos().iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max))
}
