//! `planner bench rollout`: physics steps a second of batch rollouts, against the `mujoco` Python package.
//!
//! Both roll the same raw controls, each held for a control step, out from the same state of the same planning
//! model on the same number of threads. Ours also evaluates the task's cost; theirs also stores every state.

use super::peers::{MUJOCO, Peer, Scratch, python};
use super::{Case, median_and_noise, report};
use crate::cli::BenchArgs;
use crate::failure::{Failure, Result};
use crate::load;
use imle_configs::score::Score;
use imle_configs::seed::{Purpose, fill_normal, stream};
use imle_envs::native::Simulation;
use imle_envs::rollout::RolloutEngine;
use imle_envs::task::Task;
use imle_envs::world::World;
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

const PEER: &str = include_str!("../../../benches/peers/rollout.py");
/// Control steps of a rollout: the default T_pred.
const STEPS: usize = 16;

/// Measures.
pub fn run(args: &BenchArgs) -> Result<()> {
    let task = Arc::new(Task::load_with_raw_actions(args.task())?);
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

    let folder = Scratch::new()?;
    let mut peer = None;
    let mut same = None;
    if args.peers {
        write_inputs(&task, &folder.0, &state, &chunks, substeps)?;
        let arguments = ["model.mjb".to_string(), threads.to_string(), (STEPS * substeps).to_string()];
        let (started, final_qpos) = Peer::start(&python(&MUJOCO, args.common.output())?, PEER, &folder.0, &arguments)?;
        same = Some(final_difference(&task, &state, &chunks, &final_qpos)?);
        peer = Some(started);
    }
    let mut scores = vec![Score::default(); candidates];
    let mut ours = || -> Result<f64> {
        let begun = Instant::now();
        engine.run(&pool, &state, &chunks, STEPS, STEPS, &mut scores)?;
        Ok(work / begun.elapsed().as_secs_f64())
    };
    ours()?;
    let (mut first, mut second, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..args.repeats {
        first.push(ours()?);
        if let Some(peer) = &mut peer {
            theirs.push(work / peer.measure(candidates)?);
        }
        second.push(ours()?);
    }
    let failed = scores.iter().filter(|s| s.failed).count();
    let (ours, noise) = median_and_noise(first, second);
    let peers = peer.is_some().then(|| ("mujoco_rollout", super::median(theirs))).into_iter().collect();
    let more = json!({
        "candidates": candidates, "physics_steps": work, "timestep_s": task.planning_model().opt().timestep,
        "threads": threads, "failed": failed, "final_qpos_difference": same,
    });
    report(
        &args.common,
        args.seed,
        args.repeats,
        &[Case {
            name: format!("rollout {}", args.task()),
            unit: "physics steps/s",
            rate: true,
            ours,
            noise,
            peers,
            more,
        }],
    )
}

/// Candidates (N, T, nu) that wander smoothly from the present controls.
fn controls(task: &Task, world: &World, candidates: usize, seed: u64) -> Vec<f32> {
    let (low, high) = task.control().range();
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

fn write_inputs(task: &Task, folder: &std::path::Path, state: &[f64], chunks: &[f32], substeps: usize) -> Result<()> {
    let size = task.spec().action.size();
    let bytes = |values: &mut dyn Iterator<Item = f64>| values.flat_map(f64::to_le_bytes).collect::<Vec<u8>>();
    let held = chunks.chunks_exact(size).flat_map(|row| std::iter::repeat_n(row, substeps).flatten());
    let files =
        [("state.f64", bytes(&mut state.iter().copied())), ("controls.f64", bytes(&mut held.map(|v| f64::from(*v))))];
    for (name, content) in files {
        imle_configs::files::write_atomic(&folder.join(name), |w| w.write_all(&content))?;
    }
    task.planning_model()
        .save_to_file(folder.join("model.mjb"))
        .map_err(|e| Failure::Run(format!("cannot save the model: {e}")))
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
