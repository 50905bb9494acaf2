//! A controller that is stepped from outside, at a rate of its own.
//! Run it with `cargo run --release --example own_rate`.
//!
//! Your loop owns the robot and the clock, here a simulated `cylinder_push`. Every 3 control steps it hands the present state
//! over and gets a chunk; between, it plays the chunk's actions. The plan under way is handed back as the warm start.

use imle_configs::{embedded, seed::Purpose};
use imle_envs::{rollout::RolloutEngine, task::Task, world::World};
use imle_planner::space::{Range, by_name};
use imle_planner::{decide::*, optimizer, planner::Planner, proposal, threads, warm};
use imle_policy::{checkpoint::Checkpoint, sampler::Sampler};
use std::sync::Arc;

const EVERY: usize = 3;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let task = Arc::new(Task::load("cylinder_push")?);
    let files = embedded::checkpoint("cylinder_push").ok_or("no checkpoint is shipped")?;
    let checkpoint = Checkpoint::load_bytes("shipped", &files)?;
    let horizons = imle_configs::spec::Horizons { action: EVERY, ..checkpoint.config().horizons };
    let (pool, sampler) = (threads::pool(2)?, Sampler::new(&checkpoint, 2, tch::Device::Cpu)?);
    let engine = RolloutEngine::new(task.clone(), 2)?;
    let (low, high) = task.action_bounds().range();
    let sources = vec![Box::new(proposal::Generator::new(&sampler, 0)) as _, Box::new(proposal::Warm) as _];
    let optimizer = optimizer::by_name("cma-es", optimizer::Settings::default())?;
    let space = by_name("linear", Range::new(low, high), horizons.prediction, 4)?;
    let mut planner = Planner::new(Box::new(&engine), sources, optimizer, horizons, 32)?.searching(space, 0);

    // What follows is yours: a robot, a clock, an estimate of the state.
    let mut robot = World::new(task.clone())?;
    robot.reset(4, Purpose::Reset, 0)?;
    let size = task.spec().action.size();
    let mut seen = vec![0.0; task.spec().observation.size()];
    robot.observe(&mut seen);
    let mut history = seen.repeat(horizons.observation);
    let mut hold = vec![0.0; size];
    robot.hold(&mut hold);
    let (mut plan, mut last) = (hold.repeat(horizons.prediction), vec![0.0; horizons.prediction * size]);
    let (mut state, mut how) = (vec![0.0; robot.state_size()], [Decision::default()]);
    let (mut decision, mut left) = (0, 0);
    while !robot.done() {
        robot.get_state(&mut state)?;
        warm::shift(&plan, if decision == 0 { 0 } else { EVERY }, size, &mut last);
        let keys = [Key { episode: 0, decision }];
        let situation = Situation {
            observations: &history,
            pictures: &[],
            states: &state,
            warm: &last,
            warm_left: &[left],
            keys: &keys,
            deadline: None,
            lockstep: false,
        };
        planner.decide(&pool, &situation, &mut plan, &mut how)?;
        left = horizons.prediction - EVERY;
        decision += 1;
        for action in plan.chunks(size).take(EVERY) {
            if robot.done() {
                break;
            }
            robot.step(action);
            robot.observe(&mut seen);
            history.rotate_left(seen.len());
            let newest = history.len() - seen.len();
            history[newest..].copy_from_slice(&seen);
        }
    }
    println!("solved: {}, after {} control steps and {decision} plans", robot.success(), robot.steps());
    Ok(())
}
