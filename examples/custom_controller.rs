//! Scored candidates for a controller of your own: a checkpoint and a MuJoCo state in, chunks with costs out.
//! Run it with `cargo run --release --example custom_controller`.

use imle_configs::embedded;
use imle_envs::mujoco::simulation::{Needs, Simulation};
use imle_envs::{rollout::RolloutEngine, task::Task};
use imle_planner::{decide::*, optimizer::PredictiveSampling, planner::Planner, proposal::Generator, threads};
use imle_policy::{checkpoint::Checkpoint, sampler::Sampler};
use std::sync::Arc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let task = Arc::new(Task::load("stack")?);
    let files = embedded::checkpoint("stack").ok_or("no checkpoint is shipped")?;
    let checkpoint = Checkpoint::load_bytes("shipped", &files)?; // or Checkpoint::load(folder)
    let horizons = checkpoint.config().horizons;
    let pool = threads::pool(2)?;
    let sampler = Sampler::new(&checkpoint, 2, tch::Device::Cpu)?;
    let engine = RolloutEngine::new(task.clone(), 2)?;
    let sources = vec![Box::new(Generator::new(&sampler, 0)) as _];
    let mut planner = Planner::new(Box::new(&engine), sources, Box::new(PredictiveSampling), horizons, 32)?;

    // A state of your own: here the home pose with cube A pushed aside.
    let mut sim = Simulation::new(task.compiled_model().clone())?;
    sim.reset(task.reset().keyframe());
    sim.data_mut().qpos_mut()[9] += 0.05;
    sim.refresh(Needs::ALL)?;
    let (mut state, mut seen) = (vec![0.0; sim.state_size()], vec![0.0; task.spec().observation.size()]);
    sim.get_state(&mut state)?;
    task.observation().write(&sim, &mut seen);
    let chunk = horizons.prediction * task.spec().action.size();
    let (seen, warm) = (seen.repeat(horizons.observation), vec![0.0; chunk]);
    let keys = [Key { episode: 0, decision: 0 }];
    let situation = Situation {
        observations: &seen,
        pictures: &[],
        states: &state,
        warm: &warm,
        warm_left: &[0],
        keys: &keys,
        deadline: None,
        lockstep: false,
    };
    let (mut plan, mut how) = (vec![0.0; chunk], [Decision::default()]);
    planner.decide(&pool, &situation, &mut plan, &mut how)?;
    let costs: Vec<f64> = planner.last().1.iter().map(|s| s.cost).collect();
    println!("costs of the candidates: {costs:.3?}\nfirst action of the plan: {:?}", &plan[..6]);
    Ok(())
}
