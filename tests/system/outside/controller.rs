use planner::{Controller, Policy, Task, optimizer::Cem};
use std::sync::Arc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let task = Arc::new(Task::load("cylinder_push")?);
    let policy = Policy::pretrained(&*task)?;
    let mut mpc = Controller::builder(task.clone()).policy(policy).optimizer(Cem::default()).build()?;
    for (step, line) in std::io::stdin().lines().enumerate() {
        let state = line?.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        mpc.observe(&task.observe(&state)?)?;
        if step % 3 == 0 {
            mpc.plan(&state)?;
        }
        println!("{:?}", task.controls(mpc.next_action(), &state)?);
    }
    Ok(())
}
