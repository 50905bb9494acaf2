//! The generator as MPPI's prior over dynamics and a cost of your own: no MuJoCo in the loop.
//! Run it with `cargo run --release --example mppi_prior`.
//!
//! The hand of `avoid` is a point that follows its target with a lag. It should pass the rows of obstacles near a line
//! that you choose. The generator, which was shown 24 ways around them, proposes; MPPI weighs by your cost.

use planner::optimizer::Mppi;
use planner::parameterization::ParameterizationKind;
use planner::rollout::{Candidates, Score, Simulator};
use planner::seed::Purpose;
use planner::workers::ThreadPool;
use planner::{Controller, Policy, Task, World};

/// x ← x + 0.3 · (target − x) at every control step. The cost is the distance of x from `line`, and of y from the far
/// side.
struct Point {
    task: Task,
    line: f64,
}

impl Simulator for Point {
    fn state_size(&self) -> usize {
        2
    }

    fn action_range(&self) -> (&[f32], &[f32]) {
        self.task.action_bounds().range()
    }

    fn rollout(&self, _: &ThreadPool, c: Candidates<'_>, out: &mut [Score]) -> planner::Result<()> {
        let (each, far) = (out.len() / (c.states.len() / 2), f64::from(self.action_range().1[1]));
        for (i, score) in out.iter_mut().enumerate() {
            let mut at = [c.states[i / each * 2], c.states[i / each * 2 + 1]];
            let mut cost = 0.0;
            for target in c.chunks[i * c.steps * 2..][..c.steps * 2].chunks(2) {
                at.iter_mut().zip(target).for_each(|(x, t)| *x += 0.3 * (f64::from(*t) - *x));
                cost += (at[0] - self.line).abs() + 0.2 * (far - at[1]).abs();
            }
            *score = Score::of(cost / c.steps as f64);
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let task = Task::load("avoid")?; // for its range, and for what its generator observes
    let mut world = World::new(task.clone().into())?;
    world.reset(0, Purpose::Reset, 0)?;
    let mut observation = vec![0.0; task.spec().observation.size()];
    world.observe(&mut observation);
    let policy = Policy::pretrained("avoid")?;
    for line in [-0.1, 0.05] {
        let mut mpc = Controller::with_simulator(Point { task: task.clone(), line })
            .policy(policy.clone())
            .optimizer(Mppi::default())
            .parameterization(ParameterizationKind::Chunk)
            .candidates(33)
            .build()?;
        mpc.observe(&observation)?;
        let plan = mpc.plan(&[0.0, -0.28])?; // the hand stands at the start
        let x: Vec<f32> = plan.actions().chunks(2).map(|target| target[0]).collect();
        println!("line {line}: x of the plan {x:.2?}\n  from {:?}, {:?}", plan.source(), plan.quality());
    }
    Ok(())
}
