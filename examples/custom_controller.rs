//! A controller of one's own: a MuJoCo state in, controls out, with a plan every three control steps.
//! Run it with `cargo run --release --example custom_controller`.

use planner::optimizer::CmaEs;
use planner::seed::Purpose;
use planner::{Controller, Policy, Task, World};
use std::sync::Arc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let task = Arc::new(Task::load("cylinder_push")?); // or your own TOML file
    let policy = Policy::pretrained(task.name())?; // or Policy::load(folder, device)
    let mut mpc = Controller::builder(task.clone()).policy(policy).optimizer(CmaEs::default()).build()?;
    let mut robot = World::new(task.clone())?; // yours: a robot and an estimate of its state
    robot.reset(4, Purpose::Reset, 0)?;
    let mut state = vec![0.0; mpc.state_size()];
    while !robot.done() {
        robot.get_state(&mut state)?;
        mpc.observe(&task.observe(&state)?)?; // once a control step
        if robot.steps() % 3 == 0 {
            mpc.plan(&state)?; // when you like
        }
        let controls = task.controls(mpc.next_action(), &state)?; // what your motors get
        println!("step {}: controls {controls:.2?}", robot.steps());
        robot.step(mpc.next_action());
    }
    println!("solved: {}, after {} control steps", robot.success(), robot.steps());
    Ok(())
}
